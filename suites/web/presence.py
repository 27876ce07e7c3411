"""Knows how a probe finds out whether a product has an optional service, without holding against it that it has none.

Must not know any one service.
"""

from __future__ import annotations

from harness.exchange import Exchange
from harness.talk.conversation import Web

ABSENT = (404, 405, 501)
ASKING = "asking"  # the fact of a question that only wants to know whether somebody is there
NOWHERE = "no-such-service"


def present(web: Web, x: Exchange, service: str) -> bool:
    """Whether this answer, to a question that could be granted, is one of the service itself.

    Some products answer whatever they do not know by a code of their own, so that a refusal is compared with one.
    """
    there = x.answer.status not in ABSENT
    if there and not x.answer.ok:
        fields = [field for field in x.ask.headers if field[0].lower() == "content-type"]
        other = web.ask(x.ask.method, f"{NOWHERE}/{x.resource.uid or 1}", headers=fields, body=x.ask.body)
        there = other.answer.status != x.answer.status
    if not there:
        web.session.note("skipped", f"no {service}: {x.answer.line}")
    return there
