"""densecli where the system has less than Linux: the commands of pages, inputs, outputs and signals.

Windows and macOS are emulated by taking away what they lack (`emulated/`).
"""

from __future__ import annotations

import ast
import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from test_docs import README, ROOT, blocks, commands

from dense_cli import portable

pytestmark = pytest.mark.posix

EMULATED = Path(__file__).parent / "emulated"
SYSTEMS = ("windows", "macos")
# What differs between systems, which `portable` alone may ask for.
PLATFORM = {
    *("pread", "preadv", "readv", "fchmod", "set_blocking", "sched_getaffinity", "O_TMPFILE", "O_NONBLOCK"),
    *("SIGHUP", "fork", "link", "fsync", "getuid", "platform"),
}
MODULES = {"resource", "fcntl", "termios", "select", "pwd", "msvcrt", "winreg"}


def environment(system: str) -> dict[str, str]:
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(EMULATED / system),
        "LC_ALL": "C.UTF-8",
    }


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    "block",
    [
        block
        for page in (README, *sorted((ROOT / "docs" / "howto").glob("*.md")))
        for block in blocks("console", page)
    ],
    ids=lambda block: commands(block)[0][:60],
)
def test_pages_show_what_their_commands_print_on_every_system(
    block: str, system: str, tmp_path: Path
) -> None:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    text = ""
    for command in commands(block):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=environment(system),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
        text += f"$ {command}\n{done.stdout.decode()}"
    assert text == block


def run(system: str, *args: str, cwd: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "dense_cli", *args]
    env = environment(system)
    return subprocess.run(command, cwd=cwd, env=env, input=stdin, capture_output=True, check=False)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("format", ["json", "jsonl", "npy", "npz", "csv", "safetensors", "h5", "pt"])
def test_every_format_is_read_from_files_and_pipes(format: str, system: str, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(700, 5)).astype(np.float32)
    path = tmp_path / f"x.{format}"
    _write(path, x)
    expected = subprocess.run(
        [sys.executable, "-m", "dense_cli", "predict", path, "-u", "3", "-f", "npy"],
        capture_output=True,
        check=True,
    ).stdout
    found = run(system, "predict", path.name, "-u", "3", "-f", "npy", cwd=tmp_path)
    assert (found.returncode, found.stderr, found.stdout == expected) == (0, b"", True)
    found = run(system, "predict", "-", "-u", "3", "-f", "npy", cwd=tmp_path, stdin=path.read_bytes())
    assert (found.returncode, found.stderr, found.stdout == expected) == (0, b"", True)


def _write(path: Path, x: np.ndarray) -> None:
    suffix = path.suffix[1:]
    if suffix in ("json", "jsonl", "csv"):
        rows = [",".join(map(repr, row)) for row in x.tolist()]
        lines = "\n".join(rows if suffix == "csv" else [f"[{row}]" for row in rows])
        path.write_text("[" + lines.replace("\n", ",") + "]" if suffix == "json" else lines + "\n")
    elif suffix == "npy":
        np.save(path, x)
    elif suffix == "npz":
        np.savez_compressed(path, x=x)
    elif suffix == "h5":
        import h5py

        with h5py.File(path, "w") as file:
            file["x"] = x
    elif suffix == "safetensors":
        from safetensors.numpy import save_file

        save_file({"x": x}, path)
    else:
        torch = pytest.importorskip("torch")
        torch.save(torch.from_numpy(x), path)


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_output_is_whole_or_not_there(system: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((50, 3), np.float32))
    done = run(system, "predict", "x.npy", "-u", "2", "-o", "y.npy", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert np.load(tmp_path / "y.npy").shape == (50, 2)
    old = (tmp_path / "y.npy").read_bytes()
    assert run(system, "predict", "x.npy", "-u", "2", "-o", "y.npy", cwd=tmp_path).returncode == 0
    assert (tmp_path / "y.npy").read_bytes() == old
    failing = run(system, "predict", "-", "-u", "2", "-o", "y.npy", cwd=tmp_path, stdin=b"[1, 2]\n[1]\n")
    assert (failing.returncode, failing.stderr[:7]) == (2, b"Error: ")
    assert (tmp_path / "y.npy").read_bytes() == old
    assert {path.name for path in tmp_path.iterdir()} == {"x.npy", "y.npy"}


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_output_onto_its_own_input_is_written_or_refused(system: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((50, 3), np.float32))
    before = (tmp_path / "x.npy").read_bytes()
    done = run(system, "predict", "x.npy", "-u", "2", "-o", "x.npy", cwd=tmp_path)
    if done.returncode:
        assert done.stderr.startswith(b"Error: x.npy: ")
        assert done.stderr.count(b"\n") == 1
        assert (tmp_path / "x.npy").read_bytes() == before
    else:
        assert np.load(tmp_path / "x.npy").shape == (50, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_signal_leaves_no_half_written_file(system: str, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "dense_cli", "predict", "-", "-u", "3", "-o", "y.npy"],
        cwd=tmp_path,
        env=environment(system),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(b"[1, 2]\n")
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert list(tmp_path.iterdir())  # half written, under a name of its own
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"Interrupted.\n")
    assert list(tmp_path.iterdir()) == []


def test_reading_at_a_place_leaves_the_next_read_where_it_was(
    monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    Path("x").write_bytes(bytes(range(100)))
    for name in ("pread", "preadv"):
        monkeypatch.delattr(os, name)
    elsewhere = runpy.run_path(portable.__file__)
    with open("x", "rb", buffering=0) as file:
        assert file.read(10) == bytes(range(10))
        assert elsewhere["pread"](file.fileno(), 5, 50) == bytes(range(50, 55))
        out = bytearray(200)
        assert elsewhere["preadv"](file.fileno(), [memoryview(out)], 90) == 10
        assert bytes(out[:10]) == bytes(range(90, 100))
        assert file.readinto(memoryview(out)[:3]) == 3
        assert bytes(out[:3]) == bytes(range(10, 13))
        assert elsewhere["pread"](file.fileno(), 5, 500) == b""


def test_a_file_that_can_be_given_no_name_is_copied(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    from dense_cli.writers.target import open_output

    def refuse(fd: int, name: str) -> None:
        raise PermissionError(1, "Operation not permitted", f"/proc/self/fd/{fd}")

    monkeypatch.setattr(portable, "name_unnamed", refuse)
    for text in (b"first", b"second"):
        with open_output("y.txt") as out:
            out.write(text)
        assert Path("y.txt").read_bytes() == text
    assert os.listdir() == ["y.txt"]


def test_only_one_module_asks_for_the_platform() -> None:
    for path in sorted((ROOT / "dense_cli").rglob("*.py")):
        if path.name == "portable.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                asked = node.value.id in ("os", "signal", "sys") and node.attr in PLATFORM
                assert not asked, f"{path}:{node.lineno}: {node.value.id}.{node.attr}"
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = (
                    {alias.name for alias in node.names} if isinstance(node, ast.Import) else {node.module}
                )
                assert not names & MODULES, f"{path}:{node.lineno}: {names}"
