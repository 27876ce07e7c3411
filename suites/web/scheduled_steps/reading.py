"""Knows how a search of scheduled steps is read: its rows in any of the four forms, and what names a row.

Must not know what should have been found. Keys and return types are those of Table K.6-1 of PS3.4.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.exchange import Exchange, view
from harness.wire.dicom_json import DataSet
from suites.dimse.worklist.asked import NAMING, REQUIRED, TYPES
from suites.web.datasets import datasets
from suites.web.presence import ASKING
from suites.web.search import asked, fits
from suites.web.search.fits import Fit
from suites.web.search.rows import texts

SEARCH, RELATIONS = "web.scheduled-steps.search", "web.scheduled-steps.relations"
SINCE = "2025e"

__all__ = ["NAMING", "RELATIONS", "REQUIRED", "SEARCH", "SINCE", "TYPES", "found", "name", "rows"]


@view
def rows(x: Exchange) -> Sequence[DataSet] | None:
    """The steps of a successful answer in order; None when it failed or cannot be read."""
    if not x.answer.ok or x.ask.method == "HEAD":
        return None
    return datasets(x.answer) if x.answer.body.size else ()


def found(x: Exchange) -> list[str]:
    """The names of the steps that came."""
    return [name(row) for row in rows(x) or ()]


def name(row: DataSet) -> str:
    """What tells a step from others: the values of its keys of type 1 that identify it, '' when one is missing."""
    values = [" ".join(texts(row, path)) for path in NAMING]
    return " ".join(values) if all(values) else ""


def wanted(x: Exchange) -> list[asked.Key]:
    """The matching keys that every provider has to support (Table K.6-1, R)."""
    return [key for key in asked.keys(x.ask) if key.path in REQUIRED and not key.universal]


def lawful(x: Exchange) -> bool:
    """A search that nobody has reason to refuse."""
    keys = asked.keys(x.ask)
    plain = all(asked.path_of(p.name) or p.name in asked.RESERVED for p in x.resource.query.parameters)
    return (
        plain and not x.facts.get("wrong") and not x.facts.get(ASKING) and len({key.path for key in keys}) == len(keys)
    )


def fit(key: asked.Key, row: DataSet) -> Fit:
    """Whether a row fulfils a key: yes, surely not, or open."""
    return fits.fit(key.vr, key.value, texts(row, key.path))
