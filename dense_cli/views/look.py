"""A block of logits → its view: the one place where a distribution is made and read.

The block is worked on in place, and only what is asked for is computed: no exponential where only
classes are asked for, no division of the whole block where only the likeliest classes are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError
from dense_cli.layers.activations import Activation
from dense_cli.views.top import column_maxima, top_k

SHOWS = ("probabilities", "log-probabilities", "logits", "classes")

# Two float32 logits closer than this can give the same probability, so their order needs a closer look.
_NEAR = 2.0**-20


@dataclass(frozen=True, slots=True)
class View:
    """What is asked of every row.

    ``show`` names the values; ``top`` asks for the likeliest classes; ``arrays`` are the whole
    (rows, classes) arrays that the writer needs, by their names in JSON.
    """

    show: str = "probabilities"
    top: int | None = None
    arrays: tuple[str, ...] = ()

    @property
    def values(self) -> str:
        """The name of the shown array in JSON and NPZ."""
        return self.show.replace("-", "_")


@dataclass(slots=True)
class Seen:
    """The view of a block of rows.

    ``classes`` (rows,) is -1 where a row has no class; ``top_classes`` and ``top_values`` (rows, k).
    """

    classes: NDArray[np.int64]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    top_classes: NDArray[np.int64] | None = None
    top_values: NDArray[Any] | None = None


def look(
    logits: NDArray[Any], activation: Activation | None, view: View, dtype: np.dtype[np.floating]
) -> Seen:
    """Return the view of a block; ``logits`` (rows, classes) is overwritten.

    ``activation`` None says that ``logits`` are finished probabilities already. The values are
    rounded to ``dtype``, the layer's.
    """
    with np.errstate(all="ignore"):
        maxima = column_maxima(logits)
        highest = (logits if maxima is None else maxima).max(axis=1, keepdims=True)
        # An input with NaN or infinity makes every logit of its row NaN or infinite, and so the highest.
        lost = ~np.isfinite(highest[:, 0])
        softmax = activation is not None and activation.name == "softmax" and not activation.config
        if (
            softmax
            and logits.dtype == dtype
            and not view.arrays
            and view.show in ("probabilities", "classes")
        ):
            seen = (
                _top_softmax(logits, maxima, highest, view) if view.top else Seen(_classes(logits, highest))
            )
        else:
            seen = _whole(logits, highest, activation, softmax, view, dtype)
        first = next(iter(seen.arrays.values()), None)
        if first is not None and not softmax and activation is not None:
            lost |= np.isnan(first).any(axis=1)
    seen.classes[lost] = -1
    if seen.top_classes is not None:
        seen.top_classes[lost] = -1
    return seen


def _classes(logits: NDArray[Any], highest: NDArray[Any]) -> NDArray[np.int64]:
    """Return argmax(softmax(logits)) without an exponential.

    The highest logit is the likeliest class, unless a lower class comes so near to it that both
    probabilities round to the same number: those few rows are computed.
    """
    classes: NDArray[np.int64] = logits.argmax(axis=1)
    for row in np.flatnonzero(np.count_nonzero(logits >= highest - _NEAR, axis=1) > 1):
        e = np.exp(logits[row] - highest[row])
        classes[row] = (e / e.sum()).argmax()
    return classes


def _top_softmax(
    logits: NDArray[Any], maxima: NDArray[Any] | None, highest: NDArray[Any], view: View
) -> Seen:
    """Return the likeliest classes: exponentials in place, divisions only where they are shown."""
    assert view.top is not None
    e = np.subtract(logits, highest, out=logits)
    np.exp(e, out=e)
    if maxima is not None:
        maxima = np.exp(maxima - highest)
    columns, values = top_k(e, view.top, maxima, e.sum(axis=1, keepdims=True))
    return Seen(columns[:, 0].copy(), top_classes=columns, top_values=values)


def _whole(
    logits: NDArray[Any],
    highest: NDArray[Any],
    activation: Activation | None,
    softmax: bool,
    view: View,
    dtype: np.dtype[np.floating],
) -> Seen:
    """Return any view, with whole arrays."""
    arrays: dict[str, NDArray[Any]] = {}
    if "logits" in (*view.arrays, view.values):
        arrays["logits"] = logits.astype(dtype)
    if "log_probabilities" in (*view.arrays, view.values):
        arrays["log_probabilities"] = _log(logits, highest, activation, softmax).astype(dtype, copy=False)
    if softmax:
        np.subtract(logits, highest, out=logits)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
        y = logits
    else:
        y = logits if activation is None else activation(logits)
    y = y.astype(dtype, copy=False)
    arrays["probabilities"] = y
    seen = Seen(y.argmax(axis=1))
    if view.top:
        seen.top_classes, seen.top_values = top_k(y, view.top)
        seen.top_values = np.take_along_axis(arrays.get(view.values, y), seen.top_classes, axis=1)
    seen.arrays = {name: arrays[name] for name in view.arrays} or {"probabilities": y}
    return seen


def _log(
    logits: NDArray[Any], highest: NDArray[Any], activation: Activation | None, softmax: bool
) -> NDArray[Any]:
    found: NDArray[Any]
    if softmax:
        shifted = logits - highest
        found = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    elif activation is None:
        found = np.log(logits)
    elif activation.name == "sigmoid":
        found = -np.logaddexp(logits.dtype.type(0), -logits)
    else:
        raise ConfigError(
            f"log-probabilities: expected activation softmax or sigmoid, found {activation.name}"
        )
    return found
