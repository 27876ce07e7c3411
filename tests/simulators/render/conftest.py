"""What the tests of the rendering engine share: an archive that makes held instances of data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from simulators.archive.archive import Archive
from simulators.archive.held import Held
from tests.web.door import load, octets

Hold = Callable[..., Held]


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    made = Archive(tmp_path / "archive")
    yield made
    made.close()


@pytest.fixture
def hold(archive: Archive) -> Hold:
    """Stores a data set and gives it back as the archive holds it."""

    def store(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> Held:
        load(archive, octets(dataset, syntax))
        uids = (dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)
        return archive.select(*map(str, uids))[0]

    return store
