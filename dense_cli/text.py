"""Text from files and the command line, made safe to show on a terminal."""

from __future__ import annotations

import re

# C0 and C1 controls, DEL, line separators, bidirectional marks and overrides, lone surrogates:
# what a terminal would act on instead of showing (Unicode TR #36, "Trojan Source").
_UNSAFE = "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"


def printable(text: str) -> str:
    r"""Return ``text`` with everything a terminal would act on shown as a Python escape.

    >>> print(printable("cat\x1b[31m\n"))
    cat\x1b[31m\n
    """
    if text.isprintable():  # true of most text, and faster than a regular expression to compile
        return text
    return re.sub(_UNSAFE, lambda m: m[0].encode("unicode_escape").decode("ascii"), text)


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


def encodable(text: str) -> str:
    r"""Return ``text`` as UTF-8 can hold it: bytes of a file's name that are not UTF-8 shown escaped.

    >>> print(encodable("x\udcff.npy"))
    x\udcff.npy
    """
    return text.encode("utf-8", "backslashreplace").decode()


def shape_text(shape: tuple[int | None, ...]) -> str:
    """Return a shape, with ``?`` for a size that is not known yet.

    >>> shape_text((None, 3))
    '(?, 3)'
    """
    return "(" + ", ".join("?" if n is None else str(n) for n in shape) + ")"
