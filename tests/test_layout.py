"""How the folders of dense_cli import each other: from the edge to the leaves; Click and Rich at the edge."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import dense_cli

ROOT = Path(dense_cli.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# The way the data goes, from the leaves to the edge: a module imports at its top from its own line and from
# those above it. The table of folders in CONTRIBUTING.md says the same.
ORDER = (
    "dense_cli errors",
    "addresses limits portable progress random spec text",
    "files initializers utils",
    "activations blas preprocessing sources",
    "dense",
    "backend config constraints dtype_policies heads layers models ops regularizers saving views",
    "head pipeline",
    "run",
    "results",
    "run_options",
    "plan",
    "checking checking_layers comparing comparing_layers decoding describing inspecting",
    "picturing picturing_rows reporting reporting_against reporting_samples tempering taking_apart",
    "viewing viewing_order viewing_samples",
    "cluster mapping writers",
    "pictures report",
    "tui",
    "cli",
    "__main__",
)
RANK = {name: rank for rank, line in enumerate(ORDER) for name in line.split()}


def name_of(path: Path) -> str:
    """Return the module that a file is, ``dense_cli.files.npy``."""
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): ast.parse(path.read_text("utf-8")) for path in FILES}


def imported(statement: ast.stmt) -> Iterator[str]:
    """Give the modules that a statement imports; a name in a package is one where it is a module."""
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        module = statement.module or ""
        for alias in statement.names:
            inner = f"{module}.{alias.name}"
            yield inner if inner in MODULES else module


def anywhere(tree: ast.Module) -> set[str]:
    """Return what is imported at the top of a module, in its functions, and for types alone."""
    return {name for node in ast.walk(tree) if isinstance(node, ast.stmt) for name in imported(node)}


def at_top(name: str) -> set[str]:
    """Return which modules of dense_cli a module imports as it is loaded."""
    names = {module for statement in MODULES[name].body for module in imported(statement)}
    return (names & MODULES.keys()) - {name}


def folder(name: str) -> str:
    """Return the folder of a module, or the module itself where it stands in none."""
    return name.split(".")[1] if "." in name else name


def test_no_circle_of_imports_at_the_top_of_modules() -> None:
    order = list(TopologicalSorter({name: at_top(name) for name in MODULES}).static_order())
    assert sorted(order) == sorted(MODULES)


def test_every_folder_has_its_place_in_the_order() -> None:
    assert {folder(name) for name in MODULES} == set(RANK)


def test_imports_at_the_top_of_modules_point_from_the_edge_to_the_leaves() -> None:
    wrong = [
        f"{name} imports {other}"
        for name in MODULES
        for other in sorted(at_top(name))
        if RANK[folder(other)] > RANK[folder(name)]
    ]
    assert wrong == []


def importers(library: str) -> set[str]:
    """Return the folders of which a module imports a library, anywhere in it."""
    return {
        folder(name)
        for name, tree in MODULES.items()
        if any(module.partition(".")[0] == library for module in anywhere(tree))
    }


def test_only_the_command_line_imports_click() -> None:
    assert importers("click") == {"cli"}


def test_only_the_command_line_the_screen_and_the_writers_import_rich() -> None:
    assert importers("rich") == {"cli", "tui", "writers"}


def test_only_the_screen_imports_textual() -> None:
    assert importers("textual") == {"tui"}


def test_only_pictures_import_matplotlib() -> None:
    assert importers("matplotlib") == {"pictures"}


def test_only_one_module_knows_dask() -> None:
    assert importers("dask") == importers("distributed") == {"cluster"}
