"""The layers of a model → a table, Markdown, CSV or JSON; and their outputs → NPZ."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from typing import Any, BinaryIO

import numpy as np
import orjson
from numpy.typing import NDArray

from dense_cli.addresses import without_secrets
from dense_cli.errors import ShapeError
from dense_cli.files.temporary import TemporaryFile
from dense_cli.inspecting import LayerRecord, ModelRecord, OutputRecord
from dense_cli.text import encodable, listed, shape_text, shown
from dense_cli.views.layers import Statistics
from dense_cli.writers.cells import Cell, Column
from dense_cli.writers.markdown import markdown_lines
from dense_cli.writers.npy import new_archive, npy_header
from dense_cli.writers.rich_table import render_fitting, write_lines, write_wrapped
from dense_cli.writers.screen import Screen

_LONGEST = 60  # characters of a name in a table
_NUMBERS = ("min", "max", "mean", "std")
_STATISTICS = (*_NUMBERS, "zeros", "saturated", "NaN", "Inf")
# Columns that a narrow terminal does without, the first one first.
_LEAST_NEEDED = ("from", "parameters", "Inf", "class", "zeros", "std", "shape")


def write_table(out: BinaryIO, model: ModelRecord, screen: Screen) -> None:
    """Print a row for each output of each layer, and below what goes wrong where."""
    lines, left_out = render_fitting(_columns(model), _LEAST_NEEDED, screen)
    write_lines(out, screen, _title(model), *lines)
    if left_out:
        write_wrapped(out, screen, f"… {', '.join(left_out)}: no room on this terminal, -f json has all")
    write_wrapped(out, screen, *_below(model))


def write_markdown(out: BinaryIO, model: ModelRecord, screen: Screen) -> None:
    """Write the same as a Markdown table."""
    columns = _columns(model)
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    below = _below(model)
    write_lines(out, screen, _title(model), *markdown_lines(list(columns), rows), *[""] * bool(below), *below)


def write_csv(out: BinaryIO, model: ModelRecord, screen: Screen) -> None:
    """Write a line for each output: names, shape, and with input its statistics and faults."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    ran = model.samples is not None
    numbers = ["count", *_NUMBERS, "zeros", "saturated", "silent", "nan", "inf"] if ran else []
    writer.writerow(["output", "layer", "class", "shape", "parameters", "from", *numbers, *["fault"] * ran])
    for layer in model.layers:
        for output in layer.outputs:
            row: list[Any] = [output.name, layer.name, layer.class_name, _shape(output)]
            row += [layer.parameters, " ".join(layer.sources)]
            if ran:
                found = _as_json(output.statistics)
                row += [found.get(name) for name in numbers]
                row.append(" ".join(fault.kind for fault in layer.faults))
            writer.writerow(["" if value is None else value for value in row])
    out.write(text.getvalue().encode("utf-8", "backslashreplace"))


def write_json(out: BinaryIO, model: ModelRecord, screen: Screen) -> None:
    """Write ``{"file", "samples", "layers": [{"name", "class", "from", "parameters", "outputs", …}]}``."""
    layers = [_layer(layer, model.samples is not None) for layer in model.layers]
    document = {"file": encodable(without_secrets(model.file)), "samples": model.samples, "layers": layers}
    out.write(orjson.dumps(document) + b"\n")


def _layer(layer: LayerRecord, ran: bool) -> dict[str, Any]:
    outputs = [
        {
            "name": encodable(output.name),
            "shape": _sizes(output),
            **({"statistics": _as_json(output.statistics) or None} if ran else {}),
        }
        for output in layer.outputs
    ]
    document: dict[str, Any] = {
        "name": encodable(layer.name),
        "class": encodable(layer.class_name),
        "from": [encodable(name) for name in layer.sources],
        "parameters": layer.parameters,
        "refusal": None if layer.refusal is None else encodable(layer.refusal),
        "outputs": outputs,
    }
    if ran:
        document["gates"] = _as_json(layer.gates) or None
        document["faults"] = [
            {"fault": fault.kind, "evidence": fault.evidence, "advice": fault.advice}
            for fault in layer.faults
        ]
    return document


def _as_json(numbers: Statistics | None) -> dict[str, Any]:
    if numbers is None:
        return {}
    return {
        "count": numbers.size,
        "min": numbers.minimum,
        "max": numbers.maximum,
        "mean": numbers.mean,
        "std": numbers.std,
        "zeros": numbers.zeros,
        "saturated": numbers.saturated,
        "silent": numbers.silent,
        "nan": numbers.nan,
        "inf": numbers.inf,
    }


def _title(model: ModelRecord) -> str:
    n = len(model.layers)
    ran = "" if model.samples is None else f", {model.samples} sample{'s' * (model.samples != 1)}"
    return shown(
        f"{without_secrets(model.file)}: {n} layer{'s' * (n != 1)}, {model.parameters:,} parameters{ran}"
    )


def _columns(model: ModelRecord) -> dict[Column, list[Cell]]:
    ran = model.samples is not None
    columns = [Column("layer", True), Column("class", True), Column("shape", True), Column("parameters")]
    columns.append(Column("from", True))
    if ran:
        columns += [*map(Column, _STATISTICS), Column("", True)]
    rows = [
        _row(layer, output, ran, first=not i)
        for layer in model.layers
        for i, output in enumerate(layer.outputs)
    ]
    return {column: [row[i] for row in rows] for i, column in enumerate(columns)}


def _row(layer: LayerRecord, output: OutputRecord, ran: bool, *, first: bool) -> list[Cell]:
    """Return the cells of an output; what is said of its layer stands beside the ``first`` one."""
    of_layer = [shown(layer.class_name, _LONGEST), _count(layer.parameters), _sources(layer)]
    kind, parameters, sources = of_layer if first else ("", "", "")
    texts = [shown(output.name, _LONGEST), kind, _shape(output), parameters, sources]
    if ran:
        numbers = _texts(output.statistics)
        texts += [numbers.get(header, "-") for header in _STATISTICS]
    cells = [Cell(text) for text in texts]
    if ran:
        faults = ", ".join(fault.kind for fault in layer.faults) if first else ""
        cells.append(Cell(faults, likeliest=True))
    return cells


def _sources(layer: LayerRecord) -> str:
    return shown(listed(layer.sources, 4), 2 * _LONGEST) if layer.sources else ""


def _count(parameters: int | None) -> str:
    return "?" if parameters is None else f"{parameters:,}"


def _sizes(output: OutputRecord) -> tuple[int | None, ...] | None:
    return output.shape if output.statistics is None else output.statistics.shape


def _shape(output: OutputRecord) -> str:
    sizes = _sizes(output)
    return "?" if sizes is None else shape_text(sizes)


def _texts(numbers: Statistics | None) -> dict[str, str]:
    if numbers is None:
        return {}
    return {
        "min": _number(numbers.minimum),
        "max": _number(numbers.maximum),
        "mean": _number(numbers.mean),
        "std": _number(numbers.std),
        "zeros": _share(numbers.zeros / numbers.size if numbers.size else None),
        "saturated": _share(numbers.saturated),
        "NaN": str(numbers.nan),
        "Inf": str(numbers.inf),
    }


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}%"


def _below(model: ModelRecord) -> list[str]:
    """Return what goes wrong, and what cannot be run and why."""
    lines = []
    for layer in model.layers:
        for fault in layer.faults:
            lines += [f"{shown(layer.name, _LONGEST)}: {fault.kind}: {fault.evidence}", f"  → {fault.advice}"]
    refusals: dict[str, list[str]] = {}
    for layer in model.layers:
        if layer.refusal is not None:
            refusals.setdefault(layer.refusal, []).append(layer.name)
    return lines + [shown(f"cannot be run: {listed(names)}: {why}") for why, names in refusals.items()]


class Outputs:
    """Keeps the outputs of layers in files, and writes them as an NPZ, each under its name."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._bodies: dict[str, BinaryIO] = {}
        self._shapes: dict[str, list[tuple[int, ...]]] = {}
        self._dtypes: dict[str, np.dtype[Any]] = {}

    def keep(self, name: str, y: NDArray[Any]) -> None:
        """Take the output of some samples.

        Raises:
            ShapeError: the samples before were of another shape.
        """
        y = np.ascontiguousarray(y)
        body = self._bodies.setdefault(name, TemporaryFile())
        dtype = self._dtypes.setdefault(name, y.dtype)
        shapes = self._shapes.setdefault(name, [])
        if shapes and shapes[0][1:] != y.shape[1:]:
            raise ShapeError(
                f"{self._source}: an array needs samples of one shape: layer {name!r} gives "
                f"{shapes[0][1:]}, then {y.shape[1:]}"
            )
        shapes.append(y.shape)
        body.write(y.astype(dtype, copy=False).data)

    def write(self, out: BinaryIO) -> None:
        """Write the archive."""
        with new_archive(out) as archive:
            for name, body in self._bodies.items():
                shapes = self._shapes[name]
                shape = (sum(shape[0] for shape in shapes), *shapes[0][1:])
                # A fixed date: the same input gives the same bytes.
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                    member.write(npy_header(shape, self._dtypes[name]))
                    body.seek(0)
                    shutil.copyfileobj(body, member, 1 << 20)


WRITERS = {"table": write_table, "json": write_json, "csv": write_csv, "markdown": write_markdown}
