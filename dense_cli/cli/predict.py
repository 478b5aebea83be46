"""``densecli predict``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dense_cli.cli import options as opts
from dense_cli.cli.command import Command
from dense_cli.cli.records import takes_plan
from dense_cli.cli.types import AT_LEAST
from dense_cli.cli.workers import cluster_option

if TYPE_CHECKING:
    from dense_cli.plan import Plan


fit_temperature_option = click.option(
    "--fit-temperature",
    is_flag=True,
    help="Find the --temperature of the least loss, and use it; needs --targets.",
)
fail_under_option = click.option(
    "--fail-under",
    type=AT_LEAST,
    metavar="NAME=X",
    help="Exit code 1 where accuracy (or top-k-accuracy) is less; needs --targets.",
)

HELP = """Print the probabilities and the class of every sample and time step.

\b
  densecli predict x.json --units 4
  densecli predict hidden.npy --weights model.keras --labels names.txt
  densecli predict x.npy -u 3 -f npy | densecli slice - --time 0

INPUT is JSON, JSON Lines, CSV, NPY, NPZ, Parquet, Zarr, …, or - for standard input: one sample of
features, a batch of them (batch, features), or time steps (batch, time, …, features).

What it holds is said by --units (the input of a seeded layer), --weights (of a trained layer), --model
(of a whole model), --logits or --scores. Without these it holds finished distributions.
"""


@click.command(cls=Command, help=HELP)
@opts.input_argument
@opts.run_options
@fail_under_option
@fit_temperature_option
@cluster_option
@takes_plan
def predict(
    plan: Plan,
    format: str | None,
    output: str | None,
    limit: int,
    show_all: bool,
    precision: int,
    no_progress: bool,
    fail_under: tuple[str, float] | None,
    fit_temperature: bool,
    cluster: str | None,
) -> None:
    from dense_cli.cli.run import require_at_least, run_to, tempered

    if fail_under is not None and plan.targets is None:
        raise click.UsageError("--fail-under is about targets: it needs --targets FILE")
    if fit_temperature:
        plan = tempered(plan)
    rows = None if show_all else limit
    totals = run_to(plan, format, output, rows, precision, progress=not no_progress, cluster=cluster)
    if fail_under is not None:
        require_at_least(totals, *fail_under)
