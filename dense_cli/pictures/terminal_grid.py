"""Grids in a terminal: cells of colour, or of characters where there are few colours or none.

Where there are more rows than lines, and colours enough, a line holds two rows in half blocks. The chosen
class has a sign in every form: ``●``, in half blocks dots in the upper or the lower half.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.pictures.lines import Size, labels, styled_line, wrapped
from dense_cli.views.pictures import Grid
from dense_cli.writers.rich_table import spelling, text_width
from dense_cli.writers.screen import Screen
from dense_cli.writers.shades import ground

_WIDEST = 8  # columns of a cell at most
_SHADES = " ░▒▓█"
_ASCII_SHADES = " .:*#"
_UPPER, _LOWER = "⠛", "⣤"  # signs in half blocks
_FEW = "bright_blue"  # the colour of shades where there are 16 colours

Piece = tuple[str, str]  # text and its style


def has_halves(screen: Screen) -> bool:
    """Whether the screen can show two colours in one character."""
    return screen.colors in ("truecolor", "256") and screen.unicode


class DrawnGrid(NamedTuple):
    """The parts of a grid: a line for each row or two, and what stands below.

    Attributes:
        names: of the lines, all of one width.
        lines: the cells of each line.
        ticks: the names of the columns.
        legend: what the axes, signs and shades mean.
        wide: columns of characters that a cell takes.
    """

    names: list[str]
    lines: list[list[Piece]]
    ticks: str
    legend: list[str]
    wide: int


def drawn_grid(picture: Grid, screen: Screen, size: Size, lines: int) -> DrawnGrid:
    """Return the parts of a grid, whose cells have room for so many ``lines``."""
    half = len(picture.rows) > lines and has_halves(screen)
    names, room = labels(picture.rows, screen, size, pairs=half)
    columns = len(picture.columns)
    wide = max(min((size.width - room - 1) // max(columns, 1), _WIDEST), 1)
    cells = _Cells(picture, wide, screen)
    drawn = [
        list(
            itertools.chain.from_iterable(
                cells.half(row, c) if half else [cells.full(row, c)] for c in range(columns)
            )
        )
        for row in range(0, len(picture.rows), 2 if half else 1)
    ]
    ticks = _ticks([spelling(screen)(name) for name in picture.columns], wide, size.width - room - 1)
    return DrawnGrid(names, drawn, ticks, _legend(picture, cells, half, screen, size), wide)


def grid_lines(picture: Grid, screen: Screen, size: Size) -> list[str]:
    """Return the lines of a grid, with its axes and what its signs mean."""
    drawn = drawn_grid(picture, screen, size, size.height - 3)
    lines = [
        f"{name} {styled_line(pieces, screen)}".rstrip(" ")
        for name, pieces in zip(drawn.names, drawn.lines, strict=True)
    ]
    room = text_width(drawn.names[0]) if drawn.names else 0
    return [*lines, " " * (room + 1) + drawn.ticks, *drawn.legend]


class _Cells:
    """The cells of a grid, ``wide`` columns each."""

    def __init__(self, picture: Grid, wide: int, screen: Screen) -> None:
        span = picture.most - picture.least
        self.strength: NDArray[np.float64] = np.clip((picture.values - picture.least) / (span or 1.0), 0, 1)
        self.picture = picture
        self.wide = wide
        self.screen = screen
        self.sign = "●" if screen.unicode else "O"
        self.nothing = "·" if screen.unicode else "-"
        digits = len(f"{picture.most:.0f}")
        self.numbered = picture.value == "rows" and wide >= digits + (1 if self.colored else 3)

    @property
    def colored(self) -> bool:
        """Whether the ground of a cell can be coloured; else its characters are shades."""
        return self.screen.colors in ("truecolor", "256")

    def full(self, row: int, column: int) -> Piece:
        """Return a cell of one row."""
        share = float(self.strength[row, column])
        if self.is_padding(column):
            return self.nothing.center(self.wide), "dim"
        if math.isnan(share):
            return "?".center(self.wide), ""
        text = self.sign if self.picture.marks[row, column] else ""
        if self.numbered and self.picture.values[row, column]:
            text += f"{self.picture.values[row, column]:.0f}"
        if self.colored:
            return text.center(self.wide), ground(share, self.screen.colors or "")
        return self.shaded(share, text), _FEW if self.screen.colors else ""

    def shaded(self, share: float, text: str = "") -> str:
        """Return a cell whose shade is a character, with a text in its middle."""
        shades = _SHADES if self.screen.unicode else _ASCII_SHADES
        shade = shades[min(int(share * len(shades)), len(shades) - 1)]
        if self.numbered and text:
            return shade + text.center(self.wide - 2) + shade
        left = (self.wide - len(text)) // 2
        return (shade * left + text).ljust(self.wide, shade)

    def half(self, row: int, column: int) -> list[Piece]:
        """Return a cell of two rows: the upper one is a half block, the lower one the colour behind it."""
        if self.is_padding(column):
            return [(self.nothing.center(self.wide), "dim")]
        if math.isnan(self.strength[row, column]):
            return [("?".center(self.wide), "")]
        upper, lower = self._color(row, column), self._color(row + 1, column)
        block = _block(upper, lower)
        sign = self._half_sign(row, column, upper, lower)
        if sign is None:
            return [(block[0] * self.wide, block[1])]
        left = (self.wide - 1) // 2
        return [(block[0] * left, block[1]), sign, (block[0] * (self.wide - 1 - left), block[1])]

    def _half_sign(self, row: int, column: int, upper: str | None, lower: str | None) -> Piece | None:
        marks = self.picture.marks[row : row + 2, column]
        if not marks.any():
            return None
        own, other = (upper, lower) if marks[0] else (lower, upper)
        sign = _UPPER if marks[0] else _LOWER
        if other is None:
            return sign, own or ""
        white = "#ffffff" if self.screen.colors == "truecolor" else "color(231)"
        return sign, f"{white} on {other}"

    def _color(self, row: int, column: int) -> str | None:
        if row >= len(self.strength):
            return None
        return (
            ground(float(self.strength[row, column]), self.screen.colors or "").rpartition(" on ")[2] or None
        )

    def is_padding(self, column: int) -> bool:
        """Whether a column is padding."""
        return self.picture.padding is not None and bool(self.picture.padding[column])


def _block(upper: str | None, lower: str | None) -> Piece:
    if upper is None:
        return (" ", "") if lower is None else ("▄", lower)
    return "▀", f"{upper} on {lower}" if lower else upper


def _ticks(names: list[str], wide: int, width: int) -> str:
    """Return names below their columns, as many as do not touch each other."""
    line, end = "", -1
    for i, name in enumerate(names):
        room = text_width(name)
        at = i * wide + max((wide - room) // 2, 0)
        if at > end and at + room <= width:
            line += " " * (at - max(end, 0)) + name
            end = at + room
    return line


def _signs(picture: Grid, cells: _Cells, half: bool) -> list[str]:
    """Return the signs that the grid has, each with what it means."""
    signs = []
    if picture.marks.any():
        sign = f"{_UPPER} {_LOWER}" if half else cells.sign
        signs.append(f"{sign} {'right' if picture.y_axis == 'target' else 'chosen class'}")
    if picture.padding is not None:
        signs.append(f"{cells.nothing} padding")
    real = slice(None) if picture.padding is None else ~picture.padding
    if np.isnan(picture.values[:, real]).any():
        signs.append("? NaN")
    return signs


def _legend(picture: Grid, cells: _Cells, half: bool, screen: Screen, size: Size) -> list[str]:
    """Return what the axes, the signs and the shades mean."""
    axes = f"{picture.y_axis} over {picture.x_axis}"
    first = wrapped(spelling(screen)(" · ".join([axes, *_signs(picture, cells, half)])), size)
    if cells.numbered:
        return [*first, *wrapped(f"numbers: {picture.value}", size)]
    parts = []
    key = _Cells(picture, 2, screen)
    for share in (0.1, 0.3, 0.5, 0.7, 0.95) if size.width >= 60 else (0.1, 0.95):
        number = f"{picture.least + share * (picture.most - picture.least):.2g}"
        piece = (
            ("  ", ground(share, screen.colors or ""))
            if key.colored
            else (
                key.shaded(share),
                _FEW if screen.colors else "",
            )
        )
        parts.append(f"{styled_line([piece], screen)} {number}")
    return [*first, f"{picture.value}: {'  '.join(parts)}"]
