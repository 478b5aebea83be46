"""Which files paths stand for: folders are the files in them, in natural order.

In: paths. Out: paths of files, and what messages call them together.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence

from dense_cli.addresses import without_secrets
from dense_cli.errors import ConfigError

_HIDDEN = (".", "_")  # what begins so is no piece of a folder: the marks that other programs leave


def paths_of(given: str | Sequence[str], is_folder: Callable[[str], bool]) -> list[str]:
    """Return the files that paths stand for: of a folder all in it, in natural order.

    Args:
        given: a path, or several.
        is_folder: whether a path is a folder of pieces, and no file or container of arrays.

    Raises:
        ConfigError: there is none, a folder has no files, or ``-`` is one of several.
    """
    paths: list[str] = []
    several = [given] if isinstance(given, str) else given
    for path in several:
        paths += _files_in(path, is_folder) if is_folder(path) else [path]
    if not paths:
        raise ConfigError("expected INPUT, found an empty list of paths")
    if len(paths) > 1 and "-" in paths:
        raise ConfigError(
            "- is standard input, which cannot be one of several pieces",
            hint="cat joins lines of JSON and CSV; other formats are named as files",
        )
    return paths


def files_of(given: str | Sequence[str]) -> list[str]:
    """Return the files that hold what belongs to all samples, one after another: lengths, a mask, targets.

    Raises:
        ConfigError: a folder has no files.
    """
    from dense_cli.sources.open import is_folder

    return paths_of(given, is_folder)


def _files_in(folder: str, is_folder: Callable[[str], bool]) -> list[str]:
    """Return the files in a folder that are not hidden, in natural order."""
    names = os.listdir(folder)
    paths = [os.path.join(folder, name) for name in sorted(names, key=natural) if name[0] not in _HIDDEN]
    for path in paths:
        if is_folder(path):
            raise ConfigError(f"{folder}: expected files, found the folder {os.path.basename(path)!r}")
    if not paths:
        found = "hidden files alone" if names else "an empty folder"
        raise ConfigError(f"{folder}: expected files that hold arrays, found {found}")
    return paths


def natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """Return what names are sorted by, so that the numbers in them count.

    >>> sorted(["part-10", "part-2", "part-1a"], key=natural)
    ['part-1a', 'part-2', 'part-10']
    """
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if i % 2 else (0, part) for i, part in enumerate(parts)], name


def order_note(paths: Sequence[str]) -> str | None:
    """Return a note about paths in the order that a shell gives them, which has 10 before 2."""
    if list(paths) != sorted(paths) or len(set(paths)) < len(paths):
        return None
    wanted = sorted(paths, key=natural)
    at = next((i for i, path in enumerate(paths) if path != wanted[i]), None)
    if at is None:
        return None
    return (
        f"the pieces are taken in the order given: {os.path.basename(paths[at])} comes before "
        f"{os.path.basename(wanted[at])}; a folder is read in the order of its numbers"
    )


def name_of(given: str | Sequence[str], paths: Sequence[str]) -> str:
    """Return what messages call several files: by their folder, or by the first and the last.

    >>> name_of(["a.npy", "b.npy", "c.npy"], ["a.npy", "b.npy", "c.npy"])
    'a.npy … c.npy, 3 pieces'
    """
    folders = [given] if isinstance(given, str) else given
    name = folders[0] if len(folders) == 1 else f"{paths[0]} … {paths[-1]}"
    return f"{without_secrets(name)}, {len(paths)} pieces"
