"""The page as text: order, escaping, bounds, the same octets each time, and what a reader is told first."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from harness.record import RecordError
from harness.rule import Finding
from harness.verdict import Outcome
from reports import write_all
from reports.page import page
from tests.reports import build

VOID = {"meta", "link", "input", "br", "img"}


class Outline(HTMLParser):
    """Element names, headings, ids, addresses, and whether every element is closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.names: set[str] = set()
        self.handlers: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        for name, value in attrs:
            self.ids += [value or ""] if name == "id" else []
            self.links += [value or ""] if (tag, name) == ("a", "href") else []
            self.loads += [value or ""] if name in ("src", "srcset", "action", "data") else []
            self.loads += [value or ""] if tag == "link" and name == "href" else []
            self.handlers += [name] if name.startswith("on") else []

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page(build.loaded(build.full(tmp_path_factory.mktemp("full"))))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page(build.loaded(build.hostile(tmp_path_factory.mktemp("hostile"))))


@pytest.mark.parametrize("which", ["full", "hostile"])
def test_the_page_is_well_formed_and_loads_nothing(which: str, request: pytest.FixtureRequest) -> None:
    outline = Outline(request.getfixturevalue(which))
    assert not outline.wrong
    assert not outline.open
    assert outline.loads == ["data:,"]
    assert outline.handlers == []
    assert not outline.names & {"img", "iframe", "object", "embed", "base", "video", "audio"}
    assert len(outline.ids) == len(set(outline.ids))


@pytest.mark.parametrize("which", ["full", "hostile"])
def test_every_link_leads_somewhere_on_the_page(which: str, request: pytest.FixtureRequest) -> None:
    outline = Outline(request.getfixturevalue(which))
    assert outline.links
    waived_elsewhere = {"#a.b"}  # a waiver of a rule that the record has no verdict of
    assert {link for link in outline.links if link[:1] != "#" or link[1:] not in outline.ids} <= waived_elsewhere


def test_headings_step_down_one_at_a_time(full: str) -> None:
    levels = Outline(full).headings
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_target_edition_and_gaps_come_before_anything_else(full: str) -> None:
    target = ("<h1", "Acme PACS 7.1</bdi>", "DICOM, edition 2024e")
    order = (*target, ">What was not exercised<", ">Services by outcome<", ">Verdicts<", ">Failed ", ">Exchanges<")
    places = [full.index(text) for text in order]
    assert places == sorted(places)
    assert "<b>2 of 8</b> binding demands" in full
    assert "exchange 6 has no whole answer" in full


def test_every_rule_exchange_waiver_and_policy_stands_on_the_page(full: str) -> None:
    for verdict in build.verdicts():
        assert f'id="{verdict.rule}"' in full
    named = {f.seq for v in build.verdicts() for f in v.findings} | {7, 8}
    for seq in named:
        assert full.count(f'id="x{seq}"') == 1  # once, however many verdicts name it
    assert "Waived until 2027-03-31 by dicom@acme.example" in full
    assert ">expired</b>" in full
    assert "chosen in the target file" in full
    assert "dicomproof check acme.toml --only search.empty --seed 7 --examples 25" in full
    assert "dicomproof check acme.toml --seed 7 --examples 25" in full


def test_exchanges_are_shown_as_they_went_over_the_wire(full: str) -> None:
    assert re.search(r"X-Twice</span>: <bdi>1</bdi>\s+<span class=\"n\">x-twice</span>: <bdi>2</bdi>", full)
    assert "(0010,0010) PN PatientName: Roe^Richard" in full
    assert "(0028,0010) US Rows: 512" in full
    assert "item 1\n    (0008,0100) SH CodeValue: T-D1100" in full
    assert "2 parts" in full
    assert "1.50e2" in full  # the number as it came, not as a program would write it again
    assert "no answer (timeout: no answer in 20 s)" in full
    assert "The answer is not whole: reset: the peer closed the line" in full
    assert "the rest did not come or was not kept" in full
    assert "octets after decoding gzip" not in full  # exchange 5 is named by no verdict


def test_secrets_stay_masked(full: str) -> None:
    assert build.SECRET not in full
    assert "the record masks credentials" in full


def test_the_same_record_gives_the_same_page(tmp_path: Path) -> None:
    run = build.loaded(build.full(tmp_path))
    assert page(run) == page(run)


def test_only_our_own_script_may_run(full: str) -> None:
    script = re.search(r"<script>(.*?)</script>", full, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', full)
    assert policy is not None
    assert f"script-src &#39;sha256-{digest}&#39;" in policy[1] or f"script-src 'sha256-{digest}'" in policy[1]
    assert policy[1].startswith("default-src 'none'")


def test_hostile_strings_are_text_and_nothing_hides(hostile: str) -> None:
    assert hostile.count("<script") == 1
    assert "&lt;script&gt;window.hacked=1" in hostile
    assert "{{ 7*7 }}" in hostile
    for sign in (
        "\\u202e",
        "\N{SYMBOL FOR NULL}",
        "\N{SYMBOL FOR ESCAPE}",
        "\\x85",
        "\\ufffe",
        "\\ufeff",
        "\\xff\\xfe",
    ):
        assert sign in hostile
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\ud800-\udfff]", hostile)
    assert "(100,000 characters)" in hostile
    hostile.encode("utf-8")
    assert max(map(len, hostile.splitlines())) < 30_000


def test_a_crowd_of_findings_stays_within_its_bound(crowd: Path) -> None:
    text = crowd.read_text(encoding="utf-8")
    assert crowd.stat().st_size < 10_000_000
    assert text.count('<details class="rule"') == 300
    pattern = r'id="search.rule-{:03}".*?<a class="ref" href="#x(\d+)"'
    first = [re.search(pattern.format(n), text, re.DOTALL) for n in (0, 150, 299)]
    assert all(m and f'id="x{m[1]}"' in text for m in first)  # no rule is without evidence because others came first
    assert "180 findings; the 20 of the shortest questions are shown" in text


def test_findings_that_say_the_same_are_one_line(tmp_path: Path) -> None:
    found = [Finding("none", "one", "header", seq=n) for n in (1, 2, 3)]
    folder = build.written(tmp_path, build.exchanges(), [build.verdict("a.b", Outcome.FAIL, *found)])
    text = page(build.loaded(folder))
    assert text.count('data-label="got"') == 1
    assert text.count('<a class="ref" href="#x2">') == 2  # in the line and as evidence


@pytest.mark.parametrize(
    ("outcomes", "reason", "says"),
    [
        ([Outcome.PASS], "complete", "every binding demand that was due was exercised"),
        ([Outcome.PASS, Outcome.NOT_EXERCISED], "complete", "but 1 binding demand was not shown"),
        ([Outcome.PASS, Outcome.FAIL], "judged again", "1 rule found nonconformities"),
        ([Outcome.ERROR, Outcome.FAIL], "complete", "1 rule found nonconformities. dicomproof itself broke on 1 rule"),
        ([Outcome.NOT_EXERCISED], "complete", "Nothing was exercised"),
        ([Outcome.PASS], "unreachable", "did not come to its end"),
        ([], "complete", "Nothing was exercised"),
    ],
)
def test_the_headline_claims_no_more_than_was_shown(
    tmp_path: Path, outcomes: list[Outcome], reason: str, says: str
) -> None:
    judged = [build.verdict(f"a.r{n}", o) for n, o in enumerate(outcomes)]
    notes = [("ended", "Nobody answers at this address.")] if reason == "unreachable" else []
    text = page(build.loaded(build.written(tmp_path, build.exchanges(), judged, notes, reason)))
    headline = re.search(r'<p class="verdict">(.*?)</p>', text, re.DOTALL)
    assert headline is not None
    assert says in headline[1]
    assert ("Nobody answers at this address." in text) == bool(notes)
    assert Outline(text).wrong == []


def test_all_reports_stand_beside_the_record(tmp_path: Path) -> None:
    paths = write_all(build.full(tmp_path))
    assert [p.name for p in paths] == ["run.ndjson", "report.html", "junit.xml", "allure"]
    assert all(p.exists() for p in paths)


def test_a_record_that_is_not_whole_gives_no_report(tmp_path: Path) -> None:
    folder = build.written(tmp_path, build.exchanges(), build.verdicts(), reason="")
    with pytest.raises(RecordError, match="no end"):
        write_all(folder)
    assert not (folder / "report.html").exists()


def test_an_older_report_does_not_stand_beside_a_record_that_is_not_whole(tmp_path: Path) -> None:
    write_all(build.full(tmp_path))
    build.written(tmp_path, build.exchanges(), build.verdicts(), reason="")
    with pytest.raises(RecordError):
        write_all(tmp_path)
    assert not (tmp_path / "report.html").exists()
    assert not (tmp_path / "junit.xml").exists()
    assert not list((tmp_path / "allure").glob("*-result.json"))


def test_a_missing_body_is_a_record_error_and_leaves_no_half_report(tmp_path: Path) -> None:
    folder = build.full(tmp_path)
    for blob in (folder / "blobs").rglob("*"):
        if blob.is_file():
            blob.unlink()
    with pytest.raises(RecordError, match="not among the blobs"):
        write_all(folder)
    assert not (folder / "report.html").exists()
