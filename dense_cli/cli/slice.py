"""``densecli slice``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dense_cli.cli import options as opts
from dense_cli.cli.command import Command
from dense_cli.cli.records import takes_plan
from dense_cli.cli.types import INDEX

if TYPE_CHECKING:
    from dense_cli.plan import Plan


HELP = """Print one time step after another: y[:, t, :] and classes[:, t].

\b
  densecli slice outputs.json --time 0
  densecli slice hidden.npy --weights model.keras --time -1
  densecli predict x.npy -u 3 -f json | densecli slice -

INPUT holds finished distributions, whose last axis sums to 1. With --units, --weights or --model it is
the input (batch, time, …, features) of a layer or a model, which runs.
"""


@click.command(cls=Command, help=HELP)
@opts.input_argument
@click.option(
    "-t",
    "--time",
    "times",
    type=INDEX,
    multiple=True,
    metavar="INDEX",
    help="A time step, or a slice of them such as 1:3; repeatable.  [default: every step in turn]",
)
@opts.run_options
@takes_plan
def slice(
    plan: Plan,
    format: str | None,
    output: str | None,
    limit: int,
    show_all: bool,
    precision: int,
    no_progress: bool,
) -> None:
    from dense_cli.cli.run import run_to

    run_to(plan, format, output, None if show_all else limit, precision, progress=not no_progress)
