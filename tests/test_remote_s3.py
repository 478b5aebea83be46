"""Objects of an S3 store on this machine: moto's server."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run

moto = pytest.importorskip("moto.server")
boto3 = pytest.importorskip("boto3")
s3fs = pytest.importorskip("s3fs")

X = np.random.default_rng(0).normal(size=(3000, 64)).astype(np.float32)


@pytest.fixture(scope="module")
def store() -> Iterator[Any]:
    """Return a client of a store with a bucket, which S3 clients of this process and its children find."""
    server = moto.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": "tests",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="bucket")
        yield client
        client.close()
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def put(store: Any, name: str, array: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.save(buffer, array)
    store.put_object(Bucket="bucket", Key=name, Body=buffer.getvalue())


def get(store: Any, name: str) -> bytes:
    body = store.get_object(Bucket="bucket", Key=name)["Body"]
    with body:
        return bytes(body.read())


def names(store: Any) -> list[str]:
    return [entry["Key"] for entry in store.list_objects_v2(Bucket="bucket").get("Contents", ())]


def unfinished(store: Any) -> list[str]:
    """Return the uploads of which parts are there, and that are no objects."""
    return [upload["Key"] for upload in store.list_multipart_uploads(Bucket="bucket").get("Uploads", ())]


def test_objects_are_read_and_written(store: Any, here: Path, run: Run) -> None:
    put(store, "in/x.npy", X)
    np.save("x.npy", X)
    expected = run("predict", "x.npy", "-u", 3, "-f", "npy")
    result = run("predict", "s3://bucket/in/x.npy", "-u", 3, "-o", "s3://bucket/out/y.npy")
    assert (result.code, result.out, result.err) == (0, b"", "")
    assert get(store, "out/y.npy") == expected.out
    rows = run("predict", "s3://bucket/in/x.npy", "-u", 3, "-b", "1000:1010", "-f", "npy")
    assert np.array_equal(np.load(io.BytesIO(rows.out)), np.load(io.BytesIO(expected.out))[1000:1010])
    assert run("predict", "s3://bucket/out/y.npy").code == 0


def test_an_output_onto_its_own_input_is_whole(store: Any, run: Run) -> None:
    put(store, "same.npy", X)
    assert run("predict", "s3://bucket/same.npy", "-u", 3, "-o", "s3://bucket/same.npy").code == 0
    assert np.load(io.BytesIO(get(store, "same.npy"))).shape == (3000, 3)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("bucket/none.npy", "No such file or directory"), ("nobody/x.npy", "No such file or directory")],
)
def test_an_object_that_is_not_there_is_told_in_a_line(name: str, reason: str, store: Any, run: Run) -> None:
    result = run("predict", f"s3://{name}", "-u", 3)
    assert (result.code, result.out, result.err) == (2, b"", f"Error: s3://{name}: {reason}\n")


def test_a_bucket_that_is_not_there_takes_no_output(store: Any, here: Path, run: Run) -> None:
    result = run("predict", "[[1, 2]]", "-u", 3, "-o", "s3://nobody/y.npy")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert result.err.startswith("Error: s3://nobody/y.npy: ")


def test_an_object_that_changes_while_it_is_read_is_refused(store: Any) -> None:
    from dense_cli.errors import FileFormatError
    from dense_cli.files.stream import open_file

    put(store, "changes.npy", X)
    file = open_file("s3://bucket/changes.npy")
    assert file.read_at(6, 0) == b"\x93NUMPY"
    put(store, "changes.npy", X + 1)
    with pytest.raises(FileFormatError, match="the file changed while it was read"):
        file.read_at(6, 300_000)


def test_large_outputs_come_in_parts_and_are_there_once_the_last_has_come(
    store: Any, here: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3fs.S3FileSystem, "default_block_size", 5 << 20)
    s3fs.S3FileSystem.clear_instance_cache()
    lines = ["[1, 2]\n"] * 60_000
    Path("x.jsonl").write_text("".join(lines))
    result = run("predict", "x.jsonl", "-u", 100, "-o", "s3://bucket/large.npy")
    assert (result.code, result.err) == (0, "")
    assert get(store, "large.npy") == run("predict", "x.jsonl", "-u", 100, "-f", "npy").out
    assert unfinished(store) == []
    Path("x.jsonl").write_text("".join([*lines, "[1]\n"]))
    assert run("predict", "x.jsonl", "-u", 100, "-o", "s3://bucket/failed.csv").code == 2
    assert "failed.csv" not in names(store)
    assert unfinished(store) == []


@pytest.mark.posix
@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing_of_an_upload(signum: int, store: Any, here: Path) -> None:
    code = (
        "import s3fs; s3fs.S3FileSystem.default_block_size = 5 << 20;"
        "import sys; from dense_cli.__main__ import main;"
        "sys.argv[1:] = ['predict', '-', '-u', '200', '-o', 's3://bucket/stopped.csv']; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
    )
    assert process.stdin is not None
    assert process.stderr is not None
    deadline = time.monotonic() + 60
    while not unfinished(store) and time.monotonic() < deadline:
        process.stdin.write(b"[1, 2]\n" * 1000)
        process.stdin.flush()
    assert unfinished(store) == ["stopped.csv"]
    process.send_signal(signum)
    assert process.wait(60) == 128 + signum
    process.stdin.close()
    process.stderr.close()
    assert "stopped.csv" not in names(store)
    assert unfinished(store) == []
