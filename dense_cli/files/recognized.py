"""Files that are recognized and not read: what they are, and how to get from them to one that is read."""

from __future__ import annotations

import errno
import os
import re
from typing import NamedTuple, NoReturn

from dense_cli.errors import FileFormatError
from dense_cli.files.formats import FORMATS
from dense_cli.text import listed

SKLEARN = "numpy.savez('head.npz', coef_=model.coef_, intercept_=model.intercept_)"
_UNPACK = "unpack it, and give the file in it that holds the weights"
_FIRST = "give the model that it was converted from"
_ONNX = "python -m tf2onnx.convert --{} FILE --output model.onnx makes an ONNX model of it"


class _Kind(NamedTuple):
    """A kind of file: by the pattern of its first bytes, or by its suffixes where these do not tell."""

    what: str
    hint: str
    magic: bytes | None = None
    suffixes: tuple[str, ...] = ()


_KINDS = (
    _Kind("a TensorFlow Lite model", f"{_FIRST}, or {_ONNX.format('tflite')}", rb".{4}TFL3"),
    _Kind(
        "a GGUF model",
        "give the safetensors that it was made from, or save a tensor with the gguf package: "
        "numpy.savez('head.npz', weight=gguf.quants.dequantize(tensor.data, tensor.tensor_type))",
        rb"GGUF|FUGG|lmgg|tjgg",
    ),
    _Kind("a compressed pickle of joblib", SKLEARN, suffixes=(".joblib",)),
    _Kind("what gzip has compressed", _UNPACK, rb"\x1f\x8b"),
    _Kind("what bzip2 has compressed", _UNPACK, rb"BZh[1-9]1AY&SY"),
    _Kind("what xz has compressed", _UNPACK, rb"\xfd7zXZ\0"),
    _Kind("what Zstandard has compressed", _UNPACK, rb"\x28\xb5\x2f\xfd"),
    _Kind("a 7z archive", _UNPACK, rb"7z\xbc\xaf\x27\x1c"),
    _Kind("a RAR archive", _UNPACK, rb"Rar!\x1a\x07"),
    _Kind("a tar archive", _UNPACK, suffixes=(".tar",)),
    _Kind(
        "a Core ML model", f"{_FIRST} (.pt, .keras, .onnx)", suffixes=(".mlmodel", ".mlpackage", ".mlmodelc")
    ),
    _Kind(
        "a graph of TensorFlow", _ONNX.format("graphdef") + " with --inputs and --outputs", suffixes=(".pb",)
    ),
)


def require_readable_kind(path: str, start: bytes) -> None:
    """Refuse a file of a kind that is known and not read.

    Args:
        path: the file, for its suffix.
        start: its first bytes, at least 16 of them where there are so many.

    Raises:
        FileFormatError: what it is, with a hint how to get from it to something that is read.
    """
    suffix = os.path.splitext(path)[1].lower()
    for kind in _KINDS:
        if kind.magic is not None and re.match(kind.magic, start, re.DOTALL):
            raise _refusal(path, kind)
    if any(row.magic is not None and row.fits(start) for row in FORMATS.values()):
        return  # whatever it is called, there is a reader of it
    for kind in _KINDS:
        if suffix in kind.suffixes:
            raise _refusal(path, kind)


def refuse_folder(path: str) -> NoReturn:
    """Refuse a folder by what is in it.

    Raises:
        FileFormatError: it is one that is known.
        IsADirectoryError: it is another.
    """
    require_no_model_folder(path)
    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)


def require_no_model_folder(path: str) -> None:
    """Refuse a folder that is a model.

    Raises:
        FileFormatError: what it is, with a hint how to get from it to something that is read.
    """
    names = os.listdir(path)
    if "saved_model.pb" in names or "saved_model.pbtxt" in names:
        raise FileFormatError(
            f"{path}: a SavedModel of TensorFlow is not read", hint=_ONNX.format("saved-model")
        )
    for kind in _KINDS:
        if os.path.splitext(path.rstrip("/"))[1].lower() in kind.suffixes:
            raise _refusal(path, kind)


def require_arrays_in_archive(path: str, names: list[str]) -> None:
    """Refuse a zip archive of other files than arrays.

    Raises:
        FileFormatError: none of its members is an array.
    """
    if names and not any(name.endswith(".npy") for name in names):
        raise FileFormatError(f"{path}: a zip archive of {listed(names)} is not read", hint=_UNPACK)


def _refusal(path: str, kind: _Kind) -> FileFormatError:
    return FileFormatError(f"{path}: {kind.what} is not read", hint=kind.hint)
