"""Matching (being written)."""

from __future__ import annotations

from simulators.archive.question import TagPath


def supported(path: TagPath, levels: tuple[str, ...]) -> bool:
    """Whether a key or includefield of this path means something at these levels."""
    raise NotImplementedError
