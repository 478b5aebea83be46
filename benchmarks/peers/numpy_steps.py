"""A softmax layer in NumPy on one time step of a mapped file after another: ``numpy_steps.py OUT``."""

import sys

import numpy as np

x = np.load("x.npy", mmap_mode="r")
kernel = np.load("kernel.npy")
bias = np.load("bias.npy")
y = np.lib.format.open_memmap(sys.argv[1], "w+", np.float32, (*x.shape[:2], len(bias)))
for t in range(x.shape[1]):
    logits = x[:, t] @ kernel + bias
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    y[:, t] = e / e.sum(axis=1, keepdims=True)
