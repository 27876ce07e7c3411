"""Rules on what a WADO-WS endpoint does with messages that are no right SOAP: faults, and nothing that was not asked.

Must not know what a right request is; a probe tells in `facts["wrong"]` what it did.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Exchange, Journey
from harness.rule import SHOULD, Finding, journey, rule
from suites.web.wado_ws.reading import KIND, NOT_NOW, answered, envelope

WRONG = "web.wado-ws.wrong"
# What is wrong with a message, and the fault that says so (SOAP 1.2 Part 1 5.4.6; WS-Addressing 1.0 SOAP 6).
CODES = {
    "must-understand": ("MustUnderstand",),
    "version": ("VersionMismatch",),
    "syntax": ("Sender",),
    "doctype": ("Sender",),
    "bomb": ("Sender",),
    "depth": ("Sender",),
    "action": ("Sender",),
    "no-action": ("Sender",),
    "body": ("Sender",),
}


def _wrong(x: Exchange, *words: str) -> bool:
    told = x.facts.get("wrong")
    return told in (words or CODES) and x.answer.complete and x.answer.status not in NOT_NOW


@rule(
    "wado-ws.wrong-is-refused",
    cites="PS3.18 2017b-6.4; SOAP 1.2 Part 1 2.6, 5; WS-Addressing 1.0 SOAP 6",
    verifies="PS3.18-2017b-6.4-2",
    on=KIND,
    when=lambda x: _wrong(x),
    says="A message that is no envelope of SOAP 1.2, or names no action of the service, is refused.",
)
def wrong_is_refused(x: Exchange) -> Iterator[Finding]:
    found = answered(x)
    if found is not None and found.documents:
        yield Finding(f"{len(found.documents)} documents", "a fault", "Body")
    elif x.answer.status < 300 and envelope(x.answer).fault is None and found is None:
        yield Finding(x.answer.line, "a fault", "answer")
    elif x.answer.status >= 500 and not envelope(x.answer).element and not _in_its_terms(x):
        # HTTP alone says that the server is broken, which it is not by what it was asked
        yield Finding(f"{x.answer.line} without a SOAP fault", "a fault", "answer", warn=True)


def _in_its_terms(x: Exchange) -> bool:
    """SOAP 1.1 is refused in SOAP 1.1 (SOAP 1.2 Part 1 Appendix A)."""
    return x.facts["wrong"] == "version" and x.answer.type == "text/xml" and b":Fault" in x.answer.payload.read(0, 4096)


@wrong_is_refused.mutant
def goes_on_all_the_same(x: Exchange) -> Answer | None:
    """Nothing is refused: 200 and a page."""
    return x.answer.but(status=200, reason="OK", type="text/html", body=b"<html></html>")


@rule(
    "wado-ws.header-must-be-understood",
    cites="PS3.18 2017b-6.4; SOAP 1.2 Part 1 2.4, 2.6, 5.4.8",
    verifies="PS3.18-2017b-6.4-2",
    on=KIND,
    when=lambda x: _wrong(x, "must-understand"),
    says="A header block that must be understood and is not makes a MustUnderstand fault, and nothing else is done.",
)
def header_must_be_understood(x: Exchange) -> Iterator[Finding]:
    fault = envelope(x.answer).fault
    if fault is None or fault.code != "MustUnderstand":
        got = f"fault {fault.code}" if fault else f"{x.answer.line}, {envelope(x.answer).element or 'no SOAP'}"
        yield Finding(got[:200], "a fault with the code MustUnderstand", "Fault/Code/Value")


@header_must_be_understood.mutant
def header_is_the_senders_fault(x: Exchange) -> Answer | None:
    """The fault has the code Sender."""
    octets = x.answer.body.bytes()
    changed = octets.replace(b"env:MustUnderstand</env:Value>", b"env:Sender</env:Value>")
    return x.answer.but(body=changed) if changed != octets else None


@rule(
    "wado-ws.fault-says-why",
    cites="PS3.18 2017b-6.4; SOAP 1.2 Part 1 5.4.6",
    verifies="PS3.18-2017b-6.4-2",
    on=KIND,
    level=SHOULD,
    when=lambda x: _wrong(x) and (f := envelope(x.answer).fault) is not None and bool(f.code),
    says="A fault has the code of what is wrong: Sender for the message, VersionMismatch for another Envelope.",
)
def fault_says_why(x: Exchange) -> Iterator[Finding]:
    fault = envelope(x.answer).fault
    wanted = CODES[str(x.facts["wrong"])]
    if fault is not None and fault.code not in wanted:
        yield Finding(fault.code, " or ".join(wanted), "Fault/Code/Value")


@fault_says_why.mutant
def it_is_the_receivers_fault(x: Exchange) -> Answer | None:
    """Whatever is wrong, the code is Receiver."""
    octets = x.answer.body.bytes()
    changed = octets.replace(b"<env:Value>env:Sender<", b"<env:Value>env:Receiver<")
    return x.answer.but(body=changed) if changed != octets else None


@journey(
    "wado-ws.not-soap-is-refused",
    cites="PS3.18 2017b-6.4; SOAP 1.2 Part 2 7.5.2.1",
    verifies="PS3.18-2017b-6.4-2",
    on=WRONG,
    when=lambda j: any(x.answer.complete and x.answer.status not in NOT_NOW for x in j.exchanges),
    says="What does not call itself SOAP 1.2 is refused, with a code of HTTP or a fault.",
)
def not_soap_is_refused(j: Journey) -> Iterator[Finding]:
    for x in j.exchanges:
        found = answered(x)
        if found is not None and found.documents:
            # a lenient reader of media types harms nobody
            yield Finding(f"{len(found.documents)} documents", "415", "answer", seq=x.seq, warn=True)
        elif x.answer.complete and x.answer.status < 300 and envelope(x.answer).fault is None and found is None:
            yield Finding(x.answer.line, "415, or a fault", "status line", seq=x.seq)


@not_soap_is_refused.mutant
def takes_anything(x: Exchange) -> Answer | None:
    """Whatever comes is answered 200."""
    return x.answer.but(status=200, reason="OK", type="text/html", body=b"<html></html>")


@rule(
    "wado-ws.fault-status",
    cites="PS3.18 2017b-6.4; SOAP 1.2 Part 2 7.5.2.2",
    verifies="PS3.18-2017b-6.4-2",
    on=KIND,
    level=SHOULD,
    content=False,
    when=lambda x: x.answer.complete and (f := envelope(x.answer).fault) is not None and bool(f.code),
    says="A fault comes with the HTTP code of its kind: 400 for Sender, 500 for others.",
)
def fault_has_its_code(x: Exchange) -> Iterator[Finding]:
    fault = envelope(x.answer).fault
    wanted = 400 if fault is not None and fault.code == "Sender" else 500
    if x.answer.status not in (wanted, *NOT_NOW):
        yield Finding(x.answer.line, str(wanted), "status line")


@fault_has_its_code.mutant
def fault_is_ok(x: Exchange) -> Answer | None:
    """A fault comes with 200."""
    return x.answer.but(status=200, reason="OK") if envelope(x.answer).fault is not None else None
