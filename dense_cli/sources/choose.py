"""Which array of several is meant."""

from __future__ import annotations

from dense_cli.errors import ConfigError
from dense_cli.sources.formats import Request

# What densecli itself writes: where finished outputs are read, they are found by these names.
OUTPUTS = ("probabilities", "log_probabilities", "logits")


def choose(names: list[str], request: Request, file: str) -> str:
    """Return the name of the array that ``request`` means among ``names``.

    Raises:
        ConfigError: there is none, the one asked for is not there, or several are.
    """
    if request.key is not None:
        if request.key not in names:
            raise ConfigError(f"{file}: no array {request.key!r}: found {_listed(names)}")
        return request.key
    if request.outputs:
        for name in OUTPUTS:
            if name in names:
                return name
    if len(names) != 1:
        hint = f"choose one with --key {names[0]}" if names else None
        raise ConfigError(f"{file}: expected one array, found {_listed(names)}", hint=hint)
    return names[0]


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(n) for n in names[:8])
    return (shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")) or "no arrays"
