"""Rules on what PS3.6 and PS3.3 say of an attribute of DICOM JSON: its VR, how many values, which character set.

Must not know the grammar of values, nor services.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from harness.exchange import Answer, Exchange
from harness.rule import BOTH, SHOULD, STANDARD, Finding, rule
from harness.wire import charset, dicom_json
from suites.model.json.documents import ON, attributes, bent, changed, documents, occurs, of_codes

CHARACTER_SET = "00080005"
UTF8 = "ISO_IR 192"
LATIN_1 = {"vr": "CS", "Value": ["ISO_IR 100"]}
DEEPEST = 3 * dicom_json.DEEPEST  # steps of a path: three for every level of items

dictionary = of_codes(
    "json.vr-fits-the-attribute",
    ("json.vr-dictionary",),
    cites="PS3.18 F.2.2; F.2.3; PS3.6 6",
    verifies="PS3.18-F.2.2-6",
    inherited=True,
    says="The vr of a standard attribute is one that PS3.6 gives it.",
)


@dictionary.mutant(defects="M-JS-38")
def number_as_binary(x: Exchange) -> Answer | None:
    """A number is written as binary."""

    def change(attribute: dict[str, Any]) -> None:
        octets = int(attribute.pop("Value")[0]).to_bytes(2, "little", signed=attribute["vr"] == "SS")
        attribute.update(vr="OW", InlineBinary=base64.b64encode(octets).decode())

    return changed(x, "US SS", change)


@dictionary.mutant
def code_as_text(x: Exchange) -> Answer | None:
    """A code string is called a long string."""
    return changed(x, "CS", lambda attribute: attribute.update(vr="LO"))


multiplicity = of_codes(
    "json.multiplicity",
    ("json.multiplicity",),
    cites="PS3.5 6.4; PS3.6 6",
    verifies="ENC-VR-013",
    when=occurs("Value"),
    inherited=True,
    says="An attribute has as many values as PS3.6 lets it have.",
)


def _recounted(x: Exchange, tags: tuple[str, ...], values: Any) -> Answer | None:
    """The answer with other values, a function of the old ones, in the first of these attributes that has any."""

    def edit(root: Any) -> bool:
        for _, tag, attribute in attributes(root):
            if tag in tags and attribute.get("Value"):
                attribute["Value"] = values(attribute["Value"])
                return True
        return False

    return bent(x, edit)


@multiplicity.mutant
def two_modalities(x: Exchange) -> Answer | None:
    """An attribute of one value has it twice."""
    return _recounted(x, ("00080060", "0020000E"), lambda values: values * 2)


@multiplicity.mutant
def one_pixel_spacing(x: Exchange) -> Answer | None:
    """A pair of numbers, or three of them, lacks the last."""
    return _recounted(x, ("00280030", "00200032", "00200037", "00181310"), lambda values: values[:-1])


def _misnamed(dataset: dicom_json.DataSet, path: dicom_json.Path, terms: Any = None) -> Iterator[dicom_json.Path]:
    """Where text stands that is beyond ASCII, while the (0008,0005) in force there does not say ISO_IR 192."""
    if CHARACTER_SET in dataset:
        terms = dicom_json.values(dataset, CHARACTER_SET)
    wrong = bool(terms) and terms != [UTF8]
    for tag, attribute in dataset.items() if len(path) <= DEEPEST else ():
        code = str(attribute.get("vr")) if isinstance(attribute, dict) else ""
        if code != "SQ" and not (wrong and code in charset.EXTENDED):
            continue
        for index, value in enumerate(dicom_json.values(dataset, tag)):
            if code != "SQ" and not _ascii(value):
                yield (*path, tag, "Value", index)
            elif code == "SQ" and isinstance(value, dict):
                yield from _misnamed(value, (*path, tag, "Value", index), terms)


def _refers_to_text(dataset: dicom_json.DataSet) -> bool:
    """Text stands elsewhere as octets, which (0008,0005) is needed to read (PS3.19 Table A.1.5-2, BulkData)."""
    held = (attribute for attribute in dataset.values() if isinstance(attribute, dict))
    return any("BulkDataURI" in attribute and str(attribute.get("vr")) in charset.EXTENDED for attribute in held)


def _ascii(value: Any) -> bool:
    texts = value.values() if isinstance(value, dict) else [value]
    return all(text.isascii() for text in texts if isinstance(text, str))


@rule(
    "json.character-set",
    cites="PS3.18 F.2; PS3.3 C.12.1.1.2",
    verifies="PS3.18-F.2-1",
    # F.2 makes ISO_IR 192 the repertoire of the model, and does not say in so many words that (0008,0005) follows
    level=SHOULD,
    who=BOTH,
    on=ON,
    basis=STANDARD,
    when=lambda x: any(CHARACTER_SET in dataset for _, reading in documents(x) for dataset in reading.datasets),
    says="Where text is beyond ASCII, (0008,0005) says ISO_IR 192, which is what DICOM JSON is written in.",
)
def character_set(x: Exchange) -> Iterator[Finding]:
    for side, reading in documents(x):
        for index, dataset in enumerate(reading.datasets):
            start: dicom_json.Path = (index,) if reading.root == "array" else ()
            place = next(_misnamed(dataset, start), None)
            if place is not None and not _refers_to_text(dataset):
                said = dicom_json.values(dataset, CHARACTER_SET)
                where = f"{side} {dicom_json.pointer((*start, CHARACTER_SET))}, for {dicom_json.pointer(place)}"
                got = ", ".join(map(str, said))[:80] or "another set in an item"
                yield Finding(got=got, want=UTF8, where=where.strip())


@character_set.mutant
def set_of_the_file(x: Exchange) -> Answer | None:
    """(0008,0005) is left as it was before the text became UTF-8."""

    def edit(root: Any) -> bool:
        found = False
        for dataset in root:
            if next(_misnamed({**dataset, CHARACTER_SET: LATIN_1}, ()), None):
                dataset[CHARACTER_SET] = LATIN_1
                found = True
        return found

    return bent(x, edit)
