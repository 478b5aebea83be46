"""A model's summary as Keras' table, drawn by Rich.

Comes in: a model and how its summary is wanted. Goes out: lines on the terminal, or one text for a function.

Source: keras/src/utils/summary_utils.py.
"""

from __future__ import annotations

import shutil
from typing import Any

from rich.console import Console, JustifyMethod
from rich.table import Column, Table

from dense_cli.errors import ConfigError
from dense_cli.models.summary import SummaryTable, count_params, readable_memory_size, weight_memory_size

_COLUMNS: tuple[tuple[str, JustifyMethod], ...] = (
    ("Layer (type)", "left"),
    ("Output Shape", "left"),
    ("Param #", "right"),
)


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: list[float] | None = None,
    print_fn: Any = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Any = None,
) -> None:
    """Print the summary; the arguments are those of `Model.summary`.

    Raises:
        ConfigError: the line is too short, or ``layer_range`` names no layers.
    """
    table = SummaryTable(model, expand_nested, show_trainable)
    drawn = _empty(not table.sequential, show_trainable, line_length, positions)
    for row in table.rows(layer_range):
        drawn.add_row(*row)
    if print_fn is None:
        _print(Console(highlight=False, markup=False), model, drawn)
        return
    console = Console(highlight=False, markup=False, force_terminal=False, color_system=None)
    with console.capture() as captured:
        _print(console, model, drawn)
    print_fn(captured.get())


def _empty(
    connected: bool, show_trainable: bool, line_length: int | None, positions: list[float] | None
) -> Table:
    """Return the table without rows; ``positions`` are the shares of the width at which columns end."""
    columns, shares, longest = list(_COLUMNS), [0.45, 0.80, 1.0], 88
    if connected:
        columns.append(("Connected to", "left"))
        shares, longest = [0.3, 0.56, 0.74, 1.0], 108
    shares = positions or shares
    if show_trainable:
        columns.append(("Trainable", "center"))
        shares, longest = [share * 0.90 for share in shares] + [1.0], longest + 12
    length = line_length or min(longest, shutil.get_terminal_size().columns - 4)
    sized = [
        Column(header, justify=justify, width=width)
        for (header, justify), width in zip(columns, _widths(shares, length), strict=True)
    ]
    return Table(*sized, width=length, show_lines=True)


def _print(console: Console, model: Any, table: Table) -> None:
    console.print(f'Model: "{model.name}"', style="bold")
    console.print(table)
    for line in _totals(model):
        console.print(line)


def _widths(shares: list[float], length: int) -> list[int]:
    widths: list[int] = []
    for share in shares:
        widths.append(int(share * length) - sum(widths))
        if widths[-1] < 4:
            raise ConfigError("Insufficient console width to print summary.")
    return widths


def _totals(model: Any) -> list[str]:
    parts = {
        "Total": model.weights,
        "Trainable": model.trainable_weights,
        "Non-trainable": model.non_trainable_weights,
    }
    return [
        f" {name} params: {count_params(weights):,} ({readable_memory_size(weight_memory_size(weights))})"
        for name, weights in parts.items()
    ]
