"""What `compare` tells of two outputs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reference.arrays import Array, Place, RefusedError
from reference.rows import WIDE, finished_row


@dataclass
class Limits:
    """How far B may depart from A; None: that is not judged. Where none is named, the first three are."""

    atol: float | None = None
    rtol: float | None = None
    flips: int | None = None
    kl: float | None = None
    equal_nan: bool = False


def class_of(values: np.ndarray) -> int | None:
    """Return the argmax, None where there is NaN or the highest is not finite."""
    return int(values.argmax()) if np.isfinite(values.max()) else None


def compare_rows(place: Place, a: np.ndarray, b: np.ndarray, kind: str, top_k: int) -> dict[str, Any]:
    """Return how one row of B departs from A's; None where NaN or infinity leave it unknown."""
    found: dict[str, Any] = {"place": place, "a": class_of(a), "b": class_of(b)}
    found |= dict.fromkeys(("kl", "js", "variation", "moved", "overlap"))
    if found["a"] is None or found["b"] is None:
        return found
    log_p, log_q = ((np.log(v / v.sum()) if kind == "probabilities" else log_softmax(v)) for v in (a, b))
    p, q = np.exp(log_p), np.exp(log_q)
    log_m = np.logaddexp(log_p, log_q) - np.log(WIDE(2))
    found["kl"] = relative(p, log_p, log_q)
    found["js"] = (relative(p, log_p, log_m) + relative(q, log_q, log_m)) / 2
    found["variation"] = float(np.abs(p - q).sum() / 2)
    orders = [sorted(range(len(v)), key=lambda c, v=v: (-v[c], c)) for v in (a, b)]
    found["moved"] = orders[1].index(found["a"])
    if top_k < len(a):
        found["overlap"] = len(set(orders[0][:top_k]) & set(orders[1][:top_k])) / top_k
    return found


def log_softmax(values: np.ndarray) -> np.ndarray:
    """Return the logarithm of the softmax of a row."""
    return values - values.max() - np.log(np.exp(values - values.max()).sum())


def relative(p: np.ndarray, log_p: np.ndarray, log_q: np.ndarray) -> float:
    """Return Σ p (log p - log q), to which p = 0 adds nothing."""
    return float(sum(p[c] * (log_p[c] - log_q[c]) for c in range(len(p)) if p[c] > 0))


def compare(a: Array, b: Array, kind: str, limits: Limits, top_k: int = 5) -> dict[str, Any]:
    """Return what `compare` tells of two outputs of one shape, and which limits are passed."""
    if a.places != b.places or a.features != b.features:
        raise RefusedError("the shapes differ")
    if (limits.atol, limits.rtol, limits.flips, limits.kl) == (None,) * 4:
        half = any(x.dtype == np.float16 for array in (a, b) for x in array.rows)
        tolerance = 1e-3 if half else 1e-5  # what the coarser of the two rounds
        limits = replace(limits, atol=tolerance, rtol=tolerance, flips=0)
    if kind == "probabilities":
        for array in (a, b):
            for place, x in zip(array.places, array.rows, strict=True):
                finished_row(place, x, np.dtype("f2" if x.dtype == np.float16 else "f8"))
    rows, differences, beyond = [], [], []
    unknown = classless = 0  # rows of which no limit can be judged
    with np.errstate(all="ignore"):
        for place, x, y in zip(a.places, a.rows, b.rows, strict=True):
            one, other = x.astype(np.float64), y.astype(np.float64)
            row = compare_rows(place, one.astype(WIDE), other.astype(WIDE), kind, top_k)
            rows.append(row)
            same = (one == other) | (np.isnan(one) & np.isnan(other))
            if not (limits.equal_nan and same.all()):
                unknown += row["kl"] is None
                classless += row["a"] is None and row["b"] is None
            for c, (u, v) in enumerate(zip(one.tolist(), other.tolist(), strict=True)):
                distance = 0.0 if u == v else abs(u - v)
                allowed = 0.0 if math.isinf(v) else (limits.atol or 0) + (limits.rtol or 0) * abs(v)
                differences.append(((*place, c), distance))
                if not distance <= allowed and not (limits.equal_nan and same[c]):
                    beyond.append((*place, c))
    known = [row for row in rows if row["kl"] is not None]
    flips = [row for row in rows if row["a"] != row["b"]]
    numbers = [d for _, d in differences if not math.isnan(d)]
    worst = max(numbers, default=math.nan)

    def mean(name: str) -> float:
        return math.fsum(row[name] for row in known) / len(known) if known else math.nan

    def most(name: str) -> float:
        return max((row[name] for row in known), default=math.nan)

    passed = []
    if (limits.atol is not None or limits.rtol is not None) and beyond:
        passed.append("tolerance")
    if limits.flips is not None and (len(flips) > limits.flips or classless):
        passed.append("flips")
    if limits.kl is not None and (unknown or most("kl") > limits.kl):
        passed.append("kl")
    return {
        "rows": len(rows),
        "rows_without_class": len(rows) - len(known),
        "flips": len(flips),
        "difference": {
            "mean": math.fsum(numbers) / len(numbers) if numbers else math.nan,
            "max": worst,
            "at": next((list(at) for at, d in differences if d == worst), None) if worst > 0 else None,
        },
        "beyond_tolerance": {"count": len(beyond), "first": list(beyond[0]) if beyond else None},
        "kl": {"mean": mean("kl"), "max": most("kl")},
        "jensen_shannon": {"mean": mean("js"), "max": most("js")},
        "total_variation": {"mean": mean("variation"), "max": most("variation")},
        "rank_moves": {"mean": mean("moved"), "max": most("moved")},
        "overlap": mean("overlap") if top_k < a.features else None,
        "flipped": flips,
        "passed": passed,
    }


def compare_classes(a: Array, b: Array, limits: Limits) -> dict[str, Any]:
    """Return what `compare` tells of class numbers; -1 and NaN are no class."""
    if a.places != b.places or a.features != b.features:
        raise RefusedError("the shapes differ")
    if (limits.atol, limits.rtol, limits.kl) != (None,) * 3:
        raise RefusedError("these limits say nothing of classes")
    flips, numbers = [], 0
    for place, x, y in zip(a.places, a.rows, b.rows, strict=True):
        for c, (u, v) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
            numbers += 1
            first, second = (None if n != n or n == -1 else int(n) for n in (u, v))
            if first != second:
                flips.append({"place": (*place, c), "a": first, "b": second})
    allowed = 0 if limits.flips is None else limits.flips
    return {
        "rows": numbers,
        "flips": len(flips),
        "flipped": flips,
        "passed": ["flips"] * (len(flips) > allowed),
    }
