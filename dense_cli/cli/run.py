"""A plan → its output: what `predict` and `slice` do with their options."""

from __future__ import annotations

import sys

from dense_cli.cli.notes import note
from dense_cli.cli.output import open_folder, open_output, screen_of
from dense_cli.cli.progress import ProgressBar
from dense_cli.cli.workers import workers_of
from dense_cli.plan import Plan
from dense_cli.views.measures import Totals
from dense_cli.writers.formats import FORMATS, format_of
from dense_cli.writers.screen import Screen
from dense_cli.writers.write import require_fit, write
from dense_cli.writers.writer import TableOptions


def run_to(
    plan: Plan,
    format: str | None,
    output: str | None,
    limit: int | None,
    precision: int,
    *,
    progress: bool,
    cluster: str | None = None,
) -> Totals:
    """Run a plan and write its results to ``output``, in ``format`` or in that of its suffix.

    ``cluster``: the address of the one that computes; None: it is computed here.

    Returns:
        What was counted: of all rows, where there are targets; of `slice`, of the last time step.
    """
    name = format or format_of(output)
    on_screen, binary = FORMATS[name].on_screen, FORMATS[name].binary
    run = plan.open(note=note, progress=ProgressBar(shown=progress))
    require_fit(run, name)
    screen = screen_of(output) if on_screen else Screen()
    options = TableOptions(limit, precision, screen)
    with workers_of(cluster) as run.spread:
        if FORMATS[name].folder:
            with open_folder(output, name) as folder:
                return write(run, folder, name, options)
        with open_output(output, text=on_screen, binary=name if binary else None) as out:
            return write(run, out, name, options)


def tempered(plan: Plan) -> Plan:
    """Return a plan with the temperature of the least loss, and tell what that changes."""
    from dataclasses import replace

    from dense_cli.tempering import temper

    found = temper(plan)
    before, after = found.before, found.after
    loss = f"loss {before.loss:.4f} → {after.loss:.4f}"
    error = f"calibration error {before.calibration_error:.4f} → {after.calibration_error:.4f}"
    note(f"temperature {found.temperature:.4f}: {loss}, {error}, of {before.rows} targets")
    return replace(plan, temperature=found.temperature)


def require_at_least(totals: Totals, name: str, least: float) -> None:
    """End with exit code 1 where accuracy is less than it should be, or not known."""
    right = totals.targets
    found = None
    if right is not None and right.rows:
        found = right.accuracy if name == "accuracy" else right.top_k_accuracy
    if found is None or found < least:
        note(f"{name} is {'not known' if found is None else f'{found:.4f}'}: expected at least {least:g}")
        sys.exit(1)
