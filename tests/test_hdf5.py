"""dense_cli.files.hdf5: datasets as named tensors, in place or through h5py, of which little is read."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from dense_cli import portable
from dense_cli.errors import ConfigError, FileFormatError
from dense_cli.files.hdf5 import tensors
from dense_cli.files.stream import LocalFile
from dense_cli.heads import heads, load_weights
from dense_cli.sources.open import Request, open_source

DATA = Path(__file__).parent / "data" / "weights"
X = np.random.default_rng(0).normal(size=(3, 4, 5, 6))


@pytest.fixture
def stored(tmp_path):
    """Every way to store an array: the file, and each dataset's own numbers."""
    arrays = {
        "in_place": X,
        "big": X.astype(">f4"),
        "half": X.astype("<f2"),
        "integers": np.arange(24, dtype=">i2").reshape(4, 6),
        "truths": X[0, 0] > 0,
        "one": X[0, 0, 0],
        "number": np.float32(3.5),
        "empty": np.zeros((0, 3)),
    }
    with h5py.File(tmp_path / "x.h5", "w") as root:
        for name, array in arrays.items():
            root[f"a/{name}"] = array
        for name, options in {
            "chunked": {"chunks": (2, 3, 5, 4)},
            "deflated": {"chunks": (2, 2, 2, 6), "compression": "gzip", "shuffle": True},
            "growing": {"maxshape": (None, 4, 5, 6)},
        }.items():
            arrays[name] = X + 1
            root.create_dataset(f"a/{name}", data=X + 1, **options)
    return tmp_path / "x.h5", arrays


def test_every_layout_gives_its_numbers_whole_and_by_rows(stored):
    file, arrays = stored
    found = tensors(LocalFile(str(file)))
    assert sorted(found) == sorted(f"a/{name}" for name in arrays)
    for name, array in arrays.items():
        tensor = found[f"a/{name}"]
        assert (tensor.shape, tensor.dtype) == (array.shape, array.dtype.newbyteorder("=").name)
        np.testing.assert_array_equal(tensor.read(), array)
        if not array.ndim:
            assert tensor.rows is None
            continue
        rows = array.reshape(-1, array.shape[-1])
        picked = np.array([len(rows) - 1, 0, len(rows) // 2])[: len(rows)]
        for wanted in (slice(0, len(rows)), slice(min(7, len(rows)), min(50, len(rows))), picked):
            np.testing.assert_array_equal(tensor.rows(wanted), rows[wanted])
    orders = {name: (found[f"a/{name}"].order, found[f"a/{name}"].byte_order) for name in arrays}
    assert orders["in_place"] == ("C", "little")
    assert orders["big"] == ("C", "big")
    assert orders["chunked"] == (None, None)


def test_any_dataset_can_be_layer_input(stored, run):
    file, arrays = stored
    for name in ("in_place", "deflated", "one"):
        source = open_source(str(file), None, Request(f"a/{name}"))
        blocks = [block.x for block in source.blocks(7)]
        np.testing.assert_array_equal(np.concatenate(blocks).ravel(), arrays[name].ravel())
        picked = open_source(str(file), None, Request(f"a/{name}")).select(slice(None, None, -1))
        np.testing.assert_array_equal(
            np.concatenate([block.x for block in picked.blocks(7)]).reshape(picked.shape),
            np.atleast_2d(arrays[name])[::-1],
        )
    with pytest.raises(ConfigError, match=r"x\.h5: expected one array, found 'a/big' \(3, 4, 5, 6\), "):
        open_source(str(file))
    ran = run("predict", "-", "-u", 3, "--key", "a/in_place", "-f", "npy", stdin=file.read_bytes())
    np.save(file.parent / "x.npy", X)
    assert ran.out == run("predict", file.parent / "x.npy", "-u", 3, "-f", "npy").out
    assert ran.code == 0


def test_of_a_file_of_gigabytes_the_metadata_alone_are_read(tmp_path, monkeypatch):
    file = tmp_path / "big.weights.h5"
    with h5py.File(file, "w") as root:
        for i in range(4):  # of half a gibibyte each, none of which is written
            plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
            group = root.create_group(f"layers/dense_{i}/vars" if i else "layers/dense/vars")
            group.attrs["name"] = f"fc{i}"
            space = h5py.h5s.create_simple((1 << 15, 1 << 12))
            h5py.h5d.create(group.id, b"0", h5py.h5t.IEEE_F32LE, space, plan)
            group["1"] = np.zeros(1 << 12, np.float32)
    assert file.stat().st_size > 2 << 30
    read = []
    pread = os.pread

    def counted(fd: int, size: int, at: int) -> bytes:
        found = pread(fd, size, at)
        read.append(len(found))
        return found

    monkeypatch.setattr(portable, "pread", counted)
    assert [(head.name, head.kernel_shape) for head in heads(file)] == [
        (f"fc{i}", (1 << 15, 1 << 12)) for i in range(4)
    ]
    assert 4 < len(read) < 1000
    assert sum(read) < 1 << 20


def test_a_flipped_bit_in_the_weights_of_an_archive_is_refused(tmp_path):
    file = tmp_path / "m.keras"
    content = bytearray((DATA / "a_sequential_dense.keras").read_bytes())
    kernel = load_weights(DATA / "a_sequential_dense.keras").kernel
    content[content.index(kernel.tobytes()) + 1] ^= 1
    file.write_bytes(content)
    assert [head.name for head in heads(file)] == ["dense"]
    with pytest.raises(FileFormatError) as error:
        load_weights(file)
    assert str(error.value) == (
        f"{file}: model.weights.h5: damaged: its bytes do not have the archive's checksum"
    )
    with zipfile.ZipFile(DATA / "a_sequential_dense.keras") as archive:
        assert archive.testzip() is None


def test_a_dataset_that_shrinks_while_it_is_read_is_an_error(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as root:
        root["x"] = np.zeros((1000, 30))
    found = tensors(LocalFile(str(tmp_path / "x.h5")))["x"]
    os.truncate(tmp_path / "x.h5", 5000)
    with pytest.raises(FileFormatError, match="the file ended at byte 5000 while it was read"):
        found.read()


def test_nested_models_that_repeat_names_take_their_weights_in_order(tmp_path):
    names = [f"d{i}" for i in range(300)] * 2
    layers = [
        {"class_name": "Dense", "config": {"name": name, "use_bias": False}} for name in reversed(names[:300])
    ]
    inner = {"class_name": "Sequential", "config": {"name": "m", "layers": layers * 2}}
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [inner]}}
    with h5py.File(tmp_path / "m.h5", "w") as root:
        root.attrs["model_config"] = json.dumps(config)
        group = root.create_group("model_weights")
        group.attrs["layer_names"] = np.array(["m"], "S1")
        inside = group.create_group("m")
        paths = [f"{half}/{name}/kernel:0" for half in ("a", "b") for name in names[:300]]
        inside.attrs["weight_names"] = np.array(paths, "S20")
        for number, path in enumerate(paths):
            inside[path] = np.full((1, 1), number, np.float32)
    found = heads(tmp_path / "m.h5")
    assert len(found) == 600
    by_name: dict[str, list[float]] = {}
    for head in found:
        by_name.setdefault(head.path.rsplit("/", 1)[-1], []).append(float(head.kernel.read()[0, 0]))
    assert by_name == {f"d{i}": [i, 300 + i] for i in range(300)}
