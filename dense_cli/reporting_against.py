"""A plan, and outputs that its own are held against → which rows change class, the most changed first.

In: a `Plan` and the path of the other outputs. Out: an `Against`, and of chosen samples the other outputs.
The differences are those of `comparing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.comparing import compared_rows, outputs_of, side_by_side
from dense_cli.errors import ShapeError, UsageError
from dense_cli.pipeline import HOLDS
from dense_cli.plan import Plan
from dense_cli.progress import Progress
from dense_cli.reporting_samples import probability_at
from dense_cli.run import Run
from dense_cli.sources.source import Place, Source
from dense_cli.sources.streamed import StreamSource
from dense_cli.views.apart import ComparedRows
from dense_cli.views.compare import Comparison, ComparisonResult, Limits

FLIPS = 100  # that are kept
UNKNOWN = 2.0  # the change of a row that cannot be compared: more than any that can
_HINT = "--against FILE holds finished distributions, or logits where INPUT holds them (--logits)"


class Flip(NamedTuple):
    """A row that changes class.

    Attributes:
        place: its sample, its time step and further axes.
        first, second: its class in A and in B, -1 for none.
        before, after: the probability of ``first`` in A, and of ``second`` in B; NaN for none.
        variation: the total variation between both distributions; NaN where one is not known.
        target: the class that it should have; -1 for none, or without targets.
    """

    place: Place
    first: int
    second: int
    before: float
    after: float
    variation: float
    target: int

    @property
    def change(self) -> float:
        """Its total variation, `UNKNOWN` where that is not known."""
        return UNKNOWN if self.variation != self.variation else self.variation


class Against(NamedTuple):
    """How other outputs, B, depart from those of a plan, A.

    Attributes:
        name: what B is called.
        result: the comparison, as `compare` has it.
        flips: the rows that change class, the most changed first; at most `FLIPS`.
        changes: sample → how much the most changed of its flips changes.
        lost, won: how many rows are right in A alone, and in B alone; None without targets.
    """

    name: str
    result: ComparisonResult
    flips: list[Flip]
    changes: dict[int, float]
    lost: int | None
    won: int | None


def hold_against(plan: Plan, other: str, progress: Progress | None = None) -> Against:
    """Compare what a plan gives with other outputs of the same rows.

    Args:
        plan: A; its rows are distributions.
        other: the path of B, which holds distributions; where INPUT holds outputs, B is read as INPUT is, its
            format apart.
        progress: as `Plan.open` has it.

    Raises:
        ShapeError: B does not hold the rows of A, or no distributions.
        DenseCliError, OSError: a file is not what it should be.
    """
    run, a, b, numbered = _sides(plan, other, progress)
    comparison = Comparison("probabilities", Limits(), worst=1)
    flips = _Flips(run)
    try:
        for left, right, places in compared_rows(a, b, "probabilities", numbered=numbered):
            rows = comparison.add(left, right, places)
            assert rows is not None
            flips.add(rows, left, right)
    except ShapeError as error:
        raise ShapeError(str(error), hint=_HINT if error.hint == HOLDS else error.hint) from None
    turned = (None, None) if run.targets is None else (flips.lost, flips.won)
    return Against(b.name, comparison.result(), flips.kept, flips.changes, *turned)


def other_values(plan: Plan, other: str, chosen: set[int], most: int) -> Iterator[NDArray[np.float64]]:
    """Give what B has of chosen samples, in their order: (rows, classes), at most ``most`` rows."""
    _, a, b, numbered = _sides(plan, other)
    number, parts, count = -1, [np.empty((0, 0))], 0
    for block, _, right in side_by_side(a, b, numbered=numbered):
        samples = block.places()[:, 0]
        for sample in dict.fromkeys(samples.tolist()):
            if sample != number:
                if number in chosen:
                    yield np.concatenate(parts)
                number, parts, count = sample, [], 0
            if sample in chosen:
                parts.append(right[samples == sample][: most - count].astype(np.float64))
                count += len(parts[-1])
    if number in chosen:
        yield np.concatenate(parts)


def _sides(plan: Plan, other: str, progress: Progress | None = None) -> tuple[Run, Source, Source, bool]:
    """Return the run of A, both outputs, and whether the numbers of their samples mean the same."""
    if other == "-":
        raise UsageError("--against is read more than once: expected a file, found standard input")
    plans = replace(plan, top_k=None), _plan_of(plan, other)
    run = plans[0].open(progress=progress)
    numbered = _states_samples(plans[0]) == _states_samples(plans[1])
    return run, outputs_of(run), outputs_of(plans[1].open()), numbered


def _states_samples(plan: Plan) -> bool:
    """Whether an input says itself which samples it holds, as the lines that densecli prints do."""
    if plan.model is not None:
        return False
    source = plan.open_source()
    return isinstance(source, StreamSource) and source.stated


def _plan_of(plan: Plan, other: str) -> Plan:
    """Return the plan that gives B."""
    if plan.has_head or plan.model is not None:
        return Plan(other, batch=plan.batch, memory=plan.memory, threads=plan.threads)
    as_input = replace(plan, input=other, input_format=None, lengths=None, mask=None, padding=None)
    return replace(as_input, top_k=None, labels=None, targets=None, ignore_index=None)


class _Flips:
    """Gathers the rows that change class, block by block."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.kept: list[Flip] = []
        self.changes: dict[int, float] = {}
        self.lost = self.won = 0

    def add(self, rows: ComparedRows, a: NDArray[Any], b: NDArray[Any]) -> None:
        """Take further rows, and their values (rows, classes) in A and B."""
        flipped = np.flatnonzero(rows.first != rows.second)
        if not len(flipped):
            return
        first, second, places = rows.first[flipped], rows.second[flipped], rows.places[flipped]
        targets = self._targets(places)
        self.lost += int(np.count_nonzero((targets >= 0) & (first == targets)))
        self.won += int(np.count_nonzero((targets >= 0) & (second == targets)))
        variation = rows.variation[flipped]
        change = np.nan_to_num(variation, nan=UNKNOWN)
        samples, which = np.unique(places[:, 0], return_inverse=True)
        most = np.zeros(len(samples))
        np.maximum.at(most, which, change)
        for sample, value in zip(samples.tolist(), most.tolist(), strict=True):
            self.changes[sample] = max(self.changes.get(sample, 0.0), value)
        worst = np.argsort(-change, kind="stable")[:FLIPS]
        before, after = probability_at(a[flipped], first), probability_at(b[flipped], second)
        columns = (first, second, before, after, variation, targets)
        rows_of = zip(*(column[worst].tolist() for column in (places, *columns)), strict=True)
        self.kept += [Flip(tuple(place), *numbers) for place, *numbers in rows_of]
        self.kept = sorted(self.kept, key=lambda flip: -flip.change)[:FLIPS]

    def _targets(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        if self._run.targets is None:
            return np.full(len(places), -1)
        return self._run.targets.rows(places, None, self._run.classes)
