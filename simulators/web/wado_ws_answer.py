"""Knows how WADO-WS tells what became of each document: returned, returned with a warning, or refused with a code.

Must not know how documents are found or made (PS3.18 2017b 6.4.1.2.1, 6.4.2.2, 6.4.3.2, 6.4.4).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from simulators.model.xml_encode import legal
from simulators.web import soap
from simulators.web.content import Piece
from simulators.web.wado_ws_request import IHE, RAD, WADO, Asked, Kind, Wanted

RS = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
_SEVERITY = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:"
SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"
PARTIAL = "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess"
FAILURE = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure"
# Table 6.4-1, as far as it can happen here.
UNABLE_TO_ANONYMIZE, LIMITS, UNSUPPORTED_FORMAT, NOT_IN_FORMAT, MULTI_FRAME, INCONSISTENT, INVALID, UNSUPPORTED, \
    PROCESSING, NO_STUDY, NO_SERIES, NO_DOCUMENT, FRAME_RANGE, NO_PRESENTATION, NO_PRESENTATION_SERIES = (
    f"urn:dicom:wado:{number:04d}" for number in (1, 5, 6, 7, 8, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20)
)  # fmt: skip
UNKNOWN_REPOSITORY = "XDSUnknownRepositoryId"  # ITI TF-3 Table 4.2.4.1-2

_ROOTS: dict[Kind, str] = {
    "documents": f"{{{IHE}}}RetrieveDocumentSetResponse",
    "rendered": f"{{{WADO}}}RetrieveRenderedImagingDocumentSetResponse",
    "metadata": f"{{{WADO}}}RetrieveImagingDocumentSetInformationResponse",
}
_DOCUMENTS: dict[Kind, str] = {
    "documents": f"{{{IHE}}}DocumentResponse",
    "rendered": f"{{{WADO}}}RenderedDocumentResponse",
    "metadata": f"{{{WADO}}}DocumentInformationResponse",
}
_NAMES: dict[Kind, str] = {
    "documents": f"{{{IHE}}}DocumentUniqueId",
    "rendered": f"{{{WADO}}}SourceDocumentUniqueId",
    "metadata": f"{{{IHE}}}DocumentUniqueId",
}
_PREFIXES: Any = {"ihe": IHE, "iherad": RAD, "wado": WADO, "rs": RS}


class Refused(Exception):
    """Why a document is not returned: an error code and a sentence."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


def anonymous(wanted: Wanted) -> bool:
    """Whether it is asked for without identification; Refused for what says neither yes nor no."""
    said = wanted.texts.get("Anonymize", "no").lower()
    if said not in ("", "yes", "true", "1", "no", "false", "0"):
        raise Refused(INVALID, f"Anonymize is yes or no, not {said[:80]!r}.")
    return said in ("", "yes", "true", "1")  # the text gives no values: to name it is to ask for it


@dataclass(frozen=True)
class Made:
    """What is returned for a document: its media type and octets, or XML results; `used` are values told beside it.

    `warnings` are codes with a sentence.
    """

    type: str = ""
    pieces: tuple[Piece, ...] = ()
    used: tuple[tuple[str, str], ...] = ()
    results: tuple[Sequence[etree._Element | str], ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()

    @property
    def held(self) -> int:
        """The octets of it that are in memory."""
        return sum(len(piece) for piece in self.pieces if isinstance(piece, bytes))


@dataclass
class Answer:
    """Collects what became of the documents, in the order of the request."""

    asked: Asked
    _errors: list[etree._Element] = field(default_factory=list)
    _returned: list[etree._Element] = field(default_factory=list)
    _attachments: list[soap.Attachment] = field(default_factory=list)
    _refused: int = 0

    def refuse(self, wanted: Wanted, why: Refused) -> None:
        """The document is not returned."""
        self._refused += 1
        self._tell("Error", why.code, str(why), wanted)

    def give(self, wanted: Wanted, made: Made) -> None:
        """The document is returned, with its warnings."""
        for code, why in made.warnings:
            self._tell("Warning", code, why, wanted)
        kind = self.asked.service.kind
        element = etree.Element(_DOCUMENTS[kind], nsmap=_PREFIXES)
        for name, value in (("HomeCommunityId", wanted.home), ("RepositoryUniqueId", wanted.repository)):
            if value is not None:
                etree.SubElement(element, f"{{{IHE}}}{name}").text = value
        etree.SubElement(element, _NAMES[kind]).text = wanted.document
        for name, value in made.used:
            etree.SubElement(element, f"{{{WADO}}}{name}").text = legal(value)
        if "FrameNumber" in wanted.texts:
            etree.SubElement(element, f"{{{WADO}}}FrameNumber").text = wanted.texts["FrameNumber"]
        if kind == "metadata":
            _listed(element, made.results)
        else:
            self._attach(element, made)
        self._returned.append(element)

    def whole(self, action: str) -> soap.Answer:
        """The answer for the Body, once every document was refused or given."""
        root = etree.Element(_ROOTS[self.asked.service.kind], nsmap=_PREFIXES)
        response = etree.SubElement(root, f"{{{RS}}}RegistryResponse")
        status = SUCCESS if not self._refused else PARTIAL if self._returned else FAILURE
        response.set("status", status)
        if self._errors:
            etree.SubElement(response, f"{{{RS}}}RegistryErrorList").extend(self._errors)
        root.extend(self._returned)
        return soap.Answer(self.asked.service.answering(action), root, tuple(self._attachments))

    def _tell(self, severity: str, code: str, why: str, wanted: Wanted) -> None:
        error = etree.Element(f"{{{RS}}}RegistryError")
        error.set("errorCode", code)
        error.set("codeContext", legal(why)[:1000])
        error.set("location", wanted.document)
        error.set("severity", _SEVERITY + severity)
        self._errors.append(error)

    def _attach(self, element: etree._Element, made: Made) -> None:
        id = f"{secrets.token_hex(16)}@dicomproof.invalid"
        etree.SubElement(element, f"{{{IHE}}}mimeType").text = made.type
        soap.include(etree.SubElement(element, f"{{{IHE}}}Document"), id)
        self._attachments.append(soap.Attachment(id, made.type, made.pieces))


def _listed(element: etree._Element, results: Sequence[Sequence[etree._Element | str]]) -> None:
    """One XPathResponse for each XPath, in their order, empty without a match (6.4.3.2)."""
    listed = etree.SubElement(element, f"{{{WADO}}}XPathResponseList")
    for found in results:
        response = etree.SubElement(listed, f"{{{WADO}}}XPathResponse")
        texts = [one for one in found if isinstance(one, str)]
        response.text = legal("\n".join(texts)) if texts else None
        response.extend(one for one in found if not isinstance(one, str))
