"""A plan → what a report shows: what was run, findings, all rows in pictures, and the samples to look at.

In: a `Plan` on files, which are read more than once. Out: a `Report`.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from dense_cli.checking import check
from dense_cli.errors import UsageError
from dense_cli.picturing import Asked, Room, draw_from
from dense_cli.plan import Plan
from dense_cli.progress import Progress
from dense_cli.reporting_against import Against, hold_against, other_values
from dense_cli.reporting_samples import STEPS, Sample, samples
from dense_cli.run import Run
from dense_cli.sources.open import no_note
from dense_cli.views.checks.check import Finding
from dense_cli.views.measures import Summary, Totals
from dense_cli.views.pictures import Picture

_FILES = ("input", "weights", "model", "labels", "targets", "lengths", "mask", "input_labels")


class File(NamedTuple):
    """A file that was read: what for, its name, size in bytes, and SHA-256 as hexadecimal digits."""

    what: str
    name: str
    size: int
    digest: str


class Report(NamedTuple):
    """Everything a report shows; ``left_out`` is how many samples are not among those shown.

    ``against`` says how other outputs depart from these; None where there are none.
    """

    title: tuple[str, ...]
    files: list[File]
    run: Run
    totals: Totals
    findings: list[Finding]
    pictures: list[Picture]
    samples: list[Sample]
    left_out: int
    against: Against | None


def report(
    plan: Plan,
    most: int = 50,
    *,
    against: str | None = None,
    note: Callable[[str], None] = no_note,
    progress: Progress | None = None,
) -> Report:
    """Return what a report shows.

    Args:
        plan: what is run on what; the rows must be distributions.
        most: samples that are shown at most: those that change class ``against`` the other outputs, the most
            changed first, then those of the largest loss, or without targets of the smallest margin.
        against: the path of outputs that these are held against.
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
    held = None if against is None else hold_against(plan, against, progress)
    chosen = _deserving(scores, {} if held is None else held.changes)
    shown = set(chosen[:most])
    others = None if against is None else other_values(plan, against, shown, STEPS)
    again = replace(plan, top_k=None).open(progress=progress)
    by_number = {sample.number: sample for sample in samples(again, shown, others)}
    findings = check(plan, progress=progress).findings
    pictures = [_picture(plan, kind) for kind in ("histogram", *_with_targets(run))]
    return Report(
        run.title,
        _files(plan, against),
        run,
        summary.totals(),
        findings,
        pictures,
        [by_number[number] for number in chosen[:most]],
        len(chosen) - len(by_number),
        held,
    )


def _deserving(scores: dict[int, float], changes: dict[int, float]) -> list[int]:
    """Return all samples, those first that deserve a look."""

    def key(sample: int) -> tuple[float, float, int]:
        return -changes.get(sample, 0.0), scores.get(sample, math.inf), sample

    return sorted(scores.keys() | changes.keys(), key=key)


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


def _files(plan: Plan, against: str | None) -> list[File]:
    """Return the files that were read, with what tells each from any other."""
    found = []
    for what in (*_FILES, "against"):
        for name in _paths(against if what == "against" else getattr(plan, what)):
            with open(name, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found.append(File(what.replace("_", " "), name, os.path.getsize(name), digest))
    return found


def _paths(given: object) -> list[str]:
    """Return the files that an option names: none where it is an array, or standard input."""
    if isinstance(given, (tuple, list)) or (isinstance(given, str) and os.path.isdir(given)):
        from dense_cli.sources.paths import files_of

        return list(filter(os.path.isfile, files_of(given)))
    return [given] if isinstance(given, str) and os.path.isfile(given) else []
