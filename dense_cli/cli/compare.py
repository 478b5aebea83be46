"""``densecli compare``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from dense_cli.cli import options as opts
from dense_cli.cli.command import Command, Unbounded, complete
from dense_cli.cli.records import require_model
from dense_cli.cli.types import TOLERANCE
from dense_cli.cli.workers import cluster_option, workers_of

if TYPE_CHECKING:
    from dense_cli.plan import Plan


HELP = """Compare two outputs, such as those of a model and of its copy.

\b
  densecli compare ours.npy reference.npy
  densecli compare a.npy b.npy --max-flips 3 --max-kl 0.01
  densecli compare x.npy expected.npy -m model.keras
  densecli predict x.npy -w head.npz -f npy | densecli compare - reference.npy

A and B hold probabilities, class numbers, or with --logits logits; - is standard input. The limits that
are named decide. Where none is, numbers may differ by rounding (--atol 1e-5 --rtol 1e-5, or 1e-3 where
one is float16) and no class may change (--max-flips 0). The exit code is 0 within the limits, 1 beyond
them, and 2 where the two cannot be compared.

With --model A is the model's own input, and what the model gives is compared with B. With --input
NAME=FILE for each of several inputs, B is the only argument.
"""


@click.command(cls=Command, help=HELP)
@click.argument("first", metavar="A", shell_complete=complete("arrays"))
@click.argument("second", metavar="B", required=False, shell_complete=complete("arrays"))
@opts.model_options
@click.option("--logits", is_flag=True, help="A and B hold logits, not probabilities.")
@click.option(
    "--classes", is_flag=True, help="A and B hold class numbers.  [default: where both hold integers]"
)
@click.option(
    "--atol", type=TOLERANCE, cls=Unbounded, metavar="X", help="A number is within X + rtol · |B| of B's."
)
@click.option("--rtol", type=TOLERANCE, cls=Unbounded, metavar="X", help="Likewise, relative to B.")
@click.option(
    "--max-flips",
    type=click.IntRange(min=0),
    cls=Unbounded,
    metavar="N",
    help="At most N rows may change their class.",
)
@click.option(
    "--max-kl", type=TOLERANCE, cls=Unbounded, metavar="X", help="No row's KL(A‖B) may pass X, in nats."
)
@click.option("--equal-nan", is_flag=True, help="NaN in both places is no difference.")
@click.option(
    "-k",
    "--top-k",
    type=click.IntRange(min=1),
    cls=Unbounded,
    default=5,
    show_default=True,
    metavar="K",
    help="How many of the likeliest classes the overlap looks at.",
)
@opts.labels_options
@opts.input_format_option("Format of standard input, else of A and B")
@click.option("--key", metavar="NAME", help="Which array of a file that holds several, in A and in B.")
@click.option("--key-a", metavar="NAME", help="The same, in A alone.")
@click.option("--key-b", metavar="NAME", help="The same, in B alone.")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=1),
    cls=Unbounded,
    default=10,
    show_default=True,
    metavar="N",
    help="Flips, and worst rows, that are listed.",
)
@click.option("--all", "show_all", is_flag=True, help="List all of them.")
@opts.output_options("table", "json")
@opts.memory_option
@cluster_option
def compare(
    first: str,
    second: str | None,
    inputs: tuple[tuple[str, str], ...],
    logits: bool,
    classes: bool,
    atol: float | None,
    rtol: float | None,
    max_flips: int | None,
    max_kl: float | None,
    equal_nan: bool,
    top_k: int,
    labels: str | None,
    labels_key: str | None,
    input_format: str | None,
    key: str | None,
    key_a: str | None,
    key_b: str | None,
    limit: int,
    show_all: bool,
    format: str | None,
    output: str | None,
    memory: int | None,
    cluster: str | None,
    **of_model: Any,
) -> None:
    from dense_cli import comparing
    from dense_cli.cli.notes import note
    from dense_cli.cli.output import open_output, screen_of
    from dense_cli.errors import UsageError
    from dense_cli.views.compare import Limits
    from dense_cli.writers.compare import write_json, write_table
    from dense_cli.writers.formats import format_of

    if logits and classes:
        raise click.UsageError("expected one of --logits and --classes")
    keys = _keys(key, key_a, key_b)
    limits = Limits(atol, rtol, max_flips, max_kl, equal_nan)
    given, second = _sides(first, second, inputs)
    try:
        with workers_of(cluster) as spread:
            compared = comparing.compare(
                _plan(given, keys[0], memory, of_model),
                second,
                kind="logits" if logits else "classes" if classes else None,
                limits=limits,
                top_k=top_k,
                most=None if show_all else limit,
                labels=labels,
                labels_key=labels_key,
                note=note,
                input_format=input_format,
                keys=keys,
                memory=memory,
                spread=spread,
            )
    except UsageError as error:
        raise click.UsageError(str(error)) from None
    json = (format or format_of(output)) == "json"
    with open_output(output, text=not json) as out:
        if json:
            write_json(out, compared)
        else:
            write_table(out, compared, screen_of(output))
    if compared.differ:
        sys.exit(1)


def _keys(key: str | None, key_a: str | None, key_b: str | None) -> tuple[str | None, str | None]:
    """Return the names of the arrays of A and of B."""
    if key is not None and (key_a is not None or key_b is not None):
        raise click.UsageError("expected --key for both, or --key-a and --key-b")
    return key_a or key, key_b or key


def _sides(
    first: str, second: str | None, inputs: tuple[tuple[str, str], ...]
) -> tuple[str | dict[str, str], str]:
    """Return A and B; with --input, whose files are A, B is the only argument."""
    if inputs and second is None:
        return dict(inputs), first
    if inputs or second is None:
        raise click.UsageError("expected A and B, or B and --input NAME=FILE of a model of several inputs")
    return first, second


def _plan(
    given: str | dict[str, str], key: str | None, memory: int | None, options: dict[str, Any]
) -> str | Plan:
    """Return A: a path, or with --model the plan that makes outputs of it."""
    require_model(options, inputs=isinstance(given, dict))
    if options["model"] is None and isinstance(given, str):
        return given
    from dense_cli.plan import Plan

    return Plan(given, key=key, memory=memory, **options)
