"""How much memory may be taken, and how more of it is refused before any is taken."""

from __future__ import annotations

from dense_cli.errors import SizeError

HELD = 4 << 30  # bytes that may be taken without being asked

# Bytes that a number of the widest row takes while it is worked on: copies in float64, exponentials, masks.
ROW_COST = 64
# Bytes of Python's objects and of the array that a byte of JSON stands for, at most: "[1]," is a list.
TEXT_COST = 24


def allowed(memory: int | None) -> int:
    """Return the bytes that may be taken where ``memory`` is what was asked for."""
    return max(HELD, memory or 0)


def require_bytes(nbytes: int, where: str, what: str, memory: int | None = None) -> None:
    """Refuse to take ``nbytes`` for ``what`` if that is over ``memory`` and over 4 GiB.

    Raises:
        SizeError: the message has the size and the limit.

    >>> require_bytes(5 << 30, "x.npy", "all of it")
    Traceback (most recent call last):
        ...
    dense_cli.errors.SizeError: x.npy: all of it would take 5368709120 bytes (5.0 GiB), more than 4 GiB
    """
    limit = allowed(memory)
    if nbytes > limit:
        raise SizeError(
            f"{where}: {what} would take {nbytes} bytes ({nbytes / 2**30:.1f} GiB), "
            f"more than {limit / 2**30:g} GiB",
            hint="--memory SIZE allows more",
        )
