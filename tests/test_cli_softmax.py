"""``densecli softmax``: each step against SciPy and a closed form; what it prints, whole."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from dense_cli.views.softmax import take_apart


def test_the_steps_of_three_logits_are_a_table(run: Run) -> None:
    ran = run("softmax", "[2.0, 1.0, 0.1]")
    assert (ran.code, ran.err) == (0, "")
    # exp(-1) = 0.36788, exp(-1.9) = 0.14957; 1 / 1.51745 = 0.65900
    assert ran.text.splitlines() == [
        "sample 0: softmax of 3 logits, maximum 2.0000",
        "class   logit  − maximum     exp   ÷ sum",
        "────────────────────────────────────────",
        "0      2.0000     0.0000  1.0000  0.6590",
        "1      1.0000    -1.0000  0.3679  0.2424",
        "2      0.1000    -1.9000  0.1496  0.0986",
        "sum                       1.5174  1.0000",
    ]


def test_a_temperature_is_a_column_of_its_own(run: Run, here: Path) -> None:
    Path("names.txt").write_text("[bold]cat[/]\ndog\n")
    ran = run("softmax", "[1, 0]", "--temperature", 0.5, "--labels", "names.txt", "--precision", 2)
    odds = math.exp(-2)
    assert ran.text.splitlines()[1:] == [
        "class           logit  ÷ temperature  − maximum   exp  ÷ sum",
        "────────────────────────────────────────────────────────────",
        f"0 [bold]cat[/]   1.00           2.00       0.00  1.00   {1 / (1 + odds):.2f}",
        f"1 dog            0.00           0.00      -2.00  {odds:.2f}   {odds / (1 + odds):.2f}",
        f"sum                                              {1 + odds:.2f}   1.00",
    ]


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=9),
    st.floats(0.01, 100),
)
def test_the_last_step_is_the_softmax(logits: list[float], temperature: float) -> None:
    steps = take_apart(np.array([logits]), temperature)
    np.testing.assert_allclose(steps.probabilities[0], softmax(np.array(logits) / temperature), rtol=1e-12)
    np.testing.assert_allclose(steps.exps[0] / steps.total[0], steps.probabilities[0], rtol=0)
    assert steps.shifted.max() == 0


def test_json_has_every_step_of_every_row(run: Run) -> None:
    found = json.loads(
        run("softmax", "-", "-f", "json", "--temperature", 2, stdin=b"[[[1, 3]], [[0, 0]]]").out
    )
    assert found["temperature"] == 2
    assert [row["place"] for row in found["rows"]] == [[0, 0], [1, 0]]
    assert found["rows"][0]["scaled"] == [0.5, 1.5]
    assert found["rows"][0]["shifted"] == [-1, 0]
    np.testing.assert_allclose(found["rows"][0]["probabilities"], softmax([0.5, 1.5]))
    assert found["rows"][1]["probabilities"] == [0.5, 0.5]


def test_of_many_classes_the_likeliest_are_shown_and_the_others_summed(run: Run, here: Path) -> None:
    x = np.random.default_rng(0).normal(size=50)
    np.save("x.npy", x)
    lines = run("softmax", "x.npy").text.splitlines()
    order = np.argsort(-x)
    assert [int(line.split()[0]) for line in lines[3:23]] == order[:20].tolist()
    assert lines[23].split() == [
        *(
            "30",
            "others",
            f"{np.exp(x[order[20:]] - x.max()).sum():.4f}",
            f"{softmax(x)[order[20:]].sum():.4f}",
        )
    ]


def test_rows_beyond_the_limit_are_not_shown(run: Run) -> None:
    text = json.dumps([[i, 0] for i in range(9)])
    some, all_ = run("softmax", text), run("softmax", text, "-n", 9)
    assert some.text.count("softmax of 2 logits") == 5
    assert some.err == "Note: only the first 5 rows are shown (more: --limit N)\n"
    assert (all_.text.count("softmax of 2 logits"), all_.err) == (9, "")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["[1, 2]", "--temperature", "0"], "'--temperature': 0.0 is not in the range 1e-06<=x<=1000000.0."),
        (["[1, two]"], "Error: INPUT: line 1: expected a number, found 'two'\n"),
        (["none.npy"], "Error: none.npy: No such file or directory\n"),
    ],
)
def test_wrong_use_is_one_error(args: list[str], message: str, run: Run) -> None:
    ran = run("softmax", *args)
    assert (ran.code, ran.out, message in ran.err) == (2, b"", True)
