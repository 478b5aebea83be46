"""Blocks computed by the workers of a Dask cluster, on this machine or on many.

In: a `Job` and the parts of its source. Out: results in order, the same at every number of workers. No more
parts are under way than keep the workers busy. A part that was lost with its worker is computed again, and so
is what went to all workers sent again. This is the only module that knows Dask.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any, TypeVar

from dense_cli import __version__
from dense_cli.errors import ConfigError, DenseCliError, MissingExtraError
from dense_cli.portable import processors
from dense_cli.sources.open import no_note
from dense_cli.sources.source import Cut
from dense_cli.sources.spread import Done, Job, Rows, Start, parts, size_of

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")

_LOST = 20  # workers that may be lost with one and the same part before it is to blame
_AHEAD = 2  # parts under way for each thread of a worker: one that runs, and one that waits for it
_GATHERED = 64 << 20  # bytes of results that are asked for at once
_LOOK = 16  # parts after which workers are counted again
_PATIENCE = 5.0  # seconds without a worker before that is said
_GONE = "10s"  # how long a scheduler may be silent before it is given up
_CONFIG = {
    "distributed.comm.timeouts.connect": _GONE,
    "distributed.comm.retry.count": 0,
    "distributed.scheduler.allowed-failures": _LOST,
    "distributed.worker.memory.terminate": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.target": False,
}


@contextmanager
def open_cluster(address: str, note: Callable[[str], None] = no_note) -> Iterator[Cluster]:
    """Join a cluster, or start one on this machine, for as long as the block takes.

    Args:
        address: of a Dask scheduler, such as ``tcp://10.0.0.1:8786``; or ``local``, ``local:4``: so many
            processes on this machine, by default one for each processor.
        note: is told where the dashboard is, and when there is no worker.

    Raises:
        MissingExtraError: Dask is not installed.
        ConfigError: it is no address.
        DenseCliError: nobody answers there, or its workers have no densecli of this version.
    """
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise MissingExtraError("--cluster", "dask") from error
    workers = _local(address)
    _silence()
    with dask.config.set(_CONFIG):
        local = None if workers is None else _start(workers)
        try:
            with _naming(address):
                client = Client(address if local is None else local, timeout=_GONE, set_as_default=False)
            try:
                cluster = Cluster(client, address, note)
                cluster.greet()
                yield cluster
            finally:
                with suppress(Exception):
                    client.close(timeout=2)
        finally:
            if local is not None:
                with suppress(Exception):
                    local.close(timeout=5)


def _silence() -> None:
    """Let the loggers of Dask say nothing: what goes wrong is said in our own words."""
    for name in logging.root.manager.loggerDict:
        if name.partition(".")[0] in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _local(address: str) -> int | None:
    """Return how many processes are to be started; None for the address of a scheduler."""
    found = re.fullmatch(r"local(?::([1-9][0-9]{0,3}))?", address)
    if found is not None:
        return int(found[1] or processors())
    joins = "://" in address or re.fullmatch(r"[^:/]+:[0-9]{1,5}", address)
    if not joins or address.startswith("local:"):
        raise ConfigError(
            f"--cluster {address}: expected local, local:N, or the address of a Dask scheduler, host:port"
        )
    return None


def _start(workers: int) -> Any:
    """Start a scheduler and workers, which listen to this machine alone."""
    from multiprocessing import resource_tracker

    from distributed import LocalCluster

    # A signal ends this process at once. What it then leaves is tidied up by one that need not say so.
    sys.warnoptions.append("ignore")
    resource_tracker.ensure_running()
    sys.warnoptions.remove("ignore")
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
        memory_limit=None,
        silence_logs=logging.CRITICAL,
    )


@contextmanager
def _naming(address: str) -> Iterator[None]:
    """Turn what goes wrong with a scheduler into one line."""
    try:
        yield
    except DenseCliError:
        raise
    except (OSError, ValueError, ImportError) as error:
        raise DenseCliError(
            f"--cluster {address}: no Dask scheduler answers: {error}",
            hint="dask scheduler prints its address; local[:N] starts processes on this machine",
        ) from error


class Cluster:
    """The workers of a Dask client: a `Spread`.

    Args:
        client: a client of ``distributed``.
        address: what messages call it.
        note: is told what there is to say beside the data.
    """

    def __init__(
        self, client: Client, address: str = "the cluster", note: Callable[[str], None] = no_note
    ) -> None:
        self._client = client
        self._address = address
        self._note = note
        self._threads = 1

    def greet(self) -> None:
        """Wait for a worker, hold its densecli against this one, and tell where the dashboard is.

        Raises:
            DenseCliError: it has none, or another version.
        """
        from importlib.util import find_spec

        if find_spec("bokeh") and "dashboard" in self._client.scheduler_info().get("services", {}):
            self._note(f"dashboard: {self._client.dashboard_link}")
        future = self._client.submit(_version, pure=False)
        try:
            version = self._patient(future)
        except ModuleNotFoundError as error:
            version = f"none ({error})"
        if version != __version__:
            raise DenseCliError(
                f"{self._address}: expected densecli {__version__} where the workers run, found {version}"
            )

    def _patient(self, future: Any) -> Any:
        """Return a first result, and say that there is no worker where it does not come."""
        try:
            return self._result(future, timeout=_PATIENCE)
        except TimeoutError:
            self._note(f"{self._address} has no worker yet: waiting for one")
        return self._result(future)

    def __call__(self, start: Start[T], source: Rows, rows: int, sent: int, unit: int = 1) -> Iterator[T]:
        """Give what ``start()`` gives of every block of ``source``, in order; see `sources.spread`.

        Raises:
            DenseCliError: the scheduler is gone, or workers are lost with one part again and again.
        """
        job = Job(start, source, rows)
        run = _Tasks(self, job, partial(_held, job, source), sent)
        try:
            for part, done in run.done(parts(source, rows, sent, unit)):
                yield from done.values
                if done.error is not None:
                    raise job.error_here(source, part) or done.error
        finally:
            run.cancel()

    def _result(self, future: Any, timeout: float | None = None) -> Any:
        """Return the result of a task.

        Raises:
            DenseCliError: the scheduler is gone.
            CancelledError: what the task needs is lost.
        """
        try:
            return future.result(timeout=timeout)
        except CancelledError:
            if self._client.status == "running":
                raise
        except OSError as error:
            if isinstance(error, TimeoutError) and timeout is not None:
                raise
            raise self._is_gone() from error
        raise self._is_gone()

    def _is_gone(self) -> DenseCliError:
        return DenseCliError(f"{self._address}: the scheduler is gone: the run ends without its output")

    def _is_lost(self, when: str) -> DenseCliError:
        return DenseCliError(
            f"{self._address}: {_LOST} times workers were lost when {when}",
            hint="have they enough memory? --memory says what blocks may take",
        )


class _Tasks:
    """The parts of one run that are under way."""

    def __init__(
        self, cluster: Cluster, job: Callable[[Any], Done], held: Callable[[Any, bool], Any], sent: int
    ) -> None:
        self._cluster = cluster
        self._client = cluster._client
        self._job = job
        self._held = held  # gives what is sent of a part, where it is unread, or others were
        self._unread = False
        self._sent: Any | None = None
        self._under_way: deque[tuple[Any, Any]] = deque()
        self._count = 0
        self._most = 1
        self._at_once = max(_GATHERED // max(size_of(sent), 1 << 16), 1)

    def done(self, all_parts: Iterable[T]) -> Iterator[tuple[T, Done]]:
        """Give what was made of all parts, in order."""
        for part in all_parts:
            self._under_way.append((part, self._submit(part)))
            while self._under_way and (len(self._under_way) >= self._room() or _pauses(part)):
                yield from self._next()
        while self._under_way:
            yield from self._next()

    def cancel(self) -> None:
        """Let go of what is under way."""
        futures = [future for _, future in self._under_way]
        self._under_way.clear()
        if futures:
            with suppress(Exception):  # the scheduler may be gone
                self._client.cancel(futures, force=True)

    def _room(self) -> int:
        """Return how many parts may be under way."""
        if self._count % _LOOK == 0:
            with suppress(Exception):
                self._most = max(_AHEAD * sum(self._client.nthreads().values()), 1)
        self._count += 1
        return self._most

    def _submit(self, part: Any) -> Any:
        if self._sent is None or self._sent.status in ("cancelled", "lost", "error"):
            self._sent = self._scattered()
        return self._client.submit(_compute, self._sent, self._held(part, self._unread), pure=False)

    def _scattered(self) -> Any:
        """Send what all parts need to every worker; where there is none, wait for one.

        Raises:
            DenseCliError: the scheduler is gone, or workers are lost meanwhile again and again.
        """
        lost = 0
        while lost < _LOST:
            try:
                return self._client.scatter(self._job, broadcast=True, hash=False)
            except Exception as error:  # of any kind: it is the scheduler's, or a worker's
                if self._client.status != "running":
                    raise self._cluster._is_gone() from error
                lost += not isinstance(error, TimeoutError)
        raise self._cluster._is_lost("the weights were sent to them")

    def _next(self) -> Iterator[tuple[Any, Done]]:
        """Give what was made of the part that came first, and of those after it that are done as well."""
        for found in self._gathered() or (None,):
            part, future = self._under_way.popleft()
            yield part, self._done(part, future) if found is None or found.unread else found

    def _gathered(self) -> list[Done]:
        """Return what came of the first parts, if several are done: with one question, not one for each."""
        first = islice(self._under_way, self._at_once)
        done = [future for _, future in takewhile(lambda pair: pair[1].status == "finished", first)]
        if len(done) > 1:
            with suppress(Exception):  # some are lost: each by itself tells which
                return list(self._client.gather(done))
        return []

    def _done(self, part: Any, future: Any) -> Done:
        """Wait for a part, which is computed again where it was lost, or where a worker could not read it."""
        from distributed.scheduler import KilledWorker

        for _ in range(_LOST):
            try:
                done: Done = self._cluster._result(future)
            except (CancelledError, KilledWorker):
                time.sleep(0.1)  # until what else is lost shows, too
                future = self._submit(part)
                continue
            if not done.unread:
                return done
            self._unread = True
            future = self._submit(part)
        raise self._cluster._is_lost("they had the same rows")


def _held(job: Job, source: Any, part: Any, unread: bool) -> Any:
    """Return what is sent of a part: where it begins and ends, or its rows, read."""
    travels = isinstance(part, Cut) and (unread or job.packed is None)
    return source.held(part, job.rows) if travels else part


def _pauses(part: Any) -> bool:
    return bool(getattr(part, "pause", False))


def _compute(job: Job, part: Any) -> Done:
    """Compute a part: what runs on a worker."""
    return job(part)


def _version() -> str:
    """Return the version of densecli that a worker has."""
    return __version__
