"""PS3.10 -> JSON -> PS3.10 -> XML -> PS3.10 loses nothing but what docs/models.md names, for every data set."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from harness.make import as_octets, oddities
from harness.make.corpus import corpus
from harness.make.datasets import files
from harness.make.tree import Tree
from harness.wire import part10
from simulators.model import json_decode, json_encode, xml_decode, xml_encode
from simulators.model.build import Undecodable
from tests.model.triangle import EXPLICIT, file_of, reading, through_json, through_xml

CHARSET = "00080005"  # named anew: both models are UTF-8
NO_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def lost(got: bytes, want: part10.DataSet) -> list[Any]:
    return list(part10.difference(reading(got).dataset, want, ignore=(CHARSET,)))


def reblocked(dataset: Dataset) -> Dataset:
    """The data set with private blocks from 10 on, and without the creators of empty blocks: what XML can carry."""
    made = Dataset()
    blocks: dict[int, list[str]] = {}
    for element in dataset:
        tag = element.tag
        if element.VR == "SQ":
            element.value = [reblocked(item) for item in element.value]
        if tag.is_private_creator:
            continue
        if tag.is_private:
            creator = dataset[Tag(tag.group, tag.element >> 8)].value
            owners = blocks.setdefault(tag.group, [])
            if creator not in owners:
                owners.append(creator)
                made.add_new(Tag(tag.group, 0x10 + owners.index(creator)), "LO", creator)
            element.tag = Tag(tag.group, (0x10 + owners.index(creator)) << 8 | tag.element & 0xFF)
        made.add(element)
    return made


def texts(tree: Tree) -> str:
    """Every text of a tree."""
    found = []
    for element in tree.elements:
        found += [value for value in element.values if isinstance(value, str)]
        found += [texts(item) for item in element.items]
    return "\n".join(found)


def round_the_triangle(octets: bytes, xml: bool = True) -> None:
    """Each leg keeps what the leg before it had."""
    want = reading(octets)
    syntax = want.transfer_syntax
    encapsulated = part10.syntax_of(syntax).encapsulated is True
    kept = syntax if encapsulated else EXPLICIT
    from_json = through_json(octets, encapsulated)
    assert lost(file_of(from_json, kept), want.dataset) == []
    if xml:
        plain = file_of(reblocked(from_json), kept)
        from_xml = through_xml(plain, encapsulated)
        assert lost(file_of(from_xml, kept), reading(plain).dataset) == []


@SLOW
@given(files())
def test_any_data_set(made: tuple[Tree, as_octets.File]) -> None:
    tree, file = made
    assume(not _same_creator_twice(tree))
    round_the_triangle(file.octets, xml=not NO_XML.search(texts(tree)))


def _same_creator_twice(tree: Tree) -> bool:
    creators = [(e.tag[:4], e.values) for e in tree.elements if e.creates]
    inner = [item for e in tree.elements for item in e.items]
    return len(set(creators)) < len(creators) or any(_same_creator_twice(item) for item in inner)


@pytest.mark.parametrize("sample", corpus(5, "TRIANGLE"), ids=lambda s: s.instance[-8:])
def test_the_corpus(sample: Any) -> None:
    round_the_triangle(sample.part10)


def test_the_oddities() -> None:
    made = Dataset()
    made.SOPClassUID = made.SOPInstanceUID = "1.2.3"
    for odd in (oddities.private_block, oddities.private_numbers, oddities.deep_sequence):
        odd(made)
    round_the_triangle(file_of(made))


def test_a_text_of_every_character_set_becomes_utf_8() -> None:
    for sample in corpus(6, "CHARSETS"):
        made = through_json(sample.part10)
        before = reading(sample.part10).dataset
        beyond = any(not str(e.value).isascii() for e in made.iterall() if e.VR in ("PN", "LO", "LT", "SH", "ST", "UT"))
        assert made.get("SpecificCharacterSet") == ("ISO_IR 192" if beyond or before.charsets else None)


# --- the decoders refuse ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[", "character 1"),
        ("1", "neither an array nor an object"),
        ("[1]", "/0: a data set is an object"),
        ('{"00100010":1}', "/00100010: an attribute is an object"),
        ('{"0010001g":{"vr":"LO"}}', "/0010001g: the name of an attribute"),
        ('{"0010002a":{"vr":"LO"}}', "upper-case"),
        ('{"00100020":{}}', "/00100020/vr: 'None' is no VR"),
        ('{"00100020":{"vr":"XX"}}', "is no VR"),
        ('{"00100020":{"vr":"LO"},"00100020":{"vr":"LO"}}', "stands twice"),
        ('{"00020010":{"vr":"UI"}}', "group 0002"),
        ('{"00080000":{"vr":"UL"}}', "group length"),
        ('{"FFFEE000":{"vr":"UN"}}', "delimiter"),
        ('{"00100020":{"vr":"LO","Value":[]}}', "not empty"),
        ('{"00100020":{"vr":"LO","Value":"x"}}', "is an array"),
        ('{"00100020":{"vr":"LO","Value":[""]}}', "/00100020/Value/0: an empty value is null"),
        ('{"00100020":{"vr":"LO","Value":[1]}}', "a number is no value of LO"),
        ('{"00100020":{"vr":"LO","Value":[true]}}', "bool is no value of LO"),
        ('{"00100020":{"vr":"LO","Value":["a\\\\b"]}}', "a backslash"),
        ('{"00100020":{"vr":"LO","Other":["a"]}}', "stands one of"),
        ('{"00100020":{"vr":"LO","Value":["a"],"BulkDataURI":"x"}}', "stands one of"),
        ('{"00100010":{"vr":"PN","Value":["A^B"]}}', "a person name is an object"),
        ('{"00100010":{"vr":"PN","Value":[{"Family":"A"}]}}', "/00100010/Value/0/Family"),
        ('{"00100010":{"vr":"PN","Value":[{"Alphabetic":"A=B"}]}}', "without '='"),
        ('{"00280010":{"vr":"US","Value":[65536]}}', "does not fit US"),
        ('{"00280010":{"vr":"US","Value":["1"]}}', "str is no value of US"),
        ('{"00280010":{"vr":"US","Value":[1.5]}}', "no integer"),
        ('{"00280010":{"vr":"US","Value":[NaN]}}', "NaN is no JSON value"),
        ('{"00280009":{"vr":"AT","Value":["0018106g"]}}', "eight upper-case"),
        ('{"00281050":{"vr":"DS","Value":[0.30000000000000004]}}', "16 characters"),
        ('{"00281050":{"vr":"DS","Value":["1,5"]}}', "is no DS"),
        ('{"00280008":{"vr":"IS","Value":["1A"]}}', "is no IS"),
        ('{"00104000":{"vr":"LT","Value":["a","b"]}}', "has one value"),
        ('{"7FE00010":{"vr":"OW","Value":[1]}}', "has no Value"),
        ('{"7FE00010":{"vr":"OW","InlineBinary":"AA=A"}}', "no base64"),
        ('{"7FE00010":{"vr":"OW","InlineBinary":"AAAA"}}', "no whole words"),
        ('{"00100020":{"vr":"LO","InlineBinary":"AAAA"}}', "LO has no InlineBinary"),
        ('{"7FE00010":{"vr":"OW","BulkDataURI":"http://x"}}', "nothing is known of the bulk data"),
        ('{"00100020":{"vr":"LO","BulkDataURI":"http://x"}}', "is not given by reference"),
        ('{"00081140":{"vr":"SQ","Value":[null]}}', "/00081140/Value/0: a data set is an object"),
        ('{"00741030":{"vr":"FL","Value":[1e39]}}', "does not fit FL"),
        ('{"00100020":{"vr":[]}}', "is no VR"),
    ],
)
def test_json_that_is_refused(text: str, says: str) -> None:
    with pytest.raises(Undecodable) as error:
        json_decode.decode(text.encode())
    assert says in str(error.value)


HEAD = '<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">'


@pytest.mark.parametrize(
    ("inside", "says"),
    [
        ("<x/>", "x does not belong here"),
        ("text", "text does not belong here"),
        ('<DicomAttribute vr="LO"/>', "tag is eight"),
        ('<DicomAttribute tag="0010002a" vr="LO"/>', "tag is eight"),
        ('<DicomAttribute tag="00100020"/>', "is no VR"),
        ('<DicomAttribute tag="00020010" vr="UI"/>', "group 0002"),
        ('<DicomAttribute tag="00100020" vr="LO"/><DicomAttribute tag="00100020" vr="LO"/>', "stands twice"),
        ('<DicomAttribute tag="00100020" vr="LO" privateCreator="x"/>', "no privateCreator"),
        ('<DicomAttribute tag="00091001" vr="LO" privateCreator="x"/>', "no block in its tag"),
        ('<DicomAttribute tag="00090001" vr="LO"/>', "has a privateCreator"),
        ('<DicomAttribute tag="00100020" vr="LO"><Value>1</Value></DicomAttribute>', "counts from 1"),
        ('<DicomAttribute tag="00100020" vr="LO"><Value number="1">a\\b</Value></DicomAttribute>', "a backslash"),
        ('<DicomAttribute tag="00100020" vr="LO"><PersonName number="1"/></DicomAttribute>', "does not belong"),
        ('<DicomAttribute tag="00100020" vr="LO"><Value number="1"><b/></Value></DicomAttribute>', "no elements in it"),
        ('<DicomAttribute tag="00280010" vr="US"><Value number="1">x</Value></DicomAttribute>', "is no integer"),
        ('<DicomAttribute tag="00741030" vr="FL"><Value number="1">x</Value></DicomAttribute>', "is no number"),
        ('<DicomAttribute tag="00280009" vr="AT"><Value number="1">1</Value></DicomAttribute>', "a value of AT"),
        ('<DicomAttribute tag="7FE00010" vr="OB"><InlineBinary>?</InlineBinary></DicomAttribute>', "no base64"),
        ('<DicomAttribute tag="7FE00010" vr="OB"><BulkData/></DicomAttribute>', "one of uri and uuid"),
        ('<DicomAttribute tag="7FE00010" vr="OB"><BulkData uri="x"/></DicomAttribute>', "nothing is known"),
        ('<DicomAttribute tag="7FE00010" vr="OB"><BulkData uri="x"/><InlineBinary/></DicomAttribute>', "one kind"),
        ('<DicomAttribute tag="00100010" vr="PN"><PersonName number="1"><Alphabetic><FamilyName>a=b</FamilyName>'
         "</Alphabetic></PersonName></DicomAttribute>", "no '='"),
    ],
)  # fmt: skip
def test_xml_that_is_refused(inside: str, says: str) -> None:
    with pytest.raises(Undecodable) as error:
        xml_decode.decode(f"{HEAD}{inside}</NativeDicomModel>".encode())
    assert says in str(error.value)
    assert error.value.where


@pytest.mark.parametrize("document", ["<a/>", "<a", '<!DOCTYPE a [<!ENTITY b "b">]><NativeDicomModel/>'])
def test_documents_that_are_none(document: str) -> None:
    with pytest.raises(Undecodable):
        xml_decode.decode(document.encode())


@settings(max_examples=80, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("LO"),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                        st.sampled_from(["vr", "Value", "00100020", "00081140", "InlineBinary", "BulkDataURI"]), inner,
                        max_size=3), max_leaves=12))  # fmt: skip
def test_any_json_is_decoded_or_refused(root: Any) -> None:
    with contextlib.suppress(Undecodable):
        found = json_decode.decode(json.dumps(root).encode())
        assert all(isinstance(dataset, Dataset) for dataset in found)


# --- what the models cannot carry ------------------------------------------------------------------------------------


def test_the_losses_are_listed() -> None:
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    for word in ("Padding", "VR UN", "Group lengths", "Undefined lengths", "NaN", "Specific Character Set",
                 "U+FFFD", "private block", "fragments"):  # fmt: skip
        assert word in page


def test_numbers_that_json_lacks_go_by_reference() -> None:
    made = Dataset()
    made.add_new(0x00741030, "FL", [float("nan"), 1.0])
    assert b'"BulkDataURI"' in json_encode.encode(made)
    assert b"<BulkData" in xml_encode.encode(made)


def test_a_form_feed_is_lost_in_xml_and_visible() -> None:
    made = Dataset()
    made.add_new(0x00104000, "LT", "one\ftwo")
    assert xml_decode.decode(xml_encode.encode(made)).PatientComments == "one\ufffdtwo"
    assert json_decode.decode(json_encode.encode(made))[0].PatientComments == "one\ftwo"
