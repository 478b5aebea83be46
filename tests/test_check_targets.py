"""``check --targets``: shifted, permuted and unrelated targets are found, and no others."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLES, Run
from helpers import softmax

from dense_cli.sources.targets import Targets
from dense_cli.views.checks import OF_TARGETS
from dense_cli.views.checks.targets import Agreement, _luck

DIGITS = (SAMPLES / "digits.npy", "-w", SAMPLES / "digits.keras", "--labels", SAMPLES / "digits.txt")


@cache
def trained(name: str, strength: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return what a logistic regression gives for samples that it has not seen, and their classes."""
    from sklearn import datasets
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    data = getattr(datasets, f"load_{name}")()
    x = StandardScaler().fit_transform(data.data)
    parts = train_test_split(x, data.target, test_size=0.5, random_state=0)
    model = LogisticRegression(C=strength, max_iter=2000).fit(parts[0], parts[2])
    return model.predict_proba(parts[1]), parts[3]


def found(run: Run, y: np.ndarray, targets: np.ndarray, *args: object) -> dict[str, str]:
    """Return the findings about targets, with their evidence and advice."""
    np.save("y.npy", y)
    np.save("t.npy", targets)
    ran = run("check", "y.npy", "--targets", "t.npy", "-f", "json", *args)
    report = json.loads(ran.out)
    assert ran.code == (1 if report["findings"] else 0), ran.err
    findings = [item for item in report["findings"] if item["check"] in OF_TARGETS]
    return {item["check"]: f"{item['evidence']} → {item['advice']}" for item in findings}


# --- no false alarms ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [3, 10, 40, 1000])
@pytest.mark.parametrize(
    ("name", "strength"), [("digits", 1), ("digits", 1e-3), ("iris", 1), ("breast_cancer", 1)]
)
def test_nothing_is_found_in_real_targets(
    name: str, strength: float, rows: int, run: Run, here: Path
) -> None:
    y, targets = trained(name, strength)
    assert found(run, y[:rows], targets[:rows]) == {}


def test_nothing_is_found_in_the_targets_of_the_samples(run: Run, here: Path) -> None:
    ran = run("check", *DIGITS, "--targets", SAMPLES / "digits_true.csv", "-f", "json")
    report = json.loads(ran.out)
    assert (ran.code, report["findings"]) == (0, [])
    assert set(report["checks"]) >= OF_TARGETS


def heads(seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return outputs and targets of a head that has learnt something, and its accuracy.

    It takes some classes for others; targets are balanced or not, sorted or not, and may stay the same.
    """
    rng = np.random.default_rng(seed)
    classes = int(rng.choice([2, 3, 5, 10, 50]))
    shape = [(int(rng.choice([5, 30, 100])),), (int(rng.choice([5, 20])), int(rng.choice([2, 10])))][seed % 2]
    prior = rng.dirichlet(np.full(classes, rng.choice([0.05, 1, 10])))
    targets = rng.choice(classes, size=shape, p=prior)
    if seed % 3 == 0:
        targets = np.sort(targets, axis=0)
    if seed % 5 == 0 and len(shape) == 2:
        targets = np.repeat(targets[:, :1], shape[1], axis=1)
    skill = rng.choice([2, 4, 8])
    learnt = skill * np.eye(classes) + rng.normal(0, skill * 0.3, (classes, classes))
    z = learnt[targets] + rng.normal(0, 1, (*shape, classes)) + rng.normal(0, rng.choice([0, 2]), classes)
    y = softmax(rng.choice([0.5, 1, 3]) * z)
    return y, targets, float((y.argmax(-1) == targets).mean())


def test_heads_that_confuse_classes_have_neither_shifts_nor_other_orders(run: Run, here: Path) -> None:
    for seed in range(300):
        y, targets, accuracy = heads(seed)
        names = set(found(run, y, targets))
        assert not names - {"targets-unrelated"}, seed
        assert not names or accuracy < 0.5, seed


# --- what is planted -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [40, 1000])
@pytest.mark.parametrize("name", ["digits", "iris", "wine"])
def test_targets_from_1_are_shifted(name: str, rows: int, run: Run, here: Path) -> None:
    y, targets = trained(name)
    y, targets = y[:rows], targets[:rows]
    right = np.count_nonzero(y.argmax(1) == targets)
    evidence = found(run, y, targets + 1)
    assert set(evidence) == {"targets-shifted"}
    text = evidence["targets-shifted"]
    assert (
        f"with 1 taken from every target, {right} of {len(targets)} are ({right / len(targets):.4f})" in text
    )
    assert text.endswith("subtract 1 from each")


def test_targets_that_miss_the_first_class_are_shifted(run: Run, here: Path) -> None:
    y, targets = trained("digits")
    text = found(run, y, targets - 1, "--ignore-index", -1)["targets-shifted"]
    right = np.count_nonzero((y.argmax(1) == targets) & (targets > 0))
    assert f"with 1 added to every target, {right} of {np.count_nonzero(targets)} are" in text
    assert text.endswith("add 1 to each")


@pytest.mark.parametrize(("by", "words"), [(1, "after"), (-1, "before")])
def test_targets_of_the_neighbouring_sample_are_shifted(by: int, words: str, run: Run, here: Path) -> None:
    y, targets = trained("digits")
    evidence = found(run, y, np.roll(targets, by))
    assert set(evidence) == {"targets-shifted"}
    assert f"with the target of the sample {words}" in evidence["targets-shifted"]


@pytest.mark.parametrize(("by", "words"), [(1, "after"), (-1, "before")])
def test_targets_of_the_neighbouring_step_are_shifted(by: int, words: str, run: Run, here: Path) -> None:
    y, targets = (array[:880].reshape(88, 10, *array.shape[1:]) for array in trained("digits"))
    evidence = found(run, y, np.roll(targets, by, axis=1))
    assert set(evidence) == {"targets-shifted"}
    assert f"with the target of the step {words}" in evidence["targets-shifted"]


def test_another_order_of_the_classes_is_told(run: Run, here: Path) -> None:
    y, targets = trained("digits")
    order = np.array([3, 1, 2, 0, 5, 6, 4, 7, 8, 9])
    evidence = found(run, y, order[targets])
    assert set(evidence) == {"targets-permuted"}
    pairs = {f"target {order[c]} is class {c}" for c in range(10) if order[c] != c}
    said = evidence["targets-permuted"].split(": ")[1].split(" → ")[0]
    assert set(said.split(", ")) == pairs


def test_two_classes_that_are_swapped_are_told_with_their_labels(run: Run, here: Path) -> None:
    y, targets = trained("breast_cancer")
    Path("names.txt").write_text("malignant\nbenign\n")
    text = found(run, y, 1 - targets, "--labels", "names.txt")["targets-permuted"]
    assert "target 0 (malignant) is class 1" in text
    assert "target 1 (benign) is class 0" in text


def test_classes_that_begin_anew_at_the_other_end_are_another_order(run: Run, here: Path) -> None:
    y, targets = trained("wine")
    assert set(found(run, y, (targets + 1) % 3)) == {"targets-permuted"}


@pytest.mark.parametrize("name", ["digits", "breast_cancer"])
def test_targets_of_something_else_are_unrelated(name: str, run: Run, here: Path) -> None:
    y, targets = trained(name)
    other = np.random.default_rng(3).permutation(targets)
    evidence = found(run, y, other)
    assert set(evidence) == {"targets-unrelated"}
    right = np.count_nonzero(y.argmax(1) == other)
    shares = np.bincount(y.argmax(1)) @ np.bincount(other) / len(other) ** 2
    told = evidence["targets-unrelated"]
    assert told.startswith(
        f"{right} of {len(other)} rows are right ({right / len(other):.4f}; by chance {shares:.4f})"
    )
    assert f"while the mean confidence is {y.max(1).mean():.4f}" in told


def test_outputs_that_are_not_sure_are_not_unrelated(run: Run, here: Path) -> None:
    y, targets = trained("digits")
    other = np.random.default_rng(3).permutation(targets)
    assert found(run, softmax(0.1 * np.log(y)), other) == {}


def test_a_target_that_stays_the_same_counts_once_a_sample(run: Run, here: Path) -> None:
    y = np.tile(np.eye(10)[[3, 5, 1]][:, None], (1, 200, 1))
    targets = np.repeat([[4], [6], [2]], 200, axis=1)
    assert found(run, y, targets, "--skip", "constant") == {}


def test_padding_and_ignored_targets_do_not_count(run: Run, here: Path) -> None:
    y, targets = (array[:880].reshape(88, 10, *array.shape[1:]) for array in trained("digits"))
    targets = targets.copy()
    targets[:, 5:] = np.random.default_rng(4).integers(0, 10, (88, 5))
    Path("lengths.json").write_text(json.dumps([5] * 88))
    right = np.count_nonzero(y.argmax(-1)[:, :5] == targets[:, :5])
    text = found(run, y, targets + 1, "--lengths", "lengths.json")["targets-shifted"]
    assert f"with 1 taken from every target, {right} of 440 are" in text


def test_a_target_beyond_the_classes_is_an_error_unless_all_begin_at_1(run: Run, here: Path) -> None:
    y, targets = trained("iris")
    np.save("y.npy", y)
    np.save("t.npy", np.where(targets == 2, 3, targets))
    ran = run("check", "y.npy", "--targets", "t.npy")
    assert (ran.code, "t.npy: expected a class from 0 to 2, found 3" in ran.err) == (2, True)
    poor = softmax(np.random.default_rng(0).normal(0, 0.01, y.shape))
    text = found(run, poor, targets + 1)["targets-shifted"]
    assert text.startswith("the targets are numbers from 1 to 3, classes are 0 to 2 → ")


def test_a_head_is_held_against_targets(run: Run, here: Path) -> None:
    lines = (SAMPLES / "digits_true.csv").read_text().split()
    names = (SAMPLES / "digits.txt").read_text().split()
    np.save("t.npy", np.array([[names.index(name) for name in line.split(",")] for line in lines]) + 1)
    ran = run("check", *DIGITS, "--targets", "t.npy", "-f", "json")
    assert [item["check"] for item in json.loads(ran.out)["findings"]] == ["targets-shifted"]


def test_a_model_is_held_against_targets(run: Run, here: Path) -> None:
    model = (SAMPLES / "sentences.txt", "-m", SAMPLES / "translate.keras")
    model += ("--input-labels", SAMPLES / "english.json", "--reverse")
    assert run("predict", *model, "--show", "classes", "-f", "npy", "-o", "t.npy").code == 0
    targets = np.load("t.npy")
    for shifted, names in ((targets, set()), (np.roll(targets, 1, axis=1), {"targets-shifted"})):
        np.save("t.npy", shifted)
        ran = run("check", *model, "--targets", "t.npy", "-f", "json")
        assert {item["check"] for item in json.loads(ran.out)["findings"]} & OF_TARGETS == names


def test_scores_have_no_targets(run: Run, here: Path) -> None:
    np.save("y.npy", np.full((4, 3), 0.5))
    np.save("t.npy", np.zeros(4))
    ran = run("check", "y.npy", "--scores", "--targets", "t.npy")
    assert (ran.code, "each class is scored by itself" in ran.err) == (2, True)


# --- the arithmetic ------------------------------------------------------------------------------------


def test_kappa_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(6)
    chosen, wanted = rng.integers(0, 4, (2, 50))
    agreement = Agreement(4)
    agreement.add(chosen[:20], wanted[:20], np.ones(20))
    agreement.add(chosen[20:], wanted[20:], np.ones(30))
    assert math.isclose(agreement.kappa, cohen_kappa_score(chosen, wanted), abs_tol=1e-12)


@pytest.mark.parametrize("expected", [0.05, 0.1, 0.5])
@pytest.mark.parametrize("rows", [5, 20, 100])
def test_what_is_ruled_out_as_luck_is_rarer_than_the_bound(expected: float, rows: int) -> None:
    from scipy.stats import binom

    for right in range(rows + 1):
        if not _luck(rows, right / rows, expected):
            rare = (
                binom.sf(right - 1, rows, expected)
                if right > rows * expected
                else binom.cdf(right, rows, expected)
            )
            assert rare <= 1e-5 * (1 + 1e-9)


def test_targets_of_neighbours_end_where_the_samples_do() -> None:
    targets = Targets.of("t", np.array([[0, 1, 2], [3, -9, 5]]), -9)
    places = np.argwhere(np.ones((2, 3)))
    assert targets.near(places, 1, 1).tolist() == [1, 2, -1, -1, 5, -1]
    assert targets.near(places, 1, -1).tolist() == [-1, 0, 1, -1, 3, -1]
    assert targets.near(places, 0, 1).tolist() == [3, -1, 5, -1, -1, -1]
