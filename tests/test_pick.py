"""-b, --batch: which samples, and in which order."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLES

from dense_cli.plan import Plan

ROWS = np.eye(6, dtype="f4")  # sample i has class i
MODEL = ["-m", SAMPLES / "translate.keras", "--input-labels", SAMPLES / "english.json", "--reverse"]


@pytest.fixture
def place(here: Path) -> Path:
    np.save(here / "y.npy", ROWS)
    (here / "y.jsonl").write_text("".join(json.dumps([row]) + "\n" for row in ROWS.tolist()))
    lines = [{"sample": n, "probabilities": ROWS[n].tolist()} for n in (5, 1, 3)]  # some of more
    (here / "some.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return here


def samples(run, *args: object, stdin: bytes = b"") -> list[int]:
    ran = run("predict", *args, "-f", "jsonl", stdin=stdin)
    assert (ran.err, ran.code) == ("", 0)
    records = [json.loads(line) for line in ran.text.splitlines()]
    assert [record["sample"] for record in records] == [record["class"] for record in records]
    return [record["sample"] for record in records]


@pytest.mark.parametrize(
    ("picks", "expected"),
    [
        (["4"], [4]),
        (["4", "0"], [4, 0]),
        (["0", "2", "5"], [0, 2, 5]),
        (["-1", "1:3"], [5, 1, 2]),
        (["4:", "1::-1", "2"], [4, 5, 1, 0, 2]),
        (["9:", "3"], [3]),
    ],
)
def test_several_samples_come_in_the_order_given_from_a_file_and_a_stream(
    picks, expected, run, place
) -> None:
    options = [f"-b{one}" for one in picks]
    assert samples(run, "y.npy", *options) == expected
    assert samples(run, "y.jsonl", *options) == expected
    for name in ("y.npy", "y.jsonl"):
        assert samples(run, "-", *options, stdin=(place / name).read_bytes()) == expected


def test_samples_that_state_their_numbers_are_picked_by_them(run, place) -> None:
    assert samples(run, "some.jsonl", "-b3", "-b5") == [3, 5]
    assert samples(run, "some.jsonl", "-b-1", "-b:4") == [5, 1, 3]
    ran = run("predict", "some.jsonl", "-b3", "-b2")
    assert (ran.code, ran.err) == (2, "Error: some.jsonl: sample 2 is out of range\n")


def test_lengths_mask_and_targets_stay_those_of_their_sample(run, place) -> None:
    (place / "true.json").write_text("[0, 1, 2, 3, 0, 0]")
    ran = run("predict", "y.npy", "-b5", "-b2", "--targets", "true.json", "-f", "csv")
    assert [line.split(",")[:3] for line in ran.text.splitlines()[1:]] == [["5", "5", "2"], ["2", "2", "1"]]
    (place / "y3.json").write_text(json.dumps(np.stack([ROWS, ROWS[::-1], ROWS]).tolist()))
    (place / "lengths.json").write_text("[1, 2, 3]")
    ran = run("slice", "y3.json", "-b2", "-b0", "-t1", "--lengths", "lengths.json", "-f", "jsonl")
    assert [json.loads(line)["mask"] for line in ran.text.splitlines()] == [True, False]


def test_what_is_named_twice_or_is_not_there_is_an_error(run, place) -> None:
    for args in (["y.npy"], ["-"]):
        name = "y.npy" if args == ["y.npy"] else "standard input"
        stdin = (place / "y.npy").read_bytes() if args == ["-"] else b""
        ran = run("predict", *args, "-b0", "-b:", stdin=stdin)
        assert (ran.code, ran.err) == (
            2,
            f"Error: {name}: --batch: expected each sample once, found sample 0 twice\n",
        )
        ran = run("predict", *args, "-b0", "-b6", stdin=stdin)
        assert (ran.code, ran.err) == (2, f"Error: {name}: sample 6 is out of range: there are 6 (0 to 5)\n")


def test_the_samples_of_a_model_are_picked_before_it_runs(run, here) -> None:
    sentences = SAMPLES / "sentences.txt"
    labels = ["--labels", SAMPLES / "french.json", "--eos", "eos"]
    lines = run("decode", sentences, *MODEL, *labels).text.splitlines()
    ran = run("decode", sentences, *MODEL, *labels, "-b4", "-b-1", "-b:2")
    assert ran.text.splitlines() == [lines[4], lines[-1], *lines[:2]]
    piped = run("decode", "-", *MODEL, *labels, "-b4", "-b:2", stdin=sentences.read_bytes())
    assert piped.text.splitlines() == [lines[4], *lines[:2]]


def test_a_plan_takes_several() -> None:
    found = list(Plan(ROWS, batch=(3, slice(0, 2))).run())
    assert [result.places[:, 0].tolist() for result in found] == [[3, 0, 1]]


def test_one_sample_flows_while_the_writer_still_writes(place) -> None:
    command = [sys.executable, "-m", "dense_cli", "predict", "-", "-b0", "-f", "jsonl"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(b"[1.0, 0.0]\n[0.0, 1.0]\n[0.5, 0.5]\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["sample"] == 0  # and nothing has closed the pipe
        process.stdin.close()
        assert process.wait() == 0
