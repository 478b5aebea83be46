"""The options of a command → the record that they make: a `Plan`, or the `HeadOptions` of a layer."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click


def require_model(of_model: dict[str, Any], *, inputs: bool) -> None:
    """Refuse what is about a model where there is none: its options, and ``inputs`` by their names."""
    if of_model["model"] is None and (inputs or any(of_model.values())):
        raise click.UsageError("--until, --input and those about text need --model FILE")


def takes_plan(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command its options of a `Plan` as one argument, ``plan``; the others keep their names."""

    @wraps(function)
    def command(input: tuple[str, ...], inputs: tuple[tuple[str, str], ...], **options: Any) -> None:
        from dense_cli.plan import Plan

        _call(function, Plan, "plan", options, input_of(input, inputs) or standard_input())

    return command


def input_of(
    paths: tuple[str, ...], named: tuple[tuple[str, str], ...]
) -> str | tuple[str, ...] | dict[str, str] | None:
    """Return the input of a plan: a path, several that are pieces, or those of a model by their names."""
    if named and paths:
        raise click.UsageError("expected INPUT or --input NAME=FILE, found both")
    if named:
        return dict(named)
    return paths if len(paths) > 1 else paths[0] if paths else None


def takes_head(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command its options of `HeadOptions` as one argument, ``options``."""

    @wraps(function)
    def command(**options: Any) -> None:
        from dense_cli.head import HeadOptions

        _call(function, HeadOptions, "options", options)

    return command


def _call(
    function: Callable[..., None], record: type, name: str, options: dict[str, Any], *positional: object
) -> None:
    """Call a command with the options of ``record`` gathered in one, and say of wrong ones how it is used."""
    from dataclasses import fields

    from dense_cli.errors import UsageError

    known = {field.name for field in fields(record)}
    gathered = {key: value for key, value in options.items() if key in known}
    rest = {key: value for key, value in options.items() if key not in known}
    try:
        function(**{name: record(*positional, **gathered)}, **rest)
    except UsageError as error:
        raise click.UsageError(str(error)) from None


def standard_input(argument: str = "INPUT") -> str:
    """Return ``-`` where standard input can be read in place of an argument that is not there.

    Raises:
        UsageError: it is a terminal.
    """
    from dense_cli.sources.open import stdin_is_terminal

    if stdin_is_terminal():
        raise click.UsageError(f"{argument} is missing: a file, or - for standard input")
    return "-"
