"""A small array read at once: lengths, masks, targets. In: a source. Out: an array."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.sources.source import Source


def read_array(source: Source) -> NDArray[Any]:
    """Return the whole array of a source; a 1-D array stays one."""
    shape = source.shape
    blocks = [block.x for block in source.blocks(1 << 16)]
    x = np.concatenate(blocks) if blocks else np.empty((0, shape[-1] or 0))
    lead = [n for n in shape[:-1] if n is not None]
    if len(lead) == len(shape) - 1:
        x = x.reshape(*lead, x.shape[-1])
    return x[0] if len(lead) == 1 and lead[0] == 1 else x
