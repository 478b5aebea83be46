"""Where output goes: a file that appears whole or not at all, or a stream."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from dense_cli.errors import naming


@contextmanager
def open_output(path: str) -> Iterator[BinaryIO]:
    """Open ``path`` for writing; what is written takes its place only when the block ends without an error.

    A regular file is written beside its place, flushed to the disk and renamed, with the mode of the
    file it replaces or as the umask says. A device or FIFO is written straight.

    Raises:
        OSError: the folder is missing, ``path`` is a folder, the disk is full, …
    """
    import tempfile

    try:
        old = os.stat(path)
    except FileNotFoundError:
        old = None
    if old is not None and not stat.S_ISREG(old.st_mode):
        with naming(path), open(path, "wb") as straight:  # refuses a folder with the right words
            yield straight
        return
    if not path:
        raise FileNotFoundError(errno.ENOENT, "the output file has no name", "-o")
    with naming(path):  # the current folder may be gone
        place = os.path.realpath(path)
    folder = os.path.dirname(place)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "the output folder does not exist", path)
    try:
        fd, beside = tempfile.mkstemp(prefix=".densecli-", dir=folder)
    except OSError as e:
        e.filename = path
        raise
    try:
        with os.fdopen(fd, "wb", buffering=1 << 20) as file:
            yield file
            file.flush()
            os.fchmod(fd, stat.S_IMODE(old.st_mode) if old is not None else 0o666 & ~_umask())
            os.fsync(fd)
        os.replace(beside, place)
    except BaseException as e:
        os.unlink(beside)
        if isinstance(e, OSError) and e.filename in (None, beside):
            e.filename = path
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
