"""Seeds, initializers, activations and masks on the command line, against what real Keras printed."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import golden
import numpy as np
import pytest
from conftest import Run

from dense_cli import initializers

BACKENDS = golden.BACKENDS


def call(name: str, config: dict[str, Any]) -> str:
    """Return an initializer as it stands in Keras code."""
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in config.items() if value is not None)})"


def npy(data: bytes) -> np.ndarray:
    array: np.ndarray = np.load(io.BytesIO(data))
    return array


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("row", golden.rows("forward", kind="seeded_layer"), ids=lambda row: row["id"])
def test_a_seeded_layer_gives_the_kernel_the_bias_and_the_output_of_keras(
    run: Run, here: Path, row: dict[str, Any], backend: str
) -> None:
    x = golden.array(row["arrays"]["x"])
    out = row["out"][backend]
    np.save("x.npy", x)
    init = row["params"]["init"]
    layer = ["-u", row["params"]["units"], "--rng", backend]
    layer += ["--kernel-initializer", call(*init["kernel_initializer"])]
    layer += ["--bias-initializer", call(*init["bias_initializer"])]

    assert run("init", "-i", x.shape[-1], *layer, "-o", "head.npz").code == 0
    with np.load("head.npz") as saved:
        assert saved["kernel"].tobytes() == golden.array(out["kernel"]).tobytes()
        assert saved["bias"].tobytes() == golden.array(out["bias"]).tobytes()

    seeded = run("predict", "x.npy", *layer, "-f", "npy")
    np.testing.assert_allclose(npy(seeded.out), golden.array(out["y"]), rtol=1e-5, atol=1e-6)
    assert run("predict", "x.npy", "-w", "head.npz", "-f", "npy").out == seeded.out
    if x.ndim == 3:
        steps = json.loads(run("slice", "x.npy", *layer, "-f", "json").out)["steps"]
        y = np.array([step["probabilities"] for step in steps]).swapaxes(0, 1)
        np.testing.assert_allclose(y, golden.array(out["y"]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("row", golden.rows("forward", kind="set_random_seed"), ids=lambda row: row["id"])
def test_a_global_seed_draws_the_kernel_first_and_then_the_bias(
    run: Run, here: Path, row: dict[str, Any], backend: str
) -> None:
    asked = row["params"]
    done = run(
        "init", "-i", asked["in_dim"], "-u", asked["units"], "--global-seed", asked["set_random_seed"],
        "--kernel-initializer", asked["kernel_initializer"], "--bias-initializer", asked["bias_initializer"],
        "--rng", backend, "-o", "head.npz",
    )  # fmt: skip
    assert done.code == 0
    with np.load("head.npz") as saved:
        assert saved["kernel"].tobytes() == golden.array(row["out"][backend]["kernel"]).tobytes()
        assert saved["bias"].tobytes() == golden.array(row["out"][backend]["bias"]).tobytes()


@pytest.mark.parametrize(
    "spec",
    [
        "RandomNormal(mean=0.0, stddev=0.05, seed=6000)",
        "keras.initializers.RandomNormal(0.0, 0.05, 6000)",
        "tf.keras.initializers.RandomNormal(stddev=0.05, seed=6000)",
        '{"class_name": "RandomNormal", "config": {"mean": 0.0, "stddev": 0.05, "seed": 6000}}',
    ],
)
def test_an_initializer_reads_the_same_as_a_call_and_as_a_config(run: Run, here: Path, spec: str) -> None:
    expected = golden.rows("forward", id="open-seeded-course")[0]["out"]["tensorflow"]["kernel"]
    run("init", "-i", 3, "-u", 3, "--kernel-initializer", spec, "-o", "head.npz")
    with np.load("head.npz") as saved:
        assert saved["kernel"].tobytes() == golden.array(expected).tobytes()


COURSE = golden.rows("forward", id="open-seeded-course")[0]["out"]
SPEC = "RandomNormal(mean=0.0, stddev=0.05, seed=6000)"


def course_kernel(backend: str) -> bytes:
    return golden.array(COURSE[backend]["kernel"]).tobytes()


@pytest.mark.parametrize(
    ("keras_backend", "args", "path", "backend"),
    [
        (None, [], "", "tensorflow"),
        (None, [], "keras.initializers.", "tensorflow"),
        ("numpy", [], "", "numpy"),
        ("jax", [], "keras.initializers.", "jax"),
        ("torch", [], "", "torch"),
        ("tensorflow", [], "", "tensorflow"),
        ("openvino", [], "", "tensorflow"),
        ("", [], "", "tensorflow"),
        ("jax", [], "tf.keras.initializers.", "tensorflow"),
        ("jax", [], "tensorflow.keras.initializers.", "tensorflow"),
        ("jax", ["--rng", "torch"], "", "torch"),
        ("jax", ["--rng", "torch"], "tf.keras.initializers.", "torch"),
    ],
)
def test_whose_numbers_they_are_is_told_by_rng_the_pasted_name_or_keras_backend(
    run: Run, here: Path, keras_backend: str | None, args: list[str], path: str, backend: str
) -> None:
    env = {"KERAS_BACKEND": keras_backend}
    layer = ["-i", 3, "-u", 3, *args, "--kernel-initializer", path + SPEC]
    assert run("init", *layer, "-o", "head.npz", env=env) == (b"", "", 0)
    with np.load("head.npz") as saved:
        assert saved["kernel"].tobytes() == course_kernel(backend)
    assert json.loads(run("init", *layer, "-f", "json", env=env).out)["layer"]["rng"] == backend
    assert run("init", *layer, env=env).text.splitlines()[1].endswith(f" · rng {backend}")


def test_a_pasted_name_tells_of_its_own_initializer_alone(run: Run, here: Path) -> None:
    env = {"KERAS_BACKEND": "jax"}
    given = ["-i", 3, "-u", 3, "--kernel-initializer", f"tf.keras.initializers.{SPEC}"]
    given += ["--bias-initializer", "uniform"]
    assert run("init", *given, "-o", "head.npz", env=env) == (b"", "", 0)
    assert (
        run("init", "-i", 3, "-u", 3, "--bias-initializer", "uniform", "--rng", "jax", "-o", "jax.npz").code
        == 0
    )
    with np.load("head.npz") as saved, np.load("jax.npz") as jax:
        assert saved["kernel"].tobytes() == course_kernel("tensorflow")
        assert saved["bias"].tobytes() == jax["bias"].tobytes()
    found = json.loads(run("init", *given, "-f", "json", env=env).out)["layer"]["rng"]
    assert found == ["tensorflow", "jax"]
    assert run("init", *given, env=env).text.splitlines()[1].endswith(" · rng tensorflow and jax")
    assert (
        run("init", *given, "--no-bias", env=env).text.splitlines()[1].endswith(" · no bias · rng tensorflow")
    )


@pytest.mark.parametrize("keras_backend", [None, "numpy", "jax", "torch", "openvino"])
def test_the_library_draws_keras_own_backends_numbers_too(
    monkeypatch: pytest.MonkeyPatch, keras_backend: str | None
) -> None:
    backend = "tensorflow"
    if keras_backend is not None:
        monkeypatch.setenv("KERAS_BACKEND", keras_backend)
        backend = backend if keras_backend == "openvino" else keras_backend
    made = initializers.RandomNormal(mean=0.0, stddev=0.05, seed=6000)
    assert made((3, 3)).tobytes() == course_kernel(backend)
    assert initializers.get(SPEC)((3, 3)).tobytes() == course_kernel(backend)
    pasted = initializers.get(f"tf.keras.initializers.{SPEC}")
    assert pasted((3, 3)).tobytes() == course_kernel("tensorflow")
    for initializer in (made, pasted):
        assert initializers.get(repr(initializer))((3, 3)).tobytes() == initializer((3, 3)).tobytes()


def test_what_was_used_stands_in_the_json(run: Run, here: Path) -> None:
    done = run("predict", "-u", 2, "--seed", 5, "--rng", "jax", "-a", "leaky_relu(negative_slope=0.1)",
               "--kernel-initializer", "he_normal", "--no-bias", "-f", "json", stdin=b"[[1, 2]]")  # fmt: skip
    assert json.loads(done.out)["layer"] == {
        "name": "Dense",
        "units": 2,
        "activation": "leaky_relu",
        "use_bias": False,
        "dtype": "float32",
        "kernel_initializer": {"class_name": "HeNormal", "config": {"seed": 5}},
        "bias_initializer": {"class_name": "Zeros", "config": {}},
        "rng": "jax",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "1", "--global-seed", "1"], "--seed and --global-seed are two meanings of a seed"),
        (["--kernel-initializer", "glorot_unifrom"], "unknown initializer 'glorot_unifrom'; did you mean"),
        (["--kernel-initializer", "RandomNormal(sd=1)"], "sd"),
        (["--kernel-initializer", "__import__('os').system('touch pwned')"], "expected"),
        (["-a", "sofmax"], "did you mean 'softmax'"),
        (["--rng", "jax", "--dtype", "float64"], "float32"),
    ],
)
def test_a_layer_that_cannot_be_made_is_one_clear_error(
    run: Run, here: Path, arguments: list[str], message: str
) -> None:
    done = run("predict", "-u", 2, *arguments, stdin=b"[[1, 2]]")
    assert done.code == 2
    assert done.out == b""
    assert message in done.err
    assert list(here.iterdir()) == []


# --- masks ---------------------------------------------------------------------------------------

MASKED = [row for row in golden.rows("forward", kind="time_distributed") if "mask_value" in row["params"]]


@pytest.mark.parametrize("row", MASKED, ids=lambda row: row["id"])
def test_a_mask_value_gives_what_a_masking_layer_before_gives(
    run: Run, here: Path, row: dict[str, Any]
) -> None:
    arrays = {name: golden.array(reference) for name, reference in row["arrays"].items()}
    np.save("x.npy", arrays.pop("x"))
    np.savez("head.npz", **arrays)
    value = row["params"]["mask_value"]
    args = ["predict", "x.npy", "-w", "head.npz", "-a", "softmax", "--mask-value", value, "-f", "npz"]
    done = run(*args)
    assert done.err == ""
    with np.load(io.BytesIO(done.out)) as found:
        np.testing.assert_allclose(
            found["probabilities"], golden.array(row["out"]["numpy"]["y"]), rtol=1e-5, atol=1e-6
        )
        np.testing.assert_array_equal(found["mask"], golden.array(row["out"]["numpy"]["mask"]))


STEPS = b"[[[1, 6], [8, 2], [1, 2]], [[8, 9], [10, 8], [1, 0]]]"
MASKS = [
    ("lengths", b"[2, 3]"),
    ("mask", b"[[1, 1, 0], [1, 1, 1]]"),
    ("mask", b"[[true, true, false], [true, true, true]]"),
]


@pytest.mark.parametrize(("option", "text"), MASKS)
def test_a_mask_travels_on_and_changes_no_value(run: Run, here: Path, option: str, text: bytes) -> None:
    Path("m.json").write_bytes(text)
    masked = [f"--{option}", "m.json"]
    plain = json.loads(run("predict", "-u", 3, "-f", "json", stdin=STEPS).out)
    found = json.loads(run("predict", "-u", 3, "-f", "json", *masked, stdin=STEPS).out)
    assert found.pop("mask") == [[True, True, False], [True, True, True]]
    assert found == plain

    lines = run("predict", "-u", 3, "--show", "classes", "-f", "jsonl", *masked, stdin=STEPS).out.splitlines()
    assert [json.loads(line)["mask"] for line in lines] == [True, True, False, True, True, True]
    table = run("predict", "-u", 3, "--show", "classes", "-f", "csv", *masked, stdin=STEPS).text.splitlines()
    assert table[0] == "sample,t,class,mask"
    assert [line.split(",")[3] for line in table[1:]] == ["1", "1", "0", "1", "1", "1"]
    steps = json.loads(run("slice", "-u", 3, "-f", "json", *masked, stdin=STEPS).out)["steps"]
    assert [step["mask"] for step in steps] == [[True, True], [True, True], [False, True]]


def test_masked_steps_are_dimmed_on_a_terminal(run: Run, here: Path) -> None:
    Path("m.json").write_bytes(b"[2, 3]")
    done = run(
        "predict", "-u", 3, "--show", "classes", "--lengths", "m.json", stdin=STEPS, env={"FORCE_COLOR": "1"}
    )
    rows = done.text.splitlines()[-7:-1]
    assert ["\x1b[2m" in row for row in rows] == [False, False, True, False, False, False]


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("lengths", b"[1]", "lengths: expected shape (2,), found (1,)"),
        ("lengths", b"[1, 4]", "lengths: expected 0 to 3 time steps, found 4 at [1]"),
        ("lengths", b"[1, -1]", "lengths: expected 0 to 3 time steps, found -1 at [1]"),
        ("lengths", b"[1, 1.5]", "m.json: expected whole numbers of time steps, found 1.5 at [1]"),
        ("mask", b"[[1, 1], [1, 1]]", "mask: expected shape (batch, time) = (2, 3), found (2, 2)"),
        ("mask", b"[[1, 1, 2], [1, 1, 1]]", "m.json: expected true and false, or 1 and 0, found 2"),
        ("mask", b"[1, 1, 1]", "mask: expected shape (batch, time) = (2, 3), found (1, 3)"),
    ],
)
def test_a_mask_that_does_not_fit_is_an_error(
    run: Run, here: Path, option: str, text: bytes, message: str
) -> None:
    Path("m.json").write_bytes(text)
    done = run("predict", "-u", 3, f"--{option}", "m.json", stdin=STEPS)
    assert (done.out, done.err, done.code) == (b"", f"Error: {message}\n", 2)


def test_a_mask_needs_time_steps(run: Run, here: Path) -> None:
    done = run("predict", "-u", 3, "--mask-value", 0, stdin=b"[[1, 2], [3, 4]]")
    assert done.err == "Error: standard input: a mask needs (batch, time, …, features), found rank 2\n"
    assert done.code == 2
