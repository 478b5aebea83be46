"""A run → bytes in one of the formats: the loop that `predict` and `slice` end in."""

from __future__ import annotations

from itertools import chain
from typing import BinaryIO

from dense_cli.errors import UsageError
from dense_cli.run import Run
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
    if run.view.explain is not None and not format.explains:
        *others, last = [f.name for f in FORMATS.values() if f.explains]
        raise UsageError(f"--explain does not fit {name}: expected {', '.join(others)} or {last}")


def write(run: Run, out: BinaryIO, name: str, table: TableOptions) -> None:
    """Write the results of a run in the format ``name``.

    Raises:
        UsageError: as `require_fit`.
        DenseCliError, OSError: what the run, or ``out``, has to say.
    """
    format, cls = FORMATS[name], writer(name)
    view = cls.wants(run, table)
    made = cls(out, run, view, table)
    counts = run.targets is not None and not format.summarizes
    begun = False
    for step, results in run.groups(view, by_step=format.by_step):
        # What is wrong with an input shows in its first block: nothing is printed before that.
        first = next(results, None)
        if not begun:
            made.begin()
            begun = True
        if step is not None:
            made.step(step)
        for result in chain([] if first is None else [first], results):
            made.write(result)
            if counts:
                made.count(result)
            if made.full:
                break
    if not begun:
        made.begin()
    made.end()
    if counts:
        run.note(accuracy_line(made.summary.totals(), table.precision))
