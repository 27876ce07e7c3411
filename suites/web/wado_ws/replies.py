"""Rules on an answer of WADO-WS as a reply: its HTTP code, its own MessageID, what of the request was not understood.

Must not know what became of the documents (SOAP 1.2 Part 2 7.5; WS-Addressing 1.0 Core 3).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.exchange import Answer, Exchange
from harness.rule import SHOULD, Finding, rule
from harness.wire import soap
from suites.web.wado_ws.bend import answer, enveloped, first
from suites.web.wado_ws.reading import ENVELOPE, KIND, NOT_NOW, answered, envelope

_MESSAGE_ID = f"{ENVELOPE}Header/{{{soap.ADDRESSING}}}MessageID"
_NOT_UNDERSTOOD = f"{ENVELOPE}NotUnderstood"


@rule(
    "wado-ws.answer-status",
    cites="PS3.18 2017b-6.4; SOAP 1.2 Part 2 7.5.1.2, 7.5.2.2",
    verifies="PS3.18-2017b-6.4-2",
    on=KIND,
    content=False,
    when=lambda x: answered(x) is not None and x.answer.status not in NOT_NOW,
    says="A response element comes with a code of success, whatever it tells of the documents.",
)
def answer_has_its_code(x: Exchange) -> Iterator[Finding]:
    if x.answer.status != 200:
        yield Finding(x.answer.line, "200", "status line", warn=x.answer.ok)


@answer_has_its_code.mutant
def errors_are_http_errors(x: Exchange) -> Answer | None:
    """What tells an error of a document comes with 404."""
    found = answered(x)
    return x.answer.but(status=404, reason="Not Found") if found is not None and found.errors else None


@rule(
    "wado-ws.message-has-its-own-id",
    cites="PS3.18 2017b-6.4; WS-Addressing 1.0 Core 3.1, 3.4",
    verifies="PS3.18-2017b-6.4-2",
    on=KIND,
    content=False,
    when=lambda x: bool(envelope(x.answer).message_id) and bool(envelope(x.ask).message_id),
    says="The MessageID of an answer is its own, not that of the request.",
)
def message_has_its_own_id(x: Exchange) -> Iterator[Finding]:
    if envelope(x.answer).message_id == envelope(x.ask).message_id:
        yield Finding(envelope(x.ask).message_id[:120], "another one", "Header/MessageID")


@message_has_its_own_id.mutant
def copies_the_id(x: Exchange) -> Answer | None:
    """The MessageID of the request is that of the answer too."""

    def edit(root: Any) -> bool:
        found = root.find(_MESSAGE_ID)
        if found is not None:
            found.text = envelope(x.ask).message_id
        return found is not None

    return answer(x, edit)


@rule(
    "wado-ws.names-what-is-not-understood",
    cites="PS3.18 2017b-6.4; SOAP 1.2 Part 1 5.4.8",
    verifies="PS3.18-2017b-6.4-2",
    on=KIND,
    level=SHOULD,
    content=False,
    when=lambda x: (f := envelope(x.answer).fault) is not None and f.code == "MustUnderstand",
    says="A MustUnderstand fault names the header blocks that were not understood.",
)
def names_what_is_not_understood(x: Exchange) -> Iterator[Finding]:
    if not any(block.name == _NOT_UNDERSTOOD for block in envelope(x.answer).blocks):
        yield Finding("none", "a NotUnderstood header block", "Header")


@names_what_is_not_understood.mutant
def names_nothing(x: Exchange) -> Answer | None:
    """There is no NotUnderstood."""

    def edit(root: Any) -> bool:
        found = first(root, "NotUnderstood")
        if found is not None:
            found.getparent().remove(found)
        return found is not None

    return enveloped(x.answer, edit) if envelope(x.answer).fault is not None else None
