"""Independent implementations at the door: the tools of DCMTK where they are installed, and pynetdicom."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from simulators.archive.archive import Archive
from simulators.dimse.link import Peer
from simulators.dimse.serve import Served

from .conftest import EXPLICIT, IMPLICIT, SC, file_of, identifier, make, put
from .test_dimse_steps import created, finished
from .test_dimse_worklist import item

dcmtk = pytest.mark.skipif(shutil.which("storescu") is None, reason="DCMTK is not installed")


def run(served: Served, *command: str) -> str:
    """What the tool says; its Nagle delays are turned off."""
    tool, *arguments = command
    at = arguments.index("@")
    arguments[at : at + 1] = ["-aec", served.entity.title, served.host, str(served.port)]
    done = subprocess.run(
        [tool, *arguments], env={**os.environ, "TCP_NODELAY": "1"}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def door(opened: Callable[..., Served], free: int) -> Served:
    return opened(peers={"DCMTK": Peer("127.0.0.1", free)})


@pytest.fixture
def free() -> int:
    """A port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@dcmtk
def test_echoscu(door: Served) -> None:
    assert "Received Echo Response (Success)" in run(door, "echoscu", "-v", "@")
    run(door, "echoscu", "--propose-ts", "38", "--propose-pc", "60", "@")


@dcmtk
@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_bigendian.dcm", "rtplan.dcm", "JPEG2000.dcm",
                                  "image_dfl.dcm", "MR_small_RLE.dcm", "ExplVR_BigEnd.dcm"])  # fmt: skip
def test_storescu(archive: Archive, door: Served, name: str, tmp_path: Path) -> None:
    path = Path(str(get_testdata_file(name)))
    before = dcmread(path)
    proposals = {"JPEG2000.dcm": "-xw", "image_dfl.dcm": "-xd", "MR_small_RLE.dcm": "-xr"}
    if not before.get("StudyInstanceUID"):
        pytest.skip("it has no study")
    said = run(door, "storescu", "-v", *([proposals[name]] if name in proposals else []), "@", str(path))
    assert "Received Store Response (Success)" in said
    (held,) = archive.select(before.StudyInstanceUID)
    after = dcmread(held.path)
    assert {e.tag: e.value for e in after if e.tag != 0xFFFCFFFC and e.VR != "SQ" and e.tag != 0x7FE00010} == {
        e.tag: e.value for e in before if e.tag != 0xFFFCFFFC and e.VR != "SQ" and e.tag != 0x7FE00010
    }


@dcmtk
@pytest.mark.parametrize("syntax", ["-x=", "-xi", "-xb"])
def test_findscu(archive: Archive, door: Served, syntax: str) -> None:
    put(archive, make(), make("1.2.2", "1.2.2.1", "1.2.2.1.1", PatientID="P2", PatientName="Doe^Jane"))
    option = {"-x=": "-x=", "-xi": "-xi", "-xb": "-xb"}[syntax]
    said = run(door, "findscu", "-v", "-S", option, "@", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientName=D*",
               "-k", "StudyInstanceUID")  # fmt: skip
    assert said.count("(Pending)") == 1
    assert "Doe^Jane" in said
    assert "Received Final Find Response (Success)" in said
    said = run(door, "findscu", "-v", "-P", option, "@", "-k", "QueryRetrieveLevel=PATIENT", "-k", "PatientID")
    assert said.count("(Pending)") == 2


@dcmtk
def test_findscu_cancels(archive: Archive, door: Served) -> None:
    put(archive, *(make(f"1.2.{n}", f"1.2.{n}.1", f"1.2.{n}.1.1") for n in range(1, 200)))
    run(door, "findscu", "-S", "--cancel", "3", "@", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID")
    run(door, "echoscu", "@")


@dcmtk
def test_worklist(door: Served) -> None:
    door.services.worklist.put(json.loads(item("Doe^Jane").to_json()))
    said = run(door, "findscu", "-v", "-W", "@", "-k", "PatientName=D*", "-k",
               "(0040,0100)[0].Modality=CT", "-k", "(0040,0100)[0].ScheduledProcedureStepID")  # fmt: skip
    assert said.count("(Pending)") == 1
    assert "[S1]" in said


@dcmtk
@pytest.mark.parametrize("syntax", ["+x=", "+xi", "+xb"])
def test_getscu(archive: Archive, door: Served, tmp_path: Path, syntax: str) -> None:
    put(archive, make(), make(instance="1.2.1.1.2"))
    run(door, "getscu", "-S", syntax, "-od", str(tmp_path), "@", "-k", "QueryRetrieveLevel=STUDY", "-k",
        "StudyInstanceUID=1.2.1")  # fmt: skip
    got = [dcmread(path) for path in sorted(tmp_path.iterdir()) if path.is_file()]
    assert sorted(one.SOPInstanceUID for one in got) == ["1.2.1.1.1", "1.2.1.1.2"]
    assert (got[0].pixel_array == dcmread(archive.select("1.2.1")[0].path).pixel_array).all()


@dcmtk
@pytest.mark.parametrize("syntax", ["+x=", "+xi", "+xb"])
def test_movescu(archive: Archive, door: Served, tmp_path: Path, free: int, syntax: str) -> None:
    put(archive, make(), make(instance="1.2.1.1.2"))
    run(door, "movescu", "-S", syntax, "+P", str(free), "-aet", "DCMTK", "-aem", "DCMTK", "-od", str(tmp_path), "@",
        "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.1")  # fmt: skip
    got = [dcmread(path, force=True) for path in sorted(tmp_path.iterdir()) if path.is_file()]
    assert sorted(one.SOPInstanceUID for one in got) == ["1.2.1.1.1", "1.2.1.1.2"]


# --- pynetdicom ----------------------------------------------------------------------------------------------------


@pytest.fixture
def associate(door: Served) -> Iterator[Callable[..., Any]]:
    pynetdicom = pytest.importorskip("pynetdicom")
    made: list[Any] = []

    def associated(*contexts: tuple[str, str], roles: tuple[str, ...] = (), handlers: Any = ()) -> Any:
        ae = pynetdicom.AE(ae_title="PYNET")
        for abstract, syntax in contexts:
            ae.add_requested_context(abstract, syntax)
        negotiation = [pynetdicom.build_role(uid, scu_role=True, scp_role=True) for uid in roles]
        made.append(
            ae.associate(door.host, door.port, ae_title="PROOF", ext_neg=negotiation, evt_handlers=list(handlers))
        )
        assert made[-1].is_established
        return made[-1]

    yield associated
    for one in made:
        one.release()


def test_pynetdicom_stores_finds_and_gets(archive: Archive, associate: Callable[..., Any]) -> None:
    evt = pytest.importorskip("pynetdicom").evt
    find, get = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.3"
    got: list[Dataset] = []

    def take(event: Any) -> int:
        got.append(event.dataset)
        return 0

    association = associate((SC, EXPLICIT), (find, IMPLICIT), (get, IMPLICIT), roles=(SC,),
                            handlers=[(evt.EVT_C_STORE, take)])  # fmt: skip
    dataset = make()
    file_of(dataset)
    assert association.send_c_store(dataset).Status == 0
    answers = list(association.send_c_find(
        identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="", PatientName=""), find))  # fmt: skip
    assert [status.Status for status, _ in answers] == [0xFF00, 0]
    assert answers[0][1].PatientName == "Müller^Jörg"
    answers = list(association.send_c_get(identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1"), get))
    assert answers[-1][0].Status == 0
    assert [one.SOPInstanceUID for one in got] == ["1.2.1.1.1"]


def test_pynetdicom_performs_a_step(associate: Callable[..., Any]) -> None:
    step, retrieve = "1.2.840.10008.3.1.2.3.3", "1.2.840.10008.3.1.2.3.4"
    association = associate((step, EXPLICIT), (retrieve, EXPLICIT))
    status, _ = association.send_n_create(created(), step, "1.2.3.4")
    assert status.Status == 0
    status, _ = association.send_n_set(finished(), step, "1.2.3.4")
    assert status.Status == 0
    status, told = association.send_n_get([0x00400252], retrieve, "1.2.3.4")
    assert (status.Status, told.PerformedProcedureStepStatus) == (0, "COMPLETED")
    status, _ = association.send_n_set(finished(), step, "1.2.3.4")
    assert (status.Status, status.ErrorID) == (0x0110, 0xA710)
