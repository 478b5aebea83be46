"""Make Python's modules on Linux lack what they lack on macOS.

Found by Python at its start where this folder is in PYTHONPATH.
"""

import fcntl
import os
import sys

for _name in ("preadv", "sched_getaffinity", "O_TMPFILE", "posix_fadvise", "memfd_create"):
    if hasattr(os, _name):
        delattr(os, _name)

_exists = os.path.exists
os.path.exists = lambda path: not os.fspath(path).startswith("/proc") and _exists(path)
_fcntl = fcntl.fcntl
fcntl.F_FULLFSYNC = 51


def control(fd, command, *args):
    if command == fcntl.F_FULLFSYNC:
        os.fsync(fd)
        return 0
    return _fcntl(fd, command, *args)


fcntl.fcntl = control
if "DENSECLI_EMULATES" in os.environ:  # what else asks for the platform, as ctypes does, is not to be misled
    sys.platform = "darwin"
