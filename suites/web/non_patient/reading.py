"""Knows what a message of the Non-Patient Instance service holds: instances in any of the three media types, and keys.

Must not know what a right answer is.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from harness.body import Body
from harness.exchange import Answer, Ask, Exchange, Journey, view
from harness.make.attributes import BINARY, INLINE, attributes
from harness.nonpatient import CATEGORIES, CATEGORY_OF, SOP_CLASS, SOP_INSTANCE, Category
from harness.wire.dicom_json import DataSet
from harness.wire.difference import Difference
from harness.wire.json_difference import difference
from suites.web.datasets import datasets
from suites.web.search import asked, fits
from suites.web.search.rows import rows, texts

DICOM, JSON, XML = "application/dicom", "application/dicom+json", "application/dicom+xml"
TYPES = (DICOM, JSON, XML)  # what every origin server has for every transaction (Table 12.1.3-1)
SEARCH, RETRIEVE, STORE = "web.non-patient.search", "web.non-patient.retrieve", "web.non-patient.store"
ORIGINAL, CHARSET = "04000561", "00080005"
MISSING = (404, 405, 410, 501)  # there is no such resource, or no such method on it
ACCESS = (401, 403, 407, 429)
BUSY = (503,)
LARGEST = 32 << 20  # octets of a file that is looked into as a whole


def category(x: Exchange) -> Category | None:
    """The category that the target names."""
    return CATEGORIES.get(x.resource.category)


@view
def instances(message: Ask | Answer) -> list[DataSet] | None:
    """The instances in a payload as DICOM JSON data sets, in order; None when it cannot be read as such."""
    if DICOM in kinds(message):
        found = [_file(content) for content in _contents(message)]
        return None if None in found else [one for one in found if one is not None]
    return datasets(message)


def kinds(message: Ask | Answer) -> tuple[str, ...]:
    """The media types of the representations in a payload: that of the message, or of its parts."""
    return tuple(part.media.type for part in message.parts) if message.multipart else (message.type,)


def _contents(message: Ask | Answer) -> Iterator[Body]:
    yield from (part.content for part in message.parts) if message.multipart else (message.payload,)


def _file(content: Body) -> DataSet | None:
    if content.size > LARGEST:
        return None
    try:
        return attributes(dcmread(io.BytesIO(content.bytes())))
    except (InvalidDicomError, OSError):
        return None
    except Exception:  # what is no file may break a reader of files in any way
        return None


def uid(found: DataSet) -> str:
    """SOP Instance UID, '' without one."""
    return next(iter(texts(found, SOP_INSTANCE)), "")


def sop_class(found: DataSet) -> str:
    return next(iter(texts(found, SOP_CLASS)), "")


def belongs(found: DataSet, name: str) -> bool:
    """The SOP Class is one of the category, or one that nobody here knows."""
    own = sop_class(found)
    return CATEGORY_OF.get(own, "") == name or (own not in CATEGORY_OF and not own.startswith("1.2.840.10008."))


@view
def uids(x: Exchange) -> list[str]:
    """The SOP Instance UIDs of the matches of a search, '' where a match has none."""
    return [uid(row) for row in rows(x) or ()]


def searches(j: Journey) -> Iterator[Exchange]:
    return (x for x in j.exchanges if x.kind == SEARCH and x.ask.method == "GET")


def retrieves(j: Journey, wanted: str = "") -> Iterator[Exchange]:
    """The requests for an instance, for any without a UID."""
    found = (x for x in j.exchanges if x.kind == RETRIEVE and x.ask.method == "GET")
    return (x for x in found if not wanted or x.resource.uid == wanted)


def stores(j: Journey) -> Iterator[Exchange]:
    return (x for x in j.exchanges if x.kind == STORE)


def took(x: Exchange) -> bool:
    """All of the payload was told to be stored: 200, and nothing is told to have failed."""
    return x.answer.status == 200 and not failed(x)


@view
def failed(x: Exchange) -> bool:
    """The answer tells of instances that were not stored, in the form that PS3.18 I has for it."""
    told = datasets(x.answer) or ()
    return any(tag in module for module in told for tag in ("00081198", "0008119A"))


def acknowledged(j: Journey) -> dict[str, DataSet]:
    """What was told to be stored in this journey, by UID: the first of each."""
    found: dict[str, DataSet] = {}
    for x in stores(j):
        for one in (instances(x.ask) or ()) if took(x) else ():
            found.setdefault(uid(one), one)
    return {name: one for name, one in found.items() if name}


def fit(found: DataSet, keys: Sequence[asked.Key]) -> fits.Fit:
    """Whether an instance matches all these keys: yes, surely not, or open (PS3.4 C.2.2.2)."""
    return fits.both([_fit(found, key) for key in keys])


def _fit(found: DataSet, key: asked.Key) -> fits.Fit:
    held = texts(found, key.path)
    if key.universal:
        return True
    if key.vr == "UI" and not any(held):
        return None
    wanted = [v for v in (key.values if key.vr == "UI" else (key.value,)) if v]
    return fits.either([_one(key.vr, one, held) for one in wanted])


def _one(vr: str, wanted: str, held: Sequence[str]) -> fits.Fit:
    if vr in ("US", "UL", "SS", "SL"):
        return None if not any(held) or not wanted.isdigit() else wanted in held
    if vr == "DT" and held and held[0]:
        return _moment(wanted, held[0])
    return fits.fit(vr, wanted, held)


def _moment(wanted: str, held: str) -> fits.Fit:
    """A DT without fraction and offset, whole on both sides; everything else is open."""
    low, dash, high = wanted.partition("-")
    if not all(len(w) == 14 and w.isdigit() for w in (held, *(e for e in (low, high) if e))) or not (low or high):
        return None
    return (low or held) <= held <= (high or held) if dash else held == low


def obliged(x: Exchange, found: DataSet | None = None) -> bool:
    """Every key of the search is one that has to be matched: for this instance, or for all of the category."""
    known = category(x)
    if known is None:
        return False
    model = known.model(sop_class(found)) if found is not None else None
    keys = model.keys if model is not None and model.read else known.common
    paths = known.matching if found is None else {path for path, key in keys.items() if key.matched}
    single = known.name == "color-palettes"  # whose UIDs are matched by single values (PS3.4 Table X.6-1)
    return all(key.path in paths and not _open(key, single) for key in asked.keys(x.ask))


def _open(key: asked.Key, single: bool) -> bool:
    """A value whose meaning is left open: a sequence is matched by what is in it."""
    several = single and len(key.values) > 1
    return several or (key.vr == "SQ" and not key.universal) or "\\" in key.value


def plain(found: DataSet, path: str) -> str:
    """The first value at a path, '' without one."""
    return next((text for text in texts(found, path) if text), "")


def show(found: Any) -> str:
    """A value for people."""
    return str(found)[:200] or "nothing"


def differences(got: DataSet, want: DataSet, ignore: Sequence[str] = ()) -> list[Difference]:
    """Where two readings of an instance say different things; long binary values cannot be compared."""
    return list(difference(_short(got), _short(want), (CHARSET, *ignore)))


def _short(found: DataSet) -> DataSet:
    return {tag: _shortened(value) for tag, value in found.items()}


def _shortened(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    if value.get("vr") in BINARY and not 0 < len(value.get("InlineBinary", "")) <= INLINE:
        return {"vr": value["vr"], "BulkDataURI": "elsewhere"}
    if value.get("vr") == "SQ" and isinstance(value.get("Value"), list):
        return {**value, "Value": [_short(item) if isinstance(item, Mapping) else item for item in value["Value"]]}
    return value
