"""The check for padded steps that count as real."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.sources.source import Place
from dense_cli.views.checks.check import CheckRows, Finding, OutputInfo

_KEPT = 10_000  # different rows of each kind


class _End:
    """The rows that samples begin with, or end in."""

    def __init__(self) -> None:
        # Row, by its digest → samples that repeat it there, steps that do, the first of these.
        self._repeated: dict[bytes, tuple[int, int, Place]] = {}
        self._once: dict[bytes, int] = {}  # row → samples that have it there once

    def add(self, row: NDArray[Any], steps: int, place: Place) -> None:
        """Note that a sample has ``row`` so many times there, first at ``place``."""
        key = blake2b(row.tobytes(), digest_size=16).digest()
        known: dict[bytes, Any] = self._once if steps == 1 else self._repeated
        if key not in known and len(known) == _KEPT:
            return
        if steps == 1:
            self._once[key] = self._once.get(key, 0) + 1
        else:
            samples, before, first = self._repeated.get(key, (0, 0, place))
            self._repeated[key] = (samples + 1, before + steps, first)

    def merge(self, other: _End) -> None:
        """Note what another one has, of further samples."""
        for key, samples in other._once.items():
            if key in self._once or len(self._once) < _KEPT:
                self._once[key] = self._once.get(key, 0) + samples
        for key, (samples, steps, first) in other._repeated.items():
            if key in self._repeated or len(self._repeated) < _KEPT:
                before = self._repeated.get(key, (0, 0, first))
                self._repeated[key] = (before[0] + samples, before[1] + steps, before[2])

    def most(self) -> tuple[int, int, Place]:
        """Return the samples that have the row which most of them repeat, the steps, and the first of these.

        A sample of which just one step is padding is one of them where two others repeat the row.
        """
        key, (samples, steps, first) = max(
            self._repeated.items(), key=lambda item: item[1], default=(b"", (0, 0, ()))
        )
        once = self._once.get(key, 0) if samples > 1 else 0
        return samples + once, steps + once, first


class _Steps(NamedTuple):
    """Steps of a sample that follow each other: how they begin and how they end.

    ``led`` of them repeat the first, None: all; ``run`` repeat the last, from ``place`` on.
    """

    sample: int
    length: int
    led: int | None
    run: int
    first: NDArray[Any]
    last: NDArray[Any]
    start: Place
    place: Place

    def then(self, other: _Steps) -> _Steps:
        """Return these steps and those of the same sample that come after them."""
        same = bool((self.last == other.first).all())
        led = self.led
        if led is None:
            goes_on = None if other.led is None else self.length + other.led
            led = goes_on if same else self.length
        joined = same and other.led is None
        return _Steps(
            self.sample,
            self.length + other.length,
            led,
            self.run + other.run if joined else other.run,
            self.first,
            other.last,
            self.start,
            self.place if joined else other.place,
        )


class Padding:
    """Steps at the end or the beginning of samples that repeat one row, as padding does, and count."""

    name = "padding"

    def __init__(self, info: OutputInfo) -> None:
        self._stepped, self._ran = len(info.shape) == 3, info.ran
        self._begin, self._end = _End(), _End()
        self._head: _Steps | None = None  # the first sample, which may have begun in a block before
        self._tail: _Steps | None = None  # the sample under way, where it is another one

    def add(self, block: CheckRows) -> None:
        if self._stepped and len(block.y):
            for steps in _samples(block.y if block.x is None else block.x, block.places):
                self._append(steps)

    def merge(self, other: Padding) -> None:
        if other._head is not None:
            self._append(other._head)
        if other._tail is not None:
            self._close()
            self._begin.merge(other._begin)
            self._end.merge(other._end)
            self._tail = other._tail

    def _append(self, steps: _Steps) -> None:
        """Take further steps: of the sample under way, or of the next."""
        if self._tail is not None and self._tail.sample != steps.sample:
            self._close()
            self._tail = steps
        elif self._tail is not None:
            self._tail = self._tail.then(steps)
        elif self._head is None:
            self._head = steps
        elif self._head.sample == steps.sample:
            self._head = self._head.then(steps)
        else:
            self._tail = steps

    def _close(self) -> None:
        """Note how the sample under way began and ended."""
        if self._tail is not None:
            self._note(self._tail)
        self._tail = None

    def _note(self, steps: _Steps) -> None:
        """Note how a sample began and ended; one that is all of one row is no padding."""
        if steps.led is None:
            return
        for end, row, count, place in (
            (self._begin, steps.first, steps.led, steps.start),
            (self._end, steps.last, steps.run, steps.place),
        ):
            if self._ran or row.max() != 1:  # a certain class may well be repeated
                end.add(row, count, place)

    def finding(self) -> Finding | None:
        self._close()
        if self._head is not None:
            self._note(self._head)
        self._head = None
        ends = (
            ("end in", self._end.most(), "--lengths FILE"),
            ("begin with", self._begin.most(), "--lengths FILE with --padding pre"),
        )
        verb, (samples, steps, first), option = max(ends, key=lambda end: end[1][0])
        if samples < 2:
            return None
        what = "input" if self._ran else "output"
        evidence = f"{samples} samples {verb} the same repeated {what} row, {steps} steps that count as real"
        advice = f"say which steps are padding: {option}, --mask FILE or --mask-value V"
        return Finding(self.name, evidence, advice, first)


def _samples(rows: NDArray[Any], places: NDArray[np.int64]) -> Iterator[_Steps]:
    """Give the steps of each sample in a block."""
    changes = np.concatenate([[True], (rows[1:] != rows[:-1]).any(axis=1)])
    starts = np.flatnonzero(np.diff(places[:, 0], prepend=places[0, 0] - 1)).tolist()
    for begin, end in pairwise([*starts, len(rows)]):
        others = np.flatnonzero(changes[begin + 1 : end]) + 1
        last = begin + (int(others[-1]) if len(others) else 0)
        yield _Steps(
            int(places[begin, 0]),
            end - begin,
            int(others[0]) if len(others) else None,
            end - last,
            rows[begin].copy(),
            rows[end - 1].copy(),
            tuple(places[begin].tolist()),
            tuple(places[last].tolist()),
        )
