"""Measures of rows, their totals, targets and explanations: against closed forms, SciPy and scikit-learn."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLES, Run
from helpers import softmax
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dense_cli.errors import DtypeError, FileFormatError, ShapeError
from dense_cli.sources.targets import load_targets
from dense_cli.views.explain import AUTO, explain, rounded
from dense_cli.views.measures import OF_ROWS, Summary, measure

OUTPUTS = b"[[[0.1,0.5,0.4],[0.8,0.1,0.1],[0.6,0.2,0.2]],[[0.2,0.5,0.3],[0.2,0.5,0.3],[0.2,0.8,0.0]]]"
DATA = Path(__file__).parent / "data" / "outputs"


@pytest.fixture
def logits() -> np.ndarray:
    return np.random.default_rng(7).normal(0, 3, (300, 12))


def test_entropy_of_logits_and_of_probabilities_is_scipys(logits):
    stats = pytest.importorskip("scipy.stats")
    y = softmax(logits)
    expected = stats.entropy(y, axis=1)
    np.testing.assert_allclose(measure(["entropy"], y, logits)["entropy"], expected, rtol=1e-12)
    np.testing.assert_allclose(measure(["entropy"], y)["entropy"], expected, rtol=1e-12)
    np.testing.assert_allclose(measure(["entropy"], 3 * y)["entropy"], expected, rtol=1e-12)
    np.testing.assert_allclose(measure(["perplexity"], y)["perplexity"], np.exp(expected), rtol=1e-12)


def test_confidence_and_margin_are_the_highest_and_its_lead(logits):
    y = softmax(logits)
    found = measure(["confidence", "margin"], y)
    ordered = np.sort(y, axis=1)
    np.testing.assert_array_equal(found["confidence"], ordered[:, -1])
    np.testing.assert_array_equal(found["margin"], ordered[:, -1] - ordered[:, -2])


def test_a_uniform_row_has_the_entropy_log_n_and_a_certain_one_none():
    found = measure(OF_ROWS, np.array([[0.25] * 4, [0, 1, 0, 0]]))
    np.testing.assert_allclose(found["entropy"], [math.log(4), 0], atol=1e-15)
    np.testing.assert_allclose(found["perplexity"], [4, 1], rtol=1e-15)
    assert found["confidence"].tolist() == [0.25, 1]
    assert found["margin"].tolist() == [0, 1]


def test_one_class_is_certain():
    found = measure(OF_ROWS, np.ones((2, 1)), np.zeros((2, 1)))
    assert {name: values.tolist() for name, values in found.items()} == {
        "confidence": [1, 1],
        "margin": [1, 1],
        "entropy": [0, 0],
        "perplexity": [1, 1],
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_confident_row_keeps_its_digits(dtype):
    # Two classes d apart: H = log(1 + e^-d) + d e^-d / (1 + e^-d), where a softmax in float32 is 1 and 0.
    for d in (20.0, 40.0, 80.0):
        x = np.array([[0, -d]], dtype)
        small = math.exp(-d)
        found = measure(["entropy", "loss"], softmax(x), x, np.array([0]))
        assert found["entropy"][0] == pytest.approx(math.log1p(small) + d * small / (1 + small), rel=1e-6)
        assert found["loss"][0] == pytest.approx(math.log1p(small), rel=1e-6)
        assert found["entropy"].dtype == dtype


def test_a_class_of_probability_0_has_a_finite_loss_where_logits_are_known():
    x = np.array([[0.0, -1000.0], [0.0, -np.inf]])
    found = measure(["loss", "entropy"], softmax(x), x, np.array([1, 0]))
    assert found["loss"].tolist() == [1000, 0]
    assert found["entropy"].tolist() == [0, 0]
    assert measure(["loss"], softmax(x), None, np.array([1, 0]))["loss"].tolist() == [math.inf, 0]


def test_loss_and_top_k_accuracy_are_scikit_learns(logits):
    metrics = pytest.importorskip("sklearn.metrics")
    y, targets = softmax(logits), np.random.default_rng(1).integers(0, 12, 300)
    found = measure(["loss", "rank", "confidence", "entropy"], y, logits, targets)
    summary = Summary(12, 3)
    summary.add(y.argmax(axis=1), found, np.arange(300))
    right = summary.totals().targets
    assert right.rows == 300
    assert right.loss == pytest.approx(metrics.log_loss(targets, y, labels=range(12)), rel=1e-12)
    assert right.accuracy == metrics.accuracy_score(targets, y.argmax(axis=1))
    assert right.top_k_accuracy == metrics.top_k_accuracy_score(targets, y, k=3, labels=range(12))
    assert right.perplexity == pytest.approx(math.exp(right.loss))


def test_rank_counts_from_1_and_breaks_ties_by_lower_class():
    y = np.array([[0.2, 0.4, 0.4], [0.2, 0.4, 0.4], [0.2, 0.4, 0.4], [0.2, 0.4, 0.4], [np.nan, 0.5, 0.5]])
    assert measure(["rank"], y, None, np.array([0, 1, 2, -1, 1]))["rank"].tolist() == [3, 1, 2, 0, 0]


def test_the_calibration_error_is_the_mean_gap_of_15_bins(logits):
    y, targets = softmax(logits), np.random.default_rng(2).integers(0, 12, 300)
    summary = Summary(12)
    summary.add(
        y.argmax(axis=1),
        measure(["confidence", "entropy", "rank", "loss"], y, logits, targets),
        np.arange(300),
    )
    confidence, right = y.max(axis=1), y.argmax(axis=1) == targets
    expected = 0.0
    for i in range(15):
        inside = (confidence > i / 15) & (confidence <= (i + 1) / 15)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert summary.totals().targets.calibration_error == pytest.approx(expected, rel=1e-12)


def test_rows_that_are_right_as_often_as_they_are_sure_are_calibrated():
    y = np.tile([0.75, 0.25], (4, 1))
    targets = np.array([0, 0, 0, 1])
    summary = Summary(2)
    summary.add(
        np.zeros(4, np.int64),
        measure(["confidence", "entropy", "rank", "loss"], y, None, targets),
        np.arange(4),
    )
    assert summary.totals().targets.calibration_error == 0


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 30), st.just(4)), elements=st.floats(-20, 20)),
    st.data(),
)
def test_totals_are_the_same_block_by_block(x, data):
    n = len(x)
    targets = data.draw(hnp.arrays(np.int64, n, elements=st.integers(-1, 3)))
    mask = data.draw(hnp.arrays(np.bool_, n))
    cut = data.draw(st.integers(0, n))
    names = ["confidence", "entropy", "rank", "loss"]
    whole, parts = Summary(4, 2), Summary(4, 2)
    for summary, pieces in ((whole, [slice(None)]), (parts, [slice(0, cut), slice(cut, n)])):
        for rows in pieces:
            y = softmax(x[rows])
            found = measure(names, y, x[rows], targets[rows])
            summary.add(y.argmax(axis=1), found, np.arange(n)[rows] // 3, mask[rows])
    a, b = whole.totals(), parts.totals()
    assert (a.samples, a.rows, a.padded, a.lost) == (b.samples, b.rows, b.padded, b.lost)
    assert (a.samples, a.rows, a.padded) == (-(-n // 3), int(mask.sum()), int((~mask).sum()))
    np.testing.assert_allclose([a.confidence, a.entropy], [b.confidence, b.entropy], rtol=1e-9)
    np.testing.assert_allclose(a.targets, b.targets, rtol=1e-9)
    assert a.targets.rows == int((mask & (targets >= 0)).sum())


def test_rows_without_a_class_and_padded_rows_never_count():
    y = np.array([[0.9, 0.1], [np.nan, np.nan], [0.5, 0.5]])
    targets = np.array([0, 0, 1])
    found = measure(["confidence", "entropy", "rank", "loss"], y, None, targets)
    summary = Summary(2)
    summary.add(np.array([0, -1, 0]), found, np.array([0, 0, 0]), np.array([True, True, False]))
    totals = summary.totals()
    assert (totals.samples, totals.rows, totals.lost, totals.padded) == (1, 1, 1, 1)
    assert totals.confidence == 0.9
    assert (totals.targets.rows, totals.targets.accuracy) == (1, 1.0)


# --- targets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.json", b"[[2, 0, 1], [1, 1, 2]]"),
        ("t.json", b'[["c", "a", "b"], ["b", "b", "c"]]'),
        ("t.jsonl", b"[2, 0, 1]\n[1, 1, 2]\n"),
        ("t.jsonl", b'{"class": [2, 0, 1]}\n{"class": [1, 1, 2]}\n'),
        ("t.csv", b"2,0,1\n1,1,2\n"),
        ("t.csv", b"t0,t1,t2\n2,0,1\n1,1,2\n"),
        ("t.csv", b"c,a,b\nb,b,c\n"),
        ("t.json", b'{"layer": null, "classes": [[2, 0, 1], [1, 1, 2]]}'),
    ],
)
def test_targets_are_numbers_or_labels_in_any_text(here, name, content):
    Path(name).write_bytes(content)
    places = np.argwhere(np.ones((2, 3)))
    assert load_targets(name, ["a", "b", "c"]).fit((2, 3)).rows(places, None, 3).tolist() == [
        2,
        0,
        1,
        1,
        1,
        2,
    ]


# Larger than what is parsed at once, and not cut at the same place.
MANY = np.random.default_rng(3).integers(-1, 1200, (50_000, 7))


@pytest.mark.parametrize("layout", ["compact", "spaced", "indented", "float", "labels"])
def test_large_targets_in_any_layout_are_the_same(here: Path, layout: str):
    rows = MANY.tolist()
    labels = [f"l{i}" for i in range(1200)] if layout == "labels" else None
    if layout == "float":
        rows = MANY.astype(float).tolist()
    if labels is not None:
        rows = [[labels[c] for c in row] for row in np.abs(MANY).tolist()]
    separators = (",", ":") if layout == "compact" else None
    Path("t.json").write_text(
        json.dumps(rows, indent=1 if layout == "indented" else None, separators=separators)
    )
    Path("t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    expected = np.abs(MANY) if labels is not None else MANY
    for name in ("t.json", "t.jsonl"):
        targets = load_targets(name, labels)
        assert (targets.values.tolist(), len(targets.shapes)) == (expected.reshape(-1).tolist(), 50_000)
    if layout != "float":
        space = " " if layout == "spaced" else ""
        Path("t.csv").write_text("".join(f",{space}".join(map(str, row)) + "\n" for row in rows))
        assert load_targets("t.csv", labels).values.tolist() == expected.reshape(-1).tolist()


def test_large_targets_of_differing_lengths_stand_at_their_samples(here: Path):
    rng = np.random.default_rng(4)
    rows = [rng.integers(0, 900, n).tolist() for n in rng.integers(0, 12, 60_000)]
    Path("t.json").write_text(json.dumps(rows))
    Path("t.jsonl").write_text("\n\n".join(map(json.dumps, rows)))
    for name in ("t.json", "t.jsonl"):
        targets = load_targets(name)
        ends = (targets.offsets + targets.shapes[:, 0]).tolist()
        values = targets.values.tolist()
        assert [values[a:b] for a, b in zip(targets.offsets.tolist(), ends, strict=True)] == rows


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.json", b"[" + b"[0]," * 400_000 + b",[0]]", "t.json: not JSON: unexpected character"),
        ("t.json", b"[" + b"0," * (1 << 20) + b"]", "t.json: not JSON: trailing comma"),
        ("t.json", b"[" + b"[0]," * 400_000 + b"[1.5]]", "t.json: sample 400000: expected a class number"),
        ("t.json", b"[" + b"[0]," * 400_000 + b"[true]]", "t.json: sample 400000: expected a class number"),
        (
            "t.json",
            b"[" + b"[0]," * 400_000 + b"1]",
            "t.json: sample 400000 has rank 0, the first has rank 1",
        ),
        ("t.json", b"[[0]], [[0]]", "t.json: not JSON: unexpected content after document"),
        ("t.jsonl", b"[0]\n" * 400_000 + b"[0\n", "t.jsonl: line 400001: not JSON: "),
        ("t.jsonl", b"[0]\n" * 9 + b"[0], [1]\n", "t.jsonl: line 10: not JSON: "),
        ("t.csv", b"0\n" * 100_000 + b"1-2\n", "t.csv: sample 100000: expected a class number, found '1-2'"),
        ("t.csv", b"0\n" * 100_000 + b"1 2\n", "t.csv: sample 100000: expected a class number, found '1 2'"),
        ("t.csv", b"0,1\n" * 9 + b"0,\n", "t.csv: sample 9: expected a class number, found ''"),
    ],
)
def test_the_first_thing_that_is_no_target_is_named_wherever_it_stands(here: Path, name, content, message):
    Path(name).write_bytes(content)
    with pytest.raises((DtypeError, ShapeError, FileFormatError)) as caught:
        load_targets(name)
    assert str(caught.value).startswith(message)


def test_a_label_that_looks_like_a_number_is_a_label(here: Path):
    Path("t.csv").write_text("7\n0\n7\n")
    assert load_targets("t.csv", ["7", "0"]).values.tolist() == [0, 1, 0]
    Path("t.csv").write_text("7\n5\n")
    assert load_targets("t.csv", ["7", "0"]).values.tolist() == [0, 5]
    Path("t.csv").write_text('"a,b"\nc\n')
    assert load_targets("t.csv", ["c", "a,b"]).fit((None,)).values.tolist() == [1, 0]
    Path("t.jsonl").write_text('["c\u2028", "c"]\n["c", "c\u2028"]\n')
    assert load_targets("t.jsonl", ["c", "c\u2028"]).values.tolist() == [1, 0, 0, 1]


def test_targets_of_an_array_may_differ_by_axes_of_one(here):
    np.save("t.npy", np.array([[1.0], [0.0]]))
    assert load_targets("t.npy").fit((2,)).rows(np.array([[1], [0]]), None, 2).tolist() == [0, 1]


def test_targets_of_samples_that_differ_in_length(here):
    Path("t.jsonl").write_bytes(b"[1]\n[0, 2]\n")
    targets = load_targets("t.jsonl").fit((None, None))
    assert targets.rows(np.array([[0, 0], [1, 0], [1, 1]]), None, 3).tolist() == [1, 0, 2]
    with pytest.raises(ShapeError, match=r"^t.jsonl: no target for \[0, 1\]$"):
        targets.rows(np.array([[0, 1]]), None, 3)


def test_targets_at_padded_steps_are_not_looked_at(here):
    Path("t.json").write_bytes(b"[[1, -100], [99, 0]]")
    rows = load_targets("t.json").rows(np.argwhere(np.ones((2, 2))), np.array([True, False, False, True]), 2)
    assert rows.tolist() == [1, -1, -1, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[[2, 3, 1], [1, 1, 2]]", r"t.json: expected a class from 0 to 2, found 3 at \[0, 1\]"),
        (b"[[2, 1.5, 1]]", "t.json: sample 0: expected a class number, found 1.5"),
        (b'["x"]', "t.json: sample 0: expected a class number, found 'x'"),
        (b"[[true]]", "t.json: sample 0: expected a class number, found True"),
        (b"[]", "t.json: expected targets, found none"),
        (b"[[1, 2], 3]", "t.json: sample 1 has rank 0, the first has rank 1"),
    ],
)
def test_what_is_no_target_is_named(here, content, message):
    Path("t.json").write_bytes(content)
    with pytest.raises((DtypeError, ShapeError), match=f"^{message}$"):
        load_targets("t.json").rows(np.argwhere(np.ones((2, 3))), None, 3)


# --- the command line ----------------------------------------------------------------------------


def test_every_table_ends_in_a_summary(run: Run):
    # H(0.1, 0.5, 0.4) and H(0.2, 0.5, 0.3) by hand.
    first, second = (-sum(p * math.log(p) for p in row) for row in ((0.1, 0.5, 0.4), (0.2, 0.5, 0.3)))
    mean = (first + second) / 2
    done = run("slice", "-t", 0, "--measure", "entropy", "--measure", "margin", stdin=OUTPUTS)
    assert done.text == (
        "y = standard input (2, 3, 3)\n"
        "\n"
        "y[:, 0, :]  (t = 0)\n"
        "sample  class       0       1       2  entropy  margin\n"
        "──────────────────────────────────────────────────────\n"
        f"     0      1  0.1000  0.5000  0.4000   {first:.4f}  0.1000\n"
        f"     1      1  0.2000  0.5000  0.3000   {second:.4f}  0.2000\n"
        f"2 samples, 3 classes · mean confidence 0.5000 · mean entropy {mean:.4f} of 1.0986 (log 3)\n"
    )


def test_the_summary_of_a_table_that_is_cut_is_of_all_rows(run: Run):
    done = run("slice", "-t", 0, "-n", 1, stdin=OUTPUTS)
    assert done.text.splitlines()[-2:] == [
        "… 1 more sample: --all",
        "2 samples, 3 classes · mean confidence 0.5000 · mean entropy 0.9865 of 1.0986 (log 3)",
    ]


def test_the_summary_with_targets_is_of_all_rows(run: Run, here: Path):
    Path("t.json").write_bytes(b"[[2, 0, 1], [1, 1, 1]]")
    done = run("slice", "-t", 0, "-n", 1, "--targets", "t.json", stdin=OUTPUTS)
    losses = [-math.log(0.4), -math.log(0.5)]
    mean = sum(losses) / 2
    assert done.text.splitlines()[3:] == [
        "sample  class       0       1       2  rank    loss",
        "───────────────────────────────────────────────────",
        f"     0      1  0.1000  0.5000  0.4000     2  {losses[0]:.4f}",
        "… 1 more sample: --all",
        "2 samples, 3 classes · mean confidence 0.5000 · mean entropy 0.9865 of 1.0986 (log 3)",
        f"2 targets · accuracy 0.5000 · mean loss {mean:.4f} · perplexity {math.exp(mean):.4f} "
        "· calibration error 0.0000",
    ]


@pytest.mark.parametrize("format", ["table", "markdown", "json", "jsonl", "csv", "npy", "npz"])
@pytest.mark.parametrize("command", ["predict", "slice"])
def test_the_rows_are_added_up_once(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch, command: str, format: str
):
    added = []
    add = Summary.add

    def counting(self, classes, *rest):
        added.append(len(classes))
        add(self, classes, *rest)

    monkeypatch.setattr(Summary, "add", counting)
    Path("t.json").write_text("[[0, 0, 0], [1, 1, 1]]")
    done = run(command, "-", "-u", 3, "--targets", "t.json", "-f", format, stdin=OUTPUTS)
    assert (done.code, sum(added)) == (0, 6)


def test_measures_are_arrays_of_json_nested_like_classes(run: Run, here: Path):
    Path("t.json").write_bytes(b"[[2, 0, -1], [1, 1, 1]]")
    x = b"[[[1,6],[8,2],[1,2]],[[8,9],[10,8],[1,0]]]"
    names = ["confidence", "margin", "entropy", "perplexity"]
    options = [part for name in names for part in ("--measure", name)]
    options += ["--targets", "t.json", "--ignore-index", "-1"]
    found = json.loads(run("predict", "-u", 3, "--dtype", "float64", *options, "-f", "json", stdin=x).out)
    y = np.array(found["probabilities"])
    expected = {
        "confidence": y.max(-1),
        "margin": np.sort(y)[..., -1] - np.sort(y)[..., -2],
        "entropy": -(y * np.log(y)).sum(-1),
        "perplexity": np.exp(-(y * np.log(y)).sum(-1)),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-9)
    losses = [[-math.log(y[0, 0, 2]), -math.log(y[0, 1, 0]), None], [-math.log(p) for p in y[1, :, 1]]]
    assert found["rank"][0][2] is None
    assert found["loss"][0][2] is None
    flat = [loss for row in losses for loss in row if loss is not None]
    np.testing.assert_allclose([v for row in found["loss"] for v in row if v is not None], flat, rtol=1e-9)
    right = sum(
        int(found["classes"][i][t] == c)
        for i, t, c in [(0, 0, 2), (0, 1, 0), (1, 0, 1), (1, 1, 1), (1, 2, 1)]
    )
    assert found["summary"]["accuracy"] == right / 5
    assert found["summary"]["targets"] == 5
    assert found["summary"]["loss"] == pytest.approx(sum(flat) / 5)
    by_step = json.loads(run("slice", "-u", 3, "--dtype", "float64", *options, "-f", "json", stdin=x).out)
    for name in [*names, "rank", "loss"]:
        assert [[step[name][i] for step in by_step["steps"]] for i in range(2)] == found[name]
    assert by_step["summary"] == pytest.approx(found["summary"])
    lines = run("predict", "-u", 3, "--dtype", "float64", *options, "-f", "jsonl", stdin=x)
    rows = [json.loads(line) for line in lines.text.splitlines()]
    assert [row["entropy"] for row in rows] == [v for sample in found["entropy"] for v in sample]
    assert [row["rank"] for row in rows] == [v for sample in found["rank"] for v in sample]
    assert lines.err.startswith("Note: 5 targets · accuracy ")
    table = run("predict", "-u", 3, "--dtype", "float64", *options, "-f", "csv", stdin=x).text.splitlines()
    assert table[0] == "sample,t,class,confidence,margin,entropy,perplexity,rank,loss,p0,p1,p2"
    cells = [line.split(",") for line in table[1:]]
    assert [float(row[5]) for row in cells] == [v for sample in found["entropy"] for v in sample]
    assert [row[7] for row in cells] == [
        "" if v is None else str(v) for sample in found["rank"] for v in sample
    ]
    arrays = np.load(
        io.BytesIO(run("predict", "-u", 3, "--dtype", "float64", *options, "-f", "npz", stdin=x).out)
    )
    assert sorted(arrays) == sorted(["probabilities", "classes", *names, "rank", "loss"])
    np.testing.assert_array_equal(arrays["entropy"], found["entropy"])
    assert arrays["rank"].tolist() == [[v or 0 for v in sample] for sample in found["rank"]]


def test_the_csv_with_measures_can_be_read_back(run: Run):
    x = b"[[1,6,8],[8,9,10]]"
    table = run("predict", "-u", 3, "--measure", "entropy", "-f", "csv", stdin=x).out
    plain = run("predict", "-u", 3, "-f", "csv", stdin=x).out
    found = [
        run("info", "-", "-f", "json", "--input-format", "csv", stdin=text).out for text in (table, plain)
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize("top", [(), ("-k", 2), ("--show", "logits"), ("--show", "log-probabilities")])
def test_measures_do_not_change_what_is_shown(run: Run, top):
    x = json.dumps(np.random.default_rng(3).normal(size=(40, 5)).tolist()).encode()
    plain = json.loads(run("predict", "-u", 7, *top, "-f", "json", stdin=x).out)
    found = json.loads(run("predict", "-u", 7, *top, "--measure", "margin", "-f", "json", stdin=x).out)
    del found["margin"]
    assert found == plain


def test_an_infinite_loss_and_no_loss_are_told_apart_in_csv(run: Run, here: Path):
    np.save("y.npy", np.array([[[1.0, 0.0], [0.5, 0.5]]]))
    Path("t.json").write_text("[[1, -1]]")
    done = run("slice", "y.npy", "-f", "csv", "--targets", "t.json", "--ignore-index", -1)
    assert done.text == "sample,t,class,rank,loss,p0,p1\n0,0,0,2,inf,1.0,0.0\n0,1,0,,nan,0.5,0.5\n"


def test_a_row_without_a_class_has_no_measures(run: Run):
    done = run(
        "predict",
        "-u",
        2,
        "--measure",
        "confidence",
        "-f",
        "jsonl",
        "--show",
        "classes",
        stdin=b"nan,1\n1,1\n",
    )
    rows = [json.loads(line) for line in done.text.splitlines()]
    assert rows[0] == {"sample": 0, "class": None, "confidence": None}
    assert rows[1]["confidence"] > 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ["--measure", "entropy", "-a", "relu"],
            "measures: expected an activation that gives distributions, ",
        ),
        (
            ["--measure", "entropy", "-f", "npy"],
            "NPY holds one array, the one that --show names: --measure needs -f npz",
        ),
        (["--ignore-index", "-1"], "--ignore-index is about targets: it needs --targets FILE"),
        (["--explain", "7"], "--explain: expected auto or a class number below 3, found '7'"),
        (
            ["--explain", "auto", "-f", "csv"],
            "--explain does not fit csv: expected table, json, jsonl or markdown",
        ),
    ],
)
def test_what_cannot_be_measured_is_an_error(run: Run, args, message):
    done = run("predict", "-u", 3, *args, stdin=b"[[1, 2]]")
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err


def test_a_table_of_another_activation_ends_in_its_counts(run: Run):
    assert (
        run("predict", "-u", 3, "-a", "relu", stdin=b"[[1, 2]]").text.splitlines()[-1]
        == "1 sample, 3 classes"
    )


def test_the_accuracy_of_real_outputs_step_by_step(run: Run, here: Path):
    digits, true = np.load(DATA / "digits.npy"), np.load(DATA / "digits_true.npy")
    targets = np.repeat(true[:, None], 8, axis=1)
    np.save("t.npy", targets)
    done = run("slice", DATA / "digits.npy", "--targets", "t.npy", "-n", 1)
    found = [
        line.split("accuracy ")[1][:6] for line in done.text.splitlines() if line.startswith("64 targets")
    ]
    assert found == [f"{accuracy:.4f}" for accuracy in (digits.argmax(-1) == targets).mean(axis=0)]


def test_the_accuracy_of_the_sample_with_labels_as_targets(run: Run):
    args = ("-w", SAMPLES / "digits_head.npz", "--labels", SAMPLES / "digits.txt")
    targets = ("--targets", SAMPLES / "digits_true.csv")
    found = json.loads(run("predict", SAMPLES / "digits.npy", *args, *targets, "-f", "json").out)
    true = np.load(DATA / "digits_true.npy")[:16, None]
    right = np.load(DATA / "digits.npy")[:16].argmax(-1) == true
    assert found["summary"]["accuracy"] == right.mean()
    assert (np.array(found["rank"]) == 1).tolist() == right.tolist()


# --- explanations --------------------------------------------------------------------------------


def test_contributions_add_up_to_the_logit_and_to_the_difference():
    rng = np.random.default_rng(4)
    x, kernel, bias = (rng.normal(size=shape).astype(np.float32) for shape in ((9, 20), (20, 6), 6))
    logits = x @ kernel + bias
    classes = logits.argmax(axis=1)
    for chosen in (2, AUTO):
        made = explain(x, kernel, bias, logits, classes, chosen)
        for i in range(9):
            assert math.fsum([made.bias[i], *made.contributions[i], made.rest[i]]) == made.logit[i]
            ordered = np.argsort(-logits[i], kind="stable")
            first, second = (chosen, None) if chosen == 2 else (ordered[0], ordered[1])
            assert made.classes[i] == first
            assert made.against[i] == (-1 if second is None else second)
            weights = kernel[:, first].astype(float) - (
                0 if second is None else kernel[:, second].astype(float)
            )
            products = x[i].astype(float) * weights
            top = np.argsort(-np.abs(products), kind="stable")[:5]
            assert made.features[i].tolist() == top.tolist()
            np.testing.assert_array_equal(made.contributions[i], products[top])
            expected = float(logits[i, first]) - (0 if second is None else float(logits[i, second]))
            assert made.logit[i] == expected


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), st.integers(0, 6))
def test_rounded_parts_add_up_to_the_rounded_sum(parts, digits):
    from decimal import Decimal

    total, texts = rounded(math.fsum(parts), parts, digits)
    assert sum(map(Decimal, texts)) == Decimal(total)
    assert abs(float(total) - math.fsum(parts)) <= 0.51 / 10**digits
    for text, part in zip(texts, parts, strict=True):
        assert abs(float(text) - part) <= 1.01 / 10**digits


def test_explain_prints_digits_that_add_up(run: Run, here: Path):
    np.savez("head.npz", kernel=np.array([[1.0, 0.5], [0.25, 2.0]]), bias=np.array([0.5, -1.0]))
    done = run("predict", "-w", "head.npz", "--explain", "auto", stdin=b"[[2, 3]]")
    # Logits: 2·1 + 3·0.25 + 0.5 = 3.25 and 2·0.5 + 3·2 − 1 = 6.
    small = math.exp(-2.75)
    entropy = math.log1p(small) + 2.75 * small / (1 + small)
    assert done.text.splitlines()[7:] == [
        "sample 0: logit of 1 minus that of 0 = 2.7500",
        "feature       x  weight of 1  weight of 0  difference  x · difference",
        "─────────────────────────────────────────────────────────────────────",
        "1        3.0000       2.0000       0.2500      1.7500          5.2500",
        "0        2.0000       0.5000       1.0000     -0.5000         -1.0000",
        "bias                                                          -1.5000",
        "sum                                                            2.7500",
        f"1 is exp(2.7500) = {math.exp(2.75):.2f} times as likely as 0",
        "",
        f"1 sample, 2 classes · mean confidence {1 / (1 + small):.4f} · mean entropy {entropy:.4f} "
        "of 0.6931 (log 2)",
    ]
    found = json.loads(
        run("predict", "-w", "head.npz", "--explain", "0", "-f", "json", stdin=b"[[2, 3]]").out
    )
    assert found["explanations"] == [
        {
            "class": 0,
            "against": None,
            "logit": 3.25,
            "bias": 0.5,
            "features": [
                {"feature": 0, "x": 2.0, "weight": 1.0, "contribution": 2.0},
                {"feature": 1, "x": 3.0, "weight": 0.25, "contribution": 0.75},
            ],
            "rest": 0.0,
        }
    ]


def test_explain_takes_a_label_and_needs_a_layer(run: Run, here: Path):
    Path("names.txt").write_text("cat\ndog\n")
    args = ("--labels", "names.txt", "--explain", "dog")
    line = run("predict", "-u", 2, *args, "-f", "jsonl", stdin=b"[[1, 2]]").text
    assert json.loads(line)["explanation"]["class"] == 1
    done = run("slice", "--explain", "auto", stdin=OUTPUTS)
    assert done.code == 2
    assert done.err.endswith("Error: --explain is about a layer: it needs --units N or --weights FILE\n")


def test_features_are_called_as_a_file_or_a_header_calls_them(run: Run, here: Path) -> None:
    args = ("predict", "-", "-u", 2, "--explain", "0", "-f")
    text = b"id,age,[b]height[/]\n0,1,2\n1,3,-1\n"
    (first, _) = map(json.loads, run(*args, "jsonl", stdin=text).text.splitlines())
    assert {f["feature"]: f["name"] for f in first["explanation"]["features"]} == {
        0: "age",
        1: "[b]height[/]",
    }
    assert "[b]height[/]  2.0000" in run(*args, "table", stdin=text).text
    Path("names.txt").write_text("breadth\ndepth\n")
    table = run(*args, "table", "--feature-names", "names.txt", stdin=text).text
    assert ("breadth" in table, "age" in table) == (True, False)
    ran = run("predict", "[[1, 2, 3]]", "-u", 2, "--explain", "0", "--feature-names", "names.txt")
    assert (ran.code, "names.txt" in ran.err) == (2, True)
    found = json.loads(run("predict", "[[1, 2]]", "-u", 2, "--explain", "0", "-f", "json").out)
    assert "name" not in found["explanations"][0]["features"][0]


def test_only_a_softmax_has_a_ratio_of_probabilities(run: Run) -> None:
    args = ("predict", "[[1, 2]]", "-u", 2, "--explain", "auto")
    assert " times as likely as " in run(*args).text
    assert " times as likely as " not in run(*args, "-a", "sigmoid").text


def test_a_row_with_infinity_has_no_explanation(run: Run, here: Path):
    np.save("x.npy", np.array([[np.inf, 1], [1, 1]]))
    done = run("predict", "x.npy", "-u", 3, "--explain", "auto", "-f", "json")
    explanations = json.loads(done.out)["explanations"]
    assert explanations[0] is None
    assert explanations[1]["logit"] == math.fsum(
        [
            explanations[1]["bias"],
            explanations[1]["rest"],
            *(f["contribution"] for f in explanations[1]["features"]),
        ]
    )
    table = run("predict", "x.npy", "-u", 3, "--explain", "auto").text
    assert [
        line.split(":")[0] for line in table.splitlines() if line.startswith("sample ") and ":" in line
    ] == ["sample 1"]


@pytest.mark.parametrize("size", [1e10, 1e25, 1e300])
def test_rounded_parts_of_numbers_without_such_digits_add_up_too(size: float) -> None:
    from decimal import Decimal, localcontext

    total, texts = rounded(0.3 * size, [0.1 * size, 0.1 * size, 0.1 * size], 17)
    with localcontext() as exact:
        exact.prec = 400
        assert sum(map(Decimal, texts)) == Decimal(total)


def test_parts_that_are_infinite_are_shown_as_they_are() -> None:
    assert rounded(-math.inf, [1.0, -math.inf], 2) == ("-inf", ["1.00", "-inf"])


def test_an_infinite_logit_is_explained_and_shaded(run: Run, here: Path) -> None:
    np.savez("w.npz", kernel=np.array([[-1e30, 0.0]], np.float32), bias=np.zeros(2, np.float32))
    for args in (
        ["-a", "softmax", "--explain", "0"],
        ["-a", "linear"],
        ["-a", "softmax", "--explain", "auto"],
    ):
        ran = run("predict", "-w", "w.npz", *args, stdin=b"[[1e30]]")
        assert (ran.err, ran.code) == ("", 0)
        assert "inf" in ran.text


def test_no_rows_of_many_targets_are_no_targets(run: Run, here: Path) -> None:
    Path("t.json").write_text("[0, 1]")
    np.save("x.npy", np.ones((2, 2)))
    ran = run("predict", "x.npy", "-u", 2, "-b", "0:0", "--targets", "t.json")
    assert (ran.text.splitlines()[-1], ran.err, ran.code) == ("no targets", "", 0)
