"""Keras' Model: what layers, functional models and sequential models have in common.

Source: keras/src/models/model.py.
"""

from __future__ import annotations

import inspect
import json
from typing import Any, NoReturn

from dense_cli.errors import ConfigError
from dense_cli.layers.layer import Layer

_OUT_OF_SCOPE = (
    "dense_cli runs models and does not train them: {} is out of scope. Train with Keras, then load the file"
)


class Model(Layer):
    """Layers with inputs and outputs.

    ``Model(inputs, outputs)`` is the graph between symbolic tensors, a `Functional`. A subclass has layers as
    attributes, and a ``call`` that uses them.

    Raises:
        ConfigError: ``outputs`` do not come from ``inputs``.

    Source: https://keras.io/api/models/model/

    >>> import numpy as np
    >>> from dense_cli.layers import Dense, Input
    >>> inputs = Input(shape=(3,))
    >>> model = Model(inputs=inputs, outputs=Dense(4, activation="softmax")(inputs))
    >>> model.predict(np.ones((2, 3)), verbose=0).shape
    (2, 4)
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model and _has_graph(args, kwargs):
            from dense_cli.models.functional import Functional

            cls = Functional
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if _has_graph(args, kwargs):
            from dense_cli.models.functional import Functional

            _insert_base(type(self), Functional)
            Functional.__init__(self, *args, **kwargs)  # type: ignore[arg-type]
            return
        super().__init__(*args, **kwargs)

    # --- layers

    @property
    def layers(self) -> list[Layer]:
        """The layers, each once."""
        return self._layers

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by its name or its index.

        Raises:
            ConfigError: there is none, or neither or both are given.
        """
        if (name is None) == (index is None):
            raise ConfigError("Provide either a layer name or a layer index" + (", not both" if name else ""))
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ConfigError(
                    f"Was asked to retrieve layer at index {index} but model only has {len(self.layers)} "
                    "layers."
                )
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ConfigError(
            f"No such layer: {name}. Existing layers are: {[layer.name for layer in self.layers]}."
        )

    def summary(
        self,
        line_length: int | None = None,
        positions: list[float] | None = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print the layers, their output shapes and numbers of parameters.

        Args:
            line_length: characters of a line.
            positions: where the columns end, as shares of the line.
            print_fn: what is called with the text; None prints it.
            expand_nested: whether the layers of models inside are listed too.
            show_trainable: whether a column says which layers train.
            layer_range: two names or regular expressions, the first and the last layer to list.
        """
        from dense_cli.writers.model_summary import print_summary

        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    # --- running

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Return the outputs for ``x``, computed in blocks of samples.

        Args:
            x: an array, a list or dictionary of arrays, or an iterator of blocks of them.
            batch_size: samples of a block; None chooses.
            verbose, callbacks: Keras', without effect.
            steps: how many blocks are run; None is all.

        Raises:
            ShapeError: the inputs do not fit the model, or each other.
        """
        from dense_cli.models.predict import predict

        return predict(self, x, batch_size, steps)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for one block of samples."""
        from dense_cli.layers import tree
        from dense_cli.models.predict import as_arrays, plain

        return tree.map_structure(plain, self(as_arrays(x)))

    def predict_step(self, data: Any) -> Any:
        """Return the outputs for one block of samples."""
        return self(data[0] if isinstance(data, tuple) else data)

    # --- saving

    def save(self, filepath: Any, overwrite: bool = True, **kwargs: Any) -> None:
        """Save the model as ``.keras``, or as ``.h5``, for Keras and `load_model` to read.

        Raises:
            ConfigError: another suffix, a layer without a config, or a file that is there with
            ``overwrite=False``. MissingExtraError: h5py is not installed.
        """
        from dense_cli.saving.save import save_model

        save_model(self, filepath, overwrite=overwrite)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Save the weights as ``.weights.h5``, for Keras and `load_weights` to read.

        Raises:
            ConfigError: another suffix, or a file that is there with ``overwrite=False``.
            MissingExtraError: h5py is not installed.
        """
        from dense_cli.saving.save import save_weights

        save_weights(self, filepath, overwrite=overwrite)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Take the weights of a ``.weights.h5``, ``.keras`` or ``.h5`` file.

        Raises:
            FileFormatError: the file is something else, or damaged.
            ShapeError: its weights do not fit.
        """
        from dense_cli.saving.load import load_weights

        load_weights(self, filepath, skip_mismatch=skip_mismatch)

    def to_json(self, **kwargs: Any) -> str:
        """Return the config as JSON, for ``model_from_json``."""
        from dense_cli.saving.serialization import serialize_keras_object

        return json.dumps(serialize_keras_object(self), **kwargs)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Return the model of a config.

        Raises:
            ConfigError: the config is none of a model, or names a class that is not known.
        """
        if {"layers", "input_layers", "output_layers"} <= set(config):
            from dense_cli.models.config import model_of_config
            from dense_cli.models.functional import Functional

            return model_of_config(Functional if cls is Model else cls, config, custom_objects)
        return super().from_config(config)

    def _base_get_config(self) -> Any:
        return super()._base_get_config()

    # --- training

    @property
    def compiled(self) -> bool:
        """False: models are not trained here."""
        return False

    def _train(self, what: str) -> NoReturn:
        raise NotImplementedError(_OUT_OF_SCOPE.format(what))

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Raise NotImplementedError: training is out of scope."""
        self._train("compile")

    def fit(self, *args: Any, **kwargs: Any) -> None:
        """Raise NotImplementedError: training is out of scope."""
        self._train("fit")

    def evaluate(self, *args: Any, **kwargs: Any) -> None:
        """Raise NotImplementedError: training is out of scope."""
        self._train("evaluate")

    def train_on_batch(self, *args: Any, **kwargs: Any) -> None:
        """Raise NotImplementedError: training is out of scope."""
        self._train("train_on_batch")

    def test_on_batch(self, *args: Any, **kwargs: Any) -> None:
        """Raise NotImplementedError: training is out of scope."""
        self._train("test_on_batch")


def _has_graph(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Return whether these are the arguments of a functional model."""
    return (
        len(args) == 2
        or (len(args) == 1 and "outputs" in kwargs)
        or ("inputs" in kwargs and "outputs" in kwargs)
    )


def _insert_base(cls: type, functional: type) -> None:
    """Let a subclass of Model that was given a graph be a functional model, as in Keras."""
    if issubclass(cls, functional):
        return
    for base in cls.__bases__:
        if base is not Model and issubclass(base, Model):
            _insert_base(base, functional)
            return
    cls.__bases__ = tuple(functional if base is Model else base for base in cls.__bases__)


def takes_graph(cls: type) -> bool:
    """Return whether a class is made with ``inputs`` and ``outputs``, as a functional model is."""
    from dense_cli.models.functional import Functional

    parameters = inspect.signature(cls.__init__).parameters  # type: ignore[misc]
    kinds = {p.kind for p in parameters.values()}
    names = list(inspect.signature(Functional.__init__).parameters)
    return (
        list(parameters) == names
        or {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} <= kinds
    )
