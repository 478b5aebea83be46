"""JSON Lines (https://jsonlines.org): one sample per line, read as it comes."""

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
    line = sample = 0
    rank: int | None = None
    features = axes = 0
    stated: bool | None = None
    error: DenseCliError | None = None
    while error is None:
        lines, pause = stream.lines()
        if not lines:
            if not sample:
                raise FileFormatError(
                    f"{stream.name}: no data: expected one sample per line, found an empty input"
                )
            return
        same = _of_one_shape(lines) if request.key is None and not stated else None
        if same is not None and (rank is None or (rank, features) == (same.ndim - 1, same.shape[-1])):
            stated = False
            rank, features, axes = same.ndim - 1, same.shape[-1], same.ndim - 1
            index = np.indices(same.shape[:-1], np.int64).reshape(axes, -1).T
            index[:, 0] += sample
            yield Chunk(same.reshape(-1, features), index, pause, whole=True)
            line, sample = line + len(lines), sample + len(same)
            continue
        xs: list[NDArray[Any]] = []
        places: list[Places] = []
        try:
            for text in lines:
                line += 1
                if line == 1:
                    text = text.removeprefix(BOM)
                if not text.strip():
                    continue
                x, place, name = _sample(text, stream.name, line, request)
                if rank is None:
                    rank, features = x.ndim, x.shape[-1]
                if x.ndim != rank or x.shape[-1] != features:
                    raise ShapeError(
                        f"{name}: shape {x.shape} differs from the first line's: "
                        f"expected rank {rank} with {features} features"
                    )
                at = _places(sample, x.shape[:-1]) if place is None else np.array([place])
                axes = axes or at.shape[1]
                x = x.reshape(-1, features).astype(np.float64, copy=False)
                stated = place is not None if stated is None else stated
                if at.shape[1] != axes or len(at) != len(x) or (place is not None) != stated:
                    raise ShapeError(f"{name}: expected a step with sample, t and index as on line 1")
                xs.append(x)
                places.append(at)
                sample += 1
        except DenseCliError as e:
            error = e  # the lines before it are given first
        if xs:
            # A line that is one step does not say whether its sample goes on.
            yield Chunk(np.concatenate(xs), np.concatenate(places), pause, not stated, bool(stated))
    raise error


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
