"""pynetdicom as an SCP, checked whole: verdicts are those of the committed file, no more and no fewer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real import pynetdicom_ae
from tests.real.products import Product, compare, verdicts_of

PRODUCTS = (Product("pynetdicom-3.0.4.toml", pynetdicom_ae.missing, pynetdicom_ae.qrscp),)


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda p: p.file.removesuffix(".toml"))
def test_the_verdicts_are_the_expected_ones(product: Product, tmp_path: Path) -> None:
    compare(product, verdicts_of(product, tmp_path))
