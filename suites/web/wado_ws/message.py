"""Rules on the messages of WADO-WS: SOAP 1.2, WS-Addressing, XOP packages (PS3.18 2017b 6.4; ITI TF-2x Appendix V).

Must not know what became of the documents.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from harness.exchange import Answer, Ask, Exchange
from harness.rule import ASK, BOTH, Finding, rule, untested
from harness.wire import soap
from suites.web.flawed import flawed
from suites.web.wado_ws.bend import answer, enveloped, first
from suites.web.wado_ws.reading import (
    ACTIONS,
    ENVELOPE,
    KIND,
    RESPONSES,
    answered,
    asked,
    both,
    envelope,
    local,
    response,
)

ENVELOPES = ("soap.syntax", "soap.doctype", "soap.instruction", "soap.too-large", "soap.envelope", "soap.children",
             "soap.header-name", "soap.boolean", "soap.one-child", "soap.fault")  # fmt: skip
PACKAGE = ("xop.root", "xop.root-type", "xop.start-info", "xop.content-id", "xop.coding")
INCLUDES = ("xop.alone", "xop.href", "xop.dangling", "xop.outside")
ADDRESSES = ("wsa.namespace", "wsa.action", "wsa.message-id", "wsa.repeated", "soap.action-parameter")
_WSA = f"{{{soap.ADDRESSING}}}"


def _spoken(x: Exchange) -> bool:
    """The message is SOAP by its Content-Type."""
    return x.message.body.size > 0 and soap.is_soap(x.message.media)


def _packaged(x: Exchange) -> bool:
    return _spoken(x) and x.message.type == "multipart/related"


def _found(x: Exchange, codes: Collection[str]) -> Iterator[Finding]:
    # a version of SOAP that is not ours may be answered in its own terms (SOAP 1.2 Part 1 Appendix A)
    old = x.side == "origin-server" and envelope(x.answer).version == "1.1" and envelope(x.ask).version != "1.2"
    if not old:
        yield from flawed(envelope(x.message).flaws, codes, soap.NOTES)


@rule(
    "wado-ws.is-soap",
    cites="PS3.18 2017b-6.4; SOAP 1.2 Part 2 7.4",
    verifies="PS3.18-2017b-6.4-2",
    on=KIND,
    content=False,
    # 202 is for whoever wants the answer elsewhere
    when=lambda x: x.answer.ok and x.answer.status != 202 and envelope(x.ask).version == "1.2",
    says="What is asked in SOAP 1.2 and succeeds is answered in SOAP 1.2, plain or as an XOP package.",
)
def is_soap(x: Exchange) -> Iterator[Finding]:
    if not soap.is_soap(x.answer.media) or not x.answer.body.size:
        got = x.answer.media.raw[:120] or "no Content-Type" if x.answer.body.size else "nothing"
        yield Finding(got, f"{soap.SOAP}, or multipart/related of {soap.XOP}", "Content-Type")


@is_soap.mutant
def calls_itself_text(x: Exchange) -> Answer | None:
    """The envelope is sent as text/xml, the media type of SOAP 1.1."""
    return x.answer.but(type="text/xml; charset=utf-8") if x.answer.type == soap.SOAP else None


@is_soap.mutant
def says_nothing(x: Exchange) -> Answer | None:
    """200 without a body."""
    return x.answer.but(body=b"") if x.answer.status == 200 else None


@rule(
    "wado-ws.envelope",
    cites="PS3.18 2017b-6.4; SOAP 1.2 Part 1 5",
    verifies="PS3.18-2017b-6.4-2",
    on=KIND,
    who=BOTH,
    content=False,
    when=_spoken,
    says="A message is one well-formed SOAP 1.2 envelope with one element in its Body.",
)
def is_an_envelope(x: Exchange) -> Iterator[Finding]:
    yield from _found(x, ENVELOPES)


@is_an_envelope.mutant
def speaks_soap_11(x: Exchange) -> Ask | Answer | None:
    """The envelope is in the namespace of SOAP 1.1."""
    octets = x.message.body.bytes()
    old, new = soap.ENVELOPE.encode(), soap.ENVELOPE_11.encode()
    return x.message.but(body=octets.replace(old, new)) if _spoken(x) and old in octets else None


@is_an_envelope.mutant
def ends_early(x: Exchange) -> Ask | Answer | None:
    """The last tag is missing."""
    octets = x.message.body.bytes()
    return x.message.but(body=octets.replace(b"</env:Envelope>", b"", 1)) if b"</env:Envelope>" in octets else None


@is_an_envelope.mutant
def says_two_things(x: Exchange) -> Ask | Answer | None:
    """The Body holds another element beside the first."""

    def edit(root: Any) -> bool:
        body = first(root, "Body")
        if body is None:
            return False
        body.append(body.makeelement("{urn:x}other"))
        return True

    return enveloped(x.message, edit) if _spoken(x) else None


@rule(
    "wado-ws.package",
    cites="PS3.18 2017b-6.4.1.2.1; XOP 1.0 4.1; RFC 2387 3",
    verifies=("PS3.18-2017b-6.4-2", "RAD-69-1"),
    on=KIND,
    who=BOTH,
    content=False,
    when=_packaged,
    says="In an XOP package the root part says what it is, and parts are told apart by Content-IDs of their own.",
)
def is_a_package(x: Exchange) -> Iterator[Finding]:
    yield from _found(x, PACKAGE)


@is_a_package.mutant
def root_is_xml(x: Exchange) -> Ask | Answer | None:
    """The root part calls itself text/xml."""
    octets = x.message.body.bytes()
    line = b"Content-Type: application/xop+xml"
    changed = octets.replace(line, b"Content-Type: text/xml", 1)
    return x.message.but(body=changed) if _packaged(x) and changed != octets else None


@is_a_package.mutant
def start_is_nowhere(x: Exchange) -> Ask | Answer | None:
    """The start parameter names no part."""
    type_ = x.message.media.raw.replace("<root@", "<elsewhere@")
    return x.message.but(type=type_) if _packaged(x) and type_ != x.message.media.raw else None


@rule(
    "wado-ws.includes",
    cites="PS3.18 2017b-6.4.1.2.1; XOP 1.0 2.1, 3.2, 4.1",
    verifies=("PS3.18-2017b-6.4.1.2.1-2", "RAD-69-1"),
    on=KIND,
    who=BOTH,
    when=lambda x: _spoken(x) and b"http://www.w3.org/2004/08/xop/include" in x.message.body.read(0, 1 << 20),
    says="An Include stands alone in its element, in a package, and refers to a part of it by cid.",
)
def includes_resolve(x: Exchange) -> Iterator[Finding]:
    yield from _found(x, INCLUDES)


@includes_resolve.mutant
def refers_to_nothing(x: Exchange) -> Answer | None:
    """The Include of a document names a Content-ID that no part has."""
    return answer(x, lambda root: _refer(root, "cid:nothing@nowhere.invalid"))


@includes_resolve.mutant
def refers_by_name(x: Exchange) -> Answer | None:
    """href is the bare Content-ID, not a cid: URI."""
    return answer(x, lambda root: _refer(root, "document-1"))


def _refer(root: Any, href: str) -> bool:
    include = first(root, "Include")
    if include is not None:
        include.set("href", href)
    return include is not None


@includes_resolve.mutant(at=ASK)
def asks_with_an_include(x: Exchange) -> Ask | None:
    """A plain envelope says where its value is by an Include."""

    def edit(root: Any) -> bool:
        document = first(root, "DocumentUniqueId")
        if document is None:
            return False
        document.append(document.makeelement(soap.INCLUDE, {"href": "cid:somewhere@example.org"}))
        return True

    return enveloped(x.ask, edit) if x.ask.type == soap.SOAP else None


@rule(
    "wado-ws.addressing",
    cites="PS3.18 2017b-6.4; WS-Addressing 1.0 SOAP 3.2, 4.2",
    verifies="PS3.18-2017b-6.4-2",
    on=KIND,
    who=BOTH,
    content=False,
    when=lambda x: _spoken(x) and envelope(x.message).version == "1.2" and envelope(x.message).fault is None,
    says="A message has one wsa:Action, and its media type tells no other action.",
)
def is_addressed(x: Exchange) -> Iterator[Finding]:
    yield from _found(x, ADDRESSES)


@is_addressed.mutant
def has_no_action(x: Exchange) -> Ask | Answer | None:
    """There is no wsa:Action."""
    spoken = _spoken(x) and envelope(x.message).fault is None
    return enveloped(x.message, lambda root: _removed(root, "Action")) if spoken else None


def _removed(root: Any, name: str) -> bool:
    found = root.find(f"{ENVELOPE}Header/{_WSA}{name}")
    if found is not None:
        found.getparent().remove(found)
    return found is not None


@rule(
    "wado-ws.action-must-be-understood",
    cites="PS3.18 2017b-6.4",
    verifies="PS3.18-2017b-6.4-2",
    on=KIND,
    who=BOTH,
    content=False,
    when=lambda x: _spoken(x) and bool(envelope(x.message).addressing("Action")) and envelope(x.message).fault is None,
    says='Every wsa:Action says mustUnderstand="1".',
)
def action_must_be_understood(x: Exchange) -> Iterator[Finding]:
    for block in envelope(x.message).addressing("Action"):
        if not block.must_understand:
            said = block.element.get(f"{ENVELOPE}mustUnderstand")
            yield Finding(f"mustUnderstand={said}", 'mustUnderstand="1"', "Header/Action")


@action_must_be_understood.mutant
def action_may_be_ignored(x: Exchange) -> Ask | Answer | None:
    """wsa:Action has no mustUnderstand."""

    def edit(root: Any) -> bool:
        found = root.find(f"{ENVELOPE}Header/{_WSA}Action")
        return found is not None and found.attrib.pop(f"{ENVELOPE}mustUnderstand", None) is not None

    return enveloped(x.message, edit) if _spoken(x) and envelope(x.message).fault is None else None


@rule(
    "wado-ws.answers-by-action",
    cites="PS3.18 2017b-6.4.1.1; 6.4.2.1; 6.4.3.1",
    verifies="PS3.18-2017b-6.4.1.1-3",
    on=KIND,
    when=lambda x: answered(x) is not None and asked(x) is not None and bool(envelope(x.answer).action),
    says="The answer has the action that belongs to the one of the request.",
)
def answers_by_action(x: Exchange) -> Iterator[Finding]:
    question = asked(x)
    if question is None:
        return
    known = ACTIONS[question.service]
    said, got = envelope(x.ask).action, envelope(x.answer).action
    wanted = [out for into, out in known if into == said] or [out for _, out in known]
    if got not in wanted:
        # two spellings are about: the clause's and that of the WSDL in use
        other = x.context is not None and x.context.policy("D-29") == "either" and got in [out for _, out in known]
        yield Finding(got[:120], wanted[0], "Header/Action", warn=other, policy="D-29" if other else "")


@answers_by_action.mutant
def answers_as_a_repository(x: Exchange) -> Answer | None:
    """The answer has the action of another service."""
    return answer(x, lambda root: _acted(root, "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-bResponse"))


@answers_by_action.mutant
def repeats_the_action(x: Exchange) -> Answer | None:
    """The answer has the action of the request."""
    return answer(x, lambda root: _acted(root, envelope(x.ask).action))


def _acted(root: Any, action: str) -> bool:
    found = root.find(f"{ENVELOPE}Header/{_WSA}Action")
    if found is not None:
        found.text = action
    return found is not None


@rule(
    "wado-ws.answers-in-its-element",
    cites="PS3.18 2017b-6.4.1.1; 6.4.2.1; 6.4.3.1",
    verifies=("PS3.18-2017b-6.4.1.1-3", "PS3.18-2017b-6.4.1.2.1-1"),
    on=KIND,
    when=lambda x: asked(x) is not None and x.answer.status == 200 and _speaks(x),
    says="The Body of the answer holds the response element of the action that was asked for.",
)
def answers_in_its_element(x: Exchange) -> Iterator[Finding]:
    question = asked(x)
    got = envelope(x.answer).element
    if question is not None and got != RESPONSES[question.service]:
        theirs = response(x) == RESPONSES[question.service]
        yield Finding(got[:120] or "nothing", RESPONSES[question.service], "Body", warn=theirs)


def _speaks(x: Exchange) -> bool:
    reading = envelope(x.answer)
    return x.answer.complete and reading.version == "1.2" and reading.fault is None


@answers_in_its_element.mutant
def answers_in_no_namespace(x: Exchange) -> Answer | None:
    """The response element has another namespace."""

    def edit(root: Any) -> None:
        content = root.find(f"{ENVELOPE}Body")[0]
        content.tag = f"{{urn:ihe:rad:xdsi-b:2009}}{local(content)}"

    return answer(x, edit)


@rule(
    "wado-ws.relates-to-the-question",
    cites="PS3.18 2017b-6.4; WS-Addressing 1.0 Core 3.4",
    verifies="PS3.18-2017b-6.4-2",
    on=KIND,
    when=lambda x: both(x) is not None and bool(envelope(x.ask).message_id),
    says="The answer relates to the message that it answers.",
)
def relates_to_the_question(x: Exchange) -> Iterator[Finding]:
    related = [block.text for block in envelope(x.answer).addressing("RelatesTo")]
    if envelope(x.ask).message_id not in related:
        yield Finding(", ".join(related)[:120] or "none", envelope(x.ask).message_id[:120], "Header/RelatesTo")


@relates_to_the_question.mutant
def relates_to_another(x: Exchange) -> Answer | None:
    """RelatesTo names another message."""

    def edit(root: Any) -> bool:
        found = root.find(f"{ENVELOPE}Header/{_WSA}RelatesTo")
        if found is not None:
            found.text = "urn:uuid:00000000-0000-4000-8000-000000000000"
        return found is not None

    return answer(x, edit)


@relates_to_the_question.mutant
def relates_to_none(x: Exchange) -> Answer | None:
    """There is no RelatesTo."""
    return answer(x, lambda root: _removed(root, "RelatesTo"))


@rule(
    "wado-ws.documents-are-parts",
    cites="PS3.18 2017b-6.4.1.2.1; 6.4.2.2",
    verifies=("PS3.18-2017b-6.4.1.2.1-2", "RAD-69-1", "XDSI-IDS-04"),
    on=KIND,
    when=lambda x: (found := both(x)) is not None and any(d.binary for d in found[1].documents),
    says="Documents are sent as parts of an XOP package.",
)
def documents_are_parts(x: Exchange) -> Iterator[Finding]:
    found = both(x)
    for returned in found[1].documents if found else ():
        if returned.binary is not None and not returned.binary.included:
            # whoever asks without a package did not show that it can take one
            lenient = envelope(x.ask).form == "plain"
            yield Finding("base64 in the envelope", "an Include of a part", f"document {returned.name}", warn=lenient)


@documents_are_parts.mutant
def writes_base64(x: Exchange) -> Answer | None:
    """The document stands in the envelope as text."""

    def edit(root: Any) -> bool:
        include = first(root, "Include")
        if include is None:
            return False
        parent = include.getparent()
        parent.remove(include)
        parent.text = "RElDTQ=="
        return True

    return answer(x, edit) if envelope(x.ask).form == "xop" else None


untested("PS3.18-2017b-6.4.5-1", "a permission: the parameters may be supported or not")
