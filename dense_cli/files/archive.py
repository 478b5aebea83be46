"""Zip archives read within bounds: no member is written to disk, none inflates past what is allowed.

The format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import errno
import io
import shutil
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import DenseCliError, FileFormatError
from dense_cli.files.dtypes import widen
from dense_cli.files.stream import File, Section
from dense_cli.files.temporary import TemporaryFile
from dense_cli.files.tensor import Extent, Rows, Tensor, require_inflated
from dense_cli.limits import require_bytes

_LOCAL_HEADER = 30  # bytes before the member's name
_PIECE = 1 << 20


def open_archive(file: File) -> zipfile.ZipFile:
    """Open a zip archive, at a place of its own in the file.

    Raises:
        FileFormatError: not a zip archive, damaged, cut short, or with two members of one name.
        OSError: the file cannot be read.
    """
    with zip_errors(file.label):
        archive = zipfile.ZipFile(io.BufferedReader(Section(file)))
    [(name, times)] = Counter(archive.namelist()).most_common(1) or [("", 1)]
    if times > 1:
        raise FileFormatError(f"{file.label}: the zip archive has {times} members named {name[:80]}")
    return archive


@contextmanager
def zip_errors(file: str) -> Iterator[None]:
    """Turn whatever a damaged archive makes of zipfile and zlib into a FileFormatError."""
    try:
        yield
    except DenseCliError:
        raise
    except OSError as error:
        if error.errno != errno.EINVAL:  # a directory that points before the start of the file
            raise
        raise FileFormatError(f"{file}: damaged zip archive: {error.strerror}") from error
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        RuntimeError,
        ValueError,
        KeyError,
        OverflowError,
    ) as error:
        reason = str(error).split("\n")[0][:200] or type(error).__name__
        raise FileFormatError(
            f"{file}: not a readable zip archive (cut short or damaged?): {reason}"
        ) from error


def require_readable(info: zipfile.ZipInfo, file: str) -> None:
    """Refuse an encrypted member, one of an unusual compression, and a stored one of two sizes."""
    where = f"{file}: {info.filename[:80]}"
    if info.flag_bits & 0x1:
        raise FileFormatError(f"{where}: encrypted zip member: expected one without a password")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise FileFormatError(f"{where}: zip compression {info.compress_type}: expected stored or deflated")
    if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
        raise FileFormatError(
            f"{where}: the zip directory claims {info.file_size} bytes, {info.compress_size} are stored"
        )


def data_offset(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: File) -> int:
    """Return where in the file a stored member's bytes begin, all of them being there."""
    with zip_errors(file.label), archive.open(info):  # checks the local header against the directory
        pass
    # A member is: a local header of 30 bytes, its name, its extra field, its bytes. The directory at the end
    # of the archive says where the header stands, and not where the bytes do: name and extra field may have
    # other lengths there (PyTorch pads the local one, so that tensors begin at multiples of 64). The local
    # header has both lengths, of two bytes each, in its last four bytes: APPNOTE 4.3.7.
    header = Section(file, info.header_offset).read(_LOCAL_HEADER)
    lengths = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    start = info.header_offset + _LOCAL_HEADER + sum(lengths)
    if start + info.file_size > file.size:
        there = max(file.size - start, 0)
        raise FileFormatError(
            f"{file.label}: {info.filename[:80]} claims {info.file_size} bytes, {there} are there"
        )
    return start


def member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: File, memory: int | None) -> bytes:
    """Return a whole member, its size being one that is allowed."""
    require_readable(info, file.label)
    where = f"{file.label}: {info.filename[:80]}"
    stored = min(info.compress_size, file.size)
    require_bytes(info.file_size, where, "the zip member", memory)
    require_inflated(info.file_size, stored, where, "the zip member", memory)
    with zip_errors(file.label):
        return archive.read(info)


def inflated(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: File, memory: int | None) -> File:
    """Return a compressed member as a temporary file without a name, its size being one that is allowed."""
    where = f"{file.label}: {info.filename[:80]}"
    require_inflated(info.file_size, min(info.compress_size, file.size), where, "the zip member", memory)
    copy = TemporaryFile(where)
    with zip_errors(file.label), archive.open(info) as member:
        shutil.copyfileobj(member, copy, _PIECE)
        return copy.reopened(where)


class Checksum:
    """The checksum of a stored member, which its bytes are held against.

    Bytes that are read from the first to the last are summed up in passing; `finish` reads what is left.
    """

    def __init__(self, file: File, start: int, info: zipfile.ZipInfo, where: str) -> None:
        self._file, self._expected, self._where = file, info.CRC, where
        self._at, self._end, self._sum = start, start + info.file_size, 0  # how far it is summed up

    @property
    def finished(self) -> bool:
        """Whether all bytes were held against it."""
        return self._at == self._end

    def take(self, numbers: NDArray[Any], at: int) -> bool:
        """Sum up numbers that were read at a place of the file, if they are the next ones."""
        if at != self._at:
            return False
        total = zlib.crc32(numbers.reshape(-1).view(np.uint8).data, self._sum)
        if at + numbers.nbytes == self._end and total != self._expected:
            raise FileFormatError(f"{self._where}: damaged: its bytes do not have the archive's checksum")
        self._at, self._sum = at + numbers.nbytes, total
        return True

    def finish(self, until: int | None = None) -> None:
        """Read and sum up what is left, or what is left before a place of the file.

        Raises:
            FileFormatError: the bytes do not have the checksum.
        """
        end = self._end if until is None else until
        while self._at < end:
            piece = np.empty(min(end - self._at, _PIECE), np.uint8)
            self._file.fill(piece, self._at)
            self.take(piece, self._at)


@dataclass(frozen=True)
class _Checked:
    """Numbers in a stored member: those that are not read in order are given once all were summed up."""

    extent: Extent
    checksum: Checksum

    def read(self) -> NDArray[Any]:
        numbers = self.extent.bytes()
        self.checksum.take(numbers, self.extent.offset)
        self.checksum.finish()
        return self.extent.shaped(numbers)

    def rows(self, wanted: Rows) -> NDArray[Any]:
        extent, checksum = self.extent, self.checksum
        if not checksum.finished:
            if isinstance(wanted, slice):
                numbers = extent.stored_rows(wanted)
                if checksum.take(numbers, extent.place(wanted.start)):
                    if extent.place(wanted.stop) == extent.offset + extent.nbytes:
                        checksum.finish()
                    return widen(numbers, extent.dtype)
            checksum.finish()
        return extent.rows(wanted)


def checked(extent: Extent, checksum: Checksum, name: str) -> Tensor:
    """Return numbers in a stored member as a tensor that is held against the member's checksum."""
    tensor, member = extent.tensor(name), _Checked(extent, checksum)
    return replace(tensor, read=member.read, rows=None if tensor.rows is None else member.rows)
