"""Whether a value of an ONNX graph is distributions: a softmax, however its rows are put together afterwards.

In: a model and the name of a value. Out: yes or no; where nobody knows, no.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import Any, NamedTuple

_IN_THE_MODEL = 0  # TensorProto.DEFAULT
Shape = tuple[int | None, ...]


def shapes_of(model: Any) -> dict[str, Shape]:
    """Return the shapes that the graph states, and those that follow from them."""
    import onnx

    with suppress(Exception):  # whatever the library makes of a damaged model: what is stated is left
        model = onnx.shape_inference.infer_shapes(model)
    graph = model.graph
    return {
        x.name: tuple(
            size.dim_value if size.HasField("dim_value") and size.dim_value > 0 else None
            for size in x.type.tensor_type.shape.dim
        )
        for x in (*graph.input, *graph.value_info, *graph.output)
        if x.type.tensor_type.HasField("shape")
    }


def last_axis_of_softmax(axis: Any, rank: int | None, opset: int) -> bool:
    """Whether a Softmax goes along the last axis; without ``axis`` it does as of opset 13."""
    if axis is None:
        return opset >= 13 or rank == 2
    return axis == -1 or (rank is not None and axis == rank - 1)


def gives_softmax(model: Any, name: str, rank: int) -> bool:
    """Whether the rows of a value, which has ``rank`` axes, are those of a softmax over the last axis."""
    graph = _Graph(model)
    waiting, seen = [_Value(name, rank)], {name}
    while waiting:
        inputs = graph.behind(waiting.pop())
        if inputs is None:
            return False
        waiting += [value for value in inputs if value.name not in seen]
        seen |= {value.name for value in inputs}
    return True


class _Value(NamedTuple):
    """A value and how many axes it has, None where that is not known."""

    name: str
    rank: int | None


class _Graph:
    """The nodes of a model, by the values that they make."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._made_by = {output: node for node in model.graph.node for output in node.output}
        self._arrays = {tensor.name: tensor for tensor in model.graph.initializer}
        self._opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1)

    @cached_property
    def _shapes(self) -> dict[str, Shape]:
        return shapes_of(self._model)

    def behind(self, value: _Value) -> list[_Value] | None:
        """Return the values that must be distributions for this one to be; none of a softmax.

        None: it is made in another way.
        """
        node, rank = self._made_by.get(value.name), value.rank
        if node is None or node.domain not in ("", "ai.onnx"):
            return None
        if node.op_type == "Softmax":
            return [] if last_axis_of_softmax(_axis_of(node), rank, self._opset) else None
        if node.op_type == "Concat":
            return [_Value(name, rank) for name in node.input] if _joins_rows(node, rank) else None
        if node.op_type in ("Identity", "Cast") or _leaves_last_axis(node):
            return [_Value(node.input[0], rank)]
        return self._behind_new_axes(node, value)

    def _behind_new_axes(self, node: Any, value: _Value) -> list[_Value] | None:
        """Return what is behind a node that makes or takes away axes, if the last one stays what it is."""
        if node.op_type == "Unsqueeze" and value.rank is not None:
            axes = self._axes(node)
            if axes is None or any(axis in (-1, value.rank - 1) for axis in axes):
                return None
            return [_Value(node.input[0], value.rank - len(axes))]
        if node.op_type not in ("Squeeze", "Reshape", "Flatten", "Unsqueeze"):
            return None
        before, after = (self._shapes.get(name) or (None,) for name in (node.input[0], value.name))
        return [_Value(node.input[0], len(before))] if before[-1] == after[-1] not in (None, 1) else None

    def _axes(self, node: Any) -> list[int] | None:
        """Return the axes that an Unsqueeze makes, an attribute before opset 13 and an array as of it."""
        found: list[int] | None = _attribute(node, "axes", lambda attribute: list(attribute.ints))
        if found is None and len(node.input) > 1:
            made = self._made_by.get(node.input[1])
            array = self._arrays.get(node.input[1])
            if made is not None and made.op_type == "Constant":
                array = _attribute(made, "value", lambda attribute: attribute.t)
            if array is not None and len(array.dims) < 2 and array.data_location == _IN_THE_MODEL:
                import onnx

                found = onnx.numpy_helper.to_array(array).reshape(-1).tolist()
        return found


def _joins_rows(node: Any, rank: int | None) -> bool:
    """Whether a Concat is along another axis than the last."""
    axis = _axis_of(node)
    return axis == 0 or (rank is not None and axis not in (None, -1, rank - 1))


def _leaves_last_axis(node: Any) -> bool:
    """Whether a node is a Transpose that leaves the last axis where it is."""
    perm = _attribute(node, "perm", lambda attribute: list(attribute.ints))
    return node.op_type == "Transpose" and bool(perm) and perm[-1] == len(perm) - 1


def _axis_of(node: Any) -> int | None:
    axis: int | None = _attribute(node, "axis", lambda attribute: attribute.i)
    return axis


def _attribute(node: Any, name: str, value: Callable[[Any], Any]) -> Any:
    return next((value(attribute) for attribute in node.attribute if attribute.name == name), None)
