"""The classes that rows should have: read from a file, and looked up by a row's place.

In: a file of class numbers or labels, in any of the formats. Out: `Targets`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import DtypeError, ShapeError
from dense_cli.sources.entries import entries, is_number
from dense_cli.sources.source import may_agree
from dense_cli.text import glimpse, shape_text


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
        own = self._shape()
        if may_agree(own, lead):
            return self
        shape = None if None in own else _reshaped([n or 0 for n in own], lead)
        if shape is None:
            raise ShapeError(
                f"{self.name}: expected one target for each class, shape {shape_text(lead)}, "
                f"found {shape_text(own)}"
            )
        return Targets.of(self.name, self.values.reshape(shape), self.ignore)

    def _shape(self) -> tuple[int | None, ...]:
        """Return the shape; of samples that differ in theirs, None stands for all but their number."""
        regular = len(self.shapes) and (self.shapes == self.shapes[0]).all()
        return (len(self.shapes), *self.shapes[0].tolist()) if regular else (len(self.shapes), None)

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
        targets = np.full(len(places), -1, np.int64)
        counts = np.ones(len(places), bool) if mask is None else mask
        at = places[counts]
        beyond = at[:, 0] >= len(self.shapes)
        shapes = self.shapes[np.where(beyond, 0, at[:, 0])]
        beyond |= (at[:, 1:] >= shapes).any(axis=1)
        if beyond.any():
            raise ShapeError(f"{self.name}: no target for {at[beyond.argmax()].tolist()}")
        values = self._at(at, shapes)
        ignored = np.zeros(len(values), bool) if self.ignore is None else values == self.ignore
        wrong = ~ignored & ((values < 0) | (values >= classes))
        if wrong.any():
            first = int(wrong.argmax())
            raise DtypeError(
                f"{self.name}: expected a class from 0 to {classes - 1}, found {values[first]} "
                f"at {at[first].tolist()}",
                hint=f"if it marks padding: --ignore-index {values[first]}",
            )
        targets[counts] = np.where(ignored, -1, values)
        return targets

    def near(self, places: NDArray[np.int64], axis: int, offset: int) -> NDArray[np.int64]:
        """Return the target so far along an axis from each place (rows, axes), -1 where there is none."""
        at = places.copy()
        at[:, axis] += offset
        known = (at[:, 0] >= 0) & (at[:, 0] < len(self.shapes))
        shapes = self.shapes[np.where(known, at[:, 0], 0)]
        known &= ((at[:, 1:] >= 0) & (at[:, 1:] < shapes)).all(axis=1)
        targets = np.full(len(places), -1, np.int64)
        targets[known] = self._at(at[known], shapes[known])
        return np.where((targets < 0) | (targets == self.ignore), -1, targets)

    def _at(self, at: NDArray[np.int64], shapes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the targets at places (rows, axes) of samples of these shapes (rows, axes - 1)."""
        index = np.zeros(len(at), np.int64)
        for axis in range(shapes.shape[1]):
            index = index * shapes[:, axis] + at[:, 1 + axis]
        return np.asarray(self.values[self.offsets[at[:, 0]] + index])

    def count_from_1(self, classes: int) -> bool:
        """Whether the targets are numbers from 1 to ``classes``, in place of 0 to ``classes`` - 1."""
        values = self.values if self.ignore is None else self.values[self.values != self.ignore]
        return bool(len(values) and values.min() >= 1 and values.max() == classes)


def load_targets(
    given: str | Sequence[str], labels: list[str] | None = None, ignore: int | None = None
) -> Targets:
    """Return the targets of a file, or of several: class numbers, or with ``labels`` names of classes.

    A folder stands for the files in it. A file is an NPY or NPZ array, JSON (a nested list), JSON Lines (one
    sample per line), or text with one sample per line and commas between its time steps.

    Raises:
        DtypeError: something that is neither a class number nor a label.
        ShapeError: an empty file, or samples that differ in more than their time steps.
        FileFormatError, OSError: it cannot be read.
    """
    from dense_cli.sources.paths import files_of

    parts = [_of_file(path, labels, ignore) for path in files_of(given)]
    return parts[0] if len(parts) == 1 else _joined(parts)


def _joined(parts: list[Targets]) -> Targets:
    """Return the targets of files one after another; those of a single sample may lack its axis."""
    rank = max(part.shapes.shape[1] for part in parts)
    shapes = []
    for part in parts:
        own = part.shapes.shape[1]
        if own < rank - 1 or (own < rank and own):
            raise ShapeError(f"{part.name}: expected targets of rank {rank + 1}, found rank {own + 1}")
        shapes.append(part.shapes if own == rank else np.array([[len(part.values)]], np.int64))
    sizes = np.prod(np.concatenate(shapes), axis=1)
    offsets = np.cumsum(sizes) - sizes
    values = np.concatenate([part.values for part in parts])
    name = f"{parts[0].name} … {parts[-1].name}"
    return Targets(name, values, offsets, np.concatenate(shapes), parts[0].ignore)


def _of_file(path: str, labels: list[str] | None, ignore: int | None) -> Targets:
    from dense_cli.files.stream import BOM, decoded, open_stream
    from dense_cli.sources.open import read_source
    from dense_cli.sources.whole import read_array

    stream = open_stream(path)
    if not stream.peek(6).startswith((b"\x93NUMPY", b"PK\x03\x04")):
        with stream.file:
            text = stream.text()
        decoded(text, path)
        gathered = _Gathered(path, labels)
        for some in entries(text.removeprefix(BOM), path):
            gathered.add(some)
        return gathered.targets(ignore)
    array = read_array(read_source(stream))
    with np.errstate(over="ignore", invalid="ignore"):  # float16 has no 2**62; a NaN may be signalling
        wrong = ~((array == np.floor(array)) & (array > -(2**62)) & (array < 2**62))
    if wrong.any():
        raise DtypeError(f"{path}: expected whole numbers (classes), found {array[wrong][0]}")
    return Targets.of(path, array.astype(np.int64), ignore)


class _Gathered:
    """The classes that entries of samples name, one after another, and the shape of each sample."""

    def __init__(self, name: str, labels: list[str] | None) -> None:
        self.name = name
        self.labels = _Labels.of(labels or [])
        self.values: list[NDArray[np.int64]] = []
        self.shapes: list[NDArray[np.int64]] = []
        self.samples = 0

    def add(self, samples: list[Any]) -> None:
        """Take the entries of further samples."""
        kinds = set(map(type, samples))
        if list not in kinds:
            self._take(samples, np.empty((len(samples), 0), np.int64))
        elif kinds == {list} and list not in set(map(type, chain.from_iterable(samples))):
            lengths = np.fromiter(map(len, samples), np.int64, len(samples))
            self._take(list(chain.from_iterable(samples)), lengths[:, None])
        else:
            for sample in samples:
                self._take_nested(sample)

    def _take_nested(self, sample: Any) -> None:
        try:
            array = np.array(sample, dtype=object)
        except ValueError:  # its lists differ in length
            array = np.empty(0, object)
        self._take(array.reshape(-1).tolist(), np.array([array.shape], np.int64))

    def _take(self, items: list[Any], shapes: NDArray[np.int64]) -> None:
        rank = (self.shapes or [shapes])[0].shape[1]
        if shapes.shape[1] != rank:
            raise ShapeError(
                f"{self.name}: sample {self.samples} has rank {shapes.shape[1]}, the first has rank {rank}"
            )
        values = _classes(items, self.labels)
        if values is None:
            samples = self.samples + np.repeat(np.arange(len(shapes)), np.prod(shapes, axis=1))
            wheres = (f"{self.name}: sample {i}" for i in samples.tolist())
            values = np.array(
                [_class(*both, self.labels) for both in zip(items, wheres, strict=True)], np.int64
            )
        self.values.append(values)
        self.shapes.append(shapes)
        self.samples += len(shapes)

    def targets(self, ignore: int | None) -> Targets:
        """Return all that was taken."""
        if not self.samples:
            raise ShapeError(f"{self.name}: expected targets, found none")
        values, shapes = np.concatenate(self.values), np.concatenate(self.shapes)
        if (shapes == shapes[0]).all():
            return Targets.of(self.name, values.reshape(len(shapes), *shapes[0].tolist()), ignore)
        sizes = np.prod(shapes, axis=1)
        return Targets(self.name, values, np.cumsum(sizes) - sizes, shapes, ignore)


class _Labels(NamedTuple):
    """The class of each label, and a second one of those that several classes share."""

    numbers: dict[str, int]
    shared: dict[str, int]

    @classmethod
    def of(cls, labels: list[str]) -> _Labels:
        numbers: dict[str, int] = {}
        shared = {label: i for i, label in enumerate(labels) if numbers.setdefault(label, i) != i}
        return cls(numbers, shared)


def _classes(items: list[Any], labels: _Labels) -> NDArray[np.int64] | None:
    """Return items of one kind as classes, fast; None where they are not, or one of them is none."""
    kinds = set(map(type, items))
    try:
        if kinds <= {int}:
            return np.array(items, np.int64)
        if kinds == {str} and labels.shared.keys().isdisjoint(items):
            classes = list(map(labels.numbers.get, items))
            if None not in classes:
                return np.array(classes, np.int64)
            digits = "".join(items).replace("-", "").replace(" ", "")
            if classes.count(None) == len(classes) and digits.isdecimal() and max(map(len, items)) < 19:
                return np.array(list(map(int, items)), np.int64)
    except (ValueError, OverflowError):  # "1-2", or beyond 64 bits
        pass
    return None


def _class(item: Any, where: str, labels: _Labels) -> int:
    number = _of_text(item, where, labels) if isinstance(item, str) else _of_number(item)
    if number is None:
        expected = "a class number or a label" if labels.numbers else "a class number"
        unnamed = isinstance(item, str) and not labels.numbers
        raise DtypeError(
            f"{where}: expected {expected}, found {glimpse(item)}",
            hint="names of classes need --labels FILE" if unnamed else None,
        )
    return number


def _of_text(text: str, where: str, labels: _Labels) -> int | None:
    """Return the class of a label, or of a text that is a number."""
    if text in labels.shared:
        both = f"{labels.numbers[text]} and {labels.shared[text]}"
        raise DtypeError(
            f"{where}: expected a label of one class, found {glimpse(text)} of the classes {both}",
            hint="targets may be class numbers",
        )
    if text in labels.numbers:
        return labels.numbers[text]
    return int(text.strip()) if is_number(text) else None  # strip takes more away than int does


def _of_number(item: Any) -> int | None:
    """Return an item as a class, None where it is no whole number that 64 bits hold."""
    if type(item) is int and -(2**63) <= item < 2**63:
        return item
    return int(item) if type(item) is float and item.is_integer() and abs(item) < 2**53 else None


def _reshaped(own: list[int], lead: tuple[int | None, ...]) -> Sequence[int] | None:
    """Return the shape in which targets fit classes of shape ``lead``, axes of 1 aside; None: in none."""
    if None in lead:
        return _likely(own, len(lead))
    same = [n for n in own if n != 1] == [n for n in lead if n != 1]
    return [n or 0 for n in lead] if same else None


def _likely(own: list[int], axes: int) -> tuple[int, ...] | None:
    """Return targets' shape in ``axes`` axes if they leave out that of a single sample, or add some of 1."""
    if len(own) + 1 == axes:
        return (1, *own)
    long = tuple(n for n in own if n != 1)
    return long if len(own) > axes == len(long) else None
