"""A Dask scheduler and workers in a process of their own: it prints their address and ends with its input."""

from __future__ import annotations

import logging
import sys

from distributed import LocalCluster


def main() -> None:
    workers = int(sys.argv[1])
    with LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
        memory_limit=None,
        silence_logs=logging.CRITICAL,
    ) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
