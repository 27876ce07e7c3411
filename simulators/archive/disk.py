"""Knows how names in a folder are forced to the disk, and how processes share a folder.

Must not know what the files are.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def sync(folder: Path) -> None:
    """Force the names in a folder to the disk; a system whose folders cannot be opened keeps them safe itself."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Share:
    """A folder that several processes may use; who comes while no other is there is told so.

    Where the system has no such lock everybody is taken for the first: use one process there.
    """

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self.first = self._alone()

    def _alone(self) -> bool:
        if sys.platform == "win32":
            return True
        import fcntl  # not on every system

        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(self._handle, fcntl.LOCK_SH)
            return False
        return True

    def settle(self) -> None:
        """What the first one had to do is done; others may come."""
        if sys.platform != "win32" and self.first:
            import fcntl  # not on every system

            fcntl.flock(self._handle, fcntl.LOCK_SH)

    def close(self) -> None:
        """Leave; may be called again."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
