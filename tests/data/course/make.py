"""Make keras.json: what Keras gives for each command of docs/tutorial.md.

KERAS_BACKEND=tensorflow python make.py     # Keras 3.15.1, TensorFlow 2.21

First the page's Python is run with Keras in the place of dense_cli. Then each command, in its order, has
the rows that its table should show, and the numbers of its summary: outputs by Keras, entropies and means by
NumPy from these. An entry without any is a command that prints nothing.
"""

from __future__ import annotations

import doctest
import json
import os
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np

assert keras.backend.backend() == "tensorflow"
HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent
PAGE = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
SAMPLES = ROOT / "samples"


def run_the_python_of_the_page() -> None:
    session = "\n".join(re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
    os.chdir(ROOT)
    test = doctest.DocTestParser().get_doctest(session.replace("dense_cli", "keras"), {}, "tutorial", None, 0)
    assert doctest.DocTestRunner().run(test).failed == 0


def summary(y: np.ndarray) -> list[float]:
    """Return the mean confidence, the mean entropy, and that of the uniform distribution."""
    p = np.asarray(y, np.float64).reshape(-1, np.shape(y)[-1])
    logs = np.log(p, out=np.zeros_like(p), where=p > 0)
    return [float(p.max(-1).mean()), float(-(p * logs).sum(-1).mean()), float(np.log(p.shape[-1]))]


def predicted(y: np.ndarray) -> dict[str, Any]:
    """Return the rows (sample, step, class, probabilities) and the summary of outputs."""
    y = np.asarray(y)
    places = np.ndindex(*y.shape[:-1])
    return {"rows": [[*at, int(y[at].argmax()), *y[at].tolist()] for at in places], "summary": summary(y)}


def sliced(y: np.ndarray) -> dict[str, Any]:
    """Return the same, one time step after another, each with its own summary."""
    steps = [predicted(y[:, t]) for t in range(np.shape(y)[1])]
    return {
        "rows": [row for step in steps for row in step["rows"]],
        "summary": [number for step in steps for number in step["summary"]],
    }


def likeliest(at: tuple[int, ...], y: np.ndarray, k: int) -> list[Any]:
    """Return the k likeliest words of a row with their probabilities."""
    order = np.argsort(-y, kind="stable")[:k]
    row = [*at, *(item for c in order for item in (french[c], float(y[c])))]
    return [*row, "unsure"] if y[order[0]] - y[order[1]] < 0.1 else row


def compared(at: tuple[int, ...], y: np.ndarray) -> list[Any]:
    """Return the likeliest word of a row, the runner-up, and the margin between them."""
    first, p1, second, p2, *unsure = likeliest((), y, 2)
    return [*at, first, p1, second, p2, p1 - p2, *unsure]


def ended(y: np.ndarray) -> int:
    """Return how many steps a sentence has, eos among them."""
    words = [french[c] for c in y.argmax(-1)]
    return words.index("eos") + 1 if "eos" in words else len(words)


def text(y: np.ndarray) -> str:
    words = (french[c] for c in y[: ended(y)].argmax(-1))
    return " ".join(word for word in words if word not in ("eos", "0"))


def layer(units: int, init: Any, bias: Any = "zeros") -> keras.layers.Dense:
    return keras.layers.Dense(units, "softmax", kernel_initializer=init, bias_initializer=bias)


run_the_python_of_the_page()
english = json.loads((SAMPLES / "english.json").read_text())
french = {0: "0"} | {i: word for word, i in json.loads((SAMPLES / "french.json").read_text()).items()}
nmt = keras.models.load_model(SAMPLES / "translate.keras")


def onehot(sentences: list[str]) -> np.ndarray:
    ids = [[english[word] for word in sentence.split()] for sentence in sentences]
    padded = keras.utils.pad_sequences(ids, maxlen=5, padding="post")
    return keras.utils.to_categorical(padded, 32)[:, ::-1]


sentences = (SAMPLES / "sentences.txt").read_text().splitlines()
one, many = onehot(["seventy one"]), onehot(sentences)
y_one, y_many = (nmt.predict(x, verbose=0) for x in (one, many))
batch = np.array(json.loads((SAMPLES / "batch.json").read_text()), np.float32)
steps = np.array(json.loads((SAMPLES / "steps.json").read_text()), np.float32)
outputs = np.array(json.loads((SAMPLES / "outputs.json").read_text()))
init = keras.initializers.RandomNormal(mean=0.0, stddev=0.05, seed=6000)
course = layer(3, init, init)
y_batch = np.asarray(course(batch))
kernel, bias = course.get_weights()

logits = np.array([2.0, 1.0, 0.1])
exps = np.exp(logits - logits.max())
softmax = np.asarray(keras.activations.softmax(keras.ops.convert_to_tensor(logits[None], "float64")))[0]
apart = [
    *([c, *row] for c, row in enumerate(zip(logits, logits - logits.max(), exps, softmax, strict=True))),
    ["sum", exps.sum(), softmax.sum()],
]

hidden = keras.Model(nmt.inputs, nmt.get_layer("decoder").output).predict(one, verbose=0)
top = np.asarray(nmt.get_layer("french")(hidden))
worst = sorted(
    (compared((s, t), y_many[s, t]) for s in range(len(sentences)) for t in range(ended(y_many[s]))),
    key=lambda row: row[6],
)[:3]
counted = [y_many[s, t] for s in range(len(sentences)) for t in range(ended(y_many[s]))]
end = ended(y_one[0])
three = [[*likeliest((0, t), y_one[0, t], 3), *(["padding"] if t >= end else [])] for t in range(6)]


def stated(name: str) -> int:
    return int(nmt.get_layer(name).count_params())


def given(name: str) -> list[np.ndarray]:
    out = keras.Model(nmt.inputs, nmt.get_layer(name).output).predict(many, verbose=0)
    return [np.asarray(array) for array in (out if isinstance(out, list) else [out])]


def stats(array: np.ndarray) -> list[float]:
    return [float(f(array.astype(np.float64))) for f in (np.min, np.max, np.mean, np.std)]


LAYERS = ("english", "encoder", "repeat", "decoder", "french")
EXPECTED: list[dict[str, Any]] = [
    {"rows": apart},
    predicted(np.asarray(layer(3, keras.initializers.GlorotUniform(seed=0))(batch))),
    {"rows": [*([f, *row] for f, row in enumerate(kernel.tolist())), ["bias", *bias.tolist()]]},
    predicted(y_batch),
    predicted(np.array([[0.1, 0.3, 0.4, 0.2], [0.2, 0.5, 0.1, 0.2]])),
    predicted(np.asarray(keras.layers.TimeDistributed(layer(3, init, init))(steps))),
    sliced(outputs),
    {"parameters": {name: stated(name) for name in LAYERS}, "total": int(nmt.count_params())},
    {"statistics": {name: [stats(array) for array in given(name)] for name in LAYERS}},
    {
        "rows": [compared((0, t), y_one[0, t]) for t in range(6)],
        "summary": summary(y_one),
    },
    {"rows": three, "summary": summary(y_one[0, :end])},
    {"lines": [text(y_one[0])]},
    {"lines": [text(y) for y in y_many]},
    {},
    {"rows": [likeliest((0,), top[0, 0], 3)], "summary": summary(top[:, :1])},
    {"rows": worst, "summary": summary(np.array(counted))},
]
blocks = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
commands = [m[1] for block in blocks for m in re.finditer(r"^\$ ((?:.*\\\n)*.*)$", block, re.MULTILINE)]
golden = [{"command": command, **row} for command, row in zip(commands, EXPECTED, strict=True)]
versions = {"keras": keras.__version__, "tensorflow": __import__("tensorflow").__version__}
(HERE / "keras.json").write_text(
    json.dumps({"versions": versions, "commands": golden}, ensure_ascii=False, indent=1) + "\n"
)
