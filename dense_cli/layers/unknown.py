"""What stands in a graph for a layer that cannot be run: a Lambda, or one of an unknown class."""

from __future__ import annotations

from typing import Any, NoReturn

from dense_cli.errors import ConfigError
from dense_cli.layers.keras_tensor import any_symbolic
from dense_cli.layers.layer import Layer


class UnknownLayer(Layer):
    """A layer of a saved model that dense_cli does not have.

    It is listed with the others; a model can be run up to it.

    Args:
        class_name: the class that the config names.
        config: the layer's config.
        reason: why it cannot be run.
    """

    def __init__(self, class_name: str, config: dict[str, Any], reason: str, name: str) -> None:
        super().__init__(name=name)
        self.class_name = class_name
        self.config = config
        self.reason = reason
        self.built = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return tensors of unknown shape for symbolic ones.

        Raises:
            ConfigError: it is called on arrays.
        """
        if any_symbolic(args, kwargs):
            return self._after_unknown(args, kwargs)
        return self.call(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise ConfigError: the layer cannot be run."""
        raise ConfigError(
            f"layer '{self.name}' ({self.class_name}) cannot be run: {self.reason}",
            hint="what comes before it can be run: Model(model.inputs, layer.output) of an earlier layer",
        )

    def get_config(self) -> dict[str, Any]:
        """Return the config that the file has."""
        return self.config
