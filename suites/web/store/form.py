"""Rules of PS3.18 10.5.3.3 and F.2 on the form of a Store Instances Response Module: one data set, not a list.

Must not know what the module says.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Exchange
from harness.rule import SHOULD, Finding, rule
from suites.web.store.module import module


@rule(
    "store.module-is-one-object",
    cites="PS3.18 10.5.3.3; F.2.1; F.2.2; I.1",
    level=SHOULD,  # arrays are for several results; nothing says in so many words that one cannot stand in an array
    on="web.store",
    when=lambda x: x.answer.json is not None and module(x) is not None,
    says="The response module in JSON is one object, as the one data set it is, not an array that holds it.",
)
def module_is_one_object(x: Exchange) -> Iterator[Finding]:
    if x.answer.json is not None and x.answer.json.root != "object":
        yield Finding(got=f"a JSON {x.answer.json.root}", want="a JSON object", where="payload")


@module_is_one_object.mutant
def module_in_a_list(x: Exchange) -> Answer | None:
    """The response module stands in an array."""
    return x.answer.but(body=b"[" + x.answer.body.bytes() + b"]") if x.answer.json else None
