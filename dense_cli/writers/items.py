"""Pieces of JSON that the JSON and JSON Lines writers share."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from dense_cli.run import Run
from dense_cli.views.evaluate import Result, View
from dense_cli.writers.numbers import row_texts

_ONE = {
    "probabilities": b"probability",
    "log_probabilities": b"log_probability",
    "logits": b"logit",
    "scores": b"score",
}


class Items:
    """Labels and top classes of rows as JSON text."""

    def __init__(self, run: Run, view: View) -> None:
        self._value = _ONE.get(view.values)
        self._run = run
        self._names = None if run.labels is None else [orjson.dumps(name) for name in run.labels]

    def labels(self, classes: NDArray[np.int64]) -> list[bytes]:
        """Return the label of each class, null for none."""
        assert self._names is not None
        return [b"null" if c < 0 else self._names[c] for c in classes.tolist()]

    def top(self, result: Result) -> list[bytes]:
        """Return each row's likeliest classes as a list of objects; empty where a row has no class."""
        assert result.top_classes is not None
        assert result.top_values is not None
        rows = []
        for classes, values in zip(result.top_classes.tolist(), row_texts(result.top_values), strict=True):
            items = [
                self._item(c, value) for c, value in zip(classes, values.split(b","), strict=True) if c >= 0
            ]
            rows.append(b"[" + b",".join(items) + b"]")
        return rows

    def explanations(self, result: Result) -> list[bytes]:
        """Return what each row's logit, or its softmax, is made of; null where a row has no class."""
        from dense_cli.views.explain import SOFTMAX

        if self._run.view.explain == SOFTMAX:
            return self._softmaxes(result)
        made = result.explained
        assert made is not None
        rows = []
        known = self._run.feature_names
        for i in range(len(made.classes)):
            if made.classes[i] < 0:
                rows.append(b"null")
                continue
            columns = (made.features[i], made.x[i], made.weights[i], made.contributions[i])
            item: dict[str, Any] = {
                "class": int(made.classes[i]),
                "against": int(made.against[i]) if made.against[i] >= 0 else None,
                "logit": float(made.logit[i]),
                "bias": float(made.bias[i]),
                "features": [
                    {"feature": f}
                    | ({"name": known[f]} if known else {})
                    | {"x": x, "weight": w, "contribution": c}
                    for f, x, w, c in zip(*(column.tolist() for column in columns), strict=True)
                ],
                "rest": float(made.rest[i]),
            }
            rows.append(orjson.dumps(item))
        return rows

    def _softmaxes(self, result: Result) -> list[bytes]:
        """Return each row's steps of `views.softmax` as an object; null where a row has no class."""
        from dense_cli.views.softmax import take_apart

        steps = take_apart(result.arrays["logits"])._asdict()
        columns = zip(*(array.tolist() for array in steps.values()), strict=True)
        rows = [orjson.dumps(dict(zip(steps, values, strict=True))) for values in columns]
        return [row if c >= 0 else b"null" for c, row in zip(result.classes.tolist(), rows, strict=True)]

    def _item(self, number: int, value: bytes) -> bytes:
        text = b'{"class":%d' % number
        if self._value is not None:
            text += b',"%b":%b' % (self._value, value)
        if self._names is not None:
            text += b',"label":%b' % self._names[number]
        return text + b"}"
