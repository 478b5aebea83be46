"""The steps of a softmax → tables or JSON.

In: `SoftmaxSteps` and the places of their rows. Out: lines, or one JSON document.
"""

from __future__ import annotations

from typing import Any, BinaryIO, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from dense_cli.text import encodable, place_text, printable
from dense_cli.views.softmax import SoftmaxSteps
from dense_cli.writers.cells import MOST, Cell, Column
from dense_cli.writers.explanation import Explanation
from dense_cli.writers.rich_table import render, write_lines, write_wrapped
from dense_cli.writers.writer import TableOptions


class _Row(NamedTuple):
    """A class, or what stands for several, its numbers from the logit on, and whether it is the likeliest."""

    name: int | str
    texts: list[str]
    likeliest: bool = False


def write_row(
    out: BinaryIO,
    place: list[int],
    steps: SoftmaxSteps,
    labels: list[str] | None,
    table: TableOptions,
) -> None:
    """Print the table of one row: a line per class, the likeliest of many, and the sums."""
    made = explanation(place, steps, labels, table.precision)
    write_wrapped(out, table.screen, made.title)
    write_lines(out, table.screen, *render(made.columns, made.rows, table.screen))


def explanation(
    place: list[int], steps: SoftmaxSteps, labels: list[str] | None, digits: int, temperature: float = 1.0
) -> Explanation:
    """Return the table of one row; its logits are divided by ``temperature`` already."""
    classes = steps.logits.shape[1]
    cooled = not np.array_equal(steps.logits[0], steps.scaled[0], equal_nan=True)
    chosen = np.arange(classes)
    if classes > MOST:
        chosen = np.argsort(-steps.probabilities[0], kind="stable")[:MOST]
    rows = [_cells(row, labels, cooled) for row in _numbers(steps, chosen.tolist(), digits)]
    header = ["class", "logit", *(["÷ temperature"] if cooled else []), "− maximum", "exp", "÷ sum"]
    columns = [Column(name, name == "class") for name in header]
    divided = f", each divided by the temperature {temperature:.6g}" if temperature != 1 else ""
    of = f"softmax of {classes} logits{divided}, maximum {steps.maximum[0]:.{digits}f}"
    return Explanation(f"{place_text(place)}: {of}", columns, rows, None)


def _numbers(steps: SoftmaxSteps, chosen: list[int], digits: int) -> list[_Row]:
    """Return the rows of the chosen classes, of all others together, and of the sums."""

    def texts(*values: float) -> list[str]:
        return [f"{value:.{digits}f}" for value in values]

    exps, shares = steps.exps[0], steps.probabilities[0]
    first = int(steps.scaled[0].argmax())
    columns = (steps.logits[0], steps.scaled[0], steps.shifted[0], exps, shares)
    rows = [_Row(c, texts(*(column[c] for column in columns)), c == first) for c in chosen]
    others = len(exps) - len(chosen)
    if others:
        rows.append(
            _Row(f"{others} others", ["", "", "", *texts(_rest(exps, chosen), _rest(shares, chosen))])
        )
    return [*rows, _Row("sum", ["", "", "", *texts(steps.total[0], shares.sum())])]


def _rest(values: NDArray[np.float64], chosen: list[int]) -> float:
    """Return the sum of the values that are not chosen."""
    kept = np.ones(len(values), bool)
    kept[chosen] = False
    return float(values[kept].sum())


def _cells(row: _Row, labels: list[str] | None, cooled: bool) -> list[Cell]:
    name = str(row.name)
    if labels is not None and isinstance(row.name, int):
        name = f"{name} {printable(labels[row.name][:40])}"
    logit, scaled, *texts, share = row.texts
    numbers = [logit, *([scaled] if cooled else []), *texts]
    return [Cell(name, row.likeliest), *map(Cell, numbers), Cell(share, row.likeliest)]


def as_json(place: list[int], steps: SoftmaxSteps, labels: list[str] | None) -> dict[str, Any]:
    """Return what JSON says of a row: ``place``, and each step of `SoftmaxSteps` under its name."""
    item: dict[str, Any] = {"place": place}
    if labels is not None:
        item["labels"] = [encodable(label) for label in labels]
    values = {name: np.asarray(array[0]).tolist() for name, array in steps._asdict().items()}
    return item | values


def write_json(out: BinaryIO, temperature: float, rows: list[dict[str, Any]]) -> None:
    """Write ``{"temperature": …, "rows": [{"place": …, "logits": …, …}]}``."""
    out.write(orjson.dumps({"temperature": temperature, "rows": rows}) + b"\n")
