"""Completion in the shells themselves, and what each option completes."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import pytest
from click.shell_completion import ShellComplete
from conftest import SAMPLES, Run

from dense_cli.cli.command import HEADINGS
from dense_cli.cli.main import COMMANDS, COMPLETE, cli


def completed(*args: str) -> list[str]:
    """Return what completes the last of these words."""
    *words, incomplete = args
    shell = ShellComplete(cli, {}, "densecli", COMPLETE)
    return [item.value for item in shell.get_completions(words, incomplete)]


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed")


def environment() -> dict[str, str]:
    return os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}


@pytest.fixture
def place(here: Path) -> Path:
    for name in ("hidden.npy", "notes.md", "model.keras", "head.npz", "names.txt", ".secret.npy"):
        Path(name).touch()
    Path("more").mkdir()
    Path("more/x.csv").touch()
    return here


def test_commands_options_and_choices_are_completed() -> None:
    assert completed("com") == ["compare", "completion"]
    assert completed("predict", "--kern") == ["--kernel-initializer"]
    assert completed("predict", "--rng", "t") == ["tensorflow", "torch"]
    assert completed("predict", "x.npy", "-f", "j") == ["json", "jsonl"]


def test_files_are_completed_where_files_are_meant(place: Path) -> None:
    assert completed("predict", "") == ["head.npz", "hidden.npy", "more/"]
    assert completed("predict", "more/") == ["more/x.csv"]
    assert completed("predict", "-w", "") == ["head.npz", "model.keras", "more/"]
    assert completed("predict", "-m", "") == ["model.keras", "more/"]
    assert completed("predict", "--labels", "n") == ["names.txt"]
    assert completed("predict", ".s") == [".secret.npy"]
    assert completed("predict", "nowhere/") == []


def test_heads_and_layers_are_those_of_the_file_on_the_line(place: Path) -> None:
    np.savez("two.npz", **{"a.kernel": np.ones((2, 3)), "b.kernel": np.ones((2, 4))})
    assert completed("predict", "-w", "two.npz", "--head", "") == ["a", "b"]
    assert completed("predict", "-w", str(SAMPLES / "digits.keras"), "--head", "p") == ["per_row"]
    model = str(SAMPLES / "translate.keras")
    layers = completed("predict", "-m", model, "--until", "")
    assert {"encoder", "decoder"} <= set(layers)
    assert completed("predict", "-m", model, "--until", "dec") == ["decoder"]
    for wrong in (["-w", "notes.md", "--head", ""], ["--head", ""], ["-m", "notes.md", "--until", ""]):
        assert completed("predict", *wrong) == []


def test_every_option_has_a_heading(run: Run) -> None:
    known = {name for names in HEADINGS.values() for name in names}
    context = click.Context(cli)
    found = set()
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        found |= {param.name for param in command.params if isinstance(param, click.Option)}
        text = run(name, "--help").text
        assert text.startswith(f"Usage: densecli {name} ")
    assert found <= known
    assert known <= found


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_begins_with_one_line_and_the_commonest_use_on_the_first_screen(run: Run, command: str) -> None:
    name = f"densecli {command}".strip()
    lines = run(*command.split(), "--help", env={"COLUMNS": "80"}).text.splitlines()
    assert lines[0].startswith(f"Usage: {name} ")
    assert lines[1] == lines[3] == ""
    assert lines[2].startswith("  ")
    assert lines[2].endswith(".")
    assert name in lines[4]
    assert lines[4].startswith("    ")
    headings = (*(f"{heading}:" for heading in HEADINGS), "Options:")
    assert next(place for place, line in enumerate(lines) if line in headings) < 22
    assert max(map(len, lines)) <= 80
    assert not any(sign in line for line in lines for sign in ("<=", ">="))


def test_help_shows_how_a_command_is_used(run: Run) -> None:
    assert run("help").text == run("--help").text
    assert run("help", "slice").text == run("slice", "--help").text
    ran = run("help", "slcie")
    assert (ran.code, ran.err.endswith("Error: No such command 'slcie': did you mean 'slice'?\n")) == (
        2,
        True,
    )


def test_an_option_of_another_command_is_told(run: Run) -> None:
    ran = run("predict", "x.npy", "-u", 3, "-t", 0)
    assert (ran.code, ran.out) == (2, b"")
    assert ran.err.endswith("Error: No such option '-t' in predict: slice and plot have it\n")
    assert "Did you mean" in run("predict", "--untis", 3).err


@needs("bash")
def test_bash_completes(place: Path) -> None:
    script = """
    source <(densecli completion bash)
    complete() {
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _densecli_completion densecli
        echo "${COMPREPLY[@]}"
    }
    complete densecli pred; COMPREPLY=()
    complete densecli predict hid; COMPREPLY=()
    complete densecli predict --rng j
    """
    done = subprocess.run(
        ["bash", "-c", script], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n") == ["predict", "hidden.npy", "jax", ""]


@needs("fish")
def test_fish_completes_with_whole_descriptions(place: Path) -> None:
    script = """
    densecli completion fish | source
    complete --do-complete 'densecli predict --col'
    complete --do-complete 'densecli predict hid'
    """
    env = environment() | {"HOME": str(place), "XDG_CONFIG_HOME": str(place)}
    done = subprocess.run(["fish", "-c", script], env=env, capture_output=True, text=True, check=True)
    command = cli.get_command(click.Context(cli), "predict")
    assert command is not None
    (columns,) = [param for param in command.params if param.name == "columns"]
    assert isinstance(columns, click.Option)
    assert columns.help is not None
    assert "," in columns.help
    assert done.stdout.splitlines() == [f"--columns\t{columns.help}", "hidden.npy"]


@needs("zsh")
def test_zsh_completes(place: Path) -> None:
    """In a pseudo-terminal: zsh completes only where somebody types."""
    child, terminal = pty.fork()
    if not child:
        os.environ.update(environment() | {"PS1": "ready> ", "TERM": "dumb"})
        os.execvp("zsh", ["zsh", "-f", "-i"])
    try:
        _expect(terminal, "ready> ")
        os.write(
            terminal,
            b"autoload -Uz compinit; compinit -u -D; source <(densecli completion zsh); echo loa''ded\n",
        )
        _expect(terminal, "loaded")
        os.write(terminal, b"densecli predict hid\t")
        _expect(terminal, "predict hidden.npy")
        os.write(terminal, b"\x15densecli predict --kern\t")
        _expect(terminal, "predict --kernel-initializer")
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)


def _expect(terminal: int, text: str) -> None:
    """Read until a text has come."""
    seen, deadline = "", time.monotonic() + 30
    while text not in seen:
        if time.monotonic() > deadline or not select.select([terminal], [], [], 30)[0]:
            raise AssertionError(f"expected {text!r}, found {seen!r}")
        seen += os.read(terminal, 4096).decode("utf-8", "replace").replace("\r", "").replace("\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_there_without_docstrings(command: str) -> None:
    args = [*([command] if command else []), "--help"]
    texts = {
        subprocess.run(
            [sys.executable, *flags, "-m", "dense_cli", *args], capture_output=True, text=True, check=True
        ).stdout
        for flags in ([], ["-OO"])
    }
    assert len(texts) == 1
    assert len(texts.pop().splitlines()) > 8
