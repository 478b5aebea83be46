"""A plan → what a report shows: what was run, findings, all rows in pictures, and the samples to look at.

In: a `Plan` on files, which are read more than once. Out: a `Report`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.checking import check
from dense_cli.errors import UsageError
from dense_cli.picturing import Asked, Room, draw_from
from dense_cli.plan import Plan
from dense_cli.run import Progress, Run
from dense_cli.sources.open import no_note
from dense_cli.views.checks.check import Finding
from dense_cli.views.evaluate import Result
from dense_cli.views.measures import Summary, Totals
from dense_cli.views.pictures import Picture, likeliest

STEPS = 200  # of a sample that are shown
CLASSES = 100  # of a sample that its heat map has
_FILES = ("input", "weights", "model", "labels", "targets", "lengths", "mask", "input_labels")


class File(NamedTuple):
    """A file that was read: what for, its name, size in bytes, and SHA-256 as hexadecimal digits."""

    what: str
    name: str
    size: int
    digest: str


class Sample(NamedTuple):
    """A sample that deserves a look.

    Attributes:
        number: which one.
        steps: (rows,), the numbers of its time steps; one row where there are none.
        shown: (classes,), the classes that are kept, in order of their numbers.
        values: (rows, classes), their probabilities.
        chosen: (rows,), the class of each row, -1 for none.
        runner_up: (rows,), the second class, -1 for none.
        best, second: (rows,), their probabilities.
        margin, entropy, loss: (rows,); ``loss`` is None without targets.
        targets: (rows,), -1 for none; None without targets.
        counts: (rows,), False for padding.
        note: what is left out.
    """

    number: int
    steps: NDArray[np.int64]
    shown: NDArray[np.int64]
    values: NDArray[np.float64]
    chosen: NDArray[np.int64]
    runner_up: NDArray[np.int64]
    best: NDArray[np.float64]
    second: NDArray[np.float64]
    margin: NDArray[np.float64]
    entropy: NDArray[np.float64]
    loss: NDArray[np.float64] | None
    targets: NDArray[np.int64] | None
    counts: NDArray[np.bool_]
    note: str | None


class Report(NamedTuple):
    """Everything a report shows; ``left_out`` is how many samples are not among those shown."""

    title: tuple[str, ...]
    files: list[File]
    run: Run
    totals: Totals
    findings: list[Finding]
    pictures: list[Picture]
    samples: list[Sample]
    left_out: int


def report(
    plan: Plan, most: int = 50, *, note: Callable[[str], None] = no_note, progress: Progress | None = None
) -> Report:
    """Return what a report shows.

    Args:
        plan: what is run on what; the rows must be distributions.
        most: samples that are shown at most: of the largest loss, or without targets of the smallest margin.
        note, progress: as `Plan.open` has them.

    Raises:
        UsageError: the input can be read only once, or its rows are no distributions.
        DenseCliError, OSError: an input is not what it should be.
    """
    if plan.input == "-":
        raise UsageError("a report reads INPUT more than once: expected a file, found standard input")
    run = plan.open(note=note, progress=progress)
    if not run.gives_distributions:
        raise UsageError("a report is about distributions: softmax or sparsemax")
    summary, scores = _scores(run)
    chosen = sorted(scores, key=lambda sample: (scores[sample], sample))[:most]
    found = {sample.number: sample for sample in _samples(plan, set(chosen), progress)}
    findings = check(replace(plan, targets=None, ignore_index=None), progress=progress).findings
    pictures = [_picture(plan, kind) for kind in ("histogram", *_with_targets(run))]
    samples = [found[number] for number in chosen if number in found]
    return Report(
        run.title,
        _files(plan),
        run,
        summary.totals(),
        findings,
        pictures,
        samples,
        len(scores) - len(samples),
    )


def _with_targets(run: Run) -> tuple[str, ...]:
    return () if run.targets is None else ("calibration", "confusion")


def _picture(plan: Plan, kind: str) -> Picture:
    return draw_from(plan, kind, Asked(), Room(20, 20))


def _scores(run: Run) -> tuple[Summary, dict[int, float]]:
    """Return the summary of all rows, and of each sample how little it deserves a look."""
    summary = Summary(run.classes, 5)
    scores: dict[int, float] = {}
    wanted = ("margin", *run.measures, *Summary.NEEDS)
    for result in run.results(run.view._replace(top=None, arrays=(), measures=tuple(dict.fromkeys(wanted)))):
        summary.add(result.classes, result.measures, result.places[:, 0], result.mask)
        value = -result.measures["loss"] if run.targets is not None else result.measures["margin"]
        counts = np.isfinite(value) if result.mask is None else np.isfinite(value) & result.mask
        numbers, first = np.unique(result.places[counts, 0], return_inverse=True)
        least = np.full(len(numbers), np.inf)
        np.minimum.at(least, first, value[counts].astype(np.float64))
        for number, score in zip(numbers.tolist(), least.tolist(), strict=True):
            scores[number] = min(scores.get(number, np.inf), score)
    return summary, scores


def _samples(plan: Plan, chosen: set[int], progress: Progress | None) -> Iterator[Sample]:
    """Give the chosen samples, whose rows follow each other."""
    run = replace(plan, top_k=None).open(progress=progress)
    names = ("margin", "entropy", *(("rank", "loss") if run.targets is not None else ()))
    view = run.view._replace(top=None, arrays=("probabilities",), measures=names, explain=None)
    parts: list[_Part] = []
    for result in run.results(view):
        for number in dict.fromkeys(result.places[:, 0].tolist()):
            if parts and parts[0].number != number:
                yield _sample(run, parts)
                parts = []
            if number in chosen and sum(len(part.steps) for part in parts) <= STEPS:
                parts.append(_part(run, result, number))
    if parts:
        yield _sample(run, parts)


class _Part(NamedTuple):
    """The rows of a sample in a block."""

    number: int
    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    classes: NDArray[np.int64]
    measures: dict[str, NDArray[np.float64]]
    targets: NDArray[np.int64] | None
    counts: NDArray[np.bool_]


def _part(run: Run, result: Result, number: int) -> _Part:
    rows = np.flatnonzero(result.places[:, 0] == number)[: STEPS + 1]
    places = result.places[rows]
    counts = np.ones(len(rows), bool) if result.mask is None else result.mask[rows]
    targets = None
    if run.targets is not None:
        targets = run.targets.rows(places, None if result.mask is None else counts, run.classes)
    return _Part(
        number,
        places[:, 1] if places.shape[1] > 1 else np.zeros(len(rows), np.int64),
        result.arrays["probabilities"][rows].astype(np.float64),
        result.classes[rows],
        {name: values[rows].astype(np.float64) for name, values in result.measures.items()},
        targets,
        counts,
    )


def _sample(run: Run, parts: list[_Part]) -> Sample:
    values = np.concatenate([part.values for part in parts])
    rows = min(len(values), STEPS)
    left_out = [f"the first {STEPS} steps"] if len(values) > STEPS else []
    values = values[:rows]
    shown = likeliest(values, CLASSES)
    if len(shown) < values.shape[1]:
        left_out.append(f"of {values.shape[1]} classes the {len(shown)} likeliest")
    chosen = np.concatenate([part.classes for part in parts])[:rows]
    each = np.arange(rows)
    others = np.nan_to_num(values, nan=-1.0)
    best = np.where(chosen < 0, np.nan, values[each, np.maximum(chosen, 0)])
    others[each, np.maximum(chosen, 0)] = -1.0
    runner_up = others.argmax(axis=1)
    alone = (chosen < 0) | (values.shape[1] == 1)

    def measure(name: str) -> NDArray[np.float64]:
        return np.concatenate([part.measures[name] for part in parts])[:rows]

    targets = None
    if run.targets is not None:
        targets = np.concatenate([part.targets for part in parts if part.targets is not None])[:rows]
    return Sample(
        parts[0].number,
        np.concatenate([part.steps for part in parts])[:rows],
        shown,
        values[:, shown],
        chosen,
        np.where(alone, -1, runner_up),
        best,
        np.where(alone, np.nan, others[each, runner_up]),
        measure("margin"),
        measure("entropy"),
        measure("loss") if targets is not None else None,
        targets,
        np.concatenate([part.counts for part in parts])[:rows],
        ", and ".join(left_out) + " are shown" if left_out else None,
    )


def _files(plan: Plan) -> list[File]:
    """Return the files that were read, with what tells each from any other."""
    found = []
    for what in _FILES:
        name = getattr(plan, what)
        if isinstance(name, str) and os.path.isfile(name):
            with open(name, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found.append(File(what.replace("_", " "), name, os.path.getsize(name), digest))
    return found
