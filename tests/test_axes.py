"""``--axes``: the same numbers, whatever the order in which axes stand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Run

ORDERS = {
    "batch,time,classes": (0, 1, 2),
    "time,batch,classes": (1, 0, 2),
    "batch, classes, time": (0, 2, 1),
    "classes,time,batch": (2, 1, 0),
}


def outputs() -> np.ndarray:
    y = np.random.default_rng(0).random((4, 6, 3))
    return y / y.sum(axis=2, keepdims=True)


@pytest.mark.parametrize("names", ORDERS)
@pytest.mark.parametrize("kind", ["npy", "json", "jsonl", "pipe"])
def test_every_order_gives_the_same_numbers(names: str, kind: str, run: Run, here: Path) -> None:
    y = outputs()
    np.save("y.npy", y)
    moved = y.transpose(ORDERS[names])
    np.save("x.npy", moved)
    Path("x.json").write_text(json.dumps(moved.tolist()))
    Path("x.jsonl").write_text("".join(json.dumps(sample) + "\n" for sample in moved.tolist()))
    name = "-" if kind == "pipe" else f"x.{kind}"
    stdin = Path("x.npy").read_bytes() if kind == "pipe" else b""
    for command, *args in (["predict"], ["slice", "-t", 2], ["predict", "-b", "1:3"], ["decode"]):
        expected = run(command, "y.npy", *args, *(() if command == "decode" else ("-f", "csv")))
        ran = run(
            command,
            name,
            *args,
            *(() if command == "decode" else ("-f", "csv")),
            "--axes",
            names,
            stdin=stdin,
        )
        assert (ran.code, ran.out) == (0, expected.out), (command, ran.err)


def test_without_a_batch_the_input_is_one_sample(run: Run, here: Path) -> None:
    y = outputs()
    np.save("y.npy", y[:1])
    np.save("one.npy", y[0])
    np.save("turned.npy", y[0].T)
    for command in (["decode", "--ctc", 0], ["predict", "-f", "csv"]):
        expected = run(command[0], "y.npy", *command[1:]).out
        assert run(command[0], "one.npy", *command[1:], "--axes", "time,classes").out == expected
        assert run(command[0], "turned.npy", *command[1:], "--axes", "classes,time").out == expected


def test_further_axes_keep_their_order(run: Run, here: Path) -> None:
    x = np.random.default_rng(1).random((2, 3, 4, 5)).astype(np.float32)
    np.save("x.npy", x)
    np.save("moved.npy", x.transpose(2, 0, 3, 1))
    expected = run("predict", "x.npy", "-u", 2, "-f", "npy").out
    assert (
        run("predict", "moved.npy", "-u", 2, "-f", "npy", "--axes", "height,batch,features,time").out
        == expected
    )


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("time,classes", "--axes names 2 axes, and there are 3"),
        ("batch,time,width", "one of them features or classes"),
        ("batch,classes,features", "one of them features or classes"),
        ("batch,batch,classes", "'batch' stands twice"),
        ("batch,,classes", "expected a name for each axis"),
    ],
)
def test_names_that_do_not_fit_are_refused(names: str, message: str, run: Run, here: Path) -> None:
    np.save("y.npy", outputs())
    ran = run("predict", "y.npy", "--axes", names)
    assert (ran.code, ran.out, message in ran.err) == (2, b"", True)


def test_samples_of_several_lengths_have_no_axes_to_change(run: Run) -> None:
    ran = run("predict", "-", "-u", 2, "--axes", "time,batch,features", stdin=b"[[1,2],[3,4]]\n[[5,6]]\n")
    assert (ran.code, "--axes needs one shape" in ran.err) == (2, True)


def test_ctc_on_single_steps_says_how_they_become_one_sample(run: Run, here: Path) -> None:
    np.save("y.npy", outputs()[0])
    ran = run("decode", "y.npy", "--ctc", 0)
    assert (ran.code, "--axes time,classes makes them one sample" in ran.err) == (0, True)
    assert run("decode", "y.npy", "--ctc", 0, "--axes", "time,classes").err == ""
    assert run("decode", "y.npy").err == ""
