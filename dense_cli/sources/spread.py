"""The blocks of a source in parts, which workers compute: what they are given, and what they give back.

In: a source, and what is computed of each of its blocks. Out: a `Job`, which goes to every worker once, and
parts of the source, of which each is a task. Workers read the rows of a part by themselves where they have
the file, the same by its size and time; else the rows travel. Nothing here knows who the workers are.
"""

from __future__ import annotations

import math
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from dense_cli import __version__, blas
from dense_cli.errors import DenseCliError
from dense_cli.sources.arrays import in_memory
from dense_cli.sources.source import Block, Cut, Held

T = TypeVar("T")
Start = Callable[[], Callable[[Any], T]]
"""Gives what computes blocks, once for each part: it may hold memory that the blocks share."""

_BLOCKS = 8  # of a part at least, so that a task is worth sending
_READ = 8 << 20  # bytes of a part, where its blocks are small
_SENT = 16 << 20  # bytes of the results of a part at most


class Rows(Protocol):
    """What has blocks: a `Source`, or two side by side."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of its numbers."""

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Its shape, features last."""

    def blocks(self, rows: int) -> Iterator[Any]:
        """Give all rows in blocks."""


class Spread(Protocol):
    """Computes the blocks of a source somewhere else, and gives the results in order."""

    def __call__(self, start: Start[T], source: Rows, rows: int, sent: int, unit: int = 1) -> Iterator[T]:
        """Give what ``start()`` gives of every block of ``rows``, each of about ``sent`` bytes.

        ``unit``: parts begin at multiples of so many rows, too.
        """


def each(
    start: Start[T], source: Rows, rows: int, spread: Spread | None = None, sent: int = 0
) -> Iterator[T]:
    """Give what is computed of every block of a source, in order: here, or where ``spread`` does it."""
    if spread is None:
        return map(start(), source.blocks(rows))
    return spread(start, source, rows, sent)


class Done(NamedTuple):
    """What a worker made of a part: a value a block, up to an error; ``unread``: it has not the file."""

    values: list[Any]
    error: Exception | None = None
    unread: bool = False


class Job:
    """What every worker needs once: what is computed, and the source if it can be read anywhere else.

    Args:
        start: gives what computes the blocks.
        source: whose blocks these are.
        rows: of a block.
    """

    def __init__(self, start: Start[Any], source: Any, rows: int) -> None:
        self.start = start
        self.rows = rows
        self.version = __version__
        self.packed = _packed(source)
        self._own = threading.local()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_own"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._own = threading.local()

    def __call__(self, part: Cut | Any) -> Done:
        """Compute the blocks of a part: of a cut, or of a source that has come with it."""
        if self.version != __version__:
            return Done([], DenseCliError(_other_version(self.version)))
        values: list[Any] = []
        try:
            source = self._rows_of(part)
            with blas.one_thread():
                one = self.start()
                for block in source.blocks(self.rows):
                    values.append(one(block))
        except OSError as error:
            return Done([], error, unread=isinstance(part, Cut))
        except DenseCliError as error:
            return Done(values, error)
        return Done(values)

    def error_here(self, source: Any, part: Any) -> Exception | None:
        """Return the error of a part as one process has it: by the names that files have here."""
        try:
            return self(source.held(part, self.rows) if isinstance(part, Cut) else part).error
        except (DenseCliError, OSError) as error:
            return error

    def _rows_of(self, part: Any) -> Any:
        """Return the source of a part: a cut of the whole, rows that have come, or inputs of a model."""
        if isinstance(part, Cut):
            return self._source().between(part)
        return part if isinstance(part, Held) else self._source().through(part.inputs)

    def _source(self) -> Any:
        """Return the source, opened by this thread: what it keeps of a file is not shared.

        Raises:
            OSError: the file is not here, or is another one.
        """
        assert self.packed is not None
        if not hasattr(self._own, "source"):
            self._own.source = pickle.loads(self.packed)  # noqa: S301 - it was pickled by the client
        return self._own.source


def _packed(source: Any) -> bytes | None:
    """Return a source of files of which any part can be had, to be opened elsewhere; None of any other."""
    if not hasattr(source, "parts") or in_memory(source):
        return None
    try:
        return pickle.dumps(source)
    except (TypeError, AttributeError, OSError, pickle.PicklingError):
        return None


def parts(source: Any, rows: int, sent: int, unit: int = 1) -> Iterator[Cut | Held]:
    """Give the parts of a source, cut at multiples of a block, whoever computes them.

    Args:
        source: whose rows these are.
        rows: of a block.
        sent: about how many bytes the results of a block take.
        unit: parts begin at multiples of so many rows, too.
    """
    nbytes = rows * (source.shape[-1] or 1) * source.dtype.itemsize
    most = max(min(max(_BLOCKS, _READ // nbytes), _SENT // max(sent, 1)), 1)
    if hasattr(source, "parts"):
        whole = math.lcm(rows, unit)
        yield from source.parts(whole, max(rows * most // whole, 1))
        return
    read: list[Block] = []
    for block in source.blocks(rows):
        read.append(block)
        if len(read) == most or block.pause:
            yield Held(read, block.pause)
            read = []
    if read:
        yield Held(read)


def size_of(sent: int) -> int:
    """Return about how many bytes the results of a part take, where those of a block take ``sent``."""
    return min(sent * _BLOCKS, max(_SENT, sent))


def _other_version(version: str) -> str:
    return f"a worker has densecli {__version__}, and this is {version}: expected the same"
