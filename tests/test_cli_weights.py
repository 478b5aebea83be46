"""``densecli … -w FILE``: numbers of trained heads from every form of file, and what a wrong file is told."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import EXPORTS, INPUTS, MODEL_FILES, MODELS, WEIGHTS

DIGITS = ["digits.keras", "digits.weights.h5", "digits.h5", "digits__head.npz", "digits__head.safetensors"]
DIGITS += ["digits__head_torchlayout.safetensors"]


STATED = (".keras", ".onnx", "digits.h5", "k2_td.h5", "k2_seq.h5", "dense.h5", "seq2seq_td.h5", "nested.h5")


def assumed(file: str | Path) -> str:
    """What is said of a file that states no activation."""
    if str(file).endswith(STATED):
        return ""
    return f"Note: {file} states no activation: softmax is assumed, --activation says another\n"


def predict(run, *args) -> np.ndarray:
    ran = run(*args, "-f", "npy")
    note = "" if "-a" in args else assumed(args[args.index("-w") + 1])
    assert (ran.code, ran.err) == (0, note)
    return np.load(io.BytesIO(ran.out))


def case(name: str) -> np.ndarray:
    return np.load(INPUTS / f"{name}.npy")


# --- golden numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "file"), [*MODEL_FILES, *EXPORTS])
def test_a_probe_gives_what_keras_gave_unasked_and_with_the_head_named(run, model, file):
    probe, expected = WEIGHTS / f"{model}__probe.npy", np.load(WEIGHTS / f"{model}__expected.npy")
    found = json.loads(run("heads", WEIGHTS / file, "-f", "json").out)["heads"]
    [head] = [h for h in found if h["output"]] or found
    for named in ([], ["--head", head["name"]], ["--head", head["path"]]):
        got = predict(run, "predict", probe, "-w", WEIGHTS / file, *named)
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("model", "file"), MODEL_FILES)
def test_heads_lists_exactly_those_of_a_model(run, model, file):
    listed, output, _ = MODELS[model]
    ran = run("heads", WEIGHTS / file, "-f", "json")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert found["file"] == str(WEIGHTS / file)
    assert sorted((h["name"], tuple(h["kernel_shape"]), h["use_bias"]) for h in found["heads"]) == sorted(
        listed
    )
    assert [h["name"] for h in found["heads"] if h["output"]] == [output]


@pytest.mark.parametrize(("model", "file"), EXPORTS)
def test_heads_lists_the_one_head_of_an_export(run, model, file):
    listed, output, _ = MODELS[model]
    [shape] = [shape for name, shape, _ in listed if name == output]
    [head] = json.loads(run("heads", WEIGHTS / file, "-f", "json").out)["heads"]
    gemm = file.endswith(".onnx") and model != "b_seq2seq_td"  # of rank 3 torch makes a MatMul
    torch = "torchlayout" in file or file.endswith(".pt")
    assert (tuple(head["kernel_shape"]), head["use_bias"]) == (shape, True)
    assert head["transposed"] == (torch or gemm)


@pytest.mark.parametrize("file", DIGITS)
def test_every_form_of_the_digits_head_gives_keras_numbers(run, file):
    args = ["predict", INPUTS / "digits__input.npy", "-w", WEIGHTS / file]
    np.testing.assert_allclose(predict(run, *args), case("digits__expected"), rtol=0, atol=5e-6)
    wide = predict(run, *args, "--dtype", "float64")
    assert wide.dtype == np.float64
    np.testing.assert_allclose(wide, case("digits__expected_float64"), rtol=0, atol=1e-12)
    classes = predict(run, *args, "--show", "classes")
    np.testing.assert_array_equal(classes, case("digits__expected_classes"))


@pytest.mark.parametrize("file", DIGITS)
def test_each_row_of_a_digit_is_read_with_the_accuracy_it_should_have(run, file):
    args = ["slice", INPUTS / "digits__input.npy", "-w", WEIGHTS / file, "--show", "classes", "--time"]
    right = [(predict(run, *args, t) == case("digits__true_digits")).mean() for t in range(8)]
    assert " ".join(f"{accuracy:.2f}" for accuracy in right) == "0.17 0.30 0.45 0.62 0.67 0.80 0.81 0.78"


@pytest.mark.parametrize("file", ["iris.json", "iris.npz"])
def test_every_form_of_the_iris_head_gives_sklearns_numbers_in_float64(run, file):
    args = ["predict", WEIGHTS / "iris__probe.npy", "-w", WEIGHTS / file, "--dtype", "float64"]
    np.testing.assert_allclose(
        predict(run, *args), np.load(WEIGHTS / "iris__expected.npy"), rtol=0, atol=1e-12
    )
    classes = predict(run, *args, "--show", "classes")
    np.testing.assert_array_equal(classes, case("iris__expected_classes"))


@pytest.mark.parametrize("file", DIGITS)
def test_decode_reads_the_same_classes(run, file):
    ran = run("decode", INPUTS / "digits__input.npy", "-w", WEIGHTS / file, "--join", "")
    expected = "".join("".join(map(str, row)) + "\n" for row in case("digits__expected_classes").tolist())
    assert (ran.code, ran.err, ran.text) == (0, assumed(WEIGHTS / file), expected)


def test_an_activation_that_is_given_is_not_assumed(run):
    args = ["predict", WEIGHTS / "iris__probe.npy", "-w", WEIGHTS / "iris.npz", "-a", "softmax", "-f", "npy"]
    assert run(*args).err == ""


# --- what is said of a head -----------------------------------------------------------------------


def test_json_and_the_title_say_which_head_of_which_file_ran(run, here):
    (here / "w.npz").write_bytes((WEIGHTS / "digits__head.npz").read_bytes())
    np.save(here / "x.npy", case("digits__input")[:1, :1])
    layer = json.loads(run("predict", "x.npy", "-w", "w.npz", "-f", "json").out)["layer"]
    assert layer == {
        "name": "TimeDistributed(Dense)",
        "units": 10,
        "activation": "softmax",
        "use_bias": True,
        "dtype": "float32",
        "weights": {"file": "w.npz", "head": "head"},
    }
    title = run("predict", "x.npy", "-w", "w.npz").text.splitlines()[:3]
    assert title == [
        "TimeDistributed(Dense(10, activation='softmax'))  float32",
        "kernel (48, 10) · bias (10,) · from w.npz, head head",
        "x = x.npy (1, 1, 48) → y (1, 1, 10)",
    ]


def test_the_activation_is_the_models_unless_another_is_asked_for(run, here):
    np.savez(here / "x.npz", x=np.eye(6, dtype=np.float32)[:1])
    args = ["predict", "x.npz", "-w", WEIGHTS / "c_nested.keras", "--head", "dense_2", "-f", "json"]
    assert json.loads(run(*args).out)["layer"]["activation"] == "relu"
    assert json.loads(run(*args, "-a", "tanh").out)["layer"]["activation"] == "tanh"


def test_transpose_reads_a_kernel_the_other_way_round(run, here):
    kernel = np.array([[1.0, 2.0], [3.0, 4.0]])
    (here / "w.json").write_text(json.dumps({"kernel": kernel.tolist()}))
    (here / "x.json").write_text("[[1, 10]]")
    args = ["predict", "x.json", "-w", "w.json", "-a", "linear"]
    np.testing.assert_array_equal(predict(run, *args), [[31, 42]])
    np.testing.assert_array_equal(predict(run, *args, "--transpose"), [[21, 43]])
    (here / "w.json").write_text(json.dumps({"weight": kernel.tolist()}))
    np.testing.assert_array_equal(predict(run, *args), [[21, 43]])
    np.testing.assert_array_equal(predict(run, *args, "--no-transpose"), [[31, 42]])


# --- errors: one line, exit 2, nothing on standard output --------------------------------------------


@pytest.fixture
def files(here):
    """Small weights and inputs in the current folder."""
    kernel = np.arange(12.0).reshape(4, 3)
    nan = kernel.copy()
    nan[2, 1] = np.nan
    np.savez(here / "w.npz", kernel=kernel, bias=np.zeros(3))
    np.savez(here / "t.npz", kernel=kernel.T, bias=np.zeros(3))
    np.savez(here / "nan.npz", kernel=nan)
    np.savez(here / "bias.npz", kernel=kernel, bias=np.zeros(4))
    np.savez(here / "two.npz", **{"a/kernel": kernel, "b/kernel": kernel})
    (here / "cut.npz").write_bytes((here / "w.npz").read_bytes()[:-30])
    (here / "w.txt").write_text("kernel\n")
    (here / "folder").mkdir()
    for name in ("made_multi.keras", "made_qint8.keras", "b_seq2seq_td.keras"):
        (here / name).write_bytes((WEIGHTS / name).read_bytes())
    np.save(here / "x.npy", np.ones((2, 4)))
    return here


ERRORS = [
    (
        ["-w", "two.npz"],
        "two.npz: 2 heads, and none is named: expected one of a (4, 3), b (4, 3)",
        "name one with --head",
    ),
    (
        ["-w", "two.npz", "--head", "c"],
        "two.npz: no head named 'c': expected one of a (4, 3), b (4, 3)",
        None,
    ),
    (
        ["-w", "made_multi.keras"],
        "made_multi.keras: 2 heads, and none is named: expected one of cls (5, 3), reg (5, 2)",
        "name one with --head",
    ),
    (
        ["-w", "b_seq2seq_td.keras", "--head", "gru"],
        "b_seq2seq_td.keras: 'gru' is no Dense layer but a GRU: expected one of time_distributed (12, 15)",
        None,
    ),
    (
        ["-w", "made_qint8.keras"],
        "made_qint8.keras: head 'o': quantised layer (int8): expected floating-point weights",
        None,
    ),
    (
        ["-w", "w.npz", "-u", "5"],
        "w.npz: kernel: the kernel has 3 units, --units asks for 5 (kernel shape (4, 3))",
        None,
    ),
    (
        ["-w", "b_seq2seq_td.keras"],
        "b_seq2seq_td.keras: layers/time_distributed/layer/vars/0: the kernel expects 12 features, "
        "the input has 4 (kernel shape (12, 15))",
        None,
    ),
    (
        ["-w", "t.npz"],
        "t.npz: kernel: the kernel expects 3 features, the input has 4 (kernel shape (3, 4))",
        "read as (4, 3) (features, units) it fits: --transpose",
    ),
    (
        ["-w", "bias.npz"],
        "bias.npz: bias: bias of shape (4,), expected (3,) for a kernel of (4, 3)",
        None,
    ),
    (["-w", "nan.npz"], "nan.npz: kernel[2, 1]: expected a finite number, found nan", None),
    (
        ["-w", "w.txt"],
        "w.txt: expected weights as json, npz, keras, hdf5, safetensors, onnx, torch, found b'kernel\\n'",
        None,
    ),
    (["-w", "none.npz"], "none.npz: No such file or directory", None),
    (["-w", "folder"], "folder: Is a directory", None),
]


@pytest.mark.parametrize("command", ["predict", "decode"])
@pytest.mark.parametrize(("args", "message", "hint"), ERRORS, ids=[" ".join(args) for args, _, _ in ERRORS])
def test_a_head_that_cannot_run_is_told_why_in_one_line(run, files, command, args, message, hint):
    ran = run(command, "x.npy", *args)
    assert ran.err == f"Error: {message}\n" + (f"Hint: {hint}\n" if hint else "")
    assert (ran.code, ran.out) == (2, b"")


@pytest.mark.parametrize("command", [["heads"], ["predict", "x.npy", "-w"], ["decode", "x.npy", "-w"]])
def test_a_file_cut_short_is_told_so_in_one_line(run, files, command):
    ran = run(*command, "cut.npz")
    assert ran.err.startswith("Error: cut.npz: ")
    assert ran.err.count("\n") == 1
    assert (ran.code, ran.out) == (2, b"")


@pytest.mark.parametrize("option", [["--head", "a"], ["--transpose"], ["--no-transpose"]])
def test_options_about_a_weights_file_need_one(run, files, option):
    ran = run("predict", "x.npy", "-u", "3", *option)
    name = option[0].replace("no-", "").strip("-")
    assert ran.err.endswith(f"Error: --{name} is about a weights file: it needs --weights FILE\n")
    assert (ran.code, ran.out) == (2, b"")


@pytest.mark.parametrize(
    "option",
    [
        ["--seed", "1"],
        ["--rng", "jax"],
        ["--kernel-initializer", "zeros"],
        ["--bias-initializer", "ones"],
        ["--global-seed", "1"],
    ],
)
def test_options_about_a_seeded_layer_are_refused_beside_weights(run, files, option):
    ran = run("predict", "x.npy", "-w", "w.npz", *option)
    assert ran.err.endswith(f"Error: {option[0]} is about a seeded layer: --weights brings its own numbers\n")
    assert (ran.code, ran.out) == (2, b"")


def test_a_failed_run_leaves_no_file_and_an_older_one_as_it_was(run, files):
    (files / "old.npy").write_bytes(b"old")
    assert run("predict", "x.npy", "-w", "nan.npz", "-o", "old.npy").code == 2
    assert run("predict", "x.npy", "-w", "nan.npz", "-o", "new.npy").code == 2
    assert (files / "old.npy").read_bytes() == b"old"
    assert not (files / "new.npy").exists()


# --- extras that are not installed ------------------------------------------------------------------

READERS = {"h5py": "keras", "onnx": "onnx"}


@pytest.mark.parametrize("command", [["heads"], ["predict", "x.npy", "-w"], ["decode", "x.npy", "-w"]])
@pytest.mark.parametrize(
    ("library", "suffix", "what"),
    [
        ("h5py", ".keras", "model.weights.h5: reading HDF5"),
        ("h5py", ".weights.h5", "reading HDF5"),
        ("h5py", ".h5", "reading HDF5"),
        ("onnx", "__head.onnx", "reading ONNX"),
    ],
)
def test_a_missing_library_is_an_error_that_names_the_extra(
    run, here, monkeypatch, command, library, suffix, what
):
    monkeypatch.setitem(sys.modules, library, None)
    np.save(here / "x.npy", np.ones((2, 7)))
    file = f"m{suffix}"
    (here / file).write_bytes((WEIGHTS / f"c_nested{suffix}").read_bytes())
    ran = run(*command, file)
    assert ran.err == (
        f"Error: {file}: {what} needs an optional library that is not installed\n"
        f"Hint: pip install 'densecli[{READERS[library]}]'\n"
    )
    assert (ran.code, ran.out) == (2, b"")


@pytest.mark.parametrize("file", ["iris.npz", "iris.json"])
def test_npz_and_json_need_no_extra(run, monkeypatch, file):
    for library in READERS:
        monkeypatch.setitem(sys.modules, library, None)
    assert run("heads", WEIGHTS / file).code == 0
    assert predict(run, "predict", WEIGHTS / "iris__probe.npy", "-w", WEIGHTS / file).shape == (150, 3)


def test_names_without_end_are_cut_on_the_way_to_a_terminal(run, tmp_path):
    import json

    kernel = {"kernel": [[1, 2], [3, 4]], "bias": [0, 0]}
    (tmp_path / "w.json").write_text(json.dumps({"n" * 3_000_000: kernel}))
    (tmp_path / "x.json").write_text(json.dumps({"k" * 3_000_000: [[1, 2]]}))
    for args in (
        ["predict", tmp_path / "x.json", "-w", tmp_path / "w.json"],
        ["heads", tmp_path / "w.json"],
        ["info", tmp_path / "w.json"],
        ["info", tmp_path / "x.json"],
        ["check", tmp_path / "x.json"],
        ["compare", tmp_path / "x.json", tmp_path / "x.json", "--logits"],
    ):
        ran = run(*args)
        assert ran.code in (0, 1)
        assert len(ran.out) < 10_000


@pytest.mark.parametrize("spec", ["Constant(value=1e300)", "RandomNormal(stddev=1e300)"])
def test_a_seeded_kernel_that_does_not_fit_the_dtype_is_an_error(run, spec):
    ran = run("predict", "-u", 2, "--kernel-initializer", spec, stdin=b"[[1, 2]]")
    assert ran.code == 2
    assert "gives numbers that do not fit float32\nHint: --dtype float64 holds larger ones\n" in ran.err
    args = ["predict", "-u", 2, "--kernel-initializer", spec, "--dtype", "float64"]
    assert run(*args, stdin=b"[[0, 0]]").code == 0
