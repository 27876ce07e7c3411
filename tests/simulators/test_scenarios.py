"""What scenarios do to answers: legal ones stay legal, and each does what its sentence says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from harness.exchange import Answer, Headers
from harness.make.corpus import corpus
from harness.make.sample import Sample
from harness.wire import dicom_json
from simulators.archive.archive import Archive
from simulators.scenarios import Scenario, names, scenario
from simulators.serve import serve

JSON = "application/dicom+json"
DICOM = 'multipart/related; type="application/dicom"'


@pytest.fixture(scope="module")
def held() -> list[Sample]:
    """Instances of one series, as they are stored."""
    made = corpus(0, "SCENARIO")
    series = made[0].series
    return [s for s in made if s.series == series][:3]


@pytest.fixture(scope="module")
def archive(held: list[Sample], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    archive = Archive(Path(tmp_path_factory.mktemp("archive")))
    batch = []
    for sample in held:
        incoming = archive.receive()
        incoming.write(sample.part10)
        incoming.close()
        batch.append(incoming)
    archive.store(batch)
    yield archive
    archive.close()


@contextmanager
def playing(archive: Archive, name: str) -> Iterator[tuple[httpx.Client, Scenario]]:
    played = scenario(name)
    with (
        serve(archive, mutate=played.mutate) as served,
        httpx.Client(base_url=served.url, headers={"Accept": JSON}, timeout=20) as client,
    ):
        yield client, played


def reading(response: httpx.Response) -> Answer:
    return Answer(response.status_code, "", Headers.of(response.headers.multi_items())).but(body=response.content)


def test_names_have_a_sentence_and_an_unknown_one_is_refused() -> None:
    assert len(names()) >= 15
    assert all(says.endswith(".") for says in names().values())
    with pytest.raises(KeyError):
        scenario("nonsense")


def test_partial(archive: Archive, held: list[Sample]) -> None:
    with playing(archive, "partial") as (client, played):
        answer = reading(client.get(f"/studies/{held[0].study}", headers={"Accept": DICOM}))
        one = client.get(f"/{held[0].path[1:]}", headers={"Accept": DICOM})
    assert (answer.status, len(answer.parts), one.status_code) == (206, 1, 200)
    assert answer.multipart is not None
    assert answer.multipart.closed
    assert not answer.multipart.flaws
    assert played.acted.total() == 1


def stow(client: httpx.Client, *samples: Sample) -> httpx.Response:
    body = b"".join(b"--b\r\nContent-Type: application/dicom\r\n\r\n" + s.part10 + b"\r\n" for s in samples) + b"--b--"
    return client.post("/studies", content=body, headers={"Content-Type": f"{DICOM}; boundary=b"})


def test_store_some(archive: Archive, held: list[Sample]) -> None:
    with playing(archive, "store-some") as (client, _):
        some, none = stow(client, *held[:2]), stow(client, held[0])
    root = some.json()
    assert some.status_code == 202
    assert [i["00081155"]["Value"] for i in root["00081199"]["Value"]] == [[held[0].instance]]
    assert [i["00081155"]["Value"] for i in root["00081198"]["Value"]] == [[held[1].instance]]
    assert none.status_code == 409
    assert [i["00081197"]["Value"] for i in none.json()["00081198"]["Value"]] == [[0xA700]]


def test_not_acceptable(archive: Archive, held: list[Sample]) -> None:
    path = f"/studies/{held[0].study}"
    with playing(archive, "not-acceptable") as (client, _):
        codes = [client.get(path, headers={"Accept": a}).status_code for a in (DICOM, DICOM, "*/*")]
        assert client.get("/studies").status_code == 200
    assert codes == [406, 406, 200]


@pytest.mark.parametrize(("name", "status"), [("busy", 503), ("too-many", 429)])
def test_busy(archive: Archive, name: str, status: int) -> None:
    with playing(archive, name) as (client, _):
        first, second, other = client.get("/studies"), client.get("/studies"), client.get("/series")
    assert [r.status_code for r in (first, second, other)] == [status, 200, status]
    assert first.headers["retry-after"] == "1"


def test_warnings_and_pages(archive: Archive) -> None:
    with playing(archive, "warnings") as (client, _):
        assert "fuzzymatching" in client.get("/studies").headers["warning"]
    with playing(archive, "pages") as (client, _):
        page = client.get("/instances?limit=100&offset=0")
        rest = client.get("/instances?offset=2")
    assert len(page.json()) == 2
    assert "There are 1 additional results" in page.headers["warning"]
    assert (len(rest.json()), "warning" in rest.headers) == (1, False)


def test_chunks_and_compression(archive: Archive) -> None:
    with playing(archive, "chunked") as (client, _):
        chunked = client.get("/instances")
    assert (chunked.headers.get("transfer-encoding"), len(chunked.json())) == ("chunked", 3)
    with playing(archive, "gzip") as (client, _):
        packed = client.get("/instances", headers={"Accept-Encoding": "gzip"})
        plain = [client.get("/instances", headers={"Accept-Encoding": e}) for e in ("identity", "gzip;q=0")]
    assert (packed.headers["content-encoding"], len(packed.json())) == ("gzip", 3)
    assert ["content-encoding" in r.headers for r in plain] == [False, False]


def test_odd_multipart_is_legal(archive: Archive, held: list[Sample]) -> None:
    with playing(archive, "odd-multipart") as (client, _):
        answer = reading(client.get(f"/studies/{held[0].study}", headers={"Accept": DICOM}))
    assert answer.multipart is not None
    assert set(answer.multipart.flaws.counts) <= {"multipart.preamble", "multipart.epilogue"}
    assert [p.content.bytes() for p in answer.parts] != []
    assert len(answer.parts) == len(held)
    assert not answer.media.flaws


def test_odd_json_is_legal(archive: Archive, held: list[Sample]) -> None:
    with playing(archive, "odd-json") as (client, _):
        answer = reading(client.get(f"/studies/{held[0].study}/metadata"))
    read = dicom_json.read(answer.body)
    assert not read.flaws
    assert json.loads(answer.body.bytes())[0]["00081060"]["Value"][0] is None


def test_elsewhere_and_moved(archive: Archive, held: list[Sample]) -> None:
    with playing(archive, "elsewhere") as (client, _):
        url = client.get("/studies").json()[0]["00081190"]["Value"][0]
        assert "/elsewhere/studies/" in url
        assert len(client.get(f"{url}/metadata").json()) == len(held)
    with playing(archive, "moved") as (client, _):
        moved = client.get(f"/studies/{held[0].study}/metadata")
        assert moved.status_code == 307
        assert len(client.get(moved.headers["location"]).json()) == len(held)


def test_empty_searches(archive: Archive) -> None:
    with playing(archive, "empty-204") as (client, _):
        assert (client.get("/studies").status_code, client.get("/studies").content) == (204, b"")
    with playing(archive, "empty-list") as (client, _):
        assert (client.get("/studies").status_code, client.get("/studies").json()) == (200, [])
        assert client.get("/studies?limit=x").status_code == 400
