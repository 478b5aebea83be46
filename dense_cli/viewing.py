"""Outputs to be looked at: samples in a list, one of them in a picture and step by step, and the way on.

In: a `Plan`, and outputs that it is held against, where there are any. Out: a `Viewed`, which gives arrays
and pictures of what is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, ShapeError, UsageError
from dense_cli.picturing_rows import class_names
from dense_cli.plan import Plan
from dense_cli.progress import Progress
from dense_cli.sources.open import no_note
from dense_cli.sources.source import may_agree
from dense_cli.text import printable, shape_text
from dense_cli.viewing_samples import LOOKED, Look, Samples, Steps
from dense_cli.views.evaluate import Result
from dense_cli.views.explain import AUTO
from dense_cli.views.pictures import Grid, likeliest

UNSURE = 0.1  # a margin below it is small, as tables have it
LEAD = 16  # steps of a sample of which a list keeps the class
FIRST = 512  # steps of a sample that a list in the order of the file looks at
KINDS = ("unsure", "change", "wrong", "flip")  # of rows that are gone to

Summaries = NDArray[Any]  # of the dtype SUMMARY
SUMMARY = np.dtype(
    [
        ("position", "i8"),
        ("number", "i8"),
        ("steps", "i8"),  # that are no padding
        ("confidence", "f8"),  # the least of all steps
        ("margin", "f8"),  # the least
        ("entropy", "f8"),  # the largest
        ("loss", "f8"),  # the largest
        ("wrong", "i8"),  # how many steps are wrong,
        ("unsure", "i8"),  # unsure,
        ("flips", "i8"),  # or of another class than in what they are held against
        ("classes", "i8", (LEAD,)),  # of the first steps: -1 where one has none, -2 beyond the last
        ("cut", "?"),  # whether the sample has steps that were not looked at
    ]
)


class Found(NamedTuple):
    """Where a search has come to: which sample of the list, and which row of it; None: not there yet."""

    at: int
    row: int | None


@dataclass(frozen=True)
class Viewed:
    """Samples, and others that they are held against, row by row.

    Attributes:
        samples: those that are looked at.
        against: the same ones in another form; None: there are none.
        temperatures: whether these differ in the temperature alone.
    """

    samples: Samples
    against: Samples | None = None
    temperatures: bool = False

    def tempered(self, temperature: float) -> Viewed:
        """Return the samples at another temperature, beside what they were held against or were before.

        Raises:
            UsageError: there are no logits to divide.
        """
        samples = self.samples.tempered(temperature)
        if self.against is not None and not self.temperatures:
            return replace(self, samples=samples)
        before = self.against or self.samples
        if temperature == before.run.plan.temperature:
            return Viewed(before)
        return Viewed(samples, before, temperatures=True)

    def steps(
        self, positions: Sequence[int], most: int | None = None
    ) -> tuple[Steps, NDArray[np.bool_] | None]:
        """Return the rows of samples, and which of them flip; None: they are held against nothing.

        Raises:
            ShapeError: the rows are not those that they are held against.
        """
        *_, found = self._steps_in_pieces(positions, most)
        assert found is not None
        return found

    def _steps_in_pieces(
        self, positions: Sequence[int], most: int | None
    ) -> Iterator[tuple[Steps, NDArray[np.bool_] | None] | None]:
        """Give None after each piece of the work, and at last what `steps` returns."""
        steps = others = None
        for steps in self.samples.steps_in_pieces(positions, most):
            if steps is None:
                yield None
        assert steps is not None
        if self.against is None:
            yield steps, None
            return
        for others in self.against.steps_in_pieces(positions, most):
            if others is None:
                yield None
        assert others is not None
        if not np.array_equal(steps.numbers, others.numbers):
            raise ShapeError(
                f"{self.against.run.input_name}: expected the rows of {self.samples.run.input_name}, from "
                f"sample {steps.numbers[0]} on"
            )
        yield steps, self.flips(steps, others)

    def flips(self, rows: Steps | Look, others: Steps | Look) -> NDArray[np.bool_]:
        """Return which rows are of another class than others; where temperatures differ, or not as sure.

        A temperature changes no class of a softmax: what it changes is how sure it is.
        """
        flips = rows.classes != others.classes
        if self.temperatures:
            flips |= (rows.margin < UNSURE) != (others.margin < UNSURE)
        counted: NDArray[np.bool_] = flips & rows.counts
        return counted

    def summaries(self, positions: Sequence[int], most: int | None = None) -> Summaries:
        """Return what a list says of samples; ``most``: of the first steps of each, where there are more."""
        *_, summaries = self.summaries_in_pieces(positions, most)
        assert summaries is not None
        return summaries

    def summaries_in_pieces(
        self, positions: Sequence[int], most: int | None = None
    ) -> Iterator[Summaries | None]:
        """Give None after each piece of the work, and at last what `summaries` returns."""
        for found in self._steps_in_pieces(positions, most):
            yield None if found is None else self._summarized(positions, most, *found)

    def _summarized(
        self, positions: Sequence[int], most: int | None, steps: Steps, flips: NDArray[np.bool_] | None
    ) -> Summaries:
        total = self.samples.run.shape[1] if self.samples.windowed() else None
        found = np.zeros(len(positions), SUMMARY)
        found["position"] = positions
        first = np.flatnonzero(np.diff(steps.sample, prepend=-1))
        found["number"] = steps.numbers[first]
        found["cut"] = total is not None and most is not None and total > most
        of = steps.sample[steps.counts]
        found["steps"] = np.bincount(of, minlength=len(found))
        for name, least in (("confidence", True), ("margin", True), ("entropy", False), ("loss", False)):
            values = getattr(steps, name)
            found[name] = np.nan
            if values is not None:
                (np.fmin if least else np.fmax).at(found[name], of, values[steps.counts])
        flags = {"wrong": steps.wrong, "unsure": steps.margin < UNSURE, "flips": flips}
        for name, flag in flags.items():
            if flag is not None:
                found[name] = np.bincount(steps.sample[flag & steps.counts], minlength=len(found))
        found["classes"] = -2
        begins = np.flatnonzero(np.diff(of, prepend=-1))
        offset = np.arange(len(of)) - np.repeat(begins, np.diff(begins, append=len(of)))
        early = offset < LEAD
        found["classes"][of[early], offset[early]] = steps.classes[steps.counts][early]
        return found

    def looks(self, positions: Sequence[int], at: int = 0) -> Iterator[tuple[Look, Look | None]]:
        """Give the rows to look at, and those that they are held against: see `Samples.look`.

        Where they take long, a few rows come before all of them.
        """
        quick, rows = self.samples.quick, len(positions)
        if self.samples.windowed():
            rows = self.samples.run.shape[1] or 0
        for most in (quick, LOOKED) if rows > quick and self.samples.stepped else (LOOKED,):
            yield (
                self.samples.look(positions, at, most),
                None if self.against is None else self.against.look(positions, at, most),
            )

    def flags(self, positions: Sequence[int], kind: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return of each row which of the samples it is of, and whether it is of a kind of `KINDS`."""
        steps, flips = self.steps(positions)
        if kind == "unsure":
            flags = steps.counts & (steps.margin < UNSURE)
        elif kind == "change":
            real = np.flatnonzero(steps.counts)
            same = steps.sample[real[1:]] == steps.sample[real[:-1]] if self.samples.stepped else True
            flags = np.zeros(len(steps.counts), bool)
            flags[real[1:]] = (steps.classes[real[1:]] != steps.classes[real[:-1]]) & same
        else:
            chosen = steps.wrong if kind == "wrong" else flips
            flags = np.zeros(len(steps.counts), bool) if chosen is None else chosen & steps.counts
        return steps.sample, flags

    def search(self, positions: Sequence[int], index: int, row: int, kind: str, step: int) -> Iterator[Found]:
        """Give how far a search has come, and at last where it ends: a row, or an index beyond the list.

        Args:
            positions: the samples of a list, in order.
            index, row: where it begins; the first row of its kind beyond it is looked for.
            kind: one of `KINDS`.
            step: 1 for the rows that follow, -1 for those before.
        """
        size, most = 1, self.samples.chunk
        while 0 <= index < len(positions):
            low = index if step > 0 else max(index - size + 1, 0)
            high = min(index + size, len(positions)) if step > 0 else index + 1
            # Where samples are rows, a change is one from the sample before.
            early = min(low, 1) if not self.samples.stepped else 0
            sample, flags = self.flags(positions[low - early : high], kind)
            begins = np.flatnonzero(np.diff(sample, prepend=-1))
            rows = np.arange(len(sample)) - begins[sample]
            at = sample + low - early
            beyond = (at - index) * step > 0
            if row >= 0:
                beyond |= (at == index) & ((rows - row) * step > 0)
            else:
                beyond |= at == index
            found = np.flatnonzero(flags & beyond)
            if len(found):
                last = found[0 if step > 0 else -1]
                yield Found(int(at[last]), int(rows[last]))
                return
            index, row = (high if step > 0 else low - 1), -1
            size = min(2 * size, most)
            yield Found(index, None)

    def explained(self, position: int, row: int) -> tuple[Result, int]:
        """Return a result that says what the difference of the two likeliest logits is made of, and its row.

        Raises:
            UsageError: there is no layer to explain.
        """
        run, samples = self.samples.run, self.samples
        if run.head is None or run.head.dense is None:
            raise UsageError(f"nothing to explain: {run.what} holds no input of a layer")
        view = run.view._replace(top=None, arrays=("logits",), measures=(), explain=AUTO)
        window = range(row, row + 1) if samples.windowed() else None
        at = 0 if window is not None else row
        for result in samples.results(view, [position], window):
            if at < len(result.classes):
                _ = result.explained  # computed now: its arrays hold no longer than the next result comes
                return result, at
            at -= len(result.classes)
        raise UsageError(f"{run.input_name}: there is no such row")


def open_view(
    plan: Plan,
    against: str | None = None,
    *,
    note: Callable[[str], None] = no_note,
    progress: Progress | None = None,
) -> Viewed:
    """Open what is looked at.

    Args:
        plan: the outputs.
        against: the path of outputs that they are held against, or with ``plan.logits`` of logits.
        note, progress: as `Plan.open` has them.

    Raises:
        UsageError: the rows are no distributions, or both inputs are standard input.
        ShapeError: the two are not of one shape.
        DenseCliError, OSError: an input is not what it should be.

    >>> viewed = open_view(Plan(np.array([[0.25, 0.75], [0.5, 0.5]])))
    >>> viewed.summaries(range(2))["margin"].tolist()
    [0.5, 0.0]
    """
    if against == "-" and isinstance(plan.input, str) and plan.input == "-":
        raise UsageError("INPUT and --against are both standard input: expected one file")
    samples = Samples.open(plan, note=note, progress=progress)
    if against is None:
        return Viewed(samples)
    logits: dict[str, Any] = {"logits": True, "activation": plan.activation, "temperature": plan.temperature}
    other = Plan(
        against,
        **(logits if plan.logits else {}),
        batch=plan.batch,
        lengths=plan.lengths,
        padding=plan.padding,
        mask=plan.mask,
        threads=plan.threads,
        memory=plan.memory,
    )
    others = Samples.open(other, note=note, progress=progress)
    a, b = samples.run, others.run
    if not may_agree(a.shape, b.shape) or samples.count != others.count:
        own = (samples.count, *a.shape[1:])
        raise ShapeError(
            f"{b.input_name}: expected the shape {shape_text(own)} of what {a.input_name} gives, "
            f"found {shape_text((others.count, *b.shape[1:]))}"
        )
    return Viewed(samples, others)


def changes(look: Look, other: Look) -> str:
    """Say how many rows are of another class than those they are held against, or not as sure."""
    flips = np.count_nonzero((look.classes != other.classes) & look.counts)
    unsure, before = look.margin < UNSURE, other.margin < UNSURE
    more = np.count_nonzero(unsure & ~before & look.counts)
    fewer = np.count_nonzero(before & ~unsure & look.counts)
    parts = [f"{flips} of another class", f"{more} unsure here alone", f"{fewer} there alone"]
    return ", ".join(parts[: 1 + 2 * bool(more or fewer)])


def row_names(viewed: Viewed, look: Look) -> list[str]:
    """Return what the rows of a look are called: by their steps, or where there are none by their samples."""
    places = look.places[:, 1:] if viewed.samples.stepped else look.places
    return [", ".join(map(str, place)) for place in places.tolist()]


def heat_map(viewed: Viewed, look: Look, rows: slice, classes: NDArray[np.int64]) -> Grid:
    """Return the picture of some rows of a look and some classes, as `plot` draws it."""
    values = np.where(look.counts[rows, None], look.values[rows][:, classes], np.nan)
    chosen = np.where(look.counts[rows], look.classes[rows], -1)
    run, padding = viewed.samples.run, ~look.counts[rows]
    sample = f": sample {look.places[0, 0]}" if viewed.samples.stepped else ""
    return Grid(
        printable(run.input_name) + sample,
        "time step" if viewed.samples.stepped else "sample",
        "class",
        row_names(viewed, look)[rows],
        class_names(run, classes),
        values.T.astype(np.float64),
        1.0,
        (classes[:, None] == chosen) & (chosen >= 0),
        padding=padding if padding.any() else None,
    )


def shown_classes(looks: Sequence[Look], most: int, pinned: int | None = None) -> NDArray[np.int64]:
    """Return which classes there is room for: the likeliest of all rows, and the one that is pinned."""
    values = looks[0].values if len(looks) == 1 else np.fmax(*(look.values for look in looks))
    shown = likeliest(values, most)
    if pinned is None or pinned in shown:
        return shown
    return np.sort(np.append(likeliest(values, most - 1) if most > 1 else shown[:0], pinned))


def find_class(labels: list[str] | None, classes: int, text: str) -> int:
    """Return the class that a label, its beginning, a part of it, or ``#`` and a number name.

    Raises:
        ConfigError: there is none.

    >>> find_class(["cat", "catfish", "dog"], 3, "catf"), find_class(None, 3, "#2")
    (1, 2)
    """
    number = text.removeprefix("#")
    if text.startswith("#") and number.isdecimal() and len(number) < 18 and int(number) < classes:
        return int(number)
    wanted = text.casefold()
    tests: list[Callable[[str], bool]] = [
        lambda name: name == text,
        lambda name: name.casefold().startswith(wanted),
        lambda name: wanted in name.casefold(),
    ]
    for test in tests:
        for number_of, name in enumerate(labels or ()):
            if test(name):
                return number_of
    known = "no label has it" if labels is not None else f"'#{classes - 1}' is the last class"
    raise ConfigError(f"no class {text!r}: {known}")
