"""The base of layers around another layer."""

from __future__ import annotations

from typing import Any

from dense_cli.errors import ConfigError
from dense_cli.layers.layer import Layer
from dense_cli.saving.serialization import deserialize_keras_object, serialize_keras_object


class Wrapper(Layer):
    """A layer around another layer, whose weights it has.

    Args:
        layer: the layer inside.

    Raises:
        ConfigError: ``layer`` is no layer.

    Source: https://keras.io/api/layers/core_layers/
    """

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise ConfigError(
                f"Layer {layer!r} supplied to {type(self).__name__} isn't a supported layer type. "
                "Please ensure wrapped layer is a valid Keras layer."
            )
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        """Build the layer inside, where it is not built yet."""
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {**super().get_config(), "layer": serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Return a layer made of these arguments, which are left as they are."""
        layer = deserialize_keras_object(config["layer"], custom_objects=custom_objects)
        return super().from_config({**config, "layer": layer})
