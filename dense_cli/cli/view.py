"""``densecli view``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from dense_cli.cli import options as opts
from dense_cli.cli.command import Command, complete
from dense_cli.cli.records import takes_plan

if TYPE_CHECKING:
    from dense_cli.plan import Plan


HELP = """Walk through samples, their heat maps and their steps on the full screen.

\b
  densecli view hidden.npy -w model.keras --labels names.txt
  densecli view hidden.npy -w head.npz --targets classes.npy
  densecli view hidden.npy -w head.npz --against outputs.npy

Arrows go to the next sample and step, n to the next unsure step, c to the next change of class, o sorts,
? lists all keys. Only what is looked at is read and computed. It needs the extra densecli[view].
"""


@click.command(cls=Command, help=HELP)
@opts.input_argument
@click.option(
    "--against",
    metavar="FILE",
    shell_complete=complete("arrays"),
    help="Outputs of the same shape that are shown beside; f goes from flip to flip. With --logits: logits.",
)
@opts.head_options
@opts.labels_options
@opts.targets_options
@opts.input_options
@opts.work_options
@takes_plan
def view(plan: Plan, against: str | None, no_progress: bool) -> None:
    from dense_cli.cli.notes import note, write_line
    from dense_cli.cli.output import screen_of
    from dense_cli.cli.progress import ProgressBar
    from dense_cli.errors import ConfigError, MissingExtraError
    from dense_cli.portable import take_keyboard
    from dense_cli.viewing import open_view

    screen = screen_of(None)
    if not (sys.stdout.isatty() and sys.stderr.isatty() and screen.bold):
        raise ConfigError(
            "view is full screen: expected a terminal that can be drawn on; plot and predict write anywhere"
        )
    try:
        from dense_cli.tui.app import show
    except ImportError:
        raise MissingExtraError("the full screen", "view") from None
    viewed = open_view(plan, against, note=note, progress=ProgressBar(shown=not no_progress))
    take_keyboard()  # standard input may have been the data
    code = show(viewed, screen)
    if code == 130:
        write_line("Interrupted.")
    sys.exit(code)
