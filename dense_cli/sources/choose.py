"""Which array of several is meant."""

from __future__ import annotations

from dense_cli.errors import ConfigError
from dense_cli.sources.open import Request

# What densecli itself writes: where finished outputs are read, they are found by these names.
OUTPUTS = ("probabilities", "log_probabilities", "logits")


def outputs_of(request: Request) -> tuple[str, ...]:
    """Return the names that the outputs which ``request`` means may have, the likeliest first."""
    return OUTPUTS if request.values == "probabilities" else (request.values,)


def choose(names: list[str], request: Request, file: str) -> str:
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
        hint = f"choose one with --key {names[0]}" if names else None
        raise ConfigError(f"{file}: expected one array, found {_listed(names)}", hint=hint)
    return names[0]


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(n) for n in names[:8])
    return (shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")) or "no arrays"
