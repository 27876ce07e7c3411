"""The record: what is written is read back the same, validates, hides secrets, and refuses to be half a result."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import schemas
from harness.blobs import IN_MEMORY, Blobs, DiskError
from harness.body import Body, BodyTooLarge
from harness.exchange import Answer, Ask, Exchange, Fault, Headers
from harness.record import NAME, Record, RecordError, read
from harness.rule import Finding
from harness.secrets import Secrets
from harness.verdict import Outcome, Verdict, Waiver

SCHEMA = json.loads((Path(schemas.__file__).parent / "run.schema.json").read_text())
HEADER = {
    "tool": {"name": "dicomproof", "version": "0"},
    "mode": "ask",
    "started": "2026-01-01T00:00:00+00:00",
    "edition": "2024e",
    "policies": {},
    "target": {"word": "sim:", "base": "http://h/dw"},
    "waivers": [],
    "seed": 0,
    "nonce": "N",
    "examples": 1,
    "only": "",
    "read_only": False,
    "command": "dicomproof check sim:",
    "catalogue": "0" * 64,
}


def exchange(seq: int = 1, body: bytes = b"answer", **more) -> Exchange:
    ask = Ask(
        "GET", "/dw/studies?a=b", "http://h/dw", Headers.of([("Host", "h"), ("authorization", "Bearer abcdefgh")])
    )
    answer = Answer(200, "OK", Headers.of([("content-type", "text/plain"), ("X", "1"), ("x", "2")]), Body.of(body),
                    head=b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nX: 1\r\nx: 2\r\n\r\n")  # fmt: skip
    return Exchange(seq, ask, answer, probe="p", **more)


def verdict(**more) -> Verdict:
    found = {"outcome": Outcome.FAIL, "findings": (Finding("g", "w", "p", seq=1),), "found": 1}
    return Verdict(more.pop("rule", "a.b"), "c", "SHALL", "both", "standard", "http", "s", **{**found, **more})


def written(folder: Path, *items: Exchange | Verdict, end: bool = True, secrets: Secrets | None = None) -> Path:
    record = Record(folder, secrets)
    record.run(**HEADER)
    for item in items:
        record.exchange(item) if isinstance(item, Exchange) else record.verdict(item)
    if end:
        record.end("complete", {"pass": 1})
    else:
        record.close()
    return folder / NAME


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    first = exchange(journey="web.search.paging#1", step="page", expected={"keys": [["1.2"]]}, facts={"k": 1})
    broken = dataclasses.replace(exchange(2).answer, status=0, fault=Fault("reset", "gone"), body=Body.of(b"", True))
    second = exchange(2).but(answer=broken)
    run = read(written(tmp_path, first, second, verdict()))
    back = list(run.exchanges())
    assert [x.seq for x in back] == [1, 2]
    assert back[0].answer.body.bytes() == b"answer"
    assert back[0].answer.headers == first.answer.headers
    assert back[0].answer.head == first.answer.head
    assert (back[0].journey, back[0].step, back[0].expected) == (first.journey, first.step, first.expected)
    assert back[1].answer.fault == Fault("reset", "gone")
    assert run.exchange(2).ask.target == "/dw/studies?a=b"
    assert run.verdicts == [verdict()]


def test_every_line_fits_the_schema(tmp_path: Path) -> None:
    import datetime

    waived = verdict(rule="c.d", outcome=Outcome.WAIVED, waiver=Waiver("c.d", "r", "o", datetime.date(2026, 1, 1)))
    cut = exchange(2).but(answer=Answer(fault=Fault("timeout", "late"), body=Body.of(b"x", True)))
    path = written(tmp_path, exchange(), cut, verdict(), waived)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        validator.validate(line)
    assert [line["kind"] for line in lines] == ["run", "exchange", "exchange", "verdict", "verdict", "end"]


def test_the_same_run_gives_the_same_octets(tmp_path: Path) -> None:
    one = written(tmp_path / "one", exchange(), verdict())
    two = written(tmp_path / "two", exchange(), verdict())
    assert one.read_bytes() == two.read_bytes()


def test_a_record_without_end_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no end"):
        read(written(tmp_path, exchange(), end=False))


def test_what_is_no_record_is_refused_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="does not exist"):
        read(tmp_path / "nothing.ndjson")
    for text, why in (("", "empty"), ("{}\n", "no kind"), ("{\n", "no JSON"), ('{"kind":"end"}\n', "begin with a run")):
        path = tmp_path / "bad.ndjson"
        path.write_text(text)
        with pytest.raises(RecordError, match=why):
            read(path)


def test_contradictions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="twice"):
        read(written(tmp_path / "a", exchange(1), exchange(1)))
    with pytest.raises(RecordError, match="two verdicts"):
        read(written(tmp_path / "b", exchange(1), verdict(), verdict()))
    with pytest.raises(RecordError, match="names exchange 9"):
        read(written(tmp_path / "c", exchange(1), verdict(findings=(Finding("g", "w", "p", seq=9),))))


def test_a_line_without_what_it_needs_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, exchange(), end=False)
    with path.open("a") as file:
        file.write('{"kind":"verdict","rule":"a.b"}\n{"kind":"end"}\n')
    with pytest.raises(RecordError, match="verdict line lacks"):
        read(path)


def test_a_missing_blob_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, exchange())
    for blob in (tmp_path / "blobs").rglob("*"):
        if blob.is_file():
            blob.unlink()
    with pytest.raises(RecordError, match="not among the blobs"):
        list(read(path).exchanges())


def test_credentials_are_never_written(tmp_path: Path) -> None:
    secret = "s3cret-value"
    x = exchange(body=b"echo " + secret.encode() + b" echo")
    x = x.but(ask=x.ask.but(target=f"/dw/studies?key={secret}"))
    leaking = verdict(findings=(Finding(f"got {secret}", "w", "p", seq=1),))
    written(tmp_path, x, leaking, secrets=Secrets.of([secret]))
    for path in tmp_path.rglob("*"):
        if path.is_file():
            octets = path.read_bytes()
            assert secret.encode() not in octets, path
            assert b"abcdefgh" not in octets, path
    back = next(read(tmp_path / NAME).exchanges())
    assert back.answer.body.size == x.answer.body.size  # masked, not cut
    assert back.ask.headers.get("authorization") == "Bearer ********"


def test_a_large_body_with_a_secret_leaves_no_copy(tmp_path: Path) -> None:
    record = Record(tmp_path, Secrets.of(["s3cret-value"]))
    spool = record.blobs.spool()
    spool.write(b"." * IN_MEMORY + b"s3cret-value" + b"." * IN_MEMORY)
    x = exchange().but(answer=dataclasses.replace(exchange().answer, body=spool.finish()))
    kept = record.exchange(x)
    record.close()
    assert kept.answer.body.size == x.answer.body.size
    assert not any(b"s3cret-value" in p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())


@given(before=st.integers(0, 3 << 20), secret=st.text("abcdefgh", min_size=4, max_size=40))
def test_secrets_are_found_across_chunk_borders(
    tmp_path_factory: pytest.TempPathFactory, before: int, secret: str
) -> None:
    blobs = Blobs(tmp_path_factory.mktemp("blobs"))
    body = Body.of(b"." * before + secret.encode() + b".....")
    masked = Secrets.of([secret]).body(body, blobs)
    assert masked.size == body.size
    assert b"".join(masked.chunks()) == b"." * before + b"*" * len(secret) + b"....."


@pytest.mark.parametrize("size", [0, 1, 4096, 4097, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY])
def test_spooled_bodies_are_the_same_in_memory_and_on_disk(tmp_path: Path, size: int) -> None:
    blobs = Blobs(tmp_path)
    data = (b"0123456789" * (size // 10 + 1))[:size]
    spool = blobs.spool()
    for at in range(0, size, 70_000):
        spool.write(data[at : at + 70_000])
    body = spool.finish()
    assert body.same(Body.of(data))
    assert blobs.keep(body).bytes() == data
    assert body.slice(size // 2, size).bytes() == data[size // 2 :]


def test_bodies_are_not_handed_out_whole_when_they_are_huge(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(200 << 20)
    body = Body.file(path)
    with pytest.raises(BodyTooLarge):
        body.bytes()
    assert body.read(100 << 20, 3) == b"\0\0\0"


def test_a_folder_that_cannot_be_written_is_our_disk_not_the_peer(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    spool = Blobs(tmp_path / "file").spool()
    with pytest.raises(DiskError):
        spool.write(b"x" * (IN_MEMORY + 1))
