"""A plan → the numbers of a picture, in one pass over what it needs.

In: a `Plan`, which kind of picture, and how much there is room for. Out: a `Picture`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, UsageError
from dense_cli.plan import Plan
from dense_cli.run import Progress, Run
from dense_cli.sources.open import no_note
from dense_cli.text import place_text, printable
from dense_cli.views.evaluate import View
from dense_cli.views.measures import Summary
from dense_cli.views.pictures import Bars, Grid, Lines, Picture, Ranges, calibration_lines, likeliest

_LONGEST = 24  # characters of a name
_BINS = 20  # of a histogram
_POINTS = 20_000  # of a line
_NUMBERS = 10_000_000  # of a histogram whose bounds are those of its numbers
MEASURES = ("confidence", "margin", "entropy")


class Room(NamedTuple):
    """How many rows and columns of a grid, bars or points there is room for."""

    rows: int
    columns: int


class Asked(NamedTuple):
    """What is asked of a picture beside its kind.

    Attributes:
        classes: labels or numbers of the classes that lines show; the likeliest if empty.
        time: the step that bars show.
        top_k: how many of the likeliest classes are shown.
    """

    classes: tuple[str, ...] = ()
    time: int = 0
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
        plan: the outputs.
        kind: a name of `KINDS`; None: what suits the input and the options.
        asked: classes, step and number of classes.
        room: what there is room for.
        note, progress: as `Plan.open` has them.

    Raises:
        UsageError, ConfigError: the kind does not suit the input; the message says what does.
        DenseCliError, OSError: an input is not what it should be.
    """
    if kind == "layers" or (kind is None and plan.model is not None and plan.until is None):
        return _layers(plan, note, progress)
    run = plan.open(note=note, progress=progress)
    chosen = kind or _suiting(run)
    if chosen in ("calibration", "confusion") and run.targets is None:
        raise UsageError(f"--kind {chosen} is about targets: it needs --targets FILE")
    if chosen != "heatmap" and chosen != "histogram" and run.shows_values:
        raise UsageError(f"--kind {chosen}: {run.what} gives no classes: heatmap and histogram show values")
    if chosen in ("measures", "calibration") and not run.gives_distributions:
        raise UsageError(f"--kind {chosen} is about distributions: softmax or sparsemax")
    picture = KINDS[chosen](run, asked, room)
    return picture._replace(title=f"{picture.title} · {_made_by(run)}")


def _made_by(run: Run) -> str:
    """Return what made the outputs, in a few words."""
    plan = run.plan
    if run.model is not None:
        return f"layer {run.model.part.layer} of {plan.model}"
    if run.head is None or run.head.dense is None:
        return "logits" if plan.logits else "scores" if plan.scores else "finished outputs"
    return f"head of {plan.weights}" if plan.weights else run.title[0]


def _suiting(run: Run) -> str:
    if run.targets is not None and run.gives_distributions:
        run.note("calibration is drawn, as there are targets; --kind confusion shows what is taken for what")
        return "calibration"
    return "bars" if run.shape[:-1] == (1,) and not run.shows_values else "heatmap"


def _name_of(run: Run) -> str:
    return "value" if run.shows_values else "score" if run.plan.scores else "probability"


def _array(run: Run) -> View:
    return run.view._replace(top=None, arrays=(run.view.values,), measures=(), explain=None)


def _class_names(run: Run, classes: NDArray[np.int64]) -> list[str]:
    if run.labels is None:
        return [str(c) for c in classes.tolist()]
    names = [printable(run.labels[c][: 2 * _LONGEST]) for c in classes.tolist()]
    return [name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…" for name in names]


class _Rows(NamedTuple):
    """Values (rows, classes), classes (rows,) and places (rows, axes) of the first rows."""

    values: NDArray[np.float64]
    classes: NDArray[np.int64]
    places: NDArray[np.int64]
    more: bool


def _first_rows(run: Run, most: int, *, one_sample: bool) -> _Rows:
    """Return the first rows, of the first sample alone or of all."""
    view = _array(run)
    values: list[NDArray[np.float64]] = []
    classes: list[NDArray[np.int64]] = []
    places: list[NDArray[np.int64]] = []
    count = 0
    more = False
    for result in run.results(view):
        kept = np.ones(len(result.classes), bool)
        if one_sample:
            first = places[0][0, 0] if places else (result.places[0, 0] if len(result.classes) else 0)
            kept = result.places[:, 0] == first
        rows = np.flatnonzero(kept)[: most - count]
        more = more or len(rows) < len(result.classes)
        values.append(result.arrays[view.values][rows].astype(np.float64))
        classes.append(result.classes[rows])
        places.append(result.places[rows])
        count += len(rows)
        if more:
            break
    if not count:
        raise ConfigError(f"{run.input_name}: there are no rows to draw")
    return _Rows(np.concatenate(values), np.concatenate(classes), np.concatenate(places), more)


def _heatmap(run: Run, asked: Asked, room: Room) -> Grid:
    stepped = len(run.shape) > 2
    rows = _first_rows(run, room.columns, one_sample=stepped)
    shown = likeliest(rows.values, min(room.rows, asked.top_k or room.rows))
    values = rows.values[:, shown].T
    title = f"{run.input_name}" + (f": sample {rows.places[0, 0]}" if stepped else "")
    names = [
        ", ".join(map(str, place)) for place in (rows.places[:, 1:] if stepped else rows.places).tolist()
    ]
    marks = (shown[:, None] == rows.classes) & (rows.classes >= 0)
    value = _name_of(run)
    finite = values[np.isfinite(values)]
    low, high = (0.0, 1.0) if value != "value" else (float(finite.min()), float(finite.max()))
    what = "time step" if stepped else "sample"
    left_out = _left_out(run, len(shown), len(names) if rows.more else None, what)
    return Grid(
        title, what, "class", names, _class_names(run, shown), values, high, marks, value, low, left_out
    )


def _left_out(run: Run, classes: int, points: int | None, what: str) -> str | None:
    parts = []
    if classes < run.classes:
        parts.append(f"of {run.classes} classes the {classes} likeliest")
    if points is not None:
        parts.append(
            "of the samples the first" if what == "time step" else f"of the samples the first {points}"
        )
    return ", and ".join(parts) + " (-b picks others)" if parts else None


def _row_at(run: Run, time: int) -> _Rows:
    """Return the row of the first sample's step ``time``."""
    rows = _first_rows(run, _POINTS, one_sample=True)
    if len(run.shape) < 3:
        return _Rows(rows.values[:1], rows.classes[:1], rows.places[:1], rows.more)
    at = np.flatnonzero(rows.places[:, 1] == (time if time >= 0 else rows.places[-1, 1] + 1 + time))
    if not len(at):
        raise ConfigError(f"{run.input_name}: --time {time}: sample {rows.places[0, 0]} has no such step")
    one = at[:1]
    return _Rows(rows.values[one], rows.classes[one], rows.places[one], rows.more)


def _bars(run: Run, asked: Asked, room: Room) -> Bars:
    row = _row_at(run, asked.time)
    most = min(asked.top_k or 10, room.rows)
    order = np.argsort(-np.nan_to_num(row.values[0], nan=-np.inf), kind="stable")[:most]
    title = f"{run.input_name}: {place_text(row.places[0].tolist())}"
    left_out = None
    if len(order) < run.classes:
        left_out = f"of {run.classes} classes the {len(order)} likeliest are shown (-k shows more)"
    marked = np.flatnonzero(order == row.classes[0])
    return Bars(
        title,
        _name_of(run),
        _class_names(run, order),
        row.values[0, order],
        1.0,
        int(marked[0]) if len(marked) else None,
        left_out,
    )


def _lines(run: Run, asked: Asked, room: Room) -> Lines:
    stepped = len(run.shape) > 2
    rows = _first_rows(run, _POINTS, one_sample=stepped)
    if asked.classes:
        shown = np.array([_class_number(run, name) for name in asked.classes], np.int64)
    else:
        shown = likeliest(rows.values, min(asked.top_k or 5, run.classes))
    title = f"{run.input_name}" + (f": sample {rows.places[0, 0]}" if stepped else "")
    lines = list(zip(_class_names(run, shown), rows.values[:, shown].T, strict=True))
    left_out = None
    if len(shown) < run.classes and not asked.classes:
        left_out = f"of {run.classes} classes the {len(shown)} likeliest are shown (--class names others)"
    x = rows.places[:, 1 if stepped else 0].astype(np.float64)
    return Lines(
        title, "time step" if stepped else "sample", _name_of(run), x, lines, 0.0, 1.0, False, left_out
    )


def _class_number(run: Run, name: str) -> int:
    """Return the class that a label or a number names."""
    if run.labels is not None and run.labels.count(name) == 1:
        return run.labels.index(name)
    if name.isdecimal() and len(name) < 18 and int(name) < run.classes:
        return int(name)
    raise ConfigError(f"--class {name}: expected a label of one class, or a number below {run.classes}")


def _measures(run: Run, asked: Asked, room: Room) -> Lines:
    stepped = len(run.shape) > 2
    view = run.view._replace(top=None, arrays=(), measures=MEASURES, explain=None)
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in MEASURES}
    x: list[NDArray[np.float64]] = []
    count, first, more = 0, -1, False
    for result in run.results(view):
        if first < 0 and len(result.classes):
            first = int(result.places[0, 0])
        kept = np.flatnonzero(result.places[:, 0] == first) if stepped else np.arange(len(result.classes))
        kept = kept[: _POINTS - count]
        more = len(kept) < len(result.classes)
        for name in MEASURES:
            found[name].append(result.measures[name][kept].astype(np.float64))
        x.append(result.places[kept, 1 if stepped else 0].astype(np.float64))
        count += len(kept)
        if more:
            break
    if not count:
        raise ConfigError(f"{run.input_name}: there are no rows to draw")
    lines = [(name, np.concatenate(values)) for name, values in found.items()]
    most = max(1.0, float(np.nanmax(lines[2][1], initial=0.0)))
    title = f"{run.input_name}" + (f": sample {first}" if stepped else "")
    left_out = _left_out(run, run.classes, count if more else None, "time step" if stepped else "sample")
    x_axis = "time step" if stepped else "sample"
    return Lines(
        title, x_axis, "measure (entropy in nats)", np.concatenate(x), lines, 0.0, most, False, left_out
    )


def _summary(run: Run) -> Summary:
    """Add up all rows, as the summary of a table does."""
    summary = Summary(run.classes, run.view.top or 5)
    for result in run.results(run.view._replace(top=None, arrays=(), explain=None)):
        summary.add(result.classes, result.measures, result.places[:, 0], result.mask)
    return summary


def _calibration(run: Run, asked: Asked, room: Room) -> Lines:
    summary = _summary(run)
    right = summary.totals().targets
    assert right is not None
    if not right.rows:
        raise ConfigError(f"{run.input_name}: no row has a target")
    error = f"calibration error {right.calibration_error:.4f}, {right.rows} targets"
    return calibration_lines(summary.bins, f"{run.input_name}: {error}")


def _confusion(run: Run, asked: Asked, room: Room) -> Grid:
    pairs = _pairs(run)
    seen = np.zeros(run.classes, np.int64)
    for (target, found), count in pairs.items():
        seen[target] += count
        seen[found] += count
    most = min(room.rows, room.columns, asked.top_k or run.classes, run.classes)
    shown = np.sort(np.argsort(-seen, kind="stable")[:most])
    place = {c: i for i, c in enumerate(shown.tolist())}
    values = np.zeros((most, most))
    for (target, found), count in pairs.items():
        if target in place and found in place:
            values[place[target], place[found]] = count
    names = _class_names(run, shown)
    left_out = f"of {run.classes} classes the {most} most frequent are shown" if most < run.classes else None
    right = sum(count for (target, found), count in pairs.items() if target == found)
    title = f"{run.input_name}: {right} of {sum(pairs.values())} right"
    marks = np.eye(most, dtype=bool)
    high = max(float(values.max(initial=0)), 1.0)
    return Grid(title, "class", "target", names, names, values, high, marks, "rows", 0.0, left_out)


def _pairs(run: Run) -> dict[tuple[int, int], int]:
    """Return how many rows have a target and a class, of all rows that have both."""
    assert run.targets is not None
    pairs: dict[tuple[int, int], int] = {}
    for result in run.results(run.view._replace(top=None, arrays=(), explain=None)):
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
    for result in run.results(run.view._replace(top=None, arrays=(), measures=("confidence",), explain=None)):
        found = result.measures["confidence"]
        found = found[(result.classes >= 0) & (True if result.mask is None else result.mask)]
        counted = counted + np.histogram(found, edges)[0]
    return _bins(f"{run.input_name}: confidence of {counted.sum()} rows", "rows", counted, edges)


def _histogram_of_values(run: Run) -> Bars:
    view, parts, size = _array(run), [], 0
    more = False
    for result in run.results(view):
        found = result.arrays[view.values]
        found = (found if result.mask is None else found[result.mask]).astype(np.float64)
        parts.append(found[np.isfinite(found)])
        size += len(parts[-1])
        if size > _NUMBERS:
            more = True
            break
    values = np.concatenate(parts) if parts else np.zeros(0)
    if not len(values):
        raise ConfigError(f"{run.input_name}: there are no finite numbers to draw")
    counted, edges = np.histogram(values, _BINS)
    picture = _bins(f"{run.input_name}: {len(values)} values", "values", counted, edges)
    return picture._replace(note=f"the first {len(values)} values are counted" if more else None)


def _bins(title: str, axis: str, counted: NDArray[np.int64], edges: NDArray[np.float64]) -> Bars:
    names = [f"{low:.4g} to {high:.4g}" for low, high in itertools.pairwise(edges.tolist())]
    return Bars(title, axis, names, counted.astype(np.float64), max(float(counted.max()), 1.0))


def _input_name(plan: Plan) -> str:
    if not isinstance(plan.input, str):
        return "x"
    return "standard input" if plan.input == "-" else plan.input


def _layers(plan: Plan, note: Callable[[str], None], progress: Progress | None) -> Ranges:
    if plan.model is None:
        raise UsageError("--kind layers is about a model: it needs --model FILE")
    from dense_cli.inspecting import run_layers

    record = run_layers(plan, progress=progress, note=note)
    names, marks, numbers = [], [], []
    for layer in record.layers:
        for output in layer.outputs:
            if (statistics := output.statistics) is None:
                continue
            names.append(printable(layer.name[:_LONGEST]))
            marks.append(layer.faults[0].kind if layer.faults else "")
            numbers.append((statistics.minimum, statistics.maximum, statistics.mean, statistics.std))
    if not numbers:
        raise ConfigError(f"{plan.model}: no layer of it could be run")
    low, high, mean, deviation = np.array(numbers, np.float64).T  # None becomes NaN
    title = f"{plan.model}: what each layer puts out on {_input_name(plan)}"
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
