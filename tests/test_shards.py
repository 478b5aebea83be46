"""Weights that a file of JSON is the index of: shards, TensorFlow.js; and what is recognized and not read."""

from __future__ import annotations

import io
import json
import os
import zipfile

import numpy as np
import pytest
from helpers import refused
from hostile import seeds

from dense_cli.errors import ConfigError, FileFormatError, ShapeError
from dense_cli.heads import heads, load_weights, select

RNG = np.random.default_rng(7)
K1, B1 = RNG.normal(size=(5, 4)).astype(np.float32), RNG.normal(size=4).astype(np.float32)
K2, B2 = RNG.normal(size=(4, 3)).astype(np.float32), RNG.normal(size=3).astype(np.float32)


def same(file, name, kernel, bias):
    loaded = load_weights(file, name)
    np.testing.assert_array_equal(loaded.kernel, kernel)
    np.testing.assert_array_equal(loaded.bias, bias)


# --- the index of shards --------------------------------------------------------------------------


def index(folder, **places):
    file = folder / "model.safetensors.index.json"
    names = {name.replace("__", "."): shard for name, shard in places.items()}
    file.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": names}))
    return file


def sharded(folder):
    (folder / "a.safetensors").write_bytes(seeds.safetensors(**{"fc.weight": K1.T.astype(float)}))
    (folder / "b.safetensors").write_bytes(
        seeds.safetensors(**{"fc.bias": B1.astype(float), "out.weight": K2.T.astype(float)})
    )
    return index(folder, fc__weight="a.safetensors", fc__bias="b.safetensors", out__weight="b.safetensors")


def test_an_index_gives_the_heads_of_its_shards_also_where_kernel_and_bias_are_apart(tmp_path):
    file = sharded(tmp_path)
    assert [(head.name, head.kernel_shape, head.use_bias) for head in heads(file)] == [
        ("fc", (5, 4), True),
        ("out", (4, 3), False),
    ]
    same(file, "fc", K1, B1)


def test_shards_may_be_links_into_the_folder_where_the_index_itself_lies(tmp_path):
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshot"
    blobs.mkdir()
    snapshot.mkdir()
    for path in (sharded(blobs), blobs / "a.safetensors", blobs / "b.safetensors"):
        (snapshot / path.name).symlink_to(path)
    same(snapshot / "model.safetensors.index.json", "fc", K1, B1)


@pytest.mark.parametrize(
    ("shard", "message"),
    [
        ("../a.safetensors", "expected a file inside the model's folder"),
        ("/etc/passwd", "expected a file inside the model's folder"),
        ("link", "expected a file inside the model's folder"),
        ("", "expected a file inside the model's folder"),
        ("gone", "No such file or directory"),
        ("fifo", "not a regular file"),
        ("nul\0", "expected a file inside the model's folder"),
    ],
)
def test_a_shard_elsewhere_or_of_another_kind_is_not_opened(tmp_path, shard, message):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "a.safetensors").write_bytes(seeds.safetensors(**{"fc.weight": K1.T.astype(float)}))
    (folder / "link").symlink_to(tmp_path / "a.safetensors")
    os.mkfifo(folder / "fifo")
    with pytest.raises(FileFormatError) as error:
        heads(index(folder, fc__weight=shard))
    assert str(error.value).endswith(f"a shard in {shard!r}: {message}")


def test_an_index_that_names_what_is_not_there_is_refused(tmp_path):
    sharded(tmp_path)
    file = index(tmp_path, fc__kernel="a.safetensors")
    assert refused(file, FileFormatError) == "'a.safetensors' has no tensor 'fc.kernel'"
    (tmp_path / "other.json").write_text("[1]")
    file = index(tmp_path, fc__weight="other.json")
    with pytest.raises(
        FileFormatError, match=r"other.json: expected safetensors or torch, found JSON or text"
    ):
        heads(file)
    file.write_text(json.dumps({"weight_map": {"fc.weight": 3}}))
    assert refused(file, FileFormatError) == "weight_map: expected the name of a file for each tensor"


def test_the_index_of_keras_shards_is_refused_by_name(tmp_path):
    file = tmp_path / "w.json"
    file.write_text(json.dumps({"weight_map": {"layers/dense/vars": ["w_00000.weights.h5"]}}))
    assert (
        refused(file, FileFormatError)
        == "the index of sharded weights of Keras: densecli reads one file of these"
    )


# --- tied heads and embeddings --------------------------------------------------------------------


def test_a_tied_head_is_found_as_lm_head_and_said(run, here):
    table = RNG.normal(size=(7, 4))
    (here / "m.safetensors").write_bytes(
        seeds.safetensors(
            **{
                f"model.{name}.weight": a
                for name, a in (("embed_tokens", table), ("up", seeds.X2), ("down", seeds.X2))
            }
        )
    )
    np.save("h.npy", np.eye(4))
    logits = run(
        "predict", "h.npy", "-w", "m.safetensors", "--head", "lm_head", "--show", "logits", "-f", "npy"
    )
    assert logits.err.endswith(
        "Note: m.safetensors: no lm_head is in the file: weights are tied, "
        "and model.embed_tokens.weight is its kernel\n"
    )
    np.testing.assert_allclose(np.load(io.BytesIO(logits.out)), table.T, rtol=1e-6)
    assert run("heads", "m.safetensors").out.decode().splitlines()[-1] == (
        "no lm_head: where weights are tied it is model.embed_tokens (--head lm_head)"
    )
    with pytest.raises(ConfigError) as error:
        load_weights("m.safetensors")
    assert error.value.hint == "name one with --head; where weights are tied, lm_head is model.embed_tokens"


def test_a_file_with_an_output_layer_has_no_tied_head(tmp_path):
    file = tmp_path / "m.safetensors"
    file.write_bytes(seeds.safetensors(**{"wte.weight": seeds.X2, "lm_head.weight": seeds.X2}))
    found = heads(file)
    assert found.tied is None
    assert select(found, None, "m").name == "lm_head"


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("embed_tokens", True), ("wte", True), ("wpe", True), ("shared", True), ("word_embeddings", True),
        ("tok_emb", True), ("embedding", True), ("embed_in", True), ("token_embd", True),
        ("embed_out", False), ("embedding_projection", False), ("emb_fc", False), ("member", False),
        ("timestep_embedder", False), ("proj", False),
    ],
)  # fmt: skip
def test_only_what_is_looked_up_is_an_embedding(tmp_path, name, table):
    file = tmp_path / "m.safetensors"
    file.write_bytes(seeds.safetensors(**{f"model.{name}.weight": seeds.X2}))
    assert [head.table for head in heads(file)] == [table]


# --- the last part of a path, and other exporters' names ------------------------------------------


def test_a_head_goes_by_the_last_part_of_its_path_where_no_other_ends_so(tmp_path):
    file = tmp_path / "m.safetensors"
    names = ("a.mlp.up", "a.mlp.down", "b.mlp.up")
    file.write_bytes(seeds.safetensors(**{f"{name}.weight": seeds.X2 for name in names}))
    found = heads(file)
    assert select(found, "down", "m").name == "a.mlp.down"
    with pytest.raises(ConfigError, match=r"several heads named 'up': expected one of a.mlp.up .*, b.mlp.up"):
        select(found, "up", "m")


@pytest.mark.parametrize(
    ("kernel", "bias", "name"),
    [
        ("linear_0.w_0", "linear_0.b_0", "linear_0"),
        ("fc/weights", "fc/biases", "fc"),
        ("m/out/MatMul/ReadVariableOp", "m/out/BiasAdd/ReadVariableOp", "m/out"),
        ("m/out/MatMul/ReadVariableOp/resource:0", "m/out/BiasAdd/ReadVariableOp/resource:0", "m/out"),
        ("m/out/Tensordot/ReadVariableOp", "m/out/BiasAdd/ReadVariableOp", "m/out"),
    ],
)
def test_names_of_other_programs_become_layer_names(tmp_path, kernel, bias, name):
    file = tmp_path / "m.safetensors"
    file.write_bytes(seeds.safetensors(**{kernel: K1.astype(float), bias: B1.astype(float)}))
    assert [head.name for head in heads(file)] == [name]
    same(file, name, K1, B1)


def test_the_products_of_a_recurrent_cell_in_a_graph_are_no_heads(tmp_path):
    file = tmp_path / "m.safetensors"
    cell = {f"lstm/lstm_cell/MatMul{n}/ReadVariableOp": seeds.X2 for n in ("", "_1")}
    file.write_bytes(seeds.safetensors(**cell, **{"out/MatMul/ReadVariableOp": seeds.X2}))
    assert [head.name for head in heads(file)] == ["out"]


def test_a_file_of_convolutions_is_told_as_such(tmp_path):
    file = tmp_path / "m.safetensors"
    file.write_bytes(
        seeds.safetensors(
            **{"bn.weight": np.ones(2), "conv.weight": np.ones((2, 3, 3, 3)), "bn.bias": np.ones(2)}
        )
    )
    assert refused(file, ShapeError) == (
        "convolutions alone, no Dense layer: conv.weight has rank 4 (shape (2, 3, 3, 3)): "
        "expected a kernel of rank 2 (features, units)"
    )


# --- scikit-learn's lists -------------------------------------------------------------------------


def test_the_lists_of_a_multilayer_perceptron_are_read_from_json(tmp_path):
    file = tmp_path / "mlp.json"
    lists = {"coefs_": [K1.tolist(), K2.tolist()], "intercepts_": [B1.tolist(), B2.tolist()], "n_layers_": 4}
    file.write_text(json.dumps(lists))
    assert [(head.name, head.kernel_shape) for head in heads(file)] == [
        ("coefs_/0", (5, 4)),
        ("coefs_/1", (4, 3)),
    ]
    same(file, "coefs_/1", K2, B2)


def test_the_one_unit_of_two_classes_needs_an_activation(tmp_path):
    file = tmp_path / "mlp.json"
    file.write_text(
        json.dumps({"coefs_": [K1.tolist(), K2[:, :1].tolist()], "intercepts_": [B1.tolist(), [1.0]]})
    )
    assert [head.activation_refusal is None for head in heads(file)] == [True, False]


# --- TensorFlow.js --------------------------------------------------------------------------------


def entry(name, array, **more):
    return {"name": name, "shape": list(array.shape), "dtype": "float32", **more}


ENTRIES = [entry("dense/kernel", K1), entry("dense/bias", B1), entry("out/kernel", K2), entry("out/bias", B2)]


def model(folder, groups, topology=None):
    file = folder / "model.json"
    more = {} if topology is None else {"modelTopology": topology}
    file.write_text(json.dumps({"format": "layers-model", **more, "weightsManifest": groups}))
    return file


def split(folder, at=50):
    content = b"".join(array.tobytes() for array in (K1, B1, K2, B2))
    (folder / "1of2.bin").write_bytes(content[:at])
    (folder / "2of2.bin").write_bytes(content[at:])
    return [{"paths": ["1of2.bin", "2of2.bin"], "weights": ENTRIES}]


@pytest.mark.parametrize("at", [0, 1, 50, 80, 96, 156])
def test_tensors_go_on_from_one_file_to_the_next_wherever_it_ends(tmp_path, at):
    file = model(tmp_path, split(tmp_path, at))
    same(file, "dense", K1, B1)
    same(file, "out", K2, B2)


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_layers_model_tells_activations_and_the_output(tmp_path, wrapped):
    layers = [
        {"class_name": "Dense", "config": {"name": "dense", "units": 4, "activation": "relu"}},
        {"class_name": "Dense", "config": {"name": "out", "units": 3, "activation": "softmax"}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}
    file = model(tmp_path, split(tmp_path), {"model_config": config} if wrapped else config)
    assert [(head.name, head.activation, head.output) for head in heads(file)] == [
        ("dense", "relu", False),
        ("out", "softmax", True),
    ]
    assert load_weights(file).head.name == "out"


def test_a_manifest_by_itself_is_a_list(tmp_path):
    file = tmp_path / "face-weights_manifest.json"
    file.write_text(json.dumps(split(tmp_path)))
    same(file, "out", K2, B2)


@pytest.mark.parametrize("stored", ["uint8", "uint16"])
def test_quantised_weights_are_stored_times_scale_plus_min(tmp_path, stored):
    scale, least = float((K1.max() - K1.min()) / np.iinfo(stored).max), float(K1.min())
    numbers = np.rint((K1 - least) / scale).astype(stored)
    (tmp_path / "w.bin").write_bytes(numbers.tobytes() + B1.tobytes())
    packed = {"dtype": stored, "scale": scale, "min": least}
    weights = [entry("fc/weights", K1, quantization=packed), entry("fc/bias", B1)]
    file = model(tmp_path, [{"paths": ["w.bin"], "weights": weights}])
    same(file, "fc", (numbers * scale + least).astype(np.float32), B1)


def test_weights_that_are_stored_as_float16_are_read_as_such(tmp_path):
    (tmp_path / "w.bin").write_bytes(K1.astype(np.float16).tobytes())
    file = model(
        tmp_path,
        [{"paths": ["w.bin"], "weights": [entry("fc/kernel", K1, quantization={"dtype": "float16"})]}],
    )
    np.testing.assert_array_equal(load_weights(file).kernel, K1.astype(np.float16).astype(np.float32))


def _one(**changes):
    return [{"paths": ["1of2.bin", "2of2.bin"], "weights": [{**ENTRIES[0], **changes}]}]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (_one(), "its tensors take 80 bytes, 1of2.bin, 2of2.bin have 156"),
        (_one(shape=[1 << 62, 1 << 62]), f"its tensors take {1 << 126} bytes"),
        (_one(shape=[-1, 4]), "expected whole numbers for its shape"),
        (_one(shape=[1.5]), "expected whole numbers for its shape"),
        (_one(shape=3), "expected name, shape, dtype and quantization"),
        (_one(name=3), "expected names of tensors"),
        (_one(dtype="string"), "has dtype string"),
        (_one(dtype=["float32"]), "has dtype ['float32']"),
        (_one(quantization={"dtype": "uint8"}), "expected name, shape, dtype and quantization"),
        (_one(quantization={"dtype": "uint8", "scale": "x", "min": 0}), "expected name, shape, dtype"),
        ([{"paths": ["1of2.bin", "2of2.bin"], "weights": [*ENTRIES[:3], ENTRIES[2]]}], "have 156"),
        ([{"paths": "1of2.bin", "weights": []}], "paths: expected the names of files"),
        ([{"paths": [], "weights": 3}], "weights: expected a list"),
        ([{"paths": ["gone"], "weights": []}], "weights in 'gone': No such file"),
        ([{"paths": ["../model.json"], "weights": []}], "expected a file inside the model's folder"),
        ([3], "expected a list of paths and weights"),
        ({"a": 1}, "expected a list of paths and weights"),
    ],
)
def test_a_manifest_that_lies_is_refused(tmp_path, groups, message):
    split(tmp_path)
    file = model(tmp_path, groups)
    with pytest.raises(FileFormatError) as error:
        heads(file)
    assert message in str(error.value)


def test_two_tensors_of_one_name_are_refused(tmp_path):
    (tmp_path / "w.bin").write_bytes(2 * B1.tobytes())
    file = model(tmp_path, [{"paths": ["w.bin"], "weights": [ENTRIES[1], ENTRIES[1]]}])
    assert refused(file, FileFormatError).endswith("two tensors are named dense/bias")


# --- recognized and not read ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "what", "hint"),
    [
        ("m.tflite", b"\x1c\0\0\0TFL3" + bytes(20), "a TensorFlow Lite model", "tf2onnx.convert --tflite"),
        ("m.gguf", b"GGUF\3\0\0\0" + bytes(20), "a GGUF model", "gguf.quants.dequantize"),
        ("m.h5.gz", b"\x1f\x8b\x08" + bytes(20), "what gzip has compressed", "unpack it"),
        ("m.npz", b"\x28\xb5\x2f\xfd" + bytes(20), "what Zstandard has compressed", "unpack it"),
        ("m.tar", b"m/w.npy" + bytes(300), "a tar archive", "unpack it"),
        ("m.mlmodel", b"\x08\x04" + bytes(20), "a Core ML model", "converted from"),
        ("m.pb", b"\x0a\x20" + bytes(20), "a graph of TensorFlow", "tf2onnx.convert --graphdef"),
        ("m.joblib", b"x\x9c" + bytes(20), "a compressed pickle of joblib", "coef_=model.coef_"),
    ],
)
def test_what_is_recognized_and_not_read_says_what_it_is_and_what_to_do(tmp_path, name, content, what, hint):
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(FileFormatError) as error:
        heads(file)
    assert str(error.value) == f"{file}: {what} is not read"
    assert hint in str(error.value.hint)


def test_a_pickle_of_something_else_tells_how_a_linear_model_is_saved(tmp_path):
    import pickle

    file = tmp_path / "m.pkl"
    file.write_bytes(pickle.dumps({"coef_": [1.0]}))
    with pytest.raises(FileFormatError) as error:
        heads(file)
    assert str(error.value) == f"{file}: a pickle that is none of PyTorch's"
    assert "coef_=model.coef_" in str(error.value.hint)


def test_folders_say_what_they_are(tmp_path):
    for name in ("saved", "m.mlpackage", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "saved" / "saved_model.pb").touch()
    (tmp_path / "other" / "w.h5").touch()
    assert refused(tmp_path / "saved", FileFormatError) == "a SavedModel of TensorFlow is not read"
    assert refused(tmp_path / "m.mlpackage", FileFormatError) == "a Core ML model is not read"
    with pytest.raises(IsADirectoryError):
        heads(tmp_path / "other")


def test_a_zip_archive_of_a_folder_is_to_be_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr("m/saved_model.pb", b"")
    assert refused(tmp_path / "m.zip", FileFormatError) == "a zip archive of m/saved_model.pb is not read"


def test_an_input_of_such_a_kind_says_so_too(run, here):
    (here / "m.gguf").write_bytes(b"GGUF\3\0\0\0" + bytes(20))
    ran = run("predict", "m.gguf", "-u", "3")
    assert (ran.out, ran.code) == (b"", 2)
    assert ran.err.startswith("Error: m.gguf: a GGUF model is not read\nHint: ")
