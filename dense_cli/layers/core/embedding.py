"""Keras' Embedding layer.

Source: keras/src/layers/core/embedding.py.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli import constraints, initializers, regularizers
from dense_cli.errors import ConfigError
from dense_cli.layers.dtype_policy import round_to
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer
from dense_cli.layers.variable import Variable


class Embedding(Layer):
    """A row of a table for each id: ``y[…] = embeddings[ids[…]]``.

    Args:
        input_dim: how many ids there are; they go from 0 to ``input_dim - 1``.
        output_dim: size of a row.
        embeddings_initializer: of the table ``(input_dim, output_dim)``.
        embeddings_regularizer, embeddings_constraint: kept in the config; only training uses them.
        mask_zero: whether the id 0 is padding, which the output's mask leaves out.
        weights: the table, or a list of it.
        kwargs: those of `Layer`.

    Input shape:
        ``(batch, …)``, integers; floats are cut to integers. As in Keras, ids below 0 count from the end.

    Output shape:
        ``(batch, …, output_dim)``.

    Raises:
        ConfigError: a size below 1, or an id that is not in the table.

    Source: https://keras.io/api/layers/core_layers/embedding/

    >>> layer = Embedding(3, 2, mask_zero=True, weights=np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]]))
    >>> y = layer(np.array([[2, 1, 0]]))
    >>> y.tolist(), y._keras_mask.tolist()
    ([[[3.0, 4.0], [1.0, 2.0], [0.0, 0.0]]], [[True, True, False]])
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        **kwargs: Any,
    ) -> None:
        for name, value in (("input_dim", input_dim), ("output_dim", output_dim)):
            if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
                raise ConfigError(
                    f"`{name}` must be a positive integer. Received: {name}={value} "
                    f"(of type {type(value).__name__})."
                )
        if kwargs.pop("input_length", None) is not None:
            warnings.warn("Argument `input_length` is deprecated. Just remove it.", stacklevel=2)
        for name in ("lora_rank", "lora_alpha", "quantization_config"):
            if kwargs.pop(name, None) is not None:
                raise ConfigError(
                    f"Embedding: `{name}` is about training or quantization, which is not supported"
                )
        super().__init__(**kwargs)
        self.input_dim = input_dim
        self.output_dim = output_dim
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.autocast = False
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: Shape | None = None) -> None:
        """Make the table."""
        if self.built:
            return
        self._embeddings = self.add_weight(
            name="embeddings",
            shape=(self.input_dim, self.output_dim),
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )

    @property
    def embeddings(self) -> Variable:
        """The table, ``(input_dim, output_dim)``.

        Raises:
            AttributeError: the layer is not built.
        """
        if not self.built:
            raise AttributeError("You must build the layer before accessing `embeddings`.")
        return self._embeddings

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the rows of ``inputs``."""
        ids = inputs if inputs.dtype in (np.int32, np.int64) else inputs.astype(np.int32)
        outside = (ids < -self.input_dim) | (ids >= self.input_dim)
        if outside.any():
            at = tuple(int(i) for i in np.argwhere(outside)[0])
            raise ConfigError(
                f"{self.name}: expected ids from 0 to {self.input_dim - 1} (input_dim={self.input_dim}), "
                f"found {ids[at]} at {list(at)}"
            )
        return round_to(self.embeddings.value.take(ids, axis=0), self.compute_dtype)

    def compute_mask(self, inputs: NDArray[Any], mask: Any = None) -> NDArray[np.bool_] | None:
        """Return booleans of the shape of ``inputs``, False at the id 0; None without ``mask_zero``."""
        return np.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return ``(batch, …, output_dim)``."""
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer, as Keras' ``get_config`` does."""
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero,
            "quantization_config": None,
        }
