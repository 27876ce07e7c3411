"""The judge: outcomes, grounds, claims, waivers, blocked and error, one case each."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import pytest

from harness import rule as rules
from harness.body import Body
from harness.exchange import Answer, Ask, Exchange, Fault, Headers, Journey
from harness.judge import Judge
from harness.requirements import requirements
from harness.rule import SHALL, SHOULD, Catalogue, CatalogueError, Finding, ground, journey, rule
from harness.verdict import Exit, Outcome, Waiver, exit_code

BASE = "http://h/dw"
TODAY = datetime.date(2026, 1, 1)


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """An empty catalogue that the decorators fill."""
    fresh = Catalogue()
    monkeypatch.setattr(rules, "CATALOGUE", fresh)
    return fresh


def exchange(seq: int = 1, target: str = "/dw/studies", status: int = 200, body: bytes = b"", **more) -> Exchange:
    answer = Answer(status, "", Headers(), Body.of(body), fault=more.pop("fault", None))
    return Exchange(seq, Ask("GET", target, BASE), answer, **more)


def always_red(x: Exchange) -> Iterator[Finding]:
    yield Finding("this", "that", "there")


def never_red(x: Exchange) -> None:
    return None


def declare(id: str = "a.rule", judgement=never_red, **more):
    return rule(id, cites="PS3.18 8.5", says="x", on=more.pop("on", "web"), **more)(judgement)


def outcome(catalogue: Catalogue, *exchanges: Exchange, **more) -> Outcome:
    judge = Judge(catalogue, today=TODAY, **more)
    for x in exchanges:
        judge.see(x)
    return judge.finish()[0].outcome


def test_a_rule_that_met_nothing_is_not_exercised(catalogue: Catalogue) -> None:
    declare(on="web.store")
    assert outcome(catalogue, exchange()) is Outcome.NOT_EXERCISED


def test_a_rule_whose_condition_never_held_is_not_exercised(catalogue: Catalogue) -> None:
    declare(when=lambda x: x.answer.status == 204)
    assert outcome(catalogue, exchange(status=200)) is Outcome.NOT_EXERCISED


def test_a_rule_without_findings_passes(catalogue: Catalogue) -> None:
    declare()
    assert outcome(catalogue, exchange()) is Outcome.PASS


@pytest.mark.parametrize(("level", "wanted"), [(SHALL, Outcome.FAIL), (SHOULD, Outcome.WARN)])
def test_the_level_decides_between_fail_and_warn(catalogue: Catalogue, level, wanted) -> None:
    declare(judgement=always_red, level=level)
    assert outcome(catalogue, exchange()) is wanted


def test_a_finding_that_only_warns_does_not_fail(catalogue: Catalogue) -> None:
    declare(judgement=lambda x: [Finding("a", "b", "c", warn=True)])
    assert outcome(catalogue, exchange()) is Outcome.WARN


def wants_404(x: Exchange) -> Iterator[Finding]:
    if x.answer.status != 404:
        yield Finding(x.answer.line, "404", "status line")


@pytest.mark.parametrize("status", [401, 407, 429, 503])
def test_an_answer_that_puts_us_off_is_held_against_nobody(catalogue: Catalogue, status: int) -> None:
    declare(judgement=wants_404)
    assert outcome(catalogue, exchange(status=status)) is Outcome.BLOCKED
    # what else is shown counts
    assert outcome(catalogue, exchange(status=status), exchange(2, status=404)) is Outcome.PASS
    assert outcome(catalogue, exchange(status=status), exchange(2, status=200)) is Outcome.FAIL


@pytest.mark.parametrize("status", [200, 204, 400, 403, 500, 501])
def test_every_other_code_is(catalogue: Catalogue, status: int) -> None:
    declare(judgement=wants_404)
    assert outcome(catalogue, exchange(status=status)) is Outcome.FAIL


def test_what_is_wrong_with_such_an_answer_itself_is_found(catalogue: Catalogue) -> None:
    declare(judgement=lambda x: [Finding("no WWW-Authenticate", "a challenge", "header fields")])
    assert outcome(catalogue, exchange(status=401)) is Outcome.FAIL


def test_a_step_of_a_journey_that_was_put_off_is_left_out(catalogue: Catalogue) -> None:
    @journey("j", cites="PS3.18 8.5", says="x", on="j")
    def all_404(j: Journey) -> Iterator[Finding]:
        for x in j.exchanges:
            yield from (Finding(f.got, f.want, f.where, seq=x.seq) for f in wants_404(x))

    busy = [exchange(1, status=404, journey="j#1"), exchange(2, status=503, journey="j#1")]
    assert outcome(catalogue, *busy) is Outcome.BLOCKED
    assert outcome(catalogue, *busy, exchange(3, journey="j#1")) is Outcome.FAIL


def test_a_shall_whose_source_was_not_read_warns_at_most(catalogue: Catalogue) -> None:
    declare(judgement=always_red, verifies=next(r.id for r in requirements().values() if r.sure != "read"))
    assert outcome(catalogue, exchange()) is Outcome.WARN


def test_a_missing_answer_blocks_and_says_which(catalogue: Catalogue) -> None:
    declare()
    judge = Judge(catalogue)
    judge.see(exchange(7, status=0, fault=Fault("timeout", "too late")))
    verdict = judge.finish()[0]
    assert verdict.outcome is Outcome.BLOCKED
    assert "exchange 7" in verdict.why


def test_a_rule_about_missing_answers_judges_them(catalogue: Catalogue) -> None:
    declare(judgement=always_red, incomplete=True)
    assert outcome(catalogue, exchange(status=0, fault=Fault("timeout", "too late"))) is Outcome.FAIL


def test_a_rule_that_breaks_is_our_error(catalogue: Catalogue) -> None:
    def broken(x: Exchange) -> None:
        raise KeyError("oops")

    declare(judgement=broken)
    noted: list[str] = []
    judge = Judge(catalogue, on_error=lambda rule, text: noted.append(rule))
    judge.see(exchange())
    verdict = judge.finish()[0]
    assert verdict.outcome is Outcome.ERROR
    assert "oops" in verdict.why
    assert noted == ["a.rule"]


def test_services_that_are_not_claimed(catalogue: Catalogue) -> None:
    declare(on="web.search", judgement=always_red)
    assert outcome(catalogue, exchange(), claims=frozenset({"store"})) is Outcome.NOT_CLAIMED


def test_content_does_not_pass_on_a_service_that_answers_anything(catalogue: Catalogue) -> None:
    declare("content", on="web.search")
    declare("framing", on="web.search", content=False)
    ground("search", declare("honest", judgement=always_red, on="web.search", content=False))
    judge = Judge(catalogue)
    judge.see(exchange())
    assert [v.outcome for v in judge.finish()] == [Outcome.BLOCKED, Outcome.PASS, Outcome.FAIL]


def test_content_does_not_pass_when_nothing_showed_the_service_honest(catalogue: Catalogue) -> None:
    declare("content", on="web.search")
    ground("search", declare("honest", on="web.search.series"))
    judge = Judge(catalogue)
    judge.see(exchange())
    assert judge.finish()[0].outcome is Outcome.BLOCKED


def test_in_traffic_of_others_content_may_pass(catalogue: Catalogue) -> None:
    declare("content", on="web.search")
    ground("search", declare("honest", on="web.search.series"))
    judge = Judge(catalogue, grounded=False)
    judge.see(exchange())
    assert judge.finish()[0].outcome is Outcome.PASS


def test_a_pass_is_blocked_by_the_rule_it_comes_after(catalogue: Catalogue) -> None:
    declare("later", after="earlier")
    declare("earlier", judgement=always_red)
    assert outcome(catalogue, exchange()) is Outcome.BLOCKED


@pytest.mark.parametrize(
    ("until", "where", "wanted"),
    [
        (TODAY, "", Outcome.WAIVED),
        (TODAY - datetime.timedelta(1), "", Outcome.FAIL),
        (TODAY, "there", Outcome.WAIVED),
        (TODAY, "elsewhere", Outcome.FAIL),
    ],
)
def test_waivers_cover_their_rule_until_they_expire(catalogue: Catalogue, until, where, wanted) -> None:
    declare(judgement=always_red)
    waivers = [Waiver("a.rule", "known", "somebody", until, where)]
    assert outcome(catalogue, exchange(), waivers=waivers) is wanted


def test_editions_bound_a_rule(catalogue: Catalogue) -> None:
    declare("old", until="2023e")
    declare("new", since="2024e")
    judge = Judge(catalogue)
    judge.see(exchange())
    assert [v.rule for v in judge.finish()] == ["new"]


def test_a_journey_is_judged_as_a_whole_when_it_ends(catalogue: Catalogue) -> None:
    @journey("pages", cites="PS3.18 8.3.4.4", says="x", on="web.search.paging")
    def pages(j: Journey) -> Iterator[Finding]:
        if len(j.steps("page")) != 2:
            yield Finding("x", "y", "z")

    judge = Judge(catalogue)
    for seq in (1, 2):
        judge.see(exchange(seq, journey="web.search.paging#1", step="page"))
    assert judge.close("web.search.paging#1") == []
    assert judge.finish()[0].outcome is Outcome.PASS


def test_the_smallest_question_is_shown_first(catalogue: Catalogue) -> None:
    declare(judgement=always_red)
    judge = Judge(catalogue)
    for seq, target in ((1, "/dw/studies?PatientName=LONG"), (2, "/dw/studies"), (3, "/dw/studies?a=b")):
        judge.see(exchange(seq, target))
    assert [f.seq for f in judge.finish()[0].findings] == [2, 3, 1]


def test_findings_are_kept_within_bounds_but_counted(catalogue: Catalogue) -> None:
    declare(judgement=lambda x: [Finding("g" * 5000, "w", "p")] * 50)
    judge = Judge(catalogue)
    judge.see(exchange())
    verdict = judge.finish()[0]
    assert verdict.found == 50
    assert len(verdict.findings) == 20
    assert len(verdict.findings[0].got) < 2100


def test_wrong_declarations_are_refused(catalogue: Catalogue) -> None:
    declare("twice")
    with pytest.raises(CatalogueError, match="two rules"):
        declare("twice")
    with pytest.raises(CatalogueError, match="no inventory"):
        declare("unknown", verifies="PS3.18-99-1")
    with pytest.raises(CatalogueError, match="in no list"):
        declare("known").mutant(defects="M-XX-99")(never_red)


def test_selection_by_id_glob_service_and_clause(catalogue: Catalogue) -> None:
    declare("search.one", on="web.search")
    declare("store.two", on="web.store")
    assert [r.id for r in catalogue.select("search.*")] == ["search.one"]
    assert [r.id for r in catalogue.select("store")] == ["store.two"]
    assert len(catalogue.select("PS3.18 8.5")) == 2
    assert len(catalogue.select("PS3.18 8")) == 2
    assert catalogue.select("PS3.18 9") == []


def test_exit_codes(catalogue: Catalogue) -> None:
    def code(all_due: bool = True) -> Exit:
        judge = Judge(catalogue)
        judge.see(exchange())
        return exit_code(judge.finish(), all_due)

    assert code() is Exit.UNREACHABLE
    declare("good")
    assert code() is Exit.CONFORMS
    declare("idle", on="web.store", due=False)
    assert code() is Exit.CONFORMS
    declare("missed", on="web.store")
    assert code() is Exit.NONCONFORMITY
    assert code(all_due=False) is Exit.CONFORMS
    declare("bad", judgement=always_red)
    assert code(all_due=False) is Exit.NONCONFORMITY
    declare("ours", judgement=lambda x: 1 / 0)
    assert code() is Exit.OURS
