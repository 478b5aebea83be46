"""Parquet and Arrow: what pyarrow writes is read, and what is written pyarrow reads."""

from __future__ import annotations

import decimal
import io
import json
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hostile.promise import require_kept
from pyarrow import feather

from dense_cli import Plan
from dense_cli.sources.open import open_source

X2 = np.linspace(-2, 2, 24).reshape(6, 4).astype(np.float32)
X3 = np.linspace(-3, 3, 60).reshape(3, 5, 4).astype(np.float32)
RAGGED = [X3[0, :2].tolist(), X3[1].tolist(), X3[2, :1].tolist()]
COLUMNS = {f"f{i}": X2[:, i] for i in range(4)}


def parquet(table: Any, name: str, **options: Any) -> None:
    pq.write_table(table, name, **options)


def arrow(table: Any, name: str, **options: Any) -> None:
    with pa.ipc.new_file(name, table.schema) as writer:
        writer.write_table(table, max_chunksize=options.get("row_group_size"))


def stream(table: Any, name: str, **options: Any) -> None:
    with pa.ipc.new_stream(name, table.schema) as writer:
        writer.write_table(table, max_chunksize=options.get("row_group_size"))


def compressed(table: Any, name: str, **options: Any) -> None:
    feather.write_feather(table, name, compression="zstd", chunksize=options.get("row_group_size"))


WRITERS = {"x.parquet": parquet, "x.arrow": arrow, "x.arrows": stream, "x.feather": compressed}
every_container = pytest.mark.parametrize("name", WRITERS)
Write = Callable[..., None]


def write(name: str, table: Any, **options: Any) -> None:
    WRITERS[name](table if isinstance(table, pa.Table) else pa.table(table), name, **options)


def read(name: str, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and their places."""
    blocks = list(Plan(name, units=2, **options).open_source().blocks(5))
    return np.concatenate([b.x for b in blocks]), np.concatenate([b.places() for b in blocks])


def lists(array: np.ndarray, depth: int, fixed: bool = False) -> Any:
    """Return an array as a column of nested lists."""
    kind = pa.from_numpy_dtype(array.dtype)
    for size in array.shape[:0:-1][:depth]:
        kind = pa.list_(kind, size) if fixed else pa.list_(kind)
    return pa.array(array.tolist(), kind)


# --- what is read -----------------------------------------------------------------------------------------


@every_container
@pytest.mark.parametrize("rows", [None, 2, 1])
def test_columns_of_numbers_are_features(name: str, rows: int | None, here: Path) -> None:
    write(name, COLUMNS, row_group_size=rows)
    x, places = read(name)
    np.testing.assert_array_equal(x, X2)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(places, np.arange(6)[:, None])


@every_container
@pytest.mark.parametrize("fixed", [True, False])
def test_a_column_of_lists_is_vectors(name: str, fixed: bool, run, here: Path) -> None:
    write(name, {"text": list("abcdef"), "x": lists(X2, 1, fixed)}, row_group_size=2)
    x, places = read(name)
    np.testing.assert_array_equal(x, X2)
    np.testing.assert_array_equal(places, np.arange(6)[:, None])
    np.save("x.npy", X2)
    for args in (["-b", "::-1"], ["-b", "1:3"], ["-k", 2]):
        assert run("predict", name, "-u", 3, *args, "-f", "csv").out == (
            run("predict", "x.npy", "-u", 3, *args, "-f", "csv").out
        )


@every_container
@pytest.mark.parametrize("fixed", [True, False])
def test_lists_of_lists_are_sequences(name: str, fixed: bool, run, here: Path) -> None:
    write(name, {"x": lists(X3, 2, fixed)}, row_group_size=2)
    np.save("x.npy", X3)
    x, places = read(name)
    np.testing.assert_array_equal(x, X3.reshape(-1, 4))
    np.testing.assert_array_equal(places, [[s, t] for s in range(3) for t in range(5)])
    for args in ([], ["-t", -1], ["-t", 1, "-b", 2]):
        assert run("slice", name, "-u", 3, *args, "-f", "npy").out == (
            run("slice", "x.npy", "-u", 3, *args, "-f", "npy").out
        )


@every_container
def test_sequences_may_differ_in_length(name: str, run, here: Path) -> None:
    write(name, {"x": pa.array(RAGGED, pa.list_(pa.list_(pa.float32())))}, row_group_size=2)
    lines = "".join(json.dumps(sample) + "\n" for sample in RAGGED).encode()
    for command in ("predict", "slice", "decode"):
        ran = run(command, name, "-u", 3, "-f", "jsonl")
        assert ran.code == 0
        assert ran.out == run(command, "-", "-u", 3, "-f", "jsonl", stdin=lines).out


@every_container
def test_further_axes_are_read(name: str, here: Path) -> None:
    x4 = np.arange(120, dtype=np.int32).reshape(3, 2, 5, 4)
    write(name, {"x": lists(x4, 3)}, row_group_size=2)
    x, places = read(name)
    np.testing.assert_array_equal(x, x4.reshape(-1, 4))
    np.testing.assert_array_equal(places, np.indices((3, 2, 5)).reshape(3, -1).T)


@every_container
def test_a_tensor_of_a_fixed_shape_is_a_sequence(name: str, here: Path) -> None:
    write(name, {"x": pa.FixedShapeTensorArray.from_numpy_ndarray(X3)}, row_group_size=2)
    x, places = read(name)
    np.testing.assert_array_equal(x, X3.reshape(-1, 4))
    assert places.shape == (15, 2)


@every_container
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i8", "u2", "u8", "bool"])
def test_every_kind_of_number_is_read(name: str, dtype: str, here: Path) -> None:
    array = (np.arange(12).reshape(3, 4) % 7).astype(dtype)
    write(name, {f"c{i}": array[:, i] for i in range(4)})
    x, _ = read(name)
    np.testing.assert_array_equal(x, array)
    assert x.dtype == array.dtype
    write(name, {"x": lists(array, 1)})
    np.testing.assert_array_equal(read(name)[0], array)


def test_nan_is_a_number_and_columns_have_one_dtype(here: Path) -> None:
    write("x.parquet", {"a": np.array([1, 2**40]), "b": np.array([np.nan, np.inf], np.float32)})
    x, _ = read("x.parquet")
    np.testing.assert_array_equal(x, [[1, np.nan], [2**40, np.inf]])
    assert x.dtype == np.float64


@every_container
def test_columns_and_keys_pick(name: str, run, here: Path) -> None:
    write(name, {"n": range(5, 11), **COLUMNS, "x": lists(X2 + 1, 1), "s": list("abcdef")})
    ran = run("predict", name, "-u", 2)
    assert ran.err == (
        f"Error: {name}: expected one array, found columns 'x', 'n', 'f0', 'f1', 'f2', 'f3'\n"
        "Hint: choose one with --key x, or columns of numbers with --columns\n"
    )
    np.testing.assert_array_equal(read(name, key="x")[0], X2 + 1)
    np.testing.assert_array_equal(read(name, columns="x")[0], X2 + 1)
    np.testing.assert_array_equal(read(name, columns="f2,f0")[0], X2[:, [2, 0]])
    np.testing.assert_array_equal(read(name, columns="1:5")[0], X2)
    np.testing.assert_array_equal(read(name, key="f1")[0], X2[:, 1:2])
    for options, words in (
        (["--key", "y"], "no column 'y': found 'n', 'f0', "),
        (["--columns", "y"], "--columns: no column 'y'"),
        (["--columns", "f0,x"], "column 'x' holds lists: expected numbers"),
        (["--columns", "s"], "column 's' holds string: expected numbers, or lists of them"),
        (["--key", "s"], "column 's' holds string"),
        (["--columns", "f0", "--key", "x"], "expected one of --key and --columns"),
    ):
        assert words in run("predict", name, "-u", 2, *options).err


@every_container
def test_a_first_column_that_counts_the_rows_is_left_out(name: str, run, here: Path) -> None:
    write(name, {"id": range(3, 9), **COLUMNS}, row_group_size=2)
    ran = run("predict", name, "-u", 2)
    assert ran.err == f"Note: {name}: the first column, 'id', counts the rows and is left out\n"
    np.testing.assert_array_equal(read(name)[0], X2)
    write(name, {"id": [3, 4, 5, 6, 8, 9], **COLUMNS}, row_group_size=2)
    assert "row 4: the first column is called an index: expected it to count the rows, 7 here, found 8" in (
        run("predict", name, "-u", 2).err
    )
    write(name, {"id": [3, 4, 5, 6, 8, 9], "x": lists(X2, 1)})
    np.testing.assert_array_equal(read(name)[0], X2)


def test_the_index_of_pandas_is_left_out(run, here: Path) -> None:
    write("x.parquet", {**COLUMNS, "__index_level_0__": list("abcdef")})
    assert "'__index_level_0__', the index of pandas, is left out" in run("predict", "x.parquet", "-u", 2).err
    np.testing.assert_array_equal(read("x.parquet")[0], X2)


def test_names_of_columns_are_those_of_features(run, here: Path) -> None:
    write("x.parquet", COLUMNS)
    assert b"f3" in run("predict", "x.parquet", "-u", 2, "-b", 0, "--explain", "0").out


@every_container
def test_files_are_known_by_their_first_bytes(name: str, run, here: Path) -> None:
    write(name, COLUMNS)
    os.rename(name, "x")
    assert run("predict", "x", "-u", 2, "-f", "npy").code == 0
    assert run("predict", "-u", 2, "-f", "npy", stdin=Path("x").read_bytes()).code == 0
    assert run("info", "x").text.startswith("x: shape (")
    os.rename("x", "x.csv")
    ran = run("predict", "x.csv", "-u", 2)
    require_kept("predict", ran.code, ran.out, ran.err)


def test_a_stream_flows(here: Path) -> None:
    out = io.BytesIO()
    reading, writing = os.pipe()
    table = pa.table(COLUMNS)
    kept = os.dup(0)
    os.dup2(reading, 0)
    os.close(reading)
    try:
        writer = pa.ipc.new_stream(out, table.schema)
        writer.write_table(table.slice(0, 2))
        os.write(writing, out.getvalue())
        results = Plan("-", units=2, kernel_initializer="ones").run()
        assert len(next(results).classes) == 2  # before anything else has come
        begun = len(out.getvalue())
        writer.write_table(table.slice(2))
        writer.close()
        os.write(writing, out.getvalue()[begun:])
        assert len(next(results).classes) == 4
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(writing)


# --- what is refused --------------------------------------------------------------------------------------


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a null": ({"a": [1.0, None]}, "column 'a': row 1 is null: expected a number"),
    "a null list": ({"a": [[1.0], None]}, "column 'a': row 1 is null: expected a number"),
    "a null in a list": ({"a": [[1.0], [None]]}, "column 'a': a number in rows 0 to 1 is null"),
    "a null list in a list": ({"a": [[[1.0]], [None]]}, "a list in rows from 0 on is null"),
    "texts": ({"a": ["x", "y"]}, "column 'a' holds string: expected numbers, or lists of them"),
    "numbers as texts": ({"a": ["1", "2"]}, "column 'a' holds string"),
    "decimals": ({"a": [decimal.Decimal("1.5")]}, "column 'a' holds decimal128(2, 1)"),
    "a dictionary": ({"a": pa.array(["u", "v"]).dictionary_encode()}, "column 'a' holds dictionary<"),
    "dates": ({"a": np.array(["2020-01-01"], "M8[s]")}, "column 'a' holds timestamp["),
    "bytes": ({"a": [b"x"]}, "column 'a' holds binary"),
    "structs": ({"a": [{"b": 1.0}]}, "column 'a' holds struct<b: double>"),
    "nothing": ({"a": pa.nulls(2)}, "column 'a' holds null"),
    "lists of texts": ({"a": [["x"]]}, "column 'a' holds list<"),
    "ragged vectors": ({"a": [[1.0, 2.0], [1.0]]}, "ragged: row 1 has length 1, those before have 2"),
    "ragged steps": ({"a": [[[1.0, 2.0]], [[1.0]]]}, "ragged: a list inside has length 1"),
    "no steps": ({"a": [[[1.0]], []]}, "row 1 has no time steps"),
    "empty vectors": ({"a": pa.array([[]], pa.list_(pa.int8()))}, "expected features, found an empty list"),
    "no rows": ({"a": pa.array([], pa.float32())}, "no data: the table has no rows"),
    "no columns": ({}, "expected one array, found no columns"),
    "numbers and texts": ({"a": [1.0], "b": ["x"]}, "column 'b' holds string"),
}  # fmt: skip


@every_container
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_array_of_numbers_is_refused_by_its_name(name: str, case: str, run, here: Path) -> None:
    columns, words = REFUSED[case]
    write(name, columns)
    for args in (["predict", name, "-u", 2, "-o", "y.npy"], ["info", name], ["check", name], ["slice", name]):
        ran = run(*args)
        require_kept(str(args[0]), ran.code, ran.out, ran.err)
        if args[0] == "predict":
            assert ran.err.startswith(f"Error: {name}: ")
            assert words in ran.err
    assert os.listdir() == [name]


def test_two_columns_of_one_name_are_refused(run, here: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["a", "a"])
    parquet(table, "x.parquet")
    assert "two columns are named 'a'" in run("predict", "x.parquet", "-u", 2).err


@every_container
def test_a_file_that_is_cut_anywhere_is_refused(name: str, run, here: Path) -> None:
    write(name, {"x": lists(X2, 1)}, row_group_size=2)
    content = Path(name).read_bytes()
    for size in sorted({0, 1, 4, 8, 12, 20, *range(40, len(content), 97), len(content) - 1}):
        Path(name).write_bytes(content[:size])
        ran = run("predict", name, "-u", 2, "-o", "y.npy")
        require_kept("predict", ran.code, ran.out, ran.err)
        # The numbers of an Arrow file end before its footer.
        assert ran.code == 2 or (name in ("x.arrow", "x.feather") and size > content.rindex(b"\xff" * 4))
    Path(name).write_bytes(content[:-20] if name == "x.parquet" else content[: len(content) // 2])
    assert run("predict", "-", "-u", 2, stdin=Path(name).read_bytes()).code == 2


_BODY = struct.pack("<q", 4 * 24)  # how long the body of the batch is


def messages() -> bytes:
    """Return a stream of one batch."""
    out = io.BytesIO()
    stream(pa.table(COLUMNS), out)  # type: ignore[arg-type]
    assert out.getvalue().count(_BODY) == 1
    return out.getvalue()


def test_messages_that_lie_are_refused(run, here: Path) -> None:
    good = messages()
    for content, words in (
        (good[:4] + struct.pack("<i", 2**30) + good[8:], "no message of Arrow begins with"),
        (good[:4] + struct.pack("<i", -8) + good[8:], "no message of Arrow begins with"),
        (good[:4] + struct.pack("<i", 2**20) + good[8:], ""),
        (b"\xff" * 4 + struct.pack("<i", 8) + b"\xff" * 64, "damaged or truncated"),
        (b"\xff" * 64, "no message of Arrow begins with"),
        (good.replace(b"f0", b"f\xff"), "not readable as Arrow"),
        (good[:-8], "truncated: Arrow's mark of the end is not there"),
        (good.replace(_BODY, struct.pack("<q", 2**33), 1), ""),
    ):
        Path("x.arrows").write_bytes(content)
        ran = run("predict", "x.arrows", "-u", 2)
        require_kept("predict", ran.code, ran.out, ran.err)
        assert ran.code == 2
        assert words in ran.err


def test_a_body_beyond_what_is_allowed_is_refused_before_it_is_read(run, here: Path) -> None:
    good = messages()
    Path("x.arrows").write_bytes(good.replace(_BODY, struct.pack("<q", 2**40), 1))
    ran = run("predict", "x.arrows", "-u", 2)
    assert "a record batch, which is held whole, would take 1099511627776 bytes" in ran.err


def test_a_bomb_is_refused_before_it_inflates(run, here: Path) -> None:
    zeros = pa.table({"x": np.zeros(17 << 20, np.float64)})
    feather.write_feather(zeros, "bomb.feather", compression="zstd", chunksize=17 << 20)
    assert os.stat("bomb.feather").st_size < 1 << 20
    assert "a decompression bomb" in run("predict", "bomb.feather", "-u", 2).err
    pq.write_table(zeros, "bomb.parquet", compression="zstd")
    assert "a decompression bomb" in run("predict", "bomb.parquet", "-u", 2).err
    assert run("predict", "bomb.parquet", "-u", 2, "--memory", "1GiB", "-b", 0).code == 0


def test_a_missing_library_is_an_error_that_names_the_extra(run, here: Path, monkeypatch: Any) -> None:
    for name in ("x.parquet", "x.arrow"):
        write(name, COLUMNS)
    np.save("x.npy", X2)
    for library in ("pyarrow", "pyarrow.parquet", "pyarrow.ipc"):
        monkeypatch.setitem(sys.modules, library, None)
    hint = "Hint: pip install 'densecli[parquet]'\n"
    missing = "needs an optional library that is not installed"
    assert run("predict", "x.parquet", "-u", 2).err == f"Error: x.parquet: reading Parquet {missing}\n{hint}"
    assert run("predict", "x.arrow", "-u", 2).err == f"Error: x.arrow: reading Arrow {missing}\n{hint}"
    assert (
        run("predict", "x.npy", "-u", 2, "-o", "y.parquet").err == f"Error: writing Parquet {missing}\n{hint}"
    )
    assert not os.path.exists("y.parquet")


# --- as an output -----------------------------------------------------------------------------------------


def columns_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = pq.read_table(name).to_pydict()
    return found


def test_a_row_of_the_output_is_one_of_the_table(run, here: Path) -> None:
    np.save("x.npy", X3)
    Path("labels.txt").write_text("cat\ndog\nbird\n")
    args = ["predict", "x.npy", "-u", 3, "--labels", "labels.txt", "--measure", "margin"]
    assert run(*args, "-o", "y.parquet").code == 0
    lines = [json.loads(line) for line in run(*args, "-f", "jsonl").out.splitlines()]
    found = columns_of("y.parquet")
    assert list(found) == ["sample", "t", "class", "label", "margin", "probabilities"]
    for column, key in (("sample", "sample"), ("t", "t"), ("class", "class"), ("label", "label")):
        assert found[column] == [line[key] for line in lines]
    for column in ("margin", "probabilities"):
        np.testing.assert_array_equal(
            np.array(found[column], np.float32), np.array([line[column] for line in lines], np.float32)
        )
    schema = pq.read_schema("y.parquet")
    assert str(schema.field("probabilities").type) == "fixed_size_list<element: float>[3]"


def test_the_likeliest_stand_in_lists(run, here: Path) -> None:
    x = X2.copy()
    x[1, 2] = np.nan
    np.save("x.npy", x)
    Path("labels.txt").write_text("cat\ndog\nbird\n")
    Path("true.json").write_text("[0, 1, 2, 0, 1, 2]")
    args = ["predict", "x.npy", "-u", 3, "-k", 2, "--labels", "labels.txt", "--targets", "true.json"]
    assert run(*args, "-o", "y.parquet").code == 0
    found = columns_of("y.parquet")
    assert list(found) == [
        "sample", "class", "label", "rank", "loss", "top_classes", "top_labels", "top_probabilities",
    ]  # fmt: skip
    assert found["class"][1] is found["label"][1] is found["rank"][1] is None
    assert found["top_classes"][1] == found["top_labels"][1] == [None, None]
    lines = [json.loads(line) for line in run(*args, "-f", "jsonl").out.splitlines()]
    assert found["top_classes"][0] == [top["class"] for top in lines[0]["top"]]
    assert found["top_labels"][0] == [top["label"] for top in lines[0]["top"]]
    assert found["rank"][0] == lines[0]["rank"]
    assert "holds only the likeliest classes (-k)" in run("predict", "y.parquet").err


@pytest.mark.parametrize("show", ["probabilities", "logits", "log-probabilities"])
@pytest.mark.parametrize("command", ["predict", "slice"])
def test_what_is_written_is_read_back(command: str, show: str, run, here: Path) -> None:
    np.save("x.npy", X3)
    args = ["x.npy", "-u", 3, "--show", show]
    assert run(command, *args, "-o", "y.parquet").code == 0
    run("predict", *args, "-o", "y.npy")
    rows, places = read("y.parquet")
    np.testing.assert_array_equal(rows, np.load("y.npy")[tuple(places.T)])
    assert len(rows) == 15


def test_finished_outputs_of_a_table_are_placed_by_their_steps(run, here: Path) -> None:
    np.save("x.npy", X3)
    for command in ("predict", "slice"):
        run(command, "x.npy", "-u", 3, "-o", "y.parquet")
        assert (
            run("predict", "y.parquet", "-f", "npy").out == run("predict", "x.npy", "-u", 3, "-f", "npy").out
        )
    run("predict", "x.npy", "-u", 3, "--show", "logits", "-o", "z.parquet")
    assert "expected probabilities" not in run("predict", "z.parquet", "--logits").err
    assert (
        "expected scores, found 'sample', 't', 'class', 'logits'"
        in run("predict", "z.parquet", "--scores").err
    )


def test_ragged_sequences_and_masks_are_written(run, here: Path) -> None:
    lines = "".join(json.dumps(sample) + "\n" for sample in RAGGED).encode()
    assert run("predict", "-u", 3, "-o", "y.parquet", stdin=lines).code == 0
    assert columns_of("y.parquet")["t"] == [0, 1, 0, 1, 2, 3, 4, 0]
    assert (
        run("predict", "y.parquet", "-f", "jsonl").out
        == run("predict", "-u", 3, "-f", "jsonl", stdin=lines).out
    )
    np.save("x.npy", X3)
    Path("lengths.json").write_text("[5, 2, 1]")
    run("predict", "x.npy", "-u", 3, "--lengths", "lengths.json", "--show", "classes", "-o", "m.parquet")
    assert sum(columns_of("m.parquet")["mask"]) == 8


def test_rows_wait_for_a_row_group(run, here: Path, monkeypatch: Any) -> None:
    from dense_cli.writers import parquet as writer

    np.save("x.npy", np.zeros((5000, 2)))
    monkeypatch.setattr(writer, "_GROUP", 1 << 10)
    assert run("predict", "x.npy", "-u", 3, "-o", "y.parquet", "--memory", "64KiB").code == 0
    file = pq.ParquetFile("y.parquet")
    assert file.metadata.num_row_groups > 1
    assert columns_of("y.parquet")["sample"] == list(range(5000))


def test_an_error_leaves_the_older_table(run, here: Path) -> None:
    np.save("x.npy", X2)
    run("predict", "x.npy", "-u", 3, "-o", "y.parquet")
    before = Path("y.parquet").read_bytes()
    assert run("predict", "-u", 3, "-o", "y.parquet", stdin=b"[1, 2]\n[1]\n").code == 2
    assert Path("y.parquet").read_bytes() == before
    assert run("predict", "x.npy", "-u", 3, "-f", "parquet").out == before


def test_safetensors_hold_what_an_npz_holds(run, here: Path) -> None:
    from safetensors.numpy import load_file

    np.save("x.npy", X3)
    Path("lengths.json").write_text("[5, 2, 1]")
    for args in (
        [],
        ["-k", 2, "--measure", "entropy"],
        ["--lengths", "lengths.json"],
        ["--dtype", "float16"],
    ):
        for suffix in ("npz", "safetensors"):
            assert run("predict", "x.npy", "-u", 3, *args, "-o", f"y.{suffix}").code == 0
        found = load_file("y.safetensors")
        with np.load("y.npz") as arrays:
            assert sorted(found) == sorted(arrays)
            for key, array in arrays.items():
                np.testing.assert_array_equal(found[key], array)
                assert found[key].dtype == array.dtype
    assert run("predict", "x.npy", "-u", 3, "-o", "y.safetensors").code == 0
    assert (
        run("predict", "y.safetensors", "-f", "npy").out == run("predict", "x.npy", "-u", 3, "-f", "npy").out
    )


def test_a_source_of_parquet_is_read_no_further_than_asked(here: Path) -> None:
    write("x.parquet", COLUMNS, row_group_size=1)
    source = open_source("x.parquet").select(slice(0, 2))
    assert [block.x.shape for block in source.blocks(8)] == [(2, 4)]


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--show", "log-probabilities", "--measure", "entropy", "--lengths", "lengths.json"),
        ("-k", "2", "--measure", "margin", "--targets", "targets.npy"),
        ("--sort", "margin"),
    ],
)
def test_rows_keep_their_numbers_while_they_wait_for_their_group(
    options: tuple[str, ...], run, here: Path
) -> None:
    rng = np.random.default_rng(8)
    np.save("x.npy", rng.normal(size=(450, 2, 8)).astype(np.float32))
    np.save("targets.npy", rng.integers(0, 8, (450, 2)))
    Path("lengths.json").write_text(json.dumps(rng.integers(0, 3, 450).tolist()))
    # Blocks of few rows: their memory is used again before the row group is written.
    args = ["predict", "x.npy", "-u", 8, "--memory", "100KB" if "--sort" in options else "20KB", *options]
    assert run(*args, "-o", "y.parquet").code == 0
    table = pq.read_table("y.parquet")
    lines = [json.loads(line) for line in run(*args, "-f", "jsonl").out.splitlines()]
    assert table.num_rows == len(lines) == 900
    for name in table.column_names:
        if name.startswith("top_"):
            key = {"top_classes": "class", "top_probabilities": "probability"}[name]
            expected = [[item[key] for item in line["top"]] for line in lines]
        else:
            expected = [line[name] for line in lines]
        found = np.array(table[name].to_pylist(), np.float32)
        np.testing.assert_array_equal(found, np.array(expected, np.float32), name)
