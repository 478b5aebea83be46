"""Saved models of Keras 3 and Keras 2 as models that can be run; no code in them is run."""

from __future__ import annotations

import os
from typing import Any

from dense_cli.errors import ConfigError, DenseCliError, FileFormatError
from dense_cli.layers.variable import without_values
from dense_cli.saving.serialization import deserialize_keras_object, of_saved_model
from dense_cli.saving.stored import Stored, open_stored
from dense_cli.saving.weights import load_by_layer, load_keras3, require_all


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Return the model of a ``.keras`` or ``.h5`` file of Keras 3 or 2, with its weights.

    No code in the file is run: a Lambda layer, and a layer of an unknown class, stands in the graph as an
    `UnknownLayer`; running it is an error that names it, and everything before it runs.

    Args:
        filepath: the file.
        custom_objects: name -> class or function of what is not Keras'.
        compile, safe_mode: Keras', without effect.

    Raises:
        FileFormatError: the file is something else, or damaged, or has weights that do not fit.
        ConfigError: the graph is none that can be built.
        SizeError: it would take more memory than is allowed.
        MissingExtraError: h5py is not installed.

    Source: https://keras.io/api/models/model_saving_apis/
    """
    return load_stored(open_stored(os.fspath(filepath)), custom_objects)


def load_stored(stored: Stored, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the model of an opened file; arguments and errors are those of `load_model`."""
    if stored.config is None:
        raise FileFormatError(
            f"{stored.file}: it holds weights alone, not a model",
            hint="make the model and call load_weights, or save the whole model with model.save",
        )
    try:
        with of_saved_model(keras2=is_keras2(stored)), without_values():
            model = deserialize_keras_object(stored.config, custom_objects=custom_objects)
    except ConfigError as error:
        raise ConfigError(f"{stored.file}: {error}", hint=error.hint) from error
    except (DenseCliError, TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise FileFormatError(f"{stored.file}: the model's config cannot be built: {error}") from error
    except RecursionError as error:
        raise FileFormatError(f"{stored.file}: the model's config is nested too deeply") from error
    if not hasattr(model, "predict"):
        raise FileFormatError(
            f"{stored.file}: the config is that of a {type(model).__name__}, not of a model"
        )
    _fill(model, stored)
    require_all(model, stored.file)
    return model


def is_keras2(stored: Stored) -> bool:
    """Return whether Keras 2 saved the file; Keras 1's layers have other names."""
    return (stored.version or "").startswith("2.")


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False) -> None:
    """Give ``model`` the weights of a file; see `Model.load_weights`."""
    _fill(model, open_stored(os.fspath(filepath)), skip_mismatch)


def _fill(model: Any, stored: Stored, skip_mismatch: bool = False) -> None:
    if stored.contents.layers is not None:
        load_by_layer(model, stored, skip_mismatch)
    else:
        load_keras3(model, stored, skip_mismatch)
