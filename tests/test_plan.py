"""A plan: made from Python, run block by block, sent to another process, without a command line."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import softmax

from dense_cli.errors import ConfigError, ShapeError, UsageError
from dense_cli.layers import Dense
from dense_cli.plan import Plan
from dense_cli.sources.arrays import ArraySource
from dense_cli.views.evaluate import Result

X = np.arange(24, dtype="f4").reshape(4, 3, 2) / 10
KERNEL = np.array([[1.0, -1.0, 0.5], [0.25, 2.0, -0.5]], "f4")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", X)
    np.savez(tmp_path / "head.npz", kernel=KERNEL, bias=np.zeros(3, "f4"))
    (tmp_path / "names.txt").write_text("a\nb\nc\n")
    np.save(tmp_path / "targets.npy", np.ones((4, 3), np.int64))
    return tmp_path


def all_of(results: list[Result]) -> tuple[list[bytes], list[list[int]]]:
    """The bytes and places of results, each read before the next is asked for."""
    blocks, places = [], []
    for result in results:
        blocks.append(result.arrays["probabilities"].tobytes() + result.classes.tobytes())
        places += result.places.tolist()
    return blocks, places


def test_a_plan_gives_the_probabilities_and_classes_of_every_row(files: Path) -> None:
    plan = Plan(str(files / "x.npy"), weights=str(files / "head.npz"))
    (result,) = plan.run()
    expected = softmax(X.reshape(-1, 2).astype("f8") @ KERNEL)
    np.testing.assert_allclose(result.arrays["probabilities"], expected, atol=1e-6)
    assert result.classes.tolist() == expected.argmax(axis=1).tolist()
    assert result.places.tolist() == [[n, t] for n in range(4) for t in range(3)]


def test_an_array_in_memory_is_an_input_as_a_file_is(files: Path) -> None:
    weights = str(files / "head.npz")
    assert all_of(Plan(X, weights=weights).run()) == all_of(Plan(str(files / "x.npy"), weights=weights).run())


def test_a_seeded_plan_has_the_layer_that_the_seed_gives() -> None:
    layer = Dense(3, activation="softmax", kernel_initializer="glorot_uniform(seed=7)")
    (result,) = Plan(X[0], units=3, seed=7).run()
    np.testing.assert_allclose(result.arrays["probabilities"], layer(X[0]), atol=1e-7)


def test_finished_outputs_need_no_head(tmp_path: Path) -> None:
    y = np.array([[0.25, 0.75], [0.5, 0.5]], "f4")
    (result,) = Plan(y).run()
    np.testing.assert_array_equal(result.arrays["probabilities"], y)
    assert result.classes.tolist() == [1, 0]


def test_rows_are_those_of_some_samples(files: Path) -> None:
    plan = Plan(str(files / "x.npy"), weights=str(files / "head.npz"))
    (whole,), (some,) = plan.run(), plan.rows(slice(1, 3))
    assert some.places.tolist() == [[n, t] for n in (1, 2) for t in range(3)]
    np.testing.assert_array_equal(some.arrays["probabilities"], whole.arrays["probabilities"][3:9])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch": slice(3, None, -1)},
        {"times": (-1, slice(0, 2))},
        {"top_k": 2, "measures": ("margin",), "show": "probabilities"},
        {"labels": "names.txt", "targets": "targets.npy", "memory": 200, "threads": 2},
    ],
)
def test_a_plan_that_was_pickled_gives_the_same_bytes(
    files: Path, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    plan = Plan("x.npy", weights="head.npz", **options)
    again = pickle.loads(pickle.dumps(plan))

    def told(plan: Plan) -> list[bytes]:
        found = []
        for result in plan.run():
            values = [*result.arrays.values(), *result.measures.values(), result.classes, result.places]
            values += [] if result.top_classes is None else [result.top_classes, result.top_values]
            found.append(b"".join(np.ascontiguousarray(value).tobytes() for value in values))
        return found

    assert told(again) == told(plan)
    assert told(plan)


def test_a_plan_means_the_same_random_numbers_in_a_process_of_another_keras_backend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def numbers(plan: Plan) -> bytes:
        return b"".join(result.arrays["probabilities"].tobytes() for result in plan.run())

    monkeypatch.setenv("KERAS_BACKEND", "jax")
    plan = Plan(X, units=3)
    there = pickle.dumps(plan)
    expected = numbers(plan)
    assert expected == numbers(Plan(X, units=3, rng="jax"))
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    again = pickle.loads(there)
    assert numbers(again) == expected
    assert numbers(replace(again, batch=slice(None))) == expected
    assert numbers(Plan(X, units=3)) == numbers(Plan(X, units=3, rng="torch")) != expected


def test_blocks_of_an_array_pickle_with_their_places() -> None:
    blocks = list(ArraySource.of("x", X).select(slice(None, None, 2)).blocks(4))
    for block in blocks:
        again = pickle.loads(pickle.dumps(block))
        np.testing.assert_array_equal(again.x, block.x)
        np.testing.assert_array_equal(again.places(), block.places())
    assert [place for block in blocks for place in block.places().tolist()] == [
        [n, t] for n in (0, 2) for t in range(3)
    ]


def test_a_plan_refuses_what_the_command_line_refuses(files: Path) -> None:
    x, weights = str(files / "x.npy"), str(files / "head.npz")
    with pytest.raises(UsageError, match="two meanings of a seed"):
        Plan(x, units=2, seed=1, global_seed=2).open()
    with pytest.raises(UsageError, match="expected one of --lengths, --mask and --mask-value"):
        Plan(x, weights=weights, lengths="l.npy", mask_value=0.0).open()
    with pytest.raises(ConfigError, match="there are only 3 classes"):
        Plan(x, weights=weights, top_k=4).open()
    with pytest.raises(ShapeError, match="sample 9 is out of range"):
        Plan(x, weights=weights, batch=9).open()
    with pytest.raises(UsageError, match="one of --units N"):
        Plan(x).require_head()


def test_notes_are_given_to_whoever_asks_for_them() -> None:
    notes: list[str] = []
    x = np.array([[1.0, np.nan], [1.0, 2.0]], "f4")
    classes = [
        r.classes.tolist() for r in Plan(x, units=2, kernel_initializer="identity").run(note=notes.append)
    ]
    assert classes == [[-1, 1]]
    assert notes == [
        "1 row has NaN or infinity in the input or the logits, and so no class; the first is sample 0"
    ]


def test_a_plan_needs_neither_click_nor_rich(files: Path) -> None:
    code = (
        "import sys\n"
        "from dense_cli import Plan\n"
        f"plan = Plan({str(files / 'x.npy')!r}, weights={str(files / 'head.npz')!r})\n"
        "print(sum(len(result.classes) for result in plan.run()))\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'click', 'rich'}))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "12\n[]\n"


@pytest.mark.parametrize("options", [{}, {"top_k": 2}, {"show": "logits", "measures": ("margin",)}])
def test_results_that_are_kept_keep_their_numbers(options: dict[str, object], here: Path) -> None:
    np.save("x.npy", np.random.default_rng(3).normal(size=(900, 8)).astype(np.float32))
    plan = Plan("x.npy", units=8, memory=20_000, **options)  # type: ignore[arg-type]
    kept = list(plan.run())
    assert len(kept) > 2
    for result, again in zip(kept, plan.run(), strict=True):
        np.testing.assert_array_equal(result.places, again.places)
        np.testing.assert_array_equal(result.classes, again.classes)
        for name, array in result.arrays.items():
            np.testing.assert_array_equal(array, again.arrays[name])
        if options.get("top_k"):
            np.testing.assert_array_equal(result.top_values, again.top_values)
