"""Small instances, and a client without a socket, for the tests of the web door."""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import Any
from urllib.parse import unquote

import httpx
import numpy
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from simulators.archive.archive import Archive

JSON = "application/dicom+json"
BASE = "http://sim.test/dicomweb"


def make(
    study: str = "1.2.1", series: str = "1.2.1.1", instance: str = "1.2.1.1.1", frames: int = 1, **values: Any
) -> Dataset:
    """A Secondary Capture data set, 4 rows of 6 columns of 16 bits, all pixels different."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", instance
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.StudyDate, dataset.StudyTime, dataset.AccessionNumber = "20240131", "101112", "A1"
    dataset.PatientName, dataset.PatientID, dataset.Modality = "Müller^Jörg", "P1", "OT"
    dataset.ReferringPhysicianName, dataset.StudyID = "Refer^Red", "S1"
    dataset.PatientBirthDate, dataset.PatientSex = "", ""
    dataset.SeriesNumber, dataset.InstanceNumber = "1", "1"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns, dataset.BitsAllocated, dataset.BitsStored = 4, 6, 16, 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    if frames > 1:
        dataset.NumberOfFrames = str(frames)
    dataset.PixelData = numpy.arange(24 * frames, dtype="<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    for name, value in values.items():
        setattr(dataset, name, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def octets(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """The data set as a PS3.10 file."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    dataset.file_meta = meta
    file = BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def load(archive: Archive, *files: bytes) -> None:
    """Put PS3.10 files into the archive."""
    batch = []
    for file in files:
        incoming = archive.receive()
        incoming.write(file)
        incoming.close()
        batch.append(incoming)
    outcomes = archive.store(batch)
    assert [o.status for o in outcomes] == ["stored"] * len(files), outcomes


class Client:
    """Requests to an ASGI application without a socket; no header field is added that a test did not give."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def request(self, method: str, path: str, accept: str | None = None, **kwargs: Any) -> httpx.Response:
        headers = dict(kwargs.pop("headers", {}))
        if accept is not None:
            headers["accept"] = accept
        return asyncio.run(self._request(method, path, headers, kwargs))

    async def _request(self, method: str, path: str, headers: dict[str, str], kwargs: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport) as client:
            client.headers.clear()
            return await client.request(method, path if "://" in path else BASE + path, headers=headers, **kwargs)

    def raw(self, method: str, target: bytes, accept: bytes) -> httpx.Response:
        """A request whose target and Accept field are any octets, as a server hands them on."""
        path, _, query = target.partition(b"?")
        messages: list[Any] = []
        scope = {"type": "http", "method": method, "path": unquote(path.decode("latin-1")), "raw_path": path,
                 "query_string": query, "headers": [(b"host", b"sim.test"), (b"accept", accept)],
                 "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 80)}  # fmt: skip

        async def receive() -> Any:
            return {"type": "http.request", "body": b""}

        async def send(message: Any) -> None:
            messages.append(message)

        asyncio.run(self.app(scope, receive, send))
        body = b"".join(m.get("body", b"") for m in messages)
        return httpx.Response(messages[0]["status"], content=body)

    def get(self, path: str, accept: str | None = "*/*", **kwargs: Any) -> httpx.Response:
        return self.request("GET", path, accept, **kwargs)

    def store(self, *files: bytes, study: str = "", accept: str | None = JSON, **kwargs: Any) -> Any:
        type, body = form(*files)
        headers = {"content-type": type, **kwargs.pop("headers", {})}
        target = f"/studies/{study}" if study else "/studies"
        return self.request("POST", target, accept, content=body, headers=headers, **kwargs)


def form(*files: bytes, boundary: str = "b0undary", type: str = "application/dicom") -> tuple[str, bytes]:
    """Content-Type and payload of a store request."""
    parts = [b"--%b\r\nContent-Type: %b\r\n\r\n%b\r\n" % (boundary.encode(), type.encode(), file) for file in files]
    return f'multipart/related; type="{type}"; boundary="{boundary}"', b"".join(parts) + b"--%b--" % boundary.encode()


def parts(response: httpx.Response) -> list[tuple[dict[str, str], bytes]]:
    """Header fields and content of each part, by a splitting that shares nothing with the simulator."""
    boundary = response.headers["content-type"].rsplit("boundary=", 1)[1].strip('"').encode()
    assert response.content.startswith(b"--" + boundary + b"\r\n")
    assert response.content.endswith(b"\r\n--" + boundary + b"--")
    found = []
    for text in response.content[len(boundary) + 4 : -len(boundary) - 6].split(b"\r\n--" + boundary + b"\r\n"):
        head, _, content = text.partition(b"\r\n\r\n")
        fields = dict(line.decode().split(": ", 1) for line in head.split(b"\r\n"))
        assert int(fields["Content-Length"]) == len(content)
        found.append((fields, content))
    return found
