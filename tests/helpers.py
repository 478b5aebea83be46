"""What several test files share: the files of weights, a softmax by plain NumPy, how a refusal reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dense_cli.errors import DenseCliError, FileFormatError
from dense_cli.heads import load_weights

DATA = Path(__file__).parent / "data"
WEIGHTS = DATA / "weights"  # files of weights that real libraries wrote
INPUTS = DATA / "cases"  # inputs of trained models, and what the models made of them

# Of each model: (user's name, kernel shape, bias?) of its heads; its output, and that one's inner Dense.
MODELS = {
    "a_sequential_dense": ([("dense", (3, 3), True)], "dense", "dense"),
    "b_seq2seq_td": ([("time_distributed", (12, 15), True)], "time_distributed", "dense_1"),
    "c_nested": (
        [("dense_2", (6, 8), True), ("proj", (8, 5), False), ("mid", (5, 7), True), ("head", (7, 4), True)],
        "head",
        "head",
    ),
    "k2_td": ([("time_distributed", (5, 6), True)], "time_distributed", "dense"),
    "k2_seq": ([("dense_1", (3, 4), True), ("dense_2", (4, 3), True)], "dense_2", "dense_2"),
    "digits": ([("per_row", (48, 10), True)], "per_row", "digit"),
}
FORMS = [".keras", ".weights.h5", ".h5", "_weights.h5"]
MODEL_FILES = [
    pytest.param(name, name + form, id=name + form)
    for name in MODELS
    for form in FORMS
    if (WEIGHTS / (name + form)).exists()
]
EXPORTS = [
    pytest.param(name, path.name, id=path.name)
    for name in MODELS
    for path in sorted(WEIGHTS.glob(f"{name}__head*"))
]


def softmax(logits: np.ndarray, axis: int = -1) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def refused(file, kind: type[DenseCliError] = FileFormatError, **options) -> str:
    """The message with which a file is refused, which is one line and begins with the file's name."""
    with pytest.raises(kind) as error:
        load_weights(file, **options)
    message = str(error.value)
    assert message.startswith(f"{file}: ")
    assert "\n" not in message
    assert len(message) < 600
    return message.removeprefix(f"{file}: ")
