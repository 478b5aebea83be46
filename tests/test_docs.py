"""What README and the pages of docs show is what densecli prints.

``python tests/test_docs.py`` writes the real output into them, for a look at the difference.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(kind: str, page: Path = README) -> list[str]:
    return [text for found, text in BLOCK.findall(page.read_text()) if found == kind]


def commands(block: str) -> list[str]:
    """Return the commands of a console block, each with its continuation lines."""
    return [m[1] for m in re.finditer(r"^\$ ((?:.*\\\n)*.*)$", block, re.MULTILINE)]


def run(command: str, folder: Path) -> str:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    return done.stdout.decode()


def shown(block: str, folder: Path) -> str:
    """Return a console block as it looks when its commands are run in ``folder``."""
    (folder / "samples").symlink_to(ROOT / "samples")
    return "".join(f"$ {command}\n{run(command, folder)}" for command in commands(block))


@pytest.mark.parametrize(
    "block",
    [block for page in PAGES for block in blocks("console", page)],
    ids=lambda block: commands(block)[0][:60],
)
def test_a_console_block_shows_what_its_commands_print(block: str, tmp_path: Path) -> None:
    assert shown(block, tmp_path) == block


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks("python", page)], ids=lambda page: page.name
)
def test_the_python_blocks_of_a_page_run_as_one_doctest(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    session = "\n".join(blocks("python", page))
    test = doctest.DocTestParser().get_doctest(session, {}, page.name, str(page), 0)
    assert test.examples
    report: list[str] = []
    results = doctest.DocTestRunner().run(test, out=report.append)
    assert results.failed == 0, "".join(report)


def test_ci_runs_the_set_up_and_the_tests_of_readme() -> None:
    setup, tests = blocks("sh")
    assert "samples/steps.json" in setup
    assert "pytest" in tests
    assert "README.md" in (ROOT / ".ci" / "run").read_text()


if __name__ == "__main__":
    import tempfile

    for page in PAGES:
        text = page.read_text()
        for old in blocks("console", page):
            with tempfile.TemporaryDirectory() as folder:
                text = text.replace(f"```console\n{old}```", f"```console\n{shown(old, Path(folder))}```")
        page.write_text(text)
