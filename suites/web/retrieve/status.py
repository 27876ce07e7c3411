"""Rules on the status of a Retrieve answer (PS3.18 10.4.3.1): what is held is found, what is not is not.

Must not know what a representation looks like inside.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import NOT_NOW, PUT_OFF, Answer, Ask, Exchange, Journey
from harness.past import SERIES, STUDY
from harness.rule import DOOR, RELATION, STANDARD, Door, Finding, ground, journey, rule, untested
from harness.wire import dicom_json
from harness.wire.uri import valid_uid
from suites.web.retrieve import asked_frames
from suites.web.retrieve.bend import instead, other_uid
from suites.web.retrieve.reading import (
    DICOM,
    JSON,
    LOSSY,
    OCTETS,
    RELATED,
    XML,
    asks_type,
    got,
    held,
    instances,
    listed,
    past_of,
    pieces,
    plain_get,
)

NONE_OF_OURS = "application/x-dicomproof-none"  # a media type that nobody offers
MANY = ("study", "series")


def _class(x: Exchange) -> int:
    return x.answer.status // 100


def _refusal(x: Exchange, *wanted: int, policy: str = "") -> Iterator[Finding]:
    """A finding for an answer that is none of these codes: another 4xx only warns (10.4.3.1 lists common codes)."""
    if x.answer.status in wanted:
        return
    want = " or ".join(map(str, wanted))
    yield Finding(x.answer.line, want, "status line", warn=_class(x) == 4 or bool(policy), policy=policy)


# --- what is held ------------------------------------------------------------------------------------------------


def _exists(x: Exchange) -> bool:
    """It was stored before, or the target itself showed it to the probe."""
    r = x.resource
    return bool(x.facts.get("held")) or (bool(r.study) and past_of(x).holds(r.study, r.series, r.instance))


def _obliged(x: Exchange) -> bool:
    """The resource exists and the request accepts a type that every origin server has to offer for it."""
    if not plain_get(x) or not _exists(x) or _class(x) == 3:
        return False
    if x.kind == "web.retrieve.instances":
        return asks_type(x, RELATED, DICOM)
    if x.kind == "web.retrieve.metadata":
        return asks_type(x, JSON) or asks_type(x, RELATED, XML)
    return asks_type(x, RELATED, OCTETS) and asked_frames.exist(x)


@rule(
    "retrieve.held-is-200",
    cites="PS3.18 10.2; 10.4.1; 10.4.3.1",
    verifies=("PS3.18-10.2-1", "PS3.18-10.4.1-1", "PS3.18-10.4.1.1.6-3"),
    on="web.retrieve.instances|web.retrieve.metadata|web.retrieve.frames",
    basis=RELATION,
    when=_obliged,
    says="What was stored can be retrieved as instances, metadata and frames in the types every server has to offer.",
)
def held_is_200(x: Exchange) -> Iterator[Finding]:
    if x.answer.status in (200, 206):
        return
    if x.answer.status == 406 and _only_lossy(x):
        return
    yield Finding(x.answer.line, "200 with the resource", "status line", warn=x.answer.status in NOT_NOW)


def _only_lossy(x: Exchange) -> bool:
    """Pixel data is only there in lossy form, which need not be had in another syntax (8.7.3.4 Note 2)."""
    named = any("transfer-syntax" in r.parameters for r in x.ask.accept.ranges)
    lossy = any(k.transfer_syntax in LOSSY for k in held(x)) or not held(x)  # of what was found nothing is known
    return (named or x.kind.endswith("frames")) and lossy


@held_is_200.mutant
def finds_nothing(x: Exchange) -> Answer:
    """Every resource is answered 404."""
    return Answer(404, "Not Found", x.answer.headers.but("content-type", "text/plain"), Answer().body)


@held_is_200.mutant(defects=("M-WA-01", "M-WA-03", "M-WA-04", "D-WA-01"))
def gives_up(x: Exchange) -> Answer:
    """What is difficult to convert ends in 500."""
    return Answer(500, "Internal Server Error", x.answer.headers.but("content-type", "text/plain"), Answer().body)


@held_is_200.mutant(defects="M-WA-15")
def frames_are_not_there(x: Exchange) -> Answer | None:
    """The frames resource is answered 404 whatever is held."""
    return x.answer.but(status=404, reason="Not Found") if x.kind == "web.retrieve.frames" else None


# --- success -----------------------------------------------------------------------------------------------------


def _success(x: Exchange) -> bool:
    return x.ask.method == "GET" and _class(x) == 2


@rule(
    "retrieve.success-has-payload",
    cites="PS3.18 10.4.3.3",
    verifies="PS3.18-10.4.3.3-1",
    on="web.retrieve",
    when=_success,
    says="A success answer carries at least one representation of the resource.",
)
def success_has_payload(x: Exchange) -> Iterator[Finding]:
    answer = x.answer
    empty_list = answer.json is not None and answer.json.root == "array" and not answer.json.datasets
    if not answer.body.size:
        yield Finding(f"{answer.line} without a payload", "at least one representation", "body")
    elif answer.multipart is not None and not answer.parts:
        yield Finding("a multipart payload without parts", "at least one part", "body")
    elif empty_list and not answer.json.flaws:  # type: ignore[union-attr]
        yield Finding("an empty list", "at least one data set", "body")


@success_has_payload.mutant
def says_204(x: Exchange) -> Answer | None:
    """A resource that is there is answered 204."""
    headers = x.answer.headers.but("content-type", None).but("content-length", None)
    return Answer(204, "No Content", headers) if got(x) else None


@success_has_payload.mutant
def unknown_is_an_empty_list(x: Exchange) -> Answer | None:
    """Metadata of what is not there is an empty list with 200."""
    if x.kind != "web.retrieve.metadata" or x.answer.status != 404:
        return None
    return x.answer.but(status=200, reason="OK", type=JSON, body=b"[]")


@success_has_payload.mutant
def payload_is_lost(x: Exchange) -> Answer | None:
    """A 200 comes without its payload."""
    return x.answer.but(body=b"") if got(x) else None


@rule(
    "retrieve.success-is-200",
    cites="PS3.18 8.5; 10.4.3.1",
    verifies="PS3.18-10.4.3.1-2",
    on="web.retrieve",
    when=lambda x: _success(x) and x.answer.body.size > 0,
    says="A whole resource is answered 200; 206 is for a part of it, other success codes are not for Retrieve.",
)
def success_is_200(x: Exchange) -> Iterator[Finding]:
    status = x.answer.status
    ranged = "range" in x.ask.headers
    if status in (200, 203) or (status == 206 and ranged):
        return
    if status != 206:
        yield Finding(x.answer.line, "200", "status line", warn=True)
    elif x.context and x.context.policy("D-01") == "range-only":
        yield Finding(x.answer.line, "200: no range was asked for", "status line", policy="D-01")
    elif _whole(x):
        yield Finding(f"{x.answer.line} with every instance", "200", "status line")


def _whole(x: Exchange) -> bool:
    """Everything that was stored below the resource is in the answer."""
    wanted = {k.instance for k in held(x)}
    if x.kind not in ("web.retrieve.instances", "web.retrieve.metadata") or not wanted:
        return False
    return wanted <= {f.instance for f in instances(x.answer)}


@success_is_200.mutant(defects="D-WA-01")
def always_partial(x: Exchange) -> Answer | None:
    """A whole study is answered 206."""
    return x.answer.but(status=206, reason="Partial Content") if x.answer.status == 200 else None


@success_is_200.mutant
def says_accepted(x: Exchange) -> Answer | None:
    """A resource is answered 202."""
    return x.answer.but(status=202, reason="Accepted") if x.answer.status == 200 else None


# --- what is not there -------------------------------------------------------------------------------------------


def _sent_on(x: Exchange) -> bool:
    """The answer lies elsewhere: what it is there is not seen here."""
    return x.answer.status in (301, 302, 303, 307, 308)


@rule(
    "retrieve.unknown-is-404",
    cites="PS3.18 8.5; 10.4.3.1",
    verifies="PS3.18-10.4.3.1-3",
    on="web.retrieve",
    when=lambda x: bool(x.facts.get("absent")) and x.ask.method == "GET" and not _sent_on(x),
    says="A study, series or instance that was never stored is answered 404.",
)
def unknown_is_404(x: Exchange) -> Iterator[Finding]:
    yield from _refusal(x, 404)


@unknown_is_404.mutant
def unknown_is_200(x: Exchange) -> Answer | None:
    """What is not there is answered 200 with an empty list."""
    return x.answer.but(status=200, reason="OK", type=JSON, body=b"[]") if x.answer.status == 404 else None


@unknown_is_404.mutant
def unknown_is_no_content(x: Exchange) -> Answer | None:
    """What is not there is answered 204."""
    return Answer(204, "No Content") if x.answer.status == 404 else None


@unknown_is_404.mutant
def unknown_is_500(x: Exchange) -> Answer | None:
    """What is not there ends in an internal error."""
    return x.answer.but(status=500, reason="Internal Server Error") if x.answer.status == 404 else None


@unknown_is_404.mutant
def unknown_is_400(x: Exchange) -> Answer | None:
    """What is not there is called a bad request."""
    return x.answer.but(status=400, reason="Bad Request") if x.answer.status == 404 else None


def _misplaced(x: Exchange) -> bool:
    """The innermost entity is held, but under other parents than the path names."""
    r, past = x.resource, past_of(x)
    if r.instance:
        kept = past.get(r.instance)
        return kept is not None and (kept.study, kept.series) != (r.study, r.series)
    owners = {k.study for k in past.kept.values() if k.series == r.series} if r.series else set()
    return bool(owners) and r.study not in owners


@rule(
    "retrieve.path-is-respected",
    cites="PS3.18 10.1.1; 10.4.1.1.1",
    verifies="PS3.18-10.4.1.1.1-2",
    on="web.retrieve",
    when=lambda x: x.ask.method == "GET" and (bool(x.facts.get("misplaced")) or _misplaced(x)),
    says="An instance or series is not found under a study or series that it does not belong to.",
)
def path_is_respected(x: Exchange) -> Iterator[Finding]:
    yield from _refusal(x, 404)


@path_is_respected.mutant(at=DOOR, defects=("M-WA-17", "D-WA-04"))
def only_the_last_uid_counts(ask: Ask, door: Door) -> Answer:
    """A path is resolved by its innermost UID, wherever that is held."""
    answer, r = door(ask), ask.resource
    if answer.status != 404 or not r.kind.startswith("web.retrieve.") or not r.series:
        return answer
    below = f"instances?SOPInstanceUID={r.instance}" if r.instance else f"series?SeriesInstanceUID={r.series}"
    found = instead(ask, door, below, headers=ask.headers.but("accept", JSON))
    if not found.ok or found.json is None or not found.json.datasets:
        return answer
    study, series = (dicom_json.text(found.json.datasets[0], tag) for tag in (STUDY, SERIES))
    path = f"studies/{study}/series/{series or r.series}"
    _, _, tail = ask.target.partition(f"/instances/{r.instance}" if r.instance else f"/series/{r.series}")
    return instead(ask, door, f"{path}/instances/{r.instance}{tail}" if r.instance else f"{path}{tail}")


# --- what cannot be asked ----------------------------------------------------------------------------------------


@rule(
    "retrieve.malformed-uid-is-refused",
    cites="PS3.18 10.4.3.1",
    verifies="PS3.18-10.4.3.1-4",
    on="web.retrieve",
    # what is none by the grammar may be held all the same; that somebody asks for it is no error then
    when=lambda x: (
        x.ask.method == "GET" and not all(valid_uid(u) for u in x.resource.uids) and not held(x) and not _sent_on(x)
    ),
    says="A path with something that is no UID is answered 400 or 404.",
)
def malformed_uid_is_refused(x: Exchange) -> Iterator[Finding]:
    yield from _refusal(x, 400, 404)


@malformed_uid_is_refused.mutant
def malformed_is_500(x: Exchange) -> Answer | None:
    """A malformed UID ends in an internal error."""
    bad = not all(valid_uid(u) for u in x.resource.uids)
    return x.answer.but(status=500, reason="Internal Server Error") if bad else None


@malformed_uid_is_refused.mutant
def malformed_is_empty(x: Exchange) -> Answer | None:
    """A malformed UID is answered 200 with an empty list."""
    bad = not all(valid_uid(u) for u in x.resource.uids)
    return x.answer.but(status=200, reason="OK", type=JSON, body=b"[]") if bad else None


def _offers_nothing(x: Exchange) -> bool:
    ranges = x.ask.accept.ranges
    return bool(ranges) and all(r.type == NONE_OF_OURS for r in ranges) and "accept" not in x.resource.query


@rule(
    "retrieve.unacceptable-is-406",
    cites="PS3.18 8.7.8.1; 10.4.3.1",
    verifies="PS3.18-10.4.3.1-5",
    on="web.retrieve.instances|web.retrieve.metadata|web.retrieve.frames",
    when=lambda x: x.ask.method == "GET" and _offers_nothing(x) and _exists(x),
    says="A request that accepts only types nobody offers is answered 406.",
)
def unacceptable_is_406(x: Exchange) -> Iterator[Finding]:
    yield from _refusal(x, 406, policy="D-02" if x.answer.ok and _default_type(x) else "")


def _default_type(x: Exchange) -> bool:
    """The answer is of the default type of its resource (Table 10.4.4-1)."""
    if x.kind == "web.retrieve.metadata":
        return x.answer.type == JSON
    roots = {p.type for p in pieces(x.answer)}
    return x.answer.type == RELATED and roots == {DICOM if x.kind == "web.retrieve.instances" else OCTETS}


@unacceptable_is_406.mutant
def unacceptable_is_415(x: Exchange) -> Answer | None:
    """Nothing acceptable is answered 415."""
    return x.answer.but(status=415, reason="Unsupported Media Type") if x.answer.status == 406 else None


@unacceptable_is_406.mutant
def unacceptable_is_500(x: Exchange) -> Answer | None:
    """Nothing acceptable ends in an internal error."""
    return x.answer.but(status=500, reason="Internal Server Error") if x.answer.status == 406 else None


@unacceptable_is_406.mutant(at=DOOR)
def accept_is_not_read(ask: Ask, door: Door) -> Answer:
    """Whatever is accepted, the default type is sent."""
    return door(ask.but(headers=ask.headers.but("accept", "*/*")))


def _only_single(x: Exchange) -> bool:
    ranges = x.ask.accept.ranges
    return bool(ranges) and all(r.type == DICOM for r in ranges) and not x.resource.query.raw


@rule(
    "retrieve.single-part-of-many-is-406",
    cites="PS3.18 10.4.4 Note 3",
    verifies=("PS3.18-10.4.4-2", "PS3.18-10.4.4-4"),
    on="web.retrieve.instances",
    when=lambda x: x.ask.method == "GET" and x.resource.level in MANY and _only_single(x) and _exists(x),
    says="A study or series asked for as one application/dicom file is answered 406.",
)
def single_part_of_many_is_406(x: Exchange) -> Iterator[Finding]:
    yield from _refusal(x, 406, policy="D-02" if x.answer.ok and _default_type(x) else "")


@single_part_of_many_is_406.mutant(at=DOOR)
def first_instance_for_all(ask: Ask, door: Door) -> Answer:
    """A study asked for as application/dicom is its first instance."""
    single = [r.type for r in ask.accept.ranges] == [DICOM]
    if not single or ask.resource.kind != "web.retrieve.instances" or ask.resource.level == "instance":
        return door(ask)
    whole = door(ask.but(headers=ask.headers.but("accept", f'{RELATED}; type="{DICOM}"')))
    return whole.but(type=DICOM, body=whole.parts[0].content.bytes()) if whole.ok and whole.parts else whole


@single_part_of_many_is_406.mutant
def single_part_is_400(x: Exchange) -> Answer | None:
    """A study asked for as application/dicom ends in an internal error."""
    single = x.resource.level in MANY and _only_single(x) and x.answer.status == 406
    return x.answer.but(status=500, reason="Internal Server Error") if single else None


# --- does it answer what it is asked -----------------------------------------------------------------------------


def _asked_both_ways(j: Journey) -> bool:
    return any(x.answer.status not in PUT_OFF for x in j.steps("own")) and bool(j.steps("unknown"))


@journey(
    "retrieve.answers-what-is-asked",
    cites="PS3.18 10.4.1; 10.4.3.1",
    verifies="PS3.18-10.4.1-1",
    on="web.retrieve.ground",
    basis=STANDARD,
    when=_asked_both_ways,
    says="Different instances are retrieved with their own UIDs, and one that does not exist is not.",
)
def answers_what_is_asked(j: Journey) -> Iterator[Finding]:
    shown: dict[str, bool] = {}
    for x in j.steps("own"):
        if x.answer.status in PUT_OFF:
            continue
        said = [f.instance for f in instances(x.answer)] if got(x) else []
        shown[x.resource.instance] = shown.get(x.resource.instance, False) or said == [x.resource.instance]
        if said and said != [x.resource.instance]:
            yield Finding(listed(said), x.resource.instance, "SOP Instance UID", seq=x.seq)
    for uid, ok in shown.items():
        if not ok:
            yield Finding("neither its metadata nor the instance", uid, "the answers to what is held")
    for x in j.steps("unknown"):
        if x.answer.ok:
            yield Finding(x.answer.line, "404", "the answer to a UID that does not exist", seq=x.seq)


@answers_what_is_asked.mutant
def another_for_every_one(x: Exchange) -> Answer | None:
    """Whatever instance is asked for, another one is sent."""
    uid = x.resource.instance.encode()
    single = x.answer.ok and x.resource.level == "instance" and uid in x.answer.payload.bytes()
    return (
        x.answer.but(body=x.answer.payload.bytes().replace(uid, other_uid(uid.decode()).encode())) if single else None
    )


@answers_what_is_asked.mutant
def everything_is_there(x: Exchange) -> Answer | None:
    """What does not exist is answered 200 with an empty list."""
    return x.answer.but(status=200, reason="OK", type=JSON, body=b"[]") if x.answer.status == 404 else None


ground("retrieve", answers_what_is_asked)

for _requirement, _why in {
    "PS3.18-10.2-2": "a claim; what it promises is judged resource by resource, by the rules of Store and Capabilities",
    "PS3.18-10.2-3": "a claim; what it promises is judged resource by resource, by the rules of Search and others",
    "PS3.18-10.4.3.1-6": "the Studies Service deletes nothing, and no size is too large for every server",
    "PS3.18-10.4.3.3.7-1": "rendered volumes are optional, and no reference renders them that rules stand on",
}.items():
    untested(_requirement, why=_why)
