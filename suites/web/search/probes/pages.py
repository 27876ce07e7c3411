"""Provokes pages of lists, forms of includefield, and looks at what matches say of what lies below them.

Must not judge.
"""

from __future__ import annotations

from harness.rule import probe
from harness.talk.conversation import Web
from suites.web.search import counts, include, paging
from suites.web.search.probes.choose import busiest, largest, scope
from suites.web.search.rows import owns, rows, texts

MANY = 2_000_000_000


@probe("search.paging", provokes=(paging.KIND,))
def pages(web: Web) -> None:
    """Walk through lists in pages of several sizes, beyond their ends, and with limits that are too large."""
    series = largest(web)
    if series:
        path = f"{series.path[1:]}/instances"
        _walk(web, path, [], 7)
        _walk(web, "instances", [("SeriesInstanceUID", series.series), ("StudyInstanceUID", series.study)], 11)
    _walk(web, "studies", scope(web), 4)
    _walk(web, "series", scope(web), 9)
    for study in list(busiest(web))[:1]:
        _steps(web, f"{study.path[1:]}/series", [])
        _steps(web, f"{study.path[1:]}/instances", [])
    for date in _middle_date(web):
        for dates in (f"{date}-", f"-{date}"):  # whichever way the list is ordered, one of them leaves its head out
            _steps(web, "studies", [*scope(web), ("StudyDate", dates)])


def _middle_date(web: Web) -> list[str]:
    """A date that parts the known studies, so that a page of those from then on is no page of all."""
    dates = sorted(d for s in web.holding.studies if (d := s.attribute("00080020")).isdigit())
    return dates[len(dates) // 2 : len(dates) // 2 + 1]


def _steps(web: Web, path: str, keys: list[tuple[str, str]]) -> None:
    """The whole list, its second match alone, the rest from the second match on, the first two."""
    with web.journey(paging.KIND):
        web.search(path, keys, step="all")
        for more in ([("offset", "1"), ("limit", "1")], [("offset", "1")], [("limit", "2")]):
            web.search(path, [*keys, *more], step="page")
        web.search(path, keys, step="all")


def _walk(web: Web, path: str, keys: list[tuple[str, str]], size: int) -> None:
    with web.journey(paging.KIND):
        total = len(owns(web.search(path, keys, step="all")))
        offset = 0
        for _ in range(total // size + 2):
            x = web.search(path, [*keys, ("offset", str(offset)), ("limit", str(size))], step="page")
            # a server with a smaller maximum of its own gives less than was asked for
            offset += len(owns(x)) or total + 1
            if offset > total:
                break
        for more in ([("offset", str(max(total - 1, 0)))], [("limit", "1")], [("offset", str(total))],
                     [("offset", str(total + 1000)), ("limit", "5")], [("limit", str(MANY))], [("limit", "0")],
                     [("offset", "1"), ("limit", str(total))]):  # fmt: skip
            web.search(path, [*keys, *more], step="page")
        web.search(path, keys, step="all")


@probe("search.counts", provokes=(counts.KIND,))
def count(web: Web) -> None:
    """Look at studies and their series, list what lies below, and look again."""
    for study in list(busiest(web))[:3]:
        one = [("StudyInstanceUID", study.study)]
        series = web.holding.below(study, "series")
        with web.journey(counts.KIND):
            web.search("studies", one, step="study", facts={"uid": study.study})
            web.search(f"{study.path[1:]}/series", step="series-of-study")
            web.search(f"{study.path[1:]}/instances", step="instances-of-study")
            for held in series[:1]:
                keys = [("SeriesInstanceUID", held.series)]
                facts = {"uid": held.series}
                web.search(f"{study.path[1:]}/series", keys, step="series", facts=facts)
                web.search(f"{held.path[1:]}/instances", step="instances-of-series")
                web.search(f"{study.path[1:]}/series", keys, step="series", facts=facts)
            web.search("studies", one, step="study", facts={"uid": study.study})
    _modality_key(web)


def _modality_key(web: Web) -> None:
    """A study of several modalities, found by one of them: the match still tells them all."""
    for study in list(busiest(web))[:1]:
        modalities = study.texts("00080061")
        keys = [("StudyInstanceUID", study.study), *([("ModalitiesInStudy", modalities[-1])] if modalities else [])]
        with web.journey(counts.KIND):
            web.search("studies", keys, step="study", facts={"uid": study.study})
            web.search(f"{study.path[1:]}/series", step="series-of-study")
            web.search("studies", keys, step="study", facts={"uid": study.study})


STUDY_FIELDS = (("StudyDescription", "00081030"), ("PatientAge", "00101010"), ("PatientComments", "00104000"))
SERIES_FIELDS = (("SeriesDescription", "0008103E"), ("BodyPartExamined", "00180015"), ("ProtocolName", "00181030"))
INSTANCE_FIELDS = (("Rows", "00280010"), ("ContentDate", "00080023"), ("ImageType", "00080008"))


@probe("search.includefield", provokes=(include.KIND, "web.search.studies", "web.search.series"))
def includefield(web: Web) -> None:
    """Ask the same with includefield in every form, for keys too, and for attributes of lower levels."""
    narrow = scope(web, spare=1)
    study = next(iter(busiest(web)), None)
    below = f"{study.path[1:]}/series" if study else ""
    for path, keys, fields, lower in (
        ("studies", narrow, STUDY_FIELDS, "Modality,00280010,SOPClassUID"),
        (below, [], SERIES_FIELDS, "Rows,SOPClassUID,InstanceNumber"),
        (f"{study.path[1:]}/instances" if study else "", [], INSTANCE_FIELDS, ""),
        ("series", narrow, SERIES_FIELDS, "00280010,00080018"),
    ):
        if path:
            _forms(web, path, keys, fields, lower)


def _forms(web: Web, path: str, keys: list[tuple[str, str]], fields: tuple[tuple[str, str], ...], lower: str) -> None:
    with web.journey(include.KIND):
        web.search(path, keys, step="plain")
        web.search(path, [*keys, ("includefield", ",".join(k for k, _ in fields))], step="list")
        web.search(path, [*keys, *(("includefield", k) for k, _ in fields)], step="repeated")
        web.search(path, [*keys, ("includefield", ",".join(t for _, t in fields))], step="tags")
        web.search(path, [*keys, ("includefield", "all")], step="all")
        for name in dict(keys):
            web.search(path, [*keys, ("includefield", name)], step="include")
        if lower:
            web.search(path, [*keys, ("includefield", lower)], step="include")
        _by_value(web, path, keys, *fields[0])
        web.search(path, keys, step="plain")


def _by_value(web: Web, path: str, keys: list[tuple[str, str]], name: str, tag: str) -> None:
    """Whether an optional attribute is supported as a key: its value finds, another does not."""
    x = web.search(path, [*keys, ("includefield", name)], step="include")
    held = [t for row in rows(x) or () for t in texts(row, tag) if t and t.isascii() and not set(t) & set("*?\\,")]
    if not held:
        return
    hit = web.search(path, [*keys, (name, held[0])], step="matched", facts={"path": tag})
    miss = web.search(path, [*keys, (name, "NOSUCH7")], step="unmatched", facts={"path": tag})
    if owns(hit) and not owns(miss) and miss.answer.ok:
        web.search(path, [*keys, (name, held[0]), ("includefield", tag)], step="matched", facts={"path": tag})
