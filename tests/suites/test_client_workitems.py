"""Rules on clients of the Worklist service: right requests and conversations leave them silent, wrong ones do not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import suites
from dicomproof.reask import ASKED, tried
from harness.body import Body
from harness.context import Context
from harness.exchange import Answer, Ask, Exchange, Headers, Journey
from harness.judge import Judge
from harness.past import Past
from harness.rule import Finding, Role
from harness.verdict import Outcome
from suites.web.client.bend import stored
from suites.web.client.talk import BASE, JSON, refused
from suites.web.client.workitems_notified import GOES_ON
from suites.web.client.workitems_talk import (
    CONFLICT,
    CREATED,
    ITEM,
    KEY,
    OK,
    OTHER,
    SECOND,
    cancels,
    changes_state,
    conversation,
    creates,
    ends,
    event,
    opens,
    report,
    retrieves,
    said,
    sent,
    shown,
    subscribed,
    subscribes,
    updates,
)
from suites.web.workitems import making
from suites.web.workitems.making import CANCELED, COMPLETED, FILTERED, IN_PROGRESS, SCHEDULED, WORKLIST

CATALOGUE = suites.load()
CLIENT = [r for r in CATALOGUE.rules.values() if r.who in (Role.USER_AGENT, Role.BOTH)]
SINGLE = [r for r in CLIENT if r.over is Exchange]
TALKS = [r for r in CLIENT if r.over is Journey]
OURS = [r for r in CATALOGUE.rules.values() if r.judgement.__module__.startswith("suites.web.client.workitems")]
XML = 'multipart/related; type="application/dicom+xml"'


def met(ask: Ask, edition: str = "2024e") -> dict[str, list[Finding]]:
    """What all rules on clients say of this request, by rule."""
    judge = Judge(CATALOGUE, Context(edition, past=Past()), SINGLE, grounded=False)
    found: dict[str, list[Finding]] = {}
    for rule, finding in judge.see(Exchange(1, ask, OK, judged=ASKED)):
        found.setdefault(rule, []).append(finding)
    assert [v.why for v in judge.finish() if v.outcome is Outcome.ERROR] == []
    return found


def whole(*said_: tuple[Ask, Answer] | Exchange) -> dict[str, list[Finding]]:
    """What the rules over conversations say of one."""
    judge = Judge(CATALOGUE, Context(past=Past()), TALKS, grounded=False)
    for x in conversation(*said_):
        judge.see(x.but(journey="web.client#1", judged=ASKED))
    found: dict[str, list[Finding]] = {}
    for rule, finding in judge.close("web.client#1"):
        found.setdefault(rule, []).append(finding)
    assert [v.why for v in judge.finish() if v.outcome is Outcome.ERROR] == []
    return found


def reds(found: Mapping[str, Sequence[Finding]]) -> dict[str, bool]:
    """The rules that were met, and whether by more than warnings."""
    return {rule: any(not f.warn for f in findings) for rule, findings in found.items()}


def of_item(**changes: Any) -> Ask:
    return creates(**changes)


def xml(method: str, path: str, dataset: Mapping[str, Any]) -> Ask:
    message = making.as_xml(dataset)
    fields = [("Host", "pacs.example"), ("Accept", XML), ("Content-Type", message.content_type)]
    (part,) = Ask(method, "", BASE, Headers.of(fields), message.body).parts
    root = "application/dicom+xml"
    ask = Ask(method, f"/dicomweb/{path}", BASE, Headers.of(fields))
    content = part.content.bytes().replace(b"<NativeDicomModel ", b'<NativeDicomModel xml:space="preserve" ')
    return stored(ask, root, ([("Content-Type", root)], content))


RIGHT = {
    "create": creates(),
    "create with a named parameter": sent("POST", f"workitems?workitem={ITEM}", making.workitem("a", "b")),
    "create with the UID inside": sent("POST", "workitems", making.workitem("a", "b", x00080018=ITEM)),
    "create in XML": xml("POST", f"workitems?{ITEM}", making.workitem("a", "b")),
    "create with performers": of_item(x00404034=[making.performer("READER")]),
    "create with more than has to be": of_item(x00404011="20260301130000", x00380050="none"),
    "create without a patient": of_item(x00100010=None, x00100020=..., x00100030=None, x00100040=None),
    "claim": changes_state(IN_PROGRESS),
    "complete": changes_state(COMPLETED),
    "complete in XML": xml("PUT", f"workitems/{ITEM}/state", making.change(COMPLETED, KEY)),
    "update": updates(making.performed()),
    "update with the Transaction UID inside alone": sent(
        "POST", f"workitems/{ITEM}", {**making.change(None, KEY), **making.performed()}
    ),
    "update by a named parameter": sent("POST", f"workitems/{ITEM}?transaction-uid={KEY}", making.performed()),
    "update of what nobody has claimed": updates(making.attributes(x00741200="HIGH"), key=""),
    "cancel": cancels(),
    "cancel without a word": sent("POST", f"workitems/{ITEM}/cancelrequest"),
    "retrieve": retrieves(),
    "retrieve XML": retrieves().but(headers=Headers.of([("Host", "pacs.example"), ("Accept", XML)])),
    "search": sent("GET", "workitems?ProcedureStepState=SCHEDULED&limit=5&includefield=00404021"),
    "search in a sequence": sent("GET", "workitems?ScheduledStationNameCodeSequence.CodeValue=CT1"),
    "search for a time": sent("GET", "workitems?ScheduledProcedureStepStartDateTime=20260101-20260102"),
    "subscribe": subscribes(),
    "subscribe with a lock": subscribes(query="?deletionlock=true"),
    "subscribe to one": subscribes(ITEM),
    "subscribe with a filter": subscribes(FILTERED, "?filter=PatientID=1,WorklistLabel=CT"),
    "subscribe with an encoded filter": subscribes(FILTERED, "?filter=PatientID%3D1%2CWorklistLabel%3DA%2CB"),
    "a subscriber that is called like a word of a path": sent("POST", f"workitems/{ITEM}/subscribers/STUDIES"),
    "unsubscribe": sent("DELETE", f"workitems/{WORKLIST}/subscribers/DESK"),
    "suspend": sent("POST", f"workitems/{FILTERED}/subscribers/DESK/suspend"),
    "open": opens(1).ask,
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_requests_leave_every_rule_silent(name: str) -> None:
    assert met(RIGHT[name]) == {}


def but_body(ask: Ask, body: bytes) -> Ask:
    return ask.but(body=body)


WRONG: dict[str, list[Ask]] = {
    "client.workitem-type": [creates().but(type="application/json"), creates().but(type="text/plain")],
    "client.workitem-alone": [
        but_body(creates(), b"[]"), but_body(creates(), b'"x"'), but_body(cancels(), b"[{},{}]"),
        but_body(changes_state(IN_PROGRESS), json.dumps([making.change(IN_PROGRESS, KEY)] * 2).encode()),
    ],
    "client.workitem-without-command": [of_item(x00001000=ITEM)],
    "client.workitem-enumerated-values": [
        of_item(x00741200="ROUTINE"), of_item(x00404041="ready"), updates(making.attributes(x00741200="STAT"))],
    "client.workitem-uid-told": [
        sent("POST", f"workitems?{ITEM}&{OTHER}", making.workitem("a", "b")),
        sent("POST", f"workitems?{OTHER}", making.workitem("a", "b", x00080018=ITEM)),
        sent("POST", "workitems", making.workitem("a", "b", x00080018="not a UID")),
    ],
    "client.workitem-required-attributes": [
        of_item(x00741200=...), of_item(x00404005=None), of_item(x00741216=...), of_item(x00404041=None),
        of_item(x00404018=[making.attributes(x00080100="READ", x00080102="99PROOF")]),
        of_item(x00404034=[making.attributes(x00404037="A^B")]),
    ],
    "client.workitem-begins-scheduled": [of_item(x00741000=IN_PROGRESS), of_item(x00081195=KEY),
                                         of_item(x00741216=[making.attributes(x00404050="20260301")])],
    "client.workitem-updates-what-may-be": [
        updates(making.attributes(x00741000=COMPLETED)), updates(making.attributes(x00100010="Other^One")),
        updates(making.attributes(x0040A370=None)),
    ],
    "client.workitem-one-transaction-uid": [
        sent("POST", f"workitems/{ITEM}?{SECOND}", {**making.change(None, KEY), **making.performed()}),
        updates(making.performed(), key="my-key"),
    ],
    "client.workitem-state-payload": [
        changes_state(SCHEDULED), changes_state("INPROGRESS"), changes_state(COMPLETED, "x"),
        sent("PUT", f"workitems/{ITEM}/state"), sent("PUT", f"workitems/{ITEM}/state", making.change(COMPLETED, None)),
        sent("PUT", f"workitems/{ITEM}/state", making.change(None, KEY)),
    ],
    "client.workitem-uid-in-target": [retrieves("item-4711"), retrieves("1.02"), sent("POST", "workitems?workitem=a")],
    "client.subscriber-title": [sent("POST", f"workitems/{WORKLIST}/subscribers/{'A' * 17}"),
                                sent("POST", f"workitems/{WORKLIST}/subscribers/%20"),
                                sent("DELETE", f"workitems/{WORKLIST}/subscribers/A%5CB"),
                                sent("POST", f"workitems/{WORKLIST}/subscribers/M%C3%BC")],
    "client.filter-where-filtered": [
        subscribes(FILTERED), subscribes(WORKLIST, "?filter=PatientID=1"), subscribes(ITEM, "?filter=PatientID=1"),
        subscribes(FILTERED, "?filter=patient=1"), subscribes(FILTERED, "?filter=PatientID"),
        subscribes(FILTERED, "?filter="),
    ],
    "client.subscribe-parameters": [subscribes(query="?deletionlock=1"), subscribes(query="?deletionlock"),
                                    subscribes(query="?deletionlock=true&deletionlock=false")],
    "client.suspends-what-is-global": [sent("POST", f"workitems/{ITEM}/subscribers/DESK/suspend")],
    "client.lock-is-not-searched": [sent("GET", f"workitems?TransactionUID={KEY}"),
                                    sent("GET", "workitems?includefield=TransactionUID")],
    "client.workitem-accept-fits": [
        retrieves().but(headers=Headers.of([("Host", "pacs.example"), ("Accept", "application/dicom")]))],
    "client.notification-handshake": [
        opens(1).ask.but(headers=opens(1).ask.headers.but(name, value)) for name, value in (
            ("connection", "keep-alive"), ("sec-websocket-key", None), ("sec-websocket-key", "!!!"),
            ("sec-websocket-key", "AAAA"), ("sec-websocket-version", None), ("sec-websocket-version", "8"),
            ("sec-websocket-protocol", "dicom, dicom"))
    ],
    "client.payload-only-where-defined": [
        sent("POST", f"workitems/{WORKLIST}/subscribers/DESK", making.attributes(x00741230="TRUE"))],
    "client.accept-present": [retrieves().but(headers=Headers.of([("Host", "pacs.example")]))],
    "client.keys-once": [sent("GET", "workitems?PatientID=1&PatientID=2")],
    "client.keys-fit-their-vr": [sent("GET", "workitems?ProcedureStepState=scheduled")],
    "client.search-options": [sent("GET", "workitems?limit=-1")],
}  # fmt: skip


@pytest.mark.parametrize(("rule", "number"), [(r, n) for r, asks in WRONG.items() for n in range(len(asks))])
def test_wrong_requests_turn_their_rule_red(rule: str, number: int) -> None:
    found = met(WRONG[rule][number])
    assert reds(found).get(rule), f"{WRONG[rule][number].line}: {found}"


WARNED: dict[str, list[Ask]] = {
    "client.workitem-type": [but_body(creates(), b"<x/>").but(type="application/dicom+xml")],
    "client.workitem-alone": [but_body(cancels(), b"{}")],
    "client.workitem-without-command": [updates(making.attributes(x00000110=7))],
    "client.workitem-uid-told": [sent("POST", "workitems", making.workitem("a", "b"))],
    "client.workitem-required-attributes": [of_item(x0040A370=[making.attributes(x0020000D="1.2")])],
    "client.workitem-updates-what-may-be": [updates(making.attributes(x00080018=ITEM))],
    "client.filter-where-filtered": [subscribes(FILTERED, "?PatientID=1"),
                                     subscribes(FILTERED, "?filter=PatientID=1,modality=CT")],
    "client.subscribe-parameters": [subscribes(query="?deletionLock=true")],
    "client.workitem-accept-fits": [
        retrieves().but(headers=Headers.of([("Host", "pacs.example"), ("Accept", "application/json")]))],
    "client.notification-handshake": [opens(1).ask.but(headers=opens(1).ask.headers.but("origin", None))],
    "client.targets-as-the-templates": [sent("GET", "workitem/1.2.3"), sent("GET", "workitems/")],
    "client.methods-as-the-templates": [
        sent("POST", f"workitems/{ITEM}/state", making.change(IN_PROGRESS, KEY)), sent("DELETE", f"workitems/{ITEM}"),
        sent("PUT", f"workitems/{WORKLIST}/subscribers/DESK"), sent("GET", f"workitems/{ITEM}/cancelrequest"),
        sent("DELETE", f"commitment-requests/{KEY}")],
}  # fmt: skip


@pytest.mark.parametrize(("rule", "number"), [(r, n) for r, asks in WARNED.items() for n in range(len(asks))])
def test_what_may_be_right_is_a_warning(rule: str, number: int) -> None:
    assert reds(met(WARNED[rule][number])).get(rule) is False


def test_every_rule_here_binds_user_agents_and_has_a_mutant() -> None:
    assert OURS
    for rule in OURS:
        assert rule.who is Role.USER_AGENT
        assert rule.mutants
        assert rule.over is not Journey or rule.examples, rule.id


QUESTIONS = [Exchange(n, ask, OK, judged=ASKED, side="user-agent") for n, ask in enumerate(RIGHT.values(), 1)]


@pytest.mark.parametrize("mutant", [m for r in OURS for m in r.mutants], ids=lambda m: m.id)
def test_every_mutant_is_killed_by_its_rule(mutant: Any) -> None:
    done = tried(mutant, CATALOGUE.rules[mutant.rule], QUESTIONS, "2024e", Past())
    assert done.killed, done


@pytest.mark.parametrize("rule", [r for r in OURS if r.over is Journey], ids=lambda r: r.id)
def test_examples_are_exercised_and_leave_every_rule_silent(rule: Any) -> None:
    for make in rule.examples:
        told = make()
        assert rule.when(Journey("web.client", "web.client#1", told)), make.__name__
        assert whole(*told) == {}


def test_who_was_not_seen_to_claim_is_not_blamed() -> None:
    """The claim may have been made before anybody looked, or in another way."""
    assert whole((updates(making.performed(), KEY), OK), (changes_state(COMPLETED), OK)) == {}
    after_a_restart = (
        (retrieves(), shown(making.workitem("a", "b", x00741000=IN_PROGRESS))),
        (updates(making.performed(), KEY), OK),
        (changes_state(COMPLETED), OK),
    )
    assert whole(*after_a_restart) == {}


def test_who_saw_it_in_progress_needs_a_transaction_uid() -> None:
    seen = (retrieves(), shown(making.workitem("a", "b", x00741000=IN_PROGRESS)))
    found = whole(seen, (updates(making.performed(), key=""), CONFLICT))
    assert reds(found) == {"client.updates-with-its-transaction-uid": True}


def test_an_event_tells_the_state_as_well() -> None:
    told = (opens(1), event(1, report(ITEM, IN_PROGRESS)), ends(1, "user-agent", 1000))
    found = whole(*told, (updates(making.performed(), key=""), CONFLICT))
    assert "client.updates-with-its-transaction-uid" in found


def test_what_is_told_late_does_not_turn_a_state_back() -> None:
    late = (
        (creates(), CREATED),
        opens(2),
        (changes_state(IN_PROGRESS), OK),
        event(2, report(ITEM, SCHEDULED)),
        (updates(making.performed()), OK),
        (changes_state(COMPLETED), OK),
        ends(2, "user-agent", 1000),
    )
    assert whole(*late) == {}


def test_a_claim_without_an_answer_may_have_been_granted() -> None:
    lost = Answer(0)
    told = ((changes_state(IN_PROGRESS), lost), (changes_state(IN_PROGRESS), CONFLICT))
    assert whole(*told, (updates(making.performed()), OK), (changes_state(COMPLETED), OK)) == {}


def test_the_same_claim_may_be_made_again_after_a_failure() -> None:
    busy = refused(503)
    again = ((changes_state(IN_PROGRESS), busy), (changes_state(IN_PROGRESS), OK))
    assert whole(*again) == {}


def test_what_the_service_canceled_may_be_updated_once_more_by_who_does_not_know_it_yet() -> None:
    raced = (
        (changes_state(IN_PROGRESS), OK),
        opens(2),
        event(2, report(ITEM, CANCELED)),
        (updates(making.progress("50", "half"), KEY), refused(400)),
        ends(2, "user-agent", 1000),
    )
    assert "client.leaves-the-ended-alone" not in whole(*raced)


def test_what_was_set_before_and_after_the_claim_counts() -> None:
    seen = shown(
        making.workitem("a", "b", x00741000=IN_PROGRESS, **{"x00741216": [making.performed()["00741216"]["Value"][0]]})
    )
    told = ((changes_state(IN_PROGRESS), OK), (retrieves(), seen), (changes_state(COMPLETED), OK))
    assert whole(*told) == {}


def test_half_of_what_has_to_be_performed_is_not_enough() -> None:
    half = making.performed()
    del half["00741216"]["Value"][0]["00404051"]
    told = ((changes_state(IN_PROGRESS), OK), (updates(half), OK), (changes_state(COMPLETED), refused(400)))
    (finding,) = whole(*told)["client.final-state-attributes"]
    assert "00741216.00404051" in finding.got


def test_who_cancels_needs_nothing_performed() -> None:
    assert whole((changes_state(IN_PROGRESS), OK), (changes_state(CANCELED), OK)) == {}


def test_to_have_the_work_of_another_canceled_is_right() -> None:
    told = ((changes_state(IN_PROGRESS), CONFLICT), (cancels(), refused(202)))
    assert whole(*told) == {}


def test_completing_what_was_granted_though_it_seemed_scheduled_is_a_warning() -> None:
    found = whole((creates(), CREATED), (changes_state(COMPLETED), OK))
    assert reds(found) == {"client.claims-before-it-ends": False}
    found = whole((creates(), CREATED), (changes_state(COMPLETED), CONFLICT))
    assert reds(found) == {"client.claims-before-it-ends": True}


def test_one_more_claim_after_a_refusal_is_no_fault() -> None:
    claim = (changes_state(IN_PROGRESS), CONFLICT)
    assert whole(*[claim] * 5) == {}
    assert set(whole(*[claim] * 6)) == {"client.gives-up-a-lost-claim"}


def test_what_is_said_that_answers_no_event_is_a_warning() -> None:
    listening = ((subscribes(), subscribed()), opens(2))
    answer = json.dumps({"status": "ok"})
    assert reds(whole(*listening, event(2), said(2, answer))) == {"client.says-nothing-to-events": True}
    assert reds(whole(*listening, event(2), said(2, "ping"))) == {"client.says-nothing-to-events": False}
    assert reds(whole(*listening, said(2, answer), event(2))) == {"client.says-nothing-to-events": False}


def test_a_transaction_uid_of_a_refused_claim_may_be_used_again() -> None:
    found = whole((changes_state(IN_PROGRESS), CONFLICT), (changes_state(IN_PROGRESS, KEY, OTHER), OK),
                  (changes_state(IN_PROGRESS, KEY, SECOND), OK))  # fmt: skip
    assert [f.warn for f in found["client.transaction-uid-for-each-claim"]] == [True, False]


def test_who_refuses_what_is_no_event_is_not_blamed() -> None:
    bad = event(2).but(answer=event(2).answer.but(body=b"no JSON"))
    found = whole(*conversation((subscribes(), subscribed()), opens(2), bad, ends(2, "user-agent", 1007)))
    assert "client.accepts-all-attributes" not in found


def test_who_ends_a_connection_in_order_has_accepted_what_came() -> None:
    strange = event(2, report(ITEM, IN_PROGRESS, x00081030="more"))
    listening = ((subscribes(), subscribed()), opens(2), strange)
    for code in (1000, 1001, None):
        assert whole(*listening, ends(2, "user-agent", code)) == {}
    assert whole(*listening, ends(2, "origin-server", 1007)) == {}
    assert reds(whole(*listening, ends(2, "user-agent", 1003))) == {"client.accepts-all-attributes": True}


def test_who_stops_or_unsubscribes_need_not_open_again() -> None:
    lost = ((subscribes(), subscribed()), opens(2), ends(2))
    asks = [(retrieves(), shown(making.workitem("a", "b")))] * GOES_ON
    assert whole(*lost) == {}
    assert whole(*lost, (sent("DELETE", f"workitems/{WORKLIST}/subscribers/DESK"), OK), *asks) == {}
    assert set(whole(*lost, *asks)) == {"client.opens-again"}
    assert whole(*lost, opens(4), *asks, ends(4, "user-agent", 1000)) == {}
    assert whole(opens(1), ends(1), *asks) == {}


def test_who_was_told_of_a_connection_and_opens_another_is_warned() -> None:
    elsewhere = opens(2, "/dicomweb/socket")
    found = whole((subscribes(), subscribed()), elsewhere)
    assert reds(found) == {"client.listens-where-it-was-told": False}
    assert whole(elsewhere, (subscribes(), subscribed())) == {}


@settings(deadline=None, max_examples=40)
@given(st.binary(max_size=200), st.text(max_size=30), st.sampled_from(["POST", "PUT", "GET", "DELETE"]))
def test_no_request_breaks_a_rule(body: bytes, word: str, method: str) -> None:
    fields = [("Host", "a"), ("Accept", word), ("Content-Type", "application/dicom+json")]
    for path in ("workitems", f"workitems/{word}", f"workitems/{word}/state", f"workitems/{word}/cancelrequest",
                 f"workitems/{word}/subscribers/{word}?filter={word}"):  # fmt: skip
        ask = Ask(method, f"/dicomweb/{path}", BASE, Headers.of(fields), Body.of(body))
        met(ask)
        whole((ask, OK), (ask, shown({"00741000": {"vr": "CS", "Value": [word]}})))


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["00741216", "00081195", "00741000", "vr", "Value", "x"]), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(json_values)
def test_no_payload_breaks_a_rule(value: Any) -> None:
    body = json.dumps([value]).encode()
    strange = Answer(200, headers=Headers.of([("Content-Type", JSON)]), body=Body.of(body))
    for ask in (creates(), changes_state(COMPLETED), updates(making.performed()), cancels()):
        met(but_body(ask, body))
        whole((ask, strange), (but_body(ask, body), OK), (retrieves(), strange), opens(4), event(4, {"x": value}))
