"""Which columns of a CSV are read: those of densecli's own header, those picked, or all but an index.

In: the cells of the first row, and a `Request`. Out: `Columns`.
"""

from __future__ import annotations

import csv
import io
import re
from typing import NamedTuple

from dense_cli.errors import ConfigError
from dense_cli.sources.choose import only_likeliest, outputs_of
from dense_cli.sources.open import Request
from dense_cli.text import axis_names, listed

_LETTER = re.compile(r"[^\W\d_]")
_SLICE = re.compile(r"[+-]?\d{1,18}|([+-]?\d{1,18})?(:([+-]?\d{1,18})?){1,2}")
# The columns of densecli's own CSV that hold numbers: p0, p1, …, with labels p_cat, p_dog, …
_VALUES = {"probabilities": "p", "log_probabilities": "logp", "logits": "logit", "scores": "score"}
_OWN = re.compile(r"(p|logp|logit|score|v|top)\d+")
# What a column is called that numbers the rows; pandas reads one without a name as the last of these.
INDEX = ("", "id", "index", "sample", "unnamed: 0")


class Columns(NamedTuple):
    """What is read of a row.

    Attributes:
        header: whether the first row is one.
        values: the columns that are read; None: all of them.
        places: how many of those come first and say where a row stands.
        numbered: whether the first column only counts the rows: it is checked and left out.
        remark: what is taken for granted.
    """

    header: bool
    values: tuple[int, ...] | None = None
    places: int = 0
    numbered: bool = False
    remark: str | None = None

    def names(self, cells: list[str]) -> list[str]:
        """Return what a header calls the features.

        >>> Columns(True, numbered=True).names(["id", "age", "height"])
        ['age', 'height']
        """
        names = [cell.strip() for cell in cells]
        if self.values is not None:
            return [names[i] for i in self.values[self.places :]]
        return names[self.places or self.numbered :]


def columns_of(cells: list[str], request: Request, name: str, *, alone: bool) -> Columns:
    """Return which columns are read of a table whose first row is ``cells``; ``alone``: it is the only row.

    Raises:
        ConfigError: a column that is asked for is not there.
    """
    header, remark = _header(cells, alone=alone)
    if request.columns is not None:
        return Columns(header, picked(request.columns, cells, header, name), remark=remark)
    if _is_own(cells, request):
        return _own(cells, request, name)
    if header and _counts_rows(cells):
        column = repr(cells[0].strip()) if cells[0].strip() else "without a name"
        remark = f"the first column, {column}, counts the rows and is left out"
        return Columns(header, numbered=True, remark=remark)
    return Columns(header, remark=remark)


def _header(cells: list[str], *, alone: bool) -> tuple[bool, str | None]:
    """Return whether the first row is a header, and the remark where that is taken for granted."""
    if not any(map(is_number, cells)) and any(map(_LETTER.search, cells)):
        return True, None
    if _counts_rows(cells):
        return _counts_up(cells[1:]), None
    if not alone and counts_up(cells):
        return True, f"its first line, 0 to {len(cells) - 1}, is taken for a header"
    return False, None


def _counts_rows(cells: list[str]) -> bool:
    """Whether the first column is called as one that numbers the rows."""
    return cells[0].strip().lower() in INDEX and len(cells) > 1


def cells_of(row: str, delimiter: str = ",") -> list[str]:
    """Return the cells of a row."""
    try:
        return next(csv.reader(io.StringIO(row, newline="\n"), delimiter=delimiter), [])
    except csv.Error:  # a cell without end, or a carriage return outside of quotes
        return row.split(delimiter)


def counts_up(cells: list[str]) -> bool:
    """Whether cells are 0, 1, … n−1, as pandas names columns that have no names."""
    return len(cells) > 1 and _counts_up(cells)  # a single 0 is a number


def _counts_up(cells: list[str]) -> bool:
    return all(cell.strip() == str(i) for i, cell in enumerate(cells))


def is_number(cell: str) -> bool:
    """Whether the text of a cell is a number."""
    try:
        float(cell.strip())
    except ValueError:
        return False
    return "_" not in cell


def picked(asked: str, cells: list[str], header: bool, name: str) -> tuple[int, ...]:
    """Return the columns that names, positions and slices with commas between them ask for."""
    names = [cell.strip() for cell in cells] if header else []
    picked: list[int] = []
    for part in cells_of(asked):
        part = part.strip()
        if names.count(part) > 1:
            raise ConfigError(f"{name}: --columns: {part!r} names {names.count(part)} columns")
        if part in names:
            picked.append(names.index(part))
        elif _SLICE.fullmatch(part):
            picked += _positions(part, len(cells), name)
        else:
            found = listed(map(repr, names), 8) if header else f"{len(cells)} without names"
            raise ConfigError(f"{name}: --columns: no column {part!r}: found {found}")
    if not picked:
        raise ConfigError(f"{name}: --columns {asked!r} picks none of the {len(cells)} columns")
    return tuple(picked)


def _positions(part: str, width: int, name: str) -> range:
    """Return the columns that a position, or a slice, stands for."""
    numbers = [int(number) if number else None for number in part.split(":")]
    if len(numbers) == 3 and numbers[2] == 0:
        raise ConfigError(f"{name}: --columns: expected a step that is not 0, found {part!r}")
    if len(numbers) > 1:
        return range(width)[slice(*numbers)]
    at = numbers[0] or 0
    if not -width <= at < width:
        raise ConfigError(f"{name}: --columns: no column {at}: there are {width} (0 to {width - 1})")
    return range(at % width, at % width + 1)


def _is_own(cells: list[str], request: Request) -> bool:
    """Whether a header is one that densecli prints, or, where outputs are read, like one."""
    if request.outputs and cells[0] == "sample" and any(map(_OWN.fullmatch, cells)):
        return True
    places = cells[: cells.index("class")] if "class" in cells else []
    return places != [] and places == axis_names(len(places))


def _own(cells: list[str], request: Request, name: str) -> Columns:
    """Return where a header of densecli's own has what."""
    places = cells.index("class") if "class" in cells else 1
    if "top1" in cells:
        raise only_likeliest(name)
    if request.values == "classes":
        raise ConfigError(
            f"{name}: holds the class of one row a line, expected an array of classes",
            hint="print it with -f json, npy or npz",
        )
    expected = [_VALUES[values] for values in outputs_of(request)]
    for prefix in expected:
        values = [i for i, cell in enumerate(cells) if re.fullmatch(rf"{prefix}\d+", cell)]
        values = values or [i for i, cell in enumerate(cells) if cell.startswith(f"{prefix}_")]
        if values:
            return Columns(True, (*range(places), *values), places)
    others = listed(cells[1:], 8)
    raise ConfigError(
        f"{name}: expected columns {expected[0]}0, {expected[0]}1, … beside sample, found {others}"
    )
