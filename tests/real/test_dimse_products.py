"""Products that speak DIMSE, checked whole: their verdicts are those of the committed files, no more and no fewer."""

from __future__ import annotations

import contextlib
import os
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dicomproof.run import Options, check
from harness.entity import Entity
from harness.record import read
from harness.target import Dimse, Target
from harness.verdict import Outcome, Verdict
from tests.real import dcmtk, orthanc, pynetdicom_ae

RED = (Outcome.ERROR, Outcome.FAIL, Outcome.WARN)
PATIENCE = 5.0  # seconds for an answer on one machine; how long silence is waited for is most of a run
Start = Callable[[Path, Entity], contextlib.AbstractContextManager[Entity]]


@dataclass(frozen=True)
class Product:
    """A product, what is expected of it, how it starts, and whether it can call us back."""

    file: str
    missing: Callable[[], str]
    start: Start
    calls_back: bool = True

    @property
    def expected(self) -> dict[str, Any]:
        return tomllib.loads(Path(__file__).with_name(self.file).read_text(encoding="utf-8"))

    @property
    def findings(self) -> dict[str, dict[str, str]]:
        return {row["rule"]: row for row in self.expected["finding"]}


PRODUCTS = (
    Product("storescp-3.6.7.toml", lambda: dcmtk.missing("storescp"), lambda folder, _: dcmtk.storescp(folder), False),
    Product("dcmqrscp-3.6.7.toml", lambda: dcmtk.missing("dcmqrscp"), dcmtk.dcmqrscp),
    Product("wlmscpfs-3.6.7.toml", lambda: dcmtk.missing("wlmscpfs"), lambda folder, _: dcmtk.wlmscpfs(folder), False),
    Product("orthanc-dimse-1.10.1.toml", orthanc.missing, orthanc.with_dicom),
    Product("pynetdicom-3.0.4.toml", pynetdicom_ae.missing, pynetdicom_ae.qrscp),
)
everything = pytest.mark.parametrize("product", PRODUCTS, ids=lambda p: p.file.removesuffix(".toml"))


@everything
def test_every_expected_finding_says_why_the_product_is_wrong_by_the_text(product: Product) -> None:
    for rule, row in product.findings.items():
        assert "PS3." in row["why"], f"{rule}: name the clause"


@pytest.fixture(scope="module", params=PRODUCTS, ids=lambda p: p.file.removesuffix(".toml"))
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Product, list[Verdict]]:
    product: Product = request.param
    if why := product.missing():
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("product")
    here = Entity("DICOMPROOF", dcmtk.HERE, dcmtk.free_port())
    with product.start(folder / "server", here) as entity:
        side = Dimse(entity, listen=here if product.calls_back else None)
        check(Target(entity.url, dimse=side, deadline=PATIENCE), Options(folder / "out", seed=1, nonce="DIMSE"))
    run = read(folder / "out")
    broken = [note["text"] for note in run.notes if note["about"] == "error"]
    assert not broken, "\n".join(broken)
    return product, list(run.verdicts)


def test_the_verdicts_are_the_expected_ones(seen: tuple[Product, list[Verdict]]) -> None:
    product, verdicts = seen
    red = {v.rule: v.outcome.value for v in verdicts if v.outcome in RED}
    assert red == {rule: row["outcome"] for rule, row in product.findings.items()}, "\n".join(_told(verdicts))


def test_what_the_product_can_do_was_exercised(seen: tuple[Product, list[Verdict]]) -> None:
    """Each service that it has is judged by what it answered, so that silence is not taken for conformance."""
    product, verdicts = seen
    passed = {v.service for v in verdicts if v.outcome is Outcome.PASS}
    assert set(product.expected["services"]) <= passed


def _told(verdicts: list[Verdict]) -> Iterator[str]:
    for verdict in verdicts:
        if verdict.outcome in RED:
            for finding in verdict.findings[:3]:
                yield f"{verdict.rule}: {finding.seq} {finding.where}: {finding.got}; want {finding.want}"
