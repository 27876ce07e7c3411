"""Rules on the requests of WADO-WS: an Imaging Document Consumer, or whoever else asks (PS3.18 2017b 6.4; RAD-69).

Must not know what was answered. That the message is SOAP is judged for both sides elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lxml import etree

from harness.exchange import Ask, Exchange
from harness.rule import ASK, USER_AGENT, Finding, rule
from harness.wire import soap
from harness.wire.uri import valid_uid
from suites.web.wado_ws.bend import enveloped, first
from suites.web.wado_ws.outcome import departures
from suites.web.wado_ws.reading import ACTIONS, ENVELOPE, KIND, REQUESTS, Service, Wanted, asked, envelope

_ACTION = f"{ENVELOPE}Header/{{{soap.ADDRESSING}}}Action"
_MOST = 20
_LONGEST = 4096  # characters of an XPath that are looked at


def _edited(edit: Callable[[Any], object], *services: Service) -> Callable[[Exchange], Ask | None]:
    """A mutant that edits the envelope of requests to these services, all of them for none."""

    def act(x: Exchange) -> Ask | None:
        question = asked(x)
        fits = question is not None and (not services or question.service in services)
        return enveloped(x.ask, edit) if fits else None

    return act


def _renamed(root: Any, old: str, new: str) -> bool:
    found = first(root, old)
    if found is not None:
        found.tag = f"{str(found.tag).rpartition('}')[0]}}}{new}"
    return found is not None


def _removed(root: Any, name: str) -> bool:
    found = first(root, name)
    if found is not None:
        found.getparent().remove(found)
    return found is not None


def _written(root: Any, name: str, value: str) -> bool:
    found = first(root, name)
    if found is not None:
        found.text = value
    return found is not None


def _named(root: Any, name: str, attribute: str, value: str | None) -> bool:
    found = first(root, name)
    if found is not None and value is None:
        found.attrib.pop(attribute, None)
    elif found is not None:
        found.set(attribute, value)
    return found is not None


@rule(
    "client.wado-ws-asks-for-something",
    cites="PS3.18 2017b-6.4.1.1; 6.4.2.1; 6.4.3.1",
    verifies="PS3.18-2017b-6.4.1.1-3",
    on=KIND,
    who=USER_AGENT,
    content=False,
    due=False,
    when=lambda x: envelope(x.ask).version == "1.2" and envelope(x.ask).content is not None,
    says="The Body of a request holds the request element of one of the three actions.",
)
def asks_for_something(x: Exchange) -> Iterator[Finding]:
    if envelope(x.ask).element not in REQUESTS:
        yield Finding(envelope(x.ask).element[:160], " or ".join(REQUESTS), "Body")


@asks_for_something.mutant(at=ASK)
def asks_a_repository(x: Exchange) -> Ask | None:
    """The request is RetrieveDocumentSetRequest of a document repository."""
    return _edited(lambda root: _renamed(root, "RetrieveImagingDocumentSetRequest", "RetrieveDocumentSetRequest"))(x)


@asks_for_something.mutant(at=ASK)
def asks_by_the_name_of_the_action(x: Exchange) -> Ask | None:
    """The element of the third service has the name that its title has."""
    old, new = "RetrieveImagingDocumentSetInformationRequest", "RetrieveImagingDocumentSetMetadataRequest"
    return _edited(lambda root: _renamed(root, old, new))(x)


@rule(
    "client.wado-ws-action",
    cites="PS3.18 2017b-6.4.1.1; 6.4.2.1; 6.4.3.1",
    verifies="PS3.18-2017b-6.4.1.1-3",
    on=KIND,
    who=USER_AGENT,
    content=False,
    due=False,
    when=lambda x: asked(x) is not None and bool(envelope(x.ask).action),
    says="The action of a request is the one of its element.",
)
def action_is_of_the_element(x: Exchange) -> Iterator[Finding]:
    question = asked(x)
    known = [into for into, _ in ACTIONS[question.service]] if question else []
    said = envelope(x.ask).action
    if said not in known[:1]:
        other = said in known and x.context is not None and x.context.policy("D-29") == "either"
        yield Finding(said[:160], known[0], "Header/Action", warn=other, policy="D-29" if other else "")


@action_is_of_the_element.mutant(at=ASK)
def action_of_a_repository(x: Exchange) -> Ask | None:
    """The action is that of a document repository."""

    def edit(root: Any) -> None:
        root.find(_ACTION).text = "urn:ihe:iti:2007:RetrieveDocumentSet"

    return _edited(edit)(x)


@action_is_of_the_element.mutant(at=ASK)
def action_of_the_first_profile(x: Exchange) -> Ask | None:
    """The action has the year of another edition of the profile."""

    def edit(root: Any) -> None:
        root.find(_ACTION).text = "urn:ihe:rad:2011:RetrieveImagingDocumentSet"

    return _edited(edit)(x)


@rule(
    "client.wado-ws-names-its-message",
    cites="PS3.18 2017b-6.4; WS-Addressing 1.0 Core 3.4",
    verifies="PS3.18-2017b-6.4-2",
    on=KIND,
    who=USER_AGENT,
    content=False,
    due=False,
    when=lambda x: envelope(x.ask).version == "1.2",
    says="A request has a MessageID, which its answer can relate to.",
)
def names_its_message(x: Exchange) -> Iterator[Finding]:
    if not envelope(x.ask).message_id:
        yield Finding("none", "wsa:MessageID with a value", "Header")


@names_its_message.mutant(at=ASK)
def message_has_no_name(x: Exchange) -> Ask | None:
    """There is no MessageID."""
    return _edited(lambda root: _removed(root, "MessageID"))(x)


@rule(
    "client.wado-ws-request-is-built",
    cites="PS3.18 2017b-6.4.1.1; 6.4.2.1; 6.4.3.1",
    verifies=("PS3.18-2017b-6.4.1.1-1", "PS3.18-2017b-6.4.2.1-1", "PS3.18-2017b-6.4.3.1-1", "XDSI-IDC-02"),
    on=KIND,
    who=USER_AGENT,
    content=False,
    due=False,
    when=lambda x: asked(x) is not None,
    says="A request names documents within series within studies, each with the elements that it needs.",
)
def request_is_built(x: Exchange) -> Iterator[Finding]:
    yield from departures(envelope(x.ask).content)


@request_is_built.mutant(at=ASK)
def study_is_an_element(x: Exchange) -> Ask | None:
    """StudyRequest has no studyInstanceUID."""
    return _edited(lambda root: _named(root, "StudyRequest", "studyInstanceUID", None))(x)


@request_is_built.mutant(at=ASK)
def documents_stand_in_the_study(x: Exchange) -> Ask | None:
    """There is no level of series."""
    return _edited(lambda root: _renamed(root, "SeriesRequest", "DocumentRequest"))(x)


@request_is_built.mutant(at=ASK)
def document_has_no_name(x: Exchange) -> Ask | None:
    """A document has no DocumentUniqueId."""
    return _edited(lambda root: _removed(root, "DocumentUniqueId"))(x)


@rule(
    "client.wado-ws-uids",
    cites="PS3.18 2017b-6.4.1.1; PS3.5 9.1",
    verifies=("PS3.18-2017b-6.4.1.1-1", "XDSI-IDC-02"),
    on=KIND,
    who=USER_AGENT,
    content=False,
    due=False,
    when=lambda x: (question := asked(x)) is not None and bool(question.documents),
    says="Studies, series and transfer syntaxes are named by UIDs, documents by a unique id that is not empty.",
)
def uids_are_uids(x: Exchange) -> Iterator[Finding]:
    question = asked(x)
    for number, wanted in enumerate(question.documents[:_MOST] if question else (), 1):
        for name, value in (("studyInstanceUID", wanted.study), ("seriesInstanceUID", wanted.series)):
            if not valid_uid(value):
                yield Finding(repr(value[:80]), "a UID", f"document {number}: {name}")
        if not wanted.name:
            yield Finding("nothing", "a unique id", f"document {number}: DocumentUniqueId")
    for value in (question.syntaxes or ())[:_MOST] if question else ():
        if not valid_uid(value):
            yield Finding(repr(value[:80]), "a UID", "TransferSyntaxUID")


@uids_are_uids.mutant(at=ASK)
def study_uid_is_empty(x: Exchange) -> Ask | None:
    """studyInstanceUID has no value."""
    return _edited(lambda root: _named(root, "StudyRequest", "studyInstanceUID", ""))(x)


@uids_are_uids.mutant(at=ASK)
def syntax_is_a_name(x: Exchange) -> Ask | None:
    """A transfer syntax is named in words."""
    return _edited(lambda root: _written(root, "TransferSyntaxUID", "Explicit VR Little Endian"), "documents")(x)


@rule(
    "client.wado-ws-lists-transfer-syntaxes",
    cites="PS3.18 2017b-6.4.1.1",
    verifies=("PS3.18-2017b-6.4.1.1-2", "XDSI-IDC-02"),
    on=KIND,
    who=USER_AGENT,
    content=False,
    due=False,
    when=lambda x: (question := asked(x)) is not None and question.service == "documents",
    says="A request for instances lists the transfer syntaxes that can be taken, at least one.",
)
def lists_transfer_syntaxes(x: Exchange) -> Iterator[Finding]:
    question = asked(x)
    if question is not None and not question.syntaxes:
        got = "an empty list" if question.syntaxes is not None else "no list"
        yield Finding(got, "TransferSyntaxUIDList with at least one TransferSyntaxUID", "Body")


@lists_transfer_syntaxes.mutant(at=ASK)
def lists_none(x: Exchange) -> Ask | None:
    """There is no TransferSyntaxUIDList."""
    return _edited(lambda root: _removed(root, "TransferSyntaxUIDList"), "documents")(x)


@lists_transfer_syntaxes.mutant(at=ASK)
def list_is_empty(x: Exchange) -> Ask | None:
    """The list has no element."""

    def edit(root: Any) -> bool:
        found = first(root, "TransferSyntaxUIDList")
        if found is not None:
            found[:] = []
        return found is not None

    return _edited(edit, "documents")(x)


@rule(
    "client.wado-ws-lists-media-types",
    cites="PS3.18 2017b-6.4.2.1",
    verifies="PS3.18-2017b-6.4.2.1-1",
    on=KIND,
    who=USER_AGENT,
    content=False,
    due=False,
    when=lambda x: (question := asked(x)) is not None and question.service == "rendered",
    says="A request for renderings lists media types for each document, at least one.",
)
def lists_media_types(x: Exchange) -> Iterator[Finding]:
    for number, wanted in _documents(x):
        listed = wanted.lists.get("ContentTypeList", ())
        if not listed or not all("/" in type_ for type_ in listed):
            yield Finding(", ".join(listed)[:80] or "none", "media types", f"document {number}: ContentTypeList")


def _documents(x: Exchange) -> list[tuple[int, Wanted]]:
    question = asked(x)
    return list(enumerate(question.documents[:_MOST], 1)) if question else []


@lists_media_types.mutant(at=ASK)
def media_types_are_left_out(x: Exchange) -> Ask | None:
    """There is no ContentTypeList."""
    return _edited(lambda root: _removed(root, "ContentTypeList"), "rendered")(x)


@lists_media_types.mutant(at=ASK)
def media_type_is_an_ending(x: Exchange) -> Ask | None:
    """The media type is the ending of a file name."""
    return _edited(lambda root: _written(root, "ContentType", "jpg"), "rendered")(x)


@rule(
    "client.wado-ws-values",
    cites="PS3.18 2017b-6.4.2.1; 9.5.1.2",
    verifies="PS3.18-2017b-6.4.2.1-1",
    on=KIND,
    who=USER_AGENT,
    content=False,
    due=False,
    when=lambda x: any(set(wanted.texts) & set(_NUMBERS) for _, wanted in _documents(x)),
    says="Rows, Columns, FrameNumber and ImageQuality are positive integers, windows and regions are decimals.",
)
def values_have_their_form(x: Exchange) -> Iterator[Finding]:
    for number, wanted in _documents(x):
        for name, form in _NUMBERS.items():
            value = wanted.texts.get(name)
            if value is not None and not form(value):
                yield Finding(repr(value[:80]), "a number of its kind", f"document {number}: {name}")


def _positive(text: str) -> bool:
    return text.isascii() and text.isdigit() and text.strip("0") != ""


def _decimal(text: str) -> bool:
    try:
        return abs(float(text)) < float("inf")
    except ValueError:
        return False


def _quality(text: str) -> bool:
    return _positive(text) and len(text) < 9 and int(text) <= 100


def _region(text: str) -> bool:
    """Left, top, right and bottom, as fractions of the image (9.5.1.2.5)."""
    corners = text.split(",")
    if len(corners) != 4 or not all(_decimal(corner) for corner in corners):
        return False
    left, top, right, bottom = (float(corner) for corner in corners)
    return 0 <= left < right <= 1 and 0 <= top < bottom <= 1


_NUMBERS: dict[str, Callable[[str], bool]] = {
    "Rows": _positive,
    "Columns": _positive,
    "FrameNumber": _positive,
    "ImageQuality": _quality,
    "Region": _region,
    "WindowCenter": _decimal,
    "WindowWidth": _decimal,
}


@values_have_their_form.mutant(at=ASK)
def rows_are_negative(x: Exchange) -> Ask | None:
    """Rows is -1, for whatever the server likes."""
    return _edited(lambda root: _written(root, "Rows", "-1"))(x)


@values_have_their_form.mutant(at=ASK)
def frames_from_nought(x: Exchange) -> Ask | None:
    """The first frame is called 0."""
    return _edited(lambda root: _written(root, "FrameNumber", "0"))(x)


@values_have_their_form.mutant(at=ASK)
def region_is_in_pixels(x: Exchange) -> Ask | None:
    """The region is counted in pixels."""
    return _edited(lambda root: _written(root, "Region", "0,0,512,512"))(x)


@rule(
    "client.wado-ws-xpath",
    cites="PS3.18 2017b-6.4.3.1",
    verifies="PS3.18-2017b-6.4.3.1-1",
    on=KIND,
    who=USER_AGENT,
    content=False,
    due=False,
    when=lambda x: (question := asked(x)) is not None and question.service == "metadata",
    says="A request for metadata has an XPath and a RepositoryUniqueId for each document.",
)
def has_an_xpath(x: Exchange) -> Iterator[Finding]:
    for number, wanted in _documents(x):
        if not wanted.xpaths or not all(wanted.xpaths):
            yield Finding("none" if not wanted.xpaths else "an empty one", "an XPath", f"document {number}: XPath")
        for xpath in wanted.xpaths[:_MOST]:
            if len(xpath) <= _LONGEST and xpath and not _is_xpath(xpath):
                # the clause names no version; what we can read is 1.0
                yield Finding(xpath[:120], "an XPath", f"document {number}: XPath", warn=True)
        if not wanted.texts.get("RepositoryUniqueId"):
            yield Finding("none", "the id of the endpoint", f"document {number}: RepositoryUniqueId")


def _is_xpath(text: str) -> bool:
    try:
        etree.XPath(text)
    except (etree.XPathError, ValueError):
        return False
    return True


@has_an_xpath.mutant(at=ASK)
def asks_for_everything_by_nothing(x: Exchange) -> Ask | None:
    """The XPath is empty, which is to mean everything."""
    return _edited(lambda root: _written(root, "XPath", ""), "metadata")(x)


@has_an_xpath.mutant(at=ASK)
def repository_is_left_out(x: Exchange) -> Ask | None:
    """A document has no RepositoryUniqueId."""
    return _edited(lambda root: _removed(root, "RepositoryUniqueId"), "metadata")(x)
