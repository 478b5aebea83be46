"""Zarr: a folder of arrays, each in chunks of which every one is a file, or a part of one (a shard).

Chunks are looked for by their numbers alone, inside the folder of their array; those that are not stored have
the array's fill value, which `note` is told. Nothing is unpickled: arrays of objects are refused.

The formats: https://zarr-specs.readthedocs.io/en/latest/specs.html
"""

from __future__ import annotations

import math
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import FileFormatError
from dense_cli.files.dtypes import widen
from dense_cli.files.json import parse
from dense_cli.files.stamps import Stamp, require_stamp, stamp_of
from dense_cli.files.stream import File, LocalFile
from dense_cli.files.tensor import Rows, Tensor, Tensors, is_inflated, require_inflated
from dense_cli.files.zarrcodecs import decode
from dense_cli.files.zarrmeta import ZarrMeta, parse_v2, parse_v3
from dense_cli.limits import require_bytes

METADATA = ("zarr.json", ".zarray", ".zgroup")
_MAX_JSON = 16 << 20
_MAX_DEPTH = 64
_MAX_OBJECTS = 200_000
_HELD = 64 << 20  # bytes of chunks that are kept for the next rows
_NOWHERE = 2**64 - 1  # offset and size of a chunk that a shard does not hold

Note = Callable[[str], None]


def is_zarr(folder: str) -> bool:
    """Whether a folder holds the metadata of an array or a group."""
    return any(os.path.isfile(os.path.join(folder, name)) for name in METADATA)


def tensors(folder: str, memory: int | None = None, note: Note | None = None) -> Tensors:
    """Return the arrays of a Zarr folder by their paths, ``""`` where the folder itself is one.

    Raises:
        FileFormatError: it is no Zarr folder, or its metadata are damaged.
        OSError: it cannot be read.
    """
    if not is_zarr(folder):
        raise FileFormatError(f"{folder}: not zarr: expected one of {', '.join(METADATA)} in it")
    found = dict(_walk(folder))
    return Tensors(found, lambda name: _tensor(found[name], name, memory, note))


def _walk(folder: str) -> Iterator[tuple[str, str]]:
    """Give the path and the folder of every array; other folders are passed over."""
    waiting, objects = [("", folder)], 0
    while waiting:
        path, place = waiting.pop(0)
        objects += 1
        if objects > _MAX_OBJECTS or path.count("/") > _MAX_DEPTH:
            raise FileFormatError(
                f"{folder}: expected at most {_MAX_DEPTH} levels and {_MAX_OBJECTS} groups and arrays"
            )
        if _is_array(place):
            yield path, place
        elif is_zarr(place):
            with os.scandir(place) as entries:
                inner = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
            waiting += [(f"{path}/{name}" if path else name, os.path.join(place, name)) for name in inner]


def _is_array(folder: str) -> bool:
    if os.path.isfile(os.path.join(folder, ".zarray")):
        return True
    if not os.path.isfile(os.path.join(folder, "zarr.json")):
        return False
    meta = _json(folder, "zarr.json")
    kind = meta.get("node_type") if isinstance(meta, dict) else None
    if kind not in ("array", "group") or meta.get("zarr_format") != 3:
        raise FileFormatError(f"{folder}/zarr.json: expected an array or a group of Zarr 3")
    return bool(kind == "array")


def _json(folder: str, name: str) -> Any:
    """Return what a file of metadata says."""
    where = f"{folder}/{name}"
    file = LocalFile(_inside(folder, name), label=where)
    if file.size > _MAX_JSON:
        raise FileFormatError(f"{where}: metadata of {file.size} bytes: expected at most {_MAX_JSON}")
    text = np.empty(file.size, np.uint8)
    file.fill(text, 0)
    return parse(text.tobytes(), where)


def _tensor(folder: str, name: str, memory: int | None, note: Note | None) -> Tensor:
    """Describe an array; its chunks are looked at when they are read."""
    if os.path.isfile(os.path.join(folder, "zarr.json")):
        meta = parse_v3(_json(folder, "zarr.json"), folder)
    else:
        meta = parse_v2(_json(folder, ".zarray"), folder)
    require_bytes(meta.chunk_bytes, folder, "a chunk of it", memory)
    array = _Array(folder, meta, memory, note)
    one_byte = meta.stored.itemsize == 1
    return Tensor(
        name,
        meta.shape,
        meta.dtype,
        array.read,
        rows=array.rows if meta.shape else None,
        byte_order=None if one_byte else {"<": "little", ">": "big"}[meta.codecs.byte_order],
    )


@dataclass
class _Array:
    """An array whose chunks are read as they are needed; the last ones are kept."""

    folder: str
    meta: ZarrMeta
    memory: int | None
    note: Note | None
    _kept: OrderedDict[tuple[int, ...], NDArray[Any] | None] = field(default_factory=OrderedDict, repr=False)
    _bytes: int = 0
    _noted: bool = False
    _last: tuple[str, NDArray[np.uint64]] | None = field(default=None, repr=False)  # the index of a shard

    def __getstate__(self) -> dict[str, Any]:
        """What goes to another process: the array, without the chunks that are kept."""
        kept = ("folder", "meta", "memory")
        state = {name: value for name, value in self.__dict__.items() if name in kept}
        state |= {"note": None, "_kept": OrderedDict(), "_bytes": 0, "_noted": False, "_last": None}
        folder = os.path.abspath(self.folder)
        return {**state, "folder": folder, "stamps": _stamps(folder)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the array that is here: in an empty folder all chunks would be taken for fill values."""
        for name, stamp in state.pop("stamps").items():
            require_stamp(stamp, os.stat(os.path.join(state["folder"], name)), state["folder"])
        self.__dict__.update(state)

    def read(self) -> NDArray[Any]:
        """Return all of it."""
        if not self.meta.shape:
            chunk = self._chunk(())
            return self._filled(()) if chunk is None else widen(chunk, self.meta.dtype)
        return self.rows(slice(0, math.prod(self.meta.shape[:-1]))).reshape(self.meta.shape)

    def rows(self, wanted: Rows) -> NDArray[Any]:
        """Return some of the rows along its last axis, (rows, features)."""
        assert self._is_stored
        shape, chunks = self.meta.shape, self.meta.chunks
        numbers = np.arange(wanted.start, wanted.stop) if isinstance(wanted, slice) else wanted
        out = np.empty((len(numbers), shape[-1]), self._dtype)
        if not len(numbers):
            return out
        for place, rows, inside in self._by_chunk(numbers):
            for column in range(self._grid[-1]):
                first = column * chunks[-1]
                last = min(first + chunks[-1], shape[-1])
                chunk = self._chunk((*place, column))
                if chunk is None:
                    out[rows, first:last] = self._filled(())
                else:
                    at_once: tuple[Any, ...] = (*inside, slice(last - first))
                    out[rows, first:last] = widen(chunk[at_once], self.meta.dtype)
        return out

    def _by_chunk(
        self, numbers: NDArray[np.int64]
    ) -> Iterator[tuple[tuple[int, ...], NDArray[np.int64], tuple[NDArray[np.int64], ...]]]:
        """Give each chunk that has some of the rows: its place, which rows, and where in it these are."""
        shape, chunks, grid = self.meta.shape, self.meta.chunks, self._grid[:-1]
        at = np.unravel_index(numbers, shape[:-1]) if shape[1:] else ()
        places = [axis // size for axis, size in zip(at, chunks, strict=False)]
        flat = np.ravel_multi_index(places, grid) if places else np.zeros(len(numbers), np.int64)
        of_chunk, inverse = np.unique(flat, return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        parts = np.split(order, np.cumsum(np.bincount(inverse))[:-1])
        for number, rows in zip(of_chunk.tolist(), parts, strict=True):
            place = tuple(map(int, np.unravel_index(number, grid))) if grid else ()
            yield place, rows, tuple(axis[rows] % size for axis, size in zip(at, chunks, strict=False))

    @cached_property
    def _grid(self) -> tuple[int, ...]:
        """How many chunks there are along each axis."""
        return tuple(-(-n // size) for n, size in zip(self.meta.shape, self.meta.chunks, strict=True))

    @property
    def _dtype(self) -> np.dtype[Any]:
        """The dtype of the numbers that are given."""
        return widen(np.empty(0, self.meta.stored), self.meta.dtype).dtype

    def _filled(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """Return the numbers of chunks that are not stored."""
        if self.meta.fill is None:
            raise FileFormatError(f"{self.folder}: a chunk is not stored, and no fill_value is stated")
        try:
            return np.full(shape, self.meta.fill, self._dtype)
        except OverflowError:
            raise FileFormatError(
                f"{self.folder}: fill_value {self.meta.fill} does not fit {self.meta.dtype}"
            ) from None

    def _chunk(self, place: tuple[int, ...]) -> NDArray[Any] | None:
        """Return a chunk as it is stored, None for one that is not."""
        if place in self._kept:
            self._kept.move_to_end(place)
            return self._kept[place]
        data = self._stored(place)
        if data is None:
            if self.note is not None and not self._noted:
                named = self.meta.key(place)
                self.note(f"{self.folder}: chunk {named} is not stored: it is read as {self.meta.fill}")
            self._noted = True
            return None
        codecs = self.meta.codecs
        where = f"{self.folder}: chunk {self.meta.key(place)}"
        require_inflated(self.meta.chunk_bytes, len(data), where, "it", self.memory)
        raw = decode(data, codecs.packing, self.meta.chunk_bytes, where)
        stored = np.frombuffer(raw, self.meta.stored).reshape(
            [self.meta.chunks[axis] for axis in codecs.axes]
        )
        chunk = stored.transpose(np.argsort(codecs.axes)) if codecs.axes else stored
        self._kept[place] = chunk
        self._bytes += chunk.nbytes
        while self._bytes > _HELD and len(self._kept) > 1:
            dropped = self._kept.popitem(last=False)[1]
            self._bytes -= 0 if dropped is None else dropped.nbytes
        return chunk

    def _stored(self, place: tuple[int, ...]) -> bytes | None:
        """Return the bytes of a chunk."""
        if self.meta.sharding is None:
            file = self._file(place)
            return None if file is None else self._packed(file, 0, file.size)
        per_shard = self._per_shard
        file = self._file(tuple(n // many for n, many in zip(place, per_shard, strict=True)))
        if file is None:
            return None
        at = tuple(n % many for n, many in zip(place, per_shard, strict=True))
        offset, size = self._index(file)[at].tolist()
        if offset == size == _NOWHERE:
            return None
        if offset + size > file.size:
            raise FileFormatError(
                f"{file.label}: claims a chunk of {size} bytes at {offset}: the shard has {file.size}"
            )
        return self._packed(file, offset, size)

    @property
    def _per_shard(self) -> tuple[int, ...]:
        """How many chunks a shard has along each axis."""
        assert self.meta.sharding is not None
        return tuple(n // size for n, size in zip(self.meta.sharding.shape, self.meta.chunks, strict=True))

    def _index(self, file: File) -> NDArray[np.uint64]:
        """Return where in a shard each chunk stands: offset and size."""
        sharding = self.meta.sharding
        assert sharding is not None
        size = math.prod(self._per_shard) * 16
        packed = size + 4 * len(sharding.index.packing)
        if packed > file.size:
            raise FileFormatError(f"{file.label}: cut short: an index of {packed} bytes is not there")
        if self._last is None or self._last[0] != file.label:
            data = _bytes_of(file, 0 if sharding.in_front else file.size - packed, packed)
            raw = decode(data, sharding.index.packing, size, f"{file.label}: index")
            numbers = np.frombuffer(raw, f"{sharding.index.byte_order}u8").reshape(*self._per_shard, 2)
            self._last = file.label, numbers
        return self._last[1]

    def _file(self, place: tuple[int, ...]) -> File | None:
        """Return the file of a chunk or a shard, None where there is none."""
        name = self.meta.key(place)
        path = os.path.join(self.folder, name)
        if not os.path.lexists(path):
            return None
        return LocalFile(_inside(self.folder, name), label=path)

    def _packed(self, file: File, offset: int, size: int) -> bytes:
        """Return the bytes of a chunk, which may be a little more than its numbers take."""
        if size > 2 * self.meta.chunk_bytes + 4096:
            raise FileFormatError(
                f"{file.label}: {size} bytes are stored for a chunk of {self.meta.chunk_bytes}"
            )
        return _bytes_of(file, offset, size)

    @cached_property
    def _is_stored(self) -> bool:
        """True, once what the array claims was held against the files that are there."""
        nbytes = math.prod(self.meta.shape) * self._dtype.itemsize
        stored = 0
        for size in _sizes(self.folder):  # no more of them than it takes
            stored += size
            if not is_inflated(nbytes, stored, self.memory):
                return True
        require_inflated(nbytes, stored, self.folder, f"shape {self.meta.shape}", self.memory)
        return True


def _stamps(folder: str) -> dict[str, Stamp]:
    """Return what tells the metadata of an array from that of another."""
    paths = {name: os.path.join(folder, name) for name in METADATA}
    return {name: stamp_of(os.stat(path)) for name, path in paths.items() if os.path.isfile(path)}


def _inside(folder: str, name: str) -> str:
    """Return the path of a regular file in a folder, links having been followed."""
    root = os.path.realpath(folder)
    path = os.path.realpath(os.path.join(root, name))
    if not path.startswith(root.rstrip(os.sep) + os.sep):
        raise FileFormatError(f"{folder}: {name} leads elsewhere: expected a file inside the folder")
    if not os.path.isfile(path):
        raise FileFormatError(f"{folder}: {name} is not a regular file")
    return path


def _bytes_of(file: File, offset: int, size: int) -> bytes:
    data = np.empty(size, np.uint8)
    file.fill(data, offset)
    return data.tobytes()


def _sizes(folder: str) -> Iterator[int]:
    """Give 0, and the size of each file in a folder and those in it."""
    yield 0
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.is_file():
                    yield entry.stat().st_size
