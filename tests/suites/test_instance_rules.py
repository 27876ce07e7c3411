"""Rules on PS3.10 files in answers: every code of the reader has one, each catches its mutants, legal files pass."""

from __future__ import annotations

import pytest

from harness.body import Body
from harness.context import Context
from harness.make.corpus import corpus
from harness.past import Kept, Past
from harness.rule import CATALOGUE, At, Mutant
from harness.wire import part10
from suites.model.instance import LEGAL, RULE_OF
from tests.suites import retrieving as r
from tests.suites.retrieving import exchange, files, findings

RULES = sorted(i for i in CATALOGUE.rules if i.startswith("instance."))
MUTANTS = [m for i in RULES for m in CATALOGUE.rules[i].mutants if m.at is At.ANSWER]


def test_every_code_belongs_to_exactly_one_rule() -> None:
    assert set(part10.CODES) == set(RULE_OF) | set(LEGAL)
    assert not set(RULE_OF) & set(LEGAL)
    assert all(rule in CATALOGUE.rules for rule in RULE_OF.values())


GOOD = exchange(r.path(), files(r.part10(r.dataset())))
SAMPLES = corpus(5, "FILES")
CODED = next(s for s in SAMPLES if s.transfer_syntax == "1.2.840.10008.1.2.5")
WHOLE = exchange(f"studies/{CODED.study}", files(CODED.part10, syntax=CODED.transfer_syntax))


@pytest.mark.parametrize("rule", RULES)
def test_right_files_pass(rule: str) -> None:
    found = [findings(rule, x) for x in (GOOD, WHOLE)]
    assert any(f is not None for f in found)
    assert not any(found)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.id)
def test_a_mutant_is_caught_by_its_rule(mutant: Mutant) -> None:
    tried = [GOOD, WHOLE, *(exchange(f"studies/{s.study}", files(s.part10, syntax="")) for s in SAMPLES)]
    for x in tried:
        broken = mutant.act(x)
        if broken is not None:
            assert findings(mutant.rule, x.but(answer=broken))
            return
    pytest.fail("found nothing to break")


@pytest.mark.parametrize("rule", RULES)
def test_the_whole_corpus_is_legal(rule: str) -> None:
    for sample in SAMPLES:
        assert not findings(rule, exchange(f"studies/{sample.study}", files(sample.part10, syntax="")))


@pytest.mark.parametrize("rule", RULES)
def test_nothing_is_exercised_without_files(rule: str) -> None:
    for said in (r.answer(404), r.rows(r.metadata()), r.answer(200, b"x", "text/html")):
        assert findings(rule, exchange(r.path(), said)) is None


ODD = r.part10(r.dataset()).replace(b"\x08\0\x60\0CS\2\0OT", b"\x08\0\x60\0CS\2\0ot")


def test_what_was_stored_so_is_not_blamed_on_who_keeps_it() -> None:
    rule = "instance.values"
    kept = Kept(r.SOP_CLASS, r.uid(1), r.STUDY, r.SERIES, r.EXPLICIT, Body.of(ODD), 1)
    assert findings(rule, exchange(r.path(), files(ODD), held=r.past(kept))) == []
    assert r.hard(findings(rule, exchange(r.path(), files(ODD))))
    assert r.soft(findings(rule, exchange(r.path(), files(ODD), context=Context(past=Past()))))


def test_a_body_that_breaks_off_is_not_blamed_on_its_last_file() -> None:
    whole = files(r.part10(r.dataset()), r.part10(r.dataset(2)))
    cut = whole.but(body=whole.body.bytes()[:-5])
    assert findings("instance.elements", exchange(r.path(), cut)) == []


def test_our_own_bad_files_are_nobodys() -> None:
    x = r.exchange(r.path(), r.answer(404), asked=r.ask(r.path()).but(body=Body.of(b"junk")))
    assert findings("instance.is-a-file", x.but(probe="store.faults")) is None
