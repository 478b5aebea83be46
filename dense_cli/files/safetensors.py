"""safetensors: a header in JSON that says where each tensor's bytes are. All of it is checked here.

The format: https://huggingface.co/docs/safetensors/index
"""

from __future__ import annotations

import math
from typing import Any

from dense_cli.errors import DtypeError, FileFormatError
from dense_cli.files.json import parse
from dense_cli.files.stream import File, Section
from dense_cli.files.tensor import Extent, Tensor, Tensors
from dense_cli.text import clip

_MAX_HEADER = 100_000_000  # the library's own limit
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E5M2FNUZ": 8, "F8_E4M3FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64,
    "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}


def tensors(file: File, memory: int | None = None) -> Tensors:
    """Return the tensors of a safetensors file.

    Raises:
        FileFormatError: the header is too long, not JSON, names a tensor twice, or has sizes that
            do not fit the shapes and fill the file exactly, from its first byte to its last.
    """
    start = Section(file)
    length = int.from_bytes(start.read(8), "little")
    if file.size < 8 or length > min(_MAX_HEADER, file.size - 8):
        raise _damaged(file, f"its header claims {length} bytes, the file has {file.size}")
    text = start.read(length)
    if text[:1] != b"{":
        raise _damaged(file, f"expected a header in JSON, found {text[:20]!r}")
    try:
        header = parse(text, file.label)
    except FileFormatError as error:
        raise _damaged(file, str(error).removeprefix(f"{file.label}: ")) from error
    header.pop("__metadata__", None)
    entries = {name: _entry(name, entry, file) for name, entry in header.items()}
    end = 0
    for name, (_, _, begin, stop) in sorted(entries.items(), key=lambda item: item[1][2:]):
        if begin != end:
            raise _damaged(file, f"{name[:80]} begins at {begin}, what stands before it ends at {end}")
        end = stop
    if 8 + length + end != file.size:
        raise _damaged(file, f"its header speaks of {8 + length + end} bytes, the file has {file.size}")
    return Tensors(entries, lambda name: _tensor(file, name, entries[name], 8 + length))


def _entry(name: str, entry: Any, file: File) -> tuple[str, tuple[int, ...], int, int]:
    """Return dtype, shape, begin and end of a tensor, which fit each other."""
    try:
        dtype, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
    except (TypeError, KeyError, ValueError):
        raise _damaged(file, f"{name[:80]}: expected dtype, shape and data_offsets") from None
    if not isinstance(dtype, str) or dtype not in _BITS:
        raise _damaged(file, f"{name[:80]}: unknown dtype {str(dtype)[:40]}")
    if not all(type(n) is int and 0 <= n < 2**63 for n in (*shape, begin, end)) or len(shape) > 32:
        raise _damaged(file, f"{name[:80]}: expected whole numbers for shape and data_offsets")
    if math.prod(shape) * _BITS[dtype] != (end - begin) * 8:
        raise _damaged(
            file, f"{name[:80]}: shape {clip(str(shape), 80)} of {dtype} does not fill bytes {begin} to {end}"
        )
    return dtype, shape, begin, end


def _tensor(file: File, name: str, entry: tuple[str, tuple[int, ...], int, int], start: int) -> Tensor:
    kind, shape, begin, _ = entry
    if kind not in _DTYPES:
        raise DtypeError(f"{file.label}: {name} has dtype {kind}: expected one of {', '.join(_DTYPES)}")
    return Extent(file, start + begin, shape, _DTYPES[kind]).tensor(name)


def _damaged(file: File, what: str) -> FileFormatError:
    return FileFormatError(f"{file.label}: not a readable safetensors file: {what}")
