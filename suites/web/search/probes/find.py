"""Provokes searches for single studies, series and instances: by UID, by every required key, on every resource.

Must not judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.make.holding import Entity
from harness.make.keys import Key
from harness.rule import probe
from harness.talk.conversation import JSON, XML, Web
from harness.wire.uri import SEARCH_LEVELS
from suites.web.search.keys import GROUND, KEYS, RESOURCES
from suites.web.search.probes.choose import NOBODY, askable, full, keys_of, richest
from suites.web.search.results import REPEAT, REPRESENTATION
from suites.web.search.rows import rows
from suites.web.search.status import NONE
from suites.web.search.urls import url_of

RETRIEVE_URL = "web.search.retrieve-url"
DICOM = 'multipart/related; type="application/dicom"'
ALL = tuple(f"web.search.{resource}" for resource in SEARCH_LEVELS)
NAMES = {"study": "StudyInstanceUID", "series": "SeriesInstanceUID", "instance": "SOPInstanceUID"}
UNKNOWN = "2.25.1"


@probe("search.by-uid", provokes=(GROUND,))
def by_uid(web: Web) -> None:
    """Ask for single studies, series and instances by their UIDs, and for a UID that nothing has."""
    held = web.holding
    with web.journey(GROUND):
        for resource, entities in (("studies", held.studies), ("series", held.series), ("instances", held.instances)):
            chosen = (
                [("one", entities[0]), ("other", entities[-1])] if len(entities) > 1 else [("one", e) for e in entities]
            )
            for step, entity in chosen[: 1 if resource == "series" else 2]:
                keys = [(NAMES[e], u) for e, u in zip(NAMES, entity.uids, strict=False)]
                web.search(resource, keys, step=step, facts={"uid": entity.uids[-1]})
            web.search(resource, [(NAMES[_level(resource)], UNKNOWN)], step="unknown")


def _level(resource: str) -> str:
    return {"studies": "study", "series": "series"}.get(resource, "instance")


def places(entity: Entity) -> list[tuple[str, list[tuple[str, str]], str]]:
    """The six resources at which an instance shows: path, keys that narrow to its study, UID of the match."""
    study = [("StudyInstanceUID", entity.study)]
    below = f"studies/{entity.study}"
    return [
        ("studies", study, entity.study),
        (f"{below}/series", [], entity.series),
        (f"{below}/instances", [], entity.instance),
        ("series", study, entity.series),
        (f"{below}/series/{entity.series}/instances", [], entity.instance),
        ("instances", study, entity.instance),
    ]


@probe("search.resources", provokes=(RESOURCES, *ALL))
def resources(web: Web) -> None:
    """Ask each of the six resources for one and the same instance's study, series or self."""
    if not web.holding.instances:
        return
    entity = web.holding.instances[-1]
    with web.journey(RESOURCES):
        for path, keys, name in places(entity):
            web.search(path, keys, step="resource", facts={"uid": name})


@probe("search.by-keys", provokes=(KEYS, *ALL))
def by_keys(web: Web) -> None:
    """Ask for one subject by each required key with its value and with one that nobody has."""
    held = web.holding
    everything = keys_of("study", "series", "instance")
    subject = richest([full(held, e) for e in held.instances], everything)
    if subject is None:
        return
    levels = (("study",), ("series",), ("series", "instance"), ("study", "series"), ("instance",),
              ("study", "series", "instance"))  # fmt: skip
    for (path, narrow, name), at in zip(places(subject), levels, strict=True):
        keys = [k for k in keys_of(*at) if askable(subject, k)]
        with web.journey(KEYS):
            web.search(path, [*narrow, *_own(at[-1], name, narrow)], step="subject", facts={"uid": name})
            if len(at) == 1:
                _hits(web, path, narrow, keys, subject, name)
            else:
                _all_at_once(web, path, narrow, keys, subject, name)
            _misses(web, path, narrow, keys, name)


def _own(level: str, name: str, narrow: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(NAMES[level], name)] if NAMES[level] not in dict(narrow) else []


def _facts(key: Key, value: str, name: str) -> dict[str, str]:
    return {"path": key.path, "value": value, "uid": name}


def _hits(web: Web, path: str, narrow: Iterable[tuple[str, str]], keys: Sequence[Key], subject: Entity,
          name: str) -> None:  # fmt: skip
    for key in keys:
        value = askable(subject, key)
        named = (key.spelled(web.random.choice(("tag", "keyword"))), value)
        others = [pair for pair in narrow if pair[0] != key.keyword]
        web.search(path, [*others, named], step="hit", facts=_facts(key, value, name))


def _all_at_once(web: Web, path: str, narrow: Sequence[tuple[str, str]], keys: Sequence[Key], subject: Entity,
                 name: str) -> None:  # fmt: skip
    """Where levels meet, one request for each level shows that its keys find; each key alone shows that it excludes."""
    for level in dict.fromkeys(key.level for key in keys):
        chosen = [k for k in keys if k.level == level]
        values = [(k.keyword, askable(subject, k)) for k in chosen]
        others = [pair for pair in narrow if pair[0] not in dict(values)]
        facts = _facts(chosen[0], f"all {level} keys", name)
        web.search(path, [*others, *values], step="hit", facts=facts)


def _misses(web: Web, path: str, narrow: Iterable[tuple[str, str]], keys: Sequence[Key], name: str) -> None:
    for key in keys:
        others = [pair for pair in narrow if pair[0] != key.keyword]
        value = NOBODY[key.vr]
        web.search(path, [*others, (key.keyword, value)], step="miss", facts=_facts(key, value, name))


@probe("search.shared-keys", provokes=("web.search.study-series", "web.search.study-instances"))
def shared_keys(web: Web) -> None:
    """Ask below a study for what other studies have as well: the modality of its first series, an instance number."""
    modalities = [s.attribute("00080060") for s in web.holding.series]
    shared = [s for s, m in zip(web.holding.series, modalities, strict=True) if m and modalities.count(m) > 1]
    for series in [s for s in shared if _elsewhere(web, s)][:1]:
        key = [("Modality", series.attribute("00080060"))]
        web.search(f"studies/{series.study}/series", key)
        web.search(f"studies/{series.study}/instances", key)
        web.search(f"studies/{series.study}/instances", [("InstanceNumber", "1")])
        web.search(f"{series.path[1:]}/instances", [("InstanceNumber", "1")])


def _elsewhere(web: Web, series: Entity) -> bool:
    """Another study has a series of the same modality."""
    modality = series.attribute("00080060")
    return any(s.study != series.study and s.attribute("00080060") == modality for s in web.holding.series)


@probe("search.representations", provokes=(REPRESENTATION, *ALL))
def representations(web: Web) -> None:
    """Ask the same in JSON, in XML and in whatever comes, for matches of every level."""
    if not web.holding.instances:
        return
    for path, keys, _ in places(web.holding.instances[0]):
        with web.journey(REPRESENTATION):
            for step, accept in (("json", JSON), ("xml", XML), ("any", "*/*")):
                if step != "any" or path in ("studies", "instances"):
                    web.search(path, keys, accept=accept, step=step)


@probe("search.again", provokes=(REPEAT,))
def again(web: Web) -> None:
    """Ask the same three times."""
    series = max(web.holding.series, key=lambda s: len(web.holding.below(s, "instance")), default=None)
    with web.journey(REPEAT):
        for _ in range(3):
            web.search("studies", [("limit", "8")], step="repeat")
            if series:
                web.search(f"{series.path[1:]}/instances", step="repeat")
                web.search("instances", [("StudyInstanceUID", series.study)], step="repeat")


@probe("search.nothing-there", provokes=(NONE, *ALL))
def nothing_there(web: Web) -> None:
    """Ask every resource for what nobody has, and below studies and series that do not exist."""
    if not web.holding.instances:
        return
    with web.journey(NONE):
        for path, keys, _ in places(web.holding.instances[0]):
            web.search(path, keys, step="some")
            name = "SOPInstanceUID" if path.endswith("instances") else NAMES[_level(path.rpartition("/")[2])]
            web.search(path, [*(k for k in keys if k[0] != name), (name, UNKNOWN)], step="none")
        entity = web.holding.instances[0]
        for path in (f"studies/{UNKNOWN}/series", f"studies/{UNKNOWN}/instances",
                     f"studies/{entity.study}/series/{UNKNOWN}/instances",
                     f"studies/{UNKNOWN}/series/{entity.series}/instances"):  # fmt: skip
            web.search(path, step="unknown-parent")


@probe("search.retrieve-url", provokes=(RETRIEVE_URL, *ALL))
def retrieve_url(web: Web) -> None:
    """Follow the Retrieve URL of a study, a series and an instance, as far as it leads to the same service."""
    small = min(web.holding.studies, key=lambda s: len(web.holding.below(s, "instance")), default=None)
    below = web.holding.below(small, "instance") if small else ()
    if not below:
        return
    origin = web.base.split("/", 3)[:3]
    for path, keys, name in places(below[0]):
        with web.journey(RETRIEVE_URL):
            x = web.search(path, keys, step="row", facts={"uid": name})
            url = next((url_of(r) for r in rows(x) or () if url_of(r)), "")
            if url.split("/", 3)[:3] == origin:
                web.get(url, accept=DICOM, step="fetch")
