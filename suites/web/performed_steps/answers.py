"""Rules of PS3.18 15.4 to 15.6 on performed steps: what is taken, what is refused, and what is told afterwards.

What a step is and what may become of it is the matter of PS3.4 F.7, which the service has in common with DIMSE.
Must not know who asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.exchange import Answer, Exchange, Journey
from harness.rule import SHOULD, Finding, ground, journey, rule, untested
from harness.wire.uri import valid_uid
from suites.dimse.mpps.table import CREATE as CREATE_TYPES
from suites.dimse.mpps.table import RETRIEVED, STATUS
from suites.web.datasets import changed, emptied, spoken_in, values
from suites.web.performed_steps.reading import (
    CHARSET,
    CREATE,
    LIFE,
    OWN_REASONS,
    RETRIEVE,
    SINCE,
    UPDATE,
    differs,
    known,
    lacking,
    only,
)
from suites.web.presence import ABSENT
from suites.web.search.asked import path_of

ON = "web.performed-steps"
KEEP = 5
_NOT_THERE = (405, 501)  # retrieval is optional (Table 15.2-1)


def _wrong(x: Exchange) -> str:
    """What is wrong with a request, as the probe knows it; '' with a right one."""
    return str(x.facts.get("wrong", ""))


def _lawful(x: Exchange) -> bool:
    sent = only(x.ask)
    if _wrong(x) or sent is None or not valid_uid(x.resource.uid):
        return False
    return x.kind == UPDATE or not any(True for _ in lacking(sent, CREATE_TYPES))


def _refused(x: Exchange, *due: int) -> Iterator[Finding]:
    """One of these codes is due; another refusal is worth a look, taking it is not right."""
    if x.answer.status not in due:
        want = " or ".join(map(str, due))
        yield Finding(f"{x.answer.line}: {_wrong(x)}", want, "status line", warn=400 <= x.answer.status < 500)


@rule(
    "performed-steps.created",
    cites="PS3.18 15.4.3.1 Table 15.4.3-1; RFC 9110 10.2.2",
    verifies=("PS3.18-15.4.3.1-1", "PS3.18-15.1-1"),
    on=CREATE,
    since=SINCE,
    when=lambda x: _lawful(x) and x.answer.status not in ABSENT,
    says="The creation of a step under a new UID, with all that is needed, is answered 201.",
)
def created(x: Exchange) -> Iterator[Finding]:
    status = x.answer.status
    if status != 201 and not ("form" in x.facts and status in (406, 415)):
        yield Finding(x.answer.line, "201", "status line", warn=x.answer.ok or status in OWN_REASONS)
    location = x.answer.headers.get("location") or ""
    if status == 201 and location and x.resource.uid not in location:
        yield Finding(location[:200], f"the URL of {x.resource.uid}", "Location", warn=True)  # RFC 9110 10.2.2


@created.mutant
def creates_it_elsewhere(x: Exchange) -> Answer | None:
    """The step is said to be under another UID."""
    located = x.answer.headers.but("location", f"{x.ask.base}/modality-performed-procedure-steps/2.25.9")
    return x.answer.but(headers=located) if x.answer.status == 201 else None


@created.mutant
def says_ok_to_a_creation(x: Exchange) -> Answer | None:
    """Creations are answered 200."""
    return emptied(x.answer, 200, "OK") if x.answer.status == 201 else None


@created.mutant
def creates_nothing(x: Exchange) -> Answer | None:
    """Creations are answered 400."""
    return emptied(x.answer, 400, "Bad Request") if x.answer.status == 201 else None


@rule(
    "performed-steps.updated",
    cites="PS3.18 15.5.3.1 Table 15.5.3-1",
    verifies="PS3.18-15.5.3.1-1",
    on=UPDATE,
    since=SINCE,
    when=_lawful,
    says="The update of a step IN PROGRESS, of what may be updated, is answered 200.",
)
def updated(x: Exchange) -> Iterator[Finding]:
    status = x.answer.status
    if status != 200 and not ("form" in x.facts and status in (406, 415)):
        yield Finding(x.answer.line, "200", "status line", warn=x.answer.ok or status in OWN_REASONS)


@updated.mutant
def updates_without_a_word(x: Exchange) -> Answer | None:
    """Updates are answered 204."""
    return emptied(x.answer, 204, "No Content") if x.answer.status == 200 else None


@updated.mutant
def takes_updates_for_creations(x: Exchange) -> Answer | None:
    """The query parameter is not looked at: the UID is in use."""
    return emptied(x.answer, 409, "Conflict") if x.answer.status == 200 else None


@rule(
    "performed-steps.used-uid-is-refused",
    cites="PS3.18 15.4.3.1 Table 15.4.3-1; PS3.4 F.7.2.1.2",
    verifies="PS3.18-15.4.3.1-2",
    on=CREATE,
    since=SINCE,
    when=lambda x: _wrong(x) == "used",
    says="A creation under the UID of a step that exists is answered 409.",
)
def used_uid_is_refused(x: Exchange) -> Iterator[Finding]:
    yield from _refused(x, 409)


@used_uid_is_refused.mutant
def creates_it_again(x: Exchange) -> Answer | None:
    """A step that exists is created again."""
    return emptied(x.answer, 201, "Created") if x.answer.status == 409 else None


@rule(
    "performed-steps.unknown-step",
    cites="PS3.18 15.5.3.1 Table 15.5.3-1; 15.6.3.1 Table 15.6.3-1",
    verifies=("PS3.18-15.5.3.1-1", "PS3.18-15.6.3.1-1"),
    on=f"{UPDATE}|{RETRIEVE}",
    since=SINCE,
    when=lambda x: _wrong(x) == "unknown" and x.answer.status not in _NOT_THERE,
    says="What is asked of a step that nobody created is answered 404.",
)
def unknown_step(x: Exchange) -> Iterator[Finding]:
    yield from _refused(x, 404)


@unknown_step.mutant
def updates_what_is_not_there(x: Exchange) -> Answer | None:
    """An unknown step is updated."""
    return emptied(x.answer, 200, "OK") if x.answer.status == 404 else None


@unknown_step.mutant
def calls_the_unknown_gone(x: Exchange) -> Answer | None:
    """An unknown step is said to have been deleted."""
    return emptied(x.answer, 410, "Gone") if x.answer.status == 404 else None


ground("performed-steps", used_uid_is_refused, unknown_step)


@rule(
    "performed-steps.final-is-final",
    cites="PS3.18 15.5.3.1 Table 15.5.3-1; PS3.4 F.7.2.2.2, F.7.2.2.3",
    verifies="PS3.18-15.5-FSM-1",
    on=UPDATE,
    since=SINCE,
    when=lambda x: _wrong(x) == "final",
    says="The update of a step that is COMPLETED or DISCONTINUED is answered 409.",
)
def final_is_final(x: Exchange) -> Iterator[Finding]:
    yield from _refused(x, 409)


@final_is_final.mutant(defects="M-NS-02")
def goes_on_after_the_end(x: Exchange) -> Answer | None:
    """Steps can be updated when they are over."""
    return emptied(x.answer, 200, "OK") if x.answer.status == 409 else None


@rule(
    "performed-steps.begins-in-progress",
    cites="PS3.18 15.4.1.4; PS3.4 F.7.2.1.2",
    verifies="PS3.18-15.1-1",
    on=CREATE,
    since=SINCE,
    when=lambda x: _wrong(x) == "over",
    says="The creation of a step in another state than IN PROGRESS is refused.",
)
def begins_in_progress(x: Exchange) -> Iterator[Finding]:
    if x.answer.status not in (400, 409):
        yield Finding(x.answer.line, "400 or 409", "status line", warn=400 <= x.answer.status < 500)


@begins_in_progress.mutant
def creates_what_is_over(x: Exchange) -> Answer | None:
    """Steps may be created COMPLETED."""
    return emptied(x.answer, 201, "Created") if x.answer.status == 400 else None


@rule(
    "performed-steps.incomplete-is-refused",
    cites="PS3.18 15.4.1.4; 15.4.3.1; PS3.4 F.7.2.1.2, Table F.7.2-1",
    level=SHOULD,
    on=CREATE,
    since=SINCE,
    when=lambda x: _wrong(x) == "incomplete",
    says="A creation that lacks an attribute, or a value of type 1, is answered 400.",
)
def incomplete_is_refused(x: Exchange) -> Iterator[Finding]:
    yield from _refused(x, 400)


@incomplete_is_refused.mutant
def needs_nothing(x: Exchange) -> Answer | None:
    """Steps are created of whatever comes."""
    return emptied(x.answer, 201, "Created") if x.answer.status == 400 else None


_BAD_UPDATES = ("fixed", "state", "unfinished")


@rule(
    "performed-steps.bad-update-is-refused",
    cites="PS3.18 15.5.3.1 Table 15.5.3-1; PS3.4 F.7.2.2.2, Table F.7.2-1",
    verifies="PS3.18-15.5.3.1-1",
    level=SHOULD,
    on=UPDATE,
    since=SINCE,
    when=lambda x: _wrong(x) in _BAD_UPDATES,
    says="An update of what was told for good, to no state there is, or to an end that lacks something is refused.",
)
def bad_update_is_refused(x: Exchange) -> Iterator[Finding]:
    yield from _refused(x, 400, 409)


@bad_update_is_refused.mutant
def updates_anything(x: Exchange) -> Answer | None:
    """Every update is taken."""
    return emptied(x.answer, 200, "OK") if x.answer.status in (400, 409) else None


@rule(
    "performed-steps.bad-request-is-refused",
    cites="PS3.18 15.4.3.1 Table 15.4.3-1; 15.5.3.1 Table 15.5.3-1",
    verifies="PS3.18-15.5.3.1-1",
    on=f"{CREATE}|{UPDATE}",
    since=SINCE,
    when=lambda x: _wrong(x) == "malformed",
    says="A creation or update without a payload, or with one that cannot be read, is answered 400.",
)
def bad_request_is_refused(x: Exchange) -> Iterator[Finding]:
    yield from _refused(x, 400)


@bad_request_is_refused.mutant
def takes_what_it_cannot_read(x: Exchange) -> Answer | None:
    """What cannot be read is taken."""
    return emptied(x.answer, 200, "OK") if x.answer.status == 400 else None


@bad_request_is_refused.mutant
def breaks_at_what_it_cannot_read(x: Exchange) -> Answer | None:
    """What cannot be read is answered 500."""
    return emptied(x.answer, 500, "Internal Server Error") if x.answer.status == 400 else None


@rule(
    "performed-steps.media-types",
    cites="PS3.18 15.1.3 Table 15.1.3-1",
    verifies="PS3.18-15.1.3-1",
    on=ON,
    since=SINCE,
    content=False,
    when=lambda x: bool(x.facts.get("form")) and (x.answer.ok or x.answer.status in (406, 415)),
    says="Steps are sent and told in JSON or XML, in one part or several.",
)
def media_types(x: Exchange) -> Iterator[Finding]:
    form = str(x.facts.get("form"))
    if not x.answer.ok:
        yield Finding(f"{x.answer.line} to {form}", "a success", "status line")
    elif x.kind == RETRIEVE and not spoken_in(x.answer, form):
        got = x.answer.headers.get("content-type") or "no Content-Type"
        yield Finding(got[:200], str(x.ask.headers.get("accept")), "Content-Type")


@media_types.mutant
def calls_it_json_of_any_kind(x: Exchange) -> Answer | None:
    """Steps in JSON are application/json."""
    return x.answer.but(type="application/json") if x.answer.type == "application/dicom+json" else None


@media_types.mutant
def knows_json_only(x: Exchange) -> Answer | None:
    """XML is not supported."""
    spoken = f"{x.ask.headers.get('accept')} {x.ask.headers.get('content-type')}"
    return emptied(x.answer, 415, "Unsupported Media Type") if "xml" in spoken and x.answer.ok else None


def _told(j: Journey) -> list[tuple[Exchange, dict[str, Any]]]:
    """The retrievals of a life that were answered, each with what was told of the step before."""
    before = known(j)
    found = [(x, before[x.seq]) for x in j.exchanges if x.kind == RETRIEVE and x.answer.status == 200]
    return [(x, told) for x, told in found if told]


@journey(
    "performed-steps.retrieved-as-told",
    cites="PS3.18 15.4.3.1; 15.5.3.1; 15.6; PS3.4 F.7.2.2.2, F.8.2.1",
    verifies=("PS3.18-15.4.3.1-1", "PS3.18-15.5.3.1-1", "PS3.18-15.6.3.1-1"),
    on=LIFE,
    since=SINCE,
    when=lambda j: bool(_told(j)),
    says="A step is retrieved as it was created and updated; what was refused has changed nothing.",
)
def retrieved_as_told(j: Journey) -> Iterator[Finding]:
    for x, told in _told(j):
        found = only(x.answer)
        if found is None:
            yield Finding(f"{x.answer.type or 'no payload'} without one data set", "the step", "payload", seq=x.seq)
            continue
        wrong = [tag for tag in told if tag != CHARSET and tag in found and differs(told[tag], found[tag])]
        for tag in wrong[:KEEP]:
            yield Finding(str(found[tag])[:300], str(told[tag])[:300], f"payload, {tag}", seq=x.seq)
        # what comes when nothing is named no sentence says, but a step without its state is none
        lost = [tag for tag in RETRIEVED if tag not in found and values(told, tag) and "named" not in x.facts]
        for tag in lost[:KEEP]:
            aside = tag != STATUS and "includefield=all" not in x.ask.target
            yield Finding("not there", str(told[tag])[:300], f"payload, {tag}", seq=x.seq, warn=aside)


@retrieved_as_told.mutant
def is_always_in_progress(x: Exchange) -> Answer | None:
    """Steps never end."""
    return _other(x, STATUS, "IN PROGRESS")


@retrieved_as_told.mutant
def keeps_no_series(x: Exchange) -> Answer | None:
    """What was performed is not told: there is no Performed Series Sequence."""
    return changed(x.answer, lambda root: root.pop("00400340", None)) if x.kind == RETRIEVE else None


@retrieved_as_told.mutant
def changes_the_patient(x: Exchange) -> Answer | None:
    """The patient is another one."""
    return _other(x, "00100020", "ANOTHER")


def _other(x: Exchange, tag: str, value: str) -> Answer | None:
    def change(root: dict[str, Any]) -> None:
        if tag in root:
            root[tag]["Value"] = [value]

    return changed(x.answer, change) if x.kind == RETRIEVE else None


@journey(
    "performed-steps.includefield",
    cites="PS3.18 15.6.1.2; PS3.4 Table F.8.2-1",
    verifies="PS3.18-15.6.1.2-1",
    on=LIFE,
    since=SINCE,
    when=lambda j: any("named" in x.facts and only(x.answer) is not None for x, _ in _told(j)),
    says="A retrieval that names attributes tells those of them that the step has.",
)
def includefield(j: Journey) -> Iterator[Finding]:
    for x, told in _told(j):
        found = only(x.answer)
        for name in x.facts.get("named", ()):
            tag = path_of(name) or ""
            if tag in told and found is not None and tag not in found:
                yield Finding(f"no {name}", "the attribute that includefield names", f"payload, {tag}", seq=x.seq)


@includefield.mutant
def tells_no_more_than_it_likes(x: Exchange) -> Answer | None:
    """The description of a step is never told."""
    return changed(x.answer, lambda root: root.pop("00400254", None)) if x.kind == RETRIEVE else None


untested("PS3.18-15.1.2-1", "the accept parameter is judged where it has an effect on what is searched and retrieved")
