"""An opened input → its output: what `predict` and `slice` have in common."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from dense_cli.cli.layer import LayerOptions, MadeLayer, make_layer
from dense_cli.cli.notes import note
from dense_cli.errors import ConfigError, ShapeError
from dense_cli.text import shape_text, shown
from dense_cli.writers.formats import FORMATS

if TYPE_CHECKING:
    import numpy as np

    from dense_cli.pipeline import Part
    from dense_cli.sources.fit import Fit
    from dense_cli.sources.masks import Mask
    from dense_cli.sources.source import Source
    from dense_cli.sources.targets import Targets
    from dense_cli.views.evaluate import View
    from dense_cli.views.measures import Summary
    from dense_cli.writers.run import Run


@dataclass(eq=False, repr=False)
class Job:
    """One run of `predict` or `slice`, from the options to the writer."""

    options: dict[str, Any]
    source: Source
    layer: MadeLayer | None
    dtype: np.dtype[Any]
    mask: Mask | None
    lead: tuple[int | None, ...]
    fit: Fit
    targets: Targets | None = None
    summary: Summary | None = None

    @classmethod
    def open(cls, options: dict[str, Any], *, outputs: bool, source: Source | None = None) -> Job:
        """Open the input and make the layer; ``outputs`` allows an input that is finished already."""
        import numpy as np

        from dense_cli.sources.fit import Fit
        from dense_cli.sources.streamed import StreamSource

        wanted = LayerOptions.take(options)
        if not wanted.asked and not outputs:
            raise click.UsageError(
                "one of --units N (a seeded layer) and --weights FILE (a trained one) is needed"
            )
        source = source or open_input(options, outputs=not wanted.asked)
        whole = source.shape  # what a mask and targets are for, whichever samples are looked at
        fit = Fit(source.name)
        if isinstance(source, StreamSource) and whole[0] is None and not source.stated:
            source = source.through(fit.watch)
        if options["batch"] is not None:
            source = _batch(source, options["batch"])
        features = source.shape[-1] or 0
        layer = make_layer(wanted, features, len(source.shape), source.name) if wanted.asked else None
        if layer is not None:
            if layer.config["name"] != "Dense" and source.shape[1] == 0:
                raise ShapeError(
                    f"{source.name}: expected at least one time step, found shape {source.shape}"
                )
            dtype = layer.dtype
        else:
            floats = source.dtype.kind == "f" and source.dtype.itemsize <= 8
            own = source.dtype.newbyteorder("=") if floats else np.dtype(np.float32)
            dtype = np.dtype(wanted.dtype) if wanted.dtype else own
        mask = open_mask(options, dtype)
        if mask is not None:
            mask.check(whole, source.name)
        fit.mask = mask
        return cls(options, source, layer, dtype, mask, whole[:-1], fit)

    @property
    def units(self) -> int:
        """How many classes a row of the output has."""
        if self.layer is None:
            return self.source.shape[-1] or 0
        dense = self.layer.dense
        return dense.units // 2 if dense.activation.name == "glu" else dense.units  # half of them are gates

    def plan(self, *, slicing: bool = False) -> tuple[Run, str]:
        """Return the run as the writers see it, and the output format."""
        from dense_cli.views.evaluate import View
        from dense_cli.writers.run import Run, TableOptions
        from dense_cli.writers.screen import Screen

        options = self.options
        format = output_format(options)
        units = self.units
        if self.layer is None and options["show"] == "logits":
            raise click.UsageError(
                "--show logits is about a layer: INPUT holds finished outputs, and neither --units nor "
                "--weights is given"
            )
        if options["show"] == "logits" and self.layer is not None and units != self.layer.dense.units:
            raise ConfigError(
                f"--show logits: {self.layer.dense.activation.name} has not a class for each logit"
            )
        top = options["top_k"]
        if top is not None and top > units:
            raise ConfigError(f"--top-k {top}: there are only {units} classes")
        labels = self.labels
        screen = Screen.of(sys.stdout) if options["output"] is None and format == "table" else Screen()
        limit = None if options["show_all"] else options["limit"]
        shape = (*self.source.shape[:-1], units)
        said = f"{self.source.name} {shape_text(self.source.shape)}"
        title = (*self.layer.title, f"x = {said} → y {shape_text(shape)}") if self.layer else (f"y = {said}",)
        # With names for the classes of each step, a table tells what is said rather than every number.
        story = not slicing and labels is not None and len(shape) > 2 and format in ("table", "markdown")
        story = story and top is None and options["show"] == "probabilities"
        rows = self._measures(format)
        measures = rows
        if format in ("table", "markdown") or self.targets is not None:
            from dense_cli.views.evaluate import gives_distributions
            from dense_cli.views.measures import Summary

            if self.layer is None or gives_distributions(self.layer.dense.activation):
                measures = tuple(dict.fromkeys([*rows, *Summary.NEEDS]))
        run = Run(
            input_name=self.source.name,
            input_shape=self.source.shape,
            shape=shape,
            dtype=self.dtype,
            view=View(
                options["show"],
                min(2, units) if story else top,
                measures=measures,
                explain=self._explained(labels, format),
            ),
            story=story,
            measures=tuple(name for name in rows if not (story and name == "margin")),
            judged=self.targets is not None,
            layer=self.layer.config if self.layer is not None else None,
            title=tuple(shown(line) for line in title),
            labels=labels,
            masked=self.mask is not None,
            table=TableOptions(limit, options["precision"], screen),
        )
        return _with_view(run, format), format

    @cached_property
    def labels(self) -> list[str] | None:
        """The names of the classes, where they are given."""
        from dense_cli.sources.labels import load_labels

        file = self.options["labels"]
        return None if file is None else load_labels(file, self.units)

    def open_targets(self) -> None:
        """Read the targets, where they are asked for: before the first row is."""
        from dense_cli.sources.targets import load_targets

        file = self.options["targets"]
        if file is not None and self.targets is None:
            targets = load_targets(file, self.labels, self.options["ignore_index"])
            self.targets = self.fit.targets = targets.fit(self.lead)

    def _measures(self, format: str) -> tuple[str, ...]:
        """Open the targets, and return the measures that are shown."""
        options = self.options
        if options["ignore_index"] is not None and options["targets"] is None:
            raise click.UsageError("--ignore-index is about targets: it needs --targets FILE")
        measures = tuple(dict.fromkeys(options["measures"]))
        if options["targets"] is not None:
            from dense_cli.views.measures import OF_TARGETS

            self.open_targets()
            measures += OF_TARGETS
        if options["measures"] and format == "npy":
            raise click.UsageError("NPY holds one array, the one that --show names: --measure needs -f npz")
        return measures

    def _explained(self, labels: list[str] | None, format: str) -> int | None:
        """Return the class that --explain names."""
        from dense_cli.views.explain import AUTO

        name = self.options["explain"]
        if name is None:
            return None
        if self.layer is None:
            raise click.UsageError("--explain is about a layer: it needs --units N or --weights FILE")
        if format in ("csv", "npy", "npz"):
            raise click.UsageError(
                f"--explain does not fit {format}: expected table, markdown, json or jsonl"
            )
        if name == "auto":
            return AUTO
        if labels is not None and name in labels:
            first = labels.index(name)
            if name in labels[first + 1 :]:
                both = f"{first} and {labels.index(name, first + 1)}"
                raise ConfigError(f"--explain: expected one class, found {name!r}, which names {both}")
            return first
        if not name.isdecimal() or len(name) > 18 or int(name) >= self.units:
            known = "auto, a label or a class number" if labels is not None else "auto or a class number"
            raise ConfigError(f"--explain: expected {known} below {self.units}, found {name!r}")
        return int(name)

    def count(self, format: str) -> None:
        """Add up how right the rows are, where the output has no place for it and does not do so itself."""
        from dense_cli.views.measures import Summary

        if self.targets is not None and format in ("jsonl", "csv", "npy", "npz"):
            self.summary = Summary(self.units, self.options["top_k"] or 5)

    def conclude(self) -> None:
        """Say how right the rows are, where that was added up."""
        if self.summary is not None:
            from dense_cli.writers.summary import accuracy_line

            note(accuracy_line(self.summary.totals(), self.options["precision"]))

    def parts(self, source: Source, view: View, most: int | None = None) -> Iterator[Part]:
        """Give the parts of ``source``, and say in the end how many rows have no class."""
        from dense_cli.cli.progress import Progress
        from dense_cli.pipeline import MEMORY
        from dense_cli.pipeline import run as run_pipeline

        lost, first = 0, None
        rows = math.prod(n for n in source.shape[:-1] if n is not None) if None not in source.shape else None
        progress = Progress(rows, shown=not self.options["no_progress"])
        try:
            for part in run_pipeline(
                source,
                self.layer.dense if self.layer is not None else None,
                view,
                self.dtype,
                self.mask,
                targets=self.targets,
                threads=self.options["threads"] or _processors(),
                memory=self.options["memory"] or MEMORY,
                most=most,
            ):
                missing = (part.result.classes < 0).nonzero()[0]
                if len(missing) and first is None:
                    first = part.block.places()[missing[0]].tolist()
                lost += len(missing)
                if self.summary is not None:
                    samples = part.block.places()[:, 0]
                    self.summary.add(part.result.classes, part.result.measures, samples, part.mask)
                yield part
                progress.advance(len(part.result.classes))
        except GeneratorExit:
            pass  # the writer has enough; what was seen so far is still told
        finally:
            progress.stop()
        if first is not None:
            names = ["sample", "t", *(f"axis{i}" for i in range(2, len(first)))]
            where = ", ".join(f"{name} {n}" for name, n in zip(names, first, strict=False))
            count = "1 row has" if lost == 1 else f"{lost} rows have"
            note(f"{count} NaN or infinity in the input or the logits, and so no class; the first is {where}")


def write(job: Job, run: Run, format: str, groups: Iterable[tuple[int | None, Iterator[Part]]]) -> None:
    """Write the parts of each group, which is a time step or (None) everything."""
    from dense_cli.writers.formats import writer

    job.count(format)
    with output(job.options) as out:
        made = writer(format)(out, run)
        begun = False
        for step, parts in groups:
            # What is wrong with an input shows in its first block: nothing is printed before that.
            first = next(parts, None)
            if not begun:
                made.begin()
                begun = True
            if step is not None:
                made.step(step)
            for part in chain([] if first is None else [first], parts):
                made.write(part)
                if made.full:
                    break
        if not begun:
            made.begin()
        made.end()
    job.conclude()


def _with_view(run: Run, format: str) -> Run:
    """Return ``run`` with the arrays that its writer needs, and only what fits a narrow terminal."""
    view = run.view
    if format == "table":
        from dense_cli.writers.table import fitting

        most = fitting(run)
        if most is not None:
            width = run.table.screen.width
            asked = view.top or run.shape[-1] or 1
            what = "runner-up and margin" if run.story else f"{asked} classes"
            note(f"{what} do not fit {width} columns: the {most} likeliest are shown (all: -f csv)")
            view = view._replace(top=min(most, asked))
            run = run._replace(story=False)
    arrays: tuple[str, ...] = () if view.top or view.show == "classes" else (view.values,)
    if format == "npz" and view.show == "logits" and not view.top:
        arrays = ("probabilities", "logits")
    if view.explain is not None and "logits" not in arrays:
        arrays += ("logits",)
    return run._replace(view=view._replace(arrays=arrays))


def open_input(options: dict[str, Any], *, outputs: bool) -> Source:
    """Open INPUT, or standard input where there is none and it is not a terminal."""
    from dense_cli.sources.open import Request, open_source, stdin_is_terminal

    path = options["input"]
    if path is None:
        if stdin_is_terminal():
            raise click.UsageError("INPUT is missing: a file, or - for standard input")
        path = "-"
    request = Request(options["key"], outputs)
    return open_source(path, options["input_format"], request, options["memory"])


def open_mask(options: dict[str, Any], dtype: np.dtype[Any]) -> Mask | None:
    """Return the mask that --lengths, --mask or --mask-value (of the layer's dtype) asks for."""
    import numpy as np

    from dense_cli.files.stream import open_stream
    from dense_cli.sources.masks import Mask, as_lengths, as_steps
    from dense_cli.sources.whole import read_array

    given = [name for name in ("lengths", "mask", "mask_value") if options[name] is not None]
    if len(given) > 1:
        raise click.UsageError("expected one of --lengths, --mask and --mask-value")
    if not given:
        return None
    if given == ["mask_value"]:
        with np.errstate(over="ignore"):
            return Mask(value=float(dtype.type(options["mask_value"])))
    file = options[given[0]]
    array = read_array(open_stream(file))
    return (
        Mask(lengths=as_lengths(array, file)) if given == ["lengths"] else Mask(steps=as_steps(array, file))
    )


def output_format(options: dict[str, Any]) -> str:
    """Return the output format: --format, else by the suffix of --output, else table."""
    if options["format"] is not None:
        return str(options["format"])
    suffix = os.path.splitext(options["output"] or "")[1].lower()
    return next((f.name for f in FORMATS.values() if suffix in f.suffixes), "table")


@contextmanager
def output(options: dict[str, Any]) -> Iterator[BinaryIO]:
    """Open where the data go: --output, or standard output.

    All is UTF-8; only what is for people is in the encoding that standard output has.
    """
    from dense_cli.writers.screen import in_its_encoding
    from dense_cli.writers.target import open_output

    if options["output"] not in (None, "-"):
        with open_output(options["output"]) as file:
            yield file
        return
    format = output_format(options)
    stdout = in_its_encoding(sys.stdout) if format in ("table", "text") else sys.stdout.buffer
    if format in ("npy", "npz") and sys.stdout.isatty():
        raise click.UsageError(f"{format} is binary: name a file with -o, or pipe it")
    try:
        yield stdout
        stdout.flush()
    except OSError as e:
        e.filename = e.filename or "standard output"
        raise


def _batch(source: Source, batch: int | slice) -> Source:
    if isinstance(batch, slice):
        return source.select(batch)
    from dense_cli.sources.streamed import StreamSource

    size = source.shape[0]
    message = f"{source.name}: sample {batch} is out of range"
    if size is not None and not -size <= batch < size:
        raise ShapeError(f"{message}: there are {size} (0 to {size - 1})")
    if abs(batch) < 2**62:  # NumPy counts no further
        selected = source.select(slice(batch, batch + 1 or None))
        if size is None and isinstance(selected, StreamSource):
            return selected.required(message)
        if selected.shape[0] != 0:
            return selected
    raise ShapeError(message)


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
