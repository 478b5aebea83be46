"""A softmax layer in ONNX Runtime: ``onnxruntime_head.py top|classes|probabilities OUT``."""

import sys

import numpy as np
import onnxruntime

work, out = sys.argv[1:]
session = onnxruntime.InferenceSession(f"{work}.onnx", providers=["CPUExecutionProvider"])
[found] = session.run(None, {"x": np.load("x.npy")})
np.save(out, found)
