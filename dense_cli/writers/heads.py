"""The heads of a weights file → a table or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import orjson

from dense_cli.text import printable
from dense_cli.weights import Head
from dense_cli.writers.screen import Screen
from dense_cli.writers.table import Cell, render, say


def write_json(out: BinaryIO, file: str, heads: Sequence[Head]) -> None:
    """Write ``{"file": …, "heads": [{"name", "path", "kernel_shape", "dtype", …}]}``."""
    rows = [
        {
            "name": head.name,
            "path": head.path,
            "kernel_shape": head.kernel_shape,
            "dtype": head.dtype,
            "use_bias": head.use_bias,
            "activation": head.activation,
            "time_distributed": head.time_distributed,
            "transposed": head.transposed,
            "parameters": head.parameters,
            "output": head.output,
        }
        for head in heads
    ]
    out.write(orjson.dumps({"file": file, "heads": rows}) + b"\n")


def write_table(out: BinaryIO, file: str, heads: Sequence[Head], screen: Screen) -> None:
    """Print a row per head; ``output`` marks where the model ends."""
    columns = ["head", "layer", "kernel", "dtype", "bias", "activation", "parameters", "", "path"]
    rows = [
        [
            Cell(printable(head.name), likeliest=head.output),
            Cell("TimeDistributed(Dense)" if head.time_distributed else "Dense"),
            Cell(f"{head.kernel_shape}{' stored transposed' * head.transposed}"),
            Cell(printable(head.dtype)),
            Cell("yes" if head.use_bias else "no"),
            Cell(printable(head.activation or "?")),
            Cell(f"{head.parameters:,}"),
            Cell("refused" if head.refusal else "output" * head.output),
            Cell(printable(head.path)),
        ]
        for head in heads
    ]
    say(
        out,
        screen,
        printable(f"{file}: {len(rows)} head{'s' * (len(rows) != 1)}"),
        *render([(name, name != "parameters") for name in columns], rows, screen),
    )
