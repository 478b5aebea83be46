"""dense_cli.sources.labels: names for classes in every form."""

from __future__ import annotations

import json
import os

import pytest

from dense_cli.errors import FileFormatError, ShapeError, SizeError
from dense_cli.sources.labels import load_labels


@pytest.fixture
def write(tmp_path):
    def write(name: str, content: bytes | str | object) -> str:
        path = tmp_path / name
        if not isinstance(content, bytes | str):
            content = json.dumps(content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("cat\ndog\nbird\n", ["cat", "dog", "bird"]),
        ("cat\ndog\nbird", ["cat", "dog", "bird"]),
        ("cat\r\ndog\r\nbird\r\n", ["cat", "dog", "bird"]),
        ("\ufeffcat\ndog\nbird\n", ["cat", "dog", "bird"]),
        ("cat\ndog\nbird\n\n\n", ["cat", "dog", "bird"]),
        ("cat\n\nbird\n", ["cat", "", "bird"]),
        ("cat\ndog\n\n", ["cat", "dog", ""]),
        ("[PAD]\n[UNK]\n##ing\n", ["[PAD]", "[UNK]", "##ing"]),
        ('["a",\n"b",\n"c"]\n', ['["a",', '"b",', '"c"]']),
        ("a\x1b[31m\n\u202eb\n \x85c \n", ["a\x1b[31m", "\u202eb", " \x85c "]),
    ],
)
def test_a_text_file_has_one_label_a_line_unaltered(write, text, labels):
    assert load_labels(write("labels.txt", text), 3) == labels


def test_without_a_number_of_classes_there_are_as_many_as_labels(write):
    assert load_labels(write("labels.txt", "cat\ndog\n\n")) == ["cat", "dog"]
    assert load_labels(write("labels.txt", "cat\r\n\r\ndog\r\n\r\n\n")) == ["cat", "", "dog"]


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("\n\n", 0), ("a\n\nb\n\n", 3), ("a\n" * 99 + "\n", 99)]
)
def test_the_lines_of_a_text_that_does_not_fit_are_counted_without_blank_ones_at_the_end(write, text, count):
    with pytest.raises(ShapeError) as caught:
        load_labels(write("labels.txt", text), 5)
    assert str(caught.value).endswith(f": expected 5, one for each class, found {count} labels")


def test_more_labels_than_a_layer_has_classes_are_refused_before_they_take_memory(write):
    with pytest.raises(ShapeError, match=r"expected 16777216 labels at most, found 16777217$"):
        load_labels(write("labels.txt", "a\n" * ((1 << 24) + 1)))


@pytest.mark.parametrize(
    ("name", "content", "labels"),
    [
        ("l.json", ["cat", "dog", "bird"], ["cat", "dog", "bird"]),
        ("l.JSON", '\ufeff["cat", "dog", "bird"]', ["cat", "dog", "bird"]),
        ("labels", ["cat", "dog", "bird"], ["cat", "dog", "bird"]),
        ("labels", "[PAD]\n[UNK]\n##ing", ["[PAD]", "[UNK]", "##ing"]),
        ("v.json", {"dog": 1, "bird": 2, "cat": 0}, ["cat", "dog", "bird"]),
        ("v.json", {"bird": 2, "cat": 0}, ["cat", "1", "bird"]),
        ("v.json", {"cat": 0}, ["cat", "1", "2"]),
    ],
)
def test_json_forms_give_names_in_class_order(write, name, content, labels):
    assert load_labels(write(name, content), 3) == labels


@pytest.mark.parametrize(
    "model",
    [
        {"type": "WordPiece", "vocab": {"[UNK]": 0, "a": 1}},
        {"type": "BPE", "vocab": {"[UNK]": 0, "a": 1}, "merges": []},
        {"type": "Unigram", "vocab": [["[UNK]", 0.0], ["a", -1.5]]},
    ],
)
def test_a_tokenizer_gives_its_vocabulary_and_its_added_tokens(write, model):
    added = [{"id": 0, "content": "[UNK]", "special": True}, {"id": 3, "content": "<mask>"}]
    file = write("tokenizer.json", {"version": "1.0", "model": model, "added_tokens": added})
    assert load_labels(file, 5) == ["[UNK]", "a", "2", "<mask>", "4"]
    assert load_labels(file) == ["[UNK]", "a", "2", "<mask>"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("l.txt", "cat\ndog\n", "expected 3, one for each class, found 2 labels"),
        ("l.txt", "a\nb\nc\nd\n", "expected 3, one for each class, found 4 labels"),
        ("l.txt", "", "expected 3, one for each class, found 0 labels"),
        ("l.txt", "\n\n", "expected 3, one for each class, found 0 labels"),
        ("l.json", [], "expected 3, one for each class, found 0 labels"),
        ("l.json", {}, "expected labels, found 0"),
        ("l.json", {"a": 0, "b": 3}, "token 'b' is of class 3: expected classes below 3 (2 labels)"),
    ],
)
def test_labels_that_do_not_fit_the_classes_are_refused_with_both_numbers(write, name, content, message):
    file = write(name, content)
    with pytest.raises(ShapeError) as error:
        load_labels(file, 3)
    assert str(error.value) == f"{file}: {message}"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("l.txt", b"cat\xe9\ndog\n", "not UTF-8 text: byte 0xe9 at offset 3"),
        ("l.json", ["a", 2, "c"], "label 1: expected a string, found 2"),
        ("l.json", '"cat"', "expected a list of strings or an object, found 'cat'"),
        ("l.json", {"a": 0, "b": 0}, "class 0 has two tokens, 'a' and 'b'"),
        ("l.json", {"a": -1}, "token 'a': expected a class number, found -1"),
        ("l.json", {"a": True}, "token 'a': expected a class number, found True"),
        ("l.json", {"a": "cat"}, "token 'a': expected a class number, found 'cat'"),
        ("l.json", {"0": "cat", "1": None}, "class 1: expected a string, found None"),
        ("l.json", {"0": "cat", "00": "dog"}, "class 0 has two tokens, 'cat' and 'dog'"),
        ("l.json", {"0": "cat", "1": 5}, "token '0': expected a class number, found 'cat'"),
        (
            "l.json",
            {"class_name": "Tokenizer", "config": {"word_index": "{"}},
            "word_index: not JSON: unexpected end of data: line 1 column 2 (char 1)",
        ),
        (
            "l.json",
            {"class_name": "Tokenizer", "config": {}},
            "word_index: expected an object word → id, found None",
        ),
        (
            "l.json",
            {"model": {"type": "WordPiece"}},
            "no vocabulary: expected model.vocab in a tokenizer.json",
        ),
        ("l.json", {"model": {"vocab": ["a"]}}, "model.vocab[0]: expected [token, score], found 'a'"),
        (
            "l.json",
            {"model": {"vocab": {}}, "added_tokens": [{"id": 1}]},
            "added_tokens: expected an id and a content, found {'id': 1}",
        ),
    ],
)
def test_files_in_no_known_form_are_refused(write, name, content, message):
    file = write(name, content)
    with pytest.raises(FileFormatError) as error:
        load_labels(file, 3)
    assert str(error.value) == f"{file}: {message}"


@pytest.mark.parametrize("content", ["{", "[" * 5000, '["a",]', '{"a": NaN}'])
def test_broken_json_is_refused(write, content):
    with pytest.raises(FileFormatError, match="not JSON"):
        load_labels(write("l.json", content), 3)


def test_an_id_that_reaches_too_far_takes_no_memory(write):
    with pytest.raises(ShapeError, match="is of class 1000000000000"):
        load_labels(write("l.json", {"a": 10**12}))


def test_a_file_over_the_limit_is_refused_unread(tmp_path):
    path = tmp_path / "huge.txt"
    with open(path, "wb") as file:
        os.truncate(file.fileno(), (256 << 20) + 1)
    with pytest.raises(SizeError, match="at most 268435456 bytes"):
        load_labels(path, 3)


def test_a_missing_file_and_a_directory_stay_what_they_are(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_labels(tmp_path / "none.txt", 3)
    with pytest.raises(IsADirectoryError):
        load_labels(tmp_path, 3)
