"""The check for padded steps that count as real."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.sources.source import Place
from dense_cli.views.checks.check import CheckRows, Finding, OutputInfo


class Padding:
    """Steps at the end of samples that repeat one row, as padding does, and count as real."""

    name = "padding"
    _KEPT = 1000  # different rows

    def __init__(self, info: OutputInfo) -> None:
        self._stepped, self._ran = len(info.shape) == 3, info.ran
        # Row → samples that end in it, steps that repeat it, the first of these.
        self._ends: dict[bytes, tuple[int, int, Place]] = {}
        self._row: NDArray[Any] | None = None
        self._sample = -1
        self._run = self._length = 0
        self._place: Place = ()

    def add(self, block: CheckRows) -> None:
        if not self._stepped or not len(block.y):
            return
        rows = block.y if block.x is None else block.x
        before = np.concatenate([rows[:1] if self._row is None else self._row[None], rows[:-1]])
        same = (rows == before).all(axis=1)
        if self._row is None:
            same[0] = False
        samples = block.places[:, 0]
        starts = np.flatnonzero(np.concatenate([[samples[0] != self._sample], samples[1:] != samples[:-1]]))
        bounds = [*starts.tolist(), len(rows)]
        if bounds[0] != 0:
            bounds = [0, *bounds]
        for begin, end in pairwise(bounds):
            if int(samples[begin]) != self._sample:
                self._close()
                self._sample, self._run, self._length = int(samples[begin]), 0, 0
                same[begin] = False
            changes = np.flatnonzero(~same[begin:end])
            self._length += end - begin
            if len(changes):
                first = begin + int(changes[-1])
                self._run, self._place = end - first, tuple(block.places[first].tolist())
            else:
                self._run += end - begin
            self._row = rows[end - 1].copy()

    def _close(self) -> None:
        """Note how the sample ended."""
        if self._row is None or not 2 <= self._run < self._length:
            return
        if not self._ran and self._row.max() == 1:  # a certain class may well be repeated
            return
        key = self._row.tobytes()
        if key in self._ends or len(self._ends) < self._KEPT:
            samples, steps, first = self._ends.get(key, (0, 0, self._place))
            self._ends[key] = (samples + 1, steps + self._run, first)

    def finding(self) -> Finding | None:
        self._close()
        self._run = 0
        samples, steps, first = max(self._ends.values(), default=(0, 0, ()))
        if samples < 2:
            return None
        what = "input" if self._ran else "output"
        evidence = f"{samples} samples end in the same repeated {what} row, {steps} steps that count as real"
        advice = "say which steps are padding: --lengths FILE, --mask FILE or --mask-value V"
        return Finding(self.name, evidence, advice, first)
