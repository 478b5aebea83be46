"""A softmax layer in NumPy, a block of a mapped file at a time: ``numpy_blocks.py OUT``."""

import sys

import numpy as np

x = np.load("x.npy", mmap_mode="r")
kernel = np.load("kernel.npy")
bias = np.load("bias.npy")
y = np.lib.format.open_memmap(sys.argv[1], "w+", np.float32, (len(x), len(bias)))
for i in range(0, len(x), 4096):
    logits = x[i : i + 4096] @ kernel + bias
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    y[i : i + 4096] = e / e.sum(axis=1, keepdims=True)
