"""Pieces are joined as the tokenizers library joins them: ``data/pieces/decoders.json`` is of its making."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dense_cli.decoding import pieces_of
from dense_cli.errors import ConfigError, SizeError
from dense_cli.views.pieces import NAMED, of_config

DATA = Path(__file__).parent / "data" / "pieces"
GOLDEN = json.loads((DATA / "decoders.json").read_text())


@pytest.mark.parametrize("case", GOLDEN["decoders"], ids=lambda case: json.dumps(case["decoder"])[:70])
def test_a_decoder_gives_what_the_library_gives(case):
    pieces = of_config(case["decoder"], "tokenizer.json")
    assert [pieces.text(line) for line in GOLDEN["lines"]] == case["texts"]


def test_the_decoder_of_ctc_is_that_of_the_library_without_spaces_at_the_ends():
    case = GOLDEN["ctc"]
    pieces = of_config(case["decoder"], "tokenizer.json")
    assert [pieces.text(line) for line in case["lines"]] == [text.strip() for text in case["texts"]]


@pytest.mark.parametrize(
    ("name", "kind"), [("wordpiece", "WordPiece"), ("bytelevel", "ByteLevel"), ("metaspace", "Metaspace")]
)
def test_a_name_means_the_decoder_as_the_library_makes_it(name, kind):
    case = next(case for case in GOLDEN["decoders"] if case["decoder"]["type"] == kind)
    assert [NAMED[name].text(line) for line in GOLDEN["lines"]] == case["texts"]


def test_the_library_itself_gives_the_texts_that_are_kept():
    tokenizers = pytest.importorskip("tokenizers")
    for case in GOLDEN["decoders"]:
        made = tokenizers.Tokenizer(tokenizers.models.BPE())
        state = {**json.loads(made.to_str()), "decoder": case["decoder"]}
        decoder = tokenizers.Tokenizer.from_str(json.dumps(state)).decoder
        assert [decoder.decode(line) for line in GOLDEN["lines"]] == case["texts"]


@pytest.fixture
def tokenizer(tmp_path):
    def write(**content: object) -> str:
        file = tmp_path / "tokenizer.json"
        file.write_text(json.dumps({"model": {"type": "BPE", "vocab": {"a": 0}}, **content}))
        return str(file)

    return write


@pytest.mark.parametrize(
    ("content", "line", "text"),
    [
        ({"decoder": {"type": "ByteLevel"}}, ["a", "Ġb"], "a b"),
        ({"model": {"type": "WordPiece", "continuing_subword_prefix": "@@"}}, ["a", "@@b", "c"], "ab c"),
        ({"model": {"type": "Unigram"}, "decoder": None}, ["▁a", "b", "▁c"], "ab c"),
        ({"model": {"type": "BPE", "end_of_word_suffix": "</w>"}}, ["a", "b</w>", "c</w>"], "ab c"),
    ],
)
def test_auto_is_what_the_decoder_says_else_the_model(tokenizer, content, line, text):
    pieces = pieces_of("auto", tokenizer(**content))
    assert pieces is not None
    assert pieces.text(line) == text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "--pieces auto: no decoder is stated"),
        ({"model": 3}, "--pieces auto: expected a tokenizer.json"),
        ({"decoder": {"type": "Other"}}, "decoder 'Other' is not known"),
        ({"decoder": [1]}, "decoder None is not known"),
        ({"decoder": {"type": ["ByteLevel"]}}, "is not known"),
        ({"decoder": {"type": "Sequence", "decoders": 3}}, "decoder: expected at most 64 decoders in a list"),
        (
            {"decoder": {"type": "Sequence", "decoders": [{"type": "Fuse"}] * 65}},
            "expected at most 64 decoders",
        ),
        ({"decoder": {"type": "Sequence", "decoders": [{"type": "Sequence"}]}}, "'Sequence' is not known"),
        (
            {"decoder": {"type": "Replace", "pattern": {"Regex": "a+"}, "content": ""}},
            "expected other settings",
        ),
        ({"decoder": {"type": "Strip", "content": " ", "start": "x", "stop": 0}}, "expected other settings"),
        ({"decoder": {"type": "WordPiece", "prefix": 3}}, "expected other settings"),
        ({"decoder": {"type": "BPEDecoder", "suffix": "x" * 17}}, "expected other settings"),
    ],
)
def test_a_decoder_that_is_not_known_is_refused_by_its_name(tokenizer, content, message):
    file = tokenizer(**content)
    with pytest.raises(ConfigError) as error:
        pieces_of("auto", file)
    assert str(error.value).startswith(f"{file}: ")
    assert message in str(error.value)


def test_steps_that_make_ever_more_of_a_line_are_stopped():
    double = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 16}
    pieces = of_config({"type": "Sequence", "decoders": [double] * 64}, "t.json")
    with pytest.raises(SizeError, match="expected at most 16777216 characters in a line"):
        pieces.text(["a"])


def test_pieces_need_labels_and_stand_in_the_place_of_join(run, here):
    (here / "y.json").write_text("[[[0.5, 0.5]]]")
    ran = run("decode", "y.json", "--pieces", "auto")
    assert (ran.out, ran.code) == (b"", 2)
    assert ran.err == (
        "Error: --pieces: expected the pieces that classes stand for\nHint: give --labels FILE\n"
    )
    ran = run("decode", "y.json", "--pieces", "bar", "--join", "")
    assert "Error: --join: --pieces says already how labels are joined" in ran.err


def test_text_that_comes_of_pieces_is_shown_escaped_and_kept_in_json(run):
    args = [
        "decode",
        DATA / "bytelevel.npy",
        "--labels",
        DATA / "bytelevel_vocab.json",
        "--pieces",
        "bytelevel",
    ]
    assert run(*args) == ("Hello world\\nCafé\n".encode(), "", 0)
    assert json.loads(run(*args, "-f", "jsonl").out)["text"] == "Hello world\nCafé"


def test_a_bar_stands_between_the_words_of_a_ctc_model(run):
    args = [DATA / "wav2vec2.npy", "--labels", DATA / "wav2vec2_vocab.json", "--ctc", "<pad>"]
    assert run("decode", *args, "--pieces", "bar") == (b"HELLO WORLD\n", "", 0)
