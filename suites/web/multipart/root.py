"""Rules of PS3.18 8.6.1, 8.6.1.1 and 8.7.1: which answers are multipart, and what their Content-Type tells.

Must not know services, but that a study is more than one item.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.exchange import Answer, Ask, Exchange
from harness.rule import BOTH, Finding, rule
from harness.wire.multipart import Part
from suites.web.multipart.reading import (
    framed,
    has_parts,
    told,
)

_FIRST = re.compile(rb"--[0-9A-Za-z'()+_,\-./:=? ]{1,70}\r?\n[A-Za-z-]+: ")


def _ranged(x: Exchange) -> bool:
    """An answer that is no success, or one that carries ranges, whose multipart is of another kind (RFC 9110 14.6)."""
    return x.message is x.answer and (not x.answer.ok or x.answer.status == 206)


@rule(
    "multipart.is-related",
    cites="PS3.18 8.6.1; 8.6.1.2; 8.7.1",
    verifies="PS3.18-8.6.1-1",
    on="web|file.multipart",
    who=BOTH,
    content=False,
    when=lambda x: x.message.type.startswith("multipart/") and not _ranged(x) and told(x),
    says="The type of a multipart payload is multipart/related.",
)
def is_related(x: Exchange) -> Iterator[Finding]:
    if x.message.type != "multipart/related":
        yield Finding(got=x.message.type, want="multipart/related", where="Content-Type")


@is_related.mutant
def multipart_mixed(x: Exchange) -> Ask | Answer | None:
    """Multipart answers call themselves multipart/mixed."""
    given = x.message.headers.get("content-type") or ""
    return x.message.but(type=given.replace("multipart/related", "multipart/mixed")) if framed(x) else None


@rule(
    "multipart.single-part-is-no-multipart",
    cites="PS3.18 8.6.1; 8.6.1.1",
    verifies=("PS3.18-8.6.1-1", "PS3.18-8.6.1.1-1"),
    on="web",
    who=BOTH,
    content=False,
    when=lambda x: x.message.body.size > 0 and bool(x.message.type) and x.message.multipart is None,
    says="A payload whose type is a single part one is not framed as multipart.",
)
def single_part_is_no_multipart(x: Exchange) -> Iterator[Finding]:
    if _FIRST.match(x.message.payload.read(0, 512)):
        yield Finding(got=f"{x.message.type} with delimiters and parts", want="multipart/related", where="Content-Type")


@single_part_is_no_multipart.mutant
def multipart_in_disguise(x: Exchange) -> Ask | Answer | None:
    """A multipart payload is labelled with the type of its parts."""
    return x.message.but(type=x.message.parts[0].media.type) if has_parts(x) else None


@rule(
    "multipart.type-parameter",
    cites="PS3.18 8.7.1; 8.7.3.5.1",
    verifies=("PS3.18-8.7.1-1", "PS3.18-8.7.3.5.1-1"),
    on="web|file.multipart",
    who=BOTH,
    content=False,
    when=lambda x: x.message.type == "multipart/related" and told(x),
    says="A media type multipart/related has a type parameter.",
)
def type_parameter(x: Exchange) -> Iterator[Finding]:
    if not x.message.media.parameters.get("type"):
        yield Finding(got=x.message.media.raw, want="a type parameter", where="Content-Type")


@type_parameter.mutant
def root_not_named(x: Exchange) -> Ask | Answer | None:
    """Content-Type has no type parameter."""
    given = x.message.headers.get("content-type") or ""
    return x.message.but(type=re.sub(r'; *type=("[^"]*"|[^;]*)', "", given)) if framed(x) else None


@rule(
    "multipart.type-is-root-type",
    cites="PS3.18 8.6.1.2; 8.7.1",
    verifies="PS3.18-8.6.1.2-9",
    on="web|file.multipart",
    who=BOTH,
    content=False,
    when=lambda x: bool(x.message.media.parameters.get("type")) and _root(x) is not None and told(x),
    says="The type parameter is the media type of the root, which is the first part unless start names another.",
)
def type_is_root_type(x: Exchange) -> Iterator[Finding]:
    root = _root(x)
    named = x.message.media.parameters["type"].partition(";")[0].strip().lower()
    if root and root.media.type and root.media.type != named:
        yield Finding(got=f"type={named}, the root is {root.media.type}", want="the type of the root",
                      where="Content-Type")  # fmt: skip


def _root(x: Exchange) -> Part | None:
    start = x.message.media.parameters.get("start")
    if start:
        return next((p for p in x.message.parts if p.get("content-id", "") == start), None)
    return x.message.parts[0] if x.message.parts else None


@type_is_root_type.mutant
def names_another_root(x: Exchange) -> Ask | Answer | None:
    """The type parameter names a type that no part has."""
    given = x.message.headers.get("content-type") or ""
    return x.message.but(type=re.sub(r'type="[^"]*"', 'type="text/plain"', given)) if framed(x) else None


@rule(
    "multipart.single-part-is-one-item",
    cites="PS3.18 8.6.1.1; 10.4.4",
    verifies="PS3.18-8.6.1.1-1",
    on="web.retrieve.instances|web.retrieve.frames",
    when=lambda x: x.answer.status == 200 and x.answer.body.size > 0,
    says="A single part payload answers a request for exactly one item: one instance, one frame.",
)
def single_part_is_one_item(x: Exchange) -> Iterator[Finding]:
    if x.answer.multipart is not None or x.answer.type.startswith("application/zip"):
        return
    frames = len(x.resource.frames.split(",")) if x.kind == "web.retrieve.frames" else 1
    if frames > 1 or x.resource.level in ("study", "series"):
        yield Finding(got=x.answer.type or "no media type", want="multipart/related", where="Content-Type")


@single_part_is_one_item.mutant
def only_the_first_part(x: Exchange) -> Answer | None:
    """A study is answered with its first instance alone, as a single part."""
    if x.kind != "web.retrieve.instances" or x.resource.level != "study" or not x.answer.parts:
        return None
    first = x.answer.parts[0]
    return x.answer.but(type=first.media.type, body=first.content.bytes())
