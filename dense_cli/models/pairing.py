"""Which layer of one model is held against which of another.

In: the layers of both, and what they gave for a few samples. Out: `Pair`s.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.layers.keras_tensor import Shape
from dense_cli.models.onnx_graph import OnnxOperation
from dense_cli.models.outputs import ModelLayer
from dense_cli.sources.source import may_agree
from dense_cli.views.differences import Tolerance

_SAMPLES = 2
_NUMBERS = 1 << 16  # of an output: enough to know it by
_RELATED = 0.5  # of the size of both together: two outputs that are further apart have nothing in common

Outputs = dict[int, list[Any]]


class Pair(NamedTuple):
    """A layer of A and the one of B that is held against it.

    Attributes:
        a, b: the layers.
        by: what pairs them: name, order, or numbers.
        moved: 1 where B has channels on its second axis and A on its last, -1 the other way round.
        at: which output of both is meant; None: all of them, one after another.
    """

    a: ModelLayer
    b: ModelLayer
    by: str
    moved: int = 0
    at: tuple[int, int] | None = None

    @property
    def outputs(self) -> list[tuple[int, int]]:
        """The outputs that are held against each other, by their places in A and in B."""
        return [self.at] if self.at is not None else [(i, i) for i in range(len(self.a.names))]

    def aligned(self, b: NDArray[Any]) -> NDArray[Any]:
        """Return an output of B with its channels where A has them."""
        if not self.moved:
            return b
        return np.moveaxis(b, 1, -1) if self.moved > 0 else np.moveaxis(b, -1, 1)

    def turned(self) -> Pair:
        """Return the pair with A and B in each other's place."""
        at = None if self.at is None else self.at[::-1]
        return Pair(self.b, self.a, self.by, -self.moved, at)


class _Output(NamedTuple):
    """An output of a layer, what it gave for some samples, and how it is called."""

    layer: ModelLayer
    place: int
    array: NDArray[Any] | None

    @property
    def name(self) -> str:
        return self.layer.names[self.place]


def is_onnx(layers: Sequence[ModelLayer]) -> bool:
    """Whether the layers are the values of an ONNX graph."""
    return bool(layers) and isinstance(layers[0].operation, OnnxOperation)


def pair_layers(ours: Sequence[ModelLayer], theirs: Sequence[ModelLayer]) -> list[Pair]:
    """Return which layers are held against each other, in the order of ``ours``.

    Two models of the same names are paired by them. Names that Keras counts up (``dense_1``) differ between
    copies of one model, so two models of the same classes and shapes in the same order are paired by order.
    Else layers of one name and shape belong together, and of the others those that follow each other in both.
    """
    if _names(ours) != _names(theirs) and _alike(ours, theirs):
        return [
            Pair(a, b, "name" if a.name == b.name else "order") for a, b in zip(ours, theirs, strict=True)
        ]
    pairs = _by_name(ours, theirs)
    taken = {pair.b.name for pair in pairs.values()}
    pairs |= _by_order(_without(ours, pairs), _without(theirs, taken))
    return [pairs[layer.name] for layer in ours if layer.name in pairs]


def _without(layers: Sequence[ModelLayer], names: Container[str]) -> list[ModelLayer]:
    return [layer for layer in layers if layer.name not in names]


def _names(layers: Sequence[ModelLayer]) -> list[str]:
    return sorted(layer.name for layer in layers)


def pair_values(
    ours: Sequence[ModelLayer],
    theirs: Sequence[ModelLayer],
    given: tuple[Outputs, Outputs],
    ends: tuple[Sequence[str], Sequence[str]],
    tolerance: Tolerance,
) -> list[Pair]:
    """Return which layers of two models belong together where one is a graph of ONNX, which has other names.

    An export makes several values of a layer, and leaves out what does nothing, or what it has put into
    another one. So each output is paired with the value of the same numbers, up to the tolerance: that of its
    name, or else the first. If there is none, it is paired with the one of its name, or else the nearest, of
    those that no other output is the same as. What the models give always is a pair.

    Args:
        ours, theirs: the layers.
        given: what each call gave, by its id.
        ends: the names of the models' outputs, in order.
        tolerance: how far numbers may be apart that are the same.
    """
    a, b = (_outputs_of(layers, given[side]) for side, layers in enumerate((ours, theirs)))
    named = _of_one_name(a, b)
    pairs = {x.name: _pair(x, y, "name") for x, y in named if _is_same(x, y, tolerance)}
    _pair_same(a, b, pairs, tolerance)
    taken = _taken(pairs)
    for x, y in named:
        if x.name not in pairs and x.name not in taken:
            pairs[x.name] = _pair(x, y, "name")
    _pair_nearest(a, b, pairs)
    _pair_ends(a, b, ends, pairs)
    return [pairs[x.name] for x in a if x.name in pairs]


def _of_one_name(ours: Sequence[_Output], theirs: Sequence[_Output]) -> list[tuple[_Output, _Output]]:
    """Return the outputs of A with that of the same name and a shape that fits in B."""
    # A number is a name that a converter counts, and says nothing.
    names = {b.name: b for b in theirs if not b.name.isdecimal()}
    return [(a, names[a.name]) for a in ours if a.name in names and _fit(a, names[a.name])]


def _taken(pairs: dict[str, Pair]) -> set[str]:
    """Return the names of B's outputs that are in a pair."""
    return {pair.b.names[j] for pair in pairs.values() for _, j in pair.outputs}


def _outputs_of(layers: Sequence[ModelLayer], given: Outputs) -> list[_Output]:
    """Return every output of every layer, with its first samples; None for what has none."""
    return [
        _Output(layer, i, None if y is None else np.asarray(y, np.float64)[:_SAMPLES])
        for layer in layers
        for i, y in enumerate(given.get(id(layer.node), []))
    ]


def _pair(a: _Output, b: _Output, by: str, moved: bool = False) -> Pair:
    return Pair(a.layer, b.layer, by, moved, (a.place, b.place))


def _close(x: NDArray[Any], y: NDArray[Any], tolerance: Tolerance) -> bool:
    return bool(np.allclose(x, y, tolerance.rtol, tolerance.atol, equal_nan=True))


def _is_same(a: _Output, b: _Output | None, tolerance: Tolerance) -> bool:
    """Whether two outputs have the same numbers; False where one is not known."""
    if b is None or a.array is None or b.array is None or a.array.shape != b.array.shape:
        return False
    return _close(a.array, b.array, tolerance)


def _pair_same(
    ours: Sequence[_Output], theirs: Sequence[_Output], pairs: dict[str, Pair], tolerance: Tolerance
) -> None:
    """Pair outputs with the first value of the same numbers, behind the last pair where there is one."""
    last = -1
    for a in ours:
        if a.name in pairs or a.array is None:
            continue
        same = [
            (j < last, j, moved)
            for j, b in enumerate(theirs)
            for moved, y in _aligned(a, b)
            if _close(a.array, y, tolerance)
        ]
        if same:
            _, last, moved = min(same)
            pairs[a.name] = _pair(a, theirs[last], "numbers", moved)


def _pair_nearest(ours: Sequence[_Output], theirs: Sequence[_Output], pairs: dict[str, Pair]) -> None:
    """Pair what is left with the nearest values that nothing is paired with."""
    taken = _taken(pairs)
    for a in ours:
        if a.name in pairs or a.array is None:
            continue
        near = [
            (distance, j, moved)
            for j, b in enumerate(theirs)
            if b.name not in taken
            for moved, y in _aligned(a, b)
            if (distance := _distance(a.array, y)) <= _RELATED
        ]
        if near:
            _, j, moved = min(near)
            pairs[a.name] = _pair(a, theirs[j], "numbers", moved)
            taken.add(theirs[j].name)


def _pair_ends(
    ours: Sequence[_Output],
    theirs: Sequence[_Output],
    ends: tuple[Sequence[str], Sequence[str]],
    pairs: dict[str, Pair],
) -> None:
    """Pair what the models give, in order, where nothing else paired it."""
    a, b = ({output.name: output for output in outputs} for outputs in (ours, theirs))
    for one, other in zip(*ends, strict=False):
        if one not in pairs and one in a and other in b and _fit(a[one], b[other]):
            pairs[one] = _pair(a[one], b[other], "order")


def _aligned(a: _Output, b: _Output) -> list[tuple[bool, NDArray[Any]]]:
    """Return B's numbers as they stand beside A's, with whether its channels were moved to the end."""
    if a.array is None or b.array is None:
        return []
    both = [(False, b.array)]
    if b.array.ndim > 2:
        both.append((True, np.moveaxis(b.array, 1, -1)))
    return [(moved, y) for moved, y in both if y.shape == a.array.shape]


def _by_name(ours: Sequence[ModelLayer], theirs: Sequence[ModelLayer]) -> dict[str, Pair]:
    by_name = {layer.name: layer for layer in theirs}
    return {
        a.name: Pair(a, by_name[a.name], "name")
        for a in ours
        if a.name in by_name and _layers_fit(a, by_name[a.name])
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


def _distance(x: NDArray[Any], y: NDArray[Any]) -> float:
    """Return how far two arrays are apart beside their size: 0 if they are the same, 1 if one is 0."""
    x, y = (array.reshape(-1)[:_NUMBERS] for array in (x, y))
    with np.errstate(all="ignore"):
        size = np.sqrt((x**2).sum()) + np.sqrt((y**2).sum())
        apart = np.sqrt(((x - y) ** 2).sum())
    return float(apart / size) if np.isfinite(size) and size else float("inf")


def _alike(ours: Sequence[ModelLayer], theirs: Sequence[ModelLayer]) -> bool:
    return len(ours) == len(theirs) and all(
        a.class_name == b.class_name and _layers_fit(a, b) for a, b in zip(ours, theirs, strict=True)
    )


def _layers_fit(a: ModelLayer, b: ModelLayer) -> bool:
    """Return whether the outputs have shapes that can be the same."""
    return len(a.shapes) == len(b.shapes) and all(map(_may_agree, a.shapes, b.shapes))


def _fit(a: _Output, b: _Output) -> bool:
    return _may_agree(a.layer.shapes[a.place], b.layer.shapes[b.place])


def _may_agree(one: Shape | None, other: Shape | None) -> bool:
    return one is not None and other is not None and may_agree(one, other)
