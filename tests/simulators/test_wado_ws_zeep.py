"""zeep, a SOAP client that shares nothing with us, reads the description of the endpoint and asks by it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from pydicom import dcmread

from simulators.archive.archive import Archive
from simulators.serve import serve
from simulators.web.wado_ws import REPOSITORY
from tests.web.door import load, make, octets

zeep = pytest.importorskip("zeep")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    archive = Archive(tmp_path_factory.mktemp("zeep") / "archive")
    load(archive, octets(make(Rows=20, Columns=40, PixelData=bytes(1600), Modality="CT")))
    with serve(archive) as served:
        yield zeep.Client(f"{served.url}/wado-ws?wsdl").service
    archive.close()


def series(name: str, **document: Any) -> dict[str, Any]:
    wanted = {"RepositoryUniqueId": REPOSITORY, "DocumentUniqueId": "1.2.1.1.1", **document}
    return {"studyInstanceUID": "1.2.1", "SeriesRequest": [{"seriesInstanceUID": "1.2.1.1", name: [wanted]}]}


def test_documents(service: Any) -> None:
    listed = {"TransferSyntaxUID": ["1.2.840.10008.1.2.1"]}
    answer = service.RetrieveImagingDocumentSet(StudyRequest=[series("DocumentRequest")], TransferSyntaxUIDList=listed)
    (document,) = answer.DocumentResponse
    assert answer.RegistryResponse.status.endswith(":Success")
    assert (document.mimeType, document.DocumentUniqueId) == ("application/dicom", "1.2.1.1.1")
    assert dcmread(io.BytesIO(document.Document)).SOPInstanceUID == "1.2.1.1.1"


def test_refusals(service: Any) -> None:
    listed = {"TransferSyntaxUID": ["1.2.840.10008.1.2.1"]}
    asked = series("DocumentRequest", DocumentUniqueId="1.9")
    answer = service.RetrieveImagingDocumentSet(StudyRequest=[asked], TransferSyntaxUIDList=listed)
    (error,) = answer.RegistryResponse.RegistryErrorList.RegistryError
    assert (error.errorCode, error.location) == ("urn:dicom:wado:0017", "1.9")


def test_renderings(service: Any) -> None:
    asked = series("RenderedDocumentRequest", Rows="10", ContentTypeList={"ContentType": ["image/jpeg"]})
    answer = service.RetrieveRenderedImagingDocumentSet(StudyRequest=[asked])
    (document,) = answer.RenderedDocumentResponse
    assert (document.Rows, document.Columns, document.mimeType) == ("10", "20", "image/jpeg")
    assert document.Document.startswith(b"\xff\xd8\xff")


def test_metadata(service: Any) -> None:
    asked = series("DocumentInformationRequest", XPath=["count(//DicomAttribute[@keyword='Modality'])"])
    answer = service.RetrieveImagingDocumentSetInformation(StudyRequest=[asked])
    (document,) = answer.DocumentInformationResponse
    assert document.DocumentUniqueId == "1.2.1.1.1"
    assert answer.RegistryResponse.status.endswith(":Success")
