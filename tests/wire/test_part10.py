"""Tests of the strict reading of PS3.10 files and of the comparison of data sets."""

from __future__ import annotations

import io
import resource
import struct
import zlib
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from harness.body import Body
from harness.wire import elements, part10
from harness.wire.ahead import Ahead
from harness.wire.elements import DataSet, Syntax, read_dataset
from harness.wire.flaw import Flaws
from harness.wire.part10 import CODES, NOTES, Reading, difference, read

EXPLICIT, JPEG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50"
LONG = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")


def codes(reading: Reading) -> set[str]:
    return set(reading.flaws.counts)


def e(tag: str, vr: str, value: bytes, length: int | None = None) -> bytes:
    """One explicit little endian element, the value as it is."""
    size = len(value) if length is None else length
    head = struct.pack("<HH", int(tag[:4], 16), int(tag[4:], 16)) + vr.encode()
    return head + (struct.pack("<HI", 0, size) if vr in LONG else struct.pack("<H", size)) + value


def item(value: bytes, length: int | None = None) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(value) if length is None else length) + value


ITEM_END = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
SEQUENCE_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
UNDEFINED = 0xFFFFFFFF


def uid(text: str) -> bytes:
    return text.encode() + b"\0" * (len(text) % 2)


def meta(syntax: str = EXPLICIT, **change: bytes) -> bytes:
    parts = {
        "00020001": e("00020001", "OB", b"\0\x01"),
        "00020002": e("00020002", "UI", uid("1.2.840.10008.5.1.4.1.1.7")),
        "00020003": e("00020003", "UI", uid("1.2.3")),
        "00020010": e("00020010", "UI", uid(syntax)),
        "00020012": e("00020012", "UI", uid("1.2.3.4")),
    }
    parts.update({f"0002{tag[1:]}": value for tag, value in change.items()})
    rest = b"".join(parts[tag] for tag in sorted(parts))
    return e("00020000", "UL", struct.pack("<I", len(rest))) + rest


BASE = e("00080016", "UI", uid("1.2.840.10008.5.1.4.1.1.7")) + e("00080018", "UI", uid("1.2.3"))


def of(*parts: bytes, syntax: str = EXPLICIT, base: bytes = BASE) -> Reading:
    return read(Body.of(bytes(128) + b"DICM" + meta(syntax) + base + b"".join(parts)))


def test_a_correct_file_has_no_flaw() -> None:
    reading = of(
        e("00081140", "SQ", item(e("00081155", "UI", uid("1.2.5"))) + item(b"")),
        e("00081199", "SQ", item(e("00081155", "UI", uid("1.2.6")) + ITEM_END, UNDEFINED) + SEQUENCE_END, UNDEFINED),
        e("00090010", "LO", b"ACME"),
        e("00091001", "UN", b"\1\2"),
        e("00100010", "PN", b"A^B "),
        e("00280010", "US", b"\2\0"),
        e("7FE00010", "OW", b"\1\2\3\4"),
        e("FFFCFFFC", "OB", bytes(8)),
    )
    assert reading.flaws.kept == []
    assert reading.preamble
    assert reading.transfer_syntax == EXPLICIT
    assert reading.dataset.text("00100010") == "A^B"
    assert reading.dataset.number("00280010") == 2
    assert reading.dataset.number("00280011") is None
    sequence = reading.dataset.get("00081199")
    assert sequence is not None
    assert sequence.items is not None
    assert sequence.items[0].text("00081155") == "1.2.6"
    pixels = reading.dataset.get("7FE00010")
    assert pixels is not None
    assert pixels.value is not None
    assert pixels.value.bytes() == b"\1\2\3\4"


def fragments(*parts: bytes, table: bytes = b"", vr: str = "OB") -> bytes:
    return e("7FE00010", vr, item(table) + b"".join(item(p) for p in parts) + SEQUENCE_END, UNDEFINED)


def test_encapsulated_pixels_are_found_in_place() -> None:
    table = struct.pack("<II", 0, 12)
    reading = of(fragments(b"abcd", b"ef", table=table), syntax=JPEG)
    assert codes(reading) == set()
    pixels = reading.dataset.get("7FE00010")
    assert pixels is not None
    assert pixels.fragments is not None
    assert [f.bytes() for f in pixels.fragments] == [table, b"abcd", b"ef"]


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (e("00100020", "LO", b"A"), "odd-length"),
        (e("00100020", "LO", b"AB", 400), "length-overrun"),
        (b"\x10\0\x20\0", "truncated"),
        (b"\x10\0\x20\0OB\0\0", "truncated"),
        (e("00200010", "SH", b"A ") + e("00100010", "PN", b"A "), "order"),
        (e("00200010", "SH", b"A ") + e("00200010", "SH", b"A "), "duplicate"),
        (e("00100020", "SH", b"A "), "vr-dictionary"),
        (e("00090010", "UN", b"A "), "vr-dictionary"),
        (b"\x10\0\x20\0ZZ\0\0\0\0\0\0", "vr-unknown"),
        (b"\x10\0\x20\0\1\2\0\0", "not-explicit"),
        (b"\x90\x20\x10\x20" + b"UT\1\0\0\0\0\0", "reserved"),
        (e("00080119", "UC", b"", UNDEFINED) + SEQUENCE_END, "undefined-length"),
        (ITEM_END, "delimiter"),
        (SEQUENCE_END, "delimiter"),
        (e("00081140", "SQ", item(e("00081155", "UI", b"1.") + ITEM_END, None)), "delimiter"),
        (e("00081140", "SQ", SEQUENCE_END), "delimiter"),
        (e("00081140", "SQ", SEQUENCE_END[:4] + b"\2\0\0\0", UNDEFINED), "delimiter-length"),
        (e("00081140", "SQ", item(b""), UNDEFINED), "delimiter-missing"),
        (e("00081140", "SQ", item(b"", UNDEFINED), UNDEFINED), "delimiter-missing"),
        (e("00081140", "SQ", e("00081155", "UI", b"1.")), "item-expected"),
        (e("00080000", "UL", bytes(4)), "order"),
        (e("00100000", "UL", bytes(4)), "group-length"),
        (e("00030010", "LO", b"A "), "private-group"),
        (e("00090001", "LO", b"A "), "private-element"),
        (e("00091001", "LO", b"A "), "private-creator"),
        (e("00090010", "LO", b"") + e("00091001", "LO", b"A "), "private-creator"),
        (e("00280010", "US", b"\1\0\2"), "value-size"),
        (e("00280009", "AT", b"\1\0"), "value-size"),
        (e("00100020", "LO", b"A" * 66), "value-length"),
        (e("00080060", "CS", b"ct"), "value-characters"),
        (e("00100010", "PN", b"\xe9\xe9"), "value-characters"),
        (e("00080020", "DA", b"20230229"), "value-range"),
        (e("00080020", "DA", b"2023"), "value-form"),
        (e("0020000D", "UI", b"1.02"), "value-form"),
        (e("0020000D", "UI", b"1.2.\0\0"), "value-padding"),
        (e("00100020", "LO", b"A\0"), "value-padding"),
        (e("00080120", "UR", b"a\\b "), "value-backslash"),
        (e("00100010", "PN", b"A=B=C=D "), "value-form"),
        (fragments(b"abcd"), "undefined-length"),
        (e("00280100", "US", b"\x10\0") + e("7FE00010", "OB", bytes(4)), "pixel-vr"),
        (e("00200010", "SH", b"A ") + e("00020010", "UI", b"1."), "group-0002"),
        (e("00000002", "UI", b"1."), "group-0000"),
    ],
)
def test_departures_of_a_data_set(part: bytes, code: str) -> None:
    got = {c.removeprefix("part10.") for c in codes(of(part))}
    assert code in got
    also = {"value-size", "odd-length", "group-length", "order", "value-form"} if code != "duplicate" else set()
    also |= {"delimiter"} if code == "delimiter-missing" else set()
    assert got - {code} <= also


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (b"", "no-pixels"),
        (e("7FE00010", "OW", bytes(4)), "not-encapsulated"),
        (fragments(b"abcd", vr="OW"), "encapsulated-vr"),
        (fragments(b"abcd", b""), "fragment-length"),
        (fragments(b"abc"), "odd-length"),
        (fragments(b"abcd", b"ef", table=struct.pack("<II", 0, 10)), "offset-table"),
        (fragments(b"abcd", b"ef", table=struct.pack("<II", 12, 0)), "offset-table"),
        (fragments(b"abcd", table=b"\0\0"), "offset-table"),
        (fragments(b"abcd")[:-8], "delimiter-missing"),
        (e("7FE00010", "OB", item(b"") + item(b"ab", 9), UNDEFINED), "length-overrun"),
    ],
)
def test_departures_of_encapsulation(part: bytes, code: str) -> None:
    assert {c.removeprefix("part10.") for c in codes(of(part, syntax=JPEG))} - {"odd-length"} == {code} - {"odd-length"}


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"", "prefix"),
        (meta() + BASE, "prefix"),
        (b"DICM" + meta() + BASE, "prefix"),
        (bytes(128) + b"DICM" + BASE, "meta-missing"),
        (bytes(128) + b"DICM" + meta()[12:] + BASE, "meta-length-missing"),
        (bytes(128) + b"DICM" + meta()[:8] + b"\1\0\0\0" + meta()[12:] + BASE, "meta-length"),
        (bytes(128) + b"DICM" + meta(t0012=b"") + BASE, "meta-missing"),
        (bytes(128) + b"DICM" + meta(t0001=e("00020001", "OB", b"\1\0")) + BASE, "meta-version"),
        (bytes(128) + b"DICM" + meta(t0013=e("00020013", "UN", b"A ")) + BASE, "meta-un"),
        (bytes(128) + b"DICM" + meta(t0102=e("00020102", "OB", b"A ")) + BASE, "meta-private"),
        (bytes(128) + b"DICM" + meta(t0002=e("00020002", "UI", b"1.2\0")) + BASE, "meta-class"),
        (bytes(128) + b"DICM" + meta(t0003=e("00020003", "UI", b"1.2\0")) + BASE, "meta-instance"),
        (bytes(128) + b"DICM" + meta(), "no-dataset"),
        (bytes(128) + b"DICM" + meta("1.2.3.4.5") + BASE, "syntax-unknown"),
        (bytes(128) + b"DICM" + b"\2\0\x10\0\x14\0\0\0" + uid(EXPLICIT) + BASE, "meta-implicit"),
    ],
)
def test_departures_of_a_file(octets: bytes, code: str) -> None:
    got = {c.removeprefix("part10.") for c in codes(read(Body.of(octets)))}
    assert code in got
    also = {"meta-missing", "no-dataset", "meta-length-missing", "vr-dictionary", "group-0002", "not-explicit"}
    assert got - {code} <= also


def deflate(plain: bytes, bits: int = -15) -> bytes:
    engine = zlib.compressobj(wbits=bits)
    octets = engine.compress(plain) + engine.flush()
    return octets + b"\0" * (len(octets) % 2)


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (deflate(BASE), ""),
        (deflate(BASE, 15), "part10.deflate-wrapped"),
        (deflate(BASE)[:-4], "part10.deflate"),
        (b"\xff\xff\xff\xff", "part10.deflate"),
        (deflate(BASE) + bytes(8), "part10.deflate-rest"),
    ],
)
def test_deflated_data_sets(stream: bytes, code: str) -> None:
    reading = of(base=stream, syntax=part10.DEFLATED)
    assert codes(reading) - {"part10.truncated", "part10.length-overrun"} == ({code} if code else set())
    if code in ("", "part10.deflate-wrapped", "part10.deflate-rest"):
        assert reading.dataset.text("00080018") == "1.2.3"


def test_a_deflate_bomb_ends_at_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part10, "UNFOLDED", 1 << 20)
    reading = of(base=deflate(BASE + e("7FE00010", "OW", bytes(4 << 20))), syntax=part10.DEFLATED)
    assert "part10.deflate-bound" in codes(reading)


def test_explicit_read_as_implicit_and_the_other_way_round() -> None:
    assert codes(of(syntax=part10.IMPLICIT_LITTLE)) == {"part10.not-implicit"}
    implicit = b"\x08\0\x18\0\x06\0\0\0" + b"1.2.3\0"
    reading = of(base=implicit)
    assert codes(reading) == {"part10.not-explicit"}
    assert reading.dataset.text("00080018") == "1.2.3"
    assert codes(of(base=implicit, syntax=part10.IMPLICIT_LITTLE)) == set()


def test_a_cut_file_is_not_blamed_for_what_did_not_arrive() -> None:
    whole = bytes(128) + b"DICM" + meta() + BASE + e("00081140", "SQ", item(b"", UNDEFINED) + ITEM_END, UNDEFINED)
    whole += SEQUENCE_END + e("7FE00010", "OW", bytes(64))
    start = len(bytes(128) + b"DICM" + meta())
    for size in range(start, len(whole)):
        assert codes(read(Body.of(whole[:size], truncated=True))) == set(), size


def test_deep_nesting_ends_at_the_bound() -> None:
    value = b""
    for _ in range(elements.DEEPEST + 3):
        value = e("00081140", "SQ", item(value))
    assert codes(of(value)) == {"part10.depth"}
    open_ = b""
    for _ in range(5000):
        open_ += e("00081140", "SQ", item(b"", UNDEFINED), UNDEFINED)
    assert "part10.depth" in codes(of(open_))


def test_too_many_elements_end_at_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elements, "MOST", 50)
    assert "part10.too-many" in codes(of(*(e(f"0020{i:04X}", "UN", b"") for i in range(1, 100))))
    assert "part10.too-many" in codes(of(e("00081140", "SQ", item(b"") * 100)))


def _records(form: str, *, own: bytes = b"") -> bytes:
    """A directory whose record has a name in Latin 1, and (0008,0005) behind the records."""
    record = e("00041430", "CS", b"PATIENT ") + own + e("00100010", "PN", "Bj\u00f6rn ".encode("latin-1"))
    closed = form == "defined"
    items = item(record) if closed else item(record + ITEM_END, UNDEFINED) + SEQUENCE_END
    sequence = e("00041220", "SQ", items, None if closed else UNDEFINED)
    return e("00041130", "CS", b"X ") + sequence


@pytest.mark.parametrize("form", ["defined", "undefined"])
def test_records_of_a_directory_take_over_the_character_set_behind_them(form: str) -> None:
    latin, cyrillic = e("00080005", "CS", b"ISO_IR 100"), e("00080005", "CS", b"ISO_IR 144")
    rest = e("00080016", "UI", uid("1.2.840.10008.5.1.4.1.1.7"))
    assert codes(of(base=_records(form) + latin + rest)) == set()
    assert codes(of(base=_records(form) + rest)) == {"part10.value-characters"}
    assert codes(of(base=_records(form, own=latin) + rest)) == set()
    assert codes(of(base=_records(form, own=e("00080005", "CS", b"ISO_IR 6")) + latin)) == {"part10.value-characters"}
    reading = of(base=_records(form, own=latin) + cyrillic + rest)
    assert codes(reading) == set()
    assert reading.dataset.charsets == ("ISO_IR 144",)


@given(st.binary(max_size=200), st.booleans(), st.booleans())
def test_looking_ahead_ends_on_any_octets(octets: bytes, explicit: bool, big_endian: bool) -> None:
    found = Ahead(lambda at, size: octets[at : at + size], explicit, big_endian, LONG).charsets(0, len(octets))
    assert all(isinstance(term, str) for term in found)


def test_text_in_extended_character_sets() -> None:
    for term, text in (("ISO_IR 100", "Müller"), ("ISO_IR 192", "山田"), ("GB18030", "王\u4e02"), ("ISO_IR 13", "ﾔﾏﾀﾞ")):
        codec = {"ISO_IR 100": "latin-1", "ISO_IR 192": "utf-8", "GB18030": "gb18030", "ISO_IR 13": "shift_jis"}[term]
        name = text.encode(codec)
        cs = term.encode() + b" " * (len(term) % 2)
        base = e("00080005", "CS", cs) + BASE + e("00100010", "PN", name + b" " * (len(name) % 2))
        assert codes(of(base=base)) == set(), term
    bad = e("00080005", "CS", b"ISO_IR 192") + BASE + e("00100010", "PN", b"\xe9\xe9")
    assert codes(of(base=bad)) == {"part10.value-characters"}
    assert codes(of(base=e("00080005", "CS", b"UTF8") + BASE)) == {"part10.character-set"}


def written(dataset: pydicom.Dataset, syntax: str) -> Reading:
    buffer = io.BytesIO()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    implicit, little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
    pydicom.dcmwrite(buffer, dataset, implicit_vr=implicit, little_endian=little, enforce_file_format=True)
    return read(Body.of(buffer.getvalue()))


def sample() -> pydicom.Dataset:
    dataset = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    dataset.OtherPatientIDsSequence = [pydicom.Dataset(), pydicom.Dataset()]
    dataset.OtherPatientIDsSequence[0].PatientID = "X"
    dataset.OtherPatientIDsSequence[0].is_undefined_length_sequence_item = True
    dataset["OtherPatientIDsSequence"].is_undefined_length = True
    return dataset


def test_the_same_data_set_in_three_syntaxes_has_no_difference() -> None:
    little = written(sample(), ExplicitVRLittleEndian)
    implicit = written(sample(), ImplicitVRLittleEndian)
    assert codes(little) == codes(implicit) == set()
    assert list(difference(implicit.dataset, little.dataset)) == []
    dataset = pydicom.dcmread(get_testdata_file("MR_small.dcm"))
    big = pydicom.dcmread(get_testdata_file("MR_small_bigendian.dcm"))
    one, other = written(dataset, ExplicitVRLittleEndian), written(big, ExplicitVRBigEndian)
    assert codes(one) == codes(other) == set()
    assert list(difference(one.dataset, other.dataset)) == []


def data(*parts: bytes) -> DataSet:
    return read_dataset(Body.of(b"".join(parts)), Syntax(), Flaws())[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (e("00100020", "LO", b"A "), e("00100020", "LO", b" A")),
        (e("00100020", "LO", b"A "), e("00100020", "UN", b"A ")),
        (e("00100010", "PN", b"A^B^^"), e("00100010", "PN", b"A^B ")),
        (e("00281050", "DS", b"1.50"), e("00281050", "DS", b"1.5 ")),
        (e("00280106", "US", b"\1\0"), e("00280106", "UN", b"\1\0")),
        (e("00080000", "UL", bytes(4)), b""),
        (e("FFFCFFFC", "OB", bytes(4)), b""),
        (e("00081140", "SQ", b""), e("00081140", "SQ", SEQUENCE_END, UNDEFINED)),
        (
            e("00081140", "SQ", item(e("00081155", "UI", b"1.2\0"))),
            e("00081140", "SQ", item(e("00081155", "UI", b"1.2\0") + ITEM_END, UNDEFINED) + SEQUENCE_END, UNDEFINED),
        ),
        (
            e("00091001", "UN", item(struct.pack("<HHI", 9, 0x1002, 2) + b"ab")),
            e("00091001", "SQ", item(e("00091002", "UN", b"ab"))),
        ),
        (fragments(b"abcd", table=bytes(4)), fragments(b"ab", b"cd")),
        (fragments(b"abcd"), e("7FE00010", "OW", bytes(4))),
        (
            e("00080005", "CS", b"ISO_IR 100") + e("00100010", "PN", b"M\xfc"),
            e("00080005", "CS", b"ISO_IR 192") + e("00100010", "PN", b"M\xc3\xbc "),
        ),
    ],
)
def test_what_is_no_difference(one: bytes, other: bytes) -> None:
    ignore = {"00080005"}
    assert list(difference(data(one), data(other), ignore)) == []
    assert list(difference(data(other), data(one), ignore)) == []


@pytest.mark.parametrize(
    ("one", "other", "path"),
    [
        (e("00100020", "LO", b"A "), e("00100020", "LO", b"B "), "00100020"),
        (e("00100020", "LO", b"A "), e("00100020", "LO", b""), "00100020"),
        (e("00100020", "LO", b"A "), b"", "00100020"),
        (e("00104000", "LT", b" A"), e("00104000", "LT", b"A "), "00104000"),
        (e("00080008", "CS", b"A\\B "), e("00080008", "CS", b"B\\A "), "00080008"),
        (e("00280106", "US", b"\1\0"), e("00280106", "US", b"\0\1"), "00280106"),
        (e("7FE00010", "OW", b"\1\0"), e("7FE00010", "OW", b"\1\0\0\0"), "7FE00010"),
        (fragments(b"abcd"), fragments(b"abce"), "7FE00010"),
        (e("00081140", "SQ", item(b"")), e("00081140", "SQ", item(b"") * 2), "00081140"),
        (
            e("00081140", "SQ", item(b"") + item(e("00081155", "UI", b"1.2\0"))),
            e("00081140", "SQ", item(b"") + item(e("00081155", "UI", b"1.3\0"))),
            "00081140[1].00081155",
        ),
    ],
)
def test_what_is_a_difference(one: bytes, other: bytes, path: str) -> None:
    assert [d.path for d in difference(data(one), data(other))] == [path]
    assert [d.path for d in difference(data(other), data(one))] == [path]


def test_byte_order_is_normalised_by_word() -> None:
    little = data(e("00280106", "US", b"\1\2"), e("00431001", "FD", bytes(range(16))))
    big = DataSet(
        data(
            e("00280106", "US", b"\2\1"), e("00431001", "FD", bytes(range(16)[7::-1]) + bytes(range(15, 7, -1)))
        ).elements,
        True,
    )
    assert list(difference(little, big)) == []


def test_a_large_file_is_read_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.dcm"
    size = (2 << 30) - 2
    with path.open("wb") as file:  # sparse: nothing is written between
        file.write(bytes(128) + b"DICM" + meta() + BASE + e("7FE00010", "OW", b"", size))
        file.seek(size - 1, 1)
        file.write(b"\0")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reading = read(Body.file(path))
    assert codes(reading) == set()
    pixels = reading.dataset.get("7FE00010")
    assert pixels is not None
    assert pixels.value is not None
    assert pixels.value.size == size
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 50


@given(st.lists(st.sampled_from([BASE, item(b""), ITEM_END, SEQUENCE_END, item(b"", UNDEFINED), fragments(b"ab"),
                                 e("00081140", "SQ", b"", UNDEFINED), e("00081140", "SQ", item(BASE)), b"\0", b"UI"])),
       st.sampled_from([EXPLICIT, JPEG, part10.IMPLICIT_LITTLE, part10.EXPLICIT_BIG]))  # fmt: skip
def test_any_elements_are_read_and_only_known_codes_come_out(parts: list[bytes], syntax: str) -> None:
    assert codes(of(*parts, syntax=syntax)) <= set(CODES)


@given(st.binary(max_size=300), st.sampled_from([EXPLICIT, part10.IMPLICIT_LITTLE, part10.DEFLATED]))
def test_any_octets_are_read(octets: bytes, syntax: str) -> None:
    assert codes(of(base=octets, syntax=syntax)) <= set(CODES)
    assert codes(read(Body.of(octets))) <= set(CODES)
    assert set(CODES) > NOTES
