"""Samples and steps that are picked from streams, and inputs whose shape holds nothing: what is said fits."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run

LINEAR = ["--kernel-initializer", "identity", "-a", "linear"]
RAGGED = b"[[1,2],[3,4],[5,6]]\n[[7,8]]\n"
LONGER = b"[[1,2],[3,4],[5,6]]\n[[7,8],[9,10],[11,12],[13,14]]\n"


def array(ran: Any) -> Any:
    assert ran.code == 0, ran.err
    return np.load(io.BytesIO(ran.out)).tolist()


def claim(name: str, shape: str) -> None:
    """Write an NPY header that claims a shape, and nothing else."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    Path(name).write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text)


def test_json_of_samples_picked_from_a_stream_has_their_shape(run: Run) -> None:
    lines = b"[1,2]\n[3,4]\n[5,6]\n"
    found = json.loads(run("predict", "-u", 2, *LINEAR, "-b", "1:", "-f", "json", stdin=lines).out)
    assert (found["input_shape"], found["shape"]) == ([2, 2], [2, 2])
    assert found["probabilities"] == [[3, 4], [5, 6]]
    found = json.loads(run("predict", "-u", 2, *LINEAR, "-b", "1:", "-f", "json", stdin=LONGER).out)
    assert (found["shape"], found["probabilities"]) == ([1, 4, 2], [[[7, 8], [9, 10], [11, 12], [13, 14]]])


@pytest.mark.parametrize("batch", [-5, 5, 10**20, -(10**20)])
def test_a_sample_that_a_stream_does_not_have_is_an_error(batch: int, run: Run) -> None:
    steps = b'{"sample":0,"t":0,"probabilities":[0.5,0.5]}\n'
    for args, stdin in (
        (["predict", "-u", 2], b"[1,2]\n[3,4]\n"),
        (["slice"], steps),
        (["decode"], steps),
        (["check"], steps),
    ):
        ran = run(*args, "-b", batch, "--input-format", "jsonl", stdin=stdin)
        assert (ran.err, ran.code) == (f"Error: standard input: sample {batch} is out of range\n", 2)


def test_an_array_of_a_step_holds_the_samples_that_have_it(run: Run) -> None:
    assert array(run("slice", "-u", 2, *LINEAR, "-t", 1, "-f", "npy", stdin=RAGGED)) == [[3, 4]]
    assert array(run("slice", "-u", 2, *LINEAR, "-t", 0, "-f", "npy", stdin=RAGGED)) == [[1, 2], [7, 8]]


def test_a_step_counted_from_the_end_is_each_samples_own(run: Run) -> None:
    args = ["slice", "-u", 2, *LINEAR, "--show", "logits"]
    assert array(run(*args, "-t", -1, "-f", "npy", stdin=RAGGED)) == [[5, 6], [7, 8]]
    assert array(run(*args, "-t", -2, "-f", "npy", stdin=RAGGED)) == [[3, 4]]
    lines = [json.loads(line) for line in run(*args, "-t", -1, "-f", "jsonl", stdin=RAGGED).out.splitlines()]
    assert [(line["sample"], line["t"], line["logits"]) for line in lines] == [(0, 2, [5, 6]), (1, 0, [7, 8])]
    found = json.loads(run(*args, "-t", -1, "-f", "json", stdin=RAGGED).out)
    assert (found["shape"], found["steps"][0]["t"]) == ([2, 1, 2], -1)
    ran = run(*args, "-t", -4, "-f", "npy", stdin=RAGGED)
    assert (ran.err, ran.code) == (
        "Error: standard input: time step -4 is out of range: there are 3 (0 to 2)\n",
        2,
    )
    ran = run(*args, "-t", ":-1", "-f", "npy", stdin=RAGGED)
    message = "standard input: samples differ in time steps, so a slice cannot count from the end"
    assert (ran.err, ran.code) == (f"Error: {message}\nHint: -t -1 is each sample's own last step\n", 2)


def test_an_array_of_steps_that_all_samples_have_is_written(run: Run) -> None:
    first, second = (json.loads(line) for line in LONGER.splitlines())
    ran = run("slice", "-u", 2, *LINEAR, "-t", "1:2", "-f", "npy", stdin=LONGER)
    assert array(ran) == [[first[1]], [second[1]]]
    ran = run("slice", "-u", 2, *LINEAR, "-t", 0, "-t", 2, "-f", "npy", stdin=LONGER)
    assert array(ran) == [[first[0], first[2]], [second[0], second[2]]]
    ran = run("slice", "-u", 2, *LINEAR, "-b", "::-1", "-t", 0, "-f", "npy", stdin=LONGER)
    assert array(ran) == [second[0], first[0]]
    ran = run("slice", "-u", 2, *LINEAR, "-b", "::-1", "-f", "npz", stdin=RAGGED)
    assert ran.code == 2
    assert "an array needs samples of one shape" in ran.err


@pytest.mark.parametrize("option", ["--targets", "--mask"])
def test_more_targets_or_masks_than_a_stream_has_samples_are_an_error(
    option: str, run: Run, here: Path
) -> None:
    Path("more.json").write_text("[[0, 1], [1, 0], [1, 1]]")
    ran = run("predict", "-u", 2, option, "more.json", "-f", "csv", stdin=b"[[1,2],[3,4]]\n[[5,6],[7,8]]\n")
    message = f"{option[2:]}: expected one row for each of the 2 samples of standard input, found 3"
    assert (ran.err.splitlines()[-1], ran.code) == (f"Error: {message}", 2)


@pytest.mark.parametrize("format", ["table", "json", "jsonl", "csv", "npy", "npz", "markdown"])
def test_of_no_samples_no_steps_are_told_however_many_they_claim_to_have(
    format: str, run: Run, here: Path
) -> None:
    claim("x.npy", f"(0, {10**9}, 3)")
    for args in (["slice", "-u", 3], ["slice", "-u", 3, "-t", "5:"], ["slice"], ["predict", "-u", 3]):
        ran = run(*args, "x.npy", "-f", format)
        assert (ran.err, ran.code, len(ran.out) < 1000) == ("", 0, True)
    steps = run("slice", "x.npy", "-f", "json")
    assert json.loads(steps.out) == {"layer": None, "shape": [0, 10**9, 3], "steps": []}


def test_no_steps_of_many_samples_are_an_empty_list(run: Run, here: Path) -> None:
    claim("x.npy", f"({10**9}, 0, 3)")
    found = json.loads(run("predict", "x.npy", "-u", 2, "-l", "dense", "-f", "json").out)
    assert (found["shape"], found["probabilities"], found["classes"]) == ([10**9, 0, 2], [], [])


@pytest.mark.parametrize("command", ["info", "check", "decode", "slice"])
def test_rows_too_wide_to_be_held_are_refused_unless_memory_allows_them(
    command: str, run: Run, here: Path
) -> None:
    claim("x.npy", f"(0, 5, {10**9})")
    ran = run(command, "x.npy")
    message = "x.npy: a row of 1000000000 numbers would take 64000000000 bytes (59.6 GiB), more than 4 GiB"
    assert (ran.err, ran.code) == (f"Error: {message}\nHint: --memory SIZE allows more\n", 2)
    if command in ("decode", "slice"):
        assert run(command, "x.npy", "--memory", "60G").code == 0


@pytest.mark.parametrize("extra", [[], ["--no-bias"]])
def test_units_of_one_feature_are_bounded_too(extra: list[str], run: Run, here: Path) -> None:
    Path("one.json").write_text("[[1], [2]]")
    for args in (["predict", "one.json"], ["init", "-i", 1]):
        ran = run(*args, "-u", 10**9, *extra)
        assert ran.code == 2
        assert ran.err.startswith(
            "Error: --units 1000000000: a row of as many classes would take 64000000000 "
        )


def test_glu_has_a_class_for_two_units(run: Run) -> None:
    # a · sigmoid(b) of [1, 2, 0, 0]: sigmoid(0) is a half.
    args = ["predict", "-u", 4, "--kernel-initializer", "identity", "-a", "glu"]
    assert run(*args, "-f", "csv", stdin=b"[1,2,0,0]\n").out == b"sample,class,p0,p1\n0,1,0.5,1.0\n"
    assert array(run(*args, "-f", "npy", stdin=b"[1,2,0,0]\n")) == [[0.5, 1.0]]
    found = json.loads(run(*args, "-f", "json", stdin=b"[1,2,0,0]\n").out)
    assert (found["shape"], found["layer"]["units"]) == ([1, 2], 4)
    ran = run(*args, "--show", "logits", stdin=b"[1,2,0,0]\n")
    assert (ran.err, ran.code) == ("Error: --show logits: glu has not a class for each logit\n", 2)


def test_a_mask_value_is_of_the_layers_dtype(run: Run) -> None:
    # 0.1 is another number in float16 than in float32; Keras compares in the layer's.
    for dtype in ("float16", "float32", "float64"):
        args = ["predict", "-u", 2, "--mask-value", 0.1, "--dtype", dtype, "-f", "csv", "--show", "classes"]
        ran = run(*args, stdin=b"[[[0.1,0.1],[1,2]]]")
        assert [line.split(b",")[3] for line in ran.out.splitlines()[1:]] == [b"0", b"1"]


def test_finished_outputs_have_no_logits(run: Run) -> None:
    ran = run("slice", "--show", "logits", stdin=b"[[[0.5, 0.5]]]")
    assert ran.code == 2
    assert "--show logits: INPUT holds finished outputs, not logits or the input of a layer" in ran.err


def test_steps_of_logits_are_read_back(run: Run, here: Path) -> None:
    run("slice", "-u", 2, *LINEAR, "--show", "logits", "-o", "l.json", stdin=b"[[[1,2],[3,4]],[[5,6],[7,8]]]")
    found = json.loads(run("compare", "l.json", "l.json", "--logits", "-f", "json").out)
    assert (found["a"]["shape"], found["within"]) == ([2, 2, 2], True)


def test_classes_with_null_are_compared(run: Run, here: Path) -> None:
    for name in ("a.json", "b.json"):
        run("predict", "-u", 2, *LINEAR, "-o", name, stdin=b"1,nan\n3,4\n")
    found = json.loads(run("compare", "a.json", "b.json", "--classes", "-f", "json").out)
    assert (found["rows"], found["flips"]) == (2, 0)


def test_printed_outputs_of_no_samples_are_named_as_such(run: Run, here: Path) -> None:
    claim("x.npy", "(0, 3)")
    assert run("predict", "x.npy", "-u", 2, "-o", "y.json").code == 0
    ran = run("info", "y.json")
    assert (ran.err, ran.code) == ("Error: y.json[probabilities]: no samples: the list is empty\n", 2)


X4 = [[[n, t] for t in range(2)] for n in range(4)]
FORMATS = ["x.npy", "x.jsonl", "-"]


@pytest.fixture
def four(here: Path) -> None:
    """Four samples of two steps in every form, with lengths, a mask and targets of their own."""
    np.save("x.npy", np.array(X4, np.float64))
    Path("x.jsonl").write_text("".join(json.dumps(sample) + "\n" for sample in X4))
    Path("lengths.json").write_text("[2, 1, 0, 1]")
    Path("mask.json").write_text("[[1, 1], [1, 0], [0, 1], [0, 0]]")
    Path("targets.json").write_text("[[0, 1], [1, 1], [0, 0], [1, 0]]")


@pytest.mark.parametrize("format", ["csv", "json"])
@pytest.mark.parametrize(
    "options",
    [["--lengths", "lengths.json"], ["--mask", "mask.json"], ["--targets", "targets.json"], ["-k", 1]],
    ids=lambda options: options[0],
)
@pytest.mark.parametrize("command", [["slice"], ["slice", "-t", "1"], ["slice", "-t", "::-1"], ["predict"]])
def test_samples_picked_of_a_stream_are_those_of_a_file(
    command: list[str], options: list[Any], format: str, four: None, run: Run
) -> None:
    piped = Path("x.npy").read_bytes()
    for batch in ("3", "1::2", "-1", "::-1"):
        args = ["-u", 2, "-b", batch, *options, "-f", format]
        wanted = run(*command, "x.npy", *args)
        assert wanted.code == 0
        for name, piece in (("x.jsonl", 1), ("-", 60), ("-", 1 << 16)):
            found = run(*command, name, *args, stdin=piped, piece=piece)
            assert found == wanted, (name, batch)


def test_a_sample_picked_has_its_own_number_lengths_and_targets(four: None, run: Run) -> None:
    args = ["slice", "-u", 2, *LINEAR, "-b", 3, "--targets", "targets.json", "--lengths", "lengths.json"]
    lines = "sample,t,class,mask,rank,loss,p0,p1\n"
    for name in FORMATS:
        ran = run(*args[:1], name, *args[1:], "-a", "softmax", "-f", "csv", stdin=Path("x.npy").read_bytes())
        assert ran.text.startswith(lines)
        assert [line.split(",")[:5] for line in ran.text.splitlines()[1:]] == [
            ["3", "0", "0", "1", "2"],
            ["3", "1", "0", "0", ""],
        ]


def outputs(places: list[tuple[int, int]]) -> bytes:
    """Lines of finished outputs of which each is certain of the class 10 · sample + t."""
    return b"".join(
        b'{"sample":%d,"t":%d,"probabilities":%s,"class":%d}\n'
        % (n, t, json.dumps(np.eye(40)[10 * n + t].tolist()).encode(), 10 * n + t)
        for n, t in places
    )


def classes_of(ran: Any) -> list[tuple[int, int, int]]:
    assert ran.code == 0, ran.err
    lines = [json.loads(line) for line in ran.out.splitlines()]
    return [(line["sample"], line["t"], line["class"]) for line in lines]


BY_SAMPLE = [(n, t) for n in (2, 3) for t in (1, 2)]
BY_STEP = [(n, t) for t in (1, 2) for n in (2, 3)]


@pytest.mark.parametrize("places", [BY_SAMPLE, BY_STEP], ids=["by sample", "by step"])
@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], BY_STEP),
        (["-t", 1], [(2, 1), (3, 1)]),
        (["-t", "1:2"], [(2, 1), (3, 1)]),
        (["-t", "2:"], [(2, 2), (3, 2)]),
        (["-t", -1], [(2, 2), (3, 2)]),
        (["-t", "::-1"], [(2, 2), (3, 2), (2, 1), (3, 1)]),
        (["-b", 3], [(3, 1), (3, 2)]),
        (["-b", "3:"], [(3, 1), (3, 2)]),
        (["-b", "-1"], [(3, 1), (3, 2)]),
        (["-b", "-2:-1", "-t", "1:"], [(2, 1), (2, 2)]),
        (["-b", "::-1", "-t", 2], [(3, 2), (2, 2)]),
    ],
    ids=str,
)
def test_finished_outputs_keep_the_numbers_they_state(
    options: list[Any], found: list[tuple[int, int]], places: list[tuple[int, int]], run: Run
) -> None:
    ran = run("slice", *options, "-f", "jsonl", stdin=outputs(places))
    assert classes_of(ran) == [(n, t, 10 * n + t) for n, t in found]


@pytest.mark.parametrize("places", [BY_SAMPLE, BY_STEP], ids=["by sample", "by step"])
def test_masks_and_targets_of_finished_outputs_are_those_of_the_numbers_they_state(
    places: list[tuple[int, int]], run: Run, here: Path
) -> None:
    Path("lengths.json").write_text("[0, 0, 2, 3]")
    Path("targets.json").write_text(str([[10 * n + t for t in range(3)] for n in range(4)]))
    ran = run("decode", "--lengths", "lengths.json", stdin=outputs(places))
    assert ran.text == "21\n31 32\n"
    for step in ([], ["-t", 1], ["-t", "1:"]):
        ran = run("slice", "--targets", "targets.json", *step, "-f", "json", stdin=outputs(places))
        assert json.loads(ran.out)["summary"]["accuracy"] == 1


def test_steps_of_a_json_document_keep_their_numbers(run: Run) -> None:
    def document(*steps: int) -> bytes:
        found = [{"t": t, "probabilities": np.eye(40)[[t, 10 + t]].tolist()} for t in steps]
        return json.dumps({"layer": None, "shape": [2, len(steps), 40], "steps": found}).encode()

    ran = run("slice", "-f", "jsonl", "-t", 2, stdin=document(2, 1))
    assert classes_of(ran) == [(0, 2, 2), (1, 2, 12)]
    assert run("decode", stdin=document(2, 1)).text == "1 2\n11 12\n"
    ran = run("slice", "-t", 0, stdin=document(2, 1))
    assert (ran.err, ran.code) == (
        "Error: standard input: time step 0 is out of range: there are 1, 2\n",
        2,
    )
    ran = run("decode", stdin=document(1, 1))
    assert (ran.err, ran.code) == ("Error: standard input: expected each step once, found t 1 twice\n", 2)
    # The last step of samples that differ in length has no number of its own.
    assert run("decode", stdin=document(-1)).text == "39\n9\n"


@pytest.mark.parametrize("piece", [1, 1 << 16])
def test_steps_are_decoded_in_their_order_whatever_that_of_the_lines(piece: int, run: Run) -> None:
    for places, text in (
        ([(0, 1), (0, 0)], "0 1\n"),
        ([(1, 2), (1, 0), (0, 3), (0, 1)], "10 12\n1 3\n"),
        ([(3, 0), (3, 1), (2, 0), (2, 1)], "30 31\n20 21\n"),
        ([(1, 0), (0, 0), (1, 1), (0, 1)], "10 11\n0 1\n"),
    ):
        ran = run("decode", "--input-format", "jsonl", stdin=outputs(places), piece=piece)
        assert (ran.text, ran.err, ran.code) == (text, "", 0)


@pytest.mark.parametrize("piece", [1, 1 << 16])
@pytest.mark.parametrize(
    "command", [["decode"], ["slice"], ["slice", "-t", 0, "-f", "csv"], ["check"], ["info"]], ids=str
)
def test_a_row_that_comes_twice_is_refused(command: list[Any], piece: int, run: Run) -> None:
    for places in ([(0, 0), (0, 0)], [(0, 0), (0, 1), (0, 0)], [(0, 0), (1, 0), (0, 0), (1, 1)]):
        ran = run(*command, "-", "--input-format", "jsonl", stdin=outputs(places), piece=piece)
        message = "Error: standard input: expected each row once, found sample 0, t 0 twice\n"
        assert (ran.err, ran.code) == (message, 2)


@pytest.mark.parametrize("command", [["decode"], ["check"], ["info"]], ids=str)
def test_a_sample_that_comes_back_is_refused(command: list[Any], run: Run) -> None:
    ran = run(*command, "-", "--input-format", "jsonl", stdin=outputs([(0, 0), (0, 1), (1, 0), (0, 2)]))
    message = "standard input: sample 0 comes back after another: expected the rows of a sample together"
    assert (ran.err.splitlines()[0], ran.code) == (f"Error: {message}", 2)
    ran = run("slice", "-f", "jsonl", stdin=outputs([(0, 0), (0, 1), (1, 0), (0, 2)]))
    assert classes_of(ran) == [(0, 0, 0), (1, 0, 10), (0, 1, 1), (0, 2, 2)]


def test_samples_without_steps_come_once(run: Run) -> None:
    line = b'{"sample":%d,"probabilities":[1.0,0.0],"class":0}\n'
    for numbers in ([0, 0], [0, 1, 0], [5, 3, 9, 5]):
        ran = run("decode", "--input-format", "jsonl", stdin=b"".join(line % n for n in numbers))
        message = f"Error: standard input: expected each row once, found sample {numbers[0]} twice\n"
        assert (ran.err, ran.code) == (message, 2)
    ran = run("decode", "--input-format", "jsonl", "-f", "jsonl", stdin=b"".join(line % n for n in [5, 3, 9]))
    assert [json.loads(line)["sample"] for line in ran.out.splitlines()] == [5, 3, 9]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_what_densecli_prints_is_input_of_a_further_layer(suffix: str, run: Run, here: Path) -> None:
    np.save("x.npy", np.array(X4, np.float64))
    for command, batch, order in ((["predict"], "::-1", [3, 2, 1, 0]), (["slice"], "1:", [1, 2, 3])):
        made = run(*command, "x.npy", "-u", 2, "-b", batch, "-f", suffix)
        ran = run("predict", "-u", 2, *LINEAR, "-f", "jsonl", stdin=made.out)
        lines = [json.loads(line) for line in ran.out.splitlines()]
        assert [(line["sample"], line["t"]) for line in lines] == [(n, t) for n in order for t in (0, 1)]
        whole = np.load(io.BytesIO(run("predict", "x.npy", "-u", 2, "-f", "npy").out))
        assert [line["probabilities"] for line in lines] == pytest.approx(whole[order].reshape(-1, 2))
        found = json.loads(run("predict", "-u", 2, *LINEAR, "-f", "json", stdin=made.out).out)
        assert found["shape"] == [len(order), 2, 2]


def test_long_doubles_of_a_stream_can_be_gone_back_to(run: Run, here: Path) -> None:
    x = np.arange(12, dtype=np.longdouble).reshape(3, 2, 2)
    np.savez_compressed("x.npz", x)
    ran = run("predict", "x.npz", "-u", 2, *LINEAR, "-b", "::-1", "-f", "npy")
    assert array(ran) == x[::-1].tolist()


def refused(ran: Any) -> str:
    assert ran.code == 2
    return ran.err.splitlines()[0].removeprefix("Error: ")


@pytest.mark.parametrize("command", [["predict"], ["slice"], ["slice", "-t", 0]], ids=str)
@pytest.mark.parametrize(
    ("option", "content", "message"),
    [
        ("lengths", "[3, 1]", "lengths: expected 0 to 2 time steps, found 3 at [0]"),
        ("lengths", "[2, 2]", "lengths: expected 0 to 1 time steps, found 2 at [1]"),
        (
            "lengths",
            "[2, 1, 0]",
            "lengths: expected one row for each of the 2 samples of standard input, found 3",
        ),
        (
            "mask",
            "[[1, 1], [1, 1]]",
            "mask: expected false beyond the 1 time steps of sample 1, found true at [1][1]",
        ),
        (
            "mask",
            "[[1, 1, 0], [1, 0, 0]]",
            "mask: expected the 2 time steps of the longest sample of standard input, found 3",
        ),
        (
            "mask",
            "[[1, 1], [1, 0], [0, 0]]",
            "mask: expected one row for each of the 2 samples of standard input, found 3",
        ),
        (
            "targets",
            "[[0, 1], [1, 1]]",
            "targets.json: expected one target for each class of sample 1, shape (1,), found (2,)",
        ),
        (
            "targets",
            "[[0, 1], [1], [0]]",
            "targets: expected one row for each of the 2 samples of standard input, found 3",
        ),
    ],
)
def test_what_is_said_of_steps_that_a_stream_does_not_have_is_refused(
    option: str, content: str, message: str, command: list[Any], run: Run, here: Path
) -> None:
    Path(f"{option}.json").write_text(content)
    ran = run(
        *command, "-u", 2, f"--{option}", f"{option}.json", "-f", "json", stdin=b"[[1,2],[3,4]]\n[[5,6]]\n"
    )
    assert refused(ran) == message


def test_padding_beyond_the_steps_of_a_sample_is_said_as_such(run: Run, here: Path) -> None:
    Path("mask.json").write_text("[[1, 0], [1, 0]]")
    Path("targets.json").write_text("[[0, 1], [1, -1]]")
    args = ["predict", "-u", 2, "-f", "csv"]
    assert run(*args, "--mask", "mask.json", stdin=b"[[1,2],[3,4]]\n[[5,6]]\n").code == 0
    ran = run(*args, "--targets", "targets.json", "--ignore-index", -1, stdin=b"[[1,2],[3,4]]\n[[5,6]]\n")
    assert ran.code == 0


def test_finished_outputs_checked_with_a_mask_that_does_not_fit_are_refused(run: Run, here: Path) -> None:
    Path("mask.json").write_text("[[1, 1], [1, 1]]")
    ran = run("check", "-", "--mask", "mask.json", stdin=b"[[0.5,0.5]]\n[[0.25,0.75]]\n")
    assert refused(ran) == "mask: expected false beyond the 1 time steps of sample 0, found true at [0][1]"


def test_lengths_of_four_axes_count_steps(run: Run, here: Path) -> None:
    x = np.arange(36.0).reshape(3, 2, 3, 2)
    np.save("x.npy", x)
    lines = b"".join(json.dumps(sample).encode() + b"\n" for sample in x.tolist())
    Path("l.json").write_text("[2, 0, 1]")
    for command in ("predict", "slice"):
        args = ["-u", 2, "--lengths", "l.json", "-f", "csv"]
        assert run(command, "-", *args, stdin=lines) == run(command, "x.npy", *args)
    Path("l.json").write_text("[2, 0, 3]")
    ran = run("predict", "-u", 2, "--lengths", "l.json", "-f", "json", stdin=lines)
    assert refused(ran) == "lengths: expected 0 to 2 time steps, found 3 at [2]"


def test_targets_of_one_sample_of_a_stream_are_those_of_a_file(run: Run, here: Path) -> None:
    np.save("x.npy", [[[1.0, 2], [3, 4], [5, 6]]])
    np.save("t.npy", [[0, 1, 1]])
    Path("t.jsonl").write_text("[0, 1, 1]\n")
    for targets in ("t.npy", "t.jsonl"):
        args = ["-u", 2, "--targets", targets, "-f", "csv"]
        wanted = run("predict", "x.npy", *args)
        assert wanted.code == 0
        assert run("predict", *args, "--input-format", "jsonl", stdin=b"[[1,2],[3,4],[5,6]]\n") == wanted
    np.save("t.npy", [[0], [1], [1]])
    ran = run("predict", "-u", 2, "--targets", "t.npy", "-f", "csv", stdin=b"[1,2]\n[3,4]\n[5,6]\n")
    assert (ran.code, len(ran.text.splitlines())) == (0, 4)


def test_a_single_row_of_nan_from_a_pipe_is_a_line(run: Run) -> None:
    ran = run("decode", stdin=b'{"sample":4,"probabilities":[null,null],"class":null}\n')
    assert (ran.text, ran.code) == ("-\n", 0)


def test_samples_that_are_left_may_have_the_same_steps(run: Run) -> None:
    # However they are picked: as they flow, or by going back.
    longest = b"[[1,0]]\n[[1,0],[0,1]]\n[[0,1],[0,1]]\n"
    for batch in ("1:", "-2:"):
        ran = run(
            "slice", "--input-format", "jsonl", f"--batch={batch}", "--time=:-1", "-f", "npy", stdin=longest
        )
        assert array(ran) == [[[1, 0]], [[0, 1]]]
    refused = run("slice", "--input-format", "jsonl", "--batch=-3:", "--time=:-1", stdin=longest)
    assert (refused.out, refused.code) == (b"", 2)


def test_shapes_count_the_steps_that_outputs_state(run: Run) -> None:
    lines = outputs([(1, 1), (1, 2), (3, 1), (3, 2)])
    found = json.loads(run("predict", "-u", 2, "-f", "json", stdin=lines).out)
    assert (found["input_shape"], found["shape"]) == ([2, 2, 40], [2, 2, 2])
    found = json.loads(run("info", "-", "-f", "json", stdin=lines).out)
    assert found["arrays"][0]["shape"] == [2, 2, 40]


def test_no_samples_are_left_of_a_stream_however_they_are_picked(run: Run) -> None:
    for batch in ("5:", "-1:1"):
        ran = run("predict", "-u", 2, "-f", "csv", f"--batch={batch}", stdin=RAGGED)
        assert (ran.out, ran.err, ran.code) == (b"sample,t,class,p0,p1\n", "", 0)
        assert array(run("slice", "-u", 2, "-f", "npy", f"--batch={batch}", stdin=RAGGED)) == []


def test_targets_and_masks_of_all_steps_fit_the_steps_that_json_states(run: Run, here: Path) -> None:
    np.save("y.npy", np.eye(4)[[[0, 1, 2], [3, 2, 1]]])
    np.save("t.npy", [[0, 1, 2], [3, 2, 0]])
    np.save("lengths.npy", [3, 2])
    for format in ("json", "jsonl", "csv"):
        picked = run("slice", "y.npy", "-t", "1:", "-f", format).out
        args = (
            "slice",
            "-",
            "--targets",
            "t.npy",
            "--lengths",
            "lengths.npy",
            "-f",
            "csv",
            "--show",
            "classes",
        )
        ran = run(*args, stdin=picked)
        assert ran.code == 0, ran.err
        assert [line.split(b",")[:5] for line in ran.out.splitlines()[1:]] == [
            [b"0", b"1", b"1", b"1", b"1"],
            [b"1", b"1", b"2", b"1", b"1"],
            [b"0", b"2", b"2", b"1", b"1"],
            [b"1", b"2", b"1", b"0", b""],
        ]


def test_arrays_hold_a_step_that_is_asked_for_twice(run: Run) -> None:
    # The second step of the one and the first of the other are the last but one.
    times = ("-t", 0, "-t", -2, "-t", 0)
    samples = b"[[1,2],[3,4],[5,6]]\n[[7,8],[9,10]]\n"
    args = ("slice", "--input-format", "jsonl", "-u", 2, *LINEAR, *times)
    assert array(run(*args, "-f", "npy", stdin=samples)) == [
        [[1, 2], [3, 4], [1, 2]],
        [[7, 8], [7, 8], [7, 8]],
    ]
    ran = run(*args, "-f", "npz", stdin=samples)
    assert np.load(io.BytesIO(ran.out))["probabilities"].shape == (2, 3, 2)


def test_one_step_of_lines_that_come_step_by_step_has_the_samples_in_the_order_of_all_steps(
    run: Run, here: Path
) -> None:
    lines = [(1, 2), (0, 1), (1, 1), (2, 1), (0, 0), (1, 0), (2, 0)]  # sample, t
    text = "".join(
        json.dumps({"sample": n, "t": t, "probabilities": [0.25, 0.75], "class": 1}) + "\n" for n, t in lines
    )
    for times in (["-t", "1"], ["-t", "1:2"]):
        ran = run("slice", "-", *times, "--show", "classes", "-f", "jsonl", stdin=text.encode())
        assert [json.loads(line)["sample"] for line in ran.text.splitlines()] == [1, 0, 2], times


@pytest.mark.parametrize(
    ("option", "wrong", "right", "message"),
    [
        ("--lengths", [2, 2], [2, 1], "lengths: expected 0 to 1 time steps, found 2 at [1]"),
        (
            "--mask",
            [[1, 0], [1, 1]],
            [[1, 0], [1, 0]],
            "mask: expected false beyond the 1 time steps of sample 1, found true at [1][1]",
        ),
        (
            "--targets",
            [[0, 1], [1, 1]],
            [[0, 1], [1]],
            "wrong.json: expected one target for each class of sample 1, shape (1,), found (2,)",
        ),
    ],
)
def test_what_a_sample_does_not_have_is_refused_of_a_ragged_document_as_of_lines(
    option: str, wrong: list[object], right: list[object], message: str, run: Run, here: Path
) -> None:
    samples = [[[0.5, 0.5], [0.25, 0.75]], [[1.0, 0.0]]]
    Path("y.json").write_text(json.dumps({"layer": None, "shape": [2, None, 2], "probabilities": samples}))
    Path("y.jsonl").write_text("".join(json.dumps(sample) + "\n" for sample in samples))
    Path("wrong.json").write_text(json.dumps(wrong))
    Path("right.json").write_text(json.dumps(right))
    for name in ("y.json", "y.jsonl"):
        assert run("predict", name, option, "right.json", "-f", "csv").code == 0
        ran = run("predict", name, option, "wrong.json", "-f", "csv")
        assert (ran.code, message in ran.err) == (2, True), name
