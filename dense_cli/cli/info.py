"""``densecli info``."""

from __future__ import annotations

import click

from dense_cli.cli import options as opts
from dense_cli.cli.command import Command
from dense_cli.files.formats import holding


@click.command(cls=Command)
@click.argument("file", shell_complete=opts.complete("anything"))
@click.option("--input-format", type=click.Choice(holding("arrays")), help="Format of an array file.")
@click.option("--key", metavar="NAME", help="Only this array of an NPZ or of a JSON object.")
@opts.output_options("table", "json")
@opts.memory_option
def info(
    file: str,
    input_format: str | None,
    key: str | None,
    format: str | None,
    output: str | None,
    memory: int | None,
) -> None:
    """Say what an array file or a weights file holds.

    Of an array: shape, dtype, layout and size; range, mean and standard deviation with the places of the
    extremes; zeros, NaN and infinities; a histogram; and what it looks like, with the evidence. Of weights:
    the heads, and the range of every kernel and bias. - is standard input.

    \b
      densecli info hidden.npy
      densecli info model.keras
      densecli predict x.npy -u 3 -f npy | densecli info -
    """
    from dense_cli.cli.output import open_output, screen_of
    from dense_cli.describing import Weights, describe_file
    from dense_cli.writers import info as writers
    from dense_cli.writers.formats import format_of

    found = describe_file(file, input_format=input_format, key=key, memory=memory)
    json = (format or format_of(output)) == "json"
    with open_output(output, text=not json) as out:
        if isinstance(found, Weights):
            (writers.write_weights_json if json else writers.write_weights)(out, found, screen_of(output))
        else:
            (writers.write_arrays_json if json else writers.write_arrays)(out, found, screen_of(output))
