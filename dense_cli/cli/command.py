"""A command whose --help has its options under headings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.types import OptionHelpExtra

F = TypeVar("F", bound=Callable[..., Any])

# Where --help shows an option. Commands have the headings of which they have options.
HEADINGS = {
    "What INPUT is": (
        *("units", "weights", "model", "logits", "scores"),
        *("input_format", "input_dtype", "key", "key_a", "key_b", "axes", "columns", "batch"),
    ),
    "Layer": (
        *("input_size", "seed", "layer", "activation", "kernel_initializer", "bias_initializer", "no_bias"),
        *("rng", "global_seed", "dtype", "temperature", "fit_temperature"),
    ),
    "Weights": ("head", "bias", "transpose"),
    "Model": ("until", "inputs", "input_labels", "input_padding", "reverse", "only"),
    "Padding": ("lengths", "padding", "mask", "mask_value"),
    "Decoding": ("join", "eos", "pad", "ctc", "pieces", "beam"),
    "View": (
        *("against", "kind", "classes", "times", "top_k", "labels", "labels_key", "show"),
        *("measures", "targets", "ignore_index", "explain", "feature_names"),
        *("sort", "unsure", "wrong", "fail_under", "skip"),
    ),
    "Limits": ("atol", "rtol", "max_flips", "max_kl", "equal_nan"),
    "Output": ("format", "output", "limit", "show_all", "header", "precision", "dpi"),
    "Work": ("threads", "cluster", "memory", "no_progress"),
    "Other": (),
}
_PLACE = {name: heading for heading, names in HEADINGS.items() for name in names}


class Command(click.Command):
    """A command with its options under the headings of `HEADINGS`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            owners = [] if error.possibilities else _owners(ctx, error.option_name)
            if not owners:
                raise
            verb = "has" if len(owners) == 1 else "have"
            raise click.UsageError(
                f"No such option {error.option_name!r} in {self.name}: {' and '.join(owners)} {verb} it", ctx
            ) from None

    def get_help(self, ctx: click.Context) -> str:
        return in_own_characters(super().get_help(ctx))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, records in self.sections(ctx).items():
            with formatter.section(heading):
                formatter.write_dl(records)

    def sections(self, ctx: click.Context) -> dict[str, list[tuple[str, str]]]:
        """Return what --help shows, under its headings: each option with its metavar, and what it does."""
        sections: dict[str, list[tuple[str, str]]] = {heading: [] for heading in HEADINGS}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                sections[_PLACE.get(param.name or "", "Other")].append(record)
        return {heading: records for heading, records in sections.items() if records}


def in_own_characters(text: str) -> str:
    """Return text in characters that standard output can show; Click would write UTF-8 instead of ASCII."""
    from dense_cli.text import in_encoding

    return in_encoding(text, getattr(sys.stdout, "encoding", None) or "utf-8")


def _owners(ctx: click.Context, option: str) -> list[str]:
    """Return the commands that have an option."""
    group = ctx.find_root()
    assert isinstance(group.command, click.Group)
    names = group.command.list_commands(group)
    commands = [(name, group.command.get_command(group, name)) for name in names]
    return [
        name
        for name, command in commands
        if command is not None and any(option in param.opts for param in command.params)
    ]


class Unbounded(click.Option):
    """An option for a number: --help does not show its bounds, which nobody meets; an error says them."""

    def get_help_extra(self, ctx: click.Context) -> OptionHelpExtra:
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


def complete(what: str) -> Callable[[click.Context, click.Parameter, str], list[Any]]:
    """Return a function of `completing` that is imported when a shell asks."""

    def items(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from dense_cli.cli import completing

        found: list[Any] = getattr(completing, what)(ctx, param, incomplete)
        return found

    return items


def bundle(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate
