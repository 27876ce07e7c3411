"""RELAX NG, XML Schema, the strict reader and the generators say the same of the same documents."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from harness.body import Body
from harness.make.datasets import Flawed, flawed_xml, xml_texts
from harness.make.flawed_xml import CODES
from harness.make.tree import Tree
from harness.wire import native_xml, vr

SCHEMAS = Path(__file__).parent.parent.parent / "schemas"
# what both grammars say; the reader only notes the first two
GRAMMAR = {
    "xml.namespace", "xml.vr-missing", "xml.root", "xml.element", "xml.attribute", "xml.text", "xml.tag-missing",
    "xml.tag-syntax", "xml.tag-case", "xml.group-length", "xml.group-0000", "xml.group-0002", "xml.delimiter-tag",
    "xml.vr-unknown", "xml.private-tag", "xml.content-exclusive", "xml.content-repeated", "xml.number-missing",
    "xml.person-name-group", "xml.person-name-component", "xml.person-name-delimiter", "xml.bulkdata-reference",
    "xml.bulkdata-uri", "xml.bulkdata-uuid", "xml.inline-base64",
}  # fmt: skip
many = settings(
    max_examples=400, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@cache
def grammars() -> tuple[Any, Any]:
    rng = etree.RelaxNG(etree.parse(SCHEMAS / "native-dicom-model.rng"))
    return rng, etree.XMLSchema(etree.parse(SCHEMAS / "native-dicom-model.xsd"))


def verdicts(octets: bytes) -> set[bool]:
    """What the grammars say: one member when they agree."""
    root = etree.fromstring(octets)
    return {bool(grammar.validate(root)) for grammar in grammars()}


def flaws(octets: bytes) -> native_xml.Reading:
    return native_xml.read(Body.of(octets))


def said(reading: native_xml.Reading) -> bool:
    """Whether the reader found something that a grammar can say."""
    return any(
        f.code in GRAMMAR
        or (f.code == "xml.number" and not re.fullmatch(r"\s*\+?0*[1-9][0-9]*\s*", f.got))
        or (f.code == "xml.private-creator-missing" and f.got == "an empty one")
        or (f.code in ("xml.value-characters", "xml.value-backslash") and "PersonName" in f.where)
        or (f.code == "xml.only-empty" and "InlineBinary" in f.got)
        for f in reading.flaws.kept
    )


@settings(max_examples=120, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(xml_texts())
def test_legal_documents_are_legal_to_all(made: tuple[Tree, bytes]) -> None:
    _, octets = made
    assert flaws(octets).flaws.kept == []
    assert verdicts(octets) == {True}


@many
@given(flawed_xml())
def test_a_fault_is_found_where_it_is(made: Flawed) -> None:
    reading = flaws(made.octets)
    found = {f.code for f in reading.flaws.kept} - (native_xml.NOTES - {made.code})
    assert found == {made.code}
    assert not made.where or [f.where for f in reading.flaws.kept if f.code == made.code] == [made.where]


@many
@given(flawed_xml(codes=tuple(c for c in CODES if c not in ("xml.syntax", "xml.declaration"))))
def test_the_grammars_refuse_what_they_can_say(made: Flawed) -> None:
    assert verdicts(made.octets) == {not said(flaws(made.octets))}


def test_every_code_of_the_reader_is_made() -> None:
    never = {"xml.too-large", "xml.depth"}  # bounds of ours
    assert set(native_xml.CODES) - set(CODES) == never | {"xml.value-space"}
    assert set(CODES) <= set(native_xml.CODES)


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(st.lists(st.sampled_from(["a", "1", ":", "/", "?", "#", "[", "]", "@", "%2F", "%", "//", ".", "-"]), max_size=8))
def test_uris_are_the_same_to_all(words: list[str]) -> None:
    uri = "".join(words)
    octets = (
        f'<NativeDicomModel xmlns="{native_xml.NAMESPACE}"><DicomAttribute tag="7FE00010" vr="OB"><BulkData '
        f'uri="{uri}"/></DicomAttribute></NativeDicomModel>'
    ).encode()
    assert verdicts(octets) == {vr.uri_reference(uri)}


STANDARD = """<NativeDicomModel {}>
  <DicomAttribute tag="0020000D" vr="UI" keyword="StudyInstanceUID">
    <Value number="1">1.2.392.200036.9116.2.2.2.1762893313.1029997326.945873</Value>
  </DicomAttribute>
</NativeDicomModel>"""


@pytest.mark.parametrize(
    ("attributes", "valid"),
    [
        ("", False),
        (f'xmlns="{native_xml.NAMESPACE}"', True),
        (f'xmlns="{native_xml.NAMESPACE}" xml:space="preserve" xml:lang="en"', True),
        (
            f'xmlns="{native_xml.NAMESPACE}" xsi:schemaLocation="{native_xml.NAMESPACE}" '
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"',
            True,
        ),
        (f'xmlns="{native_xml.NAMESPACE}" lang="en"', False),
    ],
)
def test_examples_of_the_standard_once_they_carry_the_namespace(attributes: str, valid: bool) -> None:
    assert verdicts(STANDARD.format(attributes).encode()) == {valid}
