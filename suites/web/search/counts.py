"""Rules of PS3.4 C.3.4 on what a match says of what lies below it: numbers of series and instances, modalities.

Must not know stored data: the target's own lists are the measure, between two looks at the match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from harness.exchange import Answer, Exchange, Journey
from harness.rule import Finding, journey
from harness.wire.dicom_json import DataSet
from suites.web.search.broken import Row, each, with_tag
from suites.web.search.rows import found, number, own, owns, rows, texts, whole

KIND = "web.search.counts"


def before_and_after(j: Journey, step: str) -> tuple[Exchange, DataSet] | None:
    """The row of a study or series when it was the same at the end of the journey as at its start."""
    seen = [x for x in j.steps(step) if found(x)]
    if len(seen) < 2:
        return None
    first, last = (next((r for r in rows(x) or () if own(x, r) == x.facts["uid"]), None) for x in (seen[0], seen[-1]))
    return (seen[-1], first) if first is not None and first == last else None


def lists(j: Journey, step: str) -> list[Exchange]:
    return [x for x in j.steps(step) if found(x) and whole(x)]


def counted(j: Journey, step: str, below: str, tag: str) -> Iterator[Finding]:
    seen = before_and_after(j, step)
    if seen is None:
        return
    for x in lists(j, below):
        if number(seen[1], tag) != len(set(owns(x))):
            got = "; ".join(texts(seen[1], tag)) or "empty"
            yield Finding(got, f"{len(set(owns(x)))}, as many as are listed", f"{tag} of {own(*seen)}", seq=seen[0].seq)


def countable(step: str, below: str) -> Callable[[Journey], bool]:
    return lambda j: before_and_after(j, step) is not None and bool(lists(j, below))


@journey(
    "search.number-of-study-series",
    cites="PS3.18 10.6.3.3.1; PS3.4 C.3.4",
    verifies="PS3.18-10.6.3.3.1-9",
    on=KIND,
    when=countable("study", "series-of-study"),
    says="Number of Study Related Series is the number of series that the study lists.",
)
def number_of_study_series(j: Journey) -> Iterator[Finding]:
    return counted(j, "study", "series-of-study", "00201206")


@journey(
    "search.number-of-study-instances",
    cites="PS3.18 10.6.3.3.1; PS3.4 C.3.4",
    verifies="PS3.18-10.6.3.3.1-9",
    on=KIND,
    when=countable("study", "instances-of-study"),
    says="Number of Study Related Instances is the number of instances that the study lists.",
)
def number_of_study_instances(j: Journey) -> Iterator[Finding]:
    return counted(j, "study", "instances-of-study", "00201208")


@journey(
    "search.number-of-series-instances",
    cites="PS3.18 10.6.3.3.2; PS3.4 C.3.4",
    verifies=("PS3.18-10.6.3.3.2-1", "PS3.18-10.6.3.3.1-9"),
    on=KIND,
    when=countable("series", "instances-of-series"),
    says="Number of Series Related Instances is the number of instances that the series lists.",
)
def number_of_series_instances(j: Journey) -> Iterator[Finding]:
    return counted(j, "series", "instances-of-series", "00201209")


def miscount(tag: str) -> Callable[[Exchange], Answer | None]:
    """A service whose number in this attribute is one too high."""

    def act(x: Exchange) -> Answer | None:
        return each(x, lambda row: with_tag(tag, "IS", (number(row, tag) or 0) + 1)(row) if tag in row else row)

    act.__name__, act.__doc__ = "counts_one_too_many", f"{tag} is one too high."
    return act


def uncounted(tag: str) -> Callable[[Exchange], Answer | None]:
    def act(x: Exchange) -> Answer | None:
        return each(x, lambda row: with_tag(tag, "IS")(row) if tag in row else row)

    act.__name__, act.__doc__ = "counts_nothing", f"{tag} is empty."
    return act


for _rule, _tag in (
    (number_of_study_series, "00201206"),
    (number_of_study_instances, "00201208"),
    (number_of_series_instances, "00201209"),
):
    _rule.mutant(miscount(_tag), defects="M-QI-15")
    _rule.mutant(uncounted(_tag), defects="M-QI-15")


@journey(
    "search.modalities-of-series",
    cites="PS3.18 10.6.3.3.1; PS3.4 C.3.4",
    verifies="PS3.18-10.6.3.3.1-9",
    on=KIND,
    when=countable("study", "series-of-study"),
    says="Modalities in Study is the set of the modalities of the series that the study lists.",
)
def modalities_of_series(j: Journey) -> Iterator[Finding]:
    seen = before_and_after(j, "study")
    for x in lists(j, "series-of-study") if seen else ():
        wanted = {t for row in rows(x) or () for t in texts(row, "00080060") if t}
        if seen and set(texts(seen[1], "00080061")) - {""} != wanted:
            got = "; ".join(texts(seen[1], "00080061")) or "empty"
            yield Finding(got, "; ".join(sorted(wanted)), f"00080061 of {own(*seen)}", seq=seen[0].seq)


@modalities_of_series.mutant(defects="M-QI-16")
def tells_the_first_modality_alone(x: Exchange) -> Answer | None:
    """Modalities in Study has the first modality only."""
    return each(x, lambda row: with_tag("00080061", "CS", *_held(row)[:1])(row), "studies")


@modalities_of_series.mutant
def tells_a_modality_too_many(x: Exchange) -> Answer | None:
    """Modalities in Study tells one modality that is in no series too."""
    return each(x, lambda row: with_tag("00080061", "CS", *_held(row), "XA")(row), "studies")


def _held(row: Row) -> list[Any]:
    return list(row.get("00080061", {}).get("Value", []))
