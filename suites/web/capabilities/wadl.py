"""Knows a Capabilities Description on octets: WADL in XML or in the JSON of PS3.18 Annex G, read into one tree.

Must not judge it, nor know which resources a service should have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

from harness.exchange import Answer
from harness.wire.uri import Resource, classify

WADL, JSON = "application/vnd.sun.wadl+xml", "application/json"
TYPES = (WADL, JSON)
LARGEST = 16 << 20
DEEPEST = 64
# Elements of WADL that stand at most once below their parent, and those that may repeat (WADL 2, PS3.18 G.2).
UNIQUE = frozenset({"application", "grammars", "request"})
REPEATABLE = frozenset(
    {"include", "link", "method", "option", "param", "representation", "resource", "resource_type", "response"}
)
_TEMPLATE = re.compile(r"\{[^{}]*\}")

Shape = tuple[str, ...]  # path segments, "*" for a template


@dataclass(frozen=True)
class Node:
    """One element: its local name, its attributes by local name, its children in order, its text."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: Sequence[Node] = ()
    text: str = ""

    def all(self, name: str) -> list[Node]:
        return [c for c in self.children if c.name == name]

    def walk(self) -> Iterator[Node]:
        """This element and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def canonical(self) -> tuple[Any, ...]:
        """The same for two elements that say the same; order counts only among elements of one name."""
        below = sorted((c.canonical() for c in self.children), key=lambda c: str(c[0]))
        return (self.name, tuple(sorted(self.attributes.items())), self.text, tuple(below))


@dataclass(frozen=True)
class Document:
    """What was read. `roots` are the top-level elements; `problem` says why there are none.

    `raw` is the JSON value, `namespace` that of the XML root element.
    """

    roots: Sequence[Node] = ()
    form: str = ""
    problem: str = ""
    raw: Any = None
    namespace: str = ""

    @property
    def application(self) -> Node | None:
        return self.roots[0] if len(self.roots) == 1 and self.roots[0].name == "application" else None

    def resources(self) -> Iterator[tuple[Shape, Node]]:
        """Every resource below the base with the shape of its whole path."""
        if self.application is None:
            return
        for top in self.application.all("resources"):
            for resource in top.all("resource"):
                yield from _resources(resource, ())

    def methods(self) -> dict[Shape, set[str]]:
        """Shape -> names of the methods that it is said to have, references and resource types followed."""
        found: dict[Shape, set[str]] = {}
        for shape, resource in self.resources():
            names = found.setdefault(shape, set())
            names.update(self._methods(resource))
            for kind in resource.attributes.get("type", "").split():
                names.update(m for t in self._named("resource_type", kind) for m in self._methods(t))
        return found

    def media_types(self, wanted: Shape, method: str = "GET") -> list[str]:
        """The media types that a 200 to this method may have, each once, as they are written."""
        found: dict[str, None] = {}
        for shape, resource in self.resources():
            for one in self._method_elements(resource) if shape == wanted else ():
                for response in one.all("response") if one.attributes.get("name") == method else ():
                    if "200" in response.attributes.get("status", "200").split():
                        found.update(dict.fromkeys(self._representations(response)))
        return list(found)

    def _representations(self, response: Node) -> Iterator[str]:
        for representation in response.all("representation"):
            reference = representation.attributes.get("href")
            for one in self._named("representation", reference) if reference else [representation]:
                if told := one.attributes.get("mediaType", "").strip():
                    yield told

    def _methods(self, node: Node) -> Iterator[str]:
        return (one.attributes.get("name", "") for one in self._method_elements(node))

    def _method_elements(self, node: Node) -> Iterator[Node]:
        for method in node.all("method"):
            reference = method.attributes.get("href")
            yield from self._named("method", reference) if reference else [method]

    def _named(self, name: str, reference: str) -> list[Node]:
        wanted = reference.rpartition("#")[2]
        top = self.application.all(name) if self.application else []
        return [n for n in top if n.attributes.get("id") == wanted]


def document(answer: Answer) -> Document | None:
    """The Capabilities Description of an answer; None when its Content-Type is neither of the two."""
    return _read(answer) if answer.ok and answer.type in TYPES else None


@lru_cache(maxsize=8)
def _read(answer: Answer) -> Document:
    form = "json" if answer.type == JSON else "xml"
    if not 0 < answer.payload.size <= LARGEST:
        return Document((), form, f"{answer.payload.size} octets")
    return _json(answer.payload.bytes()) if form == "json" else _xml(answer.payload.bytes())


def _xml(octets: bytes) -> Document:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(octets, parser)
    except etree.XMLSyntaxError as error:
        return Document((), "xml", str(error)[:200])
    return Document((_element(root, 0),), "xml", namespace=etree.QName(root).namespace or "")


def _element(element: Any, depth: int) -> Node:
    attributes = {str(etree.QName(k).localname): str(v) for k, v in element.attrib.items()}
    below = [_element(c, depth + 1) for c in element if isinstance(c.tag, str)] if depth < DEEPEST else []
    return Node(str(etree.QName(element).localname), attributes, tuple(below), (element.text or "").strip())


def _json(octets: bytes) -> Document:
    try:
        raw = json.loads(octets.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        return Document((), "json", str(error)[:200])
    if not isinstance(raw, dict):
        return Document((), "json", f"the root is a {type(raw).__name__}", raw)
    roots = tuple(n for name, value in raw.items() if not name.startswith("@") for n in _nodes(name, value, 0))
    return Document(roots, "json", "" if roots else "no element", raw)


def _nodes(name: str, value: Any, depth: int) -> Iterator[Node]:
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, Mapping):
            yield Node(name, text="" if one is None else str(one))
            continue
        attributes = {_local(k): str(v) for k, v in one.items() if k.startswith("@") and not k.startswith("@xmlns")}
        below = [(k, v) for k, v in one.items() if not k.startswith("@") and k != "value"]
        children = [n for k, v in below for n in _nodes(k, v, depth + 1)] if depth < DEEPEST else []
        yield Node(name, attributes, tuple(children), str(one.get("value", "")).strip())


def _local(name: str) -> str:
    return name[1:].rpartition(":")[2]


def _resources(resource: Node, above: Shape) -> Iterator[tuple[Shape, Node]]:
    words = [w for w in resource.attributes.get("path", "").split("/") if w]
    shape = above + tuple("*" if _TEMPLATE.search(w) else w for w in words)
    yield shape, resource
    for below in resource.all("resource"):
        yield from _resources(below, shape)


def known(method: str, shape: Shape) -> Resource:
    """The resource of PS3.18 10 that this shape is, kind "web.other" when it is none."""
    return classify(method, "/" + "/".join("1" if w == "*" else w for w in shape), "http://x")


def same_base(one: str, other: str) -> tuple[bool, bool]:
    """Whether two Base URIs have the same path, and whether they have the same scheme and authority."""
    try:
        a, b = urlsplit(one.strip()), urlsplit(other.strip())
        authority = (a.scheme.lower(), a.hostname, _port(a)) == (b.scheme.lower(), b.hostname, _port(b))
    except ValueError:
        return False, False
    return a.path.rstrip("/") == b.path.rstrip("/"), authority


def _port(split: Any) -> int:
    return split.port or (443 if split.scheme.lower() == "https" else 80)
