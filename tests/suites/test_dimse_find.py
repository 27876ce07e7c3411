"""Rules on C-FIND, each on an association made by hand: what it fails, passes and leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

import suites
from harness.exchange import Journey
from harness.upper_layer import message as messages
from harness.upper_layer.message import response
from tests.suites.spoken import (
    CONTEXT,
    THEM,
    US,
    fails,
    found,
    match,
    operation,
    passes,
    query,
    said,
    unexercised,
    warns,
)

suites.load()

STUDY, SERIES, IMAGE = "0020000D", "0020000E", "00080018"


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
