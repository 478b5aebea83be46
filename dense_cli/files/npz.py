"""NPZ, a zip archive of NPY arrays: stored members are read in place, compressed ones inflated as a stream.

Every member is held against its checksum before the last of its numbers is given.

The format: https://numpy.org/doc/stable/reference/generated/numpy.savez.html
"""

from __future__ import annotations

import zipfile
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import FileFormatError
from dense_cli.files.archive import Checksum, checked, data_offset, open_archive, require_readable, zip_errors
from dense_cli.files.dtypes import require_numeric
from dense_cli.files.npy import NpyHeader, read_header
from dense_cli.files.stream import File
from dense_cli.files.tensor import ReadInto, Tensor, Tensors


def tensors(file: File, memory: int | None = None) -> Tensors:
    """Return the arrays of an NPZ archive.

    Raises:
        FileFormatError: not a zip archive, damaged, or with two members of one name.
    """
    archive = open_archive(file)
    members = {
        info.filename.removesuffix(".npy"): info
        for info in archive.infolist()
        if info.filename.endswith(".npy")
    }
    return Tensors(members, lambda name: _tensor(archive, members[name], name, file))


def _tensor(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, file: File) -> Tensor:
    """Describe a member.

    Raises:
        FileFormatError: it is encrypted, compressed in an unusual way, or of another size than its array.
        DtypeError: it does not hold real numbers.
    """
    where = f"{file.label}: {name}"
    require_readable(info, file.label)
    with zip_errors(file.label), archive.open(info) as stream:
        header = read_header(stream, where)
    require_numeric(header.dtype, where)
    if header.data_offset + header.nbytes != info.file_size:
        raise FileFormatError(
            f"{where}: shape {header.shape} of {header.dtype} is {header.nbytes} bytes, "
            f"the member holds {info.file_size - header.data_offset}"
        )
    start = data_offset(archive, info, file) if info.compress_type == zipfile.ZIP_STORED else 0
    extent = header.extent(file, start + header.data_offset)
    if info.compress_type == zipfile.ZIP_STORED:
        checksum = Checksum(file, start, info, where)
        checksum.finish(extent.offset)  # the header
        return checked(extent, checksum, name)
    return replace(
        extent.tensor(name, stored=min(info.compress_size, file.size)),
        read=lambda: _inflate(file, info, header, where),
        rows=None,
        stream=None if header.fortran_order else lambda: _stream(file, info, header, where),
    )


def _stream(file: File, info: zipfile.ZipInfo, header: NpyHeader, where: str) -> ReadInto:
    """Return a function that reads the numbers on into one array after another."""
    with zip_errors(where):
        member = open_archive(file).open(info)
        member.seek(header.data_offset)
    left = header.nbytes

    def readinto(out: NDArray[Any]) -> int:
        nonlocal left
        view, done = out.view(np.uint8).reshape(-1).data, 0
        with zip_errors(where):
            while done < len(view) and (got := member.readinto(view[done:])):  # type: ignore[attr-defined]
                done += got
            left -= done
            if not left:
                member.read(1)  # at its end zipfile holds a member against its checksum
        return done

    return readinto


def _inflate(file: File, info: zipfile.ZipInfo, header: NpyHeader, where: str) -> NDArray[Any]:
    flat = np.empty(header.nbytes, np.uint8)
    done = _stream(file, info, header, where)(flat)
    if done != header.nbytes:
        raise FileFormatError(f"{where}: cut short: expected {header.nbytes} bytes of data, found {done}")
    return flat.view(header.dtype).reshape(header.shape, order="F" if header.fortran_order else "C")
