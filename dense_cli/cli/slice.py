"""``densecli slice``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dense_cli.cli import options as opts
from dense_cli.cli.types import INDEX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dense_cli.sources.arrays import ArraySource, RaggedSource
    from dense_cli.sources.streamed import StreamSource


@click.command()
@opts.input_argument
@click.option(
    "-t",
    "--time",
    "times",
    type=INDEX,
    multiple=True,
    metavar="INDEX",
    help="A time step, or a slice of them such as 1:3; repeatable.  [default: every step in turn]",
)
@opts.run_options
def slice(times: tuple[Any, ...], **options: Any) -> None:
    """Print one time step after another: y[:, t, :] and the classes[:, t].

    With --units or --weights INPUT is layer input, (batch, time, …, features), and the layer runs. With
    neither, INPUT holds finished distributions: its last axis sums to 1.

    \b
      densecli slice x.json --units 3
      densecli slice hidden.npy --weights head.npz --time -1
      densecli predict x.npy -u 3 -f json | densecli slice -
    """
    import math

    from dense_cli.cli import show
    from dense_cli.sources.arrays import RaggedSource
    from dense_cli.sources.streamed import StreamSource, spool
    from dense_cli.writers.formats import FORMATS

    job = show.Job.open(options, outputs=True)
    single = len(times) == 1 and isinstance(times[0], int)
    # One step can be taken from a stream as it flows; several would have to be gone back for.
    if isinstance(job.source, StreamSource) and not (single and times[0] >= 0):
        job.source = spool(job.source)
    source: Any = job.source
    steps = _steps(times, source)
    run, format = job.plan(slicing=True)
    ragged = isinstance(source, RaggedSource)
    # Not every sample has the step: how many do shows as they come.
    shape = (None if ragged else run.shape[0], None if ragged else len(steps), *run.shape[2:])
    run = run._replace(shape=shape, keeps_time=not single)
    if FORMATS[format].by_step:
        # However many steps it claims to have: of no samples there is nothing to say.
        run = run._replace(steps=steps if source.shape[0] != 0 else ())
    if run.steps is None:
        show.write(job, run, format, [(None, job.parts(source.at(steps), run.view))])
    else:
        # A product of thousands of rows for each step would be mostly padding. One step alone may come from
        # a stream, of which nobody knows how many rows it has.
        inner = (source.shape[0], *source.shape[2:-1])
        most = None if single or None in inner else math.prod(inner)
        show.write(job, run, format, ((t, job.parts(source.at([t]), run.view, most)) for t in run.steps))


def _steps(times: Sequence[Any], source: ArraySource | RaggedSource | StreamSource) -> Sequence[int]:
    """Return the time steps asked for, in the order asked for."""
    from dense_cli.errors import ShapeError

    known = source.steps
    if known is None:  # a stream of unknown length: the one step asked for is looked for as it flows
        return list(times)
    if not times:
        return known
    steps: list[int] | range | tuple[int, ...] = []
    for time in times:
        if not isinstance(time, int):
            # One slice of the steps of a long sample stays a range.
            steps = [*steps, *known[time]] if steps else known[time]
        elif -len(known) <= time < len(known):
            steps = [*steps, known[time]]
        else:
            raise ShapeError(
                f"{source.name}: time step {time} is out of range: "
                f"there are {len(known)} (0 to {len(known) - 1})"
            )
    if not steps:
        raise ShapeError(f"{source.name}: no time step is left of {len(known)}")
    return steps
