"""Rules on C-GET and C-MOVE, each on an association made by hand: what it fails, passes and leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

import suites
from harness.exchange import Journey
from harness.upper_layer.message import Message, response
from tests.suites.spoken import (
    CONTEXT,
    ROLES,
    THEM,
    US,
    counted,
    fails,
    fetched,
    get_request,
    operation,
    passes,
    retrieval,
    said,
    stored,
    unexercised,
    warns,
)

suites.load()

STUDY, SERIES, IMAGE = "0020000D", "0020000E", "00080018"


# C-GET and C-MOVE


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
