"""Code on layer outputs as it is written for ``tensorflow.keras`` runs when that name is ``dense_cli``.

``data/keras_code/outputs.txt`` is a session of Python whose output is that of Keras 3.15.1 on TensorFlow.
"""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SESSION = Path(__file__).parent / "data" / "keras_code" / "outputs.txt"


def failures(text: str) -> str:
    """Run a session of Python, and return what it printed otherwise."""
    test = doctest.DocTestParser().get_doctest(text, {}, SESSION.name, str(SESSION), 0)
    assert test.examples
    report: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    return "".join(report)


def run(package: str) -> subprocess.CompletedProcess[str]:
    """Run the session in a process of its own, in which names and seeds count from the start."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_keras_code import SESSION, failures; "
        "sys.exit(failures(SESSION.read_text().replace('tensorflow.keras', sys.argv[2])) or None)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    return subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent), package],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def test_code_written_for_keras_prints_what_keras_prints_with_the_name_replaced_and_nothing_else() -> None:
    ran = run("dense_cli")
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.skipif(find_spec("tensorflow") is None, reason="TensorFlow is not installed")
def test_keras_prints_it_itself() -> None:
    assert run("tensorflow.keras").returncode == 0
