"""Knows how a rule of WADO-WS reads an exchange: what was asked for, what became of each document.

Must not know what a right answer is. Elements are found by their local names: which namespace they have to be in is a
rule's to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.exchange import Answer, Ask, Exchange, view
from harness.wire import soap
from harness.wire.soap import Binary

KIND = "web.wado-ws"
NOT_NOW = (401, 403, 407, 429, 503)  # the target may answer otherwise to somebody else, or later
ENVELOPE = f"{{{soap.ENVELOPE}}}"
IHE, RAD, WADO = "urn:ihe:iti:xds-b:2007", "urn:ihe:rad:xdsi-b:2009", "urn:dicom:wado:ws:2011"
RS = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
Service = Literal["documents", "rendered", "metadata"]

_RENDERED, _INFORMATION = "RetrieveRenderedImagingDocumentSet", "RetrieveImagingDocumentSetInformation"
# The elements of 6.4.1.1, 6.4.2.1 and 6.4.3.1, and those of their answers.
REQUESTS: Mapping[str, Service] = {
    f"{{{RAD}}}RetrieveImagingDocumentSetRequest": "documents",
    f"{{{WADO}}}{_RENDERED}Request": "rendered",
    f"{{{WADO}}}{_INFORMATION}Request": "metadata",
}
RESPONSES: Mapping[Service, str] = {
    "documents": f"{{{IHE}}}RetrieveDocumentSetResponse",
    "rendered": f"{{{WADO}}}{_RENDERED}Response",
    "metadata": f"{{{WADO}}}{_INFORMATION}Response",
}
# 6.4.2.1 names the answer of the second service so, and 6.4.2.2 defines it by a shorter name.
OTHER_NAME = f"{{{WADO}}}RetrieveRenderedImagingDocumentResponse"
# The action of the request and the one of its answer. The first is that of the text; the WSDL in use has the second.
ACTIONS: Mapping[Service, tuple[tuple[str, str], ...]] = {
    "documents": (("urn:ihe:rad:2009:RetrieveImagingDocumentSet", "urn:ihe:iti:2007:RetrieveDocumentSetResponse"),),
    "rendered": tuple((f"{p}{_RENDERED}", f"{p}{_RENDERED}Response")
                      for p in ("urn:dicom:ws:wado:2011:", "urn:dicom:wado:ws:2011:")),
    "metadata": tuple((f"{p}{_INFORMATION}", f"{p}{_INFORMATION}Response")
                      for p in ("urn:wado:2011:", "urn:dicom:ws:wado:2011:", "urn:dicom:wado:ws:2011:")),
}  # fmt: skip
_ASKED = ("DocumentRequest", "RenderedDocumentRequest", "DocumentInformationRequest")
_RETURNED = ("DocumentResponse", "RenderedDocumentResponse", "DocumentInformationResponse")
_SEVERITY = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:"


@dataclass(frozen=True)
class Wanted:
    """One document that is asked for. `texts` are the elements of it with a text, `lists` those with elements below,
    both by local name; `xpaths` in their order."""

    study: str
    series: str
    name: str
    texts: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    xpaths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """A request; `syntaxes` None where there is no list."""

    service: Service
    documents: tuple[Wanted, ...]
    syntaxes: tuple[str, ...] | None = None

    def named(self, name: str) -> list[Wanted]:
        """The documents of this unique id; some may be asked for twice."""
        return [wanted for wanted in self.documents if wanted.name == name]


@dataclass(frozen=True)
class Error:
    """One RegistryError. `severity` is "Error", "Warning" or what it says instead."""

    severity: str
    code: str
    context: str
    location: str


@dataclass(frozen=True)
class Returned:
    """One document of an answer, `name` the unique id of the document asked for; `texts` by local name."""

    name: str
    texts: Mapping[str, str]
    element: Any = field(repr=False, compare=False)
    binary: Binary | None = field(default=None, repr=False, compare=False)

    @property
    def type(self) -> str:
        """The media type that it says it has, in lower case without parameters."""
        return self.texts.get("mimeType", "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Answered:
    """An answer in the terms of the service. `status` is the last word of its value, `said` the whole of it."""

    status: str
    said: str
    errors: tuple[Error, ...]
    documents: tuple[Returned, ...]

    @property
    def refusals(self) -> list[Error]:
        return [error for error in self.errors if error.severity != "Warning"]


@view
def envelope(message: Ask | Answer) -> soap.Reading:
    """The SOAP message, strictly read."""
    return soap.read(message.media, message.payload, message.multipart)


@view
def asked(x: Exchange) -> Asked | None:
    """What is asked for; None where the Body holds no request of the service."""
    content = envelope(x.ask).content
    service = REQUESTS.get(str(content.tag)) if content is not None else None
    if service is None:
        return None
    documents = tuple(_wanted(document) for document in content.iter() if local(document) in _ASKED)
    listed = [e for e in content.iter() if local(e) == "TransferSyntaxUIDList"]
    syntaxes = tuple(text(uid) for at in listed for uid in at) if listed else None
    return Asked(service, documents, syntaxes)


def _wanted(document: Any) -> Wanted:
    series = document.getparent()
    study = series.getparent()
    texts = {local(e): text(e) for e in document if not len(e) and local(e) != "XPath"}
    lists = {local(e): tuple(text(below) for below in e) for e in document if len(e)}
    xpaths = tuple(text(e) for e in document if local(e) == "XPath")
    uids = (study.get("studyInstanceUID", "") if study is not None else "", series.get("seriesInstanceUID", ""))
    return Wanted(*uids, texts.get("DocumentUniqueId", ""), texts, lists, xpaths)


@view
def answered(x: Exchange) -> Answered | None:
    """What became of the documents; None for a fault, for what is no SOAP, and where no RegistryResponse is told."""
    reading = envelope(x.answer)
    if not x.answer.complete or reading.content is None or reading.fault is not None:
        return None
    told = next((e for e in reading.content if local(e) == "RegistryResponse"), None)
    if told is None:
        return None
    said = told.get("status", "")
    errors = tuple(_error(e) for e in told.iter() if local(e) == "RegistryError")
    documents = tuple(_returned(reading, e) for e in reading.content if local(e) in _RETURNED)
    return Answered(said.rpartition(":")[2], said, errors, documents)


def _error(element: Any) -> Error:
    severity = element.get("severity", "").removeprefix(_SEVERITY)
    return Error(severity, *(element.get(name, "") for name in ("errorCode", "codeContext", "location")))


def _returned(reading: soap.Reading, element: Any) -> Returned:
    texts = {local(e): text(e) for e in element if not len(e)}
    name = texts.get("SourceDocumentUniqueId") or texts.get("DocumentUniqueId", "")
    document = next((e for e in element if local(e) == "Document"), None)
    return Returned(name, texts, element, reading.binary(document) if document is not None else None)


def both(x: Exchange) -> tuple[Asked, Answered] | None:
    """Question and answer where both can be read, and the answer is to that question."""
    question, answer = asked(x), answered(x)
    if question is None or answer is None or response(x) != RESPONSES[question.service]:
        return None
    return question, answer


def response(x: Exchange) -> str:
    """The name of the response element, by the longer one where the text has two."""
    name = envelope(x.answer).element
    return RESPONSES["rendered"] if name == OTHER_NAME else name


def pairs(x: Exchange, service: Service) -> Iterator[tuple[Wanted, Returned]]:
    """The documents of a service that came, each with the one that was asked for."""
    found = both(x)
    if found is None or found[0].service != service:
        return
    for returned in found[1].documents:
        for wanted in found[0].named(returned.name)[:1]:
            yield wanted, returned


def local(element: Any) -> str:
    """The local name, '' for what is no element."""
    return str(element.tag).rpartition("}")[2] if isinstance(element.tag, str) else ""


def text(element: Any) -> str:
    return (element.text or "").strip()
