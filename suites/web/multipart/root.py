"""Rules of PS3.18 8.6.1, 8.6.1.1 and 8.7.1: which answers are multipart, and what their Content-Type tells.

Must not know services, but that a study is more than one item.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.exchange import Answer, Exchange
from harness.rule import BOTH, Finding, rule
from harness.wire.multipart import Part
from suites.web.multipart.reading import (
    framed,
    has_parts,
    told,
)

_FIRST = re.compile(rb"--[0-9A-Za-z'()+_,\-./:=? ]{1,70}\r?\n[A-Za-z-]+: ")


@rule(
    "multipart.is-related",
    cites="PS3.18 8.6.1; 8.6.1.2; 8.7.1",
    verifies="PS3.18-8.6.1-1",
    on="web|file.multipart",
    who=BOTH,
    content=False,
    when=lambda x: x.answer.type.startswith("multipart/") and x.answer.ok and x.answer.status != 206 and told(x),
    says="The type of a multipart payload is multipart/related.",
)
def is_related(x: Exchange) -> Iterator[Finding]:
    if x.answer.type != "multipart/related":
        yield Finding(got=x.answer.type, want="multipart/related", where="Content-Type")


@is_related.mutant
def multipart_mixed(x: Exchange) -> Answer | None:
    """Multipart answers call themselves multipart/mixed."""
    given = x.answer.headers.get("content-type") or ""
    return x.answer.but(type=given.replace("multipart/related", "multipart/mixed")) if framed(x) else None


@rule(
    "multipart.single-part-is-no-multipart",
    cites="PS3.18 8.6.1; 8.6.1.1",
    verifies=("PS3.18-8.6.1-1", "PS3.18-8.6.1.1-1"),
    on="web",
    who=BOTH,
    content=False,
    when=lambda x: x.answer.body.size > 0 and bool(x.answer.type) and x.answer.multipart is None,
    says="A payload whose type is a single part one is not framed as multipart.",
)
def single_part_is_no_multipart(x: Exchange) -> Iterator[Finding]:
    if _FIRST.match(x.answer.payload.read(0, 512)):
        yield Finding(got=f"{x.answer.type} with delimiters and parts", want="multipart/related", where="Content-Type")


@single_part_is_no_multipart.mutant
def multipart_in_disguise(x: Exchange) -> Answer | None:
    """A multipart payload is labelled with the type of its parts."""
    return x.answer.but(type=x.answer.parts[0].media.type) if has_parts(x) else None


@rule(
    "multipart.type-parameter",
    cites="PS3.18 8.7.1; 8.7.3.5.1",
    verifies=("PS3.18-8.7.1-1", "PS3.18-8.7.3.5.1-1"),
    on="web|file.multipart",
    who=BOTH,
    content=False,
    when=lambda x: x.answer.type == "multipart/related" and told(x),
    says="A media type multipart/related has a type parameter.",
)
def type_parameter(x: Exchange) -> Iterator[Finding]:
    if not x.answer.media.parameters.get("type"):
        yield Finding(got=x.answer.media.raw, want="a type parameter", where="Content-Type")


@type_parameter.mutant
def root_not_named(x: Exchange) -> Answer | None:
    """Content-Type has no type parameter."""
    given = x.answer.headers.get("content-type") or ""
    return x.answer.but(type=re.sub(r'; *type=("[^"]*"|[^;]*)', "", given)) if framed(x) else None


@rule(
    "multipart.type-is-root-type",
    cites="PS3.18 8.6.1.2; 8.7.1",
    verifies="PS3.18-8.6.1.2-9",
    on="web|file.multipart",
    who=BOTH,
    content=False,
    when=lambda x: bool(x.answer.media.parameters.get("type")) and _root(x) is not None and told(x),
    says="The type parameter is the media type of the root, which is the first part unless start names another.",
)
def type_is_root_type(x: Exchange) -> Iterator[Finding]:
    root = _root(x)
    named = x.answer.media.parameters["type"].partition(";")[0].strip().lower()
    if root and root.media.type and root.media.type != named:
        yield Finding(got=f"type={named}, the root is {root.media.type}", want="the type of the root",
                      where="Content-Type")  # fmt: skip


def _root(x: Exchange) -> Part | None:
    start = x.answer.media.parameters.get("start")
    if start:
        return next((p for p in x.answer.parts if p.get("content-id", "") == start), None)
    return x.answer.parts[0] if x.answer.parts else None


@type_is_root_type.mutant
def names_another_root(x: Exchange) -> Answer | None:
    """The type parameter names a type that no part has."""
    given = x.answer.headers.get("content-type") or ""
    return x.answer.but(type=re.sub(r'type="[^"]*"', 'type="text/plain"', given)) if framed(x) else None


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
