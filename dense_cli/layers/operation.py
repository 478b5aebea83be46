"""What can stand in a model's graph: a name, the calls made of it, and a config that makes it anew.

Source: keras/src/ops/operation.py.
"""

from __future__ import annotations

import inspect
from typing import Any

from dense_cli.errors import ArgumentError, ConfigError
from dense_cli.layers import tree
from dense_cli.layers.keras_tensor import Node, any_symbolic
from dense_cli.layers.names import auto_name

_PLAIN = (str, int, float, bool, type(None))


class Operation:
    """A function of arrays that can also be called on symbolic tensors, which records the call in a graph.

    Subclasses have ``call`` and ``compute_output_spec``.

    Args:
        name: its name; counted up where none is given.

    Raises:
        ConfigError: a name with a slash.
    """

    _unknown_outputs = 1
    """How many outputs it has where it cannot be called, as the config of its model says."""
    _saved_build: dict[str, Any] | None = None
    """What the file of a saved model says of its shapes."""
    _given: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        instance = super().__new__(cls)
        instance._given = (args, kwargs)
        return instance

    def __init__(self, name: str | None = None) -> None:
        if name is None:
            name = auto_name(type(self).__name__)
        if not isinstance(name, str) or "/" in name:
            raise ConfigError(
                f"Argument `name` must be a string and cannot contain character `/`. "
                f"Received: name={name} (of type {type(name)})"
            )
        self.name = name
        self._inbound_nodes: list[Node] = []
        self._outbound_nodes: list[Node] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the outputs: arrays of arrays, symbolic tensors of symbolic tensors."""
        if any_symbolic(args, kwargs):
            outputs = self.compute_output_spec(*args, **kwargs)
            Node(self, args, kwargs, outputs)
            return outputs
        return self.call(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Return the outputs of arrays."""
        raise NotImplementedError(f"Layer {type(self).__name__} does not have a `call` method implemented.")

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return symbolic tensors of the shape and dtype of the outputs."""
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `compute_output_spec` method implemented."
        )

    @property
    def input(self) -> Any:
        """The symbolic inputs of the first call."""
        return self._of_first_call("input_tensors", "input")

    @property
    def output(self) -> Any:
        """The symbolic outputs of the first call."""
        return self._of_first_call("output_tensors", "output")

    def _of_first_call(self, attribute: str, what: str) -> Any:
        if not self._inbound_nodes:
            raise AttributeError(
                f"The layer {self.name} has never been called and thus has no defined {what}."
            )
        tensors = getattr(self._inbound_nodes[0], attribute)
        return tensors[0] if len(tensors) == 1 else tensors

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew.

        A subclass without a ``get_config`` of its own has those that it was made with, where they are plain.

        Raises:
            NotImplementedError: they are not.
        """
        config: dict[str, Any] = {"name": self.name}
        if type(self).get_config is not self._base_get_config():
            return config
        args, kwargs = self._given
        parameters = inspect.signature(type(self).__init__)
        bound = parameters.bind(self, *args, **kwargs)
        bound.apply_defaults()
        arguments = dict(list(bound.arguments.items())[1:])
        for name, parameter in parameters.parameters.items():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                arguments |= arguments.pop(name, {})
            elif parameter.kind is inspect.Parameter.VAR_POSITIONAL and not arguments[name]:
                del arguments[name]
        if not all(isinstance(value, _PLAIN) for value in tree.flatten(arguments)):
            raise NotImplementedError(
                f"Object {type(self).__name__} was created by passing non-serializable argument values in "
                "`__init__()`, and therefore the object must override `get_config()` in order to be "
                "serializable."
            )
        named = "name" in parameters.parameters or any(
            p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.parameters.values()
        )
        return arguments | (config if named else {})

    def _base_get_config(self) -> Any:
        return Operation.get_config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Return one made of these arguments.

        Raises:
            ArgumentError: they do not fit.
        """
        try:
            return cls(**config)
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"{cls.__name__}: the config does not fit: {error}") from error

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
