"""Rules on ranges, conditions, caches, HEAD and other origins, each on hand-made exchanges."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.exchange import Answer, Exchange, Journey
from tests.suites.messages import JSON, METADATA, answer, ask, exchange, fails, journey, passes, said, warns

WHOLE = b'[{"00100020":{"vr":"LO","Value":["P1"]}}]'
TAG = '"v1"'
KEPT = [("ETag", TAG), ("Cache-Control", "no-cache"), ("Vary", "Accept, Accept-Encoding"), ("Content-Location", "/x")]


def whole(*more: tuple[str, str], step: str = "whole") -> Exchange:
    return exchange(answer(200, WHOLE, JSON, [*KEPT, *more]), ask(), step=step)


def cut(first: int, last: int, told: str = "", fields: list[tuple[str, str]] | None = None, status: int = 206,
        step: str = "range", asked: str = "") -> Exchange:  # fmt: skip
    told = told or f"bytes {first}-{last}/{len(WHOLE)}"
    kept = KEPT if fields is None else fields
    body = WHOLE[first : last + 1] if status == 206 else WHOLE
    given = [*kept, *([("Content-Range", told)] if status == 206 else [])]
    question = ask(fields=[("Range", asked or f"bytes={first}-{last}")])
    return exchange(answer(status, body, JSON, given), question, step=step)


def ranged(*exchanges: Exchange) -> Journey:
    return journey("web.retrieve.range", *exchanges)


def test_a_range_is_no_document() -> None:
    partial = cut(0, 9)
    assert partial.answer.ranged
    assert partial.answer.json is None
    assert partial.answer.files == ()
    assert not whole().answer.ranged
    assert whole().answer.json is not None


def test_a_range_is_that_part_of_the_whole() -> None:
    rule = "http.range-is-part-of-whole"
    assert passes(rule, ranged(whole(), cut(2, 5)))
    assert passes(rule, ranged(whole(), cut(2, 5, status=200)))
    assert fails(rule, ranged(whole(), cut(2, 5, told=f"bytes 3-6/{len(WHOLE)}")))
    wrong = cut(2, 5)
    assert fails(rule, ranged(whole(), wrong.but(answer=wrong.answer.but(body=b"abcd"))))


@given(first=st.integers(0, 60), last=st.integers(0, 60), shift=st.integers(-2, 2))
def test_the_last_octets_are_the_last(first: int, last: int, shift: int) -> None:
    """A suffix, an open range and a closed one that mean the same octets are judged alike."""
    size = len(WHOLE)
    first, last = sorted((first % size, last % size))
    alike = [f"bytes={first}-{last}"]
    alike += [f"bytes={first}-", f"bytes={first}-{size + 7}", f"bytes=-{size - first}"] if last == size - 1 else []
    for asked in alike:
        assert passes("http.range-is-part-of-whole", ranged(whole(), cut(first, last, asked=asked)))
        moved = (min(max(first + shift, 0), last), last)
        right = moved == (first, last)
        assert passes("http.range-is-part-of-whole", ranged(whole(), cut(*moved, asked=asked))) is right


def test_a_suffix_is_not_counted_from_the_beginning() -> None:
    rule, size = "http.range-is-part-of-whole", len(WHOLE)
    assert passes(rule, ranged(whole(), cut(size - 7, size - 1, asked="bytes=-7")))
    assert fails(rule, ranged(whole(), cut(0, 6, asked="bytes=-7")))
    assert passes(rule, ranged(whole(), cut(0, size - 1, asked=f"bytes=-{size + 100}")))
    assert fails(rule, ranged(whole(), unsatisfied("bytes=-7")))
    assert passes(rule, ranged(whole(), unsatisfied("bytes=-0")))


def unsatisfied(asked: str, told: str = f"bytes */{len(WHOLE)}", status: int = 416) -> Exchange:
    fields = [("Content-Range", told)] if told else []
    return exchange(answer(status, b"no", "text/plain", fields), ask(fields=[("Range", asked)]), step="range")


def test_what_is_behind_the_end_is_416_with_the_size() -> None:
    rule, behind = "http.range-is-part-of-whole", "bytes=999999-"
    assert passes(rule, ranged(whole(), unsatisfied(behind)))
    assert passes(rule, ranged(whole(), unsatisfied(behind, "")))
    assert fails(rule, ranged(whole(), unsatisfied(behind, "bytes */1")))
    assert warns(rule, ranged(whole(), unsatisfied(behind, status=400)))
    assert fails(rule, ranged(whole(), unsatisfied("bytes=1-2", status=400)))
    assert fails(rule, ranged(whole(), unsatisfied(behind, status=500)))


def test_one_of_several_ranges_is_part_of_the_whole() -> None:
    rule, asked = "http.range-is-part-of-whole", "bytes=0-9, 20-29"
    first = cut(0, 9, step="several", asked=asked)
    assert passes(rule, ranged(whole(), first))
    assert passes(rule, ranged(whole(), cut(0, 29, step="several", asked=asked)))
    glued = first.answer.but(body=WHOLE[:5] + WHOLE[20:25])
    assert fails(rule, ranged(whole(), first.but(answer=glued)))


def test_what_accept_ranges_promises() -> None:
    rule = "http.accept-ranges-is-true"
    promised = whole(("Accept-Ranges", "bytes"))
    assert passes(rule, ranged(promised, cut(0, 3)))
    assert said(rule, ranged(promised, cut(0, 3, status=200)))
    assert said(rule, ranged(whole(), cut(0, 3, status=200))) is None
    assert said(rule, ranged(whole(("Accept-Ranges", "none")), cut(0, 3, status=200))) is None


def byteranges(*places: tuple[str, bytes], fields: list[tuple[str, str]] | None = None) -> Exchange:
    parts = b"".join(
        b"\r\n--b\r\nContent-Type: x/y\r\nContent-Range: %s\r\n\r\n%s" % (p.encode(), o) for p, o in places
    )
    given = answer(206, parts + b"\r\n--b--\r\n", "multipart/byteranges; boundary=b", fields or [])
    return exchange(given, ask(fields=[("Range", "bytes=0-1,4-5")]), step="several")


def test_several_ranges_each_have_their_name() -> None:
    rule, size = "http.byteranges-are-parts-of-whole", len(WHOLE)
    one, two = (f"bytes 0-1/{size}", WHOLE[0:2]), (f"bytes 4-5/{size}", WHOLE[4:6])
    assert passes(rule, ranged(whole(), byteranges(one, two)))
    assert fails(rule, ranged(whole(), byteranges((one[0], two[1]), two)))
    assert fails(rule, ranged(whole(), byteranges(("", one[1]), two)))
    assert fails(rule, ranged(whole(), byteranges(one, two, fields=[("Content-Range", one[0])])))
    assert fails(rule, ranged(whole(), byteranges()))
    assert said(rule, ranged(whole(), cut(0, 1))) is None
    several, alone = byteranges(one, two), ask(fields=[("Range", "bytes=0-1")])
    assert fails(rule, ranged(whole(), several.but(ask=alone, step="range")))


def test_if_range_of_another_version_brings_the_whole() -> None:
    rule = "http.if-range-keeps-versions-apart"
    assert passes(rule, ranged(whole(), cut(0, 9, status=200, step="stale")))
    assert fails(rule, ranged(whole(), cut(0, 9, step="stale")))
    assert said(rule, ranged(whole(), cut(0, 9))) is None


def test_a_range_has_the_fields_of_the_whole() -> None:
    rule = "http.range-has-the-fields-of-the-whole"
    assert passes(rule, ranged(whole(), cut(0, 9)))
    assert fails(rule, ranged(whole(), cut(0, 9, fields=KEPT[1:])))
    assert fails(rule, ranged(whole(), cut(0, 9, fields=[("ETag", '"v2"'), *KEPT[1:]])))


def conditional(*exchanges: Exchange) -> Journey:
    return journey("web.retrieve.conditional", *exchanges)


def unchanged(*fields: tuple[str, str], step: str = "again", status: int = 304) -> Exchange:
    asked = ask(fields=[("If-None-Match", TAG)])
    return exchange(answer(status, b"" if status == 304 else WHOLE, None, fields), asked, step=step)


def test_304_repeats_what_caches_need() -> None:
    rule, first = "http.304-repeats-the-fields", whole(step="first")
    assert passes(rule, conditional(first, unchanged(*KEPT)))
    for n in range(len(KEPT)):
        assert fails(rule, conditional(first, unchanged(*KEPT[:n], *KEPT[n + 1 :])))
    assert said(rule, conditional(first, unchanged(status=200))) is None
    assert fails(rule, conditional(first, unchanged(("ETag", '"v2"'), *KEPT[1:])))
    assert passes(rule, conditional(first, unchanged(("ETag", f"W/{TAG}"), *KEPT[1:])))


def test_another_version_is_sent() -> None:
    rule, first = "http.other-version-is-not-304", whole(step="first")
    assert passes(rule, conditional(first, unchanged(step="other", status=200)))
    assert fails(rule, conditional(first, unchanged(step="other")))


def test_a_mismatch_is_412() -> None:
    rule, first = "http.if-match-of-another-version-is-412", whole(step="first")
    assert passes(rule, conditional(first, unchanged(step="mismatch", status=412)))
    assert said(rule, conditional(first, unchanged(step="mismatch", status=200)))


def coded(body: bytes, tag: str, coding: str = "gzip", type: str = JSON) -> Exchange:
    fields = [("ETag", tag), *([("Content-Encoding", coding)] if coding else [])]
    return exchange(answer(200, body, type, fields), ask(fields=[("Accept-Encoding", coding)])).but(seq=2)


def test_a_strong_tag_stands_for_one_run_of_octets() -> None:
    rule, first = "http.strong-tag-is-one-run-of-octets", whole(step="first")
    short, long = gzip.compress(WHOLE, 1, mtime=1), gzip.compress(WHOLE, 9, mtime=2)
    assert fails(rule, conditional(first, coded(short, TAG)))
    assert passes(rule, conditional(first, coded(short, '"v1-gzip"')))
    assert passes(rule, conditional(first, coded(WHOLE, TAG, "")))
    assert said(rule, conditional(first, coded(short, f"W/{TAG}"))) is None
    assert warns(rule, conditional(coded(short, TAG), coded(long, TAG).but(seq=3)))


@pytest.mark.parametrize(("vary", "right"), [("Accept-Encoding", True), ("*", True), ("Accept", False), ("", False)])
def test_vary_names_what_decided(vary: str, right: bool) -> None:
    fields = [("Vary", vary)] if vary else []
    plain = exchange(answer(200, WHOLE, JSON, fields), ask(fields=[("Accept-Encoding", "identity")]))
    coding = [("Content-Encoding", "gzip"), *fields]
    short = exchange(answer(200, gzip.compress(WHOLE), JSON, coding), ask(fields=[("Accept-Encoding", "gzip")]))
    rule = "http.vary-names-what-decided"
    assert passes(rule, journey("web.retrieve.coding", plain, short)) is right
    assert said(rule, journey("web.retrieve.coding", plain, plain)) is None


def pair(head: Answer, get: Answer | None = None) -> Journey:
    one = exchange(get or answer(200, WHOLE, JSON), ask(), step="get")
    return journey("web.retrieve.head", one, exchange(head, ask(method="HEAD"), step="head"))


def test_head_says_what_get_says() -> None:
    rule, size = "http.head-is-get-without-payload", [("Content-Length", str(len(WHOLE)))]
    assert passes(rule, pair(answer(200, b"", JSON, size)))
    assert passes(rule, pair(answer(200, b"", JSON)))
    assert passes(rule, pair(answer(200, b"", JSON, size), answer(200, WHOLE, JSON, length=False)))
    assert fails(rule, pair(answer(200, b"", JSON, [("Content-Length", "0")])))
    assert fails(rule, pair(answer(200, b"", "text/html", size)))
    assert said(rule, pair(answer(405))) is None
    assert said(rule, pair(answer(501))) is None
    assert warns(rule, pair(answer(404)))
    tagged = answer(200, WHOLE, JSON, [("ETag", TAG)])
    assert passes(rule, pair(answer(200, b"", JSON, [*size, ("ETag", f"W/{TAG}")]), tagged))
    assert passes(rule, pair(answer(200, b"", JSON, size), tagged))
    assert warns(rule, pair(answer(200, b"", JSON, [*size, ("ETag", '"v2"')]), tagged))


def shared(*fields: tuple[str, str]) -> Exchange:
    return exchange(answer(200, WHOLE, JSON, fields), ask(METADATA, fields=[("Origin", "https://viewer.example")]))


def test_an_origin_is_allowed_once() -> None:
    rule, allowed, mine = "http.origin-is-allowed-once", "Access-Control-Allow-Origin", "https://viewer.example"
    assert passes(rule, shared((allowed, "*")))
    assert passes(rule, shared((allowed, mine), ("Vary", "Accept, Origin")))
    assert said(rule, shared((allowed, mine)))
    assert said(rule, shared((allowed, "*"), (allowed, mine)))
    assert said(rule, shared((allowed, "https://other.example")))
    assert said(rule, shared((allowed, "*"), ("Access-Control-Allow-Credentials", "true")))
    assert said(rule, shared()) is None


def test_a_preflight_is_answered_where_pages_may_read() -> None:
    rule, allowed = "http.preflight-is-answered", ("Access-Control-Allow-Origin", "*")
    asked = ask(method="OPTIONS", fields=[("Origin", "https://viewer.example")])

    def story(told: Answer, simple: Exchange | None = None) -> Journey:
        first = (simple or shared(allowed)).but(step="simple")
        return journey("web.retrieve.origin", first, exchange(told, asked, step="preflight"))

    assert passes(rule, story(answer(204, fields=[allowed])))
    assert passes(rule, story(answer(200, fields=[allowed, ("Access-Control-Allow-Methods", "GET, HEAD")])))
    assert said(rule, story(answer(405)))
    assert said(rule, story(answer(204)))
    assert said(rule, story(answer(204, fields=[allowed, ("Access-Control-Allow-Methods", "POST")])))
    assert said(rule, story(answer(405), shared())) is None
    fields = [("Origin", "https://viewer.example"), ("Access-Control-Request-Headers", "authorization")]
    asked = ask(method="OPTIONS", fields=fields)
    named = "Access-Control-Allow-Headers"
    for right in ("Authorization", "accept , AUTHORIZATION", "*"):
        assert passes(rule, story(answer(204, fields=[allowed, (named, right)])))
    assert said(rule, story(answer(204, fields=[allowed, (named, "content-type")])))
    assert said(rule, story(answer(204, fields=[allowed])))


def test_capabilities_may_be_304_to_options() -> None:
    rule, tag = "http.304-answers-a-condition", [("If-None-Match", TAG)]
    assert passes(rule, exchange(answer(304), ask("", "application/json", tag, "OPTIONS")))
    assert fails(rule, exchange(answer(304), ask("", "application/json", (), "OPTIONS")))
    assert fails(rule, exchange(answer(304), ask("studies", "*/*", tag, "POST")))


def compressed(coding: str, accepted: str = "gzip") -> Exchange:
    fields = [("Content-Encoding", coding)]
    return exchange(answer(200, gzip.compress(WHOLE), JSON, fields), ask(fields=[("Accept-Encoding", accepted)]))


def test_a_coding_has_an_old_name() -> None:
    rule = "http.content-coding-acceptable"
    assert passes(rule, compressed("gzip"))
    assert passes(rule, compressed("x-gzip"))
    assert said(rule, compressed("x-gzip", "gzip;q=0"))
    assert warns(rule, compressed("identity"))
