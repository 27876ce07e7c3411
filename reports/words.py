"""Knows what things are called in a report: exchanges of services, or files where files were read.

Must not know the form of any report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from harness.exchange import Exchange
from harness.record import Run
from harness.verdict import Verdict

# What a rule on files is about, by the first word of its id.
KINDS = {
    "file": "what a file is called",
    "instance": "DICOM files",
    "json": "DICOM JSON",
    "xml": "Native DICOM XML",
    "multipart": "multipart messages",
}
MEANINGS = {
    "error": "dicomproof itself broke; nothing is said about the {subject}",
    "fail": "a binding demand was broken",
    "warn": "a recommendation was not followed, or the text leaves room",
    "waived": "a finding that the target file accepts for a time",
    "blocked": "something before it failed, so nothing is said",
    "pass": "exercised, and right every time",
    "not-exercised": "no {unit} met the condition",
    "not-claimed": "of a service that the product does not claim",
}


@dataclass(frozen=True)
class Words:
    """`unit`: what the verdicts rest on; `group`: what they are sorted by; `subject`: what is judged, as a whole."""

    unit: str
    units: str
    group: str
    groups: str
    subject: str
    due: str  # whose demands are counted
    shown: str  # which of many findings stand on the page
    outcomes: tuple[str, ...]

    @property
    def meanings(self) -> dict[str, str]:
        """Outcome -> what it says."""
        return {o: MEANINGS[o].format(subject=self.subject, unit=self.unit) for o in self.outcomes}


ASKED = Words("exchange", "exchanges", "service", "services", "product", "that every such product has to meet",
              "the {} of the shortest questions are shown", tuple(MEANINGS))  # fmt: skip
WATCHED = replace(ASKED, subject="products")
READ = Words("file", "files", "kind of file", "kinds", "files", "on such files", "{} of them are shown",
             tuple(o for o in MEANINGS if o not in ("waived", "not-claimed")))  # fmt: skip


def are_files(run: Run) -> bool:
    """Whether files were read, and nobody was asked."""
    return bool(run.header["mode"] == "read")


def words(run: Run) -> Words:
    if run.header["mode"] == "watch":
        return WATCHED
    return READ if are_files(run) else ASKED


def group_of(run: Run) -> Callable[[Verdict], str]:
    """What a verdict is sorted under: its service, or the kind of file that its rule is about."""
    return kind_of_file if are_files(run) else lambda verdict: verdict.service


def kind_of_file(verdict: Verdict) -> str:
    """The kind of file that a rule is about; of what a browser recorded, the service."""
    return KINDS.get(verdict.rule.partition(".")[0], verdict.service)


def names(run: Run, numbers: Iterable[int]) -> Mapping[int, str]:
    """What these exchanges are called: the paths of files that were read; nothing for those known by their number."""
    if not are_files(run):
        return {}
    found = {}
    for number in dict.fromkeys(numbers):
        x = run.evidence(number) if run.has(number) else None
        if isinstance(x, Exchange):
            found[number] = f"{x.facts['file']} entry {x.facts['entry']}" if x.facts.get("retold") else x.ask.target
    return found


def place(names: Mapping[int, str], number: int) -> str:
    """Where a finding is, in one word: a file, or the number of an exchange."""
    return names.get(number) or f"exchange {number}"
