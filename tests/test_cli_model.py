"""A saved model on its own input: whole, up to a layer, with masks, with several inputs, in blocks."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SAMPLES

from dense_cli.models import load_model
from dense_cli.plan import Plan
from dense_cli.views.checks import NAMES, OF_MODELS

DATA = Path(__file__).parent / "data" / "models"
TRANSLATE, ENGLISH = SAMPLES / "translate.keras", DATA / "translate__input.npy"
Run = Callable[..., Any]


def array(out: bytes) -> np.ndarray:
    return np.load(BytesIO(out))


def given(name: str, folder: Path) -> list[str]:
    """Save the inputs of a model as NPY files, and return the arguments that name them."""
    inputs = np.load(DATA / f"{name}__inputs.npz")
    arguments = []
    for key in inputs.files:
        np.save(folder / f"{key}.npy", inputs[key])
        arguments += ["--input", f"{key}={folder / key}.npy"]
    return arguments if len(inputs.files) > 1 else [str(folder / f"{inputs.files[0]}.npy")]


@pytest.mark.parametrize(
    ("file", "until"),
    [
        ("bilstm_tagger.keras", None),
        ("bilstm_tagger_keras2.h5", None),
        ("course_gru.keras", None),
        ("lstm_seq2seq.keras", None),
        ("nested.keras", None),
        ("rnn_kinds.keras", "steps"),
        ("rnn_kinds.keras", "one"),
    ],
)
def test_a_model_gives_what_keras_gave(run: Run, tmp_path: Path, file: str, until: str | None) -> None:
    name = file.split(".")[0]
    asked = ["--until", until] if until else []
    ran = run("predict", *given(name, tmp_path), "-m", DATA / file, *asked, "-f", "npy")
    expected = np.load(DATA / f"{name}__output{int(until == 'one')}.npy")
    assert (ran.code, ran.err) == (0, "")
    np.testing.assert_allclose(array(ran.out), expected, rtol=1e-5, atol=1e-6)


def test_a_model_says_what_was_run(run: Run) -> None:
    ran = run("predict", ENGLISH, "-m", TRANSLATE, "-b", "0:2", "-k", "1")
    assert ran.text.splitlines()[:3] == [
        "TimeDistributed(Dense(30, activation='softmax'))  float32",
        f"kernel (96, 30) · bias (30,) · layer french of {TRANSLATE}",
        f"x = {ENGLISH} (2, 5, 32) → y (2, 6, 30)",
    ]
    found = json.loads(run("predict", ENGLISH, "-m", TRANSLATE, "-b", "0:2", "-f", "json").text)
    assert found["layer"] == {
        "name": "TimeDistributed(Dense)",
        "units": 30,
        "activation": "softmax",
        "use_bias": True,
        "dtype": "float32",
        "model": {"file": str(TRANSLATE), "until": "french"},
    }
    assert (found["input_shape"], found["shape"]) == ([2, 5, 32], [2, 6, 30])


def test_sentences_are_decoded(run: Run) -> None:
    words = json.loads((SAMPLES / "french.json").read_text())
    labels = [word for word, _ in sorted(words.items(), key=lambda item: item[1])]
    Path("french.txt").write_text("\n".join(["_", *labels]))
    ran = run("decode", ENGLISH, "-m", TRANSLATE, "--labels", "french.txt", "--eos", "eos")
    assert ran.text == (DATA / "translate__predicted.txt").read_text()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("until", ["encoder__0", "encoder__1", "repeat_vector", "decoder"])
def test_any_layer_shows_its_values_without_a_class(run: Run, until: str) -> None:
    (x,) = given("course_gru", Path.cwd())
    ran = run("predict", x, "-m", DATA / "course_gru.keras", "--until", until, "-f", "json")
    found = json.loads(ran.text)
    with np.load(DATA / "course_gru__layers.npz") as layers:
        np.testing.assert_allclose(found["values"], layers[until], rtol=1e-5, atol=1e-6)
    assert ("classes" in found, ran.err) == (False, "")


def test_values_are_written_in_every_format(run: Run) -> None:
    arguments = [ENGLISH, "-m", TRANSLATE, "--until", "decoder", "-b", "3"]
    whole = array(run("predict", *arguments, "-f", "npy").out)
    assert whole.shape == (1, 6, 96)
    lines = [json.loads(line) for line in run("predict", *arguments, "-f", "jsonl").text.splitlines()]
    assert [sorted(line) for line in lines] == [["sample", "t", "values"]] * 6
    np.testing.assert_array_equal(np.array([line["values"] for line in lines], "f4"), whole[0])
    rows = [row.split(",") for row in run("predict", *arguments, "-f", "csv").text.splitlines()]
    assert rows[0][:4] == ["sample", "t", "v0", "v1"]
    np.testing.assert_array_equal(np.array(rows[1:], "f8")[:, 2:].astype("f4"), whole[0])
    assert sorted(np.load(BytesIO(run("predict", *arguments, "-f", "npz").out)).files) == ["values"]
    table = run("predict", *arguments).text.splitlines()
    assert table[0] == f"layer decoder of {TRANSLATE}"
    assert table[-1] == "1 sample, 6 steps, 96 values"


def test_samples_keep_their_numbers_and_steps_are_sliced(run: Run) -> None:
    expected = np.load(DATA / "translate__output0.npy")
    picked = array(run("predict", ENGLISH, "-m", TRANSLATE, "-b", "::-7", "-f", "npy").out)
    np.testing.assert_allclose(picked, expected[::-7], atol=1e-6)
    lines = run("predict", ENGLISH, "-m", TRANSLATE, "-b", "17", "--show", "classes", "-f", "jsonl").text
    assert [json.loads(line)["sample"] for line in lines.splitlines()] == [17] * 6
    steps = array(run("slice", ENGLISH, "-m", TRANSLATE, "-t", "-1", "-f", "npy").out)
    np.testing.assert_allclose(steps, expected[:, -1], atol=1e-6)


def test_a_pipe_of_lines_gives_the_bytes_of_the_file(run: Run) -> None:
    lines = b"".join(json.dumps(sample.tolist()).encode() + b"\n" for sample in np.load(ENGLISH))
    piped = run("predict", "-", "--input-format", "jsonl", "-m", TRANSLATE, "-f", "jsonl", stdin=lines)
    assert piped.out == run("predict", ENGLISH, "-m", TRANSLATE, "-f", "jsonl").out


def test_the_mask_of_the_model_is_the_mask_of_the_output(run: Run) -> None:
    (ids,) = given("bilstm_tagger", Path.cwd())
    model = load_model(DATA / "bilstm_tagger.keras")
    found = json.loads(run("predict", ids, "-m", DATA / "bilstm_tagger.keras", "-f", "json").text)
    assert found["mask"] == (np.load(ids) != 0).tolist()
    assert not all(map(all, found["mask"]))
    assert model.layers[1].mask_zero


def test_targets_and_measures_are_those_of_any_head(run: Run) -> None:
    expected = np.load(DATA / "translate__output0.npy")
    np.save("right.npy", expected.argmax(axis=-1))
    found = json.loads(
        run(
            "predict", ENGLISH, "-m", TRANSLATE, "--targets", "right.npy", "--measure", "margin", "-f", "json"
        ).text
    )
    assert (found["summary"]["accuracy"], found["summary"]["targets"]) == (1.0, 120)
    two = np.sort(expected, axis=-1)[..., -2:]
    np.testing.assert_allclose(found["margin"], two[..., 1] - two[..., 0], atol=1e-6)


def test_a_container_holds_the_inputs_by_name(run: Run) -> None:
    inputs = DATA / "lstm_seq2seq__inputs.npz"
    ran = run("predict", inputs, "-m", DATA / "lstm_seq2seq.keras", "-f", "npy")
    np.testing.assert_allclose(array(ran.out), np.load(DATA / "lstm_seq2seq__output0.npy"), atol=1e-6)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "predict x.npy -m translate.keras",
            "x.npy: shape (20, 4, 32) does not fit the model's input 'english': expected (batch, 5, 32)",
        ),
        (
            "predict one.npy -m translate.keras",
            "one.npy: shape (5, 32) does not fit the model's input 'english': expected (batch, 5, 32)\n"
            "Hint: one sample stands in brackets of its own: a batch of one",
        ),
        (
            "predict x.npy -m translate.keras --until decodr",
            "translate.keras: no layer 'decodr'; did you mean 'decoder' or 'encoder'?",
        ),
        (
            "predict x.npy -m translate.keras --until encoder",
            "translate.keras: layer 'encoder' gives 2 arrays: expected encoder__0, encoder__1",
        ),
        (
            "predict x.npy -m rnn_kinds.keras",
            "rnn_kinds.keras: 2 outputs, and none is named: expected one of steps, one\n"
            "Hint: name one with --until",
        ),
        (
            "predict x.npy -m two.keras --until cls",
            "two.keras: the model has 2 inputs, left, right, and x.npy holds one array\n"
            "Hint: an NPZ or a JSON object has them by name, or --input NAME=FILE each",
        ),
        (
            "predict --input french=x.npy -m translate.keras",
            "translate.keras: expected the inputs english, found french",
        ),
    ],
)
def test_what_does_not_fit_the_model_is_named(run: Run, line: str, message: str) -> None:
    np.save("x.npy", np.zeros((20, 4, 32), "f4"))
    np.save("one.npy", np.zeros((5, 32), "f4"))
    Path("translate.keras").symlink_to(TRANSLATE)
    Path("rnn_kinds.keras").symlink_to(DATA / "rnn_kinds.keras")
    Path("two.keras").symlink_to(DATA / "onnx" / "two.keras")
    ran = run(*line.split())
    assert (ran.code, ran.out, ran.err) == (2, b"", f"Error: {message}\n")


def test_an_input_of_the_model_for_a_head_is_told_so_and_the_other_way_round(run: Run) -> None:
    Path("translate.keras").symlink_to(TRANSLATE)
    np.save("english.npy", np.load(ENGLISH))
    states = array(run("predict", "english.npy", "-m", TRANSLATE, "--until", "decoder", "-f", "npy").out)
    np.save("states.npy", states)
    for command in ("predict", "slice", "decode", "check"):
        ran = run(command, "english.npy", "-w", "translate.keras")
        assert (ran.code, ran.out, ran.err.splitlines()[1:]) == (
            2,
            b"",
            ["Hint: english.npy (20, 5, 32) fits the model's input 'english': use -m"],
        )
        ran = run(command, "states.npy", "-m", "translate.keras")
        assert (ran.code, ran.out, ran.err.splitlines()[1:]) == (
            2,
            b"",
            ["Hint: states.npy (20, 6, 96) fits the model's head 'french': use -w"],
        )
    np.save("neither.npy", np.zeros((20, 5, 31), "f4"))
    for option in ("-w", "-m"):
        assert "Hint" not in run("predict", "neither.npy", option, "translate.keras").err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "predict x.npy -m m.keras -u 3",
            "expected one of --units or --weights, --model, --logits and --scores: what INPUT holds",
        ),
        ("predict x.npy -m m.keras -s 3", "--seed is about a layer: --model brings its own layers"),
        (
            "predict x.npy -m m.keras --mask-value 0",
            "--mask-value is about the input of a layer: a model has its own Masking",
        ),
        ("predict x.npy --until a", "--until is about a model: it needs --model FILE"),
        ("predict x.npy --input a=b -m m.keras", "expected INPUT or --input NAME=FILE, found both"),
        (
            f"predict {ENGLISH} -m {TRANSLATE} --until decoder -k 3",
            "layer 'decoder' gives no classes: nothing of classes can be asked of it",
        ),
    ],
)
def test_options_that_contradict_the_model_are_wrong_usage(run: Run, line: str, message: str) -> None:
    ran = run(*line.split())
    assert (ran.code, ran.err.splitlines()[-1]) == (2, f"Error: {message}")


def test_check_looks_at_what_a_model_puts_out(run: Run) -> None:
    ran = run("check", ENGLISH, "-m", TRANSLATE, "-f", "json")
    found = json.loads(ran.text)
    assert (ran.code, found["shape"], found["findings"]) == (0, [20, 6, 30], [])
    inner = run("check", ENGLISH, "-m", TRANSLATE, "--until", "decoder", "-f", "json")
    assert (inner.code, json.loads(inner.text)["checks"]) == (
        0,
        ["finite", "never-chosen", "constant", "padding", *sorted(OF_MODELS, key=NAMES.index)],
    )
    assert inner.err == (
        "Note: layer decoder gives no distributions: what only holds for them is not checked\n"
    )


def test_a_plan_runs_a_model_on_an_array() -> None:
    (result,) = Plan(np.load(ENGLISH)[:2], model=str(TRANSLATE)).run()
    expected = np.load(DATA / "translate__output0.npy")[:2].reshape(12, 30)
    np.testing.assert_allclose(result.arrays["probabilities"], expected, atol=1e-6)


def test_blocks_in_threads_come_in_order_with_the_same_digits(run: Run, tmp_path: Path) -> None:
    x = np.tile(np.load(ENGLISH), (-(-900 // len(np.load(ENGLISH))), 1, 1))[:900]
    np.save(tmp_path / "x.npy", x)
    one, three = (
        run("predict", tmp_path / "x.npy", "-m", TRANSLATE, "-f", "npy", "--threads", n) for n in (1, 3)
    )
    assert (one.code, one.err, three.code, three.err) == (0, "", 0, "")
    assert one.out == three.out
    np.testing.assert_allclose(array(three.out), load_model(TRANSLATE).predict(x), rtol=1e-5, atol=1e-6)


def test_an_error_comes_after_the_samples_before_it_in_threads_too(run: Run, tmp_path: Path) -> None:
    sample = json.dumps(np.load(ENGLISH)[0].tolist())
    (tmp_path / "x.jsonl").write_text(f"{sample}\n" * 900 + "[[1]]\n")
    given = ("predict", tmp_path / "x.jsonl", "-m", TRANSLATE, "-f", "jsonl", "--show", "classes")
    one, three = (run(*given, "--threads", n) for n in (1, 3))
    assert one.code == three.code == 2
    assert len(one.text.splitlines()) == 899 * 6  # of the last sample nothing says that it is whole
    assert (one.text, one.err) == (three.text, three.err)
