"""Rules of PS3.18 13.4.1, 13.5.1 and Annex J.1 on who asks for commitment, and on how it comes back for the result.

Must not know what was answered, but for whether a request was taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harness.body import Body
from harness.exchange import Ask, Exchange, Headers, Journey
from harness.rule import ASK, SHALL_NOT, SHOULD, USER_AGENT, Finding, journey, rule, untested
from harness.wire.uri import valid_uid
from suites.web.client.bend import accepting, payload
from suites.web.client.conversation import exchanges
from suites.web.client.talk import BASE, JSON, asked_for, refused, talk
from suites.web.commitments.reading import (
    CHECK,
    CLASS,
    INSTANCE,
    NAMES,
    REQUEST,
    SERIES,
    SERIES_SEQUENCE,
    SINCE,
    SOPS,
    STUDIES,
    module,
    uids,
)
from suites.web.datasets import bent

CONVERSATION = "web.client"
Root = dict[str, Any]


@rule(
    "client.commitment-names-instances",
    cites="PS3.18 13.4.1.4; J.1 Table J.1-1",
    verifies=("PS3.18-13.4.1.4-1", "PS3.18-J.1-1"),
    on=REQUEST,
    who=USER_AGENT,
    since=SINCE,
    content=False,
    says="A request has a payload that refers to at least one instance, plainly or by study and series.",
)
def commitment_names_instances(x: Exchange) -> Iterator[Finding]:
    sent = module(x.ask)
    if sent is None:
        got = f"{x.ask.type or 'no Content-Type'}, {x.ask.body.size} octets, no data set"
        yield Finding(got, "a Storage Commitment Request Module", "payload")
        return
    if x.ask.type == "application/json":
        yield Finding(x.ask.type, "a media type of 8.7.3", "Content-Type", warn=True)
    if not sent.named:
        yield Finding("no reference", f"items in {SOPS} or in {STUDIES}", "payload")
    for tag, count in sent.present.items():
        if tag not in (SOPS, STUDIES):
            yield Finding(NAMES[tag], "the sequences of the request module", f"payload, {tag}", warn=True)
        elif not count and sent.named:
            yield Finding(f"{NAMES[tag]} without items", "at least one item", f"payload, {tag}")


@commitment_names_instances.mutant(at=ASK)
def asks_for_nothing(x: Exchange) -> Ask | None:
    """Requests have no payload."""
    return payload(x.ask, b"")


@commitment_names_instances.mutant(at=ASK)
def asks_for_an_empty_list(x: Exchange) -> Ask | None:
    """Requests have no items."""

    def none(root: Root) -> None:
        if SOPS in root:
            root[SOPS].pop("Value", None)

    return bent(x.ask, none)


@commitment_names_instances.mutant(at=ASK, defects="M-NS-07")
def uses_the_tag_of_a_reference(x: Exchange) -> Ask | None:
    """The instances stand in Referenced Instance Sequence."""

    def other(root: Root) -> None:
        if SOPS in root:
            root["0008114A"] = root.pop(SOPS)

    return bent(x.ask, other)


@rule(
    "client.commitment-items-are-whole",
    cites="PS3.18 J.1 Table J.1-1; PS3.3 Table 10-11",
    verifies="PS3.18-J.1-2",
    on=REQUEST,
    who=USER_AGENT,
    since=SINCE,
    content=False,
    when=lambda x: bool((sent := module(x.ask)) and sent.named),
    says="Each reference has all attributes of type 1: class, instance, and where it is nested study and series.",
)
def commitment_items_are_whole(x: Exchange) -> Iterator[Finding]:
    sent = module(x.ask)
    for one in sent.named if sent is not None else ():
        for tag in dict.fromkeys(tag for tag in one.lacks if tag != "00081197"):
            yield Finding("not there, or no value", "type 1", f"{one.where}, {tag}")
        for tag, uid in uids(one):
            if tag not in one.lacks and not valid_uid(uid):
                yield Finding(repr(uid[:80]), "a UID", f"{one.where}, {tag}")


@commitment_items_are_whole.mutant(at=ASK)
def leaves_the_class_to_the_server(x: Exchange) -> Ask | None:
    """References have no SOP Class UID."""
    return bent(x.ask, lambda root: [item.pop(CLASS, None) for item in root.get(SOPS, {}).get("Value", [])])


@commitment_items_are_whole.mutant(at=ASK)
def leaves_out_the_series(x: Exchange) -> Ask | None:
    """Series have no UID."""

    def pruned(root: Root) -> None:
        for study in root.get(STUDIES, {}).get("Value", []):
            for series in study.get(SERIES_SEQUENCE, {}).get("Value", []):
                series.pop(SERIES, None)

    return bent(x.ask, pruned)


@commitment_items_are_whole.mutant(at=ASK)
def names_files(x: Exchange) -> Ask | None:
    """Instances are called by the names of their files."""

    def named(root: Root) -> None:
        for item in root.get(SOPS, {}).get("Value", []):
            item[INSTANCE] = {"vr": "UI", "Value": ["IMG00001.dcm"]}

    return bent(x.ask, named)


@rule(
    "client.commitment-transaction",
    cites="PS3.18 13.4.1.1; 13.5.1.1; PS3.5 9.1",
    on="web.commitments",
    who=USER_AGENT,
    since=SINCE,
    content=False,
    says="The path of a request and of a check ends in a Transaction UID.",
)
def commitment_transaction(x: Exchange) -> Iterator[Finding]:
    if not valid_uid(x.resource.uid):
        yield Finding(x.resource.uid[:80], "a UID", "path")


@commitment_transaction.mutant(at=ASK)
def numbers_its_requests(x: Exchange) -> Ask | None:
    """Transactions are called by a UUID."""
    return x.ask.but(target=x.ask.target.replace(x.resource.uid, "6b1f0f0e-0000-4000-8000-000000000000"))


@rule(
    "client.commitment-accept",
    cites="PS3.18 13.4.1.3 Table 13.4.1-2; 13.5.2.3 Table 13.5.1-2",
    on="web.commitments",
    who=USER_AGENT,
    since=SINCE,
    content=False,
    when=lambda x: x.ask.method != "HEAD",
    says="A request and a check have an Accept field.",
)
def commitment_accept(x: Exchange) -> Iterator[Finding]:
    if "accept" not in x.ask.headers:
        yield Finding("no Accept field", "the media types that are acceptable", "header fields")


@commitment_accept.mutant(at=ASK)
def accepts_it_knows_not_what(x: Exchange) -> Ask | None:
    """Requests and checks have no Accept field."""
    return accepting(x, None)


@rule(
    "client.commitment-without-parameters",
    cites="PS3.18 13.4.1.2; 13.5.2.2",
    level=SHOULD,
    on="web.commitments",
    who=USER_AGENT,
    since=SINCE,
    content=False,
    says="A request and a check have no parameters.",
)
def commitment_without_parameters(x: Exchange) -> Iterator[Finding]:
    if x.resource.query.raw:
        yield Finding(f"?{x.resource.query.raw}"[:80], "no query", "request target")


@commitment_without_parameters.mutant(at=ASK)
def waits_by_a_parameter(x: Exchange) -> Ask:
    """Whether to wait for the result is said in the query."""
    return x.ask.but(target=f"{x.ask.target.partition('?')[0]}?wait=true")


@rule(
    "client.commitment-check-without-payload",
    cites="PS3.18 13.5.1.4",
    level=SHALL_NOT,
    on=CHECK,
    who=USER_AGENT,
    since=SINCE,
    content=False,
    says="A check has no payload.",
)
def commitment_check_without_payload(x: Exchange) -> Iterator[Finding]:
    if x.ask.body.size:
        yield Finding(f"{x.ask.body.size} octets", "no payload", "payload")


@commitment_check_without_payload.mutant(at=ASK)
def asks_again_with_the_module(x: Exchange) -> Ask | None:
    """Checks repeat the module of the request."""
    return payload(x.ask.but(headers=x.ask.headers.but("content-type", JSON)), b"{}")


def _requests(j: Journey) -> list[Exchange]:
    return [x for x in exchanges(j) if x.kind == REQUEST]


@journey(
    "client.commitment-fresh-transaction",
    cites="PS3.18 13.4.3.1 Table 13.4.3-1; PS3.4 J.3.2.1.2",
    level=SHALL_NOT,
    on=CONVERSATION,
    who=USER_AGENT,
    since=SINCE,
    content=False,
    incomplete=True,
    due=False,
    when=lambda j: bool(_requests(j)),
    says="A Transaction UID that was taken is not used for another request.",
)
def commitment_fresh_transaction(j: Journey) -> Iterator[Finding]:
    taken: set[str] = set()
    for x in _requests(j):
        if x.resource.uid in taken:
            yield Finding(f"{x.resource.uid} again", "a UID of its own", "path", seq=x.seq)
        if x.answer.status in (200, 202, 409):
            taken.add(x.resource.uid)


def _request(transaction: str) -> Ask:
    body = b'{"00081199":{"vr":"SQ","Value":[{"00081150":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.7"]},' \
           b'"00081155":{"vr":"UI","Value":["1.2.3"]}}]}}'  # fmt: skip
    fields = [("Host", "pacs.example"), ("Accept", JSON), ("Content-Type", JSON), ("Content-Length", str(len(body)))]
    return Ask("POST", f"/dicomweb/commitment-requests/{transaction}", BASE, Headers.of(fields), Body.of(body))


@commitment_fresh_transaction.example
def two_transactions() -> tuple[Exchange, ...]:
    return talk((_request("1.2.1"), refused(202)), (_request("1.2.2"), refused(202)))


@commitment_fresh_transaction.mutant(at=ASK)
def has_one_transaction_for_all(conversation: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """All requests have the same Transaction UID."""
    return [x.but(ask=_request("1.2.1")) for x in conversation]


def _checks(j: Journey) -> Iterator[tuple[Exchange, Exchange]]:
    """Each check with the request that it is about."""
    asked: dict[str, Exchange] = {}
    for x in exchanges(j):
        if x.kind == REQUEST:
            asked[x.resource.uid] = x
        elif x.kind == CHECK and x.resource.uid in asked:
            yield asked[x.resource.uid], x


@journey(
    "client.commitment-check-as-the-request",
    cites="PS3.18 13.5.2.3",
    verifies="PS3.18-13.5.1-1",
    level=SHOULD,
    on=CONVERSATION,
    who=USER_AGENT,
    since=SINCE,
    content=False,
    incomplete=True,
    due=False,
    when=lambda j: any(True for _ in _checks(j)),
    says="A check accepts what the request accepted.",
)
def commitment_check_as_the_request(j: Journey) -> Iterator[Finding]:
    for request, x in _checks(j):
        got, want = x.ask.headers.get("accept"), request.ask.headers.get("accept")
        if got != want:
            yield Finding(str(got)[:200], str(want)[:200], "Accept", seq=x.seq)


@commitment_check_as_the_request.example
def asks_and_comes_back() -> tuple[Exchange, ...]:
    return talk((_request("1.2.1"), refused(202)), (asked_for("commitment-requests/1.2.1"), refused(202)))


@commitment_check_as_the_request.mutant(at=ASK)
def comes_back_for_xml(conversation: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """Checks accept XML, whatever the request accepted."""
    request, check = conversation
    return [request, check.but(ask=asked_for("commitment-requests/1.2.1", "application/dicom+xml"))]


untested("PS3.18-13.4.2-2", "what a user agent does once a result has come, such as deleting, is not seen on the wire")
