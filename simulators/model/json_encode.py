"""Knows the DICOM JSON Model (PS3.18 Annex F) as a writer: a read data set becomes the text of one JSON object.

Must not know where the data set is kept or who asks for it.
"""

from __future__ import annotations

import base64
import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from json.encoder import encode_basestring as quote

from pydicom.dataset import Dataset

from simulators.model.names import BASE
from simulators.model.plain import source_of
from simulators.model.scan import PIXEL_DATA, DataSet, Element, Source
from simulators.model.text import Repertoire, repertoire
from simulators.model.values import BINARY, NUMBERS, Name, Reference, Values, decode, decode_octets

CHARSET = 0x00080005
SHORT = 64  # octets of a value whose text is remembered: the instances of a study say most things alike
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?\Z")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
_INTEGER = re.compile(r"[+-]?[0-9]{1,11}\Z")
_SAFE = 2**53 - 1  # beyond it a reader that uses doubles loses digits (PS3.18 F.2.3 note)


def encode(dataset: Dataset, uri: str = "") -> bytes:
    """One JSON object of a pydicom data set; long values refer to `uri` + "/bulkdata/<tag path>"."""
    return text_of(elements_of(source_of(dataset), uri)).encode()


def metadata_uri(study: str, series: str, instance: str) -> str:
    """Where the resources of an instance are, below the placeholder of the base URI."""
    return f"{BASE.decode('latin-1')}/studies/{study}/series/{series}/instances/{instance}"


def elements_of(source: Source, uri: str) -> dict[str, str]:
    """Tag -> encoded attribute object for the top level of a data set, ascending."""
    return _Writer(source, uri).elements(source.dataset, repertoire(""), "")


def inline_of(source: Source) -> dict[str, str]:
    """The same with every value in its place, however long; ValueError for what JSON has no words for (F.2.3)."""
    return _Writer(source, None).elements(source.dataset, repertoire(""), "")


def text_of(elements: dict[str, str]) -> str:
    """The text of the JSON object that holds these attributes."""
    return "{" + ",".join([f'"{tag}":{text}' for tag, text in elements.items()]) + "}"


class _Writer:
    def __init__(self, source: Source, uri: str | None) -> None:
        self.source = source
        self.uri = uri  # None: nothing is told by reference

    def elements(self, dataset: DataSet, charset: Repertoire, path: str) -> dict[str, str]:
        named = dataset.get(CHARSET)
        if named is not None and named.length:
            charset = repertoire(self.source.value(named).decode("latin-1").rstrip(" \0"))
        return {e.key: self.attribute(e, charset, path) for e in dataset}

    def attribute(self, element: Element, charset: Repertoire, path: str) -> str:
        vr = element.vr
        if element.items is not None:
            return self.sequence(element, element.items, charset, path)
        if element.tag == CHARSET and element.length:
            return '{"vr":"CS","Value":["ISO_IR 192"]}'  # F.2: the text is UTF-8 now, whatever it was
        if self.uri is None:
            return self.inline(element, charset)
        if 0 < element.length <= SHORT and element.tag not in PIXEL_DATA:
            text = _short(vr, self.source.value(element), self.source.little, charset)
        else:
            text = _text(vr, decode(self.source, element, charset))
        return text or f'{{"vr":"{vr}","BulkDataURI":{self.reference(path + element.key)}}}'

    def inline(self, element: Element, charset: Repertoire) -> str:
        value = self.source.value(element)
        text = _text(element.vr, decode_octets(element.vr, value, self.source.little, charset)) if value else ""
        if value and not text:
            raise ValueError(f"{element.key} has a value that JSON has no word for")
        return text or f'{{"vr":"{element.vr}"}}'

    def sequence(self, element: Element, items: list[DataSet], charset: Repertoire, path: str) -> str:
        if not items:
            return '{"vr":"SQ"}'
        below = f"{path}{element.key}/"
        texts = [text_of(self.elements(item, charset, f"{below}{n}/")) for n, item in enumerate(items, 1)]
        return f'{{"vr":"SQ","Value":[{",".join(texts)}]}}'

    def reference(self, path: str) -> str:
        # put together by hand: the placeholder is no text that JSON could quote
        return f'"{self.uri}/bulkdata/{path}"'


@lru_cache(maxsize=8192)
def _short(vr: str, octets: bytes, little: bool, charset: Repertoire) -> str:
    return _text(vr, decode_octets(vr, octets, little, charset))


def _text(vr: str, value: Values | bytes | Reference) -> str:
    """The attribute object of a decoded value, '' when it has to be a reference."""
    if not value:
        return f'{{"vr":"{vr}"}}'
    if isinstance(value, Reference):
        return ""
    if isinstance(value, bytes):
        return f'{{"vr":"{vr}","InlineBinary":"{base64.b64encode(value).decode()}"}}'
    return f'{{"vr":"{vr}","Value":[{",".join(_members(vr, value))}]}}'


def _members(vr: str, values: Values) -> list[str]:
    if vr in ("DS", "IS"):
        token = decimal_token if vr == "DS" else integer_token
        return ["null" if v is None else token(str(v)) for v in values]
    if vr in NUMBERS:
        return [f'"{v}"' if isinstance(v, int) and abs(v) > _SAFE else repr(v) for v in values]
    return ["null" if v is None else _name(v) if isinstance(v, tuple) else quote(str(v)) for v in values]


def _name(groups: Name) -> str:
    members = [f'"{key}":{quote(text)}' for key, text in zip(_GROUPS, groups, strict=False) if text]
    return "{" + ",".join(members) + "}"


@lru_cache(maxsize=4096)
def decimal_token(text: str) -> str:
    """A DS as a JSON number when that says exactly the same, else as a string."""
    if _PLAIN_NUMBER.match(text) and len(text) <= 15:
        return text
    if not _NUMBER.match(text) or len(text) > 64:
        return quote(text)
    try:
        number = float(text)
        same = Decimal(repr(number)) == Decimal(text)
    except (ValueError, InvalidOperation, OverflowError):
        return quote(text)
    return repr(number) if same else quote(text)


@lru_cache(maxsize=4096)
def integer_token(text: str) -> str:
    """An IS as a JSON number when it is one of 32 bits, else as a string."""
    if _INTEGER.match(text) and -(2**31) <= int(text) < 2**31:
        return str(int(text))
    return quote(text)


def empty(vr: str) -> bytes:
    """The attribute object of an attribute without a value."""
    return f'{{"vr":"{vr}"}}'.encode()


def attribute(vr: str, *values: str | int) -> bytes:
    """The attribute object of text or numbers made by ourselves; not for names, sequences and octets."""
    assert vr not in BINARY
    members = ",".join(str(v) if isinstance(v, int) else quote(v) for v in values)
    return f'{{"vr":"{vr}","Value":[{members}]}}'.encode() if members else empty(vr)
