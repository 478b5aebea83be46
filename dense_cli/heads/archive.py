"""Zip archives read within bounds: no member is written to disk, none inflates past what is allowed.

The format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import errno
import io
import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from dense_cli.errors import DenseCliError, FileFormatError
from dense_cli.heads.head import require_inflated
from dense_cli.limits import require_bytes

_LOCAL_HEADER = 30  # bytes before the member's name


@contextmanager
def open_archive(file: str) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive; whatever is wrong with it inside the ``with`` becomes a FileFormatError.

    Raises:
        FileFormatError: not a zip archive, damaged, cut short, or with two members of one name.
        OSError: the file cannot be read.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            [(name, times)] = Counter(archive.namelist()).most_common(1) or [("", 1)]
            if times > 1:
                raise FileFormatError(f"{file}: the zip archive has {times} members named {name[:80]}")
            yield archive
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


def data_offset(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: str) -> int:
    """Return where in the file a stored member's bytes begin, all of them being there."""
    with archive.open(info):  # checks the local header against the directory
        pass
    with open(file, "rb") as stream:
        stream.seek(info.header_offset)
        header = stream.read(_LOCAL_HEADER)
        size = os.fstat(stream.fileno()).st_size
    lengths = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    start = info.header_offset + _LOCAL_HEADER + sum(lengths)
    if start + info.file_size > size:
        raise FileFormatError(
            f"{file}: {info.filename[:80]} claims {info.file_size} bytes, {max(size - start, 0)} are there"
        )
    return start


def member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: str, memory: int | None) -> bytes:
    """Return a whole member, its size being one that is allowed."""
    require_readable(info, file)
    where = f"{file}: {info.filename[:80]}"
    stored = min(info.compress_size, os.stat(file).st_size)
    require_bytes(info.file_size, where, "the zip member", memory)
    require_inflated(info.file_size, stored, where, "the zip member", memory)
    return archive.read(info)


class Section(io.RawIOBase):
    """A part of a file as a file of its own."""

    def __init__(self, file: str, start: int, size: int) -> None:
        self._file = open(file, "rb", buffering=0)
        self._start, self._size, self._at = start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        wanted = min(len(buffer), max(self._size - self._at, 0))
        self._file.seek(self._start + self._at)
        got = self._file.readinto(memoryview(buffer)[:wanted]) or 0
        self._at += got
        return got

    def close(self) -> None:
        self._file.close()
        super().close()
