"""``densecli predict`` through the command line: views, tables, streams and what was used."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLES, Run

from dense_cli import Dense, TimeDistributed, initializers

IDENTITY = ("--kernel-initializer", "identity", "-a", "linear", "--no-bias")


@pytest.mark.parametrize("name", ["batch.json", "steps.json"])
def test_the_samples_give_what_the_library_gives(name: str, run: Run) -> None:
    x = np.array(json.loads((SAMPLES / name).read_text()), np.float32)
    dense = Dense(4, activation="softmax", kernel_initializer=initializers.GlorotUniform(seed=6000))
    y = dense(x) if x.ndim == 2 else TimeDistributed(dense)(x)
    found = json.loads(run("predict", SAMPLES / name, "-u", 4, "-s", 6000, "-f", "json").out)
    np.testing.assert_allclose(found["probabilities"], y, rtol=1e-5)
    assert found["classes"] == y.argmax(axis=-1).tolist()
    assert (found["input_shape"], found["shape"]) == (list(x.shape), list(y.shape))
    assert found["layer"]["name"] == ("Dense" if x.ndim == 2 else "TimeDistributed(Dense)")


def test_a_dense_layer_on_three_axes_gives_the_same_numbers(run: Run) -> None:
    args = ("predict", SAMPLES / "steps.json", "-u", 3, "-f", "npy")
    assert run(*args, "-l", "dense").out == run(*args, "-l", "time-distributed").out == run(*args).out


def test_a_seed_in_the_initializer_wins_over_seed(run: Run) -> None:
    args = ("predict", SAMPLES / "batch.json", "-u", 3, "-f", "npy", "--kernel-initializer")
    assert run(*args, "RandomNormal(seed=7)", "-s", 1).out == run(*args, "random_normal", "-s", 7).out
    assert run(*args, "random_normal", "-s", 1).out != run(*args, "random_normal", "-s", 7).out


def test_a_table_says_what_was_run_and_marks_nothing_in_a_pipe(here: Path, run: Run) -> None:
    Path("x.json").write_text("[[1, 2], [4, 3]]")
    lines = run("predict", "x.json", "-u", 2, "--kernel-initializer", "zeros").text.splitlines()
    assert lines[:7] == [
        "Dense(2, activation='softmax')  float32",
        "kernel (2, 2) Zeros() · bias (2,) Zeros() · rng tensorflow",
        "x = x.json (2, 2) → y (2, 2)",
        "sample  class       0       1",
        "─────────────────────────────",
        "     0      0  0.5000  0.5000",
        "     1      0  0.5000  0.5000",
    ]


def test_rows_that_are_left_out_are_counted(here: Path, run: Run) -> None:
    np.save("x.npy", np.ones((1000, 2)))
    args = ("predict", "x.npy", "-u", 2, "--kernel-initializer", "zeros")
    table = run(*args).text.splitlines()
    assert "… 980 more samples: --all" in table
    assert sum(line.endswith("0.5000  0.5000") for line in table) == 20
    assert (
        sum(line.endswith("0.5  0.5") for line in run(*args, "-n", 3, "--precision", 1).text.splitlines())
        == 3
    )
    everything = run(*args, "--all").text
    assert everything.count("0.5000  0.5000") == 1000
    assert "more sample" not in everything


def test_padding_of_one_sample_is_a_mask_of_one_row(here: Path, run: Run) -> None:
    Path("x.json").write_text("[[[1], [2]]]")
    Path("m.json").write_text("[[1, 0]]")
    ran = run("predict", "x.json", "-u", 1, *IDENTITY, "--mask", "m.json", "-f", "csv")
    assert ran == (b"sample,t,class,mask,p0\n0,0,0,1,1.0\n0,1,0,0,2.0\n", "", 0)


PRE = [[0, 0, 1, 2, 3], [0, 0, 0, 3, 2], [2, 1, 1, 3, 2]]  # keras.utils.pad_sequences of the sequences below
SEQUENCES = [[1, 2, 3], [3, 2], [2, 1, 1, 3, 2]]


@pytest.mark.parametrize("form", ["x.npy", "x.json", "x.jsonl", "-", "ragged.jsonl"])
@pytest.mark.parametrize(
    "view",
    [
        ["predict", "-f", "json"],
        ["predict", "-f", "json", "-b", "1:"],
        ["slice", "-t", "-1", "-f", "json"],
        ["slice", "-t", "1", "-f", "json"],
        ["slice", "-f", "csv"],
    ],
)
def test_lengths_with_padding_before_the_steps_are_the_mask_of_these(
    here: Path, run: Run, form: str, view: list[str]
) -> None:
    one_hot = np.eye(4)
    samples = [one_hot[ids] for ids in PRE]
    if form == "ragged.jsonl":
        samples[1] = samples[1][1:]  # its padding is shorter
    text = "\n".join(json.dumps(sample.tolist()) for sample in samples)
    if form == "x.npy":
        np.save("x.npy", samples)
    elif form != "-":
        (here / form).write_text(f"[{text}]".replace("\n", ",") if form == "x.json" else text)
    np.save("lengths.npy", [len(s) for s in SEQUENCES])
    steps = [(len(sample) - len(s), len(sample)) for sample, s in zip(samples, SEQUENCES, strict=True)]
    mask = [[first <= t < stop for t in range(5)] for first, stop in steps]
    (here / "mask.json").write_text(json.dumps(mask))
    command, *options = view
    args = (command, form, "-u", 4, *IDENTITY, *options)
    stdin = text.encode() if form == "-" else b""
    padded = run(*args, "--lengths", "lengths.npy", "--padding", "pre", stdin=stdin)
    masked = run(*args, "--mask", "mask.json", stdin=stdin)
    assert (padded.code, padded.out, padded.err) == (masked.code, masked.out, masked.err)
    assert padded.code == 0
    if view[:3] == ["predict", "-f", "json"] and form != "ragged.jsonl":
        found = json.loads(padded.out)
        expected = np.array(PRE)[1:] if "-b" in view else np.array(PRE)
        assert (np.array(found["mask"]) == (expected != 0)).all()


def test_padding_before_steps_needs_lengths_and_all_steps(here: Path, run: Run) -> None:
    np.save("x.npy", np.ones((2, 5, 3)))
    ran = run("predict", "x.npy", "-u", 3, "--padding", "pre")
    assert ran.code == 2
    assert "--padding says where --lengths has the padding: it needs --lengths FILE" in ran.err
    run("slice", "x.npy", "-u", 3, "-t", "2:", "-f", "jsonl", "-o", "y.jsonl")
    (here / "n.json").write_text("[1, 2]")
    ran = run("slice", "y.jsonl", "--lengths", "n.json", "--padding", "pre")
    assert (ran.code, ran.out) == (2, b"")
    assert ran.err == (
        "Error: y.jsonl: --padding pre counts from the last time step: expected steps from 0 on, "
        "found some of more\n"
    )


def test_lengths_may_be_any_array_file(here: Path, run: Run) -> None:
    Path("x.json").write_text("[[[1], [2]], [[3], [4]]]")
    np.save("n.npy", np.array([2, 1], "u1"))
    np.savez("n.npz", np.array([[2.0], [1.0]]))
    Path("n.json").write_text("[2, 1]")
    Path("n.csv").write_text("2\n1\n")
    Path("n.jsonl").write_text("[2, 1]\n")
    args = ("predict", "x.json", "-u", 1, *IDENTITY, "-f", "csv", "--lengths")
    printed = {run(*args, f"n.{suffix}").out for suffix in ("npy", "npz", "json", "csv", "jsonl")}
    assert printed == {b"sample,t,class,mask,p0\n0,0,0,1,1.0\n0,1,0,1,2.0\n1,0,0,1,3.0\n1,1,0,0,4.0\n"}


def test_a_mask_value_beyond_the_dtype_marks_nothing(here: Path, run: Run) -> None:
    Path("x.json").write_text("[[[1], [2]]]")
    ran = run("predict", "x.json", "-u", 1, *IDENTITY, "--mask-value", "1e300", "-f", "csv")
    assert ran == (b"sample,t,class,mask,p0\n0,0,0,1,1.0\n0,1,0,1,2.0\n", "", 0)


def test_float64_really_computes_in_float64(here: Path, run: Run) -> None:
    Path("x.json").write_text("[[1e300, 1, 0.1]]")
    y = np.load(
        io.BytesIO(run("predict", "x.json", "-u", 3, *IDENTITY, "--dtype", "float64", "-f", "npy").out)
    )
    assert y.dtype == np.float64
    assert y.tolist() == [[1e300, 1.0, 0.1]]


def test_integers_and_booleans_are_cast(here: Path, run: Run) -> None:
    for x in (np.array([[1, 0]], "i8"), np.array([[1, 0]], ">u2"), np.array([[True, False]])):
        np.save("x.npy", x)
        assert (
            run("predict", "x.npy", "-u", 2, *IDENTITY, "-f", "csv").text
            == "sample,class,p0,p1\n0,0,1.0,0.0\n"
        )


def test_the_likeliest_of_the_likeliest_is_the_class(run: Run) -> None:
    found = json.loads(run("predict", SAMPLES / "steps.json", "-u", 5, "-k", 5, "-f", "json").out)
    whole = json.loads(run("predict", SAMPLES / "steps.json", "-u", 5, "-f", "json").out)
    assert "probabilities" not in found
    assert found["classes"] == whole["classes"]
    for sample, row in enumerate(found["top"]):
        for t, top in enumerate(row):
            values = whole["probabilities"][sample][t]
            assert top == [
                {"class": c, "probability": values[c]}
                for c in sorted(range(5), key=lambda c: (-values[c], c))
            ]
