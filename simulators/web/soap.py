"""Knows SOAP 1.2 at the door: requests with WS-Addressing headers come in, answers and faults leave, plain or as XOP.

Must not know what the child of the Body asks for. An envelope is read in bounded size and depth; nothing that a
document type declaration says is looked at, because an envelope that has one is refused (SOAP 1.2 Part 1 5).
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import anyio
from anyio.to_thread import run_sync
from lxml import etree

from simulators.model.xml_encode import legal
from simulators.web import media, multipart_out
from simulators.web.call import Call, Reply
from simulators.web.content import Piece
from simulators.web.multipart_in import Begin, Data, Malformed, Reader
from simulators.web.report import Problem
from simulators.web.store_parts import Disconnected

ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://www.w3.org/2005/08/addressing"
INCLUDE = "{http://www.w3.org/2004/08/xop/include}Include"
SOAP, XOP = "application/soap+xml", "application/xop+xml"
LARGEST = 4 << 20  # octets of a request
DEEPEST = 64  # elements within each other
MOST_TAGS = 300_000
MOST_NAMESPACES = 20_000  # declarations of one request, for every element answers for all that stand above it
PATIENCE = 60.0  # seconds that a request may take to come

_E, _A = f"{{{ENVELOPE}}}", f"{{{ADDRESSING}}}"
_ANONYMOUS = (f"{ADDRESSING}/anonymous", "")
_ONCE = ("MessageID", "ReplyTo", "FaultTo", "To")
_FOR_US = (None, f"{ENVELOPE}/role/next", f"{ENVELOPE}/role/ultimateReceiver")
_PREFIXES: Any = {"env": ENVELOPE, "wsa": ADDRESSING}
_STATUS = {"Sender": 400}  # every other fault is 500 (SOAP 1.2 Part 2 Table 20)
_FAULT_ACTIONS = {True: f"{ADDRESSING}/fault", False: f"{ADDRESSING}/soap/fault"}
_SUPPORTED = (SOAP, f'multipart/related; type="{XOP}"')


class Fault(Exception):
    """A message that is answered with a SOAP fault. `subcode` is a local name of WS-Addressing, '' without.

    `headers` are header blocks of the answer, such as those that say what was not understood.
    """

    def __init__(self, code: str, reason: str, subcode: str = "", headers: Sequence[etree._Element] = ()) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.subcode = subcode
        self.headers = tuple(headers)


@dataclass(frozen=True)
class Envelope:
    """A request: its action, its identifier ('' where it has none), the child of its Body."""

    action: str
    message_id: str
    content: etree._Element = field(repr=False)


@dataclass(frozen=True)
class Attachment:
    """A document that an Include of the answer refers to by its `id`."""

    id: str
    type: str
    pieces: tuple[Piece, ...] = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """What goes into the Body of the answer, what it says of itself, and the documents it includes."""

    action: str
    content: etree._Element = field(repr=False)
    attachments: tuple[Attachment, ...] = ()


async def converse(call: Call, act: Callable[[Envelope], Awaitable[Answer]]) -> Reply:
    """Read the request, have it answered, and write the answer or the fault.

    Problem 415 for what is no SOAP 1.2 by its Content-Type, 413 for more than LARGEST octets, 400 for an XOP package
    that cannot be taken apart.
    """
    form = _form(call)
    packaged = form.multipart
    octets = await _payload(call)
    relates = ""
    try:
        root = await run_sync(_parsed, _unpacked(octets, form) if packaged else octets)
        relates = _text(root.find(f"{_E}Header/{_A}MessageID"))
        answer = await act(_envelope(root, form))
    except Fault as fault:
        return _written(call, _faulted(fault, relates), (), packaged, _STATUS.get(fault.code, 500))
    envelope = _wrapped(answer.action, relates, answer.content)
    return _written(call, envelope, answer.attachments, packaged or bool(answer.attachments), 200)


# --- a request comes in ------------------------------------------------------------------------------------------


def _form(call: Call) -> media.MediaType:
    found = media.read(call.headers.get("content-type", ""))
    root = found.parameters.get("type", "").partition(";")[0].strip().lower() if found else ""
    if found is None or (found.name != SOAP and not (found.name == "multipart/related" and root == XOP)):
        said = call.headers.get("content-type", "nothing")[:200]
        raise Problem(415, f"This resource speaks SOAP 1.2, not {said!r}.", supported=_SUPPORTED)
    if call.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Problem(415, "A Content-Encoding is not supported here.", supported=_SUPPORTED)
    if found.name != SOAP and not 0 < len(found.parameters.get("boundary", "")) <= 70:
        raise Problem(400, "The boundary of a package has 1 to 70 characters.")
    return found


async def _payload(call: Call) -> bytes:
    """All octets; Problem 413 for too many, 408 when they do not come in time."""
    chunks: list[bytes] = []
    size = 0
    more = True
    with anyio.move_on_after(PATIENCE) as waited:
        while more:
            message = await call.receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > LARGEST:
                raise Problem(413, f"A request has at most {LARGEST} octets here.", headers=[("connection", "close")])
            more = message.get("more_body", False)
    if waited.cancelled_caught:
        raise Problem(408, "The rest of the request did not come.", headers=[("connection", "close")])
    return b"".join(chunks)


def _unpacked(octets: bytes, form: media.MediaType) -> bytes:
    """The root part of an XOP package (RFC 2387 3.2); Problem 400 when there is none.

    Nothing that a request holds is worth a part of its own, so an Include is not resolved.
    """
    parts: list[tuple[Mapping[str, str], bytearray]] = []
    reader = Reader(form.parameters["boundary"])
    try:
        for event in reader.feed(octets):
            if isinstance(event, Begin):
                parts.append((event.fields, bytearray()))
            elif isinstance(event, Data):
                parts[-1][1].extend(event.octets)
        reader.finish()
    except Malformed as why:
        raise Problem(400, str(why)) from why
    start = unquote(form.parameters.get("start", "")).strip("<> ")
    for fields, content in parts:
        if not start or fields.get("content-id", "").strip("<> ") == start:
            root = media.read(fields.get("content-type", ""))
            if root is None or root.name != XOP:
                raise Problem(400, f"The root part of the package is {XOP} (XOP 1.0 4.1).")
            return bytes(content)
    raise Problem(400, "No part has the Content-ID that the start parameter names (RFC 2387 3.2).")


def _parsed(octets: bytes) -> etree._Element:
    """The Envelope; a Fault for what is none."""
    if b"<!DOCTYPE" in octets.replace(b"\0", b""):
        raise Fault("Sender", "An envelope has no document type declaration (SOAP 1.2 Part 1 5).")
    if octets.count(b"<") > MOST_TAGS or octets.count(b"xmlns") > MOST_NAMESPACES:
        why = f"An envelope has at most {MOST_TAGS} tags and {MOST_NAMESPACES} namespace declarations here."
        raise Fault("Sender", why)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(octets, parser)
        name = etree.QName(root)  # a namespace with a brace in it is no name for lxml
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Fault("Sender", f"The envelope is no well-formed XML: {str(error)[:200]}.") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise Fault("Sender", "An envelope has no document type declaration (SOAP 1.2 Part 1 5).")
    if name.localname != "Envelope" or name.namespace != ENVELOPE:
        raise Fault(
            "VersionMismatch", f"The root is {str(root.tag)[:200]}, not an Envelope of SOAP 1.2.", "", [_upgrade()]
        )
    if any(sum(1 for _ in element.iterancestors()) > DEEPEST for element in root.iter() if not len(element)):
        raise Fault("Sender", f"The envelope nests more than {DEEPEST} deep.")
    return root


def _envelope(root: etree._Element, form: media.MediaType) -> Envelope:
    header, body = root.find(f"{_E}Header"), root.find(f"{_E}Body")
    if body is None or len(body) != 1:
        raise Fault("Sender", "The Body has one element.")
    _understood(header)
    actions = header.findall(f"{_A}Action") if header is not None else []
    if len(actions) != 1 or not _text(actions[0]):
        raise Fault("Sender", "A request has one wsa:Action header.", "MessageAddressingHeaderRequired")
    action = _text(actions[0])
    said = form.parameters.get("action")
    if said and said != action:
        raise Fault("Sender", "The action of the media type and wsa:Action differ.", "InvalidAddressingHeader")
    if not _text(root.find(f"{_E}Header/{_A}MessageID")):
        raise Fault("Sender", "A request has a wsa:MessageID header.", "MessageAddressingHeaderRequired")
    for name in _ONCE:
        if len(root.findall(f"{_E}Header/{_A}{name}")) > 1:
            raise Fault("Sender", f"wsa:{name} stands once (WS-Addressing 1.0 SOAP 3.2).", "InvalidAddressingHeader")
    for name in ("ReplyTo", "FaultTo"):
        if _text(root.find(f"{_E}Header/{_A}{name}/{_A}Address")) not in _ANONYMOUS:
            raise Fault("Sender", f"{name} is the anonymous address here.", "OnlyAnonymousAddressSupported")
    return Envelope(action, _text(root.find(f"{_E}Header/{_A}MessageID")), body[0])


def _understood(header: etree._Element | None) -> None:
    """A Fault for blocks that must be understood by us and are not (SOAP 1.2 Part 1 2.4, 5.4.8)."""
    unknown = [
        block
        for block in (header if header is not None else ())
        if block.get(f"{_E}mustUnderstand", "").strip() in ("1", "true")
        and block.get(f"{_E}role") in _FOR_US
        and etree.QName(block).namespace != ADDRESSING
    ]
    if unknown:
        told = [_not_understood(etree.QName(block)) for block in unknown[:20]]
        raise Fault("MustUnderstand", "A header block that must be understood is not.", "", told)


def _not_understood(name: etree.QName) -> etree._Element:
    block = etree.Element(f"{_E}NotUnderstood", nsmap={"env": ENVELOPE, "theirs": name.namespace or ""})
    block.set("qname", f"theirs:{name.localname}")
    return block


def _upgrade() -> etree._Element:
    block = etree.Element(f"{_E}Upgrade", nsmap=_PREFIXES)
    etree.SubElement(block, f"{_E}SupportedEnvelope", qname="env:Envelope")
    return block


def _text(element: etree._Element | None) -> str:
    return (element.text or "").strip() if element is not None else ""


# --- an answer leaves --------------------------------------------------------------------------------------------


def _wrapped(
    action: str, relates: str, content: etree._Element, headers: Sequence[etree._Element] = ()
) -> etree._Element:
    root = etree.Element(f"{_E}Envelope", nsmap=_PREFIXES)
    header = etree.SubElement(root, f"{_E}Header")
    told = etree.SubElement(header, f"{_A}Action")
    told.set(f"{_E}mustUnderstand", "1")  # which every wsa:Action of this service has (PS3.18 2017b 6.4)
    told.text = action
    etree.SubElement(header, f"{_A}MessageID").text = f"urn:uuid:{_uuid()}"
    if relates:
        etree.SubElement(header, f"{_A}RelatesTo").text = relates
    header.extend(headers)
    etree.SubElement(root, f"{_E}Body").append(content)
    return root


def _uuid() -> str:
    """A random UUID (RFC 9562 5.4)."""
    digits = f"{secrets.randbits(128) & ~(0xF << 76) | (0x4 << 76):032x}"
    digits = digits[:16] + "89ab"[int(digits[16], 16) & 3] + digits[17:]
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _faulted(fault: Fault, relates: str) -> etree._Element:
    content = etree.Element(f"{_E}Fault", nsmap=_PREFIXES)
    code = etree.SubElement(content, f"{_E}Code")
    etree.SubElement(code, f"{_E}Value").text = f"env:{fault.code}"
    if fault.subcode:
        below = etree.SubElement(code, f"{_E}Subcode")
        etree.SubElement(below, f"{_E}Value").text = f"wsa:{fault.subcode}"
    text = etree.SubElement(etree.SubElement(content, f"{_E}Reason"), f"{_E}Text")
    text.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    text.text = legal(fault.reason)
    return _wrapped(_FAULT_ACTIONS[bool(fault.subcode)], relates, content, fault.headers)


def _written(
    call: Call, envelope: etree._Element, attachments: Sequence[Attachment], packaged: bool, status: int
) -> Reply:
    octets: bytes = etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)
    if not packaged:
        return Reply(status, f"{SOAP}; charset=UTF-8", (octets,))
    boundary = multipart_out.boundary()
    root = "root@dicomproof.invalid"
    parts = [_part(f'{XOP}; charset=UTF-8; type="{SOAP}"', root, (octets,))]
    parts += [_part(a.type, a.id, a.pieces) for a in attachments]
    type = f'multipart/related; type="{XOP}"; start="<{root}>"; start-info="{SOAP}"; boundary="{boundary}"'
    return Reply(status, type, tuple(multipart_out.write(parts, boundary)))


def _part(type: str, id: str, pieces: tuple[Piece, ...]) -> multipart_out.Part:
    fields = (("Content-Transfer-Encoding", "binary"), ("Content-ID", f"<{id}>"))
    return multipart_out.Part(type, "", pieces, fields)


def include(parent: etree._Element, id: str) -> None:
    """An Include of an attachment as the content of an element (XOP 1.0 2.1)."""
    prefixes: Any = {"xop": etree.QName(INCLUDE).namespace}
    etree.SubElement(parent, INCLUDE, nsmap=prefixes).set("href", f"cid:{id}")
