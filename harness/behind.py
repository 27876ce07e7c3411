"""Knows one thread that does jobs in the order in which they are handed in, while who hands them in goes on.

Must not know what the jobs are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

WAITING = 16  # jobs that may wait, unless told otherwise; who hands in one more waits too
HELD = 32 << 20  # octets that the waiting jobs may hold in memory


class Behind:
    """Jobs in order, in one thread. After one has failed the others are not done any more, and everybody is told."""

    def __init__(self, name: str, waiting: int = WAITING) -> None:
        self._pool = ThreadPoolExecutor(1, name)
        self._most = waiting
        self._room = threading.Condition()
        self._waiting = self._held = 0
        self._failure: BaseException | None = None

    def do(self, job: Callable[[], Result], octets: int = 0) -> Future[Result]:
        """Hand in a job that holds so many octets in memory; raises what an earlier one raised."""
        self._tell()
        with self._room:
            # a job that is too large for any room comes in when nobody else is there
            self._room.wait_for(lambda: self._waiting < self._most and (self._held + octets <= HELD or not self._held))
            self._waiting += 1
            self._held += octets
        return self._pool.submit(self._done, job, octets)

    def settle(self) -> None:
        """Wait until everything handed in is done; raises what any of it raised."""
        self._pool.submit(lambda: None).result()
        self._tell()

    def close(self) -> None:
        """No job will come any more: let the thread go."""
        self._pool.shutdown(wait=False)

    def _done(self, job: Callable[[], Result], octets: int) -> Result:
        try:
            self._tell()
            return job()
        except BaseException as error:
            self._failure = self._failure or error
            raise
        finally:
            with self._room:
                self._waiting -= 1
                self._held -= octets
                self._room.notify_all()

    def _tell(self) -> None:
        if self._failure is not None:
            raise self._failure
