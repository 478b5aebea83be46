"""A model over many samples: blocks in, whole outputs out.

Memory beyond the outputs follows the block, not the number of samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from dense_cli import blas
from dense_cli.errors import ShapeError
from dense_cli.layers import tree
from dense_cli.layers.layer import Layer
from dense_cli.portable import processors

_BLOCK_BYTES = 16 << 20  # of the largest output between the layers
_FEWEST, _MOST = 32, 4096
UNKNOWN_SIZE = 64  # what is taken for an axis of any size


def as_arrays(x: Any) -> Any:
    """Return a nest of arrays; nested lists of numbers are one."""
    if isinstance(x, (list, tuple)) and not any(hasattr(leaf, "__array__") for leaf in tree.flatten(x)):
        return np.asarray(x)
    return tree.map_structure(lambda a: None if a is None else np.asanyarray(a), x)


def plain(y: Any) -> Any:
    """Return an output as a plain array, without its mask."""
    return np.asarray(y)


def predict(model: Any, x: Any, batch_size: int | None, steps: int | None) -> Any:
    """Return ``model``'s outputs for all samples of ``x``.

    Raises:
        ShapeError: the inputs have different numbers of samples, or none was given.
    """
    if hasattr(x, "__next__") or _is_sequence(x):
        return _joined([model(as_arrays(_inputs(block))) for block in _blocks_of(x, steps)])
    arrays = as_arrays(x)
    count = _sample_count(arrays)
    size = batch_size or min(block_size(model), max(_FEWEST, math.ceil(count / processors())))
    if steps is not None:
        count = min(count, steps * size)
    return _filled(model, arrays, count, size)


def _is_sequence(x: Any) -> bool:
    """Return whether ``x`` gives blocks by number, as Keras' PyDataset does."""
    if isinstance(x, (list, tuple, dict)) or hasattr(x, "__array__"):
        return False
    return hasattr(x, "__getitem__") and hasattr(x, "__len__")


def _sample_count(arrays: Any) -> int:
    """Return how many samples the inputs have, all of them the same number."""
    flat = [a for a in tree.flatten(arrays) if a is not None]
    shapes = [np.shape(a)[:1] for a in flat]
    if len(set(shapes)) != 1 or not shapes[0]:
        raise ShapeError(
            "Data cardinality is ambiguous. Make sure all arrays contain the same number of samples. "
            f"'x' sizes: {', '.join(map(str, shapes))}"
        )
    return int(shapes[0][0])


def _blocks_of(x: Any, steps: int | None) -> Iterator[Any]:
    blocks = iter(x) if hasattr(x, "__next__") else (x[i] for i in range(len(x)))
    for number, block in enumerate(blocks):
        if steps is not None and number >= steps:
            return
        yield block


def _inputs(block: Any) -> Any:
    return block[0] if isinstance(block, tuple) and len(block) <= 3 else block


def _joined(parts: list[Any]) -> Any:
    if not parts:
        raise ShapeError("predict: no data: expected at least one block")
    leaves = zip(*(tree.flatten(part) for part in parts), strict=True)
    return tree.pack_as(parts[0], [np.concatenate([plain(y) for y in leaf]) for leaf in leaves])


def block_size(model: Any, nbytes: int = _BLOCK_BYTES, fewest: int = _FEWEST, most: int = _MOST) -> int:
    """Return how many samples are computed at once: the largest output of a layer takes ``nbytes``."""
    graph = getattr(getattr(model, "_functional", model), "_graph", None)
    if graph is None:
        return fewest
    largest = max(
        math.prod(UNKNOWN_SIZE if n is None else n for n in x.shape[1:])
        for node in graph.nodes
        for x in node.output_tensors
    )
    return min(max(nbytes // (4 * max(largest, 1)), fewest), most)


def _filled(model: Any, arrays: Any, count: int, size: int) -> Any:
    """Return the outputs, each block written into its place; several blocks at once where that is safe."""
    if count <= size:
        return tree.map_structure(plain, model(_rows(arrays, 0, count)))
    with blas.one_thread() as alone:
        first = model(_rows(arrays, 0, size))
        whole = tree.map_structure(lambda y: np.empty((count, *np.shape(y)[1:]), y.dtype), first)

        def fill(start: int) -> None:
            y = first if start == 0 else model(_rows(arrays, start, min(start + size, count)))
            for out, block in zip(tree.flatten(whole), tree.flatten(y), strict=True):
                out[start : start + size] = block

        with ThreadPoolExecutor(processors() if alone and is_ours(model) else 1) as pool:
            list(pool.map(fill, range(0, count, size)))  # raises what a block raised
    return whole


def is_ours(layer: Any) -> bool:
    """Return whether a call changes neither the layer nor those inside: blocks need not take turns then."""
    if not isinstance(layer, Layer) or not type(layer).__module__.startswith("dense_cli."):
        return False
    if getattr(layer, "stateful", False):
        return False
    return all(is_ours(inner) for inner in layer._layers)


def _rows(arrays: Any, start: int, stop: int) -> Any:
    return tree.map_structure(lambda a: None if a is None else a[start:stop], arrays)
