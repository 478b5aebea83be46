"""A model's graph as a config, and back: those of Keras 3 and of Keras 2.

Keras 3 writes of each call ``{"args": […], "kwargs": {…}}`` in which a tensor is ``{"class_name":
"__keras_tensor__", "config": {"keras_history": [layer, call, output]}}``; Keras 2 writes a list of ``[layer,
call, output, kwargs]``. No code in a config is run.

Source: keras/src/models/functional.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dense_cli.errors import ConfigError
from dense_cli.layers import tree
from dense_cli.layers.keras_tensor import KerasTensor, Node
from dense_cli.layers.operation import Operation
from dense_cli.spec import shown_value

MOST_LAYERS = 100_000
"""A config of more layers than this is refused."""


def config_of_model(model: Any) -> dict[str, Any]:
    """Return the config of a functional model, as Keras 3 writes it."""
    from dense_cli.saving.serialization import serialize_keras_object

    own = {id(node) for node in model._graph.nodes}
    layers = []
    for operation in model.operations:
        nodes = [node for node in operation._inbound_nodes if id(node) in own and not node.is_input]
        layer = serialize_keras_object(operation)
        layer["name"] = operation.name
        layer["inbound_nodes"] = [_node_config(node, own) for node in nodes]
        layers.append(layer)

    def place(x: KerasTensor) -> list[Any]:
        operation, index, output = x._keras_history
        # A model inside counts its own graph as its first call, as in Keras.
        return [operation.name, _own_index(operation, index, own) + _first_index(operation), output]

    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": layers,
        "input_layers": _places(place, model.input),
        "output_layers": _places(place, model.output),
    }


def _places(place: Any, nest: Any) -> Any:
    return tree.map_structure(place, nest)


def _first_index(operation: Any) -> int:
    return 1 if hasattr(operation, "_graph") else 0


def _own_index(operation: Any, index: int, own: set[int]) -> int:
    """Return the number of a call among those that are in the model."""
    return sum(id(node) in own for node in operation._inbound_nodes[:index])


def _node_config(node: Node, own: set[int]) -> dict[str, Any]:
    from dense_cli.saving.serialization import serialize_keras_object

    def tensor(x: Any) -> Any:
        if not isinstance(x, KerasTensor):
            return x
        operation, index, output = x._keras_history
        return {
            "class_name": "__keras_tensor__",
            "config": {
                "shape": list(x.shape),
                "dtype": x.dtype,
                "keras_history": [operation.name, _own_index(operation, index, own), output],
            },
        }

    return {
        "args": serialize_keras_object(tree.map_structure(tensor, list(node.args))),
        "kwargs": serialize_keras_object(tree.map_structure(tensor, node.kwargs)),
    }


def model_of_config(cls: type, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the model of a config of Keras 3 or 2.

    Raises:
        ConfigError: the graph goes in circles, names layers that are not there, or is no graph.
    """
    rest = {key: value for key, value in config.items() if key not in _GRAPH_KEYS}
    maker = _Maker(custom_objects)
    maker.make_layers(config["layers"])
    for layer in config["layers"]:
        maker.count_outputs(layer.get("inbound_nodes"))
    maker.count_outputs(config["output_layers"])
    maker.make_calls()
    inputs = maker.tensors(config["input_layers"])
    outputs = maker.tensors(config["output_layers"])
    if not tree.flatten(inputs) or not tree.flatten(outputs):
        raise ConfigError("a model needs inputs and outputs, the config names none")
    trainable = config.get("trainable")
    arguments = {"name": config.get("name"), **({} if trainable is None else {"trainable": trainable})}
    return cls(inputs=inputs, outputs=outputs, **arguments, **rest)


_GRAPH_KEYS = {"name", "trainable", "layers", "input_layers", "output_layers"}


class _NotYetError(Exception):
    """A call needs the result of one that has not been made."""


def _name_of(config: dict[str, Any]) -> Any:
    """Return the name that the config of a layer states."""
    arguments = config.get("config")
    return config.get("name") or (arguments.get("name") if isinstance(arguments, dict) else None)


class _Maker:
    """Makes the layers of a config, then their calls, each when its inputs are there."""

    def __init__(self, custom_objects: dict[str, Any] | None) -> None:
        self.custom_objects = custom_objects
        self.layers: dict[str, Operation] = {}
        self.calls: dict[str, list[Any]] = {}

    def make_layers(self, configs: Any) -> None:
        from dense_cli.saving.serialization import deserialize_keras_object

        if not isinstance(configs, list) or len(configs) > MOST_LAYERS:
            raise ConfigError(f"a model's config needs a list of at most {MOST_LAYERS} layers")
        for config in configs:
            if not isinstance(config, dict) or not isinstance(config.get("inbound_nodes", []), list):
                raise ConfigError(f"a layer's config is a dictionary, found {shown_value(config)}")
            name = _name_of(config)
            if not isinstance(name, str) or name in self.layers:
                raise ConfigError(f"a layer needs a name of its own, found {shown_value(name)}")
            layer = deserialize_keras_object(config, custom_objects=self.custom_objects)
            if not isinstance(layer, Operation):
                raise ConfigError(f"expected a layer, found {shown_value(config.get('class_name'))}")
            layer.name = name
            self.layers[name] = layer
            self.calls[name] = list(filter(None, config.get("inbound_nodes", [])))

    def count_outputs(self, config: Any) -> None:
        """Tell layers how many of their outputs the config uses, for those whose calls cannot be made."""
        for place in _places_in(config):
            layer = self.layers.get(place[0])
            if layer is not None and place[2] < _MOST_OUTPUTS:
                layer._unknown_outputs = max(layer._unknown_outputs, place[2] + 1)

    def make_calls(self) -> None:
        """Make every call; those of a layer in their order.

        The calls that wait for another are looked at when that one is made.
        """
        waiting: dict[str, list[str]] = {}
        ready = list(self.calls)
        made = dict.fromkeys(self.calls, 0)
        while ready:
            name = ready.pop(0)
            calls = self.calls[name]
            while made[name] < len(calls):
                try:
                    args, kwargs = self.arguments(self.layers[name], calls[made[name]])
                except _NotYetError as error:
                    waiting.setdefault(str(error), []).append(name)
                    break
                self.call(self.layers[name], args, kwargs)
                made[name] += 1
                ready += waiting.pop(name, [])
        left = [name for name, calls in self.calls.items() if made[name] < len(calls)]
        if left:
            raise ConfigError(
                "Invalid Functional model configuration. The graph of the Functional model either has loops "
                "or "
                f"disconnected nodes. The following layers failed to be resolved: {left[:10]}"
            )

    def call(self, layer: Operation, args: list[Any], kwargs: dict[str, Any]) -> None:
        try:
            layer(*args, **kwargs)
        except (TypeError, IndexError, KeyError) as error:
            raise ConfigError(f"layer '{layer.name}' cannot be called as the config says: {error}") from error

    def arguments(self, layer: Operation, node: Any) -> tuple[list[Any], dict[str, Any]]:
        """Return what a call was given, with the tensors that are there by now."""
        if isinstance(node, dict) and "args" in node:
            return self.filled(node["args"]), self.filled(node.get("kwargs", {}))
        kwargs: dict[str, Any] = {}
        inputs = self.legacy(node, kwargs)
        if isinstance(inputs, list) and len(inputs) == 1:
            inputs = inputs[0]
        if isinstance(inputs, list) and _takes_states(layer):
            # Keras 2 hands a recurrent layer its initial state among the inputs.
            kwargs["initial_state"], inputs = inputs[1:], inputs[0]
            layer._keras2_masks = True  # type: ignore[attr-defined]
        return [inputs], kwargs

    def filled(self, value: Any, depth: int = 0) -> Any:
        """Return a value of Keras 3 with its tensors, tuples and other objects."""
        from dense_cli.saving.serialization import DEEPEST, deserialize_keras_object

        if depth > DEEPEST:
            raise ConfigError(f"a config is nested deeper than {DEEPEST} levels")
        if isinstance(value, list):
            return [self.filled(x, depth + 1) for x in value]
        if not isinstance(value, dict):
            return value
        if "class_name" not in value:
            return {key: self.filled(x, depth + 1) for key, x in value.items()}
        if value["class_name"] == "__keras_tensor__":
            return self.tensor(value.get("config", {}).get("keras_history"))
        if value["class_name"] == "__tuple__":
            items = value.get("items") or value.get("config") or []
            return tuple(self.filled(x, depth + 1) for x in items)
        return deserialize_keras_object(value, custom_objects=self.custom_objects)

    def legacy(self, value: Any, kwargs: dict[str, Any], depth: int = 0) -> Any:
        """Return the inputs of a call of Keras 2; its keyword arguments go into ``kwargs``."""
        if depth > 20 or not isinstance(value, (list, dict)):
            raise ConfigError(f"a call in the config cannot be read: {shown_value(value)}")
        if isinstance(value, dict):
            return {key: self.legacy(x, kwargs, depth + 1) for key, x in value.items()}
        if value and isinstance(value[0], str):
            if len(value) > 3 and isinstance(value[3], dict):
                kwargs |= {key: self.legacy_argument(x) for key, x in value[3].items()}
            if value[0] == "_CONSTANT_VALUE":
                return value[2]
            return self.tensor(value[:3], legacy=True)
        return [self.legacy(x, kwargs, depth + 1) for x in value]

    def legacy_argument(self, value: Any) -> Any:
        """Return a keyword argument of Keras 2, in which ``[layer, call, output]`` is a tensor."""
        if _is_place(value) and value[0] in self.layers:
            return self.tensor(value, legacy=True)
        if isinstance(value, list) and value and all(_is_place(x) for x in value):
            return [self.legacy_argument(x) for x in value]
        return value

    def tensor(self, place: Any, legacy: bool = False, offset: bool = False) -> KerasTensor:
        """Return the output that ``[layer, call, output]`` names.

        Raises:
            _NotYetError: the call has not been made.
        """
        if not _is_place(place):
            raise ConfigError(f"a tensor in the config is [layer, call, output], found {shown_value(place)}")
        name, index, output = place
        if name not in self.layers:
            raise ConfigError(f"Invalid Functional model configuration. Missing node: {name[:80]}")
        layer = self.layers[name]
        if (legacy or offset) and hasattr(layer, "predict"):
            index -= 1 if index or offset else 0  # a model's own graph counts as its first call
        if not 0 <= index < len(self.calls[name]) + _is_start(layer):
            raise ConfigError(f"layer {shown_value(name)} has no call {place[1]}")
        if len(layer._inbound_nodes) <= index:
            raise _NotYetError(name)
        tensors = layer._inbound_nodes[index].output_tensors
        if not 0 <= output < len(tensors):
            raise ConfigError(f"layer {shown_value(name)} has no output {output}")
        tensor: KerasTensor = tensors[output]
        return tensor

    def tensors(self, places: Any) -> Any:
        """Return the nest of tensors that a config's ``input_layers`` or ``output_layers`` name."""
        if _is_place(places):
            layer = self.layers.get(places[0])
            # Keras 2 numbers a sequential model's first call 0 or 1, Keras 3 a functional one's 1.
            first = hasattr(layer, "predict") and places[1] > 0
            return self.tensor(places, offset=first)
        if isinstance(places, dict):
            return {key: self.tensors(value) for key, value in places.items()}
        if isinstance(places, (list, tuple)):
            return type(places)(self.tensors(value) for value in places)
        raise ConfigError(
            f"inputs and outputs of a model are [layer, call, output], found {shown_value(places)}"
        )


def _takes_states(layer: Operation) -> bool:
    """Return whether the layer is a recurrent one, which Keras 2 hands its states in one list with the
    input."""
    return any(cls.__name__ in ("RNN", "Bidirectional") for cls in type(layer).__mro__)


def _is_start(layer: Operation) -> int:
    """Return how many calls a layer has that no config lists: an input's one."""
    return sum(node.is_input for node in layer._inbound_nodes)


_MOST_OUTPUTS = 1000


def _places_in(value: Any) -> Iterator[Any]:
    """Give each ``[layer, call, output]`` of a config."""
    if _is_place(value):
        yield value
    elif isinstance(value, list) and len(value) > 3 and _is_place(value[:3]):
        yield value[:3]
        yield from _places_in(value[3])
    elif isinstance(value, (list, tuple, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _places_in(inner)


def _is_place(x: Any) -> bool:
    return (
        isinstance(x, (list, tuple))
        and len(x) == 3
        and isinstance(x[0], str)
        and all(isinstance(n, int) for n in x[1:])
    )


def nested_layers(model: Any) -> Iterator[Any]:
    """Give the layers of a model and of the models inside."""
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from nested_layers(layer)
