"""Results → cells: the text of a table, what stands out in it and what is padding, for any renderer.

In: a run, the view that was computed, and results. Out: `Column`s, and a list of `Cell`s for each
row. Renderers (`rich_table`, `markdown`) turn these into lines.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

from dense_cli.run import Run
from dense_cli.text import axis_names, printable
from dense_cli.views.evaluate import Result, View
from dense_cli.writers.writer import TableOptions

LONGEST_LABEL = 40  # columns of the terminal
GAP = 2  # columns between two columns of a table
MOST = 20  # classes that have a column each; of more the likeliest are shown, wherever it goes
PREFIX = {
    "probabilities": "p",
    "log_probabilities": "log p",
    "logits": "logit",
    "scores": "score",
    "values": "value",
}
_MARK = len("padding") + GAP
UNSURE = 0.1  # a row whose two likeliest classes are closer than this is marked


class Cell(NamedTuple):
    """Text, whether it stands out, how likely it is (None: not a probability), whether it is padding."""

    text: str
    likeliest: bool = False
    shade: float | None = None
    padding: bool = False


class Column(NamedTuple):
    """A header, and whether names stand below it rather than numbers."""

    header: str
    names: bool = False


class Layout(NamedTuple):
    """Which columns a table has.

    ``story``: the likeliest class of each step, its runner-up and the margin between them, in place of every
    number; ``top``: how many of the likeliest classes; ``left_out``: what did not fit the screen;
    ``values``: how many of the values have a column where there are no classes.
    """

    story: bool
    top: int | None
    left_out: str | None = None
    values: int | None = None


def layout(run: Run, table: TableOptions) -> Layout:
    """Return which columns are shown: what was asked for, or of it what fits the screen."""
    view = run.view
    if run.shows_values:
        return _values_layout(run, table)
    story = _tells_story(run)
    top = min(2, run.classes) if story else view.top
    most = _fitting(run, table, story, top)
    if most is None:
        return Layout(story, top)
    asked = top or run.classes or 1
    if most == MOST and not top:
        return Layout(False, most, f"of {asked} classes the {most} likeliest")
    what = "runner-up and margin" if story else f"{asked} classes"
    return Layout(
        False, min(most, asked), f"{what} do not fit {table.screen.width} columns: the {most} likeliest"
    )


def _tells_story(run: Run) -> bool:
    """Whether a table says what was predicted at each step rather than every number: classes have names."""
    of_steps = run.plan.times is None and run.labels is not None and len(run.shape) > 2
    return of_steps and run.view.top is None and run.view.show == "probabilities"


def _values_layout(run: Run, table: TableOptions) -> Layout:
    """Return which of the values that are no classes have a column: the first, as far as there is room."""
    fits = min(run.classes, MOST)
    if table.screen.width is not None:
        sizes = zip(axis_names(len(run.shape) - 1), run.shape, strict=False)
        fixed = sum(max(len(name), len(str(n or 0))) + GAP for name, n in sizes)
        fits = max(min(fits, (table.screen.width - fixed + GAP) // (table.precision + 5 + GAP)), 1)
    left_out = f"of {run.classes} values the first {fits}" if fits < run.classes else None
    return Layout(False, None, left_out, fits)


def _fitting(run: Run, table: TableOptions, story: bool, top: int | None) -> int | None:
    """Return how many of the likeliest classes there is room for where not for all that are asked for."""
    width, show = table.screen.width, run.view.show
    if show == "classes" and not top:
        return None
    if width is None:
        return MOST if run.classes > MOST and not top else None
    fixed, one = _fixed_width(run, table, story), _top_width(run, table)
    if top:
        needed = fixed + top * one - GAP + (_story_width(run, table) if story else 0)
        return max((width - fixed + GAP) // one, 1) if needed > width else None
    fixed += 5 + (max(_label_width(run), 5) + GAP if run.labels is not None else 0)  # the class, its label
    if _all_fit(run, _number_width(run, table), width - fixed):
        return None
    return min(max((width - fixed) // one, 1), MOST)


def _fixed_width(run: Run, table: TableOptions, story: bool) -> int:
    """Return the columns of the terminal that places, measures and the mark of padding take."""
    sizes = zip(axis_names(len(run.shape) - 1), run.shape, strict=False)
    fixed = sum(max(len(name), len(str(n or 0))) + GAP for name, n in sizes)
    fixed += sum(max(len(name), table.precision + 4) + GAP for name in shown_measures(run, story))
    return fixed + (_MARK if run.masked else 0)


def _top_width(run: Run, table: TableOptions) -> int:
    """Return the columns of the terminal that one of the likeliest classes and its number take."""
    return _number_width(run, table) + max(_label_width(run), 4) + 2 * GAP


def _story_width(run: Run, table: TableOptions) -> int:
    """Return what the story takes beside two classes: wider headers, the margin, and a mark."""
    return 3 + _number_width(run, table) + GAP + (0 if run.masked else _MARK)


def _number_width(run: Run, table: TableOptions) -> int:
    return table.precision + (2 if run.view.show == "probabilities" else 5)


def _label_width(run: Run) -> int:
    return len(str(run.classes)) if run.labels is None else _longest(run.labels)


def _is_marked(run: Run, table: TableOptions, story: bool, top: int | None) -> bool:
    """Whether a last column, which has no name, says which rows are padding or, if it fits, unsure."""
    if run.masked or story:
        return True
    if not _knows_margin(run, top):
        return False
    needed = _fixed_width(run, table, story) + (top or 0) * _top_width(run, table) - GAP + _MARK
    return table.screen.width is None or needed <= table.screen.width


def _knows_margin(run: Run, top: int | None) -> bool:
    """Whether a row shows how far its likeliest class is ahead of the second."""
    return (top or 0) > 1 and run.view.show == "probabilities" and run.gives_distributions


def _all_fit(run: Run, number: int, room: int) -> bool:
    """Whether a column for every class, of numbers ``number`` wide, fits the room."""
    if run.classes > MOST:
        return False
    for c in range(run.classes):
        header = str(c) if run.labels is None else run.labels[c]
        room -= max(number, min(_width(printable(header[:200])), LONGEST_LABEL)) + GAP
        if room < 0:
            return False
    return True


def shown_measures(run: Run, story: bool) -> tuple[str, ...]:
    """Return the measures that have a column of their own."""
    return tuple(name for name in run.measures if not (story and name == "margin"))


class Cells:
    """Makes the columns and the cells of a run's rows."""

    def __init__(self, run: Run, view: View, table: TableOptions) -> None:
        self.run = run
        self.view = view
        chosen = layout(run, table)
        self.story = chosen.story
        self.left_out = chosen.left_out
        self.shown = run.classes if chosen.values is None else chosen.values
        self.measures = shown_measures(run, self.story)
        self.array = view.values
        self.value = PREFIX.get(self.array)
        self.digits = table.precision
        self.by_step = run.steps is not None
        self.marked = _is_marked(run, table, self.story, self.view.top)
        self.unsure = False  # whether a row that was made is marked so
        self.names: list[str] | None = None
        if run.labels is not None:
            self.names = [_cut(printable(name[: 4 * LONGEST_LABEL])) for name in run.labels]

    @cached_property
    def columns(self) -> list[Column]:
        """The columns, in order."""
        axes = axis_names(len(self.run.shape) - 1)
        columns = [Column(name) for name in axes if name != "t" or not self.by_step]
        columns += self._top_columns(self.view.top) if self.view.top else self._class_columns()
        columns += [Column(name) for name in self.measures]
        return columns + [Column("", True)] * self.marked

    def _top_columns(self, top: int) -> list[Column]:
        columns = []
        for i in range(1, top + 1):
            name = ("label", "runner-up")[i - 1] if self.story else f"top{i}"
            columns.append(Column(name, self.names is not None))
            columns += [Column(f"{self.value}{i}")] if self.value else []
        return columns + [Column("margin")] * self.story

    def _class_columns(self) -> list[Column]:
        columns = [] if self.run.shows_values else [Column("class")]
        columns += [Column("label", True)] if self.names is not None else []
        if self.value:
            columns += map(Column, map(str, range(self.shown)) if self.names is None else self.names)
        return columns

    def rows(self, result: Result, part: slice) -> list[list[Cell]]:
        """Return the cells of some rows of a result."""
        rows: list[list[Cell]] = []
        for i, place in enumerate(result.places[part].tolist(), part.start):
            if self.by_step:
                del place[1]
            row = [Cell(str(n)) for n in place]
            row += self._class(result, i) if result.top_classes is None else self._top(result, i)
            row += [self._measure(result.measures[name][i].item()) for name in self.measures]
            padding = result.mask is not None and not result.mask[i]
            if self.marked:
                unsure = not padding and self._is_unsure(result, i)
                self.unsure = self.unsure or unsure
                row.append(Cell("padding" * padding + "unsure" * unsure, likeliest=unsure))
            rows.append([Cell(cell.text, padding=True) for cell in row] if padding else row)
        return rows

    def _class(self, result: Result, i: int) -> list[Cell]:
        """Return the cells of a row's class, and of the value of every class."""
        chosen = int(result.classes[i])
        row = [] if self.run.shows_values else [Cell("-" if chosen < 0 else str(chosen), likeliest=True)]
        if self.names is not None:
            row.append(Cell(self.name(chosen), likeliest=True))
        values = result.arrays.get(self.array)
        if values is not None and self.value:
            row += [self._value(v, c == chosen) for c, v in enumerate(values[i, : self.shown].tolist())]
        return row

    def _top(self, result: Result, i: int) -> list[Cell]:
        """Return the cells of a row's likeliest classes."""
        assert result.top_classes is not None
        assert result.top_values is not None
        row = []
        values = result.top_values[i].tolist()
        for rank, (c, v) in enumerate(zip(result.top_classes[i].tolist(), values, strict=True)):
            row.append(Cell(self.name(c), likeliest=rank == 0))
            row += [self._value(v, rank == 0)] if self.value else []
        if self.story:
            row.append(Cell(f"{values[0] - values[1] if len(values) > 1 else 1.0:.{self.digits}f}"))
        return row

    def name(self, number: int) -> str:
        """Return the label of a class, or its number; ``-`` for none."""
        if number < 0:
            return "-"
        return str(number) if self.names is None else self.names[number]

    def _value(self, value: float, likeliest: bool) -> Cell:
        text = (
            f"{value:.{self.digits}f}" if abs(value) < 1e6 or value != value else f"{value:.{self.digits}e}"
        )
        return Cell(text, likeliest, value if self.view.show == "probabilities" else None)

    def _measure(self, value: float) -> Cell:
        if value != value or (value == 0 and isinstance(value, int)):  # NaN, or a rank of none
            return Cell("-")
        return Cell(str(value) if isinstance(value, int) else f"{value:.{self.digits}f}")

    def _is_unsure(self, result: Result, i: int) -> bool:
        """Whether the two likeliest classes of a row are close to each other."""
        if result.top_values is None or not _knows_margin(self.run, self.view.top):
            return False
        first, second = result.top_values[i, :2].tolist()
        return bool(first - second < UNSURE)


def _longest(labels: list[str]) -> int:
    return min(max((_width(printable(name[:200])) for name in labels), default=1), LONGEST_LABEL)


def _width(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _cut(text: str) -> str:
    """Return ``text`` cut to the longest label, with the cut shown."""
    from rich.cells import set_cell_size

    return text if _width(text) <= LONGEST_LABEL else set_cell_size(text, LONGEST_LABEL - 1).rstrip() + "…"
