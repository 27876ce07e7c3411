"""Hand-made Store exchanges: requests of synthetic instances, and the answers that a right server gives to them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from harness.body import Body
from harness.context import Context
from harness.exchange import Answer, Ask, Exchange, Headers
from harness.make.corpus import Sample, corpus
from harness.make.parts import STYLES, Message, Part, Style, multipart
from harness.make.store_metadata import FAULTS, Form, separate
from harness.make.store_metadata import message as separate_message
from harness.make.variants import BadSample, bad_samples, fresh
from harness.past import Past
from harness.rule import CATALOGUE, Finding

BASE = "http://pacs.example:8042/dicomweb"
JSON, XML = "application/dicom+json", "application/dicom+xml"


@cache
def likes() -> tuple[Sample, ...]:
    """A plain image and an instance of another SOP Class."""
    found = corpus(7, "T")
    return found[0], next(s for s in found if s.sop_class != found[0].sop_class)


def made(position: int, **where: str) -> Sample:
    """A small image; other positions are other studies."""
    return fresh(likes()[0], position, "tests", **where)


@cache
def bad(label: str) -> BadSample:
    return next(b for b in bad_samples(likes()[0], "tests") if b.label == label)


@dataclass
class Module:
    """A response module under construction, as a right server writes it."""

    stored: Sequence[Sample] = ()
    failed: Sequence[tuple[str, str, int]] = ()  # SOP Class, SOP Instance, reason
    other: Sequence[int] = ()

    def json(self) -> dict[str, Any]:
        studies = {s.study for s in self.stored}
        url = f"{BASE}/studies/{studies.pop()}" if len(studies) == 1 else ""
        root: dict[str, Any] = {"00081190": value("UR", url)}
        if self.failed:
            items = [{**reference(c, i), "00081197": value("US", r)} for c, i, r in self.failed]
            root["00081198"] = {"vr": "SQ", "Value": items}
        if self.stored:
            items = [
                {**reference(s.sop_class, s.instance), "00081190": value("UR", BASE + s.path)} for s in self.stored
            ]
            root["00081199"] = {"vr": "SQ", "Value": items}
        if self.other:
            root["0008119A"] = {"vr": "SQ", "Value": [{"00081197": value("US", r)} for r in self.other]}
        return root


def value(vr: str, *found: Any) -> dict[str, Any]:
    kept = [f for f in found if f != ""]
    return {"vr": vr, "Value": kept} if kept else {"vr": vr}


def reference(sop_class: str, instance: str) -> dict[str, Any]:
    return {"00081150": value("UI", sop_class), "00081155": value("UI", instance)}


def answer(status: int, content: Any = None, type: str = JSON, **headers: str) -> Answer:
    """An answer; `content` is JSON, text, octets, or None for no payload."""
    octets = b"" if content is None else content if isinstance(content, bytes) else json.dumps(content).encode()
    fields = [("Content-Type", type)] if octets else []
    fields += [("Content-Length", str(len(octets))), *((n.replace("_", "-"), v) for n, v in headers.items())]
    return Answer(status, "", Headers.of(fields), Body.of(octets))


def message(*contents: Sample | BadSample | bytes, style: Style = STYLES["plain"]) -> Message:
    octets = [c.part10 if isinstance(c, Sample) else c.data if isinstance(c, BadSample) else c for c in contents]
    return multipart([Part.of(o) for o in octets], style, root="application/dicom")


def ask(sent: Message, study: str = "", accept: str = JSON) -> Ask:
    path = "/dicomweb/studies" + (f"/{study}" if study else "")
    fields = [("Host", "pacs.example:8042"), ("Accept", accept), ("Content-Type", sent.content_type)]
    return Ask("POST", path, BASE, Headers.of([*fields, ("Content-Length", str(sent.body.size))]), sent.body)


def store(contents: Sequence[Sample | BadSample | bytes], said: Answer, study: str = "", seq: int = 1,
          past: Past | None = None, **about: Any) -> Exchange:  # fmt: skip
    accept = about.pop("accept", JSON)
    asked = ask(message(*contents), study, accept)
    return Exchange(seq, asked, said, context=Context(past=past or Past()), **about)


def located(status: int, module: Module, *of: Sample) -> Answer:
    """A success with Location and Content-Location, as Table 10.5.3-2 wants them."""
    url = BASE + of[0].path if len(of) == 1 else f"{BASE}/studies"
    return answer(status, module.json(), Location=url, Content_Location=url)


def clean(position: int = 1, **about: Any) -> Exchange:
    """Two new instances of two studies, both stored."""
    one, two = made(position), made(position + 1)
    return store([one, two], located(200, Module([one, two]), one, two), **about)


def mixed(position: int = 10, **about: Any) -> Exchange:
    """A good instance, one of no storage class, and a text that is no DICOM."""
    good, odd = made(position), bad("no-storage-class")
    module = Module([good], [(odd.sop_class, odd.instance, 0x0122)], [0xC000])
    said = answer(202, module.json(), Location=BASE + good.path, Content_Location=BASE + good.path,
                  Warning='299 pacs.example "0122 not supported"')  # fmt: skip
    return store([good, odd, bad("not-dicom")], said, **about)


def strayed(position: int = 20, **about: Any) -> Exchange:
    """Two instances of other studies than the target's, both refused."""
    one, two, home = made(position), made(position + 1), made(position + 2)
    failed = [(s.sop_class, s.instance, 0xA900) for s in (one, two)]
    return store([one, two], answer(409, Module(failed=failed).json()), study=home.study, **about)


def refused_class(**about: Any) -> Exchange:
    odd = bad("no-storage-class")
    said = answer(409, Module(failed=[(odd.sop_class, odd.instance, 0x0122)]).json())
    return store([odd], said, **about)


def junk(**about: Any) -> Exchange:
    return store([bad("not-dicom")], answer(400, Module(other=[0xC000]).json()), **about)


def apart(samples: Sequence[Sample], said: Answer, form: Form = "json", study: str = "", seq: int = 1,
          past: Past | None = None, fault: str = "", **about: Any) -> Exchange:  # fmt: skip
    """A request of metadata and bulk data, with one of the named faults in every instance."""
    ones = [FAULTS[fault].make(separate(s)) if fault else separate(s) for s in samples]
    asked = ask(separate_message(ones, form), study)
    facts = {"fault": fault} if fault else {"legal": True}
    return Exchange(seq, asked, said, context=Context(past=past or Past()), facts=facts, **about)


def malformed_metadata(said: Answer) -> Exchange:
    """Metadata that is no JSON."""
    asked = ask(multipart([Part.of(b"[{", JSON)]))
    return Exchange(1, asked, said, context=Context(past=Past()), facts={"fault": "JSON that ends in the middle"})


def octets_root(said: Answer) -> Exchange:
    """Bulk data without metadata."""
    asked = ask(multipart([Part.of(b"octets", "application/octet-stream")]))
    return Exchange(1, asked, said, context=Context(past=Past()), facts={"fault": "bulk data alone"})


def findings(rule: str, subject: Any) -> list[Finding] | None:
    """What a rule says about one subject; None when it is not exercised by it."""
    found = CATALOGUE.rules[rule]
    return list(found(subject)) if found.when(subject) else None
