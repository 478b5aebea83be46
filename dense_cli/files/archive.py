"""Zip archives read within bounds: no member is written to disk, none inflates past what is allowed.

The format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import errno
import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from dense_cli.errors import DenseCliError, FileFormatError
from dense_cli.files.stream import File, Section
from dense_cli.files.tensor import require_inflated
from dense_cli.limits import require_bytes

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_LOCAL_HEADER = 30  # bytes before the member's name


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
    # The lengths of the name and of the extra field may differ from those in the directory.
    header = Section(file, info.header_offset, _LOCAL_HEADER).read()
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
