"""The rule of PS3.4 CC.2.1.2, CC.2.1.3 on several claims of one workitem at the same time.

Must not know who was first.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Exchange, Journey
from harness.rule import Finding, journey
from suites.web.workitems import reading
from suites.web.workitems.judging import each, refusing
from suites.web.workitems.making import IN_PROGRESS, SCHEDULED, STATE, DataSet, element
from suites.web.workitems.reading import CHANGED, RETRIEVED, granted, only, uid_of, wanted

RACE = "web.workitems.race"


def _claims(j: Journey) -> dict[str, list[Exchange]]:
    """The claims of each workitem that was created, where no answer is missing."""
    found: dict[str, list[Exchange]] = {}
    for x in j.steps("claim"):
        found.setdefault(uid_of(x), []).append(x)
    return {u: xs for u, xs in found.items() if len(xs) > 1 and not any(reading.declined(x) for x in xs)}


@journey(
    "workitem.one-claim-wins",
    cites="PS3.18 11.7.2; PS3.4 CC.1.1, CC.2.1.2, CC.2.1.3",
    verifies="PS3.18-11.7.2-11",
    on=RACE,
    when=lambda j: bool(_claims(j)),
    says="Of several claims of a workitem at the same time exactly one succeeds, and it is IN PROGRESS.",
)
def one_claim_wins(j: Journey) -> Iterator[Finding]:
    for uid, claims in _claims(j).items():
        won = [x for x in claims if granted(x)]
        if len(won) != 1:
            where = f"{len(claims)} claims of workitem {uid} at once"
            yield Finding(f"{len(won)} succeeded", "exactly one", where, seq=claims[-1].seq)
    for x in j.steps("after"):
        state = reading.text(only(x.answer), STATE)
        if uid_of(x) in _claims(j) and granted(x) and state != IN_PROGRESS:
            yield Finding(state or "no state", IN_PROGRESS, f"workitem {uid_of(x)} after the race", seq=x.seq)


@one_claim_wins.mutant
def everybody_wins(x: Exchange) -> Answer | None:
    """Every claim succeeds."""
    lost = x.kind == CHANGED and wanted(x) == IN_PROGRESS and not granted(x)
    return x.answer.but(status=200, reason="OK", body=b"") if lost else None


@one_claim_wins.mutant
def nobody_wins(x: Exchange) -> Answer | None:
    """Claims at the same time hinder each other, and all fail."""
    return refusing(x, CHANGED, 409)


@one_claim_wins.mutant
def won_for_nothing(x: Exchange) -> Answer | None:
    """What was claimed stays SCHEDULED."""

    def free(row: DataSet) -> DataSet:
        return {**row, STATE: element(STATE, SCHEDULED)}

    return each(x, free, RETRIEVED)
