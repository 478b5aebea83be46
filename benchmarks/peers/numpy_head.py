"""A softmax layer in NumPy, as one writes it: ``numpy_head.py top|classes|probabilities OUT``."""

import sys

import numpy as np

work, out = sys.argv[1:]
x = np.load("x.npy")
kernel = np.load("kernel.npy")
bias = np.load("bias.npy")

logits = x @ kernel + bias
e = np.exp(logits - logits.max(axis=1, keepdims=True))
p = e / e.sum(axis=1, keepdims=True)

if work == "probabilities":
    np.save(out, p)
elif work == "classes":
    np.save(out, p.argmax(axis=1))
else:
    top = np.argpartition(p, -5, axis=1)[:, -5:]
    values = np.take_along_axis(p, top, axis=1)
    order = np.argsort(-values, axis=1)
    top = np.take_along_axis(top, order, axis=1)
    values = np.take_along_axis(values, order, axis=1)
    if out.endswith(".npy"):
        np.save(out, values)
    else:
        import orjson

        with open(out, "wb") as file:
            for i, (classes, found) in enumerate(zip(top.tolist(), values.tolist(), strict=True)):
                items = [{"class": c, "probability": v} for c, v in zip(classes, found, strict=True)]
                file.write(orjson.dumps({"sample": i, "top": items, "class": classes[0]}) + b"\n")
