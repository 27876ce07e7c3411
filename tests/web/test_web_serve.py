"""The door on a real socket: framing, doors, relay, controls, oracle, memory."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from harness.exchange import Ask, Headers
from simulators import controls
from simulators.line import LIMIT, listening
from simulators.oracle import Oracle
from simulators.relay import Trouble, relay
from simulators.serve import running, serve
from tests.web.door import JSON, form, make, octets

REPOSITORY = Path(__file__).parent.parent.parent
INSTANCE = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1"


@contextmanager
def client(url: str, timeout: float = 10):
    with httpx.Client(base_url=url, timeout=timeout, trust_env=False) as made:
        yield made


def exchange(served, request: bytes, seconds: float = 5) -> bytes:
    """Everything the server sends on one connection until it closes or is silent."""
    with socket.create_connection((served.host, served.port), timeout=seconds) as connection:
        connection.sendall(request)
        received = b""
        try:
            while chunk := connection.recv(1 << 16):
                received += chunk
        except (TimeoutError, ConnectionResetError):
            pass
        return received


@pytest.mark.parametrize("chunked", [False, True])
def test_store_and_retrieve_over_a_socket(archive, chunked) -> None:
    type, body = form(octets(make()))
    with serve(archive) as served, client(served.url) as session:
        content = iter([body[i : i + 100] for i in range(0, len(body), 100)]) if chunked else body
        answer = session.post("/studies", content=content, headers={"content-type": type, "accept": JSON})
        assert answer.status_code == 200, answer.text
        assert session.get(INSTANCE, headers={"accept": "application/dicom"}).content == octets(make())
        assert (
            session.get("/studies", headers={"accept": JSON}).json()[0]["00081190"]["Value"][0].startswith(served.url)
        )
        empty = session.get("/studies?PatientID=none", headers={"accept": JSON})
        assert empty.status_code == 204
        assert not {"content-length", "transfer-encoding", "server"} & set(empty.headers)
        assert session.head(INSTANCE).headers["content-length"]


def test_an_answer_of_unknown_length_is_framed_in_chunks(two_studies) -> None:
    with serve(two_studies) as served, client(served.url) as session:
        accept = {"accept": 'multipart/related; type="application/dicom+xml"'}
        answer = session.get("/studies/1.2.1/metadata", headers=accept)
        assert answer.headers["transfer-encoding"] == "chunked"
        assert "content-length" not in answer.headers


@pytest.mark.parametrize(
    "request_",
    [
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nbroken header\r\n\r\n",
        b"POST /dicomweb/studies HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nContent-Type: x\r\nContent-Length: abc\r\n\r\n",
        b"POST /dicomweb/studies HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"GET /dicomweb/studies/%FF%00 HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nConnection: close\r\n\r\n",
    ],
)
def test_malformed_requests_get_a_4xx_and_the_server_goes_on(archive, request_) -> None:
    with serve(archive) as served:
        assert exchange(served, request_).startswith(b"HTTP/1.1 4")
        with client(served.url) as session:
            assert session.get("/studies", headers={"accept": JSON}).status_code == 204


@pytest.mark.parametrize(
    "fields",
    [b"", b"Host: a.example\r\nHost: b.example\r\n", b"Host: a.example\r\nHost: a.example\r\n",
     b"Host: a.example, b.example\r\n", b"Host: x y\r\n", b"Host: x\"y<z\r\n", b"Host: http://a.example\r\n",
     b"Host: a.example/dicomweb\r\n", b"Host: a.example:port\r\n", b"Host:\r\n", b"Host: [::1\r\n"],
)  # fmt: skip
def test_a_request_that_names_no_host_or_two_is_refused(archive, fields) -> None:
    """RFC 9112 3.2: 400 without a Host field, with more than one, and with one that is no host."""
    request = b"GET /dicomweb/studies HTTP/1.1\r\n" + fields + b"Accept: application/json\r\nConnection: close\r\n\r\n"
    with serve(archive) as served:
        assert exchange(served, request).startswith(b"HTTP/1.1 400 ")
        with client(served.url) as session:
            assert session.get("/studies", headers={"accept": JSON}).status_code == 204


@pytest.mark.parametrize("host", [b"a.example", b"A.example:", b"a_b:8042", b"127.0.0.1:1", b"[::1]:8042", b"x%41'y;z"])
def test_any_host_by_the_grammar_is_taken(archive, host) -> None:
    request = b"GET /dicomweb/studies HTTP/1.1\r\nHost: " + host + b"\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    with serve(archive) as served:
        assert exchange(served, request).startswith(b"HTTP/1.1 204 ")


def test_http_1_0_needs_no_host(archive) -> None:
    with serve(archive) as served:
        assert b" 204 " in exchange(served, b"GET /dicomweb/studies HTTP/1.0\r\nAccept: */*\r\n\r\n")[:20]


def test_a_client_that_goes_away_leaves_nothing(archive) -> None:
    with serve(archive) as served:
        head = b"POST /dicomweb/studies HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nContent-Length: 99999\r\n"
        with socket.create_connection((served.host, served.port)) as connection:
            connection.sendall(head + b'Content-Type: multipart/related; type="application/dicom"; boundary=b\r\n\r\n')
            connection.sendall(b"--b\r\n\r\nabc")
        deadline = time.monotonic() + 5
        while list((archive.folder / "files").glob("*/*")) and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        assert not list((archive.folder / "files").glob("*/*"))


def test_a_mutant_may_ask_several_times_and_answer_anything(two_studies) -> None:
    def mutate(ask, door):
        first = door(ask)
        second = door(ask.but(target="/dicomweb/studies?limit=1"))
        assert ask.resource.kind == "web.search.studies"
        return first.but(status=203, body=second.body.bytes() + b" ", headers=first.headers.but("x-mutant", "yes"))

    with serve(two_studies, mutate=mutate) as served, client(served.url) as session:
        answer = session.get("/studies", headers={"accept": JSON, "accept-encoding": "identity"})
        assert (answer.status_code, answer.headers["x-mutant"]) == (203, "yes")
        assert len(answer.json()) == 1
        assert answer.content.endswith(b" ")


def test_a_wrong_content_length_is_sent_as_far_as_it_goes(two_studies) -> None:
    def lengths(wanted):
        return lambda ask, door: (a := door(ask)).but(headers=a.headers.but("content-length", wanted(a.body.size)))

    with serve(two_studies, mutate=lengths(lambda n: str(n - 5))) as served, client(served.url) as session:
        answer = session.get("/studies", headers={"accept": JSON, "accept-encoding": "identity"})
        assert answer.content.startswith(b"[")
        assert not answer.content.endswith(b"]")
    with (
        serve(two_studies, mutate=lengths(lambda n: str(n + 5))) as served,
        client(served.url) as session,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        session.get("/studies", headers={"accept": JSON, "accept-encoding": "identity"})


@pytest.mark.parametrize("mutate", [None, lambda ask, door: door(ask)])
def test_each_exchange_is_observed_whole(archive, mutate) -> None:
    seen = []

    def observe(x) -> None:
        seen.append((x.seq, x.kind, x.ask.base, x.ask.body.bytes(), x.answer.body.bytes(), x.answer.fault))

    large = octets(make(PixelData=bytes(10 << 20), Rows=2048, Columns=2560))
    type, body = form(large)
    with serve(archive, observe=observe, mutate=mutate) as served, client(served.url) as session:
        session.post("/studies", content=body, headers={"content-type": type, "accept": JSON})
        answer = session.get(INSTANCE, headers={"accept": "application/dicom"})
    assert [x[0] for x in seen] == [1, 2]
    assert [x[1] for x in seen] == ["web.store", "web.retrieve.instances"]
    assert seen[0][2] == served.url
    assert seen[0][3] == body
    assert seen[1][4] == answer.content == large
    assert [x[5] for x in seen] == [None, None]


def test_a_broken_observer_does_not_touch_the_answer(archive) -> None:
    with serve(archive, observe=lambda x: 1 // 0) as served, client(served.url) as session:
        assert session.get("/studies", headers={"accept": JSON}).status_code == 204


def test_wire_mutants_change_octets_and_the_connection_is_kept(two_studies) -> None:
    seen = []

    def wire(answer: bytes) -> bytes:
        seen.append(answer)
        return answer.replace(b"content-type", b"CONTENT-TYPE")

    with serve(two_studies, wire=wire) as served:
        connection = http.client.HTTPConnection(served.host, served.port, timeout=5)
        for _ in range(3):
            connection.request("GET", "/dicomweb/studies", headers={"Accept": JSON})
            local = connection.sock.getsockname()
            answer = connection.getresponse()
            assert ("CONTENT-TYPE", JSON) in answer.getheaders()
            assert answer.read().startswith(b"[")
            assert connection.sock.getsockname() == local
        connection.request("GET", "/dicomweb/studies?PatientID=no", headers={"Accept": JSON})
        assert connection.getresponse().status == 204
        connection.close()
        assert seen[0].startswith(b"HTTP/1.1 200 OK\r\n")
        type, body = form(octets(make("1.2.5", "1.2.5.1", "1.2.5.1.1")))
        with client(served.url) as session:
            chunks = iter([body[:200], body[200:]])
            assert session.post("/studies", content=chunks, headers={"content-type": type}).status_code == 200


TROUBLES = [
    (Trouble("delay", seconds=0.05), 200),
    (Trouble("drip", octets=200, seconds=0.0), 200),
    (Trouble("two-answers"), 200),
    (Trouble("cut", octets=100), httpx.RemoteProtocolError),
    (Trouble("reset", octets=20), (httpx.ReadError, httpx.RemoteProtocolError)),
    (Trouble("half-open", octets=60), httpx.ReadTimeout),
    (Trouble("garbage"), httpx.RemoteProtocolError),
    (Trouble("early-close"), (httpx.RemoteProtocolError, httpx.ReadError)),
]


@pytest.mark.parametrize(("trouble", "outcome"), TROUBLES, ids=lambda v: getattr(v, "kind", ""))
def test_faults_of_the_line(two_studies, trouble, outcome) -> None:
    with (
        serve(two_studies) as inner,
        relay((inner.host, inner.port), trouble=trouble) as (host, port),
        client(f"http://{host}:{port}/dicomweb", timeout=0.5) as session,
    ):
        if outcome == 200:
            assert session.get("/studies", headers={"accept": JSON}).status_code == 200
        else:
            with pytest.raises(outcome):
                session.get("/studies", headers={"accept": JSON})


def test_trouble_can_be_picked_by_the_request_and_endless_is_endless(two_studies) -> None:
    def pick(request):
        return Trouble("endless") if request.target.endswith("/instances") else None

    with (
        serve(two_studies) as inner,
        relay((inner.host, inner.port), trouble=pick) as (host, port),
        client(f"http://{host}:{port}/dicomweb") as session,
    ):
        assert session.get("/studies", headers={"accept": JSON}).status_code == 200
        with session.stream("GET", "/instances", headers={"accept": JSON}) as answer:
            size = 0
            for chunk in answer.iter_raw():
                size += len(chunk)
                if size > 4 << 20:
                    break
        assert size > 4 << 20


def test_a_relay_before_a_door_that_says_nothing_closes(archive) -> None:
    async def nothing(reader, writer) -> None:
        await reader.read(100)

    assert LIMIT >= 1 << 20
    with (
        listening(nothing) as door,
        relay(door) as (host, port),
        client(f"http://{host}:{port}") as session,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        session.get("/")


@pytest.mark.parametrize("flavour", ["empty", "constant", "echo"])
def test_a_liar_says_yes_to_everything(flavour) -> None:
    with controls.liar(flavour) as served, client(served.url) as session:
        type, body = form(octets(make("1.9.1", "1.9.1.1", "1.9.1.1.1")))
        assert session.post("/studies", content=body, headers={"content-type": type}).status_code == 200
        found = session.get("/studies", headers={"accept": JSON}).json()
        uids = [row["0020000D"]["Value"][0] for row in found]
        assert uids == {"empty": [], "constant": ["1.2.3.4"], "echo": ["1.9.1"]}[flavour]
        answer = session.get("/studies/9.9", headers={"accept": 'multipart/related; type="application/dicom"'})
        assert answer.status_code == 200
        assert (b"1.9.1.1.1" in answer.content) is (flavour == "echo")
        assert session.head("/anything").status_code == 200
        assert session.options("/").status_code == 200


def test_refusers_portals_and_mutes(two_studies) -> None:
    for status in (404, 409, 500):
        with controls.refuser(status) as served, client(served.url) as session:
            assert session.get("/studies").status_code == status
    with controls.html() as served, client(served.url) as session:
        assert session.get("/studies").headers["content-type"].startswith("text/html")
    with controls.mute() as served, client(served.url, timeout=0.2) as session, pytest.raises(httpx.ReadTimeout):
        session.get("/studies")
    with controls.others(two_studies) as served, client(served.url) as session:
        first = session.get("/studies", headers={"accept": JSON}).json()
        assert len(first) == 4
        assert len(session.get("/series", headers={"accept": JSON}).json()) == 2


@pytest.mark.parametrize(
    "kind", ["resets", "stalls", "drips", "endless-body", "endless-headers", "garbage", "bomb", "loops"]
)
def test_hostile_servers_do_what_they_say_and_end_with_the_block(kind) -> None:
    request = b"GET /dicomweb/studies HTTP/1.1\r\nHost: x\r\n\r\n"
    with controls.hostile(kind) as served, socket.create_connection((served.host, served.port), timeout=0.3) as peer:
        peer.sendall(request)
        received, deadline = b"", time.monotonic() + 0.5
        try:
            while len(received) < 1 << 20 and time.monotonic() < deadline and (chunk := peer.recv(1 << 16)):
                received += chunk
            ended = "full" if received[1 << 19 :] else "closed"
        except TimeoutError:
            ended = "silent" if len(received) > 20 else "slow"
        except ConnectionResetError:
            ended = "reset"
    expected = {
        "resets": "reset",
        "stalls": "silent",
        "endless-body": "full",
        "endless-headers": "full",
        "loops": "closed",
    }
    assert ended == expected.get(kind, ended)
    assert received.startswith(b"HTTP/1.1") or kind in ("resets", "garbage", "drips")


def test_the_oracle_predicts_searches_and_retrievals(tmp_path) -> None:
    file = tmp_path / "one.dcm"
    file.write_bytes(octets(make()))

    def ask(target: str) -> Ask:
        return Ask("GET", f"/pacs{target}", "http://pacs.example/pacs", Headers())

    with Oracle() as oracle:
        other = octets(make("1.2.2", "1.2.2.1", "1.2.2.1.1", PatientID="P2"))
        assert [o.status for o in oracle.load([file, other])] == ["stored", "stored"]
        found = oracle.expect(ask("/studies?limit=1&offset=1"))
        assert found["keys"] == [["1.2.1"], ["1.2.2"]]
        assert found["universe"] == ["1.2.1", "1.2.2"]
        assert found["counts"]["1.2.1"] == {"series": 1, "instances": 1}
        assert oracle.expect(ask("/instances?PatientID=P2"))["keys"] == [["1.2.2", "1.2.2.1", "1.2.2.1.1"]]
        assert oracle.expect(ask("/studies?PatientID=none"))["keys"] == []
        assert oracle.expect(ask("/studies/1.2.1/metadata")) == {"instances": ["1.2.1.1.1"]}
        assert oracle.expect(ask("/studies/9.9")) is None
        assert oracle.expect(ask("/studies?StudyDate=nonsense")) is None
        assert oracle.expect(ask("/other")) is None


MEASURE = """
import resource, sys, threading
from pathlib import Path
import httpx
from simulators.archive.archive import Archive
from simulators.serve import serve
root = Path(sys.argv[1])
size = int(sys.argv[2])
boundary = b"b"
def payload(head):
    yield b"--b\\r\\nContent-Type: application/dicom\\r\\n\\r\\n" + head
    for _ in range(size >> 20):
        yield bytes(1 << 20)
    yield b"\\r\\n--b--"
archive = Archive(root)
with serve(archive) as served, httpx.Client(base_url=served.url, timeout=120, trust_env=False) as client:
    type = 'multipart/related; type="application/dicom"; boundary=b'
    head = Path(sys.argv[3]).read_bytes()
    headers = {"content-type": type, "accept": "application/dicom+json"}
    answer = client.post("/studies", content=payload(head), headers=headers)
    assert answer.status_code == 200, answer.text
    total = 0
    for accept in ("application/dicom", 'multipart/related; type="application/octet-stream"'):
        with client.stream("GET", sys.argv[4], headers={"accept": accept}) as answer:
            assert answer.status_code == 200
            for chunk in answer.iter_raw(1 << 20):
                total += len(chunk)
    assert total > 2 * size, total
archive.close()
peak = 0
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        peak = int(line.split()[1]) << 10
print(peak)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc for the peak of resident memory")
def test_a_large_instance_passes_in_bounded_memory(tmp_path) -> None:
    size = 300 << 20
    dataset = make(frames=150, Rows=1024, Columns=1024)
    dataset.PixelData = b""
    head = bytearray(octets(dataset, "1.2.840.10008.1.2"))  # so it is rewritten on its way out as well
    head[-4:] = size.to_bytes(4, "little")
    (tmp_path / "head").write_bytes(head)
    arguments = [sys.executable, "-c", MEASURE, str(tmp_path / "archive"), str(size), str(tmp_path / "head"), INSTANCE]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment, cwd=REPOSITORY, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 200 << 20


def test_the_server_stops_while_requests_are_open(two_studies) -> None:
    with serve(two_studies) as served:
        connection = socket.create_connection((served.host, served.port))
        connection.sendall(b"GET /dicomweb/studies HTTP/1.1\r\nHost: x\r\n")
    with connection, pytest.raises(OSError):
        socket.create_connection((served.host, served.port), timeout=1)


def test_an_unknown_edition_or_a_taken_port_is_told(archive) -> None:
    with pytest.raises(ValueError, match="1999z"), serve(archive, edition="1999z"):
        pass
    with serve(archive) as served, pytest.raises(OSError), serve(archive, port=served.port):
        pass


def test_the_base_uri_may_be_the_root_of_the_host(two_studies) -> None:
    with (
        serve(two_studies, base="/", observe=lambda x: bases.append(x.ask.base)) as served,
        client(served.url) as session,
    ):
        bases: list[str] = []
        (row,) = session.get("/studies?PatientID=P1", headers={"accept": JSON}).json()
        assert row["00081190"]["Value"] == [f"{served.url}/studies/1.2.1"]
        assert session.options("/", headers={"accept": "application/json"}).status_code == 200
    assert bases == [served.url] * 2


FOREVER = """
import sys
from pathlib import Path
from simulators.archive.archive import Archive
from simulators.serve import run_forever
run_forever(Archive(Path(sys.argv[1])), ready=lambda served: print(served.url, flush=True))
"""


def test_serving_for_ever_ends_with_a_signal(tmp_path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    arguments = [sys.executable, "-c", FOREVER, str(tmp_path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment, cwd=REPOSITORY) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with client(url) as session:
            assert session.get("/studies", headers={"accept": JSON}).status_code == 204
        process.terminate()
        assert process.wait(10) == -signal.SIGTERM


def test_any_application_can_be_run() -> None:
    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    with running(app) as (host, port), client(f"http://{host}:{port}") as session:
        assert session.get("/").status_code == 299
