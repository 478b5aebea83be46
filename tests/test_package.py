"""What is in the wheel and in the source distribution besides modules: man pages, completion, README."""

from __future__ import annotations

import html
import re
import subprocess
import tarfile
import zipfile
from pathlib import Path
from shutil import which

import pytest

from dense_cli.cli.command import HEADINGS
from dense_cli.cli.main import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = {"densecli.1", *(f"densecli-{name}.1" for name in COMMANDS)}
SCRIPTS = {
    "share/bash-completion/completions/densecli": "complete -o nosort -F _densecli_completion densecli",
    "share/zsh/site-functions/_densecli": "#compdef densecli",
    "share/fish/vendor_completions.d/densecli.fish": "complete --no-files --command densecli",
}


@pytest.fixture(scope="module")
def shared() -> dict[str, str]:
    """Return the files that a build makes, by their place under a prefix."""
    pytest.importorskip("hatchling")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        from manual.hatch_build import shared_files

        return shared_files()


def test_every_command_has_a_man_page_and_every_shell_a_script(shared: dict[str, str]) -> None:
    assert shared.keys() == {f"share/man/man1/{name}" for name in PAGES} | SCRIPTS.keys()
    for place, line in SCRIPTS.items():
        assert line in shared[place]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_man_page_has_the_options_of_its_command_under_their_headings(
    command: str, shared: dict[str, str]
) -> None:
    from click import Context, Option

    from dense_cli.cli.main import cli

    page = shared[f"share/man/man1/densecli-{command}.1"]
    assert page.startswith(f'.TH DENSECLI\\-{command.upper()} 1 "2023-11-14" "densecli ')
    found = cli.get_command(Context(cli), command)
    assert found is not None
    names = [name for param in found.params if isinstance(param, Option) for name in param.opts]
    assert [name for name in names if name not in page.replace(r"\-", "-")] == []
    assert set(re.findall(r"^\.SS (.*)", page, re.MULTILINE)) <= HEADINGS.keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_of_the_documentation_has_the_options_of_its_command(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mkdocs")
    monkeypatch.syspath_prepend(str(ROOT))
    from manual.mkdocs_hook import markdown, pages

    (page,) = (page for page in pages() if page.name == command)
    text = html.unescape(markdown(page))
    for heading, records in page.sections.items():
        assert f"\n## {heading}\n" in text
        for names, _ in records:
            assert f"| <code>{names}</code> | " in text
    assert all(f"\n{example}\n" in text for example in page.examples)


@pytest.mark.parametrize(
    "reader",
    [("mandoc", "-Tlint", "-Wwarning"), ("groff", "-ww", "-z", "-man", "-Tutf8")],
    ids=lambda r: r[0],
)
def test_readers_of_man_pages_have_nothing_to_say(
    reader: tuple[str, ...], shared: dict[str, str], tmp_path: Path
) -> None:
    if which(reader[0]) is None:
        pytest.skip(f"{reader[0]} is not installed")
    pages = [tmp_path / name for name in sorted(PAGES)]
    for page in pages:
        page.write_text(shared[f"share/man/man1/{page.name}"])
        assert page.read_text().isascii()
    done = subprocess.run([*reader, *pages], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
def test_wheel_and_source_distribution_hold_them_and_a_readme_without_links_to_files(tmp_path: Path) -> None:
    pytest.importorskip("hatch_fancy_pypi_readme")
    from hatchling.builders.sdist import SdistBuilder
    from hatchling.builders.wheel import WheelBuilder

    files = {f"share/man/man1/{name}" for name in PAGES} | SCRIPTS.keys()
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        readme = archive.read(metadata).decode()
    folder = metadata.split(".dist-info")[0] + ".data/data/"
    assert {f"{folder}{name}" for name in files} <= names

    (source,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with tarfile.open(source) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert (
        files | {"README.md", "docs/cli.md", "samples/translate.keras", "manual/man.py", "LICENSE"} <= names
    )

    links = re.findall(r"\]\(([^)]*)\)", re.sub(r"^```.*?^```", "", readme, flags=re.MULTILINE | re.DOTALL))
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    assert "# densecli\n" in readme
