"""An opened `Plan`: what writers and views ask of it, and the results of its rows.

In: an open input, a built head and what goes with them. Out: one `Result` a block of rows, in order, of all
rows or of one time step after another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dense_cli.errors import UsageError
from dense_cli.progress import Progress
from dense_cli.text import shape_text, shown

if TYPE_CHECKING:
    import numpy as np

    from dense_cli.head import BuiltHead
    from dense_cli.models.open import OpenedModel
    from dense_cli.pipeline import OnWorkers
    from dense_cli.plan import Plan
    from dense_cli.sources.masks import Mask
    from dense_cli.sources.source import Source
    from dense_cli.sources.spread import Spread
    from dense_cli.sources.targets import Targets
    from dense_cli.views.ends import Ends
    from dense_cli.views.evaluate import Result, View
    from dense_cli.views.select import Selection

Shape = tuple[int | None, ...]


class Run:
    """An opened plan.

    Attributes:
        source: the input, of the samples that were picked.
        head: None where the input holds finished distributions.
        dtype: the output's.
        mask, targets, labels: None where there are none.
        ends: what ends the steps of a sample; None where nothing does.
        view: what is asked of every row; a writer adds the arrays that it needs.
        measures: those that are shown for each row; the view may have more, for a summary.
        steps: the time steps that are given one after another; None: sample by sample.
        spread: where blocks are computed; None: here.
        on_workers: what becomes of results there, before they come back; None: they are as they are.
    """

    def __init__(
        self,
        plan: Plan,
        source: Source,
        head: BuiltHead | None,
        dtype: np.dtype[Any],
        mask: Mask | None,
        model: OpenedModel | None,
        note: Callable[[str], None],
        progress: Progress,
    ) -> None:
        self.plan = plan
        self.source = source
        self.head = head
        self.dtype = dtype
        self.mask = mask
        self.model = model
        self.note = note
        self._untold = () if head is None else head.notes
        self.progress = progress
        self.labels: list[str] | None = None
        self.feature_names: list[str] | None = None
        self.targets: Targets | None = None
        self.ends: Ends | None = None
        self._steps: Sequence[int] | None = None
        self.spread: Spread | None = None
        self.on_workers: OnWorkers | None = None

    @property
    def input_name(self) -> str:
        """What messages call the input."""
        return self.source.name

    @cached_property
    def input_shape(self) -> Shape:
        """The shape of the samples that were picked; of a model, that of its first input."""
        return self.source.shape if self.model is None else self.model.inputs[0].shape

    @property
    def what(self) -> str:
        """What finished outputs are, in a word."""
        return f"layer {self.model.part.layer}" if self.model is not None else "INPUT"

    @property
    def masked(self) -> bool:
        """Whether some rows may be padding."""
        return any((self.mask, self.ends)) or (self.model is not None and self.model.masked)

    @cached_property
    def shows_values(self) -> bool:
        """Whether rows are values that have no class: the output of a layer that is none of classes."""
        return self.model is not None and self.head is None and not self.model.part.distributions

    @cached_property
    def classes(self) -> int:
        """How many numbers a row of the output has."""
        return (self.source.shape[-1] or 0) if self.head is None else self.head.classes

    @cached_property
    def shape(self) -> Shape:
        """The output's shape, None for a size that is not known before the end."""
        shape = (*self.source.shape[:-1], self.classes)
        if self._steps is None:
            return shape
        # Not every sample of several lengths has the step: how many do shows as they come.
        ragged = self._ragged
        return (None if ragged else shape[0], None if ragged else len(self._steps), *shape[2:])

    @cached_property
    def steps(self) -> Sequence[int] | None:
        """The time steps that are given one after another: none where there are no samples."""
        return () if self._steps is not None and self.source.shape[0] == 0 else self._steps

    @cached_property
    def keeps_time(self) -> bool:
        """False where one step was asked for by its index: an array of it has no time axis."""
        times = self.plan.times
        return times is None or not (len(times) == 1 and isinstance(times[0], int))

    @cached_property
    def gives_distributions(self) -> bool:
        """Whether every row of the output sums to 1."""
        from dense_cli.views.evaluate import gives_distributions

        if self.plan.scores or self.shows_values:
            return False
        return self.head is None or gives_distributions(self.head.activation)

    @cached_property
    def title(self) -> tuple[str, ...]:
        """What was run on what, in a few lines of text that is safe to show."""
        from_input = f"{self.source.name} {shape_text(self.input_shape)}"
        if self.head is None and self.model is None:
            return (shown(f"y = {from_input}"),)
        if self.model is not None:
            from_input = ", ".join(f"{x.name} {shape_text(x.shape)}" for x in self.model.inputs)
        first = self.head.title if self.head is not None else ()
        if self.head is None and self.model is not None:
            first = (f"layer {self.model.part.layer} of {self.plan.model}",)
        if self.plan.temperature != 1:
            first = (*first, f"logits divided by the temperature {self.plan.temperature:.6g}")
        output = shape_text((*self.source.shape[:-1], self.classes))
        return tuple(map(shown, (*first, f"x = {from_input} → y {output}")))

    def open_labels(self) -> None:
        """Read the names of the classes."""
        if self.plan.labels is not None:
            from dense_cli.sources.labels import load_labels

            self.labels = load_labels(
                self.plan.labels, self.classes, key=self.plan.labels_key, note=self.note
            )

    def open_feature_names(self, header: list[str]) -> None:
        """Read the names of the features, or take those that a header turns out to have."""
        self.feature_names = header
        if self.plan.feature_names is not None:
            from dense_cli.sources.labels import load_labels

            self.feature_names = load_labels(self.plan.feature_names, self.source.shape[-1])

    def open_targets(self, lead: Shape) -> None:
        """Read the targets, of the shape ``lead``: before the first row of a stream is read."""
        if self.plan.targets is not None:
            from dense_cli.sources.targets import load_targets

            self.targets = load_targets(self.plan.targets, self.labels, self.plan.ignore_index).fit(lead)

    def open_ends(self) -> None:
        """Find the classes that end the steps of a sample; of `slice`, where each sample ends."""
        plan = self.plan
        if plan.eos is None and plan.pad is None:
            return
        from dense_cli.results import evaluated
        from dense_cli.views.ends import Ends, class_number
        from dense_cli.views.evaluate import View

        eos, pad = (
            class_number(label, option, self.classes, self.labels, plan.labels, self.note)
            for option, label in (("eos", plan.eos), ("pad", plan.pad))
        )
        ends = Ends(eos, pad)
        if self._steps is not None and eos is not None:
            ends.find(evaluated(self, View(show="classes")))
        self.ends = ends

    def take_steps(self) -> None:
        """Find the time steps; a stream is kept in a file unless a single step is taken as it flows."""
        times = self.plan.times
        if times is None:
            return
        from dense_cli.sources.steps import find_steps
        from dense_cli.sources.streamed import StreamSource, spool

        # One step can be taken from a stream as it flows; several would have to be gone back for. Lines that
        # state their places may come in any order, and then the order of the samples shows at the end.
        single = len(times) == 1 and isinstance(times[0], int) and times[0] >= 0 and self.plan.eos is None
        if isinstance(self.source, StreamSource) and (not single or self.source.stated):
            self.source = spool(self.source)
        source: Any = self.source
        known = source.steps
        if known is None:  # the one step asked for is looked for as the stream flows
            self._steps = [t for t in times if isinstance(t, int)]
        else:
            numbers = known if isinstance(known, range) else known.tolist()
            self._steps = find_steps(times, numbers, source.name, ragged=self._ragged)

    @cached_property
    def measures(self) -> tuple[str, ...]:
        """The measures that are shown for each row; the view may have more, for a summary."""
        from dense_cli.views.measures import OF_TARGETS

        needs = () if self.selection is None else self.selection.needs
        measures = tuple(name for name in dict.fromkeys([*self.plan.measures, *needs]) if name != "loss")
        return measures if self.targets is None else measures + OF_TARGETS

    @cached_property
    def view(self) -> View:
        """What is asked of every row; a writer adds the arrays that it needs."""
        from dense_cli.views.evaluate import View
        from dense_cli.views.measures import Summary

        measures = self.measures
        show = self.plan.show
        if show == "probabilities" and (self.plan.scores or self.shows_values):
            show = "values" if self.shows_values else "scores"
        if self.targets is not None and self.gives_distributions:
            measures = tuple(dict.fromkeys([*measures, *Summary.NEEDS]))
        return View(show, self.plan.top_k, measures=measures, explain=self._explained())

    def groups(
        self,
        view: View,
        *,
        by_step: bool,
        most: int | None = None,
        watch: Callable[[Result], None] | None = None,
    ) -> Iterator[tuple[int | None, Iterator[Result]]]:
        """Give the results of the rows that are asked for.

        Args:
            view: what is computed of every row.
            by_step: those of one time step after another.
            most: how many sorted rows are needed.
            watch: is given every result, before rows are left out.
        """
        for step, results in self._groups(view, by_step=by_step):
            yield step, self._selected(results, most, watch)

    def _selected(
        self, results: Iterator[Result], most: int | None, watch: Callable[[Result], None] | None
    ) -> Iterator[Result]:
        if watch is not None:
            results = _watched(results, watch)
        selection = self.selection
        if selection is None:
            return results
        from dense_cli.views.select import select

        return select(results, selection._replace(most=most))

    @cached_property
    def selection(self) -> Selection | None:
        """Which rows deserve a look; None: all, in the order in which they come."""
        plan = self.plan
        if plan.sort is None and plan.unsure is None and not plan.wrong:
            return None
        from dense_cli.views.select import Selection

        if self.targets is None and (plan.wrong or plan.sort == "loss"):
            asked = "--wrong" if plan.wrong else "--sort loss"
            raise UsageError(f"{asked} is about targets: it needs --targets FILE")
        if not self.gives_distributions:
            raise UsageError("--sort, --unsure and --wrong are about distributions: softmax or sparsemax")
        return Selection(plan.sort, plan.unsure, plan.wrong, memory=plan.memory)

    def _groups(self, view: View, *, by_step: bool) -> Iterator[tuple[int | None, Iterator[Result]]]:
        if self._steps is None:
            yield None, self.results(view)
        elif not by_step:
            yield None, self.results(view, self._at(self._steps))
        else:
            # A product of thousands of rows for each step would be mostly padding. One step alone may come
            # from a stream, of which nobody knows how many rows it has.
            inner = (self.source.shape[0], *self.source.shape[2:-1])
            most = count(inner) if self.keeps_time else None
            for t in self.steps or ():
                yield t, self.results(view, self._at([t]), most)

    def results(self, view: View, source: Source | None = None, most: int | None = None) -> Iterator[Result]:
        """Give the results of ``source``, by default of the whole input.

        What is said at the end: the notes of the head, and how many rows have no class. ``most``: see
        `pipeline.run`.
        """
        from dense_cli.results import results

        return results(self, view, source or self.source, most)

    def take_notes(self) -> tuple[str, ...]:
        """Return what is to be said of the head, once."""
        notes, self._untold = self._untold, ()
        return notes

    @property
    def _ragged(self) -> bool:
        from dense_cli.sources.placed import PlacedSource

        return isinstance(self.source, PlacedSource)

    def _at(self, steps: Sequence[int]) -> Source:
        source: Any = self.source
        found: Source = source.at(steps)
        return found

    def _explained(self) -> int | None:
        """Return the class that ``explain`` names, or what stands for `auto` and `softmax`."""
        name = self.plan.explain
        if name is None:
            return None
        from dense_cli.views.explain import AUTO, SOFTMAX, class_named

        if name == "softmax":
            if self.head is None or self.head.activation.name != "softmax":
                raise UsageError("--explain softmax: these outputs are no softmax of logits that are known")
            return SOFTMAX
        if self.head is None or self.head.dense is None:
            raise UsageError("--explain is about a layer: it needs --units N or --weights FILE")
        return AUTO if name == "auto" else class_named(name, self.labels, self.classes)


def unit_of(shape: Shape) -> str:
    """Return what the rows of a shape are called, in the words of a table's summary."""
    return "steps" if len(shape) > 2 else "samples"


def count(sizes: Shape) -> int | None:
    """Return how many rows an array of these sizes has; None where one is not known."""
    return None if None in sizes else math.prod(n or 0 for n in sizes)


def _watched(results: Iterator[Result], watch: Callable[[Result], None]) -> Iterator[Result]:
    for result in results:
        watch(result)
        yield result
