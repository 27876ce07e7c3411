"""Independent peers on free ports, a session that only collects, and certificates made on the spot."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
import trustme

from harness.association import Association
from harness.blobs import Blobs
from harness.clock import Deadline
from harness.entity import Entity
from harness.make.corpus import corpus
from harness.talk.dialogue import Dimse, Setup
from harness.talk.line import Limits

DCMTK = shutil.which("storescp") and shutil.which("dcmqrscp")
needs_dcmtk = pytest.mark.skipif(not DCMTK, reason="DCMTK is not installed")
ENVIRONMENT = os.environ | {"TCP_NODELAY": "1"}
QUICK = Limits(connect=2.0, deadline=5.0, artim=2.0, total=20.0)


class Collecting:
    """A session that numbers associations and keeps them."""

    def __init__(self, blobs: Blobs) -> None:
        self.blobs = blobs
        self.seed, self.nonce, self.edition, self.deadline = 1, "TALK", "2024e", 20.0
        self.holding: Any = None
        self.samples: list[Any] = []
        self.associations: list[Association] = []
        self.closed: list[str] = []

    def next_journey(self, kind: str) -> str:
        return f"{kind}#1"

    def close_journey(self, name: str, wait: bool = False) -> None:
        self.closed.append(name)

    def associated(self, association: Association, **about: Any) -> Association:
        self.associations.append(association.but(seq=len(self.associations) + 1, **about))
        return self.associations[-1]


@pytest.fixture
def session(tmp_path):
    return Collecting(Blobs(tmp_path / "blobs"))


@pytest.fixture
def talk_to(session):
    """A dialogue with an entity."""

    def to(port: int, called: str = "PEER", **setup: Any) -> Dimse:
        setup.setdefault("limits", QUICK)
        return Dimse(session, Entity(called, "127.0.0.1", port), "a probe", Setup(**setup))

    return to


@pytest.fixture(scope="session")
def samples():
    return corpus(1, "TALK")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def listens(port: int, seconds: float = 10.0) -> bool:
    deadline = Deadline.after(seconds)
    while not deadline.passed:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return True
        select.select([], [], [], 0.02)
    return False


@pytest.fixture
def storescp(tmp_path):
    """DCMTK's storescp, which keeps data sets as they come: its port, and its folder."""
    folder = tmp_path / "received"
    folder.mkdir()
    port = free_port()
    command = ["storescp", str(port), "-od", str(folder), "+xa", "+B", "-uf"]
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert listens(port)
    yield port, folder
    process.terminate()
    process.wait()


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture(scope="session")
def certificate(authority):
    return authority.issue_cert("127.0.0.1", "localhost")


@pytest.fixture
def server_tls(authority, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture
def client_tls(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def run(*command: str, seconds: float = 20.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=seconds, check=False)


def part10(folder: Path, sample: Any) -> Path:
    path = folder / f"{sample.instance}.dcm"
    path.write_bytes(sample.part10)
    return path
