"""What MkDocs does as it builds: a page for every command, made from what --help says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent.parent))

from manual.commands import Page, pages

_PAGES = list(pages())


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of commands into the navigation, where it has ``commands/``."""
    assert config.nav is not None
    for section in config.nav:
        if section.get("Commands") == "commands/":
            section["Commands"] = [{page.name: f"commands/{page.name}.md"} for page in _PAGES]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for page in _PAGES:
        files.append(File.generated(config, f"commands/{page.name}.md", content=markdown(page)))
    return files


def markdown(page: Page) -> str:
    """Return the page of a command."""
    parts = [f"# densecli {page.name}", _text(page.summary), _code([f"densecli {page.name} {page.usage}"])]
    parts += [_code(page.examples), *map(_text, page.paragraphs)]
    for heading, records in page.sections.items():
        rows = "\n".join(f"| <code>{_escaped(names)}</code> | {_text(text)} |" for names, text in records)
        parts.append(f"## {heading}\n\n| option | what it does |\n|---|---|\n{rows}")
    return "\n\n".join(parts) + "\n"


def _code(lines: list[str] | tuple[str, ...]) -> str:
    return "\n".join(("```text", *lines, "```"))


def _text(text: str) -> str:
    """Return text in which options are code, and nothing is markup but what stands between backquotes."""
    text = re.sub(r"(?<![\w`-])--?[a-z][\w-]*", r"`\g<0>`", text)
    parts = text.split("`")
    parts[::2] = map(_escaped, parts[::2])
    return "`".join(parts)


def _escaped(text: str) -> str:
    return "".join(f"&#{ord(c)};" if c in "*_[]<>&|\\" else c for c in text)
