"""C-STORE of Non-Patient Instances (PS3.4 GG): they go where the web service finds them, and to no study."""

from __future__ import annotations

import pytest

from harness.make.modules import item
from harness.make.nonpatient import Maker
from harness.upper_layer.message import Message, find_rq, get_rq, response, store_rq
from harness.upper_layer.offer import Role
from simulators.archive.archive import Archive
from simulators.dimse.serve import Served

from .conftest import EXPLICIT, IMPLICIT, Dialled, ask, octets_of

HANGING = "1.2.840.10008.5.1.4.38.1"
FIND, GET = "1.2.840.10008.5.1.4.38.2", "1.2.840.10008.5.1.4.38.4"


def test_an_instance_is_stored_in_its_category(archive: Archive, door: Served, dial: Dialled) -> None:
    for syntax in (EXPLICIT, IMPLICIT):
        made = Maker("tests", syntax)("hanging")
        scu = dial(door, (made.sop_class, (syntax,)))
        (answer,) = ask(scu, store_rq(1, 1, made.sop_class, made.uid, octets_of(made.dataset, syntax)))
        assert (answer.status, answer.instance) == (0, made.uid)
        held = archive.nonpatient.get("hanging-protocols", made.uid)
        assert held is not None
        assert held.transfer_syntax == syntax
    assert not list((archive.folder / "files").rglob("*.dcm"))


def test_another_instance_under_its_uid_is_refused(archive: Archive, door: Served, dial: Dialled) -> None:
    make = Maker("tests")
    made = make("palette")
    scu = dial(door, (made.sop_class, (EXPLICIT,)))
    assert ask(scu, store_rq(1, 1, made.sop_class, made.uid, octets_of(made.dataset)))[0].status == 0
    other = make.again(made, ContentLabel="OTHER").dataset
    assert ask(scu, store_rq(1, 2, made.sop_class, made.uid, octets_of(other)))[0].status != 0
    held = archive.nonpatient.get("color-palettes", made.uid)
    assert held is not None
    assert b"OTHER" not in held.path.read_bytes()


@pytest.mark.filterwarnings("ignore:Invalid value for VR DT")
def test_instances_are_found_by_their_keys(archive: Archive, door: Served, dial: Dialled) -> None:
    make = Maker("tests")
    made = [make("hanging") for _ in range(2)]
    scu = dial(door, (HANGING, (EXPLICIT,)), (FIND, (EXPLICIT,)))
    for number, one in enumerate(made, 1):
        assert ask(scu, store_rq(1, number, HANGING, one.uid, octets_of(one.dataset)))[0].status == 0
    asked = item(SOPInstanceUID="", HangingProtocolName="H_*", HangingProtocolLevel="SITE")
    *found, last = ask(scu, find_rq(3, 5, FIND, octets_of(asked)))
    assert (last.status, [answer.status for answer in found]) == (0, [0xFF00])
    assert made[0].uid.encode() in found[0].dataset_octets()
    asked = item(HangingProtocolCreationDateTime="20241399")
    assert [answer.status for answer in ask(scu, find_rq(3, 6, FIND, octets_of(asked)))] == [0xA900]


def test_instances_are_fetched_by_their_uids(archive: Archive, door: Served, dial: Dialled) -> None:
    made = Maker("tests")("hanging")
    storing = dial(door, (HANGING, (EXPLICIT,)))
    assert ask(storing, store_rq(1, 1, HANGING, made.uid, octets_of(made.dataset)))[0].status == 0
    got: list[str] = []

    def receive(message: Message) -> list[Message]:
        got.append(message.instance)
        return [response(message, 0)]

    scu = dial(door, (GET, (EXPLICIT,)), (HANGING, (EXPLICIT,)), serve=receive, roles=(Role(HANGING, 0, 1),))
    for uid, status in (("1.2.3", 0), (made.uid, 0), ("", 0xA900)):
        asked = octets_of(item(SOPInstanceUID=uid))
        assert ask(scu, get_rq(1, scu.next_id(), GET, asked))[-1].status == status
    assert got == [made.uid]
