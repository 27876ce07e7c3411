"""Rules over one Store exchange: silent for right answers in every form, red for each defect of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

import suites.web.http.status
import suites.web.store.accounting
import suites.web.store.effects
import suites.web.store.framing
import suites.web.store.reasons
import suites.web.store.response
import suites.web.store.separate
import suites.web.store.status  # noqa: F401 (each declares its rules when imported)
from harness.body import EMPTY, Body
from harness.context import Context
from harness.exchange import Exchange, Headers
from harness.make.parts import FAULTS, Message, Part, faulty
from harness.past import Kept, Past
from harness.rule import CATALOGUE, At, Mutant
from tests.suites import storing
from tests.suites.storing import BASE, JSON, XML, Module, answer, bad, findings, made, store

RULES = [r for r in CATALOGUE.rules.values() if r.id.startswith("store.") and r.over is Exchange]
MUTANTS = [m for r in RULES for m in r.mutants if m.at is At.ANSWER]
REFUSAL = answer(400, b"<html>no</html>", "text/html")


def past_of(*samples: Any) -> Past:
    kept = {
        s.instance: Kept(s.sop_class, s.instance, s.study, s.series, s.transfer_syntax, Body.of(s.part10), 0)
        for s in samples
    }
    return Past(kept)


@cache
def right() -> tuple[Exchange, ...]:
    """Right answers to every kind of request."""
    earlier = past_of(made(90))
    single = made(30)
    return (
        storing.clean(past=earlier),
        storing.mixed(past=earlier),
        storing.strayed(past=earlier),
        storing.refused_class(past=earlier),
        storing.junk(past=earlier),
        store([single], storing.located(200, Module([single]), single), single.study, past=earlier),
        store([single], storing.located(200, Module([single]), single), past=earlier, facts={"legal": True}),
        *apart(earlier),
        *malformed(REFUSAL),
        foreign(answer(415, b"no", "text/plain")),
    )


def apart(past: Past) -> list[Exchange]:
    """Right answers to requests of metadata and bulk data."""
    one, two = made(50), made(51)
    stored = storing.located(200, Module([one, two]), one, two)
    refused = answer(409, Module(failed=[(one.sop_class, one.instance, 0xC000)]).json())
    return [
        storing.apart([one, two], stored, past=past),
        storing.apart([one, two], stored, "xml", past=past),
        storing.apart([one], storing.located(200, Module([one]), one), study=one.study, past=past),
        storing.apart([one], refused, fault="bulk-missing", past=past),
        storing.apart([one], refused, "xml", fault="pixels-short", past=past),
        storing.malformed_metadata(answer(400, Module(other=[0xC000]).json())),
        storing.octets_root(answer(400, Module(other=[0xC000]).json())),
    ]


def malformed(said: Any) -> list[Exchange]:
    parts = [Part.of(made(40).part10), Part.of(made(41).part10)]
    names = sorted(set(FAULTS) - {"other-root-type", "part-type-unknown", "no-type-parameter"})
    asks = [(name, storing.ask(faulty(name, parts))) for name in names]
    return [Exchange(1, a, said, facts={"fault": name}, context=Context(past=Past())) for name, a in asks]


def foreign(said: Any) -> Exchange:
    sent = Message("text/csv", Body.of(b"a,b\r\n"))
    return Exchange(1, storing.ask(sent), said, context=Context(past=Past()))


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.id)
def test_a_right_answer_gives_no_finding(rule: Any) -> None:
    assert [f for x in right() if rule.when(x) for f in rule(x)] == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.id)
def test_a_rule_is_red_for_each_of_its_mutants(mutant: Mutant) -> None:
    rule = CATALOGUE.rules[mutant.rule]
    red = changed = 0
    for x in right():
        broken = mutant.act(x.but(context=None))
        if broken is None or broken == x.answer:
            continue
        changed += 1
        bent = x.but(answer=broken)
        red += rule.when(bent) and bool(list(rule(bent)))
    assert changed, "nothing of the right answers could be broken"
    assert red, f"{changed} broken answers and no finding"


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.id)
def test_a_web_page_that_says_200_exercises_no_rule_silently(rule: Any) -> None:
    page = answer(200, b"<html>welcome</html>", "text/html")
    silent = {"store.resource-exists", "store.takes-dicom-parts", "store.response-in-json-and-xml",
              "store.malformed-is-no-server-error", "store.takes-json-metadata",
              "store.takes-xml-metadata", "store.takes-bulkdata-root"}  # fmt: skip
    for x in (*right(), *malformed(page)):
        bent = x.but(answer=page)
        if rule.id not in silent:
            assert not rule.when(bent) or list(rule(bent)), f"{rule.id} has nothing to say about a web page"


def test_the_module_may_be_an_array_of_one() -> None:
    one = made(1)
    x = store([one], answer(200, [Module([one]).json()]))
    assert findings("store.success-has-module", x) == []
    assert findings("store.every-instance-once", x) == []


def test_the_module_may_be_xml() -> None:
    one = made(1)
    body = f"""<?xml version="1.0" encoding="utf-8" xml:space="preserve"?>
<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">
<DicomAttribute tag="00081190" vr="UR" keyword="RetrieveURL"><Value number="1">{BASE}/studies/{one.study}</Value>
</DicomAttribute><DicomAttribute tag="00081199" vr="SQ" keyword="ReferencedSOPSequence"><Item number="1">
<DicomAttribute tag="00081150" vr="UI" keyword="ReferencedSOPClassUID"><Value number="1">{one.sop_class}</Value>
</DicomAttribute><DicomAttribute tag="00081155" vr="UI" keyword="ReferencedSOPInstanceUID">
<Value number="1">{one.instance}</Value></DicomAttribute><DicomAttribute tag="00081190" vr="UR" keyword="RetrieveURL">
<Value number="1">{BASE}{one.path}</Value></DicomAttribute></Item></DicomAttribute></NativeDicomModel>"""
    said = answer(200, body.replace(' xml:space="preserve"?>', "?>").encode(), XML)
    x = store([one], said, accept=XML)
    for rule in ("success-has-module", "response-type", "every-instance-once", "stored-item-attributes", "module-vr",
                 "item-url-is-the-instance", "root-url-is-the-study", "success-stored-all"):  # fmt: skip
        assert findings(f"store.{rule}", x) == [], rule


def test_retrieve_urls_may_be_empty_and_end_in_a_slash() -> None:
    one = made(1)
    root = Module([one]).json()
    root["00081190"] = {"vr": "UR", "Value": [f"https://other.example/x/studies/{one.study}/"]}
    root["00081199"]["Value"][0]["00081190"] = {"vr": "UR"}
    x = store([one], answer(200, root))
    for rule in ("root-retrieve-url", "root-url-is-the-study", "stored-item-attributes"):
        assert findings(f"store.{rule}", x) == [], rule
    assert findings("store.item-url-is-the-instance", x) is None


def test_warnings_ask_for_202_mildly() -> None:
    one = made(1)
    root = Module([one]).json()
    root["00081199"]["Value"][0]["00081196"] = storing.value("US", 0xB000)
    said = answer(200, dict(sorted(root.items())))
    found = findings("store.success-stored-all", store([one], said))
    assert found
    assert all(f.warn for f in found)
    assert findings("store.warning-reason", store([one], said)) == []
    assert findings("store.accepted-has-trouble", store([one], answer(202, root))) == []


def test_201_is_a_warning_and_206_a_failure() -> None:
    one = made(1)
    assert [f.warn for f in findings("store.success-code", store([one], answer(201, Module([one]).json()))) or ()] == [
        True
    ]
    assert [f.warn for f in findings("store.success-code", store([one], answer(206, Module([one]).json()))) or ()] == [
        False
    ]


@pytest.mark.parametrize("status", [401, 403, 413, 429, 503])
def test_answers_about_who_and_when_are_no_refusal(status: int) -> None:
    x = store([made(1)], answer(status, b"later", "text/plain"))
    for rule in RULES:
        assert not rule.when(x) or not list(rule(x)), rule.id


def test_501_for_a_class_follows_policy_d05() -> None:
    x = store([bad("no-storage-class")], answer(501, b"no such class", "text/plain"))
    found = findings("store.refused-class-code", x)
    assert found
    assert (found[0].warn, found[0].policy) == (True, "D-05")
    both = x.but(context=Context(policies={"D-05": "both"}))
    assert findings("store.refused-class-code", both) == []
    assert findings("http.no-server-error", x) == []


def test_a_server_may_take_a_class_that_nobody_knows() -> None:
    odd = bad("unknown-class")
    item = {**storing.reference(odd.sop_class, odd.instance), "00081190": {"vr": "UR"}}
    root = {"00081190": {"vr": "UR"}, "00081199": {"vr": "SQ", "Value": [item]}}
    x = store([odd], answer(200, root))
    assert findings("store.unsupported-class-reason", x) is None
    assert findings("store.every-instance-once", x) == []


def test_a_broken_part_may_be_named_or_nameless() -> None:
    good, cut = made(1), bad("truncated")
    named = Module([good], [(cut.sop_class, cut.instance, 0xC000)])
    nameless = Module([good], other=[0xC000])
    for module in (named, nameless):
        x = store([good, cut], answer(202, module.json()))
        assert findings("store.every-instance-once", x) == []
        assert findings("store.other-failures-are-nameless", x) in ([], None)


def test_an_instance_sent_twice_may_be_told_once_or_twice() -> None:
    one = made(1)
    for times in (1, 2):
        x = store([one, one], answer(200, Module([one] * times).json()))
        assert findings("store.every-instance-once", x) == []
    assert findings("store.every-instance-once", store([one, one], answer(200, Module([one] * 3).json())))


def test_an_instance_that_is_not_told_is_missed() -> None:
    one, two = made(1), made(2)
    found = findings("store.every-instance-once", store([one, two], answer(200, Module([one]).json())))
    assert found
    assert two.instance in found[0].got


def test_a_new_uid_by_coercion_is_no_unsent_instance() -> None:
    one = made(1)
    root = Module([one]).json()
    item = root["00081199"]["Value"][0]
    item["00081155"] = storing.value("UI", "2.25.99")
    item["00081196"] = storing.value("US", 0xB000)
    x = store([one], answer(202, root))
    assert findings("store.nothing-unsent", x) == []
    assert findings("store.every-instance-once", x) == []


def test_a_missing_location_is_a_warning_for_new_instances_only() -> None:
    one = made(1)
    x = store([one], answer(200, Module([one]).json()), seq=5)
    assert [f.warn for f in findings("store.location", x) or ()] == [True, True]
    again = store([one], answer(200, Module([one]).json()), seq=5, past=past_of(one))
    assert findings("store.location", again) == []


def test_an_empty_body_is_400_and_nothing_else() -> None:
    sent = Message('multipart/related; type="application/dicom"; boundary=x', EMPTY)
    for status, wanted in ((400, 0), (409, 1), (200, 1)):
        x = Exchange(1, storing.ask(sent), answer(status, b"x", "text/plain"), context=Context())
        assert len(findings("store.no-payload-is-400", x) or ()) == wanted


def test_a_lenient_reader_may_find_the_parts_without_a_boundary_parameter() -> None:
    one, two = made(40), made(41)
    sent = faulty("no-boundary-parameter", [Part.of(one.part10), Part.of(two.part10)])
    x = Exchange(1, storing.ask(sent), answer(200, Module([one, two]).json()), context=Context())
    assert findings("store.no-payload-is-400", x) == []


@pytest.mark.parametrize("status", [400, 409])
def test_a_body_without_its_end_may_be_400_or_409(status: int) -> None:
    for x in malformed(answer(status, b"no", "text/plain")):
        if x.facts["fault"] in ("no-closing-delimiter", "truncated", "bare-lf"):
            assert not findings("store.no-payload-is-400", x)
            assert not findings("store.unreadable-is-400-or-409", x)


def test_single_part_dicom_is_not_called_foreign() -> None:
    sent = Message("application/dicom", Body.of(made(1).part10))
    x = Exchange(1, storing.ask(sent), answer(200, Module([made(1)]).json()), context=Context())
    assert findings("store.foreign-type-is-415", x) is None


def test_a_mismatch_in_a_mixed_request() -> None:
    home, stray = made(1), made(2)
    right_module = Module([home], [(stray.sop_class, stray.instance, 0x0110)])
    assert (
        findings("store.mismatch-is-refused", store([home, stray], answer(202, right_module.json()), home.study)) == []
    )
    wrong = store([home, stray], answer(200, Module([home, stray]).json()), home.study)
    assert findings("store.mismatch-is-refused", wrong)


def test_reasons_that_the_past_contradicts() -> None:
    one = made(1)
    said = answer(409, Module(failed=[(one.sop_class, one.instance, 0xC122)]).json())
    assert findings("store.reason-holds", store([one], said)) is None
    assert findings("store.reason-holds", store([one], said, past=past_of(made(2))))


@pytest.mark.parametrize(
    ("reason", "wanted"), [(0x0122, []), (0xC122, []), (0xA700, []), (0x0110, [True]), (0xA900, [False])]
)
def test_a_legal_instance_is_not_blamed(reason: int, wanted: list[bool]) -> None:
    one = made(1)
    said = answer(409, Module(failed=[(one.sop_class, one.instance, reason)]).json())
    x = store([one], said, facts={"legal": True})
    assert [f.warn for f in findings("store.legal-is-not-blamed", x) or ()] == wanted
    assert findings("store.legal-is-not-blamed", store([one], said)) is None


def test_several_studies_in_one_request() -> None:
    one, two = made(1), made(2)
    refused = store([one, two], answer(409, b"one study please", "text/plain"), past=past_of(made(3)))
    assert findings("store.takes-several-studies", refused)
    assert findings("store.takes-several-studies", refused.but(context=Context(past=Past()))) is None


def test_the_best_weighted_type_is_wanted() -> None:
    one = made(1)
    x = store([one], answer(200, Module([one]).json()), accept=f"{JSON};q=0.2, {XML};q=0.8")
    assert findings("store.response-type", x)
    tie = store([one], answer(200, Module([one]).json()), accept=f"{JSON}, {XML}")
    assert findings("store.response-type", tie) == []


HOSTILE: list[Callable[[dict[str, Any]], Any]] = [
    lambda root: {**root, "00081199": {"vr": "SQ", "Value": "text"}},
    lambda root: {**root, "00081199": {"vr": "SQ", "Value": [None, 3, [], {}]}},
    lambda root: {**root, "00081199": []},
    lambda root: {**root, "00081190": {"vr": "UR", "Value": [{"a": 1}]}},
    lambda root: {**root, "00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": ["x" * 9000]}}]}},
    lambda root: {**root, "00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [True, 2]}}]}},
    lambda root: {
        **root,
        "00081199": {"Value": [{"00081155": {"Value": [[1]]}, "00081190": {"Value": ["http://[::"]}}]},
    },
    lambda root: [[], [root]],
    lambda root: "root",
    lambda root: {},
]


@pytest.mark.parametrize("spoil", HOSTILE)
def test_a_hostile_module_breaks_no_rule(spoil: Callable[[dict[str, Any]], Any]) -> None:
    one = made(1)
    body = json.dumps(spoil(Module([one]).json())).encode()
    x = store([one], replace(answer(200, body), headers=Headers.of([("Content-Type", JSON)])))
    for rule in RULES:
        if rule.when(x):
            list(rule(x))
