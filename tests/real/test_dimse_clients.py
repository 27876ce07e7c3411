"""Clients that speak DIMSE, at our door: what they do wrong is what the committed file says, no more and no less."""

from __future__ import annotations

import importlib.util
import os
import shlex
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from dicomproof.observe import Options, observe
from harness.entity import Entity
from harness.make.corpus import corpus
from harness.make.sample import Sample
from harness.record import Run, read
from harness.verdict import Outcome, Verdict
from tests.real import dcmtk

EXPECTED = Path(__file__).with_name("dimse-clients.toml")
RED = (Outcome.ERROR, Outcome.FAIL, Outcome.WARN)
TITLE = "ANY-SCP"
LONGEST = 60.0  # seconds that a client may take
FILES = 6  # instances that are stored, then asked for
STUDY = "-k QueryRetrieveLevel=STUDY -k StudyInstanceUID"
PYTHON = f"{shlex.quote(sys.executable)} -m pynetdicom"


@dataclass(frozen=True)
class Client:
    """A client by name; its command may name {title}, {host} and {port} of our door, {files}, {study}, {out} and
    {back}, a port at which it may be called back."""

    name: str
    command: str
    kind: str  # of the operation that it has to have made

    @property
    def missing(self) -> str:
        if self.name.startswith("pynetdicom"):
            return "" if importlib.util.find_spec("pynetdicom") else "pynetdicom is not installed"
        return dcmtk.missing(self.name.split()[1])


# In this order: what is stored first is asked for by the others.
CLIENTS = (
    Client("dcmtk storescu", "storescu -aec {title} -R {host} {port} {files}", "dimse.storage.store"),
    Client("dcmtk echoscu", "echoscu -aec {title} --repeat 3 {host} {port}", "dimse.verification.echo"),
    Client(
        "dcmtk findscu",
        f"findscu -S -aec {{title}} {STUDY} -k PatientName='*' {{host}} {{port}}",
        "dimse.query-retrieve.find",
    ),
    Client(
        "dcmtk getscu",
        f"getscu -S -aec {{title}} -od {{out}} {STUDY}={{study}} {{host}} {{port}}",
        "dimse.query-retrieve.get",
    ),
    Client(
        "dcmtk movescu",
        f"movescu -S -aec {{title}} -aem BACK -aet BACK +P {{back}} -od {{out}} {STUDY}={{study}} {{host}} {{port}}",
        "dimse.query-retrieve.move",
    ),
    Client("pynetdicom echoscu", f"{PYTHON} echoscu -aec {{title}} {{host}} {{port}}", "dimse.verification.echo"),
    Client(
        "pynetdicom storescu", f"{PYTHON} storescu -aec {{title}} {{host}} {{port}} {{files}}", "dimse.storage.store"
    ),
    Client(
        "pynetdicom findscu",
        f"{PYTHON} findscu -S -aec {{title}} {STUDY}= {{host}} {{port}}",
        "dimse.query-retrieve.find",
    ),
    Client(
        "pynetdicom getscu",
        f"{PYTHON} getscu -S -aec {{title}} -od {{out}} {STUDY}={{study}} {{host}} {{port}}",
        "dimse.query-retrieve.get",
    ),
    Client(
        "pynetdicom movescu",
        f"{PYTHON} movescu -S -aec {{title}} -aem BACK --store --store-port {{back}} -od {{out}} {STUDY}={{study}}"
        " {host} {port}",
        "dimse.query-retrieve.move",
    ),
)


def expected(client: str) -> dict[str, str]:
    rows = tomllib.loads(EXPECTED.read_text(encoding="utf-8"))["finding"]
    return {row["rule"]: row["outcome"] for row in rows if client in row["clients"]}


def test_every_expected_finding_says_why_the_client_is_wrong_by_the_text() -> None:
    for row in tomllib.loads(EXPECTED.read_text(encoding="utf-8"))["finding"]:
        assert "PS3." in row["why"], f"{row['rule']}: name the clause"
        assert set(row["clients"]) <= {c.name for c in CLIENTS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the archive behind our door, and the files that clients store."""
    made = tmp_path_factory.mktemp("clients")
    (made / "files").mkdir()
    for sample in _samples():
        (made / "files" / f"{sample.instance}.dcm").write_bytes(sample.part10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TCP_NODELAY", "1")
        assert observe_with(made, made / "loaded", CLIENTS[0] if not CLIENTS[0].missing else CLIENTS[6])
    return made


@pytest.mark.parametrize("client", CLIENTS, ids=lambda c: c.name.replace(" ", "-"))
def test_the_verdicts_are_the_expected_ones(client: Client, folder: Path, tmp_path: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    if client.missing:
        if os.environ.get("CI"):
            pytest.fail(client.missing)
        pytest.skip(client.missing)
    monkeypatch.setenv("TCP_NODELAY", "1")
    run = observe_with(folder, tmp_path, client)
    operations = [o for a in run.associations() for o in a.operations]
    assert [o for o in operations if o.kind == client.kind and o.status == 0], "it did nothing, so nothing was judged"
    red = {v.rule: v.outcome.value for v in run.verdicts if v.outcome in RED}
    assert red == expected(client.name), "\n".join(_told(run.verdicts))


def observe_with(folder: Path, out: Path, client: Client) -> Run:
    """What a client did at our door."""
    back = dcmtk.free_port()
    (out / "out").mkdir(parents=True)
    words = {
        "files": " ".join(shlex.quote(str(p)) for p in sorted((folder / "files").iterdir())),
        "study": _samples()[0].study,
        "out": shlex.quote(str(out / "out")),
        "back": str(back),
        **{name: "{" + name + "}" for name in ("title", "host", "port")},
    }
    command = ["/bin/sh", "-c", client.command.format(**words)]
    here, peer = Entity(TITLE, dcmtk.HERE, 0), Entity("BACK", dcmtk.HERE, back)
    data = folder / "archive"
    observe(Options(out / "record", here, command, seconds=LONGEST, peers=(peer,), data=data))
    run = read(out / "record")
    broken = [note["text"] for note in run.notes if note["about"] == "error"]
    assert not broken, "\n".join(broken)
    return run


def _samples() -> Sequence[Sample]:
    """Uncompressed instances of one study: what every client here can send."""
    found = [s for s in corpus(1, "CLIENTS") if s.transfer_syntax in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")]
    return [s for s in found if s.study == found[0].study][:FILES]


def _told(verdicts: Sequence[Verdict]) -> Iterator[str]:
    for verdict in verdicts:
        if verdict.outcome in RED:
            for finding in verdict.findings[:3]:
                yield f"{verdict.rule}: {finding.seq} {finding.where}: {finding.got}; want {finding.want}"
