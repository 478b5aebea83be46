"""JSON Lines (https://jsonlines.org): one sample per line, read as it comes.

In: a stream of text. Out: a `StreamSource`. Lines that come together are read as one array where they are
lists of one shape, which is usual and fast; else each line is parsed by itself, and an error names it.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, DenseCliError, DtypeError, FileFormatError, ShapeError
from dense_cli.files.json import parse
from dense_cli.files.nested import to_array
from dense_cli.files.stream import BOM, ByteStream
from dense_cli.sources.choose import OUTPUTS
from dense_cli.sources.json import member
from dense_cli.sources.open import Request
from dense_cli.sources.source import Chunk, Places, Source
from dense_cli.sources.streamed import StreamSource


def read(stream: ByteStream, request: Request) -> Source:
    """Read one sample per line: a list of features, or of time steps; or an object that holds one.

    A line may also be one row, as densecli prints it: its numbers ``sample``, ``t`` and ``index`` say where
    it stands. With ``request.outputs`` ``sample`` alone says that it is.
    """
    return StreamSource(stream.name, np.dtype(np.float64), _chunks(stream, request), memory=stream.memory)


def _chunks(stream: ByteStream, request: Request) -> Iterator[Chunk]:
    samples = _Samples(stream.name, request)
    while samples.error is None:
        lines, pause = stream.lines()
        if not lines:
            if not samples.count:
                raise FileFormatError(
                    f"{stream.name}: no data: expected one sample per line, found an empty input"
                )
            return
        chunk = samples.alike(lines, pause) or samples.one_by_one(lines, pause)
        if chunk is not None:
            yield chunk
    raise samples.error


class _Samples:
    """Lines → chunks; keeps what the first line says that the others must be like.

    Attributes:
        count: how many samples (or rows that state their place) there have been.
        error: what is wrong with a line, once the lines before it are returned.
    """

    def __init__(self, name: str, request: Request) -> None:
        self.name = name
        self.request = request
        self.count = 0
        self.error: DenseCliError | None = None
        self._line = 0
        self._rank: int | None = None  # of a sample; None before the first
        self._features = 0
        self._axes = 0  # of a place
        self._stated: bool | None = None  # whether lines state their places

    def alike(self, lines: list[bytes], pause: bool) -> Chunk | None:
        """Return lines that are all lists of one shape as one chunk; None: they are to be read one by one."""
        if self.request.key is not None or self._stated:
            return None
        x = _of_one_shape(lines)
        if x is None or (self._rank, self._features) not in ((None, 0), (x.ndim - 1, x.shape[-1])):
            return None
        self._stated = False
        self._rank = self._axes = x.ndim - 1
        self._features = x.shape[-1]
        places = np.indices(x.shape[:-1], np.int64).reshape(self._axes, -1).T
        places[:, 0] += self.count
        self._line += len(lines)
        self.count += len(x)
        return Chunk(x.reshape(-1, self._features), places, pause, whole=True)

    def one_by_one(self, lines: list[bytes], pause: bool) -> Chunk | None:
        """Return lines of any kind as one chunk; None where none stands before a fault, or all are blank."""
        rows: list[NDArray[Any]] = []
        places: list[Places] = []
        try:
            for text in lines:
                self._line += 1
                if self._line == 1:
                    text = text.removeprefix(BOM)
                if text.strip():
                    x, at = self._sample(text)
                    rows.append(x)
                    places.append(at)
                    self.count += 1
        except DenseCliError as error:
            self.error = error
        if not rows:
            return None
        # A line that is one step does not say whether its sample goes on.
        return Chunk(
            np.concatenate(rows), np.concatenate(places), pause, not self._stated, bool(self._stated)
        )

    def _sample(self, text: bytes) -> tuple[NDArray[Any], Places]:
        """Return the rows of a line and their places."""
        x, place, name = _sample(text, self.name, self._line, self.request)
        if self._rank is None:
            self._rank, self._features = x.ndim, x.shape[-1]
        if x.ndim != self._rank or x.shape[-1] != self._features:
            raise ShapeError(
                f"{name}: shape {x.shape} differs from the first line's: "
                f"expected rank {self._rank} with {self._features} features"
            )
        places = _places(self.count, x.shape[:-1]) if place is None else np.array([place])
        x = x.reshape(-1, self._features).astype(np.float64, copy=False)
        self._axes = self._axes or places.shape[1]
        self._stated = place is not None if self._stated is None else self._stated
        same = places.shape[1] == self._axes and (place is not None) == self._stated
        if not same or len(places) != len(x):
            raise ShapeError(f"{name}: expected a step with sample, t and index as on line 1")
        return x, places


def _of_one_shape(lines: list[bytes]) -> NDArray[np.float64] | None:
    """Return lines that are all lists of one shape as one array, else None: then each is looked at.

    This is the hot path: one conversion for all lines, and what is wrong shows in the dtype.
    """
    if not lines[0].startswith(b"["):
        return None
    try:
        x = np.array([orjson.loads(text) for text in lines])
    except ValueError:  # not JSON, or lists of differing lengths
        return None
    return x.astype(np.float64, copy=False) if x.dtype.kind in "fiub" and x.ndim > 1 and x.size else None


def _sample(
    text: bytes, file: str, line: int, request: Request
) -> tuple[NDArray[Any], list[int] | None, str]:
    """Return the array of a line, the place it names if it does, and its name in messages."""
    name = f"{file}: line {line}"
    value = parse(text, file, line=line)
    place: list[int] | None = None
    if isinstance(value, dict):
        if _is_own(value):
            request = request._replace(outputs=True)
        if request.outputs and "sample" in value:
            place = _place(value, name)
        value, name = member(value, request, name)
    elif request.key is not None:
        raise ConfigError(f"{name}: --key {request.key}: expected an object")
    return to_array(value, name, nulls=place is not None), place, name


def _is_own(value: dict[str, Any]) -> bool:
    """Whether a line is one that densecli prints."""
    return "sample" in value and "class" in value and any(name in value for name in (*OUTPUTS, "top"))


def _places(sample: int, lead: tuple[int, ...]) -> Places:
    if not lead:
        return np.array([[sample]])
    steps = np.indices(lead).reshape(len(lead), -1).T
    return np.concatenate([np.full((len(steps), 1), sample), steps], axis=1)


def _place(value: dict[str, Any], name: str) -> list[int]:
    index = value.get("index", [])
    place = [
        value["sample"],
        *([value["t"]] if "t" in value else []),
        *(index if type(index) is list else [None]),
    ]
    if not all(type(n) is int and 0 <= n < 2**62 for n in place):
        raise DtypeError(
            f"{name}: expected whole numbers for sample, t and index, found {reprlib.repr(place)}"
        )
    return place
