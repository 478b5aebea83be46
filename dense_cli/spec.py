"""Calls written as text, such as ``RandomNormal(stddev=0.05, seed=1)``: read, never evaluated."""

from __future__ import annotations

import ast
import inspect
import math
import re
import warnings
from collections.abc import Callable
from numbers import Real
from typing import Any, TypeVar

from dense_cli.errors import ConfigError

MAX_LENGTH = 1000
"""Characters of the longest text that is read."""

T = TypeVar("T")

_ASSIGNED = re.compile(r"\A\s*[^\W\d]\w*\s*=\s*")


def shown(text: str) -> str:
    """Return ``text`` quoted, escaped and short enough to stand in an error message."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def check_length(text: str) -> None:
    """Raise ConfigError if ``text`` is longer than any honest specification."""
    if len(text) > MAX_LENGTH:
        raise ConfigError(
            f"{shown(text)} is too long: expected at most {MAX_LENGTH} characters, found {len(text)}"
        )


def parse_call(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Return (name, positional arguments, keyword arguments) of a call, or of a name without one.

    The name may have dots, and a variable and ``=`` before it. Arguments are literals: numbers, strings,
    True, False, None, and lists and tuples of them. Nothing is evaluated.

    Raises:
        ConfigError: ``text`` is something else, or longer than 1000 characters.

    >>> parse_call("keras.initializers.RandomNormal(0.0, stddev=-5e-2)")
    ('keras.initializers.RandomNormal', [0.0], {'stddev': -0.05})
    >>> parse_call("softmax")
    ('softmax', [], {})
    >>> parse_call("init = Constant(2)")
    ('Constant', [2], {})
    """
    check_length(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a SyntaxWarning is about code, and this is none
            node = ast.parse(_ASSIGNED.sub("", text, count=1).strip(), mode="eval").body
        if not isinstance(node, ast.Call):
            return _dotted_name(node), [], {}
        args = [_literal(argument) for argument in node.args]
        kwargs = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise _NotLiteralError("**")
            if keyword.arg in kwargs:
                raise SyntaxError
            kwargs[keyword.arg] = _literal(keyword.value)
        return _dotted_name(node.func), args, kwargs
    except _NotLiteralError as error:
        raise ConfigError(
            f"cannot read {shown(text)}: expected plain values (numbers, strings, True, False, None, lists), "
            f"found {shown(str(error))}"
        ) from None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ConfigError(
            f"cannot read {shown(text)}: expected a name, or a call such as Name(1.0, key=2)"
        ) from None


class _NotLiteralError(Exception):
    """An argument that would have to be evaluated."""


def _dotted_name(node: ast.expr) -> str:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise SyntaxError
    return ".".join([node.id, *reversed(parts)])


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float, str, type(None))):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = _literal(node.operand)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.List):
        return [_literal(element) for element in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_literal(element) for element in node.elts)
    raise _NotLiteralError(ast.unparse(node))


def without_prefix(name: str, module: str) -> str:
    """Return ``name`` without the path that Keras code puts before the names of ``module``.

    >>> without_prefix("tf.keras.initializers.Zeros", "initializers")
    'Zeros'
    """
    for prefix in ("tensorflow.keras.", "tf.keras.", "keras.", ""):
        if name.startswith(f"{prefix}{module}."):
            return name.removeprefix(f"{prefix}{module}.")
    return name


def backend_of(name: str) -> str | None:
    """Return the backend of Keras that the path before a name tells, None where it tells none.

    >>> backend_of("tf.keras.initializers.Zeros"), backend_of("keras.initializers.Zeros")
    ('tensorflow', None)
    """
    return "tensorflow" if name.startswith(("tensorflow.", "tf.")) else None


def make(name: str, function: Callable[..., T], args: list[Any], kwargs: dict[str, Any]) -> T:
    """Return ``function(*args, **kwargs)``.

    Raises:
        ConfigError: the arguments do not fit; the message says which there are.
    """
    signature = inspect.signature(function)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        known = ", ".join(signature.parameters) or "no arguments"
        raise ConfigError(f"{name}: {error}; it takes {known}") from None
    return function(*args, **kwargs)


def check_number(name: str, value: Any) -> None:
    """Raise ConfigError unless ``value`` is a finite real number.

    >>> check_number("stddev", "wide")
    Traceback (most recent call last):
    dense_cli.errors.ConfigError: `stddev` must be a finite number, found 'wide'
    """
    try:
        if isinstance(value, Real) and math.isfinite(value):
            return
    except OverflowError:  # an integer beyond float64
        pass
    raise ConfigError(f"`{name}` must be a finite number, found {shown_value(value)}")


def shown_value(value: Any) -> str:
    """Return the repr of ``value``, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
