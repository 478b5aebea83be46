"""What every writer of results is: it says what it needs, and takes one result a block.

In: a `Run`, the view that was computed for it, and results in order. Out: bytes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import BinaryIO, NamedTuple

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

    ``view`` is what was computed, the view that `wants` returned.
    """

    full = False  # whether further results would not be shown

    def __init__(self, out: BinaryIO, run: Run, view: View, table: TableOptions) -> None:
        self.out = out
        self.run = run
        self.view = view
        self.table = table
        self.summary = Summary(run.classes, run.view.top or 5)

    @classmethod
    def wants(cls, run: Run, table: TableOptions) -> View:
        """Return the view of ``run`` with what this writer needs of every row."""
        return with_arrays(run.view)

    def begin(self) -> None:
        """Write what comes before the first result."""

    def step(self, t: int) -> None:
        """Begin time step ``t``."""
        self.summary.next_step()

    def count(self, result: Result, rows: int | None = None) -> None:
        """Add the first ``rows`` rows of a result (None: all) to the summary."""
        part = slice(rows)
        self.summary.add(
            result.classes[part],
            {name: values[part] for name, values in result.measures.items()},
            result.places[part, 0],
            None if result.mask is None else result.mask[part],
        )

    @abstractmethod
    def write(self, result: Result) -> None:
        """Write a result."""

    def end(self) -> None:
        """Write what comes after the last result."""
