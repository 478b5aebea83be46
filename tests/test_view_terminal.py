"""``densecli view`` in a pseudo-terminal: how it ends, and what it writes where there is to be no colour."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import sys
import termios
import time
from pathlib import Path

import pytest
from conftest import SAMPLES

pytestmark = [pytest.mark.posix, pytest.mark.slow]

DIGITS = (SAMPLES / "digits.npy", "-w", SAMPLES / "digits.keras", "--labels", SAMPLES / "digits.txt")
LEFT = b"\x1b[?1049l"  # the other screen is left


class Terminal:
    """densecli on a terminal of its own."""

    def __init__(self, *args: object, stdin: Path | None = None, **environment: str) -> None:
        self.child, self.fd = pty.fork()
        if not self.child:
            os.environ.update({"TERM": "xterm-256color", **environment})
            if stdin is not None:
                os.dup2(os.open(stdin, os.O_RDONLY), 0)
            os.execv(sys.executable, [sys.executable, "-m", "dense_cli", "view", *map(str, args)])
        termios.tcsetwinsize(self.fd, (24, 80))
        self.out = b""

    def read(self, until: bytes) -> None:
        """Read until the screen holds something, or nothing more comes."""
        limit = time.monotonic() + 60
        while until not in self.out and time.monotonic() < limit:
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    data = os.read(self.fd, 1 << 16)
                except OSError:  # the other side is closed
                    return
                self.out += data
        assert until in self.out, self.out[-500:]

    def end(self) -> int:
        """Return the exit code, with all that was written read where the terminal is there."""
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            ended, status = os.waitpid(self.child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            if self.fd >= 0 and select.select([self.fd], [], [], 0.05)[0]:
                try:
                    self.out += os.read(self.fd, 1 << 16)
                except OSError:
                    time.sleep(0.05)
        os.kill(self.child, signal.SIGKILL)
        raise AssertionError("it did not end")


@pytest.mark.parametrize(
    ("how", "code"),
    [
        (b"q", 0),
        (b"\x03", 130),
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 129),
    ],
)
def test_however_it_ends_the_terminal_is_as_it_was(how: bytes | signal.Signals, code: int) -> None:
    terminal = Terminal(*DIGITS)
    terminal.read(b"0.2481")
    if isinstance(how, bytes):
        os.write(terminal.fd, how)
    else:
        os.kill(terminal.child, how)
    terminal.read(LEFT)
    assert terminal.end() == code
    assert b"\x1b[?25h" in terminal.out.partition(LEFT)[2]  # the cursor is back
    assert b"Traceback" not in terminal.out
    os.close(terminal.fd)


def test_a_closed_terminal_ends_it() -> None:
    terminal = Terminal(*DIGITS)
    terminal.read(b"0.2481")
    os.close(terminal.fd)
    terminal.fd = -1
    assert terminal.end() == 129


def test_a_pipe_is_looked_at_and_the_keys_come_from_the_terminal() -> None:
    terminal = Terminal("-", *DIGITS[1:], stdin=SAMPLES / "digits.npy")
    terminal.read(b"0.2481")
    os.write(terminal.fd, b"q")
    assert terminal.end() == 0


def test_no_color_is_no_colour() -> None:
    colours = re.compile(rb"\x1b\[[0-9;]*\b(3[0-8]|4[0-8]|9[0-7]|10[0-7])\b[0-9;]*m")
    plain, coloured = Terminal(*DIGITS, NO_COLOR="1"), Terminal(*DIGITS)
    for terminal in (plain, coloured):
        terminal.read(b"0.2481")
        terminal.read("●".encode())
        os.write(terminal.fd, b"q")
        assert terminal.end() == 0
    assert not colours.search(plain.out)
    assert colours.search(coloured.out)


def test_a_terminal_that_cannot_be_drawn_on_is_refused() -> None:
    terminal = Terminal(*DIGITS, TERM="dumb")
    terminal.read(b"plot and predict")
    assert terminal.end() == 2
