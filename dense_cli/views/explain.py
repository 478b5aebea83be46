"""Where a logit comes from: the features that add most to it, x_i · W_ij, beside the bias b_j."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError

AUTO = -1  # the argmax against the runner-up
SOFTMAX = -2  # no logit, but the softmax of all of them, as `views.softmax` takes it apart
TOP = 5  # features that are named


class Explained(NamedTuple):
    """The contributions to one logit of every row, or to the difference of two.

    ``bias + Σ contributions + rest == logit``; ``rest`` is that of the features not named, and of what
    the layer's dtype rounded. The named are the largest by absolute value, ties by lower number.

    ``others``: how many are not named.

    Shapes: ``classes``, ``against`` (-1: no other class; both -1: nothing to explain), ``logit``,
    ``bias`` and ``rest`` are (rows,); ``features``, ``x``, ``weights`` and ``contributions`` (rows, k).
    ``weights`` are those of the class, or ``own - other`` where there are two.
    """

    classes: NDArray[np.int64]
    against: NDArray[np.int64]
    logit: NDArray[np.float64]
    bias: NDArray[np.float64]
    features: NDArray[np.int64]
    x: NDArray[np.float64]
    weights: NDArray[np.float64]
    own: NDArray[np.float64]
    other: NDArray[np.float64]
    contributions: NDArray[np.float64]
    rest: NDArray[np.float64]
    others: int


def explain(
    x: NDArray[Any],
    kernel: NDArray[Any],
    bias: NDArray[Any] | None,
    logits: NDArray[Any],
    classes: NDArray[np.int64],
    chosen: int = AUTO,
) -> Explained:
    """Return what each row's logit is made of.

    Args:
        x: (rows, features).
        kernel: (features, units).
        bias: (units,) or None.
        logits: (rows, units), ``x @ kernel + bias`` as the layer computed them.
        classes: (rows,), the argmax; -1 where a row has none.
        chosen: the class to explain; `AUTO`: the argmax against the runner-up.

    >>> x, kernel = np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])
    >>> one = explain(x, kernel, None, x @ kernel, np.array([0]))
    >>> one.features.tolist(), one.contributions.tolist(), one.rest.tolist()
    ([[1, 0]], [[8.0, 3.0]], [0.0])
    """
    each = np.arange(len(x))
    lost = classes < 0
    against = np.full(len(x), -1)
    if chosen == AUTO:
        target = np.maximum(classes, 0)
        if logits.shape[1] > 1:
            others = logits.astype(np.float64)
            others[each, target] = -np.inf
            against = others.argmax(axis=1)
    else:
        target = np.full(len(x), chosen)
    offsets = np.zeros(kernel.shape[1]) if bias is None else bias.astype(np.float64)
    own = kernel.T[target].astype(np.float64)
    b, logit = offsets[target], logits[each, target].astype(np.float64)
    weights, other = own, np.zeros_like(own)
    if (against >= 0).any():
        other = kernel.T[against].astype(np.float64)
        weights = own - other
        b = b - offsets[against]
        with np.errstate(invalid="ignore"):  # rows that are lost may hold two infinities
            logit = logit - logits[each, against]
    # Products of float32 are exact in float64.
    products = np.where(lost[:, None], 0, x) * weights
    top = np.argsort(-np.abs(products), axis=1, kind="stable")[:, :TOP]
    contributions = np.take_along_axis(products, top, axis=1)
    rest = [
        math.fsum([whole, -offset, *(-row)]) if math.isfinite(whole) else math.nan
        for whole, offset, row in zip(logit.tolist(), b.tolist(), contributions, strict=True)
    ]
    with np.errstate(invalid="ignore"):  # a signalling NaN is as good as any
        values = np.take_along_axis(x, top, axis=1).astype(np.float64)
    return Explained(
        np.where(lost, -1, target),
        np.where(lost, -1, against),
        logit,
        b,
        top,
        values,
        np.take_along_axis(weights, top, axis=1),
        np.take_along_axis(own, top, axis=1),
        np.take_along_axis(other, top, axis=1),
        contributions,
        np.array(rest, np.float64),
        x.shape[1] - top.shape[1],
    )


def rounded(total: float, parts: Iterable[float], digits: int) -> tuple[str, list[str]]:
    """Return a sum and its parts as text whose digits add up: each part is rounded up or down.

    The parts that are nearest to the next digit are the ones moved (largest remainder).

    >>> rounded(1.0, [1 / 3, 1 / 3, 1 / 3], 2)
    ('1.00', ['0.34', '0.33', '0.33'])
    """
    kept = list(parts)
    if not all(map(math.isfinite, [total, *kept])):
        return f"{total:.{digits}f}", [f"{part:.{digits}f}" for part in kept]
    values = [Fraction(part) * 10**digits for part in kept]
    floors = [math.floor(value) for value in values]
    whole = round(Fraction(total) * 10**digits)
    # What rounding down has lost is a few units, given back one each, the largest remainders first; of
    # numbers so large that they hold no such digits it is many, and each part has its share.
    order = sorted(range(len(values)), key=lambda i: (floors[i] - values[i], i))
    share, some = divmod(whole - sum(floors), len(order))
    for rank, i in enumerate(order):
        floors[i] += share + (rank < some)
    return _point(whole, digits), [_point(floor, digits) for floor in floors]


def _point(units: int, digits: int) -> str:
    text = f"{abs(units):0{digits + 1}d}"
    text = f"{text[:-digits]}.{text[-digits:]}" if digits else text
    return f"-{text}" if units < 0 else text


def class_named(name: str, labels: list[str] | None, classes: int) -> int:
    """Return the class that a label, or a number, stands for.

    Raises:
        ConfigError: it stands for none, or for several.
    """
    if labels is not None and name in labels:
        first = labels.index(name)
        if name in labels[first + 1 :]:
            both = f"{first} and {labels.index(name, first + 1)}"
            raise ConfigError(f"--explain: expected one class, found {name!r}, which names {both}")
        return first
    if not name.isdecimal() or len(name) > 18 or int(name) >= classes:
        known = "auto, a label or a class number" if labels is not None else "auto or a class number"
        raise ConfigError(f"--explain: expected {known} below {classes}, found {name!r}")
    return int(name)
