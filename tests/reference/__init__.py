"""What densecli's commands give, defined a second time: plain lists and NumPy, one row at a time.

Nothing of `dense_cli` is used here, and nothing is done in blocks. What comes in are arrays in memory and
the options as plain values; what goes out are Python objects with the numbers before they are rounded: the
layer's input and weights are rounded to its dtype, everything after that is computed in long double.
`RefusedError` stands for exit code 2.
"""

from reference.arrays import Array, RefusedError
from reference.comparison import Limits, compare, compare_classes, log_softmax
from reference.decoding import Line, beams, decode, text_of
from reference.description import info
from reference.outputs import Options, predict, slices, summary
from reference.rows import Layer, Row

__all__ = [
    "Array",
    "Layer",
    "Limits",
    "Line",
    "Options",
    "RefusedError",
    "Row",
    "beams",
    "compare",
    "compare_classes",
    "decode",
    "info",
    "log_softmax",
    "predict",
    "slices",
    "summary",
    "text_of",
]
