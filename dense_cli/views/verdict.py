"""What a comparison found, in one sentence."""

from __future__ import annotations

from dense_cli.text import place_text
from dense_cli.views.compare import ComparisonResult


def verdict(found: ComparisonResult) -> str:
    """Return in a sentence how many classes changed, and by how much the numbers did."""
    parts = [f"No class changed in {found.rows} rows" if not found.flips else _flips(found)]
    if found.maximum is not None and found.maximum == found.maximum:
        one = "logit" if found.kind == "logits" else "probability"
        where = "" if found.maximum_at is None else f", {place_text(found.maximum_at[:-1])}"
        largest = f"the largest change of a {one} is {number_text(found.maximum)}{where}"
        parts.append(largest if found.maximum else f"every {'other ' * bool(found.lost)}number is the same")
    if found.lost:
        parts.append(f"{found.lost} row{'s hold' if found.lost != 1 else ' holds'} NaN or infinity")
    return "; ".join(parts) + "."


def _flips(found: ComparisonResult) -> str:
    first = f", the first in {place_text(found.flipped[0].place)}" if found.flipped else ""
    return f"The class changed in {found.flips} of {found.rows} rows{first}"


def number_text(value: float | None) -> str:
    """Return a number with four digits, ``-`` where it is not known."""
    return "-" if value is None or value != value else f"{value:.4g}"
