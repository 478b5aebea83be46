"""Man pages of densecli and its commands, in the man macros that groff and mandoc know."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from dense_cli import __version__
from dense_cli.cli.main import COMMANDS, HELP
from manual.commands import Page, pages, parts

_ESCAPES = (
    ("\\", r"\e"),
    ("-", r"\-"),
    ("'", r"\(aq"),
    ("`", r"\(ga"),
    ("^", r"\(ha"),
    ("~", r"\(ti"),
    ("…", "..."),
)
_GLOBAL = (
    ("--version", "Show the version and exit."),
    ("-h, --help", "Show how densecli, or a command of it, is used."),
)
_EXIT_STATUS = (
    ("0", "Done."),
    ("1", "A difference (compare, layers --against), a fault (check), or less than predict --fail-under."),
    ("2", "Wrong usage or bad input: standard error says what is wrong, and often how to mend it."),
    ("129, 130, 143", "Ended by SIGHUP, by SIGINT (Ctrl-C), by SIGTERM."),
)
_ENVIRONMENT = (
    ("KERAS_BACKEND", "Whose random numbers a seed means without --rng: numpy, jax, tensorflow or torch."),
    ("COLUMNS", "The width of tables and pictures."),
    ("NO_COLOR, FORCE_COLOR", "Never, or always, use colours."),
)


def man_pages(date: str) -> dict[str, str]:
    """Return the text of every page by its file's name, ``densecli-predict.1``."""
    overview = {"densecli.1": _overview(date)}
    return overview | {f"densecli-{page.name}.1": _command(page, date) for page in pages()}


def _overview(date: str) -> str:
    summary, examples, _ = parts(HELP)
    own_pages = "Each command has a page of its own, such as densecli-predict(1)."
    return _joined(
        _title("densecli", summary, date),
        (".SH SYNOPSIS", ".B densecli", "[OPTIONS] COMMAND [ARGUMENTS]"),
        (".SH DESCRIPTION", *_paragraphs((f"{summary} {own_pages}",))),
        (".SH COMMANDS", *_list((f"densecli-{name}(1)", text) for name, text in COMMANDS.items())),
        (".SH OPTIONS", *_list(_GLOBAL)),
        _examples(examples),
        (".SH EXIT STATUS", *_list(_EXIT_STATUS)),
        (".SH ENVIRONMENT", *_list(_ENVIRONMENT)),
        (".SH SEE ALSO", *_see_also([f"densecli-{name}" for name in COMMANDS])),
    )


def _command(page: Page, date: str) -> str:
    headings = ((f".SS {_text(heading)}", *_options(records)) for heading, records in page.sections.items())
    return _joined(
        _title(f"densecli-{page.name}", page.summary, date),
        (".SH SYNOPSIS", f".B densecli {page.name}", _text(page.usage)),
        (".SH DESCRIPTION", *_paragraphs((page.summary, *page.paragraphs))),
        _examples(page.examples),
        (".SH OPTIONS",),
        *headings,
        (".SH EXIT STATUS", *_list(_EXIT_STATUS)),
        (".SH SEE ALSO", *_see_also(["densecli", *_related(page)])),
    )


def _related(page: Page) -> Iterator[str]:
    """Give the pages of the commands that a command's help names."""
    words = set(re.findall("[a-z]+", " ".join((*page.examples, *page.paragraphs))))
    return (f"densecli-{name}" for name in COMMANDS if name in words and name != page.name)


def _title(name: str, summary: str, date: str) -> tuple[str, ...]:
    short = summary[0].lower() + summary[1:].removesuffix(".")
    return (
        f'.TH {_text(name.upper())} 1 "{date}" "densecli {__version__}" "densecli manual"',
        ".ad l",
        ".SH NAME",
        rf"{_text(name)} \- {_text(short)}",
    )


def _examples(lines: Iterable[str]) -> tuple[str, ...]:
    return (".SH EXAMPLES", ".EX", *map(_text, lines), ".EE")


def _paragraphs(texts: Sequence[str]) -> Iterator[str]:
    for number, text in enumerate(texts):
        if number:
            yield ".PP"
        yield _text(text)


def _list(items: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, text in items:
        yield from (".TP", rf"\fB{_text(term)}\fR", _text(text))


def _options(records: Iterable[tuple[str, str]]) -> Iterator[str]:
    for names, text in records:
        yield from (".TP", " ".join(map(_word, names.split(" "))), _text(text))


def _word(word: str) -> str:
    """Return a word of an option: bold as it is typed, italic where it stands for something."""
    bare = word.removesuffix(",")
    font = "B" if bare.startswith("-") else "I"
    return rf"\f{font}{_text(bare)}\fR{word[len(bare) :]}"


def _see_also(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        yield rf".BR \%{_text(name)} (1)" + "," * (name != names[-1])


def _text(text: str) -> str:
    """Return text as roff has it: nothing in it is a request or an escape, and all of it is ASCII."""
    for character, escape in _ESCAPES:
        text = text.replace(character, escape)
    text = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in text)
    return rf"\&{text}" if text.startswith(".") else text


def _joined(*parts: Iterable[str]) -> str:
    return "\n".join(line for part in parts for line in part) + "\n"
