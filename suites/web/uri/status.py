"""Rules on the status of what the URI service answers: the four parameters of every request (PS3.18 9.1.2, 9.4).

Must not know optional parameters, media types or contents.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.body import EMPTY
from harness.exchange import NOT_NOW, Answer, Ask, Exchange, Journey
from harness.past import SOP_INSTANCE
from harness.rule import DOOR, RELATION, SHOULD, Door, Finding, ground, journey, rule, untested
from harness.wire.uri import URI_PARAMETERS, valid_uid
from suites.web.retrieve.bend import other_uid
from suites.web.retrieve.reading import got, past_of
from suites.web.uri.bend import answered, file_changed
from suites.web.uri.reading import KIND, chosen, exists, lawful, only, value, wants_file


def demanded(x: Exchange, status: int = 400) -> Iterator[Finding]:
    """A finding for an answer without the code that a sentence of the clause demands."""
    if x.answer.status != status:
        yield Finding(x.answer.line, str(status), "status line", warn=x.answer.status in NOT_NOW)


# --- what is held ------------------------------------------------------------------------------------------------


@rule(
    "uri.held-is-200",
    cites="PS3.18 9.1.2.1; 9.1.3; 9.2; 9.4.1.1",
    verifies=("PS3.18-9.1.2.1-2", "PS3.18-9.1.3-1", "PS3.18-9.2-1", "PS3.18-9.4.1.1-1"),
    on=KIND,
    basis=RELATION,
    when=lambda x: only(x, "contentType") and wants_file(x) and exists(x) and x.answer.status // 100 != 3,
    says="What was stored can be retrieved as application/dicom by its Study, Series and SOP Instance UID.",
)
def held_is_200(x: Exchange) -> Iterator[Finding]:
    if x.answer.status == 406 and not x.ask.accept.present:
        if chosen(x, "D-24") == "optional":
            yield Finding(x.answer.line, "200 with the instance", "status line", warn=True, policy="D-24")
    elif x.answer.status != 200:
        yield Finding(x.answer.line, "200 with the instance", "status line", warn=x.answer.status in NOT_NOW)


@held_is_200.mutant
def finds_nothing(x: Exchange) -> Answer:
    """Every instance is answered 404."""
    return Answer(404, "Not Found", x.answer.headers.but("content-type", "text/plain"), EMPTY)


@held_is_200.mutant
def gives_up(x: Exchange) -> Answer | None:
    """A PS3.10 file cannot be had by this service."""
    return answered(x, 406, 200)


def _order(ask: Ask) -> str:
    """The names of the four parameters in the order in which they stand."""
    return " ".join(p.name for p in ask.query.parameters if p.name in URI_PARAMETERS)


@journey(
    "uri.order-does-not-matter",
    cites="PS3.18 9.1.2.1",
    verifies="PS3.18-9.1.2.1-2",
    on="web.uri.order",
    when=lambda j: len({_order(x.ask) for x in j.exchanges}) > 1 and any(got(x) for x in j.exchanges),
    says="The parameters may stand in any order, and the answer is the same.",
)
def order_does_not_matter(j: Journey) -> Iterator[Finding]:
    first = next(x for x in j.exchanges if got(x))
    for x in j.exchanges:
        if x.answer.status != first.answer.status and x.answer.status not in NOT_NOW:
            yield Finding(x.answer.line, f"{first.answer.line}, as in another order", "status line", seq=x.seq)


@order_does_not_matter.mutant
def request_type_has_to_be_first(x: Exchange) -> Answer | None:
    """A request whose first parameter is not requestType is refused."""
    return answered(x, 400, 200) if not _order(x.ask).startswith("requestType") else None


# --- the parameters that every request has -----------------------------------------------------------------------


def _names_an_instance(x: Exchange) -> bool:
    return x.ask.method == "GET" and "objectUID" in x.ask.query


@rule(
    "uri.other-request-type-is-400",
    cites="PS3.18 9.1.2.1.1; 9.4.2.1",
    verifies="PS3.18-9.1.2.1.1-1",
    on=KIND,
    # the grammar has WADO in quotes without %s, so its case is not laid down
    when=lambda x: _names_an_instance(x) and (value(x, "requestType") or "WADO").upper() != "WADO",
    says="A requestType other than WADO that is not supported is answered 400.",
)
def other_request_type_is_400(x: Exchange) -> Iterator[Finding]:
    yield from demanded(x)


@other_request_type_is_400.mutant
def other_request_type_is_404(x: Exchange) -> Answer | None:
    """An unknown requestType is answered 404."""
    return answered(x, 404, 400)


@other_request_type_is_400.mutant(at=DOOR)
def request_type_is_not_read(ask: Ask, door: Door) -> Answer:
    """Whatever requestType says, the instance is sent."""
    said = ask.query.get("requestType") or ""
    return door(ask.but(target=ask.target.replace(f"requestType={said}", "requestType=WADO", 1)) if said else ask)


@rule(
    "uri.missing-request-type-is-400",
    cites="PS3.18 9.4.2.1",
    verifies="PS3.18-9.4.2.1-1",
    on=KIND,
    when=lambda x: _names_an_instance(x) and "requestType" not in x.ask.query,
    says="A request without requestType is answered 400.",
)
def missing_request_type_is_400(x: Exchange) -> Iterator[Finding]:
    yield from demanded(x)


@missing_request_type_is_400.mutant
def missing_request_type_is_500(x: Exchange) -> Answer | None:
    """A request without requestType ends in an internal error."""
    return answered(x, 500, 400)


@rule(
    "uri.missing-uid-is-400",
    cites="PS3.18 9.4.2.2",
    verifies="PS3.18-9.4.2.2-1",
    on=KIND,
    when=lambda x: (
        x.ask.method == "GET"
        and value(x, "requestType") == "WADO"
        and any(name not in x.ask.query for name in URI_PARAMETERS[1:])
    ),
    says="A request that lacks studyUID, seriesUID or objectUID is answered 400.",
)
def missing_uid_is_400(x: Exchange) -> Iterator[Finding]:
    yield from demanded(x)


@missing_uid_is_400.mutant
def missing_uid_is_404(x: Exchange) -> Answer | None:
    """A missing UID is answered 404."""
    return answered(x, 404, 400)


@missing_uid_is_400.mutant
def object_is_enough(x: Exchange) -> Answer | None:
    """Without its study an instance is sent all the same."""
    return answered(x, 200, 400) if "studyUID" not in x.ask.query else None


@rule(
    "uri.malformed-uid-is-refused",
    cites="PS3.18 9.1.2.1; 9.4.3.1",
    verifies="PS3.18-9.4.3.1-1",
    on=KIND,
    when=lambda x: (
        x.ask.method == "GET"
        and value(x, "requestType") == "WADO"
        and all(name in x.ask.query for name in URI_PARAMETERS)
        and not all(valid_uid(value(x, name) or "") for name in URI_PARAMETERS[1:])
        and not exists(x)
        and x.answer.status // 100 != 3
    ),
    says="What is no UID is answered 400 or 404.",
)
def malformed_uid_is_refused(x: Exchange) -> Iterator[Finding]:
    if x.answer.status not in (400, 404):
        yield Finding(x.answer.line, "400 or 404", "status line", warn=_lightly(x))


@malformed_uid_is_refused.mutant
def malformed_uid_is_200(x: Exchange) -> Answer | None:
    """A malformed UID is answered 200."""
    return answered(x, 200, 400, 404)


# --- what is not there -------------------------------------------------------------------------------------------


@rule(
    "uri.unknown-is-404",
    cites="PS3.18 9.4.3.1; 8.5",
    verifies=("PS3.18-9.4.3.1-1", "PS3.18-9.4.1.1-1"),
    on=KIND,
    when=lambda x: bool(x.facts.get("absent")) and x.ask.method == "GET" and x.answer.status // 100 != 3,
    says="An instance that was never stored is answered 404.",
)
def unknown_is_404(x: Exchange) -> Iterator[Finding]:
    if x.answer.status != 404:
        yield Finding(x.answer.line, "404", "status line", warn=_lightly(x))


def _lightly(x: Exchange) -> bool:
    """Another code that refuses, or that says to come back later."""
    return x.answer.status // 100 == 4 or x.answer.status in NOT_NOW


@unknown_is_404.mutant
def unknown_is_200(x: Exchange) -> Answer | None:
    """What is not held is answered 200 without a payload."""
    return answered(x, 200, 404)


@unknown_is_404.mutant
def unknown_is_500(x: Exchange) -> Answer | None:
    """What is not held ends in an internal error."""
    return answered(x, 500, 404)


def _elsewhere(x: Exchange) -> bool:
    """The instance is known, and none of the kind is under the study and series that were named."""
    known = past_of(x).get(x.resource.instance)
    moved = known is not None and (known.study, known.series) != (x.resource.study, x.resource.series)
    return lawful(x) and (moved or bool(x.facts.get("misplaced")))


@rule(
    "uri.parents-are-respected",
    cites="PS3.18 9.1.2.1; 9.4.3.1",
    verifies="PS3.18-9.4.3.1-1",
    on=KIND,
    # derived: the table says that nothing corresponds to these UIDs, no sentence says that all three are compared
    level=SHOULD,
    when=_elsewhere,
    says="An instance is not found under a study or series that it does not belong to.",
)
def parents_are_respected(x: Exchange) -> Iterator[Finding]:
    if x.answer.status // 100 == 2:
        yield Finding(f"{x.answer.line} for another study's or series' UID", "404", "status line")


@parents_are_respected.mutant
def only_the_object_counts(x: Exchange) -> Answer | None:
    """An instance is sent whatever study it is asked for in."""
    return answered(x, 200, 404)


# --- does it answer what it is asked -----------------------------------------------------------------------------


@journey(
    "uri.answers-what-is-asked",
    cites="PS3.18 9.1.2.1; 9.4",
    verifies="PS3.18-9.1.2.1-2",
    on="web.uri.ground",
    when=lambda j: bool(j.steps("own")) and bool(j.steps("unknown")),
    says="Different instances are retrieved with their own UIDs, and one that does not exist is not.",
)
def answers_what_is_asked(j: Journey) -> Iterator[Finding]:
    for x in j.steps("own"):
        said = [r.dataset.text(SOP_INSTANCE) for r in x.answer.files] if got(x) else []
        if said != [x.resource.instance]:
            got_it = " ".join(said) or f"{x.answer.line} of {x.answer.type or 'no type'}"
            yield Finding(got_it, x.resource.instance, "SOP Instance UID", seq=x.seq)
    for x in j.steps("unknown"):
        if x.answer.ok:
            yield Finding(x.answer.line, "404", "the answer to a UID that does not exist", seq=x.seq)


@answers_what_is_asked.mutant
def another_for_every_one(x: Exchange) -> Answer | None:
    """Whatever instance is asked for, another one is sent."""
    return file_changed(x, lambda ds: setattr(ds, "SOPInstanceUID", other_uid(str(ds.SOPInstanceUID))))


@answers_what_is_asked.mutant
def everything_is_there(x: Exchange) -> Answer | None:
    """What does not exist is answered 200."""
    return answered(x, 200, 404)


ground("uri", answers_what_is_asked)

untested("PS3.18-9.4.2.3-4", why="a permission: a refusal is no finding of any rule on anonymize")
untested("PS3.18-9.4.2.4-5", why="a permission: an instance that cannot be had in a syntax is no finding of any rule")
untested("PS3.18-9.1.2.2.2-1", why="a permission; what a server that takes it does is judged by the rule on charset")
