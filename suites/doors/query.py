"""Rules on queries across the doors: one question through QIDO-RS and C-FIND gets one answer.

Both are bound to the same kinds of matching over what they hold (PS3.18 8.3.4.1.1 points at PS3.4 C.2.2.2); that both
hold the same is the user's claim, or was shown. Where the text leaves a match open, a difference is worth a look only.
Must not know what is held, but for what a probe says in the facts of the journey.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.exchange import Answer, Ask, Exchange, Journey, view
from harness.rule import BOTH, DOOR, MESSAGE, Door, Finding, journey
from harness.upper_layer.message import Message as Sent
from harness.wire.elements import DataSet
from suites.dimse import bend
from suites.dimse.find import asked
from suites.dimse.reading import matches, texts
from suites.doors.story import QUERY, finds, one_archive
from suites.web.retrieve import compare
from suites.web.search import broken, fits, rows
from suites.web.search.fits import Fit

KEEP = 5
# Returned by both doors whatever is stored: unique and required keys of PS3.4 Tables C.6-1 to C.6-5 and PS3.18 10.6.3.
DUE = frozenset(
    {"0020000D", "00080020", "00080030", "00080050", "00200010", "00100010", "00100020", "00080060", "0020000E",
     "00200011", "00080018", "00200013"}
)  # fmt: skip
# What a door says of itself or of its answer, not of what it found.
OWN = frozenset({"00080005", "00080052", "00080053", "00080054", "00080056", "00081190", "00080201", "00083002"})
UNORDERED = frozenset({"00080061"})
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Pair:
    """One question and both answers: matches by the UID of what was asked for, of what the probe knows to be held."""

    x: Exchange
    o: Operation
    web: Mapping[str, Row]
    dimse: Mapping[str, DataSet]

    @property
    def where(self) -> str:
        return f"{self.x.ask.line} and {self.o.where()} of association {self.o.seq}"


@view
def pairs(j: Journey) -> Sequence[Pair]:
    """The questions of a journey that both doors answered whole."""
    found = []
    for x in j.steps("query"):
        number = x.facts.get("question")
        o = next((o for o in finds(j) if o.association.step == "query" and o.facts.get("question") == number), None)
        if o is not None and rows.rows(x) is not None and rows.whole(x) and asked.lawful(o):
            held = set(x.facts.get("held", ()))
            web = {uid: row for row in rows.rows(x) or () if (uid := rows.own(x, row)) in held}
            dimse = {uid: match for match in matches(o) if (uid := asked.own(o, match)) in held}
            found.append(Pair(x, o, web, dimse))
    return found


@journey(
    "across.one-query-finds-the-same",
    cites="PS3.18 8.3.4.1, 8.3.4.1.1, 10.6.1.2; PS3.4 C.2.2.2, C.4.1.3.1.1",
    verifies=("PS3.18-8.3.4.1-5", "PS3.18-8.3.4.1.1-9", "SV-FND-015"),
    on=QUERY,
    who=BOTH,
    due=False,
    when=lambda j: one_archive(j) and bool(pairs(j)),
    says="One question finds the same studies, series and instances through QIDO-RS and C-FIND.",
)
def one_query_finds_the_same(j: Journey) -> Iterator[Finding]:
    for p in pairs(j):
        odd = sorted(set(p.web) ^ set(p.dimse))
        for uid in odd[:KEEP]:
            told = _told(p, uid)
            fit = fits.both([_fit(key, values) for key, values in told])
            if fit is None and not all(any(values) for _, values in told):
                continue  # an empty key matches whatever C-FIND is asked (C.2.2.1.2); no sentence says so of QIDO-RS
            got, want = ("QIDO-RS", "C-FIND") if uid in p.web else ("C-FIND", "QIDO-RS")
            about = f"{len(p.web)} matches of QIDO-RS, {len(p.dimse)} of C-FIND"
            yield Finding(f"{uid} is found by {got} only; {about}", f"by {want} too, or by neither", p.where, p.x.seq,
                          fit is None)  # fmt: skip


def _told(p: Pair, uid: str) -> list[tuple[asked.Key, list[str]]]:
    """The keys that restrict the question, each with the values that the one answer which has it gives."""
    row = p.web.get(uid)
    keys = [key for key in asked.keys(p.o) if not key.universal]
    if row is not None:
        return [(key, rows.texts(row, key.path)) for key in keys]
    return [(key, texts(p.dimse[uid], key.path)) for key in keys]


def _fit(key: asked.Key, values: Sequence[str]) -> Fit:
    """Whether these values meet a key: yes, surely not, or open."""
    return fits.either([fits.fit(key.vr, value, values) for value in key.values])


@one_query_finds_the_same.mutant(at=DOOR)
def the_web_overlooks_dates(ask: Ask, door: Door) -> Answer:
    """QIDO-RS does not look at Study Date."""
    return door(broken.rewriting(ask, lambda path, value: None if path == "00080020" else value))


@one_query_finds_the_same.mutant(at=DOOR)
def the_web_knows_no_patterns(ask: Ask, door: Door) -> Answer:
    """QIDO-RS takes wild cards for letters."""
    return door(broken.rewriting(ask, lambda path, value: value.replace("*", "_").replace("?", "_")))


@one_query_finds_the_same.mutant(at=MESSAGE)
def c_find_knows_no_modality(message: Sent, asked_: Sent | None) -> list[Sent] | None:
    """C-FIND finds nothing when it is asked for a modality."""
    if asked_ is None or not bend.is_pending(message, "find"):
        return None
    return [] if bend.decoded(bend.octets_of(asked_)).get("Modality") else None


@one_query_finds_the_same.mutant(at=MESSAGE)
def c_find_skips_early_studies(message: Sent, asked_: Sent | None) -> list[Sent] | None:
    """C-FIND finds no study with a time before noon."""
    if not bend.is_pending(message, "find"):
        return None
    time = str(bend.decoded(bend.octets_of(message)).get("StudyTime") or "2")
    return [] if time < "12" else None


@journey(
    "across.one-query-tells-the-same",
    cites="PS3.18 10.6.3.3; PS3.4 C.4.1.3.1.1, C.2.2.1, C.3.4",
    verifies=("PS3.18-10.6.3.3.1-1", "PS3.18-10.6.3.3.2-1", "PS3.18-10.6.3.3.3-1", "SV-FND-004"),
    on=QUERY,
    who=BOTH,
    due=False,
    when=lambda j: one_archive(j) and any(set(p.web) & set(p.dimse) for p in pairs(j)),
    says="What QIDO-RS and C-FIND both tell of a study, series or instance has the same values.",
)
def one_query_tells_the_same(j: Journey) -> Iterator[Finding]:
    for p in pairs(j):
        told = [(uid, d) for uid in p.web if uid in p.dimse for d in _differences(p.dimse[uid], p.web[uid])]
        for uid, d in told[:KEEP]:
            # what one of them leaves empty it may not know, but for what both have to return
            empty = d.kind == "count" and d.path.partition(".")[0] not in DUE
            want = f"{d.want}, as C-FIND tells it"
            yield Finding(f"{d.got} by QIDO-RS", want, f"{d.path} of {uid}: {p.where}", p.x.seq, empty)


def _differences(match: DataSet, row: Row) -> Iterator[compare.Difference]:
    both = {tag: attribute for tag, attribute in row.items() if tag in match.elements and tag not in OWN}
    for d in compare.compare(match, both, OWN):
        unordered = d.path[:8] in UNORDERED and sorted(rows.texts(row, d.path[:8])) == sorted(texts(match, d.path[:8]))
        if d.kind in ("vr", "value", "count") and not unordered:
            yield d


@one_query_tells_the_same.mutant
def the_web_counts_one_more(x: Exchange) -> Answer | None:
    """QIDO-RS counts one instance too many."""

    def more(row: dict[str, Any]) -> dict[str, Any]:
        held = rows.number(row, "00201208")
        return row if held is None else broken.with_tag("00201208", "IS", held + 1)(row)

    return broken.each(x, more, "studies")


@one_query_tells_the_same.mutant
def the_web_has_no_times(x: Exchange) -> Answer | None:
    """QIDO-RS tells no Study Time."""
    return broken.each(x, broken.with_tag("00080030", "TM"), "studies")


@one_query_tells_the_same.mutant(at=MESSAGE)
def c_find_tells_another_accession(message: Sent, asked_: Sent | None) -> Sent | None:
    """C-FIND tells another Accession Number."""

    def other(found: Dataset) -> bool:
        held = bool(found.get("AccessionNumber"))
        if held:
            found.AccessionNumber = "OTHER"
        return held

    return bend.rewritten(message, other) if bend.is_pending(message, "find") else None


@one_query_tells_the_same.mutant(at=MESSAGE)
def c_find_tells_in_capitals(message: Sent, asked_: Sent | None) -> Sent | None:
    """C-FIND turns the letters of descriptions into capitals."""

    def capitals(found: Dataset) -> bool:
        there = [e for e in found if e.VR in ("LO", "SH") and e.value and str(e.value) != str(e.value).upper()]
        for element in there:
            element.value = str(element.value).upper()
        return bool(there)

    return bend.rewritten(message, capitals) if bend.is_pending(message, "find") else None
