"""Rules of PS3.18 8.10.5, 11.13 and PS3.4 CC.2.4 on a single event: its frame, its data set, its attributes by type.

Must not know who was to be told of what.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from harness.exchange import Answer, Exchange
from harness.rule import Finding, rule
from harness.wire import dicom_json
from suites.web.workitems import reading
from suites.web.workitems.judging import each, without
from suites.web.workitems.making import PROGRESS, READINESS, STATE, attributes
from suites.web.workitems.reading import only
from suites.web.workitems.watching import (
    ASSIGNED,
    CANCEL,
    EVENT,
    INSTANCE,
    MESSAGE,
    OF_THE_SERVER,
    REPORT_OF_PROGRESS,
    STATE_REPORT,
    TYPE,
    Event,
)

CLASS, PUSH, EVENTS = "00000002", "1.2.840.10008.5.1.4.34.6.1", "1.2.840.10008.5.1.4.34.6.4"
WHO_ASKED = "00741236"
# Table CC.2.4-1: what an event of a type has to have, with a value. What an Assigned event has depends on the workitem.
MANDATORY = {
    STATE_REPORT: (STATE, READINESS),
    CANCEL: (WHO_ASKED,),
    REPORT_OF_PROGRESS: (PROGRESS,),
    OF_THE_SERVER: ("00741242", "00741244", "00741246"),
    ASSIGNED: (),
}
TEXT, BINARY = 1, 2
MASKED = 0x80


@rule(
    "event.is-text",
    cites="PS3.18 8.10.5.1, 8.10.5.1.1; RFC 6455 5.6",
    verifies=("PS3.18-8.10.5.1-1", "PS3.18-8.10.5.1.1-1"),
    on=EVENT,
    content=False,
    incomplete=True,
    when=lambda x: "frame" in x.facts,
    says="An event is a text message of the WebSocket protocol.",
)
def is_text(x: Exchange) -> Iterator[Finding]:
    opcode = x.answer.head[0] & 0x0F if x.answer.head else x.facts["frame"].get("opcode")
    if opcode != TEXT:
        yield Finding(f"opcode {opcode}", "1 (text)", "frame")
    elif not _utf8(x.answer.body.bytes()):
        yield Finding("octets that are not UTF-8", "a text", "payload")


def _utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


@is_text.mutant(defects="D-UP-05")
def sends_octets(x: Exchange) -> Answer | None:
    """Events are binary messages."""
    head = x.answer.head
    return x.answer.but(head=bytes((head[0] & 0xF0 | BINARY, *head[1:]))) if head else None


@is_text.mutant
def speaks_latin(x: Exchange) -> Answer:
    """Events are text in Latin-1."""
    return x.answer.but(body=b'{"note": "\xe9"}')


@rule(
    "event.frames-are-lawful",
    cites="PS3.18 8.10.5.1; RFC 6455 5",
    verifies="PS3.18-8.10.5.1-1",
    on=f"{EVENT}|socket.workitems.end",
    content=False,
    incomplete=True,
    when=lambda x: "flaws" in x.facts,
    says="What the server sends on a notification connection keeps to RFC 6455.",
)
def frames_are_lawful(x: Exchange) -> Iterator[Finding]:
    for flaw in x.facts["flaws"]:
        yield Finding(str(flaw), "frames as RFC 6455 has them", "frame")
    head = x.answer.head
    if len(head) > 1 and head[1] & MASKED and not x.facts["flaws"]:
        yield Finding("a masked frame", "a server does not mask (5.1)", "frame")


@frames_are_lawful.mutant
def masks_its_frames(x: Exchange) -> Answer | None:
    """The server masks its frames."""
    head = x.answer.head
    return x.answer.but(head=bytes((head[0], head[1] | MASKED, *head[2:]))) if len(head) > 1 else None


@rule(
    "event.is-one-data-set",
    cites="PS3.18 8.10.5.1.1",
    verifies="PS3.18-8.10.5.1.1-2",
    on=EVENT,
    content=False,
    says="The payload of an event is one data set in the DICOM JSON Model.",
)
def is_one_data_set(x: Exchange) -> Iterator[Finding]:
    found = x.answer.json
    if found is None or len(found.datasets) != 1 or found.root not in ("object", "array"):
        shown = x.answer.body.read(0, 80).decode("utf-8", "replace")
        yield Finding(shown, "one JSON object", "payload")
        return
    if found.root == "array":
        yield Finding("an array", "one JSON object", "payload", warn=True)
    for flaw in found.flaws.kept:
        if flaw.code not in dicom_json.NOTES:
            # the example of 11.13 has its attributes in no order that is told, and odd VRs (D-33)
            yield Finding(flaw.got, flaw.want, f"payload {flaw.where}", warn=flaw.code == "json.order")


@is_one_data_set.mutant(defects="D-UP-05")
def tells_two_at_once(x: Exchange) -> Answer:
    """Two JSON texts are in one message."""
    return x.answer.but(body=x.answer.body.bytes() * 2)


@is_one_data_set.mutant(defects="M-UP-12")
def readiness_is_a_number(x: Exchange) -> Answer | None:
    """Input Readiness State has the VR US, as in the example."""
    odd = {READINESS: {"vr": "US", "Value": ["READY"]}}
    return each(x, lambda row: {**row, **odd} if READINESS in row else row, EVENT)


@is_one_data_set.mutant
def speaks_plainly(x: Exchange) -> Answer:
    """Events are JSON of the server's own."""
    return x.answer.but(body=json.dumps({"workitem": "1.2.3", "state": "COMPLETED"}).encode())


def _readable(x: Exchange) -> bool:
    return only(x.answer) is not None


def event_of(x: Exchange) -> Event:
    return Event(x, only(x.answer) or {})


@rule(
    "event.says-of-what",
    cites="PS3.18 11.13; PS3.4 CC.2.4.3; PS3.7 10.3.1",
    verifies="PS3.18-11.13-2",
    on=EVENT,
    when=_readable,
    says="An event names the UPS Push SOP Class, the workitem, and its type, 1 to 5.",
)
def says_of_what(x: Exchange) -> Iterator[Finding]:
    event = event_of(x)
    sop_class = reading.text(event.dataset, CLASS)
    if sop_class != PUSH:
        # the example of 11.13 has that of the UPS Event class
        yield Finding(sop_class or "none", PUSH, f"Affected SOP Class UID {CLASS}", warn=sop_class == EVENTS)
    if not event.uid and event.type != OF_THE_SERVER:
        yield Finding("none", "the UID of the workitem", f"Affected SOP Instance UID {INSTANCE}")
    if event.type not in MANDATORY:
        yield Finding(reading.text(event.dataset, TYPE) or "none", "1 to 5", f"Event Type ID {TYPE}")
    if MESSAGE not in event.dataset:
        yield Finding("none", "a Message ID, as in the example", MESSAGE, warn=True)


@says_of_what.mutant
def does_not_say_of_which(x: Exchange) -> Answer | None:
    """Events do not name their workitem."""
    return each(x, without(INSTANCE), EVENT)


@says_of_what.mutant
def has_no_type(x: Exchange) -> Answer | None:
    """Events have no type."""
    return each(x, without(TYPE), EVENT)


@says_of_what.mutant
def is_of_the_pull_class(x: Exchange) -> Answer | None:
    """Events are of the UPS Pull class."""
    return each(x, lambda row: {**row, **attributes(x00000002="1.2.840.10008.5.1.4.34.6.3")}, EVENT)


@rule(
    "event.has-its-attributes",
    cites="PS3.18 11.13; PS3.4 Table CC.2.4-1",
    verifies=("PS3.18-11.13-1", "PS3.18-11.13-2", "PS3.18-11.13-4", "PS3.18-11.13-5"),
    on=EVENT,
    when=lambda x: _readable(x) and bool(MANDATORY.get(event_of(x).type)),
    says="An event has what its type has to have: state and readiness, who asks to cancel, progress, SCP states.",
)
def has_its_attributes(x: Exchange) -> Iterator[Finding]:
    event = event_of(x)
    for tag in MANDATORY[event.type]:
        if not event.dataset.get(tag, {}).get("Value"):
            yield Finding("empty" if tag in event.dataset else "none", "a value", f"{tag}, event type {event.type}")


@has_its_attributes.mutant
def says_only_that_something_happened(x: Exchange) -> Answer | None:
    """State reports have no readiness."""
    return each(x, without(READINESS), EVENT)


@has_its_attributes.mutant
def does_not_say_how_far(x: Exchange) -> Answer | None:
    """Progress reports have no progress."""
    return each(x, without(PROGRESS), EVENT)


@has_its_attributes.mutant
def does_not_say_who_asks(x: Exchange) -> Answer | None:
    """Cancel Requested has no Requesting AE."""
    return each(x, without(WHO_ASKED), EVENT)
