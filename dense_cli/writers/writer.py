"""What every writer of results is: it says what it needs, and takes one result a block.

In: a `Run`, the view that was computed for it, and results in order. Out: bytes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, BinaryIO, NamedTuple

from dense_cli.run import Run
from dense_cli.views.evaluate import Result, View
from dense_cli.views.measures import Summary
from dense_cli.writers.screen import Screen


class TableOptions(NamedTuple):
    """How a table looks: rows at most (None: all), digits after the point, and the screen it is for."""

    limit: int | None = 20
    precision: int = 4
    screen: Screen = Screen()


def with_arrays(view: View) -> View:
    """Return the view with the arrays that show it."""
    arrays: tuple[str, ...] = () if view.top or view.show == "classes" else (view.values,)
    if view.explain is not None and "logits" not in arrays:
        arrays += ("logits",)
    return view._replace(arrays=arrays)


class Writer(ABC):
    """Takes results in order, between `begin` and `end`; `step` comes before those of a time step.

    ``view`` is what was computed, the view that `wants` returned; ``out`` is a file, or the path of a folder
    for a format that is one.
    """

    def __init__(self, out: Any, run: Run, view: View, table: TableOptions) -> None:
        self.out: BinaryIO = out
        self.run = run
        self.view = view
        self.table = table
        self.limit: int | None = None  # rows that are written at most
        self.most_steps: int | None = None  # and time steps, of which each is a table
        self.summary = Summary(run.classes, run.view.top or 5)

    @classmethod
    def wants(cls, run: Run, table: TableOptions) -> View:
        """Return the view of ``run`` with what this writer needs of every row."""
        return with_arrays(run.view)

    def begin(self) -> None:
        """Write what comes before the first result."""

    def step(self, t: int) -> None:
        """Begin time step ``t``."""

    def end_step(self) -> None:
        """End a time step after which another one comes, and get ready to count that."""
        self.summary.next_step()

    def count(self, result: Result) -> None:
        """Add the rows of a result to the summary, also those that are not written."""
        self.summary.add(result.classes, result.measures, result.places[:, 0], result.mask)

    @abstractmethod
    def write(self, result: Result) -> None:
        """Write a result."""

    def end(self) -> None:
        """Write what comes after the last result."""
