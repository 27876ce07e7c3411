"""Reports of files that were read: they speak of files and kinds of file, and name each by its path."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Browser, expect

from dicomproof import read
from dicomproof.matrix import write_files
from harness.make.corpus import corpus
from harness.record import Run
from harness.record import read as load
from reports import write_all
from reports.page import page as report
from reports.words import KINDS

SAMPLE = corpus(1, "READ")[0].part10
NASTY = "<b>bold & \u202egnp.json"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("read")
    (folder / "in" / "series 1").mkdir(parents=True)
    write_files(folder / "in")
    (folder / "in" / "series 1" / "cut.dcm").write_bytes(SAMPLE[:-10])
    (folder / "in" / "series 1" / "empty.dcm").write_bytes(b"")
    (folder / "in" / NASTY).write_bytes(b'[{"00100010": {"vr": "PN", "Value": "A^B"}}]')
    (folder / "in" / "notes.txt").write_text("nothing")
    options = read.Options(folder / "out", command=read.command([folder / "in"], ""))
    result = read.read([folder / "in"], options)
    assert result.out is not None
    write_all(result.out)
    return load(result.out)


def text_of(html: str) -> str:
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_the_page_speaks_of_files(run: Run) -> None:
    text = text_of(report(run))
    assert "8 files read; 1 not judged: 1 of another kind." in text
    assert "notes.txt is nothing that is judged here" in text
    assert "Kinds of file by outcome" in text
    of_services = r"\b(?:exchange|service|probe|Claims|Address|hand|Request|Response|seed|HTTP)s?\b"
    assert re.findall(of_services, text) == []


def test_a_finding_names_its_file(run: Run) -> None:
    html = report(run)
    assert re.search(r'<td data-label="file"><a class="ref" href="#x\d+">series 1/cut.dcm</a></td>', html)
    assert "The file is empty." in html
    assert "<b>bold" not in html
    assert "&lt;b&gt;bold &amp; " in html


def test_a_rule_stands_under_the_kind_of_file_that_it_is_about(run: Run) -> None:
    html = report(run)
    kinds = dict(
        re.findall(r'data-service="([^"]+)">\s*<summary><span[^>]*>[^<]*</span><span class="id">([a-z]+)\.', html)
    )
    assert kinds == {"DICOM files": "instance", "DICOM JSON": "json", "Native DICOM XML": "xml",
                     "multipart messages": "multipart", "what a file is called": "file"}  # fmt: skip


def test_only_readings_that_were_at_stake_are_listed(run: Run) -> None:
    assert "No policy was at stake in this run." in report(run)


def test_junit_and_allure_name_files_and_kinds(run: Run) -> None:
    suites = {s.get("name"): s for s in ElementTree.parse(run.folder / "junit.xml").getroot().iter("testsuite")}
    kinds = {*KINDS.values(), "run"}
    assert set(suites) == {f"dicomproof.{kind}" for kind in kinds}
    failed = next(c for c in suites["dicomproof.DICOM files"].iter("testcase") if c.get("name") == "instance.elements")
    failure = failed.find("failure")
    assert failure is not None
    assert "  series 1/cut.dcm, 7FE00010 at octet" in str(failure.text)
    assert "exchange" not in str(failure.text)
    results = [json.loads(p.read_text(encoding="utf-8")) for p in (run.folder / "allure").glob("*-result.json")]
    features = {label["value"] for r in results for label in r["labels"] if label["name"] == "feature"}
    assert "DICOM files" in features
    attached = [p.read_text(encoding="utf-8") for p in (run.folder / "allure").glob("*.txt")]
    assert any(text.startswith("series 1/cut.dcm\n") for text in attached)
    assert not any("curl" in text for text in attached)


def test_a_file_is_shown_where_its_rule_stands(run: Run, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((Path(run.folder) / "report.html").as_uri())
    page.get_by_label("Kind of file", exact=True).select_option("DICOM files")
    row = page.locator("details.rule:has(.id:text-is('instance.elements'))")
    row.locator("summary").first.click()
    shown = row.locator("details.exchange").first
    expect(shown.locator("summary")).to_contain_text("series 1/cut.dcm")
    expect(shown).to_contain_text("(0008,0060) CS Modality")
    expect(page.locator("details.rule:visible")).to_have_count(1)
    page.set_viewport_size({"width": 380, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()
