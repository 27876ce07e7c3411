"""A product of the Worklist service in a few lines, right unless told otherwise, whose talk is judged by the rules."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import suites
from harness.body import EMPTY, Body
from harness.context import Context
from harness.exchange import Answer, Ask, Exchange, Headers, Journey
from harness.rule import CATALOGUE, Finding
from suites.web.workitems import making
from suites.web.workitems.making import CANCELED, COMPLETED, IN_PROGRESS, LOCK, SCHEDULED, STATE

suites.load()
BASE = "http://pacs.example/dicomweb"
JSON = "application/dicom+json"
CLAIMED_BY = "2.25.1000"
MISSING, INCORRECT = "The Transaction UID is missing.", "The Transaction UID is incorrect."
INCONSISTENT = "The submitted request is inconsistent with the state of the UPS Instance."
UNCLAIMED = "The target URI did not reference a claimed Workitem."
LATE = "The submitted request is inconsistent with the current state of the Workitem."
ALREADY = "The UPS is already in the requested state of "


def exchange(method: str, path: str, payload: Any = None, status: int = 200, warning: str = "", found: Any = None,
             type: str = JSON, facts: dict[str, Any] | None = None, step: str = "", location: str = "",
             **headers: str) -> Exchange:  # fmt: skip
    """One question with a JSON payload, and its answer with another."""
    body = EMPTY if payload is None else Body.of(json.dumps(payload).encode())
    asked = [("Host", "pacs.example"), ("Accept", JSON)] + ([("Content-Type", JSON)] if body.size else [])
    content = EMPTY if found is None else Body.of(json.dumps(found).encode())
    fields = [("Content-Type", type)] if content.size else []
    fields += [("Warning", f"299 {BASE}: {warning}")] if warning else []
    fields += [("Location", location)] if location else []
    fields += [(name.replace("_", "-"), value) for name, value in headers.items()]
    ask = Ask(method, f"/dicomweb/{path}", BASE, Headers(tuple(asked)), body)
    return Exchange(0, ask, Answer(status, "", Headers(tuple(fields)), content), step=step, facts=facts or {})


@dataclass
class Product:
    """Holds workitems and answers as PS3.18 11 wants it. `refusal` is its code for what the state does not allow."""

    refusal: int = 409
    wrong: str = ""  # a word for what it does wrong
    said: list[Exchange] = field(default_factory=list)
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    locks: dict[str, str] = field(default_factory=dict)

    def take(self, *about: Any, **more: Any) -> Exchange:
        self.said.append(exchange(*about, **more))
        return self.said[-1]

    def create(self, uid: str, **changes: Any) -> Exchange:
        item = making.workitem(uid[-8:], "LIST", **changes)
        facts, path = {"fresh": True}, f"workitems?{uid}"
        if uid in self.items:
            return self.take("POST", path, [item], 409, facts={})
        if making.STATE not in item or item[STATE].get("Value") != [SCHEDULED]:
            return self.take("POST", path, [item], 400, facts=facts)
        self.items[uid] = {t: v for t, v in item.items() if t != LOCK} | making.attributes(x00404010="20260301")
        return self.take("POST", path, [item], 201, facts=facts, location=f"{BASE}/workitems/{uid}")

    def get(self, uid: str) -> Exchange:
        found = dict(self.items[uid])
        if self.wrong == "tells the lock":
            found |= making.attributes(x00081195=self.locks.get(uid, ""))
        return self.take("GET", f"workitems/{uid}", found=[dict(sorted(found.items()))])

    def state(self, uid: str, wanted: str, lock: str) -> Exchange:
        warning, status = self._refusal(uid, wanted, lock), 200
        if warning and not warning.startswith(ALREADY):
            status = self.refusal
        elif not warning:
            self.items[uid] |= making.attributes(x00741000=wanted)
            self.locks[uid] = lock
        return self.take("PUT", f"workitems/{uid}/state", [making.change(wanted, lock or None)], status, warning)

    def _refusal(self, uid: str, wanted: str, lock: str) -> str:
        held = self.items[uid][STATE]["Value"][0]
        if wanted not in (IN_PROGRESS, COMPLETED, CANCELED):
            return INCONSISTENT
        if not lock and self.wrong != "claims without a lock":
            return MISSING
        if held == SCHEDULED:
            return "" if wanted == IN_PROGRESS else INCONSISTENT
        if lock != self.locks.get(uid) and self.wrong != "takes any lock":
            return INCORRECT
        if held in (COMPLETED, CANCELED):
            return f"{ALREADY}{held}." if wanted == held else INCONSISTENT
        if wanted == IN_PROGRESS:
            return INCONSISTENT
        ready = "Value" in self.items[uid][making.PERFORMED] or self.wrong == "completes what is not done"
        return INCONSISTENT if wanted == COMPLETED and not ready else ""

    def update(self, uid: str, dataset: dict[str, Any], lock: str) -> Exchange:
        held = self.items[uid][STATE]["Value"][0]
        payload = [dict(sorted({**dataset, **(making.attributes(x00081195=lock) if lock else {})}.items()))]
        path = f"workitems/{uid}{f'?{lock}' if lock else ''}"
        if held in (COMPLETED, CANCELED):
            return self.take("POST", path, payload, 400, LATE)
        if STATE in dataset or (held == IN_PROGRESS and lock != self.locks.get(uid)):
            return self.take("POST", path, payload, self.refusal, UNCLAIMED)
        if held == SCHEDULED and lock:
            return self.take("POST", path, payload, self.refusal, LATE)
        self.items[uid] |= dataset
        return self.take("POST", path, payload, 200)

    def cancel(self, uid: str) -> Exchange:
        held, path = self.items[uid][STATE]["Value"][0], f"workitems/{uid}/cancelrequest"
        if held == COMPLETED:
            return self.take("POST", path, None, 409)
        if held == CANCELED:
            return self.take("POST", path, None, 202, f"{ALREADY}CANCELED.")
        if held == SCHEDULED or self.wrong == "cancels for the owner":
            self.items[uid] |= making.attributes(x00741000=CANCELED)
        return self.take("POST", path, None, 202)

    def journey(self, kind: str = "web.workitems.life", **context: Any) -> Journey:
        return journey(kind, self.said, **context)


def journey(kind: str, said: list[Exchange], edition: str = "2024e", policies: dict[str, str] | None = None) -> Journey:
    context = Context(edition, policies or {})
    name = f"{kind}#1"
    numbered = tuple(x.but(seq=n, journey=name, context=context) for n, x in enumerate(said, 1))
    return Journey(kind, name, numbered, context)


def findings(j: Journey) -> list[tuple[str, Finding]]:
    """What all rules of the service say of a journey and of its exchanges."""
    found: list[tuple[str, Finding]] = []
    for rule in CATALOGUE.rules.values():
        if rule.id.split(".")[0] not in ("workitem", "subscription", "event", "notification"):
            continue
        subjects: list[Any] = [j] if rule.over is Journey else list(j.exchanges)
        for subject in subjects:
            if rule.applies_to(subject.kind) and rule.when(subject):
                found += [(rule.id, f) for f in rule(subject)]
    return found


def red(j: Journey) -> set[str]:
    """The rules that fail, warnings left out."""
    return {rule for rule, finding in findings(j) if not finding.warn}


def judged(rule: str, subject: Journey | Exchange) -> list[Finding] | None:
    """The findings of one rule, None when it is not exercised."""
    found = CATALOGUE.rules[rule]
    assert found.applies_to(subject.kind), subject.kind
    return list(found(subject)) if found.when(subject) else None
