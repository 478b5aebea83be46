"""The fused pass alone, in blocks of 128 rows: product, bias, maximum, exponential, sum.

``floor_head.py THREADS``: BLAS has one thread in each (OPENBLAS_NUM_THREADS=1).
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

x = np.load("x.npy")
kernel = np.load("kernel.npy")
bias = np.load("bias.npy")
BLOCK, THREADS = 128, int(sys.argv[1])


def run(first):
    logits = np.empty((BLOCK, len(bias)), np.float32)
    for start in range(first * BLOCK, len(x), THREADS * BLOCK):
        np.matmul(x[start : start + BLOCK], kernel, out=logits)
        logits += bias
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        logits.sum(axis=1)


with ThreadPoolExecutor(THREADS) as pool:
    list(pool.map(run, range(THREADS)))
