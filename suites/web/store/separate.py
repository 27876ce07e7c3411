"""Rules of PS3.18 10.5.1.4 and 10.5.4 on Store requests of metadata and bulk data: which are taken, which are not.

Must not know what is kept of them: that is the matter of rebuilt.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Ask, Exchange
from harness.rule import DOOR, RELATION, Door, Finding, rule
from suites.web.store import alter
from suites.web.store.apart import sound, wanting
from suites.web.store.module import FAILED, FAILURE_REASON, JSON, REFERENCED, XML, module
from suites.web.store.sent import APART, OCTETS, apart, framed, sent
from suites.web.store.status import ASIDE, STATUS, TEMPORARY

EXPLICIT_LE = "1.2.840.10008.1.2.1"
# By these a server says that it does not know such requests.
UNTAKEN = frozenset({404, 405, 415, 501})


def _asked(x: Exchange, root: str) -> bool:
    return sound(x) and x.ask.media.root == root and x.answer.status not in ASIDE


def _untaken(x: Exchange, root: str) -> Iterator[Finding]:
    # that the syntax is wrong is not true of what we made, and nobody knows of what others made
    if x.answer.status in UNTAKEN or (x.answer.status == 400 and x.facts.get("legal")):
        got = f'{x.answer.line} for multipart/related; type="{root}"'
        yield Finding(got=got, want="a media type of Table 10.5.4-1 that every origin server supports", where=STATUS)


@rule(
    "store.takes-json-metadata",
    cites="PS3.18 10.5.4; 10.5.1.4; 8.7.3.2",
    verifies=("PS3.18-10.5.4-1", "PS3.18-10.5.1.4-4"),
    on="web.store",
    when=lambda x: _asked(x, JSON),
    says="Metadata in JSON with its bulk data is a payload that can be stored: the default form of Table 10.5.4-1.",
)
def takes_json_metadata(x: Exchange) -> Iterator[Finding]:
    yield from _untaken(x, JSON)


@takes_json_metadata.mutant(defects="M-ST-17")
def wants_application_json(x: Exchange) -> Answer | None:
    """Metadata is taken as application/json only, and 415 otherwise."""
    return alter.report(415) if x.ask.media.root == JSON else None


@takes_json_metadata.mutant
def calls_metadata_bad_syntax(x: Exchange) -> Answer | None:
    """A request without a PS3.10 part is answered 400."""
    return alter.report(400) if apart(x.ask) else None


@rule(
    "store.takes-xml-metadata",
    cites="PS3.18 10.5.4; 10.5.1.4; 8.7.3.2",
    verifies=("PS3.18-10.5.4-1", "PS3.18-10.5.1.4-3"),
    on="web.store",
    when=lambda x: _asked(x, XML),
    says="Metadata in XML with its bulk data is a payload that can be stored: a required form of Table 10.5.4-1.",
)
def takes_xml_metadata(x: Exchange) -> Iterator[Finding]:
    yield from _untaken(x, XML)


@takes_xml_metadata.mutant
def knows_no_xml(x: Exchange) -> Answer | None:
    """Metadata in XML is answered 415."""
    return alter.report(415) if x.ask.media.root == XML else None


@rule(
    "store.takes-bulkdata-root",
    cites="PS3.18 10.5.4; 8.7.1; RFC 2387 3.1",
    verifies="PS3.18-10.5.4-1",
    on="web.store",
    when=lambda x: x.ask.type == "multipart/related" and x.ask.media.root == OCTETS and framed(x.ask),
    due=False,
    says='A payload of type multipart/related; type="application/octet-stream" is one of the supported ones.',
)
def takes_bulkdata_root(x: Exchange) -> Iterator[Finding]:
    if x.answer.status == 415:  # the table requires it, but what its root would mean is said nowhere
        want = "a media type that Table 10.5.4-1 requires"
        yield Finding(got=x.answer.line, want=want, where=STATUS, warn=True)


@takes_bulkdata_root.mutant
def knows_no_octets(x: Exchange) -> Answer | None:
    """A root of application/octet-stream is answered 415."""
    return alter.report(415) if x.ask.media.root == OCTETS else None


def _stored_whole(x: Exchange) -> bool:
    """The server has stored instances of these classes whole, in the syntax that uncompressed bulk data makes."""
    past = x.context.past if x.context else None
    known = {(k.sop_class, k.transfer_syntax) for k in past.kept.values()} if past else set()
    return all((s.sop_class, EXPLICIT_LE) in known for s in sent(x))


def _speaks(x: Exchange) -> bool:
    found = module(x)
    return found is not None and found.speaks


@rule(
    "store.apart-fares-as-whole",
    cites="PS3.18 10.5; 10.5.1.4; 10.5.2",
    verifies=("PS3.18-10.5.1.4-3", "PS3.18-10.5.1.4-4", "PS3.18-10.5.1.4-6"),
    on="web.store",
    basis=RELATION,
    when=lambda x: sound(x) and bool(x.facts.get("legal")) and _stored_whole(x) and (_speaks(x) or x.answer.ok),
    due=False,  # a server that takes no metadata fails elsewhere
    says="An instance that is stored when it comes as a PS3.10 file is stored when it comes as metadata and bulk data.",
)
def apart_fares_as_whole(x: Exchange) -> Iterator[Finding]:
    found = module(x)
    stored = {i.instance for i in found.stored} if found else set()
    coerced = sum(i.coerced for i in found.stored) if found else 0
    lost = [s for s in sent(x) if s.instance not in stored]
    for one in lost[coerced:]:
        reasons = [i.reason for i in found.failed if i.instance == one.instance] if found else []
        why = f", {reasons[0]:04X}H" if reasons and reasons[0] is not None else ""
        yield Finding(got=f"{one.instance} not stored{why}", want=f"stored, as others of {one.sop_class} are",
                      where="response module")  # fmt: skip


@apart_fares_as_whole.mutant(at=DOOR)
def wants_bulk_right_behind_its_metadata(ask: Ask, door: Door) -> Answer:
    """Bulk data is not found unless it is the first one behind the metadata."""
    if ask.resource.kind != "web.store" or not apart(ask) or len(ask.parts) < 3:
        return door(ask)
    return door(alter.reparted(ask, [p for p in ask.parts if p.media.type in APART or p.index == 1]) or ask)


@apart_fares_as_whole.mutant
def cannot_understand_metadata(x: Exchange) -> Answer | None:
    """Every instance that comes apart fails with C000."""
    if not apart(x.ask):
        return None

    def change(root: alter.Root) -> alter.Root | None:
        stored = alter.items(root, REFERENCED)
        items = [{k: v for k, v in i.items() if k in ("00081150", "00081155")} for i in stored]
        failed = [{**i, FAILURE_REASON: alter.attribute("US", 0xC000)} for i in items]
        left = {k: v for k, v in root.items() if k != REFERENCED}
        return alter.ordered({**left, FAILED: alter.sequence([*alter.items(root, FAILED), *failed])})

    answer = alter.rewritten(x, change)
    return alter.status(answer, 409) if answer else None


def _wanting(x: Exchange) -> dict[str, str]:
    """Instances that nobody can make, with the reason."""
    found = {s.instance: wanting(x.ask, s) for s in sent(x) if s.identified} if apart(x.ask) else {}
    return {uid: why for uid, why in found.items() if why}


@rule(
    "store.wanting-is-not-stored",
    cites="PS3.18 8.6.1.2; 10.5.1.4; 10.5.2; PS3.5 8.1.1",
    verifies=("PS3.18-8.6.1.2-7", "PS3.18-10.5.2-1"),
    on="web.store",
    when=lambda x: framed(x.ask) and bool(_wanting(x)) and _speaks(x),
    due=False,  # a server that takes no metadata fails elsewhere
    says="An instance whose pixel data did not come, or came too short for its description, is told as a failure.",
)
def wanting_is_not_stored(x: Exchange) -> Iterator[Finding]:
    found = module(x)
    for item in found.stored if found else ():
        why = _wanting(x).get(item.instance)
        if why:
            # told with a warning it is not hidden, though what is stored cannot conform (10.5.2)
            yield Finding(got=f"{item.instance} stored", want=f"a failure: {why}", where=item.where,
                          warn=item.warning is not None)  # fmt: skip


@wanting_is_not_stored.mutant
def takes_what_never_came(x: Exchange) -> Answer | None:
    """An instance without its bulk data is told as stored."""
    if not _wanting(x):
        return None

    def change(root: alter.Root) -> alter.Root | None:
        failed = alter.items(root, FAILED)
        for item in failed:
            item.pop(FAILURE_REASON, None)
        root[REFERENCED] = alter.sequence([*alter.items(root, REFERENCED), *failed])
        root.pop(FAILED, None)
        return alter.ordered(root) if failed else None

    answer = alter.rewritten(x, change)
    return alter.status(answer, 200) if answer else None


@rule(
    "store.malformed-metadata-is-refused",
    cites="PS3.18 10.5.1.4; 10.5.3.1; F.2; PS3.19 A.1",
    verifies=("PS3.18-10.5.3.1-3", "PS3.18-10.5.3.1-4"),
    on="web.store",
    when=lambda x: _unreadable(x) and x.answer.status not in ASIDE,
    due=False,
    says="Metadata that is no JSON or XML at all is the client's error: 400 or 409, or 415 where none is taken.",
)
def malformed_metadata_is_refused(x: Exchange) -> Iterator[Finding]:
    if x.answer.status in (400, 409, 415, 422) or x.answer.status in TEMPORARY:
        return
    yield Finding(
        got=f"{x.answer.line} for {x.facts.get('fault', 'unreadable metadata')}", want="400 or 409", where=STATUS
    )


@malformed_metadata_is_refused.mutant
def broken_json_is_500(x: Exchange) -> Answer | None:
    """A JSON text that ends in the middle makes the server fail."""
    return alter.report(500) if _unreadable(x) else None


@malformed_metadata_is_refused.mutant
def broken_json_is_200(x: Exchange) -> Answer | None:
    """Metadata that cannot be read is answered 200."""
    return alter.report(200, "stored") if _unreadable(x) else None


def _unreadable(x: Exchange) -> bool:
    """Framed well, said to be metadata, and no data set can be read out of it."""
    return apart(x.ask) and framed(x.ask) and not sent(x) and any(p.media.type in APART for p in x.ask.parts)
