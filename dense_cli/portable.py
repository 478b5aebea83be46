"""What differs between operating systems, in one place: nothing else asks what it runs on.

Each function uses what Linux has where it is there, and else a form that runs everywhere: Windows has no
reading at a place, no change of an open file's mode, and does not replace or remove a file that is open;
macOS keeps what is flushed in the drive's cache, and has no files without a name.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

_position = threading.Lock()  # of files that are read at a place by moving to it


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _pread(fd: int, size: int, at: int) -> bytes:
    """Return up to ``size`` bytes that begin at ``at``; where the next read begins stays as it was."""
    with _position:
        back = os.lseek(fd, 0, os.SEEK_CUR)
        os.lseek(fd, at, os.SEEK_SET)
        try:
            return os.read(fd, size)
        finally:
            os.lseek(fd, back, os.SEEK_SET)


def _preadv(fd: int, outs: list[memoryview], at: int) -> int:
    """Fill the one of ``outs`` with bytes that begin at ``at``, as far as one read goes; return how many."""
    (out,) = outs
    data = pread(fd, min(len(out), 1 << 24), at)
    out[: len(data)] = data
    return len(data)


# Of Python's own names and arguments, and where the system has them no more than these: many reads are short.
pread: Callable[[int, int, int], bytes] = getattr(os, "pread", _pread)
preadv: Callable[[int, list[memoryview], int], int] = getattr(os, "preadv", _preadv)


def is_ready(fd: int) -> bool:
    """Whether a read would give something, or the end, at once; where that cannot be told, it would not."""
    import select

    try:
        return bool(select.select([fd], [], [], 0)[0])
    except (OSError, ValueError):  # Windows asks only sockets
        return False


def wait_for_reads(fd: int) -> None:
    """Let reads and writes of a descriptor wait for the other side.

    Raises:
        OSError: there is no such descriptor.
    """
    os.fstat(fd)
    if hasattr(os, "set_blocking"):
        os.set_blocking(fd, True)


def take_keyboard() -> None:
    """Make the terminal standard input, where that is something else.

    Raises:
        OSError: this process has no terminal.
    """
    if os.isatty(0):
        return
    fd = os.open("CONIN$" if sys.platform == "win32" else "/dev/tty", os.O_RDWR)
    os.dup2(fd, 0)
    os.close(fd)


def ending_signals() -> list[signal.Signals]:
    """Return the signals that end a process and that it can take: Windows has other ones."""
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def is_closed_pipe(error: OSError) -> bool:
    """Whether an error says that nobody reads a pipe any more: on Windows it is another one."""
    return isinstance(error, BrokenPipeError) or (sys.platform == "win32" and error.errno == errno.EINVAL)


def memory_is_bounded() -> bool:
    """Whether the address space of this process is bounded."""
    try:
        from resource import RLIM_INFINITY, RLIMIT_AS, getrlimit
    except ImportError:
        return False
    return bool(getrlimit(RLIMIT_AS)[0] != RLIM_INFINITY)


def create_unnamed(folder: str) -> int | None:
    """Return the descriptor of a new file without a name in a folder; None where there are no such files.

    It is gone with the process, however that ends, unless `name_unnamed` gives it a name.
    """
    with suppress(AttributeError, OSError):
        if os.path.exists("/proc/self/fd"):
            return os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666)
    return None


def name_unnamed(fd: int, name: str) -> None:
    """Give a file without a name this one.

    Raises:
        FileExistsError: there is such a file.
        OSError: this system, or what bounds this process, does not allow it.
    """
    # With a descriptor, which an absolute name does not need, Python follows the link.
    os.link(f"/proc/self/fd/{fd}", name, src_dir_fd=fd, follow_symlinks=True)


def keep_mode(fd: int, name: str, mode: int) -> None:
    """Give an open file, whose name is ``name`` where it has one, the mode of another."""
    if hasattr(os, "fchmod"):
        os.fchmod(fd, mode)
    else:
        os.chmod(name, mode)


def flush_to_disk(fd: int) -> None:
    """Wait until what was written to a file is on its disk, and not only in the drive's cache."""
    if sys.platform == "darwin":
        import fcntl

        with suppress(OSError):  # not every file system has it
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
            return
    os.fsync(fd)


def remove_open(fd: int | None, name: str) -> None:
    """Remove a file that this process may have open, or a folder, just before it ends."""
    if os.path.isdir(name):
        import shutil

        shutil.rmtree(name, ignore_errors=True)
        return
    try:
        os.unlink(name)
    except PermissionError:  # Windows removes no file that is open
        with suppress(OSError):
            if fd is not None:
                os.close(fd)
            os.unlink(name)
    except OSError:
        pass
