"""JSON: one document; the values are written as they come, the classes after them."""

from __future__ import annotations

import math
from typing import Any, BinaryIO

import numpy as np
import orjson
from numpy.typing import NDArray

from dense_cli.files.temporary import TemporaryFile
from dense_cli.sources.source import Sizes
from dense_cli.views.evaluate import Result
from dense_cli.writers.items import Items
from dense_cli.writers.numbers import Nest, class_texts, measure_texts, row_texts
from dense_cli.writers.writer import Writer


class Json(Writer):
    """``{"layer": …, "shape": …, "probabilities": …, "classes": …}``; `slice` nests the values in steps."""

    def begin(self) -> None:
        self.items = Items(self.run, self.view)
        self.known = None not in self.run.shape
        # The shape stands before the values: where it is known only at the end, they wait in a file.
        self.body: BinaryIO = self.out if self.known else TemporaryFile()
        self.sizes = Sizes(len(self.run.shape) - 1)
        self.rows = self.steps = 0
        if self.known:
            self._head(list(self.run.input_shape), list(self.run.shape))
        if self.run.steps is None:
            self._open()

    def step(self, t: int) -> None:
        if self.steps:
            self._close()
            self.body.write(b"},")
        self.body.write(b'{"t":%d,' % t)
        self.steps += 1
        self.sizes.next_step()
        self._open()

    def _open(self) -> None:
        axes = len(self.run.shape) - 1 - (self.run.steps is not None)
        self.values = Nest(axes)
        # What follows the values is short and waits in memory: its name → the nest and its text so far.
        names = [
            *(["classes"] if not self.run.shows_values else []),
            *(["predicted"] if self.run.labels is not None else []),
            *(["mask"] if self.run.masked else []),
            *self.run.measures,
            *(["explanations"] if self.view.explain is not None else []),
        ]
        self.after: dict[str, tuple[Nest, list[bytes]]] = {name: (Nest(axes), []) for name in names}
        self.name = "top" if self.view.top else self.view.values
        if self.name != "classes":
            self.body.write(b'"%b":' % self.name.encode())

    def write(self, result: Result) -> None:
        places = result.places
        self.rows += len(places)
        if not self.known:
            self.sizes.add(places)
        at: NDArray[np.int64] = places if self.run.steps is None else np.delete(places, 1, axis=1)
        if self.name == "top":
            self.body.write(self.values.add(self.items.top(result), at))
        elif self.name != "classes":
            texts = [b"[%b]" % text for text in row_texts(result.arrays[self.name])]
            self.body.write(self.values.add(texts, at))
        for name, (nest, texts) in self.after.items():
            texts.append(nest.add(self._after(name, result), at))

    def _after(self, name: str, result: Result) -> list[bytes]:
        if name in result.measures:
            return measure_texts(result.measures[name])
        if name == "explanations":
            return self.items.explanations(result)
        if name == "mask" and result.mask is not None:
            return [b"true" if m else b"false" for m in result.mask.tolist()]
        return class_texts(result.classes) if name == "classes" else self.items.labels(result.classes)

    def _close(self) -> None:
        parts = [
            b'"%b":%b%b' % (name.encode(), b"".join(text), nest.end())
            for name, (nest, text) in self.after.items()
        ]
        ended = [] if self.name == "classes" else [self.values.end()]
        self.body.write(b",".join(ended + parts))

    def end(self) -> None:
        if self.run.steps is None or self.steps:
            self._close()
        if self.run.steps is not None:
            self.body.write(b"}]" if self.steps else b"]")
        if not self.known:
            sizes = self.sizes.shape()
            if self.run.steps is not None:
                sizes[1] = len(self.run.steps)
            regular = math.prod(sizes) == self.rows
            lead: list[int | None] = [*sizes] if regular else [sizes[0], *[None] * (len(sizes) - 1)]
            self._head([*lead, self.run.input_shape[-1]], [*lead, self.run.shape[-1]])
            self.body.seek(0)
            import shutil

            shutil.copyfileobj(self.body, self.out, 1 << 20)
        if self.run.targets is not None:
            self.out.write(b',"summary":' + orjson.dumps(self.summary.totals().as_json()))
        self.out.write(b"}\n")

    def _head(self, input_shape: list[int | None], shape: list[int | None]) -> None:
        layer = None if self.run.head is None else self.run.head.config
        if layer is not None and self.run.plan.temperature != 1:
            layer = {**layer, "temperature": self.run.plan.temperature}
        head: dict[str, Any] = {"layer": layer, "input_shape": input_shape, "shape": shape}
        if self.run.steps is not None:
            del head["input_shape"]
        if self.run.labels is not None and not self.view.top:
            head["labels"] = self.run.labels
        text = orjson.dumps(head)[:-1] + b","
        self.out.write(text + (b'"steps":[' if self.run.steps is not None else b""))
