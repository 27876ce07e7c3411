"""Storage commitment across the doors: one archive commits to the same instances whichever way it is asked.

PS3.18 13.1 gives the service over HTTP the meaning of the one in DIMSE. No text says that a transaction of one door is
known to the other; where it is, it is the same one. Must not know how either door tells results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.exchange import Answer, Exchange, Journey
from harness.make.payloads import payload
from harness.rule import BOTH, MESSAGE, SHOULD, Finding, journey, probe
from harness.talk.conversation import Web
from harness.talk.dialogue import Dimse
from harness.upper_layer.message import Message as Sent
from harness.wire.sop import COMMITMENT
from suites.dimse import bend
from suites.dimse.commitment import probes as by_dimse
from suites.dimse.commitment import reading as reports
from suites.doors.probes import joined
from suites.doors.story import one_archive
from suites.web.commitments import probes as by_web
from suites.web.commitments.reading import FAILED_SOPS, REQUEST, SINCE, SOPS, module
from suites.web.datasets import changed

KIND = "doors.across.commitment"
KEEP = 5


@dataclass(frozen=True)
class Told:
    """The outcome of a transaction at one door: what is committed to, what is not, and where that was said."""

    transaction: str
    committed: frozenset[str]
    failed: frozenset[str]
    where: str
    seq: int

    @property
    def instances(self) -> frozenset[str]:
        return self.committed | self.failed


def _reported(j: Journey) -> Iterator[Told]:
    for a in j.associations:
        for o in a.operations:
            if o.kind == reports.EVENT and not _again(o):
                safe = frozenset(r.instance for r in reports.referenced(o))
                lost = frozenset(r.instance for r in reports.failed(o))
                yield Told(reports.transaction(o), safe, lost, o.where(), o.seq)


def _again(o: Operation) -> bool:
    return reports.transaction(o) in o.facts.get("again", ())


def _answered(j: Journey) -> Iterator[Told]:
    for x in j.exchanges:
        found = module(x.answer) if x.answer.status == 200 else None
        if found is not None:
            lost = frozenset(one.instance for one in found.named if one.failed)
            yield Told(x.resource.uid, frozenset(found.committed), lost, x.ask.line, x.seq)


def _pairs(j: Journey, same: bool) -> Iterator[tuple[Told, Told]]:
    """Outcomes at the DIMSE door and at the web door: of the `same` transaction, or of two that asked the same."""
    for report in _reported(j):
        for answer in _answered(j):
            if (report.transaction == answer.transaction) is same and (same or report.instances == answer.instances):
                yield report, answer


def _differ(report: Told, answer: Told) -> Iterator[Finding]:
    for instance in sorted(report.committed ^ answer.committed)[:KEEP]:
        got = "committed to over HTTP" if instance in answer.committed else "committed to in DIMSE"
        yield Finding(f"{instance} is {got} only", "by both doors, or by neither", f"{answer.where} and {report.where}",
                      answer.seq)  # fmt: skip


@journey(
    "across.commits-to-the-same",
    cites="PS3.18 13.1; PS3.4 J.1.1",
    level=SHOULD,
    on=KIND,
    who=BOTH,
    since=SINCE,
    due=False,
    when=lambda j: one_archive(j) and any(True for _ in _pairs(j, same=False)),
    says="Asked for the same instances, both doors commit to the same of them.",
)
def commits_to_the_same(j: Journey) -> Iterator[Finding]:
    for report, answer in _pairs(j, same=False):
        yield from _differ(report, answer)


@commits_to_the_same.mutant
def commits_to_nothing_over_http(x: Exchange) -> Answer | None:
    """Over HTTP everything fails."""
    return changed(x.answer, _lost) if x.kind == REQUEST and x.answer.status == 200 else None


def _lost(root: dict[str, object]) -> None:
    kept = root.pop(SOPS, None)
    if isinstance(kept, dict):
        held = root.get(FAILED_SOPS)
        lost = [{**item, "00081197": {"vr": "US", "Value": [0x0110]}} for item in kept["Value"]]
        root[FAILED_SOPS] = {"vr": "SQ", "Value": [*(held["Value"] if isinstance(held, dict) else []), *lost]}


@journey(
    "across.one-transaction",
    cites="PS3.18 13.1; 13.5.2; B.30",
    level=SHOULD,
    on=KIND,
    who=BOTH,
    since=SINCE,
    due=False,
    when=lambda j: one_archive(j) and any(True for _ in _pairs(j, same=True)),
    says="A transaction that was asked for in DIMSE, where it is known over HTTP, has the same result there.",
)
def one_transaction(j: Journey) -> Iterator[Finding]:
    for report, answer in _pairs(j, same=True):
        for instance in sorted(report.instances ^ answer.instances)[:KEEP]:
            yield Finding(f"{instance} is told by one door only", "the same instances", answer.where, answer.seq)
        yield from _differ(report, answer)


@one_transaction.mutant(at=MESSAGE)
def reports_fewer_failures(message: Sent, asked: Sent | None) -> Sent | None:
    """Reports tell of what is safe only."""
    if not bend.is_request(message, "n-event-report"):
        return None
    return bend.rewritten(message, lambda found: bend.dropped(found, 0x00081198) if _both(found) else False)


def _both(found: Dataset) -> bool:
    return "ReferencedSOPSequence" in found and "FailedSOPSequence" in found


@probe("across.commitment", provokes=KIND, needs="loaded")
def commitment(web: Web, dimse: Dimse) -> None:
    """The same instances through both doors, and each transaction at the other door once more."""
    http, own = by_web.Transactions(web), by_dimse.Transactions(dimse)
    if not by_web.there(web, http):
        return
    facts = {"joined": joined(web, dimse) if web.session.write else []}
    asked = [*http.kept, *http.unknown()]
    with web.journey(KIND) as name, dimse.within(name):
        transaction = http.next()
        by_web.ask(web, transaction, payload(by_web.plain(asked)), facts={**facts, **http.facts(asked)})
        pairs = [(sop_class, instance) for sop_class, instance, _, _ in asked]
        for reported in _ask_in_dimse(dimse, own, pairs, facts):
            by_web.awaited(web, reported, facts=facts)


def _ask_in_dimse(dimse: Dimse, own: by_dimse.Transactions, pairs: list[tuple[str, str]],
                  facts: Mapping[str, object]) -> list[str]:  # fmt: skip
    """Request the same in DIMSE; the transaction, if a report of it came."""
    with dimse.associate(by_dimse.CONTEXTS, step="asks", facts={**own.facts, **facts}) as a:
        a.facts["transactions"] = own.known
        if a.accepts(COMMITMENT) is None:
            return []
        name, information = own.request(pairs)
        came = by_dimse.ask(a, information) == 0 and by_dimse.await_reports(a, 1, own.patience)
        return [name] if came else []
