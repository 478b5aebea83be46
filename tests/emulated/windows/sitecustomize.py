"""Make Python's modules on Linux lack what they lack on Windows, and refuse what Windows refuses.

Found by Python at its start where this folder is in PYTHONPATH. It shows what densecli asks of the system;
what Windows itself does, with paths, consoles and pipes, it cannot show.
"""

import errno
import os
import select
import signal
import sys

_MISSING = {
    os: (
        *("pread", "preadv", "readv", "pwrite", "pwritev", "writev", "fchmod", "set_blocking"),
        *("get_blocking", "sched_getaffinity", "O_TMPFILE", "O_NONBLOCK", "O_DIRECTORY", "O_NOFOLLOW"),
        *("mkfifo", "fork", "getuid", "geteuid", "sysconf", "statvfs", "posix_fadvise", "sendfile"),
        "memfd_create",
    ),
    signal: ("SIGHUP", "SIGKILL", "SIGPIPE", "SIGALRM", "SIGUSR1", "pthread_sigmask", "setitimer"),
}
for _module, _names in _MISSING.items():
    for _name in _names:
        if hasattr(_module, _name):
            delattr(_module, _name)
for _name in ("resource", "fcntl", "termios", "pwd", "grp", "pty", "tty"):
    sys.modules[_name] = None

_exists, _replace, _unlink = os.path.exists, os.replace, os.unlink


def _is_open(path):
    real = os.path.realpath(path)
    for number in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{number}") == real:
                return True
        except OSError:
            pass
    return False


def _refused(path):
    return PermissionError(errno.EACCES, "Access is denied", path)


def exists(path):
    return not os.fspath(path).startswith("/proc") and _exists(path)


def replace(src, dst, **extra):
    if _is_open(dst) or _is_open(src):
        raise _refused(src)
    _replace(src, dst, **extra)


def unlink(path, **extra):
    # Windows removes a temporary file by itself when it is closed.
    if _is_open(path) and sys._getframe(1).f_globals["__name__"] != "tempfile":
        raise _refused(path)
    _unlink(path, **extra)


def link(*args, **extra):
    raise OSError(errno.EINVAL, "not on Windows")


def ask(read, write, error, timeout=None):
    raise OSError(10038, "An operation was attempted on something that is not a socket")


os.path.exists, os.replace, os.unlink, os.remove = exists, replace, unlink, unlink
os.link, select.select = link, ask
