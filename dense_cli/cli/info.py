"""``densecli info``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dense_cli.cli import options as opts
from dense_cli.files.formats import holding

if TYPE_CHECKING:
    from dense_cli.heads.head import Heads
    from dense_cli.writers.info import Array, Weights


@click.command()
@click.argument("file")
@click.option("--input-format", type=click.Choice(holding("arrays")), help="Format of an array file.")
@click.option("--key", metavar="NAME", help="Only this array of an NPZ or of a JSON object.")
@opts.output_options("table", "json")
@opts.memory_option
def info(file: str, **options: Any) -> None:
    """Say what an array file or a weights file holds.

    Of an array: shape, dtype, layout and size; range, mean and standard deviation with the places of the
    extremes; zeros, NaN and infinities; a histogram; and what it looks like, with the evidence. Of weights:
    the heads, and the range of every kernel and bias. - is standard input.

    \b
      densecli info hidden.npy
      densecli info model.keras
      densecli predict x.npy -u 3 -f npy | densecli info -
    """
    import sys

    from dense_cli.cli import show
    from dense_cli.writers.info import write_arrays, write_arrays_json, write_weights, write_weights_json
    from dense_cli.writers.screen import Screen

    heads = _heads(file, options)
    found = _weights(file, heads, options["memory"]) if heads is not None else None
    arrays = _arrays(file, options) if heads is None else []
    with show.output(options) as out:
        screen = Screen.of(sys.stdout) if options["output"] is None else Screen()
        json = show.output_format(options) == "json"
        if found is not None:
            (write_weights_json if json else write_weights)(out, found, screen)
        else:
            (write_arrays_json if json else write_arrays)(out, arrays, screen)


def _heads(file: str, options: dict[str, Any]) -> Heads | None:
    """Return the heads of a weights file, by its suffix, else its first bytes; None for arrays."""
    from dense_cli.errors import DenseCliError
    from dense_cli.files.formats import by_suffix
    from dense_cli.heads import format_of, heads

    named = by_suffix(file, "weights") or by_suffix(file, "arrays")
    as_array = options["key"] is not None or options["input_format"] is not None or file == "-"
    if (named is None or "arrays" in named.holds) and as_array:
        return None
    if named is not None and "weights" not in named.holds:
        return None
    try:
        format = format_of(file)
    except DenseCliError:
        if named is not None and "arrays" not in named.holds:
            raise
        return None
    try:
        return heads(file, memory=options["memory"])
    except DenseCliError:
        if "arrays" not in format.holds:
            raise
        return None  # an NPZ or JSON without a kernel


def _weights(file: str, heads: Heads, memory: int | None) -> Weights:
    from dense_cli.files.tensor import require_size
    from dense_cli.heads import check_shapes
    from dense_cli.views.describe import describe
    from dense_cli.writers.info import Weights

    ranges = []
    for head in heads:
        both = {}
        if head.refusal is None:
            check_shapes(head, file)
            for tensor in (head.kernel, *([head.bias] if head.bias is not None else [])):
                require_size(tensor, file, memory)
            kernel, bias = head.load()
            both = {"kernel": describe(kernel)} | ({} if bias is None else {"bias": describe(bias[None])})
        ranges.append(both)
    return Weights(file, heads, ranges)


def _arrays(file: str, options: dict[str, Any]) -> list[Array]:
    import os

    from dense_cli.sources.layout import layouts
    from dense_cli.sources.open import Request, open_source
    from dense_cli.sources.streamed import in_order
    from dense_cli.views.describe import Description
    from dense_cli.writers.info import Array

    headers = layouts(file)
    size = os.stat(file).st_size if file != "-" else None
    keys = [options["key"]] if options["key"] is not None or len(headers) < 2 else list(headers)
    arrays = []
    for key in keys:
        request = Request(key, outputs=True)
        source = open_source(file, options["input_format"], request, options["memory"])
        source = in_order(source)
        description = Description(source.shape, source.dtype)
        for block in source.blocks(max((1 << 17) // (source.shape[-1] or 1), 1)):
            description.add(block.x, block.places())
        header = headers.get(key or "") or (next(iter(headers.values())) if len(headers) == 1 else None)
        arrays.append(Array(source.name, description.result(), header, size))
    return arrays
