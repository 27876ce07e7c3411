"""An archive, a client of its door, a study with one of each thing that can be rendered; the Worklist Service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.archive.archive import Archive
from simulators.web.app import web
from simulators.web.service import Service
from tests.simulators.rendered import mixture
from tests.simulators.workitems_door import Door
from tests.web.door import Client


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    made = Archive(tmp_path / "archive")
    yield made
    made.close()


@pytest.fixture
def client(archive: Archive) -> Client:
    return Client(web(Service(archive)))


@pytest.fixture
def mixed(archive: Archive) -> Archive:
    """A study with an image, an image of three frames, a report, and a presentation state for the first image."""
    return mixture(archive)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """The Worklist Service."""
    made = Door(tmp_path)
    yield made
    made.archive.close()
