"""Every check of a model's layers fires on a planted fault and is silent without it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SAMPLES, Run

from dense_cli.layers import (
    GRU,
    BatchNormalization,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    Input,
    Masking,
    Normalization,
    Rescaling,
)
from dense_cli.models import Model, load_model
from dense_cli.views.checks import OF_MODELS

pytest.importorskip("h5py")
DATA = Path(__file__).parent / "data" / "models"
RNG = np.random.default_rng(7)


def rows(*shape: int, scale: float = 1.0) -> np.ndarray:
    return np.random.default_rng(3).normal(0, scale, shape).astype("f4")


def mlp(change: Callable[[Any], None] = lambda model: None) -> Model:
    """Return a model of two layers, changed."""
    i = Input((4,), name="x")
    model = Model(
        i, Dense(3, activation="softmax", name="last")(Dense(6, activation="relu", name="hidden")(i))
    )
    change(model)
    return model


def of_ids(size: int = 50) -> Model:
    i = Input((8,), dtype="int32", name="ids")
    y = GlobalAveragePooling1D()(Embedding(size, 4, name="words")(i))
    return Model(i, Dense(3, activation="softmax")(y))


def of_floats() -> Model:
    i = Input((8,), name="ids")
    y = GlobalAveragePooling1D()(Embedding(50, 4, name="words")(i))
    return Model(i, Dense(3, activation="softmax")(y))


def recurrent() -> Model:
    i = Input((5, 4), name="x")
    memory = GRU(6, kernel_initializer="ones", name="memory")
    return Model(i, Dense(3, activation="softmax")(memory(Masking()(i))))


def normalized(mean: float, variance: float) -> Model:
    i = Input((4,), name="x")
    norm = BatchNormalization(name="norm")
    model = Model(i, Dense(3, activation="softmax")(norm(i)))
    norm.moving_mean.assign(np.full(4, mean, "f4"))
    norm.moving_variance.assign(np.full(4, variance, "f4"))
    return model


def rescaled() -> Model:
    i = Input((3, 3, 1), name="image")
    return Model(i, Dense(3, activation="softmax")(Flatten()(Rescaling(1 / 255, name="scale")(i))))


def scaled() -> Model:
    i = Input((3, 3, 1), name="image")
    scale = Normalization(axis=None, mean=127.0, variance=73.0**2, name="scale")
    return Model(i, Dense(3, activation="softmax")(Flatten()(scale(i))))


def behind() -> Model:
    """Return a model whose BatchNormalization comes after a Dense that leaves the numbers as they are."""
    i = Input((3, 3, 1), name="image")
    norm = BatchNormalization(name="norm")
    y = norm(Dense(9, kernel_initializer="identity", name="same")(Flatten()(i)))
    model = Model(i, Dense(3, activation="softmax")(y))
    norm.moving_mean.assign(np.full(9, 0.5, "f4"))
    norm.moving_variance.assign(np.full(9, 0.09, "f4"))
    return model


def flat() -> Model:
    i = Input((3, 3, 1), name="image")
    return Model(i, Dense(3, activation="softmax", name="last")(Flatten()(i)))


def mean_of(x: np.ndarray) -> str:
    wide = x.astype("f8")
    return f"{wide.mean():.4g} ± {wide.std():.4g}"


def nan(model: Any) -> None:
    kernel = model.get_layer("hidden").kernel
    kernel.assign(np.full(kernel.shape, np.nan, "f4"))


def dead(model: Any) -> None:
    model.get_layer("hidden").bias.assign(np.array([-99, -99, -99, -99, 0, 0], "f4"))


def ids(*unknown: int) -> np.ndarray:
    found = RNG.integers(3, 50, (10, 8))
    found[:, : len(unknown)] = unknown
    return found


IMAGES = RNG.integers(0, 256, (10, 3, 3, 1)).astype("f4")
# Of each check: models with their inputs, the planted fault first, and what is told of it.
PLANTED: list[tuple[str, Model, np.ndarray, Model, np.ndarray, str | None]] = [
    ("layer-finite", mlp(nan), rows(30, 4), mlp(), rows(30, 4), "layer 'hidden': 180 NaN of 180 numbers"),
    (
        "silent-units", mlp(dead), rows(30, 4), mlp(), rows(30, 4),
        "layer 'hidden': 4 of 6 units put out 0 in all 30 rows",
    ),
    (
        "saturated-layer", recurrent(), rows(20, 5, 4) * 0 + 1e4, recurrent(), rows(20, 5, 4),
        "layer 'memory': gates: 100% of the numbers are within 0.001 of the activation's bounds",
    ),
    (
        "out-of-vocabulary", of_ids(), ids(1, 1, 1, 1, 1, 1), of_ids(), ids(1, 1, 1, 2),
        "layer 'words': 60 of 80 ids are 1, where Keras has the words that are not in the vocabulary",
    ),
    (
        "moving-statistics", normalized(0, 1), rows(30, 4), normalized(0.5, 2), rows(30, 4),
        "layer 'norm': the moving mean is 0 and the moving variance 1 for every feature",
    ),
    (
        "input-range", of_floats(), RNG.uniform(0, 1, (10, 8)), of_floats(), ids(),
        "input 'ids' holds numbers that are not whole, and the first layer, Embedding 'words', takes ids",
    ),
    (
        "input-range", of_ids(), np.eye(8)[[1, 2, 3, 4]], of_ids(), ids(0),
        "input 'ids' holds rows that are one-hot, and the first layer, Embedding 'words', takes ids",
    ),
    (
        "input-range", rescaled(), IMAGES / 255, rescaled(), IMAGES,
        f"input 'image' holds numbers from {IMAGES.min() / 255:.4g} to {IMAGES.max() / 255:.4g}, and the "
        "first layer, Rescaling 'scale', multiplies by 0.003922, as if they went up to 255",
    ),
    (
        "input-range", normalized(100, 25), rows(30, 4), normalized(100, 25), rows(30, 4) * 5 + 100,
        f"input 'x' holds numbers of mean {mean_of(rows(30, 4))}, and the first layer, BatchNormalization "
        "'norm', was trained on a mean of 100 ± 5",
    ),
    (
        "input-range", scaled(), IMAGES / 255, scaled(), IMAGES,
        f"input 'image' holds numbers of mean {mean_of(IMAGES / 255)}, and the first layer, Normalization "
        "'scale', was trained on a mean of 127 ± 73",
    ),
    (
        "input-range", behind(), IMAGES, behind(), IMAGES / 255,
        f"layer 'norm' is given numbers of mean {mean_of(IMAGES)}, and was trained on 0.5 ± 0.3",
    ),
    # Without evidence whole numbers are as good as any: a model may have been trained on counts.
    ("input-range", rescaled(), IMAGES / 255, flat(), IMAGES, None),
]  # fmt: skip
IDS = [f"{entry[0]}-{i}" for i, entry in enumerate(PLANTED)]


def found(run: Run, *args: object) -> dict[str, dict[str, Any]]:
    """Run check and return its findings by name."""
    done = run("check", "x.npy", "-m", "m.keras", "-f", "json", *args)
    findings = {finding["check"]: finding for finding in json.loads(done.out)["findings"]}
    assert done.code == (1 if findings else 0)
    return findings


@pytest.mark.parametrize("planted", PLANTED, ids=IDS)
def test_a_check_fires_on_a_planted_fault_and_can_be_skipped(run: Run, here: Path, planted: Any) -> None:
    name, model, x, _, _, evidence = planted
    model.save("m.keras")
    np.save("x.npy", x)
    told = found(run)[name]["evidence"]
    assert evidence is None or told == evidence
    assert name not in found(run, "--skip", name)


@pytest.mark.parametrize("planted", PLANTED, ids=IDS)
def test_a_check_is_silent_where_there_is_no_fault(run: Run, here: Path, planted: Any) -> None:
    name, _, _, model, x, _ = planted
    model.save("m.keras")
    np.save("x.npy", x)
    assert name not in found(run)


def test_every_check_of_models_is_planted() -> None:
    assert {planted[0] for planted in PLANTED} == OF_MODELS


def test_a_layer_that_makes_nan_explains_the_head_that_is_given_it(run: Run, here: Path) -> None:
    mlp(nan).save("m.keras")
    np.save("x.npy", rows(30, 4))
    assert "finite" not in found(run)
    assert "finite" in found(run, "--skip", "layer-finite")


def test_a_trained_model_has_no_fault(run: Run) -> None:
    done = run("check", DATA / "translate__input.npy", "-m", SAMPLES / "translate.keras", "-f", "json")
    report = json.loads(done.out)
    assert (done.code, report["findings"]) == (0, [])
    assert set(report["checks"]) >= OF_MODELS


def test_a_stream_is_checked_as_a_file_is(run: Run, here: Path) -> None:
    mlp(dead).save("m.keras")
    x = rows(300, 4)
    np.save("x.npy", x)
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in x.tolist())
    piped = run("check", "-", "--input-format", "jsonl", "-m", "m.keras", "-f", "json", stdin=lines)
    assert json.loads(piped.out)["findings"] == list(found(run).values())


def test_batch_normalization_inside_of_a_model_is_found(run: Run, here: Path) -> None:
    i = Input((4,), name="x")
    inner = Model(i, BatchNormalization(name="norm")(i), name="inner")
    j = Input((4,), name="y")
    Model(j, Dense(3, activation="softmax")(inner(j))).save("m.keras")
    assert load_model("m.keras").get_layer("inner").get_layer("norm").built
    np.save("x.npy", rows(30, 4))
    assert found(run)["moving-statistics"]["evidence"].startswith("layer 'norm'")
