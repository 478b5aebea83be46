"""Keras' weight regularizers. They are kept in configs; training is what would use them.

Source: keras/src/regularizers/regularizers.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dense_cli.saving.registered import Registered, find


class Regularizer(Registered):
    """What all regularizers have in common: ``get_config`` and ``from_config``."""

    module = "keras.regularizers"


class L1L2(Regularizer):
    """``l1 * sum(abs(x)) + l2 * sum(x**2)``.

    >>> L1L2(l2=0.5)(np.array([2.0]))
    2.0
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = _factor("l1", l1, 0.0)
        self.l2 = _factor("l2", l2, 0.0)

    def __call__(self, x: Any) -> float:
        """Return the penalty of ``x``."""
        array = np.asarray(x)
        return float(self.l1 * np.abs(array).sum() + self.l2 * np.square(array).sum())

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew."""
        return {"l1": self.l1, "l2": self.l2}


class L1(Regularizer):
    """``l1 * sum(abs(x))``."""

    def __init__(self, l1: float | None = 0.01) -> None:
        self.l1 = _factor("l1", l1, 0.01)

    def __call__(self, x: Any) -> float:
        """Return the penalty of ``x``."""
        return float(self.l1 * np.abs(np.asarray(x)).sum())

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew."""
        return {"l1": self.l1}


class L2(Regularizer):
    """``l2 * sum(x**2)``."""

    def __init__(self, l2: float | None = 0.01) -> None:
        self.l2 = _factor("l2", l2, 0.01)

    def __call__(self, x: Any) -> float:
        """Return the penalty of ``x``."""
        return float(self.l2 * np.square(np.asarray(x)).sum())

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew."""
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """A penalty on rows or columns of a matrix that are not orthogonal to each other."""

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _factor("factor", factor, 0.01)
        if mode not in ("rows", "columns"):
            raise ValueError(
                f"Invalid value for argument `mode`. Expected one of rows, columns. Received: {mode}"
            )
        self.mode = mode

    def __call__(self, x: Any) -> float:
        """Return the penalty of ``x``, a matrix."""
        array = np.asarray(x) if self.mode == "rows" else np.asarray(x).T
        rows = array / np.sqrt(np.maximum(np.square(array).sum(axis=1, keepdims=True), 1e-12))
        product = np.abs(rows @ rows.T * (1 - np.eye(len(rows))))
        pairs = max(len(rows) * (len(rows) - 1) / 2, 1)
        return float(self.factor * 0.5 * product.sum() / pairs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew."""
        return {"factor": self.factor, "mode": self.mode}


def _factor(name: str, value: Any, default: float) -> float:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value) or value < 0:
        raise ValueError(
            f"Invalid value for argument `{name}`: expected a non-negative finite number, received {value!r}"
        )
    return float(value)


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer
NAMES: dict[str, type[Regularizer]] = {
    "L1": L1, "l1": L1, "L2": L2, "l2": L2, "L1L2": L1L2, "l1_l2": L1L2,
    "OrthogonalRegularizer": OrthogonalRegularizer, "orthogonal_regularizer": OrthogonalRegularizer,
}  # fmt: skip


def get(identifier: Any) -> Any:
    """Return the regularizer of a name, a class, a config, a function, or None."""
    return find(identifier, NAMES, "regularizer")


def serialize(regularizer: Regularizer | None) -> dict[str, Any] | None:
    """Return Keras' JSON config of a regularizer."""
    return None if regularizer is None else regularizer.serialized()


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the regularizer of Keras' JSON config."""
    return find(config, NAMES | (custom_objects or {}), "regularizer")
