"""Several files are one array: every command prints of them, byte for byte, what it prints of one file."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import SAMPLES
from hypothesis import given, settings
from hypothesis import strategies as st

from dense_cli import Plan
from dense_cli.errors import ConfigError, FileFormatError, ShapeError
from dense_cli.sources.arrays import ArraySource
from dense_cli.sources.open import Request, open_source
from dense_cli.sources.streamed import StreamSource

X = np.random.default_rng(7).standard_normal((530, 6)).astype(np.float32)
X3 = np.random.default_rng(8).standard_normal((40, 5, 6)).astype(np.float32)
SIZES = (1, 200, 0, 7, 322)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def zarr(path: str, x: np.ndarray) -> None:
    import zarr as library

    store = library.create_array(store=path, shape=x.shape, chunks=(3, *x.shape[1:]), dtype=x.dtype)
    store[...] = x


def parquet(path: str, x: np.ndarray) -> None:
    pq.write_table(pa.table({"x": pa.array(x.tolist(), pa.list_(pa.float32(), x.shape[-1]))}), path)


def torch(path: str, x: np.ndarray) -> None:
    from safetensors.numpy import save_file

    save_file({"x": np.ascontiguousarray(x)}, path)


WRITERS: dict[str, Callable[[str, np.ndarray], None]] = {
    "npy": np.save,
    "npz": lambda path, x: np.savez(path, x=x),
    "compressed.npz": lambda path, x: np.savez_compressed(path, x=x),
    "fortran.npy": lambda path, x: np.save(path, np.asfortranarray(x)),
    "json": lambda path, x: Path(path).write_text(json.dumps(x.tolist())),
    "jsonl": lambda path, x: Path(path).write_text("".join(f"{json.dumps(row)}\n" for row in x.tolist())),
    "csv": lambda path, x: np.savetxt(path, x, delimiter=",", fmt="%.9g"),
    "safetensors": torch,
    "parquet": parquet,
    "zarr": zarr,
}


def cut(folder: str, x: np.ndarray, sizes: tuple[int, ...], *suffixes: str) -> list[str]:
    """Write ``x`` as files of these sizes, whose names the shell puts in another order than numbers have."""
    Path(folder).mkdir()
    paths, start = [], 0
    for i, size in enumerate(sizes):
        suffix = suffixes[i % len(suffixes)]
        paths.append(f"{folder}/part-{i * 5}.{suffix}")
        WRITERS[suffix](paths[-1], x[start : start + size])
        start += size
    assert start == len(x)
    return paths


# --- one source -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["npy", "jsonl", "csv", "npz"])
@pytest.mark.parametrize("suffix", list(WRITERS))
def test_files_give_the_bytes_of_one_file(suffix: str, format: str, run, here: Path) -> None:
    sizes = tuple(size for size in SIZES if size or suffix in ("npy", "npz", "safetensors"))
    cut("folder", X, sizes, suffix)
    WRITERS[suffix](f"one.{suffix}", X)
    options = ("-u", 70, "-f", format)  # blocks of 4096 rows would hold all: these hold fewer
    for more in ((), ("-k", 3), ("-b", "195:215"), ("-b", "::-7"), ("-b", "-3:"), ("-b", 201)):
        if format == "npz" and more:
            continue
        one = run("predict", f"one.{suffix}", *options, *more)
        several = run("predict", "folder", *options, *more)
        assert (several.out, several.err, several.code) == (one.out, "", 0)


def test_blocks_fill_across_files(here: Path) -> None:
    paths = cut("folder", X, (100, 30, 400), "npy")
    blocks = list(open_source(paths).blocks(64))
    assert [len(block.x) for block in blocks] == [64] * 8 + [18]
    assert [block.start for block in blocks] == list(range(0, 530, 64))
    np.testing.assert_array_equal(np.concatenate([block.x for block in blocks]), X)


def test_formats_may_be_mixed(run, here: Path) -> None:
    paths = cut("folder", X, (100, 30, 50, 20, 80, 50, 70, 130), *WRITERS)
    np.save("one.npy", X)
    one = run("predict", "one.npy", "-u", 70, "-f", "npy")
    assert run("predict", "folder", "-u", 70, "-f", "npy").out == one.out
    assert run("predict", *paths, "-u", 70, "-f", "npy").out == one.out


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_any_cut_and_any_choice_of_samples_is_that_of_one_file(data: st.DataObject) -> None:
    import tempfile

    rows = data.draw(st.integers(1, 60))
    cuts = sorted(data.draw(st.lists(st.integers(0, rows), max_size=5)))
    suffix = data.draw(st.sampled_from(["npy", "compressed.npz"]))
    bounds = (None, *range(-rows - 2, rows + 3))
    batch = slice(
        data.draw(st.sampled_from(bounds)),
        data.draw(st.sampled_from(bounds)),
        data.draw(st.sampled_from((None, 1, 2, 7, -1, -3))),
    )
    x = X3[:rows] if rows <= len(X3) and data.draw(st.booleans()) else X[:rows]
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for i, (start, stop) in enumerate(zip([0, *cuts], [*cuts, rows], strict=True)):
            paths.append(f"{folder}/{i}.{suffix}")
            WRITERS[suffix](paths[-1], x[start:stop])
        source = open_source(paths).select(batch)
        blocks = list(source.blocks(data.draw(st.integers(1, 40))))
        found = np.concatenate([np.empty((0, 6), np.float32), *[block.x for block in blocks]])
    np.testing.assert_array_equal(found, x[batch].reshape(-1, 6))
    places = np.concatenate([np.empty((0, x.ndim - 1), np.int64), *[block.places() for block in blocks]])
    expected = np.indices(x.shape[:-1]).reshape(x.ndim - 1, *x.shape[:-1])[:, batch]
    np.testing.assert_array_equal(places, expected.reshape(x.ndim - 1, -1).T)


@pytest.mark.parametrize("suffix", ["npy", "compressed.npz", "json", "jsonl", "zarr"])
def test_slice_decode_and_check_run_on_files(suffix: str, run, here: Path) -> None:
    cut("folder", X3, (10, 1, 9, 20), suffix)
    WRITERS[suffix](f"one.{suffix}", X3)
    Path("names.txt").write_text("a\nb\nc\n")
    for args in (
        ("slice", "-f", "jsonl", "-u", 3),
        ("slice", "-f", "npy", "-t", -1, "-t", "0:2", "-u", 3),
        ("slice", "-f", "csv", "-t", 2, "-u", 3),
        ("decode", "-u", 3, "--labels", "names.txt", "-f", "jsonl"),
        ("check", "-u", 3, "-f", "json"),
    ):
        one, several = run(*args, f"one.{suffix}"), run(*args, "folder")
        assert several.code == one.code
        expected = one.out.replace(b"[x]", b"").replace(f"one.{suffix}".encode(), b"folder, 4 pieces")
        assert several.out == expected, several.err


def test_every_command_takes_files(run, here: Path) -> None:
    cut("x", X, (300, 230), "npy")
    assert run("predict", "x", "-u", 4, "-f", "npy", "-o", "y.npy").code == 0
    y = np.load("y.npy")
    cut("y", y, (5, 500, 25), "npy")
    np.save("classes.npy", y.argmax(axis=1))
    assert run("compare", "y", "y.npy").text.startswith("No class changed in 530 rows")
    assert run("info", "y").text.startswith("y, 3 pieces: shape (530, 4) · float32 · 3 files of")
    assert run("info", "y/part-0.npy", "y/part-5.npy").text.startswith(
        "y/part-0.npy … y/part-5.npy, 2 pieces"
    )
    assert "accuracy 1.0000" in run("predict", "y", "--targets", "classes.npy", "-n", 1).text
    assert run("plot", "y", "-b", 7, "--kind", "bars").out == run(
        "plot", "y.npy", "-b", 7, "--kind", "bars"
    ).out.replace(b"y.npy", b"y, 3 pieces")
    assert run("report", "y", "-n", 2, "-o", "page.html").code == 0
    page = Path("page.html").read_text("utf-8")
    assert all(f"y/part-{i}.npy" in page for i in (0, 5, 10))


def test_a_table_says_how_many_files_there_are(run, here: Path) -> None:
    paths = cut("folder", X, (30, 500), "npy")
    assert "x = folder, 2 pieces (530, 6) → y (530, 3)\n" in run("predict", "folder", "-u", 3).text
    assert f"x = {paths[0]} … {paths[1]}, 2 pieces (530, 6)" in run("predict", *paths, "-u", 3).text


def test_a_model_runs_on_files(run, here: Path) -> None:
    model = SAMPLES / "translate.keras"
    x = np.load(Path(__file__).parent / "data" / "models" / "translate__input.npy")
    cut("folder", x, (3, len(x) - 3), "npy")
    np.save("one.npy", x)
    found, one = (run("predict", name, "-m", model, "-f", "npy") for name in ("folder", "one.npy"))
    assert (found.out, found.code) == (one.out, 0)
    assert run("layers", model, "folder", "-f", "csv").out == run("layers", model, "one.npy", "-f", "csv").out


def test_pieces_of_another_axis_order_are_turned_each(run, here: Path) -> None:
    cut("folder", X3, (15, 25), "npy")
    for path in Path("folder").iterdir():
        np.save(path, np.load(path).transpose(1, 0, 2))
    np.save("one.npy", X3)
    one = run("predict", "one.npy", "-u", 3, "-f", "npy")
    assert run("predict", "folder", "-u", 3, "-f", "npy", "--axes", "time,batch,features").out == one.out
    Path("single").mkdir()
    for i, x in enumerate(X3[:12]):
        np.save(f"single/{i}.npy", x)
    single = run("predict", "single", "-u", 3, "-f", "npy", "--axes", "time,features")
    assert single.out == run("predict", "one.npy", "-u", 3, "-f", "npy", "-b", ":12").out


def test_key_and_columns_are_those_of_every_file(run, here: Path) -> None:
    Path("folder").mkdir()
    np.save("one.npy", X[:20])
    for i in range(2):
        np.savez(f"folder/{i}.npz", x=X[i * 10 : i * 10 + 10], other=X)
    assert run("predict", "folder", "-u", 3, "-f", "csv", "--key", "x").out == (
        run("predict", "one.npy", "-u", 3, "-f", "csv").out
    )
    assert "folder/0.npz: expected one array, found" in run("predict", "folder", "-u", 3).err


# --- order ------------------------------------------------------------------------------------------------


def test_a_folder_is_read_in_the_order_of_its_numbers(run, here: Path) -> None:
    paths = cut("folder", X, (10, 20, 500), "npy")
    assert paths == ["folder/part-0.npy", "folder/part-5.npy", "folder/part-10.npy"]
    Path("folder/.hidden").write_text("no array")
    Path("folder/_SUCCESS").write_text("")
    source = open_source("folder")
    assert source.pieces is not None
    assert list(source.pieces.paths) == paths


def test_the_order_of_a_shell_is_kept_and_told(run, here: Path) -> None:
    paths = sorted(cut("folder", X, (10, 20, 500), "npy"))
    ran = run("predict", *paths, "-u", 3, "-f", "npy")
    assert ran.err == (
        "Note: the pieces are taken in the order given: part-10.npy comes before part-5.npy; "
        "a folder is read in the order of its numbers\n"
    )
    np.save("one.npy", np.concatenate([X[:10], X[30:], X[10:30]]))
    assert ran.out == run("predict", "one.npy", "-u", 3, "-f", "npy").out
    # Whoever writes them in another order wants it.
    assert run("predict", *paths[::-1], "-u", 3, "-f", "npy").err == ""


def test_a_container_that_is_a_folder_is_one_file(run, here: Path) -> None:
    zarr("one.zarr", X)
    np.save("one.npy", X)
    assert run("predict", "one.zarr", "-u", 3, "-f", "npy").out == (
        run("predict", "one.npy", "-u", 3, "-f", "npy").out
    )
    Path("saved").mkdir()
    Path("saved/saved_model.pb").write_bytes(b"")
    assert run("predict", "saved", "-u", 3).err.startswith(
        "Error: saved: a SavedModel of TensorFlow is not read"
    )


# --- what goes with the samples ---------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["npy", "jsonl"])
def test_lengths_masks_and_targets_count_through_and_may_be_files(suffix: str, run, here: Path) -> None:
    cut("folder", X3, (10, 1, 29), suffix)
    WRITERS[suffix](f"one.{suffix}", X3)
    lengths = np.random.default_rng(3).integers(1, 6, 40)
    steps = np.arange(5) < lengths[:, None]
    targets = np.random.default_rng(4).integers(0, 3, (40, 5))
    for name, array in (("lengths", lengths), ("mask", steps.astype(np.int8)), ("targets", targets)):
        np.save(f"{name}.npy", array)
        Path(name).mkdir()
        for i, part in enumerate(np.split(array, [15, 16])):  # other cuts than those of the input
            np.save(f"{name}/{i}.npy", part)
    for option in ("lengths", "mask", "targets"):
        one = run("predict", f"one.{suffix}", "-u", 3, "-f", "jsonl", f"--{option}", f"{option}.npy")
        for file in (f"{option}.npy", option):
            several = run("predict", "folder", "-u", 3, "-f", "jsonl", f"--{option}", file)
            assert (several.out, several.err) == (one.out, one.err)
        assert one.code == 0


def test_targets_that_do_not_fit_are_refused(run, here: Path) -> None:
    cut("folder", X, (30, 500), "npy")
    Path("targets").mkdir()
    for i in range(2):
        np.save(f"targets/{i}.npy", np.zeros(200, np.int64))
    assert "expected one target for each class, shape (530,), found (400,)" in (
        run("predict", "folder", "-u", 3, "--targets", "targets").err
    )


def test_outputs_that_state_their_samples_are_numbered_through(run, here: Path) -> None:
    cut("folder", X3, (10, 30), "npy")
    Path("alone").mkdir()
    for i, path in enumerate(["folder/part-0.npy", "folder/part-5.npy"]):
        run("predict", path, "-u", 3, "-o", f"alone/{i}.jsonl")
    one = run("predict", "folder", "-u", 3, "-f", "jsonl")
    # Each counted from 0, or one output that was cut: the same samples.
    lines = one.out.splitlines(keepends=True)
    Path("cut").mkdir()
    Path("cut/0.jsonl").write_bytes(b"".join(lines[:50]))
    Path("cut/1.jsonl").write_bytes(b"".join(lines[50:]))
    run("slice", "folder/part-0.npy", "-u", 3, "-o", "alone/0.jsonl")  # step by step
    Path("one.jsonl").write_bytes(one.out)
    wanted = run("predict", "one.jsonl", "-f", "jsonl")
    for folder in ("alone", "cut"):
        ran = run("predict", folder, "-f", "jsonl")
        assert (ran.out, ran.err) == (wanted.out, "")


def test_samples_that_are_left_out_of_a_piece_are_refused(run, here: Path) -> None:
    cut("folder", X, (30, 500), "npy")
    Path("part").mkdir()
    run("predict", "folder", "-u", 3, "-b", "0:10", "-o", "part/0.jsonl")
    run("predict", "folder", "-u", 3, "-b", "12:20", "-o", "part/1.jsonl")
    ran = run("predict", "part", "-f", "jsonl")
    assert ran.code == 2
    assert (
        "Error: part/1.jsonl: expected the samples of a piece in order, 10 next, found sample 12\n" in ran.err
    )


# --- what is wrong ----------------------------------------------------------------------------------------


def test_files_that_differ_in_shape_are_both_named(run, here: Path) -> None:
    np.save("a.npy", X)
    np.save("b.npy", X[:, :5])
    np.save("c.npy", X3)
    Path("d.jsonl").write_text("[1, 2, 3]\n")
    for other, found in (("b.npy", "(530, 5)"), ("c.npy", "(40, 5, 6)"), ("d.jsonl", "(?, 3)")):
        ran = run("predict", "a.npy", other, "-u", 3, "-f", "npy", "-o", "y.npy")
        assert ran.code == 2
        assert ran.err == (
            f"Error: {other}: expected samples of the shape of a.npy, (530, 6), found {found}\n"
            "Hint: pieces are joined along the batch axis: all others must be the same\n"
        )
        assert not Path("y.npy").exists()


def test_an_error_about_a_row_names_the_file_and_the_row_in_it(run, here: Path) -> None:
    wrong = np.full((20, 2), 0.5)
    wrong[13] = 0.7
    np.save("a.npy", wrong[:10])
    np.save("b.npy", wrong[10:])
    assert run("predict", "a.npy", "b.npy").err.startswith(
        "Error: b.npy: not distributions: expected rows of the last axis that sum to 1, "
        "found a sum of 1.4 at [3]\n"
    )
    wrong[13] = 1e300
    np.save("b.npy", wrong[10:])
    ran = run("predict", "a.npy", "b.npy", "-u", 2)
    assert "Error: b.npy: 1e+300 does not fit float32, at [3, 0]" in ran.err
    Path("c.jsonl").write_text("[1, 2]\n[1, x]\n")
    assert "Error: c.jsonl: line 2" in run("predict", "a.npy", "c.jsonl", "-u", 2, "-f", "npy").err


def test_a_damaged_file_is_named_and_nothing_is_written(run, here: Path) -> None:
    cut("folder", X, (30, 100, 400), "npy")
    data = Path("folder/part-5.npy").read_bytes()
    Path("folder/part-5.npy").write_bytes(data[:-1])
    ran = run("predict", "folder", "-u", 3, "-o", "y.npy")
    assert (ran.code, ran.err.startswith("Error: folder/part-5.npy: truncated")) == (2, True)
    assert not Path("y.npy").exists()


def test_a_file_that_changes_while_it_is_read_is_an_error(here: Path) -> None:
    paths = cut("folder", X, (30, 100, 400), "npy")
    source = open_source(paths)
    np.save(paths[1], X[:99])
    with pytest.raises(FileFormatError, match=r"part-5.npy: expected shape \(100, 6\).* found \(99, 6\)"):
        list(source.blocks(64))


def test_columns_of_other_names_are_refused(run, here: Path) -> None:
    Path("a.csv").write_text("left,right\n1,2\n")
    Path("b.csv").write_text("left,right\n3,4\n")
    Path("c.csv").write_text("right,left\n3,4\n")
    Path("d.csv").write_text("5,6\n")
    assert run("predict", "a.csv", "b.csv", "d.csv", "-u", 2, "-f", "csv").code == 0
    ran = run("predict", "a.csv", "c.csv", "-u", 2, "-f", "npy")
    assert ran.err == "Error: c.csv: expected the columns of a.csv, 'left' at 1, found 'right'\n"


def test_a_note_about_each_file_is_told_once(run, here: Path) -> None:
    for name in "abc":
        Path(f"{name}.csv").write_text("id,left,right\n0,1,2\n1,3,4\n")
    ran = run("predict", "a.csv", "b.csv", "c.csv", "-u", 2, "-f", "csv")
    assert ran.code == 0
    assert ran.err == "Note: a.csv: the first column, 'id', counts the rows and is left out\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("folder",), "folder: expected files that hold arrays, found an empty folder"),
        (("hidden",), "hidden: expected files that hold arrays, found hidden files alone"),
        (("nested",), "nested: expected files, found the folder 'inner'"),
        (("a.npy", "-"), "- is standard input, which cannot be one of several pieces"),
        (("a.npy", "absent.npy"), "absent.npy: No such file or directory"),
    ],
)
def test_what_is_no_piece_is_refused(args: tuple[str, ...], message: str, run, here: Path) -> None:
    for folder in ("folder", "hidden", "nested/inner"):
        Path(folder).mkdir(parents=True)
    Path("hidden/.npy").write_text("")
    np.save("a.npy", X)
    ran = run("predict", *args, "-u", 2)
    assert (ran.code, ran.err.splitlines()[0]) == (2, f"Error: {message}")


# --- descriptors, pipes and Python ------------------------------------------------------------------------


@pytest.mark.posix
@pytest.mark.parametrize("suffix", list(WRITERS))
def test_hundreds_of_files_need_few_descriptors(suffix: str, here: Path) -> None:
    cut("folder", X[:300], (1,) * 300, suffix)
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); "
        "from dense_cli.__main__ import main; sys.argv = sys.argv[1:]; main()"
    )
    args = ["densecli", "predict", "folder", "-u", "3", "-f", "npy", "-o", "y.npy"]
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert np.load("y.npy").shape == (300, 3)


@pytest.mark.posix
def test_pipes_are_pieces_in_their_turn(run, here: Path) -> None:
    Path("one.jsonl").write_text("[1, 2]\n[3, 4]\n[5, 6]\n[7, 8]\n")
    lines = Path("one.jsonl").read_bytes().splitlines(keepends=True)
    for name in ("a", "b"):
        os.mkfifo(name)
    Path("c.jsonl").write_bytes(lines[3])

    def write() -> None:  # the second begins once the first is done
        Path("a").write_bytes(b"".join(lines[:2]))
        Path("b").write_bytes(lines[2])

    writer = threading.Thread(target=write)
    writer.start()
    ran = run("predict", "a", "b", "c.jsonl", "-u", 3, "-f", "jsonl")
    writer.join()
    assert ran.out == run("predict", "one.jsonl", "-u", 3, "-f", "jsonl").out


def test_a_plan_of_several_paths_runs_and_pickles(here: Path) -> None:
    paths = cut("folder", X, (30, 100, 400), "npy")
    for several in (paths, tuple(paths), "folder"):
        plan = pickle.loads(pickle.dumps(Plan(several, units=3)))
        classes = np.concatenate([result.classes for result in plan.run()])
        one = np.concatenate([result.classes for result in Plan(X, units=3).run()])
        np.testing.assert_array_equal(classes, one)
    with pytest.raises(ConfigError, match="empty list"):
        open_source([])


def test_any_row_of_files_in_place_can_be_had(here: Path) -> None:
    assert isinstance(open_source(cut("a", X, (30, 500), "npy")), ArraySource)
    assert isinstance(open_source(cut("b", X, (30, 500), "npy", "jsonl")), StreamSource)


def test_samples_that_differ_in_length_are_pieces_too(run, here: Path) -> None:
    Path("a.jsonl").write_text("[[1, 2], [3, 4]]\n[[5, 6]]\n")
    Path("b.jsonl").write_text("[[7, 8], [9, 10], [11, 12]]\n")
    np.save("c.npy", np.ones((2, 2, 2)))
    Path("one.jsonl").write_bytes(
        Path("a.jsonl").read_bytes() + Path("b.jsonl").read_bytes() + b"[[1, 1], [1, 1]]\n" * 2
    )
    np.save("lengths.npy", np.array([2, 1, 3, 2, 1]))
    for options in ((), ("--lengths", "lengths.npy"), ("--lengths", "lengths.npy", "--padding", "pre")):
        one = run("predict", "one.jsonl", "-u", 3, "-f", "jsonl", *options)
        several = run("predict", "a.jsonl", "b.jsonl", "c.npy", "-u", 3, "-f", "jsonl", *options)
        assert (several.out, several.code) == (one.out, 0)
    np.save("lengths.npy", np.array([2, 1, 3, 3, 1]))
    ran = run("predict", "a.jsonl", "b.jsonl", "c.npy", "-u", 3, "-f", "jsonl", "--lengths", "lengths.npy")
    assert "lengths: expected 0 to 2 time steps, found 3 at [3]" in ran.err
    ran = run("predict", "a.jsonl", "b.jsonl", "-u", 3, "-f", "npz")
    assert ran.err.startswith(
        "Error: a.jsonl: an array needs samples of one shape: sample 1 (line 2, blank lines not counted) has "
        "1 time step, the first of all has 2 time steps\n"
    )


def test_fixed_time_steps_that_differ_between_files_are_refused(here: Path) -> None:
    np.save("a.npy", np.ones((2, 3, 4)))
    np.save("b.npy", np.ones((2, 5, 4)))
    with pytest.raises(ShapeError, match=r"b.npy: expected samples of the shape of a.npy, \(2, 3, 4\)"):
        open_source(["a.npy", "b.npy"], None, Request())


@pytest.mark.parametrize("field", ["stem", "name", "index", "folder"])
def test_a_name_for_each_file_is_refused_and_not_taken_as_it_stands(run, here: Path, field: str) -> None:
    np.save("a.npy", np.ones((2, 4)))
    for suffix in ("npy", "jsonl", "zarr"):
        ran = run("predict", "a.npy", "-u", 3, "-o", f"{{{field}}}.{suffix}")
        assert (ran.out, ran.code) == (b"", 2)
        said = f"-o {{{field}}}.{suffix}: {{{field}}} would be the name of one output for each INPUT"
        assert said in ran.err
    assert os.listdir() == ["a.npy"]
