"""Keras' weight constraints. They are kept in configs; training is what would use them.

Source: keras/src/constraints/constraints.py.
"""

from __future__ import annotations

from typing import Any

from dense_cli.saving.registered import Registered, find


class Constraint(Registered):
    """What all constraints have in common: ``get_config`` and ``from_config``."""

    module = "keras.constraints"


class MaxNorm(Constraint):
    """Weights whose norm along ``axis`` is at most ``max_value``."""

    def __init__(self, max_value: float = 2, axis: int = 0) -> None:
        self.max_value = max_value
        self.axis = axis

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew."""
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """Weights that are not negative."""


class UnitNorm(Constraint):
    """Weights whose norm along ``axis`` is 1."""

    def __init__(self, axis: int = 0) -> None:
        self.axis = axis

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew."""
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Weights whose norm along ``axis`` is between two values."""

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: int = 0
    ) -> None:
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew."""
        return {
            "min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis,
        }  # fmt: skip


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm
NAMES: dict[str, type[Constraint]] = {
    "MaxNorm": MaxNorm, "max_norm": MaxNorm, "NonNeg": NonNeg, "non_neg": NonNeg,
    "UnitNorm": UnitNorm, "unit_norm": UnitNorm, "MinMaxNorm": MinMaxNorm, "min_max_norm": MinMaxNorm,
}  # fmt: skip


def get(identifier: Any) -> Any:
    """Return the constraint of a name, a class, a config, a function, or None."""
    return find(identifier, NAMES, "constraint")


def serialize(constraint: Constraint | None) -> dict[str, Any] | None:
    """Return Keras' JSON config of a constraint."""
    return None if constraint is None else constraint.serialized()


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the constraint of Keras' JSON config."""
    return find(config, NAMES | (custom_objects or {}), "constraint")
