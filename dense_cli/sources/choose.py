"""Which array of several is meant: by ``--key``, by the names that densecli gives outputs, or the only one.

In: the names of a file's arrays, and a `Request`. Out: one of the names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import chain, islice
from typing import TYPE_CHECKING

from dense_cli.errors import ConfigError, DenseCliError
from dense_cli.sources.open import Request
from dense_cli.text import listed

if TYPE_CHECKING:
    from dense_cli.files.tensor import Tensors

_MOST = 8  # names in a message; the shape of a tensor may take reading

# What densecli itself writes: where finished outputs are read, they are found by these names.
OUTPUTS = ("probabilities", "log_probabilities", "logits", "scores")


def outputs_of(request: Request) -> tuple[str, ...]:
    """Return the names that the outputs which ``request`` means may have, the likeliest first."""
    return OUTPUTS if request.values == "probabilities" else (request.values,)


def choose(names: Sequence[str] | Tensors, request: Request, file: str) -> str:
    """Return the name of the array that ``request`` means among ``names``.

    Raises:
        ConfigError: there is none, the one asked for is not there, several are, or it is named as another
            kind of output than the one meant.
    """
    if request.key is not None:
        if request.key not in names:
            raise ConfigError(f"{file}: no array {request.key!r}: found {_listed(names)}")
        return request.key
    if request.outputs:
        for name in outputs_of(request):
            if name in names:
                return name
        if any(name in names for name in OUTPUTS):
            raise ConfigError(
                f"{file}: expected {request.values}, found {_listed(names)}",
                hint=f"--key NAME takes another array for {request.values}",
            )
    if len(names) != 1:
        hint = f"choose one with --key {next(iter(names))}" if names else None
        raise ConfigError(f"{file}: expected one array, found {_listed(names)}", hint=hint)
    return next(iter(names))


def only_likeliest(name: str) -> ConfigError:
    """Return the error about a file in which ``-k`` has left only the likeliest classes of each row."""
    return ConfigError(
        f"{name}: holds only the likeliest classes (-k), not all probabilities", hint="write it without -k"
    )


def _listed(names: Sequence[str] | Tensors) -> str:
    """Return the first of the names, those of tensors with their shapes."""
    first = [_with_shape(names, name) for name in islice(names, _MOST)]
    return listed(chain(first, islice(names, _MOST, None)), _MOST) if first else "no arrays"


def _with_shape(names: Sequence[str] | Tensors, name: str) -> str:
    if isinstance(names, Mapping):
        with suppress(DenseCliError):  # what is wrong with a tensor is an error only once it is chosen
            return f"{name!r} {names[name].shape}"
    return repr(name)
