"""A run → the result of every block, in order, computed here or by a cluster; and what is told meanwhile.

In: a `Run` and what is asked of every row. Out: one `Result` a block, or what is made of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from dense_cli.pipeline import MEMORY
from dense_cli.pipeline import run as run_pipeline
from dense_cli.portable import processors
from dense_cli.run import Run, count, unit_of
from dense_cli.sources.source import Source
from dense_cli.views.evaluate import Classless, Counted, Result, View

T = TypeVar("T")


def results(run: Run, view: View, source: Source, most: int | None = None) -> Iterator[Result]:
    """Give the results of ``source``, and tell how far they got and how many rows have no class.

    ``most``: see `pipeline.run`.
    """
    classless = Classless()
    ends = None if run.ends is None else run.ends.anew()
    with _telling(run, source, classless):
        for result in _pipeline(run, view, source, most):
            classless.add(result)
            if ends is not None:
                ends.mark(result)
            yield result
            run.progress.advance(len(result.classes))


def evaluated(run: Run, view: View) -> Iterator[Result]:
    """Give the results of all rows, and tell how far they got, and nothing else."""
    with _counted(run, run.source):
        for result in _pipeline(run, view, run.source, None):
            yield result
            run.progress.advance(len(result.classes))


def reduce(run: Run, view: View, reduced: Callable[[Result], T]) -> Iterator[T]:
    """Give what ``reduced`` makes of each result, there where it is computed; tell the same."""
    classless = Classless()
    with _telling(run, run.source, classless):
        then = partial(Counted.of, reduced)
        counted: Iterator[Counted] = _pipeline(run, view, run.source, None, then)
        if run.spread is None:
            counted = map(then, counted)
        for rows, without_class, value in counted:
            classless.merge(without_class)
            yield value
            run.progress.advance(rows)


@contextmanager
def _telling(run: Run, source: Source, classless: Classless) -> Iterator[None]:
    """Show how far the results of ``source`` got, and tell at their end what is to be said of them."""
    try:
        with _counted(run, source):
            yield
    except GeneratorExit:
        pass  # the writer has enough; what was seen so far is still told
    for text in run.take_notes():
        run.note(text)
    if classless.rows and not run.shows_values:
        run.note(classless.text())


@contextmanager
def _counted(run: Run, source: Source) -> Iterator[None]:
    """Show how far the results of ``source`` got."""
    run.progress.start(count(source.shape[:-1]), unit_of(source.shape))
    try:
        yield
    finally:
        run.progress.stop()


def spread_source(run: Run, source: Source) -> Source:
    """Return the source of a run's rows: those of a model in parts, where a cluster computes them."""
    if run.spread is None or run.model is None or source is not run.source:
        return source
    from dense_cli.models.parted import PartedModel

    plan, counted = run.plan, run.mask is not None or run.targets is not None
    return PartedModel(run.model, plan.model or "", plan.until, plan.memory, counted=counted)


def _pipeline(
    run: Run, view: View, source: Source, most: int | None, then: Callable[[Result], Any] | None = None
) -> Iterator[Any]:
    """Give the results of a source, or what ``then`` makes of them where a cluster computes them."""
    return run_pipeline(
        spread_source(run, source),
        None if run.head is None else run.head.dense,
        view,
        run.dtype,
        run.mask,
        activation=None if run.head is None else run.head.activation,
        targets=run.targets,
        threads=run.plan.threads or processors(),
        memory=run.plan.memory or MEMORY,
        most=most,
        scores=run.plan.scores or run.shows_values,
        temperature=run.plan.temperature,
        spread=run.spread,
        then=then or run.on_workers,
    )
