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
