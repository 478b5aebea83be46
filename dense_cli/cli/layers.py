"""``densecli layers``."""

from __future__ import annotations

from typing import Any

import click

from dense_cli.cli import options as opts


@click.command()
@click.argument("model")
@opts.input_argument
@opts.named_inputs_option
@click.option(
    "--only",
    multiple=True,
    metavar="NAMES",
    help="Only the layer of this name, or those that a pattern such as conv* fits; repeatable.",
)
@opts.input_options
@opts.output_options("table", "json", "csv", "markdown", "npz")
@opts.no_progress_option
@opts.memory_option
def layers(
    model: str,
    input: str | None,
    inputs: tuple[tuple[str, str], ...],
    only: tuple[str, ...],
    format: str | None,
    output: str | None,
    no_progress: bool,
    **options: Any,
) -> None:
    """List the layers of a saved model; with INPUT, say what each puts out.

    MODEL is .keras or .h5. With INPUT, the model's own, the model runs, and the table has of each output
    the range, mean and standard deviation, the share of zeros and of what is saturated, NaN and infinity;
    what goes wrong is marked where it first appears, with a word of advice. -o all.npz saves every output
    under its layer's name.

    \b
      densecli layers translate.keras
      densecli layers translate.keras sentences.npy
      densecli layers translate.keras sentences.npy --only 'dec*' -o decoder.npz
    """
    from dense_cli import inspecting
    from dense_cli.cli.output import open_output, screen_of
    from dense_cli.cli.progress import Progress
    from dense_cli.plan import Plan
    from dense_cli.writers.formats import format_of
    from dense_cli.writers.layers import WRITERS, Outputs

    if inputs and input is not None:
        raise click.UsageError("expected INPUT or --input NAME=FILE, found both")
    name = format or format_of(output)
    given = dict(inputs) if inputs else input
    if given is None and name == "npz":
        raise click.UsageError("an NPZ holds what the layers put out: INPUT is missing")
    if given is None:
        record = inspecting.list_layers(model, only)
    else:
        kept = Outputs(input or model) if name == "npz" else None
        record = inspecting.run_layers(
            Plan(given, model=model, **options),
            only,
            keep=None if kept is None else kept.keep,
            progress=Progress(shown=not no_progress),
        )
    with open_output(output, text=name == "table", binary="npz" if name == "npz" else None) as out:
        if given is not None and kept is not None:
            kept.write(out)
        else:
            WRITERS[name](out, record, screen_of(output))
