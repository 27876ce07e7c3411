"""Rules of PS3.18 11.8 and PS3.4 CC.2.2 on requests to cancel a workitem of somebody else.

Must not know events.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Exchange, Journey
from harness.rule import Finding, journey
from suites.web.workitems import making, reading
from suites.web.workitems.judging import allowed, each, granting, refused, refusing, unwarned, where
from suites.web.workitems.making import CANCELED, COMPLETED, IN_PROGRESS, SCHEDULED, STATE
from suites.web.workitems.reading import ASKED_TO_CANCEL, CHANGED, RETRIEVED, UPDATED, granted, only, uid_of
from suites.web.workitems.story import EVERY, Moment, about

PATIENCE = 10  # exchanges after which what was accepted is to be done


def _asked(j: Journey, state: str) -> list[Moment]:
    return [m for m in about(j, ASKED_TO_CANCEL) if m.item.state == state]


@journey(
    "workitem.cancel-scheduled",
    cites="PS3.18 11.8.2, 11.8.3.1; PS3.4 CC.2.2.3, Table CC.1.1-2",
    verifies=("PS3.18-11.8.2-1", "PS3.18-11.8.3.1-1"),
    on=EVERY,
    when=lambda j: bool(_asked(j, SCHEDULED)),
    says="A request to cancel what is SCHEDULED is accepted, 202, and the workitem is CANCELED.",
)
def cancel_scheduled(j: Journey) -> Iterator[Finding]:
    by_table = j.context is not None and j.context.policy("D-03") == "409"
    for m in _asked(j, SCHEDULED):
        if m.x.answer.status == 409 and not m.contradicted:
            yield Finding("409", "202", where(m), seq=m.x.seq, warn=True, policy="D-03")
        elif not by_table or not m.x.answer.ok:
            yield from allowed(m, 202)
        shown = _in_the_end(j, m) if m.x.answer.ok else None
        if shown is not None and shown[0] != CANCELED:
            # 202 does not say that it has happened yet
            yield Finding(shown[0], CANCELED, where(m), seq=m.x.seq, warn=shown[1] < PATIENCE)


def _in_the_end(j: Journey, m: Moment) -> tuple[str, int] | None:
    """The state in the last retrieval before anybody changed it, and how many exchanges later that was."""
    found = None
    for n, x in enumerate(j.exchanges[j.exchanges.index(m.x) + 1 :], 1):
        if uid_of(x) == m.uid and x.kind in (UPDATED, CHANGED) and granted(x):
            break
        if uid_of(x) == m.uid and x.kind == RETRIEVED and (state := reading.text(only(x.answer), STATE)):
            found = state, n
    return found


@cancel_scheduled.mutant
def cannot_cancel_what_is_scheduled(x: Exchange) -> Answer | None:
    """A request to cancel what is SCHEDULED is answered 400."""
    return refusing(x, ASKED_TO_CANCEL, 400)


@cancel_scheduled.mutant
def accepts_and_forgets(x: Exchange) -> Answer | None:
    """What was to be canceled stays SCHEDULED."""
    over = STATE, making.element(STATE, SCHEDULED)
    return each(x, lambda row: {**row, over[0]: over[1]} if reading.text(row, STATE) == CANCELED else row, RETRIEVED)


@journey(
    "workitem.cancel-in-progress",
    cites="PS3.18 11.8.2, 11.8.3.1; PS3.4 CC.1.1, CC.2.2.3",
    verifies=("PS3.18-11.8.2-2", "PS3.18-11.8.2-5"),
    on=EVERY,
    when=lambda j: bool(_asked(j, IN_PROGRESS)),
    says="A request to cancel what its performer has claimed is accepted, 202, or 409, and leaves it IN PROGRESS.",
)
def cancel_in_progress(j: Journey) -> Iterator[Finding]:
    for m in _asked(j, IN_PROGRESS):
        if m.x.answer.status != 409:
            yield from allowed(m, 202)
        if m.item.lock is not None and m.later not in (None, IN_PROGRESS):
            yield Finding(str(m.later), IN_PROGRESS, where(m), seq=m.x.seq)


@cancel_in_progress.mutant(defects="D-UP-07")
def cancels_in_the_name_of_the_owner(x: Exchange) -> Answer | None:
    """What is IN PROGRESS is retrieved as CANCELED."""

    def over(row: making.DataSet) -> making.DataSet:
        return {**row, STATE: making.element(STATE, CANCELED)} if reading.text(row, STATE) == IN_PROGRESS else row

    return each(x, over, RETRIEVED)


@cancel_in_progress.mutant
def knows_no_cancel_requests(x: Exchange) -> Answer | None:
    """Every request to cancel is answered 500."""
    asked = x.kind == ASKED_TO_CANCEL and x.answer.ok
    return x.answer.but(status=500, reason="Internal Server Error", body=b"") if asked else None


@journey(
    "workitem.cancel-completed",
    cites="PS3.18 11.8.3.1; PS3.4 CC.2.2.4, Table CC.1.1-2",
    verifies="PS3.18-11.8.2-3",
    on=EVERY,
    when=lambda j: bool(_asked(j, COMPLETED)),
    says="A request to cancel what is COMPLETED is refused: 409.",
)
def cancel_completed(j: Journey) -> Iterator[Finding]:
    for m in _asked(j, COMPLETED):
        yield from refused(m, (409,))


@cancel_completed.mutant
def accepts_every_cancel_request(x: Exchange) -> Answer | None:
    """A request to cancel is accepted whatever the state."""
    return granting(x, ASKED_TO_CANCEL, 409, to=202)


@journey(
    "workitem.cancel-canceled-warns",
    cites="PS3.18 11.8.3.2; PS3.4 CC.2.2.4, Table CC.1.1-2",
    verifies="PS3.18-11.8.2-4",
    on=EVERY,
    when=lambda j: bool(_again(j)),
    says="A request to cancel what is CANCELED is answered with a Warning that it is so already.",
)
def cancel_canceled_warns(j: Journey) -> Iterator[Finding]:
    for m in _again(j):
        said = reading.warns(m.x, f"{reading.ALREADY} {CANCELED}")
        if not said:
            got = "; ".join(reading.warnings(m.x)) or "no Warning"
            want = f"299 <service>: {reading.ALREADY} {CANCELED}."
            yield Finding(got, want, f"{where(m)}, Warning", seq=m.x.seq)
        if m.x.answer.status != 409 and not m.x.answer.ok:
            yield Finding(m.x.answer.line, "202, or 409", where(m), seq=m.x.seq, warn=m.x.answer.status < 500)


def _again(j: Journey) -> list[Moment]:
    return [m for m in _asked(j, CANCELED) if m.x.answer.status not in reading.GONE]


@cancel_canceled_warns.mutant
def does_not_say_that_it_is_canceled(x: Exchange) -> Answer | None:
    """What is CANCELED already is canceled again without a word."""
    return unwarned(x, ASKED_TO_CANCEL, reading.ALREADY)
