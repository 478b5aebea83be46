"""Nodes that leave the numbers as they are and move axes: where the axis of the units is after them.

Each handler of `MOVES` takes the axis of the units, counted from the end, and returns the new one: None where
it was not known, or is not known any more.
"""

from __future__ import annotations

from collections.abc import Callable

from dense_cli.heads.onnx.constants import Constants
from dense_cli.heads.onnx.graph import Node

_FLOATS = (1, 10, 11, 16)  # of ONNX' types: float, float16, double, bfloat16


def moves(node: Node) -> bool:
    """Whether a node leaves its first input's numbers as they are, but for rounding to another float type."""
    return node.op in MOVES and (node.op != "Cast" or node.integer("to", 0) in _FLOATS)


def _kept(constants: Constants, units: int, node: Node, axis: int | None) -> int | None:
    return axis


def _transposed(constants: Constants, units: int, node: Node, axis: int | None) -> int | None:
    perm = node.integers("perm")
    if axis is None or not perm or len(perm) + axis not in perm:
        return None
    return perm.index(len(perm) + axis) - len(perm)


def _reshaped(constants: Constants, units: int, node: Node, axis: int | None) -> int | None:
    """The units stay last where the last size stays, and become last where only sizes of 1 stood behind."""
    graph = constants.graph
    before, after = graph.shapes.get(node.input(0)), graph.shapes.get(node.outputs[0])
    size = after[-1] if after else _last_size(constants, units, node)
    if axis is None or (before and len(before) < -axis):
        return None
    behind = () if axis == -1 else before[axis + 1 :] if before else (None,)
    return -1 if size == units and set(behind) <= {1} else None


def _last_size(constants: Constants, units: int, node: Node) -> int | None:
    """Return the last size that a Reshape states, where it is not worked out from the others."""
    if (
        node.op == "Flatten"
        and constants.graph.rank(node.input(0)) == 2
        and node.integer("axis", 1) in (1, -1)
    ):
        return units
    name = node.input(1)
    for _ in range(4):  # a shape is put together of sizes, and cast
        maker = constants.graph.makers.get(name)
        if maker is None or maker.op not in ("Concat", "Cast"):
            break
        name = maker.inputs[-1] if maker.inputs else ""
    sizes = constants.few(name) if node.op == "Reshape" else None
    return None if sizes is None or not len(sizes) or sizes[-1] <= 0 else int(sizes[-1])


def restores(constants: Constants, node: Node) -> bool:
    """Whether a node puts an axis of size 1 at the end, where a reduction took one away."""
    if node.op == "Unsqueeze":
        return constants.ints(node, "axes", 1) == [-1] or _unsqueezed(constants, 1, node, -1) == -2
    return node.op == "Reshape" and _last_size(constants, 1, node) == 1


def _squeezed(constants: Constants, units: int, node: Node, axis: int | None) -> int | None:
    """Axes that are taken away behind the units move them nearer to the end."""
    gone = constants.ints(node, "axes", 1)
    if axis is None or gone is None:
        return None
    if any(a >= 0 for a in gone):
        rank = constants.graph.rank(node.input(0))
        if rank is None:
            return None
        gone = [a - rank if a >= 0 else a for a in gone]
    return None if axis in gone else axis + sum(a > axis for a in gone)


def _unsqueezed(constants: Constants, units: int, node: Node, axis: int | None) -> int | None:
    """Axes that are put behind the units move them away from the end."""
    new = constants.ints(node, "axes", 1)
    if axis is None or new is None:
        return None
    if any(a >= 0 for a in new):
        rank = constants.graph.rank(node.outputs[0])
        if rank is None:
            before = constants.graph.rank(node.input(0))
            if before is None:
                return None
            rank = before + len(new)
        new = [a - rank if a >= 0 else a for a in new]
    places = [-i for i in range(1, -axis + len(new) + 1) if -i not in new]
    return places[-axis - 1]


MOVES: dict[str, Callable[[Constants, int, Node, int | None], int | None]] = {
    "Identity": _kept,
    "Dropout": _kept,
    "Cast": _kept,
    "Transpose": _transposed,
    "Reshape": _reshaped,
    "Flatten": _reshaped,
    "Squeeze": _squeezed,
    "Unsqueeze": _unsqueezed,
}
