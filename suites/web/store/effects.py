"""Rules of PS3.18 10.5.2 on what a Store leaves behind: what was acknowledged is there, unchanged, at once and once.

What was refused is not there. Must not know how a response is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from harness.body import Body
from harness.exchange import Answer, Ask, Exchange, Headers, Journey
from harness.past import SOP_INSTANCE
from harness.rule import DOOR, RELATION, STANDARD, Door, Finding, ground, journey, rule
from harness.wire import dicom_json
from suites.web.retrieve.permitted import ABOUT_THE_ARCHIVE
from suites.web.store import alter
from suites.web.store.kept import Told, acknowledged, changes, instances, refused, retrieves, rows, searches
from suites.web.store.module import module
from suites.web.store.sent import fitting, framed, parts, sent

EFFECTS = "web.store.effects"
GONE = (404, 410)


def _looked_up(j: Journey) -> bool:
    return any(retrieves(j, uid) for uid in acknowledged(j))


@journey(
    "store.acknowledged-is-retrieved",
    cites="PS3.18 10.5.2; 10.5.3.1",
    verifies=("PS3.18-10.5.2-2", "PS3.18-10.5.3.1-1"),
    on=EFFECTS,
    basis=STANDARD,
    when=_looked_up,
    says="An instance that is told to be stored can be retrieved by its UIDs as soon as the answer is there.",
)
def acknowledged_is_retrieved(j: Journey) -> Iterator[Finding]:
    for uid, told in acknowledged(j).items():
        asked = retrieves(j, uid)
        came = [instances(x) == [uid] for x in asked]
        if asked and not any(came):
            got = f"{asked[-1].answer.line}, instances {instances(asked[-1])[:2]}"
            want = f"{uid}, told to be stored by {told.status}"
            yield Finding(got=got, want=want, where="retrieve", seq=asked[-1].seq)
        elif asked and not came[0]:
            got = f"{asked[0].answer.line} at first, the instance at attempt {came.index(True) + 1}"
            yield Finding(got=got, want=f"{uid} at once after {told.status}", where="retrieve", seq=asked[0].seq,
                          warn=told.status != 200)  # fmt: skip


@acknowledged_is_retrieved.mutant(at=DOOR)
def acknowledges_without_storing(ask: Ask, door: Door) -> Answer:
    """Everything is told to be stored and thrown away."""
    return _pretend(ask) if _pretendable(ask) else door(ask)


@acknowledged_is_retrieved.mutant(at=DOOR, defects="D-ST-03")
def stores_only_later(ask: Ask, door: Door) -> Answer:
    """The answer says 200 before the data can be found: they are stored when somebody asked for them."""
    if _pretendable(ask):
        _LATE.append(ask.but(body=Body.of(ask.body.bytes())))
        return _pretend(ask)
    answer = door(ask)
    while _LATE:
        late = _LATE.pop()
        if late.base == ask.base:
            door(late)
    return answer


@acknowledged_is_retrieved.mutant(at=DOOR)
def keeps_only_the_first_of_a_batch(ask: Ask, door: Door) -> Answer:
    """A batch is told to be stored, and its first instance is."""
    less = alter.with_parts(ask, lambda index: index == 0) if ask.resource.kind == "web.store" else None
    if less is None or not _pretendable(ask):
        return door(ask)
    door(less)
    return _pretend(ask)


_LATE: list[Ask] = []


@journey(
    "store.acknowledged-is-found",
    cites="PS3.18 10.5.2; 10.6",
    verifies="PS3.18-10.5.2-2",
    on=EFFECTS,
    basis=RELATION,
    when=lambda j: any(searches(j, uid) for uid in acknowledged(j)),
    says="An instance that is told to be stored is found by a search in its study, once.",
)
def acknowledged_is_found(j: Journey) -> Iterator[Finding]:
    for uid, told in acknowledged(j).items():
        asked = searches(j, uid)
        counts = [rows(x, uid) for x in asked]
        if asked and counts[-1] != 1:
            got = f"{counts[-1]} rows, {asked[-1].answer.line}"
            yield Finding(got=got, want=f"one row for {uid}, told to be stored by {told.status}", where="search",
                          seq=asked[-1].seq)  # fmt: skip
        elif asked and counts[0] != 1:
            got = f"{counts[0]} rows at first, one at attempt {counts.index(1) + 1}"
            yield Finding(got=got, want=f"one row for {uid} at once", where="search", seq=asked[0].seq, warn=True)


@acknowledged_is_found.mutant
def is_not_indexed(x: Exchange) -> Answer | None:
    """Stored instances are kept and never found."""
    search = x.kind == "web.search.study-instances" and "SOPInstanceUID" in x.resource.query
    return alter.empty_search() if search else None


@acknowledged_is_found.mutant
def is_found_twice(x: Exchange) -> Answer | None:
    """Each instance has two rows."""
    if not x.kind.startswith("web.search.") or not x.answer.ok or not x.answer.json:
        return None
    whole = list(x.answer.json.datasets)
    return alter.payload(x.answer, [*whole, *whole]) if whole else None


@journey(
    "store.kept-unchanged",
    cites="PS3.18 10.5.2",
    verifies=("PS3.18-10.5.2-3", "PS3.18-10.5.2-1"),
    on=EFFECTS,
    basis=STANDARD,
    when=lambda j: any(
        uid in instances(x) for uid in _whole(j) for x in retrieves(j, uid)
    ),
    says="A stored instance is what was sent; what was coerced stands in its Original Attributes Sequence (0400,0561).",
)  # fmt: skip
def kept_unchanged(j: Journey) -> Iterator[Finding]:
    for uid, told in _whole(j).items():
        for x in retrieves(j, uid):
            for change in changes(told, x)[:5]:
                yield Finding(got=change.got, want=change.want, where=f"{uid} {change.path}", seq=x.seq,
                              warn=change.want == "absent" and _archives_own(change.path))  # fmt: skip


def _archives_own(path: str) -> bool:
    """An attribute of the top level that says where an instance is held, or a private one: added, nothing coerced."""
    tag = path[:8]
    return len(path) == 8 and (tag in ABOUT_THE_ARCHIVE or int(tag[3], 16) % 2 == 1)


@kept_unchanged.mutant(at=DOOR)
def writes_a_name_anew(ask: Ask, door: Door) -> Answer:
    """Patient's Name is changed while storing, and nothing tells of it."""
    if ask.resource.kind != "web.store":
        return door(ask)
    return door(alter.with_body(ask, ask.body.bytes().replace(b"DICOMPROOF^", b"DICOMPROUF^")))


@kept_unchanged.mutant(at=DOOR)
def spoils_the_pixels(ask: Ask, door: Door) -> Answer:
    """The last octet of each instance is changed while storing."""
    if ask.resource.kind != "web.store":
        return door(ask)
    whole = bytearray(ask.body.bytes())
    for part in ask.parts:
        end = part.content.start + part.content.size
        # an even number of zeros at the end may be padding, so the octet before them is spoilt
        while end > part.content.start and whole[end - 1] == 0:
            end -= 1
        if end - part.content.start > 512:
            whole[end - 1] ^= 0x01
    return door(alter.with_body(ask, bytes(whole)))


@kept_unchanged.mutant(at=DOOR, defects="M-MP-14")
def eats_line_ends_in_values(ask: Ask, door: Door) -> Answer:
    """Two line ends in a row within a value are taken for framing and spoilt."""
    if ask.resource.kind != "web.store":
        return door(ask)
    return door(alter.with_body(ask, ask.body.bytes().replace(b"\r\n\r\n--boundary", b"\n\n\n\n--boundary")))


@journey(
    "store.refused-is-not-kept",
    cites="PS3.18 10.5.1.1.1; 10.5.3.1",
    verifies=("PS3.18-10.5.1.1.1-2", "PS3.18-10.5.3.1-3", "PS3.18-10.5.3.1-4"),
    on=EFFECTS,
    basis=STANDARD,
    when=lambda j: any(retrieves(j, uid) or searches(j, uid) for uid in refused(j)),
    says="An instance that is told not to be stored can neither be retrieved nor found.",
)
def refused_is_not_kept(j: Journey) -> Iterator[Finding]:
    for uid, told in refused(j).items():
        for x in retrieves(j, uid):
            if uid in instances(x):
                yield Finding(got=f"{x.answer.line} with {uid}", want=f"404, it was refused by {told.status}",
                              where="retrieve", seq=x.seq)  # fmt: skip
        for x in searches(j, uid):
            if rows(x, uid):
                yield Finding(got=f"a row for {uid}", want=f"none, it was refused by {told.status}", where="search",
                              seq=x.seq)  # fmt: skip


@refused_is_not_kept.mutant(at=DOOR)
def refuses_and_stores_all_the_same(ask: Ask, door: Door) -> Answer:
    """An instance of another study is refused by 409, and stored."""
    answer = door(ask)
    if ask.resource.kind == "web.store" and ask.resource.study and answer.status in (202, 409):
        door(ask.but(target=ask.target.rpartition("/")[0]))
    return answer


@refused_is_not_kept.mutant(at=DOOR)
def keeps_the_beginning_of_a_broken_body(ask: Ask, door: Door) -> Answer:
    """Of a body without its closing delimiter the instances are stored, and the answer is 400."""
    answer = door(ask)
    reading = ask.multipart
    if ask.resource.kind == "web.store" and answer.status == 400 and reading and reading.parts and not reading.closed:
        boundary = ask.media.parameters.get("boundary", "").encode("latin-1")
        door(alter.with_body(ask, ask.body.bytes() + b"\r\n--" + boundary + b"--\r\n"))
    return answer


@journey(
    "store.again-is-one",
    cites="PS3.18 10.5.2; 10.5.3.1",
    verifies="PS3.18-10.5-IDEM-1",
    on=f"{EFFECTS}.again",
    basis=RELATION,
    when=lambda j: len(j.steps("store")) > 1 and bool(acknowledged(j)) and bool(j.steps("retrieve")),
    says="Storing an instance again, with whatever code it is answered, leaves that one instance as it was.",
)
def again_is_one(j: Journey) -> Iterator[Finding]:
    last = j.steps("store")[-1]
    if last.answer.status >= 500:
        yield Finding(got=last.answer.line, want="no server error for an instance that is held", where="status line",
                      seq=last.seq)  # fmt: skip
    for uid, told in acknowledged(j).items():
        for x in retrieves(j, uid):
            if instances(x) != [uid]:
                got = f"{x.answer.line}, {len(instances(x))} instances"
                yield Finding(got=got, want=f"{uid} as it was stored", where="retrieve", seq=x.seq)
            for change in changes(told, x)[:3]:
                yield Finding(got=change.got, want=change.want, where=f"{uid} {change.path}", seq=x.seq)
        for x in searches(j, uid):
            if rows(x, uid) != 1:
                yield Finding(got=f"{rows(x, uid)} rows", want=f"one row for {uid}", where="search", seq=x.seq)


@again_is_one.mutant(at=DOOR, defects="M-ST-12")
def crashes_on_what_it_holds(ask: Ask, door: Door) -> Answer:
    """Storing the same instance again is answered 500."""
    sent = parts(ask) if ask.resource.kind == "web.store" else ()
    held = any(_holds(ask, door, s.study, s.series, s.instance) for s in sent)
    return alter.report(500) if held else door(ask)


@again_is_one.mutant(at=DOOR)
def rows_double_when_stored_again(ask: Ask, door: Door) -> Answer:
    """An instance that was stored twice has two rows."""
    answer = door(ask)
    if ask.resource.kind == "web.store" and answer.ok:
        _SEEN.extend(s.instance for s in parts(ask))
    uid = ask.resource.query.get("SOPInstanceUID") or ""
    if not ask.resource.kind.startswith("web.search.") or _SEEN.count(uid) < 2 or not answer.json:
        return answer
    whole = list(answer.json.datasets)
    return alter.payload(answer, [*whole, *whole])


_SEEN: list[str] = []


@journey(
    "store.joins-what-is-there",
    cites="PS3.18 10.5.2",
    verifies="PS3.18-10.5.2-2",
    on=f"{EFFECTS}.joined",
    basis=RELATION,
    when=lambda j: len(acknowledged(j)) > 1 and any(x.answer.ok for x in j.steps("list")),
    says="A new instance joins the series and study that exist; what they held before stays.",
)
def joins_what_is_there(j: Journey) -> Iterator[Finding]:
    for x in (x for x in j.steps("list") if x.answer.ok):
        listed = {dicom_json.text(row, SOP_INSTANCE) for row in (x.answer.json.datasets if x.answer.json else ())}
        wanted = {uid for uid, told in acknowledged(j).items() if _belongs(told, x)}
        for uid in sorted(wanted - listed):
            got = f"{len(listed)} instances, {uid} is not among them"
            yield Finding(got=got, want=f"all {len(wanted)} that were stored", where=x.resource.path, seq=x.seq)


@joins_what_is_there.mutant(at=DOOR)
def series_is_replaced(ask: Ask, door: Door) -> Answer:
    """A series holds only the instance that was stored last."""
    answer = door(ask)
    if ask.resource.kind != "web.search.series-instances" or not answer.json or len(answer.json.datasets) < 2:
        return answer
    return alter.payload(answer, list(answer.json.datasets)[-1:])


@journey(
    "store.retrieve-urls-work",
    cites="PS3.18 Table I.1-1",
    verifies=("PS3.18-I.1-1", "PS3.18-I.1-5"),
    on=EFFECTS,
    basis=RELATION,
    when=lambda j: bool(j.steps("follow")),
    says="The Retrieve URLs of a response lead to what was stored: the instance, and the study that holds it.",
)
def retrieve_urls_work(j: Journey) -> Iterator[Finding]:
    for x in j.steps("follow"):
        uid = str(x.facts.get("instance", ""))
        if uid not in instances(x):
            got = f"{x.answer.line}, {len(instances(x))} instances, {uid} is not among them"
            yield Finding(got=got, want=f"a payload with {uid}", where=x.ask.target[:200], seq=x.seq)


@retrieve_urls_work.mutant(at=DOOR)
def urls_leave_the_service(ask: Ask, door: Door) -> Answer:
    """Retrieve URLs have another path before /studies than the service has."""
    answer = door(ask)
    if ask.resource.kind != "web.store" or answer.json is None:
        return answer
    text = answer.payload.bytes().decode("utf-8", "replace")
    return alter.payload(answer, json.loads(text.replace("/studies/", "/elsewhere/studies/")))


@rule(
    "store.takes-several-studies",
    cites="PS3.18 10.5.1.1.1; 10.5.1.4",
    verifies="PS3.18-10.5.1.1.1-1",
    on="web.store",
    when=lambda x: not x.resource.study and _several_studies(x) and _all_taken_before(x) and _outcome_is_told(x),
    says="POST /studies takes instances of several studies in one request.",
)
def takes_several_studies(x: Exchange) -> Iterator[Finding]:
    found = module(x)
    studies = {s.study for s in sent(x)}
    stored = {i.instance for i in found.stored} if found and x.answer.ok else set()
    reached = {s.study for s in sent(x) if s.instance in stored}
    if reached != studies:
        got = f"{x.answer.line}, instances of {len(reached)} of {len(studies)} studies stored"
        yield Finding(got=got, want="instances of all studies stored", where="response module")


@takes_several_studies.mutant(at=DOOR)
def takes_only_the_first_study(ask: Ask, door: Door) -> Answer:
    """A request with instances of several studies is refused by 409."""
    several = ask.resource.kind == "web.store" and len({s.study for s in parts(ask) if s.identified}) > 1
    return alter.report(409) if several and not ask.resource.study else door(ask)


ground("store", acknowledged_is_retrieved, acknowledged_is_found)


def _whole(j: Journey) -> dict[str, Told]:
    """The acknowledged instances that were sent as PS3.10 files; what becomes of others is the matter of rebuilt.py."""
    return {uid: told for uid, told in acknowledged(j).items() if told.sent.attributes is None}


def _belongs(told: Told, listing: Exchange) -> bool:
    """The listing asks for the series or study of that instance."""
    s, r = told.sent, listing.resource
    return s.study == r.study and r.series in ("", s.series)


def _several_studies(x: Exchange) -> bool:
    return fitting(x) and len({s.study for s in sent(x)}) > 1


def _outcome_is_told(x: Exchange) -> bool:
    """The code or the module says what became of the instances."""
    found = module(x)
    return x.answer.status >= 400 or (found is not None and found.speaks)


def _all_taken_before(x: Exchange) -> bool:
    past = x.context.past if x.context else None
    known = {(k.sop_class, k.transfer_syntax) for k in past.kept.values()} if past else set()
    return x.answer.status < 500 and all((s.sop_class, s.transfer_syntax) in known for s in sent(x))


def _pretend(ask: Ask) -> Answer:
    """What a server would say that stored everything."""
    found = [s for s in parts(ask) if s.identified]
    study = ask.resource.study or (found[0].study if found else "")
    module = {
        "00081190": alter.attribute("UR", f"{ask.base.rstrip('/')}/studies/{study}"),
        "00081199": alter.sequence([
            {
                "00081150": alter.attribute("UI", s.sop_class),
                "00081155": alter.attribute("UI", s.instance),
                "00081190": alter.attribute(
                    "UR", f"{ask.base.rstrip('/')}/studies/{s.study}/series/{s.series}/instances/{s.instance}"
                ),
            }
            for s in found
        ]),
    }  # fmt: skip
    body = Body.of(json.dumps(module).encode())
    headers = Headers.of([("Content-Type", "application/dicom+json"), ("Content-Length", str(body.size))])
    return Answer(200, "OK", headers, body)


def _pretendable(ask: Ask) -> bool:
    """A request that could be stored whole, so that a lie about it can only be seen afterwards."""
    found = parts(ask) if ask.resource.kind == "web.store" else ()
    study = ask.resource.study
    return bool(found) and framed(ask) and all(s.identified and study in ("", s.study) for s in found)


def _holds(ask: Ask, door: Door, *uids: str) -> bool:
    """Whether the service has this instance, asked before it is stored."""
    path = "".join(f"/{name}/{uid}" for name, uid in zip(("studies", "series", "instances"), uids, strict=True))
    fields: Sequence[tuple[str, str]] = [("Host", ask.headers.get("host") or "localhost"), ("Accept", "*/*")]
    root = ask.target.partition("/studies")[0]
    return all(uids) and door(Ask("GET", root + path, ask.base, Headers.of(fields))).ok
