"""Keras' sequential model: layers in a row.

Source: keras/src/models/sequential.py.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from dense_cli.errors import ConfigError, ShapeError
from dense_cli.layers import tree
from dense_cli.layers.call import CallArguments, signature
from dense_cli.layers.core.input_layer import InputLayer
from dense_cli.layers.keras_tensor import KerasTensor, standardize_shape
from dense_cli.layers.layer import Layer
from dense_cli.layers.masks import get_mask
from dense_cli.models.functional import Functional
from dense_cli.models.model import Model


class Sequential(Model):
    """Layers that are run one after another.

    Args:
        layers: the layers; an `Input` among them, the first, says the shape of the input.
        trainable: whether training would change the weights.
        name: its name.

    Raises:
        ConfigError: two layers have one name, or what is added is no layer.

    Source: https://keras.io/guides/sequential_model/

    >>> import numpy as np
    >>> from dense_cli.layers import Dense, Input
    >>> model = Sequential([Input((3,)), Dense(4), Dense(2)])
    >>> len(model.layers), model.predict(np.ones((5, 3)), verbose=0).shape
    (2, (5, 2))
    """

    def __init__(
        self, layers: Iterable[Any] | None = None, trainable: bool = True, name: str | None = None
    ) -> None:
        super().__init__(trainable=trainable, name=name)
        self._stack: list[Layer] = []
        self._functional: Functional | None = None
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True
        for layer in layers or ():
            self.add(layer, rebuild=False)
        if self._stack:
            self._rebuild()

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Put a layer at the end.

        Raises:
            ConfigError: it is no layer, its name is taken, or it is a second input.
        """
        if not self._stack and getattr(layer, "_input_shape_arg", None) is not None:
            self.add(InputLayer(shape=layer._input_shape_arg), rebuild=False)
        if isinstance(layer, KerasTensor) and hasattr(layer, "_keras_history"):
            layer = layer._keras_history.operation
        self._require_fit(layer)
        self._stack.append(layer)
        self._forget()
        if rebuild:
            self._rebuild()

    def _require_fit(self, layer: Any) -> None:
        if not isinstance(layer, Layer):
            raise ConfigError(
                "Only instances of `keras.Layer` can be added to a Sequential model. "
                f"Received: {layer} (of type {type(layer)})"
            )
        if any(layer.name == other.name and layer is not other for other in self._stack):
            raise ConfigError(
                "All layers added to a Sequential model should have unique names. "
                f"Name '{layer.name}' is already the name of a layer in this model. Update the `name` "
                "argument to pass a unique name."
            )
        if isinstance(layer, InputLayer) and self._stack and isinstance(self._stack[0], InputLayer):
            raise ConfigError(
                f"Sequential model '{self.name}' has already been configured to use input shape "
                f"{self._stack[0].batch_shape}. You cannot add a different Input layer to it."
            )

    def pop(self, rebuild: bool = True) -> Layer:
        """Take off the last layer and return it."""
        layer = self._stack.pop()
        self._forget()
        if rebuild and self._stack:
            self._rebuild()
        return layer

    def _forget(self) -> None:
        self.built = False
        self._locked = False
        self._functional = None

    def _rebuild(self) -> None:
        first = self._stack[0]
        if len(self._stack) > 1 and isinstance(first, InputLayer):
            self.build(first.batch_shape)
        elif len(self._stack) > 1 and isinstance(first, Model):
            shape = getattr(first, "input_shape", None)
            if shape is not None:
                self.build(shape)

    def build(self, input_shape: Any = None) -> None:
        """Build the layers for inputs of ``input_shape``.

        Raises:
            ConfigError: there are no layers, or the input has another shape.
        """
        try:
            shape = standardize_shape(input_shape)
        except ShapeError:
            return  # several inputs: the layers are built by the first call
        if not self._stack:
            raise ConfigError(
                f"Sequential model {self.name} cannot be built because it has no layers. "
                "Call `model.add(layer)`."
            )
        first = self._stack[0]
        if not isinstance(first, InputLayer):
            self._stack.insert(0, InputLayer(batch_shape=shape, dtype=first.compute_dtype))
        elif first.batch_shape != shape:
            raise ConfigError(
                f"Sequential model '{self.name}' has already been configured to use input shape "
                f"{first.batch_shape}. You cannot build it with input_shape {shape}"
            )
        x = inputs = self._stack[0].output
        for layer in self._stack[1:]:
            try:
                x = layer(x)
            except NotImplementedError:
                return  # no shapes before there are arrays
            except TypeError as error:
                raise _not_one_input(layer, error) from error
        self._functional = Functional(inputs, x)

    @property
    def layers(self) -> list[Layer]:
        """The layers that were added, without the input."""
        return [layer for layer in self._stack if not isinstance(layer, InputLayer)]

    @layers.setter
    def layers(self, value: Any) -> None:
        raise AttributeError(
            "`Sequential.layers` attribute is reserved and should not be used. "
            "Use `add()` and `pop()` to change the layers in this model."
        )

    @property
    def _layers(self) -> list[Layer]:
        own = {id(layer) for layer in self._stack} | {id(self._functional)}
        return self._stack + [layer for layer in super()._layers if id(layer) not in own]

    def _maybe_build(self, call: CallArguments) -> None:
        if isinstance(call.first, dict | list | tuple):
            return  # several inputs: the layers are built by the call itself
        super()._maybe_build(call)

    def _run(self, call: CallArguments) -> Any:
        return self.call(*call.bound.args, **call.bound.kwargs)

    def _masked(self, inputs: Any, outputs: Any, previous_mask: Any) -> Any:
        return outputs  # the layers inside have given them their masks

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the last layer's output."""
        if self._functional is not None:
            return self._functional.call(inputs, training=training, mask=mask)
        for layer in self.layers:
            inputs = layer(inputs, **({"mask": mask} if layer._call_has_mask_arg else {}))
            mask = tree.map_structure(get_mask, inputs)
        return inputs

    def compute_output_spec(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the last layer's symbolic output."""
        if self._functional is not None:
            return self._functional.compute_output_spec(inputs)
        for layer in self.layers:
            inputs = layer.compute_output_spec(inputs)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the last layer's output shape."""
        if self._functional is not None:
            return self._functional.compute_output_shape(input_shape)
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def _of_graph(self, attribute: str, what: str) -> Any:
        if self._functional is None:
            raise AttributeError(f"Sequential model '{self.name}' has no defined {what} yet.")
        return getattr(self._functional, attribute)

    @property
    def input_shape(self) -> Any:
        """The shape of the input."""
        return self._of_graph("input_shape", "input shape")

    @property
    def output_shape(self) -> Any:
        """The shape of the output."""
        return self._of_graph("output_shape", "output shape")

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic input, in a list."""
        inputs: list[KerasTensor] = self._of_graph("inputs", "inputs")
        return inputs

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic output, in a list."""
        outputs: list[KerasTensor] = self._of_graph("outputs", "outputs")
        return outputs

    @property
    def input(self) -> Any:
        """The symbolic input."""
        return self._of_graph("input", "inputs")

    @property
    def output(self) -> Any:
        """The symbolic output."""
        return self._of_graph("output", "outputs")

    def get_config(self) -> dict[str, Any]:
        """Return the layers as Keras writes them in JSON."""
        from dense_cli.saving.serialization import serialize_keras_object

        config: dict[str, Any] = Layer.get_config(self)
        config = {key: config[key] for key in ("name", "trainable", "dtype")}
        config["layers"] = [copy.deepcopy(serialize_keras_object(layer)) for layer in self._stack]
        if self._functional is not None:
            config["build_input_shape"] = self.inputs[0].shape
        return config

    @classmethod
    def from_config(cls, config: Any, custom_objects: dict[str, Any] | None = None) -> Sequential:
        """Return the model of a config of Keras 3 or 2.

        Raises:
            ConfigError: it is none of a sequential model.
        """
        from dense_cli.models.config import MOST_LAYERS
        from dense_cli.saving.serialization import deserialize_keras_object

        if not isinstance(config, dict) or not isinstance(config.get("layers"), list) or "name" not in config:
            raise ConfigError(
                "A Sequential model configuration must be a dictionary containing the 'name' and 'layers' "
                "keys."
            )
        if len(config["layers"]) > MOST_LAYERS:
            raise ConfigError(f"a model's config needs a list of at most {MOST_LAYERS} layers")
        model = cls(name=config["name"])
        for layer in config["layers"]:
            model.add(deserialize_keras_object(layer, custom_objects=custom_objects), rebuild=False)
        if model._stack:
            model._rebuild()
        shape = config.get("build_input_shape")
        if model._functional is None and shape and tree.is_shape(shape) and model._stack:
            model.build(tuple(shape))
        return model


def _not_one_input(layer: Layer, error: TypeError) -> Exception:
    """Return the error that says that ``layer`` takes more than its input, where it does."""
    parameters = signature(type(layer).call).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p.name for p in positional if p.default is p.empty]
    where = "Layers added to a Sequential model"
    if not positional:
        return ConfigError(
            f"{where} should have a single positional argument, the input tensor. "
            f"Layer {type(layer).__name__} has no positional arguments."
        )
    if len(required) > 1:
        return ConfigError(
            f"{where} can only have a single required positional argument, the input tensor. "
            f"Layer {type(layer).__name__} has multiple required positional arguments: {required}"
        )
    return error
