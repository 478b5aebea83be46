"""What a row's logit is made of → a line that names the row, a table, and a line that says what follows.

In: the cells of a run, a result and the number of a row. Out: `Explanation`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from dense_cli.text import place_text, printable
from dense_cli.views.evaluate import Result
from dense_cli.views.explain import rounded
from dense_cli.writers.cells import Cell, Cells, Column

if TYPE_CHECKING:
    from dense_cli.views.explain import Explained

_LONGEST = 16  # characters of a class's name in a header


class Explanation(NamedTuple):
    """A title, the columns and rows of a table, and what follows from it (None: nothing)."""

    title: str
    columns: list[Column]
    rows: list[list[Cell]]
    conclusion: str | None


def explanation(cells: Cells, result: Result, i: int) -> Explanation:
    """Return what the logit of row ``i`` is made of; the digits add up to it."""
    made = result.explained
    assert made is not None
    digits, against = cells.digits, int(made.against[i])
    target = cells.name(int(made.classes[i]))
    parts = [float(made.bias[i]), float(made.rest[i]), *made.contributions[i].tolist()]
    total, (bias, rest, *contributions) = rounded(float(made.logit[i]), parts, digits)
    columns = _columns(target, None if against < 0 else cells.name(against))
    rows = [
        [Cell(name), *(Cell(f"{number:.{digits}f}") for number in numbers), Cell(part)]
        for (name, numbers), part in zip(_features(cells, made, i), contributions, strict=True)
    ]
    empty = [Cell("")] * (len(columns) - 2)
    if made.others or any(digit in rest for digit in "123456789"):
        rows.append([Cell("other features" if made.others else "rounding"), *empty, Cell(rest)])
    rows += [
        [Cell("bias"), *empty, Cell(bias)],
        [Cell("sum"), *empty, Cell(total, likeliest=True)],
    ]
    what = f"logit of {target}" if against < 0 else f"logit of {target} minus that of {cells.name(against)}"
    title = f"{place_text(result.places[i].tolist())}: {what} = {total}"
    return Explanation(title, columns, rows, _conclusion(cells, made, i))


def _columns(target: str, against: str | None) -> list[Column]:
    if against is None:
        return [Column("feature", True), Column("x"), Column("weight"), Column("x · weight")]
    names = [name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…" for name in (target, against)]
    weights = [Column(f"weight of {name}") for name in names]
    return [Column("feature", True), Column("x"), *weights, Column("difference"), Column("x · difference")]


def _features(cells: Cells, made: Explained, i: int) -> list[tuple[str, tuple[float, ...]]]:
    """Return the name of each feature, its value, and its weight: of both classes, and the difference."""
    arrays = [made.x, made.weights] if made.against[i] < 0 else [made.x, made.own, made.other, made.weights]
    known = cells.run.feature_names
    names = [str(f) if not known else printable(known[f][:40]) for f in made.features[i].tolist()]
    return list(zip(names, zip(*(array[i].tolist() for array in arrays), strict=True), strict=True))


def _conclusion(cells: Cells, made: Explained, i: int) -> str | None:
    """Return what a difference of two logits says of the probabilities of a softmax."""
    head, difference, against = cells.run.head, float(made.logit[i]), int(made.against[i])
    if against < 0 or head is None or head.activation.name != "softmax" or not abs(difference) < 700:
        return None
    ratio = f"exp({difference:.{cells.digits}f}) = {math.exp(difference):.4g}"
    return f"{cells.name(int(made.classes[i]))} is {ratio} times as likely as {cells.name(against)}"
