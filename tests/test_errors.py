"""Every ordinary mistake: the whole message, and the exit code 2."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import orjson
import pytest
from conftest import Run

from dense_cli import errors
from dense_cli.pipeline import HOLDS

RANK = "expected rank 3 or more (batch, time, …, features), found"
INDEX = "is not a valid index or slice: expected for example 3, -1, 1:3 or ::2"


@pytest.fixture
def files(here: Path) -> Path:
    """Return a folder with the inputs that the mistakes are made with."""
    Path("batch.json").write_text("[[1, 6, 8], [8, 9, 10]]")
    Path("steps.json").write_text("[[[1, 6], [8, 2], [1, 2]], [[8, 9], [10, 8], [1, 0]]]")
    Path("outputs.json").write_text("[[[0.1, 0.5, 0.4], [0.8, 0.1, 0.1]]]")
    Path("negative.json").write_text("[[[0.5, 0.5], [1.5, -0.5]]]")
    Path("text.json").write_text("hello")
    Path("ragged.json").write_text("[[1, 2], [3]]")
    Path("ragged.jsonl").write_text("[[1, 2], [3, 4]]\n[[5, 6]]\n")
    Path("two.json").write_text('{"a": [[1, 2]], "b": [[3, 4]]}')
    Path("one_label.txt").write_text("cat\n")
    Path("one.json").write_text("[1]")
    Path("far.json").write_text("[2, 4]")
    Path("half.json").write_text("[1, 1.5]")
    Path("marks.json").write_text("[[1, 0, 2], [1, 1, 1]]")
    np.savez("four.npz", kernel=np.ones((4, 2), "f4"), bias=np.zeros(2, "f4"))
    np.savez("nan.npz", kernel=np.full((3, 2), np.nan, "f4"))
    np.save("none.npy", np.ones((2, 0)))
    np.save("number.npy", np.float64(1))
    np.save("words.npy", np.array([["a"]]))
    np.save("large.npy", np.array([[1, 2, 3], [1, 1e300, 2.0]]))
    np.save("steps.npy", np.ones((2, 3, 2)))
    return here


def says(text: str) -> str:
    """Return what orjson says is wrong with a text: its releases have different words."""
    with pytest.raises(orjson.JSONDecodeError) as caught:
        orjson.loads(text)
    return caught.value.msg


@pytest.mark.parametrize(
    ("line", "message"),
    [
        # the input
        ("predict absent.json -u 2", "absent.json: No such file or directory"),
        (
            "predict text.json -u 2",
            f"text.json: not JSON: {says('hello')}, line 1 column 1",
        ),
        (
            "predict ragged.json -u 2",
            "ragged.json: ragged: [1] has length 1, [0] has length 2: all rows must have the same length",
        ),
        ("predict number.npy -u 2", "number.npy: expected rank 1 or more, found a single number (shape ())"),
        (
            "predict none.npy -u 2",
            "none.npy: expected features on the last axis, found none (shape (2, 0))",
        ),
        ("predict words.npy -u 2", "words.npy: strings (dtype <U1): expected real numbers"),
        (
            "predict large.npy -u 2 -f csv -o y.csv",
            "large.npy: 1e+300 does not fit float32, at [1, 1]\nHint: compute with --dtype float64",
        ),
        (
            "predict two.json -u 2",
            "two.json: expected one array, found 'a', 'b'\nHint: choose one with --key a",
        ),
        ("predict two.json -u 2 --key c", "two.json: no array 'c': found 'a', 'b'"),
        (
            "predict batch.json -u 2 -l time-distributed",
            "batch.json: TimeDistributed expects rank 3 or more (batch, time, …, features), found rank 2",
        ),
        ("predict batch.json -u 2 -b 2", "batch.json: sample 2 is out of range: there are 2 (0 to 1)"),
        ("predict batch.json -u 2 -b -3", "batch.json: sample -3 is out of range: there are 2 (0 to 1)"),
        (
            "predict ragged.jsonl -u 2 -f npy -o y.npy",
            "ragged.jsonl: an array needs samples of one shape: sample 1 (line 2, blank lines not counted) "
            "has 1 time step, sample 0 has 2 time steps\n"
            "Hint: JSON Lines (-f jsonl), JSON, CSV and Parquet take samples of any length",
        ),
        # finished outputs and time steps
        (
            "slice batch.json -u 3",
            f"batch.json: {RANK} shape (2, 3)\n"
            "Hint: a (batch, features) array has no time steps: use densecli predict",
        ),
        ("slice outputs.json -t 2", "outputs.json: time step 2 is out of range: there are 2 (0 to 1)"),
        ("slice outputs.json -t -3", "outputs.json: time step -3 is out of range: there are 2 (0 to 1)"),
        ("slice outputs.json -t 2:", "outputs.json: no time step is left of 2"),
        (
            "slice steps.json -f csv -o y.csv",
            "steps.json: not distributions: expected rows of the last axis that sum to 1, "
            "found a sum of 7 at [0][0]\n"
            f"Hint: {HOLDS}",
        ),
        (
            "slice negative.json -f csv -o y.csv",
            "negative.json: not distributions: expected rows of the last axis that sum to 1, "
            "found a negative value -0.5 at [0][1]\n"
            f"Hint: {HOLDS}",
        ),
        # the layer
        (
            "predict batch.json -u 2 -a sofmax",
            "unknown activation 'sofmax'; did you mean 'softmax' or 'log_softmax'?",
        ),
        (
            "predict batch.json -u 2 --kernel-initializer glorot",
            "unknown initializer 'glorot'; did you mean 'glorot_normal' or 'glorot_uniform'?",
        ),
        (
            "predict batch.json -u 2 --bias-initializer 'RandomNormal(std=1)'",
            "RandomNormal: got an unexpected keyword argument 'std'; it takes mean, stddev, seed, rng",
        ),
        (
            "predict batch.json -u 1000000000",
            "--units 1000000000: the kernel (3, 1000000000) would take 12000000000 bytes (11.2 GiB), "
            "more than 4 GiB\nHint: --memory SIZE allows more",
        ),
        ("predict batch.json -w absent.npz", "absent.npz: No such file or directory"),
        (
            "predict batch.json -w four.npz",
            "four.npz: kernel: the kernel expects 4 features, the input has 3 (kernel shape (4, 2))",
        ),
        # the view
        ("predict batch.json -u 2 -k 3", "--top-k 3: there are only 2 classes"),
        ("predict batch.json -u 2 --labels absent.txt", "absent.txt: No such file or directory"),
        (
            "predict batch.json -u 2 --labels one_label.txt",
            "one_label.txt: expected 2, one for each class, found 1 labels",
        ),
        # masks
        (
            "predict batch.json -u 2 --lengths one.json",
            "batch.json: a mask needs (batch, time, …, features), found rank 2",
        ),
        ("predict steps.json -u 2 --lengths far.json", "lengths: expected 0 to 3 time steps, found 4 at [1]"),
        (
            "predict steps.json -u 2 --lengths half.json",
            "half.json: expected whole numbers of time steps, found 1.5 at [1]",
        ),
        (
            "predict steps.json -u 2 --mask marks.json",
            "marks.json: expected true and false, or 1 and 0, found 2",
        ),
        # the output
        ("predict batch.json -u 2 -o absent/y.npy", "absent/y.npy: the output folder does not exist"),
        ("predict batch.json -u 2 -o .", ".: Is a directory"),
        ("init -i 2 -u 2 -o absent/y.npz", "absent/y.npz: the output folder does not exist"),
    ],
)
def test_a_mistake_is_told_in_one_line(line: str, message: str, files: Path, run: Run) -> None:
    before = sorted(files.iterdir())
    ran = run(*shlex.split(line))
    assert (ran.err, ran.code) == (f"Error: {message}\n", 2)
    assert ran.out == b""
    assert sorted(files.iterdir()) == before


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "predict batch.json -u 2 --logits",
            "expected one of --units or --weights, --model, --logits and --scores: what INPUT holds",
        ),
        ("predict batch.json -s 3", "--seed is about a layer: INPUT holds finished outputs"),
        ("predict batch.json --logits --no-bias", "--no-bias is about a layer: INPUT holds logits"),
        ("slice batch.json -l dense", "--layer is about a layer: INPUT holds finished outputs"),
        (
            "predict batch.json --scores --measure entropy",
            "--scores: each class is scored by itself, and what is asked for is of distributions",
        ),
        (
            "predict batch.json -u 0",
            "Invalid value for '-u' / '--units': 0 is not in the range 1<=x<=9223372036854775807.",
        ),
        ("predict batch.json -u x", "Invalid value for '-u' / '--units': 'x' is not a valid integer range."),
        (
            "predict batch.json -u 2 -s -1",
            "Invalid value for '-s' / '--seed': -1 is not in the range 0<=x<=4294967295.",
        ),
        (
            "predict batch.json -u 2 -s 4294967296",
            "Invalid value for '-s' / '--seed': 4294967296 is not in the range 0<=x<=4294967295.",
        ),
        (
            "predict batch.json -u 2 -f xml",
            "Invalid value for '-f' / '--format': 'xml' is not one of "
            "'table', 'json', 'jsonl', 'csv', 'tsv', 'npy', 'npz', 'safetensors', 'parquet', 'zarr', "
            "'markdown'.",
        ),
        (
            "predict batch.json -u 2 --dtype bfloat16",
            "Invalid value for '--dtype': 'bfloat16' is not one of 'float16', 'float32', 'float64'.",
        ),
        ("predict batch.json -u 2 -b x", f"Invalid value for '-b' / '--batch': 'x' {INDEX}"),
        ("predict batch.json -u 2 -b 1:2:0", f"Invalid value for '-b' / '--batch': '1:2:0' {INDEX}"),
        ("slice steps.json -t 1:x", f"Invalid value for '-t' / '--time': '1:x' {INDEX}"),
        (
            "predict batch.json -u 2 --memory 1x",
            "Invalid value for '--memory': '1x' is not a valid size: expected for example 64MiB or 2GiB",
        ),
        ("predict batch.json -u 2 --head x", "--head is about a weights file: it needs --weights FILE"),
        (
            "predict batch.json -w four.npz -s 1",
            "--seed is about a seeded layer: --weights brings its own numbers",
        ),
        (
            "predict batch.json -u 2 -s 1 --global-seed 2",
            "--seed and --global-seed are two meanings of a seed: expected one of them",
        ),
        (
            "predict steps.json -u 2 --lengths one.json --mask-value 0",
            "expected one of --lengths, --mask and --mask-value",
        ),
        ("init -u 2", "Missing option '-i' / '--input-size'."),
        ("init -i 2", "--units N is needed"),
        (
            "init -i 2 -u 2 -f csv",
            "Invalid value for '-f' / '--format': 'csv' is not one of 'table', 'json', 'npz'.",
        ),
    ],
)
def test_wrong_usage_is_told_as_click_tells_it(line: str, message: str, files: Path, run: Run) -> None:
    before = sorted(files.iterdir())
    ran = run(*shlex.split(line))
    command = line.split()[0]
    usage = f"Usage: densecli {command} [OPTIONS]{'' if command == 'init' else ' [INPUT]...'}\n"
    assert ran.err == f"{usage}Try 'densecli {command} --help' for help.\n\nError: {message}\n"
    assert (ran.out, ran.code) == (b"", 2)
    assert sorted(files.iterdir()) == before


def test_an_unknown_command_is_wrong_usage(run: Run) -> None:
    ran = run("pedict")
    assert ran.code == 2
    assert "Error: No such command 'pedict': did you mean 'predict'?" in ran.err


def test_text_from_a_file_is_shown_escaped(here: Path, run: Run) -> None:
    name = "a\x1b[31m\u202eb.json"
    Path(name).write_text('[["\x9b31m"]]')
    ran = run("predict", name, "-u", 2)
    assert ran.err == (
        "Error: a\\x1b[31m\\u202eb.json: expected a number, found a string '\\x9b31m' at [0][0]\n"
    )


def test_every_error_is_a_value_error_with_a_hint_or_none() -> None:
    error = errors.ShapeError("x", hint="y")
    assert isinstance(error, ValueError)
    assert (str(error), error.hint, errors.DtypeError("x").hint) == ("x", "y", None)
    missing = errors.MissingExtraError("reading HDF5", "keras")
    assert str(missing) == "reading HDF5 needs an optional library that is not installed"
    assert missing.hint == "pip install 'densecli[keras]'"
    assert isinstance(errors.SeedError("x"), (errors.ConfigError, OverflowError))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sofmax", "did you mean 'softmax'?"),
        ("REL", "did you mean 'relu'?"),
        ("zzz", "known are relu, softmax"),
    ],
)
def test_a_near_name_is_offered_and_else_all(name: str, expected: str) -> None:
    assert errors.nearest(name, ["relu", "softmax"]) == expected


def test_of_thousands_of_names_fifty_are_listed() -> None:
    names = [f"v{i}" for i in range(3000)]
    assert errors.nearest("zzz", names) == f"known are {', '.join(names[:50])} and 2950 more"
