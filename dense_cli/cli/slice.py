"""``densecli slice``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dense_cli.cli import options as opts
from dense_cli.cli.types import INDEX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dense_cli.sources.arrays import ArraySource
    from dense_cli.sources.placed import PlacedSource
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
    from dense_cli.sources.placed import PlacedSource
    from dense_cli.sources.streamed import StreamSource, spool
    from dense_cli.writers.formats import FORMATS

    job = show.Job.open(options, outputs=True)
    single = len(times) == 1 and isinstance(times[0], int)
    # One step can be taken from a stream as it flows; several would have to be gone back for.
    if isinstance(job.source, StreamSource) and not (single and times[0] >= 0):
        job.open_targets()
        job.source = spool(job.source)
    source: Any = job.source
    steps = _steps(times, source)
    run, format = job.plan(slicing=True)
    ragged = isinstance(source, PlacedSource)
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


def _steps(times: Sequence[Any], source: ArraySource | PlacedSource | StreamSource) -> Sequence[int]:
    """Return the time steps asked for, in the order asked for; negative ones are of each sample by itself."""
    from dense_cli.errors import ShapeError
    from dense_cli.sources.placed import PlacedSource

    known = source.steps
    if known is None:  # a stream of unknown length: the one step asked for is looked for as it flows
        return list(times)
    numbers: Sequence[int] = known if isinstance(known, range) else known.tolist()
    if not times:
        return numbers
    ragged = isinstance(source, PlacedSource)
    steps: Sequence[int] = []
    for time in times:
        if isinstance(time, int):
            found: Sequence[int] = [_step(time, numbers, source.name, ragged)]
        elif ragged and any(n is not None and n < 0 for n in (time.start, time.stop)):
            raise ShapeError(
                f"{source.name}: samples differ in time steps, so a slice cannot count from the end",
                hint="-t -1 is each sample's own last step",
            )
        else:
            found = _sliced(numbers, time)
        # One slice of the steps of a long sample stays a range.
        steps = [*steps, *found] if steps else found
    if not steps:
        raise ShapeError(f"{source.name}: no time step is left of {len(numbers)}")
    return steps


def _step(time: int, numbers: Sequence[int], name: str, ragged: bool) -> int:
    """Return the number of a step, negative for one that is counted from each sample's own end."""
    from dense_cli.errors import ShapeError

    size = numbers[-1] + 1 if numbers else 0
    number = time if time >= 0 or ragged else size + time
    if number in numbers or (number < 0 and ragged and -number <= len(numbers)):
        return number
    if len(numbers) == size:
        there = f"there are {size} (0 to {size - 1})"
    else:
        there = f"there are {', '.join(map(str, numbers[:8]))}{', …' if len(numbers) > 8 else ''}"
    raise ShapeError(f"{name}: time step {time} is out of range: {there}")


def _sliced(numbers: Sequence[int], time: Any) -> Sequence[int]:
    """Return which of the numbers of steps a slice of 0, 1, … up to the last of them holds."""
    size = numbers[-1] + 1 if numbers else 0
    wanted: range = range(size)[time]
    if len(numbers) == size:
        return wanted
    kept = [number for number in numbers if number in wanted]
    return kept if wanted.step > 0 else kept[::-1]
