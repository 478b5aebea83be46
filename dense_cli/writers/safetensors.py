"""safetensors: every array of the view under its own name.

The format: https://huggingface.co/docs/safetensors/index
"""

from __future__ import annotations

import math
import shutil

import numpy as np
import orjson

from dense_cli.writers.npy import Npz, kind_of

_DTYPES = {"bool": "BOOL", "int64": "I64", "float16": "F16", "float32": "F32", "float64": "F64"}
_ALIGNED = 8  # bytes: where the header ends, as the format recommends


class Safetensors(Npz):
    """The arrays that an NPZ holds; rows wait in files until the shape is known."""

    def end(self) -> None:
        """Write the header, and then the numbers of each array."""
        lead = self.lead.end()
        header, at = {}, 0
        names = sorted(self.bodies, key=lambda name: -kind_of(self.run, name)[0].itemsize)  # aligned, each
        for name in names:
            dtype, last = kind_of(self.run, name)
            shape = (*lead, *last)
            stop = at + math.prod(shape) * dtype.itemsize
            header[name] = {"dtype": _DTYPES[dtype.name], "shape": shape, "data_offsets": [at, stop]}
            at = stop
        text = orjson.dumps(header)
        text += b" " * (-len(text) % _ALIGNED)
        self.out.write(np.uint64(len(text)).astype("<u8").tobytes() + text)
        for name in names:
            self.bodies[name].seek(0)
            shutil.copyfileobj(self.bodies[name], self.out, 1 << 20)
