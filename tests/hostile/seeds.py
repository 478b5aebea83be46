"""Real files of every format, as small as they come: what mutations start from."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_DATA = Path(__file__).parent.parent / "data" / "weights"

X2 = np.linspace(-2, 2, 24).reshape(6, 4)
X3 = np.linspace(-3, 3, 40).reshape(2, 5, 4)
KERNEL = np.linspace(-1, 1, 12).reshape(4, 3)
BIAS = np.array([0.5, 0.0, -0.5])
Y3 = np.tile([0.25, 0.5, 0.25], (2, 5, 1))


def npy(array: np.ndarray, **options: bool) -> bytes:
    """Return an array as an NPY file."""
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **options)
    return file.getvalue()


def npz(compression: int = zipfile.ZIP_STORED, **arrays: np.ndarray) -> bytes:
    """Return arrays as an NPZ file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, array in arrays.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), npy(array), compression)
    return file.getvalue()


def hdf5() -> bytes:
    """Return the layouts of HDF5 that are read in one file."""
    file = io.BytesIO()
    with h5py.File(file, "w") as root:
        root["in_place"] = X3
        root.create_dataset("deflated", data=X3, chunks=(1, 2, 4), compression="gzip", shuffle=True)
        root.create_dataset("a/growing", data=X2, maxshape=(None, 4))
    return file.getvalue()


def safetensors(**arrays: np.ndarray) -> bytes:
    """Return float64 arrays as a safetensors file."""
    header, data = {}, b""
    for name, array in arrays.items():
        offsets = [len(data), len(data) + array.nbytes]
        header[name] = {"dtype": "F64", "shape": array.shape, "data_offsets": offsets}
        data += array.tobytes()
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def onnx_metadata(**entries: str) -> bytes:
    """Return an ONNX model of nothing, with these entries in its metadata."""
    import onnx

    model = onnx.ModelProto(ir_version=8)
    onnx.helper.set_model_props(model, entries)
    return bytes(model.SerializeToString())


def parquet(array: np.ndarray) -> bytes:
    """Return an array as columns of a Parquet file in two groups of rows, with a checksum of each page."""
    file = io.BytesIO()
    table = pa.table({f"f{i}": column for i, column in enumerate(array.T)})
    pq.write_table(table, file, row_group_size=4, write_page_checksum=True)
    return file.getvalue()


def arrow(array: np.ndarray, *, file: bool = False, compression: str | None = None) -> bytes:
    """Return an array as a column of nested lists in Arrow's IPC format, in batches of one row."""
    kind = pa.float64()
    for _ in array.shape[1:]:
        kind = pa.list_(kind)
    table = pa.table({"x": pa.array(array.tolist(), kind)})
    out = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with (pa.ipc.new_file if file else pa.ipc.new_stream)(out, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=1)
    return out.getvalue()


def lines(values: list[object]) -> bytes:
    """Return values as JSON Lines."""
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def arrays() -> dict[str, bytes]:
    """Return array files by their names: layer inputs and finished outputs."""
    steps = [
        {"sample": i, "t": t, "probabilities": row, "class": 1}
        for i, sample in enumerate(Y3.tolist())
        for t, row in enumerate(sample)
    ]
    table = "sample,t,class,p0,p1,p2\n" + "".join(
        f"{i},{t},1,0.25,0.5,0.25\n" for i in (0, 1) for t in (0, 1)
    )
    document = {"layer": None, "shape": [2, 5, 3], "probabilities": Y3.tolist(), "classes": [[1] * 5] * 2}
    sliced = {"layer": None, "steps": [{"t": t, "probabilities": Y3[:, t].tolist()} for t in range(5)]}
    return {
        "x2.npy": npy(X2),
        "x3.npy": npy(X3.astype(">f4")),
        "fortran.npy": npy(np.asfortranarray(X3)),
        "stored.npz": npz(x=X3),
        "deflated.npz": npz(zipfile.ZIP_DEFLATED, a=X2, b=X3),
        "x3.h5": hdf5(),
        "x3.safetensors": safetensors(x=X3),
        "x.pt": (_DATA.parent / "torch" / "alone.pt").read_bytes(),
        "x.pth": (_DATA.parent / "torch" / "views_legacy.pth").read_bytes(),
        "x2.parquet": parquet(X2),
        "x3.arrows": arrow(X3),
        "x3.arrow": arrow(X3, file=True),
        "x2.feather": arrow(X2, file=True, compression="lz4"),
        "x2.json": json.dumps(X2.tolist()).encode(),
        "x3.json": json.dumps({"x": X3.tolist()}).encode(),
        "x3.jsonl": lines(X3.tolist()),
        "ragged.jsonl": lines([X3[0].tolist(), X3[1, :2].tolist()]),
        "x2.csv": b"a,b,c,d\n" + "".join(",".join(map(str, row)) + "\n" for row in X2.tolist()).encode(),
        "y.npy": npy(Y3),
        "y.npz": npz(probabilities=Y3, classes=Y3.argmax(-1)),
        "y.json": json.dumps(document).encode(),
        "steps.json": json.dumps(sliced).encode(),
        "y.jsonl": lines(list(steps)),
        "y.csv": table.encode(),
    }


def weights() -> dict[str, bytes]:
    """Return weight files by their names; `beside` has the files that some of them name."""
    packed = {"dtype": "uint8", "scale": 0.5, "min": -1.0}
    weights = [{"name": "fc/kernel", "shape": [4, 3], "dtype": "float32", "quantization": packed}]
    manifest = {"paths": ["beside.bin"], "weights": weights}
    found = {
        path.name: path.read_bytes()
        for path in sorted(_DATA.iterdir())
        if path.name.startswith(("a_sequential", "b_seq2seq"))
        and path.suffix in (".h5", ".keras", ".npz", ".onnx", ".safetensors", ".pt")
    }
    return {
        **found,
        **{path.name: path.read_bytes() for path in sorted((_DATA / "onnx").glob("*1*.onnx"))},
        "deflated.npz": npz(zipfile.ZIP_DEFLATED, kernel=KERNEL, bias=BIAS),
        "model.safetensors.index.json": json.dumps({"weight_map": {"fc.weight": "beside.st"}}).encode(),
        "model.json": json.dumps({"weightsManifest": [manifest]}).encode(),
        "w.json": json.dumps({"fc": {"kernel": KERNEL.tolist(), "bias": BIAS.tolist()}}).encode(),
    }


def beside() -> dict[str, bytes]:
    """Return the files that weight files name, by their names."""
    return {"beside.st": safetensors(**{"fc.weight": KERNEL.T.copy()}), "beside.bin": bytes(range(12))}


def labels() -> dict[str, bytes]:
    """Return label files for three classes by their names."""
    return {
        "labels.txt": b"cat\r\ndog\r\nbird\r\n",
        "list.json": b'["cat", "dog", "\\u6f22"]',
        "ids.json": b'{"cat": 0, "dog": 1, "bird": 2}',
        "tokenizer.json": json.dumps(
            {
                "model": {"type": "WordPiece", "vocab": {"[PAD]": 0, "a": 1}},
                "added_tokens": [{"id": 2, "content": "[X]"}],
            }
        ).encode(),
        "numbered.txt": b"0 cat\n1 dog\n2 bird\n",
        "tokens.txt": b"cat 0\ndog 1\nbird 2\n",
        "index.csv": b"index,mid,display_name\n0,/m/0,cat\n1,/m/1,dog\n2,/m/2,bird\n",
        "words.json": json.dumps(
            {"class_name": "Tokenizer", "config": {"num_words": 3, "word_index": '{"a": 1, "b": 2, "c": 3}'}}
        ).encode(),
        "metadata.onnx": onnx_metadata(names="{0: 'cat', 1: 'dog', 2: 'bird'}"),
    }


def masks() -> dict[str, bytes]:
    """Return masks, lengths and targets for two samples of five steps by their names."""
    return {
        "mask.npy": npy(np.ones((2, 5), bool)),
        "lengths.json": b"[5, 3]",
        "lengths.csv": b"5\n3\n",
        "targets.jsonl": b"[0, 1, 2, 0, 1]\n[0, 0, 0, 0, -100]\n",
        "targets.npy": npy(np.zeros((2, 5), np.int64)),
    }
