"""Quantised kernels: used with their scales by the formulas of those who store them, or refused by name."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Run

from dense_cli import load_head
from dense_cli.errors import DenseCliError, FileFormatError
from dense_cli.heads import heads, load_weights

random = np.random.default_rng(3)
Q = random.integers(-127, 128, (3, 4)).astype(np.int8)  # (units, features)
X = random.normal(size=(5, 4)).astype(np.float32)
PER_UNIT = np.array([0.5, 2.0, 1.25], np.float32)
E4M3 = np.array([[1.0, -2.0, 0.5, 448.0], [0.25, 3.0, -1.5, 2.0], [8.0, -0.125, 1.75, 6.0]], np.float32)
E4M3_BITS = bytes([0x38, 0xC0, 0x30, 0x7E, 0x28, 0x44, 0xBC, 0x40, 0x50, 0xA0, 0x3E, 0x4C])
KINDS = {"float32": "F32", "int8": "I8", "uint8": "U8", "int32": "I32", "int64": "I64"}


def safetensors(folder: Path, **arrays: np.ndarray | tuple[str, tuple[int, ...], bytes]) -> Path:
    header, data = {}, b""
    for name, array in arrays.items():
        kind, shape, stored = (
            array if isinstance(array, tuple) else (KINDS[array.dtype.name], array.shape, array.tobytes())
        )
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(stored)]}
        data += stored
    text = json.dumps(header).encode()
    (folder / "w.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    return folder / "w.safetensors"


FP8 = ("F8_E4M3", (3, 4), E4M3_BITS)
ROW = {"fc.weight_format": np.array(0, np.uint8)}
GROUPS = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], np.float32)
ZEROS = np.array([[3], [-4], [5]], np.int8)


@pytest.mark.parametrize(
    ("arrays", "kernel"),
    [
        ({"fc.weight": Q, "fc.SCB": PER_UNIT}, Q * (PER_UNIT / 127)[:, None]),
        ({"fc.weight": Q, "fc.SCB": PER_UNIT, **ROW}, Q * (PER_UNIT / 127)[:, None]),
        ({"fc.weight": Q, "fc.weight_scale": PER_UNIT[:, None]}, Q * PER_UNIT[:, None]),
        ({"fc.weight": Q, "fc.weight_scale": PER_UNIT}, Q * PER_UNIT[:, None]),
        ({"fc.weight": Q, "fc.weight_scale": np.array(0.25, np.float32)}, Q * 0.25),
        ({"fc.weight": Q, "fc.weight_scale": GROUPS}, Q * GROUPS.repeat(2, axis=1)),
        (
            {"fc.weight": Q, "fc.weight_scale": PER_UNIT[:, None], "fc.weight_zero_point": ZEROS},
            (Q.astype(float) - ZEROS) * PER_UNIT[:, None],
        ),
        ({"fc.weight": FP8, "fc.weight_scale": np.array([0.25], np.float32)}, E4M3 * 0.25),
        ({"fc.weight": FP8, "fc.weight_scale": PER_UNIT[:, None]}, E4M3 * PER_UNIT[:, None]),
        (
            {"fc.weight": FP8, "fc.weight_scale": PER_UNIT, "fc.input_scale": np.array(9, np.float32)},
            E4M3 * PER_UNIT[:, None],
        ),
    ],
)
def test_a_kernel_is_used_with_its_scale(tmp_path, arrays, kernel):
    file = safetensors(tmp_path, **arrays)
    [head] = heads(file)
    assert (head.name, head.kernel_shape, head.refusal) == ("fc", (4, 3), None)
    np.testing.assert_allclose(load_weights(file).kernel, kernel.T, rtol=1e-6)
    np.testing.assert_allclose(load_head(file, activation="linear")(X), X @ kernel.T, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"fc.weight": Q, "fc.scales": PER_UNIT},
            "fc.weight of int8 beside fc.scales: densecli does not know the scheme",
        ),
        ({"fc.weight": Q, "fc.SCB": PER_UNIT[:2]}, "fc.weight of int8 beside fc.SCB: "),
        (
            {"fc.weight": Q, "fc.SCB": PER_UNIT, "fc.weight_format": np.array(1, np.uint8)},
            "fc.weight of int8 beside fc.SCB, fc.weight_format: ",
        ),
        ({"fc.weight": Q, "fc.weight_scale": PER_UNIT[:2]}, "fc.weight of int8 beside fc.weight_scale: "),
        (
            {"fc.weight": FP8, "fc.weight_scale_inv": np.ones((1, 1), np.float32)},
            "fc.weight of float8_e4m3fn beside fc.weight_scale_inv: ",
        ),
        ({"fc.kernel": Q, "fc.kernel_scale": PER_UNIT}, "fc.kernel of int8 beside fc.kernel_scale: "),
        ({"fc_weight": Q, "fc_weight_scale": PER_UNIT}, "fc_weight of int8 beside fc_weight_scale: "),
        (
            {
                "fc.weight": Q.view(np.uint8).reshape(12, 1),
                "fc.weight.absmax": PER_UNIT,
                "fc.weight.quant_map": PER_UNIT,
                "fc.weight.quant_state.bitsandbytes__nf4": np.zeros(9, np.uint8),
            },
            "fc.weight of uint8 beside fc.weight.absmax, fc.weight.quant_map: ",
        ),
        (
            {
                "fc.qweight": Q.astype(np.int32),
                "fc.qzeros": Q.astype(np.int32),
                "fc.scales": PER_UNIT[None],
                "fc.g_idx": np.zeros(4, np.int32),
            },
            "fc.qweight of int32 beside fc.qzeros, fc.scales: ",
        ),
        (
            {"fc.weight_packed": Q.astype(np.int32), "fc.weight_scale": PER_UNIT[:, None]},
            "fc.weight_packed of int32 beside fc.weight_scale: ",
        ),
    ],
)
def test_a_scheme_that_is_not_known_is_refused_by_the_names_of_its_scales(tmp_path, arrays, message):
    file = safetensors(tmp_path, **arrays)
    with pytest.raises(FileFormatError) as error:
        load_weights(file)
    assert str(error.value).startswith(f"{file}: head 'fc': quantised: {message}")


def test_integers_without_a_scale_are_the_numbers_that_they_are(tmp_path):
    file = safetensors(tmp_path, **{"fc.weight": Q, "norm.scale": PER_UNIT, "other.SCB": PER_UNIT})
    np.testing.assert_array_equal(load_weights(file).kernel, Q.T)


def test_floats_beside_a_scale_are_the_numbers_that_they_are(tmp_path):
    file = safetensors(tmp_path, **{"fc.weight": Q.astype(np.float32), "fc.scale": PER_UNIT})
    np.testing.assert_array_equal(load_weights(file).kernel, Q.T)


def test_a_kernel_that_is_not_quantised_is_chosen_among_those_that_are_refused(tmp_path):
    arrays = {"a.qweight": Q.astype(np.int32), "a.scales": PER_UNIT[None], "lm_head.weight": E4M3}
    file = safetensors(tmp_path, **arrays)
    assert [(head.name, head.refusal is None) for head in heads(file)] == [("lm_head", True), ("a", False)]
    assert load_weights(file).head.name == "lm_head"


# --- biases of another name ------------------------------------------------------------------------

TABLE = random.normal(size=(3, 4)).astype(np.float32)
BIAS = np.array([5.0, -5.0, 0.5], np.float32)
MLM = {
    "bert.word_embeddings.weight": TABLE,
    "cls.predictions.bias": BIAS,
    "cls.norm.weight": np.ones(3, np.float32),
    "cls.norm.bias": BIAS,
    "cls.dense.weight": np.eye(3, dtype=np.float32),
    "cls.dense.bias": BIAS,
}


def test_a_bias_of_another_name_is_named_and_taken_where_it_is_asked_for(tmp_path):
    file = safetensors(tmp_path, **MLM)
    assert [tensor.name for tensor in heads(file).unowned] == ["cls.predictions.bias"]
    loaded = load_weights(file, "bert.word_embeddings")
    assert (loaded.bias, loaded.unowned) == (None, ("cls.predictions.bias",))
    loaded = load_weights(file, "bert.word_embeddings", bias="cls.predictions.bias")
    np.testing.assert_array_equal(loaded.bias, BIAS)
    assert (loaded.head.use_bias, loaded.unowned) == (True, ())
    layer = load_head(file, "bert.word_embeddings", bias="cls.predictions.bias", activation="linear")
    np.testing.assert_allclose(layer(X), X @ TABLE.T + BIAS, rtol=1e-5)


@pytest.mark.parametrize(
    ("kernel", "bias"), [("W", "b_out"), ("kernel", "intercept_"), ("fc.weight", "fc_b")]
)
def test_a_bias_that_goes_with_no_kernel_is_named(tmp_path, kernel, bias):
    np.savez(tmp_path / "w.npz", **{kernel: TABLE.T if kernel != "fc.weight" else TABLE, bias: BIAS})
    assert load_weights(tmp_path / "w.npz").unowned == (bias,)


@pytest.mark.parametrize(
    ("bias", "message"),
    [
        (
            "cls.bias",
            "no array named 'cls.bias' for --bias; biases that belong to no head: cls.predictions.bias",
        ),
        (
            "cls.dense.weight",
            "cls.dense.weight: bias of shape (3, 3), expected (3,) for a kernel of (4, 3)",
        ),
    ],
)
def test_an_array_that_is_no_bias_of_the_head_is_refused(tmp_path, bias, message):
    file = safetensors(tmp_path, **MLM)
    with pytest.raises(DenseCliError) as error:
        load_weights(file, "bert.word_embeddings", bias=bias)
    assert str(error.value) == f"{file}: {message}"


def test_heads_says_which_biases_belong_to_nobody(run: Run, tmp_path):
    file = safetensors(tmp_path, **MLM)
    assert run("heads", file).out.decode().splitlines()[-1] == (
        "biases that belong to no head (--bias takes one): cls.predictions.bias (3,)"
    )
    assert json.loads(run("heads", file, "-f", "json").out)["unowned_biases"] == [
        {"name": "cls.predictions.bias", "shape": [3]}
    ]


def test_a_run_says_that_a_bias_belongs_to_nobody_and_takes_it_where_it_is_asked_for(run: Run, tmp_path):
    file = safetensors(tmp_path, **MLM)
    np.save(tmp_path / "x.npy", X)
    args = [
        "predict",
        tmp_path / "x.npy",
        "-w",
        file,
        "--head",
        "bert.word_embeddings",
        "-a",
        "linear",
        "-f",
        "npy",
    ]
    ran = run(*args)
    assert ran.err == (
        f"Note: {file}: no bias is used, --bias takes one that belongs to no head: cls.predictions.bias\n"
    )
    np.testing.assert_allclose(np.load(io.BytesIO(ran.out)), X @ TABLE.T, rtol=1e-5)
    assert run(*args, "--no-bias").err == ""
    ran = run(*args, "--bias", "cls.predictions.bias")
    assert (ran.code, ran.err) == (0, "")
    np.testing.assert_allclose(np.load(io.BytesIO(ran.out)), X @ TABLE.T + BIAS, rtol=1e-5)
    both = run(*args, "--bias", "cls.predictions.bias", "--no-bias")
    assert (both.code, both.err.splitlines()[-1]) == (2, "Error: expected one of --bias and --no-bias")
