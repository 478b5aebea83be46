"""The classes that rows should have: read from a file, and looked up by a row's place."""

from __future__ import annotations

import csv
import io
import os
import reprlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import DtypeError, FileFormatError, ShapeError


class Targets(NamedTuple):
    """The class of every sample or time step.

    ``values`` holds them one after another; those of sample i begin at ``offsets[i]`` and have the
    shape ``shapes[i]``: () for a sample without time steps, else (time, …). Those equal to ``ignore``
    do not count.
    """

    name: str
    values: NDArray[np.int64]
    offsets: NDArray[np.int64]
    shapes: NDArray[np.int64]
    ignore: int | None = None

    @classmethod
    def of(cls, name: str, array: NDArray[np.int64], ignore: int | None = None) -> Targets:
        """Return the targets that an array of the shape of the classes holds."""
        inner = array.shape[1:]
        offsets = np.arange(len(array)) * int(np.prod(inner, dtype=np.int64))
        shapes = np.broadcast_to(np.array(inner, np.int64), (len(array), len(inner)))
        return cls(name, array.reshape(-1), offsets, shapes, ignore)

    def fit(self, lead: tuple[int | None, ...]) -> Targets:
        """Hold the targets against the shape of the classes; axes of one may be left out or be extra.

        Raises:
            ShapeError: they do not fit.
        """
        regular = len(self.shapes) and (self.shapes == self.shapes[0]).all()
        own = (len(self.shapes), *self.shapes[0].tolist()) if regular else (len(self.shapes), None)
        if len(own) == len(lead) and all(
            a is None or b is None or a == b for a, b in zip(own, lead, strict=True)
        ):
            return self
        if regular and None not in lead and [n for n in own if n != 1] == [n for n in lead if n != 1]:
            return Targets.of(self.name, self.values.reshape([n or 0 for n in lead]), self.ignore)
        raise ShapeError(
            f"{self.name}: expected one target for each class, shape {_shape(lead)}, found {_shape(own)}"
        )

    def rows(
        self, places: NDArray[np.int64], mask: NDArray[np.bool_] | None, classes: int
    ) -> NDArray[np.int64]:
        """Return the target of each row, -1 for one that does not count: padding, or the one to ignore.

        Args:
            places: (rows, axes), as a block gives them.
            mask: (rows,), False for padding.
            classes: how many there are.

        Raises:
            ShapeError: a row has no target.
            DtypeError: a target is not the number of a class.
        """
        found = np.full(len(places), -1, np.int64)
        counts = np.ones(len(places), bool) if mask is None else mask
        at = places[counts]
        beyond = at[:, 0] >= len(self.shapes)
        shapes = self.shapes[np.where(beyond, 0, at[:, 0])]
        beyond |= (at[:, 1:] >= shapes).any(axis=1)
        if beyond.any():
            raise ShapeError(f"{self.name}: no target for {at[beyond.argmax()].tolist()}")
        index = np.zeros(len(at), np.int64)
        for axis in range(shapes.shape[1]):
            index = index * shapes[:, axis] + at[:, 1 + axis]
        values = self.values[self.offsets[at[:, 0]] + index]
        ignored = np.zeros(len(values), bool) if self.ignore is None else values == self.ignore
        wrong = ~ignored & ((values < 0) | (values >= classes))
        if wrong.any():
            first = int(wrong.argmax())
            raise DtypeError(
                f"{self.name}: expected a class from 0 to {classes - 1}, found {values[first]} "
                f"at {at[first].tolist()}",
                hint=f"if it marks padding: --ignore-index {values[first]}",
            )
        found[counts] = np.where(ignored, -1, values)
        return found


def load_targets(path: str, labels: list[str] | None = None, ignore: int | None = None) -> Targets:
    """Return the targets of a file: class numbers, or with ``labels`` names of classes.

    A file is an NPY or NPZ array, JSON (a nested list), JSON Lines (one sample per line), or text with
    one sample per line and commas between its time steps.

    Raises:
        DtypeError: something that is neither a class number nor a label.
        ShapeError: an empty file, or samples that differ in more than their time steps.
        FileFormatError, OSError: it cannot be read.
    """
    from dense_cli.files.stream import open_stream
    from dense_cli.sources.whole import read_array

    stream = open_stream(path)
    if not stream.peek(6).startswith((b"\x93NUMPY", b"PK\x03\x04")):
        with stream.file:
            return _of_samples(path, _samples(stream.text(), path), labels, ignore)
    array = read_array(stream)
    with np.errstate(over="ignore", invalid="ignore"):  # float16 has no 2**62; a NaN may be signalling
        wrong = ~((array == np.floor(array)) & (array > -(2**62)) & (array < 2**62))
    if wrong.any():
        raise DtypeError(f"{path}: expected whole numbers (classes), found {array[wrong][0]}")
    return Targets.of(path, array.astype(np.int64), ignore)


def _samples(content: bytes, path: str) -> list[Any]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileFormatError(
            f"{path}: not UTF-8 text: byte {content[error.start]:#04x} at offset {error.start}"
        ) from error
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".json" or (suffix in ("", ".jsonl", ".ndjson") and text.lstrip()[:1] in ("[", "{")):
        return _parsed(text, path, suffix)
    if suffix in (".jsonl", ".ndjson"):
        return [
            _json(line, f"{path}: line {i}") for i, line in enumerate(text.splitlines(), 1) if line.strip()
        ]
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=None)) if line]
    except csv.Error as error:
        raise FileFormatError(f"{path}: not CSV: {error}") from error
    if lines and len(lines) > 1 and not any(map(_number, lines[0])) and all(map(_number, lines[1])):
        del lines[0]  # a header
    single = all(len(line) == 1 for line in lines)
    return [line[0] if single else line for line in lines]


def _parsed(text: str, path: str, suffix: str) -> list[Any]:
    lines = [line for line in text.splitlines() if line.strip()]
    if suffix != ".json" and len(lines) > 1 and lines[0].rstrip().endswith(("]", "}")):
        return [_json(line, f"{path}: line {i}") for i, line in enumerate(lines, 1)]
    value = _json(text, path)
    if not isinstance(value, list):
        raise FileFormatError(f"{path}: expected a nested list of classes, found {_glimpse(value)}")
    return value


def _json(text: str, where: str) -> Any:
    import orjson

    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise FileFormatError(f"{where}: not JSON: {error}") from error
    if isinstance(value, dict):  # as densecli writes it
        value = value.get("classes", value.get("class", value))
    return value


def _of_samples(name: str, samples: list[Any], labels: list[str] | None, ignore: int | None) -> Targets:
    if not samples:
        raise ShapeError(f"{name}: expected targets, found none")
    numbers = {} if labels is None else {label: i for i, label in reversed(list(enumerate(labels)))}
    values: list[int] = []
    offsets, shapes = [], []
    for i, sample in enumerate(samples):
        offsets.append(len(values))
        try:
            array = np.array(sample, dtype=object)
        except ValueError:
            array = np.empty(0, object)
        flat = array.reshape(-1).tolist()
        for item in flat:
            values.append(_class(item, numbers, ignore, f"{name}: sample {i}"))
        shapes.append(array.shape)
        if len(array.shape) != len(shapes[0]):
            raise ShapeError(f"{name}: sample {i} has rank {array.ndim}, the first has rank {len(shapes[0])}")
    return Targets(
        name,
        np.array(values, np.int64),
        np.array(offsets, np.int64),
        np.array(shapes, np.int64).reshape(len(shapes), -1),
        ignore,
    )


def _class(item: Any, numbers: dict[str, int], ignore: int | None, where: str) -> int:
    if isinstance(item, str):
        if item in numbers:
            return numbers[item]
        if _number(item):
            return int(item.strip())  # which strips more than int() does
    elif type(item) is int and -(2**63) <= item < 2**63:
        return item
    elif type(item) is float and item.is_integer() and abs(item) < 2**53:
        return int(item)
    expected = "a class number or a label" if numbers else "a class number"
    raise DtypeError(
        f"{where}: expected {expected}, found {_glimpse(item)}",
        hint=None if numbers or not isinstance(item, str) else "names of classes need --labels FILE",
    )


def _number(text: str) -> bool:
    text = text.strip()
    return text.removeprefix("-").isdecimal() and len(text) < 19


def _shape(shape: tuple[int | None, ...]) -> str:
    return (
        "(" + ", ".join("?" if n is None else str(n) for n in shape) + ("," if len(shape) == 1 else "") + ")"
    )


def _glimpse(value: object) -> str:
    text = repr(value[:40]) if isinstance(value, str) else reprlib.repr(value)  # of any depth
    return text if len(text) <= 60 else text[:59] + "…"
