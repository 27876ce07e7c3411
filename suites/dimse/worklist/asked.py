"""Knows Table K.6-1: which keys a worklist has, how each may be asked, what comes back; and how items are compared.

Must not know which of it a rule demands of whom.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.association import Operation
from harness.exchange import view
from harness.wire.elements import DataSet, Element
from suites.dimse import models
from suites.dimse.find import asked
from suites.dimse.find.asked import RANGE, SINGLE, UNIVERSAL, WILD_CARD, Key
from suites.dimse.models import CHARSET, LEVEL, TIMEZONE
from suites.dimse.reading import dataset, matches, readable, text, texts
from suites.web.search import fits
from suites.web.search.fits import Fit

ON = "dimse.worklist.find"
STEP = "00400100"  # Scheduled Procedure Step Sequence
DATE, TIME = f"{STEP}.00400002", f"{STEP}.00400003"
STEP_ID, REQUEST_ID, STUDY, PATIENT_ID = f"{STEP}.00400009", "00401001", "0020000D", "00100020"
NAMING = (STEP_ID, REQUEST_ID, STUDY, PATIENT_ID)  # the keys of type 1 that together name an item

REQUIRED: dict[str, tuple[str, ...]] = {
    f"{STEP}.00400001": (SINGLE,),
    DATE: (SINGLE, RANGE),
    TIME: (SINGLE, RANGE),
    f"{STEP}.00080060": (SINGLE,),
    f"{STEP}.00400006": (SINGLE, WILD_CARD),
    "00100010": (SINGLE, WILD_CARD),
    PATIENT_ID: (SINGLE,),
}
"""Required Matching Keys with the kinds of matching that the table gives them."""

TYPES: dict[str, str] = {
    **dict.fromkeys((f"{STEP}.{tag}" for tag in ("00400001", "00400002", "00400003", "00080060", "00400009")), "1"),
    **dict.fromkeys((f"{STEP}.{tag}" for tag in ("00400006", "00400010", "00400011")), "2"),
    **dict.fromkeys((REQUEST_ID, STUDY, "00100010", PATIENT_ID), "1"),
    **dict.fromkeys(
        ("00081110", "00401003", "00401004", "00080050", "00321032", "00080090", "00380010", "00380300", "00081120",
         "00100030", "00100040", "00101030", "00403001", "00380500", "001021C0", "00102000", "00102110", "00380050"),
        "2",
    ),
    **dict.fromkeys((f"{s}.{tag}" for s in ("00081110", "00081120") for tag in ("00081150", "00081155")), "1"),
}  # fmt: skip
"""Return Key Types 1 and 2 by path; those below other sequences than the step's hold for each item there is."""
EITHER = ((f"{STEP}.00400007", f"{STEP}.00400008"), ("00321060", "00321064"))  # one of each pair, or both
ALWAYS = frozenset({CHARSET, TIMEZONE, "0040A390"})  # may come without being asked for (K.4.1.1.3.2)


@view
def keys(o: Operation) -> Sequence[Key]:
    """The keys of the request by path; a level, which the model does not have, is none of them."""
    return [k for k in asked.keys(o) if k.path != LEVEL]


def key(o: Operation, path: str) -> Key | None:
    return next((k for k in keys(o) if k.path == path), None)


def expands(o: Operation, path: str) -> bool:
    """What lies at this path was asked for by its own key, or by a sequence above it that asks for all it has."""
    paths = {k.path for k in keys(o)}
    parts = path.split(".")
    return any(".".join(parts[:n]) in paths for n in range(1, len(parts) + 1))


def kind(o: Operation, k: Key) -> str:
    """Which kind of matching a key asks for; a required key below the step is matched like one at the top."""
    if k.path not in REQUIRED or k.universal:
        return asked.kind(o, k)
    if fits.wild(k.vr, k.value):
        return WILD_CARD
    return RANGE if k.vr in ("DA", "TM") and "-" in k.value else SINGLE


def in_form(o: Operation, k: Key) -> bool:
    """A required key asks in one of the ways that the table gives it."""
    return kind(o, k) in (UNIVERSAL, *REQUIRED[k.path]) and len(k.values) <= 1


@view
def lawful(o: Operation) -> bool:
    """The request is one that every SCP has to process in full."""
    if not readable(o, o.request) or o.facts.get("provoked") or LEVEL in dataset(o, o.request).elements:
        return False
    return all(in_form(o, k) for k in keys(o) if k.path in REQUIRED)


def supported(k: Key) -> bool:
    return k.path in REQUIRED


def combined(o: Operation) -> tuple[Key, Key] | None:
    """Date and time of the step where both are ranges, which make one stretch of time (Table K.6-1)."""
    date, time = key(o, DATE), key(o, TIME)
    if date is None or time is None or {kind(o, date), kind(o, time)} != {RANGE}:
        return None
    return date, time


def elements(found: DataSet, path: str) -> Iterator[Element]:
    """The elements at a path, those of every item above."""
    tag, _, rest = path.partition(".")
    element = found.get(tag)
    if element is None:
        return
    if not rest:
        yield element
        return
    for item in element.items or ():
        yield from elements(item, rest)


def fit(o: Operation, k: Key, match: DataSet) -> Fit:
    """Whether an item meets a required key: True surely, False surely not, None when open or when it does not tell.

    Unlike in queries for studies, what has no value meets no value (K.2.2.1.1.1).
    """
    if k.universal:
        return True
    if not any(True for _ in elements(match, k.path)) or _open(o, k):
        return None
    held = texts(match, k.path)
    return fits.fit(k.vr, k.value, held) if any(v.strip(" ^=") for v in held) else False


def _open(o: Operation, k: Key) -> bool:
    if k.vr == "PN":
        return models.option(o, models.FUZZY)
    if k.vr not in ("DA", "TM"):
        return False
    return zoned(o) or (k.path == TIME and combined(o) is not None)


def zoned(o: Operation) -> bool:
    """Times may mean those of another zone."""
    return TIMEZONE in dataset(o, o.request).elements or models.option(o, models.ZONED)


def name(match: DataSet) -> str:
    """What names an item among others, '' when it does not tell all of it."""
    parts = [text(match, path) for path in NAMING]
    return " ".join(parts) if all(parts) else ""


def names(o: Operation) -> list[str]:
    """The names of all items that came."""
    return [name(match) for match in matches(o)]


def finished(o: Operation) -> bool:
    """A lawful query that ended with Success: it claims that every match was told."""
    return lawful(o) and o.status == 0 and not o.cancels
