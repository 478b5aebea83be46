"""An output file appears whole or not at all."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from conftest import Run

from dense_cli.writers import target
from dense_cli.writers.target import open_output

pytestmark = pytest.mark.posix


def fail_halfway(file: BinaryIO, error: type[BaseException]) -> None:
    file.write(b"half")
    raise error


def mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_a_new_file_has_the_mode_that_the_umask_leaves(here: Path) -> None:
    old = os.umask(0o027)
    try:
        with open_output("y") as file:
            file.write(b"data")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(old)
    assert Path("y").read_bytes() == b"data"
    assert mode("y") == 0o640
    assert os.listdir() == ["y"]


def test_an_older_file_is_there_until_the_new_one_is_whole_and_gives_it_its_mode(here: Path) -> None:
    Path("y").write_bytes(b"old")
    os.chmod("y", 0o604)
    with open_output("y") as file:
        file.write(b"new")
        file.flush()
        assert Path("y").read_bytes() == b"old"
    assert Path("y").read_bytes() == b"new"
    assert mode("y") == 0o604


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, OSError])
def test_an_error_leaves_the_older_file_and_nothing_else(error: type[BaseException], here: Path) -> None:
    Path("y").write_bytes(b"old")
    for name in ("y", "z"):
        with pytest.raises(error), open_output(name) as file:
            fail_halfway(file, error)
    assert Path("y").read_bytes() == b"old"
    assert os.listdir() == ["y"]


def test_a_symlink_stays_one_and_its_target_is_replaced(here: Path) -> None:
    Path("folder").mkdir()
    Path("folder/real").write_bytes(b"old")
    os.symlink("folder/real", "link")
    with open_output("link") as file:
        file.write(b"new")
    assert os.readlink("link") == "folder/real"
    assert Path("folder/real").read_bytes() == b"new"
    assert os.listdir("folder") == ["real"]


def test_a_symlink_to_nothing_makes_its_target(here: Path) -> None:
    os.symlink("real", "link")
    with open_output("link") as file:
        file.write(b"new")
    assert Path("real").read_bytes() == b"new"
    assert os.path.islink("link")


def test_a_symlink_loop_is_an_error(here: Path) -> None:
    os.symlink("a", "b")
    os.symlink("b", "a")
    with pytest.raises(OSError, match="Too many levels of symbolic links"), open_output("a"):
        pass
    assert sorted(os.listdir()) == ["a", "b"]


def test_a_missing_folder_and_a_folder_are_errors_that_name_the_path(here: Path) -> None:
    with pytest.raises(FileNotFoundError) as missing, open_output("no/y"):
        pass
    assert (missing.value.filename, missing.value.strerror) == ("no/y", "the output folder does not exist")
    with pytest.raises(IsADirectoryError) as folder, open_output("."):
        pass
    assert folder.value.filename == "."


@pytest.mark.parametrize("name", ["new/", "new/.", "new/.."])
def test_a_name_of_a_folder_that_is_not_there_makes_no_file(name: str, here: Path) -> None:
    with pytest.raises(IsADirectoryError) as folder, open_output(name):
        pass
    assert folder.value.filename == name
    assert os.listdir() == []


def test_an_older_file_that_may_not_be_written_is_an_error(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("y").write_bytes(b"old")

    def refuse(path: str, mode: str) -> None:  # as it does for anyone but root
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(target, "open", refuse, raising=False)
    with pytest.raises(PermissionError) as refused, open_output("y"):
        pass
    assert refused.value.filename == "y"
    assert Path("y").read_bytes() == b"old"


def test_what_is_not_yet_whole_has_no_name(here: Path) -> None:
    with open_output("y") as file:
        file.write(b"data")
        file.flush()
        assert os.listdir() == []


KILLED_BY_THE_RENAME = """
import os, signal
from dense_cli.writers import target
from dense_cli.writers.target import open_output
os.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)
with open_output("y") as file:
    file.write(b"new")
"""


def test_a_name_that_is_free_is_taken_in_one_step_with_no_moment_for_sigkill_to_leave_another(
    here: Path,
) -> None:
    def ended() -> int:
        return subprocess.run([sys.executable, "-c", KILLED_BY_THE_RENAME], check=False).returncode

    assert ended() == 0
    assert (os.listdir(), Path("y").read_bytes()) == (["y"], b"new")
    Path("y").write_bytes(b"old")
    assert ended() == -signal.SIGKILL  # a file is replaced by a rename, from a name beside it
    assert Path("y").read_bytes() == b"old"


def test_a_name_that_is_taken_meanwhile_is_replaced(here: Path) -> None:
    with open_output("y") as file:
        file.write(b"ours")
        Path("y").write_bytes(b"theirs")
    assert (os.listdir(), Path("y").read_bytes()) == (["y"], b"ours")


def test_a_file_system_without_unnamed_files_has_one_beside(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "O_TMPFILE")
    old = os.umask(0o027)
    try:
        with open_output("y") as file:
            file.write(b"data")
            assert [name[:10] for name in os.listdir()] == [".densecli-"]
    finally:
        os.umask(old)
    assert (Path("y").read_bytes(), mode("y"), os.listdir()) == (b"data", 0o640, ["y"])
    with pytest.raises(ValueError), open_output("y") as file:  # noqa: PT011 - it is raised just here
        fail_halfway(file, ValueError)
    assert (Path("y").read_bytes(), os.listdir()) == (b"data", ["y"])


@pytest.mark.parametrize(
    "name",
    [
        "/dev/fd/{}",
        "/proc/self/fd/{}",
        "/proc/thread-self/fd/{}",
        f"/proc/{os.getpid()}/fd/{{}}",
        f"/proc/self/task/{os.getpid()}/fd/{{}}",
        f"/proc/{os.getpid()}/task/../fd/{{}}",
        "link",
    ],
)
def test_a_descriptor_of_this_process_is_written_where_it_stands(name: str, here: Path) -> None:
    with open("log", "wb") as log:
        os.symlink(f"/dev/fd/{log.fileno()}", "link")
        for line in (b"first\n", b"second\n"):
            log.write(line)
            log.flush()
            with open_output(name.format(log.fileno())) as file:
                file.write(b"data\n")
    assert Path("log").read_bytes() == b"first\ndata\nsecond\ndata\n"
    with pytest.raises(OSError, match="Bad file descriptor"), open_output("/dev/fd/999"):
        pass


def test_a_descriptor_is_found_by_the_name_of_any_thread(here: Path) -> None:
    with open("log", "wb", buffering=0) as log:
        log.write(b"first\n")
        names = []

        def write() -> None:
            thread = threading.get_native_id()
            for folder in ("/proc/thread-self/fd", f"/proc/self/task/{thread}/fd", f"/proc/{thread}/fd"):
                names.append(f"{folder}/{log.fileno()}")
                with open_output(names[-1]) as file:
                    file.write(b"data\n")

        writing = threading.Thread(target=write)
        writing.start()
        writing.join()
        log.write(b"last\n")
    assert len(names) == 3
    assert Path("log").read_bytes() == b"first\n" + b"data\n" * 3 + b"last\n"


def test_the_descriptor_of_another_process_is_the_file_that_it_stands_for(here: Path) -> None:
    with open("log", "wb") as log:
        other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=log)
        with open_output(f"/proc/{other.pid}/fd/1") as file:
            file.write(b"data")
        other.communicate(b"\n")
    assert Path("log").read_bytes() == b"data"


def test_a_fifo_is_written_straight(here: Path) -> None:
    os.mkfifo("fifo")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(Path("fifo").read_bytes()))
    reader.start()
    with open_output("fifo") as file:
        file.write(b"data")
    reader.join()
    assert got == [b"data"]
    assert stat.S_ISFIFO(os.stat("fifo").st_mode)


def test_a_name_may_be_as_long_as_the_file_system_takes(here: Path) -> None:
    name = "y" * 255
    with open_output(name) as file:
        file.write(b"data")
    assert os.listdir() == [name]


def test_output_may_be_the_input(here: Path, run: Run) -> None:
    x = np.random.default_rng(0).normal(size=(5000, 30)).astype("f4")
    np.save("x.npy", x)
    expected = run("predict", "x.npy", "-u", 40, "-f", "npy", "--memory", "100K").out
    assert run("predict", "x.npy", "-u", 40, "--memory", "100K", "-o", "x.npy").code == 0
    assert Path("x.npy").read_bytes() == expected


def test_a_file_without_a_suffix_is_written_as_it_is_called(here: Path, run: Run) -> None:
    Path("x.json").write_text("[[1, 2]]")
    assert run("predict", "x.json", "-u", 2, "-f", "npz", "-o", "y").code == 0
    assert sorted(os.listdir()) == ["x.json", "y"]
    assert np.load("y")["probabilities"].shape == (1, 2)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("y.json", b'{"layer":'),
        ("y.jsonl", b'{"sample":0,'),
        ("y.NDJSON", b'{"sample":0,'),
        ("y.csv", b"sample,class,"),
        ("y.npy", b"\x93NUMPY"),
        ("y.npz", b"PK\x03\x04"),
        ("y.md", b"Dense(2, "),
        ("y.txt", b"Dense(2, "),
        ("y", b"Dense(2, "),
    ],
)
def test_the_suffix_of_the_output_says_its_format(name: str, start: bytes, here: Path, run: Run) -> None:
    Path("x.json").write_text("[[1, 2]]")
    ran = run("predict", "x.json", "-u", 2, "-o", name)
    assert ran == (b"", "", 0)
    assert Path(name).read_bytes().startswith(start)
