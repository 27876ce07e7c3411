"""What subscribers are told: all that is due, truly, once, in order, and nothing after they have left."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.body import Body
from harness.exchange import Answer, Ask, Exchange, Headers, Journey
from suites.web.workitems import making, watching
from suites.web.workitems.making import COMPLETED, FILTERED, IN_PROGRESS, SCHEDULED, WORKLIST, attributes, code
from suites.web.workitems.opening import _accept as accept_key
from tests.suites.workitems import BASE, JSON, exchange, journey, judged
from tests.suites.workitems import findings as everything

KIND, TITLE = "web.workitems.watching", "LISTENER"
W, NEW = "2.25.31", "2.25.32"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def opening(status: int = 101, **changed: str | None) -> Exchange:
    asked = {"Host": "pacs.example", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": KEY,
             "Sec-WebSocket-Version": "13"}  # fmt: skip
    headers = Headers.of({"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept_key(KEY)})
    for name, value in changed.items():
        headers = headers.but(name.replace("_", "-"), value)
    answer = Answer(status, "", headers if status == 101 else Headers())
    return Exchange(0, Ask("GET", "/notifications", BASE, Headers.of(asked)), answer, facts={"title": TITLE})


def event(type: int, uid: str, opcode: int = 1, **content: Any) -> Exchange:
    said = attributes(x00000002="1.2.840.10008.5.1.4.34.6.1", x00000110=7, x00001000=uid, x00001002=type, **content)
    return told(json.dumps(said).encode(), opcode)


def told(octets: bytes, opcode: int = 1, flaws: tuple[str, ...] = ()) -> Exchange:
    answer = Answer(101, "", Headers.of({"Content-Type": JSON}), Body.of(octets))
    facts = {"frame": {"opcode": opcode}, "flaws": list(flaws), "connection": 0}
    return Exchange(0, Ask("EVENT", "/notifications", BASE), answer, facts=facts)


def report(uid: str, state: str, readiness: str = "READY") -> Exchange:
    return event(1, uid, x00741000=state, x00404041=readiness)


def created(uid: str, **changes: Any) -> Exchange:
    item = making.workitem(uid[-6:], "LIST", **changes)
    return exchange("POST", f"workitems?{uid}", [item], 201, facts={"fresh": True}, location=f"{BASE}/workitems/{uid}")


def subscribed(uid: str, query: str = "", title: str = TITLE, status: int = 201) -> Exchange:
    path = f"workitems/{uid}/subscribers/{title}"
    return exchange("POST", f"{path}?{query}" if query else path, None, status, Content_Location="ws://pacs.example/n")


def left(uid: str) -> Exchange:
    return exchange("DELETE", f"workitems/{uid}/subscribers/{TITLE}")


def state(uid: str, wanted: str) -> Exchange:
    return exchange("PUT", f"workitems/{uid}/state", [making.change(wanted, "2.25.9")])


def updated(uid: str, **content: Any) -> Exchange:
    return exchange("POST", f"workitems/{uid}", [attributes(**content)])


def watched(*said: Exchange) -> Journey:
    """A journey in which a workitem is subscribed to, the connection opened, and this follows."""
    begin = [created(W), subscribed(W), opening()]
    whole = [*begin, *said]
    linked = [x.but(facts={**x.facts, "connection": 3}) if "connection" in x.facts else x for x in whole]
    return journey(KIND, linked)


def findings(j: Journey) -> list[tuple[str, Any]]:
    """What the rules on events say; how the workitems came to be is not looked at."""
    return [(rule, f) for rule, f in everything(j) if rule.startswith(("event.", "notification."))]


def red(j: Journey) -> set[str]:
    return {rule for rule, f in findings(j) if not f.warn}


def test_all_that_is_due_and_nothing_else() -> None:
    station = [code("STN1")]
    progress = making.progress("50", "half way")["00741002"]["Value"]
    j = watched(
        subscribed(W), report(W, SCHEDULED),
        updated(W, x00404041="INCOMPLETE"), report(W, SCHEDULED, "INCOMPLETE"),
        state(W, IN_PROGRESS), report(W, IN_PROGRESS, "INCOMPLETE"),
        updated(W, x00741002=progress), event(3, W, x00741002=progress),
        updated(W, x00404025=station), event(5, W, x00404025=station),
        exchange("POST", f"workitems/{W}/cancelrequest", [attributes(x00741238="gone")], 202),
        event(2, W, x00741236="SOMEBODY", x00741238="gone"),
        state(W, COMPLETED), report(W, COMPLETED, "INCOMPLETE"),
    )  # fmt: skip
    assert findings(j) == []
    assert [h.missing + h.extra for h in watching.listened(j)] == [[]]


STEPS = [
    (subscribed(W), report(W, SCHEDULED), "event.first-report"),
    (state(W, IN_PROGRESS), report(W, IN_PROGRESS), "event.state-changes"),
    (updated(W, x00404041="UNAVAILABLE"), report(W, SCHEDULED, "UNAVAILABLE"), "event.state-changes"),
    (updated(W, x00404025=[code("A")]), event(5, W, x00404025=[code("A")]), "event.assigned"),
]


@pytest.mark.parametrize(("cause", "effect", "rule"), STEPS)
def test_what_is_missing_is_found(cause: Exchange, effect: Exchange, rule: str) -> None:
    assert judged(rule, watched(cause, effect)) == []
    assert judged(rule, watched(cause))
    assert "event.told-once" in red(watched(cause, *[effect] * 3))  # the first subscription may account for one


@pytest.mark.parametrize(("wrong", "rule"), [
    (event(5, W, x00404025=[code("B")]), "event.assigned"),
    (event(5, W), "event.assigned"),
])  # fmt: skip
def test_what_is_untrue_is_found(wrong: Exchange, rule: str) -> None:
    assert rule in red(watched(updated(W, x00404025=[code("A")]), wrong))


def test_what_went_out_before_anybody_listened_may_be_lost() -> None:
    assert findings(watched()) == []
    assert findings(watched(report(W, SCHEDULED))) == []


def test_the_same_value_once_more_may_be_told_or_not() -> None:
    again = updated(W, x00404041="READY")
    assert findings(watched(again)) == []
    assert findings(watched(again, report(W, SCHEDULED))) == []


def test_a_cancel_request_of_what_is_scheduled_is_told_as_two_changes() -> None:
    cancel = exchange("POST", f"workitems/{W}/cancelrequest", None, 202)
    two = (report(W, IN_PROGRESS), report(W, "CANCELED"))
    assert findings(watched(cancel, *two)) == []
    assert findings(watched(cancel, event(2, W, x00741236="SOMEBODY"), *two)) == []
    assert "event.state-changes" in red(watched(cancel, two[1]))
    assert "event.in-order" in red(watched(cancel, *two[::-1]))


@pytest.mark.parametrize("lock", [True, False])
def test_a_subscription_to_all(lock: bool) -> None:
    query = f"deletionlock={'true' if lock else 'false'}"
    first = exchange("POST", f"workitems?{NEW}", [making.workitem("N", "LIST")], 201, facts={"fresh": True})
    reports = [report(NEW, SCHEDULED)]
    assert findings(watched(subscribed(WORKLIST, query), first, *reports)) == []
    # CC.2.4.3 has a report of what was subscribed to before as well, the table has not: either will do
    old = [report(W, SCHEDULED)] if lock else []
    assert findings(watched(subscribed(WORKLIST, query), *old, first, *reports)) == []
    assert "event.first-report" in red(watched(subscribed(WORKLIST, query), first))


def test_existing_ones_are_reported_with_a_lock_only() -> None:
    before = created(NEW)
    silent = [before, subscribed(WORKLIST, "deletionlock=false")]
    assert findings(watched(*silent)) == []
    assert "event.first-report" in red(watched(before, subscribed(WORKLIST, "deletionlock=true")))
    refused = subscribed(WORKLIST, "deletionlock=true")
    headers = refused.answer.headers.but("Warning", f"299 {BASE}: Deletion Lock not granted.")
    assert findings(watched(before, refused.but(answer=refused.answer.but(headers=headers)))) == []


@pytest.mark.parametrize("target", [W, WORKLIST])
def test_after_unsubscribe_nothing_comes(target: str) -> None:
    ends = [subscribed(WORKLIST), left(target), state(W, IN_PROGRESS)]
    assert findings(watched(*ends)) == []
    assert red(watched(*ends, report(W, IN_PROGRESS))) == {"event.none-after-unsubscribe"}
    back = [*ends, subscribed(W), report(W, IN_PROGRESS)]
    assert findings(watched(*back)) == []


def test_what_was_on_its_way_when_somebody_left_may_come_late() -> None:
    assert findings(watched(state(W, IN_PROGRESS), left(W), report(W, IN_PROGRESS))) == []


def test_suspend_is_for_new_ones_only() -> None:
    suspend = exchange("POST", f"workitems/{WORKLIST}/subscribers/{TITLE}/suspend")
    said = [subscribed(WORKLIST), suspend, created(NEW), state(W, IN_PROGRESS)]
    assert findings(watched(*said, report(W, IN_PROGRESS))) == []
    assert "event.suspended-for-new-ones" in red(watched(*said))
    assert "event.suspended-for-new-ones" in red(watched(*said, report(W, IN_PROGRESS), report(NEW, SCHEDULED)))


@pytest.mark.parametrize("query", ["filter=WorklistLabel%3DMINE", "WorklistLabel=MINE", "filter=00741202%3DMINE"])
def test_a_filter_is_kept(query: str) -> None:
    mine = created("2.25.40", x00741202="MINE")
    said = [subscribed(FILTERED, query), mine, report("2.25.40", SCHEDULED), created(NEW)]
    assert findings(watched(*said)) == []
    assert "event.filter-is-kept" in red(watched(*said, report(NEW, SCHEDULED)))
    assert "event.first-report" in red(watched(said[0], mine))


@pytest.mark.parametrize(("said", "rule"), [
    (event(1, W, opcode=2, x00741000=SCHEDULED, x00404041="READY"), "event.is-text"),
    (told(b'{"00000002": {"vr": "UI"}}{}'), "event.is-one-data-set"),
    (told(b"[]"), "event.is-one-data-set"),
    (told(b"state changed"), "event.is-one-data-set"),
    (told(b'{"a": "\xff"}'), "event.is-text"),
    (told(b"{}", flaws=("a reserved bit is set",)), "event.frames-are-lawful"),
    (event(1, W, x00741000=SCHEDULED), "event.has-its-attributes"),
    (event(2, W), "event.has-its-attributes"),
    (event(3, W, x00741002=None), "event.has-its-attributes"),
    (event(4, W, x00741242="RESTARTED", x00741244="WARM START"), "event.has-its-attributes"),
    (event(6, W), "event.says-of-what"),
    (event(1, "", x00741000=SCHEDULED, x00404041="READY"), "event.says-of-what"),
])  # fmt: skip
def test_single_events(said: Exchange, rule: str) -> None:
    found = judged(rule, said)
    assert found
    assert not all(f.warn for f in found)


def test_the_example_of_the_text_is_not_followed_but_not_condemned() -> None:
    x = event(1, W, x00741000=SCHEDULED, x00404041="READY")
    said = {**json.loads(x.answer.body.bytes()), **attributes(x00000002="1.2.840.10008.5.1.4.34.6.4")}
    del said["00000110"]
    found = judged("event.says-of-what", told(json.dumps(said).encode()))
    assert [f.warn for f in found or []] == [True, True]


@pytest.mark.parametrize(("x", "right"), [
    (opening(), True),
    (opening(Upgrade=None), False),
    (opening(Connection="close"), False),
    (opening(Connection="keep-alive, Upgrade"), True),
    (opening(Sec_WebSocket_Accept="AAAA"), False),
    (opening(Sec_WebSocket_Protocol="dicom"), False),
    (opening(Upgrade="WebSocket"), True),
])  # fmt: skip
def test_the_handshake(x: Exchange, right: bool) -> None:
    assert (judged("notification.handshake", x) == []) is right
    assert accept_key(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # the example of RFC 6455 1.3


def test_a_url_at_which_nobody_listens() -> None:
    assert judged("notification.opens", journey(KIND, [created(W), subscribed(W), opening(404)]))
    for status in (403, 307):  # who wants to know who is there, or leads elsewhere, is told of and not condemned
        found = judged("notification.opens", journey(KIND, [created(W), subscribed(W), opening(status)]))
        assert found
        assert all(f.warn for f in found)
    assert judged("notification.opens", journey(KIND, [created(W), subscribed(W, status=403), opening(404)])) is None


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_order_of_delivery_between_workitems_is_right(data: st.DataObject) -> None:
    uids = ["2.25.51", "2.25.52", "2.25.53"]
    causes = [x for u in uids for x in (created(u), state(u, IN_PROGRESS), state(u, COMPLETED))]
    chains = {u: [report(u, s) for s in (SCHEDULED, IN_PROGRESS, COMPLETED)] for u in uids}
    events = []
    while any(chains.values()):
        uid = data.draw(st.sampled_from([u for u, left_ in chains.items() if left_]))
        events.append(chains[uid].pop(0))
    assert findings(watched(subscribed(WORKLIST), *causes, *events)) == []
    kept = data.draw(st.lists(st.sampled_from(range(len(events))), max_size=len(events) - 1, unique=True))
    assert red(watched(subscribed(WORKLIST), *causes, *(events[n] for n in sorted(kept))))


def test_a_report_that_nobody_asked_for_is_a_warning_and_an_echo_is_not() -> None:
    claimed = [state(W, IN_PROGRESS), report(W, IN_PROGRESS)]
    assert red(watched(*claimed, report(W, IN_PROGRESS))) == {"event.told-once"}
    chatty = watched(*claimed, updated(W, x00741200="HIGH"), report(W, IN_PROGRESS))
    assert red(chatty) == set()
    assert [rule for rule, _ in findings(chatty)] == ["event.told-once"]


def test_progress_that_was_told_before_it_was_asked_for_is_a_report_of_its_own() -> None:
    first, half = (making.progress(percent, "so far")["00741002"]["Value"] for percent in ("0", "50"))
    begun = [state(W, IN_PROGRESS), report(W, IN_PROGRESS), event(3, W, x00741002=first)]
    assert findings(watched(*begun, updated(W, x00741002=half), event(3, W, x00741002=half))) == []
    assert "event.progress" in red(watched(*begun, updated(W, x00741002=half)))
    assert "event.progress" in red(watched(updated(W, x00741002=half), event(3, W, x00741002=first)))


def test_performers_in_the_sequence_alone_are_a_warning() -> None:
    performers = [making.performer("ANNA")]
    assigned = updated(W, x00404034=performers)
    flat = event(5, W, x00404009=[code("ANNA")], x00404036="Proof Hospital")
    assert findings(watched(assigned, flat)) == []
    folded = findings(watched(assigned, event(5, W, x00404034=performers)))
    assert {rule for rule, _ in folded} == {"event.assigned"}
    assert all(f.warn for _, f in folded)
    assert red(watched(assigned, event(5, W, x00404034=[making.performer("OTTO")]))) == {"event.assigned"}


@pytest.mark.parametrize("uid", [W, NEW])
def test_two_listeners_hear_of_their_own_workitems(uid: str) -> None:
    other = opening().but(facts={"title": "OTHER"})
    begin = [created(W), subscribed(W), opening(), created(NEW), subscribed(NEW, title="OTHER"), other]
    said = report(uid, IN_PROGRESS).but(facts={"frame": {"opcode": 1}, "flaws": [], "connection": 6})
    j = journey(KIND, [*begin, state(uid, IN_PROGRESS), said])
    assert bool(judged("event.to-subscribers-only", j)) is (uid == W)


def test_a_server_that_breaks_over_subscribers_has_the_service() -> None:
    kind = "web.workitems.subscriptions"
    broken, declining = (subscribed(W, status=status).but(step="one") for status in (500, 501))
    assert judged("subscription.created", journey(kind, [created(W), broken]))
    assert judged("subscription.created", journey(kind, [created(W), declining])) is None
