"""Knows the legs of the triangle PS3.10, DICOM JSON, Native XML, and how a data set is read back by other hands.

Must not know what a leg may lose.
"""

from __future__ import annotations

import io
from collections.abc import Callable

from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from harness.body import Body
from harness.wire import charset, part10, vr
from simulators.model import json_decode, json_encode, xml_decode, xml_encode
from simulators.model.scan import Source, read_dataset, read_meta

URI = "http://example.org/i"
EXPLICIT = "1.2.840.10008.1.2.1"


def source(octets: bytes) -> Source:
    meta = read_meta(octets)
    return read_dataset(octets, meta.dataset_at, meta.transfer_syntax)


def reading(octets: bytes) -> part10.Reading:
    return part10.read(Body.of(octets))


def bulk_of(octets: bytes) -> Callable[[str], bytes]:
    """Answers the references of our encoders from the file, read by the strict reader."""
    whole = reading(octets).dataset

    def fetch(uri: str) -> bytes:
        words = uri.removeprefix(f"{URI}/bulkdata/").split("/")
        dataset = whole
        for tag, number in zip(words[:-1:2], words[1::2], strict=True):
            items = dataset.elements[tag].items
            assert items is not None
            dataset = items[int(number) - 1]
        element = dataset.elements[words[-1]]
        if element.fragments is not None:
            return b"".join(b"\xfe\xff\x00\xe0" + f.size.to_bytes(4, "little") + f.bytes() for f in element.fragments)
        assert element.value is not None
        value = element.value.bytes()
        if element.vr in charset.EXTENDED:
            return (charset.decode(value, dataset.charsets) or "").encode()
        word = vr.WORD.get(element.vr, 1)
        if dataset.big_endian:
            value = b"".join(value[at : at + word][::-1] for at in range(0, len(value), word))
        return value

    return fetch


def file_of(dataset: Dataset, syntax: str = EXPLICIT) -> bytes:
    """The data set as a PS3.10 file."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", "1.2")
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2")
    made = Dataset()
    made.update(dataset)
    made.file_meta = meta
    out = io.BytesIO()
    dcmwrite(out, made, enforce_file_format=True)
    return out.getvalue()


def through_json(octets: bytes, encapsulated: bool = False) -> Dataset:
    """PS3.10 -> DICOM JSON -> pydicom."""
    text = json_encode.text_of(json_encode.elements_of(source(octets), URI)).encode()
    (dataset,) = json_decode.decode(text, bulk_of(octets), encapsulated)
    return dataset


def through_xml(octets: bytes, encapsulated: bool = False) -> Dataset:
    """PS3.10 -> Native XML -> pydicom."""
    return xml_decode.decode(xml_encode.document(source(octets), URI), bulk_of(octets), encapsulated)
