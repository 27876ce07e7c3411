"""`dicomproof read`: files of any size, bombs of every kind, and those that take too long."""

from __future__ import annotations

import gc
import os
import zlib
from pathlib import Path

import pytest

from dicomproof import read
from dicomproof.rejudge import rejudge
from harness import files, record
from harness.exchange import Exchange
from harness.files import Unread
from harness.verdict import Exit
from harness.wire import elements, multipart, part10
from tests.front.reading import META_END, SAMPLE, Judged, notes, red


def test_a_large_file_is_judged_whole_and_kept_in_part(
    tmp_path: Path, judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "KEPT", 1_000)
    monkeypatch.setattr(files, "HEAD", 500)
    (tmp_path / "in" / "large.dcm").write_bytes(SAMPLE + b"\x10\0\x10\0PN\x04\0A^B ")  # an element out of place
    assert "instance.elements" in red(judged())
    (x,) = record.read(tmp_path / "out").exchanges()
    assert x.answer.body.truncated
    assert x.answer.body.size == 500
    assert x.facts["size"] == len(SAMPLE) + 12
    again = rejudge(tmp_path / "out", tmp_path / "again", "", "")
    assert "instance.elements" not in red(again)


def test_ten_sparse_gibibytes(tmp_path: Path, judged: Judged) -> None:
    for name, octets in (("a.dcm", b""), ("b.dcm", SAMPLE), ("c.json", b"[{"), ("d.xml", b"<a>")):
        path = tmp_path / "in" / name
        path.write_bytes(octets)
        os.truncate(path, 10 << 30)
    result = judged()
    assert result.code is Exit.NONCONFORMITY
    assert {x.ask.target: x.answer.body.size for x in record.read(tmp_path / "out").exchanges()} == {
        "a.dcm": 1 << 20,
        "b.dcm": 1 << 20,
    }
    assert [text.split(" ")[0] for text in notes(result)] == ["c.json", "d.xml"]


def deflated(plain: bytes, times: int) -> bytes:
    """A PS3.10 file whose deflated data set unfolds to `plain` repeated."""
    at = SAMPLE.index(b"1.2.840.10008.1.2.1\0")
    head = SAMPLE[: at - 2] + b"\x16\0" + b"1.2.840.10008.1.2.1.99" + SAMPLE[at + 20 : META_END]
    head = head[:140] + (len(head) - 144).to_bytes(4, "little") + head[144:]
    machine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return head + b"".join(machine.compress(plain) for _ in range(times)) + machine.flush()


NESTED = b"\x40\0\x75\x02SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"


@pytest.mark.parametrize(
    ("name", "octets"),
    [
        ("deflate.dcm", deflated(b"\x09\0\x01\x10LO\xf0\xff" + bytes(0xFFF0), 200)),
        ("nested.dcm", SAMPLE[:META_END] + NESTED * 5000),
        ("nested.json", b'[{"00400275":{"vr":"SQ","Value":[{' * 20_000),
        ("marks.json", b"[" + b"{}," * 600_000 + b"{}]"),
        ("nested.xml", b"<NativeDicomModel>" + b'<DicomAttribute tag="00400275" vr="SQ"><Item number="1">' * 20_000),
        ("marks.xml", b"<NativeDicomModel>" + b"<a/>" * 1_100_000),
        ("entities.xml", b'<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><NativeDicomModel>&c;'
                         b"</NativeDicomModel>"),
        ("parts", b"--b\r\n\r\n\r\n" * 5_000),
    ],
)  # fmt: skip
def test_a_bomb_is_a_finding_or_a_note(
    tmp_path: Path, judged: Judged, monkeypatch: pytest.MonkeyPatch, name: str, octets: bytes
) -> None:
    monkeypatch.setattr(multipart, "MOST_PARTS", 1_000)
    monkeypatch.setattr(elements, "MOST", 100_000)
    monkeypatch.setattr(part10, "UNFOLDED", 8 << 20)
    (tmp_path / "in" / name).write_bytes(octets)
    result = judged()
    assert result.code in (Exit.NONCONFORMITY, Exit.UNREACHABLE)
    assert "xml" in name or "json" in name or "judged in part" in notes(result)[0]
    assert red(result) or notes(result)
    assert notes(result, "error") == []


def test_a_part_that_is_too_large_is_noted(tmp_path: Path, judged: Judged) -> None:
    text = b"[" + b"{}," * 600_000 + b"{}]"
    head = b"--b\r\nContent-Type: application/dicom+json\r\nContent-Length: %d\r\n\r\n" % len(text)
    (tmp_path / "in" / "message").write_bytes(head + text + b"\r\n--b--\r\n")
    assert notes(judged())[0].startswith("message part 1 is not judged: it has 1")


def test_many_small_bombs_take_no_more_memory_than_one(
    tmp_path: Path, judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the readers remember of a file is forgotten before the next one."""
    for number in range(6):
        (tmp_path / "in" / f"{number}.dcm").write_bytes(
            deflated(b"\x09\0\x01\x10LO\xf0\xff" + bytes(0xFFF0), 60 + number)
        )
    held: list[int] = []
    ahead = read._read_ahead

    def counted(x: Exchange) -> Unread | None:
        found = ahead(x)
        alive = [o for o in gc.get_objects() if isinstance(o, part10.Reading)]
        held.append(len(alive))
        return found

    monkeypatch.setattr(read, "_read_ahead", counted)
    judged()
    assert max(held) - min(held) <= 1, held


def test_a_file_that_takes_too_long_is_recorded_and_not_judged(
    tmp_path: Path, judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in" / "a.dcm").write_bytes(SAMPLE[:-10])
    monkeypatch.setattr(read, "BUDGET", 0.0)
    result = judged()
    assert red(result) == {}
    assert "took more than 0 s" in notes(result)[0]
    assert record.read(tmp_path / "out").end["exchanges"] == 1
