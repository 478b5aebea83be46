"""Cells → lines of a Rich table, and lines of prose, in the characters that a screen has.

In: columns and rows of cells, or text. Out: lines; `write_lines` and `write_wrapped` write them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, BinaryIO

from numpy.typing import NDArray

from dense_cli.text import in_encoding, wrapped
from dense_cli.writers.cells import GAP, MOST, Cell, Column
from dense_cli.writers.screen import Screen
from dense_cli.writers.shades import shade
from dense_cli.writers.writer import TableOptions

if TYPE_CHECKING:
    from rich.style import Style

_ON_A_SCREEN = 100  # rows that Rich draws
_SYSTEMS = {"truecolor": "TRUECOLOR", "256": "EIGHT_BIT", "standard": "STANDARD", "windows": "WINDOWS"}


def render(columns: list[Column], rows: list[list[Cell]], screen: Screen) -> list[str]:
    """Return the lines of a table."""
    return Grid(columns, screen).lines(rows)


class Grid:
    """A table that is laid out some rows at a time, below one header.

    A column is as wide as its header and its widest text so far. Rich draws what a screen holds; the rows of
    long tables are laid out here in the same way, which takes a fraction of the time. A last column without a
    name takes no room until it has text.
    """

    def __init__(self, columns: list[Column], screen: Screen) -> None:
        self.columns = columns
        self.screen = screen
        self.widths: list[int] = []

    def lines(self, rows: list[list[Cell]]) -> list[str]:
        """Return the lines of the next rows, of the first ones with the header."""
        spell = spelling(self.screen)
        if spell is not str:
            rows = [[cell._replace(text=spell(cell.text)) for cell in row] for row in rows]
        drawn: list[str] = []
        begins = not self.widths
        headers = [spell(column.header) for column in self.columns]
        if begins:
            self.widths = [text_width(header) for header in headers]
        for i, cells in enumerate(zip(*rows, strict=True)):
            self.widths[i] = max(self.widths[i], *(text_width(cell.text) for cell in cells))
        if begins:
            drawn = self._drawn(headers, rows[:_ON_A_SCREEN])
            rows = rows[_ON_A_SCREEN:]
        return drawn + list(map(self._line, rows))

    def _drawn(self, headers: list[str], rows: list[list[Cell]]) -> list[str]:
        """Return the header and rows as Rich draws them."""
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        shown = self._shown()
        simple = box.SIMPLE_HEAD if self.screen.encoding is None else box.ASCII_DOUBLE_HEAD
        table = Table(box=simple, show_edge=False, padding=(0, GAP - 1, 0, 0), pad_edge=False)
        for header, column, width in zip(headers[:shown], self.columns, self.widths, strict=False):
            # Releases of Rich differ in what a column's width is: a header of that width is the same in all.
            room = " " * (width - text_width(header))
            text = header + room if column.names else room + header
            table.add_column(Text(text), justify="left" if column.names else "right", no_wrap=True)
        for row in rows:
            table.add_row(*[Text(cell.text, style=_style(cell, self.screen)) for cell in row[:shown]])
        file = io.StringIO()
        console = Console(
            file=file,
            width=1 << 20,  # never squeezed: what does not fit has been left out before
            force_terminal=self.screen.bold,
            color_system=self.screen.colors,  # type: ignore[arg-type]
            no_color=self.screen.colors is None,
            legacy_windows=False,
            highlight=False,
            markup=False,
            emoji=False,
        )
        console.print(table)
        return [line.rstrip() for line in file.getvalue().splitlines()]

    def _shown(self) -> int:
        """Return how many columns take room."""
        return len(self.widths) - (self.widths[-1] == 0)

    def _line(self, row: list[Cell]) -> str:
        """Return the line of a row, as Rich would draw it."""
        texts = []
        for cell, column, width in zip(row[: self._shown()], self.columns, self.widths, strict=False):
            text = cell.text
            room = " " * (width - text_width(text))
            text = text + room if column.names else room + text
            texts.append(styled(text, _style(cell, self.screen), self.screen) if self.screen.bold else text)
        gap = " " * GAP if self.screen.encoding is None else " " * (GAP - 1) + "|"
        return gap.join(texts).rstrip()


def text_width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


@cache
def _rich_style(style: str) -> Style:
    from rich.style import Style

    return Style.parse(style)


def styled(text: str, style: str, screen: Screen) -> str:
    """Return text in one of Rich's styles, as far as the screen has it."""
    from rich.color import ColorSystem

    if not style or not screen.bold:
        return text
    system = None if screen.colors is None else ColorSystem[_SYSTEMS[screen.colors]]
    return _rich_style(style).render(text, color_system=system)


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


def write_wrapped(out: BinaryIO, screen: Screen, *lines: str, indent: str = "") -> None:
    """Write lines of prose: on a terminal they break between words; ``indent`` comes before each."""
    if screen.width is not None:
        lines = tuple(
            part for line in lines for part in wrapped(line, screen.width - len(indent), text_width)
        )
    write_lines(out, screen, *[f"{indent}{line}" for line in lines])


def write_drawn(out: BinaryIO, lines: Sequence[str]) -> None:
    """Write lines that are in the characters of the screen already."""
    out.write("".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))


def write_lines(out: BinaryIO, screen: Screen, *lines: str) -> None:
    """Write lines as the screen can show them."""
    spell = spelling(screen)
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


def spelling(screen: Screen) -> Callable[[str], str]:
    """Return a function that puts text into the characters that the screen has, before it is laid out."""
    encoding = screen.encoding
    return str if encoding is None else partial(in_encoding, encoding=encoding)


def _style(cell: Cell, screen: Screen) -> str:
    if cell.padding:
        return "dim"
    likely = "" if cell.shade is None or screen.colors is None else shade(cell.shade, screen.colors)
    return f"bold {likely}".rstrip() if cell.likeliest else likely
