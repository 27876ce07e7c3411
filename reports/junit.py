"""Knows JUnit XML as CI servers read it: suites by service or kind of file, a case for each rule and the run.

Must not know how verdicts came about.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from harness.record import Run
from harness.verdict import Outcome, Verdict
from reports.text import verdict_text
from reports.visible import clip, in_line, visible
from reports.whole import whole
from reports.words import group_of

NAMED = 50  # rules named where demands were not shown
LINE = 500  # characters of a message, which CI servers show in one line


def junit(run: Run) -> str:
    """The whole run; fail is a failure, error an error, and what was not exercised is skipped, never passed.

    A warning or a waived finding is a passed case with the finding in its output: it fails nobody. A skipped case
    turns no pipeline red, so a first suite says whether the run came to its end and showed what was due.
    """
    services: dict[str, list[Verdict]] = defaultdict(list)
    group = group_of(run)
    for verdict in run.verdicts:
        services[group(verdict)].append(verdict)
    xml = JUnitXml("dicomproof")
    xml.add_testsuite(_suite(run, "run", [_ended(run), _due(run)]))
    for service, verdicts in sorted(services.items()):
        xml.add_testsuite(_suite(run, service, [_case(run, v) for v in verdicts]))
    xml.update_statistics()
    text = xml.tostring()
    return text.decode("utf-8") if isinstance(text, bytes) else str(text)


def _suite(run: Run, name: str, cases: list[TestCase]) -> TestSuite:
    suite = TestSuite(f"dicomproof.{in_line(name)}")
    # the schema of JUnit has no place for a time zone: the time is UTC
    suite.timestamp = datetime.fromisoformat(run.header["started"]).replace(tzinfo=None).isoformat()
    suite.hostname = in_line(clip(str(run.header["target"]["base"]), LINE))
    for key in ("edition", "seed", "nonce", "mode"):
        suite.add_property(key, in_line(str(run.header[key])))
    for case in cases:
        suite.add_testcase(case)
    suite.update_statistics()
    return suite


def _ended(run: Run) -> TestCase:
    case = TestCase("run.reaches-its-end", "dicomproof.run", 0)
    ended = whole(run).ended
    if ended:
        case.result = [Error(in_line(clip(ended, LINE)), str(run.end["reason"]))]
    return case


def _due(run: Run) -> TestCase:
    """What was due and not shown; a read-only run cannot show it all, so there it is no failure."""
    case = TestCase("run.exercises-what-is-due", "dicomproof.run", 0)
    came = whole(run)
    if not came.open and came.exercised:
        return case
    names = "\n".join(f"{v.rule}: {v.outcome.value} {clip(v.why, LINE)}" for v in came.open[:NAMED])
    says = f"{len(came.open)} of {came.due} binding demands that were due were not shown to be met"
    if not came.exercised:
        says = "nothing was exercised"
    if run.header["read_only"] and came.exercised:
        case.result = [Skipped(says)]
    else:
        failure = Failure(says, "not exercised")
        failure.text = visible(names)
        case.result = [failure]
    return case


def _case(run: Run, verdict: Verdict) -> TestCase:
    case = TestCase(in_line(verdict.rule), f"dicomproof.{in_line(group_of(run)(verdict))}", 0)
    text = verdict_text(run, verdict)
    if verdict.outcome is Outcome.FAIL:
        case.result = [_result(Failure, verdict, text)]
    elif verdict.outcome is Outcome.ERROR:
        case.result = [_result(Error, verdict, text)]
    elif verdict.outcome in (Outcome.WARN, Outcome.WAIVED):
        case.system_out = f"{verdict.outcome.value}\n{text}"
    elif verdict.outcome is not Outcome.PASS:
        why = f"{verdict.outcome.value}: {verdict.why}" if verdict.why else verdict.outcome.value
        case.result = [Skipped(in_line(clip(why, LINE)))]
    return case


def _result(kind: type[Failure] | type[Error], verdict: Verdict, text: str) -> Failure | Error:
    result = kind(in_line(clip(f"{verdict.cites}: {verdict.says}", LINE)), verdict.level)
    result.text = text
    return result
