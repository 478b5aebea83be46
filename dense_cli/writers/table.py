"""A run → a table for whoever reads it: a title, rows up to a limit, what is not shown, and a summary.

In: results. Out: lines, laid out by Rich from the cells that `cells` makes; `markdown` lays them out
otherwise.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from dense_cli.limits import require_bytes
from dense_cli.run import Run
from dense_cli.views.evaluate import Result, View
from dense_cli.views.measures import Summary
from dense_cli.writers.cells import UNSURE, Cell, Cells, layout
from dense_cli.writers.rich_table import Grid, render, write_lines, write_wrapped
from dense_cli.writers.summary import accuracy_line, summary_line
from dense_cli.writers.writer import TableOptions, Writer, with_arrays

if TYPE_CHECKING:
    from dense_cli.writers.explanation import Explanation

STEPS = 10  # time steps that `slice` shows, unless others or all are asked for
_BLOCK = 500  # rows that are laid out together
_CELLS = 50_000  # and cells, at most
_CELL_COST = 4500  # bytes that a cell takes while it is laid out


class TableWriter(Writer):
    """A table per run, or per time step."""

    def __init__(self, out: BinaryIO, run: Run, view: View, table: TableOptions) -> None:
        super().__init__(out, run, view, table)
        self.cells = Cells(run, view, table)
        columns = len(self.cells.columns)
        require_bytes(columns * _CELL_COST, "the table", f"a row of {columns} columns", run.plan.memory)
        self.block = max(min(_BLOCK, _CELLS // columns), 1)
        self.limit = None if table.limit is None else table.limit + 1  # one more says that there are more
        if run.plan.times == () and table.limit is not None:
            self.most_steps = STEPS
        self._start()

    @classmethod
    def wants(cls, run: Run, table: TableOptions) -> View:
        """Return the view with the classes that fit the screen, and with what the summary needs."""
        chosen = layout(run, table)
        view = with_arrays(run.view._replace(top=chosen.top))
        if run.gives_distributions:
            view = view._replace(measures=tuple(dict.fromkeys([*view.measures, *Summary.NEEDS])))
        return view

    def begin(self) -> None:
        """Print what was run on what, and say what there is no room for."""
        if self.cells.left_out is not None:
            self.run.note(f"{self.cells.left_out} are shown (all: -f csv)")
        write_wrapped(self.out, self.table.screen, *self.run.title)

    def step(self, t: int) -> None:
        """Print what names a time step."""
        axes = len(self.run.shape) - 3
        self.print("", f"y[:, {t}, :{', :' * axes}]  (t = {t})")

    def end_step(self) -> None:
        """End the table of a time step."""
        self.finish()
        self._start()
        self.summary = Summary(self.run.classes, self.run.view.top or 5)

    def _start(self) -> None:
        self.rows: list[list[Cell]] = []
        self.grid = Grid(self.cells.columns, self.table.screen)
        self.shown = 0
        self.last_sample = -1
        self.left = 0  # rows that there was no room for
        self.headed = False
        self.explained: list[list[str]] = []

    def write(self, result: Result) -> None:
        """Print the rows that there is room for."""
        rows = len(result.classes)
        count = rows if self.table.limit is None else min(rows, self.table.limit - self.shown)
        self.left += rows - count
        if not count:
            return
        self.shown += count
        self.last_sample = int(result.places[count - 1, 0])
        start = 0
        while start < count:
            stop = min(count, start + self.block - len(self.rows))
            self.rows += self.cells.rows(result, slice(start, stop))
            start = stop
            # However many rows the blocks have, the same rows are laid out together.
            if len(self.rows) == self.block:
                self.flush()
        if self.rows and self.shown == self.table.limit:
            self.flush()  # they need not wait for the summary of all rows
            self.out.flush()
        if self.view.explain is not None:
            self._explain(result, count)

    def _explain(self, result: Result, count: int) -> None:
        """Keep what the logits, or the softmax, of the rows that are shown are made of."""
        from dense_cli.views.explain import SOFTMAX

        if self.view.explain == SOFTMAX:
            self._explain_softmax(result, count)
            return
        from dense_cli.writers.explanation import explanation

        assert result.explained is not None
        for i in np.flatnonzero(result.explained.classes[:count] >= 0).tolist():
            self.explained.append(self.lay_explanation(explanation(self.cells, result, i)))

    def _explain_softmax(self, result: Result, count: int) -> None:
        from dense_cli.views.softmax import take_apart
        from dense_cli.writers.softmax import explanation

        for i in np.flatnonzero(result.classes[:count] >= 0).tolist():
            steps = take_apart(result.arrays["logits"][i : i + 1])
            options = (self.run.labels, self.table.precision, self.run.plan.temperature)
            made = explanation(result.places[i].tolist(), steps, *options)
            self.explained.append(self.lay_explanation(made))

    def end(self) -> None:
        """Print what is left, and how many time steps are not shown."""
        self.finish()
        more = 0 if self.most_steps is None else len(self.run.steps or ()) - self.most_steps
        if more > 0:
            self.print("", f"… {more} more time step{'s' * (more != 1)}: --all, or -t")

    def finish(self) -> None:
        """Print the rows that are left, and say which are not shown."""
        if self.rows or (self.run.steps is None and not self.shown):
            self.flush()
        if self.cells.unsure:
            write_wrapped(
                self.out, self.table.screen, f"unsure: the two likeliest are less than {UNSURE} apart"
            )
            self.cells.unsure = False
        for lines in self.explained:
            self.print("", *lines)
        if self.explained:
            self.print("")
        if self.left:
            write_wrapped(self.out, self.table.screen, f"… {self._left()}: --all")
        if self.headed:
            totals = self.summary.totals()
            write_wrapped(self.out, self.table.screen, summary_line(totals, self.run, self.table.precision))
            if self.run.targets is not None:
                write_wrapped(self.out, self.table.screen, accuracy_line(totals, self.table.precision))
        self.headed = False

    def _left(self) -> str:
        """Return what is not shown, in samples; of selected rows, in rows."""
        selection = self.run.selection
        if selection is not None and selection.sort is not None:
            return "more rows"
        if selection is not None:
            return f"{self.left} more row{'s' * (self.left != 1)}"
        inner = self.run.shape[1:-1] if self.run.steps is None else self.run.shape[2:-1]
        batch = self.run.shape[0]
        if batch is None or None in inner:
            return "more samples"
        whole, part = divmod(self.shown, math.prod(n or 1 for n in inner))
        left = batch - whole - (part > 0)
        samples = f"{left} more sample{'s' * (left != 1)}"
        return f"the rest of sample {self.last_sample}" + f" and {samples}" * (left > 0) if part else samples

    def flush(self) -> None:
        """Print the rows gathered so far."""
        self.print(*self.lay(self.rows))
        self.rows, self.headed = [], True

    def lay(self, rows: list[list[Cell]]) -> list[str]:
        """Return the lines of the next rows, of the first ones with the header."""
        return self.grid.lines(rows)

    def lay_explanation(self, made: Explanation) -> list[str]:
        """Return the lines of an explanation."""
        lines = render(made.columns, made.rows, self.table.screen)
        return [made.title, *lines, *([made.conclusion] if made.conclusion else [])]

    def print(self, *lines: str) -> None:
        """Print lines as they are."""
        write_lines(self.out, self.table.screen, *lines)
