"""The SCU and the listener against peers that others wrote: DCMTK's programs and pynetdicom."""

from __future__ import annotations

import io
import threading

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, StoragePresentationContexts, evt
from pynetdicom.sop_class import (
    BasicFilmSession,
    ModalityPerformedProcedureStep,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from harness.make.write import raw_dataset
from harness.talk.dialogue import VERIFICATION
from harness.talk.listener import Listener, Manner
from harness.upper_layer.message import echo_rq
from harness.upper_layer.negotiate import Policy
from harness.upper_layer.offer import EXPLICIT, IMPLICIT, Abort, Role, Window
from tests.talk.conftest import QUICK, needs_dcmtk, part10, run

FIND, GET, MOVE = (
    str(uid)
    for uid in (
        StudyRootQueryRetrieveInformationModelFind,
        StudyRootQueryRetrieveInformationModelGet,
        StudyRootQueryRetrieveInformationModelMove,
    )
)
MPPS, COMMITMENT, FILM = str(ModalityPerformedProcedureStep), str(StorageCommitmentPushModel), str(BasicFilmSession)


def contexts_of(samples):
    """One context for each pair of SOP Class and transfer syntax."""
    return [
        (VERIFICATION, [IMPLICIT]),
        *((c, [t]) for c, t in dict.fromkeys((s.sop_class, s.transfer_syntax) for s in samples)),
    ]


def query(**keys):
    ds = Dataset()
    ds.QueryRetrieveLevel = "STUDY"
    for keyword, value in keys.items():
        setattr(ds, keyword, value)
    return ds


@needs_dcmtk
def test_storescp_keeps_what_we_send(storescp, talk_to, samples):
    port, folder = storescp
    kept = [s for s in samples if s.transfer_syntax != "1.2.840.10008.1.2.1.99"]  # DCMTK without zlib turns it down
    with talk_to(port).associate(contexts_of(kept)) as a:
        assert a.open
        assert a.echo().status == 0
        replies = {s.instance: a.store(s).status for s in kept if a.accepts(s.sop_class, s.transfer_syntax)}
    assert set(replies.values()) == {0}
    assert len(replies) > len(samples) // 2
    received = {}
    for path in folder.rglob("*"):
        data = path.read_bytes()
        received[str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)] = raw_dataset(data)[1]
    for sample in kept:
        if sample.instance in replies:
            assert received[sample.instance] == raw_dataset(sample.part10)[1]
    association = a.association
    assert (association.ending, association.ended_by, association.complete) == ("release", "requestor", True)
    assert len(association.operations) == len(replies) + 1
    assert association.probe == "a probe"


@needs_dcmtk
def test_what_storescp_does_to_octets_that_are_no_pdu(storescp, talk_to):
    with talk_to(storescp[0]).connect(step="garbage", facts={"provoked": "no PDU"}) as c:
        assert c.say(b"GET / HTTP/1.0\r\n\r\n")
        c.until_closed(4)
        assert c.ended in ("close", "reset")
    assert (c.association.step, c.association.facts) == ("garbage", {"provoked": "no PDU"})
    with talk_to(storescp[0]).associate([(VERIFICATION, [IMPLICIT])]) as a:
        assert a.echo().status == 0


class Pynet:
    """An AE of pynetdicom with every service that the dialogue speaks."""

    def __init__(self, samples, destination=None, tls=None):
        self.samples = samples
        self.destination = destination
        self.cancelled = threading.Event()
        self.ae = AE("PEER")
        self.ae.supported_contexts = StoragePresentationContexts[:100]
        for uid in {s.sop_class for s in samples}:
            self.ae.add_supported_context(uid, ALL_TRANSFER_SYNTAXES, scu_role=True, scp_role=True)
            self.ae.add_requested_context(uid, EXPLICIT)
        for uid in (Verification, FIND, GET, MOVE, MPPS, COMMITMENT, FILM):
            self.ae.add_supported_context(uid, [IMPLICIT, EXPLICIT])
        handlers = [
            (evt.EVT_C_FIND, self.find), (evt.EVT_C_GET, self.get), (evt.EVT_C_MOVE, self.move),
            (evt.EVT_C_STORE, lambda e: 0xB000), (evt.EVT_N_CREATE, self.given), (evt.EVT_N_SET, self.given),
            (evt.EVT_N_GET, self.given), (evt.EVT_N_ACTION, self.given), (evt.EVT_N_DELETE, lambda e: 0x0112),
        ]  # fmt: skip
        self.server = self.ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers, ssl_context=tls)
        self.port = self.server.socket.getsockname()[1]

    def find(self, event):
        for number in range(int(event.identifier.get("NumberOfStudyRelatedInstances", 3))):
            if event.is_cancelled:
                self.cancelled.set()
                yield 0xFE00, None
                return
            yield 0xFF00, query(StudyInstanceUID=f"1.2.{number}")

    def get(self, event):
        yield len(self.samples)
        for sample in self.samples:
            yield 0xFF00, dcmread_bytes(sample.part10)

    def move(self, event):
        yield "127.0.0.1", self.destination
        yield len(self.samples)
        for sample in self.samples:
            yield 0xFF00, dcmread_bytes(sample.part10)

    def given(self, event):
        ds = Dataset()
        ds.PatientName = "Given^Back"
        return 0x0000, ds

    def close(self):
        self.server.shutdown()


def dcmread_bytes(data):
    return dcmread(io.BytesIO(data))


@pytest.fixture
def natives(samples):
    return [s for s in samples if s.transfer_syntax == EXPLICIT][:4]


@pytest.fixture
def pynet(natives):
    peer = Pynet(natives)
    yield peer
    peer.close()


def test_queries_with_and_without_cancel(pynet, talk_to):
    with talk_to(pynet.port).associate([(FIND, [IMPLICIT])]) as a:
        reply = a.find(FIND, query(StudyInstanceUID=""))
        assert (reply.status, len(reply.pending), len(reply.datasets)) == (0, 3, 3)
        assert reply.asked.name == "C-FIND-RQ"
        stopped = a.find(FIND, query(NumberOfStudyRelatedInstances=20000), cancel_after=2)
        assert stopped.status == 0xFE00
        assert pynet.cancelled.is_set()
        assert a.echo().asked is None  # no context for it
    operations = a.association.operations
    assert [o.kind for o in operations] == ["dimse.query-retrieve.find"] * 2
    assert len(operations[1].cancels) == 1


def test_instances_come_back_on_the_same_association(pynet, talk_to, natives):
    classes = sorted({s.sop_class for s in natives})
    wanted = [(GET, [IMPLICIT]), *((c, [EXPLICIT]) for c in classes)]
    with talk_to(pynet.port).associate(wanted, roles=tuple(Role(c, 0, 1) for c in classes)) as a:
        reply = a.get(GET, query(StudyInstanceUID="1.2"))
        assert reply.status == 0
        assert {m.instance for m in reply.served} == {s.instance for s in natives}
        assert all(m.has_data for m in reply.served)
    performed = [o.invoker for o in a.association.operations]
    assert performed == ["requestor", *["acceptor"] * len(natives)]


def test_instances_are_moved_to_the_listener(session, talk_to, natives):
    policy = Policy({s.sop_class: [EXPLICIT] for s in natives})
    with Listener(session.blobs, limits=QUICK) as listener:
        peer = Pynet(natives, listener.port)
        dimse = talk_to(peer.port, listener=listener, title="LISTENER")
        try:
            with (
                dimse.listening(Manner(policy)) as called,
                dimse.associate([(MOVE, [IMPLICIT])]) as a,
            ):
                reply = a.move(MOVE, query(StudyInstanceUID="1.2"), dimse.setup.title)
                assert reply.status == 0
                assert reply.final.command["NumberOfCompletedSuboperations"] == len(natives)
                assert {m.instance for m in called.received} == {s.instance for s in natives}
        finally:
            peer.close()
    ours, theirs = session.associations
    assert (ours.judged, theirs.judged) == ({"acceptor"}, {"requestor"})
    assert [o.request.instance for o in theirs.operations] == [s.instance for s in natives]
    assert theirs.ending == "release"


def test_a_listener_that_refuses_shows_in_the_counters(session, talk_to, natives):
    statuses = iter([0xA700, 0x0000, 0xB000, 0x0110])
    policy = Policy({s.sop_class: [EXPLICIT] for s in natives})
    with Listener(session.blobs, Manner(policy, status=lambda m: next(statuses)), limits=QUICK) as listener:
        peer = Pynet(natives, listener.port)
        try:
            with talk_to(peer.port).associate([(MOVE, [IMPLICIT])]) as a:
                final = a.move(MOVE, query(StudyInstanceUID="1.2"), "LISTENER").final
        finally:
            peer.close()
    counts = [final.command[f"NumberOf{word}Suboperations"] for word in ("Completed", "Failed", "Warning")]
    assert counts == [1, 2, 1]


def test_the_normalized_operations(pynet, talk_to):
    with talk_to(pynet.port).associate([(MPPS, [EXPLICIT]), (COMMITMENT, [IMPLICIT]), (FILM, [IMPLICIT])]) as a:
        made = a.n_create(MPPS, "1.2.3", query(PatientID="P"))
        assert (made.status, made.final.instance) == (0, "1.2.3")
        assert a.n_set(MPPS, "1.2.3", query(PatientID="P")).status == 0
        got = a.n_get(FILM, "1.2.3", [0x00100010, 0x00100020])
        assert (got.status, len(got.datasets)) == (0, 1)
        assert a.n_action(COMMITMENT, "1.2.840.10008.1.20.1.1", 1, query(TransactionUID="1.9")).status == 0
        assert a.n_delete(FILM, "1.2.3").status == 0x0112
    assert len(a.association.operations) == 5


def test_a_rejection_is_not_an_error(talk_to, samples):
    peer = Pynet([])
    peer.ae.require_called_aet = True
    try:
        with talk_to(peer.port, "SOMEBODY").associate([(VERIFICATION, [IMPLICIT])]) as a:
            assert not a.open
            assert a.dial.rejection.reason == 7
            assert a.echo().status is None
            assert a.raw(b"") or not a.open
    finally:
        peer.close()
    assert a.association.ending == "reject"


@needs_dcmtk
def test_the_programs_of_dcmtk_call_the_listener(session, samples, tmp_path):
    kept = [s for s in samples if s.transfer_syntax in (IMPLICIT, EXPLICIT)]
    policy = Policy({c: [EXPLICIT, IMPLICIT] for c in {VERIFICATION, *(s.sop_class for s in kept)}})
    with Listener(session.blobs, Manner(policy), limits=QUICK) as listener:
        assert run("echoscu", "127.0.0.1", str(listener.port), "--repeat", "3").returncode == 0
        folder = tmp_path / "sent"
        folder.mkdir()
        for sample in kept[:5]:
            part10(folder, sample)
        done = run("storescu", "-xe", "127.0.0.1", str(listener.port), "+sd", str(folder))
        assert done.returncode == 0, done.stderr
        aborted = run("echoscu", "--abort", "127.0.0.1", str(listener.port))
        assert aborted.returncode == 0
        found = {m.instance: m.dataset_octets() for m in listener.received if m.name == "C-STORE-RQ"}
        for sample in kept[:5]:
            if sample.transfer_syntax == EXPLICIT:
                assert found[sample.instance] == raw_dataset(sample.part10)[1]
        assert [a.ending for a in listener.collect(5)] == ["release", "release", "abort"]


def test_a_pynetdicom_scu_calls_the_listener(session, natives):
    policy = Policy({VERIFICATION: [IMPLICIT], **{s.sop_class: [EXPLICIT] for s in natives}})
    with Listener(session.blobs, Manner(policy), limits=QUICK) as listener:
        ae = AE("CALLER")
        ae.add_requested_context(Verification)
        for sop_class in {s.sop_class for s in natives}:
            ae.add_requested_context(sop_class, EXPLICIT)
        association = ae.associate("127.0.0.1", listener.port)
        assert association.is_established
        assert association.send_c_echo().Status == 0
        for sample in natives:
            assert association.send_c_store(dcmread_bytes(sample.part10)).Status == 0
        association.release()
        (heard,) = listener.collect(5)
    assert heard.ending == "release"
    assert len(heard.operations) == len(natives) + 1


def test_tls_both_ways(session, talk_to, server_tls, client_tls, natives):
    peer = Pynet(natives, tls=server_tls)
    try:
        with talk_to(peer.port, tls=client_tls).associate([(VERIFICATION, [IMPLICIT]), (FIND, [IMPLICIT])]) as a:
            assert a.echo().status == 0
            assert a.find(FIND, query(StudyInstanceUID="")).status == 0
        assert a.association.ending == "release"
        with talk_to(peer.port).associate([(VERIFICATION, [IMPLICIT])]) as plain:
            assert not plain.open
    finally:
        peer.close()
    policy = Policy({VERIFICATION: [IMPLICIT]})
    with Listener(session.blobs, Manner(policy), limits=QUICK, tls=server_tls) as listener:
        with talk_to(listener.port, tls=client_tls).associate([(VERIFICATION, [IMPLICIT])]) as a:
            assert a.echo().status == 0
        ae = AE()
        ae.add_requested_context(Verification)
        association = ae.associate("127.0.0.1", listener.port, tls_args=(client_tls, "localhost"))
        assert association.send_c_echo().Status == 0
        association.release()


def test_requests_in_a_window(session, talk_to):
    with (
        Listener(
            session.blobs, Manner(Policy({VERIFICATION: [IMPLICIT]}, window=Window(8, 0))), limits=QUICK
        ) as listener,
        talk_to(listener.port).associate([(VERIFICATION, [IMPLICIT])], window=Window(16, 1)) as a,
    ):
        assert a.dial.machine.acceptance.window == Window(8, 1)
        answers = a.pipeline((echo_rq(1, n) for n in range(1, 101)), window=8)
    assert {n: [m.status for m in found] for n, found in answers.items()} == {n: [0] for n in range(1, 101)}


def test_an_abort_of_ours(session, talk_to):
    with Listener(session.blobs, Manner(Policy({VERIFICATION: [IMPLICIT]})), limits=QUICK) as listener:
        with talk_to(listener.port).associate([(VERIFICATION, [IMPLICIT])]) as a:
            a.abort(Abort(0, 0))
            assert not a.open
        assert [x.ending for x in listener.collect(5)] == ["abort"]
    assert a.association.ending == "abort"
    assert a.association.ended_by == "requestor"
