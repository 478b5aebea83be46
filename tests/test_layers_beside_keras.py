"""Layers with random arguments, shapes, masks and dtypes beside the Keras that is installed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layer_cases import RANDOM, random_cases, refused_cases
from layer_compare import KERAS, arrays, differences

if importlib.util.find_spec("keras") is None:
    pytest.skip("Keras is not installed", allow_module_level=True)

BACKEND = next((name for name in ("tensorflow", "jax", "torch") if importlib.util.find_spec(name)), "numpy")
EACH = int(os.environ.get("LAYER_CASES", "12"))
SEED = int(os.environ.get("LAYER_SEED", "1"))


def ask_keras(cases: list[dict[str, Any]], made: dict[str, np.ndarray], folder: Path) -> Any:
    """Return Keras' answers by name."""
    np.savez(folder / "cases.npz", cases=np.array(json.dumps(cases)), **made)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KERAS, str(folder / "cases.npz"), str(folder / "answers.npz")],
        capture_output=True,
        text=True,
        env=os.environ | {"KERAS_BACKEND": BACKEND, "JAX_ENABLE_X64": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(folder / "answers.npz") as answers:
        return dict(answers)


def added_elsewhere(case: dict[str, Any]) -> bool:
    """Return whether Keras on TensorFlow may add along another axis than its other backends.

    It takes an array with a single axis above 1 for a bias (tf.nn.bias_add) of the axis that has its size.
    """
    arguments = case["arguments"]
    if case["layer"].startswith("Conv") and arguments["data_format"] == "channels_first":
        return bool(arguments["use_bias"] and case["shape"][-1] == arguments["filters"])
    vector = any(sum(n > 1 for n in shape) == 1 for shape in case["shapes"])
    return (
        case["layer"] in ("Add", "Average")
        and vector
        and case["shapes"] != case["shapes"][:1] * case["inputs"]
    )


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], Any, Any]:
    """All cases with Keras' answers: Keras is started once."""
    cases = random_cases(SEED, EACH) + refused_cases()
    made = arrays(cases, SEED)
    answers = ask_keras(cases, made, tmp_path_factory.mktemp("keras"))
    return json.loads(str(answers["cases"])), made, answers


@pytest.mark.filterwarnings("ignore:Layer .* does not support masking")
@pytest.mark.parametrize("layer", sorted(RANDOM))
def test_random_arguments_give_what_keras_gives(layer: str, asked: Any) -> None:
    cases, made, answers = asked
    found = {
        number: (case["arguments"], case["shapes"], differences(case, number, made, answers))
        for number, case in enumerate(cases)
        if case["layer"] == layer
        and not (BACKEND == "tensorflow" and "raises" not in case and added_elsewhere(case))
    }
    assert len(found) >= EACH // 2
    assert {number: row for number, row in found.items() if row[2]} == {}


def test_what_is_refused_keras_refuses_too(asked: Any) -> None:
    cases, _, _ = asked
    count = len(refused_cases())
    assert [case for case in cases[-count:] if "raises" not in case] == []
    assert [case for case in cases[:-count] if "raises" in case] == []
