"""dense_cli.heads: which heads a file holds, which one is meant, and that its numbers are right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import EXPORTS, MODEL_FILES, MODELS, WEIGHTS

from dense_cli.errors import ConfigError, DtypeError, FileFormatError, MissingExtraError, ShapeError
from dense_cli.files.formats import FORMATS, load
from dense_cli.heads import Head, LoadedHead, heads, load_weights, select


def run(name: str, loaded: LoadedHead) -> tuple[np.ndarray, np.ndarray]:
    """Softmax of the probe through a head, by plain NumPy, and what the model's own library gave."""
    x, expected = (np.load(WEIGHTS / f"{name}__{part}.npy") for part in ("probe", "expected"))
    logits = x.astype(np.float64) @ loaded.kernel
    if loaded.bias is not None:
        logits += loaded.bias
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True), expected


@pytest.mark.parametrize(("model", "file"), MODEL_FILES)
def test_a_model_file_lists_exactly_its_heads(model, file):
    listed, output, _ = MODELS[model]
    found = heads(WEIGHTS / file)
    assert sorted((h.name, h.kernel_shape, h.use_bias) for h in found) == sorted(listed)
    assert [h.name for h in found if h.output] == [output]
    assert {h.name for h in found if h.time_distributed} == (
        {output} if model in ("b_seq2seq_td", "digits", "k2_td") else set()
    )
    assert {(h.dtype, h.transposed, h.refusal) for h in found} == {("float32", False, None)}
    for head in found:
        assert head.parameters == (head.kernel_shape[0] + head.use_bias) * head.kernel_shape[1]


@pytest.mark.parametrize(("model", "file"), MODEL_FILES)
def test_a_model_file_gives_its_head_unasked_by_name_by_path_and_by_the_inner_name(model, file):
    _, output, inner = MODELS[model]
    auto = load_weights(WEIGHTS / file)
    assert auto.head.name == output
    got, expected = run(model, auto)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    names = [output, auto.head.path] + (
        [] if file == "k2_td_weights.h5" else [inner]
    )  # the name is not in it
    for name in names:
        again = load_weights(WEIGHTS / file, name)
        np.testing.assert_array_equal(again.kernel, auto.kernel)
        np.testing.assert_array_equal(again.bias, auto.bias)


@pytest.mark.parametrize(("model", "file"), MODEL_FILES)
def test_a_config_gives_the_activation_and_weights_alone_give_none(model, file):
    alone = file.endswith("weights.h5")
    assert load_weights(WEIGHTS / file).head.activation == (None if alone else "softmax")


@pytest.mark.parametrize(("model", "file"), EXPORTS)
def test_an_exported_head_gives_the_same_numbers(model, file):
    got, expected = run(model, load_weights(WEIGHTS / file))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("file", ["iris.json", "iris.npz"])
def test_float64_weights_stay_float64(file):
    loaded = load_weights(WEIGHTS / file, features=6, units=3)
    assert loaded.kernel.dtype == loaded.bias.dtype == np.float64
    got, expected = run("iris", loaded)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)


def test_load_on_a_head_reads_that_head_alone():
    [head] = [head for head in heads(WEIGHTS / "c_nested.keras") if head.name == "proj"]
    kernel, bias = head.load()
    assert (kernel.shape, bias) == ((8, 5), None)


# --- which head is meant --------------------------------------------------------------------------


def test_nested_layers_of_one_name_go_by_their_parents():
    for file in ("made_equal.keras", "made_equal.weights.h5", "made_equal.h5", "made_k2_equal_w.h5"):
        found = heads(WEIGHTS / file)
        assert sorted(h.name for h in found) == ["left/dense", "left/out", "right/dense", "right/out"]
        assert load_weights(WEIGHTS / file, "right/out").kernel.shape == (4, 3)
        assert select(found, None, file).name == "right/out"


def test_a_name_that_two_heads_have_is_refused_with_both():
    with pytest.raises(ConfigError) as error:
        select(heads(WEIGHTS / "made_equal.keras"), "out", "m.keras")
    assert str(error.value) == (
        "m.keras: several heads named 'out': expected one of left/out (4, 4), right/out (4, 3)"
    )


def test_a_name_that_no_head_has_is_refused_with_all_of_them():
    with pytest.raises(ConfigError) as error:
        load_weights(WEIGHTS / "k2_seq.keras", "dense_3")
    assert str(error.value).endswith(
        "k2_seq.keras: no head named 'dense_3': expected one of dense_1 (3, 4), dense_2 (4, 3)"
    )


def test_a_model_of_two_outputs_asks_which():
    for file in ("made_multi.keras", "made_multi.weights.h5"):
        with pytest.raises(ConfigError, match=r"cls \(5, 3\), reg \(5, 2\)") as error:
            load_weights(WEIGHTS / file)
        assert error.value.hint == "name one with --head"


def test_a_layer_of_another_kind_is_refused_by_its_kind():
    with pytest.raises(ConfigError, match="'gru' is no Dense layer but a GRU"):
        load_weights(WEIGHTS / "b_seq2seq_td.keras", "gru")
    with pytest.raises(ConfigError, match="'mine' is no Dense layer but a custom layer mine>MyDense"):
        load_weights(WEIGHTS / "made_custom.keras", "mine")
    assert [head.name for head in heads(WEIGHTS / "made_custom.keras")] == ["first"]


def test_a_time_distributed_head_in_a_nested_model_goes_by_its_wrapper():
    found = heads(WEIGHTS / "made_nestedtd.keras")
    assert [(h.name, h.kernel_shape, h.use_bias, h.time_distributed, h.output) for h in found] == [
        ("time_distributed", (4, 4), False, True, False),
        ("per_step", (4, 3), True, True, True),
    ]
    assert select(found, "tok", "") == select(found, "decoder/per_step", "") == found[1]


def test_an_activation_layer_after_the_last_dense_counts_as_its_activation():
    found = heads(WEIGHTS / "made_act.keras")
    assert [(h.name, h.activation, h.output) for h in found] == [
        ("dense_3", "relu", False),
        ("logits", "softmax", True),
    ]


def test_a_subclassed_model_lists_what_has_the_shape_of_a_dense():
    found = heads(WEIGHTS / "made_sub.weights.h5")
    assert {(h.name, h.kernel_shape, h.use_bias) for h in found} == {
        ("dense_5", (5, 5), True),
        ("dense_6", (5, 5), False),
        ("cls", (5, 4), True),
        ("time_distributed_1", (5, 5), True),
    }
    assert load_weights(WEIGHTS / "made_sub.weights.h5", "head").head.name == "cls"  # by its attribute


@pytest.mark.parametrize(
    "file", ["made_dtbfloat16.keras", "made_dtbfloat16.weights.h5", "made_dtbfloat16.h5"]
)
def test_bfloat16_weights_are_read(file):
    loaded = load_weights(WEIGHTS / file, "o")
    assert loaded.head.dtype == "bfloat16"
    assert loaded.kernel.dtype == np.float32
    np.testing.assert_array_equal(loaded.kernel, np.load(WEIGHTS / "made_dtbfloat16.npy"))


@pytest.mark.parametrize("file", ["made_qint8.keras", "made_qint4.weights.h5"])
def test_quantised_kernels_are_refused_by_name(file):
    with pytest.raises(FileFormatError, match="head 'o': quantised"):
        load_weights(WEIGHTS / file, "o")


def test_the_index_of_sharded_weights_is_refused_by_name():
    with pytest.raises(FileFormatError, match="the index of sharded weights"):
        heads(WEIGHTS / "made_shard.weights.json")


# --- plain tables of tensors ----------------------------------------------------------------------


def savez(folder: Path, **arrays: np.ndarray) -> str:
    np.savez(folder / "w.npz", **arrays)
    return str(folder / "w.npz")


K, B = np.arange(12, dtype=np.float32).reshape(4, 3), np.ones(3, np.float32)


@pytest.mark.parametrize(
    ("arrays", "name", "transposed"),
    [
        ({"kernel": K, "bias": B}, "head", False),
        ({"head/kernel": K, "head/bias": B}, "head", False),
        ({"dense.kernel": K, "dense.bias": B}, "dense", False),
        ({"dense/kernel:0": K, "dense/bias:0": B}, "dense", False),
        ({"fc.weight": K.T, "fc.bias": B}, "fc", True),
        ({"weight": K.T, "bias": B}, "head", True),
        ({"fc_weight": K.T, "fc_bias": B}, "fc", True),
        ({"W": K, "b": B}, "head", False),
        ({"W": K, "bias": B}, "head", False),
        ({"kernel": K, "b": B}, "head", False),
        ({"fc.weight": K.T, "fc.b": B}, "fc", True),
        ({"fc_w": K, "fc_b": B}, "fc", False),
        ({"fc_w": K.T, "fc_b": B}, "fc", True),
        ({"w": K.T, "b": B}, "head", True),
        ({"out/w": K, "out/bias": B}, "out", False),
        ({"coef_": K.T, "intercept_": B}, "head", True),
        ({"coefs_0": K, "intercepts_0": B}, "head", False),
        ({"kernel": K, "bias": B, "junk": np.ones(7), "../../evil": B}, "head", False),
    ],
)
def test_kernels_and_biases_are_found_by_their_names(tmp_path, arrays, name, transposed):
    loaded = load_weights(savez(tmp_path, **arrays), features=4, units=3)
    assert (loaded.head.name, loaded.head.transposed, loaded.head.kernel_shape) == (name, transposed, (4, 3))
    np.testing.assert_array_equal(loaded.kernel, K)
    np.testing.assert_array_equal(loaded.bias, B)


def test_of_a_square_w_it_must_be_said_how_it_is_stored(tmp_path):
    square = np.arange(9.0).reshape(3, 3)
    file = savez(tmp_path, fc_w=square, fc_b=B)
    with pytest.raises(ConfigError) as error:
        load_weights(file)
    assert str(error.value) == (
        f"{file}: head 'fc': fc_w has shape (3, 3), and its name does not say "
        "whether that is (features, units) or (units, features)"
    )
    assert error.value.hint == "say it with --no-transpose or --transpose"
    np.testing.assert_array_equal(load_weights(file, transpose=True).kernel, square.T)
    np.testing.assert_array_equal(load_weights(file, transpose=False).kernel, square)


def test_the_layers_of_a_list_of_coefficients_are_heads_each_with_its_bias(tmp_path):
    file = savez(tmp_path, coefs_0=K, intercepts_0=B, coefs_1=K.T, intercepts_1=np.arange(4.0))
    assert [(head.name, head.kernel_shape, head.use_bias) for head in heads(file)] == [
        ("coefs_0", (4, 3), True),
        ("coefs_1", (3, 4), True),
    ]
    np.testing.assert_array_equal(load_weights(file, "coefs_1").bias, np.arange(4))


def test_two_classes_in_one_unit_of_scikit_learn_are_no_softmax(tmp_path, run):
    np.savez(tmp_path / "w.npz", coef_=np.ones((1, 4)), intercept_=np.zeros(1))
    np.save(tmp_path / "x.npy", np.ones((1, 4)))
    ran = run("predict", tmp_path / "x.npy", "-w", tmp_path / "w.npz")
    assert ran.code == 2
    assert "one unit for two classes, of which a softmax is always 1: expected sigmoid" in ran.err
    ran = run("predict", tmp_path / "x.npy", "-w", tmp_path / "w.npz", "-a", "sigmoid", "-f", "npy")
    assert ran.code == 0


def test_a_missing_bias_is_no_bias(tmp_path):
    assert load_weights(savez(tmp_path, kernel=K)).bias is None


def test_a_recurrent_cell_is_no_head(tmp_path):
    file = savez(tmp_path, **{"gru/kernel": K, "gru/recurrent_kernel": K, "gru/bias": B, "out/kernel": K})
    assert [head.name for head in heads(file)] == ["out"]


def test_an_embedding_table_is_listed_but_never_chosen_unasked(tmp_path):
    file = savez(tmp_path, **{"tok_emb.weight": np.ones((9, 4)), "lm_head.weight": np.ones((7, 4))})
    assert [(h.name, h.kernel_shape, h.table) for h in heads(file)] == [
        ("tok_emb", (4, 9), True),
        ("lm_head", (4, 7), False),
    ]
    assert load_weights(file).head.name == "lm_head"
    assert load_weights(file, "tok_emb").kernel.shape == (4, 9)


@pytest.mark.parametrize(
    ("arrays", "options", "message", "hint"),
    [
        (
            {"kernel": K, "bias": B},
            {"features": 5},
            "kernel: the kernel expects 4 features, the input has 5 (kernel shape (4, 3))",
            None,
        ),
        (
            {"kernel": K.T, "bias": B},
            {"features": 4},
            "kernel: the kernel expects 3 features, the input has 4 (kernel shape (3, 4))",
            "read as (4, 3) (features, units) it fits: --transpose",
        ),
        (
            {"fc.weight": K, "fc.bias": B},
            {"features": 4},
            "fc.weight: the kernel expects 3 features, the input has 4 (kernel shape (3, 4))",
            "read as (4, 3) (features, units) it fits: --no-transpose",
        ),
        (
            {"kernel": K, "bias": B},
            {"units": 5},
            "kernel: the kernel has 3 units, --units asks for 5 (kernel shape (4, 3))",
            None,
        ),
        (
            {"kernel": K, "bias": np.ones(2)},
            {},
            "bias: bias of shape (2,), expected (3,) for a kernel of (4, 3)",
            None,
        ),
        (
            {"kernel": K, "bias": np.ones((1, 3))},
            {},
            "bias: bias of shape (1, 3), expected (3,) for a kernel of (4, 3)",
            None,
        ),
        (
            {"kernel": K.T, "bias": B},
            {},
            "bias: bias of shape (3,), expected (4,) for a kernel of (3, 4)",
            "read as (4, 3) (features, units) it fits: --transpose",
        ),
        ({"kernel": K[:0]}, {}, "kernel: empty kernel of shape (0, 3): expected features and units", None),
        (
            {"kernel": B},
            {},
            "kernel has rank 1 (shape (3,)): expected a kernel of rank 2 (features, units)",
            None,
        ),
    ],
)
def test_shapes_that_do_not_fit_are_named_and_never_transposed_in_silence(
    tmp_path, arrays, options, message, hint
):
    file = savez(tmp_path, **arrays)
    with pytest.raises(ShapeError) as error:
        load_weights(file, **options)
    assert (str(error.value), error.value.hint) == (f"{file}: {message}", hint)


def test_transpose_overrides_the_name_both_ways(tmp_path):
    square = np.arange(9.0).reshape(3, 3)
    file = savez(tmp_path, weight=square)
    np.testing.assert_array_equal(load_weights(file).kernel, square.T)
    np.testing.assert_array_equal(load_weights(file, transpose=False).kernel, square)
    file = savez(tmp_path, kernel=square)
    np.testing.assert_array_equal(load_weights(file).kernel, square)
    loaded = load_weights(file, transpose=True)
    np.testing.assert_array_equal(loaded.kernel, square.T)
    assert loaded.head.transposed


@pytest.mark.parametrize("dtype", ["?", "i1", "<i8", ">u2", "<f2", ">f2", ">f4", ">f8", "<f4", "<f8"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_every_dtype_byte_order_and_memory_order_gives_native_floats(tmp_path, dtype, order, save):
    kernel = np.array([[1, 0, 1], [0, 1, 1]]).astype(dtype, order=order)
    save(tmp_path / "w.npz", kernel=kernel)
    got = load_weights(tmp_path / "w.npz").kernel
    assert got.dtype == (np.float64 if dtype.endswith("f8") else np.float32)
    assert got.dtype.isnative
    np.testing.assert_array_equal(got, kernel.astype(np.float64))


@pytest.mark.parametrize(("value", "shown"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
@pytest.mark.parametrize("name", ["kernel", "weight"])
def test_weights_that_are_not_finite_are_refused_at_their_place(tmp_path, name, value, shown):
    kernel = np.zeros((300, 300), np.float32)
    kernel[299, 7] = kernel[299, 9] = value
    file = savez(tmp_path, **{name: kernel})
    with pytest.raises(DtypeError) as error:
        load_weights(file)
    assert str(error.value) == f"{file}: {name}[299, 7]: expected a finite number, found {shown}"


def test_a_bias_that_is_not_finite_is_refused_and_so_is_an_integer_past_float32(tmp_path):
    with pytest.raises(DtypeError, match=r"bias\[1\]: expected a finite number, found nan"):
        load_weights(savez(tmp_path, kernel=K, bias=np.array([0, np.nan, 0])))


# --- which format it is ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "file",
    [
        "c_nested.keras",
        "c_nested.h5",
        "iris.npz",
        "iris.json",
        "c_nested__head.safetensors",
        "c_nested__head.onnx",
    ],
)
def test_a_file_without_a_suffix_is_known_by_its_first_bytes(tmp_path, file):
    bare = tmp_path / "weights"
    bare.write_bytes((WEIGHTS / file).read_bytes())
    np.testing.assert_array_equal(load_weights(bare).kernel, load_weights(WEIGHTS / file).kernel)


@pytest.mark.parametrize(
    ("suffix", "content", "message"),
    [
        (
            ".npz",
            b"\x89HDF\r\n\x1a\n\0\0",
            "damaged or renamed: the suffix says npz, the first bytes say HDF5",
        ),
        (".h5", b"PK\x03\x04", "damaged or renamed: the suffix says hdf5, the first bytes say a zip archive"),
        (".keras", b"{}", "damaged or renamed: the suffix says keras, the first bytes say JSON or text"),
        (
            ".npz",
            b"\x93NUMPY\x01\0",
            "damaged or renamed: the suffix says npz, the first bytes say an NPY array",
        ),
        (
            ".bin",
            b"hello",
            "expected weights as json, npz, keras, hdf5, safetensors, onnx, torch, found b'hello'",
        ),
        (".npz", b"", "empty file: expected weights, found 0 bytes"),
    ],
)
def test_a_file_that_is_not_what_its_suffix_says_is_told_so(tmp_path, suffix, content, message):
    file = tmp_path / f"w{suffix}"
    file.write_bytes(content)
    with pytest.raises(FileFormatError) as error:
        heads(file)
    assert str(error.value) == f"{file}: {message}"


def test_a_pipe_is_refused_and_a_directory_or_missing_file_stays_an_oserror(tmp_path):
    os.mkfifo(tmp_path / "w.npz")
    with pytest.raises(FileFormatError, match="not a regular file"):
        heads(tmp_path / "w.npz")
    with pytest.raises(IsADirectoryError):
        heads(tmp_path)
    with pytest.raises(FileNotFoundError):
        heads(tmp_path / "none.npz")
    (tmp_path / "loop.npz").symlink_to(tmp_path / "loop.npz")
    with pytest.raises(OSError, match="symbolic links"):
        heads(tmp_path / "loop.npz")


@pytest.mark.parametrize(
    ("library", "file", "extra"),
    [
        ("h5py", "c_nested.keras", "keras"),
        ("h5py", "c_nested.h5", "keras"),
        ("onnx", "c_nested__head.onnx", "onnx"),
    ],
)
def test_a_missing_library_is_an_error_that_names_the_extra(monkeypatch, library, file, extra):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError) as error:
        heads(WEIGHTS / file)
    assert error.value.hint == f"pip install 'densecli[{extra}]'"


def test_the_package_imports_none_of_the_libraries():
    libraries = ["h5py", "onnx"]
    code = f"import dense_cli.heads, sys; print([name for name in {libraries} if name in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def test_every_format_of_the_table_has_a_reader():
    for row in FORMATS.values():
        readers = {row.tensors, row.arrays, row.weights} - {None}
        assert readers
        assert all(callable(load(reader)) for reader in readers)


def test_a_head_shows_what_it_is_without_its_closures():
    [head] = heads(WEIGHTS / "iris.npz")
    assert "lambda" not in repr(head)
    assert isinstance(head, Head)


def test_json_weights_may_stand_under_the_names_of_their_heads(tmp_path):
    file = tmp_path / "w.json"
    file.write_text(
        json.dumps({"a": {"kernel": K.tolist()}, "b": {"weight": K.tolist(), "bias": [1, 2, 3, 4]}})
    )
    assert [(h.name, h.kernel_shape, h.use_bias) for h in heads(file)] == [
        ("a", (4, 3), False),
        ("b", (3, 4), True),
    ]
    np.testing.assert_array_equal(load_weights(file, "b").kernel, K.T)
