"""What the tests of the web door share: an archive, and a client of its door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simulators.archive.archive import Archive
from simulators.web.app import web
from simulators.web.service import Service
from tests.web.door import Client, load, make, octets


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    made = Archive(tmp_path / "archive")
    yield made
    made.close()


@pytest.fixture
def client(archive: Archive) -> Client:
    return Client(web(Service(archive)))


@pytest.fixture
def edition(archive: Archive) -> Callable[[str], Client]:
    """A client of a door that follows another edition."""
    return lambda name: Client(web(Service(archive, edition=name)))


@pytest.fixture
def two_studies(archive: Archive) -> Archive:
    """Study 1.2.1 with two series of two and one instances, study 1.2.2 with one instance of three frames."""
    load(
        archive,
        octets(make()),
        octets(make(instance="1.2.1.1.2", InstanceNumber="2")),
        octets(make(series="1.2.1.2", instance="1.2.1.2.1", SeriesNumber="2", Modality="CT")),
        octets(make("1.2.2", "1.2.2.1", "1.2.2.1.1", frames=3, PatientID="P2", StudyDate="20240201")),
    )
    return archive
