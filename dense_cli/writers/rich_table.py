"""Cells → lines of a Rich table, and lines of prose, in the characters that a screen has.

In: columns and rows of cells, or text. Out: lines; `write_lines` and `write_wrapped` write them.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

from numpy.typing import NDArray

from dense_cli.writers.cells import GAP, MOST, Cell, Column
from dense_cli.writers.screen import Screen
from dense_cli.writers.shades import shade
from dense_cli.writers.writer import TableOptions


def render(
    columns: list[Column], rows: list[list[Cell]], screen: Screen, *, headed: bool = False
) -> list[str]:
    """Return a Rich table's lines; ``headed``: the header was printed before."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    simple = box.SIMPLE_HEAD if screen.unicode else box.ASCII_DOUBLE_HEAD
    table = Table(
        box=simple, show_edge=False, padding=(0, GAP - 1, 0, 0), pad_edge=False, show_header=not headed
    )
    spell = _spelling(screen)
    for column in columns:
        table.add_column(
            Text(spell(column.header)), justify="left" if column.names else "right", no_wrap=True
        )
    for row in rows:
        table.add_row(*[Text(spell(cell.text), style=_style(cell, screen)) for cell in row])
    file = io.StringIO()
    console = Console(
        file=file,
        width=1 << 20,  # never squeezed: what does not fit has been left out before
        force_terminal=screen.bold,
        color_system=screen.colors,  # type: ignore[arg-type]
        no_color=screen.colors is None,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
    )
    console.print(table)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def render_fitting(
    columns: dict[Column, list[Cell]], least_needed: Sequence[str], screen: Screen
) -> tuple[list[str], list[str]]:
    """Return a table's lines, and the headers of the columns that a narrow screen does without.

    Args:
        columns: the cells of each column.
        least_needed: headers, the first one to go first.
        screen: what it is shown on.
    """
    left_out: list[str] = []
    for header in least_needed:
        lines = _of_columns(columns, Screen())
        # The rule under the names of the columns is as wide as the table.
        if screen.width is None or len(lines[1]) <= screen.width:
            break
        dropped = [column for column in columns if column.header == header]
        columns = {column: cells for column, cells in columns.items() if column not in dropped}
        left_out += [column.header for column in dropped]
    return _of_columns(columns, screen), left_out


def _of_columns(columns: dict[Column, list[Cell]], screen: Screen) -> list[str]:
    return render(list(columns), [list(row) for row in zip(*columns.values(), strict=True)], screen)


def write_wrapped(out: BinaryIO, screen: Screen, *lines: str) -> None:
    """Write lines of prose: on a terminal they break between words."""
    if screen.width is not None:
        width = max(screen.width, 20)
        lines = tuple(
            part for line in lines for part in textwrap.wrap(line, width, break_on_hyphens=False) or [""]
        )
    write_lines(out, screen, *lines)


def write_lines(out: BinaryIO, screen: Screen, *lines: str) -> None:
    """Write lines as the screen can show them."""
    spell = _spelling(screen)
    out.write("".join(spell(line) + "\n" for line in lines).encode("utf-8", "backslashreplace"))


def print_matrix(
    out: BinaryIO,
    title: tuple[str, ...],
    corner: str,
    rows: list[tuple[str, NDArray[Any]]],
    options: TableOptions,
) -> None:
    """Print a table of numbers with a name before each row; as many columns as there is room for."""
    screen, digits = options.screen, options.precision
    count, fit = len(rows[0][1]), MOST
    if screen.width is not None:
        fit = max((screen.width - len(corner) - GAP) // (digits + 4 + GAP), 1)
    cells = [[Cell(name), *(Cell(f"{v:.{digits}f}") for v in row[:fit].tolist())] for name, row in rows]
    columns = [Column(name) for name in (corner, *map(str, range(min(count, fit))))]
    write_wrapped(out, screen, *title)
    write_lines(out, screen, *render(columns, cells, screen))
    if fit < count:
        write_lines(out, screen, f"… {count - fit} more columns: -f json")


def _spelling(screen: Screen) -> Callable[[str], str]:
    """Return a function that puts text into the characters that the screen has, before it is laid out."""
    encoding = screen.encoding
    if screen.unicode:
        return str

    def spell(text: str) -> str:
        text = text.replace("…", "...").replace("→", "->").replace("·", "-")
        return text.encode(encoding, "backslashreplace").decode(encoding)

    return spell


def _style(cell: Cell, screen: Screen) -> str:
    if cell.padding:
        return "dim"
    likely = "" if cell.shade is None or screen.colors is None else shade(cell.shade, screen.colors)
    return f"bold {likely}".rstrip() if cell.likeliest else likely
