"""Sequences of different lengths as one array.

Source: keras/src/utils/sequence_utils.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, ShapeError


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> NDArray[Any]:
    """Return an array ``(samples, maxlen, …)`` of sequences that are cut and filled to one length.

    Args:
        sequences: lists or arrays; what their elements hold has one shape.
        maxlen: the length; None is that of the longest.
        dtype: the dtype of the array.
        padding: "pre" or "post", where it is filled.
        truncating: "pre" or "post", where it is cut.
        value: what it is filled with.

    Raises:
        ConfigError: another word for ``padding`` or ``truncating``.
        ShapeError: something that is no sequence, or elements of different shapes.

    Source: https://keras.io/api/data_loading/timeseries/

    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
    array([[0, 1],
           [2, 3],
           [5, 6]], dtype=int32)
    """
    for name, word in (("padding", padding), ("truncating", truncating)):
        if word not in ("pre", "post"):
            raise ConfigError(f'{name}: expected "pre" or "post", found {word!r}')
    _require_sequences(sequences)
    _require_dtype_of(value, dtype)
    length = max(map(len, sequences), default=0) if maxlen is None else maxlen
    inner = next((np.asarray(x).shape[1:] for x in sequences if len(x)), ())
    out = np.full((len(sequences), length, *inner), value, dtype=dtype)
    for row, x in zip(out, sequences, strict=True):
        kept = x[-length:] if truncating == "pre" else x[:length]
        if length and len(kept):
            _fill(row, np.asarray(kept, dtype=dtype), padding)
    return out


def _fill(row: NDArray[Any], x: NDArray[Any], padding: str) -> None:
    """Write a sequence into its row, which keeps its value where padding is."""
    if x.shape[1:] != row.shape[1:]:
        raise ShapeError(
            f"Shape of sample {x.shape[1:]} of sequence is different from expected shape {row.shape[1:]}"
        )
    if padding == "post":
        row[: len(x)] = x
    else:
        row[-len(x) :] = x


def _require_dtype_of(value: Any, dtype: Any) -> None:
    if isinstance(value, str) and dtype is not object and np.dtype(dtype).kind not in "SU":
        raise ConfigError(
            f"`dtype` {dtype} is not compatible with `value`'s type: {type(value)}\n"
            "You should set `dtype=object` for variable length strings."
        )


def _require_sequences(sequences: Any) -> None:
    if not hasattr(sequences, "__len__"):
        raise ShapeError("`sequences` must be iterable.")
    for x in sequences:
        if not hasattr(x, "__len__"):
            raise ShapeError(f"`sequences` must be a list of iterables. Found non-iterable: {x}")
