"""``densecli heads``: what a file holds, as a table and as JSON."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
import termios

import numpy as np
import pytest
from helpers import WEIGHTS


@pytest.fixture
def copy(here):
    """Copy a weights file into the current folder, so that its name is short."""
    return lambda name: shutil.copy(WEIGHTS / name, here / name).name


def test_a_table_has_a_row_for_each_head_and_marks_the_output(run, copy):
    table = """\
c_nested.keras: 4 heads
head     layer  kernel  dtype    bias  activation  parameters          path
────────────────────────────────────────────────────────────────────────────────────────────────────────────
dense_2  Dense  (6, 8)  float32  yes   relu                56          layers/sequential/layers/dense/vars
proj     Dense  (8, 5)  float32  no    linear              40          layers/sequential/layers/dense_1/vars
mid      Dense  (5, 7)  float32  yes   tanh                42          layers/dense/vars
head     Dense  (7, 4)  float32  yes   softmax             32  output  layers/dense_1/vars
"""
    assert run("heads", copy("c_nested.keras")) == (table.encode(), "", 0)


def test_json_has_everything_a_table_has(run, copy):
    ran = run("heads", copy("digits.keras"), "-f", "json")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == {
        "file": "digits.keras",
        "heads": [
            {
                "name": "per_row",
                "path": "layers/time_distributed/layer/vars",
                "kernel_shape": [48, 10],
                "dtype": "float32",
                "use_bias": True,
                "activation": "softmax",
                "time_distributed": True,
                "transposed": False,
                "parameters": 490,
                "output": True,
                "embedding": False,
                "refusal": None,
            }
        ],
        "unowned_biases": [],
    }


def test_a_file_without_a_config_says_no_activation_and_how_pytorch_stores_a_kernel(run, copy):
    table = """\
digits__head_torchlayout.safetensors: 1 head
head  layer  kernel                      dtype    bias  activation  parameters    path
──────────────────────────────────────────────────────────────────────────────────────
fc    Dense  (48, 10) stored transposed  float32  yes   ?                  490    fc
"""
    assert run("heads", copy("digits__head_torchlayout.safetensors")) == (table.encode(), "", 0)


def test_a_head_that_is_refused_says_why(run, copy):
    table = """\
made_qint8.keras: 2 heads
head  layer  kernel  dtype  bias  activation  parameters           path
──────────────────────────────────────────────────────────────────────────────────────
h     Dense  (4, 6)  int8   yes   linear              30  refused  layers/dense/vars
o     Dense  (6, 3)  int8   yes   softmax             21  refused  layers/dense_1/vars
refused: h, o: quantised layer (int8): expected floating-point weights
"""
    assert run("heads", copy("made_qint8.keras")) == (table.encode(), "", 0)
    found = json.loads(run("heads", "made_qint8.keras", "-f", "json").out)["heads"]
    assert [head["refusal"] for head in found] == [
        "quantised layer (int8): expected floating-point weights"
    ] * 2


def test_an_embedding_table_is_marked_and_large_counts_are_grouped(run, here):
    np.savez(here / "lm.npz", **{"tok_emb.weight": np.zeros((300, 40)), "lm_head.weight": np.ones((7, 40))})
    table = """\
lm.npz: 2 heads
head     layer  kernel                       dtype    bias  activation  parameters             path
──────────────────────────────────────────────────────────────────────────────────────────────────────
tok_emb  Dense  (40, 300) stored transposed  float64  no    ?               12,000  embedding  tok_emb
lm_head  Dense  (40, 7) stored transposed    float64  no    ?                  280             lm_head
"""
    assert run("heads", "lm.npz") == (table.encode(), "", 0)


def test_what_a_file_says_is_printed_as_text_with_wide_characters_aligned(run, here):
    np.savez(here / "w.npz", **{"[red]a\x1b[31m/kernel": np.zeros((2, 3)), "一二/kernel": np.zeros((2, 4))})
    table = """\
w.npz: 2 heads
head            layer  kernel  dtype    bias  activation  parameters    path
──────────────────────────────────────────────────────────────────────────────────────
[red]a\\x1b[31m  Dense  (2, 3)  float64  no    ?                    6    [red]a\\x1b[31m
一二            Dense  (2, 4)  float64  no    ?                    8    一二
"""
    assert run("heads", "w.npz") == (table.encode(), "", 0)
    found = json.loads(run("heads", "w.npz", "-f", "json").out)["heads"]
    assert [head["name"] for head in found] == ["[red]a\x1b[31m", "一二"]


def test_output_goes_to_a_file_whole_or_not_at_all(run, copy, here):
    copy("iris.json")
    assert run("heads", "iris.json", "-f", "json", "-o", "heads.json") == (b"", "", 0)
    [head] = json.loads((here / "heads.json").read_bytes())["heads"]
    assert (head["name"], head["kernel_shape"], head["parameters"]) == ("head", [6, 3], 21)
    assert run("heads", "none.json", "-f", "json", "-o", "heads.json").code == 2
    assert json.loads((here / "heads.json").read_bytes())["heads"] == [head]


def on_terminal(columns: int, *args: str) -> str:
    """Run densecli on a terminal of so many columns and return what it shows, without styles."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, columns))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-m", "dense_cli", *args],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment | {"TERM": "xterm", "NO_COLOR": "1"},
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 1 << 16):
            shown += piece
    except OSError:  # how Linux says that nobody has the other end open any more
        pass
    os.close(ours)
    assert process.wait() == 0
    return re.sub(r"\x1b\[\d*m| +$", "", shown.decode().replace("\r\n", "\n"), flags=re.MULTILINE)


def test_a_narrow_terminal_shows_the_columns_that_fit_and_says_which_do_not(copy):
    file = copy("digits.keras")
    table = """\
digits.keras: 1 head
head     layer                   kernel    dtype    bias  activation
────────────────────────────────────────────────────────────────────────────
per_row  TimeDistributed(Dense)  (48, 10)  float32  yes   softmax     output
… path, parameters: no room on this terminal, -f json has all
"""
    assert on_terminal(80, "heads", file) == table
    table = """\
digits.keras: 1 head
head     kernel    bias  activation
───────────────────────────────────────────
per_row  (48, 10)  yes   softmax     output
… path, parameters, dtype, layer: no room on this
terminal, -f json has all
"""
    assert on_terminal(50, "heads", file) == table


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory"),
        (b"", "empty file: expected weights, found 0 bytes"),
        (b"PK\x03\x04", "not a readable zip archive (cut short or damaged?): File is not a zip file"),
        (b"\x93NUMPY", "damaged or renamed: the suffix says npz, the first bytes say an NPY array"),
    ],
)
def test_a_file_that_holds_no_heads_is_told_so_in_one_line(run, here, content, message):
    if content is not None:
        (here / "w.npz").write_bytes(content)
    assert run("heads", "w.npz") == (b"", f"Error: w.npz: {message}\n", 2)


def test_arrays_that_are_no_kernels_are_named(run, here):
    np.savez(here / "x.npz", x=np.zeros((2, 3)), y=np.zeros(2))
    message = "no kernel: expected kernel and bias, or weight and bias, found x, y"
    assert run("heads", "x.npz") == (b"", f"Error: x.npz: {message}\n", 2)


def test_a_matrix_with_the_name_of_a_layer_is_one_where_nothing_else_is(run, here):
    kernel = np.arange(12.0).reshape(4, 3) / 10
    scale = {"conv/scale/weights": np.ones(3), "conv/scale/biases": np.zeros(3)}
    np.savez(
        here / "w.npz",
        fc=kernel,
        **scale,
        **{"conv/filters": np.ones((1, 1, 2, 3)), "conv/bias": np.zeros(3)},
    )
    text = run("heads", "w.npz").text
    assert "fc    Dense  (4, 3)" in text
    assert "biases that belong to no head" not in text
    np.save(here / "x.npy", np.eye(4))
    asked = ["predict", "x.npy", "-w", "w.npz", "-a", "linear", "-f", "npy"]
    assert "fc has shape (4, 3), and its name does not say whether that is" in run(*asked).err
    (here / "y.npy").write_bytes(run(*asked, "--no-transpose").out)
    np.testing.assert_allclose(np.load(here / "y.npy"), kernel, rtol=1e-6)


def test_filters_are_said_to_be_those_of_convolutions(run, here):
    np.savez(here / "w.npz", **{"conv0/filters": np.ones((3, 3, 2, 3)), "conv0/bias": np.zeros(3)})
    assert "w.npz: convolutions alone, no Dense layer: " in run("heads", "w.npz").err
