"""One BLAS thread for each thread of our own.

OpenBLAS splits each product among threads of its own, which wait for each other in busy loops: among the
small products of a loop over time, or beside other programs, that takes several times as long as one thread.
So blocks are computed in threads of ours, each with products of one thread.

Source: interface/openblas_set_num_threads.c of OpenBLAS; the names are those of NumPy's wheels.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

_FOLDERS = ("../numpy.libs", ".dylibs")
_NAMES = [
    f"{prefix}openblas_{{}}_num_threads{suffix}" for prefix in ("scipy_", "") for suffix in ("64_", "_64", "")
]
_lock = threading.Lock()
_users = 0
_before = 1


@functools.cache
def _functions() -> tuple[Callable[[], int], Callable[[int], Any]] | None:
    """Return what tells and what sets the number of threads of the OpenBLAS in NumPy's wheel, if any."""
    import ctypes

    home = Path(np.__file__).parent
    for path in sorted(path for folder in _FOLDERS for path in (home / folder).glob("*openblas*")):
        library = ctypes.CDLL(str(path))  # it is loaded already
        for name in _NAMES:
            if hasattr(library, name.format("set")):
                return getattr(library, name.format("get")), getattr(library, name.format("set"))
    return None


@contextmanager
def one_thread() -> Iterator[bool]:
    """Let BLAS compute each product with one thread inside; give whether that is so.

    >>> with one_thread() as alone:
    ...     product = np.ones((2, 3)) @ np.ones((3, 2))
    """
    global _users, _before
    functions = _functions()
    if functions is None:
        yield False
        return
    get, put = functions
    with _lock:
        if not _users:
            _before = get()
            put(1)
        _users += 1
    try:
        yield True
    finally:
        with _lock:
            _users -= 1
            if not _users:
                put(_before)
