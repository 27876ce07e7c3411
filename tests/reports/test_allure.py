"""Allure's result files: the model of Allure 2, attachments that exist, honest statuses, history, the same octets."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.rule import Finding
from harness.verdict import Outcome
from reports.allure import write_allure
from tests.reports import build

STATUSES = {"passed", "failed", "broken", "skipped", "unknown"}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TEXTS = ("uuid", "historyId", "testCaseId", "fullName", "name", "description", "status", "stage")


def results(folder: Path) -> dict[str, dict[str, Any]]:
    """The results by the name of their rule."""
    found = [json.loads(p.read_text(encoding="utf-8")) for p in folder.glob("*-result.json")]
    assert len({r["uuid"] for r in found}) == len(found)
    return {r["fullName"]: r for r in found}


def made(folder: Path, **header: Any) -> dict[str, dict[str, Any]]:
    run = build.loaded(build.written(folder, build.exchanges(), build.verdicts(), **header))
    write_allure(run, folder / "allure")
    return results(folder / "allure")


def octets(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


@pytest.mark.parametrize("make", [build.full, build.hostile])
def test_every_result_fits_the_model(make, tmp_path: Path) -> None:
    write_allure(build.loaded(make(tmp_path)), tmp_path / "allure")
    for path in (tmp_path / "allure").glob("*-result.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        assert path.name == f"{result['uuid']}-result.json"
        assert UUID.fullmatch(result["uuid"])
        assert re.fullmatch("[0-9a-f]{32}", result["historyId"])
        assert re.fullmatch("[0-9a-f]{32}", result["testCaseId"])
        assert result["status"] in STATUSES
        assert result["stage"] == "finished"
        assert all(isinstance(result.get(name, ""), str) for name in TEXTS)
        assert isinstance(result["start"], int)
        assert result["stop"] >= result["start"] > 1_700_000_000_000  # milliseconds
        assert all(set(label) == {"name", "value"} for label in result["labels"])
        assert {"epic", "feature", "suite"} <= {label["name"] for label in result["labels"]}
        assert all(set(p) == {"name", "value"} for p in result["parameters"])
        assert set(result.get("statusDetails", {})) <= {"message", "trace", "known", "muted", "flaky"}
        for attachment in result.get("attachments", []):
            assert set(attachment) == {"name", "source", "type"}
            assert (path.parent / attachment["source"]).stat().st_size > 0


def test_statuses_are_honest(tmp_path: Path) -> None:
    found = made(tmp_path)
    assert {n: r["status"] for n, r in found.items()} == {
        "run": "passed",
        "search.empty": "failed",
        "retrieve.parts": "failed",
        "store.should": "passed",
        "store.slow": "skipped",
        "search.paged": "skipped",
        "retrieve.xml": "passed",
        "search.head": "passed",
        "store.never": "skipped",
        "store.optional": "skipped",
        "ups.claim": "skipped",
        "retrieve.broken": "broken",
    }
    for verdict in build.verdicts():
        message = found[verdict.rule].get("statusDetails", {}).get("message", "")
        assert (message == "") == (verdict.outcome is Outcome.PASS)
        assert verdict.outcome is Outcome.PASS or message.startswith(verdict.outcome.value)
        assert {"name": "tag", "value": verdict.outcome.value} in found[verdict.rule]["labels"]


def test_categories_part_what_is_skipped(tmp_path: Path) -> None:
    found = made(tmp_path)
    categories = json.loads((tmp_path / "allure" / "categories.json").read_text())
    for result in found.values():
        message = result.get("statusDetails", {}).get("message", "")
        fits = [c["name"] for c in categories if result["status"] in c["matchedStatuses"]
                and re.fullmatch(c.get("messageRegex", "(?s).*"), message)]  # fmt: skip
        assert len(fits) == (result["status"] != "passed")


def test_the_exchanges_of_findings_are_attached(tmp_path: Path) -> None:
    found = made(tmp_path)
    attachments = found["search.empty"]["attachments"]
    assert [a["name"] for a in attachments] == ["exchange 1", "exchange 6"]
    text = (tmp_path / "allure" / attachments[0]["source"]).read_text(encoding="utf-8")
    assert "GET /dicom-web/studies HTTP/1.1" in text
    assert "X-Twice: 1\nx-twice: 2" in text
    assert '"Alphabetic": "Doe^Jane"' in text
    assert "What an unbroken reference would answer" in text
    assert "curl -i" in text
    assert "attachments" not in found["retrieve.xml"]


def test_history_goes_by_rule_and_product_and_not_by_run_or_port(tmp_path: Path) -> None:
    first = made(tmp_path / "a")
    target = {**build.HEADER["target"], "base": "http://127.0.0.1:40404/dw", "version": "8.0"}
    again = made(tmp_path / "b", started="2026-05-05T00:00:00+00:00", nonce="CAFE", target=target)
    other = made(tmp_path / "c", target={**build.HEADER["target"], "product": "Archive"})
    assert {n: r["historyId"] for n, r in first.items()} == {n: r["historyId"] for n, r in again.items()}
    assert not {r["historyId"] for r in first.values()} & {r["historyId"] for r in other.values()}
    assert not {r["uuid"] for r in first.values()} & {r["uuid"] for r in again.values()}
    assert len({r["historyId"] for r in first.values()}) == len(first)


def test_the_same_record_gives_the_same_octets(tmp_path: Path) -> None:
    run = build.loaded(build.full(tmp_path))
    write_allure(run, tmp_path / "a")
    write_allure(run, tmp_path / "b")
    assert octets(tmp_path / "a") == octets(tmp_path / "b")


def test_an_older_run_does_not_shine_through_and_other_files_stay(tmp_path: Path) -> None:
    folder = tmp_path / "allure"
    made(tmp_path)
    (folder / "00000000-0000-0000-0000-000000000000-result.json").write_text("{}")
    (folder / "exchange-99-attachment.txt").write_text("old")
    (folder / "history").mkdir()
    (folder / "history" / "history.json").write_text("{}")  # what a pipeline puts there for the trend
    write_allure(
        build.loaded(build.written(tmp_path / "new", [], [build.verdict("a.b", Outcome.NOT_EXERCISED)])), folder
    )
    assert set(results(folder)) == {"run", "a.b"}
    assert not list(folder.glob("exchange-*"))
    assert (folder / "history" / "history.json").exists()


def test_a_run_that_ended_early_is_broken(tmp_path: Path) -> None:
    run = build.loaded(build.written(tmp_path, [], [], [("ended", "Nobody answers.")], "unreachable"))
    write_allure(run, tmp_path / "allure")
    result = results(tmp_path / "allure")["run"]
    assert result["status"] == "broken"
    assert result["statusDetails"]["message"] == "Nobody answers."


def test_the_environment_is_one_line_a_fact(tmp_path: Path) -> None:
    target = {**build.HEADER["target"], "product": "PACS\nevil=1 \\ é"}
    made(tmp_path, target=target)
    lines = (tmp_path / "allure" / "environment.properties").read_text(encoding="ascii").splitlines()
    assert [line.partition("=")[0] for line in lines] == ["target", "product", "edition", "seed", "dicomproof"]
    assert lines[2:] == ["edition=2024e", "seed=7", "dicomproof=0.1.0"]


def test_hostile_strings_are_written_within_bounds(tmp_path: Path) -> None:
    judged = [build.verdict("a.b", Outcome.FAIL, *(Finding(t, t, t, seq=1) for t in build.HOSTILE), why="y" * 100_000)]
    run = build.loaded(build.written(tmp_path, build.exchanges(), judged))
    write_allure(run, tmp_path / "allure")
    result = results(tmp_path / "allure")["a.b"]
    assert len(result["statusDetails"]["message"]) < 1200
    assert len(result["statusDetails"]["trace"]) < 60_000
    assert not re.search("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]", json.dumps(result, ensure_ascii=False))
