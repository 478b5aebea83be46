"""``densecli init``."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from dense_cli.cli import options as opts

_BY_SUFFIX = {".npz": "npz", "": "npz", ".json": "json", ".txt": "table"}


@click.command()
@click.option(
    "-i",
    "--input-size",
    type=click.IntRange(1, 2**63 - 1),
    required=True,
    metavar="N",
    help="Number of features.",
)
@opts.layer_options
@opts.memory_option
@click.option(
    "--precision",
    type=click.IntRange(0, 17),
    default=4,
    show_default=True,
    metavar="N",
    help="Digits after the point in a table.",
)
@opts.output_options("table", "json", "npz")
def init(input_size: int, **options: Any) -> None:
    """Make a Dense layer as Keras does from a seed, and save or print its kernel and bias.

    An NPZ holds the arrays `kernel` (features, units) and `bias` (units,); predict, slice and decode
    read it with --weights.

    \b
      densecli init --input-size 3 --units 4 --seed 6000 -o head.npz
      densecli init -i 3 -u 4 --kernel-initializer 'RandomNormal(mean=0.0, stddev=0.05)' --rng jax
    """
    from dense_cli.cli import show
    from dense_cli.cli.layer import LayerOptions, make_layer
    from dense_cli.writers.run import TableOptions
    from dense_cli.writers.screen import Screen
    from dense_cli.writers.weights import WRITERS

    if options["units"] is None:
        raise click.UsageError("--units N is needed")
    wanted = LayerOptions.take(options)
    layer = make_layer(wanted, input_size, 3 if wanted.layer == "time-distributed" else 2, "init")
    suffix = os.path.splitext(options["output"] or "-.txt")[1].lower()
    format = options["format"] or _BY_SUFFIX.get(suffix)
    if format is None:
        raise click.UsageError(f"-o {options['output']}: init writes {', '.join(WRITERS)}: choose with -f")
    options["format"] = format
    screen = Screen.of(sys.stdout) if options["output"] is None else Screen()
    table = TableOptions(precision=options["precision"], screen=screen)
    with show.output(options) as out:
        WRITERS[format](out, layer.dense, layer.config, layer.title, table)
