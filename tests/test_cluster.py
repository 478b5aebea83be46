"""--cluster on real workers of Dask: the same bytes as one process, whatever happens to the workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from conftest import Run

from dense_cli.plan import Plan
from dense_cli.sources import spread

pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.posix]

SERVER = Path(__file__).parent / "dask_cluster.py"


@contextmanager
def started(workers: int) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start a cluster, and give its address and its process."""
    process = subprocess.Popen(
        [sys.executable, str(SERVER), str(workers)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.stdin.close()
        try:
            process.wait(20)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with started(2) as (found, _):
        yield found


@pytest.fixture
def files(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with an input, a head, targets, and outputs; parts are small."""
    monkeypatch.setattr(spread, "_READ", 0)
    rng = np.random.default_rng(3)
    np.save("x.npy", rng.normal(size=(400, 6, 8)).astype("f4"))
    np.savez("head.npz", kernel=rng.normal(size=(8, 5)), bias=rng.normal(size=5))
    np.save("targets.npy", rng.integers(0, 5, (400, 6)))
    y = rng.dirichlet(np.ones(5), (400, 6))
    np.save("y.npy", y)
    np.save("z.npy", y[:, :, ::-1])
    return here


HEAD = ("-w", "head.npz", "--memory", "4K")
COMMANDS = {
    **{f"predict to {name}": ("predict", "x.npy", *HEAD, "--targets", "targets.npy", "-f", name)
       for name in ("table", "json", "jsonl", "csv", "npy", "npz", "markdown", "safetensors", "parquet")},
    "predict the likeliest": ("predict", "x.npy", *HEAD, "-k", "2", "-f", "csv"),
    "decode": ("decode", "x.npy", *HEAD, "--ctc", "0", "-f", "jsonl"),
    "check": ("check", "x.npy", *HEAD, "-f", "json"),
    "check outputs": ("check", "y.npy", "--memory", "4K", "-f", "json"),
    "compare": ("compare", "y.npy", "z.npy", "-f", "json"),
    "info": ("info", "x.npy", "-f", "json"),
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_a_cluster_gives_the_bytes_of_one_process(run: Run, files: Path, address: str, name: str) -> None:
    assert run(*COMMANDS[name], "--cluster", address) == run(*COMMANDS[name])


def test_workers_write_a_zarr_store(run: Run, files: Path, address: str) -> None:
    args = ("predict", "x.npy", *HEAD, "-o")
    assert run(*args, "alone.zarr") == run(*args, "there.zarr", "--cluster", address)
    alone, there = (
        {str(path.relative_to(name)): path.read_bytes() for path in Path(name).rglob("*") if path.is_file()}
        for name in ("alone.zarr", "there.zarr")
    )
    assert there == alone


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_of_its_own_give_the_same_bytes_and_end_with_it(
    run: Run, files: Path, workers: int
) -> None:
    before = set(psutil.Process().children(recursive=True))
    alone = densecli("predict", "x.npy", *HEAD, "-k", "2", "-f", "jsonl")
    there = densecli("predict", "x.npy", *HEAD, "-k", "2", "-f", "jsonl", "--cluster", f"local:{workers}")
    assert there == alone
    assert set(psutil.Process().children(recursive=True)) == before


def densecli(*args: str, timeout: float = 120) -> tuple[bytes, str, int]:
    """Run the command line in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "dense_cli", *args], capture_output=True, timeout=timeout, check=False
    )
    return done.stdout, done.stderr.decode(), done.returncode


def test_processes_of_its_own_listen_to_this_machine_alone(here: Path) -> None:
    code = (
        "import psutil\n"
        "from dense_cli.cluster import open_cluster\n"
        "if __name__ == '__main__':\n"
        "    with open_cluster('local:1'):\n"
        "        me = psutil.Process()\n"
        "        for process in (me, *me.children(recursive=True)):\n"
        "            for found in process.net_connections('inet'):\n"
        "                if found.status == 'LISTEN':\n"
        "                    print(found.laddr.ip)\n"
    )
    Path("listen.py").write_text(code)
    done = subprocess.run([sys.executable, "listen.py"], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"127.0.0.1"}


def test_rows_travel_where_workers_do_not_see_the_file(
    run: Run, files: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = run("predict", "x.npy", *HEAD, "-f", "npy")
    held = []
    from dense_cli.sources.arrays import ArraySource

    original = ArraySource.held
    monkeypatch.setattr(ArraySource, "held", lambda *args: held.append(args) or original(*args))
    monkeypatch.setattr("dense_cli.files.stream.stamp_of", lambda status: (0, 0))  # of another file, it seems
    assert run("predict", "x.npy", *HEAD, "-f", "npy", "--cluster", address) == alone
    assert held


def test_a_plan_runs_on_a_client_that_there_is(files: Path, address: str) -> None:
    from distributed import Client

    plan = Plan("x.npy", weights="head.npz", memory=4096, top_k=2)
    alone = list(plan.run())
    with Client(address, set_as_default=False) as client:
        there = list(plan.run(client=client))
    assert len(there) == len(alone) > 10
    for one, other in zip(alone, there, strict=True):
        assert one.top_classes is not None
        assert other.top_classes is not None
        np.testing.assert_array_equal(one.top_classes, other.top_classes)
        np.testing.assert_array_equal(one.top_values, other.top_values)
        np.testing.assert_array_equal(one.places, other.places)


def test_a_plan_on_an_array_sends_its_rows(files: Path, address: str) -> None:
    from distributed import Client

    x = np.load("x.npy")
    alone = np.concatenate([y.arrays["probabilities"] for y in Plan(x, units=3).run()])
    with Client(address, set_as_default=False) as client:
        there = [y.arrays["probabilities"] for y in Plan(x, units=3).run(client=client)]
    np.testing.assert_array_equal(np.concatenate(there), alone)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nowhere", "--cluster nowhere: expected local, local:N, or the address of a Dask scheduler"),
        ("local:0", "--cluster local:0: expected local, local:N"),
        ("tcp://127.0.0.1:1", "--cluster tcp://127.0.0.1:1: no Dask scheduler answers"),
    ],
)
def test_where_no_cluster_is_that_is_one_line(
    run: Run, files: Path, given: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dense_cli.cluster._GONE", "1s")
    done = run("predict", "x.npy", *HEAD, "-o", "out.npy", "--cluster", given)
    assert done.err.startswith(f"Error: {message}")
    assert done.err.count("\n") <= 2
    assert (done.code, done.out, Path("out.npy").exists()) == (2, b"", False)


def test_without_dask_the_extra_is_named(run: Run, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = run("predict", "x.npy", *HEAD, "--cluster", "local")
    assert done.code == 2
    assert done.err.endswith("Hint: pip install 'densecli[dask]'\n")


def test_a_run_of_its_own_imports_no_dask() -> None:
    code = (
        "import sys; from dense_cli.cli.main import cli\n"
        "try: cli(['predict', '[[1.0, 2.0]]', '-u', '2'])\n"
        "except SystemExit: pass\n"
        "sys.exit(any(name.split('.')[0] in ('dask', 'distributed', 'tornado') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def of_workers(process: int) -> list[psutil.Process]:
    """Return the processes that compute: those that are no helpers of Python."""
    found = []
    for child in psutil.Process(process).children(recursive=True):
        with_args = []
        try:
            with_args = child.cmdline()
        except psutil.Error:
            continue
        if any("spawn_main" in arg for arg in with_args):
            found.append(child)
    return found


def test_workers_that_are_killed_lose_nothing_and_double_nothing(files: Path) -> None:
    rng = np.random.default_rng(5)
    np.save("big.npy", rng.normal(size=(200_000, 64)).astype("f4"))
    args = ("predict", "big.npy", "-u", "2000", "-k", "3", "-f", "jsonl")
    alone = densecli(*args)
    killed = 0
    with started(2) as (address, server):
        client = subprocess.Popen(
            [sys.executable, "-m", "dense_cli", *args, "--cluster", address],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        import threading

        out: list[Any] = []
        reader = threading.Thread(target=lambda: out.extend(client.communicate()))
        reader.start()
        while client.poll() is None and killed < 12:
            time.sleep(1)
            workers = of_workers(server.pid)
            if workers:
                workers[killed % len(workers)].send_signal(signal.SIGKILL)
                killed += 1
        reader.join(180)
        assert client.returncode == 0
    assert killed > 1
    assert (out[0], out[1].decode(), 0) == alone


def test_a_scheduler_that_goes_away_ends_the_run_with_one_line(files: Path) -> None:
    np.save("big.npy", np.zeros((400_000, 64), "f4"))
    with started(1) as (address, server):
        client = subprocess.Popen(
            [sys.executable, "-m", "dense_cli", "predict", "big.npy", "-u", "3000", "-k", "1",
             "-o", "out.csv", "--cluster", address],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        wait_for_connection(client.pid, int(address.rpartition(":")[2]))
        workers = of_workers(server.pid)
        server.kill()
        out, err = client.communicate(timeout=90)
        for worker in workers:
            with_gone(worker)
    assert err == f"Error: {address}: the scheduler is gone: the run ends without its output\n"
    assert (client.returncode, out) == (2, "")
    assert sorted(path.name for path in Path().iterdir() if "out" in path.name or path.name[0] == ".") == []


def wait_for_connection(process: int, port: int) -> None:
    """Wait until a process has been connected to a port for a second."""
    while not any(
        found.raddr and found.raddr.port == port and found.status == psutil.CONN_ESTABLISHED
        for found in psutil.Process(process).net_connections("tcp")
    ):
        time.sleep(0.05)
    time.sleep(1)


def with_gone(process: psutil.Process) -> None:
    """End a process that a test has left."""
    try:
        process.kill()
        process.wait(10)
    except psutil.Error:
        pass


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_interrupted_leaves_no_file_and_no_process(
    files: Path, signum: signal.Signals, code: int
) -> None:
    client = subprocess.Popen(
        [sys.executable, "-m", "dense_cli", "predict", "-", "-u", "3", "-o", "out.csv",
         "--cluster", "local:2"],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert client.stdin is not None
    client.stdin.write("1,2\n3,4\n")  # and there is more to come
    client.stdin.flush()
    while len(of_workers(client.pid)) < 2:
        time.sleep(0.2)
    time.sleep(3)
    children = psutil.Process(client.pid).children(recursive=True)
    os.killpg(client.pid, signum)  # as a terminal does for Ctrl-C
    _, err = client.communicate(timeout=60)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
    assert client.returncode == code
    assert err == ("Interrupted.\n" if signum == signal.SIGINT else "")
    assert sorted(path.name for path in Path().iterdir() if "out" in path.name or path.name[0] == ".") == []


def test_a_worker_that_leaves_and_one_that_comes_change_nothing(files: Path) -> None:
    from distributed import Client

    plan = Plan("x.npy", weights="head.npz", memory=4096, top_k=2)
    alone = list(plan.run())
    with started(2) as (address, _), Client(address, set_as_default=False) as client:
        results = plan.run(client=client)
        there = [next(results)]
        first, *_ = client.nthreads()
        client.retire_workers([first])
        there += results
    assert len(there) == len(alone)
    for one, other in zip(alone, there, strict=True):
        np.testing.assert_array_equal(one.top_values, other.top_values)
