"""How a product that speaks DIMSE is checked whole, and its verdicts compared with a committed file."""

from __future__ import annotations

import contextlib
import os
import tomllib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dicomproof.run import Options, check
from harness.entity import Entity
from harness.record import read
from harness.target import Dimse, Target
from harness.verdict import Outcome, Verdict
from tests.real import dcmtk

RED = (Outcome.ERROR, Outcome.FAIL, Outcome.WARN)
PATIENCE = 2.0  # seconds for an answer on one machine; how long silence is waited for is most of a run
LONG = 15.0  # the same where it is looked at twice
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
    def findings(self) -> dict[str, dict[str, Any]]:
        """Rule -> what is expected; `sometimes` marks what hangs on who is faster, the product or our C-CANCEL."""
        return {row["rule"]: row for row in self.expected["finding"]}

    def odd(self, verdicts: list[Verdict]) -> set[str]:
        """The rules whose outcome is not the expected one; what is found sometimes may be found or not."""
        got = {v.rule: v.outcome.value for v in verdicts if v.outcome in RED}
        rows = self.findings.items()
        due = {rule: row["outcome"] for rule, row in rows if rule in got or not row.get("sometimes")}
        return {rule for rule in got.keys() | due.keys() if got.get(rule) != due.get(rule)}


def verdicts_of(product: Product, folder: Path) -> list[Verdict]:
    """The verdicts of a whole run against the product; skips the test where it is not installed, but not in CI.

    What is not as expected is asked once more with more patience: on a busy machine an answer may come late.
    """
    if why := product.missing():
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    first = _checked(product, folder / "first", PATIENCE)
    doubted = product.odd(first)
    if not doubted:
        return first
    second = _checked(product, folder / "again", LONG, ",".join(sorted(doubted)))
    again = {v.rule: v for v in second if v.rule in doubted}
    return [again.get(v.rule, v) for v in first]


def _checked(product: Product, folder: Path, deadline: float, only: str = "") -> list[Verdict]:
    here = Entity("DICOMPROOF", dcmtk.HERE, dcmtk.free_port())
    with product.start(folder / "server", here) as entity:
        side = Dimse(entity, listen=here if product.calls_back else None)
        target = Target(entity.url, dimse=side, deadline=deadline)
        check(target, Options(folder / "out", only, seed=1, nonce="DIMSE"))
    run = read(folder / "out")
    broken = [note["text"] for note in run.notes if note["about"] == "error"]
    assert not broken, "\n".join(broken)
    return list(run.verdicts)


def compare(product: Product, verdicts: list[Verdict]) -> None:
    """The verdicts are the expected ones, each with its clause, and each service that the product has was judged by
    what it answered, so that silence is not taken for conformance."""
    for rule, row in product.findings.items():
        assert "PS3." in row["why"], f"{rule}: name the clause"
    odd = product.odd(verdicts)
    assert not odd, "\n".join(_told(verdicts, odd))
    assert set(product.expected["services"]) <= {v.service for v in verdicts if v.outcome is Outcome.PASS}


def _told(verdicts: list[Verdict], rules: Collection[str]) -> Iterator[str]:
    for verdict in verdicts:
        if verdict.rule in rules:
            yield f"{verdict.rule}: {verdict.outcome.value} {verdict.why}"
            for finding in verdict.findings[:3]:
                yield f"    {finding.seq} {finding.where}: {finding.got}; want {finding.want}"
