"""``densecli report``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dense_cli.cli import options as opts
from dense_cli.cli.command import Command, Unbounded, complete
from dense_cli.cli.records import takes_plan

if TYPE_CHECKING:
    from dense_cli.plan import Plan


HELP = """Write one HTML page about outputs, with the samples that deserve a look.

\b
  densecli report hidden.npy -w model.keras --labels names.txt
  densecli report outputs.npy --targets classes.npy -n 20 -o outputs.html
  densecli report float32.npy --against int8.npy --labels names.txt

The page needs no network, and can be read without its script. It has the files with their SHA-256, the
findings of `check`, pictures of all rows, and the heat map and the steps of the samples with the largest
loss, or without --targets with the smallest margin. With --against it has the rows that change class, as
`compare` finds them, and both heat maps.
"""


@click.command(cls=Command, help=HELP)
@opts.input_argument
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=0),
    cls=Unbounded,
    default=50,
    show_default=True,
    metavar="N",
    help="Samples that are shown at most: those that deserve a look.",
)
@click.option(
    "--against",
    metavar="FILE",
    shell_complete=complete("arrays"),
    help="Finished outputs of the same rows, which these are held against: what changes class, and how much.",
)
@opts.head_options
@opts.labels_options
@opts.targets_options
@opts.input_options
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    default="report.html",
    show_default=True,
    shell_complete=complete("anything"),
    help="The page; - is standard output.",
)
@opts.work_options
@takes_plan
def report(plan: Plan, limit: int, against: str | None, output: str, no_progress: bool) -> None:
    import shlex
    import sys

    from dense_cli.cli.notes import note
    from dense_cli.cli.output import open_output
    from dense_cli.cli.progress import ProgressBar
    from dense_cli.report.page import page
    from dense_cli.reporting import report as report_of

    bar = ProgressBar(shown=not no_progress)
    found = report_of(plan, limit, against=against, note=note, progress=bar)
    data = page(found, shlex.join(["densecli", *sys.argv[1:]]))
    with open_output(output) as out:
        out.write(data)
    if output != "-":
        note(f"{output}: {len(found.samples)} samples, {len(data):,} bytes")
