"""Rules of PS3.18 I.2.2 on Failure Reason (0008,1197): the code that fits best, and none that blames a legal instance.

Must not know how a response is built, nor what happened to the instances.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from harness.body import Body
from harness.exchange import Answer, Ask, Exchange, Headers
from harness.make.variants import NO_STORAGE_CLASS, UNKNOWN_CLASS
from harness.rule import DOOR, RELATION, Door, Finding, rule
from harness.wire import part10
from suites.web.store import alter
from suites.web.store.accounting import comparable, part_of, told_in
from suites.web.store.module import CLASS, FAILED, FAILURE_REASON, INSTANCE, RETRIEVE_URL, Item
from suites.web.store.sent import Sent, fitting, parts

NEVER_STORED = frozenset({NO_STORAGE_CLASS, UNKNOWN_CLASS})
CLASS_UNKNOWN, SYNTAX_UNKNOWN, PROCESSING = 0x0122, 0xC122, 0x0110


@rule(
    "store.legal-is-not-blamed",
    cites="PS3.18 I.2.2; 10.5.2",
    verifies="PS3.18-I.2.2-2",
    on="web.store",
    when=lambda x: bool(x.facts.get("legal")) and fitting(x) and comparable(x),
    says="An instance that conforms to its SOP Class does not fail for not conforming or not being understood.",
)
def legal_is_not_blamed(x: Exchange) -> Iterator[Finding]:
    for item in told_in(x).failed:
        reason, sent = item.reason, part_of(x, item)
        if reason is None or sent is None or reason in (CLASS_UNKNOWN, SYNTAX_UNKNOWN):
            continue
        got = f"{reason:04X}H for {sent.sop_class} in {sent.transfer_syntax}"
        if 0xA900 <= reason <= 0xA9FF or 0xC000 <= reason <= 0xCFFF:
            yield Finding(got=got, want="stored, or 0122H, C122H: the instance is legal", where=item.where)
        elif reason == PROCESSING:
            yield Finding(got=got, want="stored, or the code that says why not", where=item.where, warn=True)


@legal_is_not_blamed.mutant(at=DOOR, defects="M-ST-13")
def takes_images_only(ask: Ask, door: Door) -> Answer:
    """Objects that are no images (SR, PR, KO, documents) are refused with A900."""
    return _refused(ask, door, lambda s: not _has_pixels(s))


@legal_is_not_blamed.mutant(at=DOOR)
def takes_native_pixels_only(ask: Ask, door: Door) -> Answer:
    """Instances in another transfer syntax than Explicit VR Little Endian are refused with C000."""
    return _refused(ask, door, lambda s: s.transfer_syntax != "1.2.840.10008.1.2.1", 0xC000)


@rule(
    "store.unsupported-class-reason",
    cites="PS3.18 I.2.2",
    verifies="PS3.18-I.2.2-2",
    on="web.store",
    when=lambda x: comparable(x) and any(_of_no_class(x, i) for i in told_in(x).failed),
    says="An instance of a SOP Class that no server can store fails with 0122, the code that fits best.",
)
def unsupported_class_reason(x: Exchange) -> Iterator[Finding]:
    for item in told_in(x).failed:
        if _of_no_class(x, item) and item.reason is not None and item.reason != CLASS_UNKNOWN:
            got = f"{item.reason:04X}H for SOP Class {item.sop_class}"
            # codes beside the table are allowed for other issues, and this may be one of those to the server
            where = f"{item.where}/{FAILURE_REASON}"
            yield Finding(got=got, want="0122H (290)", where=where, warn=not _in_table(item.reason))


def _in_table(reason: int) -> bool:
    """A Failure Reason of Table I.2-2."""
    return reason in (CLASS_UNKNOWN, SYNTAX_UNKNOWN, PROCESSING) or reason >> 8 in (0xA7, 0xA9) or reason >> 12 == 0xC


@unsupported_class_reason.mutant(defects="M-ST-05")
def every_failure_is_0110(x: Exchange) -> Answer | None:
    """Failure Reason is always 0110."""

    def change(root: alter.Root) -> alter.Root | None:
        found = alter.items(root, FAILED)
        for item in found:
            item[FAILURE_REASON] = alter.attribute("US", 0x0110)
        return root if found else None

    return alter.rewritten(x, change)


@rule(
    "store.reason-holds",
    cites="PS3.18 I.2.2",
    verifies="PS3.18-I.2.2-2",
    on="web.store",
    basis=RELATION,
    when=lambda x: comparable(x) and any(_untrue(x, i) for i in told_in(x).failed),
    says="A SOP Class or transfer syntax that the server stores is not the reason why an instance fails.",
)
def reason_holds(x: Exchange) -> Iterator[Finding]:
    for item in told_in(x).failed:
        if item.reason in _untrue(x, item):
            got = f"{item.reason:04X}H, although such an instance was stored before"
            yield Finding(got=got, want="the reason that applies", where=f"{item.where}/{FAILURE_REASON}")


@reason_holds.mutant
def every_failure_is_0122(x: Exchange) -> Answer | None:
    """Failure Reason is always 0122, for a study mismatch too."""

    def change(root: alter.Root) -> alter.Root | None:
        found = alter.items(root, FAILED)
        for item in found:
            item[FAILURE_REASON] = alter.attribute("US", CLASS_UNKNOWN)
        return root if found else None

    return alter.rewritten(x, change)


def _of_no_class(x: Exchange, item: Item) -> bool:
    known = part_of(x, item)
    return known is not None and known.sop_class in NEVER_STORED


def _untrue(x: Exchange, item: Item) -> frozenset[int]:
    """The reasons that cannot be true, by what was stored before. Of an instance that came apart the syntax is not
    known: its bulk data makes it."""
    known, past = part_of(x, item), x.context.past if x.context else None
    if known is None or past is None:
        return frozenset()
    stored = {(k.sop_class, k.transfer_syntax) for k in past.kept.values()}
    if known.attributes is not None:
        return frozenset({CLASS_UNKNOWN} if known.sop_class in {c for c, _ in stored} else ())
    return frozenset({CLASS_UNKNOWN, SYNTAX_UNKNOWN} if (known.sop_class, known.transfer_syntax) in stored else ())


def _has_pixels(s: Sent) -> bool:
    return part10.read(s.part.content).dataset.get("7FE00010") is not None


def _refused(ask: Ask, door: Door, test: Callable[[Sent], bool], reason: int = 0xA900) -> Answer:
    """A request whose instances all pass the test fails as a whole with that reason; others go on."""
    found = parts(ask) if ask.resource.kind == "web.store" else ()
    if not found or not all(s.identified and test(s) for s in found):
        return door(ask)
    items = [
        {
            CLASS: alter.attribute("UI", s.sop_class),
            INSTANCE: alter.attribute("UI", s.instance),
            FAILURE_REASON: alter.attribute("US", reason),
        }
        for s in found
    ]
    body = Body.of(json.dumps({RETRIEVE_URL: {"vr": "UR"}, FAILED: alter.sequence(items)}).encode())
    headers = Headers.of([("Content-Type", "application/dicom+json"), ("Content-Length", str(body.size))])
    return Answer(409, "Conflict", headers, body)
