"""The matrix product alone, a block of a mapped file at a time."""

import numpy as np

x = np.load("x.npy", mmap_mode="r")
kernel = np.load("kernel.npy")
for i in range(0, len(x), 4096):
    x[i : i + 4096] @ kernel
