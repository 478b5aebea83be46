"""What holds for every input: Hypothesis looks for one that breaks it."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dense_cli import activations
from dense_cli.dense import DenseArrays
from dense_cli.pipeline import block_rows
from dense_cli.pipeline import run as run_pipeline
from dense_cli.sources.arrays import ArraySource
from dense_cli.views.evaluate import View, evaluate
from dense_cli.views.top import top_k

quick = settings(max_examples=15, deadline=None)
thorough = settings(max_examples=150, deadline=None)

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, max_side=5)
FLOATS = st.floats(-100, 100, width=32)
INPUTS = ("json", "jsonl", "npy", "npz", "csv")
OUTPUTS = ("table", "json", "jsonl", "csv", "npy", "npz", "markdown")
SOFTMAX = activations.find("softmax")


def floats32(shape: Any = SHAPES) -> st.SearchStrategy[np.ndarray]:
    return hnp.arrays(np.float32, shape, elements=FLOATS)


def written(x: np.ndarray, format: str) -> bytes:
    """Return ``x`` in an input format, as other programs write it."""
    file = io.BytesIO()
    if format == "npy":
        np.save(file, x)
    elif format == "npz":
        np.savez(file, x)
    elif format == "json":
        file.write(json.dumps(x.astype(float).tolist()).encode())
    elif format == "jsonl":
        for sample in np.atleast_2d(x).astype(float).tolist():
            file.write(json.dumps(sample).encode() + b"\n")
    else:
        text = io.StringIO()
        csv.writer(text).writerows(np.atleast_2d(x).astype(float).tolist())
        file.write(text.getvalue().encode())
    return file.getvalue()


def values(out: bytes, format: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return the probabilities that densecli printed."""
    if format == "npy":
        return np.load(io.BytesIO(out))
    if format == "npz":
        return np.load(io.BytesIO(out))["probabilities"]
    if format == "json":
        found = json.loads(out)["probabilities"]
    elif format == "jsonl":
        found = [json.loads(line)["probabilities"] for line in out.splitlines()]
    else:
        found = [
            [row[f"p{c}"] for c in range(shape[-1])] for row in csv.DictReader(io.StringIO(out.decode()))
        ]
    return np.array(found, np.float32).reshape(shape)


# --- through the command line --------------------------------------------------------------------


@pytest.mark.parametrize("output", OUTPUTS)
@quick
@given(x=floats32(), piece=st.sampled_from([1, 7, 100, 1 << 16]), units=st.integers(1, 6))
@example(x=np.zeros((1, 1), np.float32), piece=1, units=1)
def test_a_file_and_a_slow_pipe_print_the_same_bytes(
    output: str, run: Run, x: np.ndarray, piece: int, units: int
) -> None:
    printed = set()
    for format in INPUTS if x.ndim <= 2 else INPUTS[:-1]:
        content = written(x, format)
        if len(content) // piece > 300:
            piece = 100
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"x.{format}")
            path.write_bytes(content)
            args = ("-u", units, "-f", output, "--all")
            file = run("predict", path, *args)
            pipe = run("predict", "-", "--input-format", format, *args, stdin=content, piece=piece)
        assert file.code == pipe.code == 0
        assert file.err == pipe.err == ""
        out = file.out.replace(str(path).encode(), b"standard input")
        if output in ("table", "markdown"):
            # The line above a table tells the size of the input, which a stream does not know.
            table = [line for line in out.splitlines() if "→" not in line.decode()]
            assert table == [line for line in pipe.out.splitlines() if "→" not in line.decode()]
            printed.add(b"\n".join(table))
        else:
            assert out == pipe.out
            printed.add(out)
    assert len(printed) == 1


@pytest.mark.parametrize("output", ["json", "jsonl", "csv", "npy", "npz"])
@quick
@given(x=floats32(hnp.array_shapes(min_dims=3, max_dims=4, max_side=4)), data=st.data())
def test_slices_of_printed_outputs_are_slices_of_the_layer(
    output: str, run: Run, x: np.ndarray, data: st.DataObject
) -> None:
    content = written(x, "npy")
    t = data.draw(st.integers(-x.shape[1], x.shape[1] - 1))
    printed = run("predict", "-", "-u", 3, "-f", output, stdin=content)
    args = ("slice", "-", "-t", t, "--dtype", "float32", "-f", "npz")
    key = ("--key", "probabilities") if output == "npz" else ()
    again = run(*args, *key, stdin=printed.out)
    direct = run(*args, "-u", 3, stdin=content)
    assert (again.err, direct.err) == ("", "")
    assert again.out == direct.out


@pytest.mark.parametrize("output", ["json", "jsonl", "csv", "npy", "npz"])
@quick
@given(x=floats32(), units=st.integers(1, 6))
def test_every_format_holds_the_same_probabilities_which_sum_to_1(
    output: str, run: Run, x: np.ndarray, units: int
) -> None:
    content = written(x, "npy")
    shape = (*np.atleast_2d(x).shape[:-1], units)
    y = values(run("predict", "-", "-u", units, "-f", output, stdin=content).out, output, shape)
    reference = values(run("predict", "-", "-u", units, "-f", "npy", stdin=content).out, "npy", shape)
    np.testing.assert_array_equal(y, reference)
    np.testing.assert_allclose(y.sum(axis=-1), 1, atol=1e-5)
    assert (y >= 0).all()


@quick
@given(x=floats32(hnp.array_shapes(min_dims=2, max_dims=3, max_side=5)), data=st.data())
def test_chosen_samples_print_what_they_print_among_all(run: Run, x: np.ndarray, data: st.DataObject) -> None:
    part = data.draw(st.slices(len(x)).filter(lambda s: s.step != 0))
    text = ":".join("" if n is None else str(n) for n in (part.start, part.stop, part.step))
    content = written(x, "npy")
    lines = run("predict", "-", "-u", 3, "-f", "jsonl", stdin=content).text.splitlines()
    rows = np.array(lines, object).reshape(len(x), -1)
    chosen = run("predict", "-", "-u", 3, "-f", "jsonl", f"--batch={text}", stdin=content)
    assert chosen.err == ""
    # The same numbers to the last bits: a row's place in its block is not that of the whole.
    expected = [json.loads(line) for line in rows[part].reshape(-1).tolist()]
    found = [json.loads(line) for line in chosen.text.splitlines()]
    assert [{k: v for k, v in row.items() if k != "probabilities"} for row in found] == [
        {k: v for k, v in row.items() if k != "probabilities"} for row in expected
    ]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a["probabilities"], b["probabilities"], rtol=1e-5)


# --- the pipeline --------------------------------------------------------------------------------


@quick
@given(
    rows=st.integers(1, 3000),
    features=st.integers(1, 9),
    units=st.integers(1, 9),
    memory=st.sampled_from([1, 1000, 50_000, 64 << 20]),
    threads=st.integers(2, 4),
)
def test_threads_change_nothing_and_memory_only_the_last_bits(
    rows: int, features: int, units: int, memory: int, threads: int
) -> None:
    x = np.random.default_rng(rows).normal(size=(rows, features)).astype(np.float32)
    dense = DenseArrays.of(
        np.random.default_rng(0).normal(size=(features, units)).astype(np.float32), None, "softmax"
    )
    view = View("probabilities", None, ("probabilities",))

    def output(**options: int) -> np.ndarray:
        source = ArraySource.of("x", x)
        parts = run_pipeline(source, dense, view, np.dtype(np.float32), **options)
        return np.concatenate([part.arrays["probabilities"].copy() for part in parts])

    y = output(memory=memory)
    np.testing.assert_array_equal(y, output(memory=memory, threads=threads))
    np.testing.assert_allclose(y, activations.softmax(x @ dense.kernel), rtol=2e-5, atol=1e-7)
    assert block_rows(features, units, 4, memory) >= 1


# --- views ---------------------------------------------------------------------------------------

# Few different numbers make ties, −inf is what underflows to probability 0.
LOGITS = st.sampled_from([0.0, -0.0, 1.0, 1.0 + 2**-23, -200.0, -1e38, 1e38, -np.inf, 0.5, 0.5 + 2**-24])


@st.composite
def logits(draw: st.DrawFn) -> np.ndarray:
    """Return rows of logits, narrow or wide, of few or of many different numbers."""
    rows = draw(st.integers(1, 4))
    classes = draw(st.one_of(st.integers(1, 40), st.integers(1020, 1100), st.sampled_from([2048, 4001])))
    kind = draw(st.sampled_from(["few", "many", "near"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if kind == "many":
        return rng.normal(scale=draw(st.sampled_from([1e-6, 1, 50])), size=(rows, classes)).astype(np.float32)
    if kind == "near":
        return (1 + rng.integers(0, 8, (rows, classes)) * 2.0**-23).astype(np.float32)
    few = np.array(draw(st.lists(LOGITS, min_size=1, max_size=4)), np.float32)
    return rng.choice(few, (rows, classes))


def softmax(values: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        e = np.exp(values - values.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)


def sorted_top(y: np.ndarray, k: int) -> np.ndarray:
    """Return the columns of a stable sort, largest first."""
    return np.argsort(-y, axis=1, kind="stable")[:, :k]


@thorough
@given(values=logits(), data=st.data())
def test_top_k_is_a_stable_sort(values: np.ndarray, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, min(values.shape[1], 40)))
    columns, found = top_k(values, k)
    expected = sorted_top(values, k)
    np.testing.assert_array_equal(columns, expected)
    np.testing.assert_array_equal(found, np.take_along_axis(values, expected, axis=1))


@thorough
@given(values=logits(), data=st.data())
def test_the_likeliest_classes_are_those_of_the_printed_probabilities(
    values: np.ndarray, data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, min(values.shape[1], 40)))
    dtype = np.dtype(data.draw(st.sampled_from([np.float16, np.float32])))
    whole = evaluate(values.copy(), None, SOFTMAX, View("probabilities", None, ("probabilities",)), dtype)
    y = whole.arrays["probabilities"]
    has_class = ~np.isneginf(values).all(axis=1)
    expected = np.where(has_class, softmax(values).astype(dtype).argmax(axis=1), -1)
    np.testing.assert_array_equal(whole.classes, expected)
    for view in (View("classes"), View("probabilities", k), View("classes", k)):
        seen = evaluate(values.copy(), None, SOFTMAX, view, dtype)
        np.testing.assert_array_equal(seen.classes, expected)
        if view.top:
            assert seen.top_classes is not None
            assert seen.top_values is not None
            np.testing.assert_array_equal(seen.top_classes[has_class], sorted_top(y, k)[has_class])
            np.testing.assert_array_equal(
                seen.top_values[has_class], np.take_along_axis(y, sorted_top(y, k), axis=1)[has_class]
            )


@thorough
@given(values=logits())
def test_log_probabilities_are_the_logarithm_of_the_probabilities(values: np.ndarray) -> None:
    values = values[~np.isneginf(values).all(axis=1)].astype(np.float64)
    name = "log_probabilities"
    seen = evaluate(
        values.copy(), None, SOFTMAX, View("log-probabilities", None, (name,)), np.dtype(np.float64)
    )
    with np.errstate(divide="ignore"):
        expected = np.log(softmax(values))
    shown = expected > -700  # below, the probability is 0 and its logarithm is not known from it
    np.testing.assert_allclose(seen.arrays[name][shown], expected[shown], rtol=1e-9, atol=1e-12)
