"""SOP Classes by service, and Status codes by class and by what lists them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom import sop_class
from pynetdicom import status as theirs

from harness.wire import sop, status


@pytest.mark.parametrize(
    ("uid", "service"),
    [
        ("1.2.840.10008.1.1", "verification"),
        ("1.2.840.10008.5.1.4.1.1.2", "storage"),
        ("1.2.840.10008.5.1.4.1.1.66.7", "storage"),
        ("1.2.840.10008.5.1.4.1.1.5", "storage"),
        ("1.2.840.10008.5.1.4.38.1", "storage"),
        ("1.2.840.10008.5.1.4.1.2.1.1", "query-retrieve"),
        ("1.2.840.10008.5.1.4.1.2.2.3", "query-retrieve"),
        ("1.2.840.10008.5.1.4.31", "worklist"),
        ("1.2.840.10008.3.1.2.3.3", "mpps"),
        ("1.2.840.10008.1.20.1", "commitment"),
        ("1.2.840.10008.1.3.10", "other"),
        ("1.2.840.10008.5.1.4.1.2.4.2", "other"),
        ("1.2.840.10008.5.1.4.1.1.201.6", "other"),
        ("1.2.3", "other"),
        ("", "other"),
    ],
)
def test_the_service_of_a_sop_class(uid: str, service: str) -> None:
    assert sop.service_of(uid) == service
    assert service in sop.SERVICES


def test_storage_is_what_pynetdicom_has_and_more() -> None:
    theirs = {*sop_class._STORAGE_CLASSES.values(), *sop_class._NON_PATIENT_OBJECT_CLASSES.values()}
    assert theirs <= sop.STORAGE
    assert set(sop_class._NON_PATIENT_OBJECT_CLASSES.values()) == sop.NON_PATIENT
    later = {"DICOS", "Eddy"}  # neighbours of DICOM
    rest = {sop.name_of(u) for u in sop.STORAGE - theirs - sop.RETIRED}
    assert {name.split()[0] for name in rest} == later


def test_names_and_roots() -> None:
    assert sop.name_of(sop.VERIFICATION) == "Verification SOP Class"
    assert sop.name_of("1.2.3") == "1.2.3"
    assert sop.root_of(sop.ROOTS["study"]["move"]) == "study"
    assert sop.root_of(sop.VERIFICATION) == ""
    assert sop.is_private("1.2.3")
    assert not sop.is_private(sop.WORKLIST)
    assert sop.is_sop_class(sop.MPPS)
    assert not sop.is_sop_class("1.2.840.10008.1.2")
    assert "1.2.840.10008.1.2" in sop.TRANSFER_SYNTAXES
    assert sop.is_encapsulated("1.2.840.10008.1.2.4.50") is True
    assert sop.is_encapsulated("1.2.840.10008.1.2") is False
    assert sop.is_encapsulated("1.2.3") is None


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([0x0000], "success"),
        ([0x0001, 0x0107, 0x0116, 0xB000, 0xBFFF], "warning"),
        ([0x0100, 0x0106, 0x0108, 0x01FF, 0x0200, 0x02FF, 0xA000, 0xAFFF, 0xC000, 0xCFFF], "failure"),
        ([0xFE00], "cancel"),
        ([0xFF00, 0xFF01], "pending"),
        ([0x0002, 0x00FF, 0x0300, 0x5555, 0x9FFF, 0xD000, 0xFE01, 0xFF02, 0xFFFF], "unknown"),
    ],
)
def test_the_class_of_a_status(codes: list[int], expected: str) -> None:
    assert [status.class_of(code) for code in codes] == [expected] * len(codes)


@pytest.mark.parametrize(
    ("service", "verb", "code", "listed", "meaning"),
    [
        ("storage", "store", 0xA7FF, True, "Refused: out of resources"),
        ("storage", "store", 0xB007, True, "Data Set does not match SOP Class"),
        ("storage", "store", 0xB001, False, "warning"),
        ("storage", "store", 0x0110, False, "Processing failure"),
        ("query-retrieve", "move", 0xA801, True, "Refused: Move Destination unknown"),
        ("query-retrieve", "get", 0xA801, False, "failure"),
        ("query-retrieve", "find", 0xC123, True, "Failed: unable to process"),
        ("worklist", "find", 0xFF01, True, "Matches are continuing, an optional key was not supported"),
        ("mpps", "n-set", 0x0110, True, "Processing failure"),
        ("commitment", "n-action", 0x0123, True, "No such Action Type"),
        ("verification", "echo", 0x0122, True, "Refused: SOP Class not supported"),
        ("verification", "echo", 0xA700, False, "failure"),
    ],
)
def test_what_is_listed(service: str, verb: str, code: int, listed: bool, meaning: str) -> None:
    assert status.is_listed(service, verb, code) is listed
    assert status.meaning_of(service, verb, code) == meaning


def test_listed_codes_are_in_a_range_and_named() -> None:
    for codes in status.OPERATION.values():
        assert all(status.class_of(code) != "unknown" for code in codes)
        assert all(code in status.GENERAL or code == status.CANCEL for code in codes)


def test_general_codes_are_those_of_pynetdicom() -> None:
    known = {code for code in theirs.GENERAL_STATUS if code < 0x300}
    assert known <= {*status.GENERAL, 0x0001}


@given(st.integers(0, 0xFFFF))
def test_every_code_has_a_class_and_a_meaning(code: int) -> None:
    assert status.class_of(code) in ("success", "warning", "failure", "cancel", "pending", "unknown")
    assert status.meaning_of("storage", "store", code)
    assert status.spelled(code) == f"{code:04X}H"
