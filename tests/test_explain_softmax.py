"""``--explain softmax``: the softmax of the rows of any run, taken apart as ``densecli softmax`` does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLES, Run
from scipy.special import softmax

LOGITS = [[2.0, 1.0, 0.1], [0.0, 5.0, -3.0]]


def table_of(text: str, title: str) -> list[str]:
    """Return the lines of the table under a title."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(title))
    return lines[start : start + 7]


def test_a_table_is_that_of_the_command_softmax(run: Run, here: Path) -> None:
    Path("names.txt").write_text("cat\ndog\nbird\n")
    given = (json.dumps(LOGITS), "--labels", "names.txt")
    explained = run("predict", *given, "--logits", "--explain", "softmax", "--dtype", "float64")
    alone = run("softmax", *given)
    assert (explained.code, alone.code) == (0, 0)
    for sample in range(2):
        title = f"sample {sample}: softmax of 3 logits"
        assert table_of(explained.text, title) == table_of(alone.text, title)


def test_a_layer_is_taken_apart_with_its_own_logits(run: Run) -> None:
    args = ("predict", SAMPLES / "digits.npy", "-w", SAMPLES / "digits.keras", "-b", "3")
    logits = np.array(json.loads(run(*args, "--show", "logits", "-f", "json").out)["logits"][0])
    rows = json.loads(run(*args, "--explain", "softmax", "-f", "json").out)["explanations"][0]
    assert len(rows) == 8
    for row, z in zip(rows, logits, strict=True):
        np.testing.assert_allclose(row["logits"], z, rtol=1e-6)
        np.testing.assert_allclose(row["shifted"], z - z.max(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(row["exps"], np.exp(z - z.max()), rtol=1e-5)
        np.testing.assert_allclose(row["total"], np.exp(z - z.max()).sum(), rtol=1e-5)
        np.testing.assert_allclose(row["probabilities"], softmax(z), rtol=1e-5)


def test_the_temperature_has_divided_the_logits(run: Run) -> None:
    args = ("predict", json.dumps(LOGITS), "--logits", "--temperature", 2, "--explain", "softmax")
    assert (
        "sample 0: softmax of 3 logits, each divided by the temperature 2, maximum 1.0000" in run(*args).text
    )
    lines = [json.loads(line) for line in run(*args, "-f", "jsonl").out.splitlines()]
    for line, z in zip(lines, LOGITS, strict=True):
        np.testing.assert_allclose(line["explanation"]["logits"], np.array(z) / 2, rtol=1e-6)
        np.testing.assert_allclose(line["explanation"]["probabilities"], softmax(np.array(z) / 2), rtol=1e-6)


def test_rows_that_are_sorted_keep_their_own_softmax(run: Run) -> None:
    args = (
        "predict",
        json.dumps(LOGITS),
        "--logits",
        "--explain",
        "softmax",
        "--sort",
        "margin",
        "-f",
        "jsonl",
    )
    for line in map(json.loads, run(*args).out.splitlines()):
        np.testing.assert_allclose(line["explanation"]["logits"], LOGITS[line["sample"]], rtol=1e-6)


def test_markdown_has_the_table_too(run: Run) -> None:
    text = run("predict", json.dumps(LOGITS), "--logits", "--explain", "softmax", "-f", "markdown").text
    assert "| 1 | 1.0000 | -1.0000 | 0.3679 | 0.2424 |" in text


def test_a_row_without_a_class_has_no_softmax(run: Run, here: Path) -> None:
    np.save("z.npy", np.array([[1.0, np.nan, 0.0], LOGITS[0]]))
    args = ("predict", "z.npy", "--logits", "--explain", "softmax")
    text = run(*args).text
    assert ("sample 0: softmax" in text, "sample 1: softmax" in text) == (False, True)
    lost, known = json.loads(run(*args, "-f", "json").out)["explanations"]
    assert lost is None
    np.testing.assert_allclose(known["probabilities"], softmax(LOGITS[0]), rtol=1e-12)


@pytest.mark.parametrize("args", [["[[0.5, 0.5]]"], ["[[1, 2]]", "--logits", "-a", "sparsemax"]])
def test_outputs_that_are_no_softmax_of_known_logits_are_refused(args: list[str], run: Run) -> None:
    ran = run("predict", *args, "--explain", "softmax")
    assert (ran.code, ran.out) == (2, b"")
    assert "--explain softmax: these outputs are no softmax of logits that are known" in ran.err
