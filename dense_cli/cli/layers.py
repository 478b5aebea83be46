"""``densecli layers``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from dense_cli.cli import options as opts
from dense_cli.cli.command import Command, Unbounded, complete
from dense_cli.cli.records import input_of
from dense_cli.cli.types import TOLERANCE

if TYPE_CHECKING:
    from dense_cli.plan import Plan

Given = dict[str, str] | tuple[str, ...] | str | None


HELP = """List the layers of a saved model; with INPUT, say what each puts out.

\b
  densecli layers model.keras
  densecli layers model.keras x.npy
  densecli layers model.keras x.npy --only 'dec*' -o decoder.npz
  densecli layers model.keras x.npy --against model.onnx

MODEL is .keras, .h5 or .onnx. With INPUT, the model's own, the model runs. The table then has the range,
mean and standard deviation of each output, and the shares of zeros, saturated numbers, NaN and infinity.
What goes wrong is marked where it first appears. -o all.npz saves every output.

With --against B two models run on the same INPUT, and their layers are paired and compared. The exit code
is 1 where two outputs differ by more than --atol and --rtol allow.
"""


@click.command(cls=Command, help=HELP)
@click.argument("model", shell_complete=complete("models"))
@opts.input_argument
@opts.named_inputs_option
@opts.text_options
@click.option(
    "--only",
    multiple=True,
    metavar="NAMES",
    help="Only the layer of this name, or those that a pattern such as conv* fits; repeatable.",
)
@click.option(
    "--against", metavar="B", help="Run model B on INPUT too: how far apart are they after each layer?"
)
@click.option(
    "--atol",
    type=TOLERANCE,
    cls=Unbounded,
    default=1e-6,
    show_default=True,
    metavar="X",
    help="With --against: a number is within X + rtol · |B| of B's.",
)
@click.option(
    "--rtol",
    type=TOLERANCE,
    cls=Unbounded,
    default=1e-5,
    show_default=True,
    metavar="X",
    help="Likewise, relative to B.",
)
@opts.input_options
@opts.output_options("table", "json", "csv", "markdown", "npz")
@opts.no_progress_option
@opts.memory_option
def layers(
    model: str,
    input: tuple[str, ...],
    inputs: tuple[tuple[str, str], ...],
    only: tuple[str, ...],
    against: str | None,
    atol: float,
    rtol: float,
    format: str | None,
    output: str | None,
    no_progress: bool,
    **options: Any,
) -> None:
    from dense_cli.writers.formats import format_of

    name = format or format_of(output)
    given: Given = input_of(input, inputs)
    _require_together(given, against, only, name)
    if against is not None:
        _compare(_plan(given, model, options), against, (atol, rtol), name, output, not no_progress)
    elif given is not None:
        _run(_plan(given, model, options), only, name, output, not no_progress)
    else:
        _list(model, only, name, output, options["memory"])


def _require_together(given: Given, against: str | None, only: tuple[str, ...], format: str) -> None:
    if given is None and (against is not None or format == "npz"):
        what = "an NPZ holds what the layers put out" if against is None else "--against runs both models"
        raise click.UsageError(f"{what}: INPUT is missing")
    if against is not None and (only or format == "npz"):
        raise click.UsageError(f"--against compares all layers: it takes no {'--only' if only else 'NPZ'}")


def _plan(given: Given, model: str, options: dict[str, Any]) -> Plan:
    from dense_cli.plan import Plan

    assert given is not None
    return Plan(given, model=model, **options)


def _list(model: str, only: tuple[str, ...], name: str, output: str | None, memory: int | None) -> None:
    from dense_cli.cli.output import open_output, screen_of
    from dense_cli.inspecting import list_layers
    from dense_cli.writers.layers import WRITERS

    record = list_layers(model, only, memory)
    with open_output(output, text=name == "table") as out:
        WRITERS[name](out, record, screen_of(output))


def _run(plan: Plan, only: tuple[str, ...], name: str, output: str | None, progress: bool) -> None:
    from dense_cli.cli.notes import note
    from dense_cli.cli.output import open_output, screen_of
    from dense_cli.cli.progress import ProgressBar
    from dense_cli.inspecting import run_layers
    from dense_cli.writers.layers import WRITERS, Outputs

    kept = Outputs(plan.input if isinstance(plan.input, str) else plan.model or "") if name == "npz" else None
    keep = None if kept is None else kept.keep
    record = run_layers(plan, only, keep=keep, progress=ProgressBar(shown=progress), note=note)
    with open_output(output, text=name == "table", binary=None if kept is None else name) as out:
        if kept is not None:
            kept.write(out)
        else:
            WRITERS[name](out, record, screen_of(output))


def _compare(
    plan: Plan, against: str, limits: tuple[float, float], name: str, output: str | None, progress: bool
) -> None:
    from dense_cli.cli.notes import note
    from dense_cli.cli.output import open_output, screen_of
    from dense_cli.cli.progress import ProgressBar
    from dense_cli.comparing_layers import compare_layers
    from dense_cli.views.differences import Tolerance
    from dense_cli.writers.compared_layers import WRITERS

    compared = compare_layers(
        plan, against, Tolerance(*limits), progress=ProgressBar(shown=progress), note=note
    )
    with open_output(output, text=name == "table") as out:
        WRITERS[name](out, compared, screen_of(output))
    if compared.first is not None:
        sys.exit(1)
