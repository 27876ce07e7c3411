"""Rules of PS3.18 13.5 and Annex J on a transaction as a whole: a result that comes, stays, and holds.

Must not know how results are told.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Exchange, Journey
from harness.rule import Finding, journey
from suites.web.commitments.reading import FAILED_SOPS, INSTANCE, REASON, SINCE, SOPS, TRANSACTION, module
from suites.web.datasets import changed, emptied

KEEP = 5
LONG = 10  # seconds


def asked(j: Journey) -> Exchange | None:
    """The request of a transaction, if it was taken."""
    x = j.step("request")
    return x if x is not None and x.answer.status in (200, 202) else None


def results(j: Journey) -> list[Exchange]:
    """The answers with a result, in order: of the request, of the checks."""
    told = [*j.steps("request"), *j.steps("check")]
    return [x for x in told if x.answer.status == 200 and module(x.answer) is not None]


@journey(
    "commitments.result-comes",
    cites="PS3.18 13.4.2; 13.4.3.1; 13.5.2; 13.5.3.1",
    verifies="PS3.18-13.5.2-1",
    on=TRANSACTION,
    since=SINCE,
    when=lambda j: bool(asked(j)) and bool(j.steps("check")),
    says="Once a request was answered 202, a check is answered with the result, or with 202 as long as there is none.",
)
def result_comes(j: Journey) -> Iterator[Finding]:
    first = asked(j)
    if first is None:
        return
    told = first.answer.status == 200
    for x in j.steps("check"):
        status = x.answer.status
        if status == 200 or (status == 202 and not told):
            told = told or status == 200
        elif status == 202:
            yield Finding("202 after a result", "the result", "status line", seq=x.seq)
        else:
            # a result that was told may be deleted; how long it is kept is for each product to say (13.2)
            yield Finding(x.answer.line, "the result" if told else "202 or the result", "status line", seq=x.seq,
                          warn=told or status in (401, 403, 429, 503))  # fmt: skip
    last = j.steps("check")[-1]
    if not told and last.answer.status == 202 and not _asks_for_more_time(last):
        # no text says how long it may take, so that this can only be told
        yield Finding(f"202 after {len(j.steps('check'))} checks", "a result", "status line", seq=last.seq, warn=True)


def _asks_for_more_time(x: Exchange) -> bool:
    """The answer says that it will take longer than a probe can wait."""
    pause = x.answer.headers.get("retry-after") or ""
    return not pause.isdecimal() or int(pause) >= LONG if pause else False


@result_comes.mutant
def forgets_what_it_works_on(x: Exchange) -> Answer | None:
    """Whoever is told to come later is told that there is nothing."""
    return emptied(x.answer, 404, "Not Found") if x.ask.method == "GET" and x.answer.status == 202 else None


@result_comes.mutant
def works_for_ever(x: Exchange) -> Answer | None:
    """Checks are always answered 202."""
    return emptied(x.answer, 202, "Accepted") if x.ask.method == "GET" and x.answer.status == 200 else None


@journey(
    "commitments.result-stays",
    cites="PS3.18 13.5.2; 13.5.3.1; 13.2",
    verifies="PS3.18-13.5.3.1-2",
    on=TRANSACTION,
    since=SINCE,
    when=lambda j: len(results(j)) > 1,
    says="A result that is asked for again is the same one.",
)
def result_stays(j: Journey) -> Iterator[Finding]:
    first, *others = results(j)
    before = module(first.answer)
    for x in others:
        after = module(x.answer)
        if before is None or after is None:
            continue
        for instance in sorted(before.committed - after.committed)[:KEEP]:
            yield Finding(f"{instance} was committed to and is no longer", "the same result", "payload", seq=x.seq)
        for instance in sorted(after.committed - before.committed)[:KEEP]:
            # better news than before: what came in meanwhile can be committed to
            yield Finding(f"{instance} is committed to now", "the same result", "payload", seq=x.seq,
                          warn=instance in before.instances)  # fmt: skip
        for instance in sorted(before.instances - after.instances)[:KEEP]:
            if instance not in before.committed:
                yield Finding(f"{instance} is not told any more", "the same result", "payload", seq=x.seq)


@result_stays.mutant
def takes_commitments_back(x: Exchange) -> Answer | None:
    """Checks tell that everything failed."""

    def failed(root: dict[str, object]) -> None:
        kept = root.pop(SOPS, None)
        if isinstance(kept, dict):
            held = root.get(FAILED_SOPS)
            lost = [{**item, REASON: {"vr": "US", "Value": [0x0110]}} for item in kept["Value"]]
            root[FAILED_SOPS] = {"vr": "SQ", "Value": [*(held["Value"] if isinstance(held, dict) else []), *lost]}

    return changed(x.answer, failed) if x.ask.method == "GET" and x.answer.status == 200 else None


@result_stays.mutant
def forgets_the_failures(x: Exchange) -> Answer | None:
    """Checks tell of what is safe only."""
    lost = lambda root: root.pop(FAILED_SOPS, None) if SOPS in root else None  # noqa: E731
    return changed(x.answer, lost) if x.ask.method == "GET" and x.answer.status == 200 else None


@journey(
    "commitments.later-result-is-the-request",
    cites="PS3.18 13.5.2; J.2",
    verifies="PS3.18-J.2-2",
    on=TRANSACTION,
    since=SINCE,
    when=lambda j: bool(asked(j)) and any(x.ask.method == "GET" for x in results(j)),
    says="The result of a check names what was asked in the request, all of it and nothing else.",
)
def later_result_is_the_request(j: Journey) -> Iterator[Finding]:
    first = asked(j)
    sent = module(first.ask) if first is not None else None
    for x in results(j):
        found = module(x.answer)
        if sent is None or found is None or x.ask.method != "GET":
            continue
        for instance in sorted(sent.instances - found.instances)[:KEEP]:
            yield Finding(f"{instance} is neither committed nor failed", "one of both", "payload", seq=x.seq)
        for instance in sorted(found.instances - sent.instances)[:KEEP]:
            yield Finding(f"{instance or 'no UID'} was not asked for", "instances of the request", "payload", seq=x.seq)


@later_result_is_the_request.mutant
def tells_the_result_of_another(x: Exchange) -> Answer | None:
    """Checks tell the result of some other request."""

    def other(root: dict[str, object]) -> None:
        root.clear()
        root[SOPS] = {"vr": "SQ", "Value": [{"00081150": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.7"]},
                                             INSTANCE: {"vr": "UI", "Value": ["2.25.9"]}}]}  # fmt: skip

    return changed(x.answer, other) if x.ask.method == "GET" and x.answer.status == 200 else None


@journey(
    "commitments.committed-is-retrievable",
    cites="PS3.18 13.1; 13.2; PS3.4 J.1.1",
    verifies="PS3.18-J.2-5",
    on=TRANSACTION,
    since=SINCE,
    when=lambda j: bool(_fetched(j)),
    says="What is committed to can be retrieved afterwards.",
)
def committed_is_retrievable(j: Journey) -> Iterator[Finding]:
    for x in _fetched(j):
        if not x.answer.ok:
            # latency and the ways of retrieval are documented by each product (13.2)
            want, gone = "the instance that is committed to", x.answer.status in (404, 410)
            yield Finding(x.answer.line, want, "status line", seq=x.seq, warn=not gone)


def _fetched(j: Journey) -> list[Exchange]:
    """Retrievals of instances that the last result commits to."""
    told = [module(x.answer) for x in results(j)]
    committed = told[-1].committed if told and told[-1] is not None else set()
    return [x for x in j.steps("retrieve") if x.facts.get("instance") in committed]


@committed_is_retrievable.mutant
def commits_and_forgets(x: Exchange) -> Answer | None:
    """What is committed to is not found."""
    return emptied(x.answer, 404, "Not Found") if x.kind == "web.retrieve.instances" else None
