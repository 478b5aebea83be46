"""A plan → the numbers of a picture, in one pass over what it needs.

In: a `Plan`, which kind of picture, and how much there is room for. Out: a `Picture`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.addresses import without_secrets
from dense_cli.errors import ConfigError, UsageError
from dense_cli.picturing_rows import (
    POINTS,
    Rows,
    chosen_classes,
    class_names,
    class_numbers,
    first_measures,
    first_values,
    results,
    said,
    short,
    stepped,
    values_view,
)
from dense_cli.plan import Plan
from dense_cli.progress import Progress
from dense_cli.run import Run
from dense_cli.run_options import require_classes
from dense_cli.sources.open import no_note
from dense_cli.text import place_text, printable
from dense_cli.views.histogram import Histogram
from dense_cli.views.measures import Summary
from dense_cli.views.pictures import Bars, Grid, Lines, Picture, Ranges, calibration_lines

_BINS = 20  # of a histogram of confidences
MEASURES = ("confidence", "margin", "entropy")
OF_VALUES = ("heatmap", "lines", "histogram")  # kinds that need no classes
OF_TARGETS = ("calibration", "confusion")
OF_DISTRIBUTIONS = ("measures", "calibration")
WITH_CLASSES = ("heatmap", "lines")  # kinds that show the classes that are named
WITH_TOP = ("heatmap", "bars", "lines", "confusion")


class Room(NamedTuple):
    """How many rows and columns there is room for, where nobody asks for a number of them.

    ``halves``: how many rows of a heat map fit into one.
    """

    rows: int
    columns: int
    halves: int = 1


class Asked(NamedTuple):
    """What is asked of a picture beside its kind.

    Attributes:
        classes: labels or numbers of the classes that are shown; the likeliest if empty.
        top_k: how many of the likeliest classes are shown.
    """

    classes: tuple[str, ...] = ()
    top_k: int | None = None


def draw_from(
    plan: Plan,
    kind: str | None,
    asked: Asked,
    room: Room,
    *,
    note: Callable[[str], None] = no_note,
    progress: Progress | None = None,
) -> Picture:
    """Return a picture of what a plan gives.

    Args:
        plan: the outputs; where there are time steps, its ``times`` are those that are shown.
        kind: a name of `KINDS` or ``layers``; None: what suits the input and the options.
        asked: classes, and how many of them.
        room: what there is room for.
        note, progress: as `Plan.open` has them.

    Raises:
        UsageError, ConfigError: the kind does not suit the input; the message says what does.
        DenseCliError, OSError: an input is not what it should be.

    >>> plan = Plan(np.array([[0.25, 0.75], [0.5, 0.5]]))
    >>> draw_from(plan, "heatmap", Asked(), Room(20, 60)).values.tolist()
    [[0.25, 0.5], [0.75, 0.5]]
    """
    if kind == "layers" or (kind is None and plan.model is not None and plan.until is None):
        _check_asked("layers", asked)
        if plan.times is not None:
            raise UsageError("--time: --kind layers is of all steps; the other kinds show some of them")
        return _layers(plan, note, progress)
    plan = replace(plan, top_k=None)
    run = plan.open(note=note, progress=progress)
    chosen = kind or _suiting(run)
    if chosen in OF_TARGETS and run.targets is None:
        raise UsageError(f"--kind {chosen} is about targets: it needs --targets FILE")
    if chosen not in OF_VALUES and run.shows_values:
        raise UsageError(f"--kind {chosen}: {run.what} gives no classes: {', '.join(OF_VALUES)} show values")
    if chosen in OF_DISTRIBUTIONS and not run.gives_distributions:
        raise UsageError(f"--kind {chosen} is about distributions: softmax or sparsemax")
    _check_asked(chosen, asked)
    require_classes(run, asked.top_k)
    picture = KINDS[chosen](run, asked, room)
    return picture._replace(title=f"{picture.title} · {_made_by(run)}")


def _check_asked(kind: str, asked: Asked) -> None:
    """Refuse what a kind would not heed."""
    if asked.classes and kind not in WITH_CLASSES:
        raise UsageError(
            f"--class is about {' and '.join(WITH_CLASSES)}: --kind {kind} shows no chosen classes"
        )
    if asked.top_k is not None and kind not in WITH_TOP:
        raise UsageError(f"--top-k is about {', '.join(WITH_TOP)}, and this is --kind {kind}")
    if asked.classes and asked.top_k is not None:
        raise UsageError("expected one of --class and --top-k: which classes are shown")


def _made_by(run: Run) -> str:
    """Return what made the outputs, in a few words."""
    plan = run.plan
    if run.model is not None:
        return printable(f"layer {run.model.part.layer} of {without_secrets(str(plan.model))}")
    if run.head is None or run.head.dense is None:
        return "logits" if plan.logits else "scores" if plan.scores else "finished outputs"
    return printable(f"head of {without_secrets(plan.weights)}") if plan.weights else run.title[0]


def _suiting(run: Run) -> str:
    if run.targets is not None and run.gives_distributions:
        run.note("calibration is drawn, as there are targets; --kind confusion shows what is taken for what")
        return "calibration"
    return "bars" if run.shape[:-1] == (1,) and not run.shows_values else "heatmap"


def _scale(run: Run, values: NDArray[Any]) -> tuple[str, float, float]:
    """Return what the values are, and where their axis begins and ends."""
    if run.gives_distributions:
        return "probability", 0.0, 1.0
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    name = "score" if run.plan.scores else "value"
    return (name, 0.0, 1.0) if low >= 0 and high <= 1 else (name, low, high)


def _title(run: Run, place: list[int]) -> str:
    return printable(run.input_name) + (f": sample {place[0]}" if stepped(run) else "")


def _heatmap(run: Run, asked: Asked, room: Room) -> Grid:
    named = class_numbers(run, asked.classes) if asked.classes else None
    rows = first_values(run, room.columns, named)
    if named is None:
        shown, left_out = chosen_classes(run, rows, asked.top_k or room.rows * room.halves)
        values = rows.values[:, shown]
    else:
        shown, left_out, values = named, [], rows.values
    value, least, most = _scale(run, values)
    places = rows.places[:, 1:] if stepped(run) else rows.places
    return Grid(
        _title(run, rows.places[0].tolist()),
        "time step" if stepped(run) else "sample",
        "unit" if run.shows_values else "class",
        [", ".join(map(str, place)) for place in places.tolist()],
        class_names(run, shown),
        values.T.astype(np.float64),
        most,
        (shown[:, None] == rows.classes) & (rows.classes >= 0) & (not run.shows_values),
        value,
        least,
        said(*left_out, *rows.left_out),
        rows.padding if rows.padding.any() else None,
    )


def _bars(run: Run, asked: Asked, room: Room) -> Bars:
    row = first_values(run, 1)
    numbers = row.values[0].astype(np.float64)
    order = np.argsort(-np.nan_to_num(numbers, nan=-np.inf), kind="stable")
    order = order[: asked.top_k or min(10, room.rows)]
    value, least, most = _scale(run, numbers)
    left_out = f"of {run.classes} classes the {len(order)} likeliest (-k shows more)"
    marked = np.flatnonzero(order == row.classes[0])
    padding = " (padding)" if row.padding[0] else ""
    return Bars(
        f"{printable(run.input_name)}: {place_text(row.places[0].tolist())}{padding}",
        value,
        class_names(run, order),
        numbers[order],
        most,
        int(marked[0]) if len(marked) else None,
        left_out if len(order) < run.classes else None,
        least,
    )


def _lines(run: Run, asked: Asked, room: Room) -> Lines:
    named = class_numbers(run, asked.classes) if asked.classes else None
    rows = first_values(run, POINTS, named)
    if named is None:
        shown, left_out = chosen_classes(run, rows, asked.top_k or 5)
        values = rows.values[:, shown]
    else:
        shown, left_out, values = named, [], rows.values
    value, least, most = _scale(run, values)
    if most == 1:
        most = _ceiling(float(np.fmax.reduce(values, axis=None)))
    return Lines(
        _title(run, rows.places[0].tolist()),
        "time step" if stepped(run) else "sample",
        value,
        rows.places[:, 1 if stepped(run) else 0].astype(np.float64),
        list(zip(class_names(run, shown), values.T.astype(np.float64), strict=True)),
        least,
        most,
        note=said(*left_out, *rows.left_out, *_padded(rows)),
    )


def _ceiling(most: float) -> float:
    """Return where the axis of probabilities ends: 1, or less where all of them are small."""
    return next((end for end in (0.001, 0.01, 0.1) if most < end), 1.0)


def _padded(rows: Rows) -> list[str]:
    count = int(np.count_nonzero(rows.padding))
    return [f"padding, {count} of {len(rows.padding)} steps, is not drawn"] if count else []


def _measures(run: Run, asked: Asked, room: Room) -> Lines:
    rows = first_measures(run, MEASURES, POINTS)
    return Lines(
        _title(run, rows.places[0].tolist()),
        "time step" if stepped(run) else "sample",
        "confidence, margin",
        rows.places[:, 1 if stepped(run) else 0].astype(np.float64),
        list(zip(MEASURES, rows.values.T.astype(np.float64), strict=True)),
        0.0,
        1.0,
        note=said(*rows.left_out, *_padded(rows)),
        right=("entropy in nats", math.log(max(run.classes, 2))),
    )


def _summary(run: Run) -> Summary:
    """Add up all rows, as the summary of a table does."""
    summary = Summary(run.classes, run.view.top or 5)
    for result in results(run, run.view._replace(top=None, arrays=(), explain=None)):
        summary.add(result.classes, result.measures, result.places[:, 0], result.mask)
    return summary


def _calibration(run: Run, asked: Asked, room: Room) -> Lines:
    summary = _summary(run)
    right = summary.totals().targets
    assert right is not None
    if not right.rows:
        raise ConfigError(f"{run.input_name}: no row has a target")
    error = f"calibration error {right.calibration_error:.4f}, {right.rows} targets"
    return calibration_lines(summary.bins, f"{printable(run.input_name)}: {error}")


def _confusion(run: Run, asked: Asked, room: Room) -> Grid:
    pairs = _pairs(run)
    seen = np.zeros(run.classes, np.int64)
    for (target, found), count in pairs.items():
        seen[target] += count
        seen[found] += count
    most = min(asked.top_k or room.rows, room.columns, run.classes)
    shown = np.sort(np.argsort(-seen, kind="stable")[:most])
    place = {c: i for i, c in enumerate(shown.tolist())}
    values = np.zeros((most, most))
    for (target, found), count in pairs.items():
        if target in place and found in place:
            values[place[target], place[found]] = count
    names = class_names(run, shown)
    left_out = f"of {run.classes} classes the {most} most frequent (-k)" if most < run.classes else None
    right = sum(count for (target, found), count in pairs.items() if target == found)
    title = f"{printable(run.input_name)}: {right} of {sum(pairs.values())} right"
    marks = np.eye(most, dtype=bool)
    high = max(float(values.max(initial=0)), 1.0)
    return Grid(title, "class", "target", names, names, values, high, marks, "rows", 0.0, left_out)


def _pairs(run: Run) -> dict[tuple[int, int], int]:
    """Return how many rows have a target and a class, of all rows that have both."""
    assert run.targets is not None
    pairs: dict[tuple[int, int], int] = {}
    for result in results(run, run.view._replace(top=None, arrays=(), measures=(), explain=None)):
        targets = run.targets.rows(result.places, result.mask, run.classes)
        known = (targets >= 0) & (result.classes >= 0)
        codes, counts = np.unique(targets[known] * run.classes + result.classes[known], return_counts=True)
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
            pair = divmod(code, run.classes)
            pairs[pair] = pairs.get(pair, 0) + count
    return pairs


def _histogram(run: Run, asked: Asked, room: Room) -> Bars:
    """Count rows by their confidence, or the numbers of outputs that are no distributions."""
    if run.shows_values or not run.gives_distributions:
        return _histogram_of_values(run)
    counted, edges = np.histogram([], _BINS, (0.0, 1.0))
    for result in results(
        run, run.view._replace(top=None, arrays=(), measures=("confidence",), explain=None)
    ):
        found = result.measures["confidence"]
        found = found[(result.classes >= 0) & (True if result.mask is None else result.mask)]
        counted = counted + np.histogram(found, edges)[0]
    return _bins(f"{printable(run.input_name)}: confidence of {counted.sum()} rows", "rows", counted, edges)


def _histogram_of_values(run: Run) -> Bars:
    view, bars, size = values_view(run), Histogram(), 0
    for result in results(run, view):
        found = result.arrays[view.values]
        found = (found if result.mask is None else found[result.mask]).astype(np.float64)
        finite = found[np.isfinite(found)]
        bars.add(finite)
        size += len(finite)
    if not size:
        raise ConfigError(f"{run.input_name}: there are no finite numbers to draw")
    low, high, counted = zip(*bars.bins(), strict=True)
    title = f"{printable(run.input_name)}: {size} values"
    return _bins(title, "values", np.array(counted), np.array([*low, high[-1]]))


def _bins(title: str, axis: str, counted: NDArray[np.int64], edges: NDArray[np.float64]) -> Bars:
    names = [f"{low:.4g} to {high:.4g}" for low, high in itertools.pairwise(edges.tolist())]
    return Bars(title, axis, names, counted.astype(np.float64), max(float(counted.max()), 1.0))


def _input_name(plan: Plan) -> str:
    if isinstance(plan.input, (tuple, list)):
        return f"{plan.input[0]} … {plan.input[-1]}"
    if not isinstance(plan.input, str):
        return "x"
    return "standard input" if plan.input == "-" else without_secrets(plan.input)


def _layers(plan: Plan, note: Callable[[str], None], progress: Progress | None) -> Ranges:
    if plan.model is None:
        raise UsageError("--kind layers is about a model: it needs --model FILE")
    from dense_cli.inspecting import run_layers

    record = run_layers(plan, progress=progress, note=note)
    names, marks, numbers = [], [], []
    for layer in record.layers:
        for i, output in enumerate(layer.outputs):
            if (statistics := output.statistics) is None:
                continue
            names.append(short(printable(layer.name)) + (f"[{i}]" if len(layer.outputs) > 1 else ""))
            marks.append(layer.faults[0].kind if layer.faults else "")
            numbers.append((statistics.minimum, statistics.maximum, statistics.mean, statistics.std))
    if not numbers:
        raise ConfigError(f"{plan.model}: no layer of it could be run")
    low, high, mean, deviation = np.array(numbers, np.float64).T  # None becomes NaN
    title = printable(f"{without_secrets(plan.model)}: what each layer puts out on {_input_name(plan)}")
    return Ranges(title, "value", names, low, high, mean, deviation, marks)


KINDS: dict[str, Callable[[Run, Asked, Room], Picture]] = {
    "heatmap": _heatmap,
    "bars": _bars,
    "lines": _lines,
    "measures": _measures,
    "calibration": _calibration,
    "confusion": _confusion,
    "histogram": _histogram,
}
