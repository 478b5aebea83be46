"""What the tensors of a PyTorch file are called, wherever in its dictionaries and modules they stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

from dense_cli.files.pickles import Inert
from dense_cli.text import encodable

T = TypeVar("T")

# Keys under which training scripts save a state dict: they are no part of a tensor's name.
_HOLDERS = {"state_dict", "model_state_dict", "model_state", "model", "module", "net", "network"}
# What wraps a module puts these before every name: DataParallel, torch.compile.
_WRAPPERS = ("module.", "_orig_mod.")
_OF_MODULES = ("_parameters", "_buffers", "_modules")
_DEPTH = 200  # of nested containers; a checkpoint has a few
_MAX_NAMES = 64 << 20  # characters of all names together

Groups = dict[tuple[str, ...], dict[str, T]]


class _Place(NamedTuple):
    """A container, the keys that lead to it, and within a module what its tensors' names begin with."""

    container: Any
    path: tuple[str, ...]
    prefix: str | None
    depth: int

    @property
    def in_module(self) -> bool:
        """Whether names are those of a module's state dict."""
        return self.prefix is not None or isinstance(self.container, Inert)

    def name_of(self, key: str) -> str:
        """Return the name of what stands under a key."""
        return (self.prefix or "") + ("" if self.in_module and key in _OF_MODULES else key)

    def inside(self, container: Any, key: str, name: str | None) -> _Place:
        """Return the place of a container in this one; ``name``: its name in a module, if in one."""
        if name is None:
            return _Place(container, (*self.path, key), None, self.depth + 1)
        prefix = f"{name}." if name and not name.endswith(".") else name
        return _Place(container, self.path, prefix, self.depth + 1)


def named(content: Any, kind: type[T]) -> dict[str, T]:
    """Return the tensors in ``content``, which are of type ``kind``, by their names.

    A tensor alone is called ``""``. One in a dictionary goes by its key where no other dictionary has that
    key: ``{"net": {"fc.weight": …}, "epoch": 3}`` holds ``fc.weight``; else the keys that lead there stand
    before it. One in a module goes by its place in the module, as in its state dict.

    Raises:
        ValueError: nested without end, names without end, or two tensors of one name.
    """
    if isinstance(content, kind):
        return {"": content}
    groups = {path: _unwrapped(group) for path, group in _grouped(content, kind).items()}
    short = _short(groups)
    found: dict[str, T] = {}
    for path, group in groups.items():
        for key, tensor in group.items():
            name = key if path in short else ".".join((*path, key))
            if name in found:
                raise ValueError(f"two tensors are called {name[:80]}")
            if name != encodable(name):
                raise ValueError(f"expected names in UTF-8, found {encodable(name)[:80]}")
            found[name] = tensor
    return found


def _short(groups: Groups[T]) -> set[tuple[str, ...]]:
    """Return the groups whose tensors go by their keys: no other has these, or one is the state dict."""
    counts = Counter(key for group in groups.values() for key in group)
    short = {path for path, group in groups.items() if all(counts[key] == 1 for key in group)}
    held = [path for path in groups if _HOLDERS.issuperset(path)]
    return short | set(held) if len(held) == 1 else short


def _grouped(content: Any, kind: type[T]) -> Groups[T]:
    """Return the tensors of each dictionary, list and module, by the keys that lead there."""
    groups: Groups[T] = {}
    seen: set[int] = set()
    letters = 0
    waiting = [_Place(content, (), None, 0)]
    while waiting:
        place = waiting.pop()
        if id(place.container) in seen:
            continue
        seen.add(id(place.container))
        inside: list[_Place] = []
        for key, item in _entries(place.container):
            letters += len(key) + len(place.prefix or "")
            if place.depth > _DEPTH or letters > _MAX_NAMES:
                raise ValueError(f"expected at most {_DEPTH} levels and {_MAX_NAMES} characters of names")
            name = place.name_of(key)
            if isinstance(item, kind):
                groups.setdefault(place.path, {})[name] = item
            elif isinstance(item, (dict, list, tuple, Inert)):
                inside.append(place.inside(item, key, name if place.in_module else None))
        waiting += reversed(inside)
    return groups


def _entries(container: Any) -> Iterator[tuple[str, Any]]:
    """Give what stands in a container, by its keys."""
    if isinstance(container, Inert):
        yield from _entries(container.items)
        state = container.state
        if isinstance(state, tuple) and state:  # with the values of its slots
            state = state[0]
        if isinstance(state, dict):
            yield from _entries(state)
    elif isinstance(container, dict):
        for key, item in container.items():
            if isinstance(key, (str, int)):
                yield str(key), item
    else:
        for number, item in enumerate(container):
            yield str(number), item


def _unwrapped(group: dict[str, T]) -> dict[str, T]:
    """Return tensors without what a wrapper has put before all of their names."""
    for wrapper in _WRAPPERS:
        if all(key.startswith(wrapper) for key in group):
            group = {key.removeprefix(wrapper): tensor for key, tensor in group.items()}
    return group
