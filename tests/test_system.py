"""What densecli says of a system that is not as it should be: file systems, the locale; and python -OO."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dense_cli.cli.main import COMMANDS

pytestmark = pytest.mark.posix

SAMPLES = Path(__file__).parent.parent / "samples"
PLAIN = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}  # without Unicode
# Names of files are ASCII there, too.
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def densecli(
    *args: str | bytes, cwd: Path, env: dict[str, str] | None = None, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, *options, "-m", "dense_cli", *args]
    return subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | (env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )


def with_mounts(script: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run shell commands, ``densecli`` among them, that mount what nobody else sees."""
    unshare = [shutil.which("unshare") or "false", "-rm"]
    trial = [*unshare, "mount", "-t", "tmpfs", "none", "/mnt"]
    if subprocess.run(trial, capture_output=True, check=False).returncode:
        pytest.skip("this system does not let processes mount file systems of their own")
    lines = f'set -e; densecli() {{ {sys.executable} -m dense_cli "$@"; }}\n{script}'
    return subprocess.run(
        [*unshare, "bash", "-c", lines], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_a_read_only_file_system_is_named_with_the_file_that_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "ro").mkdir()
    for name, output in (("x.npy", "ro/new.npy"), ("x.npy", "ro/old.npy"), ("x.npy", "ro/new.zarr")):
        np.save(tmp_path / "x.npy", np.ones((2, 3), np.float32))
        done = with_mounts(
            "mount -t tmpfs none ro; cp x.npy ro/old.npy; mount -o remount,ro ro\n"
            f"densecli predict {name} -u 2 -o {output}",
            tmp_path,
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"Error: {output}: Read-only file system\n"


NO_TEMPORARY_FOLDER = (
    "import tempfile; tempfile._candidate_tempdir_list = lambda: ['/nonexistent'];"
    "from dense_cli.__main__ import main; main()"
)


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (("predict", "x.npy", "-u", "2", "-f", "npz"), "output"),
        (("predict", "-", "-u", "2"), "standard input"),
    ],
)
def test_a_missing_temporary_folder_is_named(args: tuple[str, ...], what: str, tmp_path: Path) -> None:
    x = np.ones((5000, 3), np.float32)
    np.save(tmp_path / "x.npy", x)
    np.savez_compressed(tmp_path / "x.npz", x=x.reshape(50, 100, 3))
    command = [sys.executable, "-c", NO_TEMPORARY_FOLDER, *args]
    content = (tmp_path / "x.npz").read_bytes()
    done = subprocess.run(command, cwd=tmp_path, input=content, capture_output=True, check=False)
    tried = "No usable temporary directory found in ['/nonexistent']; TMPDIR names another"
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == f"Error: {what} in the temporary folder: {tried}\n"


def test_a_full_temporary_folder_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((5000, 3), np.float32))
    done = with_mounts(
        "mkdir full; mount -t tmpfs -o size=16k none full; export TMPDIR=$PWD/full\n"
        "densecli predict x.npy -u 2 -f npz | cat; exit ${PIPESTATUS[0]}",
        tmp_path,
    )
    place = f"output in the temporary folder {tmp_path}/full (TMPDIR)"
    assert done.returncode == 2
    assert done.stderr == f"Error: {place}: No space left on device\n"


def test_arguments_that_the_locale_cannot_encode_are_shown_escaped(tmp_path: Path) -> None:
    done = densecli("predict", "ü.npy".encode(), "-u", "3", cwd=tmp_path, env=ASCII)
    assert (done.returncode, done.stderr) == (2, b"Error: \\udcc3\\udcbc.npy: No such file or directory\n")
    done = densecli("predict", b"[[1, 2]]", b"-u", b"3", b"-o", "ü.json".encode(), cwd=tmp_path, env=ASCII)
    assert (done.returncode, os.listdir(os.fsencode(tmp_path))) == (0, ["ü.json".encode()])


def test_a_name_in_a_file_that_the_locale_cannot_encode_is_not_a_fault_of_densecli(tmp_path: Path) -> None:
    index = {"weight_map": {"kernel": "ü.safetensors"}}
    (tmp_path / "m.safetensors.index.json").write_text(json.dumps(index))
    done = densecli("heads", "m.safetensors.index.json", cwd=tmp_path, env=ASCII)
    assert done.returncode == 2
    assert b"fault of densecli" not in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_without_unicode_has_ascii_alone_and_no_escapes(command: str, tmp_path: Path) -> None:
    args = [command] if command else []
    done = densecli(*args, "--help", cwd=tmp_path, env=PLAIN)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()
    assert b"\\u" not in done.stdout
    assert b"\\x" not in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "args",
    [
        ("compare", "outputs.json", "outputs.json"),
        ("compare", "steps.json", "steps.json", "-u", "3"),
        ("softmax", "[1, 2, 3]"),
        ("predict", "steps.json", "-u", "3", "--explain", "2"),
        ("check", "digits.npy", "-w", "digits_head.npz"),
        ("info", "digits.npy"),
        ("plot", "steps.json", "-u", "3"),
    ],
    ids=lambda args: " ".join(args),
)
def test_tables_without_unicode_have_no_escapes(args: tuple[str, ...]) -> None:
    done = densecli(*args, cwd=SAMPLES, env=PLAIN)
    assert done.stdout.isascii()
    assert done.stderr.isascii()
    assert b"\\u" not in done.stdout + done.stderr
    assert b"\\x" not in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_and_results_are_the_same_without_docstrings(command: str, tmp_path: Path) -> None:
    args = [command] if command else []
    plain = densecli(*args, "--help", cwd=tmp_path)
    assert plain.returncode == 0
    assert densecli(*args, "--help", cwd=tmp_path, options=("-OO",)).stdout == plain.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "args",
    [
        ("predict", "digits.npy", "-w", "digits.keras", "--labels", "digits.txt"),
        ("predict", "steps.json", "-u", "3", "-f", "npz"),
        ("layers", "translate.keras"),
        ("check", "digits.npy", "-w", "digits_head.npz"),
    ],
    ids=lambda args: " ".join(args[:3]),
)
def test_results_are_the_same_without_assertions(args: tuple[str, ...]) -> None:
    pytest.importorskip("h5py")
    plain = densecli(*args, cwd=SAMPLES)
    bare = densecli(*args, cwd=SAMPLES, options=("-OO",))
    assert plain.returncode == bare.returncode
    assert (bare.stdout, bare.stderr) == (plain.stdout, plain.stderr)
