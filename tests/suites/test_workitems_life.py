"""The life of workitems: no rule is red of a product that is right, whatever is asked of it; wrong ones are found."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from harness.exchange import Exchange
from suites.web.workitems import making, story
from suites.web.workitems.making import CANCELED, COMPLETED, IN_PROGRESS, SCHEDULED, STATE
from tests.suites.workitems import Product, exchange, findings, journey, judged, red

W, OTHER, LOCK, KEY = "2.25.11", "2.25.12", "2.25.21", "2.25.22"
UPDATES = (making.progress("10", "on the way"), making.performed(), making.abandoned(),
           making.attributes(x00741000=COMPLETED), making.attributes(x00741200="HIGH"))  # fmt: skip


class Histories(RuleBasedStateMachine):
    """Everything that can be asked, of a product that is right; each step is followed by a retrieval."""

    @initialize(refusal=st.sampled_from((400, 409)))
    def begin(self, refusal: int) -> None:
        self.product = Product(refusal)
        for uid in (W, OTHER):
            self.product.create(uid)
            self.product.get(uid)

    @rule(uid=st.sampled_from((W, OTHER)), wanted=st.sampled_from((*story.STATES, "DONE")),
          lock=st.sampled_from((LOCK, LOCK, KEY, "")))  # fmt: skip
    def state(self, uid: str, wanted: str, lock: str) -> None:
        self.product.state(uid, wanted, lock)
        self.product.get(uid)

    @rule(uid=st.sampled_from((W, OTHER)), dataset=st.sampled_from(UPDATES), lock=st.sampled_from((LOCK, KEY, "")))
    def update(self, uid: str, dataset: dict[str, Any], lock: str) -> None:
        self.product.update(uid, dataset, lock)
        self.product.get(uid)

    @rule(uid=st.sampled_from((W, OTHER)))
    def cancel(self, uid: str) -> None:
        self.product.cancel(uid)
        self.product.get(uid)

    @rule(uid=st.sampled_from((W, OTHER)))
    def again(self, uid: str) -> None:
        self.product.create(uid)
        self.product.get(uid)

    def teardown(self) -> None:
        for kind in ("web.workitems.life", "web.client"):
            assert [(r, f) for r, f in findings(self.product.journey(kind)) if not f.warn] == []


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)


def lived(wrong: str = "", refusal: int = 409) -> Product:
    """Claimed, updated, ended; and everything that is not allowed on the way."""
    p = Product(refusal, wrong)
    p.create(W)
    p.get(W)
    for wanted, lock in [(COMPLETED, LOCK), (IN_PROGRESS, ""), (IN_PROGRESS, LOCK), (IN_PROGRESS, KEY),
                         (COMPLETED, KEY), (SCHEDULED, LOCK), (COMPLETED, LOCK)]:  # fmt: skip
        p.state(W, wanted, lock)
        p.get(W)
    p.cancel(W)
    p.get(W)
    p.update(W, making.performed(), LOCK)
    p.get(W)
    p.state(W, COMPLETED, KEY)
    for wanted, lock in [(COMPLETED, LOCK), (COMPLETED, LOCK), (CANCELED, LOCK)]:
        p.state(W, wanted, lock)
        p.get(W)
    p.update(W, making.progress("1", "late"), LOCK)
    p.cancel(W)
    return p


@pytest.mark.parametrize("refusal", [400, 409])
def test_a_right_product_is_left_alone(refusal: int) -> None:
    assert findings(lived(refusal=refusal).journey()) == []


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ("tells the lock", "workitem.transaction-uid-stays-secret"),
        ("takes any lock", "workitem.owner-alone-ends"),
        ("claims without a lock", "workitem.claim-has-transaction-uid"),
        ("completes what is not done", "workitem.final-state-requirements"),
        ("cancels for the owner", "workitem.cancel-in-progress"),
    ],
)
def test_a_wrong_product_is_found(wrong: str, rule: str) -> None:
    assert rule in red(lived(wrong).journey())


def test_a_failure_after_which_the_state_is_another() -> None:
    p = Product()
    p.create(W)
    p.get(W)
    x = p.state(W, IN_PROGRESS, LOCK)
    p.said[-1] = x.but(answer=x.answer.but(status=400))
    p.get(W)
    assert "workitem.refusal-changes-nothing" in red(p.journey())
    assert "workitem.claim-succeeds" not in red(p.journey())  # it did, and said that it did not


def test_what_others_do_is_not_held_against_the_product() -> None:
    p = Product()
    p.create(W)
    p.state(W, IN_PROGRESS, KEY)
    del p.said[-1]  # by somebody else, whom nobody heard
    p.state(W, IN_PROGRESS, LOCK)
    p.get(W)
    assert red(p.journey("web.client")) == set()


def test_two_at_the_same_time_leave_nothing_known() -> None:
    p = Product()
    p.create(W)
    p.state(W, IN_PROGRESS, LOCK)
    p.state(W, IN_PROGRESS, KEY)
    began = [(0, 10), (20, 50), (30, 50)]
    said = [x.but(facts={**x.facts, "began_ms": b}, elapsed_ms=e) for x, (b, e) in zip(p.said, began, strict=True)]
    items = [m.item.state for m in story.moments(journey("web.client", said))]
    assert items == ["", None, None]


def test_a_workitem_that_is_over_may_be_gone() -> None:
    p = lived()
    p.take("PUT", f"workitems/{W}/state", [making.change(COMPLETED, LOCK)], 404)
    p.take("GET", f"workitems/{W}", status=410)
    p.take("POST", f"workitems/{W}", [making.progress("1", "x")], 410)
    assert findings(p.journey()) == []


def test_a_refusal_without_a_word_is_found_and_one_in_other_words_is_a_warning() -> None:
    p = Product()
    p.create(W)
    p.take("PUT", f"workitems/{W}/state", [making.change(COMPLETED, LOCK)], 409)
    assert red(p.journey()) == {"workitem.state-refusal-warns"}
    p.said[-1] = exchange("PUT", f"workitems/{W}/state", [making.change(COMPLETED, LOCK)], 409, "not yet begun")
    found = findings(p.journey())
    assert [rule for rule, _ in found] == ["workitem.state-refusal-warns"]
    assert found[0][1].warn


@pytest.mark.parametrize(("status", "failing"), [(409, False), (400, True), (404, True), (500, True)])
def test_cancel_of_what_is_scheduled(status: int, failing: bool) -> None:
    p = Product()
    p.create(W)
    p.take("POST", f"workitems/{W}/cancelrequest", None, status)
    found = judged("workitem.cancel-scheduled", p.journey()) or []
    assert found
    assert any(not f.warn for f in found) is failing


def test_a_performer_that_cannot_be_reached_is_no_fault() -> None:
    p = Product()
    p.create(W)
    p.state(W, IN_PROGRESS, LOCK)
    p.take("POST", f"workitems/{W}/cancelrequest", None, 409)
    p.get(W)
    assert findings(p.journey()) == []


def test_a_server_that_may_not_be_written_to_is_not_exercised() -> None:
    said = [exchange("POST", f"workitems?{W}", [making.workitem("A", "L")], 403, facts={"fresh": True})]
    assert judged("workitem.create-succeeds", journey("web.workitems.life", said)) is None


def created(status: int, warning: str = "", **changes: Any) -> Exchange:
    where = f"http://pacs.example/dicomweb/workitems/{W}" if status == 201 else ""
    item = making.workitem("A", "L", **changes)
    return exchange("POST", f"workitems?{W}", [item], status, warning, facts={"fresh": True}, location=where)


@pytest.mark.parametrize("tag", ["x00741200", "x00741204", "x00404005", "x00404041"])
@pytest.mark.parametrize("value", [..., None])
def test_what_is_incomplete_is_refused_or_made_whole_with_a_warning(tag: str, value: Any) -> None:
    rule = "workitem.create-incomplete"
    for status, warning, outcome in [(400, "", []), (201, "", [False]), (409, "", [True]), (500, "", [False]),
                                     (201, "The Workitem was created with modifications.", [True])]:  # fmt: skip
        j = journey("web.workitems.life", [created(status, warning, **{tag: value})])
        assert [f.warn for f in judged(rule, j) or []] == outcome
    assert judged(rule, journey("web.workitems.life", [created(201)])) is None


def test_values_that_were_changed_need_a_warning() -> None:
    item = dict(making.workitem("A", "L"))
    item.update(making.attributes(x00741204="SHORT"))
    shown = exchange("GET", f"workitems/{W}", found=[dict(sorted(item.items()))])
    rule = "workitem.kept-as-created"
    assert judged(rule, journey("web.workitems.life", [created(201), shown]))
    told = created(201, "The Workitem was created with modifications.")
    assert judged(rule, journey("web.workitems.life", [told, shown])) == []


def test_one_workitem_in_json() -> None:
    rule, item = "workitem.retrieved-as-one", making.workitem("A", "L")
    assert judged(rule, exchange("GET", f"workitems/{W}", found=[item])) == []
    assert [f.warn for f in judged(rule, exchange("GET", f"workitems/{W}", found=item)) or []] == [True]
    assert [f.warn for f in judged(rule, exchange("GET", f"workitems/{W}", found=[])) or []] == [False]
    assert [f.warn for f in judged(rule, exchange("GET", f"workitems/{W}", found=[item] * 2)) or []] == [False]


def race(*statuses: int, after: str = IN_PROGRESS) -> list[Exchange]:
    claims = [exchange("PUT", f"workitems/{W}/state", [making.change(IN_PROGRESS, f"2.25.{n}")], status, step="claim")
              for n, status in enumerate(statuses, 1)]  # fmt: skip
    return [*claims, exchange("GET", f"workitems/{W}", found=[making.attributes(x00741000=after)], step="after")]


@pytest.mark.parametrize(
    ("said", "right"),
    [
        (race(409, 200, 409), True),
        (race(400, 409, 200), True),
        (race(200, 200, 409), False),
        (race(409, 409, 409), False),
        (race(200, 409, after=SCHEDULED), False),
    ],
)
def test_of_several_claims_one_wins(said: list[Exchange], right: bool) -> None:
    assert (judged("workitem.one-claim-wins", journey("web.workitems.race", said)) == []) is right


def test_a_race_in_which_somebody_got_no_answer_says_nothing() -> None:
    assert judged("workitem.one-claim-wins", journey("web.workitems.race", race(200, 503))) is None


def test_the_model_reads_what_it_is_given() -> None:
    p = lived()
    states = [m.item.state for m in story.moments(p.journey()) if m.x.kind == "web.workitems.retrieve"]
    assert states == [SCHEDULED] * 3 + [IN_PROGRESS] * 7 + [COMPLETED] * 3
    assert {m.cell for m in story.moments(p.journey()) if m.x.kind == "web.workitems.state"} == {
        "C310", "C301", IN_PROGRESS, "C303", "C304", COMPLETED, "B306", "C300",
    }  # fmt: skip
    assert STATE == "00741000"


def test_a_request_to_cancel_may_take_its_time_but_not_for_ever() -> None:
    for others, failing in ((0, False), (12, True)):
        p = Product()
        p.create(W)
        p.take("POST", f"workitems/{W}/cancelrequest", None, 202)
        p.create(OTHER)
        for _ in range(others):
            p.get(OTHER)
        p.get(W)
        found = judged("workitem.cancel-scheduled", p.journey()) or []
        assert [not f.warn for f in found] == [failing]


def test_a_server_may_give_uids_of_its_own() -> None:
    p = Product()
    p.create(W)
    x = p.said[-1]
    where = x.answer.headers.but("Location", f"http://pacs.example/dicomweb/workitems/{OTHER}")
    p.said[-1] = x.but(answer=x.answer.but(headers=where))
    p.items[OTHER] = p.items.pop(W)
    p.get(OTHER)
    p.state(OTHER, IN_PROGRESS, LOCK)
    p.get(OTHER)
    assert red(p.journey()) == set()
    assert [m.item.state for m in story.moments(p.journey())] == ["", SCHEDULED, SCHEDULED, IN_PROGRESS]


@pytest.mark.parametrize("gone", [404, 410])
def test_what_is_over_may_be_kept_from_retrieval_and_still_be_known(gone: int) -> None:
    p = lived()
    for _ in range(2):
        x = p.get(W)
        p.said[-1] = x.but(answer=x.answer.but(status=gone, body=b""))
    p.create(W)
    assert p.said[-1].answer.status == 409
    assert red(p.journey()) == set()


def test_an_update_that_comes_back_is_no_status_report() -> None:
    p = Product()
    p.create(W)
    given = making.attributes(x00741200="HIGH")
    x = p.update(W, given, "")
    assert judged("workitem.step-answers-briefly", x) == []
    echo = x.but(answer=x.answer.but(body=making.as_json(given), type="application/dicom+json"))
    assert judged("workitem.step-answers-briefly", echo)


@pytest.mark.parametrize(("said", "fine"), [
    ("299 svc: The Transaction UID is missing.", True),
    ('299 svc "The Transaction UID is missing."', True),
    ('110 cache "stale", 299 svc: The Transaction UID is missing.', True),
    ("299: The Transaction UID is missing.", True),
    ("199 svc: The Transaction UID is missing.", False),
    ("The Transaction UID is missing.", False),
])  # fmt: skip
def test_the_code_of_a_warning(said: str, fine: bool) -> None:
    x = exchange("PUT", f"workitems/{W}/state", [making.change(IN_PROGRESS, None)], 400, Warning=said)
    assert (judged("workitem.warning-has-its-code", x) == []) is fine
