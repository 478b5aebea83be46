"""Faults around a run: whatever happens, no traceback, no half-written file, and the old file stands."""

from __future__ import annotations

import errno
import os
import pty
import random
import resource
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hostile import seeds
from hostile.process import Ended, densecli, end, environment, peak, start
from hostile.promise import require_kept

pytestmark = [pytest.mark.posix, pytest.mark.slow]


OLD = b"precious old content"

# Every command, on the files of the fixture `folder`.
COMMANDS: dict[str, list[object]] = {
    "predict": ["predict", "x3.npy", "-w", "w.npz", "-a", "softmax"],
    "slice": ["slice", "x3.npy", "-w", "w.npz", "-a", "softmax"],
    "decode": ["decode", "x3.npy", "-w", "w.npz", "-a", "softmax"],
    "init": ["init", "-i", 4, "-u", 3],
    "heads": ["heads", "w.npz"],
    "info": ["info", "x3.npy"],
    "compare": ["compare", "y.npy", "y.npy"],
    "check": ["check", "x3.npy", "-w", "w.npz", "-a", "softmax"],
}
every_command = pytest.mark.parametrize("command", COMMANDS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with small files of every kind."""
    (tmp_path / "x2.npy").write_bytes(seeds.npy(seeds.X2))
    (tmp_path / "x3.npy").write_bytes(seeds.npy(seeds.X3))
    (tmp_path / "y.npy").write_bytes(seeds.npy(seeds.Y3))
    (tmp_path / "w.npz").write_bytes(seeds.npz(kernel=seeds.KERNEL, bias=seeds.BIAS))
    (tmp_path / "labels.txt").write_text("cat\ndog\nbird\n")
    return tmp_path


def listing(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def failed(message: str) -> Ended:
    """What a run prints that ends in one error."""
    return Ended(2, b"", f"Error: {message}\n")


# --- standard streams --------------------------------------------------------------------------------


@every_command
def test_a_closed_standard_output_is_an_error(command: str, folder: Path) -> None:
    ended = densecli(*COMMANDS[command], cwd=folder, closed=[1])
    assert ended == failed("standard output: Bad file descriptor")


@every_command
def test_a_full_device_as_standard_output_is_an_error(command: str, folder: Path) -> None:
    with open("/dev/full", "wb") as full:
        assert densecli(*COMMANDS[command], cwd=folder, stdout=full) == failed(
            "standard output: No space left on device"
        )


@pytest.mark.parametrize("args", [["--help"], ["--version"]], ids=" ".join)
def test_help_that_cannot_be_printed_is_an_error(args: list[str], tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        ended = densecli(*args, cwd=tmp_path, stdout=full)
    assert ended == failed("standard output: No space left on device")


def test_a_closed_standard_output_or_error_does_not_harm_the_file_that_is_written(folder: Path) -> None:
    for closed in ([1], [2], [0, 1, 2]):
        ended = densecli(
            "predict", "x3.npy", "-w", "w.npz", "-a", "softmax", "-o", "y3.npy", cwd=folder, closed=closed
        )
        assert ended == Ended(0, b"", "")
        assert np.load(folder / "y3.npy").shape == (2, 5, 3)
        (folder / "y3.npy").unlink()


def test_an_error_without_a_standard_error_is_an_exit_code(folder: Path) -> None:
    assert densecli("predict", "nowhere.npy", "-u", 3, cwd=folder, closed=[2]) == Ended(2, b"", "")
    reading, writing = os.pipe()
    os.close(reading)
    assert densecli("predict", "nowhere.npy", "-u", 3, cwd=folder, stdout=writing).code == 2
    os.close(writing)


@pytest.mark.parametrize("format", ["table", "json", "jsonl", "csv"])
def test_notes_that_nobody_reads_do_not_harm_the_data(format: str, folder: Path) -> None:
    (folder / "nan.csv").write_text("1,2,3,nan\n1,2,3,4\n")
    args = ["predict", "nan.csv", "-w", "w.npz", "-a", "softmax", "-f", format]
    whole = densecli(*args, cwd=folder)
    assert whole.err.startswith("Note: 1 row has NaN or infinity")
    reading, unread = os.pipe()
    os.close(reading)
    full = os.open("/dev/full", os.O_WRONLY)
    for stderr in (unread, full):
        process = start(*args, cwd=folder, stderr=stderr)
        assert (process.communicate()[0], process.returncode) == (whole.out, 0)
        os.close(stderr)


def test_a_pipe_that_does_not_wait_is_waited_for(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((50_000, 4)))
    whole = densecli("predict", "x.npy", "-u", 3, "-f", "npy", cwd=tmp_path).out
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    process = start("predict", "x.npy", "-u", 3, "-f", "npy", cwd=tmp_path, stdout=writing)
    os.close(writing)
    time.sleep(0.5)  # by now the pipe is full
    with open(reading, "rb") as pipe:
        assert pipe.read() == whole
    assert end(process) == Ended(0, b"", "")
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    process = start("predict", "-", "-u", 3, "-f", "npy", cwd=tmp_path, stdin=reading)
    time.sleep(0.5)  # by now it waits for its input
    os.write(writing, b"[[1, 2, 3, 4]]")
    os.close(writing)
    assert end(process).code == 0
    os.close(reading)


@pytest.mark.parametrize("encoding", ["latin-1", "ascii:strict", "cp1252"])
@pytest.mark.parametrize("args", [["predict", "--help"], ["predict", "日本.npy", "-u", "3"]], ids=" ".join)
def test_what_an_encoding_does_not_have_is_shown_escaped(
    args: list[str], encoding: str, tmp_path: Path
) -> None:
    ended = densecli(*args, cwd=tmp_path, env=environment(PYTHONIOENCODING=encoding))
    if args[-1] == "--help":
        assert (ended.code, ended.err) == (0, "")
        assert b"Usage: densecli predict" in ended.out
    else:
        assert ended == Ended(2, b"", "Error: \\u65e5\\u672c.npy: No such file or directory\n")


def test_a_closed_standard_input_is_an_error(folder: Path) -> None:
    assert densecli("predict", "-", "-u", 3, cwd=folder, closed=[0]) == failed(
        "standard input: Bad file descriptor"
    )
    ended = densecli("predict", "-u", 3, cwd=folder, closed=[0])
    assert ended.code == 2
    assert ended.err.endswith("Error: INPUT is missing: a file, or - for standard input\n")


def test_an_empty_standard_input_is_an_error(folder: Path) -> None:
    message = "standard input: no data: the input is empty"
    assert densecli("predict", "-u", 3, cwd=folder) == failed(message)
    assert densecli("predict", "-", "-u", 3, cwd=folder, stdin=b"") == failed(message)


@pytest.mark.parametrize("size", [0, 1, 100, 4096, 70_000])
@pytest.mark.parametrize("format", ["table", "json", "jsonl", "csv", "npy", "npz"])
def test_a_reader_that_closes_the_pipe_at_any_byte_ends_it_quietly(
    format: str, size: int, tmp_path: Path
) -> None:
    np.save(tmp_path / "big.npy", np.ones((20_000, 4)))
    args = ["predict", "big.npy", "-u", 3, "-f", format, *(["--all"] if format == "table" else [])]
    process = start(*args, cwd=tmp_path)
    assert process.stdout is not None
    got = process.stdout.read(size)
    process.stdout.close()
    assert process.stderr is not None
    assert (len(got), process.wait(60), process.stderr.read()) == (size, 0, b"")
    process.stderr.close()


# --- where it runs -----------------------------------------------------------------------------------


def test_a_current_folder_that_is_gone_is_no_matter_for_full_names(folder: Path) -> None:
    gone = folder / "gone"
    gone.mkdir()

    def leave() -> None:
        gone.rmdir()

    args = ["predict", folder / "x3.npy", "-w", folder / "w.npz", "-a", "softmax"]
    ended = densecli(*args, "-o", folder / "y3.npy", cwd=gone, before=leave)
    assert ended == Ended(0, b"", "")
    assert np.load(folder / "y3.npy").shape == (2, 5, 3)
    gone.mkdir()
    ended = densecli(*args, "-o", "y3.npy", cwd=gone, before=leave)
    assert ended == failed("y3.npy: No such file or directory")


@pytest.mark.parametrize(
    "args",
    [
        ["predict", "FILE", "-u", 3],
        ["predict", "x2.npy", "-w", "FILE"],
        ["predict", "x2.npy", "-w", "w.npz", "-a", "softmax", "--labels", "FILE"],
        ["predict", "x3.npy", "-w", "w.npz", "-a", "softmax", "--mask", "FILE"],
        ["predict", "x3.npy", "-w", "w.npz", "-a", "softmax", "--lengths", "FILE"],
        ["predict", "x3.npy", "-w", "w.npz", "-a", "softmax", "--targets", "FILE"],
        ["heads", "FILE"],
        ["info", "FILE"],
        ["compare", "y.npy", "FILE"],
        ["check", "FILE"],
    ],
    ids=lambda args: " ".join(map(str, args)),
)
def test_what_is_no_file_is_refused_by_name_wherever_a_file_is_expected(
    args: list[object], folder: Path, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / "dir").mkdir()
    (folder / "loop").symlink_to("loop")
    (folder / "nowhere").symlink_to("gone")
    for file, reason in [
        ("missing", errno.ENOENT),
        ("nowhere", errno.ENOENT),
        ("dir", errno.EISDIR),
        ("loop", errno.ELOOP),
        ("w.npz/x", errno.ENOTDIR),
        ("n" * 300, errno.ENAMETOOLONG),
        ("/proc/self/mem", errno.EIO),
    ]:
        for suffix in ("", ".npy") if reason == errno.ENOENT else ("",):
            name = file + suffix
            ran = run(*[name if arg == "FILE" else arg for arg in args])
            said = os.strerror(reason)
            if file == "dir" and not {"heads", "--labels"} & set(args) and args[3:] != ["FILE"]:
                said = "expected files that hold arrays, found an empty folder"
            assert (ran.out, ran.err, ran.code) == (b"", f"Error: {name}: {said}\n", 2)


def test_a_fifo_is_waited_for_until_somebody_writes_to_it_or_ctrl_c(folder: Path) -> None:
    os.mkfifo(folder / "late")
    os.mkfifo(folder / "never")
    late = start("predict", "late", "-w", "w.npz", "-a", "softmax", "-f", "json", cwd=folder)
    waiting = [
        start(
            *("predict", "-u", 3), *(["never"] if option is None else ["x3.npy", option, "never"]), cwd=folder
        )
        for option in (None, "--labels", "--mask", "--lengths", "--targets")
    ]
    time.sleep(4)  # longer than a pipeline takes to begin
    assert [process.poll() for process in (late, *waiting)] == [None] * 6
    (folder / "late").write_bytes(seeds.npy(seeds.X3))
    assert end(late) == densecli(
        "predict", "x3.npy", "-w", "w.npz", "-a", "softmax", "-f", "json", cwd=folder
    )
    for process in waiting:
        process.send_signal(signal.SIGINT)
        assert end(process) == Ended(130, b"", "Interrupted.\n")


def test_weights_are_not_read_from_a_fifo(folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    reason = "not a regular file: weights are read from files, not from pipes"
    assert densecli("predict", "x3.npy", "--weights", "fifo", cwd=folder) == failed(f"fifo: {reason}")


@pytest.mark.parametrize(
    ("args", "endless", "refusal"),
    [
        (["predict", "--input-format", "json"], b"[", "a text that is parsed whole would take "),
        (["predict", "--input-format", "jsonl"], b"1,", "a line of such a length would take "),
        (["slice", "--input-format", "csv"], b"1,", "a line of such a length would take "),
        (["predict"], b"[1,", "a text that is parsed whole would take "),
        (["predict"], b"1,", "a line of such a length would take "),
        (["predict"], b"[[1, 2]]\n" + b"\n" * 100, "a text that is parsed whole would take "),
        (["predict", "--input-format", "npz"], b"\0", "not npz: it begins like "),
        (["predict", "x2.npy", "--targets"], b"0,", "a text that is parsed whole would take "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_endless_input_is_refused_in_bounded_memory(
    args: list[str], endless: bytes, refusal: str, folder: Path
) -> None:
    reading, writing = os.pipe()

    def feed() -> None:
        with suppress(BrokenPipeError), open(writing, "wb", buffering=0) as pipe:
            pipe.write(endless)
            while True:
                pipe.write(endless[-2:] * 50_000)

    feeder = threading.Thread(target=feed)
    feeder.start()
    limits = {resource.RLIMIT_AS: 3 << 29}
    ended = densecli(*args, "-", "-u", 3, cwd=folder, stdin_from=reading, limits=limits)
    os.close(reading)
    feeder.join()
    assert (ended.code, ended.out) == (2, b"")
    assert ended.err.startswith(f"Error: standard input: {refusal}")


def test_a_fifo_with_a_writer_is_a_file(folder: Path) -> None:
    os.mkfifo(folder / "fifo.npy")
    writer = threading.Thread(target=(folder / "fifo.npy").write_bytes, args=[seeds.npy(seeds.X3)])
    writer.start()
    ended = densecli("predict", "fifo.npy", "-w", "w.npz", "-a", "softmax", "-f", "json", cwd=folder)
    writer.join()
    assert ended == densecli("predict", "x3.npy", "-w", "w.npz", "-a", "softmax", "-f", "json", cwd=folder)


# --- output files ------------------------------------------------------------------------------------


@every_command
@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("", "-o: the output file has no name"),
        ("dir", "dir: Is a directory"),
        ("nowhere/y", "nowhere/y: the output folder does not exist"),
        ("x3.npy/y", "x3.npy/y: Not a directory"),
        ("loop", "loop: Too many levels of symbolic links"),
        ("/dev/full", "/dev/full: No space left on device"),
        ("n" * 300, f"{'n' * 300}: File name too long"),
    ],
    ids=lambda value: value[:20],
)
def test_an_output_that_cannot_be_written_is_refused_by_name(
    command: str, output: str, message: str, folder: Path, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / "dir").mkdir()
    (folder / "loop").symlink_to("loop")
    before = listing(folder)
    ran = run(*COMMANDS[command], "-o", output)
    assert (ran.out, ran.err, ran.code) == (b"", f"Error: {message}\n", 2)
    assert listing(folder) == before


@pytest.mark.parametrize("name", ["y", "y.unknown", "-y", ".y", "y z\n.npy", "\udcff.npy", "日本.npy"])
def test_a_name_is_written_as_it_is(name: str, folder: Path, run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    before = listing(folder)
    ran = run("predict", "x3.npy", "-w", "w.npz", "-a", "softmax", "-f", "npy", "-o", name)
    assert (ran.out, ran.err, ran.code) == (b"", "", 0)
    assert listing(folder) == {*before, name}
    assert np.load(name).shape == (2, 5, 3)


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_mode_that_the_umask_says(umask: int, folder: Path) -> None:
    assert densecli(*COMMANDS["predict"], "-o", "y.npy", cwd=folder, before=lambda: os.umask(umask)).code == 0
    (folder / "y.npy").unlink()
    densecli(*COMMANDS["predict"], "-o", "y.npy", cwd=folder, before=lambda: os.umask(umask))
    assert (folder / "y.npy").stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_file_that_is_replaced_keeps_its_mode(folder: Path) -> None:
    (folder / "y.npy").chmod(0o604)
    assert densecli(*COMMANDS["predict"], "-o", "y.npy", cwd=folder).code == 0
    assert (folder / "y.npy").stat().st_mode & 0o777 == 0o604


@pytest.mark.parametrize("kind", ["itself", "hard link", "symlink"])
def test_output_onto_the_input_gives_the_right_values(kind: str, folder: Path) -> None:
    expected = densecli("predict", "x3.npy", "-w", "w.npz", "-a", "softmax", "-f", "npy", cwd=folder).out
    output = "x3.npy" if kind == "itself" else "link.npy"
    if kind == "hard link":
        (folder / output).hardlink_to(folder / "x3.npy")
    elif kind == "symlink":
        (folder / output).symlink_to("x3.npy")
    assert densecli("predict", "x3.npy", "-w", "w.npz", "-a", "softmax", "-o", output, cwd=folder) == Ended(
        0, b"", ""
    )
    assert (folder / output).read_bytes() == expected
    # A hard link's other name keeps what it had; a symlink goes on pointing.
    assert ((folder / "x3.npy").read_bytes() == expected) == (kind != "hard link")
    assert (folder / output).is_symlink() == (kind == "symlink")


def test_output_onto_the_weights_or_labels_that_are_read_gives_the_right_values(folder: Path) -> None:
    args = ["predict", "x3.npy", "-w", "w.npz", "-a", "softmax", "--labels", "labels.txt", "-f", "json"]
    expected = densecli(*args, cwd=folder).out
    for name in ("labels.txt", "w.npz"):
        kept = (folder / name).read_bytes()
        assert densecli(*args, "-o", name, cwd=folder) == Ended(0, b"", "")
        assert (folder / name).read_bytes() == expected
        (folder / name).write_bytes(kept)


def test_a_symlink_to_nothing_is_filled(folder: Path) -> None:
    (folder / "link.npy").symlink_to("new.npy")
    assert densecli(*COMMANDS["predict"], "-o", "link.npy", cwd=folder).code == 0
    assert np.load(folder / "new.npy").shape == (2, 5, 3)


def test_devices_and_fifos_are_written_straight(folder: Path) -> None:
    expected = densecli("predict", "x3.npy", "-w", "w.npz", "-a", "softmax", "-f", "csv", cwd=folder).out
    for device in ("/dev/stdout", "/dev/fd/1", "-"):
        ended = densecli(
            "predict", "x3.npy", "-w", "w.npz", "-a", "softmax", "-f", "csv", "-o", device, cwd=folder
        )
        assert ended == Ended(0, expected, "")
    with open(folder / "log", "ab") as log:
        for _ in range(2):
            args = ("predict", "x3.npy", "-w", "w.npz", "-a", "softmax", "-f", "csv", "-o", "/dev/stdout")
            assert densecli(*args, cwd=folder, stdout=log) == Ended(0, b"", "")
    assert (folder / "log").read_bytes() == 2 * expected
    os.mkfifo(folder / "fifo")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((folder / "fifo").read_bytes()))
    reader.start()
    assert (
        densecli(
            "predict", "x3.npy", "-w", "w.npz", "-a", "softmax", "-f", "csv", "-o", "fifo", cwd=folder
        ).code
        == 0
    )
    reader.join()
    assert read == [expected]
    for format in ("table", "json", "npy", "npz"):
        args = ["predict", "x3.npy", "-w", "w.npz", "-a", "softmax", "-f", format]
        assert densecli(*args, "-o", os.devnull, cwd=folder) == Ended(0, b"", "")
        with open(os.devnull, "wb") as null:
            assert densecli(*args, cwd=folder, stdout=null) == Ended(0, b"", "")
    assert densecli("init", "-i", 2, "-u", 2, "-f", "npz", "-o", os.devnull, cwd=folder).code == 0


# --- limits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["table", "json", "jsonl", "csv", "npy", "npz", "markdown"])
def test_a_size_limit_leaves_the_old_file_and_nothing_else(format: str, tmp_path: Path) -> None:
    np.save(tmp_path / "big.npy", np.ones((8000, 4)))
    (tmp_path / "out").write_bytes(OLD)
    ended = densecli(
        *("predict", "big.npy", "-u", 3, "-f", format, "-o", "out"),
        *(["--all"] if format in ("table", "markdown") else []),
        cwd=tmp_path,
        limits={resource.RLIMIT_FSIZE: 65536},
    )
    place = f"output in the temporary folder {tempfile.gettempdir()} (TMPDIR)"
    assert ended == failed(f"{place if format == 'npz' else 'out'}: File too large")
    assert listing(tmp_path) == {"big.npy", "out"}
    assert (tmp_path / "out").read_bytes() == OLD


def test_init_under_a_size_limit_leaves_no_file(tmp_path: Path) -> None:
    ended = densecli(
        *("init", "-i", 300, "-u", 300, "-o", "head.npz"), cwd=tmp_path, limits={resource.RLIMIT_FSIZE: 65536}
    )
    assert ended == failed("head.npz: File too large")
    assert listing(tmp_path) == set()


NO_MEMORY = "Error: not enough memory\nHint: a smaller --memory, fewer --threads or --units\n"


@pytest.mark.parametrize(
    "args", [["predict", "x2.npy", "-u", 60_000_000], ["init", "-i", 16, "-u", 60_000_000]]
)
def test_too_little_memory_is_an_error_and_leaves_no_file(args: list[object], folder: Path) -> None:
    before = listing(folder)
    ended = densecli(*args, "-o", "out.npz", cwd=folder, limits={resource.RLIMIT_AS: 1 << 30})
    assert ended == Ended(2, b"", NO_MEMORY)
    assert listing(folder) == before


@pytest.mark.parametrize("mebibytes", [48, 64, 80, 90, 100])
@pytest.mark.parametrize("command", ["predict", "init", "heads", "info", "compare"])
def test_less_memory_than_numpy_takes_is_an_error(command: str, mebibytes: int, folder: Path) -> None:
    args: list[object] = {
        "predict": ["x2.npy", "-u", 3],
        "init": ["-i", 2, "-u", 3, "-o", "out.npz"],
        "heads": ["w.npz"],
        "info": ["x2.npy"],
        "compare": ["x2.npy", "x2.npy"],
    }[command]
    limits = {resource.RLIMIT_AS: mebibytes << 20}
    assert densecli(command, *args, cwd=folder, limits=limits) == Ended(2, b"", NO_MEMORY)


@pytest.mark.parametrize(
    ("error", "err"),
    [
        ("ImportError('x.so: failed to map segment from shared object')", NO_MEMORY),
        ("ImportError('x.so: cannot allocate memory in static TLS block')", NO_MEMORY),
        ('RuntimeError("can\'t start new thread")', NO_MEMORY),
        ("OSError(12, 'Cannot allocate memory', 'x')", NO_MEMORY),
        ("MemoryError()", NO_MEMORY),
        (
            "ImportError('no such symbol')",
            "Error: a fault of densecli itself: ImportError: no such symbol\n"
            "Hint: please report it with its input; python -X dev -m dense_cli shows where it is\n",
        ),
    ],
)
def test_want_of_memory_is_told_from_a_fault(error: str, err: str, folder: Path) -> None:
    (folder / "first").mkdir()
    (folder / "first" / "numpy.py").write_text(f"raise {error}\n")
    env = environment(PYTHONPATH=str(folder / "first"))
    ended = densecli("predict", folder / "x3.npy", "-u", 3, cwd=folder, env=env)
    assert ended == Ended(2, b"", err)


def test_a_sparse_file_of_eight_gibibytes_is_read_where_it_is_asked_for(tmp_path: Path) -> None:
    header = seeds.npy(np.empty((0, 4)))[:128].replace(b"(0, 4)", b"(268435456, 4)", 1)
    with open(tmp_path / "x.npy", "wb") as file:
        file.write(header[:118] + b" " * 9 + b"\n")
        file.truncate(128 + (8 << 30))
    ended = densecli(
        *("predict", "x.npy", "-u", 3, "-b", -1, "-f", "jsonl"),
        cwd=tmp_path,
        limits={resource.RLIMIT_AS: 1 << 30},
    )
    third = "0.33333334"
    assert ended == Ended(
        0, f'{{"sample":268435455,"probabilities":[{third},{third},{third}],"class":0}}\n'.encode(), ""
    )


@pytest.mark.parametrize(
    ("name", "content", "shape"),
    [
        ("t.json", b"[" + b"[0]," * (2 << 20) + b"[0]]", "(2097153, 1)"),
        ("t.jsonl", b"[0]\n" * (2 << 20), "(2097152, 1)"),
        ("t.csv", b"0\n" * (4 << 20), "(4194304,)"),
        ("t.csv", b"0,-1\n" * (2 << 20), "(2097152, 2)"),
    ],
    ids=["json", "jsonl", "csv", "csv of steps"],
)
def test_targets_take_a_small_multiple_of_their_text(
    name: str, content: bytes, shape: str, folder: Path
) -> None:
    (folder / name).write_bytes(content)
    limits = {resource.RLIMIT_AS: 450 << 20}
    ended = densecli(
        "predict", "x2.npy", "-w", "w.npz", "-a", "softmax", "--targets", name, cwd=folder, limits=limits
    )
    assert ended == failed(f"{name}: expected one target for each class, shape (6,), found {shape}")


def test_lines_without_labels_take_no_memory(folder: Path) -> None:
    (folder / "l.txt").write_bytes(b"\n" * (64 << 20))
    limits = {resource.RLIMIT_AS: 640 << 20}
    args = ["predict", "x2.npy", "-w", "w.npz", "-a", "softmax", "-f", "csv"]
    ended = densecli(*args, "--labels", "l.txt", cwd=folder, limits=limits)
    (folder / "l.txt").write_bytes(b"\n\n\n")
    assert ended == densecli(*args, "--labels", "l.txt", cwd=folder)
    assert ended.code == 0


@pytest.mark.parametrize(
    "args",
    [["predict", "x1.npy", "-u", 1_000_000], ["init", "-i", 2, "-u", 1_000_000]],
    ids=lambda args: args[0],
)
def test_a_table_of_a_million_classes_takes_little_more_memory_than_csv_or_json(
    args: list[object], tmp_path: Path
) -> None:
    np.save(tmp_path / "x1.npy", np.ones((1, 2), np.float32))
    other = peak(*args, "-f", "json", cwd=tmp_path)
    assert peak(*args, cwd=tmp_path) < other + (64 << 20)


def test_rows_of_a_stream_that_is_gone_back_to_take_no_memory_each(tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_bytes(b"1\n")
    (tmp_path / "many.csv").write_bytes(b"1\n" * 4_000_000)
    few = peak("compare", "few.csv", "few.csv", cwd=tmp_path)
    assert peak("compare", "many.csv", "many.csv", cwd=tmp_path) < few + (64 << 20)


@pytest.mark.parametrize(
    "args", [["slice", "-f", "npy"], ["slice", "-t", -1, "-f", "npy"], ["predict", "-f", "npy"], ["info"]]
)
def test_a_piped_array_takes_little_more_memory_than_a_file(args: list[object], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((6_000_000, 2, 1), np.int8))
    command, options = args[0], [*args[1:], *([] if args[0] == "info" else ["-w", "w.npz", "-a", "softmax"])]
    (tmp_path / "w.npz").write_bytes(seeds.npz(kernel=np.ones((1, 2), np.float32)))
    from_file = peak(command, "x.npy", *options, cwd=tmp_path)
    pouring = subprocess.Popen(["cat", "x.npy"], cwd=tmp_path, stdout=subprocess.PIPE)
    from_pipe = peak(command, "-", *options, cwd=tmp_path, stdin=pouring.stdout)
    pouring.communicate()
    assert from_pipe < from_file + (40 << 20)


@pytest.mark.parametrize("option", ["--labels", "--mask", "--lengths", "--targets", "--weights"])
def test_a_sparse_file_of_eight_gibibytes_is_refused_in_little_memory(option: str, folder: Path) -> None:
    with open(folder / "sparse", "wb") as file:
        file.truncate(8 << 30)
    args = ["x3.npy", *([] if option == "--weights" else ["-u", 3]), option, "sparse"]
    ended = densecli("predict", *args, cwd=folder, limits={resource.RLIMIT_AS: 2 << 30})
    require_kept("predict", ended.code, ended.out, ended.err)
    assert ended.err.startswith("Error: sparse: ")


# --- signals -----------------------------------------------------------------------------------------


def writing(folder: Path, *, old: bool) -> subprocess.Popen[bytes]:
    """Start a run that waits in the middle of writing out.npy: its input is a pipe that stays open."""
    if old:
        (folder / "out.npy").write_bytes(OLD)
    process = start(
        *("predict", "-", "-u", 50, "-f", "npy", "-o", "out.npy"), cwd=folder, stdin=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(b"[1,2,3,4]\n" * 2000)
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while not holds_a_file(process, folder) and time.monotonic() < deadline:
        time.sleep(0.005)
    return process


def holds_a_file(process: subprocess.Popen[bytes], folder: Path) -> bool:
    """Whether a process has a file of ``folder`` open, be it one without a name."""
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it was closed meanwhile
            if os.readlink(link).startswith(f"{folder}/"):
                return True
    return False


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize(
    ("signum", "code", "err"),
    [
        (signal.SIGINT, 130, "Interrupted.\n"),
        (signal.SIGTERM, 143, ""),
        (signal.SIGHUP, 129, ""),
        (signal.SIGKILL, -9, ""),
    ],
)
def test_a_signal_at_any_moment_of_a_write_leaves_the_old_file_or_none(
    signum: signal.Signals, code: int, err: str, old: bool, tmp_path: Path
) -> None:
    moments = random.Random(signum + old)
    for attempt in range(2):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        process = writing(folder, old=old)
        time.sleep(moments.uniform(0, 0.05))
        process.send_signal(signum)
        assert end(process) == Ended(code, b"", err)
        assert listing(folder) == ({"out.npy"} if old else set())
        assert not old or (folder / "out.npy").read_bytes() == OLD


def test_two_signals_leave_no_file_either(tmp_path: Path) -> None:
    process = writing(tmp_path, old=False)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    assert end(process).code in (130, 143)
    assert listing(tmp_path) == set()


@pytest.mark.parametrize(
    ("module", "signum", "code", "err"),
    [
        ("click", signal.SIGINT, -2, ""),
        ("click", signal.SIGTERM, -15, ""),
        ("numpy", signal.SIGINT, 130, "Interrupted.\n"),
        ("numpy", signal.SIGTERM, 143, ""),
        ("numpy", signal.SIGHUP, 129, ""),
    ],
)
def test_a_signal_in_the_middle_of_an_import_ends_it_quietly(
    module: str, signum: signal.Signals, code: int, err: str, folder: Path
) -> None:
    (folder / "first").mkdir()
    (folder / "first" / f"{module}.py").write_text(f"import os; os.kill(os.getpid(), {int(signum)})\n")
    env = environment(PYTHONPATH=str(folder / "first"))
    assert densecli("predict", folder / "x3.npy", "-u", 3, cwd=folder, env=env) == Ended(code, b"", err)


def test_signals_that_are_ignored_stay_so(tmp_path: Path) -> None:
    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    process = start("predict", "-", "-u", 3, "-f", "csv", cwd=tmp_path, stdin=subprocess.PIPE, before=ignore)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"[1, 2]\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"sample,class,p0,p1,p2\n"
    assert process.stdout.readline().startswith(b"0,")
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGINT)
    ended = end(process, b"[3, 4]\n")
    assert (ended.code, ended.out[:2], ended.err) == (0, b"1,", "")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_at_any_moment_of_a_run_leaves_the_old_file_or_the_new_one_whole(
    signum: signal.Signals, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", np.ones((100_000, 4), np.float32))
    args = ["predict", "x.npy", "-u", 50, "-o", "out.npy"]
    began = time.monotonic()
    assert densecli(*args, cwd=tmp_path) == Ended(0, b"", "")
    took = time.monotonic() - began
    new = (tmp_path / "out.npy").read_bytes()
    moments = random.Random(signum)
    for _ in range(6):
        (tmp_path / "out.npy").write_bytes(OLD)
        process = start(*args, cwd=tmp_path)
        time.sleep(moments.uniform(0.3, 1.1) * took)
        process.send_signal(signum)
        ended = end(process)
        assert "Traceback" not in ended.err
        # A signal may come between the file's new name and the end of the process.
        assert (tmp_path / "out.npy").read_bytes() in ((new,) if ended.code == 0 else (OLD, new))
        assert listing(tmp_path) == {"x.npy", "out.npy"}


def test_a_failing_input_leaves_the_old_file(tmp_path: Path) -> None:
    process = writing(tmp_path, old=True)
    ended = end(process, b"[1,2,3]\n")
    assert ended.code == 2
    assert ended.err.startswith("Error: standard input: line 2001: shape (3,) differs from the first line's")
    assert listing(tmp_path) == {"out.npy"}
    assert (tmp_path / "out.npy").read_bytes() == OLD


# --- inputs that fail while they are read ------------------------------------------------------------


def test_a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((200_000, 4)))
    process = start("predict", "x.npy", "-u", 3, "-f", "jsonl", cwd=tmp_path)
    assert process.stdout is not None
    process.stdout.read(1)  # now it waits for the rest of its output to be read
    os.truncate(tmp_path / "x.npy", 128)
    ended = end(process)
    assert ended.code == 2
    assert ended.err.startswith("Error: x.npy: the file ended at byte ")
    assert ended.err.count("\n") == 1


def test_an_input_error_while_reading_names_the_input(folder: Path) -> None:
    master, slave = pty.openpty()
    os.close(slave)  # reading from a terminal whose other end is gone is EIO
    assert end(start("predict", "-", "-u", 3, cwd=folder, stdin=master)) == failed(
        "standard input: Input/output error"
    )
    ended = end(start("predict", "-", "-u", 3, "-o", "out.npy", cwd=folder, stdin=master))
    assert ended == failed("standard input: Input/output error")
    assert not (folder / "out.npy").exists()
    os.close(master)


def test_weights_that_are_written_anew_while_a_pipe_flows_change_nothing(tmp_path: Path) -> None:
    kernel = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    (tmp_path / "w.npz").write_bytes(seeds.npz(kernel=kernel))
    args = ["predict", "-", "-w", "w.npz", "-a", "linear", "-f", "csv"]
    process = start(*args, cwd=tmp_path, stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"[1, 0]\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"sample,class,p0,p1\n"
    assert process.stdout.readline() == b"0,1,1.0,2.0\n"
    os.truncate(tmp_path / "w.npz", 0)
    assert end(process, b"[0, 1]\n") == Ended(0, b"1,1,3.0,4.0\n", "")


# --- odd surroundings --------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["csv", "jsonl", "npy"])
def test_an_output_without_a_buffer_is_written_whole_or_an_error(format: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((3000, 4), np.float32))
    args = ["predict", "x.npy", "-u", 3, "-f", format]
    whole = densecli(*args, cwd=tmp_path)
    env = environment(PYTHONUNBUFFERED="1")
    assert densecli(*args, cwd=tmp_path, env=env) == whole
    with open(tmp_path / "out", "wb") as out:
        limits = {resource.RLIMIT_FSIZE: 4096}
        ended = densecli(*args, cwd=tmp_path, env=env, stdout=out, limits=limits)
    assert ended == failed("standard output: File too large")


@pytest.mark.parametrize("columns", ["²", "-5", "0", "many", "9" * 30])
def test_a_width_that_is_no_number_is_none(columns: str, folder: Path) -> None:
    args = ["predict", "x2.npy", "-w", "w.npz", "-a", "softmax"]
    env = environment(COLUMNS=columns, LINES=columns)
    assert densecli(*args, cwd=folder, env=env) == densecli(*args, cwd=folder)


def test_too_few_descriptors_are_an_error(folder: Path) -> None:
    args = [
        "predict",
        "x2.npy",
        "-w",
        "w.npz",
        "-a",
        "softmax",
        "-f",
        "npz",
        "-o",
        "y.npz",
        "--show",
        "logits",
    ]
    args += ["--measure", "entropy", "--measure", "margin", "--measure", "confidence"]
    ended = densecli(*args, cwd=folder, limits={resource.RLIMIT_NOFILE: 9})
    require_kept("predict", ended.code, ended.out, ended.err)
    assert (ended.code, (folder / "y.npz").exists()) == (2, False)
