"""The heads of a weights file → a table or JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

import orjson

from dense_cli.addresses import without_secrets
from dense_cli.heads.head import Head, Heads
from dense_cli.text import encodable, listed, shown
from dense_cli.writers.cells import Cell, Column
from dense_cli.writers.rich_table import render_fitting, write_lines, write_wrapped
from dense_cli.writers.screen import Screen

_LONGEST_NAME = 200  # characters of a name in a table
# Columns that a narrow terminal does without, the first one first.
_LEAST_NEEDED = ("path", "parameters", "dtype", "layer", "bias")


def as_json(head: Head) -> dict[str, Any]:
    """Return what JSON says of a head."""
    return {
        "name": encodable(head.name),
        "path": encodable(head.path),
        "kernel_shape": head.kernel_shape,
        "dtype": head.dtype,
        "use_bias": head.use_bias,
        "activation": None if head.activation is None else encodable(head.activation),
        "time_distributed": head.time_distributed,
        "transposed": head.transposed,
        "parameters": min(head.parameters, 2**63 - 1),  # a claim may be beyond what JSON's readers hold
        "output": head.output,
        "embedding": head.table,
        "refusal": None if (refusal := _refusal(head)) is None else encodable(refusal),
    }


def document(file: str, heads: Heads, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return ``{"file": …, "heads": rows, "unowned_biases": [{"name", "shape"}]}``."""
    unowned = [{"name": encodable(bias.name), "shape": bias.shape} for bias in heads.unowned]
    return {"file": encodable(without_secrets(file)), "heads": rows, "unowned_biases": unowned}


def write_json(out: BinaryIO, file: str, heads: Heads) -> None:
    """Write the `document` of the heads, with ``"name", "path", "kernel_shape", "dtype", …`` of each."""
    out.write(orjson.dumps(document(file, heads, [as_json(head) for head in heads])) + b"\n")


def write_table(out: BinaryIO, file: str, heads: Heads, screen: Screen) -> None:
    """Print a row per head; ``output`` marks where the model ends."""
    columns = {Column(name, name != "parameters"): list(map(cell, heads)) for name, cell in _CELLS.items()}
    lines, left_out = render_fitting(columns, _LEAST_NEEDED, screen)
    write_lines(out, screen, shown(f"{without_secrets(file)}: {len(heads)} head{'s' * (len(heads) != 1)}"))
    write_lines(out, screen, *lines)
    if left_out:
        write_wrapped(out, screen, f"… {', '.join(left_out)}: no room on this terminal, -f json has all")
    for refusal in dict.fromkeys(filter(None, map(_refusal, heads))):
        refused = listed(head.name for head in heads if _refusal(head) == refusal)
        write_lines(out, screen, shown(f"refused: {refused}: {refusal}"))
    if heads.tied is not None:
        write_lines(
            out, screen, shown(f"no lm_head: where weights are tied it is {heads.tied.name} (--head lm_head)")
        )
    if heads.unowned:
        names = listed(f"{bias.name} {bias.shape}" for bias in heads.unowned)
        write_lines(out, screen, shown(f"biases that belong to no head (--bias takes one): {names}"))


def _refusal(head: Head) -> str | None:
    return head.refusal or head.activation_refusal


def _mark(head: Head) -> str:
    if _refusal(head):
        return "refused"
    return "output" if head.output else "embedding" * head.table


_CELLS: dict[str, Callable[[Head], Cell]] = {
    "head": lambda head: Cell(shown(head.name, _LONGEST_NAME), likeliest=head.output),
    "layer": lambda head: Cell("TimeDistributed(Dense)" if head.time_distributed else "Dense"),
    "kernel": lambda head: Cell(f"{head.kernel_shape}{' stored transposed' * head.transposed}"),
    "dtype": lambda head: Cell(shown(head.dtype, _LONGEST_NAME)),
    "bias": lambda head: Cell("yes" if head.use_bias else "no"),
    "activation": lambda head: Cell(shown(head.activation or "?", _LONGEST_NAME)),
    "parameters": lambda head: Cell(f"{head.parameters:,}"),
    "": lambda head: Cell(_mark(head)),
    "path": lambda head: Cell(shown(head.path, _LONGEST_NAME)),
}
"""The columns of the table, and what stands in them."""
