"""Rules on DIMSE messages and services, each on an association made by hand: what it fails, passes and leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

import suites
from harness.association import Association, Said
from harness.exchange import Journey
from harness.upper_layer import message as messages
from harness.upper_layer.message import ABSENT, Message, response
from harness.upper_layer.offer import Role
from harness.wire import dimse
from suites.dimse import commands
from tests.suites.spoken import (
    CONTEXT,
    CT,
    GET,
    IDS,
    THEM,
    US,
    counted,
    echo,
    fails,
    found,
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


# C-FIND, the request


def test_levels_of_a_query() -> None:
    assert passes("find.level", operation((US, query("IMAGE", {IMAGE: ""})), judged=[US]))
    for wrong in ("INSTANCE", "PATIENT", ""):
        assert fails("find.level", operation((US, query(wrong, {STUDY: ""})), judged=[US]))
    assert passes("find.level", operation((US, query("PATIENT", {"00100020": ""}, patient=True)), judged=[US]))


def test_hierarchical_queries() -> None:
    def asked(level: str, keys: dict[str, str]) -> object:
        return operation((US, query(level, keys)), judged=[US])

    assert passes("find.hierarchical", asked("SERIES", {STUDY: "1.2", SERIES: "", "00080060": "CT"}))
    assert fails("find.hierarchical", asked("SERIES", {SERIES: ""}))
    assert fails("find.hierarchical", asked("SERIES", {STUDY: "", SERIES: ""}))
    assert fails("find.hierarchical", asked("SERIES", {STUDY: "1.2\\1.3", SERIES: ""}))
    assert fails("find.hierarchical", asked("IMAGE", {STUDY: "1.2", SERIES: "1.3", IMAGE: "", "00100010": ""}))
    agreed = operation((US, query("SERIES", {SERIES: ""})), judged=[US], extended=(b"\1", b"\1"))
    assert unexercised("find.hierarchical", agreed)
    refused = operation((US, query("SERIES", {SERIES: ""})), judged=[US], extended=(b"\1", b"\0"))
    assert fails("find.hierarchical", refused)


def test_a_query_names_its_unique_key() -> None:
    assert fails("find.names-its-unique-key", operation((US, query("STUDY", {"00100010": ""})), judged=[US]))
    lower = query("STUDY", {STUDY: "", "00200013": "1"})
    assert fails("find.names-its-unique-key", operation((US, lower), judged=[US]))
    optional = query("STUDY", {STUDY: "", "0008103E": ""})
    assert warns("find.names-its-unique-key", operation((US, optional), judged=[US]))


def test_values_of_keys() -> None:
    def asked(**keys: str) -> object:
        return operation((US, query("STUDY", {STUDY: "", **{k[1:]: v for k, v in keys.items()}})), judged=[US])

    assert passes("find.values-fit-for-matching", asked(_00080020="20240101-20240131", _00100010="A*^B?"))
    assert fails("find.values-fit-for-matching", asked(_00080020="01/31/2024"))
    assert fails("find.reserved-attributes", asked(_00080056=""))
    assert fails("find.reserved-attributes", asked(_00080201=""))


# C-FIND, the responses

KEYS = {STUDY: "", "00100020": "P1", "00100010": "", "00081030": ""}
FULL = {STUDY: "1.2", "00100020": "P1", "00100010": "A^B", "00081030": "CHEST"}


def asked_and_found(*matches: dict[str, str], keys: dict[str, str] = KEYS, level: str = "STUDY", status: int = 0xFF00,
                    final: int = 0, **about: Any) -> object:  # fmt: skip
    asked = query(level, keys)
    told = [(THEM, match(asked, level, m, status)) for m in matches]
    return operation((US, asked), *told, (THEM, response(asked, final)), **about)


@pytest.mark.parametrize(
    "rule",
    ["find.pending-has-an-identifier", "find.final-has-no-identifier", "find.success-at-the-end", "find.level-echoed",
     "find.returns-required-keys", "find.names-what-it-found", "find.returns-nothing-else",
     "find.says-where-to-retrieve", "find.retrieve-ae-title", "find.single-value"],
)  # fmt: skip
def test_an_ordinary_match(rule: str) -> None:
    assert passes(rule, asked_and_found(FULL))


@pytest.mark.parametrize(
    ("rule", "change"),
    [("find.level-echoed", {"00080052": "SERIES"}), ("find.returns-nothing-else", {"00080080": "HERE"}),
     ("find.single-value", {"00100020": "P2"}), ("find.single-value", {"00100020": "p1"}),
     ("find.names-what-it-found", {STUDY: ""}), ("find.retrieve-ae-title", {"00080054": "*"}),
     ("find.instance-availability", {"00080056": "YES"}), ("find.charset-has-a-value", {"00080005": ""})],
)  # fmt: skip
def test_an_odd_match(rule: str, change: dict[str, str]) -> None:
    asked = query("STUDY", KEYS)
    told = match(asked, change.get("00080052", "STUDY"), {**FULL, **change})
    assert fails(rule, operation((US, asked), (THEM, told), (THEM, response(asked, 0))))


def test_keys_that_are_missing() -> None:
    thin = {k: v for k, v in FULL.items() if k != "00100010"}
    assert fails("find.returns-required-keys", asked_and_found(thin))
    thin = {k: v for k, v in FULL.items() if k != "00081030"}
    assert passes("find.returns-required-keys", asked_and_found(thin))
    assert fails("find.warns-of-unsupported-keys", asked_and_found(thin))
    assert passes("find.warns-of-unsupported-keys", asked_and_found(thin, status=0xFF01))
    assert unexercised("find.warns-of-unsupported-keys", asked_and_found(FULL))


def test_where_to_retrieve_from() -> None:
    asked = query("STUDY", KEYS)
    bare = messages.response(asked, 0xFF00, match(asked, "STUDY", FULL).data)
    assert passes("find.says-where-to-retrieve", operation((US, asked), (THEM, bare), (THEM, response(asked, 0))))
    keys = {STUDY: "1.2", SERIES: "1.3", IMAGE: ""}
    image = {STUDY: "1.2", SERIES: "1.3", IMAGE: "1.4", "00080054": ""}
    assert fails("find.says-where-to-retrieve", asked_and_found(image, keys=keys, level="IMAGE"))
    assert passes("find.says-where-to-retrieve", asked_and_found({**FULL, "00080054": ""}))


@pytest.mark.parametrize(("value", "held", "fits"), [
    ("AB*", "ABC", True), ("AB*", "XABC", False), ("A?C", "ABC", True), ("A?C", "ABBC", False), ("*", "ABC", None),
])  # fmt: skip
def test_wild_cards(value: str, held: str, fits: bool | None) -> None:
    o = asked_and_found({STUDY: "1.2", "00100020": held}, keys={STUDY: "", "00100020": value})
    told = found("find.wild-card", o)
    assert told is None if fits is None else (told == []) is fits


@pytest.mark.parametrize(("value", "held", "fits"), [
    ("20240101-20240131", "20240131", True), ("20240101-20240131", "20240201", False), ("-20240101", "20240101", True),
    ("20240101-", "20231231", False),
])  # fmt: skip
def test_ranges(value: str, held: str, fits: bool) -> None:
    o = asked_and_found({STUDY: "1.2", "00080020": held}, keys={STUDY: "", "00080020": value})
    assert (passes if fits else fails)("find.range", o)


def test_dates_and_times_combine_only_when_that_was_agreed() -> None:
    keys = {STUDY: "", "00080020": "20240101-20240103", "00080030": "1000-1100"}
    noon = {STUDY: "1.2", "00080020": "20240102", "00080030": "120000"}
    assert fails("find.range", asked_and_found(noon, keys=keys))
    agreed = asked_and_found(noon, keys=keys, extended=(b"\0\1", b"\0\1"))
    assert not fails("find.range", agreed)
    assert passes("find.combined-date-time", agreed)
    outside = {**noon, "00080020": "20240101", "00080030": "090000"}
    assert fails("find.combined-date-time", asked_and_found(outside, keys=keys, extended=(b"\0\1", b"\0\1")))


def test_names_match_as_the_text_leaves_open() -> None:
    keys = {STUDY: "", "00100010": "Doe^John"}
    assert not fails("find.single-value", asked_and_found({STUDY: "1.2", "00100010": "DOE^JOHN"}, keys=keys))
    assert fails("find.single-value", asked_and_found({STUDY: "1.2", "00100010": "ROE^JANE"}, keys=keys))
    fuzzy = asked_and_found({STUDY: "1.2", "00100010": "Do^Jon"}, keys=keys, extended=(b"\0\0\1", b"\0\0\1"))
    assert not fails("find.single-value", fuzzy)


def test_an_unlawful_query_is_not_judged_by_its_matches() -> None:
    o = asked_and_found(
        {STUDY: "1.2", SERIES: "1.3", "00080060": "MR"}, keys={SERIES: "", "00080060": "CT"}, level="SERIES"
    )
    assert unexercised("find.single-value", o)


def test_known_unique_keys() -> None:
    facts = {"known": ["1.2"], "unknown": ["1.9"]}
    keys = {STUDY: "1.2", "00100020": ""}
    assert passes("find.found-by-unique-key", asked_and_found({STUDY: "1.2", "00100020": "P"}, keys=keys, facts=facts))
    assert fails("find.found-by-unique-key", asked_and_found(keys=keys, facts=facts))
    assert fails("find.found-by-unique-key", asked_and_found({STUDY: "1.3"}, keys=keys, facts=facts))
    unknown = {STUDY: "1.9"}
    assert passes("find.found-by-unique-key", asked_and_found(keys=unknown, facts=facts))
    assert fails("find.found-by-unique-key", asked_and_found({STUDY: "1.2"}, keys=unknown, facts=facts))


def test_predictions() -> None:
    told = {"matches": [["1.2"], ["1.3"]], "arguable": [["1.4"]], "universe": ["1.2", "1.3", "1.4", "1.5"]}
    keys = {STUDY: "", "00100020": "P1"}

    def found_(*uids: str) -> object:
        rows = [{STUDY: uid, "00100020": "P1"} for uid in uids]
        return asked_and_found(*rows, keys=keys, expected={"1": told})

    assert passes("find.finds-all-predicted", found_("1.3", "1.2", "1.4"))
    assert passes("find.finds-only-predicted", found_("1.3", "1.2", "1.4"))
    assert fails("find.finds-all-predicted", found_("1.3"))
    assert fails("find.finds-only-predicted", found_("1.3", "1.2", "1.5"))
    assert passes("find.finds-only-predicted", found_("1.3", "1.2", "1.77"))  # somebody else's


def relation(*asked: tuple[dict[str, str], list[str]]) -> Journey:
    spoken = []
    for number, (keys, uids) in enumerate(asked, 1):
        request = query("STUDY", keys, number)
        spoken.append((US, request))
        spoken += [(THEM, match(request, "STUDY", {**keys, STUDY: uid})) for uid in uids]
        spoken.append((THEM, response(request, 0)))
    kind = "dimse.query-retrieve.relations"
    return Journey(kind, f"{kind}#1", (), CONTEXT, (said(*spoken, journey=f"{kind}#1"),))


def test_relations_between_queries() -> None:
    wide, narrow = {STUDY: "", "00100020": ""}, {STUDY: "", "00100020": "P"}
    assert passes("find.narrower-finds-no-more", relation((wide, ["1.2", "1.3"]), (narrow, ["1.3"])))
    assert fails("find.narrower-finds-no-more", relation((wide, ["1.2"]), (narrow, ["1.3"])))
    without, star = {STUDY: ""}, {STUDY: "", "00100020": "*"}
    assert passes("find.universal-changes-nothing", relation((without, ["1.2"]), (star, ["1.2"]), (wide, ["1.2"])))
    assert fails("find.universal-changes-nothing", relation((without, ["1.2", "1.3"]), (wide, ["1.2"])))
    lists = ({STUDY: "1.2\\1.3"}, {STUDY: "1.2"}, {STUDY: "1.3"})
    assert passes("find.list-is-union", relation((lists[0], ["1.3", "1.2"]), (lists[1], ["1.2"]), (lists[2], ["1.3"])))
    assert fails("find.list-is-union", relation((lists[0], ["1.2"]), (lists[1], ["1.2"]), (lists[2], ["1.3"])))


# C-GET and C-MOVE

ROLES = [Role(CT, 0, 1)]


def fetched(statuses: dict[str, int], *finals: Message, final: Message | None = None, **about: Any) -> Association:
    asked = retrieval("get", "STUDY", {STUDY: "1.2"})
    spoken: list[tuple[object, Message]] = [(US, asked)]
    for number, (uid, status) in enumerate(statuses.items(), 1):
        store = stored(uid, number)
        spoken += [(THEM, store), (US, response(store, status))]
    spoken += [(THEM, one) for one in finals]
    return said(*spoken, roles=ROLES, **about)  # type: ignore[arg-type]


def get_request() -> Message:
    return retrieval("get", "STUDY", {STUDY: "1.2"})


def test_counters_of_a_get() -> None:
    asked = get_request()
    good = fetched({"1.4": 0, "1.5": 0}, counted(asked, 0, None, 2, 0, 0)).operations[0]
    for rule in ("get-move.status-by-outcome", "get-move.counts-what-happened", "get-move.final-has-no-remaining",
                 "get-move.final-counts", "get-move.no-identifier-otherwise"):  # fmt: skip
        assert passes(rule, good), rule
    wrong = fetched({"1.4": 0, "1.5": 0xA700}, counted(asked, 0, None, 2, 0, 0)).operations[0]
    assert fails("get-move.status-by-outcome", wrong)
    assert fails("get-move.counts-what-happened", wrong)
    left = fetched({"1.4": 0}, counted(asked, 0, 0, 1, 0, 0)).operations[0]
    assert fails("get-move.final-has-no-remaining", left)


@pytest.mark.parametrize(("statuses", "final", "right"), [
    ([0, 0], 0x0000, True), ([0, 0xA700], 0xB000, True), ([0xA700, 0xC000], 0xA702, True), ([0xB000], 0xB000, True),
    ([0, 0xB000], 0xB000, True), ([0, 0], 0xB000, False), ([0xA700], 0xB000, False), ([0, 0xA700], 0xA702, False),
])  # fmt: skip
def test_the_status_follows_the_outcome(statuses: list[int], final: int, right: bool) -> None:
    asked = get_request()
    ended = {f"1.2.{n}": s for n, s in enumerate(statuses)}
    failed = [uid for uid, s in ended.items() if s >> 12 in (0xA, 0xC)]
    numbers = (sum(s == 0 for s in statuses), len(failed), sum(s == 0xB000 for s in statuses))
    o = fetched(ended, counted(asked, final, None, *numbers, failed=failed)).operations[0]
    assert (passes if right else fails)("get-move.status-by-outcome", o)
    if failed:
        assert passes("get-move.failed-list", o)
        assert passes("get-move.failed-list-is-right", o)


def test_the_failed_list() -> None:
    asked = get_request()
    ended = {"1.4": 0, "1.5": 0xA700}
    none = fetched(ended, counted(asked, 0xB000, None, 1, 1, 0)).operations[0]
    assert fails("get-move.failed-list", none)
    other = fetched(ended, counted(asked, 0xB000, None, 1, 1, 0, failed=["1.4"])).operations[0]
    assert fails("get-move.failed-list-is-right", other)


def test_pending_responses_add_up() -> None:
    asked = get_request()

    def told(*numbers: tuple[int, int, int, int]) -> object:
        pending = [counted(asked, 0xFF00, *one) for one in numbers]
        return fetched({}, *pending, counted(asked, 0, None, 3, 0, 0)).operations[0]

    assert passes("get-move.counts-add-up", told((3, 0, 0, 0), (2, 1, 0, 0)))
    assert fails("get-move.counts-add-up", told((3, 0, 0, 0), (3, 1, 0, 0)))
    assert fails("get-move.counts-add-up", told((2, 1, 0, 0), (3, 0, 0, 0)))
    short = fetched({}, response(asked, 0xFF00), counted(asked, 0, None, 1, 0, 0)).operations[0]
    assert fails("get-move.pending-counts", short)


def test_what_a_get_sends() -> None:
    asked = get_request()
    due = {"due": {"1": ["1.4", "1.5"]}}
    whole = fetched({"1.4": 0, "1.5": 0}, counted(asked, 0, None, 2, 0, 0), facts=due).operations[0]
    assert passes("get-move.get-sends-what-was-asked", whole)
    less = fetched({"1.4": 0}, counted(asked, 0, None, 1, 0, 0), facts=due).operations[0]
    assert fails("get-move.get-sends-what-was-asked", less)
    listed = fetched({"1.4": 0}, counted(asked, 0xB000, None, 1, 1, 0, failed=["1.5"]), facts=due).operations[0]
    assert passes("get-move.get-sends-what-was-asked", listed)
    more = fetched({"1.4": 0, "1.5": 0, "1.6": 0}, counted(asked, 0, None, 3, 0, 0), facts=due).operations[0]
    assert fails("get-move.get-sends-what-was-asked", more)
    nothing = fetched({}, response(asked, 0), facts=due).operations[0]
    assert fails("get-move.sends-something", nothing)


def test_a_store_where_nobody_gave_the_role() -> None:
    asked, store = get_request(), stored("1.4")
    without = said((US, asked), (THEM, store), (US, response(store, 0)), (THEM, counted(asked, 0, None, 1, 0, 0)))
    assert fails("messages.scu-role", without.operations[1])
    assert passes("messages.scu-role", fetched({"1.4": 0}, counted(asked, 0, None, 1, 0, 0)).operations[1])


def test_identifiers_of_retrievals() -> None:
    def asked(level: str, keys: dict[str, str]) -> object:
        return operation((US, retrieval("move", level, keys)), judged=[US])

    assert passes("get-move.unique-keys-only", asked("STUDY", {STUDY: "1.2"}))
    assert fails("get-move.unique-keys-only", asked("STUDY", {STUDY: "1.2", "00100010": ""}))
    assert passes("get-move.names-what-it-wants", asked("SERIES", {STUDY: "1.2", SERIES: "1.3\\1.4"}))
    assert fails("get-move.names-what-it-wants", asked("SERIES", {STUDY: "1.2\\1.3", SERIES: "1.3"}))
    assert fails("get-move.names-what-it-wants", asked("SERIES", {STUDY: "1.2", SERIES: ""}))


def test_roles_that_a_get_needs() -> None:
    asked = get_request()
    assert fails("get-move.get-roles-proposed", said((US, asked), judged=[US]))
    assert passes("get-move.get-roles-proposed", said((US, asked), judged=[US], roles=ROLES))


def test_a_destination_that_nobody_knows() -> None:
    asked = retrieval("move", "STUDY", {STUDY: "1.2"})
    facts = {"destination": "unknown"}
    for status, held in ((0xA801, passes), (0xC001, warns), (0x0000, fails)):
        assert held(
            "get-move.move-destination-unknown", operation((US, asked), (THEM, response(asked, status)), facts=facts)
        )


def moved(*stores: Message, final: Message | None = None, statuses: tuple[int, ...] = (), **facts: Any) -> Journey:
    asked = retrieval("move", "STUDY", {STUDY: "1.2"}, number=4)
    kind = "dimse.query-retrieve.moved"
    about: dict[str, Any] = {"journey": f"{kind}#1"}
    ended = final or counted(asked, 0, None, len(stores), 0, 0)
    move = said((US, asked), (THEM, ended), step="move", facts=facts, **about)
    spoken = []
    for n, store in enumerate(stores):
        spoken += [(US, store), (THEM, response(store, statuses[n] if n < len(statuses) else 0))]
    to_us = said(*spoken, judged=[US], step="destination", **about)
    return Journey(kind, f"{kind}#1", (), CONTEXT, (move, to_us))


def test_what_a_move_brings() -> None:
    due = {"4": ["1.4", "1.5"]}
    assert passes("get-move.move-sends-what-was-asked", moved(stored("1.4", 1), stored("1.5", 2), due=due))
    assert fails("get-move.move-sends-what-was-asked", moved(stored("1.4", 1), due=due))
    assert passes("get-move.move-counts-what-happened", moved(stored("1.4", 1), stored("1.5", 2)))
    assert fails("get-move.move-counts-what-happened", moved(stored("1.4"), statuses=(0xB000,)))


def test_the_originator_of_a_move() -> None:
    right = stored("1.4", MoveOriginatorApplicationEntityTitle="US", MoveOriginatorMessageID=4)
    assert passes("get-move.move-names-its-originator", moved(right))
    assert unexercised("get-move.move-names-its-originator", moved(stored("1.4")))
    for change in ({"MoveOriginatorMessageID": 1}, {"MoveOriginatorApplicationEntityTitle": "THEM"}):
        assert fails("get-move.move-names-its-originator", moved(right.set(**change)))
    assert fails("get-move.move-keeps-priority", moved(right.set(Priority=1)))


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
