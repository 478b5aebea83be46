"""The line that ends a table: how many rows, how sure they are, and how right."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dense_cli.views.measures import Totals

if TYPE_CHECKING:
    from dense_cli.run import Run


def summary_line(totals: Totals, run: Run, digits: int) -> str:
    """Return the samples, steps and classes, and the mean confidence and entropy."""
    stepped = len(run.shape) > 2 and run.steps is None
    steps = totals.rows + totals.lost
    parts = []
    parts.append(_count(totals.samples, "sample") + (f", {_count(steps, 'step')}" if stepped else ""))
    if run.shows_values:
        return ", ".join([*parts, _count(totals.classes, "value")])
    parts.append(_count(totals.classes, "class", "classes"))
    line = ", ".join(parts)
    notes = []
    if not math.isnan(totals.confidence):
        notes.append(f"mean confidence {totals.confidence:.{digits}f}")
        whole = math.log(totals.classes)
        notes.append(f"mean entropy {totals.entropy:.{digits}f} of {whole:.{digits}f} (log {totals.classes})")
    if totals.padded:
        notes.append(f"{_count(totals.padded, 'padded step')} not counted")
    if totals.lost:
        notes.append(f"{_count(totals.lost, 'row')} without a class not counted")
    return " · ".join([line, *notes])


def accuracy_line(totals: Totals, digits: int) -> str:
    """Return how right the rows with a target are."""
    right = totals.targets
    if right is None or not right.rows:
        return "no targets"
    parts = [_count(right.rows, "target"), f"accuracy {right.accuracy:.{digits}f}"]
    if 1 < right.top_k < totals.classes:
        parts.append(f"top-{right.top_k} accuracy {right.top_k_accuracy:.{digits}f}")
    parts.append(f"mean loss {right.loss:.{digits}f}")
    parts.append(f"perplexity {right.perplexity:.{digits}f}")
    parts.append(f"calibration error {right.calibration_error:.{digits}f}")
    return " · ".join(parts)


def _count(n: int, one: str, many: str | None = None) -> str:
    return f"{n} {one}" if n == 1 else f"{n} {many or one + 's'}"
