"""The labels of the likeliest classes of each sample, joined: ``numpy_decode.py OUT``."""

import sys

import numpy as np

y = np.load("y.npy", mmap_mode="r")
with open("labels.txt") as file:
    labels = file.read().split("\n")
with open(sys.argv[1], "w") as out:
    for i in range(0, len(y), 4096):
        for sample in y[i : i + 4096].argmax(axis=-1).tolist():
            out.write(" ".join([labels[c] for c in sample]) + "\n")
