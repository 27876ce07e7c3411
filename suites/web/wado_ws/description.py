"""Rules on the WSDL of a WADO-WS endpoint: which actions it has, and that they are answered (PS3.18 2017b 6.4).

Must not know what the actions do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lxml import etree

from harness.exchange import Answer, Exchange, Journey, view
from harness.rule import SHOULD, Finding, journey
from suites.web.wado_ws.reading import ACTIONS, REQUESTS, RESPONSES, Service, answered, asked, envelope

DESCRIPTION = "web.wado-ws.description"
LARGEST = 4 << 20
_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
_ACTION = "{http://www.w3.org/2006/05/addressing/wsdl}Action"
_ACTION_TOO = "{http://www.w3.org/2007/05/addressing/metadata}Action"


@view
def described(x: Exchange) -> Any:
    """The WSDL of an answer; None for anything else."""
    if not x.answer.ok or "wsdl" not in x.ask.target.lower() or x.answer.payload.size > LARGEST:
        return None
    octets = x.answer.payload.bytes()
    if b"<!DOCTYPE" in octets:
        return None
    try:
        root = etree.fromstring(octets, etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, ValueError):
        return None
    return root if root.tag == f"{_WSDL}definitions" else None


def _operations(root: Any) -> Iterator[tuple[str, str]]:
    """The actions in and out of each operation of the port types, '' where one is not told."""
    for operation in root.iter(f"{_WSDL}operation"):
        into, out = operation.find(f"{_WSDL}input"), operation.find(f"{_WSDL}output")
        if into is not None and operation.getparent().tag == f"{_WSDL}portType":
            yield _action(into), _action(out) if out is not None else ""


def _action(element: Any) -> str:
    return str(element.get(_ACTION) or element.get(_ACTION_TOO) or "")


@journey(
    "wado-ws.some-action",
    cites="PS3.18 2017b-6.4",
    verifies="PS3.18-2017b-6.4-1",
    on=DESCRIPTION,
    when=lambda j: any(asked(x) is not None and x.answer.complete for x in j.exchanges),
    says="At least one of the three actions is supported.",
)
def some_action(j: Journey) -> Iterator[Finding]:
    tried = [x for x in j.exchanges if asked(x) is not None and x.answer.complete]
    if not any(answered(x) is not None for x in tried):
        lines = ", ".join(f"{x.answer.line} {_why(x)}".strip() for x in tried)
        # IHE has an endpoint ask for its RepositoryUniqueId, which nobody told us
        named = any(d.texts.get("RepositoryUniqueId") for x in tried if (q := asked(x)) for d in q.documents)
        want = "an answer of the service to one of them"
        yield Finding(lines[:300], want, "all three", seq=tried[0].seq, warn=not named)


def _why(x: Exchange) -> str:
    fault = envelope(x.answer).fault
    return f"({fault.code}: {fault.reason[:60]})" if fault else ""


@some_action.mutant
def has_none_of_them(x: Exchange) -> Answer | None:
    """Every action is refused."""
    return x.answer.but(status=501, reason="", type="text/plain", body=b"no") if asked(x) is not None else None


@journey(
    "wado-ws.description-is-true",
    cites="PS3.18 2017b-6.4.1.1; 6.4.2.1; 6.4.3.1",
    verifies="PS3.18-2017b-6.4.1.1-3",
    on=DESCRIPTION,
    level=SHOULD,
    due=False,
    when=lambda j: any(described(x) is not None for x in j.exchanges),
    says="A WSDL names the actions of the services that the endpoint has, with the values of the text.",
)
def description_is_true(j: Journey) -> Iterator[Finding]:
    x = next(x for x in j.exchanges if described(x) is not None)
    told = dict(_operations(described(x)))
    known = {into: out for pairs in ACTIONS.values() for into, out in pairs}
    for into, out in told.items():
        if into in known and out and out != known[into]:
            yield Finding(out[:120], known[into], f"action of the answer to {into}", seq=x.seq)
    for service in _served(j):
        if told and not any(into in told for into, _ in ACTIONS[service]):
            yield Finding("no such operation", ACTIONS[service][0][0], "portType", seq=x.seq)


def _served(j: Journey) -> Iterator[Service]:
    """The services that the endpoint showed to have."""
    for element, service in REQUESTS.items():
        if any(envelope(x.ask).element == element and envelope(x.answer).element == RESPONSES[service]
               for x in j.exchanges):  # fmt: skip
            yield service


@description_is_true.mutant
def describes_another_answer(x: Exchange) -> Answer | None:
    """The action of an answer is not the one of the text."""
    return _altered(x, b"urn:ihe:iti:2007:RetrieveDocumentSetResponse", b"urn:ihe:iti:2007:RetrieveDocumentSet")


@description_is_true.mutant
def describes_another_action(x: Exchange) -> Answer | None:
    """The first service is missing."""
    return _altered(x, b"urn:ihe:rad:2009:RetrieveImagingDocumentSet", b"urn:example:Retrieve")


def _altered(x: Exchange, old: bytes, new: bytes) -> Answer | None:
    if described(x) is None:
        return None
    return x.answer.but(body=x.answer.body.bytes().replace(old, new))
