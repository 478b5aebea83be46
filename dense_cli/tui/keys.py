"""The keys of the screen: what each does, for the footer, the help and the bindings."""

from __future__ import annotations

from typing import NamedTuple


class Key(NamedTuple):
    """A key.

    Attributes:
        keys: the names that Textual has for it, with commas between them.
        action: what it does.
        shown: what it is called.
        brief: what the footer says; empty: it stands with the key before it.
        help: what the help says.
    """

    keys: str
    action: str
    shown: str
    brief: str
    help: str


KEYS = (
    Key("up,k", "move(-1)", "↑↓", "sample", "the sample before, the next one (k, j)"),
    Key("down,j", "move(1)", "", "", ""),
    Key("left,h", "step(-1)", "←→", "step", "the time step before, the next one (h, l)"),
    Key("right,l", "step(1)", "", "", ""),
    Key("pageup", "page(-1)", "PgUp PgDn", "", "a screen of samples back, on (b, space)"),
    Key("b", "page(-1)", "", "", ""),
    Key("pagedown,space", "page(1)", "", "", ""),
    Key("home,g", "first", "Home End", "", "the first sample, the last one (g, G)"),
    Key("end,G", "last", "", "", ""),
    Key(
        "n",
        "search('unsure', 1)",
        "n",
        "unsure",
        "the next unsure step; N: the one before",
    ),
    Key("N", "search('unsure', -1)", "", "", ""),
    Key(
        "c",
        "search('change', 1)",
        "c",
        "change",
        "the next step that changes the class; C: back",
    ),
    Key("C", "search('change', -1)", "", "", ""),
    Key("x", "search('wrong', 1)", "x", "wrong", "the next wrong step, with --targets; X: back"),
    Key("X", "search('wrong', -1)", "", "", ""),
    Key("f", "search('flip', 1)", "f", "flip", "the next flip, with --against or T; F: back"),
    Key("F", "search('flip', -1)", "", "", ""),
    Key("o", "sort", "o", "order", "order: confidence, margin, entropy, loss, input"),
    Key("u", "only('unsure')", "u", "only unsure", "only samples with unsure steps, or all again"),
    Key("w", "only('wrong')", "w", "only wrong", "only samples with wrong steps, or all again"),
    Key("d", "only('flips')", "d", "", "only samples with flips, or all again"),
    Key("slash", "find", "/", "find", "a sample by number, a class by label or #number"),
    Key("e", "explain", "e", "explain", "what makes the class likelier than the second"),
    Key("T", "temper", "T", "temperature", "divide the logits by another temperature"),
    Key(
        "s",
        "save",
        "s",
        "save",
        "the picture (.svg …) or the rows (.csv …) to a file",
    ),
    Key("escape", "stop", "Esc", "", "stop what takes long, or close what is open"),
    Key("question_mark", "help", "?", "help", "this help"),
    Key("q", "leave", "q", "quit", "end; Ctrl-C too"),
)

SIGNS = """\
! wrong   ? unsure, a margin below 0.1   {flip} a flip
least p: the confidence of the least sure step
loss: that of the worst step
{dots} : more steps than the first 512 or 16"""
