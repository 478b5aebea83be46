"""Keras' Bidirectional wrapper.

Source: keras/src/layers/rnn/bidirectional.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer
from dense_cli.saving.serialization import deserialize_keras_object, serialize_keras_object

Array = NDArray[Any]
MERGE_MODES = ("sum", "mul", "ave", "concat", None)


class Bidirectional(Layer):
    """A recurrent layer run over time in both directions.

    ``y = merge(forward(x), backward(x))``, the outputs of both in the order of time.

    Args:
        layer: the recurrent layer; it is copied, for the way forwards and for the way back.
        merge_mode: "concat" puts the outputs side by side, "sum", "ave" and "mul" compute one of them, None
            returns both.
        weights: Keras', without effect.
        backward_layer: the layer for the way back, with ``go_backwards=True``, where it is not a copy.
        kwargs: those of `Layer`.

    Input shape:
        ``(batch, time, features)``; ``initial_state``: the states of both, those of the way forwards first.

    Output shape:
        That of ``layer``, its last axis twice as long with "concat"; two of them with None; with
        ``return_state`` followed by the states of both.

    Raises:
        ConfigError: no layer, an unknown merge mode, or layers that do not go together.

    Source: https://keras.io/api/layers/recurrent_layers/bidirectional/; Schuster and Paliwal, 1997,
    https://doi.org/10.1109/78.650093

    >>> from dense_cli.layers.rnn.gru import GRU
    >>> Bidirectional(GRU(4, return_sequences=True))(np.ones((2, 3, 5))).shape
    (2, 3, 8)
    """

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        if not _is_layer(layer):
            raise ConfigError(
                "Please initialize `Bidirectional` layer with a `keras.layers.Layer` instance. "
                f"Received: {layer}"
            )
        if backward_layer is not None and not _is_layer(backward_layer):
            raise ConfigError(
                f"`backward_layer` need to be a `keras.layers.Layer` instance. Received: {backward_layer}"
            )
        if merge_mode not in MERGE_MODES:
            raise ConfigError(
                f"Invalid merge mode. Received: {merge_mode}. Merge mode should be one of "
                '{"sum", "mul", "ave", "concat", None}'
            )
        super().__init__(**kwargs)
        self.forward_layer: Any = _copy(layer, "forward_")
        self.backward_layer: Any = (
            _copy(layer, "backward_", go_backwards=True) if backward_layer is None else backward_layer
        )
        self._check_layers()
        both: list[Any] = [self.forward_layer, self.backward_layer]
        for one in both:
            if hasattr(layer, "use_cudnn"):
                one.use_cudnn = layer.use_cudnn
            if hasattr(one, "zero_output_for_mask"):
                one.zero_output_for_mask = one.return_sequences
        self.merge_mode = merge_mode
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.supports_masking = True
        self.input_spec = layer.input_spec

    def _check_layers(self) -> None:
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ConfigError(
                "Forward layer and backward layer should have different `go_backwards` value. Received: "
                f"forward_layer.go_backwards {forward.go_backwards}, "
                f"backward_layer.go_backwards={backward.go_backwards}"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            one, other = getattr(forward, name), getattr(backward, name)
            if one != other:
                raise ConfigError(
                    "Forward layer and backward layer are expected to have the same value for attribute "
                    f'"{name}", got "{one}" for forward layer and "{other}" for backward layer'
                )

    def build(self, sequences_shape: Shape, initial_state_shape: Any = None) -> None:
        """Build both layers."""
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)

    def call(
        self, sequences: Array, initial_state: Any = None, mask: Any = None, training: bool | None = None
    ) -> Any:
        """Return the merged outputs, and the states of both where they are asked for.

        Args:
            sequences: ``(batch, time, features)``.
            initial_state: the states of both, those of the way forwards first; None is zeros.
            mask: ``(batch, time)``, True where a step counts.
            training: changes nothing.
        """
        half = 0 if initial_state is None else len(initial_state) // 2
        forward_state, backward_state = (
            (None, None) if initial_state is None else (initial_state[:half], initial_state[half:])
        )
        arguments = {"mask": mask} if self.forward_layer._call_has_mask_arg else {}
        y = self.forward_layer(sequences, initial_state=forward_state, **arguments)
        back = self.backward_layer(sequences, initial_state=backward_state, **arguments)
        states: tuple[Any, ...] = ()
        if self.return_state:
            states = (*y[1:], *back[1:])
            y, back = y[0], back[0]
        if self.return_sequences:
            back = back[:, ::-1]
        output = self._merge(np.asarray(y), np.asarray(back))
        if not self.return_state:
            return output
        return (*output, *states) if self.merge_mode is None else (output, *states)

    def _merge(self, y: Array, back: Array) -> Any:
        if self.merge_mode is None:
            return y, back
        if self.merge_mode == "concat":
            return np.concatenate([y, back], axis=-1)
        if self.merge_mode == "mul":
            return y * back
        return (y + back) / 2 if self.merge_mode == "ave" else y + back

    @property
    def states(self) -> tuple[Any, ...] | None:
        """The states of both layers where they are ``stateful``, else None."""
        if self.forward_layer.states and self.backward_layer.states:
            return (*self.forward_layer.states, *self.backward_layer.states)
        return None

    def reset_state(self) -> None:
        """Set the states of ``stateful`` layers to zero.

        Raises:
            AttributeError: the layer is not ``stateful``.
        """
        if not self.stateful:
            raise AttributeError("Layer must be stateful.")
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Any = None) -> Any:
        """Return the shape of the merged outputs, followed by those of the states with ``return_state``."""
        output = self.forward_layer.compute_output_shape(sequences_shape)
        states: tuple[Any, ...] = ()
        if self.return_state:
            output, states = output[0], (*output[1:], *output[1:])
        if self.merge_mode is None:
            return (output, output, *states)
        if self.merge_mode == "concat":
            output = (*output[:-1], 2 * output[-1])
        return (output, *states) if self.return_state else output

    def compute_mask(self, sequences: Any, mask: Any) -> Any:
        """Return the mask of the outputs, that of the sequences where all outputs are returned."""
        mask = mask[0] if isinstance(mask, list) else mask
        mask = mask if self.return_sequences else None
        return mask if self.merge_mode else (mask, mask)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer, as Keras' ``get_config`` does."""
        return {
            **super().get_config(),
            "merge_mode": self.merge_mode,
            "layer": serialize_keras_object(self.forward_layer),
            "backward_layer": serialize_keras_object(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Return the layer of a config; ``custom_objects`` has the classes that are not Keras'."""
        layers = {
            name: deserialize_keras_object(config[name], custom_objects=custom_objects)
            for name in ("layer", "backward_layer")
            if config.get(name) is not None
        }
        return cls(**{**config, **layers})


def _is_layer(layer: Any) -> bool:
    return isinstance(layer, Layer)


def _copy(layer: Any, prefix: str, **changes: Any) -> Any:
    """Return a layer made of the arguments of ``layer``, without its weights."""
    name = prefix + layer.name.removeprefix(prefix)
    return type(layer).from_config(layer.get_config() | changes | {"name": name})
