"""Which fonts have the characters of a picture.

In: text. Out: names of fonts, Matplotlib's own first, and the characters that none of them has.
"""

from __future__ import annotations

from functools import cache

_FIRST = "DejaVu Sans"  # comes with Matplotlib: pictures without other scripts are the same everywhere


def fonts_for(text: str) -> tuple[list[str], list[str]]:
    """Return fonts that have the characters of a text, and the characters for which there is none."""
    from matplotlib import font_manager

    missing = {c for c in text if not c.isspace()}
    fonts = [_FIRST]
    missing -= _characters(font_manager.findfont(_FIRST), frozenset(missing))
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: (font.name, font.weight != 400)):
        if not missing:
            break
        if font.name.startswith("Last Resort"):  # which has a box for every character
            continue
        found = _characters(font.fname, frozenset(missing))
        if found and font.name not in fonts:
            fonts.append(font.name)
            missing -= found
    return fonts, sorted(missing)


@cache
def _characters(path: str, wanted: frozenset[str]) -> frozenset[str]:
    """Return which of the characters a font has; none of a file that is no font."""
    from matplotlib.ft2font import FT2Font

    try:
        known = FT2Font(path).get_charmap()
    except (OSError, RuntimeError):
        return frozenset()
    return frozenset(c for c in wanted if ord(c) in known)
