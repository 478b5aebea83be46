"""``densecli heads``."""

from __future__ import annotations

from typing import Any

import click

from dense_cli.cli import options as opts


@click.command()
@click.argument("file")
@opts.output_options("table", "json")
@opts.memory_option
def heads(file: str, **options: Any) -> None:
    """List every head that a weights file holds: its Dense and TimeDistributed(Dense) layers.

    FILE is .npz, .keras, .weights.h5, .h5, .safetensors, .onnx, .pt or .json. Only headers are read. The
    name or the path of a head is what --head takes.

    \b
      densecli heads model.keras
      densecli heads model.safetensors -f json
    """
    import sys

    from dense_cli.cli import show
    from dense_cli.heads import heads as read_heads
    from dense_cli.writers.heads import write_json, write_table
    from dense_cli.writers.screen import Screen

    found = read_heads(file, memory=options["memory"])
    with show.output(options) as out:
        if show.output_format(options) == "json":
            write_json(out, file, found)
        else:
            write_table(out, file, found, Screen.of(sys.stdout) if options["output"] is None else Screen())
