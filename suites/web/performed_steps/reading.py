"""Knows how performed steps are read over HTTP: what a request says of a step, and what is known of it so far.

Must not know what a right answer is. Which attributes a step has when is Table F.7.2-1 of PS3.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.exchange import Answer, Ask, Exchange, Journey, view
from harness.wire.dicom_json import DataSet
from suites.dimse.mpps.table import STATUS
from suites.web.datasets import datasets, items, text, values

CREATE, UPDATE = "web.performed-steps.create", "web.performed-steps.update"
RETRIEVE = "web.performed-steps.retrieve"
LIFE = "web.performed-steps.life"
SINCE = "2025e"
OWN_REASONS = (401, 403, 408, 413, 429, 503, 507)  # refusals that say nothing against the request
CHARSET = "00080005"


def only(message: Ask | Answer) -> DataSet | None:
    """The one data set of a payload, None when there is none or are several."""
    found = datasets(message)
    return found[0] if found is not None and len(found) == 1 else None


def state(dataset: DataSet) -> str:
    """Performed Procedure Step Status, '' without one."""
    return text(dataset, STATUS)


def lacking(dataset: DataSet, types: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """(path, what is wrong, type) for each attribute that these types ask for and the data set does not have."""
    for path, kind in types.items():
        for holder in _holders(dataset, path):
            tag = path.rpartition(".")[2]
            if tag not in holder:
                yield path, "not there", kind
            elif kind == "1" and not any(value not in (None, "", {}) for value in values(holder, tag)):
                yield path, "no value", kind


def _holders(dataset: DataSet, path: str) -> Iterator[DataSet]:
    """The data sets in which the last tag of a path belongs: every item of the sequences above it."""
    tag, _, rest = path.partition(".")
    if not rest:
        yield dataset
        return
    for item in items(dataset, tag):
        yield from _holders(item, rest)


def taken(x: Exchange) -> bool:
    """The step was created or changed."""
    return x.kind in (CREATE, UPDATE) and x.answer.ok


@view
def known(j: Journey) -> Mapping[int, dict[str, Any]]:
    """What was told of the step before each retrieval of a life, by the number of the retrieval."""
    told: dict[str, Any] = {}
    found: dict[int, dict[str, Any]] = {}
    for x in j.exchanges:
        if taken(x):
            told = {**told, **(only(x.ask) or {})}
        elif x.kind == RETRIEVE:
            found[x.seq] = told
    return found


def differs(sent: Any, came: Any) -> bool:
    """Whether an attribute object says something else; how numbers are written and what is padding does not count."""
    return bool(_plain(sent) != _plain(came))


def _plain(attribute: Any) -> list[Any]:
    found = attribute.get("Value") if isinstance(attribute, Mapping) else None
    if not isinstance(found, list):
        return []
    if attribute.get("vr") == "SQ":
        return [{tag: _plain(a) for tag, a in item.items() if tag != CHARSET and _plain(a)} for item in found if item]
    return [_value(value) for value in found if value not in (None, "", {})]


def _value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {group: str(words).rstrip(" ^") for group, words in value.items() if words}
    try:
        return (
            float(value) if not isinstance(value, str) or value.strip().replace(".", "", 1).isdigit() else _text(value)
        )
    except (TypeError, ValueError):
        return str(value)


def _text(value: str) -> str:
    return value.strip(" \0")
