"""Knows SOAP 1.2 envelopes, WS-Addressing headers and XOP packages on octets: strict, each flaw with its place.

Must not know which service speaks so, nor what the child of the Body means. No document type declaration is ever
looked into, nothing outside the message is fetched, and depth and size are bounded.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

from lxml import etree

from harness.body import Body
from harness.wire import media
from harness.wire.flaw import Flaws
from harness.wire.multipart import Part
from harness.wire.multipart import Reading as Package

CODES: dict[str, str] = {
    "soap.media-type": "A SOAP 1.2 message is application/soap+xml or an XOP package (SOAP 1.2 Part 2 7.1.4; MTOM 3).",
    "soap.syntax": "The octets are one well-formed XML document (SOAP 1.2 Part 1 5).",
    "soap.doctype": "A SOAP message has no document type declaration (SOAP 1.2 Part 1 5).",
    "soap.instruction": "A SOAP message has no processing instruction (SOAP 1.2 Part 1 5).",
    "soap.too-large": "An envelope stays within our bounds.",
    "soap.envelope": "The root is Envelope in the namespace of SOAP 1.2 (SOAP 1.2 Part 1 5.1).",
    "soap.children": "An Envelope has a Header or none, then one Body, and nothing else (SOAP 1.2 Part 1 5.1).",
    "soap.header-name": "A header block has a namespace (SOAP 1.2 Part 1 5.2.1).",
    "soap.boolean": "mustUnderstand is true, false, 1 or 0 (SOAP 1.2 Part 1 5.2.3).",
    "soap.one-child": "The Body has one element (WS-I Basic Profile 2.0, document-literal binding).",
    "soap.fault": "A Fault has a Code of the five and a Reason with a Text of a language (SOAP 1.2 Part 1 5.4).",
    "soap.action-parameter": "The action parameter of the media type is the wsa:Action (WS-Addressing 1.0 SOAP 4.2).",
    "wsa.namespace": "Addressing headers are those of WS-Addressing 1.0 (WS-Addressing 1.0 Core 1.2).",
    "wsa.action": "A message has one wsa:Action, which has a value (WS-Addressing 1.0 Core 3.2; SOAP 3.2).",
    "wsa.message-id": "MessageID is an absolute IRI (WS-Addressing 1.0 Core 3.2).",
    "wsa.repeated": "To, ReplyTo, FaultTo and MessageID stand once (WS-Addressing 1.0 SOAP 3.2).",
    "xop.root": "The start parameter names a part, and there is a root part at all (RFC 2387 3.2; XOP 1.0 4.1).",
    "xop.root-type": "The root part is application/xop+xml with the type of the SOAP message (XOP 1.0 4.1, 5).",
    "xop.start-info": "start-info is the media type of the SOAP message (MTOM 3.2; XOP 1.0 4.1).",
    "xop.content-id": "A Content-ID is '<', an address and '>', and no two are alike (RFC 2392; RFC 5322 3.6.4).",
    "xop.coding": "Content-Transfer-Encoding of a part is one of MIME, and the octets follow it (RFC 2045 6).",
    "xop.alone": "An Include is the only content of its element and has no content (XOP 1.0 3.2).",
    "xop.href": "href of an Include is a cid: URI (XOP 1.0 4.1; RFC 2392).",
    "xop.dangling": "href of an Include names a part of the package (XOP 1.0 3.2, 4.1).",
    "xop.outside": "An Include stands in an XOP package (XOP 1.0 2.1).",
}
# Departures that harm nobody, or bounds of ours: a rule decides.
NOTES = frozenset({"soap.too-large", "xop.start-info", "xop.content-id"})

ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
ENVELOPE_11 = "http://schemas.xmlsoap.org/soap/envelope/"
ADDRESSING = "http://www.w3.org/2005/08/addressing"
INCLUDE = "{http://www.w3.org/2004/08/xop/include}Include"
SOAP, XOP = "application/soap+xml", "application/xop+xml"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
FAULTS = ("DataEncodingUnknown", "MustUnderstand", "Receiver", "Sender", "VersionMismatch")

LARGEST = 64 << 20  # octets of an envelope
MOST_TAGS = 1_000_000
_OLD_ADDRESSING = "http://schemas.xmlsoap.org/ws/"  # drafts of WS-Addressing, which are other languages
_ONCE = ("To", "ReplyTo", "FaultTo", "MessageID")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")
_ID = re.compile(r"<[^<>@\s]+@[^<>@\s]+>")
_IDENTITY = ("", "binary", "8bit", "7bit")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}\Z")


@dataclass(frozen=True)
class Block:
    """One header block: `name` with its namespace in braces, its text, whether it has to be understood."""

    name: str
    text: str
    must_understand: bool
    element: Any = field(repr=False, compare=False)


@dataclass(frozen=True)
class Fault:
    """A SOAP fault. `code` is a local name of FAULTS, '' when it cannot be read; `subcode` with its namespace."""

    code: str
    subcode: str
    reason: str


@dataclass(frozen=True)
class Binary:
    """The octets of an element: `included` from a part of the package, or written in base64 where it stands."""

    content: Body
    included: bool
    part: Part | None = None


@dataclass(frozen=True)
class Reading:
    """One SOAP message. `form` and `version` are '' where that cannot be told; `content` is the child of the Body."""

    form: Literal["", "plain", "xop"] = ""
    version: Literal["", "1.1", "1.2"] = ""
    blocks: tuple[Block, ...] = ()
    content: Any = field(default=None, repr=False, compare=False)
    fault: Fault | None = None
    attachments: Mapping[str, Part] = field(default_factory=dict)
    flaws: Flaws = field(default_factory=Flaws)

    def addressing(self, name: str) -> list[Block]:
        """The WS-Addressing headers of this name, in order."""
        return [b for b in self.blocks if b.name == f"{{{ADDRESSING}}}{name}"]

    @property
    def action(self) -> str:
        """The value of wsa:Action, '' without one."""
        return next((b.text for b in self.addressing("Action")), "")

    @property
    def message_id(self) -> str:
        return next((b.text for b in self.addressing("MessageID")), "")

    @property
    def element(self) -> str:
        """The name of the child of the Body, with its namespace in braces; '' without one."""
        return str(self.content.tag) if self.content is not None else ""

    def binary(self, element: Any) -> Binary | None:
        """The octets that an element of type base64Binary holds; None when they cannot be had."""
        include = next((c for c in element if c.tag == INCLUDE), None)
        if include is not None:
            part = self.attachments.get(_cid(include.get("href", "")))
            octets = _decoded(part) if part else None
            return Binary(octets, True, part) if octets is not None else None
        text = "".join((element.text or "").split()).encode("ascii", "replace")
        if not _BASE64.match(text) or len(text) % 4:
            return None
        return Binary(Body.of(base64.b64decode(text)), False)


def is_soap(type: media.Reading) -> bool:
    """Whether a Content-Type announces a SOAP 1.2 message, plain or in an XOP package."""
    return type.type == SOAP or (type.type == "multipart/related" and type.root == XOP)


def read(type: media.Reading, payload: Body, package: Package | None = None) -> Reading:
    """Read a message: its Content-Type, its payload, and the payload's parts when it is multipart."""
    flaws = Flaws()
    if type.type == "multipart/related" and package is not None:
        return _packaged(type, package, flaws)
    if type.type != SOAP:
        flaws.add("soap.media-type", "Content-Type", type.raw[:120] or "none", f"{SOAP}, or multipart/related of {XOP}")
        return Reading(flaws=flaws)
    reading = _envelope(payload, "plain", {}, flaws)
    _action_parameter(type.parameters.get("action"), reading)
    return reading


def _packaged(type: media.Reading, package: Package, flaws: Flaws) -> Reading:
    if type.root != XOP:
        flaws.add("soap.media-type", "Content-Type", type.raw[:120], f'type="{XOP}"')
        return Reading(flaws=flaws)
    if type.parameters.get("start-info", "").partition(";")[0].strip().lower() != SOAP:
        flaws.add("xop.start-info", "Content-Type", type.parameters.get("start-info", "none")[:80], SOAP)
    attachments = dict(_identified(package, flaws))
    start = type.parameters.get("start")
    root = attachments.get(start.strip("<> ")) if start is not None else next(iter(package.parts), None)
    if root is None:
        got = f"start={start[:80]}" if start is not None else "no part"
        flaws.add("xop.root", "Content-Type", got, "the root part")
        return Reading("xop", flaws=flaws)
    told = root.media
    if told.type != XOP or told.root != SOAP:
        flaws.add("xop.root-type", f"part {root.index + 1}", told.raw[:120] or "none", f'{XOP}; type="{SOAP}"')
    octets = _decoded(root)
    if octets is None:
        flaws.add("xop.coding", f"part {root.index + 1}", _coding(root), "binary")
        return Reading("xop", flaws=flaws)
    reading = _envelope(octets, "xop", attachments, flaws)
    _action_parameter(told.parameters.get("action"), reading)
    return reading


def _identified(package: Package, flaws: Flaws) -> Iterator[tuple[str, Part]]:
    """The parts by Content-ID without its brackets; the first of two that are alike counts."""
    known: set[str] = set()
    for part in package.parts:
        said = part.get("content-id")
        where = f"part {part.index + 1}"
        if said is None:
            continue
        if not _ID.fullmatch(said.strip()):
            flaws.add("xop.content-id", where, said[:80], "<identifier@domain>")
        name = said.strip("<> ")
        if name in known:
            flaws.add("xop.content-id", where, said[:80], "an identifier of its own")
            continue
        known.add(name)
        if _decoded(part) is None:
            flaws.add("xop.coding", where, _coding(part), "a coding that can be undone")
        yield name, part


def _coding(part: Part) -> str:
    return (part.get("content-transfer-encoding") or "").strip().lower()[:40]


def _decoded(part: Part) -> Body | None:
    """The octets of a part without its Content-Transfer-Encoding; None when that cannot be undone."""
    coding = _coding(part)
    if coding in _IDENTITY:
        return part.content
    try:
        if coding == "base64":
            return Body.of(base64.b64decode(b"".join(part.content.bytes().split()), validate=True))
        if coding == "quoted-printable":
            return Body.of(binascii.a2b_qp(part.content.bytes()))
    except (binascii.Error, ValueError):
        pass
    return None


def _action_parameter(said: str | None, reading: Reading) -> None:
    """An action that the media type tells is the one that the envelope tells; an empty one says nothing."""
    if said and reading.action and said != reading.action:
        reading.flaws.add("soap.action-parameter", "Content-Type", said[:120], reading.action[:120])


def _envelope(payload: Body, form: Literal["plain", "xop"], attachments: Mapping[str, Part], flaws: Flaws) -> Reading:
    root = _parsed(payload, flaws)
    if root is None:
        return Reading(form, attachments=attachments, flaws=flaws)
    namespace, name = _split(root.tag)
    if name != "Envelope" or namespace != ENVELOPE:
        flaws.add("soap.envelope", "/", str(root.tag)[:120], f"{{{ENVELOPE}}}Envelope")
        old = name == "Envelope" and namespace == ENVELOPE_11
        return Reading(form, "1.1" if old else "", attachments=attachments, flaws=flaws)
    header, body = _halves(root, flaws)
    blocks = tuple(_blocks(header, flaws))
    _addressed(blocks, flaws)
    content = _content(body, flaws)
    _includes(root, form, attachments, flaws)
    fault = _fault(content, flaws) if content is not None and content.tag == f"{{{ENVELOPE}}}Fault" else None
    return Reading(form, "1.2", blocks, content, fault, attachments, flaws)


def _parsed(payload: Body, flaws: Flaws) -> Any:
    octets = payload.read(0, min(payload.size, LARGEST))
    if payload.size > LARGEST or octets.count(b"<") > MOST_TAGS:
        flaws.add("soap.too-large", "octet 0", f"{payload.size} octets", f"{LARGEST} octets, {MOST_TAGS} tags")
        return None
    # Before the parser looks: what a declaration holds is never expanded, be it in an encoding of two octets a letter.
    if b"<!DOCTYPE" in octets[: 64 << 10].replace(b"\0", b""):
        flaws.add("soap.doctype", "octet 0", "<!DOCTYPE", "no document type declaration")
        return None
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
    )
    try:
        root = etree.fromstring(octets, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        bound = any(word in str(error).lower() for word in ("huge", "depth", "xml_parse_huge"))
        if bound or not payload.truncated:
            code = "soap.too-large" if bound else "soap.syntax"
            flaws.add(code, f"line {getattr(error, 'lineno', 0)}", str(error)[:120], "a well-formed XML document")
        return None
    if root.getroottree().docinfo.internalDTD is not None:
        flaws.add("soap.doctype", "octet 0", "<!DOCTYPE", "no document type declaration")
        return None
    _without_instructions(root, flaws)
    return root


def _without_instructions(root: Any, flaws: Flaws) -> None:
    """Processing instructions are told, and then nobody sees them."""
    around = [*root.itersiblings(preceding=True), *root.itersiblings()]
    found = next((e for e in (*around, *root.iter(etree.ProcessingInstruction)) if e.tag is etree.PI), None)
    if found is not None:
        flaws.add("soap.instruction", f"line {found.sourceline}", f"<?{found.target}?>"[:80], "none")
        etree.strip_tags(root, etree.ProcessingInstruction)


def _split(tag: Any) -> tuple[str, str]:
    namespace, _, name = str(tag).rpartition("}")
    return namespace[1:], name


def _halves(root: Any, flaws: Flaws) -> tuple[Any, Any]:
    """The Header and the Body, None for one that is not there."""
    names = [str(child.tag) for child in root]
    wanted = [[f"{{{ENVELOPE}}}Body"], [f"{{{ENVELOPE}}}Header", f"{{{ENVELOPE}}}Body"]]
    if names not in wanted:
        flaws.add(
            "soap.children", "/Envelope", ", ".join(_split(n)[1] for n in names[:10]) or "nothing", "Header, Body"
        )
    return root.find(f"{{{ENVELOPE}}}Header"), root.find(f"{{{ENVELOPE}}}Body")


def _blocks(header: Any, flaws: Flaws) -> Iterator[Block]:
    for element in header if header is not None else ():
        namespace, name = _split(element.tag)
        where = f"/Envelope/Header/{name}"[:120]
        if not namespace:
            flaws.add("soap.header-name", where, "no namespace", "a namespace")
        said = element.get(f"{{{ENVELOPE}}}mustUnderstand")
        if said is not None and said.strip() not in ("true", "false", "1", "0"):
            flaws.add("soap.boolean", where, said[:40], "true, false, 1 or 0")
        yield Block(str(element.tag), (element.text or "").strip(), (said or "").strip() in ("true", "1"), element)


def _addressed(blocks: tuple[Block, ...], flaws: Flaws) -> None:
    names = [b.name for b in blocks]
    if any(name.startswith("{" + _OLD_ADDRESSING) and "addressing" in name for name in names):
        flaws.add("wsa.namespace", "/Envelope/Header", "a draft of WS-Addressing", ADDRESSING)
    actions = [b for b in blocks if b.name == f"{{{ADDRESSING}}}Action"]
    if len(actions) != 1 or not actions[0].text:
        got = f"{len(actions)} of them" if len(actions) != 1 else "an empty one"
        flaws.add("wsa.action", "/Envelope/Header/Action", got, "one wsa:Action with a value")
    for block in blocks:
        if block.name == f"{{{ADDRESSING}}}MessageID" and not _ABSOLUTE.fullmatch(block.text):
            flaws.add("wsa.message-id", "/Envelope/Header/MessageID", block.text[:120] or "nothing", "an absolute IRI")
    for name in _ONCE:
        if names.count(f"{{{ADDRESSING}}}{name}") > 1:
            flaws.add("wsa.repeated", f"/Envelope/Header/{name}", "several", "one at most")


def _content(body: Any, flaws: Flaws) -> Any:
    children = list(body) if body is not None else []
    if body is not None and len(children) != 1:
        flaws.add("soap.one-child", "/Envelope/Body", f"{len(children)} elements", "one element")
    return children[0] if children else None


def _includes(root: Any, form: str, attachments: Mapping[str, Part], flaws: Flaws) -> None:
    for include in root.iter(INCLUDE):
        parent, href = include.getparent(), include.get("href", "")
        where = f"Include in {_split(parent.tag)[1]}"[:120]
        beside = (parent.text or "") + "".join(child.tail or "" for child in parent)
        if len(parent) != 1 or beside.strip() or len(include) or (include.text or "").strip():
            flaws.add("xop.alone", where, "other content beside or within it", "an Include alone")
        if form != "xop":
            flaws.add("xop.outside", where, "a message that is no package", "an XOP package")
        elif not href.startswith("cid:"):
            flaws.add("xop.href", where, href[:80] or "none", "cid:...")
        elif _cid(href) not in attachments:
            flaws.add("xop.dangling", where, href[:80], "the Content-ID of a part")


def _cid(href: str) -> str:
    return unquote_to_bytes(href.removeprefix("cid:")).decode("utf-8", "replace")


def _fault(fault: Any, flaws: Flaws) -> Fault:
    def text(path: str) -> tuple[Any, str]:
        found = fault.find("/".join(f"{{{ENVELOPE}}}{step}" for step in path.split("/")))
        return found, (found.text or "").strip() if found is not None else ""

    at, code = text("Code/Value")
    namespace, name = _qualified(at, code)
    worded, reason = text("Reason/Text")
    if namespace != ENVELOPE or name not in FAULTS:
        flaws.add("soap.fault", "Fault/Code/Value", code[:80] or "none", "one of " + ", ".join(FAULTS))
        name = ""
    if not reason:
        flaws.add("soap.fault", "Fault/Reason/Text", "none", "a text")
    elif not worded.get(_LANGUAGE, "").strip():
        flaws.add("soap.fault", "Fault/Reason/Text", "no xml:lang", "a language")
    sub = _qualified(*text("Code/Subcode/Value"))
    return Fault(name, f"{{{sub[0]}}}{sub[1]}" if sub[1] else "", reason)


def _qualified(element: Any, text: str) -> tuple[str, str]:
    """Namespace and local name of a QName in the content of an element."""
    prefix, colon, name = text.rpartition(":")
    return (element.nsmap.get(prefix if colon else None) or "", name) if element is not None else ("", "")
