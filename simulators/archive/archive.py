"""Knows the archive as doors see it: receive, store, search, select.

Must not know HTTP, DIMSE or who asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from simulators.archive.held import Held, Stored
from simulators.archive.incoming import Incoming
from simulators.archive.match import supported
from simulators.archive.question import BadValue, Key, Matches, Question, Row

__all__ = ["Archive", "BadValue", "Held", "Incoming", "Key", "Matches", "Question", "Row", "Stored", "supported"]


class Archive:
    """Instances on disk and their index. Safe to use from many threads; readers never wait for a writer."""

    def __init__(self, folder: Path, database: str | None = None) -> None: ...

    def receive(self) -> Incoming:
        """A new temporary file inside the archive's folder, to be written and handed to `store`."""
        raise NotImplementedError

    def store(self, batch: Sequence[Incoming], study: str | None = None) -> list[Stored]:
        """Store a batch in order and durably: what is returned as stored is whole on disk and in the index."""
        raise NotImplementedError

    def search(self, question: Question) -> Matches:
        """The matches in a fixed order; BadValue for a key that its VR does not allow."""
        raise NotImplementedError

    def select(
        self, study: str, series: str | None = None, instance: str | None = None, *, metadata: bool = True
    ) -> list[Held]:
        """The instances below these UIDs, [] when there are none."""
        raise NotImplementedError

    def study_exists(self, study: str) -> bool:
        """Whether at least one instance of the study is held."""
        raise NotImplementedError

    def close(self) -> None:
        """Release the database; the archive is not usable afterwards."""
