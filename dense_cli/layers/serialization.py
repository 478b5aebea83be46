"""Layers to Keras' JSON configs and back.

Source: keras/src/layers/__init__.py.
"""

from __future__ import annotations

from typing import Any

from dense_cli.errors import ConfigError
from dense_cli.layers.layer import Layer
from dense_cli.saving.serialization import deserialize_keras_object, serialize_keras_object


def serialize(layer: Layer) -> Any:
    """Return Keras' JSON config of a layer.

    Source: https://keras.io/api/utils/serialization_utils/

    >>> from dense_cli.layers import Flatten
    >>> serialize(Flatten(name="flat"))["class_name"]
    'Flatten'
    """
    return serialize_keras_object(layer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the layer of Keras' JSON config.

    Raises:
        ConfigError: the config is that of something else.

    Source: https://keras.io/api/utils/serialization_utils/

    >>> deserialize({"class_name": "RepeatVector", "config": {"n": 3}}).n
    3
    """
    layer = deserialize_keras_object(config, custom_objects=custom_objects)
    if not isinstance(layer, Layer):
        raise ConfigError(
            f"`keras.layers.deserialize` was passed a `config` object that is not a layer. Received: {config}"
        )
    return layer
