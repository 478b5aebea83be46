"""Keras' GroupQueryAttention layer.

Source: keras/src/layers/attention/grouped_query_attention.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dense_cli.errors import ConfigError, ShapeError
from dense_cli.layers.attention.heads import Array, HeadsAttention, check_key
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.names import auto_name


class GroupQueryAttention(HeadsAttention):
    """Attention of several heads, groups of which share one head of keys and values.

    As `MultiHeadAttention`, with ``K_h`` and ``V_h`` of head ``h`` those of
    ``h // (num_query_heads / num_key_value_heads)``.

    Args:
        head_dim: size of a head.
        num_query_heads: how many heads of queries.
        num_key_value_heads: how many heads of keys and values; it divides ``num_query_heads``.
        kwargs: those of `HeadsAttention` and `Layer`.

    Input shape:
        query ``(batch, T, dim)``, value ``(batch, S, dim)``, key ``(batch, S, dim)``.

    Output shape:
        ``(batch, T, dim)``; with ``return_attention_scores`` also the weights, ``(batch, heads, T, S)``.

    Raises:
        ConfigError: an argument out of range.
        ShapeError: value and key of another number of steps, or a value of another size than the query.

    Source: https://keras.io/api/layers/attention_layers/group_query_attention/; Ainslie and others, 2023,
    https://arxiv.org/abs/2305.13245

    >>> layer = GroupQueryAttention(head_dim=3, num_query_heads=4, num_key_value_heads=2)
    >>> layer(np.ones((1, 4, 8)), np.ones((1, 5, 8))).shape
    (1, 4, 8)
    """

    def __init__(self, head_dim: int, num_query_heads: int, num_key_value_heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs | {"name": kwargs.get("name") or auto_name("GroupedQueryAttention")})
        if num_query_heads % num_key_value_heads:
            raise ConfigError("`num_query_heads` must be divisible by `num_key_value_heads`.")
        self.head_dim = head_dim
        self.num_query_heads = num_query_heads
        self.num_key_value_heads = num_key_value_heads
        self._return_attention_scores = False
        self.num_repeats = num_query_heads // num_key_value_heads

    @property
    def sliding_window(self) -> int | None:
        """How far apart query and key may be; None is any distance."""
        return self._sliding_window

    def build(  # type: ignore[override]
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> None:
        """Make the projections for inputs of these shapes."""
        heads = (None, self.num_query_heads, self.head_dim)
        shared = (None, self.num_key_value_heads, self.head_dim)
        self._query_dense = self._projection("query", "bqm,muh->bquh", heads, "uh")
        self._query_dense.build(query_shape)
        self._key_dense = self._projection("key", "bkm,mvh->bkvh", shared, "vh")
        self._key_dense.build(value_shape if key_shape is None else key_shape)
        if self.use_gate:
            self._gate_dense = self._projection("gate", "bqm,muh->bquh", heads, "uh", "sigmoid")
            self._gate_dense.build(query_shape)
        self._value_dense = self._projection("value", "bkm,mvh->bkvh", shared, "vh")
        self._value_dense.build(value_shape)
        self._make_seed()
        self._output_dense = self._projection(
            "attention_output", "bquh,uhm->bqm", (None, query_shape[-1]), "m"
        )
        self._output_dense.build((None, None, self.num_query_heads, self.head_dim))

    def _attend(
        self,
        query: Array,
        key: Array,
        value: Array,
        mask: Array | None,
        training: bool | None,
        return_attention_scores: bool,
    ) -> tuple[Array, Array]:
        # `_compute_attention` has no argument for it, in Keras either.
        self._return_attention_scores = return_attention_scores
        key, value = (np.repeat(x, self.num_repeats, axis=2) for x in (key, value))
        return self._compute_attention(query, key, value, mask, training)

    def _compute_attention(
        self,
        query: Array,
        key: Array,
        value: Array,
        attention_mask: Array | None = None,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> tuple[Array, Array]:
        """Return what the heads put out and their weights, of projected queries, keys and values.

        Subclasses may replace it, as in Keras.
        """
        return self._attend_over(
            (1,), query, key, value, attention_mask, use_causal_mask, self._return_attention_scores
        )

    def compute_output_shape(
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> Shape:
        """Return the query's shape."""
        if query_shape[-1] != value_shape[-1]:
            raise ShapeError(
                "The last dimension of `query_shape` and `value_shape` must be equal, but are "
                f"{query_shape[-1]}, {value_shape[-1]}. Received: query_shape={query_shape}, "
                f"value_shape={value_shape}"
            )
        check_key(value_shape, value_shape if key_shape is None else key_shape)
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
        return self._spec(shape, query, key, self.num_query_heads, return_attention_scores)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer, as Keras' ``get_config`` does."""
        return {
            **super().get_config(),
            **self._training_config(),
            "head_dim": self.head_dim,
            "num_query_heads": self.num_query_heads,
            "num_key_value_heads": self.num_key_value_heads,
        }


GroupedQueryAttention = GroupQueryAttention
"""The name in Keras' sources; ``keras.layers`` and configs have the other one."""
