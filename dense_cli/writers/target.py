"""Where output goes: a file that appears whole or not at all, or a stream."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import BinaryIO

from dense_cli import portable
from dense_cli.addresses import is_address, without_secrets
from dense_cli.errors import FileFormatError
from dense_cli.files.stream import naming

_NEW = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
_LINKS = 40  # as many as Linux follows

# What removes a file that is not whole yet, by the name that it has until then, for who ends the process.
half_written: dict[str, Callable[[], None]] = {}


@contextmanager
def open_output(path: str) -> Iterator[BinaryIO]:
    """Open ``path`` for writing; what is written takes its place only when the block ends without an error.

    A regular file is written in its folder without a name, flushed to the disk and only then given its
    name, with the mode of the file it replaces or as the umask says. A device, a FIFO, or what stands
    for a descriptor of this process, such as /dev/stdout, is written straight. An address with ``://`` is
    written through fsspec.

    Raises:
        OSError: the folder is missing, ``path`` is a folder or read-only, the disk is full, …
    """
    if not path:
        raise FileNotFoundError(errno.ENOENT, "the output file has no name", "-o")
    if is_address(path):
        from dense_cli.writers.remote import open_remote

        with open_remote(path, half_written) as file:
            yield file
        return
    try:
        old = os.stat(path)
    except FileNotFoundError:
        old = None
    with naming(path):  # the current folder may be gone
        number = _descriptor(path)
        place = os.path.realpath(path)
    if number is not None or (old is not None and not stat.S_ISREG(old.st_mode)):
        # Opening refuses a folder with the right words.
        with naming(path), open(path if number is None else os.dup(number), "wb") as straight:
            yield straight
        return
    folder = os.path.dirname(place)
    _require_writable(path, folder, old)
    beside = os.path.join(folder, f".densecli-{os.urandom(8).hex()}")
    half_written[beside] = partial(portable.remove_open, None, beside)
    unnamed = None
    try:
        fd, named = _create(folder, beside)
        half_written[beside] = partial(portable.remove_open, fd, beside)
        unnamed = f"/proc/self/fd/{fd}"
        with os.fdopen(fd, "wb", buffering=1 << 20) as file:
            yield file
            file.flush()
            if old is not None:
                portable.keep_mode(fd, beside, stat.S_IMODE(old.st_mode))
            portable.flush_to_disk(fd)
            named = named or _named(fd, beside, place, free=old is None)
        half_written[beside] = partial(portable.remove_open, None, beside)
        if named:
            os.replace(beside, place)
    except BaseException as e:
        with suppress(OSError):  # a file system that is read-only does not say that there is none
            os.unlink(beside)
        if isinstance(e, OSError) and e.filename in (None, beside, unnamed):
            e.filename = path
        raise
    finally:
        half_written.pop(beside, None)


@contextmanager
def open_folder(path: str) -> Iterator[str]:
    """Make a folder beside ``path``, which takes its place only when the block ends without an error.

    An older folder is replaced where it is empty or a Zarr store: it is moved aside, and gone once the new
    one has its name.

    Raises:
        OSError: the folder around it is missing or read-only, ``path`` is something else, the disk is full, …
    """
    if is_address(path):
        raise FileFormatError(f"{without_secrets(path)}: a folder is written on this machine alone")
    with naming(path):
        place = os.path.realpath(path)
    old = os.stat(place) if os.path.lexists(place) else None
    if not path or (old is not None and not _replaceable(place)):
        raise FileExistsError(errno.EEXIST, "expected a new name, or a Zarr folder that is replaced", path)
    parent = os.path.dirname(place)
    _require_writable(path, parent, old)
    beside = os.path.join(parent, f".densecli-{os.urandom(8).hex()}")
    aside = f"{beside}-old"
    half_written[beside] = partial(portable.remove_open, None, beside)
    try:
        with naming(path):
            os.mkdir(beside)
        yield beside
        if old is not None:
            os.chmod(beside, stat.S_IMODE(old.st_mode))
            os.rename(place, aside)
        os.rename(beside, place)
        shutil.rmtree(aside, ignore_errors=True)
    except BaseException as e:
        shutil.rmtree(beside, ignore_errors=True)
        if os.path.isdir(aside) and not os.path.lexists(place):
            os.rename(aside, place)
        if isinstance(e, OSError) and str(e.filename or "").startswith(beside):
            e.filename = path
        raise
    finally:
        half_written.pop(beside, None)


def _replaceable(place: str) -> bool:
    """Whether a folder is one that may be replaced: what is no store of arrays may be anything."""
    from dense_cli.files.zarr import is_zarr

    return os.path.isdir(place) and (is_zarr(place) or not os.listdir(place))


def _require_writable(path: str, folder: str, old: os.stat_result | None) -> None:
    """Refuse a place where no file can be put; replacing a file that is read-only would not ask."""
    if old is not None and stat.S_ISREG(old.st_mode):
        with open(path, "r+b"):  # says why it may not be written
            pass
    elif old is not None and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "the output folder does not exist", path)
    if os.path.basename(path) in ("", ".", ".."):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)


def _named(fd: int, beside: str, place: str, *, free: bool) -> bool:
    """Give a file without a name its place where that is ``free``, else the name ``beside``: whether it has.

    A free name is taken in one step. Linux has none that puts a file without a name where another is: that
    takes a name beside it for a moment, which SIGKILL in this moment leaves behind. Where no name can be
    given, the file is copied to ``beside``.
    """
    try:
        return not (free and _linked(fd, place)) and _linked(fd, beside)
    except OSError:  # some sandboxes do not allow it
        with os.fdopen(os.open(beside, _NEW, 0o666), "wb") as copy, open(fd, "rb", closefd=False) as file:
            file.seek(0)
            shutil.copyfileobj(file, copy, 1 << 20)
            copy.flush()
            portable.keep_mode(copy.fileno(), beside, stat.S_IMODE(os.fstat(fd).st_mode))
            portable.flush_to_disk(copy.fileno())
        return True


def _descriptor(path: str) -> int | None:
    """Return the descriptor of this process that ``path`` stands for.

    Opening /dev/stdout anew would begin at the start of a file that others are writing to, and replacing
    it would take the file from them.
    """
    for _ in range(_LINKS):
        folder, name = os.path.split(path)
        folder = os.path.realpath(folder)
        if _holds_descriptors(folder) and name.isdecimal():
            return int(name)
        path = os.path.join(folder, name)
        if not os.path.islink(path):
            break
        path = os.path.join(folder, os.readlink(path))
    return None


def _holds_descriptors(folder: str) -> bool:
    """Whether a folder is one of those that list this process' descriptors: /proc has one for each thread."""
    thread = re.fullmatch(r"/proc/(?:[0-9]+/task/)?([0-9]+)/fd", folder)
    return folder == "/dev/fd" or (thread is not None and os.path.exists(f"/proc/self/task/{thread[1]}"))


def _create(folder: str, beside: str) -> tuple[int, bool]:
    """Return a new file's descriptor and whether it is named ``beside``."""
    fd = portable.create_unnamed(folder)
    if fd is not None:
        return fd, False
    return os.open(beside, _NEW, 0o666), True


def _linked(fd: int, name: str) -> bool:
    """Give a file without a name this one; False where there is a file of that name."""
    try:
        portable.name_unnamed(fd, name)
    except FileExistsError:
        return False
    return True
