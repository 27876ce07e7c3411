"""Knows PS3.10 files and PS3.5 data sets on octets: strict, every flaw with its offset and tag path.

Must not know IODs or services; pixel data is located, not decoded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.body import Body
from harness.wire.flaw import Flaws


@dataclass(frozen=True)
class Element:
    """One data element. `tag` is eight upper-case hex digits. Exactly one of `value` (in place), `items`
    (a sequence) and `fragments` (encapsulated pixel data, the first one is the Basic Offset Table) is set."""

    tag: str
    vr: str
    at: int
    value: Body | None = None
    items: Sequence[DataSet] | None = None
    fragments: Sequence[Body] | None = None


@dataclass(frozen=True)
class DataSet:
    """Elements by tag in the order they were met."""

    elements: Mapping[str, Element] = field(default_factory=dict)

    def get(self, tag: str) -> Element | None:
        return self.elements.get(tag)

    def text(self, tag: str, default: str = "") -> str:
        """The value decoded as ASCII/latin-1 and stripped of padding; for UI, CS and the like."""
        raise NotImplementedError


@dataclass(frozen=True)
class Reading:
    """A PS3.10 file. `transfer_syntax` is the UID of (0002,0010), '' when unreadable."""

    preamble: bool = False
    meta: DataSet = field(default_factory=DataSet)
    dataset: DataSet = field(default_factory=DataSet)
    transfer_syntax: str = ""
    flaws: Flaws = field(default_factory=Flaws)


def read(body: Body) -> Reading:
    """Read a whole PS3.10 file in bounded depth and memory; long values stay where they are."""
    raise NotImplementedError
