"""What the attention layers of several heads have in common: projections, masks, and attention over any axes.

Source: keras/src/layers/attention/multi_head_attention.py and grouped_query_attention.py.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli import activations, constraints, initializers, regularizers
from dense_cli.errors import ConfigError, ShapeError
from dense_cli.layers.core.einsum_dense import EinsumDense
from dense_cli.layers.keras_tensor import KerasTensor, Shape
from dense_cli.layers.layer import Layer
from dense_cli.layers.masks import with_mask
from dense_cli.layers.names import auto_name
from dense_cli.random.seed_generator import SeedGenerator, make_default_seed

Array = NDArray[Any]
FAR = {"float16": -3e4}
"""What stands for the scores that do not count, by dtype, where it is not -1e9."""


class HeadsAttention(Layer):
    """Attention of several heads, of which subclasses make the projections in ``build``.

    Args:
        dropout, seed, kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint,
            bias_constraint: kept in the config; only training uses them.
        use_bias: whether the projections have biases.
        sliding_window: how far apart query and key may be, their own place counted; None is any distance.
        flash_attention: Keras', without effect where it is not True, which is refused.
        kernel_initializer, bias_initializer: of the projections.
        use_gate: whether the heads' outputs are multiplied with a sigmoid of a projection of the query.
        kwargs: those of `Layer`.

    Raises:
        ConfigError: an argument out of range.
    """

    _query_dense: EinsumDense
    _key_dense: EinsumDense
    _value_dense: EinsumDense
    _gate_dense: EinsumDense
    _output_dense: EinsumDense

    def __init__(
        self,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.supports_masking = True
        if sliding_window is not None and (not isinstance(sliding_window, int) or sliding_window <= 0):
            raise ConfigError(
                "`sliding_window` must be `None` or a positive integer. "
                f"Received: sliding_window={sliding_window}"
            )
        if flash_attention and dropout > 0.0:
            raise ConfigError(
                "Dropout is not supported when flash attention is enabled. "
                "Please set dropout to 0.0 to use flash attention."
            )
        self.dropout = dropout
        self.use_bias = use_bias
        self.use_gate = use_gate
        self._sliding_window = sliding_window
        self._flash_attention = bool(flash_attention)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.seed = seed

    def _projection(
        self, name: str, equation: str, shape: Sequence[int | None], bias_axes: str, activation: Any = None
    ) -> EinsumDense:
        """Return a projection with the layer's arguments, and with initializers that draw other numbers."""
        return EinsumDense(
            equation,
            output_shape=shape,
            activation=activation,
            bias_axes=bias_axes if self.use_bias else None,
            kernel_initializer=_another(self.kernel_initializer),
            bias_initializer=_another(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            activity_regularizer=self.activity_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            dtype=self.dtype_policy,
            name=name,
        )

    def _make_seed(self) -> None:
        """Draw the seed of the dropout where Keras draws it, and count the layers that Keras has inside."""
        auto_name("Softmax")
        auto_name("Dropout")
        if self.dropout > 0:
            self.seed_generator = SeedGenerator(self.seed)

    def call(
        self,
        query: Array,
        value: Array,
        key: Array | None = None,
        query_mask: Array | None = None,
        value_mask: Array | None = None,
        key_mask: Array | None = None,
        attention_mask: Array | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return the attended values.

        Args:
            query: ``(batch, T, dim)``.
            value: ``(batch, S, dim)``.
            key: ``(batch, S, dim)``; None is the value.
            query_mask, value_mask, key_mask: ``(batch, T)`` and ``(batch, S)``, taken from the inputs where
                they are not given.
            attention_mask: ``(batch, T, S)`` or with fewer axes, True where a query sees a value.
            return_attention_scores: whether the weights ``(batch, heads, T, S)`` are returned as well.
            training: changes nothing.
            use_causal_mask: whether a query sees only values at its own place and before.
        """
        if self._flash_attention:
            raise ConfigError("Flash attention is not supported: NumPy has none. Leave flash_attention out.")
        mask = self._compute_attention_mask(
            query,
            value,
            query_mask=query_mask,
            value_mask=value_mask,
            key_mask=key_mask,
            attention_mask=attention_mask,
            use_causal_mask=use_causal_mask,
        )
        gate = self._gate_dense(query) if self.use_gate else None
        output, scores = self._attend(
            self._query_dense(query),
            self._key_dense(value if key is None else key),
            self._value_dense(value),
            mask,
            training,
            return_attention_scores,
        )
        output = self._output_dense(output if gate is None else output * gate)
        return (output, scores) if return_attention_scores else output

    def _attend(
        self,
        query: Array,
        key: Array,
        value: Array,
        mask: Array | None,
        training: bool | None,
        return_attention_scores: bool,
    ) -> tuple[Array, Array]:
        """Return what the heads put out, and their weights."""
        raise NotImplementedError

    def _attend_over(
        self,
        axes: tuple[int, ...],
        query: Array,
        key: Array,
        value: Array,
        mask: Array | None,
        use_causal_mask: bool,
        return_attention_scores: bool,
    ) -> tuple[Array, Array]:
        """Return what `attend` gives, with a causal mask where it is asked for.

        A query that sees no value gets their mean from the fused kernel that Keras uses where it can, and
        zeros elsewhere.
        """
        if use_causal_mask:
            causal = self._compute_causal_mask(query, value)
            mask = causal if mask is None else mask.astype(bool) & causal
        fused = not (self.dropout > 0 or return_attention_scores or query.ndim != 4)
        return attend(query, key, value, axes, mask, self.compute_dtype, blind_sees_nothing=not fused)

    def _compute_attention_mask(
        self,
        query: Any,
        value: Any,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        use_causal_mask: bool = False,
    ) -> Array | None:
        """Return which query sees which value, ``(batch, T, S)``: what all the masks let through."""
        masks = [] if attention_mask is None else [np.asarray(attention_mask).astype(bool)]
        if query_mask is not None:
            masks.append(np.asarray(query_mask).astype(bool)[..., :, None])
        masks += [np.asarray(m).astype(bool)[..., None, :] for m in (value_mask, key_mask) if m is not None]
        if use_causal_mask:
            masks.append(self._compute_causal_mask(query, value))
        if self._sliding_window is not None:
            places = np.arange(query.shape[1])[:, None] - np.arange(value.shape[1])
            masks.append((np.abs(places) < self._sliding_window)[None])
        result: Array | None = None
        for mask in masks:
            result = mask if result is None else result & mask
        return result

    def _compute_causal_mask(self, query: Any, value: Any = None) -> Array:
        """Return the lower triangle ``(1, T, S)``."""
        steps = query.shape[1]
        return np.tri(steps, steps if value is None else value.shape[1], dtype=np.bool_)[None]

    def _training_config(self) -> dict[str, Any]:
        """Return the arguments that `HeadsAttention` has."""
        return {
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "use_gate": self.use_gate,
            "sliding_window": self._sliding_window,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "seed": self.seed,
        }

    def _spec(
        self, shape: Shape, query: KerasTensor, key: KerasTensor, heads: int, return_attention_scores: bool
    ) -> Any:
        """Return the symbolic output of ``shape``, and the weights where they are asked for."""
        output = KerasTensor(shape, self.compute_dtype)
        if not return_attention_scores:
            return output
        scores = (query.shape[0], heads, query.shape[1], key.shape[1])
        return output, KerasTensor(scores, self.compute_dtype)


def check_key(value_shape: Shape, key_shape: Shape) -> None:
    """Check that there is a key for each value.

    Raises:
        ShapeError: another number of steps.
    """
    if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
        raise ShapeError(
            "All dimensions of `value` and `key`, except the last one, must be equal. "
            f"Received: value_shape={value_shape} and key_shape={key_shape}"
        )


def attend(
    query: Array,
    key: Array,
    value: Array,
    axes: tuple[int, ...],
    mask: Array | None,
    dtype: str,
    blind_sees_nothing: bool,
) -> tuple[Array, Array]:
    """Return ``softmax(query @ key.T / sqrt(H)) @ value`` over some of the axes, and the weights.

    Args:
        query: ``(batch, …, heads, H)``.
        key, value: likewise, with other sizes at ``axes``.
        axes: those that are attended over.
        mask: True where a query sees a value; it broadcasts to the weights, and lacks the axis of heads where
            it has fewer axes.
        dtype: the layer's compute dtype.
        blind_sees_nothing: whether the weights of a query that sees no value are 0, or all the same.

    Returns:
        the output, shaped as the query with the values' last axis; and the weights
        ``(batch, …, heads, *query's axes, *key's axes)``, which carry the mask, as in Keras.

    Raises:
        ShapeError: query and key differ on other axes, or the mask has too few axes, or too many.
    """
    rank = query.ndim
    kept = [axis for axis in range(rank - 1) if axis not in axes]
    if any(query.shape[axis] != key.shape[axis] for axis in kept):
        raise ShapeError(
            f"attention: queries {query.shape} and keys {key.shape} must have the same sizes on all axes "
            f"but {axes}, which are attended over"
        )
    order = [*kept, *axes, rank - 1]
    rows, keys, values = (
        _flat(x.astype(np.result_type(x, np.float32), copy=False).transpose(order), len(kept))
        for x in (query, key, value)
    )
    scores = rows @ keys.swapaxes(-2, -1)
    scores *= scores.dtype.type(1 / math.sqrt(query.shape[-1]))
    shape = tuple(query.shape[a] for a in (*kept, *axes)) + tuple(key.shape[a] for a in axes)
    if mask is not None:
        mask = _for_heads(mask, len(shape), len(axes))
        unseen = ~np.broadcast_to(mask, shape).reshape(scores.shape)
        np.copyto(scores, scores.dtype.type(FAR.get(dtype, -1e9)), where=unseen)
    weights = activations.softmax(scores)
    if mask is not None and blind_sees_nothing:
        weights[unseen] = 0
    output = (weights @ values).reshape(*(query.shape[a] for a in (*kept, *axes)), value.shape[-1])
    return output.transpose(np.argsort(order)), with_mask(weights.reshape(shape), mask)


def _flat(x: Array, kept: int) -> Array:
    """Return ``x`` with the axes between the first ``kept`` and the last as one."""
    return x.reshape(*x.shape[:kept], -1, x.shape[-1])


def _for_heads(mask: Array, rank: int, axes: int) -> Array:
    """Return ``mask`` with as many axes as the weights: the new ones stand where the heads are."""
    place = mask.ndim - 2 * axes
    if place < 0 or mask.ndim > rank:
        raise ShapeError(f"attention: expected a mask of rank {2 * axes} to {rank}, found shape {mask.shape}")
    return mask.reshape(*mask.shape[:place], *[1] * (rank - mask.ndim), *mask.shape[place:])


def _another(initializer: Any) -> Any:
    """Return a copy of an initializer; where it has drawn its own seed, the copy draws another."""
    another = copy.copy(initializer)
    if isinstance(another, initializers.RandomInitializer) and another._init_seed is None:
        another.seed = make_default_seed()
    return another
