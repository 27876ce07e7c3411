"""Rules of PS3.18 Annex H on whether the Capabilities Description is true: what it lists works, what works it lists.

Must not know how the description is written.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, RELATION, SHOULD, Door, Finding, ground, journey
from suites.web.capabilities.wadl import JSON, WADL, Document, Shape, document, known

ON = "web.capabilities.truth"
MISSING = frozenset({404, 405, 410, 501})


def _document(j: Journey) -> Document | None:
    return next((d for x in j.steps("document") if (d := document(x.answer)) and d.application), None)


def _shape(x: Exchange) -> Shape:
    return tuple(str(x.facts.get("shape", "")).split("/"))


def _works(x: Exchange) -> bool:
    """A GET brought something; a POST without a payload was refused for that, so there is somebody who takes it."""
    return x.answer.ok if x.ask.method == "GET" else x.answer.status not in MISSING and x.answer.status < 500


def _calls(j: Journey) -> list[Exchange]:
    return j.steps("call")


def _listed(j: Journey, x: Exchange) -> bool:
    """The description lists this method for the shape of this resource."""
    found = _document(j)
    return found is not None and x.ask.method in found.methods().get(_shape(x), ())


@journey(
    "capabilities.advertised-works",
    cites="PS3.18 H",
    verifies="PS3.18-H-6",
    on=ON,
    basis=RELATION,
    when=lambda j: any(_listed(j, x) for x in _calls(j)),
    says="Each resource and method that the description lists is there.",
)
def advertised_works(j: Journey) -> Iterator[Finding]:
    for x in _calls(j):
        if _listed(j, x) and x.answer.status in MISSING:
            want = f"{x.ask.method} /{'/'.join(_shape(x))}, which the description lists"
            yield Finding(got=f"{x.answer.line} for {x.ask.line}"[:300], want=want, where="status line", seq=x.seq)
    for x in j.steps("unknown"):
        if x.answer.ok:
            yield Finding(got=x.answer.line, want="404 for a study that does not exist", where="status line", seq=x.seq)


@advertised_works.mutant(at=DOOR, defects="D-CA-01")
def lists_what_is_not_there(ask: Ask, door: Door) -> Answer:
    """The description lists the pixel data of a study, which is answered 404."""
    return door(ask.but(target=ask.target + "-x")) if ask.target.endswith("/pixeldata") else door(ask)


@advertised_works.mutant(at=DOOR)
def lists_a_store_that_is_not_there(ask: Ask, door: Door) -> Answer:
    """The description lists POST for a study, which is answered 405."""
    store = ask.method == "POST" and bool(ask.resource.study)
    return door(ask.but(target=ask.target + "/metadata")) if store else door(ask)


@journey(
    "capabilities.advertised-types-can-be-had",
    cites="PS3.18 H; 8.9.3.2",
    verifies="PS3.18-H-6",
    level=SHOULD,  # Annex H speaks of resources and methods, and leaves representations to WADL
    on=ON,
    basis=RELATION,
    when=lambda j: bool(j.steps("type")),
    due=False,
    says="Search results and metadata come in each media type that the description lists for them.",
)
def advertised_types_can_be_had(j: Journey) -> Iterator[Finding]:
    for x in j.steps("type"):
        if x.answer.status in (406, 415):
            want = f"{x.facts.get('listed')}, which the description lists for /{'/'.join(_shape(x))}"
            yield Finding(got=x.answer.line, want=want, where="status line", seq=x.seq)


@advertised_types_can_be_had.mutant(at=DOOR)
def lists_a_type_that_is_not_there(ask: Ask, door: Door) -> Answer:
    """The description lists CSV wherever it lists JSON."""
    answer = door(ask)
    if ask.resource.kind != "web.capabilities" or answer.type != WADL:
        return answer
    json_, csv = b'mediaType="application/dicom+json"', b'mediaType="text/csv"'
    return answer.but(body=answer.body.bytes().replace(json_, csv))


@advertised_types_can_be_had.mutant
def has_no_xml(x: Exchange) -> Answer | None:
    """Metadata and search results are not to be had in XML, which the description lists."""
    lists = x.kind == "web.retrieve.metadata" or x.kind.startswith("web.search")
    return x.answer.but(status=406) if lists and "xml" in (x.ask.headers.get("accept") or "") else None


@journey(
    "capabilities.working-is-advertised",
    cites="PS3.18 H",
    verifies=("PS3.18-H-4", "PS3.18-H-6"),
    on=ON,
    basis=RELATION,
    when=lambda j: _document(j) is not None and any(_works(x) and x.ask.method == "GET" for x in _calls(j)),
    says="Each resource of Table H-1 and each method that works stands in the description, at its place in the tree.",
)
def working_is_advertised(j: Journey) -> Iterator[Finding]:
    found = _document(j)
    methods = found.methods() if found else {}
    for x in _calls(j):
        if _works(x) and x.ask.method not in methods.get(_shape(x), ()):
            got = f"{', '.join(sorted(methods.get(_shape(x), ()))) or 'nothing'} for /{'/'.join(_shape(x))}"
            want = f"{x.ask.method}, which was answered {x.answer.line}"
            yield Finding(got=got, want=want, where="resources", seq=x.seq)


def _bent(x: Exchange, old: str, new: str) -> Answer | None:
    if x.kind != "web.capabilities" or x.answer.status != 200:
        return None
    text = x.answer.payload.bytes().decode("utf-8", "replace")
    headers = x.answer.headers.but("content-encoding", None)
    return x.answer.but(headers=headers, body=text.replace(old, new).encode()) if old in text else None


@working_is_advertised.mutant
def forgets_metadata(x: Exchange) -> Answer | None:
    """Metadata is called by another name."""
    return _bent(x, '"metadata"', '"meta-data"')


@working_is_advertised.mutant
def forgets_to_store(x: Exchange) -> Answer | None:
    """POST is not listed."""
    return _bent(x, '"POST"', '"PUT"')


@working_is_advertised.mutant
def puts_instances_elsewhere(x: Exchange) -> Answer | None:
    """The series of a study are listed under another path."""
    return _bent(x, '"series"', '"sequences"')


@journey(
    "capabilities.known-methods",
    cites="PS3.18 H; Table H-1",
    verifies="PS3.18-H-4",
    on="web.capabilities.truth|web.capabilities.types",
    basis=RELATION,
    when=lambda j: any(known("GET", shape).kind != "web.other" for shape in _methods(j)),
    says="A resource of Table H-1 is listed with a method that the table gives it.",
)
def known_methods(j: Journey) -> Iterator[Finding]:
    for shape, names in _methods(j).items():
        defined = {m for m in ("GET", "POST") if known(m, shape).kind != "web.other"}
        if defined and names and not names & defined:
            got = f"{', '.join(sorted(names))} for /{'/'.join(shape)}"
            yield Finding(got=got, want=" or ".join(sorted(defined)), where="resources")


@known_methods.mutant
def retrieves_by_post(x: Exchange) -> Answer | None:
    """Everything is listed with POST."""
    if x.answer.type == JSON:
        return _bent(x, '"GET"', '"POST"')
    return _bent(x, 'name="GET"', 'name="POST"')


@journey(
    "capabilities.allow-holds",
    cites="PS3.18 8.5; RFC 9110 9.3.7, 10.2.1",
    verifies="PS3.18-8.5-5",
    on=ON,
    basis=RELATION,
    when=lambda j: any("allow" in x.answer.headers and _beside(j, x) for x in j.steps("allow")),
    says="An Allow header field names the methods that the resource has, those that work and no others.",
)
def allow_holds(j: Journey) -> Iterator[Finding]:
    for x in j.steps("allow"):
        if "allow" not in x.answer.headers:
            continue
        named = {m.strip().upper() for m in (x.answer.headers.get("allow") or "").split(",")}
        for call in _beside(j, x):
            if _works(call) and call.ask.method not in named:
                got = f"Allow: {', '.join(sorted(named))}"
                yield Finding(got=got, want=f"{call.ask.method} as well, it was answered {call.answer.line}",
                              where=x.resource.path, seq=x.seq)  # fmt: skip
            elif call.answer.status in (405, 501) and call.ask.method in named:
                got = f"{call.answer.line} for {call.ask.method}"
                yield Finding(got=got, want="an allowed method works", where=x.resource.path, seq=call.seq)


@allow_holds.mutant(defects="D-CA-02")
def allows_only_get(x: Exchange) -> Answer | None:
    """Allow names GET for every resource."""
    return x.answer.but(headers=x.answer.headers.but("allow", "GET")) if "allow" in x.answer.headers else None


@allow_holds.mutant
def allows_only_others(x: Exchange) -> Answer | None:
    """Allow names methods that are not there."""
    return x.answer.but(headers=x.answer.headers.but("allow", "PUT, DELETE")) if "allow" in x.answer.headers else None


ground("capabilities", advertised_works)


def _methods(j: Journey) -> dict[Shape, set[str]]:
    found = next((d for x in j.exchanges if (d := document(x.answer)) and d.application), None)
    return found.methods() if found else {}


def _beside(j: Journey, x: Exchange) -> list[Exchange]:
    """The calls of the same resource."""
    return [call for call in _calls(j) if call.resource.path == x.resource.path]
