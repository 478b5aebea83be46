"""``--sort``, ``--unsure`` and ``--wrong``: the rows that deserve a look, against NumPy over all rows."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from numpy.typing import NDArray

from dense_cli import Plan

SMALL = ("--memory", "20KB")  # blocks of few rows, so that what is kept is joined many times


def outputs(rows: int = 500, classes: int = 4) -> NDArray[np.float32]:
    rng = np.random.default_rng(5)
    logits = rng.normal(size=(rows, classes)) * rng.uniform(0, 3, (rows, 1))
    y = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return np.round(y * 64).astype(np.float32) / 64  # with ties


@pytest.fixture
def y(here: Path) -> NDArray[np.float32]:
    y = outputs()
    y[:, 0] += 1 - y.sum(axis=1)
    y[7] = np.nan
    np.save("y.npy", y)
    np.save("targets.npy", np.random.default_rng(6).integers(0, 4, len(y)))
    return y


def numbers(run: Run, *args: object) -> list[int]:
    ran = run("predict", "y.npy", "-f", "csv", *args)
    assert ran.code == 0
    return [int(row["sample"]) for row in csv.DictReader(io.StringIO(ran.text))]


def margins(y: NDArray[np.float32]) -> NDArray[np.float32]:
    ordered = np.sort(y, axis=1)
    return np.asarray(ordered[:, -1] - ordered[:, -2])


@pytest.mark.parametrize("memory", [(), SMALL])
def test_rows_are_sorted_by_how_sure_they_are(
    memory: tuple[str, ...], run: Run, y: NDArray[np.float32]
) -> None:
    rows = np.delete(np.arange(len(y)), 7)
    by_confidence = rows[np.argsort(y[rows].max(axis=1), kind="stable")]
    by_margin = rows[np.argsort(margins(y[rows]), kind="stable")]
    assert numbers(run, "--sort", "confidence", *memory) == by_confidence.tolist()
    assert numbers(run, "--sort", "margin", *memory) == by_margin.tolist()
    table = run("predict", "y.npy", "--sort", "margin", "-n", 30, *memory).text.splitlines()
    assert [int(line.split()[0]) for line in table[3:33]] == by_margin[:30].tolist()
    assert table[33] == "… more rows: --all"


def test_loss_and_entropy_come_largest_first(run: Run, y: NDArray[np.float32]) -> None:
    for name in ("loss", "entropy"):
        ran = run("predict", "y.npy", "--targets", "targets.npy", "--sort", name, "-f", "csv", *SMALL)
        values = [float(row[name]) for row in csv.DictReader(io.StringIO(ran.text))]
        assert len(values) == len(y) - 1
        assert values == sorted(values, reverse=True)


def test_unsure_rows_are_those_with_a_small_margin(run: Run, y: NDArray[np.float32]) -> None:
    with np.errstate(invalid="ignore"):
        for limit in (0.1, 0.25):
            assert numbers(run, "--unsure", limit) == np.flatnonzero(margins(y) < limit).tolist()
        assert numbers(run, "--unsure") == np.flatnonzero(margins(y) < 0.1).tolist()


@pytest.mark.parametrize("format", ["jsonl", "csv", "markdown", "table"])
def test_where_no_row_is_selected_there_is_no_line(format: str, run: Run, y: NDArray[np.float32]) -> None:
    sure = run("predict", "y.npy", "--unsure", 0, "-f", format, *SMALL)
    rows = [line for line in sure.text.splitlines() if line.lstrip(" |")[:1].isdecimal()]
    assert (sure.code, [line for line in rows if "samples" not in line]) == (0, [])
    if format == "jsonl":
        assert sure.out == b""
    # Blocks without a row stand among others.
    lines = run("predict", "y.npy", "--unsure", 0.02, "-f", "jsonl", *SMALL).text.splitlines()
    with np.errstate(invalid="ignore"):
        expected = np.flatnonzero(margins(y) < 0.02).tolist()
    assert [json.loads(line)["sample"] for line in lines] == expected


def test_wrong_rows_are_those_whose_class_is_not_the_target(run: Run, y: NDArray[np.float32]) -> None:
    targets = np.load("targets.npy")
    rows = np.delete(np.arange(len(y)), 7)
    wrong = rows[y[rows].argmax(axis=1) != targets[rows]]
    assert numbers(run, "--targets", "targets.npy", "--wrong") == wrong.tolist()
    both = [i for i in wrong.tolist() if margins(y[[i]])[0] < 0.1]
    assert numbers(run, "--targets", "targets.npy", "--wrong", "--unsure") == both


def test_the_summary_counts_all_rows(run: Run, y: NDArray[np.float32]) -> None:
    last = {
        run("predict", "y.npy", *args).text.splitlines()[-1]
        for args in ((), ("--unsure",), ("--sort", "margin"))
    }
    assert len(last) == 1
    mean = float(np.nanmean(y.max(axis=1)))
    assert f"500 samples, 4 classes · mean confidence {mean:.4f}" in last.pop()


def test_steps_are_sorted_each_by_itself_and_padding_is_no_row(run: Run, here: Path) -> None:
    y = outputs(12, 3).reshape(4, 3, 3)
    y[..., 0] += 1 - y.sum(axis=2)
    np.save("y.npy", y)
    Path("lengths.json").write_text("[3, 2, 3, 1]")
    ran = run("slice", "y.npy", "--lengths", "lengths.json", "--sort", "confidence", "-f", "jsonl")
    found = [json.loads(line) for line in ran.text.splitlines()]
    expected = []
    for t, samples in enumerate(([0, 1, 2, 3], [0, 1, 2], [0, 2])):
        order = np.argsort(y[samples, t].max(axis=1), kind="stable")
        expected += [(samples[i], t) for i in order]
    assert [(row["sample"], row["t"]) for row in found] == expected


def test_explanations_go_with_their_rows(run: Run, here: Path) -> None:
    x = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    np.save("x.npy", x)
    args = ("predict", "x.npy", "-u", 3, "--explain", "auto", "-f", "jsonl", *SMALL)
    every = {row["sample"]: row for row in map(json.loads, run(*args).text.splitlines())}
    some = [json.loads(line) for line in run(*args, "--sort", "margin").text.splitlines()]
    assert len(some) == 300
    assert all(row["explanation"] == every[row["sample"]]["explanation"] for row in some)


def test_a_plan_gives_the_rows_that_are_asked_for(y: NDArray[np.float32]) -> None:
    results = list(Plan(y, sort="margin", unsure=0.2).run())
    (result,) = results
    found = result.measures["margin"]
    assert len(found) == np.count_nonzero(margins(np.delete(y, 7, axis=0)) < 0.2)
    assert (np.diff(found) >= 0).all()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--wrong"], "--wrong is about targets: it needs --targets FILE"),
        (["--sort", "loss"], "--sort loss is about targets: it needs --targets FILE"),
        (["--sort", "margin", "-f", "npy"], "does not fit npy: expected table, jsonl, csv"),
        (["--unsure", "2"], "2.0 is not in the range 0<=x<=1"),
        (["--scores", "--unsure"], "--sort, --unsure and --wrong are about distributions"),
    ],
)
def test_what_cannot_be_chosen_is_refused(
    args: list[str], message: str, run: Run, y: NDArray[np.float32]
) -> None:
    ran = run("predict", "y.npy", *args)
    assert (ran.code, ran.out, message in ran.err) == (2, b"", True)


def test_slice_shows_ten_steps_and_says_how_many_more(run: Run, here: Path) -> None:
    np.save("x.npy", np.zeros((2, 13, 2), np.float32))
    some = run("slice", "x.npy", "-u", 2).text
    assert [line for line in some.splitlines() if line.startswith("y[")] == [
        f"y[:, {t}, :]  (t = {t})" for t in range(10)
    ]
    assert some.endswith("\n\n… 3 more time steps: --all, or -t\n")
    for args in (("--all",), ("-t", ":"), ("-f", "markdown", "--all")):
        every = run("slice", "x.npy", "-u", 2, *args).text
        assert (every.count("(t = "), "more time step" in every) == (13, False)


@pytest.mark.parametrize("format", ["table", "csv", "npy", "json"])
def test_too_low_an_accuracy_is_exit_code_1(format: str, run: Run, y: NDArray[np.float32]) -> None:
    targets = np.load("targets.npy")
    rows = np.delete(np.arange(len(y)), 7)
    accuracy = float((y[rows].argmax(axis=1) == targets[rows]).mean())
    args = ("predict", "y.npy", "--targets", "targets.npy", "-f", format, "-o", "out", "--fail-under")
    assert run(*args, f"accuracy={accuracy - 0.001:.6f}").code == 0
    ran = run(*args, f"accuracy={accuracy + 0.001:.6f}")
    assert ran.code == 1
    assert f"accuracy is {accuracy:.4f}: expected at least" in ran.err
    assert Path("out").exists()
    assert run("predict", "y.npy", "--fail-under", "accuracy=0.5").code == 2
    assert run(*args, "accuracy=2").code == 2
    assert run(*args, "loss=2").code == 2
