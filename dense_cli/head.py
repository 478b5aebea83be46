"""A trained head as a layer."""

from __future__ import annotations

import os

from numpy.typing import DTypeLike

from dense_cli.heads import activation_of, load_weights
from dense_cli.layers.dense import Dense
from dense_cli.layers.time_distributed import TimeDistributed


def load_head(
    file: str | os.PathLike[str],
    name: str | None = None,
    *,
    activation: str | None = None,
    transpose: bool | None = None,
    bias: str | None = None,
    dtype: DTypeLike = "float32",
) -> Dense | TimeDistributed:
    """Return a built layer with the weights of one head of a file.

    Args:
        file: .npz, .keras, .weights.h5, .h5, .safetensors, .onnx, .pt or .json.
        name: which head; None is the only one, or the model's output layer.
        activation: None is what the file says, else softmax.
        transpose: whether the kernel is stored as (units, features); None: by the tensor's name.
        bias: the name of the array that is the bias; None: the head's own.
        dtype: what the layer computes in.

    Returns:
        A `TimeDistributed` where the model has one, else a `Dense`.

    Raises:
        DenseCliError: the file, or what it holds, is not what it should be.

    >>> import tempfile, numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/w.npz", kernel=np.eye(2), bias=np.zeros(2))
    ...     layer = load_head(f"{folder}/w.npz")
    >>> layer
    Dense(2, activation='softmax')
    """
    loaded = load_weights(file, name, transpose=transpose, bias=bias)
    head = loaded.head
    dense = Dense.from_weights(
        loaded.kernel,
        loaded.bias,
        activation_of(head, activation, os.fspath(file)) or "softmax",
        dtype=dtype,
        name=head.name,
    )
    return TimeDistributed(dense, name=head.name) if head.time_distributed else dense
