"""What a person sees of an exchange: nothing hidden, nothing changed, nothing without bound; commands that work."""

from __future__ import annotations

import json
import re
import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.body import Body
from reports.command import curl, masked
from reports.dataset import listing
from reports.evidence import FIELD, HEX, PARTS, TEXT, exchange_text, shown
from reports.layout import lay_out_json, lay_out_xml
from reports.visible import clip, in_line, octets_text, visible
from tests.reports import build

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=30,
)
ANY = st.text(st.characters(codec=None))
WIDE = 10**9
TYPES = ("application/dicom", "application/dicom+json", "application/dicom+xml", "text/html", "image/png",
         "multipart/related; boundary=b0und", "", "\x00;;")  # fmt: skip


@given(ANY)
def test_visible_text_can_be_written_everywhere_and_says_what_it_held(text: str) -> None:
    shown = visible(text)
    shown.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]", shown)
    assert len(shown) >= len(text.replace("\r\n", "\n"))
    assert visible(shown) == shown
    assert "\n" not in in_line(text)
    assert "\t" not in in_line(text)


def test_plain_text_of_any_script_stays_as_it_is() -> None:
    for text in ("Doe^Jane=花子", "שלום", "می\u200cخواهم", "👩\u200d⚕️", "tab\there", "é"):
        assert visible(text) == text


def test_accents_do_not_pile_up_over_other_lines() -> None:
    assert visible("e" + "\u0301" * 10) == "e" + "\u0301" * 8 + "\\u0301\\u0301"
    assert visible("e" + "\u0301" * 3) == "e" + "\u0301" * 3


def test_clip_names_the_length_of_the_whole() -> None:
    assert clip("abc", 3) == "abc"
    assert clip("abcd", 3) == "abc… (4 characters)"


def test_octets_that_are_no_text_are_named() -> None:
    assert octets_text(b"a\xff\xc3\xa9") == "a\\xffé"


@given(VALUES, st.sampled_from([None, 1, 4]), st.booleans())
def test_json_is_laid_out_without_changing_it(value: object, indent: int | None, ascii: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii)
    laid = lay_out_json(text, WIDE)
    assert json.loads(laid) == value
    squeezed = re.compile(r'("(?:[^"\\]|\\.)*")|\s+', re.DOTALL)
    assert squeezed.sub(lambda m: m[1] or "", laid) == squeezed.sub(lambda m: m[1] or "", text)


def test_json_keeps_what_a_parser_would_drop() -> None:
    text = '{"a":1.50e2,"a":2,"u":"\\u00e9"}'
    assert lay_out_json(text, WIDE).replace(" ", "") == text


def test_a_row_of_attributes_stands_in_lines() -> None:
    assert lay_out_json(build.JSON.decode(), WIDE).splitlines()[:4] == [
        "[",
        " {",
        '  "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},',
        '  "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]},',
    ]


@given(st.text('[]{}:,"\\ab1 \n', max_size=60))
def test_what_only_looks_like_json_loses_nothing(text: str) -> None:
    laid = lay_out_json(text, WIDE)
    assert re.sub(r"\s", "", laid) == re.sub(r"\s", "", text)


@pytest.mark.parametrize(
    "text", ["[" * 200_000, "[" * 100_000 + "]" * 100_000, "{" * 9 + "]", '"' + "\\" * 99_999, "1 " * 99_999]
)
def test_hostile_json_takes_no_time(text: str) -> None:
    assert len(lay_out_json(text, 6000)) <= max(len(text), 12_000)


@pytest.mark.parametrize("text", ["<a>" * 80_000, "<" * 250_000, "<a " * 80_000, "> <" * 80_000, "<a" + "/" * 250_000])
def test_hostile_xml_takes_no_time(text: str) -> None:
    assert len(lay_out_xml(text, 6000)) <= len(text) + 12_000


def test_xml_is_laid_out_between_tags_only() -> None:
    laid = lay_out_xml('<?xml version="1.0"?><M><A t="1"><V>a  b</V></A><E/><V>c</V></M>', WIDE)
    assert laid == '<?xml version="1.0"?>\n<M>\n <A t="1">\n  <V>a  b</V>\n </A>\n <E/>\n <V>c</V>\n</M>'


def test_a_file_is_listed_by_element() -> None:
    lines = listing(Body.of(build.part10())).splitlines()
    assert "(0002,0010) UI TransferSyntaxUID: 1.2.840.10008.1.2.1" in lines
    assert "(0008,2218) SQ AnatomicRegionSequence: 1 items" in lines
    assert "    (0008,0104) LO CodeMeaning: Head" in lines
    assert "(0028,0010) US Rows: 512" in lines
    assert lines[-1].startswith("(7FE0,0010) OW PixelData: 2,048 octets 00 01 02")
    assert listing(Body.of(build.part10()), 3).splitlines()[-1] == "… and more"


@given(st.binary(max_size=600), st.integers(0, 400))
def test_broken_files_are_listed_as_far_as_they_go(noise: bytes, keep: int) -> None:
    assert isinstance(listing(Body.of(build.part10()[:keep] + noise)), str)


@given(st.binary(max_size=300), st.sampled_from(TYPES))
def test_any_body_of_any_type_is_shown(octets: bytes, type: str) -> None:
    view = shown(build.exchange(1, answered=build.answer(octets, type)))
    assert (view.came is None) == (not octets)
    exchange_text(build.exchange(1, answered=build.answer(octets, type))).encode("utf-8")


def test_parts_are_unfolded_within_bounds() -> None:
    parts = [("application/dicom+json", build.JSON)] * 9
    related = "multipart/related; boundary=b0und"
    came = shown(build.exchange(1, answered=build.answer(build.multipart(*parts), related))).came
    assert came is not None
    assert "9 parts" in came.caption
    assert len(came.parts) == PARTS
    assert came.text == "… 3 more parts"
    assert came.parts[0].fields == (("Content-Type", "application/dicom+json"),)
    assert came.parts[0].text.startswith("[\n {\n")


def test_long_bodies_and_fields_are_cut_and_say_so() -> None:
    long = build.answer(b"x" * 100_000, "text/plain", fields=[("X-Long", "y" * 100_000)] + [("a", "b")] * 300)
    view = shown(build.exchange(1, build.ask("/studies?q=" + "z" * 100_000), long))
    assert view.came is not None
    assert view.came.text.endswith("\n… the whole is in the record")
    assert len(view.came.text) < TEXT + 100
    assert dict(view.answered)["X-Long"].endswith("(100,000 characters)")
    assert len(view.line) < FIELD + 100
    assert view.answered[-1] == ("…", "205 more fields")
    assert view.curl == ""
    binary = shown(build.exchange(1, answered=build.answer(bytes(10_000), "image/jpeg"))).came
    assert binary is not None
    assert binary.text.endswith(f"… {10_000 - HEX:,} more octets")


def test_a_coded_body_is_shown_as_it_was_before() -> None:
    came = shown(build.exchanges()[4]).came
    assert came is not None
    assert "octets after decoding gzip" in came.caption
    assert "Doe^Jane" in came.text


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1).filter(str.strip))
def test_curl_quotes_what_a_shell_would_read(value: str) -> None:
    assert f"X-Field: {value}" in shlex.split(curl(build.ask(X_Field=value)))


def test_curl_words_survive_a_shell() -> None:
    for value in ("it's", 'a "b" $(rm -rf /) `x` \\', "caf\xe9 \x01", "plain"):
        command = curl(build.ask("/studies?a=1&b='2'", X_Field=value)).replace("curl ", "printf '%s\\0' ", 1)
        words = subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout.split(b"\0")
        assert f"X-Field: {value}".encode("latin-1") in words
        assert words[-2] == b"http://pacs.acme.example/dicom-web/studies?a=1&b='2'"


def test_curl_names_method_and_body_and_leaves_credentials_to_the_reader() -> None:
    sent = build.exchanges()[1].ask
    assert f"--data-binary @blobs/{sent.body.digest[:2]}/{sent.body.digest[2:]}" in curl(sent)
    assert "-X POST" in curl(sent)
    assert "--head" in curl(build.ask(method="HEAD"))
    assert not masked(sent)
    assert masked(build.ask(Authorization="Bearer ********"))
