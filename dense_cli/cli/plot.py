"""``densecli plot``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from dense_cli.cli import options as opts
from dense_cli.cli.command import Command, Unbounded, complete
from dense_cli.cli.records import takes_plan
from dense_cli.cli.types import INDEX

if TYPE_CHECKING:
    from dense_cli.plan import Plan

_KINDS = ("heatmap", "bars", "lines", "measures", "calibration", "confusion", "histogram", "layers")
_FORMATS = ("svg", "png", "pdf")


HELP = """Draw outputs: in the terminal, or as SVG, PNG or PDF.

\b
  densecli plot hidden.npy -w model.keras --labels names.txt -b 3
  densecli plot outputs.npy --targets classes.npy --kind confusion
  densecli plot hidden.npy -w model.keras --kind lines --class cat -o cat.svg

Kinds: heatmap (time × class of a sample, or sample × class), bars (the likeliest classes of a row),
lines (classes over time), measures (confidence, margin and entropy), calibration and confusion (with
--targets), histogram (of confidences), layers (with --model: what each layer puts out). Of several
samples the first is drawn: -b picks another, and -t time steps. -o FILE needs the extra densecli[plot].
"""


@click.command(cls=Command, help=HELP)
@opts.input_argument
@click.option(
    "--kind",
    type=click.Choice(_KINDS),
    help="What is drawn; default: layers with -m, calibration with --targets, bars of one row, else heatmap.",
)
@click.option(
    "--class",
    "classes",
    multiple=True,
    metavar="CLASS",
    help="A class that heatmap and lines show, a label or a number; repeatable.  [default: the likeliest]",
)
@click.option(
    "-t",
    "--time",
    "times",
    type=INDEX,
    multiple=True,
    metavar="INDEX",
    help="A time step, or a slice of them such as 1:3, that is shown; repeatable.  [default: every step]",
)
@opts.top_option
@opts.head_options
@opts.labels_options
@opts.targets_options
@opts.input_options
@click.option("-f", "--format", type=click.Choice(_FORMATS), help="Of -o; default: by its suffix.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    shell_complete=complete("anything"),
    help="Draw into FILE (.svg, .png, .pdf) in place of the terminal.",
)
@click.option(
    "--dpi",
    type=click.IntRange(20, 1200),
    cls=Unbounded,
    default=150,
    show_default=True,
    metavar="N",
    help="Dots per inch of a PNG.",
)
@opts.work_options
@takes_plan
def plot(
    plan: Plan,
    kind: str | None,
    classes: tuple[str, ...],
    format: str | None,
    output: str | None,
    dpi: int,
    no_progress: bool,
) -> None:
    from dataclasses import replace

    from dense_cli.cli.notes import note
    from dense_cli.cli.output import open_output, screen_of
    from dense_cli.cli.progress import ProgressBar
    from dense_cli.picturing import Asked, Room, draw_from

    name = format or os.path.splitext(output or "")[1].lower().removeprefix(".")
    to_file = output not in (None, "-") or format is not None
    if to_file and name not in _FORMATS:
        raise click.UsageError(
            f"-o {output}: expected {', '.join('.' + f for f in _FORMATS)}: choose with -f"
        )
    asked = Asked(classes, plan.top_k)
    # Without -t rows come as they are read: a stream of samples need not be kept for its steps.
    plan = replace(plan, times=plan.times or None)
    progress = ProgressBar(shown=not no_progress)
    if to_file:
        from dense_cli.pictures.files import drawn

        picture = draw_from(plan, kind, asked, Room(40, 1000), note=note, progress=progress)
        data = drawn(picture, name, dpi, note)
        with open_output(output, binary=name) as out:
            out.write(data)
        return
    from dense_cli.pictures.lines import size_of
    from dense_cli.pictures.terminal import draw, room_of
    from dense_cli.writers.rich_table import write_drawn

    screen = screen_of(output)
    size = size_of(screen)
    room = room_of(screen, size, labelled=plan.labels is not None)
    picture = draw_from(plan, kind, asked, room, note=note, progress=progress)
    with open_output(output, text=True) as out:
        write_drawn(out, draw(picture, screen, size))
