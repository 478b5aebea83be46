"""Weight files that are damaged, lie, or are made to do harm: each ends in one error, in little memory."""

from __future__ import annotations

import io
import json
import pickle
import random
import resource
import shutil
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers import refused

from dense_cli.errors import DenseCliError, DtypeError, FileFormatError, ShapeError, SizeError
from dense_cli.heads import heads, load_weights

pytestmark = pytest.mark.posix

DATA = Path(__file__).parent / "data" / "weights"
K, B = np.arange(12, dtype=np.float32).reshape(4, 3), np.ones(3, np.float32)


def npy(array: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **options)
    return file.getvalue()


def claim(shape: tuple[int, ...], descr: str = "<f4") -> bytes:
    """The NPY header of an array that is not there."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue()


# --- NPZ ------------------------------------------------------------------------------------------


@pytest.fixture
def npz(tmp_path):
    def write(*members: tuple[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
        file = tmp_path / "w.npz"
        with zipfile.ZipFile(file, "w", compression) as archive:
            for name, content in members:
                archive.writestr(name, content)
        return file

    return write


def bomb(folder: Path) -> Path:
    """An NPZ of 130 kB whose kernel inflates to 128 MiB."""
    file = folder / "bomb.npz"
    rows = (1 << 25) // 3
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("kernel.npy", "w", force_zip64=True) as member:
            member.write(claim((rows, 3)))
            left = rows * 3 * 4
            while left:
                member.write(bytes(min(left, 1 << 24)))
                left -= min(left, 1 << 24)
        archive.writestr("bias.npy", npy(B))
    return file


def test_a_bomb_is_refused_by_shape_and_by_ratio_in_little_memory(tmp_path):
    file = bomb(tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refused(file, ShapeError, features=4).startswith("kernel: the kernel expects 11184810 features")
    assert "134217720: a decompression bomb?" in refused(file, SizeError)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_a_kernel_of_zeros_under_the_limit_is_no_bomb(npz):
    zeros = np.zeros((4096, 4096), np.float32)
    assert load_weights(npz(("kernel.npy", npy(zeros)))).kernel.shape == (4096, 4096)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_header_that_claims_more_than_its_member_is_refused(npz, compression):
    file = npz(("kernel.npy", claim((10**9, 3)) + b"1234"), compression=compression)
    assert (
        refused(file) == "kernel: shape (1000000000, 3) of float32 is 12000000000 bytes, the member holds 4"
    )


def test_an_object_array_is_refused_as_a_pickle_and_never_loaded(npz, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "PWNED"), "w"))

    evil = npy(np.array([[Evil()]], object), allow_pickle=True)
    for members in ((("kernel.npy", evil),), (("kernel.npy", npy(K)), ("bias.npy", evil))):
        assert refused(npz(*members), DtypeError).endswith(": object array (a pickle): never loaded")
    assert load_weights(npz(("kernel.npy", npy(K)), ("other.npy", evil))).kernel.shape == (4, 3)
    assert not (tmp_path / "PWNED").exists()


@pytest.mark.parametrize("dtype", ["c8", "U3", "S3", "M8[s]", "i4,i4"])
def test_a_kernel_that_is_no_real_numbers_is_refused(npz, dtype):
    assert refused(npz(("kernel.npy", npy(np.zeros((4, 3), dtype)))), DtypeError).startswith("kernel: ")


def test_an_encrypted_member_is_refused(npz):
    file = npz(("kernel.npy", npy(K)), compression=zipfile.ZIP_STORED)
    content = bytearray(file.read_bytes())
    content[content.index(b"PK\x03\x04") + 6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    file.write_bytes(content)
    assert refused(file) == "kernel.npy: encrypted zip member: expected one without a password"


def test_other_compressions_are_refused_by_number(npz):
    file = npz(("kernel.npy", npy(K)), compression=zipfile.ZIP_LZMA)
    assert refused(file) == "kernel.npy: zip compression 14: expected stored or deflated"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(npz):
    file = npz(("kernel.npy", npy(K)), ("kernel.npy", npy(K + 1)))
    assert refused(file) == "the zip archive has 2 members named kernel.npy"


def test_a_directory_that_disagrees_with_its_members_is_refused(npz):
    file = npz(("kernel.npy", npy(K)), compression=zipfile.ZIP_STORED)
    content = bytearray(file.read_bytes())
    at = content.index(b"PK\x01\x02") + 20
    struct.pack_into("<II", content, at, 1 << 30, 1 << 30)
    file.write_bytes(content)
    assert refused(file)
    struct.pack_into("<II", content, at, 176, 1 << 30)
    file.write_bytes(content)
    assert refused(file) == "kernel.npy: the zip directory claims 1073741824 bytes, 176 are stored"


def test_names_that_climb_are_only_names(npz, tmp_path):
    file = npz(("../../kernel.npy", npy(K)), ("../../bias.npy", npy(B)))
    before = sorted(tmp_path.parent.rglob("*"))
    assert load_weights(file).bias.shape == (3,)
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_damaged_deflate_is_refused(npz):
    file = npz(("kernel.npy", npy(np.random.default_rng(0).normal(size=(40, 30)))))
    content = bytearray(file.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 40] = bytes(40)
    file.write_bytes(content)
    assert "zip archive" in refused(file)


def test_a_flipped_bit_in_a_stored_kernel_is_refused(npz):
    file = npz(("kernel.npy", npy(np.ones((400, 300)))), compression=zipfile.ZIP_STORED)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert refused(file) == "kernel: damaged: its bytes do not have the archive's checksum"


def test_an_empty_archive_says_what_is_missing(npz):
    assert refused(npz()) == "no kernel: expected kernel and bias, or weight and bias, found none"
    file = npz(("foo.npy", npy(K)), ("bar.npy", npy(B)))
    assert refused(file) == "no kernel: expected kernel and bias, or weight and bias, found foo, bar"


# --- safetensors ----------------------------------------------------------------------------------


def safetensors(folder: Path, header: object, data: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    file = folder / "w.safetensors"
    file.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return file


def entry(dtype: str, shape: list[int], start: int, end: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def test_bfloat16_and_float16_safetensors_become_float32(tmp_path):
    bits = np.array([0x3F80, 0xC000, 0x4049, 0], "<u2")  # 1, -2, 3.140625, 0
    file = safetensors(tmp_path, {"kernel": entry("BF16", [2, 2], 0, 8)}, bits.tobytes())
    loaded = load_weights(file)
    assert loaded.head.dtype == "bfloat16"
    np.testing.assert_array_equal(loaded.kernel, np.array([[1, -2], [3.140625, 0]], np.float32))
    half = np.array([[1, -2], [0.5, 0]], "<f2")
    file = safetensors(tmp_path, {"kernel": entry("F16", [2, 2], 0, 8)}, half.tobytes())
    np.testing.assert_array_equal(load_weights(file).kernel, half.astype(np.float32))


def test_tensors_at_odd_places_are_read_whole(tmp_path):
    text = json.dumps({"kernel": entry("F32", [4, 3], 0, 48)}).encode()
    for pad in range(8):
        file = safetensors(tmp_path, text + b" " * pad, K.tobytes())
        kernel = load_weights(file).kernel
        assert kernel.flags.aligned
        np.testing.assert_array_equal(kernel, K)


@pytest.mark.parametrize(
    ("header", "data", "length"),
    [
        ({"kernel": entry("F32", [4, 3], 0, 48)}, K.tobytes()[:20], None),
        ({"kernel": entry("F32", [4, 3], 0, 48)}, K.tobytes(), 2**63 - 1),
        ({"kernel": entry("F32", [4, 3], 0, 48)}, K.tobytes(), 9),
        ({"kernel": entry("F32", [4, 3], 8, 56)}, K.tobytes(), None),
        ({"kernel": entry("F32", [4, 4], 0, 48)}, K.tobytes(), None),
        ({"kernel": entry("F32", [-4, -3], 0, 48)}, K.tobytes(), None),
        ({"kernel": entry("F32", [2**62, 2**62], 0, 48)}, K.tobytes(), None),
        ({"kernel": entry("F7", [4, 3], 0, 48)}, K.tobytes(), None),
        ({"kernel": 1}, b"", None),
        (b"[" * 2000, b"", None),
        (b"\xff\xfe", b"", None),
        (b"", b"", None),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path, header, data, length):
    assert refused(safetensors(tmp_path, header, data, length)).startswith(
        ("not a readable safetensors file: ", "damaged or renamed: the suffix says safetensors")
    )


def test_floats_of_eight_bits_are_read_and_dtypes_that_are_no_numbers_refused_by_name(tmp_path):
    # Of each kind: 1, -2, the largest, the smallest, and what is neither.
    for kind, bits, largest in (("F8_E4M3", "38C07E01", 448), ("F8_E5M2", "3CC07B01", 57344)):
        file = safetensors(tmp_path, {"kernel": entry(kind, [2, 2], 0, 4)}, bytes.fromhex(bits))
        smallest = 2.0**-9 if kind == "F8_E4M3" else 2.0**-16
        np.testing.assert_array_equal(load_weights(file).kernel, [[1, -2], [largest, smallest]])
    file = safetensors(tmp_path, {"kernel": entry("F8_E4M3", [1, 2], 0, 2)}, b"\x38\xff")
    assert refused(file, DtypeError) == "kernel[0, 1]: expected a finite number, found nan"
    file = safetensors(tmp_path, {"kernel": entry("F8_E8M0", [4, 3], 0, 12)}, bytes(12))
    assert refused(file, DtypeError).startswith("kernel has dtype F8_E8M0: expected one of F64, F32")


# --- JSON -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (
            {"kernel": [[1, 2], [3]]},
            ShapeError,
            "kernel: ragged: [1] has length 1, [0] has length 2: all rows must have the same length",
        ),
        (
            {"kernel": [[1, 2], 3]},
            ShapeError,
            "kernel: ragged: found a number at [1], expected a list as elsewhere at that depth",
        ),
        ({"kernel": [[1, "2"]]}, DtypeError, "kernel: expected a number, found a string '2' at [0][1]"),
        ({"kernel": [[1, None]]}, DtypeError, "kernel: expected a number, found null at [0][1]"),
        ({"kernel": [[1, True]]}, DtypeError, "kernel: expected a number, found true or false at [0][1]"),
        (
            {"kernel": [[1, 2]], "bias": [1, {}]},
            DtypeError,
            "bias: expected a number, found an object at [1]",
        ),
        (
            {"kernel": [[[1]]]},
            ShapeError,
            "kernel has rank 3 (shape (1, 1, 1)): expected a kernel of rank 2 (features, units)",
        ),
        ({"x": 1}, FileFormatError, "no kernel: expected kernel and bias, or weight and bias, found none"),
        ([1], FileFormatError, "expected an object of arrays, found a list"),
    ],
)
def test_json_that_holds_no_head_is_refused(tmp_path, value, kind, message):
    file = tmp_path / "w.json"
    file.write_text(json.dumps(value))
    assert refused(file, kind) == message


@pytest.mark.parametrize(
    "text", ['{"kernel": [[1, 2]', '{"a":' * 3000, '{"kernel": [[NaN]]}', "\x00", '{"k": "\xff"}']
)
def test_broken_json_is_refused(tmp_path, text):
    file = tmp_path / "w.json"
    file.write_bytes(text.encode("latin-1"))
    assert refused(file).startswith("not JSON: ")


# --- HDF5 and .keras ------------------------------------------------------------------------------


@pytest.fixture
def h5(tmp_path):
    h5py = pytest.importorskip("h5py")

    def write(fill, name: str = "w.weights.h5") -> Path:
        file = tmp_path / name
        with h5py.File(file, "w") as root:
            fill(root, h5py)
        return file

    return write


def dense(root, kernel=K, bias=B) -> None:
    group = root.create_group("layers/dense/vars")
    group["0"], group["1"] = kernel, bias


def test_gzip_and_shuffle_are_read_and_other_filters_are_refused(h5):
    def fill(root, h5py):
        dense(root)
        del root["layers/dense/vars/0"]
        root.create_dataset("layers/dense/vars/0", data=K, compression="gzip", shuffle=True)

    np.testing.assert_array_equal(load_weights(h5(fill)).kernel, K)

    def fill(root, h5py):
        dense(root)
        del root["layers/dense/vars/0"]
        root.create_dataset("layers/dense/vars/0", data=K, compression="lzf")

    assert refused(h5(fill)) == "layers/dense/vars/0: HDF5 filter 32000: expected deflate, shuffle"


@pytest.mark.parametrize("kind", ["external", "soft"])
def test_links_are_refused(h5, kind):
    def fill(root, h5py):
        dense(root)
        del root["layers/dense/vars/0"]
        link = h5py.ExternalLink("/etc/passwd", "/") if kind == "external" else h5py.SoftLink("/elsewhere")
        root["layers/dense/vars/0"] = link

    assert refused(h5(fill)) == f"layers/dense/vars/0 is an HDF5 {kind} link: densecli follows none"


def test_external_storage_is_refused(h5, tmp_path):
    (tmp_path / "secret").write_bytes(K.tobytes())

    def fill(root, h5py):
        root.create_dataset("kernel", (4, 3), "f4", external=[(str(tmp_path / "secret"), 0, 48)])

    assert refused(h5(fill)) == "kernel: external HDF5 storage: its numbers are in other files"


def test_virtual_datasets_are_refused(h5, tmp_path):
    def fill(root, h5py):
        layout = h5py.VirtualLayout((4, 3), "f4")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "kernel", (4, 3))
        root.create_virtual_dataset("kernel", layout)

    assert refused(h5(fill)) == "kernel: virtual HDF5 dataset: its numbers are in other files"


def test_a_group_that_holds_itself_is_refused(h5):
    def fill(root, h5py):
        dense(root)
        root["layers/again"] = root["layers"]

    assert refused(h5(fill)) == "the HDF5 object layers/again is linked twice: expected a tree"


@pytest.mark.parametrize("chunks", [None, (1 << 16, 4)])
def test_a_shape_without_numbers_behind_it_is_refused(h5, chunks):
    def fill(root, h5py):
        root.create_dataset("kernel", (1 << 32, 4), "f4", chunks=chunks)

    file = h5(fill)
    assert file.stat().st_size < 1 << 16
    assert refused(file, SizeError).startswith(
        "kernel: shape (4294967296, 4) would take 68719476736 bytes (64.0 GiB), more than 4 GiB"
    )
    assert refused(file, ShapeError, features=4).startswith("kernel: the kernel expects 4294967296 features")


def test_a_small_shape_without_numbers_behind_it_is_refused(h5):
    def fill(root, h5py):
        root.create_dataset("kernel", (400, 300), "f4")

    assert refused(h5(fill)) == "kernel: claims a size of 480000 bytes (shape (400, 300)), 0 are stored"


def test_a_compressed_bomb_is_refused(h5):
    def fill(root, h5py):
        root.create_dataset("kernel", (1 << 22, 8), "f4", compression="gzip", chunks=(1 << 18, 8))
        root["kernel"][: 1 << 18] = 0

    assert "a decompression bomb?" in refused(h5(fill), SizeError)


@pytest.mark.parametrize("value", [np.zeros((4, 3), "c8"), np.full((4, 3), b"x", "S1")])
def test_hdf5_kernels_that_are_no_real_numbers_are_refused(h5, value):
    def fill(root, h5py):
        root["kernel"] = value

    assert refused(h5(fill), DtypeError).startswith("kernel: ")


def test_free_space_without_a_size_is_refused_before_hdf5_goes_round_in_it(tmp_path):
    content = bytearray((DATA / "b_seq2seq_td.h5").read_bytes())
    heap = content.index(b"GCOL")
    size = int.from_bytes(content[heap + 8 : heap + 16], "little")
    at = heap + 16
    while index := int.from_bytes(content[at : at + 2], "little"):
        at += 16 + -(-int.from_bytes(content[at + 8 : at + 16], "little") // 8) * 8
    assert (index, int.from_bytes(content[at + 8 : at + 16], "little")) == (0, heap + size - at)
    content[at + 8 : at + 16] = bytes(8)
    file = tmp_path / "w.h5"
    file.write_bytes(content)
    assert refused(file).startswith("damaged HDF5: a text claims a size of ")


@pytest.mark.parametrize("name", ["c_nested.h5", "c_nested.weights.h5"])
def test_a_text_that_claims_what_is_not_there_is_refused_before_hdf5_believes_it(tmp_path, name):
    content = bytearray((DATA / name).read_bytes())
    key = b"model_config\0" if name == "c_nested.h5" else b"name\0"
    start = content.index(key)
    kind = -(-(len(key)) // 8) * 8 if content[start - 8] == 1 else len(key)
    sizes = struct.unpack_from("<HH", content, start - (4 if content[start - 8] == 1 else 5))
    step = 8 if content[start - 8] == 1 else 1
    reference = start + kind + sum(-(-size // step) * step for size in sizes)
    file = tmp_path / name
    for at, value in ((reference, 0xFFFFFFFF), (reference + 4, 0xFFFF), (reference + 12, 0xFFFF)):
        struct.pack_into("<I", damaged := bytearray(content), at, value)
        file.write_bytes(damaged)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert refused(file).startswith("damaged HDF5: a text claims a size of ")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def keras_zip(file: Path, config: object, weights: bytes, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
        archive.writestr("model.weights.h5", weights)
    return file


def a_dense() -> tuple[dict, bytes]:
    with zipfile.ZipFile(DATA / "a_sequential_dense.keras") as archive:
        return json.loads(archive.read("config.json")), archive.read("model.weights.h5")


def test_a_compressed_archive_gives_the_same_head(tmp_path):
    file = keras_zip(tmp_path / "m.keras", *a_dense(), compression=zipfile.ZIP_DEFLATED)
    expected = load_weights(DATA / "a_sequential_dense.keras")
    np.testing.assert_array_equal(load_weights(file).kernel, expected.kernel)


def test_a_lambda_layer_is_never_run(tmp_path):
    config, stored = a_dense()
    code = {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None, "closure": None}}
    layer = {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "evil", "function": code}}
    config["config"]["layers"].append(layer)
    file = keras_zip(tmp_path / "m.keras", config, stored)
    assert load_weights(file).head.name == "dense"
    with pytest.raises(DenseCliError, match="'evil' is no Dense layer but a Lambda"):
        load_weights(file, "evil")


@pytest.mark.parametrize("config", ["{", "[" * 2000, "\x00", "NaN"])
def test_a_config_that_is_no_json_is_refused(tmp_path, config):
    file = keras_zip(tmp_path / "m.keras", config, a_dense()[1])
    assert refused(file).startswith("config.json: the model's config is not JSON: ")


@pytest.mark.parametrize(
    "config",
    [
        [],
        7,
        {"class_name": "Sequential"},
        {"class_name": "Sequential", "config": {"layers": {"a": 1}}},
        {"class_name": "Sequential", "config": {"layers": [1, None, {"class_name": 5, "config": []}]}},
        {"class_name": "Functional", "config": {"layers": [], "output_layers": [[[]], {"a": 1}, 3]}},
        {
            "class_name": "Functional",
            "config": {
                "layers": [
                    {"class_name": "Activation", "config": {"name": "a"}, "inbound_nodes": [[["a", 0, 0]]]}
                ],
                "output_layers": [["a", 0, 0]],
            },
        },
    ],
)
def test_configs_of_a_wrong_form_end_in_an_error_or_in_the_heads(tmp_path, config):
    file = keras_zip(tmp_path / "m.keras", config, a_dense()[1])
    try:
        assert [head.kernel_shape for head in heads(file)] == [(3, 3)]
    except FileFormatError as error:
        assert "no kernel of a Dense layer" in str(error)  # noqa: PT017 - either way is right


def test_models_nested_without_end_are_refused(tmp_path):
    config: dict = {"class_name": "Sequential", "config": {"name": "m", "layers": []}}
    for _ in range(150):
        config = {"class_name": "Sequential", "config": {"name": "m", "layers": [config]}}
    assert "nested" in refused(keras_zip(tmp_path / "m.keras", config, a_dense()[1]))


def test_sharded_and_incomplete_archives_are_refused_by_name(tmp_path):
    file = tmp_path / "m.keras"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.json", "{}")
    assert refused(file) == "sharded weights (model.weights.json): expected one model.weights.h5"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", "{}")
    assert refused(file) == "no model.weights.h5 in the Keras archive: found config.json"


def test_a_bias_that_the_config_promises_and_the_file_lacks_is_refused(tmp_path):
    pytest.importorskip("h5py")
    config, stored = a_dense()
    import h5py

    memory = io.BytesIO(stored)
    with h5py.File(memory, "r+") as root:
        del root["layers/dense/vars/1"]
    file = keras_zip(tmp_path / "m.keras", config, memory.getvalue())
    assert refused(file) == "head 'dense': its config says use_bias, and no bias is stored"


# --- ONNX -----------------------------------------------------------------------------------------


@pytest.fixture
def graph(tmp_path):
    onnx = pytest.importorskip("onnx")

    def write(nodes, constants: dict[str, np.ndarray], outputs=("y",), change=None) -> Path:
        helper, kinds = onnx.helper, onnx.TensorProto
        model = helper.make_model(
            helper.make_graph(
                [helper.make_node(*node[:3], **(node[3] if len(node) > 3 else {})) for node in nodes],
                "g",
                [helper.make_tensor_value_info("x", kinds.FLOAT, None)],
                [helper.make_tensor_value_info(name, kinds.FLOAT, None) for name in outputs],
                [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
            )
        )
        if change is not None:
            change(model.graph)
        file = tmp_path / "m.onnx"
        file.write_bytes(model.SerializeToString())
        return file

    return write


MATMUL = [("MatMul", ["x", "k"], ["m"]), ("Add", ["b", "m"], ["s"]), ("Softmax", ["s"], ["y"])]


@pytest.mark.parametrize(
    ("nodes", "constants", "activation", "transposed"),
    [
        (MATMUL, {"k": K, "b": B}, "softmax", False),
        ([("Gemm", ["x", "k", "b"], ["y"])], {"k": K, "b": B}, "linear", False),
        ([("Gemm", ["x", "k", "b"], ["y"], {"transB": 1})], {"k": K.T.copy(), "b": B}, "linear", True),
        (
            [("Transpose", ["k"], ["t"], {"perm": [1, 0]}), ("MatMul", ["x", "t"], ["m"]), *MATMUL[1:]],
            {"k": K.T.copy(), "b": B},
            "softmax",
            True,
        ),
    ],
)
def test_onnx_heads_are_found_in_every_spelling(graph, nodes, constants, activation, transposed):
    loaded = load_weights(graph(nodes, constants))
    assert (loaded.head.activation, loaded.head.output, loaded.head.transposed) == (
        activation,
        True,
        transposed,
    )
    np.testing.assert_array_equal(loaded.kernel, K)
    np.testing.assert_array_equal(loaded.bias, B)


def test_the_output_of_an_onnx_graph_is_chosen_among_its_heads(graph):
    nodes = [("MatMul", ["x", "first"], ["h"]), ("Relu", ["h"], ["x2"]), ("MatMul", ["x2", "last"], ["y"])]
    found = heads(graph(nodes, {"first": K, "last": K.T.copy()}))
    assert [(h.name, h.activation, h.output, h.use_bias) for h in found] == [
        ("first", "relu", False, False),
        ("last", "linear", True, False),
    ]


def test_an_onnx_graph_that_goes_round_in_a_circle_is_read_to_its_end(graph):
    nodes = [("MatMul", ["x", "k"], ["m"]), ("Max", ["m", "a"], ["r"]), ("Identity", ["r"], ["a"])]
    [head] = heads(graph(nodes, {"k": K}))
    assert (head.kernel_shape, head.activation, head.output) == ((4, 3), None, False)
    assert head.activation_refusal == "its activation is not known: Max node 'r' follows"


def test_onnx_nodes_that_lack_inputs_or_outputs_are_passed_over(graph):
    onnx = pytest.importorskip("onnx")
    value = {"value": onnx.numpy_helper.from_array(K, "v")}
    nodes = [
        ("Constant", [], [], value),
        ("MatMul", ["x", "k"], []),
        ("Gemm", ["x", "k"], []),
        ("Transpose", [], ["t"]),
        ("MatMul", ["x", "t"], ["q"]),
        *MATMUL,
    ]
    assert [head.kernel_shape for head in heads(graph(nodes, {"k": K, "b": B}))] == [(4, 3)]


def test_onnx_tensors_that_lie_are_refused(graph):
    def longer(graph):
        graph.initializer[0].dims[0] = 400

    assert refused(graph(MATMUL, {"k": K, "b": B}, change=longer)).startswith(
        "k: shape (400, 3) of float32 is 4800"
    )

    def negative(graph):
        graph.initializer[0].dims[0] = -4

    assert refused(graph(MATMUL, {"k": K, "b": B}, change=negative)).startswith("k: negative dimension")


def test_onnx_without_a_head_says_what_it_holds(graph):
    file = graph([("Relu", ["x"], ["y"])], {})
    assert refused(file).endswith("expected a Gemm or a MatMul with a constant matrix, found Relu")
    file.write_bytes(b"\x08\x0anonsense")
    assert refused(file)


# --- PyTorch --------------------------------------------------------------------------------------


def test_torch_state_dicts_are_found_where_they_stand(tmp_path):
    torch = pytest.importorskip("torch")
    state = {
        "emb.weight": torch.ones(9, 4),
        "fc.weight": torch.tensor(K.T.copy()),
        "fc.bias": torch.tensor(B),
    }
    for content in (state, {"epoch": 3, "state_dict": state}, {"model": state}):
        for zipped in (True, False):
            torch.save(content, tmp_path / "m.pt", _use_new_zipfile_serialization=zipped)
            loaded = load_weights(tmp_path / "m.pt")
            assert (loaded.head.name, loaded.head.transposed) == ("fc", True)
            np.testing.assert_array_equal(loaded.kernel, K)
    torch.save({"weight": torch.tensor(K).to(torch.bfloat16)}, tmp_path / "m.pt")
    np.testing.assert_array_equal(load_weights(tmp_path / "m.pt").kernel, K.T)


def test_a_pickle_of_anything_but_tensors_is_refused_and_not_run(tmp_path):
    torch = pytest.importorskip("torch")

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "PWNED"), "w"))

    file = tmp_path / "m.pt"
    file.write_bytes(pickle.dumps(Evil()))
    assert refused(file) == "a pickle that is none of PyTorch's"
    torch.save({"fc.weight": Evil()}, file)
    assert refused(file).startswith("no kernel: ")
    torch.save(torch.nn.Linear(2, 3), file)
    assert load_weights(file).kernel.shape == (2, 3)
    file.write_bytes(b"PK\x03\x04 cut")
    assert refused(file)
    assert not (tmp_path / "PWNED").exists()


def test_torch_tensors_that_are_no_real_numbers_are_refused(tmp_path):
    torch = pytest.importorskip("torch")
    for value in (
        torch.ones(2, 2, dtype=torch.complex64),
        torch.ones(2, 2).to_sparse(),
        torch.ones(2, 2, device="meta"),
    ):
        torch.save({"weight": value}, tmp_path / "m.pt")
        refused(tmp_path / "m.pt", DenseCliError)
    torch.save({"weight": torch.ones(1).expand(1 << 20, 1 << 20)}, tmp_path / "m.pt")
    assert "would take 4398046511104 bytes" in refused(tmp_path / "m.pt", SizeError)


# --- any of them, mutated -------------------------------------------------------------------------

SEEDS = ["a_sequential_dense.keras", "k2_seq.h5", "a_sequential_dense.weights.h5", "iris.npz", "iris.json"]
SEEDS += ["a_sequential_dense__head.safetensors", "b_seq2seq_td__head.onnx"]
SEEDS += ["onnx/conv1x1.onnx", "onnx/softmax_decomposed.onnx"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_damaged_file_gives_its_head_or_one_error(tmp_path, seed):
    dice = random.Random(seed)
    original = (DATA / seed).read_bytes()
    for turn in range(150):
        content = bytearray(original)
        if turn % 5 == 0:
            content = content[: dice.randrange(len(content))]
        for _ in range(dice.choice([1, 2, 8]) if content else 0):
            content[dice.randrange(len(content))] = dice.choice([0, 255, dice.randrange(256)])
        file = tmp_path / Path(seed).name
        file.write_bytes(content)
        try:
            for head in heads(file):
                load_weights(file, head.path)
        except DenseCliError as error:
            assert len(str(error)) < 2500  # noqa: PT017 - a head is as good as an error


def test_a_file_cut_short_at_any_byte_gives_one_error(tmp_path):
    for name in ("iris.npz", "a_sequential_dense__head.safetensors", "iris.json"):
        content = (DATA / name).read_bytes()
        for size in range(0, len(content) - 1, 7):
            (tmp_path / name).write_bytes(content[:size])
            with pytest.raises(DenseCliError):
                load_weights(tmp_path / name)


def test_nothing_is_written_beside_the_files_that_are_read(tmp_path):
    for path in DATA.glob("a_sequential_dense*"):
        shutil.copy(path, tmp_path)
    before = sorted(tmp_path.iterdir())
    for path in before:
        if path.suffix != ".npy":
            load_weights(path)
    assert sorted(tmp_path.iterdir()) == before
