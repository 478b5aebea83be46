"""TensorFlow.js: a manifest in JSON that says where in the files beside it each tensor's bytes are.

The manifest is a list of groups. The bytes of a group's tensors follow each other, in the order of the list,
through all of its files. Quantised tensors are ``stored * scale + min``.

The format: https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import FileFormatError
from dense_cli.files.beside import beside
from dense_cli.files.stream import File, open_file
from dense_cli.files.tensor import Tensor, Tensors

_DTYPES = {
    "float32": "<f4",
    "float16": "<f2",
    "int32": "<i4",
    "uint8": "u1",
    "uint16": "<u2",
    "bool": "u1",
    "complex64": "<c8",
}


def is_manifest(value: object) -> bool:
    """Whether parsed JSON is a manifest by itself: a list of groups of files and weights."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(group, dict) and {"paths", "weights"} <= group.keys() for group in value)
    )


def tensors(groups: Any, file: File) -> Tensors:
    """Return the tensors of a manifest.

    Args:
        groups: the manifest, parsed: ``[{"paths": […], "weights": [{"name", "shape", "dtype", …}]}]``.
        file: the file that it stands in, whose folder has the other files.

    Raises:
        FileFormatError: it is no manifest, two tensors have one name, a file is outside of the folder or is
            not there, or the files of a group do not have exactly the bytes that its tensors take.
    """
    found: dict[str, Tensor] = {}
    if groups and not is_manifest(groups):
        raise _damaged(file, "expected a list of paths and weights")
    for group in groups:
        for tensor in _group(group, file):
            if tensor.name in found:
                raise _damaged(file, f"two tensors are named {tensor.name[:80]}")
            found[tensor.name] = tensor
    return Tensors(found, found.__getitem__)


@dataclass(frozen=True)
class _Files:
    """The files of a group as one run of bytes."""

    paths: tuple[str, ...]
    sizes: tuple[int, ...]

    def read(self, at: int, nbytes: int) -> NDArray[np.uint8]:
        out = np.empty(nbytes, np.uint8)
        done = 0
        for path, size in zip(self.paths, self.sizes, strict=True):
            if at < size and done < nbytes:
                part = out[done : done + size - at]
                open_file(path).fill(part, at)
                done += len(part)
                at = size
            at -= size
        return out


@dataclass(frozen=True)
class _Weight:
    """What the manifest says of a tensor, held to what can be."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    stored: np.dtype[Any]
    scale: float | None = None
    least: float = 0.0

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.stored.itemsize

    def read(self, files: _Files, at: int) -> NDArray[Any]:
        array = files.read(at, self.nbytes).view(self.stored).reshape(self.shape)
        if self.scale is not None:
            with np.errstate(all="ignore"):  # what is not finite is refused later, by its place
                wide = array * np.float64(self.scale) + self.least
            return np.rint(wide) if self.dtype == "int32" else wide.astype(np.float32)
        return array.astype(np.float32) if self.dtype == "float32" else array


def _group(group: dict[str, Any], file: File) -> Iterator[Tensor]:
    names, weights = group["paths"], group["weights"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _damaged(file, "paths: expected the names of files")
    if not isinstance(weights, list):
        raise _damaged(file, "weights: expected a list")
    paths = tuple(beside(str(file.name), name, f"{file.label}: weights") for name in names)
    files = _Files(paths, tuple(open_file(path).size for path in paths))
    described = [_weight(entry, file) for entry in weights]
    total, there = sum(weight.nbytes for weight in described), sum(files.sizes)
    if total != there:
        raise _damaged(file, f"its tensors take {total} bytes, {', '.join(names)[:200]} have {there}")
    at = 0
    for weight in described:
        yield Tensor(
            weight.name,
            weight.shape,
            weight.dtype,
            partial(weight.read, files, at),
            order="C",
            byte_order="little",
        )
        at += weight.nbytes


def _stored_as(dtype: Any, packed: Any) -> tuple[Any, float | None, float]:
    """Return the dtype that is stored, and the scale and the least number where integers are."""
    if packed is None:
        return dtype, None, 0.0
    if packed["dtype"] == "float16":
        return "float16", None, 0.0
    return packed["dtype"], float(packed["scale"]), float(packed["min"])


def _weight(entry: Any, file: File) -> _Weight:
    try:
        name, shape, dtype = entry["name"], tuple(entry["shape"]), entry["dtype"]
        stored, scale, least = _stored_as(dtype, entry.get("quantization"))
    except (TypeError, KeyError, ValueError, AttributeError, OverflowError):
        raise _damaged(file, "expected name, shape, dtype and quantization of each tensor") from None
    if not isinstance(name, str):
        raise _damaged(file, "expected names of tensors")
    if not all(type(n) is int and 0 <= n < 2**63 for n in shape) or len(shape) > 32:
        raise _damaged(file, f"{name[:80]}: expected whole numbers for its shape")
    for kind in (dtype, stored):
        if not isinstance(kind, str) or kind not in _DTYPES:
            raise _damaged(
                file, f"{name[:80]} has dtype {str(kind)[:40]}: expected one of {', '.join(_DTYPES)}"
            )
    return _Weight(name, shape, dtype, np.dtype(_DTYPES[stored]), scale, least)


def _damaged(file: File, what: str) -> FileFormatError:
    return FileFormatError(f"{file.label}: not a readable manifest of TensorFlow.js: {what}")
