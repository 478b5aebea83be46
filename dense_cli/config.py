"""Keras' settings that code on layer outputs uses."""

from __future__ import annotations

from dense_cli.backend import backend, epsilon, floatx, image_data_format, set_floatx
from dense_cli.layers.dtype_policy import dtype_policy, set_dtype_policy

__all__ = [
    "backend",
    "dtype_policy",
    "epsilon",
    "floatx",
    "image_data_format",
    "set_dtype_policy",
    "set_floatx",
]
