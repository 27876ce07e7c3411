"""Starts DCMTK's storescp, dcmqrscp and wlmscpfs on free loopback ports with folders of their own, and stops them.

Must not know what is expected of them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from harness.clock import Deadline
from harness.entity import Entity

HERE: Final = "127.0.0.1"
STATION: Final = "WLSRV"
# Without it each PDU of DCMTK waits for an acknowledgement of the one before, 40 ms at a time.
ENVIRONMENT: Final = {**os.environ, "TCP_NODELAY": "1"}
_STARTS: Final = 30.0
_ATTEMPTS: Final = 5

Command = Callable[[Path, int], Sequence[str]]  # of a folder of its own and a port


def missing(*tools: str) -> str:
    """Why these tools of DCMTK cannot be started here, '' when they can."""
    absent = [tool for tool in tools if not shutil.which(tool)]
    return f"{', '.join(absent)} of DCMTK is not installed; tools/install-real-servers installs it" if absent else ""


def version() -> str:
    """The version of DCMTK, '' when there is none."""
    if missing("echoscu"):
        return ""
    said = subprocess.run(["echoscu", "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    return next((word.removeprefix("v") for word in said.split() if word.startswith("v3.")), "")


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.create_server((HERE, 0)) as free:
        return int(free.getsockname()[1])


@contextlib.contextmanager
def storescp(folder: Path, *options: str) -> Iterator[Entity]:
    """A running storescp that takes every transfer syntax, one process an association, and keeps what it gets."""

    def command(folder: Path, port: int) -> Sequence[str]:
        (folder / "got").mkdir()
        return ["storescp", "-aet", "STORESCP", "-od", str(folder / "got"), "+xa", "--fork", *options, str(port)]

    with started(folder, "STORESCP", command) as entity:
        yield entity


@contextlib.contextmanager
def dcmqrscp(folder: Path, *destinations: Entity) -> Iterator[Entity]:
    """A running dcmqrscp with an empty archive, that knows these destinations of C-MOVE."""

    def command(folder: Path, port: int) -> Sequence[str]:
        (folder / "db").mkdir()
        hosts = [f"host{n} = ({e.title}, {e.host}, {e.port})" for n, e in enumerate(destinations, 1)]
        lines = [
            f"NetworkTCPPort = {port}",
            "MaxPDUSize = 16384",
            "MaxAssociations = 16",
            "HostTable BEGIN",
            *hosts,
            "HostTable END",
            "VendorTable BEGIN",
            "VendorTable END",
            "AETable BEGIN",
            f"COMMON  {folder / 'db'}  RW (200, 1024mb)  ANY",
            "AETable END",
        ]
        (folder / "dcmqrscp.cfg").write_text("\n".join(lines) + "\n")
        return ["dcmqrscp", "-c", str(folder / "dcmqrscp.cfg")]

    with started(folder, "COMMON", command) as entity:
        yield entity


@contextlib.contextmanager
def wlmscpfs(folder: Path, entries: Sequence[Dataset] | None = None) -> Iterator[Entity]:
    """A running wlmscpfs with these worklist entries, by default those of `steps`."""

    def command(folder: Path, port: int) -> Sequence[str]:
        write_worklist(folder / "wl" / STATION, steps() if entries is None else entries)
        return ["wlmscpfs", "-dfp", str(folder / "wl"), str(port)]

    with started(folder, STATION, command) as entity:
        yield entity


def steps() -> list[Dataset]:
    """Five scheduled procedure steps of three patients, on two stations and two days, with all of PS3.4 Table K.6-1
    that has to be known."""
    rows = [
        ("Ahrens^Berta", "W1", "F", "CT", "CT1", "20260105", "081500"),
        ("Ahrens^Berta", "W1", "F", "MR", "MR1", "20260105", "093000"),
        ("Brandt^Carl", "W2", "M", "CT", "CT1", "20260105", "101000"),
        ("Brandt^Carl", "W2", "M", "CT", "CT1", "20260106", "110000"),
        ("Conrad^Dora", "W3", "O", "US", "US1", "20260106", "120000"),
    ]
    return [_step(number, *row) for number, row in enumerate(rows, 1)]


def write_worklist(folder: Path, entries: Sequence[Dataset]) -> None:
    """The entries as wlmscpfs, and the worklist plugin of Orthanc, want them: one file each, and a lock file."""
    folder.mkdir(parents=True)
    (folder / "lockfile").touch()
    for number, entry in enumerate(entries, 1):
        entry.file_meta = FileMetaDataset()
        entry.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        entry.file_meta.MediaStorageSOPClassUID = UID("1.2.276.0.7230010.3.1.0.1")  # DCMTK's own, for worklist files
        entry.file_meta.MediaStorageSOPInstanceUID = UID(f"2.25.7700{number}")
        entry.save_as(folder / f"{number}.wl", enforce_file_format=True)


def _step(number: int, name: str, id: str, sex: str, modality: str, station: str, day: str, hour: str) -> Dataset:
    step = Dataset()
    step.Modality = modality
    step.ScheduledStationAETitle = station
    step.ScheduledProcedureStepStartDate = day
    step.ScheduledProcedureStepStartTime = hour
    step.ScheduledPerformingPhysicianName = "Weiss^Udo"
    step.ScheduledProcedureStepDescription = f"Step {number}"
    step.ScheduledProcedureStepID = f"SPS{number}"
    step.ScheduledStationName = station
    step.ScheduledProcedureStepLocation = "HOUSE 1"
    entry = Dataset()
    entry.SpecificCharacterSet = "ISO_IR 100"
    entry.AccessionNumber = f"ACC{number}"
    entry.ReferringPhysicianName = "Zander^Emil"
    entry.PatientName = name
    entry.PatientID = id
    entry.PatientBirthDate = "19700101"
    entry.PatientSex = sex
    entry.PatientWeight = "70"
    entry.StudyInstanceUID = f"2.25.7701{number}"
    entry.RequestingPhysician = "Zander^Emil"
    entry.RequestedProcedureDescription = f"Procedure {number}"
    entry.AdmissionID = f"ADM{number}"
    entry.RequestedProcedureID = f"RP{number}"
    entry.RequestedProcedurePriority = "MEDIUM"
    entry.ScheduledProcedureStepSequence = [step]
    return entry


@contextlib.contextmanager
def started(folder: Path, title: str, command: Command) -> Iterator[Entity]:
    """Start it until it listens: somebody may take the free port between finding and using it."""
    for attempt in range(_ATTEMPTS):
        here = folder / str(attempt)
        here.mkdir(parents=True)
        port = free_port()
        with contextlib.ExitStack() as stack:
            if stack.enter_context(running(command(here, port), here / "log.txt", port)):
                yield Entity(title, HERE, port)
                return
    raise RuntimeError(f"{title} did not start; its log is in {folder}")


@contextlib.contextmanager
def running(command: Sequence[str], log: Path, port: int, folder: Path | None = None) -> Iterator[bool]:
    """A process for as long as the context lasts; whether it listens at the port."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=ENVIRONMENT, cwd=folder)
        try:
            yield _listens(port, process)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the port can be connected to, or the process has ended."""
    deadline = Deadline.after(_STARTS)
    while not deadline.passed and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((HERE, port), timeout=2):
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    return False
