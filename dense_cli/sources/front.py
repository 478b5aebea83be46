"""How many time steps each sample has, where padding comes before them and lengths count from the last.

In: a source, and room for a number for each sample. Out: the source, which fills it before its rows come.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ShapeError
from dense_cli.sources.arrays import ArraySource
from dense_cli.sources.masks import Mask
from dense_cli.sources.placed import PlacedSource
from dense_cli.sources.source import Chunk, Places, Source
from dense_cli.sources.streamed import StreamSource


def with_time(source: Source, mask: Mask) -> Source:
    """Return ``source``, which counts the steps of each sample where the mask has to know them."""
    return source if mask.time is None else find_time(source, mask.time)


def find_time(source: Source, time: NDArray[np.int64]) -> Source:
    """Return ``source``, which writes into ``time`` (batch,) how many steps each sample has.

    Samples of a stream, of which each chunk holds whole ones in order, are counted as they come; padding is
    part of them.

    Raises:
        ShapeError: the steps are some of more, of which nobody knows how many there are.
    """
    if isinstance(source, StreamSource) and source.shape[1] is None:

        def counted(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
            for chunk in chunks:
                _count(chunk.places, time)
                yield chunk

        return source.through(counted)
    if isinstance(source, PlacedSource):
        _count(source.places, time)
        return source
    steps = source.extent[1] if isinstance(source, ArraySource) else source.shape[1]
    if steps is None:
        raise ShapeError(
            f"{source.name}: --padding pre counts from the last time step: expected steps from 0 on, "
            "found some of more"
        )
    time[:] = steps
    return source


def _count(places: Places, time: NDArray[np.int64]) -> None:
    known = places[places[:, 0] < len(time)]
    np.maximum.at(time, known[:, 0], known[:, 1] + 1)
