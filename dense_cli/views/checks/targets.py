"""Checks of targets: shifted by one, in another order of classes, or unrelated to the outputs.

How far classes and targets agree is Cohen's kappa, (accuracy - chance) / (1 - chance), where chance is how
often they would agree if they were unrelated: 0 is chance, 1 is all rows. A shift or another order is a
finding where it has a kappa of a half or more, halves what is missing to 1, and where this is no luck.

How probable luck is has a bound, Hoeffding's for means of n numbers from 0 to 1: of a mean that is expected
to be p, a or more comes with a probability of at most exp(-n KL(a, p)), where KL(a, p) = a log(a/p) + (1-a)
log((1-a)/(1-p)). Rows of a sample whose target stays the same are not n times the evidence of one: such a
run counts as one, with the share of it that agrees.

Sources: J. Cohen, A coefficient of agreement for nominal scales, 1960; W. Hoeffding, Probability inequalities
for sums of bounded random variables, 1963, theorem 1.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.text import listed
from dense_cli.views.checks.check import CheckRows, Finding, OutputInfo

_LUCK = 1e-5  # how probable luck may be in a finding
_KAPPA = 0.5  # what a shift or an order at least has, and a head at least claims
_MOST = 1 << 18  # runs that an order of classes is looked for in
_Pairs = tuple[NDArray[np.int64], NDArray[np.float64]]  # class · classes + target, and how often


class Counted(NamedTuple):
    """Rows that have a class and a target; ``weights`` (rows,) add up to 1 over a run of the same target."""

    classes: NDArray[np.int64]
    targets: NDArray[np.int64]
    weights: NDArray[np.float64]
    runs: NDArray[np.int64]
    block: CheckRows
    rows: NDArray[np.int64]


def counted(block: CheckRows) -> Counted | None:
    """Return the rows of a block that count here; None without any."""
    assert block.targets is not None
    rows = np.flatnonzero((block.classes >= 0) & (block.targets >= 0))
    if not len(rows):
        return None
    targets, samples = block.targets[rows], block.places[rows, 0]
    begins = np.ones(len(rows), bool)
    begins[1:] = (targets[1:] != targets[:-1]) | (samples[1:] != samples[:-1])
    runs = np.cumsum(begins) - 1
    weights = 1 / np.bincount(runs)[runs]
    return Counted(block.classes[rows], targets, weights, runs, block, rows)


class Agreement:
    """Adds up how often classes and targets agree, and how often they would by chance."""

    def __init__(self, classes: int) -> None:
        self.rows = self.right = 0
        self.size = self._hits = 0.0
        self._chosen, self._wanted = np.zeros(classes), np.zeros(classes)

    def add(self, chosen: NDArray[np.int64], wanted: NDArray[np.int64], weights: NDArray[np.float64]) -> None:
        """Take classes and targets, each (rows,); a target of -1 is none."""
        known = (wanted >= 0) & (wanted < len(self._wanted))
        chosen, wanted, weights = chosen[known], wanted[known], weights[known]
        hits = chosen == wanted
        self.rows += len(hits)
        self.right += int(np.count_nonzero(hits))
        self.size += float(weights.sum())
        self._hits += float(weights[hits].sum())
        self._chosen += np.bincount(chosen, weights, len(self._chosen))
        self._wanted += np.bincount(wanted, weights, len(self._wanted))

    def merge(self, other: Agreement) -> None:
        """Take the rows of another one, those of the next block."""
        self.rows += other.rows
        self.right += other.right
        self.size += other.size
        self._hits += other._hits
        self._chosen += other._chosen
        self._wanted += other._wanted

    def __getstate__(self) -> dict[str, Any]:
        """What travels from a worker: a block has few of many classes."""
        sparse = {name: _sparse(self.__dict__[name]) for name in ("_chosen", "_wanted")}
        return {**self.__dict__, **sparse}

    def __setstate__(self, state: dict[str, Any]) -> None:
        dense = {name: _dense(*state[name]) for name in ("_chosen", "_wanted")}
        self.__dict__.update({**state, **dense})

    @property
    def accuracy(self) -> float:
        """The share that agrees."""
        return min(self._hits / self.size, 1.0) if self.size else 0.0

    @property
    def chance(self) -> float:
        """The share that would agree if classes and targets were unrelated."""
        return min(float(self._chosen @ self._wanted) / self.size**2, 1.0) if self.size else 1.0

    @property
    def kappa(self) -> float:
        """How far both agree beyond chance."""
        return (self.accuracy - self.chance) / (1 - self.chance) if self.chance < 1 else 0.0

    def mends(self, other: Agreement) -> bool:
        """Whether these targets are surely the right ones in place of those of ``other``."""
        better = self.kappa >= _KAPPA and 1 - self.kappa <= (1 - other.kappa) / 2
        level = max(self.chance, other.accuracy)
        return better and self.accuracy > level and not _luck(self.size, self.accuracy, level)

    @property
    def text(self) -> str:
        """How many rows are right, in words."""
        return f"{self.right} of {self.rows} rows are right"


def _luck(size: float, mean: float, expected: float) -> bool:
    """Whether a mean may be that far from what is expected by luck."""
    if expected in (0.0, 1.0):
        return False
    distance = sum(a * math.log(a / p) for a, p in ((mean, expected), (1 - mean, 1 - expected)) if a > 0)
    return math.exp(-size * distance) >= _LUCK


def _sparse(counts: NDArray[np.float64]) -> tuple[int, NDArray[np.intp], NDArray[np.float64]]:
    some = np.flatnonzero(counts)
    return len(counts), some, counts[some]


def _dense(size: int, some: NDArray[np.intp], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    dense = np.zeros(size)
    dense[some] = counts
    return dense


class _Shift(NamedTuple):
    """Which targets are looked at in place of the row's own, and what it means where they fit.

    Attributes:
        axis: of which the neighbour's are taken; None: the row's own, in another class.
        offset: how far the neighbour is, or what is added to the class.
        evidence, advice: in words.
    """

    axis: int | None
    offset: int
    evidence: str
    advice: str


SHIFTS = (
    _Shift(
        None, -1, "with 1 taken from every target", "the targets count classes from 1: subtract 1 from each"
    ),
    _Shift(None, 1, "with 1 added to every target", "the targets miss the first class: add 1 to each"),
    _Shift(
        1, 1, "with the target of the step after", "the targets are a step late: take those of the step after"
    ),
    _Shift(
        1,
        -1,
        "with the target of the step before",
        "the targets are a step early: take those of the step before",
    ),
    _Shift(
        0, 1, "with the target of the sample after", "is the first of the targets one too many (a header)?"
    ),
    _Shift(0, -1, "with the target of the sample before", "is the first of the targets missing?"),
)


class Shifted:
    """Targets that fit when they are shifted by one: in their numbers, along time, or along the samples."""

    name = "targets-shifted"

    def __init__(self, info: OutputInfo) -> None:
        self._n = info.n
        self._own = Agreement(info.n + 1)
        self._shifted = [Agreement(info.n + 1) for _ in SHIFTS]
        self._around = [0.0] * len(SHIFTS)  # what speaks for numbers that begin anew at the other end
        self._beyond = False

    def add(self, block: CheckRows) -> None:
        rows = counted(block)
        if rows is None:
            return
        self._beyond = self._beyond or bool((rows.targets == self._n).any())
        self._own.add(rows.classes, rows.targets, rows.weights)
        for i, shift in enumerate(SHIFTS):
            if shift.axis is None:
                shifted = rows.targets + shift.offset
                self._shifted[i].add(rows.classes, shifted, rows.weights)
                around = (shifted < 0) | (shifted == self._n)
                votes = np.where(rows.classes == shifted % self._n, rows.weights, -rows.weights)
                self._around[i] += float(votes[around].sum())
            elif (near := block.near.get((shift.axis, shift.offset))) is not None:
                self._shifted[i].add(rows.classes, near[rows.rows], rows.weights)

    def merge(self, other: Shifted) -> None:
        self._own.merge(other._own)
        for own, theirs in zip(self._shifted, other._shifted, strict=True):
            own.merge(theirs)
        self._around = [own + theirs for own, theirs in zip(self._around, other._around, strict=True)]
        self._beyond |= other._beyond

    def finding(self) -> Finding | None:
        best = max(range(len(SHIFTS)), key=lambda i: self._shifted[i].kappa)
        # Numbers that begin anew at the other end are another order of the classes.
        if self._shifted[best].mends(self._own) and self._around[best] <= 0:
            shift, right = SHIFTS[best], self._shifted[best]
            share = f"{right.right} of {right.rows} are ({right.right / right.rows:.4f})"
            return Finding(self.name, f"{_as_they_are(self._own)}; {shift.evidence}, {share}", shift.advice)
        if self._beyond:
            evidence = f"the targets are numbers from 1 to {self._n}, classes are 0 to {self._n - 1}"
            return Finding(self.name, evidence, SHIFTS[0].advice)
        return None


class Permuted:
    """Targets that fit in another order of the classes, found in one half of them and tried in the other."""

    name = "targets-permuted"

    def __init__(self, info: OutputInfo) -> None:
        self._n, self._labels = info.n + 1, info.labels
        self._own = Agreement(self._n)
        self._halves: tuple[list[_Pairs], list[_Pairs]] = ([], [])
        self._runs = 0

    def add(self, block: CheckRows) -> None:
        rows = counted(block)
        if rows is None or self._runs > _MOST:
            return
        self._own.add(rows.classes, rows.targets, rows.weights)
        pairs = rows.classes * self._n + rows.targets
        odd = (rows.runs + self._runs) % 2 == 1
        self._runs += int(rows.runs[-1]) + 1
        for half, some in zip(self._halves, (~odd, odd), strict=True):
            half.append(_summed(pairs[some], rows.weights[some]))

    def merge(self, other: Permuted) -> None:
        if not other._runs or self._runs > _MOST:
            return
        self._own.merge(other._own)
        even, odd = other._halves if self._runs % 2 == 0 else other._halves[::-1]
        self._halves[0].extend(even)
        self._halves[1].extend(odd)
        self._runs += other._runs

    def finding(self) -> Finding | None:
        learnt, tried = (_joined(half) for half in self._halves)
        order, moved = self._order(*learnt)
        if not moved:
            return None
        found = Agreement(self._n)
        pairs, weights = tried
        chosen, wanted = np.divmod(pairs, self._n)
        new = np.full(self._n, self._n - 1)  # of what has no target, none is right
        new[list(order.values())] = list(order)
        found.add(chosen, new[wanted], weights)
        if not found.mends(self._own):
            return None
        said = listed((f"target {self._named(wanted)} is class {chosen}" for wanted, chosen in moved), 10)
        evidence = f"{_as_they_are(self._own)}; in another order of the classes {found.accuracy:.4f}: {said}"
        return Finding(
            self.name, evidence, "number the targets, or order the labels, as the kernel's columns are"
        )

    def _order(
        self, pairs: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> tuple[dict[int, int], list[tuple[int, int]]]:
        """Return class → target, one to one, the most frequent pairs first; and (target, class) of the moved.

        Where classes change places, the place of one is taken by another. A head that takes a class for one
        that never occurs moves it, too, but to nobody's place: then none counts as moved.
        """
        order: dict[int, int] = {}
        moved: dict[int, tuple[int, float]] = {}
        taken: set[int] = set()
        by_weight = np.argsort(-weights, kind="stable")
        for pair, weight in zip(pairs[by_weight].tolist(), weights[by_weight].tolist(), strict=True):
            chosen, wanted = divmod(pair, self._n)
            if chosen in order or wanted in taken:
                continue
            order[chosen] = wanted
            taken.add(wanted)
            if chosen != wanted:
                moved[wanted] = chosen, weight
        places = {chosen for chosen, _ in moved.values()}
        in_places = sum(weight for wanted, (_, weight) in moved.items() if wanted in places)
        if 2 * in_places < sum(weight for _, weight in moved.values()):
            return order, []
        return order, [(wanted, chosen) for wanted, (chosen, _) in moved.items()]

    def _named(self, target: int) -> str:
        named = self._labels is not None and target < len(self._labels)
        return f"{target} ({self._labels[target]})" if named and self._labels is not None else str(target)


class Unrelated:
    """Classes that agree with the targets as often as chance has it, while the outputs are sure."""

    name = "targets-unrelated"

    def __init__(self, info: OutputInfo) -> None:
        self._own = Agreement(info.n + 1)
        self._confidence = 0.0

    def add(self, block: CheckRows) -> None:
        rows = counted(block)
        if rows is None:
            return
        self._own.add(rows.classes, rows.targets, rows.weights)
        confidence = block.y[rows.rows, rows.classes]
        self._confidence += float((np.clip(confidence, 0, 1) * rows.weights).sum())

    def merge(self, other: Unrelated) -> None:
        self._own.merge(other._own)
        self._confidence += other._confidence

    def finding(self) -> Finding | None:
        own = self._own
        if not own.size:
            return None
        confidence, chance = self._confidence / own.size, own.chance
        if confidence - chance < _KAPPA * (1 - chance):
            return None
        quarter, half = (chance + share * (confidence - chance) for share in (0.25, 0.5))
        if own.accuracy >= quarter or _luck(own.size, own.accuracy, half):
            return None
        evidence = f"{_as_they_are(own)}, while the mean confidence is {confidence:.4f}"
        advice = (
            "are these the targets of this input and of this head, and is it trained? No shift makes them fit"
        )
        return Finding(self.name, evidence, advice)


def _as_they_are(own: Agreement) -> str:
    return f"{own.text} ({own.right / own.rows:.4f}; by chance {own.chance:.4f})"


def _summed(pairs: NDArray[np.int64], weights: NDArray[np.float64]) -> _Pairs:
    """Return each pair once, and the sum of its weights."""
    unique, which = np.unique(pairs, return_inverse=True)
    return unique, np.bincount(which, weights, len(unique)).astype(np.float64)


def _joined(parts: list[_Pairs]) -> _Pairs:
    """Return the pairs of all parts, each once."""
    pairs = np.concatenate([np.empty(0, np.int64), *(part[0] for part in parts)])
    return _summed(pairs, np.concatenate([np.empty(0), *(part[1] for part in parts)]))
