"""What pictures in a terminal are made of: their size, names of one width, pieces in styles, wrapped text."""

from __future__ import annotations

import itertools
import shutil
import textwrap
from collections.abc import Iterable
from typing import NamedTuple

from dense_cli.writers.rich_table import spelling, styled, text_width
from dense_cli.writers.screen import Screen

_LABELS = 24  # columns of names at most


class Size(NamedTuple):
    """Columns and rows of characters."""

    width: int
    height: int


def size_of(screen: Screen) -> Size:
    """Return how large a picture may be: the terminal, less the line of the prompt.

    Where there is none, COLUMNS and LINES say it, or it is 80 by 24.
    """
    terminal = shutil.get_terminal_size()
    return Size(max(screen.width or terminal.columns, 20), max(terminal.lines - 1, 12))


def wrapped(text: str, size: Size) -> list[str]:
    """Return a text in lines that fit."""
    return textwrap.wrap(text, size.width, break_on_hyphens=False)


def label_width(size: Size) -> int:
    """Return how many columns names take at most."""
    return max(min(_LABELS, size.width // 3), 4)


def labels(names: list[str], screen: Screen, size: Size, *, pairs: bool = False) -> tuple[list[str], int]:
    """Return names of one width, on the right, and this width; ``pairs``: two names to a line."""
    spell = spelling(screen)
    most = label_width(size)
    if pairs:
        short = [_cut(spell(name), (most - 3) // 2) for name in names]
        shown = [f"▀{a} ▄{b}" for a, b in itertools.zip_longest(short[::2], short[1::2], fillvalue="")]
    else:
        shown = [_cut(spell(name), most) for name in names]
    room = max(map(text_width, shown), default=0)
    return [" " * (room - text_width(name)) + name for name in shown], room


def _cut(name: str, most: int) -> str:
    if text_width(name) <= most:
        return name
    while name and text_width(name) > most - 1:
        name = name[:-1]
    return name.rstrip() + "."


def styled_line(pieces: Iterable[tuple[str, str]], screen: Screen) -> str:
    """Return pieces of text in their styles; neighbours of one style are one piece."""
    return "".join(
        styled("".join(text for text, _ in group), style, screen)
        for style, group in itertools.groupby(pieces, lambda piece: piece[1])
    )
