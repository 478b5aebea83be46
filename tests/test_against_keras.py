"""Initializers and activations beside real Keras, on each of its backends that is installed.

Each backend runs in a process of its own, because Keras takes one for good when it is imported. That process
reads cases as JSON and answers with an NPZ file of one array a case.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import golden
import numpy as np
import pytest
from conftest import Run

from dense_cli import activations, initializers
from dense_cli.random import SeedGenerator

if importlib.util.find_spec("keras") is None:
    pytest.skip("Keras is not installed", allow_module_level=True)

CASES = 200
KERAS = """
import json, sys
import numpy as np
import keras

arrays = {}
for number, case in enumerate(json.load(sys.stdin)):
    if "activation" in case:
        function = getattr(keras.activations, case["activation"])
        x = keras.ops.convert_to_tensor(np.array(case["x"], "float32"))
        y = function(x, **case["config"])
    else:
        seed = case["seed"]
        config = dict(case["config"])
        if seed is not None:
            config["seed"] = keras.random.SeedGenerator(seed) if case["generator"] else seed
        initializer = getattr(keras.initializers, case["initializer"])(**config)
        y = initializer(tuple(case["shape"]), dtype=case["dtype"])
        if case["generator"]:
            y = initializer(tuple(case["shape"]), dtype=case["dtype"])
    arrays[str(number)] = keras.ops.convert_to_numpy(y)
np.savez(sys.argv[1], **arrays)
"""


def ask_keras(backend: str, cases: list[dict[str, Any]], folder: Path) -> list[np.ndarray]:
    """Return what Keras gives for each case."""
    if backend != "numpy" and importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    path = folder / "answers.npz"
    # On a CPU with float16 arithmetic of its own XLA rounds otherwise (docs/fidelity.md).
    flags = {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2"}
    env = os.environ | flags | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KERAS, str(path)],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(path) as answers:
        return [answers[str(number)] for number in range(len(cases))]


def random_config(name: str, draw: random.Random) -> dict[str, Any]:
    if name in ("RandomNormal", "TruncatedNormal"):
        return {"mean": draw.choice([0.0, draw.uniform(-3, 3)]), "stddev": 10 ** draw.uniform(-3, 1)}
    if name == "RandomUniform":
        low = draw.uniform(-3, 3)
        return {"minval": low, "maxval": low + 10 ** draw.uniform(-3, 1)}
    if name == "VarianceScaling":
        return {
            "scale": 10 ** draw.uniform(-1, 1),
            "mode": draw.choice(initializers.MODES),
            "distribution": draw.choice(initializers.DISTRIBUTIONS),
        }
    return {"gain": draw.uniform(0.1, 3)} if name in ("Orthogonal", "Identity") else {}


def random_shape(name: str, draw: random.Random) -> list[int]:
    if name == "Identity":
        return [draw.randint(1, 40), draw.randint(1, 40)]
    rank = draw.choice([2, 2, 3, 4] if name == "Orthogonal" else [0, 1, 1, 2, 2, 2, 2, 3, 4])
    largest = {0: 1, 1: 40, 2: draw.choice([7, 40, 300]), 3: 12, 4: 7}[rank]
    return [draw.randint(1, largest) for _ in range(rank)]


def random_seed(backend: str, generator: bool, draw: random.Random) -> int:
    if backend == "torch" and generator:
        return draw.randrange(-(2**31), 2**31)
    ranges = {"tensorflow": (-(2**63), 2**63), "torch": (-(2**70), 2**70)}
    low, high = ranges.get(backend, (0, 2**32))
    return draw.choice([draw.randrange(1000), draw.randrange(2**32), draw.randrange(low, high)])


def random_cases(backend: str, dtypes: list[str], count: int) -> list[dict[str, Any]]:
    draw = random.Random(f"{backend} {dtypes}")
    names = [name for name in initializers.NAMES if name[0].isupper() and not name.endswith("Initializer")]
    cases = []
    for _ in range(count):
        name, dtype = draw.choice(names), draw.choice(dtypes)
        if name == "Orthogonal" and (dtype == "float16" or (backend, dtype) == ("numpy", "float64")):
            continue
        seeded = issubclass(initializers.NAMES[name], initializers.RandomInitializer)
        generator = seeded and draw.random() < 0.2
        cases.append(
            {
                "initializer": name,
                "config": random_config(name, draw),
                "shape": random_shape(name, draw),
                "dtype": dtype,
                "generator": generator,
                "seed": random_seed(backend, generator, draw) if seeded else None,
            }
        )
    return cases


def run(backend: str, case: dict[str, Any]) -> np.ndarray:
    cls = initializers.NAMES[case["initializer"]]
    if case["seed"] is None:
        return cls(**case["config"])(case["shape"], dtype=case["dtype"])
    seed = SeedGenerator(case["seed"]) if case["generator"] else case["seed"]
    initializer = cls(**case["config"], seed=seed, rng=backend)
    if case["generator"]:
        initializer(case["shape"], dtype=case["dtype"])
    return initializer(case["shape"], dtype=case["dtype"])


def compare(backend: str, cases: list[dict[str, Any]], folder: Path) -> None:
    differing = []
    for case, expected in zip(cases, ask_keras(backend, cases, folder), strict=True):
        found = run(backend, case)
        assert found.shape == expected.shape, case
        assert found.dtype == expected.dtype, case
        if case["initializer"] == "Orthogonal":
            bound = 2e-6 * case["config"].get("gain", 1.0)
            np.testing.assert_allclose(found, expected, rtol=0, atol=bound, err_msg=str(case))
        elif found.tobytes() != expected.tobytes():
            differing.append((case, float(np.abs(found.astype(float) - expected).max())))
    assert not differing, f"{len(differing)} of {len(cases)} differ, the first are {differing[:3]}"


@pytest.mark.parametrize("backend", golden.BACKENDS)
def test_float32_numbers_are_those_of_keras_to_the_bit(backend: str, tmp_path: Path) -> None:
    compare(backend, random_cases(backend, ["float32"], CASES), tmp_path)


@pytest.mark.parametrize("backend", golden.BACKENDS)
def test_float16_and_float64_numbers_are_those_of_keras_to_the_bit(backend: str, tmp_path: Path) -> None:
    dtypes = ["float16"] if backend == "jax" else ["float16", "float64"]
    compare(backend, random_cases(backend, dtypes, CASES), tmp_path)


@pytest.mark.parametrize("backend", golden.BACKENDS)
def test_a_kernel_of_a_large_vocabulary_is_that_of_keras_to_the_bit(backend: str, tmp_path: Path) -> None:
    cases = [
        {
            "initializer": name,
            "config": {},
            "shape": [300, 30522],
            "dtype": "float32",
            "generator": False,
            "seed": 7,
        }
        for name in ("RandomNormal", "GlorotUniform", "TruncatedNormal")
    ]
    compare(backend, cases, tmp_path)


@pytest.mark.parametrize("backend", golden.BACKENDS)
def test_activations_are_those_of_keras(backend: str, tmp_path: Path) -> None:
    draw = random.Random(backend)
    specs: list[tuple[str, dict[str, Any]]] = [
        (name, {}) for name in activations.NAMES if name != "threshold"
    ]
    specs += [
        ("leaky_relu", {"negative_slope": 0.1}),
        ("relu", {"negative_slope": 0.3, "max_value": 2.0, "threshold": 0.5}),
        ("relu", {"negative_slope": 0.3}),
        ("relu", {"max_value": 6.0}),
        ("relu", {"threshold": -0.5}),
        ("elu", {"alpha": 0.5}),
        ("celu", {"alpha": 2.0}),
        ("gelu", {"approximate": True}),
        ("soft_shrink", {"threshold": 1.0}),
        ("hard_shrink", {"threshold": 1.0}),
        ("threshold", {"threshold": 0.5, "default_value": -3.0}),
        ("squareplus", {"b": 1}),
    ]
    cases = [
        {"activation": name, "config": config, "x": [[draw.gauss(0, 4) for _ in range(6)] for _ in range(50)]}
        for name, config in specs
    ]
    for case, expected in zip(cases, ask_keras(backend, cases, tmp_path), strict=True):
        arguments = ", ".join(f"{key}={value}" for key, value in case["config"].items())
        found = activations.get(f"{case['activation']}({arguments})")(np.array(case["x"], np.float32))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6, err_msg=case["activation"])


SAVED = """
import sys
import numpy as np
import keras

spec = sys.argv[2]
init = keras.initializers.RandomNormal(mean=0.0, stddev=0.05, seed=6000) if spec == "course" else spec
if spec != "course":
    keras.utils.set_random_seed(6000)
layer = keras.layers.Dense(7, activation="softmax", kernel_initializer=init)
x = np.arange(12, dtype="float32").reshape(2, 2, 3) / 8
y = keras.layers.TimeDistributed(layer)(x)
kernel, bias = layer.get_weights()
np.savez(sys.argv[1], kernel=kernel, bias=bias, x=x, y=keras.ops.convert_to_numpy(y))
"""


@pytest.mark.parametrize("backend", golden.BACKENDS)
@pytest.mark.parametrize(
    ("spec", "options"),
    [
        ("course", ["--kernel-initializer", "RandomNormal(mean=0.0, stddev=0.05, seed=6000)"]),
        ("glorot_uniform", ["--global-seed", "6000"]),
        ("he_normal", ["--global-seed", "6000", "--kernel-initializer", "he_normal"]),
    ],
)
def test_what_init_saves_and_predict_prints_is_what_a_layer_of_keras_has_and_gives(
    backend: str, spec: str, options: list[str], run: Run, here: Path
) -> None:
    if backend != "numpy" and importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    env = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", SAVED, "keras.npz", spec], env=env, check=True)
    assert run("init", "-i", 3, "-u", 7, "--rng", backend, *options, "-o", "head.npz").code == 0
    with np.load("keras.npz") as real, np.load("head.npz") as ours:
        assert ours["kernel"].tobytes() == real["kernel"].tobytes()
        assert ours["bias"].tobytes() == real["bias"].tobytes()
        np.save("x.npy", real["x"])
        assert run("predict", "x.npy", "-w", "head.npz", "-o", "y.npy").code == 0
        np.testing.assert_allclose(np.load("y.npy"), real["y"], rtol=1e-5, atol=1e-6)
