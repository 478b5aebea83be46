"""A layer as a function of the blocks of an array that somebody else takes apart, such as a Dask array.

In: what the whole array is like, and the options of a `Plan`. Out: a function that pickles.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from dense_cli import blas
from dense_cli.errors import ShapeError, UsageError
from dense_cli.pipeline import MEMORY
from dense_cli.pipeline import run as run_pipeline
from dense_cli.plan import Plan
from dense_cli.sources.source import Block, GridPlaces, cuts_of

if TYPE_CHECKING:
    from dense_cli.head import BuiltHead


class ArrayLike(Protocol):
    """An array of NumPy, Dask or Zarr, of which nothing is read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""

    @property
    def dtype(self) -> Any:
        """Its dtype."""


class BlockFunction:
    """What a layer gives for blocks of an array along its axes before the last.

    The digits are those of `Plan.run` on the whole array, wherever the blocks begin: with ``map_blocks`` of
    Dask, which says it; called on an array alone, it is taken for the first of them.

    Args:
        x: the whole array (batch, features) or (batch, time, …, features), or what has its shape and dtype.
        options: those of `Plan` that make a layer, ``show`` and ``temperature``.

    Attributes:
        classes: how many classes there are.
        dtype: that of the outputs.

    Raises:
        UsageError: something is asked for that is no array of outputs.
        DenseCliError, OSError: as `Plan.open` does.

    >>> function = BlockFunction(np.zeros((3, 2)), units=2, kernel_initializer="identity", show="classes")
    >>> function(np.array([[1.0, 2.0], [4.0, 3.0]]))
    array([1, 0])
    """

    def __init__(self, x: ArrayLike, **options: Any) -> None:
        if len(x.shape) < 2:
            raise ShapeError(f"x: expected (batch, …, features), found shape {tuple(x.shape)}")
        plan = Plan(np.zeros((0, *x.shape[1:]), np.dtype(x.dtype)), **options)
        other = (plan.top_k, plan.measures, plan.targets, plan.explain, plan.batch, plan.model)
        masks = (plan.lengths, plan.mask, plan.mask_value)
        if any(option not in (None, ()) for option in (*other, *masks)):
            raise UsageError("a function of blocks gives what show names, of a layer or of finished outputs")
        run = plan.open()
        self.show = plan.show
        self.classes = run.classes
        self.dtype: np.dtype[Any] = np.dtype(np.int64) if plan.show == "classes" else run.dtype
        self._shape = tuple(x.shape)
        self._head: BuiltHead | None = run.head
        self._values = run.dtype
        self._view = run.view if plan.show == "classes" else run.view._replace(arrays=(run.view.values,))
        self._scores, self._temperature, self._memory = plan.scores, plan.temperature, plan.memory or MEMORY

    def chunks(self, chunks: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...]:
        """Return the chunks of the output, of an input with these."""
        return chunks[:-1] if self.show == "classes" else (*chunks[:-1], (self.classes,))

    @property
    def drop_axis(self) -> list[int]:
        """The axes that the output does not have: of classes the last."""
        return [len(self._shape) - 1] if self.show == "classes" else []

    def __call__(self, x: NDArray[Any], block_info: Any = None) -> NDArray[Any]:
        """Return the outputs of a block.

        Args:
            x: (batch, …, features), whole samples.
            block_info: as ``map_blocks`` gives it: where the block stands.

        Raises:
            ShapeError: the block does not hold whole samples.
        """
        if x.shape[1:] != self._shape[1:]:
            expected = ", ".join(["batch", *map(str, self._shape[1:])])
            raise ShapeError(
                f"x: expected blocks of whole samples, ({expected}), found {x.shape}",
                hint="an array whose other axes are in chunks, too, is rechunked: x.rechunk({1: -1, …})",
            )
        first = block_info[0]["array-location"][0][0] if block_info else 0
        with blas.one_thread():
            results = run_pipeline(
                _Rows(x, first),
                None if self._head is None else self._head.dense,
                self._view,
                self._values,
                activation=None if self._head is None else self._head.activation,
                memory=self._memory,
                scores=self._scores,
                temperature=self._temperature,
            )
            inner = () if self.show == "classes" else (self.classes,)
            y = np.empty((math.prod(x.shape[:-1]), *inner), self.dtype)
            at = 0
            for result in results:
                found = result.arrays[self._view.values] if inner else result.classes
                y[at : at + len(found)] = found
                at += len(found)
        return y.reshape(*x.shape[:-1], *inner)


class _Rows(NamedTuple):
    """A block of an array as a source; ``first`` is the number of its first sample."""

    x: NDArray[Any]
    first: int

    @property
    def name(self) -> str:
        return "x"

    @property
    def pieces(self) -> None:
        """None: it is in no files."""

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.x.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return self.x.shape

    def blocks(self, rows: int) -> Iterator[Block]:
        """Give the rows as parts of the blocks that the whole array has."""
        flat = self.x.reshape(-1, self.x.shape[-1])
        inner = self.x.shape[1:-1]
        before = self.first * math.prod(inner)
        axes = (range(self.first + len(self.x)), *map(range, inner))
        for start, stop in cuts_of(range(before, before + len(flat)), rows):
            yield Block(flat[start - before : stop - before], start, GridPlaces(axes, axes, start, stop))

    def select(self, batch: slice) -> _Rows:
        """Refuse: a block is taken whole."""
        raise NotImplementedError
