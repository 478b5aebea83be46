"""What INPUT holds, by what is said of it: logits, scores, finished distributions, hidden states."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, log_softmax, softmax

LOGITS = np.array([[1.0, 2.0, 0.5, -1.0], [-3.0, 0.25, 4.0, 0.0]], "f4")
NAMES = ["cat", "dog", "bird", "fish"]
Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("logits.npy", LOGITS)
    np.save("steps.npy", np.stack([LOGITS, LOGITS[::-1]]))
    np.save("y.npy", softmax(LOGITS, axis=-1))
    np.save("scores.npy", expit(LOGITS))
    Path("names.txt").write_text("\n".join(NAMES))


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_logits_go_through_the_softmax_alone(run: Run) -> None:
    ran = run("predict", "logits.npy", "--logits", "-f", "json")
    found = json.loads(ran.text)
    assert found["layer"] == {"name": "Activation", "activation": "softmax", "dtype": "float32"}
    assert (found["input_shape"], found["shape"]) == ([2, 4], [2, 4])
    np.testing.assert_allclose(found["probabilities"], softmax(LOGITS, axis=-1), atol=1e-7)
    assert (found["classes"], ran.err) == ([1, 2], "")


def test_the_table_of_logits_says_what_was_run(run: Run) -> None:
    assert run("predict", "logits.npy", "--logits").text.splitlines()[:2] == [
        "Activation('softmax')  float32",
        "x = logits.npy (2, 4) → y (2, 4)",
    ]


@pytest.mark.parametrize(
    ("show", "name", "expected"),
    [
        ("logits", "logits", LOGITS),
        ("log-probabilities", "log_probabilities", log_softmax(LOGITS, axis=-1)),
    ],
)
def test_logits_are_shown_in_any_form(run: Run, show: str, name: str, expected: np.ndarray) -> None:
    for row, line in zip(
        expected,
        lines(run("predict", "logits.npy", "--logits", "--show", show, "-f", "jsonl").text),
        strict=True,
    ):
        np.testing.assert_allclose(line[name], row, atol=2e-7)


def test_another_activation_than_softmax_may_be_asked_for(run: Run) -> None:
    (first, second) = lines(run("predict", "logits.npy", "--logits", "-a", "sigmoid", "-f", "jsonl").text)
    np.testing.assert_allclose([first["probabilities"], second["probabilities"]], expit(LOGITS), atol=1e-7)
    assert [first["class"], second["class"]] == [1, 2]


def test_steps_of_logits_are_sliced_and_decoded(run: Run) -> None:
    assert run("decode", "steps.npy", "--logits", "--labels", "names.txt").text == "dog bird\nbird dog\n"
    (step,) = json.loads(run("slice", "steps.npy", "--logits", "-t", "-1", "-f", "json").text)["steps"]
    assert (step["t"], step["classes"]) == (1, [2, 1])


def test_finished_outputs_of_any_rank_are_shown(run: Run) -> None:
    ran = run("predict", "y.npy", "--labels", "names.txt", "-k", "2", "-f", "csv")
    p = softmax(LOGITS, axis=-1)
    rows = [row.split(",") for row in ran.text.splitlines()]
    assert rows[0] == [
        "sample",
        "class",
        "label",
        "top1",
        "top1_label",
        "top1_p",
        "top2",
        "top2_label",
        "top2_p",
    ]
    assert [row[3:5] + row[6:8] for row in rows[1:]] == [["1", "dog", "0", "cat"], ["2", "bird", "1", "dog"]]
    np.testing.assert_allclose([float(rows[1][5]), float(rows[1][8])], [p[0, 1], p[0, 0]], rtol=1e-6)


def test_finished_outputs_are_held_against_targets(run: Run) -> None:
    Path("targets.json").write_text("[1, 0]")
    found = json.loads(run("predict", "y.npy", "--targets", "targets.json", "-f", "json").text)
    assert (found["layer"], found["summary"]["accuracy"], found["rank"]) == (None, 0.5, [1, 4])


def test_scores_need_not_sum_to_1(run: Run) -> None:
    ran = run("predict", "scores.npy", "--scores", "-f", "json")
    found = json.loads(ran.text)
    np.testing.assert_allclose(found["scores"], expit(LOGITS), atol=1e-7)
    assert (found["layer"], found["classes"], ran.err) == (None, [1, 2], "")
    assert run("predict", "scores.npy", "--scores", "-f", "csv").text.splitlines()[0] == (
        "sample,class,score0,score1,score2,score3"
    )


@pytest.mark.parametrize("format", ["json", "jsonl", "csv", "npy", "npz"])
def test_scores_are_read_back(run: Run, format: str) -> None:
    first = run("predict", "scores.npy", "--scores", "-f", format)
    again = run("predict", "-", "--scores", "--dtype", "float32", "-f", "npy", stdin=first.out)
    assert again.out == run("predict", "scores.npy", "--scores", "-f", "npy").out


def test_decoded_scores_have_a_log_probability_only_where_they_are_probabilities(run: Run) -> None:
    steps = np.array([[[0.5, 0.25], [0.125, 0.75]], [[3.0, 9.0], [np.nan, 2.0]]])
    np.save("steps.npy", steps)
    assert run("decode", "steps.npy", "--scores").text == "0 1\n1 -\n"
    ran = run("decode", "steps.npy", "--scores", "-f", "jsonl", "-b", "0")
    assert json.loads(ran.text)["log_probability"] == pytest.approx(np.log(0.5 * 0.75))
    ran = run("decode", "steps.npy", "--scores", "-f", "jsonl", "-o", "lines.jsonl")
    assert (ran.code, Path("lines.jsonl").exists()) == (2, False)
    assert "expected a highest score from 0 to 1, found 9 at [1][0]" in ran.err
    Path("lengths.json").write_text("[2, 0]")
    assert run("decode", "steps.npy", "--scores", "-f", "jsonl", "--lengths", "lengths.json").code == 0


def test_numbers_that_are_no_distributions_are_told_every_way_to_say_what_they_are(run: Run) -> None:
    ran = run("predict", "logits.npy")
    assert ran.code == 2
    for way in ("--logits", "--scores", "--weights FILE", "--units N"):
        assert way in ran.err


def test_check_of_logits_checks_their_softmax_and_of_scores_what_holds_of_them(run: Run) -> None:
    assert run("check", "logits.npy", "--logits").code == 0
    ran = run("check", "scores.npy", "--scores", "-f", "json")
    assert "sums" not in [finding["check"] for finding in json.loads(ran.text)["findings"]]


def test_nothing_is_explained_of_logits(run: Run) -> None:
    ran = run("predict", "logits.npy", "--logits", "--explain", "auto")
    assert (ran.code, "--explain is about a layer" in ran.err) == (2, True)
