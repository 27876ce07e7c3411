"""Readers of one run record: page, JUnit, Allure, text. Each is a function of the record and nothing else.

Must not know anything but harness: a report is reproducible from its file alone.
"""

from __future__ import annotations

from pathlib import Path

from harness.record import NAME, Run, read
from reports.allure import clear_allure, write_allure
from reports.junit import junit
from reports.page import page


def write_all(folder: Path) -> list[Path]:
    """Write report.html, junit.xml and allure/ beside the record; the paths of everything in the folder.

    Reports of an older run are removed first: none may stand beside a record that they do not tell of.
    RecordError when the record is not whole, OSError when the folder cannot be written.
    """
    for name in ("report.html", "junit.xml"):
        (folder / name).unlink(missing_ok=True)
    clear_allure(folder / "allure")
    run: Run = read(folder)
    texts = {"report.html": page(run), "junit.xml": junit(run)}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    write_allure(run, folder / "allure")
    return [folder / name for name in (NAME, *texts, "allure")]
