"""What was run, as every writer tells it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from dense_cli.pipeline import Part
from dense_cli.views.evaluate import View
from dense_cli.writers.screen import Screen

Shape = tuple[int | None, ...]


class TableOptions(NamedTuple):
    """How a table looks: rows at most (None: all), digits after the point, and the screen it is for."""

    limit: int | None = 20
    precision: int = 4
    screen: Screen = Screen()


class Run(NamedTuple):
    """A layer run on an input.

    ``shape`` is the output's, None for a size not known before the end; ``steps`` are the time steps
    that `slice` gives one after another, None for `predict`; ``keeps_time`` is False where NPY is to
    have no time axis, because one step was asked for by its index; ``story``: a table shows the likeliest
    class of each step, its runner-up and the margin between them; ``measures`` are shown for each row
    (the view may compute more, for a summary); ``judged``: rows have targets.
    """

    input_name: str
    input_shape: Shape
    shape: Shape
    dtype: np.dtype[Any]
    view: View
    layer: dict[str, Any] | None = None
    title: tuple[str, ...] = ()
    labels: list[str] | None = None
    masked: bool = False
    steps: Sequence[int] | None = None
    keeps_time: bool = True
    story: bool = False
    measures: tuple[str, ...] = ()
    judged: bool = False
    table: TableOptions = TableOptions()


class Writer(ABC):
    """Takes parts in order, between `begin` and `end`; `step` comes before the parts of a time step."""

    full = False  # whether further parts would not be shown

    def __init__(self, out: BinaryIO, run: Run) -> None:
        self.out = out
        self.run = run

    def begin(self) -> None:
        """Write what comes before the first part."""

    def step(self, t: int) -> None:
        """Begin time step ``t``."""

    @abstractmethod
    def write(self, part: Part) -> None:
        """Write a part."""

    def end(self) -> None:
        """Write what comes after the last part."""
