"""Provokes C-FIND: by unique keys, by every required key in every form, pairs that must agree, negotiated options.

Must not judge what comes back; what it knows of the data it says in the facts of the association.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity

from harness.make.holding import Entity, Holding
from harness.make.identifiers import (
    HOLDING,
    KEYS,
    LEVELS,
    RETURNED,
    UNIQUE,
    Identifier,
    Level,
    Model,
    identifiers,
    naming,
    patient_of,
    unique_keys,
)
from harness.make.keys import Key
from harness.make.queries import UNKNOWN_UID
from harness.rule import probe
from harness.talk.dialogue import Associated, Dimse, Reply
from harness.upper_layer import message as messages
from harness.upper_layer.offer import Extended
from suites.dimse import offers
from suites.dimse.find.relations import ON as RELATIONS
from suites.dimse.offers import FIND, octets
from suites.web.search.probes.choose import NOBODY

PROVOKES = ("dimse.query-retrieve.find",)
EXAMPLES = 40
SUBJECTS = 3  # entities of each level that are asked for
SIBLINGS = 16  # entities below one entity that are asked for one by one
LONG = 60  # UIDs of a long list
MODELS: tuple[Model, ...] = ("study", "patient")


def ask(a: Associated, identifier: Identifier, cancel_after: int | None = None) -> Reply:
    """C-FIND of an identifier in the information model it is made for; no request where that was not accepted."""
    uid = FIND[identifier.model]
    return a.find(uid, octets(a, uid, identifier), cancel_after)


def plain(identifier: Identifier) -> Identifier:
    """The same, with the optional keys of its level to be returned."""
    return identifier.with_keys(*((path, "") for path in RETURNED[identifier.level] if identifier.value(path) is None))


@probe("find.by-unique-key", provokes=PROVOKES, needs="data")
def by_unique_key(dimse: Dimse) -> None:
    """Ask for what is held by its unique keys, and for unique keys that nothing has, in both models."""
    held = [e for level in ("study", "series", "instance") for e in dimse.holding.at(level)[:SUBJECTS]]
    known = [e.uids[-1] for e in held]
    patients = [p for p in dict.fromkeys(patient_of(e, dimse.holding) for e in held) if p]
    facts = {"known": [*known, *patients], "unknown": [UNKNOWN_UID, "NOSUCH7"]}
    with dimse.associate(offers.asking(*FIND.values()), facts=facts) as a:
        for entity in held:
            for model in MODELS:
                if model == "study" or patient_of(entity, dimse.holding):
                    identifier = naming(entity, dimse.holding, model)
                    ask(a, plain(identifier))
                    ask(a, identifier.with_keys((UNIQUE[identifier.level], UNKNOWN_UID)))
        for patient in patients[:SUBJECTS]:
            ask(a, plain(Identifier("patient", "PATIENT", (("00100020", patient), ("00100010", "")))))
        ask(a, Identifier("patient", "PATIENT", (("00100020", "NOSUCH7"), ("00100010", ""))))


def _askable(entity: Entity, key: Key) -> str:
    """A value of the entity that Single Value Matching can ask for as it stands, '' when there is none."""
    text = entity.attribute(key.path)
    forbidden = "*?\\" + {"DA": "-", "TM": "-", "PN": "="}.get(key.vr, "")
    return "" if set(text) & set(forbidden) or not text.isascii() or len(text) > 64 else text


def shapes(key: Key, value: str) -> Iterator[tuple[str, bool]]:
    """Values to ask for around one that is held, each with whether it has to find it."""
    yield value, True
    if key.vr == "DA":
        yield from ((f"{value}-", True), (f"-{value}", True), (f"{value}-{value}", True), ("18000101-18000102", False))
    elif key.vr == "TM":
        yield from ((f"{value}-", True), (f"-{value}", True))
    elif key.vr in ("LO", "SH", "CS", "PN") and len(value) > 2:
        yield from ((f"{value[:-1]}?", True), (f"{value[:2]}*", True), (f"*{value[1:]}", True), (f"{value}?", False))
        yield f"{value[:1]}*{value[-1:]}", True
    elif key.vr == "UI":
        yield "\\".join([UNKNOWN_UID, value]), True
        yield "\\".join([*(f"{UNKNOWN_UID}.{n}" for n in range(LONG)), value]), True
    yield NOBODY[key.vr], False


def _cases(holding: Holding, model: Model) -> Iterator[tuple[Identifier, tuple[str, str, str, bool]]]:
    """Each required key of each level, in each form, on an entity that has a value to ask for, and many others."""
    for level in LEVELS[model]:
        keys = KEYS[model][level]
        held = [e for e in holding.at(HOLDING[level]) if model == "study" or patient_of(e, holding)]
        rich = sorted(held, key=lambda e: -sum(bool(_askable(e, k)) for k in keys))
        for key in keys:
            subject = next((e for e in rich if _askable(e, key)), None)
            if subject is None:
                continue
            name = patient_of(subject, holding) if level == "PATIENT" else subject.uids[-1]
            for shape, due in shapes(key, _askable(subject, key)):
                if key.vr != "PN" or not set(shape) & set("*?"):  # patterns of names are the SCP's matter (C.2.2.2.4)
                    found = dict([*_upper(subject, model, level, holding), (UNIQUE[level], ""), (key.path, shape)])
                    yield Identifier(model, level, tuple(found.items())), (key.path, shape, name, due)


def _upper(subject: Entity, model: Model, level: Level, holding: Holding) -> list[tuple[str, str]]:
    """The unique keys of the levels above."""
    above = {UNIQUE[name] for name in LEVELS[model][: LEVELS[model].index(level)]}
    return [pair for pair in unique_keys(subject, model, patient_of(subject, holding)) if pair[0] in above]


def _odd(holding: Holding) -> Iterator[tuple[Identifier, tuple[str, str, str, bool]]]:
    """Patient IDs with characters that mean something in patterns of other kinds than DICOM's."""
    for study in holding.studies:
        patient = study.attribute("00100020")
        if set(patient) & set("[(+.$^") and not set(patient) & set("*?\\"):
            identifier = Identifier("study", "STUDY", (("0020000D", ""), ("00100020", patient)))
            yield identifier, ("00100020", patient, study.study, True)


@probe("find.required-keys", provokes=PROVOKES, needs="loaded")
def required_keys(dimse: Dimse) -> None:
    """Ask by each unique and required key alone, in every form of its VR, and by values that nobody has."""
    with dimse.associate(offers.asking(*FIND.values())) as a:
        cases: dict[str, Any] = {}
        a.facts["cases"] = cases
        made = [*_cases(dimse.holding, "study"), *_cases(dimse.holding, "patient"), *_odd(dimse.holding)]
        for identifier, case in made:
            reply = ask(a, identifier)
            if reply.asked is not None:
                cases[str(reply.asked.id)] = case


@probe("find.relations", provokes=(*PROVOKES, RELATIONS), needs="data")
def relations(dimse: Dimse) -> None:
    """Ask with and without keys that mean everything, with lists and their single values, wider and narrower."""
    for level in LEVELS["study"]:
        held = dimse.holding.at(HOLDING[level])
        if not held:
            continue
        with dimse.journey(RELATIONS), dimse.associate(offers.asking(FIND["study"])) as a:
            for identifier in _related(dimse, level, held):
                ask(a, identifier)


def _related(dimse: Dimse, level: Level, held: Sequence[Entity]) -> Iterable[Identifier]:
    own = UNIQUE[level]
    depth = len(held[0].uids) - 1
    groups: dict[tuple[str, ...], list[Entity]] = {}
    for entity in held:
        groups.setdefault(entity.uids[:depth], []).append(entity)
    beside = max(groups.values(), key=len)
    subject = max(beside, key=lambda e: sum(bool(_askable(e, k)) for k in KEYS["study"][level]))
    upper = tuple(unique_keys(subject, "study")[:-1])
    scope = "\\".join(e.uids[-1] for e in beside[:SIBLINGS]) if level == "STUDY" else ""
    base = Identifier("study", level, (*upper, (own, scope)))
    yield base
    for key in [k for k in KEYS["study"][level] if k.path != own]:
        yield base.with_keys((key.path, ""))
        if key.vr in ("LO", "SH", "CS", "PN"):
            yield base.with_keys((key.path, "*"))
        value = _askable(subject, key)
        if value:
            yield base.with_keys((key.path, value))
    some = [e.uids[-1] for e in beside[:SIBLINGS]]
    for uid in some:  # whichever the wider query loses, one of these finds it
        yield base.with_keys((own, uid))
    if len(some) > 1:
        yield base.with_keys((own, "\\".join(some[:3])))


@probe("find.returned", provokes=PROVOKES, needs="data")
def returned(dimse: Dimse) -> None:
    """Ask for optional keys at every level, for one that nobody has, for nothing but the level, and for numbers."""
    counts = _counts(dimse.holding) if dimse.samples else {}
    with dimse.associate(offers.asking(*FIND.values()), facts={"counts": counts}) as a:
        for level in ("study", "series", "instance"):
            for entity in dimse.holding.at(level)[:SUBJECTS]:
                identifier = plain(naming(entity, dimse.holding))
                ask(a, identifier)
                ask(a, identifier.with_keys(("00720034", ""), ("00080201", "")).without("00080201"))
                ask(a, identifier.with_keys(("00099001", ""), ("00090010", "NOBODY 1.0")))
        ask(a, Identifier("study", "STUDY", (("0020000D", ""), ("00100020", "NOSUCH7"))))
        ask(a, Identifier("study", "STUDY", ()))


def _counts(holding: Holding) -> dict[str, dict[str, int]]:
    """Numbers of related entities by unique key and tag, of what we loaded."""
    found: dict[str, dict[str, int]] = {}
    for study in holding.studies:
        numbers = {"00201206": len(holding.below(study, "series")), "00201208": len(holding.below(study, "instance"))}
        found[study.study] = numbers
    for series in holding.series:
        found[series.series] = {"00201209": len(holding.below(series, "instance"))}
    return found


@probe("find.negotiated", provokes=PROVOKES, needs="data")
def negotiated(dimse: Dimse) -> None:
    """Offer relational queries, combined matching and fuzzy names; ask ranges of date and time with and without."""
    moments = [(s.attribute("00080020"), s.attribute("00080030")[:6]) for s in dimse.holding.studies]
    moments = sorted(m for m in moments if m[0].isdigit() and len(m[1]) == 6 and m[1].isdigit())
    scope = "\\".join(s.study for s in dimse.holding.studies[:16])
    for options in (None, b"\x01", b"\x01\x01", b"\x00\x00\x01", b"\x01\x01\x01\x00\x00"):
        items = (Extended(FIND["study"], options),) if options else ()
        with dimse.associate(offers.asking(FIND["study"]), extended=items) as a:
            for dates, times in _spans(moments):
                ask(a, Identifier("study", "STUDY", (("0020000D", scope), ("00080020", dates), ("00080030", times))))
            for study in dimse.holding.studies[:SUBJECTS]:
                name = study.attribute("00100010")
                if name.isascii() and len(name) > 3 and not set(name) & set("*?\\="):
                    near = name[:1] + name[2:]
                    ask(a, Identifier("study", "STUDY", (("0020000D", scope), ("00100010", near))))
            if options and options[:1] == b"\x01":
                _relational(a, dimse.holding)


def _spans(moments: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Ranges of dates with ranges of times that begin after the first study of their first day."""
    if not moments:
        return []
    last, (day, time) = moments[-1], moments[0]
    earlier = [(d, t) for d, t in moments if d < last[0] and t < "235900"]
    first = max(earlier, default=(day, time), key=lambda m: m[1])
    after = f"{min(int(first[1][:4]) + 1, 2358):04d}00"
    # to the last moment of the day: whether a bound without a fraction stands for its whole second is not said
    end = "235959.999999"
    return [(f"{day}-{last[0]}", f"000000-{end}"), (f"{first[0]}-{last[0]}", f"{after}-{end}")]


def _relational(a: Associated, holding: Holding) -> None:
    """Queries below the study without its UID, where that was agreed (C.4.1.2.2.1)."""
    for level, entities in (("SERIES", holding.series), ("IMAGE", holding.instances)):
        for entity in entities[:SUBJECTS]:
            ask(a, Identifier("study", level, ((UNIQUE[level], entity.uids[-1]), ("0020000D", ""))))
    for study in holding.studies[:SUBJECTS]:
        patient = study.attribute("00100020")
        if patient and not set(patient) & set("*?\\"):
            ask(a, Identifier("study", "IMAGE", (("00080018", ""), ("0020000D", study.study), ("00100020", patient))))


@probe("find.cancelled", provokes=PROVOKES, needs="data")
def cancelled(dimse: Dimse) -> None:
    """Cancel a query with many matches after the first one, and one at once."""
    for after in (0, 1):
        everything = Identifier("study", "STUDY", (("0020000D", ""), ("00100020", "")))
        with dimse.associate(offers.asking(FIND["study"])) as a:
            reply = ask(a, everything, cancel_after=after)
            if reply.asked is not None:
                a.facts["cancelled"] = reply.asked.id
                a.facts["matches"] = len(dimse.holding.studies)


@probe("find.data-set-types", provokes=PROVOKES, needs="data")
def data_set_types(dimse: Dimse) -> None:
    """The same query under different values that announce a data set."""
    if not dimse.holding.studies:
        return
    identifier = naming(dimse.holding.studies[0], dimse.holding)
    with dimse.associate(offers.asking(FIND["study"])) as a:
        numbers: list[str] = []
        a.facts["data set types"] = numbers
        context = a.accepts(FIND["study"])
        for kind in (0x0000, 0x0001, 0x0102, 0xFEFE) if context else ():
            number, uid = a.next_id(), FIND["study"]
            place = context.id if context else 1
            asked = messages.find_rq(place, number, uid, octets(a, uid, identifier), CommandDataSetType=kind)
            a.ask(asked)
            numbers.append(str(number))


@probe("find.explore", provokes=PROVOKES, needs="data")
def explore(dimse: Dimse) -> None:
    """Queries of every kind over what is held, made by chance."""
    for model in MODELS:
        try:
            strategy = identifiers(dimse.holding, model)
            _explored(dimse, strategy)
        except ValueError:
            continue  # nothing is held that this model could be asked for


def _explored(dimse: Dimse, strategy: hypothesis.strategies.SearchStrategy[Identifier]) -> None:
    with dimse.associate(offers.asking(*FIND.values())) as a:

        def one(identifier: Identifier) -> None:
            ask(a, identifier)

        run = _settings(EXAMPLES)(hypothesis.given(strategy)(one))
        hypothesis.seed(dimse.random.getrandbits(64))(run)()


def _settings(most: int) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=most,
        database=None,
        deadline=None,
        print_blob=False,
        verbosity=Verbosity.quiet,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
