"""What is computed in parts, elsewhere, is what one process computes, byte for byte."""

from __future__ import annotations

import errno
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from helpers import DATA, softmax

from dense_cli import cluster
from dense_cli.errors import FileFormatError, MissingExtraError, ShapeError
from dense_cli.files.stream import LocalFile
from dense_cli.sources import spread
from dense_cli.sources.source import Cut
from dense_cli.sources.spread import Done, Job, parts
from dense_cli.views.checks import NAMES
from dense_cli.views.checks.check import CheckRows, OutputInfo
from dense_cli.views.checks.run import Checks
from dense_cli.views.compare import Comparison, Limits
from dense_cli.views.describe import Description
from dense_cli.writers.zarr_workers import WorkerWrites


class Elsewhere:
    """Computes parts in this process, all pickled on their way; ``sees``: files can be read there."""

    def __init__(self, *, sees: bool) -> None:
        self.sees = sees
        self.parts = self.cuts = 0

    def __call__(self, start: Any, source: Any, rows: int, sent: int, unit: int = 1) -> Iterator[Any]:
        job = _sent(Job(start, source, rows))
        for part in parts(source, rows, sent, unit):
            self.parts += 1
            done = self._compute(job, source, part, rows)
            yield from done.values
            if done.error is not None:
                raise job.error_here(source, part) or done.error

    def _compute(self, job: Job, source: Any, part: Any, rows: int) -> Done:
        if isinstance(part, Cut) and self.sees and job.packed is not None:
            self.cuts += 1
        elif isinstance(part, Cut):
            part = source.held(part, rows)
        done = _sent(job(_sent(part)))
        assert not done.unread
        return done


def _sent(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


@pytest.fixture(params=[True, False], ids=["seen", "unseen"])
def elsewhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    """Return what --cluster uses in place of Dask; its parts are small."""
    made = Elsewhere(sees=request.param)

    @contextmanager
    def opened(address: str, note: Callable[[str], None]) -> Iterator[Elsewhere]:
        assert address == "here"
        yield made

    monkeypatch.setattr(cluster, "open_cluster", opened)
    monkeypatch.setattr(spread, "_READ", 0)
    monkeypatch.setattr(spread, "_BLOCKS", 3)
    return made


@pytest.fixture
def files(here: Path, run: Run) -> Path:
    """Return a folder with inputs of all kinds."""
    rng = np.random.default_rng(7)
    flat = rng.normal(size=(700, 8)).astype("f4")
    flat[33, 2] = np.nan
    steps = rng.normal(size=(90, 7, 8)).astype("f4")
    steps[4, 5:] = steps[9, 4:] = 0
    np.save(here / "flat.npy", flat)
    np.save(here / "steps.npy", steps)
    np.savez_compressed(here / "packed.npz", x=flat)
    np.savetxt(here / "flat.csv", flat[:200], delimiter=",")
    lines = [[row.tolist() for row in sample[: 1 + i % 6]] for i, sample in enumerate(steps[:60])]
    (here / "ragged.jsonl").write_text("".join(f"{line}\n" for line in lines))
    np.savez(here / "head.npz", kernel=rng.normal(size=(8, 5)), bias=rng.normal(size=5))
    np.save(here / "lengths.npy", rng.integers(1, 8, 90))
    np.save(here / "targets.npy", rng.integers(0, 5, (90, 7)))
    y = softmax(rng.normal(size=(300, 4, 5)) * 3)
    np.save(here / "y.npy", y)
    np.save(here / "shifted.npy", np.roll(y.argmax(axis=-1), 1, axis=1))
    other = y + rng.normal(size=y.shape) * 1e-4
    other[17] = other[17, ::-1]
    other[200, 1] = np.nan
    np.save(here / "other.npy", np.abs(other) / np.abs(other).sum(axis=-1, keepdims=True))
    y[5:20] = y[5:20, :1]
    y[33, 2] = [0.3, 0.3, 0.3, 0.2, 0.2]
    np.save(here / "faults.npy", y)
    np.save(here / "scores.npy", rng.uniform(size=(400, 6)))
    np.save(here / "along.npy", softmax(rng.normal(size=(40, 6, 5)), axis=1))
    assert run("predict", "flat.npy", "-w", "head.npz", "-o", "y.zarr").code == 0
    return here


HEAD = ("-w", "head.npz", "--memory", "4K")
COMMANDS = {
    **{f"predict to {name}": ("predict", "flat.npy", *HEAD, "-f", name)
       for name in ("table", "json", "jsonl", "csv", "npy", "npz", "markdown", "safetensors", "parquet")},
    "the likeliest": ("predict", "flat.npy", *HEAD, "-k", "3", "-f", "csv"),
    "classes": ("predict", "flat.npy", *HEAD, "--show", "classes", "-f", "npy"),
    "measures": ("predict", "flat.npy", *HEAD, "--measure", "entropy", "--measure", "margin", "-f", "jsonl"),
    "explained": ("predict", "flat.npy", *HEAD, "--explain", "auto", "-f", "jsonl", "-b", ":200"),
    "the unsure": ("predict", "flat.npy", *HEAD, "--unsure", "0.2", "-f", "csv"),
    "sorted": ("predict", "flat.npy", *HEAD, "--sort", "entropy", "-f", "csv"),
    "targets": ("predict", "steps.npy", *HEAD, "--targets", "targets.npy", "-f", "jsonl"),
    "lengths": ("predict", "steps.npy", *HEAD, "--lengths", "lengths.npy"),
    "masked": ("predict", "steps.npy", *HEAD, "--mask-value", "0", "-f", "csv"),
    "axes": ("predict", "steps.npy", *HEAD, "--axes", "time,batch,features", "-f", "npy"),
    "picked": ("predict", "steps.npy", *HEAD, "-b", "80:3:-3", "-f", "csv"),
    "float64": ("predict", "flat.npy", *HEAD, "--dtype", "float64", "--temperature", "2", "-f", "csv"),
    "seeded": ("predict", "flat.npy", "-u", "4", "--memory", "4K", "-f", "npy"),
    "in memory": ("predict", "packed.npz", *HEAD, "-f", "csv"),
    "csv": ("predict", "flat.csv", *HEAD, "-f", "csv"),
    "ragged": ("predict", "ragged.jsonl", *HEAD, "-f", "jsonl"),
    "finished": ("predict", "y.npy", "--memory", "4K", "-f", "csv", "-k", "2"),
    "zarr": ("predict", "y.zarr", "--key", "probabilities", "--memory", "4K", "-f", "csv"),
    "logits": ("predict", "steps.npy", "--logits", "--memory", "4K", "-f", "csv"),
    "scores": ("predict", "scores.npy", "--scores", "--memory", "4K", "-f", "csv"),
    "no distributions": ("predict", "faults.npy", "--memory", "4K", "-f", "csv"),
    "decode": ("decode", "steps.npy", *HEAD),
    "decode ctc": ("decode", "steps.npy", *HEAD, "--ctc", "0", "-f", "jsonl", "--measure", "margin"),
    "decode ragged": ("decode", "ragged.jsonl", *HEAD, "-f", "jsonl"),
    "decode beam": ("decode", "steps.npy", *HEAD, "--beam", "2", "-b", ":20"),
    "check a head": ("check", "flat.npy", *HEAD, "-f", "json"),
    "check steps": ("check", "steps.npy", *HEAD, "-f", "json"),
    "check with a mask": ("check", "steps.npy", *HEAD, "--mask-value", "0", "-f", "json"),
    "check targets": ("check", "steps.npy", *HEAD, "--targets", "targets.npy", "-f", "json"),
    "check shifted targets": ("check", "y.npy", "--memory", "4K", "--targets", "shifted.npy", "-f", "json"),
    "check outputs": ("check", "faults.npy", "--memory", "4K", "-f", "json"),
    "check along": ("check", "along.npy", "--memory", "4K", "-f", "json"),
    "check scores": ("check", "scores.npy", "--scores", "--memory", "4K", "-f", "json"),
    "check logits": ("check", "flat.npy", "--memory", "4K", "-f", "json"),
    "check a stream": ("check", "ragged.jsonl", "--logits", "-f", "json"),
    "info": ("info", "flat.npy", "-f", "json"),
    "info of outputs": ("info", "y.npy", "-f", "json"),
    "info of several": ("info", "y.zarr"),
    "info of text": ("info", "flat.csv"),
    "compare": ("compare", "y.npy", "other.npy", "-f", "json"),
    "compare a table": ("compare", "faults.npy", "other.npy", "--logits", "--equal-nan"),
    "compare to none": ("compare", "faults.npy", "other.npy"),
    "compare text": ("compare", "flat.csv", "flat.csv", "--logits"),
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_computed_elsewhere_is_the_same_bytes(
    run: Run, files: Path, elsewhere: Elsewhere, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dense_cli.describing._BLOCK", 1 << 10)
    monkeypatch.setattr("dense_cli.comparing._BLOCK", 1 << 8)
    here = run(*COMMANDS[name])
    there = run(*COMMANDS[name], "--cluster", "here")
    assert there == here
    travels = name in (
        "csv",
        "ragged",
        "decode ragged",
        "check a stream",
        "in memory",
        "axes",
        "compare text",
    )
    stays = name == "info of text"  # only here these can be read, and reading is the work
    assert (elsewhere.parts > 0) != stays
    assert (elsewhere.cuts > 0) == (elsewhere.sees and not travels and not stays)


@pytest.mark.parametrize("of", ["a model", "standard input", "picked", "pieces"])
def test_a_zarr_store_is_the_same_whatever_its_rows_come_from(
    run: Run, files: Path, elsewhere: Elsewhere, of: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dense_cli.writers.zarr._CHUNK", 1 << 12)
    (array,) = np.load(DATA / "models" / "course_gru__inputs.npz").values()
    np.save("m.npy", np.concatenate([array] * (600 // len(array))))
    Path("pieces").mkdir()
    for i, part in enumerate(np.split(np.load("flat.npy"), [5, 240])):
        np.save(f"pieces/{i}.npy", part)
    args = {
        "a model": ("m.npy", "-m", str(DATA / "models" / "course_gru.keras"), "--memory", "4K"),
        "standard input": ("-", *HEAD),
        "picked": ("flat.npy", *HEAD, "-b", "600:3:-2"),
        "pieces": ("pieces", *HEAD),
    }[of]
    data = Path("flat.npy").read_bytes() if of == "standard input" else b""
    for name, more in (("alone.zarr", ()), ("there.zarr", ("--cluster", "here"))):
        assert run("predict", *args, "-o", name, *more, stdin=data).code == 0
    alone, there = (
        {str(path.relative_to(name)): path.read_bytes() for path in Path(name).rglob("*") if path.is_file()}
        for name in ("alone.zarr", "there.zarr")
    )
    assert there == alone
    assert sum("/c/" in path for path in alone) > 3


MODELS = {
    "keras": ("course_gru", "course_gru.keras", "course_gru__inputs.npz"),
    "nested": ("nested", "nested.keras", "nested__inputs.npz"),
    "a mask inside": ("bilstm_tagger", "bilstm_tagger.keras", "bilstm_tagger__inputs.npz"),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("command", ["predict", "decode", "check", "info"])
def test_a_model_is_run_elsewhere(
    run: Run, here: Path, elsewhere: Elsewhere, name: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, model, inputs = MODELS[name]
    (array,) = np.load(DATA / "models" / inputs).values()
    np.save("x.npy", np.concatenate([array] * (600 // len(array))))
    options = {"predict": ("-f", "csv"), "decode": ("-f", "jsonl"), "check": ("--skip", "untrained")}
    args = (command, "x.npy", "-m", str(DATA / "models" / model), *options.get(command, ()))
    if command != "info":
        args = (*args, "--memory", "4K")
    if command == "check":
        args = (*args, *(f"--skip={name}" for name in NAMES if "layer" in name or name in OF_MODELS))
    there, alone = run(*args, "--cluster", "here"), run(*args)
    assert there == alone
    assert elsewhere.parts > (0 if command == "info" else 1)
    assert (elsewhere.cuts > 0) == elsewhere.sees


OF_MODELS = ("silent-units", "out-of-vocabulary", "moving-statistics", "input-range")


def test_the_layers_of_a_model_are_not_checked_elsewhere_and_that_is_said(
    run: Run, here: Path, elsewhere: Elsewhere
) -> None:
    (array,) = np.load(DATA / "models" / "course_gru__inputs.npz").values()
    np.save("x.npy", array)
    done = run("check", "x.npy", "-m", str(DATA / "models" / "course_gru.keras"), "--cluster", "here")
    assert done.err == "Note: the layers of a model are not checked on a cluster, only what it puts out\n"


def test_pieces_are_computed_elsewhere(run: Run, files: Path, elsewhere: Elsewhere) -> None:
    flat = np.load("flat.npy")
    Path("pieces").mkdir()
    for i, part in enumerate(np.split(flat, [5, 240, 250, 600])):
        np.save(f"pieces/{i}.npy", part)
    args = ("predict", "pieces", *HEAD, "-f", "npy")
    there = run(*args, "--cluster", "here")
    assert there == run(*args)
    assert there.out == run("predict", "flat.npy", *HEAD, "-f", "npy").out
    assert (elsewhere.cuts > 3) == elsewhere.sees
    data = Path("pieces/3.npy").read_bytes()
    Path("pieces/3.npy").write_bytes(data[:-4])
    assert run(*args, "--cluster", "here") == run(*args)
    for command in ("check", "info", "compare"):
        whole = (command, "y.npy", "--memory", "4K") if command == "check" else (command, "y.npy")
        Path(command).mkdir()
        for i, part in enumerate(np.split(np.load("y.npy"), [100, 130])):
            np.save(f"{command}/{i}.npy", part)
        cut = [command if arg == "y.npy" else arg for arg in whole]
        more = ["other.npy"] if command == "compare" else []
        assert run(*cut, *more, "-f", "json", "--cluster", "here") == run(*cut, *more, "-f", "json")


@pytest.mark.parametrize("shape", [(5000, 8), (1100, 7, 8), (3, 8)])
@pytest.mark.parametrize("show", ["probabilities", "logits", "classes"])
def test_workers_write_the_chunks_of_a_zarr_store(
    run: Run, here: Path, elsewhere: Elsewhere, shape: tuple[int, ...], show: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr("dense_cli.writers.zarr._CHUNK", 1 << 14)
    x = np.random.default_rng(0).normal(size=shape).astype("f4")
    np.save("x.npy", x)
    args = ("predict", "x.npy", "-u", 9, "--show", show, "--memory", "4K")
    returned = []
    original = Elsewhere._compute

    def compute(self: Elsewhere, *given: Any) -> Done:
        done = original(self, *given)
        returned.extend(name for result in done.values for name in result.arrays)
        return done

    monkeypatch.setattr(Elsewhere, "_compute", compute)
    assert run(*args, "-o", "alone.zarr") == run(*args, "-o", "there.zarr", "--cluster", "here")
    assert not returned  # what workers write does not come back
    alone, there = (
        {str(path.relative_to(name)): path.read_bytes() for path in Path(name).rglob("*") if path.is_file()}
        for name in ("alone.zarr", "there.zarr")
    )
    assert there == alone
    monkeypatch.setattr(WorkerWrites, "_sees_token", lambda self: False)
    assert run(*args, "-o", "sent.zarr", "--cluster", "here").code == 0
    sent = Path("sent.zarr")
    assert {str(p.relative_to(sent)): p.read_bytes() for p in sent.rglob("*") if p.is_file()} == alone
    assert bool(returned) == (show != "classes")


def test_a_damaged_part_ends_the_run_as_in_one_process(run: Run, files: Path, elsewhere: Elsewhere) -> None:
    data = Path("flat.npy").read_bytes()
    args = ("predict", "flat.npy", *HEAD, "-o", "out.npy")
    Path("flat.npy").write_bytes(data[:-4])
    alone, there = run(*args), run(*args, "--cluster", "here")
    assert there == alone
    assert there.code == 2
    assert not Path("out.npy").exists()


class Blocks:
    """Random rows, with what is special here and there, in blocks."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.shape = (int(rng.integers(2, 12)), int(rng.integers(1, 9)), int(rng.integers(1, 6)))
        rows = self.shape[0] * self.shape[1]
        y = softmax(rng.normal(size=(rows, self.shape[-1])) * rng.choice([0.1, 3, 900]))
        kind = rng.integers(0, 6)
        if kind == 1:
            y = np.round(rng.normal(size=y.shape) * 3)
        if kind == 2:
            y = softmax(rng.normal(size=self.shape), axis=int(rng.integers(0, 2))).reshape(y.shape)
        if kind == 3:
            y = np.log(y + 1e-300)
        if kind == 4:
            y = softmax(y)
        if kind == 5:
            y = rng.normal(size=y.shape) * 10.0 ** rng.integers(-9, 9)
        if rng.uniform() < 0.4:
            y[rng.integers(0, rows)] = rng.choice([np.nan, np.inf, -np.inf])
        if rng.uniform() < 0.5:
            y[int(rng.integers(0, rows)) :] = y[-1]
        self.y = y
        self.places = np.stack(np.unravel_index(np.arange(rows), self.shape[:-1]), axis=1)
        size = int(rng.integers(1, rows + 1))
        self.cuts = [slice(start, start + size) for start in range(0, rows, size)]
        self.rng = rng


@pytest.mark.parametrize("seed", range(150))
def test_merged_blocks_are_the_same_digits_as_added_ones(seed: int) -> None:
    blocks = Blocks(seed)
    other = blocks.y + blocks.rng.choice([0, 1e-7, 0.3], blocks.y.shape)
    info = OutputInfo(blocks.shape, np.dtype("f4"))
    with np.errstate(invalid="ignore"):
        classes = np.where(np.isfinite(blocks.y).all(axis=1), blocks.y.argmax(axis=1), -1)
    targets = blocks.rng.permutation(blocks.shape[-1])[classes]
    made: dict[str, Callable[[], Any]] = {
        "checks": lambda: Checks(info),
        "description": lambda: Description(blocks.shape, np.dtype("f4")),
        "comparison": lambda: Comparison("logits", Limits(atol=1e-3), 2, 3),
    }
    results = {"checks": "findings", "description": "result", "comparison": "result"}
    for name, make in made.items():
        added, merged = make(), make()
        for cut in blocks.cuts:
            y, places = blocks.y[cut], blocks.places[cut]
            rows = {
                "checks": (CheckRows(y, places, classes[cut], targets=targets[cut]),),
                "description": (y, places),
                "comparison": (y, other[cut], places),
            }[name]
            added.add(*rows)
            alone = make()
            alone.add(*rows)
            merged.merge(_sent(alone))
        expected, found = (getattr(x, results[name])() for x in (added, merged))
        assert repr(found) == repr(expected)


def test_a_file_that_is_another_one_elsewhere_is_not_read_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"12345678")
    packed = pickle.dumps(LocalFile(str(path)))
    assert pickle.loads(packed).size == 8
    path.write_bytes(b"123456789")
    with pytest.raises(OSError, match=os.strerror(errno.ESTALE)):
        pickle.loads(packed)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        pickle.loads(packed)


def test_an_empty_folder_elsewhere_is_not_taken_for_an_array_of_fill_values(run: Run, files: Path) -> None:
    from dense_cli.plan import Plan

    packed = pickle.dumps(Plan("y.zarr", key="probabilities").open_source())
    Path("y.zarr").rename("gone.zarr")
    with pytest.raises(FileNotFoundError):
        pickle.loads(packed)


@pytest.mark.parametrize(
    "error",
    [
        ShapeError("x: a", hint="b"),
        FileFormatError("x: a"),
        MissingExtraError("reading", "zarr"),
        OSError(5, "Input/output error", "x.npy"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_travel_with_their_hints(error: Exception) -> None:
    again = _sent(error)
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_a_worker_of_another_version_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from dense_cli.sources.arrays import ArraySource

    job = _sent(Job(int, ArraySource.of("x", np.zeros((1, 1))), 1))
    monkeypatch.setattr(spread, "__version__", "0.0.1")
    error = job(Cut(0, 1)).error
    assert str(error).startswith("a worker has densecli 0.0.1, and this is ")
