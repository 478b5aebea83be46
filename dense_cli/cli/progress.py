"""A progress bar on standard error, where that is a terminal and the work is long."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from dense_cli.progress import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_PATIENCE = 1.0  # seconds that pass before a bar is shown
_DONE, _LEFT = "blue", "bright_black"  # which stand on black and on white without shouting


class ProgressBar(Progress):
    """How many samples or steps are done, of ``total`` where it is known, and the time left."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown and sys.stderr is not None and sys.stderr.isatty()
        self._bar: Bar | None = None
        self.start(None)

    def start(self, total: int | None, unit: str = "samples") -> None:
        """Begin to count, up to ``total`` of a unit where it is known."""
        self._total = total
        self._unit = unit
        self._done = 0
        self._began = time.monotonic()
        self._bar = None

    def advance(self, rows: int) -> None:
        """Count further ones."""
        self._done += rows
        if self._bar is None and self._shown and time.monotonic() - self._began > _PATIENCE:
            self._bar = _bar(self._total is not None)
            self._bar.add_task(self._unit, total=self._total)
            self._bar.start()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._done)

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()


def _bar(bounded: bool) -> Bar:
    """Return a bar that counts in the words of a table, ``1,200 of 5,000 steps``; unbounded, how fast."""
    from rich import progress
    from rich.console import Console
    from rich.progress import BarColumn, ProgressColumn, Task, TextColumn

    class Steady(Console):
        def show_cursor(self, show: bool = True) -> bool:
            return False  # it stays visible: a signal would leave it hidden

    class Speed(TextColumn):
        def __init__(self) -> None:
            super().__init__("{task.speed:,.0f} a second")

        def render(self, task: Task):  # type: ignore[no-untyped-def]
            return "" if task.speed is None else super().render(task)

    class Left(TextColumn):
        def __init__(self) -> None:
            super().__init__("")

        def render(self, task: Task):  # type: ignore[no-untyped-def]
            self.text_format = "" if task.time_remaining is None else f"{_time(task.time_remaining)} left"
            return super().render(task)

    columns: tuple[ProgressColumn, ...]
    if bounded:
        bar = BarColumn(bar_width=20, style=_LEFT, complete_style=_DONE, finished_style=_DONE)
        columns = (TextColumn("{task.completed:,.0f} of {task.total:,.0f} {task.description}"), bar, Left())
    else:
        columns = (TextColumn("{task.completed:,.0f} {task.description}"), Speed())
    return progress.Progress(*columns, console=Steady(file=sys.stderr), transient=True)


def _time(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
