"""A CSV as pandas writes it: headers of numbers, columns that count the rows, and columns that are picked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

Run = Callable[..., Any]
ROWS = [[-1.085, -0.374, 2.281], [-0.239, 0.532, 0.708]]
LEFT_OUT = "counts the rows and is left out"
PICK = "Hint: --columns picks the columns that are read, such as --columns 1:\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def logits(run: Run, text: str, *options: str) -> tuple[list[list[float]], str]:
    """The rows that are read of a CSV, and what is said of them."""
    Path("x.csv").write_text(text)
    command = ("predict", "x.csv", "--logits", "--dtype", "float64", "-f", "json", "--show", "logits")
    ran = run(*command, *options)
    assert ran.code == 0, ran.err
    return json.loads(ran.out)["logits"], ran.err.removeprefix("Note: x.csv: ")


def refusal(run: Run, text: str, *options: str) -> str:
    Path("x.csv").write_text(text)
    ran = run("predict", "x.csv", "--logits", "-f", "csv", *options)
    assert (ran.code, ran.out) == (2, b"")
    return ran.err.removeprefix("Error: x.csv: ")


@pytest.mark.parametrize(
    ("head", "rows", "said"),
    [
        ("0,1,2", ["", ""], "its first line, 0 to 2, is taken for a header\n"),
        (",0,1,2", ["0,", "1,"], f"the first column, without a name, {LEFT_OUT}\n"),
        (",f0,f1,f2", ["10,", "11,"], f"the first column, without a name, {LEFT_OUT}\n"),
        ('"id","f0","f1","f2"', ["1,", "2,"], f"the first column, 'id', {LEFT_OUT}\n"),
        ("Index,a,b,c", ["-1,", "0,"], f"the first column, 'Index', {LEFT_OUT}\n"),
        ("sample,a,b,c", ["0,", "1,"], f"the first column, 'sample', {LEFT_OUT}\n"),
        ("Unnamed: 0,0,1,2", ["0.0,", "1.0,"], f"the first column, 'Unnamed: 0', {LEFT_OUT}\n"),
        ("number,a,b", ["", ""], ""),
    ],
)
def test_what_pandas_adds_to_the_numbers_is_left_out(head: str, rows: list[str], said: str, run: Run) -> None:
    lines = [start + ",".join(map(str, row)) for start, row in zip(rows, ROWS, strict=True)]
    assert logits(run, "\n".join([head, *lines, ""])) == (ROWS, said)


def test_a_pipe_that_gives_a_byte_at_a_time_reads_as_a_file(run: Run) -> None:
    text = b"0,1\n\n0.5,2\n0.25,3\n"
    ran = run("predict", "-", "--logits", "-f", "csv", "--show", "logits", stdin=text, piece=1)
    assert ran.text == "sample,class,logit0,logit1\n0,1,0.5,2.0\n1,1,0.25,3.0\n"
    assert ran.err == "Note: standard input: its first line, 0 to 1, is taken for a header\n"


@pytest.mark.parametrize("text", ["0,1,2\n", "0,1,2", "\n0,1,2\n\n"])
def test_a_line_of_numbers_alone_is_a_sample(text: str, run: Run) -> None:
    assert logits(run, text) == ([[0, 1, 2]], "")


def test_a_first_line_of_other_numbers_is_a_sample(run: Run) -> None:
    assert logits(run, "0.0,1.0\n3,4\n") == ([[0, 1], [3, 4]], "")
    assert logits(run, "1,2\n3,4\n") == ([[1, 2], [3, 4]], "")
    assert logits(run, "0\n4\n") == ([[0], [4]], "")


def test_finished_outputs_beside_a_column_of_numbers_are_distributions(run: Run) -> None:
    probabilities = softmax(ROWS, axis=-1).tolist()
    lines = [f"{i},{','.join(map(str, row))}" for i, row in enumerate(probabilities, 1)]
    Path("x.csv").write_text("\n".join(["id,c0,c1,c2", *lines]))
    ran = run("check", "x.csv")
    assert (ran.code, ran.err) == (0, f"Note: x.csv: the first column, 'id', {LEFT_OUT}\n")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("id,a,b\n3,0,1\n7,0,1\n", "line 3: {} 4 here, found 7\n"),
        ("id,a,b\n0.5,0,1\n", "line 2: {} 0 here, found 0.5\n"),
        (",a\n1,0\nnan,1\n", "line 3: {} 2 here, found nan\n"),
    ],
)
def test_a_column_that_is_called_an_index_and_is_none_is_refused(text: str, found: str, run: Run) -> None:
    expected = "the first column is called an index: expected it to count the rows,"
    assert refusal(run, text) == found.format(expected) + PICK


def test_an_index_of_text_is_refused_with_the_way_to_leave_it_out(run: Run) -> None:
    text = ",a,b\n2024-01-01,0,1\n"
    assert refusal(run, text) == "line 2, column 1: expected a number, found '2024-01-01'\n" + PICK
    assert logits(run, text, "--columns", "1:") == ([[0, 1]], "")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("b", [[2], [5]]),
        ("c,a", [[3, 1], [6, 4]]),
        ("-1", [[3], [6]]),
        ("1:", [[1, 2, 3], [4, 5, 6]]),
        ("1::2", [[1, 3], [4, 6]]),
        ("a, 2:", [[1, 2, 3], [4, 5, 6]]),
    ],
)
def test_columns_are_picked_by_name_position_and_slice(
    columns: str, expected: list[list[float]], run: Run
) -> None:
    assert logits(run, "who,a,b,c\nx,1,2,3\ny,4,5,6\n", "--columns", columns) == (expected, "")


def test_columns_of_a_table_without_names_are_picked_by_position(run: Run) -> None:
    assert logits(run, "7,1\n8,2\n", "--columns", "1,0") == ([[1, 7], [2, 8]], "")


def test_columns_of_what_densecli_prints_are_picked_as_of_any_table(run: Run) -> None:
    assert logits(run, "sample,class,p0,p1\n5,1,0.25,0.75\n", "--columns", "p0,p1") == ([[0.25, 0.75]], "")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("d", "--columns: no column 'd': found 'who', 'a', 'a'\n"),
        ("a", "--columns: 'a' names 2 columns\n"),
        ("3", "--columns: no column 3: there are 3 (0 to 2)\n"),
        ("-4", "--columns: no column -4: there are 3 (0 to 2)\n"),
        ("3:", "--columns '3:' picks none of the 3 columns\n"),
        ("::0", "--columns: expected a step that is not 0, found '::0'\n"),
        ("1:x", "--columns: no column '1:x': found 'who', 'a', 'a'\n"),
        ("", "--columns '' picks none of the 3 columns\n"),
        ('"', "--columns: no column '': found 'who', 'a', 'a'\n"),
    ],
)
def test_columns_that_are_not_there_are_refused(columns: str, said: str, run: Run) -> None:
    assert refusal(run, "who,a,a\nx,1,2\n", "--columns", columns) == said


def test_a_row_that_is_longer_than_the_first_is_ragged_whichever_columns_are_read(run: Run) -> None:
    said = "ragged: line 3 has 4 columns, the first line has 3 columns\n"
    assert refusal(run, "a,b,c\n1,2,3\n1,2,3,4\n", "--columns", "a") == said


def test_tabs_separate_columns_where_the_first_line_has_more_of_them(here, run) -> None:
    text = b"name\tage\theight, cm\nann\t4\t5\nbob\t6\t7\n"
    Path("x.tsv").write_bytes(text)
    options = ["-u", 1, "-a", "linear", "--kernel-initializer", "ones", "--columns", "1:", "-f", "tsv"]
    expected = "sample\tclass\tp0\n0\t0\t9.0\n1\t0\t13.0\n"
    assert run("predict", "x.tsv", *options).text == expected
    assert run("predict", "-", *options, stdin=text).text == expected
    ran = run("predict", "x.tsv", *options[:-4], "-f", "tsv")
    assert (ran.code, ran.err) == (
        2,
        "Error: x.tsv: line 2, column 1: expected a number, found 'ann'\n"
        "Hint: --columns picks the columns that are read, such as --columns 1:\n",
    )
    ran = run(
        "predict",
        "-",
        *options[:-4],
        "-f",
        "tsv",
        stdin=b"1\t2\n\t\n\n3\t4\n",
    )
    assert (ran.code, ran.err) == (
        2,
        "Error: standard input: line 2, column 1: expected a number, found ''\n",
    )
    Path("true.tsv").write_bytes(b"0\t1\n1\t0\n")  # targets: a line for each sample
    np.save("y.npy", np.eye(2)[[[0, 1], [1, 1]]])
    ran = run("predict", "y.npy", "--targets", "true.tsv", "--measure", "margin", "-f", "tsv")
    assert [line.split("\t")[4] for line in ran.text.splitlines()] == ["rank", "1", "1", "1", "2"]


def test_columns_are_those_of_a_table(run: Run) -> None:
    Path("x.json").write_text("[[1, 2]]")
    ran = run("predict", "x.json", "--logits", "--columns", "0")
    assert (ran.code, ran.err) == (
        2,
        "Error: x.json: --columns is about a table (csv, tsv, parquet, arrow), found json\n",
    )


def test_a_large_number_in_an_index_is_told_with_all_its_digits(run: Run, here: Path) -> None:
    Path("x.csv").write_text("id,a,b\n999999,0.5,0.5\n1000000,0.5,0.5\n1000005,0.5,0.5\n")
    ran = run("predict", "x.csv")
    counted = "expected it to count the rows, 1000001 here, found 1000005"
    assert ran.code == 2
    assert f"line 4: the first column is called an index: {counted}" in ran.err.replace("\n", " ")
