"""Knows samples made on demand for store probes: new ones like old ones, and bad ones with the failure they ask for.

Must not know how they are sent, or what a target answered.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from harness.make.sample import Sample
from harness.make.uids import uid
from harness.make.write import part10, part10_again, raw_dataset

Expected = Literal[
    "unreadable",  # no data set can be made out of it (Failure Reason Cxxx, PS3.4 B.2.3)
    "identity",  # the UIDs that would identify it are missing or contradict each other (A9xx or Cxxx)
    "sop-class",  # the SOP Class is none that a storage service knows (0122)
    "study",  # it belongs to another study than the one in the path (A9xx)
]
NO_STORAGE_CLASS = "1.2.840.10008.1.1"  # Verification: a SOP Class, and nothing that could be stored
UNKNOWN_CLASS = uid("dicomproof", "a SOP class that nobody defined")


@dataclass(frozen=True)
class BadSample:
    """Octets that a store shall not take whole. `study` is the one to store them under, '' for none in the path.

    `sop_class` and `instance` are what a Failed SOP Sequence can name, '' when nobody could know them.
    """

    label: str
    expected: Expected
    says: str
    data: bytes = field(repr=False)
    study: str = ""
    sop_class: str = ""
    instance: str = ""


def fresh(
    like: Sample, position: int, nonce: str = "", *, study: str | None = None, series: str | None = None, **changes: Any
) -> Sample:
    """A new instance like this one: own study, series and instance UIDs fixed by (sample, position, nonce).

    `study` and `series` put it into existing ones; `changes` set further attributes by keyword, None removes one.
    """
    words = (like.instance, "fresh", position, nonce)
    ds = dcmread(io.BytesIO(like.part10))
    ds.StudyInstanceUID = study if study is not None else uid(*words, "study")
    ds.SeriesInstanceUID = series if series is not None else uid(*words, "series")
    ds.SOPInstanceUID = uid(*words, "instance")
    for keyword, value in changes.items():
        if value is None:
            ds.pop(keyword, None)
        else:
            setattr(ds, keyword, value)
    identity = (str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID), str(ds.SOPInstanceUID), str(ds.SOPClassUID))
    return Sample(*identity, like.transfer_syntax, like.frames, part10_again(ds))


def for_web(sample: Sample) -> Sample:
    """The same instance in a transfer syntax that may travel over the web: Implicit VR and Big Endian may not
    (PS3.18 8.7.3), so they become Explicit VR Little Endian; any other sample comes back as it is."""
    if sample.transfer_syntax not in (ImplicitVRLittleEndian, ExplicitVRBigEndian):
        return sample
    data = _rewritten(_whole(sample), sample.transfer_syntax, ExplicitVRLittleEndian)
    return replace(sample, transfer_syntax=str(ExplicitVRLittleEndian), part10=data)


def bad_samples(like: Sample, nonce: str = "") -> list[BadSample]:
    """One of every kind of bad instance, each made from a fresh copy of this one in Explicit VR Little Endian.

    ValueError for a sample in another transfer syntax: its octets could not be cut at known places.
    """
    if like.transfer_syntax != ExplicitVRLittleEndian:
        raise ValueError("Bad samples are made from an Explicit VR Little Endian sample.")
    return [make(fresh(like, position, f"bad{nonce}")) for position, make in enumerate(_BAD)]


def _whole(sample: Sample) -> Dataset:
    read = dcmread(io.BytesIO(sample.part10))
    ds = Dataset()
    ds.update({element.tag: element for element in read})
    return ds


def _rewritten(ds: Dataset, read_in: str, write_in: str) -> bytes:
    """Written again. Words of pixels come back from a big endian file as they stood there; the writer wants them
    in little endian order."""
    if "PixelData" in ds and read_in == ExplicitVRBigEndian and ds["PixelData"].VR == "OW":
        swapped = bytearray(ds.PixelData)
        swapped[0::2], swapped[1::2] = ds.PixelData[1::2], ds.PixelData[0::2]
        ds.PixelData = bytes(swapped)
    return part10(ds, write_in)


def _zero_bytes(good: Sample) -> BadSample:
    return BadSample("zero-bytes", "unreadable", "A part without a single octet.", b"")


def _not_dicom(good: Sample) -> BadSample:
    text = b"This is not a DICOM file, and its author knows it.\r\n" * 8
    return BadSample("not-dicom", "unreadable", "Plain text called application/dicom.", text)


def _no_preamble(good: Sample) -> BadSample:
    return BadSample(
        "no-file-meta",
        "unreadable",
        "A data set without preamble and file meta information (PS3.10 7.1).",
        raw_dataset(good.part10)[1],
        sop_class=good.sop_class,
        instance=good.instance,
    )


def _truncated(good: Sample) -> BadSample:
    """Cut within the last value, so that its length says more than is there."""
    return BadSample(
        "truncated",
        "unreadable",
        "A file that ends within its last value.",
        good.part10[: len(good.part10) - 7],
        sop_class=good.sop_class,
        instance=good.instance,
    )


def _truncated_header(good: Sample) -> BadSample:
    return BadSample("truncated-meta", "unreadable", "A file that ends within its meta information.", good.part10[:150])


def _no_instance_uid(good: Sample) -> BadSample:
    return BadSample(
        "no-sop-instance-uid",
        "identity",
        "The data set has no SOP Instance UID; the file meta information names one.",
        _without(good, 0x00080018),
        sop_class=good.sop_class,
        instance=good.instance,
    )


def _no_study_uid(good: Sample) -> BadSample:
    return BadSample(
        "no-study-instance-uid",
        "identity",
        "The data set has no Study Instance UID.",
        _without(good, 0x0020000D),
        sop_class=good.sop_class,
        instance=good.instance,
    )


def _without(good: Sample, tag: int) -> bytes:
    """The file with one short-form element of the top level cut out, everything else octet for octet."""
    meta, data = raw_dataset(good.part10)
    wanted = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little") + b"UI"
    at = data.index(wanted)
    length = int.from_bytes(data[at + 6 : at + 8], "little")
    return meta + data[:at] + data[at + 8 + length :]


def _wrong_study(good: Sample) -> BadSample:
    return BadSample(
        "wrong-study",
        "study",
        "A right instance of another study than the one it is stored under.",
        good.part10,
        study=uid(good.study, "another study"),
        sop_class=good.sop_class,
        instance=good.instance,
    )


def _class(good: Sample, label: str, sop_class: str, says: str) -> BadSample:
    ds = _whole(good)
    ds.SOPClassUID = sop_class
    return BadSample(label, "sop-class", says, part10(ds), sop_class=sop_class, instance=good.instance)


def _no_storage_class(good: Sample) -> BadSample:
    return _class(good, "no-storage-class", NO_STORAGE_CLASS, "The SOP Class is one that is not for storage.")


def _unknown_class(good: Sample) -> BadSample:
    return _class(good, "unknown-class", UNKNOWN_CLASS, "The SOP Class is a valid UID that nobody defined.")


def _meta_differs(good: Sample) -> BadSample:
    """The data set's own UID is the one that counts when a failure is reported."""
    other = fresh(good, 0, "other meta")
    return BadSample(
        "meta-differs",
        "identity",
        "The file meta information names another SOP Instance than the data set (PS3.10 7.1).",
        raw_dataset(other.part10)[0] + raw_dataset(good.part10)[1],
        sop_class=good.sop_class,
        instance=good.instance,
    )


_BAD: tuple[Callable[[Sample], BadSample], ...] = (
    _zero_bytes,
    _not_dicom,
    _no_preamble,
    _truncated,
    _truncated_header,
    _no_instance_uid,
    _no_study_uid,
    _wrong_study,
    _no_storage_class,
    _unknown_class,
    _meta_differs,
)
