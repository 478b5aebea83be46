"""Keras' RNN layer: a cell, or several on top of each other, on one time step after another.

Source: keras/src/layers/rnn/rnn.py, keras/src/backend/tensorflow/rnn.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli import regularizers
from dense_cli.errors import ConfigError, ShapeError
from dense_cli.layers import tree
from dense_cli.layers.dtype_policy import work_dtype
from dense_cli.layers.input_spec import InputSpec
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer
from dense_cli.layers.rnn.cell import Cell
from dense_cli.layers.rnn.scan import Options, Scan, mask_outputs
from dense_cli.layers.rnn.stacked_rnn_cells import StackedRNNCells, check_cell, zero_states
from dense_cli.saving.serialization import deserialize_keras_object, serialize_keras_object

Array = NDArray[Any]


class RNN(Layer):
    """A recurrent layer: ``output[:, t], states = cell(x[:, t], states)`` for one step after another.

    A step that the mask leaves out keeps the states and repeats the output before it.

    Args:
        cell: a cell, or a list of them for a stack: a layer with ``call(inputs, states)``, which returns the
            output and the new states, and ``state_size``, one number or one for each state; ``output_size``
            and ``get_initial_state(batch_size)`` where they are not the first state's size and zeros.
        return_sequences: whether the outputs of all steps are returned, or the last one.
        return_state: whether the last states are returned as well.
        go_backwards: whether the steps go from the last to the first; outputs are in the order of the steps.
        stateful: whether a call starts from the states that the call before ended with.
        unroll: Keras', without effect.
        zero_output_for_mask: whether masked steps put out zeros.
        kwargs: those of `Layer`.

    Input shape:
        ``(batch, time, …)``; ``initial_state``: the states, ``(batch, state_size)`` each; ``mask``:
        ``(batch, time)``.

    Output shape:
        ``(batch, output_size)``, or ``(batch, time, output_size)`` with ``return_sequences``; with
        ``return_state`` followed by the last states.

    Raises:
        ConfigError: a cell without ``call`` or ``state_size``, or an argument out of range.
        ShapeError: no time step, a mask or states of other shapes, or, where ``stateful``, another number of
            samples than before.

    Source: https://keras.io/api/layers/recurrent_layers/rnn/

    >>> from dense_cli.layers.rnn.gru import GRUCell
    >>> RNN([GRUCell(4), GRUCell(3)], return_sequences=True)(np.ones((2, 5, 1))).shape
    (2, 5, 3)
    """

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        check_cell(
            cell,
            "Argument `cell` should have a `call` method. ",
            "The RNN cell should have a `state_size` attribute. ",
        )
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.supports_masking = True
        self.states: list[Any] | None = None
        size = cell.state_size
        if not isinstance(size, (list, tuple, int)):
            raise ConfigError(
                "state_size must be an integer, or a list/tuple of integers (one for each state tensor)."
            )
        self.single_state = isinstance(size, int)
        self.state_size: list[Any] = [size] if isinstance(size, int) else list(size)

    def build(self, sequences_shape: Shape, initial_state_shape: Any = None) -> None:
        """Build the cell for sequences of ``sequences_shape``; where ``stateful``, set the states to zero."""
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]))
        if self.stateful:
            if sequences_shape[0] is None:
                raise ConfigError(
                    "When using `stateful=True` in a RNN, the batch size must be static. Found dynamic batch "
                    f"size: sequence.shape={sequences_shape}"
                )
            self.states = self.get_initial_state(sequences_shape[0])

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """Return the states that a call starts from: the cell's, else zeros."""
        if not hasattr(self.cell, "get_initial_state"):
            return zero_states(self.state_size, batch_size, getattr(self.cell, "compute_dtype", "float32"))
        states = self.cell.get_initial_state(batch_size=batch_size)
        return list(states) if tree.is_nested(states) else [states]

    def reset_state(self) -> None:
        """Set the states of a ``stateful`` layer to zero."""
        if self.states is not None:
            self.states = tree.map_structure(np.zeros_like, self.states)

    reset_states = reset_state

    def call(
        self, sequences: Array, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        """Return the outputs, and the last states where they are asked for.

        Args:
            sequences: ``(batch, time, …)``.
            initial_state: the states to start from, ``(batch, state_size)`` each; None is zeros.
            mask: ``(batch, time)``, True where a step counts.
            training: changes nothing.
        """
        if not sequences.shape[1]:
            raise ShapeError(f"{self.name}: expected at least one time step, found shape {sequences.shape}")
        if sequences.dtype.kind != "f":
            sequences = sequences.astype(work_dtype(self.compute_dtype))
        states = self._initial_states(initial_state, len(sequences))
        run = _whole_run(self.cell, self.compute_dtype) or self._step_by_step
        result = run(sequences, states, self._options(self._checked_mask(mask, sequences.shape)))
        if self.stateful:
            self.states = result.states
        output = result.last if result.outputs is None else result.outputs
        return (output, *result.states) if self.return_state else output

    def _initial_states(self, initial_state: Any, batch: int) -> list[Any]:
        if self.stateful and self.states is not None:
            expected = len(tree.flatten(self.states)[0])
            if batch != expected:
                raise ShapeError(
                    "If an RNN is stateful, the batch size of the input sequences must be the same as the "
                    f"batch size of the initial state. Expected batch size: {expected}. "
                    f"Received batch size: {batch}"
                )
        if initial_state is None:
            initial_state = self.states if self.stateful else self.get_initial_state(batch)
        if not tree.is_nested(initial_state):
            initial_state = [initial_state]
        dtype = work_dtype(getattr(self.cell, "compute_dtype", self.compute_dtype))
        return list(tree.map_structure(lambda x: np.asarray(x, dtype), initial_state))

    def _checked_mask(self, mask: Any, shape: tuple[int, ...]) -> Array | None:
        """Return the mask as booleans ``(batch, time)``."""
        mask = next((m for m in tree.flatten(mask) if m is not None), None)
        if mask is None:
            return None
        if np.shape(mask) not in (shape[:2], (*shape[:2], 1)):
            raise ShapeError(
                f"{self.name}: expected a mask of shape (batch, time) = {shape[:2]}, found {np.shape(mask)}"
            )
        return np.reshape(np.asarray(mask), shape[:2]).astype(bool, copy=False)

    def _options(self, mask: Array | None) -> Options:
        narrow = self.compute_dtype in ("float16", "bfloat16")
        return Options(
            mask=mask,
            go_backwards=self.go_backwards,
            zero_output_for_mask=self.zero_output_for_mask,
            masks_in_time=self.unroll,
            return_sequences=self.return_sequences,
            state_dtype=self.compute_dtype if narrow else None,
        )

    def _step_by_step(self, x: Array, states: list[Any], options: Options) -> Scan:
        """Run any cell, one call for each step."""
        last: Any = None
        outputs = []
        for t in range(x.shape[1])[:: -1 if options.go_backwards else 1]:
            output, new_states = self.cell(x[:, t], tuple(states))
            new = tree.flatten(new_states)
            if options.mask is not None:
                counts = options.mask[:, t]
                output = _where(counts, output, np.zeros_like(output) if last is None else last)
                new = [_where(counts, a, b) for a, b in zip(new, tree.flatten(states), strict=True)]
            states = tree.pack_as(states, new)
            last = output
            if options.return_sequences:
                outputs.append(output)
        result = Scan(last, np.stack(outputs, axis=1) if outputs else None, states)
        if options.mask is None:
            return result
        return mask_outputs(result, options.mask[:, :: -1 if options.go_backwards else 1], options)

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Any = None) -> Any:
        """Return the shape of the output, followed by those of the states with ``return_state``."""
        batch, length = sequences_shape[:2]
        size = getattr(self.cell, "output_size", None)
        size = self.state_size[0] if size is None else size
        if not isinstance(size, int):
            raise ConfigError("output_size must be an integer.")
        output = (batch, length, size) if self.return_sequences else (batch, size)
        if not self.return_state:
            return output
        return (output, *tree.map_structure(lambda n: (batch, n), self.state_size))

    def compute_mask(self, sequences: Any, mask: Any) -> Any:
        """Return the mask of the outputs, that of the sequences where all outputs are returned."""
        output_mask = tree.flatten(mask)[0] if self.return_sequences else None
        return [output_mask, *(None for _ in self.state_size)] if self.return_state else output_mask

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer, as Keras' ``get_config`` does."""
        names = (
            "return_sequences", "return_state", "go_backwards", "stateful", "unroll", "zero_output_for_mask",
        )  # fmt: skip
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names},
            "cell": serialize_keras_object(self.cell),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Return the layer of a config; ``custom_objects`` has the classes that are not Keras'."""
        config = dict(config)
        cell = deserialize_keras_object(config.pop("cell"), custom_objects=custom_objects)
        return cls(cell, **config)


def _whole_run(cell: Any, dtype: str) -> Callable[[Array, list[Any], Options], Scan] | None:
    """Return what runs a cell over all steps at once; None where the cell is somebody's own.

    A subclass of a cell may change what a step is, so only what a class itself defines counts.
    """
    cells = cell.cells if type(cell) is StackedRNNCells else [cell]
    known = all(isinstance(c, Cell) and "scan" in vars(type(c)) and c.compute_dtype == dtype for c in cells)
    return cell.scan if known and cells else None


def _where(counts: Array, x: Array, otherwise: Array) -> Array:
    return np.where(counts.reshape(-1, *[1] * (x.ndim - 1)), x, otherwise)


def of_cell(name: str) -> Any:
    """Return the property of a layer that is its cell's attribute ``name``."""
    return property(lambda layer: getattr(layer.cell, name), doc=f"``{name}`` of the cell.")


def check_use_cudnn(use_cudnn: bool | str) -> bool | str:
    """Return ``use_cudnn``.

    Raises:
        ConfigError: it is none of True, False and "auto".
    """
    if use_cudnn not in ("auto", True, False):
        raise ConfigError(
            "Invalid valid received for argument `use_cudnn`. Expected one of {'auto', True, False}. "
            f"Received: use_cudnn={use_cudnn}"
        )
    return use_cudnn


class CellRNN(RNN):
    """What SimpleRNN, LSTM and GRU have in common: one cell, whose arguments are the layer's."""

    cell: Cell

    units = of_cell("units")
    activation = of_cell("activation")
    use_bias = of_cell("use_bias")
    kernel_initializer = of_cell("kernel_initializer")
    recurrent_initializer = of_cell("recurrent_initializer")
    bias_initializer = of_cell("bias_initializer")
    kernel_regularizer = of_cell("kernel_regularizer")
    recurrent_regularizer = of_cell("recurrent_regularizer")
    bias_regularizer = of_cell("bias_regularizer")
    kernel_constraint = of_cell("kernel_constraint")
    recurrent_constraint = of_cell("recurrent_constraint")
    bias_constraint = of_cell("bias_constraint")
    dropout = of_cell("dropout")
    recurrent_dropout = of_cell("recurrent_dropout")

    def __init__(self, cell: Cell, **kwargs: Any) -> None:
        super().__init__(cell, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    def call(
        self, sequences: Array, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        """Return the outputs, and the last states where they are asked for; see `RNN.call`.

        Raises:
            ConfigError: ``use_cudnn`` is True.
        """
        if getattr(self, "use_cudnn", "auto") is True:
            raise ConfigError(
                "use_cudnn=True was specified, but cuDNN is not supported for this layer configuration with "
                "this backend. Pass use_cudnn='auto' to fallback to a non-cuDNN implementation."
            )
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer, as Keras' ``get_config`` does."""
        config = super().get_config()
        del config["cell"]
        own = self.cell.get_config()
        config |= {name: own[name] for name in own if name not in ("name", "trainable", "dtype")}
        return config | {"activity_regularizer": regularizers.serialize(self.activity_regularizer)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Return the layer of a config."""
        return cls(**config)
