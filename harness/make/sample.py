"""Knows one instance that we made: its identity, its octets, and its attributes for look-ups.

Must not know how it was made or where it goes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydicom.dataset import Dataset

from harness.make.attributes import attributes, texts, values
from harness.make.write import without_pixels


@dataclass(frozen=True)
class Sample:
    """A synthetic instance. `frames` is 0 without pixel data; `dataset` is what an independent reader made of
    `part10`, pixel data left out."""

    study: str
    series: str
    instance: str
    sop_class: str
    transfer_syntax: str
    frames: int
    part10: bytes = field(repr=False)

    @cached_property
    def dataset(self) -> Dataset:
        return without_pixels(self.part10)

    @cached_property
    def attrs(self) -> dict[str, dict[str, Any]]:
        """The attributes in DICOM JSON form, by eight-digit tag."""
        return attributes(self.dataset)

    def attribute(self, path: str) -> str:
        """The first value by tag or dotted path of tags as a search would spell it, '' when absent or empty."""
        found = texts(self.attrs, path)
        return found[0] if found else ""

    def values(self, path: str) -> list[Any]:
        """All values by tag or dotted path of tags in DICOM JSON form, None for an empty one between others."""
        return values(self.attrs, path)

    @property
    def path(self) -> str:
        """The instance resource below a Base URI (PS3.18 10.4.1.1)."""
        return f"/studies/{self.study}/series/{self.series}/instances/{self.instance}"
