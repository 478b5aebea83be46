"""A softmax layer that reads into a kept buffer of 2048 rows in each of two threads: ``kept_buffer.py OUT``.

BLAS has one thread in each (OPENBLAS_NUM_THREADS=1).
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

kernel = np.load("kernel.npy")
bias = np.load("bias.npy")
rows, features = np.load("x.npy", mmap_mode="r").shape
y = np.lib.format.open_memmap(sys.argv[1], "w+", np.float32, (rows, len(bias)))
file = os.open("x.npy", os.O_RDONLY)
begin = os.fstat(file).st_size - rows * features * 4
BLOCK, THREADS = 2048, 2


def run(first):
    buffer = np.empty((BLOCK, features), np.float32)
    for start in range(first * BLOCK, rows, THREADS * BLOCK):
        x = buffer[: rows - start]
        os.preadv(file, [x.reshape(-1).view(np.uint8).data], begin + start * features * 4)
        logits = x @ kernel + bias
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        np.divide(e, e.sum(axis=1, keepdims=True), out=y[start : start + BLOCK])


with ThreadPoolExecutor(THREADS) as pool:
    list(pool.map(run, range(THREADS)))
