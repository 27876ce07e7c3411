"""The upper layer and the SCU: alone, and side by side with DCMTK's programs and pynetdicom against the same peers.

Knows what is sent; what an answer means is none of its business. Rounds of the partners take turns, so that whatever
else the machine does slows all alike. Our SCU records every octet with its SHA-256 while it talks; the others do not.
"""

from __future__ import annotations

import contextlib
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pynetdicom import AE

from harness.blobs import Blobs
from harness.entity import Entity
from harness.make import as_octets
from harness.make.tree import Element, Tree
from harness.talk.dimse import Dial
from harness.talk.listener import Listener, Manner
from harness.upper_layer.indications import AssociateRequested
from harness.upper_layer.machine import Machine
from harness.upper_layer.message import echo_rq, find_rq, response, store_rq
from harness.upper_layer.negotiate import Acceptance, Policy, negotiate
from harness.upper_layer.offer import EXPLICIT, IMPLICIT, Offer, propose
from tests.talk.conftest import ENVIRONMENT, free_port, listens

VERIFICATION, CT, FIND = "1.2.840.10008.1.1", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.2.2.1"
SUPPORTS = {VERIFICATION: [IMPLICIT], CT: [EXPLICIT], FIND: [IMPLICIT]}
OFFER = Offer(propose(SUPPORTS.items()))
ECHOES = 2000
INSTANCES, SIZE = 500, 512 << 10
MATCHES = 10_000
ROUNDS = 3
LONG = 100_000  # requests in a row

pytestmark = pytest.mark.skipif(not shutil.which("storescp"), reason="DCMTK is not installed")
Work = Callable[[], object]


def machines(sink=None) -> tuple[Machine, Machine]:
    requestor, acceptor = Machine("requestor", OFFER), Machine("acceptor", sink=sink)
    requestor.connect()
    requestor.connected()
    acceptor.opened()
    (asked,) = acceptor.receive(requestor.octets_to_send())
    assert isinstance(asked, AssociateRequested)
    answer = negotiate(asked.offer, Policy(SUPPORTS))
    assert isinstance(answer, Acceptance)
    acceptor.accept(answer)
    requestor.receive(acceptor.octets_to_send())
    return requestor, acceptor


def test_engine_echo(capsys) -> None:
    """Both sides in one thread, without sockets."""
    requestor, acceptor = machines()
    began = time.process_time()
    for number in range(10 * ECHOES):
        requestor.send(echo_rq(1, number & 0xFFFF))
        (asked,) = acceptor.receive(requestor.octets_to_send())
        acceptor.send(response(asked.message, 0))
        assert len(requestor.receive(acceptor.octets_to_send())) == 1
    shown(capsys, f"engine: {10 * ECHOES / (time.process_time() - began):,.0f} C-ECHO/s (wanted: 5,000)")


class Counting:
    def __init__(self) -> None:
        self.size = 0

    def write(self, octets: memoryview) -> None:
        self.size += len(octets)

    def finish(self) -> None:
        return None

    def discard(self) -> None:
        return None


def test_engine_store(capsys) -> None:
    """Data sets through both sides into a sink, cut and framed, without sockets."""
    requestor, acceptor = machines(lambda message: Counting())
    data = bytes(SIZE)
    began = time.process_time()
    for number in range(INSTANCES):
        requestor.send(store_rq(3, number, CT, f"1.2.{number}", data))
        while pieces := requestor.pieces_to_send():
            acceptor.receive(b"".join(pieces))
    rate = INSTANCES * SIZE / (time.process_time() - began) / (1 << 20)
    shown(capsys, f"engine: {rate:,.0f} MiB/s of C-STORE")


@pytest.fixture(scope="module")
def storescp(tmp_path_factory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("received")
    port = free_port()
    command = ["storescp", str(port), "-od", str(folder), "+B"]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        assert listens(port)
        yield port
        process.terminate()


@pytest.fixture(scope="module")
def instances(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sent")
    for number in range(INSTANCES):
        uids = [("00080016", CT), ("00080018", f"1.2.3.{number}"), ("0020000D", "1.2.3"), ("0020000E", "1.2.3.4")]
        tree = Tree(tuple(Element(tag, "UI", (uid,)) for tag, uid in uids))
        tree = tree.having(Element("7FE00010", "OW", octets=bytes(SIZE)), Element("00100020", "LO", ("P",)))
        (folder / f"{number}.dcm").write_bytes(as_octets.part10(tree).octets)
    return folder


def dial(port: int, folder: Path) -> Dial:
    return Dial(Entity("PEER", "127.0.0.1", port), Blobs(folder), OFFER)


def test_echo(storescp: int, tmp_path: Path, capsys) -> None:
    def ours() -> None:
        talk = dial(storescp, tmp_path)
        for _ in range(ECHOES):
            (answer,) = talk.responses(echo_rq(1, talk.next_id()))
            assert answer.status == 0
        talk.release()
        talk.finish()

    def pynetdicom() -> None:
        ae = AE()
        ae.add_requested_context(VERIFICATION)
        association = ae.associate("127.0.0.1", storescp)
        for _ in range(ECHOES // 10):
            association.send_c_echo()
        association.release()

    echoscu = run("echoscu", "127.0.0.1", str(storescp), "--repeat", str(ECHOES))
    compare(
        capsys,
        "C-ECHO/s",
        {"ours": (ours, ECHOES), "echoscu": (echoscu, ECHOES), "pynetdicom": (pynetdicom, ECHOES // 10)},
    )


def test_store(storescp: int, instances: Path, tmp_path: Path, capsys) -> None:
    def ours() -> None:
        talk = dial(storescp, tmp_path)
        for number, path in enumerate(sorted(instances.iterdir())):
            octets = path.read_bytes()
            start = 144 + int.from_bytes(octets[140:144], "little")
            (answer,) = talk.responses(store_rq(3, talk.next_id(), CT, f"1.2.3.{number}", octets[start:]))
            assert answer.status == 0
        talk.release()
        talk.finish()

    def pynetdicom() -> None:
        ae = AE()
        ae.add_requested_context(CT, EXPLICIT)
        association = ae.associate("127.0.0.1", storescp)
        for path in sorted(instances.iterdir())[: INSTANCES // 5]:
            assert association.send_c_store(dcmread(path)).Status == 0
        association.release()

    storescu = run("storescu", "-xe", "127.0.0.1", str(storescp), "+sd", str(instances))
    partners = {
        "ours": (ours, INSTANCES),
        "storescu": (storescu, INSTANCES),
        "pynetdicom": (pynetdicom, INSTANCES // 5),
    }
    compare(capsys, "instances/s of 0.5 MiB", partners)


def scps(folder: Path) -> dict[str, list[str]]:
    """SCPs that keep what comes on the disk, by name; {port} is where each listens."""
    received = folder / "pynetdicom"
    received.mkdir()
    python = [sys.executable, "-m"]
    return {
        "our door": [*python, "dicomproof", "simulate", "--dimse", "PROOF@127.0.0.1:{port}", "--data", str(folder)],
        "storescp": ["storescp", "{port}", "-od", str(folder), "+B"],
        "pynetdicom": [*python, "pynetdicom", "storescp", "{port}", "-od", str(received), "-q"],
    }


def test_store_to_disk(instances: Path, tmp_path: Path, capsys) -> None:
    """storescu sends; every instance has a new SOP Instance UID, so that nobody finds it there already."""
    with contextlib.ExitStack() as stack:
        partners: dict[str, tuple[Work, int]] = {}
        for name, words in scps(tmp_path).items():
            port = free_port()
            command = [word.replace("{port}", str(port)) for word in words]
            quiet = {"env": ENVIRONMENT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            process = stack.enter_context(subprocess.Popen(command, **quiet))
            stack.callback(process.terminate)
            assert listens(port)
            send = run("storescu", "-xe", "-aec", "PROOF", "+II", "127.0.0.1", str(port), "+sd", str(instances))
            partners[name] = (send, INSTANCES)
        compare(capsys, "instances/s of 0.5 MiB to disk", partners)


def test_find(tmp_path: Path, capsys) -> None:
    """One query with many matches, against a peer of ours that has them ready."""
    tree = Tree((Element("0020000D", "UI", ("1.2.3",)),))
    identifier = as_octets.dataset(tree, as_octets.encoding_of(IMPLICIT)).octets

    def matches(message):
        return [*(response(message, 0xFF00, identifier) for _ in range(MATCHES)), response(message, 0)]

    with Listener(Blobs(tmp_path), Manner(Policy(SUPPORTS), serve=matches)) as listener:

        def ours() -> None:
            talk = dial(listener.port, tmp_path)
            assert sum(1 for _ in talk.responses(find_rq(5, 1, FIND, identifier))) == MATCHES + 1
            talk.release()
            talk.finish()

        findscu = run("findscu", "-S", "127.0.0.1", str(listener.port), "-k", "0020,000D")
        compare(capsys, "matches/s", {"ours": (ours, MATCHES), "findscu": (findscu, MATCHES)})
        heard = listener.collect(5)
        assert len(heard) == 2 * ROUNDS
        assert all(a.acceptor.size > MATCHES * 100 for a in heard)


def test_many_in_a_row(tmp_path: Path, capsys) -> None:
    """Not one answer is missed."""
    with Listener(Blobs(tmp_path), Manner(Policy(SUPPORTS))) as listener:
        talk = dial(listener.port, tmp_path)
        began = time.perf_counter()
        for number in range(LONG):
            answers = [m.status for m in talk.responses(echo_rq(1, talk.next_id()))]
            assert answers == [0], f"request {number} got {answers} ({talk.ended})"
        shown(capsys, f"{LONG:,} C-ECHO in a row, {LONG / (time.perf_counter() - began):,.0f}/s, every one answered")
        talk.release()


def run(*command: str) -> Work:
    """A program of DCMTK, which has to succeed."""

    def work() -> None:
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return work


def compare(capsys, what: str, partners: dict[str, tuple[Work, int]]) -> None:
    """Prints how many a second each does, the median of rounds that take turns.

    A round in which a partner lost an answer does not count: pynetdicom does now and then.
    """
    rates: dict[str, list[float]] = {name: [] for name in partners}
    for _ in range(ROUNDS):
        for name, (work, count) in partners.items():
            began = time.perf_counter()
            with contextlib.suppress(RuntimeError):
                work()
                rates[name].append(count / (time.perf_counter() - began))
    told = [f"{name} {statistics.median(found or [0]):,.0f}" for name, found in rates.items()]
    shown(capsys, f"{what}: " + ", ".join(told))


def shown(capsys, text: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")
