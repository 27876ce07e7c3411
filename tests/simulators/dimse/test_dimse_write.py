"""Attributes as octets of a data set, compared with pydicom; stored data sets written again in other syntaxes."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset as pydicom_reads

from simulators.dimse.syntax import DEFLATED, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE
from simulators.dimse.transcode import transcode
from simulators.dimse.write import write
from simulators.model.json_encode import elements_of
from simulators.model.scan import read_dataset

from .conftest import identifier, make, octets_of

NATIVE = (IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE)
PLAIN = st.characters(blacklist_characters="\\", blacklist_categories=["Cs", "Cc"])


def rich() -> Dataset:
    """One attribute of almost every VR, also within sequences."""
    made = identifier(
        RetrieveAETitle="AE", PatientAge="012Y", ImageType=["A", "B", ""], StudyDate="20240101", PatientWeight="1.50",
        AcquisitionDateTime="20240101120000.5+0100", DiffusionBValue=1.5, RecommendedDisplayFrameRateInFloat=0.25,
        SeriesNumber="-7", PatientID="P 1", PatientComments="two\r\nlines", PatientName="A^B=C^D=E",
        AccessionNumber="Ä1", StudyInstanceUID=["1.2.3", "1.2.4"], StudyTime="1011", Rows=65535,
        FrameIncrementPointer=[0x00181063, 0x00181065], SimpleFrameList=[1, 2**31], RetrieveURL="http://x/",
        RequestAttributesSequence=[identifier(RequestedProcedureID="Ü"), Dataset()], ReferencedStudySequence=[],
        TagAngleSecondAxis=-5, LongCodeValue="x" * 70000,
    )  # fmt: skip
    made.SpecificCharacterSet = "ISO_IR 192"
    made.add_new(0x00091001, "OB", b"\1\2")
    made.add_new(0x00091002, "OW", b"\1\2\3\4")
    made.add_new(0x00091003, "SV", -(2**60))
    return made


def told(dataset: Dataset) -> dict[str, bytes]:
    source = read_dataset(octets_of(dataset), 0, EXPLICIT_LE)
    return {tag: text.encode() for tag, text in elements_of(source, "").items()}


@pytest.mark.parametrize("syntax", NATIVE)
def test_written_attributes_read_as_they_were(syntax: str) -> None:
    dataset = rich()
    del dataset.LongCodeValue  # too long to be told in place
    octets = write(told(dataset), syntax)
    back = pydicom_reads(io.BytesIO(octets), syntax == IMPLICIT_LE, syntax != EXPLICIT_BE)
    if syntax == IMPLICIT_LE:
        for tag in (0x00091001, 0x00091002, 0x00091003):  # without a VR they are only octets
            del back[tag], dataset[tag]
    elif syntax == EXPLICIT_BE:
        assert back[0x00091002].value == b"\2\1\4\3", "words are turned around, and pydicom leaves them so"
        del back[0x00091002], dataset[0x00091002]
    assert back == dataset


def test_text_beyond_ascii_names_its_character_set() -> None:
    octets = write({"00100010": '{"vr":"PN","Value":[{"Alphabetic":"Ä"}]}'.encode()}, EXPLICIT_LE)
    assert octets == b"\x08\0\x05\0CS\x0a\0ISO_IR 192\x10\0\x10\0PN\x02\0" + "Ä".encode()
    assert b"ISO_IR" not in write({"00100010": b'{"vr":"PN","Value":[{"Alphabetic":"A"}]}'}, EXPLICIT_LE)


@pytest.mark.parametrize("target", [*NATIVE, DEFLATED])
@pytest.mark.parametrize("origin", NATIVE)
def test_a_data_set_says_the_same_in_every_syntax(origin: str, target: str) -> None:
    dataset = make(RequestAttributesSequence=[identifier(RequestedProcedureID="R1")], SmallestImagePixelValue=3)
    source = read_dataset(octets_of(dataset, origin), 0, origin)
    again = read_dataset(transcode(source, target), 0, target)
    assert elements_of(again, "") == elements_of(source, "")
    pixels, before = again.dataset.get(0x7FE00010), source.dataset.get(0x7FE00010)
    assert pixels is not None
    assert before is not None
    if target == origin:
        assert again.value(pixels) == source.value(before)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(PLAIN, max_size=20)), st.sampled_from(NATIVE))
def test_any_text_comes_back(values: list[str], syntax: str) -> None:
    values = [value.rstrip(" ") for value in values]
    text = json.dumps({"vr": "LO", "Value": [v or None for v in values]}, ensure_ascii=False).encode()
    back = elements_of(read_dataset(write({"00101000": text} if values else {}, syntax), 0, syntax), "")
    found = json.loads(back["00101000"]).get("Value", []) if "00101000" in back else []
    assert found == ([v or None for v in values] if any(values) or len(values) > 1 else [])
