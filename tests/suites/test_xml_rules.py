"""Rules of the Native DICOM Model: every code of the reader has one, each catches its mutants, legal documents pass."""

from __future__ import annotations

import pytest

from harness.context import Context
from harness.exchange import Exchange
from harness.past import Past
from harness.rule import CATALOGUE, At, Mutant
from harness.wire import native_xml
from suites.model.xml.documents import RULE_OF
from suites.model.xml.values import LEGAL
from tests.suites import retrieving as r
from tests.suites.retrieving import XML, exchange, findings

RULES = sorted(i for i in CATALOGUE.rules if i.startswith("xml."))
MUTANTS = [m for i in RULES for m in CATALOGUE.rules[i].mutants if m.at is At.ANSWER]
HEAD = b"""<?xml version="1.0" encoding="UTF-8"?>
<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">"""
DOCUMENT = HEAD + (
    b'<DicomAttribute tag="00080008" vr="CS" keyword="ImageType"><Value number="1">ORIGINAL</Value>'
    b'<Value number="2"/><Value number="3">AXIAL</Value></DicomAttribute>'
    b'<DicomAttribute tag="00080018" vr="UI" keyword="SOPInstanceUID"><Value number="1">1.2</Value></DicomAttribute>'
    b'<DicomAttribute tag="00080020" vr="DA" keyword="StudyDate"><Value number="1">20240131</Value></DicomAttribute>'
    b'<DicomAttribute tag="00080050" vr="SH" keyword="AccessionNumber"/>'
    b'<DicomAttribute tag="00080060" vr="CS" keyword="Modality"><Value number="1">OT</Value></DicomAttribute>'
    b'<DicomAttribute tag="00081140" vr="SQ" keyword="ReferencedImageSequence"><Item number="1">'
    b'<DicomAttribute tag="00081155" vr="UI" keyword="ReferencedSOPInstanceUID"><Value number="1">1.3</Value>'
    b'</DicomAttribute></Item><Item number="2"/></DicomAttribute>'
    b'<DicomAttribute tag="00100010" vr="PN" keyword="PatientName"><PersonName number="1"><Alphabetic>'
    b"<FamilyName>A</FamilyName><GivenName>B</GivenName></Alphabetic></PersonName></DicomAttribute>"
    b'<DicomAttribute tag="00100020" vr="LO" keyword="PatientID"><Value number="1">P</Value></DicomAttribute>'
    b'<DicomAttribute tag="0020000D" vr="UI" keyword="StudyInstanceUID"><Value number="1">1.4</Value></DicomAttribute>'
    b'<DicomAttribute tag="00280009" vr="AT" keyword="FrameIncrementPointer"><Value number="1">00181063</Value>'
    b"</DicomAttribute>"
    b'<DicomAttribute tag="00280010" vr="US" keyword="Rows"><Value number="1">4</Value></DicomAttribute>'
    b'<DicomAttribute tag="00990001" vr="OB" privateCreator="TEST"><InlineBinary>AQIDBA==</InlineBinary>'
    b"</DicomAttribute>"
    b'<DicomAttribute tag="7FE00010" vr="OW" keyword="PixelData"><BulkData uri="http://example.org/bulk/1"/>'
    b"</DicomAttribute></NativeDicomModel>"
)
TARGET = f"{r.path()}/metadata"


def test_every_code_belongs_to_exactly_one_rule() -> None:
    assert set(native_xml.CODES) == set(RULE_OF) | set(LEGAL)
    assert not set(RULE_OF) & set(LEGAL)
    assert all(rule in CATALOGUE.rules for rule in RULE_OF.values())


def shown(document: bytes) -> Exchange:
    return exchange(TARGET, r.multipart([("application/dicom+xml", "", document)], "application/dicom+xml"), XML)


@pytest.mark.parametrize("rule", RULES)
def test_a_right_document_exercises_and_passes(rule: str) -> None:
    assert findings(rule, shown(DOCUMENT)) == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.id)
def test_a_mutant_is_caught_by_its_rule(mutant: Mutant) -> None:
    x = shown(DOCUMENT)
    broken = mutant.act(x)
    assert broken is not None, "found nothing to break"
    assert findings(mutant.rule, x.but(answer=broken))


@pytest.mark.parametrize("rule", RULES)
def test_nothing_is_exercised_without_documents(rule: str) -> None:
    for said in (r.answer(404, b"<html/>", "text/html"), r.rows(r.metadata())):
        assert findings(rule, exchange(TARGET, said, XML)) is None


def test_what_the_texts_do_not_agree_on_only_warns() -> None:
    """The schema and the table of PS3.19 contradict each other (D-22)."""
    bare = DOCUMENT.replace(b' xml:space="preserve"', b"").replace(
        b' xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM"', b""
    )
    assert r.soft(findings("xml.space-preserved", shown(bare)))
    assert not CATALOGUE.rules["xml.namespace"].level.binding
    red = [i for i in RULES if i not in ("xml.space-preserved", "xml.namespace") and findings(i, shown(bare))]
    assert red == []


def test_a_single_part_is_judged_as_well() -> None:
    single = exchange(
        TARGET, r.answer(200, DOCUMENT.replace(b'tag="00080060"', b'tag="8,60"'), "application/dicom+xml")
    )
    assert findings("xml.tags", single)


def test_values_that_are_too_many_are_blamed_on_who_stored_them() -> None:
    more = b'<Value number="1">OT</Value><Value number="2">OT</Value>'
    ours = DOCUMENT.replace(b">1.4<", f">{r.STUDY}<".encode())
    x = shown(ours.replace(b'<Value number="1">OT</Value>', more))
    assert r.hard(findings("xml.multiplicity", x))
    assert r.soft(findings("xml.multiplicity", x.but(context=Context(past=Past()))))
