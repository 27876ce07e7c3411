"""Rules over all that a client asked: pages, URLs that it was told, asking again after a refusal.

What a client does with an answer stays with it; what it asks next is on the wire. Little of this is demanded in so
many words, so most findings are warnings.
Must not know why an answer was as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urljoin, urlsplit

from harness.exchange import Ask, Exchange, Journey
from harness.rule import ASK, RELATION, SHOULD, SHOULD_NOT, USER_AGENT, Finding, journey, undetected
from harness.wire import dicom_json
from suites.web.client.talk import asked_for, listed, refused, stored_one, talk
from suites.web.search import asked

ON = "web.client"
RETRIEVE_URL = "00081190"
OFTEN = 5  # so many times the same refused question is no accident
_PAGED = ("limit", "offset")
_BUSY = (429, 503)


def exchanges(j: Journey) -> list[Exchange]:
    """The conversation in the order in which the questions were asked."""
    return sorted(j.exchanges, key=lambda x: (x.facts.get("began_ms", 0), x.seq))


def _rows(x: Exchange) -> int | None:
    """How many matches came, None when the answer does not tell."""
    if x.answer.status == 204:
        return 0
    if x.answer.status != 200 or not x.answer.complete:
        return None
    return len(x.answer.json.datasets) if x.answer.json else None


def _pages(j: Journey) -> Iterator[tuple[Exchange, Exchange]]:
    """Two pages of one search, one asked for after the other: the second has an offset beyond that of the first."""
    last: dict[str, Exchange] = {}
    for x in exchanges(j):
        if not x.resource.search or x.ask.method != "GET":
            continue
        search = f"{x.resource.path}?{x.resource.query.without(*_PAGED)}"
        before = last.get(search)
        if before is not None and (asked.uint(x.ask, "offset") or 0) > (asked.uint(before.ask, "offset") or 0):
            yield before, x
        last[search] = x


@journey(
    "client.pages-without-gaps",
    cites="PS3.18 8.3.4.4; 8.3.4.4.1",
    on=ON,
    level=SHOULD,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: any(_rows(before) is not None for before, _ in _pages(j)),
    says="The next page begins after the rows that came: a server may send fewer than the limit that was asked for.",
)
def pages_without_gaps(j: Journey) -> Iterator[Finding]:
    for before, x in _pages(j):
        rows, offset = _rows(before), asked.uint(x.ask, "offset") or 0
        reached = (asked.uint(before.ask, "offset") or 0) + (rows or 0)
        if rows and offset > reached:
            got = f"offset={offset}, after {rows} rows that end before {reached}"
            yield Finding(got=got, want=f"offset={reached}", where="query parameter offset", seq=x.seq)


@pages_without_gaps.example
def two_pages() -> tuple[Exchange, ...]:
    return talk(
        (asked_for("studies?limit=5"), listed(2, warning="There are 3 additional results that can be requested")),
        (asked_for("studies?limit=5&offset=2"), listed(3)),
    )


@pages_without_gaps.mutant(at=ASK)
def counts_what_it_asked_for(conversation: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """The next page begins where the last would have ended if it had been full."""
    first, second = conversation
    return first, second.but(ask=asked_for("studies?limit=5&offset=5"))


def _told_urls(x: Exchange) -> Iterator[tuple[str, str]]:
    """The Retrieve URLs of a search, absolute, and the paths that the templates give for the same."""
    reading = x.answer.json if x.resource.search and x.answer.status == 200 else None
    for row in reading.datasets if reading else ():
        url = dicom_json.text(row, RETRIEVE_URL)
        uids = [(n, dicom_json.text(row, t) or u) for n, t, u in
                (("studies", "0020000D", x.resource.study), ("series", "0020000E", x.resource.series),
                 ("instances", "00080018", ""))]  # fmt: skip
        own = "".join(f"/{name}/{uid}" for name, uid in uids if uid)
        if url and own:
            yield urljoin(x.ask.base.rstrip("/") + "/", url), urlsplit(x.ask.base).path.rstrip("/") + own


def _elsewhere(j: Journey) -> dict[str, tuple[str, Exchange]]:
    """Paths of the templates for which a search told another path, with that and the search."""
    found: dict[str, tuple[str, Exchange]] = {}
    for x in exchanges(j):
        for url, own in _told_urls(x):
            if urlsplit(url).path != own:
                found[own] = (url, x)
    return found


def _retrieved(j: Journey) -> list[Exchange]:
    return [x for x in exchanges(j) if x.kind.startswith("web.retrieve")]


def _below(path: str, root: str) -> bool:
    return path == root or path.startswith(root + "/")


@journey(
    "client.follows-retrieve-urls",
    cites="PS3.18 10.6.3.3.1; 10.6.3.3.2; 10.6.3.3.3",
    on=ON,
    level=SHOULD,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: bool(_elsewhere(j)) and bool(_retrieved(j)),
    says="What a search gave a Retrieve URL for is retrieved at that URL, not at one that the client built.",
)
def follows_retrieve_urls(j: Journey) -> Iterator[Finding]:
    for own, (url, search) in _elsewhere(j).items():
        for x in _retrieved(j):
            # the templates are as good, so nobody has broken a sentence
            if x.seq > search.seq and _below(x.resource.path, own) and not _below(x.resource.path, urlsplit(url).path):
                yield Finding(x.resource.path, url, "request target", seq=x.seq, warn=True)
                break


@follows_retrieve_urls.example
def follows_where_it_was_sent() -> tuple[Exchange, ...]:
    moved = "http://pacs.example/elsewhere/studies/1.2"
    return talk(
        (asked_for("studies"), listed(1, retrieve_url=moved)),
        (asked_for(f"{moved}/metadata", base="http://pacs.example/elsewhere"), listed(1)),
    )


@follows_retrieve_urls.mutant(at=ASK)
def builds_its_own_urls(conversation: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """The study is asked for below the Base URI, whatever the search said."""
    first, second = conversation
    return first, second.but(ask=asked_for("studies/1.2/metadata"))


def _same(ask: Ask) -> tuple[str, ...]:
    """What makes two requests the same question."""
    fields = (ask.headers.get("accept", ""), ask.headers.get("content-type", ""))
    return ask.method, ask.target, *(f or "" for f in fields), ask.body.digest if ask.body.size else ""


def _repeated(j: Journey, *statuses: int) -> Iterator[tuple[Exchange, Exchange]]:
    """A refused question, and the next time that the same one was asked."""
    waiting: dict[tuple[str, ...], Exchange] = {}
    for x in exchanges(j):
        key = _same(x.ask)
        if key in waiting:
            yield waiting.pop(key), x
        if x.answer.status in statuses:
            waiting[key] = x


@journey(
    "client.offers-another-type-after-406",
    cites="PS3.18 8.5 Table 8.5-1; 8.7.8.1; RFC 9110 15.5.7",
    on=ON,
    level=SHOULD_NOT,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: any(x.answer.status == 406 for x in j.exchanges),
    says="After 406 the same question with the same Accept is not asked again and again.",
)
def offers_another_type_after_406(j: Journey) -> Iterator[Finding]:
    yield from _again_and_again(j, 406, most=2, want="another Accept, or none of it")


def _again_and_again(j: Journey, status: int, most: int, want: str) -> Iterator[Finding]:
    """A finding for each question that was asked at least `most` times more after that refusal."""
    times: dict[tuple[str, ...], int] = {}
    for refusal, x in _repeated(j, status):
        key = _same(x.ask)
        times[key] = times.get(key, 0) + 1
        if times[key] == most:
            got = f"asked {most + 1} times, first answered {refusal.answer.line}"
            yield Finding(got=got, want=want, where=x.ask.line[:100], seq=x.seq)


@offers_another_type_after_406.example
def tries_the_default_type() -> tuple[Exchange, ...]:
    return talk(
        (asked_for("studies/1.2", "image/jls"), refused(406)),
        (asked_for("studies/1.2", 'multipart/related; type="application/dicom"'), refused(200)),
    )


@offers_another_type_after_406.mutant(at=ASK)
def insists_on_its_type(conversation: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """The same type is asked for over and over."""
    return [conversation[0]] * 4


@journey(
    "client.gives-up-a-refused-store",
    cites="PS3.18 10.5.3.1; RFC 9110 9.2.2",
    on=ON,
    level=SHOULD_NOT,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: any(x.kind == "web.store" and 400 <= x.answer.status < 500 for x in j.exchanges),
    says="A Store request that was refused for what it holds is not sent unchanged again and again.",
)
def gives_up_a_refused_store(j: Journey) -> Iterator[Finding]:
    for status in (400, 409, 413, 415):
        for finding in _again_and_again(j, status, OFTEN - 1, "an end of it, or another payload"):
            if any(x.seq == finding.seq and x.kind == "web.store" for x in j.exchanges):
                yield finding


@gives_up_a_refused_store.example
def stores_once_in_vain() -> tuple[Exchange, ...]:
    return talk((stored_one(), refused(409)))


@gives_up_a_refused_store.mutant(at=ASK)
def stores_for_ever(conversation: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """A refused instance is sent again and again."""
    return list(conversation) * (OFTEN + 1)


def _waits(j: Journey) -> Iterator[tuple[Exchange, Exchange, int, int]]:
    """A refusal with Retry-After in seconds, the same question again, the seconds, the milliseconds that it waited."""
    for refusal, x in _repeated(j, *_BUSY):
        after = (refusal.answer.headers.get("retry-after") or "").strip()
        if after.isdigit() and len(after) < 6 and "began_ms" in x.facts and "began_ms" in refusal.facts:
            over = int(refusal.facts["began_ms"]) + refusal.elapsed_ms
            yield refusal, x, int(after), int(x.facts["began_ms"]) - over


@journey(
    "client.waits-as-told",
    cites="PS3.18 8.5 Table 8.5-1; RFC 9110 10.2.3",
    on=ON,
    level=SHOULD,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: any(True for _ in _waits(j)),
    says="Who is told by Retry-After to ask again after some seconds waits that long.",
)
def waits_as_told(j: Journey) -> Iterator[Finding]:
    for refusal, x, seconds, waited in _waits(j):
        # clocks and networks may make a second of it look a little shorter
        if waited < seconds * 1000 - 100:
            got = f"{max(waited, 0)} ms after {refusal.answer.status}"
            yield Finding(got=got, want=f"{seconds} s, as Retry-After says", where=x.ask.line[:100], seq=x.seq)


@waits_as_told.example
def waits_a_second() -> tuple[Exchange, ...]:
    busy = refused(503, [("Retry-After", "1")])
    first, second = talk((asked_for("studies"), busy), (asked_for("studies"), listed(1)))
    return first.but(facts={"began_ms": 0}), second.but(facts={"began_ms": 1500})


@waits_as_told.mutant(at=ASK)
def asks_again_at_once(conversation: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """The same question comes again in the same moment."""
    first, second = conversation
    return first, second.but(facts={"began_ms": 20})


@journey(
    "client.bulkdata-as-told",
    cites="PS3.18 10.4.1.1.5; 10.1.1; F.2.6",
    on=ON,
    level=SHOULD,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: bool(_bulk_uris(j)) and any(_single_bulk(x) for x in j.exchanges),
    says="Bulkdata is asked for by the URI that the metadata told: it is opaque, so a client builds none of its own.",
)
def bulkdata_as_told(j: Journey) -> Iterator[Finding]:
    told = _bulk_uris(j)
    for x in exchanges(j):
        if _single_bulk(x) and x.resource.path not in told:
            yield Finding(x.ask.target[:200], "a BulkDataURI of the metadata", "request target", seq=x.seq, warn=True)


def _single_bulk(x: Exchange) -> bool:
    """One value is asked for, not all bulkdata of a study, series or instance (Table 10.4.1.5-1)."""
    return x.kind == "web.retrieve.bulkdata" and not x.resource.path.rstrip("/").endswith("/bulkdata")


def _bulk_uris(j: Journey) -> set[str]:
    """The paths of all BulkDataURIs that the client was told."""
    found: set[str] = set()
    for x in j.exchanges:
        reading = x.answer.json if x.answer.status == 200 and x.kind == "web.retrieve.metadata" else None
        base = urljoin(x.ask.base, x.resource.path)
        for dataset in reading.datasets if reading else ():
            found |= {urlsplit(urljoin(base, uri)).path for uri in _uris(dataset)}
    return found


def _uris(dataset: dicom_json.DataSet, depth: int = 0) -> Iterator[str]:
    for attribute in dataset.values():
        if not isinstance(attribute, dict) or depth > 16:
            continue
        if isinstance(attribute.get("BulkDataURI"), str):
            yield attribute["BulkDataURI"]
        values = attribute.get("Value")
        for item in values if isinstance(values, list) and attribute.get("vr") == "SQ" else ():
            if isinstance(item, dict):
                yield from _uris(item, depth + 1)


@bulkdata_as_told.example
def fetches_the_bulkdata() -> tuple[Exchange, ...]:
    uri = "http://pacs.example/dicomweb/studies/1.2/series/1.3/instances/1.4/bulkdata/x7"
    return talk(
        (asked_for("studies/1.2/metadata"), listed(1, bulk=uri)),
        (asked_for(uri, 'multipart/related; type="application/octet-stream"'), refused(200)),
    )


@bulkdata_as_told.mutant(at=ASK)
def guesses_where_bulkdata_is(conversation: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """Bulkdata is asked for by the tag of its attribute, whatever the metadata says."""
    first, second = conversation
    return first, second.but(ask=asked_for("studies/1.2/series/1.3/instances/1.4/bulkdata/7FE00010"))


_INSIDE = (
    "what a client makes of an answer stays in it; the scenario serves this, and the record holds what it asked next"
)
for _defect in ("M-AC-41", "M-JS-03", "M-JS-08", "M-JS-24", "M-JS-33", "M-MP-10", "M-MP-16", "M-WA-14"):
    undetected(_defect, why=_INSIDE)
undetected("M-WA-11", why="how a client decodes or shows pixels is not on the wire")
