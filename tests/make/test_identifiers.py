"""Identifiers: read back as they were meant, lawful by the rules of the models, the same for another load."""

from __future__ import annotations

import io
from functools import cache

import pytest
from hypothesis import HealthCheck, find, given, settings
from pydicom.filereader import read_dataset

from harness.body import Body
from harness.make.corpus import corpus
from harness.make.holding import Holding
from harness.make.identifiers import (
    LEVELS,
    RETURNED,
    UNIQUE,
    Identifier,
    Model,
    identifiers,
    naming,
    patient_of,
    retrievals,
)
from harness.wire.part10 import read_bare

QUICK = settings(
    deadline=None, max_examples=50, suppress_health_check=list(HealthCheck), database=None, derandomize=True
)
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"


@cache
def held() -> Holding:
    return Holding.of(corpus(5, "QQ"))


@pytest.mark.parametrize("model", ["study", "patient"])
def test_queries_are_lawful(model: Model) -> None:
    @QUICK
    @given(identifiers(held(), model))
    def holds(identifier: Identifier) -> None:
        names = LEVELS[model]
        above = [UNIQUE[name] for name in names[: names.index(identifier.level)]]  # type: ignore[arg-type]
        keys = dict(identifier.keys)
        assert len(keys) == len(identifier.keys)
        assert all(keys[path] and not set(keys[path]) & set("*?\\") for path in above)
        assert UNIQUE[identifier.level] in keys

    holds()


@QUICK
@given(identifiers(held(), "study", relational=True))
def test_relational_queries_name_their_unique_key(identifier: Identifier) -> None:
    assert identifier.value(UNIQUE[identifier.level]) is not None


@QUICK
@given(retrievals(held(), "patient"))
def test_retrievals_have_unique_keys_alone(identifier: Identifier) -> None:
    assert {path for path, _ in identifier.keys} <= set(UNIQUE.values())
    assert identifier.value(UNIQUE[identifier.level])
    assert "\\" not in (identifier.value("00100020") or "")


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_octets_are_read_back(syntax: str) -> None:
    @QUICK
    @given(identifiers(held(), "study"))
    def holds(identifier: Identifier) -> None:
        octets = identifier.octets(syntax)
        strict, flaws = read_bare(Body.of(octets), syntax)
        assert not flaws.of("part10.truncated", "part10.order", "part10.odd-length", "part10.not-explicit")
        assert strict.text("00080052") == identifier.level
        read = read_dataset(io.BytesIO(octets), syntax == IMPLICIT, True)
        for path, value in identifier.keys:
            if "." not in path and value.isascii() and "\\" not in value:
                assert str(read[int(path, 16)].value or "") == value.strip() or read[int(path, 16)].VR in ("IS", "PN")

    holds()


def test_sequences_and_other_characters() -> None:
    identifier = Identifier(
        "study", "SERIES", (("00400275.00400009", "X1"), ("00400275.00401001", ""), ("00100010", "é"))
    )
    read = read_dataset(io.BytesIO(identifier.octets(EXPLICIT)), False, True)
    item = read.RequestAttributesSequence[0]
    assert (item.ScheduledProcedureStepID, item.RequestedProcedureID) == ("X1", "")
    assert read.SpecificCharacterSet == "ISO_IR 192"
    assert str(read.PatientName) == "é"
    assert "SpecificCharacterSet" not in read_dataset(io.BytesIO(Identifier("study", "STUDY").octets()), True, True)


def test_naming_an_entity() -> None:
    image = held().instances[0]
    in_study, in_patient = naming(image, held()), naming(image, held(), "patient")
    assert [path for path, _ in in_study.keys] == ["0020000D", "0020000E", "00080018"]
    assert dict(in_patient.keys)["00100020"] == patient_of(image, held())
    assert in_study.level == "IMAGE"


def test_changing_an_identifier() -> None:
    one = Identifier("study", "STUDY", (("0020000D", "1"), ("00100020", "A")))
    assert one.with_keys(("0020000D", "2"), ("00100010", "")).keys == (
        ("0020000D", "2"), ("00100020", "A"), ("00100010", ""),
    )  # fmt: skip
    assert one.without("00100020").keys == (("0020000D", "1"),)


def test_nothing_held_is_an_error_and_so_is_a_syntax_that_is_not_made() -> None:
    with pytest.raises(ValueError, match="Nothing is held"):
        find(identifiers(Holding(), "study"), lambda _: True, settings=QUICK)
    with pytest.raises(ValueError, match="Nothing is held"):
        retrievals(Holding())
    with pytest.raises(ValueError, match="not made"):
        Identifier("study", "STUDY").octets("1.2.840.10008.1.2.2")


def test_optional_keys_are_of_their_level() -> None:
    assert set(RETURNED) == {"PATIENT", "STUDY", "SERIES", "IMAGE"}
