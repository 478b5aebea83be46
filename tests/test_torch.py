"""dense_cli.files.torch: PyTorch's files without PyTorch, against what PyTorch made of them."""

from __future__ import annotations

import io
import pickle
import random
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hostile import torchfiles
from hostile.promise import require_kept

from dense_cli.errors import DenseCliError, DtypeError, FileFormatError
from dense_cli.files.stream import LocalFile
from dense_cli.files.torch import tensors
from dense_cli.heads import heads, load_weights

DATA = Path(__file__).parent / "data" / "torch"
FILES = sorted(path.name.removesuffix(".npz") for path in DATA.glob("*.npz"))


@pytest.mark.parametrize("name", FILES)
def test_every_tensor_has_the_numbers_that_pytorch_gives(name):
    found = tensors(LocalFile(str(DATA / name)))
    with np.load(DATA / f"{name}.npz") as expected:
        if name != "odd.pt":
            assert list(found) == list(expected)
        for key, array in expected.items():
            tensor = found[key]
            assert tensor.shape == array.shape
            read = tensor.read()
            assert read.dtype == tensor.numbers == array.dtype
            np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("name", ["views.pt", "views_legacy.pth", "dtypes.pt"])
def test_rows_in_any_order_are_those_of_the_whole(name):
    found = tensors(LocalFile(str(DATA / name)))
    with_rows = [tensor for tensor in found.values() if tensor.rows is not None and tensor.size]
    assert len(with_rows) >= 5
    for tensor in with_rows:
        rows = tensor.read().reshape(-1, tensor.shape[-1])
        for wanted in (slice(0, 1), slice(1, len(rows)), np.array([len(rows) - 1, 0, 0])):
            np.testing.assert_array_equal(tensor.rows(wanted), rows[wanted])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("py2_linear.pth", [("fc", (5, 3))]),
        ("model_state.pt", [("linear", (3, 2))]),
        ("model_then_state_dict.pt", [("linear", (3, 2))]),
        ("checkpoint.ckpt", [("0", (3, 4)), ("2", (4, 2))]),
        ("checkpoint_legacy.bin", [("0", (3, 4)), ("2", (4, 2))]),
        ("module.pt", [("0", (3, 4)), ("2", (4, 2))]),
        ("script.pt", [("0", (3, 4)), ("2", (4, 2))]),
        (
            "averaged.pth",
            [("params.0", (3, 4)), ("params.2", (4, 2)), ("params_ema.0", (3, 4)), ("params_ema.2", (4, 2))],
        ),
    ],
)
def test_heads_are_found_wherever_their_state_dict_stands(name, expected):
    found = heads(DATA / name)
    assert [(head.name, head.kernel_shape) for head in found] == expected
    assert all(head.use_bias and head.transposed for head in found)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("sparse", "a sparse tensor: expected plain real numbers"),
        ("quantised", "a quantised tensor: expected plain real numbers"),
        ("meta", "a tensor without numbers (meta): expected plain real numbers"),
        ("complex", "complex numbers: expected plain real numbers"),
    ],
)
def test_tensors_that_are_no_plain_numbers_are_refused_by_what_they_are(key, message):
    tensor = tensors(LocalFile(str(DATA / "odd.pt")))[key]
    with pytest.raises(DtypeError) as error:
        tensor.read()
    assert str(error.value) == f"{DATA / 'odd.pt'}: {key}: {message}"


def test_a_flipped_bit_is_refused_and_a_file_without_checksums_is_read(tmp_path):
    content = bytearray((DATA / "alone.pt").read_bytes())
    with np.load(DATA / "alone.pt.npz") as expected:
        x = expected[""]
    content[content.index(x[2, 3].tobytes())] ^= 1
    file = tmp_path / "x.pt"
    file.write_bytes(content)
    [tensor] = tensors(LocalFile(str(file))).values()
    for read in (tensor.read, lambda: tensor.rows(slice(2, 3)), lambda: tensor.rows(slice(0, 24))):
        with pytest.raises(FileFormatError, match=r": storage 0: damaged: its bytes do not have the"):
            read()
    for at in range(len(content) - 3):
        if content[at : at + 4] == b"PK\x01\x02":
            content[at + 16 : at + 20] = bytes(4)
    file.write_bytes(content)
    assert next(iter(tensors(LocalFile(str(file))).values())).read().shape == x.shape


def test_a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path):
    file = tmp_path / "x.pt"
    file.write_bytes((DATA / "alone.pt").read_bytes())
    [tensor] = tensors(LocalFile(str(file))).values()
    with file.open("r+b") as stream:
        stream.truncate(1200)
    with pytest.raises(FileFormatError, match="the file ended at byte 1200 while it was read"):
        tensor.read()


# --- hostile pickles -----------------------------------------------------------------------------------


def refused(file: Path) -> str:
    with pytest.raises(DenseCliError) as error:
        load_weights(file)
    message = str(error.value)
    assert "\n" not in message
    assert len(message) < 600
    return message.removeprefix(f"{file}: ")


@pytest.mark.parametrize("name", torchfiles.hostile())
def test_hostile_pickles_are_refused_with_their_cause_and_nothing_is_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content, words = torchfiles.hostile()[name]
    (tmp_path / "m.pt").write_bytes(content)
    assert words in refused(tmp_path / "m.pt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.pt"]


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_gives_its_tensors_or_one_error(name, tmp_path, run):
    dice = random.Random(name)
    original = (DATA / name).read_bytes()
    start = original.find(b"\x80\x02")
    for turn in range(120):
        content = bytearray(original)
        if turn % 5 == 0:
            content = content[: dice.randrange(len(content))]
        for _ in range(dice.choice([1, 2, 8]) if content else 0):
            last = len(content) if turn % 2 else min(start + 1500, len(content))
            content[dice.randrange(min(start, last - 1), last)] = dice.choice([0, 255, dice.randrange(256)])
        (tmp_path / "m.pt").write_bytes(content)
        try:
            for tensor in tensors(LocalFile(str(tmp_path / "m.pt"))).values():
                if tensor.size < 1000:
                    tensor.read()
        except DenseCliError as error:
            assert len(str(error)) < 2500  # noqa: PT017 - tensors are as good as an error
        if turn % 40 == 0:
            ran = run("info", tmp_path / "m.pt")
            require_kept("info", ran.code, ran.out, ran.err)


def test_a_deep_pickle_whose_containers_hold_each_other_ends(tmp_path):
    loop = {"fc.weight": 1}
    loop["self"] = [loop, (loop,)]
    file = io.BytesIO()
    pickle.dump(loop, file, 2)
    (tmp_path / "m.pt").write_bytes(torchfiles.archive(file.getvalue()))
    assert refused(tmp_path / "m.pt").startswith("no kernel: ")


def test_many_names_for_one_container_take_little_time(tmp_path):
    # Thirty levels, each of which holds the one below twice.
    level = b"}"
    for _ in range(30):
        level = b"(" + level + b"2t"
    (tmp_path / "m.pt").write_bytes(torchfiles.archive(b"\x80\x02" + level + b"."))
    assert refused(tmp_path / "m.pt").startswith("no kernel: ")


def test_a_storage_of_another_file_or_member_is_no_place_for_a_tensor(tmp_path):
    with zipfile.ZipFile(DATA / "alone.pt") as archive:
        content = archive.read("alone/data.pkl")
    for key in (b"../0", b"/etc/passwd", b"\0"):
        changed = content.replace(b"X\x01\0\0\x000", b"X" + struct.pack("<I", len(key)) + key)
        assert changed != content
        (tmp_path / "m.pt").write_bytes(torchfiles.archive(changed.replace(b"cpu", b"cpu")))
        [name] = tensors(LocalFile(str(tmp_path / "m.pt")))
        with pytest.raises(FileFormatError, match="damaged: no storage "):
            tensors(LocalFile(str(tmp_path / "m.pt")))[name]
