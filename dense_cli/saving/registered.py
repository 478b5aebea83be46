"""What regularizers and constraints have in common: objects that are arguments with a name.

A config may be Keras' JSON, ``{"class_name": "L2", "config": {"l2": 0.01}}``, or a name such as ``"l2"``.
"""

from __future__ import annotations

import inspect
from typing import Any

from dense_cli.errors import ConfigError, nearest
from dense_cli.spec import make, shown_value


class Registered:
    """An object that its config makes anew.

    ``module`` is where Keras has it.
    """

    module: str

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Return an object made of these arguments."""
        return make(cls.__name__, cls, [], dict(config))

    def serialized(self) -> dict[str, Any]:
        """Return Keras' JSON config."""
        return {
            "module": self.module,
            "class_name": type(self).__name__,
            "config": self.get_config(),
            "registered_name": None,
        }

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.get_config() == self.get_config()

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


def find(identifier: Any, names: dict[str, Any], kind: str) -> Any:
    """Return the object of a name, a class, a config, a function of an array, or None.

    Raises:
        ConfigError: an unknown name, or nothing of these.
    """
    arguments: dict[str, Any] = {}
    if isinstance(identifier, dict):
        arguments = identifier.get("config", {})
        identifier = identifier.get("class_name")
        if not isinstance(arguments, dict):
            raise ConfigError(f"{kind}: `config` must be a dictionary, found {shown_value(arguments)}")
    if isinstance(identifier, str):
        if identifier not in names:
            raise ConfigError(
                f"Could not interpret {kind} identifier: {identifier}; {nearest(identifier, sorted(names))}"
            )
        return make(identifier, names[identifier], [], arguments)
    if inspect.isclass(identifier):
        return identifier()
    if identifier is None or callable(identifier) or isinstance(identifier, Registered):
        return identifier
    raise ConfigError(f"Could not interpret {kind} identifier: {shown_value(identifier)}")
