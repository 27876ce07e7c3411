"""Knows which requirements on renderings no rule verifies, and why."""

from __future__ import annotations

from harness.rule import untested

_VOLUMES = ("8.3.5.3-1", "8.3.5.3-2", "8.3.5.3.1-1", "8.3.5.3.2-1", "8.3.5.3.3-1", "8.3.5.3.4-1", "8.3.5.3.5-1",
            "8.3.5.3.6-1", "8.3.5.3.7-1", "8.3.5.3.8-1", "8.3.5.3.9-1", "8.3.5.3.10-1", "8.3.5.3.11-1",
            "8.3.5.3.12-1", "8.3.5.3.13-1", "8.3.5.3.13-2", "K.1-1")  # fmt: skip

for _row in _VOLUMES:
    untested(f"PS3.18-{_row}", why="rendered volumes are optional, and no reference renders them that rules stand on")
for _row in ("8.3.5.1.6-2", "8.3.5.1.6-3", "8.3.5.1.6-4", "8.3.5.1.6-6"):
    untested(f"PS3.18-{_row}", why="of presentation states only grayscale ones over one image are made here")
untested("PS3.18-8.3.5.1.5-4", why="which profile an image without a parameter gets is left to the server")
untested("PS3.18-8.7.4-5", why="image/jph is optional, and no encoder of it is at hand that a mutant could change")
