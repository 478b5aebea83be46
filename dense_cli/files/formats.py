"""The one table of the formats that are read, and how a file's format is told.

A container of named tensors is one module of this package, whose ``tensors(file, memory)`` gives them, and a
row here; weights and inputs are then read from it. What needs a reader of its own names it: text that is read
line by line (``arrays``), and files that say more of a layer than the names of its tensors (``weights``).
"""

from __future__ import annotations

import os
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from dense_cli.addresses import without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable

    from dense_cli.files.stream import File

_ZIP = rb"PK(\x03\x04|\x05\x06)"
_HDF5 = rb"\x89HDF\r\n\x1a\n"
_NPY = rb"\x93NUMPY"
_PICKLE = rb"\x80"


class Format(NamedTuple):
    """A row of the table; dotted paths are loaded when a file of this format is opened.

    Attributes:
        name: what options and messages call it.
        suffixes: those of its files.
        magic: a pattern of what its files begin with, none where that does not tell.
        tensors: the reader of its named tensors.
        arrays: the reader of its rows, where they are not simply those of a tensor.
        weights: the reader of its heads, where they are not simply named tensors.
        holds: ``arrays``, ``weights`` or both.
        extra: what is installed for it: ``densecli[extra]``.
        folder: whether it is a folder, whose path then stands for the file.
    """

    name: str
    suffixes: tuple[str, ...]
    magic: bytes | None = None
    tensors: str | None = None
    arrays: str | None = None
    weights: str | None = None
    holds: tuple[str, ...] = ("arrays", "weights")
    extra: str | None = None
    folder: bool = False

    def fits(self, start: bytes) -> bool:
        """Whether a file of this format may begin like that."""
        return self.magic is None or re.match(self.magic, start, re.DOTALL) is not None


FORMATS = {
    row.name: row
    for row in (
        Format(
            "json",
            (".json",),
            tensors="dense_cli.files.json:tensors",
            arrays="dense_cli.sources.json:read",
            weights="dense_cli.heads.json:read",
        ),
        Format("jsonl", (".jsonl", ".ndjson"), arrays="dense_cli.sources.jsonl:read", holds=("arrays",)),
        Format(
            "npy",
            (".npy",),
            _NPY,
            tensors="dense_cli.files.npy:tensors",
            arrays="dense_cli.sources.npy:read",
            holds=("arrays",),
        ),
        Format("npz", (".npz",), _ZIP, tensors="dense_cli.files.npz:tensors"),
        Format("csv", (".csv",), arrays="dense_cli.sources.csv:read", holds=("arrays",)),
        Format("tsv", (".tsv", ".tab"), arrays="dense_cli.sources.csv:read_tsv", holds=("arrays",)),
        Format("python", (".py",), arrays="dense_cli.sources.python:read", holds=("arrays",)),
        Format(
            "keras",
            (".keras",),
            _ZIP,
            weights="dense_cli.heads.keras:read",
            holds=("weights",),
            extra="keras",
        ),
        Format(
            "hdf5",
            (".h5", ".hdf5"),
            _HDF5,
            tensors="dense_cli.files.hdf5:tensors",
            weights="dense_cli.heads.hdf5:read",
            extra="keras",
        ),
        # Before the one byte of a pickle, which may as well begin the length of a header.
        Format(
            "safetensors",
            (".safetensors",),
            rb".{5}\0{3}\{",
            tensors="dense_cli.files.safetensors:tensors",
        ),
        Format(
            "zarr",
            (".zarr",),
            tensors="dense_cli.files.zarr:tensors",
            holds=("arrays",),
            extra="zarr",
            folder=True,
        ),
        Format(
            "parquet",
            (".parquet", ".pq"),
            rb"PAR1",
            arrays="dense_cli.sources.tables:read_parquet",
            holds=("arrays",),
            extra="parquet",
        ),
        Format(
            "arrow",
            (".arrow", ".arrows", ".feather", ".ipc"),
            rb"ARROW1|\xff{4}",
            arrays="dense_cli.sources.tables:read_arrow",
            holds=("arrays",),
            extra="parquet",
        ),
        Format("onnx", (".onnx",), weights="dense_cli.heads.onnx:read", holds=("weights",), extra="onnx"),
        Format(
            "torch",
            (".pt", ".pth"),
            _ZIP + b"|" + _PICKLE,
            tensors="dense_cli.files.torch:tensors",
        ),
    )
}


def holding(what: str) -> list[str]:
    """Return the names of the formats that hold ``arrays`` or ``weights``.

    >>> holding("arrays")[:3]
    ['json', 'jsonl', 'npy']
    """
    return [row.name for row in FORMATS.values() if what in row.holds]


def load(path: str) -> Any:
    """Return what a dotted path of the table names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def by_suffix(file: str, what: str) -> Format | None:
    """Return the format that the suffix of a file names, among those that hold ``what``."""
    suffix = os.path.splitext(without_secrets(file))[1].lower()
    return next((row for row in FORMATS.values() if what in row.holds and suffix in row.suffixes), None)


def folder_format(path: str) -> Format | None:
    """Return the format of a folder: by what is in it, else by its suffix; None where it is only a folder."""
    from dense_cli.files.zarr import is_zarr

    row = FORMATS["zarr"] if is_zarr(path) else by_suffix(path.rstrip("/"), "arrays")
    return row if row is not None and row.folder else None


def by_content(start: bytes, whole: Callable[[], File], what: str) -> Format | None:
    """Return the format of a binary file: by its first 16 bytes, and a zip archive's by its members.

    ``whole`` gives the file, to look at what an archive holds.
    """
    if re.match(_ZIP, start):
        row = FORMATS[_zipped(whole())]
        return row if what in row.holds else None
    rows = (row for row in FORMATS.values() if row.magic is not None and what in row.holds)
    return next((row for row in rows if row.fits(start)), None)


def _zipped(file: File) -> str:
    from dense_cli.files.archive import open_archive

    names = open_archive(file).namelist()
    if "config.json" in names:
        return "keras"
    return "torch" if any(name.endswith("/data.pkl") for name in names) else "npz"


def looks_like(start: bytes) -> str:
    """Say what first bytes look like, for a message."""
    for looks, magic in (
        ("a zip archive", _ZIP),
        ("HDF5", _HDF5),
        ("an NPY array", _NPY),
        ("a pickle", _PICKLE),
        ("JSON or text", rb"[{\[]"),
    ):
        if re.match(magic, start):
            return looks
    return repr(start[:16])
