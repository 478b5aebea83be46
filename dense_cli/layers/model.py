"""A chain of layers with a declared input, in Keras' functional style."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, ShapeError
from dense_cli.layers.tensor import KerasTensor, Layer, Shape


class Model:
    """The layers between ``inputs`` and ``outputs``.

    Raises:
        ConfigError: ``outputs`` does not come from ``inputs``.

    Source: https://keras.io/api/models/model/

    >>> from dense_cli import Dense, Input
    >>> inp = Input(shape=(3,))
    >>> model = Model(inputs=inp, outputs=Dense(4, activation="softmax")(inp))
    >>> model.predict(np.ones((2, 3))).shape
    (2, 4)
    """

    def __init__(self, inputs: KerasTensor, outputs: KerasTensor) -> None:
        layers: list[Layer] = []
        at: KerasTensor | None = outputs
        while at is not None and at is not inputs:
            if at.layer is not None:
                layers.append(at.layer)
            at = at.source
        if at is None:
            raise ConfigError("Model: outputs do not come from inputs")
        self.layers = layers[::-1]
        self.input_shape = inputs.shape
        self.output_shape = outputs.shape

    def __call__(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the last layer's output.

        Raises:
            ShapeError: ``x`` does not have the declared input shape.
        """
        x = np.asarray(x)
        if len(x.shape) != len(self.input_shape) or any(
            want not in (None, have) for want, have in zip(self.input_shape, x.shape, strict=True)
        ):
            raise ShapeError(
                f"model input: expected shape {_shape(self.input_shape)}, found {_shape(x.shape)}"
            )
        for layer in self.layers:
            x = layer(x)
        return x

    def predict(
        self, x: NDArray[Any], batch_size: int | None = None, verbose: int | str = "auto"
    ) -> NDArray[Any]:
        """Return the output for ``x``; ``batch_size`` and ``verbose`` are Keras' and change nothing here."""
        return self(x)

    def count_params(self) -> int:
        """Return how many numbers the weights of all layers hold."""
        return sum(layer.count_params() for layer in self.layers)

    def summary(self) -> None:
        """Print the layers, their output shapes and numbers of parameters."""
        rows = [
            ("Layer (type)", "Output shape", "Params"),
            ("input_layer (Input)", _shape(self.input_shape), "0"),
        ]
        shape = self.input_shape
        for layer in self.layers:
            shape = layer.compute_output_shape(shape)
            kind = type(layer).__name__
            rows.append((f"{layer.name} ({kind})", _shape(shape), f"{layer.count_params():,}"))
        a, b, c = (max(len(row[i]) for row in rows) for i in range(3))
        lines = [f"{row[0]:<{a}}  {row[1]:<{b}}  {row[2]:>{c}}".rstrip() for row in rows]
        lines.insert(1, "─" * (a + b + c + 4))
        print("\n".join([*lines, f"Total params: {self.count_params():,}"]))  # noqa: T201 - as in Keras


def _shape(shape: Shape) -> str:
    return (
        "("
        + ", ".join("None" if n is None else str(n) for n in shape)
        + ("," if len(shape) == 1 else "")
        + ")"
    )
