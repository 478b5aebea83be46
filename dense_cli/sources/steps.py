"""Which time steps are meant by indices and slices, among those that a source has.

In: what was asked, and the numbers of the steps. Out: numbers of steps, in the order asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

from dense_cli.errors import ShapeError


def find_steps(
    times: Sequence[int | slice], numbers: Sequence[int], name: str, *, ragged: bool
) -> Sequence[int]:
    """Return the time steps asked for; none are all of them.

    Args:
        times: indices and slices.
        numbers: of the steps that there are.
        name: what messages call the source.
        ragged: samples differ in time steps: a negative index is counted from each sample's own end.

    Raises:
        ShapeError: there is no such step.

    >>> find_steps([-1, slice(0, 2)], range(3), "x.npy", ragged=False)
    [2, 0, 1]
    """
    if not times:
        return numbers
    steps: Sequence[int] = []
    for time in times:
        if isinstance(time, int):
            further: Sequence[int] = [_step(time, numbers, name, ragged)]
        elif ragged and any(n is not None and n < 0 for n in (time.start, time.stop)):
            raise ShapeError(
                f"{name}: samples differ in time steps, so a slice cannot count from the end",
                hint="-t -1 is each sample's own last step",
            )
        else:
            further = _sliced(numbers, time)
        # One slice of the steps of a long sample stays a range.
        steps = [*steps, *further] if steps else further
    if not steps:
        raise ShapeError(f"{name}: no time step is left of {len(numbers)}")
    return steps


def _step(time: int, numbers: Sequence[int], name: str, ragged: bool) -> int:
    """Return the number of a step, negative for one that is counted from each sample's own end."""
    size = numbers[-1] + 1 if numbers else 0
    number = time if time >= 0 or ragged else size + time
    if number in numbers or (number < 0 and ragged and -number <= len(numbers)):
        return number
    if len(numbers) == size:
        there = f"there are {size} (0 to {size - 1})"
    else:
        there = f"there are {', '.join(map(str, numbers[:8]))}{', …' if len(numbers) > 8 else ''}"
    raise ShapeError(f"{name}: time step {time} is out of range: {there}")


def _sliced(numbers: Sequence[int], time: slice) -> Sequence[int]:
    """Return which of the numbers of steps a slice of 0, 1, … up to the last of them holds."""
    size = numbers[-1] + 1 if numbers else 0
    wanted = range(size)[time]
    if len(numbers) == size:
        return wanted
    kept = [number for number in numbers if number in wanted]
    return kept if wanted.step > 0 else kept[::-1]
