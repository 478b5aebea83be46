"""A kernel by a generator of NumPy: ``numpy_kernel.py GENERATOR DISTRIBUTION OUT``."""

import sys

import numpy as np

generator, distribution, out = sys.argv[1:]
rng = np.random.Generator(getattr(np.random, generator)(0))
np.save(out, getattr(rng, distribution)((1000, 30522), dtype=np.float32))
