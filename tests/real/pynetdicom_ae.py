"""Starts pynetdicom's qrscp, an application entity of verification, storage and query/retrieve, and stops it.

Must not know what is expected of it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from harness.entity import Entity
from tests.real.dcmtk import HERE, started

TITLE: Final = "QRSCP"


def missing() -> str:
    """Why it cannot be started here, '' when it can."""
    absent = [name for name in ("pynetdicom", "sqlalchemy") if importlib.util.find_spec(name) is None]
    return f"{' and '.join(absent)} is not installed" if absent else ""


@contextlib.contextmanager
def qrscp(folder: Path, destination: Entity) -> Iterator[Entity]:
    """A running qrscp with an empty archive, that knows this destination of C-MOVE."""

    def command(here: Path, port: int) -> Sequence[str]:
        (here / "instances").mkdir()
        lines = [
            "[DEFAULT]",
            f"ae_title: {TITLE}",
            f"port: {port}",
            f"bind_address: {HERE}",
            "max_pdu: 16382",
            # it serves ten associations at once, and keeps what it could not read until these timers end it
            "acse_timeout: 3",
            "dimse_timeout: 30",
            "network_timeout: 5",
            f"instance_location: {here / 'instances'}",
            f"database_location: {here / 'instances.sqlite'}",
            f"[{destination.title}]",
            f"address: {destination.host}",
            f"port: {destination.port}",
        ]
        (here / "qrscp.ini").write_text("\n".join(lines) + "\n")
        return [sys.executable, "-m", "pynetdicom", "qrscp", "-c", str(here / "qrscp.ini")]

    with started(folder, TITLE, command) as entity:
        yield entity
