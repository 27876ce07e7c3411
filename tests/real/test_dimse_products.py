"""Products that speak DIMSE, each checked whole: verdicts are those of its committed file, no more and no fewer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real import dcmtk, orthanc, pynetdicom_ae
from tests.real.products import Product, compare, verdicts_of

PRODUCTS = (
    Product("orthanc-dimse-1.10.1.toml", orthanc.missing, orthanc.with_dicom),
    Product("pynetdicom-3.0.4.toml", pynetdicom_ae.missing, pynetdicom_ae.qrscp),
    Product("dcmqrscp-3.6.7.toml", lambda: dcmtk.missing("dcmqrscp"), dcmtk.dcmqrscp),
    Product("storescp-3.6.7.toml", lambda: dcmtk.missing("storescp"), lambda folder, _: dcmtk.storescp(folder), False),
    Product("wlmscpfs-3.6.7.toml", lambda: dcmtk.missing("wlmscpfs"), lambda folder, _: dcmtk.wlmscpfs(folder), False),
)


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda p: p.file.removesuffix(".toml"))
def test_the_verdicts_are_the_expected_ones(product: Product, tmp_path: Path) -> None:
    compare(product, verdicts_of(product, tmp_path))
