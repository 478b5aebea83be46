"""What every reader of files gives: arrays with known names and shapes, whose numbers are not yet read."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import SizeError
from dense_cli.files.dtypes import BITS, widen
from dense_cli.files.stream import File
from dense_cli.limits import require_bytes

_BOMB_BYTES = 64 << 20
_BOMB_RATIO = 200  # float weights compress by less than 2, zeros by deflate's limit of about 1000

Rows = slice | NDArray[np.int64]
ReadInto = Callable[[NDArray[Any]], int]


@dataclass(frozen=True)
class Tensor:
    """One array of a file, as its header describes it.

    Attributes:
        name: what the file calls it.
        shape: its shape.
        dtype: the dtype of its numbers in the file, by NumPy's name; also bfloat16 and the kinds of float8.
        read: gives all of it; numbers that NumPy has no dtype for (bfloat16, float8) as float32.
        stored: how many bytes it takes in the file, where that may differ from its size.
        rows: gives some of the rows along its last axis, (rows, features), as they stand in C order: a slice
            with a start and a stop, or row numbers. None where no part can be had without the whole.
        stream: opens the numbers to be read from the first to the last, in C order, into one array after
            another; the function that it returns says how many bytes were there. For what is compressed.
        order: how it lies in the file, ``"C"`` or ``"Fortran"``; None where it lies there otherwise.
        byte_order: ``"little"`` or ``"big"``; None where a number is one byte, or no bytes.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], NDArray[Any]] = field(repr=False, compare=False)
    stored: int | None = None
    rows: Callable[[Rows], NDArray[Any]] | None = field(default=None, repr=False, compare=False)
    stream: Callable[[], ReadInto] | None = field(default=None, repr=False, compare=False)
    order: str | None = None
    byte_order: str | None = None

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    @property
    def numbers(self) -> np.dtype[Any]:
        """The dtype of the numbers that are given."""
        if self.dtype in BITS:
            return np.dtype(np.float32)
        return np.dtype(self.dtype).newbyteorder(">" if self.byte_order == "big" else "<")


class Tensors(Mapping[str, Tensor]):
    """The tensors of a file by their names; the header of each is looked at when it is asked for."""

    def __init__(self, names: Iterable[str], describe: Callable[[str], Tensor]) -> None:
        self._names = dict.fromkeys(names)
        self._describe = describe

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._names:
            raise KeyError(name)
        return self._describe(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True)
class Extent:
    """Numbers that stand one after another in a file.

    They are read rather than mapped: a mapped file that shrinks ends the process with SIGBUS, one that
    another process writes anew changes what was read before, and its pages count as this process's memory.
    """

    file: File
    offset: int
    shape: tuple[int, ...]
    dtype: str
    byte_order: Literal["<", ">"] = "<"
    order: Literal["C", "F"] = "C"

    @classmethod
    def of(
        cls,
        file: File,
        offset: int,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        order: Literal["C", "F"] = "C",
    ) -> Extent:
        """Return numbers of a NumPy dtype."""
        big = dtype.byteorder == ">" or (dtype.byteorder == "=" and sys.byteorder == "big")
        return cls(file, offset, shape, dtype.newbyteorder("=").name, ">" if big else "<", order)

    @property
    def stored(self) -> np.dtype[Any]:
        """The dtype of the numbers as they stand in the file."""
        return np.dtype(BITS.get(self.dtype, self.dtype)).newbyteorder(self.byte_order)

    @property
    def nbytes(self) -> int:
        """How many bytes they take in the file."""
        return math.prod(self.shape) * self.stored.itemsize

    def place(self, row: int) -> int:
        """Return where in the file a row along the last axis begins."""
        return self.offset + row * self.shape[-1] * self.stored.itemsize

    def bytes(self) -> NDArray[Any]:
        """Return all numbers as they stand in the file."""
        flat = np.empty(math.prod(self.shape), self.stored)
        self.file.fill(flat, self.offset)
        return flat

    def read(self) -> NDArray[Any]:
        """Return the array."""
        return self.shaped(self.bytes())

    def shaped(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """Return all numbers as they stand in the file as the array."""
        return widen(numbers, self.dtype).reshape(self.shape, order=self.order)

    def rows(self, wanted: Rows) -> NDArray[Any]:
        """Return some rows of an array in C order, (rows, features)."""
        features = self.shape[-1]
        size = features * self.stored.itemsize
        if isinstance(wanted, slice):
            return widen(self.stored_rows(wanted), self.dtype)
        # One read for each run of rows that follow each other in the file: a loop that must be lean.
        begins = np.flatnonzero(np.diff(wanted, prepend=-2) != 1)
        lengths = np.diff(begins, append=len(wanted)) * size
        places = self.offset + wanted[begins] * size
        data = self.file.runs(lengths.tolist(), places.tolist())
        return widen(np.frombuffer(data, self.stored).reshape(len(wanted), features), self.dtype)

    def stored_rows(self, wanted: slice) -> NDArray[Any]:
        """Return a slice of the rows as they stand in the file."""
        out = np.empty((wanted.stop - wanted.start, self.shape[-1]), self.stored)
        self.file.fill(out, self.place(wanted.start))
        return out

    def tensor(self, name: str, stored: int | None = None) -> Tensor:
        """Return it under a name."""
        one_byte = self.stored.itemsize == 1
        return Tensor(
            name,
            self.shape,
            self.dtype,
            self.read,
            stored,
            self.rows if self.order == "C" and self.shape else None,
            order="C" if self.order == "C" else "Fortran",
            byte_order=None if one_byte else {"<": "little", ">": "big"}[self.byte_order],
        )


def require_size(tensor: Tensor, file: str, memory: int | None) -> None:
    """Refuse a tensor that takes too much memory, or that a few stored bytes inflate to.

    Raises:
        SizeError: it is over ``memory`` and 4 GiB, or looks like a decompression bomb.
    """
    nbytes = tensor.size * (8 if tensor.dtype == "float64" else 4)
    where, what = f"{file}: {tensor.name}", f"shape {tensor.shape}"
    require_bytes(nbytes, where, what, memory)
    if tensor.stored is not None:
        require_inflated(nbytes, tensor.stored, where, what, memory)


def require_inflated(nbytes: int, stored: int, where: str, what: str, memory: int | None) -> None:
    """Refuse ``nbytes`` that so few ``stored`` bytes of a file stand for that they look like a bomb."""
    if is_inflated(nbytes, stored, memory):
        raise SizeError(
            f"{where}: {what} inflates {stored} stored bytes to the size of {nbytes}: a decompression bomb?",
            hint="allow it with --memory",
        )


def is_inflated(nbytes: int, stored: int, memory: int | None) -> bool:
    """Whether so few ``stored`` bytes stand for ``nbytes`` that they look like a decompression bomb."""
    return nbytes > max(_BOMB_BYTES, _BOMB_RATIO * stored, memory or 0)
