"""Rules of PS3.18 11.7 and PS3.4 CC.1.1, CC.2.1 on changing the state of a workitem: claim, complete, cancel.

Must not know what is retrieved afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.exchange import Answer, Exchange, Journey
from harness.rule import Finding, journey, rule
from suites.web.workitems import reading
from suites.web.workitems.judging import allowed, granting, refused, refusing, unwarned, where
from suites.web.workitems.making import (
    CANCELED,
    COMPLETED,
    FINAL,
    IN_PROGRESS,
    LABEL,
    LOCK,
    SCHEDULED,
    STATE,
    as_json,
    attributes,
)
from suites.web.workitems.reading import CHANGED, key_of, wanted, warns
from suites.web.workitems.story import ABSENT, EVERY, Moment, about, cells

_FREE = (ABSENT, SCHEDULED)


def _some(*outcomes: str) -> Callable[[Journey], bool]:
    return lambda j: bool(cells(j, *outcomes))


def _granting(x: Exchange, *states: str) -> Answer | None:
    """For mutants: a change to one of these states that was refused is granted."""
    return granting(x, CHANGED, 400, 409) if wanted(x) in states else None


@journey(
    "workitem.claim-succeeds",
    cites="PS3.18 11.7.2, 11.7.3.1; PS3.4 CC.2.1.3, Table CC.1.1-2",
    verifies="PS3.18-11.7.2-1",
    on=EVERY,
    when=_some(IN_PROGRESS),
    says="A SCHEDULED workitem is IN PROGRESS when asked for with a Transaction UID: 200.",
)
def claim_succeeds(j: Journey) -> Iterator[Finding]:
    for m in cells(j, IN_PROGRESS):
        yield from allowed(m, 200)


@claim_succeeds.mutant
def nobody_may_claim(x: Exchange) -> Answer | None:
    """Every claim is refused."""
    return refusing(x, CHANGED) if wanted(x) == IN_PROGRESS else None


@journey(
    "workitem.claimed-once",
    cites="PS3.18 11.7.2, 11.7.3.1; PS3.4 CC.2.1.3, Table CC.1.1-2",
    verifies="PS3.18-11.7.2-2",
    on=EVERY,
    when=lambda j: bool(_second_claims(j)),
    says="A workitem that is IN PROGRESS cannot be claimed, with its own Transaction UID or another: 409 or 400.",
)
def claimed_once(j: Journey) -> Iterator[Finding]:
    for m in _second_claims(j):
        yield from refused(m)


def _second_claims(j: Journey) -> list[Moment]:
    return [m for m in cells(j, "C302", "C301") if wanted(m.x) == IN_PROGRESS == m.item.state]


@claimed_once.mutant
def claims_again_and_again(x: Exchange) -> Answer | None:
    """A claim of what is claimed succeeds."""
    return _granting(x, IN_PROGRESS)


@claimed_once.mutant
def breaks_over_a_second_claim(x: Exchange) -> Answer | None:
    """A claim of what is claimed is answered 500."""
    second = x.kind == CHANGED and wanted(x) == IN_PROGRESS and x.answer.status in (400, 409)
    return x.answer.but(status=500, reason="Internal Server Error") if second else None


@journey(
    "workitem.claim-has-transaction-uid",
    cites="PS3.18 11.7.1.4, 11.7.3.1; PS3.4 CC.2.1.3, Table CC.1.1-2",
    verifies="PS3.18-11.7.2-7",
    on=EVERY,
    when=lambda j: bool(_claims_without(j)),
    says="A claim of a SCHEDULED workitem without a Transaction UID is refused: 400 or 409.",
)
def claim_has_transaction_uid(j: Journey) -> Iterator[Finding]:
    for m in _claims_without(j):
        yield from refused(m)


def _claims_without(j: Journey) -> list[Moment]:
    return [m for m in cells(j, "C301") if m.item.state == SCHEDULED and wanted(m.x) == IN_PROGRESS and not key_of(m.x)]


@claim_has_transaction_uid.mutant
def claims_for_nobody(x: Exchange) -> Answer | None:
    """A claim needs no Transaction UID."""
    return _granting(x, IN_PROGRESS) if not key_of(x) else None


@journey(
    "workitem.not-begun-not-ended",
    cites="PS3.18 11.7.2; PS3.4 CC.1.1, Table CC.1.1-2",
    verifies="PS3.18-11.7.2-3",
    on=EVERY,
    when=lambda j: bool(_hasty(j)),
    says="A SCHEDULED workitem is not COMPLETED or CANCELED by a change of state, with any lock: 409 or 400.",
)
def not_begun_not_ended(j: Journey) -> Iterator[Finding]:
    for m in _hasty(j):
        yield from refused(m)


def _hasty(j: Journey) -> list[Moment]:
    return [m for m in cells(j, "C310", "C301") if m.item.state == SCHEDULED and wanted(m.x) in FINAL]


@not_begun_not_ended.mutant(defects="M-UP-17")
def completes_what_was_never_begun(x: Exchange) -> Answer | None:
    """COMPLETED is granted whatever the state."""
    return _granting(x, *FINAL)


@journey(
    "workitem.never-scheduled-again",
    cites="PS3.18 11.7.1.4, 11.7.2; PS3.4 CC.2.1.4, Table CC.1.1-2",
    verifies="PS3.18-11.7.2-4",
    on=EVERY,
    when=lambda j: any(m.item.state for m in cells(j, "C303")),
    says="No workitem is made SCHEDULED by a change of state: 409 or 400.",
)
def never_scheduled_again(j: Journey) -> Iterator[Finding]:
    for m in cells(j, "C303"):
        if m.item.state:
            yield from refused(m)


@never_scheduled_again.mutant
def gives_workitems_back(x: Exchange) -> Answer | None:
    """A workitem can be made SCHEDULED."""
    return _granting(x, SCHEDULED)


@journey(
    "workitem.ends",
    cites="PS3.18 11.7.2, 11.7.3.1; PS3.4 CC.2.1.3, CC.2.5.1.1, Table CC.1.1-2",
    verifies="PS3.18-11.7.2-5",
    on=EVERY,
    when=lambda j: bool(_ends(j)),
    says="What is IN PROGRESS, with all that its final state asks for, is COMPLETED or CANCELED by its owner: 200.",
)
def ends(j: Journey) -> Iterator[Finding]:
    for m in _ends(j):
        yield from allowed(m, 200)


def _ends(j: Journey) -> list[Moment]:
    return cells(j, *FINAL)


@ends.mutant
def never_comes_to_an_end(x: Exchange) -> Answer | None:
    """COMPLETED is refused whatever was set before."""
    return refusing(x, CHANGED, 400) if wanted(x) == COMPLETED else None


@journey(
    "workitem.final-state-requirements",
    cites="PS3.18 11.7.2; PS3.4 CC.2.1.3, CC.2.5.1.1, Table CC.2.5-1, Table CC.2.5-3",
    verifies="PS3.18-11.7.2-6",
    on=EVERY,
    when=_some("C304"),
    says="A workitem without what its final state asks for is not COMPLETED: 409 or 400.",
)
def final_state_requirements(j: Journey) -> Iterator[Finding]:
    for m in cells(j, "C304"):
        yield from refused(m)


@final_state_requirements.mutant(defects="D-UP-06")
def completes_with_nothing_performed(x: Exchange) -> Answer | None:
    """COMPLETED is granted without a Performed Procedure Sequence."""
    return None if warns(x, "Transaction UID") else _granting(x, COMPLETED)


@journey(
    "workitem.owner-alone-ends",
    cites="PS3.18 11.7.2, 11.7.3.1; PS3.4 CC.1.1, CC.2.1.3, Table CC.1.1-2",
    verifies="PS3.18-11.7.2-7",
    on=EVERY,
    when=lambda j: bool(_strangers(j)),
    says="What is IN PROGRESS is not ended without its Transaction UID, nor with another: 400 or 409.",
)
def owner_alone_ends(j: Journey) -> Iterator[Finding]:
    for m in _strangers(j):
        yield from refused(m)


def _strangers(j: Journey) -> list[Moment]:
    return [m for m in cells(j, "C301") if m.item.state == IN_PROGRESS and wanted(m.x) in FINAL]


@owner_alone_ends.mutant
def anybody_may_complete(x: Exchange) -> Answer | None:
    """The Transaction UID of a change to COMPLETED or CANCELED is not looked at."""
    return _granting(x, *FINAL) if warns(x, "Transaction UID") else None


@journey(
    "workitem.final-stays",
    cites="PS3.18 11.7.2; PS3.4 CC.1.1, Table CC.1.1-2",
    verifies="PS3.18-11.7.2-8",
    on=EVERY,
    when=lambda j: bool(_too_late(j)),
    says="What is COMPLETED is not CANCELED, nor the other way round, nor claimed again: 409 or 400.",
)
def final_stays(j: Journey) -> Iterator[Finding]:
    for m in _too_late(j):
        yield from refused(m)


def _too_late(j: Journey) -> list[Moment]:
    known = [m for m in about(j, CHANGED) if m.item.state in FINAL and wanted(m.x) in (IN_PROGRESS, *FINAL)]
    return [m for m in known if wanted(m.x) != m.item.state and reading.readable(m.x)]


@final_stays.mutant
def cancels_what_is_completed(x: Exchange) -> Answer | None:
    """A change to another state is granted whatever came before."""
    return _granting(x, IN_PROGRESS, CANCELED)


@journey(
    "workitem.final-again-warns",
    cites="PS3.18 11.7.3.2; PS3.4 CC.2.1.4, Table CC.1.1-2",
    verifies=("PS3.18-11.7.2-9", "PS3.18-11.7.3.2-1"),
    on=EVERY,
    when=lambda j: any(not _gone(m) for m in cells(j, "B304", "B306")),
    says="A change to the final state that the workitem has already is no failure, and a Warning says so.",
)
def final_again_warns(j: Journey) -> Iterator[Finding]:
    for m in cells(j, "B304", "B306"):
        if _gone(m):
            continue
        said = warns(m.x, f"{reading.ALREADY} {wanted(m.x)}")
        if not m.x.answer.ok:
            yield Finding(m.x.answer.line, "200", where(m), seq=m.x.seq, warn=said, policy="D-30")
        if not said:
            got = "; ".join(reading.warnings(m.x)) or "no Warning"
            yield Finding(got, f"299 <service>: {reading.ALREADY} {wanted(m.x)}.", f"{where(m)}, Warning", seq=m.x.seq)


def _gone(m: Moment) -> bool:
    return m.x.answer.status in reading.GONE


@final_again_warns.mutant
def says_nothing_of_the_state_it_has(x: Exchange) -> Answer | None:
    """A second COMPLETED succeeds without a word."""
    return unwarned(x, CHANGED, reading.ALREADY)


@final_again_warns.mutant
def fails_the_second_time(x: Exchange) -> Answer | None:
    """A second COMPLETED is refused."""
    return (
        x.answer.but(status=409, reason="Conflict", headers=x.answer.headers.but("warning", None))
        if warns(x, reading.ALREADY) and x.kind == CHANGED
        else None
    )


@journey(
    "workitem.state-refusal-warns",
    cites="PS3.18 11.7.3.2",
    verifies="PS3.18-11.7.3.2-1",
    on=EVERY,
    when=lambda j: bool(_refusals(j)),
    says="A refused change of state says by a Warning what is wrong: the Transaction UID, or the state.",
)
def state_refusal_warns(j: Journey) -> Iterator[Finding]:
    for m in _refusals(j):
        due = _reasons(m)
        if not warns(m.x, reading.MISSING, reading.INCORRECT, reading.INCONSISTENT):
            got = "; ".join(reading.warnings(m.x)) or "no Warning"
            # a Warning in other words is one, though not one of the three that the text has
            yield Finding(got, " or ".join(due), f"{where(m)}, Warning", seq=m.x.seq, warn=bool(reading.warnings(m.x)))
        elif not warns(m.x, *due):
            got = "; ".join(reading.warnings(m.x))
            yield Finding(got, " or ".join(due), f"{where(m)}, Warning", seq=m.x.seq, warn=True)


def _refusals(j: Journey) -> list[Moment]:
    return [m for m in cells(j, "C300", "C301", "C302", "C303", "C304", "C310") if m.x.answer.status in (400, 409)]


def _reasons(m: Moment) -> tuple[str, ...]:
    """Whatever is wrong with the request may be told of: the state always, the Transaction UID where that is."""
    if not key_of(m.x):
        return reading.MISSING, reading.INCONSISTENT
    # with a state that nothing fits, any Transaction UID is as good as another
    wrong = m.cell == "C301" or m.item.state in _FREE or m.item.lock not in (None, key_of(m.x))
    return (reading.INCORRECT, reading.INCONSISTENT) if wrong else (reading.INCONSISTENT,)


@state_refusal_warns.mutant
def gives_no_reason(x: Exchange) -> Answer | None:
    """A change of state is refused without a Warning."""
    return unwarned(x, CHANGED) if x.answer.status in (400, 409) else None


@state_refusal_warns.mutant
def blames_the_transaction_uid_for_everything(x: Exchange) -> Answer | None:
    """Whatever is wrong, it is the Transaction UID that is missing."""
    if x.kind != CHANGED or x.answer.status not in (400, 409):
        return None
    return x.answer.but(headers=x.answer.headers.but("warning", f"299 here: {reading.MISSING}."))


@rule(
    "workitem.warning-has-its-code",
    cites="PS3.18 11.4.3.2, 11.6.3.2, 11.7.3.2, 11.8.3.2; RFC 7234 5.5",
    verifies="PS3.18-11.7.3.2-1",
    on=f"{reading.CREATED}|{reading.UPDATED}|{CHANGED}|{reading.ASKED_TO_CANCEL}",
    content=False,
    when=lambda x: warns(x, *reading.WORDS),
    says="A Warning of the Worklist service has the code 299.",
)
def warning_has_its_code(x: Exchange) -> Iterator[Finding]:
    if not reading.coded(x):
        yield Finding("; ".join(reading.warnings(x)), "299, the service and the text", "Warning")


@warning_has_its_code.mutant
def warns_by_another_code(x: Exchange) -> Answer | None:
    """Warnings have the code 199."""
    said = x.answer.headers.get("warning") or ""
    return x.answer.but(headers=x.answer.headers.but("warning", said.replace("299", "199", 1))) if said else None


@rule(
    "workitem.step-answers-briefly",
    cites="PS3.18 11.6.3.3, 11.7.3.1, 11.7.3.3",
    verifies=("PS3.18-11.6.3.3-1", "PS3.18-11.7.3.3-1"),
    on=f"{reading.UPDATED}|{CHANGED}",
    content=False,
    when=reading.granted,
    says="The answer to an Update or a change of state has no payload, or a Status Report, but never the workitem.",
)
def step_answers_briefly(x: Exchange) -> Iterator[Finding]:
    given = {STATE, LABEL, *(reading.only(x.ask) or ())} - {LOCK, "00080005"}
    if any(given & dataset.keys() for dataset in reading.datasets(x.answer)):
        yield Finding("a workitem", "no payload, or a Status Report", "payload")
    elif x.answer.body.size and x.context and x.context.policy("D-14") == "none":
        yield Finding(f"{x.answer.body.size} octets", "no payload", "payload", warn=True, policy="D-14")


@step_answers_briefly.mutant
def sends_the_update_back(x: Exchange) -> Answer | None:
    """What an Update gave is its answer."""
    given = reading.only(x.ask) if x.kind == reading.UPDATED and x.answer.ok else None
    return x.answer.but(body=as_json(given), type="application/dicom+json") if given else None


@step_answers_briefly.mutant
def sends_the_workitem_back(x: Exchange) -> Answer:
    """A step that succeeded is answered with the workitem."""
    return x.answer.but(body=as_json(attributes(x00741000=IN_PROGRESS)), type="application/dicom+json")
