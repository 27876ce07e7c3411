"""The Capabilities Description: WADL and JSON as one tree; rules silent for right ones, red for their defects."""

from __future__ import annotations

import json
from typing import Any

import pytest

import suites.web.capabilities.description
import suites.web.capabilities.truth  # noqa: F401 (each declares its rules when imported)
from harness.body import EMPTY
from harness.context import Context
from harness.exchange import Answer, Ask, Exchange, Headers, Journey
from harness.rule import CATALOGUE, At, Mutant
from suites.web.capabilities.wadl import JSON, WADL, document, same_base
from tests.suites.storing import answer, findings

BASE = "http://pacs.example:8042/dicomweb"
TREE: dict[str, Any] = {
    "application": {
        "@xmlns": "http://wadl.dev.java.net/2009/02",
        "resources": {
            "@base": BASE,
            "resource": [
                {
                    "@path": "studies",
                    "method": [
                        {
                            "@name": "GET",
                            "request": {
                                "param": [
                                    {"@name": "limit", "@style": "query"},
                                    {"@name": "Accept", "@style": "header"},
                                ]
                            },
                            "response": [
                                {"@status": "200", "representation": [{"@mediaType": "application/dicom+json"}]}
                            ],
                        },
                        {"@name": "POST"},
                    ],
                    "resource": [
                        {
                            "@path": "{study}",
                            "method": [{"@name": "GET"}, {"@name": "POST"}],
                            "resource": [
                                {"@path": "metadata", "method": [{"@name": "GET"}]},
                                {"@path": "series", "method": [{"@name": "GET"}]},
                                {"@path": "pixeldata", "method": [{"@name": "GET"}]},
                            ],
                        }
                    ],
                }
            ],
        },
    }
}
XML = f"""<?xml version="1.0"?>
<application xmlns="http://wadl.dev.java.net/2009/02"><!-- everything --><resources base="{BASE}">
<resource path="studies"><method name="GET"><request><param name="limit" style="query"/>
<param name="Accept" style="header"/></request><response status="200">
<representation mediaType="application/dicom+json"/></response></method><method name="POST"/>
<resource path="{{study}}"><method name="GET"/><method name="POST"/>
<resource path="metadata"><method name="GET"/></resource><resource path="series"><method name="GET"/></resource>
<resource path="pixeldata"><method name="GET"/></resource>
</resource></resource></resources></application>""".encode()
RULES = [r for r in CATALOGUE.rules.values() if r.id.startswith("capabilities.")]
MUTANTS = [m for r in RULES for m in r.mutants if m.at is At.ANSWER]


def options(said: Answer, accept: str = "*/*", path: str = "", step: str = "", **fields: str) -> Exchange:
    headers = Headers.of([("Accept", accept), *((n.replace("_", "-"), v) for n, v in fields.items())])
    return Exchange(1, Ask("OPTIONS", f"/dicomweb{path}", BASE, headers), said, step=step, context=Context())


def as_json(tree: Any = None) -> Answer:
    return answer(200, TREE if tree is None else tree, JSON)


def as_xml(octets: bytes = XML) -> Answer:
    return answer(200, octets, WADL)


def call(shape: str, path: str, status: int = 200, method: str = "GET") -> Exchange:
    asked = Ask(method, f"/dicomweb/{path}", BASE)
    return Exchange(2, asked, Answer(status, "", Headers(), EMPTY), step="call", facts={"shape": shape})


def truth(*calls: Exchange, said: Answer | None = None) -> Journey:
    first = options(said or as_json(), step="document")
    unknown = Exchange(
        9, Ask("GET", "/dicomweb/studies/2.25.1/metadata", BASE), answer(404, b"x", "text/plain"), step="unknown"
    )
    return Journey("web.capabilities.truth", "t#1", (first, *calls, unknown), Context())


def types(*exchanges: Exchange) -> Journey:
    return Journey("web.capabilities.types", "c#1", exchanges, Context())


CALLS = (
    call("studies", "studies?limit=1"),
    call("studies/*", "studies/1.2"),
    call("studies/*/metadata", "studies/1.2/metadata"),
    call("studies/*/series", "studies/1.2/series"),
    call("studies/*/rendered", "studies/1.2/rendered", 404),
    call("studies", "studies", 400, "POST"),
)
TYPE = Exchange(
    3, Ask("GET", "/dicomweb/studies?limit=1", BASE, Headers.of([("Accept", "application/dicom+xml")])),
    answer(200, []), step="type",
    facts={"shape": "studies", "listed": "application/dicom+xml"},
)  # fmt: skip
ALLOW = options(answer(405, b"x", "text/plain", Allow="GET, HEAD, POST"), path="/studies", step="allow")


def right() -> list[Exchange | Journey]:
    doc = json.loads(json.dumps(TREE))
    doc["application"]["doc"] = [{"@xml:lang": "en", "@title": "All", "value": "What there is"}]
    both = (options(as_xml(), WADL), options(as_json(), JSON))
    return [*both, options(as_json(doc), JSON), options(as_json()), types(*both), truth(*CALLS, TYPE, ALLOW)]


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.id)
def test_a_right_description_gives_no_finding(rule: Any) -> None:
    exercised = [s for s in right() if isinstance(s, rule.over) and _applies(rule, s) and rule.when(s)]
    assert [f for s in exercised for f in rule(s)] == []
    assert exercised or rule.id == "capabilities.json-doc"


def _applies(rule: Any, subject: Any) -> bool:
    return bool(rule.applies_to(subject.kind))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.id)
def test_a_rule_is_red_for_each_of_its_mutants(mutant: Mutant) -> None:
    rule = CATALOGUE.rules[mutant.rule]
    red = 0
    for subject in right():
        if not isinstance(subject, rule.over) or not _applies(rule, subject):
            continue
        bent = _bent(mutant, subject)
        red += bent != subject and rule.when(bent) and bool(list(rule(bent)))
    assert red


def _bent(mutant: Mutant, subject: Exchange | Journey) -> Any:
    if isinstance(subject, Exchange):
        said = mutant.act(subject)
        return subject.but(answer=said) if said else subject
    return Journey(subject.kind, subject.name, tuple(_bent(mutant, x) for x in subject.exchanges), subject.context)


def test_both_forms_are_one_tree() -> None:
    xml, plain = document(as_xml()), document(as_json())
    assert xml is not None
    assert plain is not None
    assert xml.application is not None
    assert plain.application is not None
    assert xml.application.canonical() == plain.application.canonical()
    assert xml.methods() == plain.methods()
    assert xml.methods()[("studies", "*", "metadata")] == {"GET"}


def test_other_legal_ways_to_write_wadl() -> None:
    octets = f"""<w:application xmlns:w="http://wadl.dev.java.net/2009/02"><w:resources base="{BASE}/">
<w:resource path="/studies/{{study}}/metadata" type="#kind"/>
<w:resource path="series"><w:method href="#find"/></w:resource></w:resources>
<w:method id="find" name="GET"/><w:resource_type id="kind"><w:method name="GET"/></w:resource_type>
</w:application>""".encode()
    x = options(as_xml(octets), WADL)
    found = document(x.answer)
    assert found is not None
    assert found.methods() == {("studies", "*", "metadata"): {"GET"}, ("series",): {"GET"}}
    for rule in ("one-application", "resources-base", "tree", "no-options-method"):
        assert findings(f"capabilities.{rule}", x) == [], rule


@pytest.mark.parametrize("status", [404, 405, 501, 204])
def test_a_service_without_capabilities(status: int) -> None:
    assert findings("capabilities.answers", options(Answer(status)))


def test_one_of_the_two_types_may_be_missing() -> None:
    missing = options(answer(406, b"x", "text/plain"), JSON)
    assert findings("capabilities.answers", missing) == []
    assert findings("capabilities.wadl-or-json", types(options(as_xml(), WADL), missing)) == []
    assert findings("capabilities.same-in-both", types(options(as_xml(), WADL), missing)) is None


def test_not_modified_for_a_condition() -> None:
    assert findings("capabilities.not-modified-only-if-asked", options(Answer(304), If_None_Match='"a"')) is None
    assert findings("capabilities.answers", options(Answer(304), If_None_Match='"a"')) is None


def test_another_host_is_a_warning_and_another_path_a_failure() -> None:
    other = json.loads(json.dumps(TREE).replace("pacs.example:8042", "inner"))
    assert [f.warn for f in findings("capabilities.resources-base", options(as_json(other))) or ()] == [True]
    elsewhere = json.loads(json.dumps(TREE).replace("/dicomweb", "/wado"))
    assert [f.warn for f in findings("capabilities.resources-base", options(as_json(elsewhere))) or ()] == [False]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://h/dw", "http://h:80/dw/", (True, True)),
        ("HTTPS://H:443/dw", "https://h/dw", (True, True)),
        ("/dw", "http://h/dw", (True, False)),
        ("http://h/DW", "http://h/dw", (False, True)),
        ("http://[::", "http://h/dw", (False, False)),
        ("http://h:99999/dw", "http://h/dw", (False, False)),
    ],
)
def test_bases_are_compared_by_what_they_mean(one: str, other: str, same: tuple[bool, bool]) -> None:
    assert same_base(one, other) == same


def test_what_is_listed_and_missing() -> None:
    gone = call("studies/*/metadata", "studies/1.2/metadata", 404)
    found = findings("capabilities.advertised-works", truth(gone))
    assert found
    assert "metadata" in found[0].want
    refused = call("studies/*/metadata", "studies/1.2/metadata", 406)
    assert findings("capabilities.advertised-works", truth(refused)) == []


def test_a_type_that_is_listed_and_refused() -> None:
    rule = "capabilities.advertised-types-can-be-had"
    assert findings(rule, truth(TYPE)) == []
    assert findings(rule, truth(TYPE.but(answer=answer(406, b"x", "text/plain"))))
    assert findings(rule, truth(TYPE.but(answer=answer(503, b"x", "text/plain")))) == []
    assert findings(rule, truth(*CALLS)) is None


def test_the_media_types_of_a_resource_follow_references() -> None:
    for said in (as_json(), as_xml()):
        found = document(said)
        assert found is not None
        assert found.media_types(("studies",)) == ["application/dicom+json"]
        assert found.media_types(("studies",), "POST") == []
        assert found.media_types(("series",)) == []
    octets = b"""<application><representation id="r" mediaType="a/b"/><method id="m" name="GET">
<response status="200 206"><representation href="#r"/><representation mediaType="c/d"/></response>
<response status="400"><representation mediaType="e/f"/></response></method>
<resources><resource path="x/{y}"><method href="#m"/></resource></resources></application>"""
    found = document(as_xml(octets))
    assert found is not None
    assert found.media_types(("x", "*")) == ["a/b", "c/d"]


def test_what_works_and_is_not_listed() -> None:
    extra = call("studies/*/rendered", "studies/1.2/rendered")
    assert findings("capabilities.working-is-advertised", truth(extra))
    assert findings("capabilities.working-is-advertised", truth(call("x", "x", 404))) is None


def test_a_target_that_answers_anything_does_not_work() -> None:
    j = truth(*CALLS)
    last = j.exchanges[-1].but(answer=answer(200, []))
    liar = Journey(j.kind, j.name, (*j.exchanges[:-1], last), j.context)
    assert findings("capabilities.advertised-works", liar)


def test_allow_is_held_against_the_calls() -> None:
    too_little = ALLOW.but(answer=answer(405, b"x", "text/plain", Allow="GET"))
    assert findings("capabilities.allow-holds", truth(*CALLS, too_little))
    no_store = call("studies", "studies", 405, "POST")
    assert findings("capabilities.allow-holds", truth(*CALLS[:-1], no_store, ALLOW))
    without = ALLOW.but(answer=answer(204))
    assert findings("capabilities.allow-holds", truth(*CALLS, without)) is None


HOSTILE = [
    b"", b"{", b"[]", b"null", b'{"application": 3}', b'{"application": [[], {"resources": 1}]}',
    b'{"application": {"resources": {"resource": [{"@path": {"a": 1}, "method": "GET"}]}}}',
    b'{"doc": [1, {"value": 2}], "application": {}}', b"[" * 100_000,
]  # fmt: skip
ENTITIES = b'<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY d "&b;&b;">]><application><resources base="&d;"/></application>'


@pytest.mark.parametrize("octets", HOSTILE)
def test_hostile_json_breaks_no_rule(octets: bytes) -> None:
    _judge_all(options(answer(200, octets, JSON)))


@pytest.mark.parametrize("octets", [b"", b"<", b"<a/>", ENTITIES, b"<a>" * 5000, b"\xff\xfe<\x00"])
def test_hostile_wadl_breaks_no_rule(octets: bytes) -> None:
    _judge_all(options(answer(200, octets, WADL)))


def _judge_all(x: Exchange) -> None:
    for rule in RULES:
        subject = x if rule.over is Exchange else truth(*CALLS, said=x.answer)
        if rule.when(subject):
            list(rule(subject))
