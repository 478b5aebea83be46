"""Decoded samples → a line of text, or of JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np
import orjson

from dense_cli.decoding import Ranked
from dense_cli.text import printable
from dense_cli.views.decode import Line, Lines, Rules
from dense_cli.writers.numbers import class_texts, row_texts


class TextLines:
    """One line of text per sample."""

    def __init__(self, out: BinaryIO, rules: Rules) -> None:
        self.out = out
        self.joined = rules.pieces is not None  # and so not yet made safe to show

    def write(self, lines: Lines) -> None:
        """Write the text of each sample."""
        self._write(map(printable, lines.texts) if self.joined else lines.texts)

    def write_ranked(self, lines: list[Ranked]) -> None:
        """Write of each of the likeliest lines of a sample: sample, log-probability, text."""
        self._write(f"{line.sample}\t{line.log_probability:.4f}\t{self._shown(line.text)}" for line in lines)

    def _shown(self, text: str) -> str:
        return printable(text) if self.joined else text

    def _write(self, texts: Iterable[str]) -> None:
        self.out.write("\n".join([*texts, ""]).encode("utf-8", "backslashreplace"))


class JsonLines:
    """An object per sample: sample, text, classes, labels, confidence, log_probability, perplexity."""

    def __init__(self, out: BinaryIO, rules: Rules) -> None:
        self.out = out
        self.names = rules.names

    def write_ranked(self, lines: list[Ranked]) -> None:
        """Write the likeliest lines of samples, each with its rank."""
        for line in lines:
            self._write_ranked(line)

    def _write_ranked(self, line: Ranked) -> None:
        value: dict[str, Any] = {"sample": line.sample, "rank": line.rank, "text": line.text}
        value["classes"] = [None if c < 0 else c for c in line.classes]
        if self.names is not None:
            value["labels"] = [None if c < 0 else self.names[c] for c in line.classes]
        self.out.write(orjson.dumps({**value, "log_probability": line.log_probability}) + b"\n")

    def write(self, lines: Lines) -> None:
        """Write samples."""
        for line in lines:
            self._write(line)

    def _write(self, line: Line) -> None:
        parts = [b'{"sample":%d,"text":%b' % (line.sample, orjson.dumps(line.text))]
        parts.append(b'"classes":[%b]' % b",".join(class_texts(np.asarray(line.classes, np.int64))))
        if self.names is not None:
            labels = [None if c < 0 else self.names[c] for c in line.classes]
            parts.append(b'"labels":%b' % orjson.dumps(labels))
        parts.append(b'"confidence":[%b]' % row_texts(line.confidence[None])[0])
        for name, values in line.measures.items():
            if name != "confidence":
                # The sample's own perplexity has that name.
                key = "step_perplexity" if name == "perplexity" else name
                parts.append(b'"%b":[%b]' % (key.encode(), row_texts(values[None])[0]))
        sums: dict[str, Any] = {"log_probability": line.log_probability, "perplexity": line.perplexity}
        parts += [b'"%b":%b' % (name.encode(), orjson.dumps(value)) for name, value in sums.items()]
        self.out.write(b",".join(parts) + b"}\n")


WRITERS: dict[str, type[TextLines] | type[JsonLines]] = {"text": TextLines, "jsonl": JsonLines}
