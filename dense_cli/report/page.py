"""A report → HTML: everything in one file, no address in it, readable without its script.

In: a `reporting.Report` and the command line. Out: the bytes of the page. All text goes through `escape`, and
the page has a policy of its own: nothing but its style and its script, named by their hashes, and pictures
that are inside of it. So a name from a file is text wherever it stands.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import platform
import struct
import zlib
from collections.abc import Collection
from html import escape as _escape
from importlib.resources import files
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from dense_cli import __version__
from dense_cli.reporting import Report, Sample
from dense_cli.text import printable
from dense_cli.views.pictures import Bars, Grid, Lines, Picture
from dense_cli.writers.summary import accuracy_line, summary_line

_SORTS = (
    ("margin 1", "smallest margin"),
    ("order 1", "order of the input"),
    ("entropy -1", "largest mean entropy"),
)
_LONGEST = 60  # characters of a name


def page(report: Report, command: str) -> bytes:
    """Return the page of a report; ``command`` is what was typed."""
    css, js = (files(__package__).joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(css)}'; script-src '{_hash(js)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    title = f"{report.run.input_name}: what the layer puts out"
    body = chain(
        [f"<main><h1>{escape(title)}</h1>"],
        _facts(report, command),
        _findings(report),
        ["<h2>All rows</h2>"],
        map(_figure, report.pictures),
        _samples(report),
        ["</main>"],
    )
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{css}</style></head><body>",
            *body,
            f"<script>{js}</script></body></html>\n",
        ]
    ).encode("utf-8", "replace")


def escape(text: str) -> str:
    """Return text that is text in HTML, with what acts on a terminal or cannot be seen shown escaped."""
    return _escape(printable(text), quote=True)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _table(caption: str, header: list[str], rows: list[list[str]], numbers: Collection[int] = ()) -> str:
    """Return a table of cells that are HTML already; columns of ``numbers`` stand on the right."""

    def cell(tag: str, i: int, text: str) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        kind = ' class="number"' if i in numbers else ""
        return f"<{tag}{scope}{kind}>{text}</{tag}>"

    head = "".join(cell("th", i, name) for i, name in enumerate(header))
    lines = "".join(f"<tr>{''.join(cell('td', i, text) for i, text in enumerate(row))}</tr>" for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}">'
        f"<table><caption>{caption}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _facts(report: Report, command: str) -> list[str]:
    totals = report.totals
    lines = [escape(line) for line in report.title]
    lines.append(escape(summary_line(totals, report.run, 4)))
    if report.run.targets is not None:
        lines.append(escape(accuracy_line(totals, 4)))
    rows = [
        [escape(file.what), escape(file.name), f"{file.size:,}", f"<code>{file.digest}</code>"]
        for file in report.files
    ]
    versions = f"densecli {__version__}, NumPy {np.__version__}, Python {platform.python_version()}"
    return [
        f"<p>{'<br>'.join(lines)}</p>",
        f"<pre>{escape(command)}</pre>",
        _table("Files that were read", ["what", "file", "bytes", "SHA-256"], rows, {2}),
        f"<p>{escape(versions)}</p>",
    ]


def _findings(report: Report) -> list[str]:
    if not report.findings:
        return ["<h2>Checks</h2><p>No finding.</p>"]
    rows = [[escape(found.check), escape(found.evidence), escape(found.advice)] for found in report.findings]
    return ["<h2>Checks</h2>", _table("What is wrong", ["check", "evidence", "advice"], rows)]


# --- pictures ------------------------------------------------------------------------------------------


def _figure(picture: Picture) -> str:
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
    table = _table(
        f"{escape(picture.y_axis)} by confidence", ["confidence", escape(picture.y_axis)], rows, {0, 1}
    )
    return _svg(picture.title, 295, parts) + table


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
    return _table(caption, header, rows, set(range(1, len(header)))) + note


# --- samples -------------------------------------------------------------------------------------------


def _samples(report: Report) -> list[str]:
    sorts = [*_SORTS, *([("loss -1", "largest loss")] if report.run.targets is not None else [])]
    if report.run.targets is not None:
        sorts = [sorts[-1], *sorts[:-1]]
    options = "".join(f'<option value="{value}">{name}</option>' for value, name in sorts)
    numbers = "".join(f'<option value="s{s.number}">sample {s.number}</option>' for s in report.samples)
    left_out = f"<p>{report.left_out} more samples are not shown.</p>" if report.left_out else ""
    why = "largest loss first" if report.run.targets is not None else "smallest margin first"
    return [
        f"<h2>Samples that deserve a look</h2><p>The {len(report.samples)} with the {why}.</p>{left_out}",
        f'<div class="controls" hidden><label>Sort by <select id="sort">{options}</select></label>'
        f'<label>Show <select id="choose"><option value="">all</option>{numbers}</select></label></div>',
        "<div>",
        *(_sample(report, sample) for sample in report.samples),
        "</div>",
    ]


def _name(report: Report, number: int) -> str:
    labels = report.run.labels
    if number < 0:
        return "-"
    return str(number) if labels is None else labels[number][:_LONGEST]


def _sample(report: Report, sample: Sample) -> str:
    real = sample.counts & (sample.chosen >= 0)
    margin = float(np.min(sample.margin[real], initial=math.inf))
    entropy = float(sample.entropy[real].mean()) if real.any() else math.nan
    data = f'data-order="{sample.number}" data-margin="{margin:.9g}" data-entropy="{entropy:.9g}"'
    if sample.loss is not None:
        known = sample.loss[real & np.isfinite(sample.loss)]
        data += f' data-loss="{float(known.max(initial=0)):.9g}"'
    note = f"<p>{escape(sample.note)}</p>" if sample.note else ""
    return (
        f'<section class="sample" id="s{sample.number}" {data}><h3>Sample {sample.number}</h3>'
        f"{_heat_map(report, sample)}{note}{_story(report, sample)}</section>"
    )


def _heat_map(report: Report, sample: Sample) -> str:
    names = [_name(report, c) for c in sample.shown.tolist()]
    values = sample.values.T  # (classes, steps)
    codes = np.where(np.isfinite(values), np.round(np.nan_to_num(values) * 10000), 65535).astype("<u2")
    numbers = json.dumps(
        {
            "names": [printable(name) for name in names],
            "steps": sample.steps.tolist(),
            "values": base64.b64encode(codes.tobytes()).decode(),
        }
    ).replace("<", "\\u003c")
    image = base64.b64encode(_png(values)).decode()
    size = f"{len(names)} classes over {len(sample.steps)} steps"
    said = f"Heat map of sample {sample.number}: {size}; the table below tells it in words"
    labels = "".join(f"<span>{escape(name)}</span>" for name in names) if len(names) <= 40 else ""
    tall = max(20 * len(names) if len(names) <= 40 else 4 * len(names), 40)
    return (
        f'<figure><div class="map"><div class="names" aria-hidden="true">{labels}</div>'
        f'<div class="field" tabindex="0" role="img" aria-label="{escape(said)}">'
        f'<img alt="" src="data:image/png;base64,{image}" width="600" height="{tall}">'
        '<div class="cursor"></div>'
        f'<script type="application/json">{numbers}</script></div></div>'
        "<figcaption>Light is likely, dark is not. Point at a cell, or move with the arrow keys, for its "
        "number.</figcaption>"
        "<output></output></figure>"
    )


def _story(report: Report, sample: Sample) -> str:
    header = ["step", "class", "probability", "runner-up", "probability", "margin", "entropy"]
    if sample.targets is not None:
        header += ["target", "loss"]
    rows = []
    for i, step in enumerate(sample.steps.tolist()):
        row = [
            str(step) + ("" if sample.counts[i] else " (padding)"),
            escape(_name(report, int(sample.chosen[i]))),
            _number(sample.best[i]),
            escape(_name(report, int(sample.runner_up[i]))),
            _number(sample.second[i]),
            _number(sample.margin[i]) + (" unsure" if sample.margin[i] < 0.1 else ""),
            _number(sample.entropy[i]),
        ]
        if sample.targets is not None and sample.loss is not None:
            right = sample.targets[i] == sample.chosen[i]
            row.append(
                escape(_name(report, int(sample.targets[i])))
                + ("" if right or sample.targets[i] < 0 else " (wrong)")
            )
            row.append(_number(sample.loss[i]))
        rows.append(row)
    return _table(f"Steps of sample {sample.number}", header, rows, {2, 4, 5, 6, 8})


def _number(value: float) -> str:
    return "-" if value != value else f"{value:.4f}"


def _png(values: NDArray[np.float64]) -> bytes:
    """Return shares of 1 as a PNG of a palette, a pixel each (W3C, PNG specification, third edition)."""
    height, width = values.shape
    pixels = np.where(np.isfinite(values), np.round(np.clip(np.nan_to_num(values), 0, 1) * 254), 255).astype(
        np.uint8
    )
    lines = np.zeros((height, width + 1), np.uint8)  # each line begins with its filter: none
    lines[:, 1:] = pixels

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = [
        chunk(b"IHDR", header),
        chunk(b"PLTE", _palette()),
        chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def _palette() -> bytes:
    """Return colours from dark blue over teal to yellow, each lighter than the one before, and grey for none.

    The stops are those of viridis (https://bids.github.io/colormap/), with straight lines between them.
    """
    stops = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)], float)
    at = np.linspace(0, len(stops) - 1, 255)
    colors = [np.interp(at, np.arange(len(stops)), stops[:, i]) for i in range(3)]
    table = np.round(np.stack(colors, axis=1)).astype(np.uint8)
    return table.tobytes() + bytes((128, 128, 128))
