"""Random models of dense_cli, saved, and read by real Keras: the same outputs from all three files.

Keras runs in a process of its own.
"""

from __future__ import annotations

import importlib.util
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dense_cli import layers
from dense_cli.layers import tree
from dense_cli.layers.names import clear_session
from dense_cli.models import Model, Sequential

if importlib.util.find_spec("keras") is None:
    pytest.skip("Keras is not installed", allow_module_level=True)

KERAS = """
import sys
import numpy as np
import keras
from pathlib import Path

folder = Path(sys.argv[1])
for base in sorted(folder.glob("*.npz")):
    name = base.stem
    with np.load(base) as stored:
        x = [stored[key] for key in sorted(stored.files)]
    models = {}
    for suffix in ("keras", "h5"):
        models[suffix] = keras.models.load_model(folder / f"{name}.{suffix}", compile=False)
    models["json"] = keras.models.model_from_json((folder / f"{name}.json").read_text())
    models["json"].load_weights(folder / f"{name}.weights.h5")
    for suffix, model in models.items():
        y = model.predict(x if len(x) > 1 else x[0], verbose=0)
        for i, one in enumerate(y if isinstance(y, (list, tuple)) else [y]):
            np.save(folder / f"{name}__{suffix}__{i}.npy", one)
    (folder / f"{name}.names").write_text("\\n".join(layer.name for layer in models["keras"].layers))
"""
STEPS: list[Any] = [
    lambda units: layers.TimeDistributed(layers.Dense(units, activation="tanh")),
    lambda units: layers.Dense(units, activation="relu"),
    lambda units: layers.GRU(units, return_sequences=True),
    lambda units: layers.Bidirectional(layers.LSTM(units, return_sequences=True)),
    lambda units: layers.Conv1D(units, 3, padding="same", activation="elu"),
    lambda units: layers.LayerNormalization(),
    lambda units: layers.BatchNormalization(),
    lambda units: layers.Dropout(0.3),
    lambda units: layers.Activation("softsign"),
    lambda units: layers.TimeDistributed(Sequential([layers.Input((units,)), layers.Dense(units)])),
]


def random_model(seed: int) -> Model:
    """Return a graph with branches that join again, a shared layer and two outputs."""
    draw = random.Random(seed)
    clear_session()
    units, time = draw.randint(2, 5), draw.randint(3, 6)
    a, b = layers.Input((time, units), name="a"), layers.Input((time, units), name="b")
    shared = layers.Dense(units)
    x, y = shared(a), shared(b)
    for _ in range(draw.randint(1, 4)):
        x = layers.Dense(units)(draw.choice(STEPS)(units)(x))
    x = draw.choice([layers.Add, layers.Multiply, layers.Maximum, layers.Average])()([x, y])
    ends = [layers.GlobalAveragePooling1D, layers.Flatten, layers.GlobalMaxPooling1D]
    last = draw.choice(ends)()(x * 0.5 + y)
    return Model([a, b], [layers.Dense(3, activation="softmax")(last), x[:, 0]])


def test_keras_reads_what_is_saved(tmp_path: Path) -> None:
    expected = {}
    for seed in range(12):
        model, name = random_model(seed), f"m{seed:02}"
        rng = np.random.default_rng(seed)
        x = [rng.normal(size=(4, *i.shape[1:])).astype(np.float32) for i in model.inputs]
        model.set_weights([rng.uniform(0.1, 0.9, w.shape) for w in model.weights])
        np.savez(tmp_path / f"{name}.npz", a=x[0], b=x[1])
        model.save(tmp_path / f"{name}.keras")
        model.save(tmp_path / f"{name}.h5")
        model.save_weights(tmp_path / f"{name}.weights.h5")
        (tmp_path / f"{name}.json").write_text(model.to_json())
        expected[name] = tree.flatten(model.predict(x, verbose=0)), [layer.name for layer in model.layers]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KERAS, str(tmp_path)],
        env=os.environ | {"KERAS_BACKEND": "numpy", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for name, (outputs, names) in expected.items():
        assert (tmp_path / f"{name}.names").read_text().split("\n") == names
        for suffix in ("keras", "h5", "json"):
            for i, y in enumerate(outputs):
                found = np.load(tmp_path / f"{name}__{suffix}__{i}.npy")
                np.testing.assert_allclose(y, found, rtol=1e-5, atol=1e-6, err_msg=f"{name} {suffix} {i}")
