"""``--temperature`` and ``--fit-temperature``, against SciPy: its softmax and its minimiser."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLES, Run
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from dense_cli.views.temperature import fit_temperature


def logits(rows: int = 400, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    z = rng.normal(size=(rows, classes)) * 3
    targets = np.array([rng.choice(classes, p=softmax(row / 2.5)) for row in z])
    return z.astype(np.float32), targets


def best(z: np.ndarray, targets: np.ndarray) -> float:
    def loss(log_t: float) -> float:
        return -float(log_softmax(z / np.exp(log_t), axis=1)[np.arange(len(z)), targets].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-5, 5), method="bounded", options={"xatol": 1e-10}).x))


@pytest.mark.parametrize("temperature", [0.5, 2, 10])
def test_logits_are_divided_wherever_they_come_from(temperature: float, run: Run, here: Path) -> None:
    z, _ = logits(9)
    np.save("z.npy", z)
    args = ("--temperature", temperature, "-f", "json")
    found = json.loads(run("predict", "z.npy", "--logits", *args).out)
    np.testing.assert_allclose(found["probabilities"], softmax(z / temperature, axis=1), rtol=1e-5, atol=1e-7)
    assert found["layer"]["temperature"] == temperature
    weights = ("-w", SAMPLES / "digits.keras")
    plain = json.loads(run("predict", SAMPLES / "digits.npy", *weights, "--show", "logits", "-f", "json").out)
    expected = softmax(np.array(plain["logits"]) / temperature, axis=2)
    found = json.loads(run("predict", SAMPLES / "digits.npy", *weights, *args).out)
    np.testing.assert_allclose(found["probabilities"], expected, rtol=2e-5, atol=1e-7)
    assert found["classes"] == plain["classes"]
    ran = run("predict", "z.npy", "--logits", "--temperature", temperature)
    assert f"logits divided by the temperature {temperature:g}" in ran.text


def test_a_temperature_of_one_changes_no_digit(run: Run) -> None:
    args = ("predict", SAMPLES / "digits.npy", "-w", SAMPLES / "digits.keras", "-f", "npy")
    assert run(*args).out == run(*args, "--temperature", 1).out


def test_the_temperature_of_the_least_loss_is_found() -> None:
    z, targets = logits()
    assert fit_temperature(lambda: [(z[:99], targets[:99]), (z[99:], targets[99:])]) == pytest.approx(
        best(z.astype(float), targets), rel=1e-6
    )


def test_rows_that_are_all_right_end_at_the_bound() -> None:
    z = np.array([[2.0, 0.0], [0.0, 3.0]])
    assert fit_temperature(lambda: [(z, np.array([0, 1]))]) < 0.1
    assert fit_temperature(lambda: [(z, np.array([1, 0]))]) > 100
    with pytest.raises(ValueError, match="no row has a target"):
        fit_temperature(lambda: [(z, np.array([-1, -1]))])


def test_predict_uses_what_it_finds_and_tells_what_that_changes(run: Run, here: Path) -> None:
    z, targets = logits()
    np.save("z.npy", z)
    np.save("t.npy", targets)
    args = ("predict", "z.npy", "--logits", "--targets", "t.npy", "-f", "json")
    plain, ran = run(*args), run(*args, "--fit-temperature")
    found, before = json.loads(ran.out), json.loads(plain.out)["summary"]
    expected = best(z.astype(float), targets)
    assert found["layer"]["temperature"] == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(found["probabilities"], softmax(z / expected, axis=1), rtol=1e-4, atol=1e-7)
    after = found["summary"]
    assert after["loss"] < before["loss"]
    assert after["accuracy"] == before["accuracy"]
    assert ran.err == (
        f"Note: temperature {expected:.4f}: loss {before['loss']:.4f} → {after['loss']:.4f}, "
        f"calibration error {before['calibration_error']:.4f} → {after['calibration_error']:.4f}, "
        "of 400 targets\n"
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["y.npy", "--temperature", "2"], "--temperature divides logits, and INPUT holds finished outputs"),
        (["y.npy", "--temperature", "nan"], "nan is no temperature"),
        (["y.npy", "--temperature", "0"], "0.0 is not in the range"),
        (["y.npy", "--logits", "--fit-temperature"], "--fit-temperature is about targets"),
        (["y.npy", "--targets", "t.npy", "--fit-temperature"], "--fit-temperature is about a softmax"),
        (["-", "--logits", "--targets", "t.npy", "--fit-temperature"], "reads INPUT more than once"),
    ],
)
def test_what_has_no_temperature_is_refused(args: list[str], message: str, run: Run, here: Path) -> None:
    np.save("y.npy", np.full((3, 2), 0.5))
    np.save("t.npy", np.array([0, 1, 0]))
    ran = run("predict", *args)
    assert (ran.code, ran.out, message in ran.err) == (2, b"", True)


@pytest.mark.parametrize("options", [("--logits",), ("-u", "2", "--kernel-initializer", "identity")])
def test_a_logit_that_overflows_leaves_its_row_without_a_class(
    options: tuple[str, ...], run: Run, here: Path
) -> None:
    np.save("x.npy", np.array([[3e38, 0.0], [1.0, 2.0]], np.float32))
    ran = run("predict", "x.npy", *options, "--temperature", 0.5, "--show", "classes", "-f", "csv")
    assert (ran.text, ran.code) == ("sample,class\n0,\n1,1\n", 0)
    assert ran.err.startswith("Note: 1 row has NaN or infinity")
    assert len(ran.err.splitlines()) == 1


def test_weights_that_overflow_give_no_warning(run: Run, here: Path) -> None:
    np.savez("w.npz", kernel=np.full((2, 2), 3e38, np.float32), bias=np.full(2, 3e38, np.float32))
    ran = run("predict", "[[1, 2]]", "-w", "w.npz", "-a", "softmax", "--temperature", 0.5, "-f", "csv")
    assert (ran.code, "Warning" in ran.err) == (0, False)
