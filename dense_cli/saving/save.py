"""Models and weights as files that Keras and `load_model` read.

The formats: https://keras.io/guides/serialization_and_saving/
"""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from typing import Any

import numpy as np

from dense_cli.errors import ConfigError, MissingExtraError
from dense_cli.layers.layer import Layer
from dense_cli.saving.serialization import serialize_keras_object
from dense_cli.saving.weights import own_arrays, places

KERAS_VERSION = "3.15.1"
"""The version of Keras whose formats these are."""


def save_model(model: Any, filepath: str | os.PathLike[str], overwrite: bool = True, **kwargs: Any) -> None:
    """Save a model with its weights; see `Model.save`."""
    file = os.fspath(filepath)
    _require_free(file, overwrite)
    if file.endswith(".keras"):
        _write(file, _archive(model))
    elif file.endswith((".h5", ".hdf5")) and not file.endswith(".weights.h5"):
        _write(file, _legacy(model))
    else:
        raise ConfigError(
            f"{file}: expected a suffix .keras or .h5 for a model (.weights.h5 is for weights alone)"
        )


def save_weights(model: Any, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Save a model's weights; see `Model.save_weights`."""
    file = os.fspath(filepath)
    if not file.endswith(".weights.h5"):
        raise ConfigError(f"{file}: The filename must end in `.weights.h5`.")
    _require_free(file, overwrite)
    _write(file, _weights(model))


def _require_free(file: str, overwrite: bool) -> None:
    if not overwrite and os.path.exists(file):
        raise ConfigError(f"{file}: the file is there: expected overwrite=True")


def _write(file: str, content: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = f"{file}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as out:
            out.write(content)
        os.replace(temporary, file)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def _h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise MissingExtraError("writing HDF5", "keras") from None
    return h5py


def _archive(model: Any) -> bytes:
    out = io.BytesIO()
    metadata = {"keras_version": KERAS_VERSION, "date_saved": time.strftime("%Y-%m-%d@%H:%M:%S")}
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("metadata.json", json.dumps(metadata))
        archive.writestr("config.json", json.dumps(serialize_keras_object(model)))
        archive.writestr("model.weights.h5", _weights(model))
    return out.getvalue()


def _weights(model: Any) -> bytes:
    out = io.BytesIO()
    with _h5py().File(out, "w") as root:
        for path, layer in places(model):
            if not isinstance(layer, Layer):
                continue
            group = root.create_group(f"{path}/vars" if path else "vars")
            group.attrs["name"] = layer.name
            for key, array in own_arrays(layer).items():
                group[key] = array
    return out.getvalue()


def _legacy(model: Any) -> bytes:
    """Return the file as Keras writes ``.h5``: the config as an attribute, weights by the names of layers."""
    out = io.BytesIO()
    config = {"class_name": type(model).__name__, "config": serialize_keras_object(model)["config"]}
    with _h5py().File(out, "w") as root:
        root.attrs["keras_version"] = KERAS_VERSION
        root.attrs["backend"] = "numpy"
        root.attrs["model_config"] = json.dumps(config).encode()
        group = root.create_group("model_weights")
        _write_names(group, "layer_names", [layer.name for layer in model.layers])
        group.attrs["backend"] = b"numpy"
        group.attrs["keras_version"] = KERAS_VERSION.encode()
        for layer in sorted(model.layers, key=lambda layer: layer.name):
            weights = layer.trainable_weights + layer.non_trainable_weights
            inner = group.create_group(layer.name)
            _write_names(inner, "weight_names", [w.path for w in weights])
            for weight in weights:
                inner[weight.path] = weight.numpy()
        _write_names(group.create_group("top_level_model_weights"), "weight_names", [])
    return out.getvalue()


def _write_names(group: Any, attribute: str, names: list[str]) -> None:
    """Write a list of names, cut into name0, name1, … where one HDF5 attribute cannot hold it."""
    data = [name.encode() for name in names]
    limit = 60_000  # bytes; HDF5's is 64 KiB
    parts, rest = 1, np.asarray(data)
    while rest.nbytes and max(part.nbytes for part in np.array_split(rest, parts)) > limit:
        parts += 1
    if parts == 1:
        group.attrs[attribute] = data
        return
    for i, part in enumerate(np.array_split(rest, parts)):
        group.attrs[f"{attribute}{i}"] = part
