"""Lines of text that say whose name each is: a table, or a number before or after a name.

In: a text. Out: names and their numbers, or None where the text is none of these.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

from dense_cli.errors import FileFormatError
from dense_cli.limits import TEXT_COST, require_bytes

_NAME_COLUMNS = ("display_name", "name", "label")  # of a table, beside index
_FIRST = re.compile(r"(\d{1,9})(?:[:,][ \t]*|[ \t]+)(?=\S)", re.ASCII)  # before a name
_LAST = re.compile(r"\d{1,9}", re.ASCII)


def names_of_table(text: str, file: str) -> Iterator[tuple[str, Any]] | None:
    """Return the names and numbers of a CSV with the columns index and display_name, name or label.

    None where the first line is no header of one. A number that is none stays text.

    Raises:
        FileFormatError: as it is read, a line has too few columns, or is no line of a CSV.
    """
    columns = _columns(text.partition("\n")[0])
    return None if columns is None else _rows(text, columns, file)


def _columns(header: str) -> tuple[int, int] | None:
    """Return where a table has the index and the name."""
    try:
        cells = [cell.strip().lower() for cell in next(csv.reader([header]), [])]
    except csv.Error:
        return None
    names = [cells.index(name) for name in _NAME_COLUMNS if name in cells]
    return (cells.index("index"), names[0]) if "index" in cells and names else None


def _rows(text: str, columns: tuple[int, int], file: str) -> Iterator[tuple[str, Any]]:
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        next(rows)
        for cells in rows:
            if not cells:
                continue
            if len(cells) <= max(columns):
                raise FileFormatError(f"{file}: line {rows.line_num}: expected an index and a name")
            number = cells[columns[0]].strip()
            yield cells[columns[1]], int(number) if re.fullmatch(r"\d{1,18}", number, re.ASCII) else number
    except csv.Error as error:
        raise FileFormatError(f"{file}: line {rows.line_num}: {error}") from error


def names_of_numbered(text: str, file: str) -> dict[int, str] | None:
    """Return the names of lines that all have their class's number before or after a name.

    They are numbered through from 0, in any order, and the names differ: so "0 stars, 1 star, 2 stars" are
    names as they stand.

    Raises:
        SizeError: so many lines take more memory than is allowed.

    >>> names_of_numbered("0 cat\\n1 dog\\n", "labels.txt"), names_of_numbered("cat\\ndog\\n", "labels.txt")
    ({0: 'cat', 1: 'dog'}, None)
    """
    text = text.rstrip("\r\n")
    for split in (_number_first, _number_last):
        # Most texts are told by their first line, before there is a string for each.
        if "\n" not in text or split(text.partition("\n")[0].removesuffix("\r")) is None:
            continue
        require_bytes(len(text) * TEXT_COST, file, "the lines of such a text")
        names = _numbered_through(map(split, (line.removesuffix("\r") for line in text.split("\n"))))
        if names is not None:
            return names
    return None


def _numbered_through(pairs: Iterable[tuple[int, str] | None]) -> dict[int, str] | None:
    """Return names by number; None where a line has none, or where they are not 0, 1, …, each once."""
    names: dict[int, str] = {}
    for pair in pairs:
        if pair is None or pair[0] in names:
            return None
        names[pair[0]] = pair[1]
    return names if max(names) < len(names) == len(set(names.values())) else None


def _number_first(line: str) -> tuple[int, str] | None:
    """Split ``0 cat`` of Teachable Machine."""
    match = _FIRST.match(line)
    return None if match is None else (int(match[1]), line[match.end() :])


def _number_last(line: str) -> tuple[int, str] | None:
    """Split ``cat 0`` of Kaldi; the name of a space is one."""
    name, _, number = line.replace("\t", " ").rpartition(" ")
    if not name or not _LAST.fullmatch(number):
        return None
    return int(number), line[: len(name)].strip() or " "
