"""The rows that deserve a look: the unsure ones, the wrong ones, the least sure first.

In: results in order. Out: results of fewer rows, or of the same rows in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.limits import require_bytes
from dense_cli.sources.source import Block, KnownPlaces
from dense_cli.views.evaluate import Result
from dense_cli.views.explain import Explained

SORTS = {"confidence": 1, "margin": 1, "entropy": -1, "loss": -1}
"""What rows are sorted by, and the sign of the one that deserves a look: low confidence, high loss."""


_EXPLAINED = [name for name in Explained._fields if name != "others"]  # its arrays, a row each


class Selection(NamedTuple):
    """Which rows are kept, and in which order.

    Attributes:
        sort: a name of `SORTS`; None: the order in which they come.
        unsure: only rows whose margin is below it.
        wrong: only rows whose class is not the target's.
        most: how many rows are kept of a sorted result; None: all.
        memory: bytes that sorted rows may take; None: 4 GiB.
    """

    sort: str | None = None
    unsure: float | None = None
    wrong: bool = False
    most: int | None = None
    memory: int | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """The measures that rows are chosen by."""
        return (*([self.sort] if self.sort else []), *(["margin"] if self.unsure is not None else []))


def select(results: Iterator[Result], selection: Selection) -> Iterator[Result]:
    """Give the rows of results that are selected.

    Padding and rows without a class are never among them. Rows that are equal keep their order; rows whose
    measure is NaN, as they have no target, come last.

    Raises:
        SizeError: sorted rows take more memory than is allowed.
    """
    chosen = (take(result, np.flatnonzero(_fits(result, selection))) for result in results)
    if selection.sort is None:
        yield from chosen
        return
    kept: list[Result] = []
    rows = 0
    for result in chosen:
        kept.append(result)
        rows += len(result.classes)
        if selection.most is not None and rows > 2 * selection.most:
            kept = [_sorted(kept, selection)]
            rows = len(kept[0].classes)
        require_bytes(sum(map(_size, kept)), "--sort", f"{rows} rows", selection.memory)
    if kept:
        yield _sorted(kept, selection)


def _sorted(results: list[Result], selection: Selection) -> Result:
    """Return the rows of results in order, as many as are kept."""
    assert selection.sort is not None
    joined = join(results)
    key = joined.measures[selection.sort] * SORTS[selection.sort]
    return take(joined, np.argsort(key, kind="stable")[: selection.most])


def _fits(result: Result, selection: Selection) -> NDArray[np.bool_]:
    fits: NDArray[np.bool_] = result.classes >= 0
    if result.mask is not None:
        fits &= result.mask
    if selection.unsure is not None:
        fits &= result.measures["margin"] < selection.unsure
    if selection.wrong:
        fits &= result.measures["rank"] > 1
    return fits


def take(result: Result, rows: NDArray[np.intp]) -> Result:
    """Return some rows of a result, copied."""
    block = result.block
    taken = replace(
        result,
        classes=result.classes[rows],
        arrays={name: array[rows] for name, array in result.arrays.items()},
        top_classes=None if result.top_classes is None else result.top_classes[rows],
        top_values=None if result.top_values is None else result.top_values[rows],
        measures={name: values[rows] for name, values in result.measures.items()},
        explain=_fixed(None if result.explained is None else _taken(result.explained, rows)),
        mask=None if result.mask is None else result.mask[rows],
    )
    taken.block = Block(block.x[:0], block.start, KnownPlaces(block.places()[rows]), block.pause, block.whole)
    return taken


def owned(result: Result) -> Result:
    """Return a result whose arrays are its own, copied from the memory that the next block is computed in."""
    alone = take(result, np.arange(len(result.classes)))
    alone.block = alone.block._replace(places=result.block.places)
    return alone


def join(results: list[Result]) -> Result:
    """Return the rows of results of the same view, one after the other."""

    def every(of: Callable[[Result], Any]) -> Any:
        parts = list(map(of, results))
        return None if parts[0] is None else np.concatenate(parts)

    first, last = results[0], results[-1]
    joined = replace(
        last,
        classes=every(attrgetter("classes")),
        arrays={name: np.concatenate([part.arrays[name] for part in results]) for name in first.arrays},
        top_classes=every(attrgetter("top_classes")),
        top_values=every(attrgetter("top_values")),
        measures={name: np.concatenate([part.measures[name] for part in results]) for name in first.measures},
        explain=_fixed(_joined([part.explained for part in results if part.explained is not None])),
        mask=every(attrgetter("mask")),
    )
    places = KnownPlaces(every(attrgetter("places")))
    joined.block = Block(last.block.x, first.block.start, places, last.pause, last.whole)
    return joined


def _fixed(explained: Explained | None) -> Callable[[], Explained] | None:
    return None if explained is None else partial(_given, explained)


def _given(explained: Explained) -> Explained:
    return explained


def _taken(explained: Explained, rows: NDArray[np.intp]) -> Explained:
    return explained._replace(**{name: getattr(explained, name)[rows] for name in _EXPLAINED})


def _joined(parts: list[Explained]) -> Explained | None:
    if not parts:
        return None
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in _EXPLAINED
    }
    return parts[0]._replace(**joined)


def _size(result: Result) -> int:
    arrays = [result.top_classes, result.top_values, *result.arrays.values(), *result.measures.values()]
    return sum(array.nbytes for array in arrays if array is not None) + result.places.nbytes
