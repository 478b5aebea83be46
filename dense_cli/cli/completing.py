"""What a shell may complete: files by what they hold, the heads of a weights file, the layers of a model.

In: Click's context, with the options that stand on the line. Out: `CompletionItem`s. What cannot be read
completes to nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem, FishComplete, add_completion_class

_NAMES = (".json", ".txt", ".csv", ".onnx")  # files of labels
_MODELS = (".keras", ".h5", ".onnx")


def _files(incomplete: str, suffixes: tuple[str, ...]) -> list[CompletionItem[str]]:
    """Return the files with one of these suffixes, and the folders on the way to them."""
    folder, start = os.path.split(incomplete)
    try:
        entries = sorted(os.scandir(os.path.expanduser(folder) or "."), key=lambda entry: entry.name)
    except OSError:
        return []
    found = []
    for entry in entries:
        if not entry.name.startswith(start) or (entry.name.startswith(".") and not start):
            continue
        path = os.path.join(folder, entry.name)
        if entry.is_dir():
            found.append(CompletionItem(f"{path}/"))
        elif entry.name.lower().endswith(suffixes):
            found.append(CompletionItem(path))
    return found


def arrays(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Complete files that hold arrays."""
    return _files(incomplete, _holding("arrays"))


def weights(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Complete files that hold weights."""
    return _files(incomplete, _holding("weights"))


def models(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Complete files that hold a model."""
    return _files(incomplete, _MODELS)


def names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Complete files that hold labels."""
    return _files(incomplete, _NAMES)


def anything(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Complete files as the shell does."""
    return [CompletionItem(incomplete, type="file")]


def _holding(what: str) -> tuple[str, ...]:
    from dense_cli.files.formats import FORMATS

    return tuple(suffix for row in FORMATS.values() if what in row.holds for suffix in row.suffixes)


def _starting(names: Iterable[str], incomplete: str) -> list[CompletionItem[str]]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def heads(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Complete the heads of the file that --weights names."""
    from dense_cli.errors import DenseCliError
    from dense_cli.heads import heads as read_heads

    try:
        return _starting((head.name for head in read_heads(ctx.params["weights"])), incomplete)
    except (DenseCliError, OSError, KeyError, TypeError):
        return []


def layers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Complete the layers of the file that --model names."""
    from dense_cli.errors import DenseCliError
    from dense_cli.inspecting import list_layers

    try:
        return _starting((layer.name for layer in list_layers(ctx.params["model"]).layers), incomplete)
    except (DenseCliError, OSError, KeyError, TypeError):
        return []


@add_completion_class
class Fish(FishComplete):
    """Click's completion for fish, with descriptions that hold commas."""

    source_template = """\
function %(complete_func)s
    set -l words (commandline -cp)
    set -l word (commandline -t)
    for item in (env %(complete_var)s=fish_complete COMP_WORDS="$words" COMP_CWORD="$word" %(prog_name)s)
        set -l parts (string split -m 1 ',' -- $item)
        switch $parts[1]
            case dir
                __fish_complete_directories $word
            case file
                __fish_complete_path $word
            case '*'
                echo $parts[2]
        end
    end
end

complete --no-files --command %(prog_name)s --arguments '(%(complete_func)s)'
"""
