"""``densecli slice``: y[:, t, :] and classes[:, t], one step after another."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLES, Run

COURSE = np.array(json.loads((SAMPLES / "outputs.json").read_text()))


def test_a_table_for_every_step_is_titled_with_its_slice(run: Run) -> None:
    lines = run("slice", SAMPLES / "outputs.json").text.splitlines()
    titles = [line for line in lines if line.startswith("y[")]
    assert titles == ["y[:, 0, :]  (t = 0)", "y[:, 1, :]  (t = 1)", "y[:, 2, :]  (t = 2)"]
    at = lines.index(titles[1])
    assert lines[at + 1 : at + 5] == [
        "sample  class       0       1       2",
        "─────────────────────────────────────",
        "     0      0  0.8000  0.1000  0.1000",
        "     1      1  0.2000  0.5000  0.3000",
    ]


@pytest.mark.parametrize(
    ("args", "steps", "shape"),
    [
        (["-t", "1"], 1, (2, 3)),
        (["-t", "-1"], -1, (2, 3)),
        (["-t", "1:3"], [1, 2], (2, 2, 3)),
        (["-t", "::-2"], [2, 0], (2, 2, 3)),
        (["-t", "0:1"], [0], (2, 1, 3)),
        (["-t", "2", "-t", "0"], [2, 0], (2, 2, 3)),
        ([], [0, 1, 2], (2, 3, 3)),
    ],
)
def test_npy_is_numpys_slice(
    args: list[str], steps: int | list[int], shape: tuple[int, ...], run: Run
) -> None:
    y = np.load(
        io.BytesIO(run("slice", SAMPLES / "outputs.json", *args, "--dtype", "float64", "-f", "npy").out)
    )
    assert y.shape == shape
    np.testing.assert_array_equal(y, COURSE[:, steps])
    classes = run("slice", SAMPLES / "outputs.json", *args, "--show", "classes", "-f", "npy")
    np.testing.assert_array_equal(np.load(io.BytesIO(classes.out)), COURSE.argmax(axis=-1)[:, steps])


@pytest.mark.parametrize("args", [["-u", "3"], ["-u", "3", "-b", "1"], ["-u", "3", "-t", "-1"]])
def test_a_layer_that_runs_gives_the_slices_of_its_prediction(args: list[str], run: Run) -> None:
    rows = [
        json.loads(line)
        for line in run("slice", SAMPLES / "steps.json", *args, "-f", "jsonl").text.splitlines()
    ]
    whole = {
        (row["sample"], row["t"]): row
        for row in map(
            json.loads, run("predict", SAMPLES / "steps.json", "-u", 3, "-f", "jsonl").text.splitlines()
        )
    }
    assert [(row["t"], row["sample"]) for row in rows] == sorted((row["t"], row["sample"]) for row in rows)
    for row in rows:
        expected = whole[row["sample"], row["t"]]
        assert row["class"] == expected["class"]
        np.testing.assert_allclose(row["probabilities"], expected["probabilities"], rtol=1e-5)


def test_further_axes_stay_in_every_step(here: Path, run: Run) -> None:
    y = np.full((2, 3, 4, 2), 0.5)
    y[1, 2, 3] = [0.25, 0.75]
    np.save("y.npy", y)
    found = json.loads(run("slice", "y.npy", "-t", 2, "-f", "json").out)
    assert found["shape"] == [2, 1, 4, 2]
    assert found["steps"] == [
        {"t": 2, "probabilities": y[:, 2].tolist(), "classes": y[:, 2].argmax(-1).tolist()}
    ]


def test_nan_rows_of_finished_outputs_are_let_pass_without_a_class(here: Path, run: Run) -> None:
    np.save("y.npy", np.array([[[np.nan, np.nan], [0.25, 0.75]]]))
    ran = run("slice", "y.npy", "-f", "csv")
    assert ran.text == "sample,t,class,p0,p1\n0,0,,nan,nan\n0,1,1,0.25,0.75\n"
    assert ran.err.startswith("Note: 1 row has NaN or infinity in the input")
    assert ran.code == 0


def test_outputs_of_float16_need_only_sum_to_1_as_well_as_float16_can(here: Path, run: Run) -> None:
    y = np.full((1, 2, 3), 1 / 3, "f2")
    np.save("y.npy", y)
    ran = run("slice", "y.npy", "-t", 0, "-f", "csv")
    assert ran == (b"sample,t,class,p0,p1,p2\n0,0,0,0.3333,0.3333,0.3333\n", "", 0)


def test_json_null_is_nan_again(here: Path, run: Run) -> None:
    for format in ("json", "jsonl", "csv"):
        np.save("x.npy", np.array([[[np.nan, 1], [2, 3]]]))
        printed = run("predict", "x.npy", "-u", 2, "--kernel-initializer", "ones", "-f", format)
        again = run("slice", "-", "-f", "csv", stdin=printed.out)
        assert again.text == "sample,t,class,p0,p1\n0,0,,nan,nan\n0,1,0,0.5,0.5\n"


def test_outputs_of_samples_that_differ_in_length_are_sliced_from_every_format(here: Path, run: Run) -> None:
    Path("x.jsonl").write_text("[[1, 2], [3, 4]]\n[[5, 6]]\n")
    expected = "sample,t,class,p0,p1\n0,0,0,0.5,0.5\n1,0,0,0.5,0.5\n0,1,0,0.5,0.5\n"
    args = ("predict", "x.jsonl", "-u", 2, "--kernel-initializer", "zeros", "-f")
    for format in ("json", "jsonl", "csv"):
        assert run("slice", "-", "-f", "csv", stdin=run(*args, format).out).text == expected
    assert run("slice", "x.jsonl", "-u", 2, "--kernel-initializer", "zeros", "-f", "csv").text == expected
