"""Rules of PS3.18 10.5.3.2, 10.5.3.3 and Annex I on the form of a Store response: payload, media type, attributes.

Must not know which instances were sent: that is the matter of accounting.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.exchange import Answer, Ask, Exchange
from harness.rule import DOOR, SHOULD, Door, Finding, rule
from harness.wire.media import Reading
from harness.wire.uri import valid_uid
from suites.web.store import alter
from suites.web.store.module import (
    CLASS,
    FAILED,
    FAILURE_REASON,
    INSTANCE,
    JSON,
    MODIFIED,
    NAMES,
    ORIGINAL,
    OTHER,
    REFERENCED,
    RETRIEVE_URL,
    WARNING_REASON,
    XML,
    Item,
    Module,
    module,
    number,
    values,
)
from suites.web.store.sent import fitting, known_type

SEQUENCES = (FAILED, REFERENCED, OTHER)
VRS = {RETRIEVE_URL: ("UR", "UT"), FAILED: ("SQ",), REFERENCED: ("SQ",), OTHER: ("SQ",)}
ITEM_VRS = {CLASS: ("UI",), INSTANCE: ("UI",), RETRIEVE_URL: ("UR", "UT"), FAILURE_REASON: ("US",),
            WARNING_REASON: ("US",), ORIGINAL: ("SQ",)}  # fmt: skip


def _speaks(x: Exchange) -> bool:
    found = module(x)
    return found is not None and found.speaks


def _module(x: Exchange) -> Module:
    found = module(x)
    assert found is not None
    return found


@rule(
    "store.success-has-module",
    cites="PS3.18 10.5.3.2; 10.5.3.3; I.1",
    verifies=("PS3.18-10.5.3.3-1", "PS3.18-10.5.3.2-1"),
    on="web.store",
    when=lambda x: x.answer.ok and known_type(x.ask) and x.ask.body.size > 0,
    says="The payload of a success is one Store Instances Response Module, and Content-Type says in which form.",
)
def success_has_module(x: Exchange) -> Iterator[Finding]:
    found = module(x)
    if not x.answer.body.size:
        yield Finding(got=f"{x.answer.line} without a payload", want="a response module", where="payload")
    elif found is None:
        got = f"{x.answer.type or 'no media type'}, {x.answer.body.size} octets that hold no data set"
        yield Finding(got=got, want="a response module in JSON or XML", where="payload")
    elif found.count != 1:
        yield Finding(got=f"{found.count} data sets", want="one response module", where="payload")
    elif not set(found.root) & {RETRIEVE_URL, *SEQUENCES}:
        yield Finding(got="none of its attributes", want="a response module of Table I.1-1", where="payload")


@success_has_module.mutant(defects="M-ST-19")
def answers_without_payload(x: Exchange) -> Answer | None:
    """The answer has a code and no payload."""
    return x.answer.but(headers=x.answer.headers.but("content-type", None), body=b"") if x.answer.ok else None


@success_has_module.mutant
def answers_with_an_empty_list(x: Exchange) -> Answer | None:
    """The payload is an empty JSON array."""
    return alter.payload(x.answer, []) if x.answer.ok and x.answer.json else None


@success_has_module.mutant
def answers_with_a_module_for_each_instance(x: Exchange) -> Answer | None:
    """The payload is an array with the module twice."""
    if not x.answer.ok or not x.answer.json or not x.answer.json.datasets:
        return None
    whole = list(x.answer.json.datasets)
    return alter.payload(x.answer, [*whole, *whole])


@rule(
    "store.response-type",
    cites="PS3.18 10.5.3.3; 8.7.8.1",
    verifies="PS3.18-10.5.3.3-2",
    on="web.store",
    when=lambda x: x.answer.ok and x.answer.body.size > 0 and bool(x.answer.type) and bool(x.ask.accept.ranges),
    says="The response module comes in the media type that the request accepts best.",
)
def response_type(x: Exchange) -> Iterator[Finding]:
    inner = x.answer.media.root
    plain = Reading(inner, {}, raw=inner) if inner and x.answer.type == "multipart/related" else x.answer.media
    weight = max(x.ask.accept.weight(x.answer.media), x.ask.accept.weight(plain))
    best = max(x.ask.accept.weight(Reading(t, {}, raw=t)) for t in (JSON, XML))
    if not weight:
        yield Finding(got=x.answer.media.raw[:120], want=x.ask.accept.raw[:120], where="Content-Type")
    elif weight < best:
        got = f"{x.answer.media.raw[:120]}, of weight {weight}"
        yield Finding(got=got, want=f"the type of weight {best}: {x.ask.accept.raw[:120]}", where="Content-Type")


@response_type.mutant(at=DOOR)
def always_json(ask: Ask, door: Door) -> Answer:
    """The module is JSON, whatever was asked for."""
    if ask.resource.kind != "web.store":
        return door(ask)
    return door(ask.but(headers=ask.headers.but("accept", JSON)))


@response_type.mutant(at=DOOR)
def does_not_weigh(ask: Ask, door: Door) -> Answer:
    """The first type that is accepted at all is taken, whatever its weight."""
    first = ask.accept.ranges[:1] if ask.resource.kind == "web.store" else ()
    return door(ask.but(headers=ask.headers.but("accept", first[0].type))) if first else door(ask)


@response_type.mutant
def calls_it_plain_json(x: Exchange) -> Answer | None:
    """The payload is called application/json although application/dicom+json was asked for."""
    same = x.answer.ok and x.answer.type == JSON
    return x.answer.but(headers=x.answer.headers.but("content-type", "application/json")) if same else None


@rule(
    "store.response-in-json-and-xml",
    cites="PS3.18 10.5.3.3; 8.7.3.2",
    verifies="PS3.18-10.5.3.3-2",
    on="web.store",
    when=lambda x: fitting(x) and {r.type for r in x.ask.accept.ranges if r.q} & {JSON, XML} != set(),
    says="A response in application/dicom+json and one in application/dicom+xml can be had.",
)
def response_in_json_and_xml(x: Exchange) -> Iterator[Finding]:
    if x.answer.status == 406:
        got = f"{x.answer.line} for Accept: {x.ask.accept.raw[:80]}"
        yield Finding(got=got, want="both metadata types are required", where="status line")


@response_in_json_and_xml.mutant(at=DOOR)
def has_no_xml_response(ask: Ask, door: Door) -> Answer:
    """Accept: application/dicom+xml is answered 406."""
    xml = ask.resource.kind == "web.store" and {r.type for r in ask.accept.ranges} == {XML}
    return alter.report(406) if xml else door(ask)


@rule(
    "store.sequences-have-items",
    cites="PS3.18 Table I.1-1; PS3.5 7.4.2",
    verifies=("PS3.18-I.1-2", "PS3.18-I.1-4", "PS3.18-I.1-8"),
    on="web.store",
    when=_speaks,
    says="A sequence of the module is there only when it has items: all three are Type 1C.",
)
def sequences_have_items(x: Exchange) -> Iterator[Finding]:
    root = _module(x).root
    for tag in SEQUENCES:
        if tag in root and not values(root, tag):
            yield Finding(got="no items", want="the attribute absent", where=NAMES[tag])


@sequences_have_items.mutant(defects="M-ST-08")
def sends_an_empty_failed_sequence(x: Exchange) -> Answer | None:
    """An empty Failed SOP Sequence is sent when nothing failed."""
    return alter.rewritten(x, lambda root: None if FAILED in root else alter.ordered({**root, FAILED: {"vr": "SQ"}}))


@sequences_have_items.mutant
def sends_empty_other_failures(x: Exchange) -> Answer | None:
    """An empty Other Failures Sequence is sent when there are none."""
    return alter.rewritten(x, lambda root: None if OTHER in root else alter.ordered({**root, OTHER: {"vr": "SQ"}}))


@rule(
    "store.root-retrieve-url",
    cites="PS3.18 Table I.1-1",
    verifies="PS3.18-I.1-1",
    on="web.store",
    when=lambda x: x.answer.ok and _speaks(x),
    says="Retrieve URL (0008,1190) is in the module, with a value or empty (Type 2).",
)
def root_retrieve_url(x: Exchange) -> Iterator[Finding]:
    if RETRIEVE_URL not in _module(x).root:
        yield Finding(got="absent", want="present, it may be empty", where=NAMES[RETRIEVE_URL])


@root_retrieve_url.mutant
def forgets_the_study_url(x: Exchange) -> Answer | None:
    """Retrieve URL is left out of the module."""
    return alter.rewritten(x, lambda root: {k: v for k, v in root.items() if k != RETRIEVE_URL})


@rule(
    "store.stored-item-attributes",
    cites="PS3.18 Table I.1-1",
    verifies="PS3.18-I.1-5",
    on="web.store",
    when=lambda x: _speaks(x) and bool(_module(x).stored),
    says="Each stored instance has its SOP Class and Instance UID, and Retrieve URL with a value or empty.",
)
def stored_item_attributes(x: Exchange) -> Iterator[Finding]:
    for item in _module(x).stored:
        yield from _reference(item)
        if RETRIEVE_URL not in item.attributes:
            yield Finding(got="absent", want="present, it may be empty", where=f"{item.where}/{RETRIEVE_URL}")


@stored_item_attributes.mutant
def stored_item_has_no_class(x: Exchange) -> Answer | None:
    """Stored items have no Referenced SOP Class UID."""
    return alter.rewritten(x, lambda root: _each(root, REFERENCED, lambda item: item.pop(CLASS, None)))


@stored_item_attributes.mutant
def stored_item_has_no_url(x: Exchange) -> Answer | None:
    """Stored items have no Retrieve URL."""
    return alter.rewritten(x, lambda root: _each(root, REFERENCED, lambda item: item.pop(RETRIEVE_URL, None)))


@stored_item_attributes.mutant
def stored_item_has_no_instance(x: Exchange) -> Answer | None:
    """Stored items have an empty Referenced SOP Instance UID."""
    return alter.rewritten(x, lambda root: _each(root, REFERENCED, lambda item: item.update({INSTANCE: {"vr": "UI"}})))


@rule(
    "store.failed-item-attributes",
    cites="PS3.18 Table I.1-1; I.2.2",
    verifies="PS3.18-I.1-3",
    on="web.store",
    when=lambda x: _speaks(x) and bool(_module(x).failed),
    says="Each failed instance has its SOP Class and Instance UID and one Failure Reason (0008,1197).",
)
def failed_item_attributes(x: Exchange) -> Iterator[Finding]:
    for item in _module(x).failed:
        yield from _reference(item)
        yield from _one_number(item, FAILURE_REASON)


@failed_item_attributes.mutant
def failed_item_has_no_reason(x: Exchange) -> Answer | None:
    """Failed items have no Failure Reason."""
    return alter.rewritten(x, lambda root: _each(root, FAILED, lambda item: item.pop(FAILURE_REASON, None)))


@failed_item_attributes.mutant
def failed_item_has_no_class(x: Exchange) -> Answer | None:
    """Failed items have no Referenced SOP Class UID."""
    return alter.rewritten(x, lambda root: _each(root, FAILED, lambda item: item.pop(CLASS, None)))


@failed_item_attributes.mutant
def failed_item_has_the_warning_tag(x: Exchange) -> Answer | None:
    """The reason stands in Warning Reason (0008,1196) instead of Failure Reason."""

    def change(item: alter.Root) -> None:
        item[WARNING_REASON] = item.pop(FAILURE_REASON, alter.attribute("US", 0x0110))

    return alter.rewritten(x, lambda root: _each(root, FAILED, change))


@rule(
    "store.other-failure-attributes",
    cites="PS3.18 Table I.1-1; I.2.2",
    verifies="PS3.18-I.1-8",
    on="web.store",
    when=lambda x: _speaks(x) and bool(_module(x).other),
    says="Each item of the Other Failures Sequence has one Failure Reason (0008,1197).",
)
def other_failure_attributes(x: Exchange) -> Iterator[Finding]:
    for item in _module(x).other:
        yield from _one_number(item, FAILURE_REASON)


@other_failure_attributes.mutant
def other_failure_has_no_reason(x: Exchange) -> Answer | None:
    """Items of the Other Failures Sequence are empty."""
    return alter.rewritten(x, lambda root: _each(root, OTHER, lambda item: item.pop(FAILURE_REASON, None)))


@rule(
    "store.failure-reason-values",
    cites="PS3.18 I.2.2; PS3.7 C",
    verifies="PS3.18-I.2.2-1",
    on="web.store",
    when=lambda x: _speaks(x) and bool(_module(x).failed or _module(x).other),
    says="A Failure Reason is a code for a failure: one of Table I.2-2 or another failure, never a success or warning.",
)
def failure_reason_values(x: Exchange) -> Iterator[Finding]:
    for item in (*_module(x).failed, *_module(x).other):
        reason = item.reason
        if reason is not None and not _failure(reason):
            yield Finding(got=_hex(reason), want="a failure code (Table I.2-2)", where=f"{item.where}/{FAILURE_REASON}")


@failure_reason_values.mutant
def failure_reason_is_success(x: Exchange) -> Answer | None:
    """Every Failure Reason is 0."""
    return alter.rewritten(x, lambda root: _reasons(root, FAILURE_REASON, 0))


@failure_reason_values.mutant
def failure_reason_is_a_warning(x: Exchange) -> Answer | None:
    """Every Failure Reason is B000."""
    return alter.rewritten(x, lambda root: _reasons(root, FAILURE_REASON, 0xB000))


@rule(
    "store.warning-reason",
    cites="PS3.18 Table I.1-1; I.2.1; PS3.7 C",
    verifies=("PS3.18-I.1-6", "PS3.18-I.2.1-1"),
    on="web.store",
    when=lambda x: _speaks(x) and any(WARNING_REASON in i.attributes for i in _module(x).items),
    due=False,
    says="Warning Reason (0008,1196) belongs to stored instances only and is one code for a warning.",
)
def warning_reason(x: Exchange) -> Iterator[Finding]:
    for item in _module(x).items:
        if WARNING_REASON not in item.attributes:
            continue
        where = f"{item.where}/{WARNING_REASON}"
        if item not in _module(x).stored:
            yield Finding(got="in an item that failed", want="Failure Reason (0008,1197)", where=where)
        yield from _one_number(item, WARNING_REASON)
        if item.warning is not None and not _warning(item.warning):
            yield Finding(got=_hex(item.warning), want="a warning code (Table I.2-1)", where=where)


@warning_reason.mutant
def warns_with_a_failure_code(x: Exchange) -> Answer | None:
    """Stored items carry the Warning Reason 0110, which is a failure."""
    code = alter.attribute("US", 0x0110)
    return alter.rewritten(x, lambda root: _each(root, REFERENCED, lambda item: item.update({WARNING_REASON: code})))


@warning_reason.mutant
def warns_of_nothing(x: Exchange) -> Answer | None:
    """Stored items carry an empty Warning Reason."""
    none = {"vr": "US"}
    return alter.rewritten(x, lambda root: _each(root, REFERENCED, lambda item: item.update({WARNING_REASON: none})))


@rule(
    "store.module-vr",
    cites="PS3.18 Table I.1-1; PS3.6 6",
    verifies=("PS3.18-I.1-1", "PS3.18-I.1-3", "PS3.18-I.1-5"),
    on="web.store",
    when=_speaks,
    says="The attributes of the module have their Value Representations; Retrieve URL is UR (UT before 2013).",
)
def module_vr(x: Exchange) -> Iterator[Finding]:
    found = _module(x)
    places = [("", found.root, VRS), *((i.where, i.attributes, ITEM_VRS) for i in found.items)]
    for where, attributes, wanted in places:
        for tag, vrs in wanted.items():
            vr = _vr(attributes, tag)
            if vr and vr not in vrs:
                yield Finding(got=vr, want=vrs[0], where=f"{where}/{tag}")
            elif vr == "UT":
                yield Finding(got=vr, want="UR: the VR was changed", where=f"{where}/{tag}", warn=True)


@module_vr.mutant
def reason_is_a_string(x: Exchange) -> Answer | None:
    """Failure Reason has the VR SH."""
    text = alter.attribute("SH", "0110")
    return alter.rewritten(x, lambda root: _each(root, FAILED, lambda item: item.update({FAILURE_REASON: text})))


@module_vr.mutant
def urls_are_ut(x: Exchange) -> Answer | None:
    """Retrieve URL has the VR UT that it had long ago."""

    def change(item: alter.Root) -> None:
        if RETRIEVE_URL in item:
            item[RETRIEVE_URL]["vr"] = "UT"

    return alter.rewritten(x, lambda root: _each(root, REFERENCED, change))


@rule(
    "store.original-attributes",
    cites="PS3.18 Table I.1-1",
    verifies="PS3.18-I.1-7",
    on="web.store",
    when=lambda x: _speaks(x) and any(ORIGINAL in i.attributes for i in _module(x).stored),
    due=False,
    says="What was coerced is told whole: when, by whom, why, and the former values in one item.",
)
def original_attributes(x: Exchange) -> Iterator[Finding]:
    for item in _module(x).stored:
        for n, change in enumerate(values(item.attributes, ORIGINAL)):
            where = f"{item.where}/{ORIGINAL}/Value/{n}"
            for tag in ("04000562", "04000563", "04000565", MODIFIED):
                if not isinstance(change, Mapping) or not values(change, tag):
                    yield Finding(got="absent or empty", want="a value (Type 1)", where=f"{where}/{tag}")
            if isinstance(change, Mapping) and len(values(change, MODIFIED)) > 1:
                got = f"{len(values(change, MODIFIED))} items"
                yield Finding(got=got, want="one item", where=f"{where}/{MODIFIED}")


@original_attributes.mutant
def coercion_is_told_by_halves(x: Exchange) -> Answer | None:
    """Original Attributes Sequence has an item without the time and the reason."""
    former = alter.sequence([{"00100010": {"vr": "PN"}}])
    half = alter.sequence([{"04000550": former, "04000563": alter.attribute("LO", "A")}])
    return alter.rewritten(x, lambda root: _each(root, REFERENCED, lambda item: item.update({ORIGINAL: half})))


@rule(
    "store.warning-text",
    cites="PS3.18 10.5.3.2",
    verifies="PS3.18-10.5.3.2-4",
    level=SHOULD,
    on="web.store",
    when=lambda x: _speaks(x) and _module(x).troubled and "warning" in x.answer.headers,
    says="The text of a Warning header field tells a DICOM status code in four hexadecimal digits.",
)
def warning_text(x: Exchange) -> Iterator[Finding]:
    for value in x.answer.headers.all("warning"):
        words = value.replace(":", " ").replace('"', " ").split()
        if not any(len(w) == 4 and set(w.upper()) <= set("0123456789ABCDEF") for w in words):
            yield Finding(got=value[:120], want="a status code such as A700", where="Warning")


@warning_text.mutant
def warns_without_a_code(x: Exchange) -> Answer | None:
    """The Warning header field says that something went wrong, without a code."""
    if "warning" not in x.answer.headers:
        return None
    return x.answer.but(headers=x.answer.headers.but("warning", '299 store "something went wrong"'))


def _reference(item: Item) -> Iterator[Finding]:
    """The SOP Instance Reference Macro: two UIDs, both Type 1."""
    for tag in (CLASS, INSTANCE):
        found = values(item.attributes, tag)
        if len(found) != 1 or not item.text(tag):
            yield Finding(got=f"{len(found)} values", want="one UID (Type 1)", where=f"{item.where}/{tag}")
        elif not valid_uid(item.text(tag)):
            yield Finding(got=item.text(tag)[:80], want="a UID (PS3.5 9.1)", where=f"{item.where}/{tag}")


def _one_number(item: Item, tag: str) -> Iterator[Finding]:
    found = values(item.attributes, tag)
    if len(found) != 1 or number(found[0]) is None:
        got = "absent" if tag not in item.attributes else f"{found!r}"[:80]
        yield Finding(got=got, want="one number (Type 1)", where=f"{item.where}/{tag}")


def _failure(code: int) -> bool:
    """PS3.7 C: Axxx, Cxxx and 01xx, 02xx other than the warnings 0107 and 0116; codes of one's own are allowed."""
    return not (_warning(code) or code in (0, 0xFE00, 0xFF00, 0xFF01) or code > 0xFFFF)


def _warning(code: int) -> bool:
    return code in (1, 0x0107, 0x0116) or 0xB000 <= code <= 0xBFFF


def _hex(code: int) -> str:
    return f"{code:04X}H ({code})"


def _vr(attributes: Mapping[str, Any], tag: str) -> str:
    attribute = attributes.get(tag)
    vr = attribute.get("vr") if isinstance(attribute, Mapping) else None
    return vr if isinstance(vr, str) else ""


def _each(root: alter.Root, tag: str, change: Any) -> alter.Root | None:
    """Change every item of a sequence in place; None when it has none."""
    found = alter.items(root, tag)
    for n, item in enumerate(found):
        change(item)
        found[n] = alter.ordered(item)
    return root if found else None


def _reasons(root: alter.Root, tag: str, code: int) -> alter.Root | None:
    changed = [_each(root, s, lambda item: item.update({tag: alter.attribute("US", code)})) for s in (FAILED, OTHER)]
    return root if any(changed) else None
