"""Two models layer by layer → a table, Markdown, CSV or JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any, BinaryIO

import orjson

from dense_cli.comparing_layers import ComparedModels, ComparedOutput
from dense_cli.text import encodable, listed, shape_text, shown
from dense_cli.writers.cells import Cell, Column
from dense_cli.writers.markdown import markdown_lines
from dense_cli.writers.rich_table import render_fitting, write_lines, write_wrapped
from dense_cli.writers.screen import Screen

_LONGEST = 60  # characters of a name in a table
# Columns that a narrow terminal does without, the first one first.
_LEAST_NEEDED = ("paired by", "shape", "cosine", "mean")


def write_table(out: BinaryIO, models: ComparedModels, screen: Screen) -> None:
    """Print a row for each output that both models have, and below where they first are too far apart."""
    lines, left_out = render_fitting(_columns(models), _LEAST_NEEDED, screen)
    write_lines(out, screen, *_title(models), *lines)
    if left_out:
        write_wrapped(out, screen, f"… {', '.join(left_out)}: no room on this terminal, -f json has all")
    write_wrapped(out, screen, *_below(models))


def write_markdown(out: BinaryIO, models: ComparedModels, screen: Screen) -> None:
    """Write the same as a Markdown table."""
    columns = _columns(models)
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    lines = markdown_lines(list(columns), rows)
    write_lines(out, screen, *_title(models), *lines, "", *_below(models))


def write_csv(out: BinaryIO, models: ComparedModels, screen: Screen) -> None:
    """Write a line for each output that both models have."""
    text = io.StringIO()
    rows = [_as_json(output) for output in models.outputs]
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows([row | {"shape": _shape(o)} for row, o in zip(rows, models.outputs, strict=True)])
    out.write(text.getvalue().encode("utf-8", "backslashreplace"))


def write_json(out: BinaryIO, models: ComparedModels, screen: Screen) -> None:
    """Write ``{"a", "b", "samples", "atol", "rtol", "outputs": […], "only_a", "only_b", "first_beyond"}``."""
    document = {
        "a": encodable(models.a),
        "b": encodable(models.b),
        "samples": models.samples,
        "atol": models.tolerance.atol,
        "rtol": models.tolerance.rtol,
        "outputs": [_as_json(output) for output in models.outputs],
        "only_a": list(map(encodable, models.only_a)),
        "only_b": list(map(encodable, models.only_b)),
        "first_beyond": None if models.first is None else encodable(models.first.a),
    }
    out.write(orjson.dumps(document) + b"\n")


def _as_json(output: ComparedOutput) -> dict[str, Any]:
    found = output.difference
    return {
        "a": encodable(output.a),
        "b": encodable(output.b),
        "paired_by": output.by,
        "shape": output.shape,
        "count": found.size,
        "max": found.maximum,
        "mean": found.mean,
        "cosine": found.cosine,
        "beyond": found.beyond,
        "first_sample": found.first,
    }


def _title(models: ComparedModels) -> list[str]:
    s = "s" * (models.samples != 1)
    return [shown(f"A = {models.a}"), shown(f"B = {models.b}"), f"{models.samples} sample{s}"]


def _columns(models: ComparedModels) -> dict[Column, list[Cell]]:
    texts = {
        column: [Cell(text_of(output)) for output in models.outputs] for column, text_of in _TEXTS.items()
    }
    first = [Cell("first" * (output is models.first), likeliest=True) for output in models.outputs]
    return texts | {Column("", True): first}


_TEXTS: dict[Column, Callable[[ComparedOutput], str]] = {
    Column("A", True): lambda output: shown(output.a, _LONGEST),
    Column("B", True): lambda output: shown(output.b, _LONGEST),
    Column("paired by", True): lambda output: output.by,
    Column("shape", True): lambda output: _shape(output),
    Column("max |A − B|"): lambda output: _number(output.difference.maximum),
    Column("mean"): lambda output: _number(output.difference.mean),
    Column("cosine"): lambda output: _number(output.difference.cosine, ".6f"),
    Column("beyond"): lambda output: str(output.difference.beyond),
}
"""The columns of the table, and what stands in them."""


def _shape(output: ComparedOutput) -> str:
    return "?" if output.shape is None else shape_text(output.shape)


def _number(value: float | None, digits: str = ".4g") -> str:
    return "-" if value is None else format(value, digits)


def _below(models: ComparedModels) -> list[str]:
    limit = f"{models.tolerance.atol:g} + {models.tolerance.rtol:g} · |B|"
    lines = [
        shown(f"only in {which}: {listed(names)}")
        for which, names in (("A", models.only_a), ("B", models.only_b))
        if names
    ]
    if models.first is None:
        return [*lines, f"within {limit}"]
    found = models.first.difference
    name = shown(models.first.a, _LONGEST)
    where = f"{found.beyond} of {found.size} numbers, the first in sample {found.first}"
    return [*lines, f"first beyond {limit}: {name}, {where}"]


WRITERS = {"table": write_table, "json": write_json, "csv": write_csv, "markdown": write_markdown}
