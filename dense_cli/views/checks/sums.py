"""Checks that rows are distributions: sums of 1 on the last axis, nothing negative, two classes or more."""

from __future__ import annotations

import numpy as np

from dense_cli.text import shape_text
from dense_cli.views.checks.check import CheckRows, Count, Finding, OutputInfo
from dense_cli.views.evaluate import tolerance
from dense_cli.views.looks import AxisSums


class Sums:
    """Rows that do not sum to 1."""

    name = "sums"

    def __init__(self, info: OutputInfo) -> None:
        self._tolerance = tolerance(info.dtype)
        self._count = Count()

    def add(self, block: CheckRows) -> None:
        with np.errstate(all="ignore"):
            sums = block.y.sum(axis=1)
            wrong = (np.abs(sums - 1) > self._tolerance) & np.isfinite(sums)
        self._count.add(wrong, block.places, sums)

    def merge(self, other: Sums) -> None:
        self._count.merge(other._count)

    def finding(self) -> Finding | None:
        count = self._count
        if not count.number:
            return None
        evidence = f"{count.text} do not sum to 1: their sums run from {count.least:.6g} to {count.most:.6g}"
        advice = (
            "say what INPUT holds: --logits, --scores, or the input of a --model or of a layer (--weights)"
        )
        return Finding(self.name, evidence, advice, count.first)


class Negative:
    """Rows with something negative."""

    name = "negative"

    def __init__(self, info: OutputInfo) -> None:
        self._count = Count()

    def add(self, block: CheckRows) -> None:
        with np.errstate(all="ignore"):
            least = block.y.min(axis=1)
        self._count.add(least < 0, block.places, least)

    def merge(self, other: Negative) -> None:
        self._count.merge(other._count)

    def finding(self) -> Finding | None:
        count = self._count
        if not count.number:
            return None
        evidence = f"{count.text} hold something negative, down to {count.least:.6g}"
        return Finding(
            self.name, evidence, "a probability is never negative: is softmax missing?", count.first
        )


class Axis:
    """Distributions along another axis than the last."""

    name = "axis"

    def __init__(self, info: OutputInfo) -> None:
        self._tolerance = tolerance(info.dtype)
        self._sums = AxisSums(info.shape, self._tolerance)
        self._wrong = self._rows = 0

    def add(self, block: CheckRows) -> None:
        with np.errstate(all="ignore"):
            self._sums.add(block.y, block.places)
            self._wrong += int(np.count_nonzero(np.abs(block.y.sum(axis=1) - 1) > self._tolerance))
            self._rows += len(block.y)

    def merge(self, other: Axis) -> None:
        self._sums.merge(other._sums)
        self._wrong += other._wrong
        self._rows += other._rows

    def finding(self) -> Finding | None:
        if not self._wrong:
            return None
        for axis, _ in self._sums.ones():
            evidence = (
                f"every sum along axis {axis} is 1, {self._wrong} of {self._rows} along the last are not"
            )
            advice = f"softmax was taken along axis {axis}: expected axis=-1, the classes"
            return Finding(self.name, evidence, advice)
        return None


class OneClass:
    """A class axis of one."""

    name = "one-class"

    def __init__(self, info: OutputInfo) -> None:
        self._shape = info.shape

    def add(self, block: CheckRows) -> None:
        pass

    def merge(self, other: OneClass) -> None:
        pass

    def finding(self) -> Finding | None:
        if self._shape[-1] != 1:
            return None
        advice = "the softmax of one class is always 1: use sigmoid, or two classes"
        return Finding(self.name, f"the class axis has size 1: shape {shape_text(self._shape)}", advice)
