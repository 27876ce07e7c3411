"""Serves the reference simulator in a process of its own: `python -m benchmarks.serve FOLDER` prints its Base URI.

Knows nothing but how to start it; it ends when it is told to terminate.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from simulators.archive.archive import Archive
from simulators.serve import run_forever


def main(folder: str) -> None:
    with contextlib.closing(Archive(Path(folder))) as archive:
        run_forever(archive, ready=lambda served: print(served.url, flush=True))


if __name__ == "__main__":
    main(sys.argv[1])
