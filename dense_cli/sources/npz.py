"""NPZ, a zip archive of NPY files: https://numpy.org/doc/stable/reference/generated/numpy.savez.html"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import zipfile
import zlib
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import FileFormatError
from dense_cli.sources.arrays import ArraySource, FileStore
from dense_cli.sources.choose import choose
from dense_cli.sources.formats import Request
from dense_cli.sources.npy import check_size, from_stream
from dense_cli.sources.npyheader import read_header, require_numeric
from dense_cli.sources.source import Source, check_shape
from dense_cli.sources.stream import ByteStream, TemporaryFile

BAD_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, UnicodeDecodeError)


def read(stream: ByteStream, request: Request) -> Source:
    """Read one member: in place where it is stored, row by row where it is compressed."""
    start = stream.peek(4)
    if not start:
        raise FileFormatError(f"{stream.name}: the file is empty, expected an NPZ archive")
    if start[:2] != b"PK":  # nothing else is worth a copy on the disk
        raise FileFormatError(f"{stream.name}: not a readable NPZ (zip) file: it begins with {start!r}")
    file: IO[bytes]
    if stat.S_ISREG(os.fstat(stream.file.fileno()).st_mode) and stream.origin == 0:
        file = stream.file
        file.seek(0)
    else:
        file = TemporaryFile()
        shutil.copyfileobj(stream, file)
        file.seek(0)
    try:
        archive = zipfile.ZipFile(file)
    except BAD_ZIP as e:
        raise FileFormatError(f"{stream.name}: not a readable NPZ (zip) file: {e}") from None
    except OSError as e:
        raise _damaged(e, stream.name) from None
    members = {i.filename.removesuffix(".npy"): i for i in archive.infolist() if i.filename.endswith(".npy")}
    name = choose(list(members), request, stream.name)
    return _open_member(archive, file, members[name], f"{stream.name}[{name}]", stream.memory)


def _open_member(
    archive: zipfile.ZipFile, file: IO[bytes], info: zipfile.ZipInfo, name: str, memory: int | None
) -> Source:
    try:
        member = archive.open(info)
        header = read_header(member, name)
    except BAD_ZIP as e:
        raise FileFormatError(f"{name}: this member of the zip cannot be read: {e}") from None
    except OSError as e:
        raise _damaged(e, name) from None
    require_numeric(header.dtype, name)
    check_size(header, info.file_size - header.data_offset, name)

    if info.compress_type == zipfile.ZIP_STORED and not header.fortran_order:
        shape = header.shape if len(header.shape) != 1 else (1, *header.shape)
        check_shape(shape, name, memory)
        local = os.pread(file.fileno(), 30, info.header_offset)
        start = (
            info.header_offset
            + 30
            + int.from_bytes(local[26:28], "little")
            + int.from_bytes(local[28:30], "little")
        )
        size = os.fstat(file.fileno()).st_size
        check_size(header, size - start - header.data_offset, name)
        store = FileStore(file, name, start + header.data_offset, header.dtype, shape[-1])
        return ArraySource.over(name, store, shape[:-1])

    def readinto(out: NDArray[Any]) -> int:
        view, done = out.view(np.uint8).reshape(-1).data, 0
        try:
            while done < len(view) and (got := member.readinto(view[done:])):  # type: ignore[attr-defined]
                done += got
        except BAD_ZIP as e:
            raise FileFormatError(f"{name}: this member of the zip is damaged: {e}") from None
        return done

    return from_stream(header, readinto, name, memory)


def _damaged(error: OSError, name: str) -> Exception:
    """Return the error of a seek to before the file's start, which is the directory's fault, as one."""
    if error.errno == errno.EINVAL:
        return FileFormatError(f"{name}: damaged zip archive: its directory points outside of the file")
    error.filename = error.filename or name
    return error
