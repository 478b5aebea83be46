"""Real files of every format, damaged at random: a run ends in 0, or in 2 with one line.

A short, repeatable campaign runs with the other tests. The long one is left out unless it is asked for:
``DENSECLI_FUZZ_MINUTES=30 pytest -m fuzz -s tests/test_fuzz.py``.
"""

from __future__ import annotations

import faulthandler
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hostile import seeds
from hostile.promise import require_kept
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

pytestmark = [pytest.mark.posix, pytest.mark.slow]


_SECONDS = 30  # a run of a few kilobytes takes some hundredths
_MEBIBYTES = 1024
_EXECUTIONS = [0]

# What takes a parser where bytes at random seldom lead.
_TOKENS = [
    *(b"[", b"]", b"{", b"}", b",", b'"', b"\n", b"\r", b"\0", b"\\", b":", b"-", b"(", b")", b"'", b";"),
    *(b"NaN", b"nan", b"inf", b"null", b"true", b"1e999", b"-0.0", b"1_0", b"0x1", b"\xff", b"\xef\xbb\xbf"),
    *(b"[" * 1000, b"9" * 400, b'{"a":' * 300, b"PK\x03\x04", b"PK\x05\x06", b"\x93NUMPY", b"|O", b"<c16"),
    *(b"'shape': (0, 4)", b"99999999999", b'"sample"', b'"t":', b"probabilities", b"layer", b"\x1b[31m"),
]
_INTEGERS = [
    value.to_bytes(size, "little")
    for size in (1, 2, 4, 8)
    for value in (0, 1, 2**7, 2**15 - 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1)
    if value < 256**size
]


@st.composite
def damaged(draw: st.DrawFn, files: dict[str, bytes]) -> tuple[str, bytes]:
    """Draw a file's name and its bytes, after one to four changes."""
    name = draw(st.sampled_from(sorted(files)))
    content = bytearray(files[name])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(content) - 1, 0)))
        kind = draw(st.sampled_from(["flip", "set", "write", "insert", "delete", "repeat", "cut", "digit"]))
        if kind == "flip" and content:
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "set" and content:
            content[at] = draw(st.integers(0, 255))
        elif kind == "write":
            value = draw(st.sampled_from(_INTEGERS))
            content[at : at + len(value)] = value
        elif kind == "insert":
            content[at:at] = draw(st.sampled_from(_TOKENS) | st.binary(max_size=8))
        elif kind == "delete":
            del content[at : at + draw(st.integers(1, 64))]
        elif kind == "repeat":
            content[at:at] = content[at : at + draw(st.integers(1, 64))] * draw(st.integers(1, 8))
        elif kind == "cut":
            del content[at:]
        else:  # numbers in text: sizes, places and values
            places = [match.span() for match in re.finditer(rb"\d+", bytes(content[:4096]))]
            if places:
                start, end = draw(st.sampled_from(places))
                content[start:end] = draw(
                    st.sampled_from([b"0", b"-1", b"7", b"2147483648", b"9" * 19, b"1e5"])
                )
    suffix = os.path.splitext(name)[1]
    # Now and then under the suffix of another format, or none.
    other = draw(
        st.sampled_from(
            [None] * 6
            + ["", ".npy", ".npz", ".json", ".jsonl", ".csv", ".h5", ".safetensors", ".parquet", ".arrow"]
        )
    )
    return "fuzz" + (suffix if other is None else other), bytes(content)


Command = Callable[[str], list[object]]


def _x(folder: Path, name: str) -> str:
    path = folder / f"whole-{name}"
    if not path.exists():
        path.write_bytes(seeds.arrays()[name])
    return str(path)


def campaigns(folder: Path) -> dict[str, tuple[dict[str, bytes], list[Command]]]:
    """Return what is fuzzed: files by name, and the commands that take one of them."""
    for name, content in seeds.beside().items():
        (folder / name).write_bytes(content)
    x2, x3, y = _x(folder, "x2.npy"), _x(folder, "x3.npy"), _x(folder, "y.npy")
    return {
        "arrays": (
            seeds.arrays(),
            [
                lambda file: ["predict", file, "-u", 3, "-f", "json"],
                lambda file: ["predict", file, "-u", 3, "-l", "dense", "-f", "json", "--key", "deflated"],
                lambda file: ["predict", file, "-u", 3, "-b", "1:", "-k", 2, "-f", "csv"],
                lambda file: ["predict", file, "-u", 3, "-f", "markdown", "--explain", "auto"],
                lambda file: ["slice", file, "-u", 3],
                lambda file: ["slice", file, "-u", 3, "-b", -1, "-t", "1:", "-f", "npz", "-o", os.devnull],
                lambda file: ["slice", file, "-t", -1, "-f", "npy", "-o", os.devnull],
                lambda file: ["decode", file, "-f", "jsonl"],
                lambda file: ["info", file],
                lambda file: ["compare", file, y],
                lambda file: ["check", file],
            ],
        ),
        "weights": (
            seeds.weights(),
            [
                lambda file: ["predict", x2, "-w", file, "-f", "json"],
                lambda file: ["check", x2, "-w", file],
                lambda file: ["heads", file],
                lambda file: ["info", file],
            ],
        ),
        "labels": (
            seeds.labels(),
            [
                lambda file: ["predict", x2, "-u", 3, "--labels", file],
                lambda file: ["decode", y, "--labels", file],
                lambda file: ["decode", y, "--labels", file, "--pieces", "auto", "--beam", 2],
                lambda file: ["predict", x3, "-u", 3, "-k", 2, "--labels", file, "-f", "jsonl"],
            ],
        ),
        "masks": (
            seeds.masks(),
            [
                lambda file: ["predict", x3, "-u", 3, "--mask", file],
                lambda file: ["predict", x3, "-u", 3, "--lengths", file],
                lambda file: ["predict", x3, "-u", 3, "--targets", file],
            ],
        ),
    }


@contextmanager
def bounded() -> Iterator[None]:
    """Let a run that does not end, or takes the machine's memory, fail instead."""

    def late(signum: int, frame: object) -> None:
        raise AssertionError(f"no end within {_SECONDS} seconds")

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + (_MEBIBYTES << 20), hard))
    kept = signal.signal(signal.SIGALRM, late)
    signal.alarm(_SECONDS)
    # A library's own loop does not come back to Python: then the process ends, and the file is left.
    faulthandler.dump_traceback_later(2 * _SECONDS, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, kept)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def campaign(name: str, run: Callable[..., object], folder: Path, config: settings) -> Callable[[], None]:
    """Return a campaign as a function to be called."""
    files, commands = campaigns(folder)[name]

    @config
    @given(damaged(files), st.sampled_from(commands))
    def attack(file: tuple[str, bytes], command: Command) -> None:
        path = folder / file[0]
        path.write_bytes(file[1])
        args = command(str(path))
        with bounded():
            ran = run(*args, env={"FORCE_COLOR": None})
        _EXECUTIONS[0] += 1
        assert "not enough memory" not in ran.err, f"more than {_MEBIBYTES} MiB"
        require_kept(str(args[0]), ran.code, ran.out, ran.err)

    return attack


@pytest.mark.parametrize(
    ("name", "examples"), [("arrays", 900), ("weights", 400), ("labels", 200), ("masks", 200)]
)
def test_a_damaged_file_ends_in_a_result_or_in_one_line(
    name: str, examples: int, run, tmp_path: Path
) -> None:
    config = settings(max_examples=examples, deadline=None, derandomize=True, database=None)
    campaign(name, run, tmp_path, config)()


@pytest.mark.fuzz
def test_damaged_files_end_in_a_result_or_in_one_line_for_as_long_as_wanted(run, tmp_path: Path) -> None:
    minutes = float(os.environ.get("DENSECLI_FUZZ_MINUTES", "5"))
    config = settings(
        max_examples=500,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        for name in ("arrays", "weights", "labels", "masks"):
            campaign(name, run, tmp_path, config)()
    print(f"{_EXECUTIONS[0]} executions in {minutes:g} minutes, no finding")
