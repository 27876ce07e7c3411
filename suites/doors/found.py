"""Rules on presence across the doors: what one acknowledged is found and handed out by the other.

No sentence binds the two doors of a product to one archive. That they lead to one is the user's claim, or was shown:
then each door's own clause binds it, because it has to answer from all that it holds.
Must not know what the data sets say beyond their UIDs.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Exchange, Journey
from harness.past import SOP_INSTANCE
from harness.rule import BOTH, MESSAGE, Finding, ground, journey
from harness.upper_layer.message import Message as Sent
from suites.dimse import bend
from suites.dimse.reading import hexed
from suites.doors.story import (
    LEVELS,
    STORED,
    Stored,
    brought,
    find,
    found,
    one_archive,
    proven,
    refused,
    retrieved,
    search,
    shown_rows,
    stored,
    wanted,
)
from suites.web.retrieve.bend import other_uid
from suites.web.retrieve.reading import datasets
from suites.web.search.rows import texts
from suites.web.store import alter


@journey(
    "across.web-stored-is-found",
    cites="PS3.4 C.4.1.3.1, C.1.3; PS3.18 10.5.2",
    verifies=("SV-FND-015", "PS3.18-10.5.2-2"),
    on=STORED,
    who=BOTH,
    due=False,
    when=lambda j: one_archive(j) and any(_found_by_dimse(j, one) for one in stored(j)["web"]),
    says="C-FIND finds, at study, series and image level, what STOW-RS stored in the archive that it answers from.",
)
def web_stored_is_found(j: Journey) -> Iterator[Finding]:
    for one in stored(j)["web"]:
        for level, uid, count, seq in _found_by_dimse(j, one):
            if count != 1:
                got = f"{count} matches for {uid}"
                yield Finding(got, f"one, {one.whence}", f"C-FIND at level {level}", seq, not proven(j, "web"))


def _found_by_dimse(j: Journey, one: Stored) -> list[tuple[str, str, int, int]]:
    """Level, UID, number of matches and association of each query for it."""
    asked = [(level, tag, uid, find(j, level, tag, uid)) for (level, tag, _), uid in zip(LEVELS, one.uids, strict=True)]
    return [(level, uid, len(found(o, tag, uid)), o.seq) for level, tag, uid, o in asked if o is not None]


def _not_at(level: str, message: Sent, asked: Sent | None) -> list[Sent] | None:
    """Matches of queries for one entity of this level are withheld."""
    if asked is None or not bend.is_pending(message, "find"):
        return None
    identifier = bend.decoded(bend.octets_of(asked))
    return [] if str(identifier.get("QueryRetrieveLevel")) == level else None


@web_stored_is_found.mutant(at=MESSAGE)
def studies_are_not_found(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """C-FIND finds no study."""
    return _not_at("STUDY", message, asked)


@web_stored_is_found.mutant(at=MESSAGE)
def series_are_not_found(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """C-FIND finds no series."""
    return _not_at("SERIES", message, asked)


@web_stored_is_found.mutant(at=MESSAGE)
def images_are_found_twice(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """C-FIND tells each instance twice."""
    return [message, message] if _not_at("IMAGE", message, asked) == [] else None


@journey(
    "across.dimse-stored-is-found",
    cites="PS3.18 10.6, 8.3.4.1.1; PS3.4 C.4.1.3.1.1, B.2.2",
    verifies=("PS3.18-8.3.4.1.1-9", "SV-STO-002"),
    on=STORED,
    who=BOTH,
    due=False,
    when=lambda j: one_archive(j) and any(_found_by_web(j, one) for one in stored(j)["dimse"]),
    says="QIDO-RS finds, as study, series and instance, what C-STORE stored in the archive that it answers from.",
)
def dimse_stored_is_found(j: Journey) -> Iterator[Finding]:
    for one in stored(j)["dimse"]:
        for x, uid, count in _found_by_web(j, one):
            if count != 1:
                got = f"{count} rows for {uid}, {x.answer.line}"
                yield Finding(got, f"one, {one.whence}", x.resource.path, x.seq, not proven(j, "dimse"))


def _found_by_web(j: Journey, one: Stored) -> list[tuple[Exchange, str, int]]:
    """Each search for it, the UID that it asked for, and the number of rows."""
    asked = [(tag, uid, search(j, name, uid)) for (_, tag, name), uid in zip(LEVELS, one.uids, strict=True)]
    return [(x, uid, len(shown_rows(x, tag, uid))) for tag, uid, x in asked if x is not None]


@dimse_stored_is_found.mutant
def no_study_for_its_uid(x: Exchange) -> Answer | None:
    """A search for one study finds nothing."""
    return alter.empty_search() if x.kind == "web.search.studies" else None


@dimse_stored_is_found.mutant
def no_series_in_it(x: Exchange) -> Answer | None:
    """A search for the series of a study finds nothing."""
    return alter.empty_search() if x.kind == "web.search.study-series" else None


@dimse_stored_is_found.mutant
def no_instances_in_it(x: Exchange) -> Answer | None:
    """A search for the instances of a series finds nothing."""
    return alter.empty_search() if x.kind == "web.search.series-instances" else None


@journey(
    "across.web-stored-is-sent",
    cites="PS3.4 C.4.3.3.1, C.4.2.3.1; PS3.18 10.5.2",
    verifies=("SV-MOV-006", "SV-GET-002"),
    on=STORED,
    who=BOTH,
    due=False,
    when=lambda j: one_archive(j) and any(wanted(j, one.instance) for one in stored(j)["web"]),
    says="C-GET and C-MOVE send the instance that STOW-RS stored in the archive that they answer from, once.",
)
def web_stored_is_sent(j: Journey) -> Iterator[Finding]:
    for one in stored(j)["web"]:
        for o in wanted(j, one.instance):
            count = brought(j, o).count(one.instance)
            if count != 1:
                got = f"{one.instance} came {count} times, {hexed(o.status)}"
                # who says that he failed may have other reasons than that he does not hold it
                warn = refused(o) or not proven(j, "web")
                yield Finding(got, f"once, {one.whence}", o.where(o.final), o.seq, warn)


@web_stored_is_sent.mutant(at=MESSAGE)
def sends_under_another_uid(message: Sent, asked: Sent | None) -> Sent | None:
    """What is sent has another SOP Instance UID than what was stored."""
    if not bend.is_request(message, "store"):
        return None
    renamed = other_uid(message.instance)
    changed = bend.rewritten(message, lambda found: setattr(found, "SOPInstanceUID", renamed))
    return bend.but(changed or message, AffectedSOPInstanceUID=renamed)


@journey(
    "across.dimse-stored-is-retrieved",
    cites="PS3.18 10.4.1.1.1, 10.4.1.1.2; PS3.4 B.2.2",
    verifies=("PS3.18-10.4.1.1.1-1", "SV-STO-002"),
    on=STORED,
    who=BOTH,
    due=False,
    when=lambda j: one_archive(j) and bool(_retrieves(j)),
    says="WADO-RS hands out the instance and the metadata of what C-STORE stored in the archive that it answers from.",
)
def dimse_stored_is_retrieved(j: Journey) -> Iterator[Finding]:
    for one, x in _retrieves(j):
        came = _instances(j, x)
        # who offers none of the types that were asked for (406), or keeps a code of its own, says nothing of holding
        warn = x.answer.status not in (200, 204, 404, 410) or not proven(j, "dimse")
        if came != [one.instance]:
            got = f"{x.answer.line}, instances {came[:2]}"
            yield Finding(got, f"{one.instance}, {one.whence}", x.resource.path, x.seq, warn)


def _retrieves(j: Journey) -> list[tuple[Stored, Exchange]]:
    asked = [*j.steps("retrieve"), *j.steps("metadata")]
    return [(one, x) for one in stored(j)["dimse"] for x in asked if x.resource.instance == one.instance]


def _instances(j: Journey, x: Exchange) -> list[str]:
    """The instances that an answer holds."""
    if x.step == "retrieve":
        return [copy.instance for copy in retrieved(j) if copy.seq == x.seq]
    return [uid for _, row in datasets(x.answer) for uid in texts(row, SOP_INSTANCE)[:1]] if x.answer.ok else []


@dimse_stored_is_retrieved.mutant
def no_such_instance(x: Exchange) -> Answer | None:
    """Instances are not there when they are asked for."""
    return alter.report(404) if x.kind == "web.retrieve.instances" else None


@dimse_stored_is_retrieved.mutant
def no_metadata_of_it(x: Exchange) -> Answer | None:
    """Metadata is not there when it is asked for."""
    return alter.report(404) if x.kind == "web.retrieve.metadata" else None


ground("across", web_stored_is_found, dimse_stored_is_found)
