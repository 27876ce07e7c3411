"""Rules of PS3.18 10.6.3.3 on Retrieve URL (0008,1190): it is there, names the match itself, and works.

Must not know other return attributes.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, RELATION, Door, Finding, journey, rule
from harness.wire import dicom_json
from harness.wire.dicom_json import DataSet
from suites.web.search.broken import Row, each, with_tag, without_tag
from suites.web.search.rows import PATHS, found, level, own, rows, series_of, study_of, texts
from suites.web.search.stored import kept_of

URL = "00081190"
NOT_AT_HAND = ("NEARLINE", "OFFLINE", "UNAVAILABLE")


def url_of(row: DataSet) -> str:
    """The Retrieve URL, '' when there is none."""
    return next(iter(texts(row, URL)), "").strip()


def resource_of(x: Exchange, row: DataSet) -> list[tuple[str, str]]:
    """The path words a row's own resource ends with; a UID that neither row nor path tells is ''."""
    uids = {"study": study_of(x, row), "series": series_of(x, row), level(x): own(x, row)}
    depth = ("study", "series", "instance").index(level(x)) + 1
    return [(PATHS[at], uids.get(at, "")) for at in ("study", "series", "instance")[:depth]]


@rule(
    "search.retrieve-url-present",
    cites="PS3.18 10.6.3.3.1; 10.6.3.3.2; 10.6.3.3.3",
    verifies=("PS3.18-10.6.3.3.1-3", "PS3.18-10.6.3.3.2-1", "PS3.18-10.6.3.3.3-1"),
    on="web.search",
    basis=RELATION,
    when=lambda x: any(kept_of(x, row) for row in rows(x) or ()),
    says="What was stored here and is not said to be out of reach is listed with a Retrieve URL.",
)
def retrieve_url_present(x: Exchange) -> Iterator[Finding]:
    for number, row in enumerate(rows(x) or (), 1):
        away = dicom_json.text(row, "00080056") in NOT_AT_HAND
        if kept_of(x, row) and not away and not url_of(row):
            yield Finding("no value", f"the URL of {own(x, row)}", f"match {number}, {URL}")


@retrieve_url_present.mutant
def tells_no_url(x: Exchange) -> Answer | None:
    """Matches carry no Retrieve URL."""
    return each(x, without_tag(URL))


@retrieve_url_present.mutant
def instances_have_empty_urls(x: Exchange) -> Answer | None:
    """The Retrieve URL of instances is empty."""
    return each(x, with_tag(URL, "UR"), "instances", "study-instances", "series-instances")


@rule(
    "search.retrieve-url-own",
    cites="PS3.18 10.6.3.3; 10.1.1; Table 10.4.1-1",
    verifies=("PS3.18-10.6.3.3.1-3",),
    on="web.search",
    when=lambda x: any(url_of(row) for row in rows(x) or ()),
    says="A Retrieve URL names the resource of the match it stands in: the study, series or instance itself.",
)
def retrieve_url_own(x: Exchange) -> Iterator[Finding]:
    for number, row in enumerate(rows(x) or (), 1):
        url = url_of(row)
        if not url:
            continue
        where = f"match {number}, {URL}"
        path, absolute = _path(url)
        words = [unquote(w) for w in path.split("/") if w]
        wanted = resource_of(x, row)
        if not _ends(words, wanted):
            yield Finding(url, "/".join(f"{name}/{uid or '{uid}'}" for name, uid in wanted), where)
        elif not absolute:
            yield Finding(url, "an absolute URL", where, warn=True)
        elif _elsewhere(url, x.ask.base) and x.leads_away(url):
            # legal, but a server behind a proxy that tells its inner name looks just like this
            yield Finding(url, f"a URL that works for those who ask {x.ask.base}", where, warn=True)
        if len(texts(row, URL)) > 1:
            yield Finding(f"{len(texts(row, URL))} values", "one URL", where)


def _path(url: str) -> tuple[str, bool]:
    """The path of a URL, and whether it names scheme and host; '' for what is no URL."""
    try:
        split = urlsplit(url)
    except ValueError:
        return "", False
    return split.path, bool(split.scheme and split.netloc)


def _elsewhere(url: str, base: str) -> bool:
    """The same path as that of the service, on another host or by another scheme."""
    here, there = urlsplit(base), urlsplit(url)
    same_path = there.path.startswith(f"{here.path.rstrip('/')}/studies/")
    return same_path and (here.scheme, here.netloc.lower()) != (there.scheme.lower(), there.netloc.lower())


def _ends(words: list[str], wanted: list[tuple[str, str]]) -> bool:
    """The path ends in these words; where a UID is not known, any UID will do."""
    tail = words[-2 * len(wanted) :]
    if len(tail) < 2 * len(wanted):
        return False
    pairs = list(zip(tail[::2], tail[1::2], strict=True))
    return all(
        name == word and (value == uid if uid else value[:1].isdigit())
        for (word, uid), (name, value) in zip(wanted, pairs, strict=True)
    )


@retrieve_url_own.mutant(defects="M-QI-36")
def urls_say_null(x: Exchange) -> Answer | None:
    """Retrieve URLs hold null in place of the study."""
    return each(x, lambda row: _rewritten(row, dicom_json.text(row, "0020000D") or x.ask.resource.study, "null"))


@retrieve_url_own.mutant
def urls_stop_at_the_study(x: Exchange) -> Answer | None:
    """The Retrieve URL of a series or instance is that of its study."""
    return each(x, lambda row: _cut(row, "/series/"))


@retrieve_url_own.mutant
def urls_of_instances_stop_at_the_series(x: Exchange) -> Answer | None:
    """The Retrieve URL of an instance is that of its series."""
    return each(x, lambda row: _cut(row, "/instances/"))


@retrieve_url_own.mutant
def urls_name_an_inner_host(x: Exchange) -> Answer | None:
    """Retrieve URLs name a host that only the server itself knows."""
    base = urlsplit(x.ask.base)
    return each(x, lambda row: _rewritten(row, f"{base.scheme}://{base.netloc}", "http://pacs-inner:8080"))


@retrieve_url_own.mutant
def urls_have_a_metadata_suffix(x: Exchange) -> Answer | None:
    """Retrieve URLs lead to the metadata."""
    return each(x, lambda row: with_tag(URL, "UR", f"{url_of(row)}/metadata")(row) if url_of(row) else row)


def _rewritten(row: Row, old: str, new: str) -> Row:
    return with_tag(URL, "UR", url_of(row).replace(old, new))(row) if old and url_of(row) else row


def _cut(row: Row, mark: str) -> Row:
    return with_tag(URL, "UR", url_of(row).partition(mark)[0])(row) if mark in url_of(row) else row


@journey(
    "search.retrieve-url-works",
    cites="PS3.18 10.6.3.3.1; 10.6.3.3.2; 10.6.3.3.3; 10.4",
    verifies=("PS3.18-10.6.3.3.1-3", "PS3.18-10.6.3.3.3-1", "PS3.18-10.6.3.3.2-1"),
    on="web.search.retrieve-url",
    when=lambda j: any(_followed(x) for x in j.steps("row")) and bool(j.steps("fetch")),
    says="A Retrieve URL that a match carries can be retrieved, unless the match says it is not at hand.",
)
def retrieve_url_works(j: Journey) -> Iterator[Finding]:
    for row, fetch in zip(j.steps("row"), j.steps("fetch"), strict=False):
        away = [dicom_json.text(r, "00080056") for r in rows(row) or ()]
        if not fetch.answer.ok and not set(away) & set(NOT_AT_HAND):
            where = f"{level(row)}, GET {fetch.ask.target}"
            yield Finding(fetch.answer.line, "the instances of the match", where, seq=fetch.seq)


def _followed(x: Exchange) -> bool:
    return found(x) and bool(url_of((rows(x) or ({},))[0]))


@retrieve_url_works.mutant(at=DOOR)
def urls_lead_nowhere(ask: Ask, door: Door) -> Answer:
    """Retrieve URLs lead below a path that is not served."""
    answer = door(ask)
    return each(Exchange(0, ask, answer), lambda row: _rewritten(row, "/studies/", "/gone/studies/")) or answer


@retrieve_url_works.mutant(at=DOOR, defects="M-QI-37")
def urls_name_what_is_not_held(ask: Ask, door: Door) -> Answer:
    """The last digit of every Retrieve URL is missing."""
    answer = door(ask)
    return each(Exchange(0, ask, answer), lambda row: with_tag(URL, "UR", url_of(row)[:-1])(row)) or answer


@journey(
    "search.availability-true",
    cites="PS3.4 C.4.1.1.3.2; PS3.18 10.6.3.3.1; 10.6.3.3.3",
    verifies=("PS3.18-10.6.3.3.1-2", "PS3.18-10.6.3.3.3-1"),
    on="web.search.retrieve-url",
    when=lambda j: any(_told(x) for x in j.steps("row")) and any(x.answer.ok for x in j.steps("fetch")),
    says="What can be retrieved at once is not said to be offline or unavailable.",
)
def availability_true(j: Journey) -> Iterator[Finding]:
    for row, fetch in zip(j.steps("row"), j.steps("fetch"), strict=False):
        for told in _told(row):
            if told in ("OFFLINE", "UNAVAILABLE") and fetch.answer.ok:
                yield Finding(told, "ONLINE, as it was retrieved", f"{level(row)}, attribute 00080056", seq=row.seq)


def _told(x: Exchange) -> list[str]:
    return [text for row in rows(x) or () for text in texts(row, "00080056") if text]


@availability_true.mutant
def calls_everything_unavailable(x: Exchange) -> Answer | None:
    """Instance Availability is UNAVAILABLE for everything."""
    return each(x, with_tag("00080056", "CS", "UNAVAILABLE"))
