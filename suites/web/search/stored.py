"""Knows what we stored behind a row of a search answer, as DICOM JSON attributes.

Must not know what a row has to carry; data that cannot be read, or that the server said it changed, is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from harness.exchange import Exchange, view
from harness.make.attributes import attributes
from harness.make.write import without_pixels
from harness.past import Kept
from harness.wire.dicom_json import DataSet
from suites.web.search.rows import level, own, rows, study_of

Attributes = Mapping[str, Mapping[str, Any]]

LARGEST = 4 << 20  # octets of an instance that is worth reading for a row


def kept_of(x: Exchange, row: DataSet) -> list[Kept]:
    """The acknowledged instances that a row stands for; [] when we stored none of them."""
    past = x.context.past if x.context else None
    if past is None:
        return []
    if level(x) == "instance":
        kept = past.get(own(x, row))
        return [kept] if kept and kept.study == (study_of(x, row) or kept.study) else []
    if level(x) == "series":
        study, series = study_of(x, row), own(x, row)
        return list(past.below(study, series)) if study and series else []
    return list(past.below(own(x, row))) if own(x, row) else []


def stored(x: Exchange, row: DataSet) -> list[Attributes]:
    """Their attributes; [] when one of them cannot be read, because then nothing is sure."""
    read = [attrs(kept) for kept in kept_of(x, row)]
    return read if all(read) else []


@lru_cache(maxsize=1024)
def attrs(kept: Kept) -> Attributes:
    """The attributes of what was sent, without pixel data; {} when unreadable, or when the server changed them."""
    if kept.changed or kept.sent.size > LARGEST:
        return {}
    try:
        return attributes(without_pixels(kept.sent.bytes()))
    except Exception:  # probes store broken data too, and a library may raise anything on it
        return {}


@view
def rows_with_stored(x: Exchange) -> list[tuple[int, DataSet, list[Attributes]]]:
    """Each match that we know from storing, with its place and what we stored."""
    known = ((number, row, stored(x, row)) for number, row in enumerate(rows(x) or (), 1))
    return [(number, row, held) for number, row, held in known if held]
