"""Windows that slide over the spatial axes of a channels-last array, as convolution and pooling use them.

In come sizes, strides, a padding and dilation rates, one number a spatial axis; out come lengths, padded
arrays and products. Nothing here knows a layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from dense_cli.errors import ShapeError
from dense_cli.layers.keras_tensor import Shape

Array = NDArray[Any]

# Numbers of windows that are copied out at a time: 4 MB of float32 stay in the processor's cache, and memory
# does not grow with the batch.
WINDOW_NUMBERS = 1 << 20


def window_length(length: int | None, size: int, stride: int, padding: str, dilation: int = 1) -> int | None:
    """Return how many windows of ``size`` fit into ``length``; None where it is not known.

    Raises:
        ShapeError: none fits.

    >>> window_length(10, 3, 2, "valid"), window_length(10, 3, 2, "same")
    (4, 5)
    """
    if length is None:
        return None
    if padding == "valid":
        length -= dilation * (size - 1)
    found = (length - 1) // stride + 1
    if found < 1:
        raise ShapeError(
            f"Computed output size would be zero or negative: a window of {size} steps "
            f"(dilation {dilation}) does not fit into {length + (padding == 'valid') * dilation * (size - 1)}"
        )
    return found


def spatial_output(
    shape: Shape,
    sizes: Sequence[int],
    strides: Sequence[int],
    padding: str,
    dilations: Sequence[int],
) -> Shape:
    """Return the lengths of the spatial axes after windows slid over lengths ``shape``.

    Raises:
        ShapeError: an axis is shorter than its window.
    """
    return tuple(
        window_length(n, k, s, padding, d)
        for n, k, s, d in zip(shape, sizes, strides, dilations, strict=True)
    )


def pad_widths(length: int, size: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Return how many places to add before and after, so that each stride starts one window.

    They are as even as can be; of an odd number the larger part comes after.

    >>> pad_widths(4, 3, 2)
    (0, 1)
    """
    total = max((length - 1) // stride * stride + dilation * (size - 1) + 1 - length, 0)
    return total // 2, total - total // 2


def places(length: int, size: int, stride: int, before: int, windows: int) -> Iterator[tuple[slice, slice]]:
    """Yield, for each place in a window, the windows that have it and where the input has it for them.

    ``before`` places of padding stand before the input, and windows that reach into padding lack those.

    >>> list(places(3, 2, 2, 0, 2))
    [(slice(0, 2, None), slice(0, 3, 2)), (slice(0, 1, None), slice(1, 2, 2))]
    """
    for offset in range(-before, size - before):
        first = max(0, -(offset // stride))
        last = min(windows - 1, (length - 1 - offset) // stride)
        if first <= last:
            start = first * stride + offset
            yield slice(first, last + 1), slice(start, last * stride + offset + 1, stride)


def convolve(
    x: Array, kernel: Array, strides: Sequence[int], dilations: Sequence[int], groups: int = 1
) -> Array:
    """Return the products of ``kernel`` with every window of ``x`` that fits, summed over each window.

    Args:
        x: ``(batch, *spatial, channels)``.
        kernel: ``(*sizes, channels / groups, filters)``.
        strides: steps between windows, one number a spatial axis.
        dilations: steps between the places of a window.
        groups: into how many groups channels and filters are split; each group is a convolution of its own.

    Returns:
        ``(batch, *windows, filters)``.
    """
    *sizes, channels, filters = kernel.shape
    windows = _windows(x, sizes, strides, dilations, groups)
    spatial = windows.shape[1 : len(sizes) + 1]
    out: Array = np.empty((len(x), *spatial, filters), np.result_type(x, kernel))
    size = prod(sizes) * channels
    weights = kernel.reshape(size, groups, filters // groups).transpose(1, 0, 2)
    for part in _parts(len(x), spatial, size * groups):
        places = out[part]
        columns = np.moveaxis(windows[part], -2, 0).reshape(groups, -1, size)
        products = np.moveaxis(columns @ weights, 0, 1)
        places[...] = products.reshape(places.shape)
    return out


def _windows(
    x: Array, sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int], groups: int
) -> Array:
    """Return a view ``(batch, *windows, *sizes, groups, channels / groups)`` of ``x``."""
    first, *steps, last = x.strides
    channels = x.shape[-1] // groups
    lengths = spatial_output(x.shape[1:-1], sizes, strides, "valid", dilations)
    return as_strided(
        x,
        (len(x), *lengths, *sizes, groups, channels),  # type: ignore[arg-type]
        (
            first,
            *(step * s for step, s in zip(steps, strides, strict=True)),
            *(step * d for step, d in zip(steps, dilations, strict=True)),
            last * channels,
            last,
        ),
        writeable=False,
    )


def _parts(batch: int, spatial: Sequence[int], size: int) -> Iterator[tuple[slice, slice]]:
    """Yield places of the batch axis and the first spatial axis, `WINDOW_NUMBERS` in windows at a time."""
    rows = max(1, WINDOW_NUMBERS // (size * prod(spatial[1:])))
    samples, steps = max(1, rows // spatial[0]), min(rows, spatial[0])
    for start in range(0, batch, samples):
        for step in range(0, spatial[0], steps):
            yield slice(start, start + samples), slice(step, step + steps)
