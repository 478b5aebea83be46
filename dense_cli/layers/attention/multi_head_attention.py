"""Keras' MultiHeadAttention layer.

Source: keras/src/layers/attention/multi_head_attention.py.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

from dense_cli.errors import ConfigError
from dense_cli.layers.attention.heads import Array, HeadsAttention, check_key
from dense_cli.layers.core.einsum_dense import EinsumDense
from dense_cli.layers.keras_tensor import Shape


class MultiHeadAttention(HeadsAttention):
    """Attention of several heads, as in Transformers.

    ``y = concat(softmax(Q_h @ K_h.T / sqrt(key_dim)) @ V_h for each head h) @ W + b``, with ``Q_h``, ``K_h``
    and ``V_h`` the head's projections of query, key and value.

    Args:
        num_heads: how many heads.
        key_dim: size of a head's queries and keys.
        value_dim: size of a head's values; None is ``key_dim``.
        dropout: kept in the config; only training uses it.
        use_bias: whether the projections have biases.
        output_shape: the output's last sizes; None is the query's last one.
        attention_axes: the axes that are attended over; None is all but batch and features.
        sliding_window, flash_attention, kernel_initializer, bias_initializer, use_gate, and the arguments
            about training: see `HeadsAttention`.
        kwargs: those of `Layer`.

    Input shape:
        query ``(batch, T, dim)``, value ``(batch, S, dim)``, key ``(batch, S, dim)``, also with further axes.

    Output shape:
        ``(batch, T, dim)``; with ``return_attention_scores`` also the weights, ``(batch, heads, T, S)``.

    Raises:
        ConfigError: an argument out of range.
        ShapeError: value and key of another number of steps.

    Source: https://keras.io/api/layers/attention_layers/multi_head_attention/; Vaswani and others, 2017,
    https://arxiv.org/abs/1706.03762

    >>> import numpy as np
    >>> layer = MultiHeadAttention(num_heads=2, key_dim=3)
    >>> y, weights = layer(np.ones((1, 4, 8)), np.ones((1, 5, 8)), return_attention_scores=True)
    >>> y.shape, weights.shape
    ((1, 4, 8), (1, 2, 4, 5))
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        **kwargs: Any,
    ) -> None:
        for name, size in (("num_heads", num_heads), ("key_dim", key_dim), ("value_dim", value_dim)):
            if (not isinstance(size, int) or size <= 0) and (name, size) != ("value_dim", None):
                raise ConfigError(
                    f"Received an invalid value for argument `{name}`, expected a positive integer. "
                    f"Received: {name}={size}"
                )
        super().__init__(dropout, use_bias, sliding_window, flash_attention, **kwargs)
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = value_dim or key_dim
        self._output_shape = _sizes(output_shape)
        if isinstance(attention_axes, int):
            attention_axes = (attention_axes,)
        elif attention_axes and not isinstance(attention_axes, (list, tuple)):
            raise ConfigError(
                f"`attention_axes` must be an int, list, or tuple. Received: attention_axes={attention_axes}"
            )
        self.attention_axes = attention_axes

    def build(  # type: ignore[override]
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> None:
        """Make the projections for inputs of these shapes."""
        key_shape = value_shape if key_shape is None else key_shape
        check_key(value_shape, key_shape)
        self._query_dense = self._to_heads("query", query_shape, self.key_dim)
        self._key_dense = self._to_heads("key", key_shape, self.key_dim)
        if self.use_gate:
            self._gate_dense = self._to_heads("gate", query_shape, self.value_dim, "sigmoid")
        self._value_dense = self._to_heads("value", value_shape, self.value_dim)
        rank = len(value_shape)
        axes = range(1, rank - 1) if self.attention_axes is None else self.attention_axes
        self.attention_axes = tuple(axis if axis >= 0 else rank + axis for axis in axes)
        self._make_seed()
        self._output_dense = self._from_heads(query_shape)

    def _to_heads(self, name: str, shape: Shape, size: int, activation: Any = None) -> EinsumDense:
        """Return the projection of ``(…, dim)`` to ``(…, heads, size)``."""
        free = string.ascii_lowercase[: len(shape) - 1]
        sizes = [None] * (len(shape) - 2) + [self.num_heads, size]
        projection = self._projection(name, f"{free}x,xyz->{free}yz", sizes, "yz", activation)
        projection.build(shape)
        return projection

    def _from_heads(self, shape: Shape) -> EinsumDense:
        """Return the projection of ``(…, heads, value_dim)`` to the output."""
        free = string.ascii_lowercase[: len(shape) - 1]
        last = self._output_shape or (shape[-1],)
        made = string.ascii_uppercase[: len(last)]
        sizes = [None] * (len(shape) - 2) + list(last)
        projection = self._projection("attention_output", f"{free}yz,yz{made}->{free}{made}", sizes, made)
        projection.build((*shape[:-1], self.num_heads, self.value_dim))
        return projection

    @property
    def query_dense(self) -> EinsumDense:
        """The projection of the query."""
        return self._query_dense

    @property
    def key_dense(self) -> EinsumDense:
        """The projection of the key."""
        return self._key_dense

    @property
    def value_dense(self) -> EinsumDense:
        """The projection of the value."""
        return self._value_dense

    @property
    def output_dense(self) -> EinsumDense:
        """The projection of the heads' outputs."""
        return self._output_dense

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the outputs of arrays, or symbolic outputs of symbolic tensors; see `Layer`.

        The query's mask is the one it carries: a ``query_mask`` that is given changes nothing, as in Keras.
        """
        kwargs.pop("query_mask", None)
        return super().__call__(*args, **kwargs)

    def _attend(
        self,
        query: Array,
        key: Array,
        value: Array,
        mask: Array | None,
        training: bool | None,
        return_attention_scores: bool,
    ) -> tuple[Array, Array]:
        return self._compute_attention(query, key, value, mask, training, return_attention_scores)

    def _compute_attention(
        self,
        query: Array,
        key: Array,
        value: Array,
        attention_mask: Array | None = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> tuple[Array, Array]:
        """Return what the heads put out and their weights, of projected queries, keys and values.

        Subclasses may replace it, as in Keras.
        """
        axes = tuple(self.attention_axes or ())
        return self._attend_over(
            axes, query, key, value, attention_mask, use_causal_mask, return_attention_scores
        )

    def compute_output_shape(
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> Shape:
        """Return the query's shape, its last size as ``output_shape`` says."""
        check_key(value_shape, value_shape if key_shape is None else key_shape)
        if self._output_shape:
            return (*query_shape[:-1], *self._output_shape)
        return tuple(query_shape)

    def compute_output_spec(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return the symbolic output, and the weights where they are asked for."""
        key = value if key is None else key
        shape = self.compute_output_shape(query.shape, value.shape, key.shape)
        return self._spec(shape, query, key, self.num_heads, return_attention_scores)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer, as Keras' ``get_config`` does."""
        return {
            **super().get_config(),
            **self._training_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "output_shape": self._output_shape,
            "attention_axes": self.attention_axes,
        }


def _sizes(output_shape: Any) -> tuple[int, ...] | None:
    """Return the output's last sizes.

    Raises:
        ConfigError: they are no integer, list or tuple.
    """
    if not output_shape:
        return None
    if isinstance(output_shape, int):
        return (output_shape,)
    try:
        return tuple(output_shape)
    except TypeError:
        raise ConfigError(
            f"Invalid `output_shape`: {output_shape}. When specified, the `output_shape` should be of type "
            "tuple, list, or int."
        ) from None
