"""A study with one of each thing that is rendered, and where each has its resource."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulators.archive.archive import Archive
from tests.simulators.render.pictures import grey
from tests.simulators.render.test_render_documents import item, report
from tests.simulators.render.test_render_states import state
from tests.web.door import load, octets

STUDY = "/studies/1.2.1"
SERIES = f"{STUDY}/series/1.2.1.1"
ONE = f"{SERIES}/instances/1.2.1.1.1"
FRAMES = f"{SERIES}/instances/1.2.1.1.2"
TEXT = f"{STUDY}/series/1.2.1.2/instances/1.2.1.2.1"
STATE = f"{STUDY}/series/1.2.1.9/instances/1.2.1.9.1"
VALUES = np.arange(80).reshape(8, 10) * 3


def related(type: str) -> str:
    return f'multipart/related; type="{type}"'


def mixture(archive: Archive) -> Archive:
    """A study with an image, an image of three frames, a report, and a presentation state for the first image."""
    several = np.stack([VALUES, VALUES[::-1], VALUES[:, ::-1]])
    text = report(item("TEXT", "Finding", TextValue="Größe"))
    text.SeriesInstanceUID, text.SOPInstanceUID, text.SeriesNumber = "1.2.1.2", "1.2.1.2.1", "2"
    load(
        archive,
        octets(grey(VALUES)),
        octets(grey(several, SOPInstanceUID="1.2.1.1.2", InstanceNumber="2", FrameTime="40")),
        octets(text),
        octets(state(SeriesNumber="9", PresentationLUTShape="INVERSE")),
    )
    return archive


def alone(archive: Archive, dataset: Any) -> str:
    """The path of an instance that is stored in a study of its own."""
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID = "1.2.7", "1.2.7.1", "1.2.7.1.1"
    load(archive, octets(dataset))
    return "/studies/1.2.7/series/1.2.7.1/instances/1.2.7.1.1"
