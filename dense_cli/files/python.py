"""Arrays as Python code writes them, such as ``x = [[1, 6, 8],  # a comment``: read, never evaluated.

In: text. Out: the numbers as nested lists. Lists and tuples of numbers are known, a name and an equals sign
before them, comments, trailing commas, and one call around the numbers, such as
``np.array(…, dtype=np.float32)``, whose dtype is left to the layer. Everything else is refused.
"""

from __future__ import annotations

import re
from typing import Any

from dense_cli.errors import FileFormatError
from dense_cli.text import encodable

LONGEST = 4 << 20  # bytes of text: more is kept in a format of its own
_DEEPEST = 32  # brackets in brackets; an array has fewer axes
_TOKEN = re.compile(
    r"(?P<space>\s+|\#[^\n]*)"
    r"|(?P<number>[-+]?(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][-+]?\d+)?)(?![\w.])"
    r"|(?P<word>[-+]?[A-Za-z_][\w.]*)"
    r"|(?P<sign>[\[\](),=])",
    re.ASCII,
)
_WORDS: dict[str, Any] = {"True": True, "False": False, "None": None}
_FLOATS = {"nan": float("nan"), "inf": float("inf"), "NaN": float("nan"), "Inf": float("inf")}
_MAKERS = ("array", "asarray", "constant", "tensor", "convert_to_tensor", "Variable", "as_tensor")
_CLOSING = {"[": "]", "(": ")"}


class _Tokens:
    """The tokens of a text, without spaces and comments, one after another; an error says the line."""

    def __init__(self, text: str, name: str) -> None:
        self.text, self.name, self.at = text, name, 0
        self.kind, self.token = "", ""
        self.advance()

    def advance(self) -> None:
        """Go to the next token; at the end it is empty."""
        self.kind = "space"
        while self.kind == "space":
            found = _TOKEN.match(self.text, self.at)
            if found is None:
                self.kind, self.token = "end", self.text[self.at : self.at + 20]
                if self.token:
                    raise self.error("a number")
                return
            self.kind, self.token, self.at = str(found.lastgroup), found[0], found.end()

    def take(self, token: str) -> bool:
        """Go on where the token is this one; return whether it was."""
        if self.token != token:
            return False
        self.advance()
        return True

    def error(self, expected: str) -> FileFormatError:
        """Return the error that something else was expected here."""
        line = self.text.count("\n", 0, self.at) + 1
        token = repr(encodable(self.token[:40])) if self.token else "the end"
        return FileFormatError(f"{self.name}: line {line}: expected {expected}, found {token}")


def parse(text: str, name: str) -> Any:
    """Return the nested list of numbers that a text of Python code holds.

    Args:
        text: the code of one array.
        name: what messages call it.

    Raises:
        FileFormatError: it holds something else, or it is longer than 4 MiB.

    >>> parse("x = np.array([[1, 6.5], (8, -2e1),])  # two rows", "x.py")
    [[1, 6.5], [8, -20.0]]
    >>> parse("[open('x')]", "x.py")
    Traceback (most recent call last):
    dense_cli.errors.FileFormatError: x.py: line 1: expected a number, found 'open'
    """
    if len(text) > LONGEST:
        raise FileFormatError(
            f"{name}: expected at most {LONGEST} characters of code, found {len(text)}: write it as NPY"
        )
    tokens = _Tokens(text, name)
    made = tokens.kind == "word" and _begins_call(tokens)
    value = _value(tokens)
    if made:
        tokens.take(",")
        if tokens.take("dtype") and not (tokens.take("=") and _skip_word(tokens)):
            raise tokens.error("a dtype")
        if not tokens.take(")"):
            raise tokens.error("')'")
    if tokens.token:
        raise tokens.error("one array and nothing after it")
    return value


def holds_array(text: str) -> bool:
    """Whether a text is one array as Python code writes it.

    >>> holds_array("[[1, 2],]"), holds_array("[1, 2"), holds_array("x: 1")
    (True, False, False)
    """
    try:
        return isinstance(parse(text, ""), list)
    except FileFormatError:
        return False


def _begins_call(tokens: _Tokens) -> bool:
    """Go beyond ``x =`` and ``np.array(``; return whether there was a call."""
    if tokens.token.rpartition(".")[2] not in _MAKERS:
        tokens.advance()
        if not tokens.take("="):
            raise tokens.error("'='")
    if tokens.token.rpartition(".")[2] not in _MAKERS:
        return False
    tokens.advance()
    if not tokens.take("("):
        raise tokens.error("'('")
    return True


def _skip_word(tokens: _Tokens) -> bool:
    is_word = tokens.kind == "word"
    tokens.advance()
    return is_word


def _value(tokens: _Tokens) -> Any:
    """Read a number, or nested lists and tuples of them."""
    lists: list[tuple[str, list[Any]]] = []
    while True:
        if tokens.token in _CLOSING:
            lists.append((tokens.token, []))
            if len(lists) > _DEEPEST:
                raise tokens.error(f"at most {_DEEPEST} brackets in each other")
            tokens.advance()
            if tokens.token != _CLOSING[lists[-1][0]]:
                continue
        else:
            value = _number(tokens)
            if not lists:
                return value
            lists[-1][1].append(value)
        while (value := _closed(tokens, *lists[-1])) is not None:
            lists.pop()
            if not lists:
                return value
            lists[-1][1].append(value)


def _closed(tokens: _Tokens, bracket: str, items: list[Any]) -> Any:
    """Return a list or tuple that ends here; None where a comma leads to its next item."""
    comma = tokens.take(",") if items else False
    if tokens.token != _CLOSING[bracket]:
        if not comma:
            raise tokens.error(f"a comma or {_CLOSING[bracket]!r}")
        return None
    tokens.advance()
    # A number in parentheses is that number; with a comma behind it, it is a tuple.
    return items[0] if bracket == "(" and len(items) == 1 and not comma else items


def _number(tokens: _Tokens) -> Any:
    token = tokens.token
    if tokens.kind == "number":
        value = _parsed(token.replace("_", ""))
    elif tokens.kind == "word" and token in _WORDS:
        value = _WORDS[token]
    elif tokens.kind == "word" and (word := token.lstrip("+-").rpartition(".")[2]) in _FLOATS:
        value = -_FLOATS[word] if token.startswith("-") else _FLOATS[word]
    else:
        raise tokens.error("a number")
    tokens.advance()
    return value


def _parsed(number: str) -> int | float:
    digits = number.lstrip("+-")
    return int(number) if digits.isdigit() and len(digits) <= 18 else float(number)
