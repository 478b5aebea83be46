"""The base of all layers: weights, building on the first call, dtypes, masks, configs, and calls on symbolic
tensors.

A layer of its own has ``call(self, inputs)``, which gets arrays and returns arrays, ``build(self,
input_shape)``, which makes its weights with `Layer.add_weight`, and ``compute_output_shape(self,
input_shape)``. In ``call`` arrays and weights (``self.kernel.value``) of floats are float32, or float64
where that is the layer's dtype; the outputs are rounded to the layer's dtype afterwards.

Source: keras/src/layers/layer.py.
"""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from dense_cli import regularizers
from dense_cli.errors import ConfigError, DtypeError
from dense_cli.layers import dtype_policy, tree
from dense_cli.layers.call import CallArguments, is_tensor, signature
from dense_cli.layers.dtype_policy import FLOATS, round_to
from dense_cli.layers.input_spec import assert_input_compatibility
from dense_cli.layers.keras_tensor import KerasTensor, Node, UnknownTensor, any_symbolic
from dense_cli.layers.masks import get_mask, with_mask
from dense_cli.layers.names import current_path, name_scope
from dense_cli.layers.variable import autocast_scope
from dense_cli.layers.weights import HasWeights

_UNKNOWN_SIZES = (83, 89)
"""Two sizes for the axes whose size is not known: where the outputs' sizes differ, theirs is not known
either."""


class _Calls(threading.local):
    depth = 0
    training: bool | None = None


_calls = _Calls()


class Layer(HasWeights):
    """A function of arrays with weights.

    Args:
        activity_regularizer: kept in the config; only training uses it.
        trainable: whether training would change the weights.
        dtype: float16, bfloat16, float32, float64, mixed_float16, mixed_bfloat16, a `DTypePolicy` or its
            config; None is float32.
        autocast: whether float inputs are cast to the dtype.
        name: the name; None counts up, ``dense``, ``dense_1`` and so on.

    Raises:
        ConfigError: another argument, or one out of range.

    Source: https://keras.io/api/layers/base_layer/

    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")
    ...
    ...     def call(self, inputs):
    ...         return inputs * self.factor.value
    >>> layer = Scale()
    >>> layer(np.array([[1.0, 2.0]])).tolist(), layer.count_params()
    ([[1.0, 2.0]], 2)
    """

    _keras2_masks = False
    """Whether the mask of the first input is used where there are further inputs, as Keras 2 does."""

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name)
        input_dim = kwargs.pop("input_dim", None)
        input_shape = kwargs.pop("input_shape", None)
        batch_input_shape = kwargs.pop("batch_input_shape", None)  # in configs of Keras 2
        if batch_input_shape is not None:
            self._input_shape_arg = tuple(batch_input_shape[1:])
        if input_dim is not None:
            input_shape = (input_dim,)
        if input_shape is not None:
            warnings.warn(
                "Do not pass an `input_shape`/`input_dim` argument to a layer. When using Sequential models, "
                "prefer using an `Input(shape)` object as the first layer in the model instead.",
                stacklevel=2,
            )
            self._input_shape_arg = tuple(input_shape)
        if kwargs:
            raise ConfigError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}")
        if not isinstance(trainable, bool):
            raise ConfigError(
                f"Expected `trainable` to be a boolean. Received: trainable={trainable} (of type "
                f"{type(trainable)})"
            )
        self._dtype_policy = dtype_policy.get(dtype)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.autocast = autocast
        self.built = False
        self.input_spec: Any = None
        self._trainable = trainable
        self._added = []
        self._path: str | None = None
        self._build_depth = 0
        self._locked = False
        self._build_shapes_dict: dict[str, Any] | None = None
        self._convert_input_args = True
        self._allow_non_tensor_positional_args = False
        self._supports_masking = type(self).compute_mask is not Layer.compute_mask

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _recorded(cls.__dict__["build"])  # type: ignore[method-assign]

    # --- building

    @property
    def path(self) -> str | None:
        """The layer's name behind those of the layers around it; None before it is built."""
        return self._path

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of ``input_shape``."""
        self.built = True

    def _build_at_init(self) -> None:
        """Mark a layer without weights as built, unless a subclass has something to build."""
        if type(self).build is Layer.build:
            self.built = True

    def get_build_config(self) -> dict[str, Any] | None:
        """Return the shape or shapes that the layer was built with."""
        shapes = self._build_shapes_dict
        if shapes is None:
            return None
        return {"input_shape": next(iter(shapes.values()))} if len(shapes) == 1 else {"shapes_dict": shapes}

    def build_from_config(self, config: dict[str, Any] | None) -> None:
        """Build the layer with what `get_build_config` gave."""
        if config and "input_shape" in config:
            self.build(config["input_shape"])
        elif config and "shapes_dict" in config:
            self.build(**config["shapes_dict"])

    # --- calling

    @property
    def supports_masking(self) -> bool:
        """Whether the output has a mask where the input has one."""
        return self._supports_masking

    @supports_masking.setter
    def supports_masking(self, value: bool) -> None:
        self._supports_masking = value

    @property
    def _call_has_mask_arg(self) -> bool:
        return "mask" in signature(type(self).call).parameters

    @property
    def _call_has_training_arg(self) -> bool:
        return "training" in signature(type(self).call).parameters

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the output: that of the input, where the layer supports masking."""
        return previous_mask

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the outputs of arrays, or symbolic outputs of symbolic tensors; builds the layer first.

        Args:
            args: arrays or symbolic tensors, or lists and dictionaries of them.
            kwargs: the other arguments of ``call``; ``mask`` is taken from the inputs where it is not given.

        Raises:
            ConfigError: an argument that is no tensor stands before the names.
            ShapeError: the input does not fit the layer.
            DtypeError: an array of something else than real numbers.
        """
        training = kwargs.pop("training", None) if not self._call_has_training_arg else kwargs.get("training")
        if not self._allow_non_tensor_positional_args:
            self._check_positional(args)
        call = CallArguments(type(self).call, args, kwargs)
        previous_mask = call.fill_masks(self._keras2_masks)
        if self._convert_input_args:
            try:
                call.convert(self.input_dtype, self.autocast)
            except DtypeError as error:
                raise DtypeError(f"{self.name}: {error}") from None
        if any(isinstance(x, UnknownTensor) for x in tree.flatten([args, kwargs])):
            return self._after_unknown(args, kwargs)
        assert_input_compatibility(self.input_spec, call.first, self.name)
        before = _calls.training
        _calls.training = before if training is None else training
        if self._call_has_training_arg and _calls.training is not None:
            call.arguments["training"] = _calls.training
        _calls.depth += 1
        try:
            with name_scope(self.name, self):
                if not self.built:
                    self._maybe_build(call)
                if any_symbolic(list(call.arguments.values())):
                    outputs = self.compute_output_spec(*args, **kwargs)
                    self.built = True
                    Node(self, args, kwargs, outputs)
                    return outputs
                outputs = self._run(call)
                self.built = True
        finally:
            _calls.depth -= 1
            _calls.training = before
        return self._masked(call.first, outputs, previous_mask)

    def _after_unknown(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return outputs of unknown shape, for a layer behind one that cannot be run.

        It gets its weights where the file says the shapes.
        """
        if not self.built and self._saved_build is not None:
            with name_scope(self.name, self), suppress(ValueError, TypeError, NotImplementedError):
                self.build_from_config(self._saved_build)
        outputs = [UnknownTensor() for _ in range(self._unknown_outputs)]
        Node(self, args, kwargs, outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def _check_positional(self, args: tuple[Any, ...]) -> None:
        for x in tree.flatten(args):
            if x is not None and not is_tensor(x) and not hasattr(x, "__array__"):
                raise ConfigError(
                    "Only input tensors may be passed as positional arguments. The following argument value "
                    f"should be passed as a keyword argument: {x} (of type {type(x)})"
                )

    def _maybe_build(self, call: CallArguments) -> None:
        if type(self).build is Layer.build:  # what is inside is built by the call
            shapes = call.shapes()
            self._build_shapes_dict = {"input_shape": next(iter(shapes.values()))} if shapes else None
            return
        self.build(**call.shapes_for(self.build, type(self).__name__))
        assert_input_compatibility(self.input_spec, call.first, self.name)

    def _run(self, call: CallArguments) -> Any:
        """Return the outputs of arrays, rounded to the layer's dtype."""
        dtype = self.compute_dtype
        narrow = dtype in FLOATS and (dtype in ("float16", "bfloat16") or dtype != self.variable_dtype)
        with np.errstate(all="ignore"), autocast_scope(dtype if narrow else None):
            outputs = self.call(*call.bound.args, **call.bound.kwargs)
        if not self.autocast or dtype not in FLOATS:
            return outputs
        return tree.map_structure(lambda y: _rounded(y, dtype), outputs)

    def _masked(self, inputs: Any, outputs: Any, previous_mask: Any) -> Any:
        """Return the outputs with their masks."""
        masked = any(mask is not None for mask in tree.flatten(previous_mask))
        if not self.supports_masking:
            if masked and not _calls.depth:
                warnings.warn(
                    f"Layer '{self.name}' (of type {type(self).__name__}) was passed an input with a mask "
                    "attached to it. However, this layer does not support masking and will therefore destroy "
                    "the mask information. Downstream layers will not see the mask.",
                    stacklevel=3,
                )
            return outputs
        arrays = tree.flatten(outputs)
        if all(get_mask(y) is not None for y in arrays):
            return outputs
        masks = self.compute_mask(inputs, previous_mask)
        if masks is None:
            return outputs
        for i, mask in enumerate(tree.flatten(masks)[: len(arrays)]):
            if mask is not None and get_mask(arrays[i]) is None:
                arrays[i] = with_mask(arrays[i], mask)
        return tree.pack_as(outputs, arrays)

    # --- shapes

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """Return the shape of the output for one of the input."""
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `compute_output_shape` method implemented. "
            "Should implement `def compute_output_shape(self, input_shape)`."
        )

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return symbolic tensors of the shape and dtype of the outputs.

        A layer without ``compute_output_shape`` is run on zeros.
        """
        if type(self).compute_output_shape is Layer.compute_output_shape:
            return self._spec_of_zeros(args, kwargs)
        call = CallArguments(type(self).call, args, kwargs)
        function = self.compute_output_shape
        shape = function(**call.shapes_for(function, type(self).__name__))
        if tree.is_shape(shape):
            return KerasTensor(shape, self.compute_dtype)
        return tree.map_shapes(lambda s: KerasTensor(s, self.compute_dtype), shape)

    def _spec_of_zeros(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the shapes of the outputs on arrays of zeros."""

        def outputs(size: int) -> Any:
            zeros = tree.map_structure(lambda x: _zeros(x, size), [args, kwargs])
            return self.call(*zeros[0], **zeros[1])

        with np.errstate(all="ignore"):
            one, other = (outputs(size) for size in _UNKNOWN_SIZES)
        specs = [
            KerasTensor(
                [a if a == b else None for a, b in zip(np.shape(x), np.shape(y), strict=True)],
                self.compute_dtype if np.asarray(x).dtype.kind == "f" else np.asarray(x).dtype,
            )
            for x, y in zip(tree.flatten(one), tree.flatten(other), strict=True)
        ]
        return tree.pack_as(one, specs)

    # --- configs

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer anew, as Keras writes them in JSON."""
        config = super().get_config()
        config |= {"trainable": self.trainable, "dtype": dtype_policy.serialize(self.dtype_policy)}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return config

    def _base_get_config(self) -> Any:
        return Layer.get_config

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _recorded(build: Callable[..., None]) -> Callable[..., None]:
    """Let a ``build`` record its shapes, name its weights, and close the layer when it is done."""

    @functools.wraps(build)
    def wrapped(self: Layer, *args: Any, **kwargs: Any) -> None:
        self._build_depth += 1  # a build that calls that of its base is one build
        try:
            with name_scope(self.name, self):
                self._path = current_path()
                build(self, *args, **kwargs)
        finally:
            self._build_depth -= 1
        if not self._build_depth:
            self._build_shapes_dict = dict(signature(build).bind(*args, **kwargs).arguments)
            self.built = True
            self._locked = True

    return wrapped


def _rounded(y: Any, dtype: str) -> Any:
    """Return an output in the layer's dtype, with the mask that ``call`` gave it."""
    if not isinstance(y, (np.ndarray, np.generic)) or y.dtype.kind != "f":
        return y
    rounded = round_to(np.asarray(y), dtype)
    return with_mask(rounded, get_mask(y))


def _zeros(x: Any, size: int) -> Any:
    if not isinstance(x, KerasTensor):
        return x
    dtype = np.float32 if x.dtype in FLOATS else dtype_policy.array_dtype(x.dtype)
    return np.zeros([size if n is None else n for n in x.shape], dtype)
