"""`dicomproof watch`: right products are not blamed, each broken one is, and what is no HTTP passes and is found."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from pynetdicom.ae import ApplicationEntity as AE

from dicomproof import watch as watching
from dicomproof.cli import guarded
from dicomproof.rejudge import rejudge
from dicomproof.run import Options as CheckOptions
from dicomproof.run import Result, UsageError, check
from dicomproof.watch import Events, Options
from harness import record
from harness.association import Association
from harness.exchange import Answer, Ask, Exchange
from harness.make.corpus import corpus
from harness.target import parse
from harness.verdict import Exit, Outcome, Verdict
from reports import write_all
from simulators.archive.archive import Archive
from simulators.dimse.serve import Setup
from simulators.dimse.serve import serve as serve_dimse
from simulators.serve import serve

RED = (Outcome.FAIL, Outcome.WARN, Outcome.ERROR)
JSON = {"Accept": "application/dicom+json"}
TYPE = 'multipart/related; type="application/dicom"'
PART = b"--XYZ\r\nContent-Type: application/dicom\r\nContent-Length: %d\r\n\r\n%s\r\n--XYZ--\r\n"
SAMPLES = corpus(1, "WATCH")[:5]
Act = Callable[[str], object]
Mutate = Callable[[Ask, Callable[[Ask], Answer]], Answer]


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    made = Archive(tmp_path / "data")
    with contextlib.closing(made):
        yield made


def watched(options: Options, act: Callable[[list[str]], object]) -> Result:
    """Watch while `act` speaks to the places where we stand; what it came to."""
    over = threading.Event()
    failed: list[BaseException] = []

    def serving(places: list[str]) -> None:
        def work() -> None:
            try:
                act(places)
            except BaseException as error:
                failed.append(error)
            over.set()

        threading.Thread(target=work, daemon=True).start()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watching, "until", lambda *_: "" if over.wait(60) else "too slow")
        result = watching.watch(options, Events(serving=lambda places: serving(list(places))))
    if failed:
        raise failed[0]
    return result


@pytest.fixture
def between(archive: Archive, tmp_path: Path) -> Callable[..., Result]:
    """Watch a client and the simulator."""

    def run(act: Act, mutate: Mutate | None = None, **options: object) -> Result:
        with serve(archive, mutate=mutate) as served:
            made = Options(tmp_path / "out", served.url, "127.0.0.1:0", **options)  # type: ignore[arg-type]
            return watched(made, lambda places: act(places[0]))

    return run


def use(base: str) -> None:
    """What a right client does: store, search, and retrieve at the URLs that it was told."""
    with httpx.Client(timeout=30) as client:
        for sample in SAMPLES:
            content = PART % (len(sample.part10), sample.part10)
            headers = {"Content-Type": f"{TYPE}; boundary=XYZ", **JSON}
            assert client.post(f"{base}/studies", content=content, headers=headers).status_code == 200
        for row in client.get(f"{base}/studies", headers=JSON).json():
            url = row["00081190"]["Value"][0]
            assert url.startswith(base)
            assert client.get(f"{url}/metadata", headers=JSON).status_code == 200
            assert client.get(url, headers={"Accept": TYPE}).status_code == 200
        assert client.get(f"{base}/studies/1.2.3/metadata", headers=JSON).status_code == 404


def red(result: Result) -> dict[str, Verdict]:
    return {v.rule: v for v in result.verdicts if v.outcome in RED}


def passed(result: Result) -> set[str]:
    return {v.rule for v in result.verdicts if v.outcome is Outcome.PASS}


def exchanges(result: Result) -> list[Exchange]:
    assert result.out
    return [x for x in record.read(result.out).items() if isinstance(x, Exchange)]


def test_a_right_server_and_a_right_client_are_not_blamed(between: Callable[..., Result], tmp_path: Path) -> None:
    result = between(use)
    assert red(result) == {}
    assert result.code is Exit.CONFORMS
    assert {"store.every-instance-once", "http.content-length-is-size", "client.store-type",
            "retrieve.instance-is-what-was-stored"} <= passed(result)  # fmt: skip
    assert [x.seq for x in exchanges(result)] == list(range(1, 10))
    assert {x.judged for x in exchanges(result)} == {frozenset({"origin-server", "user-agent"})}
    assert result.out
    write_all(result.out)
    again = rejudge(result.out, tmp_path / "again", "", "")
    assert {v.rule: v.outcome for v in again.verdicts} == {v.rule: v.outcome for v in result.verdicts}


def test_a_broken_server_is_blamed(between: Callable[..., Result]) -> None:
    def lower(ask: Ask, door: Callable[[Ask], Answer]) -> Answer:
        answer = door(ask)
        return answer.but(body=answer.body.bytes().replace(b'"0020000D"', b'"0020000d"')) if answer.json else answer

    def search(base: str) -> None:
        use_store(base)
        httpx.get(f"{base}/studies", headers={**JSON, "Accept-Encoding": "identity"})

    result = between(search, lower)
    assert "json.tag-names" in red(result)
    assert result.code is Exit.NONCONFORMITY


def use_store(base: str) -> None:
    content = PART % (len(SAMPLES[0].part10), SAMPLES[0].part10)
    httpx.post(f"{base}/studies", content=content, headers={"Content-Type": f"{TYPE}; boundary=XYZ", **JSON})


def test_a_server_that_tells_its_own_name_is_not_blamed(archive: Archive, tmp_path: Path) -> None:
    """Behind us it has two names, and either is right; a third one is not."""
    names = ["own", "inner.example"]

    def mutate(ask: Ask, door: Callable[[Ask], Answer]) -> Answer:
        host = (ask.headers.get("host") or "").encode()
        answer = door(ask.but(headers=ask.headers.but("accept-encoding", None)))
        return answer.but(body=answer.body.bytes().replace(b"//" + host, b"//" + names[0].encode()))

    def act(places: list[str]) -> None:
        use_store(places[0])
        httpx.get(f"{places[0]}/studies", headers=JSON)

    with serve(archive, mutate=mutate) as served:
        names[0] = served.url.split("/")[2]
        assert red(watched(Options(tmp_path / "out", served.url, "127.0.0.1:0"), act)) == {}
        names.pop(0)
        found = red(watched(Options(tmp_path / "out", served.url, "127.0.0.1:0"), act))
    assert {"http.urls-name-the-host-asked", "search.retrieve-url-own", "store.urls-name-this-service"} <= set(found)


def test_a_broken_client_is_blamed_and_the_server_is_not(between: Callable[..., Result]) -> None:
    result = between(lambda base: httpx.get(f"{base}/studies/1.2.03/metadata", headers=JSON))
    assert "client.uids-in-path" in red(result)
    assert {v.who for v in red(result).values()} == {"user-agent"}


def test_what_is_no_http_passes_and_is_a_finding(between: Callable[..., Result]) -> None:
    """Octets of another protocol reach the server, its answer comes back, and the client is blamed."""
    said = []

    def speak(base: str) -> None:
        host, _, port = base.split("/")[2].partition(":")
        with socket.create_connection((host, int(port)), 20) as connection:
            connection.sendall(b"\x01\x00\x00\x00\x00\xcd\x00\x01\x00\x00 no http\r\n\r\n")
            said.append(connection.recv(100))

    result = between(speak)
    assert said[0].startswith(b"HTTP/1.1 400")
    assert {v.who for v in red(result).values()} == {"user-agent"}
    assert "client.speaks-http" in red(result)
    (x,) = exchanges(result)
    assert b"no http" in x.ask.body.bytes()
    assert x.answer.status == 400


def test_a_server_that_speaks_no_http_is_a_finding(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")

        def act(places: list[str]) -> None:
            with pytest.raises(httpx.HTTPError):
                httpx.get(f"{places[0]}/studies", headers=JSON, timeout=20)

        threading.Thread(target=speak, daemon=True).start()
        port = server.getsockname()[1]
        result = watched(Options(tmp_path / "out", f"http://127.0.0.1:{port}/dicomweb", "127.0.0.1:0"), act)
    assert set(red(result)) == {"http.always-answers"}
    assert "SSH-2.0" in red(result)["http.always-answers"].findings[0].got


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    def act(places: list[str]) -> None:
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{places[0]}/studies", timeout=20)

    result = watched(Options(tmp_path / "out", f"http://127.0.0.1:{port}/dicomweb", "127.0.0.1:0"), act)
    assert result.code is Exit.UNREACHABLE
    assert "could not be reached" in result.said
    assert result.out
    assert "could not be reached" in record.read(result.out).notes[0]["text"]


def test_nobody_came(between: Callable[..., Result]) -> None:
    result = between(lambda base: None)
    assert result.code is Exit.UNREACHABLE
    assert "Nobody came by" in result.said


def test_what_is_no_service_is_passed_on_and_not_recorded(between: Callable[..., Result]) -> None:
    def act(base: str) -> None:
        assert httpx.get(f"{base.removesuffix('/dicomweb')}/index.html").status_code == 404
        preflight = {"Access-Control-Request-Method": "GET", "Origin": "http://viewer.example"}
        httpx.options(f"{base}/studies", headers=preflight)
        httpx.get(f"{base}/studies", headers=JSON)

    result = between(act)
    assert [x.kind for x in exchanges(result)] == ["web.search.studies"]
    assert "2 requests asked for something else" in result.said


def test_the_base_is_found_when_nobody_tells_it(archive: Archive, tmp_path: Path) -> None:
    def act(places: list[str]) -> None:
        httpx.get(f"{places[0]}/dicomweb/studies", headers=JSON)

    with serve(archive) as served:
        result = watched(Options(tmp_path / "out", served.url.removesuffix("/dicomweb"), "127.0.0.1:0"), act)
    (x,) = exchanges(result)
    assert x.ask.base.endswith("/dicomweb")
    assert x.kind == "web.search.studies"


def test_credentials_are_masked(between: Callable[..., Result]) -> None:
    result = between(lambda base: httpx.get(f"{base}/studies", headers={**JSON, "Authorization": "Bearer s3cret"}))
    assert result.out
    assert b"s3cret" not in (result.out / "run.ndjson").read_bytes()


def test_many_clients_at_once(between: Callable[..., Result]) -> None:
    def act(base: str) -> None:
        use_store(base)
        threads = [
            threading.Thread(target=httpx.get, args=(f"{base}/studies",), kwargs={"headers": JSON}) for _ in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    result = between(act)
    assert len(exchanges(result)) == 13
    assert red(result) == {}


def test_an_association_is_judged_on_both_sides(archive: Archive, tmp_path: Path) -> None:
    def act(places: list[str]) -> None:
        called, _, place = places[0].partition("@")
        echo(called, int(place.rpartition(":")[2]))

    with serve_dimse(archive, "PACS", "127.0.0.1", 0, Setup()) as served:
        options = Options(tmp_path / "out", dimse=served.entity, listen_dimse="127.0.0.1:0")
        result = watched(options, act)
    assert red(result) == {}
    assert result.out
    (a,) = list(record.read(result.out).items())
    assert isinstance(a, Association)
    assert a.judged == {"requestor", "acceptor"}
    assert [o.request.name for o in a.operations] == ["C-ECHO-RQ"]


def test_both_doors_in_one_run(archive: Archive, tmp_path: Path) -> None:
    def act(places: list[str]) -> None:
        assert httpx.get(f"{places[0]}/studies", headers=JSON).status_code == 204
        title, _, place = places[1].partition("@")
        echo(title, int(place.rpartition(":")[2]))

    with serve(archive) as served, serve_dimse(archive, "PACS", "127.0.0.1", 0, Setup()) as other:
        result = watched(
            Options(tmp_path / "out", served.url, "127.0.0.1:0", dimse=other.entity, listen_dimse="127.0.0.1:0"), act
        )
    assert red(result) == {}
    assert result.out
    assert {x.kind.split(".")[0] for x in record.read(result.out).items() if not isinstance(x, str)} == {"web", "dimse"}


def test_tls_before_the_dimse_door_is_no_broken_association(archive: Archive, tmp_path: Path) -> None:
    def act(places: list[str]) -> None:
        host, _, port = places[0].partition("@")[2].partition(":")
        with socket.create_connection((host, int(port)), 20) as connection:
            connection.sendall(b"\x16\x03\x01\x00\x05hello")

    with serve_dimse(archive, "PACS", "127.0.0.1", 0, Setup()) as served:
        result = watched(Options(tmp_path / "out", dimse=served.entity, listen_dimse="127.0.0.1:0"), act)
    assert result.code is Exit.UNREACHABLE
    assert result.out
    assert "TLS" in record.read(result.out).notes[0]["text"]


def echo(title: str, port: int) -> None:
    """What a right SCU of somebody else does."""
    entity = AE("ECHOSCU")
    entity.add_requested_context("1.2.840.10008.1.1")
    association = entity.associate("127.0.0.1", port, ae_title=title)
    assert association.send_c_echo().Status == 0
    association.release()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "nothing to watch"),
        ({"web": "ftp://a"}, "no address of a server"),
        ({"web": "http://user:pw@a/"}, "no address of a server"),
        ({"web": "http://a:99999/"}, "no address of a server"),
        ({"web": "http://a/", "listen": "nowhere"}, "no address"),
        ({"web": "http://a/", "edition": "1993"}, "choose one of"),
        ({"web": "http://a/", "only": "nothing.*"}, "No rule fits"),
        ({"web": "http://a/", "listen": "127.0.0.1:0", "certificate": Path("no.pem")}, "cannot be used"),
        ({"web": "https://a/", "listen": "127.0.0.1:0", "ca": Path("no.pem")}, "no certificates"),
    ],
)
def test_usage(tmp_path: Path, options: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        watching.watch(Options(tmp_path / "out", **options))  # type: ignore[arg-type]


def test_an_address_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UsageError, match="cannot be listened at"):
            watching.watch(Options(tmp_path / "out", "http://127.0.0.1:1/", listen))


def test_the_command(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command line, with a client that is a command, and the desk in a process of its own."""
    client = "import sys, httpx; httpx.get(sys.argv[1] + '/studies', headers={'Accept': 'application/dicom+json'})"
    with serve(archive) as served:
        words = ["dicomproof", "watch", "--web", served.url, "--listen", "127.0.0.1:0", "--out", str(tmp_path / "out"),
                 "--", sys.executable, "-c", client, "{base}"]  # fmt: skip
        monkeypatch.setattr(sys, "argv", words)
        assert guarded() == 0
    said = "".join(capsys.readouterr())
    assert "Watching; have the clients speak to http://127.0.0.1:" in said
    assert (tmp_path / "out" / "report.html").exists()


def test_many_odd_questions_blame_no_right_server(between: Callable[..., Result], tmp_path: Path) -> None:
    """A check goes past us: what is right in its eyes is right in ours, though here no probe says what it meant."""

    only = "store.*,search.*,retrieve.*" if os.environ.get("DICOMPROOF_LARGE") else "query.*"

    def act(base: str) -> None:
        asked = check(parse(base), CheckOptions(tmp_path / "check", only, seed=1, examples=1))
        assert {v.rule for v in asked.verdicts if v.outcome in RED} == set()

    result = between(act)
    assert len(exchanges(result)) > 100
    assert {v.rule for v in result.verdicts if v.outcome is Outcome.ERROR} == set()
    blamed = {v.rule: v for v in red(result).values() if v.who != "user-agent"}
    assert {rule for rule, v in blamed.items() if not all(f.where.startswith("request") for f in v.findings)} == set()
