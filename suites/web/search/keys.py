"""Rules of PS3.18 10.6.1.2.3 on the matching keys that every server supports, and the grounds of the service.

Must not know return attributes or kinds of matching beyond one value that is there and one that is not.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, Door, Finding, ground, journey
from suites.web.search import asked
from suites.web.search.broken import dropping, edited, ignoring, listed, rewriting, searches
from suites.web.search.rows import found, level, owns, rows

GROUND, KEYS = "web.search.ground", "web.search.key"


@journey(
    "search.found-by-uid",
    cites="PS3.18 10.6.2; 10.6.1.2.3; PS3.4 C.2.2.2.1",
    verifies=("PS3.18-8.3.4.1.1-9", "PS3.18-10.6.1.2.3-1"),
    on=GROUND,
    when=lambda j: j.step("one") is not None and j.step("unknown") is not None,
    says="What is held is found by its own UID and alone; a UID that nothing has finds nothing.",
)
def found_by_uid(j: Journey) -> Iterator[Finding]:
    for x in [*j.steps("one"), *j.steps("other")]:
        uid, names = x.facts["uid"], set(owns(x))
        if x.resource.search != "studies" and rows(x) is None and x.answer.status in (400, 404, 405, 501):
            continue  # a proxy need not have the relational resources (Table 10.6.1-1)
        if uid not in names:
            got = f"{len(names)} other matches" if names else f"{x.answer.line}, no match"
            yield Finding(got, f"the {level(x)} {uid}", "matches", seq=x.seq)
        elif names != {uid}:
            yield Finding(f"{len(names)} different matches", f"{uid} alone", "matches", seq=x.seq)
    for x in j.steps("unknown"):
        if found(x):
            yield Finding(f"{len(owns(x))} matches, first {owns(x)[0]}", "no match", "matches", seq=x.seq)


@found_by_uid.mutant
def finds_nothing(x: Exchange) -> Answer | None:
    """Every search ends without a match."""
    return listed(x.answer, []) if searches(x.ask) and x.answer.ok else None


@found_by_uid.mutant(at=DOOR)
def ignores_all_keys(ask: Ask, door: Door) -> Answer:
    """Every search finds everything."""
    return door(rewriting(ask, lambda path, value: None))


@found_by_uid.mutant
def calls_everything_by_one_uid(x: Exchange) -> Answer | None:
    """Every match carries the same constant UIDs."""
    constant = {t: {"vr": "UI", "Value": ["2.25.7"]} for t in ("0020000D", "0020000E", "00080018")}
    return edited(x, lambda found: [{**row, **{t: v for t, v in constant.items() if t in row}} for row in found])


ground("search", found_by_uid)


def subjects(j: Journey) -> bool:
    """What the keys are tried on is found without them."""
    subject = j.step("subject")
    return subject is not None and subject.facts["uid"] in owns(subject)


def tried(j: Journey, at: str) -> bool:
    return subjects(j) and any(x.facts["path"] in asked.REQUIRED[at] for x in [*j.steps("hit"), *j.steps("miss")])


def unsupported(j: Journey, at: str) -> Iterator[Finding]:
    """Keys of a level that do not find what has the value, or find what has another."""
    for step, due in (("hit", True), ("miss", False)):
        for x in j.steps(step):
            if x.facts["path"] not in asked.REQUIRED[at]:
                continue
            where = f"{x.resource.search}, key {x.facts['path']}"
            want = f"{x.facts['uid']} {'found' if due else 'not found'} by {x.facts['value']!r}"
            if rows(x) is None:
                yield Finding(x.answer.line, want, where, seq=x.seq)
            elif (x.facts["uid"] in owns(x)) is not due:
                yield Finding("not found" if due else "found", want, where, seq=x.seq)


@journey(
    "search.study-keys",
    cites="PS3.18 10.6.1.2.3; Tables 10.6.1-4, 10.6.1-5",
    verifies=("PS3.18-10.6.1.2.3-1", "PS3.18-10.6.1.2.3-4", "PS3.18-10.6.1.2.1-2"),
    on=KEYS,
    when=lambda j: tried(j, "study"),
    says="Each required study key finds what has its value and nothing else, on every resource that searches studies.",
)
def study_keys(j: Journey) -> Iterator[Finding]:
    return unsupported(j, "study")


for _tag, _name in (
    ("00080020", "study_date"), ("00080030", "study_time"), ("00080050", "accession_number"),
    ("00080061", "modalities_in_study"), ("00080090", "referring_physician"), ("00100010", "patient_name"),
    ("00100020", "patient_id"), ("00200010", "study_id"),
):  # fmt: skip
    _act = ignoring(_tag)
    _act.__name__, _act.__doc__ = f"ignores_{_name}", f"The key {_name.replace('_', ' ')} matches everything."
    study_keys.mutant(_act, at=DOOR, defects=("M-QI-12",))


@study_keys.mutant(at=DOOR)
def ignores_study_keys_on_relational_resources(ask: Ask, door: Door) -> Answer:
    """Searches for series and instances do not look at study keys other than the UID."""
    loose = set(asked.REQUIRED["study"]) - {"0020000D"} if searches(ask, "series", "instances") else set()
    return door(rewriting(ask, lambda path, value: None if path in loose else value))


@journey(
    "search.series-keys",
    cites="PS3.18 10.6.1.2.3; Tables 10.6.1-4, 10.6.1-5",
    verifies=("PS3.18-10.6.1.2.3-2", "PS3.18-10.6.1.2.3-4"),
    on=KEYS,
    when=lambda j: tried(j, "series"),
    says="Each required series key finds what has its value and nothing else, on every resource that searches series.",
)
def series_keys(j: Journey) -> Iterator[Finding]:
    return unsupported(j, "series")


for _tag, _name in (
    ("00080060", "modality"), ("0020000E", "series_uid"), ("00200011", "series_number"), ("00400244", "step_date"),
    ("00400245", "step_time"), ("00400275.00400009", "step_id"), ("00400275.00401001", "procedure_id"),
):  # fmt: skip
    _act = ignoring(_tag)
    _act.__name__, _act.__doc__ = f"ignores_{_name}", f"The key {_name.replace('_', ' ')} matches everything."
    series_keys.mutant(_act, at=DOOR, defects=("M-QI-12",))


@series_keys.mutant(at=DOOR)
def ignores_series_keys_for_instances(ask: Ask, door: Door) -> Answer:
    """Searches for instances do not look at series keys."""
    loose = asked.REQUIRED["series"] if searches(ask, "instances", "study-instances") else ()
    return door(rewriting(ask, lambda path, value: None if path in loose else value))


@journey(
    "search.instance-keys",
    cites="PS3.18 10.6.1.2.3; Tables 10.6.1-4, 10.6.1-5",
    verifies=("PS3.18-10.6.1.2.3-3", "PS3.18-10.6.1.2.3-4"),
    on=KEYS,
    when=lambda j: tried(j, "instance"),
    says="Each required instance key finds what has its value and nothing else, on every resource for instances.",
)
def instance_keys(j: Journey) -> Iterator[Finding]:
    return unsupported(j, "instance")


for _tag, _name in (("00080016", "sop_class"), ("00080018", "sop_instance"), ("00200013", "instance_number")):
    _act = ignoring(_tag)
    _act.__name__, _act.__doc__ = f"ignores_{_name}", f"The key {_name.replace('_', ' ')} matches everything."
    instance_keys.mutant(_act, at=DOOR, defects=("M-QI-12",))


@instance_keys.mutant(at=DOOR, defects="M-QI-13")
def refuses_instance_number(ask: Ask, door: Door) -> Answer:
    """Instance Number is answered 400."""
    answer = door(ask)
    asks = any(k.path == "00200013" for k in asked.keys(ask))
    return answer.but(status=400, reason="Bad Request", body=b"") if asks and searches(ask) else answer


RESOURCES = "web.search.resources"


@journey(
    "search.all-resources",
    cites="PS3.18 10.6.1.1; Table 10.6.1-1",
    verifies="PS3.18-10.6.1.1-1",
    on=RESOURCES,
    when=lambda j: bool(j.steps("resource")),
    says="All six search resources are there; a DIMSE proxy may lack the three relational ones.",
)
def all_resources(j: Journey) -> Iterator[Finding]:
    refused = {x.resource.search: x for x in j.steps("resource") if rows(x) is None}
    # A proxy leaves out the three relational resources together, and nothing else.
    proxy = set(refused) == {"study-instances", "series", "instances"} and all(
        x.answer.status in (400, 404, 405, 501) for x in refused.values()
    )
    for name, x in refused.items():
        yield Finding(x.answer.line, "200 with matches", f"resource {name}", seq=x.seq, warn=proxy)
    for x in j.steps("resource"):
        if rows(x) is not None and x.facts["uid"] not in owns(x):
            yield Finding("not found", f"{x.facts['uid']}", f"resource {x.resource.search}", seq=x.seq)


@all_resources.mutant
def has_no_instances_resource(x: Exchange) -> Answer | None:
    """Searching all instances is answered 404."""
    return x.answer.but(status=404, reason="Not Found", body=b"") if searches(x.ask, "instances") else None


@all_resources.mutant(at=DOOR)
def series_of_a_study_need_no_path(ask: Ask, door: Door) -> Answer:
    """The series of a study are never found below its path."""
    answer = door(dropping(ask))
    return listed(answer, []) if searches(ask, "study-series") and answer.ok else answer
