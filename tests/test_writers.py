"""How numbers, nests and labels are written."""

from __future__ import annotations

import csv
import io
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dense_cli.writers.npy import npy_header
from dense_cli.writers.numbers import Nest, class_texts, row_texts

IDENTITY = ("--kernel-initializer", "identity", "-a", "linear", "--no-bias")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_numbers_are_the_shortest_that_read_back(dtype: Any, data: st.DataObject) -> None:
    finite = st.floats(width=np.dtype(dtype).itemsize * 8, allow_nan=False, allow_infinity=False)
    values = data.draw(
        hnp.arrays(dtype, hnp.array_shapes(min_dims=2, max_dims=2, max_side=4), elements=finite)
    )
    texts = row_texts(values)
    again = np.array([json.loads(b"[%b]" % text) for text in texts])
    np.testing.assert_array_equal(again.astype(dtype), values)
    for text, value in zip(b",".join(texts).split(b","), values.ravel(), strict=True):
        digits = text.decode().lower().split("e")[0].strip("-0.").replace(".", "")
        assert len(digits) <= len(
            np.format_float_scientific(value, trim="-").split("e")[0].strip("-0.").replace(".", "")
        )


def test_nan_and_infinities_are_null_in_json() -> None:
    values = np.array([[np.nan, 1.0], [np.inf, -np.inf]])
    for dtype in (np.float16, np.float32, np.float64):
        assert row_texts(values.astype(dtype)) == [b"null,1.0", b"null,null"]
    assert class_texts(np.array([3, -1])) == [b"3", b"null"]


def test_rows_without_numbers_are_empty_texts() -> None:
    assert row_texts(np.empty((2, 0))) == [b"", b""]
    assert row_texts(np.empty((0, 2))) == []


@given(
    shape=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 81), max_size=5),
)
def test_a_nest_is_the_list_whatever_the_pieces(shape: list[int], cuts: list[int]) -> None:
    items = [b"%d" % i for i in range(int(np.prod(shape)))]
    places = np.indices(shape).reshape(len(shape), -1).T
    edges = sorted({0, len(items), *(cut for cut in cuts if cut < len(items))})
    nest = Nest(len(shape))
    text = b"".join(nest.add(items[a:b], places[a:b]) for a, b in itertools.pairwise(edges))
    expected = np.arange(len(items)).reshape(shape).tolist()
    assert json.loads(text + nest.end()) == expected


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", "<i8", "|b1"])
@pytest.mark.parametrize("shape", [(), (3,), (0, 5), (2, 3, 4), (10**9, 10**9)])
def test_an_npy_header_is_what_numpy_reads(dtype: str, shape: tuple[int, ...]) -> None:
    header = npy_header(shape, np.dtype(dtype))
    file = io.BytesIO(header)
    assert np.lib.format.read_magic(file) == (1, 0)
    assert np.lib.format.read_array_header_1_0(file) == (shape, False, np.dtype(dtype))
    assert file.tell() == len(header) == 128


LABELS = [
    "a,b",
    'say "x"',
    "two\nlines, or more",
    " spaced ",
    "naïve \x1b[31m",
    "",
    "a\tb",
    "0",
    "mask",
    "mask",
]


@pytest.mark.parametrize(("format", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_labels_of_any_text_are_read_back_from_csv_and_tsv(
    format: str, delimiter: str, here: Path, run: Run
) -> None:
    Path("labels.json").write_text(json.dumps(LABELS))
    np.save("x.npy", np.eye(10, dtype="f4"))
    args = ("predict", "x.npy", "--labels", "labels.json", "--measure", "margin")
    assert run(*args, "-o", f"y.{format}").code == 0  # the suffix says the format
    text = Path(f"y.{format}").read_bytes().decode()
    header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    assert header == ["sample", "class", "label", "margin", *(f"p_{label}" for label in LABELS)]
    assert [row[2] for row in rows] == LABELS
    # What was printed is an input again, from a file and a pipe, and its numbers are the same.
    expected = json.loads(run(*args, "-f", "json").out)["probabilities"]
    for source, stdin in ((f"y.{format}", b""), ("-", text.encode())):
        back = run("predict", source, "-f", "json", "--dtype", "float32", stdin=stdin)
        assert (back.err, json.loads(back.out)["probabilities"]) == ("", expected)
    logs = run(*args, "--show", "log-probabilities", "-k", 2, "-f", format).text
    assert next(csv.reader(io.StringIO(logs, newline=""), delimiter=delimiter))[4:] == [
        *("top1", "top1_label", "top1_logp", "top2", "top2_label", "top2_logp")
    ]


def test_tsv_is_csv_with_tabs(here: Path, run: Run) -> None:
    np.save("x.npy", np.array([[[1.0, 2.0], [3.0, np.nan]]]))
    for options in ([], ["-k", 1], ["--show", "classes"], ["--measure", "entropy"]):
        args = ("predict", "x.npy", "-u", 3, *options, "-f")
        assert run(*args, "tsv").text == run(*args, "csv").text.replace(",", "\t")


def test_labels_of_any_text_are_read_back_from_json(here: Path, run: Run) -> None:
    labels = LABELS[:6]
    Path("labels.json").write_text(json.dumps(labels))
    np.save("x.npy", np.eye(6, dtype="f4"))
    args = ("predict", "x.npy", "-u", 6, *IDENTITY, "--labels", "labels.json", "-f")
    assert [json.loads(line)["label"] for line in run(*args, "jsonl").text.splitlines()] == labels
    assert json.loads(run(*args, "json").out)["predicted"] == labels


def test_npz_holds_every_array_of_the_view_under_its_name(here: Path, run: Run) -> None:
    np.save("x.npy", np.arange(12, dtype="f4").reshape(2, 3, 2))
    wanted = {
        (): {"probabilities": (2, 3, 4), "classes": (2, 3)},
        ("--show", "logits"): {"probabilities": (2, 3, 4), "logits": (2, 3, 4), "classes": (2, 3)},
        ("--show", "classes"): {"classes": (2, 3)},
        ("-k", "2"): {"top_probabilities": (2, 3, 2), "top_classes": (2, 3, 2), "classes": (2, 3)},
        ("--mask-value", "0"): {"probabilities": (2, 3, 4), "classes": (2, 3), "mask": (2, 3)},
    }
    for args, shapes in wanted.items():
        assert run("predict", "x.npy", "-u", 4, *args, "-o", "y.npz").code == 0
        with np.load("y.npz") as arrays:
            assert {name: arrays[name].shape for name in arrays.files} == shapes


def test_the_same_input_gives_the_same_bytes_of_npz(here: Path, run: Run) -> None:
    np.save("x.npy", np.ones((2, 3)))
    first = run("predict", "x.npy", "-u", 4, "-f", "npz").out
    assert run("predict", "x.npy", "-u", 4, "-f", "npz").out == first
    assert b"\x00\x00\x21\x00" in first  # 1 January 1980, not today


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_every_format_has_the_dtype_of_the_layer(dtype: str, here: Path, run: Run) -> None:
    np.save("x.npy", np.array([[0.1, 65504, 1e-7]]))
    args = ("predict", "x.npy", "-u", 3, *IDENTITY, "--dtype", dtype, "-f")
    expected = np.array([[0.1, 65504, 1e-7]], dtype)
    y = np.load(io.BytesIO(run(*args, "npy").out))
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, expected)
    texts = {
        "float16": "0.1,65500.0,1e-7",
        "float32": "0.1,65504.0,1e-7",
        "float64": "0.1,65504.0,1e-7",
    }[dtype]
    assert run(*args, "csv").text == f"sample,class,p0,p1,p2\n0,1,{texts}\n"
    assert f'"probabilities":[{texts}]' in run(*args, "jsonl").text


@pytest.mark.parametrize("output", [[], ["-o", "y.txt"], ["-f", "markdown"]])
def test_of_more_than_20_classes_a_table_shows_the_20_likeliest_wherever_it_goes(
    run: Run, here: Path, output: list[str]
) -> None:
    def header(classes: int) -> tuple[list[str], str]:
        args = ["-u", classes, "--kernel-initializer", "zeros", *output]
        ran = run("predict", "-", *args, stdin=b"[[1, 2]]")
        text = Path("y.txt").read_text() if "-o" in output else ran.text
        line = next(line for line in text.splitlines() if line.lstrip("| ").startswith("sample"))
        return line.replace("|", " ").split(), ran.err

    assert header(20) == (["sample", "class", *map(str, range(20))], "")
    tops = [name for i in range(1, 21) for name in (f"top{i}", f"p{i}")]
    note = "Note: of 21 classes the 20 likeliest are shown (all: -f csv)\n"
    assert header(21) == (["sample", *tops], note)


def test_of_more_than_20_units_init_shows_20_in_a_pipe(run: Run) -> None:
    ran = run("init", "-i", 1, "-u", 23, "--kernel-initializer", "ones", "--no-bias")
    assert ran.text.splitlines()[2].split() == ["feature", *map(str, range(20))]
    assert ran.text.endswith("\n      0" + "  1.0000" * 20 + "\n… 3 more columns: -f json\n")


def test_what_was_asked_for_is_shown_however_many(run: Run) -> None:
    ran = run("predict", "-", "-u", 30, "-k", 25, "--kernel-initializer", "zeros", stdin=b"[[1, 2]]")
    assert (ran.err, ran.code) == ("", 0)
    header, _, row = ran.text.splitlines()[3:6]
    assert header.split()[-2:] == ["top25", "p25"]
    assert row.split()[-1] == "unsure"  # as all are equally likely
    ran = run("predict", "-", "-u", 600_000, "-k", 600_000, stdin=b"[[1, 2]]")
    assert (ran.out, ran.code) == (b"", 2)
    assert ran.err == (
        "Error: the table: a row of 1200002 columns would take 5400009000 bytes (5.0 GiB), more than 4 GiB\n"
        "Hint: --memory SIZE allows more\n"
    )
