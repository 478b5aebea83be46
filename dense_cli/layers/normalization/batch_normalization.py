"""Keras' BatchNormalization layer, as it computes in inference."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli import constraints, initializers, regularizers
from dense_cli.errors import ConfigError, ShapeError
from dense_cli.layers.arguments import check_axes, refuse_training
from dense_cli.layers.input_spec import InputSpec
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer
from dense_cli.layers.normalization.moments import as_float, scale_and_shift
from dense_cli.layers.variable import Variable


class BatchNormalization(Layer):
    """The input by the mean and variance seen in training.

    ``gamma * (x - moving_mean) / sqrt(moving_variance + epsilon) + beta``

    Args:
        axis: the axis of the features; also a list of one, as Keras 2 writes it.
        momentum: kept in the config.
        epsilon: keeps the square root away from 0.
        center: whether there is a ``beta``.
        scale: whether there is a ``gamma``.
        beta_initializer, gamma_initializer: what they are before training.
        moving_mean_initializer, moving_variance_initializer: likewise.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: kept in the config.
        renorm: whether there are three more weights, which count in training alone.
        renorm_clipping, renorm_momentum, synchronized: kept in the config.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Weights:
        ``gamma``, ``beta``, ``moving_mean``, ``moving_variance``, each ``(features,)``; with ``renorm`` also
        ``moving_stddev``, ``renorm_mean``, ``renorm_stddev``.

    Input shape:
        any of rank 1 or more; the mask, where there is one, has one axis less.

    Output shape:
        the input's.

    Raises:
        ConfigError: an axis out of bounds, clipping that contradicts itself, a call with ``training=True``.
        ShapeError: a mask of another rank, or an input of another rank or number of features.

    Source: https://keras.io/api/layers/normalization_layers/batch_normalization/ and
    https://arxiv.org/abs/1502.03167

    >>> layer = BatchNormalization(moving_mean_initializer="ones", epsilon=0)
    >>> layer(np.array([[1.0, 3.0]])).tolist()
    [[0.0, 2.0]]
    """

    def __init__(
        self,
        axis: Any = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: dict[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis: int = int(axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis)
        self.synchronized = synchronized
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.renorm = renorm
        if renorm:
            renorm_clipping = renorm_clipping or {}
            _check_clipping(renorm_clipping)
        self.renorm_clipping = renorm_clipping
        self.renorm_momentum = renorm_momentum
        self.supports_masking = True
        self.gamma: Variable | None = None
        self.beta: Variable | None = None
        self.moving_mean: Any = None
        self.moving_variance: Any = None

    def build(self, input_shape: Shape) -> None:
        """Make the weights for inputs of ``input_shape``."""
        shape = (input_shape[self.axis],)
        if self.scale:
            self.gamma = self.add_weight(
                shape=shape,
                name="gamma",
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                autocast=False,
            )
        if self.center:
            self.beta = self.add_weight(
                shape=shape,
                name="beta",
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                autocast=False,
            )
        self.moving_mean = self._statistic("moving_mean", shape, self.moving_mean_initializer)
        self.moving_variance = self._statistic("moving_variance", shape, self.moving_variance_initializer)
        if self.renorm:
            self.moving_stddev = self._statistic("moving_stddev", shape, self._stddev)
            self.renorm_mean = self._statistic("renorm_mean", shape, self.moving_mean_initializer)
            self.renorm_stddev = self._statistic("renorm_stddev", shape, self._stddev)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: input_shape[self.axis]})

    def _statistic(self, name: str, shape: Shape, initializer: Any) -> Variable:
        return self.add_weight(
            shape=shape, name=name, initializer=initializer, trainable=False, autocast=False
        )

    def _stddev(self, shape: Any, dtype: Any = None) -> NDArray[Any]:
        variance: NDArray[Any] = self.moving_variance_initializer(shape, dtype=dtype)
        stddev: NDArray[Any] = np.sqrt(variance)
        return stddev

    def call(
        self, inputs: NDArray[Any], training: bool | None = None, mask: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """Return the normalized array."""
        if mask is not None and mask.ndim != inputs.ndim - 1:
            raise ShapeError(
                "The mask provided should be one dimension less than the inputs. "
                f"Received: mask.shape={mask.shape}, inputs.shape={inputs.shape}"
            )
        if self.trainable:
            refuse_training(self.name, training)
        inputs = as_float(inputs)
        shape = [1] * inputs.ndim
        shape[self.axis] = -1
        mean, variance, gamma, beta = (
            None if weight is None else weight.value.astype(inputs.dtype).reshape(shape)
            for weight in (self.moving_mean, self.moving_variance, self.gamma, self.beta)
        )
        return scale_and_shift(inputs, mean, variance, gamma, beta, self.epsilon)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape.

        Raises:
            ConfigError: it has no such axis.
        """
        check_axes(self.axis, input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
            "synchronized": self.synchronized,
            "renorm": self.renorm,
            "renorm_clipping": self.renorm_clipping,
            "renorm_momentum": self.renorm_momentum,
        }


def _check_clipping(clipping: dict[str, float]) -> None:
    keys = ["rmax", "rmin", "dmax"]
    if set(clipping) - set(keys):
        raise ConfigError(
            f"Received invalid keys for `renorm_clipping` argument: {clipping}. Supported values: {keys}."
        )
    rmax, rmin, dmax = (clipping.get(key) for key in keys)
    if rmax is not None and rmin is not None and rmax < rmin:
        raise ConfigError(
            f"rmax should be greater than rmin in the `renorm_clipping` argument. Received: {clipping}."
        )
    if dmax is not None and dmax < 0:
        raise ConfigError(
            f"dmax should be non-negative in the `renorm_clipping` argument. Received: {clipping}."
        )
