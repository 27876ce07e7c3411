"""Questions: legal, encoded so that a reader gets them back, short when shrunk, the same for another load."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, find, given, seed, settings
from hypothesis import strategies as st

from harness.make.corpus import corpus
from harness.make.holding import Holding
from harness.make.keys import KEYS, RESOURCES, key_named, keys_for
from harness.make.queries import Query, queries
from harness.wire import uri

SLOW = [HealthCheck.too_slow]
QUICK = settings(deadline=None, max_examples=60, suppress_health_check=SLOW, database=None, derandomize=True)


@cache
def held(nonce: str = "QQ11") -> Holding:
    return Holding.of(corpus(5, nonce))


@QUICK
@given(queries(held()))
def test_the_target_reads_back(query: Query) -> None:
    target = query.target("/dicom-web")
    assert re.fullmatch(r"[!-~]+", target)
    resource = uri.classify("GET", target, "http://x/dicom-web")
    assert resource.search == query.resource
    assert resource.query.present == bool(query.parameters)
    read = [(p.name, p.values if isinstance(v, tuple) else p.raw if v is None else p.value)
            for p, (_, v) in zip(resource.query.parameters, query.parameters, strict=True)]  # fmt: skip
    assert read == list(query.parameters)


@QUICK
@given(queries(held()))
def test_every_question_is_legal(query: Query) -> None:
    keys = query.keys
    assert len(set(keys)) == len(keys)
    assert set(keys) <= set(keys_for(query.resource))
    includes = [value for name, value in query.parameters if name == "includefield"]
    assert "all" not in includes or len(includes) == 1
    values = dict(query.parameters)
    for key in keys:
        value = next(v for n, v in query.parameters if key_named(n) is key)
        if isinstance(value, tuple):
            assert key.vr == "UI"
        elif key.vr in ("DA", "TM") and value and "-" in value:
            low, _, high = value.partition("-")
            assert not (low and high) or low <= high
        elif key.vr == "CS" and value:
            assert re.fullmatch(r"[A-Z0-9 _*?]+", value)
    assert int(str(values.get("limit", "1"))) >= 1


@pytest.mark.parametrize("resource", RESOURCES)
def test_shrinks_to_the_bare_resource(resource: str) -> None:
    # what is drawn first goes by the constants of whatever modules are loaded; sixty draws can miss one resource
    smallest = find(queries(held()), lambda q: q.resource == resource, settings=settings(QUICK, max_examples=3000))
    assert smallest.parameters == ()


def _shrunk(holding: Holding, wanted: Any) -> str:
    return find(queries(holding), wanted, settings=settings(QUICK, max_examples=3000)).target()


def test_shrinks_to_short_questions() -> None:
    assert _shrunk(held(), lambda q: True) == "/studies"
    assert len(_shrunk(held(), lambda q: bool(q.keys))) <= len("/studies?PatientName=DICOMPROOF%5ESYNTHETIC%20CT")
    assert _shrunk(held(), lambda q: "limit" in dict(q.parameters)) == "/studies?limit=1"
    assert len(_shrunk(held(), lambda q: "*" in q.target())) <= len("/studies?StudyDate=20240131&PatientID=*")
    assert _shrunk(held(), lambda q: "includefield=all" in q.target()) == "/studies?includefield=all"


def test_the_same_draws_ask_the_same_of_another_load() -> None:
    def asked(holding: Holding) -> list[str]:
        made: list[str] = []

        @seed(11)
        @settings(QUICK, max_examples=40, derandomize=False, phases=[Phase.generate])
        @given(queries(holding))
        def collect(query: Query) -> None:
            made.append(query.target())

        collect()
        return made

    one, two = held("AAAA"), held("BBBB")
    names = {
        a: b for x, y in zip(one.instances, two.instances, strict=True) for a, b in zip(x.uids, y.uids, strict=True)
    }
    translated = [
        re.sub(r"2\.25\.[0-9]{10,}", lambda m: names.get(m[0], m[0]), t).replace("AAAA", "BBBB").replace("aaaa", "bbbb")
        for t in asked(one)
    ]
    same = [a == b for a, b in zip(translated, asked(two), strict=True)]
    assert len(same) >= 30
    assert sum(same) >= len(same) * 0.9  # cuts of UIDs and of the nonce may differ by a character


@pytest.mark.parametrize("form", ["*", "?", "-", ",", "bare", "combined", "path", "tag", "keyword", "list", "repeat"])
def test_every_form_is_asked(form: str) -> None:
    def has(query: Query) -> bool:
        names = [name for name, _ in query.parameters]
        texts = [v for n, v in query.parameters if isinstance(v, str) and key_named(n)]
        return {
            "bare": any(v is None for _, v in query.parameters),
            "combined": {"StudyDate", "StudyTime"} <= set(names) and all("-" in t for t in texts) and len(texts) == 2,
            "path": any("." in name for name in names),
            "tag": any(re.fullmatch(r"[0-9A-F]{8}", name) for name in names),
            "keyword": any(key_named(name) and name[0].isalpha() for name in names),
            "list": any(n == "includefield" and isinstance(v, tuple) and len(v) > 1 for n, v in query.parameters),
            "repeat": names.count("includefield") > 1,
            ",": any(isinstance(v, tuple) and key_named(n) for n, v in query.parameters),
        }.get(form, any(form in t for t in texts))

    find(queries(held()), has, settings=settings(QUICK, max_examples=3000))


@settings(deadline=None)
@given(st.text(max_size=12).filter(lambda t: not any("\ud800" <= c <= "\udfff" for c in t)))
@example("a&b=c,d#e+f%41 [g]")
@example("\u5c71\u7530^\u592a\u90ce=\u3084")
def test_any_value_survives_encoding(value: str) -> None:
    query = Query("studies", "/studies", (("PatientID", value), ("limit", "1")))
    read = uri.classify("GET", query.target(), "http://x").query
    assert [p.name for p in read.parameters] == ["PatientID", "limit"]
    assert read.parameters[0].values == (value,)
    assert not set(query.target()) & set("+#")


def test_a_query_can_be_changed() -> None:
    query = Query("studies", "/studies", (("00100020", "X"), ("RequestAttributesSequence.00400009", "Y")))
    assert query.spelled("keyword").target() == (
        "/studies?PatientID=X&RequestAttributesSequence.ScheduledProcedureStepID=Y"
    )
    assert query.spelled("tag").target() == "/studies?00100020=X&00400275.00400009=Y"
    assert query.with_parameters(("limit", "5"), ("00100020", "Z")).target().startswith("/studies?00100020=Z&")
    assert query.without("00100020").parameters == (("RequestAttributesSequence.00400009", "Y"),)
    assert Query("studies", "/studies", (("StudyInstanceUID", ("1.2", "1.3")),)).target().endswith("=1.2,1.3")


def test_an_empty_holding_still_has_questions_without_a_parent() -> None:
    query = find(queries(Holding()), lambda q: bool(q.keys), settings=QUICK)
    assert query.resource in ("studies", "series", "instances")
    with pytest.raises(ValueError, match="Nothing is held"):
        find(queries(Holding(), resources=("study-series",)), lambda q: True, settings=QUICK)


def test_found_values_of_any_kind_do_no_harm() -> None:
    wild = ["\ud800", "a*b", "x" * 5000, "2024-01-31", "not a number", ""]
    rows = [
        {"0020000D": {"vr": "UI", "Value": [f"1.2.{i}"]}, **{k.tags[0]: {"vr": k.vr, "Value": [text]} for k in KEYS
         if k.level == "study" and k.vr != "UI" and len(k.tags) == 1}}
        for i, text in enumerate(wild)
    ]  # fmt: skip
    holding = Holding.found(rows)

    @QUICK
    @given(queries(holding))
    def ask(query: Query) -> None:
        assert len(query.target()) < 2000

    ask()


def test_the_table_of_keys() -> None:
    assert len(KEYS) == 19
    assert {k.level for k in keys_for("study-series")} == {"series"}
    assert key_named("00400275.ScheduledProcedureStepID") is key_named("RequestAttributesSequence.00400009")
    assert key_named("limit") is None
