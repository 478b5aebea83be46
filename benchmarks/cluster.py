"""What --cluster costs: pieces beside plain processes, memory of the client, tasks that only sleep.

python benchmarks/cluster.py pieces       200 pieces of 5,000 × 64 to 1,000 classes, the likeliest 5
python benchmarks/cluster.py memory       the client's memory with 200 and with 20,000 tiny pieces
python benchmarks/cluster.py tasks        the cost of a start, of a task, and of a byte that comes back
python benchmarks/cluster.py sleep N S    N threads of workers, whose tasks only sleep S seconds

Times of processes are CPU times, with those of their children; wall times depend on what else runs.
"""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dense_cli.cluster import Cluster, open_cluster
from dense_cli.sources.source import Cut, Held

PIECES, ROWS, FEATURES, CLASSES = 200, 5_000, 64, 1_000


def densecli(*args: object) -> tuple[float, float, int]:
    """Run the command line; return its CPU time, its wall time, and the memory of the client in KiB."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "dense_cli", *map(str, args)])
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, args
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - began, usage.ru_maxrss


def make(folder: Path, pieces: int, rows: int, features: int) -> np.ndarray:
    folder.mkdir()
    whole = np.random.default_rng(0).normal(size=(pieces * rows, features)).astype("f4")
    for i, part in enumerate(np.split(whole, pieces)):
        np.save(folder / f"{i}.npy", part)
    return whole


def pieces() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = make(folder / "x", PIECES, ROWS, FEATURES)
        np.save(folder / "one.npy", whole)
        for half in (0, 1):
            (folder / f"half{half}").mkdir()
            for i in range(PIECES // 2):
                number = half * PIECES // 2 + i
                (folder / f"half{half}/{number}.npy").symlink_to(folder / f"x/{number}.npy")
        ask = ("-u", CLASSES, "-k", 5, "--threads", 1, "-f", "npz")
        ways = {
            "one file, one process": ("one.npy", ()),
            "200 pieces, one process": ("x", ()),
            "200 pieces, local:1": ("x", ("--cluster", "local:1")),
            "200 pieces, local:2": ("x", ("--cluster", "local:2")),
        }
        sums = set()
        for way, (source, more) in ways.items():
            cpu, wall, _ = densecli("predict", folder / source, *ask, "-o", folder / "y.npz", *more)
            arrays = np.load(folder / "y.npz")
            sums.add(hashlib.sha256(b"".join(arrays[key].tobytes() for key in arrays)).hexdigest())
            print(f"{way:32} {cpu:6.2f} s CPU {wall:6.2f} s wall", flush=True)
        began = time.perf_counter()
        halves = [
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "dense_cli", "predict", folder / f"half{half}"),
                    *map(str, ask),
                    *("-o", folder / f"h{half}.npz"),
                ]
            )
            for half in (0, 1)
        ]
        cpu = sum(usage.ru_utime + usage.ru_stime for usage in (os.wait4(p.pid, 0)[2] for p in halves))
        wall, way = time.perf_counter() - began, "two plain processes, a half each"
        print(f"{way:32} {cpu:6.2f} s CPU {wall:6.2f} s wall")
        print("the same arrays" if len(sums) == 1 else f"DIFFERENT ARRAYS: {sums}")


def memory() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for count in (200, 20_000):
            make(folder / str(count), count, 10, 4)
            for more in ((), ("--cluster", "local:2")):
                _, wall, peak = densecli(
                    "predict", folder / str(count), "-u", 3, "-f", "npy", "-o", folder / "y.npy", *more
                )
                how = " ".join(more) or "no cluster"
                print(f"{count:6} pieces {how:18} {peak / 1024:6.1f} MiB {wall:6.2f} s")


class Parts:
    """A source of parts without rows: what a block gives is up to the function."""

    shape, dtype, name, pieces = (1, 1), np.dtype("f4"), "x", None

    def __init__(self, count: int) -> None:
        self.count = count

    def parts(self, rows: int, most: int) -> Iterator[Cut]:
        return (Cut(i, i + 1) for i in range(self.count))

    def between(self, cut: Cut) -> Held:
        return Held([cut.start])

    def blocks(self, rows: int) -> Iterator[Any]:
        raise NotImplementedError


def _zeros(size: int, block: Any) -> np.ndarray:
    return np.zeros(size, np.uint8)


def _sleep(seconds: float, block: Any) -> None:
    time.sleep(seconds)


def run(cluster: Cluster, function: Any, count: int) -> float:
    began = time.perf_counter()
    for _ in cluster(functools.partial(functools.partial, function), Parts(count), 1, 0):
        pass
    return time.perf_counter() - began


def tasks() -> None:
    began = time.perf_counter()
    with open_cluster("local:2") as cluster:
        print(f"start of two processes: {time.perf_counter() - began:.2f} s")
        run(cluster, functools.partial(_zeros, 1), 100)
        for count in (500, 2000):
            wall = run(cluster, functools.partial(_zeros, 1), count)
            print(f"{count} tasks of nothing: {1e3 * wall / count:.2f} ms each")
        for mib in (1, 4, 16):
            size = mib << 20
            wall = run(cluster, functools.partial(_zeros, size), 60)
            print(f"60 results of {mib} MiB: {60 * size / wall / 1e6:.0f} MB/s through the scheduler")


def sleep(threads: int, seconds: float) -> None:
    """Two processes whose threads sleep stand for as many workers: what a scheduler has to do is the same."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=threads // 2,
            host="127.0.0.1",
            dashboard_address=None,
            memory_limit=None,
        ) as local,
        Client(local) as client,
    ):
        count = threads * 10
        function = functools.partial(_sleep, seconds)
        run(Cluster(client), function, threads)
        wall = run(Cluster(client), function, count)
        print(f"{threads} threads, {count} tasks of {seconds} s: {count / wall:.0f} tasks a second ", end="")
        print(f"of {threads / seconds:.0f} at most: {count * seconds / wall / threads:.0%} busy")


if __name__ == "__main__":
    ways = {"pieces": pieces, "memory": memory, "tasks": tasks}
    if sys.argv[1] == "sleep":
        sleep(int(sys.argv[2]), float(sys.argv[3]))
    else:
        ways[sys.argv[1]]()
