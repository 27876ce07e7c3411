"""Rules of PS3.18 8.9 and Annexes G and H on the Capabilities Description: that it comes, and how it is built.

Must not know whether what it lists works: that is the matter of truth.py.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, RELATION, Door, Finding, ground, journey, rule
from suites.web.capabilities.wadl import JSON, REPEATABLE, TYPES, UNIQUE, WADL, Document, document, same_base

ON = "web.capabilities"
NAMESPACE = "http://wadl.dev.java.net/2009/02"
ASIDE = frozenset({401, 403, 407, 429, 503})


def _acceptable(x: Exchange) -> list[str]:
    return [t for t in TYPES if any(r.q and r.covers(t) for r in x.ask.accept.ranges)]


def _read(x: Exchange) -> bool:
    return x.answer.status == 200 and document(x.answer) is not None


def _document(x: Exchange) -> Document:
    found = document(x.answer)
    assert found is not None
    return found


@rule(
    "capabilities.answers",
    cites="PS3.18 8.9; 8.9.2",
    verifies=("PS3.18-8.9-1", "PS3.18-8.9.2-1"),
    on=ON,
    when=lambda x: bool(_acceptable(x)) and x.answer.status not in ASIDE and "if-none-match" not in x.ask.headers,
    says="OPTIONS of the Base URI is answered 200 with a Capabilities Description.",
)
def answers(x: Exchange) -> Iterator[Finding]:
    one_of_two = len(_acceptable(x)) == 1 and x.answer.status == 406
    if x.answer.status != 200 and not one_of_two:
        yield Finding(got=x.answer.line, want="200 and a Capabilities Description", where="status line")


@answers.mutant(at=DOOR)
def knows_no_options(ask: Ask, door: Door) -> Answer:
    """OPTIONS of the Base URI is answered 404."""
    return door(ask.but(target=ask.target.rstrip("/") + "/no-such-thing")) if ask.resource.kind == ON else door(ask)


@answers.mutant
def answers_options_without_content(x: Exchange) -> Answer | None:
    """OPTIONS is answered 204 as for any web page."""
    headers = x.answer.headers.but("content-type", None).but("content-length", None)
    return x.answer.but(status=204, reason="No Content", headers=headers, body=b"") if x.kind == ON else None


@journey(
    "capabilities.wadl-or-json",
    cites="PS3.18 8.9.4",
    verifies="PS3.18-8.9.4-1",
    on="web.capabilities.types",
    when=lambda j: any(x.answer.status == 200 for x in j.exchanges),
    says="The description comes as WADL, as JSON, or as either, and in the type that is asked for.",
)
def wadl_or_json(j: Journey) -> Iterator[Finding]:
    if not any(x.answer.status == 200 and x.answer.type == _acceptable(x)[0] for x in j.exchanges if _acceptable(x)):
        got = ", ".join(f"{x.answer.line} {x.answer.type}" for x in j.exchanges)
        yield Finding(got=got, want=f"{WADL} or {JSON}", where="Content-Type")


@wadl_or_json.mutant
def describes_in_html(x: Exchange) -> Answer | None:
    """The description is a web page."""
    return x.answer.but(type="text/html", body=b"<html><body>all of it</body></html>") if x.kind == ON else None


@rule(
    "capabilities.media-type",
    cites="PS3.18 8.9.2; 8.9.4",
    verifies="PS3.18-8.9.2-1",
    on=ON,
    when=lambda x: x.answer.status == 200 and bool(_acceptable(x)),
    says="The media type is application/vnd.sun.wadl+xml or application/json, and one that the request accepts.",
)
def media_type(x: Exchange) -> Iterator[Finding]:
    if x.answer.type not in TYPES:
        yield Finding(got=x.answer.type or "none", want=" or ".join(TYPES), where="Content-Type")
    elif x.answer.type not in _acceptable(x):
        yield Finding(got=x.answer.type, want=" or ".join(_acceptable(x)), where="Content-Type")


@media_type.mutant(at=DOOR)
def always_wadl(ask: Ask, door: Door) -> Answer:
    """WADL is sent whatever is asked for."""
    return door(ask.but(headers=ask.headers.but("accept", WADL))) if ask.resource.kind == ON else door(ask)


@media_type.mutant
def calls_wadl_plain_xml(x: Exchange) -> Answer | None:
    """WADL is called application/xml."""
    return x.answer.but(type="application/xml") if x.kind == ON and x.answer.type == WADL else None


@rule(
    "capabilities.payload-fields",
    cites="PS3.18 8.9.3.1.1; 8.9.3.2",
    verifies="PS3.18-8.9.3.1.1-1",
    on=ON,
    when=lambda x: x.answer.status == 200,
    wire=True,
    says="A description has a payload with Content-Type, and Content-Length or Transfer-Encoding.",
)
def payload_fields(x: Exchange) -> Iterator[Finding]:
    if not x.answer.body.size:
        yield Finding(got="no payload", want="a Capabilities Description", where="payload")
    if "content-type" not in x.answer.headers:
        yield Finding(got="no Content-Type", want="the media type", where="header fields")
    # HTTP/2 has its own framing and neither of the two (RFC 9113 8.1)
    if x.answer.version.startswith("HTTP/1") and not {"content-length", "transfer-encoding"} & _names(x):
        yield Finding(got="neither of them", want="Content-Length or Transfer-Encoding", where="header fields")


@payload_fields.mutant
def describes_with_nothing(x: Exchange) -> Answer | None:
    """The answer is 200 without a payload."""
    return x.answer.but(body=b"") if x.kind == ON else None


@payload_fields.mutant
def forgets_the_type(x: Exchange) -> Answer | None:
    """The description has no Content-Type."""
    return x.answer.but(headers=x.answer.headers.but("content-type", None)) if x.kind == ON else None


@rule(
    "capabilities.not-modified-only-if-asked",
    cites="PS3.18 8.9.3.1",
    verifies="PS3.18-8.9.3.1-1",
    on=ON,
    when=lambda x: "if-none-match" not in x.ask.headers and x.answer.status in (200, 304),
    says="304 answers a request with If-None-Match only.",
)
def not_modified_only_if_asked(x: Exchange) -> Iterator[Finding]:
    if x.answer.status == 304:
        yield Finding(got=x.answer.line, want="200, the request is not conditional", where="status line")


@not_modified_only_if_asked.mutant
def nothing_ever_changes(x: Exchange) -> Answer | None:
    """Every request is answered 304."""
    headers = x.answer.headers.but("content-type", None).but("content-length", None)
    return x.answer.but(status=304, reason="Not Modified", headers=headers, body=b"") if x.kind == ON else None


@rule(
    "capabilities.one-application",
    cites="PS3.18 H; 8.9.3.2",
    verifies=("PS3.18-H-1", "PS3.18-8.9.3.2-1"),
    on=ON,
    when=_read,
    says="The description is a well-formed document with one application element at its top.",
)
def one_application(x: Exchange) -> Iterator[Finding]:
    found = _document(x)
    if found.application is None:
        got = found.problem or ", ".join(r.name for r in found.roots[:5])
        yield Finding(got=got, want="one application element", where="root")


@one_application.mutant
def root_is_resources(x: Exchange) -> Answer | None:
    """The root is called resources."""

    def change(text: str) -> str:
        text = text.replace("<application ", "<resources ").replace("</application>", "</resources>")
        return text.replace('"application"', '"resources"')

    return _bent(x, change)


@one_application.mutant
def ends_too_early(x: Exchange) -> Answer | None:
    """The document lacks its end."""
    return _bent(x, lambda text: text[: len(text) - 20])


@rule(
    "capabilities.wadl-namespace",
    cites="PS3.18 H; W3C WADL 1.2",
    verifies="PS3.18-H-1",
    on=ON,
    when=lambda x: _read(x) and x.answer.type == WADL,
    says="The elements of a WADL document are those of the WADL of August 2009, which the standard refers to.",
)
def wadl_namespace(x: Exchange) -> Iterator[Finding]:
    read = document(x.answer)
    if read and read.roots and read.namespace != NAMESPACE:
        older = "wadl" in read.namespace
        yield Finding(got=read.namespace or "no namespace", want=NAMESPACE, where="root element", warn=older)


@wadl_namespace.mutant
def wadl_without_namespace(x: Exchange) -> Answer | None:
    """The description declares no namespace."""
    return x.answer.but(body=x.answer.body.bytes().replace(NAMESPACE.encode(), b"")) if x.kind == ON else None


@rule(
    "capabilities.resources-base",
    cites="PS3.18 H",
    verifies="PS3.18-H-2",
    on=ON,
    when=lambda x: _read(x) and _document(x).application is not None,
    says="The application has one resources element, whose base is the Base URI of the service.",
)
def resources_base(x: Exchange) -> Iterator[Finding]:
    application = _document(x).application
    found = application.all("resources") if application else []
    if len(found) != 1:
        yield Finding(got=f"{len(found)} resources elements", want="one", where="application")
    for one in found:
        base = one.attributes.get("base", "")
        path, authority = same_base(base, x.ask.base)
        if not path or not base:
            yield Finding(got=base or "no base", want=x.ask.base, where="resources/@base")
        elif not authority and x.leads_away(base):  # what stands before the server may give it another name
            yield Finding(got=base, want=x.ask.base, where="resources/@base", warn=True)


@resources_base.mutant
def base_is_relative(x: Exchange) -> Answer | None:
    """The base is that of another service on the same host."""
    return _bent(x, lambda text: text.replace(x.ask.base.rstrip("/"), x.ask.base.rstrip("/") + "/v2"))


@resources_base.mutant
def base_is_missing(x: Exchange) -> Answer | None:
    """The resources element has no base."""
    return _bent(x, lambda text: text.replace(" base=", " root=").replace('"@base"', '"@root"'))


@rule(
    "capabilities.tree",
    cites="PS3.18 H",
    verifies="PS3.18-H-3",
    on=ON,
    when=lambda x: _read(x) and _document(x).application is not None,
    says="The resources hold resource elements, each with its path, and methods, each with its name.",
)
def tree(x: Exchange) -> Iterator[Finding]:
    found = list(_document(x).resources())
    if not found:
        yield Finding(got="no resource element", want="the resources of the service", where="resources")
    for shape, node in found:
        where = "/" + "/".join(shape)
        if "path" not in node.attributes:
            yield Finding(got="a resource without path", want="its path", where=where)
        for method in node.all("method"):
            if not method.attributes.get("name") and not method.attributes.get("href"):
                yield Finding(got="a method without name", want="GET, POST, ...", where=where)
    if found and not any(names for names in _document(x).methods().values()):
        yield Finding(got="no method in any resource", want="the methods of each resource", where="resources")


@tree.mutant
def lists_nothing(x: Exchange) -> Answer | None:
    """The resources element is empty."""
    return _rebuilt(x, lambda resources: resources.pop("resource", None))


@tree.mutant
def methods_have_no_name(x: Exchange) -> Answer | None:
    """Methods have an id and no name."""
    return _bent(x, lambda text: text.replace(' name="GET"', "").replace('"@name": "GET", ', ""))


@rule(
    "capabilities.no-options-method",
    cites="PS3.18 H",
    verifies="PS3.18-H-5",
    on=ON,
    when=lambda x: _read(x) and any(_document(x).methods().values()),
    says="The description does not list OPTIONS, by which it is got itself.",
)
def no_options_method(x: Exchange) -> Iterator[Finding]:
    for shape, names in _document(x).methods().items():
        if "OPTIONS" in {n.upper() for n in names}:
            yield Finding(got="OPTIONS", want="the methods of Table H-1", where="/" + "/".join(shape))


@no_options_method.mutant
def lists_itself(x: Exchange) -> Answer | None:
    """OPTIONS stands among the methods."""
    return _bent(x, lambda text: text.replace('name="POST"', 'name="OPTIONS"').replace('"POST"', '"OPTIONS"'))


@rule(
    "capabilities.json-doc",
    cites="PS3.18 G.2.1",
    verifies="PS3.18-G.2.1-1",
    on=ON,
    when=lambda x: _read(x) and any(name == "doc" for name, _, _ in _members(_document(x).raw)),
    due=False,
    says="In JSON a doc element is an array of objects with strings @xml:lang, @title, value.",
)
def json_doc(x: Exchange) -> Iterator[Finding]:
    for name, value, where in _members(_document(x).raw):
        if name != "doc":
            continue
        if not isinstance(value, list):
            yield Finding(got=type(value).__name__, want="an array", where=where)
            continue
        for one in value:
            wrong = not isinstance(one, dict) or any(not isinstance(v, str) for v in one.values())
            if wrong or set(one) - {"@xml:lang", "@title", "value"}:
                yield Finding(got=str(one)[:80], want="strings @xml:lang, @title, value", where=where)


@json_doc.mutant
def doc_is_a_string(x: Exchange) -> Answer | None:
    """A doc element is a string."""
    return _rebuilt(x, lambda resources: resources.update({"doc": "What this service can do"}))


@rule(
    "capabilities.json-unique",
    cites="PS3.18 G.2.2",
    verifies="PS3.18-G.2.2-1",
    on=ON,
    when=lambda x: _read(x) and _document(x).form == "json" and _document(x).application is not None,
    says="In JSON an element that stands once is an object, and XML attributes are its @ members, all strings.",
)
def json_unique(x: Exchange) -> Iterator[Finding]:
    for name, value, where in _members(_document(x).raw):
        if name in UNIQUE and not isinstance(value, dict):
            yield Finding(got=type(value).__name__, want="an object", where=where)
        if name.startswith("@") and not isinstance(value, str):
            yield Finding(got=f"{value!r}"[:80], want="a string", where=where)
        if not name.startswith("@") and name != "value" and not isinstance(value, dict | list):
            yield Finding(got=f"{value!r}"[:80], want="an element; XML attributes are @ members", where=where)


@json_unique.mutant
def attributes_without_at(x: Exchange) -> Answer | None:
    """XML attributes are members without @."""
    return _bent(x, lambda text: text.replace('"@style"', '"style"')) if x.answer.type == JSON else None


@json_unique.mutant
def application_is_an_array(x: Exchange) -> Answer | None:
    """The application is an array of one."""
    if x.answer.type != JSON or document(x.answer) is None or not isinstance(_document(x).raw, dict):
        return None
    return x.answer.but(body=json.dumps({k: [v] for k, v in _document(x).raw.items()}).encode())


@rule(
    "capabilities.json-repeatable",
    cites="PS3.18 G.2.3",
    verifies="PS3.18-G.2.3-1",
    on=ON,
    when=lambda x: _read(x) and any(name in REPEATABLE for name, _, _ in _members(_document(x).raw)),
    says="In JSON an element that may repeat is an array of objects, also when it stands once.",
)
def json_repeatable(x: Exchange) -> Iterator[Finding]:
    for name, value, where in _members(_document(x).raw):
        if name in REPEATABLE and not (isinstance(value, list) and all(isinstance(v, dict) for v in value)):
            yield Finding(got=type(value).__name__, want="an array of objects", where=where)


@json_repeatable.mutant
def single_elements_are_objects(x: Exchange) -> Answer | None:
    """A repeatable element that stands once is an object without its array."""

    def change(value: Any) -> Any:
        if isinstance(value, list):
            return [change(v) for v in value]
        if not isinstance(value, dict):
            return value
        return {k: change(v[0]) if isinstance(v, list) and len(v) == 1 else change(v) for k, v in value.items()}

    return _rebuilt(x, lambda resources: resources.update(change(resources)))


@journey(
    "capabilities.same-in-both",
    cites="PS3.18 G.1",
    verifies="PS3.18-G.1-1",
    on="web.capabilities.types",
    basis=RELATION,
    when=lambda j: {_form(x) for x in j.exchanges} >= {"xml", "json"},
    says="The WADL and the JSON form say the same, element by element.",
)
def same_in_both(j: Journey) -> Iterator[Finding]:
    xml = next(_document(x).application for x in j.exchanges if _form(x) == "xml")
    for x in (x for x in j.exchanges if _form(x) == "json"):
        one, other = _document(x).application, xml
        if one is None or other is None or one.canonical() == other.canonical():
            continue
        ours, theirs = (sorted(str((n.name, dict(n.attributes))) for n in a.walk()) for a in (one, other))
        odd = next((t for t in ours if t not in theirs), "") or next((t for t in theirs if t not in ours), "the order")
        got = f"{len(ours)} elements in JSON, {len(theirs)} in WADL; not the same: {odd}"
        yield Finding(got=got[:300], want="the same tree", where="document", seq=x.seq)


@same_in_both.mutant
def json_lacks_parameters(x: Exchange) -> Answer | None:
    """The JSON form names one query parameter differently."""
    return _bent(x, lambda text: text.replace('"limit"', '"count"')) if x.answer.type == JSON else None


@same_in_both.mutant
def wadl_lacks_media_types(x: Exchange) -> Answer | None:
    """The WADL form leaves out which media types there are."""
    return _bent(x, lambda text: text.replace("mediaType=", "type=")) if x.answer.type == WADL else None


ground("capabilities", one_application, tree)


def _form(x: Exchange) -> str:
    return _document(x).form if _read(x) and _document(x).application is not None else ""


def _names(x: Exchange) -> set[str]:
    return {name.lower() for name, _ in x.answer.headers}


def _members(value: Any, where: str = "") -> Iterator[tuple[str, Any, str]]:
    """Every member of every object with its JSON pointer."""
    if isinstance(value, Mapping):
        for name, below in value.items():
            yield str(name), below, f"{where}/{name}"
            yield from _members(below, f"{where}/{name}")
    elif isinstance(value, list):
        for n, below in enumerate(value):
            yield from _members(below, f"{where}/{n}")


def _bent(x: Exchange, change: Callable[[str], str]) -> Answer | None:
    """The answer with its text changed, not compressed; None when that changes nothing."""
    if x.kind != ON or x.answer.status != 200 or x.answer.type not in TYPES:
        return None
    text = x.answer.payload.bytes().decode("utf-8", "replace")
    new = change(text)
    headers = x.answer.headers.but("content-encoding", None)
    return x.answer.but(headers=headers, body=new.encode()) if new != text else None


def _rebuilt(x: Exchange, change: Callable[[dict[str, Any]], Any]) -> Answer | None:
    """The JSON form with its resources element changed in place."""
    found = document(x.answer) if x.kind == ON else None
    if found is None or found.form != "json" or not isinstance(found.raw, dict):
        return None
    raw = copy.deepcopy(found.raw)
    resources = raw.get("application", {}).get("resources")
    if not isinstance(resources, dict):
        return None
    change(resources)
    return x.answer.but(headers=x.answer.headers.but("content-encoding", None), body=json.dumps(raw).encode())
