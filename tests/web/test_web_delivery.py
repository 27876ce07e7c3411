from __future__ import annotations

import asyncio
import gzip
import os
import time
import zlib
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from simulators.web import codings, ranges
from simulators.web.content import joined
from simulators.web.validators import Validators
from tests.web.door import load, make, octets, parts

DICOM = 'multipart/related; type="application/dicom"'
OCTETS = 'multipart/related; type="application/octet-stream"'
XML = 'multipart/related; type="application/dicom+xml"'
INSTANCE = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1"
SINGLE = "application/dicom"
RETRIEVED = [
    (INSTANCE, SINGLE), (INSTANCE, DICOM), ("/studies/1.2.1", DICOM),
    (f"{INSTANCE}/metadata", "application/dicom+json"), (f"{INSTANCE}/metadata", XML),
    (f"{INSTANCE}/frames/1", "application/octet-stream"),
    (f"{INSTANCE}/bulkdata/7FE00010", OCTETS), (f"{INSTANCE}/pixeldata", OCTETS),
]  # fmt: skip


@pytest.mark.parametrize(("path", "accept"), RETRIEVED)
def test_asked_again_with_its_tag_nothing_comes_twice(client, two_studies, path, accept) -> None:
    first = client.get(path, accept)
    tag = first.headers["etag"]
    assert first.status_code == 200
    assert tag.startswith('"')
    assert first.content == client.get(path, accept).content
    for condition in (tag, f'"other", W/{tag}', "*"):
        again = client.get(path, accept, headers={"if-none-match": condition})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        for name in ("cache-control", "vary", "content-location"):
            assert again.headers[name] == first.headers[name]
        assert "content-type" not in again.headers
    assert client.get(path, accept, headers={"if-none-match": '"other"'}).status_code == 200
    assert client.get(path, accept, headers={"if-match": tag}).status_code == 200
    assert client.get(path, accept, headers={"if-match": "*"}).status_code == 200
    for failing in (f"W/{tag}", '"other"'):
        assert client.get(path, accept, headers={"if-match": failing}).status_code == 412


def test_each_representation_has_a_tag_of_its_own(client, two_studies) -> None:
    tags = [client.get(path, accept).headers["etag"] for path, accept in RETRIEVED]
    assert len(set(tags)) == len(tags)


def test_a_replaced_instance_has_another_tag(client, archive) -> None:
    load(archive, octets(make()))
    first = client.get(INSTANCE, SINGLE)
    load(archive, octets(make(PatientComments="changed")))
    again = client.get(INSTANCE, SINGLE, headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 200
    assert again.headers["etag"] != first.headers["etag"]


def test_dates_are_looked_at_where_no_tag_is_named(client, archive) -> None:
    load(archive, octets(make()))
    (held,) = archive.select("1.2.1", None, None)
    os.utime(held.path, (1_700_000_000, 1_700_000_000))
    date = client.get(INSTANCE, SINGLE).headers["last-modified"]
    assert date == formatdate(1_700_000_000, usegmt=True)
    later, earlier = formatdate(1_700_000_100, usegmt=True), formatdate(1_600_000_000, usegmt=True)

    def status(**conditions: str) -> int:
        fields = {name.replace("_", "-"): value for name, value in conditions.items()}
        return int(client.get(INSTANCE, SINGLE, headers=fields).status_code)

    assert [status(if_modified_since=d) for d in (date, later, earlier, "yesterday")] == [304, 304, 200, 200]
    assert [status(if_unmodified_since=d) for d in (date, later, earlier, "no")] == [200, 200, 412, 200]
    # a tag comes first, whatever the date says (RFC 9110 13.2.2)
    assert status(if_none_match='"other"', if_modified_since=later) == 200
    assert status(range="bytes=0-3", if_range=date) == 206
    assert status(range="bytes=0-3", if_range=earlier) == 200


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [("bytes=0-0", 0, 1), ("bytes=28-31", 28, 32), ("bytes=5-", 5, None), ("bytes=-7", -7, None),
     ("bytes=5-99999999999", 5, None), ("bytes=-99999999999", 0, None), ("Bytes=1-2", 1, 3), ("bytes= 1-2 ,", 1, 3)],
)  # fmt: skip
@pytest.mark.parametrize(("path", "accept"), RETRIEVED)
def test_a_range_is_that_part_of_the_whole(client, two_studies, path, accept, asked, first, end) -> None:
    whole = client.get(path, accept)
    if "accept-ranges" not in whole.headers:
        assert accept == XML  # its parts are made when their turn comes
        assert client.get(path, accept, headers={"range": asked}).content == whole.content
        return
    answer = client.get(path, accept, headers={"range": asked})
    assert answer.status_code == 206
    assert answer.content == whole.content[first:end]
    start = range(len(whole.content))[first:end]
    assert answer.headers["content-range"] == f"bytes {start[0]}-{start[-1]}/{len(whole.content)}"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["content-type"] == whole.headers["content-type"]
    assert answer.headers["etag"] == whole.headers["etag"]


def test_several_ranges_come_in_parts(client, two_studies) -> None:
    whole = client.get(INSTANCE, SINGLE)
    answer = client.get(INSTANCE, SINGLE, headers={"range": "bytes=0-9, 100-109, -5"})
    assert answer.status_code == 206
    type, _, boundary = answer.headers["content-type"].partition("; boundary=")
    assert type == "multipart/byteranges"
    assert "content-range" not in answer.headers
    found = [p.partition(b"\r\n\r\n") for p in answer.content.split(f"\r\n--{boundary}".encode())[1:-1]]
    assert [c for _, _, c in found] == [whole.content[0:10], whole.content[100:110], whole.content[-5:]]
    size = len(whole.content)
    for (head, _, _), place in zip(found, ("0-9", "100-109", f"{size - 5}-{size - 1}"), strict=True):
        assert f"Content-Range: bytes {place}/{size}".encode() in head
        assert whole.headers["content-type"].encode() in head
    one = client.get(INSTANCE, SINGLE, headers={"range": "bytes=0-9, 99999999-"})
    assert (one.status_code, one.headers["content-range"]) == (206, f"bytes 0-9/{size}")


def test_a_range_behind_the_end_is_416(client, two_studies) -> None:
    size = len(client.get(INSTANCE, SINGLE).content)
    for asked in (f"bytes={size}-", "bytes=99999999-100000000", "bytes=-0"):
        answer = client.get(INSTANCE, SINGLE, headers={"range": asked})
        assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{size}")


@pytest.mark.parametrize(
    "asked", ["bytes=9-1", "bytes=x", "lines=1-2", "bytes", "bytes=0-,0-", "bytes=" + ",".join(["1-1"] * 17), "bytes=",
              "bytes=\u0661-2"],
)  # fmt: skip
def test_what_is_no_range_to_serve_is_ignored(client, two_studies, asked) -> None:
    answer = client.get(INSTANCE, SINGLE, headers={"range": asked.encode()})
    assert answer.status_code == 200
    assert answer.content == octets(make())


def test_if_range_keeps_a_range_from_another_version(client, two_studies) -> None:
    tag = client.get(INSTANCE, SINGLE).headers["etag"]
    for condition, status in ((tag, 206), (f"W/{tag}", 200), ('"other"', 200)):
        answer = client.get(INSTANCE, SINGLE, headers={"range": "bytes=0-3", "if-range": condition})
        assert answer.status_code == status


def test_a_made_frame_has_ranges_too(client, archive) -> None:
    stored = make(frames=2)
    stored.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
    load(archive, octets(stored, "1.2.840.10008.1.2.5"))
    frame = f"{INSTANCE}/frames/2"
    answer = client.get(frame, "application/octet-stream", headers={"range": "bytes=2-5"})
    assert (answer.status_code, answer.content) == (206, make(frames=2).PixelData[50:54])


@pytest.mark.parametrize("path", ["/studies", "/studies/1.2.1/metadata"])
@pytest.mark.parametrize(
    ("field", "coding"),
    [("gzip", "gzip"), ("deflate;q=0.9, gzip;q=0.5", "deflate"), ("*", "gzip"), ("br, gzip;q=0.1", "gzip"),
     ("identity", ""), ("", ""), ("br", ""), ("gzip;q=0", ""), ("identity;q=1, gzip;q=0.5", ""), ("x-gzip", "gzip"),
     ("identity;q=0, deflate", "deflate")],
)  # fmt: skip
def test_text_is_coded_as_the_request_wants(client, two_studies, path, field, coding) -> None:
    plain = client.get(path, "application/dicom+json")
    answer = client.get(path, "application/dicom+json", headers={"accept-encoding": field})
    assert answer.headers.get("content-encoding", "") == coding
    assert answer.content == plain.content  # the client undoes the coding
    assert "Accept-Encoding" in answer.headers["vary"]
    assert "Accept-Encoding" in plain.headers["vary"]
    if coding and "etag" in plain.headers:
        assert answer.headers["etag"] == "W/" + plain.headers["etag"]
        again = {"accept-encoding": field, "if-none-match": answer.headers["etag"]}
        assert client.get(path, "application/dicom+json", headers=again).status_code == 304


def test_pixels_are_coded_only_when_nothing_else_will_do(client, two_studies) -> None:
    assert "content-encoding" not in client.get(INSTANCE, SINGLE, headers={"accept-encoding": "gzip"}).headers
    forced = client.get(INSTANCE, SINGLE, headers={"accept-encoding": "gzip, identity;q=0"})
    assert forced.headers["content-encoding"] == "gzip"
    assert forced.content == octets(make())
    assert client.get(INSTANCE, SINGLE, headers={"accept-encoding": "br, *;q=0"}).status_code == 406


@pytest.mark.parametrize(("path", "accept"), RETRIEVED)
@pytest.mark.parametrize("field", ["", "gzip"])
def test_head_has_the_fields_of_get(client, two_studies, path, accept, field) -> None:
    headers = {"accept-encoding": field}
    get, head = (client.request(method, path, accept, headers=headers) for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (200, b"")
    assert dict(head.headers) == dict(get.headers)


def test_capabilities_are_conditional_too(client) -> None:
    first = client.request("OPTIONS", "/", "application/json")
    assert first.status_code == 200
    again = client.request("OPTIONS", "/", "application/json", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_what_is_patients_own_is_not_kept_by_others(client, two_studies) -> None:
    for path, accept in [*RETRIEVED, ("/studies", "application/dicom+json")]:
        assert client.get(path, accept).headers["cache-control"] == "private, no-cache"


def test_a_page_of_another_origin_may_read(client, two_studies) -> None:
    origin = {"origin": "https://viewer.example"}
    for path, status in ((f"{INSTANCE}/metadata", 200), ("/studies/9.9/metadata", 404), ("/nothing", 404)):
        answer = client.get(path, "application/dicom+json", headers=origin)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, "*")
        assert "content-location" in answer.headers["access-control-expose-headers"]
        assert "access-control-allow-origin" not in client.get(path, "application/dicom+json").headers


def test_a_preflight_is_told_what_may_be_asked(client) -> None:
    asks = {"origin": "https://viewer.example", "access-control-request-method": "POST",
            "access-control-request-headers": "authorization, content-type"}  # fmt: skip
    for path, methods in (("/studies", "GET, HEAD, POST"), (INSTANCE, "GET, HEAD")):
        answer = client.request("OPTIONS", path, headers=asks)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["access-control-allow-methods"] == methods
        assert answer.headers["access-control-allow-headers"] == "authorization, content-type"
        assert answer.headers["access-control-allow-origin"] == "*"
    assert client.request("OPTIONS", "/", headers=asks).status_code == 204
    plain = client.request("OPTIONS", "/", "application/json", headers={"origin": "https://viewer.example"})
    assert plain.status_code == 200
    assert "application" in plain.json()
    assert client.request("OPTIONS", "/studies", "*/*").status_code == 405


@given(st.lists(st.binary(max_size=20), max_size=5), st.data())
def test_any_range_is_cut_out_of_pieces(pieces: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(pieces)
    if whole:
        first = data.draw(st.integers(0, len(whole) - 1))
        last = data.draw(st.integers(first, len(whole) - 1))
        assert joined(ranges.cut(pieces, (first, last))) == whole[first : last + 1]


@given(st.text(alphabet="bytes=,- 0123456789", max_size=40), st.integers(1, 100))
def test_any_range_field_gives_ranges_within(field: str, size: int) -> None:
    for first, last in ranges.read(field, size) or []:
        assert 0 <= first <= last < size


@given(st.text(max_size=60))
def test_any_accept_encoding_can_be_read(field: str) -> None:
    for shrinks in (True, False):
        assert codings.choose(field, shrinks) in (None, "identity", "gzip", "deflate")


@given(st.dictionaries(st.sampled_from(["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"]),
                       st.text(st.characters(max_codepoint=255), max_size=40)))  # fmt: skip
def test_any_condition_can_be_read(fields: dict[str, str]) -> None:
    validators = Validators("a" * 32, time.time())
    headers = Headers(raw=[(k.encode(), v.encode("latin-1")) for k, v in fields.items()])
    assert validators.fails(headers) in (True, False)
    assert validators.unchanged(headers) in (True, False)


def test_codings_are_what_their_names_say(client, two_studies) -> None:
    async def chunks() -> Any:
        for chunk in (b"a" * 1000, b"", b"b" * 10):
            yield chunk

    async def collect(coding: str) -> bytes:
        return b"".join([c async for c in codings.coded(chunks(), coding)])

    assert gzip.decompress(asyncio.run(collect("gzip"))) == b"a" * 1000 + b"b" * 10
    assert zlib.decompress(asyncio.run(collect("deflate"))) == b"a" * 1000 + b"b" * 10


def test_parts_keep_their_boundary_as_long_as_they_are_the_same(client, two_studies) -> None:
    one, two, other = (client.get(p, DICOM) for p in ("/studies/1.2.1", "/studies/1.2.1", "/studies/1.2.2"))
    assert one.headers["content-type"] == two.headers["content-type"] != other.headers["content-type"]
    assert len(parts(one)) == 3
