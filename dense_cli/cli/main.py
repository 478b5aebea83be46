"""The group of commands, and the one boundary where errors become a line and an exit code."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from dense_cli import __version__
from dense_cli.errors import DenseCliError

# What --help says of each, so that it need not import them.
COMMANDS = {
    "predict": "Run the layer: probabilities and classes of every sample.",
    "slice": "One time step after another: y[:, t, :] and classes[:, t].",
    "decode": "One line of text per sample: the labels of the likeliest classes.",
    "init": "Make a seeded layer and save its weights.",
    "heads": "List every head that a weights file holds.",
}


class Commands(click.Group):
    """Commands that are imported when they are used, and the error boundary around them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"dense_cli.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DenseCliError as e:
            _fail(str(e), e.hint)
        except BrokenPipeError:
            # The reader has seen enough. Python would flush into the closed pipe once more at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            sys.exit(0)
        except OSError as e:
            where = f"{e.filename}: " if e.filename not in (None, "") else ""
            _fail(f"{where}{e.strerror or e}")
        except MemoryError:
            _fail("not enough memory", "a smaller --memory, or fewer --units")
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            sys.exit(130)


def _fail(message: str, hint: str | None = None) -> NoReturn:
    from dense_cli.text import printable

    click.echo(f"Error: {printable(message)}", err=True)
    if hint:
        click.echo(f"Hint: {printable(hint)}", err=True)
    sys.exit(2)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="densecli")
def cli() -> None:
    """See what a dense or softmax layer puts out.

    Arrays go through a Dense or TimeDistributed softmax layer, seeded as Keras seeds it or with trained
    weights, and come out as probabilities, classes and time steps: tables, JSON, CSV, NPY.

    \b
      densecli predict x.json --units 4
      densecli slice x.npy --weights head.npz --time 0
      cat x.jsonl | densecli predict -u 4 -f jsonl | jq .class
    """


def main() -> None:
    """Run the command line as a process of its own."""
    import signal

    def stop(signum: int, frame: object) -> NoReturn:
        raise SystemExit(128 + signum)  # unwinds, so that no half-written file is left

    signal.signal(signal.SIGTERM, stop)
    # Blocks run in threads of our own, each with one BLAS thread: set before NumPy is imported.
    for name in ("OPENBLAS", "MKL", "OMP", "BLIS"):
        os.environ[f"{name}_NUM_THREADS"] = "1"
    cli(prog_name="densecli")
