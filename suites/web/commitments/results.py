"""Rules of PS3.18 13.4.3.3 and Annex J.2 on results: every reference of a request once, committed or failed, and why.

Must not know which status codes and header fields there are, nor how long a result takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from harness.exchange import Answer, Exchange
from harness.rule import RELATION, SHOULD_NOT, Finding, ground, rule
from harness.wire.uri import valid_uid
from suites.web.commitments.reading import (
    BY_CLASS,
    CLASS,
    FAILED_SOPS,
    FAILED_STUDIES,
    INSTANCE,
    INSTANCES,
    NAMES,
    REASON,
    REQUEST,
    SERIES_SEQUENCE,
    SINCE,
    SOPS,
    STUDIES,
    WRONG,
    hexed,
    known,
    lawful,
    module,
    uids,
)
from suites.web.datasets import changed, emptied

ON = "web.commitments"
KEEP = 5
Root = dict[str, Any]


def told(x: Exchange) -> bool:
    """A result came that can be read."""
    return x.answer.status == 200 and module(x.answer) is not None


def bent(x: Exchange, change: Callable[[Root], Any]) -> Answer | None:
    """A result with its module changed in place."""
    return changed(x.answer, change) if x.answer.status == 200 else None


@rule(
    "commitments.result-is-a-module",
    cites="PS3.18 13.4.2; 13.4.3.3; 13.5.2; J.2",
    verifies="PS3.18-13.4.2-1",
    on=ON,
    since=SINCE,
    when=lambda x: x.answer.status == 200 and x.ask.method != "HEAD",
    says="A 200 carries a Storage Commitment Response Module, which says something of at least one instance.",
)
def result_is_a_module(x: Exchange) -> Iterator[Finding]:
    found = module(x.answer)
    if found is None:
        yield Finding(f"{x.answer.type or 'no payload'} without a data set", "a response module", "payload")
    elif not found.named:
        yield Finding("no reference in any sequence", "committed or failed instances", "payload")


@result_is_a_module.mutant
def says_ok_and_nothing_else(x: Exchange) -> Answer | None:
    """Results have no payload."""
    return emptied(x.answer, 200, "OK") if x.answer.status == 200 else None


@result_is_a_module.mutant
def tells_of_no_instance(x: Exchange) -> Answer | None:
    """Results are empty data sets."""
    return bent(x, lambda root: root.clear())


@rule(
    "commitments.result-is-the-request",
    cites="PS3.18 13.4.3.3; J.2",
    verifies="PS3.18-J.2-2",
    on=REQUEST,
    since=SINCE,
    basis=RELATION,
    when=lambda x: told(x) and lawful(x),
    says="A result names what was asked, all of it and nothing else, each as committed or as failed and not both.",
)
def result_is_the_request(x: Exchange) -> Iterator[Finding]:
    sent, found = module(x.ask), module(x.answer)
    if sent is None or found is None:
        return
    times = Counter(one.instance for one in sent.named)
    asked = set(times)
    failed = {one.instance for one in found.named if one.failed}
    for instance in sorted(asked - found.instances)[:KEEP]:
        yield Finding(f"{instance} is neither committed nor failed", "one of both", "payload")
    for instance in sorted(found.instances - asked)[:KEEP]:
        yield Finding(f"{instance or 'no UID'} was not asked for", "instances of the request", "payload")
    classes: dict[str, set[str]] = {}
    for one in sent.named:
        classes.setdefault(one.instance, set()).add(one.sop_class)
    for one in found.named:
        if not one.failed and one.instance in classes and one.sop_class not in classes[one.instance]:
            # what failed for its class may be told under the one that it has
            yield Finding(one.sop_class, " or ".join(classes[one.instance]), f"{one.where}, {CLASS}", warn=True)
    for instance in sorted(failed & found.committed)[:KEEP]:
        if times[instance] == 1:
            yield Finding(f"{instance} is committed and failed", "one of both", "payload")
    for instance, count in Counter(one.instance for one in found.named).items():
        if count > times[instance] > 0 and instance not in failed & found.committed:
            yield Finding(f"{instance} {count} times", f"{times[instance]} times", "payload", warn=True)


@result_is_the_request.mutant
def forgets_the_last_failure(x: Exchange) -> Answer | None:
    """What failed is told but for the last one."""

    def cut(root: Root) -> None:
        if FAILED_SOPS in root:
            root[FAILED_SOPS]["Value"].pop()

    return bent(x, cut)


@result_is_the_request.mutant
def commits_to_others(x: Exchange) -> Answer | None:
    """The instances that are committed to have UIDs of their own."""

    def other(root: Root) -> None:
        for item in root.get(SOPS, {}).get("Value", []):
            item[INSTANCE]["Value"] = ["2.25.9"]

    return bent(x, other)


@result_is_the_request.mutant
def tells_what_is_safe_twice(x: Exchange) -> Answer | None:
    """What is committed to is listed twice."""

    def doubled(root: Root) -> None:
        if SOPS in root:
            root[SOPS]["Value"] *= 2

    return bent(x, doubled)


@result_is_the_request.mutant(defects="D-NS-03")
def commits_to_what_failed(x: Exchange) -> Answer | None:
    """What failed is told as committed to as well."""

    def both(root: Root) -> None:
        lost = root.get(FAILED_SOPS, {}).get("Value", [])
        if lost:
            kept = [{tag: item[tag] for tag in (CLASS, INSTANCE)} for item in lost]
            root[SOPS] = {"vr": "SQ", "Value": [*root.get(SOPS, {}).get("Value", []), *kept]}

    return bent(x, both)


@rule(
    "commitments.result-in-the-form-of-the-request",
    cites="PS3.18 J.2 Table J.2-1",
    verifies="PS3.18-J.2-1",
    on=REQUEST,
    since=SINCE,
    basis=RELATION,
    when=lambda x: told(x) and lawful(x),
    says="What was asked by study and series is answered so; what was asked as plain references is answered plainly.",
)
def result_in_the_form_of_the_request(x: Exchange) -> Iterator[Finding]:
    sent, found = module(x.ask), module(x.answer)
    if sent is None or found is None:
        return
    forms = {one.nested for one in sent.named}
    for tag in found.present:
        if (tag in (STUDIES, FAILED_STUDIES)) not in forms:
            want = f"{STUDIES} and {FAILED_STUDIES}" if True in forms else f"{SOPS} and {FAILED_SOPS}"
            yield Finding(NAMES[tag], want, f"payload, {tag}")
    places = {(one.study, one.series, one.instance) for one in sent.named if one.nested}
    for one in found.named:
        if one.nested and one.instance in sent.instances and (one.study, one.series, one.instance) not in places:
            # asked for in a wrong study, an instance may be told in the one where it is
            yield Finding(f"study {one.study}, series {one.series}", "those of the request", one.where, warn=True)


@result_in_the_form_of_the_request.mutant
def always_answers_plainly(x: Exchange) -> Answer | None:
    """Studies and series are never told."""

    def flat(root: Root) -> None:
        for nested, plain in ((STUDIES, SOPS), (FAILED_STUDIES, FAILED_SOPS)):
            held = root.pop(nested, {}).get("Value", [])
            groups = [g for study in held for s in study[SERIES_SEQUENCE]["Value"] for g in s[BY_CLASS]["Value"]]
            if groups:
                items = [{CLASS: g[CLASS], **i} for g in groups for i in g[INSTANCES]["Value"]]
                root[plain] = {"vr": "SQ", "Value": items}

    return bent(x, flat)


@result_in_the_form_of_the_request.mutant
def tells_another_series(x: Exchange) -> Answer | None:
    """All instances are told in one made-up series."""

    def moved(root: Root) -> None:
        for study in root.get(STUDIES, {}).get("Value", []):
            for series in study[SERIES_SEQUENCE]["Value"]:
                series["0020000E"]["Value"] = ["2.25.9"]

    return bent(x, moved)


@rule(
    "commitments.no-empty-sequence",
    cites="PS3.18 J.2 Table J.2-1; PS3.5 7.4.2",
    verifies="PS3.18-J.2-2",
    on=ON,
    since=SINCE,
    when=told,
    says="A sequence of the response module is there when it has items, and only then.",
)
def no_empty_sequence(x: Exchange) -> Iterator[Finding]:
    found = module(x.answer)
    for tag, count in found.present.items() if found is not None else ():
        if not count:
            yield Finding(f"{NAMES[tag]} without items", "no such sequence", f"payload, {tag}")


@no_empty_sequence.mutant
def always_has_a_failed_sequence(x: Exchange) -> Answer | None:
    """Failed SOP Sequence is there even when nothing failed."""
    return bent(x, lambda root: root.setdefault(FAILED_SOPS, {"vr": "SQ"}))


@rule(
    "commitments.items-are-whole",
    cites="PS3.18 J.2 Table J.2-1; PS3.3 Table 10-11",
    verifies="PS3.18-J.2-3",
    on=ON,
    since=SINCE,
    when=lambda x: told(x) and bool((found := module(x.answer)) and found.named),
    says="Each reference of a result has all attributes of type 1, what failed with a Failure Reason.",
)
def items_are_whole(x: Exchange) -> Iterator[Finding]:
    found = module(x.answer)
    for one in found.named if found is not None else ():
        for tag in dict.fromkeys(one.lacks):
            yield Finding("not there, or no value", "type 1", f"{one.where}, {tag}")
        for tag, uid in uids(one):
            if tag not in one.lacks and not valid_uid(uid):
                yield Finding(repr(uid[:80]), "a UID", f"{one.where}, {tag}")
        if one.reason and not one.failed:
            # the table has no such attribute there, and no sentence forbids it
            yield Finding(f"committed, and {hexed(one.reason)}", "no reason", f"{one.where}, {REASON}", warn=True)


@items_are_whole.mutant
def commits_for_a_reason(x: Exchange) -> Answer | None:
    """What is committed to has a Failure Reason."""

    def reasoned(root: Root) -> None:
        for item in root.get(SOPS, {}).get("Value", []):
            item[REASON] = {"vr": "US", "Value": [0x0112]}

    return bent(x, reasoned)


@items_are_whole.mutant
def gives_no_reason(x: Exchange) -> Answer | None:
    """What failed has no Failure Reason."""

    def silent(root: Root) -> None:
        for item in root.get(FAILED_SOPS, {}).get("Value", []):
            del item[REASON]

    return bent(x, silent)


@items_are_whole.mutant
def leaves_out_the_class(x: Exchange) -> Answer | None:
    """References have no SOP Class UID."""

    def classless(root: Root) -> None:
        for item in root.get(SOPS, {}).get("Value", []):
            del item[CLASS]

    return bent(x, classless)


@items_are_whole.mutant(defects="M-NS-07")
def names_instances_by_another_tag(x: Exchange) -> Answer | None:
    """The UIDs of instances stand in (0008,0018) and not in Referenced SOP Instance UID."""

    def renamed(root: Root) -> None:
        for item in root.get(SOPS, {}).get("Value", []):
            item["00080018"] = item.pop(INSTANCE)

    return bent(x, renamed)


@rule(
    "commitments.commits-to-what-is-kept",
    cites="PS3.18 13.4.2; J.2; PS3.4 J.1.1",
    verifies=("PS3.18-J.2-4", "PS3.18-13.4.2-1"),
    on=REQUEST,
    since=SINCE,
    basis=RELATION,
    when=lambda x: told(x) and lawful(x) and _tellable(x),
    says="What was never stored, or is of another class, is not committed to; what was stored can be.",
)
def commits_to_what_is_kept(x: Exchange) -> Iterator[Finding]:
    found = module(x.answer)
    if found is None:
        return
    for word in WRONG:
        for instance in sorted(set(known(x, word)) & found.committed)[:KEEP]:
            yield Finding(f"{instance} is committed to", f"a failure: it is {word}", "payload")
    lost = [one for one in found.named if one.failed and one.instance in known(x, "kept")]
    for one in lost[:KEEP]:
        # why it does not commit to what it has is its own affair
        yield Finding(f"{one.instance} failed, {hexed(one.reason)}", "a commitment", one.where, warn=True)


def _tellable(x: Exchange) -> bool:
    """What the probe asked for holds something that was never stored, and what was stored is committed to."""
    found = module(x.answer)
    kept = set(known(x, "kept"))
    return bool(known(x, "unknown")) and found is not None and (not kept or bool(kept & found.instances))


@commits_to_what_is_kept.mutant
def commits_to_everything(x: Exchange) -> Answer | None:
    """Whatever is asked for is committed to."""

    def all_kept(root: Root) -> None:
        lost = root.pop(FAILED_SOPS, {}).get("Value", [])
        for item in lost:
            del item[REASON]
        if lost:
            root[SOPS] = {"vr": "SQ", "Value": [*root.get(SOPS, {}).get("Value", []), *lost]}

    return bent(x, all_kept)


ground("commitments", commits_to_what_is_kept, result_is_the_request)


@rule(
    "commitments.no-transaction-in-the-payload",
    cites="PS3.18 13.4.1.1; J.2",
    verifies="PS3.18-J.2-6",
    level=SHOULD_NOT,
    on=ON,
    since=SINCE,
    when=told,
    says="The Transaction UID stands in the path, and not in the payload.",
)
def no_transaction_in_the_payload(x: Exchange) -> Iterator[Finding]:
    found = module(x.answer)
    if found is not None and any("00081195" in root for root in found.roots):
        yield Finding("Transaction UID (0008,1195)", "none", "payload, 00081195")


@no_transaction_in_the_payload.mutant
def repeats_the_transaction(x: Exchange) -> Answer | None:
    """Results have a Transaction UID, as reports in DIMSE do."""
    return bent(x, lambda root: root.setdefault("00081195", {"vr": "UI", "Value": ["1.2.3"]}))
