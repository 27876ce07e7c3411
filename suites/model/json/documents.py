"""Knows which messages carry DICOM JSON, what occurs in them, and how a flaw of the reader becomes a finding.

Must not know a particular rule.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from harness.exchange import Answer, Exchange, view
from harness.past import STUDY
from harness.rule import BOTH, SHALL, STANDARD, Finding, Level, Rule, rule
from harness.wire import dicom_json
from harness.wire.flaw import Flaw

DICOM_JSON = "application/dicom+json"
ON = "web|file.json"
RULE_OF: dict[str, str] = {}  # code of the reader -> the one rule that judges it
Edit = Callable[[Any], bool]


@view
def documents(x: Exchange) -> list[tuple[str, dicom_json.Reading]]:
    """The DICOM JSON documents of the message that is looked at, each with its place in it.

    application/json counts where a service answers with data sets; elsewhere it may hold anything.
    """
    message, found = x.message, []
    data = x.side == "origin-server" and x.answer.ok and x.kind.startswith(("web.search", "web.retrieve.metadata"))
    if message.body.size and message.json is not None and (message.type == DICOM_JSON or data):
        place = "" if x.kind.startswith("file") or x.side == "user-agent" else "answer"
        found.append((place, message.json))
    stored = message.parts if x.kind == "web.store" and x.side == "user-agent" else ()
    for part in stored:
        if part.media.type == DICOM_JSON:
            found.append((f"part {part.index + 1}", dicom_json.read(part.content)))
    return found


@view
def _features(reading: dicom_json.Reading) -> frozenset[str]:
    """What occurs in a document; two dozen rules ask this, and the same document comes again and again."""
    found: set[str] = set()
    for dataset in reading.datasets:
        _collect(dataset, found)
    return frozenset(found)


def _collect(dataset: Any, found: set[str], depth: int = 0) -> None:
    """Words for what occurs: VRs that have a Value, members, and a few traits."""
    if not isinstance(dataset, Mapping) or depth > dicom_json.DEEPEST:
        return
    if len(dataset) > 1:
        found.add("several")
    for tag, attribute in dataset.items():
        found.add("attribute")
        if not isinstance(attribute, Mapping):
            continue
        if len(tag) == 8 and tag[3] in "13579BDFbdf" and tag[4:] > "00FF":
            found.add("private")
        found.update(attribute.keys() & {"BulkDataURI", "InlineBinary", "vr"})
        if attribute.keys() <= {"vr"}:
            found.add("empty")
        elif "Value" in attribute:
            _collect_values(str(attribute.get("vr")), attribute["Value"], found, depth)


def _collect_values(vr: str, values: Any, found: set[str], depth: int) -> None:
    found.update(("Value", vr))
    if not isinstance(values, list):
        return
    if not values or any(v is None or v == "" for v in values):
        found.add("empty")
    if len(values) > 1:
        found.add("many")
    for value in values if vr == "SQ" else ():
        _collect(value, found, depth + 1)


def occurs(*features: str) -> Callable[[Exchange], bool]:
    """A condition: one of these occurs in a document of the exchange; without any, that there is a document."""

    def when(x: Exchange) -> bool:
        found = documents(x)
        if not features:
            return bool(found)
        return any(not _features(reading).isdisjoint(features) for _, reading in found)

    return when


def of_codes(
    id: str,
    codes: Iterable[str],
    *,
    cites: str,
    says: str,
    verifies: str | tuple[str, ...] = (),
    level: Level = SHALL,
    when: Callable[[Exchange], bool] | None = None,
    soft: Iterable[str] = (),
    inherited: bool = False,
    content: bool = True,
    wire: bool = False,
) -> Rule[Exchange]:
    """A rule over flaws of the reader. `soft`: codes that only warn. `inherited`: what is wrong may have been
    stored that way by somebody else, so it fails only in data that this run stored."""
    judged, soft = tuple(codes), frozenset(soft)
    due = when or occurs("attribute")
    for code in judged:
        RULE_OF[code] = id if code not in RULE_OF else f"{RULE_OF[code]} and {id}"

    def exercised(x: Exchange) -> bool:
        held = documents(x)
        # a document with such a flaw exercises the rule whatever else is in it
        return bool(held) and (any(_has(reading, judged) for _, reading in held) or due(x))

    def judgement(x: Exchange) -> Iterator[Finding]:
        for side, reading in documents(x):
            for flaw in _of(reading, judged):
                warn = flaw.code in soft or (inherited and _somebody_elses(x, reading, flaw))
                yield Finding(flaw.got, flaw.want, f"{side} {flaw.where}".strip(), warn=warn)

    return rule(
        id, cites=cites, says=says, verifies=verifies, level=level, who=BOTH, on=ON, basis=STANDARD, when=exercised,
        content=content, wire=wire,
    )(judgement)  # fmt: skip


def _has(reading: dicom_json.Reading, codes: tuple[str, ...]) -> bool:
    return not reading.flaws.counts.keys().isdisjoint(codes)


def _of(reading: dicom_json.Reading, codes: tuple[str, ...]) -> list[Flaw]:
    return [f for f in reading.flaws.kept if f.code in codes]


def _somebody_elses(x: Exchange, reading: dicom_json.Reading, flaw: Flaw) -> bool:
    """The flaw stands in a data set of a study that this run did not store; a file is judged for what it is."""
    if x.side == "user-agent":
        return True  # who stores may pass on what others made
    if x.kind.startswith("file"):
        return False
    index = flaw.where.split("/")[1] if "/" in flaw.where else ""
    position = int(index) if index.isdigit() and reading.root == "array" else 0
    dataset = reading.datasets[position] if position < len(reading.datasets) else {}
    study = dicom_json.text(dataset, STUDY) or x.resource.study
    past = x.context.past if x.context else None
    return bool(study) and not any(past.below(study) if past else ())


# --- mutants -----------------------------------------------------------------------------------------------------


def bent(x: Exchange, edit: Edit) -> Answer | None:
    """The answer with its data sets edited in place; None when it has none or the edit found nothing to break."""
    if x.answer.type != DICOM_JSON or not x.kind.startswith(("web.search", "web.retrieve")) or not x.answer.ok:
        return None
    if x.answer.ranged or not x.answer.body.size:
        return None
    root = json.loads(x.answer.payload.bytes())
    if not isinstance(root, list) or not edit(root):
        return None
    return x.answer.but(body=json.dumps(root, ensure_ascii=False, separators=(",", ":")).encode())


def attributes(root: Any) -> Iterator[tuple[dict[str, Any], str, dict[str, Any]]]:
    """Every attribute at any depth: the data set it stands in, its tag, itself."""
    stack = list(reversed(root)) if isinstance(root, list) else [root]
    while stack:
        dataset = stack.pop()
        for tag, attribute in list(dataset.items()):
            yield dataset, tag, attribute
            if attribute.get("vr") == "SQ":
                stack.extend(reversed(attribute.get("Value", [])))


def changed(x: Exchange, vrs: str, change: Callable[[dict[str, Any]], None], member: str = "Value") -> Answer | None:
    """The answer with the first attribute that has one of these VRs ('' for any) and that member changed."""

    def edit(root: Any) -> bool:
        for _, _, attribute in attributes(root):
            if (not vrs or attribute.get("vr") in vrs.split()) and (not member or attribute.get(member)):
                change(attribute)
                return True
        return False

    return bent(x, edit)


def revalued(x: Exchange, vrs: str, value: Any) -> Answer | None:
    """The answer with the first value of the first such attribute replaced; `value` may be a function of the old."""

    def change(attribute: dict[str, Any]) -> None:
        old = attribute["Value"][0]
        attribute["Value"][0] = value(old) if callable(value) else value

    return changed(x, vrs, change)
