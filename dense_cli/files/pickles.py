"""A pickle read as data: plain containers and values; whatever it names or calls becomes an inert stand-in.

Nothing is imported, and nothing is called but the functions that the caller hands over by name, which are
densecli's own. What a hostile pickle can do to this process is bounded: opcodes and texts are no more than
the file holds, an index is a key of a dictionary, and what is hashed holds nothing that would be hashed in
turn (a tuple in a tuple in a tuple … ends the process).

The format: https://github.com/python/cpython/blob/main/Lib/pickletools.py
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

_SCALARS = (str, bytes, int, float, bool, type(None))
_VALUES = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": list,
}


@dataclass(frozen=True)
class Name:
    """A class or function that a pickle names: nothing but its name."""

    name: str


@dataclass(eq=False)
class Inert:
    """What a pickle makes by calling something: who was called, and the state that it was given."""

    name: str
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)


Functions = Mapping[str, Callable[..., Any]]


def load(stream: IO[bytes], functions: Functions, persistent: Callable[[Any], Any]) -> Any:
    """Return the value of the pickle at which ``stream`` stands, and leave it behind the pickle.

    Args:
        stream: the pickle; a read gives no more than is there, whatever is asked for.
        functions: what is called for a name, such as ``"collections.OrderedDict"``.
        persistent: what stands for a persistent id.

    Raises:
        ValueError, IndexError, KeyError, TypeError: it is no pickle, or one that is not for plain values.
    """
    machine = _Machine(functions, persistent)
    for opcode, arg, _ in pickletools.genops(stream):
        if opcode.name == "STOP":
            break
        machine.run(opcode.name, arg)
    return machine.stack.pop()


class _Machine:
    """The stack machine that a pickle is a program for."""

    def __init__(self, functions: Functions, persistent: Callable[[Any], Any]) -> None:
        self.stack: list[Any] = []
        self._marked: list[list[Any]] = []  # the stacks below each mark
        self._memo: dict[Any, Any] = {}
        self._functions = functions
        self._persistent = persistent

    def run(self, opcode: str, arg: Any) -> None:
        if opcode in _VALUES:
            self.stack.append(arg)
        elif opcode in _CONSTANTS:
            self.stack.append(_CONSTANTS[opcode]())
        else:
            handler = getattr(self, f"_{opcode.lower()}", None)
            if handler is None:
                raise ValueError(f"opcode {opcode} is not for tensors")
            handler(arg)

    def _after_mark(self) -> list[Any]:
        items, self.stack = self.stack, self._marked.pop()
        return items

    # --- the stack and the memo

    def _proto(self, arg: Any) -> None:
        pass

    _frame = _proto

    def _mark(self, arg: Any) -> None:
        self._marked.append(self.stack)
        self.stack = []

    def _pop(self, arg: Any) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._after_mark()

    def _pop_mark(self, arg: Any) -> None:
        self._after_mark()

    def _dup(self, arg: Any) -> None:
        self.stack.append(self.stack[-1])

    def _get(self, arg: Any) -> None:
        self.stack.append(self._memo[arg])

    _binget = _long_binget = _get

    def _put(self, arg: Any) -> None:
        self._memo[arg] = self.stack[-1]

    _binput = _long_binput = _put

    def _memoize(self, arg: Any) -> None:
        self._memo[len(self._memo)] = self.stack[-1]

    # --- containers

    def _tuple(self, arg: Any) -> None:
        items = tuple(self._after_mark())
        self.stack.append(items)

    def _tuple1(self, arg: Any) -> None:
        self._tuple_of(1)

    def _tuple2(self, arg: Any) -> None:
        self._tuple_of(2)

    def _tuple3(self, arg: Any) -> None:
        self._tuple_of(3)

    def _tuple_of(self, size: int) -> None:
        if len(self.stack) < size:
            raise IndexError("pop from an empty stack")
        self.stack[-size:] = [tuple(self.stack[-size:])]

    def _list(self, arg: Any) -> None:
        items = self._after_mark()
        self.stack.append(items)

    _frozenset = _list

    def _append(self, arg: Any) -> None:
        item = self.stack.pop()
        _extend(self.stack[-1], [item])

    def _appends(self, arg: Any) -> None:
        items = self._after_mark()
        _extend(self.stack[-1], items)

    _additems = _appends

    def _dict(self, arg: Any) -> None:
        made = mapping(self._after_mark())
        self.stack.append(made)

    def _setitem(self, arg: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        _fill(self.stack[-1], [key, value])

    def _setitems(self, arg: Any) -> None:
        items = self._after_mark()
        _fill(self.stack[-1], items)

    # --- names and calls

    def _global(self, arg: Any) -> None:
        self.stack.append(Name(".".join(arg.split(" ", 1))))

    def _stack_global(self, arg: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise TypeError("a name that is no text")
        self.stack.append(Name(f"{module}.{name}"))

    def _reduce(self, arg: Any) -> None:
        args, function = self.stack.pop(), self.stack.pop()
        self.stack.append(self._called(function, args))

    _newobj = _reduce

    def _newobj_ex(self, arg: Any) -> None:
        self.stack.pop()  # the keyword arguments
        self._reduce(arg)

    def _obj(self, arg: Any) -> None:
        function, *args = self._after_mark()
        self.stack.append(self._called(function, tuple(args)))

    def _inst(self, arg: Any) -> None:
        args = tuple(self._after_mark())
        self.stack.append(self._called(Name(".".join(arg.split(" ", 1))), args))

    def _called(self, function: Any, args: Any) -> Any:
        name = function.name if isinstance(function, (Name, Inert)) else type(function).__name__
        if isinstance(function, Name) and name in self._functions and isinstance(args, tuple):
            return self._functions[name](*args)
        return Inert(name)

    def _build(self, arg: Any) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], Inert):
            self.stack[-1].state = state

    def _persid(self, arg: Any) -> None:
        self.stack.append(self._persistent(arg))

    def _binpersid(self, arg: Any) -> None:
        self.stack.append(self._persistent(self.stack.pop()))


def mapping(items: list[Any]) -> dict[Any, Any]:
    """Return a dictionary of keys and values, which follow each other in ``items``."""
    made: dict[Any, Any] = {}
    _fill(made, items)
    return made


def _extend(target: Any, items: list[Any]) -> None:
    if isinstance(target, list):
        target.extend(items)
    elif not isinstance(target, Inert):
        raise TypeError(f"items for a {type(target).__name__}")


def _fill(target: Any, items: list[Any]) -> None:
    into = target.items if isinstance(target, Inert) else target
    if not isinstance(into, dict) or len(items) % 2:
        raise TypeError(f"keys and values for a {type(target).__name__}")
    for key, value in zip(items[::2], items[1::2], strict=True):
        into[_plain(key)] = value


def _plain(key: Any) -> Any:
    """Return a key that can be hashed without going through what it holds."""
    parts = key if isinstance(key, tuple) else (key,)
    if not all(isinstance(part, (*_SCALARS, Name, Inert)) for part in parts):
        raise TypeError("a key that is no plain value")
    return key
