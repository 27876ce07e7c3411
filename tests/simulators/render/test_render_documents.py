"""Reports and encapsulated documents as text, HTML, XML and PDF."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree, html
from pydicom.dataset import Dataset

from simulators.render import charsets
from simulators.render.pdf import pdf
from simulators.render.render import media_types, rendered
from simulators.render.report import MOST_DEPTH
from simulators.render.view import TooLarge, Unrenderable, View
from tests.simulators.render.pictures import NOTHING
from tests.web.door import make

SR = "1.2.840.10008.5.1.4.1.1.88.11"
TEXTS = ("text/html", "text/plain", "text/xml")


def code(meaning: str) -> list[Dataset]:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "1", "99TEST", meaning
    return [item]


def item(kind: str, name: str, **values: Any) -> Dataset:
    made = Dataset()
    made.RelationshipType, made.ValueType, made.ConceptNameCodeSequence = "CONTAINS", kind, code(name)
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def plain(**values: Any) -> Dataset:
    dataset = make()
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "SamplesPerPixel",
                    "PixelRepresentation", "PhotometricInterpretation"):  # fmt: skip
        delattr(dataset, keyword)
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def report(*content: Dataset) -> Dataset:
    made = plain(
        SOPClassUID=SR, Modality="SR", ValueType="CONTAINER", ConceptNameCodeSequence=code("A <report> & more")
    )
    made.ContentSequence = list(content)
    return made


def measured(value: str, unit: str) -> Dataset:
    number, units = Dataset(), Dataset()
    units.CodeValue, units.CodeMeaning, units.CodingSchemeDesignator = unit, "some unit", "UCUM"
    number.NumericValue, number.MeasurementUnitsCodeSequence = value, [units]
    return item("NUM", "Length", MeasuredValueSequence=[number])


def example() -> Dataset:
    return report(
        item("CONTAINER", "Findings", ContentSequence=[item("TEXT", "Finding", TextValue="Größe < 5 & > 3\r\nnext")]),
        item("CODE", "Side", ConceptCodeSequence=code("left")),
        measured("12.5", "mm"),
        item("PNAME", "Reader", PersonName="Doe^Jane"),
    )


def test_every_form_tells_everything(hold: Any) -> None:
    held = hold(example())
    assert media_types(held) == (*TEXTS, "application/pdf")
    page = "".join(str(t) for t in html.fromstring(rendered(held, "text/html", NOTHING)).itertext())
    tree = etree.fromstring(rendered(held, "text/xml", NOTHING))
    text = rendered(held, "text/plain", NOTHING).decode()
    for told in (page, "".join(str(t) for t in tree.itertext()), text):
        for words in ("A <report> & more", "Findings", "Größe < 5 & > 3", "next", "left", "12.5 mm", "Doe Jane"):
            assert words in told
        assert "Müller Jörg" in told


def test_pages_need_nothing_besides_themselves(hold: Any) -> None:
    text = rendered(hold(example()), "text/html", NOTHING).decode()
    assert text.startswith("<!DOCTYPE html>")
    assert not re.search(r"(src|href)=|<script", text)


@pytest.mark.parametrize("name", ["ISO-8859-1", "GB18030", "UTF-8", "utf-8", "ISO_IR 100"])
def test_texts_come_in_the_character_set_that_is_asked_for(hold: Any, name: str) -> None:
    held = hold(example())
    octets = rendered(held, "text/plain", View(charset=name))
    assert "Größe" in octets.decode(charsets.codec(name))
    assert etree.fromstring(rendered(held, "text/xml", View(charset=charsets.known(name)))) is not None


def test_a_character_that_is_not_in_the_set_is_not_replaced(hold: Any) -> None:
    held = hold(report(item("TEXT", "Finding", TextValue="山")))
    for type, view in (("text/html", View(charset="ISO-8859-1")), ("application/pdf", NOTHING)):
        with pytest.raises(Unrenderable, match=r"U\+5C71"):
            rendered(held, type, view)


def test_control_characters_do_not_break_markup(hold: Any) -> None:
    held = hold(report(item("TEXT", "Finding", TextValue="a\x0c\x07b")))
    assert etree.fromstring(rendered(held, "text/xml", NOTHING)) is not None


def test_a_tree_that_is_too_deep_is_refused(hold: Any) -> None:
    inner = item("TEXT", "Deep", TextValue="x")
    for _ in range(MOST_DEPTH + 1):
        inner = item("CONTAINER", "More", ContentSequence=[inner])
    with pytest.raises(TooLarge):
        rendered(hold(report(inner)), "text/plain", NOTHING)


def encapsulated(last: str, document: bytes, **values: Any) -> Dataset:
    made = plain(SOPClassUID=f"1.2.840.10008.5.1.4.1.1.104.{last}", DocumentTitle="Title", **values)
    made.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    made.EncapsulatedDocumentLength = len(document)
    return made


@pytest.mark.parametrize(
    ("last", "type"), [("1", "application/pdf"), ("2", "text/xml"), ("3", "model/stl"), ("4", "model/obj")]
)
def test_documents_leave_as_they_are_and_within_a_page(hold: Any, last: str, type: str) -> None:
    held = hold(encapsulated(last, b"<a>words &amp; more</a>!"[: 22 + int(last) % 2]))
    stored = rendered(held, type, NOTHING)
    assert stored == b"<a>words &amp; more</a>!"[: 22 + int(last) % 2]
    page = rendered(held, "text/html", NOTHING).decode()
    assert f"data:{type};base64,{base64.b64encode(stored).decode()}" in page
    assert media_types(held)[0] == "text/html"


def test_a_clinical_document_cannot_reach_outside(hold: Any) -> None:
    attack = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>words &x;</a>'
    held = hold(encapsulated("2", attack))
    text = rendered(held, "text/plain", NOTHING).decode()
    assert "words" in text


lines = st.lists(st.text("abc ()\\äß€\t", max_size=300), max_size=200)


@settings(deadline=None)
@given(lines)
def test_a_pdf_has_a_right_table_of_its_objects(text: list[str]) -> None:
    octets = pdf(text)
    start = int(octets.rsplit(b"startxref\n", 1)[1].split()[0])
    assert octets[start:].startswith(b"xref")
    places = [int(place) for place in re.findall(rb"^(\d{10}) 00000 n ", octets[start:], re.M)]
    for number, place in enumerate(places, 1):
        assert octets[place:].startswith(b"%d 0 obj" % number)
    for length, stream in re.findall(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", octets, re.S):
        assert int(length) == len(stream)


def test_a_pdf_has_its_bounds() -> None:
    with pytest.raises(TooLarge):
        pdf(["x"] * 200_000)
