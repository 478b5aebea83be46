"""What is read and computed for the screen, in a thread beside it: the most urgent first, a little at a time.

In: jobs, which give their results step by step. Out: the results, and a call that says that there are some.
A job takes the place of the one of its name, so that nobody waits for what is no longer looked at.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

NAMES = ("look", "list", "act", "scan")  # of jobs, the most urgent first


class Reader:
    """Runs jobs in a thread of its own."""

    def __init__(self, tell: Callable[[], object]) -> None:
        self._tell = tell
        self._jobs: dict[str, Iterator[Any]] = {}
        self._results: deque[tuple[str, Any]] = deque()
        self._changed = threading.Condition()
        self._running: str | None = None
        self._stopped = False
        # A daemon: what it computes when the screen is closed need not be waited for.
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self._thread.start()

    def want(self, name: str, job: Iterator[Any] | None) -> None:
        """Ask for a job in place of the one of this name; None: for none. What it gives is a result each."""
        with self._changed:
            self._jobs.pop(name, None)
            self._results = deque(result for result in self._results if result[0] != name)
            if job is not None:
                self._jobs[name] = job
            self._changed.notify_all()

    def wants(self, name: str) -> bool:
        """Whether a job of this name is under way."""
        return name in self._jobs

    @property
    def busy(self) -> bool:
        """Whether anything is under way, or has results that were not taken."""
        return bool(self._jobs or self._results)

    def wait(self, name: str, seconds: float) -> None:
        """Wait until a job has a result or is done, but not longer than so many seconds."""
        with self._changed:
            self._changed.wait_for(
                lambda: name not in self._jobs or any(name == result[0] for result in self._results), seconds
            )

    def results(self) -> Iterator[tuple[str, Any]]:
        """Give the results so far, each with the name of its job; an error is one."""
        while True:
            with self._changed:
                if not self._results:
                    return
                result = self._results.popleft()
            yield result

    def stop(self) -> None:
        """End the thread when its step is done."""
        with self._changed:
            self._stopped = True
            self._jobs.clear()
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._stopped)
                if self._stopped:
                    return
                name = min(self._jobs, key=NAMES.index)
                job = self._jobs[name]
            try:
                result, ended = next(job), False
            except StopIteration:
                result, ended = None, True
            except Exception as error:
                result, ended = error, True
            with self._changed:
                if self._jobs.get(name) is not job:
                    continue  # another one is wanted by now
                if ended:
                    del self._jobs[name]
                if result is not None:
                    self._results.append((name, result))
                self._changed.notify_all()
            if (result is not None or ended) and not self._stopped:
                self._tell()
