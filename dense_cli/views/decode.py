"""Greedy decoding, with CTC, and the joining of labels.

In: the classes of time steps, block by block. Out: one line of text per sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.views.pieces import Pieces


class Rules(NamedTuple):
    """How steps become text; ``eos``, ``pad`` and ``blank`` are class numbers.

    ``names`` None: classes are named by their numbers. ``pieces`` joins them in place of ``join``.
    """

    names: Sequence[str] | None = None
    join: str = " "
    eos: int | None = None
    pad: int | None = None
    blank: int | None = None
    pieces: Pieces | None = None

    def text(self, classes: Iterable[int]) -> str:
        """Return the labels of classes, joined; a dash for -1."""
        names = self.names
        labels = ["-" if c < 0 else str(c) if names is None else names[c] for c in classes]
        return self.join.join(labels) if self.pieces is None else self.pieces.text(labels)


class Line(NamedTuple):
    """A decoded sample: its text, and of every step that counts the class (-1: none) and its measures."""

    sample: int
    text: str
    classes: list[int]
    confidence: NDArray[np.floating]
    measures: dict[str, NDArray[np.floating]] = {}  # noqa: RUF012 - never written to

    @property
    def log_probability(self) -> float:
        """The sum of the logarithms of the probabilities, 0.0 for no steps."""
        with np.errstate(divide="ignore"):
            return float(np.log(self.confidence.astype(np.float64)).sum())

    @property
    def perplexity(self) -> float:
        """exp(−mean log probability): 1 is certain, the number of classes is a guess; NaN for no steps."""
        return float(np.exp(-self.log_probability / len(self.classes))) if self.classes else float("nan")


class Decoder:
    """Gathers the steps of a sample and gives its line when the next one begins.

    Steps that do not count, after an end or of the class of padding, are left out by the mask (`views.ends`).

    >>> decoder = Decoder(Rules(names=["_", "a", "b"], join="", blank=0))
    >>> steps = np.array([[0, t] for t in range(5)])
    >>> list(decoder.add(steps, np.array([1, 1, 0, 1, 2]), np.full(5, 0.5)))
    []
    >>> [line.text for line in decoder.end()]
    ['aab']
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._sample = -1
        self._classes: list[NDArray[np.int64]] = []
        self._values: list[dict[str, NDArray[Any]]] = []

    def add(
        self,
        places: NDArray[np.int64],
        classes: NDArray[np.int64],
        confidence: NDArray[Any],
        mask: NDArray[np.bool_] | None = None,
        measures: dict[str, NDArray[Any]] | None = None,
    ) -> Iterator[Line]:
        """Take further steps in order, and give the lines of the samples that have ended.

        Args:
            places: (rows, axes), the sample first.
            classes: (rows,), -1 where a step has none.
            confidence: (rows,), the probability of the class.
            mask: (rows,), False for padding; its samples still give a line.
            measures: further numbers of each row, (rows,).
        """
        values = {"": confidence, **(measures or {})}
        starts = [0, *(np.flatnonzero(np.diff(places[:, 0])) + 1).tolist()] if len(places) else []
        for start, stop in zip(starts, [*starts[1:], len(places)], strict=True):
            if int(places[start, 0]) != self._sample:
                yield from self.end()
                self._sample = int(places[start, 0])
            kept = slice(start, stop) if mask is None else np.flatnonzero(mask[start:stop]) + start
            self._classes.append(classes[kept].copy())
            self._values.append({name: column[kept].copy() for name, column in values.items()})

    def end(self) -> Iterator[Line]:
        """Give the line of the sample under way, if there is one."""
        if self._classes:
            names = self._values[0]
            values = {name: np.concatenate([part[name] for part in self._values]) for name in names}
            yield self._line(np.concatenate(self._classes), values)
        self._sample, self._classes, self._values = -1, [], []

    def _line(self, classes: NDArray[np.int64], values: dict[str, NDArray[Any]]) -> Line:
        rules = self.rules
        shown = classes
        if rules.blank is not None:
            repeated = np.diff(classes, prepend=-2) == 0
            shown = classes[~repeated & (classes != rules.blank)]
        if rules.eos is not None:
            shown = shown[shown != rules.eos]
        confidence = values.pop("")
        return Line(self._sample, rules.text(shown.tolist()), classes.tolist(), confidence, values)
