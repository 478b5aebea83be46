"""JSON Lines: one object per sample, or per sample and time step; written as it comes."""

from __future__ import annotations

import numpy as np
import orjson

from dense_cli.views.evaluate import Result
from dense_cli.writers.items import Items
from dense_cli.writers.numbers import class_texts, measure_texts, row_texts
from dense_cli.writers.writer import Writer


class JsonLines(Writer):
    """One line per row: ``{"sample": 0, "t": 1, "probabilities": […], "class": 2}``."""

    def begin(self) -> None:
        self.items = Items(self.run, self.view)

    def write(self, result: Result) -> None:
        places = result.places
        columns: list[list[bytes]] = [[b'{"sample":%d' % n for n in places[:, 0].tolist()]]
        if places.shape[1] > 1:
            columns.append([b',"t":%d' % n for n in places[:, 1].tolist()])
        if places.shape[1] > 2:
            index = orjson.dumps(np.ascontiguousarray(places[:, 2:]), option=orjson.OPT_SERIALIZE_NUMPY)
            columns.append([b',"index":[%b]' % text for text in index[2:-2].split(b"],[")])
        if result.top_classes is not None:
            columns.append([b',"top":%b' % text for text in self.items.top(result)])
        elif self.view.show != "classes":
            name = self.view.values.encode()
            columns.append([b',"%b":[%b]' % (name, text) for text in row_texts(result.arrays[name.decode()])])
        columns.append([b',"class":%b' % text for text in class_texts(result.classes)])
        if self.run.labels is not None:
            columns.append([b',"label":%b' % text for text in self.items.labels(result.classes)])
        if result.mask is not None:
            columns.append([b',"mask":true' if m else b',"mask":false' for m in result.mask.tolist()])
        for measure in self.run.measures:
            texts = measure_texts(result.measures[measure])
            columns.append([b',"%b":%b' % (measure.encode(), text) for text in texts])
        if result.explained is not None:
            columns.append([b',"explanation":%b' % text for text in self.items.explanations(result)])
        self.out.write(b"}\n".join(map(b"".join, zip(*columns, strict=True))) + b"}\n")
        if result.pause:
            self.out.flush()
