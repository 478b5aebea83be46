"""CSV: a header, then one line per row of the output."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.text import axis_names
from dense_cli.views.evaluate import Result
from dense_cli.writers.numbers import row_texts
from dense_cli.writers.writer import Writer

_PREFIX = {"probabilities": "p", "log_probabilities": "logp", "logits": "logit"}


class Csv(Writer):
    """``sample,t,class,label,p0,p1,…``, or ``top1,p1,…`` with the likeliest classes."""

    def begin(self) -> None:
        axes = len(self.run.shape) - 1
        header = [*axis_names(axes), "class"]
        labels = self.run.labels
        self.names = None if labels is None else [_quoted(name) for name in labels]
        if labels is not None:
            header.append("label")
        if self.run.mask is not None:
            header.append("mask")
        header += self.run.measures
        prefix = _PREFIX.get(self.view.values)
        if self.view.top:
            for i in range(1, self.view.top + 1):
                header.append(f"top{i}")
                header += [f"label{i}"] if labels is not None else []
                header += [f"{prefix}{i}"] if prefix else []
        elif prefix:
            header += [f"{prefix}{i}" for i in range(self.run.shape[-1] or 0)]
        self.out.write(",".join(header).encode() + b"\n")

    def write(self, result: Result) -> None:
        columns: list[list[bytes]] = [[b"%d" % n for n in axis] for axis in result.places.T.tolist()]
        columns.append([b"" if c < 0 else b"%d" % c for c in result.classes.tolist()])
        if self.names is not None:
            columns.append([b"" if c < 0 else self.names[c] for c in result.classes.tolist()])
        if result.mask is not None:
            columns.append([b"%d" % m for m in result.mask.tolist()])
        for name in self.run.measures:
            values = result.measures[name]
            if name == "rank":
                columns.append([b"%d" % n if n else b"" for n in values.tolist()])
            else:
                columns.append(_values(values[:, None]))
        if result.top_classes is not None and result.top_values is not None:
            columns.append(self._top(result.top_classes, result.top_values))
        elif self.view.show != "classes":
            columns.append(_values(result.arrays[self.view.values]))
        self.out.write(
            b"\n".join(map(b",".join, zip(*columns, strict=True))) + b"\n" if len(result.classes) else b""
        )
        if result.pause:
            self.out.flush()

    def _top(self, classes: NDArray[np.int64], values: NDArray[Any]) -> list[bytes]:
        rows = []
        shown = self.view.show != "classes"
        for numbers, row in zip(classes.tolist(), _values(values), strict=True):
            cells = []
            for number, value in zip(numbers, row.split(b","), strict=True):
                cells.append(b"" if number < 0 else b"%d" % number)
                cells += [b"" if number < 0 else self.names[number]] if self.names is not None else []
                cells += [value] if shown else []
            rows.append(b",".join(cells))
        return rows


def _values(values: NDArray[Any]) -> list[bytes]:
    texts = row_texts(values)
    for row in np.flatnonzero(~np.isfinite(values).all(axis=1)):
        texts[row] = b",".join(
            text if np.isfinite(v) else str(float(v)).encode()
            for text, v in zip(texts[row].split(b","), values[row], strict=True)
        )
    return texts


def _quoted(text: str) -> bytes:
    if any(c in text for c in ',"\r\n') or text != text.strip():
        text = '"' + text.replace('"', '""') + '"'
    return text.encode("utf-8", "surrogatepass")
