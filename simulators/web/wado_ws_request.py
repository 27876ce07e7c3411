"""Knows what the requests of WADO-WS ask for: documents by study and series, transfer syntaxes, renderings, XPaths.

Must not know what is held, nor how it is answered (PS3.18 2017b 6.4.1.1, 6.4.2.1, 6.4.3.1).

Elements are told apart by their local names within the namespaces of the service: the text puts the list of transfer
syntaxes now below a document, now below the request, and its elements now in one namespace, now in another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from lxml import etree

from simulators.web.soap import Fault

IHE = "urn:ihe:iti:xds-b:2007"
RAD = "urn:ihe:rad:xdsi-b:2009"
WADO = "urn:dicom:wado:ws:2011"
MOST = 10_000  # documents of one request
MOST_XPATHS = 1_000  # of one request

Kind = Literal["documents", "rendered", "metadata"]

_KNOWN = (IHE, RAD, WADO)
_PLAIN = ("HomeCommunityId", "RepositoryUniqueId", "DocumentUniqueId")


@dataclass(frozen=True)
class Service:
    """One action: its kind, the element of its request, that of one document in it, the actions in and out.

    Some action values are told in two forms (PS3.18 2017b 6.4.2.1 and the WSDL in use); the first is that of the text.
    """

    kind: Kind
    element: str
    document: str
    actions: tuple[str, ...]

    def answering(self, action: str) -> str:
        """The action of the answer to this one."""
        if self.kind == "documents":
            return "urn:ihe:iti:2007:RetrieveDocumentSetResponse"
        return f"{action}Response"


_RENDERED, _INFORMATION = "RetrieveRenderedImagingDocumentSet", "RetrieveImagingDocumentSetInformation"
SERVICES = (
    Service("documents", f"{{{RAD}}}RetrieveImagingDocumentSetRequest", "DocumentRequest",
            ("urn:ihe:rad:2009:RetrieveImagingDocumentSet",)),
    Service("rendered", f"{{{WADO}}}{_RENDERED}Request", "RenderedDocumentRequest",
            (f"urn:dicom:ws:wado:2011:{_RENDERED}", f"urn:dicom:wado:ws:2011:{_RENDERED}")),
    Service("metadata", f"{{{WADO}}}{_INFORMATION}Request", "DocumentInformationRequest",
            (f"urn:wado:2011:{_INFORMATION}", f"urn:dicom:wado:ws:2011:{_INFORMATION}",
             f"urn:dicom:ws:wado:2011:{_INFORMATION}")),
)  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """One document of a request. `home` and `repository` are None where the request has none, `texts` are the other
    elements with a text by local name, `lists` those that hold several; `prefixes` stand at the XPaths."""

    study: str
    series: str
    document: str
    home: str | None = None
    repository: str | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    prefixes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A whole request. `syntaxes` is the list of transfer syntaxes, () where there is none."""

    service: Service
    documents: tuple[Wanted, ...]
    syntaxes: tuple[str, ...]


def read(action: str, content: etree._Element) -> Asked:
    """What is asked; a Fault for an action that is none of the service's or does not fit the element of the Body,
    and for an element that is not built as its definition says."""
    service = next((s for s in SERVICES if action in s.actions), None)
    if service is None:
        raise Fault("Sender", f"The action {action[:200]!r} is not one of this service.", "ActionNotSupported")
    if content.tag != service.element:
        why = f"The Body holds {str(content.tag)[:200]}, which the action does not ask for."
        raise Fault("Sender", why, "ActionNotSupported")
    if sum(1 for element in content.iter() if _local(element) == "XPath") > MOST_XPATHS:
        raise Fault("Sender", f"A request has at most {MOST_XPATHS} XPaths here.")
    documents = tuple(_documents(service, content))
    if not documents:
        raise Fault("Sender", f"The request names no {service.document}.")
    listed = [e for e in content.iter() if _local(e) == "TransferSyntaxUIDList"]
    return Asked(service, documents, tuple(_text(e) for at in listed for e in _named(at, "TransferSyntaxUID")))


def _documents(service: Service, content: etree._Element) -> Iterator[Wanted]:
    count = 0
    for study in _named(content, "StudyRequest"):
        for series in _named(study, "SeriesRequest"):
            for document in _named(series, service.document):
                count += 1
                if count > MOST:
                    raise Fault("Sender", f"A request names at most {MOST} documents here.")
                yield _wanted(_uid(study, "studyInstanceUID"), _uid(series, "seriesInstanceUID"), document)


def _uid(element: etree._Element, name: str) -> str:
    said = element.get(name)
    if said is None:
        raise Fault("Sender", f"{etree.QName(element).localname} has an attribute {name}.")
    return said.strip()


def _wanted(study: str, series: str, document: etree._Element) -> Wanted:
    texts: dict[str, str] = {}
    lists: dict[str, tuple[str, ...]] = {}
    xpaths: list[str] = []
    prefixes: dict[str, str] = {}
    for element in document:
        name = _local(element)
        if name == "XPath":
            xpaths.append(_text(element))
            prefixes |= {prefix: uri for prefix, uri in element.nsmap.items() if prefix}
        elif len(element):
            lists[name] = tuple(_text(below) for below in element)
        elif name:
            if name in texts:
                raise Fault("Sender", f"{etree.QName(document).localname} has {name} once.")
            texts[name] = _text(element)
    home, repository, uid = (texts.pop(name, None) for name in _PLAIN)
    if uid is None:
        raise Fault("Sender", f"{etree.QName(document).localname} has a DocumentUniqueId.")
    if xpaths:
        lists["XPath"] = tuple(xpaths)
    return Wanted(study, series, uid, home, repository, texts, lists, prefixes)


def _named(parent: etree._Element, name: str) -> Iterator[etree._Element]:
    return (element for element in parent if _local(element) == name)


def _local(element: etree._Element) -> str:
    """The local name of an element of the service, '' for any other."""
    name = etree.QName(element)
    return name.localname if name.namespace in _KNOWN else ""


def _text(element: etree._Element) -> str:
    return (element.text or "").strip()
