"""Samples and steps that are picked from streams, and inputs whose shape holds nothing: what is said fits."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run

LINEAR = ["--kernel-initializer", "identity", "-a", "linear"]
RAGGED = b"[[1,2],[3,4],[5,6]]\n[[7,8]]\n"
LONGER = b"[[1,2],[3,4],[5,6]]\n[[7,8],[9,10],[11,12],[13,14]]\n"


def array(ran: Any) -> Any:
    assert ran.code == 0, ran.err
    return np.load(io.BytesIO(ran.out)).tolist()


def claim(name: str, shape: str) -> None:
    """Write an NPY header that claims a shape, and nothing else."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    Path(name).write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text)


def test_json_of_samples_picked_from_a_stream_has_their_shape(run: Run) -> None:
    lines = b"[1,2]\n[3,4]\n[5,6]\n"
    found = json.loads(run("predict", "-u", 2, *LINEAR, "-b", "1:", "-f", "json", stdin=lines).out)
    assert (found["input_shape"], found["shape"]) == ([2, 2], [2, 2])
    assert found["probabilities"] == [[3, 4], [5, 6]]
    found = json.loads(run("predict", "-u", 2, *LINEAR, "-b", "1:", "-f", "json", stdin=LONGER).out)
    assert (found["shape"], found["probabilities"]) == ([1, 4, 2], [[[7, 8], [9, 10], [11, 12], [13, 14]]])


@pytest.mark.parametrize("batch", [-5, 5, 10**20, -(10**20)])
def test_a_sample_that_a_stream_does_not_have_is_an_error(batch: int, run: Run) -> None:
    steps = b'{"sample":0,"t":0,"probabilities":[0.5,0.5]}\n'
    for args, stdin in (
        (["predict", "-u", 2], b"[1,2]\n[3,4]\n"),
        (["slice"], steps),
        (["decode"], steps),
        (["check"], steps),
    ):
        ran = run(*args, "-b", batch, "--input-format", "jsonl", stdin=stdin)
        assert (ran.err, ran.code) == (f"Error: standard input: sample {batch} is out of range\n", 2)


def test_an_array_of_the_last_step_holds_the_samples_that_have_it(run: Run) -> None:
    assert array(run("slice", "-u", 2, *LINEAR, "-t", -1, "-f", "npy", stdin=RAGGED)) == [[5, 6]]
    assert array(run("slice", "-u", 2, *LINEAR, "-t", 0, "-f", "npy", stdin=RAGGED)) == [[1, 2], [7, 8]]


def test_an_array_of_steps_that_all_samples_have_is_written(run: Run) -> None:
    first, second = (json.loads(line) for line in LONGER.splitlines())
    ran = run("slice", "-u", 2, *LINEAR, "-t", "1:2", "-f", "npy", stdin=LONGER)
    assert array(ran) == [[first[1]], [second[1]]]
    ran = run("slice", "-u", 2, *LINEAR, "-t", 0, "-t", 2, "-f", "npy", stdin=LONGER)
    assert array(ran) == [[first[0], first[2]], [second[0], second[2]]]
    ran = run("slice", "-u", 2, *LINEAR, "-b", "::-1", "-t", 0, "-f", "npy", stdin=LONGER)
    assert array(ran) == [second[0], first[0]]
    ran = run("slice", "-u", 2, *LINEAR, "-b", "::-1", "-f", "npz", stdin=RAGGED)
    assert ran.code == 2
    assert "an array needs samples of one shape" in ran.err


@pytest.mark.parametrize("option", ["--targets", "--mask"])
def test_more_targets_or_masks_than_a_stream_has_samples_are_an_error(
    option: str, run: Run, here: Path
) -> None:
    Path("more.json").write_text("[[0, 1], [1, 0], [1, 1]]")
    ran = run("predict", "-u", 2, option, "more.json", "-f", "csv", stdin=b"[[1,2],[3,4]]\n[[5,6],[7,8]]\n")
    message = f"{option[2:]}: expected one row for each of the 2 samples of standard input, found 3"
    assert (ran.err.splitlines()[-1], ran.code) == (f"Error: {message}", 2)


@pytest.mark.parametrize("format", ["table", "json", "jsonl", "csv", "npy", "npz", "markdown"])
def test_of_no_samples_no_steps_are_told_however_many_they_claim_to_have(
    format: str, run: Run, here: Path
) -> None:
    claim("x.npy", f"(0, {10**9}, 3)")
    for args in (["slice", "-u", 3], ["slice", "-u", 3, "-t", "5:"], ["slice"], ["predict", "-u", 3]):
        ran = run(*args, "x.npy", "-f", format)
        assert (ran.err, ran.code, len(ran.out) < 1000) == ("", 0, True)
    steps = run("slice", "x.npy", "-f", "json")
    assert json.loads(steps.out) == {"layer": None, "shape": [0, 10**9, 3], "steps": []}


def test_no_steps_of_many_samples_are_an_empty_list(run: Run, here: Path) -> None:
    claim("x.npy", f"({10**9}, 0, 3)")
    found = json.loads(run("predict", "x.npy", "-u", 2, "-l", "dense", "-f", "json").out)
    assert (found["shape"], found["probabilities"], found["classes"]) == ([10**9, 0, 2], [], [])


@pytest.mark.parametrize("command", ["info", "check", "decode", "slice"])
def test_rows_too_wide_to_be_held_are_refused_unless_memory_allows_them(
    command: str, run: Run, here: Path
) -> None:
    claim("x.npy", f"(0, 5, {10**9})")
    ran = run(command, "x.npy")
    message = "x.npy: a row of 1000000000 numbers would take 64000000000 bytes (59.6 GiB), more than 4 GiB"
    assert (ran.err, ran.code) == (f"Error: {message}\nHint: --memory SIZE allows more\n", 2)
    if command in ("decode", "slice"):
        assert run(command, "x.npy", "--memory", "60G").code == 0


@pytest.mark.parametrize("extra", [[], ["--no-bias"]])
def test_units_of_one_feature_are_bounded_too(extra: list[str], run: Run, here: Path) -> None:
    Path("one.json").write_text("[[1], [2]]")
    for args in (["predict", "one.json"], ["init", "-i", 1]):
        ran = run(*args, "-u", 10**9, *extra)
        assert ran.code == 2
        assert ran.err.startswith(
            "Error: --units 1000000000: a row of as many classes would take 64000000000 "
        )


def test_glu_has_a_class_for_two_units(run: Run) -> None:
    # a · sigmoid(b) of [1, 2, 0, 0]: sigmoid(0) is a half.
    args = ["predict", "-u", 4, "--kernel-initializer", "identity", "-a", "glu"]
    assert run(*args, "-f", "csv", stdin=b"[1,2,0,0]\n").out == b"sample,class,p0,p1\n0,1,0.5,1.0\n"
    assert array(run(*args, "-f", "npy", stdin=b"[1,2,0,0]\n")) == [[0.5, 1.0]]
    found = json.loads(run(*args, "-f", "json", stdin=b"[1,2,0,0]\n").out)
    assert (found["shape"], found["layer"]["units"]) == ([1, 2], 4)
    ran = run(*args, "--show", "logits", stdin=b"[1,2,0,0]\n")
    assert (ran.err, ran.code) == ("Error: --show logits: glu has not a class for each logit\n", 2)


def test_a_mask_value_is_of_the_layers_dtype(run: Run) -> None:
    # 0.1 is another number in float16 than in float32; Keras compares in the layer's.
    for dtype in ("float16", "float32", "float64"):
        args = ["predict", "-u", 2, "--mask-value", 0.1, "--dtype", dtype, "-f", "csv", "--show", "classes"]
        ran = run(*args, stdin=b"[[[0.1,0.1],[1,2]]]")
        assert [line.split(b",")[3] for line in ran.out.splitlines()[1:]] == [b"0", b"1"]


def test_finished_outputs_have_no_logits(run: Run) -> None:
    ran = run("slice", "--show", "logits", stdin=b"[[[0.5, 0.5]]]")
    assert ran.code == 2
    assert "--show logits is about a layer: INPUT holds finished outputs" in ran.err


def test_steps_of_logits_are_read_back(run: Run, here: Path) -> None:
    run("slice", "-u", 2, *LINEAR, "--show", "logits", "-o", "l.json", stdin=b"[[[1,2],[3,4]],[[5,6],[7,8]]]")
    found = json.loads(run("compare", "l.json", "l.json", "--logits", "-f", "json").out)
    assert (found["a"]["shape"], found["within"]) == ([2, 2, 2], True)


def test_classes_with_null_are_compared(run: Run, here: Path) -> None:
    for name in ("a.json", "b.json"):
        run("predict", "-u", 2, *LINEAR, "-o", name, stdin=b"1,nan\n3,4\n")
    found = json.loads(run("compare", "a.json", "b.json", "--classes", "-f", "json").out)
    assert (found["rows"], found["flips"]) == (2, 0)


def test_printed_outputs_of_no_samples_are_named_as_such(run: Run, here: Path) -> None:
    claim("x.npy", "(0, 3)")
    assert run("predict", "x.npy", "-u", 2, "-o", "y.json").code == 0
    ran = run("info", "y.json")
    assert (ran.err, ran.code) == ("Error: y.json[probabilities]: no samples: the list is empty\n", 2)
