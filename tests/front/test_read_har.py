"""`dicomproof read` of what a browser recorded: a right product is not blamed, a broken one is, others are left out."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error, sync_playwright

from dicomproof.rejudge import rejudge
from dicomproof.run import Result
from harness import record
from harness.exchange import Exchange
from harness.make.corpus import corpus
from harness.verdict import Exit, Outcome, Verdict
from reports import write_all
from simulators.archive.archive import Archive
from simulators.serve import serve
from tests.front.reading import Judged
from tests.reports.conftest import ARGS, missing

RED = (Outcome.FAIL, Outcome.WARN, Outcome.ERROR)
# What a page does: it stores, searches, and retrieves what it found at the URLs that it was told.
PAGE = """async ({base, sent}) => {
  const json = {headers: {Accept: 'application/dicom+json'}};
  const type = 'multipart/related; type="application/dicom"';
  const got = [];
  const ask = async (url, about) => { const r = await fetch(url, about); got.push(r.status); return r; };
  for (const one of sent) {
    const body = Uint8Array.from(atob(one), c => c.charCodeAt(0));
    const headers = {'Content-Type': type + '; boundary=XYZ', Accept: 'application/dicom+json'};
    await (await ask(base + '/studies', {method: 'POST', headers, body})).arrayBuffer();
  }
  for (const row of await (await ask(base + '/studies?limit=5', json)).json()) {
    const url = row['00081190'].Value[0];
    await (await ask(url + '/metadata', json)).json();
    await (await ask(url, {headers: {Accept: type}})).arrayBuffer();
  }
  await (await ask(base + '/studies?PatientID=NOBODY', json)).text();
  await (await ask(base + '/studies/1.2.3/metadata', json)).text();
  return got;
}"""
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What Chromium recorded while a page spoke with the reference simulator."""
    folder = tmp_path_factory.mktemp("har")
    part = b"--XYZ\r\nContent-Type: application/dicom\r\nContent-Length: %d\r\n\r\n%s\r\n--XYZ--\r\n"
    sent = [base64.b64encode(part % (len(s.part10), s.part10)).decode() for s in corpus(1, "HAR")[:4]]
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    archive = Archive(folder / "data")
    with serve(archive) as served, sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=ARGS)
        except Error as error:
            missing(f"no Chromium could be started: {error.message.splitlines()[0]}")
        context = browser.new_context(record_har_path=folder / "a.har", record_har_content="embed")
        page = context.new_page()
        page.goto(f"{served.url}/studies/1.2.3")  # a page at a path that looks like a study
        assert page.evaluate(PAGE, {"base": served.url, "sent": sent}) == [200] * 7 + [204, 404]
        context.close()
        browser.close()
    archive.close()
    return json.loads((folder / "a.har").read_text(encoding="utf-8"))


@pytest.fixture
def changed(recorded: dict[str, Any], judged: Judged, tmp_path: Path) -> Callable[..., Result]:
    """Judge the recording with a change to the entry whose URL ends so."""

    def judge(suffix: str = "", change: Change = lambda entry: None, **options: object) -> Result:
        har = json.loads(json.dumps(recorded))
        for entry in har["log"]["entries"]:
            if suffix and entry["request"]["url"].endswith(suffix):
                change(entry)
        (tmp_path / "in" / "a.har").write_text(json.dumps(har), encoding="utf-8")
        return judged(**options)

    return judge


def red(result: Result) -> dict[str, Verdict]:
    return {v.rule: v for v in result.verdicts if v.outcome in RED}


def passed(result: Result) -> set[str]:
    return {v.rule for v in result.verdicts if v.outcome is Outcome.PASS}


def exchanges(result: Result) -> list[Exchange]:
    assert result.out
    return [x for x in record.read(result.out).items() if isinstance(x, Exchange)]


def test_a_right_server_and_a_right_client_are_not_blamed(changed: Callable[..., Result]) -> None:
    result = changed()
    assert red(result) == {}
    assert result.code is Exit.CONFORMS
    assert {"search.understood", "json.vr", "instance.is-a-file", "multipart.boundary", "http.always-answers",
            "retrieve.instances-belong", "client.accept-present"} <= passed(result)  # fmt: skip
    assert "1 of the browser's own" in result.said


def test_what_a_capture_does_not_show_is_not_judged(changed: Callable[..., Result]) -> None:
    """Of the octets on the wire nothing is left: no rule that speaks of them says anything, good or bad."""
    result = changed()
    silent = {"http.content-length-is-size", "http.length-or-transfer-encoding", "http.content-encoding-is-true",
              "http.field-lines", "http.status-line", "json.is-utf8", "store.every-instance-once"}  # fmt: skip
    assert not silent & passed(result)
    (store, *_) = [x for x in exchanges(result) if x.kind == "web.store"]
    assert store.ask.body.truncated


def test_a_payload_that_was_dropped_is_not_taken_for_an_empty_one(changed: Callable[..., Result]) -> None:
    def drop(entry: dict[str, Any]) -> None:
        entry["response"]["content"] = {"size": entry["response"]["content"]["size"], "mimeType": "x"}

    result = changed("/metadata", drop)
    assert red(result) == {}
    dropped = [x for x in exchanges(result) if x.kind == "web.retrieve.metadata"]
    assert dropped
    assert all(x.answer.body.truncated and not x.complete for x in dropped)


def replace(old: str, new: str) -> Change:
    def change(entry: dict[str, Any]) -> None:
        content = entry["response"]["content"]
        assert old in content["text"]
        content["text"] = content["text"].replace(old, new)
        content["size"] = len(content["text"].encode())

    return change


def fields(side: str, name: str, value: str | None) -> Change:
    def change(entry: dict[str, Any]) -> None:
        kept = [f for f in entry[side]["headers"] if f["name"].lower() != name]
        entry[side]["headers"] = kept + ([{"name": name, "value": value}] if value else [])

    return change


@pytest.mark.parametrize(
    ("suffix", "change", "rule"),
    [
        ("limit=5", replace('"vr":"UI"', '"vr":"XX"'), "json.vr"),
        ("limit=5", replace('"0020000D"', '"0020000d"'), "json.tag-names"),
        ("limit=5", fields("response", "content-type", "application/json; x"), "http.content-type-syntax"),
        ("/1.2.3/metadata", lambda entry: entry["response"].update(status=500), "http.no-server-error"),
        ("limit=5", lambda entry: entry["response"].update(status=206), "http.206-answers-a-range"),
        ("limit=5", fields("request", "accept", "application dicom+json"), "client.accept-syntax"),
    ],
)
def test_a_seeded_defect_is_found(
    changed: Callable[..., Result], suffix: str, change: Change, rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    result = changed(suffix, change)
    assert rule in red(result)
    finding = red(result)[rule].findings[0]
    assert result.names[finding.seq].startswith("a.har entry ")
    assert result.out
    write_all(result.out)
    assert "a.har entry " in (result.out / "report.html").read_text(encoding="utf-8")


def test_an_aborted_entry_blames_nobody(changed: Callable[..., Result]) -> None:
    def abort(entry: dict[str, Any]) -> None:
        entry["response"] = {"status": 0, "statusText": "", "httpVersion": "", "headers": [], "content": {},
                             "bodySize": -1, "_error": "net::ERR_ABORTED"}  # fmt: skip

    result = changed("limit=5", abort)
    assert red(result) == {}


def test_a_cached_entry_is_left_out(changed: Callable[..., Result]) -> None:
    result = changed("limit=5", lambda entry: entry.update(_fromCache="memory"))
    assert "1 came from the cache of the client" in result.said
    assert red(result) == {}


def test_the_base_can_be_told(changed: Callable[..., Result]) -> None:
    assert changed(base="/elsewhere").code is Exit.UNREACHABLE
    assert "search.understood" in passed(changed(base="/dicomweb/"))
    assert {x.ask.base.split("/")[-1] for x in exchanges(changed(base="dicomweb"))} == {"dicomweb"}


def test_it_is_judged_again_alike(changed: Callable[..., Result], tmp_path: Path) -> None:
    first = changed()
    assert first.out
    again = rejudge(first.out, tmp_path / "again", "", "")
    assert {v.rule: v.outcome for v in first.verdicts} == {v.rule: v.outcome for v in again.verdicts}


def test_neither_the_capture_nor_a_credential_goes_into_the_record(changed: Callable[..., Result]) -> None:
    result = changed("limit=5", fields("request", "cookie", "session=s3cret"))
    assert result.out
    written = b"".join(p.read_bytes() for p in result.out.rglob("*") if p.is_file())
    assert b"s3cret" not in written
    assert b'"creator"' not in written


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "begins like none"), ('{"log": {"entries": 5}}', "no list log.entries"), ('{"log": {', "is no HAR"),
     ('{"log": {"entries": [5, {"request": {}}]}}', "0 entries")],
)  # fmt: skip
def test_what_is_no_capture_is_told(judged: Judged, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "in" / "a.har").write_text(text, encoding="utf-8")
    result = judged()
    assert result.code is Exit.UNREACHABLE
    assert result.out
    told = [n["text"] for n in record.read(result.out).notes]
    assert any(says in text for text in told)


def test_a_page_of_somebody_else_is_left_out(judged: Judged, tmp_path: Path) -> None:
    """A path that looks like a study is none where nobody speaks of DICOM."""
    request = {"method": "GET", "url": "https://shop.example/studies/1.2.3", "httpVersion": "h2",
               "headers": [{"name": "Accept", "value": "application/json"}]}  # fmt: skip
    response = {"status": 500, "headers": [], "content": {"size": 2, "text": "{}"}}
    log = {"log": {"entries": [{"request": request, "response": response}]}}
    (tmp_path / "in" / "a.har").write_text(json.dumps(log), encoding="utf-8")
    result = judged()
    assert result.code is Exit.UNREACHABLE
    assert "1 of other services" in result.said
