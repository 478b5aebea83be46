"""dense_cli.files: what all containers of tensors have in common."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from dense_cli.files.formats import FORMATS, load
from dense_cli.files.stream import LocalFile
from dense_cli.files.tensor import Tensors
from dense_cli.sources.open import open_source

DATA = Path(__file__).parent / "data"
X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """The same array in every container that needs no library but h5py."""
    np.save(tmp_path / "x.npy", X)
    np.savez(tmp_path / "x.npz", x=X)
    with h5py.File(tmp_path / "x.h5", "w") as root:
        root["x"] = X
        root.create_dataset("chunked", data=X, chunks=(1, 2, 4))
    header = b'{"x":{"dtype":"F32","shape":[2,3,4],"data_offsets":[0,96]}}'
    content = len(header).to_bytes(8, "little") + header + X.tobytes()
    (tmp_path / "x.safetensors").write_bytes(content)
    (tmp_path / "x.pt").write_bytes((DATA / "torch" / "views.pt").read_bytes())
    names = {"npy": "npy", "npz": "npz", "hdf5": "h5", "safetensors": "safetensors", "torch": "pt"}
    return {name: tmp_path / f"x.{suffix}" for name, suffix in names.items()}


def tensors(name: str, file: Path) -> Tensors:
    reader = FORMATS[name].tensors
    assert reader is not None
    found: Tensors = load(reader)(LocalFile(str(file)), None)
    return found


@pytest.mark.parametrize("name", ["npy", "npz", "hdf5", "safetensors", "torch"])
def test_a_tensor_of_a_file_can_go_to_another_process(name: str, files: dict[str, Path]) -> None:
    for tensor in tensors(name, files[name]).values():
        if tensor.name == "negated":
            continue
        again = pickle.loads(pickle.dumps(tensor))
        assert again == tensor
        np.testing.assert_array_equal(again.read(), tensor.read())
        if tensor.rows is not None and tensor.size:
            np.testing.assert_array_equal(again.rows(slice(0, 1)), tensor.rows(slice(0, 1)))


@pytest.mark.parametrize("name", ["npy", "npz", "safetensors"])
def test_a_source_of_a_file_can_go_to_another_process(name: str, files: dict[str, Path]) -> None:
    source = open_source(str(files[name])).select(slice(None, None, -1))
    (block,) = pickle.loads(pickle.dumps(source)).blocks(100)
    np.testing.assert_array_equal(block.x.reshape(X.shape), X[::-1])


def test_a_stream_without_a_path_says_that_it_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match=r"^cannot pickle standard input: it has no path$"):
        pickle.dumps(LocalFile(os.open(os.devnull, os.O_RDONLY), label="standard input"))
