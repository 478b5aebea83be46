"""Keras' own tests with dense_cli in the place of Keras' layers, models, initializers and activations.

The wheel of Keras has them beside its sources. Nothing of them is copied: `keras_stand_in` replaces Keras'
objects while they run, `keras_out_of_scope` says which files are run and which of their tests are about
something else.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from keras_out_of_scope import FILES

SPEC = importlib.util.find_spec("keras")
if SPEC is None or SPEC.origin is None:
    pytest.skip("Keras is not installed", allow_module_level=True)
KERAS = Path(SPEC.origin).parent / "src"
TESTS = Path(__file__).parent


def test_keras_own_tests_pass() -> None:
    arguments = [
        "-q",
        "--noconftest",
        "-p",
        "keras_stand_in",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        KERAS,
        "-c",
        os.devnull,
    ]
    path = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "pytest",
            *arguments,
            "--tb=line",
            *(KERAS / f for f in FILES),
        ],
        env=os.environ | {"PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    counts = {name: int(n) for n, name in re.findall(r"(\d+) (passed|failed|skipped|errors?)", done.stdout)}
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "failed" not in counts
    assert counts["passed"] >= 610, counts
