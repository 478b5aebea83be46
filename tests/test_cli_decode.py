"""``densecli decode``: a line of text, or of JSON, for each sample."""

from __future__ import annotations

import io
import json
import math
import select
import subprocess
import sys

import numpy as np
import pytest
from helpers import INPUTS, WEIGHTS

from dense_cli.pipeline import HOLDS

LETTERS = ["_", "a", "b", "$"]


def sure(classes: list[list[int]], confidence: float = 0.625, units: int = 4) -> np.ndarray:
    """Distributions (batch, time, units) of which the likeliest class is known: it has ``confidence``."""
    likeliest = np.eye(units)[classes]
    return likeliest * confidence + (1 - likeliest) * (1 - confidence) / (units - 1)


def objects(out: bytes) -> list[dict]:
    return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def letters(here):
    """Finished outputs y.npy, the letters as labels, and weights that pass their input on: (4, 4)."""
    (here / "letters.txt").write_text("\n".join(LETTERS))
    (here / "same.json").write_text(json.dumps({"kernel": np.eye(4).tolist()}))
    np.save(here / "y.npy", sure([[1, 1, 0, 1, 2, 3], [2, 0, 0, 2, 3, 1]]))
    return here


# --- text -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], "a a _ a b $\nb _ _ b $ a\n"),
        (["--join", ""], "aa_ab$\nb__b$a\n"),
        (["--join", "\t"], "a\ta\t_\ta\tb\t$\nb\t_\t_\tb\t$\ta\n"),
        (["--eos", "$"], "a a _ a b\nb _ _ b\n"),
        (["--pad", "_"], "a a a b $\nb b $ a\n"),
        (["--pad", "_", "--eos", "$"], "a a a b\nb b\n"),
        (["--ctc", "_"], "a a b $\nb b $ a\n"),
        (["--ctc", "_", "--eos", "$", "--join", ""], "aab\nbb\n"),
        (["-b", "1"], "b _ _ b $ a\n"),
        (["-b", "::-1"], "b _ _ b $ a\na a _ a b $\n"),
    ],
)
def test_the_likeliest_labels_of_a_sample_are_joined(run, letters, options, text):
    assert run("decode", "y.npy", "--labels", "letters.txt", *options) == (text.encode(), "", 0)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], "1 1 0 1 2 3\n2 0 0 2 3 1\n"),
        (["--eos", "3", "--pad", "0"], "1 1 1 2\n2 2\n"),
        (["--ctc", "0", "--join", ""], "1123\n2231\n"),
    ],
)
def test_without_labels_classes_are_numbers(run, letters, options, text):
    assert run("decode", "y.npy", *options) == (text.encode(), "", 0)


def test_pieces_of_words_are_joined(run, here):
    (here / "vocab.txt").write_text("[PAD]\nun\n##aff\n##able\nis\n[SEP]\n")
    np.save(here / "y.npy", sure([[1, 2, 3, 4, 5, 0], [2, 4, 0, 0, 0, 0]], units=6))
    args = ["decode", "y.npy", "--labels", "vocab.txt", "--eos", "[SEP]", "--pad", "[PAD]"]
    assert run(*args, "--pieces", "wordpiece") == (b"unaffable is\n##aff is\n", "", 0)
    assert run(*args) == (b"un ##aff ##able is\n##aff is\n", "", 0)


@pytest.mark.parametrize(
    ("option", "values", "text"),
    [
        ("--lengths", [4, 0], "a a _ a\n\n"),
        ("--mask", [[1, 0, 1, 0, 1, 0], [0, 0, 0, 0, 1, 1]], "a _ b\n$ a\n"),
        ("--mask", [[True] * 6, [False] * 6], "a a _ a b $\n\n"),
    ],
)
@pytest.mark.parametrize("suffix", ["npy", "json"])
def test_padding_is_left_out(run, letters, option, values, text, suffix):
    np.save(letters / "m.npy", np.array(values))
    (letters / "m.json").write_text(json.dumps(values))
    ran = run("decode", "y.npy", "--labels", "letters.txt", option, f"m.{suffix}")
    assert ran == (text.encode(), "", 0)


def test_a_mask_value_marks_the_inputs_that_are_padding(run, letters):
    x = np.eye(4)[[[1, 2, 0], [3, 0, 0]]]
    x[0, 2] = x[1, 1:] = -1
    np.save(letters / "x.npy", x)
    args = ["decode", "x.npy", "-w", "same.json", "-a", "softmax", "--labels", "letters.txt"]
    assert run(*args, "--mask-value", "-1") == (b"a b\n$\n", "", 0)


def test_lengths_are_those_of_the_whole_input_whichever_samples_are_looked_at(run, letters):
    (letters / "n.json").write_text("[1, 3]")
    args = ["decode", "y.npy", "--labels", "letters.txt", "--lengths", "n.json"]
    assert run(*args, "-b", "1") == (b"b _ _\n", "", 0)
    assert run(*args, "-b", "::-1") == (b"b _ _\na\n", "", 0)


def test_a_sample_without_time_steps_is_one_label(run, letters):
    (letters / "y.json").write_text("[[0.25, 0.75], [0.5, 0.5], [0.125, 0.875]]")
    assert run("decode", "y.json") == (b"1\n0\n1\n", "", 0)
    (letters / "y.json").write_text("[0.25, 0.75]")
    assert run("decode", "y.json") == (b"1\n", "", 0)


def test_a_row_that_is_nan_is_a_dash_and_a_note(run, letters):
    y = np.load(letters / "y.npy")
    y[1, 2] = np.nan
    np.save(letters / "y.npy", y)
    ran = run("decode", "y.npy", "--labels", "letters.txt")
    assert ran.out == b"a a _ a b $\nb _ - b $ a\n"
    assert ran.err == (
        "Note: 1 row has NaN or infinity in the input or the logits, and so no class; "
        "the first is sample 1, t 2\n"
    )
    assert ran.code == 0
    found = objects(run("decode", "y.npy", "--labels", "letters.txt", "-f", "jsonl").out)[1]
    assert found["classes"] == [2, 0, None, 2, 3, 1]
    assert found["labels"] == ["b", "_", None, "b", "$", "a"]
    assert found["confidence"] == [0.625, 0.625, None, 0.625, 0.625, 0.625]
    assert (found["log_probability"], found["perplexity"]) == (None, None)


def test_labels_are_printed_as_text_and_in_json_as_they_are(run, letters):
    names = ["[bold]x", "\x1b[31mred", "line\nfeed", "\u202ertl"]
    (letters / "l.json").write_text(json.dumps(names))
    ran = run("decode", "y.npy", "--labels", "l.json", "-b", "0", "--join", "|")
    assert ran.text == "\\x1b[31mred|\\x1b[31mred|[bold]x|\\x1b[31mred|line\\nfeed|\\u202ertl\n"
    found = objects(run("decode", "y.npy", "--labels", "l.json", "-b", "0", "-f", "jsonl").out)
    assert found[0]["labels"] == [names[c] for c in [1, 1, 0, 1, 2, 3]]
    assert found[0]["text"] == " ".join(found[0]["labels"])


def test_labels_in_other_scripts_come_out_in_utf8(run, letters):
    (letters / "l.txt").write_text("空\nя\n🙂\né\n", encoding="utf-8")
    assert run("decode", "y.npy", "--labels", "l.txt", "-b", "0").text == "я я 空 я 🙂 é\n"


def test_a_join_that_is_not_utf8_is_shown_escaped(run, letters):
    args = ["decode", "y.npy", "-b", "0", "--join", "\udcff"]
    assert run(*args).text == "1\\udcff1\\udcff0\\udcff1\\udcff2\\udcff3\n"
    assert objects(run(*args, "-f", "jsonl").out)[0]["text"] == "\\udcff".join("110123")


# --- JSON Lines -----------------------------------------------------------------------------------


def test_jsonl_has_the_confidence_of_every_step_and_what_follows_from_it(run, letters):
    y = sure([[1, 1, 0], [2, 3, 1]])
    y[0, 1] = [0.125, 0.75, 0.125, 0]
    y[1, 2] = [0, 1, 0, 0]
    np.save(letters / "y.npy", y)
    ran = run("decode", "y.npy", "--labels", "letters.txt", "--ctc", "_", "--eos", "$", "-f", "jsonl")
    assert (ran.code, ran.err) == (0, "")
    first, second = objects(ran.out)
    assert list(first) == [
        "sample",
        "text",
        "classes",
        "labels",
        "confidence",
        "log_probability",
        "perplexity",
    ]
    logs = [math.log(0.625) * 2 + math.log(0.75), math.log(0.625) * 2]
    assert first == {
        "sample": 0,
        "text": "a",
        "classes": [1, 1, 0],
        "labels": ["a", "a", "_"],
        "confidence": [0.625, 0.75, 0.625],
        "log_probability": pytest.approx(logs[0], rel=1e-14),
        "perplexity": pytest.approx(math.exp(-logs[0] / 3), rel=1e-14),
    }
    assert second == {  # the line ends at $, and what would follow does not count
        "sample": 1,
        "text": "b",
        "classes": [2, 3],
        "labels": ["b", "$"],
        "confidence": [0.625, 0.625],
        "log_probability": pytest.approx(logs[1], rel=1e-14),
        "perplexity": pytest.approx(1.6, rel=1e-14),
    }


def test_jsonl_without_labels_has_none_and_a_sample_of_padding_has_no_perplexity(run, letters):
    (letters / "n.json").write_text("[2, 0]")
    first, second = objects(run("decode", "y.npy", "-f", "jsonl", "--lengths", "n.json").out)
    assert (first["text"], first["classes"], first["confidence"]) == ("1 1", [1, 1], [0.625, 0.625])
    assert "labels" not in first
    assert second == {
        "sample": 1,
        "text": "",
        "classes": [],
        "confidence": [],
        "log_probability": 0.0,
        "perplexity": None,
    }


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_confidence_reads_back_to_the_same_value_and_its_logarithm_is_exact(run, here, dtype):
    x = np.random.default_rng(5).normal(size=(3, 4, 6))
    np.save(here / "x.npy", x)
    ran = run("decode", "x.npy", "-w", WEIGHTS / "iris.npz", "--dtype", dtype, "-f", "jsonl")
    with np.load(WEIGHTS / "iris.npz") as w:
        powers = np.exp(x @ w["kernel"] + w["bias"])
    highest = (powers / powers.sum(-1, keepdims=True)).max(-1)
    rtol = {"float16": 4e-3, "float32": 1e-5, "float64": 1e-13}[dtype]
    for found, expected in zip(objects(ran.out), highest, strict=True):
        np.testing.assert_allclose(found["confidence"], expected, rtol=rtol)
        exact = np.log(np.array(found["confidence"], dtype).astype(np.float64)).sum()
        assert found["log_probability"] == pytest.approx(exact, rel=1e-14)
        assert found["perplexity"] == pytest.approx(math.exp(-exact / 4), rel=1e-14)


@pytest.mark.parametrize("blank", [0, 4])
def test_ctc_reads_what_keras_reads(run, here, blank):
    with np.load(INPUTS / "keras_ctc.npz") as golden:
        golden = dict(golden)
    np.save(here / "y.npy", golden["probabilities"])
    np.save(here / "n.npy", golden["lengths"])
    ran = run("decode", "y.npy", "--lengths", "n.npy", "--ctc", blank, "-f", "jsonl")
    assert (ran.code, ran.err) == (0, "")
    found = objects(ran.out)
    decoded = [row[row >= 0].tolist() for row in golden[f"decoded_blank{blank}"]]
    assert [[int(c) for c in line["text"].split()] for line in found] == decoded
    np.testing.assert_allclose([-line["log_probability"] for line in found], golden["score"], rtol=1e-6)


def test_a_trained_head_reads_digits(run):
    args = ["decode", INPUTS / "digits__input.npy", "-w", WEIGHTS / "digits.keras", "-f", "jsonl"]
    found = objects(run(*args, "--labels", INPUTS / "digits__labels.txt").out)
    names = (INPUTS / "digits__labels.txt").read_text().split()
    classes, expected = (np.load(INPUTS / f"digits__expected{name}.npy") for name in ("_classes", ""))
    assert [line["classes"] for line in found] == classes.tolist()
    assert [line["labels"] for line in found] == [[names[c] for c in row] for row in classes]
    np.testing.assert_allclose([line["confidence"] for line in found], expected.max(-1), rtol=0, atol=5e-6)
    logs = np.log(expected.max(-1).astype(np.float64)).sum(-1)
    np.testing.assert_allclose([line["log_probability"] for line in found], logs, rtol=0, atol=1e-4)


# --- finished outputs and inputs in every format ------------------------------------------------------


@pytest.mark.parametrize("command", ["predict", "slice"])
@pytest.mark.parametrize("format", ["json", "jsonl", "csv", "npy", "npz"])
def test_what_densecli_prints_decodes_to_the_same(run, letters, command, format):
    classes = [[1, 1, 0, 1, 2, 3], [2, 0, 0, 2, 3, 1], [3, 3, 3, 0, 1, 2]]
    np.save(letters / "x.npy", sure(classes))
    printed = run(command, "x.npy", "-w", "same.json", "-f", format).out
    ran = run("decode", "-", "--labels", "letters.txt", stdin=printed)
    assert ran == (b"a a _ a b $\nb _ _ b $ a\n$ $ $ _ a b\n", "", 0)


@pytest.mark.parametrize("command", ["predict", "slice"])
def test_ragged_json_lines_decode_sample_by_sample(run, letters, command):
    samples = [[[0, 9, 0, 0]] * 3, [[0, 0, 9, 0]], [[9, 0, 0, 0], [0, 0, 0, 9]]]
    text = "".join(json.dumps(sample) + "\n" for sample in samples).encode()
    args = ["decode", "-", "-w", "same.json", "-a", "softmax", "--labels", "letters.txt"]
    ran = run(*args, stdin=text)
    assert ran == (b"a a a\nb\n_ $\n", "", 0)
    printed = run(command, "-", "-w", "same.json", "-f", "jsonl", stdin=text).out
    assert run("decode", "-", "--labels", "letters.txt", stdin=printed) == (b"a a a\nb\n_ $\n", "", 0)


@pytest.mark.parametrize("name", ["y.json", "y.jsonl", "y.npy", "y.npz", "y.csv"])
def test_finished_outputs_of_other_programs_decode_too(run, letters, name):
    y = sure([[1], [2], [3]])[:, 0] if name == "y.csv" else sure([[1, 2], [2, 0], [3, 3]])
    if name == "y.npy":
        np.save(letters / name, y)
    elif name == "y.npz":
        np.savez(letters / name, y=y)
    elif name == "y.json":
        (letters / name).write_text(json.dumps(y.tolist()))
    elif name == "y.jsonl":
        (letters / name).write_text("".join(json.dumps(sample) + "\n" for sample in y.tolist()))
    else:
        (letters / name).write_text("".join(",".join(map(str, row)) + "\n" for row in y.tolist()))
    text = b"a\nb\n$\n" if name == "y.csv" else b"a b\nb _\n$ $\n"
    assert run("decode", name, "--labels", "letters.txt") == (text, "", 0)


@pytest.mark.parametrize("size", ["1K", "64K", "1M"])
@pytest.mark.parametrize("threads", [1, 3])
def test_samples_that_span_many_blocks_are_one_line_each(run, here, size, threads):
    classes = np.random.default_rng(7).integers(0, 4, size=(3, 700))
    np.save(here / "y.npy", sure(classes.tolist()))
    ran = run("decode", "y.npy", "--join", "", "--memory", size, "--threads", threads)
    assert ran.text == "".join("".join(map(str, row)) + "\n" for row in classes.tolist())


# --- where it goes --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["out.txt", "out", "out.jsonl", "out.ndjson"])
def test_the_format_goes_by_the_suffix_of_the_output(run, letters, name):
    assert run("decode", "y.npy", "-o", name) == (b"", "", 0)
    written = (letters / name).read_bytes()
    lines = name.endswith(("json", "jsonl"))
    assert (written[:1] == b"{") == lines
    assert written == run("decode", "y.npy", "-f", "jsonl" if lines else "text").out


def test_a_suffix_of_another_format_is_refused(run, letters):
    ran = run("decode", "y.npy", "-o", "out.csv")
    assert ran.err.endswith("Error: -o out.csv: decode writes text or JSON Lines: -f text, -f jsonl\n")
    assert (ran.code, ran.out, (letters / "out.csv").exists()) == (2, b"", False)
    assert run("decode", "y.npy", "-o", "out.csv", "-f", "text").code == 0


def test_a_fault_after_the_first_samples_leaves_no_file(run, letters):
    (letters / "y.jsonl").write_text("[[0.25, 0.75]]\n[[0.25, 0.75]]\n[[0.25, 0.25]]\n")
    (letters / "out.txt").write_text("old")
    ran = run("decode", "y.jsonl", "-o", "out.txt")
    assert ran.err == (
        "Error: y.jsonl: not distributions: expected rows of the last axis that sum to 1, "
        "found a sum of 0.5 at [2][0]\n"
        f"Hint: {HOLDS}\n"
    )
    assert (ran.code, (letters / "out.txt").read_text()) == (2, "old")
    assert sorted(path.name for path in letters.iterdir()) == sorted(
        ["letters.txt", "same.json", "y.npy", "y.jsonl", "out.txt"]
    )


# --- streams --------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_first_line_is_there_before_the_input_ends(letters, threads):
    command = [sys.executable, "-m", "dense_cli", "decode", "-w", "same.json", "--labels", "letters.txt"]
    command += [
        "--input-format",
        "jsonl",
        "--threads",
        threads,
    ]  # of one nested list, JSON would be as likely
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for sample, line in (([1, 2], b"a b\n"), ([3], b"$\n"), ([0, 0, 1], b"_ _ a\n")):
            process.stdin.write(json.dumps(np.eye(4)[sample].tolist()).encode() + b"\n")
            process.stdin.flush()
            assert select.select([process.stdout], [], [], 60)[0], "nothing came while the input was open"
            assert process.stdout.readline() == line
        process.stdin.close()
        assert process.stdout.read() == b""
    assert process.returncode == 0


# --- errors: one line, exit 2, nothing on standard output -----------------------------------------------


@pytest.mark.parametrize("labels", [[], ["--labels", "letters.txt"], ["--labels", "by_id.json"]])
def test_a_class_is_named_by_its_number_after_a_hash(run, letters, labels):
    (letters / "by_id.json").write_text('{"a": 1, "b": 2, "$": 3}')
    ran = run("decode", "y.npy", *labels, "--ctc", "#0", "--eos", "#3", "--join", "")
    assert (ran.code, ran.err) == (0, "")
    assert ran.text == ("112\n22\n" if not labels else "aab\nbb\n")


@pytest.mark.parametrize(
    ("label", "text", "note"),
    [
        ("0", "_ a $\n$ _\n", "--ctc 0: taken as the label of class 2, not as class 0, which is '#0'"),
        ("#0", "a 0 $\n0 $ 0\n", None),
        ("#2", "_ a $\n$ _\n", None),
    ],
)
def test_a_label_that_looks_like_the_number_of_another_class_is_told(run, here, label, text, note):
    y = np.eye(4)[[[0, 1, 2, 3], [2, 3, 2, 0]]]
    np.save("y.npy", y)
    (here / "names.txt").write_text("_\na\n0\n$\n")
    ran = run("decode", "y.npy", "--labels", "names.txt", "--ctc", label)
    assert ran.err == (f"Note: {note}\n" if note else "")
    assert ran.text == text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--labels", "letters.txt", "--eos", "c"],
            "--eos: no label 'c' in letters.txt; known are _, a, b, $",
        ),
        (
            ["--labels", "twice.txt", "--ctc", "a"],
            "--ctc: 2 classes are labelled 'a' in twice.txt: expected one, found 1 and 3",
        ),
        (["--eos", "$"], "--eos: expected a class number below 4 (there are no --labels), found '$'"),
        (["--ctc", "4"], "--ctc: expected a class number below 4 (there are no --labels), found '4'"),
        (["--pad", "-1"], "--pad: expected a class number below 4 (there are no --labels), found '-1'"),
        (["--eos", "#4"], "--eos: expected a class number below 4 (there are no --labels), found '#4'"),
        (
            ["--labels", "letters.txt", "--eos", "#4"],
            "--eos: expected a class number below 4 (letters.txt has no such label), found '#4'",
        ),
        (
            ["--labels", "letters.txt", "--ctc", "0"],
            "--ctc: no label '0' in letters.txt; known are _, a, b, $\n"
            "Hint: --ctc '#0' names the class by its number",
        ),
        (["--labels", "two.txt"], "two.txt: expected 4, one for each class, found 2 labels"),
        (
            ["--labels", "three.txt"],
            "three.txt: expected 4, one for each class, found 3 labels\n"
            "Hint: often a CTC blank, a space or padding has no line: give it one where it stands, or name "
            "the classes in a JSON object by number",
        ),
        (["--labels", "none.txt"], "none.txt: No such file or directory"),
        (["--lengths", "n.json"], "lengths: expected shape (2,), found (3,)"),
        (["--lengths", "n.json", "--mask", "n.json"], None),
    ],
)
def test_an_option_that_does_not_fit_is_told_why(run, letters, options, message):
    (letters / "two.txt").write_text("a\nb\n")
    (letters / "three.txt").write_text("a\nb\n$\n")
    (letters / "twice.txt").write_text("_\na\nb\na\n")
    (letters / "n.json").write_text("[1, 2, 3]")
    ran = run("decode", "y.npy", *options)
    if message is None:
        assert ran.err.endswith("Error: expected one of --lengths, --mask and --mask-value\n")
    else:
        assert ran.err == f"Error: {message}\n"
    assert (ran.code, ran.out) == (2, b"")


def test_a_label_that_is_not_among_thousands_is_told_how_many_there_are(run, here):
    (here / "l.txt").write_text("\n".join(f"t{i}" for i in range(3000)))
    np.save(here / "y.npy", np.full((1, 2, 3000), 1 / 3000))
    ran = run("decode", "y.npy", "--labels", "l.txt", "--eos", "[SEP]")
    assert ran == (b"", "Error: --eos: no label '[SEP]' in l.txt; there are 3000 labels\n", 2)


def test_input_that_is_no_distribution_is_told_how_to_run_a_layer(run, letters):
    np.save(letters / "x.npy", np.ones((2, 3, 4)))
    ran = run("decode", "x.npy")
    assert ran.err == (
        "Error: x.npy: not distributions: expected rows of the last axis that sum to 1, "
        "found a sum of 4 at [0][0]\n"
        f"Hint: {HOLDS}\n"
    )
    assert (ran.code, ran.out) == (2, b"")


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh"])
def test_a_confidence_needs_probabilities_and_text_does_not(run, letters, activation):
    args = ["decode", "y.npy", "-w", "same.json", "-a", activation]
    ran = run(*args, "-f", "jsonl")
    assert ran.err == (
        "Error: -f jsonl: a confidence is a probability: expected activation softmax or sigmoid, "
        f"found {activation}\nHint: of logits, -a softmax makes probabilities; the classes stay the same\n"
    )
    assert (ran.code, ran.out) == (2, b"")
    assert run(*args) == (b"1 1 0 1 2 3\n2 0 0 2 3 1\n", "", 0)


def test_the_likeliest_classes_alone_are_not_enough(run, letters):
    for format in ("json", "jsonl"):
        printed = run("predict", "y.npy", "-w", "same.json", "-k", "2", "-f", format).out
        ran = run("decode", "-", stdin=printed)
        assert "holds only the likeliest classes (-k), not all probabilities" in ran.err
        assert (ran.code, ran.out) == (2, b"")


def test_outputs_of_rank_four_decode_the_same_in_either_order(run, here):
    x = np.random.default_rng(0).standard_normal((2, 3, 2, 4)).astype(np.float32)
    np.save(here / "x.npy", x)
    by_sample = run("decode", stdin=run("predict", "x.npy", "-u", 3, "-f", "jsonl").out)
    by_step = run("decode", stdin=run("slice", "x.npy", "-u", 3, "-f", "jsonl").out)
    assert by_sample.text == run("decode", "x.npy", "-u", 3).text
    assert by_step.text == by_sample.text
    assert len(by_step.text.splitlines()) == 2


def test_a_sample_that_spans_chunks_of_a_pipe_is_kept_whole_by_batch(run, here):
    # 300,000 rows of 8 bytes are more than one chunk; the wanted sample ends in a later one.
    x = np.zeros((2, 150_000, 2), np.float32)
    buffer = io.BytesIO()
    np.save(buffer, x)
    done = run("predict", "-u", 2, "-b", ":1", "--show", "classes", "-f", "csv", stdin=buffer.getvalue())
    assert len(done.text.splitlines()) == 1 + 150_000


def test_measures_stand_in_json_lines_for_every_step_that_counts(run, here):
    # Steps of two classes p, 1 - p; the third comes after the end.
    p = np.array([0.75, 0.5, 0.9])
    np.save(here / "y.npy", np.stack([p, 1 - p], axis=1)[None])
    every = [
        word for name in ("confidence", "margin", "entropy", "perplexity") for word in ("--measure", name)
    ]
    (line,) = run(
        "decode", "y.npy", "-f", "jsonl", *every, "--lengths", write_lengths(here, [2])
    ).out.splitlines()
    found = json.loads(line)
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p))[:2]
    assert found["classes"] == [0, 0]
    assert found["confidence"] == [0.75, 0.5]
    np.testing.assert_allclose(found["margin"], [0.5, 0.0], atol=1e-12)
    np.testing.assert_allclose(found["entropy"], entropy, rtol=1e-12)
    np.testing.assert_allclose(found["step_perplexity"], np.exp(entropy), rtol=1e-12)
    np.testing.assert_allclose(found["perplexity"], np.exp(-np.log([0.75, 0.5]).mean()), rtol=1e-12)


def write_lengths(folder, lengths):
    (folder / "lengths.json").write_text(json.dumps(lengths))
    return "lengths.json"


def test_measures_have_no_place_in_text(run, here):
    done = run("decode", "--measure", "entropy", stdin=b"[[0.5, 0.5]]")
    assert done.code == 2
    assert "Error: --measure needs -f jsonl: a line of text has no place for it\n" in done.err


@pytest.mark.parametrize("samples", [2049, 4100])
def test_samples_backwards_are_all_there(samples, run, here):
    steps = np.arange(samples)[:, None] + np.arange(2)
    np.save("y.npy", np.eye(7)[steps % 7])
    lines = [f"{i % 7} {(i + 1) % 7}" for i in reversed(range(samples))]
    assert run("decode", "y.npy", "-b", "::-1").text.splitlines() == lines
    found = [
        json.loads(line) for line in run("decode", "y.npy", "-b", "::-1", "-f", "jsonl").out.splitlines()
    ]
    assert [line["sample"] for line in found] == [*reversed(range(samples))]


def test_padded_steps_of_finished_outputs_need_not_be_distributions(run, here):
    np.save("y.npy", [[[0.25, 0.75], [0, 0]], [[0.5, 0.5], [0.75, 0.25]]])
    (here / "lengths.json").write_text("[1, 2]")
    (here / "mask.json").write_text("[[1, 0], [1, 1]]")
    for option in (["--mask-value", "0"], ["--lengths", "lengths.json"], ["--mask", "mask.json"]):
        assert run("decode", "y.npy", *option) == (b"1\n0 0\n", "", 0)
    # Nothing is set to zero where no layer runs, so a row that is called padding keeps its numbers.
    marked = run("slice", "y.npy", "--mask-value", "0.5", "-b", "1", "-f", "csv")
    assert marked == (b"sample,t,class,mask,p0,p1\n1,0,0,0,0.5,0.5\n1,1,0,1,0.75,0.25\n", "", 0)
    refused = run("decode", "y.npy")
    assert refused.code == 2
    assert "found a sum of 0 at [0][1]" in refused.err
