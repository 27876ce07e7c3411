"""Rules of PS3.18 10.5.2 on coercion: what the server changed stands in the instance with its former values, truly.

Must not know which changes are right.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from harness.exchange import Answer, Ask, Exchange, Journey, view
from harness.rule import DOOR, SHOULD, Door, Finding, journey
from harness.wire import part10
from harness.wire.elements import DataSet
from suites.web.store import alter
from suites.web.store.effects import EFFECTS
from suites.web.store.kept import PIXEL_DESCRIPTION, files
from suites.web.store.module import MODIFIED, ORIGINAL, REFERENCED, WARNING_REASON, Item, module
from suites.web.store.sent import Sent, parts, sent

COERCED = 0xB000
_TYPE_1 = {"04000562": "Attribute Modification DateTime", "04000563": "Modifying System",
           "04000565": "Reason for the Attribute Modification", MODIFIED: "Modified Attributes Sequence"}  # fmt: skip

Changed = tuple[Sent, Item, Exchange, part10.Reading]


@view
def coerced(j: Journey) -> tuple[Changed, ...]:
    """Each instance that is told or shown to be changed, as it was sent and as it came back under its own UID."""
    found: list[Changed] = []
    for store in j.steps("store"):
        said = module(store)
        told = {i.instance: i for i in said.stored} if said and store.answer.ok else {}
        for one in sent(store):
            item = told.get(one.instance)
            if item is None or not one.identified or one.attributes is not None:
                continue
            for x in j.steps("retrieve"):
                for reading in files(x) if x.resource.instance == one.instance else ():
                    if item.coerced or reading.dataset.get(ORIGINAL) is not None:
                        found.append((one, item, x, reading))
    # what was sent with such a sequence was changed before it came here
    return tuple(c for c in found if part10.read(c[0].part.content).dataset.get(ORIGINAL) is None)


def _changes(one: Sent, reading: part10.Reading) -> list[str]:
    """Tags of the top level whose value was replaced or removed."""
    wanted = part10.read(one.part.content)
    same = wanted.transfer_syntax == reading.transfer_syntax
    ignore = frozenset({ORIGINAL, "00080005"}) | (frozenset() if same else PIXEL_DESCRIPTION)
    found = part10.difference(reading.dataset, wanted.dataset, ignore=ignore, pixels=same)
    tags = dict.fromkeys(change.path[:8] for change in found)
    return [tag for tag in tags if tag in wanted.dataset.elements]


def _items(dataset: DataSet) -> list[DataSet]:
    element = dataset.get(ORIGINAL)
    return list(element.items or ()) if element is not None else []


def _former(dataset: DataSet) -> dict[str, list[DataSet]]:
    """Tag -> the data sets that tell a former value of it; more than one when it was changed again and again."""
    found: dict[str, list[DataSet]] = {}
    for item in _items(dataset):
        modified = item.get(MODIFIED)
        for inner in (modified.items or ()) if modified is not None else ():
            for tag in inner.elements:
                found.setdefault(tag, []).append(inner)
    return found


def _alone(dataset: DataSet, tag: str) -> DataSet:
    return DataSet({tag: dataset.elements[tag]}, dataset.big_endian, dataset.charsets)


@journey(
    "store.coercion-is-recorded",
    cites="PS3.18 10.5.2; 10.5.3; PS3.3 C.12.1",
    verifies="PS3.18-10.5.2-3",
    on=EFFECTS,
    when=lambda j: bool(coerced(j)),
    due=False,  # nobody has to coerce
    says="An instance that was coerced has an Original Attributes Sequence (0400,0561) with each value that changed.",
)
def coercion_is_recorded(j: Journey) -> Iterator[Finding]:
    for one, item, x, reading in coerced(j):
        if not _items(reading.dataset):
            why = f"Warning Reason {item.warning:04X}H" if item.warning is not None else "the response tells of it"
            yield Finding(got="no Original Attributes Sequence", want=f"its former values: {why}",
                          where=f"{one.instance} {ORIGINAL}", seq=x.seq)  # fmt: skip
            continue
        known = _former(reading.dataset)
        for tag in _changes(one, reading):
            if tag not in known:
                yield Finding(got="no former value", want=f"the value of {tag} that was sent",
                              where=f"{one.instance} {ORIGINAL}.{MODIFIED}.{tag}", seq=x.seq)  # fmt: skip


def _rewriting(ask: Ask, door: Door, record: bool, former: str = "", bare: bool = False) -> Answer:
    """Store with another Patient's Name and tell of a coercion; `record`: in the instance as well."""
    found = parts(ask) if ask.resource.kind == "web.store" and _made_up(ask) else ()
    if not found or not all(s.identified for s in found):
        return door(ask)
    contents = {s.part.index: _renamed(s.part.content.bytes(), record, former, bare) for s in found}
    answer = door(alter.reparted(ask, ask.parts, contents) or ask)
    changed = alter.rewritten(Exchange(0, ask, answer), _warned)
    return alter.status(changed, 202) if changed else answer


def _made_up(ask: Ask) -> bool:
    """Mutants change only instances of the patient that a probe makes up for this."""
    return any(b"DICOMPROOF^OTHER" in part.content.bytes() for part in ask.parts)


def _renamed(octets: bytes, record: bool, former: str, bare: bool) -> bytes:
    dataset = dcmread(io.BytesIO(octets))
    old = dataset.PatientName
    dataset.PatientName = "DICOMPROOF^COERCED"
    if record:
        item, values = Dataset(), Dataset()
        values.PatientName = former or old
        if not bare:
            item.AttributeModificationDateTime = "20240101120000"
            item.ReasonForTheAttributeModification = "COERCE"
        item.ModifyingSystem = "MUTANT"
        item.SourceOfPreviousValues = ""
        item.ModifiedAttributesSequence = Sequence([values])
        dataset.OriginalAttributesSequence = Sequence([item])
    out = io.BytesIO()
    dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


def _warned(root: alter.Root) -> alter.Root | None:
    found = alter.items(root, REFERENCED)
    for n, item in enumerate(found):
        found[n] = alter.ordered({**item, WARNING_REASON: alter.attribute("US", COERCED)})
    return root if found else None


@coercion_is_recorded.mutant(at=DOOR)
def coerces_without_a_trace(ask: Ask, door: Door) -> Answer:
    """Patient's Name is changed, B000 is told, and the stored instance does not say what it was."""
    return _rewriting(ask, door, record=False)


@journey(
    "store.former-values-are-true",
    cites="PS3.18 10.5.2; PS3.3 C.12.1",
    verifies="PS3.18-10.5.2-3",
    on=EFFECTS,
    when=lambda j: any(_items(reading.dataset) for *_, reading in coerced(j)),
    due=False,  # nobody has to coerce
    says="The former values in Original Attributes Sequence are those that were sent.",
)
def former_values_are_true(j: Journey) -> Iterator[Finding]:
    for one, _, x, reading in coerced(j):
        wanted = part10.read(one.part.content).dataset
        for tag, told in _former(reading.dataset).items():
            where = f"{one.instance} {ORIGINAL}.{MODIFIED}.{tag}"
            if tag in ("00080005", ORIGINAL) or (tag[3] in "13579BDF" and tag[4:] < "0100"):
                continue
            if wanted.get(tag) is None:
                if not all(inner.elements[tag].empty for inner in told):
                    yield Finding(got=f"a former value of {tag}", want="none: it was not sent", where=where, seq=x.seq)
                continue
            wrong = [list(part10.difference(_alone(inner, tag), _alone(wanted, tag))) for inner in told]
            if all(wrong):
                yield Finding(got=wrong[0][0].got, want=wrong[0][0].want, where=where, seq=x.seq)


@former_values_are_true.mutant(at=DOOR)
def records_the_new_value_as_the_old(ask: Ask, door: Door) -> Answer:
    """Modified Attributes Sequence holds the new name, not the one that was sent."""
    return _rewriting(ask, door, record=True, former="DICOMPROOF^COERCED")


@journey(
    "store.coercion-is-whole",
    cites="PS3.3 C.12.1; PS3.18 10.5.2",
    verifies="PS3.18-10.5.2-1",
    on=EFFECTS,
    when=lambda j: any(_items(reading.dataset) for *_, reading in coerced(j)),
    due=False,  # nobody has to coerce
    says="An item of the Original Attributes Sequence of a stored instance says when, by whom, why, and what.",
)
def coercion_is_whole(j: Journey) -> Iterator[Finding]:
    for one, _, x, reading in coerced(j):
        for n, item in enumerate(_items(reading.dataset)):
            where = f"{one.instance} {ORIGINAL}[{n}]"
            for tag, name in _TYPE_1.items():
                element = item.get(tag)
                if element is None or element.empty:
                    yield Finding(got="absent or empty", want=f"{name} (Type 1)", where=f"{where}.{tag}", seq=x.seq)
            modified = item.get(MODIFIED)
            if modified is not None and len(modified.items or ()) > 1:
                got = f"{len(modified.items or ())} items"
                yield Finding(got=got, want="one item", where=f"{where}.{MODIFIED}", seq=x.seq)


@coercion_is_whole.mutant(at=DOOR)
def records_neither_time_nor_reason(ask: Ask, door: Door) -> Answer:
    """The item has no Attribute Modification DateTime and no Reason for the Attribute Modification."""
    return _rewriting(ask, door, record=True, bare=True)


@journey(
    "store.coercion-is-told",
    cites="PS3.18 Table I.1-1; Table I.2-1",
    verifies=("PS3.18-I.1-6", "PS3.18-I.2.1-1"),
    level=SHOULD,  # B000 is what a change is told by; that each change is worth a warning is not said in so many words
    on=EFFECTS,
    when=lambda j: any(_changes(one, reading) for one, _, _, reading in coerced(j)),
    due=False,  # nobody has to coerce
    says="An instance that was changed on its way in is told with a Warning Reason: B000, or B006 where less is kept.",
)
def coercion_is_told(j: Journey) -> Iterator[Finding]:
    for one, item, x, reading in coerced(j):
        if _changes(one, reading) and item.warning is None:
            changed = ", ".join(_changes(one, reading)[:5])
            yield Finding(got=f"stored without a warning, {changed} changed", want="Warning Reason B000H",
                          where=f"{item.where}/{WARNING_REASON}", seq=x.seq)  # fmt: skip


@coercion_is_told.mutant(at=DOOR)
def coerces_and_says_nothing(ask: Ask, door: Door) -> Answer:
    """Patient's Name is changed and recorded, and the answer is a plain 200."""
    found = parts(ask) if ask.resource.kind == "web.store" and _made_up(ask) else ()
    if not found or not all(s.identified for s in found):
        return door(ask)
    contents = {s.part.index: _renamed(s.part.content.bytes(), True, "", False) for s in found}
    return door(alter.reparted(ask, ask.parts, contents) or ask)
