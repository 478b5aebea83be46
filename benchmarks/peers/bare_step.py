"""The matrix product of one time step of a mapped file."""

import numpy as np

x = np.load("x.npy", mmap_mode="r")
kernel = np.load("kernel.npy")
x[:, 3] @ kernel
