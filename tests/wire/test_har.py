"""HAR 1.2 as browsers and proxies write it: what stands there is taken, what does not is missing, never empty."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.captures import Capture
from harness.exchange import Exchange
from harness.wire import har

URL = "http://pacs.example:8042/dicom-web/studies?PatientID=1#top"


def told(url: str = URL, method: str = "GET", status: int = 200, content: Any = None, **more: Any) -> dict[str, Any]:
    """One entry; `request` and `response` among the others replace fields of these objects."""
    request = {"method": method, "url": url, "httpVersion": "HTTP/1.1", "bodySize": 0,
               "headers": [{"name": "Host", "value": "pacs.example:8042"}, {"name": "Accept", "value": "*/*"}],
               **more.pop("request", {})}  # fmt: skip
    response = {"status": status, "statusText": "OK", "httpVersion": "HTTP/1.1", "bodySize": -1,
                "headers": [{"name": "content-type", "value": "application/dicom+json"}],
                "content": {"size": 2, "text": "[]"} if content is None else content,
                **more.pop("response", {})}  # fmt: skip
    return {
        "startedDateTime": "2026-01-02T03:04:05.678Z",
        "time": 12.7,
        "request": request,
        "response": response,
        **more,
    }


def fields(**named: str) -> list[dict[str, str]]:
    return [{"name": name.replace("_", "-"), "value": value} for name, value in named.items()]


def test_an_entry() -> None:
    (one,) = har.entries(json.dumps({"log": {"entries": [told()]}}).encode())
    entry = har.entry(one, 7)
    assert (entry.index, entry.url, entry.ms) == (7, URL, 12)
    assert (entry.ask.method, entry.ask.target, entry.ask.version) == (
        "GET",
        "/dicom-web/studies?PatientID=1",
        "HTTP/1.1",
    )
    assert list(entry.ask.headers) == [("Host", "pacs.example:8042"), ("Accept", "*/*")]
    assert (entry.answer.status, entry.answer.body.bytes(), entry.answer.fault) == (200, b"[]", None)
    assert entry.began == pytest.approx(1767323045.678)
    assert not entry.left
    assert not entry.provisional


def test_fields_of_http_2() -> None:
    headers = [*fields(accept="*/*"), {"name": ":authority", "value": "pacs.example"}, {"name": ":path", "value": "/x"}]
    entry = har.entry(told(request={"headers": headers, "httpVersion": "h2"}, response={"httpVersion": "http/2.0"}), 0)
    assert list(entry.ask.headers) == [("Host", "pacs.example"), ("accept", "*/*")]
    assert (entry.ask.version, entry.answer.version) == ("HTTP/2", "HTTP/2")
    assert not entry.provisional


def test_content_is_not_decoded_twice() -> None:
    headers = fields(content_type="application/dicom+json", content_encoding="gzip", content_length="900")
    entry = har.entry(told(response={"headers": headers}), 0)
    assert entry.answer.payload.bytes() == b"[]"
    assert "content-encoding" not in entry.answer.headers


def test_octets_in_base64() -> None:
    octets = bytes(range(256))
    content = {"size": 256, "encoding": "base64", "text": base64.b64encode(octets).decode()}
    assert har.entry(told(content=content), 0).answer.body.bytes() == octets


@pytest.mark.parametrize(
    ("content", "more"),
    [
        ({"size": 5000}, {}),
        ({"size": 5000, "text": ""}, {}),
        ({"size": 5000, "text": "[]"}, {}),
        ({}, {}),
        ({"size": 0}, {"response": {"headers": fields(content_length="17")}}),
        ({"size": 3, "text": "a�b"}, {}),
    ],
)
def test_a_payload_that_was_dropped_is_missing(content: Any, more: Any) -> None:
    answer = har.entry(told(content=content, **more), 0).answer
    assert answer.body.truncated
    assert answer.fault
    assert answer.fault.kind == "too-large"
    assert not answer.complete


@pytest.mark.parametrize(
    ("method", "status", "content", "more"),
    [
        ("GET", 204, {"size": 0}, {}),
        ("HEAD", 200, {"size": 0}, {}),
        ("GET", 304, {"size": 500}, {}),
        ("GET", 404, {"size": 0}, {"response": {"bodySize": 0}}),
        ("GET", 404, {"size": 0}, {"response": {"headers": fields(content_length="0")}}),
    ],
)
def test_what_is_empty_is_empty(method: str, status: int, content: Any, more: Any) -> None:
    answer = har.entry(told(method=method, status=status, content=content, **more), 0).answer
    assert answer.complete
    assert answer.body.size == 0
    assert not answer.body.truncated


@pytest.mark.parametrize(
    ("request_", "cut", "octets"),
    [
        ({"postData": {"mimeType": "text/plain", "text": "hello"}, "bodySize": 5}, False, b"hello"),
        ({"postData": {"mimeType": "text/plain", "text": "h\xe9llo"}, "bodySize": 6}, False, "h\xe9llo".encode()),
        (
            {"postData": {"text": base64.b64encode(b"\0\xff").decode(), "encoding": "base64"}, "bodySize": 2},
            False,
            b"\0\xff",
        ),
        ({"postData": {"text": "DICM�", "mimeType": "x/y"}, "bodySize": 5}, True, None),
        ({"postData": {"text": "", "params": [{"name": "file"}]}, "bodySize": -1}, True, b""),
        ({"bodySize": 99}, True, b""),
        ({"bodySize": -1, "headers": fields(content_length="3")}, True, b""),
        ({"bodySize": -1}, False, b""),
    ],
)
def test_what_was_sent(request_: Any, cut: bool, octets: bytes | None) -> None:
    body = har.entry(told(method="POST", request=request_), 0).ask.body
    assert body.truncated == cut
    assert octets is None or body.bytes() == octets


def test_text_of_another_character_set() -> None:
    headers = fields(content_type="application/dicom+xml")
    content = {"text": '<?xml version="1.0" encoding="ISO-8859-1"?><a>\xe9</a>', "size": 50}
    entry = har.entry(told(content=content, response={"headers": headers}), 0)
    assert b"\xe9<" in entry.answer.body.bytes()


def test_no_answer_is_no_empty_answer() -> None:
    entry = har.entry(told(status=0, response={"_error": "net::ERR_ABORTED"}), 0)
    assert entry.answer.status == 0
    assert "net::ERR_ABORTED" in str(entry.answer.fault)


def test_what_nobody_was_asked() -> None:
    assert "cache" in har.entry(told(_fromCache="disk"), 0).left
    assert "service worker" in har.entry(told(response={"_fetchedViaServiceWorker": True}), 0).left


def test_provisional_fields_are_known_as_such() -> None:
    assert har.entry(told(request={"headers": fields(user_agent="x")}), 0).provisional


@pytest.mark.parametrize(
    "octets", [b"", b"[]", b'{"log": 1}', b'{"log": {}}', b'{"log": {"entries": {}}}', b"\xff\xfe", b"[" * 100_000]
)
def test_what_is_no_har(octets: bytes) -> None:
    with pytest.raises(har.NoHar):
        har.entries(octets)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["headers", "content", "text", "size", "encoding", "name", "value", "url", "status", "postData"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(ANYTHING, ANYTHING, ANYTHING, st.sampled_from(["time", "startedDateTime", "request", "response", "_fromCache"]))
def test_any_entry_is_read_or_refused(request_: Any, response: Any, value: Any, name: str) -> None:
    one = told(
        request=request_ if isinstance(request_, dict) else {}, response=response if isinstance(response, dict) else {}
    )
    for wrong in (one, {**one, name: value}, value):
        har.fields(wrong, "request")
        har.moment(wrong)
        with contextlib.suppress(har.BadEntry):
            entry = har.entry(wrong, 0)
            assert entry.answer.complete or entry.answer.fault
            assert entry.ask.target.startswith("/")


URLS = st.sampled_from(
    [URL, "https://a/studies/1.2/series", "http://a", "http://a?studies", "ftp://a/studies", "x", "https://[/studies"]
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(URLS, st.sampled_from(["GET", "POST", "DELETE", ""]), ANYTHING, ANYTHING), max_size=5),
    st.sampled_from(["", "/dicom-web", "http://a/", "x://"]),
)
def test_any_capture_is_taken_or_left_out(rows: list[Any], base: str) -> None:
    entries = [told(url, method, content=content, startedDateTime=when) for url, method, content, when in rows]
    for x in Capture("a.har", base).exchanges(json.dumps({"log": {"entries": entries}}).encode()):
        if isinstance(x, Exchange):
            assert x.kind.startswith("web.")
            assert x.facts["retold"]
            assert x.answer.complete or x.answer.fault
        else:
            assert str(x)
