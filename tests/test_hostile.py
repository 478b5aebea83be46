"""Hostile files and arguments through the command line: refused in one line, or the right result."""

from __future__ import annotations

import os
import resource
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hostile import files, seeds
from hostile.process import densecli
from hostile.promise import require_kept

pytestmark = [pytest.mark.posix, pytest.mark.slow]


_PLAIN = {"FORCE_COLOR": None}
_FORMATS = {".pt": "torch", ".arrows": "arrow"}
_INPUTS = [
    pytest.param(suffix, content, words, id=f"{suffix}: {name}")
    for suffix, cases in {
        ".npy": files.npy(),
        ".npz": files.npz(),
        ".json": files.json_(),
        ".jsonl": files.jsonl(),
        ".csv": files.csv(),
        ".safetensors": files.safetensors(),
        ".pt": files.torch(),
        ".parquet": files.parquet(),
        ".arrows": files.arrow(),
    }.items()
    for name, (content, words) in cases.items()
]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with small good files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x2.npy").write_bytes(seeds.npy(seeds.X2))
    (tmp_path / "x3.npy").write_bytes(seeds.npy(seeds.X3))
    (tmp_path / "w.npz").write_bytes(seeds.npz(kernel=seeds.KERNEL, bias=seeds.BIAS))
    return tmp_path


@pytest.mark.parametrize(("suffix", "content", "words"), _INPUTS)
def test_a_hostile_input_is_refused_with_its_cause_or_read(
    suffix: str, content: bytes, words: str | None, run, place: Path
) -> None:
    name = f"x{suffix}"
    (place / name).write_bytes(content)
    before = sorted(os.listdir())
    for output in ([], ["-o", "out.npy", "-f", "npy"]):
        ran = run("predict", name, "-u", 3, "-l", "dense", *output, env=_PLAIN)
        require_kept("predict", ran.code, ran.out, ran.err)
        if words is None:
            assert (ran.code, ran.err) == (0, "")
        else:
            assert ran.err.startswith(f"Error: {name}")
            assert words in ran.err
            assert sorted(os.listdir()) == before
    assert "PWNED" not in os.listdir()


@pytest.mark.parametrize(("suffix", "content", "words"), _INPUTS)
def test_a_hostile_file_keeps_the_promise_wherever_a_file_is_expected(
    suffix: str, content: bytes, words: str | None, run, place: Path
) -> None:
    before = sorted(os.listdir())
    for name in (f"hostile{suffix}", "hostile"):
        (place / name).write_bytes(content)
        for args in (
            ["slice", name],
            ["slice", name, "-u", 3, "-t", 0, "-f", "jsonl"],
            ["decode", name],
            ["predict", "-u", 3, "--key", "x", name],
            ["predict", "x3.npy", "-u", 3, "--mask", name],
            ["predict", "x3.npy", "-u", 3, "--lengths", name],
            ["predict", "x3.npy", "-u", 3, "--targets", name],
            ["predict", "x2.npy", "-u", 3, "--labels", name],
            ["predict", "x2.npy", "-w", name],
            ["heads", name],
            ["info", name],
            ["compare", name, "x2.npy"],
            ["check", name],
        ):
            ran = run(*args, env=_PLAIN)
            require_kept(str(args[0]), ran.code, ran.out[:1000], ran.err)
        (place / name).unlink()
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize(
    ("suffix", "content", "words"),
    [case for case in _INPUTS if len(case.values[1]) < 1 << 16],  # what a pipe holds while nobody reads
)
def test_a_hostile_standard_input_keeps_the_promise(
    suffix: str, content: bytes, words: str | None, run, place: Path
) -> None:
    ran = run("predict", "-", "-u", 3, "-f", "npy", stdin=content, env=_PLAIN)
    require_kept("predict", ran.code, b"", ran.err)
    ran = run(
        "predict",
        "-",
        "-u",
        3,
        "--input-format",
        _FORMATS.get(suffix, suffix[1:]),
        "-f",
        "npy",
        stdin=content,
        env=_PLAIN,
    )
    require_kept("predict", ran.code, b"", ran.err)
    assert words is None or ran.code == 2


@pytest.mark.parametrize("name", files.outputs())
def test_outputs_that_make_no_sense_are_refused_with_their_cause(name: str, run, place: Path) -> None:
    content, words = files.outputs()[name]
    assert words is not None
    (place / name).write_bytes(content)
    ran = run("slice", name, env=_PLAIN)
    require_kept("slice", ran.code, b"", ran.err)
    assert ran.err.startswith(f"Error: {name}")
    assert words in ran.err


@pytest.mark.parametrize("name", files.labels())
def test_hostile_labels_are_refused_with_their_cause_or_shown(name: str, run, place: Path) -> None:
    content, words = files.labels()[name]
    (place / name).write_bytes(content)
    for args in (
        ["predict", "x2.npy", "-w", "w.npz", "-a", "softmax", "--labels", name],
        ["predict", "x2.npy", "-w", "w.npz", "-a", "softmax", "--labels", name, "-f", "markdown"],
        ["slice", "x3.npy", "-w", "w.npz", "-a", "softmax", "--labels", name],
        ["decode", "x3.npy", "-w", "w.npz", "-a", "softmax", "--labels", name],
        ["predict", "x2.npy", "-w", "w.npz", "-a", "softmax", "--labels", name, "-k", 2, "-f", "csv"],
        ["predict", "x2.npy", "-w", "w.npz", "-a", "softmax", "--labels", name, "-f", "json"],
    ):
        ran = run(*args, env=_PLAIN)
        if "csv" not in args:  # which carries text as it is
            require_kept(str(args[0]), ran.code, ran.out, ran.err)
        if words is None:
            assert ran.code == 0
        else:
            assert f"Error: {name}: " in ran.err
            assert words in ran.err


def test_a_bomb_as_input_is_read_in_little_memory(tmp_path: Path) -> None:
    rows = 1 << 24
    with (
        zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("x.npy", "w", force_zip64=True) as member,
    ):
        member.write(files.npy_claim(f"({rows}, 4)"))
        for _ in range(rows * 32 >> 24):
            member.write(bytes(1 << 24))
    ended = densecli(
        *("predict", "bomb.npz", "-u", 1, "-b", -1, "-f", "jsonl"),
        cwd=tmp_path,
        limits={resource.RLIMIT_AS: 1 << 30, resource.RLIMIT_FSIZE: 1 << 20},
    )
    assert ended.code == 2  # 512 MiB would have to wait in a temporary file
    place = f"bomb.npz[x] in the temporary folder {tempfile.gettempdir()} (TMPDIR)"
    assert ended.err == f"Error: {place}: File too large\n"


# --- arguments -----------------------------------------------------------------------------------------


def usage(command: str, message: str) -> str:
    """What Click prints of a wrong command line."""
    what = "[INPUT]..." if command != "init" else ""
    return (
        f"Usage: densecli {command} [OPTIONS] {what}".rstrip()
        + f"\nTry 'densecli {command} --help' for help.\n\nError: {message}\n"
    )


_BOUNDS = {
    "--units": (1, 2**63 - 1),
    "--seed": (0, 2**32 - 1),
    "--threads": (1, 1024),
}


@pytest.mark.parametrize("command", ["predict", "slice", "decode"])
@pytest.mark.parametrize("option", _BOUNDS)
def test_numbers_out_of_range_are_refused_with_the_range(option: str, command: str, run, place: Path) -> None:
    low, high = _BOUNDS[option]
    short = {"--units": "'-u' / '--units'", "--seed": "'-s' / '--seed'"}.get(option, f"'{option}'")
    for number in (low - 1, high + 1, -(10**30), 10**400):
        ran = run(command, "x3.npy", option, number)
        message = f"Invalid value for {short}: {number} is not in the range {low}<=x<={high}."
        assert (ran.out, ran.err, ran.code) == (b"", usage(command, message), 2)


@pytest.mark.parametrize(
    "option", ["-u", "-s", "-k", "-n", "-b", "-i", "--threads", "--memory", "--precision"]
)
@pytest.mark.parametrize("text", ["", "abc", "1e3", "0x10", "nan", "9" * 5000, "\x1b[31m", "1\n2"])
def test_what_is_no_number_keeps_the_promise(option: str, text: str, run, place: Path) -> None:
    args = ["init", "-u", 3] if option == "-i" else ["predict", "x3.npy", "-u", 3]
    ran = run(*args, option, text)
    require_kept("predict", ran.code, ran.out, ran.err)
    assert ran.code == 2
    assert len(ran.err) < 1500


@pytest.mark.parametrize(
    "args", [["predict", "x2.npy"], ["slice", "x3.npy"], ["decode", "x3.npy"], ["init", "-i", 4]]
)
def test_a_kernel_of_many_gibibytes_is_refused_before_it_is_made(
    args: list[object], run, place: Path
) -> None:
    ran = run(*args, "-u", 1_000_000_000)
    assert (ran.out, ran.err, ran.code) == (
        b"",
        "Error: --units 1000000000: the kernel (4, 1000000000) would take 16000000000 bytes (14.9 GiB), "
        "more than 4 GiB\nHint: --memory SIZE allows more\n",
        2,
    )
    ran = run(*args, "-u", 2**63 - 1)
    require_kept("predict", ran.code, ran.out, ran.err)
    assert ran.err.startswith(f"Error: --units {2**63 - 1}: the kernel (4, {2**63 - 1}) would take ")


@pytest.mark.parametrize("number", ["3", "-1", "9" * 19, "9" * 5000, "1.0", "", "x"], ids=lambda n: n[:20])
def test_a_class_that_is_none_is_refused(number: str, run, place: Path) -> None:
    for args in (
        ["decode", "x3.npy", "--eos"],
        ["decode", "x3.npy", "--ctc"],
        ["predict", "x2.npy", "--explain"],
    ):
        ran = run(*args[:2], "-w", "w.npz", "-a", "softmax", args[2], number)
        require_kept(args[0], ran.code, ran.out, ran.err)
        assert (ran.code, ran.out) == (2, b"")
        expected = "auto or a class number" if args[2] == "--explain" else "a class number"
        assert ran.err.startswith(f"Error: {args[2]}: expected {expected} below 3")


def test_more_classes_than_there_are_cannot_be_the_likeliest(run, place: Path) -> None:
    for k in (4, 10**9, 10**30):
        ran = run("predict", "x2.npy", "-w", "w.npz", "-a", "softmax", "-k", k)
        assert (ran.out, ran.err, ran.code) == (b"", f"Error: --top-k {k}: there are only 3 classes\n", 2)


@pytest.mark.parametrize("far", [10**20, 2**63, 2**63 - 1, 10**400])
def test_slices_that_reach_too_far_are_those_of_python(far: int, run, place: Path) -> None:
    whole = np.arange(2), np.arange(5)
    for text in (f"{far}:", f":{far}", f"-{far}:", f":-{far}", f"::{far}", f"::-{far}", f"{far}::-1"):
        parts = slice(*(int(p) if p else None for p in text.split(":")))
        ran = run(
            "slice", "x3.npy", "-w", "w.npz", "-a", "softmax", "-f", "npy", "-b", text, "-t", 0, "-o", "y.npy"
        )
        assert (ran.err, ran.code) == ("", 0)
        assert np.load("y.npy").shape == (len(whole[0][parts]), 3)
        ran = run("slice", "x3.npy", "-w", "w.npz", "-a", "softmax", "-f", "npy", "-t", text, "-o", "y.npy")
        if len(whole[1][parts]):
            assert np.load("y.npy").shape == (2, len(whole[1][parts]), 3)
        else:
            assert ran.err == "Error: x3.npy: no time step is left of 5\n"


@pytest.mark.parametrize("far", [5, -6, 10**20, -(10**20)])
def test_a_step_out_of_range_is_refused_with_the_range(far: int, run, place: Path) -> None:
    ran = run("slice", "x3.npy", "-w", "w.npz", "-a", "softmax", "-t", far)
    message = f"Error: x3.npy: time step {far} is out of range: there are 5 (0 to 4)\n"
    assert (ran.out, ran.err, ran.code) == (b"", message, 2)
    ran = run("slice", "x3.npy", "-w", "w.npz", "-a", "softmax", "-b", far)
    message = f"Error: x3.npy: sample {far} is out of range: there are 2 (0 to 1)\n"
    assert (ran.out, ran.err, ran.code) == (b"", message, 2)


@pytest.mark.parametrize("option", ["--kernel-initializer", "--bias-initializer", "--activation"])
@pytest.mark.parametrize(
    "spec",
    [
        "__import__('pathlib').Path('PWNED').touch()",
        "RandomNormal(" * 300,
        "RandomNormal(stddev=1e400)",
        "RandomNormal(seed=-1, rng='numpy')",
        "VarianceScaling(scale=-1)",
        "Constant(value=[1,2])",
        "Orthogonal(gain='x')",
        "{",
        '{"class_name": "RandomNormal", "config": {"seed": 99999999999999999999}}',
        '{"class_name": "os.system", "config": {"command": "touch PWNED"}}',
        "[" * 100_000,
        "lambda x: open('PWNED', 'w')",
        "\x1b[31m",
        "9" * 5000,
    ],
    ids=lambda spec: spec[:30],
)
def test_a_hostile_spec_is_refused_and_never_run(spec: str, option: str, run, place: Path) -> None:
    before = sorted(os.listdir())
    ran = run("predict", "x2.npy", "-u", 3, option, spec)
    require_kept("predict", ran.code, ran.out, ran.err)
    assert (ran.code, ran.out) == (2, b"")
    assert len(ran.err) < 1500
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("output", ["y.npy", "y.csv", "y.jsonl", "y.md"])
def test_init_refuses_formats_that_hold_no_weights(output: str, run, place: Path) -> None:
    ran = run("init", "-i", 4, "-u", 3, "-o", output)
    message = f"-o {output}: init writes table, json, npz: choose with -f"
    assert (ran.out, ran.err, ran.code) == (b"", usage("init", message), 2)
    assert not Path(output).exists()


# --- values at the ends --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", ["i1", "u1", "<i2", ">u2", "<i4", ">u4", "<i8", ">u8", "?", "<f2", ">f4", ">f8"]
)
def test_the_extremes_of_every_dtype_give_keras_values(dtype: str, run, place: Path) -> None:
    kind = np.dtype(dtype)
    if kind.kind == "b":
        ends = np.array([[False, True]])
    else:
        info = np.iinfo(kind) if kind.kind in "iu" else np.finfo(kind)
        ends = np.array([[info.min, info.max]], dtype)
    np.save("x.npy", ends)
    np.savez("half.npz", kernel=np.eye(2) * 0.5**70)
    ran = run(
        *("predict", "x.npy", "-w", "half.npz", "--dtype", "float64", "-a", "linear"),
        "-f",
        "npy",
        "-o",
        "y.npy",
    )
    assert (ran.err, ran.code) == ("", 0)
    assert np.array_equal(np.load("y.npy"), ends.astype(np.float64) * 0.5**70)


@pytest.mark.parametrize("value", ["1e39", "-1e39", "3.5e38"])
def test_a_number_beyond_float32_is_named_with_its_place(value: str, run, place: Path) -> None:
    Path("x.json").write_text(f"[[1, 2], [3, {value}]]")
    ran = run("predict", "x.json", "-u", 3)
    assert (ran.out, ran.err, ran.code) == (
        b"",
        f"Error: x.json: {float(value)!s} does not fit float32, at [1, 1]\n"
        "Hint: compute with --dtype float64\n",
        2,
    )


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("descr", ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8"])
def test_a_signalling_nan_is_as_good_as_any(descr: str, dtype: str, run, place: Path) -> None:
    x = seeds.X3.astype(descr)
    bits = {"2": 0x7C01, "4": 0x7F80_0001, "8": 0x7FF0_0000_0000_0001}[descr[-1]]
    x.view(descr.replace("f", "u"))[1, 2, 3] = bits  # 0.0 / 0.0 gives a quiet one
    np.save("x.npy", x)
    note = "Note: 1 row has NaN or infinity in the input or the logits, and so no class; "
    note += "the first is sample 1, t 2\n"
    options = ["-u", 3, "--dtype", dtype]
    for args in (["predict", "x.npy", *options], ["slice", "x.npy", *options], ["decode", "x.npy", *options]):
        ran = run(*args, env=_PLAIN)
        assert (ran.err, ran.code) == (note, 0)
    for args in (
        ["info", "x.npy"],
        ["check", "x.npy"],
        ["predict", "x3.npy", "-u", 3, "--mask", "x.npy"],
        ["predict", "x3.npy", "-u", 3, "--targets", "x.npy"],
        ["predict", "x2.npy", "-w", "x.npy"],
    ):
        ran = run(*args, env=_PLAIN)
        require_kept(str(args[0]), ran.code, ran.out, ran.err.removeprefix(note))
    np.savez("s.npz", kernel=x[1, :4, :4])
    ran = run("predict", "x2.npy", "-w", "s.npz")
    assert ran.err == "Error: s.npz: kernel[2, 3]: expected a finite number, found nan\n"


@pytest.mark.parametrize("option", ["--lengths", "--mask", "--targets"])
@pytest.mark.parametrize("value", [1e19, -1e19, 1e300, np.inf, -np.inf, np.nan, 0.5, -1.0, 2**63])
def test_counts_and_classes_that_are_none_are_refused(value: float, option: str, run, place: Path) -> None:
    shape = (2,) if option == "--lengths" else (2, 5)
    np.save("m.npy", np.full(shape, value))
    line = ",".join([repr(float(value))] * (5 if len(shape) > 1 else 1))
    Path("m.csv").write_text(f"{line}\n{line}\n")
    for name in ("m.npy", "m.csv"):
        ran = run("predict", "x3.npy", "-w", "w.npz", "-a", "softmax", option, name)
        require_kept("predict", ran.code, ran.out, ran.err)
        assert ran.code == 2


@pytest.mark.parametrize("space", ["\x1c", "\x1d", "\x1e", "\x1f", "\x85", "\u2003"])
def test_white_space_of_any_kind_around_a_target_is_none(space: str, run, place: Path) -> None:
    Path("t.csv").write_text(f"{space}0{space}\n1\n0\n1\n0\n1\n", encoding="utf-8")
    ran = run("predict", "x2.npy", "-w", "w.npz", "-a", "softmax", "--targets", "t.csv")
    require_kept("predict", ran.code, ran.out, ran.err)
