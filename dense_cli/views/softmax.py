"""A softmax taken apart: what is computed of each logit, step by step, in float64.

In: logits. Out: `SoftmaxSteps`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class SoftmaxSteps(NamedTuple):
    """What is computed on the way from logits to probabilities.

    The maximum is taken away first so that no exp overflows; the quotients are the same.

    Shapes: ``maximum`` and ``total`` are (rows,), all others (rows, classes).

    Attributes:
        logits: as given.
        scaled: divided by the temperature.
        maximum: the highest of each row of ``scaled``.
        shifted: ``scaled - maximum``.
        exps: ``exp(shifted)``.
        total: the sum of each row of ``exps``.
        probabilities: ``exps / total``.
    """

    logits: NDArray[np.float64]
    scaled: NDArray[np.float64]
    maximum: NDArray[np.float64]
    shifted: NDArray[np.float64]
    exps: NDArray[np.float64]
    total: NDArray[np.float64]
    probabilities: NDArray[np.float64]


def take_apart(logits: NDArray[Any], temperature: float = 1.0) -> SoftmaxSteps:
    """Return the steps of ``softmax(logits / temperature)``, a row each.

    Args:
        logits: (rows, classes).
        temperature: positive.

    >>> steps = take_apart(np.array([[2.0, 1.0, 0.1]]))
    >>> steps.exps.round(3).tolist(), steps.total.round(3).tolist()
    ([[1.0, 0.368, 0.15]], [1.517])
    >>> steps.probabilities.round(3).tolist()
    [[0.659, 0.242, 0.099]]
    """
    wide = logits.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # NaN and infinities are shown as they come out
        scaled = wide / temperature
        maximum = scaled.max(axis=1)
        shifted = scaled - maximum[:, None]
        exps = np.exp(shifted)
        total = exps.sum(axis=1)
        return SoftmaxSteps(wide, scaled, maximum, shifted, exps, total, exps / total[:, None])
