"""A model up to one of its layers, and its last Dense layer apart from what comes before.

In: a model, and the name of a layer. Out: a `Part`, which gives hidden states, and the arrays of the
dense layer that makes outputs of them, so that a head of a model runs as any other head does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dense_cli.activations import Activation, find
from dense_cli.dense import DenseArrays
from dense_cli.errors import ConfigError, nearest
from dense_cli.layers.activations.activation import Activation as ActivationLayer
from dense_cli.layers.activations.softmax import Softmax
from dense_cli.layers.core.dense import Dense
from dense_cli.layers.keras_tensor import KerasTensor, Node, UnknownTensor
from dense_cli.layers.layer import Layer
from dense_cli.layers.rnn.time_distributed import TimeDistributed
from dense_cli.layers.unknown import UnknownLayer
from dense_cli.models.functional import Functional
from dense_cli.models.graph import graph_of, node_of
from dense_cli.models.source import Body
from dense_cli.text import listed


class Part(NamedTuple):
    """What is run of a model.

    Attributes:
        body: the model up to the hidden states; without a ``head`` its outputs are what is shown.
        head: the dense layer that makes outputs of the hidden states, or None.
        distributed: whether TimeDistributed wraps it.
        layer: the layer whose output is shown.
        distributions: whether the layer says that its outputs are distributions: it is a softmax.
    """

    body: Body
    head: DenseArrays | None
    distributed: bool
    layer: str
    distributions: bool


def part_of(model: Any, until: str | None, file: str) -> Part:
    """Return the part of a model that ends at the layer ``until``; None: at its output.

    Raises:
        ConfigError: there is no such layer, several outputs and none is named, or a layer that cannot be run
            is in the way.
    """
    output = _output(model, until, file)
    _require_known(output, file)
    node = node_of(output)
    name = output.name if node is None else node.operation.name
    if until is not None and "/" in until:  # a layer of a model in the model
        name = until
    head = None if node is None else _head_of(node)
    if head is None:
        distributions = node is not None and _is_softmax(node.operation)
        return Part(Functional(model.inputs, output), None, False, name, distributions)
    if until is not None and head.arrays.activation.name not in ("softmax", "sparsemax", "sigmoid"):
        return Part(Functional(model.inputs, output), None, False, name, False)
    body = Functional(model.inputs, head.node.input_tensors[0])
    distributed = isinstance(head.node.operation, TimeDistributed)
    return Part(body, head.arrays, distributed, name, True)


class _Head(NamedTuple):
    """The call of a dense layer, and its arrays."""

    node: Node
    arrays: DenseArrays


def _head_of(node: Node) -> _Head | None:
    """Return the dense layer that a call is, or that it is the activation of."""
    activation = _activation_after(node.operation)
    dense = node if activation is None else _linear_before(node)
    arrays = None if dense is None or not _takes_one(dense) else _arrays(dense.operation)
    if dense is None or arrays is None:
        return None
    return _Head(dense, arrays if activation is None else arrays._replace(activation=activation))


def _is_softmax(operation: Any) -> bool:
    activation = _activation_after(operation)
    return activation is not None and activation.name == "softmax" and not activation.config


def _linear_before(node: Node) -> Node | None:
    """Return the call of a layer without activation whose output is the input of ``node``."""
    before = node_of(node.input_tensors[0])
    return before if before is not None and _linear(before.operation) else None


def _output(model: Any, until: str | None, file: str, path: str = "") -> KerasTensor:
    """Return the tensor that ``until`` names: the output of a layer, or of a model of several outputs.

    ``path`` has the names of the models that ``model`` is in.
    """
    if until is None:
        return _only_output(model, file)
    if model.output_names.count(until) == 1:
        output: KerasTensor = model.outputs[model.output_names.index(until)]
        return output
    name, slash, inner = until.partition("/")
    layers = {layer.name: layer for layer in model.layers}
    if slash and until not in layers and graph_of(layers.get(name)) is not None:
        return _inside(layers[name], inner, file, f"{path}{name}/")
    return _of_layer(layers, until, file, path)


def _only_output(model: Any, file: str) -> KerasTensor:
    if len(model.outputs) > 1:
        raise ConfigError(
            f"{file}: {len(model.outputs)} outputs, and none is named: expected one of "
            f"{', '.join(model.output_names)}",
            hint="name one with --until",
        )
    output: KerasTensor = model.outputs[0]
    return output


def _of_layer(layers: dict[str, Layer], until: str, file: str, path: str) -> KerasTensor:
    """Return the output of the layer ``until``, or that of ``__`` and its number behind the layer's name."""
    name, _, number = until.rpartition("__")
    if until in layers:
        name, number = until, ""
    elif name not in layers or not number.isdecimal():
        raise ConfigError(f"{file}: no layer {path + until!r}; {nearest(until, list(layers))}")
    outputs = _outputs(layers[name])
    names = [f"{name}__{i}" for i in range(len(outputs))]
    if len(outputs) == 1 and not number:
        return outputs[0]
    if until not in names:
        raise ConfigError(
            f"{file}: layer {path + name!r} gives {len(outputs)} arrays: expected {listed(names)}"
        )
    return outputs[names.index(until)]


def _inside(model: Any, until: str, file: str, path: str) -> KerasTensor:
    """Return what a layer of a model in the model gives in its last call: the model up to it is called there.

    Raises:
        ConfigError: there is no such layer, or one that cannot be run is in the way.
    """
    output = _output(model, until, file, path)
    _require_known(output, file, path)
    tensors = model._inbound_nodes[-1].input_tensors[: len(model.inputs)]
    part = Functional(list(model.inputs), output, name=f"{model.name}/{until}".replace("/", "."))
    found: KerasTensor = part(tensors[0] if len(tensors) == 1 else tensors)
    return found


def _outputs(layer: Layer) -> list[KerasTensor]:
    """Return what a layer gives; of one that is used more than once, the last time."""
    return list(layer._inbound_nodes[-1].output_tensors)


def _require_known(output: KerasTensor, file: str, path: str = "") -> None:
    """Refuse an output behind a layer that cannot be run; the hint names the layer before it.

    ``path`` has the names of the models that it is in.
    """
    seen: set[int] = set()
    waiting = [output]
    while waiting:
        node = node_of(waiting.pop())
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        layer = node.operation
        if isinstance(layer, UnknownLayer):
            before = [n.operation.name for n in map(node_of, node.input_tensors) if n is not None]
            hint = f"what comes before it can be run: --until {path}{before[0]}" if before else None
            raise ConfigError(
                f"{file}: layer {path + layer.name!r} ({layer.class_name}) cannot be run: {layer.reason}",
                hint=hint,
            )
        if graph_of(layer) is not None:
            for inner in layer.outputs:
                _require_known(inner, file, f"{path}{layer.name}/")
        waiting += node.input_tensors
    if isinstance(output, UnknownTensor):
        raise ConfigError(f"{file}: nothing is known of the shape of this layer's output")


def _activation_after(operation: Any) -> Activation | None:
    """Return the activation of a layer that is nothing else, over the last axis."""
    if isinstance(operation, ActivationLayer):
        return find(operation.activation)
    if isinstance(operation, Softmax) and operation.axis == -1:
        return find("softmax")
    return None


def _dense(operation: Any) -> Dense | None:
    inner = operation.layer if isinstance(operation, TimeDistributed) else operation
    return inner if type(inner) is Dense else None


def _takes_one(node: Node) -> bool:
    """Whether a layer was called with one tensor; a mask beside it, as of Keras 3, changes no number."""
    return len(node.input_tensors) - isinstance(node.kwargs.get("mask"), KerasTensor) == 1


def _linear(operation: Any) -> bool:
    dense = _dense(operation)
    return dense is not None and find(dense.activation).name == "linear"


def _arrays(operation: Any) -> DenseArrays | None:
    """Return the arrays of a Dense layer that computes in float32 or float64."""
    dense = _dense(operation)
    if dense is None or dense.compute_dtype not in ("float32", "float64"):
        return None
    kernel = np.asarray(dense.kernel)
    bias = None if dense.bias is None else np.asarray(dense.bias)
    return DenseArrays.of(kernel, bias, find(dense.activation), dense.compute_dtype)
