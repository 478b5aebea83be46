"""How far rounding may take a number from the reference, and which class it may make the likeliest."""

from __future__ import annotations

import math

import numpy as np
from reference import Row


class Slack:
    """How far each number of a row may be from the reference's."""

    def __init__(self, row: Row) -> None:
        computed = np.dtype(np.float32 if row.dtype == np.float16 else row.dtype)
        u = float(np.finfo(computed).eps)
        n = len(row.y)
        self.most = float(np.finfo(computed).max)
        self.u, self.out = u, float(np.finfo(row.dtype).eps)
        self.least = float(np.finfo(row.dtype).smallest_subnormal)
        if row.logits is None:
            self.logits = 0.0
            self.y = np.zeros(n)
            with np.errstate(all="ignore"):
                self.log = (
                    np.nan_to_num(np.abs(row.log_y.astype(float)), posinf=0) * (4 * u + self.out) + 4 * u
                )
            self.log += self.out
            return
        self.logits = 0.0 if row.exact else u * (len(row.x) + 2) * row.magnitude
        with np.errstate(all="ignore"):
            apart = np.nan_to_num(np.abs((row.logits - row.logits.max()).astype(float)), posinf=0)
            y = np.nan_to_num(np.abs(row.y.astype(float)), posinf=0)
        relative = 2 * self.logits + u * (2 * np.minimum(apart, 1e4) + 8 + 2 * math.log2(n))
        if row.activation in ("softmax", "sigmoid"):
            self.y = y * relative + float(np.finfo(computed).tiny) + y * self.out + self.least
        else:
            self.y = self.logits + y * (self.out + 8 * u) + self.least
        logs = np.nan_to_num(np.abs(row.log_y.astype(float)), posinf=0) if row.has_class else apart
        self.log = 2 * self.logits + u * (2 * apart + 8 + 2 * math.log2(n)) + self.out * logs + self.least
        self.log += 8 * u

    def of_measure(self, row: Row, name: str) -> float:
        """How far a measure may be off."""
        y = row.y.astype(float)
        if name in ("confidence", "margin"):
            return float(np.sort(self.y)[-2:].sum()) + 2 * self.out * float(y.max())
        logs = row.normal_log_y.astype(float)
        if name == "loss":
            assert row.target is not None
            return float(self.log[row.target]) + 16 * self.u * (1 + min(abs(logs[row.target]), 1e4))
        known = np.where(np.isfinite(logs), np.abs(logs), 0)
        off = float((self.y * known + y * self.log).sum()) + 16 * self.u * (1 + math.log(len(y)))
        return off * (row.measure("perplexity") or 0) * 1.5 if name == "perplexity" else off


def near(found: float | None, expected: float | None, slack: float, what: str) -> None:
    """Compare two numbers; None and NaN are nothing."""
    missing = expected is None or math.isnan(expected)
    assert (found is None or math.isnan(found)) == missing, (what, found, expected)
    if not missing:
        assert found is not None
        assert found == expected or abs(found - expected) <= slack, (what, found, expected, slack)


def may_be(row: Row, number: int, slack: Slack) -> bool:
    """Whether rounding can make a class the likeliest."""
    y = row.y.astype(float)
    return bool((y - slack.y).max() <= y[number] + slack.y[number]) and not same(row, number)[:number].any()


def check_class(number: int | None, row: Row, slack: Slack) -> None:
    assert (number is not None) == row.has_class, (row.place, number)
    if number is not None:
        assert may_be(row, number, slack), (row.place, number, row.chosen, row.y)


def same(row: Row, number: int) -> np.ndarray:
    """Return which classes have a class's probability to the last bit, whatever is rounded."""
    if row.logits is None:
        return row.y == row.y[number]
    if not row.exact:
        return np.zeros(len(row.y), bool)
    least = 1e-12 if row.activation == "softmax" else 0.0
    with np.errstate(invalid="ignore"):
        return (row.logits == row.logits[number]) | (np.abs(row.logits - row.logits[number]) < least)


def ranks(row: Row, slack: Slack) -> tuple[int, int]:
    """Return the least and the most that rounding can make of the rank of a row's target."""
    target, y = row.target, row.y.astype(float)
    assert target is not None
    low, high = y - slack.y, y + slack.y
    others = [c for c in range(len(y)) if c != target]
    equal = same(row, target)
    least = 1 + sum(low[c] > high[target] or (equal[c] and c < target) for c in others)
    most = 1 + sum(high[c] >= low[target] and not (equal[c] and c > target) for c in others)
    return least, most


def decided(row: Row) -> bool:
    """Whether rounding leaves only one class that can be the likeliest."""
    slack = Slack(row)
    y = row.y.astype(float)
    near = np.flatnonzero((y - slack.y).max() <= y + slack.y)
    return not row.has_class or sum(may_be(row, int(c), slack) for c in near) <= 1
