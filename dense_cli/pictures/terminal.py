"""Pictures in a terminal: lines of characters, in as many colours as there are, readable without any.

In: a `Picture` and a `Screen`. Out: lines. The chosen class has a sign, lines have signs of their own, and
where there is no colour, shades are characters.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np

from dense_cli.pictures.lines import Size, label_width, labels, styled_line, wrapped
from dense_cli.pictures.terminal_grid import grid_lines, has_halves
from dense_cli.picturing import Room
from dense_cli.views.pictures import Bars, Grid, Lines, Picture, Ranges
from dense_cli.writers.rich_table import spelling, styled
from dense_cli.writers.screen import Screen

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_SIGNS = "ox+*#@%&$~"  # of lines
_COLORS = {
    "truecolor": ("#3f78be", "#c0562f", "#3d8b57", "#9a5fb0", "#8a7a1f"),  # as far from black as from white
    "256": ("color(67)", "color(166)", "color(65)", "color(97)", "color(100)"),
}
_FEW = ("bright_blue", "red", "green", "magenta", "cyan")
_Point = tuple[float, float]
_AROUND = 7  # lines for title, axis, legend and note


def room_of(screen: Screen, size: Size, *, labelled: bool) -> Room:
    """Return how many rows and columns of a picture there is room for; ``labelled``: classes have names."""
    names = label_width(size) if labelled else min(label_width(size), 13)
    return Room(max(size.height - _AROUND, 4), max(size.width - names - 1, 4), 2 if has_halves(screen) else 1)


def draw(picture: Picture, screen: Screen, size: Size) -> list[str]:
    """Return the lines of a picture."""
    spell = spelling(screen)
    title = wrapped(spell(picture.title), size)
    note = wrapped(spell(f"… {picture.note}"), size) if picture.note else []
    left = size._replace(height=max(size.height - len(title) - len(note), 8))
    return [*title, *_DRAWN[type(picture)](picture, screen, left), *note]


def _bars(picture: Bars, screen: Screen, size: Size) -> list[str]:
    names, room = labels(picture.names, screen, size)
    numbers = _numbers(picture)
    wide = max(map(len, numbers), default=0)
    length = max(size.width - room - wide - 4, 5)
    lines = []
    for i, (name, number, value) in enumerate(zip(names, numbers, picture.values.tolist(), strict=True)):
        share = (value - picture.least) / ((picture.most - picture.least) or 1.0)
        drawn = bar(share if np.isfinite(value) else 0.0, length, screen)
        sign = ("●" if screen.unicode else "O") if i == picture.marked else " "
        color = _line_styles(1, screen)[0]
        lines.append(f"{name} {number.rjust(wide)} {sign}{styled(drawn, color, screen)}".rstrip(" "))
    ends = f"{picture.least:.4g} to {picture.most:.4g}"
    chosen = "" if picture.marked is None else f"{' · ●' if screen.unicode else ' - *'} chosen class"
    return [*lines, f"{picture.axis}, {ends}{chosen}"]


def _numbers(picture: Bars) -> list[str]:
    """Return the values as text: counts without a point, shares with four digits after it."""
    finite = picture.values[np.isfinite(picture.values)]
    digits = ".4f" if picture.least >= 0 and picture.most <= 1 else ".4g"
    if picture.most > 1 and (finite == np.rint(finite)).all():
        digits = ".0f"
    return [format(value, digits) for value in picture.values.tolist()]


def bar(share: float, length: int, screen: Screen) -> str:
    """Return a bar of a share of a length."""
    if not screen.unicode:
        return "#" * round(share * length)
    eighths = round(min(max(share, 0.0), 1.0) * length * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _ranges(picture: Ranges, screen: Screen, size: Size) -> list[str]:
    names, room = labels(picture.names, screen, size)
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
    return [*lines, " " * (room + 1) + ends, *wrapped(explained, size)]


def _placer(least: float, most: float, length: int) -> Callable[[float], int]:
    def place(value: float) -> int:
        share = (value - least) / ((most - least) or 1.0)
        return min(max(round(share * (length - 1)), 0), length - 1)

    return place


def _lines(picture: Lines, screen: Screen, size: Size) -> list[str]:
    signs = list(itertools.islice(itertools.cycle(_SIGNS), len(picture.lines)))
    styles = _line_styles(len(picture.lines), screen)
    legend = _legend(picture, signs, screen, size)
    height = max(size.height - 2 - len(legend), 5)
    bounded = picture.least >= 0 and 0.1 < picture.most <= 1
    step = (picture.most - picture.least) / (height - 1)
    numbers = [format(picture.most - i * step, ".2f" if bounded else ".4g") for i in range(height)]
    room = max(map(len, numbers))
    length = max(size.width - room - 2, 10)
    first, last = (float(picture.x.min()), float(picture.x.max())) if len(picture.x) else (0.0, 1.0)
    if picture.diagonal:
        first, last = 0.0, 1.0
    canvas = _Canvas(length, height, (first, last), "·" if screen.unicode else ".")
    _plot(picture, canvas, signs, styles)
    bar = "│" if screen.unicode else "|"
    lines = [
        f"{number.rjust(room)} {bar}" + styled_line(row, screen).rstrip(" ")
        for number, row in zip(numbers, canvas.cells, strict=True)
    ]
    ends = f"{first:g}".ljust(length - len(f"{last:g}")) + f"{last:g}"
    return [*lines, " " * (room + 2) + ends, *legend]


def _plot(picture: Lines, canvas: _Canvas, signs: list[str], styles: list[str]) -> None:
    """Draw the lines, or in their place a diagonal, and then the points over them."""
    scales = [(picture.least, picture.most)] * len(picture.lines)
    if picture.right is not None:
        scales[-1] = (0.0, picture.right[1])
    points = [list(zip(picture.x.tolist(), values.tolist(), strict=True)) for _, values in picture.lines]
    if picture.diagonal:
        canvas.connect([(0.0, 0.0), (1.0, 1.0)], (0.0, 1.0), "")
    else:
        for line, scale, style in zip(points, scales, styles, strict=True):
            canvas.connect(line, scale, style)
    for line, scale, sign, style in zip(points, scales, signs, styles, strict=True):
        canvas.put(line, scale, sign, style)


class _Canvas:
    """Characters and their styles, of points whose x is between the ends of an axis."""

    def __init__(self, length: int, height: int, ends: tuple[float, float], dot: str) -> None:
        self.cells = [[(" ", "")] * length for _ in range(height)]
        self._across = _placer(*ends, length)
        self._between = dot

    def _place(self, point: _Point, scale: tuple[float, float]) -> tuple[int, int]:
        low, high = scale
        return self._across(point[0]), _placer(high, low, len(self.cells))(point[1])

    def connect(self, points: list[_Point], scale: tuple[float, float], style: str) -> None:
        """Draw a straight line from each point to the next, below what is there."""
        for one, other in itertools.pairwise(points):
            if not math.isfinite(one[1]) or not math.isfinite(other[1]):
                continue
            begin, end = self._across(one[0]), self._across(other[0])
            for at in range(begin + 1, end):
                value = one[1] + (other[1] - one[1]) * (at - begin) / (end - begin)
                _, row = self._place((one[0], value), scale)
                if self.cells[row][at][0] == " ":
                    self.cells[row][at] = (self._between, style)

    def put(self, points: list[_Point], scale: tuple[float, float], sign: str, style: str) -> None:
        """Put a sign at each point, over what is there."""
        for point in points:
            if math.isfinite(point[1]):
                at, row = self._place(point, scale)
                self.cells[row][at] = (sign, style)


def _legend(picture: Lines, signs: list[str], screen: Screen, size: Size) -> list[str]:
    """Return what the axes and signs mean, as many to a line as fit."""
    spell = spelling(screen)
    names = [spell(name) for name, _ in picture.lines]
    if picture.right is not None:
        names[-1] += spell(f" (from 0 to {picture.right[1]:.4g}, {picture.right[0]})")
    items = [f"{sign} {name}" for sign, name in zip(signs, names, strict=True)]
    if picture.diagonal:
        items.append(f"{'·' if screen.unicode else '.'} as sure as right")
    # A name is not broken: its blanks are no places to wrap.
    joined = "   ".join(item.replace(" ", "\0") if len(item) < size.width else item for item in items)
    lines = [line.replace("\0", " ") for line in wrapped(joined, size)]
    return [*wrapped(f"{picture.y_axis} over {picture.x_axis}", size), *lines]


def _line_styles(count: int, screen: Screen) -> list[str]:
    """Return colours that differ, none of which is near to black or to white."""
    if screen.colors is None:
        return [""] * count
    return list(itertools.islice(itertools.cycle(_COLORS.get(screen.colors, _FEW)), count))


_DRAWN: dict[type, Callable[..., list[str]]] = {Grid: grid_lines, Bars: _bars, Lines: _lines, Ranges: _ranges}
