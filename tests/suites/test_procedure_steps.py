"""Rules on scheduled and performed procedure steps over HTTP: what right products do, and what wrong ones do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

import suites
from harness.body import Body
from harness.context import Context
from harness.exchange import Answer, Ask, Exchange, Headers
from harness.judge import Judge
from harness.make import steps
from harness.make.attributes import attributes
from harness.make.payloads import ACCEPTS, Form, payload
from harness.verdict import Outcome
from suites.web.performed_steps.reading import LIFE, differs
from suites.web.scheduled_steps.reading import RELATIONS, name, rows

CATALOGUE = suites.load()
PREFIXES = ("performed-steps.", "scheduled-steps.", "client.performed-", "client.scheduled-")
RULES = [r for r in CATALOGUE.rules.values() if r.id.startswith(PREFIXES)]
BASE = "http://pacs.example/dicomweb"
JSON = ACCEPTS["json"]
PERFORMED, SCHEDULED = "modality-performed-procedure-steps/1.2.3", "modality-scheduled-procedure-steps"
CREATED, FINISHED = attributes(steps.created("rules")), attributes(steps.finished("rules"))
PLANNED = [attributes(planned) for planned in steps.scheduled("rules")]
STATUS = "00400252"


def ask(path: str, content: Any = None, method: str = "GET", form: Form = "json", accept: str = JSON) -> Ask:
    message = payload(content, form) if content is not None else None
    fields = [("Host", "pacs.example"), *([("Accept", accept)] if accept else [])]
    if message is not None:
        fields += [("Content-Type", message.content_type), ("Content-Length", str(message.body.size))]
    body = message.body if message is not None else Body.of(b"")
    return Ask(method, f"/dicomweb/{path}", BASE, Headers.of(fields), body)


def told(status: int, content: Any = None) -> Answer:
    if content is None:
        return Answer(status, "", Headers.of([("Content-Length", "0")]))
    body = json.dumps(content).encode()
    return Answer(status, "", Headers.of([("Content-Type", JSON), ("Content-Length", str(len(body)))]), Body.of(body))


def red(*exchanges: Exchange, journey: str = "", edition: str = "2025e", client: bool = False) -> dict[str, str]:
    """The rules that found something, each with "fail" or "warn"."""
    judge = Judge(CATALOGUE, Context(edition), RULES, grounded=False)
    for number, x in enumerate(exchanges, 1):
        side = frozenset({"user-agent"}) if client else x.judged
        judge.see(x.but(seq=number, journey=f"{journey}#1" if journey else "", judged=side))
    found = judge.finish()
    assert [v.rule for v in found if v.outcome is Outcome.ERROR] == []
    return {v.rule: v.outcome.value for v in found if v.outcome in (Outcome.FAIL, Outcome.WARN)}


# --- performed ------------------------------------------------------------------------------------------------------


def create(answer: Answer, content: Any = CREATED, **facts: Any) -> Exchange:
    return Exchange(1, ask(PERFORMED, content, "POST"), answer, facts=facts)


def update(answer: Answer, content: Any = FINISHED, **facts: Any) -> Exchange:
    return Exchange(1, ask(f"{PERFORMED}?update", content, "POST"), answer, facts=facts)


def retrieve(answer: Answer, query: str = "", **facts: Any) -> Exchange:
    return Exchange(1, ask(PERFORMED + query), answer, facts=facts)


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_product_without_the_service_is_left_alone(status: int) -> None:
    assert red(create(told(status))) == {}


def test_an_old_edition_has_no_such_rules() -> None:
    assert red(create(told(500)), edition="2024e") == {}


@pytest.mark.parametrize(
    ("x", "rule", "outcome"),
    [
        (create(told(201)), "performed-steps.created", ""),
        (create(told(200)), "performed-steps.created", "warn"),
        (create(told(503)), "performed-steps.created", "warn"),
        (create(told(400)), "performed-steps.created", "fail"),
        (update(told(200)), "performed-steps.updated", ""),
        (update(told(204)), "performed-steps.updated", "warn"),
        (update(told(409)), "performed-steps.updated", "fail"),
        (create(told(409), wrong="used"), "performed-steps.used-uid-is-refused", ""),
        (create(told(400), wrong="used"), "performed-steps.used-uid-is-refused", "warn"),
        (create(told(201), wrong="used"), "performed-steps.used-uid-is-refused", "fail"),
        (update(told(410), wrong="unknown"), "performed-steps.unknown-step", "warn"),
        (update(told(200), wrong="unknown"), "performed-steps.unknown-step", "fail"),
        (retrieve(told(405), wrong="unknown"), "performed-steps.unknown-step", ""),
        (update(told(409), wrong="final"), "performed-steps.final-is-final", ""),
        (update(told(400), wrong="final"), "performed-steps.final-is-final", "warn"),
        (update(told(200), wrong="final"), "performed-steps.final-is-final", "fail"),
        (create(told(409), wrong="over"), "performed-steps.begins-in-progress", ""),
        (create(told(201), wrong="over"), "performed-steps.begins-in-progress", "fail"),
        (create(told(201), wrong="incomplete"), "performed-steps.incomplete-is-refused", "warn"),
        (update(told(200), wrong="fixed"), "performed-steps.bad-update-is-refused", "warn"),
        (create(told(500), wrong="malformed"), "performed-steps.bad-request-is-refused", "fail"),
        # the table of media types could not be read, so that it cannot fail anybody
        (create(told(415), form="xml"), "performed-steps.media-types", "warn"),
    ],
)
def test_answers(x: Exchange, rule: str, outcome: str) -> None:
    assert red(x).get(rule, "") == outcome


def test_a_step_is_retrieved_as_it_was_told() -> None:
    now = {**CREATED, **FINISHED}
    life = [create(told(201)), retrieve(told(200, [CREATED])), update(told(200)), retrieve(told(200, now))]
    assert red(*life, journey=LIFE) == {}
    stale = [*life[:3], retrieve(told(200, CREATED))]
    assert red(*stale, journey=LIFE) == {"performed-steps.retrieved-as-told": "fail"}
    changed = [*life[:2], update(told(409), wrong="final"), retrieve(told(200, now))]
    assert red(*changed, journey=LIFE) == {"performed-steps.retrieved-as-told": "fail"}


def test_what_was_told_is_missed_where_all_is_asked_for() -> None:
    lost = {tag: attribute for tag, attribute in CREATED.items() if tag != "00400253"}
    for query, outcome in (("?includefield=all", "fail"), ("", "warn")):
        life = (create(told(201)), retrieve(told(200, lost), query))
        assert red(*life, journey=LIFE) == {"performed-steps.retrieved-as-told": outcome}


@pytest.mark.parametrize(("where", "outcome"), [("9.9", {"performed-steps.created": "warn"}), ("", {})])
def test_where_a_step_is_created(where: str, outcome: dict[str, str]) -> None:
    taken = told(201)
    located = taken.headers.but("location", f"http://else.example/{where or PERFORMED}")
    assert red(create(taken.but(headers=located))) == outcome


def test_what_was_refused_is_not_expected() -> None:
    life = [create(told(201)), update(told(409), wrong="final"), retrieve(told(200, CREATED))]
    assert red(*life, journey=LIFE) == {}


def test_a_retrieval_may_leave_attributes_out_but_not_those_that_are_named() -> None:
    named = {"named": ["PerformedProcedureStepStatus", "PatientName"]}
    query = "?includefield=PerformedProcedureStepStatus,PatientName"
    brief = {tag: CREATED[tag] for tag in (STATUS, "00100010")}
    assert red(create(told(201)), retrieve(told(200, brief), query, **named), journey=LIFE) == {}
    short = {STATUS: CREATED[STATUS]}
    found = red(create(told(201)), retrieve(told(200, short), query, **named), journey=LIFE)
    assert found == {"performed-steps.includefield": "fail"}


@pytest.mark.parametrize(
    ("sent", "came", "other"),
    [
        ({"vr": "DS", "Value": [70]}, {"vr": "DS", "Value": ["70.0"]}, False),
        ({"vr": "LO", "Value": ["A"]}, {"vr": "LO", "Value": ["A "]}, False),
        ({"vr": "LO"}, {"vr": "LO", "Value": [None]}, False),
        ({"vr": "PN", "Value": [{"Alphabetic": "A^B"}]}, {"vr": "PN", "Value": [{"Alphabetic": "A^B^"}]}, False),
        ({"vr": "SQ", "Value": [{}]}, {"vr": "SQ"}, False),
        ({"vr": "LO", "Value": ["A"]}, {"vr": "LO", "Value": ["B"]}, True),
        ({"vr": "SQ", "Value": [{"00080050": {"vr": "SH", "Value": ["1"]}}]}, {"vr": "SQ"}, True),
    ],
)
def test_what_differs(sent: Mapping[str, Any], came: Mapping[str, Any], other: bool) -> None:
    assert differs(sent, came) is other


@pytest.mark.parametrize("form", ["json", "xml", "multipart-json", "multipart-xml"])
def test_right_user_agents(form: Form) -> None:
    asked = [
        Exchange(1, ask(PERFORMED, CREATED, "POST", form), told(201)),
        Exchange(2, ask(f"{PERFORMED}?update", FINISHED, "POST", form), told(200)),
        Exchange(3, ask(PERFORMED), told(200, CREATED)),
    ]
    assert red(*asked, client=True) == {}


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        (ask(PERFORMED, attributes(steps.created("x", PatientID=None)), "POST"), "client.performed-create-attributes"),
        (ask(PERFORMED, {**CREATED, **FINISHED}, "POST"), "client.performed-begins-in-progress"),
        (ask(PERFORMED, None, "POST"), "client.performed-payload"),
        (ask(PERFORMED, CREATED, "POST", accept=""), "client.performed-accept"),
        (ask(f"{PERFORMED}?update", CREATED, "POST"), "client.performed-update-attributes"),
        (ask(f"{PERFORMED}?update=1", FINISHED, "POST"), "client.performed-update-parameter"),
        (ask(f"{PERFORMED[:-5]}PPS1", CREATED, "POST"), "client.performed-uid"),
        (ask(f"{SCHEDULED}?00400100.00400001=CT*"), "client.scheduled-keys"),
        (ask(f"{SCHEDULED}?00400100.00400002=2024-03-06"), "client.scheduled-keys"),
        (ask(SCHEDULED, {}), "client.scheduled-without-payload"),
    ],
)
def test_wrong_user_agents(asked: Ask, rule: str) -> None:
    assert red(Exchange(1, asked, told(200)), client=True).get(rule) == "fail"


# --- scheduled ------------------------------------------------------------------------------------------------------


def search(answer: Answer, query: str = "", **facts: Any) -> Exchange:
    return Exchange(1, ask(SCHEDULED + query), answer, facts=facts)


def test_a_right_list() -> None:
    assert red(search(told(200, PLANNED))) == {}
    modality = PLANNED[0]["00400100"]["Value"][0]["00080060"]["Value"][0]
    same = [p for p in PLANNED if p["00400100"]["Value"][0]["00080060"]["Value"][0] == modality]
    assert red(search(told(200, same), f"?00400100.00080060={modality}")) == {}
    assert red(search(told(200, PLANNED), f"?00400100.00080060={modality}")) == {"scheduled-steps.rows-match": "fail"}


def test_what_is_due_comes_and_nothing_else() -> None:
    labels = [name(row) for row in rows(search(told(200, PLANNED))) or ()]
    assert len(set(labels)) == len(PLANNED)
    found = search(told(200, PLANNED[:1]), "?PatientID=*", due=labels[:1], others=labels[1:])
    assert red(found) == {}
    for answer in (told(204), told(200, PLANNED), told(200, PLANNED[1:2])):
        wrong = search(answer, "?PatientID=*", due=labels[:1], others=labels[1:])
        assert red(wrong) == {"scheduled-steps.finds-what-is-there": "fail"}


@pytest.mark.parametrize(
    ("edition", "answer", "outcome"),
    [
        ("2025e", told(204), ""),
        ("2025e", told(200, []), "warn"),
        ("2026a", told(200, []), ""),
        ("2026a", told(204), "warn"),
        ("2026a", told(200), "fail"),
    ],
)
def test_no_match(edition: str, answer: Answer, outcome: str) -> None:
    found = red(search(answer, "?PatientID=NOBODY", nobody=True), edition=edition)
    assert found.get("scheduled-steps.no-match", "") == outcome


@pytest.mark.parametrize(
    ("x", "rule"),
    [
        (search(told(500)), "scheduled-steps.search-is-answered"),
        (search(told(200, PLANNED[:1] * 2)), "scheduled-steps.one-step-each"),
        (search(told(200, PLANNED), "?limit=3"), "scheduled-steps.limit"),
        (search(told(200, PLANNED), "?limit=x", wrong="limit"), "scheduled-steps.bad-value"),
        (search(told(200, PLANNED), named=["00400100.00400020"]), ""),
        (search(told(200, [{"0020000D": PLANNED[0]["0020000D"]}]), named=["00100020"]),
         "scheduled-steps.returns-what-is-asked"),
    ],
)  # fmt: skip
def test_wrong_searches(x: Exchange, rule: str) -> None:
    found = red(x)
    assert found == ({rule: "fail"} if rule else {})


def test_pages() -> None:
    whole = search(told(200, PLANNED)).but(step="all")
    first = search(told(200, PLANNED[:2]), "?limit=2&offset=0").but(step="page")
    second = search(told(200, PLANNED[2:4]), "?limit=2&offset=2").but(step="page")
    beyond = search(told(200, PLANNED[:1]), "?limit=2&offset=99").but(step="page")
    assert red(whole, first, second, journey=RELATIONS) == {}
    assert red(whole, first, first.but(ask=second.ask), journey=RELATIONS) == {"scheduled-steps.pages": "warn"}
    assert red(whole, beyond, journey=RELATIONS).get("scheduled-steps.pages") == "fail"


@pytest.mark.parametrize(
    "body", [b"[", b"[[]]", b'[{"00400100":{"vr":"SQ","Value":[null]}}]', b"\xff", b'{"00400252":7}']
)
def test_no_payload_breaks_the_reading(body: bytes) -> None:
    fields = Headers.of([("Content-Type", JSON)])
    answer = Answer(200, "", fields, Body.of(body))
    sides = frozenset({"user-agent", "origin-server"})
    for path, method in ((PERFORMED, "POST"), (f"{PERFORMED}?update", "POST"), (PERFORMED, "GET"), (SCHEDULED, "GET")):
        asked = Ask(method, f"/dicomweb/{path}", BASE, fields, Body.of(body) if method == "POST" else Body.of(b""))
        red(Exchange(1, asked, answer, judged=sides, facts={"named": ["PatientID"], "due": ["x"]}))


@pytest.mark.parametrize(("key", "outcome"), [
    ("Modality=CT", {"client.scheduled-keys": "warn"}),
    ("ScheduledProcedureStepSequence.Modality=CT", {}),
    ("PatientName=A*&00080050=A1", {}),
])  # fmt: skip
def test_keys_of_the_step_lie_in_its_sequence(key: str, outcome: dict[str, str]) -> None:
    assert red(Exchange(1, ask(f"{SCHEDULED}?{key}"), told(204)), client=True) == outcome
