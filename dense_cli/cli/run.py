"""A plan → its output: what `predict` and `slice` do with their options."""

from __future__ import annotations

from dense_cli.cli.notes import note
from dense_cli.cli.output import open_folder, open_output, screen_of
from dense_cli.cli.progress import ProgressBar
from dense_cli.plan import Plan
from dense_cli.writers.formats import FORMATS, format_of
from dense_cli.writers.screen import Screen
from dense_cli.writers.write import require_fit, write
from dense_cli.writers.writer import TableOptions


def run_to(
    plan: Plan, format: str | None, output: str | None, limit: int | None, precision: int, *, progress: bool
) -> None:
    """Run a plan and write its results to ``output``, in ``format`` or in that of its suffix."""
    name = format or format_of(output)
    on_screen, binary = FORMATS[name].on_screen, FORMATS[name].binary
    run = plan.open(note=note, progress=ProgressBar(shown=progress))
    require_fit(run, name)
    screen = screen_of(output) if on_screen else Screen()
    options = TableOptions(limit, precision, screen)
    if FORMATS[name].folder:
        with open_folder(output, name) as folder:
            write(run, folder, name, options)
        return
    with open_output(output, text=on_screen, binary=name if binary else None) as out:
        write(run, out, name, options)
