"""Verification and Storage over a socket: what is acknowledged is there, whole; what is not left nothing behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydicom.uid import JPEGBaseline8Bit

from harness.body import Body
from harness.upper_layer.message import echo_rq, store_rq
from simulators.archive.archive import Archive
from simulators.dimse.serve import Served

from .conftest import BIG, CT, EXPLICIT, IMPLICIT, SC, Dialled, ask, make, octets_of, read_file

ECHO = "1.2.840.10008.1.1"


def test_echo_is_answered_by_success(door: Served, dial: Dialled) -> None:
    scu = dial(door, (ECHO, (IMPLICIT,)))
    (answer,) = ask(scu, echo_rq(1, 7))
    assert (answer.name, answer.status, answer.responded, answer.sop_class) == ("C-ECHO-RSP", 0, 7, ECHO)
    assert scu.release()


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG])
def test_an_instance_is_stored_as_it_came(archive: Archive, door: Served, dial: Dialled, syntax: str) -> None:
    octets = octets_of(make(), syntax)
    scu = dial(door, (SC, (syntax,)))
    (answer,) = ask(scu, store_rq(1, 1, SC, "1.2.1.1.1", octets))
    assert (answer.status, answer.instance) == (0, "1.2.1.1.1")
    (held,) = archive.select("1.2.1")
    assert held.path.read_bytes()[held.dataset_at :] == octets
    head = read_file(held.path).file_meta
    assert (head.TransferSyntaxUID, head.SourceApplicationEntityTitle) == (syntax, "TESTER")
    assert head.MediaStorageSOPInstanceUID == "1.2.1.1.1"


def test_encapsulated_pixels_are_kept(archive: Archive, door: Served, dial: Dialled) -> None:
    dataset = make()
    del dataset.PixelData
    fragments = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\x04\0\0\0\xff\xd8\xff\xd9\xfe\xff\xdd\xe0\0\0\0\0"
    octets = octets_of(dataset) + b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + fragments
    scu = dial(door, (SC, (JPEGBaseline8Bit,)))
    (answer,) = ask(scu, store_rq(1, 1, SC, "1.2.1.1.1", octets))
    assert answer.status == 0
    assert archive.select("1.2.1")[0].transfer_syntax == JPEGBaseline8Bit


def test_many_instances_over_one_association(archive: Archive, door: Served, dial: Dialled) -> None:
    scu = dial(door, (SC, (EXPLICIT,)))
    for number in range(1, 6):
        uid = f"1.2.1.1.{number}"
        assert ask(scu, store_rq(1, number, SC, uid, octets_of(make(instance=uid))))[0].status == 0
    assert len(archive.select("1.2.1")) == 5


def test_a_large_instance_does_not_pass_through_memory(archive: Archive, door: Served, dial: Dialled, tmp_path) -> None:
    head = octets_of(make(Rows=4096, Columns=4096, NumberOfFrames="1"))
    head = head[: head.index(b"\xe0\x7f\x10\x00OW")]
    size = 4096 * 4096 * 2
    large = tmp_path / "large"
    large.write_bytes(head + b"\xe0\x7f\x10\x00OW\0\0" + size.to_bytes(4, "little") + bytes(size))
    scu = dial(door, (SC, (EXPLICIT,)))
    (answer,) = ask(scu, store_rq(1, 1, SC, "1.2.1.1.1", Body.file(large)))
    assert answer.status == 0, answer
    assert archive.select("1.2.1")[0].size > size


@pytest.mark.parametrize(
    ("request_of", "status"),
    [
        (lambda o: store_rq(1, 1, SC, "1.2.1.1.9", o), 0xA900),  # another instance than the data set says
        (lambda o: store_rq(1, 1, SC, "1.2.1.01", o), 0x0117),
        (lambda o: store_rq(1, 1, CT, "1.2.1.1.1", o), 0x0122),  # the context is for another class
        (lambda o: store_rq(1, 1, SC, "1.2.1.1.1", o[:-5]), 0xC000),
        (lambda o: store_rq(1, 1, SC, "1.2.1.1.1", b""), 0xA900),
        (lambda o: store_rq(1, 1, SC, "1.2.1.1.1", None), 0x0212),
    ],
    ids=["instance", "no UID", "class", "cut", "empty", "no data set"],
)
def test_what_cannot_be_stored_leaves_nothing(
    archive: Archive, door: Served, dial: Dialled, request_of: Callable, status: int
) -> None:
    scu = dial(door, (SC, (EXPLICIT,)))
    (answer,) = ask(scu, request_of(octets_of(make())))
    assert answer.status == status
    assert len(answer.text("ErrorComment")) <= 64
    assert not archive.study_exists("1.2.1")
    assert not list(archive.folder.glob("files/*/*"))
    (good,) = ask(scu, store_rq(1, 2, SC, "1.2.1.1.1", octets_of(make())))
    assert good.status == 0, "the association goes on"


def test_an_association_that_breaks_off_leaves_nothing(archive: Archive, door: Served, dial: Dialled) -> None:
    scu = dial(door, (SC, (EXPLICIT,)))
    scu.machine.send(store_rq(1, 1, SC, "1.2.1.1.1", bytes(3 << 20)))
    scu.line.push([b"".join(scu.machine.pieces_to_send(1 << 20))], scu.line.deadline())
    scu.reset()
    again = dial(door, (ECHO, (IMPLICIT,)))
    assert ask(again, echo_rq(1, 1))[0].status == 0
    assert again.release()
    deadline = 200
    while list(archive.folder.glob("files/*/*")) and deadline:
        deadline -= 1
        ask_again = dial(door, (ECHO, (IMPLICIT,)))
        ask(ask_again, echo_rq(1, 1))
    assert not list(archive.folder.glob("files/*/*"))


def test_the_operation_has_to_be_one_of_the_class(door: Served, dial: Dialled) -> None:
    scu = dial(door, (SC, (EXPLICIT,)))
    (answer,) = ask(scu, echo_rq(1, 1, SC))
    assert answer.status == 0x0211
    (answer,) = ask(scu, echo_rq(1, 2))
    assert answer.status == 0x0122
