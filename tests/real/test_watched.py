"""Real clients and real servers with us between them: all are served as if we were not there, and all are judged.

What is found on a server is what is expected of it in its own file, as far as the client provokes it.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tomllib
from pathlib import Path

import pydicom
import pytest

from dicomproof.run import Result
from dicomproof.watch import Options
from harness import record
from harness.association import Association
from harness.exchange import Exchange
from harness.verdict import Outcome
from simulators.archive.archive import Archive
from simulators.dimse.serve import Setup
from simulators.dimse.serve import serve as serve_dimse
from simulators.serve import serve
from tests.front.test_watch import SAMPLES, red, use, watched
from tests.real import orthanc

EXPECTED = tomllib.loads((Path(__file__).parent / "orthanc-1.10.1.toml").read_text(encoding="utf-8"))["finding"]
needs_orthanc = pytest.mark.skipif(bool(orthanc.missing()), reason=orthanc.missing())


def blamed(result: Result, *roles: str) -> set[str]:
    """The rules that are red for one of these roles; for messages of either side, those in which the answer is."""
    answered = "origin-server" in roles
    return {v.rule for v in red(result).values() if v.who in roles
            or (v.who == "both" and any(f.where.startswith("request") != answered for f in v.findings))}  # fmt: skip


def whole(result: Result) -> bool:
    assert result.out
    items = list(record.read(result.out).items())
    broken = [v for v in result.verdicts if v.outcome is Outcome.ERROR]
    return bool(items) and not broken and all(x.complete for x in items if isinstance(x, Exchange | Association))


@needs_orthanc
def test_httpx_and_orthanc(tmp_path: Path) -> None:
    with orthanc.orthanc(tmp_path / "orthanc") as base:
        result = watched(Options(tmp_path / "out", base, "127.0.0.1:0"), lambda places: use(places[0]))
    assert whole(result)
    assert blamed(result, "origin-server")
    assert blamed(result, "origin-server") <= {finding["rule"] for finding in EXPECTED}
    assert blamed(result, "user-agent") == set()


def public_client(base: str) -> None:
    """What a user of dicomweb-client does."""
    api = pytest.importorskip("dicomweb_client.api")
    client = api.DICOMwebClient(url=base)
    client.store_instances([pydicom.dcmread(io.BytesIO(sample.part10)) for sample in SAMPLES])
    for row in client.search_for_studies():
        study = row["0020000D"]["Value"][0]
        assert client.retrieve_study_metadata(study)
        assert client.retrieve_study(study)
        assert client.search_for_series(study)


def test_the_public_client_and_the_simulator(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "data")
    with serve(archive) as served:
        options = Options(tmp_path / "out", served.url, "127.0.0.1:0")
        result = watched(options, lambda places: public_client(places[0]))
    archive.close()
    assert whole(result)
    assert blamed(result, "origin-server") == set()


@needs_orthanc
def test_the_public_client_and_orthanc(tmp_path: Path) -> None:
    with orthanc.orthanc(tmp_path / "orthanc") as base:
        options = Options(tmp_path / "out", base, "127.0.0.1:0")
        result = watched(options, lambda places: public_client(places[0]))
    assert whole(result)
    assert blamed(result, "origin-server") <= {finding["rule"] for finding in EXPECTED}


@pytest.mark.skipif(not shutil.which("storescu"), reason="DCMTK is not installed")
def test_storescu_and_the_simulator(tmp_path: Path) -> None:
    file = tmp_path / "a.dcm"
    file.write_bytes(SAMPLES[0].part10)

    def act(places: list[str]) -> None:
        title, _, place = places[0].partition("@")
        host, _, port = place.rpartition(":")
        for command in (["echoscu"], ["storescu", "-xe"]):
            files = [str(file)] if command[0] == "storescu" else []
            subprocess.run([*command, "-aec", title, host, port, *files], check=True, capture_output=True)

    archive = Archive(tmp_path / "data")
    with serve_dimse(archive, "PACS", "127.0.0.1", 0, Setup()) as served:
        result = watched(Options(tmp_path / "out", dimse=served.entity, listen_dimse="127.0.0.1:0"), act)
    archive.close()
    assert whole(result)
    assert {v.rule for v in red(result).values() if v.who in ("acceptor", "scp")} == set()
