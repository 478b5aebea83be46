"""An opened plan of which any samples can be had, in any order, and what is known of their rows.

In: a `Plan`. Out: `Samples`, whose `steps` are a few numbers for each row and whose `look` has all of them
for a few rows. Only what is asked for is read and computed; an input that can be read only once is kept in a
temporary file.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, UsageError
from dense_cli.plan import Plan
from dense_cli.progress import Progress
from dense_cli.run import Run
from dense_cli.run_options import check_options
from dense_cli.sources.arrays import ArraySource
from dense_cli.sources.open import no_note
from dense_cli.sources.placed import PlacedSource
from dense_cli.sources.source import Chunk, Source
from dense_cli.sources.streamed import StreamSource, spool
from dense_cli.views.evaluate import Result, View

HELD = 16 << 20  # bytes of probabilities of one look
_CHUNK_VALUES, _CHUNK_WORK = 1 << 20, 1 << 29  # numbers, and multiplications, of one chunk of samples
_FEWEST, LOOKED = 16, 4096  # rows of one look
_MEASURES = ("confidence", "margin", "entropy")

KeptSource = ArraySource | PlacedSource


class Steps(NamedTuple):
    """Rows of whole samples, or of the first steps of each, in a few numbers.

    Attributes:
        sample: (rows,), which of the samples asked for a row is of, from 0.
        numbers: (rows,), the number of this sample.
        classes: (rows,), -1 where a row has none.
        confidence, margin, entropy: (rows,).
        loss: (rows,); None without targets.
        wrong: (rows,), whether the class is not the target's; None without targets.
        counts: (rows,), False for padding.
    """

    sample: NDArray[np.int64]
    numbers: NDArray[np.int64]
    classes: NDArray[np.int64]
    confidence: NDArray[np.float64]
    margin: NDArray[np.float64]
    entropy: NDArray[np.float64]
    loss: NDArray[np.float64] | None
    wrong: NDArray[np.bool_] | None
    counts: NDArray[np.bool_]


class Look(NamedTuple):
    """Rows with all their probabilities: those of one sample, or one of each of several.

    Attributes:
        start: which row of the sample is the first one here.
        total: rows of the sample.
        places: (rows, axes), the sample of each row, its time step and further axes.
        values: (rows, classes), the probabilities.
        classes, runner_up: (rows,), the two likeliest classes, -1 for none.
        best, second: (rows,), their probabilities, NaN for none.
        margin, entropy: (rows,).
        loss, targets: (rows,), NaN and -1 for none; None without targets.
        counts: (rows,), False for padding.
    """

    start: int
    total: int
    places: NDArray[np.int64]
    values: NDArray[Any]
    classes: NDArray[np.int64]
    runner_up: NDArray[np.int64]
    best: NDArray[np.float64]
    second: NDArray[np.float64]
    margin: NDArray[np.float64]
    entropy: NDArray[np.float64]
    loss: NDArray[np.float64] | None
    targets: NDArray[np.int64] | None
    counts: NDArray[np.bool_]


class Samples:
    """An opened plan of which any samples can be had.

    Attributes:
        run: the plan's.
        count: how many samples there are.

    >>> samples = Samples.open(Plan(np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])))
    >>> samples.steps([2, 0]).classes.tolist()
    [0, 1]
    """

    def __init__(self, run: Run, sources: list[KeptSource]) -> None:
        self.run = run
        self._sources = sources
        self.count = sources[0].shape[0] or 0

    @classmethod
    def open(
        cls, plan: Plan, *, note: Callable[[str], None] = no_note, progress: Progress | None = None
    ) -> Samples:
        """Open a plan, whose rows must be distributions; the arguments are those of `Plan.open`.

        Raises:
            UsageError: the rows are no distributions.
            ConfigError: there are no samples.
            DenseCliError, OSError: an input is not what it should be.
        """
        progress = progress or Progress()
        plan = replace(plan, top_k=None, times=None)
        run = plan.open(note=note, keep=lambda source: _kept(source, progress))
        opened: list[Any] = [run.source] if run.model is None else run.model.inputs
        for text in run.head.notes if run.head is not None else ():
            note(text)
        if not run.gives_distributions:
            raise UsageError(
                "view is about distributions: softmax or sparsemax; plot shows scores and other values"
            )
        run.note = no_note
        samples = cls(run, opened)
        if not samples.count or 0 in run.shape:
            raise ConfigError(f"{run.input_name}: there are no rows to look at")
        return samples

    def tempered(self, temperature: float) -> Samples:
        """Return the same samples with another temperature.

        Raises:
            UsageError: there are no logits to divide.
        """
        run = copy.copy(self.run)
        run.plan = replace(run.plan, temperature=temperature)
        vars(run).pop("title", None)  # which names the temperature
        check_options(run)
        return Samples(run, self._sources)

    def run_of(self, positions: Sequence[int]) -> Run:
        """Return the run of some samples alone, for a writer."""
        run = copy.copy(self.run)
        run.source = self.source(positions)
        for name in ("shape", "steps", "title", "input_shape"):
            vars(run).pop(name, None)
        return run

    @property
    def stepped(self) -> bool:
        """Whether samples have time steps."""
        return len(self.run.shape) > 2

    @property
    def chunk(self) -> int:
        """How many samples are computed at once where all are: what takes a few hundredths of a second."""
        rows = math.prod(n or 16 for n in self.run.shape[1:-1])
        features = self.run.source.shape[-1] or 1
        classes = self.run.classes
        work = _CHUNK_WORK // (features * classes) if self.run.head is not None else _CHUNK_VALUES
        return max(min(_CHUNK_VALUES // max(features, classes), work) // max(rows, 1), 1)

    def number(self, position: int) -> int:
        """Return what the sample at a position is called."""
        return int(self._numbers[position])

    def position(self, number: int) -> int | None:
        """Return the position of the sample of a number; None: there is none."""
        if isinstance(self._numbers, range):
            return self._numbers.index(number) if number in self._numbers else None
        found = np.flatnonzero(self._numbers == number)
        return int(found[0]) if len(found) else None

    @cached_property
    def _numbers(self) -> range | NDArray[np.int64]:
        """The number of the sample at each position."""
        source = self._sources[0]
        if isinstance(source, PlacedSource):
            own: NDArray[np.int64] = source.places[:, 0]
            return own[np.flatnonzero(np.diff(own, prepend=-1))]
        numbers, kept = source.numbers[0], source.axes[0]
        if isinstance(numbers, range) and isinstance(kept, range):
            start, step = numbers.start + kept.start * numbers.step, kept.step * numbers.step
            return range(start, start + len(kept) * step, step)
        return np.asarray(numbers, np.int64)[list(kept)]

    def source(self, positions: Sequence[int], steps: range | None = None) -> Source:
        """Return the source of some samples, and of arrays only of time steps at these positions."""
        run = self.run
        if run.model is None:
            (source,) = self._sources
            return (
                source.take(positions, steps) if isinstance(source, ArraySource) else source.take(positions)
            )
        from dense_cli.models.source import model_source
        from dense_cli.sources.front import find_time

        inputs = [source.take(positions) for source in self._sources]
        rows = model_source(run.model.part.body, inputs, None, run.model.size)
        time = None if run.mask is None else run.mask.time
        return rows if time is None else find_time(rows, time)

    def results(self, view: View, positions: Sequence[int], steps: range | None = None) -> Iterator[Result]:
        """Give the results of some samples; ``steps`` as `source` has it."""
        source = self.source(positions, steps)
        lead = source.shape[:-1]
        rows = None if None in lead else math.prod(n or 0 for n in lead)
        yield from self.run.results(view, source, rows)

    def windowed(self) -> bool:
        """Whether some time steps of a sample can be had without the others."""
        return (
            self.run.model is None and isinstance(self._sources[0], ArraySource) and len(self.run.shape) == 3
        )

    @property
    def quick(self) -> int:
        """How many rows are computed in a few hundredths of a second; at least `_FEWEST`."""
        features, classes = self.run.source.shape[-1] or 1, self.run.classes
        work = _CHUNK_WORK // (2 * features * classes) if self.run.head is not None else LOOKED
        return max(min(work, _CHUNK_VALUES // classes, LOOKED), _FEWEST)

    def steps(self, positions: Sequence[int], most: int | None = None) -> Steps:
        """Return the rows of samples; ``most``: of arrays only so many of the first steps of each."""
        *_, steps = self.steps_in_pieces(positions, most)
        assert steps is not None
        return steps

    def steps_in_pieces(self, positions: Sequence[int], most: int | None = None) -> Iterator[Steps | None]:
        """Give None after each piece of the work, and at last what `steps` returns."""
        run = self.run
        of_targets = ("rank", "loss") if run.targets is not None else ()
        view = run.view._replace(top=None, arrays=(), measures=(*_MEASURES, *of_targets), explain=None)
        parts = []
        for window in self._windows(len(positions), most):
            parts += [_columns(result) for result in self.results(view, positions, window)]
            yield None
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        numbers, rank = columns["numbers"], columns.get("rank")
        confidence, margin, entropy = (columns[name].astype(np.float64) for name in _MEASURES)
        yield Steps(
            np.cumsum(np.diff(numbers, prepend=numbers[:1]) != 0),
            numbers,
            columns["classes"],
            confidence,
            margin,
            entropy,
            None if rank is None else columns["loss"].astype(np.float64),
            None if rank is None else rank > 1,
            columns["counts"],
        )

    def _windows(self, samples: int, most: int | None) -> Iterator[range | None]:
        """Give the time steps that are computed at once; None: all that there are."""
        if not self.windowed():
            yield None
            return
        total = self.run.shape[1] or 0
        total = total if most is None else min(most, total)
        size = self.quick if samples == 1 else max(total, 1)
        for start in range(0, max(total, 1), size):
            yield range(start, min(start + size, total))

    def look(self, positions: Sequence[int], at: int = 0, most: int = LOOKED) -> Look:
        """Return at most so many rows of a sample around row ``at``, or of samples without time steps."""
        run = self.run
        rows = max(min(HELD // (run.classes * run.dtype.itemsize), most), _FEWEST)
        start, window, total = max(at - rows // 2, 0), None, None
        if self.windowed():
            total = run.shape[1] or 0
            start = max(min(start, total - rows), 0)
            window = range(start, min(start + rows, total))
        of_targets = ("loss",) if run.targets is not None else ()
        view = run.view._replace(
            top=min(2, run.classes),
            arrays=("probabilities",),
            measures=("margin", "entropy", *of_targets),
            explain=None,
        )
        parts, came = [], 0 if window is None else start
        for result in self.results(view, positions, window):
            first, last = max(start - came, 0), min(start + rows - came, len(result.classes))
            came += len(result.classes)
            if first < last:
                parts.append(self._part(result, slice(first, last)))
        columns: list[Any] = [
            None if column[0] is None else np.concatenate(column) for column in zip(*parts, strict=True)
        ]
        return Look(start, total or came, *columns)

    def _part(self, result: Result, rows: slice) -> tuple[NDArray[Any] | None, ...]:
        """Return the columns of some rows of a result, in the order that `Look` has."""
        classes, values = result.top_classes, result.top_values
        assert classes is not None
        assert values is not None
        alone = classes.shape[1] == 1
        each = slice(rows.start, rows.stop)
        counts = np.ones(len(classes), bool) if result.mask is None else result.mask
        loss = targets = None
        if self.run.targets is not None:
            mask = None if result.mask is None else counts
            targets = self.run.targets.rows(result.places, mask, self.run.classes)[each]
            loss = result.measures["loss"][each].astype(np.float64)
        lost = result.classes < 0
        none = np.full(len(classes), -1)
        nan = np.full(len(classes), np.nan)
        second = nan if alone else np.where(lost, np.nan, values[:, 1].astype(np.float64))
        return (
            result.places[each],
            result.arrays["probabilities"][each].copy(),
            result.classes[each],
            (none if alone else np.where(lost, -1, classes[:, 1]))[each],
            np.where(lost, np.nan, values[:, 0].astype(np.float64))[each],
            second[each],
            result.measures["margin"][each].astype(np.float64),
            result.measures["entropy"][each].astype(np.float64),
            loss,
            targets,
            counts[each],
        )


def _columns(result: Result) -> dict[str, NDArray[Any]]:
    """Return what `Steps` keeps of a result, which holds its arrays no longer than the next comes."""
    counts = np.ones(len(result.classes), bool) if result.mask is None else result.mask
    columns = {"numbers": result.places[:, 0], "classes": result.classes, "counts": counts, **result.measures}
    return {name: column.copy() for name, column in columns.items()}


def _kept(source: Source, progress: Progress) -> KeptSource:
    """Return a source of which any rows can be had: a stream is kept in a temporary file."""
    if not isinstance(source, StreamSource):
        assert isinstance(source, KeptSource)
        return source

    def counted(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        for chunk in chunks:
            progress.advance(len(chunk.x))
            yield chunk

    lead = source.shape[:-1]
    stated = source.stated
    progress.start(None if None in lead else math.prod(n or 0 for n in lead))
    try:
        kept = spool(source.through(counted))
    finally:
        progress.stop()
    # What the stream does not state itself is whole, and lengths and targets are held against it.
    return replace(kept, whole=True) if isinstance(kept, PlacedSource) and not stated else kept
