"""C-GET and C-MOVE: what is selected, in which syntax it comes, what is counted, and whose troubles are whose."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless

from harness.association import Association, Tape
from harness.blobs import Blobs
from harness.talk.dimse import Dial
from harness.upper_layer.message import Message, cancel_rq, get_rq, move_rq, response
from harness.upper_layer.offer import Abort, Extended, Role
from simulators.archive.archive import Archive
from simulators.dimse.link import Patience, Peer
from simulators.dimse.serve import Served, Setup, serve
from simulators.dimse.visit import Mutation

from .conftest import (
    BIG,
    CT,
    EXPLICIT,
    IMPLICIT,
    SC,
    Dialled,
    ask,
    dataset_of,
    identifier,
    make,
    octets_of,
    put,
)

GET, MOVE = "1.2.840.10008.5.1.4.1.2.2.3", "1.2.840.10008.5.1.4.1.2.2.2"
PATIENT_GET = "1.2.840.10008.5.1.4.1.2.1.3"


@pytest.fixture
def filled(archive: Archive) -> Archive:
    put(
        archive,
        make("1.2.1", "1.2.1.1", "1.2.1.1.1"),
        make("1.2.1", "1.2.1.1", "1.2.1.1.2", InstanceNumber="2"),
        make("1.2.1", "1.2.1.2", "1.2.1.2.1", SeriesNumber="2"),
        make("1.2.2", "1.2.2.1", "1.2.2.1.1", PatientID="P2"),
    )
    return archive


def counters(answer: Message) -> tuple[Any, ...]:
    names = ("Remaining", "Completed", "Failed", "Warning")
    return tuple(answer.command.get(f"NumberOf{name}Suboperations") for name in names)


def failed(answer: Message) -> list[str]:
    found = dataset_of(answer.dataset_octets()).FailedSOPInstanceUIDList
    return [found] if isinstance(found, str) else list(found)


class Receiver:
    """Keeps what comes and answers with the statuses it was given, the last one from then on."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses) or [0]
        self.got: list[Message] = []

    def __call__(self, message: Message) -> Iterable[Message | Abort]:
        self.got.append(message)
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return [response(message, status)]

    @property
    def instances(self) -> list[str]:
        return [message.instance for message in self.got]


def getting(dial: Dialled, served: Served, receiver: Receiver, syntax: str = EXPLICIT, **offer: Any) -> Dial:
    roles = (Role(SC, 0, 1),)
    return dial(served, (GET, (EXPLICIT,)), (SC, (syntax,)), (PATIENT_GET, (EXPLICIT,)), serve=receiver, roles=roles,
                **offer)  # fmt: skip


def get(scu: Dial, **values: Any) -> list[Message]:
    return ask(scu, get_rq(1, scu.next_id(), GET, octets_of(identifier(**values))))


# --- C-GET ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.2.1"}, ["1.2.1.1.1", "1.2.1.1.2", "1.2.1.2.1"]),
        ({"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": ["1.2.2", "9.9"]}, ["1.2.2.1.1"]),
        ({"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": "1.2.1", "SeriesInstanceUID": "1.2.1.2"}, ["1.2.1.2.1"]),
        (
            {"QueryRetrieveLevel": "IMAGE", "StudyInstanceUID": "1.2.1", "SeriesInstanceUID": "1.2.1.1",
             "SOPInstanceUID": ["1.2.1.1.2", "1.2.1.2.1"]}, ["1.2.1.1.2"],
        ),
        ({"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "9.9"}, []),
    ],
)  # fmt: skip
def test_get(filled: Archive, door: Served, dial: Dialled, values: dict[str, Any], expected: list[str]) -> None:
    receiver = Receiver()
    scu = getting(dial, door, receiver)
    *pending, final = get(scu, **values)
    assert (receiver.instances, final.status) == (expected, 0)
    assert counters(final) == (None, len(expected), 0, 0)
    assert not final.has_data
    assert [counters(p) for p in pending] == [(len(expected) - n, n, 0, 0) for n in range(1, len(expected))]
    assert scu.release()


def test_get_of_a_patient(filled: Archive, door: Served, dial: Dialled) -> None:
    receiver = Receiver()
    scu = getting(dial, door, receiver)
    octets = octets_of(identifier(QueryRetrieveLevel="PATIENT", PatientID="P1"))
    assert ask(scu, get_rq(5, 1, PATIENT_GET, octets))[-1].status == 0
    assert len(receiver.got) == 3


def test_what_is_got_is_what_was_stored(filled: Archive, door: Served, dial: Dialled) -> None:
    receiver = Receiver()
    get(getting(dial, door, receiver), QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.2")
    (held,) = filled.select("1.2.2")
    assert receiver.got[0].dataset_octets() == held.path.read_bytes()[held.dataset_at :]
    assert "MoveOriginatorMessageID" not in receiver.got[0].command


@pytest.mark.parametrize("syntax", [IMPLICIT, BIG])
def test_native_instances_come_in_the_syntax_of_the_context(
    filled: Archive, door: Served, dial: Dialled, syntax: str
) -> None:
    receiver = Receiver()
    *_, final = get(getting(dial, door, receiver, syntax), QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.2")
    assert final.status == 0
    came = dataset_of(receiver.got[0].dataset_octets(), syntax)
    wanted = make("1.2.2", "1.2.2.1", "1.2.2.1.1", PatientID="P2")
    if syntax == BIG:
        words = came.PixelData
        came.PixelData = bytes(octet for at in range(0, len(words), 2) for octet in (words[at + 1], words[at]))
    came.decode()
    assert came == wanted


@pytest.mark.parametrize(
    ("statuses", "status", "numbers"),
    [
        ([0, 0xA700, 0], 0xB000, (None, 2, 1, 0)),
        ([0xB000], 0xB000, (None, 0, 0, 3)),
        ([0xC000], 0xA702, (None, 0, 3, 0)),
        ([0xB007, 0, 0], 0xB000, (None, 2, 0, 1)),
    ],
)
def test_the_final_status_says_how_it_went(
    filled: Archive, door: Served, dial: Dialled, statuses: list[int], status: int, numbers: tuple[Any, ...]
) -> None:
    receiver = Receiver(*statuses)
    *_, final = get(getting(dial, door, receiver), QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1")
    assert (final.status, counters(final)) == (status, numbers)
    if numbers[2]:
        assert len(failed(final)) == numbers[2]
    else:
        assert not final.has_data


def test_an_instance_without_a_context_fails_alone(filled: Archive, door: Served, dial: Dialled) -> None:
    put(filled, make("1.2.1", "1.2.1.3", "1.2.1.3.1", SOPClassUID=CT, SeriesNumber="3"))
    receiver = Receiver()
    *_, final = get(getting(dial, door, receiver), QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1")
    assert (final.status, counters(final), failed(final)) == (0xB000, (None, 3, 1, 0), ["1.2.1.3.1"])


def test_without_the_scp_role_nothing_is_sent(filled: Archive, door: Served, dial: Dialled) -> None:
    receiver = Receiver()
    scu = dial(door, (GET, (EXPLICIT,)), (SC, (EXPLICIT,)), serve=receiver)
    *_, final = get(scu, QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.2")
    assert (final.status, receiver.got) == (0xA702, [])


def test_compressed_instances_come_in_their_own_syntax_only(archive: Archive, door: Served, dial: Dialled) -> None:
    dataset = make()
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    fragments = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\x04\0\0\0\xff\xd8\xff\xd9"
    dataset.PixelData = fragments
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    put(archive, dataset, syntax=JPEGBaseline8Bit)
    native, own = Receiver(), Receiver()
    *_, final = get(getting(dial, door, native), QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1")
    assert (final.status, native.got) == (0xA702, [])
    *_, final = get(getting(dial, door, own, JPEGBaseline8Bit), QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1")
    assert (final.status, own.instances) == (0, ["1.2.1.1.1"])


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_compressed_pixels_are_decoded_for_who_takes_no_compression(
    archive: Archive, door: Served, dial: Dialled, syntax: str
) -> None:
    dataset = make()
    plain = dataset.PixelData
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.compress(RLELossless, generate_instance_uid=False)
    put(archive, dataset, syntax=RLELossless)
    receiver = Receiver()
    *_, final = get(getting(dial, door, receiver, syntax), QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1")
    assert final.status == 0
    (got,) = (dataset_of(message.dataset_octets(), syntax) for message in receiver.got)
    shown = got.PixelData if syntax != BIG else numpy.frombuffer(got.PixelData, ">u2").astype("<u2").tobytes()
    assert shown == plain
    assert (got.SOPInstanceUID, got.PhotometricInterpretation, got.BitsAllocated) == ("1.2.1.1.1", "MONOCHROME2", 16)


@pytest.mark.parametrize(
    "values",
    [
        {"StudyInstanceUID": "1.2.1"},
        {"QueryRetrieveLevel": "PATIENT", "PatientID": "P1"},
        {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": ""},
        {"QueryRetrieveLevel": "SERIES", "SeriesInstanceUID": "1.2.1.1"},
        {"QueryRetrieveLevel": "IMAGE", "StudyInstanceUID": "1.2.1", "SeriesInstanceUID": ["1.2.1.1", "1.2.1.2"],
         "SOPInstanceUID": "1.2.1.1.1"},
    ],
)  # fmt: skip
def test_an_identifier_without_its_unique_keys_is_refused(
    filled: Archive, door: Served, dial: Dialled, values: dict[str, Any]
) -> None:
    (answer,) = get(getting(dial, door, Receiver()), **values)
    assert answer.status == 0xA900


def test_relational_retrieval_needs_no_keys_above(filled: Archive, door: Served, dial: Dialled) -> None:
    receiver = Receiver()
    scu = getting(dial, door, receiver, extended=(Extended(GET, b"\1\1"),))
    assert scu.machine.acceptance is not None
    assert scu.machine.acceptance.extended == (Extended(GET, b"\1\0"),)
    *_, final = get(scu, QueryRetrieveLevel="IMAGE", SOPInstanceUID=["1.2.2.1.1", "1.2.1.2.1"])
    assert (final.status, sorted(receiver.instances)) == (0, ["1.2.1.2.1", "1.2.2.1.1"])


def test_a_cancelled_get_tells_what_is_left(archive: Archive, door: Served, dial: Dialled) -> None:
    put(archive, *(make(instance=f"1.2.1.1.{n}", InstanceNumber=str(n)) for n in range(1, 30)))
    made: list[Dial] = []

    def serve(message: Message) -> list[Message]:
        return [cancel_rq(1, 1), response(message, 0)] if message.id == 3 else [response(message, 0)]

    scu = getting(dial, door, serve)  # type: ignore[arg-type]
    made.append(scu)
    *_, final = get(scu, QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1")
    remaining, completed, *rest = counters(final)
    assert (final.status, rest) == (0xFE00, [0, 0])
    assert completed in (3, 4)
    assert remaining + completed == 29


def test_a_requestor_that_goes_away_in_the_middle_harms_nobody(filled: Archive, door: Served, dial: Dialled) -> None:
    scu = getting(dial, door, lambda message: [Abort(0, 0)])  # type: ignore[arg-type]
    assert list(scu.responses(get_rq(1, 1, GET, octets_of(
        identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1"))))) == []  # fmt: skip
    *_, final = get(getting(dial, door, Receiver()), QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1")
    assert final.status == 0


# --- C-MOVE --------------------------------------------------------------------------------------------------------


def move(scu: Dial, destination: str, **values: Any) -> list[Message]:
    return ask(scu, move_rq(1, 77, MOVE, destination, octets_of(identifier(**values))))


@pytest.fixture
def other(tmp_path: Path) -> Iterable[tuple[Archive, Served]]:
    """A second archive behind a door of its own, as the destination OTHER."""
    archive = Archive(tmp_path / "other")
    with serve(archive, "OTHER") as served:
        yield archive, served
    archive.close()


def mover(opened: Callable[..., Served], dial: Dialled, *entities: tuple[str, int], **setup: Any) -> Dial:
    peers = {title: Peer("127.0.0.1", port) for title, port in entities}
    patience = Patience(2, 2, 2)
    return dial(opened(peers=peers, patience=patience, **setup), (MOVE, (EXPLICIT,)))


def test_move(filled: Archive, opened: Callable[..., Served], dial: Dialled, other: tuple[Archive, Served]) -> None:
    scu = mover(opened, dial, ("OTHER", other[1].port))
    *pending, final = move(scu, "OTHER", QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1")
    assert (final.status, counters(final), len(pending)) == (0, (None, 3, 0, 0), 2)
    assert [h.instance for h in other[0].select("1.2.1")] == [h.instance for h in filled.select("1.2.1")]
    before, after = filled.select("1.2.1")[0], other[0].select("1.2.1")[0]
    assert after.path.read_bytes()[after.dataset_at :] == before.path.read_bytes()[before.dataset_at :]


def test_the_association_with_a_destination_is_released(
    filled: Archive, opened: Callable[..., Served], dial: Dialled, tmp_path: Path
) -> None:
    blobs, ended = Blobs(tmp_path / "heard"), threading.Event()
    heard: list[Association] = []

    @contextmanager
    def observe() -> Iterator[Tape]:
        tape = Tape(blobs)
        yield tape
        heard.append(tape.finish())
        ended.set()

    with closing(Archive(tmp_path / "third")) as third, serve(third, "THIRD", setup=Setup(observe=observe)) as served:
        scu = mover(opened, dial, ("THIRD", served.port))
        move(scu, "THIRD", QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1")
        scu.close()  # whoever asked is gone; the destination is left in order all the same
        assert ended.wait(10)
    assert [(one.ending, len(one.operations)) for one in heard] == [("release", 3)]


def test_an_unknown_destination_is_said_to_be_so(filled: Archive, opened: Callable[..., Served], dial: Dialled) -> None:
    (answer,) = move(mover(opened, dial), "NOWHERE", QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1")
    assert answer.status == 0xA801


def test_a_destination_that_is_not_there_fails_all(
    filled: Archive, opened: Callable[..., Served], dial: Dialled
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        scu = mover(opened, dial, ("DEAD", unused.getsockname()[1]))
        *_, final = move(scu, "DEAD", QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1")
    assert (final.status, counters(final)) == (0xA702, (None, 0, 3, 0))
    assert failed(final) == ["1.2.1.1.1", "1.2.1.1.2", "1.2.1.2.1"]


def test_a_mute_destination_costs_its_own_time_only(
    filled: Archive, opened: Callable[..., Served], dial: Dialled, other: tuple[Archive, Served]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        peers = {"MUTE": Peer("127.0.0.1", mute.getsockname()[1]), "OTHER": Peer("127.0.0.1", other[1].port)}
        door = opened(peers=peers, patience=Patience(1, 0.3, 0.3))
        slow, fast = dial(door, (MOVE, (EXPLICIT,))), dial(door, (MOVE, (EXPLICIT,)))
        results: list[Message] = []
        thread = threading.Thread(target=lambda: results.append(
            move(slow, "MUTE", QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1")[-1]))  # fmt: skip
        thread.start()
        assert move(fast, "OTHER", QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1")[-1].status == 0
        thread.join()
    assert results[0].status == 0xA702


def test_a_move_to_a_mute_destination_can_be_cancelled(
    filled: Archive, opened: Callable[..., Served], dial: Dialled
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        door = opened(peers={"MUTE": Peer("127.0.0.1", mute.getsockname()[1])}, patience=Patience(60, 60, 60))
        scu = dial(door, (MOVE, (EXPLICIT,)))
        octets = octets_of(identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1"))
        scu.send(move_rq(1, 5, MOVE, "MUTE", octets))
        scu.send(cancel_rq(1, 5))
        while (answer := scu.receive()) is not None and answer.pending:
            pass
    assert answer is not None
    assert (answer.status, counters(answer)[0]) in [(0xFE00, 2), (0xFE00, 3)]


def test_the_originator_is_named(filled: Archive, opened: Callable[..., Served], dial: Dialled) -> None:
    with_door = Scripted()
    with with_door as port:
        scu = mover(opened, dial, ("OTHER", port))
        move(scu, "OTHER", QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.2")
    (came,) = with_door.got
    assert came.command["MoveOriginatorApplicationEntityTitle"] == "TESTER"
    assert came.command["MoveOriginatorMessageID"] == 77


class Scripted:
    """A destination by pynetdicom, which keeps the requests it got."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    def __enter__(self) -> int:
        pynetdicom = pytest.importorskip("pynetdicom")
        evt = pynetdicom.evt
        ae = pynetdicom.AE(ae_title="OTHER")
        ae.add_supported_context(SC, [EXPLICIT, IMPLICIT])
        self._server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)])
        return int(self._server.socket.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()

    def _store(self, event: Any) -> int:
        request = event.request
        self.got.append(Message(1, {
            "MoveOriginatorApplicationEntityTitle": request.MoveOriginatorApplicationEntityTitle.strip(),
            "MoveOriginatorMessageID": request.MoveOriginatorMessageID}))  # fmt: skip
        return 0


def test_a_mutant_may_wait_for_all_that_a_retrieval_says(filled: Archive, dial: Dialled) -> None:
    """What it waits for includes our own responses to the sub-operations, so it must not hold up what reads them."""
    with serve(filled, "PROOF", mutate=Mutation(door=lambda request, door: list(door(request)))) as served:
        scu = dial(served, (GET, (EXPLICIT,)), (SC, (EXPLICIT,)), roles=(Role(SC, 0, 1),))
        wanted = octets_of(identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1"))
        *_, final = ask(scu, get_rq(1, 1, GET, wanted))
        assert (final.status, counters(final)) == (0, (None, 3, 0, 0))
        assert scu.release()
