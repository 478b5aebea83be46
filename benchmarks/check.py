"""Compare answers: ``check.py OURS THEIRS`` prints how they agree, and exits 1 where they do not.

Values agree within 1e-4 of each other or 1e-7; classes in 999 of 1000 rows, since two that are as good
as equal may change places when a product is summed in another order.
"""

import sys

import numpy as np
import orjson


def load(file):
    """Return the arrays that a file holds, by name."""
    if file.endswith(".npy"):
        return {"array": np.load(file, mmap_mode="r")}
    with open(file, "rb") as stream:
        if file.endswith(".json"):
            document = orjson.loads(stream.read())
            return {name: np.array(document[name]) for name in ("probabilities", "classes")}
        rows = [orjson.loads(line) for line in stream]
    arrays = {"class": np.array([row["class"] for row in rows])}
    if "top" in rows[0]:
        arrays["top"] = np.array([[item["probability"] for item in row["top"]] for row in rows])
    else:
        arrays["probabilities"] = np.array([row["probabilities"] for row in rows])
    return arrays


def disagreement(name, ours, theirs):
    """Return what is wrong, or None."""
    if ours.shape != theirs.shape:
        return f"{name}: shape {ours.shape}, not {theirs.shape}"
    if ours.dtype.kind == "i":
        other = np.count_nonzero(ours != theirs)
        return f"{name}: {other} of {ours.size} differ" if other > ours.size / 1000 else None
    for start in range(0, len(ours), 1024):
        if not np.allclose(ours[start : start + 1024], theirs[start : start + 1024], rtol=1e-4, atol=1e-7):
            return f"{name}: values differ in rows {start} to {start + 1023}"
    return None


if __name__ == "__main__":
    ours, theirs = (load(file) for file in sys.argv[1:])
    found = [disagreement(name, ours[name], theirs[name]) for name in ours]
    wrong = [text for text in found if text]
    print("; ".join(wrong) or "agree")
    sys.exit(bool(wrong))
