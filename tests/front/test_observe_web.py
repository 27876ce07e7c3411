"""Clients of the web observed: served, recorded octet for octet, judged; scenarios; what is no HTTP; exit codes."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from jsonschema import Draft202012Validator

from dicomproof.observe import Events, Options, observe
from dicomproof.rejudge import rejudge
from dicomproof.run import Result, UsageError
from harness.entity import parse
from harness.make.corpus import corpus
from harness.make.sample import Sample
from harness.record import Run, read
from harness.verdict import Exit, Outcome

JSON = "application/dicom+json"
_ACCEPT = f"Accept: {JSON}\r\n"
ROOT = Path(__file__).parent.parent.parent
Client = Callable[[str], object]


def samples() -> list[Sample]:
    """Two instances of one study, without compression."""
    first = corpus(0, "OBSTEST")
    return [s for s in first if s.study == first[0].study][:2]


def served(folder: Path, client: Client, **options: object) -> Result:
    """The client is run while we serve, with the Base URI; without a load the archive is empty."""

    def serving(places: Sequence[str], holds: str) -> None:
        client(places[0])

    events = Events(serving=serving)
    made = Options(folder / "out", web="127.0.0.1:0", seconds=0.05, **options)  # type: ignore[arg-type]
    if not made.load:
        made.data = folder / "archive"
    return observe(made, events)


def loaded(folder: Path) -> list[Path]:
    (folder / "mine").mkdir()
    for number, sample in enumerate(samples()):
        (folder / "mine" / f"{number}.dcm").write_bytes(sample.part10)
    (folder / "mine" / "notes.txt").write_text("These are mine.")
    return [folder / "mine"]


def red(result: Result, *outcomes: Outcome) -> set[str]:
    return {v.rule for v in result.verdicts if v.outcome in (outcomes or (Outcome.FAIL, Outcome.ERROR))}


def recorded(result: Result) -> Run:
    assert result.out is not None
    return read(result.out)


def raw(base: str, octets: bytes, wait: bool = True) -> bytes:
    split = urlsplit(base)
    with socket.create_connection((split.hostname or "", split.port or 0), timeout=10) as connection:
        connection.sendall(octets)
        if not wait:
            return b""
        connection.shutdown(socket.SHUT_WR)
        found = b""
        while piece := connection.recv(65536):
            found += piece
        return found


def get(base: str, path: str, **fields: str) -> httpx.Response:
    return httpx.get(f"{base}/{path}", headers={"Accept": JSON, **fields}, timeout=20)


def test_a_right_client_is_told_so(tmp_path: Path) -> None:
    def client(base: str) -> None:
        rows = get(base, "studies?limit=2").json()
        uid = rows[0]["0020000D"]["Value"][0]
        assert get(base, f"studies/{uid}/metadata").status_code == 200

    result = served(tmp_path, client, load=loaded(tmp_path))
    assert (result.code, red(result, Outcome.FAIL, Outcome.WARN, Outcome.ERROR)) == (Exit.CONFORMS, set())
    passed = red(result, Outcome.PASS)
    assert {"client.accept-present", "client.search-options", "client.uids-in-path"} <= passed
    assert not any(v.rule.startswith("search.") for v in result.verdicts)


def test_the_record_holds_both_messages_and_whom_it_judges(tmp_path: Path) -> None:
    result = served(tmp_path, lambda base: get(base, "studies", **{"X-Odd": "as it came"}))
    run = recorded(result)
    (x,) = run.exchanges()
    assert (x.judged, x.journey, x.kind) == (frozenset({"user-agent"}), "web.client#1", "web.search.studies")
    assert ("X-Odd", "as it came") in x.ask.headers.fields
    assert x.answer.status == 204
    assert run.header["mode"] == "serve"
    schema = Draft202012Validator(json.loads((ROOT / "schemas" / "run.schema.json").read_text()))
    lines = [json.loads(line) for line in run.path.read_text().splitlines()]
    assert [error.message for line in lines for error in schema.iter_errors(line)] == []


WRONG: dict[str, tuple[str, Callable[[str], object]]] = {
    "no Accept": ("client.accept-present", lambda base: raw(base, _request(base, "studies"))),
    "a caret": ("client.query-characters", lambda base: raw(base, _request(base, "studies?PatientName=A^B", _ACCEPT))),
    "a key twice": ("client.keys-once", lambda base: get(base, "studies?PatientID=1&00100020=1")),
    "HTTP/1.0": ("client.method-and-version", lambda base: raw(base, _request(base, "studies", _ACCEPT, "1.0"))),
    "a payload": ("client.payload-only-where-defined", lambda base: httpx.request(
        "GET", f"{base}/studies", content=b"{}", headers={"Accept": JSON, "Content-Type": "application/json"})),
    "no closing delimiter": ("multipart.closing", lambda base: httpx.post(
        f"{base}/studies", content=b"--b\r\nContent-Type: application/dicom\r\nContent-Length: 1\r\n\r\nx",
        headers={"Accept": JSON, "Content-Type": 'multipart/related; type="application/dicom"; boundary=b'})),
    "a bare data set": ("instance.is-a-file", lambda base: httpx.post(
        f"{base}/studies",
        content=b"--b\r\nContent-Type: application/dicom\r\n\r\n\x08\x00\x05\x00CS\x00\x00\r\n--b--",
        headers={"Accept": JSON, "Content-Type": 'multipart/related; type="application/dicom"; boundary=b'})),
}  # fmt: skip


def _request(base: str, path: str, fields: str = "", version: str = "1.1") -> bytes:
    split = urlsplit(base)
    head = f"GET {split.path}/{path} HTTP/{version}\r\nHost: {split.netloc}\r\n{fields}Connection: close\r\n\r\n"
    return head.encode()


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_client_is_found_out(tmp_path: Path, name: str) -> None:
    rule, act = WRONG[name]
    result = served(tmp_path, lambda base: act(base))
    assert result.code is Exit.NONCONFORMITY
    assert rule in red(result)


def test_what_is_no_http_is_recorded_and_found(tmp_path: Path) -> None:
    garbage = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello, is this the PACS?\r\n\r\n"

    def client(base: str) -> None:
        raw(base, garbage)
        assert get(base, "studies").status_code == 204

    result = served(tmp_path, client)
    assert "client.speaks-http" in red(result)
    assert [v.rule for v in result.verdicts if v.outcome is Outcome.ERROR] == []
    first, second = sorted(recorded(result).exchanges(), key=lambda x: x.ask.method)
    assert first.ask.method == ""
    assert first.ask.body.bytes().startswith(garbage[:20])
    assert second.ask.method == "GET"


def test_who_hangs_up_in_the_middle_does_not_stop_the_rest(tmp_path: Path) -> None:
    def client(base: str) -> None:
        split = urlsplit(base)
        head = f"POST {split.path}/studies HTTP/1.1\r\nHost: {split.netloc}\r\nAccept: {JSON}\r\n"
        raw(base, f"{head}Content-Type: application/dicom\r\nContent-Length: 1000000\r\n\r\nabc".encode(), wait=False)
        assert get(base, "studies").status_code == 204

    result = served(tmp_path, client)
    assert [v.rule for v in result.verdicts if v.outcome is Outcome.ERROR] == []
    assert any(x.ask.method == "GET" for x in recorded(result).exchanges())


def test_what_is_none_of_our_resources_is_recorded_and_not_judged(tmp_path: Path) -> None:
    def client(base: str) -> None:
        root = base.removesuffix("/dicomweb")
        httpx.post(f"{root}/login", files={"name": b"x"}, headers={"Accept": "text/html"})
        httpx.get(f"{root}/favicon.ico")
        raw(base, _request(base, "studies/1.2/nonsense"))
        get(base, "studies")

    result = served(tmp_path, client)
    judged = {x.ask.target: x.judged for x in recorded(result).exchanges()}
    assert [target for target, who in judged.items() if not who] == ["/login", "/favicon.ico"]
    assert red(result) == set()


def test_who_asks_beside_our_base_uri_is_told_where_it_is(tmp_path: Path) -> None:
    def client(base: str) -> None:
        root = base.removesuffix("/dicomweb")
        assert httpx.get(f"{root}/studies", headers={"Accept": JSON}).status_code == 404
        assert httpx.get(f"{base}/dicomweb/studies", headers={"Accept": JSON}).status_code == 404

    result = served(tmp_path, client)
    assert "1 requests for DICOMweb were not at our Base URI" in result.said
    assert "the first was GET /studies." in result.said
    (found,) = [v for v in result.verdicts if v.rule == "client.targets-as-the-templates"]
    assert (found.outcome, found.found) == (Outcome.WARN, 2)


def test_lines_of_a_head_that_are_not_as_they_have_to_be(tmp_path: Path) -> None:
    def client(base: str) -> None:
        raw(base, _request(base, "studies", _ACCEPT).replace(b"\r\n", b"\n"))
        raw(base, _request(base, "studies", _ACCEPT + "X-Odd\r\n"))

    result = served(tmp_path, client)
    (found,) = [v for v in result.verdicts if v.rule == "client.head-lines"]
    assert found.outcome is Outcome.FAIL
    assert {x.ask.target for x in recorded(result).exchanges()} == {"/dicomweb/studies"}


def test_nobody_came(tmp_path: Path) -> None:
    result = served(tmp_path, lambda base: None)
    assert result.code is Exit.UNREACHABLE
    assert "Nobody asked anything" in result.said


def test_judging_again_gives_the_same_verdicts(tmp_path: Path) -> None:
    result = served(tmp_path, lambda base: [get(base, p) for p in ("studies?limit=x", "series?Modality=CT")])
    assert result.out is not None
    again = {v.rule: v.outcome for v in rejudge(result.out, tmp_path / "again", "", "").verdicts}
    assert {v.rule: again[v.rule] for v in result.verdicts} == {v.rule: v.outcome for v in result.verdicts}


def test_a_command_finds_the_address_in_its_words_and_in_its_environment(tmp_path: Path) -> None:
    script = (
        "import os, sys, urllib.request as u\n"
        "assert os.environ['DICOMPROOF_WEB'] == sys.argv[1]\n"
        "u.urlopen(u.Request(sys.argv[1] + '/studies', headers={'Accept': 'application/dicom+json'}))\n"
    )
    command = [sys.executable, "-c", script, "{base}"]
    result = observe(Options(tmp_path / "out", command=command, web="127.0.0.1:0", data=tmp_path / "archive"))
    assert (result.code, result.said) == (Exit.CONFORMS, "")


def test_both_doors_lead_to_one_archive(tmp_path: Path) -> None:
    places: list[str] = []
    options = Options(tmp_path / "out", parse("PROOF@127.0.0.1:0"), seconds=0.05, web="127.0.0.1:0",
                      data=tmp_path / "archive")  # fmt: skip

    def client(found: Sequence[str], holds: str) -> None:
        places.extend(found)
        get(found[0], "studies")
        split = urlsplit(found[1])
        with socket.create_connection((split.hostname or "", split.port or 0)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            connection.settimeout(5)
            while connection.recv(1024):
                pass

    result = observe(options, Events(serving=client))
    assert [p.partition(":")[0] for p in places] == ["http", "dimse"]
    items = list(recorded(result).items())
    assert {type(item).__name__ for item in items} == {"Exchange", "Association"}
    assert sorted(item.seq for item in items if not isinstance(item, str)) == [1, 2]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "There is nothing to serve"),
        ({"web": "nonsense"}, "is no address"),
        ({"web": "127.0.0.1:0", "scenario": "nonsense"}, "there are busy"),
        ({"entity": parse("A@127.0.0.1:0"), "scenario": "busy"}, "played at the web door"),
        ({"web": "127.0.0.1:0", "only": "search.*"}, "None of these rules binds a client"),
        ({"web": "127.0.0.1:0", "mutants": ["client.accept-present/forgets_accept"]}, "one of clients"),
        ({"web": "127.0.0.1:0", "mutants": ["no.such/mutant"]}, "There is no mutant"),
        ({"web": "127.0.0.1:0", "load": [Path("nowhere")]}, "does not exist"),
        ({"entity": parse("A@127.0.0.1:0"), "mutants": ["search.found-by-uid/finds_nothing"]}, "web side"),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, options: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        observe(Options(tmp_path / "out", seconds=0.05, **options))  # type: ignore[arg-type]


def test_an_address_in_use_and_a_folder_without_dicom_are_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match="Choose another --web"):
            observe(Options(tmp_path / "out", seconds=0.05, web=f"127.0.0.1:{port}", data=tmp_path / "archive"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="could be stored"):
        observe(Options(tmp_path / "out", seconds=0.05, web="127.0.0.1:0", load=[tmp_path / "empty"]))


def test_a_seeded_defect_is_served(tmp_path: Path) -> None:
    def client(base: str) -> None:
        assert get(base, "studies").status_code == 204

    served(tmp_path, client, load=loaded(tmp_path), mutants=["search.found-by-uid/finds_nothing"])


def test_a_scenario_says_what_it_did_and_what_was_asked_again(tmp_path: Path) -> None:
    def client(base: str) -> None:
        assert get(base, "studies").status_code == 503
        assert get(base, "studies").status_code == 204
        assert get(base, "series").headers["retry-after"] == "1"

    result = served(tmp_path, client, scenario="busy")
    assert "2 answers were changed, to 2 questions; 1 of them were asked again" in result.said
    assert "client.waits-as-told" in red(result, Outcome.WARN)


@pytest.mark.parametrize("scenario", ["reset", "cut"])
def test_a_bad_line_breaks_the_first_answer_only(tmp_path: Path, scenario: str) -> None:
    def client(base: str) -> None:
        with pytest.raises(httpx.TransportError):
            get(base, "studies")
        assert len(get(base, "studies").json()) == 1

    result = served(tmp_path, client, load=loaded(tmp_path), scenario=scenario)
    broken, whole = recorded(result).exchanges()
    assert (broken.answer.complete, whole.answer.complete) == (False, True)
    assert red(result, Outcome.FAIL, Outcome.WARN, Outcome.ERROR) == set()


def test_dripping_answers_come_whole(tmp_path: Path) -> None:
    def client(base: str) -> None:
        assert len(get(base, "studies").json()) == 1

    result = served(tmp_path, client, load=loaded(tmp_path), scenario="drip")
    assert result.code is Exit.CONFORMS
