"""Layers of the Keras that is installed, run in a process of its own, for tests that compare with them.

A case says which layer, and what it is called with:

    {"layer": {"module": "keras.layers", "class_name": "GRU", "config": {"units": 3}},
     "args": ["@x"], "kwargs": {"mask": "@mask"}, "arrays": {"x": …, "mask": …}}

A string with ``@`` stands for an array, also inside of lists. Both sides give the built layer the weights
that `weights` makes, so that only shapes have to agree for the numbers to be comparable.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

TOLERANCES = {"float16": (4e-3, 4e-3), "bfloat16": (3e-2, 3e-2), "float64": (1e-7, 1e-7)}
BACKENDS = ("tensorflow", "jax", "torch", "numpy")


def layer(kind: str, **config: Any) -> dict[str, Any]:
    """Return Keras' config of a layer, with a name, as the names that count up depend on what ran before."""
    config["name"] = kind.lower()
    return {"module": "keras.layers", "class_name": kind, "config": config, "registered_name": None}


def weights(shapes: list[Any], seed: int) -> list[np.ndarray]:
    """Return random weights of these shapes."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(np.float32) * np.float32(0.3) for shape in shapes]


def with_arrays(nest: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Return ``nest`` with the arrays in the place of their names."""
    if isinstance(nest, str) and nest.startswith("@"):
        return arrays[nest[1:]]
    if isinstance(nest, dict):
        return {key: with_arrays(value, arrays) for key, value in nest.items()}
    return [with_arrays(value, arrays) for value in nest] if isinstance(nest, list) else nest


def leaves(nest: Any) -> list[Any]:
    """Return what is in a nest of lists and tuples, in order."""
    return [x for part in nest for x in leaves(part)] if isinstance(nest, (list, tuple)) else [nest]


def run(layer: Any, case: dict[str, Any], seed: int, number: Any = np.asarray) -> dict[str, Any]:
    """Return what a layer, Keras' or ours, gives for a case: outputs, masks, weights' names, its config."""
    args, kwargs = (with_arrays(case[name], case["arrays"]) for name in ("args", "kwargs"))
    layer(*args, **kwargs)
    layer.set_weights(weights([w.shape for w in layer.weights], seed))
    outputs = leaves(layer(*args, **kwargs))
    masks = [getattr(y, "_keras_mask", None) for y in outputs]
    return {
        "outputs": [_plain(number(y)) for y in outputs],
        "masks": [None if mask is None else number(mask) for mask in masks],
        "weights": [[w.path, list(w.shape)] for w in layer.weights],
        "config": json.loads(json.dumps(layer.get_config())),
    }


def _plain(y: Any) -> np.ndarray:
    """Return bfloat16, which NumPy does not have, as float32."""
    return y.astype(np.float32) if y.dtype.name == "bfloat16" else np.asarray(y)


def save(path: Path, nest: Any) -> None:
    """Write a nest of dictionaries, lists, JSON's values and arrays as an NPZ file."""
    arrays: dict[str, np.ndarray] = {}

    def named(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            arrays[str(len(arrays))] = x
            return {"array": str(len(arrays) - 1)}
        if isinstance(x, dict):
            return {key: named(value) for key, value in x.items()}
        return [named(value) for value in x] if isinstance(x, list) else x

    text = json.dumps(named(nest))
    np.savez_compressed(path, json=np.array(text), **arrays)


def load(path: Path) -> Any:
    """Read what `save` wrote."""
    with np.load(path) as arrays:

        def filled(x: Any) -> Any:
            if isinstance(x, dict):
                if list(x) == ["array"]:
                    return arrays[x["array"]]
                return {key: filled(value) for key, value in x.items()}
            return [filled(value) for value in x] if isinstance(x, list) else x

        return filled(json.loads(str(arrays["json"])))


def ask_keras(cases: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Return `run` of each case in the Keras that is installed; skip the test where none is."""
    import pytest

    if importlib.util.find_spec("keras") is None:
        pytest.skip("Keras is not installed")
    installed = (name for name in BACKENDS if name == "numpy" or importlib.util.find_spec(name))
    backend = os.environ.get("KERAS_BACKEND") or next(installed)
    save(folder / "cases.npz", cases)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, str(folder / "cases.npz"), str(folder / "answers.npz")],
        capture_output=True,
        text=True,
        env=os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return load(folder / "answers.npz")["answers"]


def compare_with_keras(cases: list[dict[str, Any]], folder: Path) -> None:
    """Check the cases against the Keras that is installed."""
    compare(cases, ask_keras(cases, folder))


def compare(cases: list[dict[str, Any]], answers: list[dict[str, Any]]) -> None:
    """Check outputs, masks, weights and configs of the cases, or that they are refused, against Keras'."""
    import pytest
    from layer_compare import plain_config

    from dense_cli.errors import DenseCliError
    from dense_cli.saving.serialization import deserialize_keras_object

    for i, (case, expected) in enumerate(zip(cases, answers, strict=True)):
        what = f"case {i}: {case['layer']} {case['kwargs']}"
        if "error" in expected:
            with pytest.raises(DenseCliError):
                run(deserialize_keras_object(case["layer"]), case, i)
            continue
        found = run(deserialize_keras_object(case["layer"]), case, i)
        assert len(found["outputs"]) == len(expected["outputs"]), what
        dtype = case["layer"]["config"].get("dtype", "float32").removeprefix("mixed_")
        rtol, atol = TOLERANCES.get(dtype, (1e-5, 1e-6))
        for y, z in zip(found["outputs"], expected["outputs"], strict=True):
            assert y.dtype == z.dtype, what
            np.testing.assert_allclose(y, z, rtol=rtol, atol=atol, err_msg=what)
        for y, z in zip(found["masks"], expected["masks"], strict=True):
            assert (y is None) == (z is None), what
            assert y is None or np.array_equal(y, z), what
        assert found["weights"] == expected["weights"], what
        assert plain_config(found["config"]) == plain_config(expected["config"]), what


def answer(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return `run` of each case in the Keras of this process."""
    import keras

    answers = []
    for i, case in enumerate(cases):
        try:
            made = keras.saving.deserialize_keras_object(case["layer"])
            answers.append(run(made, case, i, keras.ops.convert_to_numpy))
        except Exception as error:
            answers.append({"error": str(error)})
    return answers


if __name__ == "__main__":
    # python tests/keras_layers.py CASES.npz ANSWERS.npz
    given = Path(sys.argv[1])
    save(Path(sys.argv[2]), {"answers": answer(load(given)), "cases": load(given)})
