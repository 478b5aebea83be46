"""The samples of a report → HTML: of each the heat map, and its steps as a table."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from dense_cli.report.html import escape, number, table
from dense_cli.reporting import Report
from dense_cli.reporting_samples import Sample
from dense_cli.text import printable

_SORTS = (
    ("margin 1", "smallest margin"),
    ("order 1", "order of the input"),
    ("entropy -1", "largest mean entropy"),
)
_LONGEST = 60  # characters of a name
_LAST = 1e9  # a key that sorts behind all others
_Column = tuple[str, list[str], bool]  # its header, its cells, and whether these are numbers


def samples_section(report: Report) -> list[str]:
    """Return the samples that deserve a look, and what sorts and chooses them."""
    sorts, words = _sorts(report)
    options = "".join(f'<option value="{value}">{name}</option>' for value, name in sorts)
    numbers = "".join(f'<option value="s{s.number}">sample {s.number}</option>' for s in report.samples)
    left_out = f"<p>{report.left_out} more samples are not shown.</p>" if report.left_out else ""
    return [
        f"<h2>Samples that deserve a look</h2><p>The {len(report.samples)} with the {words}.</p>{left_out}",
        "<p>In a heat map light is likely, dark is not. Point at a cell, or move with the arrow keys, for "
        "its number.</p>",
        f'<div class="controls" hidden><label>Sort by <select id="sort">{options}</select></label>'
        f'<label>Show <select id="choose"><option value="">all</option>{numbers}</select></label></div>',
        _labels(report),
        "<div>",
        *(_sample(report, sample) for sample in report.samples),
        "</div>",
    ]


def _sorts(report: Report) -> tuple[list[tuple[str, str]], str]:
    """Return by what samples can be sorted, and in words how they are."""
    first, words = [], "smallest margin first"
    if report.run.targets is not None:
        first, words = [("loss -1", "largest loss")], "largest loss first"
    if report.against is not None:
        first = [("change -1", "largest change"), *first]
        words = f"largest change of a class first, then with the {words}"
    return [*first, *_SORTS], words


def name_of(report: Report, number: int) -> str:
    """Return what a class is called, ``-`` for none."""
    labels = report.run.labels
    if number < 0:
        return "-"
    return str(number) if labels is None else labels[number][:_LONGEST]


def _labels(report: Report) -> str:
    """Return the names of the classes in heat maps, once for all of them."""
    shown = sorted({number for sample in report.samples for number in sample.shown.tolist()})
    names = {} if report.run.labels is None else {n: printable(name_of(report, n)) for n in shown}
    return _data(names, ' id="labels"')


def _data(value: object, attributes: str = "") -> str:
    """Return data for the script; no text in it can end it."""
    text = json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json"{attributes}>{text}</script>'


def _sample(report: Report, sample: Sample) -> str:
    note = f"<p>{escape(sample.note)}</p>" if sample.note else ""
    axes = _data({"classes": sample.shown.tolist(), "steps": sample.steps.tolist()}, ' class="axes"')
    return (
        f'<section class="sample" id="s{sample.number}" {_keys(report, sample)}>'
        f"<h3>Sample {sample.number}</h3>{axes}{_heat_maps(report, sample)}{note}"
        f"{_story(report, sample)}</section>"
    )


def _keys(report: Report, sample: Sample) -> str:
    """Return what a sample is sorted by; one without a class comes last."""
    real = sample.counts & (sample.chosen >= 0)
    keys = {"order": float(sample.number), "margin": float(sample.margin[real].min(initial=_LAST))}
    keys["entropy"] = float(sample.entropy[real].mean()) if real.any() else -_LAST
    if sample.loss is not None:
        keys["loss"] = float(sample.loss[real & np.isfinite(sample.loss)].max(initial=-_LAST))
    if report.against is not None:
        keys["change"] = report.against.changes.get(sample.number, 0.0)
    return " ".join(f'data-{name}="{value:.9g}"' for name, value in keys.items())


def _heat_maps(report: Report, sample: Sample) -> str:
    """Return the heat map of a sample; where there are other outputs, both beside each other."""
    if sample.other is None or report.against is None:
        return _heat_map(report, sample, sample.values, f"Heat map of sample {sample.number}", "")
    sides = [
        _heat_map(report, sample, values, f"Heat map of sample {sample.number} in {side}", f"{side}: {name}")
        for side, name, values in (
            ("A", report.run.input_name, sample.values),
            ("B", report.against.name, sample.other.values),
        )
    ]
    changed = int(np.count_nonzero(sample.other.changed))
    rows = "1 row changes" if changed == 1 else f"{changed} rows change"
    told = f"<p>{rows} class{', underlined in both' * bool(changed)}.</p>"
    return f'<div class="sides">{"".join(sides)}</div>{told}'


def _heat_map(report: Report, sample: Sample, values: NDArray[np.float64], title: str, caption: str) -> str:
    names = [name_of(report, c) for c in sample.shown.tolist()]
    values = values.T  # (classes, steps)
    image = base64.b64encode(_png(values)).decode()
    said = f"{title}: {len(names)} classes over {len(sample.steps)} steps; the table below tells it in words"
    labels = "".join(f"<span>{escape(name)}</span>" for name in names) if len(names) <= 40 else ""
    tall = max(20 * len(names) if len(names) <= 40 else 4 * len(names), 40)
    marks = "" if sample.other is None else _marks(sample.other.changed)
    return (
        f'<figure><div class="map"><div class="names" aria-hidden="true">{labels}</div>'
        f'<div class="field" tabindex="0" role="img" aria-label="{escape(said)}">'
        f'<img alt="" src="data:image/png;base64,{image}" width="600" height="{tall}">'
        f'<div class="cursor"></div>{_data(_packed(values))}</div>{marks}</div>'
        f"<figcaption>{escape(caption)}</figcaption><output></output></figure>"
    )


def _packed(values: NDArray[np.float64]) -> str:
    """Return ten-thousandths as two bytes each, the lower ones of all first, deflated; 65535 is none."""
    codes = np.where(np.isfinite(values), np.round(np.nan_to_num(values) * 10000), 65535).astype("<u2")
    planes = codes.reshape(-1, 1).view(np.uint8).T
    return base64.b64encode(zlib.compress(planes.tobytes(), 9)).decode()


def _marks(changed: NDArray[np.bool_]) -> str:
    """Return a stroke under each step that changes class."""
    path = "".join(f"M{i}.1 0h.8" for i in np.flatnonzero(changed).tolist())
    return (
        f'<svg class="marks" viewBox="0 0 {len(changed)} 1" preserveAspectRatio="none" aria-hidden="true">'
        f'<path d="{path}"/></svg>'
    )


def _story(report: Report, sample: Sample) -> str:
    """Return the steps of a sample as a table."""
    padding = [" (padding)" * (not real) for real in sample.counts.tolist()]
    unsure = [" unsure" * (margin < 0.1) for margin in sample.margin.tolist()]
    columns: list[_Column] = [
        ("step", _with(map(str, sample.steps.tolist()), padding), False),
        ("class", _names(report, sample.chosen), False),
        ("probability", _numbers(sample.best), True),
    ]
    if sample.other is not None:
        changed = [" (changed)" * change for change in sample.other.changed.tolist()]
        columns += [
            ("class in B", _with(_names(report, sample.other.chosen), changed), False),
            ("probability", _numbers(sample.other.best), True),
        ]
    columns += [
        ("runner-up", _names(report, sample.runner_up), False),
        ("probability", _numbers(sample.second), True),
        ("margin", _with(_numbers(sample.margin), unsure), True),
        ("entropy", _numbers(sample.entropy), True),
    ]
    if sample.targets is not None and sample.loss is not None:
        wrong = (sample.targets != sample.chosen) & (sample.targets >= 0)
        marks = [" (wrong)" * mark for mark in wrong.tolist()]
        columns += [
            ("target", _with(_names(report, sample.targets), marks), False),
            ("loss", _numbers(sample.loss), True),
        ]
    header, cells, numeric = zip(*columns, strict=True)
    numbers = {i for i, is_number in enumerate(numeric) if is_number}
    return table(f"Steps of sample {sample.number}", header, list(zip(*cells, strict=True)), numbers)


def _with(texts: Iterable[str], marks: list[str]) -> list[str]:
    return [text + mark for text, mark in zip(texts, marks, strict=True)]


def _names(report: Report, classes: NDArray[np.int64]) -> list[str]:
    return [escape(name_of(report, number)) for number in classes.tolist()]


def _numbers(values: NDArray[np.float64]) -> list[str]:
    return [number(value) for value in values.tolist()]


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
