"""``densecli init``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from dense_cli.cli import options as opts
from dense_cli.cli.command import Command, Unbounded
from dense_cli.cli.records import takes_head

if TYPE_CHECKING:
    from dense_cli.head import HeadOptions

_BY_SUFFIX = {".npz": "npz", "": "npz", ".json": "json", ".txt": "table"}


HELP = """Make a Dense layer as Keras does from a seed, and save or print it.

\b
  densecli init --input-size 3 --units 4 --seed 6000 -o head.npz
  densecli init -i 3 -u 4 --kernel-initializer he_normal --rng jax

An NPZ holds the arrays `kernel` (features, units) and `bias` (units,). predict, slice and decode read it
with --weights.
"""


@click.command(cls=Command, help=HELP)
@click.option(
    "-i",
    "--input-size",
    type=click.IntRange(1, 2**63 - 1),
    cls=Unbounded,
    required=True,
    metavar="N",
    help="Number of features.",
)
@opts.layer_options
@opts.memory_option
@opts.precision_option
@opts.output_options("table", "json", "npz")
@takes_head
def init(
    options: HeadOptions, input_size: int, precision: int, format: str | None, output: str | None
) -> None:
    from dense_cli.cli.output import open_output, screen_of
    from dense_cli.head import build_head
    from dense_cli.writers.weights import WRITERS
    from dense_cli.writers.writer import TableOptions

    if options.units is None:
        raise click.UsageError("--units N is needed")
    head = build_head(options, input_size, 3 if options.layer == "time-distributed" else 2, "init")
    suffix = os.path.splitext(output or "-.txt")[1].lower()
    name = format or _BY_SUFFIX.get(suffix)
    if name is None:
        raise click.UsageError(f"-o {output}: init writes {', '.join(WRITERS)}: choose with -f")
    with open_output(output, text=name == "table", binary=name if name == "npz" else None) as out:
        WRITERS[name](out, head, TableOptions(precision=precision, screen=screen_of(output)))
