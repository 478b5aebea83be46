"""What real Keras printed: the rows and arrays of data/golden.

``index.json.gz`` has a list of rows for each of ``init`` (an initializer's call), ``init_large`` (the same
for large shapes: the SHA-256 of the bytes, and both ends), ``init_errors`` (seeds and dtypes that raised)
and ``forward`` (activations, layers, seeds). ``arrays.npz`` has one flat array for each dtype; a row refers
to a part of it as ``[key, offset, shape]``.
"""

from __future__ import annotations

import functools
import gzip
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "data" / "golden"
BACKENDS = ("numpy", "jax", "tensorflow", "torch")


@functools.cache
def _index() -> dict[str, Any]:
    index: dict[str, Any] = json.loads(gzip.decompress((FOLDER / "index.json.gz").read_bytes()))
    return index


@functools.cache
def _arrays() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "arrays.npz") as archive:
        return {key: archive[key] for key in archive.files}


def rows(part: str, **wanted: Any) -> list[dict[str, Any]]:
    """Return the rows of a part whose values are ``wanted``."""
    return [row for row in _index()[part] if all(row.get(key) == value for key, value in wanted.items())]


def array(reference: list[Any]) -> np.ndarray:
    """Return the array that a row refers to."""
    key, offset, shape = reference[:3]
    return _arrays()[key][offset : offset + math.prod(shape)].reshape(shape)
