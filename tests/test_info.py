"""What a file holds: every number against NumPy, what it looks like, and how it is drawn."""

from __future__ import annotations

import json
import math
import subprocess
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLES, Run
from hostile.process import start as start_process
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dense_cli.views.describe import Description
from dense_cli.views.histogram import Histogram

DATA = Path(__file__).parent / "data"


def described(x: np.ndarray, *cuts: int):
    """Describe an array of rank 2, in the blocks between the cuts."""
    description = Description(x.shape, x.dtype)
    for start, stop in zip([0, *cuts], [*cuts, len(x)], strict=True):
        description.add(x[start:stop], np.arange(start, stop)[:, None])
    return description.result()


def info(run: Run, *args: object, stdin: bytes = b"") -> dict:
    done = run("info", *args, "-f", "json", stdin=stdin)
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def test_the_numbers_are_numpys_and_places_are_the_first():
    x = np.random.default_rng(1).normal(3, 5, (200, 7))
    x[11, 2], x[40, 3], x[50, 6], x[60, 0], x[61, 0] = np.nan, np.nan, np.inf, -np.inf, -np.inf
    x[5, :3] = 0
    found = described(x, 3, 11, 150)
    finite = x[np.isfinite(x)]
    assert (found.size, found.zeros) == (1400, 3)
    assert (found.minimum, found.maximum) == (finite.min(), finite.max())
    assert found.minimum_at == tuple(np.argwhere(x == finite.min())[0])
    assert found.maximum_at == tuple(np.argwhere(x == finite.max())[0])
    assert found.mean == pytest.approx(finite.mean(), rel=1e-12)
    assert found.std == pytest.approx(finite.std(), rel=1e-12)
    assert (tuple(found.nan), tuple(found.plus_inf), tuple(found.minus_inf)) == (
        (2, (11, 2)),
        (1, (50, 6)),
        (2, (60, 0)),
    )


@given(
    hnp.arrays(
        np.float64, (20, 2), elements=st.floats(-1e300, 1e300) | st.floats(-2, 2) | st.integers(-9, 9)
    ),
    st.integers(0, 20),
)
def test_a_histogram_holds_every_number_once_in_16_bins_at_most_whatever_the_blocks(x, cut):
    whole, parts = Histogram(), Histogram()
    whole.add(x)
    for part in (x[cut:], x[:cut]):
        parts.add(part)
    bins = whole.bins()
    assert bins == parts.bins()
    assert 1 <= len(bins) <= 16
    assert sum(count for *_, count in bins) == x.size
    assert bins[0][0] <= x.min()
    assert bins[-1][1] >= x.max()
    assert all(a[1] == b[0] for a, b in pairwise(bins))
    for i, (low, high, count) in enumerate(bins):
        inside = (x >= low) & ((x <= high) if i == len(bins) - 1 else (x < high))
        assert count == np.count_nonzero(inside)


def test_whole_numbers_have_bins_of_whole_numbers():
    bars = Histogram()
    bars.add(np.array([0.0, 2.0, 2.0, 3.0]))
    assert bars.bins(integers=True) == [(0, 0, 1), (1, 1, 0), (2, 2, 2), (3, 3, 1)]


@given(st.floats(-1e300, 1e300))
def test_a_constant_is_one_bin(value):
    bars = Histogram()
    bars.add(np.full(5, value))
    ((low, high, count),) = bars.bins()
    assert (low <= value <= high, count) == (True, 5)


@pytest.mark.parametrize(
    ("x", "looks"),
    [
        (np.random.default_rng(0).dirichlet(np.ones(4), 9), "distributions along the last axis (4 classes)"),
        (
            np.random.default_rng(0).dirichlet(np.ones(9), 4).T,
            "distributions along axis 0, not along the last",
        ),
        (
            np.log(np.random.default_rng(0).dirichlet(np.ones(4), 9)),
            "log-probabilities along the last axis",
        ),
        (np.eye(5), "one-hot"),
        (np.array([[1, 0, 1], [1, 1, 0]]), "a mask"),
        (np.array([[3, 7, 0]]), "class ids"),
        (np.array([[-3, 7, 0]]), "integers"),
        (
            np.tanh(np.random.default_rng(0).normal(size=(9, 4))),
            "hidden states of a tanh, or scaled features",
        ),
        (np.maximum(np.random.default_rng(0).normal(0, 3, (9, 4)), 0), "hidden states of a relu"),
        (np.random.default_rng(0).normal(0, 3, (9, 4)), "logits or hidden states"),
        (np.full((2, 2), 0.7), "values from 0 to 1, not distributions"),
        (np.full((2, 2), 7.5), "features"),
        (np.full((2, 2), np.nan), "nothing"),
    ],
)
def test_an_array_looks_like_what_it_is(x, looks):
    assert described(x).looks == looks


def test_real_arrays_look_like_what_they_are(run: Run):
    for file, looks in [
        (DATA / "outputs/digits.npy", "distributions along the last axis (10 classes)"),
        (DATA / "outputs/iris.npy", "distributions along the last axis (3 classes)"),
        (DATA / "outputs/digits_true.npy", "class ids"),
        (SAMPLES / "digits.npy", "hidden states of a tanh, or scaled features"),
    ]:
        assert info(run, file)["arrays"][0]["looks_like"] == looks


def test_the_header_says_dtype_byte_order_and_layout(run: Run, here: Path):
    x = np.arange(6.0).reshape(2, 3)
    np.save("x.npy", np.asfortranarray(x.astype(">f4")))
    found = info(run, "x.npy")["arrays"][0]
    assert {
        name: found[name] for name in ("name", "shape", "dtype", "byte_order", "order", "file_bytes")
    } == {
        "name": "x.npy",
        "shape": [2, 3],
        "dtype": "float32",
        "byte_order": "big",
        "order": "Fortran",
        "file_bytes": 128 + 24,
    }
    assert found["max"] == {"value": 5.0, "at": [1, 2]}
    np.save("v.npy", np.array([1, -4, 2], np.int8))
    found = info(run, "v.npy")["arrays"][0]
    assert (found["shape"], found["byte_order"], found["min"]) == ([3], None, {"value": -4.0, "at": [1]})


def test_every_array_of_an_npz_is_described_and_one_can_be_picked(run: Run, here: Path):
    np.savez("two.npz", a=np.zeros((2, 2)), b=np.ones(3, np.int32))
    assert [array["name"] for array in info(run, "two.npz")["arrays"]] == ["two.npz[a]", "two.npz[b]"]
    (found,) = info(run, "two.npz", "--key", "b")["arrays"]
    assert (found["shape"], found["dtype"], found["mean"], found["std"]) == ([3], "int32", 1.0, 0.0)


def test_a_table_draws_the_histogram(run: Run, here: Path):
    np.save("x.npy", np.array([[0, 2, 2], [2, 2, 3]], np.int16))
    mean, std = 11 / 6, math.sqrt(25 / 6 - (11 / 6) ** 2)
    assert run("info", "x.npy").text == (
        "x.npy: shape (2, 3) · int16 · little-endian · C order · file of 140 bytes\n"
        "looks like class ids\n"
        "  whole numbers from 0 to 3\n"
        "\n"
        "numbers        6\n"
        "min            0  at [0, 0]\n"
        "max            3  at [1, 2]\n"
        f"mean     {mean:.5f}\n"
        f"std     {std:.6f}\n"
        "zeros          1\n"
        "NaN            0\n"
        "+Inf           0\n"
        "-Inf           0\n"
        "\n"
        "0      1  ██████████\n"
        "1      0\n"
        "2      4  ████████████████████████████████████████\n"
        "3      1  ██████████\n"
    )


@pytest.mark.parametrize("format", ["json", "jsonl", "csv", "npy"])
def test_a_pipe_of_any_format_has_its_shape(run: Run, format):
    written = run("predict", SAMPLES / "steps.json", "-u", 3, "-f", format)
    (found,) = info(run, "-", stdin=written.out)["arrays"]
    assert (found["shape"], found["size"]) == ([2, 3, 3], 18)
    assert found["looks_like"] == "distributions along the last axis (3 classes)"


def test_samples_of_differing_lengths_have_no_time_axis(run: Run):
    (found,) = info(run, "-", stdin=b"[[0.5, 1.5]]\n[[2, 3], [4, 5]]\n")["arrays"]
    assert (found["shape"], found["size"]) == ([2, None, 2], 6)


@pytest.mark.parametrize(
    "name", ["digits.keras", "digits__head.npz", "iris.json", "digits__head.safetensors"]
)
def test_a_weights_file_tells_its_heads_and_their_ranges(run: Run, name):
    found = info(run, DATA / "weights" / name)
    listed = json.loads(run("heads", DATA / "weights" / name, "-f", "json").out)
    (head,) = found["heads"]
    with np.load(DATA / "weights" / ("iris.npz" if "iris" in name else "digits__head.npz")) as arrays:
        kernel = arrays["kernel"]
    for key in ("min", "max"):
        assert head["kernel"][key]["value"] == float(getattr(kernel, key)())
    assert head["kernel"]["mean"] == pytest.approx(float(kernel.astype(float).mean()), rel=1e-9)
    assert head["kernel"]["size"] == kernel.size
    del head["kernel"], head["bias"], found["model"]
    assert found == listed


MODELS = DATA / "models"


def test_a_model_is_told_in_a_few_lines(run: Run, here: Path):
    for name in ("c_nested.keras", "c_nested.h5"):
        Path(name).write_bytes((DATA / "weights" / name).read_bytes())
    # Adam keeps two numbers for each parameter, beside its steps and its rate.
    lines = run("info", "c_nested.keras").text.splitlines()
    assert lines[:8] == [
        "c_nested.keras: model, Functional 'functional_4', saved by Keras 3.15.1, 2026-11-23@18:10:46",
        "  input      input_layer_2 (batch, 6) float32",
        "  output     head (batch, 4) float32",
        "  layers     4",
        "  parameters 170",
        "  optimizer  Adam, 342 numbers",
        "  runs       all of it",
        "",
    ]
    assert lines[8] == "c_nested.keras: 4 heads"
    model = info(run, "c_nested.h5")["model"]
    assert model == {
        "framework": "Keras",
        "version": "3.15.1",
        "class": "Functional",
        "name": "functional_4",
        "saved": None,
        "inputs": [{"name": "input_layer_2", "shape": [None, 6], "dtype": "float32"}],
        "outputs": [{"name": "head", "shape": [None, 4], "dtype": "float32"}],
        "layers": 4,
        "parameters": 170,
        "not_trained": 0,
        "optimizer": {"name": "adam", "size": 342},
        "refused": [],
        "refusal": None,
    }


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (
            "weights/k2_td.h5",
            {
                "version": "2.21.0",
                "inputs": [{"name": "input_1", "shape": [None, 4], "dtype": "int32"}],
                "optimizer": None,
            },
        ),
        ("weights/made_multi.keras", {"parameters": 65, "class": "Functional"}),
        (
            "models/inner_lambda.keras",
            {
                "outputs": [{"name": "out", "shape": None, "dtype": "float32"}],
                "refused": [{"layer": "encoder/twice", "reason": "it holds Python code, which is not run"}],
                "parameters": 151,
            },
        ),
        ("models/onnx/cnn.keras", {"not_trained": 8}),  # the moving statistics of 4 channels
        (
            "models/onnx/mlp.onnx",
            {
                "framework": "pytorch",
                "version": "2.13.0",
                "class": "ONNX opset 20",
                "name": "main_graph",
                "inputs": [{"name": "x", "shape": [None, 8], "dtype": "float32"}],
                "outputs": [{"name": "33", "shape": [None, 3], "dtype": "float32"}],
                "parameters": 8 * 6 + 6 + 6 * 6 + 6 * 3 + 3,  # both biases of zeros are one array
                "refusal": None,
            },
        ),
    ],
)
def test_what_can_be_run_of_a_model_is_told(run: Run, file: str, told: dict[str, object]):
    if file.endswith(".onnx"):
        pytest.importorskip("onnxruntime")
    model = info(run, DATA / file)["model"]
    assert {key: model[key] for key in told} == told


@pytest.mark.parametrize(
    ("file", "runs"),
    [
        ("models/inner_lambda.keras", "up to encoder/twice: it holds Python code, which is not run"),
        ("models/onnx/two.onnx", "ONNX Runtime, any of its values"),
    ],
)
def test_the_last_line_of_a_model_says_what_runs(run: Run, file: str, runs: str):
    if file.endswith(".onnx"):
        pytest.importorskip("onnxruntime")
    lines = run("info", DATA / file).text.splitlines()
    assert [line for line in lines if line.startswith("  runs")] == [f"  runs       {runs}"]


def test_a_model_that_cannot_be_built_or_has_no_head_is_told_all_the_same(run: Run, here: Path):
    pytest.importorskip("h5py")
    from dense_cli.layers import GRU, Input
    from dense_cli.models import Model

    i = Input((3, 2), name="x")
    Model(i, GRU(2, name="gru")(i), name="m").save("m.keras")
    found = info(run, "m.keras")
    assert (found["heads"], found["model"]["parameters"]) == ([], 36)
    with zipfile.ZipFile("m.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = members["config.json"].replace(b'"gru", 0, 0', b'"gone", 0, 0')
    with zipfile.ZipFile("bad.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    model = info(run, "bad.keras")["model"]
    assert (model["framework"], model["layers"]) == ("Keras", None)
    assert "gone" in model["refusal"]
    assert "  runs       no: " in run("info", "bad.keras").text


def test_what_a_model_gives_is_described(run: Run, here: Path):
    translate, english = SAMPLES / "translate.keras", MODELS / "translate__input.npy"
    y = np.load(MODELS / "translate__output0.npy").astype("f8")
    (array,) = info(run, english, "-m", translate)["arrays"]
    assert (array["name"], array["shape"]) == (
        f"{english} through {translate}, layer french",
        [20, 6, 30],
    )
    found = [array["size"], array["min"]["value"], array["max"]["value"], array["mean"], array["std"]]
    np.testing.assert_allclose(found, [y.size, y.min(), y.max(), y.mean(), y.std()], rtol=1e-5, atol=1e-6)
    assert array["looks_like"].startswith("distributions along the last axis")
    assert info(run, "-m", translate, "--input", f"english={english}")["arrays"][0]["size"] == y.size
    (array,) = info(run, english, "-m", translate, "--until", "repeat")["arrays"]
    assert array["shape"] == [20, 6, 96]
    for args, message in (
        ((), "expected FILE, or --input NAME=FILE of a model of several inputs"),
        ((english, "--until", "repeat"), "--until, --input and those about text need --model FILE"),
    ):
        ran = run("info", *args)
        assert (ran.code, ran.err.splitlines()[-1]) == (2, f"Error: {message}")


def test_weights_alone_are_no_model(run: Run):
    for name in ("digits.weights.h5", "digits__head.npz", "k2_td_weights.h5"):
        assert info(run, DATA / "weights" / name)["model"] is None


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("digits__head.npz", "head"),
        ("digits.keras", "model.KERAS.bak"),
        ("digits.h5", "model.ckpt"),
        ("digits__head.safetensors", "pytorch_model.bin"),
        ("a_sequential_dense__head.pt", "head.pth.tar"),
        ("a_sequential_dense__head.pt", "head.pkl"),
        ("iris.json", "iris"),
    ],
)
def test_weights_of_any_name_are_known_by_their_first_bytes(run: Run, here: Path, file: str, name: str):
    Path(name).write_bytes((DATA / "weights" / file).read_bytes())
    Path(file).write_bytes((DATA / "weights" / file).read_bytes())
    expected = info(run, file)
    assert expected["heads"]
    assert info(run, name) == expected | {"file": name}


@pytest.mark.parametrize("name", ["x", "x.dat", "x.bin"])
def test_arrays_of_any_name_are_known_by_their_first_bytes(run: Run, here: Path, name: str):
    np.save("x.npy", np.arange(6.0).reshape(2, 3))
    np.savez("x.npz", x=np.arange(6.0).reshape(2, 3))
    for content in (
        Path("x.npy").read_bytes(),
        Path("x.npz").read_bytes(),
        b"[[0, 1, 2], [3, 4, 5]]",
        b"3,4,5\n0,1,2\n",  # a first line of 0, 1, … would be a header
    ):
        Path(name).write_bytes(content)
        (array,) = info(run, name)["arrays"]
        assert (array["shape"], array["max"]["value"]) == ([2, 3], 5)


def test_a_file_that_is_nothing_known_is_one_line(run: Run, here: Path):
    Path("x.bin").write_bytes(b"nothing known")
    done = run("info", "x.bin")
    assert (done.code, done.out) == (2, b"")
    assert done.err.startswith("Error: x.bin: expected an array as json, ")


def test_the_range_of_damaged_weights_is_told_all_the_same(run: Run, here: Path):
    np.savez("w.npz", kernel=np.array([[np.nan, 1], [2, 3]]), bias=np.zeros(2))
    (head,) = info(run, "w.npz")["heads"]
    assert head["kernel"]["nan"] == {"count": 1, "first": [0, 0]}
    assert run("info", "w.npz").text.splitlines()[-2].split() == [
        "head",
        "kernel",
        "1",
        "3",
        "2",
        "0.816497",
        "0",
        "1",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Error: x.npy: the file is empty, expected an NPY array\n"),
        (b"\x93NUMPY\x01", "Error: x.npy: truncated NPY header: expected 8 bytes, found 7\n"),
    ],
)
def test_what_is_no_array_is_one_line(run: Run, here: Path, content, message):
    Path("x.npy").write_bytes(content)
    done = run("info", "x.npy")
    assert (done.code, done.out, done.err) == (2, b"", message)


def test_the_mean_of_numbers_whose_sum_overflows_is_right():
    found = described(np.array([[1.5e308, 1.0e308]]))
    assert found.mean == pytest.approx(1.25e308)


def test_rows_with_nan_are_named_as_left_out_and_their_fractions_are_seen():
    from dense_cli.views.describe import describe

    hot = describe(np.array([[1.0, 0.0], [np.nan, 0.0], [0.0, 1.0]]))
    evidence = "every row without NaN or infinity of the last axis has a single 1 and 0 elsewhere"
    assert (hot.looks, hot.evidence) == ("one-hot", evidence)
    assert describe(np.array([[1.0, 0.0], [np.nan, 0.5]])).looks.startswith("distributions")
    nothing_whole = describe(np.array([[np.nan, 0.5], [np.inf, 1.0]]))
    assert nothing_whole.looks == "values from 0 to 1, not distributions"
    assert describe(np.eye(2)).evidence == "every row of the last axis has a single 1 and 0 elsewhere"


def test_header_says_what_headers_say_and_reads_no_number(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dense_cli import describing
    from dense_cli.sources.arrays import ArraySource

    def fail(*args: object) -> None:
        raise AssertionError("a number was read")

    monkeypatch.setattr(ArraySource, "blocks", fail)
    monkeypatch.setattr(describing, "_ranges", fail)
    np.save("x.npy", np.zeros((2, 3, 4), ">f8"))
    assert run("info", "x.npy", "--header").text == (
        "x.npy: shape (2, 3, 4) · float64 · big-endian · C order · file of 320 bytes\n"
    )
    expected = {"shape": [2, 3, 4], "dtype": "float64", "byte_order": "big", "order": "C", "file_bytes": 320}
    assert info(run, "x.npy", "--header")["arrays"] == [{"name": "x.npy", **expected}]
    np.savez("two.npz", a=np.zeros(5), b=np.zeros((6, 7), "i2"))
    found = info(run, "two.npz", "--header")["arrays"]
    assert [(array["shape"], array["dtype"]) for array in found] == [([5], "float64"), ([6, 7], "int16")]
    assert info(run, "two.npz", "--header", "--key", "b")["arrays"][0]["shape"] == [6, 7]
    piped = run("info", "-", "--header", stdin=Path("x.npy").read_bytes())
    assert (piped.code, piped.text) == (0, "standard input: shape (2, 3, 4) · float64\n")
    keras = run("info", SAMPLES / "digits.keras", "--header").text
    assert "digits.keras: 1 head\n" in keras
    assert "NaN/Inf" not in keras
    assert "kernel" not in info(run, SAMPLES / "digits.keras", "--header")["heads"][0]


@pytest.mark.parametrize(
    "path", sorted([*(DATA / "weights").glob("*__head*"), *SAMPLES.glob("*.keras")]), ids=str
)
def test_header_is_what_heads_says_of_every_container(path: Path, run: Run) -> None:
    text = run("info", path, "--header").text
    assert text.endswith(run("heads", path).text)
    document = info(run, path, "--header")
    document.pop("model")
    assert document == json.loads(run("heads", path, "-f", "json").out)


def test_text_has_no_header_but_tells_its_columns(run: Run, here: Path) -> None:
    Path("x.csv").write_text("1,2,3\n4,5,6\n")
    assert run("info", "x.csv", "--header").text == "x.csv: shape (?, 3) · float64 · file of 12 bytes\n"
    assert info(run, "x.csv", "--header")["arrays"][0]["shape"] == [None, 3]
    assert info(run, "x.csv")["arrays"][0]["shape"] == [2, 3]
    ran = run("info", "x.csv", "--header", "-m", SAMPLES / "digits.keras")
    assert (ran.code, ran.err.splitlines()[-1]) == (
        2,
        "Error: --header: what a model gives has no header, the model has to run",
    )


@pytest.mark.posix
def test_what_the_header_says_is_printed_before_the_numbers_are_read(here: Path) -> None:
    x = np.ones((100, 3), "f4")
    np.save("x.npy", x)
    content = Path("x.npy").read_bytes()
    with start_process("info", "-", cwd=here, stdin=subprocess.PIPE) as process:
        process.stdin.write(content[:200])
        process.stdin.flush()
        assert process.stdout.readline() == "standard input: shape (100, 3) · float32\n".encode()
        process.stdin.write(content[200:])
        process.stdin.close()
        assert process.stdout.readline() == b"looks like ones\n"
        process.stdout.read()
        assert process.wait() == 0


@pytest.mark.parametrize(
    ("x", "looks"),
    [
        (np.zeros((3, 4)), ("zeros", "every number is 0")),
        (np.ones((3, 4), "i4"), ("ones", "every number is 1")),
        (np.zeros((3, 4), bool), ("a mask", "only 0 and 1")),
        (np.array([[0.0, 1.0], [1.0, 1.0]]), ("a mask", "only 0 and 1")),
    ],
)
def test_an_array_of_zeros_is_no_mask(x, looks) -> None:
    found = described(x)
    assert (found.looks, found.evidence) == looks
