"""Checks of the classes that rows choose: some never, or always the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dense_cli.text import listed
from dense_cli.views.checks.check import CheckRows, Finding, OutputInfo


class NeverChosen:
    """Classes that no row chooses, among enough rows to expect each of them."""

    name = "never-chosen"
    PER_CLASS = 20  # rows

    def __init__(self, info: OutputInfo) -> None:
        self._counts = np.zeros(info.n, np.int64)

    def add(self, block: CheckRows) -> None:
        self._counts += np.bincount(block.classes[block.classes >= 0], minlength=len(self._counts))

    def merge(self, other: NeverChosen) -> None:
        self._counts += other._counts

    def __getstate__(self) -> tuple[int, NDArray[np.intp], NDArray[np.int64]]:
        """What travels from a worker: a block has few of many classes."""
        chosen = np.flatnonzero(self._counts)
        return len(self._counts), chosen, self._counts[chosen]

    def __setstate__(self, state: tuple[int, NDArray[np.intp], NDArray[np.int64]]) -> None:
        classes, chosen, counts = state
        self._counts = np.zeros(classes, np.int64)
        self._counts[chosen] = counts

    def finding(self) -> Finding | None:
        n, rows = len(self._counts), int(self._counts.sum())
        never = np.flatnonzero(self._counts == 0).tolist()
        if n < 2 or not never or rows < self.PER_CLASS * n:
            return None
        evidence = (
            f"{len(never)} of {n} classes are never chosen in {rows} rows: {listed(map(str, never), 8)}"
        )
        return Finding(
            self.name, evidence, "are the kernel's columns and the bias in the order of the labels?"
        )


class Constant:
    """The same class in every row, or at every step of every sample."""

    name = "constant"
    LEAST = 20  # rows, or pairs of steps

    def __init__(self, info: OutputInfo) -> None:
        self._n, self._stepped = info.n, len(info.shape) == 3
        self._rows = self._pairs = self._changes = 0
        self._class: int | None = None
        self._others = False
        self._first: tuple[int, int] | None = None  # sample and class
        self._last: tuple[int, int] | None = None

    def add(self, block: CheckRows) -> None:
        known = block.classes >= 0
        classes, samples = block.classes[known], block.places[known, 0]
        if not len(classes):
            return
        self._rows += len(classes)
        self._class = int(classes[0]) if self._class is None else self._class
        self._others = self._others or bool((classes != self._class).any())
        self._first = self._first or (int(samples[0]), int(classes[0]))
        if self._last is not None:
            classes = np.concatenate([[self._last[1]], classes])
            samples = np.concatenate([[self._last[0]], samples])
        within = samples[1:] == samples[:-1]
        self._pairs += int(np.count_nonzero(within))
        self._changes += int(np.count_nonzero(within & (classes[1:] != classes[:-1])))
        self._last = (int(samples[-1]), int(classes[-1]))

    def merge(self, other: Constant) -> None:
        if other._first is None:
            return
        self._rows += other._rows
        self._pairs += other._pairs
        self._changes += other._changes
        if self._last is not None and self._last[0] == other._first[0]:
            self._pairs += 1
            self._changes += self._last[1] != other._first[1]
        self._others = self._others or other._others or self._class not in (None, other._class)
        self._class = other._class if self._class is None else self._class
        self._first = self._first or other._first
        self._last = other._last

    def finding(self) -> Finding | None:
        if self._n < 2:
            return None
        if not self._others and self._rows >= self.LEAST:
            evidence = f"all {self._rows} rows have class {self._class}"
            return Finding(
                self.name, evidence, "is the bias far larger than the logits, or the input always the same?"
            )
        if self._stepped and self._pairs >= self.LEAST and not self._changes:
            evidence = (
                f"no sample changes its class from one step to the next, in {self._pairs} pairs of steps"
            )
            return Finding(self.name, evidence, "is one step repeated along the time axis?")
        return None
