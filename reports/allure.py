"""Knows Allure's result files: one for each rule, with labels, the sentence as title, and the exchanges attached.

Must not know how verdicts came about.
"""

from __future__ import annotations

import hashlib
import shutil
import uuid
from pathlib import Path

from allure_commons.logger import AllureFileLogger
from allure_commons.model2 import Attachment, Label, Status, StatusDetails, TestResult

from harness.record import Run
from harness.verdict import Outcome, Verdict
from reports.evidence import exchange_text
from reports.text import verdict_text

STATUS = {
    Outcome.PASS: Status.PASSED,
    Outcome.WARN: Status.PASSED,
    Outcome.FAIL: Status.FAILED,
    Outcome.ERROR: Status.BROKEN,
}
ATTACHED = 2  # exchanges attached to one result


def write_allure(run: Run, folder: Path) -> None:
    """Write the result files into a folder that is emptied first, so that no older run shines through."""
    if folder.is_dir():
        shutil.rmtree(folder)
    logger = AllureFileLogger(str(folder))
    for verdict in run.verdicts:
        logger.report_result(_result(run, verdict, folder))


def _result(run: Run, verdict: Verdict, folder: Path) -> TestResult:
    identity = hashlib.sha256(verdict.rule.encode()).hexdigest()
    started = run.header["started"]
    result = TestResult(
        uuid=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{verdict.rule}/{started}/{run.header['nonce']}")),
        name=verdict.says,
        fullName=verdict.rule,
        historyId=identity[:32],
        testCaseId=identity[32:],
        description=f"{verdict.level}, {verdict.cites}, basis: {verdict.basis}",
        status=STATUS.get(verdict.outcome, Status.SKIPPED),
        stage="finished",
        labels=_labels(verdict),
    )
    if verdict.outcome is not Outcome.PASS:
        why = verdict.why or verdict.outcome.value
        result.statusDetails = StatusDetails(message=why, trace=verdict_text(run, verdict))
    for number in _shown(verdict):
        result.attachments.append(_attachment(run, number, folder))
    return result


def _labels(verdict: Verdict) -> list[Label]:
    pairs = [
        ("epic", "DICOM conformance"),
        ("feature", verdict.service),
        ("story", verdict.cites),
        ("severity", "critical" if verdict.binding else "minor"),
        ("suite", verdict.service),
        ("tag", verdict.outcome.value),
        *(("tag", requirement) for requirement in verdict.verifies),
    ]
    return [Label(name=name, value=value) for name, value in pairs]


def _shown(verdict: Verdict) -> list[int]:
    if not verdict.findings:
        return []
    return list(dict.fromkeys(f.seq for f in verdict.findings if f.seq))[:ATTACHED]


def _attachment(run: Run, number: int, folder: Path) -> Attachment:
    name = f"exchange-{number}-attachment.txt"
    if not (folder / name).exists():
        (folder / name).write_text(exchange_text(run.exchange(number)), encoding="utf-8")
    return Attachment(name=f"exchange {number}", source=name, type="text/plain")
