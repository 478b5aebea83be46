"""Heads in safetensors files: the library checks the header, the numbers are read where it says they are.

The format: https://huggingface.co/docs/safetensors/index
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from dense_cli.errors import DtypeError, FileFormatError, MissingExtraError
from dense_cli.heads.head import Heads, Tensor, read_array, widen_bfloat16
from dense_cli.heads.pairs import find_heads

_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
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


def read(file: str, memory: int | None = None) -> Heads:
    """Return the heads of a safetensors file.

    Raises:
        MissingExtraError: the safetensors library is not installed.
        FileFormatError: the header is damaged, says what the file does not hold, or names no kernel.
        DtypeError: a kernel or bias of a type that is not read, such as F8_E4M3.
    """
    try:
        from safetensors import safe_open
    except ImportError:
        raise MissingExtraError(f"{file}: reading safetensors", "safetensors") from None
    try:
        # Checks the length, the JSON, every dtype, that the sizes fit the shapes and fill the file exactly.
        with safe_open(file, framework="numpy"), open(file, "rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = orjson.loads(stream.read(length))
    except OSError:
        raise
    except Exception as error:  # SafetensorError, of which the library says no more than its name
        reason = str(error).split("\n")[0][:200]
        raise FileFormatError(f"{file}: not a readable safetensors file: {reason}") from error
    start = 8 + length
    entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
    return find_heads(entries, lambda name: _tensor(file, name, entries[name], start), file)


def _tensor(file: str, name: str, entry: dict[str, Any], start: int) -> Tensor:
    dtype = _DTYPES.get(entry["dtype"])
    if dtype is None:
        raise DtypeError(f"{file}: {name} has dtype {entry['dtype']}: expected one of {', '.join(_DTYPES)}")
    shape = tuple(entry["shape"])
    offset = start + entry["data_offsets"][0]
    stored = np.dtype("<u2" if dtype == "bfloat16" else dtype).newbyteorder("<")

    def array() -> NDArray[Any]:
        numbers = read_array(file, offset, shape, stored, "C")
        return widen_bfloat16(numbers) if dtype == "bfloat16" else numbers

    return Tensor(name, shape, dtype, array)
