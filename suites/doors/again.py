"""Rules on an instance that is stored a second time, with other contents, by the other door.

Which of the two an archive keeps is its own matter (a UID names one instance only, PS3.5 9.1, so it is us who are
wrong). But it is one of them, whole, and both doors hand out the same one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from harness.exchange import Answer, Exchange, Journey
from harness.past import SOP_INSTANCE
from harness.rule import BOTH, MESSAGE, SHOULD, Finding, journey
from harness.upper_layer.message import Message as Sent
from suites.dimse import bend
from suites.dimse.reading import text
from suites.doors.sameness import differences, hollow, metadata_differences, told_of
from suites.doors.story import (
    AGAIN,
    Copy,
    Stored,
    claimed,
    find,
    found,
    retrieved,
    search,
    sent,
    shown_rows,
    stored,
    told_before,
)
from suites.web.retrieve.bend import files_changed, metadata_changed
from suites.web.search import broken, rows

KEEP = 3
NUMBER = "00200013"


def twice(j: Journey) -> list[tuple[Stored, Stored]]:
    """The instances that both doors acknowledged: as it went in by the web, and as it went in by DIMSE."""
    web = {one.instance: one for one in stored(j)["web"]}
    return [(web[one.instance], one) for one in stored(j)["dimse"] if one.instance in web]


def _copies(j: Journey) -> list[Copy]:
    return [*retrieved(j), *sent(j)]


def _one_archive(j: Journey) -> bool:
    """What both doors hand out would be from two archives where neither shows what went in by the other."""
    return bool(told_before(j)) or claimed(j)


@journey(
    "across.again-is-one",
    cites="PS3.4 C.2.2.1.1, C.4.1.3.1; PS3.18 10.5.2, 10.6; PS3.5 9.1",
    verifies=("SV-FND-015", "PS3.18-10.5.2-2"),
    on=AGAIN,
    who=BOTH,
    due=False,
    when=lambda j: _one_archive(j) and any(_counted(j, one.instance) for one, _ in twice(j)),
    says="An instance that was stored by both doors is found once by QIDO-RS and once by C-FIND.",
)
def again_is_one(j: Journey) -> Iterator[Finding]:
    for one, _ in twice(j):
        for how, count, seq in _counted(j, one.instance):
            if count != 1:
                yield Finding(f"{count} matches for {one.instance}", "one", how, seq)


def _counted(j: Journey, uid: str) -> list[tuple[str, int, int]]:
    """How often each door finds it."""
    told = []
    x, o = search(j, "series-instances", uid), find(j, "IMAGE", SOP_INSTANCE, uid)
    if x is not None:
        told.append(("QIDO-RS", len(shown_rows(x, SOP_INSTANCE, uid)), x.seq))
    if o is not None:
        told.append(("C-FIND", len(found(o, SOP_INSTANCE, uid)), o.seq))
    return told


@again_is_one.mutant
def the_web_finds_both(x: Exchange) -> Answer | None:
    """QIDO-RS has two rows for each instance."""
    return broken.edited(x, lambda found_: [*found_, *found_], "series-instances")


@again_is_one.mutant(at=MESSAGE)
def c_find_finds_both(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """C-FIND tells each match twice."""
    return [message, message] if bend.is_pending(message, "find") else None


@journey(
    "across.again-is-unmixed",
    cites="PS3.18 10.5.2; PS3.4 B.4.1.1, B.4.1.3",
    verifies=("PS3.18-10.5.2-3", "SV-STO-003"),
    on=AGAIN,
    who=BOTH,
    due=False,
    when=lambda j: _one_archive(j) and bool(twice(j)) and bool(_copies(j)),
    says="What comes of an instance that was stored by both doors is one of the two that were sent, not parts of both.",
)
def again_is_unmixed(j: Journey) -> Iterator[Finding]:
    for pair in twice(j):
        for copy in [c for c in _copies(j) if c.instance == pair[0].instance]:
            told = [[d for d in _against(copy, one) if not hollow(d)] for one in pair]
            if all(told):
                nearest = min(told, key=len)
                warn = not all(one.silent for one in pair) or all("absent" in (d.got, d.want) for d in nearest)
                for d in nearest[:KEEP]:
                    want = f"{d.want}, as the nearer of the two has it"
                    yield Finding(d.got, want, f"{copy.where}, {d.path} of {copy.instance}", copy.seq, warn)


def _against(copy: Copy, one: Stored) -> Iterable[Any]:
    return differences(copy.dataset, copy.transfer, one.dataset, one.transfer)


@again_is_unmixed.mutant
def files_are_of_neither(x: Exchange) -> Answer | None:
    """The files of WADO-RS have comments that nobody sent."""
    return files_changed(x, lambda found_: setattr(found_, "ImageComments", "of neither"))


@again_is_unmixed.mutant(at=MESSAGE)
def sends_parts_of_both(message: Sent, asked: Sent | None) -> Sent | None:
    """What is sent has comments that nobody sent."""
    if not bend.is_request(message, "store"):
        return None
    return bend.rewritten(message, lambda found_: setattr(found_, "ImageComments", "of both"))


@journey(
    "across.again-agrees",
    cites="PS3.5 9.1; PS3.18 10.4.1.1.1, 10.4.1.1.2; PS3.4 C.4.3.3.1, C.2.2.1.1",
    verifies=("PS3.18-10.4.3.3.2-1",),
    level=SHOULD,  # no sentence binds one door to what the other says
    on=AGAIN,
    who=BOTH,
    due=False,
    when=lambda j: _one_archive(j) and bool(twice(j)) and bool(sent(j)),
    says="After an instance was stored by both doors, files, metadata and queries of both tell of the same one.",
)
def again_agrees(j: Journey) -> Iterator[Finding]:
    for one, _ in twice(j):
        copies = [c for c in sent(j) if c.instance == one.instance]
        for theirs in copies[:1]:
            for where, seq, got, want in _disagreements(j, theirs):
                shown = f"{want}, as in {theirs.where} of association {theirs.seq}"
                yield Finding(got, shown, f"{where} of {one.instance}", seq)


def _disagreements(j: Journey, theirs: Copy) -> Iterator[tuple[str, int, str, str]]:
    """Place, number, what is there, what C-GET sent."""
    uid = theirs.instance
    for ours in [c for c in _copies(j) if c.instance == uid and c is not theirs]:
        for d in differences(ours.dataset, ours.transfer, theirs.dataset, theirs.transfer)[:KEEP]:
            yield f"{ours.where}, {d.path}", ours.seq, d.got, d.want
    for x in j.steps("metadata"):
        for where, row in told_of(x, uid) if x.answer.ok else ():
            for m in list(metadata_differences(row, theirs.dataset, theirs.transfer))[:KEEP]:
                yield f"{where} {m.path}", x.seq, m.got, m.want
    number = text(theirs.dataset, NUMBER)
    for where, seq, told in _numbers(j, uid):
        if told and told != number:
            yield f"{where} {NUMBER}", seq, told, number


def _numbers(j: Journey, uid: str) -> Iterator[tuple[str, int, str]]:
    """Instance Number as each door's query tells it."""
    x, o = search(j, "series-instances", uid), find(j, "IMAGE", SOP_INSTANCE, uid)
    for row in shown_rows(x, SOP_INSTANCE, uid) if x is not None else ():
        yield "QIDO-RS", x.seq if x else 0, _first(row)
    for match in found(o, SOP_INSTANCE, uid) if o is not None else ():
        yield "C-FIND", o.seq if o else 0, text(match, NUMBER)


def _first(row: Mapping[str, Any]) -> str:
    return next(iter(rows.texts(row, NUMBER)), "")


@again_agrees.mutant
def metadata_is_of_another(x: Exchange) -> Answer | None:
    """Instance Number of metadata is another one."""

    def other(found_: list[dict[str, Any]]) -> bool:
        for row in found_:
            row[NUMBER] = {"vr": "IS", "Value": [4713]}
        return True

    return metadata_changed(x, other)


@again_agrees.mutant
def rows_are_of_another(x: Exchange) -> Answer | None:
    """Instance Number of QIDO-RS is another one."""
    return broken.each(x, broken.with_tag(NUMBER, "IS", 4713), "series-instances")


@again_agrees.mutant(at=MESSAGE)
def sends_another(message: Sent, asked: Sent | None) -> Sent | None:
    """Instance Number of what is sent is another one."""
    if not bend.is_request(message, "store"):
        return None
    return bend.rewritten(message, lambda found_: setattr(found_, "InstanceNumber", "4713"))
