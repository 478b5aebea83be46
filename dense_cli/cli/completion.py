"""``densecli completion``."""

from __future__ import annotations

import click

from dense_cli.cli.command import Command

HELP = """Print the script that completes densecli in a shell.

\b
  source <(densecli completion bash)     # in ~/.bashrc
  source <(densecli completion zsh)      # in ~/.zshrc, after compinit
  densecli completion fish | source      # in ~/.config/fish/config.fish

Commands, options and their choices are completed, files where files are meant, and the heads and layers
of the file that is named on the line.
"""


@click.command(cls=Command, help=HELP)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    from click.shell_completion import get_completion_class

    from dense_cli.cli import completing
    from dense_cli.cli.main import COMPLETE, cli

    assert completing.Fish.name == "fish"  # which takes the place of Click's own
    source = get_completion_class(shell)
    assert source is not None
    click.echo(source(cli, {}, "densecli", COMPLETE).source())
