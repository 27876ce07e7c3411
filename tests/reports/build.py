"""Makes run records for the tests of the reports: all outcomes, broken answers, hostile strings, crowds."""

from __future__ import annotations

import datetime
import gzip
import struct
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.association import Association
from harness.body import Body
from harness.context import POLICIES
from harness.exchange import Answer, Ask, Exchange, Fault, Headers
from harness.record import Record, Run, read
from harness.rule import Finding
from harness.secrets import Secrets
from harness.verdict import Outcome, Verdict, Waiver

BASE = "http://pacs.acme.example/dicom-web"
SECRET = "s3cr3t-pass-phrase"
HEADER: dict[str, Any] = {
    "tool": {"name": "dicomproof", "version": "0.1.0"},
    "mode": "ask",
    "started": "2026-03-04T05:06:07+00:00",
    "edition": "2024e",
    "policies": {p.id: p.default for p in POLICIES.values()},
    "target": {"word": "acme.toml", "base": BASE, "vendor": "Acme", "product": "PACS", "version": "7.1"},
    "waivers": [],
    "seed": 7,
    "nonce": "BEEF",
    "examples": 25,
    "only": "",
    "read_only": False,
    "command": "dicomproof check acme.toml --only {rule} --seed 7 --examples 25",
    "catalogue": "ab" * 32,
}
WAIVER = Waiver("store.slow", "fixed in 7.2", "dicom@acme.example", datetime.date(2027, 3, 31))
JSON = (
    b'[{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"Doe^Jane"}]},'
    b'"0020000D":{"vr":"UI","Value":["1.2.3"]},"00081190":{"vr":"UR","Value":["http://pacs.acme.example/studies/1.2.3"]},'
    b'"00280010":{"vr":"US","Value":[1.50e2]}},{"0020000D":{"vr":"UI","Value":["1.2.4"]}}]'
)
HOSTILE = (
    "<script>window.hacked=1</script>",
    '"><img src=x onerror="window.hacked=2">',
    "</pre></details></script><script>window.hacked=3;alert(3)</script>",
    "javascript:window.hacked=4",
    "{{ 7*7 }}{% raw %}",
    "\u202egnp.exe \u2066\u2069 \u200f\u05e9\u05dc\u05d5\u05dd مرحبا",
    "nul \x00 bell \x07 escape \x1b[31m delete \x7f next-line \x85",
    "\ud800 lone, \ufffe none, \ufeff mark, \U0001f9ea",
    "e" + "\u0301" * 3000,
    "x" * 100_000,
    "&lt;&amp;&#60;script&#62;",
    "' onfocus='window.hacked=5' autofocus='",
)


def part10(patient: bytes = b"Doe^Jane") -> bytes:
    """A small PS3.10 file with a sequence, numbers and pixel data, in explicit VR little endian."""

    def element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
        value += b"\0" * (len(value) % 2) if vr in (b"UI", b"OB") else b" " * (len(value) % 2)
        long = vr in (b"OB", b"OW", b"SQ")
        size = struct.pack("<HI", 0, len(value)) if long else struct.pack("<H", len(value))
        return struct.pack("<HH", group, number) + vr + size + value

    item = element(0x0008, 0x0100, b"SH", b"T-D1100") + element(0x0008, 0x0104, b"LO", b"Head")
    sequence = struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item
    meta = b"".join(
        [
            element(0x0002, 0x0001, b"OB", b"\0\1"),
            element(0x0002, 0x0002, b"UI", b"1.2.840.10008.5.1.4.1.1.7"),
            element(0x0002, 0x0003, b"UI", b"1.2.3.4"),
            element(0x0002, 0x0010, b"UI", b"1.2.840.10008.1.2.1"),
            element(0x0002, 0x0012, b"UI", b"1.2.9"),
        ]
    )
    data = b"".join(
        [
            element(0x0008, 0x0016, b"UI", b"1.2.840.10008.5.1.4.1.1.7"),
            element(0x0008, 0x0018, b"UI", b"1.2.3.4"),
            element(0x0008, 0x2218, b"SQ", sequence),
            element(0x0010, 0x0010, b"PN", patient),
            element(0x0028, 0x0010, b"US", struct.pack("<H", 512)),
            element(0x7FE0, 0x0010, b"OW", bytes(range(256)) * 8),
        ]
    )
    return b"\0" * 128 + b"DICM" + element(0x0002, 0x0000, b"UL", struct.pack("<I", len(meta))) + meta + data


def multipart(*parts: tuple[str, bytes], boundary: str = "b0und") -> bytes:
    framed = [b"--%b\r\nContent-Type: %b\r\n\r\n%b\r\n" % (boundary.encode(), t.encode(), c) for t, c in parts]
    return b"".join(framed) + f"--{boundary}--\r\n".encode()


def ask(path: str = "/studies", method: str = "GET", body: bytes = b"", **fields: str) -> Ask:
    headers = [("Host", "pacs.acme.example"), ("Accept", "application/dicom+json"),
               *((n.replace("_", "-"), v) for n, v in fields.items())]  # fmt: skip
    return Ask(method, "/dicom-web" + path, BASE, Headers(tuple(headers)), Body.of(body))


def answer(body: bytes = b"", type: str = "application/dicom+json", status: int = 200, **more: Any) -> Answer:
    fields = [("Content-Type", type), ("content-length", str(len(body))), ("X-Twice", "1"), ("x-twice", "2")]
    fields += more.pop("fields", [])
    reason = {200: "OK", 404: "Not Found", 409: "Conflict"}.get(status, "")
    return Answer(status, reason, Headers(tuple(fields)), Body.of(body, more.pop("truncated", False)), **more)


def exchange(seq: int, asked: Ask | None = None, answered: Answer | None = None, **more: Any) -> Exchange:
    more = {"probe": "search.pages", "elapsed_ms": 12, **more}
    return Exchange(seq, asked or ask(), answered or answer(JSON), **more)


def verdict(rule: str, outcome: Outcome, *findings: Finding, **more: Any) -> Verdict:
    exercised = 0 if outcome in (Outcome.NOT_EXERCISED, Outcome.NOT_CLAIMED, Outcome.BLOCKED) else 40
    facts = {
        "cites": "PS3.18 10.6.3.1",
        "level": "SHALL",
        "who": "origin-server",
        "basis": "standard",
        "service": rule.partition(".")[0],
        "says": f"What the sentence of {rule} says, in plain words.",
        "verifies": ("PS3.18-10.6-1",),
        "exercised": exercised,
        "found": len(findings),
        "samples": (1,) if exercised else (),
    }
    return Verdict(rule=rule, outcome=outcome, findings=findings, **{**facts, **more})


def exchanges() -> list[Exchange]:
    """One of every kind that a report has to show."""
    file = part10()
    two = multipart(("application/dicom", file), ("application/dicom", part10(b"Roe^Richard")))
    related = 'multipart/related; type="application/dicom"; boundary=b0und'
    cut = answer(file[:500], "application/dicom", truncated=True, fault=Fault("reset", "the peer closed the line"))
    squeezed = answer(gzip.compress(JSON), fields=[("Content-Encoding", "gzip")])
    attribute = b'<DicomAttribute tag="00100020" vr="LO"><Value number="1">7</Value></DicomAttribute>'
    xml = b'<?xml version="1.0"?><NativeDicomModel>' + attribute + b"</NativeDicomModel>"
    page = {"journey": "web.search.paging#1", "step": "page"}
    return [
        exchange(1, expected={"count": 2, "keys": [["1.2.3"], ["1.2.4"]]}),
        exchange(2, ask("/studies", "POST", two, Content_Type=related), answer(b"{}", status=409)),
        exchange(3, ask("/studies/1.2.3"), answer(two, related)),
        exchange(4, ask("/studies/1.2.3/series/1.2/instances/1"), cut),
        exchange(5, ask("/studies?limit=1"), squeezed, **page),
        exchange(6, ask("/studies?limit=1&offset=1"), Answer(fault=Fault("timeout", "no answer in 20 s")), **page),
        exchange(7, ask("/studies/1.2.3/metadata"), answer(xml, "application/dicom+xml")),
        exchange(8, ask("/studies/9", "HEAD", Authorization=f"Bearer {SECRET}"), answer(b"", "text/plain", 404)),
        exchange(9, ask("/studies/1.2.3/rendered"), answer(bytes(range(256)) * 9, "image/jpeg")),
    ]


def verdicts() -> list[Verdict]:
    """Every outcome at least once."""
    return [
        verdict(
            "search.empty",
            Outcome.FAIL,
            Finding("200 and []", "204 without a body", "status line", seq=1),
            Finding("no answer", "a page", "status line", seq=6, policy="empty-search"),
            found=31,
        ),
        verdict(
            "retrieve.parts",
            Outcome.FAIL,
            Finding("1 part", "2 parts", "payload", seq=3),
            Finding("1 part", "2 parts", "payload", seq=4),
        ),
        verdict("store.should", Outcome.WARN, Finding("nothing", "a reason", "body", seq=2, warn=True), level="SHOULD"),
        verdict("store.slow", Outcome.WAIVED, Finding("late", "soon", "time", seq=2), waiver=WAIVER, why=WAIVER.reason),
        verdict("search.paged", Outcome.BLOCKED, why="exchange 6 has no whole answer: timeout: no answer in 20 s"),
        verdict("retrieve.xml", Outcome.PASS, samples=(7, 1)),
        verdict("search.head", Outcome.PASS, samples=(8,)),
        verdict("store.never", Outcome.NOT_EXERCISED),
        verdict("store.optional", Outcome.NOT_EXERCISED, due=False),
        verdict("ups.claim", Outcome.NOT_CLAIMED),
        verdict("retrieve.broken", Outcome.ERROR, why='Traceback (most recent call last):\n  File "x"\nKeyError: 1'),
    ]


def written(
    folder: Path,
    items: Iterable[Exchange | Association],
    judged: Iterable[Verdict],
    notes: Iterable[tuple[str, str]] = (),
    reason: str = "complete",
    **header: Any,
) -> Path:
    """A whole record in the folder; `reason` '' leaves the end away."""
    judged = list(judged)
    record = Record(folder, Secrets.of([SECRET]))
    record.run(**{**HEADER, **header})
    for item in items:
        if isinstance(item, Association):
            record.association(item)
        else:
            record.exchange(item)
    for about, text in notes:
        record.note(about, text)
    for one in judged:
        record.verdict(one)
    if reason:
        record.end(reason, Counter(v.outcome.value for v in judged))
    record.close()
    return folder


def full(folder: Path) -> Path:
    """A run with everything in it."""
    waivers = [WAIVER.to_json(), Waiver("a.b", "r", "o", datetime.date(2020, 1, 1)).to_json()]
    notes = [("journey-end", "web.search.paging#1"), ("skipped", "probe retrieve.big: needs write"),
             ("error", "retrieve.broken\nTraceback\nKeyError: 1")]  # fmt: skip
    policies = {**HEADER["policies"], "D-02": "default"}
    return written(folder, exchanges(), verdicts(), notes, waivers=waivers, policies=policies)


def hostile(folder: Path) -> Path:
    """A run whose product says the worst it can, everywhere it can say anything."""
    items: list[Exchange] = []
    judged = []
    for seq, text in enumerate(HOSTILE, 1):
        octets = text.encode("utf-8", "surrogatepass") + b"\xff\xfe"
        asked = ask(f"/studies?PatientName={text}", X_Echo=text)
        fields = [(text[:300], text)]
        for type in ("application/dicom+json", "text/html", "application/dicom+xml", text[:300]):
            number = len(items) + 1
            said = answer(octets, type, fields=fields, version=text[:300])
            items.append(exchange(number, asked, said, probe=text[:300], expected={text[:300]: text}))
        found = [Finding(text, text, text, seq=len(items) - n) for n in range(4)]
        judged.append(verdict(f"search.hostile-{seq}", Outcome.FAIL, *found, says=text, why=text))
    target = {**HEADER["target"], "vendor": HOSTILE[0], "product": HOSTILE[5], "base": BASE + HOSTILE[1]}
    return written(folder, items, judged, [("error", t) for t in HOSTILE], target=target)


def crowd(folder: Path, rules: int = 300, findings: int = 20) -> Path:
    """A run in which everything fails: `rules` rules with as many findings each as are kept, exchanges of their own."""
    count = rules * findings // 2
    rows = b"[" + b",".join([JSON[1:-1]] * 12) + b"]"
    items = (exchange(n, ask(f"/studies?StudyDate={n:08}&limit=7"), answer(rows)) for n in range(1, count + 1))
    judged = []
    for number in range(rules):
        found = [
            Finding(f'got "{n}" ' + '<"&>' * 60, f"want {n} " + "w" * 250, f"match {n}, attribute 0008{n:04}",
                    seq=(number * findings // 2 + n // 2) % count + 1)
            for n in range(findings)
        ]  # fmt: skip
        judged.append(verdict(f"search.rule-{number:03}", Outcome.FAIL, *found, found=findings * 9))
    return written(folder, items, judged)


def loaded(folder: Path) -> Run:
    return read(folder)
