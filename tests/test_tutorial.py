"""The numbers of docs/tutorial.md are those of Keras on TensorFlow, which data/course/make.py wrote down."""

from __future__ import annotations

import doctest
import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from test_docs import ROOT, blocks, commands

PAGE = ROOT / "docs" / "tutorial.md"
GOLDEN = json.loads((Path(__file__).parent / "data" / "course" / "keras.json").read_text())["commands"]
Row = list[Any]


def shown() -> dict[str, str]:
    """Return what the page shows for each of its commands."""
    parts = [part for block in blocks("console", PAGE) for part in block.split("\n$ ")]
    outputs = (part.removeprefix("$ ") for part in parts)
    return {command: output for output in outputs for command in commands(f"$ {output}\n")}


def rows(text: str) -> list[Row]:
    """Return the cells of the tables in an output, numbers as such."""
    found: list[Row] = []
    table = False
    for line in text.splitlines():
        if line.startswith("─"):
            table = True
        elif re.match(r"$|…|\d+ samples?, ", line):
            table = False
        elif table:
            found.append([float(c) if re.fullmatch(r"-?[\d.]+", c) else c for c in line.split()])
    return found


def expected_cell(cell: int | float | str) -> Any:
    """Return what a cell is equal to: a number to the four digits that a table has."""
    number = 0.0 if cell == "0" else cell  # the class without a name
    return number if isinstance(number, str) else pytest.approx(number, rel=0, abs=5.1e-5)


def test_the_page_has_the_commands_that_keras_was_asked_for() -> None:
    assert list(shown()) == [row["command"] for row in GOLDEN]


@pytest.mark.parametrize(
    "golden", [row for row in GOLDEN if "rows" in row], ids=lambda row: row["command"][:60]
)
def test_tables_of_the_page_have_the_numbers_of_keras(golden: dict[str, Any]) -> None:
    text = shown()[golden["command"]]
    assert rows(text), text
    assert rows(text) == [[expected_cell(cell) for cell in row] for row in golden["rows"]]
    if "summary" in golden:
        found = re.findall(r"mean confidence ([\d.]+) · mean entropy ([\d.]+) of ([\d.]+)", text)
        assert [float(n) for line in found for n in line] == pytest.approx(
            golden["summary"], rel=0, abs=5.1e-5
        )


def test_translations_of_the_page_are_those_of_keras() -> None:
    translated = [row for row in GOLDEN if "lines" in row]
    assert [len(row["lines"]) for row in translated] == [1, 20]
    for row in translated:
        assert shown()[row["command"]].splitlines()[-len(row["lines"]) :] == row["lines"]


def test_layers_of_the_page_have_the_parameters_and_the_range_of_keras() -> None:
    (plain,) = (row for row in GOLDEN if "parameters" in row)
    text = shown()[plain["command"]]
    assert f"{plain['total']:,} parameters" in text
    for name, count in plain["parameters"].items():
        assert re.search(rf"^{name}.* {count:,}\b", text, re.MULTILINE)

    (run,) = (row for row in GOLDEN if "statistics" in row)
    lines = {line.split()[0]: line.split() for line in shown()[run["command"]].splitlines() if line}
    for name, outputs in run["statistics"].items():
        for number, expected in enumerate(outputs):
            cells = lines[f"{name}__{number}" if len(outputs) > 1 else name]
            assert [float(cell) for cell in cells[-8:-4]] == pytest.approx(expected, rel=2e-3, abs=1e-6)


@pytest.mark.skipif(find_spec("tensorflow") is None, reason="TensorFlow is not installed")
def test_keras_prints_what_the_python_of_the_page_prints() -> None:
    session = "\n".join(blocks("python", PAGE)).replace("dense_cli", "keras")
    assert doctest.DocTestParser().get_examples(session)
    code = """
import doctest, sys
test = doctest.DocTestParser().get_doctest(sys.stdin.read(), {}, "page", None, 0)
sys.exit(doctest.DocTestRunner().run(test).failed)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=session,
        cwd=ROOT,
        env=os.environ | {"KERAS_BACKEND": "tensorflow"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
