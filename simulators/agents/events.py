"""Knows how an agent listens: a notification connection in a thread of its own, opened again whenever it is lost.

Must not know what an agent makes of an event.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

AFFECTED, TYPE = "00001000", "00001002"
STATE_REPORT, CANCEL_REQUESTED, PROGRESS, STATUS, ASSIGNED = 1, 2, 3, 4, 5
PATIENCE: Final = 5.0  # seconds for a handshake
AGAIN: Final = 0.2  # seconds before a lost connection is opened again
LARGEST: Final = 4 << 20  # octets of an event that are taken

Told = Callable[[Mapping[str, Any]], None]


class Listening:
    """A notification connection at a ws: or wss: URL. `told` gets each event, in a thread of its own; what is no data
    set is left alone. `opened` counts the connections, so that one that was lost shows."""

    def __init__(self, url: str, told: Told, name: str) -> None:
        self._url, self._told, self._name = url, told, name
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._connection: ClientConnection | None = None
        self.standing = threading.Event()
        self.opened = 0
        self._thread = threading.Thread(target=self._listen, name=f"listening {name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hang up and listen no more."""
        self._stop.set()
        with self._lock:
            connection = self._connection
        if connection is not None:
            connection.close()
        self._thread.join(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                self._once()
            except (OSError, WebSocketException, ValueError):
                pass  # whatever the other end did: the next connection may be better
            finally:
                self.standing.clear()
            self._stop.wait(AGAIN)

    def _once(self) -> None:
        with connect(
            self._url,
            open_timeout=PATIENCE,
            close_timeout=1.0,
            max_size=LARGEST,
            user_agent_header=self._name,
            origin=Origin(f"http{'s' * self._url.startswith('wss')}://{urlsplit(self._url).netloc}"),
            proxy=None,
        ) as connection:
            with self._lock:
                self._connection = connection
            self.opened += 1
            self.standing.set()
            if self._stop.is_set():
                return
            for message in connection:
                self._take(message)

    def _take(self, message: str | bytes) -> None:
        try:
            found = json.loads(message)
        except (ValueError, RecursionError):
            return
        # one data set, be it in an array or not
        for dataset in found if isinstance(found, list) else [found]:
            if isinstance(dataset, dict):
                self._told(dataset)
