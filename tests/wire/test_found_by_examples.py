"""Cases that made examples have found: what a writer may do, and what a reader must not blame."""

from __future__ import annotations

import struct
import zlib

import pytest

from harness.body import Body
from harness.make import as_octets
from harness.make.tree import Element, Tree
from harness.wire import charset, multipart, native_xml, part10, uri
from tests.steps import steps


def flaws(*elements: Element, syntax: str = as_octets.EXPLICIT) -> list[str]:
    made = as_octets.part10(Tree(elements), syntax)
    return [f.code for f in part10.read(Body.of(made.octets)).flaws.kept]


@pytest.mark.parametrize(
    ("vr", "values"),
    [
        ("DA", ("20240101", "20240102")),
        ("AS", ("018M", "019M")),
        ("DA", ("20240101", None)),
        ("DT", ("2024+0000", None, None)),
        ("DS", ("1", None, None)),
        ("AE", ("A", None, None)),
    ],
)
def test_the_padding_of_a_field_is_no_part_of_its_last_value(vr: str, values: tuple[str | None, ...]) -> None:
    private = Element("00090010", "LO", ("ACME",)), Element("00091001", vr, values)
    assert flaws(*private) == []


def test_more_than_the_padding_is_a_flaw() -> None:
    def write(encoding: as_octets.Encoding) -> bytes:
        return as_octets.with_head("00080020", "DA", b"20240101  ", encoding)

    made = as_octets.part10(Tree((as_octets.Raw("00080020", "DA", write=write),)))
    assert [f.code for f in part10.read(Body.of(made.octets)).flaws.kept] == ["part10.value-characters"]


def test_gb_2312_with_code_extensions_leaves_no_escape_sequence() -> None:
    octets = b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab="
    assert charset.decode(octets, ("", "ISO 2022 IR 58")) == "Zhang^XiaoDong=张^小东="


def test_a_deflated_data_set_of_a_few_octets_is_no_cut_element() -> None:
    made = as_octets.part10(Tree(), as_octets.DEFLATED)
    engine = zlib.compressobj(9, wbits=-15)
    folded = engine.compress(struct.pack("<HH2sH", 8, 5, b"CS", 0)) + engine.flush()
    for tail, expected in ((b"\x03\0", ["part10.no-dataset"]), (folded, [])):
        found = part10.read(Body.of(made.octets[: made.meta] + tail)).flaws.kept
        assert [f.code for f in found] == expected


def test_a_name_component_has_no_attributes() -> None:
    octets = (
        f'<NativeDicomModel xmlns="{native_xml.NAMESPACE}" xml:space="preserve"><DicomAttribute tag="00100010" vr="PN" '
        'keyword="PatientName"><PersonName number="1"><Alphabetic><FamilyName number="1">A</FamilyName></Alphabetic>'
        "</PersonName></DicomAttribute></NativeDicomModel>"
    ).encode()
    assert [f.code for f in native_xml.read(Body.of(octets)).flaws.kept] == ["xml.attribute"]


@pytest.mark.parametrize("host", ["[", "[::1", "[x]", "[v1.x", "a@b@c", "]["])
def test_an_absolute_target_with_a_bad_authority_still_has_a_path(host: str) -> None:
    found = uri.classify("GET", f"http://{host}/root/studies?limit=1#f", f"http://{host}/root/")
    assert (found.kind, found.query.raw) == ("web.search.studies", "limit=1")
    assert uri.classify("GET", f"http://{host}", "/root").kind == "web.other"


def test_a_boundary_of_no_characters_at_all_matches_nothing() -> None:
    codes = multipart.read(Body.of(b"--b\r\n\r\n\r\n--b--"), "\udcff").flaws.counts.keys()
    assert codes >= {"multipart.boundary-characters", "multipart.no-delimiter"}


def test_asking_for_each_of_many_parameters_takes_no_longer_than_reading_them() -> None:
    def work(target: str) -> int:
        def ask() -> None:
            query = uri.classify("GET", target, "").query
            assert min(len(query.all(parameter.name)) for parameter in query.parameters) > 0

        return steps(ask)

    for separators in (lambda count: "&" * count, lambda count: "&".join(f"a{n}=1" for n in range(count))):
        assert work("/studies?" + separators(4_000)) < 5 * work("/studies?" + separators(1_000))
