"""Knows how the outcome of a Store is told: status code, header fields, response module (PS3.18 10.5.3, Annex I).

Must not know what was sent or how it is kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from simulators.archive.held import Stored

ORIGINAL = "04000561"


def status(outcomes: Sequence[Stored]) -> int:
    """200 for all stored, 202 for some or with warnings, 400 when nothing was an instance, 409 when none was stored."""
    stored = [o for o in outcomes if o.status == "stored"]
    if not stored:
        return 409 if any(o.sop_instance for o in outcomes) else 400
    return 200 if len(stored) == len(outcomes) and not any(o.warning for o in stored) else 202


def response_module(
    outcomes: Sequence[Stored], base: str, url: Callable[[Stored], str] | None = None
) -> dict[str, Any]:
    """The Store Instances Response Module as a DICOM JSON object (Table I.1-1); sequences only when they have items.

    `url` gives the Retrieve URL of an instance that belongs to no study.
    """
    url = url or (lambda outcome: _url(outcome, base))
    stored = [o for o in outcomes if o.status == "stored"]
    failed = [o for o in outcomes if o.status == "failed" and o.sop_instance]
    others = [o for o in outcomes if o.status == "failed" and not o.sop_instance]
    studies = {o.study for o in stored if o.study}
    module: dict[str, Any] = {
        "00081190": _element("UR", f"{base}/studies/{studies.pop()}" if len(studies) == 1 else "")
    }
    if failed:
        module["00081198"] = {"vr": "SQ", "Value": [{**_reference(o), "00081197": _reason(o.reason)} for o in failed]}
    if stored:
        module["00081199"] = {"vr": "SQ", "Value": [_stored(o, url(o)) for o in stored]}
    if others:
        module["0008119A"] = {"vr": "SQ", "Value": [{"00081197": _reason(o.reason)} for o in others]}
    return module


def headers(outcomes: Sequence[Stored], base: str) -> list[tuple[str, str]]:
    """Location and Content-Location of what was created, and a Warning for each kind of trouble (10.5.3.2)."""
    stored = [o for o in outcomes if o.status == "stored"]
    found: list[tuple[str, str]] = []
    if stored:
        location = _location(stored, base)
        found += [("location", location), ("content-location", location)]
    troubles = {o.warning or o.reason: o.detail for o in reversed(outcomes) if o.warning or o.reason}
    for code, detail in sorted(troubles.items()):
        found.append(("warning", f"299 {base}: {code:04X} {_line(detail)}".rstrip()))
    return found


def _stored(outcome: Stored, url: str) -> dict[str, Any]:
    item = _reference(outcome)
    item["00081190"] = _element("UR", url)
    if outcome.warning:
        item["00081196"] = _reason(outcome.warning)
    if outcome.original:
        item[ORIGINAL] = json.loads(outcome.original)
    return dict(sorted(item.items()))


def _reference(outcome: Stored) -> dict[str, Any]:
    return {"00081150": _element("UI", outcome.sop_class), "00081155": _element("UI", outcome.sop_instance)}


def _element(vr: str, value: str) -> dict[str, Any]:
    return {"vr": vr, "Value": [value]} if value else {"vr": vr}


def _reason(code: int) -> dict[str, Any]:
    return {"vr": "US", "Value": [code]}


def _url(outcome: Stored, base: str) -> str:
    return f"{base}/studies/{outcome.study}/series/{outcome.series}/instances/{outcome.sop_instance}"


def _location(stored: Sequence[Stored], base: str) -> str:
    """The narrowest resource that holds all that was created."""
    if len({o.sop_instance for o in stored}) == 1:
        return _url(stored[0], base)
    studies = {o.study for o in stored}
    return f"{base}/studies/{studies.pop()}" if len(studies) == 1 else f"{base}/studies"


def _line(text: str) -> str:
    """A sentence fit for a header field."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:200]
