"""Rules of PS3.18 15.4.1, 15.5.1 and 15.6.1 on who creates, updates and retrieves performed steps.

Must not know what was answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harness.body import Body
from harness.exchange import Ask, Exchange, Headers, Journey
from harness.rule import ASK, SHALL_NOT, USER_AGENT, Finding, journey, rule
from harness.wire.uri import valid_uid
from suites.dimse.mpps.table import CREATE as CREATE_TYPES
from suites.dimse.mpps.table import ENDED, FINAL, FIXED, IN_PROGRESS, STATES, STATUS
from suites.dimse.mpps.table import SET as SET_TYPES
from suites.web.client.bend import accepting, payload
from suites.web.client.conversation import exchanges
from suites.web.client.talk import BASE, JSON, refused, talk
from suites.web.datasets import bent, datasets
from suites.web.performed_steps.reading import CREATE, RETRIEVE, SINCE, UPDATE, lacking, only, state

Root = dict[str, Any]


@rule(
    "client.performed-payload",
    cites="PS3.18 15.4.1.4; 15.5.1.4",
    verifies="PS3.18-15.4.1-1",
    on=f"{CREATE}|{UPDATE}",
    who=USER_AGENT,
    since=SINCE,
    content=False,
    says="A creation and an update have a payload of one data set, in the form that Content-Type says.",
)
def performed_payload(x: Exchange) -> Iterator[Finding]:
    found = datasets(x.ask)
    if not found:
        yield Finding(f"{x.ask.type or 'no Content-Type'}, {x.ask.body.size} octets", "one data set", "payload")
    elif len(found) > 1:
        yield Finding(f"{len(found)} data sets", "one representation", "payload")


@performed_payload.mutant(at=ASK)
def creates_without_a_word(x: Exchange) -> Ask | None:
    """There is no payload."""
    return payload(x.ask, b"")


@performed_payload.mutant(at=ASK)
def calls_xml_json(x: Exchange) -> Ask | None:
    """Content-Type says JSON, whatever comes."""
    return x.ask.but(type="application/dicom+json") if x.ask.type == "application/dicom+xml" else None


@rule(
    "client.performed-accept",
    cites="PS3.18 15.4.1.3 Table 15.4.1-1; 15.6.1.3 Table 15.6.1-1",
    verifies="PS3.18-15.4.1-1",
    on="web.performed-steps",
    who=USER_AGENT,
    since=SINCE,
    content=False,
    when=lambda x: x.ask.method != "HEAD",
    says="A creation, an update and a retrieval have an Accept field.",
)
def performed_accept(x: Exchange) -> Iterator[Finding]:
    if "accept" not in x.ask.headers:
        yield Finding("no Accept field", "the media types that are acceptable", "header fields")


@performed_accept.mutant(at=ASK)
def accepts_it_knows_not_what(x: Exchange) -> Ask | None:
    """There is no Accept field."""
    return accepting(x, None)


@rule(
    "client.performed-uid",
    cites="PS3.18 15.4.1.1; 15.6.1.1; PS3.5 9.1",
    on="web.performed-steps",
    who=USER_AGENT,
    since=SINCE,
    content=False,
    says="The path ends in the UID of the step.",
)
def performed_uid(x: Exchange) -> Iterator[Finding]:
    if not valid_uid(x.resource.uid):
        yield Finding(x.resource.uid[:80], "a UID", "path")


@performed_uid.mutant(at=ASK)
def names_steps_by_their_id(x: Exchange) -> Ask | None:
    """The step is called by its Performed Procedure Step ID."""
    return x.ask.but(target=x.ask.target.replace(x.resource.uid, "PPS-4711"))


@rule(
    "client.performed-create-attributes",
    cites="PS3.18 15.4.1.4; PS3.4 F.7.2.1.2, Table F.7.2-1",
    verifies="PS3.18-15.4.1.4-1",
    on=CREATE,
    who=USER_AGENT,
    since=SINCE,
    content=False,
    when=lambda x: only(x.ask) is not None,
    says="A creation has every attribute of type 1 with a value and every attribute of type 2.",
)
def performed_create_attributes(x: Exchange) -> Iterator[Finding]:
    for path, wrong, kind in lacking(only(x.ask) or {}, CREATE_TYPES):
        yield Finding(wrong, f"type {kind}", f"payload, {path}")


@performed_create_attributes.mutant(at=ASK)
def no_station(x: Exchange) -> Ask | None:
    """Performed Station AE Title has no value."""
    return bent(x.ask, lambda root: root.get("00400241", {}).pop("Value", None))


@performed_create_attributes.mutant(at=ASK)
def leaves_out_what_is_not_known(x: Exchange) -> Ask | None:
    """Attributes without a value are left out."""

    def known(root: Root) -> None:
        for tag in [tag for tag, attribute in root.items() if "Value" not in attribute]:
            del root[tag]

    return bent(x.ask, known)


@performed_create_attributes.mutant(at=ASK)
def no_study_in_the_scheduled_step(x: Exchange) -> Ask | None:
    """The scheduled step has no Study Instance UID."""
    return bent(x.ask, lambda root: [s.pop("0020000D", None) for s in root.get("00400270", {}).get("Value", [])])


@rule(
    "client.performed-begins-in-progress",
    cites="PS3.18 15.4.1.4; PS3.4 F.7.2.1.2",
    verifies="PS3.18-15.4.1.4-1",
    on=CREATE,
    who=USER_AGENT,
    since=SINCE,
    content=False,
    when=lambda x: only(x.ask) is not None,
    says="A step is created IN PROGRESS.",
)
def performed_begins_in_progress(x: Exchange) -> Iterator[Finding]:
    if state(only(x.ask) or {}) != IN_PROGRESS:
        yield Finding(state(only(x.ask) or {}) or "no status", IN_PROGRESS, f"payload, {STATUS}")


@performed_begins_in_progress.mutant(at=ASK)
def tells_when_all_is_over(x: Exchange) -> Ask | None:
    """Steps are created COMPLETED."""
    return bent(x.ask, lambda root: root.get(STATUS, {}).update(Value=["COMPLETED"]))


@rule(
    "client.performed-update-parameter",
    cites="PS3.18 15.5.1.2",
    verifies="PS3.18-15.5.1.2-1",
    on=UPDATE,
    who=USER_AGENT,
    since=SINCE,
    content=False,
    says="The query parameter that makes an update of a creation is its name alone.",
)
def performed_update_parameter(x: Exchange) -> Iterator[Finding]:
    for parameter in x.resource.query.all("update"):
        if parameter.raw is not None:
            yield Finding(f"update={parameter.raw}"[:80], "update", "query")


@performed_update_parameter.mutant(at=ASK)
def says_that_it_is_true(x: Exchange) -> Ask | None:
    """The parameter has a value."""
    return x.ask.but(target=x.ask.target.replace("?update", "?update=true"))


@rule(
    "client.performed-update-attributes",
    cites="PS3.18 15.5.1.4; PS3.4 F.7.2.2.2, Table F.7.2-1",
    verifies="PS3.18-15.5.1.4-1",
    on=UPDATE,
    who=USER_AGENT,
    since=SINCE,
    content=False,
    when=lambda x: only(x.ask) is not None,
    says="An update has nothing that was told for good, whole series, a state there is, and what the end needs.",
)
def performed_update_attributes(x: Exchange) -> Iterator[Finding]:
    sent = only(x.ask) or {}
    for tag in sorted(FIXED & sent.keys()):
        yield Finding("set", "what the creation told stays", f"payload, {tag}")
    if STATUS in sent and state(sent) not in STATES:
        yield Finding(state(sent) or "no value", " or ".join(STATES), f"payload, {STATUS}")
    for path, wrong, kind in lacking(sent, SET_TYPES):
        yield Finding(wrong, f"type {kind}", f"payload, {path}")
    if state(sent) in FINAL:
        ended = {tag: kind for tag, kind in ENDED.items() if tag in sent and "." not in tag}
        for path, wrong, kind in lacking(sent, ended):
            yield Finding(wrong, f"type {kind} in a final state", f"payload, {path}")


@performed_update_attributes.mutant(at=ASK, defects="M-NS-02")
def tells_the_patient_again(x: Exchange) -> Ask | None:
    """Updates repeat the patient."""
    return bent(x.ask, lambda root: root.update({"00100020": {"vr": "LO", "Value": ["P1"]}}))


@performed_update_attributes.mutant(at=ASK)
def ends_without_series(x: Exchange) -> Ask | None:
    """The step ends with an empty Performed Series Sequence."""
    return bent(x.ask, lambda root: root.get("00400340", {}).pop("Value", None))


@performed_update_attributes.mutant(at=ASK)
def has_states_of_its_own(x: Exchange) -> Ask | None:
    """Steps become FINISHED."""

    def finished(root: Root) -> None:
        if STATUS in root:
            root[STATUS]["Value"] = ["FINISHED"]

    return bent(x.ask, finished)


@rule(
    "client.performed-retrieve-without-payload",
    cites="PS3.18 15.6.1.4",
    level=SHALL_NOT,
    on=RETRIEVE,
    who=USER_AGENT,
    since=SINCE,
    content=False,
    says="A retrieval has no payload.",
)
def performed_retrieve_without_payload(x: Exchange) -> Iterator[Finding]:
    if x.ask.body.size:
        yield Finding(f"{x.ask.body.size} octets", "no payload", "payload")


@performed_retrieve_without_payload.mutant(at=ASK)
def asks_with_a_data_set(x: Exchange) -> Ask | None:
    """Retrievals carry the attributes that they want."""
    return payload(x.ask.but(headers=x.ask.headers.but("content-type", "application/dicom+json")), b"{}")


@rule(
    "client.performed-includefield",
    cites="PS3.18 15.6.1.2",
    level=SHALL_NOT,
    on=RETRIEVE,
    who=USER_AGENT,
    since=SINCE,
    content=False,
    due=False,
    when=lambda x: "includefield" in x.resource.query,
    says="Where includefield is all, there is no other includefield.",
)
def performed_includefield(x: Exchange) -> Iterator[Finding]:
    words = [word for p in x.resource.query.all("includefield") for word in p.values]
    if "all" in words and len(words) > 1:
        yield Finding(",".join(words)[:80], "all, or attributes", "query parameter includefield")


@performed_includefield.mutant(at=ASK)
def wants_all_and_more(x: Exchange) -> Ask | None:
    """All attributes are asked for, and one of them by name."""
    return x.ask.but(target=f"{x.ask.target}&includefield=all,PatientID") if "includefield" in x.ask.target else None


@journey(
    "client.performed-ends-whole",
    cites="PS3.18 15.5.1.4; PS3.4 F.7.2.2.2, Table F.7.2-1",
    verifies="PS3.18-15.5.1.4-1",
    on="web.client",
    who=USER_AGENT,
    since=SINCE,
    content=False,
    incomplete=True,
    due=False,
    when=lambda j: any(True for _ in _ended(j)),
    says="When a step ends, the end and the series were told by then.",
)
def performed_ends_whole(j: Journey) -> Iterator[Finding]:
    ends = {tag: kind for tag, kind in ENDED.items() if "." not in tag}
    for x, told in _ended(j):
        for tag, wrong, kind in lacking(told, ends):
            yield Finding(f"{wrong}, then or before", f"type {kind} in a final state", f"payload, {tag}", seq=x.seq)


def _ended(j: Journey) -> Iterator[tuple[Exchange, dict[str, Any]]]:
    """Each update that ended a step, with all that was told of the step, from its creation on."""
    told: dict[str, dict[str, Any]] = {}
    for x in exchanges(j):
        sent, uid = only(x.ask), x.resource.uid
        if sent is None or not x.answer.ok:
            continue
        if x.kind == CREATE:
            told[uid] = dict(sent)
        elif x.kind == UPDATE and uid in told:
            told[uid] = {**told[uid], **sent}
            if state(sent) in FINAL:
                yield x, told[uid]


def _post(query: str, body: bytes) -> Ask:
    fields = [("Host", "pacs.example"), ("Accept", JSON), ("Content-Type", JSON), ("Content-Length", str(len(body)))]
    path = f"/dicomweb/modality-performed-procedure-steps/1.2.1{query}"
    return Ask("POST", path, BASE, Headers.of(fields), Body.of(body))


_END = b'{"00400250":{"vr":"DA","Value":["20240306"]},"00400251":{"vr":"TM","Value":["1030"]}'
_SERIES = b',"00400340":{"vr":"SQ","Value":[{"0020000E":{"vr":"UI","Value":["1.2"]}}]}}'
_COMPLETED = b'{"00400252":{"vr":"CS","Value":["COMPLETED"]}}'


@performed_ends_whole.example
def ends_in_two_updates() -> tuple[Exchange, ...]:
    return talk(
        (_post("", b'{"00400252":{"vr":"CS","Value":["IN PROGRESS"]}}'), refused(201)),
        (_post("?update", _END + _SERIES), refused(200)),
        (_post("?update", _COMPLETED), refused(200)),
    )


@performed_ends_whole.mutant(at=ASK)
def never_tells_the_end(conversation: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """The step ends without a day, a time and series."""
    created, _, ended = conversation
    return [created, ended]


@performed_ends_whole.mutant(at=ASK)
def never_tells_the_series(conversation: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """The step ends without series."""
    created, updated, ended = conversation
    return [created, updated.but(ask=_post("?update", _END + b"}")), ended]
