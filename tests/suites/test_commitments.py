"""Rules on storage commitment over HTTP: what right products do in their ways, and what wrong ones do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

import suites
from harness.body import Body
from harness.context import Context
from harness.exchange import Answer, Ask, Exchange, Headers
from harness.judge import Judge
from harness.make.payloads import ACCEPTS, Form, payload, payloads
from harness.verdict import Outcome
from suites.web.commitments.probes import nested, plain
from suites.web.commitments.reading import TRANSACTION, module

CATALOGUE = suites.load()
RULES = [r for r in CATALOGUE.rules.values() if r.id.startswith(("commitments.", "client.commitment-"))]
BASE = "http://pacs.example/dicomweb"
SC = "1.2.840.10008.5.1.4.1.1.7"
KEPT, LOST, UNKNOWN = ((SC, name, "1.2.1", "1.2.1.1") for name in ("1.2.1.1.1", "1.2.1.1.2", "9.9"))
FACTS = {"kept": ["1.2.1.1.1"], "unknown": ["9.9"], "conflicting": [], "unsupported": []}

Reference = tuple[str, str, str, str]


def ask(asked: Mapping[str, Any] | None, transaction: str = "1.2.3", form: Form = "json", method: str = "POST") -> Ask:
    message = payload(asked, form) if asked is not None else None
    fields = [("Host", "pacs.example"), ("Accept", ACCEPTS["json"])]
    if message is not None:
        fields += [("Content-Type", message.content_type), ("Content-Length", str(message.body.size))]
    body = message.body if message is not None else Body.of(b"")
    return Ask(method, f"/dicomweb/commitment-requests/{transaction}", BASE, Headers.of(fields), body)


def told(asked: Mapping[str, Any] | None, form: Form = "json", status: int = 200, **fields: str) -> Answer:
    message = payload(asked, form) if asked is not None else None
    given = [(name.replace("_", "-"), value) for name, value in fields.items()]
    if message is not None:
        given += [("Content-Type", message.content_type), ("Content-Length", str(message.body.size))]
    return Answer(status, "", Headers.of(given), message.body if message is not None else Body.of(b""))


def result(safe: Sequence[Reference] = (), failed: Sequence[tuple[str, str, int]] = ()) -> dict[str, Any]:
    """A response module in the plain form."""
    made = plain(safe) if safe else {}
    if failed:
        items = [{"00081150": ui(c), "00081155": ui(i), "00081197": {"vr": "US", "Value": [r]}} for c, i, r in failed]
        made["00081198"] = {"vr": "SQ", "Value": items}
    return dict(sorted(made.items()))


def ui(value: str) -> dict[str, Any]:
    return {"vr": "UI", "Value": [value]}


RIGHT = result([KEPT], [(SC, "9.9", 0x0112)])


def red(*exchanges: Exchange, journey: bool = False, edition: str = "2024e") -> dict[str, str]:
    """The rules that found something, each with "fail" or "warn"."""
    judge = Judge(CATALOGUE, Context(edition), RULES, grounded=False)
    name = f"{TRANSACTION}#1" if journey else ""
    for number, x in enumerate(exchanges, 1):
        judge.see(x.but(seq=number, journey=name))
    found = judge.finish()
    assert [v.rule for v in found if v.outcome is Outcome.ERROR] == []
    return {v.rule: v.outcome.value for v in found if v.outcome in (Outcome.FAIL, Outcome.WARN)}


def one(answer: Answer, asked: Mapping[str, Any] | None = None, **facts: Any) -> dict[str, str]:
    sent = asked if asked is not None else plain([KEPT, UNKNOWN])
    return red(Exchange(1, ask(sent), answer, facts={**FACTS, **facts}))


# --- right ones -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        told(RIGHT),
        told(RIGHT, "xml"),
        told(RIGHT, "multipart-xml"),
        told(RIGHT, "multipart-json"),
        told(dict(reversed(RIGHT.items()))),
        told(None, status=202),
        told(None, status=202, retry_after="300"),
        told(RIGHT, warning='299 - "A700: Out of memory"'),
        told(RIGHT, warning="A700 pacs: Out of memory"),
        told(result(failed=[(SC, "9.9", 0x0112), (SC, "1.2.1.1.1", 0x0110)])),
    ],
)
def test_a_right_answer_is_never_a_failure(answer: Answer) -> None:
    assert "fail" not in one(answer).values()


def test_json_in_an_array_is_read_too() -> None:
    body = json.dumps([RIGHT]).encode()
    fields = [("Content-Type", ACCEPTS["json"]), ("Content-Length", str(len(body)))]
    assert one(Answer(200, "", Headers.of(fields), Body.of(body))) == {}


def test_failing_what_is_kept_is_a_warning() -> None:
    assert one(told(result(failed=[(SC, "9.9", 0x0112), (SC, "1.2.1.1.1", 0x0110)]))) == {
        "commitments.commits-to-what-is-kept": "warn"
    }


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_product_without_the_service_is_left_alone(status: int) -> None:
    assert one(told(None, status=status)) == {}


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_reasons_of_its_own_are_a_warning(status: int) -> None:
    assert one(told(None, status=status)) == {"commitments.request-is-taken": "warn"}


def test_an_old_edition_has_no_such_rules() -> None:
    x = Exchange(1, ask(plain([KEPT])), told(None, status=400), facts=FACTS)
    assert red(x, edition="2023e") == {}


def test_both_forms_are_answered_or_refused() -> None:
    asked = dict(sorted({**nested([KEPT]), **plain([UNKNOWN])}.items()))
    both = {**nested([KEPT]), **result(failed=[(SC, "9.9", 0x0112)])}
    assert one(told(dict(sorted(both.items()))), asked) == {}
    assert one(told(None, status=400), asked) == {"commitments.request-is-taken": "warn"}


def test_several_parts_are_one_request() -> None:
    message = payloads([plain([KEPT]), plain([UNKNOWN])], "multipart-xml")
    fields = [("Accept", "*/*"), ("Content-Type", message.content_type), ("Content-Length", str(message.body.size))]
    asked = Ask("POST", "/dicomweb/commitment-requests/1.2.3", BASE, Headers.of(fields), message.body)
    assert red(Exchange(1, asked, told(RIGHT), facts=FACTS)) == {}


def test_a_synchronous_server_may_forget_a_result_it_told() -> None:
    first = Exchange(1, ask(plain([KEPT, UNKNOWN])), told(RIGHT), step="request", facts=FACTS)
    later = Exchange(2, ask(None, method="GET"), told(None, status=404), step="check")
    assert red(first, later, journey=True) == {"commitments.result-comes": "warn"}


def test_better_news_later_is_no_failure() -> None:
    first = Exchange(1, ask(plain([KEPT, UNKNOWN])), told(RIGHT), step="request", facts=FACTS)
    later = Exchange(2, ask(None, method="GET"), told(result([KEPT, UNKNOWN])), step="check")
    assert red(first, later, journey=True) == {"commitments.result-stays": "warn"}


def test_working_for_long_is_a_warning() -> None:
    first = Exchange(1, ask(plain([KEPT])), told(None, status=202), step="request", facts=FACTS)
    checks = [Exchange(n, ask(None, method="GET"), told(None, status=202), step="check") for n in range(2, 5)]
    assert red(first, *checks, journey=True) == {"commitments.result-comes": "warn"}


# --- wrong ones -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (told(None), "commitments.result-is-a-module"),
        (told({}), "commitments.result-is-a-module"),
        (told(None, status=400), "commitments.request-is-taken"),
        (told(None, status=500), "commitments.request-is-taken"),
        (told(RIGHT, status=202), "commitments.accepted-without-payload"),
        (told(result([KEPT])), "commitments.result-is-the-request"),
        (told(result([KEPT, LOST], [(SC, "9.9", 0x0112)])), "commitments.result-is-the-request"),
        (told(result([KEPT, UNKNOWN], [(SC, "9.9", 0x0112)])), "commitments.result-is-the-request"),
        (told(result([KEPT, UNKNOWN])), "commitments.commits-to-what-is-kept"),
        (told(nested([KEPT]) | result(failed=[(SC, "9.9", 0x0112)])), "commitments.result-in-the-form-of-the-request"),
        (told({**RIGHT, "00081110": {"vr": "SQ"}}), "commitments.no-empty-sequence"),
        (told(result([KEPT], [(SC, "9.9", 7)])), "commitments.failure-reason"),
        (told(None, status=202, retry_after="soon"), "commitments.retry-after"),
    ],
)
def test_a_wrong_answer_fails(answer: Answer, rule: str) -> None:
    assert one(answer).get(rule) == "fail"


def test_json_of_another_kind_fails() -> None:
    answer = told(RIGHT)
    other = answer.but(headers=answer.headers.but("content-type", "application/json"))
    assert one(other, form="json").get("commitments.media-types") == "fail"
    named = answer.but(headers=answer.headers.but("content-type", "Application/DICOM+JSON; charset=utf-8"))
    assert one(named, form="json") == {}


@pytest.mark.parametrize(("reason", "outcome"), [(0x0131, "warn"), (0x0110, ""), (0x0213, "")])
def test_a_new_transaction_is_no_duplicate(reason: int, outcome: str) -> None:
    answer = told(result([KEPT], [(SC, "9.9", reason)]))
    assert one(answer).get("commitments.failure-reason-fits", "") == outcome


@pytest.mark.parametrize(("reason", "outcome"), [(0x0112, "warn"), (0, "")])
def test_what_is_committed_to_needs_no_reason(reason: int, outcome: str) -> None:
    module = result([KEPT], [(SC, "9.9", 0x0112)])
    module["00081199"]["Value"][0]["00081197"] = {"vr": "US", "Value": [reason]}
    assert one(told(module)).get("commitments.items-are-whole", "") == outcome


def test_a_failure_without_a_reason_fails() -> None:
    silent = result([KEPT], [(SC, "9.9", 0x0112)])
    del silent["00081198"]["Value"][0]["00081197"]
    assert one(told(silent)).get("commitments.items-are-whole") == "fail"


@pytest.mark.parametrize(
    ("status", "outcome"), [(409, ""), (400, "warn"), (503, "warn"), (200, "fail"), (202, "fail"), (500, "fail")]
)
def test_a_used_transaction(status: int, outcome: str) -> None:
    answer = told(RIGHT if status == 200 else None, status=status)
    assert one(answer, reused=True).get("commitments.used-transaction-is-refused", "") == outcome


@pytest.mark.parametrize(
    ("label", "status", "outcome"),
    [
        ("no references", 400, ""),
        ("no references", 409, "warn"),
        ("no references", 200, "fail"),
        ("no references", 202, "fail"),
        ("no JSON", 500, "fail"),
        ("no instance", 200, "warn"),
        ("Transaction UID", 404, "warn"),
    ],
)
def test_a_bad_request(label: str, status: int, outcome: str) -> None:
    found = one(told(None, status=status), {}, malformed=label)
    assert found.get("commitments.bad-request-is-refused", "") == outcome


@pytest.mark.parametrize(("status", "outcome"), [(404, ""), (410, "warn"), (202, "fail"), (200, "fail")])
def test_an_unknown_transaction(status: int, outcome: str) -> None:
    x = Exchange(1, ask(None, method="GET"), told(None, status=status), facts={"never": True})
    assert red(x).get("commitments.unknown-transaction", "") == outcome


def test_a_request_that_was_taken_is_not_forgotten() -> None:
    first = Exchange(1, ask(plain([KEPT])), told(None, status=202), step="request", facts=FACTS)
    later = Exchange(2, ask(None, method="GET"), told(None, status=404), step="check")
    assert red(first, later, journey=True) == {"commitments.result-comes": "fail"}


def test_a_commitment_is_not_taken_back() -> None:
    first = Exchange(1, ask(plain([KEPT])), told(result([KEPT])), step="request", facts=FACTS)
    lost = told(result(failed=[(SC, "1.2.1.1.1", 0x0110)]))
    later = Exchange(2, ask(None, method="GET"), lost, step="check")
    assert red(first, later, journey=True).get("commitments.result-stays") == "fail"


@pytest.mark.parametrize(("status", "outcome"), [(200, ""), (404, "fail"), (410, "fail"), (503, "warn")])
def test_what_is_committed_to_is_there(status: int, outcome: str) -> None:
    first = Exchange(1, ask(plain([KEPT])), told(result([KEPT])), step="request", facts=FACTS)
    path = "/dicomweb/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1"
    fetch = Ask("GET", path, BASE, Headers.of([("Accept", "application/dicom")]))
    got = Exchange(2, fetch, told(None, status=status), step="retrieve", facts={"instance": "1.2.1.1.1"})
    assert red(first, got, journey=True).get("commitments.committed-is-retrievable", "") == outcome


# --- user agents ----------------------------------------------------------------------------------------------------


def client(asked: Ask) -> dict[str, str]:
    return red(Exchange(1, asked, told(None, status=202), judged=frozenset({"user-agent"})))


@pytest.mark.parametrize("form", ["json", "xml", "multipart-json", "multipart-xml"])
@pytest.mark.parametrize("make", [plain, nested])
def test_a_right_request(form: Form, make: Any) -> None:
    assert client(ask(make([KEPT, UNKNOWN]), form=form)) == {}


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        ({}, "client.commitment-names-instances"),
        ({"00081199": {"vr": "SQ"}}, "client.commitment-names-instances"),
        ({"00081199": {"vr": "SQ", "Value": [{"00081155": ui("1.2")}]}}, "client.commitment-items-are-whole"),
        ({"00081110": {"vr": "SQ", "Value": [{"0020000D": ui("1.2")}]}}, "client.commitment-items-are-whole"),
        (plain([("CT", "1.2", "", "")]), "client.commitment-items-are-whole"),
    ],
)
def test_a_wrong_request_fails(asked: dict[str, Any], rule: str) -> None:
    assert client(ask(asked)).get(rule) == "fail"


def test_a_transaction_is_a_uid() -> None:
    assert client(ask(plain([KEPT]), "0815-4711")).get("client.commitment-transaction") == "fail"


@pytest.mark.parametrize(
    "body", [b"", b"[", b"[1]", b'{"00081199":{"vr":"SQ","Value":[null,7,{"00081155":[]}]}}', b"\0"]
)
def test_no_payload_breaks_the_reading(body: bytes) -> None:
    fields = Headers.of([("Content-Type", ACCEPTS["json"])])
    asked = Ask("POST", "/dicomweb/commitment-requests/1.2.3", BASE, fields, Body.of(body))
    answer = Answer(200, "", fields, Body.of(body))
    red(Exchange(1, asked, answer, judged=frozenset({"user-agent", "origin-server"})))
    found = module(answer)
    assert found is None or not found.committed - {""}


@pytest.mark.parametrize(
    ("pause", "outcome"), [({}, "warn"), ({"retry_after": "1"}, "warn"), ({"retry_after": "300"}, "")]
)
def test_who_asks_for_more_time_than_we_have_is_not_blamed(pause: dict[str, str], outcome: str) -> None:
    first = Exchange(1, ask(plain([KEPT])), told(None, status=202), step="request", facts=FACTS)
    later = Exchange(2, ask(None, method="GET"), told(None, status=202, **pause), step="check")
    assert red(first, later, journey=True).get("commitments.result-comes", "") == outcome


def test_what_failed_for_its_class_may_be_told_under_its_own() -> None:
    wrong = ("1.2.840.10008.5.1.4.1.1.88.11", *KEPT[1:])
    answer = told(result([], [(SC, KEPT[1], 0x0119), (SC, "9.9", 0x0112)]))
    facts = {"kept": [], "unknown": ["9.9"], "conflicting": [KEPT[1]], "unsupported": []}
    assert red(Exchange(1, ask(plain([wrong, UNKNOWN])), answer, facts=facts)) == {}


def test_a_question_whether_somebody_is_there_is_held_against_nobody() -> None:
    for status in (400, 404, 500):
        assert one(told(None, status=status), asking=True) == {}
