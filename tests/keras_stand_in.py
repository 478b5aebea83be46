"""A pytest plugin that puts dense_cli in the place of ``keras.src``, for Keras' own tests.

``python -m pytest -p keras_stand_in .../keras/src/layers/core/dense_test.py`` imports Keras with its NumPy
backend, replaces every object that dense_cli has too, in whatever module of Keras it stands, and lets the
tests run. Tests of what is out of scope are skipped with the reason; see `keras_out_of_scope`.
"""

from __future__ import annotations

import os
import sys
import types
from importlib import import_module
from typing import Any

os.environ["KERAS_BACKEND"] = "numpy"

import keras.src
import numpy as np
import pytest
from keras.src import testing
from keras_out_of_scope import reason

import dense_cli
from dense_cli import activations, initializers, layers
from dense_cli.layers import keras_tensor, masks, names, tree

SUBMODULES = [
    "keras.src.models.cloning",
    "keras.src.saving.serialization_lib",
    "keras.src.utils.summary_utils",
    "keras.src.testing.test_case",
]


def replacements() -> dict[int, Any]:
    """Return the ids of Keras' objects and what takes their places."""
    found: dict[int, Any] = {}

    def put(theirs: Any, ours: Any) -> None:
        found[id(theirs)] = ours

    for name in layers.PATHS:
        theirs = getattr(keras.src.layers, name, None)
        if theirs is not None:
            put(theirs, getattr(layers, name))
    for name in ("Model", "Functional", "Sequential"):
        put(getattr(keras.src.models, name), getattr(dense_cli.models, name))
    for name in dir(keras.src.initializers):
        theirs = getattr(keras.src.initializers, name)
        if isinstance(theirs, type) and name in initializers.NAMES:
            put(theirs, initializers.NAMES[name])
    put(keras.src.initializers.Initializer, initializers.Initializer)
    for name in ("get", "serialize", "deserialize"):
        put(getattr(keras.src.initializers, name), getattr(initializers, name))
        put(getattr(keras.src.activations, name), getattr(activations, name))
    for name, function in activations.NAMES.items():
        if hasattr(keras.src.activations, name):
            put(getattr(keras.src.activations, name), function)
    for kind in ("constraints", "regularizers"):
        theirs, ours = getattr(keras.src, kind), getattr(dense_cli, kind)
        for name in ("get", "serialize", "deserialize", *ours.NAMES):
            if hasattr(theirs, name):
                put(getattr(theirs, name), getattr(ours, name, None) or ours.NAMES[name])
    registration = import_module("keras.src.saving.object_registration")
    for name in ("get_custom_objects", "CustomObjectScope", "register_keras_serializable"):
        put(getattr(registration, name), getattr(dense_cli.saving, name))
    serialization = import_module("keras.src.saving.serialization_lib")
    for name in ("serialize_keras_object", "deserialize_keras_object"):
        put(getattr(serialization, name), getattr(dense_cli.saving, name))
    put(keras.src.backend.KerasTensor, keras_tensor.KerasTensor)
    put(keras.src.backend.Variable, dense_cli.Variable)
    put(keras.src.dtype_policies.DTypePolicy, dense_cli.DTypePolicy)
    saving = import_module("keras.src.saving.saving_api")
    put(saving.load_model, dense_cli.models.load_model)
    put(saving.save_model, dense_cli.models.save_model)
    put(import_module("keras.src.models.cloning").clone_model, dense_cli.models.clone_model)
    put(keras.src.backend.get_keras_mask, masks.get_mask)
    put(keras.src.backend.set_keras_mask, set_mask)
    put(keras.src.backend.convert_to_tensor, converted(keras.src.backend.convert_to_tensor))
    put(keras.src.ops.convert_to_tensor, converted(keras.src.ops.convert_to_tensor))
    put(import_module("keras.src.ops.node").Node, node)
    return found


def set_mask(x: Any, mask: Any) -> None:
    """Put a mask on an array that a test has made."""
    x._keras_mask = mask


def converted(function: Any) -> Any:
    """Let tests' arrays be ones that can have a mask."""

    def convert_to_tensor(*args: Any, **kwargs: Any) -> Any:
        y = function(*args, **kwargs)
        return y.view(masks.ArrayWithMask) if type(y) is np.ndarray else y

    return convert_to_tensor


def node(operation: Any, call_args: Any = (), call_kwargs: Any = None, outputs: Any = None) -> Any:
    """Record a call of one of Keras' operations in dense_cli's graph."""
    return keras_tensor.Node(operation, tuple(call_args), dict(call_kwargs or {}), outputs)


def replace() -> None:
    """Put dense_cli's objects into every module of Keras that has been imported."""
    for name in SUBMODULES:
        import_module(name)
    found = replacements()
    for name, module in list(sys.modules.items()):
        if name.startswith("keras."):
            for attribute, value in list(vars(module).items()):
                if id(value) in found and not attribute.startswith("__"):
                    setattr(module, attribute, found[id(value)])


replace()
keras.src.random.SeedGenerator = dense_cli.SeedGenerator  # not in Keras' own random numbers

conftest = types.ModuleType("conftest")  # of Keras' repository, which the wheel does not have
conftest.skip_if_backend = lambda backend, why: pytest.mark.skipif(backend == "numpy", reason=why)  # type: ignore[attr-defined]
sys.modules["conftest"] = conftest

_run_layer_test = testing.TestCase.run_layer_test
_set_up = testing.TestCase.setUp


def run_layer_test(self: Any, layer_cls: Any, init_kwargs: Any, *args: Any, **kwargs: Any) -> None:
    """Run Keras' test of a layer without what training alone has: seeds' states, losses, a step of it."""
    for name in ("seed_generators", "non_trainable_variables", "losses"):
        kwargs.pop(f"expected_num_{name}", None)
    kwargs["run_training_check"] = False
    if "expected_output" in kwargs:
        kwargs["expected_output"] = tree.map_structure(plain, kwargs["expected_output"])
    _run_layer_test(self, layer_cls, init_kwargs, *args, **kwargs)


def plain(x: Any) -> Any:
    """Return an array of a test's as a layer gives it."""
    return np.asarray(x) if isinstance(x, np.ndarray) else x


def set_up(self: Any) -> None:
    """Let names count from the start in every test."""
    _set_up(self)
    names.clear_session()


testing.TestCase.run_layer_test = run_layer_test
testing.TestCase.setUp = set_up
sys.modules["keras.src.testing.test_case"].get_seed_generators = lambda layer: []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is out of scope, with its reason."""
    for item in items:
        why = reason(item.cls.__name__ if item.cls else "", item.name)  # type: ignore[attr-defined]
        if why is not None:
            item.add_marker(pytest.mark.skip(reason=f"out of scope: {why}"))
