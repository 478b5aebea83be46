"""The weights of a layer: its own and those of the layers among its attributes.

Source: keras/src/layers/layer.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli import constraints, initializers, regularizers
from dense_cli.errors import ConfigError, ShapeError
from dense_cli.layers import dtype_policy
from dense_cli.layers.dtype_policy import FLOATS, HasDtypes
from dense_cli.layers.names import name_scope
from dense_cli.layers.operation import Operation
from dense_cli.layers.variable import Variable


class HasWeights(HasDtypes, Operation):
    """What `Layer` does with weights.

    Weights are made with `add_weight`; those of layers that are attributes, or stand in lists and
    dictionaries that are, are found where they are asked for.
    """

    built: bool
    _added: list[Variable]
    _locked: bool
    _trainable: bool

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Return a new weight of the layer.

        Args:
            shape: its shape; None is one number.
            initializer: what fills it; None is glorot_uniform for floats, else zeros.
            dtype: its dtype; None is the layer's.
            trainable: whether training would change it.
            autocast: whether it is rounded to the layer's compute dtype.
            regularizer, constraint: kept; only training uses them.
            aggregation, overwrite_with_gradient: Keras', without effect.
            name: the last part of its path.

        Raises:
            ConfigError: the layer is built already.
            ShapeError: a size of the shape is not known.
        """
        if isinstance(shape, str):
            raise ConfigError(
                f"`name` must be passed as a keyword argument. Received: add_weight('{shape}', ...). "
                f"Use: add_weight(shape=..., name='{shape}')."
            )
        self._check_open()
        kind = self.variable_dtype if dtype is None else dtype_policy.standardize_dtype(dtype)
        if initializer is None:
            initializer = "glorot_uniform" if kind in FLOATS else "zeros"
        with name_scope(self.name, self):
            variable = Variable(
                initializers.get(initializer),
                shape=() if shape is None else shape,
                dtype=kind,
                trainable=trainable and self._trainable,
                autocast=autocast,
                name=name,
            )
        variable.trains = trainable
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        self._added.append(variable)
        return variable

    def _check_open(self) -> None:
        if self._locked:
            raise ConfigError(
                f"{self.name}: You cannot add new elements of state (variables or sub-layers) to a layer "
                "that is "
                "already built. All state must be created in the `__init__()` method or in the `build()` "
                "method."
            )

    @property
    def _layers(self) -> list[Any]:
        """The layers among the attributes, also those in lists and dictionaries, each once."""
        attributes = (value for name, value in vars(self).items() if name not in _NO_STATE)
        return _unique(x for x in _members(attributes) if isinstance(x, HasWeights))

    @property
    def _own_variables(self) -> list[Variable]:
        """The layer's own weights, those that train first, without those of the layers inside."""
        attributes = (value for name, value in vars(self).items() if name not in _NO_STATE)
        own = _unique([*self._added, *(x for x in _members(attributes) if isinstance(x, Variable))])
        return [v for v in own if v.trains] + [v for v in own if not v.trains]

    @property
    def weights(self) -> list[Variable]:
        """All weights, the layer's own and those of the layers inside, each once."""
        return _unique([*self._own_variables, *(w for layer in self._layers for w in layer.weights)])

    @property
    def variables(self) -> list[Variable]:
        """The same as `weights`."""
        return self.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training would change."""
        return [w for w in self.weights if w.trainable] if self.trainable else []

    @property
    def trainable_variables(self) -> list[Variable]:
        """The same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training would not change."""
        return [w for w in self.weights if not w.trainable] if self.trainable else self.weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The same as `non_trainable_weights`."""
        return self.non_trainable_weights

    @property
    def losses(self) -> list[float]:
        """The penalties of the weights' regularizers."""
        return [w.regularizer(w.value) for w in self.trainable_weights if w.regularizer is not None]

    @property
    def trainable(self) -> bool:
        """Whether training would change the weights."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for variable in self._own_variables:
            variable.trainable = self._trainable and variable.trains
        for layer in self._layers:
            layer.trainable = self._trainable

    def get_weights(self) -> list[NDArray[Any]]:
        """Return copies of the weights' numbers, in the order of `weights`."""
        return [w.numpy() for w in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Take copies of ``weights``, in the order of `weights`.

        Raises:
            ShapeError: another number of arrays, or other shapes.
        """
        own = self.weights
        if len(own) != len(weights):
            raise ShapeError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of length "
                f"{len(weights)}, but the layer was expecting {len(own)} weights."
            )
        arrays = [np.asarray(w) for w in weights]
        for variable, array in zip(own, arrays, strict=True):
            if variable.shape != array.shape:
                raise ShapeError(
                    f"Layer {self.name} weight shape {variable.shape} is not compatible with provided weight "
                    f"shape {array.shape}."
                )
        for variable, array in zip(own, arrays, strict=True):
            variable.assign(array)

    def count_params(self) -> int:
        """Return how many numbers the weights hold.

        Raises:
            ConfigError: the layer is not built.
        """
        if not self.built:
            raise ConfigError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't built. "
                f"You can build it manually via: `layer.build(input_shape)`."
            )
        return sum(w.size for w in self.weights)

    def save_own_variables(self, store: Any) -> None:
        """Put the layer's own weights into ``store``, as ``"0"``, ``"1"`` and so on."""
        for i, variable in enumerate(self._own_variables):
            store[f"{i}"] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Take the layer's own weights from ``store``.

        Raises:
            ShapeError: another number of them, or other shapes.
        """
        own = self._own_variables
        if len(store) != len(own):
            raise ShapeError(
                f"Layer '{self.name}' expected {len(own)} variables, but received {len(store)} variables "
                "during "
                f"loading. Expected: {[v.name for v in own]}"
            )
        for i, variable in enumerate(own):
            variable.assign(store[f"{i}"])


_NO_STATE = {"_added", "_inbound_nodes", "_outbound_nodes", "_given"}


def _members(values: Iterable[Any]) -> Iterator[Any]:
    """Give what is in lists, tuples and dictionaries, however deep."""
    for value in values:
        if isinstance(value, dict):
            yield from _members(value.values())
        elif isinstance(value, (list, tuple)):
            yield from _members(value)
        else:
            yield value


def _unique(items: Iterable[Any]) -> list[Any]:
    return list({id(item): item for item in items}.values())
