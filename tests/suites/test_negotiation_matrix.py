"""The negotiation matrix: its rows by edition, what is due to a cell, and the rules that judge the cells."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest

from harness.context import EDITIONS
from harness.exchange import Answer, Exchange
from harness.wire import media
from suites.web.negotiation.matrix import Cell, Held, alone, otherwise, rows
from suites.web.negotiation.tables import COMPRESSED, FORBIDDEN, MATRIX
from tests.suites.messages import (
    DICOM,
    FRAME,
    INSTANCE,
    OCTETS,
    answer,
    ask,
    exchange,
    fails,
    journey,
    passes,
    related,
    said,
    warns,
)

EXPLICIT, RLE, J2K = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90"
RESOURCES = sorted({row.resource for row in MATRIX})
IMAGE = Held(EXPLICIT, 1, True)


def cells(resource: str, edition: str = "2024e", held: Held = IMAGE) -> list[Cell]:
    return [alone(*found) for found in rows(resource, edition, held)]


@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize("edition", EDITIONS)
def test_every_cell_can_be_read_and_none_is_there_twice(resource: str, edition: str) -> None:
    found = cells(resource, edition)
    assert len({c.accept for c in found}) == len(found) > 0
    for cell in found:
        for form in (cell, *otherwise(cell.row, cell.syntax, cell.due)):
            reading = media.read_accept([form.accept])
            assert reading.ranges, form.accept
            assert not reading.flaws, form.accept
            asked = media.read_accept([form.parameter or form.accept])
            wanted = cell.row.offer.reading(cell.syntax if cell.syntax != "*" else EXPLICIT)
            assert any(r.covers(wanted.type, wanted.parameters) for r in asked.ranges), form
            assert unquote(form.query) == (f"accept={form.parameter}" if form.parameter else "")


def test_what_is_due_hangs_on_what_is_known_to_be_held() -> None:
    def due(held: Held) -> dict[str, str]:
        return {c.accept: c.due for c in cells("instance", held=held)}

    assert due(IMAGE)[DICOM] == "default"
    lossy = due(Held("1.2.840.10008.1.2.4.50", 1, False))
    assert lossy[DICOM] == lossy[OCTETS] == "optional"
    assert f"{DICOM}; transfer-syntax=1.2.840.10008.1.2.4.50" in lossy
    document = due(Held(EXPLICIT, 0, True))
    assert OCTETS not in document
    assert f"{DICOM}; transfer-syntax={RLE}" not in document
    assert {due(IMAGE)[f"{DICOM}; transfer-syntax={s}"] for s in FORBIDDEN} == {"refused"}


def test_rows_come_with_their_edition() -> None:
    def types(edition: str) -> set[str]:
        return {c.row.offer.type for c in cells("frame", edition)}

    assert "image/jphc" not in types("2020c")
    assert "image/jphc" in types("2023e")
    assert "image/jxl" not in types("2024a")
    assert "image/jxl" in types("2024e")
    assert [c for c in cells("study", "2020c") if c.due == "refused"] == []
    assert [c.accept for c in cells("study") if c.due == "refused"] == ["application/dicom"]


def test_a_row_names_only_syntaxes_of_its_type() -> None:
    for row in MATRIX:
        if row.offer.type in COMPRESSED and row.syntax:
            assert row.syntax in COMPRESSED[row.offer.type]


def asked(accept: str, told: Answer, target: str = FRAME, due: str = "optional", syntax: str = "", form: str = "alone",
          **more: Any) -> Exchange:  # fmt: skip
    name = accept.partition("; transfer-syntax")[0].partition("; q=")[0]
    facts = {"cell": due, "type": name, "syntax": syntax, "form": form, "held": True}
    return exchange(told, ask(target, accept), facts=facts, **more)


JP2 = 'multipart/related; type="image/jp2"'
RUNS = 'multipart/related; type="image/dicom-rle"'


def frame(type: str, stream: bytes = b"\xff\x4f\xff\x51") -> Answer:
    return related([(type, stream)])


def test_an_optional_type_comes_as_asked_or_not_at_all() -> None:
    rule = "negotiation.optional-as-asked"
    assert passes(rule, asked(JP2, answer(406)))
    assert passes(rule, asked(JP2, frame("image/jp2")))
    assert passes(rule, asked(JP2, frame(f"image/jp2; transfer-syntax={J2K}"), syntax=J2K))
    assert passes(rule, asked(JP2, frame("image/jp2"), syntax=J2K))  # the default syntax need not be told
    for status in (400, 404):
        assert fails(rule, asked(JP2, answer(status)))
    assert passes(rule, asked(JP2, answer(500)))  # http.no-server-error has it
    assert warns(rule, asked(JP2, answer(415)))
    assert fails(rule, asked(JP2, frame("image/jpeg", b"\xff\xd8\xff")))
    assert fails(rule, asked(JP2, frame(f"image/jp2; transfer-syntax={J2K[:-1]}1"), syntax=J2K))
    assert warns(rule, asked(JP2, frame("application/octet-stream")))
    assert passes(rule, asked(JP2, frame("application/octet-stream"), policies={"D-02": "default"}))
    assert passes(rule, asked(RUNS, frame("image/x-dicom-rle", b"\1\0\0\0")))


def test_a_locked_door_and_what_is_owed_are_left_to_others() -> None:
    rule = "negotiation.optional-as-asked"
    for told in (answer(401), answer(403), answer(503)):
        assert said(rule, asked(JP2, told)) is None
    assert said(rule, asked(OCTETS, answer(400), due="required")) is None
    assert said(rule, asked(JP2, answer(400), form="weight")) is None
    assert said(rule, exchange(answer(400), ask(FRAME, JP2))) is None


def test_every_form_chooses_what_is_chosen_alone() -> None:
    rule, jp2 = "negotiation.every-form-chooses-alike", frame(f"image/jp2; transfer-syntax={J2K}")

    def story(other: Answer, plain: Answer = jp2, **more: Any) -> Any:
        first = asked(JP2, plain).but(step="plain")
        return journey("web.retrieve.matrix", first, asked(JP2, other, form="weight", **more).but(step="form"))

    assert passes(rule, story(jp2))
    assert fails(rule, story(answer(406)))
    assert fails(rule, story(frame("application/octet-stream")))
    assert fails(rule, story(frame(f"image/jp2; transfer-syntax={J2K[:-1]}1")))
    assert passes(rule, story(frame("image/jp2")))  # what no parameter means
    assert passes(rule, story(frame(f"image/jp2; transfer-syntax={J2K[:-1]}1"), syntax="*"))
    assert said(rule, story(answer(406), answer(406))) is None
    assert passes(rule, story(answer(503)))
    assert passes(rule, story(answer(406), due="required"))  # supported-not-refused has it


def test_an_instance_is_told_by_its_file() -> None:
    rule = "negotiation.optional-as-asked"
    named = f"{DICOM}; transfer-syntax={RLE}"
    other = related([(f"application/dicom; transfer-syntax={EXPLICIT}", b"nothing")])
    assert fails(rule, asked(named, other, INSTANCE, syntax=RLE))
