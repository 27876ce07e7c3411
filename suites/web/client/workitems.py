"""Rules of PS3.18 11.4.1.4, 11.6.1.4, 11.7.1.4 and 11.8.1.4 on the payload of one request about a workitem.

Must not know what was asked before, nor what was answered.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from harness.exchange import Ask, Exchange
from harness.rule import ASK, SHALL_NOT, SHOULD, USER_AGENT, Finding, rule
from harness.wire.dicom_json import DataSet, values
from harness.wire.uri import valid_uid
from suites.dimse.ups.table import FIXED
from suites.web.client.bend import payload
from suites.web.workitems import making, reading
from suites.web.workitems.making import CONTACT_NAME, CONTACT_URI, LOCK, PERFORMED, PROGRESS, REASON, REASON_CODE, STATE
from suites.web.workitems.reading import CREATED, INSTANCE, SOP_CLASS, UPDATED, only
from suites.web.workitems.table import Row, rows

JSON, XML = "application/dicom+json", "application/dicom+xml"
CHANGED, CANCEL = reading.CHANGED, reading.ASKED_TO_CANCEL
PAYLOADS = "|".join((CREATED, UPDATED, CHANGED, CANCEL))
AFFECTED = "00001000"
STATES = (making.IN_PROGRESS, making.COMPLETED, making.CANCELED)
CHARSET = "00080005"
CANCELING = (REASON, REASON_CODE, CONTACT_URI, CONTACT_NAME, CHARSET)
OURS = frozenset({INSTANCE, SOP_CLASS})  # which a client may carry along unchanged
_SHOWN = 20  # attributes that are told of


def bent(x: Exchange, change: Callable[[dict[str, Any]], object]) -> Ask | None:
    """The request with its data set changed in place, in the DICOM JSON Model; None when there is no one data set."""
    found = only(x.ask)
    if found is None:
        return None
    dataset = copy.deepcopy(dict(found))
    change(dataset)
    headers = x.ask.headers.but("content-type", JSON).but("content-encoding", None)
    return payload(x.ask.but(headers=headers), json.dumps([dataset]).encode())


def _media(x: Exchange) -> str:
    return x.ask.media.root if x.ask.type == "multipart/related" else x.ask.type


@rule(
    "client.workitem-type",
    cites="PS3.18 11.1.3 Table 11.1.3-1; 11.4.1.3; 11.6.1.3; 11.7.1.3; 11.8.1.3",
    on=PAYLOADS,
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(x.ask.body.size and x.ask.type),
    says="What is said of a workitem is DICOM JSON, or Native DICOM Model in a multipart message.",
)
def workitem_type(x: Exchange) -> Iterator[Finding]:
    parted = x.ask.type == "multipart/related"
    if (_media(x), parted) not in ((JSON, False), (XML, True)):
        # XML as a single part is in no table, and taken by many
        alone = x.ask.type == XML
        got = (x.ask.headers.get("content-type") or "")[:100]
        yield Finding(got, f"{JSON}, or multipart/related; type={XML}", "Content-Type", warn=alone)


@workitem_type.mutant(at=ASK)
def sends_plain_json(x: Exchange) -> Ask | None:
    """A workitem is sent as application/json."""
    return x.ask.but(type="application/json") if x.ask.type == JSON else None


@rule(
    "client.workitem-alone",
    cites="PS3.18 11.4.1.4; 11.1.3; 8.6.1",
    verifies="PS3.18-11.4.1.4-1",
    on=PAYLOADS,
    who=USER_AGENT,
    content=False,
    when=lambda x: x.ask.json is not None or bool(x.ask.documents) or bool(x.ask.parts),
    says="The payload has one part with one data set: in JSON an array of one.",
)
def workitem_alone(x: Exchange) -> Iterator[Finding]:
    found = x.ask.json
    count = len(reading.datasets(x.ask))
    if found is not None and found.root not in ("array", "object"):
        yield Finding(found.root or "no JSON", "an array of one data set", "payload")
    elif count != 1 or len(x.ask.parts) > 1:
        yield Finding(f"{max(count, len(x.ask.parts))} data sets", "one", "payload")
    elif found is not None and found.root == "object":
        yield Finding("an object", "an array of one data set", "payload", warn=True, policy="D-12")


@workitem_alone.mutant(at=ASK)
def sends_two_at_once(x: Exchange) -> Ask | None:
    """Two data sets are sent in one request."""
    found = only(x.ask)
    return payload(x.ask, json.dumps([found, found]).encode()) if found is not None and x.ask.json else None


@workitem_alone.mutant(at=ASK)
def leaves_out_the_array(x: Exchange) -> Ask | None:
    """The data set is sent without the array around it."""
    found = only(x.ask)
    return payload(x.ask, json.dumps(found).encode()) if found is not None and x.ask.json else None


@rule(
    "client.workitem-without-command",
    cites="PS3.18 11.4.1.4; PS3.7 6.3.1",
    verifies="PS3.18-11.4.1.4-1",
    level=SHALL_NOT,
    on=PAYLOADS,
    who=USER_AGENT,
    content=False,
    when=lambda x: only(x.ask) is not None,
    says="The Affected SOP Instance UID stands in the target, not in the data set; nor does anything of group 0000.",
)
def workitem_without_command(x: Exchange) -> Iterator[Finding]:
    for tag in [t for t in only(x.ask) or () if t.startswith("0000")][:_SHOWN]:
        # the sentence names this one, in a workitem that is created
        named = tag == AFFECTED and x.kind == CREATED
        yield Finding(tag, "no element of the command set", "data set", warn=not named)


@workitem_without_command.mutant(at=ASK)
def sends_the_affected_uid(x: Exchange) -> Ask | None:
    """The workitem has its Affected SOP Instance UID in it, as in the command of DIMSE."""
    return bent(x, lambda d: d.update({AFFECTED: making.element(INSTANCE, "1.2.3")})) if x.kind == CREATED else None


@rule(
    "client.workitem-uid-told",
    cites="PS3.18 11.4.1.1",
    on=CREATED,
    who=USER_AGENT,
    content=False,
    when=lambda x: only(x.ask) is not None,
    says="Who creates a workitem gives its UID: in the query, or in the data set, and not two of them.",
)
def workitem_uid_told(x: Exchange) -> Iterator[Finding]:
    dataset = only(x.ask)
    inside = reading.text(dataset, INSTANCE)
    asked = reading.named(x)
    bare = [p.name for p in x.resource.query.parameters if p.raw is None and valid_uid(p.name)]
    if len(set(bare)) > 1:
        yield Finding(", ".join(bare)[:200], "one UID", "query")
    elif inside and not valid_uid(inside):
        yield Finding(inside[:80], "a UID of PS3.5 9.1", "SOP Instance UID (0008,0018)")
    elif not asked:
        # what a server makes of a Create without a UID is not said, and some make one
        got = "neither in the query nor in the data set"
        yield Finding(got, "the UID of the workitem", "request", warn=True, policy="D-11")
    elif inside and asked != inside:
        yield Finding(f"{asked} in the query, {inside[:80]} in the data set", "one UID", "request")


@workitem_uid_told.mutant(at=ASK)
def leaves_the_uid_to_the_server(x: Exchange) -> Ask | None:
    """A workitem is created without a UID."""
    made = bent(x, lambda d: d.pop(INSTANCE, None))
    return made.but(target=made.target.partition("?")[0]) if made else None


@workitem_uid_told.mutant(at=ASK)
def gives_two_uids(x: Exchange) -> Ask | None:
    """The UID in the data set is another than that in the query."""
    made = bent(x, lambda d: d.update({INSTANCE: making.element(INSTANCE, "1.2.3.4")}))
    return made.but(target=f"{made.target.partition('?')[0]}?1.2.3.5") if made else None


def _holders(dataset: DataSet, path: str) -> list[DataSet]:
    """The data sets that have to hold the attribute at this path: the items of its sequences that are there."""
    found = [dataset]
    for tag in path.split(".")[:-1]:
        found = [item for holder in found for item in values(holder, tag) if isinstance(item, dict)]
    return found


def _has_value(holder: DataSet, tag: str) -> bool:
    attribute = holder.get(tag)
    if not isinstance(attribute, dict):
        return False
    if "BulkDataURI" in attribute or "InlineBinary" in attribute:
        return True
    given = attribute.get("Value")
    return isinstance(given, list) and any(
        value not in (None, "", {}) or attribute.get("vr") == "SQ" for value in given
    )


def _lacking(dataset: DataSet, row: Row) -> str:
    """What the data set lacks of this attribute, '' for nothing."""
    tag = row.path.rpartition(".")[2]
    for holder in _holders(dataset, row.path):
        if tag not in holder:
            return "not there"
        if row.owed == "1" and not _has_value(holder, tag):
            return "no value"
    return ""


@rule(
    "client.workitem-required-attributes",
    cites="PS3.18 11.4.1.4; PS3.4 CC.2.5.2; Table CC.2.5-3",
    verifies="PS3.18-11.4.1.4-1",
    on=CREATED,
    who=USER_AGENT,
    content=False,
    when=lambda x: only(x.ask) is not None,
    says="A workitem that is created has every attribute of type 1 with a value, and every one of type 2.",
)
def workitem_required_attributes(x: Exchange) -> Iterator[Finding]:
    dataset = only(x.ask) or {}
    wrong = [(row, lack) for row in rows().values() if row.owed in ("1", "2") and (lack := _lacking(dataset, row))]
    for row, lack in wrong[:_SHOWN]:
        # macros of items differ a little from edition to edition
        yield Finding(lack, f"{row.name}, type {row.owed}", row.path, warn=not row.top and row.owed == "2")


@workitem_required_attributes.mutant(at=ASK)
def leaves_out_the_priority(x: Exchange) -> Ask | None:
    """The Scheduled Procedure Step Priority is not there."""
    return bent(x, lambda d: d.pop("00741200", None))


@workitem_required_attributes.mutant(at=ASK)
def leaves_out_what_is_empty(x: Exchange) -> Ask | None:
    """Attributes of type 2 are left out when they have no value."""
    return bent(x, lambda d: [d.pop(tag) for tag in list(d) if "Value" not in d[tag]])


@workitem_required_attributes.mutant(at=ASK)
def schedules_for_no_time(x: Exchange) -> Ask | None:
    """The start of the step has no value."""
    return bent(x, lambda d: d.update({making.START: {"vr": "DT"}}))


@rule(
    "client.workitem-begins-scheduled",
    cites="PS3.18 11.4.1.4; PS3.4 CC.2.5.2; Table CC.2.5-3",
    verifies="PS3.18-11.4.1.4-1",
    on=CREATED,
    who=USER_AGENT,
    content=False,
    when=lambda x: only(x.ask) is not None,
    says="A workitem is created SCHEDULED, with no Transaction UID, and with nothing performed of it.",
)
def workitem_begins_scheduled(x: Exchange) -> Iterator[Finding]:
    dataset = only(x.ask) or {}
    state = reading.text(dataset, STATE)
    if state and state != making.SCHEDULED:
        yield Finding(state[:80], making.SCHEDULED, "Procedure Step State (0074,1000)")
    for tag in (LOCK, PROGRESS, PERFORMED):
        if _has_value(dataset, tag):
            yield Finding("a value", "none", tag)


@workitem_begins_scheduled.mutant(at=ASK)
def begins_in_progress(x: Exchange) -> Ask | None:
    """A workitem is created IN PROGRESS."""
    return bent(x, lambda d: d.update({STATE: making.element(STATE, making.IN_PROGRESS)}))


@workitem_begins_scheduled.mutant(at=ASK)
def claims_what_it_creates(x: Exchange) -> Ask | None:
    """A workitem is created with a Transaction UID."""
    return bent(x, lambda d: d.update({LOCK: making.element(LOCK, "1.2.3")}))


# PS3.3 Table C.30.2-1: enumerated values
ENUMERATED = {"00741200": ("HIGH", "MEDIUM", "LOW"), "00404041": ("INCOMPLETE", "UNAVAILABLE", "READY")}


@rule(
    "client.workitem-enumerated-values",
    cites="PS3.18 11.4.1.4; 11.6.1.4; PS3.3 Table C.30.2-1",
    on=f"{CREATED}|{UPDATED}",
    who=USER_AGENT,
    content=False,
    when=lambda x: any(reading.text(only(x.ask), tag) for tag in ENUMERATED),
    due=False,
    says="Priority is HIGH, MEDIUM or LOW, readiness INCOMPLETE, UNAVAILABLE or READY.",
)
def workitem_enumerated_values(x: Exchange) -> Iterator[Finding]:
    for tag, allowed in ENUMERATED.items():
        # blanks at either end of a CS say nothing (PS3.5 6.2)
        value = reading.text(only(x.ask), tag).strip(" ")
        if value and value not in allowed:
            yield Finding(value[:80], ", ".join(allowed), tag)


@workitem_enumerated_values.mutant(at=ASK)
def has_priorities_of_its_own(x: Exchange) -> Ask | None:
    """The priority is ROUTINE, as in orders of HL7."""
    return bent(x, lambda d: d.update({"00741200": making.element("00741200", "ROUTINE")}))


@workitem_enumerated_values.mutant(at=ASK)
def is_ready_in_small_letters(x: Exchange) -> Ask | None:
    """The readiness is written ready."""
    return bent(x, lambda d: d.update({"00404041": making.element("00404041", "ready")}))


@rule(
    "client.workitem-updates-what-may-be",
    cites="PS3.18 11.6.1.4; PS3.4 CC.2.6.2; Table CC.2.5-3",
    level=SHALL_NOT,
    on=UPDATED,
    who=USER_AGENT,
    content=False,
    when=lambda x: only(x.ask) is not None,
    says="An update leaves alone the state of the workitem, and what was fixed when it was created.",
)
def workitem_updates_what_may_be(x: Exchange) -> Iterator[Finding]:
    for tag in [t for t in only(x.ask) or () if t in FIXED][:_SHOWN]:
        yield Finding(tag, "an attribute that may be set", "data set", warn=tag in OURS)


@workitem_updates_what_may_be.mutant(at=ASK)
def sets_the_state(x: Exchange) -> Ask | None:
    """The state is changed by an update."""
    return bent(x, lambda d: d.update({STATE: making.element(STATE, making.COMPLETED)}))


@workitem_updates_what_may_be.mutant(at=ASK)
def changes_the_patient(x: Exchange) -> Ask | None:
    """An update names another patient."""
    return bent(x, lambda d: d.update({"00100020": making.element("00100020", "OTHER")}))


@rule(
    "client.workitem-one-transaction-uid",
    cites="PS3.18 11.6.1; 11.6.1.2; PS3.4 CC.2.6.2",
    on=UPDATED,
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(reading.text(only(x.ask), LOCK) or x.resource.query.raw),
    due=False,
    says="A Transaction UID of an update is a UID; where it stands in the query and in the data set, it is the same.",
)
def workitem_one_transaction_uid(x: Exchange) -> Iterator[Finding]:
    inside = reading.text(only(x.ask), LOCK)
    if inside and not valid_uid(inside):
        yield Finding(inside[:80], "a UID of PS3.5 9.1", "Transaction UID (0008,1195)")
    told = [p.name if p.raw is None else p.value for p in x.resource.query.parameters]
    for word in (w for w in told if valid_uid(w)):
        if inside and word != inside:
            yield Finding(f"{word} in the query, {inside[:80]} in the data set", "one", "request")


@workitem_one_transaction_uid.mutant(at=ASK)
def gives_two_transaction_uids(x: Exchange) -> Ask | None:
    """The query has another Transaction UID than the data set."""
    made = bent(x, lambda d: d.update({LOCK: making.element(LOCK, "1.2.3.4")}))
    return made.but(target=f"{made.target.partition('?')[0]}?1.2.3.5") if made else None


@rule(
    "client.workitem-state-payload",
    cites="PS3.18 11.7.1.4; PS3.4 Table CC.2.1-1",
    verifies="PS3.18-11.7.1.4-1",
    on=CHANGED,
    who=USER_AGENT,
    content=False,
    when=lambda x: x.ask.type in (JSON, XML, "multipart/related") or not x.ask.body.size,
    says="A change of state has a Transaction UID, and as Procedure Step State IN PROGRESS, COMPLETED or CANCELED.",
)
def workitem_state_payload(x: Exchange) -> Iterator[Finding]:
    dataset = only(x.ask)
    if dataset is None and x.ask.body.size:
        return  # other rules say what is wrong with the payload
    key, state = reading.text(dataset, LOCK), reading.text(dataset, STATE)
    if not valid_uid(key):
        yield Finding(key[:80] or "none", "a UID", "Transaction UID (0008,1195)")
    if state not in STATES:
        yield Finding(state[:80] or "none", ", ".join(STATES), "Procedure Step State (0074,1000)")


@workitem_state_payload.mutant(at=ASK)
def changes_the_state_without_a_key(x: Exchange) -> Ask | None:
    """The state is to be changed without a Transaction UID."""
    return bent(x, lambda d: d.pop(LOCK, None))


@workitem_state_payload.mutant(at=ASK)
def spells_canceled_otherwise(x: Exchange) -> Ask | None:
    """The state is written CANCELLED."""
    return bent(x, lambda d: d.update({STATE: making.element(STATE, "CANCELLED")}))


@workitem_state_payload.mutant(at=ASK)
def gives_it_back(x: Exchange) -> Ask | None:
    """A workitem is to be SCHEDULED again."""
    return bent(x, lambda d: d.update({STATE: making.element(STATE, making.SCHEDULED)}))


@rule(
    "client.workitem-cancel-payload",
    cites="PS3.18 11.8.1.4; PS3.4 Table CC.2.2-1",
    verifies="PS3.18-11.8.1.4-1",
    level=SHOULD,
    on=CANCEL,
    who=USER_AGENT,
    content=False,
    when=lambda x: only(x.ask) is not None,
    says="A request to cancel says why and who may be asked, and nothing else.",
)
def workitem_cancel_payload(x: Exchange) -> Iterator[Finding]:
    for tag in [t for t in only(x.ask) or () if t not in CANCELING][:_SHOWN]:
        yield Finding(tag, "a reason or a contact (Table CC.2.2-1)", "data set")


@workitem_cancel_payload.mutant(at=ASK)
def cancels_as_if_it_were_its_own(x: Exchange) -> Ask | None:
    """A request to cancel has the payload of a change of state."""
    return bent(x, lambda d: d.update(making.change(making.CANCELED, "1.2.3")))
