"""Arrays as rows that know their places, and which of them are picked."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

Place = tuple[int, ...]


class RefusedError(Exception):
    """What is asked cannot be had: exit code 2."""


@dataclass
class Array:
    """Rows of features, in order, each with its place: sample, time step, further axes.

    ``samples`` are the numbers of all samples in their order, also of those that have no row here, and
    ``axes`` the numbers on the axes between samples and features; None where samples differ in time steps.
    Outputs that are read back keep the numbers that they were printed with, and are then `stated`: a mask or
    targets are for all samples and steps of what these rows were picked from.
    """

    places: list[Place]
    rows: list[np.ndarray]
    samples: list[int]
    rank: int
    features: int
    axes: tuple[list[int], ...] | None
    stated: tuple[bool, bool] = (False, False)  # whether samples, and steps, may be some of more

    @classmethod
    def of(cls, samples: list[np.ndarray]) -> Array:
        """Return the array of samples, each (features,) or (time, …, features); they may differ in steps."""
        places: list[Place] = []
        rows: list[np.ndarray] = []
        for number, sample in enumerate(samples):
            for inner in np.ndindex(*sample.shape[:-1]):
                places.append((number, *inner))
                rows.append(sample[inner])
        return cls.at_places(places, rows)

    @classmethod
    def at_places(cls, places: list[Place], rows: list[np.ndarray]) -> Array:
        """Return the array of rows that say where they stand, in any order."""
        samples = list(dict.fromkeys(place[0] for place in places))
        order = sorted(range(len(places)), key=lambda i: (samples.index(places[i][0]), places[i][1:]))
        places, rows = [places[i] for i in order], [rows[i] for i in order]
        axes = tuple(sorted(set(numbers)) for numbers in list(zip(*places, strict=True))[1:])
        whole = len(samples) * math.prod(map(len, axes)) == len(places)
        return cls(places, rows, samples, len(places[0]) + 1, rows[0].shape[-1], axes if whole else None)

    def lead(self) -> tuple[int | None, ...]:
        """The shape without features; None where samples differ in time steps."""
        if self.axes is not None:
            return (len(self.samples), *map(len, self.axes))
        lengths = {sum(place[0] == sample for place in self.places) for sample in self.samples}
        if not lengths:
            return (0, 0)
        return (len(self.samples), lengths.pop() if len(lengths) == 1 else None)

    def size_of(self, sample: int) -> int:
        """How many time steps a sample has, counted up to its last."""
        return max((place[1] + 1 for place in self.places if place[0] == sample), default=0)

    def rows_at(self, kept: list[int]) -> Array:
        """Return the array of some rows."""
        return replace(self, places=[self.places[i] for i in kept], rows=[self.rows[i] for i in kept])

    def select(self, batch: int | slice | tuple[int | slice, ...] | None) -> Array:
        """Return some samples; they are picked by their numbers as from a list that ends with the highest."""
        if batch is None:
            return self
        each = batch if isinstance(batch, tuple) else (batch,)
        samples = [number for one in each for number in pick(self.samples, one, "sample")]
        if len(set(samples)) < len(samples):
            raise RefusedError("a sample is named twice")
        rows = [i for sample in samples for i, place in enumerate(self.places) if place[0] == sample]
        if self.axes is None and rows:  # those that are left may have the same steps
            left = Array.at_places([self.places[i] for i in rows], [self.rows[i] for i in rows])
            return replace(left, stated=self.stated)
        return replace(self.rows_at(rows), samples=samples)

    def steps(self, times: tuple[int | slice, ...]) -> list[int]:
        """Return the time steps asked for; where samples differ, -1 is each sample's own last."""
        known = sorted({place[1] for place in self.places}) if self.axes is None else self.axes[0]
        found: list[int] = []
        for time in times:
            if self.axes is None and isinstance(time, int) and time < 0:
                if -time > len(known):
                    raise RefusedError("no sample has so many steps")
                found.append(time)
            elif self.axes is None and not isinstance(time, int) and min(time.start or 0, time.stop or 0) < 0:
                raise RefusedError("a slice cannot count from the end where samples differ")
            else:
                found += pick(known, time, "time step")
        return found if times else known

    def at(self, step: int) -> Array:
        """Return the rows of a time step; -1 is each sample's own last."""
        own = {s: sorted({place[1] for place in self.places if place[0] == s}) for s in self.samples}
        rows = []
        for i, place in enumerate(self.places):
            steps = own[place[0]]
            if place[1] == step or (step < 0 and -step <= len(steps) and steps[step] == place[1]):
                rows.append(i)
        return self.rows_at(rows)


def pick(numbers: list[int], index: int | slice, what: str) -> list[int]:
    """Return the numbers that an index or a slice means among 0, 1, … up to the highest."""
    size = max(numbers, default=-1) + 1
    if isinstance(index, slice):
        kept = [n for n in numbers if n in range(size)[index]]
        return kept if (index.step or 1) > 0 else kept[::-1]
    number = index if index >= 0 else size + index
    if number not in numbers:
        raise RefusedError(f"{what} {index} is out of range")
    return [number]
