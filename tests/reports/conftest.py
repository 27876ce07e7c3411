"""A real browser for the tests of the page: Chromium, without a network, one for all of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, Request, sync_playwright

from reports.page import page as report
from tests.reports import build

ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync"]  # fmt: skip


def missing(why: str) -> None:
    """Skip where somebody has no browser; in CI that would be a test that nobody runs, so there it fails."""
    if os.environ.get("CI"):
        pytest.fail(f"CI has to run the browser tests, and {why}")
    pytest.skip(why)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(executable_path=path, args=ARGS)
        except Error as error:
            missing(f"no Chromium could be started: {error.message.splitlines()[0]}")
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The addresses of a page with everything in it, and of one whose product says the worst it can."""
    made = {}
    for name, make in (("full", build.full), ("hostile", build.hostile)):
        folder: Path = make(tmp_path_factory.mktemp(name))
        (folder / "report.html").write_text(report(build.loaded(folder)), encoding="utf-8")
        made[name] = (folder / "report.html").as_uri()
    return made


@pytest.fixture(scope="session")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run in which 300 rules fail with 20 findings each."""
    folder = build.crowd(tmp_path_factory.mktemp("crowd"))
    path = folder / "report.html"
    path.write_text(report(build.loaded(folder)), encoding="utf-8")
    return path


class Watched:
    """A page, and everything suspicious that happened in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.dialogs: list[str] = []
        self.errors: list[str] = []
        page.on("request", self._request)
        page.on("dialog", self._dialog)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)

    def _dialog(self, dialog: object) -> None:
        self.dialogs.append(str(dialog))
        dialog.dismiss()  # type: ignore[attr-defined]

    def shown(self) -> list[str]:
        """The ids of the rules that the filter leaves, in order."""
        ids: list[str] = self.page.eval_on_selector_all(
            "details.rule", "rows => rows.filter(r => r.checkVisibility()).map(r => r.querySelector('.inside').id)"
        )
        return ids


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1300, "height": 900}, offline=True)
    yield Watched(context.new_page())
    context.close()
