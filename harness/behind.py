"""Knows one thread that does jobs in the order in which they are handed in, while who hands them in goes on.

Must not know what the jobs are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

WAITING = 16  # jobs that may wait; who hands in one more waits too


class Behind:
    """Jobs in order, in one thread. After one has failed the others are not done any more, and everybody is told."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, name)
        self._room = threading.BoundedSemaphore(WAITING)
        self._failure: BaseException | None = None

    def do(self, job: Callable[[], Result]) -> Future[Result]:
        """Hand in a job; raises what an earlier one raised."""
        self._tell()
        self._room.acquire()
        return self._pool.submit(self._done, job)

    def settle(self) -> None:
        """Wait until everything handed in is done; raises what any of it raised."""
        self._pool.submit(lambda: None).result()
        self._tell()

    def _done(self, job: Callable[[], Result]) -> Result:
        try:
            self._tell()
            return job()
        except BaseException as error:
            self._failure = self._failure or error
            raise
        finally:
            self._room.release()

    def _tell(self) -> None:
        if self._failure is not None:
            raise self._failure
