"""Knows which messages carry documents of the Native DICOM Model, and how a flaw of the reader becomes a finding.

Must not know a particular rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from harness.exchange import Answer, Exchange, view
from harness.past import STUDY
from harness.rule import BOTH, SHALL, STANDARD, Finding, Level, Rule, rule
from harness.wire import native_xml
from suites.model.altered import of_type

XML = "application/dicom+xml"
ON = "web|file.xml"
RULE_OF: dict[str, str] = {}  # code of the reader -> the one rule that judges it


@view
def _documents(x: Exchange) -> list[tuple[str, native_xml.Reading]]:
    """The documents of the message that is looked at, each with its place in it."""
    held = x.message.documents if x.message.body.size else ()
    if x.kind.startswith("file"):  # which is called by its name
        return [("", reading) for reading in held]
    return [(f"document {number}", reading) for number, reading in enumerate(held, 1)]


def attributes(dataset: native_xml.DataSet) -> Iterator[native_xml.Attribute]:
    for attribute in dataset.attributes:
        yield attribute
        for item in attribute.items:
            yield from attributes(item)


def with_content(*contents: str) -> Callable[[native_xml.Reading], bool]:
    """An attribute has one of these kinds of content ("" for length zero)."""
    return lambda reading: any(a.content in contents for d in reading.datasets for a in attributes(d))


def _any(reading: native_xml.Reading) -> bool:
    return any(d.attributes for d in reading.datasets)


def with_private(reading: native_xml.Reading) -> bool:
    """It has private attributes."""
    return any(a.tag[3:4] in "13579BDF" for d in reading.datasets for a in attributes(d) if a.tag)


def of_codes(
    id: str,
    codes: tuple[str, ...],
    *,
    cites: str,
    says: str,
    verifies: str | tuple[str, ...] = (),
    level: Level = SHALL,
    when: Callable[[native_xml.Reading], bool] = _any,
    soft: tuple[str, ...] = (),
    inherited: bool = False,
) -> Rule[Exchange]:
    """A rule over flaws of the reader. `soft`: codes that only warn. `inherited`: what is wrong may have been stored
    that way by somebody else, so it fails only in instances that this run stored."""
    for code in codes:
        RULE_OF[code] = id if code not in RULE_OF else f"{RULE_OF[code]} and {id}"

    def exercised(x: Exchange) -> bool:
        held = _documents(x)
        return bool(held) and any(when(r) or any(c in r.flaws.counts for c in codes) for _, r in held)

    def judgement(x: Exchange) -> Iterator[Finding]:
        for where, reading in _documents(x):
            for flaw in reading.flaws.kept:
                if flaw.code in codes:
                    warn = flaw.code in soft or (inherited and _somebody_elses(x, reading))
                    yield Finding(flaw.got, flaw.want, f"{where} {flaw.where}".strip(), warn=warn)

    return rule(
        id, cites=cites, says=says, verifies=verifies, level=level, who=BOTH, on=ON, basis=STANDARD, when=exercised
    )(judgement)


def _somebody_elses(x: Exchange, reading: native_xml.Reading) -> bool:
    """The document is of a study that this run did not store; a file is judged for what it is."""
    if x.side == "user-agent":
        return True  # who stores may pass on what others made
    if x.kind.startswith("file"):
        return False
    shown = next((a for d in reading.datasets if (a := d.get(STUDY)) and a.values), None)
    study = str(shown.values[0]) if shown else x.resource.study
    past = x.context.past if x.context else None
    return bool(study) and not any(past.below(study) if past else ())


def sub(x: Exchange, pattern: bytes, new: bytes, count: int = 1) -> Answer | None:
    """The answer with a pattern replaced in each of its documents."""
    return of_type(x, XML, lambda octets: re.sub(pattern, new, octets, count=count, flags=re.DOTALL))
