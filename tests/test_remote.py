"""Files elsewhere: by ranges from a web server of this machine, and from fsspec's memory."""

from __future__ import annotations

import base64
import io
import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from web import Server, serving

from dense_cli import Plan
from dense_cli.addresses import address_beside, is_address, without_secrets
from dense_cli.errors import FileFormatError
from dense_cli.files import http
from dense_cli.files.stream import open_file
from dense_cli.writers import target

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("aiohttp")

ROOT = Path(__file__).parent.parent
X = np.random.default_rng(0).normal(size=(3000, 64)).astype(np.float32)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(http, "_PAUSE", 0)
    with serving() as server:
        yield server


def npy(x: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, x)
    return buffer.getvalue()


def content(format: str, folder: Path) -> bytes:
    """Return the array X in a format."""
    path = folder / f"content.{format}"
    if format == "npy":
        return npy(X)
    if format == "npz":
        np.savez_compressed(path, x=X)
    elif format == "json":
        path.write_text(json.dumps(X.tolist()))
    elif format == "jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in X.tolist()))
    elif format == "csv":
        path.write_text("".join(f"{','.join(map(repr, row))}\n" for row in X.tolist()))
    elif format == "h5":
        with pytest.importorskip("h5py").File(path, "w") as file:
            file["x"] = X
    elif format == "safetensors":
        pytest.importorskip("safetensors.numpy").save_file({"x": X}, path)
    else:
        pa = pytest.importorskip("pyarrow")
        table = pa.table({f"f{at}": column for at, column in enumerate(X.T)})
        if format == "parquet":
            pytest.importorskip("pyarrow.parquet").write_table(table, path)
        else:
            with pa.ipc.new_file(path, table.schema) as writer:
                writer.write_table(table)
    return path.read_bytes()


FORMATS = ["npy", "npz", "json", "jsonl", "csv", "h5", "safetensors", "parquet", "arrow"]


@pytest.mark.parametrize("server", ["ranges", "no ranges", "chunked", "memory"])
@pytest.mark.parametrize("format", FORMATS)
def test_a_file_elsewhere_gives_the_bytes_that_it_gives_here(
    format: str, server: str, web: Server, here: Path, run: Run
) -> None:
    data = content(format, here)
    (here / f"x.{format}").write_bytes(data)
    expected = run("predict", f"x.{format}", "-u", 5, "-f", "npy")
    address = f"{web.address}/x.{format}"
    web.files[f"/x.{format}"] = data
    web.ranges = server == "ranges"
    web.chunked = server == "chunked"
    if server == "memory":
        address = f"memory://here/x.{format}"
        fsspec.filesystem("memory").pipe_file(f"/here/x.{format}", data)
    found = run("predict", address, "-u", 5, "-f", "npy")
    assert (found.code, found.err, found.out) == (0, "", expected.out)


def test_few_rows_of_a_large_npy_take_its_header_and_their_bytes(web: Server, run: Run) -> None:
    shape = (4_000_000, 64)  # 1 GB

    class Large(bytes):
        """An NPY of zeros that is not held: its header, and zeros as long as they must be."""

        head = npy(np.zeros((0, 64), np.float32)).replace(b"(0, 64), }      ", b"(4000000, 64), }")

        def __len__(self) -> int:
            return len(self.head) + 4 * shape[0] * shape[1]

        def __getitem__(self, part):
            return self.head[part].ljust(part.stop - part.start, b"\0")

    assert np.lib.format.read_array_header_1_0(io.BytesIO(Large.head[8:]))[0] == shape
    web.files["/x.npy"] = Large()
    web.tags = False
    result = run("predict", f"{web.address}/x.npy", "-u", 3, "-b", "1000:1010", "-f", "npy")
    assert result.code == 0
    assert np.load(io.BytesIO(result.out)).shape == (10, 3)
    # Header and first rows, the rows that are asked for, and what is read ahead of them.
    assert [asked for asked, _ in web.asked] == ["bytes=0-65535", "bytes=256128-321663"]
    assert web.sent == 2 * 65536


def test_a_file_is_read_in_requests_that_grow(web: Server, here: Path, run: Run) -> None:
    rows = "".join(f"{at},{at + 1}\n" for at in range(400_000))
    web.files["/x.csv"] = rows.encode()
    (here / "x.csv").write_text(rows)
    result = run("predict", f"{web.address}/x.csv", "-u", 2, "-f", "npy")
    assert result.out == run("predict", "x.csv", "-u", 2, "-f", "npy").out
    assert web.sent == len(rows)  # nothing twice
    assert len(web.asked) < 20


@pytest.mark.parametrize("order", ["C", "F"])
def test_time_steps_far_apart_are_read_in_few_requests(order: str, web: Server, here: Path, run: Run) -> None:
    x = np.asarray(X.reshape(300, 10, 64), order=order)
    np.save("x.npy", x)
    web.files["/x.npy"] = Path("x.npy").read_bytes()
    result = run("slice", f"{web.address}/x.npy", "-u", 3, "-t", 0, "-f", "npy")
    assert (result.code, result.out) == (0, run("slice", "x.npy", "-u", 3, "-t", 0, "-f", "npy").out)
    assert len(web.asked) < 20


@pytest.mark.parametrize("ranges", [True, False])
def test_weights_models_and_labels_are_read_from_elsewhere(
    ranges: bool, web: Server, here: Path, run: Run
) -> None:
    web.ranges = ranges
    samples = ROOT / "samples"
    for path in samples.iterdir():
        web.files[f"/samples/{path.name}"] = path.read_bytes()

    def same(*args: str) -> None:
        there = [arg.replace("@", f"{web.address}/samples/") for arg in args]
        expected = run(*(arg.replace("@", f"{samples}/") for arg in args))
        found = run(*there)
        err, text = (out.replace(f"{web.address}/samples/", f"{samples}/") for out in (found.err, found.text))
        assert (found.code, err, text) == (0, expected.err, expected.text)

    pytest.importorskip("h5py")
    same("predict", "@digits.npy", "-w", "@digits.keras", "-f", "json")
    same("predict", "@digits.npy", "-w", "@digits_head.npz", "-f", "json")
    same("predict", "@digits.npy", "-w", "@digits.keras", "--labels", "@digits.txt", "-f", "csv")
    translate = ("-m", "@translate.keras", "--input-labels", "@english.json", "--reverse")
    same("predict", "@sentences.txt", *translate, "--labels", "@french.json", "-f", "jsonl", "-b", "0:2")
    same("heads", "@digits.keras", "-f", "json")
    same("layers", "@translate.keras")


def test_shards_are_read_from_beside_their_index(web: Server, here: Path, run: Run) -> None:
    save_file = pytest.importorskip("safetensors.numpy").save_file
    head = {"head.weight": np.ones((3, 64), np.float32), "head.bias": np.zeros(3, np.float32)}
    save_file({"head.weight": head["head.weight"]}, "1.safetensors")
    save_file({"head.bias": head["head.bias"]}, "2.safetensors")
    index = {"weight_map": {"head.weight": "1.safetensors", "head.bias": "2.safetensors"}}
    Path("m.safetensors.index.json").write_text(json.dumps(index))
    np.save("x.npy", X)
    for path in Path().iterdir():
        web.files[f"/a/{path.name}"] = path.read_bytes()
    args = ("predict", "x.npy", "-f", "npy", "-w")
    found = run(*args, f"{web.address}/a/m.safetensors.index.json")
    assert (found.code, found.out) == (0, run(*args, "m.safetensors.index.json").out)
    index["weight_map"]["head.bias"] = "../b/2.safetensors"
    web.files["/a/m.safetensors.index.json"] = json.dumps(index).encode()
    refused = run(*args, f"{web.address}/a/m.safetensors.index.json")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "expected a file inside the model's folder" in refused.err
    assert not any("/b/" in path for _, path in web.asked)


def test_a_redirect_is_followed(web: Server, run: Run) -> None:
    web.files["/new/x.npy"] = npy(X)
    web.moved["/x.npy"] = "/new/x.npy"
    result = run("predict", f"{web.address}/x.npy", "-u", 3, "-f", "npy")
    assert np.load(io.BytesIO(result.out)).shape == (3000, 3)
    web.moved["/new/x.npy"] = "/x.npy"
    result = run("predict", f"{web.address}/x.npy", "-u", 3)
    assert (result.code, result.out, result.err.count("\n")) == (2, b"", 1)


def break_status(status: int) -> Callable[[Server], None]:
    return lambda web: web.status.__setitem__("/x.npy", status)


def break_headers(**headers: str) -> Callable[[Server], None]:
    return lambda web: web.headers.update({name.replace("_", "-"): text for name, text in headers.items()})


FAULTS = {
    "401": (break_status(401), "the server answers 401 Unauthorized"),
    "403": (break_status(403), "the server answers 403 Forbidden"),
    "404": (break_status(404), "the server answers 404 Not Found"),
    "410": (break_status(410), "the server answers 410 Gone"),
    "500": (break_status(500), "the server answers 500 Internal Server Error"),
    "503": (break_status(503), "the server answers 503 Service Unavailable"),
    "another range": (break_headers(Content_Range="bytes 5-69/768128"), "expected a range of bytes from 0"),
    "no range": (break_headers(Content_Range="all"), "expected a range of bytes, the server answers 206"),
    "backwards": (break_headers(Content_Range="bytes 9-0/768128"), "expected a range of bytes from 0"),
    "compressed": (
        break_headers(Content_Encoding="gzip"),
        "expected a range of bytes, the server answers 206",
    ),
    "neither ranges nor length": (
        lambda web: web.__dict__.update(ranges=False, length=False),
        "the server gives no ranges and does not say where the file ends: expected a Content-Length",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_server_does_wrong_is_told_in_a_line(fault: str, web: Server, run: Run) -> None:
    web.files["/x.npy"] = npy(X)
    breaks, message = FAULTS[fault]
    breaks(web)
    result = run("predict", f"{web.address}/x.npy", "-u", 3)
    assert (result.code, result.out) == (2, b"")
    error, *hints = result.err.splitlines()
    assert error.startswith(f"Error: {web.address}/x.npy: {message}")
    assert len(hints) <= 1


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("format", ["npy", "csv", "jsonl", "npz"])
def test_a_server_that_goes_away_midway_is_an_error(
    format: str, chunked: bool, ranges: bool, web: Server, here: Path, run: Run
) -> None:
    web.files[f"/x.{format}"] = content(format, here)
    web.ranges, web.chunked, web.cut = ranges, chunked, 70_000
    result = run("predict", f"{web.address}/x.{format}", "-u", 3, "-o", "y.npy")
    assert (result.code, result.out, result.err.count("\n")) == (2, b"", 1)
    assert result.err.startswith(f"Error: {web.address}/x.{format}: ")
    assert not Path("y.npy").exists()


def test_a_server_that_answers_at_the_second_try_is_read(web: Server, run: Run) -> None:
    web.files["/x.npy"] = npy(X)
    asked = []

    def before(path: str) -> None:
        asked.append(path)
        web.status = {path: 503} if len(asked) % 2 else {}

    web.before = before
    result = run("predict", f"{web.address}/x.npy", "-u", 3, "-f", "npy")
    assert np.load(io.BytesIO(result.out)).shape == (3000, 3)


def test_nobody_there_is_told_in_a_line(run: Run) -> None:
    with serving() as server:
        address = server.address
    result = run("predict", f"{address}/x.npy", "-u", 3)
    assert (result.code, result.out, result.err.count("\n")) == (2, b"", 1)
    assert result.err.startswith(f"Error: {address}/x.npy: ")


@pytest.mark.parametrize("tags", [True, False])
@pytest.mark.parametrize("change", ["longer", "numbers", "gone", "no ranges"])
def test_a_file_that_changes_between_ranges_is_refused(
    change: str, tags: bool, web: Server, here: Path, run: Run
) -> None:
    if change == "numbers" and not tags:
        pytest.skip("nothing that a server says tells these apart")
    web.files["/x.npy"] = npy(X)
    web.tags = tags

    def before(path: str) -> None:
        if web.asked:
            x = np.concatenate([X, X]) if change == "longer" else X + 1
            web.files = {} if change == "gone" else {path: npy(x)}
            web.ranges = change != "no ranges"

    web.before = before
    result = run("predict", f"{web.address}/x.npy", "-u", 3, "-o", "y.npy")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert ("404" if change == "gone" else "the file changed while it was read") in result.err
    assert not Path("y.npy").exists()


def test_a_file_of_memory_that_changes_is_refused(here: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/changes/x.npy", npy(X))
    file = open_file("memory://changes/x.npy")
    again = pickle.loads(pickle.dumps(file))
    assert again.read_at(6, 0) == file.read_at(6, 0) == b"\x93NUMPY"
    memory.pipe_file("/changes/x.npy", npy(X + 1))
    with pytest.raises(FileFormatError, match="the file changed while it was read"):
        file.read_at(6, 300_000)
    with pytest.raises(FileFormatError, match="the file changed while it was read"):
        pickle.loads(pickle.dumps(file))


def test_an_empty_file_elsewhere_is_refused_as_one_here(web: Server, here: Path, run: Run) -> None:
    Path("x.npy").write_bytes(b"")
    web.files["/x.npy"] = b""
    expected = run("predict", "x.npy", "-u", 3)
    for web.ranges in (True, False):
        result = run("predict", f"{web.address}/x.npy", "-u", 3)
        assert (result.code, result.err) == (2, expected.err.replace("x.npy", f"{web.address}/x.npy"))


def test_users_passwords_and_queries_are_used_and_not_shown(web: Server, here: Path, run: Run) -> None:
    web.users = "Basic " + base64.b64encode(b"me:open sesame").decode()
    host = web.address.removeprefix("http://")
    secret = f"http://me:open%20sesame@{host}/NAME?signature=s3cr3t#mark"
    np.savez("w.npz", kernel=np.ones((64, 3), np.float32), bias=np.zeros(3, np.float32))
    y = np.full((4, 4), 0.25, np.float32)
    web.files = {
        "/x.npy": npy(X),
        "/y.npy": npy(y),
        "/w.npz": Path("w.npz").read_bytes(),
        "/l.txt": b"a\nb\nc\n",
    }
    x, y, w, labels, none, bad = (
        secret.replace("NAME", name) for name in ("x.npy", "y.npy", "w.npz", "l.txt", "no.npy", "l.txt")
    )
    runs = [
        ("predict", x, "-w", w, "--labels", labels, "-b", "0:4"),
        ("predict", x, "-w", w, "-f", "json", "-b", "0:4"),
        ("predict", x, "-w", w, "-f", "markdown", "-b", "0:4", "--measure", "entropy"),
        ("heads", w),
        ("heads", w, "-f", "json"),
        ("info", x),
        ("info", w),
        ("info", x, "-f", "json"),
        ("check", x, "-w", w),
        ("compare", y, y),
        ("report", x, "-w", w),
        ("plot", x, "-w", w),
        ("predict", none, "-u", 3),
        ("predict", x, "-w", none),
        ("predict", x, "-w", x),
        ("predict", bad, "-u", 3),
        ("predict", x, "-u", 3, "--labels", none),
        ("predict", x, "-u", 4, "--labels", labels),
        ("predict", x, "-u", 3, "--key", "a"),
        ("predict", x, "-u", 3, "-o", x),
        ("layers", none),
        ("heads", x),
        ("predict", "-u", f"{x}", x),
        ("predict", x, "-f", x),
    ]
    for args in runs:
        result = run(*args)
        shown = result.text + result.err
        assert "sesame" not in shown, args
        assert "s3cr3t" not in shown, args
        refused = runs.index(args) >= runs.index(("predict", none, "-u", 3))
        assert (result.code == 2, result.err.count("Error: ")) == (refused, refused), result.err
    assert all("signature=s3cr3t" in path for _, path in web.asked)


def test_a_plan_of_a_file_elsewhere_runs_in_another_process(web: Server, here: Path) -> None:
    web.files["/x.npy"] = npy(X)
    plan = Plan(input=f"{web.address}/x.npy", units=3)
    Path("plan.pickle").write_bytes(pickle.dumps(plan))
    code = (
        "import pickle, numpy as np; plan = pickle.load(open('plan.pickle', 'rb'));"
        "np.save('y.npy', np.concatenate([r.arrays['probabilities'].copy() for r in plan.run()]))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    expected = np.concatenate([r.arrays["probabilities"].copy() for r in Plan(input=X, units=3).run()])
    assert np.array_equal(np.load("y.npy"), expected)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    result = run("predict", "unheard-of://x.npy", "-u", 3)
    assert (result.code, result.err) == (
        2,
        "Error: unheard-of://x.npy: Protocol not known: unheard-of\n",
    )
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    result = run("predict", "gs://bucket/x.npy", "-u", 3)
    assert result.code == 2
    assert result.err.startswith(
        "Error: gs://bucket/x.npy: such addresses need a library that is not installed\n"
    )
    assert "gcsfs" in result.err
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    result = run("predict", "https://127.0.0.1:9/x.npy", "-u", 3)
    assert result.err.endswith("Hint: pip install 'densecli[remote]'\n")
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    result = run("predict", "memory://x.npy", "-u", 3)
    assert result.err.endswith("Hint: pip install 'densecli[remote]'\n")


def test_an_output_elsewhere_is_there_whole_or_not_at_all(here: Path, run: Run) -> None:
    memory = fsspec.filesystem("memory")
    np.save("x.npy", X)
    for format in ("npy", "npz", "csv", "json", "jsonl", "safetensors", "parquet", "md"):
        option = ["-f", "markdown"] if format == "md" else []
        assert run("predict", "x.npy", "-u", 3, "-o", f"y.{format}", *option).code == 0
        result = run("predict", "x.npy", "-u", 3, "-o", f"memory://out/y.{format}", *option)
        assert (result.code, result.out, result.err) == (0, b"", "")
        if format != "npz":  # which has no places to go back to
            assert memory.cat_file(f"/out/y.{format}") == Path(f"y.{format}").read_bytes()
    with np.load(io.BytesIO(memory.cat_file("/out/y.npz"))) as found, np.load("y.npz") as expected:
        assert all(np.array_equal(found[name], expected[name]) for name in expected.files)
    Path("bad.jsonl").write_text("[1, 2]\n" * 5000 + "[1]\n")
    assert run("predict", "bad.jsonl", "-u", 3, "-o", "memory://out/y.csv").code == 2
    assert memory.cat_file("/out/y.csv") == Path("y.csv").read_bytes()
    assert not [name for name in memory.ls("/out", detail=False) if ".densecli" in name]
    assert target.half_written == {}


def test_an_output_to_a_web_server_and_a_folder_elsewhere_are_refused(
    web: Server, here: Path, run: Run
) -> None:
    result = run("predict", "[[1, 2]]", "-u", 3, "-o", f"{web.address}/y.npy")
    assert (result.code, result.err.splitlines()[0]) == (
        2,
        f"Error: {web.address}/y.npy: nothing can be written there",
    )
    pytest.importorskip("numcodecs")
    result = run("predict", "[[1, 2]]", "-u", 3, "-o", "memory://y.zarr")
    assert (result.code, result.err) == (
        2,
        "Error: memory://y.zarr: a folder is written on this machine alone\n",
    )


def test_addresses_are_told_from_paths_and_shown_without_secrets() -> None:
    assert is_address("s3://b/x.npy")
    assert is_address("simplecache::https://h/x")
    assert not is_address("x://y")
    assert not is_address("./s3://b")
    assert without_secrets("s3://key:secret@bucket/x.npy") == "s3://bucket/x.npy"
    assert without_secrets("a https://u@h/p?q=1 b http://v:w@i/#x c") == "a https://h/p b http://i/ c"
    assert address_beside("s3://b/a/i.json", "c/1.npy") == "s3://b/a/c/1.npy"
    for name in ("../x", "/x", "a//b", "http://h/x", "x?y", "x#y", "..", "", "a/../b", "%2e%2e/x", "a\\b"):
        assert address_beside("s3://b/a/i.json", name) is None
