"""Parse a document into an array and write it again."""

import sys

import numpy as np
import orjson

with open("x.json", "rb") as file:
    x = np.array(orjson.loads(file.read()), np.float32)
with open(sys.argv[1], "wb") as file:
    file.write(orjson.dumps(x, option=orjson.OPT_SERIALIZE_NUMPY))
