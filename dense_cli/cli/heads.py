"""``densecli heads``."""

from __future__ import annotations

import click

from dense_cli.cli import options as opts
from dense_cli.cli.command import Command, complete

HELP = """List every head of a weights file: its dense layers.

\b
  densecli heads model.keras
  densecli heads model.safetensors -f json

FILE is .npz, .keras, .weights.h5, .h5, .safetensors, .onnx, .pt or .json. Only headers are read. --head
takes the name or the path of a head.
"""


@click.command(cls=Command, help=HELP)
@click.argument("file", shell_complete=complete("weights"))
@opts.output_options("table", "json")
@opts.memory_option
def heads(file: str, format: str | None, output: str | None, memory: int | None) -> None:
    from dense_cli.cli.output import open_output, screen_of
    from dense_cli.heads import heads as read_heads
    from dense_cli.writers.formats import format_of
    from dense_cli.writers.heads import write_json, write_table

    found = read_heads(file, memory=memory)
    json = (format or format_of(output)) == "json"
    with open_output(output, text=not json) as out:
        if json:
            write_json(out, file, found)
        else:
            write_table(out, file, found, screen_of(output))
