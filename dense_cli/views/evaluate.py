"""A block of logits → its view: the one place where a distribution is made and read.

The block is worked on in place, and only what is asked for is computed: no exponential where only
classes are asked for, no division of the whole block where only the likeliest classes are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.activations import Activation
from dense_cli.errors import ConfigError
from dense_cli.text import place_text
from dense_cli.views.rows import row_best, row_max, row_sum
from dense_cli.views.top import column_maxima, maxima_width, top_k

if TYPE_CHECKING:
    from dense_cli.sources.source import Block
    from dense_cli.views.explain import Explained

# Two float32 logits closer than this can give the same probability, so their order needs a closer look.
_NEAR = 2.0**-20
_CACHE = 1 << 19  # bytes of logits that a pass leaves in a core's own cache for the next


SUM_TO_ONE = ("softmax", "sparsemax")  # the activations whose rows do


class View(NamedTuple):
    """What is asked of every row.

    ``show`` names the values; ``top`` asks for the likeliest classes; ``arrays`` are the whole
    (rows, classes) arrays that the writer needs, by their names in JSON; ``measures`` are those of
    `views.measures`; ``explain`` is the class whose logit is explained, or `views.explain.AUTO`.
    """

    show: str = "probabilities"
    top: int | None = None
    arrays: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    explain: int | None = None

    @property
    def values(self) -> str:
        """The name of the shown array in JSON and NPZ."""
        return self.show.replace("-", "_")


@dataclass(eq=False, repr=False)
class Result:
    """What a block of rows gives; its arrays hold until the next result is asked for.

    Attributes:
        classes: (rows,), -1 where a row has no class.
        arrays: name → (rows, classes), those that the view names.
        top_classes, top_values: (rows, k), the likeliest first; None where they are not asked for.
        measures: name → (rows,).
        explain: returns what a logit of each row is made of, where that is asked for.
        block: the rows as they were read, and where they stand.
        mask: (rows,), False for padding; None where there is no mask.
    """

    classes: NDArray[np.int64]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    top_classes: NDArray[np.int64] | None = None
    top_values: NDArray[Any] | None = None
    measures: dict[str, NDArray[Any]] = field(default_factory=dict)
    explain: Callable[[], Explained] | None = None
    block: Block = field(init=False)
    mask: NDArray[np.bool_] | None = None

    @cached_property
    def explained(self) -> Explained | None:
        """What a logit of each row is made of; computed when it is first looked at."""
        return None if self.explain is None else self.explain()

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """(rows, axes): the sample of each row, its time step and further axes."""
        return self.block.places()

    @property
    def x(self) -> NDArray[Any]:
        """(rows, features), as they were read."""
        return self.block.x

    @property
    def pause(self) -> bool:
        """Whether the source may wait for its next row: show what there is."""
        return self.block.pause

    @property
    def whole(self) -> bool:
        """Whether the last sample ends with this block."""
        return self.block.whole


class Classless:
    """Counts the rows without a class as they come."""

    def __init__(self) -> None:
        self.rows = 0
        self._first: list[int] = []

    def add(self, result: Result) -> None:
        """Count those of a result."""
        missing = (result.classes < 0).nonzero()[0]
        if len(missing) and not self.rows:
            self._first = result.places[missing[0]].tolist()
        self.rows += len(missing)

    def merge(self, other: Classless) -> None:
        """Count those that another one has counted, of further rows."""
        if not self.rows:
            self._first = other._first
        self.rows += other.rows

    def text(self) -> str:
        """Return the note about rows without a class."""
        rows = "1 row has" if self.rows == 1 else f"{self.rows} rows have"
        first = place_text(self._first)
        return f"{rows} NaN or infinity in the input or the logits, and so no class; the first is {first}"


class Counted(NamedTuple):
    """What was made of a block, how many rows it has, and those of them without a class."""

    rows: int
    classless: Classless
    value: Any

    @classmethod
    def of(cls, reduced: Callable[[Result], Any], result: Result) -> Counted:
        """Return what ``reduced`` makes of a result."""
        classless = Classless()
        classless.add(result)
        return cls(len(result.classes), classless, reduced(result))


def evaluate(
    logits: NDArray[Any],
    bias: NDArray[Any] | None,
    activation: Activation | None,
    view: View,
    dtype: np.dtype[np.floating],
    targets: NDArray[np.int64] | None = None,
) -> Result:
    """Return the view of a block.

    Args:
        logits: ``x @ kernel``, (rows, classes); overwritten.
        bias: (classes,) or None, still to be added.
        activation: None says that ``logits`` are finished probabilities already.
        view: what is asked of every row.
        dtype: the layer's, to which the values are rounded.
        targets: (rows,), the class that each row should have, -1 where there is none.

    Raises:
        ConfigError: log-probabilities or measures of an activation that gives none.
    """
    softmax = _is_softmax(activation)
    plain = (
        softmax and logits.dtype == dtype and not view.measures and view.show in ("probabilities", "classes")
    )
    with np.errstate(all="ignore"):
        if plain and not view.arrays:
            return _top(logits, bias, view.top) if view.top else _classes(logits, bias)
        if plain and view.arrays == ("probabilities",) and not view.top:
            return _probabilities(logits, bias)
        return _any_view(logits, bias, activation, softmax, view, dtype, targets)


def _groups(logits: NDArray[Any], bias: NDArray[Any] | None) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Give the rows a few at a time, with the bias added: every pass over them finds them in the cache."""
    size = max(1, _CACHE // (logits.shape[1] * logits.itemsize))
    for start in range(0, len(logits), size):
        rows = slice(start, start + size)
        group = logits[rows]
        if bias is not None:
            group += bias
        yield rows, group


def _classes(logits: NDArray[Any], bias: NDArray[Any] | None) -> Result:
    """Return argmax(softmax(logits)) without an exponential.

    The highest logit is the likeliest class, unless a lower class comes so near to it that both
    probabilities round to the same number: those few rows are computed.
    """
    classes = np.empty(len(logits), np.int64)
    for rows, group in _groups(logits, bias):
        best, highest = row_best(group)
        group[np.arange(len(group)), best] = -np.inf  # so that the maximum is the second highest
        near = row_max(group) >= highest - _NEAR
        for row in np.flatnonzero(near):
            group[row, best[row]] = highest[row]
            e = np.exp(group[row] - highest[row])
            best[row] = (e / e.sum()).argmax()
        best[~np.isfinite(highest)] = -1
        classes[rows] = best
    return Result(classes)


def _top(logits: NDArray[Any], bias: NDArray[Any] | None, k: int) -> Result:
    """Return the likeliest classes: exponentials in place, divisions only where they are shown."""
    sums = np.empty((len(logits), 1), logits.dtype)
    lost = np.empty(len(logits), np.bool_)
    maxima = np.empty((len(logits), maxima_width(logits.shape[1])), logits.dtype)
    for rows, group in _groups(logits, bias):
        column_maxima(group, maxima[rows])
        highest = row_max(maxima[rows] if maxima.size else group)[:, None]
        lost[rows] = ~np.isfinite(highest[:, 0])
        group -= highest
        np.exp(group, out=group)
        maxima[rows] = np.exp(maxima[rows] - highest)
        sums[rows, 0] = row_sum(group)
    columns, values = top_k(logits, k, maxima, sums)
    columns[lost] = -1
    return Result(columns[:, 0].copy(), top_classes=columns, top_values=values)


def _probabilities(logits: NDArray[Any], bias: NDArray[Any] | None) -> Result:
    """Return all probabilities, in the place of the logits."""
    classes = np.empty(len(logits), np.int64)
    for rows, group in _groups(logits, bias):
        highest = row_max(group)
        group -= highest[:, None]
        np.exp(group, out=group)
        group /= row_sum(group)[:, None]
        best, _ = row_best(group)
        best[~np.isfinite(highest)] = -1
        classes[rows] = best
    return Result(classes, {"probabilities": logits})


def _any_view(
    logits: NDArray[Any],
    bias: NDArray[Any] | None,
    activation: Activation | None,
    softmax: bool,
    view: View,
    dtype: np.dtype[np.floating],
    targets: NDArray[np.int64] | None,
) -> Result:
    """Return any view, with whole arrays.

    The order matters: softmax overwrites the logits, so what is taken from them is copied before it.
    """
    if bias is not None:
        logits += bias
    highest = row_max(logits)[:, None]
    # An input with NaN or infinity makes every logit of its row NaN or infinite, and so the highest.
    lost = ~np.isfinite(highest[:, 0])
    arrays = _from_logits(logits, highest, activation, softmax, {*view.arrays, view.values}, dtype)
    kept = logits.copy() if softmax and view.measures else None
    if softmax:
        logits -= highest
        np.exp(logits, out=logits)
        logits /= row_sum(logits)[:, None]
        y = logits
    else:
        y = logits if activation is None else activation(logits)
    y = y.astype(dtype, copy=False)
    classes, most = row_best(y)
    lost |= np.isnan(most)
    arrays["probabilities"] = arrays["scores"] = arrays["values"] = y
    result = Result(classes, {name: arrays[name] for name in view.arrays})
    result.classes[lost | (view.show == "values")] = -1
    if view.top:
        # Which are the likeliest, and which are tied, is judged by y, whatever values are shown.
        columns, _ = top_k(y, view.top)
        values = np.take_along_axis(arrays.get(view.values, y), columns, axis=1)
        columns[lost] = -1
        values[lost] = np.nan  # of sigmoid(inf) there is a value, and yet no class
        result.top_classes, result.top_values = columns, values
    if view.measures:
        wide = y.astype(logits.dtype, copy=False)
        result.measures = _measures(view.measures, wide, kept, activation, targets, lost)
    return result


def _from_logits(
    logits: NDArray[Any],
    highest: NDArray[Any],
    activation: Activation | None,
    softmax: bool,
    names: set[str],
    dtype: np.dtype[np.floating],
) -> dict[str, NDArray[Any]]:
    """Return those of the arrays ``names`` that are taken from the logits."""
    arrays: dict[str, NDArray[Any]] = {}
    if "logits" in names:
        arrays["logits"] = logits.astype(dtype)
    if "log_probabilities" in names:
        arrays["log_probabilities"] = _log(logits, highest, activation, softmax).astype(dtype, copy=False)
    return arrays


def _measures(
    names: tuple[str, ...],
    y: NDArray[Any],
    logits: NDArray[Any] | None,
    activation: Activation | None,
    targets: NDArray[np.int64] | None,
    lost: NDArray[np.bool_],
) -> dict[str, NDArray[Any]]:
    """Return measures of every row, NaN (of the rank 0) where it is lost."""
    from dense_cli.views.measures import measure

    if not gives_distributions(activation):
        raise ConfigError(
            f"measures: expected an activation that gives distributions, softmax or sparsemax, "
            f"found {activation!r}"
        )
    measures = measure(names, y, logits, targets)
    for name, values in measures.items():
        values[lost] = 0 if name == "rank" else np.nan
    return measures


def tolerance(dtype: np.dtype[Any]) -> float:
    """Return how far from 1 the sum of a distribution may be: that of its dtype's rounding, with room."""
    return 1e-2 if dtype.newbyteorder("=") == np.float16 else 1e-3


def gives_distributions(activation: Activation | None) -> bool:
    """Whether every row that an activation gives sums to 1; None: finished distributions do."""
    return activation is None or (activation.name in SUM_TO_ONE and not activation.config)


def _is_softmax(activation: Activation | None) -> bool:
    """Whether an activation is softmax along the classes."""
    return activation is not None and activation.name == "softmax" and not activation.config


def _log(
    logits: NDArray[Any], highest: NDArray[Any], activation: Activation | None, softmax: bool
) -> NDArray[Any]:
    """Return the logarithms of what the activation makes of the logits, without going through it."""
    if softmax:
        shifted = logits - highest
        return np.asarray(shifted - np.log(row_sum(np.exp(shifted))[:, None]))
    if activation is None:
        return np.asarray(np.log(logits))
    if activation.name == "sigmoid":
        return np.asarray(-np.logaddexp(logits.dtype.type(0), -logits))
    raise ConfigError(f"log-probabilities: expected activation softmax or sigmoid, found {activation.name}")
