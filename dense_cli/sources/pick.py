"""Which samples of a source are wanted.

In: a source, and an index or a slice. Out: the source of those samples.
"""

from __future__ import annotations

from dense_cli.errors import ShapeError
from dense_cli.sources.source import Source
from dense_cli.sources.streamed import StreamSource


def pick(source: Source, batch: int | slice) -> Source:
    """Return the source of some samples.

    Raises:
        ShapeError: there is no sample of that number.
    """
    if isinstance(batch, slice):
        return source.select(batch)
    size = source.shape[0]
    message = f"{source.name}: sample {batch} is out of range"
    if size is not None and not -size <= batch < size:
        raise ShapeError(f"{message}: there are {size} (0 to {size - 1})")
    if abs(batch) < 2**62:  # NumPy counts no further
        selected = source.select(slice(batch, batch + 1 or None))
        if size is None and isinstance(selected, StreamSource):
            return selected.required(message)
        if selected.shape[0] != 0:
            return selected
    raise ShapeError(message)
