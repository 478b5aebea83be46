"""All rows of `predict` and `slice`: masks, targets, and their summary."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from reference.arrays import Array, Place, RefusedError
from reference.rows import Layer, Row, finished_row, run_row, scored_row


@dataclass
class Options:
    """What is asked of the rows; see docs/cli.md. Lengths, mask and targets have an item per sample."""

    batch: int | slice | tuple[int | slice, ...] | None = None
    times: tuple[int | slice, ...] = ()
    show: str = "probabilities"
    top_k: int | None = None
    labels: list[str] | None = None
    measures: tuple[str, ...] = ()
    lengths: list[int] | None = None
    pre: bool = False  # whether lengths have padding before the steps
    mask: list[list[bool]] | None = None
    mask_value: float | None = None
    targets: list[Any] | None = None  # nested like the classes
    ignore_index: int | None = None
    explain: int | str | None = None  # a class number, or "auto"
    scores: bool = False  # the input holds finished scores
    sort: str | None = None
    unsure: float | None = None
    wrong: bool = False
    join: str = " "
    eos: int | None = None
    pad: int | None = None
    ctc: int | None = None
    wordpiece: bool = False
    beam: int | None = None

    @property
    def shown(self) -> str:
        """What is shown, under the name that it has in JSON."""
        name = self.show.replace("-", "_")
        return "scores" if self.scores and name == "probabilities" else name

    @property
    def selects(self) -> bool:
        """Whether some rows, or rows in another order, are asked for."""
        return self.sort is not None or self.unsure is not None or self.wrong

    @property
    def measured(self) -> set[str]:
        """The measures that each row is printed with: also those that rows are chosen by."""
        chosen = {self.sort} - {None} | ({"margin"} if self.unsure is not None else set())
        return {*self.measures, *chosen, *(("rank", "loss") if self.targets is not None else ())}


def check_mask(array: Array, options: Options) -> None:
    """Hold lengths or a mask against the whole input, whichever samples are looked at."""
    given = (options.lengths, options.mask, options.mask_value)
    if sum(one is not None for one in given) > 1:
        raise RefusedError("expected one of --lengths, --mask and --mask-value")
    if all(one is None for one in given):
        return
    if array.rank < 3:
        raise RefusedError("a mask needs time steps")
    if options.mask_value is not None:
        return
    known = options.lengths if options.lengths is not None else options.mask
    if not array.stated[0] and len(known) != max(array.samples) + 1:
        raise RefusedError("lengths or mask of another number of samples")
    if array.stated[1] or array.stated[0]:
        return
    for number in array.samples:
        one, has = known[number], array.size_of(number)
        if options.lengths is not None:
            if not 0 <= one <= has:
                raise RefusedError("a length beyond the time steps")
        elif len(one) < has or any(one[has:]):
            raise RefusedError("the mask ends before the steps, or counts steps that are not there")


def counts(place: Place, options: Options, steps: int) -> bool:
    """Whether lengths or a mask count a row of a sample with so many steps."""
    if options.lengths is None and options.mask is None:
        return True
    known = options.lengths if options.lengths is not None else options.mask
    if place[0] >= len(known) or (options.mask is not None and place[1] >= len(known[place[0]])):
        raise RefusedError(f"lengths or mask end before {place}")
    if options.lengths is None:
        return known[place[0]][place[1]]
    return place[1] >= steps - known[place[0]] if options.pre else place[1] < known[place[0]]


def target_of(place: Place, options: Options, units: int) -> int | None:
    """Return the class that a row should have, None for the one to ignore."""
    found: Any = options.targets
    for index in place:
        if not isinstance(found, list) or index >= len(found):
            raise RefusedError(f"no target for {place}")
        found = found[index]
    if isinstance(found, list):
        raise RefusedError("targets of another shape")
    if isinstance(found, str):
        if options.labels is None or options.labels.count(found) != 1:
            raise RefusedError(f"no class, or several, are labelled {found!r}")
        found = options.labels.index(found)
    if found == options.ignore_index:
        return None
    if not 0 <= found < units:
        raise RefusedError(f"there is no class {found}")
    return int(found)


def check_view(array: Array, layer: Layer | None, options: Options) -> None:
    """Hold the options against the whole input, before any row is looked at."""
    units = array.features if layer is None else layer.units
    if layer is not None and layer.kernel.shape[0] != array.features:
        raise RefusedError("the kernel has other features")
    check_mask(array, options)
    if options.scores and (options.show == "log-probabilities" or options.measures or options.targets):
        raise RefusedError("scores are no distributions")
    if layer is None and options.show == "logits":
        raise RefusedError("finished outputs have no logits")
    if options.top_k is not None and options.top_k > units:
        raise RefusedError("more classes asked for than there are")
    if options.labels is not None and len(options.labels) != units:
        raise RefusedError("not as many labels as classes")
    if options.targets is None and (options.wrong or options.sort == "loss"):
        raise RefusedError("there are no targets")
    distributions = not options.scores and (layer is None or layer.activation == "softmax")
    if not distributions and (options.selects or options.beam is not None):
        raise RefusedError("these are of distributions")
    if options.targets is not None:
        check_targets(array, options)


def evaluate(
    array: Array,
    layer: Layer | None,
    options: Options,
    dtype: str | None = None,
    whole: Array | None = None,
) -> list[Row]:
    """Return the rows of the output, in the order of the input.

    ``layer`` None: the array holds finished distributions, of ``dtype`` or the array's own. ``whole`` has all
    steps of the samples, where ``array`` has one.
    """
    rows = []
    all_steps = whole or array
    sizes = {sample: all_steps.size_of(sample) if array.rank > 2 else 1 for sample in array.samples}
    for place, x in zip(array.places, array.rows, strict=True):
        real = counts(place, options, sizes[place[0]])
        if layer is not None:
            row = run_row(place, x, layer, options.mask_value)
            row.counts &= real
        else:
            own = x.dtype.newbyteorder("=")
            floats = own.kind == "f" and own.itemsize <= 8
            rounded = np.dtype(dtype) if dtype else own if floats else np.dtype("f4")
            if options.mask_value is not None:
                with np.errstate(over="ignore"):
                    real = bool((x.astype(rounded) != rounded.type(options.mask_value)).any())
            row = (scored_row if options.scores else finished_row)(place, x, rounded, real)
        if options.targets is not None and row.counts:
            row.target = target_of(place, options, len(row.y))
        rows.append(row)
    return rows


def check_targets(array: Array, options: Options) -> None:
    """Every sample has its targets, one for each of its rows, and there are no others."""
    if not array.stated[0] and len(options.targets) != max(array.samples) + 1:
        raise RefusedError("targets of another number of samples")
    for number in array.samples if array.rank > 2 and array.stated == (False, False) else []:
        mine = options.targets[number]
        if not isinstance(mine, list) or len(mine) != array.size_of(number):
            raise RefusedError("targets of another number of steps")


def end_samples(rows: list[Row], everything: list[Row], options: Options) -> None:
    """Take from what counts the steps after the end of their sample, and those of the class of padding.

    ``everything`` are all rows of the samples, of which ``rows`` are some.
    """
    ends: dict[int, Place] = {}
    for row in everything:
        if options.eos is not None and row.counts and row.chosen == options.eos:
            ends[row.place[0]] = min(row.place, ends.get(row.place[0], row.place))
    for row in rows:
        ended = row.place[0] in ends and row.place > ends[row.place[0]]
        if ended or (options.pad is not None and row.chosen == options.pad):
            row.counts, row.target = False, None


class Prediction(NamedTuple):
    """The rows of an output and its shape without classes; None for a size in which samples differ."""

    rows: list[Row]
    lead: tuple[int | None, ...]


def predict(array: Array, layer: Layer | None, options: Options, dtype: str | None = None) -> Prediction:
    """Return all rows, sample by sample."""
    check_view(array, layer, options)
    chosen = array.select(options.batch)
    rows = evaluate(chosen, layer, options, dtype)
    end_samples(rows, list(map(copy, rows)), options)
    return Prediction(rows, chosen.lead())


class Slices(NamedTuple):
    """The steps in the order asked for, and of each the rows of the samples that have it."""

    steps: list[int]
    rows: list[list[Row]]
    single: bool  # one step by its index: no time axis
    samples: list[int]  # also those that have none of the steps

    def by_sample(self) -> list[Row]:
        """The rows as an array holds them, sample by sample; refused where samples differ in their steps."""
        found: list[Row] = []
        had = set()
        for sample in self.samples:
            mine = [[row for row in some if row.place[0] == sample] for some in self.rows]
            if any(mine):
                had.add(tuple(map(len, mine)))
            found += [row for some in mine for row in some]
        if len({sum(map(bool, one)) for one in had}) > 1:
            raise RefusedError("samples differ in their steps")
        return found


def slices(array: Array, layer: Layer | None, options: Options, dtype: str | None = None) -> Slices:
    """Return one time step after another."""
    if array.rank < 3:
        raise RefusedError("there are no time steps")
    check_view(array, layer, options)
    chosen = array.select(options.batch)
    steps = chosen.steps(options.times)
    if options.times and not steps:
        raise RefusedError("no time step is left")
    single = len(options.times) == 1 and isinstance(options.times[0], int)
    by_step = [evaluate(chosen.at(t), layer, options, dtype, chosen) for t in steps]
    everything = [] if options.eos is None else evaluate(chosen, layer, options, dtype)
    for rows in by_step:
        end_samples(rows, everything, options)
    return Slices(steps, by_step, single, chosen.samples)


def summary(rows: list[Row], classes: int, top_k: int | None) -> dict[str, Any]:
    """Return the totals; padding and rows without a class never count."""
    real = [row for row in rows if row.counts]
    counted = [row for row in real if row.has_class]
    k = min(top_k or 5, classes)

    def mean(numbers: list[float]) -> float | None:
        return math.fsum(numbers) / len(numbers) if numbers else None

    entropy = mean([row.measure("entropy") for row in counted])
    judged = [row for row in counted if row.target is not None]
    ranks = [row.measure("rank") for row in judged]
    loss = mean([row.measure("loss") for row in judged])
    return {
        "samples": len({row.place[0] for row in rows}),
        "rows": len(counted),
        "padded": len(rows) - len(real),
        "without_class": len(real) - len(counted),
        "confidence": mean([row.measure("confidence") for row in counted]),
        "entropy": entropy,
        "entropy_of_uniform": entropy / math.log(classes) if entropy is not None and classes > 1 else None,
        "targets": len(judged),
        "accuracy": mean([rank == 1 for rank in ranks]),
        f"top_{k}_accuracy": mean([rank <= k for rank in ranks]),
        "loss": loss,
        "perplexity": None if loss is None else math.exp(loss) if loss < 700 else math.inf,
        "calibration_error": calibration_error(judged),
    }


def calibration_error(rows: list[Row]) -> float | None:
    """Return the expected calibration error of 15 equal bins, (0, 1/15], (1/15, 2/15], …"""
    if not rows:
        return None
    bins: dict[int, list[Row]] = {}
    for row in rows:
        bins.setdefault(min(max(math.ceil(row.measure("confidence") * 15) - 1, 0), 14), []).append(row)
    gaps = [
        abs(sum(r.measure("rank") == 1 for r in some) - math.fsum(r.measure("confidence") for r in some))
        for some in bins.values()
    ]
    return math.fsum(gaps) / len(rows)
