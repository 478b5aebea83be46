"""Pictures in a terminal: lines of characters, in as many colours as there are, readable without any.

In: a `Picture` and a `Screen`. Out: lines. The chosen class has a sign, lines have signs of their own, and
where there is no colour, shades are characters.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.views.pictures import Bars, Grid, Lines, Picture, Ranges
from dense_cli.writers.rich_table import spelling, styled, text_width
from dense_cli.writers.screen import Screen
from dense_cli.writers.shades import ground

WIDTH, HEIGHT = 80, 24  # where the screen has none
_LABELS = 24  # columns of names at most
_SHADES = " ░▒▓█"
_ASCII_SHADES = " .:*#"
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_SIGNS = "ox+*#@%&$~"  # of lines


class Size(NamedTuple):
    """Columns and rows of characters."""

    width: int
    height: int


def size_of(screen: Screen, height: int | None = None) -> Size:
    """Return how large a picture may be on a screen, which has ``height`` rows."""
    return Size(max(screen.width or WIDTH, 20), max((height or HEIGHT) - 3, 8))


def draw(picture: Picture, screen: Screen, size: Size) -> list[str]:
    """Return the lines of a picture."""
    spell = spelling(screen)
    body = _DRAWN[type(picture)](picture, screen, size)
    note = [f"… {picture.note}"] if picture.note else []
    return [spell(picture.title), *body, *(line for text in note for line in _wrapped(spell(text), size))]


def _wrapped(text: str, size: Size) -> list[str]:
    return textwrap.wrap(text, size.width, break_on_hyphens=False)


# --- grids ---------------------------------------------------------------------------------------------


def _grid(picture: Grid, screen: Screen, size: Size) -> list[str]:
    names, room = _names(picture.rows, screen, size)
    half = len(picture.rows) > size.height - 2 and screen.colors in ("truecolor", "256") and screen.unicode
    columns = len(picture.columns)
    wide = max(min((size.width - room - 1) // max(columns, 1), 6), 1)
    strength = _strength(picture)
    lines = []
    for i in range(0, len(picture.rows), 2 if half else 1):
        cells = [
            _half_cell(strength, i, c, wide, screen) if half else _cell(picture, strength, i, c, wide, screen)
            for c in range(columns)
        ]
        lines.append(f"{names[i]} {''.join(cells)}".rstrip(" "))
    lines.append(" " * (room + 1) + _ticks(picture.columns, wide, size.width - room - 1))
    return [*lines, *_legend(picture, screen, size)]


def _strength(picture: Grid) -> NDArray[np.float64]:
    """Return the values as shares of the strongest colour; NaN where there is none."""
    span = picture.most - picture.least
    shares: NDArray[np.float64] = (picture.values - picture.least) / (span or 1.0)
    return np.clip(shares, 0, 1)


def _cell(
    picture: Grid, strength: NDArray[np.float64], row: int, column: int, wide: int, screen: Screen
) -> str:
    share = float(strength[row, column])
    marked = bool(picture.marks[row, column])
    if screen.colors is None:
        return _plain_cell(share, marked, wide, screen)
    text = ("●" if screen.unicode else "*").center(wide) if marked else " " * wide
    return styled(text, ground(share, screen.colors), screen)


def _plain_cell(share: float, marked: bool, wide: int, screen: Screen) -> str:
    shades = _SHADES if screen.unicode else _ASCII_SHADES
    shade = "?" if math.isnan(share) else shades[min(int(share * len(shades)), len(shades) - 1)]
    if not marked:
        return shade * wide
    sign = "●" if screen.unicode else "O"
    return (shade * ((wide - 1) // 2) + sign).ljust(wide, shade)


def _half_cell(strength: NDArray[np.float64], row: int, column: int, wide: int, screen: Screen) -> str:
    """Return a cell of two rows: the upper one is a half block, the lower one the colour behind it."""
    assert screen.colors is not None
    upper = _color(float(strength[row, column]), screen.colors)
    lower = _color(float(strength[row + 1, column]), screen.colors) if row + 1 < len(strength) else None
    if upper is None and lower is None:
        return " " * wide
    if upper is None:
        return styled("▄" * wide, str(lower), screen)
    return styled("▀" * wide, f"{upper} on {lower}" if lower else upper, screen)


def _color(share: float, colors: str) -> str | None:
    style = ground(share, colors)
    return style.rpartition(" on ")[2] or None


def _ticks(names: list[str], wide: int, width: int) -> str:
    """Return names below their columns, as many as do not touch each other."""
    line = ""
    for i, name in enumerate(names):
        at = i * wide + max((wide - text_width(name)) // 2, 0)
        if at >= len(line) + (1 if line else 0) and at + text_width(name) <= width:
            line = line.ljust(at) + name
    return line


def _legend(picture: Grid, screen: Screen, size: Size) -> list[str]:
    """Return what the axes, the sign and the shades mean."""
    parts = []
    for share in (0.1, 0.3, 0.5, 0.7, 0.95) if size.width >= 60 else (0.1, 0.95):
        number = f"{picture.least + share * (picture.most - picture.least):.2g}"
        shade = _plain_cell(share, False, 2, screen) if screen.colors is None else "  "
        cell = shade if screen.colors is None else styled(shade, ground(share, screen.colors), screen)
        parts.append(f"{cell} {number}")
    sign = "●" if screen.unicode else ("O" if screen.colors is None else "*")
    marked = "target" if picture.y_axis == "target" else "chosen class"
    gap = " · " if screen.unicode else " - "
    return [
        f"{picture.y_axis} over {picture.x_axis}{gap}{sign} {marked}",
        f"{picture.value}: {'  '.join(parts)}",
    ]


# --- bars and ranges -----------------------------------------------------------------------------------


def _bars(picture: Bars, screen: Screen, size: Size) -> list[str]:
    names, room = _names(picture.names, screen, size)
    whole = (
        all(float(value).is_integer() for value in picture.values if np.isfinite(value)) and picture.most > 1
    )
    numbers = [f"{value:.0f}" if whole else f"{value:.4f}" for value in picture.values.tolist()]
    wide = max(map(len, numbers), default=0)
    length = max(size.width - room - wide - 4, 5)
    lines = []
    for i, (name, number, value) in enumerate(zip(names, numbers, picture.values.tolist(), strict=True)):
        bar = _bar(value / picture.most if np.isfinite(value) else 0.0, length, screen)
        sign = ("●" if screen.unicode else "*") if i == picture.marked else " "
        color = "" if screen.colors is None else _color(0.95, screen.colors) or ""
        lines.append(f"{name} {number.rjust(wide)} {sign}{styled(bar, color, screen)}".rstrip(" "))
    chosen = "" if picture.marked is None else f"{' · ●' if screen.unicode else ' - *'} chosen class"
    return [*lines, f"{picture.axis}, 0 to {picture.most:.4g}{chosen}"]


def _bar(share: float, length: int, screen: Screen) -> str:
    if not screen.unicode:
        return "#" * round(share * length)
    eighths = round(min(max(share, 0.0), 1.0) * length * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _ranges(picture: Ranges, screen: Screen, size: Size) -> list[str]:
    names, room = _names(picture.names, screen, size)
    finite = np.concatenate([picture.low, picture.high])
    finite = finite[np.isfinite(finite)]
    least, most = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    marks = max((len(mark) for mark in picture.marks), default=0)
    length = max(size.width - room - 2 - (marks + 1 if marks else 0), 10)
    place = _placer(least, most, length)
    line, box, middle = ("─", "█", "┃") if screen.unicode else ("-", "=", "|")
    lines = []
    for i, name in enumerate(names):
        cells = [" "] * length
        if np.isfinite(picture.low[i]):
            for at in range(place(picture.low[i]), place(picture.high[i]) + 1):
                cells[at] = line
            mean, deviation = float(picture.mean[i]), float(picture.deviation[i])
            for at in range(
                place(max(mean - deviation, picture.low[i])),
                place(min(mean + deviation, picture.high[i])) + 1,
            ):
                cells[at] = box
            cells[place(mean)] = middle
        lines.append(f"{name} {''.join(cells)} {picture.marks[i]}".rstrip(" "))
    ends = f"{least:.4g}".ljust(length - len(f"{most:.4g}")) + f"{most:.4g}"
    around = "±" if screen.unicode else "+-"
    explained = (
        f"{picture.axis}: {line} minimum to maximum, {box} mean {around} standard deviation, {middle} mean"
    )
    return [*lines, " " * (room + 1) + ends, *_wrapped(explained, size)]


def _placer(least: float, most: float, length: int) -> Callable[[float], int]:
    def place(value: float) -> int:
        share = (value - least) / ((most - least) or 1.0)
        return min(max(round(share * (length - 1)), 0), length - 1)

    return place


# --- lines ---------------------------------------------------------------------------------------------


def _lines(picture: Lines, screen: Screen, size: Size) -> list[str]:
    height = max(min(size.height - 3 - len(picture.lines), 20), 5)
    numbers = [
        f"{picture.most - i * (picture.most - picture.least) / (height - 1):.2f}" for i in range(height)
    ]
    room = max(map(len, numbers))
    length = max(size.width - room - 2, 10)
    first, last = (float(picture.x.min()), float(picture.x.max())) if len(picture.x) else (0.0, 1.0)
    if picture.diagonal:
        first, last = 0.0, 1.0
    across, down = _placer(first, last, length), _placer(picture.most, picture.least, height)
    cells = [[(" ", "")] * length for _ in range(height)]
    if picture.diagonal:
        for at in range(length):
            cells[down(first + at * (last - first) / (length - 1))][at] = ("·" if screen.unicode else ".", "")
    styles = _line_styles(len(picture.lines), screen)
    for (_, values), sign, style in zip(picture.lines, _signs(len(picture.lines)), styles, strict=True):
        for x, value in zip(picture.x.tolist(), values.tolist(), strict=True):
            if math.isfinite(value):
                cells[down(value)][across(x)] = (sign, style)
    bar = "│" if screen.unicode else "|"
    lines = [
        f"{number.rjust(room)} {bar}" + "".join(styled(c, style, screen) for c, style in row).rstrip(" ")
        for number, row in zip(numbers, cells, strict=True)
    ]
    ends = f"{first:g}".ljust(length - len(f"{last:g}")) + f"{last:g}"
    spell = spelling(screen)
    legend = [
        f"{styled(sign, style, screen)} {spell(name)}"
        for (name, _), sign, style in zip(picture.lines, _signs(len(picture.lines)), styles, strict=True)
    ]
    if picture.diagonal:
        legend.append(f"{'·' if screen.unicode else '.'} as sure as right")
    return [*lines, " " * (room + 2) + ends, f"{picture.y_axis} over {picture.x_axis}", *legend]


def _signs(count: int) -> list[str]:
    return [_SIGNS[i % len(_SIGNS)] for i in range(count)]


def _line_styles(count: int, screen: Screen) -> list[str]:
    """Return colours that differ, none of which is near to black or to white."""
    colors = ("#3f78be", "#c0562f", "#3d8b57", "#9a5fb0", "#8a7a1f") if screen.colors == "truecolor" else None
    named = ("blue", "red", "green", "magenta", "cyan")
    if screen.colors is None:
        return [""] * count
    return [(colors or named)[i % 5] for i in range(count)]


# --- names ---------------------------------------------------------------------------------------------


def _names(names: list[str], screen: Screen, size: Size) -> tuple[list[str], int]:
    """Return names of one width, on the right, and this width."""
    spell = spelling(screen)
    most = max(min(_LABELS, size.width // 3), 4)
    shown = [_cut(spell(name), most) for name in names]
    room = max(map(text_width, shown), default=0)
    return [" " * (room - text_width(name)) + name for name in shown], room


@cache
def _cut(name: str, most: int) -> str:
    while text_width(name) > most:
        name = name[:-2].rstrip() + "."
    return name


_DRAWN: dict[type, Callable[..., list[str]]] = {Grid: _grid, Bars: _bars, Lines: _lines, Ranges: _ranges}
