"""Checks of what a model is given: ids that are not in the vocabulary, numbers that its first layer was not
trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.views.checks.check import Finding
from dense_cli.views.layers import Statistics
from dense_cli.views.moments import Moments

_LEAST = 20  # numbers: fewer prove nothing
_UNKNOWN_IDS = (1, 2)
"""Where Keras puts words that are not in the vocabulary: Tokenizer and TextVectorization at 1, imdb at 2."""
_SMALL = 10  # ids: a table of no more may well be asked for one row most of the time
_FAR = 10  # standard deviations, and how many times as wide or as narrow
_ADVICE = "is the input prepared as it was for training?"


class Ids:
    """Counts the ids that an Embedding is given."""

    def __init__(self) -> None:
        self._total = 0
        self._counts = dict.fromkeys(_UNKNOWN_IDS, 0)

    def add(self, ids: NDArray[Any]) -> None:
        """Take further ids; 0 is padding."""
        self._total += int(np.count_nonzero(ids))
        for number in _UNKNOWN_IDS:
            self._counts[number] += int(np.count_nonzero(ids == number))

    def finding(self, layer: str, size: int) -> Finding | None:
        """Return the finding of an Embedding of ``size`` ids."""
        number = max(self._counts, key=self._counts.__getitem__)
        if size <= _SMALL or self._total < _LEAST or 2 * self._counts[number] <= self._total:
            return None
        evidence = (
            f"layer {layer!r}: {self._counts[number]} of {self._total} ids are {number}, where Keras has the "
            "words that are not in the vocabulary"
        )
        advice = "are these ids of the vocabulary that the model was trained with?"
        return Finding("out-of-vocabulary", evidence, advice)


class Numbers:
    """What the numbers of an input look like, as they came."""

    def __init__(self) -> None:
        self.size = 0
        self.low, self.high = np.inf, -np.inf
        self.whole = self.one_hot = True
        self._moments = Moments()

    def add(self, x: NDArray[Any]) -> None:
        """Take further samples (batch, …)."""
        values = np.asarray(x, np.float64)
        finite = values[np.isfinite(values)]
        if not finite.size:
            return
        self.size += finite.size
        self.low, self.high = min(self.low, float(finite.min())), max(self.high, float(finite.max()))
        self.whole = self.whole and bool((finite == np.floor(finite)).all())
        rows = values.reshape(-1, values.shape[-1])
        one = (rows == 1).sum(axis=1) == 1
        self.one_hot = self.one_hot and bool((one & ((rows == 0) | (rows == 1)).all(axis=1)).all())
        self._moments.add(finite)

    @property
    def mean(self) -> float:
        """Their mean."""
        return self._moments.mean

    @property
    def std(self) -> float:
        """Their standard deviation."""
        return self._moments.std

    def _finding(self, name: str, found: str, layer: str, expected: str) -> Finding:
        evidence = f"input {name!r} holds {found}, and the first layer, {layer}, {expected}"
        return Finding("input-range", evidence, _ADVICE)

    def for_ids(self, name: str, layer: str) -> Finding | None:
        """Return the finding of an input that an Embedding takes."""
        if self.size < _LEAST:
            return None
        if not self.whole:
            return self._finding(name, "numbers that are not whole", layer, "takes ids")
        if self.one_hot:
            return self._finding(name, "rows that are one-hot", layer, "takes ids")
        return None

    def for_rescaling(self, name: str, layer: str, scale: float) -> Finding | None:
        """Return the finding of an input that is multiplied by ``scale``."""
        if self.size < _LEAST or not 0 < scale < 0.1 or max(abs(self.low), abs(self.high)) > 1:
            return None
        found = f"numbers from {self.low:.4g} to {self.high:.4g}"
        expected = f"multiplies by {scale:.4g}, as if they went up to {1 / scale:.4g}"
        return self._finding(name, found, layer, expected)

    def for_statistics(
        self, name: str, layer: str, mean: NDArray[Any], variance: NDArray[Any]
    ) -> Finding | None:
        """Return the finding of an input that is normalized by a mean and a variance of each feature."""
        if self.size < _LEAST or not _far(self.mean, self.std, *(trained := _as_one(mean, variance))):
            return None
        found = f"numbers of mean {self.mean:.4g} ± {self.std:.4g}"
        return self._finding(
            name, found, layer, f"was trained on a mean of {trained[0]:.4g} ± {trained[1]:.4g}"
        )


def of_moving(given: Statistics, layer: str, mean: NDArray[Any], variance: NDArray[Any]) -> Finding | None:
    """Return the finding of a BatchNormalization behind other layers, and of what it is given."""
    trained = _as_one(mean, variance)
    if given.size < _LEAST or given.mean is None or given.std is None:
        return None
    if not _far(given.mean, given.std, *trained):
        return None
    evidence = (
        f"layer {layer!r} is given numbers of mean {given.mean:.4g} ± {given.std:.4g}, and was trained on "
        f"{trained[0]:.4g} ± {trained[1]:.4g}"
    )
    return Finding("input-range", evidence, _ADVICE)


def _as_one(mean: NDArray[Any], variance: NDArray[Any]) -> tuple[float, float]:
    """Return the mean and the standard deviation of all features together."""
    wide = mean.astype(np.float64)
    return float(wide.mean()), float(np.sqrt(variance.astype(np.float64).mean() + wide.var()))


def _far(mean: float, std: float, trained_mean: float, trained_std: float) -> bool:
    """Whether numbers lie far from those of training, or are spread much more or much less."""
    if not np.isfinite([mean, std, trained_mean, trained_std]).all() or not trained_std:
        return False
    apart = abs(mean - trained_mean) > _FAR * trained_std
    return apart or std > _FAR * trained_std or 0 < _FAR * std < trained_std
