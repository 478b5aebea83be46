"""Files elsewhere, by their address: read by ranges through fsspec, and never two versions of one.

In: an address such as ``s3://bucket/x.npy`` or ``https://host/x.npy``. Out: a `File`.

What HTTP does not promise is checked of each answer: that it is the range which was asked for, of a file of
the same size, entity tag and time as before. Other systems are asked for size, tag and time after each read.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from dense_cli.addresses import without_secrets
from dense_cli.errors import DenseCliError, FileFormatError, MissingExtraError
from dense_cli.files.stream import File

_LEAST = 1 << 16  # bytes of one request; twice as many where a read goes on from the last
_MOST = 1 << 22
_KEPT = 1 << 25  # bytes that are kept of what was read, in case they are read again
# What tells one version of a file from another, by the names that file systems have for it.
_VERSION = ("ETag", "etag", "LastModified", "last_modified", "mtime", "updated", "generation", "created")

Stamp = tuple[Any, ...]


class Remote(Protocol):
    """Where a remote file is read from.

    Attributes:
        size: its bytes; None where only reading from first to last tells.
        stamp: what changes where the file does.
    """

    size: int | None
    stamp: Stamp

    def fetch(self, at: int, size: int) -> bytes:
        """Return up to ``size`` bytes that begin at ``at``, at least one where there is one."""

    def next(self, size: int) -> bytes:
        """Return up to ``size`` of the next bytes; none at the end."""

    def close(self) -> None:
        """Give up what is open."""


class RemoteFile(File):
    """A file elsewhere; some of what was read is kept, so that small reads side by side are few requests."""

    def __init__(self, address: str, stamp: Stamp | None = None) -> None:
        super().__init__()
        self.name = address
        self.label = without_secrets(address)
        self._lock = threading.Lock()
        self._kept: dict[int, bytes] = {}  # by where they begin, the last used ones last
        self._at = 0
        with remote_errors(self.label):
            self._remote = _open(address, self.label)
        if stamp not in (None, self._remote.stamp):
            raise changed(self.label)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the address, which is opened anew: another version of the file is refused."""
        return RemoteFile, (self.name, self._remote.stamp)

    @property
    def size(self) -> int:
        assert self._remote.size is not None
        return self._remote.size

    @property
    def regular(self) -> bool:
        return self._remote.size is not None

    def close(self) -> None:
        if not self.closed and hasattr(self, "_remote"):
            self._remote.close()
        super().close()

    def is_ready(self) -> bool:
        return True  # rows go on in blocks, however slowly they come

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        out = memoryview(buffer)
        if self.regular:
            got = self.read_into(out, self._at)
        else:
            with remote_errors(self.label):
                data = self._remote.next(len(out))
            got = len(data)
            out[:got] = data
        self._at += got
        return got

    def read_at(self, size: int, at: int) -> bytes:
        data = bytearray(max(0, min(size, self.size - at)))
        done = 0
        while done < len(data):
            done += self.read_into(memoryview(data)[done:], at + done)
        return bytes(data)

    def read_into(self, out: memoryview, at: int) -> int:
        size = min(len(out), self.size - at)
        if size <= 0:
            return 0
        with self._lock, remote_errors(self.label):
            start = next((start for start, data in self._kept.items() if 0 <= at - start < len(data)), at)
            data = self._kept.pop(start, None)
            if data is None:
                data = self._remote.fetch(at, min(max(size, self._ahead(at)), self.size - at))
            if not data:
                raise FileFormatError(f"{self.label}: the file ended at byte {at} while it was read")
            if len(data) <= _MOST:
                self._keep(start, data)
        part = memoryview(data)[at - start : at - start + size]
        out[: len(part)] = part
        return len(part)

    def _ahead(self, at: int) -> int:
        """Return how many bytes are asked for at least: more where what ends here was read before."""
        before = (len(data) for start, data in self._kept.items() if start + len(data) == at)
        return min(max((2 * length for length in before), default=_LEAST), _MOST)

    def _keep(self, start: int, data: bytes) -> None:
        self._kept[start] = data
        while sum(map(len, self._kept.values())) > _KEPT:
            del self._kept[next(iter(self._kept))]


class _Stored:
    """A file of any system that fsspec knows."""

    def __init__(self, address: str, label: str) -> None:
        self._label = label
        self._system, self._path = file_system(address, label)
        self._stream: Any = None
        info = self._info()
        if info.get("type") == "directory":
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), label)
        self.size: int | None = info.get("size")
        self.stamp = self._stamp(info)

    def _info(self) -> dict[str, Any]:
        self._system.invalidate_cache()
        info: dict[str, Any] = self._system.info(self._path)
        return info

    def _stamp(self, info: dict[str, Any]) -> Stamp:
        return (info.get("size"), *(str(info[name]) for name in _VERSION if name in info))

    def fetch(self, at: int, size: int) -> bytes:
        data: bytes = self._system.cat_file(self._path, start=at, end=at + size)
        # Asked for afterwards: what was read is of this version, or of one before.
        if self._stamp(self._info()) != self.stamp:
            raise changed(self._label)
        return data

    def next(self, size: int) -> bytes:
        if self._stream is None:
            self._stream = self._system.open(self._path, "rb")
        data: bytes = self._stream.read(size)
        return data

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()


def open_remote(address: str) -> RemoteFile:
    """Open a file elsewhere.

    Raises:
        OSError: there is none, it may not be read, or nobody answers.
        MissingExtraError: fsspec, or the library for such addresses, is not installed.
    """
    return RemoteFile(address)


def _open(address: str, label: str) -> Remote:
    if address.lower().startswith(("http://", "https://")):
        from dense_cli.files.http import HttpFile

        return HttpFile(address, label)
    return _Stored(address, label)


def file_system(address: str, label: str, **options: Any) -> tuple[Any, str]:
    """Return fsspec's file system of an address, and the path in it; ``options`` are those of the system.

    Raises:
        MissingExtraError: fsspec, or the library for such addresses, is not installed.
        FileFormatError: no such kind of address is known.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise MissingExtraError(f"{label}: reading what is elsewhere", "remote") from None
    try:
        system, path = url_to_fs(address, **options)
    except ImportError as error:
        raise FileFormatError(
            f"{label}: such addresses need a library that is not installed", hint=first_line(error)
        ) from None
    return system, path


def changed(label: str) -> FileFormatError:
    """Return the error of a file that is another one now."""
    return FileFormatError(f"{label}: the file changed while it was read: expected the one that was opened")


def first_line(error: BaseException) -> str:
    """Return what an error says, in one line and without secrets."""
    text = " ".join(str(error).split())[:300] or type(error).__name__
    return without_secrets(text)


@contextmanager
def remote_errors(label: str) -> Iterator[None]:
    """Turn whatever libraries make of a server and the way to it into an error that names the file."""
    try:
        yield
    except DenseCliError:
        raise
    except FileNotFoundError as error:
        if error.filename == label:
            raise
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), label) from None
    except OSError as error:
        reason = error.strerror if type(error.strerror) is str else first_line(error)
        raise OSError(error.errno or errno.EIO, without_secrets(reason), label) from error
    except Exception as error:  # of aiohttp, botocore, google.auth, paramiko, …
        raise OSError(errno.EIO, first_line(error), label) from error
