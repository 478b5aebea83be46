"""Every input format: what it gives, in which blocks, and what it refuses in which words."""

from __future__ import annotations

import contextlib
import io
import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run

from dense_cli.errors import ConfigError, DenseCliError, DtypeError, FileFormatError, ShapeError
from dense_cli.files.formats import FORMATS
from dense_cli.files.stream import ByteStream, LocalFile
from dense_cli.sources.open import Request, open_source, sniff
from dense_cli.sources.source import Source
from dense_cli.sources.streamed import StreamSource, in_order, spool
from dense_cli.sources.whole import read_array

OUTPUTS = Request(outputs=True)


def spooled(name: str) -> Source:
    """Open finished outputs of which any row can be had."""
    source = open_source(name, None, OUTPUTS)
    return spool(source) if isinstance(source, StreamSource) else source


X2 = np.array([[1.5, -2.0, 3.25], [0.0, 1e-30, 7.0]])
X3 = np.arange(12.0).reshape(2, 3, 2)


def taken(source: Source, rows: int = 4) -> tuple[list[list[float]], list[list[int]]]:
    """Return all rows of a source and their places."""
    blocks = list(source.blocks(rows))
    return (
        [row for block in blocks for row in block.x.tolist()],
        [place for block in blocks for place in block.places().tolist()],
    )


def read(path: Path | str, format: str | None = None, request: Request = Request()) -> Any:
    """Return the array of a file, in its whole shape."""
    source = open_source(str(path), format, request)
    shape = source.shape
    return np.array(taken(source)[0]).reshape(*(n or -1 for n in shape))


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


# --- what is read --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.json", b"[[1.5,-2,3.25],[0,1e-30,7]]"),
        ("x.json", b'\xef\xbb\xbf {"x": [[1.5,-2,3.25],\r\n [0,1e-30,7]], "name": "an object", "n": 3}'),
        ("x.jsonl", b"[1.5,-2,3.25]\n[0,1e-30,7]\n"),
        ("x.ndjson", b"[1.5,-2,3.25]\n[0,1e-30,7]"),
        ("x.jsonl", b'\xef\xbb\xbf\r\n{"x":[1.5,-2,3.25]}\r\n\r\n   \n{"x":[0,1e-30,7],"id":"b"}\r\n\n'),
        ("x.csv", b"1.5,-2,3.25\n0,1e-30,7\n"),
        ("x.csv", b"\xef\xbb\xbfa,b,c\r\n1.5, -2 ,3.25\r\n\r\n0,1e-30,7"),
        ("x.csv", b'"first","second, or so","third"\n"1.5","-2","3.25"\n0,1e-30,7\n'),
        ("x.npy", npy(X2)),
        ("x.npy", npy(np.asfortranarray(X2))),
        ("x.npy", npy(X2.astype(">f8"))),
        ("x.npy", npy(X2.astype(np.longdouble))),
        ("x.npz", npz(x=X2)),
        ("x.npz", npz(x=np.asfortranarray(X2))),
    ],
)
@pytest.mark.parametrize("suffix", [True, False])
def test_a_batch_is_read_by_its_suffix_and_by_its_first_bytes(
    name: str, content: bytes, suffix: bool, here: Path
) -> None:
    path = here / (name if suffix else "x")
    path.write_bytes(content)
    np.testing.assert_array_equal(read(path), X2)


@pytest.mark.parametrize(
    "dtype", ["bool", "i1", "u1", "<i2", ">i2", "<u4", ">i8", "<u8", "f2", ">f2", "f4", ">f4", "f8", "g"]
)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(6,), (2, 3), (1, 2, 3), (2, 1, 1, 3)])
def test_every_real_dtype_order_and_rank_of_npy_is_read_to_the_last_value(
    dtype: str, order: Any, shape: tuple[int, ...], here: Path
) -> None:
    x = np.arange(6).reshape(shape).astype(dtype)
    np.save("x.npy", np.array(x, order=order))
    np.savez("x.npz", x=np.array(x, order=order))
    np.savez_compressed("c.npz", x=np.array(x, order=order))
    for file in ("x.npy", "x.npz", "c.npz"):
        source = open_source(file)
        assert source.shape == (shape if len(shape) > 1 else (1, *shape))
        assert source.dtype == x.dtype
        np.testing.assert_array_equal(read(file), x.reshape(source.shape))


def test_a_list_of_numbers_is_one_sample(here: Path) -> None:
    Path("x.json").write_text("[1, true, 2.5]")
    source = open_source("x.json")
    assert source.shape == (1, 3)
    assert taken(source) == ([[1.0, 1.0, 2.5]], [[0]])


def test_numbers_beyond_64_bits_are_floats(here: Path) -> None:
    Path("x.json").write_text("[[123456789012345678901234567890, 2]]")
    assert read("x.json").tolist() == [[123456789012345678901234567890.0, 2.0]]


def test_the_extremes_of_64_bits_are_not_rounded(here: Path) -> None:
    np.save("x.npy", np.array([[2**64 - 1, 0]], "u8"))
    assert taken(open_source("x.npy"))[0] == [[2**64 - 1, 0]]


def test_nan_and_infinity_are_read_from_csv_and_npy(here: Path) -> None:
    Path("x.csv").write_text("nan,1\n-inf,Infinity\n")
    x = np.array([[np.nan, 1], [-np.inf, np.inf]])
    np.testing.assert_array_equal(read("x.csv"), x)
    np.save("x.npy", x)
    np.testing.assert_array_equal(read("x.npy"), x)


def test_an_array_file_may_be_empty_along_any_axis_but_the_features(here: Path) -> None:
    for shape in ((0, 3), (0, 2, 3), (2, 0, 3)):
        np.save("x.npy", np.zeros(shape))
        np.savez("x.npz", np.zeros(shape))
        for file in ("x.npy", "x.npz"):
            assert open_source(file).shape == shape
            assert taken(open_source(file)) == ([], [])


@pytest.mark.parametrize(("key", "expected"), [("a", [[1.0, 2.0]]), ("b", [[3.0, 4.0], [5.0, 6.0]])])
def test_a_key_picks_a_member(key: str, expected: list[list[float]], here: Path) -> None:
    Path("x.npz").write_bytes(npz(a=np.array([[1.0, 2]]), b=np.array([[3.0, 4], [5, 6]])))
    Path("x.json").write_text('{"a": [[1, 2]], "b": [[3, 4], [5, 6]]}')
    Path("x.jsonl").write_text("\n".join(f'{{"other": [9], "{key}": {row}}}' for row in expected))
    for file in ("x.npz", "x.json", "x.jsonl"):
        assert read(file, None, Request(key)).tolist() == expected


def test_the_one_array_of_an_object_needs_no_key(here: Path) -> None:
    Path("x.json").write_text('{"id": "a", "n": 3, "tags": ["x"], "hidden": [[1, 2]]}')
    assert read("x.json").tolist() == [[1.0, 2.0]]


def test_a_format_can_be_forced(here: Path) -> None:
    Path("x.txt").write_text("1,2\n")
    assert read("x.txt", "csv").tolist() == [[1.0, 2.0]]
    Path("x.csv").write_text("[1,2]\n")
    assert read("x.csv", "jsonl").tolist() == [[1.0, 2.0]]
    assert read("x.csv", "json").tolist() == [[1.0, 2.0]]


def test_a_line_of_ten_megabytes_is_read(here: Path) -> None:
    row = np.random.default_rng(0).normal(size=500_000)
    text = "[" + ",".join(map(repr, row.tolist())) + "]\n"
    assert len(text) > 9_000_000
    Path("x.jsonl").write_text(text + text)
    source = open_source("x.jsonl")
    blocks = list(source.blocks(1))
    assert [block.places().tolist() for block in blocks] == [[[0]], [[1]]]
    for block in blocks:
        np.testing.assert_array_equal(block.x[0], row)


def test_samples_of_json_lines_may_differ_in_length(here: Path) -> None:
    Path("x.jsonl").write_text("[[1,2],[3,4]]\n[[5,6]]\n")
    source = open_source("x.jsonl")
    assert source.shape == (None, None, 2)
    assert taken(source) == ([[1, 2], [3, 4], [5, 6]], [[0, 0], [0, 1], [1, 0]])


# --- what densecli prints, read back -------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "y.json",
            '{"layer":null,"shape":[2,2,2],"probabilities":[[[0.5,0.5],[1,0]],[[null,null],[0,1]]],"classes":[]}',
        ),
        (
            "y.json",
            '{"layer":{},"shape":[2,2,2],"steps":[{"t":0,"probabilities":[[0.5,0.5],[null,null]]},'
            '{"t":1,"probabilities":[[1,0],[0,1]]}]}',
        ),
        (
            "y.jsonl",
            '{"sample":0,"t":0,"probabilities":[0.5,0.5],"class":0}\n{"sample":1,"t":0,"probabilities":[null,null],"class":null}\n'
            '{"sample":0,"t":1,"probabilities":[1,0],"class":0}\n{"sample":1,"t":1,"probabilities":[0,1],"class":1}\n',
        ),
        (
            "y.jsonl",
            '{"sample":0,"t":0,"probabilities":[0.5,0.5]}\n{"sample":0,"t":1,"probabilities":[1,0]}\n'
            '{"sample":1,"t":0,"probabilities":[null,null]}\n{"sample":1,"t":1,"probabilities":[0,1]}\n',
        ),
        ("y.csv", "sample,t,class,p0,p1\n0,0,0,0.5,0.5\n0,1,0,1.0,0.0\n1,0,,nan,nan\n1,1,1,0.0,1.0\n"),
        (
            "y.csv",
            'sample,t,class,label,mask,p0,p1\n0,0,0,"a,\nb",1,0.5,0.5\n1,0,,,1,nan,nan\n'
            '0,1,0,"a,\nb",1,1.0,0.0\n1,1,1,"c""d",0,0.0,1.0\n',
        ),
    ],
)
def test_finished_outputs_are_put_in_their_places(name: str, content: str, here: Path) -> None:
    Path(name).write_text(content)
    source = in_order(open_source(name, None, OUTPUTS))
    assert source.shape in ((2, 2, 2), (None, None, 2))
    rows, places = taken(source)
    assert places == [[0, 0], [0, 1], [1, 0], [1, 1]]
    np.testing.assert_array_equal(rows, [[0.5, 0.5], [1, 0], [np.nan, np.nan], [0, 1]])


@pytest.mark.parametrize(
    ("name", "content", "samples"),
    [
        ("y.json", '{"layer":null,"shape":[2,null,2],"probabilities":[[[0.5,0.5],[1,0]],[[0,1]]]}', (0, 1)),
        (
            "y.jsonl",
            '{"sample":3,"t":0,"probabilities":[0.5,0.5]}\n{"sample":7,"t":0,"probabilities":[0,1]}\n'
            '{"sample":3,"t":1,"probabilities":[1,0]}\n',
            (3, 7),
        ),
        ("y.csv", "sample,t,class,p0,p1\n0,0,0,0.5,0.5\n0,1,0,1,0\n5,0,1,0,1\n", (0, 5)),
    ],
)
def test_finished_outputs_may_differ_in_length_and_keep_their_numbers(
    name: str, content: str, samples: tuple[int, int], here: Path
) -> None:
    Path(name).write_text(content)
    source = spooled(name)
    first, second = samples
    assert source.shape == (2, None, 2)
    assert taken(source) == ([[0.5, 0.5], [1, 0], [0, 1]], [[first, 0], [first, 1], [second, 0]])
    assert taken(source.select(slice(-1, None))) == ([[0, 1]], [[second, 0]])


def test_null_is_nan_only_where_densecli_wrote_it(here: Path) -> None:
    Path("y.json").write_text('{"probabilities": [[[null, 1]]]}')
    with pytest.raises(DtypeError) as caught:
        open_source("y.json", None, OUTPUTS)
    assert str(caught.value) == "y.json[probabilities]: expected a number, found null at [0][0][0]"


def test_places_and_classes_that_densecli_prints_are_no_features_where_a_layer_runs(here: Path) -> None:
    Path("x.csv").write_text("sample,t,class,label,p0,p1\n3,1,0,cat,0.5,0.25\n")
    Path("x.jsonl").write_text('{"sample":3,"t":1,"probabilities":[0.5,0.25],"class":0,"label":"cat"}\n')
    for name in ("x.csv", "x.jsonl"):
        assert taken(open_source(name)) == ([[0.5, 0.25]], [[3, 1]])


def test_columns_after_sample_that_densecli_does_not_print_are_features(here: Path) -> None:
    Path("x.csv").write_text("sample,length,class\n0,1,2\n")
    Path("x.jsonl").write_text('{"sample":0,"x":[1,2],"class":3}\n')
    assert read("x.csv").tolist() == [[1, 2]]
    assert read("x.jsonl").tolist() == [[1, 2]]


# --- blocks, samples and places ------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 6, 100])
@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.json", "x.jsonl"])
def test_no_block_crosses_a_multiple_of_its_size(name: str, rows: int, here: Path) -> None:
    np.save("x.npy", X3)
    np.savez("x.npz", X3)
    Path("x.json").write_text(repr(X3.tolist()))
    Path("x.jsonl").write_text("\n".join(map(repr, X3.tolist())))
    blocks = list(open_source(name).blocks(rows))
    assert [block.start for block in blocks] == list(range(0, 6, rows))
    assert [len(block.x) for block in blocks] == [min(rows, 6 - start) for start in range(0, 6, rows)]
    np.testing.assert_array_equal(np.concatenate([block.x for block in blocks]), X3.reshape(6, 2))
    places = np.concatenate([block.places() for block in blocks]).tolist()
    assert places == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]


@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.parametrize("name", ["x.npy", "f.npy", "x.npz", "c.npz", "x.json", "x.jsonl"])
@pytest.mark.parametrize(
    "batch",
    ["0:", "1:", ":2", "-1:", ":-1", "::2", "1::2", "::-1", "3:0:-2", "2:1", "9:", "-9:", "-9:-7", "1:3"],
)
def test_chosen_samples_are_those_of_the_array(batch: str, name: str, piped: bool, here: Path) -> None:
    x = np.arange(24.0).reshape(4, 3, 2)
    np.save("x.npy", x)
    np.save("f.npy", np.asfortranarray(x))
    np.savez("x.npz", x)
    np.savez_compressed("c.npz", x)
    Path("x.json").write_text(repr(x.tolist()))
    Path("x.jsonl").write_text("\n".join(map(repr, x.tolist())))
    wanted = slice(*(int(n) if n else None for n in batch.split(":")))
    numbers = range(4)[wanted]
    path = name
    if piped:
        path = "fifo"
        os.mkfifo(path)
        thread = threading.Thread(target=_pour, args=(Path(name), path))
        thread.start()
    source = open_source(path).select(wanted)
    rows, places = taken(source, rows=2)
    if piped:
        thread.join()
    assert rows == x[wanted].reshape(-1, 2).tolist()
    assert places == [[n, t] for n in numbers for t in range(3)]
    assert source.shape in ((len(numbers), 3, 2), (None, None, 2))


def _pour(source: Path, fifo: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        Path(fifo).write_bytes(source.read_bytes())


def test_samples_of_outputs_that_come_step_by_step_are_found_in_every_step(here: Path) -> None:
    lines = [f'{{"sample":{n},"t":{t},"probabilities":[{n}.5,{t}]}}\n' for t in range(3) for n in range(2)]
    Path("y.jsonl").write_text("".join(lines))
    source = open_source("y.jsonl", None, OUTPUTS)
    assert source.by_step  # type: ignore[attr-defined]
    assert taken(source.select(slice(0, 1))) == ([[0.5, 0], [0.5, 1], [0.5, 2]], [[0, 0], [0, 1], [0, 2]])


def test_a_small_array_is_read_whole(here: Path) -> None:
    np.save("x.npy", np.array([3, 1]))
    assert read_array(open_source("x.npy")).tolist() == [3, 1]
    np.save("x.npy", X3)
    assert read_array(open_source("x.npy")).tolist() == X3.tolist()
    Path("x.jsonl").write_text("[1,2]\n[3,4]\n")
    assert read_array(open_source("x.jsonl")).tolist() == [[1, 2], [3, 4]]


# --- what is refused -----------------------------------------------------------------------------

REFUSED: list[tuple[str, bytes, type[DenseCliError], str]] = [
    ("x.json", b"", FileFormatError, "no data: expected JSON, found nothing"),
    ("x.json", b" \n", FileFormatError, "no data: expected JSON, found nothing"),
    ("x.json", b"3", ShapeError, "expected a list of numbers, found a single number"),
    ("x.json", b"null", FileFormatError, "expected a nested list of numbers, found null"),
    ("x.json", b'"1"', FileFormatError, "expected a nested list of numbers, found a string"),
    ("x.json", b"[]", ShapeError, "no samples: the list is empty"),
    ("x.json", b"[[],[]]", ShapeError, "expected features on the last axis, found none (shape (2, 0))"),
    (
        "x.json",
        b"[[1,2],[3]]",
        ShapeError,
        "ragged: [1] has length 1, [0] has length 2: all rows must have the same length",
    ),
    (
        "x.json",
        b"[[[1],[2]],[[1]]]",
        ShapeError,
        "ragged: [1] has length 1, [0] has length 2: all rows must have the same length",
    ),
    (
        "x.json",
        b"[[1,2],3]",
        ShapeError,
        "ragged: found a number at [1], expected a list as elsewhere at that depth",
    ),
    ("x.json", b"[1,[2]]", ShapeError, "expected a number as at [0], found a list at [1]"),
    ("x.json", b'[["1","2"]]', DtypeError, "expected a number, found a string '1' at [0][0]"),
    ("x.json", b"[[1,null]]", DtypeError, "expected a number, found null at [0][1]"),
    ("x.json", b"[[1,{}]]", DtypeError, "expected a number, found an object at [0][1]"),
    ("x.json", b"[1,2", FileFormatError, "not JSON: unexpected end of data, line 1 column 5"),
    ("x.json", b"[" * 2000, FileFormatError, "not JSON: nested too deeply for an array"),
    (
        "x.json",
        b"[[1,1e400]]",
        FileFormatError,
        "not JSON: a number is beyond the range of float64: line 1 column 5",
    ),
    ("x.json", b"\xff\xfe[\x001\x00", FileFormatError, "expected JSON in UTF-8, found UTF-16"),
    ("x.json", b"{}", ConfigError, "expected one array, found no arrays"),
    ("x.json", b'{"a":[1],"b":[2]}', ConfigError, "expected one array, found 'a', 'b'"),
    ("x.jsonl", b"", FileFormatError, "no data: expected one sample per line, found an empty input"),
    ("x.jsonl", b"\n \r\n", FileFormatError, "no data: expected one sample per line, found an empty input"),
    (
        "x.jsonl",
        b"[1,2]\n\n[3]\n",
        ShapeError,
        "line 3: shape (1,) differs from the first line's: expected rank 1 with 2 features",
    ),
    (
        "x.jsonl",
        b"[[1,2]]\n[3,4]\n",
        ShapeError,
        "line 2: shape (2,) differs from the first line's: expected rank 2 with 2 features",
    ),
    ("x.jsonl", b'[1]\n["a"]', DtypeError, "line 2: expected a number, found a string 'a' at [0]"),
    ("x.jsonl", b'[1]\n"a"', DtypeError, "line 2: expected a list of numbers, found a string 'a'"),
    ("x.jsonl", b"[1]\n2", ShapeError, "line 2: expected a list of numbers, found a single number"),
    ("x.jsonl", b"[1]\n[2\n", FileFormatError, "line 2: not JSON: unexpected end of data, column 3"),
    (
        "x.jsonl",
        b"[[1],[2,3]]\n",
        ShapeError,
        "line 1: ragged: [1] has length 2, [0] has length 1: all rows must have the same length",
    ),
    ("x.csv", b"", FileFormatError, "no data: expected rows of numbers, found none"),
    ("x.csv", b"a,b\n", FileFormatError, "no data: expected rows of numbers, found none"),
    ("x.csv", b"a,b\n1,2\n3\n", ShapeError, "ragged: line 3 has 1 column, the first line has 2 columns"),
    ("x.csv", b"1,2\n3,x\n", DtypeError, "line 2, column 2: expected a number, found 'x'"),
    ("x.csv", b"1,2\n\n3,\n", DtypeError, "line 3, column 2: expected a number, found ''"),
    ("x.csv", b"1,1_0\n", DtypeError, "line 1, column 2: expected a number, found '1_0'"),
    ("x.csv", b"a,b\nc,d\n", DtypeError, "line 2, column 1: expected a number, found 'c'"),
    ("x.csv", b"1;2\n", DtypeError, "line 1, column 1: expected a number, found '1;2'"),
    ("x.csv", b"1,2\n3,-1e999\n", DtypeError, "line 2: a number is beyond the range of float64"),
    ("x.csv", b"1,\xff\n", FileFormatError, "expected UTF-8 text, found other bytes after line 0"),
    ("x.npy", b"", FileFormatError, "the file is empty, expected an NPY array"),
    ("x.npy", npy(np.float64(1)), ShapeError, "expected rank 1 or more, found a single number (shape ())"),
    (
        "x.npy",
        npy(np.zeros((2, 0))),
        ShapeError,
        "expected features on the last axis, found none (shape (2, 0))",
    ),
    (
        "x.npy",
        npy(X2)[:-1],
        FileFormatError,
        "truncated: expected 48 bytes of data for shape (2, 3) of float64, found 47",
    ),
    (
        "x.npy",
        npy(X2.astype(complex)),
        DtypeError,
        "complex numbers (dtype complex128): expected real numbers",
    ),
    ("x.npy", npy(np.array([["a"]])), DtypeError, "strings (dtype <U1): expected real numbers"),
    (
        "x.npy",
        npy(np.zeros(2, [("a", "f4")])),
        DtypeError,
        "structured array (dtype [('a', '<f4')]): expected real numbers",
    ),
    ("x.npz", b"", FileFormatError, "no data: the input is empty"),
    (
        "x.npz",
        b"PK\x03\x04",
        FileFormatError,
        "not a readable zip archive (cut short or damaged?): File is not a zip file",
    ),
    ("x.npz", npz(), ConfigError, "expected one array, found no arrays"),
    ("x.npz", npz(a=X2, b=X2), ConfigError, f"expected one array, found 'a' {X2.shape}, 'b' {X2.shape}"),
    ("x", b"", FileFormatError, "no data: the input is empty"),
    (
        "x",
        b"hello world",
        FileFormatError,
        "expected an array as json, jsonl, npy, npz, csv, tsv, python, hdf5, safetensors, zarr, "
        "parquet, arrow, torch, "
        "found 'hello world'",
    ),
]


@pytest.mark.parametrize(("name", "content", "error", "message"), REFUSED)
def test_what_is_not_an_array_of_numbers_is_refused_with_its_place(
    name: str, content: bytes, error: type[DenseCliError], message: str, here: Path
) -> None:
    Path(name).write_bytes(content)
    with pytest.raises(error) as caught:
        taken(open_source(name))
    assert str(caught.value) == f"{name}: {message}"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "y.json",
            '{"layer":null,"top":[[]],"classes":[0]}',
            "y.json: holds only the likeliest classes (-k), not all probabilities",
        ),
        (
            "y.jsonl",
            '{"sample":0,"top":[],"class":0}',
            "y.jsonl: line 1: holds only the likeliest classes (-k), not all probabilities",
        ),
        (
            "y.csv",
            "sample,class,top1,top1_p\n0,1,1,0.5\n",
            "y.csv: holds only the likeliest classes (-k), not all probabilities",
        ),
        (
            "y.json",
            '{"layer":null,"shape":[1,2],"classes":[0]}',
            "y.json: holds only classes, not probabilities",
        ),
        ("y.jsonl", '{"sample":0,"class":0}', "y.jsonl: line 1: holds only classes, not probabilities"),
        (
            "y.csv",
            "sample,t,class\n0,0,1\n",
            "y.csv: expected columns p0, p1, … beside sample, found t, class",
        ),
        (
            "y.json",
            '{"layer":null,"shape":[2,null,1],"steps":[{"t":0,"probabilities":[[1],[1]]},{"t":1,"probabilities":[[1]]}]}',
            "y.json: the steps do not say which samples they are of, because these differ in length",
        ),
        (
            "y.json",
            '{"layer":null,"steps":[{"t":0}]}',
            "y.json: expected probabilities in every one of its steps",
        ),
        (
            "y.json",
            '{"layer":null,"shape":[2,null,1],"probabilities":[[[1]],[[1,0]]]}',
            "y.json[probabilities]: sample 1 has shape (1, 2): expected rank 2 with 1 classes",
        ),
        (
            "y.jsonl",
            '{"sample":0.5,"probabilities":[1]}',
            "y.jsonl: line 1: expected whole numbers for sample, t and index, found [0.5]",
        ),
        (
            "y.csv",
            "sample,t,class,p0\n0,-1,0,1\n",
            "y.csv: line 2: expected whole numbers for sample and t, found 0, -1",
        ),
        (
            "y.jsonl",
            '{"sample":0,"t":4,"probabilities":[1]}\n' * 2,
            "y.jsonl: expected each row once, found sample 0, t 4 twice",
        ),
        (
            "y.csv",
            "sample,t,class,p0\n0,0,0,1\n0,1,0,1\n0,2,0,1\n1,0,0,1\n1,2,0,1\n",
            "y.csv: expected the steps that other samples have, found a gap before sample 1, t 2",
        ),
        (
            "y.csv",
            "sample,class,p0,p1\n0,0,1,0\n1,0,x,0\n",
            "y.csv: line 3, column 3: expected a number, found 'x'",
        ),
    ],
)
def test_outputs_that_do_not_hold_what_is_needed_are_refused(
    name: str, content: str, message: str, here: Path
) -> None:
    Path(name).write_text(content)
    with pytest.raises(DenseCliError) as caught:
        taken(spooled(name))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.json", b"[1]", "x.json: --key k: expected an object, found a list"),
        ("x.json", b'{"a":[1]}', "x.json: no array 'k': found 'a'"),
        ("x.jsonl", b"[1]", "x.jsonl: line 1: --key k: expected an object"),
        ("x.jsonl", b'{"a":[1]}', "x.jsonl: line 1: no array 'k': found 'a'"),
        ("x.csv", b"1", "x.csv: --key picks one of several arrays; a CSV has one"),
        ("x.npy", npy(X2), "x.npy: --key picks one of several arrays; an NPY has one"),
        ("x.npz", npz(a=X2), f"x.npz: no array 'k': found 'a' {X2.shape}"),
    ],
)
def test_a_key_that_is_not_there_is_refused(name: str, content: bytes, message: str, here: Path) -> None:
    Path(name).write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        taken(open_source(name, None, Request("k")))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("x.json", b"[NaN]", "NaN and Infinity are not JSON: use NPY or CSV for them"),
        ("x.json", b"[1]\n[2]", "one value per line is JSON Lines: --input-format jsonl"),
        ("x.json", b"\xff\xfe[\x00", "iconv -f UTF-16 -t UTF-8"),
        ("x.json", b'{"a":[1],"b":[2]}', "choose one with --key a"),
        ("x.csv", b"1 2\n", "columns are separated by commas; --input-format tsv: by tabs"),
        ("x.csv", b"1\t2\n", "columns are separated by commas; --input-format tsv: by tabs"),
        ("x.tsv", b"1,2\n", "columns are separated by tabs; --input-format csv: by commas"),
        ("x", b"hello", "name the format with --input-format"),
    ],
)
def test_a_hint_says_how_to_mend_it(name: str, content: bytes, hint: str, here: Path) -> None:
    Path(name).write_bytes(content)
    with pytest.raises(DenseCliError) as caught:
        taken(open_source(name))
    assert caught.value.hint == hint


def test_lines_before_a_bad_one_are_given_first(here: Path) -> None:
    Path("x.jsonl").write_text("[1]\n[2]\n[x]\n")
    blocks = open_source("x.jsonl").blocks(10)
    assert next(blocks).x.tolist() == [[1], [2]]
    with pytest.raises(FileFormatError, match=r"^x\.jsonl: line 3: not JSON"):
        next(blocks)


def test_a_file_that_shrinks_while_it_is_read_is_an_error(here: Path) -> None:
    np.save("x.npy", np.zeros((100, 3)))
    blocks = open_source("x.npy").blocks(10)
    next(blocks)
    os.truncate("x.npy", 128 + 10 * 24)
    with pytest.raises(FileFormatError) as caught:
        next(blocks)
    assert str(caught.value) == "x.npy: the file ended at byte 368 while it was read"


def test_a_pipe_that_ends_early_is_an_error_that_names_the_row(here: Path) -> None:
    os.mkfifo("x.npy")
    thread = threading.Thread(target=lambda: Path("x.npy").write_bytes(npy(X3)[:-8]))
    thread.start()
    with pytest.raises(FileFormatError) as caught:
        taken(open_source("x.npy"))
    thread.join()
    assert str(caught.value) == "x.npy: truncated: the data ended in row 5 of 6 (shape (2, 3, 2))"


def flipped(folder: Path) -> np.ndarray:
    """Write x.npz with one bit of its last number flipped, and return what it held before."""
    x = np.random.default_rng(0).normal(size=(40_000, 5))
    content = bytearray(npz(x=x))
    content[content.index(x[-1, -1:].tobytes()) + 2] ^= 4
    (folder / "x.npz").write_bytes(content)
    return x


def test_a_flipped_bit_in_a_stored_member_is_an_error_before_the_last_row_is_given(here: Path) -> None:
    x = flipped(here)
    blocks = open_source("x.npz").blocks(30_000)
    np.testing.assert_array_equal(next(blocks).x, x[:30_000])
    with pytest.raises(FileFormatError) as caught:
        next(blocks)
    assert str(caught.value) == "x.npz: x: damaged: its bytes do not have the archive's checksum"


@pytest.mark.parametrize("batch", [slice(1, 3), slice(None, None, -1), slice(7, None, 1000)], ids=str)
def test_a_flipped_bit_in_a_stored_member_is_an_error_before_rows_out_of_order(
    batch: slice, here: Path
) -> None:
    x = flipped(here)
    with pytest.raises(FileFormatError, match="checksum"):
        next(open_source("x.npz").select(batch).blocks(10))
    np.savez("x.npz", x)
    np.testing.assert_array_equal(taken(open_source("x.npz").select(batch))[0], x[batch])


@pytest.mark.parametrize(
    ("dtype", "bits"),
    [
        ("bfloat16", np.array([[0x3F80, 0xC000], [0x7F80, 0x0001]], "<u2")),
        ("float8_e4m3fn", np.array([[0x38, 0xC0], [0x7E, 0x01]], "u1")),
        ("float8_e5m2", np.array([[0x3C, 0xC0], [0x7C, 0x01]], "u1")),
    ],
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_raw_bytes_are_the_numbers_that_they_are_said_to_be(
    dtype: str, bits: np.ndarray, order: str, run: Run, here: Path
) -> None:
    expected = {  # by the definitions of the formats
        "bfloat16": [[1.0, -2.0], [np.inf, 2.0**-133]],
        "float8_e4m3fn": [[1.0, -2.0], [448.0, 2.0**-9]],
        "float8_e5m2": [[1.0, -2.0], [np.inf, 2.0**-16]],
    }[dtype]
    np.save("x.npy", np.array(bits, order=order).view(f"V{bits.itemsize}"))
    rows, _ = taken(open_source("x.npy", None, Request(dtype=dtype)))
    assert rows == expected
    ran = run("predict", "-", "-u", 3, "--input-dtype", dtype, "-f", "npy", stdin=Path("x.npy").read_bytes())
    np.save("f.npy", np.array(expected, np.float32))
    assert ran.out == run("predict", "f.npy", "-u", 3, "-f", "npy").out
    ran = run("predict", "x.npy", "-u", 3)
    assert ran.err == (
        f"Error: x.npy: raw bytes (dtype |V{bits.itemsize}): expected real numbers\n"
        "Hint: NumPy saves bfloat16 and float8 so: --input-dtype says which it is\n"
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.npy", npy(X2), "x.npy: --input-dtype bfloat16: expected raw bytes (V2), found float64"),
        (
            "x.npy",
            npy(X2.astype("f2").view("V1")),
            "x.npy: --input-dtype bfloat16: expected raw bytes (V2), found |V1",
        ),
        ("x.json", b"[1]", "x.json: --input-dtype is about the raw bytes of an NPY, found json"),
    ],
)
def test_what_is_no_raw_bytes_is_not_taken_for_some(
    name: str, content: bytes, message: str, here: Path
) -> None:
    Path(name).write_bytes(content)
    with pytest.raises(DenseCliError) as caught:
        open_source(name, None, Request(dtype="bfloat16"))
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["m.keras", "m.onnx"])
def test_a_model_is_no_array(name: str, run: Run, here: Path) -> None:
    Path(name).write_bytes(b"\x08\x08")
    ran = run("predict", name, "-u", 3)
    assert ran.err == (
        f"Error: {name}: {name[2:]} holds weights or a model: expected an array\n"
        "Hint: weights are given with --weights\n"
    )


def test_every_suffix_belongs_to_one_format() -> None:
    suffixes = [suffix for format in FORMATS.values() for suffix in format.suffixes]
    assert len(suffixes) == len(set(suffixes))


def test_labels_with_line_breaks_are_read_back_however_the_bytes_come(run: Run, here: Path) -> None:
    Path("labels.json").write_text(json.dumps(["a\nb\n\n c", 'x"y\nz', "q, \r\n w"]))
    np.save("x.npy", np.random.default_rng(0).normal(size=(9000, 2, 2)))
    assert run("predict", "x.npy", "-u", 3, "-o", "y.npy").code == 0
    ran = run("predict", "x.npy", "-u", 3, "--labels", "labels.json", "-f", "csv")
    assert len(ran.out) > 1 << 18  # more than is read at once
    for piece in (1 << 16, 999):
        compared = run("compare", "-", "y.npy", "--atol", 1e-7, stdin=ran.out, piece=piece)
        assert compared.code == 0, compared.text


def test_a_number_beyond_the_range_is_told_from_an_infinite_one_under_any_label(run: Run, here: Path) -> None:
    rows = b'sample,class,label,logit0,logit1\n0,0,"a\nb",-inf,1\n1,1,"c\nd",0,1\n2,1,e,1e400,0\n'
    assert run("compare", "-", "-", "--logits", stdin=rows).code == 2
    ran = run("info", "-", "--input-format", "csv", stdin=rows)
    message = "standard input: line 6: a number is beyond the range of float64"
    assert (ran.err, ran.code) == (f"Error: {message}\n", 2)
    good = rows.replace(b"1e400", b"inf")
    assert run("info", "-", "--input-format", "csv", stdin=good).code == 0


def test_a_quote_that_is_never_closed_is_one_error(run: Run, here: Path) -> None:
    rows = b'sample,class,label,p0,p1\n0,0,a,1,0\n1,0,"b,1,0\n' + b"2,0,c,1,0\n" * 60_000
    ran = run("info", "-", "--input-format", "csv", stdin=rows)
    assert ran.code == 2
    assert ran.err.startswith("Error: standard input: ragged: line 3 has ")


@pytest.mark.parametrize("format", ["npy", "npz", "hdf5", "safetensors"])
def test_a_binary_file_is_known_from_a_pipe_that_gives_a_byte_first(format: str, here: Path) -> None:
    x = np.ones((2, 3), np.float32)
    if format == "npy":
        np.save("x.npy", x)
    elif format == "npz":
        np.savez("x.npz", x=x)
    elif format == "hdf5":
        with pytest.importorskip("h5py").File("x.hdf5", "w") as file:
            file["x"] = x
    else:
        pytest.importorskip("safetensors.numpy").save_file({"x": x}, "x.safetensors")
    content = (here / f"x.{format}").read_bytes()
    reading, writing = os.pipe()
    os.write(writing, content[:1])
    stream = ByteStream(LocalFile(reading), "standard input")
    assert stream.peek(1) == content[:1]

    def rest() -> None:
        os.write(writing, content[1:])
        os.close(writing)

    later = threading.Timer(0.05, rest)
    later.start()
    assert sniff(stream).name == format
    later.join()
