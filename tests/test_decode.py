"""dense_cli.views.decode: classes of time steps → one line per sample."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dense_cli.sources.source import Block, KnownPlaces
from dense_cli.views.decode import Decoder, Line, Rules
from dense_cli.views.ends import Ends
from dense_cli.views.evaluate import Result
from dense_cli.views.pieces import NAMED

CASES = Path(__file__).parent / "data" / "cases"
LETTERS = ["_", "a", "b", "c", "$"]


def lines(rules: Rules, samples: list[list[int]], size: int = 1 << 20, mask: list[bool] | None = None):
    """Decode samples of classes, ``size`` steps at a time; step i of all has the probability 1 / (i + 2)."""
    places = np.array([(s, t) for s, sample in enumerate(samples) for t in range(len(sample))]).reshape(-1, 2)
    classes = np.array([c for sample in samples for c in sample], dtype=np.int64)
    confidence = 1 / np.arange(2.0, len(classes) + 2)
    counts = None if mask is None else np.array(mask)
    decoder, ends = Decoder(rules), Ends(rules.eos, rules.pad)
    found: list[Line] = []
    for start in range(0, len(classes), size):
        part = slice(start, start + size)
        # What the pipeline gives holds only until the next part: the decoder must not keep it.
        given = [places[part].copy(), classes[part].copy(), confidence[part].copy()]
        result = Result(given[1], mask=None if counts is None else counts[part].copy())
        result.block = Block(np.zeros((len(given[1]), 1)), start, KnownPlaces(given[0]))
        ends.mark(result)
        found += decoder.add(*given, result.mask)
        for array in given:
            array.fill(0)
    return found + list(decoder.end())


def texts(rules: Rules, *samples: list[int]) -> list[str]:
    return [line.text for line in lines(rules, list(samples))]


# --- text -----------------------------------------------------------------------------------------


def test_labels_are_joined_by_a_space_and_classes_without_labels_are_numbers():
    assert texts(Rules(LETTERS), [1, 2, 3], [3, 3]) == ["a b c", "c c"]
    assert texts(Rules(), [1, 2, 30], [3]) == ["1 2 30", "3"]
    assert texts(Rules(LETTERS, join=""), [1, 2, 3]) == ["abc"]


def test_a_step_without_a_class_is_a_dash():
    assert texts(Rules(LETTERS), [1, -1, 3]) == ["a - c"]
    assert texts(Rules(LETTERS, blank=0), [1, -1, -1, 1]) == ["a - a"]


def test_eos_ends_a_line_and_counts_as_a_step():
    [line, whole, first] = lines(Rules(LETTERS, eos=4), [[1, 2, 4, 3, 4], [1, 2], [4, 1]])
    assert (line.text, line.classes, line.confidence.tolist()) == ("a b", [1, 2, 4], [1 / 2, 1 / 3, 1 / 4])
    assert (whole.text, whole.classes) == ("a b", [1, 2])
    assert (first.text, first.classes, first.confidence.tolist()) == ("", [4], [1 / 9])


def test_pad_is_dropped_wherever_it_stands():
    [line, none] = lines(Rules(LETTERS, pad=0), [[0, 1, 0, 0, 2, 0], [0, 0]])
    assert (line.text, line.classes, line.confidence.tolist()) == ("a b", [1, 2], [1 / 3, 1 / 6])
    assert (none.text, none.classes) == ("", [])


def test_ctc_merges_repeats_before_it_drops_the_blank():
    rules = Rules(LETTERS, join="", blank=0)
    assert texts(rules, [1, 1, 0, 1, 2, 2], [0, 0, 3], [0, 0], [3]) == ["aab", "c", "", "c"]
    [line] = lines(rules, [[1, 1, 0]])
    assert (line.text, line.classes) == ("a", [1, 1, 0])  # every step keeps its confidence


def test_pieces_of_words_are_joined_to_the_word_before():
    names = ["un", "##aff", "##able", "[SEP]", "is", "##"]
    rules = Rules(names, pieces=NAMED["wordpiece"], eos=3)
    assert texts(rules, [0, 1, 2, 4, 3, 0], [1, 2, 4], [4, 5, 4]) == ["unaffable is", "##affable is", "is is"]
    assert texts(Rules(names), [0, 1, 2]) == ["un ##aff ##able"]


# --- the mask -------------------------------------------------------------------------------------


def test_masked_steps_are_left_out_and_a_sample_of_nothing_else_is_an_empty_line():
    found = lines(Rules(LETTERS), [[1, 2], [3, 1], [2, 3]], mask=[True, False, False, False, False, True])
    assert [(line.sample, line.text, line.classes) for line in found] == [
        (0, "a", [1]),
        (1, "", []),
        (2, "c", [3]),
    ]


def test_a_mask_comes_before_eos_and_before_repeats():
    rules = Rules(LETTERS, join="", eos=4, blank=0)
    assert [line.text for line in lines(rules, [[4, 1, 0, 1]], mask=[False, True, False, True])] == ["a"]


# --- numbers --------------------------------------------------------------------------------------


def test_log_probability_and_perplexity_are_those_of_the_steps_that_count():
    [line] = lines(Rules(LETTERS, pad=0), [[0, 1, 2, 0, 3]])  # 1/2 and 1/5 are padding
    assert line.log_probability == pytest.approx(-np.log(3 * 4 * 6), rel=1e-15)
    assert line.perplexity == pytest.approx((3 * 4 * 6) ** (1 / 3), rel=1e-15)


def test_a_line_without_steps_is_certain_and_has_no_perplexity():
    line = Line(0, "", [], np.empty(0, np.float32))
    assert line.log_probability == 0
    assert np.isnan(line.perplexity)


def test_a_guess_among_n_classes_has_the_perplexity_n_in_every_dtype():
    for dtype in (np.float16, np.float32, np.float64):
        line = Line(0, "", [0] * 1000, np.full(1000, 0.125, dtype))
        assert line.log_probability == pytest.approx(-3000 * np.log(2), rel=1e-14)
        assert line.perplexity == pytest.approx(8, rel=1e-14)


def test_a_step_that_is_nan_or_zero_shows_in_the_sums_without_a_warning():
    assert np.isnan(Line(0, "", [0, -1], np.array([0.5, np.nan])).log_probability)
    zero = Line(0, "", [0, 1], np.array([0.5, 0.0]))
    assert (zero.log_probability, zero.perplexity) == (-np.inf, np.inf)


# --- against Keras --------------------------------------------------------------------------------


@pytest.mark.parametrize("blank", [0, 4])
def test_ctc_gives_what_keras_ops_ctc_decode_gives(blank):
    with np.load(CASES / "keras_ctc.npz") as golden:
        golden = dict(golden)
    probabilities, lengths = golden["probabilities"], golden["lengths"]
    classes, confidence = probabilities.argmax(-1), probabilities.max(-1)
    decoder = Decoder(Rules(blank=blank))
    places = np.indices(classes.shape).reshape(2, -1).T
    counts = np.arange(classes.shape[1]) < lengths[:, None]
    found = list(decoder.add(places, classes.ravel(), confidence.ravel(), counts.ravel())) + list(
        decoder.end()
    )
    decoded = [row[row >= 0] for row in golden[f"decoded_blank{blank}"]]
    assert [line.text for line in found] == [" ".join(map(str, row)) for row in decoded]
    np.testing.assert_allclose([-line.log_probability for line in found], golden["score"], rtol=1e-6)


# --- blocks ---------------------------------------------------------------------------------------

samples = st.lists(st.lists(st.integers(-1, 4), min_size=1, max_size=12), min_size=1, max_size=6)
numbers = st.none() | st.integers(0, 4)


def by_hand(rules: Rules, sample: list[int], kept: list[bool]) -> tuple[str, list[int]]:
    """What `Rules` say, a step at a time."""
    classes = [c for c, keep in zip(sample, kept, strict=True) if keep]
    if rules.eos in classes:
        classes = classes[: classes.index(rules.eos) + 1]
    classes = [c for c in classes if c != rules.pad]
    shown = classes
    if rules.blank is not None:
        shown = [c for c, _ in itertools.groupby(classes) if c != rules.blank]
    shown = [c for c in shown if c != rules.eos]
    return rules.join.join("-" if c < 0 else LETTERS[c] for c in shown), classes


@given(samples, st.integers(1, 9), numbers, numbers, numbers, st.data())
def test_a_sample_is_the_same_in_blocks_of_any_size(classes, size, eos, pad, blank, data):
    rules = Rules(LETTERS, "", eos, pad, blank)
    steps = sum(map(len, classes))
    mask = data.draw(st.none() | st.lists(st.booleans(), min_size=steps, max_size=steps))
    kept = iter(mask if mask is not None else [True] * steps)
    expected = [by_hand(rules, sample, [next(kept) for _ in sample]) for sample in classes]
    found = lines(rules, classes, size, mask)
    assert [(line.text, line.classes) for line in found] == expected
    assert [line.sample for line in found] == list(range(len(classes)))


def test_a_sample_longer_than_many_blocks_is_one_line():
    sample = [1, 1, 0, 2] * 5000
    [line] = lines(Rules(LETTERS, "", blank=0), [sample], size=37)
    assert line.text == "ab" * 5000
    assert line.classes == sample
    assert line.log_probability == pytest.approx(-np.log(np.arange(2, 20002)).sum(), rel=1e-12)


def test_a_line_is_given_when_the_next_sample_begins_and_not_before():
    decoder = Decoder(Rules(LETTERS))
    half = np.array([0.5])
    assert list(decoder.add(np.array([[0, 0]]), np.array([1]), half)) == []
    assert list(decoder.add(np.array([[0, 1]]), np.array([2]), half)) == []
    assert [line.text for line in decoder.add(np.array([[5, 0]]), np.array([3]), half)] == ["a b"]
    assert [(line.sample, line.text) for line in decoder.end()] == [(5, "c")]
    assert list(decoder.end()) == []


def test_further_axes_stand_in_one_line_in_c_order():
    decoder = Decoder(Rules(LETTERS))
    places = np.indices((2, 2, 2)).reshape(3, -1).T
    found = [
        *decoder.add(places, np.array([1, 2, 3, 4, 4, 3, 2, 1]), np.full(8, 0.5)),
        *decoder.end(),
    ]
    assert [line.text for line in found] == ["a b c $", "$ c b a"]


def test_a_block_may_begin_with_any_sample_however_samples_are_numbered():
    decoder = Decoder(Rules())
    lines = []
    for places in ([[3, 0], [3, 1]], [[2, 0], [2, 1], [1, 0]], [[1, 1], [0, 0]]):
        classes = np.array([10 * sample + t for sample, t in places])
        lines += decoder.add(np.array(places), classes, np.ones(len(places)))
    lines += decoder.end()
    assert [line.text for line in lines] == ["30 31", "20 21", "10 11", "0"]
