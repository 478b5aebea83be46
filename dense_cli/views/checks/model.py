"""Checks of what a model is given: ids that are not in the vocabulary, numbers that its first layer was not
trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.views.checks.check import Finding

_LEAST = 20  # numbers: fewer prove nothing
_UNKNOWN_IDS = (1, 2)
"""Where Keras puts words that are not in the vocabulary: Tokenizer and TextVectorization at 1, imdb at 2."""
_SMALL = 10  # ids: a table of no more may well be asked for one row most of the time
_LARGE = 30  # whole numbers up to this may be counts or marks: beyond, they look like ids or bytes
_FAR = 10  # standard deviations


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
        self._sum = 0.0

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
        self._sum += float(finite.sum())

    @property
    def mean(self) -> float:
        """Their mean."""
        return self._sum / self.size

    def _finding(self, name: str, found: str, layer: str, expected: str) -> Finding:
        evidence = f"input {name!r} holds {found}, and the first layer, {layer}, {expected}"
        return Finding("input-range", evidence, "is the input prepared as it was for training?")

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

    def for_kernel(self, name: str, layer: str) -> Finding | None:
        """Return the finding of an input that is multiplied by weights."""
        if self.size < _LEAST or not self.whole or self.low < 0 or self.high < _LARGE:
            return None
        found = f"whole numbers from {self.low:.4g} to {self.high:.4g}, as ids and bytes are"
        return self._finding(name, found, layer, "multiplies them by its weights")

    def for_statistics(
        self, name: str, layer: str, mean: NDArray[Any], variance: NDArray[Any]
    ) -> Finding | None:
        """Return the finding of an input that is normalized by a mean and a variance of each feature."""
        wide = mean.astype(np.float64)
        std = float(np.sqrt(variance.astype(np.float64).mean() + wide.var()))
        if self.size < _LEAST or abs(self.mean - float(wide.mean())) <= _FAR * std:
            return None
        found = f"numbers of mean {self.mean:.4g}"
        return self._finding(name, found, layer, f"was trained on a mean of {wide.mean():.4g} ± {std:.4g}")
