"""Starts a real Orthanc with its DICOMweb plugin on free ports, with its DICOM server too if wanted, and stops it."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpcore

from harness.clock import Deadline
from harness.entity import Entity
from tests.real.dcmtk import HERE, free_port, steps, write_worklist

PLUGINS = ("/usr/share/orthanc/plugins/lib{}.so", "/usr/lib/*/orthanc/lib{}.so*", "/usr/lib/orthanc/lib{}.so*")
TITLE = "ORTHANC"


def missing() -> str:
    """Why Orthanc cannot be started here, '' when it can."""
    if not shutil.which("Orthanc"):
        return "Orthanc is not installed; tools/install-real-servers installs it"
    if not plugin():
        return "the DICOMweb plugin of Orthanc is not installed; tools/install-real-servers installs it"
    return ""


def plugin(name: str = "OrthancDicomWeb") -> str:
    return next((path for pattern in PLUGINS for path in glob.glob(pattern.format(name))), "")


@contextlib.contextmanager
def orthanc(folder: Path, **options: object) -> Iterator[str]:
    """A running Orthanc with an empty database in `folder`; its DICOMweb Base URI."""
    for attempt in range(5):  # somebody may take the free port between finding and using it
        with contextlib.ExitStack() as stack:
            base = stack.enter_context(_started(folder / str(attempt), options))
            if base:
                yield base
                return
    raise RuntimeError("Orthanc did not start")


@contextlib.contextmanager
def with_dicom(folder: Path, destination: Entity) -> Iterator[Entity]:
    """The same with its DICOM server, which takes everybody for everything, and knows this destination of C-MOVE.

    It has the worklist entries of `steps`, where the plugin for them is installed.
    """
    write_worklist(folder / "worklists" / "all", steps())
    worklists = plugin("ModalityWorklists")
    port = free_port()
    options: dict[str, object] = {
        "DicomServerEnabled": True,
        "DicomAet": TITLE,
        "DicomPort": port,
        "DicomCheckCalledAet": False,
        **{f"DicomAlwaysAllow{what}": True for what in ("Echo", "Store", "Find", "FindWorklist", "Get", "Move")},
        "DicomModalities": {"destination": [destination.title, destination.host, destination.port]},
        "Plugins": [path for path in (plugin(), worklists) if path],
        "Worklists": {"Enable": True, "Database": str(folder / "worklists" / "all")},
    }
    with orthanc(folder, **options):
        yield Entity(TITLE, HERE, port)


@contextlib.contextmanager
def _started(folder: Path, options: dict[str, object]) -> Iterator[str]:
    folder.mkdir(parents=True)
    port = free_port()
    configuration = {
        "Name": "dicomproof",
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "OverwriteInstances": True,
        "StableAge": 1,
        "Plugins": [plugin()],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "EnableWado": True, "WadoRoot": "/wado", "Ssl": False},
        **options,
    }
    (folder / "orthanc.json").write_text(json.dumps(configuration))
    with (folder / "log.txt").open("wb") as log:
        environment = {**os.environ, "TCP_NODELAY": "1"}
        process = subprocess.Popen(["Orthanc", str(folder / "orthanc.json")], stdout=log, stderr=log, env=environment)
        try:
            yield f"http://127.0.0.1:{port}/dicom-web" if _ready(port, process) else ""
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _ready(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Wait until it answers, or has ended."""
    deadline = Deadline.after(30)
    while not deadline.passed and process.poll() is None:
        with contextlib.suppress(httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
            if httpcore.request("GET", f"http://127.0.0.1:{port}/dicom-web/studies").status:
                return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    return False
