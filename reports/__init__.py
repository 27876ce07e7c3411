"""Readers of one run record: page, JUnit, Allure, text. Each is a function of the record and nothing else.

Must not know anything but harness: a report is reproducible from its file alone.
"""

from __future__ import annotations

from pathlib import Path

from harness.record import NAME, Run, read
from reports.allure import write_allure
from reports.junit import junit
from reports.page import page


def write_all(folder: Path) -> list[Path]:
    """Write report.html, junit.xml and allure/ beside the record; the paths of everything in the folder.

    RecordError when the record is not whole, OSError when the folder cannot be written.
    """
    run: Run = read(folder)
    (folder / "report.html").write_text(page(run), encoding="utf-8")
    (folder / "junit.xml").write_text(junit(run), encoding="utf-8")
    write_allure(run, folder / "allure")
    return [folder / name for name in (NAME, "report.html", "junit.xml", "allure")]
