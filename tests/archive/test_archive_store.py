"""Storing: what is refused and why, what replaces what, that a crash leaves whole instances or none, and threads."""

from __future__ import annotations

import errno
import os
import threading
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from sqlalchemy.engine.default import DefaultDialect

from simulators.archive.archive import Archive, Question, Stored
from simulators.archive.check import Checked, Refused, check
from simulators.archive.filing import Filing
from simulators.model.names import BASE

STUDIES = Question(("study",))


def files_in(archive: Archive) -> list[Path]:
    return [path for path in archive.folder.rglob("*") if path.suffix == ".dcm"]


def test_what_was_stored_is_held_octet_for_octet(archive: Archive, make: Any, put: Any) -> None:
    octets = make(PatientID="P1", InstanceNumber="7")
    (outcome,) = put(octets)
    assert (outcome.status, outcome.reason, outcome.warning) == ("stored", 0, 0)
    assert (outcome.study, outcome.series, outcome.sop_instance) == ("1.2.3", "1.2.3.1", "1.2.3.1.1")
    (held,) = archive.select("1.2.3")
    assert held.path.read_bytes() == octets
    assert held.size == len(octets)
    assert octets[held.dataset_at :].startswith(b"\x08\x00\x16\x00UI")
    assert b"1.2.3.1.1" not in os.fsencode(held.path)
    assert held.metadata.startswith(b'{"00080016":{"vr":"UI"')
    assert (held.frames, held.is_image, held.pixel_tag) == (0, False, "")


def test_select_respects_the_hierarchy_and_its_order(archive: Archive, make: Any, put: Any) -> None:
    put(
        make(SeriesInstanceUID="1.9", SOPInstanceUID="1.9.2", SeriesNumber="2", InstanceNumber="10"),
        make(SeriesInstanceUID="1.9", SOPInstanceUID="1.9.1", SeriesNumber="2", InstanceNumber="9"),
        make(SeriesInstanceUID="1.8", SOPInstanceUID="1.8.1"),
        make(SeriesInstanceUID="1.10", SOPInstanceUID="1.10.1", SeriesNumber="10"),
        make(StudyInstanceUID="1.2.4", SeriesInstanceUID="1.7", SOPInstanceUID="1.7.1"),
    )
    assert [h.instance for h in archive.select("1.2.3")] == ["1.9.1", "1.9.2", "1.10.1", "1.8.1"]
    assert [h.instance for h in archive.select("1.2.3", "1.9")] == ["1.9.1", "1.9.2"]
    assert [h.instance for h in archive.select("1.2.3", "1.9", "1.9.2")] == ["1.9.2"]
    assert archive.select("1.2.3", "1.7") == []
    assert archive.select("1.2.4", "1.9", "1.9.2") == []
    assert archive.select("1.2.5") == []
    assert archive.study_exists("1.2.4")
    assert not archive.study_exists("1.2.5")
    assert archive.select("1.2.4", metadata=False)[0].metadata == b""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"SOPClassUID": "1.2.840.10008.1.20.1"}, 0x0122),  # a SOP Class, but not one to store
        ({"SOPClassUID": "1.2.840.10008.1.3.10"}, 0x0122),
        ({"SOPClassUID": "1.2.3.4.5"}, 0x0122),
        ({"SOPClassUID": None}, 0xA900),
        ({"StudyInstanceUID": None}, 0xA900),
        ({"StudyInstanceUID": ""}, 0xA900),
        ({"SeriesInstanceUID": None}, 0xA900),
        ({"StudyInstanceUID": "1.02.3"}, 0xC000),
        ({"SeriesInstanceUID": "../../etc/passwd"}, 0xC000),
    ],
)
def test_data_sets_that_are_refused(archive: Archive, make: Any, put: Any, change: dict[str, Any], reason: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, about what is wrong on purpose
        octets = make(**change)
    (outcome,) = put(octets)
    assert (outcome.status, outcome.reason) == ("failed", reason)
    assert outcome.detail
    assert outcome.sop_instance == "1.2.3.1.1"
    assert files_in(archive) == []
    assert archive.search(STUDIES).rows == []


def test_files_that_are_refused(archive: Archive, make: Any, put: Any) -> None:
    good = make(PatientID="P1")
    cases = {
        "empty": (b"", 0xC000),
        "no file": (b"GIF89a" * 100, 0xC000),
        "no preamble": (good[132:], 0xC000),
        "meta only": (good[:132], 0xC000),
        "cut": (good[:-3], 0xC000),
        "unknown syntax": (good.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.9.1\0", 1), 0xC122),
        "another class in the meta information": (
            good.replace(b"1.2.840.10008.5.1.4.1.1.2\0", b"1.2.840.10008.5.1.4.1.1.4\0", 1),
            0xA900,
        ),
        "another instance in the meta information": (good.replace(b"1.2.3.1.1\0", b"1.2.3.1.9\0", 1), 0xA900),
    }
    outcomes = put(*(octets for octets, _ in cases.values()))
    for (name, (_, reason)), outcome in zip(cases.items(), outcomes, strict=True):
        assert (outcome.status, hex(outcome.reason)) == ("failed", hex(reason)), (name, outcome)
    assert files_in(archive) == []


def test_a_batch_keeps_its_order_and_stores_what_it_can(archive: Archive, make: Any, put: Any) -> None:
    outcomes = put(make(SOPInstanceUID="1.1"), b"nonsense", make(SOPInstanceUID="1.2"), make(StudyInstanceUID="1.5"),
                   study="1.2.3")  # fmt: skip
    assert [(o.status, o.reason) for o in outcomes] == [
        ("stored", 0), ("failed", 0xC000), ("stored", 0), ("failed", 0xA900),
    ]  # fmt: skip
    assert outcomes[3].study == "1.5"
    assert [h.instance for h in archive.select("1.2.3")] == ["1.1", "1.2"]
    assert len(files_in(archive)) == 2


def test_nul_and_space_after_a_uid_are_padding(archive: Archive, make: Any, put: Any) -> None:
    octets = make(StudyInstanceUID="1.2.3")  # five characters and a NUL
    spaced = octets.replace(b"UI\x06\x001.2.3\0", b"UI\x06\x001.2.3 ")
    assert spaced != octets
    assert put(spaced, study="1.2.3")[0].status == "stored"
    assert archive.select("1.2.3")


def pixels(**changes: Any) -> dict[str, Any]:
    described = {"Rows": 4, "Columns": 4, "BitsAllocated": 16, "SamplesPerPixel": 1}
    return {**described, "PhotometricInterpretation": "MONOCHROME2", "PixelData": b"\1\0" * 16, **changes}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, "stored"),
        ({"PixelData": b"\1\0" * 15}, "failed"),
        ({"PixelData": b"\1\0" * 20}, "stored"),
        ({"NumberOfFrames": "2"}, "failed"),
        ({"NumberOfFrames": "2", "PixelData": b"\1\0" * 32}, "stored"),
        ({"BitsAllocated": 1, "PixelData": b"\1\0"}, "stored"),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "failed"),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "YBR_FULL_422", "BitsAllocated": 8}, "stored"),
    ],
)
def test_pixel_data_is_as_long_as_its_description_says(
    make: Any, put: Any, change: dict[str, Any], status: str
) -> None:
    octets = make(**pixels(**change))
    (outcome,) = put(octets)
    assert outcome.status == status, outcome
    assert outcome.reason == (0 if status == "stored" else 0xC000)


def test_frames_are_counted(archive: Archive, make: Any, put: Any) -> None:
    twice = pixels(NumberOfFrames="2", PixelData=b"\1\0" * 32)
    put(make(InstanceNumber="1", **pixels()), make(SOPInstanceUID="1.2", InstanceNumber="2", **twice))
    assert [(h.frames, h.pixel_tag, h.encapsulated) for h in archive.select("1.2.3")] == [
        (1, "7FE00010", False), (2, "7FE00010", False),
    ]  # fmt: skip


# --- again ---------------------------------------------------------------------------------------------------------


def test_the_same_octets_again_change_nothing(archive: Archive, make: Any, put: Any) -> None:
    octets = make(PatientID="P1")
    put(octets)
    before = archive.select("1.2.3")
    assert put(octets, octets)[1].status == "stored"
    assert archive.select("1.2.3") == before
    assert len(files_in(archive)) == 1


def test_other_octets_replace_the_instance(archive: Archive, make: Any, put: Any) -> None:
    put(make(PatientID="P1"))
    old = archive.select("1.2.3")[0]
    put(make(PatientID="P2"))
    (held,) = archive.select("1.2.3")
    assert held.path != old.path
    assert old.path.exists()  # a reader that was just told of it may still open it
    assert b"P2" in held.metadata
    (row,) = archive.search(STUDIES).rows
    assert row.elements["00100020"] == b'{"vr":"LO","Value":["P2"]}'
    assert row.elements["00201208"] == b'{"vr":"IS","Value":[1]}'
    archive.close()
    assert not old.path.exists()


def test_an_instance_that_moves_to_another_study_leaves_none_behind(archive: Archive, make: Any, put: Any) -> None:
    put(make(Modality="MR"))
    put(make(StudyInstanceUID="1.5", SeriesInstanceUID="1.5.1"))
    assert [row.study for row in archive.search(STUDIES).rows] == ["1.5"]
    assert archive.select("1.2.3") == []


def test_the_later_of_two_in_a_batch_stays(archive: Archive, make: Any, put: Any) -> None:
    put(make(PatientID="P1"), make(PatientID="P2"))
    (held,) = archive.select("1.2.3")
    assert b"P2" in held.metadata
    assert len(files_in(archive)) == 1


# --- crashes -------------------------------------------------------------------------------------------------------


class Crash(BaseException):
    """The process is gone at this point."""


def crash(*_: Any, **__: Any) -> Any:
    raise Crash


def survivors(folder: Path) -> list[str]:
    reopened = Archive(folder)
    try:
        held = reopened.select("1.2.3")
        assert sorted(files_in(reopened)) == sorted(h.path for h in held)
        assert all(h.path.stat().st_size == h.size for h in held)
        return [h.instance for h in held]
    finally:
        reopened.close()


@pytest.mark.parametrize("step", ["check", "put", "finish", "commit"])
def test_a_crash_leaves_whole_instances_or_none(
    archive: Archive, make: Any, put: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    put(make(SOPInstanceUID="1.1"))
    with monkeypatch.context() as patch:
        if step == "check":
            patch.setattr("simulators.archive.archive.check", crash)
        elif step == "commit":
            patch.setattr(DefaultDialect, "do_commit", crash)
        else:
            patch.setattr(Filing, step, crash)
        # a process that is gone cleans nothing up
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(Crash):
            put(make(SOPInstanceUID="1.2"), make(SOPInstanceUID="1.3"))
    archive.close()
    assert survivors(archive.folder) == ["1.1"]


def test_a_crash_while_replacing_keeps_the_old_instance(
    archive: Archive, make: Any, put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(make(PatientID="P1"))
    with monkeypatch.context() as patch:
        patch.setattr(Filing, "finish", crash)
        with pytest.raises(Crash):
            put(make(PatientID="P2"))
    assert b"P1" in archive.select("1.2.3")[0].metadata
    archive.close()
    assert survivors(archive.folder) == ["1.2.3.1.1"]


def test_a_crash_after_the_commit_keeps_the_new_instance(
    archive: Archive, make: Any, put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(make(PatientID="P1"))
    with monkeypatch.context() as patch:
        patch.setattr(Archive, "_retire", crash)
        with pytest.raises(Crash):
            put(make(PatientID="P2"))
    archive.close()
    reopened = Archive(archive.folder)
    (held,) = reopened.select("1.2.3")
    assert b"P2" in held.metadata
    assert files_in(reopened) == [held.path]
    reopened.close()


def test_the_file_is_on_disk_before_the_index_knows_it(
    archive: Archive, make: Any, put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[int] = set()
    known: list[set[int]] = []
    fsync, filing = os.fsync, Filing.put

    def watched_fsync(handle: int) -> None:
        fsync(handle)
        synced.add(os.fstat(handle).st_ino)

    def watched_put(self: Filing, ready: Any) -> list[str]:
        known.append(set(synced))
        return filing(self, ready)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Filing, "put", watched_put)
    for batch in (["1.1"], ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"]):
        put(*(make(SOPInstanceUID=uid) for uid in batch))
        paths = [held.path for held in archive.select("1.2.3") if held.instance in batch]
        assert len(paths) == len(batch)
        assert {path.stat().st_ino for path in paths} <= known[-1]
        assert {path.parent.stat().st_ino for path in paths} <= known[-1]
        assert archive.folder.joinpath("files").stat().st_ino in known[-1]
        synced -= {path.parent.stat().st_ino for path in paths}  # names are new in every batch


def test_a_full_disk_is_told_and_leaves_nothing(
    archive: Archive, make: Any, put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for batch in ([make()], [make(), make(SOPInstanceUID="1.2")]):
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            outcomes = put(*batch)
        assert [(o.status, o.reason) for o in outcomes] == [("failed", 0xA700)] * len(batch)
        assert files_in(archive) == []
    with monkeypatch.context() as patch:
        patch.setattr("simulators.archive.archive.sync", full)  # the names only
        (outcome,) = put(make())
    assert (outcome.status, outcome.reason) == ("failed", 0xA700)
    assert files_in(archive) == []
    with monkeypatch.context() as patch:
        patch.setattr(Filing, "finish", full)
        (outcome,) = put(make())
    assert (outcome.status, outcome.reason) == ("failed", 0xA700)
    assert files_in(archive) == []
    assert put(make())[0].status == "stored"


def test_a_second_process_sweeps_nothing_of_the_first(archive: Archive) -> None:
    incoming = archive.receive()
    incoming.write(b"half")
    other = Archive(archive.folder)
    assert incoming.path.exists()
    other.close()
    incoming.discard()


# --- threads and size ----------------------------------------------------------------------------------------------


def test_many_threads_store_and_read(archive: Archive, make: Any, put: Any) -> None:
    files = [make(SOPInstanceUID=f"1.1.{n}", SeriesInstanceUID=f"1.{n % 3}", InstanceNumber=str(n)) for n in range(60)]
    stop = threading.Event()

    def read() -> list[int]:
        seen: list[int] = []
        while not stop.is_set():
            rows = archive.search(STUDIES).rows
            held = archive.select("1.2.3")
            assert all(h.path.exists() for h in held)
            if rows:
                count = int(rows[0].elements["00201208"].split(b"[")[1].rstrip(b"]}"))
                assert count <= len(held)
                seen.append(count)
        return seen

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        outcomes = list(pool.map(lambda octets: put(octets)[0], files))
        stop.set()
        counts = [reader.result() for reader in readers]
    assert {o.status for o in outcomes} == {"stored"}
    assert len(archive.select("1.2.3")) == 60
    assert all(seen == sorted(seen) for seen in counts)


def test_large_pixel_data_takes_no_memory(archive: Archive, make: Any) -> None:
    small = make(**pixels(Rows=8192, Columns=4096, BitsAllocated=8, PixelData=b""))
    at = small.index(b"\xe0\x7f\x10\x00")
    size = 8192 * 4096
    tracemalloc.start()
    incoming = archive.receive()
    incoming.write(small[:at] + b"\xe0\x7f\x10\x00OW\0\0" + size.to_bytes(4, "little"))
    chunk = bytes(1 << 20)
    for _ in range(size >> 20):
        incoming.write(chunk)
    (outcome,) = archive.store([incoming])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert outcome.status == "stored", outcome
    assert peak < 8 << 20


# --- hostile octets ------------------------------------------------------------------------------------------------


def nested(depth: int) -> Dataset:
    inner = Dataset()
    for _ in range(depth):
        outer = Dataset()
        outer.ContentSequence = Sequence([inner])
        inner = outer
    return inner


def test_sequences_nested_too_deep_are_refused(file: Any, dataset: Any, put: Any) -> None:
    deep = dataset()
    deep.update(nested(80))
    (outcome,) = put(file(deep))
    assert (outcome.status, outcome.reason) == ("failed", 0xA700)


def test_a_deflated_bomb_is_refused(file: Any, dataset: Any, put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    octets = file(dataset(PatientComments="x" * 10_000), "1.2.840.10008.1.2.1.99")
    assert put(octets)[0].status == "stored"
    monkeypatch.setattr("simulators.model.scan.INFLATED_LIMIT", 1000)
    octets = file(dataset(PatientComments="y" * 10_000), "1.2.840.10008.1.2.1.99")
    assert put(octets)[0].reason == 0xA700
    cut = octets[:-20]
    monkeypatch.undo()
    assert put(cut)[0].reason == 0xC000


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(data=st.data())
def test_damaged_files_are_stored_or_refused_but_nothing_else(tmp_path: Path, make: Any, data: st.DataObject) -> None:
    octets = bytearray(make(PatientID="P1", OtherPatientIDsSequence=Sequence([Dataset()]), **pixels()))
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(130, len(octets) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged"
    path.write_bytes(octets[: data.draw(st.integers(0, len(octets)))] if data.draw(st.booleans()) else octets)
    try:
        checked = check(path)
    except Refused as error:
        outcome: Checked | Stored = error.stored
    else:
        outcome = checked
    if isinstance(outcome, Stored):
        assert outcome.reason
        assert outcome.detail
    else:
        assert checked.size == path.stat().st_size  # cut between two elements, it is a file all the same
        assert BASE.decode() not in "".join(t for tag, t in checked.elements.items() if tag != "7FE00010")
