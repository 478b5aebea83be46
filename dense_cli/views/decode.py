"""Greedy decoding, with CTC, and the joining of labels.

In: the classes of time steps, block by block. Out: `Lines`, one line of text per sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
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

    def text(self, classes: list[int]) -> str:
        """Return the labels of classes, joined; a dash for -1."""
        return self.texts(classes, [0, len(classes)])[0]

    def texts(self, classes: list[int], bounds: list[int]) -> list[str]:
        """Return the labels of the classes between each two bounds, joined."""
        if self.names is None:
            labels = ["-" if c < 0 else str(c) for c in classes]
        else:
            labels = list(map([*self.names, "-"].__getitem__, classes))  # of -1 the last
        join = self.join.join if self.pieces is None else self.pieces.text
        return [join(labels[start:stop]) for start, stop in pairwise(bounds)]


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


@dataclass(eq=False, repr=False)
class Lines:
    """Decoded samples, of which a writer takes the texts alone, or one `Line` after another.

    Attributes:
        samples: (lines,), their numbers.
        texts: one for each.
        bounds: (lines + 1,), between which rows of ``classes`` and ``values`` the steps of each stand.
        classes: (rows,), of the steps that count.
        values: name → (rows,); the confidence under ``""``.
    """

    samples: NDArray[np.int64]
    texts: list[str]
    bounds: NDArray[np.int64]
    classes: NDArray[np.int64]
    values: dict[str, NDArray[Any]]

    def __iter__(self) -> Iterator[Line]:
        classes, bounds = self.classes.tolist(), self.bounds.tolist()
        for at, (sample, text) in enumerate(zip(self.samples.tolist(), self.texts, strict=True)):
            steps = slice(bounds[at], bounds[at + 1])
            measures = {name: column[steps] for name, column in self.values.items()}
            yield Line(sample, text, classes[steps], measures.pop(""), measures)


class Decoder:
    """Gathers the steps of a sample and gives its line when the next one begins.

    Steps that do not count, after an end or of the class of padding, are left out by the mask (`views.ends`).

    >>> decoder = Decoder(Rules(names=["_", "a", "b"], join="", blank=0))
    >>> steps = np.array([[0, t] for t in range(5)])
    >>> decoder.add(steps, np.array([1, 1, 0, 1, 2]), np.full(5, 0.5)).texts
    []
    >>> decoder.end().texts
    ['aab']
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._kept: list[_Steps] = []  # of the sample under way

    def add(
        self,
        places: NDArray[np.int64],
        classes: NDArray[np.int64],
        confidence: NDArray[Any],
        mask: NDArray[np.bool_] | None = None,
        measures: dict[str, NDArray[Any]] | None = None,
    ) -> Lines:
        """Take further steps in order, and return the lines of the samples that have ended.

        Args:
            places: (rows, axes), the sample first.
            classes: (rows,), -1 where a step has none.
            confidence: (rows,), the probability of the class.
            mask: (rows,), False for padding; its samples still give a line.
            measures: further numbers of each row, (rows,).
        """
        if not len(classes):
            return _lines([], self.rules)
        counts = np.ones(len(classes), np.bool_) if mask is None else mask
        steps = _Steps(places[:, 0], classes, counts, {"": confidence, **(measures or {})})
        others = np.flatnonzero(steps.samples != steps.samples[-1])
        last = int(others[-1]) + 1 if len(others) else 0  # where the last sample begins
        # What the pipeline gives holds only until the next block: what is kept is copied.
        rest = steps.map(lambda column: column[last:].copy())
        if not last and self._kept and self._kept[0].samples[0] == steps.samples[0]:
            self._kept.append(rest)
            return _lines([], self.rules)
        ended = [*self._kept, steps.map(lambda column: column[:last])]
        self._kept = [rest]
        return _lines(ended, self.rules)

    def end(self) -> Lines:
        """Return the line of the sample under way, if there is one."""
        ended, self._kept = self._kept, []
        return _lines(ended, self.rules)


class _Steps(NamedTuple):
    """Steps in order: of each the number of its sample, its class, whether it counts, and other values."""

    samples: NDArray[np.int64]
    classes: NDArray[np.int64]
    counts: NDArray[np.bool_]
    values: dict[str, NDArray[Any]]

    def map(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> _Steps:
        """Return the steps with each column changed."""
        values = {name: change(column) for name, column in self.values.items()}
        return _Steps(change(self.samples), change(self.classes), change(self.counts), values)


def _lines(parts: list[_Steps], rules: Rules) -> Lines:
    """Return the lines of whole samples, all at once: half a million lines one by one take seconds."""
    if not parts:
        none = np.empty(0, np.int64)
        return Lines(none, [], np.zeros(1, np.int64), none, {})
    samples, classes, counts = (np.concatenate(columns) for columns in list(zip(*parts, strict=True))[:3])
    values = {name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values}
    begins = np.flatnonzero(np.diff(samples, prepend=samples[:1] - 1))
    line = np.repeat(np.arange(len(begins)), np.diff(begins, append=len(samples)))  # of each step

    line, classes = line[counts], classes[counts]
    shown = np.ones(len(classes), np.bool_)
    if rules.blank is not None:
        repeated = (np.diff(classes, prepend=-2) == 0) & (np.diff(line, prepend=-1) == 0)
        shown = ~repeated & (classes != rules.blank)
    if rules.eos is not None:
        shown &= classes != rules.eos
    texts = rules.texts(classes[shown].tolist(), _bounds(line[shown], len(begins)).tolist())
    values = {name: column[counts] for name, column in values.items()}
    return Lines(samples[begins], texts, _bounds(line, len(begins)), classes, values)


def _bounds(line: NDArray[np.int64], lines: int) -> NDArray[np.int64]:
    """Return between which steps each line stands, of the line of each step.

    >>> _bounds(np.array([0, 0, 2]), 3).tolist()
    [0, 2, 2, 3]
    """
    return np.concatenate([[0], np.cumsum(np.bincount(line, minlength=lines))])
