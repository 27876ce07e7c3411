"""Serves the reference simulator in a process of its own: `python -m benchmarks.serve FOLDER [MILLISECONDS]`.

It prints its Base URI and ends when it is told to terminate. With MILLISECONDS every request waits so long before it is
looked at, as if it came over a network. Knows nothing but how to start it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from simulators.archive.archive import Archive
from simulators.serve import door, running


def late(app: ASGIApp, seconds: float) -> ASGIApp:
    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(seconds)
        await app(scope, receive, send)

    return waits


def main(folder: str, milliseconds: str = "0") -> None:
    with contextlib.closing(Archive(Path(folder))) as archive:
        app = door(archive, "/dicomweb")
        delay = float(milliseconds) / 1000
        with running(late(app, delay) if delay else app) as (host, port):
            print(f"http://{host}:{port}/dicomweb", flush=True)
            sys.stdin.read()  # until whoever started it goes or closes this end


if __name__ == "__main__":
    main(*sys.argv[1:])
