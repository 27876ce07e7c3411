"""Knows how a data set made of metadata becomes a PS3.10 file with File Meta Information of its own (PS3.18 10.5.1.4).

Must not know where values came from, except that long ones lie in files.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from harness.make.uids import IMPLEMENTATION, IMPLEMENTATION_VERSION
from simulators.archive.incoming import Incoming
from simulators.model.build import Elsewhere


class Lying(Elsewhere):
    """A value in a file, of an even number of octets."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> Lying:
        """The whole file as a value."""
        made = cls()
        made.path, made.size, made.read = path, path.stat().st_size, path.read_bytes
        return made


def write(dataset: Dataset, syntax: str, into: Incoming) -> None:
    """Write the data set into a new file and close that. OSError of the file, anything of the writer."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID = UID(IMPLEMENTATION)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    dataset.file_meta = meta
    with contextlib.ExitStack() as stack:
        _open(dataset, stack)
        with into.stream() as sink:
            dcmwrite(sink, dataset, enforce_file_format=True)


def _open(dataset: Dataset, stack: contextlib.ExitStack) -> None:
    """Have values that lie in files be read from there while they are written."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                _open(item, stack)
        elif isinstance(element.value, Lying):
            element.value = stack.enter_context(element.value.path.open("rb"))
