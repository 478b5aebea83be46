"""Names of layers: counted up per class as in Keras (``dense``, ``dense_1``), and paths of weights.

Source: keras/src/utils/naming.py, keras/src/backend/common/name_scope.py.
"""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

_used: defaultdict[str, int] = defaultdict(int)


def to_snake_case(name: str) -> str:
    """Return a class's name as Keras writes it in a layer's name.

    >>> to_snake_case("TimeDistributed"), to_snake_case("Conv1D"), to_snake_case("LSTM")
    ('time_distributed', 'conv1d', 'lstm')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(prefix: str) -> str:
    """Return the next unused name for ``prefix``, the name of a class."""
    name = to_snake_case(prefix)
    count = _used[name]
    _used[name] += 1
    return f"{name}_{count}" if count else name


def get_uid(prefix: str = "") -> int:
    """Return how often ``prefix`` was asked for, this time included."""
    _used[prefix] += 1
    return _used[prefix]


def clear_session(free_memory: bool = True) -> None:
    """Let the names of layers count from the start again, like ``keras.backend.clear_session``."""
    _used.clear()


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.stack: list[tuple[str, object]] = []


_scopes = _Scopes()


@contextmanager
def name_scope(name: str, owner: object) -> Iterator[None]:
    """Put ``name`` before the names of weights made inside; entered twice by one owner it counts once."""
    stack = _scopes.stack
    if stack and stack[-1][1] is owner:
        yield
        return
    stack.append((name, owner))
    try:
        yield
    finally:
        stack.pop()


def current_path() -> str:
    """Return the names of the open scopes, joined by ``/``."""
    return "/".join(name for name, _ in _scopes.stack)
