"""Rules of PS3.18 12.4 and 12.1.3 on the retrieval of one Non-Patient Instance, in each of the three media types.

Must not know how an instance came to be held.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations

from harness.exchange import Answer, Exchange, Journey
from harness.make.uids import uid as made_uid
from harness.rule import RELATION, Finding, ground, journey, rule
from suites.web.non_patient import bend
from suites.web.non_patient.reading import (
    ACCESS,
    BUSY,
    DICOM,
    JSON,
    RETRIEVE,
    TYPES,
    XML,
    acknowledged,
    belongs,
    differences,
    instances,
    kinds,
    retrieves,
    searches,
    show,
    sop_class,
    uid,
    uids,
)

KEPT, HELD = "web.non-patient.kept", "web.non-patient.held"
BOTH = f"{KEPT}|{HELD}"
ELSEWHERE = "image/png"  # a media type that no instance has (8.7.5)


def came(x: Exchange) -> bool:
    """An instance was retrieved, or something else in its place."""
    return x.ask.method == "GET" and x.answer.status == 200 and not x.answer.ranged


def right(x: Exchange) -> bool:
    """The answer holds the instance that was asked for and nothing else."""
    found = instances(x.answer) if came(x) else None
    return bool(found) and [uid(one) for one in found or ()] == [x.resource.uid]


@rule(
    "non-patient.retrieve-right-instance",
    cites="PS3.18 12.4.3.3; 12.4.2",
    verifies=("PS3.18-12.4.3.3-1", "PS3.18-12.4.2-1"),
    on=RETRIEVE,
    when=came,
    says="A success holds the instance whose SOP Instance UID is that of the target, and nothing else.",
)
def right_instance(x: Exchange) -> Iterator[Finding]:
    found = instances(x.answer)
    want = f"the instance {x.resource.uid}"
    if found is None:
        got = f"{x.answer.headers.get('content-type', 'no Content-Type')}, {x.answer.payload.size} octets"
        yield Finding(got, f"{want} in a DICOM media type", "payload")
    elif [uid(one) for one in found] != [x.resource.uid]:
        yield Finding(f"{len(found)} instances: {show([uid(one) for one in found])}", want, "payload")


@right_instance.mutant
def answers_with_another_instance(x: Exchange) -> Answer | None:
    """Whatever is asked for, another instance comes."""
    return bend.retrieved(x, bend.attribute("00080018", "UI", made_uid("another")))


@right_instance.mutant
def answers_with_nothing(x: Exchange) -> Answer | None:
    """The payload is an empty list."""
    return bend.said(x, 200, []) if x.kind == RETRIEVE and x.answer.ok else None


@right_instance.mutant
def answers_with_two_instances(x: Exchange) -> Answer | None:
    """The instance comes with another one."""
    if x.kind != RETRIEVE or x.answer.type != JSON or not x.answer.ok:
        return None
    held = json.loads(x.answer.payload.bytes())
    return x.answer.but(body=json.dumps([*held, {"00080018": {"vr": "UI", "Value": ["1.2.3"]}}]).encode())


@rule(
    "non-patient.retrieve-right-category",
    cites="PS3.18 12.1.1; Table 12.1.1-1",
    verifies="PS3.18-12.1.1-1",
    on=RETRIEVE,
    when=lambda x: came(x) and bool(instances(x.answer)),
    says="An instance that is retrieved belongs to the category that its URI names.",
)
def right_category(x: Exchange) -> Iterator[Finding]:
    for one in instances(x.answer) or ():
        if sop_class(one) and not belongs(one, x.resource.category):
            yield Finding(f"SOP Class {sop_class(one)}", f"one of {x.resource.category}", "attribute 00080016")


@right_category.mutant
def holds_everything_everywhere(x: Exchange) -> Answer | None:
    """An image of a patient is retrieved as a Non-Patient Instance."""
    return bend.retrieved(x, bend.attribute("00080016", "UI", "1.2.840.10008.5.1.4.1.1.2"))


@rule(
    "non-patient.retrieve-type",
    cites="PS3.18 12.4.3.2; 12.1.3; Table 12.1.3-1; 8.7.8.1",
    verifies=("PS3.18-12.4.2-1", "PS3.18-12.4.3.2-1"),
    on=RETRIEVE,
    when=lambda x: came(x) and x.ask.accept.present and not x.ask.accept.flaws and "accept" not in x.ask.query,
    says="An instance comes in a DICOM media type that the request accepts, and Content-Type says which.",
)
def retrieve_type(x: Exchange) -> Iterator[Finding]:
    got, where = x.answer.headers.get("content-type", "no Content-Type") or "an empty Content-Type", "Content-Type"
    roots = set(kinds(x.answer))
    if x.answer.multipart is not None and not x.answer.parts:
        yield Finding("no parts", "one part", "payload")
    elif not roots <= set(TYPES) or (x.answer.type == XML and not _named(x, XML)):
        # application/json is no type of this transaction, but who accepts it by name gets what was asked for
        if not _named(x, x.answer.type):
            yield Finding(got, f'{DICOM}, {JSON} or multipart/related; type="{XML}"', where)
    elif not any(r.q > 0 and _covered(x, r.type, r.parameters.get("type", "")) for r in x.ask.accept.ranges):
        yield Finding(got, f"one of {x.ask.headers.get('accept')}", where)


def _named(x: Exchange, type: str) -> bool:
    return any(r.type == type and r.q > 0 for r in x.ask.accept.ranges)


def _covered(x: Exchange, range: str, root: str) -> bool:
    """Whether a media range covers the type of the answer; of a multipart type its root counts."""
    if range == "*/*" or range == x.answer.type.partition("/")[0] + "/*":
        return True
    if range == "multipart/related" and x.answer.type == range:
        return not root or root.lower() in (*kinds(x.answer), "*/*")
    # one part in a multipart message is the same representation (8.6.1.1 note)
    return range in kinds(x.answer)


@retrieve_type.mutant
def calls_everything_octets(x: Exchange) -> Answer | None:
    """Instances come as application/octet-stream."""
    return x.answer.but(type="application/octet-stream") if x.kind == RETRIEVE and came(x) else None


@retrieve_type.mutant
def gives_json_for_files(x: Exchange) -> Answer | None:
    """Who accepts files alone gets JSON."""
    accepts = x.ask.headers.get("accept") == DICOM
    return bend.said(x, 200, [{"00080018": {"vr": "UI", "Value": [x.resource.uid]}}]) if accepts and came(x) else None


@rule(
    "non-patient.retrieve-fields",
    cites="PS3.18 12.4.3.2; Table 12.4.3-2; 12.6.3.2",
    verifies="PS3.18-12.4.3.2-1",
    on="web.non-patient",
    content=False,
    wire=True,
    when=lambda x: x.ask.method != "HEAD" and x.answer.status == 200 and bool(x.answer.body),
    says="An answer with a payload has a Content-Type, and a Content-Length or a Transfer-Encoding.",
)
def retrieve_fields(x: Exchange) -> Iterator[Finding]:
    if not x.answer.headers.get("content-type"):
        yield Finding("no Content-Type", "the media type of the payload", "header fields")
    told = "content-length" in x.answer.headers or "transfer-encoding" in x.answer.headers
    if not told and x.answer.version.startswith("HTTP/1"):
        yield Finding("neither", "Content-Length or Transfer-Encoding", "header fields")


@retrieve_fields.mutant
def forgets_the_type(x: Exchange) -> Answer | None:
    """No Content-Type is sent."""
    return x.answer.but(headers=x.answer.headers.but("content-type", None)) if x.answer.status == 200 else None


@retrieve_fields.mutant
def ends_with_the_connection(x: Exchange) -> Answer | None:
    """The end of the payload is that of the connection, and nothing says so."""
    headers = x.answer.headers.but("content-length", None).but("transfer-encoding", None)
    return x.answer.but(headers=headers) if x.answer.status == 200 else None


def _wanted(j: Journey) -> Iterator[Exchange]:
    """Requests for what is surely held, with a type that every server has."""
    listed = {name for x in searches(j) for name in uids(x)}
    held = listed | set(acknowledged(j))
    for x in retrieves(j):
        if x.resource.uid in held and x.step in TYPES and x.answer.status not in (*ACCESS, *BUSY):
            yield x


@journey(
    "non-patient.retrieved",
    cites="PS3.18 12.4.2; 12.1.3; Table 12.1.3-1; 12.5.2",
    verifies=("PS3.18-12.4.2-1", "PS3.18-12.1.3-1", "PS3.18-12.5.2-1"),
    on=BOTH,
    when=lambda j: any(_wanted(j)),
    says="What was stored or found by a search is retrieved as a file, in JSON and in multipart XML.",
)
def retrieved(j: Journey) -> Iterator[Finding]:
    for x in _wanted(j):
        if x.answer.status != 200:
            yield Finding(x.answer.line, f"200 and the instance in {x.step}", x.ask.line, seq=x.seq)


@retrieved.mutant
def has_no_xml(x: Exchange) -> Answer | None:
    """Instances cannot be had in XML."""
    wanted = x.kind == RETRIEVE and XML in (x.ask.headers.get("accept") or "")
    return bend.refused(x, 406) if wanted else None


@retrieved.mutant
def forgets_what_was_stored(x: Exchange) -> Answer | None:
    """No instance is ever there."""
    return bend.refused(x, 404) if x.kind == RETRIEVE else None


@retrieved.mutant
def has_files_in_parts_only(x: Exchange) -> Answer | None:
    """A file is refused unless it may be multipart."""
    return bend.refused(x, 406) if x.kind == RETRIEVE and x.ask.headers.get("accept") == DICOM else None


def _alike(j: Journey) -> Iterator[tuple[Exchange, Exchange]]:
    """Two representations of one instance in different media types."""
    found: dict[str, dict[str, Exchange]] = {}
    for x in retrieves(j):
        if right(x):
            found.setdefault(x.resource.uid, {}).setdefault(kinds(x.answer)[0], x)
    for by_type in found.values():
        yield from combinations(by_type.values(), 2)


@journey(
    "non-patient.same-in-every-type",
    cites="PS3.18 12.4.3.3; 8.6.2; F.2; PS3.19 A.1",
    verifies=("PS3.18-12.4.3.3-1", "PS3.18-12.1.3-1"),
    on=BOTH,
    basis=RELATION,
    when=lambda j: any(True for _ in _alike(j)),
    says="The file, the JSON and the XML of an instance are one data set.",
)
def same_in_every_type(j: Journey) -> Iterator[Finding]:
    for one, other in _alike(j):
        first, second = (instances(x.answer) or [{}] for x in (one, other))
        for found in differences(second[0], first[0])[:5]:
            where = f"{other.resource.uid}, {found.path}, {kinds(other.answer)[0]} against {kinds(one.answer)[0]}"
            yield Finding(str(found.got), str(found.want), where, seq=other.seq)


@same_in_every_type.mutant
def tells_less_in_json(x: Exchange) -> Answer | None:
    """The JSON of an instance lacks what is not a search key."""
    return bend.retrieved(x, bend.without("00081040", "00720020", "00282000", "00686221", "00081090", "00686226"))


@same_in_every_type.mutant
def empties_texts_in_json(x: Exchange) -> Answer | None:
    """The names of instances are empty in JSON."""
    return bend.retrieved(x, lambda row: {t: {"vr": v["vr"]} if v.get("vr") == "PN" else v for t, v in row.items()})


@rule(
    "non-patient.unknown-is-404",
    cites="PS3.18 12.4.3.1; Table 12.4.3-1",
    verifies="PS3.18-12.4.3.1-1",
    on=RETRIEVE,
    when=lambda x: bool(x.facts.get("unknown")) and x.answer.status not in (*ACCESS, *BUSY),
    says="An instance that is not held is answered 404.",
)
def unknown_is_404(x: Exchange) -> Iterator[Finding]:
    if x.answer.status not in (404, 410):
        # another refusal is no lie, only less clear
        yield Finding(x.answer.line, "404", x.ask.line, warn=400 <= x.answer.status < 500)


@unknown_is_404.mutant
def invents_what_is_not_there(x: Exchange) -> Answer | None:
    """An instance that nobody stored is answered with an empty list."""
    return bend.said(x, 200, []) if x.kind == RETRIEVE and x.answer.status == 404 else None


@unknown_is_404.mutant
def says_204_for_unknown_instances(x: Exchange) -> Answer | None:
    """An instance that is not held is answered 204."""
    return bend.said(x, 204) if x.kind == RETRIEVE and x.answer.status == 404 else None


@unknown_is_404.mutant
def falls_over_unknown_instances(x: Exchange) -> Answer | None:
    """An instance that is not held is answered 500."""
    return bend.refused(x, 500) if x.kind == RETRIEVE and x.answer.status == 404 else None


@rule(
    "non-patient.unacceptable-is-406",
    cites="PS3.18 12.4.3.1; 12.6.3.1; 8.7.8.1",
    verifies="PS3.18-12.4.3.1-2",
    on="web.non-patient.retrieve|web.non-patient.search",
    when=lambda x: (
        bool(x.facts.get("served"))
        and x.ask.headers.get("accept") == ELSEWHERE
        and x.answer.status not in (*ACCESS, *BUSY, 404)
    ),
    says="A request that accepts no DICOM media type is answered 406.",
)
def unacceptable_is_406(x: Exchange) -> Iterator[Finding]:
    if x.answer.status == 406:
        return
    if x.answer.ok and kinds(x.answer)[0] in TYPES:
        if not x.context or x.context.policy("D-02") != "default":
            got = f"{x.answer.status} with {x.answer.type}"
            yield Finding(got, "406", "status line", warn=True, policy="D-02")
        return
    yield Finding(x.answer.line, "406", "status line", warn=400 <= x.answer.status < 500, policy="D-32")


@unacceptable_is_406.mutant
def ignores_accept(x: Exchange) -> Answer | None:
    """A picture is asked for, and HTML is the answer."""
    return x.answer.but(status=200, reason="OK") if x.answer.status == 406 else None


@unacceptable_is_406.mutant
def falls_over_unacceptable_types(x: Exchange) -> Answer | None:
    """What is not acceptable is answered 500."""
    return bend.refused(x, 500) if x.answer.status == 406 else None


ground("non-patient", right_instance)
