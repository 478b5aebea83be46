"""Layers against what real Keras 3.15.1 gave, where no Keras is installed.

``data/layers/layers.npz`` has the cases as JSON, inputs and weights, and Keras' outputs and masks.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from layer_cases import RANDOM, REFUSED
from layer_compare import differences

with np.load(Path(__file__).parent / "data" / "layers" / "layers.npz") as archive:
    GOLDEN = dict(archive)
CASES = json.loads(str(GOLDEN["cases"]))


@pytest.mark.filterwarnings("ignore:Layer .* does not support masking")
@pytest.mark.parametrize("layer", sorted(RANDOM))
def test_outputs_masks_and_configs_are_those_of_keras(layer: str) -> None:
    found = {
        number: (case["arguments"], case["shapes"], differences(case, number, GOLDEN, GOLDEN))
        for number, case in enumerate(CASES)
        if case["layer"] == layer
    }
    assert len(found) >= 3
    assert {number: row for number, row in found.items() if row[2]} == {}


def test_what_keras_refuses_is_refused() -> None:
    refused = [(number, case) for number, case in enumerate(CASES) if "raises" in case]
    assert [(case["layer"], case["arguments"]) for _, case in refused] == [row[:2] for row in REFUSED]
    assert [(case, d) for number, case in refused if (d := differences(case, number, GOLDEN, GOLDEN))] == []
