"""Which layer of one model is held against which of another.

In: the layers of both, and what they gave for a few samples. Out: `Pair`s.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.models.onnx_graph import OnnxOperation
from dense_cli.models.outputs import ModelLayer
from dense_cli.views.differences import Tolerance

_SAMPLES = 2
_NUMBERS = 1 << 16  # of an output: enough to know it by
_RELATED = 0.5  # of the size of both together: two outputs that are further apart have nothing in common

Outputs = dict[int, list[Any]]


class Pair(NamedTuple):
    """A layer of A and the one of B that is held against it.

    ``by`` says what pairs them: name, order, or numbers. ``moved``: B has channels on its second axis, A has
    them on its last.
    """

    a: ModelLayer
    b: ModelLayer
    by: str
    moved: bool = False


def is_onnx(layers: Sequence[ModelLayer]) -> bool:
    """Whether the layers are the values of an ONNX graph."""
    return bool(layers) and isinstance(layers[0].operation, OnnxOperation)


def pair_layers(ours: Sequence[ModelLayer], theirs: Sequence[ModelLayer]) -> list[Pair]:
    """Return which layers are held against each other, in the order of ``ours``.

    Two models of the same names are paired by them. Names that Keras counts up (``dense_1``) differ between
    copies of one model, so two models of the same classes and shapes in the same order are paired by order.
    Else layers of one name and shape belong together, and of the others those that follow each other in both.
    """
    names = [layer.name for layer in ours]
    if sorted(names) != sorted(layer.name for layer in theirs) and _alike(ours, theirs):
        return [
            Pair(a, b, "name" if a.name == b.name else "order") for a, b in zip(ours, theirs, strict=True)
        ]
    pairs = _by_name(ours, theirs)
    taken = {pair.b.name for pair in pairs.values()}
    pairs |= _by_order([a for a in ours if a.name not in pairs], [b for b in theirs if b.name not in taken])
    return [pairs[name] for name in names if name in pairs]


def pair_values(
    ours: Sequence[ModelLayer],
    theirs: Sequence[ModelLayer],
    outputs: tuple[Outputs, Outputs],
    ends: tuple[Sequence[ModelLayer], Sequence[ModelLayer]],
    tolerance: Tolerance,
) -> list[Pair]:
    """Return which layers of two models belong together where one is a graph of ONNX, which has other names.

    An export makes several values of a layer, and leaves out what does nothing. So beside those of one name
    each layer is paired with the first value that has the same numbers, up to the tolerance, and if there is
    none with the nearest that no other layer is the same as; what gives the models' outputs always is a pair.

    Args:
        ours, theirs: layers of one output.
        outputs: what each call gave, by its id.
        ends: the layers that give the outputs of the models, in order.
        tolerance: how far numbers may be apart that are the same.
    """
    given = [
        [_known(layer, of) for layer in layers] for layers, of in zip((ours, theirs), outputs, strict=True)
    ]
    # A number is a name that a converter counts, and says nothing.
    pairs = {name: pair for name, pair in _by_name(ours, theirs).items() if not name.isdecimal()}
    last = -1
    for a, x in zip(ours, given[0], strict=True):
        if a.name in pairs or x is None:
            continue
        same = [
            (j < last, j, moved)
            for j, y in enumerate(given[1])
            if y is not None
            for moved, z in _aligned(x, y)
            if np.allclose(x, z, tolerance.rtol, tolerance.atol, equal_nan=True)
        ]
        if same:
            _, last, moved = min(same)
            pairs[a.name] = Pair(a, theirs[last], "numbers", moved)
    _pair_nearest(ours, theirs, given, pairs)
    for a, b in zip(*ends, strict=False):
        if a.name not in pairs and _fit(a, b):
            pairs[a.name] = Pair(a, b, "order")
    return [pairs[a.name] for a in ours if a.name in pairs]


def _pair_nearest(
    ours: Sequence[ModelLayer],
    theirs: Sequence[ModelLayer],
    given: list[list[NDArray[Any] | None]],
    pairs: dict[str, Pair],
) -> None:
    """Pair what is left with the nearest values that nothing is paired with."""
    taken = {pair.b.name for pair in pairs.values()}
    for a, x in zip(ours, given[0], strict=True):
        if a.name in pairs or x is None:
            continue
        near = [
            (distance, j, moved)
            for j, y in enumerate(given[1])
            if y is not None and theirs[j].name not in taken
            for moved, z in _aligned(x, y)
            if (distance := _distance(x, z)) <= _RELATED
        ]
        if near:
            _, j, moved = min(near)
            pairs[a.name] = Pair(a, theirs[j], "numbers", moved)
            taken.add(theirs[j].name)


def _by_name(ours: Sequence[ModelLayer], theirs: Sequence[ModelLayer]) -> dict[str, Pair]:
    by_name = {layer.name: layer for layer in theirs}
    return {
        a.name: Pair(a, by_name[a.name], "name")
        for a in ours
        if a.name in by_name and _fit(a, by_name[a.name])
    }


def _by_order(ours: Sequence[ModelLayer], theirs: Sequence[ModelLayer]) -> dict[str, Pair]:
    """Pair each layer with the next one of its shapes that follows the partner of the layer before."""
    waiting: dict[tuple[Any, ...], deque[tuple[int, ModelLayer]]] = {}
    for place, b in enumerate(theirs):
        waiting.setdefault(tuple(b.shapes), deque()).append((place, b))
    pairs: dict[str, Pair] = {}
    last = -1
    for a in ours:
        fitting = waiting.get(tuple(a.shapes), deque())
        while fitting and fitting[0][0] < last:
            fitting.popleft()
        if fitting:
            last, b = fitting.popleft()
            pairs[a.name] = Pair(a, b, "order")
    return pairs


def _known(layer: ModelLayer, outputs: Outputs) -> NDArray[Any] | None:
    """Return the first samples of a layer's output; None where it has none, or several."""
    of = outputs.get(id(layer.node), [])
    return np.asarray(of[0], np.float64)[:_SAMPLES] if len(of) == 1 and of[0] is not None else None


def _aligned(x: NDArray[Any], y: NDArray[Any]) -> list[tuple[bool, NDArray[Any]]]:
    """Return ``y`` as it stands beside ``x``, with whether its channels were moved to the end."""
    both = [(False, y), (True, np.moveaxis(y, 1, -1))] if y.ndim > 2 else [(False, y)]
    return [(moved, z) for moved, z in both if z.shape == x.shape]


def _distance(x: NDArray[Any], y: NDArray[Any]) -> float:
    """Return how far two arrays are apart beside their size: 0 if they are the same, 1 if one is 0."""
    x, y = (array.reshape(-1)[:_NUMBERS] for array in (x, y))
    with np.errstate(all="ignore"):
        size = np.sqrt((x**2).sum()) + np.sqrt((y**2).sum())
        apart = np.sqrt(((x - y) ** 2).sum())
    return float(apart / size) if np.isfinite(size) and size else float("inf")


def _alike(ours: Sequence[ModelLayer], theirs: Sequence[ModelLayer]) -> bool:
    return len(ours) == len(theirs) and all(
        a.class_name == b.class_name and _fit(a, b) for a, b in zip(ours, theirs, strict=True)
    )


def _fit(a: ModelLayer, b: ModelLayer) -> bool:
    """Return whether the outputs have shapes that can be the same."""
    if len(a.shapes) != len(b.shapes):
        return False
    for one, other in zip(a.shapes, b.shapes, strict=True):
        if one is None or other is None or len(one) != len(other):
            return False
        if any(m != n and None not in (m, n) for m, n in zip(one, other, strict=True)):
            return False
    return True
