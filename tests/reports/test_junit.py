"""junit.xml as Jenkins, GitLab and the usual schema read it: attributes, counts, order of children, honest colours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lxml import etree

from harness.rule import Finding
from harness.verdict import Outcome
from reports.junit import junit
from tests.reports import build

CHILDREN = ("skipped", "error", "failure", "system-out", "system-err")  # of a case, in the order of the schema


def tree(folder: Path) -> etree._Element:
    return etree.fromstring(junit(build.loaded(folder)).encode("utf-8"))


def case(root: etree._Element, name: str) -> etree._Element:
    found = root.findall(f".//testcase[@name='{name}']")
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("make", [build.full, build.hostile])
def test_the_file_has_the_shape_that_ci_servers_read(make, tmp_path: Path) -> None:
    root = tree(make(tmp_path))
    assert root.tag == "testsuites"
    assert {child.tag for child in root} == {"testsuite"}
    for suite in root:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp"))  # the schema knows no zone
        assert suite.get("name").startswith("dicomproof.")
        assert suite.get("hostname")
        assert [c.tag for c in suite] == ["properties", *["testcase"] * (len(suite) - 1)]
        for one in suite.findall("testcase"):
            assert one.get("name")
            assert one.get("classname") == suite.get("name")
            assert float(one.get("time")) >= 0
            places = [CHILDREN.index(c.tag) for c in one]
            assert places == sorted(places)
            assert len([c for c in one if c.tag in CHILDREN[:3]]) <= 1
            assert all(c.get("message") for c in one if c.tag in CHILDREN[:3])
            assert all(c.get("type") for c in one if c.tag in ("error", "failure"))


@pytest.mark.parametrize("make", [build.full, build.hostile])
def test_counts_equal_children(make, tmp_path: Path) -> None:
    root = tree(make(tmp_path))
    for element in (root, *root):
        assert int(element.get("tests")) == len(element.findall(".//testcase"))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(element.get(name)) == len(element.findall(f".//testcase/{tag}")), (element.get("name"), name)


def test_every_rule_is_one_case_and_every_name_is_there_once(tmp_path: Path) -> None:
    root = tree(build.full(tmp_path))
    names = [(c.get("classname"), c.get("name")) for c in root.iter("testcase")]
    assert len(names) == len(set(names))
    assert {n for _, n in names} == {v.rule for v in build.verdicts()} | {
        "run.reaches-its-end",
        "run.exercises-what-is-due",
    }


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("search.empty", "failure"),
        ("retrieve.broken", "error"),
        ("store.should", "system-out"),
        ("store.slow", "system-out"),
        ("search.paged", "skipped"),
        ("store.never", "skipped"),
        ("ups.claim", "skipped"),
        ("retrieve.xml", None),
    ],
)
def test_outcomes_are_told_as_they_are(name: str, tag: str | None, tmp_path: Path) -> None:
    one = case(tree(build.full(tmp_path)), name)
    assert [c.tag for c in one] == ([tag] if tag else [])


def test_a_failure_says_what_was_found_and_how_to_see_it_again(tmp_path: Path) -> None:
    failure = case(tree(build.full(tmp_path)), "search.empty").find("failure")
    assert failure is not None
    assert failure.get("message").startswith("PS3.18 10.6.3.1: ")
    assert "exchange 1, status line: got 200 and []; want 204 without a body" in failure.text
    assert "31 findings in all" in failure.text
    assert "again: dicomproof check acme.toml --only search.empty --seed 7 --examples 25" in failure.text


def test_what_was_due_and_not_shown_is_no_green_run(tmp_path: Path) -> None:
    """Skipped cases turn no pipeline red, so a run that showed nothing would look like a good one."""
    judged = [build.verdict("a.b", Outcome.NOT_EXERCISED), build.verdict("a.c", Outcome.PASS)]
    failure = case(tree(build.written(tmp_path / "a", build.exchanges(), judged)), "run.exercises-what-is-due").find(
        "failure"
    )
    assert failure is not None
    assert "a.b" in failure.text
    only = case(
        tree(build.written(tmp_path / "b", build.exchanges(), judged, read_only=True)), "run.exercises-what-is-due"
    )
    assert [c.tag for c in only] == ["skipped"]  # a read-only run cannot show it all
    none = case(tree(build.written(tmp_path / "c", [], judged[:1], read_only=True)), "run.exercises-what-is-due")
    assert [c.tag for c in none] == ["failure"]
    fine = case(tree(build.written(tmp_path / "d", build.exchanges(), judged[1:])), "run.exercises-what-is-due")
    assert len(fine) == 0


def test_a_run_that_ended_early_is_an_error(tmp_path: Path) -> None:
    folder = build.written(tmp_path, [], [], [("ended", "Nobody answers.")], "unreachable")
    one = case(tree(folder), "run.reaches-its-end").find("error")
    assert one is not None
    assert one.get("message") == "Nobody answers."


def test_the_same_record_gives_the_same_octets(tmp_path: Path) -> None:
    run = build.loaded(build.full(tmp_path))
    assert junit(run) == junit(run)


def test_no_character_and_no_length_breaks_the_file(tmp_path: Path) -> None:
    text = "".join(map(chr, range(0x20))) + "\x7f\x85\ud800\udfff\ufffe\uffff]]>&<\U0001f9ea" + "x" * 100_000
    found = Finding(text, text, text, seq=1)
    judged = [build.verdict("a.b", Outcome.FAIL, found, says=text, why=text),
              build.verdict("a.c", Outcome.BLOCKED, why=text)]  # fmt: skip
    written = junit(build.loaded(build.written(tmp_path, build.exchanges(), judged, [("ended", text)], "error")))
    root = etree.fromstring(written.encode("utf-8"))
    failure = root.find(".//failure")
    assert failure is not None
    assert "\N{SYMBOL FOR NULL}" in failure.text
    assert "]]>&<\U0001f9ea" in failure.text
    assert len(written) < 250_000
    assert max(len(e.get("message", "")) for e in root.iter()) < 600
