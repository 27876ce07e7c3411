"""Knows the run record: `run.ndjson` with its blobs, written as the run goes and read back strictly.

Must not know how to judge or to report.
"""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from harness.association import Association, Evidence, association_from, association_json
from harness.blobs import Blobs
from harness.body import EMPTY, Body
from harness.exchange import ANSWERED, Answer, Ask, Exchange, Fault, Headers
from harness.secrets import Secrets
from harness.verdict import Verdict

FORMAT = 1
NAME = "run.ndjson"
BLOBS = "blobs"
EVIDENCE = ("exchange", "association")  # the kinds of lines that verdicts point at


class RecordError(Exception):
    """The record cannot be read as a result; the message says why and where."""


class Record:
    """Writes one run. Every line is flushed, so that whatever happens next, what was done so far is readable."""

    def __init__(self, folder: Path, secrets: Secrets | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.blobs = Blobs(folder / BLOBS)
        self.secrets = secrets or Secrets()
        self._file: IO[bytes] = (folder / NAME).open("wb")
        self._lock = threading.Lock()
        self.exchanges = 0
        self.ended = False

    def run(self, **header: Any) -> None:
        """The first line: who was tested, how, against which edition."""
        self._line({"kind": "run", "format": FORMAT, **header})

    def exchange(self, x: Exchange) -> Exchange:
        """Write one exchange; the same as it now stands in the record, secrets masked, bodies on disk."""
        x = self.secrets.exchange(x, self.blobs)
        ask, answer = _kept(x.ask, self.blobs), _kept(x.answer, self.blobs)
        x = x.but(ask=ask, answer=answer)
        self.exchanges += 1
        self._line(exchange_json(x))
        return x

    def association(self, a: Association) -> Association:
        """Write one association; the same as it now stands in the record, secrets masked, its octets on disk."""
        requestor, acceptor = (
            self.blobs.keep(b) if b.size else b
            for b in (self.secrets.body(a.requestor, self.blobs), self.secrets.body(a.acceptor, self.blobs))
        )
        a = a.but(requestor=requestor, acceptor=acceptor)
        self.exchanges += 1
        self._line(evidence_json(a))
        return a

    def copy(self, line: Mapping[str, Any]) -> None:
        """Write an exchange that stands in another record already, whose blobs this one shares."""
        self.exchanges += 1
        self._line(line)

    def verdict(self, verdict: Verdict) -> None:
        self._line({"kind": "verdict", **_masked(verdict.to_json(), self.secrets)})

    def note(self, about: str, text: str) -> None:
        """Something that happened beside the exchanges: a journey's end, an error of ours, a skipped probe."""
        self._line({"kind": "note", "about": about, "text": self.secrets.text(text)})

    def end(self, reason: str, counts: Mapping[str, int]) -> None:
        """The last line; a record without it is not a result."""
        self._line({"kind": "end", "reason": reason, "exchanges": self.exchanges, "outcomes": dict(counts)})
        self.ended = True
        self.close()

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def _line(self, line: Mapping[str, Any]) -> None:
        octets = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        with self._lock:
            if not self._file.closed:
                self._file.write(octets + b"\n")
                self._file.flush()


def _kept(message: Any, blobs: Blobs) -> Any:
    """The message with its body in the folder; other fields, Content-Length above all, stay as they came."""
    return message if not message.body.size else dataclasses.replace(message, body=blobs.keep(message.body))


def _masked(value: Any, secrets: Secrets) -> Any:
    if isinstance(value, str):
        return secrets.text(value)
    if isinstance(value, dict):
        return {k: _masked(v, secrets) for k, v in value.items()}
    if isinstance(value, list):
        return [_masked(v, secrets) for v in value]
    return value


def evidence_json(x: Evidence) -> dict[str, Any]:
    """An exchange or an association as a line of the record; its octets by digest."""
    return exchange_json(x) if isinstance(x, Exchange) else association_json(x, _body_json)


def exchange_json(x: Exchange) -> dict[str, Any]:
    """An exchange as a line of the record; its bodies by digest."""
    line: dict[str, Any] = {"kind": "exchange", "seq": x.seq, "about": x.kind, "probe": x.probe}
    if x.journey:
        line["journey"] = x.journey
    if x.step:
        line["step"] = x.step
    if x.judged != ANSWERED:
        line["judged"] = sorted(x.judged)
    line["ask"] = {
        "method": x.ask.method,
        "target": x.ask.target,
        "base": x.ask.base,
        "version": x.ask.version,
        "headers": [list(f) for f in x.ask.headers],
        "body": _body_json(x.ask.body),
    }
    line["answer"] = {
        "status": x.answer.status,
        "reason": x.answer.reason,
        "version": x.answer.version,
        "headers": [list(f) for f in x.answer.headers],
        "head": x.answer.head.decode("latin-1"),
        "body": _body_json(x.answer.body),
    }
    if x.answer.fault:
        line["answer"]["fault"] = {"kind": x.answer.fault.kind, "detail": x.answer.fault.detail}
    if x.expected is not None:
        line["expected"] = x.expected
    if x.facts:
        line["facts"] = dict(x.facts)
    line["elapsed_ms"] = x.elapsed_ms
    return line


def _body_json(body: Body) -> dict[str, Any]:
    line: dict[str, Any] = {"size": body.size}
    if body.size:
        line["sha256"] = body.digest
    if body.truncated:
        line["truncated"] = True
    return line


@dataclass
class Run:
    """A record that was read: the header and, line by line, what it holds. Nothing large is kept in memory."""

    path: Path
    header: Mapping[str, Any]
    end: Mapping[str, Any]
    verdicts: list[Verdict] = field(default_factory=list)
    notes: list[Mapping[str, Any]] = field(default_factory=list)
    _offsets: dict[int, int] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.path.parent

    def items(self) -> Iterator[Evidence | str]:
        """Exchanges and associations in recorded order; a string is the name of a journey that ended there."""
        for line, _ in _lines(self.path):
            if line["kind"] in EVIDENCE:
                yield evidence_from(line, self.folder)
            elif line["kind"] == "note" and line["about"] == "journey-end":
                yield line["text"]

    def exchanges(self) -> Iterator[Exchange]:
        for item in self.items():
            if isinstance(item, Exchange):
                yield item

    def associations(self) -> Iterator[Association]:
        for item in self.items():
            if isinstance(item, Association):
                yield item

    def evidence(self, seq: int) -> Evidence:
        """One exchange or association by its number; KeyError when the record has none of that number."""
        with self.path.open("rb") as file:
            file.seek(self._offsets[seq])
            return evidence_from(json.loads(file.readline()), self.folder)

    def exchange(self, seq: int) -> Exchange:
        """One exchange by its number; KeyError when the record has no exchange of that number."""
        found = self.evidence(seq)
        if not isinstance(found, Exchange):
            raise KeyError(seq)
        return found

    def has(self, seq: int) -> bool:
        return seq in self._offsets


def read(path: Path) -> Run:
    """Read a record; RecordError when it is cut, contradicts itself, or is no record at all."""
    path = path / NAME if path.is_dir() else path
    if not path.is_file():
        raise RecordError(f"{path} does not exist; give a run.ndjson or the folder that holds one.")
    header: Mapping[str, Any] | None = None
    run: Run | None = None
    last: Mapping[str, Any] = {}
    for line, offset in _lines(path):
        if header is None:
            header = _header(line, path)
            run = Run(path, header, {})
            continue
        assert run is not None
        last = line
        _take(run, line, offset)
    if run is None:
        raise RecordError(f"{path} is empty, so it is no record of a run.")
    if last.get("kind") != "end":
        raise RecordError(f"{path} has no end: the run was cut off, so it is not a result. Run it again.")
    run.end = last
    _check(run)
    return run


def _header(line: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    if line.get("kind") != "run":
        raise RecordError(f"{path} does not begin with a run line, so it is no record of a run.")
    if line.get("format") != FORMAT:
        raise RecordError(f"{path} has format {line.get('format')!r}; this version reads format {FORMAT}.")
    return line


def _take(run: Run, line: Mapping[str, Any], offset: int) -> None:
    try:
        _taken(run, line, offset)
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"{run.path}: a {line['kind']} line lacks or misuses {error}.") from None


def _taken(run: Run, line: Mapping[str, Any], offset: int) -> None:
    kind = line["kind"]
    if kind in EVIDENCE:
        if line["seq"] in run._offsets:
            raise RecordError(f"{run.path} holds {kind} {line['seq']} twice.")
        run._offsets[line["seq"]] = offset
    elif kind == "verdict":
        run.verdicts.append(Verdict.from_json(line))
    elif kind == "note":
        run.notes.append(line)


def _check(run: Run) -> None:
    seen: set[str] = set()
    for verdict in run.verdicts:
        if verdict.rule in seen:
            raise RecordError(f"{run.path} holds two verdicts of rule {verdict.rule}.")
        seen.add(verdict.rule)
        for finding in verdict.findings:
            if finding.seq and not run.has(finding.seq):
                raise RecordError(f"{run.path}: {verdict.rule} names exchange {finding.seq}, which is not there.")


def _lines(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    with path.open("rb") as file:
        offset = 0
        for number, raw in enumerate(file, 1):
            try:
                line = json.loads(raw)
            except ValueError as error:
                raise RecordError(f"{path}, line {number}, is no JSON: {error}.") from None
            if not isinstance(line, dict) or not isinstance(line.get("kind"), str):
                raise RecordError(f"{path}, line {number}, has no kind.")
            yield line, offset
            offset += len(raw)


def evidence_from(line: Mapping[str, Any], folder: Path) -> Evidence:
    """The exchange or association of a record line; its octets stay in the blobs beside the record."""
    if line["kind"] == "exchange":
        return exchange_from(line, folder)
    return association_from(line, partial(_body_from, blobs=Blobs(folder / BLOBS)))


def exchange_from(line: Mapping[str, Any], folder: Path) -> Exchange:
    """The exchange of a record line; its bodies stay in the blobs beside the record."""
    blobs = Blobs(folder / BLOBS)
    ask, answer = line["ask"], line["answer"]
    fault = answer.get("fault")
    return Exchange(
        seq=line["seq"],
        probe=line["probe"],
        journey=line.get("journey", ""),
        step=line.get("step", ""),
        ask=Ask(
            method=ask["method"],
            target=ask["target"],
            base=ask["base"],
            version=ask["version"],
            headers=Headers(tuple((n, v) for n, v in ask["headers"])),
            body=_body_from(ask["body"], blobs),
        ),
        answer=Answer(
            status=answer["status"],
            reason=answer["reason"],
            version=answer["version"],
            headers=Headers(tuple((n, v) for n, v in answer["headers"])),
            head=answer["head"].encode("latin-1"),
            body=_body_from(answer["body"], blobs),
            fault=Fault(fault["kind"], fault["detail"]) if fault else None,
        ),
        expected=line.get("expected"),
        facts=line.get("facts", {}),
        elapsed_ms=line["elapsed_ms"],
        judged=frozenset(line.get("judged", ANSWERED)),
    )


def _body_from(line: Mapping[str, Any], blobs: Blobs) -> Body:
    if not line["size"]:
        return Body.of(b"", truncated=True) if line.get("truncated") else EMPTY
    path = blobs.path(line["sha256"])
    if not path.is_file():
        raise RecordError(f"the body {line['sha256']} is not among the blobs in {blobs.folder}.")
    return Body.file(path, line["size"], line.get("truncated", False), line["sha256"])
