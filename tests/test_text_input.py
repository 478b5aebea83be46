"""Text as the input of a model: words become ids as Keras makes them, and the models say what Keras says."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SAMPLES

from dense_cli.plan import Plan
from dense_cli.sources.text_input import TextOptions, text_source

DATA = Path(__file__).parent / "data"
TEXT, MODELS = DATA / "text", DATA / "models"
TRANSLATE, KERAS2 = SAMPLES / "translate.keras", TEXT / "translate_keras2.h5"
SENTENCES = SAMPLES / "sentences.txt"
ENGLISH, FRENCH = SAMPLES / "english.json", SAMPLES / "french.json"
TOKENIZERS = json.loads((TEXT / "tokenizers.json").read_text())
TO_WORDS = ["--input-labels", ENGLISH, "--reverse"]
Run = Callable[..., Any]


def array(out: bytes) -> np.ndarray:
    return np.load(BytesIO(out))


@pytest.fixture(autouse=True)
def _here(here: Path) -> None:
    """Run everything in an empty folder."""


def opened(texts: list[str], vocabulary: object, shape: tuple[int | None, ...], **options: Any) -> np.ndarray:
    """Return the rows that a model of an input of ``shape`` is given."""
    Path("texts.txt").write_text("".join(f"{text}\n" for text in texts))
    Path("words.json").write_text(json.dumps(vocabulary))
    notes: list[str] = options.pop("notes", [])
    given = TextOptions(
        "words.json", options.pop("padding", "post"), options.pop("reverse", False), notes.append
    )
    return np.concatenate([block.x for block in text_source("texts.txt", given, shape).blocks(1 << 20)])


@pytest.mark.parametrize("case", TOKENIZERS, ids=range(len(TOKENIZERS)))
@pytest.mark.parametrize("padding", ["pre", "post"])
def test_a_tokenizer_of_keras_makes_the_ids_that_keras_makes(case: dict[str, Any], padding: str) -> None:
    ids = opened(case["texts"], case["tokenizer"], (None, 40), padding=padding)
    assert ids.tolist() == case[padding]
    assert (ids.dtype, opened(case["texts"], case["tokenizer"], (None, 40, 1)).shape) == (np.int32, (280, 1))


def test_a_vocabulary_without_settings_takes_words_between_white_space_as_they_stand() -> None:
    notes: list[str] = []
    ids = opened([" b  a\tb", "", "B b-a a, a"], {"a": 1, "b": 2}, (None, 3), notes=notes)
    assert ids.tolist() == [[2, 1, 2], [0, 0, 0], [1, 0, 0]]
    assert notes == [
        f"texts.txt: line 3: {word!r} is not in words.json: left out" for word in ("B", "b-a", "a,")
    ]


def test_words_are_named_once_and_ten_at_most() -> None:
    notes: list[str] = []
    opened(["w0 w1 w0", *(f"w{n}" for n in range(13)), "w12"], ["a"], (None, 3), notes=notes)
    assert notes[2] == "texts.txt: line 4: 'w2' is not in words.json: left out"
    assert (len(notes), notes[-1]) == (11, "4 further words are not in words.json")


@pytest.mark.parametrize("vocabulary", [["_", "a", "b"], {"a": 1, "b": 2}, {"1": "a", "2": "b"}])
def test_a_vocabulary_may_have_any_form_of_labels(vocabulary: object) -> None:
    assert opened(["b a"], vocabulary, (None, 3)).tolist() == [[2, 1, 0]]
    one_hot = opened(["b a"], vocabulary, (None, 3, 4), reverse=True)
    assert one_hot.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]


@pytest.mark.parametrize("source", ["text", "one-hot", "tokenizer"])
@pytest.mark.parametrize(
    ("model", "probabilities", "predicted"),
    [
        (TRANSLATE, MODELS / "translate__output0.npy", MODELS / "translate__predicted.txt"),
        (KERAS2, TEXT / "translate_keras2__probabilities.npy", TEXT / "translate_keras2__predicted.txt"),
    ],
)
def test_sentences_are_translated_as_keras_does(
    run: Run, source: str, model: Path, probabilities: Path, predicted: Path
) -> None:
    given = {
        "text": [SENTENCES, *TO_WORDS],
        "tokenizer": [SENTENCES, "--input-labels", TEXT / "english_tokenizer.json", "--reverse"],
        "one-hot": [MODELS / "translate__input.npy"],
    }[source]
    labels = FRENCH if source == "text" else TEXT / "french_tokenizer.json"
    ran = run("predict", *given, "-m", model, "-f", "npy")
    assert (ran.code, ran.err) == (0, "")
    np.testing.assert_allclose(array(ran.out), np.load(probabilities), rtol=1e-5, atol=1e-6)
    ran = run("decode", *given, "-m", model, "--labels", labels, "--eos", "eos")
    assert (ran.code, ran.err, ran.text) == (0, "", predicted.read_text())


def test_a_model_of_ids_takes_text_as_it_takes_ids(run: Run) -> None:
    from_ids = run("predict", TEXT / "english_ids.npy", "-m", TEXT / "fixed.keras", "-f", "npy")
    from_text = run("predict", SENTENCES, "-m", TEXT / "fixed.keras", "--input-labels", ENGLISH, "-f", "npy")
    assert (from_text.code, from_text.err, from_text.out) == (0, "", from_ids.out)
    np.testing.assert_allclose(array(from_text.out), np.load(TEXT / "fixed__post.npy"), rtol=1e-5, atol=1e-6)
    turned = run(
        "predict", SENTENCES, "-m", TEXT / "fixed.keras", *TO_WORDS, "--input-padding", "pre", "-f", "npy"
    )
    expected = np.load(TEXT / "fixed__pre_reversed.npy")
    np.testing.assert_allclose(array(turned.out), expected, rtol=1e-5, atol=1e-6)


def test_where_a_model_takes_any_length_each_sample_is_as_long_as_its_line(run: Run) -> None:
    given = [SENTENCES, "-m", TEXT / "free.keras", "--input-labels", ENGLISH]
    lines = [json.loads(line) for line in run("predict", *given, "-f", "jsonl").text.splitlines()]
    words = [len(line.split()) for line in SENTENCES.read_text().splitlines()]
    places = [(line["sample"], line["t"]) for line in lines]
    assert places == [(n, t) for n, count in enumerate(words) for t in range(count)]
    found = np.array([line["probabilities"] for line in lines])
    np.testing.assert_allclose(found, np.load(TEXT / "free__rows.npy"), rtol=1e-5, atol=1e-6)


def test_a_mask_that_keras_saved_as_an_argument_of_the_last_layer_leaves_its_classes(run: Run) -> None:
    ids = np.load(TEXT / "english_ids.npy")
    ran = run("predict", TEXT / "english_ids.npy", "-m", TEXT / "free.keras", "-f", "json")
    found = json.loads(ran.text)
    assert (ran.err, found["mask"]) == ("", (ids != 0).tolist())
    rows = np.array(found["probabilities"])[ids != 0]
    np.testing.assert_allclose(rows, np.load(TEXT / "free__rows.npy"), rtol=1e-5, atol=1e-6)


def test_a_pipe_blocks_and_picked_samples_give_the_same_digits(run: Run) -> None:
    given = ["-m", TRANSLATE, *TO_WORDS, "-f", "npy"]
    whole = run("predict", SENTENCES, *given)
    text = SENTENCES.read_bytes()
    assert run("predict", "-", *given, stdin=text, piece=7).out == whole.out
    assert run("predict", *given, stdin=b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n")).out == whole.out
    for picked in ("3:9", "::-6", "-2"):
        expected = array(whole.out)[slice(*(int(n) if n else None for n in picked.split(":")))]
        if picked == "-2":
            expected = array(whole.out)[-2:-1]
        np.testing.assert_array_equal(array(run("predict", SENTENCES, *given, "-b", picked).out), expected)


def test_one_sentence_is_translated_from_a_pipe_and_its_steps_are_told(run: Run) -> None:
    given = ["-", "-m", TRANSLATE, *TO_WORDS, "--labels", FRENCH]
    sentence = b"three hundred and seventy one\n"
    ran = run("decode", *given, "--eos", "eos", stdin=sentence)
    assert (ran.code, ran.err, ran.text) == (0, "", "trois cent soixante et onze\n")
    table = run("predict", *given, stdin=sentence).text.splitlines()
    assert [row.split()[2] for row in table[5:11]] == ["trois", "cent", "soixante", "et", "onze", "eos"]


def test_from_python_text_goes_in_by_its_path() -> None:
    plan = Plan(str(SENTENCES), model=str(TRANSLATE), input_labels=str(ENGLISH), reverse=True)
    classes = np.concatenate([result.classes for result in plan.run()]).reshape(20, 6)
    np.testing.assert_array_equal(classes, np.load(MODELS / "translate__output0.npy").argmax(-1))


def test_layers_takes_text(run: Run) -> None:
    given = ["-m", TRANSLATE, *TO_WORDS]
    ran = run("layers", TRANSLATE, SENTENCES, *TO_WORDS, "-o", "all.npz")
    assert (ran.code, ran.err) == (0, "")
    expected = array(run("predict", SENTENCES, *given, "--until", "decoder", "-f", "npy").out)
    np.testing.assert_allclose(np.load("all.npz")["decoder"], expected, rtol=1e-5, atol=1e-6)
    ran = run("layers", TRANSLATE, "-", *TO_WORDS, stdin=b"one x\n", env={"COLUMNS": "200"})
    assert ran.err == f"Note: standard input: line 1: 'x' is not in {ENGLISH}: left out\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            b"one\none two three four five six\n",
            "line 2: expected at most 5 words, which the model takes, found 6\n"
            "cut -d ' ' -f -5 keeps the first 5 words of each line",
        ),
        (b"one\n\xff\n", "line 2: expected UTF-8 text, found byte 0xff at offset 0"),
        (b"", "no data: expected one sample per line of text"),
    ],
)
def test_text_that_cannot_go_in_is_refused_with_its_line(run: Run, text: bytes, message: str) -> None:
    ran = run("decode", "-", "-m", TRANSLATE, *TO_WORDS, stdin=text)
    message = message.replace("\ncut", "\nHint: cut")
    assert (ran.code, ran.err) == (2, f"Error: standard input: {message}\n")
    assert len(ran.text.splitlines()) == bool(text)  # what came before the fault


def test_an_id_beyond_the_depth_and_a_line_without_words_are_refused(run: Run) -> None:
    Path("w.json").write_text(json.dumps({"one": 32}))
    ran = run("decode", "-", "-m", TRANSLATE, "--input-labels", "w.json", stdin=b"one\n")
    message = "line 1: word 32 of w.json: expected ids below 32, the depth of the model's input"
    assert (ran.code, ran.err) == (2, f"Error: standard input: {message}\n")
    ran = run("decode", "-", "-m", TEXT / "free.keras", "--input-labels", ENGLISH, stdin=b"one\n\n")
    message = "line 2: expected a word at least, found none that is in the vocabulary"
    assert (ran.code, ran.err) == (2, f"Error: standard input: {message}\n")


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        ({"model": {"vocab": {"a": 0}}}, "a tokenizer.json splits words into pieces by rules of its own"),
        ({"1": "a", "2": "a"}, "the word 'a' has two ids, 1 and 2"),
        ({"a": "b"}, "token 'a': expected a class number, found 'b'"),
        (
            {"class_name": "Tokenizer", "config": {"word_index": {"a": 1}, "split": ""}},
            "split: expected what stands between words, found nothing",
        ),
        (
            {"class_name": "Tokenizer", "config": {"word_index": {"a": 1}, "oov_token": "b"}},
            "oov_token: 'b' is no word of word_index",
        ),
        (
            {"class_name": "Tokenizer", "config": {"word_index": {"a": 1}, "lower": "yes"}},
            "lower: no setting of Keras' Tokenizer, found 'yes'",
        ),
    ],
)
def test_a_vocabulary_that_is_none_is_refused(run: Run, vocabulary: object, message: str) -> None:
    Path("w.json").write_text(json.dumps(vocabulary))
    ran = run("decode", SENTENCES, "-m", TRANSLATE, "--input-labels", "w.json")
    assert (ran.code, ran.err.splitlines()[0].split(": expected whole")[0]) == (
        2,
        f"Error: w.json: {message}",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--units", "3", "--input-labels", "w"],
            "--input-labels, --input-padding and --reverse are about a ",
        ),
        (["-m", TRANSLATE, "--reverse"], "--reverse is about text: it needs --input-labels FILE"),
        (["-m", TRANSLATE, "--input-padding", "pre"], "--input-padding is about text: it needs "),
        (
            ["-m", TRANSLATE, *TO_WORDS, "--key", "x"],
            "--key is about arrays: with --input-labels INPUT is te",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(run: Run, arguments: list[Any], message: str) -> None:
    ran = run("predict", SENTENCES, *arguments)
    assert ran.code == 2
    assert f"Error: {message}" in ran.err


def test_text_that_is_no_file_is_an_error(run: Run) -> None:
    ran = run("decode", "seventy one", "-m", TRANSLATE, *TO_WORDS)
    assert (ran.code, ran.err) == (2, "Error: seventy one: No such file or directory\n")
