"""Checks of what softmax was given: probabilities, logits far apart, logits all alike."""

from __future__ import annotations

import math

import numpy as np

from dense_cli.views.checks.check import CheckRows, Count, Finding, OutputInfo
from dense_cli.views.evaluate import tolerance
from dense_cli.views.measures import measure


class DoubleSoftmax:
    """Softmax of a softmax: rows that are flat in the way that only probabilities as logits make them.

    The softmax of a distribution p is log-linear in it, so p is log y shifted to sum to 1. What it gives must
    be a distribution in every row, and a decided one; by chance few rows, or few classes, look so too.
    """

    name = "double-softmax"
    LEAST = 16  # rows · (classes - 1)

    def __init__(self, info: OutputInfo) -> None:
        self._n = info.n
        self._slack = 2 * tolerance(info.dtype)
        self._rows = self._others = 0
        self._sum = self._most = self._highest = 0.0

    def add(self, block: CheckRows) -> None:
        y = block.y[block.classes >= 0]
        if self._n < 2 or not len(y):
            return
        with np.errstate(all="ignore"):
            logs = np.log(y)
            p = logs + (1 - logs.sum(axis=1, keepdims=True)) / self._n
            decided = p.max(axis=1)
            self._others += int(np.count_nonzero(~(p.min(axis=1) >= -self._slack)))
        self._rows += len(y)
        if not self._others:
            self._sum += float(decided.sum())
            self._most = max(self._most, float(decided.max()))
            self._highest = max(self._highest, float(y.max()))

    def merge(self, other: DoubleSoftmax) -> None:
        self._others += other._others
        self._rows += other._rows
        if not self._others:
            self._sum += other._sum
            self._most = max(self._most, other._most)
            self._highest = max(self._highest, other._highest)

    def finding(self) -> Finding | None:
        if self._others or self._rows * (self._n - 1) < self.LEAST:
            return None
        if self._most < 0.9 or self._sum / self._rows < (0.8 if self._n == 2 else 0.5):
            return None
        most = math.e / (math.e + self._n - 1)
        sure = self._sum / self._rows
        evidence = (
            f"no probability is above {self._highest:.4f}, and softmax of probabilities cannot pass "
            f"e/(e+{self._n - 1}) = {most:.4f}; undone once, rows are {sure:.2f} sure on average"
        )
        advice = "the layer before already ends in softmax: drop one, here with --activation linear"
        return Finding(self.name, evidence, advice)


class Saturated:
    """Rows whose likeliest class has probability 1 to the dtype's precision."""

    name = "saturated"
    LEAST, SHARE = 8, 0.5

    def __init__(self, info: OutputInfo) -> None:
        self._n = info.n
        self._near = 1 - np.finfo(info.dtype).eps if info.dtype.kind == "f" else 1.0
        self._count = Count()

    def add(self, block: CheckRows) -> None:
        if self._n > 1:
            y = block.y[block.classes >= 0]
            self._count.add(y.max(axis=1) >= self._near, block.places[block.classes >= 0], y[:, 0])

    def merge(self, other: Saturated) -> None:
        self._count.merge(other._count)

    def finding(self) -> Finding | None:
        count = self._count
        if count.rows < self.LEAST or count.number <= self.SHARE * count.rows:
            return None
        evidence = f"{count.text} give one class 1 and the others 0, to the precision of the numbers"
        advice = "logits this far apart: is the input scaled as in training? float64 tells them apart"
        return Finding(self.name, evidence, advice, count.first)


class Uniform:
    """Rows with almost the entropy of the uniform distribution."""

    name = "uniform"
    LEAST, SHARE, OF_LOG = 8, 0.5, 0.99

    def __init__(self, info: OutputInfo) -> None:
        self._n = info.n
        self._count = Count()

    def add(self, block: CheckRows) -> None:
        y = block.y[block.classes >= 0]
        if self._n > 1 and len(y):
            entropy = measure(("entropy",), y)["entropy"] / math.log(self._n)
            self._count.add(entropy >= self.OF_LOG, block.places[block.classes >= 0], entropy)

    def merge(self, other: Uniform) -> None:
        self._count.merge(other._count)

    def finding(self) -> Finding | None:
        count = self._count
        if count.rows < self.LEAST or count.number <= self.SHARE * count.rows:
            return None
        evidence = f"{count.text} have {self.OF_LOG:.0%} or more of the uniform's entropy, log {self._n}"
        advice = "the head hardly decides: is it trained, and is this its input?"
        return Finding(self.name, evidence, advice, count.first)
