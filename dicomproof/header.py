"""Knows the first line of every record: what was run, when, against what, and how it was to be judged.

Must not know how a run is carried out.
"""

from __future__ import annotations

import datetime
from typing import Any

from dicomproof import __version__
from harness.context import POLICIES, Context


def now() -> datetime.datetime:
    """When a run begins, as records say it: UTC, whole seconds."""
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def header(mode: str, context: Context, target: dict[str, Any], digest: str, only: str, command: str,
           started: datetime.datetime | None = None, **asked: Any) -> dict[str, Any]:  # fmt: skip
    """The line. `digest` is the catalogue's, `command` how it is run again.

    `asked` is what only a run has that asks: waivers, seed, nonce, examples, and whether it was read only.
    """
    return {
        "tool": {"name": "dicomproof", "version": __version__},
        "mode": mode,
        "started": (started or now()).isoformat(),
        "edition": context.edition,
        "policies": {name: context.policy(name) for name in POLICIES},
        "target": target,
        "waivers": [],
        "seed": 0,
        "nonce": "",
        "examples": 0,
        "only": only,
        "read_only": True,
        "command": command,
        "catalogue": digest,
    } | asked
