"""Pieces of words → text, as the decoders of the tokenizers library join them.

A decoder takes the pieces of a line and gives pieces; what the last of them gives is joined without anything
between. Special pieces (padding, ends) are none of these: they are left out before.

Source: https://huggingface.co/docs/tokenizers/api/decoders
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from dense_cli.errors import ConfigError, SizeError
from dense_cli.text import glimpse

_MOST = 64  # decoders in a Sequence
_SHORT = 16  # characters that a setting may have: each step makes that much more of a line at most
_LONGEST = 1 << 24  # characters of a line

Step = Callable[[list[str]], list[str]]

_BYTE = re.compile("<0x([0-9A-Fa-f]{2})>")
_SPACED = (
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
    (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
)  # fmt: skip


class Pieces(NamedTuple):
    """How pieces are joined: one step after another.

    >>> NAMED["wordpiece"].text(["un", "##aff", "##able", "!"])
    'unaffable!'
    """

    steps: tuple[Step, ...]

    def text(self, pieces: Sequence[str]) -> str:
        """Return the text of a line.

        Raises:
            SizeError: the steps make more of it than any text has.
        """
        line = list(pieces)
        for step in self.steps:
            line = step(line)
            if sum(map(len, line)) > _LONGEST:
                raise SizeError(f"--pieces: expected at most {_LONGEST} characters in a line")
        return "".join(line)


def wordpiece(prefix: str = "##", cleanup: bool = True) -> Step:
    """Return the step that puts a space before a piece without the prefix.

    With ``cleanup``, none before marks such as the full stop.
    """

    def step(line: list[str]) -> list[str]:
        found = []
        for at, piece in enumerate(line):
            if at:
                inside = piece.startswith(prefix)
                piece = piece.removeprefix(prefix) if inside else f" {piece}"
            if cleanup:
                for spaced, tidy in _SPACED:
                    piece = piece.replace(spaced, tidy)
            found.append(piece)
        return found

    return step


def metaspace(replacement: str = "▁", first: bool = False) -> Step:
    """Return the step that makes spaces of a mark; of those of the first piece only with ``first``."""

    def step(line: list[str]) -> list[str]:
        return [piece.replace(replacement, " " if at or first else "") for at, piece in enumerate(line)]

    return step


def suffix(end: str = "</w>") -> Step:
    """Return the step that makes a space of what ends a word."""

    def step(line: list[str]) -> list[str]:
        return [piece.replace(end, " " if at < len(line) - 1 else "") for at, piece in enumerate(line)]

    return step


def replace(old: str, new: str) -> Step:
    """Return the step that replaces a text within every piece."""
    return lambda line: [piece.replace(old, new) for piece in line]


def strip(character: str, start: int, stop: int) -> Step:
    """Return the step that takes so many of a character from both ends of every piece."""

    def step(line: list[str]) -> list[str]:
        found = []
        for piece in line:
            left = min(len(piece) - len(piece.lstrip(character)), start)
            right = min(len(piece) - left - len(piece[left:].rstrip(character)), stop)
            found.append(piece[left : len(piece) - right])
        return found

    return step


def fuse(line: list[str]) -> list[str]:
    """Make one piece of all."""
    return ["".join(line)]


def strip_line(line: list[str]) -> list[str]:
    """Make one piece of all, without white space at its ends."""
    return ["".join(line).strip()]


def bytelevel(line: list[str]) -> list[str]:
    """Make text of pieces in which a character stands for each byte; a piece with another is itself text."""
    known = _bytes_of_characters()
    content = b"".join(
        bytes(known[character] for character in piece)
        if all(character in known for character in piece)
        else piece.encode("utf-8", "replace")
        for piece in line
    )
    return [content.decode("utf-8", "replace")]


def byte_fallback(line: list[str]) -> list[str]:
    """Make text of pieces such as ``<0xE2>``; of bytes that are no UTF-8, a mark for each."""
    found: list[str] = []
    waiting = bytearray()
    for piece in [*line, ""]:
        match = _BYTE.fullmatch(piece)
        if match is not None:
            waiting.append(int(match[1], 16))
            continue
        if waiting:
            try:
                found.append(waiting.decode())
            except UnicodeDecodeError:
                found += ["\ufffd"] * len(waiting)
            waiting.clear()
        found.append(piece)
    return found


@cache
def _bytes_of_characters() -> dict[str, int]:
    """Return GPT-2's table: printable Latin-1 stands for itself, other bytes for what follows U+0100."""
    shown = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (byte for byte in range(256) if byte not in shown)
    return {**{chr(byte): byte for byte in shown}, **{chr(256 + n): byte for n, byte in enumerate(others)}}


NAMED = {
    "wordpiece": Pieces((wordpiece(),)),
    "bytelevel": Pieces((bytelevel,)),
    "metaspace": Pieces((metaspace(),)),
    "bar": Pieces((replace("|", " "), strip_line)),
}


def of_config(config: Any, file: str) -> Pieces:
    """Return what the config of a decoder means: one of the library's, or a ``Sequence`` of them.

    ``file`` is what messages begin with.

    Raises:
        ConfigError: a decoder, or a setting, that is not known.
    """
    configs: Any = [config]
    if isinstance(config, dict) and config.get("type") == "Sequence":
        configs = config.get("decoders")
        if not isinstance(configs, list) or len(configs) > _MOST:
            raise ConfigError(f"{file}: decoder: expected at most {_MOST} decoders in a list")
    steps: list[Step] = []
    for each in configs:
        name = each.get("type") if isinstance(each, dict) else None
        if not isinstance(name, str) or name not in _KNOWN:
            known = ", ".join(_KNOWN)
            raise ConfigError(
                f"{file}: decoder {glimpse(name)} is not known: expected {known}, or a Sequence"
            )
        try:
            steps += _KNOWN[name](each)
        except (KeyError, TypeError, ValueError):
            raise ConfigError(
                f"{file}: decoder {name}: expected other settings than {glimpse(each)}"
            ) from None
    return Pieces(tuple(steps))


def _wordpiece(config: dict[str, Any]) -> list[Step]:
    return [wordpiece(_text(config.get("prefix", "##")), config.get("cleanup", True) is True)]


def _metaspace(config: dict[str, Any]) -> list[Step]:
    never = config.get("prepend_scheme") == "never" or config.get("add_prefix_space") is False
    return [metaspace(_text(config.get("replacement", "▁")), never)]


def _ctc(config: dict[str, Any]) -> list[Step]:
    bar = replace(_text(config.get("word_delimiter_token", "|")), " ")
    return [replace(_text(config.get("pad_token", "<pad>")), ""), bar, strip_line]


def _replace(config: dict[str, Any]) -> list[Step]:
    return [replace(_text(config["pattern"]["String"]), _text(config["content"]))]


def _strip(config: dict[str, Any]) -> list[Step]:
    return [strip(_text(config["content"]), int(config["start"]), int(config["stop"]))]


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > _SHORT:
        raise TypeError
    return value


_KNOWN: dict[str, Callable[[dict[str, Any]], list[Step]]] = {
    "ByteLevel": lambda config: [bytelevel],
    "WordPiece": _wordpiece,
    "Metaspace": _metaspace,
    "BPEDecoder": lambda config: [suffix(_text(config.get("suffix", "</w>")))],
    "CTC": _ctc,
    "Replace": _replace,
    "ByteFallback": lambda config: [byte_fallback],
    "Fuse": lambda config: [fuse],
    "Strip": _strip,
}
