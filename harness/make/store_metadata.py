"""Knows how an instance is sent as metadata and bulk data (PS3.18 8.6.1.2, 10.5.1.4): rightly, and with named faults.

Must not know how it is sent, or what a target answered.
"""

from __future__ import annotations

import base64
import copy
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from pydicom import dcmread
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from harness.body import Body
from harness.make import as_xml
from harness.make.as_json import EXACT, first
from harness.make.as_xml import Node
from harness.make.attributes import BINARY, attributes
from harness.make.parts import STYLES, Message, Part, Style, multipart
from harness.make.sample import Sample
from harness.make.variants import UNKNOWN_CLASS, for_web

JSON, XML, OCTETS = "application/dicom+json", "application/dicom+xml", "application/octet-stream"
Form = Literal["json", "xml"]
ROOTS: dict[Form, str] = {"json": JSON, "xml": XML}
INLINE = 32  # octets of a binary value that goes inline
PIXELS, DOCUMENT = "7FE00010", "00420011"
# Image Pixel Description Macro (PS3.3 C.7.6.3): it may be left out beside a type of Table 10.5.2-1.
DESCRIPTION = ("00280002", "00280004", "00280006", "00280010", "00280011", "00280034", "00280100", "00280101",
               "00280102", "00280103")  # fmt: skip
# Nobody answers there (RFC 5737), and nobody is to ask.
NOWHERE = "http://192.0.2.1/bulkdata/1"
_TYPES = {
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.5": "image/dicom-rle",
}

Attributes = dict[str, Any]


@dataclass(frozen=True)
class Separate:
    """One instance apart: its attributes in the DICOM JSON Model, and the parts that its references lead to."""

    attributes: Attributes
    bulk: tuple[Part, ...] = ()

    def but(self, **changes: Any) -> Separate:
        """The same with some attributes by tag replaced, or removed where None stands."""
        made = {tag: value for tag, value in {**self.attributes, **changes}.items() if value is not None}
        return replace(self, attributes=dict(sorted(made.items())))


def separate(sample: Sample) -> Separate:
    """The instance with all values that are long, and its pixel data, as bulk data.

    KeyError for a transfer syntax whose media type is not among those that are sent here.
    """
    sample = for_web(sample)
    dataset = dcmread(io.BytesIO(sample.part10))
    bulk: list[Part] = []
    made = _dataset(dataset, dataset.get("MIMETypeOfEncapsulatedDocument", OCTETS), sample, sample.instance, bulk)
    return Separate(made, tuple(bulk))


def _dataset(dataset: Dataset, document: str, sample: Sample, where: str, bulk: list[Part]) -> Attributes:
    made: Attributes = {}
    for element in dataset:
        tag = f"{int(element.tag):08X}"
        here = f"{where}/{tag}"
        if element.VR == "SQ":
            items = [_dataset(item, document, sample, f"{here}/{n}", bulk) for n, item in enumerate(element.value, 1)]
            made[tag] = {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
        elif element.VR in BINARY and element.value:
            made[tag] = _binary(element, tag, document, sample, here, bulk)
        elif tag == "00080005":
            made[tag] = {"vr": "CS", "Value": ["ISO_IR 192"]}
        elif element.VR == "DS" and element.value not in (None, ""):
            made[tag] = {"vr": "DS", "Value": [_decimal(str(v)) for v in _each(element)]}
        elif element.VR in ("SV", "UV") and element.value is not None:
            made[tag] = {"vr": element.VR, "Value": [v if abs(v) <= EXACT else str(v) for v in _each(element)]}
        else:
            made |= attributes(_only(element))
    return dict(sorted(made.items()))


def _each(element: DataElement) -> Sequence[Any]:
    return list(element.value) if element.VM > 1 else [element.value]


def _decimal(text: str) -> float | str | None:
    """A DS as a number; as the text it is where a double would not say the same (PS3.18 F.2.3)."""
    text = text.strip(" ")
    if not text:
        return None
    return float(text) if Decimal(repr(float(text))) == Decimal(text) else text


def _only(element: DataElement) -> Dataset:
    made = Dataset()
    made.add(element)
    return made


def _binary(
    element: DataElement, tag: str, document: str, sample: Sample, where: str, bulk: list[Part]
) -> Mapping[str, Any]:
    if len(element.value) <= INLINE and tag not in (PIXELS, DOCUMENT):
        return {"vr": element.VR, "InlineBinary": base64.b64encode(element.value).decode("ascii")}
    place = (("Content-Location", where),)
    if tag == PIXELS and element.is_undefined_length:
        syntax = sample.transfer_syntax
        for frame in generate_frames(element.value, number_of_frames=sample.frames):
            bulk.append(Part(Body.of(frame), _TYPES[syntax], syntax, place))
    else:
        type = document if tag == DOCUMENT else OCTETS
        bulk.append(Part(Body.of(element.value), type, fields=place))
    return {"vr": element.VR, "BulkDataURI": where}


def document(attributes: Mapping[str, Any]) -> bytes:
    """The same attributes in the Native DICOM Model."""
    root = Node(as_xml.ROOT, {"xmlns": as_xml.NAMESPACE, "xml:space": "preserve"}, list(_nodes(attributes)))
    return as_xml.render(root, first)


def _nodes(attributes: Mapping[str, Any]) -> Iterator[Node | str]:
    creators = {tag: str(a["Value"][0]) for tag, a in attributes.items() if _creates(tag) and a.get("Value")}
    for tag, attribute in attributes.items():
        if tag in creators:
            continue
        creator = creators.get(f"{tag[:4]}00{tag[4:6]}", "") if tag[3] in "13579BDF" else ""
        said = {"tag": f"{tag[:4]}00{tag[6:]}" if creator else tag, "vr": attribute["vr"]}
        if keyword := "" if creator else keyword_for_tag(int(tag, 16)):
            said["keyword"] = keyword
        yield Node("DicomAttribute", {**said, **({"privateCreator": creator} if creator else {})}, _content(attribute))


def _creates(tag: str) -> bool:
    return tag[3] in "13579BDF" and tag[4:6] == "00"


def _content(attribute: Mapping[str, Any]) -> list[Node | str]:
    if "BulkDataURI" in attribute:
        return [Node("BulkData", {"uri": attribute["BulkDataURI"]})]
    if "InlineBinary" in attribute:
        return [Node("InlineBinary", {}, [attribute["InlineBinary"]])]
    made: list[Node | str] = []
    for number, value in enumerate(attribute.get("Value", ()), 1):
        count = {"number": str(number)}
        if attribute["vr"] == "SQ":
            made.append(Node("Item", count, list(_nodes(value))))
        elif attribute["vr"] == "PN":
            made.append(Node("PersonName", count, _name(value or {})))
        else:
            made.append(Node("Value", count, [] if value is None else [_plain(value)]))
    return made


def _name(groups: Mapping[str, str]) -> list[Node | str]:
    made: list[Node | str] = []
    for group in as_xml.GROUPS:
        parts = zip(as_xml.COMPONENTS, groups.get(group, "").split("^"), strict=False)
        inner: list[Node | str] = [Node(name, {}, [text]) for name, text in parts if text]
        made += [Node(group, {}, inner)] if inner else []
    return made


def _plain(value: object) -> str:
    """A number as DS and IS have it: whole ones without a point, so that they fit their sixteen characters."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 10**15
    return str(int(value)) if isinstance(value, float) and whole else str(value)


def message(
    instances: Sequence[Separate], form: Form = "json", style: Style = STYLES["plain"], backwards: bool = False
) -> Message:
    """A request with this metadata, one part of JSON or parts of XML, and all its bulk data behind it.

    `backwards`: bulk data that is one part for its reference comes in the opposite order of the references; the frames
    of an image stay as they are.
    """
    bulk = [part for one in instances for part in one.bulk]
    if backwards:
        places = list(dict.fromkeys(map(_location, bulk)))
        bulk = [part for place in reversed(places) for part in bulk if _location(part) == place]
    return multipart([*metadata([one.attributes for one in instances], form), *bulk], style, ROOTS[form])


def metadata(instances: Sequence[Attributes], form: Form) -> list[Part]:
    """The parts of metadata alone."""
    if form == "xml":
        return [Part.of(document(one), XML) for one in instances]
    return [Part.of(json.dumps(list(instances), ensure_ascii=False).encode(), JSON)]


def consumer(one: Separate, octets: bytes, type: str) -> Separate:
    """The instance with an image of a consumer type for its pixel data, which then is described by nobody else."""
    place = (("Content-Location", one.attributes[PIXELS]["BulkDataURI"]),)
    kept = one.but(**dict.fromkeys(DESCRIPTION))
    return replace(kept, bulk=(Part(Body.of(octets), type, fields=place),))


@dataclass(frozen=True)
class Fault:
    """A named way to send an instance apart wrongly; `says` is a sentence for people.

    `certain`: no server can make a right instance of it, so it is not to be told as stored.
    """

    says: str
    make: Callable[[Separate], Separate]
    certain: bool = True


def _without_bulk(one: Separate) -> Separate:
    return replace(one, bulk=())


def _short(one: Separate) -> Separate:
    """Half of the pixels; the description stays."""
    return replace(one, bulk=tuple(_half(p) if _location(p).endswith(PIXELS) else p for p in one.bulk))


def _half(part: Part) -> Part:
    return replace(part, content=Body.of(part.content.read(0, part.content.size // 4 * 2)))


def _location(part: Part) -> str:
    return dict(part.fields)["Content-Location"]


def _elsewhere(one: Separate) -> Separate:
    made = copy.deepcopy(one.attributes)
    made[PIXELS]["BulkDataURI"] = NOWHERE
    return Separate(made)


def _other_place(one: Separate) -> Separate:
    moved = tuple(replace(p, fields=(("Content-Location", f"{_location(p)}-other"),)) for p in one.bulk)
    return replace(one, bulk=moved)


def _unknown_type(one: Separate) -> Separate:
    return replace(one, bulk=tuple(replace(p, type="image/x-nobodys") for p in one.bulk))


FAULTS: dict[str, Fault] = {
    "bulk-missing": Fault("The bulk data that the metadata refers to is not in the request.", _without_bulk),
    "bulk-elsewhere": Fault("The metadata refers to bulk data at another host.", _elsewhere),
    "bulk-unnamed": Fault("The bulk data has another Content-Location than the reference.", _other_place),
    "pixels-short": Fault("The pixel data has half of the octets that its description needs.", _short),
    "pixels-of-no-type": Fault("The pixel data has a media type that nobody knows.", _unknown_type),
    "no-instance-uid": Fault("The metadata has no SOP Instance UID.", lambda one: one.but(**{"00080018": None})),
    "unknown-class": Fault(
        "The SOP Class is a valid UID that nobody defined.",
        lambda one: one.but(**{"00080016": {"vr": "UI", "Value": [UNKNOWN_CLASS]}}),
    ),
    "file-meta": Fault(
        "The metadata has an element of group 0002.",
        lambda one: one.but(**{"00020010": {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}}),
        certain=False,  # a server may leave it out
    ),
}
