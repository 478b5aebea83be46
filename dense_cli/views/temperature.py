"""The temperature that makes a softmax calibrated.

In: logits and targets, in passes over all rows. Out: the temperature of the least negative log likelihood.

Source: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, On Calibration of Modern Neural Networks, 2017,
https://arxiv.org/abs/1706.04599
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST, MOST = 1e-3, 1e3  # temperatures beyond which rows are as good as certain, or as uniform
Rows = tuple[NDArray[Any], NDArray[np.int64]]


def fit_temperature(passes: Callable[[], Iterable[Rows]]) -> float:
    """Return the temperature T of the least mean of −log softmax(logits / T)[target].

    In β = 1 / T the mean is convex: Newton's steps find its only minimum, kept within bounds that close.

    Args:
        passes: gives logits (rows, classes) and targets (rows,), -1 for none, of all rows, for each step.

    Raises:
        ValueError: no row has a target and finite logits.

    >>> logits, targets = np.array([[1.0, 0.0]] * 4), np.array([0, 0, 0, 1])
    >>> round(fit_temperature(lambda: [(logits, targets)]), 6) == round(1 / math.log(3), 6)
    True
    """
    low, high, beta = 1 / MOST, 1 / LEAST, 1.0
    for _ in range(100):
        slope, bend = _derivatives(passes(), beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        step = beta - slope / bend if bend > 0 else math.inf
        following = step if low < step < high else math.sqrt(low * high)
        if abs(following - beta) <= 1e-9 * beta or slope == 0:
            break
        beta = following
    return 1 / beta


def _derivatives(rows: Iterable[Rows], beta: float) -> tuple[float, float]:
    """Return the first and the second derivative of the mean by β."""
    count, slope, bend = 0, 0.0, 0.0
    for logits, targets in rows:
        known = (targets >= 0) & np.isfinite(logits).all(axis=1)
        z, chosen = logits[known].astype(np.float64), targets[known]
        if not len(z):
            continue
        z -= z.max(axis=1, keepdims=True)
        powers = np.exp(beta * z)
        p = powers / powers.sum(axis=1, keepdims=True)
        mean = (p * z).sum(axis=1)
        slope += float((mean - z[np.arange(len(z)), chosen]).sum())
        bend += float(((p * z * z).sum(axis=1) - mean * mean).sum())
        count += len(z)
    if not count:
        raise ValueError("no row has a target and finite logits")
    return slope / count, bend / count
