"""Parse every line and write it again."""

import sys

import orjson

out = sys.stdout.buffer
for line in sys.stdin.buffer:
    out.write(orjson.dumps(orjson.loads(line)) + b"\n")
