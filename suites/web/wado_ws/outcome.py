"""Rules on what an answer of WADO-WS says of each document: status, accounting, errors, echoed identifiers.

Must not know what is in the documents, nor which code belongs to which situation (PS3.18 2017b 6.4.1.2.1, 6.4.2.2,
6.4.3.2).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

import schemas
from harness.exchange import Answer, Exchange
from harness.rule import Finding, ground, rule
from harness.wire import soap
from suites.web.wado_ws.bend import answer, first, said, told
from suites.web.wado_ws.reading import (
    IHE,
    KIND,
    OTHER_NAME,
    RAD,
    RESPONSES,
    WADO,
    answered,
    both,
    envelope,
    response,
)

SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"
PARTIAL = "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess"
FAILURE = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure"
SEVERITIES = ("Error", "Warning")
_FOLDER = Path(schemas.__file__).parent / "wado-ws"
_SCHEMAS = {IHE: "XDS.b_DocumentRepository.xsd", RAD: "XDSI.b_ImagingDocumentSource.xsd",
            WADO: "dicom.wado.ws.2011.xsd"}  # fmt: skip
_NO_PUBLISHED = "RetrieveImagingDocumentSetInformation"  # of that service no schema was ever published
_KEPT = 20


@cache
def _schema(namespace: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(_FOLDER / _SCHEMAS[namespace])))


def departures(content: Any) -> Iterator[Finding]:
    """Where an element departs from the definition of its service; an Include stands for the octets it refers to."""
    namespace = str(content.tag).rpartition("}")[0][1:]
    if namespace not in _SCHEMAS:
        return
    whole = copy.deepcopy(content)
    if whole.tag == OTHER_NAME:
        whole.tag = RESPONSES["rendered"]
    yield from _in_order_of_the_text(whole)
    for include in list(whole.iter(soap.INCLUDE)):
        include.getparent().remove(include)
    schema: Any = _schema(namespace)  # its log has no iterator for those who check types
    schema.validate(whole)
    for error in [*schema.error_log][:_KEPT]:
        message = error.message.replace("{" + namespace + "}", "")
        yield Finding(message[:300], "the content that the clause defines", "Body", warn=_NO_PUBLISHED in content.tag)


def _in_order_of_the_text(content: Any) -> Iterator[Finding]:
    """6.4.1.2.1 lists Document before mimeType, the schema that it imports has them the other way: put in its order."""
    document, type_ = f"{{{IHE}}}Document", f"{{{IHE}}}mimeType"
    for element in content.iter(f"{{{IHE}}}DocumentResponse"):
        if [child.tag for child in element][-2:] == [document, type_]:
            element.append(element[-2])
            yield Finding("mimeType after Document", "the order of the schema", "DocumentResponse", warn=True)


@rule(
    "wado-ws.answer-is-built",
    cites="PS3.18 2017b-6.4.1.2.1; 6.4.2.2; 6.4.3.2",
    verifies=("PS3.18-2017b-6.4.1.2.1-1", "PS3.18-2017b-6.4.1.2.1-2", "PS3.18-2017b-6.4.2.2-1"),
    on=KIND,
    when=lambda x: answered(x) is not None and response(x) in RESPONSES.values(),
    says="The response element has its RegistryResponse and its documents, each with the elements that it needs.",
)
def answer_is_built(x: Exchange) -> Iterator[Finding]:
    yield from departures(envelope(x.answer).content)


@answer_is_built.mutant
def media_type_is_missing(x: Exchange) -> Answer | None:
    """A document comes without its mimeType."""
    return said(x, "mimeType", None)


@answer_is_built.mutant
def document_comes_before_its_name(x: Exchange) -> Answer | None:
    """The elements of a document stand in another order."""

    def edit(root: Any) -> bool:
        element = first(root, "DocumentResponse")
        if element is None:
            return False
        element.insert(0, element[-1])
        return True

    return answer(x, edit)


@answer_is_built.mutant
def errors_have_no_code(x: Exchange) -> Answer | None:
    """A RegistryError has no errorCode."""
    return told(x, "RegistryError", "errorCode", None)


@rule(
    "wado-ws.status-value",
    cites="PS3.18 2017b-6.4.1.2.1; 6.4.2.2; 6.4.3.2",
    verifies="PS3.18-2017b-6.4.1.2.1-1",
    on=KIND,
    when=lambda x: answered(x) is not None,
    says="The status is Success, PartialSuccess or Failure, each with its own prefix.",
)
def status_value(x: Exchange) -> Iterator[Finding]:
    found = answered(x)
    if found is not None and found.said not in (SUCCESS, PARTIAL, FAILURE):
        yield Finding(found.said[:120] or "none", f"{SUCCESS}, {PARTIAL} or {FAILURE}", "RegistryResponse/@status")


@status_value.mutant
def status_is_a_word(x: Exchange) -> Answer | None:
    """The status is the bare word."""
    return told(x, "RegistryResponse", "status", "Success")


@status_value.mutant
def partial_success_of_ebxml(x: Exchange) -> Answer | None:
    """PartialSuccess has the prefix of the other two."""
    value = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:PartialSuccess"
    return told(x, "RegistryResponse", "status", value)


@rule(
    "wado-ws.status-agrees",
    cites="PS3.18 2017b-6.4.1.2.1; ITI TF-2 4.1.13",
    verifies=("PS3.18-2017b-6.4.1.2.1-1", "PS3.18-2017b-6.4.1.2.1-4"),
    on=KIND,
    when=lambda x: both(x) is not None,
    says="All documents and no error is Success, some of each is PartialSuccess, none is Failure.",
)
def status_agrees(x: Exchange) -> Iterator[Finding]:
    found = both(x)
    if found is None:
        return
    _, answer_ = found
    wanted = "Success" if not answer_.refusals else "PartialSuccess" if answer_.documents else "Failure"
    if answer_.status != wanted and (answer_.documents or answer_.errors):
        got = f"{answer_.status or 'none'} with {len(answer_.documents)} documents, {len(answer_.refusals)} errors"
        yield Finding(got, wanted, "RegistryResponse/@status")


@status_agrees.mutant
def always_success(x: Exchange) -> Answer | None:
    """The status is Success whatever became of the documents."""
    return told(x, "RegistryResponse", "status", SUCCESS)


@status_agrees.mutant
def always_failure(x: Exchange) -> Answer | None:
    """The status is Failure although documents came."""
    return told(x, "RegistryResponse", "status", FAILURE)


@rule(
    "wado-ws.accounts-for-each-document",
    cites="PS3.18 2017b-6.4.1.2; 6.4.1.2.1; 6.4.2.2; 6.4.3.2",
    verifies=("PS3.18-2017b-6.4.1.2-1", "PS3.18-2017b-6.4.1.2.1-4", "XDSI-IDS-04"),
    on=KIND,
    when=lambda x: (found := both(x)) is not None and bool(found[0].documents),
    says="Each document that is asked for is returned or has an error, never both, and no other document is returned.",
)
def accounts_for_each_document(x: Exchange) -> Iterator[Finding]:
    found = both(x)
    if found is None:
        return
    question, answer_ = found
    returned, refused = [d.name for d in answer_.documents], {e.location for e in answer_.refusals}
    names = [wanted.name for wanted in question.documents]
    for name in dict.fromkeys(names):
        if name not in returned and name not in refused:
            # an error that says nothing of where it stands may be about all of them
            anywhere = bool(answer_.refusals) and not refused & set(names)
            if not anywhere:
                yield Finding("neither returned nor an error", "a document or an error", f"document {name[:80]}")
        if returned.count(name) and name in refused and names.count(name) == 1:
            yield Finding("a document and an error", "one of them", f"document {name[:80]}")
        if returned.count(name) > names.count(name):
            yield Finding(f"{returned.count(name)} times", f"{names.count(name)}", f"document {name[:80]}")
    for name in dict.fromkeys(returned):
        if name not in names:
            yield Finding(f"document {name[:80]}", "documents that were asked for", "response")


def _without(x: Exchange, *names: str) -> Answer | None:
    def edit(root: Any) -> bool:
        element = first(root, *names)
        if element is not None:
            element.getparent().remove(element)
        return element is not None

    return answer(x, edit)


DOCUMENTS = ("DocumentResponse", "RenderedDocumentResponse", "DocumentInformationResponse")


@accounts_for_each_document.mutant
def loses_a_document(x: Exchange) -> Answer | None:
    """A document does not come, and no error tells why."""
    return _without(x, *DOCUMENTS)


@accounts_for_each_document.mutant
def keeps_errors_to_itself(x: Exchange) -> Answer | None:
    """What cannot be returned is left out without an error."""
    return _without(x, "RegistryErrorList")


@accounts_for_each_document.mutant
def sends_another_document(x: Exchange) -> Answer | None:
    """A document is returned that nobody asked for."""

    def edit(root: Any) -> bool:
        element = first(root, *DOCUMENTS)
        if element is None:
            return False
        other = copy.deepcopy(element)
        first(other, "DocumentUniqueId", "SourceDocumentUniqueId").text = "1.2.3.4.5"
        element.getparent().append(other)
        return True

    return answer(x, edit)


@accounts_for_each_document.mutant
def refuses_and_sends(x: Exchange) -> Answer | None:
    """An error stands beside the document that it says could not be returned."""

    def edit(root: Any) -> bool:
        element, response = first(root, *DOCUMENTS), first(root, "RegistryResponse")
        if element is None or first(root, "RegistryErrorList") is not None:
            return False
        listed = etree.SubElement(response, f"{{{etree.QName(response).namespace}}}RegistryErrorList")
        error = etree.SubElement(listed, f"{{{etree.QName(response).namespace}}}RegistryError")
        error.set("severity", "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error")
        error.set("location", first(element, "DocumentUniqueId", "SourceDocumentUniqueId").text)
        return True

    return answer(x, edit)


@rule(
    "wado-ws.error-tells",
    cites="PS3.18 2017b-6.4.1.2.1; 6.4.2.2; 6.4.3.2",
    verifies=("PS3.18-2017b-6.4.1.2.1-4", "XDSI-IDS-06"),
    on=KIND,
    when=lambda x: (found := both(x)) is not None and bool(found[1].errors),
    says="An error or warning has a severity, a code, a message in codeContext, and the document as its location.",
)
def error_tells(x: Exchange) -> Iterator[Finding]:
    found = both(x)
    if found is None:
        return
    question, answer_ = found
    names = {wanted.name for wanted in question.documents}
    for number, error in enumerate(answer_.errors[:_KEPT], 1):
        where = f"RegistryError {number}"
        if error.severity not in SEVERITIES:
            yield Finding(
                error.severity[:120] or "none", "...:ErrorSeverityType:Error or :Warning", f"{where}/@severity"
            )
        if not error.code:
            yield Finding("none", "an error code", f"{where}/@errorCode")
        if not error.context:
            yield Finding("none", "a message", f"{where}/@codeContext")
        if error.location not in names:
            yield Finding(error.location[:120] or "none", "the DocumentUniqueId", f"{where}/@location")


@error_tells.mutant
def location_is_a_class(x: Exchange) -> Answer | None:
    """The location is a place in the server's code."""
    return told(x, "RegistryError", "location", "org.example.Retrieve.java:217")


@error_tells.mutant
def severity_is_a_word(x: Exchange) -> Answer | None:
    """The severity is "Fatal"."""
    return told(x, "RegistryError", "severity", "Fatal")


@error_tells.mutant
def gives_no_message(x: Exchange) -> Answer | None:
    """codeContext is empty."""
    return told(x, "RegistryError", "codeContext", "")


@rule(
    "wado-ws.warning-comes-with-its-document",
    cites="PS3.18 2017b-6.4.1.2.1; 6.4.2.2; 6.4.3.2",
    verifies="PS3.18-2017b-6.4.1.2.1-4",
    on=KIND,
    due=False,
    when=lambda x: (found := both(x)) is not None and any(e.severity == "Warning" for e in found[1].errors),
    says="A document that has a warning is returned.",
)
def warning_comes_with_its_document(x: Exchange) -> Iterator[Finding]:
    found = both(x)
    if found is None:
        return
    question, answer_ = found
    returned = {document.name for document in answer_.documents}
    refused = {error.location for error in answer_.refusals}
    for error in answer_.errors:
        if error.severity == "Warning" and error.location not in returned | refused and question.named(error.location):
            yield Finding("a warning and no document", "the document", f"document {error.location[:80]}")


@warning_comes_with_its_document.mutant
def warned_is_not_sent(x: Exchange) -> Answer | None:
    """The error of a document that does not come is called a warning."""
    return told(x, "RegistryError", "severity", "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Warning")


ground("wado-ws", accounts_for_each_document)
