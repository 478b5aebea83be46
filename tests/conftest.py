"""What the tests share: the command line in this process, with bytes on a real standard input."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, settings

from dense_cli.cli.main import cli

os.environ.pop("KERAS_BACKEND", None)  # it says whose random numbers are drawn where nothing else does

# How long an example takes says something of the machine alone.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

collect_ignore = ["keras_stand_in.py"]  # a plugin that only Keras' own tests are run with

SAMPLES = Path(__file__).parent.parent / "samples"


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Look for tests in test files alone: the others may need what is not installed.

    On Windows, files whose tests are marked `posix` are left out.
    """
    if (
        os.name == "nt"
        and collection_path.suffix == ".py"
        and "mark.posix" in collection_path.read_text("utf-8")
    ):
        return True  # what it imports may not be there
    other = collection_path.suffix == ".py" and not collection_path.name.startswith(("test_", "conftest"))
    return True if other or collection_path.name == "data" else None


class Ran(NamedTuple):
    """What a run printed and how it ended."""

    out: bytes
    err: str
    code: int

    @property
    def text(self) -> str:
        return self.out.decode()


Run = Callable[..., Ran]


def _run(*args: object, stdin: bytes = b"", piece: int = 1 << 16, env: dict[str, str] | None = None) -> Ran:
    """Run ``densecli ARGS``; ``stdin`` comes through a pipe, ``piece`` bytes at a time."""
    reading, writing = os.pipe()

    ended = threading.Event()

    def feed() -> None:
        os.set_blocking(writing, False)
        left = memoryview(stdin)
        try:
            while left and not ended.is_set():
                try:
                    left = left[os.write(writing, left[:piece]) :]
                except BlockingIOError:  # the pipe is full: wait for densecli, unless it has ended
                    ended.wait(0.001)
        except BrokenPipeError:
            pass  # densecli has read as much as it needs
        finally:
            os.close(writing)

    feeder = threading.Thread(target=feed)
    kept = os.dup(0)
    os.dup2(reading, 0)
    os.close(reading)
    feeder.start()
    try:
        result = CliRunner(env=env).invoke(cli, [str(arg) for arg in args], prog_name="densecli")
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        ended.set()
        feeder.join()
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.stdout_bytes, result.stderr, result.exit_code)


@pytest.fixture(scope="session")
def run() -> Run:
    """Return a function that runs the command line."""
    return _run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, which is the current one, so that messages have short names."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
