"""The rows of a run that a picture shows: the first ones, as many as there is room for.

In: a `Run`. Out: `Rows`, and names of classes. Memory follows the rows that are shown, not the input.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError
from dense_cli.run import Run
from dense_cli.text import printable
from dense_cli.views.evaluate import Result, View
from dense_cli.views.pictures import likeliest

POINTS = 20_000  # of a line
_MEMORY = 256 << 20  # bytes of rows that are kept
_LONGEST = 24  # characters of a name


class Rows(NamedTuple):
    """Rows of a run, those of its first sample where there are time steps.

    Attributes:
        values: (rows, columns), in the dtype of the output or float64; padding is NaN.
        classes: (rows,), -1 where a row has none, and for padding.
        places: (rows, axes), the sample of each row and what follows it.
        padding: (rows,), True where a row is padding.
        left_out: what of the samples and their steps there was no room for, in words.
    """

    values: NDArray[Any]
    classes: NDArray[np.int64]
    places: NDArray[np.int64]
    padding: NDArray[np.bool_]
    left_out: list[str]


def stepped(run: Run) -> bool:
    """Whether samples have time steps."""
    return len(run.shape) > 2


def results(run: Run, view: View) -> Iterator[Result]:
    """Give the results of the rows that are asked for, sample by sample."""
    for _, group in run.groups(view, by_step=False):
        yield from group


def values_view(run: Run) -> View:
    """Return the view that has the values of every row and no more."""
    return run.view._replace(top=None, arrays=(run.view.values,), measures=(), explain=None)


def first_values(run: Run, most: int, classes: NDArray[np.int64] | None = None) -> Rows:
    """Return the values of the first rows, at most ``most``, of some classes or of all.

    Raises:
        ConfigError: there are no rows.
    """
    view = values_view(run)
    count = run.classes if classes is None else len(classes)

    def values_of(result: Result, rows: NDArray[np.int64]) -> NDArray[Any]:
        found = result.arrays[view.values]
        return found[rows] if classes is None else found[np.ix_(rows, classes)]

    return _first(run, view, most, count, values_of)


def first_measures(run: Run, names: tuple[str, ...], most: int) -> Rows:
    """Return measures of the first rows, a column each.

    Raises:
        ConfigError: there are no rows.
    """
    view = run.view._replace(top=None, arrays=(), measures=names, explain=None)

    def values_of(result: Result, rows: NDArray[np.int64]) -> NDArray[Any]:
        return np.stack([result.measures[name][rows] for name in names], axis=1)

    return _first(run, view, most, len(names), values_of)


def _first(run: Run, view: View, most: int, columns: int, values_of: Any) -> Rows:
    most = max(min(most, (run.plan.memory or _MEMORY) // (max(columns, 1) * 8)), 1)
    values = np.empty((0, columns))
    kept: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]] = []
    count, sample = 0, -1
    more_rows = more_samples = False
    for result in results(run, view):
        if not len(result.classes):
            continue
        if sample < 0:
            sample = int(result.places[0, 0])
        same = result.places[:, 0] == sample if stepped(run) else np.ones(len(result.classes), bool)
        rows = np.flatnonzero(same)
        more_rows = len(rows) > most - count
        more_samples = not same.all()
        rows = rows[: most - count]
        found = values_of(result, rows)
        padding = np.zeros(len(rows), bool) if result.mask is None else ~result.mask[rows]
        if not count:
            values = np.empty((most, columns), found.dtype)  # takes memory as it is filled
        values[count : count + len(rows)] = np.where(padding[:, None], np.nan, found)
        kept.append((np.where(padding, -1, result.classes[rows]), result.places[rows], padding))
        count += len(rows)
        if more_rows or more_samples:
            break
    if not count:
        raise ConfigError(f"{run.input_name}: there are no rows to draw")
    classes, places, padding = (np.concatenate(arrays) for arrays in zip(*kept, strict=True))
    left_out = _left_out(run, count, more_rows, more_samples)
    return Rows(values[:count], classes, places, padding, left_out)


def _left_out(run: Run, count: int, more_rows: bool, more_samples: bool) -> list[str]:
    """Return what is not shown, and the option that shows it."""
    samples = run.shape[0]
    if not stepped(run):
        total = f"of {samples} samples" if samples else "of the samples"
        return [f"{total} the first {count} (-b picks others)"] if more_rows else []
    parts = []
    if more_rows:
        steps = run.shape[1] if len(run.shape) == 3 else None
        parts.append(
            f"{f'of {steps} steps' if steps else 'of the steps'} the first {count} (-t picks others)"
        )
    if more_samples or (samples or 0) > 1:
        parts.append(
            f"{f'of {samples} samples' if samples else 'of the samples'} the first (-b picks another)"
        )
    return parts


def said(*parts: str) -> str | None:
    """Join what is left out to one note."""
    return ", ".join(parts) or None


def chosen_classes(run: Run, rows: Rows, most: int) -> tuple[NDArray[np.int64], list[str]]:
    """Return the likeliest classes of the rows, at most ``most``, and what is said of the others."""
    shown = likeliest(rows.values, min(most, run.classes))
    if len(shown) == run.classes:
        return shown, []
    return shown, [f"of {run.classes} classes the {len(shown)} likeliest (--class names others)"]


def class_names(run: Run, classes: NDArray[np.int64]) -> list[str]:
    """Return the labels of classes, or their numbers."""
    if run.labels is None:
        return [str(c) for c in classes.tolist()]
    names = [printable(run.labels[c][: 2 * _LONGEST]) for c in classes.tolist()]
    return [short(name) for name in names]


def short(name: str) -> str:
    """Cut a name that is long."""
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"


def class_numbers(run: Run, names: tuple[str, ...]) -> NDArray[np.int64]:
    """Return the classes that labels or numbers name.

    Raises:
        ConfigError: a name is none of one class.
    """
    return np.array([_class_number(run, name) for name in dict.fromkeys(names)], np.int64)


def _class_number(run: Run, name: str) -> int:
    if run.labels is not None and run.labels.count(name) == 1:
        return run.labels.index(name)
    number = name.removeprefix("#")
    if number.isdecimal() and len(number) < 18 and int(number) < run.classes:
        return int(number)
    raise ConfigError(f"--class {name}: expected a label of one class, or a number below {run.classes}")
