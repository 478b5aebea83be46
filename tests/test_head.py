"""dense_cli.load_head: a trained head as a layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import EXPORTS, MODEL_FILES, MODELS, WEIGHTS

import dense_cli
from dense_cli import Dense, Input, Model, TimeDistributed, load_head
from dense_cli.errors import ConfigError, FileFormatError, ShapeError

CASES = Path(__file__).parent / "data" / "cases"


def both(name: str) -> tuple[np.ndarray, np.ndarray]:
    return np.load(WEIGHTS / f"{name}__probe.npy"), np.load(WEIGHTS / f"{name}__expected.npy")


@pytest.mark.parametrize(("model", "file"), [*MODEL_FILES, *EXPORTS])
def test_a_layer_gives_what_keras_gave(model, file):
    probe, expected = both(model)
    y = load_head(WEIGHTS / file)(probe)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("model", "file"), MODEL_FILES)
def test_a_layer_is_of_the_models_kind_and_has_its_name(model, file):
    _, output, _ = MODELS[model]
    layer = load_head(WEIGHTS / file)
    distributed = model in ("b_seq2seq_td", "digits", "k2_td")
    assert type(layer) is (TimeDistributed if distributed else Dense)
    assert layer.name == output


def test_a_head_is_taken_by_name_with_its_own_activation_and_without_a_bias_it_does_not_have():
    layer = load_head(WEIGHTS / "c_nested.keras", "proj")
    assert (layer.units, layer.use_bias) == (5, False)
    assert [array.shape for array in layer.get_weights()] == [(8, 5)]
    assert load_head(WEIGHTS / "c_nested.keras", "mid").activation.__name__ == "tanh"


def test_an_activation_that_is_given_wins_and_softmax_stands_where_the_file_says_none():
    assert load_head(WEIGHTS / "c_nested.keras", "mid", activation="relu").activation.__name__ == "relu"
    assert load_head(WEIGHTS / "iris.npz").activation.__name__ == "softmax"
    linear = load_head(WEIGHTS / "iris.npz", activation="linear", dtype="float64")
    x = np.load(WEIGHTS / "iris__probe.npy")
    with np.load(WEIGHTS / "iris.npz") as w:
        np.testing.assert_allclose(linear(x), x @ w["kernel"] + w["bias"], rtol=1e-14)


def test_float64_gives_sklearns_numbers():
    probe, expected = both("iris")
    y = load_head(WEIGHTS / "iris.json", dtype="float64")(probe)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-12)


def test_a_head_runs_in_a_model():
    layer = load_head(WEIGHTS / "digits.keras")
    inputs = Input(shape=(8, 48))
    model = Model(inputs=inputs, outputs=layer(inputs))
    x, expected = (np.load(CASES / f"digits__{name}.npy") for name in ("input", "expected"))
    np.testing.assert_allclose(model.predict(x), expected, rtol=0, atol=5e-6)


def test_transpose_reads_a_kernel_the_other_way_round(tmp_path):
    square = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    np.savez(tmp_path / "w.npz", kernel=square)
    np.testing.assert_array_equal(load_head(tmp_path / "w.npz").get_weights()[0], square)
    np.testing.assert_array_equal(load_head(tmp_path / "w.npz", transpose=True).get_weights()[0], square.T)


def test_what_cannot_be_loaded_raises_what_the_command_line_says():
    with pytest.raises(ConfigError, match="2 heads, and none is named"):
        load_head(WEIGHTS / "made_multi.keras")
    with pytest.raises(FileFormatError, match="head 'o': quantised layer"):
        load_head(WEIGHTS / "made_qint8.keras")
    with pytest.raises(ConfigError, match="unknown activation 'sofmax'"):
        load_head(WEIGHTS / "iris.npz", activation="sofmax")
    with pytest.raises(ShapeError, match="expected axis -1 of input shape to have value 6"):
        load_head(WEIGHTS / "iris.npz")(np.ones((2, 5)))
    with pytest.raises(FileNotFoundError):
        load_head(WEIGHTS / "none.npz")


def test_load_head_is_public():
    assert "load_head" in dense_cli.__all__
