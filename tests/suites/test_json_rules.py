"""Rules of the DICOM JSON Model: every code of the reader has one, each catches its mutants, legal oddities pass."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from harness.body import Body
from harness.context import Context
from harness.exchange import Answer, Ask, Exchange, Headers
from harness.past import Past
from harness.rule import CATALOGUE, At, Mutant
from harness.wire import dicom_json
from suites.model.json.documents import RULE_OF
from suites.model.json.values import LEGAL
from tests.suites import retrieving as r
from tests.suites.retrieving import JSON, exchange, findings, rows

RULES = sorted(i for i in CATALOGUE.rules if i.startswith("json."))
MUTANTS = [m for i in RULES for m in CATALOGUE.rules[i].mutants if m.at is At.ANSWER]
TARGET = f"{r.path()}/metadata"


def test_every_code_belongs_to_exactly_one_rule() -> None:
    assert set(dicom_json.CODES) == set(RULE_OF) | set(LEGAL)
    assert not set(RULE_OF) & set(LEGAL)
    assert all(rule in CATALOGUE.rules for rule in RULE_OF.values())


def rich() -> dict[str, Any]:
    """Metadata with something for every rule."""
    row = r.metadata()
    row |= {
        "00080090": {"vr": "PN"},
        "00100030": {"vr": "DA", "Value": ["19700101"]},
        "00104000": {"vr": "LT", "Value": ["a\\b\r\nsnow \u2603"]},
        "00081030": {"vr": "LO"},
        "00185020": {"vr": "LO", "Value": ["x"]},
        "00280009": {"vr": "AT", "Value": ["00181063"]},
        "00991003": {"vr": "SV", "Value": ["9223372036854775807"]},
        "00991004": {"vr": "SH", "Value": ["one", None, "two"]},
        "00991005": {"vr": "CS", "Value": ["A", "B"]},
        "00991006": {"vr": "SQ", "Value": [{"00280010": {"vr": "US", "Value": [1]}}, {}]},
        "00991007": {"vr": "OW", "InlineBinary": base64.b64encode(bytes(16)).decode()},
    }
    return dict(sorted(row.items()))


GOOD = exchange(TARGET, rows(rich()), JSON)


def test_the_rich_document_is_right() -> None:
    assert [(f.code, f.where) for f in GOOD.answer.json.flaws.kept] == []  # type: ignore[union-attr]


@pytest.mark.parametrize("rule", RULES)
def test_a_right_document_exercises_and_passes(rule: str) -> None:
    assert findings(rule, GOOD) == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.id)
def test_a_mutant_is_caught_by_its_rule(mutant: Mutant) -> None:
    broken = mutant.act(GOOD)
    assert broken is not None, "found nothing to break"
    assert findings(mutant.rule, GOOD.but(answer=broken))


@pytest.mark.parametrize("rule", RULES)
def test_nothing_is_exercised_by_what_is_no_data(rule: str) -> None:
    for said in (r.answer(404, b'{"error": 1}', "application/json"), r.answer(204), r.files(r.part10(r.dataset()))):
        assert findings(rule, exchange(TARGET, said, JSON)) is None
    capabilities = Exchange(1, Ask("OPTIONS", "/dicomweb/", r.BASE), r.answer(200, b'{"a": 1}', "application/json"))
    assert findings(rule, capabilities) is None


@pytest.mark.parametrize(
    "rule", [i for i in RULES if i not in ("json.is-json", "json.is-utf8", "json.array-of-data-sets")]
)
def test_an_empty_list_proves_nothing(rule: str) -> None:
    assert findings(rule, exchange(TARGET, rows(), JSON)) is None


LEGAL_ODDITIES: dict[str, Any] = {
    "one data set alone": {"00080060": {"vr": "CS", "Value": ["OT"]}},
    "numbers as strings": [
        {"00200013": {"vr": "IS", "Value": ["+7 "]}, "00280030": {"vr": "DS", "Value": ["5E-1", 1]}}
    ],
    "an empty data set": [{}],
    "unknown with octets": [{"00080060": {"vr": "UN", "InlineBinary": "T1Q="}}],
    "bulk data in a text": [{"00104000": {"vr": "LT", "BulkDataURI": "../bulk/1"}}],
    "an unknown standard attribute": [{"00189999": {"vr": "LO", "Value": ["x"]}}],
    "integers with an exponent": [{"00280010": {"vr": "US", "Value": [1e2]}}],
    "spaces that are padding": [{"00100020": {"vr": "LO", "Value": ["P1 "]}}],
    "only a phonetic group": [{"00100010": {"vr": "PN", "Value": [{"Phonetic": "x"}]}}],
    "an escaped text": [{"00100020": {"vr": "LO", "Value": ["\u00e5 \u2603 \U0001f600"]}}],
}


@pytest.mark.parametrize("name", LEGAL_ODDITIES)
def test_legal_oddities_pass(name: str) -> None:
    for ascii_ in (True, False):
        body = json.dumps(LEGAL_ODDITIES[name], ensure_ascii=ascii_, indent=2)
        x = exchange(TARGET, r.answer(200, body.encode(), JSON), JSON)
        red = {rule: found for rule in RULES if (found := findings(rule, x))}
        assert red == {}


def test_what_somebody_else_stored_wrongly_only_warns() -> None:
    row = rich() | {"00080060": {"vr": "CS", "Value": ["lower case"]}}
    ours = exchange(TARGET, rows(row), JSON)
    assert r.hard(findings("json.value-grammar", ours))
    assert r.soft(findings("json.value-grammar", ours.but(context=Context(past=Past()))))
    later = exchange(TARGET, rows(rich() | {"0020000D": {"vr": "UI", "Value": ["9.9"]}}, row), JSON)
    assert r.hard(findings("json.value-grammar", later))


def test_a_question_is_judged_only_when_the_user_agent_is_under_test() -> None:
    body = b'[{"0008005x": {"vr": "CS"}}]'
    asked = Ask("POST", "/dicomweb/studies", r.BASE, Headers.of([("Content-Type", JSON)]), Body.of(body))
    x = Exchange(1, asked, Answer(200))
    assert findings("json.tag-names", x.but(side="user-agent"))
    assert findings("json.tag-names", x) is None


SET = "00080005"
LATIN, UNICODE = {"vr": "CS", "Value": ["ISO_IR 100"]}, {"vr": "CS", "Value": ["ISO_IR 192"]}
PLAIN, ACCENT = {"vr": "LO", "Value": ["x"]}, {"vr": "LO", "Value": ["x", "\u00e5"]}
NAME = {"vr": "PN", "Value": [{"Alphabetic": "x", "Ideographic": "\u5c71"}]}


@pytest.mark.parametrize(
    ("dataset", "where"),
    [
        ({SET: LATIN, "00100010": NAME}, "/00100010/Value/0"),
        ({SET: LATIN, "00081080": ACCENT}, "/00081080/Value/1"),
        ({SET: LATIN, "00400275": {"vr": "SQ", "Value": [{"00321060": ACCENT}]}}, "/00400275/Value/0/00321060/Value/1"),
        ({SET: UNICODE, "00400275": {"vr": "SQ", "Value": [{SET: LATIN, "00321060": ACCENT}]}}, "/00400275/"),
        ({SET: LATIN, "00100010": PLAIN}, ""),
        ({SET: LATIN, "00100010": {"vr": [], "Value": ["\u00e5"]}, "00400275": {"vr": "SQ", "Value": [[], None]}}, ""),
        ({SET: {"vr": "CS", "Value": [[]]}, "00100010": PLAIN, "00100020": {"vr": "LO", "Value": [{"a": []}]}}, ""),
        ({SET: LATIN, "00100010": NAME, "00104000": {"vr": "LT", "BulkDataURI": "1"}}, ""),
        ({SET: UNICODE, "00100010": NAME}, ""),
        ({"00100010": NAME}, ""),
        ({SET: {"vr": "CS"}, "00100010": NAME}, ""),
        ({SET: LATIN, "00080060": {"vr": "CS", "Value": ["\u00e5"]}}, ""),
    ],
)
def test_text_that_the_named_character_set_cannot_be_only_warns(dataset: dict[str, Any], where: str) -> None:
    x = exchange(TARGET, rows(dataset), JSON)
    found = findings("json.character-set", x) or []
    assert [where in f.where for f in found] == ([True] if where else [])
    assert not CATALOGUE.rules["json.character-set"].level.binding


def test_values_that_are_too_many_are_blamed_on_who_stored_them() -> None:
    row = rich() | {"00080060": {"vr": "CS", "Value": ["OT", "OT"]}}
    ours = exchange(TARGET, rows(row), JSON)
    assert r.hard(findings("json.multiplicity", ours))
    assert r.soft(findings("json.multiplicity", ours.but(context=Context(past=Past()))))
