"""Rules on anonymized instances: PS3.15 E.1 to E.3.1, as PS3.18 9.4.1.2.1 and 9.4.2.3 ask for them.

Must not know how somebody de-identifies, nor any other parameter.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydicom import dcmread

from harness.exchange import NOT_NOW, Answer, Ask, Exchange, Journey
from harness.past import SOP_INSTANCE
from harness.rule import DOOR, RELATION, Door, Finding, journey
from harness.wire.confidentiality import REMOVE, action
from harness.wire.difference import difference
from harness.wire.elements import DataSet, Element
from suites.web.retrieve.reading import DICOM, got
from suites.web.uri.bend import answered, file_changed, without
from suites.web.uri.reading import COLUMNS, PIXELS, ROWS, value

ON = "web.uri.anonymize"
REMOVED, METHOD, CODES = "00120062", "00120063", "00120064"
TIMES_MODIFIED, BURNED_IN, CODE_VALUE = "00280303", "00280301", "00080100"
# Codes of CID 7050 for options that retain something (PS3.15 E.3.6 to E.3.10), which the basic profile does not.
_RETAINING = frozenset(("113106", "113107", "113108", "113109", "113110", "113111", "113112"))
_STANDARD = b"1.2.840.10008."
_DUMMIES = frozenset((b"19000101", b"19700101", b"20000101", b"000000", b"0000", b"120000", b"ANONYMOUS", b"ANONYMIZED",
                      b"UNKNOWN", b"NONE"))  # fmt: skip
MOST_FINDINGS = 20
DEEPEST = 64


def _dataset(j: Journey, step: str) -> DataSet | None:
    """The data set of the answer to this step, None without one."""
    x = j.step(step)
    files = x.answer.files if x and got(x) and x.answer.type == DICOM else ()
    return files[0].dataset if len(files) == 1 and files[0].dataset.elements else None


def _identified(j: Journey) -> DataSet | None:
    """The instance as it is held, None when that is de-identified already or not known."""
    found = _dataset(j, "plain")
    return found if found is not None and found.text(REMOVED) != "YES" else None


def _anonymized(j: Journey) -> DataSet | None:
    """What came for anonymize=yes, where the parameter, which is optional, has any effect."""
    found, before = _dataset(j, "yes"), _identified(j)
    if found is None or before is None:
        return None
    changed = found.text(SOP_INSTANCE) != before.text(SOP_INSTANCE) or found.text(REMOVED) == "YES"
    return found if changed or _refuses(j) or _emptied(found, before) else None


def _emptied(found: DataSet, before: DataSet) -> bool:
    """Somebody took something away: the name, or any attribute of the patient group."""
    return next(difference(found, before, pixels=False), None) is not None


def _refuses(j: Journey) -> bool:
    return any(x.answer.status == 400 for x in j.steps("bad"))


def supported(j: Journey) -> bool:
    """The parameter changes what this server answers."""
    # these are also what somebody answers who does not have the parameter, and so is one answer to any value of it
    others = {x.answer.status for x in j.steps("bad")} | {400, 404, 405, 406, 501, *NOT_NOW}
    refused = any(x.complete and x.answer.status >= 400 and x.answer.status not in others for x in j.steps("yes"))
    there = _dataset(j, "plain") is not None
    return there and (refused or _refuses(j) or _anonymized(j) is not None)


@journey(
    "uri.other-anonymize-is-400",
    cites="PS3.18 9.4.2.3",
    verifies="PS3.18-9.4.2.3-1",
    on=ON,
    due=False,
    when=lambda j: supported(j) and bool(j.steps("bad")),
    says="Where anonymize is supported, any value but one 'yes' is answered 400.",
)
def other_anonymize_is_400(j: Journey) -> Iterator[Finding]:
    for x in j.steps("bad"):
        if x.answer.status != 400:
            where = f"anonymize={value(x, 'anonymize') or ''}"
            yield Finding(x.answer.line, "400", where, seq=x.seq, warn=x.answer.status in NOT_NOW)


@other_anonymize_is_400.mutant
def other_anonymize_is_404(x: Exchange) -> Answer | None:
    """A wrong value of anonymize is answered 404."""
    return answered(x, 404, 400)


@other_anonymize_is_400.mutant(at=DOOR)
def no_is_understood(ask: Ask, door: Door) -> Answer:
    """anonymize=no is no anonymization."""
    return door(without(ask, "anonymize") if ask.query.get("anonymize") == "no" else ask)


def _elements(dataset: DataSet, depth: int = 0) -> Iterator[tuple[str, Element, DataSet]]:
    """Every element with the data set it stands in, items included."""
    for tag, element in dataset.elements.items():
        yield tag, element, dataset
        for item in (element.items or ()) if depth < DEEPEST else ():
            yield from _elements(item, depth + 1)


def _value(element: Element) -> bytes:
    """The octets of a short value without padding, b'' for anything else."""
    if element.value is None or element.value.size > 1 << 16:
        return b""
    return element.value.bytes().strip(b" \0")


@journey(
    "uri.anonymized-tells-nobody",
    cites="PS3.18 9.4.1.2.1; PS3.15 E.1.1, E.2, Table E.1-1",
    verifies="PS3.18-9.4.2.3-2",
    on=ON,
    basis=RELATION,
    due=False,
    when=lambda j: _anonymized(j) is not None,
    says="In an anonymized instance nothing is left of what the Basic Profile removes or replaces.",
)
def anonymized_tells_nobody(j: Journey) -> Iterator[Finding]:
    after, before = _anonymized(j), _identified(j)
    if after is None or before is None:
        return
    seq, retains = j.steps("yes")[0].seq, _retains(after)
    for _, found in zip(range(MOST_FINDINGS), _left(after, before), strict=False):
        yield replace(found, seq=seq, warn=found.warn or retains)


def _left(after: DataSet, before: DataSet) -> Iterator[Finding]:
    """What is left of an attribute that has an action; one that is only emptied instead of removed tells nobody."""
    old: dict[str, set[bytes]] = {}
    for tag, element, _ in _elements(before):
        old.setdefault(tag, set()).add(_value(element))
    for tag, element, _ in _elements(after):
        code, place = action(tag), f"({tag[:4]},{tag[4:]})"
        said = _value(element)
        private = tag[3] in "13579BDF"
        if code == REMOVE and tag[4:] != "0000" and not (private and (tag not in old or _creator_only(tag, after))):
            got_it = f"{element.vr} {said[:40].decode('latin-1')!r}"
            yield Finding(got_it, "no such attribute", place, warn=element.empty)
        elif code and _tells(said) and said in old.get(tag, ()):
            yield Finding(f"{said[:60].decode('latin-1')!r}, as it was", f"another value (action {code})", place)


def _tells(said: bytes) -> bool:
    """It says more than what somebody who replaces a value may have put there by chance, as a dummy."""
    return len(said) > 2 and said not in _DUMMIES and not said.startswith(_STANDARD)


def _creator_only(tag: str, dataset: DataSet) -> bool:
    """A Private Creator that reserves a block in which nothing is left."""
    return tag[4:6] == "00" and not any(t[:4] == tag[:4] and t != tag for t in dataset.elements)


def _retains(dataset: DataSet) -> bool:
    """It says that options were applied which retain something."""
    sequence = dataset.get(CODES)
    return (
        any(item.text(CODE_VALUE) in _RETAINING for item in (sequence.items or ()) if sequence) if sequence else False
    )


@anonymized_tells_nobody.mutant
def only_the_name_goes(x: Exchange) -> Answer | None:
    """Attributes of the study stay as they are."""
    uid = x.resource.study
    return file_changed(x, lambda ds: setattr(ds, "StudyInstanceUID", uid) if _asks(x) else False)


@anonymized_tells_nobody.mutant(at=DOOR)
def private_attributes_stay(ask: Ask, door: Door) -> Answer:
    """Private attributes are kept."""
    answer = door(ask)
    if ask.query.get("anonymize") != "yes" or not answer.ok or answer.type != DICOM:
        return answer
    whole = dcmread(io.BytesIO(door(without(ask, "anonymize")).payload.bytes()))
    kept = [element for element in whole if element.tag.is_private]
    return file_changed(Exchange(0, ask, answer), lambda ds: ds.update({e.tag: e for e in kept})) or answer


@anonymized_tells_nobody.mutant
def the_institution_stays(x: Exchange) -> Answer | None:
    """Attributes that the profile removes are kept."""
    return file_changed(x, lambda ds: setattr(ds, "InstitutionalDepartmentName", "Radiology") if _asks(x) else False)


def _asks(x: Exchange) -> bool:
    return value(x, "anonymize") == "yes"


@journey(
    "uri.anonymized-says-so",
    cites="PS3.15 E.1.1, E.2, E.3.1; PS3.18 9.4.1.2.1",
    verifies="PS3.18-9.4.2.3-2",
    on=ON,
    due=False,
    when=lambda j: _anonymized(j) is not None,
    says="An anonymized instance says that the identity was removed, how, and that no annotation is burned in.",
)
def anonymized_says_so(j: Journey) -> Iterator[Finding]:
    after = _anonymized(j)
    if after is None:
        return
    seq = j.steps("yes")[0].seq
    if after.text(REMOVED) != "YES":
        yield Finding(after.text(REMOVED) or "nothing", "YES", "Patient Identity Removed (0012,0062)", seq=seq)
    if not after.text(METHOD) and not _items(after, CODES):
        yield Finding("neither", "a text or a code", "De-identification Method (0012,0063), (0012,0064)", seq=seq)
    if PIXELS in after.elements and after.text(BURNED_IN) != "NO":
        yield Finding(after.text(BURNED_IN) or "nothing", "NO", "Burned In Annotation (0028,0301)", seq=seq)
    if after.text(TIMES_MODIFIED) not in ("REMOVED", "MODIFIED", "UNMODIFIED"):
        got_it = after.text(TIMES_MODIFIED) or "nothing"
        where = "Longitudinal Temporal Information Modified (0028,0303)"
        yield Finding(got_it, "REMOVED", where, seq=seq, warn=True)  # younger than some products


def _items(dataset: DataSet, tag: str) -> int:
    element = dataset.get(tag)
    return len(element.items or ()) if element is not None else 0


@anonymized_says_so.mutant
def says_nothing(x: Exchange) -> Answer | None:
    """Patient Identity Removed is missing."""
    return file_changed(x, lambda ds: ds.pop("PatientIdentityRemoved", None) if _asks(x) else False)


@anonymized_says_so.mutant
def names_no_method(x: Exchange) -> Answer | None:
    """No method of de-identification is named."""

    def edit(ds: Any) -> bool:
        for keyword in ("DeidentificationMethod", "DeidentificationMethodCodeSequence"):
            if keyword in ds:
                del ds[keyword]
        return _asks(x)

    return file_changed(x, edit)


@journey(
    "uri.anonymized-has-a-new-uid",
    cites="PS3.18 9.4.2.3",
    verifies="PS3.18-9.4.2.3-3",
    on=ON,
    basis=RELATION,
    due=False,
    when=lambda j: _anonymized(j) is not None,
    says="An anonymized instance has a new SOP Instance UID.",
)
def anonymized_has_a_new_uid(j: Journey) -> Iterator[Finding]:
    after, before = _anonymized(j), _identified(j)
    if after is None or before is None:
        return
    said = after.text(SOP_INSTANCE)
    if said in ("", before.text(SOP_INSTANCE)):
        yield Finding(said or "none", "a new UID", "SOP Instance UID (0008,0018)", seq=j.steps("yes")[0].seq)


@anonymized_has_a_new_uid.mutant
def uid_stays(x: Exchange) -> Answer | None:
    """The SOP Instance UID stays what it was."""
    uid = x.resource.instance

    def edit(ds: Any) -> bool:
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid
        return _asks(x)

    return file_changed(x, edit)


@journey(
    "uri.anonymized-is-whole",
    cites="PS3.15 E.1.1; PS3.18 9.4.2",
    verifies="PS3.18-9.4.2.3-2",
    on=ON,
    basis=RELATION,
    due=False,
    when=lambda j: _anonymized(j) is not None,
    says="De-identification leaves an instance of its IOD: the same SOP Class, UIDs, an image of the same size.",
)
def anonymized_is_whole(j: Journey) -> Iterator[Finding]:
    after, before = _anonymized(j), _identified(j)
    if after is None or before is None:
        return
    seq = j.steps("yes")[0].seq
    for tag in ("00080018", "0020000D", "0020000E"):
        if not after.text(tag):
            yield Finding("no value", "a UID", f"({tag[:4]},{tag[4:]})", seq=seq)
    if after.text("00080016") != before.text("00080016"):
        yield Finding(after.text("00080016") or "none", before.text("00080016"), "SOP Class UID (0008,0016)", seq=seq)
    for tag in (ROWS, COLUMNS, "00280100"):
        if after.number(tag) != before.number(tag):
            yield Finding(str(after.number(tag)), str(before.number(tag)), f"({tag[:4]},{tag[4:]})", seq=seq)
    if PIXELS in before.elements and (PIXELS not in after.elements or after.elements[PIXELS].empty):
        yield Finding("no pixel data", "pixel data", "(7FE0,0010)", seq=seq)


@anonymized_is_whole.mutant
def pixels_go_too(x: Exchange) -> Answer | None:
    """The pixel data is removed."""
    return file_changed(x, lambda ds: ds.pop("PixelData", None) if _asks(x) and "PixelData" in ds else False)


@anonymized_is_whole.mutant
def series_has_no_uid(x: Exchange) -> Answer | None:
    """The Series Instance UID is emptied."""
    return file_changed(x, lambda ds: setattr(ds, "SeriesInstanceUID", "") if _asks(x) else False)
