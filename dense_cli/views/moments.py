"""Mean and standard deviation of numbers that come in parts.

Source: T. F. Chan, G. H. Golub, R. J. LeVeque, 1983, https://doi.org/10.1080/00031305.1983.10483115
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


class Moments:
    """Adds up how many numbers there are, their mean and their squared distances from it.

    >>> moments = Moments()
    >>> moments.add(np.array([1.0, 2.0]))
    >>> moments.add(np.array([6.0]))
    >>> moments.count, moments.mean, bool(moments.std == np.std([1, 2, 6]))
    (3, 3.0, True)
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = self._squares = 0.0

    def add(self, numbers: NDArray[np.float64]) -> None:
        """Take further numbers, which are finite."""
        if not numbers.size:
            return
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(numbers.mean())
            if math.isinf(mean):  # the sum has overflowed
                mean = float((numbers / numbers.size).sum())
            self.merge(numbers.size, mean, float(((numbers - mean) ** 2).sum()))

    def merge(self, count: int, mean: float, squares: float) -> None:
        """Take further numbers of which count, mean and squared distances from it are known."""
        if not count:
            return
        if not self.count:
            self.count, self.mean, self._squares = count, mean, squares
            return
        total = self.count + count
        apart = mean - self.mean
        self._squares += squares + apart * apart * self.count * count / total
        self.mean += apart * (count / total)
        self.count = total

    def join(self, other: Moments) -> None:
        """Take the numbers of another one."""
        self.merge(other.count, other.mean, other._squares)

    @property
    def std(self) -> float:
        """The standard deviation; 0 of no numbers."""
        return math.sqrt(self._squares / self.count) if self.count else 0.0
