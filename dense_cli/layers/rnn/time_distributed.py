"""Keras' TimeDistributed wrapper."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ShapeError
from dense_cli.layers.core.wrapper import Wrapper
from dense_cli.layers.keras_tensor import Shape


class TimeDistributed(Wrapper):
    """Apply a layer to every time step: ``y[:, t] = layer(x[:, t])``.

    All steps go through the layer at once, as further samples.

    Args:
        layer: the layer, or model, that every step goes through with the same weights.

    Input shape:
        ``(batch, time, …)``, rank 3 or more.

    Output shape:
        ``(batch, time, …)``, the layer's output at every step.

    Raises:
        ShapeError: the rank is below 3, there is no time step, or the mask does not fit.

    Source: https://keras.io/api/layers/recurrent_layers/time_distributed/

    >>> from dense_cli.layers import Dense
    >>> TimeDistributed(Dense(3, activation="softmax"))(np.zeros((2, 4, 5))).shape
    (2, 4, 3)
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def _step_shape(self, input_shape: Any) -> Shape:
        """Return the shape of one step of all samples."""
        if not isinstance(input_shape, (tuple, list)) or len(input_shape) < 3:
            raise ShapeError(
                "`TimeDistributed` Layer should be passed an `input_shape` with at least 3 dimensions, "
                f"received: {input_shape}"
            )
        return (input_shape[0], *input_shape[2:])

    def build(self, input_shape: Any = None) -> None:
        """Build the layer inside for one time step."""
        super().build(self._step_shape(input_shape))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the layer's output shape with the time axis."""
        step = self.layer.compute_output_shape(self._step_shape(input_shape))
        return (step[0], input_shape[1], *step[1:])

    def call(
        self, inputs: NDArray[Any], training: bool | None = None, mask: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """Return ``layer(inputs[:, t])`` for every step."""
        batch, time = inputs.shape[:2]
        if not time:
            raise ShapeError(f"{self.name}: expected at least one time step, found shape {inputs.shape}")
        arguments: dict[str, Any] = {}
        if mask is not None:
            self._check_mask(np.shape(mask), inputs.shape)
            if self.layer._call_has_mask_arg:
                arguments["mask"] = np.reshape(mask, (batch * time, *np.shape(mask)[2:]))
        y = self.layer.call(np.reshape(inputs, (batch * time, *inputs.shape[2:])), **arguments)
        return np.reshape(np.asarray(y), (batch, time, *y.shape[1:]))

    def _check_mask(self, mask: tuple[int, ...], shape: tuple[int, ...]) -> None:
        if len(mask) < 2:
            raise ShapeError(
                "The `mask` passed to the `TimeDistributed` layer must be at least 2D (e.g., `(batch_size, "
                f"timesteps)`), but it has {len(mask)} dimension(s) with shape {mask}."
            )
        if mask[:2] != shape[:2]:
            raise ShapeError(
                f"The `mask` passed to the `TimeDistributed` layer has a shape {mask} that is incompatible "
                "with "
                f"the input shape {shape}. The first two dimensions of the mask (batch size and timesteps) "
                "must "
                f"match the input's first two dimensions. Expected mask shape prefix: ({shape[0]}, "
                f"{shape[1]})."
            )
