"""Rules on DIMSE messages, storage and data sets, on associations made by hand: what they fail, pass, leave alone."""

from __future__ import annotations

from typing import Any

import pytest

import suites
from harness.association import Association, Said
from harness.exchange import Journey
from harness.upper_layer import message as messages
from harness.upper_layer.message import ABSENT, Message, response
from harness.wire import dimse
from suites.dimse import commands
from tests.suites.spoken import (
    CONTEXT,
    CT,
    GET,
    IDS,
    ROLES,
    THEM,
    US,
    counted,
    echo,
    fails,
    get_request,
    match,
    operation,
    passes,
    query,
    retrieval,
    said,
    stored,
    unexercised,
    warns,
)

suites.load()

STUDY, SERIES, IMAGE = "0020000D", "0020000E", "00080018"


def echoed(answer: Message | None = None, asked: Message | None = None, **about: Any) -> Association:
    asked = asked or echo()
    return said((US, asked), (THEM, answer or response(asked, 0)), **about)


# messages


def test_an_ordinary_echo_passes_what_it_exercises() -> None:
    a = echoed()
    assert passes("verification.success", a.operations[0])
    for rule in ("messages.command-encoding", "messages.group-length", "messages.mandatory-elements",
                 "messages.data-set-where-due", "messages.field-known", "messages.status-known",
                 "messages.answers-in-its-context", "messages.response-to-each-request"):  # fmt: skip
        assert passes(rule, a.operations[0]), rule
    assert passes("messages.answers-what-was-asked", a)
    assert passes("messages.one-final-response", a)
    assert unexercised("messages.cancel-form", a)


def test_what_the_other_side_says_is_not_judged() -> None:
    asked = echo().set(CommandField=0x7777)
    assert unexercised("messages.field-known", operation((US, asked), judged=[THEM]))
    assert fails("messages.field-known", operation((US, asked), judged=[US]))


@pytest.mark.parametrize("number", [0, 2, 65535])
def test_a_response_to_nobody(number: int) -> None:
    answer = response(echo(), 0).set(MessageIDBeingRespondedTo=number)
    assert fails("messages.answers-what-was-asked", echoed(answer))


def test_a_response_missing() -> None:
    waited = said((US, echo()), events=[Said(THEM, "timeout", 0, 99)])
    assert fails("messages.response-to-each-request", waited.operations[0])
    left = said((US, echo()))  # released by us without waiting
    assert unexercised("messages.response-to-each-request", left.operations[0])


def test_two_final_responses() -> None:
    asked = echo()
    assert fails(
        "messages.one-final-response", said((US, asked), (THEM, response(asked, 0)), (THEM, response(asked, 0)))
    )


def test_message_ids_of_outstanding_requests() -> None:
    asked = echo(7)
    twice = said((US, asked), (US, asked), (THEM, response(asked, 0)), judged=[US])
    assert fails("messages.id-unique", twice)
    again = said((US, asked), (THEM, response(asked, 0)), (US, asked), (THEM, response(asked, 0)), judged=[US])
    assert passes("messages.id-unique", again)


@pytest.mark.parametrize(("status", "known"), [
    (0, True), (0xA7FF, True), (0xC123, True), (0x0110, True), (0xB000, True), (0x5555, False), (0x0300, False),
    (0xFF02, False),
])  # fmt: skip
def test_status_classes(status: int, known: bool) -> None:
    asked = stored("1.2.3")
    o = operation((US, asked), (THEM, response(asked, status)))
    assert passes("messages.status-known", o) is known


@pytest.mark.parametrize(("status", "verdict"), [(0xA7FF, "pass"), (0xB006, "pass"), (0xA123, "fail"), (0xB123, "fail"),
                                                 (0x0124, "pass"), (0x0110, "warn"), (0x0111, "warn")])  # fmt: skip
def test_status_of_the_service(status: int, verdict: str) -> None:
    asked = stored("1.2.3")
    o = operation((US, asked), (THEM, response(asked, status)))
    held = {"pass": passes, "fail": fails, "warn": warns}[verdict]
    assert held("messages.status-of-the-service", o)


def test_success_with_a_comment_is_worth_a_look_and_a_failure_is_not() -> None:
    asked = stored("1.2.3")
    assert fails(
        "messages.success-is-not-explained", operation((US, asked), (THEM, response(asked, 0, ErrorComment="ok")))
    )
    refused = response(asked, 0xA700, ErrorComment="full")
    assert passes("messages.success-is-not-explained", operation((US, asked), (THEM, refused)))
    assert fails(
        "messages.comment-length", operation((US, asked), (THEM, response(asked, 0xA700, ErrorComment="x" * 65)))
    )


@pytest.mark.parametrize("change", [{"Priority": ABSENT}, {"AffectedSOPInstanceUID": ABSENT}, {"MessageID": ABSENT}])
def test_mandatory_elements_of_a_request(change: dict[str, object]) -> None:
    o = operation((US, stored("1.2.3").set(**change)), judged=[US])
    assert fails("messages.mandatory-elements", o)


def test_affected_uids_may_be_left_out_and_must_not_differ() -> None:
    asked = stored("1.2.3")
    without = response(asked, 0).set(AffectedSOPClassUID=ABSENT, AffectedSOPInstanceUID=ABSENT)
    assert passes("messages.mandatory-elements", operation((US, asked), (THEM, without)))
    assert unexercised("messages.answers-about-the-same", operation((US, asked), (THEM, without)))
    other = response(asked, 0).set(AffectedSOPInstanceUID="1.2.4")
    assert fails("messages.answers-about-the-same", operation((US, asked), (THEM, other)))


def test_a_command_that_names_another_class_than_its_context() -> None:
    assert fails("messages.names-the-sop-class", operation((US, messages.echo_rq(1, 1, CT)), judged=[US]))


def test_a_cancel() -> None:
    asked = query("STUDY", {STUDY: ""})
    right = messages.cancel_rq(IDS["1.2.840.10008.5.1.4.1.2.2.1"], 1)
    assert passes("messages.cancel-form", said((US, asked), (US, right), judged=[US]))
    assert fails("messages.cancel-form", said((US, asked), (US, right.set(MessageID=2)), judged=[US]))
    wrong = messages.cancel_rq(5, 9)
    assert fails("messages.cancel-form", said((US, asked), (US, wrong), judged=[US]))


def test_cancelled_operations() -> None:
    asked = query("STUDY", {STUDY: ""})
    cancel = messages.cancel_rq(asked.context, 1)
    facts = {"cancelled": 1, "matches": 9}
    first = match(asked, "STUDY", {STUDY: "1.2"})

    def ended(status: int) -> object:
        return operation((US, asked), (THEM, first), (US, cancel), (THEM, response(asked, status)), facts=facts)

    assert passes("messages.cancel-ends-it", ended(0xFE00))
    assert fails("messages.cancel-ends-it", ended(0xB000))
    assert fails("messages.cancel-ends-it", ended(0x0000))
    all_told = {"cancelled": 1, "matches": 1}
    o = operation((US, asked), (THEM, first), (US, cancel), (THEM, response(asked, 0)), facts=all_told)
    assert passes("messages.cancel-ends-it", o)
    assert fails("messages.cancel-only-when-asked", operation((US, asked), (THEM, response(asked, 0xFE00))))


# C-STORE


def test_a_command_that_names_another_instance() -> None:
    assert passes("storage.command-names-the-data-set", echoed(asked=stored("1.4"), judged=[US]).operations[0])
    wrong = stored("1.4").set(AffectedSOPInstanceUID="1.5")
    assert fails("storage.command-names-the-data-set", echoed(asked=wrong, judged=[US]).operations[0])


def test_a_legal_instance_is_understood() -> None:
    asked = stored("1.4")
    for status, held in ((0, passes), (0xA700, passes), (0xC000, fails), (0xA900, fails)):
        o = operation((US, asked), (THEM, response(asked, status)), facts={"legal": True})
        assert held("storage.accepts-what-is-legal", o)


def kept(back: dict[str, str] | None, status: int = 0) -> Journey:
    kind = "dimse.storage.effects"
    about: dict[str, Any] = {"journey": f"{kind}#1"}
    asked = stored("1.4", keys={"00100010": "A^B", "00100020": "P1"})
    store = said((US, asked), (THEM, response(asked, status)), step="store", **about)
    want = retrieval("get", "IMAGE", {STUDY: "1.2", SERIES: "1.3", IMAGE: "1.4"})
    spoken: list[tuple[object, Message]] = [(US, want)]
    if back is not None:
        sent = stored("1.4", keys=back)
        spoken += [(THEM, sent), (US, response(sent, 0))]
    spoken.append((THEM, counted(want, 0, None, int(back is not None), 0, 0)))
    get = said(*spoken, step="get", roles=ROLES, **about)  # type: ignore[arg-type]
    return Journey(kind, f"{kind}#1", (), CONTEXT, (store, get))


def test_what_was_stored() -> None:
    same = {"00100010": "A^B", "00100020": "P1"}
    assert passes("storage.success-means-stored", kept(same))
    assert fails("storage.success-means-stored", kept(None))
    assert passes("storage.values-are-kept", kept(same))
    assert fails("storage.values-are-kept", kept({**same, "00100020": "P2"}))
    assert passes("storage.values-are-kept", kept({**same, "00100020": "P2"}, status=0xB000))
    assert fails("storage.attributes-are-kept", kept({"00100010": "A^B"}))
    assert warns("storage.nothing-is-added", kept({**same, "00400244": "20240101"}))
    assert fails("storage.nothing-is-added", kept({**same, "00100021": "HERE"}))


# data sets


def test_data_sets_are_judged_on_both_sides() -> None:
    asked = stored("1.4", keys={"00080020": "2024-1-1"})
    assert fails("dataset.values", operation((US, asked), judged=[US]))
    assert unexercised("dataset.values", operation((US, asked), judged=[THEM]))
    pattern = query("STUDY", {STUDY: "", "00080020": "2024*", "00100010": "x" * 80 + "*"})
    assert not fails("dataset.values", operation((US, pattern), judged=[US]))
    cut = stored("1.4")
    assert fails("dataset.elements", operation((US, cut.carrying((cut.data or b"")[:-1])), judged=[US]))


def test_what_others_stored_is_not_blamed_on_who_hands_it_out() -> None:
    asked = get_request()
    odd = stored("1.4", keys={"00080020": "2024-1-1"})
    spoken = ((US, asked), (THEM, odd), (US, response(odd, 0)), (THEM, counted(asked, 0, None, 1, 0, 0)))
    assert warns("dataset.values", said(*spoken, roles=ROLES).operations[1])
    assert fails("dataset.values", said(*spoken, roles=ROLES, facts={"ours": ["1.4"]}).operations[1])


def test_get_context() -> None:
    assert said((US, get_request())).contexts[IDS[GET]].abstract == GET


def test_every_flaw_of_the_reader_is_judged_by_one_rule_or_left_out_for_a_reason() -> None:
    assert set(dimse.CODES) == set(commands.RULE_OF) | set(commands.ELSEWHERE)
    assert set(commands.RULE_OF) & set(commands.ELSEWHERE) == set()
