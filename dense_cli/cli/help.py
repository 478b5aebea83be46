"""``densecli help``."""

from __future__ import annotations

import click

from dense_cli.cli.command import Command

HELP = """Show how densecli, or one of its commands, is used.

\b
  densecli help
  densecli help predict
"""


@click.command(cls=Command, help=HELP)
@click.argument("command", required=False)
@click.pass_context
def help(ctx: click.Context, command: str | None) -> None:
    group = ctx.parent
    assert group is not None
    if command is None:
        click.echo(group.get_help())
        return
    assert isinstance(group.command, click.Group)
    name, found, _ = group.command.resolve_command(group, [command])
    if found is not None:
        click.echo(found.get_help(click.Context(found, info_name=name, parent=group)))
