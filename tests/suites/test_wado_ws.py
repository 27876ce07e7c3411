"""Rules of WADO-WS on exchanges worked out by hand: right ones in the manner of several stacks, and wrong variants."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import suites
from harness.body import Body
from harness.context import Context
from harness.exchange import Answer, Ask, Exchange, Headers
from harness.judge import Judge
from harness.past import Past
from harness.rule import CATALOGUE
from harness.target import TargetError, parse
from tests.suites import retrieving as r

suites.load()
GOLDEN = Path(__file__).parent.parent / "golden" / "wado_ws"
RULES = [rule for rule in CATALOGUE.rules.values() if rule.on == "web.wado-ws"]
STUDY, SERIES = "1.3.6.1.4.1.5962.1", "1.3.6.1.4.1.5962.1.1"
BASE = "http://pacs.example/dicomweb"
Edit = Callable[[bytes], bytes]


def file(number: int) -> bytes:
    dataset = r.dataset(number)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY, SERIES
    dataset.SOPInstanceUID = f"{SERIES}.{number}"
    octets: bytes = r.part10(dataset, "1.2.840.10008.1.2.1")
    return octets


def golden(name: str) -> tuple[str, Headers, bytes]:
    """The first line, the header fields and the payload of a golden message."""
    octets = (GOLDEN / f"{name}.txt").read_bytes().replace(b"\n", b"\r\n")
    head, _, payload = octets.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    payload = payload.replace(b"{FILE}", file(1)).replace(b"{OTHER}", file(2))
    return line, Headers(tuple((n, v.strip()) for n, _, v in (f.partition(":") for f in fields))), payload


def exchange(ask: str, answer: str, edit: Edit = bytes, asked: Edit = bytes, **about: Any) -> Exchange:
    line, fields, payload = golden(ask)
    method, target, _ = line.split(" ")
    question = Ask(method, target, BASE, fields, Body.of(asked(payload)))
    line, fields, payload = golden(answer)
    said = Answer(int(line.split(" ")[1]), "", fields, Body.of(edit(payload)))
    return Exchange(1, question, said, context=Context(past=Past()), **about)


def met(x: Exchange) -> dict[str, bool]:
    """The rules that found something, and whether it is more than a warning."""
    judge = Judge(CATALOGUE, rules=RULES, grounded=False)
    found: dict[str, bool] = {}
    for rule, finding in judge.see(x):
        found[rule] = found.get(rule, False) or not finding.warn
    return found


def swapped(old: bytes, new: bytes) -> Edit:
    def edit(octets: bytes) -> bytes:
        assert old in octets
        return octets.replace(old, new)

    return edit


RIGHT = [
    ("rad69-request", "rad69-response"),
    ("rad69-request", "rad69-partial"),
    ("metadata-request", "metadata-response"),
    ("rad69-request", "fault"),
]


@pytest.mark.parametrize(("ask", "answer"), RIGHT)
@pytest.mark.parametrize("side", ["origin-server", "user-agent"])
def test_what_is_right_meets_nothing(ask: str, answer: str, side: str) -> None:
    assert met(exchange(ask, answer, judged=frozenset({side}))) == {}


def test_general_rules_on_messages_leave_a_package_alone() -> None:
    x = exchange("rad69-request", "rad69-response", judged=frozenset({"origin-server", "user-agent"}))
    general = [rule for rule in CATALOGUE.rules.values() if rule.on.startswith("web|") or rule.on == "web"]
    judge = Judge(CATALOGUE, rules=[rule for rule in general if not rule.wire], grounded=False)
    # the test gives no lengths of the messages themselves
    assert {rule for rule, _ in judge.see(x)} - {"http.length-or-transfer-encoding"} <= {"http.status-line"}


def test_what_was_judged_was_exercised() -> None:
    judge = Judge(CATALOGUE, rules=RULES, grounded=False)
    judge.see(exchange("rad69-request", "rad69-partial"))
    passed = {v.rule for v in judge.finish() if v.outcome.value == "pass"}
    assert passed >= {
        "wado-ws.accounts-for-each-document", "wado-ws.document-belongs", "wado-ws.listed-transfer-syntax",
        "wado-ws.echoes-identifiers", "wado-ws.error-tells", "wado-ws.package", "wado-ws.includes",
        "wado-ws.status-agrees", "wado-ws.answer-is-built", "wado-ws.relates-to-the-question",
    }  # fmt: skip


_REPOSITORY = b"RetrieveDocumentSet</Action>"
_SECOND, _THIRD = b"UniqueId>1.3.6.1.4.1.5962.1.1.2<", b"UniqueId>1.3.6.1.4.1.5962.1.1.3<"
ANSWERS = [
    ("partial", (b":PartialSuccess", b":Success"), "wado-ws.status-agrees"),
    ("partial", (b"urn:ihe:iti:2007:ResponseStatusType:", b""), "wado-ws.status-value"),
    ("partial", (b'location="1.3.6.1.4.1.5962.1.1.2"', b'location=""'), "wado-ws.error-tells"),
    ("partial", (b'codeContext="no such instance"', b'codeContext=""'), "wado-ws.error-tells"),
    ("partial", (b"ErrorSeverityType:Error", b"ErrorSeverityType:Warning"), "wado-ws.accounts-for-each-document"),
    ("response", (b"soap:mustUnderstand", b"soap:relay"), "wado-ws.action-must-be-understood"),
    ("response", (b"RetrieveDocumentSetResponse</Action>", _REPOSITORY), "wado-ws.answers-by-action"),
    ("response", (b">urn:uuid:9376254e", b">urn:uuid:0000254e"), "wado-ws.relates-to-the-question"),
    ("response", (b"1c2d-1%40", b"1c2d-9%40"), "wado-ws.includes"),
    ("response", (b"cid:1c2d-1%40cxf", b"1c2d-1%40cxf"), "wado-ws.includes"),
    ("response", (b"application/xop+xml; charset", b"text/xml; charset"), "wado-ws.package"),
    ("response", (b"<ns4:mimeType>application/dicom</ns4:mimeType>", b""), "wado-ws.answer-is-built"),
    ("response", (b"mimeType>application/dicom<", b"mimeType>image/jpeg<"), "wado-ws.file-is-part10"),
    ("response", (b">urn:oid:1.2.3<", b">urn:oid:1.2.4<"), "wado-ws.echoes-identifiers"),
    ("response", (b"5962.77<", b"5962.78<"), "wado-ws.echoes-identifiers"),
    ("response", (_SECOND, _THIRD), "wado-ws.accounts-for-each-document"),
    ("response", (b"2003/05/soap-envelope", b"2003/06/soap-envelope"), "wado-ws.envelope"),
    ("response", (b"</soap:Body></soap:Envelope>", b"</soap:Envelope>"), "wado-ws.envelope"),
    ("response", (b"xsd:rs:3.0", b"xsd:rs:2.0"), "wado-ws.answer-is-built"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "change", "rule"), ANSWERS)
def test_a_wrong_answer_is_found(answer: str, change: tuple[bytes, bytes], rule: str) -> None:
    assert met(exchange("rad69-request", f"rad69-{answer}", swapped(*change))).get(rule) is True


def test_documents_that_are_swapped_are_found() -> None:
    def swap(octets: bytes) -> bytes:
        one, other = b"cid:1c2d-1%40", b"cid:1c2d-2%40"
        return octets.replace(one, b"cid:-").replace(other, one).replace(b"cid:-", other)

    assert met(exchange("rad69-request", "rad69-response", swap))["wado-ws.document-belongs"]


def test_a_transfer_syntax_that_was_not_listed_is_found() -> None:
    other = swapped(b"UID>1.2.840.10008.1.2.1<", b"UID>1.2.840.10008.1.2.4.90<")
    assert met(exchange("rad69-request", "rad69-response", asked=other))["wado-ws.listed-transfer-syntax"]


def test_base64_in_the_envelope_is_a_warning_to_who_asks_without_a_package() -> None:
    include = b'<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:1c2d-1%40cxf.apache.org"/>'
    inline = swapped(include, b"AAAA")
    assert met(exchange("rad69-request", "rad69-partial", inline))["wado-ws.documents-are-parts"] is True
    assert met(exchange("rad69-plain-request", "rad69-partial", inline))["wado-ws.documents-are-parts"] is False


def _base64_part(octets: bytes) -> bytes:
    """The first document coded in base64, which its part says."""
    coded = base64.encodebytes(file(1)).replace(b"\n", b"\r\n")
    head, mark, rest = octets.partition(b"\r\n\r\n" + file(1))
    assert mark
    before, _, after = head.rpartition(b"binary")
    return before + b"base64" + after + b"\r\n\r\n" + coded + rest


def test_a_part_may_be_coded_in_base64() -> None:
    x = exchange("rad69-request", "rad69-partial", _base64_part)
    assert met(x) == {}
    assert x.answer.files == ()  # rules on files of other services do not take the code for the file


def test_a_media_type_after_its_document_is_a_warning() -> None:
    """6.4.1.2.1 tells them in that order, the schema that it imports in the other."""

    element, end = b"<ns4:mimeType>application/dicom</ns4:mimeType>", b"</ns4:Document>"

    def turned(octets: bytes) -> bytes:
        assert octets.count(element) == octets.count(end) == 1
        return octets.replace(element, b"").replace(end, end + element)

    assert met(exchange("rad69-request", "rad69-partial", turned)) == {"wado-ws.answer-is-built": False}


def test_results_may_be_parts_or_base64_and_their_order_counts_there_too() -> None:
    names = {f'/NativeDicomModel/DicomAttribute[@tag="{t}"]': k for t, k in
             (("00100010", "PatientName"), ("00104000", ""))}  # fmt: skip
    facts = {"keywords": names}

    def coded(octets: bytes) -> bytes:
        head, _, rest = octets.partition(b"<w:XPathResponse>")
        result, _, tail = rest.partition(b"</w:XPathResponse>")
        return head + b"<w:XPathResponse>" + base64.b64encode(result) + b"</w:XPathResponse>" + tail

    def turned(octets: bytes) -> bytes:
        head, mark, rest = coded(octets).partition(b"<w:XPathResponse>")
        result, _, tail = rest.partition(b"<w:XPathResponse/>")
        return head + b"<w:XPathResponse/>" + mark + result + tail

    assert met(exchange("metadata-request", "metadata-response", coded, facts=facts)) == {}
    assert met(exchange("metadata-request", "metadata-response", turned, facts=facts))["wado-ws.results-in-order"]


def test_soap_11_may_be_refused_in_soap_11() -> None:
    x = exchange("rad69-plain-request", "fault", facts={"wrong": "version"})
    fault = b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault/></s:Body></s:Envelope>'
    told = x.answer.but(status=500, type="text/xml", body=fault)
    assert "wado-ws.wrong-is-refused" not in met(x.but(answer=told))
    assert "wado-ws.wrong-is-refused" in met(x.but(answer=told.but(body=b"oops")))


def test_what_tells_of_documents_is_no_error_of_http() -> None:
    x = exchange("rad69-request", "rad69-partial")
    assert met(x.but(answer=x.answer.but(status=404))) == {"wado-ws.answer-status": True}
    assert met(x.but(answer=x.answer.but(status=203))).get("wado-ws.answer-status") is False


def test_results_of_xpaths_are_counted() -> None:
    x = exchange("metadata-request", "metadata-response", swapped(b"<w:XPathResponse/>", b""))
    assert met(x) == {"wado-ws.a-result-for-each-xpath": True}


REQUESTS = [
    ((b"urn:ihe:rad:2009:R", b"urn:ihe:rad:2010:R"), "client.wado-ws-action"),
    ((b' studyInstanceUID="1.3.6.1.4.1.5962.1"', b""), "client.wado-ws-request-is-built"),
    ((b"5962.1.1\"", b"5962.1.01\""), "client.wado-ws-uids"),
    ((b"UID>1.2.840.10008.1.2.4.70<", b"UID>JPEG Lossless<"), "client.wado-ws-uids"),
    ((b"DocumentUniqueId", b"DocumentId"), "client.wado-ws-request-is-built"),
    ((b"urn:ihe:rad:xdsi-b:2009", b"urn:ihe:rad:xdsi-b:2010"), "client.wado-ws-asks-for-something"),
    ((b"MessageID", b"MessageId"), "client.wado-ws-names-its-message"),
    ((b"soap:mustUnderstand=\"true\"", b""), "wado-ws.action-must-be-understood"),
    ((b"TransferSyntaxUIDList", b"TransferSyntaxes"), "client.wado-ws-lists-transfer-syntaxes"),
    ((b"<root.message@cxf.apache.org>", b"<another@cxf.apache.org>"), "wado-ws.package"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "rule"), REQUESTS)
def test_a_wrong_request_is_found(change: tuple[bytes, bytes], rule: str) -> None:
    x = exchange("rad69-request", "rad69-response", asked=swapped(*change), judged=frozenset({"user-agent"}))
    assert met(x).get(rule) is True


def test_the_other_spelling_of_an_action_is_a_warning() -> None:
    other = swapped(b"urn:wado:2011:", b"urn:dicom:wado:ws:2011:")
    x = exchange("metadata-request", "metadata-response", other, other, judged=frozenset({"user-agent"}))
    assert met(x)["client.wado-ws-action"] is False
    strict = Context(policies={"D-29": "text"}, past=Past())
    judge = Judge(CATALOGUE, strict, RULES, grounded=False)
    assert [finding.warn for rule, finding in judge.see(x) if rule == "client.wado-ws-action"] == [False]


def test_a_server_that_says_one_thing_to_everybody_earns_no_pass_on_content() -> None:
    judge = Judge(CATALOGUE, rules=RULES)
    judge.see(exchange("rad69-request", "rad69-response"))
    judge.see(exchange("rad69-plain-request", "rad69-response"))
    judge.see(exchange("metadata-request", "rad69-response"))
    verdicts = {v.rule: v.outcome.value for v in judge.finish()}
    assert verdicts["wado-ws.accounts-for-each-document"] == "fail"
    content = [rule.id for rule in RULES if rule.content]
    assert [rule for rule in content if verdicts[rule] == "pass"] == []


def test_a_target_may_tell_the_repository_of_its_endpoint(tmp_path: Path) -> None:
    def target(url: str) -> str:
        file = tmp_path / "target.toml"
        file.write_text(f'[web]\nbase = "https://pacs.example/dicomweb"\nwado_ws = "{url}"\n')
        return parse(str(file), {}).wado_ws

    assert target("https://pacs.example/ws#1.2.3") == "https://pacs.example/ws#1.2.3"
    assert target("https://pacs.example/ws") == "https://pacs.example/ws"
    for wrong in ("https://pacs.example/ws#name", "https://other.example/ws#1.2.3"):
        with pytest.raises(TargetError):
            target(wrong)


CODES = [
    ("unknown-document", b"urn:dicom:wado:0017", None),
    ("unknown-document", b"XDSDocumentUniqueIdError", False),
    ("unknown-document", b"urn:dicom:wado:0001", True),
    ("unknown-study", b"urn:dicom:wado:0015", None),
    ("unknown-study", b"urn:dicom:wado:0017", False),
    ("unknown-study", b"urn:dicom:wado:0006", True),
    ("unsupported-syntax", b"urn:dicom:wado:0007", None),
    ("frame-out-of-range", b"urn:dicom:wado:0018", None),
    ("frame-out-of-range", b"urn:dicom:wado:0017", True),
]


@pytest.mark.parametrize(("situation", "code", "hard"), CODES)
def test_codes_fit_their_situation(situation: str, code: bytes, hard: bool | None) -> None:
    edit = swapped(b"urn:dicom:wado:0017", code)
    x = exchange("rad69-request", "rad69-partial", edit, facts={"situation": situation})
    assert met(x).get(f"wado-ws.code-{situation}") is hard


@settings(deadline=None, max_examples=25)
@given(st.binary(max_size=400), st.sampled_from(["rad69-response", "metadata-response", "fault"]), st.integers(0, 2000))
def test_no_rule_breaks_on_octets(octets: bytes, name: str, at: int) -> None:
    errors: list[str] = []
    judge = Judge(CATALOGUE, rules=RULES, grounded=False, on_error=lambda rule, text: errors.append(f"{rule} {text}"))
    both = frozenset({"origin-server", "user-agent"})

    def spoil(whole: bytes) -> bytes:
        return whole[:at] + octets + whole[at + len(octets) :]

    judge.see(exchange("rad69-request", name, spoil, judged=both))
    judge.see(exchange("metadata-request", name, asked=spoil, judged=both))
    assert errors == []
