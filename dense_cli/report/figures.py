"""Pictures of all rows → HTML: inline SVG, or a table where each number is there to be read."""

from __future__ import annotations

from dense_cli.report.html import escape, table
from dense_cli.views.pictures import Bars, Grid, Lines, Picture


def figure(picture: Picture) -> str:
    """Return a picture and its words."""
    match picture:
        case Bars():
            drawn = _bars(picture)
        case Lines():
            drawn = _lines(picture)
        case Grid():
            return _grid(picture)
        case _:
            raise AssertionError(picture)
    note = f"<br>{escape(picture.note)}" if picture.note else ""
    return f"<figure>{drawn}<figcaption>{escape(picture.title)}{note}</figcaption></figure>"


def _bars(picture: Bars) -> str:
    height = 18 * len(picture.names)
    parts = []
    for i, (name, value) in enumerate(zip(picture.names, picture.values.tolist(), strict=True)):
        y, wide = 18 * i, 400 * value / picture.most
        parts.append(
            f'<text x="110" y="{y + 13}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="bar" x="120" y="{y + 3}" width="{wide:.1f}" height="12"/>'
            f'<text x="{125 + wide:.1f}" y="{y + 13}">{value:g}</text>'
        )
    return _svg(picture.title, height, parts)


def _svg(title: str, height: int, parts: list[str]) -> str:
    head = f'<svg viewBox="0 0 600 {height}" width="600" role="img" aria-label="{escape(title)}">'
    return f"{head}{''.join(parts)}</svg>"


def _lines(picture: Lines) -> str:
    def at(x: float, y: float) -> tuple[float, float]:
        return 50 + 500 * x, 260 - 240 * (y - picture.least) / (picture.most - picture.least)

    points = [at(x, y) for x, y in zip(picture.x.tolist(), picture.lines[0][1].tolist(), strict=True)]
    (left, low), (right, high) = at(0, picture.least), at(1, picture.most)
    parts = [
        f'<path class="axis" d="M{left} {high}V{low}H{right}"/>',
        f'<path class="axis" stroke-dasharray="4" d="M{left} {low}L{right} {high}"/>',
        f'<polyline class="axis" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>',
        *(f'<circle class="bar" cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in points),
        f'<text x="{(left + right) / 2}" y="285" text-anchor="middle">{escape(picture.x_axis)}</text>',
        f'<text x="45" y="{high + 4}" text-anchor="end">{picture.most:g}</text>',
        f'<text x="45" y="{low}" text-anchor="end">{picture.least:g}</text>',
        f'<text x="60" y="{high + 4}">{escape(picture.y_axis)}</text>',
    ]
    rows = [
        [f"{x:.4f}", f"{y:.4f}"]
        for x, y in zip(picture.x.tolist(), picture.lines[0][1].tolist(), strict=True)
    ]
    axis = escape(picture.y_axis)
    return _svg(picture.title, 295, parts) + table(
        f"{axis} by confidence", ["confidence", axis], rows, {0, 1}
    )


def _grid(picture: Grid) -> str:
    """Return a grid of counts as a table: each number is there to be read."""
    header = [escape(picture.y_axis), *(escape(name) for name in picture.columns)]
    rows = [
        [
            escape(name),
            *(f"<strong>{v:g}</strong>" if mark else f"{v:g}" for v, mark in zip(row, marks, strict=True)),
        ]
        for name, row, marks in zip(
            picture.rows, picture.values.tolist(), picture.marks.tolist(), strict=True
        )
    ]
    caption = escape(f"{picture.title}: {picture.y_axis} in rows, {picture.x_axis} in columns")
    note = f"<p>{escape(picture.note)}</p>" if picture.note else ""
    return table(caption, header, rows, None) + note
