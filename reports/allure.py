"""Knows Allure's result files: one for each rule and one for the run, with labels, the sentence as title, and evidence.

Must not know how verdicts came about.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import datetime
from pathlib import Path

from allure_commons.logger import AllureMemoryLogger
from allure_commons.model2 import Attachment, Label, Parameter, Status, StatusDetails, TestResult

from harness.association import Association
from harness.record import Run
from harness.verdict import Outcome, Verdict
from reports.association import association_text
from reports.evidence import exchange_text
from reports.text import verdict_text
from reports.visible import clip, in_line, visible
from reports.whole import whole
from reports.words import group_of

STATUS = {
    Outcome.PASS: Status.PASSED,
    Outcome.WARN: Status.PASSED,
    Outcome.WAIVED: Status.SKIPPED,
    Outcome.FAIL: Status.FAILED,
    Outcome.ERROR: Status.BROKEN,
}
ATTACHED = 2  # exchanges attached to one result
OURS = ("*-result.json", "*-container.json", "*-attachment.*", "categories.json", "environment.properties")
CATEGORIES = [
    {"name": "Nonconformities", "matchedStatuses": ["failed"]},
    {"name": "Faults of dicomproof", "matchedStatuses": ["broken"]},
    {"name": "Waived", "matchedStatuses": ["skipped"], "messageRegex": "(?s)waived.*"},
    {"name": "Blocked", "matchedStatuses": ["skipped"], "messageRegex": "(?s)blocked.*"},
    {"name": "Not exercised", "matchedStatuses": ["skipped"], "messageRegex": "(?s)not-exercised.*"},
    {"name": "Not claimed", "matchedStatuses": ["skipped"], "messageRegex": "(?s)not-claimed.*"},
]


def write_allure(run: Run, folder: Path) -> None:
    """Write the files of the run; results of an older run are removed first, so that none shines through."""
    clear_allure(folder)
    folder.mkdir(parents=True, exist_ok=True)
    logger = AllureMemoryLogger()
    logger.report_result(_of_run(run))
    for verdict in run.verdicts:
        logger.report_result(_result(run, verdict, folder))
    for result in logger.test_cases:
        _write(folder / f"{result['uuid']}-result.json", json.dumps(result, ensure_ascii=False))
    _write(folder / "categories.json", json.dumps(CATEGORIES, indent=1))
    _write(folder / "environment.properties", _environment(run))


def clear_allure(folder: Path) -> None:
    """Remove the files of an older run, and nothing else that somebody keeps in the folder."""
    for pattern in OURS:
        for old in folder.glob(pattern):
            old.unlink()


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _of_run(run: Run) -> TestResult:
    """The run as a whole: broken when it ended early, else passed; the rules speak for themselves."""
    came = whole(run)
    result = _empty(run, "run", Status.BROKEN if came.ended else Status.PASSED)
    result.name = "The run comes to its end."
    result.labels = _pairs(("epic", "DICOM conformance"), ("feature", "run"), ("suite", "run"))
    if came.ended:
        result.statusDetails = StatusDetails(message=visible(came.ended), trace=visible(str(run.end["reason"])))
    return result


def _result(run: Run, verdict: Verdict, folder: Path) -> TestResult:
    result = _empty(run, verdict.rule, STATUS.get(verdict.outcome, Status.SKIPPED))
    result.name = visible(verdict.says)
    result.description = visible(f"{verdict.level}, {verdict.cites}, basis: {verdict.basis}")
    result.labels = _labels(verdict, group_of(run)(verdict))
    if verdict.outcome is not Outcome.PASS:
        result.statusDetails = StatusDetails(message=_message(verdict), trace=verdict_text(run, verdict))
    for number in _shown(verdict):
        result.attachments.append(_attachment(run, number, folder))
    return result


def _empty(run: Run, name: str, status: str) -> TestResult:
    """A result without content. Its history goes by rule, product and edition, its file name by the run as well.

    Not by the address: the embedded simulator has another port each time; nor by the version, which history is about.
    """
    target = run.header["target"]
    product = f"{target.get('vendor', '')} {target.get('product', '')}".strip() or target["word"]
    history = f"{name}\n{product}\n{run.header['edition']}"
    started = int(datetime.fromisoformat(run.header["started"]).timestamp() * 1000)
    return TestResult(
        uuid=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{name}/{run.header['started']}/{run.header['nonce']}")),
        fullName=visible(name),
        historyId=_digest(history),
        testCaseId=_digest(name),
        status=status,
        stage="finished",
        start=started,
        stop=started,
        parameters=[Parameter(name="edition", value=run.header["edition"])],
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _message(verdict: Verdict) -> str:
    """What Allure shows in its lists, and what its categories go by: the outcome and the first reason."""
    reason = verdict.why
    if verdict.findings:
        first = verdict.findings[0]
        reason = f"{first.where}: got {clip(first.got, 300)}; want {clip(first.want, 300)}"
    return in_line(f"{verdict.outcome.value}: {clip(reason, 1000)}" if reason else verdict.outcome.value)


def _labels(verdict: Verdict, group: str) -> list[Label]:
    return _pairs(
        ("epic", "DICOM conformance"),
        ("feature", group),
        ("story", verdict.cites),
        ("severity", "critical" if verdict.binding else "minor"),
        ("suite", group),
        ("framework", "dicomproof"),
        ("tag", verdict.outcome.value),
        *(("tag", requirement) for requirement in verdict.verifies),
    )


def _pairs(*pairs: tuple[str, str]) -> list[Label]:
    return [Label(name=name, value=in_line(value)) for name, value in pairs]


def _shown(verdict: Verdict) -> list[int]:
    return list(dict.fromkeys(f.seq for f in verdict.findings if f.seq))[:ATTACHED]


def _attachment(run: Run, number: int, folder: Path) -> Attachment:
    x = run.evidence(number)
    name = f"{x.called.replace(' ', '-')}-attachment.txt"
    if not (folder / name).exists():
        _write(folder / name, association_text(x) if isinstance(x, Association) else exchange_text(x))
    return Attachment(name=x.called, source=name, type="text/plain")


def _environment(run: Run) -> str:
    """Java properties, in ASCII as Allure reads them."""
    target, header = run.header["target"], run.header
    facts = {
        "target": " ".join(target[k] for k in ("base", "dimse") if target.get(k)),
        "product": " ".join(str(target[k]) for k in ("vendor", "product", "version") if target.get(k)),
        "edition": header["edition"],
        "seed": header["seed"],
        "dicomproof": header["tool"]["version"],
    }
    lines = [f"{k}={in_line(str(v))}".replace("\\", "\\\\") for k, v in facts.items()]
    return "\n".join(lines).encode("ascii", "backslashreplace").decode("ascii") + "\n"
