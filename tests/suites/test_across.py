"""Across the doors: one archive is clean, two archives are left alone, and each spoilt door shows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

import suites
from dicomproof.matrix import served
from dicomproof.run import Options, check
from dicomproof.sims import door_of
from harness.association import Association
from harness.body import Body
from harness.context import DEFAULT_EDITION, Context
from harness.exchange import Answer, Ask, Exchange, Headers, Journey
from harness.make.corpus import corpus
from harness.make.holding import Holding
from harness.make.queries import Query, queries
from harness.make.variants import fresh
from harness.past import Past
from harness.rule import At
from harness.talk.identifiers import encoded
from harness.target import Dimse, Target
from harness.upper_layer import message as messages
from harness.verdict import Outcome, Verdict
from simulators.archive.archive import Archive
from simulators.dimse.serve import serve as serve_dimse
from simulators.serve import serve
from suites.doors.probes import RESOURCES, asked, shared
from suites.doors.story import AGAIN, QUERY, STORED
from tests.suites import storing
from tests.suites.spoken import (
    CT,
    IDS,
    IMPLICIT,
    THEM,
    US,
    fails,
    match,
    passes,
    query,
    said,
    stored,
    unexercised,
    warns,
)

CATALOGUE = suites.load()
RULES = [r for r in CATALOGUE.rules.values() if r.service == "across"]
BASE = "http://h/dw"
STUDY, SERIES, IMAGE = "1.2.1", "1.2.1.1", "1.2.1.1.1"
RED = (Outcome.FAIL, Outcome.WARN, Outcome.ERROR)
Facts = dict[str, Any]


# --- whole runs -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def one_archive(tmp_path_factory: pytest.TempPathFactory) -> list[Verdict]:
    target = Target("sim:", simulator="reference", doors=frozenset({"web", "dimse"}))
    options = Options(tmp_path_factory.mktemp("one"), "across", seed=1, nonce="MATRIX", examples=10)
    return check(target, options).verdicts


def test_two_doors_of_one_archive_pass_everything(one_archive: list[Verdict]) -> None:
    told = {v.rule: (v.outcome.value, v.findings[:2], v.why) for v in one_archive if v.outcome is not Outcome.PASS}
    assert told == {}
    assert {v.rule for v in one_archive} == {r.id for r in RULES if r.applies_in(DEFAULT_EDITION)}


@contextlib.contextmanager
def two_archives(folder: Path) -> Iterator[Target]:
    """Two doors that have nothing to do with each other."""
    with (
        contextlib.closing(Archive(folder / "web")) as first,
        contextlib.closing(Archive(folder / "dimse")) as second,
        serve(first) as web,
        serve_dimse(second) as dimse,
    ):
        yield Target("two archives", base=web.url, dimse=Dimse(dimse.entity))


def test_two_archives_are_left_alone(tmp_path: Path) -> None:
    with two_archives(tmp_path) as target:
        verdicts = check(target, Options(tmp_path / "out", "across", seed=1, nonce="TWO", examples=5)).verdicts
    assert {v.rule for v in verdicts if v.outcome is not Outcome.NOT_EXERCISED} == set()
    assert not any(v.due for v in verdicts)


def test_two_archives_that_are_claimed_to_be_one_fail(tmp_path: Path) -> None:
    with two_archives(tmp_path) as target:
        claiming = replace(target, claims=frozenset({"across"}))
        verdicts = check(claiming, Options(tmp_path / "out", "across", seed=1, nonce="TWO", examples=1)).verdicts
    failed = {v.rule for v in verdicts if v.outcome is Outcome.FAIL}
    assert {"across.web-stored-is-found", "across.dimse-stored-is-found", "across.dimse-stored-is-retrieved"} <= failed


# every mutant is in the matrix; these show that both doors can be spoilt, and only one of them is
@pytest.mark.parametrize(
    "mutant",
    [
        "across.web-stored-is-found/studies_are_not_found",
        "across.web-stored-is-unchanged/the_web_writes_a_name_anew",
        "across.dimse-stored-in-frames/frames_are_turned",
        "across.one-query-finds-the-same/the_web_overlooks_dates",
        "across.again-agrees/sends_another",
    ],
)
def test_a_spoilt_door_shows(mutant: str) -> None:
    row = served(CATALOGUE.mutants[mutant])
    assert row.killed, row.why


def test_a_mutant_acts_at_one_door() -> None:
    own = [(m, door_of(m, r)) for r in RULES for m in r.mutants]
    assert {m.at for m, door in own if door == "dimse"} <= {At.MESSAGE, At.PDU}
    assert {m.at for m, door in own if door == "web"} <= {At.ANSWER, At.DOOR, At.WIRE}
    assert {door for _, door in own} == {"web", "dimse"}


# --- by hand: what was stored by C-STORE, and QIDO-RS ----------------------------------------------------------------


def c_stored(**facts: Any) -> Association:
    """An association on which one instance was stored with success."""
    asked_ = stored(IMAGE, keys={"0020000D": STUDY, "0020000E": SERIES, "00100010": "DOE^JANE", "00200013": "7"})
    return said((US, asked_), (THEM, messages.response(asked_, 0)), step="store", facts=facts)


def searched(rows: str, facts: Facts | None = None) -> Exchange:
    target = f"/dw/studies?StudyInstanceUID={STUDY}"
    status = (200, "OK") if rows else (204, "No Content")
    fields = [("content-type", "application/dicom+json")] if rows else []
    answer = Answer(*status, Headers.of(fields), Body.of(rows.encode()))
    return Exchange(2, Ask("GET", target, BASE), answer, step="search", facts=facts or {})


def journey(*parts: Exchange | Association, kind: str = STORED, claims: Iterable[str] = ()) -> Journey:
    exchanges = tuple(p for p in parts if isinstance(p, Exchange))
    associations = tuple(p for p in parts if isinstance(p, Association))
    context = Context("2024e", {}, Past(), frozenset(claims))
    return Journey(kind, f"{kind}#1", exchanges, context, associations)


ROW = f'{{"0020000D":{{"vr":"UI","Value":["{STUDY}"]}}}}'


def test_what_c_store_stored_and_qido_does_not_find_weighs_by_what_is_known() -> None:
    rule = "across.dimse-stored-is-found"
    assert passes(rule, journey(c_stored(), searched(f"[{ROW}]")))
    assert unexercised(rule, journey(c_stored(), searched("")))  # may be two archives
    assert warns(rule, journey(c_stored(joined=["web"]), searched("")))  # the one way is open, perhaps not the other
    assert fails(rule, journey(c_stored(joined=["dimse"]), searched("")))
    assert fails(rule, journey(c_stored(), searched(""), claims=["across"]))
    assert fails(rule, journey(c_stored(joined=["dimse"]), searched(f"[{ROW},{ROW}]")))


def metadata(name: str, **more: str) -> Exchange:
    attributes = {
        "00080016": ("UI", '"1.2.840.10008.5.1.4.1.1.2"'), "00080018": ("UI", f'"{IMAGE}"'),
        "0020000D": ("UI", f'"{STUDY}"'), "0020000E": ("UI", f'"{SERIES}"'),
        "00100010": ("PN", f'{{"Alphabetic":"{name}"}}'), "00200013": ("IS", "7"),
        **{tag: ("LO", f'"{value}"') for tag, value in more.items()},
    }  # fmt: skip
    body = ",".join(f'"{t}":{{"vr":"{vr}","Value":[{v}]}}' for t, (vr, v) in sorted(attributes.items()))
    target = f"/dw/studies/{STUDY}/series/{SERIES}/instances/{IMAGE}/metadata"
    answer = Answer(
        200, "OK", Headers.of([("content-type", "application/dicom+json")]), Body.of(f"[{{{body}}}]".encode())
    )
    return Exchange(3, Ask("GET", target, BASE), answer, step="metadata")


def test_metadata_of_what_c_store_stored() -> None:
    rule = "across.dimse-stored-in-metadata"
    assert passes(rule, journey(c_stored(), metadata("DOE^JANE")))
    assert fails(rule, journey(c_stored(), metadata("DOE^JOHN")))
    assert warns(rule, journey(c_stored(), metadata("DOE^JANE", **{"00081030": "added by the archive"})))
    assert unexercised(rule, journey(metadata("DOE^JANE")))


# --- by hand: one question to both -----------------------------------------------------------------------------------


def both(keys: dict[str, str], parameters: str, rows: str, found: list[dict[str, str]], **more: Any) -> Journey:
    facts = {"question": 1, "held": [STUDY], "joined": ["web"], **more}
    x = searched(rows).but(ask=Ask("GET", f"/dw/studies?{parameters}", BASE), step="query", facts=facts)
    request = query("STUDY", {"0020000D": "", **keys})
    told = [(THEM, match(request, "STUDY", one)) for one in found]
    a = said((US, request), *told, (THEM, messages.response(request, 0)), step="query", facts=facts)
    return journey(x, a, kind=QUERY)


def row(**values: str) -> str:
    inner = {"0020000D": ("UI", STUDY)} | {t[1:]: ("LO" if t == "x00100020" else "SH", v) for t, v in values.items()}
    return "[{" + ",".join(f'"{t}":{{"vr":"{vr}","Value":["{v}"]}}' for t, (vr, v) in sorted(inner.items())) + "}]"


def test_one_question_finds_the_same() -> None:
    rule = "across.one-query-finds-the-same"
    key, held = {"00100020": "P1"}, {"0020000D": STUDY, "00100020": "P1"}
    assert passes(rule, both(key, "PatientID=P1", row(x00100020="P1"), [held]))
    assert passes(rule, both(key, "PatientID=P1", "", []))
    assert fails(rule, both(key, "PatientID=P1", "", [held]))
    assert fails(rule, both(key, "PatientID=P1", row(x00100020="P1"), []))
    assert passes(rule, both(key, "PatientID=P1", "", [held], held=[]))  # nobody knows what others store meanwhile
    assert unexercised(rule, both(key, "PatientID=P1", "", [held], joined=[]))


def test_what_the_text_leaves_open_does_not_fail() -> None:
    rule = "across.one-query-finds-the-same"
    # an empty key matches for C-FIND, by its own clause, and nothing of the kind is said of QIDO-RS
    assert passes(rule, both({"00100020": "P1"}, "PatientID=P1", "", [{"0020000D": STUDY, "00100020": ""}]))
    # a name may be matched with or without regard to case
    named = {"0020000D": STUDY, "00100010": "DOE^JANE"}
    assert warns(rule, both({"00100010": "doe^jane"}, "PatientName=doe%5Ejane", "", [named]))


def test_one_question_tells_the_same() -> None:
    rule = "across.one-query-tells-the-same"
    keys = {"00100020": "", "00200010": ""}
    held = {"0020000D": STUDY, "00100020": "P1", "00200010": "S1"}
    assert passes(rule, both(keys, "", row(x00100020="P1", x00200010="S1"), [held]))
    assert fails(rule, both(keys, "", row(x00100020="P2", x00200010="S1"), [held]))
    assert passes(rule, both(keys, "", row(x00100020="P1"), [held]))  # what is not told is not compared


# --- translation of questions ----------------------------------------------------------------------------------------

HOLDING = Holding.of(corpus(1, "ACROSS"))


@settings(max_examples=150, deadline=None)
@given(queries(HOLDING, tuple(RESOURCES), paging=False))
def test_a_question_is_the_same_at_both_doors(question: Query) -> None:
    plain = shared(question)
    identifier = asked(plain)
    above = [word for n, word in enumerate(plain.path.strip("/").split("/")) if n % 2]
    assert [identifier.value(tag) for tag in ("0020000D", "0020000E")][: len(above)] == above
    for key, (_, value) in zip(plain.keys, plain.parameters, strict=True):
        assert identifier.value(key.path) == (value if isinstance(value, str) else "\\".join(value or ()))
    restricted = {path for path, value in identifier.keys if value}
    assert restricted <= {key.path for key in plain.keys} | {"0020000D", "0020000E"}
    assert not {"00080020", "00080030"} <= {key.path for key in plain.keys}


# --- stored twice: nobody knows any more what is held ----------------------------------------------------------------


def c_stored_again(**changes: Any) -> Association:
    """The first instance that `storing.clean` stores, in implicit VR, by C-STORE."""
    sample = fresh(storing.likes()[0], 1, "tests", **changes)
    asked_ = messages.store_rq(IDS[CT], 1, CT, sample.instance, encoded(sample.dataset, IMPLICIT))
    return said((US, asked_), journey=f"{AGAIN}#1")


def taken_in(past: Past, a: Association, web_first: bool) -> None:
    if not web_first:
        past.hear(a)
    past.see(storing.clean(1))
    if web_first:
        past.hear(a)


@pytest.mark.parametrize("web_first", [True, False])
def test_the_same_content_by_both_doors_is_known(web_first: bool) -> None:
    past = Past()
    taken_in(past, c_stored_again(), web_first)
    assert storing.made(1).instance in past


@pytest.mark.parametrize("web_first", [True, False])
def test_other_content_by_the_other_door_leaves_nothing_known(web_first: bool) -> None:
    past = Past()
    taken_in(past, c_stored_again(InstanceNumber="4712"), web_first)
    assert storing.made(1).instance not in past
    assert storing.made(2).instance in past


def test_the_kinds_of_journeys_have_rules() -> None:
    for kind in (STORED, AGAIN, QUERY):
        assert any(r.applies_to(kind) for r in RULES)
