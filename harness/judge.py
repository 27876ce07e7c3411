"""Knows how exchanges and rules become verdicts; nothing else decides.

Must not know where the exchanges come from, nor any particular rule.
"""

from __future__ import annotations

import datetime
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from harness.association import Association, Evidence, Operation
from harness.context import Context
from harness.exchange import PUT_OFF, Exchange, Journey
from harness.past import Past
from harness.requirements import requirements
from harness.rule import Catalogue, Finding, Role, Rule, service_of_kind
from harness.verdict import Outcome, Tally, Verdict, Waiver

KEEP_FINDINGS = 20
KEEP_SAMPLES = 3
TEXT = 2000  # characters of got and want that a finding keeps

Met = list[tuple[str, Finding]]


@dataclass
class Judge:
    """Judges exchanges one by one, journeys when they end, and sums up at the finish.

    `claims`: services the target says it has, None for all; `absent`: services that nothing says it has, not claimed
    unless they are met. `grounded` demands that a service was shown to
    answer what it is asked before its content rules may pass (only where we ask the questions).
    """

    catalogue: Catalogue
    context: Context = field(default_factory=Context)
    rules: Sequence[Rule[Any]] | None = None
    claims: frozenset[str] | None = None
    absent: frozenset[str] = frozenset()
    waivers: Sequence[Waiver] = ()
    today: datetime.date = datetime.date.min
    grounded: bool = True
    on_error: Callable[[str, str], None] = lambda rule, text: None

    def __post_init__(self) -> None:
        chosen = self.catalogue.rules.values() if self.rules is None else self.rules
        self._rules = [r for r in chosen if r.applies_in(self.context.edition)]
        self._tally: dict[str, Tally] = {r.id: Tally() for r in self._rules}
        self._by_kind: dict[tuple[type, str], list[Rule[Any]]] = {}
        self._open: dict[str, list[Evidence]] = {}
        self.past = self.context.past or Past()
        self.context = replace(self.context, past=self.past)

    def see(self, x: Evidence) -> Met:
        """Judge one exchange, or one association with its operations; the findings, each with the id of its rule."""
        x = x.but(context=self.context)
        met: Met = []
        for seen in x.sides() if isinstance(x, Exchange) else [x]:
            met += self._judge(seen, type(x), x.kind, [seen])
        if isinstance(x, Association):
            for operation in x.operations:
                met += self._judge(operation, Operation, operation.kind, [operation])
            self._guarded("past", partial(self.past.hear, x))
        else:
            self._guarded("past", partial(self.past.see, x))
        if x.journey:
            self._open.setdefault(x.journey, []).append(x)
        x.forget()
        return met

    def close(self, journey: str) -> Met:
        """The journey is over: judge it as a whole."""
        seen = self._open.pop(journey, [])
        if not seen:
            return []
        exchanges = tuple(x for x in seen if isinstance(x, Exchange))
        associations = tuple(x for x in seen if isinstance(x, Association))
        whole = Journey(journey.partition("#")[0], journey, exchanges, self.context, associations)
        met = self._judge(whole, Journey, whole.kind, seen)
        for x in seen:
            x.forget()
        return met

    def finish(self) -> list[Verdict]:
        """Close what is open and give one verdict for each rule of the edition, in the catalogue's order."""
        for journey in list(self._open):
            self.close(journey)
        grounds = self._grounds()
        return [self._verdict(rule, self._tally[rule.id], grounds) for rule in self._rules]

    def failed(self, rule: str) -> bool:
        """Whether that rule has met a failure so far."""
        return self._tally[rule].failed > 0

    def _judge(self, subject: Any, over: type, kind: str, seen: Sequence[Evidence | Operation]) -> Met:
        """Have the rules judge a subject that was `seen` in these."""
        met: Met = []
        incomplete = next((x for x in seen if not x.complete), None)
        for rule in self._for_kind(over, kind):
            tally = self._tally[rule.id]
            if not subject.judges(rule.who.value) or (rule.wire and subject.facts.get("retold")):
                continue
            if incomplete is not None and not rule.incomplete:
                # else the probe broke it off, or the protocol, which says nothing about the target here
                if not any(incomplete.facts.get(word) for word in ("cut", "provoked")):
                    why = f"{incomplete.called} has no whole answer: {incomplete.fault}"
                    tally.blocked = tally.blocked or why
                continue
            try:
                if not rule.when(subject):
                    continue
                findings = list(rule(subject))
            except Exception:  # a rule that breaks is our fault and must not stop the run
                tally.error = tally.error or traceback.format_exc()
                self.on_error(rule.id, f"at {seen[-1].called}\n{traceback.format_exc()}")
                continue
            held = [f for f in findings if not _put_off(f, seen)]
            if findings and not held:
                tally.blocked = tally.blocked or f"{seen[-1].called} was put off: {findings[0].got}"
                continue
            findings = held
            if rule.who is Role.BOTH and isinstance(subject, Exchange) and subject.side == "user-agent":
                findings = [replace(f, where=f"request: {f.where}") for f in findings]
            met += [(rule.id, f) for f in _count(tally, findings, seen, service_of_kind(kind))]
        return met

    def _for_kind(self, over: type, kind: str) -> list[Rule[Any]]:
        key = (over, kind)
        if key not in self._by_kind:
            self._by_kind[key] = [r for r in self._rules if r.over is over and r.applies_to(kind)]
        return self._by_kind[key]

    def _grounds(self) -> Mapping[str, str]:
        """Service -> why its content cannot be trusted; '' when it was shown to answer what it is asked."""
        found: dict[str, str] = {}
        for service, ids in self.catalogue.grounds.items():
            tallies = [self._tally[i] for i in ids if i in self._tally]
            failed = next((i for i in ids if i in self._tally and self._tally[i].failed), "")
            if failed:
                found[service] = f"{failed} failed: the answers do not depend on what was asked"
            elif not any(t.exercised for t in tallies):
                found[service] = f"{ids[0]} was not exercised: nothing shows that the target answers what it is asked"
            else:
                found[service] = ""
        return found

    def _verdict(self, rule: Rule[Any], tally: Tally, grounds: Mapping[str, str]) -> Verdict:
        exercised = sum(tally.exercised.values())
        findings = tuple(finding for _, finding in tally.findings)
        facts: dict[str, Any] = {
            "exercised": exercised,
            "found": tally.found,
            "findings": findings,
            "samples": tuple(tally.samples),
        }
        if self.claims is not None and rule.service not in ("http", "messages", "association", *self.claims):
            return Verdict.of(rule, Outcome.NOT_CLAIMED)
        if tally.error:
            return Verdict.of(rule, Outcome.ERROR, **facts, why=tally.error)
        if tally.found:
            return self._found(rule, tally, facts)
        if not exercised and rule.service in self.absent:
            return Verdict.of(rule, Outcome.NOT_CLAIMED)
        if not exercised:
            outcome = Outcome.BLOCKED if tally.blocked else Outcome.NOT_EXERCISED
            return Verdict.of(rule, outcome, **facts, why=tally.blocked)
        return self._passed(rule, tally, grounds, facts)

    def _found(self, rule: Rule[Any], tally: Tally, facts: dict[str, Any]) -> Verdict:
        fails = rule.level.binding and tally.failed > 0 and _confirmed(rule)
        outcome = Outcome.FAIL if fails else Outcome.WARN
        waivers = [w for w in self.waivers if w.rule == rule.id]
        # findings beyond the kept ones cannot be looked at, so only a waiver without a place covers them
        if tally.found > len(facts["findings"]):
            waivers = [w for w in waivers if not w.where]
        for waiver in waivers:
            if all(waiver.covers(rule.id, f, self.today) for f in facts["findings"]):
                return Verdict.of(rule, Outcome.WAIVED, **facts, waiver=waiver, why=waiver.reason)
        expired = next((w for w in self.waivers if w.rule == rule.id and w.until < self.today), None)
        why = f"a waiver of {expired.owner} expired on {expired.until.isoformat()}" if expired else ""
        return Verdict.of(rule, outcome, **facts, why=why)

    def _passed(self, rule: Rule[Any], tally: Tally, grounds: Mapping[str, str], facts: dict[str, Any]) -> Verdict:
        if rule.after and rule.after in self._tally:
            before = self._tally[rule.after]
            if before.failed or not before.exercised:
                return Verdict.of(rule, Outcome.BLOCKED, **facts, why=f"{rule.after} did not pass")
        if rule.content and self.grounded:
            # a service without grounds of its own stands on any other that has them
            anywhere = "" if "" in grounds.values() else next(iter(grounds.values()), "")
            missing = [grounds.get(service, anywhere) for service in tally.exercised]
            if missing and all(missing):
                return Verdict.of(rule, Outcome.BLOCKED, **facts, why=missing[0])
        return Verdict.of(rule, Outcome.PASS, **facts)

    def _guarded(self, name: str, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception:  # reading a hostile body must not stop the run
            self.on_error(name, traceback.format_exc())


def _count(tally: Tally, findings: list[Finding], seen: Sequence[Evidence | Operation], service: str) -> list[Finding]:
    """Add one judgement to the tally; the findings with their exchange or association filled in."""
    last = seen[-1]
    tally.exercised[service] = tally.exercised.get(service, 0) + 1
    if len(tally.samples) < KEEP_SAMPLES:
        tally.samples += [x.seq for x in seen][: KEEP_SAMPLES - len(tally.samples)]
    if not findings:
        return []
    placed = [_placed(f, last.seq) for f in findings]
    tally.found += len(placed)
    tally.failed += sum(not f.warn for f in placed)
    # failures before warnings, then the smallest question first: the shortest way to see the fault again
    size = sum(x.size for x in seen)
    tally.findings += [((f.warn, size, f.seq, n), f) for n, f in enumerate(placed)]
    tally.findings.sort(key=lambda pair: pair[0])
    del tally.findings[KEEP_FINDINGS:]
    return placed


def _put_off(finding: Finding, seen: Sequence[Evidence | Operation]) -> bool:
    """It holds the status line against an answer that puts us off: who is overloaded or locked is not wrong for that.

    What a rule makes a warning of, knowing the code, stays one.
    """
    seq = finding.seq or seen[-1].seq
    lines = [x.answer.line for x in seen if isinstance(x, Exchange) and x.seq == seq and x.answer.status in PUT_OFF]
    return not finding.warn and any(finding.got.startswith(line) for line in lines)


def _placed(finding: Finding, seq: int) -> Finding:
    got, want = _short(finding.got), _short(finding.want)
    return replace(finding, seq=finding.seq or seq, got=got, want=want, where=_short(finding.where))


def _short(text: str) -> str:
    return text if len(text) <= TEXT else f"{text[:TEXT]}… ({len(text)} characters)"


def _confirmed(rule: Rule[Any]) -> bool:
    """A SHALL whose source nobody could read may warn, never fail (DESIGN section 4)."""
    known = requirements()
    sources = [known[r] for r in rule.verifies if r in known]
    return not sources or any(r.sure == "read" for r in sources)


def judge_all(judge: Judge, exchanges: Iterable[Evidence | str]) -> list[Verdict]:
    """Judge a recorded sequence; a string closes the journey of that name."""
    for item in exchanges:
        if isinstance(item, str):
            judge.close(item)
        else:
            judge.see(item)
    return judge.finish()
