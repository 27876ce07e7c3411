"""Knows JUnit XML as CI servers read it: a suite for each service, a case for each rule.

Must not know how verdicts came about.
"""

from __future__ import annotations

import re
from collections import defaultdict

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from harness.record import Run
from harness.verdict import Outcome, Verdict
from reports.text import verdict_text

# XML 1.0 has no place for these, whatever a product said
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(run: Run) -> str:
    """The whole run; fail is a failure, error an error, and what was not exercised is skipped, never passed.

    A warning is a passed case with the finding in its output: it fails nobody.
    """
    services: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in run.verdicts:
        services[verdict.service].append(verdict)
    xml = JUnitXml("dicomproof")
    for service, verdicts in sorted(services.items()):
        suite = TestSuite(f"dicomproof.{service}")
        suite.timestamp = run.header["started"]
        for verdict in verdicts:
            suite.add_testcase(_case(run, verdict))
        xml.add_testsuite(suite)
    xml.update_statistics()
    text = xml.tostring()
    return text.decode("utf-8") if isinstance(text, bytes) else str(text)


def _case(run: Run, verdict: Verdict) -> TestCase:
    case = TestCase(verdict.rule, f"dicomproof.{verdict.service}", 0)
    text = clean(verdict_text(run, verdict))
    if verdict.outcome is Outcome.FAIL:
        case.result = [_result(Failure, verdict, text)]
    elif verdict.outcome is Outcome.ERROR:
        case.result = [_result(Error, verdict, text)]
    elif verdict.outcome in (Outcome.WARN, Outcome.WAIVED):
        case.system_out = text
    elif verdict.outcome is not Outcome.PASS:
        why = f"{verdict.outcome.value}: {verdict.why}" if verdict.why else verdict.outcome.value
        case.result = [Skipped(clean(why))]
    return case


def _result(kind: type[Failure] | type[Error], verdict: Verdict, text: str) -> Failure | Error:
    result = kind(clean(f"{verdict.cites}: {verdict.says}"), verdict.level)
    result.text = text
    return result


def clean(text: str) -> str:
    """The text without characters that XML 1.0 cannot carry."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
