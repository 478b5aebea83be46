"""Two outputs side by side: every measure against SciPy, what decides, and what is printed."""

from __future__ import annotations

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

from dense_cli.errors import ShapeError
from dense_cli.sources.arrays import ArraySource
from dense_cli.sources.pairs import pairs
from dense_cli.views.compare import Comparison, Limits


@pytest.fixture
def two() -> tuple[np.ndarray, np.ndarray]:
    """Two outputs of 120 rows and 9 classes as logits: the second is the first with noise."""
    rng = np.random.default_rng(5)
    a = rng.normal(0, 2, (120, 9))
    return a, a + rng.normal(0, 0.8, (120, 9))


def compared(a, b, kind="probabilities", limits=None, **options):
    comparison = Comparison(kind, limits or Limits.default(), **options)
    comparison.add(a, b, np.arange(len(a))[:, None])
    return comparison.result()


@pytest.mark.parametrize("kind", ["probabilities", "logits"])
def test_divergences_are_scipys(two, kind):
    special, distance = pytest.importorskip("scipy.special"), pytest.importorskip("scipy.spatial.distance")
    p, q = map(softmax, two)
    found = compared(*(two if kind == "logits" else (p, q)), kind)
    kl = special.rel_entr(p, q).sum(axis=1)
    js = np.array([distance.jensenshannon(x, y) ** 2 for x, y in zip(p, q, strict=True)])
    tv = np.abs(p - q).sum(axis=1) / 2
    assert found.mean_kl == pytest.approx(kl.mean(), rel=1e-10)
    assert found.worst_kl == pytest.approx(kl.max(), rel=1e-10)
    assert found.worst_kl_at == (kl.argmax(),)
    assert found.mean_js == pytest.approx(js.mean(), rel=1e-8)
    assert found.worst_js == pytest.approx(js.max(), rel=1e-8)
    assert found.mean_variation == pytest.approx(tv.mean(), rel=1e-10)
    assert found.worst_variation == pytest.approx(tv.max(), rel=1e-10)
    assert [row.place[0] for row in found.worst] == np.argsort(-tv, kind="stable")[:10].tolist()


def test_differences_flips_overlap_and_rank_moves_are_numpys(two):
    p, q = map(softmax, two)
    found = compared(p, q, top=3, worst=None)
    difference = np.abs(p - q)
    assert found.maximum == difference.max()
    assert found.maximum_at == np.unravel_index(difference.argmax(), p.shape)
    assert found.mean == pytest.approx(difference.mean())
    assert found.beyond == np.count_nonzero(~np.isclose(p, q, atol=1e-5, rtol=1e-5))
    first, second = p.argmax(axis=1), q.argmax(axis=1)
    assert found.flips == np.count_nonzero(first != second)
    assert [(row.place[0], row.first, row.second) for row in found.flipped] == [
        (i, first[i], second[i]) for i in np.flatnonzero(first != second)
    ]
    order_p, order_q = np.argsort(-p), np.argsort(-q)
    shared = [len(set(x[:3]) & set(y[:3])) / 3 for x, y in zip(order_p, order_q, strict=True)]
    assert (found.top_k, found.overlap) == (3, pytest.approx(np.mean(shared)))
    moves = [list(order_q[i]).index(first[i]) for i in range(len(p))]
    assert found.mean_moved == pytest.approx(np.mean(moves))
    assert found.most_moved == max(moves)


def test_what_cannot_happen_in_b_is_an_infinite_divergence_and_bounded_otherwise():
    found = compared(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))
    assert (found.worst_kl, found.worst_variation, found.most_moved) == (math.inf, 1.0, 1)
    assert found.worst_js == pytest.approx(math.log(2))


@given(hnp.arrays(np.float64, (12, 4), elements=st.floats(-30, 30)), st.integers(0, 12))
def test_an_output_equals_itself_and_blocks_equal_the_whole(x, cut):
    y = softmax(x)
    same = compared(y, y)
    assert (same.maximum, same.beyond, same.flips, same.worst_kl, same.worst_js, same.worst) == (
        0,
        0,
        0,
        0,
        0,
        [],
    )
    whole, parts = Comparison("logits", Limits(atol=0.5)), Comparison("logits", Limits(atol=0.5))
    places = np.arange(12)[:, None]
    whole.add(x, x[::-1], places)
    for rows in (slice(0, cut), slice(cut, 12)):
        parts.add(x[rows], x[::-1][rows], places[rows])
    a, b = whole.result(), parts.result()
    assert (a.maximum, a.maximum_at, a.beyond, a.flips, a.flipped) == (
        b.maximum,
        b.maximum_at,
        b.beyond,
        b.flips,
        b.flipped,
    )
    assert (a.worst_kl, a.worst_kl_at, a.most_moved, a.worst) == (
        b.worst_kl,
        b.worst_kl_at,
        b.most_moved,
        b.worst,
    )
    assert a.mean_kl == pytest.approx(b.mean_kl)


def test_the_limits_that_are_named_decide():
    a, b = np.array([[0.6, 0.4], [0.9, 0.1]]), np.array([[0.4, 0.6], [0.9, 0.1]])
    kl = 0.6 * math.log(0.6 / 0.4) + 0.4 * math.log(0.4 / 0.6)
    for limits, faults in [
        (Limits(atol=0.21), []),
        (Limits(atol=0.19), ["2 of 4 numbers differ by more than 0.19 + 0 · |B|"]),
        (Limits(rtol=0.6), []),
        (Limits(flips=1), []),
        (Limits(flips=0), ["1 of 2 rows change class, allowed are 0"]),
        (Limits(kl=0.1), []),
        (Limits(kl=0.05), [f"a KL divergence of {kl:.6g}, allowed is 0.05"]),
    ]:
        assert compared(a, b, limits=limits).faults(limits) == faults


def test_nan_against_nan_differs_unless_equal_nan_says_otherwise():
    a = np.array([[np.nan, 0.5], [0.5, 0.5]])
    for equal, beyond in ((False, 1), (True, 0)):
        found = compared(a, a.copy(), limits=Limits(0, 0, 0, None, equal))
        assert (found.beyond, found.flips, found.lost) == (beyond, 0, 1)
    found = compared(a, np.array([[0.5, 0.5], [0.5, 0.5]]), limits=Limits(0, 0, 0, None, True))
    assert (found.beyond, found.beyond_at, found.flips) == (1, (0, 0), 1)
    assert found.worst[0].place == (0,)


def test_infinities_that_agree_do_not_differ():
    x = np.array([[-np.inf, 0.0]])
    assert compared(x, x.copy(), "logits", Limits(atol=0)).beyond == 0
    assert compared(x, -x, "logits", Limits(atol=0, rtol=1)).beyond == 1


def test_blocks_of_different_sizes_are_paired_by_their_rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 4, 3))

    class Stuttering(ArraySource):
        def blocks(self, rows):
            return super().blocks(3)

    a, b = ArraySource.of("a", x), Stuttering.of("b", x)
    got = [(left, right, block.places()) for block, left, right in pairs(a, b, 8)]
    assert max(len(left) for left, _, _ in got) == 3
    np.testing.assert_array_equal(np.concatenate([left for left, _, _ in got]), x.reshape(20, 3))
    np.testing.assert_array_equal(np.concatenate([right for _, right, _ in got]), x.reshape(20, 3))
    np.testing.assert_array_equal(np.concatenate([p for _, _, p in got]), np.argwhere(np.ones((5, 4))))
    with pytest.raises(ShapeError, match=r"^c: expected the shape of a, \(5, 4, 3\), found \(5, 2, 3\)$"):
        list(pairs(a, ArraySource.of("c", x[:, :2]), 8))


# --- the command line ----------------------------------------------------------------------------


@pytest.fixture
def heads(run: Run, here: Path) -> Path:
    """Return a folder with a head's outputs, the same in float16, and with two kernel columns swapped."""
    (here / "samples").symlink_to(SAMPLES)
    predict = ("predict", "samples/digits.npy", "-w")
    assert run(*predict, "samples/digits_head.npz", "-o", "float32.npy").code == 0
    assert run(*predict, "samples/digits_head.npz", "--dtype", "float16", "-o", "float16.npy").code == 0
    assert run(*predict, "samples/digits_swapped.npz", "-o", "swapped.npy").code == 0
    return here


def test_a_head_in_float16_is_within_the_limits_that_are_asked_of_it(run: Run, heads: Path):
    limits = ("--max-flips", 0, "--max-kl", "1e-4")
    done = run("compare", "float16.npy", "float32.npy", *limits, "--labels", "samples/digits.txt", "-n", 1)
    a, b = np.load("float16.npy").astype(float), np.load("float32.npy").astype(float)
    assert done.code == 0
    lines = done.text.splitlines()
    difference = np.abs(a - b)
    place = [int(i) for i in np.unravel_index(difference.argmax(), a.shape)]
    assert lines[:5] == [
        f"No class changed in 128 rows; the largest change of a probability is {difference.max():.4g}, "
        f"sample {place[0]}, t {place[1]}.",
        "within no row that changes class, KL 0.0001",
        "",
        "A = float16.npy (16, 8, 10) float16",
        "B = float32.npy (16, 8, 10) float32",
    ]
    assert lines[8].split("  ")[0] == "|A − B|"
    assert lines[8].split()[3:] == [
        f"{difference.mean():.4g}",
        f"{difference.max():.4g}",
        *str(place).split(),
    ]
    # The limits that are not named are those of the coarser dtype.
    assert run("compare", "float16.npy", "float32.npy").code == 0
    assert run("compare", "float16.npy", "float32.npy", "--atol", "1e-5").code == 1


def test_two_swapped_kernel_columns_are_told_as_flips(run: Run, heads: Path):
    a, b = np.load("swapped.npy"), np.load("float32.npy")
    flips = np.argwhere(a.argmax(-1) != b.argmax(-1))
    names = Path("samples/digits.txt").read_text().split()
    args = ("compare", "swapped.npy", "float32.npy", "--labels", "samples/digits.txt", "--max-flips", 5)
    done = run(*args, "--all")
    assert done.code == 1
    lines = done.text.splitlines()
    start = lines.index("Rows that change class:") + 3
    told = [line.split()[:4] for line in lines[start : start + len(flips)]]
    assert told == [
        [str(i), str(t), names[a[i, t].argmax()], names[b[i, t].argmax()]] for i, t in flips.tolist()
    ]
    assert len(flips) > 5
    assert all({first, second} & {"one", "seven"} for _, _, first, second in told)
    assert lines[0].startswith(
        f"The class changed in {len(flips)} of 128 rows, the first in sample {flips[0][0]}, t {flips[0][1]}; "
    )
    assert lines[1] == f"beyond: {len(flips)} of 128 rows change class, allowed are 5"
    found = json.loads(run(*args, "-f", "json").out)
    assert (found["flips"], found["within"], found["rows"]) == (len(flips), False, 128)
    assert found["beyond"] == [f"{len(flips)} of 128 rows change class, allowed are 5"]
    assert (len(found["flipped"]), len(found["worst"])) == (len(flips), 10)
    assert found["flipped"][0]["at"] == flips[0].tolist()
    assert found["flipped"][0]["label_a"] == told[0][2]
    assert found["a"] == {"file": "swapped.npy", "shape": [16, 8, 10], "dtype": "float32"}
    assert found["limits"] == {"atol": None, "rtol": None, "max_flips": 5, "max_kl": None, "equal_nan": False}


@pytest.mark.parametrize("format", ["json", "jsonl", "csv", "npy", "npz"])
@pytest.mark.parametrize("command", ["predict", "slice"])
def test_what_densecli_writes_compares_equal_in_every_format(run: Run, heads: Path, command, format):
    written = run(command, "samples/digits.npy", "-w", "samples/digits_head.npz", "-f", format)
    done = run("compare", "-", "float32.npy", "--atol", "1e-7", "--input-format", format, stdin=written.out)
    assert (done.code, done.err) == (0, "")


def test_classes_are_compared_as_classes(run: Run, here: Path):
    np.save("a.npy", np.array([[1, 2, 0], [2, 2, 2]]))
    np.save("b.npy", np.array([[1, 2, 0], [2, 0, 2]]))
    Path("names.txt").write_text("x\ny\nz\n")
    done = run("compare", "a.npy", "b.npy", "--labels", "names.txt")
    assert done.code == 1
    assert done.text == (
        "The class changed in 1 of 6 rows, the first in sample 1, t 1.\n"
        "beyond: 1 of 6 rows change class, allowed are 0\n"
        "\n"
        "A = a.npy (2, 3) int64\n"
        "B = b.npy (2, 3) int64\n"
        "\n"
        "Rows that change class:\n"
        "sample  t  A  B\n"
        "───────────────\n"
        "     1  1  z  x\n"
    )
    Path("a.json").write_text('{"layer": null, "probabilities": [[0.5, 0.5], [0.1, 0.9]], "classes": [0, 1]}')
    np.save("c.npy", np.array([0, 1]))
    assert run("compare", "a.json", "c.npy", "--classes").code == 0


def test_a_narrow_terminal_does_without_the_columns_that_are_needed_least(here: Path) -> None:
    from io import BytesIO

    from dense_cli import comparing
    from dense_cli.writers.compare import write_table
    from dense_cli.writers.screen import Screen

    rng = np.random.default_rng(0)
    for name in ("a.npy", "b.npy"):
        y = rng.random((40, 7, 3))
        np.save(name, y / y.sum(axis=2, keepdims=True))
    for width in (40, 60, 80, 200):
        out = BytesIO()
        write_table(out, comparing.compare("a.npy", "b.npy"), Screen(width))
        lines = out.getvalue().decode().splitlines()
        worst = lines[lines.index("Worst rows, by total variation:") :]
        assert max(map(len, worst)) <= width
        assert any(line.startswith("… KL(A‖B)") for line in worst) == (width <= 60)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["y.npy", "none.npy"], "Error: none.npy: No such file or directory\n"),
        (["-", "-"], "Error: A and B are both standard input: expected one file\n"),
        (["y.npy", "short.npy"], "Error: short.npy: expected the shape of y.npy, (4, 3), found (3, 3)\n"),
        (
            ["y.npy", "logits.npy"],
            "Error: logits.npy: not distributions: expected rows of the last axis that sum to 1, "
            "found a sum of 9 at [0]\n"
            "Hint: logits are compared with --logits, class numbers with --classes\n",
        ),
    ],
)
def test_what_cannot_be_compared_is_trouble(run: Run, here: Path, args, message):
    y = np.full((4, 3), 1 / 3)
    np.save("y.npy", y)
    np.save("short.npy", y[:3])
    np.save("logits.npy", np.full((4, 3), 3.0))
    done = run("compare", *args)
    assert done.code == 2
    assert done.err.endswith(message)
    assert done.out == b""


def test_logits_are_compared_as_logits(run: Run, here: Path):
    np.save("a.npy", np.array([[3.0, 1.0]]))
    np.save("b.npy", np.array([[4.0, 2.0]]))
    found = json.loads(run("compare", "a.npy", "b.npy", "--logits", "--max-kl", "0", "-f", "json").out)
    # Shifted logits are the same distribution.
    assert (found["difference"]["max"], found["kl"]["max"], found["within"]) == (1.0, 0.0, True)


def test_the_swapped_sample_is_the_head_with_two_columns_swapped():
    order = [0, 7, 2, 3, 4, 5, 6, 1, 8, 9]
    with np.load(SAMPLES / "digits_head.npz") as head, np.load(SAMPLES / "digits_swapped.npz") as swapped:
        np.testing.assert_array_equal(swapped["kernel"], head["kernel"][:, order])
        np.testing.assert_array_equal(swapped["bias"], head["bias"])


def test_huge_numbers_are_no_warning(run: Run, here: Path):
    np.save("big.npy", np.array([[1e308, -1e308], [1e308, 1e308]]))
    assert run("compare", "big.npy", "big.npy").code == 2
    assert run("compare", "big.npy", "big.npy", "--logits").code == 0


@pytest.mark.parametrize("option", ["--atol", "--rtol", "--max-kl"])
def test_nan_is_no_limit(option: str, run, here: Path) -> None:
    Path("a.csv").write_text("1,2\n")
    ran = run("compare", "a.csv", "a.csv", "--logits", option, "nan")
    assert ran.code == 2
    assert f"Invalid value for '{option}': nan is not a limit: expected a number from 0" in ran.err


@pytest.mark.parametrize("number", ["inf", "0.5"])
def test_what_is_no_class_number_is_refused(number: str, run, here: Path) -> None:
    Path("a.csv").write_text(f"1,{number}\n")
    Path("b.csv").write_text("1,2\n")
    ran = run("compare", "b.csv", "a.csv", "--classes")
    assert (ran.err, ran.code) == (f"Error: B: expected class numbers, found {number} at [0, 1]\n", 2)


JSON_HINT = "\nHint: print it with -f json, npy or npz"
SAME = " (--equal-nan allows rows that are the same)"
NAN_ROW = [[0.5, 0.5], [math.nan, math.nan], [0.25, 0.75]]


@pytest.mark.parametrize(
    ("limit", "fault"),
    [
        (["--atol", 1], "2 of 6 numbers differ by more than 1 + 0 · |B|"),
        (["--rtol", 1], "2 of 6 numbers differ by more than 0 + 1 · |B|"),
        (
            ["--max-flips", 0],
            "1 of 3 rows have NaN or infinity and no class in A and B" + SAME,
        ),
        (
            ["--max-kl", 9],
            "1 of 3 rows have NaN or infinity and no KL divergence" + SAME,
        ),
    ],
)
def test_what_is_not_a_number_is_within_no_limit_unless_nan_is_said_to_be_equal(limit, fault, run, here):
    np.save("a.npy", NAN_ROW)
    np.save("b.npy", [[0.5, 0.5], [0.5, 0.5], [0.25, 0.75]])
    ran = run("compare", "a.npy", "a.npy", *limit, "-f", "json")
    assert (json.loads(ran.out)["beyond"], ran.code) == ([fault], 1)
    ran = run("compare", "a.npy", "a.npy", *limit, "--equal-nan", "-f", "json")
    assert (json.loads(ran.out)["beyond"], ran.code) == ([], 0)
    for pair in (["a.npy", "b.npy"], ["b.npy", "a.npy"]):
        assert run("compare", *pair, *limit).code == 1
        assert run("compare", *pair, *limit, "--equal-nan").code == 1


def test_rows_of_which_none_is_known_are_within_no_limit(run, here):
    np.save("a.npy", np.full((2, 3), np.nan))
    ran = run("compare", "a.npy", "a.npy", "--max-kl", 1, "-f", "json")
    fault = "2 of 2 rows have NaN or infinity and no KL divergence" + SAME
    assert (json.loads(ran.out)["beyond"], ran.code) == ([fault], 1)
    assert run("compare", "a.npy", "a.npy", "--max-kl", 1, "--equal-nan").code == 0


def test_logits_are_the_member_of_that_name_beside_probabilities(run, here):
    x = np.array([[0.0, 1.0, 3.0]])
    for name, logits in (("a", x), ("b", 2 * x)):
        np.save(f"{name}.npy", logits)
        np.savez(f"{name}.npz", probabilities=softmax(logits), logits=logits, classes=[2])
        document = {"layer": None, "shape": [1, 3], "probabilities": softmax(logits).tolist()}
        Path(f"{name}.json").write_text(json.dumps(document | {"logits": logits.tolist(), "classes": [2]}))
        line = {"sample": 0, "probabilities": softmax(logits[0]).tolist(), "logits": logits[0].tolist()}
        Path(f"{name}.jsonl").write_text(json.dumps(line) + "\n")
        cells = [0, *softmax(logits[0]), *logits[0]]
        Path(f"{name}.csv").write_text(f"sample,p0,p1,p2,logit0,logit1,logit2\n{','.join(map(str, cells))}\n")
    p, q = softmax(x), softmax(2 * x)
    kl = float((p * np.log(p / q)).sum())
    for suffix in ("npy", "npz", "json", "jsonl", "csv"):
        ran = run("compare", f"a.{suffix}", f"b.{suffix}", "--logits", "--max-kl", 0.05, "-f", "json")
        found = json.loads(ran.out)
        assert (found["kl"]["max"], ran.code) == (pytest.approx(kl), 1), suffix
        assert found["difference"]["max"] == 3


def test_outputs_of_another_kind_are_not_taken_for_the_one_named(run, here):
    np.savez("p.npz", probabilities=[[0.5, 0.5]], classes=[0])
    ran = run("compare", "p.npz", "p.npz", "--logits")
    message = "p.npz: expected logits, found 'probabilities' (1, 2), 'classes' (1,)"
    message += "\nHint: --key NAME takes another array for logits"
    assert (ran.err, ran.code) == (f"Error: {message}\n", 2)
    Path("p.jsonl").write_text('{"sample":0,"probabilities":[1.0,0.0],"class":0}\n')
    ran = run("compare", "p.jsonl", "p.jsonl", "--classes")
    message = "p.jsonl: line 1: holds the class of one row, expected an array of classes" + JSON_HINT
    assert (ran.err, ran.code) == (f"Error: {message}\n", 2)
    Path("p.csv").write_text("sample,class,p0,p1\n0,0,1.0,0.0\n")
    ran = run("compare", "p.csv", "p.csv", "--classes")
    message = "p.csv: holds the class of one row a line, expected an array of classes" + JSON_HINT
    assert (ran.err, ran.code) == (f"Error: {message}\n", 2)


def test_no_class_is_the_same_in_every_format(run, here):
    np.savez("a.npz", probabilities=NAN_ROW, classes=[0, -1, 1])
    Path("a.json").write_text(
        '{"layer": null, "shape": [3, 2], "probabilities": [], "classes": [0, null, 1]}'
    )
    Path("steps.json").write_text(
        '{"layer": null, "shape": [1, 1, 2], "steps": [{"t": 0, "classes": [null]}]}'
    )
    Path("list.json").write_text("[0, -1, 1]")
    for pair in (["a.npz", "a.json"], ["a.json", "a.npz"], ["a.json", "list.json"]):
        ran = run("compare", *pair, "--classes", "-f", "json")
        assert (json.loads(ran.out)["agreement"], ran.code) == (1, 0), pair
    assert run("compare", "steps.json", "steps.json", "--classes").code == 0


@pytest.mark.parametrize("option", ["--atol", "--rtol", "--max-kl"])
def test_a_limit_that_says_nothing_of_classes_is_refused(option, run, here):
    np.save("a.npy", [0, 1])
    ran = run("compare", "a.npy", "a.npy", option, 1)
    message = f"{option} does not apply to class numbers, which A and B hold: --max-flips does"
    assert (ran.err.splitlines()[-1], ran.code) == (f"Error: {message}", 2)


def test_outputs_that_state_their_samples_are_compared_by_them_and_with_arrays_in_order(run, here):
    y = np.array([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]])
    for name, numbers in (("a", (4, 5, 7)), ("b", (0, 1, 2))):
        lines = [
            json.dumps({"sample": n, "probabilities": row.tolist()})
            for n, row in zip(numbers, y, strict=True)
        ]
        Path(f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    np.save("y.npy", y)
    for pair in (["a.jsonl", "y.npy"], ["y.npy", "a.jsonl"], ["a.jsonl", "a.jsonl"], ["b.jsonl", "y.npy"]):
        assert run("compare", *pair).code == 0, pair
    ran = run("compare", "a.jsonl", "b.jsonl")
    message = "b.jsonl: expected the rows of a.jsonl in their order: found [0] beside [4]"
    assert (ran.err, ran.code) == (f"Error: {message}\n", 2)


def test_samples_out_of_order_are_not_compared_with_an_array_that_states_none(run, here):
    y = np.array([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]])

    def write(*numbers: int) -> None:
        rows = [{"sample": n, "probabilities": y[n].tolist()} for n in numbers]
        Path("a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    np.save("y.npy", y)
    np.save("back.npy", y[::-1])
    write(2, 1, 0)  # as densecli -b ::-1 prints them
    assert run("compare", "a.jsonl", "back.npy").code == 0
    write(0, 2, 1)
    ran = run("compare", "a.jsonl", "y.npy")
    message = (
        "a.jsonl: sample 1 follows sample 2: expected samples in order beside rows that do not say which "
        "samples they are"
    )
    assert (ran.out, ran.err.splitlines()[0], ran.code) == (b"", f"Error: {message}", 2)


def test_samples_that_are_cut_elsewhere_are_not_compared_in_order(run, here):
    row = '{"sample":%d,"t":%d,"probabilities":[0.5,0.5]}\n'
    Path("a.jsonl").write_text("".join(row % place for place in [(3, 0), (3, 1), (4, 0)]))
    document = {"layer": None, "shape": [2, None, 2], "probabilities": [[[0.5, 0.5]], [[0.5, 0.5]] * 2]}
    Path("b.json").write_text(json.dumps(document))
    ran = run("compare", "a.jsonl", "b.json")
    message = "b.json[probabilities]: expected the rows of a.jsonl in their order: found [1, 0] beside [3, 1]"
    assert (ran.err, ran.code) == (f"Error: {message}\n", 2)


@pytest.mark.parametrize("dtype", ["<f2", ">f2"])
def test_float16_of_any_byte_order_is_summed_widely_and_has_its_own_tolerance(
    dtype: str, run: Run, here: Path
) -> None:
    # A thousand numbers summed in float16 are off by more than any tolerance.
    logits = np.random.default_rng(0).integers(-16, 17, (3, 1100)) / 8
    y = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.save("wide.npy", y.astype(dtype))
    np.save("near.npy", np.array([[0.5, 0.505]], dtype))
    for file in ("wide.npy", "near.npy"):
        assert run("compare", file, file).code == 0
        assert run("check", file, "--skip", "uniform").code == 0
        looks = json.loads(run("info", file, "-f", "json").out)["arrays"][0]["looks_like"]
        assert looks.startswith("distributions along the last axis")


TRANSLATE = SAMPLES / "translate.keras"
MODELS = Path(__file__).parent / "data" / "models"
ENGLISH, FRENCH = MODELS / "translate__input.npy", MODELS / "translate__output0.npy"


def test_what_a_model_gives_is_held_against_finished_outputs(run: Run, here: Path):
    ran = run("compare", ENGLISH, FRENCH, "-m", TRANSLATE, "--atol", "1e-6", "-f", "json")
    found = json.loads(ran.text)
    assert (ran.code, ran.err, found["rows"], found["beyond_tolerance"]["count"]) == (0, "", 120, 0)
    assert found["a"] == {
        "file": str(ENGLISH),
        "shape": [20, 6, 30],
        "dtype": "float32",
        "model": {"file": str(TRANSLATE), "until": "french"},
    }
    lines = run("compare", ENGLISH, FRENCH, "-m", TRANSLATE).text.splitlines()
    assert f"A = {ENGLISH} through {TRANSLATE}, layer french (20, 6, 30) float32" in lines
    wrong = np.load(FRENCH)
    wrong[3, 2] = wrong[3, 2][::-1]
    np.save("wrong.npy", wrong)
    ran = run("compare", ENGLISH, "wrong.npy", "-m", TRANSLATE, "-f", "json")
    assert (ran.code, [row["at"] for row in json.loads(ran.text)["flipped"]]) == (1, [[3, 2]])
    piped = run("compare", "-", FRENCH, "-m", TRANSLATE, "--input-format", "npy", stdin=ENGLISH.read_bytes())
    assert piped.code == 0


def test_inputs_by_name_text_and_logits_go_through_a_model(run: Run, here: Path):
    assert run("compare", FRENCH, "-m", TRANSLATE, "--input", f"english={ENGLISH}").code == 0
    sentences = (SAMPLES / "sentences.txt").read_text()
    options = ("-m", TRANSLATE, "--input-labels", SAMPLES / "english.json", "--reverse")
    expected = run("predict", "-", *options, "-f", "npy", stdin=sentences.encode()).out
    Path("y.npy").write_bytes(expected)
    assert run("compare", "-", "y.npy", *options, stdin=sentences.encode()).code == 0
    Path("z.npy").write_bytes(run("predict", ENGLISH, "-m", TRANSLATE, "--show", "logits", "-f", "npy").out)
    ran = run("compare", ENGLISH, "z.npy", "-m", TRANSLATE, "--logits", "-f", "json")
    assert (ran.code, json.loads(ran.text)["kind"]) == (0, "logits")
    Path("h.npy").write_bytes(run("predict", ENGLISH, "-m", TRANSLATE, "--until", "decoder", "-f", "npy").out)
    assert run("compare", ENGLISH, "h.npy", "-m", TRANSLATE, "--until", "decoder", "--logits").code == 0


def test_masked_steps_of_a_model_are_not_compared(run: Run, here: Path):
    pytest.importorskip("h5py")
    from dense_cli.layers import Dense, Embedding, Input, TimeDistributed
    from dense_cli.models import Model

    i = Input((5,), dtype="int32", name="ids")
    y = TimeDistributed(Dense(3, activation="softmax"))(Embedding(9, 4, mask_zero=True)(i))
    model = Model(i, y)
    model.save("m.keras")
    ids = np.random.default_rng(2).integers(1, 9, (300, 5))
    ids[:, 3:] = 0
    np.save("x.npy", ids)
    expected = model.predict(ids, verbose=0)
    expected[:, 3:] = [1, 0, 0]
    np.save("y.npy", expected)
    found = json.loads(run("compare", "x.npy", "y.npy", "-m", "m.keras", "-f", "json").text)
    assert (found["rows"], found["flips"], found["within"]) == (900, 0, True)
    expected[7, 1] = np.roll(expected[7, 1], 1)
    np.save("y.npy", expected)
    found = json.loads(run("compare", "x.npy", "y.npy", "-m", "m.keras", "-f", "json").text)
    assert (found["difference"]["at"][:2], found["within"]) == ([7, 1], False)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((ENGLISH, FRENCH, "--until", "decoder"), "--until, --input and those about text need --model FILE"),
        ((ENGLISH,), "expected A and B, or B and --input NAME=FILE of a model of several inputs"),
        (
            (ENGLISH, FRENCH, "-m", TRANSLATE, "--input", "english=x.npy"),
            "expected A and B, or B and --input NAME=FILE of a model of several inputs",
        ),
        (
            (ENGLISH, FRENCH, "-m", TRANSLATE, "--classes"),
            "--classes: a model gives probabilities; predict --targets holds them against classes",
        ),
    ],
)
def test_what_cannot_be_compared_through_a_model_is_wrong_usage(run: Run, args, message: str):
    ran = run("compare", *args)
    assert (ran.code, ran.err.splitlines()[-1]) == (2, f"Error: {message}")


def test_a_layer_that_gives_no_distributions_is_told_so(run: Run, here: Path):
    Path("h.npy").write_bytes(run("predict", ENGLISH, "-m", TRANSLATE, "--until", "decoder", "-f", "npy").out)
    ran = run("compare", ENGLISH, "h.npy", "-m", TRANSLATE, "--until", "decoder")
    assert (ran.code, ran.out) == (2, b"")
    assert ran.err.endswith("Hint: logits are compared with --logits, class numbers with --classes\n")


def test_arrays_have_names_of_their_own_in_a_and_b(run: Run, here: Path) -> None:
    y = np.full((3, 2), 0.5)
    np.savez("a.npz", ours=y, other=y / 2)
    np.savez("b.npz", theirs=y, other=y / 2)
    assert run("compare", "a.npz", "b.npz", "--key-a", "ours", "--key-b", "theirs").code == 0
    np.save("c.npy", y)
    assert run("compare", "a.npz", "c.npy", "--key-a", "ours").code == 0
    ran = run("compare", "a.npz", "b.npz", "--key", "ours", "--key-b", "theirs")
    assert (ran.code, "expected --key for both, or --key-a and --key-b" in ran.err) == (2, True)
    ran = run("compare", "a.npz", "b.npz", "--key", "ours")
    assert (ran.code, "theirs" in ran.err) == (2, True)
