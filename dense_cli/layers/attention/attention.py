"""Keras' Attention layer.

Source: keras/src/layers/attention/attention.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli import activations
from dense_cli.errors import ConfigError
from dense_cli.layers.keras_tensor import KerasTensor, Shape
from dense_cli.layers.layer import Layer
from dense_cli.layers.variable import Variable
from dense_cli.random.seed_generator import SeedGenerator

Array = NDArray[Any]


class Attention(Layer):
    """Dot-product attention (Luong): each query gets a mean of the values, weighted by its scores.

    ``y = softmax(scores) @ value``, with ``scores = scale * query @ key.T``, or with "concat"
    ``scores = w * sum(tanh(scale * (query + key)))`` over the features.

    Args:
        use_scale: whether the scores have the weight ``scale``, which starts at 1.
        score_mode: "dot" or "concat".
        dropout, seed: kept in the config; only training uses them.
        kwargs: those of `Layer`.

    Input shape:
        A list ``[query, value]`` or ``[query, value, key]``: ``(batch, Tq, dim)``, ``(batch, Tv, dim)``, and
        the key as the value, which it is where it is not given. ``mask`` is a list of the masks of query and
        value, ``(batch, Tq)`` and ``(batch, Tv)``: masked values do not count, masked queries give zeros.

    Output shape:
        ``(batch, Tq, dim)``; with ``return_attention_scores`` also the weights, ``(batch, Tq, Tv)``.

    Raises:
        ConfigError: no list of two or three, a mask that is none, an unknown score mode.

    Source: https://keras.io/api/layers/attention_layers/attention/; Luong and others, 2015,
    https://arxiv.org/abs/1508.04025

    >>> query, value = np.array([[[0.0, 0.0]]]), np.array([[[1.0, 2.0], [3.0, 4.0]]])
    >>> Attention()([query, value]).tolist()
    [[[2.0, 3.0]]]
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = dropout
        self.seed = seed
        if dropout > 0:
            self.seed_generator = SeedGenerator(seed)
        if score_mode not in ("dot", "concat"):
            raise ConfigError(
                "Invalid value for argument score_mode. Expected one of {'dot', 'concat'}. "
                f"Received: score_mode={score_mode}"
            )
        self.scale: Variable | None = None
        self.concat_score_weight: Variable | None = None

    def build(self, input_shape: list[Shape]) -> None:
        """Make the weights of the scores, where there are any."""
        self._validate_inputs(input_shape)
        if self.use_scale:
            self.scale = self.add_weight(name="scale", shape=(), initializer="ones")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(
                name="concat_score_weight", shape=(), initializer="ones"
            )

    def _calculate_scores(self, query: Array, key: Array) -> Array:
        """Return the scores ``(batch, Tq, Tv)``."""
        scale = None if self.scale is None else self.scale.value
        if self.concat_score_weight is None:
            scores: Array = query @ np.swapaxes(key, -2, -1)
            return scores if scale is None else scores * scale
        factor = np.full(query.shape[-1], self.concat_score_weight.value)
        return additive_scores(query, key, 1 if scale is None else scale, factor)

    def _apply_scores(
        self, scores: Array, value: Array, scores_mask: Array | None = None, training: bool = False
    ) -> tuple[Array, Array]:
        """Return the mean of the values that the scores give, and the weights of it."""
        if scores_mask is not None:
            mask = np.asarray(scores_mask, bool)
            mask = mask[..., None, :] if mask.ndim == 2 else mask
            # As much as Keras takes off: scores that differ by more than this are beyond the mask's reach.
            far = 65504.0 if self.compute_dtype == "float16" else 1e9
            scores = np.where(mask, scores, scores - scores.dtype.type(far))
        weights = activations.softmax(scores)
        return weights @ value, weights

    def _calculate_score_mask(
        self, scores: Array, v_mask: Array | None, use_causal_mask: bool
    ) -> Array | None:
        """Return which scores count: those of values that do, with a causal mask none that come later."""
        if not use_causal_mask:
            return v_mask
        causal = np.tri(*np.shape(scores)[-2:], dtype=np.bool_)[None]
        return causal if v_mask is None else np.asarray(v_mask, bool)[..., None, :] & causal

    def call(
        self,
        inputs: list[Array],
        mask: list[Array | None] | None = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return the attended values.

        Args:
            inputs: ``[query, value]`` or ``[query, value, key]``.
            mask: the masks of query and value; None where all count.
            training: changes nothing.
            return_attention_scores: whether the weights are returned as well.
            use_causal_mask: whether a query sees only values at its own place and before.
        """
        self._validate_inputs(inputs, mask)
        query, value = inputs[:2]
        q_mask, v_mask = mask[:2] if mask else (None, None)
        scores = self._calculate_scores(query, inputs[2] if len(inputs) > 2 else value)
        scores_mask = self._calculate_score_mask(scores, v_mask, use_causal_mask)
        output, weights = self._apply_scores(scores, value, scores_mask, training)
        if q_mask is not None:
            output = np.where(np.asarray(q_mask, bool)[..., None], output, output.dtype.type(0))
        return (output, weights) if return_attention_scores else output

    def compute_mask(self, inputs: Any, mask: Any = None) -> Array | None:
        """Return the query's mask."""
        self._validate_inputs(inputs, mask)
        return None if mask is None or mask[0] is None else np.asarray(mask[0])

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        """Return ``(batch, Tq, dim)``."""
        return (*input_shape[0][:-1], input_shape[1][-1])

    def compute_output_spec(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return the symbolic output, and the weights where they are asked for."""
        self._validate_inputs(inputs, mask)
        query, value = inputs[:2]
        output = KerasTensor(self.compute_output_shape([query.shape, value.shape]), self.compute_dtype)
        if not return_attention_scores:
            return output
        key = inputs[2] if len(inputs) > 2 else value
        return output, KerasTensor((*query.shape[:-1], key.shape[-2]), self.compute_dtype)

    def _validate_inputs(self, inputs: Any, mask: Any = None) -> None:
        name = type(self).__name__
        if not isinstance(inputs, list):
            raise ConfigError(
                f"{name} layer must be called on a list of inputs, namely [query, value] or "
                f"[query, value, key]. Received: inputs={inputs}."
            )
        if not 2 <= len(inputs) <= 3:
            raise ConfigError(
                f"{name} layer accepts inputs list of length 2 or 3, namely [query, value] or "
                f"[query, value, key]. Received length: {len(inputs)}."
            )
        if mask is not None and not isinstance(mask, list):
            raise ConfigError(
                f"{name} layer mask must be a list, namely [query_mask, value_mask]. Received: mask={mask}."
            )
        if mask is not None and not 2 <= len(mask) <= 3:
            raise ConfigError(
                f"{name} layer accepts mask list of length 2 or 3. Received: inputs={inputs}, mask={mask}."
            )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer, as Keras' ``get_config`` does."""
        names = ("use_scale", "score_mode", "dropout", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def additive_scores(query: Array, key: Array, scale: Any, factor: Array) -> Array:
    """Return ``tanh(scale * (query + key)) @ factor`` of each query with each key, ``(…, Tq, Tv)``.

    One query of all samples at a time, so that memory follows the keys and not the square of the steps.
    """
    scores = np.empty((*query.shape[:-1], key.shape[-2]), np.result_type(query, key, factor))
    for t in range(query.shape[-2]):
        features = query[..., t, None, :] + key
        features *= scale
        scores[..., t, :] = np.tanh(features, out=features) @ factor
    return scores
