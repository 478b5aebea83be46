"""CSV and TSV: a header, then one line per row of the output."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.text import axis_names
from dense_cli.views.evaluate import Result
from dense_cli.writers.numbers import row_texts
from dense_cli.writers.writer import Writer

_PREFIX = {
    "probabilities": "p",
    "log_probabilities": "logp",
    "logits": "logit",
    "scores": "score",
    "values": "v",
}


class Csv(Writer):
    """``sample,t,class,p0,p1,…``, with labels ``label,p_cat,p_dog,…``, with ``-k`` ``top1,top1_p,…``."""

    separator = b","

    def begin(self) -> None:
        """Write the header."""
        labels = self.run.labels
        self.names = None if labels is None else [self._quoted(name) for name in labels]
        header = [*axis_names(len(self.run.shape) - 1), *["class"] * (not self.run.shows_values)]
        header += ["label"] * (labels is not None) + ["mask"] * self.run.masked
        header += self.run.measures
        header += self._top_header(self.view.top) if self.view.top else self._values_header()
        self.out.write(self.separator.join(map(self._quoted, header)) + b"\n")

    def _values_header(self) -> list[str]:
        prefix, labels = _PREFIX.get(self.view.values), self.run.labels
        if prefix is None:
            return []
        if (
            labels is not None
        ):  # also those that are no words of their own: the column says whose number it is
            return [f"{prefix}_{name}" for name in labels]
        return [f"{prefix}{i}" for i in range(self.run.classes)]

    def _top_header(self, top: int) -> list[str]:
        names = ["", *(["_label"] if self.names is not None else [])]
        names += [f"_{_PREFIX[self.view.values]}"] if self.view.values in _PREFIX else []
        return [f"top{i}{name}" for i in range(1, top + 1) for name in names]

    def write(self, result: Result) -> None:
        """Write a line for each row, if there are any: its columns are made one by one, for all rows."""
        if len(result.classes):
            columns = [*self._of_rows(result), *self._of_classes(result)]
            self.out.write(b"\n".join(map(self.separator.join, zip(*columns, strict=True))) + b"\n")
        if result.pause:
            self.out.flush()

    def _of_rows(self, result: Result) -> list[list[bytes]]:
        """Return the columns of places, class, label, mask and measures."""
        columns: list[list[bytes]] = [[b"%d" % n for n in axis] for axis in result.places.T.tolist()]
        if not self.run.shows_values:
            columns.append(_numbers(result.classes, none=-1))
        if self.names is not None:
            columns.append([b"" if c < 0 else self.names[c] for c in result.classes.tolist()])
        if result.mask is not None:
            columns.append([b"%d" % m for m in result.mask.tolist()])
        for name in self.run.measures:
            values = result.measures[name]
            columns.append(_numbers(values, none=0) if name == "rank" else self._values(values[:, None]))
        return columns

    def _of_classes(self, result: Result) -> list[list[bytes]]:
        """Return one column, whose cells have what stands between the numbers of all classes; or none."""
        if result.top_classes is not None and result.top_values is not None:
            return [self._top(result.top_classes, result.top_values)]
        return [] if self.view.show == "classes" else [self._values(result.arrays[self.view.values])]

    def _top(self, classes: NDArray[np.int64], values: NDArray[Any]) -> list[bytes]:
        rows = []
        shown = self.view.show != "classes"
        for numbers, row in zip(classes.tolist(), _values(values), strict=True):
            cells = []
            for number, value in zip(numbers, row.split(b","), strict=True):
                cells.append(b"" if number < 0 else b"%d" % number)
                cells += [b"" if number < 0 else self.names[number]] if self.names is not None else []
                cells += [value] if shown else []
            rows.append(self.separator.join(cells))
        return rows

    def _values(self, values: NDArray[Any]) -> list[bytes]:
        texts = _values(values)
        return texts if self.separator == b"," else [text.replace(b",", self.separator) for text in texts]

    def _quoted(self, text: str) -> bytes:
        if any(c in text for c in f'{self.separator.decode()}"\r\n') or text != text.strip():
            text = '"' + text.replace('"', '""') + '"'
        return text.encode("utf-8", "surrogatepass")


class Tsv(Csv):
    """The same with tabs in place of commas; a label with a tab in it stands between quotes."""

    separator = b"\t"


def _numbers(values: NDArray[np.int64], *, none: int) -> list[bytes]:
    """Return whole numbers, and nothing for those that stand for none."""
    return [b"" if n == none else b"%d" % n for n in values.tolist()]


def _values(values: NDArray[Any]) -> list[bytes]:
    texts = row_texts(values)
    for row in np.flatnonzero(~np.isfinite(values).all(axis=1)):
        texts[row] = b",".join(
            text if np.isfinite(v) else str(float(v)).encode()
            for text, v in zip(texts[row].split(b","), values[row], strict=True)
        )
    return texts
