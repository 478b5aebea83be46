"""Heads in NPZ archives (numpy.savez): stored members are read in place, compressed ones inflated in bounds.

A stored member's checksum is not computed, which would cost more than reading it.

The format: https://numpy.org/doc/stable/reference/generated/numpy.savez.html
"""

from __future__ import annotations

import os
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import FileFormatError
from dense_cli.heads.archive import data_offset, open_archive, require_readable
from dense_cli.heads.head import Heads, Tensor, read_array
from dense_cli.heads.pairs import find_heads
from dense_cli.sources.npyheader import NpyHeader, read_header, require_numeric

_PIECE = 1 << 20


def read(file: str, memory: int | None = None) -> Heads:
    """Return the heads of an NPZ archive; arrays that are named like no kernel or bias are left alone.

    Raises:
        FileFormatError: not a zip archive, a damaged one, or one without a kernel.
        DtypeError: a kernel or bias that does not hold real numbers.
    """
    with open_archive(file) as archive:
        members = {
            info.filename.removesuffix(".npy"): info
            for info in archive.infolist()
            if info.filename.endswith(".npy")
        }
        return find_heads(members, lambda name: _tensor(archive, members[name], name, file), file)


def _tensor(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, file: str) -> Tensor:
    where = f"{file}: {name}"
    require_readable(info, file)
    with archive.open(info) as stream:
        header = read_header(stream, where)
    require_numeric(header.dtype, where)
    if header.data_offset + header.nbytes != info.file_size:
        raise FileFormatError(
            f"{where}: shape {header.shape} of {header.dtype} is {header.nbytes} bytes, "
            f"the member holds {info.file_size - header.data_offset}"
        )
    dtype = header.dtype.newbyteorder("=").name
    if info.compress_type == zipfile.ZIP_STORED:
        start = data_offset(archive, info, file) + header.data_offset
        order = "F" if header.fortran_order else "C"
        return Tensor(
            name,
            header.shape,
            dtype,
            lambda: read_array(file, start, header.shape, header.dtype, order),
        )
    stored = min(info.compress_size, os.stat(file).st_size)
    return Tensor(name, header.shape, dtype, lambda: _inflate(file, info, header, where), stored=stored)


def _inflate(file: str, info: zipfile.ZipInfo, header: NpyHeader, where: str) -> NDArray[Any]:
    flat = np.empty(header.nbytes, np.uint8)
    done = 0
    with open_archive(file) as archive, archive.open(info) as stream:
        stream.seek(header.data_offset)
        while piece := stream.read(_PIECE):
            flat[done : done + len(piece)] = np.frombuffer(piece, np.uint8)
            done += len(piece)
        if done != header.nbytes:
            raise FileFormatError(f"{where}: cut short: expected {header.nbytes} bytes of data, found {done}")
    return flat.view(header.dtype).reshape(header.shape, order="F" if header.fortran_order else "C")
