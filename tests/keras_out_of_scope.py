"""Which of Keras' own tests are about what dense_cli does not have, and why."""

from __future__ import annotations

import re

PATTERNS = {
    r"quanti|int4|int8|float8|gptq|awq": "quantization",
    r"lora": "LoRA, which is training",
    r"sparse(?!_sigmoid|_plus)|ragged": "sparse and ragged tensors",
    r"legacy_load": "a format of quantized weights",
}
"""A pattern in a test's name -> the reason."""


def reason(file: str, name: str) -> str | None:
    """Return why a test is out of scope, or None where it applies."""
    for pattern, why in PATTERNS.items():
        if re.search(pattern, name):
            return why
    return None
