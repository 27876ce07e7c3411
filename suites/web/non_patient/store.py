"""Rules of PS3.18 12.5 on Store: what is taken, what is refused, what is told, and what is there afterwards.

Must not know how a target keeps instances. Storing is optional (12.2): who has it not is asked nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.exchange import Answer, Exchange, Journey
from harness.rule import RELATION, SHOULD, Finding, journey, rule
from harness.wire.dicom_json import DataSet
from suites.web.non_patient import bend
from suites.web.non_patient.reading import (
    ACCESS,
    BUSY,
    MISSING,
    ORIGINAL,
    RETRIEVE,
    STORE,
    acknowledged,
    differences,
    failed,
    instances,
    retrieves,
    stores,
    took,
)
from suites.web.non_patient.retrieve import KEPT, right

REFUSED, AGAIN, MIXED = "web.non-patient.refused", "web.non-patient.again", "web.non-patient.mixed"
TYPES_STORED = "web.non-patient.types"
ABOUT_THE_ARCHIVE = ("00080005", "00080054", "00080056", "00081190", ORIGINAL)


def _due(x: Exchange) -> bool:
    """Somebody takes instances here, and lets us."""
    return x.answer.status not in (*ACCESS, *BUSY, *MISSING)


@journey(
    "non-patient.every-type-is-stored",
    cites="PS3.18 12.1.3; Table 12.1.3-1; 12.5.1.4",
    verifies=("PS3.18-12.1.3-1", "PS3.18-12.5.3.1-1"),
    on=TYPES_STORED,
    when=lambda j: any(_stored(x) for x in stores(j)),
    says="Who stores instances takes them as files, in JSON and in multipart XML.",
)
def every_type_is_stored(j: Journey) -> Iterator[Finding]:
    for x in stores(j):
        if not _stored(x) and _due(x):
            # another refusal than that of the type may have a cause in the instance itself
            warn = x.answer.status != 415 and 400 <= x.answer.status < 500
            yield Finding(x.answer.line, f"200 or 202 for {x.step}", x.ask.line, seq=x.seq, warn=warn)


def _stored(x: Exchange) -> bool:
    return took(x) or x.answer.status == 202


@every_type_is_stored.mutant
def takes_files_alone(x: Exchange) -> Answer | None:
    """Instances in JSON are answered 415."""
    return bend.refused(x, 415) if x.kind == STORE and x.ask.type == "application/dicom+json" else None


@every_type_is_stored.mutant
def takes_multipart_alone(x: Exchange) -> Answer | None:
    """A payload that is not multipart is answered 415."""
    return bend.refused(x, 415) if x.kind == STORE and x.ask.multipart is None else None


@journey(
    "non-patient.kept-unchanged",
    cites="PS3.18 12.5.2; PS3.4 GG.4.2; PS3.3 C.12.1",
    verifies="PS3.18-12.5.2-2",
    on=KEPT,
    basis=RELATION,
    when=lambda j: any(_again(j)),
    says="A stored instance is what was sent; what was coerced stands in its Original Attributes Sequence.",
)
def kept_unchanged(j: Journey) -> Iterator[Finding]:
    for x, found, sent in _again(j):
        told = _modified(found)
        for one in differences(found, sent, ABOUT_THE_ARCHIVE)[:5]:
            top = one.path.partition(".")[0].partition("[")[0]
            # what is added changes nothing (PS3.4 GG.4.2), as long as it stood there in no form
            if top in told or (str(one.want) == "absent" and top not in sent):
                continue
            # who leaves out what is empty changes no value, though Type 2 wants it there
            dropped = top not in found and set(sent.get(top, {})) <= {"vr"}
            yield Finding(str(one.got), str(one.want), f"{x.resource.uid}, {one.path}", seq=x.seq, warn=dropped)
        if told and not any(x.answer.body for x in stores(j)):
            yield Finding("an answer without a payload", "a report of what was changed", "Store", seq=x.seq)


def _again(j: Journey) -> Iterator[tuple[Exchange, DataSet, DataSet]]:
    """What was retrieved, and what had been sent of the same instance."""
    sent = acknowledged(j)
    for x in retrieves(j):
        if right(x) and x.resource.uid in sent:
            yield x, (instances(x.answer) or [{}])[0], sent[x.resource.uid]


def _modified(found: DataSet) -> set[str]:
    """The attributes that the instance says were other ones."""
    items = found.get(ORIGINAL, {}).get("Value") or []
    return {
        tag
        for item in items
        for former in item.get("04000550", {}).get("Value") or []
        for tag in former
    }  # fmt: skip


@kept_unchanged.mutant
def renames_the_creator(x: Exchange) -> Answer | None:
    """The name of the creator is another one."""
    return bend.retrieved(x, bend.attribute("00700084", "PN", {"Alphabetic": "Somebody"}))


@kept_unchanged.mutant
def cuts_descriptions(x: Exchange) -> Answer | None:
    """Descriptions and names are cut."""
    return bend.retrieved(x, lambda row: {t: _cut(v) if v.get("vr") in ("LO", "SH") else v for t, v in row.items()})


def _cut(attribute: dict[str, Any]) -> dict[str, Any]:
    held = attribute.get("Value", ())
    return {**attribute, "Value": [str(value)[:4] for value in held]} if held else attribute


@kept_unchanged.mutant
def stamps_instances(x: Exchange) -> Answer | None:
    """The date of creation becomes that of the archive, and no Original Attributes Sequence says so."""
    return bend.retrieved(x, bend.attribute("00080012", "DA", "19990101"))


def _hidden(x: Exchange) -> bool:
    """A success that does not tell of a failure; 202 comes before the payload is looked at."""
    return x.answer.status in (200, 201, 204) and not failed(x)


def _none_fits(x: Exchange) -> bool:
    """Nothing in the payload can be stored at this target, as the probe made it."""
    return bool(x.facts.get("fault")) and x.kind == STORE and _due(x)


@rule(
    "non-patient.store-refuses",
    cites="PS3.18 12.5.3.1; 12.5.1.1; 12.5.1.4; 12.1.1",
    verifies=(
        "PS3.18-12.5.3.1-2", "PS3.18-12.5.1.1-1", "PS3.18-12.5.1.4-1", "PS3.18-12.1.1-1", "PS3.18-12.5.3.1-1",
    ),
    on=STORE,
    when=_none_fits,
    says="A request of which nothing can be stored fails with 4xx: no instance, one of another category or UID.",
)  # fmt: skip
def store_refuses(x: Exchange) -> Iterator[Finding]:
    fault = str(x.facts.get("fault"))
    if _hidden(x) or x.answer.status >= 500:
        yield Finding(x.answer.line, f"4xx for {fault}", "status line")
    elif x.answer.ok and x.answer.status != 202:
        # the answer tells of the failure, though with a code that is kept for what was stored in part
        yield Finding(f"{x.answer.line}, with failures told", f"4xx for {fault}", "status line", warn=True)


@store_refuses.mutant
def takes_everything(x: Exchange) -> Answer | None:
    """Everything is told to be stored."""
    return bend.said(x, 200, {"00081190": {"vr": "UR"}}) if x.kind == STORE else None


@store_refuses.mutant
def falls_over_bad_payloads(x: Exchange) -> Answer | None:
    """A payload that cannot be read is answered 500."""
    return bend.refused(x, 500) if x.kind == STORE and x.answer.status == 400 else None


@store_refuses.mutant(defects="D-NP-01")
def takes_other_categories(x: Exchange) -> Answer | None:
    """What is in conflict with the target is told to be stored."""
    return bend.said(x, 200) if x.kind == STORE and x.answer.status == 409 else None


@rule(
    "non-patient.store-code",
    cites="PS3.18 12.5.3.1; Table 12.5.3-1",
    verifies="PS3.18-12.5.3.1-2",
    level=SHOULD,
    on=STORE,
    when=lambda x: x.answer.ok or (_none_fits(x) and x.answer.status >= 400 and bool(x.facts.get("code"))),
    says="What was stored is 200, or 202 before that; a foreign media type is 415, no readable payload 400.",
)
def store_code(x: Exchange) -> Iterator[Finding]:
    if x.answer.ok:
        if x.answer.status not in (200, 202):
            yield Finding(x.answer.line, "200, or 202", "status line")
    elif x.answer.status != x.facts.get("code"):
        yield Finding(x.answer.line, str(x.facts.get("code")), f"status line, {x.facts.get('fault')}")


@store_code.mutant
def says_400_for_all_refusals(x: Exchange) -> Answer | None:
    """Whatever is wrong is 400."""
    return bend.refused(x, 400) if x.kind == STORE and x.answer.status == 415 else None


@store_code.mutant
def says_409_for_no_payload(x: Exchange) -> Answer | None:
    """A request without a payload is 409."""
    return bend.refused(x, 409) if x.kind == STORE and not x.ask.body else None


@store_code.mutant
def says_201(x: Exchange) -> Answer | None:
    """What was stored is 201."""
    return bend.said(x, 201) if x.kind == STORE and x.answer.ok else None


@rule(
    "non-patient.store-report",
    cites="PS3.18 12.5.3.3",
    verifies="PS3.18-12.5.3.3-1",
    on=STORE,
    content=False,
    when=lambda x: bool(x.facts.get("report")) and (failed(x) or x.answer.status in (400, 409)),
    says="Who did not store all that came says so in a payload.",
)
def store_report(x: Exchange) -> Iterator[Finding]:
    if not x.answer.body:
        yield Finding(f"{x.answer.line} without a payload", "a status report", "payload")


@store_report.mutant
def refuses_in_silence(x: Exchange) -> Answer | None:
    """A refusal has no payload."""
    return bend.said(x, x.answer.status) if x.kind == STORE and x.answer.status >= 400 else None


@journey(
    "non-patient.refused-is-not-there",
    cites="PS3.18 12.5.2; 12.5.3.1; 12.5.1.1; 12.1.1",
    verifies=("PS3.18-12.5.3.1-2", "PS3.18-12.1.1-1", "PS3.18-12.5.1.1-1"),
    on=REFUSED,
    basis=RELATION,
    when=lambda j: any(x.answer.status >= 400 for x in stores(j)) and any(retrieves(j)),
    says="What was refused, or belongs to another category, cannot be retrieved afterwards.",
)
def refused_is_not_there(j: Journey) -> Iterator[Finding]:
    for x in retrieves(j):
        if x.answer.ok:
            yield Finding(x.answer.line, "404 for what was refused", x.ask.line, seq=x.seq)


@refused_is_not_there.mutant
def shows_what_it_refused(x: Exchange) -> Answer | None:
    """What was refused is there all the same."""
    return bend.said(x, 200, [{}]) if x.kind == RETRIEVE and x.answer.status == 404 else None


@journey(
    "non-patient.first-stays",
    cites="PS3.18 12.5.3.1; PS3.4 GG.4.2",
    verifies=("PS3.18-12.5.3.1-2", "PS3.18-12.5.2-1"),
    on=AGAIN,
    basis=RELATION,
    when=lambda j: bool(_taken(j)) and any(retrieves(j)),
    says="Whatever the answer to another instance under the same UID: what is retrieved is what was told to be stored.",
)
def first_stays(j: Journey) -> Iterator[Finding]:
    changed = _taken(j)
    for x in retrieves(j) if changed else ():
        if not x.answer.ok:
            yield Finding(x.answer.line, "the instance that was stored", x.ask.line, seq=x.seq)
            continue
        for found in instances(x.answer) or ():
            both = [differences(found, one, ABOUT_THE_ARCHIVE) for one in changed]
            # a store that was taken may have replaced the first, or have kept it
            if all(any(d.want != "absent" for d in one) for one in both):
                where = f"{x.resource.uid}, {both[0][0].path}"
                yield Finding(str(both[0][0].got), str(both[0][0].want), where, seq=x.seq)


def _taken(j: Journey) -> list[DataSet]:
    """All that may be held now: what was told to be stored."""
    return [found[0] for x in stores(j) if _stored(x) and (found := instances(x.ask))]


@first_stays.mutant
def mixes_old_and_new(x: Exchange) -> Answer | None:
    """A refused instance leaves its description behind."""
    return bend.retrieved(x, bend.attribute("00700081", "LO", "neither"))


@first_stays.mutant
def loses_the_first(x: Exchange) -> Answer | None:
    """After a conflict nothing is there."""
    return bend.refused(x, 404) if x.kind == RETRIEVE else None


@journey(
    "non-patient.each-is-accounted-for",
    cites="PS3.18 12.5.3.1; 12.5.3.3",
    verifies=("PS3.18-12.5.3.1-1", "PS3.18-12.5.3.3-1"),
    on=MIXED,
    basis=RELATION,
    when=lambda j: any(x.answer.status in (200, 201, 400, 409) for x in stores(j)) and any(retrieves(j)),
    says="Of several instances those that fit are stored and the answer tells of the rest, or none is stored.",
)
def each_is_accounted_for(j: Journey) -> Iterator[Finding]:
    for x in stores(j):
        there = [r for r in retrieves(j) if r.answer.ok and right(r)]
        if x.answer.status in (200, 201) and not there:
            yield Finding(
                f"{x.answer.status}, and none can be retrieved",
                "at least one stored instance",
                "status line",
                seq=x.seq,
            )
        if x.answer.status in (200, 201) and not x.answer.body:
            yield Finding(
                f"{x.answer.status} without a payload", "a report of what was not stored", "payload", seq=x.seq
            )
        if x.answer.status >= 400 and there:
            want = "200, when at least one was stored"
            yield Finding(f"{x.answer.line}, and {there[0].resource.uid} is there", want, "status line", seq=x.seq)


@each_is_accounted_for.mutant
def says_409_when_one_failed(x: Exchange) -> Answer | None:
    """When one of several is not stored, the answer is 409."""
    return x.answer.but(status=409, reason="Conflict") if x.kind == STORE and failed(x) else None


@each_is_accounted_for.mutant
def says_nothing_of_failures(x: Exchange) -> Answer | None:
    """When one of several is not stored, the answer is 200 and nothing else."""
    return bend.said(x, 200) if x.kind == STORE and x.answer.status == 200 and failed(x) else None


@each_is_accounted_for.mutant
def stores_nothing_of_a_batch(x: Exchange) -> Answer | None:
    """When one of several is not stored, none is, and the answer is 200."""
    return bend.refused(x, 404) if x.kind == RETRIEVE else None
