"""PyTorch's files, read without PyTorch: a zip archive of a pickle and storages, or one stream of both.

Tensors are found wherever they stand: in a state dict, in dictionaries and lists around it, in the state of a
pickled module. Of their pickle nothing is run; see `pickles`.

The format: https://docs.pytorch.org/docs/stable/notes/serialization.html
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import DenseCliError, DtypeError, FileFormatError
from dense_cli.files import pickles
from dense_cli.files.archive import Checksum, checked, data_offset, open_archive, require_readable
from dense_cli.files.dtypes import BITS, widen
from dense_cli.files.recognized import SKLEARN
from dense_cli.files.stream import File, Section
from dense_cli.files.tensor import Extent, Rows, Tensor, Tensors
from dense_cli.files.torchnames import named
from dense_cli.limits import TEXT_COST, require_bytes

_MAGIC = 0x1950A86A20F9469CFC6C
_HINT = "save one with torch.save(model.state_dict(), FILE)"
_STORAGES = {
    "Double": "float64",
    "Float": "float32",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
    "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
    "Untyped": "uint8",
    "QInt8": "int8",
    "QUInt8": "uint8",
    "QInt32": "int32",
}
_DTYPES = {*_STORAGES.values(), *BITS, "uint16", "uint32", "uint64"}


@dataclass(frozen=True)
class _Storage:
    """A storage as a tensor names it: the key of its bytes, its dtype, and the first of its numbers there."""

    key: str
    dtype: str
    begin: int = 0


@dataclass(frozen=True)
class _View:
    """A tensor: a view of a storage. ``odd`` says what it is where it is none of plain numbers."""

    storage: _Storage | None
    dtype: str
    offset: int = 0
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    negative: bool = False
    odd: str | None = None

    def __post_init__(self) -> None:
        numbers = (self.offset, *self.shape, *self.strides)
        if not all(type(n) is int and 0 <= n < 2**63 for n in numbers) or len(self.shape) > 32:
            raise TypeError("a tensor whose sizes are no numbers")


@dataclass(frozen=True)
class _Bytes:
    """Where in the file a storage's bytes are; they are held against a checksum where there is one."""

    start: int
    size: int
    checksum: Checksum | None = None


class _Held(io.BufferedReader):
    """A file that takes no memory for more than it holds, whatever a pickle says of its next text."""

    def __init__(self, file: File, memory: int | None) -> None:
        super().__init__(Section(file))
        self._size, self._memory, self._label = file.size, memory, file.label
        self._parsed = 0

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(self._size - self.tell(), 0)
        size = left if size is None or size < 0 else min(size, left)
        self._parsed += size
        if size > 1 << 10 or not self._parsed % 1024:
            require_bytes(self._parsed * TEXT_COST, self._label, "the pickle", self._memory)
        return super().read(size)


def tensors(file: File, memory: int | None = None) -> Tensors:
    """Return the tensors of a PyTorch file by their names; a tensor saved alone is called ``""``.

    Raises:
        FileFormatError: no PyTorch file, a damaged one, or one whose storages are not all there.
        SizeError: its pickle takes more memory than is allowed.
    """
    zipped = Section(file, 0, 2).read() == b"PK"
    try:
        content, find, order = (_zip if zipped else _legacy)(file, memory)
        views = named(content, _View)
    except DenseCliError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise FileFormatError(f"{file.label}: not a PyTorch file: {reason}", hint=_HINT) from error
    return Tensors(views, lambda name: _tensor(file, name, views[name], find, order))


# --- the two containers -------------------------------------------------------------------------------


def _zip(file: File, memory: int | None) -> tuple[Any, Callable[[_Storage], _Bytes], str]:
    archive = open_archive(file)
    members = {info.filename: info for info in archive.infolist()}
    pickle = min((name for name in members if name.endswith("data.pkl")), key=len, default=None)
    if pickle is None:
        raise FileFormatError(f"{file.label}: no data.pkl in the archive: not a PyTorch file", hint=_HINT)
    root = pickle.removesuffix("data.pkl")

    def begin(info: zipfile.ZipInfo) -> int:
        require_readable(info, file.label)
        if info.compress_type != zipfile.ZIP_STORED:
            name = info.filename[:80]
            raise FileFormatError(f"{file.label}: {name} is compressed: PyTorch compresses no tensors")
        return data_offset(archive, info, file)

    def content(name: str) -> bytes:
        size = members[name].file_size
        require_bytes(size * TEXT_COST, file.label, "the pickle", memory)
        return Section(file, begin(members[name]), size).read()

    known: dict[str, _Bytes] = {}

    def find(storage: _Storage) -> _Bytes:
        if storage.key not in known:
            info = members.get(f"{root}data/{storage.key}")
            if info is None:
                raise FileFormatError(f"{file.label}: damaged: no storage {storage.key[:80]} in the archive")
            start = begin(info)
            where = f"{file.label}: storage {storage.key[:80]}"
            # PyTorch may be told to compute no checksums: all of them are 0 then.
            checksum = Checksum(file, start, info, where) if info.CRC else None
            known[storage.key] = _Bytes(start, info.file_size, checksum)
        return known[storage.key]

    order = content(f"{root}byteorder") if f"{root}byteorder" in members else b"little"
    return _load(io.BytesIO(content(pickle)), {}), find, order.decode("ascii", "replace")


def _legacy(file: File, memory: int | None) -> tuple[Any, Callable[[_Storage], _Bytes], str]:
    """Read the five pickles of a file and find the storages that follow: a count of numbers, and these."""
    stream = _Held(file, memory)
    used: dict[str, str] = {}
    if _load(stream, used) != _MAGIC:
        raise FileFormatError(
            f"{file.label}: a pickle that is none of PyTorch's",
            hint=f"{_HINT}; of scikit-learn: {SKLEARN}",
        )
    _load(stream, used)  # the version
    system = _load(stream, used)
    content = _load(stream, used)
    found: dict[str, _Bytes] = {}
    for key in _load(stream, used):
        count = int.from_bytes(stream.read(8), "little")
        size = count * _itemsize(used[key])
        start = stream.tell()
        if key in found or size > file.size - start:
            raise FileFormatError(f"{file.label}: damaged: storage {key[:80]} claims {size} bytes")
        found[key] = _Bytes(start, size)
        stream.seek(start + size)

    def find(storage: _Storage) -> _Bytes:
        if storage.key not in found:
            raise FileFormatError(f"{file.label}: damaged: no numbers of storage {storage.key[:80]}")
        return found[storage.key]

    little = not isinstance(system, dict) or system.get("little_endian", True)
    return content, find, "little" if little else "big"


# --- the pickle -------------------------------------------------------------------------------------------


def _load(stream: IO[bytes], used: dict[str, str]) -> Any:
    """Return the value of a pickle, its tensors as `_View`; ``used`` gets the dtype of each storage."""

    def persistent(pid: Any) -> Any:
        if not isinstance(pid, tuple) or len(pid) < 2:
            raise TypeError("a persistent id that is none of PyTorch's")
        if pid[0] == "module":  # a class with its source, which nobody needs
            return pid[1]
        _, kind, key, *rest = pid
        if not isinstance(key, str) or not isinstance(kind, pickles.Name):
            raise TypeError("a storage that is none of PyTorch's")
        dtype = _STORAGES[kind.name.rpartition(".")[2].removesuffix("Storage")]
        used[key] = dtype
        view = rest[2] if len(rest) > 2 else None  # of old files: a storage that is a part of another
        begin = view[1] if isinstance(view, tuple) else 0
        return _Storage(key, dtype, begin)

    return pickles.load(stream, _FUNCTIONS, persistent)


def _rebuild(
    storage: Any, offset: int, shape: Any, strides: Any, *rest: Any, dtype: str | None = None
) -> _View:
    """``torch._utils._rebuild_tensor`` and ``_rebuild_tensor_v2``."""
    if not isinstance(storage, _Storage) or len(shape) != len(strides):
        raise TypeError("a tensor that is none of PyTorch's")
    bits = rest[2] if len(rest) > 2 else None  # what is to be done with the numbers: conjugate, negate
    negative = isinstance(bits, dict) and bool(bits.get("neg"))
    first = offset + (storage.begin if dtype is None else 0)
    return _View(storage, dtype or storage.dtype, first, tuple(shape), tuple(strides), negative)


def _rebuild_v3(
    storage: Any, offset: int, shape: Any, strides: Any, grad: Any, hooks: Any, dtype: Any, bits: Any = None
) -> _View:
    """``torch._utils._rebuild_tensor_v3``: of a dtype that has no class of storages."""
    name = dtype.name.removeprefix("torch.")
    if name not in _DTYPES:
        return _View(None, name, 0, tuple(shape), odd=f"of dtype {name[:40]}")
    return _rebuild(storage, offset, shape, strides, grad, hooks, bits, dtype=name)


def _odd(what: str, shape_at: int | None = None) -> Callable[..., _View]:
    def rebuild(*args: Any) -> _View:
        shape = args[shape_at] if shape_at is not None and len(args) > shape_at else ()
        return _View(None, "float32", 0, tuple(shape), odd=what)

    return rebuild


def _sparse(layout: Any, data: Any) -> _View:
    return _View(None, "float32", 0, tuple(data[2]), odd="a sparse tensor")


def _first(value: Any, *rest: Any) -> Any:
    return value


def _of_type(function: Any, kind: Any, args: Any, state: Any) -> Any:
    """``torch._tensor._rebuild_from_type_v2``: a tensor of a class of its user's."""
    return _FUNCTIONS[function.name](*args)


def _mapping(pairs: Any = ()) -> dict[Any, Any]:
    items = pairs.items() if isinstance(pairs, dict) else pairs
    return pickles.mapping([part for key, value in items for part in (key, value)])


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _mapping,
    "collections.defaultdict": lambda *factory: {},
    **{f"{module}.{kind}": lambda items=(): list(items)
       for module in ("builtins", "__builtin__") for kind in ("set", "frozenset", "list")},
    "torch.Size": tuple,
    "torch._utils._rebuild_tensor": _rebuild,
    "torch._utils._rebuild_tensor_v2": _rebuild,
    "torch._utils._rebuild_tensor_v3": _rebuild_v3,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch._tensor._rebuild_from_type_v2": _of_type,
    "torch._utils._rebuild_sparse_tensor": _sparse,
    "torch._utils._rebuild_sparse_csr_tensor": _sparse,
    "torch._utils._rebuild_qtensor": _odd("a quantised tensor", 2),
    "torch._utils._rebuild_meta_tensor_no_storage": _odd("a tensor without numbers (meta)", 1),
    "torch._utils._rebuild_nested_tensor": _odd("a nested tensor"),
    "torch._utils._rebuild_wrapper_subclass": _odd("a tensor of a class of its own", 2),
    "torch.jit._pickle.restore_type_tag": _first,
}  # fmt: skip


# --- the tensors ------------------------------------------------------------------------------------------


def _itemsize(dtype: str) -> int:
    return np.dtype(BITS.get(dtype, dtype)).itemsize


def _tensor(file: File, name: str, view: _View, find: Callable[[_Storage], _Bytes], order: str) -> Tensor:
    """Describe a tensor, what it says of its storage being held against the bytes that are there."""
    where = f"{file.label}: {name}" if name else file.label
    if view.odd is not None or view.storage is None:
        return Tensor(name, view.shape, view.dtype, partial(_refuse, f"{where}: {view.odd}"))
    if view.dtype.startswith("complex"):
        return Tensor(name, view.shape, view.dtype, partial(_refuse, f"{where}: complex numbers"))
    place = find(view.storage)
    extent = _extent(file, view, place, ">" if order == "big" else "<", where)
    if view.strides == _strides(view.shape) or 0 in view.shape:
        whole = replace(extent, shape=view.shape)
        tensor = whole.tensor(name) if place.checksum is None else checked(whole, place.checksum, name)
    else:
        strided = _Strided(extent, view.shape, view.strides, place.checksum)
        rows = strided.rows if view.shape and view.strides[-1] == 1 else None
        # It may say a few stored numbers over and over.
        tensor = Tensor(name, view.shape, view.dtype, strided.read, stored=place.size, rows=rows)
    return _negated(tensor) if view.negative else tensor


def _extent(file: File, view: _View, place: _Bytes, byte_order: Literal["<", ">"], where: str) -> Extent:
    """Return the bytes from a view's first number to its last, which must be in the storage."""
    size = _itemsize(view.dtype)
    last = sum((n - 1) * stride for n, stride in zip(view.shape, view.strides, strict=True))
    span = 0 if 0 in view.shape else last + 1
    if (view.offset + span) * size > place.size:
        raise FileFormatError(
            f"{where}: damaged: it needs {(view.offset + span) * size} bytes of a storage of {place.size}"
        )
    return Extent(file, place.start + view.offset * size, (span,), view.dtype, byte_order)


def _refuse(what: str) -> NDArray[Any]:
    raise DtypeError(f"{what}: expected plain real numbers")


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides of an array in C order."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _negated(tensor: Tensor) -> Tensor:
    rows = tensor.rows
    return replace(
        tensor,
        read=lambda: -tensor.read(),
        rows=None if rows is None else lambda wanted: -rows(wanted),
    )


@dataclass(frozen=True)
class _Strided:
    """A view of a storage whose numbers do not stand in C order: transposed, a part, or expanded."""

    extent: Extent  # from the first of its numbers to the last, as they stand
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    checksum: Checksum | None

    def read(self) -> NDArray[Any]:
        if self.checksum is not None:
            self.checksum.finish()
        flat = self.extent.read()
        strides = tuple(stride * flat.itemsize for stride in self.strides)
        view = np.lib.stride_tricks.as_strided(flat, self.shape, strides, writeable=False)
        return np.array(view, order="C")

    def rows(self, wanted: Rows) -> NDArray[Any]:
        if self.checksum is not None:
            self.checksum.finish()
        numbers = np.arange(wanted.start, wanted.stop) if isinstance(wanted, slice) else wanted
        lead, features = self.shape[:-1], self.shape[-1]
        at = np.zeros(len(numbers), np.int64)
        if lead:
            for index, stride in zip(np.unravel_index(numbers, lead), self.strides, strict=False):
                at += index * stride
        size = self.extent.stored.itemsize
        places = (self.extent.offset + at * size).tolist()
        data = self.extent.file.runs([features * size] * len(numbers), places)
        return widen(np.frombuffer(data, self.extent.stored).reshape(-1, features), self.extent.dtype)
