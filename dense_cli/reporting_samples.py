"""The samples of a run that a report shows: of each step the distribution, its classes and measures.

In: a `Run` and the numbers of samples. Out: a `Sample` each, in the order of the input.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.run import Run
from dense_cli.views.compare import classes_of
from dense_cli.views.evaluate import Result
from dense_cli.views.pictures import likeliest

STEPS = 200  # of a sample that are shown
CLASSES = 100  # of a sample that its heat map has


class Other(NamedTuple):
    """The same rows in other outputs.

    Attributes:
        values: (rows, classes), the probabilities of the classes that are kept.
        chosen, best: (rows,), the class of each row, -1 for none, and its probability.
        changed: (rows,), True where it is another class; never for padding.
    """

    values: NDArray[np.float64]
    chosen: NDArray[np.int64]
    best: NDArray[np.float64]
    changed: NDArray[np.bool_]


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
        other: what the outputs have that these are held against; None where there are none.
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
    other: Other | None


def samples(run: Run, chosen: set[int], others: Iterator[NDArray[np.float64]] | None) -> Iterator[Sample]:
    """Give the chosen samples, whose rows follow each other.

    Args:
        run: its rows are distributions.
        chosen: the numbers of the samples.
        others: of each of these, in the order of ``run``, the rows of other outputs, (rows, classes); None:
            there are none.
    """
    names = ("margin", "entropy", *(("rank", "loss") if run.targets is not None else ()))
    view = run.view._replace(top=None, arrays=("probabilities",), measures=names, explain=None)
    parts: list[_Part] = []
    for result in run.results(view):
        for number in dict.fromkeys(result.places[:, 0].tolist()):
            if parts and parts[0].number != number:
                yield _sample(run, parts, others)
                parts = []
            if number in chosen and sum(len(part.steps) for part in parts) <= STEPS:
                parts.append(_part(run, result, number))
    if parts:
        yield _sample(run, parts, others)


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


def _sample(run: Run, parts: list[_Part], others: Iterator[NDArray[np.float64]] | None) -> Sample:
    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])[:STEPS]

    steps = sum(len(part.values) for part in parts)
    left_out = [f"the first {STEPS} steps"] if steps > STEPS else []
    values = joined("values")
    other = None if others is None else next(others)[:STEPS]
    shown = likeliest(values if other is None else np.fmax(values, other), CLASSES)
    if len(shown) < values.shape[1]:
        left_out.append(f"of {values.shape[1]} classes the {len(shown)} likeliest")
    chosen = joined("classes")
    each = np.arange(len(values))
    rest = np.nan_to_num(values, nan=-1.0)
    counts = joined("counts")
    rest[each, np.maximum(chosen, 0)] = -1.0
    runner_up = rest.argmax(axis=1)
    alone = (chosen < 0) | (values.shape[1] == 1)

    def measure(name: str) -> NDArray[np.float64]:
        return np.concatenate([part.measures[name] for part in parts])[:STEPS]

    targets = None if run.targets is None else joined("targets")
    return Sample(
        parts[0].number,
        joined("steps"),
        shown,
        values[:, shown],
        chosen,
        np.where(alone, -1, runner_up),
        probability_at(values, chosen),
        np.where(alone, np.nan, rest[each, runner_up]),
        measure("margin"),
        measure("entropy"),
        measure("loss") if targets is not None else None,
        targets,
        counts,
        ", and ".join(left_out) + " are shown" if left_out else None,
        None if other is None else _other(other, shown, chosen, counts),
    )


def _other(
    values: NDArray[np.float64], shown: NDArray[np.int64], first: NDArray[np.int64], counts: NDArray[np.bool_]
) -> Other:
    chosen = classes_of(values)
    return Other(values[:, shown], chosen, probability_at(values, chosen), (chosen != first) & counts)


def probability_at(values: NDArray[Any], classes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the probability of a class in each row of (rows, classes), NaN for class -1.

    >>> probability_at(np.array([[0.25, 0.75], [0.5, 0.5]]), np.array([1, -1])).tolist()
    [0.75, nan]
    """
    at = values[np.arange(len(values)), np.maximum(classes, 0)].astype(np.float64)
    return np.where(classes < 0, np.nan, at)
