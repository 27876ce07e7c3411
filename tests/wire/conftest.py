"""What the tests of the readers share: here nothing is remembered, each test reads for itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.wire import remember


@pytest.fixture(autouse=True, scope="package")
def nothing_remembered() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remember, "SMALL", -1)
        yield
