"""Text with an entry for each sample (JSON, JSON Lines, CSV) → lists of entries, some thousands at a time.

Python's objects for a number take twenty times the bytes of its digits, so they are never all there at once.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

import numpy as np
import orjson

from dense_cli.errors import FileFormatError
from dense_cli.text import glimpse

_PIECE = 1 << 20  # bytes of text that are parsed together
_LINES = 1 << 16  # lines of CSV that are given together
_ARRAYS = "print targets with -f json, npy or npz, which hold them in order"
_COMMA, _OPENING, _CLOSING = b",[]"


def entries(text: bytes, name: str) -> Iterator[list[Any]]:
    """Give what a text says of one sample after another: a number, a string, or nested lists of them.

    A text is JSON (a list, or an object as densecli writes it), JSON Lines or CSV by the suffix of its
    name, else by its first character.

    Raises:
        FileFormatError: it is not in its format; the message has the line.
    """
    suffix = os.path.splitext(name)[1].lower()
    json = text.lstrip()[:1] in (b"[", b"{")
    if suffix == ".json":
        return _items(text, name)
    if suffix in (".jsonl", ".ndjson"):
        document = json and b"\n" in text.strip() and not _is_lines(text)
        return _items(text, name) if document else _lines(text, name)
    if not suffix and json:
        return _lines(text, name) if _is_lines(text) else _items(text, name)
    return _rows(text, name, "\t" if suffix in (".tsv", ".tab") else ",")


def _is_lines(text: bytes) -> bool:
    """Whether the first line of a JSON text is a value of its own, and another line follows."""
    match = re.match(rb"\s*([^\n]*)\n\s*\S", text)
    return match is not None and match[1].rstrip().endswith((b"]", b"}"))


def _items(text: bytes, name: str) -> Iterator[list[Any]]:
    """Give the items of a JSON list: its text is cut between them and parsed piece by piece."""
    text = text.strip()
    if not text.startswith(b"[") or b'"' in text:  # within strings, brackets and commas say nothing
        value = _parsed(text, name)
        if not isinstance(value, list):
            raise FileFormatError(f"{name}: expected a nested list of classes, found {glimpse(value)}")
        yield value
        return
    depth, start = 0, 1
    try:
        for at in range(0, len(text), _PIECE):
            codes = np.frombuffer(text, np.uint8, min(_PIECE, len(text) - at), at)
            steps = (codes == _OPENING).astype(np.int8) - (codes == _CLOSING)
            depths = depth + np.cumsum(steps, dtype=np.int64)
            depth = int(depths[-1])
            between = np.flatnonzero((codes == _COMMA) & (depths == 1))
            if len(between):
                end = at + int(between[-1])
                # With a further item, so that a piece without any is as wrong as it is in the whole text.
                yield orjson.loads(b"[%b,0]" % text[start:end])[:-1]
                start = end + 1
        yield orjson.loads(b"[%b" % text[1:]) if start == 1 else orjson.loads(b"[0,%b" % text[start:])[1:]
    except orjson.JSONDecodeError:
        _parsed(text, name)  # which says where in the whole text
        raise


def _lines(text: bytes, name: str) -> Iterator[list[Any]]:
    """Give the values of JSON Lines; blank lines are none."""
    file = io.BytesIO(text)
    number = samples = 0
    while lines := file.readlines(_PIECE):
        values = _values(lines, number, name)
        for sample, value in enumerate(values, samples):
            if isinstance(value, dict):
                _require_sample(value, sample, name)
        yield [_classes(value) if isinstance(value, dict) else value for value in values]
        number, samples = number + len(lines), samples + len(values)


def _values(lines: list[bytes], number: int, name: str) -> list[Any]:
    """Return the values of lines that are not blank; ``number`` lines stand before them."""
    try:
        return [orjson.loads(line) for line in lines if not line.isspace()]
    except orjson.JSONDecodeError:
        for i, line in enumerate(lines, number + 1):
            if not line.isspace():
                _parsed(line, f"{name}: line {i}")
        raise


def _require_sample(value: dict[str, Any], sample: int, name: str) -> None:
    """Refuse a line that states another sample than the next, or a time step."""
    if "t" in value or value.get("sample", sample) != sample:
        stated = ", ".join(f"{key} {glimpse(value[key])}" for key in ("sample", "t") if key in value)
        raise FileFormatError(
            f"{name}: expected a line for each sample, found {stated} in place of sample {sample}",
            hint=_ARRAYS,
        )


def _rows(text: bytes, name: str, delimiter: str) -> Iterator[list[Any]]:
    """Give the cells of each line of CSV or TSV, or the one cell where no line has more, without a header."""

    def lines() -> Iterator[list[str]]:  # that are not blank
        lines = io.TextIOWrapper(io.BytesIO(text), "utf-8", newline=None)
        return filter(None, csv.reader(lines, delimiter=delimiter))

    try:
        single = delimiter.encode() not in text or all(len(line) == 1 for line in lines())
        rows = lines()
        rows = chain(_without_header(list(islice(rows, 2)), name), rows)
        while some := list(islice(rows, _LINES)):
            yield [line[0] for line in some] if single else some
    except csv.Error as error:
        raise FileFormatError(f"{name}: not CSV: {error}") from error


def _without_header(rows: list[list[str]], name: str) -> list[list[str]]:
    """Return the first two rows without the first where it holds names alone, and the second numbers."""
    if rows and rows[0][0] == "sample" and "class" in rows[0]:  # as densecli prints it
        raise FileFormatError(
            f"{name}: expected a line for each sample, found a table of {', '.join(rows[0][:3])}",
            hint=_ARRAYS,
        )
    header = len(rows) > 1 and not any(map(is_number, rows[0])) and all(map(is_number, rows[1]))
    return rows[1:] if header else rows


def is_number(text: str) -> bool:
    """Whether a text is a whole number that 64 bits hold."""
    text = text.strip()
    return text.removeprefix("-").isdecimal() and len(text) < 19


def _parsed(text: bytes, where: str) -> Any:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise FileFormatError(f"{where}: not JSON: {error}") from error
    return _classes(value) if isinstance(value, dict) else value


def _classes(value: dict[str, Any]) -> Any:
    """Return the classes of an object that densecli wrote."""
    return value.get("classes", value.get("class", value))
