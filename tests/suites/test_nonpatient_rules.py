"""Rules of Non-Patient Instances: silent for exchanges worked out by hand from the text, red for their wrong twins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import suites.web.non_patient.client
import suites.web.non_patient.matching
import suites.web.non_patient.presence
import suites.web.non_patient.retrieve
import suites.web.non_patient.search
import suites.web.non_patient.store  # noqa: F401 (each declares its rules when imported)
from harness.body import Body
from harness.context import Context
from harness.exchange import Answer, Ask, Exchange, Headers, Journey
from harness.make.nonpatient import Instance, Maker, stray
from harness.make.parts import Part, multipart
from harness.rule import CATALOGUE, Finding, Role

BASE = "http://pacs.example/dicomweb"
JSON, DICOM = "application/dicom+json", "application/dicom"
GOLDEN = Path(__file__).parent.parent / "golden" / "nonpatient"
RULES = [r for r in CATALOGUE.rules.values() if r.service == "non-patient"]


def _message(text: str) -> tuple[str, Headers, Body]:
    """Start line, header fields and body; lines of a multipart body end as RFC 2046 has it."""
    head, _, body = text.partition("\n\n")
    start, *fields = head.splitlines()
    headers = Headers.of((name, value.strip()) for name, _, value in (f.partition(":") for f in fields))
    body = body.rstrip("\n")
    if body.startswith("--"):
        body = body.replace("\n", "\r\n")
    return start, headers, Body.of(body.encode())


def _golden(name: str) -> tuple[str, Exchange]:
    """The rule that a file is wrong for, '' for a right one, and its exchange."""
    text = (GOLDEN / name).read_text(encoding="utf-8")
    notes = dict(line[2:].split(": ", 1) for line in text.splitlines() if line.startswith("# "))
    asked, _, answered = "\n".join(line for line in text.splitlines() if not line.startswith("# ")).partition(
        "\n=====\n"
    )
    start, fields, body = _message(asked)
    method, target, _ = start.split(" ")
    said, headers, payload = _message(answered)
    _, status, reason = said.split(" ", 2)
    ask = Ask(method, target, BASE, Headers((("Host", "pacs.example"), *fields)), body)
    answer = Answer(int(status), reason, headers, payload)
    facts = json.loads(notes.get("facts", "{}"))
    return notes.get("rule", ""), Exchange(1, ask, answer, facts=facts, context=Context())


def findings(x: Exchange, client: bool = False) -> dict[str, list[Finding]]:
    """What the rules over one exchange find, by rule; those of either side."""
    found = {}
    for rule in RULES:
        mine = (rule.who is Role.USER_AGENT) is client and rule.over is Exchange
        if mine and rule.applies_to(x.kind) and rule.when(x):
            met = list(rule(x))
            if met:
                found[rule.id] = met
    return found


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.glob("*.right.http")))
def test_right_exchanges_are_left_in_peace(name: str) -> None:
    _, x = _golden(name)
    assert x.kind.startswith("web.non-patient.")
    assert findings(x) == {}


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.glob("*.wrong.http")))
def test_their_wrong_twins_are_found(name: str) -> None:
    rule, x = _golden(name)
    assert rule in findings(x)
    assert any(not finding.warn for finding in findings(x)[rule])


def test_every_golden_exchange_has_a_twin() -> None:
    names = {path.name.partition(".")[0] for path in GOLDEN.glob("*.http")}
    assert len(names) >= 9
    assert all((GOLDEN / f"{name}.{kind}.http").exists() for name in names for kind in ("right", "wrong"))


# --- what user agents ask --------------------------------------------------------------------------------------------

MAKE = Maker("tests")
HANGING, PALETTE = MAKE("hanging"), MAKE("palette")


def post(target: str, octets: bytes, type: str | None) -> Exchange:
    headers = Headers.of([("Host", "pacs.example"), *([("Content-Type", type)] if type else [])])
    ask = Ask("POST", f"/dicomweb/{target}", BASE, headers, Body.of(octets))
    return Exchange(1, ask, Answer(200, "OK"), context=Context(), judged=frozenset({"user-agent"}), side="user-agent")


def test_stores_of_right_clients() -> None:
    several = multipart([Part.of(HANGING.part10), Part.of(MAKE("hanging").part10)])
    one = multipart([Part.of(HANGING.xml, "application/dicom+xml")])
    for x in (
        post("hanging-protocols", HANGING.part10, DICOM),
        post(f"hanging-protocols/{HANGING.uid}", HANGING.part10, DICOM),
        post("color-palettes", PALETTE.json, JSON),
        post("hanging-protocols", one.body.bytes(), one.content_type),
        post("hanging-protocols", several.body.bytes(), several.content_type),
        post("defined-procedure-protocols", MAKE("approval").part10, DICOM),
    ):
        assert findings(x, client=True) == {}


@pytest.mark.parametrize(
    ("rule", "target", "made", "type"),
    [
        ("client.non-patient-name", "hanging-protocol", HANGING, DICOM),
        ("client.non-patient-uid", "hanging-protocols/Chest", HANGING, DICOM),
        ("client.non-patient-store-fits", "hanging-protocols", PALETTE, DICOM),
        ("client.non-patient-store-fits", "hanging-protocols", stray("tests"), DICOM),
        ("client.non-patient-store-fits", "hanging-protocols/1.2.3", HANGING, DICOM),
        ("client.non-patient-store-type", "hanging-protocols", HANGING, "application/octet-stream"),
        ("client.non-patient-store-type", "hanging-protocols", HANGING, None),
    ],
)
def test_stores_of_wrong_clients(rule: str, target: str, made: Instance, type: str | None) -> None:
    assert rule in findings(post(target, made.part10, type), client=True)


# --- journeys --------------------------------------------------------------------------------------------------------


def judged(rule: str, kind: str, *exchanges: Exchange) -> list[Finding]:
    found = CATALOGUE.rules[rule]
    journey = Journey(kind, f"{kind}#1", exchanges, Context())
    assert found.when(journey)
    return list(found(journey))


def stored(made: Instance) -> Exchange:
    x = post(made.category, made.part10, DICOM)
    answer = Answer(200, "OK", Headers.of({"Content-Type": JSON}), Body.of(b'{"00081190":{"vr":"UR"}}'))
    return x.but(answer=answer, judged=frozenset({"origin-server"}), side="origin-server", step="store")


def got(made: Instance, octets: bytes, type: str = JSON, status: int = 200) -> Exchange:
    ask = Ask("GET", f"/dicomweb/{made.category}/{made.uid}", BASE, Headers.of({"Accept": type}))
    answer = Answer(status, "", Headers.of({"Content-Type": type}), Body.of(octets))
    return Exchange(2, ask, answer, step=type, context=Context())


def test_what_comes_back_is_what_was_sent() -> None:
    changed = MAKE.again(HANGING, HangingProtocolName="Another")
    rule, kind = "non-patient.kept-unchanged", "web.non-patient.kept"
    assert judged(rule, kind, stored(HANGING), got(HANGING, HANGING.json)) == []
    assert judged(rule, kind, stored(PALETTE), got(PALETTE, PALETTE.part10, DICOM)) == []
    assert judged(rule, kind, stored(HANGING), got(changed, changed.json))


def test_what_was_coerced_is_told_in_the_instance() -> None:
    former = {"00720002": HANGING.attributes["00720002"]}
    original = {"vr": "SQ", "Value": [{"04000550": {"vr": "SQ", "Value": [former]}}]}
    made = {**HANGING.attributes, "00720002": {"vr": "SH", "Value": ["Another"]}, "04000561": original}
    told = got(HANGING, json.dumps([made]).encode())
    assert judged("non-patient.kept-unchanged", "web.non-patient.kept", stored(HANGING), told) == []


def test_the_three_representations_are_one_data_set() -> None:
    rule, kind = "non-patient.same-in-every-type", "web.non-patient.kept"
    whole = (got(PALETTE, PALETTE.json), got(PALETTE, PALETTE.part10, DICOM))
    assert judged(rule, kind, *whole) == []
    less = json.dumps([{**PALETTE.attributes, "00700081": {"vr": "LO"}}]).encode()
    assert judged(rule, kind, got(PALETTE, less), whole[1])
