"""What several layers ask of their arguments: tuples of integers, paddings and the order of the axes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dense_cli.errors import ConfigError

DATA_FORMATS = ("channels_last", "channels_first")


def standardize_tuple(value: Any, n: int, name: str, allow_zero: bool = False) -> tuple[int, ...]:
    """Return ``value`` as a tuple of ``n`` integers; one integer stands for all of them.

    Raises:
        ConfigError: another count, no integers, or one below 1 (below 0 with ``allow_zero``).

    >>> standardize_tuple(3, 2, "strides")
    (3, 3)
    """
    message = f"The `{name}` argument must be a tuple of {n} integers. Received {name}={value}"
    if isinstance(value, int):
        numbers: tuple[int, ...] = (value,) * n
    else:
        numbers = _integers(value, message)
    if len(numbers) != n:
        raise ConfigError(message)
    least = 0 if allow_zero else 1
    wrong = {number for number in numbers if number < least}
    if wrong:
        rule = ">= 0" if allow_zero else "> 0"
        raise ConfigError(f"{message}, including values {wrong} that do not satisfy `value {rule}`")
    return numbers


def _integers(value: Any, message: str) -> tuple[int, ...]:
    if not isinstance(value, Iterable):
        raise ConfigError(message)
    try:
        return tuple(int(number) for number in value)
    except (TypeError, ValueError):
        raise ConfigError(message) from None


def standardize_pairs(value: Any, name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return ``((top, bottom), (left, right))`` of an integer, two integers, or two pairs.

    Raises:
        ConfigError: anything else, or a negative number.

    >>> standardize_pairs((1, 2), "padding")
    ((1, 1), (2, 2))
    """
    if isinstance(value, int):
        value = (value, value)
    if not hasattr(value, "__len__"):
        raise ConfigError(
            f"`{name}` should be an integer, a tuple of 2 integers (height, width) or a tuple of 2 pairs "
            f"((top, bottom), (left, right)). Received: {name}={value}."
        )
    if len(value) != 2:
        raise ConfigError(f"`{name}` should have two elements. Received: {name}={value}.")
    return (
        standardize_tuple(value[0], 2, f"1st entry of {name}", allow_zero=True),
        standardize_tuple(value[1], 2, f"2nd entry of {name}", allow_zero=True),
    )


def standardize_data_format(data_format: Any) -> str:
    """Return ``"channels_last"`` (also for None) or ``"channels_first"``, in lower case.

    Raises:
        ConfigError: anything else.
    """
    found = "channels_last" if data_format is None else str(data_format).lower()
    if found not in DATA_FORMATS:
        raise ConfigError(f"`data_format` must be one of {DATA_FORMATS}. Received: data_format={data_format}")
    return found


def spatial_axes(data_format: str, rank: int) -> range:
    """Return the ``rank`` axes that are neither batch nor channels."""
    first = 1 if data_format == "channels_last" else 2
    return range(first, first + rank)


def standardize_padding(padding: Any, allowed: tuple[str, ...] = ("valid", "same")) -> str:
    """Return ``padding`` in lower case.

    Raises:
        ConfigError: it is not one of ``allowed``.
    """
    found = str(padding).lower()
    if found not in allowed:
        raise ConfigError(f"`padding` must be one of {allowed}. Received: padding={padding}")
    return found


def check_positive(value: Any, name: str) -> None:
    """Check a count.

    Raises:
        TypeError: it is no integer.
        ConfigError: it is below 1.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"Expected an integer value for `{name}`, got {type(value)}.")
    if value <= 0:
        raise ConfigError(f"Argument `{name}` should be a positive integer. Received: {name}={value}")


def check_axes(axis: int | Iterable[int], shape: tuple[int | None, ...]) -> None:
    """Check that each axis is one of ``shape``'s.

    Raises:
        ConfigError: one is out of bounds.
    """
    for one in [axis] if isinstance(axis, int) else axis:
        if not -len(shape) <= one < len(shape):
            raise ConfigError(f"Axis {one} is out of bounds for input shape {shape}. Received: axis={axis}")


def refuse_training(layer: str, training: Any) -> None:
    """Refuse a call of ``layer`` as in training.

    Raises:
        ConfigError: ``training`` is true.
    """
    if training:
        raise ConfigError(
            f"{layer}: training=True is not supported: layers compute what they give in inference",
            hint="leave `training` out",
        )
