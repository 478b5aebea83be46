"""A run → bytes in one of the formats: the loop that `predict` and `slice` end in."""

from __future__ import annotations

from itertools import chain, islice
from typing import BinaryIO

from dense_cli.errors import UsageError
from dense_cli.run import Run
from dense_cli.views.measures import Totals
from dense_cli.writers.formats import FORMATS, writer
from dense_cli.writers.summary import accuracy_line
from dense_cli.writers.writer import TableOptions


def require_fit(run: Run, name: str) -> None:
    """Refuse what is asked of the rows where a format has no place for it.

    Raises:
        UsageError: the message says which formats have one.
    """
    format = FORMATS[name]
    if run.plan.measures and format.arrays == 1:
        raise UsageError(f"{name.upper()} holds one array, the one that --show names: --measure needs -f npz")
    if run.ends is not None and len(run.shape) < (3 if run.keeps_time else 2):
        raise UsageError(f"--eos and --pad are about time steps, and {run.input_name} has none")
    if run.view.explain is not None and not format.explains:
        raise _misfit("--explain", name, [f.name for f in FORMATS.values() if f.explains])
    if run.selection is not None and not format.by_row:
        raise _misfit("--sort, --unsure or --wrong", name, [f.name for f in FORMATS.values() if f.by_row])


def _misfit(option: str, name: str, fitting: list[str]) -> UsageError:
    return UsageError(f"{option} does not fit {name}: expected {', '.join(fitting[:-1])} or {fitting[-1]}")


def write(run: Run, out: BinaryIO | str, name: str, table: TableOptions) -> Totals:
    """Write the results of a run in the format ``name``, to a file or into a folder.

    Returns:
        What was counted: all rows where there are targets, or where a format has a summary.

    Raises:
        UsageError: as `require_fit`.
        DenseCliError, OSError: what the run, or ``out``, has to say.
    """
    format, cls = FORMATS[name], writer(name)
    view = cls.wants(run, table)
    made = cls(out, run, view, table)
    counts = run.targets is not None
    watch = made.count if counts or format.on_screen or format.summarizes else None
    begun = False
    groups = run.groups(view, by_step=format.by_step, most=made.limit, watch=watch)
    for step, results in islice(groups, made.most_steps):
        if begun:
            made.end_step()
        # What is wrong with an input shows in its first block: nothing is printed before that.
        first = next(results, None)
        if not begun:
            made.begin()
            begun = True
        if step is not None:
            made.step(step)
        for result in chain([] if first is None else [first], results):
            made.write(result)
    if not begun:
        made.begin()
    made.end()
    totals = made.summary.totals()
    if counts and not format.summarizes:
        run.note(accuracy_line(totals, table.precision))
    return totals
