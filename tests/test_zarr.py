"""Zarr folders: what the zarr library writes is read, and what is written the zarr library reads."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
from hostile.promise import require_kept
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, TransposeCodec, ZstdCodec

from dense_cli import Plan
from dense_cli.errors import DenseCliError, DtypeError, FileFormatError, SizeError
from dense_cli.files.zarr import tensors
from dense_cli.sources.open import open_source
from dense_cli.writers.zarr import chunk_shape

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import zarr

X3 = np.linspace(-3, 3, 7 * 5 * 6).reshape(7, 5, 6).astype(np.float32)
X2 = np.linspace(-2, 2, 24).reshape(6, 4)
V2_CODECS: list[Any] = [None, *(numcodecs.get_codec({"id": id}) for id in ("blosc", "zstd", "gzip", "zlib"))]
V2_CODECS += [numcodecs.get_codec({"id": id}) for id in ("bz2", "lzma", "lz4")]
V3_CODECS = [None, BloscCodec(), ZstdCodec(), GzipCodec(), [ZstdCodec(checksum=True), Crc32cCodec()]]


def made(path: object, array: np.ndarray, **options: Any) -> Path:
    """Write an array with the zarr library."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        store = zarr.create_array(str(path), shape=array.shape, dtype=array.dtype, **options)
        store[...] = array
    return Path(str(path))


def read(path: Path, **options: Any) -> np.ndarray:
    """Read all rows in small blocks."""
    source = open_source(str(path), **options)
    return np.concatenate([block.x for block in source.blocks(4)]).reshape([n or 0 for n in source.shape])


@pytest.mark.parametrize("chunks", [(2, 3, 4), (7, 5, 6), (1, 1, 1), (3, 5, 6), (100, 100, 100)])
@pytest.mark.parametrize("codec", V3_CODECS, ids=str)
def test_version_3_is_read_as_the_zarr_library_wrote_it(chunks: Any, codec: Any, tmp_path: Path) -> None:
    path = made(tmp_path / "x.zarr", X3, chunks=chunks, compressors=codec)
    np.testing.assert_array_equal(read(path), X3)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("separator", [".", "/"])
@pytest.mark.parametrize("codec", V2_CODECS, ids=str)
def test_version_2_is_read_as_the_zarr_library_wrote_it(
    codec: Any, separator: str, order: Any, tmp_path: Path
) -> None:
    encoding: Any = {"name": "v2", "separator": separator}
    path = made(
        tmp_path / "x", X3, chunks=(2, 3, 4), compressors=codec, zarr_format=2, order=order,
        chunk_key_encoding=encoding,
    )  # fmt: skip
    np.testing.assert_array_equal(read(path), X3)


@pytest.mark.parametrize("location", ["start", "end"])
@pytest.mark.parametrize("inner", [(2, 5, 3), (1, 1, 6), (4, 5, 6)])
def test_shards_are_read_chunk_by_chunk(inner: Any, location: Any, tmp_path: Path) -> None:
    from zarr.codecs import BytesCodec, ShardingCodec

    shards = ShardingCodec(chunk_shape=inner, codecs=[BytesCodec(), ZstdCodec()], index_location=location)
    path = made(tmp_path / "x.zarr", X3, chunks=(4, 5, 6), serializer=shards, compressors=None)
    np.testing.assert_array_equal(read(path), X3)


def test_a_transposed_chunk_is_put_in_order(tmp_path: Path) -> None:
    path = made(tmp_path / "x", X3, chunks=(2, 3, 4), filters=[TransposeCodec(order=(2, 0, 1))])
    np.testing.assert_array_equal(read(path), X3)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8", "i1", ">i2", "<i8", "u1", "<u8", "bool"])
def test_every_dtype_is_read_to_the_last_value(dtype: str, version: Any, tmp_path: Path) -> None:
    array = np.arange(24).reshape(6, 4).astype(dtype)
    path = made(tmp_path / "x.zarr", array, chunks=(4, 3), zarr_format=version)
    found = read(path)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype.newbyteorder("=")


def test_bfloat16_is_widened(tmp_path: Path) -> None:
    folder = made(tmp_path / "x", np.array([[0x3F80, 0xC000]], np.uint16), chunks=(1, 2), compressors=None)
    edited(folder, data_type="bfloat16", fill_value=0)
    np.testing.assert_array_equal(read(folder), np.array([[1, -2]], np.float32))


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("shape", [(9,), (3, 4, 2, 5), (0, 4)])
def test_any_rank_is_read(shape: tuple[int, ...], version: Any, tmp_path: Path) -> None:
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    path = made(tmp_path / "x.zarr", array, chunks=tuple(min(n, 2) or 1 for n in shape), zarr_format=version)
    source = open_source(str(path))
    assert source.shape == (shape if len(shape) > 1 else (1, *shape))
    found = [block.x for block in source.blocks(3)]
    np.testing.assert_array_equal(np.concatenate(found).ravel() if found else [], array.ravel())
    np.testing.assert_array_equal(tensors(str(path))[""].read(), array)


def test_a_single_number_is_refused(run, here: Path) -> None:
    made("x.zarr", np.array(1.5))
    assert "rank 1 or more" in run("predict", "x.zarr", "-u", 2).err
    assert tensors("x.zarr")[""].read() == 1.5


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_rows_of_any_chunks_are_those_of_the_array(tmp_path_factory: Any, data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    chunks = tuple(data.draw(st.integers(1, n + 1)) for n in shape)
    array = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    path = made(
        tmp_path_factory.mktemp("z") / "x",
        array,
        chunks=chunks,
        zarr_format=data.draw(st.sampled_from([2, 3])),
    )
    tensor, rows = tensors(str(path))[""], array.reshape(-1, shape[-1])
    assert tensor.rows is not None
    start = data.draw(st.integers(0, len(rows)))
    part = slice(start, data.draw(st.integers(start, len(rows))))
    np.testing.assert_array_equal(tensor.rows(part), rows[part])
    some = np.array(data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=9)), np.int64)
    np.testing.assert_array_equal(tensor.rows(some), rows[some])


def test_an_array_can_go_to_another_process(tmp_path: Path) -> None:
    tensor = tensors(str(made(tmp_path / "x", X3, chunks=(2, 3, 4))))[""]
    again = pickle.loads(pickle.dumps(tensor))
    assert again == tensor
    np.testing.assert_array_equal(again.read(), X3)


def test_samples_and_steps_are_picked(run, here: Path) -> None:
    made("x.zarr", X3, chunks=(2, 3, 4))
    np.save("x.npy", X3)
    for args in (["-b", "::-2"], ["-b", 3], ["--mask-value", "0"]):
        assert run("predict", "x.zarr", "-u", 3, "-f", "npy", *args).out == (
            run("predict", "x.npy", "-u", 3, "-f", "npy", *args).out
        )
    args = ["-u", 3, "-t", -1, "-t", "1:3", "-f", "jsonl"]
    assert run("slice", "x.zarr", *args).out == run("slice", "x.npy", *args).out


# --- groups -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [2, 3])
def test_an_array_of_a_group_is_chosen_by_its_path(version: Any, run, here: Path) -> None:
    group = zarr.open_group("g.zarr", mode="w", zarr_format=version)
    group.create_array("a", data=X2)
    group.create_group("b").create_array("x", data=X3)
    ran = run("predict", "g.zarr", "-u", 3)
    assert ran.err == (
        "Error: g.zarr: expected one array, found 'a' (6, 4), 'b/x' (7, 5, 6)\n"
        "Hint: choose one with --key a\n"
    )
    np.testing.assert_array_equal(
        np.concatenate([b.x for b in Plan("g.zarr", units=3, key="b/x").open_source().blocks(9)]),
        X3.reshape(-1, 6),
    )
    assert run("predict", "g.zarr", "-u", 3, "--key", "../g.zarr/a").code == 2
    text = run("info", "g.zarr").text
    assert text.startswith("g.zarr[a]: shape (6, 4) · float64 · little-endian · folder of ")
    assert "g.zarr[b/x]: shape (7, 5, 6) · float32" in text


def test_a_folder_is_known_by_what_is_in_it(run, here: Path) -> None:
    made("store", X2)
    assert run("info", "store").text.startswith("store: shape (6, 4)")
    Path("other.zarr").mkdir()
    assert "expected one of zarr.json, .zarray, .zgroup in it" in run("predict", "other.zarr", "-u", 2).err
    Path("plain").mkdir()
    assert run("predict", "plain", "-u", 2).err == (
        "Error: plain: expected files that hold arrays, found an empty folder\n"
    )
    assert "Is a directory" in run("predict", "store", "-u", 2, "--input-format", "npy").err
    np.save("x.npy", X2)
    os.rename("x.npy", "y.zarr")
    assert (
        run("predict", "y.zarr", "-u", 2).err == "Error: y.zarr: not zarr, which is a folder: found a file\n"
    )


def test_a_mask_and_lengths_may_be_zarr(run, here: Path) -> None:
    np.save("x.npy", X3)
    lengths = np.array([5, 4, 3, 2, 1, 5, 5])
    np.save("lengths.npy", lengths)
    made("lengths.zarr", lengths)
    args = ["predict", "x.npy", "-u", 3, "-f", "json", "--lengths"]
    assert run(*args, "lengths.zarr").out == run(*args, "lengths.npy").out


# --- chunks that are not there ----------------------------------------------------------------------------


def edited(folder: Path, name: str = "zarr.json", **members: Any) -> None:
    """Change what the metadata of an array say."""
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | members))


@pytest.mark.parametrize(
    ("fill", "expected"),
    [(0.0, 0.0), (1.5, 1.5), ("NaN", np.nan), ("-Infinity", -np.inf), ("0x3fc00000", 1.5)],
)
def test_a_chunk_that_is_not_stored_has_the_fill_value_and_a_note_says_so(
    fill: Any, expected: float, tmp_path: Path
) -> None:
    folder = made(tmp_path / "x", X3, chunks=(2, 5, 6), compressors=None)
    edited(folder, fill_value=fill)
    (folder / "c/1/0/0").unlink()
    (folder / "c/2/0/0").unlink()
    notes: list[str] = []
    found = np.concatenate(
        [block.x for block in Plan(str(folder), units=2).open_source(note=notes.append).blocks(7)]
    ).reshape(X3.shape)
    np.testing.assert_array_equal(found[:2], X3[:2])
    np.testing.assert_array_equal(found[2:6], np.full((4, 5, 6), expected, np.float32))
    shown = float("nan") if fill == "NaN" else expected
    assert notes == [f"{folder}: chunk c/1/0/0 is not stored: it is read as {shown}"]


def test_a_missing_chunk_without_a_fill_value_is_an_error(tmp_path: Path) -> None:
    folder = made(tmp_path / "x", X3, chunks=(2, 5, 6), zarr_format=2)
    edited(folder, ".zarray", fill_value=None)
    (folder / "1.0.0").unlink()
    with pytest.raises(FileFormatError, match="a chunk is not stored, and no fill_value is stated"):
        read(folder)


# --- what is hostile --------------------------------------------------------------------------------------

V3 = {
    "a shape of texts": ({"shape": ["a", 5, 6]}, "shape: expected whole numbers, found ['a', 5, 6]"),
    "a negative size": ({"shape": [-1, 5, 6]}, "shape: expected whole numbers"),
    "2**62 rows": ({"shape": [2**61, 5, 6]}, "shape: expected whole numbers"),
    "2**59 numbers": ({"shape": [2**59, 5, 6]}, "impossible size"),
    "rows that are not stored": ({"shape": [10**9, 5, 6]}, "inflates"),
    "another rank": ({"shape": [7, 30]}, "chunks of (2, 5, 6) do not fit the shape (7, 30)"),
    "objects": ({"data_type": "string"}, "data_type 'string': expected real numbers"),
    "a dtype of its own": ({"data_type": {"name": "x", "configuration": {}}}, "expected real numbers"),
    "complex numbers": ({"data_type": "complex64"}, "data_type 'complex64': expected real numbers"),
    "a wider dtype": ({"data_type": "float64"}, "the chunk has 240 bytes, expected 480"),
    "an unknown codec": (
        {"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "pickle"}]},
        "codec 'pickle': expected one of gzip, zlib, bz2, lzma, zstd, blosc, lz4",
    ),
    "no codecs": ({"codecs": []}, "codecs: expected a list of them, found []"),
    "codecs without bytes": ({"codecs": [{"name": "gzip"}]}, "codec 'gzip'"),
    "two compressors": (
        {"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, "gzip", "gzip"]},
        "expected one that compresses",
    ),
    "an endian that is none": ({"codecs": ["bytes"]}, "endian: expected little or big, found None"),
    "a compressor that it has not": (
        {"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, "gzip"]},
        "a damaged chunk (gzip)",
    ),
    "a blosc that it is not": (
        {"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, "blosc"]},
        "the chunk claims",
    ),
    "chunks of nothing": (
        {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [0, 5, 6]}}},
        "do not fit the shape",
    ),
    "chunks of 64 GiB": (
        {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2**30, 5, 6]}}},
        "a chunk of it would take",
    ),
    "another grid": ({"chunk_grid": {"name": "rectilinear"}}, "chunk_grid 'rectilinear': expected regular"),
    "a separator that climbs": (
        {"chunk_key_encoding": {"name": "default", "configuration": {"separator": "/../"}}},
        "separator: expected . or /, found '/../'",
    ),
    "another key": ({"chunk_key_encoding": "python"}, "expected default or v2"),
    "transformers": ({"storage_transformers": [{"name": "x"}]}, "storage_transformers: expected none"),
    "a fill of text": ({"fill_value": "x"}, "fill_value: expected a number, found 'x'"),
    "a fill of a list": ({"fill_value": [1]}, "fill_value: expected a number"),
    "version 4": ({"zarr_format": 4}, "expected an array or a group of Zarr 3"),
    "a node of another type": ({"node_type": "pickle"}, "expected an array or a group of Zarr 3"),
    "an order that is none": (
        {"codecs": [{"name": "transpose", "configuration": {"order": [0, 0, 1]}}, "bytes"]},
        "transpose: expected an order of 3 axes",
    ),
    "shards that do not fit": (
        {"codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [2, 2, 6]}}]},
        "shards of (2, 5, 6) do not hold chunks of (2, 2, 6)",
    ),
    "shards without an index": (
        {
            "codecs": [
                {
                    "name": "sharding_indexed",
                    "configuration": {
                        "chunk_shape": [1, 1, 1],
                        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
                        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
                    },
                }
            ]
        },
        "cut short: an index of 960 bytes is not there",
    ),
}
V2 = {
    "objects": ({"dtype": "|O"}, "object array (a pickle): never loaded"),
    "a pickle codec": ({"filters": [{"id": "pickle"}]}, "filter 'pickle': expected one of"),
    "a compressor of pickles": ({"compressor": {"id": "pickle"}}, "compressor 'pickle': expected one of"),
    "structures": ({"dtype": [["a", "<f4"]]}, "structured array: expected real numbers"),
    "texts": ({"dtype": "<U3"}, "strings (dtype <U3): expected real numbers"),
    "dates": ({"dtype": "<M8[s]"}, "dates"),
    "an unknown dtype": ({"dtype": "<q9"}, "unknown dtype '<q9'"),
    "a dtype of code": ({"dtype": "__import__('os')"}, "unknown dtype"),
    "an order that is none": ({"order": "K"}, "order: expected C or F, found 'K'"),
    "version 3": ({"zarr_format": 3}, "zarr_format: expected 2, found 3"),
    "a list": (None, "expected metadata of an array, found []"),
}


def _refused(run, name: str, words: str) -> None:
    """Each command ends in one line that holds the words."""
    for args in (["predict", name, "-u", 3], ["info", name], ["check", name], ["slice", name, "-u", 3]):
        ran = run(*args)
        require_kept(str(args[0]), ran.code, ran.out, ran.err)
    assert words in run("predict", name, "-u", 3, "-o", "out.npy").err
    assert not os.path.exists("out.npy")


@pytest.mark.parametrize("case", V3)
def test_metadata_of_version_3_that_lie_are_refused_with_their_cause(case: str, run, here: Path) -> None:
    members, words = V3[case]
    edited(made("x.zarr", X3, chunks=(2, 5, 6), compressors=None), **members)
    _refused(run, "x.zarr", words)


@pytest.mark.parametrize("case", V2)
def test_metadata_of_version_2_that_lie_are_refused_with_their_cause(case: str, run, here: Path) -> None:
    members, words = V2[case]
    folder = made("x.zarr", X3, chunks=(2, 5, 6), compressors=None, zarr_format=2)
    if members is None:
        (folder / ".zarray").write_text("[]")
    else:
        edited(folder, ".zarray", **members)
    _refused(run, "x.zarr", words)


@pytest.mark.parametrize("codec", [None, "zstd", "blosc", "gzip", "bz2", "lzma", "lz4"])
@pytest.mark.parametrize("damage", ["cut", "empty", "longer", "other numbers"])
def test_a_damaged_chunk_is_refused(codec: str | None, damage: str, run, here: Path) -> None:
    packing = None if codec is None else numcodecs.get_codec({"id": codec})
    folder = made("x.zarr", X3, chunks=(2, 5, 6), compressors=packing, zarr_format=2)
    chunk = folder / "1.0.0"
    data = chunk.read_bytes()
    others = np.zeros(3 if codec else 59, np.float32).tobytes()
    content = {
        "cut": data[:-3],
        "empty": b"",
        "longer": data + bytes(9000),
        "other numbers": others if packing is None else bytes(packing.encode(others)),
    }[damage]
    chunk.write_bytes(content)
    ran = run("predict", "x.zarr", "-u", 3, "-o", "out.npy")
    assert ran.err.startswith("Error: x.zarr")
    require_kept("predict", ran.code, ran.out, ran.err)
    assert ran.code == 2


@pytest.mark.parametrize("codec", ["zstd", "blosc", "gzip", "zlib", "bz2", "lzma", "lz4"])
def test_a_chunk_that_inflates_beyond_its_size_is_refused(codec: str, run, here: Path) -> None:
    packing: Any = numcodecs.get_codec({"id": codec})
    folder = made("x.zarr", X3, chunks=(2, 5, 6), compressors=packing, zarr_format=2)
    (folder / "0.0.0").write_bytes(bytes(packing.encode(np.zeros(8 << 20, np.uint8)))[:4000])
    (folder / "0.0.0").write_bytes(bytes(packing.encode(np.zeros(100_000, np.uint8))))
    ran = run("predict", "x.zarr", "-u", 3)
    require_kept("predict", ran.code, ran.out, ran.err)
    assert "inflates to more than 240 bytes" in ran.err or "the chunk claims 100000 bytes" in ran.err


def test_a_bomb_of_chunks_is_refused_before_it_is_read(tmp_path: Path) -> None:
    folder = made(tmp_path / "x", np.zeros((1 << 15, 1024)), chunks=(1 << 15, 1024), fill_value=1)
    with pytest.raises(SizeError, match="a decompression bomb"):
        read(folder)
    source = open_source(str(folder), memory=1 << 30)
    assert next(iter(source.blocks(8))).x.tolist() == [[0.0] * 1024] * 8


def test_chunks_outside_of_the_folder_are_not_read(run, here: Path) -> None:
    folder = made("x.zarr", X3, chunks=(2, 5, 6), compressors=None)
    np.zeros(60, np.float32).tofile("secret")
    (folder / "c/1/0/0").unlink()
    (folder / "c/1/0/0").symlink_to(here / "secret")
    ran = run("predict", "x.zarr", "-u", 3)
    assert ran.err == "Error: x.zarr: c/1/0/0 leads elsewhere: expected a file inside the folder\n"
    (folder / "c/1/0/0").unlink()
    os.mkfifo(folder / "c/1/0/0")
    assert run("predict", "x.zarr", "-u", 3).err == "Error: x.zarr: c/1/0/0 is not a regular file\n"
    folder = made("g.zarr", X3)
    os.rename(folder / "zarr.json", "meta.json")
    (folder / "zarr.json").symlink_to(here / "meta.json")
    assert "expected a file inside" in run("predict", "g.zarr", "-u", 3).err


def test_a_linked_group_is_not_followed(run, here: Path) -> None:
    made("elsewhere.zarr", X2)
    zarr.open_group("g.zarr", mode="w").create_array("a", data=X2)
    Path("g.zarr/b").symlink_to(here / "elsewhere.zarr")
    Path("g.zarr/c").symlink_to(here / "g.zarr")
    assert run("info", "g.zarr").text.startswith("g.zarr[a]: shape (6, 4)")


FUZZED = {
    "plain": {"compressors": None},
    "zstd": {},
    "blosc": {"compressors": BloscCodec()},
    "gzip": {"compressors": GzipCodec()},
    "shards": {"shards": (4, 5, 6)},
    "v2": {"zarr_format": 2, "compressors": numcodecs.get_codec({"id": "lz4"})},
}


@settings(deadline=None, max_examples=300, derandomize=True, database=None)
@given(st.data())
def test_a_store_damaged_anywhere_is_read_or_refused(tmp_path_factory: Any, data: st.DataObject) -> None:
    options: Any = FUZZED[data.draw(st.sampled_from(sorted(FUZZED)))]
    folder = made(tmp_path_factory.mktemp("z") / "x", X3, chunks=(2, 5, 3), **options)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = data.draw(
        st.sampled_from(files)
        | st.sampled_from([f for f in files if f.suffix == ".json" or f.name == ".zarray"])
    )
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, max(len(content) - 1, 0)))
        kind = data.draw(st.sampled_from(["flip", "cut", "insert", "number"]))
        if kind == "flip" and content:
            content[at] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "cut":
            del content[at : at + data.draw(st.integers(1, 30))]
        elif kind == "insert":
            content[at:at] = data.draw(st.sampled_from([b"9" * 9, b"[", b'"', b"\xff" * 8, b"-1", b"null"]))
        else:
            content[at : at + 8] = data.draw(st.sampled_from([0, 1, 2**31, 2**63, 2**64 - 1])).to_bytes(
                8, "little"
            )
    path.write_bytes(content)
    with suppress(DenseCliError):
        read(folder)


# --- as an output -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args", [[], ["-k", 2], ["--measure", "entropy"], ["--show", "logits"], ["-b", "1:"]]
)
def test_what_is_written_the_zarr_library_reads_as_numpy_reads_an_npz(args: Any, run, here: Path) -> None:
    np.save("x.npy", X3)
    for suffix in ("npz", "zarr"):
        ran = run("predict", "x.npy", "-u", 3, *args, "-o", f"y.{suffix}")
        assert (ran.code, ran.err, ran.out) == (0, "", b"")
    group = zarr.open_group("y.zarr", mode="r")
    with np.load("y.npz") as arrays:
        assert sorted(group) == sorted(arrays)
        for name, array in arrays.items():
            found: Any = group[name]
            np.testing.assert_array_equal(found[...], array)
            assert found.dtype == array.dtype
    assert sorted(os.listdir()) == ["x.npy", "y.npz", "y.zarr"]


def test_what_is_written_is_read_back(run, here: Path) -> None:
    np.save("x.npy", X3)
    assert run("predict", "x.npy", "-u", 3, "-o", "y.zarr").code == 0
    assert run("predict", "y.zarr", "-f", "npy").out == run("predict", "x.npy", "-u", 3, "-f", "npy").out
    assert run("slice", "y.zarr", "-t", 1, "-o", "t.zarr").code == 0
    assert run("compare", "t.zarr", "-", stdin=run("slice", "y.zarr", "-t", 1, "-f", "npy").out).code == 0


def test_rows_of_unknown_number_wait_for_the_end(run, here: Path) -> None:
    lines = "".join(json.dumps(sample.tolist()) + "\n" for sample in X3).encode()
    assert run("predict", "-u", 3, "-o", "y.zarr", stdin=lines).code == 0
    found: Any = zarr.open_group("y.zarr", mode="r")["classes"]
    assert found.shape == (7, 5)
    ran = run("predict", "-u", 3, "-o", "z.zarr", stdin=b"[[1, 2]]\n[[1, 2], [3, 4]]\n")
    assert "an array needs samples of one shape" in ran.err
    assert os.listdir() == ["y.zarr"]


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_chunks_of_any_size_hold_all_rows(tmp_path_factory: Any, data: st.DataObject) -> None:
    from dense_cli.writers import zarr as writer

    lead = tuple(data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=3)))
    shape = (*lead, 3)
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    folder = tmp_path_factory.mktemp("z") / "x"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "_CHUNK", data.draw(st.integers(1, 400)))
        made = writer._Array(str(folder), shape, len(lead), array.dtype)
    rows = array.reshape(-1, 3)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    for part in np.split(rows, cuts):
        made.add(part)
    found: Any = zarr.open_array(str(folder), mode="r")
    np.testing.assert_array_equal(found[...], array)


def test_a_chunk_holds_at_least_one_row_and_at_most_8_mib() -> None:
    assert chunk_shape((1000, 10**7), 1, 4) == (1, 10**7)
    assert chunk_shape((10, 5), 1, 4) == (10, 5)
    assert chunk_shape((10, 0, 5), 2, 4) == (1, 1, 5)


def test_an_older_store_is_replaced_and_nothing_else(run, here: Path) -> None:
    np.save("x.npy", X2)
    assert run("predict", "x.npy", "-u", 3, "-o", "y.zarr").code == 0
    assert run("predict", "x.npy", "-u", 2, "-o", "y.zarr").code == 0
    found: Any = zarr.open_group("y.zarr", mode="r")["probabilities"]
    assert found.shape == (6, 2)
    Path("mine").mkdir()
    Path("mine/notes").write_text("kept")
    ran = run("predict", "x.npy", "-u", 3, "-f", "zarr", "-o", "mine")
    assert ran.err == "Error: mine: expected a new name, or a Zarr folder that is replaced\n"
    assert "zarr is a folder: name it with -o" in run("predict", "x.npy", "-u", 3, "-f", "zarr").err
    assert "the output folder does not exist" in run("predict", "x.npy", "-u", 3, "-o", "no/y.zarr").err
    assert sorted(os.listdir()) == ["mine", "x.npy", "y.zarr"]


def test_an_error_leaves_the_older_store(run, here: Path) -> None:
    np.save("x.npy", X2)
    run("predict", "x.npy", "-u", 3, "-o", "y.zarr")
    before = sorted(map(str, Path("y.zarr").rglob("*")))
    assert run("predict", "-u", 3, "-o", "y.zarr", stdin=b"[1, 2]\n[1]\n").code == 2
    assert sorted(map(str, Path("y.zarr").rglob("*"))) == before
    assert sorted(os.listdir()) == ["x.npy", "y.zarr"]


def test_a_missing_library_is_an_error_that_names_the_extra(run, here: Path, monkeypatch: Any) -> None:
    made("x.zarr", X2, zarr_format=2, compressors=numcodecs.get_codec({"id": "zstd"}))
    made("plain.zarr", X2, compressors=None)
    made("sums.zarr", X2, compressors=[Crc32cCodec()])
    for library in ("numcodecs", "numcodecs.zstd", "google_crc32c"):
        monkeypatch.setitem(sys.modules, library, None)
    assert run("predict", "x.zarr", "-u", 3).err == (
        "Error: x.zarr: chunk 0.0: reading chunks compressed by zstd needs an optional library that is not "
        "installed\nHint: pip install 'densecli[zarr]'\n"
    )
    assert "pip install 'densecli[zarr]'" in run("predict", "sums.zarr", "-u", 3).err
    assert run("predict", "plain.zarr", "-u", 3).code == 0
    assert run("predict", "plain.zarr", "-u", 3, "-o", "y.zarr").code == 0


def test_a_dtype_without_numbers_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(DtypeError, match="complex numbers"):
        read(made(tmp_path / "x", X2.astype(np.complex64), zarr_format=2))


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_no_folder(signum: signal.Signals, here: Path) -> None:
    command = [sys.executable, "-m", "dense_cli", "predict", "-u", "3", "-o", "y.zarr"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        process.stdin.write(b"[1, 2]\n")
        process.stdin.flush()
        while not os.listdir():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signum)
        process.wait()
    assert process.returncode != 0
    assert os.listdir() == []


@pytest.mark.parametrize("options", [(), ("--show", "logits"), ("-k", "2"), ("--measure", "margin")])
def test_rows_keep_their_numbers_while_they_wait_for_their_chunk(options, run, here: Path) -> None:
    np.save("x.npy", np.random.default_rng(8).normal(size=(450, 2, 8)).astype(np.float32))
    # Blocks of few rows: their memory is used again before the chunk is written.
    for suffix in ("zarr", "npz"):
        ran = run("predict", "x.npy", "-u", 8, "--memory", "20KB", *options, "-o", f"y.{suffix}")
        assert ran.code == 0
    group = zarr.open_group("y.zarr", mode="r")
    with np.load("y.npz") as arrays:
        for name, array in arrays.items():
            found: Any = group[name]
            np.testing.assert_array_equal(found[...], array, name)
