"""What hatchling does as it builds: man pages and completion scripts, made from Click, go along.

The command line imports Click alone until a command runs, so that Click is all that a build needs.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Where a shell looks for the script that completes a command.
_SHELLS = {
    "bash": "share/bash-completion/completions/densecli",
    "zsh": "share/zsh/site-functions/_densecli",
    "fish": "share/fish/vendor_completions.d/densecli.fish",
}


class ManualHook(BuildHookInterface[Any]):
    """Put the files into the wheel's data, and into the source distribution."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        sys.path.insert(0, self.root)
        try:
            files = shared_files()
        finally:
            sys.path.remove(self.root)
        self._folder = TemporaryDirectory(prefix="densecli-")
        place = "shared_data" if self.target_name == "wheel" else "force_include"
        for name, text in files.items():
            path = Path(self._folder.name, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8", newline="\n")
            build_data[place][str(path)] = name

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        self._folder.cleanup()


def shared_files() -> dict[str, str]:
    """Return the text of every file by its place under a prefix, ``share/man/man1/densecli.1``."""
    from click.shell_completion import ShellComplete, get_completion_class

    from dense_cli.cli import completing
    from dense_cli.cli.main import COMPLETE, cli
    from manual.man import man_pages

    assert completing.Fish.name == "fish"  # which takes the place of Click's own
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    files = man_pages(time.strftime("%Y-%m-%d", time.gmtime(seconds)))
    shared = {f"share/man/man1/{name}": text for name, text in files.items()}
    for shell, place in _SHELLS.items():
        complete = get_completion_class(shell)
        assert complete is not None
        # Not the source() of the shell's own class, which asks an installed bash for its version.
        shared[place] = ShellComplete.source(complete(cli, {}, "densecli", COMPLETE))
    return shared
