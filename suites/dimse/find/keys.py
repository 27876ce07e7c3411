"""Rules of PS3.4 C.2.2.1 and C.4.1.3 on known data: what is held is found by its keys, and nothing else is.

Must not know how it came to be held: a probe says what it knows in the facts of its association.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.make.identifiers import UNIQUE
from harness.rule import DOOR, MESSAGE, RELATION, SCP, Finding, ground, operation
from harness.upper_layer.message import Message as Sent
from suites.dimse import bend, models
from suites.dimse.bend import Door
from suites.dimse.find import asked
from suites.dimse.find.matching import rewriting
from suites.dimse.reading import hexed, matches, texts
from suites.web.search import fits

ON = "dimse.query-retrieve.find"


def named(o: Operation) -> str:
    """The one value that the unique key of the level asks for, when no other key of the level restricts; else ''."""
    if not asked.lawful(o) or o.cancels:
        return ""
    own = UNIQUE[asked.level(o)]
    loose = {own, *models.unique_above(o, asked.level(o))}
    if any(not k.universal for k in asked.keys(o) if k.path not in loose):
        return ""
    key = asked.key(o, own)
    return key.value if key is not None and len(key.values) == 1 and not fits.wild(key.vr, key.value) else ""


def _spoken_of(o: Operation) -> bool:
    """The probe knows the key to be held, or to be nobody's; of the latter a refusal says nothing."""
    return named(o) in o.facts.get("known", ()) or (named(o) in o.facts.get("unknown", ()) and o.status == 0)


@operation(
    "find.found-by-unique-key",
    cites="PS3.4 C.2.2.1.1, C.2.2.2.1, C.4.1.3.1",
    verifies=("SV-FND-004", "SV-FND-015", "SV-FND-014"),
    on=ON,
    who=SCP,
    basis=RELATION,
    when=lambda o: bool(o.facts.get("known")) and bool(named(o)) and _spoken_of(o),
    says="What is held is found by its unique key and alone; a unique key that nothing has finds nothing.",
)
def found_by_unique_key(o: Operation) -> Iterator[Finding]:
    name, found = named(o), asked.owns(o)
    where = f"{o.where()}, level {asked.level(o)}"
    if name in o.facts.get("unknown", ()):
        if found:
            yield Finding(f"{len(found)} matches, first {found[0]}", "no match", where)
    elif name not in found:
        got = f"{len(found)} other matches" if found else f"no match, {hexed(o.status)}"
        yield Finding(got, name, where)
    elif set(found) != {name}:
        yield Finding(f"{len(set(found))} different matches", f"{name} alone", where)


@found_by_unique_key.mutant(at=DOOR)
def ignores_all_keys(request: Sent, door: Door) -> Iterable[Sent]:
    """Every query finds everything."""
    return door(rewriting(request, lambda path, value: None))


@found_by_unique_key.mutant(at=DOOR)
def finds_nothing(request: Sent, door: Door) -> Iterable[Sent]:
    """Every query ends without a match."""
    return (m for m in door(request) if not bend.is_pending(m, "find"))


@found_by_unique_key.mutant(at=MESSAGE)
def calls_everything_by_one_uid(message: Sent, request: Sent | None) -> Sent | None:
    """Every match carries the same constant UIDs."""

    def renamed(found: Dataset) -> bool:
        for tag in (0x0020000D, 0x0020000E, 0x00080018):
            if tag in found:
                found[tag].value = "2.25.7"
        return True

    return bend.rewritten(message, renamed) if bend.is_pending(message, "find") else None


ground("query-retrieve", found_by_unique_key)


def case(o: Operation) -> tuple[str, str, str, bool] | None:
    """(path, value, unique key of the subject, whether it is due) that the probe made this query for."""
    told = o.facts.get("cases", {}).get(str(o.request.id))
    if told is None or not asked.lawful(o) or o.cancels:
        return None
    path, value, uid, due = told
    return str(path), str(value), str(uid), bool(due)


@operation(
    "find.required-keys",
    cites="PS3.4 C.2.2.1.2, C.2.2.2; Tables C.6-1 to C.6-5",
    verifies=("SV-FND-004", "SV-FND-005", "SV-FND-006", "SV-FND-008", "SV-FND-009", "SV-FND-014"),
    on=ON,
    who=SCP,
    basis=RELATION,
    when=lambda o: case(o) is not None,
    says="Each unique and required key finds what has a fitting value, and not what has another one.",
)
def required_keys(o: Operation) -> Iterator[Finding]:
    tried = case(o)
    if tried is None:
        return
    path, value, uid, due = tried
    if (uid in asked.owns(o)) is not due:
        got = ("not found" if due else "found") + f", {hexed(o.status)}"
        want = f"{uid} {'found' if due else 'not found'} by {path} {value!r}"
        yield Finding(got, want, f"{o.where()}, level {asked.level(o)}")


def _ignoring(tag: str) -> Callable[[Sent, Door], Iterable[Sent]]:
    """A door that does not look at a key."""

    def emptied(found: Dataset) -> bool:
        there = int(tag, 16) in found and str(found[int(tag, 16)].value or "") != ""
        if there:
            found[int(tag, 16)].value = None
        return there

    def act(request: Sent, door: Door) -> Iterable[Sent]:
        return door(bend.asking(request, emptied) if bend.is_request(request, "find") else request)

    return act


for _tag, _name in (
    ("00080020", "study_date"), ("00080030", "study_time"), ("00080050", "accession_number"), ("00200010", "study_id"),
    ("00100010", "patient_name"), ("00100020", "patient_id"), ("00080060", "modality"), ("00200011", "series_number"),
    ("00200013", "instance_number"),
):  # fmt: skip
    _act = _ignoring(_tag)
    _act.__name__, _act.__doc__ = f"ignores_{_name}", f"The key {_name.replace('_', ' ')} finds everything."
    required_keys.mutant(_act, at=DOOR)


@required_keys.mutant(at=DOOR, defects="M-CF-19")
def a_long_list_finds_nothing(request: Sent, door: Door) -> Iterable[Sent]:
    """Of a list of UIDs only the first 256 characters are read."""

    def cut(path: str, value: str) -> str:
        return value[:256].rpartition("\\")[0] if len(value) > 256 and "\\" in value else value

    return door(rewriting(request, cut))


@required_keys.mutant(at=DOOR, defects="M-CF-15")
def brackets_are_a_pattern(request: Sent, door: Door) -> Iterable[Sent]:
    """A value with brackets or a plus sign is read as a regular expression, and finds nothing."""
    return door(rewriting(request, lambda path, value: f"{value}#" if set(value) & set("[(+") else value))


@required_keys.mutant(at=DOOR)
def ranges_leave_out_their_ends(request: Sent, door: Door) -> Iterable[Sent]:
    """A range of dates does not include its ends."""
    ends: list[str] = []

    def noted(path: str, value: str) -> str:
        if path == "00080020" and "-" in value:
            ends.extend(part for part in value.split("-") if part)
        return value

    rewriting(request, noted)
    return bend.found_by(door(request), lambda match: str(match.get("StudyDate", "")) not in ends)


@required_keys.mutant(at=DOOR)
def half_open_ranges_fail(request: Sent, door: Door) -> Iterable[Sent]:
    """A range that is open to the left finds nothing."""
    return door(rewriting(request, lambda path, value: f"18000101{value}" if value.startswith("-") else value))


@required_keys.mutant(at=DOOR, defects="M-CF-17")
def wild_cards_are_letters(request: Sent, door: Door) -> Iterable[Sent]:
    """An asterisk or question mark stands for itself."""
    swap = {"*": "#", "?": "#"}

    def literal(path: str, value: str) -> str:
        return "".join(swap.get(c, c) for c in value) if value.strip("*") else value

    return door(rewriting(request, literal))


@operation(
    "find.counts",
    cites="PS3.4 C.3.4, Table C.3-1",
    verifies="SV-FND-019",
    on=ON,
    who=SCP,
    basis=RELATION,
    when=lambda o: bool(_counted(o)),
    says="Numbers of related studies, series and instances are those of what is held.",
)
def counts(o: Operation) -> Iterator[Finding]:
    for name, tag, got, want in _counted(o):
        if got != str(want):
            yield Finding(got, f"{want} in {name}", f"{o.where()}, {tag}")


def _counted(o: Operation) -> list[tuple[str, str, str, int]]:
    """(unique key, tag, number returned, number held) where the probe knows the number and the match tells one."""
    if not asked.lawful(o):
        return []
    known = o.facts.get("counts", {})
    found = []
    for match in matches(o):
        name = asked.own(o, match)
        for tag, number in known.get(name, {}).items():
            told = texts(match, tag)
            if told and told[0]:
                found.append((name, str(tag), told[0], int(number)))
    return found


@counts.mutant(at=MESSAGE)
def counts_one_too_few(message: Sent, request: Sent | None) -> Sent | None:
    """Numbers of instances are one too small."""

    def fewer(found: Dataset) -> bool:
        there = [t for t in (0x00201208, 0x00201209) if t in found and found[t].value not in (None, "")]
        for tag in there:
            found[tag].value = str(int(found[tag].value) - 1)
        return bool(there)

    return bend.rewritten(message, fewer) if bend.is_pending(message, "find") else None
