"""JSON Lines: one object per sample, or per sample and time step; written as it comes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import orjson
from numpy.typing import NDArray

from dense_cli.views.evaluate import Result
from dense_cli.writers.items import Items
from dense_cli.writers.numbers import class_texts, measure_texts, row_texts
from dense_cli.writers.writer import Writer


class JsonLines(Writer):
    """One line per row: ``{"sample": 0, "t": 1, "probabilities": […], "class": 2}``."""

    def begin(self) -> None:
        """Make ready what every line may need."""
        self.items = Items(self.run, self.view)

    def write(self, result: Result) -> None:
        """Write a line for each row, if there are any."""
        if len(result.classes):
            self.out.write(b"}\n".join(self._lines(result)) + b"}\n")
        if result.pause:
            self.out.flush()

    def _lines(self, result: Result) -> Iterator[bytes]:
        """Return each row's line without its brace: the columns are made one by one, for all rows."""
        columns = [*_places(result.places), self._values(result)]
        if not self.run.shows_values:
            columns.append(_named(b"class", class_texts(result.classes)))
        if self.run.labels is not None:
            columns.append(_named(b"label", self.items.labels(result.classes)))
        if result.mask is not None:
            columns.append(_named(b"mask", [b"true" if m else b"false" for m in result.mask.tolist()]))
        for measure in self.run.measures:
            columns.append(_named(measure.encode(), measure_texts(result.measures[measure])))
        if self.view.explain is not None:
            columns.append(_named(b"explanation", self.items.explanations(result)))
        return map(b"".join, zip(*filter(None, columns), strict=True))

    def _values(self, result: Result) -> list[bytes]:
        """Return what each row shows: its likeliest classes, an array, or (classes alone) nothing."""
        if result.top_classes is not None:
            return _named(b"top", self.items.top(result))
        if self.view.show == "classes":
            return []
        rows = row_texts(result.arrays[self.view.values])
        return _named(self.view.values.encode(), [b"[%b]" % row for row in rows])


def _named(name: bytes, texts: list[bytes]) -> list[bytes]:
    return [b',"%b":%b' % (name, text) for text in texts]


def _places(places: NDArray[np.int64]) -> list[list[bytes]]:
    """Return where each row stands: sample, t, and an index on further axes."""
    columns = [[b'{"sample":%d' % n for n in places[:, 0].tolist()]]
    if places.shape[1] > 1:
        columns.append([b',"t":%d' % n for n in places[:, 1].tolist()])
    if places.shape[1] > 2:
        index = orjson.dumps(np.ascontiguousarray(places[:, 2:]), option=orjson.OPT_SERIALIZE_NUMPY)
        columns.append(_named(b"index", [b"[%b]" % text for text in index[2:-2].split(b"],[")]))
    return columns
