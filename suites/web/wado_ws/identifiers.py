"""Rules on what an answer of WADO-WS repeats of each document's request: its identifiers and its frame number.

Must not know what is in the documents (PS3.18 2017b 6.4.1.2.1, 6.4.2.2, 6.4.3.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.exchange import Answer, Exchange, view
from harness.rule import Finding, rule
from suites.web.wado_ws.bend import answer, first, said
from suites.web.wado_ws.outcome import DOCUMENTS
from suites.web.wado_ws.reading import IHE, KIND, WADO, Answered, Asked, Returned, both, local


@view
def _echoes(x: Exchange) -> list[tuple[Asked, Answered, Returned]]:
    """The documents that came of those that were asked for once, so that it is plain which is which."""
    found = both(x)
    if found is None:
        return []
    return [(*found, document) for document in found[1].documents if len(found[0].named(document.name)) == 1]


@rule(
    "wado-ws.echoes-identifiers",
    cites="PS3.18 2017b-6.4.1.2.1; 6.4.2.2; 6.4.3.2",
    verifies=("PS3.18-2017b-6.4.1.2.1-2", "PS3.18-2017b-6.4.2.2-1", "XDSI-IDS-07"),
    on=KIND,
    when=lambda x: bool(_echoes(x)),
    says="A document has the HomeCommunityId and RepositoryUniqueId of its request, and no HomeCommunityId otherwise.",
)
def echoes_identifiers(x: Exchange) -> Iterator[Finding]:
    for question, _, document in _echoes(x):
        wanted = question.named(document.name)[0].texts
        home, got = wanted.get("HomeCommunityId"), document.texts.get("HomeCommunityId")
        if got != home:
            yield Finding(got or "none", home or "none", f"document {document.name}: HomeCommunityId")
        repository, got = wanted.get("RepositoryUniqueId"), document.texts.get("RepositoryUniqueId")
        # the third service has no such element in its answer
        if repository is not None and got != repository and not (got is None and question.service == "metadata"):
            yield Finding(got or "none", repository, f"document {document.name}: RepositoryUniqueId")


@echoes_identifiers.mutant
def home_is_its_own(x: Exchange) -> Answer | None:
    """The answer names the community of the server."""
    return said(x, "HomeCommunityId", "urn:oid:1.2.3.4.5.6.7")


@echoes_identifiers.mutant
def home_is_made_up(x: Exchange) -> Answer | None:
    """A HomeCommunityId comes that was not in the request."""

    def edit(root: Any) -> bool:
        element = first(root, *DOCUMENTS)
        if element is None or first(element, "HomeCommunityId") is not None:
            return False
        made = element.makeelement(f"{{{IHE}}}HomeCommunityId")
        made.text = "urn:oid:1.2.3.4.5"
        element.insert(0, made)
        return True

    return answer(x, edit)


@echoes_identifiers.mutant
def repository_is_an_address(x: Exchange) -> Answer | None:
    """RepositoryUniqueId is another one than was asked for."""
    return said(x, "RepositoryUniqueId", "1.2.3.4.5.6.7.8")


@rule(
    "wado-ws.frame-number-as-asked",
    cites="PS3.18 2017b-6.4.1.2.1; 6.4.2.2; 6.4.3.2",
    verifies="PS3.18-2017b-6.4.1.2.1-3",
    on=KIND,
    when=lambda x: bool(_echoes(x)),
    says="FrameNumber stands in the answer if and only if it was in the request, with the same value.",
)
def frame_number_as_asked(x: Exchange) -> Iterator[Finding]:
    for question, _, document in _echoes(x):
        wanted, got = question.named(document.name)[0].texts.get("FrameNumber"), document.texts.get("FrameNumber")
        if got != wanted:
            # the schema that RAD-69 shares with other transactions has no place for it
            where = f"document {document.name}: FrameNumber"
            yield Finding(got or "none", wanted or "none", where, warn=got is None and question.service == "documents")


@frame_number_as_asked.mutant
def counts_from_nought(x: Exchange) -> Answer | None:
    """Frames are counted from 0 in the answer."""
    return said(x, "FrameNumber", "0")


@frame_number_as_asked.mutant
def frame_number_is_dropped(x: Exchange) -> Answer | None:
    """FrameNumber does not come back."""
    return said(x, "FrameNumber", None)


@frame_number_as_asked.mutant
def always_a_frame_number(x: Exchange) -> Answer | None:
    """Every document has a FrameNumber."""

    def edit(root: Any) -> bool:
        name = first(root, "DocumentUniqueId", "SourceDocumentUniqueId")
        if name is None or first(root, "FrameNumber") is not None or local(name.getparent()) not in DOCUMENTS:
            return False
        made = name.makeelement(f"{{{WADO}}}FrameNumber")
        made.text = "1"
        name.addnext(made)
        return True

    return answer(x, edit)
