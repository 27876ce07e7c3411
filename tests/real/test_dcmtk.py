"""The SCPs of DCMTK, checked whole: verdicts are those of the committed files, no more and no fewer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real import dcmtk
from tests.real.products import Product, compare, verdicts_of

PRODUCTS = (
    Product("storescp-3.6.7.toml", lambda: dcmtk.missing("storescp"), lambda folder, _: dcmtk.storescp(folder), False),
    Product("dcmqrscp-3.6.7.toml", lambda: dcmtk.missing("dcmqrscp"), dcmtk.dcmqrscp),
    Product("wlmscpfs-3.6.7.toml", lambda: dcmtk.missing("wlmscpfs"), lambda folder, _: dcmtk.wlmscpfs(folder), False),
)


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda p: p.file.removesuffix(".toml"))
def test_the_verdicts_are_the_expected_ones(product: Product, tmp_path: Path) -> None:
    compare(product, verdicts_of(product, tmp_path))
