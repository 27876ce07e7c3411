"""Knows how probes make workitems and what changes them, in the DICOM JSON Model and as Native DICOM Model.

Must not know how anything is sent, nor what a right answer is (PS3.4 Table CC.2.5-3).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from harness.make.parts import Message, Part, multipart
from harness.make.uids import uid
from harness.wire.native_xml import keyword_of
from suites.web.search.asked import vr_of

DataSet = dict[str, Any]

SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED = "SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED"
FINAL = (COMPLETED, CANCELED)
STATE, LOCK, READINESS, LABEL, LIST = "00741000", "00081195", "00404041", "00741204", "00741202"
STATION, PERFORMERS, PROGRESS, PERFORMED = "00404025", "00404034", "00741002", "00741216"
START, REASON, REASON_CODE = "00404005", "00741238", "0074100E"
CONTACT_URI, CONTACT_NAME = "0074100A", "0074100C"
WORKLIST, FILTERED = "1.2.840.10008.5.1.4.34.5", "1.2.840.10008.5.1.4.34.5.1"
SCHEME = "99PROOF"


def element(tag: str, *values: Any) -> dict[str, Any]:
    """An attribute with the VR of the dictionary; without values it is empty."""
    vr = vr_of(tag).split(" ")[0]
    held = [{"Alphabetic": v} if vr == "PN" else v for v in values]
    return {"vr": vr, "Value": held} if held else {"vr": vr}


def attributes(**given: Any) -> DataSet:
    """Attributes by tag with a leading "x": one value, a list of values, or None for an empty one."""
    made = {}
    for name, value in given.items():
        values = [] if value is None else value if isinstance(value, list) else [value]
        made[name[1:]] = element(name[1:], *values)
    return dict(sorted(made.items()))


def code(value: str, meaning: str = "") -> DataSet:
    return attributes(x00080100=value, x00080102=SCHEME, x00080104=meaning or value.lower())


def workitem(label: str, worklist: str, **changes: Any) -> DataSet:
    """All that an N-CREATE has to have, with values where a search looks for them.

    `changes` by tag with a leading "x": a value, a list, None for an empty attribute, or ... to leave it out.
    """
    request = attributes(
        x0020000D=uid(label, "study"), x00080050=f"A-{label}"[:16], x00080051=None, x00402016="PON-7",
        x00400026=None, x00402017="FON-7", x00400027=None, x00401001=f"R-{label}"[:16], x00321060="Look at it",
        x00321064=None,
    )  # fmt: skip
    given: dict[str, Any] = {
        "x00080005": "ISO_IR 192", "x00081080": None, "x00081084": None, "x00081195": None,
        "x00100010": "Proof^Work", "x00100020": f"P-{label}"[:64], "x00100021": "PROOF", "x00100024": None,
        "x00100030": "19700101", "x00100040": "O", "x00101002": None, "x0020000D": uid(label, "study"),
        "x00380010": "ADM-1", "x00380014": None, "x00400400": None, "x00404005": "20260301120000",
        "x00404018": [code("READ", "Read it")], "x00404021": None, "x00404025": None, "x00404026": None,
        "x00404027": None, "x00404041": "READY", "x0040A370": [request], "x00741000": SCHEDULED, "x00741002": None,
        "x00741200": "MEDIUM", "x00741202": worklist, "x00741204": label, "x00741210": None, "x00741216": None,
    }  # fmt: skip
    return attributes(**{name: value for name, value in {**given, **changes}.items() if value is not ...})


def performer(value: str) -> DataSet:
    """An item of Scheduled Human Performers Sequence."""
    return attributes(x00404009=[code(value)], x00404036="Proof Hospital", x00404037=f"{value.title()}^Pat")


def progress(percent: str, words: str) -> DataSet:
    return attributes(x00741002=[attributes(x00741004=float(percent), x00741006=words)])


def performed() -> DataSet:
    """What has to be set before COMPLETED, final state codes P and R."""
    item = attributes(
        x00404019=[code("READ", "Read it")], x00404028=[code("STN1", "station one")], x00404033=None,
        x00404050="20260301121000", x00404051="20260301122000",
    )  # fmt: skip
    return attributes(x00741216=[item])


def abandoned() -> DataSet:
    """What has to be set before CANCELED, final state codes X and R."""
    item = attributes(
        x00404052="20260301121500", x0074100E=[code("STOP", "stopped by a probe")], x00741238="no more need"
    )
    return attributes(x00741002=[item])


def change(state: str | None, lock: str | None) -> DataSet:
    """Change UPS State information (Table CC.2.1-1); None leaves an attribute out."""
    given = {"x00081195": lock, "x00741000": state}
    return attributes(**{name: value for name, value in given.items() if value is not None})


def as_json(dataset: Mapping[str, Any], array: bool = True) -> bytes:
    return json.dumps([dataset] if array else dataset, ensure_ascii=False).encode()


def as_xml(dataset: Mapping[str, Any]) -> Message:
    """The data set as the only part of a multipart message (PS3.18 8.7.3.2, PS3.19 A.1)."""
    space = 'xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM"'
    text = f'<?xml version="1.0" encoding="UTF-8"?><NativeDicomModel {space}>{_xml(dataset)}</NativeDicomModel>'
    return multipart([Part.of(text.encode(), "application/dicom+xml")], root="application/dicom+xml")


def _xml(dataset: Mapping[str, Any]) -> str:
    return "".join(_xml_attribute(tag, found) for tag, found in dataset.items())


def _xml_attribute(tag: str, found: Mapping[str, Any]) -> str:
    inner = "".join(_xml_value(n, found["vr"], value) for n, value in enumerate(found.get("Value", ()), 1))
    named = f"tag={quoteattr(tag)} vr={quoteattr(found['vr'])} keyword={quoteattr(keyword_of(tag))}"
    return f"<DicomAttribute {named}>{inner}</DicomAttribute>"


def _xml_value(number: int, vr: str, value: Any) -> str:
    if vr == "SQ":
        return f'<Item number="{number}">{_xml(value)}</Item>'
    if vr == "PN":
        family, _, given = value["Alphabetic"].partition("^")
        rest = f"<GivenName>{escape(given)}</GivenName>" if given else ""
        name = f"<FamilyName>{escape(family)}</FamilyName>{rest}"
        return f'<PersonName number="{number}"><Alphabetic>{name}</Alphabetic></PersonName>'
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f'<Value number="{number}">{escape(text)}</Value>'
