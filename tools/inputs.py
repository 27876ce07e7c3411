"""Knows how the inputs of tools/fuzz.py are made: good examples for each reader, and what can be done to them.

Must not know the readers.
"""

from __future__ import annotations

import gzip
import random
import struct
import zlib
from collections.abc import Callable, Sequence
from functools import cache

from harness.make import as_json, as_octets, as_xml
from harness.make.tree import Element, Tree

Chance = random.Random
MOST = 64 << 10


def trees() -> list[Tree]:
    """A few data sets that have something of everything."""
    inner = Tree((Element("00080100", "SH", ("A-1",)), Element("00080104", "LO", ("meaning",))))
    plain = Tree(
        (
            Element("00080005", "CS", ("ISO_IR 192",)),
            Element("00080008", "CS", ("ORIGINAL", None, "AXIAL")),
            Element("00080016", "UI", ("1.2.840.10008.5.1.4.1.1.7",)),
            Element("00080018", "UI", ("2.25.1",)),
            Element("00080020", "DA", ("20240229",)),
            Element("00080030", "TM", ("101112.5",)),
            Element("00082218", "SQ", items=(inner, Tree(), inner.having(Element("00082218", "SQ", items=(inner,))))),
            Element("00090010", "LO", ("ACME",)),
            Element("00091001", "UN", octets=b"\1\2\3\4"),
            Element("00091002", "SQ", items=(inner,)),
            Element("00100010", "PN", ("Yamada^Tarou=山田^太郎=やまだ^たろう", "A^B")),
            Element("00189073", "FD", (1.5, -2e300)),
            Element("00200013", "IS", ("1", "-2")),
            Element("00281050", "DS", ("40", "1e3")),
            Element("00280010", "US", (512,)),
            Element("00720082", "SV", (-(2**63), 2**53 + 1)),
            Element("0040A160", "UT", ("text\r\n--b\r\n\\",)),
            Element("7FE00010", "OB", octets=b"\0\1" * 20),
        )
    )
    japanese = Tree(
        (
            Element("00080005", "CS", ("ISO 2022 IR 6", "ISO 2022 IR 87", "ISO 2022 IR 159")),
            Element("00100010", "PN", ("A^B=山田^太郎",)),
            Element("7FE00010", "OB", octets=b"\0\1"),
        )
    )
    return [Tree(), plain.having(), japanese, Tree((*plain.elements[:3], Element("7FE00010", "OW", octets=b"\1\2")))]


def _files() -> list[bytes]:
    made = []
    for tree in trees():
        for syntax in as_octets.SYNTAXES:
            if syntax == as_octets.ENCAPSULATED and tree.get("7FE00010") is None:
                continue
            made += [as_octets.part10(tree, syntax, undefined).octets for undefined in (False, True)]
    return made


def _json() -> list[bytes]:
    return [as_json.render([as_json.dataset(tree)]).encode() for tree in trees()] + [
        b"[]",
        b"{}",
        b'[{"7FE00010":{"vr":"OW"}}]',
    ]


def _xml() -> list[bytes]:
    return [as_xml.render(as_xml.document(tree, as_json.first), as_json.first) for tree in trees()]


def _multipart() -> list[bytes]:
    head = b"--b\r\nContent-Type: application/dicom+json\r\nContent-Length: 2\r\n\r\n"
    return [
        head + b"[]\r\n--b--\r\n",
        head + b"[]\r\n" + head + b"{}\r\n--b--",
        b"\r\n--b\n\nx\n--b--\nepilogue",
        b"preamble\r\n--b  \r\nA: b\r\n c\r\n\r\n\r\n--b--",
    ]


_ENVELOPE = (
    b'<?xml version="1.0"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" '
    b'xmlns:a="http://www.w3.org/2005/08/addressing" xmlns:x="http://www.w3.org/2004/08/xop/include">'
    b'<e:Header><a:Action e:mustUnderstand="1">urn:a</a:Action><a:MessageID>urn:uuid:1</a:MessageID></e:Header>'
    b"<e:Body>%s</e:Body></e:Envelope>"
)
_FAULT = (
    b"<e:Fault><e:Code><e:Value>e:Sender</e:Value><e:Subcode><e:Value>a:InvalidAddress</e:Value></e:Subcode></e:Code>"
    b'<e:Reason><e:Text xml:lang="en">no</e:Text></e:Reason></e:Fault>'
)
_INCLUDED = b'<d xmlns="urn:d"><b><x:Include href="cid:one%40a.b"/></b><b>RElDTQ==</b></d>'


def _soap() -> list[bytes]:
    """Plain envelopes, and a package of which the first line tells the boundary."""
    included = _ENVELOPE.replace(b"%s", _INCLUDED)
    head = b'--b\r\nContent-Type: application/xop+xml; type="application/soap+xml"\r\nContent-ID: <root@a.b>\r\n\r\n'
    part = b"\r\n--b\r\nContent-ID: <one@a.b>\r\nContent-Transfer-Encoding: base64\r\n\r\nRElDTQ==\r\n--b--"
    return [_ENVELOPE.replace(b"%s", _FAULT), included, head + included + part]


_TYPES = (
    b'multipart/related; type="application/dicom"; boundary=b',
    b'application/dicom+json; charset="utf-8"; q=0.5',
    b'*/*;q=0.001, multipart/related; type="a/b;c=\\"d\\"" ; transfer-syntax=*, text/*;q=1.000',
)
_TARGETS = (
    b"/studies?PatientName=A*&includefield=all&limit=10&00100020=1%2C2",
    b"/studies/1.2/series/1.3/instances/1.4/frames/1,2",
    b"http://h/dicom-web/studies/1.2/metadata?accept=application/dicom%2Bjson",
    b"*",
    b"//h?#",
)

_STREAMS = (
    # what echoscu of DCMTK says
    "0100000000cd00010000414e592d5343502020202020202020204543484f5343552020202020202020200000000000000000000000000000"
    "00000000000000000000000000000000000010000015312e322e3834302e31303030382e332e312e312e312000002e0100ff003000001131"
    "2e322e3834302e31303030382e312e3140000011312e322e3834302e31303030382e312e325000003a51000004000040005200001b312e32"
    "2e3237362e302e373233303031302e332e302e332e362e375500000f4f464649535f44434d544b5f33363704000000004a00000046010300"
    "00000004000000380000000000020012000000312e322e3834302e31303030382e312e310000000001020000003000000010010200000001"
    "000000000802000000010105000000000400000000",
    # what storescp of DCMTK answers
    "0200000000b800010000414e592d5343502020202020202020204543484f5343552020202020202020200000000000000000000000000000"
    "00000000000000000000000000000000000010000015312e322e3834302e31303030382e332e312e312e3121000019010000004000001131"
    "2e322e3834302e31303030382e312e325000003a51000004000040005200001b312e322e3237362e302e373233303031302e332e302e332e"
    "362e375500000f4f464649535f44434d544b5f3336370400000000540000005001030000000004000000420000000000020012000000312e"
    "322e3834302e31303030382e312e310000000001020000003080000020010200000001000000000802000000010100000009020000000000"
    "06000000000400000000",
    # an association request with everything
    "01000000012d00010000414e592d534350202020202020202020555320202020202020202020202020200000000000000000000000000000"
    "00000000000000000000000000000000000010000015312e322e3834302e31303030382e332e312e312e312000002e010000003000001131"
    "2e322e3834302e31303030382e312e3140000011312e322e3834302e31303030382e312e325000009a510000040000400052000007312e32"
    "2e332e3453000004000000005400001d0019312e322e3834302e31303030382e352e312e342e312e312e3201015600001d0019312e322e38"
    "34302e31303030382e352e312e342e312e312e3202005700002b0019312e322e3834302e31303030382e352e312e342e312e312e32000731"
    "2e322e332e3400050003312e325800000a020100026d6500027077",
    # a C-STORE-RQ in two PDUs
    "0400000000620000005e01030000000004000000500000000000020012000000312e322e3834302e31303030382e312e3100000000010200"
    "000001000000100102000000010000000007020000000000000000080200000001000000001006000000312e322e330004000000001a0000"
    "000a01000800180006000000000000080102312e322e3300",
)

_RELEASE_RQ, _RELEASE_RP = "05000000000400000000", "06000000000400000000"
_ABORT, _REJECT = "07000000000400000000", "03000000000400010101"


def _dialogues() -> list[bytes]:
    """What one side may say in a row; of an association that stands already, and from its first octet on."""
    echo, answer, everything, store = _STREAMS
    told = echo[422:-20]  # the C-ECHO-RQ alone
    rows = [
        echo,
        answer,
        everything + told + _RELEASE_RQ,
        echo[:-20] + _ABORT,
        answer[:-20] + _ABORT,
        _REJECT,
        told + told + store + _RELEASE_RQ,
        store + _RELEASE_RQ + _RELEASE_RP,
        _RELEASE_RP + _RELEASE_RQ,
        store + store + store,
    ]
    return [bytes.fromhex(row) for row in rows]


@cache
def seeds(reader: str) -> tuple[bytes, ...]:
    """Good examples for a reader."""
    text = [*_json(), *_xml()]
    made: dict[str, Callable[[], Sequence[bytes]]] = {
        "media": lambda: _TYPES,
        "multipart": _multipart,
        "soap": _soap,
        "json": _json,
        "xml": _xml,
        "part10": _files,
        "uri": lambda: _TARGETS,
        "dimse": lambda: [bytes.fromhex(stream) for stream in _STREAMS],
        "machine": _dialogues,
        "coding": lambda: [gzip.compress(text[1], mtime=0), zlib.compress(text[1]), gzip.compress(b"", mtime=0)],
    }
    return tuple(made[reader]())


_WORDS = (
    b"[",
    b"{",
    b'"',
    b"\\u",
    b"NaN",
    b"1e999",
    b"-0",
    b"null",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"<",
    b"&lt;",
    b"<!DOCTYPE",
    b"<![CDATA[",
    b"]]>",
    b"&#x0;",
    b"\r\n",
    b"\n",
    b"--b",
    b"--b--\r\n",
    b";",
    b",",
    b"=",
    b"%",
    b"%00",
    b"SQ",
    b"UN",
    b"OB\0\0",
    b"\xfe\xff\x00\xe0",
    b"\xfe\xff\x0d\xe0",
    b"\xfe\xff\xdd\xe0",
    b"\xff\xff\xff\xff",
    b"\0",
    b"\x1b$B",
    b"\\",
    b"9" * 30,
    b"DICM",
    b"q=",
    b"\x7f",
    b"'",
    b"*",
)


def _flip(chance: Chance, data: bytearray) -> bytearray:
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(len(data))
        data[at] ^= 1 << chance.randrange(8)
    return data


def _octet(chance: Chance, data: bytearray) -> bytearray:
    data[chance.randrange(len(data))] = chance.choice((0, 1, 0x20, 0x22, 0x5C, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    return data


def _cut(chance: Chance, data: bytearray) -> bytearray:
    return data[: chance.randrange(len(data))]


def _drop(chance: Chance, data: bytearray) -> bytearray:
    at = chance.randrange(len(data))
    del data[at : at + chance.choice((1, 2, 4, 8, 100))]
    return data


def _insert(chance: Chance, data: bytearray) -> bytearray:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(_WORDS) * chance.choice((1, 1, 1, 2, 50)) + data[at:]


def _repeat(chance: Chance, data: bytearray) -> bytearray:
    at = chance.randrange(len(data))
    piece = data[at : at + chance.choice((1, 4, 16, 200))]
    return data[:at] + piece * chance.choice((2, 10, 1000)) + data[at:]


def _nest(chance: Chance, data: bytearray) -> bytearray:
    """The same within itself or within brackets, many times."""
    depth = chance.choice((3, 70, 2000))
    opened, closed = chance.choice(
        (
            (b"[", b"]"),
            (b'{"00081140":{"vr":"SQ","Value":[', b"]}}"),
            (b"<Item>", b"</Item>"),
            (b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff", b""),
        )
    )
    at = chance.randrange(len(data) + 1)
    return data[:at] + opened * depth + data[at:] + closed * depth


def _length(chance: Chance, data: bytearray) -> bytearray:
    """Two or four octets that may be a length, replaced by another."""
    if len(data) < 4:
        return data
    at = chance.randrange(len(data) - 3)
    number = chance.choice((0, 1, 2, 3, 8, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF, len(data), len(data) - at))
    if chance.random() < 0.5:
        data[at : at + 4] = struct.pack(chance.choice("<>") + "I", number)
    else:
        data[at : at + 2] = struct.pack(chance.choice("<>") + "H", number & 0xFFFF)
    return data


_CHANGES = (_flip, _flip, _octet, _octet, _cut, _drop, _insert, _insert, _repeat, _nest, _length, _length)


def mutated(chance: Chance, good: Sequence[bytes]) -> bytes:
    """One of the examples after some changes; now and then two of them in one, or mere noise."""
    if chance.random() < 0.02:
        return chance.randbytes(chance.choice((0, 1, 7, 300, 5000)))
    data = bytearray(chance.choice(good))
    if chance.random() < 0.15:
        other = chance.choice(good)
        data = data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other) + 1) :]
    for _ in range(chance.choice((0, 1, 1, 2, 3, 6, 20))):
        if data and len(data) < MOST:
            data = chance.choice(_CHANGES)(chance, data)
    return bytes(data)
