"""A progress bar on standard error, where that is a terminal and the work is long."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from dense_cli.run import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_PATIENCE = 1.0  # seconds that pass before a bar is shown


class ProgressBar(Progress):
    """Rows done, of ``total`` where it is known, with the rate and the time left."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown and sys.stderr is not None and sys.stderr.isatty()
        self.start(None)

    def start(self, total: int | None) -> None:
        """Begin to count, up to ``total`` where it is known."""
        self._total = total
        self._done = 0
        self._began = time.monotonic()
        self._bar: Bar | None = None

    def advance(self, rows: int) -> None:
        """Count further rows."""
        self._done += rows
        if self._bar is None and self._shown and time.monotonic() - self._began > _PATIENCE:
            self._bar = _bar()
            self._bar.add_task("rows", total=self._total)
            self._bar.start()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._done)

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()


def _bar() -> Bar:
    from rich import progress
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    class Steady(Console):
        def show_cursor(self, show: bool = True) -> bool:
            return False  # it stays visible: a signal would leave it hidden

    class Rate(TextColumn):
        def __init__(self) -> None:
            super().__init__("{task.speed:,.0f} rows/s")

        def render(self, task):  # type: ignore[no-untyped-def]
            return "" if task.speed is None else super().render(task)

    columns = (MofNCompleteColumn(), BarColumn(), Rate(), TimeRemainingColumn())
    return progress.Progress(*columns, console=Steady(file=sys.stderr), transient=True)
