"""Minimum, maximum, mean, standard deviation and NaN of an array, a block of a mapped file at a time."""

import numpy as np

x = np.load("x.npy", mmap_mode="r")
low, high, total, squares, nan = np.inf, -np.inf, 0.0, 0.0, 0
for i in range(0, len(x), 512):
    block = x[i : i + 512].astype(np.float64)
    low, high = min(low, block.min()), max(high, block.max())
    total += block.sum()
    squares += (block * block).sum()
    nan += np.count_nonzero(np.isnan(block))
mean = total / x.size
print(low, high, mean, (squares / x.size - mean**2) ** 0.5, nan)
