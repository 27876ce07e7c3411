"""Clients of the web at our door: what they do wrong is what the committed file says, no more and no less."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from dicomproof.observe import Options, observe
from harness.record import Run, read
from harness.verdict import Outcome, Verdict

EXPECTED = Path(__file__).with_name("web-clients.toml")
HERE = Path(__file__).parent
PACKAGE = "DICOMPROOF_NPM_CLIENT"  # the folder of the npm package dicomweb-client, where there is one
RED = (Outcome.ERROR, Outcome.FAIL, Outcome.WARN)
LONGEST = 120.0  # seconds that a client may take
CURL = """
curl -s -o /dev/null "{base}/studies?PatientName=DICOMPROOF^*&limit=2"
curl -s -o /dev/null -H "Accept: application/dicom+json" "{base}/studies?PatientName=DICOMPROOF%5E*"
curl -s -o /dev/null -X OPTIONS "{base}/"
curl -s -o /dev/null -F "file=@{file}" "{base}/studies"
"""


@dataclass(frozen=True)
class Client:
    """A client by name, with the words of its command, the scenario that it is tried with, and the requests at least
    that it has to have made."""

    name: str
    command: Sequence[str]
    least: int
    scenario: str = ""

    @property
    def missing(self) -> str:
        if self.name == "curl":
            return "" if shutil.which("curl") else "curl is not installed"
        if self.name == "viewer":
            return "" if os.environ.get(PACKAGE) else f"{PACKAGE} does not name the npm package dicomweb-client"
        return "" if importlib.util.find_spec("dicomweb_client") else "dicomweb-client is not installed"

    @property
    def optional(self) -> bool:
        """It comes from another world than our own test dependencies, so CI need not have it."""
        return self.name == "viewer"


PYTHON = (sys.executable, str(HERE / "dicomweb_client_session.py"), "{base}")
CLIENTS = (
    Client("dicomweb-client", PYTHON, 20),
    Client("dicomweb-client elsewhere", PYTHON, 20, "elsewhere"),
    Client("viewer", (sys.executable, str(HERE / "viewer_session.py"), os.environ.get(PACKAGE, ""), "{base}"), 15),
    Client("curl", ("/bin/sh", "-c", CURL.replace("{file}", shlex.quote(str(EXPECTED)))), 4),
)


def expected(client: str) -> dict[str, str]:
    """Rule -> outcome, of everything that is not green."""
    rows = tomllib.loads(EXPECTED.read_text(encoding="utf-8"))["finding"]
    return {row["rule"]: row["outcome"] for row in rows if client in row["clients"]}


def test_every_expected_finding_says_why_the_client_is_wrong_by_the_text() -> None:
    for row in tomllib.loads(EXPECTED.read_text(encoding="utf-8"))["finding"]:
        assert "PS3." in row["why"], f"{row['rule']}: name the clause"
        assert set(row["clients"]) <= {c.name for c in CLIENTS}


@pytest.mark.parametrize("client", CLIENTS, ids=lambda c: c.name.replace(" ", "-"))
def test_the_verdicts_are_the_expected_ones(client: Client, tmp_path: Path) -> None:
    if client.missing:
        if os.environ.get("CI") and not client.optional:
            pytest.fail(client.missing)
        pytest.skip(client.missing)
    run = observed(client, tmp_path)
    assert sum(1 for _ in run.exchanges()) >= client.least, "it did next to nothing, so next to nothing was judged"
    red = {v.rule: v.outcome.value for v in run.verdicts if v.outcome in RED}
    assert red == expected(client.name), "\n".join(_told(run.verdicts))


def observed(client: Client, out: Path) -> Run:
    """What a client did at our door."""
    observe(Options(out / "record", command=client.command, seconds=LONGEST, web="127.0.0.1:0",
                    scenario=client.scenario))  # fmt: skip
    run = read(out / "record")
    assert [note["text"] for note in run.notes if note["about"] == "error"] == []
    return run


def _told(verdicts: Sequence[Verdict]) -> Iterator[str]:
    for verdict in verdicts:
        if verdict.outcome in RED:
            for finding in verdict.findings[:3]:
                yield f"{verdict.rule}: {finding.seq} {finding.where}: {finding.got}; want {finding.want}"
