"""Knows what the handlers of the door share: the archive, the edition, limits, and how to ask the archive.

Must not know any one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass

from anyio.to_thread import run_sync

from harness.context import DEFAULT_EDITION, EDITIONS
from simulators.archive.archive import Archive
from simulators.archive.held import Held
from simulators.web.call import Call
from simulators.web.report import Problem

# Where services with an address of their own answer, below the Service Root Path.
URI_SERVICE, WADO_WS = "/wado", "/wado-ws"


@dataclass(frozen=True)
class Service:
    """One origin server. `results` is the most matches in one search answer, `payload` the most octets in a request.

    `edition` is the edition of PS3.18 whose reading is followed where editions differ.
    """

    archive: Archive
    root: str = "/dicomweb"
    edition: str = DEFAULT_EDITION
    results: int | None = None
    payload: int | None = None

    def since(self, edition: str) -> bool:
        """The edition followed is this one or a later one."""
        return EDITIONS.index(self.edition) >= EDITIONS.index(edition)

    async def select(self, call: Call, *, metadata: bool = False) -> list[Held]:
        """The instances that the path names; Problem 404 when there are none."""
        study, series, instance = call.uid("study"), call.uid("series"), call.uid("instance")

        def ask() -> list[Held]:
            return self.archive.select(study, series or None, instance or None, metadata=metadata)

        found = await run_sync(ask)
        if not found:
            raise Problem(404, "No such study, series or instance is held here.", temporary=True)
        return found


def url(base: str, held: Held) -> str:
    """The URL of an instance."""
    return f"{base}/studies/{held.study}/series/{held.series}/instances/{held.instance}"
