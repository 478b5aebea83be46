"""Hostile models through `layers` and `check -m`: one clear line and exit code 2, or the right result."""

from __future__ import annotations

import copy
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run

from dense_cli.layers import Dense, Embedding, Input
from dense_cli.models import Model

pytest.importorskip("h5py")
Config = dict[str, Any]
COMMANDS = (["layers", "m.keras"], ["layers", "m.keras", "x.npy"], ["check", "x.npy", "-m", "m.keras"])


@pytest.fixture(autouse=True)
def model(here: Path) -> None:
    """Save a model of three layers and its input."""
    i = Input((3,), name="x")
    Model(i, Dense(2, name="last")(Dense(4, name="middle")(Dense(3, name="first")(i)))).save("good.keras")
    np.save("x.npy", np.ones((3, 3), "f4"))


def change(how: Callable[[Config], None], source: str = "good.keras") -> None:
    """Save a model as m.keras with its config changed."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile("m.keras", "w") as changed:
        for name in archive.namelist():
            data = archive.read(name)
            if name == "config.json":
                config = json.loads(data)
                how(config["config"])
                data = json.dumps(config).encode()
            changed.writestr(name, data)


def layer(config: Config, name: str) -> Config:
    return next(layer for layer in config["layers"] if layer["config"]["name"] == name)


def refer(config: Config, name: str, to: str) -> None:
    tensor = layer(config, name)["inbound_nodes"][0]["args"][0]
    tensor["config"]["keras_history"] = [to, 0, 0]


def with_layers(config: Config, count: int) -> None:
    """Put ``count`` ReLU layers in a row before the last layer."""
    before = "middle"
    for number in range(count):
        added = copy.deepcopy(layer(config, "middle"))
        added |= {"class_name": "ReLU", "name": f"r{number}", "config": {"name": f"r{number}"}}
        added.pop("build_config", None)
        config["layers"].insert(-1, added)
        refer(config, f"r{number}", before)
        before = f"r{number}"
    refer(config, "last", before)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda config: refer(config, "first", "last"), "has loops or disconnected nodes"),
        (lambda config: refer(config, "middle", "middle"), "has loops or disconnected nodes"),
        (lambda config: refer(config, "middle", "nobody"), "Missing node: nobody"),
        (lambda config: layer(config, "middle")["config"].update(units=5), "do not fit layer 'middle'"),
        (lambda config: layer(config, "middle")["config"].update(units=10**12), "do not fit layer 'middle'"),
    ],
    ids=["circle", "names itself", "names nobody", "shapes", "too wide"],
)
def test_a_graph_that_cannot_be_is_one_line(
    run: Run, command: list[str], how: Callable[[Config], None], words: str
) -> None:
    change(how)
    ran = run(*command)
    assert (ran.code, ran.out) == (2, b"")
    assert ran.err.startswith("Error: m.keras: ")
    assert words in ran.err
    assert ran.err.count("\n") == 1


def test_info_tells_what_is_wrong_with_a_graph_that_cannot_be(run: Run) -> None:
    change(lambda config: refer(config, "middle", "nobody"))
    ran = run("info", "m.keras")
    assert ran.code == 0
    assert "  runs       no: " in ran.text
    assert "Missing node: nobody" in ran.text


@pytest.mark.parametrize("command", COMMANDS[:2], ids=" ".join)
def test_an_embedding_of_a_thousand_million_rows_takes_no_memory(run: Run, command: list[str]) -> None:
    i = Input((3,), dtype="int32", name="ids")
    Model(i, Embedding(9, 2, name="words")(i)).save("words.keras")
    change(lambda config: layer(config, "words")["config"].update(input_dim=10**9), "words.keras")
    ran = run(*command)
    assert (ran.code, ran.out) == (2, b"")
    assert "do not fit layer 'words'" in ran.err


def test_names_with_escape_sequences_are_shown_escaped_wherever_they_go(run: Run) -> None:
    name = "mid\x1b]0;t\x07[bold]|<b>"

    def rename(config: Config) -> None:
        text = json.dumps(config).replace('"middle"', json.dumps(name))
        config.clear()
        config.update(json.loads(text))

    change(rename)
    for command in (
        *COMMANDS[:2],
        ["layers", "m.keras", "x.npy", "--against", "good.keras"],
        ["info", "m.keras"],
    ):
        ran = run(*command)
        assert r"mid\x1b]0;t\x07[bold]|<b>" in ran.text
        assert b"\x1b" not in ran.out
    markdown = run("layers", "m.keras", "-f", "markdown").text
    assert r"mid\\x1b]0;t\\x07[bold]\|\<b>" in markdown
    names = [found["name"] for found in json.loads(run("layers", "m.keras", "-f", "json").out)["layers"]]
    assert names == ["x", "first", name, "last"]


def test_a_thousand_layers_are_listed_and_run(run: Run) -> None:
    change(lambda config: with_layers(config, 1000))
    listed = json.loads(run("layers", "m.keras", "-f", "json").out)["layers"]
    assert len(listed) == 1004
    ran = json.loads(run("layers", "m.keras", "x.npy", "-f", "json", "--only", "r999").out)["layers"]
    assert [found["outputs"][0]["statistics"]["count"] for found in ran] == [12]


def test_a_config_of_megabytes_in_a_layer_that_nobody_knows_is_listed_briefly(run: Run) -> None:
    def grow(config: Config) -> None:
        layer(config, "last").update(class_name="T" * 5_000_000)

    change(grow)
    ran = run("layers", "m.keras")
    assert ran.code == 0
    assert len(ran.out) < 10_000


def test_models_that_call_models_twice_are_refused_before_they_run_for_ever(run: Run) -> None:
    i = Input((3,), name="x")
    inner = Model(i, Dense(3, name="d")(i), name="m0")
    for number in range(1, 12):
        i = Input((3,), name="x")
        inner = Model(i, inner(inner(i)), name=f"m{number}")
    inner.save("m.keras")
    assert run("layers", "m.keras", "x.npy").code == 0

    def nest(config: Config) -> None:
        for number in range(12, 40):
            outer = copy.deepcopy(config)
            model = next(layer for layer in outer["layers"] if layer["class_name"] == "Functional")
            model["config"] = {key: value for key, value in config.items() if key != "name"}
            model["config"]["name"] = model["name"]
            outer["name"] = f"m{number}"
            config.clear()
            config.update(outer)

    Path("m.keras").rename("twice.keras")
    change(nest, "twice.keras")
    for command in COMMANDS:
        ran = run(*command)
        assert (ran.code, ran.out) == (2, b"")
        assert "called so often" in ran.err
        assert ran.err.count("\n") == 1


def without(name: str, weights: str) -> None:
    """Save a model as m.keras, without one group or array of its weights."""
    import h5py

    with zipfile.ZipFile(name) as archive, zipfile.ZipFile("m.keras", "w") as changed:
        for member in archive.namelist():
            data = archive.read(member)
            if member == "model.weights.h5":
                Path("w.h5").write_bytes(data)
                with h5py.File("w.h5", "a") as root:
                    del root[weights]
                data = Path("w.h5").read_bytes()
            changed.writestr(member, data)


@pytest.mark.parametrize("command", [*COMMANDS, ["predict", "x.npy", "-m", "m.keras"]], ids=" ".join)
@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ("layers/dense_1", "layer 'middle'"),
        ("layers/dense_1/vars/0", "layer 'middle'"),
        ("layers/dense_1/vars/1", "layer 'middle'"),
        ("layers", "layer 'first'"),
    ],
)
def test_weights_that_are_missing_are_named(run: Run, command: list[str], weights: str, words: str) -> None:
    without("good.keras", weights)
    ran = run(*command)
    assert (ran.code, ran.out) == (2, b"")
    assert ran.err.startswith("Error: m.keras: ")
    assert words in ran.err
    assert ran.err.count("\n") == 1


def test_a_lambda_layer_is_listed_and_its_code_is_not_run(run: Run) -> None:
    code = "import os; os.system('touch ran')"

    def plant(config: Config) -> None:
        function = {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}
        layer(config, "last").update(
            class_name="Lambda", module="keras.layers", config={"name": "last", "function": function}
        )

    change(plant)
    ran = run("layers", "m.keras", "x.npy")
    assert ran.code == 0
    assert "cannot be run: last: it holds Python code, which is not run" in ran.text
    for command in (["predict", "x.npy"], ["check", "x.npy"], ["predict", "x.npy", "--until", "last"]):
        ran = run(command[0], command[1], "-m", "m.keras", *command[2:])
        assert (ran.code, ran.out, ran.err) == (
            2,
            b"",
            "Error: m.keras: layer 'last' (Lambda) cannot be run: it holds Python code, which is not run\n"
            "Hint: what comes before it can be run: --until middle\n",
        )
    assert run("predict", "x.npy", "-m", "m.keras", "--until", "middle").code == 0
    assert not Path("ran").exists()
