"""Rules of PS3.18 11.10 to 11.12 and PS3.4 CC.2.3 on answers to subscribers: subscribe, unsubscribe, suspend.

Must not know events.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Exchange, Journey
from harness.rule import RELATION, Finding, journey, rule
from suites.web.workitems import reading
from suites.web.workitems.making import FILTERED, FINAL
from suites.web.workitems.reading import RETRIEVED, SUBSCRIBED, SUSPENDED, UNSUBSCRIBED, declined, granted, uid_of
from suites.web.workitems.story import Item, after

KIND = "web.workitems.subscriptions"
EVERY = f"{KIND}|web.workitems.watching"


def _made(x: Exchange) -> bool:
    return x.answer.status == 201


def locks(x: Exchange) -> bool:
    """The subscription wants a deletion lock, and nobody said that there is none."""
    return x.ask.query.get("deletionlock") == "true" and not reading.warns(x, reading.NO_LOCK)


@rule(
    "subscription.tells-where-to-listen",
    cites="PS3.18 11.10.3.2",
    verifies="PS3.18-11.10.3.2-1",
    on=SUBSCRIBED,
    when=_made,
    says="A subscription that was created has the ws: or wss: URL of its notifications in Content-Location.",
)
def tells_where_to_listen(x: Exchange) -> Iterator[Finding]:
    where = x.answer.headers.get("content-location")
    if where is None:
        yield Finding("no Content-Location", "a ws: or wss: URL", "Content-Location")
    elif not where.lower().startswith(("ws://", "wss://")) or len(where.partition("//")[2]) < 1:
        yield Finding(where, "a ws: or wss: URL", "Content-Location")


@tells_where_to_listen.mutant
def leaves_the_listener_alone(x: Exchange) -> Answer | None:
    """A subscription has no Content-Location."""
    headers = x.answer.headers.but("content-location", None)
    return x.answer.but(headers=headers) if x.kind == SUBSCRIBED and _made(x) else None


@tells_where_to_listen.mutant
def points_at_itself(x: Exchange) -> Answer | None:
    """Content-Location is the http: URL of the subscription."""
    headers = x.answer.headers.but("content-location", f"{x.ask.base}/workitems/{x.resource.uid}")
    return x.answer.but(headers=headers) if x.kind == SUBSCRIBED and _made(x) else None


def _serves(j: Journey) -> bool:
    """Some subscription to a workitem was created, or breaks the server, so the product has the service."""
    return any(x.kind == SUBSCRIBED and (granted(x) or _broken(x)) for x in j.exchanges)


def _broken(x: Exchange) -> bool:
    return x.answer.status >= 500 and not declined(x)


def _steps(j: Journey, *steps: str) -> list[Exchange]:
    return [x for s in steps for x in j.steps(s) if not declined(x)] if _serves(j) else []


def _due(xs: list[Exchange], status: int, *others: int) -> Iterator[Finding]:
    """It has to be answered with this code; others of its class are a warning."""
    for x in xs:
        if x.answer.status not in (status, *others):
            soft = x.answer.status // 100 == status // 100
            yield Finding(x.answer.line, str(status), x.ask.line, seq=x.seq, warn=soft)


@journey(
    "subscription.created",
    cites="PS3.18 11.10.1.1, 11.10.3.1; PS3.4 CC.2.3.3",
    verifies=("PS3.18-11.10.1.1-1", "PS3.18-11.10.3.1-1"),
    on=KIND,
    when=lambda j: bool(_steps(j, "one", "all")),
    says="A subscription to a workitem or to the worklist is created: 201.",
)
def created(j: Journey) -> Iterator[Finding]:
    return _due(_steps(j, "one", "all"), 201)


@created.mutant
def just_fine(x: Exchange) -> Answer | None:
    """A subscription to the worklist is answered 404."""
    whole = x.kind == SUBSCRIBED and reading.all_of_them(x.resource.uid) and granted(x)
    return x.answer.but(status=404, reason="Not Found", body=b"") if whole else None


@created.mutant
def falls_over_subscribers(x: Exchange) -> Answer | None:
    """Every subscription is answered 500."""
    return x.answer.but(status=500, reason="Internal Server Error", body=b"") if x.kind == SUBSCRIBED else None


@journey(
    "subscription.unknown-workitem",
    cites="PS3.18 11.10.3.1; PS3.4 CC.2.3.4",
    verifies="PS3.18-11.10.3.1-1",
    on=KIND,
    when=lambda j: bool(_steps(j, "unknown")),
    says="A subscription to a workitem that nobody created is answered 404.",
)
def unknown_workitem(j: Journey) -> Iterator[Finding]:
    return _due(_steps(j, "unknown"), 404)


@unknown_workitem.mutant
def watches_what_is_not_there(x: Exchange) -> Answer | None:
    """A subscription to an unknown workitem is created."""
    missed = x.kind == SUBSCRIBED and x.answer.status == 404
    return x.answer.but(status=201, reason="Created", body=b"") if missed else None


@journey(
    "subscription.bad-lock",
    cites="PS3.18 11.10.1.2, 11.10.3.1",
    verifies="PS3.18-11.10.1.2-1",
    on=KIND,
    when=lambda j: bool(_steps(j, "bad-lock")),
    says="A deletionlock that is neither true nor false is answered 400.",
)
def bad_lock(j: Journey) -> Iterator[Finding]:
    return _due(_steps(j, "bad-lock"), 400)


@bad_lock.mutant
def any_lock_will_do(x: Exchange) -> Answer | None:
    """Whatever deletionlock is, the subscription is created."""
    bad = x.kind == SUBSCRIBED and x.answer.status == 400
    return x.answer.but(status=201, reason="Created", body=b"") if bad else None


@rule(
    "subscription.filter-refusal-warns",
    cites="PS3.18 11.10.3.1, 11.10.3.2; PS3.4 CC.2.3.3",
    verifies=("PS3.18-11.10.3.2-3", "PS3.18-11.10.3.1-1"),
    on=SUBSCRIBED,
    due=False,
    when=lambda x: x.resource.uid == FILTERED and x.answer.status == 403,
    says="A server without filtered subscriptions answers 403 with a Warning that says so.",
)
def filter_refusal_warns(x: Exchange) -> Iterator[Finding]:
    if not reading.warns(x, reading.NO_FILTER):
        got = "; ".join(reading.warnings(x)) or "no Warning"
        # somebody may be refused for another reason
        yield Finding(got, f"299 <service>: {reading.NO_FILTER}.", "Warning", warn=bool(reading.warnings(x)))


@filter_refusal_warns.mutant
def filters_nothing_and_keeps_quiet(x: Exchange) -> Answer | None:
    """Filtered subscriptions are refused with 403 and no Warning."""
    return x.answer.but(status=403, reason="Forbidden", body=b"") if x.resource.uid == FILTERED else None


@journey(
    "subscription.filtered",
    cites="PS3.18 11.10.1.1, 11.10.1.2, 11.10.3.1; PS3.4 CC.2.3.3.1",
    verifies="PS3.18-11.10.1.1-1",
    on=KIND,
    when=lambda j: bool(_steps(j, "filter", "keys")) and all(x.answer.status != 403 for x in j.steps("filter")),
    says="A filtered subscription is created, 201, with its keys in filter or beside it; or refused with 403.",
)
def filtered(j: Journey) -> Iterator[Finding]:
    asked = _steps(j, "filter", "keys")
    if not any(granted(x) for x in asked):
        got = "; ".join(x.answer.line for x in asked)
        # not supported is 403, or C307 of PS3.4, which is 404
        soft = all(x.answer.status in (404, 409) for x in asked)
        yield Finding(got, "201 or 403", asked[0].ask.line, seq=asked[0].seq, warn=soft, policy="D-17")


@filtered.mutant
def breaks_over_a_filter(x: Exchange) -> Answer | None:
    """A filtered subscription is answered 500."""
    filters = x.kind == SUBSCRIBED and x.resource.uid == FILTERED
    return x.answer.but(status=500, reason="Internal Server Error", body=b"") if filters else None


@journey(
    "subscription.ended",
    cites="PS3.18 11.11.3.1, 11.11.3.3; PS3.4 CC.2.3.3",
    verifies=("PS3.18-11.11.3.1-1", "PS3.18-11.11.3.3-1"),
    on=KIND,
    when=lambda j: bool(_steps(j, "unsubscribe")),
    says="A subscription that exists is removed: 200 without a payload.",
)
def ended(j: Journey) -> Iterator[Finding]:
    yield from _due(_steps(j, "unsubscribe"), 200)
    for x in _steps(j, "unsubscribe"):
        if granted(x) and x.answer.body.size:
            yield Finding(f"{x.answer.body.size} octets", "no payload", x.ask.line, seq=x.seq)


@ended.mutant
def subscribed_for_ever(x: Exchange) -> Answer | None:
    """A subscription cannot be removed."""
    done = x.kind == UNSUBSCRIBED and granted(x)
    return x.answer.but(status=500, reason="Internal Server Error", body=b"") if done else None


@ended.mutant
def says_goodbye(x: Exchange) -> Answer | None:
    """The answer to an Unsubscribe has a payload."""
    done = x.kind == UNSUBSCRIBED and granted(x)
    return x.answer.but(body=b'{"status": "gone"}', type="application/json") if done else None


@journey(
    "subscription.suspended",
    cites="PS3.18 11.12.3.1, 11.12.3.3; PS3.4 CC.2.3.3",
    verifies="PS3.18-11.12.3.1-1",
    on=KIND,
    when=lambda j: bool(_steps(j, "suspend")),
    says="A subscription to the worklist that exists is suspended: 200 without a payload.",
)
def suspended(j: Journey) -> Iterator[Finding]:
    yield from _due(_steps(j, "suspend"), 200)
    for x in _steps(j, "suspend"):
        if granted(x) and x.answer.body.size:
            yield Finding(f"{x.answer.body.size} octets", "no payload", x.ask.line, seq=x.seq)


@suspended.mutant
def never_suspends(x: Exchange) -> Answer | None:
    """A subscription cannot be suspended."""
    done = x.kind == SUSPENDED and granted(x)
    return x.answer.but(status=400, reason="Bad Request", body=b"") if done else None


@journey(
    "subscription.unknown-is-404",
    cites="PS3.18 11.11.3.1, 11.12.3.1",
    verifies=("PS3.18-11.11.3.1-1", "PS3.18-11.12.3.1-1"),
    on=KIND,
    when=lambda j: bool(_steps(j, "not-subscribed")),
    says="To remove or suspend a subscription that nobody has is answered 404.",
)
def unknown_is_404(j: Journey) -> Iterator[Finding]:
    return _due(_steps(j, "not-subscribed"), 404)


@unknown_is_404.mutant(defects="M-UP-06")
def removes_what_is_not_there(x: Exchange) -> Answer | None:
    """To remove a subscription that nobody has succeeds."""
    missed = x.kind in (UNSUBSCRIBED, SUSPENDED) and x.answer.status == 404
    return x.answer.but(status=200, reason="OK", body=b"") if missed else None


@journey(
    "subscription.lock-keeps",
    cites="PS3.18 11.10.2; PS3.4 CC.2.1.3, CC.2.3.2",
    verifies="PS3.18-11.10.2-6",
    on=EVERY,
    basis=RELATION,
    when=lambda j: any(True for _ in _kept(j)),
    says="A workitem on which a deletion lock lies is retrieved when it is COMPLETED or CANCELED.",
)
def lock_keeps(j: Journey) -> Iterator[Finding]:
    for x in _kept(j):
        if not granted(x) and not declined(x):
            # what is kept need not be shown (11.5.2): only what says that it is gone contradicts the lock
            gone = x.answer.status in reading.GONE
            yield Finding(x.answer.line, "200", f"{x.ask.line}, with a deletion lock", seq=x.seq, warn=not gone)


def _kept(j: Journey) -> Iterator[Exchange]:
    """Retrievals of what is over and locked by a subscription to this very workitem."""
    items: dict[str, Item] = {}
    locked: dict[str, set[str]] = {}
    for x in j.exchanges:
        uid, title = uid_of(x), x.resource.title
        if x.kind == SUBSCRIBED and granted(x):
            (locked.setdefault(uid, set()).add if locks(x) else locked.setdefault(uid, set()).discard)(title)
        elif x.kind == UNSUBSCRIBED and granted(x):
            for of, titles in locked.items():
                if of == uid or reading.all_of_them(uid):
                    titles.discard(title)
        elif x.kind in (*reading.ABOUT_ONE, reading.CREATED) and uid:
            state = items.get(uid, Item()).state
            if x.kind == RETRIEVED and state in FINAL and locked.get(uid):
                yield x
            items[uid] = after(x, items.get(uid, Item()))


@lock_keeps.mutant
def deletes_what_is_locked(x: Exchange) -> Answer | None:
    """What is COMPLETED is gone at once."""
    over = any(reading.text(d, "00741000") in FINAL for d in reading.datasets(x.answer))
    return x.answer.but(status=410, reason="Gone", body=b"") if x.kind == RETRIEVED and over else None


@rule(
    "subscription.refused-lock-warns",
    cites="PS3.18 11.10.3.2; PS3.4 CC.2.3.3",
    verifies="PS3.18-11.10.3.2-2",
    on=SUBSCRIBED,
    due=False,
    when=lambda x: granted(x) and any("lock" in w.lower() for w in reading.warnings(x)),
    says="A subscription whose deletion lock was refused is created all the same, with the Warning for it.",
)
def refused_lock_warns(x: Exchange) -> Iterator[Finding]:
    if x.answer.status != 201:
        yield Finding(x.answer.line, "201", "status", warn=True)
    if not reading.warns(x, reading.NO_LOCK):
        yield Finding("; ".join(reading.warnings(x)), f"299 <service>: {reading.NO_LOCK}.", "Warning", warn=True)


@refused_lock_warns.mutant
def says_it_in_other_words(x: Exchange) -> Answer | None:
    """A deletion lock that is not granted is told of in words of the server's own."""
    if x.kind != SUBSCRIBED or not granted(x):
        return None
    return x.answer.but(headers=x.answer.headers.but("warning", "299 here: sorry, no locks today"))
