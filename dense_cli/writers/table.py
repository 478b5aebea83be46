"""Tables for people: with Rich on a terminal or in a pipe, and as Markdown."""

from __future__ import annotations

import io
import math
import re
import textwrap
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np

from dense_cli.pipeline import Part
from dense_cli.text import printable
from dense_cli.writers.run import Run, TableOptions, Writer
from dense_cli.writers.screen import Screen
from dense_cli.writers.summary import accuracy_line, summary_line, summary_of

if TYPE_CHECKING:
    from dense_cli.views.explain import Explained

_PREFIX = {"probabilities": "p", "log_probabilities": "log p", "logits": "logit"}
_LONGEST_LABEL = 40  # columns of the terminal
_GAP = 2  # columns between two columns of a table
_BLOCK = 500  # rows that are laid out together
_UNSURE = 0.1  # a step whose two likeliest classes are closer than this is marked

# Backgrounds from unlikely to certain, on which the foreground beside them can be read, light or dark.
_SHADES = (
    "",
    "white on #17344a",
    "white on #1d4d6b",
    "white on #22668c",
    "white on #2880ad",
    "black on #46a3d1",
)


class Cell(NamedTuple):
    """Text, whether it stands out, how likely it is (None: not a probability), whether it is padding."""

    text: str
    likeliest: bool = False
    shade: float | None = None
    padding: bool = False


def fitting(run: Run) -> int | None:
    """Return how many of the likeliest classes fit the screen where not all asked for do, else None."""
    width, classes = run.table.screen.width, run.shape[-1] or 0
    if width is None or (run.view.show == "classes" and not run.view.top):
        return None
    number = run.table.precision + (2 if run.view.show == "probabilities" else 5)
    lead = len(run.shape) - 1
    fixed = sum(
        max(len(name), len(str(n or 0))) + _GAP for name, n in zip(_axes(lead), run.shape, strict=False)
    )
    label = _LONGEST_LABEL
    if run.labels is not None:
        label = min(max((_cells(printable(name[:200])) for name in run.labels), default=1), _LONGEST_LABEL)
    one = number + max(label if run.labels is not None else len(str(classes)), 4) + 2 * _GAP
    headers = [str(c) for c in range(classes)] if run.labels is None else run.labels
    fixed += sum(max(len(name), run.table.precision + 4) + _GAP for name in run.measures)
    if run.view.top:
        # The story has wider headers, and the margin, and a mark beside it.
        needed = fixed + run.view.top * one + (3 + 8 + number + _GAP if run.story else 0) - _GAP
        return max((width - fixed + _GAP) // one, 1) if needed > width else None
    fixed += 5 + (max(label, 5) + _GAP if run.labels is not None else 0)  # the class, and its label
    needed = fixed
    for header in headers:
        needed += max(number, min(_cells(printable(header[:200])), _LONGEST_LABEL)) + _GAP
        if needed > width:
            return max((width - fixed) // one, 1)
    return None


class TableWriter(Writer):
    """A Rich table per run, or per time step."""

    def begin(self) -> None:
        self._start()
        self._tell(*self.run.title)
        if self.run.labels is not None:
            self.names = [_cut(printable(name[: 4 * _LONGEST_LABEL])) for name in self.run.labels]

    def step(self, t: int) -> None:
        self._finish()
        axes = len(self.run.shape) - 3
        self._say("", f"y[:, {t}, :{', :' * axes}]  (t = {t})")
        self._start()

    def _start(self) -> None:
        self.rows: list[list[Cell]] = []
        self.shown = 0
        self.last_sample = -1
        self.more = self.full = self.headed = False
        self.summary = summary_of(self.run)
        self.explained: list[list[str]] = []

    def write(self, part: Part) -> None:
        places, result = part.block.places(), part.result
        room = len(places) if self.run.table.limit is None else self.run.table.limit - self.shown
        self.more = len(places) > room
        # What targets are there for is the summary of all rows.
        self.full = self.more and not self.run.judged
        count = min(len(places), room)
        counted = len(places) if self.run.judged else count
        self.summary.add(
            result.classes[:counted],
            {name: values[:counted] for name, values in result.measures.items()},
            places[:counted, 0],
            None if part.mask is None else part.mask[:counted],
        )
        at = places if self.run.steps is None else np.delete(places, 1, axis=1)
        value = _PREFIX.get(self.run.view.values)
        arrays = result.arrays.get(self.run.view.values)
        for i in range(count):
            row = [Cell(str(n)) for n in at[i].tolist()]
            chosen = int(result.classes[i])
            if result.top_classes is None:
                row += self._class(chosen)
            if result.top_classes is not None and result.top_values is not None:
                for rank, (c, v) in enumerate(
                    zip(result.top_classes[i].tolist(), result.top_values[i].tolist(), strict=True)
                ):
                    row.append(Cell(self._name(c), likeliest=rank == 0))
                    row += [self._value(v, rank == 0)] if value else []
                row += self._margin(result.top_values[i].tolist()) if self.run.story else []
            elif arrays is not None and value:
                row += [self._value(v, c == chosen) for c, v in enumerate(arrays[i].tolist())]
            row += [self._measure(result.measures[name][i].item()) for name in self.run.measures]
            if result.explained is not None and result.explained.classes[i] >= 0:
                self.explained.append(self._explain(places[i].tolist(), result.explained, i))
            if part.mask is not None and not part.mask[i]:
                row = [Cell(cell.text, padding=True) for cell in row]
            self.rows.append(row)
            if len(self.rows) == _BLOCK:
                self._flush()
        self.shown += count
        if count:
            self.last_sample = int(places[count - 1][0])

    def end(self) -> None:
        self._finish()

    def _finish(self) -> None:
        """Print the rows that are left, and say which are not shown."""
        if self.headed or self.rows or (self.run.steps is None and not self.shown):
            self._flush()
        for lines in self.explained:
            self._say("", *lines)
        self._say(*[""] * bool(self.explained))
        if self.more:
            self._tell(f"… {self._left()}: --all")
        if self.headed:
            totals = self.summary.totals()
            partly = self.more and not self.run.judged
            self._tell(summary_line(totals, self.run, shown=self.shown if partly else None))
            if self.run.judged:
                self._tell(accuracy_line(totals, self.run.table.precision))
        self.more = self.headed = False

    def _left(self) -> str:
        """Return what is not shown, in samples."""
        inner = self.run.shape[1:-1] if self.run.steps is None else self.run.shape[2:-1]
        batch = self.run.shape[0]
        if batch is None or None in inner:
            return "more samples"
        whole, part = divmod(self.shown, math.prod(n or 1 for n in inner))
        left = batch - whole - (part > 0)
        samples = f"{left} more sample{'s' * (left != 1)}"
        return f"the rest of sample {self.last_sample}" + f" and {samples}" * (left > 0) if part else samples

    def _class(self, number: int) -> list[Cell]:
        cells = [Cell("-" if number < 0 else str(number), likeliest=True)]
        return cells + ([Cell(self._name(number), likeliest=True)] if self.run.labels is not None else [])

    def _name(self, number: int) -> str:
        if number < 0:
            return "-"
        return str(number) if self.run.labels is None else self.names[number]

    def _value(self, value: float, likeliest: bool) -> Cell:
        digits = self.run.table.precision
        text = f"{value:.{digits}f}" if abs(value) < 1e6 or value != value else f"{value:.{digits}e}"
        return Cell(text, likeliest, value if self.run.view.show == "probabilities" else None)

    def _measure(self, value: float) -> Cell:
        if value != value or (value == 0 and isinstance(value, int)):  # NaN, or a rank of none
            return Cell("-")
        return Cell(str(value) if isinstance(value, int) else f"{value:.{self.run.table.precision}f}")

    def _explain(self, place: list[int], made: Explained, row: int) -> list[str]:
        """Return the lines that say what a row's logit is made of; their digits add up."""
        from dense_cli.views.explain import rounded

        digits = self.run.table.precision
        axes = ", ".join(f"{name} {n}" for name, n in zip(_axes(len(place)), place, strict=True))
        target, against = self._name(int(made.classes[row])), int(made.against[row])
        what = (
            f"logit of {target}" if against < 0 else f"logit of {target} less that of {self._name(against)}"
        )
        contributions = made.contributions[row].tolist()
        total, (bias, rest, *parts) = rounded(
            float(made.logit[row]), [float(made.bias[row]), float(made.rest[row]), *contributions], digits
        )
        rows = [
            [Cell(str(f)), Cell(f"{x:.{digits}f}"), Cell(f"{w:.{digits}f}"), Cell(part)]
            for f, x, w, part in zip(
                made.features[row].tolist(),
                made.x[row].tolist(),
                made.weights[row].tolist(),
                parts,
                strict=True,
            )
        ]
        others = "other features" if made.others else "rounding"
        if made.others or any(digit in rest for digit in "123456789"):
            rows.append([Cell(others), Cell(""), Cell(""), Cell(rest)])
        rows.append([Cell("bias"), Cell(""), Cell(""), Cell(bias)])
        rows.append([Cell("sum"), Cell(""), Cell(""), Cell(total, likeliest=True)])
        columns = [("feature", True), ("x", False), ("weight", False), ("x · weight", False)]
        return [f"{axes}: {what} = {total}", *self.lay(columns, rows)]

    def _margin(self, values: list[float]) -> list[Cell]:
        """Return how far the likeliest is ahead, marked where that is little."""
        margin = values[0] - values[1] if len(values) > 1 else 1.0
        unsure = margin < _UNSURE
        return [Cell(f"{margin:.{self.run.table.precision}f}"), Cell("unsure" * unsure, likeliest=unsure)]

    def columns(self) -> list[tuple[str, bool]]:
        """Return the columns' headers, and which hold names rather than numbers."""
        run = self.run
        named = run.labels is not None
        columns = [(name, False) for name in _axes(len(run.shape) - 1) if name != "t" or run.steps is None]
        value = _PREFIX.get(run.view.values)
        if run.view.top:
            ranks = [str(i) for i in range(1, run.view.top + 1)]
            names = ["label", "runner-up"] if run.story else [f"top{i}" for i in ranks]
            for name, i in zip(names, ranks, strict=False):
                columns += [(name, named), *([(f"{value}{i}", False)] if value else [])]
            columns += [("margin", False), ("", True)] * run.story
            return columns + [(name, False) for name in run.measures]
        columns += [("class", False), *([("label", True)] if named else [])]
        if value:
            classes = self.names if named else map(str, range(run.shape[-1] or 0))
            columns += [(name, False) for name in classes]
        return columns + [(name, False) for name in run.measures]

    def _flush(self) -> None:
        self._say(*self.lay(self.columns(), self.rows, headed=self.headed))
        self.rows, self.headed = [], True

    def lay(
        self, columns: list[tuple[str, bool]], rows: list[list[Cell]], *, headed: bool = False
    ) -> list[str]:
        """Return the lines of a table, as `render` does."""
        return render(columns, rows, self.run.table.screen, headed=headed)

    def _say(self, *lines: str) -> None:
        write_lines(self.out, self.run.table.screen, *lines)

    def _tell(self, *lines: str) -> None:
        write_wrapped(self.out, self.run.table.screen, *lines)


# What Markdown acts on: escapes, code, emphasis, HTML, entities, links, and the bars of the table itself.
_MARKDOWN = re.compile(r"[\\`*_<|~&]|(?<=\])\(")


class Markdown(TableWriter):
    """The same table as a Markdown table, in which text is text: `<s>` is a token."""

    def lay(
        self, columns: list[tuple[str, bool]], rows: list[list[Cell]], *, headed: bool = False
    ) -> list[str]:
        """Return the lines of a Markdown table."""

        def line(texts: list[str]) -> str:
            return "| " + " | ".join(_MARKDOWN.sub(r"\\\g<0>", text) for text in texts) + " |"

        lines = [line([cell.text for cell in row]) for row in rows]
        if headed:
            return lines
        rule = " | ".join("---" if left else "---:" for _, left in columns)
        return ["", line([name for name, _ in columns]), f"| {rule} |", *lines]

    def _finish(self) -> None:
        if self.headed or self.rows:
            self._flush()
            self._say(*[""] * (not self.explained))
        super()._finish()


def render(
    columns: list[tuple[str, bool]], rows: list[list[Cell]], screen: Screen, *, headed: bool = False
) -> list[str]:
    """Return a Rich table's lines.

    ``columns`` are headers and whether names stand below them; ``headed``: the header was printed.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    simple = box.SIMPLE_HEAD if screen.unicode else box.ASCII_DOUBLE_HEAD
    table = Table(
        box=simple, show_edge=False, padding=(0, _GAP - 1, 0, 0), pad_edge=False, show_header=not headed
    )
    for header, left in columns:
        table.add_column(Text(_spelt(header, screen)), justify="left" if left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(_spelt(cell.text, screen), style=_style(cell)) for cell in row))
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
    for line in lines:
        out.write((_spelt(line, screen) + "\n").encode("utf-8", "backslashreplace"))


def _spelt(text: str, screen: Screen) -> str:
    """Return ``text`` in the characters that the screen has: columns are laid out with what is shown."""
    if screen.unicode:
        return text
    text = text.replace("…", "...").replace("→", "->").replace("·", "-")
    return text.encode(screen.encoding, "backslashreplace").decode(screen.encoding)


def print_matrix(
    out: BinaryIO,
    title: tuple[str, ...],
    corner: str,
    rows: list[tuple[str, list[float]]],
    options: TableOptions,
) -> None:
    """Print a table of numbers with a name before each row; as many columns as fit the screen."""
    columns = len(rows[0][1])
    width = options.precision + 4 + _GAP
    fit = (
        columns
        if options.screen.width is None
        else max((options.screen.width - len(corner) - _GAP) // width, 1)
    )
    cells = [[Cell(name), *(Cell(f"{v:.{options.precision}f}") for v in row[:fit])] for name, row in rows]
    headers = [(name, False) for name in (corner, *map(str, range(min(columns, fit))))]
    write_wrapped(out, options.screen, *title)
    write_lines(out, options.screen, *render(headers, cells, options.screen))
    if fit < columns:
        write_lines(out, options.screen, f"… {columns - fit} more columns: they do not fit the terminal")


def _style(cell: Cell) -> str:
    if cell.padding:
        return "dim"
    shade = ""
    if cell.shade is not None and math.isfinite(cell.shade):
        shade = _SHADES[min(max(int(cell.shade * len(_SHADES)), 0), len(_SHADES) - 1)]
    return f"bold {shade}".rstrip() if cell.likeliest else shade


def _axes(count: int) -> list[str]:
    return ["sample", "t", *(f"axis{i}" for i in range(2, count))][:count]


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _cut(text: str) -> str:
    """Return ``text`` cut to the longest label, with the cut shown."""
    from rich.cells import set_cell_size

    return text if _cells(text) <= _LONGEST_LABEL else set_cell_size(text, _LONGEST_LABEL - 1).rstrip() + "…"
