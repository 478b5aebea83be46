"""densecli as a process of its own, in an empty folder, under limits and faults."""

from __future__ import annotations

import os
import pty
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

COMMAND = [sys.executable, "-m", "dense_cli"]
_PATIENCE = 60  # seconds after which a process that does not end is killed, and the test fails


class Ended(NamedTuple):
    """What a process printed and how it ended."""

    code: int
    out: bytes
    err: str


def environment(**changes: str | None) -> dict[str, str]:
    """Return the environment without what would change how a table looks; None takes a variable out."""
    env = {
        k: v
        for k, v in os.environ.items()
        if k not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM")
    }
    for name, value in {"PYTHONIOENCODING": None, **changes}.items():
        env.pop(name, None)
        if value is not None:
            env[name] = value
    return env


def start(
    *args: object,
    cwd: Path,
    stdin: Any = subprocess.DEVNULL,
    stdout: Any = subprocess.PIPE,
    stderr: Any = subprocess.PIPE,
    limits: dict[int, int] | None = None,
    closed: Sequence[int] = (),
    before: Callable[[], None] | None = None,
    env: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start densecli with resource ``limits``, some standard streams ``closed``, after calling ``before``."""

    def prepare() -> None:
        for name, value in (limits or {}).items():
            resource.setrlimit(name, (value, value))
        for number in closed:
            os.close(number)
        if before is not None:
            before()

    return subprocess.Popen(
        [*COMMAND, *map(str, args)],
        cwd=cwd,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        preexec_fn=prepare,
        env=env or environment(),
    )


def end(process: subprocess.Popen[bytes], stdin: bytes | None = None) -> Ended:
    """Wait for a process."""
    try:
        out, err = process.communicate(stdin, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return Ended(process.returncode, out or b"", err.decode())


def densecli(
    *args: object, cwd: Path, stdin: bytes | None = None, stdin_from: Any = None, **options: Any
) -> Ended:
    """Run densecli to its end, with ``stdin`` as its standard input, or what ``stdin_from`` gives."""
    source = subprocess.PIPE if stdin is not None else stdin_from or subprocess.DEVNULL
    return end(start(*args, cwd=cwd, stdin=source, **options), stdin)


def peak(*args: object, cwd: Path, stdin: Any = subprocess.DEVNULL) -> int:
    """Run densecli to its end without a fault, its output unread, and return the bytes it held at most."""
    process = start(*args, cwd=cwd, stdin=stdin, stdout=subprocess.DEVNULL, stderr=None)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss * 1024


def on_terminal(*args: object, cwd: Path, columns: int = 80, env: dict[str, str] | None = None) -> Ended:
    """Run densecli with its standard output on a terminal of so many columns."""
    import fcntl
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = start(*args, cwd=cwd, stdin=slave, stdout=slave, env=env or environment(TERM="xterm-256color"))
    os.close(slave)
    out = bytearray()
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if not select.select([master], [], [], 0.1)[0]:
            continue
        try:
            piece = os.read(master, 1 << 16)
        except OSError:  # the terminal's other end is closed
            break
        if not piece:
            break
        out += piece
    ended = end(process)
    os.close(master)
    return Ended(ended.code, bytes(out).replace(b"\r\n", b"\n"), ended.err)


def interrupt(process: subprocess.Popen[bytes], signum: signal.Signals, after: float) -> Ended:
    """Send a signal after so many seconds and wait."""
    time.sleep(after)
    process.send_signal(signum)
    return end(process)
