"""The likeliest lines, held against all paths of small cases."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest

from dense_cli.views import beam
from dense_cli.views.beam import CtcPrefixes, Paths, likeliest_classes


def distributions(seed: int, steps: int, classes: int, zeros: bool = False) -> np.ndarray:
    p = np.random.default_rng(seed).dirichlet(np.full(classes, 0.7), size=steps)
    if zeros:
        p[p < 0.1] = 0
        p /= p.sum(axis=1, keepdims=True)
    return p


def lines_of(p: np.ndarray, line_of) -> dict[tuple[int, ...], float]:
    """Return every line with the sum of the probabilities of all paths that give it."""
    found: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(p.shape[1]), repeat=len(p)):
        line = line_of(path)
        found[line] = found.get(line, 0.0) + math.prod(p[t, c] for t, c in enumerate(path))
    return {line: total for line, total in found.items() if total > 0}


def searched(search, p):
    with np.errstate(divide="ignore"):
        for row in np.log(p):
            search.step(row)
    return {tuple(line.classes): line.log_probability for line in search.best()}


def same(found: dict, expected: dict, most: int) -> None:
    best = dict(sorted(expected.items(), key=lambda item: -item[1])[:most])
    assert list(found) == list(best)
    np.testing.assert_allclose(list(found.values()), np.log(list(best.values())), rtol=1e-9)


def merged(blank: int):
    return lambda path: tuple(c for c, _ in itertools.groupby(path) if c != blank)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(
    ("steps", "classes", "zeros"), [(1, 3, False), (4, 3, False), (6, 3, True), (4, 5, True)]
)
@pytest.mark.parametrize("most", [1, 3, 10_000])
def test_ctc_lines_are_the_sums_of_all_their_paths(monkeypatch, seed, steps, classes, zeros, most):
    monkeypatch.setattr(beam, "LEAST_WIDTH", 10_000)  # so that nothing is left out
    p, blank = distributions(seed, steps, classes, zeros), seed % classes
    same(searched(CtcPrefixes(most, blank), p), lines_of(p, merged(blank)), most)


@pytest.mark.parametrize("seed", range(6))
def test_a_narrow_ctc_search_gives_lines_that_are_no_likelier_than_they_are(monkeypatch, seed):
    monkeypatch.setattr(beam, "LEAST_WIDTH", 4)
    p = distributions(seed, 7, 4)
    expected = lines_of(p, merged(0))
    found = searched(CtcPrefixes(2, 0), p)
    assert all(score <= math.log(expected[line]) + 1e-12 for line, score in found.items())


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("eos", [None, 0, 2])
@pytest.mark.parametrize("most", [1, 4, 10_000])
def test_paths_are_the_likeliest_of_all_that_end_with_the_end(seed, eos, most):
    p = distributions(seed, 5, 3, zeros=bool(seed % 2))

    def ended(path):
        return path[: path.index(eos) + 1] if eos in path else path

    same(searched(Paths(most, eos), p), lines_of(p, ended), most)


def test_the_sums_of_all_lines_are_one():
    p = distributions(3, 5, 3)
    found = searched(CtcPrefixes(10_000, 1), p)
    assert math.fsum(map(math.exp, found.values())) == pytest.approx(1)


@pytest.mark.parametrize("most", range(1, 9))
def test_the_likeliest_classes_are_in_order_and_ties_by_number(most):
    row = np.array([0.0, 2.0, -np.inf, 2.0, 1.0, 1.0, 1.0])
    assert likeliest_classes(row, most).tolist() == [1, 3, 4, 5, 6, 0, 2][:most]


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def frames(here):
    p = np.array([[[0.4, 0.6], [0.3, 0.7]], [[0.9, 0.1], [0.2, 0.8]]])
    np.save(here / "y.npy", p)
    (here / "l.txt").write_text("_\na\n")
    return ["decode", "y.npy", "--labels", "l.txt", "--join", "", "--beam"]


def test_each_sample_has_its_lines_with_their_log_probabilities(run, frames):
    # Of sample 0 "a" has the paths aa, a_ and _a: 0.42 + 0.18 + 0.28.
    text = "0\t-0.1278\ta\n0\t-2.1203\t\n1\t-0.1985\ta\n1\t-1.7148\t\n"
    assert run(*frames, 5, "--ctc", "_") == (text.encode(), "", 0)


def test_without_ctc_lines_are_paths(run, frames):
    text = "0\t-0.8675\taa\n0\t-1.2730\t_a\n1\t-0.3285\t_a\n1\t-1.7148\t__\n"
    assert run(*frames, 2) == (text.encode(), "", 0)


def test_json_lines_have_rank_classes_and_labels(run, frames):
    ran = run(*frames, 1, "--ctc", "_", "-f", "jsonl")
    found = [json.loads(line) for line in ran.out.splitlines()]
    assert [line.pop("log_probability") for line in found] == pytest.approx([math.log(0.88), math.log(0.82)])
    assert found == [
        {"sample": sample, "rank": 0, "text": "a", "classes": [1], "labels": ["a"]} for sample in (0, 1)
    ]


def test_the_end_and_padding_are_no_text(run, frames, here):
    np.save(here / "y.npy", np.array([[[0.2, 0.8], [0.9, 0.1]]]))
    assert run(*frames, 2, "--eos", "_") == (b"0\t-0.3285\ta\n0\t-1.6094\t\n", "", 0)
    assert run(*frames, 2, "--pad", "_") == (b"0\t-0.3285\ta\n0\t-1.7148\t\n", "", 0)


def test_masked_steps_count_for_nothing(run, frames, here):
    (here / "n.json").write_text("[1, 0]")
    text = "0\t-0.5108\ta\n0\t-0.9163\t_\n1\t0.0000\t\n"
    assert run(*frames, 3, "--lengths", "n.json") == (text.encode(), "", 0)


def test_a_step_without_a_class_is_a_dash_and_its_lines_have_no_probability(run, frames, here):
    np.save(here / "y.npy", np.array([[[0.2, 0.8], [np.nan, 0.1], [0.2, 0.8]]]))
    ran = run(*frames, 1, "--ctc", "_")
    assert (ran.out, ran.code) == (b"0\tnan\ta-a\n", 0)


def test_of_the_blank_alone_there_is_the_empty_line(run, here):
    np.save(here / "y.npy", np.ones((2, 3, 1)))
    ran = run("decode", "y.npy", "--beam", "2", "--ctc", "0")
    assert (ran.out, ran.code) == (b"0\t0.0000\t\n1\t0.0000\t\n", 0)


def test_logits_go_through_the_softmax_in_log_space(run, here):
    np.save(here / "z.npy", np.array([[[0.0, 900.0], [800.0, 0.0]]]))
    ran = run("decode", "z.npy", "--logits", "--beam", "2")
    assert ran.out == b"0\t0.0000\t1 0\n0\t-800.0000\t1 1\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scores"], "--beam: a log-probability is that of a distribution: expected activation softmax"),
        (["--ctc", "0", "--eos", "1"], "--beam with --ctc takes neither --eos nor --pad"),
        (["--measure", "entropy", "-f", "jsonl"], "--measure: a line of --beam has no measures of its steps"),
    ],
)
def test_what_has_no_likeliest_lines_is_refused(run, here, options, message):
    np.save(here / "y.npy", np.full((1, 2, 2), 0.5))
    ran = run("decode", "y.npy", "--beam", "2", *options)
    assert (ran.out, ran.code) == (b"", 2)
    assert message in ran.err
