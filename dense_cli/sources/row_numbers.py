"""A first column that is called an index: it counts the rows, or is no index.

In: its numbers, block by block. Out: an error where they do not count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import DtypeError


class RowNumbers:
    """Counts along with the numbers of an index, from whichever it begins with."""

    def __init__(self, name: str, hint: str) -> None:
        self._name, self._hint = name, hint
        self._next: float | None = None

    def check(self, numbers: NDArray[Any], place: Callable[[int], str]) -> None:
        """Take further numbers (rows,); ``place`` says where one of them stands.

        Raises:
            DtypeError: they do not count the rows.

        >>> RowNumbers("x.csv", "").check(np.array([7.0, 8.0]), "row {}".format)
        """
        if self._next is None and len(numbers):
            self._next = float(numbers[0]) if float(numbers[0]).is_integer() else 0.0
        start = self._next or 0.0
        wrong = np.flatnonzero(numbers != start + np.arange(len(numbers)))
        if len(wrong):
            row = int(wrong[0])
            raise DtypeError(
                f"{self._name}: {place(row)}: the first column is called an index: expected it to count "
                f"the rows, {_text(start + row)} here, found {_text(float(numbers[row]))}",
                hint=self._hint,
            )
        self._next = start + len(numbers)


def _text(number: float) -> str:
    return f"{number:.0f}" if number.is_integer() else f"{number:g}"
