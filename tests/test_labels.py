"""dense_cli.sources.labels: names for classes in every form."""

from __future__ import annotations

import json
import os

import pytest
from hostile.seeds import onnx_metadata

from dense_cli.errors import ConfigError, FileFormatError, ShapeError, SizeError
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


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("id2label.json", {"0": "O", "1": "B-PER", "2": "I-PER", "3": "B-LOC"}),
        (
            "config.json",
            {"id2label": {"1": "B-PER", "0": "O", "2": "I-PER", "3": "B-LOC"}, "label2id": {"O": 0}},
        ),
        ("class_index.json", {str(n): [f"n{n}", x] for n, x in enumerate(["O", "B-PER", "I-PER", "B-LOC"])}),
        ("class_map.csv", "index,mid,display_name\n0,/m/0,O\n1,/m/1,B-PER\n3,/m/3,B-LOC\n2,/m/2,I-PER\n"),
        ("labels.csv", '\ufeffName,Index\r\nO,0\r\n"B-PER",1\r\nI-PER,2\r\nB-LOC,3\r\n'),
    ],
)
def test_names_by_number_are_taken_by_it(write, name, content):
    notes = []
    assert load_labels(write(name, content), 4, note=notes.append) == ["O", "B-PER", "I-PER", "B-LOC"]
    assert notes == []


WORDS = {"the": 1, "cat": 2, "sat": 3, "mat": 4, "dog": 5}


def tokenizer(**config):
    return {"class_name": "Tokenizer", "config": {"word_index": json.dumps(WORDS), **config}}


@pytest.mark.parametrize(
    ("content", "units", "labels"),
    [
        ({"1": "the", "2": "cat", "3": "sat"}, 4, ["0", "the", "cat", "sat"]),
        (tokenizer(), 6, ["0", *WORDS]),
        (tokenizer(num_words=None), 6, ["0", *WORDS]),
        (tokenizer(num_words=4), 4, ["0", "the", "cat", "sat"]),
        (tokenizer(num_words=3), 4, ["0", "the", "cat", "3"]),
    ],
)
def test_words_of_a_keras_tokenizer_are_used_as_far_as_num_words(write, content, units, labels):
    notes = []
    assert load_labels(write("tokenizer.json", content), units, note=notes.append) == labels
    assert notes == []


def test_a_tokenizer_that_uses_no_word_is_refused(write):
    content = {"class_name": "Tokenizer", "config": {"word_index": {"a": 5}, "num_words": 3}}
    with pytest.raises(ShapeError, match=r"expected labels, found 0 below num_words 3$"):
        load_labels(write("l.json", content), 4)


def test_a_word_index_of_more_words_than_classes_is_used_as_far_as_there_are_classes(write):
    notes = []
    file = write("words.json", WORDS)
    assert load_labels(file, 4, note=notes.append) == ["0", "the", "cat", "sat"]
    assert notes == [f"{file}: of 5 words, counted from 1, those from 4 on are not used: there are 4 classes"]
    with pytest.raises(ShapeError, match="token 'dog' is of class 5: expected classes below 4"):
        load_labels(write("words.json", {**WORDS, "[PAD]": 0}), 4)


@pytest.mark.parametrize(
    "text", ["0 cat\n1 the dog\n2 3\n", "cat 0\nthe dog 1\n3 2\n", "1: the dog\r\n0: cat\r\n2: 3\r\n\r\n"]
)
def test_lines_with_their_numbers_are_taken_apart_with_a_note(write, text):
    notes = []
    file = write("labels.txt", text)
    assert load_labels(file, 3, note=notes.append) == ["cat", "the dog", "3"]
    assert len(notes) == 1
    assert notes[0].startswith(f"{file}: each line has its class's number: ")


def test_a_space_and_signs_are_names_on_numbered_lines(write):
    assert load_labels(write("tokens.txt", "<blank> 0\n  2\n, 1\n: 3\n"), 4) == ["<blank>", ",", " ", ":"]
    assert load_labels(write("tokens.txt", "0 :)\n1\t, a\n2:b\n"), 3) == [":)", ", a", "b"]


@pytest.mark.parametrize(
    ("entries", "key", "labels", "noted"),
    [
        ({"names": "{0: 'cat', 1: \"dog's\"}", "imgsz": "[640, 640]"}, None, ["cat", "dog's"], "names"),
        ({"author": "me", "classes": '["cat", "dog"]'}, None, ["cat", "dog"], "classes"),
        ({"character": "a\nb"}, None, ["a", "b"], "character"),
        ({"id2label": '{"1": "dog", "0": "cat"}'}, None, ["cat", "dog"], "id2label"),
        ({"labels": "cat,dog", "tags": "('x', 'y')"}, "tags", ["x", "y"], None),
        ({"labels": "cat,dog"}, None, ["cat", "dog"], "labels"),
    ],
)
def test_names_in_the_metadata_of_an_onnx_file(write, entries, key, labels, noted):
    notes = []
    file = write("model.onnx", onnx_metadata(**entries))
    assert load_labels(file, 2, key=key, note=notes.append) == labels
    assert notes == ([f"{file}: the labels are {noted!r} of the metadata"] if noted else [])


def test_metadata_without_names_tell_what_there_is(write):
    file = write("model.onnx", onnx_metadata(author="me", tags="a,b"))
    with pytest.raises(FileFormatError) as error:
        load_labels(file, 2)
    assert error.value.hint == "--labels-key NAME picks an entry"
    assert str(error.value) == (
        f"{file}: no names of classes in the metadata: expected names, labels, classes, class_names, "
        "id2label, character, found author, tags"
    )
    with pytest.raises(ConfigError, match=r"--labels-key tag: no such metadata, there are author, tags$"):
        load_labels(file, 2, key="tag")


@pytest.mark.parametrize(
    "lines",
    [
        ["0 stars", "1 star", "2 stars"],
        ["1 cat", "2 dog", "3 bird"],
        ["0 cat", "1 dog", "bird"],
        ["cat 0", "dog 0", "bird 1"],
        ["class 0", "class 1", "class 2"],
        ["0", "1", "2"],
        [" 0", " 1", " 2"],
        ["٠ cat", "١ dog", "٢ bird"],
    ],
)
def test_lines_that_are_not_numbered_through_stay_as_they_are(write, lines):
    notes = []
    assert load_labels(write("labels.txt", "\n".join(lines)), 3, note=notes.append) == lines
    assert notes == []


def test_a_key_picks_the_labels_of_a_nested_file(write):
    file = write("vocab.json", {"eng": {"a": 0, "b": 1}, "fra": {"x": ["é", "à"]}, "fra/y": ["1", "2"]})
    assert load_labels(file, 2, key="eng") == ["a", "b"]
    assert load_labels(file, 2, key="fra/x") == ["é", "à"]
    assert load_labels(file, 2, key="fra/y") == ["1", "2"]
    with pytest.raises(ConfigError) as error:
        load_labels(file, 2, key="fra/z")
    assert str(error.value) == f"{file}: --labels-key fra/z: no member 'z', there are x"
    with pytest.raises(FileFormatError) as error:
        load_labels(file, 2)
    assert error.value.hint == "--labels-key NAME picks a member: eng, fra, fra/y"
    with pytest.raises(ConfigError, match=r"--labels-key a: expected a JSON object, found text$"):
        load_labels(write("labels.txt", "a\nb\n"), 2, key="a")


@pytest.mark.parametrize(("count", "units"), [(3, 4), (3, 5), (1, 2), (3, 6), (5, 4)])
def test_a_list_that_is_one_or_two_short_names_the_usual_reason(write, count, units):
    with pytest.raises(ShapeError) as error:
        load_labels(write("labels.txt", "a\nb\nc\nd\ne\n"[: 2 * count]), units)
    reason = (
        "often a CTC blank, a space or padding has no line: give it one where it stands, or name the classes "
        "in a JSON object by number"
    )
    assert error.value.hint == (reason if (count, units) in [(3, 4), (3, 5)] else None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("index,name\n0,a\n1\n", "line 3: expected an index and a name"),
        ("index,name\n0,a\nx,b\n", "token 'b': expected a class number, found 'x'"),
        ("index,name\n0,a\n0,b\n", "class 0 has two tokens, 'a' and 'b'"),
    ],
)
def test_a_table_that_is_wrong_is_refused(write, text, message):
    file = write("labels.csv", text)
    with pytest.raises(FileFormatError) as error:
        load_labels(file, 2)
    assert str(error.value) == f"{file}: {message}"
