"""What `info` tells of an array."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reference.arrays import Array


def info(array: Array) -> dict[str, Any]:
    """Return what `info` tells of an array's numbers."""
    values = [
        ((*place, c), float(v))
        for place, row in zip(array.places, array.rows, strict=True)
        for c, v in enumerate(row.astype(np.float64).tolist())
    ]
    finite = [v for _, v in values if math.isfinite(v)]
    found: dict[str, Any] = {"size": len(values), "zeros": sum(v == 0 for v in finite)}
    odd = {"nan": math.isnan, "plus_inf": lambda v: v == math.inf, "minus_inf": lambda v: v == -math.inf}
    for name, test in odd.items():
        places = [list(at) for at, v in values if test(v)]
        found[name] = {"count": len(places), "first": places[0] if places else None}
    for name, extreme in (("min", min), ("max", max)):
        value = extreme(finite, default=None)
        at = next((list(at) for at, v in values if v == value), None)
        found[name] = {"value": value, "at": at}
    mean = math.fsum(v / len(finite) for v in finite) if finite else None
    found["mean"] = mean
    found["std"] = math.sqrt(math.fsum((v - mean) ** 2 / len(finite) for v in finite)) if finite else None
    rows = [row.astype(np.float64) for row in array.rows if np.isfinite(row.astype(np.float64)).all()]
    whole = all(v == math.floor(v) for v in finite)
    found["histogram"] = histogram(finite, whole)
    found["looks"] = looks(array, rows, finite, whole)
    return found


def histogram(values: list[float], whole: bool) -> list[dict[str, Any]]:
    """Return the bins: a power of two wide, the narrowest of which 16 suffice.

    The last holds its upper edge. Of whole numbers a bin holds at least one, and its edges are the first and
    the last number in it. No bin is narrower than float64 tells numbers of this size apart.
    """
    if not values:
        return []
    low, high = min(values), max(values)
    size = max(abs(low), abs(high))
    power = max(math.frexp(size)[1] - 53 if size else -1074, -1000)
    power = max(power, 0) if whole else power
    while True:
        width = math.ldexp(1.0, power)
        first, last = math.floor(low / width), math.floor(high / width)
        if not whole and last > first and high == last * width:
            last -= 1
        if last - first < 16:
            break
        power += 1
    counts = [0] * (last - first + 1)
    for v in values:
        counts[min(math.floor(v / width), last) - first] += 1
    edge = 1 if whole else 0
    return [
        {"from": (first + i) * width, "to": (first + i) * width + width - edge, "count": n}
        for i, n in enumerate(counts)
    ]


def looks(array: Array, rows: list[np.ndarray], finite: list[float], whole: bool) -> str | None:
    """Return how the words begin that say what an array looks like; None where this reference has no opinion.

    Rows with NaN or infinity leave it open whether all rows are of one kind.
    """
    if not finite:
        return "nothing"
    if len(rows) < len(array.rows):
        return None
    if whole and array.features > 1 and all((r == 0).sum() == len(r) - 1 and r.max() == 1 for r in rows):
        return "one-hot"
    for number, name in ((0, "zeros"), (1, "ones")):
        if array.rows[0].dtype.kind != "b" and all(v == number for v in finite):
            return name
    if whole and all(v in (0, 1) for v in finite):
        return "a mask"
    if whole and min(finite) >= 0:
        return "class ids"
    if min(finite) >= 0 and all(abs(math.fsum(r.tolist()) - 1) < 1e-6 for r in rows):
        return "distributions along the last axis"
    return None
