"""The bits of Keras' backend module that code on layer outputs uses.

>>> floatx(), epsilon(), image_data_format()
('float32', 1e-07, 'channels_last')
"""

from __future__ import annotations

from dense_cli.layers.dtype_policy import floatx, set_floatx, standardize_dtype
from dense_cli.layers.keras_tensor import is_keras_tensor
from dense_cli.layers.names import clear_session, get_uid

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_keras_tensor",
    "set_floatx",
    "standardize_dtype",
]


def backend() -> str:
    """Return "numpy": arrays are NumPy's."""
    return "numpy"


def epsilon() -> float:
    """Return the small number that keeps divisions from dividing by 0."""
    return 1e-7


def image_data_format() -> str:
    """Return "channels_last", the order of the axes of images."""
    return "channels_last"
