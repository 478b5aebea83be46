"""A softmax layer in NumPy from JSON to JSON: ``numpy_document.py OUT``."""

import sys

import numpy as np
import orjson

with open("x.json", "rb") as file:
    x = np.array(orjson.loads(file.read()), np.float32)
kernel = np.load("kernel.npy")
bias = np.load("bias.npy")
logits = x @ kernel + bias
e = np.exp(logits - logits.max(axis=1, keepdims=True))
p = e / e.sum(axis=1, keepdims=True)
with open(sys.argv[1], "wb") as file:
    document = {"probabilities": p, "classes": p.argmax(axis=1)}
    file.write(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY))
