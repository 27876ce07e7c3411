"""Provokes C-FINDs that show what an SCP holds, where nothing may be stored.

Must not judge: what is found is data for other probes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.body import Body
from harness.make.holding import Holding
from harness.make.identifiers import KEYS, RETURNED, UNIQUE, Identifier
from harness.rule import probe
from harness.talk.dialogue import Associated, Dimse
from harness.wire import part10
from harness.wire.elements import DataSet
from suites.dimse import offers
from suites.dimse.offers import FIND, octets
from suites.dimse.reading import values

MOST = {
    "STUDY": 10,
    "SERIES": 4,
    "IMAGE": 10,
}  # of each so many are looked at: enough to choose from, little to ask for

Row = Mapping[str, Any]


@probe("find.find-data", provokes="dimse.query-retrieve.find", needs="nothing")
def find_data(dimse: Dimse) -> None:
    """Find studies, their series and instances, and take what is named there as data to ask for."""
    series: list[Row] = []
    instances: list[Row] = []
    with dimse.associate(offers.asking(FIND["study"])) as a:
        studies = list(_found(a, "STUDY"))
        for study in (_uid(row, "STUDY") for row in studies):
            for row in _found(a, "SERIES", study):
                series.append(row)
                instances += _found(a, "IMAGE", study, _uid(row, "SERIES"))
    dimse.session.holding = Holding.found(studies, series, instances)


def _found(a: Associated, level: str, *above: str) -> Iterator[Row]:
    """What matches at a level below these UIDs; a longer list is cancelled."""
    named = list(zip((UNIQUE["STUDY"], UNIQUE["SERIES"]), above, strict=False))
    paths = (UNIQUE[level], *(key.path for key in KEYS["study"][level]), *RETURNED[level])
    wanted = [(path, "") for path in paths if "." not in path]
    identifier = Identifier("study", level).with_keys(*wanted, *named)
    uid = FIND["study"]
    context = a.accepts(uid)
    if context is None:
        return
    reply = a.find(uid, octets(a, uid, identifier), cancel_after=MOST[level])
    for octets_ in reply.datasets[: MOST[level]]:
        dataset, _ = part10.read_bare(Body.of(octets_), context.transfer)
        yield {**_json(dataset), **{tag: _value("UI", [uid]) for tag, uid in named}}


def _uid(row: Row, level: str) -> str:
    return str(next(iter(row.get(UNIQUE[level], {}).get("Value", ())), ""))


def _json(dataset: DataSet) -> dict[str, Any]:
    """The elements that have values, as far as they are text or numbers, in the DICOM JSON Model."""
    return {
        tag: _value(element.vr, found)
        for tag, element in dataset.elements.items()
        if (found := [text for text in values(dataset, element) if text])
    }


def _value(vr: str, found: list[str]) -> dict[str, Any]:
    made: list[Any] = [{"Alphabetic": text.partition("=")[0]} for text in found] if vr == "PN" else list(found)
    return {"vr": vr, "Value": made}
