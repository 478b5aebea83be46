"""The check for padded steps that count as real."""

from __future__ import annotations

from hashlib import blake2b
from itertools import pairwise
from typing import Any

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

    def most(self) -> tuple[int, int, Place]:
        """Return the samples that have the row which most of them repeat, the steps, and the first of these.

        A sample of which just one step is padding is one of them where two others repeat the row.
        """
        key, (samples, steps, first) = max(
            self._repeated.items(), key=lambda item: item[1], default=(b"", (0, 0, ()))
        )
        once = self._once.get(key, 0) if samples > 1 else 0
        return samples + once, steps + once, first


class Padding:
    """Steps at the end or the beginning of samples that repeat one row, as padding does, and count."""

    name = "padding"

    def __init__(self, info: OutputInfo) -> None:
        self._stepped, self._ran = len(info.shape) == 3, info.ran
        self._begin, self._end = _End(), _End()
        self._sample = -1
        # Of the sample under way: its first row, and its last, with the steps that repeat them, and places.
        self._first: NDArray[Any] | None = None
        self._row: NDArray[Any] | None = None
        self._led: int | None = None  # None: all steps so far
        self._run = self._length = 0
        self._start: Place = ()
        self._place: Place = ()

    def add(self, block: CheckRows) -> None:
        if not self._stepped or not len(block.y):
            return
        rows = block.y if block.x is None else block.x
        before = np.concatenate([rows[:1] if self._row is None else self._row[None], rows[:-1]])
        same = (rows == before).all(axis=1)
        samples = block.places[:, 0]
        starts = np.flatnonzero(np.diff(samples, prepend=self._sample)).tolist()
        for begin, end in pairwise(sorted({0, *starts, len(rows)})):
            if int(samples[begin]) != self._sample:
                self._close()
                self._sample, self._run, self._length, self._led = int(samples[begin]), 0, 0, None
                self._first, self._start = rows[begin].copy(), tuple(block.places[begin].tolist())
                same[begin] = False
            self._continue(rows[begin:end], same[begin:end], block.places[begin:end])

    def _continue(self, rows: NDArray[Any], same: NDArray[np.bool_], places: NDArray[np.int64]) -> None:
        """Take further steps of the sample under way; ``same`` (steps,): as the step before."""
        changes = np.flatnonzero(~same)
        others = changes[changes + self._length > 0]  # the first step is no change
        if self._led is None and len(others):
            self._led = self._length + int(others[0])
        self._length += len(rows)
        if len(changes):
            first = int(changes[-1])
            self._run, self._place = len(rows) - first, tuple(places[first].tolist())
        else:
            self._run += len(rows)
        self._row = rows[-1].copy()

    def _close(self) -> None:
        """Note how the sample began and ended; one that is all of one row is no padding."""
        if self._row is None or self._first is None or self._led is None:
            return
        for end, row, steps, place in (
            (self._begin, self._first, self._led, self._start),
            (self._end, self._row, self._run, self._place),
        ):
            if self._ran or row.max() != 1:  # a certain class may well be repeated
                end.add(row, steps, place)

    def finding(self) -> Finding | None:
        self._close()
        self._led = None
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
