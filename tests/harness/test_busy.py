"""A target that has no room for our associations: the run says so, and nobody takes silence for conformance."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from harness.association import Association
from harness.blobs import Blobs
from harness.clerk import Desk
from harness.make.associations import told
from harness.session import Session
from harness.upper_layer.encode import associate_rj, associate_rq
from harness.upper_layer.offer import IMPLICIT, Offer, Rejection, propose
from tests.associations import association


class Nobody:
    """A desk that takes everything and finds nothing."""

    def take(self, x: Any) -> list[Any]:
        return []


def rejected(result: int) -> Association:
    offer = Offer(propose([("1.2.840.10008.1.1", [IMPLICIT])]), called="PACS", calling="WE")
    asked = associate_rq(offer).encode()
    return told([("requestor", asked), ("acceptor", associate_rj(Rejection(result, 3, 2)).encode())])


def session(folder: Path) -> Session:
    return Session(cast(Desk, Nobody()), Blobs(folder), "", 1, "N", lambda: cast(Any, None))


def test_a_target_that_turns_most_associations_away_is_called_busy(tmp_path: Path) -> None:
    run = session(tmp_path)
    run.associated(association())
    run.associated(rejected(2))
    assert run.busy == ""
    run.associated(rejected(2))
    assert run.busy.startswith("2 of 3 associations were rejected as transient")
    run.settle()


def test_rejections_for_good_and_those_we_provoked_are_no_sign_of_it(tmp_path: Path) -> None:
    run = session(tmp_path)
    run.associated(rejected(1))
    run.associated(rejected(2).but(facts={"provoked": "too many"}))
    assert run.busy == ""
    run.settle()
