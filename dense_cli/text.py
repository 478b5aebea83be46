"""Text from files and the command line, made safe to show on a terminal."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Iterable, Sequence

# What a terminal would act on instead of showing: C0 and C1 controls, DEL, line separators, lone surrogates,
# bidirectional marks and overrides (Unicode TR #36, "Trojan Source"). And what it would not show at all, so
# that two different names look alike, or a name carries hidden text: Unicode's Default_Ignorable_Code_Point
# (soft hyphen, zero-width characters, fillers, variation selectors, tags) and the other format controls. The
# format characters of Arabic numbers and the like (U+0600 to U+0605, U+06DD, …) are visible and stay.
_UNSAFE = (
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_VIRAMA = 9  # the combining class of the signs that take a letter's vowel away
_EMOJI = ("So", "Sm", "Sk")  # the categories of pictures, arrows, tones of skin


def printable(text: str) -> str:
    r"""Return ``text`` with everything a terminal would act on, or not show, as a Python escape.

    >>> print(printable("cat\x1b[31m\n"))
    cat\x1b[31m\n
    >>> print(printable("c\u00adat"), printable("👩\u200d🚀"))
    c\xadat 👩‍🚀
    """
    if text.isascii() and text.isprintable():  # true of most text, and faster than to compile an expression
        return text
    return re.sub(_UNSAFE, _escape, text)


def _escape(match: re.Match[str]) -> str:
    character, at = match[0], match.start()
    before, after = match.string[max(at - 1, 0) : at], match.string[at + 1 : at + 2]
    # What is escaped itself is no neighbour, except for the selector within an emoji: ❤️‍🔥.
    hidden = not before or (before != "\ufe0f" and re.match(_UNSAFE, before))
    if not hidden and _belongs(character, before, after):
        return character
    return character.encode("unicode_escape").decode("ascii")


def _belongs(character: str, before: str, after: str) -> bool:
    """Whether an invisible character changes how its neighbours look: then it is part of them.

    Joiners, by the rules for names of domains (RFC 5892, A.1 and A.2): after a virama, as in Devanagari, and
    the non-joiner between Arabic letters, as Persian has it; besides, the joiner within an emoji (👩‍🚀).
    A variation selector: one, after a symbol, a sign, a digit or an ideograph. Tags never: flags such as that
    of Wales are made of them, but so are whole hidden sentences.
    """
    from unicodedata import bidirectional, category, combining

    if character in "\u200c\u200d":
        if combining(before) == _VIRAMA:
            return True
        if character == "\u200c":
            return bidirectional(before) == "AL" and bidirectional(after or " ") == "AL"
        return (before == "\ufe0f" or category(before) in _EMOJI) and category(after or " ") in _EMOJI
    selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return selector and (category(before)[0] in "SPN" or category(before) == "Lo")


def clip(text: str, most: int = 1200) -> str:
    """Return ``text`` with its middle left out where it is longer than ``most`` characters.

    >>> clip("a name without end", 11)
    'a na … end'
    """
    return text if len(text) <= most else f"{text[: most // 2 - 1]} … {text[len(text) - most // 3 :]}"


def shown(text: str, most: int = 1200) -> str:
    r"""Return ``text`` for a message, a title or a cell: `printable`, and clipped if it has no end.

    >>> print(shown("\x1b]0;a title that is long", 12))
    \x1b] … long
    """
    return clip(printable(clip(text, 4 * most)), most)


def wrapped(text: str, width: int, size: Callable[[str], int] = len) -> list[str]:
    """Return the lines of a text that breaks between words, and within one that is longer than a line.

    Args:
        text: a line; white space at its beginning stays.
        width: of a terminal, in columns; fewer than 20 are taken for 20.
        size: how many columns a text takes.

    >>> wrapped("two words are", 20), wrapped("two words are too many for it", 20)
    (['two words are'], ['two words are too', 'many for it'])
    """
    width = max(width, 20)
    if size(text) <= width:
        return [text]
    lines, line = [], ""
    for gap, word in re.findall(r"(\s*)(\S+)", text):
        if line and size(line + gap + word) > width:
            lines.append(line)
            line, gap = "", ""
        line += gap + word
        while size(line) > width:
            fits = next(n for n in range(len(line), 0, -1) if size(line[:n]) <= width)
            lines.append(line[:fits])
            line = line[fits:]
    return [*lines, line]


def glimpse(value: object) -> str:
    """Return the start of ``repr(value)``, which may be nested without end, for a message.

    >>> glimpse([[[]]] * 1000)
    '[[[]], [[]], [[]], [[]], [[]], [[]], ...]'
    """
    text = repr(value[:40]) if isinstance(value, str) else reprlib.repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def encodable(text: str) -> str:
    r"""Return ``text`` as UTF-8 can hold it: bytes of a file's name that are not UTF-8 shown escaped.

    >>> print(encodable("x\udcff.npy"))
    x\udcff.npy
    """
    return text.encode("utf-8", "backslashreplace").decode()


def shape_text(shape: tuple[int | None, ...]) -> str:
    """Return a shape, with ``?`` for a size that is not known yet.

    >>> shape_text((None, 3)), shape_text((3,))
    ('(?, 3)', '(3,)')
    """
    sizes = ", ".join("?" if n is None else str(n) for n in shape)
    return f"({sizes},)" if len(shape) == 1 else f"({sizes})"


# densecli's own signs, for where they cannot be shown.
_PLAIN = str.maketrans(
    {"…": "...", "→": "->", "·": "-", "−": "-", "‖": "||", "±": "+/-", "×": "x", "÷": "/", "²": "^2"}
)


def in_encoding(text: str, encoding: str) -> str:
    r"""Return text in the characters of an encoding: densecli's own signs spelt out, others as escapes.

    >>> print(in_encoding("1 … 2 → 3", "utf-8"), in_encoding("1 … 2 → ü", "ascii"))
    1 … 2 → 3 1 ... 2 -> \xfc
    """
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    return text


def axis_names(count: int) -> list[str]:
    """Return what the first ``count`` axes of an output are called.

    >>> axis_names(3)
    ['sample', 't', 'axis2']
    """
    return ["sample", "t", *(f"axis{i}" for i in range(2, count))][:count]


def place_text(place: Sequence[int]) -> str:
    """Return a place as messages name it.

    >>> place_text((2, 0))
    'sample 2, t 0'
    """
    return ", ".join(f"{name} {n}" for name, n in zip(axis_names(len(place)), place, strict=True))


def listed(names: Iterable[str], most: int = 12) -> str:
    """Return names for a message, cut where there are many.

    >>> listed(["a", "b"]), listed([]), listed("abc", most=2)
    ('a, b', 'none', 'a, b and 1 more')
    """
    known = [name if len(name) <= 80 else name[:79] + "…" for name in names]
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + more or "none"
