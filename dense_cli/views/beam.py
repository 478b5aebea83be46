"""The likeliest lines of a sample, and their log-probabilities, step by step as its distributions come.

In: the log-probabilities of each time step. Out: `Hypothesis`es, the likeliest first. Without CTC a line is a
path through the steps, and the likeliest paths are found exactly. With CTC a line is the sum of all paths
that merge to it, and the search keeps the likeliest prefixes after each step.

Source: A. Hannun, "Sequence Modeling with CTC", https://distill.pub/2017/ctc/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

LEAST_WIDTH = 100  # prefixes that a CTC search keeps at least
_NONE = -1  # the class of a step without one
_ROOT = -2  # where a prefix begins

Path = tuple[Any, int] | None  # the path before, and its last class


class Hypothesis(NamedTuple):
    """Classes of a line, -1 where a step has none, and the logarithm of its probability."""

    classes: list[int]
    log_probability: float


class Search(Protocol):
    """What is known of a sample's lines so far."""

    def step(self, row: NDArray[Any] | None) -> None:
        """Take the log-probabilities of a step, (classes,); None where the step has no class."""

    def best(self) -> list[Hypothesis]:
        """Return the likeliest lines."""


class Paths:
    """The likeliest paths; one that has reached ``eos`` goes no further.

    What follows a step has the same probability whatever came before, so the likeliest paths begin with the
    likeliest beginnings, and none of them is missed.

    >>> search = Paths(3)
    >>> for p in ([0.5, 0.25, 0.25], [0.25, 0.75, 0.0]):
    ...     search.step(np.log(np.maximum(p, 1e-300)))
    >>> [(line.classes, round(float(np.exp(line.log_probability)), 4)) for line in search.best()]
    [([0, 1], 0.375), ([1, 1], 0.1875), ([2, 1], 0.1875)]
    """

    def __init__(self, most: int, eos: int | None = None) -> None:
        self._most, self._eos = most, eos
        self._open: list[tuple[float, Path]] = [(0.0, None)]
        self._ended: list[tuple[float, Path]] = []
        self._unknown = False

    def step(self, row: NDArray[Any] | None) -> None:
        """Take the log-probabilities of a step."""
        if not self._open:
            return
        if row is None:
            self._unknown = True
            self._open = [(score, (path, _NONE)) for score, path in self._open]
            return
        if self._eos is not None and row[self._eos] > -np.inf:
            score = float(row[self._eos])
            self._ended += [(so_far + score, (path, self._eos)) for so_far, path in self._open]
            self._ended = _likeliest(self._ended, self._most)
        classes = likeliest_classes(row, self._most + 1)
        classes = classes[classes != self._eos] if self._eos is not None else classes
        steps = [(int(c), float(row[c])) for c in classes if row[c] > -np.inf]
        longer = [(so_far + score, (path, c)) for so_far, path in self._open for c, score in steps]
        self._open = _likeliest(longer, self._most)

    def best(self) -> list[Hypothesis]:
        """Return the likeliest paths, NaN being the log-probability where a step has no class."""
        found = _likeliest([*self._open, *self._ended], self._most)
        return [Hypothesis(_classes(path), np.nan if self._unknown else score) for score, path in found]


def _likeliest(scored: Sequence[tuple[float, Path]], most: int) -> list[tuple[float, Path]]:
    return sorted(scored, key=lambda item: -item[0])[:most]


def _classes(path: Path) -> list[int]:
    classes: list[int] = []
    while path is not None:
        path, last = path
        classes.append(last)
    return classes[::-1]


def likeliest_classes(row: NDArray[Any], most: int) -> NDArray[np.int64]:
    """Return the likeliest classes of a row, ties by lower number."""
    if most >= len(row):
        return np.argsort(-row, kind="stable")
    least = np.partition(row, len(row) - most)[len(row) - most]
    classes = np.flatnonzero(row >= least)
    return classes[np.argsort(-row[classes], kind="stable")][:most]


class CtcPrefixes:
    """The likeliest lines of CTC: repeats merge, then the blank is dropped.

    Of each prefix two sums are kept: of the paths that end in a blank, and of those that do not. A class that
    follows itself makes the prefix longer only after a blank.

    >>> search = CtcPrefixes(2, blank=0)
    >>> for p in ([0.4, 0.6], [0.4, 0.6]):
    ...     search.step(np.log(p))
    >>> [(line.classes, round(float(np.exp(line.log_probability)), 4)) for line in search.best()]
    [([1], 0.84), ([], 0.16)]
    """

    def __init__(self, most: int, blank: int) -> None:
        self._most, self._width, self._blank = most, max(most, LEAST_WIDTH), blank
        # A tree of prefixes: of each node the one before, its last class, and those that follow.
        self._before, self._last = [_ROOT], [_ROOT]
        self._after: dict[tuple[int, int], int] = {}
        self._nodes = [0]
        self._in_blank, self._in_class = np.zeros(1), np.full(1, -np.inf)
        self._unknown = False

    def step(self, row: NDArray[Any] | None) -> None:
        """Take the log-probabilities of a step."""
        if row is None:
            self._lose()
            return
        row = row.astype(np.float64)
        sums = np.logaddexp(self._in_blank, self._in_class)
        last = np.array([self._last[node] for node in self._nodes])
        # A longer prefix is among the likeliest only by one of the likeliest classes, or as one that is kept.
        classes = np.union1d(likeliest_classes(row, self._width + 2), last[last >= 0])
        classes = classes[classes != self._blank]
        in_blank = sums + row[self._blank]
        in_class = np.where(last >= 0, self._in_class + row[np.maximum(last, 0)], -np.inf)
        longer = sums[:, None] + row[classes]
        at, column = np.nonzero(last[:, None] == classes)
        longer[at, column] = self._in_blank[at] + row[classes[column]]
        places = {node: place for place, node in enumerate(self._nodes)}
        for place, node in enumerate(self._nodes):
            if (before := places.get(self._before[node])) is not None and self._last[node] >= 0:
                same = np.searchsorted(classes, self._last[node])
                in_class[place] = np.logaddexp(in_class[place], longer[before, same])
                longer[before, same] = -np.inf
        self._keep(in_blank, in_class, longer, classes)

    def best(self) -> list[Hypothesis]:
        """Return the likeliest lines, NaN being the log-probability where a step has no class."""
        sums = np.logaddexp(self._in_blank, self._in_class)
        order = np.argsort(-sums, kind="stable")[: self._most]
        return [
            Hypothesis(self._prefix(self._nodes[place]), np.nan if self._unknown else float(sums[place]))
            for place in order
        ]

    def _keep(
        self,
        in_blank: NDArray[Any],
        in_class: NDArray[Any],
        longer: NDArray[Any],
        classes: NDArray[np.int64],
    ) -> None:
        """Keep the likeliest of the prefixes as they are and of those that are longer by a class."""
        scores = np.concatenate([np.logaddexp(in_blank, in_class), longer.reshape(-1)])
        chosen = likeliest_classes(scores, self._width)
        chosen = chosen[scores[chosen] > -np.inf]
        same = len(in_blank)
        nodes = []
        for place in chosen.tolist():
            if place < same:
                nodes.append(self._nodes[place])
            else:
                before, column = divmod(place - same, len(classes))
                nodes.append(self._node(self._nodes[before], int(classes[column])))
        kept = chosen < same
        stays = np.where(kept, chosen, 0)
        self._nodes = nodes
        self._in_blank = np.where(kept, in_blank[stays], -np.inf)
        self._in_class = np.where(kept, in_class[stays], scores[chosen])

    def _lose(self) -> None:
        """Take a step without a class, which stands in every line; several in a row are one."""
        self._unknown = True
        self._in_class = np.logaddexp(self._in_blank, self._in_class)
        self._in_blank = np.full(len(self._nodes), -np.inf)
        self._nodes = [node if self._last[node] == _NONE else self._node(node, _NONE) for node in self._nodes]

    def _node(self, before: int, last: int) -> int:
        node = self._after.setdefault((before, last), len(self._last))
        if node == len(self._last):
            self._before.append(before)
            self._last.append(last)
        return node

    def _prefix(self, node: int) -> list[int]:
        classes = []
        while node > 0:
            classes.append(self._last[node])
            node = self._before[node]
        return classes[::-1]
