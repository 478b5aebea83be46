"""What layers share that put noise on their input in training and hand it on unchanged otherwise."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from dense_cli.errors import ConfigError
from dense_cli.layers.arguments import refuse_training
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer
from dense_cli.random.seed_generator import SeedGenerator


class BaseNoise(Layer):
    """A layer with ``amount`` of noise in training, from 0 to 1; its output is its input.

    ``argument`` is the amount's name. A seed generator is made where there would be noise, so that layers
    made later draw the seeds that Keras gives them.
    """

    def __init__(self, argument: str, amount: float, seed: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= amount <= 1:
            raise ConfigError(
                f"Invalid value received for argument `{argument}`. "
                f"Expected a float value between 0 and 1. Received: {argument}={amount}"
            )
        self.seed = seed
        if amount > 0:
            self.seed_generator = SeedGenerator(seed)
        self._amount = amount
        self.supports_masking = True
        self._build_at_init()

    def call(self, inputs: NDArray[Any], training: bool = False) -> NDArray[Any]:
        """Return ``inputs``."""
        if self._amount > 0:
            refuse_training(self.name, training)
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape
