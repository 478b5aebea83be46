"""``densecli info``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from dense_cli.cli import options as opts
from dense_cli.cli.command import Command, complete
from dense_cli.cli.records import require_model
from dense_cli.cli.workers import cluster_option, workers_of

HELP = """Say what an array file, a weights file or a model holds.

\b
  densecli info hidden.npy
  densecli info model.keras
  densecli info x.npy -m model.keras --until hidden
  densecli predict x.npy -u 3 -f npy | densecli info -

Of an array: shape, dtype, range, mean and standard deviation; zeros, NaN and infinity; a histogram; and
what it looks like, with the evidence. Of weights: the heads, and the range of every kernel and bias. Of a
model also what saved it, what it takes and gives, and what of it can be run.

With --model FILE is the model's own input, and what the model gives is described.
"""


@click.command(cls=Command, help=HELP)
@click.argument("files", metavar="[FILE]...", nargs=-1, shell_complete=complete("anything"))
@opts.model_options
@opts.input_format_option("Format of an array file")
@click.option("--key", metavar="NAME", help="Only this array of an NPZ or of a JSON object.")
@click.option("--header", is_flag=True, help="Only what headers say: no numbers are read.")
@opts.output_options("table", "json")
@opts.no_progress_option
@opts.memory_option
@cluster_option
def info(
    files: tuple[str, ...],
    inputs: tuple[tuple[str, str], ...],
    input_format: str | None,
    key: str | None,
    format: str | None,
    output: str | None,
    header: bool,
    no_progress: bool,
    memory: int | None,
    cluster: str | None,
    **of_model: Any,
) -> None:
    from functools import partial

    from dense_cli.cli.notes import note
    from dense_cli.cli.output import open_output, screen_of
    from dense_cli.cli.progress import ProgressBar
    from dense_cli.describing import Array, Weights, describe_file, describe_outputs, numbers_of, ranges_of
    from dense_cli.writers import info as writers
    from dense_cli.writers.formats import format_of

    given = files if len(files) > 1 else files[0] if files else None
    _require_together(given, inputs, of_model, header)
    found: Weights | Iterator[Array]
    plan = None
    if of_model["model"] is not None:
        from dense_cli.plan import Plan

        inputs_of = dict(inputs) or given or "-"
        plan = Plan(inputs_of, input_format=input_format, key=key, memory=memory, **of_model)
    bar = ProgressBar(shown=not no_progress)
    json = (format or format_of(output)) == "json"
    screen = screen_of(output)
    with workers_of(cluster) as spread, open_output(output, text=not json) as out:
        if plan is not None:
            found = describe_outputs(plan, note, spread)
        else:
            found = describe_file(given or "-", input_format=input_format, key=key, memory=memory)
        if isinstance(found, Weights):
            ranges = None if header else partial(ranges_of, progress=bar)
            (writers.write_weights_json if json else writers.write_weights)(out, found, screen, ranges)
        else:
            numbers = None if header else partial(numbers_of, progress=bar, spread=spread)
            (writers.write_arrays_json if json else writers.write_arrays)(out, found, screen, numbers)


def _require_together(
    given: str | tuple[str, ...] | None,
    inputs: tuple[tuple[str, str], ...],
    of_model: dict[str, Any],
    header: bool,
) -> None:
    if (given is None) != bool(inputs):
        raise click.UsageError("expected FILE, or --input NAME=FILE of a model of several inputs")
    require_model(of_model, inputs=bool(inputs))
    if header and of_model["model"] is not None:
        raise click.UsageError("--header: what a model gives has no header, the model has to run")
