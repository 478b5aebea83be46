"""``densecli check``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from dense_cli.cli import options as opts
from dense_cli.cli.command import Command, complete
from dense_cli.cli.records import takes_plan
from dense_cli.cli.workers import cluster_option, workers_of
from dense_cli.views.checks import NAMES

if TYPE_CHECKING:
    from dense_cli.plan import Plan


HELP = """Find what is wrong with a layer's outputs, and say how to mend it.

\b
  densecli check outputs.npy
  densecli check hidden.npy --weights model.keras --labels names.txt
  densecli check x.npy --model model.keras
  densecli check outputs.npy --targets classes.npy
  densecli check outputs.npy --skip never-chosen

INPUT holds finished outputs. With --units or --weights it is a layer's input, and the layer runs; with
--model a model's, and the model's layers are checked, too. The exit code is 1 where something is found.
"""


@click.command(cls=Command, help=HELP)
@opts.input_argument
@click.option(
    "--skip",
    type=click.Choice(NAMES),
    multiple=True,
    metavar="NAME",
    help=f"Leave a check out; repeatable. Checks: {', '.join(NAMES)}.",
)
@opts.head_options
@opts.labels_options
@click.option(
    "--targets",
    metavar="FILE",
    shell_complete=complete("arrays"),
    help="The classes that rows should have: are they shifted, in another order, or of something else?",
)
@opts.ignore_index_option
@opts.input_options
@opts.output_options("table", "json")
@opts.work_options
@cluster_option
@takes_plan
def check(
    plan: Plan,
    skip: tuple[str, ...],
    format: str | None,
    output: str | None,
    no_progress: bool,
    cluster: str | None,
) -> None:
    from dense_cli import checking
    from dense_cli.cli.notes import note
    from dense_cli.cli.output import open_output, screen_of
    from dense_cli.cli.progress import ProgressBar
    from dense_cli.writers.check import write_json, write_table
    from dense_cli.writers.formats import format_of

    wanted = frozenset(NAMES) - frozenset(skip)
    progress = ProgressBar(shown=not no_progress)
    with workers_of(cluster) as spread:
        report = checking.check(plan, wanted, note=note, progress=progress, spread=spread)
    json = (format or format_of(output)) == "json"
    with open_output(output, text=not json) as out:
        if json:
            write_json(out, report)
        else:
            write_table(out, report, screen_of(output))
    if report.findings:
        sys.exit(1)
