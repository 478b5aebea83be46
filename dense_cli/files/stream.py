"""Bytes that come once, from a pipe or a file, with a look ahead and a sense of when more is there."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli import portable
from dense_cli.addresses import is_address
from dense_cli.errors import FileFormatError
from dense_cli.files.stamps import Stamp, require_stamp, stamp_of
from dense_cli.limits import TEXT_COST, allowed, require_bytes

BOM = b"\xef\xbb\xbf"  # which some editors put before UTF-8 text
_CHUNK = 1 << 18  # a Linux pipe holds 64 KiB; files are read in larger pieces


@contextmanager
def naming(file: str) -> Iterator[None]:
    """Give an OSError that names no file, such as one of a read, the name of ``file``."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or file
        raise


class File(io.RawIOBase):
    """Bytes that are read at any place, or from the first to the last: of this system, or from elsewhere.

    Attributes:
        name: its path, or its descriptor.
        label: what messages call it.
    """

    name: Any
    label: str

    @property
    def size(self) -> int:
        """How many bytes it has now."""
        raise NotImplementedError

    @property
    def regular(self) -> bool:
        """Whether its bytes can be had in any order, as those of a pipe cannot."""
        raise NotImplementedError

    def read_into(self, out: memoryview, at: int) -> int:
        """Fill ``out`` with the bytes that begin at ``at``, as far as one read goes; return how many."""
        raise NotImplementedError

    def read_at(self, size: int, at: int) -> bytes:
        """Return up to ``size`` bytes that begin at ``at``, as far as one read goes."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Whether a further read would give something, or the end, at once."""
        raise NotImplementedError

    def first(self, size: int) -> bytes:
        """Return up to ``size`` of its first bytes."""
        with naming(self.label):
            return self.read_at(size, 0)

    def fill(self, out: NDArray[Any], at: int) -> None:
        """Fill ``out`` with the bytes that begin at ``at``.

        Raises:
            FileFormatError: they are no longer there.
        """
        view = out.view(np.uint8).reshape(-1).data
        while view:
            got = self.read_into(view, at)
            if not got:
                raise FileFormatError(f"{self.label}: the file ended at byte {at} while it was read")
            view, at = view[got:], at + got

    def runs(self, lengths: list[int], places: list[int]) -> bytes:
        """Return so many bytes from each of these places, joined."""
        with naming(self.label):
            data = b"".join(map(self.read_at, lengths, places))
        if len(data) < sum(lengths):
            raise FileFormatError(f"{self.label}: the file ended while it was read")
        return data


class LocalFile(io.FileIO, File):
    """A file of this system, which is closed with the last of those that read from it."""

    def __init__(self, file: str | int, mode: str = "r", label: str | None = None) -> None:
        super().__init__(file, mode)
        self.label = label if label is not None else str(file)

    def __del__(self) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the path, which is opened anew: what reads from a file can go to another process."""
        if not isinstance(self.name, str):
            raise TypeError(f"cannot pickle {self.label}: it has no path")
        path = os.path.abspath(self.name)
        return _reopened, (path, self.label, stamp_of(os.fstat(self.fileno())))

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        """Python 3.12.1 and 3.13.0 have one for files, which refuses."""
        return self.__reduce__()

    @property
    def size(self) -> int:
        return os.fstat(self.fileno()).st_size

    @property
    def regular(self) -> bool:
        return stat.S_ISREG(os.fstat(self.fileno()).st_mode)

    def read_into(self, out: memoryview, at: int) -> int:
        try:
            return portable.preadv(self.fileno(), [out], at)
        except OSError as error:
            error.filename = error.filename or self.label
            raise

    def read_at(self, size: int, at: int) -> bytes:
        return portable.pread(self.fileno(), size, at)

    def is_ready(self) -> bool:
        return portable.is_ready(self.fileno())


def _reopened(path: str, label: str, stamp: Stamp) -> LocalFile:
    file = LocalFile(path, "r", label)
    require_stamp(stamp, os.fstat(file.fileno()), label)
    return file


class Section(io.RawIOBase):
    """A part of a file as a file of its own, with a place of its own."""

    def __init__(self, file: File, start: int = 0, size: int | None = None) -> None:
        self.file, self.start = file, start
        self.size = file.size - start if size is None else size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        wanted = min(len(buffer), max(self.size - self._at, 0))
        got = self.file.read_into(memoryview(buffer)[:wanted], self.start + self._at)
        self._at += got
        return got


class ByteStream:
    """Read a file forwards: whole lines, exact counts, or what is there.

    ``memory`` is what may be taken for what is parsed as one piece; 4 GiB always may.
    """

    def __init__(self, file: File, name: str, memory: int | None = None) -> None:
        self.file = file
        self.name = name
        self.memory = memory
        self._held = b""
        self._whole: File | None = None
        try:
            # Where the data begin in a regular file: not at 0 where a shell has read part of it.
            self.origin = file.tell()
        except OSError:
            self.origin = 0

    @property
    def regular(self) -> bool:
        """Whether it is a file whose bytes can be had in any order, not a pipe."""
        return self.file.regular

    def whole(self) -> File:
        """Return a file that holds this stream from its beginning: itself, or a copy of it."""
        if self._whole is None:
            self._whole = self.file if self.regular and self.origin == 0 else self._copy()
        return self._whole

    def _copy(self) -> File:
        import shutil

        from dense_cli.files.temporary import TemporaryFile

        copy = TemporaryFile(self.name)
        shutil.copyfileobj(self, copy)
        return copy.reopened(self.name)

    def start(self, size: int) -> bytes:
        """Return up to ``size`` bytes from its beginning, without taking them, before anything is taken."""
        return self.peek(size) if self._whole is None else self._whole.first(size)

    def ready(self, size: int) -> bytes:
        """Return up to ``size`` of the next bytes without taking them: fewer at the end or of a line.

        A line of text that has come need not wait for the next one.
        """
        while len(self._held) < size and not _holds_line(self._held) and (more := self._more()):
            self._held += more
        return self._held[:size]

    def _more(self) -> bytes:
        with naming(self.name):
            return self.file.read(_CHUNK) or b""

    def peek(self, size: int) -> bytes:
        """Return up to ``size`` of the next bytes without taking them: fewer only at the end."""
        while len(self._held) < size:
            more = self._more()
            if not more:
                break
            self._held += more
        return self._held[:size]

    def peek_line(self, limit: int) -> bytes:
        """Return the next bytes up to the end of a line that is not blank, cut at ``limit``; takes none."""
        while True:
            blank = len(self._held) - len(self._held.removeprefix(BOM).lstrip())
            end = self._held.find(b"\n", blank)
            if end >= 0 or len(self._held) >= limit or not (more := self._more()):
                return self._held[: limit if end < 0 else min(end, limit)]
            self._held += more

    def more_than(self, size: int) -> bool:
        """Whether anything but white space follows the next ``size`` bytes, as far as it is worth looking."""
        while not self._held[size : size + _CHUNK].strip() and len(self._held) < size + _CHUNK:
            more = self._more()
            if not more:
                break
            self._held += more
        return bool(self._held[size : size + _CHUNK].strip())

    def read(self, size: int = -1) -> bytes:
        """Return exactly ``size`` bytes, or all that are left: fewer only at the end."""
        parts, have = [self._held], len(self._held)
        while size < 0 or have < size:
            more = self._more()
            if not more:
                break
            parts.append(more)
            have += len(more)
        data = b"".join(parts)
        if size < 0:
            size = len(data)
        self._held = data[size:]
        return data[:size]

    def text(self) -> bytes:
        """Return all that is left, to be parsed as one piece.

        Raises:
            SizeError: that would take more memory than is allowed.
        """
        text = self.read(allowed(self.memory) // TEXT_COST + 1)
        self.bound(len(text), "a text that is parsed whole")
        return text

    def bound(self, size: int, what: str) -> None:
        """Refuse ``size`` bytes of text that would take more memory than is allowed, once parsed."""
        require_bytes(size * TEXT_COST, self.name, what, self.memory)

    def readinto(self, out: NDArray[Any]) -> int:
        """Fill ``out`` and return how many bytes were there: fewer than it holds only at the end."""
        view = out.view(np.uint8).reshape(-1).data
        done = min(len(self._held), len(view))
        view[:done] = self._held[:done]
        self._held = self._held[done:]
        while done < len(view):
            with naming(self.name):
                got = self.file.readinto(view[done:])
            if not got:
                break
            done += got
        return done

    def lines(self) -> tuple[list[bytes], bool]:
        """Return the next whole lines and whether a further read might have to wait.

        The last line counts as whole at the end of the stream. No lines means the end.

        Raises:
            SizeError: to parse a line would take more memory than is allowed.
        """
        parts, have = [self._held], len(self._held)
        while b"\n" not in parts[-1]:
            self.bound(have, "a line of such a length")
            more = self._more()
            if not more:
                self._held = b""
                rest = b"".join(parts)
                return ([rest] if rest else []), False
            parts.append(more)
            have += len(more)
        # Split only what holds a newline: a very long line is joined once.
        whole, _, rest = parts[-1].rpartition(b"\n")
        self._held = rest
        lines = (b"".join(parts[:-1]) + whole).split(b"\n")
        return lines, not self.file.is_ready()


def open_stream(path: str, memory: int | None = None) -> ByteStream:
    """Open ``path``, an address, or standard input for ``-``, for reading forwards.

    A FIFO is waited for until somebody writes to it.

    Raises:
        OSError: there is no such file, it is a directory, or it may not be read.
        MissingExtraError: the library for addresses of this kind is not installed.
    """
    if path == "-":
        return ByteStream(LocalFile(os.dup(0), label="standard input"), "standard input", memory)
    if is_address(path):
        from dense_cli.files.remote import open_remote

        remote = open_remote(path)
        return ByteStream(remote, remote.label, memory)
    return ByteStream(LocalFile(path), path, memory)


def open_file(path: str) -> File:
    """Open a file that can be read at any place; what is elsewhere and cannot is copied. Errors as above."""
    return open_stream(path).whole() if is_address(path) else LocalFile(path)


def open_regular(path: str) -> File | None:
    """Open a file as `open_file` does; None of a pipe or a device, which is left alone."""
    if is_address(path):
        return open_stream(path).whole()
    return LocalFile(path) if stat.S_ISREG(os.stat(path).st_mode) else None


def decoded(content: bytes, name: str) -> str:
    """Return UTF-8 as text, without a byte order mark.

    Raises:
        FileFormatError: it is not UTF-8; the message has the first such byte.
    """
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        found = f"byte {content[error.start]:#04x} at offset {error.start}"
        raise FileFormatError(f"{name}: not UTF-8 text: {found}") from error


def _holds_line(start: bytes) -> bool:
    """Whether bytes begin with a whole line of text, blank ones before it not counted."""
    line, newline, _ = start.lstrip().partition(b"\n")
    return bool(newline) and line.isascii() and b"\0" not in line
