"""`dicomproof read`: folders of good files, and of everything that a folder can hold instead."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import jsonschema
import pytest

import schemas
from dicomproof import cli, read
from dicomproof.matrix import write_files
from dicomproof.rejudge import rejudge
from dicomproof.run import Options as CheckOptions
from dicomproof.run import UsageError, check
from harness import files, record
from harness.files import Found, Unread, Walk, shown, take
from harness.make.corpus import corpus
from harness.make.directory import media_directory
from harness.target import parse
from harness.verdict import Exit, Outcome
from harness.wire import sniff
from reports import write_all
from tests.front.reading import META_END, SAMPLE, Judged, notes, red

# --- good files ---------------------------------------------------------------------------------------------------


def test_a_folder_of_good_files_is_clean_and_the_record_is_whole(tmp_path: Path, judged: Judged) -> None:
    write_files(tmp_path / "in")
    (tmp_path / "in" / "deeper" / "still").mkdir(parents=True)
    for number, sample in enumerate(corpus(2, "READ")[:40]):
        (tmp_path / "in" / "deeper" / "still" / f"{number}").write_bytes(sample.part10)
    result = judged()
    assert {rule: (v.findings, v.why) for rule, v in red(result).items()} == {}
    assert result.code is Exit.CONFORMS
    assert result.said == "45 files read; all judged."
    exercised = {v.rule.split(".")[0] for v in result.verdicts if v.outcome is Outcome.PASS}
    assert {"file", "instance", "json", "xml", "multipart"} <= exercised
    assert not {v.rule for v in result.verdicts if v.rule.startswith(("search.", "store.", "http."))}
    schema = json.loads((Path(schemas.__file__).parent / "run.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    for line in (tmp_path / "out" / record.NAME).read_text(encoding="utf-8").splitlines():
        validator.validate(json.loads(line))


def test_the_record_judged_again_says_the_same(tmp_path: Path, judged: Judged) -> None:
    write_files(tmp_path / "in")
    (tmp_path / "in" / "broken.dcm").write_bytes(SAMPLE[:-10])
    result = judged()
    again = rejudge(tmp_path / "out", tmp_path / "again", "", "")
    assert again.verdicts == result.verdicts
    assert again.code == result.code


def test_several_at_a_time_give_the_same_record(tmp_path: Path, judged: Judged) -> None:
    write_files(tmp_path / "in")
    for number, sample in enumerate(corpus(3, "READ")[:12]):
        (tmp_path / "in" / f"{number:02}.dcm").write_bytes(sample.part10)
    one = [(v.rule, v.outcome, v.samples) for v in judged().verdicts]
    assert [(v.rule, v.outcome, v.samples) for v in judged(jobs=4).verdicts] == one


def test_kinds_are_told_by_content_and_not_by_name(tmp_path: Path, judged: Judged) -> None:
    write_files(tmp_path / "in")
    for path in list((tmp_path / "in").iterdir()):
        path.rename(path.with_name(f"{path.name.replace('.', '-')}-x"))
    assert judged().code is Exit.CONFORMS
    kinds = {x.ask.target: x.kind for x in record.read(tmp_path / "out").exchanges()}
    assert kinds == {
        "DICOMDIR-x": "file.dicom",
        "instance-dcm-x": "file.dicom",
        "instance-json-x": "file.json",
        "instance-xml-x": "file.xml",
        "message-x": "file.multipart",
        "message-x part 1": "file.dicom",
    }


def test_a_single_file_and_several_arguments(tmp_path: Path, judged: Judged) -> None:
    (tmp_path / "one.dcm").write_bytes(SAMPLE)
    assert judged(tmp_path / "one.dcm").said == "1 files read; all judged."
    (tmp_path / "in" / "two.dcm").write_bytes(SAMPLE)
    judged(tmp_path / "one.dcm", tmp_path / "in")
    assert [x.ask.target for x in record.read(tmp_path / "out").exchanges()] == ["one.dcm", "in/two.dcm"]


# --- what is called one thing and is another ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "octets", "rule"),
    [
        ("a.dcm", b"%PDF-1.7\n%...", "file.dicom-is-dicom"),
        ("a.dcm", b"", "file.dicom-is-dicom"),
        ("DICOMDIR", b"nothing", "file.dicom-is-dicom"),
        ("a.json", SAMPLE, "file.json-is-json"),
        ("a.json", b"", "file.json-is-json"),
        ("a.xml", b'[{"00080005": {"vr": "CS"}}]', "file.xml-is-xml"),
        ("DICOMDIR", SAMPLE, "file.dicomdir"),
        ("a.dcm", SAMPLE[META_END:], "instance.is-a-file"),
        ("a", SAMPLE[META_END:], "instance.is-a-file"),
        ("a", SAMPLE[128:], "instance.is-a-file"),
        ("a.dcm", SAMPLE[:-10], "instance.elements"),
        ("a.json", b'{"00080005": {"vr": "CS", "Value": "x"}}', "json.value-is-an-array"),
        ("a.json", b'[{"00080005": ', "json.is-json"),
        ("a.xml", b"<NativeDicomModel>", "xml.is-xml"),
        ("a.xml", b"<svg/>", ""),
        ("message", b"--b\r\nContent-Type: application/dicom\r\n\r\nx\r\n--b", "multipart.closing"),
        ("message", b"--b\r\nContent-Type: application/dicom\r\n\r\nx\r\n--b--", "file.dicom-is-dicom"),
    ],
)
def test_a_broken_file_is_a_finding(tmp_path: Path, judged: Judged, name: str, octets: bytes, rule: str) -> None:
    (tmp_path / "in" / name).write_bytes(octets)
    result = judged()
    assert result.code is Exit.NONCONFORMITY, result.said
    assert rule in red(result) or not rule, red(result).keys()
    assert not [v for v in result.verdicts if v.outcome is Outcome.ERROR]


def test_a_dicomdir_is_judged_as_one(tmp_path: Path, judged: Judged) -> None:
    (tmp_path / "in" / "DICOMDIR").write_bytes(media_directory(1))
    result = judged()
    assert red(result) == {}
    assert next(v for v in result.verdicts if v.rule == "file.dicomdir").outcome is Outcome.PASS


def test_a_captured_message_tells_its_type_and_a_bare_one_is_not_asked_for_it(tmp_path: Path, judged: Judged) -> None:
    body = b"--b\r\nContent-Type: application/dicom\r\nContent-Length: %d\r\n\r\n" % len(SAMPLE) + SAMPLE + b"\r\n--b--"
    (tmp_path / "in" / "bare").write_bytes(body)
    result = judged()
    assert red(result) == {}
    for line in (b"HTTP/1.1 200 OK\r\n", b"POST /studies HTTP/1.1\r\n", b""):
        (tmp_path / "in" / "bare").write_bytes(line + b"Content-Type: multipart/related; boundary=b\r\n\r\n" + body)
        assert set(red(judged())) == {"multipart.type-parameter"}


def test_a_chunked_capture_is_left_with_advice(tmp_path: Path, judged: Judged) -> None:
    head = b"Content-Type: multipart/related; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n"
    (tmp_path / "in" / "raw").write_bytes(head + b"4\r\n--b\r\n")
    result = judged()
    assert result.code is Exit.UNREACHABLE
    assert "chunked transfer coding" in notes(result)[0]


# --- what is not read, and why --------------------------------------------------------------------------------------


def test_what_is_no_file_is_named_and_never_opened(tmp_path: Path, judged: Judged) -> None:
    folder = tmp_path / "in"
    (folder / "good.dcm").write_bytes(SAMPLE)
    os.mkfifo(folder / "fifo.dcm")
    (folder / "null").symlink_to("/dev/null")
    (folder / "zero.dcm").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(folder)  # the path of a socket is short
        try:
            server.bind("socket")
        finally:
            os.chdir(here)
        result = judged()
    assert result.code is Exit.CONFORMS
    assert result.said == "1 files read; 4 not judged: 1 FIFO, 2 device, 1 socket."
    assert all("is never opened" in text for text in notes(result))


def test_links_are_followed_once(tmp_path: Path, judged: Judged) -> None:
    folder = tmp_path / "in" / "below"
    folder.mkdir()
    (folder / "good.dcm").write_bytes(SAMPLE)
    (folder / "up").symlink_to(tmp_path / "in", target_is_directory=True)
    (folder / "again.dcm").symlink_to("good.dcm")
    (tmp_path / "in" / "self").symlink_to("self")
    (tmp_path / "in" / "dead.dcm").symlink_to("nowhere")
    result = judged()
    assert sorted(notes(result)) == [
        "below/up leads to a folder that was read already.",
        "dead.dcm is a link that leads nowhere.",
        "self is a link that leads in a circle.",
    ]
    assert result.said.startswith("2 files read; 3 not judged")
    assert result.code is Exit.UNREACHABLE


def test_without_rights(tmp_path: Path, judged: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in" / "shut").mkdir()
    (tmp_path / "in" / "secret.dcm").write_bytes(SAMPLE)
    (tmp_path / "in" / "good.dcm").write_bytes(SAMPLE)
    scandir, opened = os.scandir, os.open

    def denied_folder(path: str) -> object:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    def denied_file(path: object, *more: int) -> int:
        if str(path).endswith("secret.dcm"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(files.os, "scandir", denied_folder)
    monkeypatch.setattr(files.os, "open", denied_file)
    result = judged()
    assert sorted(notes(result)) == [
        "secret.dcm cannot be opened: Permission denied.",
        "shut cannot be listed: Permission denied.",
    ]
    assert result.code is Exit.UNREACHABLE


def test_names_that_are_no_utf_8_or_not_printable(tmp_path: Path, judged: Judged) -> None:
    name = os.fsencode(tmp_path / "in") + b"/\xff\xfe\n.dcm"
    Path(os.fsdecode(name)).write_bytes(SAMPLE)
    assert judged().code is Exit.CONFORMS
    assert [x.ask.target for x in record.read(tmp_path / "out").exchanges()] == [r"\xff\xfe\n.dcm"]


def test_a_file_that_vanishes_between_the_walk_and_its_reading(tmp_path: Path) -> None:
    met = take(Found(tmp_path / "gone.dcm", "gone.dcm"), record.Record(tmp_path / "out").blobs)
    assert isinstance(met, Unread)
    assert met.lost
    assert "cannot be opened" in str(met)


def test_a_fifo_that_takes_a_files_place_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.dcm")
    met = take(Found(tmp_path / "a.dcm", "a.dcm"), record.Record(tmp_path / "out").blobs)
    assert isinstance(met, Unread)
    assert met.kind == "changed"


def test_a_file_that_shrinks_or_grows_while_it_is_read(
    tmp_path: Path, judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "in" / "a.dcm"
    path.write_bytes(SAMPLE)
    pread, reads = os.pread, []

    def shrinking(handle: int, size: int, at: int) -> bytes:
        reads.append(at)
        if len(reads) == 2:
            os.truncate(path, 200)
        return pread(handle, size, at)

    monkeypatch.setattr(files.os, "pread", shrinking)
    result = judged()
    assert notes(result) == ["a.dcm changed while it was read."]
    assert red(result) == {}


def test_a_large_file_that_changes_while_it_is_judged(
    tmp_path: Path, judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "KEPT", 1000)
    path = tmp_path / "in" / "a.dcm"
    path.write_bytes(SAMPLE)
    ahead = read._read_ahead

    def cut(x: object) -> Unread | None:
        os.truncate(path, 2000)
        return ahead(x)  # type: ignore[arg-type]

    monkeypatch.setattr(read, "_read_ahead", cut)
    result = judged()
    assert notes(result) == ["a.dcm changed while it was read."]
    assert red(result) == {}


def test_our_own_record_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(SAMPLE)
    for _ in range(2):
        result = read.read([tmp_path], read.Options(tmp_path / "out"))
    assert result.said == "1 files read; 1 not judged: 1 own record."
    assert result.code is Exit.CONFORMS


def test_text_of_another_kind_is_left_alone(tmp_path: Path, judged: Judged) -> None:
    (tmp_path / "in" / "README").write_text("[section]\nkey = 1")
    (tmp_path / "in" / "page").write_text("<html></html>")
    (tmp_path / "in" / "settings").write_text('{"a": 1}')
    result = judged()
    assert result.code is Exit.UNREACHABLE  # nothing was exercised
    assert result.said == "0 files read; 3 not judged: 3 of another kind."


# --- the command line ----------------------------------------------------------------------------------------------


def test_the_report_offers_no_curl_for_a_file(tmp_path: Path, judged: Judged) -> None:
    (tmp_path / "in" / "a.dcm").write_bytes(SAMPLE[:-10])
    result = judged()
    assert result.out is not None
    write_all(result.out)
    page = (result.out / "report.html").read_text(encoding="utf-8")
    assert "a.dcm" in page
    assert "curl -" not in page


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.dcm").write_bytes(b"%PDF-1.4")
    (tmp_path / "in" / "b").write_bytes(b"text")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("sys.argv", ["dicomproof", "read", "in"])
    assert cli.guarded() == 1
    said = " ".join("".join(capsys.readouterr()).split())
    assert "a.dcm, octet 0: got none of these" in said
    assert "again: dicomproof read in --only file.dicom-is-dicom" in said
    assert "1 files read; 1 not judged: 1 of another kind." in said
    for name in ("run.ndjson", "report.html", "junit.xml", "allure"):
        assert (tmp_path / "dicomproof-out" / name).exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere"], "cannot be read"),
        ([".", "--only", "search.*"], "No rule fits"),
        ([".", "--edition", "1993"], "choose one of"),
        ([], "Missing argument"),
    ],
)
def test_usage(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["dicomproof", "read", *words])
    assert cli.guarded() == 2
    assert says in " ".join("".join(capsys.readouterr()).split())


def test_interrupted(tmp_path: Path, judged: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in" / "a.dcm").write_bytes(SAMPLE)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(read._Reading, "_one", interrupted)
    result = judged()
    assert result.code is Exit.INTERRUPTED
    assert record.read(tmp_path / "out").end["reason"] == "interrupted"


def test_a_missing_path_is_a_usage_error(judged: Judged, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        judged(tmp_path / "nothing")


# --- small parts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "claim", "type_"),
    [
        (SAMPLE, "", sniff.DICOM),
        (SAMPLE[META_END:], "", sniff.DICOM),
        (b"\x08\0\x05\0\x0a\0\0\0ISO_IR 100\x08\0\x16\0\x02\0\0\x001\0", "", sniff.DICOM),
        (b"\x08\0\x05\0", "", sniff.OTHER),
        (b"\x08\0 and then text", "", sniff.OTHER),
        (b"\xef\xbb\xbf [ ]", sniff.JSON, sniff.JSON),
        (b"[]", "", sniff.OTHER),
        (b"[section]", sniff.JSON, sniff.OTHER),
        (b"\n<?xml version='1.0'?><NativeDicomModel/>", "", sniff.XML),
        ("<?xml?>".encode("utf-16"), sniff.XML, sniff.XML),
        (b"-- a comment\n\n", "", sniff.OTHER),
        (b"--comment\nlocal a: b = 1", "", sniff.OTHER),
        (b"--b\r\nContent-Type: x/y\r\n", "", sniff.MULTIPART),
        (b"Content-Type: text/plain\r\n\r\n--b\r\n", "", sniff.OTHER),
        (b"", "", sniff.OTHER),
    ],
)
def test_sniffing(octets: bytes, claim: str, type_: str) -> None:
    assert sniff.shown(octets, claim) == type_


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("a/B.DCM", sniff.DICOM),
        ("x/DICOMDIR", sniff.DICOM),
        ("a.json", sniff.JSON),
        ("a.XML", sniff.XML),
        ("a.dcm/b", ""),
    ],
)
def test_claims(name: str, type_: str) -> None:
    assert sniff.claimed(name) == type_


def test_the_walk_goes_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b/2", "b/1", "a", "c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert [met.name for met in Walk([tmp_path])] == ["a", "b/1", "b/2", "c"]


def test_names_for_people() -> None:
    assert shown("a\x1b[31m\u00e9.dcm") == "a\\x1b[31m\u00e9.dcm"


def test_rules_on_files_are_no_part_of_a_check(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No rule fits"):
        check(parse("sim:"), CheckOptions(tmp_path / "out", only="file.*"))
