"""Rules of PS3.18 8.1, 8.4 and 8.5 on status lines, header fields and lengths, for every web exchange.

Must not know services: what holds here holds for any request and answer.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Exchange
from harness.rule import BOTH, Finding, rule


@rule(
    "http.always-answers",
    cites="PS3.18 8.1.2",
    verifies="PS3.18-8.1.2-1",
    on="web",
    content=False,
    incomplete=True,
    says="Every request gets a response message: no silent close, no answer that never ends.",
)
def always_answers(x: Exchange) -> Iterator[Finding]:
    if x.answer.fault and x.answer.fault.kind != "too-large":
        yield Finding(got=str(x.answer.fault), want="a whole response message", where="connection")


@rule(
    "http.content-type-with-payload",
    cites="PS3.18 8.4.2",
    verifies="PS3.18-8.4.2-1",
    on="web",
    who=BOTH,
    content=False,
    when=lambda x: x.answer.body.size > 0,
    says="A message that carries a payload says its media type in Content-Type.",
)
def content_type_with_payload(x: Exchange) -> Iterator[Finding]:
    if "content-type" not in x.answer.headers:
        yield Finding(got="no Content-Type field", want="the media type of the payload", where="header fields")


@content_type_with_payload.mutant
def forgets_content_type(x: Exchange) -> Answer:
    """Answers carry no Content-Type."""
    return x.answer.but(headers=x.answer.headers.but("content-type", None))
