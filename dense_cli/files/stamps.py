"""What tells a file from another one that has its path, on this machine or on a worker of a cluster."""

from __future__ import annotations

import errno
import os

Stamp = tuple[int, int]  # size and time of the last change: what tells a file from another of its path


def stamp_of(status: os.stat_result) -> Stamp:
    """Return what tells a file from another one that has its path, here or on another machine."""
    return status.st_size, status.st_mtime_ns


def require_stamp(stamp: Stamp, status: os.stat_result, file: str) -> None:
    """Refuse another file than the one that was meant.

    Raises:
        OSError: it has another size, or was written at another time.
    """
    if stamp_of(status) != stamp:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), file)
