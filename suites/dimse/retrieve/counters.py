"""Rules of PS3.7 9.1.3, 9.1.4 and PS3.4 C.4.2, C.4.3 on responses of C-GET and C-MOVE: counters, status, failed list.

Must not know what was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from harness.association import Operation
from harness.rule import MESSAGE, SCP, SHALL_NOT, SHOULD, Finding, operation
from harness.upper_layer.message import Message as Sent
from harness.wire.dimse import Message
from harness.wire.status import class_of
from suites.dimse import bend, models
from suites.dimse.bend import but
from suites.dimse.reading import answers, dataset, hexed
from suites.dimse.retrieve.story import (
    COMPLETED,
    ENDED,
    FAILED,
    GET,
    MOVE,
    REMAINING,
    WARNING,
    failed_list,
    number,
    suboperations,
    tallied,
    total,
)

ON = f"{GET}|{MOVE}"


def _ended(o: Operation, *classes: str) -> bool:
    return o.status is not None and class_of(o.status) in classes


@operation(
    "get-move.pending-counts",
    cites="PS3.7 9.1.3.1.7 to 9.1.3.1.10, 9.1.4.1.8 to 9.1.4.1.11; PS3.4 C.4.2.1.6 to C.4.2.1.9",
    verifies=("DM-SEQ-005", "SV-GET-003"),
    on=ON,
    who=SCP,
    content=False,
    incomplete=True,
    when=lambda o: any(m.pending for m in answers(o)),
    says="A Pending response has the numbers of remaining, completed, failed and warning sub-operations.",
)
def pending_counts(o: Operation) -> Iterator[Finding]:
    for message in answers(o):
        missing = [k for k in (REMAINING, *ENDED) if number(message, k) is None]
        if message.pending and missing:
            yield Finding(f"no {', '.join(missing)}", "all four counters", o.where(message))


@pending_counts.mutant(at=MESSAGE)
def counts_no_warnings(message: Sent, asked: Sent | None) -> Sent | None:
    """Pending responses have no number of warnings."""
    return but(message, NumberOfWarningSuboperations=None) if bend.is_pending(message, "get", "move") else None


@pending_counts.mutant(at=MESSAGE)
def does_not_say_what_remains(message: Sent, asked: Sent | None) -> Sent | None:
    """Pending responses have no number of remaining sub-operations."""
    return but(message, NumberOfRemainingSuboperations=None) if bend.is_pending(message, "get", "move") else None


@operation(
    "get-move.counts-add-up",
    cites="PS3.7 9.1.3.1.7 to 9.1.3.1.10, 9.1.4.1.8 to 9.1.4.1.11; PS3.4 C.1.4",
    verifies=("DM-SEQ-005", "SV-GET-003"),
    on=ON,
    who=SCP,
    incomplete=True,
    when=lambda o: len(_counting(o)) > 1,
    says="The numbers of sub-operations add up to the same total in each response, and what has ended only grows.",
)
def counts_add_up(o: Operation) -> Iterator[Finding]:
    counting = _counting(o)
    for before, after in pairwise(counting):
        one, other = total(before), total(after)
        # what was cancelled need not be counted as remaining (C.4.2.3.1)
        shorter = after.status == 0xFE00 and number(after, REMAINING) is None
        if one != other and not (shorter and (other or 0) <= (one or 0)):
            yield Finding(f"{other} in all", f"{one} as before", o.where(after))
        for keyword in ENDED:
            if (number(after, keyword) or 0) < (number(before, keyword) or 0):
                want = f"{number(before, keyword)} or more"
                yield Finding(f"{keyword} {number(after, keyword)}", want, o.where(after))


def _counting(o: Operation) -> list[Message]:
    """The responses with counters, as far as the final one; a failure may end it before all were tried."""
    found = [*o.pending, *([o.final] if o.final is not None and not _ended(o, "failure") else [])]
    return [m for m in found if total(m) is not None and (not m.pending or number(m, REMAINING) is not None)]


@counts_add_up.mutant(at=MESSAGE)
def remaining_stays(message: Sent, asked: Sent | None) -> Sent | None:
    """The number of remaining sub-operations does not fall."""
    remaining = message.command.get(REMAINING)
    done = sum(int(message.command.get(k, 0)) for k in ENDED)
    if not bend.is_pending(message, "get", "move") or not isinstance(remaining, int):
        return None
    return but(message, NumberOfRemainingSuboperations=remaining + done) if done else None


@counts_add_up.mutant(at=MESSAGE)
def final_counts_one_more(message: Sent, asked: Sent | None) -> Sent | None:
    """The final response counts one sub-operation more."""
    completed = message.command.get(COMPLETED)
    final = bend.is_final(message, "get", "move") and isinstance(completed, int)
    return but(message, NumberOfCompletedSuboperations=completed + 1) if final and completed is not None else None


@operation(
    "get-move.final-has-no-remaining",
    cites="PS3.4 C.4.2.1.6, C.4.3.1.5",
    verifies=("DM-SEQ-005", "SV-GET-003"),
    level=SHALL_NOT,
    on=ON,
    who=SCP,
    content=False,
    when=lambda o: _ended(o, "success", "warning", "failure"),
    says="A final response other than Cancel has no number of remaining sub-operations.",
)
def final_has_no_remaining(o: Operation) -> Iterator[Finding]:
    left = number(o.final, REMAINING)
    if o.final is not None and o.final.command.has(REMAINING):
        # the table of statuses of later services names the field beside these statuses (Y.4-1, Z.4-1)
        warn = not models.model(o)
        yield Finding(f"{left} remaining with {hexed(o.status)}", "not there", o.where(o.final), warn=warn)


@final_has_no_remaining.mutant(at=MESSAGE)
def nothing_remains(message: Sent, asked: Sent | None) -> Sent | None:
    """Final responses say that nothing remains."""
    return but(message, NumberOfRemainingSuboperations=0) if bend.is_final(message, "get", "move") else None


@operation(
    "get-move.final-counts",
    cites="PS3.4 C.4.2.3.1, C.4.3.3.1; C.4.2.1.7 to C.4.2.1.9, which only allow them",
    verifies=("DM-SEQ-005", "SV-MOV-010"),
    level=SHOULD,
    on=ON,
    who=SCP,
    content=False,
    when=lambda o: _ended(o, "success", "warning", "cancel"),
    says="The final response has the numbers of completed, failed and warning sub-operations.",
)
def final_counts(o: Operation) -> Iterator[Finding]:
    missing = [k for k in ENDED if number(o.final, k) is None]
    if missing:
        yield Finding(f"no {', '.join(missing)} with {hexed(o.status)}", "all three", o.where(o.final))


@final_counts.mutant(at=MESSAGE)
def ends_without_numbers(message: Sent, asked: Sent | None) -> Sent | None:
    """Final responses have no counters."""
    return but(message, **dict.fromkeys(ENDED)) if bend.is_final(message, "get", "move") else None


@operation(
    "get-move.status-by-outcome",
    cites="PS3.4 C.4.2.3.1, C.4.3.3.1, Tables C.4-2, C.4-3",
    verifies=("SV-MOV-007", "SV-GET-003"),
    on=ON,
    who=SCP,
    when=lambda o: _outcome(o) is not None and _ended(o, "success", "warning", "failure"),
    says="The final status is Success when all sub-operations succeeded, Failure when all failed, else Warning.",
)
def status_by_outcome(o: Operation) -> Iterator[Finding]:
    outcome = _outcome(o)
    if not outcome:
        return
    completed, failed, warning = outcome
    if failed and not completed and not warning:
        due = "failure"
    elif failed or warning:
        due = "warning"
    else:
        due = "success"
    got = class_of(o.status) if o.status is not None else ""
    if got != due:
        # a failure of the whole says nothing of what was done before
        warn = got == "failure" and not failed
        shown = f"{hexed(o.status)} with {completed} completed, {failed} failed, {warning} with warning"
        yield Finding(shown, f"a status of the class {due}", o.where(o.final), warn=warn)


def _outcome(o: Operation) -> tuple[int, int, int] | None:
    """(completed, failed, warning) by what we saw of the sub-operations, or else by the final counters."""
    seen, told = tallied(suboperations(o)), [number(o.final, k) for k in ENDED]
    if o.request.verb == "get" and (seen.completed or seen.failed or seen.warning):
        # what could not even be sent is known from the counter alone
        return seen.completed, max(seen.failed, told[1] or 0), seen.warning
    if None in told or not any(told):
        return None
    return told[0] or 0, told[1] or 0, told[2] or 0


@status_by_outcome.mutant(at=MESSAGE, defects=("M-CM-19", "M-CM-04"))
def failures_are_success(message: Sent, asked: Sent | None) -> Sent | None:
    """What failed in part or altogether ends with Success."""
    failed = bend.is_final(message, "get", "move") and bool(message.command.get(FAILED))
    return but(message, Status=0x0000).carrying(None) if failed else None


@status_by_outcome.mutant(at=MESSAGE)
def success_is_a_warning(message: Sent, asked: Sent | None) -> Sent | None:
    """What succeeded altogether ends with B000H."""
    done = bend.is_final(message, "get", "move") and message.status == 0 and bool(message.command.get(COMPLETED))
    return but(message, Status=0xB000) if done else None


@operation(
    "get-move.counts-what-happened",
    cites="PS3.4 C.4.3.1.6 to C.4.3.1.8; PS3.7 9.1.3.1.8 to 9.1.3.1.10",
    verifies=("SV-GET-003", "SV-GET-002", "DM-SEQ-005"),
    on=GET,
    who=SCP,
    when=lambda o: o.final is not None and total(o.final) is not None and bool(suboperations(o)),
    says="The final counters of a C-GET are what the responses to its sub-operations said.",
)
def counts_what_happened(o: Operation) -> Iterator[Finding]:
    seen = tallied(suboperations(o))
    for keyword, least, most in (
        (COMPLETED, seen.completed, seen.completed),
        (WARNING, seen.warning, seen.warning),
        (FAILED, seen.failed, None),  # what could not be sent has failed as well
    ):
        got = number(o.final, keyword) or 0
        if got < least or (most is not None and got > most):
            want = f"{least}" + ("" if most is not None else " or more")
            # what was on its way when a C-CANCEL came may be counted or not
            yield Finding(f"{keyword} {got}", f"{want}, as the responses said", o.where(o.final), warn=bool(o.cancels))


@counts_what_happened.mutant(at=MESSAGE)
def warnings_count_as_completed(message: Sent, asked: Sent | None) -> Sent | None:
    """Sub-operations with a warning count as completed."""
    numbers = {k: message.command.get(k) for k in ENDED}
    if not bend.is_response(message, "get", "move") or not numbers[WARNING]:
        return None
    return but(message, **{COMPLETED: int(numbers[COMPLETED] or 0) + int(numbers[WARNING] or 0), WARNING: 0})


@counts_what_happened.mutant(at=MESSAGE)
def failures_count_as_completed(message: Sent, asked: Sent | None) -> Sent | None:
    """Sub-operations that failed count as completed."""
    numbers = {k: message.command.get(k) for k in ENDED}
    if not bend.is_response(message, "get", "move") or not numbers[FAILED]:
        return None
    return but(message, **{COMPLETED: int(numbers[COMPLETED] or 0) + int(numbers[FAILED] or 0), FAILED: 0})


@operation(
    "get-move.failed-list",
    cites="PS3.4 C.4.2.1.4.2, C.4.3.1.3.2",
    verifies=("SV-MOV-008", "SV-GET-003"),
    on=ON,
    who=SCP,
    when=lambda o: _ended(o, "warning", "failure", "cancel") and bool(number(o.final, FAILED)),
    says="When sub-operations failed, the final response has an identifier that lists each of them.",
)
def failed_list_is_there(o: Operation) -> Iterator[Finding]:
    listed, failed = failed_list(o, o.final), number(o.final, FAILED)
    if len(set(listed)) != failed or len(listed) != len(set(listed)):
        yield Finding(f"{len(set(listed))} UIDs for {failed} failures", f"{failed} UIDs", o.where(o.final))


@failed_list_is_there.mutant(at=MESSAGE, defects="D-CM-03")
def never_lists_failures(message: Sent, asked: Sent | None) -> Sent | None:
    """Final responses have no identifier."""
    return message.carrying(None) if bend.is_final(message, "get", "move") and message.has_data else None


@operation(
    "get-move.failed-list-is-right",
    cites="PS3.4 C.4.3.1.3.2, C.4.2.1.4.2",
    verifies=("SV-MOV-008", "SV-GET-003"),
    on=GET,
    who=SCP,
    when=lambda o: bool(suboperations(o)) and (bool(failed_list(o, o.final)) or bool(_refused(o))),
    says="The list of failed instances has those whose sub-operation failed, and none that was taken.",
)
def failed_list_is_right(o: Operation) -> Iterator[Finding]:
    listed = failed_list(o, o.final)
    taken = {s.request.instance for s in suboperations(o) if s.status is not None and class_of(s.status) != "failure"}
    for uid in [u for u in _refused(o) if u not in listed][:3]:
        yield Finding(f"{uid} is not listed", "every instance whose sub-operation failed", o.where(o.final))
    for uid in [u for u in listed if u in taken][:3]:
        yield Finding(f"{uid} is listed", "not what was taken", o.where(o.final))


def _refused(o: Operation) -> list[str]:
    stores = [s for s in suboperations(o) if s.status is not None and class_of(s.status) == "failure"]
    return [s.request.instance for s in stores]


@failed_list_is_right.mutant(at=MESSAGE)
def lists_somebody_else(message: Sent, asked: Sent | None) -> Sent | None:
    """The list of failed instances names others."""

    def renamed(found: object) -> bool:
        found.FailedSOPInstanceUIDList = ["2.25.7"]  # type: ignore[attr-defined]
        return True

    return bend.rewritten(message, renamed) if bend.is_final(message, "get", "move") else None


@operation(
    "get-move.no-identifier-otherwise",
    cites="PS3.4 C.4.2.1.4.2, C.4.3.1.3.2",
    verifies=("SV-MOV-008", "SV-GET-003"),
    level=SHALL_NOT,
    on=ON,
    who=SCP,
    content=False,
    incomplete=True,
    when=lambda o: any(m.pending or m.status == 0 for m in answers(o)),
    says="A response has no identifier when it is Pending or when nothing failed; the list has no character set.",
)
def no_identifier_otherwise(o: Operation) -> Iterator[Finding]:
    for message in answers(o):
        bare = message.pending or message.status == 0
        if message.data is not None and bare:
            yield Finding(f"{hexed(message.status)} with a data set", "no data set", o.where(message))
        elif models.CHARSET in dataset(o, message).elements:
            yield Finding("Specific Character Set", "not in a response", o.where(message))


@no_identifier_otherwise.mutant(at=MESSAGE)
def success_with_the_request(message: Sent, asked: Sent | None) -> Sent | None:
    """Success comes with the identifier of the request."""
    done = bend.is_final(message, "get", "move") and message.status == 0 and asked is not None
    return message.carrying(bend.octets_of(asked)) if done and asked is not None else None
