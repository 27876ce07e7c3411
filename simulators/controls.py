"""Knows servers that must never earn a pass: liars, refusers, mutes, and hostile ones that try to hang a client.

Must not know rules; has no archive behind it, except where answers belong to other requests.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Literal

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from harness.exchange import Answer, Ask
from simulators.archive.archive import Archive
from simulators.line import PIECE, Handle, Request, Served, listening, read_request, reset
from simulators.relay import endless
from simulators.serve import serve

ROOT = "/dicomweb"
STALL = 3600.0  # seconds; whoever waits that long hangs

Respond = Callable[[Request], bytes]
Flavour = Literal["empty", "constant", "echo"]
Hostility = Literal[
    "resets",  # every connection is reset once the request has come
    "stalls",  # the answer stops in the middle of its payload and the connection stays open
    "drips",  # the answer comes an octet at a time
    "endless-body",  # the payload never ends
    "endless-headers",  # the header fields never end
    "garbage",  # what comes is no HTTP
    "bomb",  # a small payload that says it is gzip and grows without end
    "loops",  # every request is redirected to itself
]

_BOUNDARY = "boundary-of-a-liar"
_SOP_CLASS, _STUDY, _SERIES, _INSTANCE = "1.2.840.10008.5.1.4.1.1.7", "1.2.3.4", "1.2.3.4.5", "1.2.3.4.5.6"


@contextmanager
def liar(flavour: Flavour = "empty") -> Iterator[Served]:
    """Answers 200 to everything: with nothing in it, always the same plausible content, or what was stored last."""
    flavours: dict[Flavour, Callable[[], Respond]] = {"empty": _Nothing, "constant": _Constant, "echo": _Echo}
    content = flavours[flavour]()
    with _serving(content) as served:
        yield served


@contextmanager
def refuser(status: int = 404) -> Iterator[Served]:
    """Answers one error to everything, with a report."""
    body = b"<!DOCTYPE html><html><body><p>No.</p></body></html>"
    with _serving(lambda _: response(status, "text/html; charset=utf-8", body)) as served:
        yield served


@contextmanager
def html() -> Iterator[Served]:
    """Answers a web page with 200 to everything, as a portal or a proxy does."""
    page = b"<!DOCTYPE html><html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>"
    with _serving(lambda _: response(200, "text/html; charset=utf-8", page)) as served:
        yield served


@contextmanager
def mute() -> Iterator[Served]:
    """Accepts connections, reads requests and never answers."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(PIECE):
            pass

    with listening(handle) as address:
        yield Served.at(address, ROOT)


@contextmanager
def hostile(kind: Hostility) -> Iterator[Served]:
    """Misbehaves on the line, once a request has come."""
    play = _HOSTILE[kind]

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await read_request(reader, writer, b"") is not None:
            await play(reader, writer)

    with listening(handle) as address:
        yield Served.at(address, ROOT)


@contextmanager
def others(archive: Archive) -> Iterator[Served]:
    """Gives each request the answer that belongs to the request before it; to the first one, that to a search."""
    before: list[Answer] = []

    def mutate(ask: Ask, door: Callable[[Ask], Answer]) -> Answer:
        stale = before.pop() if before else door(ask.but(method="GET", target=f"{ROOT}/instances"))
        before.append(door(ask))
        return stale

    with serve(archive, base=ROOT, mutate=mutate) as served:
        yield served


def response(status: int, type: str, body: bytes, *fields: tuple[str, str]) -> bytes:
    """A whole HTTP/1.1 answer as octets."""
    lines = [f"HTTP/1.1 {status} .", f"content-length: {len(body)}"]
    lines += [f"content-type: {type}"] if type else []
    lines += [f"{name}: {value}" for name, value in fields]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@contextmanager
def _serving(respond: Respond) -> Iterator[Served]:
    """Serve whole answers, one for each request, on connections that are kept."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rest = b""
        while (request := await read_request(reader, writer, rest)) is not None:
            octets = respond(request)
            if request.method == "HEAD":
                octets = octets[: octets.index(b"\r\n\r\n") + 4]
            writer.write(octets)
            await writer.drain()
            if request.closes:
                return
            rest = request.rest

    with listening(handle) as address:
        yield Served.at(address, ROOT)


class _Nothing:
    """200 with the emptiest payload of the type that is asked."""

    def __call__(self, request: Request) -> bytes:
        if request.method == "OPTIONS":
            return response(200, "application/json", b"{}")
        if request.method == "POST":
            return response(200, "application/dicom+json", b"{}")
        type = _wanted(request)
        if type == "application/dicom+json":
            return response(200, type, b"[]")
        return response(200, _multipart(type), f"--{_BOUNDARY}--".encode())


class _Constant:
    """200 with content that looks right and never changes."""

    def __init__(self) -> None:
        self.uids = (_STUDY, _SERIES, _INSTANCE)
        self.file = _instance(*self.uids)

    def __call__(self, request: Request) -> bytes:
        if request.method == "OPTIONS":
            return response(200, "application/json", json.dumps({"application": {"resources": {}}}).encode())
        if request.method == "POST":
            return response(200, "application/dicom+json", json.dumps(self.module()).encode())
        type = _wanted(request)
        if type == "application/dicom+json":
            return response(200, type, json.dumps([self.attributes()]).encode())
        return response(200, _multipart(type), self.part(type))

    def attributes(self) -> dict[str, Any]:
        """One object that could be a study, a series or an instance."""
        study, series, instance = self.uids
        values = {"00080016": ("UI", _SOP_CLASS), "00080018": ("UI", instance), "00080020": ("DA", "20200101"),
                  "00080030": ("TM", "120000"), "00080050": ("SH", "A1"), "00080060": ("CS", "OT"),
                  "00080061": ("CS", "OT"), "0020000D": ("UI", study), "0020000E": ("UI", series),
                  "00200010": ("SH", "1"), "00200011": ("IS", 1), "00200013": ("IS", 1), "00201206": ("IS", 1),
                  "00201208": ("IS", 1), "00201209": ("IS", 1)}  # fmt: skip
        found: dict[str, Any] = {tag: {"vr": vr, "Value": [value]} for tag, (vr, value) in values.items()}
        names = {"00080090": "Refer^Red", "00100010": "Doe^Jane"}
        found.update({tag: {"vr": "PN", "Value": [{"Alphabetic": name}]} for tag, name in names.items()})
        found["00100020"] = {"vr": "LO", "Value": ["P1"]}
        return dict(sorted(found.items()))

    def module(self) -> dict[str, Any]:
        """A Store Instances Response Module that says that all went well."""
        item = {
            "00081150": {"vr": "UI", "Value": [_SOP_CLASS]},
            "00081155": {"vr": "UI", "Value": [self.uids[2]]},
            "00081190": {"vr": "UR"},
        }
        return {"00081190": {"vr": "UR"}, "00081199": {"vr": "SQ", "Value": [item]}}

    def part(self, type: str) -> bytes:
        content = self.file if type == "application/dicom" else b"\0" * 64
        head = f"--{_BOUNDARY}\r\nContent-Type: {type}\r\nContent-Length: {len(content)}\r\n\r\n"
        return head.encode() + content + f"\r\n--{_BOUNDARY}--".encode()


class _Echo(_Constant):
    """200 with what was stored last, whatever is asked."""

    def __call__(self, request: Request) -> bytes:
        if request.method == "POST":
            self._learn(request)
        return super().__call__(request)

    def _learn(self, request: Request) -> None:
        """Keep the first instance of the payload, when there is one that can be read."""
        begin = request.body.find(b"DICM") - 128
        boundary = request.body.split(b"\r\n", 1)[0]
        end = request.body.find(b"\r\n" + boundary, max(begin, 0))
        if begin < 0 or end < 0:
            return
        octets = request.body[begin:end]
        try:
            dataset = dcmread(BytesIO(octets), stop_before_pixels=True)
            found = (dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)
            self.uids = (str(found[0]), str(found[1]), str(found[2]))
        except Exception:  # anything may be posted; then the last one stays
            return
        self.file = octets


def _wanted(request: Request) -> str:
    """The type of parts the request accepts, JSON when it names none."""
    accept = request.get("accept")
    for type in ("application/dicom+json", "application/dicom+xml", "application/octet-stream", "application/dicom"):
        if type in accept:
            return type
    return "application/dicom+json"


def _multipart(type: str) -> str:
    return f'multipart/related; type="{type}"; boundary={_BOUNDARY}'


def _instance(study: str, series: str, instance: str) -> bytes:
    """A small valid Secondary Capture instance."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = _SOP_CLASS, instance
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.PatientID, dataset.PatientName, dataset.Modality = "P1", "Doe^Jane", "OT"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows = dataset.Columns = dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = bytes(64)
    dataset["PixelData"].VR = "OB"
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(_SOP_CLASS), UID(instance)
    dataset.file_meta = meta
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


async def _resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    reset(writer)


async def _stalls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(response(200, "application/dicom+json", b"[" + b" " * 99 + b"]")[:-50])
    await asyncio.wait_for(reader.read(), STALL)


async def _drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for octet in response(200, "application/dicom+json", b" " * 100_000):
        writer.write(bytes((octet,)))
        await writer.drain()
        await asyncio.sleep(0.05)


async def _endless_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await endless(writer)


async def _endless_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"x-more: %b\r\n" % (b"x" * 1000))
        await writer.drain()


async def _garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(bytes(range(256)) * 16)


async def _bomb(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # One gzip member whose every 16 KiB on the line are 16 MiB of blanks, and which never says that it ends.
    coding = b"content-encoding: gzip\r\ntransfer-encoding: chunked"
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/dicom+json\r\n%b\r\n\r\n" % coding)
    machine = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    chunk = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    block = machine.compress(b" " * (16 << 20)) + machine.flush(zlib.Z_FULL_FLUSH)
    while not writer.is_closing():
        writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        await writer.drain()
        chunk = block


async def _loops(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(response(302, "", b"", ("location", f"{ROOT}/studies"), ("connection", "close")))


_HOSTILE: dict[Hostility, Handle] = {
    "resets": _resets,
    "stalls": _stalls,
    "drips": _drips,
    "endless-body": _endless_body,
    "endless-headers": _endless_headers,
    "garbage": _garbage,
    "bomb": _bomb,
    "loops": _loops,
}
