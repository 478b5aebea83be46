"""Sessions: tests on every Python that is there, with the oldest and newest dependencies, each extra alone.

nox -s tests oldest extras package
"""

from __future__ import annotations

import nox

nox.options.default_venv_backend = "venv"
nox.options.sessions = ["checks", "docs", "tests", "oldest", "extras", "package"]
nox.options.error_on_missing_interpreters = False

OLDEST = ("numpy==2.0.0", "click==8.4.0", "rich==14.3.0", "orjson==3.10.0", "h5py==3.11.0")
# What each extra is for, on files that the repository has.
EXTRAS = {
    "keras": ("predict", "samples/digits.npy", "-w", "samples/digits.keras", "-o", "y.csv"),
    "plot": ("plot", "[[1, 2, 3]]", "-u", "4", "-o", "y.svg"),
    "parquet": ("predict", "[[1, 2, 3]]", "-u", "4", "-o", "y.parquet"),
    "dask": ("predict", "[[1, 2, 3]]", "-u", "4", "--cluster", "local:1"),
    "zarr": ("predict", "[[1, 2, 3]]", "-u", "4", "-o", "y.zarr"),
}


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """Run all tests with the newest dependencies."""
    session.install(".[test]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(python="3.11")
def oldest(session: nox.Session) -> None:
    """Run the quick tests with the oldest dependencies that are allowed."""
    session.install(".[test]", *OLDEST)
    session.run("python", "-m", "pytest", "-m", "not slow and not fuzz", *session.posargs)


@nox.session(python="3.11")
def extras(session: nox.Session) -> None:
    """Install each extra alone, and none, and run what it is for."""
    session.install(".")
    session.run("densecli", "predict", "samples/steps.json", "-u", "3", silent=True)
    for extra, command in EXTRAS.items():
        session.install(f".[{extra}]")
        with session.chdir(session.create_tmp()):
            args = [f"{session.invoked_from}/{arg}" if arg.startswith("samples/") else arg for arg in command]
            session.run("densecli", *args, silent=True)


@nox.session(python="3.11")
def package(session: nox.Session) -> None:
    """Build the wheel and the source distribution, look at what is in them, and run the wheel."""
    session.install("build", "twine", "check-wheel-contents")
    folder = session.create_tmp()
    session.run("python", "-m", "build", "--outdir", folder, ".", silent=True)
    session.run("bash", "-c", f"twine check --strict {folder}/*", external=True)
    session.run("bash", "-c", f"check-wheel-contents {folder}/*.whl", external=True)
    session.run(
        "bash", "-c", f"python -m pip install --quiet --force-reinstall {folder}/*.whl", external=True
    )
    session.run("densecli", "predict", "samples/steps.json", "-u", "3", silent=True)


@nox.session(python="3.11")
def checks(session: nox.Session) -> None:
    """Run the linters."""
    session.install(".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session(python="3.11")
def docs(session: nox.Session) -> None:
    """Build the documentation into build/site; a link that leads nowhere is an error."""
    session.install(".[docs]")
    session.run("mkdocs", "build", "--strict", "--quiet", env={"NO_MKDOCS_2_WARNING": "1"})
