"""Rule of PS3.4 C.4.1.1.3.2 and C.2.2.1 on what C-FIND tells of an instance that was stored before: its own values.

Must not know how a query selects, nor what else a match has to carry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.exchange import Journey
from harness.make.identifiers import UNIQUE
from harness.rule import BOTH, MESSAGE, Finding, journey
from harness.upper_layer.message import Message as Sent
from harness.wire.difference import Difference, difference
from harness.wire.elements import DataSet
from suites.dimse import bend
from suites.dimse.find import asked
from suites.dimse.reading import dataset, readable, text, texts
from suites.dimse.storage.stored import KIND, Kept, kept

KEEP = 5


def _found(j: Journey) -> Iterator[tuple[Operation, str, DataSet, Kept]]:
    """Each match of a query after storing, the place for people, and the one instance that it is about."""
    held = list(kept(j).values())
    for o in (o for a in j.associations if a.step == "find" for o in a.operations):
        unique = UNIQUE.get(asked.level(o), "")
        for message in o.pending if unique and o.request.verb == "find" and readable(o, o.request) else ():
            match = dataset(o, message)
            own = text(match, unique)
            about = [k for k in held if own and text(k.dataset, unique) == own]
            # of several in one study or series nobody knows whose values are told
            if len(about) == 1 and about[0].silent and readable(o, message):
                yield o, o.where(message), match, about[0]


def _told(o: Operation, match: DataSet, held: Kept) -> Iterator[tuple[asked.Key, Difference]]:
    """The keys of the request of which the match says something else than the instance; those that both have."""
    for key in asked.keys(o):
        if "." in key.path or not {key.tag} <= set(match.elements) & set(held.dataset.elements):
            continue
        got, want = (DataSet({key.tag: d.elements[key.tag]}, d.big_endian, d.charsets) for d in (match, held.dataset))
        if not _one_moment(key, got, want):
            yield from ((key, found) for found in difference(got, want))


def _one_moment(key: asked.Key, got: DataSet, want: DataSet) -> bool:
    """Times that differ only in how many of their components are written."""
    both: Sequence[str] = [text(d, key.tag).replace(":", "") for d in (got, want)]
    if key.vr != "TM" or not all(both):
        return False
    whole = [f"{clock:0<6}.{fraction.rstrip('0')}" for clock, _, fraction in (v.partition(".") for v in both)]
    return whole[0] == whole[1]


@journey(
    "storage.queries-tell-what-was-sent",
    cites="PS3.4 C.4.1.1.3.2, C.4.1.3.1.1, C.2.2.1.2, C.2.2.1.3, B.4.1.3",
    verifies=("SV-FND-012", "SV-FND-004", "SV-STO-005"),
    on=KIND,
    who=BOTH,
    when=lambda j: any(True for _ in _found(j)),
    says="A query returns, in each key that it was asked for, the value of the instance that was stored.",
)
def queries_tell_what_was_sent(j: Journey) -> Iterator[Finding]:
    for o, where, match, held in _found(j):
        for key, found in list(_told(o, match, held))[:KEEP]:
            empty = not any(texts(match, key.tag))
            if empty and not asked.supported(o, key):
                continue  # an optional key that is not supported may come back without a value
            # what the character set of the answer cannot say is lost on the way, not in the archive
            warn = not all(v.isascii() for v in texts(held.dataset, key.tag))
            yield Finding(found.got, f"{found.want}, as sent", f"{where}, {found.path}", seq=o.seq, warn=warn)


def _edited(message: Sent, change: bend.Change) -> Sent | None:
    return bend.rewritten(message, change) if bend.is_pending(message, "find") else None


@queries_tell_what_was_sent.mutant(at=MESSAGE)
def tells_no_dates(message: Sent, request: Sent | None) -> Sent | None:
    """Matches have Study Date and Accession Number without a value."""

    def emptied(found: Dataset) -> bool:
        there = [e for e in found if e.keyword in ("StudyDate", "AccessionNumber") and e.value]
        for element in there:
            element.value = ""
        return bool(there)

    return _edited(message, emptied)


@queries_tell_what_was_sent.mutant(at=MESSAGE)
def tells_of_another_study(message: Sent, request: Sent | None) -> Sent | None:
    """Matches have the description and the physician of another study."""

    def changed(found: Dataset) -> bool:
        there = [e for e in found if e.keyword in ("StudyDescription", "ReferringPhysicianName") and e.value]
        for element in there:
            element.value = "ANOTHER"
        return bool(there)

    return _edited(message, changed)


@queries_tell_what_was_sent.mutant(at=MESSAGE)
def tells_names_in_small_letters(message: Sent, request: Sent | None) -> Sent | None:
    """Matches have names in small letters."""

    def lowered(found: Dataset) -> bool:
        name = str(found.get("PatientName", "") or "")
        if name in ("", name.lower()):
            return False
        found.PatientName = name.lower()
        return True

    return _edited(message, lowered)
