"""Keras' functional model: a graph of layers.

Source: keras/src/models/functional.py, keras/src/ops/function.py.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from dense_cli.errors import ConfigError, ShapeError
from dense_cli.layers import tree
from dense_cli.layers.call import CallArguments
from dense_cli.layers.core.input_layer import Input, InputLayer
from dense_cli.layers.dtype_policy import FLOATS, array_dtype, round_to
from dense_cli.layers.input_spec import InputSpec
from dense_cli.layers.keras_tensor import KerasTensor, Node, Shape, UnknownTensor
from dense_cli.layers.layer import Layer
from dense_cli.layers.masks import get_mask, with_mask
from dense_cli.models.config import config_of_model
from dense_cli.models.graph import (
    Graph,
    graph_of,
    is_input,
    keep_used,
    last_calls,
    make_graph,
    node_of,
    uses_of,
    with_values,
)
from dense_cli.models.model import Model, takes_graph

Seen = Callable[[Node, list[Any], list[Any]], None]
_MOST_CALLS = 200_000
_SEEN: ContextVar[Seen | None] = ContextVar("seen", default=None)
"""What the calls of the model that is about to be called are handed to."""


class Functional(Model):
    """The layers between ``inputs`` and ``outputs``, which are symbolic tensors or nests of them.

    Args:
        inputs: what the model takes: outputs of `Input`, or of any layer.
        outputs: what it gives.
        name: its name.
        trainable: whether training would change the weights.

    Raises:
        ConfigError: ``outputs`` do not come from ``inputs``, two layers have one name, or a run would call
            models in models without end.

    Source: https://keras.io/guides/functional_api/
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any) -> None:
        trainable = kwargs.pop("trainable", None)
        Layer.__init__(self, name=name, **kwargs)
        _require_symbolic("inputs", inputs)
        _require_symbolic("outputs", outputs)
        if isinstance(inputs, dict):
            _warn_of_names(inputs)
        if not all(is_input(x) for x in tree.flatten(inputs)):
            inputs, outputs = _from_new_inputs(inputs, outputs)
        self._inputs_struct = inputs
        self._outputs_struct = outputs
        self.inputs: list[KerasTensor] = tree.flatten(inputs)
        self.outputs: list[KerasTensor] = tree.flatten(outputs)
        self._graph: Graph = make_graph(self.inputs, self.outputs, tree.paths(outputs))
        self._calls = _calls(self._graph)
        self.output_names = [x._keras_history.operation.name for x in self.outputs]
        if trainable is not None:
            self.trainable = trainable
        self.built = True
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True

    # --- layers

    @property
    def _operations(self) -> list[Any]:
        return self._graph.operations

    @property
    def operations(self) -> list[Any]:
        """The layers, and the operations that are no layers, each once."""
        return list(self._graph.operations)

    @property
    def layers(self) -> list[Layer]:
        """The layers, the inputs among them, each once, in the order of the graph."""
        return [operation for operation in self._graph.operations if isinstance(operation, Layer)]

    @layers.setter
    def layers(self, value: Any) -> None:
        raise AttributeError(
            "`Model.layers` attribute is reserved and should not be used. Please use another name."
        )

    @property
    def _layers(self) -> list[Layer]:
        layers = self.layers
        known = {id(layer) for layer in layers}
        return layers + [layer for layer in super()._layers if id(layer) not in known]

    @property
    def input(self) -> Any:
        """The symbolic inputs, nested as they were given."""
        return self._inputs_struct

    @property
    def output(self) -> Any:
        """The symbolic outputs, nested as they were given."""
        return self._outputs_struct

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return [x.name for x in self.inputs]

    @property
    def input_shape(self) -> Any:
        """The shape of the input, or a list of them."""
        return _singleton(tree.map_structure(lambda x: x.shape, self.inputs))

    @property
    def output_shape(self) -> Any:
        """The shape of the output, or a list of them."""
        return _singleton(tree.map_structure(lambda x: x.shape, self.outputs))

    @property
    def input_spec(self) -> Any:
        """What the inputs must be."""
        if self._manual_input_spec is not None:
            return self._manual_input_spec
        if isinstance(self._inputs_struct, dict):
            if not all(isinstance(x, KerasTensor) for x in self._inputs_struct.values()):
                return None
            return [_spec(self._inputs_struct[name], name) for name in sorted(self._inputs_struct)]
        return [_spec(x) for x in self.inputs]

    @input_spec.setter
    def input_spec(self, value: Any) -> None:
        self._manual_input_spec = value

    def build(self, input_shape: Any = None) -> None:
        """Do nothing: the graph is there."""

    # --- running

    def _run(self, call: CallArguments) -> Any:
        return self.call(*call.bound.args, **call.bound.kwargs)

    def _masked(self, inputs: Any, outputs: Any, previous_mask: Any) -> Any:
        return outputs  # the layers inside have given them their masks

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the outputs of arrays."""
        arrays = self._standardized(inputs)
        for i, one in enumerate(tree.flatten(mask)[: len(arrays)] if mask is not None else []):
            if one is not None and arrays[i] is not None:
                arrays[i] = with_mask(arrays[i], one)
        seen = _SEEN.get()
        if seen is not None:
            self._show_inputs(inputs, arrays, seen)
        return self._through_graph(arrays, lambda operation: operation, seen)

    def compute_output_spec(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return symbolic outputs for symbolic inputs."""
        given = self._flat(inputs, warn=False)
        for x, own in zip(given, self.inputs, strict=True):
            _check_fits(x, own)
        if all(x.shape == own.shape for x, own in zip(given, self.inputs, strict=True)):
            return tree.map_structure(_alike, self._outputs_struct)
        return self._through_graph(given, lambda operation: operation.compute_output_spec)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the outputs for that of the inputs."""
        dtypes = iter(self.inputs)
        inputs = tree.map_shapes(lambda shape: KerasTensor(shape, next(dtypes).dtype), input_shape)
        return tree.map_structure(lambda x: x.shape, self.compute_output_spec(inputs))

    def call_each(self, inputs: Any, seen: Seen) -> Any:
        """Return the outputs of arrays; what each call takes and gives is handed to ``seen`` as it comes.

        The calls in a model that is a layer of this one come before its own; of one that is called more than
        once, those of its last call.

        Args:
            inputs: arrays, as `call` takes them.
            seen: gets the call, the arrays that it takes and those that it gives. An input takes the array as
                it came, and gives it in its own dtype and rank.
        """
        with _shown_to(seen):
            return self.call(inputs)

    def _show_inputs(self, inputs: Any, arrays: list[Any], seen: Seen) -> None:
        for x, given, array in zip(self.inputs, self._flat(inputs), arrays, strict=True):
            node = node_of(x)
            assert node is not None
            seen(node, [np.asarray(given)], [array])

    def _through_graph(
        self,
        inputs: list[Any],
        function: Callable[[Any], Callable[..., Any]],
        seen: Seen | None = None,
    ) -> Any:
        """Return what the outputs are where the inputs are ``inputs``.

        Each result is kept as long as a call needs it.
        """
        values = {id(x): value for x, value in zip(self.inputs, inputs, strict=True)}
        uses = uses_of(self._graph, self.outputs)
        last = {} if seen is None else last_calls(self._graph)
        for node in self._graph.nodes:
            if node.is_input:
                continue
            args, kwargs = with_values(node, values)
            expand = last.get(id(node.operation)) is node and graph_of(node.operation) is not None
            with _shown_to(seen if expand else None):
                results = tree.flatten(function(node.operation)(*args, **kwargs))
            if seen is not None:
                seen(node, [values[id(x)] for x in node.input_tensors], results)
            keep_used(node, results, values, uses)
        return _singleton(tree.pack_as(self._outputs_struct, [values[id(x)] for x in self.outputs]))

    def _flat(self, inputs: Any, warn: bool = True) -> list[Any]:
        """Return the inputs in the order of the model's, taken by name from a dictionary."""
        named = isinstance(self._inputs_struct, dict)
        if isinstance(inputs, dict):
            picked = self._picked(inputs, list(self._inputs_struct) if named else self.input_names)
            if not named:
                return list(picked.values())
            if warn and len(inputs) > len(picked):
                warnings.warn(self._mismatch(inputs), stacklevel=5)
            inputs = picked
        elif named and tree.is_nested(inputs):
            if list(self._inputs_struct) != sorted(self._inputs_struct):
                raise ShapeError(self._mismatch(inputs))
            warnings.warn(self._mismatch(inputs), stacklevel=5)
        flat = tree.flatten(inputs)
        if len(flat) != len(self.inputs):
            raise ShapeError(self._mismatch(inputs))
        return flat

    def _picked(self, inputs: dict[str, Any], names: list[str]) -> dict[str, Any]:
        if not set(names) <= set(inputs):
            raise ShapeError(self._mismatch(inputs))
        return {name: inputs[name] for name in names}

    def _mismatch(self, inputs: Any) -> str:
        expected = tree.map_structure(lambda x: x.name, self._inputs_struct)
        received = tree.map_structure(
            lambda x: "None" if x is None else f"Tensor(shape={np.shape(x)})", inputs
        )
        return (
            "The structure of `inputs` doesn't match the expected structure.\n"
            f"Expected: {expected}\nReceived: inputs={received}"
        )

    def _standardized(self, inputs: Any) -> list[Any]:
        """Return the inputs as arrays of the inputs' dtypes, with a last axis of size 1 added or taken off.

        Raises:
            ShapeError: another number of inputs, or shapes that do not fit.
        """
        places = zip(self._flat(inputs), self.inputs, tree.paths(self._inputs_struct), strict=True)
        return [None if x is None else _standard(x, own, path) for x, own, path in places]

    # --- configs

    def get_config(self) -> dict[str, Any]:
        """Return the graph as Keras writes it in JSON.

        Raises:
            NotImplementedError: a subclass with arguments of its own has no ``get_config``.
        """
        if not takes_graph(type(self)):
            return super().get_config()
        return copy.deepcopy(config_of_model(self))


@contextmanager
def _shown_to(seen: Seen | None) -> Iterator[None]:
    """Let a model that is called inside hand its calls to ``seen``."""
    token = _SEEN.set(seen)
    try:
        yield
    finally:
        _SEEN.reset(token)


def _require_symbolic(what: str, nest: Any) -> None:
    for x in tree.flatten(nest):
        if not isinstance(x, KerasTensor):
            raise ConfigError(
                f"All `{what}` values must be KerasTensors. Received: {what}={nest} including "
                f"invalid value {x} of type {type(x)}"
            )


def _warn_of_names(inputs: dict[str, Any]) -> None:
    for key, x in inputs.items():
        if isinstance(x, KerasTensor) and key != x.name:
            warnings.warn(
                "When providing `inputs` as a dict, all keys in the dict must match the names of the "
                f"corresponding tensors. Received key '{key}' mapping to value {x} which has name "
                f"'{x.name}'. Change the tensor name to '{key}' (via `Input(..., name='{key}')`)",
                stacklevel=3,
            )


def _calls(graph: Graph) -> int:
    """Return how many calls a run takes, those in models in the model among them.

    Each model that calls one twice doubles them: a small file can ask for more than there is time for.

    Raises:
        ConfigError: they are too many.
    """
    inner = (getattr(node.operation, "_functional", None) or node.operation for node in graph.nodes)
    calls = sum(model._calls if isinstance(model, Functional) else 1 for model in inner)
    if calls > _MOST_CALLS:
        raise ConfigError(f"models in the model are called so often that a run takes {calls} calls of layers")
    return calls


def _singleton(x: Any) -> Any:
    return x[0] if isinstance(x, (list, tuple)) and len(x) == 1 else x


def _alike(x: KerasTensor) -> KerasTensor:
    """Return a new tensor that is as little known as ``x``."""
    return UnknownTensor() if isinstance(x, UnknownTensor) else KerasTensor(x.shape, x.dtype)


def _check_fits(x: Any, own: KerasTensor) -> None:
    sizes = zip(x.shape, own.shape, strict=False)
    if len(x.shape) != len(own.shape) or any(None not in pair and pair[0] != pair[1] for pair in sizes):
        raise ShapeError(
            f"Functional was passed incompatible inputs. For input '{own.name}', expected shape {own.shape}, "
            f"but received instead a tensor with shape {x.shape}."
        )


def _standard(x: Any, own: KerasTensor, path: str) -> Any:
    """Return an input as an array of the dtype and rank of ``own``, with its mask."""
    mask = get_mask(x)
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise ShapeError(f"input '{own.name}': expected numbers, found dtype {array.dtype}")
    array = round_to(array, own.dtype) if own.dtype in FLOATS else array.astype(array_dtype(own.dtype))
    if array.ndim == len(own.shape) + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    elif array.ndim == len(own.shape) - 1 and own.shape[-1] == 1:
        array = array[..., None]
    if array.ndim != len(own.shape):
        raise ShapeError(
            f"Invalid input shape for input {x} with name '{own.name}' and path '{path}'. "
            f"Expected shape {own.shape}, but input has incompatible shape {array.shape}"
        )
    return with_mask(array, mask)


def _spec(x: KerasTensor, name: str | None = None) -> InputSpec:
    layer = x._keras_history.operation
    shape: Shape = (None, *x.shape[1:]) if x.shape else ()
    optional = isinstance(layer, InputLayer) and layer.optional
    return InputSpec(shape=shape, allow_last_axis_squeeze=True, name=name or layer.name, optional=optional)


def _from_new_inputs(inputs: Any, outputs: Any) -> tuple[Any, Any]:
    """Return new inputs in place of outputs of layers, and the outputs with the calls between made again."""
    own = tree.flatten(inputs)
    graph = make_graph(own, tree.flatten(outputs))
    copies: dict[int, KerasTensor] = {}
    for x in own:
        copies[id(x)] = x if is_input(x) else Input(batch_shape=x.shape, dtype=x.dtype, name=f"{x.name}CLONE")

    def copied(x: Any) -> Any:
        if not isinstance(x, KerasTensor):
            return x
        return copies.setdefault(id(x), KerasTensor(x.shape, x.dtype, name=f"{x.name}_clone"))

    for node in graph.nodes:
        if not node.is_input:
            args, kwargs = (tree.map_structure(copied, nest) for nest in (node.args, node.kwargs))
            Node(node.operation, args, kwargs, [copied(x) for x in node.output_tensors])
    new_inputs = (
        tree.pack_as(inputs, [copies[id(x)] for x in own]) if tree.is_nested(inputs) else copies[id(inputs)]
    )
    return new_inputs, tree.map_structure(copied, outputs)
