"""Runs every file of cases/: a command line, its input files, and all that it prints.

A case begins with what it shows, then ``$ densecli …``. After that come parts, each under a line
``--- NAME``: input files by their names, ``stdin``, and what is expected as ``stdout``, ``stderr`` and
``exit`` (0 where it is not there). Numbers in them come from Keras or from a closed form.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from conftest import Run

CASES = sorted((Path(__file__).parent / "cases").glob("*.txt"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem.replace("_", " "))
def test_a_case_prints_what_it_says(case: Path, here: Path, run: Run) -> None:
    head, *rest = re.split(r"^--- (.+)\n", case.read_text(), flags=re.MULTILINE)
    parts = dict(zip(rest[::2], rest[1::2], strict=True))
    expected = (parts.pop("stdout", ""), parts.pop("stderr", ""), int(parts.pop("exit", "0")))
    stdin = parts.pop("stdin", "").encode()
    for name, text in parts.items():
        Path(name).write_text(text)
    command = shlex.split(head.split("$ densecli ", 1)[1])
    ran = run(*command, stdin=stdin)
    assert (ran.text, ran.err, ran.code) == expected


def test_there_are_cases() -> None:
    assert len(CASES) >= 15
