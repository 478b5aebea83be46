"""Arrays as Python code writes them: pasted as an argument, from a pipe, in a file; read, never evaluated."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from hypothesis import given
from hypothesis import strategies as st

from dense_cli.errors import FileFormatError
from dense_cli.files.python import LONGEST, parse

SLIDE = "x = [[1, 6, 8],   # the first sample\n     [8, 9, 10],  # the second, and no more\n]\n"
SAME = b"[[1, 6, 8], [8, 9, 10]]"

lists = st.recursive(
    st.integers(-(10**15), 10**15) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=30,
).filter(lambda value: isinstance(value, (list, tuple)))


def as_lists(value: object) -> object:
    return [as_lists(item) for item in value] if isinstance(value, (list, tuple)) else value


@given(lists)
def test_lists_and_tuples_are_what_python_reads(value: object) -> None:
    text = repr(value)
    assert parse(text, "x") == as_lists(ast.literal_eval(text)) == as_lists(value)


@pytest.mark.parametrize(
    "text",
    [
        SLIDE,
        "np.array([[1, 6, 8], [8, 9, 10]])",
        "x = np.array([[1., 6., 8.], [8., 9., 1e1]], dtype=np.float32)",
        "tf.constant(((1, 6, 8), (8, 9, 1_0)),)",
        "# from the slides\n\nx = torch.tensor([\n  [1, 6, 8],\n  [8, 9, (10)]])",
    ],
)
def test_code_of_slides_is_read_from_a_pipe_a_file_and_an_argument(text: str, run: Run, here: Path) -> None:
    expected = run("predict", "-", "-u", 3, "-f", "npy", stdin=SAME).out
    assert run("predict", "-", "-u", 3, "-f", "npy", stdin=text.encode()).out == expected
    assert (
        run("predict", "-u", 3, "-f", "npy", "--input-format", "python", stdin=text.encode()).out == expected
    )
    Path("x.py").write_text(text)
    assert run("predict", "x.py", "-u", 3, "-f", "npy").out == expected


def test_an_argument_that_begins_with_a_bracket_is_the_array(run: Run, here: Path) -> None:
    expected = run("predict", "-", "-u", 3, "-f", "npy", stdin=SAME).out
    for text in (SAME.decode(), " [[1, 6, 8], [8, 9, 10],]", SLIDE.removeprefix("x = ")):
        ran = run("predict", text, "-u", 3, "-f", "npy")
        assert (ran.code, ran.out, ran.err) == (0, expected, "")
    assert "x = INPUT (2, 3)" in run("predict", SAME.decode(), "-u", 3).text
    assert run("compare", "[[0.5, 0.5]]", "[[0.4, 0.6]]").code == 1


def test_a_file_of_that_name_comes_first(run: Run, here: Path) -> None:
    Path("[1, 2]").write_text("[[3, 4]]")
    found, expected = (run("predict", x, "-u", 2, "-f", "npy").out for x in ("[1, 2]", "[[3, 4]]"))
    assert found == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[1, 2], [3, open('x')]]", "line 1: expected a number, found 'open'"),
        ("[[1, 2],\n [3, 4] + [5]]", "line 2: expected a number, found '+ [5]]'"),
        ("[1, 2", "line 1: expected a comma or ']', found the end"),
        ("[1 2]", "line 1: expected a comma or ']', found '2'"),
        ("[1, 2)", "line 1: expected a comma or ']', found ')'"),
        ("[1, 2]\ny = [3]", "line 2: expected one array and nothing after it, found 'y'"),
        ("['1', 2]", "line 1: expected a number, found \"'1', 2]\""),
        ("[" * 40, "line 1: expected at most 32 brackets in each other, found '['"),
        ("[\x1b[31m]", "line 1: expected a number, found '\\x1b[31m]'"),
    ],
)
def test_what_is_no_array_is_refused_with_its_line(text: str, message: str, run: Run) -> None:
    ran = run("predict", text, "-u", 2)
    assert (ran.code, ran.out, ran.err) == (2, b"", f"Error: INPUT: {message}\n")


def test_code_around_an_array_is_not_run(run: Run, here: Path) -> None:
    for text in ("x = np.random.rand(3)", "x = __import__('os').system('touch ran')", "x = y = [1]"):
        ran = run("predict", "-", "-u", 2, "--input-format", "python", stdin=text.encode())
        assert (ran.code, ran.out) == (2, b"")
    assert not Path("ran").exists()


def test_long_code_is_refused_before_it_is_read() -> None:
    with pytest.raises(FileFormatError, match="expected at most 4194304 characters of code"):
        parse("[" + "1," * (LONGEST // 2) + "]", "x.py")


def test_a_list_that_is_neither_keeps_the_message_of_json(run: Run) -> None:
    ran = run("predict", "-", "-u", 2, stdin=b"[[1, 2],\n [3, oops]]")
    assert (ran.code, ran.err.startswith("Error: standard input: not JSON: ")) == (2, True)


def test_an_initializer_is_pasted_with_its_name(run: Run) -> None:
    call = "RandomNormal(mean=0.0, stddev=0.05, seed=6000)"
    args = ("predict", "[[1, 2]]", "-u", 2, "-f", "json", "--kernel-initializer")
    assert json.loads(run(*args, f"init = {call}").out) == json.loads(run(*args, call).out)


def test_infinity_and_nan_are_numbers() -> None:
    found = np.array(parse("[np.inf, -np.inf, float_.nan, -inf, True]", "x"))
    np.testing.assert_array_equal(found, [np.inf, -np.inf, np.nan, -np.inf, 1])
