"""Rules that bind user agents: right requests and conversations leave them silent, wrong ones do not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import suites
from dicomproof.reask import ASKED, conversation
from harness.body import Body
from harness.context import Context
from harness.exchange import Answer, Ask, Exchange, Headers, Journey
from harness.judge import Judge
from harness.make.corpus import corpus
from harness.make.holding import Holding
from harness.make.queries import Query, queries
from harness.past import Past
from harness.rule import At, Finding, Role
from harness.verdict import Outcome
from suites.web.client.bend import stored
from suites.web.client.talk import asked_for, listed, refused, talk

CATALOGUE = suites.load()
CLIENT = [r for r in CATALOGUE.rules.values() if r.who is Role.USER_AGENT and not r.on.startswith("dimse")]
BASE = "http://pacs.example/dicomweb"
JSON, XML = "application/dicom+json", 'multipart/related; type="application/dicom+xml"'
DICOM = 'multipart/related; type="application/dicom"'
OCTETS = 'multipart/related; type="application/octet-stream"'
ONE = "studies/1.2/series/1.3/instances/1.4"
OK = Answer(200)


def get(path: str, accept: str | None = JSON, *fields: tuple[str, str], method: str = "GET") -> Ask:
    given_ = [("Host", "pacs.example"), *([("Accept", accept)] if accept is not None else []), *fields]
    return Ask(method, f"/dicomweb/{path}", BASE, Headers.of(given_))


def post(*parts: tuple[list[tuple[str, str]], bytes], root: str = "application/dicom", path: str = "studies") -> Ask:
    return stored(get(path, JSON, method="POST"), root, *parts)


def met(*asks: Ask, edition: str = "2024e") -> dict[str, list[Finding]]:
    """What all rules say of these requests, by rule."""
    judge = Judge(CATALOGUE, Context(edition, past=Past()), grounded=False)
    found: dict[str, list[Finding]] = {}
    for number, ask in enumerate(asks, 1):
        for rule, finding in judge.see(Exchange(number, ask, OK, judged=ASKED)):
            found.setdefault(rule, []).append(finding)
    errors = [v.why for v in judge.finish() if v.outcome is Outcome.ERROR]
    assert errors == []
    return found


FILE = ([("Content-Type", "application/dicom")], bytes(128) + b"DICM")

RIGHT = {
    "search": get("studies?PatientName=DOE%5EJ*&StudyDate=20240101-20240131&limit=10&offset=5"),
    "search by tags": get("studies?00100020=1&includefield=00081030,StudyDescription&fuzzymatching=true"),
    "search in a sequence": get("series?00400275.00401001=1&RequestAttributesSequence.ScheduledProcedureStepID=2"),
    "search by a list of UIDs": get("studies?StudyInstanceUID=1.2,1.3"),
    "search below": get("studies/1.2/series?Modality=CT&PatientID=1&ModalitiesInStudy=CT"),
    "search with a private key": get("studies?00230010=AcmeCompany&00231001=1&includefield=00231002"),
    "search for anything": get("studies?PatientID=&AccessionNumber"),
    "search with everything": get("instances?includefield=all"),
    "search with wildcards": get("studies?PatientName=*%3F"),
    "search with options of later editions": get("studies?emptyvaluematching=true&multiplevaluematching=false"),
    "search with a combined time": get("studies?StudyDate=20240131&StudyTime=10-1130&TimezoneOffsetFromUTC=%2B0100"),
    "search for XML": get("studies", XML),
    "search for either": get("studies", f"{JSON}, {XML};q=0.5"),
    "search for anything acceptable": get("studies", "*/*"),
    "instance": get(ONE, "application/dicom"),
    "instance in any syntax": get(ONE, f"{DICOM}; transfer-syntax=*"),
    "instance in two syntaxes": get(
        ONE, f"{DICOM}; transfer-syntax=1.2.840.10008.1.2.4.50; q=0.5, {DICOM}; transfer-syntax=1.2.840.10008.1.2.1"
    ),
    "type without quotes": get("studies/1.2", "multipart/related; type=application/dicom"),
    "boundary of the standard's own example": get("studies/1.2", f"{DICOM}; boundary=**"),
    "study": get("studies/1.2", DICOM),
    "metadata": get("studies/1.2/metadata", JSON),
    "frames": get(f"{ONE}/frames/1,3,7", OCTETS),
    "compressed frames": get(f"{ONE}/frames/1", 'multipart/related; type="image/jpeg"; transfer-syntax=*'),
    "frames in any syntax": get(
        f"{ONE}/frames/1", "multipart/related; type=application/octet-stream; transfer-syntax=*"
    ),
    "what a library of browsers accepts": get("studies", "application/json, text/plain, */*"),
    "any image": get(f"{ONE}/frames/1", 'multipart/related; type="image/*"'),
    "bulkdata": get(f"{ONE}/bulkdata/7FE00010", "application/octet-stream"),
    "rendered": get(f"{ONE}/rendered", "image/png, image/jpeg;q=0.9"),
    "range": get(f"{ONE}/bulkdata/1", "application/octet-stream", ("Range", "bytes=0-9")),
    "ranges": get(f"{ONE}/bulkdata/1", "application/octet-stream", ("Range", "bytes=0-9, 20-, -5")),
    "range of another unit": get(ONE, "application/dicom", ("Range", "items=a")),
    "conditions": get(
        "studies/1.2/metadata",
        JSON,
        ("If-None-Match", 'W/"a,b", "c"'),
        ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ),
    "any condition": get("studies/1.2/metadata", JSON, ("If-Match", "*")),
    "codings": get(
        "studies",
        JSON,
        ("Accept-Encoding", "gzip;q=1.0, identity; q=0.5, *;q=0"),
        ("Accept-Charset", "utf-8, iso-8859-1;q=0.5"),
    ),
    "no coding": get("studies", JSON, ("Accept-Encoding", "")),
    "media type in a link": get(
        "studies/1.2/metadata?accept=multipart/related;type=%22application/dicom%2Bxml%22", "*/*"
    ),
    "cache": get("studies?_=1699999&limit=1"),
    "date before": get("studies?StudyDate=-20240101&PatientName=M%C3%BCller*&ReferringPhysicianName=*"),
    "one day": get("studies?StudyDate=20240101-20240101&StudyTime=2200-0600"),
    "numbers": get("series?SeriesNumber=%2B1"),
    "codes": get("studies?ModalitiesInStudy=C*&AccessionNumber=%22%22&emptyvaluematching=true"),
    "long with wild cards": get(f"studies?AccessionNumber=*{'4' * 20}*"),
    "viewport": get(f"{ONE}/rendered?viewport=512,512,,,512,512&quality=100&iccprofile=no", "image/jpeg"),
    "window": get(f"{ONE}/rendered?window=-600,1500.5,linear-exact&annotation=patient,technique,logo", "image/*"),
    "size without a region": get(f"{ONE}/thumbnail?viewport=64%2C64", "image/jpeg, */*;q=0.1"),
    "what a server has besides": get("studies/1.2/series/1.3/reject/113001"),
    "another service": get("patients/1"),
    "absolute": get("studies").but(target="http://pacs.example/dicomweb/studies"),
    "text of a document": get(f"{ONE}/rendered", "text/html, application/pdf"),
    "conditional": get("studies/1.2/metadata", JSON, ("If-None-Match", '"1"')),
    "head": get("studies", None, method="HEAD"),
    "capabilities": get("", JSON, method="OPTIONS"),
    "preflight": get("studies", None, ("Access-Control-Request-Method", "GET"), method="OPTIONS"),
    "accept by parameter": get("studies/1.2/metadata?accept=application/dicom%2Bjson", "*/*"),
    "store of nothing that we know": post(([("Content-Type", "application/dicom")], bytes(128) + b"DICM")),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_requests_leave_all_rules_on_requests_silent(name: str) -> None:
    found = {rule: f for rule, f in met(RIGHT[name]).items() if rule.startswith(("client.", "http.", "multipart."))}
    assert found == {}


WRONG = {
    "client.method-and-version": [
        get("studies").but(version="HTTP/1.0"),
        get("studies", method="get"),
        get("studies", method="FETCH"),
    ],
    "client.names-its-host": [get("studies", JSON).but(headers=Headers.of([("Host", BASE), ("Accept", JSON)])),
                              get("studies").but(target="http://b.example/dicomweb/studies"),
                              get("studies").but(target="http://me:secret@pacs.example/dicomweb/studies"),
                              get("studies").but(headers=Headers.of([("Accept", JSON)])),
                              get("studies", JSON, ("Host", "b.example")),
                              get("studies").but(base="http://pacs.example:8080/dicomweb"),
                              get("studies").but(headers=Headers.of([("Host", "pacs.example:x"), ("Accept", JSON)]))],
    "client.target-is-a-uri": [get("studies/<1.2>"), get("studies/%zz"), get("studies#x"), get("studies/{study}")],
    "client.uids-in-path": [get("studies/1.02/series"), get("studies/null/metadata"), get(f"studies/1.{'2' * 64}")],
    "client.frame-numbers": [get(f"{ONE}/frames/0", OCTETS), get(f"{ONE}/frames/1,,2", OCTETS),
                             get(f"{ONE}/frames/2,1", OCTETS), get(f"{ONE}/frames/1,1", OCTETS)],
    "client.query-not-empty": [get("studies?"), get("studies?&limit=1"), get("studies?=1"), get("studies?limit=1&")],
    "client.query-characters": [
        get("studies?PatientName=A^B"), get('studies?PatientName="A"'), get("studies?PatientID=a%2"),
        get("studies?PatientID=a=b"), get("studies?PatientName=\u00e9"), get("studies?PatientID=[1]"),
        get("studies?PatientID=a|b"), get("studies?PatientID={1}"),
    ],
    "client.parameter-names": [get("studies?0010,0020=1"), get("studies?a-b=1"), get("studies?%20PatientID=1")],
    "client.accept-parameter-names-types": [get("studies/1.2?accept=image/*"), get("studies/1.2?accept=*/*")],
    "client.accept-parameter-is-accepted": [get("studies/1.2/metadata?accept=application/json", JSON)],
    "client.accept-field-rather-than-parameter": [get("studies/1.2/metadata?accept=application/dicom%2Bjson", JSON)],
    "client.charset-parameter": [get("studies/1.2/metadata?charset=*"),
                                 get("studies/1.2/metadata?charset=utf-8,*;q=0")],
    "client.no-transfersyntax-parameter": [get(f"{ONE}?transferSyntax=*", DICOM)],
    "client.search-names": [get("studies?patientid=1"), get("studies?Limit=1"), get("studies?PatientIdentifier=1")],
    "client.keys-once": [get("studies?PatientID=1&PatientID=1"), get("studies?00100020=1&PatientID=1")],
    "client.key-has-one-value": [get("studies?StudyDate=20240101,20240102"), get("studies?PatientID=1,2"),
                                 get("studies?StudyInstanceUID=1.2%5C1.3")],
    "client.key-values": [get("studies?StudyDate=2024-01-01"), get("studies?StudyTime=25"),
                          get("studies?StudyInstanceUID=x"), get("studies?StudyInstanceUID=1.2%00"),
                          get("studies?PatientID=1%00"), get("studies?StudyInstanceUID=1.2%20")],
    "client.private-creator": [get("studies?00231001=1"), get("studies?includefield=00231001"),
                               get("studies?00230011=OTHER&00231001=1")],
    "client.includefield-all-alone": [get("studies?includefield=all,00081030"),
                                      get("studies?includefield=all&includefield=00081030")],
    "client.includefield-names-attributes": [get("studies?includefield=0008%2C1030"), get("studies?includefield=All"),
                                             get("studies?includefield=")],
    "client.keys-of-the-level": [get("studies?Modality=CT"), get("studies?SeriesInstanceUID=1.2"),
                                 get("studies/1.2/series?StudyDate=20240101"), get("series?SOPInstanceUID=1.2"),
                                 get("studies/1.2/series/1.3/instances?Modality=CT")],
    "client.search-options": [get("studies?limit=-1"), get("studies?limit=ten"), get("studies?limit=1&limit=2"),
                              get("studies?fuzzymatching=TRUE"), get("studies?fuzzymatching"), get("studies?offset=")],
    "client.accept-present": [get("studies", None), get(ONE, None), get("studies", None, method="POST"),
                              get("", None, method="OPTIONS")],
    "client.accept-syntax": [get("studies", "json"), get("studies", "application/dicom+json; q=2"),
                             get("studies", ""), get("studies", f"{JSON},"),
                             get("studies", f"{JSON},,*/*"),
                             get("studies/1.2", 'multipart/related; type="application/dicom')],
    "client.accept-names-the-parts": [get("studies/1.2", "multipart/related"),
                                      get("studies", f"{JSON}, multipart/related; q=0.1")],
    "client.one-transfer-syntax": [get(ONE, f"{DICOM}; transfer-syntax=ImplicitVRLittleEndian"),
                                   get(ONE, f"{DICOM}; transfer-syntax=1.2; transfer-syntax=1.3")],
    "client.no-implicit-syntax": [get(ONE, f"{DICOM}; transfer-syntax=1.2.840.10008.1.2"),
                                  get(ONE, "application/dicom; transfer-syntax=1.2.840.10008.1.2.2")],
    "client.accept-not-mixed": [get(f"{ONE}/frames/1", f"{OCTETS}, image/png")],
    "client.accept-fits-the-resource": [get("studies", OCTETS), get("studies", "text/html"),
                                        get("studies", "application/json"), get(ONE, JSON)],
    "client.single-part-for-one-item": [get("studies/1.2", "application/dicom"),
                                        get("studies/1.2", f"application/dicom, {DICOM}; q=0.5")],
    "client.no-syntax-of-rendered": [get(f"{ONE}/rendered", "image/jpeg; transfer-syntax=*")],
    "client.store-has-no-parameters": [post(([("Content-Type", "application/dicom")], b""), path="studies?a=1")],
    "client.store-type": [post().but(type="application/dicom"), post().but(type="multipart/form-data; boundary=b"),
                          post().but(headers=Headers.of([("Accept", JSON)]))],
    "client.store-has-a-payload": [post(), get("studies", method="POST")],
    "client.payload-only-where-defined": [get("studies").but(body=b"{}")],
    "client.keys-fit-their-vr": [
        get("studies?StudyDate=2024.01.01"), get("studies?StudyDate=20241231-20240101"), get("series?Modality=ct"),
        get("studies?StudyTime=12:00"), get("studies?StudyInstanceUID=1.2.*"), get("series?SeriesNumber=one"),
        get("studies?AccessionNumber=1%0D%0A"), get(f"studies?StudyID={'1' * 17}"), get("studies?PatientID=A%5CB"),
        get("studies?PatientBirthDate=1970"), get("studies?PatientSize=tall"),
    ],
    "client.sequences-hold-attributes": [
        get("studies?PatientName.PatientID=1"), get("series?RequestAttributesSequence=1"),
        get("studies?includefield=PatientID.PatientName"),
    ],
    "client.query-is-utf-8": [get("studies?PatientName=M%FCller"), get("studies?PatientName=%E9%E9")],
    "client.targets-as-the-templates": [
        get("studies/"), get("/studies"), get("studies//1.2/metadata"), get("Studies/1.2/metadata"),
        get("study/1.2/metadata"), get("studies/1.2/Metadata"), get("dicomweb/studies"), get("studies/./1.2"),
        get("http://pacs.example/dicomweb/studies/1.2"), get("x/../studies"), get(f"{ONE}/frames"),
        get(f"{ONE}/frames/"), get(f"{ONE}/frames/1/2"), get("studies/1.2/serie/1.3/metadata"),
    ],
    "client.stores-by-post": [
        post(FILE).but(method="PUT"), post(FILE, path="studies/1.2/series"), post(FILE, path="instances")],
    "client.field-values": [
        get(ONE, "application/dicom", ("Range", "bytes=9-1")), get(ONE, "application/dicom", ("Range", "0-9")),
        get("studies", JSON, ("If-None-Match", "abc")), get("studies", JSON, ("If-Modified-Since", "yesterday")),
        get("studies", JSON, ("If-Modified-Since", "2024-01-01")), get("studies", JSON, ("Accept-Charset", "utf 8")),
        get("studies", JSON, ("Accept-Encoding", "gzip;q=2")),
    ],
    "client.rendering-values": [
        get(f"{ONE}/rendered?{query}", "image/jpeg") for query in (
            "viewport=512", "viewport=512x512", "viewport=0,0", "viewport=a,b", "window=40,400", "window=40,0,linear",
            "window=40,400,cubic", "quality=0", "quality=101", "quality=high", "quality=50&quality=50",
            "iccprofile=sRGB", "annotation=", "annotation=Patient")
    ] + [get(f"{ONE}/thumbnail?viewport=1,1,0,0,9,9", "image/jpeg")],
    "client.rendering-parameters": [
        get(f"{ONE}/rendered?windowCenter=40", "image/jpeg"), get(f"{ONE}/rendered?rows=100", "image/jpeg"),
        get(f"{ONE}/thumbnail?window=40,400,linear", "image/jpeg"),
    ],
    "client.accept-fits-the-answer": [
        get(f"{ONE}/rendered", JSON), get(f"{ONE}/frames/1", "application/dicom"),
        post(FILE).but(headers=post(FILE).headers.but("accept", DICOM)),
    ],
    "client.speaks-http": [Ask("", "", BASE, body=Body.of(b"\x16\x03\x01", truncated=True), version="")],
    "http.no-content-type-without-payload": [get("studies", JSON, ("Content-Type", "application/json"))],
    "http.content-type-with-payload": [get("studies", method="POST").but(body=b"x")],
    "http.one-field-each": [get("studies", JSON, ("Content-Type", "a/b"), ("Content-Type", "a/b"))],
    "http.content-length-is-size": [get("studies", JSON, ("Content-Length", "5"), method="POST")],
    "http.length-or-transfer-encoding": [get("studies", method="POST").but(body=b"x")],
}  # fmt: skip


@pytest.mark.parametrize(("rule", "number"), [(r, n) for r, asks in WRONG.items() for n in range(len(asks))])
def test_wrong_requests_turn_their_rule_red(rule: str, number: int) -> None:
    ask = WRONG[rule][number]
    assert rule in met(ask), f"{ask.line} {list(ask.headers)}"


def test_every_rule_on_requests_is_tried_here_or_has_its_mutants() -> None:
    assert [r.id for r in CLIENT if r.id not in WRONG and not any(m.at is At.ASK for m in r.mutants)] == []


def test_what_a_probe_of_ours_asks_is_not_judged() -> None:
    judge = Judge(CATALOGUE, grounded=False)
    asked = Exchange(1, WRONG["client.query-characters"][0], OK, "search.odd")
    assert [rule for rule, _ in judge.see(asked) if rule.startswith("client.")] == []


def test_a_rule_on_both_says_which_message_it_means() -> None:
    ask = post(([("Content-Type", "application/dicom")], b"x"))
    cut = ask.but(body=ask.body.bytes().replace(b"--the-boundary--", b""))
    found = met(cut)["multipart.closing"]
    assert found[0].where.startswith("request: ")
    judge = Judge(CATALOGUE, grounded=False)
    both = Exchange(1, cut, OK.but(type=cut.headers.get("content-type"), body=cut.body.bytes()))
    closing = [f for rule, f in judge.see(both.but(judged=frozenset({"origin-server", "user-agent"})))
               if rule == "multipart.closing"]  # fmt: skip
    assert [f.where.startswith("request: ") for f in closing] == [False, True]


PIXELS = {"7FE00010": {"vr": "OW", "BulkDataURI": "http://c.example/1"}}


UIDS = {
    tag: {"vr": "UI", "Value": [f"1.2.{n}"]} for n, tag in enumerate(("00080016", "00080018", "0020000D", "0020000E"))
}


def told(*datasets: dict[str, Any]) -> tuple[list[tuple[str, str]], bytes]:
    return [("Content-Type", JSON)], json.dumps([UIDS | d for d in datasets]).encode()


def octets(location: str = "http://c.example/1") -> tuple[list[tuple[str, str]], bytes]:
    return [("Content-Type", "application/octet-stream"), ("Content-Location", location)], b"\0\0"


@pytest.mark.parametrize(
    ("parts", "red"),
    [
        ([FILE, FILE], set()),
        ([told(PIXELS), octets()], set()),
        ([told(PIXELS, PIXELS), octets()], set()),
        ([FILE, told({})], {"client.store-one-form"}),
        ([told(PIXELS), told(PIXELS), octets()], {"client.store-one-form"}),
        ([octets()], {"client.store-one-form"}),
        (
            [told(PIXELS), octets("http://c.example/2")],
            {"client.bulkdata-is-referenced", "client.bulkdata-comes-along"},
        ),
        ([octets(), told(PIXELS)], {"client.metadata-comes-first"}),
        ([told({"00020010": {"vr": "UI", "Value": ["1.2"]}})], {"client.metadata-has-no-file-meta"}),
        ([told({"00201208": {"vr": "IS", "Value": [1]}})], {"client.metadata-has-what-is-stored"}),
        ([told({"00081115": {"vr": "SQ", "Value": [PIXELS]}}), octets()], set()),
        ([told(PIXELS)], {"client.bulkdata-comes-along"}),
        ([told({"00080018": {"vr": "UI"}})], {"client.metadata-names-its-instance"}),
        ([([("Content-Type", JSON)], json.dumps(UIDS).encode())], {"client.metadata-is-an-array"}),
    ],
)
def test_what_a_store_request_carries(parts: Sequence[tuple[list[tuple[str, str]], bytes]], red: set[str]) -> None:
    root = parts[0][0][0][1]
    assert {rule for rule in met(post(*parts, root=root)) if rule.startswith("client.")} == red


@pytest.mark.parametrize(
    ("syntax", "red"),
    [("1.2.840.10008.1.2", True), ("1.2.840.10008.1.2.2", True), ("1.2.840.10008.1.2.1", False),
     ("1.2.840.10008.1.2.4.50", False)],
)  # fmt: skip
def test_what_is_stored_has_explicit_vr(syntax: str, red: bool) -> None:
    sample = next(s for s in corpus(5, "QQ11") if s.transfer_syntax == syntax)
    found = met(post(([("Content-Type", "application/dicom")], sample.part10)))
    assert {rule for rule in found if rule.startswith("client.")} == ({"client.stores-explicit-vr"} if red else set())


@cache
def held() -> Holding:
    return Holding.of(corpus(5, "QQ11"))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(queries(held()))
def test_legal_questions_of_our_own_making_are_right(query: Query) -> None:
    """The generator of legal queries and the rules on queries were written apart; they agree."""
    found = met(get(query.target().removeprefix("/")))
    assert {rule: f for rule, f in found.items() if rule.startswith("client.")} == {}


@settings(deadline=None)
@given(st.binary(max_size=200), st.text(max_size=40), st.text(max_size=40))
def test_no_request_breaks_a_rule(body: bytes, target: str, accept: str) -> None:
    fields = [("Accept", accept), ("Host", target)]
    hostile = Ask("GET", f"/dicomweb/studies?{target}", BASE, Headers.of(fields), Body.of(body))
    met(hostile, hostile.but(method="POST", type=accept), hostile.but(target=target))


def whole(*exchanges: Exchange) -> dict[str, list[Finding]]:
    """What the rules over conversations say of one."""
    judge = Judge(CATALOGUE, Context(past=Past()), grounded=False)
    for number, x in enumerate(exchanges, 1):
        judge.see(x.but(seq=number, journey="web.client#1", judged=ASKED))
    found: dict[str, list[Finding]] = {}
    for rule, finding in judge.close("web.client#1"):
        found.setdefault(rule, []).append(finding)
    return found


def test_pages_of_other_searches_have_nothing_to_do_with_each_other() -> None:
    one = talk(
        (asked_for("studies?limit=5"), listed(5)),
        (asked_for("studies?limit=5&offset=50&PatientID=1"), listed(5)),
        (asked_for("series?limit=5&offset=70"), listed(5)),
    )
    assert whole(*one) == {}


def test_a_page_that_was_not_whole_or_not_told_is_no_measure() -> None:
    refused_first = talk((asked_for("studies?limit=5"), refused(503)), (asked_for("studies?offset=5"), listed(1)))
    assert whole(*refused_first) == {}
    in_xml = talk(
        (
            asked_for("studies?limit=5", XML),
            Answer(200, headers=Headers.of([("Content-Type", XML)]), body=Body.of(b"x")),
        ),
        (asked_for("studies?limit=5&offset=5", XML), refused(204)),
    )
    assert whole(*in_xml) == {}


def test_a_client_may_look_back_and_ask_again() -> None:
    pages = talk(
        (asked_for("studies?limit=2"), listed(2)),
        (asked_for("studies?limit=2&offset=2"), listed(2)),
        (asked_for("studies?limit=2&offset=1"), listed(2)),
        (asked_for("studies?limit=2"), listed(2)),
    )
    assert whole(*pages) == {}


def test_one_more_try_after_406_is_no_fault() -> None:
    ask = asked_for("studies/1.2", "image/jls")
    assert whole(*talk((ask, refused(406)), (ask, refused(406)))) == {}
    assert "client.offers-another-type-after-406" in whole(*talk(*[(ask, refused(406))] * 3))


def test_who_waits_long_enough_is_right_and_a_date_is_not_judged() -> None:
    busy = refused(503, [("Retry-After", "1")])
    for began, red in ((1000, False), (950, False), (500, True)):
        first, second = talk((asked_for("studies"), busy), (asked_for("studies"), listed(1)))
        found = whole(first.but(facts={"began_ms": 0}), second.but(facts={"began_ms": began}))
        assert ("client.waits-as-told" in found) is red
    dated = refused(503, [("Retry-After", "Fri, 31 Dec 2999 23:59:59 GMT")])
    first, second = talk((asked_for("studies"), dated), (asked_for("studies"), listed(1)))
    assert whole(first.but(facts={"began_ms": 0}), second.but(facts={"began_ms": 1})) == {}


def test_urls_of_the_templates_are_followed_by_building_them() -> None:
    usual = "http://pacs.example/dicomweb/studies/1.2"
    assert whole(*talk(
        (asked_for("studies"), listed(1, retrieve_url=usual)), (asked_for("studies/1.2/metadata"), listed(1)),
    )) == {}  # fmt: skip


def test_a_client_that_came_by_another_name_may_have_another_port() -> None:
    named = get("studies").but(headers=Headers.of([("Host", "pacs.hospital.example:443"), ("Accept", JSON)]))
    assert met(named) == {}
    usual = get("studies").but(base="http://PACS.example:80/dicomweb")
    assert met(usual) == {}


def test_a_journey_of_a_client_is_judged_as_one_of_a_client_only() -> None:
    rule = CATALOGUE.rules["client.pages-without-gaps"]
    pages = conversation(rule, rule.examples[0]())
    answered = Journey("web.client", "web.client#1", tuple(pages))
    assert not answered.judges("user-agent")
    assert Journey("web.client", "web.client#1", tuple(x.but(judged=ASKED) for x in pages)).judges("user-agent")
