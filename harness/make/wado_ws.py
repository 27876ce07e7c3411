"""Knows how requests of WADO-WS are written: envelopes, the three actions, plain or as XOP packages.

Must not know what a right answer is; it shares nothing with the strict reader. Every value can be given wrong on
purpose, and a value of None leaves its element out (PS3.18 2017b 6.4.1.1, 6.4.2.1, 6.4.3.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from xml.sax.saxutils import escape, quoteattr

from harness.make.parts import Message, Part, Style, multipart
from harness.make.uids import uid

ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://www.w3.org/2005/08/addressing"
IHE, RAD, WADO = "urn:ihe:iti:xds-b:2007", "urn:ihe:rad:xdsi-b:2009", "urn:dicom:wado:ws:2011"
SOAP, XOP = "application/soap+xml", "application/xop+xml"

DOCUMENTS, RENDERED, METADATA = (
    "RetrieveImagingDocumentSet",
    "RetrieveRenderedImagingDocumentSet",
    "RetrieveImagingDocumentSetInformation",
)
ACTIONS = {
    DOCUMENTS: f"urn:ihe:rad:2009:{DOCUMENTS}",
    RENDERED: f"urn:dicom:ws:wado:2011:{RENDERED}",
    METADATA: f"urn:wado:2011:{METADATA}",
}
_PREFIX = {DOCUMENTS: "iherad", RENDERED: "wado", METADATA: "wado"}
_DOCUMENT = {
    DOCUMENTS: "ihe:DocumentRequest",
    RENDERED: "wado:RenderedDocumentRequest",
    METADATA: "wado:DocumentInformationRequest",
}


@dataclass(frozen=True)
class Document:
    """One document of a request; `also` are elements in the namespace of WADO-WS, a list of values makes one each
    below it, named without "List"."""

    study: str | None
    series: str | None
    instance: str | None
    repository: str | None = None
    home: str | None = None
    also: Mapping[str, str | Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """A request before it is an envelope. `syntaxes` None leaves the list out; `action` None the right one.

    `headers` is XML that stands beside the headers of WS-Addressing, `prolog` what goes before the root.
    """

    service: str
    documents: tuple[Document, ...]
    syntaxes: tuple[str, ...] | None = None
    action: str | None = None
    message_id: str | None = ""
    to: str = ""
    headers: str = ""
    envelope: str = ENVELOPE
    must_understand: str = "1"
    body: str | None = None
    prolog: str = ""

    def but(self, **changes: object) -> Question:
        return replace(self, **changes)  # type: ignore[arg-type]  # as in dataclasses


def envelope(question: Question) -> bytes:
    """The octets of the envelope, in UTF-8."""
    action = ACTIONS.get(question.service, "") if question.action is None else question.action
    lines = [f'<wsa:Action env:mustUnderstand="{question.must_understand}">{escape(action)}</wsa:Action>']
    if not question.must_understand:
        lines = [f"<wsa:Action>{escape(action)}</wsa:Action>"]
    if question.message_id is not None:
        # fixed by the question, so that the same seed asks the same octets
        identity = question.message_id or f"urn:oid:{uid('wado-ws', repr(question))}"
        lines.append(f"<wsa:MessageID>{escape(identity)}</wsa:MessageID>")
    if question.to:
        lines.append(f"<wsa:To>{escape(question.to)}</wsa:To>")
    lines.append(f"<wsa:ReplyTo><wsa:Address>{ADDRESSING}/anonymous</wsa:Address></wsa:ReplyTo>")
    names = {"env": question.envelope, "wsa": ADDRESSING, "ihe": IHE, "iherad": RAD, "wado": WADO}
    declared = " ".join(f"xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in names.items())
    body = content(question) if question.body is None else question.body
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{question.prolog}<env:Envelope {declared}><env:Header>'
        f"{''.join(lines)}{question.headers}</env:Header><env:Body>{body}</env:Body></env:Envelope>"
    ).encode()


def content(question: Question) -> str:
    """The child of the Body; documents of one study and series stand together, in order."""
    prefix = _PREFIX[question.service]
    studies: dict[str | None, dict[str | None, list[Document]]] = {}
    for document in question.documents:
        studies.setdefault(document.study, {}).setdefault(document.series, []).append(document)
    text = ""
    for study, found in studies.items():
        below = "".join(
            f"<{prefix}:SeriesRequest{_attribute('seriesInstanceUID', series)}>"
            + "".join(_document(question.service, d) for d in documents)
            + f"</{prefix}:SeriesRequest>"
            for series, documents in found.items()
        )
        opening = f"<{prefix}:StudyRequest{_attribute('studyInstanceUID', study)}>"
        text += f"{opening}{below}</{prefix}:StudyRequest>"
    if question.syntaxes is not None:
        listed = "".join(_element("iherad:TransferSyntaxUID", s) for s in question.syntaxes)
        text += f"<iherad:TransferSyntaxUIDList>{listed}</iherad:TransferSyntaxUIDList>"
    return f"<{prefix}:{question.service}Request>{text}</{prefix}:{question.service}Request>"


def _document(service: str, document: Document) -> str:
    text = _element("ihe:HomeCommunityId", document.home) + _element("ihe:RepositoryUniqueId", document.repository)
    text += _element("ihe:DocumentUniqueId", document.instance)
    for name, value in document.also.items():
        if isinstance(value, str):
            text += _element(f"wado:{name}", value)
        elif name == "XPath":
            text += "".join(_element("wado:XPath", one) for one in value)
        else:
            below = "".join(_element(f"wado:{name.removesuffix('List')}", one) for one in value)
            text += f"<wado:{name}>{below}</wado:{name}>"
    return f"<{_DOCUMENT[service]}>{text}</{_DOCUMENT[service]}>"


def _element(name: str, value: str | None) -> str:
    return "" if value is None else f"<{name}>{escape(value)}</{name}>"


def _attribute(name: str, value: str | None) -> str:
    return "" if value is None else f" {name}={quoteattr(value)}"


def plain(octets: bytes, action: str = "") -> tuple[list[tuple[str, str]], bytes]:
    """Header fields and payload of a message without a package."""
    told = f'; action="{action}"' if action else ""
    return [("Content-Type", f"{SOAP}; charset=UTF-8{told}")], octets


def packaged(octets: bytes, action: str = "", attachments: Iterable[Part] = ()) -> tuple[list[tuple[str, str]], bytes]:
    """Header fields and payload of a message as the root of an XOP package (XOP 1.0 4.1, MTOM 3)."""
    identity = "<root@dicomproof.invalid>"
    told = f'; action="{action}"' if action else ""
    fields = (("Content-Transfer-Encoding", "binary"), ("Content-ID", identity))
    root = replace(Part.of(octets, f'{XOP}; charset=UTF-8; type="{SOAP}"{told}'), fields=fields)
    message: Message = multipart([root, *attachments], Style(quote_boundary=True), XOP)
    type = f'{message.content_type}; start="{identity}"; start-info="{SOAP}"'
    return [("Content-Type", type)], message.body.bytes()
