"""``densecli init``: a seeded layer saved, and read back to the same numbers."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLES, Run

SEEDED = (
    "-u",
    4,
    "-s",
    6000,
    "--kernel-initializer",
    "RandomNormal(stddev=0.5)",
    "--bias-initializer",
    "uniform",
)


@pytest.mark.parametrize("suffix", ["npz", "json"])
@pytest.mark.parametrize("args", [[], ["--no-bias"], ["--rng", "jax"], ["-a", "relu"]])
def test_a_saved_layer_gives_the_numbers_of_its_seed(
    suffix: str, args: list[str], here: Path, run: Run
) -> None:
    file = f"head.{suffix}"
    assert run("init", "-i", 3, *SEEDED, *args, "-o", file) == (b"", "", 0)
    activation = args if args[:1] == ["-a"] else []
    saved = run("predict", SAMPLES / "batch.json", "-w", file, *activation, "-f", "npy")
    assert saved.code == 0
    assert saved.out == run("predict", SAMPLES / "batch.json", *SEEDED, *args, "-f", "npy").out


def test_an_npz_holds_kernel_and_bias_and_the_same_bytes_every_time(here: Path, run: Run) -> None:
    run("init", "-i", 3, "-u", 2, "--kernel-initializer", "ones", "-o", "a.npz")
    run("init", "-i", 3, "-u", 2, "--kernel-initializer", "ones", "-o", "b.npz")
    assert Path("a.npz").read_bytes() == Path("b.npz").read_bytes()
    with np.load("a.npz") as arrays:
        assert {name: (arrays[name].dtype, arrays[name].tolist()) for name in arrays.files} == {
            "kernel": (np.float32, [[1, 1]] * 3),
            "bias": (np.float32, [0, 0]),
        }
    with zipfile.ZipFile("a.npz") as archive:
        assert archive.testzip() is None


def test_json_holds_the_layer_and_its_numbers(run: Run) -> None:
    ran = run(
        "init", "-i", 1, "-u", 2, "--kernel-initializer", "Constant(0.1)", "--dtype", "float16", "-f", "json"
    )
    assert json.loads(ran.out) == {
        "layer": {
            "name": "Dense",
            "units": 2,
            "activation": "softmax",
            "use_bias": True,
            "dtype": "float16",
            "kernel_initializer": {"class_name": "Constant", "config": {"value": 0.1}},
            "bias_initializer": {"class_name": "Zeros", "config": {}},
            "rng": "tensorflow",
        },
        "kernel": [[0.1, 0.1]],
        "bias": [0, 0],
    }


def test_a_table_has_a_row_for_each_feature_and_one_for_the_bias(run: Run) -> None:
    ran = run("init", "-i", 2, "-u", 3, "--kernel-initializer", "identity", "--precision", 1)
    assert ran.text == (
        "Dense(3, activation='softmax')  float32\n"
        "kernel (2, 3) Identity(gain=1.0) · bias (3,) Zeros() · rng tensorflow\n"
        "feature    0    1    2\n"
        "──────────────────────\n"
        "      0  1.0  0.0  0.0\n"
        "      1  0.0  1.0  0.0\n"
        "   bias  0.0  0.0  0.0\n"
    )


@pytest.mark.parametrize(
    ("name", "start"), [("head", b"PK"), ("head.json", b'{"layer"'), ("head.txt", b"Dense(")]
)
def test_the_suffix_says_what_is_written_and_without_one_it_is_npz(
    here: Path, run: Run, name: str, start: bytes
) -> None:
    assert run("init", "-i", 2, "-u", 3, "-o", name).code == 0
    assert (here / name).read_bytes().startswith(start)


def test_a_suffix_that_init_cannot_write_is_refused(here: Path, run: Run) -> None:
    done = run("init", "-i", 2, "-u", 3, "-o", "head.safetensors")
    assert done.code == 2
    assert "Error: -o head.safetensors: init writes table, json, npz: choose with -f\n" in done.err
    assert list(here.iterdir()) == []
