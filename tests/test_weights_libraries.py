"""What the libraries of weight files crash on, loop over or take on trust; most was found by fuzzing."""

from __future__ import annotations

import json
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
import pytest
from helpers import refused
from hostile import torchfiles
from hostile.promise import require_kept
from onnx import helper

from dense_cli.errors import DenseCliError
from dense_cli.heads import heads, load_weights
from dense_cli.heads.kerasconfig import layers

K = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def h5(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that makes an HDF5 file."""

    def write(fill: Callable[[Any], object], **options: Any) -> Path:
        file = tmp_path / "w.weights.h5"
        with h5py.File(file, "w", **options) as root:
            fill(root)
        return file

    return write


# --- HDF5 --------------------------------------------------------------------------------------------


def patched(path: Path, *edits: tuple[bytes, int, bytes]) -> Path:
    """Set bytes at places counted from the last of a signature in a file."""
    content = bytearray(path.read_bytes())
    for signature, offset, value in edits:
        at = content.rindex(signature) + offset
        content[at : at + len(value)] = value
    path.write_bytes(content)
    return path


def test_a_damaged_index_of_chunks_is_not_asked_for_its_size(h5):
    def fill(root):
        root.create_dataset("layers/dense/vars/0", data=K, chunks=(2, 2), maxshape=(None, None))

    file = patched(h5(fill, libver="latest"), (b"BTHD", 0, b"X"))
    assert refused(file).startswith("not a readable HDF5 file (truncated or damaged?): ")


def test_a_filter_of_checksums_is_refused(h5):
    def fill(root):
        root.create_dataset("kernel", data=K, chunks=(2, 2), compression="gzip", fletcher32=True)

    file = patched(h5(fill), (b"TREE\x01", 24, bytes(4)))  # a chunk of 0 bytes, checksum and all
    assert refused(file) == "kernel: HDF5 filter 3: expected deflate, shuffle"


def test_a_list_of_free_places_that_goes_round_is_not_walked(h5):
    file = h5(lambda root: root.create_dataset("kernel", data=K))
    content = file.read_bytes()
    at = content.index(b"HEAP")
    _, free, data = struct.unpack_from("<QQQ", content, at + 8)
    file.write_bytes(content[: data + free] + struct.pack("<Q", free) + content[data + free + 8 :])
    assert refused(file) == f"damaged HDF5: a list of free places goes round (heap {at})"


def test_attributes_that_claim_texts_without_end_are_refused(tmp_path):
    kind = struct.pack("<BHxIBxxxI", 0x19, 1, 16, 0x13, 1).ljust(24, b"\0")
    space = struct.pack("<BBB5xQ", 1, 1, 0, 1 << 40)
    message = struct.pack("<BBHHH", 1, 0, 5, 24, 8) + b"name\0\0\0\0" + kind + space
    file = tmp_path / "w.h5"
    file.write_bytes(b"\x89HDF\r\n\x1a\n" + message * 5000)
    assert refused(file).startswith("damaged HDF5: ")


def test_many_names_of_one_text_are_refused(h5):
    def fill(root):
        root.attrs["layer_names"] = np.array(["x" * 100_000, *["y"] * 4000], object)
        root.create_dataset("kernel", data=K)

    file = h5(fill)
    content = bytearray(file.read_bytes())
    at = content.index(struct.pack("<I", 100_000))
    content[at : at + 16 * 4001] = content[at : at + 16] * 4001
    file.write_bytes(content)
    assert refused(file).startswith("damaged HDF5: its texts claim more than the ")


@pytest.mark.parametrize("kind", ["committed", "compound"])
def test_a_config_that_is_no_plain_text_is_not_read(h5, kind):
    def fill(root):
        text = h5py.string_dtype()
        if kind == "committed":
            root["kind"] = np.dtype(text)
            root.attrs.create("model_config", "{}", dtype=root["kind"])
        else:
            root.attrs.create("model_config", np.array(("{}",), [("text", text)]))
        root.create_dataset("kernel", data=K)

    np.testing.assert_array_equal(load_weights(h5(fill)).kernel, K)


def test_lists_of_names_in_pieces_are_joined_and_empty_or_repeated_ones_end(h5):
    def pieces(root):
        for i, names in enumerate([["a", "b"], ["c"]]):
            root.attrs[f"layer_names{i}"] = np.array(names, "S1")
        for name in "abc":
            root.create_group(name).attrs["weight_names"] = np.array([f"{name}/kernel"], "S8")
            root[name].create_dataset(f"{name}/kernel", data=K)

    assert [head.name for head in heads(h5(pieces))] == ["a", "b", "c"]

    def empty(root):
        root.attrs.create("layer_names0", np.array([], "S1"))
        root.create_dataset("kernel", data=K)

    np.testing.assert_array_equal(load_weights(h5(empty)).kernel, K)

    def repeated(root):
        root.attrs["layer_names"] = np.array(["a"] * 60_000, "S1")
        root.create_group("a").create_dataset("b", data=K)
        root["a"].attrs["weight_names"] = np.array(["b"] * 60_000, "S1")

    assert refused(h5(repeated)) == "damaged HDF5: layer_names names one twice"

    def repeated_in_pieces(root):
        for i in range(2):
            root.attrs[f"layer_names{i}"] = np.array(["a"], "S1")
        root.create_group("a").create_dataset("kernel", data=K)

    assert refused(h5(repeated_in_pieces)) == "damaged HDF5: layer_names names one twice"


def test_a_dataset_that_is_linked_twice_is_refused(h5):
    def fill(root):
        root["again"] = root.create_dataset("kernel", data=K)

    assert refused(h5(fill)).endswith("is linked twice: expected a tree")


@pytest.mark.parametrize("name", ["dense_²", "dense_" + "1" * 5000])
def test_odd_numbers_of_layers_are_names(h5, name):
    file = h5(lambda root: root.create_dataset(f"layers/{name}/vars/0", data=K))
    np.testing.assert_array_equal(load_weights(file).kernel, K)


def test_names_of_json_that_multiply_are_refused(tmp_path):
    file = tmp_path / "w.json"
    file.write_text(json.dumps({"k" * 100_000: {str(i): [] for i in range(2000)}}))
    assert refused(file) == "expected at most 67108864 characters of names"


def test_long_tails_of_graphs_and_models_take_little_time(tmp_path):
    made = [helper.make_node("MatMul", ["x", "k"], ["v0"])]
    made += [helper.make_node("Identity", [f"v{i}"], [f"v{i + 1}"]) for i in range(50_000)]
    graph = helper.make_graph(
        made,
        "g",
        [helper.make_tensor_value_info("x", 1, [1, 4])],
        [helper.make_tensor_value_info("v50000", 1, [1, 3])],
        [onnx.numpy_helper.from_array(K, "k")],
    )
    (tmp_path / "m.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    np.testing.assert_array_equal(load_weights(tmp_path / "m.onnx").kernel, K)
    names = [f"d{i}" for i in range(50_000)]
    dropouts = [{"class_name": "Dropout", "config": {"name": name}} for name in names]
    dense = {"class_name": "Dense", "config": {"name": "fc", "activation": "softmax"}}
    config = {"class_name": "Sequential", "config": {"layers": [dense, *dropouts]}}
    (found,) = (layer for layer in layers(config) if layer.dense)
    assert (found.names, found.output) == (("fc",), True)


@pytest.mark.parametrize(
    "weights",
    [
        {"kernel": [[1, 2]], "bias": []},
        {"kernel": [[], []]},
        {"kernel": [[1, 2]], "bias": [[1, 2], [3, 4]]},
        {"kernel": [[1, 2]], "bias": [[1, 2, 3]]},
    ],
    ids=str,
)
def test_info_refuses_weights_whose_shapes_do_not_fit(tmp_path, run, weights):
    (tmp_path / "w.json").write_text(json.dumps(weights))
    ran = run("info", tmp_path / "w.json")
    assert ran.code == 2
    assert ran.err.startswith(f"Error: {tmp_path}/w.json: ")
    assert "a fault of densecli" not in ran.err


def test_heads_beyond_64_bits_are_json(tmp_path, run):
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "k"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", 1, [1, 4])],
        [helper.make_tensor_value_info("y", 1, [1, 3])],
        [onnx.TensorProto(name="k", data_type=1, dims=[2**62, 2**62])],
    )
    (tmp_path / "m.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    found = json.loads(run("heads", tmp_path / "m.onnx", "-f", "json").out)
    assert found["heads"][0]["parameters"] == 2**63 - 1
    assert run("info", tmp_path / "m.onnx").code == 2


def test_names_that_are_not_utf_8_are_shown_escaped_in_json(h5, run):
    def fill(root):
        root.create_dataset("layers/dense/vars/0", data=K)
        root["layers/dense/vars"].attrs.create("name", b"d\xff", dtype=h5py.string_dtype())

    ran = run("heads", h5(fill), "-f", "json")
    assert json.loads(ran.out)["heads"][0]["name"] == "d\\udcff"


# --- PyTorch ---------------------------------------------------------------------------------------


def legacy(numel: int, shape: tuple[int, ...], stride: tuple[int, ...], keys: bytes = b"\x80\x02].") -> bytes:
    """Return a file of PyTorch's old format, whose only storage claims ``numel`` numbers."""

    def number(n: int) -> bytes:
        return pickle.dumps(n, 2)[2:-1]

    system = {
        "protocol_version": 1001,
        "little_endian": True,
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps(system, 2)
    rebuild = b"\x80\x02}(X\x09\0\0\0fc.weightctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storage"
    rebuild += b"ctorch\nFloatStorage\nX\x01\0\0\0kX\x03\0\0\0cpu" + number(numel) + b"NtQ" + number(0)
    rebuild += b"(" + b"".join(map(number, shape)) + b"t(" + b"".join(map(number, stride))
    return head + rebuild + b"t\x89ccollections\nOrderedDict\n)RtRu." + keys


def test_storages_of_pytorch_that_hold_no_numbers_are_refused(tmp_path):
    file = tmp_path / "m.pth"
    file.write_bytes(legacy(12, (3, 4), (4, 1)))
    assert refused(file) == "damaged: no numbers of storage k"
    file.write_bytes(legacy(12, (3, 4), (4, 1), b"\x80\x02X\xff\xff\xff\xef"))  # a text of 4 GB
    assert refused(file).startswith("not a PyTorch file: expected 4026531839 bytes")
    keys = b"\x80\x02]X\x01\0\0\0ka."
    file.write_bytes(legacy(12, (3, 4), (4, 1), keys) + struct.pack("<q", 12) + K.tobytes())
    np.testing.assert_array_equal(load_weights(file).kernel, K.reshape(3, 4).T)


def test_storages_of_pytorch_beyond_their_record_are_refused(tmp_path):
    content = torchfiles.state(b"X\x09\0\0\0fc.weight", torchfiles.tensor((4, 6), (6, 1)))
    (tmp_path / "n.pt").write_bytes(torchfiles.archive(content, **{"0": K.tobytes()}))
    assert refused(tmp_path / "n.pt") == "fc.weight: damaged: it needs 96 bytes of a storage of 48"


def test_pickles_that_end_the_process_when_they_are_hashed_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}(" + b")" + b"\x85" * 300_000 + b"K\x01u.")
        archive.writestr("a/version", "3\n")
    assert refused(tmp_path / "m.pt") == "not a PyTorch file: a key that is no plain value"


def test_odd_tensors_of_pytorch_are_read_or_refused(tmp_path, run):
    torch = pytest.importorskip("torch")
    weight = torch.tensor(K)
    torch.save({"fc.weight": torch.complex(weight, weight + 1).conj().imag}, tmp_path / "m.pt")
    np.testing.assert_array_equal(load_weights(tmp_path / "m.pt").kernel, -(K + 1).T)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nested tensors are a prototype
        nested = torch.nested.nested_tensor([torch.ones(3, 4), torch.ones(2, 4)])
    for content in (
        {"fc.weight": nested},
        {"fc\ud800.weight": weight},
        {"fc.weight": torch.ones(0, 4)},
        {"fc.weight": torch.complex(weight, weight)},
        {"fc.weight": weight, "fc.bias": torch.tensor(1.0)},
        {"fc.weight": torch.ones(1).bfloat16().expand(30000, 30000)},
    ):
        torch.save(content, tmp_path / "m.pt")
        refused(tmp_path / "m.pt", DenseCliError)
        for command in ("info", "heads"):
            ran = run(command, tmp_path / "m.pt", "-f", "json")
            require_kept(command, ran.code, ran.out, ran.err)
