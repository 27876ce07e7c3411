"""Provokes the same list of studies or series over and over with one more key, in every kind of matching.

Must not judge.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from harness.exchange import Exchange
from harness.rule import probe
from harness.talk.conversation import Web
from suites.web.search import moments
from suites.web.search.asked import REQUIRED, WILD_VRS, vr_of
from suites.web.search.complete import KIND
from suites.web.search.probes.choose import encoded, largest, scope
from suites.web.search.rows import rows, texts

Keys = list[tuple[str, str]]
NAMES = {
    "00080020": "StudyDate", "00080030": "StudyTime", "00080050": "AccessionNumber", "00080061": "ModalitiesInStudy",
    "00080090": "ReferringPhysicianName", "00100010": "PatientName", "00100020": "PatientID", "00200010": "StudyID",
    "00080060": "Modality", "00200011": "SeriesNumber", "00400244": "PerformedProcedureStepStartDate",
    "00400245": "PerformedProcedureStepStartTime", "00200013": "InstanceNumber", "00080016": "SOPClassUID",
}  # fmt: skip
STEP_ID, PROCEDURE_ID = "00400275.00400009", "00400275.00401001"


@probe("search.filter-studies", provokes=(KIND, "web.search.studies"))
def filter_studies(web: Web) -> None:
    """List known studies, then with one more key each, then again."""
    narrow = scope(web)
    with web.journey(KIND):
        x = web.search("studies", narrow, step="all")
        keys = [*_universal(x, REQUIRED["study"]), *_uid_lists(web), *_singles(web, x), *_wild(x, "00100020"),
                *_wild(x, "00080050"), *_wild(x, "00200010"), *_wild(x, "00100010"), *_dates(x), *_times(x),
                *_moments(x)]  # fmt: skip
        for key in keys:
            replaced = {name for name, _ in key}
            web.get(encoded("studies", [*(p for p in narrow if p[0] not in replaced), *key]), step="filtered")
        web.search("studies", narrow, step="all")


@probe("search.filter-series", provokes=(KIND, "web.search.series"))
def filter_series(web: Web) -> None:
    """List the series of known studies, then with one more key each, then again."""
    narrow = scope(web)
    with web.journey(KIND):
        x = web.search("series", narrow, step="all")
        universal = [p for p in REQUIRED["series"] if "." not in p and p != "0020000E"]
        keys = [*_universal(x, universal), *_sequences(x), *_steps(x), *_some(x, ("00080060", "00200011"))]
        for key in [*keys, *_beginnings(x, "00080060")]:
            web.get(encoded("series", [*narrow, *key]), step="filtered")
        web.search("series", narrow, step="all")


@probe("search.filter-instances", provokes=(KIND, "web.search.series-instances"))
def filter_instances(web: Web) -> None:
    """List the instances of the largest series, then with one more key each, then again."""
    series = largest(web)
    if series is None:
        return
    path = f"{series.path[1:]}/instances"
    with web.journey(KIND):
        x = web.search(path, step="all")
        held = [texts(row, "00080018")[0] for row in rows(x) or () if texts(row, "00080018")]
        lists = [[("SOPInstanceUID", ",".join(held[:3]))]] if len(held) > 2 else []
        for key in [*lists, *_some(x, ("00200013", "00080016")), [("InstanceNumber", "")]]:
            web.get(encoded(path, key), step="filtered")
        web.search(path, step="all")


def _values(x: Exchange, path: str) -> list[str]:
    """Distinct values of an attribute in the rows, ones that a query can hold as they are."""
    found = [t for row in rows(x) or () for t in texts(row, path)]
    return [t for t in dict.fromkeys(found) if t and len(t) <= 64 and not set(t) & set("*?\\")]


def _some(x: Exchange, paths: Sequence[str]) -> Iterator[Keys]:
    for path in paths:
        for value in _values(x, path)[:3]:
            yield [(NAMES[path], value)]


def _beginnings(x: Exchange, path: str) -> Iterator[Keys]:
    """The first letters of values, where none is such a value itself: one that is looked for anywhere finds it."""
    values = _values(x, path)
    for begin in [t[:-1] for t in values if len(t) > 1 and t[:-1] not in values][:2]:
        yield [(NAMES[path], begin)]


def _universal(x: Exchange, paths: Sequence[str]) -> Iterator[Keys]:
    """Keys without a value, and the asterisk alone, which is the same (C.2.2.2.4), where something has no value."""
    for number, path in enumerate(p for p in paths if p in NAMES):
        empty = any(not any(texts(row, path)) for row in rows(x) or ())
        wild = vr_of(path) in WILD_VRS
        if empty or not wild or number % 4 != 3:
            yield [(NAMES[path], "")]
        if wild and (empty or number % 4 == 3):
            yield [(NAMES[path], "*")]


def _uid_lists(web: Web) -> Iterator[Keys]:
    uids = [study.study for study in web.holding.studies]
    if len(uids) > 2:
        yield [("StudyInstanceUID", ",".join(uids[1:3]))]
        yield [("StudyInstanceUID", f"2.25.1,{uids[2]},{uids[0]}")]


def _singles(web: Web, x: Exchange) -> Iterator[Keys]:
    """Values as they are held, odd ones first; wrong in case, one character short, one too long."""
    for path in ("00100020", "00200010", "00080050"):
        odd = sorted(_values(x, path), key=lambda t: (t.isalnum(), -len(set(t) & set("%&+#;-',"))))
        for value in odd[:2]:
            yield [(NAMES[path], value)]
        for value in odd[-1:]:
            for near in sorted({value.swapcase(), value[:-1], f"{value}0"} - {value, ""}):
                yield [(NAMES[path], near)]
    for path in ("00080061", "00100010", "00080090"):
        for value in [t for t in _values(x, path) if "=" not in t][:2]:
            yield [(NAMES[path], value)]
    several = max((texts(row, "00080061") for row in rows(x) or ()), key=len, default=[])
    for value in several[-1:]:
        yield [("ModalitiesInStudy", value)]
        yield [("ModalitiesInStudy", value[:1])]


def _wild(x: Exchange, path: str) -> Iterator[Keys]:
    """Patterns around the first value that is long enough."""
    value = next((t for t in _values(x, path) if len(t) > 4 and "=" not in t), "")
    if value:
        at = len(value) // 2
        patterns = [f"{value}*", f"{value[:at]}*", f"*{value[at:]}", f"{value[:-1]}?", f"{value[:at]}?",
                    f"*{value[1:-1]}*", f"?{value[1:]}", f"{value[1:]}*", f"{value}?"]  # fmt: skip
        for pattern in patterns if path == "00100020" else (patterns[0], patterns[3], patterns[-1]):
            yield [(NAMES[path], pattern)]


def _dates(x: Exchange) -> Iterator[Keys]:
    days = sorted(t for t in _values(x, "00080020") if moments.date(t) and t.isdigit())
    if not days:
        return
    low, middle, high = days[0], days[len(days) // 2], days[-1]
    for value in (f"{middle}-", f"-{middle}", f"{low}-{middle}", f"{middle}-{middle}", middle, f"{middle}-{high}"):
        yield [("StudyDate", value)]


def _times(x: Exchange) -> Iterator[Keys]:
    found = sorted(t for t in _values(x, "00080030") if moments.time(t) and len(t) >= 6 and ":" not in t)
    if not found:
        return
    low, middle, high = found[0], found[len(found) // 2], found[-1]
    for value in (f"{middle}-", f"-{middle}", f"{low}-{middle}", f"{middle}-{high}", middle, *_close(found)):
        yield [("StudyTime", value)]


def _close(found: Sequence[str]) -> Iterator[str]:
    """Ranges that end between two times of the same second, and of the same minute."""
    pairs = list(itertools.pairwise(found))
    same_second = [(a, b) for a, b in pairs if a[:6] == b[:6]]
    same_minute = [(a, b) for a, b in pairs if a[:4] == b[:4] and a[:6] != b[:6]]
    for earlier, later in same_second[-1:] + same_minute[-1:]:
        yield f"{later}-"
        yield f"-{earlier}"


def _moments(x: Exchange) -> Iterator[Keys]:
    """Ranges that begin late on one day and end early on a later one, and half-open ones."""
    pairs = [(next(iter(texts(r, "00080020")), ""), next(iter(texts(r, "00080030")), "")) for r in rows(x) or ()]
    full = sorted((d, t) for d, t in pairs if moments.date(d) and d.isdigit() and moments.time(t) and len(t) >= 6)
    for (day, time), (last, end) in zip(full, full[2:], strict=False):
        if time > end:
            yield [("StudyDate", f"{day}-{last}"), ("StudyTime", f"{time}-{end}")]
    if full:
        day, time = full[len(full) // 2]
        yield [("StudyDate", f"{day}-"), ("StudyTime", f"{time}-")]
        yield [("StudyDate", f"-{day}"), ("StudyTime", f"-{time}")]
        yield [("StudyDate", f"{full[0][0]}-{full[-1][0]}"), ("StudyTime", "235959-235959.999999")]


def _steps(x: Exchange) -> Iterator[Keys]:
    for value in _values(x, "00400244")[:2]:
        yield [("PerformedProcedureStepStartDate", value)]
        yield [("PerformedProcedureStepStartDate", f"{value}-")]
    for value in [t for t in _values(x, "00400245") if len(t) >= 6][:1]:
        yield [("PerformedProcedureStepStartTime", f"-{value}")]


def _sequences(x: Exchange) -> Iterator[Keys]:
    """One key below the sequence, both of one item, and one of each of two items."""
    steps = [texts(row, STEP_ID) for row in rows(x) or ()]
    procedures = [texts(row, PROCEDURE_ID) for row in rows(x) or ()]
    step, procedure = "RequestAttributesSequence.ScheduledProcedureStepID", f"{PROCEDURE_ID}"
    for mine, theirs in zip(steps, procedures, strict=True):
        if len(mine) > 1 and len(theirs) > 1:
            yield [(step, mine[1]), (procedure, theirs[1])]
            yield [(step, mine[0]), (procedure, theirs[1])]
            yield [(step, mine[1])]
            yield [(procedure, theirs[0])]
            break
    for value in [t for held in steps for t in held if t][:1]:
        yield [(step, value)]
        yield [("00400275.ScheduledProcedureStepID", f"{value[:-1]}*")]
