"""What --help says of every command, taken apart for other pages: man pages and the documentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import click

from dense_cli.cli.command import Command
from dense_cli.cli.main import COMMANDS, cli


class Page(NamedTuple):
    """One command.

    ``usage`` is what follows its name, ``sections`` are the headings with (option, what it does).
    """

    name: str
    summary: str
    usage: str
    examples: tuple[str, ...]
    paragraphs: tuple[str, ...]
    sections: dict[str, list[tuple[str, str]]]


def pages() -> Iterator[Page]:
    """Give a page for each command, in the order of ``densecli --help``."""
    group = click.Context(cli, info_name="densecli", **cli.context_settings)
    for name in COMMANDS:
        command = cli.get_command(group, name)
        assert isinstance(command, Command)
        context = click.Context(command, info_name=name, parent=group)
        summary, examples, paragraphs = parts(command.help or "")
        usage = " ".join(command.collect_usage_pieces(context))
        yield Page(name, summary, usage, examples, paragraphs, command.sections(context))


def parts(text: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return the first line of a help text, its examples, and its other paragraphs."""
    summary, *blocks = text.strip().split("\n\n")
    examples: list[str] = []
    paragraphs = []
    for block in blocks:
        if block.startswith("\b\n"):
            examples += [line.strip() for line in block.splitlines()[1:]]
        else:
            paragraphs.append(" ".join(block.split()))
    return summary, tuple(examples), tuple(paragraphs)
