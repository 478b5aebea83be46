"""--eos and --pad in predict and slice: a sample's steps end as decode ends its line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLES
from hypothesis import given
from hypothesis import strategies as st

from dense_cli.plan import Plan
from dense_cli.sources.source import Block, KnownPlaces
from dense_cli.views.ends import Ends
from dense_cli.views.evaluate import Result

# Three classes; the likeliest are 1 0 2 and 2 2 0, then 0 1 1.
OUTPUTS = [
    [[0.1, 0.9, 0.0], [0.8, 0.1, 0.1], [0.2, 0.1, 0.7]],
    [[0.1, 0.2, 0.7], [0.3, 0.3, 0.4], [0.9, 0.1, 0.0]],
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]],
]
TRANSLATE = [
    *("-m", SAMPLES / "translate.keras", "--input-labels", SAMPLES / "english.json", "--reverse"),
    *("--labels", SAMPLES / "french.json"),
]


@pytest.fixture
def place(here: Path) -> Path:
    (here / "y.json").write_text(json.dumps(OUTPUTS))
    (here / "labels.txt").write_text("end\nword\npad\n")
    return here


def masks(out: str) -> list[bool]:
    return [json.loads(line)["mask"] for line in out.splitlines()]


@pytest.mark.parametrize(
    ("options", "counts"),
    [
        (["--eos", "0"], [1, 1, 0, 1, 1, 1, 1, 0, 0]),
        (["--eos", "#0"], [1, 1, 0, 1, 1, 1, 1, 0, 0]),
        (["--eos", "end", "--labels", "labels.txt"], [1, 1, 0, 1, 1, 1, 1, 0, 0]),
        (["--pad", "2"], [1, 1, 0, 0, 0, 1, 1, 1, 1]),
        (["--eos", "0", "--pad", "2"], [1, 1, 0, 0, 0, 1, 1, 0, 0]),
        # Only a step that counts can end a sample.
        (["--eos", "0", "--mask", "mask.json"], [1, 0, 1, 1, 1, 1, 0, 1, 1]),
    ],
)
@pytest.mark.parametrize("piped", [False, True])
def test_steps_after_the_end_are_padding(
    piped: bool, options: list[str], counts: list[int], run, place
) -> None:
    (place / "mask.json").write_text("[[1, 0, 1], [1, 1, 1], [0, 1, 1]]")
    given = "-" if piped else "y.json"
    stdin = (place / "y.json").read_bytes() if piped else b""
    expected = [bool(n) for n in counts]
    assert masks(run("predict", given, *options, "-f", "jsonl", stdin=stdin).text) == expected
    by_step = masks(run("slice", given, *options, "-f", "jsonl", stdin=stdin).text)
    assert by_step == [expected[3 * s + t] for t in range(3) for s in range(3)]
    last = masks(run("slice", given, *options, "-t", "2", "-f", "jsonl", stdin=stdin).text)
    assert last == expected[2::3]
    turned = run("slice", given, *options, "-t", "2", "-t", "0", "-f", "npz", stdin=stdin)
    array = np.load(io.BytesIO(turned.out))["mask"]
    assert array.tolist() == [[expected[3 * s + 2], expected[3 * s]] for s in range(3)]


def test_a_table_marks_them_and_its_summary_counts_the_others(run, place) -> None:
    ran = run("predict", "y.json", "--eos", "0", env={"FORCE_COLOR": None})
    assert ran.err == ""
    assert [line.endswith("padding") for line in ran.text.splitlines()[3:12]] == [
        *(False, False, True, False, False, False, False, True, True)
    ]
    assert "3 samples, 6 steps, 3 classes · mean confidence 0.7833" in ran.text
    assert "3 padded steps not counted" in ran.text


def test_targets_after_the_end_do_not_count(run, place) -> None:
    (place / "true.json").write_text("[[1, 0, 0], [2, 0, 0], [0, 2, 2]]")
    ran = run("predict", "y.json", "--eos", "0", "--targets", "true.json", "-f", "json")
    document = json.loads(ran.text)
    assert document["rank"] == [[1, 1, None], [1, 2, 1], [1, None, None]]
    assert document["loss"][0][2] is document["loss"][2][1] is None
    assert (document["summary"]["targets"], document["summary"]["accuracy"]) == (6, 5 / 6)


def test_the_steps_of_predict_are_those_of_which_decode_makes_its_text(run, place) -> None:
    options = [SAMPLES / "sentences.txt", *TRANSLATE, "--eos", "eos"]
    texts: dict[int, list[str]] = {}
    for line in run("predict", *options, "-f", "jsonl").text.splitlines():
        record = json.loads(line)
        words = texts.setdefault(record["sample"], [])
        words += [record["label"]] if record["mask"] and record["label"] != "eos" else []
    assert [" ".join(words) for words in texts.values()] == run("decode", *options).text.splitlines()


def test_beam_search_ends_its_own_paths(run, place) -> None:
    # 0.1·… of sample 0: after its greedy end at t 1 other paths go on through t 2.
    ran = run("decode", "y.json", "--eos", "0", "--beam", "50", "-f", "jsonl", "-b", "0")
    assert max(len(json.loads(line)["classes"]) for line in ran.text.splitlines()) == 3


def test_what_ends_nothing_is_refused(run, place) -> None:
    usage = "Usage: densecli predict [OPTIONS] [INPUT]...\nTry 'densecli predict --help' for help.\n\nError: "
    ran = run("predict", "[[0.5, 0.5]]", "--eos", "0")
    assert (ran.code, ran.err) == (2, f"{usage}--eos and --pad are about time steps, and INPUT has none\n")
    ran = run("predict", "y.json", "--pad", "nul")
    assert (ran.code, ran.err) == (
        2,
        "Error: --pad: expected a class number below 3 (there are no --labels), found 'nul'\n",
    )
    ran = run("predict", "y.json", "--eos", "wrd", "--labels", "labels.txt")
    assert ran.code == 2
    assert "did you mean 'word'" in ran.err


def test_a_plan_ends_samples_each_time_it_runs() -> None:
    opened = Plan(np.array(OUTPUTS), eos="0").open()
    for _ in range(2):
        masks = [result.mask for result in opened.results(opened.view)]
        assert np.concatenate(masks).tolist() == [True, True, False, *[True] * 4, False, False]


@given(
    st.lists(st.lists(st.integers(-1, 3), min_size=1, max_size=6), min_size=1, max_size=6), st.integers(1, 9)
)
def test_blocks_of_any_size_end_where_the_whole_does(samples: list[list[int]], size: int) -> None:
    places = np.array([(s, t) for s, sample in enumerate(samples) for t in range(len(sample))])
    classes = np.array([c for sample in samples for c in sample])
    expected = [0 not in sample[:t] for sample in samples for t in range(len(sample))]

    def blocks() -> list[Result]:
        results = []
        for start in range(0, len(classes), size):
            part = slice(start, start + size)
            result = Result(classes[part])
            result.block = Block(np.zeros((len(classes[part]), 1)), start, KnownPlaces(places[part]))
            results.append(result)
        return results

    ends = Ends(eos=0)
    results = blocks()
    for result in results:
        ends.mark(result)
    assert np.concatenate([result.mask for result in results]).tolist() == expected
    ends.find(blocks())
    results = blocks()[::-1]  # in any order, once the ends are known
    for result in results:
        ends.mark(result)
    assert np.concatenate([result.mask for result in results[::-1]]).tolist() == expected
