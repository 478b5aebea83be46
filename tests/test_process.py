"""densecli as a process of its own: start-up, pipes, full disks and signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

import dense_cli

DENSECLI = (sys.executable, "-m", "dense_cli")


def done(*args: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run densecli to its end."""
    options = {"capture_output": True, "timeout": 60} | options
    return subprocess.run([*DENSECLI, *map(str, args)], check=False, **options)


def begun(*args: object, **options: Any) -> subprocess.Popen[bytes]:
    """Start densecli with pipes."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*DENSECLI, *map(str, args)], **(pipes | options))


def ended(process: subprocess.Popen[bytes]) -> tuple[bytes, int]:
    """Return what the process said on standard error, and its exit code; its pipes are closed."""
    assert process.stderr is not None
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    err = process.stderr.read()
    process.stderr.close()
    return err, process.wait(timeout=30)


def file_of(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


@pytest.fixture
def endless(here: Path) -> Path:
    """Return an array whose printed output is far larger than a pipe holds."""
    np.save("x.npy", np.random.default_rng(0).normal(size=(100_000, 8)).astype("f4"))
    return here


# --- start-up ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args", [["--help"], ["--version"], *([c, "--help"] for c in ("predict", "slice", "init"))]
)
def test_help_imports_neither_numpy_nor_rich(args: list[str]) -> None:
    code = (
        "import sys; from dense_cli.cli.main import cli; cli(sys.argv[1:], standalone_mode=False); "
        "print(sorted({'numpy', 'rich', 'orjson'} & set(sys.modules)), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, check=True, text=True)
    assert ran.stderr == "[]\n"
    assert ran.stdout


def test_the_script_and_the_module_say_the_same() -> None:
    script = Path(sys.executable).with_name("densecli")
    assert done("--version").stdout == f"densecli, version {dense_cli.__version__}\n".encode()
    if script.exists():
        expected = subprocess.run([script, "--help"], capture_output=True, check=True).stdout
        assert done("--help").stdout == expected


def test_importing_the_library_imports_no_numpy() -> None:
    code = (
        "import sys, dense_cli as d; print('numpy' in sys.modules, d.Dense.__name__, 'numpy' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert ran.stdout == "False Dense True\n"


# --- pipes ---------------------------------------------------------------------------------------


def test_the_first_json_line_comes_out_before_the_input_has_ended() -> None:
    process = begun("predict", "-", "-u", 2, "--kernel-initializer", "zeros", "-f", "jsonl")
    stdin, stdout = file_of(process.stdin), file_of(process.stdout)
    for sample in range(3):
        stdin.write(b"[1, 2]\n")
        stdin.flush()
        line = stdout.readline()
        assert line == b'{"sample":%d,"probabilities":[0.5,0.5],"class":0}\n' % sample
    assert ended(process) == (b"", 0)


def test_csv_flows_too() -> None:
    process = begun(
        "predict", "-", "-u", 2, "--kernel-initializer", "zeros", "-f", "csv", "--input-format", "csv"
    )
    stdin, stdout = file_of(process.stdin), file_of(process.stdout)
    lines = []
    for row in (b"1,2\n", b"3,4\n"):
        stdin.write(row)
        stdin.flush()
        lines += [stdout.readline() for _ in range(2 - bool(lines))]
    assert lines == [b"sample,class,p0,p1\n", b"0,0,0.5,0.5\n", b"1,0,0.5,0.5\n"]
    assert ended(process) == (b"", 0)


def test_only_as_much_of_a_stream_is_read_as_is_asked_for() -> None:
    process = begun("predict", "-", "-u", 2, "--kernel-initializer", "zeros", "-f", "jsonl", "-b", "1")
    stdin = file_of(process.stdin)
    stdin.write(b"[1, 2]\n" * 2)
    stdin.flush()
    assert file_of(process.stdout).read() == b'{"sample":1,"probabilities":[0.5,0.5],"class":0}\n'
    assert ended(process) == (b"", 0)


@pytest.mark.parametrize("format", ["json", "jsonl", "csv", "npy", "npz"])
def test_a_pipeline_from_predict_to_slice_gives_the_slice(format: str, here: Path) -> None:
    Path("x.json").write_text("[[[1, 6], [8, 2], [1, 2]], [[8, 9], [10, 8], [1, 0]]]")
    direct = done("slice", "x.json", "-u", 3, "-t", 1, "-f", "npy").stdout
    first = begun("predict", "x.json", "-u", 3, "-f", format)
    key = ["--key", "probabilities"] if format == "npz" else []
    second = done("slice", "-", *key, "-t", 1, "-f", "npy", "--dtype", "float32", stdin=first.stdout)
    assert ended(first) == (b"", 0)
    assert (second.stderr, second.stdout) == (b"", direct)


@pytest.mark.parametrize("format", ["json", "jsonl", "csv", "npy", "npz", "table", "markdown"])
def test_a_reader_that_closes_early_ends_it_quietly(format: str, endless: Path) -> None:
    process = begun("predict", "x.npy", "-u", 20, "-f", format, "--all", stdin=subprocess.DEVNULL)
    file_of(process.stdout).read(10)
    assert ended(process) == (b"", 0)


@pytest.mark.parametrize("format", ["json", "jsonl", "csv", "npy", "npz", "table"])
def test_a_full_device_is_one_line(format: str, here: Path) -> None:
    Path("x.json").write_text("[[1, 2]]")
    with open("/dev/full", "wb") as full:
        ran = done(
            "predict",
            "x.json",
            "-u",
            2,
            "-f",
            format,
            stdout=full,
            capture_output=False,
            stderr=subprocess.PIPE,
        )
    assert (ran.stderr, ran.returncode) == (b"Error: standard output: No space left on device\n", 2)
    ran = done("predict", "x.json", "-u", 2, "-f", format, "-o", "/dev/full")
    assert (ran.stderr, ran.returncode) == (b"Error: /dev/full: No space left on device\n", 2)


def test_devices_can_be_written_to(here: Path) -> None:
    Path("x.json").write_text("[[1, 2]]")
    args = ("predict", "x.json", "-u", 2, "-f", "csv", "-o")
    expected = done(*args, "-").stdout
    assert expected.startswith(b"sample,class,p0,p1\n0,")
    assert done(*args, "/dev/stdout").stdout == expected
    assert done(*args, "/dev/null").returncode == 0


def test_closed_standard_input_is_a_missing_input() -> None:
    ran = done("predict", "-u", 2, preexec_fn=lambda: os.close(0))
    assert ran.returncode == 2
    assert ran.stderr.endswith(b"Error: INPUT is missing: a file, or - for standard input\n")


def test_closed_standard_output_is_one_line(here: Path) -> None:
    Path("x.json").write_text("[[1, 2]]")
    ran = done("predict", "x.json", "-u", 2, "-f", "csv", preexec_fn=lambda: os.close(1))
    assert ran.returncode == 2
    assert ran.stderr == b"Error: standard output: Bad file descriptor\n"


def test_an_input_is_read_from_where_the_shell_left_it(here: Path) -> None:
    x = np.arange(6.0).reshape(2, 3)
    with open("x", "wb") as file:
        file.write(b"header\n")
        np.save(file, x)
    with open("x", "rb", buffering=0) as file:
        file.seek(7)
        ran = done(
            "predict",
            "-",
            "-u",
            3,
            "--kernel-initializer",
            "identity",
            "-a",
            "linear",
            "-f",
            "csv",
            stdin=file,
        )
    assert ran.stdout == b"sample,class,p0,p1,p2\n0,2,0.0,1.0,2.0\n1,2,3.0,4.0,5.0\n"


# --- signals -------------------------------------------------------------------------------------


def test_an_interrupt_while_it_waits_for_input_exits_with_130() -> None:
    process = begun("predict", "-", "-u", 2, "-f", "jsonl")
    stdin = file_of(process.stdin)
    stdin.write(b"[1,2]\n")
    stdin.flush()
    assert json.loads(file_of(process.stdout).readline())["sample"] == 0
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    assert ended(process) == (b"Interrupted.\n", 130)
