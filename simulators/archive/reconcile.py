"""Knows which attributes an archive corrects when it reconciles patients, and how a file is written anew with that.

(PS3.18 10.5.2; PS3.3 C.12.1.) Must not know how instances are kept or what is held.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset

from simulators.archive import lines
from simulators.archive.check import Checked
from simulators.archive.incoming import Incoming
from simulators.archive.original import original_attributes
from simulators.model import json_decode

# One study has one patient: these say who that is (PS3.3 C.7.1.1).
PATIENT = ("00100010", "00100020", "00100030", "00100040")
PATIENT_ID = "00100020"


def corrections(checked: Checked, held: Mapping[str, str] | None) -> dict[str, str]:
    """The patient attributes that are to have another value, encoded: those of the study as it is held, and a new
    Patient ID where there is none."""
    wanted: dict[str, str] = {}
    for tag in PATIENT if held else ():
        text = held.get(tag) if held else None
        if text is not None and _values(text) != _values(checked.elements.get(tag)):
            wanted[tag] = text
    if PATIENT_ID not in wanted and not lines.plain(checked.elements.get(PATIENT_ID)):
        wanted[PATIENT_ID] = json.dumps({"vr": "LO", "Value": [_new_id(checked.study)]})
    return wanted


def rewrite(incoming: Incoming, wanted: Mapping[str, str], receive: Callable[[], Incoming]) -> tuple[Incoming, str]:
    """The file with these values in a new file, and its Original Attributes Sequence as a DICOM JSON attribute."""
    dataset = dcmread(incoming.path)
    former = Dataset()
    text = "{" + ",".join(f'"{tag}":{value}' for tag, value in wanted.items()) + "}"
    changed = json_decode.decode(text.encode())[0]
    for element in changed:
        if element.tag in dataset:
            former.add(dataset[element.tag])
    if "SpecificCharacterSet" in changed:
        dataset.decode()  # by the character set that it had
    dataset.update(changed)
    told = original_attributes(dataset, former, "COERCE", datetime.now(UTC))
    made = receive()
    with made.stream() as stream:
        dcmwrite(stream, dataset, enforce_file_format=True)
    return made, told


def _values(text: str | None) -> object:
    return lines.parsed(text).get("Value") if text else None


def _new_id(study: str) -> str:
    """The same for all instances of a study."""
    return "UNKNOWN-" + hashlib.sha256(study.encode()).hexdigest()[:12].upper()
