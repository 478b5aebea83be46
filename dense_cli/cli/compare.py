"""``densecli compare``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dense_cli.cli import options as opts
from dense_cli.cli.types import TOLERANCE
from dense_cli.files.formats import holding

if TYPE_CHECKING:
    from dense_cli.sources.open import Values
    from dense_cli.sources.source import Source


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--logits", is_flag=True, help="A and B hold logits, not probabilities.")
@click.option(
    "--classes", is_flag=True, help="A and B hold class numbers.  [default: where both hold integers]"
)
@click.option("--atol", type=TOLERANCE, metavar="X", help="A number is within X + rtol · |B| of B's.")
@click.option("--rtol", type=TOLERANCE, metavar="X", help="Likewise, relative to B.")
@click.option(
    "--max-flips", type=click.IntRange(min=0), metavar="N", help="At most N rows may change their class."
)
@click.option("--max-kl", type=TOLERANCE, metavar="X", help="No row's KL(A‖B) may pass X, in nats.")
@click.option("--equal-nan", is_flag=True, help="NaN in both places is no difference.")
@click.option(
    "-k",
    "--top-k",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="K",
    help="How many of the likeliest classes the overlap looks at.",
)
@opts.labels_option
@click.option(
    "--input-format",
    type=click.Choice(holding("arrays")),
    help="Format of standard input, else of A and B.",
)
@click.option("--key", metavar="NAME", help="Member of an NPZ or of a JSON object, in A and in B.")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="N",
    help="Flips, and worst rows, that are listed.",
)
@click.option("--all", "show_all", is_flag=True, help="List all of them.")
@opts.output_options("table", "json")
@opts.memory_option
def compare(first: str, second: str, **options: Any) -> None:
    """Compare two outputs, such as a port's or a quantised model's with the original's.

    A and B hold probabilities, or with --logits logits, or class numbers, in any format; - is standard
    input. The limits that are named decide; where none is, B may differ by float32's rounding (--atol 1e-5
    --rtol 1e-5) and no class may change (--max-flips 0). The exit code is 0 within the limits, 1 beyond,
    and 2 where the two cannot be compared.

    \b
      densecli compare ours.npy reference.npy
      densecli compare float32.npz int8.npz --max-flips 3 --max-kl 0.01 --labels names.txt
      densecli predict x.npy -w head.npz -f npy | densecli compare - reference.npy
    """
    import sys

    from dense_cli.cli import show
    from dense_cli.errors import ShapeError
    from dense_cli.pipeline import MEMORY, require_distributions
    from dense_cli.sources.labels import load_labels
    from dense_cli.views.compare import Comparison, Limits, pairs
    from dense_cli.writers.compare import ComparedFiles, write_json, write_table
    from dense_cli.writers.screen import Screen

    if first == second == "-":
        raise click.UsageError("A and B are both standard input: expected one file")
    if options["logits"] and options["classes"]:
        raise click.UsageError("expected one of --logits and --classes")
    options["piped"] = "-" in (first, second)
    asked: Values = "logits" if options["logits"] else "classes" if options["classes"] else "probabilities"
    (a, a_numbered), (b, b_numbered) = (_open(path, asked, options) for path in (first, second))
    whole = all(source.dtype.kind in "iu" for source in (a, b))
    kind = "classes" if whole and asked == "probabilities" else asked
    named = {
        name: options[option]
        for name, option in (("atol", "atol"), ("rtol", "rtol"), ("flips", "max_flips"), ("kl", "max_kl"))
        if options[option] is not None
    }
    if kind == "classes" and (apart := named.keys() - {"flips"}):
        option = {"kl": "--max-kl"}.get(first_apart := min(apart), f"--{first_apart}")
        raise click.UsageError(
            f"{option} does not apply to class numbers, which A and B hold: --max-flips does"
        )
    nan = options["equal_nan"]
    limits = Limits(**named, equal_nan=nan) if named else Limits.default(nan)
    units = None if kind == "classes" else a.shape[-1]
    labels = load_labels(options["labels"], units) if options["labels"] is not None else None
    comparison = Comparison(kind, limits, options["top_k"], None if options["show_all"] else options["limit"])
    rows = min(max(MEMORY // 64 // (a.shape[-1] or 1), 1), 4096)
    for block, left, right in pairs(a, b, rows, numbered=a_numbered == b_numbered):
        if kind == "probabilities":
            for source, values in ((a, left), (b, right)):
                try:
                    require_distributions(values, block, source.name, source.dtype)
                except ShapeError as e:
                    raise ShapeError(
                        str(e), hint="logits are compared with --logits, class numbers with --classes"
                    ) from None
        comparison.add(left, right, block.places())
    found = comparison.result()
    said = ComparedFiles((a.name, b.name), (a.shape, b.shape), (a.dtype, b.dtype), found, limits, labels)
    with show.output(options) as out:
        if show.output_format(options) == "json":
            write_json(out, said)
        else:
            write_table(out, said, Screen.of(sys.stdout) if options["output"] is None else Screen())
    if found.faults(limits):
        sys.exit(1)


def _open(path: str, values: Values, options: dict[str, Any]) -> tuple[Source, bool]:
    """Return a source of A or B, and whether it says which samples it holds."""
    from dense_cli.sources.open import Request, open_source
    from dense_cli.sources.streamed import StreamSource, spool

    format = options["input_format"] if path == "-" or not options["piped"] else None
    request = Request(options["key"], outputs=True, values=values)
    source = open_source(path, format, request, options["memory"])
    # Lines may come sample by sample or step by step: in order they can stand beside any other file.
    if not isinstance(source, StreamSource) or None not in source.shape:
        return source, False
    stated = source.stated
    return spool(source), stated
