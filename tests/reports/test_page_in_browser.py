"""The page in a real browser: it works, it asks nobody, it is not fooled, and it can be read everywhere."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from reports.page import TEMPLATES
from tests.reports import build
from tests.reports.conftest import Watched

RED = ["retrieve.broken", "retrieve.parts", "search.empty", "store.should", "store.slow"]
OUTCOMES = ("error", "fail", "warn", "waived", "blocked", "pass", "none")


def rule(page: Page, name: str) -> str:
    return f'details.rule:has([id="{name}"])'


def width(page: Page) -> int:
    found: int = page.evaluate("document.documentElement.scrollWidth")
    return found


def test_nothing_is_asked_of_anybody(watched: Watched, files: dict[str, str]) -> None:
    watched.page.goto(files["full"])
    watched.page.locator("#ui-clear").click()
    watched.page.locator("#ui-open").click()
    assert watched.requests == [files["full"]]
    assert watched.errors == []


def test_at_first_what_is_not_right_is_shown(watched: Watched, files: dict[str, str]) -> None:
    watched.page.goto(files["full"])
    assert watched.shown() == RED
    expect(watched.page.locator("#ui-shown")).to_have_text("5 of 11 rules shown")


def test_outcomes_services_and_words_filter_together(watched: Watched, files: dict[str, str]) -> None:
    page = watched.page
    page.goto(files["full"])
    page.get_by_label("pass 2").check()
    assert watched.shown() == [*RED, "retrieve.xml", "search.head"]
    page.get_by_label("Service", exact=True).select_option("search")
    assert watched.shown() == ["search.empty", "search.head"]
    page.get_by_label("Search rules, clauses and findings").fill("204 WITHOUT")  # in a finding, in any case of letters
    expect(page.locator("#ui-shown")).to_have_text("1 of 11 rules shown")
    assert watched.shown() == ["search.empty"]
    page.get_by_label("Search rules, clauses and findings").fill("no such thing")
    expect(page.get_by_text("No rule fits this filter.")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    assert len(watched.shown()) == 11


def test_the_matrix_filters(watched: Watched, files: dict[str, str]) -> None:
    page = watched.page
    page.goto(files["full"])
    page.get_by_role("link", name="store: 2 not-exercised").click()
    assert watched.shown() == ["store.never", "store.optional"]
    page.get_by_role("link", name="all services: 2 fail").click()
    assert watched.shown() == ["retrieve.parts", "search.empty"]
    page.locator(".matrix tbody th a", has_text="search").click()
    assert watched.shown() == ["search.empty", "search.paged", "search.head"]


def test_an_open_rule_shows_its_first_exchange_and_the_others_on_demand(
    watched: Watched, files: dict[str, str]
) -> None:
    page = watched.page
    page.goto(files["full"])
    row = page.locator(rule(page, "search.empty"))
    row.locator("summary").first.click()
    expect(row.locator(".evidence details.exchange[open]")).to_have_count(1)
    expect(row.locator(".evidence")).to_contain_text("What an unbroken reference would answer")
    row.locator(".findings a.ref", has_text="6").click()
    expect(row.locator(".evidence details.exchange[open]")).to_have_count(2)
    expect(row.locator(".evidence")).to_contain_text("journey web.search.paging#1 page")
    ids = page.eval_on_selector_all("[id]", "found => found.map(e => e.id)")
    assert len(ids) == len(set(ids))  # copies bring no second id


@pytest.mark.parametrize("name", ["search.empty", "retrieve.xml"])
def test_a_deep_link_opens_its_rule_also_where_the_filter_hides_it(
    name: str, watched: Watched, files: dict[str, str]
) -> None:
    watched.page.goto(f"{files['full']}#{name}")
    row = watched.page.locator(rule(watched.page, name))
    expect(row).to_have_attribute("open", "")
    expect(row.locator("summary").first).to_be_in_viewport()


def test_a_deep_link_opens_an_exchange_and_a_broken_one_does_no_harm(watched: Watched, files: dict[str, str]) -> None:
    watched.page.goto(f"{files['full']}#x3")
    expect(watched.page.locator("details.exchange:has(#x3)")).to_have_attribute("open", "")
    for broken in ("#%E0%A4%A", "#nothing", "#%22%3E", "#"):
        watched.page.goto(files["full"] + broken)
    assert watched.errors == []


def test_commands_can_be_copied(browser: Browser, files: dict[str, str]) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(files["full"])
    row = page.locator(rule(page, "search.empty"))
    row.locator("summary").first.click()
    button = row.get_by_role("button", name="Copy the command").first
    button.click()
    expect(button).to_have_text("Copied")
    wanted = "dicomproof check acme.toml --only search.empty --seed 7 --examples 25"
    assert page.evaluate("navigator.clipboard.readText()") == wanted
    context.close()


def test_the_keyboard_is_enough(watched: Watched, files: dict[str, str]) -> None:
    page = watched.page
    page.goto(files["full"])
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the verdicts")).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#ui-words")).to_be_focused()
    page.keyboard.type("1 part")
    expect(page.locator("#ui-shown")).to_have_text("1 of 11 rules shown")
    page.keyboard.press("Escape")
    expect(page.locator("#ui-shown")).to_have_text("5 of 11 rules shown")
    row = page.locator(rule(page, "retrieve.parts"))
    row.locator("summary").first.focus()
    page.keyboard.press("Enter")
    expect(row).to_have_attribute("open", "")


def test_hostile_strings_do_not_run(watched: Watched, files: dict[str, str]) -> None:
    page = watched.page
    page.goto(files["hostile"])
    page.locator("#ui-open").click()
    for link in page.locator(".evidence a.ref").all()[:12]:
        link.click()
    assert watched.dialogs == []
    assert watched.errors == []
    assert watched.requests == [files["hostile"]]
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.scripts.length") == 1
    assert page.title().startswith("<script>window.hacked=1</script>")


@pytest.mark.parametrize("which", ["full", "hostile"])
@pytest.mark.parametrize("size", [320, 400, 1300])
def test_nothing_is_wider_than_the_window(which: str, size: int, watched: Watched, files: dict[str, str]) -> None:
    page = watched.page
    page.set_viewport_size({"width": size, "height": 900})
    page.goto(files[which])
    assert width(page) <= size
    page.locator("#ui-clear").click()
    page.locator("#ui-open").click()
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert width(page) <= size


def test_print_opens_the_findings_and_leaves_the_controls_out(watched: Watched, files: dict[str, str]) -> None:
    page = watched.page
    page.goto(files["full"])
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    expect(page.locator(rule(page, "search.empty")).locator(".findings")).to_be_visible()
    expect(page.get_by_text("exchange 6 has no whole answer").first).to_be_visible()
    expect(page.locator("#ui-filter")).to_be_hidden()
    expect(page.locator("#x3")).to_be_visible()  # a short list of exchanges is printed as an appendix
    page.emulate_media(media="screen")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0


def test_print_prints_what_the_filter_shows(watched: Watched, files: dict[str, str]) -> None:
    watched.page.goto(files["full"])
    octets = watched.page.pdf(format="A4")
    watched.page.get_by_label("Search rules, clauses and findings").fill("search.empty")
    expect(watched.page.locator("#ui-shown")).to_have_text("1 of 11 rules shown")
    assert octets.startswith(b"%PDF")
    assert len(watched.page.pdf(format="A4")) < len(octets)


def test_without_scripts_everything_can_still_be_read(browser: Browser, files: dict[str, str]) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1300, "height": 900})
    page = context.new_page()
    page.goto(files["full"])
    expect(page.locator("#ui-filter")).to_be_hidden()
    assert page.locator("details.rule").count() == 11
    expect(page.locator("details.rule >> nth=10")).to_be_visible()
    row = page.locator(rule(page, "search.empty"))
    row.locator("summary").first.click()
    expect(row.locator(".findings")).to_be_visible()
    row.locator(".evidence a.ref").first.click()
    expect(page.locator("#x1")).to_be_visible()  # the browser itself opens what the link leads into
    page.goto(f"{files['full']}#retrieve.xml")
    expect(page.locator('[id="retrieve.xml"]')).to_be_visible()
    context.close()


def test_controls_have_names_and_headings_stand_in_order(watched: Watched, files: dict[str, str]) -> None:
    page = watched.page
    page.goto(files["full"])
    page.locator("#ui-open").click()
    assert page.evaluate("document.documentElement.lang") == "en"
    nameless = page.eval_on_selector_all(
        "a, button, input, select, summary",
        """found => found.filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() ||
             (e.labels && e.labels.length && e.labels[0].textContent.trim()))).map(e => e.outerHTML)""",
    )
    assert nameless == []
    levels = page.eval_on_selector_all("h1, h2, h3, h4", "found => found.map(e => +e.tagName[1])")
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    dangling = page.eval_on_selector_all(
        "[aria-labelledby]",
        "found => found.filter(e => !document.getElementById(e.getAttribute('aria-labelledby'))).length",
    )
    assert dangling == 0
    heads = page.eval_on_selector_all("th", "found => found.filter(e => !e.scope).length")
    assert heads == 0


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.1)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, two: str) -> float:
    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_told_from_the_paper(scheme: int) -> None:
    css = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    assert len(blocks) == 2
    colours = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", blocks[scheme]))
    for name in (*OUTCOMES, "ink", "quiet", "link"):
        for paper in ("paper", "soft"):
            assert contrast(colours[name], colours[paper]) >= 4.5, (name, paper)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_browser_shows_the_scheme_that_is_asked_for(scheme: str, watched: Watched, files: dict[str, str]) -> None:
    watched.page.emulate_media(color_scheme=scheme)
    watched.page.goto(files["full"])
    paper = watched.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    seen = set(watched.page.eval_on_selector_all(".o", "found => found.map(e => getComputedStyle(e).color)"))
    assert len(seen) == len({v.outcome.value for v in build.verdicts()} - {"not-claimed"})


def test_a_crowd_opens_and_filters_quickly(watched: Watched, crowd: Path) -> None:
    watched.page.goto(crowd.as_uri(), timeout=15_000)
    taken = watched.page.evaluate(
        """() => { const words = document.getElementById("ui-words"); words.value = "rule-123";
             const start = performance.now(); words.form.requestSubmit(); return performance.now() - start; }"""
    )
    assert watched.shown() == ["search.rule-123"]
    assert taken < 2000
