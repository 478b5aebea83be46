"""Models made anew from other models or their configs."""

from __future__ import annotations

import json
from typing import Any

from dense_cli.errors import ConfigError
from dense_cli.saving.serialization import deserialize_keras_object
from dense_cli.spec import shown_value


def clone_model(model: Any, **kwargs: Any) -> Any:
    """Return a model of the same config with weights of its own, drawn anew."""
    return type(model).from_config(model.get_config())


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the model that ``to_json`` wrote, here or in Keras.

    Raises:
        ConfigError: the text is something else.
    """
    try:
        config = json.loads(json_string)
    except (ValueError, RecursionError):
        raise ConfigError(f"cannot read {shown_value(json_string)} as JSON") from None
    return deserialize_keras_object(config, custom_objects=custom_objects)
