"""Arrays filled a part at a time, several parts at once: NumPy's loops run beside each other in threads.

In: what each part is made of, in order, and how. Out: the filled array. Which thread makes a part, and when,
changes no number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextvars import copy_context
from typing import Any, TypeVar

from numpy.typing import NDArray

from dense_cli.portable import processors

_FEW = 1 << 18  # numbers that are made before threads would have begun

Made = TypeVar("Made")


def fill(out: NDArray[Any], step: int, parts: Iterable[Made], make: Callable[[Made], NDArray[Any]]) -> None:
    """Fill an array, ``step`` numbers at a time.

    Args:
        out: (size,), which is filled.
        step: how many numbers a part has; of the last one, what does not fit is left out.
        parts: gives what each part is made of; asked for in order, by this thread alone.
        make: returns the numbers of a part, in any shape.
    """

    def put(start: int, part: Made) -> None:
        room = out[start : start + step]
        room[:] = make(part).reshape(-1)[: room.size]

    threads = processors() if out.size > _FEW else 1
    if threads == 1:
        for start, part in zip(range(0, out.size, step), parts, strict=False):
            put(start, part)
        return
    from concurrent.futures import Future, ThreadPoolExecutor

    pending: deque[Future[None]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for start, part in zip(range(0, out.size, step), parts, strict=False):
            # NumPy's treatment of errors belongs to the context, which a thread does not take over by itself.
            pending.append(pool.submit(copy_context().run, put, start, part))
            if len(pending) > 2 * threads:
                pending.popleft().result()
        while pending:
            pending.popleft().result()
