"""Keras' AdditiveAttention layer.

Source: keras/src/layers/attention/additive_attention.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dense_cli.layers.attention.attention import Array, Attention, additive_scores
from dense_cli.layers.keras_tensor import Shape


class AdditiveAttention(Attention):
    """Additive attention (Bahdanau): each query gets a mean of the values, weighted by its scores.

    ``y = softmax(scores) @ value``, with ``scores = sum(scale * tanh(query + key))`` over the features.

    Args:
        use_scale: whether the sum has weights ``scale``, ``(dim,)``.
        dropout: kept in the config; only training uses it.
        kwargs: ``seed``, which only training uses, and those of `Layer`.

    Input shape:
        As of `Attention`.

    Output shape:
        ``(batch, Tq, dim)``; with ``return_attention_scores`` also the weights, ``(batch, Tq, Tv)``.

    Raises:
        ConfigError: no list of two or three, or a mask that is none.

    Source: https://keras.io/api/layers/attention_layers/additive_attention/; Bahdanau and others, 2014,
    https://arxiv.org/abs/1409.0473

    >>> query, value = np.zeros((1, 1, 2)), np.array([[[1.0, 2.0], [-1.0, -2.0]]])
    >>> _, weights = AdditiveAttention(use_scale=False)([query, value], return_attention_scores=True)
    >>> weights.round(3).tolist()
    [[[0.968999981880188, 0.03099999949336052]]]
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: list[Shape]) -> None:
        """Make the weights of the features."""
        self._validate_inputs(input_shape)
        if self.use_scale:
            self.scale = self.add_weight(
                name="scale", shape=(input_shape[0][-1],), initializer="glorot_uniform"
            )

    def _calculate_scores(self, query: Array, key: Array) -> Array:
        factor = np.ones(query.shape[-1], query.dtype) if self.scale is None else self.scale.value
        return additive_scores(query, key, 1, factor)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer, as Keras' ``get_config`` does."""
        config = super().get_config()
        del config["score_mode"]
        return config
