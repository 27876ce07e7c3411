"""Rules on the values of a match: they are those of the instances that were stored, and of the metadata retrieved.

Must not know which attributes a match has to carry, nor counts over several instances.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.exchange import Answer, Exchange
from harness.rule import RELATION, Finding, rule
from harness.wire import dicom_json
from suites.web.search import moments
from suites.web.search.broken import Row, each, edited, with_tag
from suites.web.search.rows import own, texts
from suites.web.search.stored import Attributes, rows_with_stored

# What a server works out or says of itself; the character set is that of the answer (F.2).
ITS_OWN = frozenset(
    (
        "00080005", "00080052", "00080054", "00080056", "00080061", "00080062", "00081190", "00083001", "00083002",
        "00201200", "00201202", "00201204", "00201206", "00201208", "00201209", "00880130", "00880140", "0008041B",
        "0008041C",
    )
)  # fmt: skip
FRACTIONS = frozenset({"DS", "FL", "FD"})
INTEGERS = frozenset({"IS", "SL", "SS", "SV", "UL", "US", "UV"})
UNREAD = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN", "SQ", "AT"})
REQUESTS = ("00400275.00400009", "00400275.00401001")


@rule(
    "search.values-as-stored",
    cites="PS3.18 10.6.3.3; PS3.4 C.4.1.1.3.2, C.4.1.3.1.1",
    verifies=("PS3.18-10.6.3.3.1-1", "PS3.18-10.6.3.3.2-1", "PS3.18-10.6.3.3.3-1", "PS3.18-10.6.3.3.2-2"),
    on="web.search",
    basis=RELATION,
    when=lambda x: bool(rows_with_stored(x)),
    says="The attributes of a match have the values that were stored.",
)
def values_as_stored(x: Exchange) -> Iterator[Finding]:
    for number, row, known in rows_with_stored(x):
        where = f"match {number}, {own(x, row)}"
        for tag in sorted(set(row) - ITS_OWN):
            yield from _compare(where, tag, row, known)


def _compare(where: str, tag: str, row: Mapping[str, Any], known: Sequence[Attributes]) -> Iterator[Finding]:
    if tag == "00400275":
        yield from _requests(where, row, known)
        return
    if any(tag in attrs and _identical(row[tag].get("Value"), attrs[tag].get("Value")) for attrs in known):
        return  # nearly always; values that are written in another way take a closer look
    vr = str(row[tag].get("vr", ""))
    if vr in UNREAD:
        return
    have = [texts(attrs, tag) for attrs in known if tag in attrs]
    if not have or len(have) < len(known) or any(n in row[tag] for n in ("BulkDataURI", "InlineBinary")):
        return
    if any(a.get(tag, {}).get("vr") in UNREAD for a in known) or any("\ufffd" in t for h in have for t in h):
        return  # not read by us as text, or in a character set that is not ours to know
    got = [_plain(vr, text) for text in texts(row, tag)]
    if not any(_same(got, [_plain(vr, text) for text in held]) for held in have):
        wanted = [[_plain(vr, text) for text in held] for held in have]
        invented = not any(any(held) for held in wanted)
        yield Finding(
            "; ".join(got) or "empty", "; ".join(wanted[0]) or "empty", f"{where}, attribute {tag}", warn=invented
        )


def _identical(got: Any, held: Any) -> bool:
    """Equal in Python, which also takes true for 1."""
    return got == held and not (isinstance(got, list) and any(isinstance(value, bool) for value in got))


def _same(got: Sequence[str], held: Sequence[str]) -> bool:
    return list(got) == list(held) or [t for t in got if t] == [t for t in held if t]


def _plain(vr: str, text: str) -> str:
    """A value as it compares: numbers by value, times by meaning, padding and trailing delimiters left out."""
    if vr in FRACTIONS or vr in INTEGERS:
        return _number(text, vr in INTEGERS)
    if vr == "TM" and (stretch := moments.time(text)) is not None:
        return str(stretch.low)
    if vr == "DA":
        return text.strip().replace(".", "")
    return "=".join(g.strip().rstrip("^ ") for g in text.split("=")).rstrip("=") if vr == "PN" else text.strip()


def _number(text: str, whole: bool) -> str:
    """Binary fractions may have been written with other digits, so seven of them count."""
    try:
        return str(int(text)) if whole else format(float(text), ".6g")
    except ValueError:
        return text.strip()


def _requests(where: str, row: Mapping[str, Any], known: Sequence[Attributes]) -> Iterator[Finding]:
    """Only matching items need to be there, so the IDs in the row are some of those stored (C.2.2.2.6)."""
    for path in REQUESTS:
        got = {t for t in texts(row, path) if t}
        held = {t for attrs in known for t in texts(attrs, path) if t}
        if got - held or (held and not dicom_json.values(row, "00400275")):
            shown = "; ".join(sorted(got)) or "empty"
            yield Finding(shown, "; ".join(sorted(held)) or "empty", f"{where}, attribute {path}")


@values_as_stored.mutant
def empties_the_name(x: Exchange) -> Answer | None:
    """Patient's Name is empty in every match."""
    return each(x, with_tag("00100010", "PN"), "studies", "series", "instances")


@values_as_stored.mutant
def tells_another_birth_date(x: Exchange) -> Answer | None:
    """Patient's Birth Date is the same for everybody."""
    return each(x, with_tag("00100030", "DA", "20000229"), "studies", "series", "instances")


@values_as_stored.mutant
def counts_instance_numbers_one_up(x: Exchange) -> Answer | None:
    """Instance Number is one too high."""
    return each(x, _next_number, "instances", "study-instances", "series-instances")


def _next_number(row: Row) -> Row:
    held = dicom_json.values(row, "00200013")
    return with_tag("00200013", "IS", int(held[0]) + 1)(row) if held else row


@values_as_stored.mutant
def takes_names_for_latin(x: Exchange) -> Answer | None:
    """Texts beyond ASCII are sent as if every octet were a letter."""
    return each(x, _garbled)


def _garbled(row: Row) -> Row:
    name = dicom_json.text(row, "00100010")
    wrong = name.encode("utf-8").decode("latin-1")
    return with_tag("00100010", "PN", {"Alphabetic": wrong})(row) if wrong != name and "00100010" in row else row


@values_as_stored.mutant
def mixes_up_rows(x: Exchange) -> Answer | None:
    """Each match carries the Study Date of the one before it."""
    return edited(x, _shifted, "studies")


def _shifted(held: list[Row]) -> list[Row]:
    dates = [row.get("00080020", {"vr": "DA"}) for row in held]
    return [{**row, "00080020": date} for row, date in zip(held, [dates[-1], *dates[:-1]], strict=True)]
