"""Rules of PS3.18 11.1.1, 11.9.1, 11.10.1, 11.11.1 and 11.12.1 on targets and parameters of the Worklist service.

Must not know payloads, nor what was asked before.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from harness.exchange import Ask, Exchange
from harness.rule import ASK, SHALL_NOT, SHOULD, USER_AGENT, Finding, rule
from harness.wire.uri import valid_uid
from suites.web.client.bend import accepting, parameters
from suites.web.search import asked
from suites.web.workitems.making import FILTERED, LOCK, WORKLIST
from suites.web.workitems.reading import (
    CREATED,
    RETRIEVED,
    SEARCHED,
    SUBSCRIBED,
    SUSPENDED,
    UNSUBSCRIBED,
    all_of_them,
)

ON = "web.workitems"
SUBSCRIBERS = f"{SUBSCRIBED}|{UNSUBSCRIBED}|{SUSPENDED}"
JSON, XML = "application/dicom+json", "application/dicom+xml"
COMMON = ("accept", "charset")
_TITLE = re.compile(r"[\x20-\x5b\x5d-\x7e]{1,16}")  # the VR AE (PS3.5 6.2)


def _named(x: Exchange) -> Iterator[tuple[str, str]]:
    """The UIDs that the target has, and where."""
    if x.resource.uid:
        yield x.resource.uid, "request target"
    if x.kind == CREATED:
        for parameter in x.resource.query.parameters:
            if parameter.name not in COMMON:
                yield parameter.name if parameter.raw is None else parameter.value, "query"


@rule(
    "client.workitem-uid-in-target",
    cites="PS3.18 11.1.1 Table 11.1.1-1; 11.4.1.1; PS3.5 9.1",
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: any(_named(x)),
    says="Where the template of a resource has the UID of a workitem, the target has a valid one.",
)
def workitem_uid_in_target(x: Exchange) -> Iterator[Finding]:
    for uid, where in _named(x):
        if not valid_uid(uid):
            yield Finding(uid[:80], "a UID of PS3.5 9.1", where)


@workitem_uid_in_target.mutant(at=ASK)
def names_workitems_by_number(x: Exchange) -> Ask | None:
    """Workitems are called by the number of a row in a table."""
    uid = x.resource.uid
    return x.ask.but(target=x.ask.target.replace(f"/{uid}", "/item-4711", 1)) if uid else None


@workitem_uid_in_target.mutant(at=ASK)
def creates_under_a_name(x: Exchange) -> Ask | None:
    """A workitem is created under a name that is no UID."""
    return x.ask.but(target=f"{x.ask.target.partition('?')[0]}?workitem=read-it") if x.kind == CREATED else None


@rule(
    "client.subscriber-title",
    cites="PS3.18 11.1.1; 11.10.1.1; PS3.5 6.2 Table 6.2-1",
    on=SUBSCRIBERS,
    who=USER_AGENT,
    content=False,
    says="A subscriber is an AE title: one to sixteen characters, not all of them blanks, none of them a backslash.",
)
def subscriber_title(x: Exchange) -> Iterator[Finding]:
    title = x.resource.title
    if not _TITLE.fullmatch(title) or not title.strip():
        yield Finding(title[:80], "an AE title", "request target")


@subscriber_title.mutant(at=ASK)
def subscribes_under_a_long_name(x: Exchange) -> Ask | None:
    """The subscriber is called by a name of more than sixteen characters."""
    end = "/subscribers/" + "WORKSTATION-OF-THE-NIGHT"
    return x.ask.but(target=re.sub(r"/subscribers/[^/?]+", end, x.ask.target))


def filters(x: Exchange) -> list[tuple[str, str]]:
    """The matching keys of a filter: pairs of name and value; a word without = belongs to the value before it."""
    found: list[tuple[str, str]] = []
    for parameter in x.resource.query.all("filter"):
        for word in parameter.value.split(","):
            name, equals, value = word.partition("=")
            if equals or not found:
                found.append((name if equals else "", value if equals else word))
            else:
                found[-1] = found[-1][0], f"{found[-1][1]},{word}"
    return found


def _plain_keys(x: Exchange) -> list[str]:
    return [p.name for p in x.resource.query.parameters if p.name not in COMMON and asked.path_of(p.name)]


@rule(
    "client.filter-where-filtered",
    cites="PS3.18 11.10.1.2 Table 11.10.1-2",
    verifies="PS3.18-11.10.1.2-2",
    on=SUBSCRIBED,
    who=USER_AGENT,
    content=False,
    says="Who subscribes to the filtered worklist gives a filter of attributes with values; nobody else does.",
)
def filter_where_filtered(x: Exchange) -> Iterator[Finding]:
    there = "filter" in x.resource.query
    if x.resource.uid != FILTERED:
        if there:
            yield Finding("a filter", "none, for this is not the filtered worklist", "query parameter filter")
    elif not there and _plain_keys(x):
        yield Finding(", ".join(_plain_keys(x))[:80], "filter=…", "query", warn=True, policy="D-17")
    elif not there:
        yield Finding("no filter", "filter=attribute=value,…", "query")
    for number, (name, _) in enumerate(filters(x)):
        if not asked.path_of(name):
            # what follows a comma may belong to the value before it
            got = name[:80] or "no attribute"
            yield Finding(got, "a keyword or tag before =", "query parameter filter", warn=number > 0)


@filter_where_filtered.mutant(at=ASK)
def filters_by_nothing(x: Exchange) -> Ask | None:
    """The filtered worklist is subscribed to without a filter."""
    return _to(x, FILTERED, "")


@filter_where_filtered.mutant(at=ASK)
def filters_the_whole_worklist(x: Exchange) -> Ask | None:
    """The worklist itself is subscribed to with a filter."""
    return _to(x, WORKLIST, "?filter=PatientID=1")


@filter_where_filtered.mutant(at=ASK)
def filters_by_what_is_no_attribute(x: Exchange) -> Ask | None:
    """The filter names what is no attribute."""
    return _to(x, FILTERED, "?filter=modality%20of%20choice=CT")


def _to(x: Exchange, uid: str, query: str) -> Ask | None:
    if not x.resource.uid:
        return None
    path = x.ask.target.partition("?")[0].replace(f"/{x.resource.uid}/", f"/{uid}/", 1)
    return x.ask.but(target=path + query)


@rule(
    "client.subscribe-parameters",
    cites="PS3.18 11.10.1.2 Table 11.10.1-2",
    on=SUBSCRIBED,
    who=USER_AGENT,
    content=False,
    when=lambda x: any(p.name for p in x.resource.query.parameters),
    due=False,
    says="A subscription has the parameters deletionlock, true or false, and filter, each of them once.",
)
def subscribe_parameters(x: Exchange) -> Iterator[Finding]:
    known = ("deletionlock", "filter", *COMMON)
    for name, times in Counter(p.name for p in x.resource.query.parameters).items():
        if name in known[:2] and times > 1:
            yield Finding(f"{times} times", "once", f"query parameter {name}")
        if name == "deletionlock" and x.resource.query.get(name) not in ("true", "false"):
            yield Finding((x.resource.query.get(name) or "")[:80], "true or false", "query parameter deletionlock")
        if name not in known and not (x.resource.uid == FILTERED and asked.path_of(name)):
            yield Finding(name[:80], ", ".join(known), "query", warn=True)


@subscribe_parameters.mutant(at=ASK)
def locks_with_capitals(x: Exchange) -> Ask:
    """The deletion lock is asked for with TRUE."""
    return x.ask.but(target=f"{x.ask.target.partition('?')[0]}?deletionlock=TRUE")


@subscribe_parameters.mutant(at=ASK)
def locks_in_its_own_words(x: Exchange) -> Ask:
    """The deletion lock is asked for by a parameter that there is not."""
    return x.ask.but(target=f"{x.ask.target.partition('?')[0]}?deletionLock=true")


@rule(
    "client.unsubscribe-without-parameters",
    cites="PS3.18 11.11.1.2; 11.12.1.2",
    level=SHOULD,
    on=f"{UNSUBSCRIBED}|{SUSPENDED}",
    who=USER_AGENT,
    content=False,
    says="Who unsubscribes or suspends a subscription gives no parameters.",
)
def unsubscribe_without_parameters(x: Exchange) -> Iterator[Finding]:
    if x.resource.query.raw:
        yield Finding(f"?{x.resource.query.raw}"[:80], "no query", "request target")


@unsubscribe_without_parameters.mutant(at=ASK)
def unlocks_as_it_leaves(x: Exchange) -> Ask:
    """Unsubscribing has the parameter of the deletion lock."""
    return x.ask.but(target=f"{x.ask.target}?deletionlock=false")


@rule(
    "client.suspends-what-is-global",
    cites="PS3.18 11.12.1.1 Table 11.12.1-1; PS3.4 CC.2.3.2",
    on=SUSPENDED,
    who=USER_AGENT,
    content=False,
    says="What is suspended is a subscription to the worklist or to the filtered worklist, not one to a workitem.",
)
def suspends_what_is_global(x: Exchange) -> Iterator[Finding]:
    if not all_of_them(x.resource.uid):
        yield Finding(x.resource.uid[:80], f"{WORKLIST} or {FILTERED}", "request target")


@suspends_what_is_global.mutant(at=ASK)
def suspends_a_workitem(x: Exchange) -> Ask | None:
    """The subscription to a workitem is to be suspended."""
    return _to(x, "1.2.3.4", "")


@rule(
    "client.lock-is-not-searched",
    cites="PS3.18 11.9.1; PS3.4 CC.2.7.2; Table CC.2.5-3",
    level=SHALL_NOT,
    on=SEARCHED,
    who=USER_AGENT,
    content=False,
    says="The Transaction UID is no matching key, and is not asked for.",
)
def lock_is_not_searched(x: Exchange) -> Iterator[Finding]:
    paths = [key.path for key in asked.keys(x.ask)] + sorted(asked.included(x.ask))
    for path in paths:
        if path.rpartition(".")[2] == LOCK:
            yield Finding(path, "other attributes", "query")


@lock_is_not_searched.mutant(at=ASK)
def looks_for_its_own_claims(x: Exchange) -> Ask | None:
    """Workitems are searched by Transaction UID."""
    return parameters(x, "TransactionUID=1.2.3")


@lock_is_not_searched.mutant(at=ASK)
def wants_to_see_the_locks(x: Exchange) -> Ask | None:
    """The Transaction UID is to be included in the matches."""
    return parameters(x, "includefield=00081195")


@rule(
    "client.workitem-accept-fits",
    cites="PS3.18 11.1.3 Table 11.1.3-1; 11.5.1.3; 11.9.1.3",
    on=f"{SEARCHED}|{RETRIEVED}",
    who=USER_AGENT,
    content=False,
    when=lambda x: any(r.q > 0 for r in x.ask.accept.ranges),
    says="Who asks for workitems accepts DICOM JSON, or Native DICOM Model in a multipart message.",
)
def workitem_accept_fits(x: Exchange) -> Iterator[Finding]:
    good = [r for r in x.ask.accept.ranges if r.q > 0]
    if any(r.covers(JSON) or (r.type == "multipart/related" and _of_xml(r.parameters.get("type", ""))) for r in good):
        return
    # the name before there was one of DICOM, and XML as a single part, are taken by many
    near = any(r.type in ("application/json", XML) for r in good)
    yield Finding(x.ask.accept.raw[:200], f"{JSON}, or multipart/related; type={XML}", "Accept", warn=near)


def _of_xml(part: str) -> bool:
    return part.lower() in ("", XML, "*/*", "application/*")


@workitem_accept_fits.mutant(at=ASK)
def accepts_instances(x: Exchange) -> Ask | None:
    """Workitems are asked for as PS3.10 files."""
    return accepting(x, 'multipart/related; type="application/dicom"')
