"""Asks for worklists: everything, then each item by each of its keys, by patterns, ranges, and what nobody has.

Must not know what is judged about the answers. Nothing can be scheduled over DIMSE, so what comes first is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from harness.body import Body
from harness.make import steps
from harness.rule import probe
from harness.talk.dialogue import Associated, Dimse
from harness.talk.identifiers import Content
from harness.wire.elements import DataSet, Syntax, read_dataset
from harness.wire.flaw import Flaws
from harness.wire.sop import WORKLIST
from suites.dimse.reading import text
from suites.dimse.worklist.asked import DATE, NAMING, PATIENT_ID, STEP, TIME, name
from suites.web.search import fits

FIND = ("dimse.worklist.find", "dimse.worklist.relations")
IMPLICIT = "1.2.840.10008.1.2"
CONTEXTS = ((WORKLIST, ("1.2.840.10008.1.2.1", IMPLICIT)),)
NAMES = (steps.REQUIRED["name"], steps.REQUIRED["physician"])
KEEP = 12  # items that are asked for again
_STATUS = f"{STEP}.00400020"
BRIEF = tuple(dict.fromkeys((*NAMING, *steps.REQUIRED.values())))  # what is asked back where only the keys matter


def found(a: Associated, identifier: Content) -> list[DataSet]:
    """The items that a query brings, as far as they can be read."""
    context = a.accepts(WORKLIST)
    syntax = Syntax(explicit=context is not None and context.transfer != IMPLICIT)
    answers = a.find(WORKLIST, identifier).datasets
    return [read_dataset(Body.of(octets), syntax, Flaws())[0] for octets in answers if octets]


def seen(a: Associated) -> list[DataSet]:
    """Some of all the items there are, those that can be told apart."""
    held = {name(planned): planned for planned in found(a, steps.query(returned=BRIEF))}
    return [planned for label, planned in held.items() if label][:KEEP]


def ask(a: Associated, keys: dict[str, str], due: list[DataSet], others: list[DataSet]) -> None:
    """A query that has to bring what is due and none of the others."""
    cases = a.facts.setdefault("cases", [])
    for subject in due:
        if all(fits.fit("PN", value, [text(subject, path)]) for path, value in keys.items() if path in NAMES):
            cases.append([keys, name(subject), True])
    cases.extend([keys, name(other), False] for other in others)
    found(a, steps.query(keys, BRIEF))


def askable(path: str, value: str) -> bool:
    """A value that can be asked for as it stands."""
    forbidden = "-" if path in (DATE, TIME) else "="
    # who schedules in one character set need not understand another one in queries
    return bool(value) and value.isascii() and not set(value) & set("*?\\" + forbidden)


@probe("worklist.keys", provokes=FIND, needs="nothing")
def keys(dimse: Dimse) -> None:
    """All items, then some of them by each required key; what has another value there is not to come."""
    with dimse.journey("dimse.worklist.relations"), dimse.associate(CONTEXTS, step="keys") as a:
        if a.accepts(WORKLIST) is None:
            return
        held = seen(a)
        for word, path in steps.REQUIRED.items():
            subjects = [p for p in held if askable(path, text(p, path))]
            for subject in subjects[:1] + subjects[-1:]:
                value = text(subject, path)
                others = [p for p in held if _apart(word, text(p, path), value)]
                ask(a, {path: value}, [subject], others)
        if held:
            a.facts["nobody"] = f"NO{dimse.nonce}"[:60]
            found(a, steps.query({PATIENT_ID: str(a.facts["nobody"])}, BRIEF))


def _apart(word: str, one: str, other: str) -> bool:
    """Two values that no reading takes for the same."""
    if word in ("name", "physician"):
        return bool(one) and one[:1].casefold() != other[:1].casefold()
    return one != other if word != "time" else one[:4] != other[:4]


@probe("worklist.patterns", provokes=FIND, needs="nothing")
def patterns(dimse: Dimse) -> None:
    """Names by the first letters, by the last ones, by a question mark; physicians likewise."""
    with dimse.journey("dimse.worklist.relations"), dimse.associate(CONTEXTS, step="patterns") as a:
        if a.accepts(WORKLIST) is None:
            return
        held = seen(a)
        for path in (steps.REQUIRED["name"], steps.REQUIRED["physician"]):
            for subject in [p for p in held if askable(path, text(p, path))][:2]:
                value = text(subject, path)
                for pattern in (f"{value[:3]}*", f"*{value[-3:]}", f"?{value[1:]}"):
                    ask(a, {path: pattern}, [subject], [])
            found(a, steps.query({path: "*"}, BRIEF))


@probe("worklist.times", provokes=FIND, needs="nothing")
def times(dimse: Dimse) -> None:
    """Ranges of days and of times, closed and open, alone and together, across midnight too."""
    with dimse.journey("dimse.worklist.relations"), dimse.associate(CONTEXTS, step="times") as a:
        if a.accepts(WORKLIST) is None:
            return
        held = [p for p in seen(a) if _moment(p)]
        held.sort(key=_moment)
        for one in (held[:1], held[-1:], held[len(held) // 2 :][:1]):
            for subject in one:
                _ranges(a, held, subject)
        if len(held) > 1:
            _stretches(a, held)


def _moment(planned: DataSet) -> str:
    """Day and time in digits, '' when there are none that can be asked for."""
    day, hour = text(planned, DATE), text(planned, TIME)
    return f"{day}{hour[:6]:0<6}" if len(day) == 8 and hour[:4].isdigit() else ""


def _ranges(a: Associated, held: list[DataSet], subject: DataSet) -> None:
    for path in (DATE, TIME):
        value = text(subject, path)
        alike = [p for p in held if len(text(p, path)) == len(value)]  # else their order is no plain matter
        later = [p for p in alike if text(p, path) > value]
        earlier = [p for p in alike if text(p, path) < value]
        ask(a, {path: f"{value}-{value}"}, [subject], later + earlier)
        ask(a, {path: f"-{value}"}, [subject], later)
        ask(a, {path: f"{value}-"}, [subject], earlier)


def _stretches(a: Associated, held: list[DataSet]) -> None:
    """From one step to a later one: what lies between comes, whatever its time of day."""
    for first, last in _pairs(held):
        low, high = _moment(first), _moment(last)
        ranges = {DATE: f"{low[:8]}-{high[:8]}", TIME: f"{low[8:]}-{high[8:]}"}
        within = [low <= _moment(p) <= high for p in held]
        ask(a, ranges, [p for p, fit in zip(held, within, strict=True) if fit],
            [p for p, fit in zip(held, within, strict=True) if not fit])  # fmt: skip


def _pairs(held: list[DataSet]) -> Iterator[tuple[DataSet, DataSet]]:
    """Ends of a stretch: a night, where the later step is at an earlier time of day, and the whole."""
    night = ((p, q) for n, p in enumerate(held) for q in held[n + 1 :] if _moment(p)[8:] > _moment(q)[8:])
    first = next(night, None)
    if first is not None:
        yield first
    if len(held) > 2:
        yield held[0], held[-2]


@probe("worklist.forms", provokes=FIND, needs="nothing")
def forms(dimse: Dimse) -> None:
    """The whole list in several words: no key but names, an empty step sequence, empty and unknown optional keys."""
    with dimse.journey("dimse.worklist.relations"), dimse.associate(CONTEXTS, step="forms") as a:
        if a.accepts(WORKLIST) is None:
            return
        naming = dict.fromkeys(NAMING, "")
        empty = steps.by_path({path: "" for path in NAMING if "." not in path})
        empty.ScheduledProcedureStepSequence = []
        item = steps.by_path({path: "" for path in NAMING if "." not in path})
        item.ScheduledProcedureStepSequence = [Dataset()]
        private = steps.by_path(naming)
        private.private_block(0x0009, "DICOMPROOF", create=True).add_new(0x01, "LO", "")
        stars = {steps.REQUIRED["name"]: "*", steps.REQUIRED["physician"]: "*"}
        for identifier in (steps.by_path(naming), empty, item, steps.by_path({**naming, _STATUS: ""}), private,
                           steps.by_path({**naming, **stars}), steps.query()):  # fmt: skip
            found(a, identifier)
