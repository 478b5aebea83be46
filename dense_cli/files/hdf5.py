"""HDF5: a tree of groups and datasets, walked through by h5py; what lies there as an array is read in place.

Only what is stored in the file itself is read: links to elsewhere, external storage, virtual datasets and
filters other than deflate and shuffle are refused: that of checksums crashes on a damaged chunk.

The format: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import DenseCliError, FileFormatError, MissingExtraError, SizeError
from dense_cli.files.archive import Checksum, checked
from dense_cli.files.dtypes import require_numeric, widen
from dense_cli.files.hdf5guard import GuardedSection
from dense_cli.files.stream import File, Section
from dense_cli.files.tensor import Extent, Rows, Tensor, Tensors
from dense_cli.limits import require_bytes

MAX_TEXT = 64 << 20  # bytes of an attribute
_MAX_DEPTH = 64
_MAX_OBJECTS = 200_000
_MAX_NAMES = 64 << 20  # characters of all paths together
_FILTERS = {1: "deflate", 2: "shuffle"}
_NO_ATTRIBUTE = re.compile(rb"(?!)")


@dataclass(frozen=True)
class Part:
    """Where an HDF5 file is: a file, or a member of an archive in it; ``label`` is what messages call it."""

    file: File
    start: int
    size: int
    label: str
    checksum: Checksum | None = None

    @classmethod
    def whole(cls, file: File) -> Part:
        """Return a file that is an HDF5 file."""
        return cls(file, 0, file.size, file.label)

    def section(self) -> Section:
        """Return its bytes as a file."""
        return Section(self.file, self.start, self.size)


@dataclass
class Contents:
    """What a walk through an HDF5 file found; arrays are described, not read."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    places: dict[str, int] = field(default_factory=dict)  # where in the file each object stands


def tensors(file: File, memory: int | None = None) -> Tensors:
    """Return the datasets of an HDF5 file by their paths.

    Raises:
        MissingExtraError: h5py is not installed.
        FileFormatError: not HDF5, damaged, or pointing outside of itself.
    """
    part = Part.whole(file)
    with open_hdf5(part) as root:
        found = walk(root, part, memory=memory).tensors
    return Tensors(found, found.__getitem__)


@contextmanager
def open_hdf5(part: Part, attributes: re.Pattern[bytes] = _NO_ATTRIBUTE) -> Iterator[Any]:
    """Open an HDF5 file to walk through it; ``attributes`` are the names of those that will be read.

    Whatever h5py raises inside the ``with`` becomes a FileFormatError.
    """
    guarded = GuardedSection(part.file, part.start, part.size, part.label, attributes)
    with _opened(guarded, part) as root:
        yield root


@contextmanager
def _opened(source: Section, part: Part) -> Iterator[Any]:
    try:
        import h5py
    except ImportError:
        raise MissingExtraError(f"{part.label}: reading HDF5", "keras") from None
    with hdf5_errors(part.label), h5py.File(source, "r") as root:
        yield root


@contextmanager
def hdf5_errors(file: str) -> Iterator[None]:
    """Turn what a damaged file makes of HDF5 into a FileFormatError."""
    try:
        yield
    except DenseCliError:
        raise
    except MemoryError as error:
        raise SizeError(f"{file}: not enough memory to read it") from error
    except Exception as error:  # OSError, RuntimeError, KeyError, ValueError …: what HDF5 says of a bad file
        reason = str(error).strip("'\"").split("\n")[0][:200] or type(error).__name__
        raise FileFormatError(
            f"{file}: not a readable HDF5 file (truncated or damaged?): {reason}"
        ) from error


def walk(root: Any, part: Part, skip: tuple[str, ...] = (), memory: int | None = None) -> Contents:
    """Walk through an open HDF5 file along its hard links, passing over the groups of ``skip``.

    Raises:
        FileFormatError: a soft or external link, external or virtual storage, a cycle, or too much of it.
    """
    import h5py

    file = part.label
    found = Contents()
    if root.id.get_create_plist().get_sizes() != (8, 8):
        raise FileFormatError(f"{file}: HDF5 offsets and lengths of unusual sizes: expected 8 bytes")
    visited = _Visited(file)
    waiting = [("", root)]
    while waiting:
        path, group = waiting.pop()
        if path:
            found.groups.add(path)
        for key in group:
            if not isinstance(key, str):
                raise FileFormatError(
                    f"{file}: an HDF5 name in {path or 'its root'} is not UTF-8: {key[:40]!r}"
                )
            inner = f"{path}/{key}" if path else key
            if inner in skip:
                continue
            found.places[inner] = visited.add(inner, _address(group, key, f"{file}: {inner}"))
            item = group[key]
            if isinstance(item, h5py.Group):
                waiting.append((inner, item))
            elif isinstance(item, h5py.Dataset):
                found.tensors[inner] = _tensor(item, inner, part, memory)
    return found


class _Visited:
    """The objects of a walk, each of which is come to once; how many, how deep and how long is bounded."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._addresses: set[int] = set()
        self._letters = 0

    def add(self, path: str, address: int) -> int:
        """Return the address of a new object, or refuse it."""
        self._letters += len(path)
        deep = path.count("/") > _MAX_DEPTH
        if deep or len(self._addresses) > _MAX_OBJECTS or self._letters > _MAX_NAMES:
            raise FileFormatError(
                f"{self._file}: expected at most {_MAX_DEPTH} levels, {_MAX_OBJECTS} objects "
                f"and {_MAX_NAMES} characters of names of HDF5"
            )
        if address in self._addresses:
            raise FileFormatError(f"{self._file}: the HDF5 object {path} is linked twice: expected a tree")
        self._addresses.add(address)
        return address


def _address(group: Any, key: str, where: str) -> int:
    """Return where in the file the object is that a name of a group stands for."""
    import h5py

    if not isinstance(link := group.get(key, getlink=True), h5py.HardLink):
        kind = "external" if isinstance(link, h5py.ExternalLink) else "soft"
        raise FileFormatError(f"{where} is an HDF5 {kind} link: densecli follows none")
    # From the link: HDF5 asked of the object itself walks through its index, damaged or not.
    return int(group.id.links.get_info(key.encode()).u)


def attribute(item: Any, name: str, part: Part) -> str | list[str] | None:
    """Return an attribute as text or a list of texts, or None; what it claims is held against the file."""
    import h5py

    if name not in item.attrs:
        return None
    stored = item.attrs.get_id(name)
    kind = stored.get_type()
    if kind.get_class() != h5py.h5t.STRING or kind.committed():  # no text, or not as Keras writes it
        return None
    claimed = int(np.prod(stored.shape, dtype=object)) * stored.dtype.itemsize
    if claimed > min(part.size, MAX_TEXT):
        raise FileFormatError(f"{part.label}: the HDF5 attribute {name} claims {claimed} bytes")
    value = item.attrs[name]
    texts = [text.decode("utf-8", "replace") if isinstance(text, bytes) else text for text in np.ravel(value)]
    if not all(isinstance(text, str) for text in texts):
        return None
    return [str(text) for text in texts] if isinstance(value, np.ndarray) else str(texts[0])


# --- datasets ---------------------------------------------------------------------------------------------


def _tensor(dataset: Any, path: str, part: Part, memory: int | None) -> Tensor:
    """Describe a dataset, whose claims are held against the file's size when it is read."""
    where = f"{part.label}: {path}"
    plan = dataset.id.get_create_plist()
    if dataset.is_virtual:
        raise FileFormatError(f"{where}: virtual HDF5 dataset: its numbers are in other files")
    if plan.get_external_count():
        raise FileFormatError(f"{where}: external HDF5 storage: its numbers are in other files")
    dtype = dataset.dtype
    # Keras stores bfloat16 as two opaque bytes.
    opaque = dtype.kind == "V" and dtype.itemsize == 2 and dtype.names is None
    filters = tuple(plan.get_filter(at)[0] for at in range(plan.get_nfilters()))
    chunk = math.prod(dataset.chunks or (0,)) * dtype.itemsize
    shape = tuple(dataset.shape or ())
    stored = _Dataset(
        part, path, shape, dtype, "bfloat16" if opaque else dtype.name, filters, chunk,
        dataset.id.get_storage_size(), _place(dataset, dtype, opaque), memory,
    )  # fmt: skip
    return stored.tensor()


def _place(dataset: Any, dtype: np.dtype[Any], opaque: bool) -> int | None:
    """Return where in the HDF5 file an array lies as NumPy has it, None where it does not."""
    from h5py import h5t

    kind = dataset.id.get_type()
    plain = opaque or (dtype.kind in "iuf" and kind.equal(h5t.py_create(dtype)))
    offset = dataset.id.get_offset() if plain and dataset.chunks is None else None
    return None if offset is None else int(offset)


@dataclass(frozen=True)
class _Dataset:
    """What the header of a dataset says."""

    part: Part
    path: str
    shape: tuple[int, ...]
    stored: np.dtype[Any]
    dtype: str
    filters: tuple[int, ...]
    chunk: int  # bytes
    nbytes: int
    offset: int | None
    memory: int | None

    def tensor(self) -> Tensor:
        """Return it under its path."""
        placed = self._in_place
        return Tensor(
            self.path,
            self.shape,
            self.dtype,
            self.read,
            stored=self.nbytes,
            rows=self.rows if self.shape else None,
            order=None if placed is None else placed.order,
            byte_order=None if placed is None else placed.byte_order,
        )

    @property
    def _in_place(self) -> Tensor | None:
        """The numbers where they stand in the file, one after another."""
        if self.offset is None:
            return None
        at, part = self.part.start + self.offset, self.part
        if self.dtype == "bfloat16":
            extent = Extent(part.file, at, self.shape, self.dtype)
        else:
            extent = Extent.of(part.file, at, self.shape, self.stored)
        return extent.tensor("") if part.checksum is None else checked(extent, part.checksum, "")

    def check(self) -> None:
        """Refuse a dataset that is not to be read, or is not there."""
        where = f"{self.part.label}: {self.path}"
        unknown = [code for code in self.filters if code not in _FILTERS]
        if unknown:
            known = ", ".join(_FILTERS.values())
            raise FileFormatError(f"{where}: HDF5 filter {unknown[0]}: expected {known}")
        if self.dtype != "bfloat16":
            require_numeric(self.stored, where)
        claimed = self.stored.itemsize * math.prod(self.shape)
        there = min(self.nbytes, self.part.size - (self.offset or 0))
        if self.nbytes > there or (there < claimed and not self.filters):
            raise FileFormatError(
                f"{where}: claims a size of {claimed} bytes (shape {self.shape}), {there} are stored"
            )
        require_bytes(self.chunk, where, "a chunk of it", self.memory)

    def read(self) -> NDArray[Any]:
        self.check()
        if (tensor := self._in_place) is not None:
            return tensor.read()
        with _opened(self._section(), self.part) as root:
            raw = root[self.path][()]
        if raw.shape != self.shape:
            raise FileFormatError(f"{self.part.label}: {self.path}: the file changed while it was read")
        return self._numbers(raw)

    def rows(self, wanted: Rows) -> NDArray[Any]:
        self.check()
        if (tensor := self._in_place) is not None and tensor.rows is not None:
            return tensor.rows(wanted)
        with _opened(self._section(), self.part) as root:
            dataset = root[self.path]
            if isinstance(wanted, slice):
                spans = [(wanted.start, wanted.stop)]
            else:
                spans = [(row, row + 1) for row in wanted.tolist()]
            lead = self.shape[:-1] or (1,)
            pieces = [piece for span in spans for piece in _pieces(dataset, (), lead, *span)]
        rows = [self._numbers(piece).reshape(-1, self.shape[-1]) for piece in pieces]
        empty = np.empty((0, self.shape[-1]), self._numbers(np.empty(0, self.stored)).dtype)
        return np.concatenate([empty, *rows])

    def _section(self) -> Section:
        if self.part.checksum is not None:
            self.part.checksum.finish()
        return self.part.section()

    def _numbers(self, raw: NDArray[Any]) -> NDArray[Any]:
        return widen(raw.view("<u2"), self.dtype) if self.dtype == "bfloat16" else np.asarray(raw)


def _pieces(
    dataset: Any, index: tuple[int, ...], lead: tuple[int, ...], start: int, stop: int
) -> Iterator[NDArray[Any]]:
    """Read the rows from ``start`` to ``stop`` of a part of a dataset, which ``index`` leads to."""
    if stop <= start:
        return
    if len(dataset.shape) == 1:
        yield dataset[()]
        return
    inner = math.prod(lead[1:])
    if len(lead) == 1:
        yield dataset[(*index, slice(start, stop))]
        return
    first, last = start // inner, stop // inner
    if first == last:
        yield from _pieces(dataset, (*index, first), lead[1:], start % inner, stop % inner)
        return
    if start % inner:
        yield from _pieces(dataset, (*index, first), lead[1:], start % inner, inner)
        first += 1
    if first < last:
        yield dataset[(*index, slice(first, last))]
    yield from _pieces(dataset, (*index, last), lead[1:], 0, stop % inner)
