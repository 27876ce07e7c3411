"""Storage commitment over HTTP: both forms, all media types, results now and later, what is refused, what is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from harness.make.payloads import ACCEPTS, FORMS, Form, payload, payloads
from simulators.archive.archive import Archive
from simulators.archive.commitments import (
    CLASS_CONFLICT,
    CLASS_NOT_SUPPORTED,
    NO_SUCH_INSTANCE,
    PROCESSING_FAILURE,
    Commitments,
    Dropped,
    Judged,
    Reference,
    Reused,
    Unknown,
)
from simulators.archive.question import Matches, Question
from simulators.web.app import web
from simulators.web.service import Service
from suites.web.commitments.probes import nested, plain
from tests.web.door import Client, load, make, octets

SC, CT, SR = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.88.11"
HELD = (SC, "1.2.1.1.1", "1.2.1", "1.2.1.1")
OTHER = (SC, "1.2.1.1.2", "1.2.1", "1.2.1.1")
UNKNOWN = (SC, "9.9", "9", "9.1")
SOPS, FAILED_SOPS, STUDIES, FAILED_STUDIES = "00081199", "00081198", "00081110", "0008119B"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive(tmp_path / "archive")
    load(made, octets(make()), octets(make(instance="1.2.1.1.2")))
    return made


@pytest.fixture
def client(archive: Archive) -> Client:
    return Client(web(Service(archive)))


def ask(client: Client, module: Mapping[str, Any], transaction: str = "1.2.3", form: Form = "json", accept: str = "",
        **headers: str) -> Any:  # fmt: skip
    message = payload(module, form)
    fields = {"content-type": message.content_type, **headers}
    path = f"/commitment-requests/{transaction}"
    return client.request("POST", path, accept or ACCEPTS["json"], content=message.body.bytes(), headers=fields)


def check(client: Client, transaction: str = "1.2.3", accept: str = ACCEPTS["json"]) -> Any:
    return client.request("GET", f"/commitment-requests/{transaction}", accept)


def reasons(module: Mapping[str, Any]) -> dict[str, int]:
    """Instance -> Failure Reason of what failed, in the plain form."""
    items = module.get(FAILED_SOPS, {}).get("Value", [])
    return {item["00081155"]["Value"][0]: item["00081197"]["Value"][0] for item in items}


def kept(module: Mapping[str, Any]) -> list[str]:
    return [item["00081155"]["Value"][0] for item in module.get(SOPS, {}).get("Value", [])]


def test_a_request_is_answered_item_by_item(client: Client) -> None:
    asked = [HELD, UNKNOWN, (SR, *OTHER[1:]), ("1.2.840.10008.1.1", "9.8", "9", "9.1")]
    answer = ask(client, plain(asked))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/dicom+json"
    assert kept(answer.json()) == ["1.2.1.1.1"]
    assert reasons(answer.json()) == {"9.9": 0x0112, "1.2.1.1.2": 0x0119, "9.8": 0x0122}
    assert "00081195" not in answer.json()
    assert all(" 0" in field for field in answer.headers.get_list("warning"))


def test_studies_and_series_come_back_as_they_were_asked(client: Client) -> None:
    module = ask(client, nested([HELD, OTHER, UNKNOWN])).json()
    (study,) = module[STUDIES]["Value"]
    assert study["0020000D"]["Value"] == ["1.2.1"]
    (series,) = study["00081115"]["Value"]
    (group,) = series["00081112"]["Value"]
    assert group["00081150"]["Value"] == [SC]
    assert [i["00081155"]["Value"][0] for i in group["0008114A"]["Value"]] == ["1.2.1.1.1", "1.2.1.1.2"]
    lost = module[FAILED_STUDIES]["Value"][0]["00081115"]["Value"][0]["00081112"]["Value"][0]["0008114A"]["Value"]
    assert lost == [{"00081155": {"vr": "UI", "Value": ["9.9"]}, "00081197": {"vr": "US", "Value": [0x0112]}}]
    assert not {SOPS, FAILED_SOPS} & module.keys()


def test_an_instance_is_not_in_another_study(client: Client) -> None:
    module = ask(client, nested([(SC, "1.2.1.1.1", "1.2.9", "1.2.1.1")])).json()
    assert STUDIES not in module
    assert FAILED_STUDIES in module


def test_both_forms_in_one_request_are_answered_in_both(client: Client) -> None:
    module = ask(client, {**plain([UNKNOWN]), **nested([HELD])}).json()
    assert set(module) == {FAILED_SOPS, STUDIES}


@pytest.mark.parametrize("sent", FORMS)
@pytest.mark.parametrize("accepted", FORMS)
def test_every_form_is_taken_and_told(client: Client, sent: Form, accepted: Form) -> None:
    answer = ask(client, plain([HELD]), form=sent, accept=ACCEPTS[accepted])
    assert answer.status_code == 200
    kind = answer.headers["content-type"]
    assert kind.startswith("multipart/related" if accepted.startswith("multipart") else ACCEPTS[accepted])
    assert b"1.2.1.1.1" in answer.content
    again = check(client, accept=ACCEPTS[accepted])
    assert again.headers["content-type"].partition(";")[0] == kind.partition(";")[0]


def test_parts_of_one_request_are_answered_together(client: Client) -> None:
    message = payloads([plain([HELD]), plain([UNKNOWN])], "multipart-xml")
    fields = {"content-type": message.content_type}
    body = message.body.bytes()
    answer = client.request("POST", "/commitment-requests/1.2.4", ACCEPTS["json"], content=body, headers=fields)
    assert (kept(answer.json()), reasons(answer.json())) == (["1.2.1.1.1"], {"9.9": 0x0112})


def test_a_transaction_is_used_once(client: Client) -> None:
    first = ask(client, plain([HELD])).json()
    assert ask(client, plain([UNKNOWN])).status_code == 409
    assert check(client).json() == first


def test_a_result_may_come_later(client: Client) -> None:
    answer = ask(client, plain([HELD]), prefer="respond-async")
    assert (answer.status_code, answer.content, answer.headers["preference-applied"]) == (202, b"", "respond-async")
    assert answer.headers["retry-after"] == "0"
    assert [check(client).status_code for _ in range(3)] == [202, 200, 200]


def test_the_simulator_can_be_told_to_answer_later(archive: Archive, client: Client) -> None:
    archive.commitments.later = 3
    answer = ask(client, plain([HELD]))
    assert (answer.status_code, answer.headers["retry-after"]) == (202, "1")
    assert [check(client).status_code for _ in range(3)] == [202, 202, 200]


@pytest.mark.parametrize("transaction", ["1.02", "x", "1..2", "1" * 65])
def test_a_transaction_is_a_uid(client: Client, transaction: str) -> None:
    assert ask(client, plain([HELD]), transaction).status_code == 400
    assert check(client, transaction).status_code == 400


BAD = [
    b"",
    b"{",
    b"[]",
    b"{}",
    b'{"00081199":{"vr":"SQ"}}',
    b'{"00081199":{"vr":"LO","Value":["1"]}}',
    b'{"00081199":{"vr":"SQ","Value":[{}]}}',
    b'{"00081199":{"vr":"SQ","Value":[{"00081150":{"vr":"UI","Value":["1.2"]}}]}}',
    b'{"00081199":{"vr":"SQ","Value":[{"00081150":{"vr":"UI","Value":["1.2"]},"00081155":{"vr":"UI","Value":["x"]}}]}}',
    b'{"00081110":{"vr":"SQ","Value":[{"0020000D":{"vr":"UI","Value":["1.2"]}}]}}',
    b"\xff\xfe",
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
def test_what_is_no_request_is_refused_and_leaves_nothing(client: Client, body: bytes) -> None:
    fields = {"content-type": "application/dicom+json"}
    answer = client.request("POST", "/commitment-requests/1.2.3", ACCEPTS["json"], content=body, headers=fields)
    assert (answer.status_code, bool(answer.content)) == (400, True)
    assert check(client).status_code == 404


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/dicom", 415),
        ("text/plain", 415),
        ('multipart/related; type="application/dicom"; boundary=b', 415),
        ('multipart/related; type="application/dicom+json"', 400),
        ("nonsense", 400),
        ('multipart/related; type="application/dicom+json"; boundary=b', 400),
    ],
)
def test_other_media_types_are_refused(client: Client, kind: str, status: int) -> None:
    body = json.dumps(plain([HELD])).encode()
    fields = {"content-type": kind}
    answer = client.request("POST", "/commitment-requests/1.2.3", ACCEPTS["json"], content=body, headers=fields)
    assert answer.status_code == status
    assert check(client).status_code == 404


def test_a_request_says_what_it_accepts(client: Client) -> None:
    assert ask(client, plain([HELD]), accept="image/png").status_code == 406
    assert ask(client, plain([HELD]), accept="*/*").status_code == 200


def test_other_methods_are_not_there(client: Client) -> None:
    answer = client.request("DELETE", "/commitment-requests/1.2.3", "*/*")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")


def test_an_edition_without_the_service_has_none(archive: Archive) -> None:
    old = Client(web(Service(archive, edition="2023e")))
    assert ask(old, plain([HELD])).status_code == 404
    assert check(old).status_code == 404


def test_too_much_is_refused(archive: Archive) -> None:
    small = Client(web(Service(archive, payload=100)))
    assert ask(small, plain([HELD])).status_code == 413


# --- the model ------------------------------------------------------------------------------------------------------


class Broken:
    """An archive that cannot be searched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def search(self, question: Question) -> Matches:
        raise OSError(5, "no disk")


def test_what_cannot_be_looked_up_is_a_processing_failure(tmp_path: Path) -> None:
    commitments = Commitments(Broken(tmp_path))
    commitments.ask("1.2", [Reference(SC, "1.2.1.1.1")])
    assert commitments.result("1.2") == (Judged(Reference(SC, "1.2.1.1.1"), PROCESSING_FAILURE),)


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        (Reference(SC, "1.2.1.1.1"), 0),
        (Reference(SC, "1.2.1.1.1", "1.2.1", "1.2.1.1"), 0),
        (Reference(SC, "1.2.1.1.1", "1.2.1", "1.2.1.9"), NO_SUCH_INSTANCE),
        (Reference(SR, "1.2.1.1.1"), CLASS_CONFLICT),
        (Reference("1.2.3", "1.2.1.1.1"), CLASS_NOT_SUPPORTED),
        (Reference("1.2.3", "9.9"), CLASS_NOT_SUPPORTED),
        (Reference(SC, "9.9"), NO_SUCH_INSTANCE),
        (Reference(SC, "no uid"), NO_SUCH_INSTANCE),
    ],
)
def test_reasons(archive: Archive, reference: Reference, reason: int) -> None:
    archive.commitments.ask("1.2.5", [reference])
    assert archive.commitments.result("1.2.5") == (Judged(reference, reason),)


def test_a_result_is_what_it_was_when_it_was_told(archive: Archive) -> None:
    archive.commitments.ask("1.2.5", [Reference(SC, "1.2.7.7")])
    before = archive.commitments.result("1.2.5")
    load(archive, octets(make(instance="1.2.7.7")))
    assert archive.commitments.result("1.2.5") == before


def test_results_are_dropped_when_their_time_is_over(archive: Archive) -> None:
    now = [1000.0]
    commitments = Commitments(archive, kept=10, clock=lambda: now[0])
    commitments.ask("1.2", [Reference(SC, "1.2.1.1.1")])
    now[0] += 10
    with pytest.raises(Dropped):
        commitments.result("1.2")
    with pytest.raises(Reused):
        commitments.ask("1.2", [Reference(SC, "1.2.1.1.1")])
    with pytest.raises(Dropped):
        Commitments(archive, kept=10, clock=lambda: now[0]).result("1.2")


def test_the_oldest_results_give_way(archive: Archive) -> None:
    commitments = Commitments(archive, most=2)
    for number in range(3):
        commitments.ask(f"1.2.{number}", [Reference(SC, "1.2.1.1.1")])
    with pytest.raises(Dropped):
        commitments.result("1.2.0")
    assert commitments.result("1.2.2")


def test_a_dropped_result_is_gone_over_http(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    client = Client(web(Service(archive)))
    assert ask(client, plain([UNKNOWN])).status_code == 200
    archive.commitments._drop(["1.2.3"])
    assert check(client).status_code == 410
    assert ask(client, plain([UNKNOWN])).status_code == 409


def test_what_is_no_uid_is_no_transaction(archive: Archive) -> None:
    with pytest.raises(ValueError, match="no UID"):
        archive.commitments.ask("../escape", [])


class Deliveries(RuleBasedStateMachine):
    """Requests, checks, later results, restarts and the passing of time, against what a plain list remembers."""

    folder: Callable[[], Path]

    @initialize()
    def begin(self) -> None:
        self.now = 0.0
        self.place = type(self).folder()
        self.archive = Archive(self.place)
        load(self.archive, octets(make()))
        self.commitments = self._made()
        self.asked: dict[str, tuple[float, int, tuple[Reference, ...]]] = {}

    def _made(self) -> Commitments:
        return Commitments(self.archive, kept=100, most=4, clock=lambda: self.now)

    def _gone(self) -> set[str]:
        """What is no longer kept: too old, or one of too many."""
        old = {name for name, (at, _, _) in self.asked.items() if at <= self.now - 100}
        fresh = [name for name in self.asked if name not in old]
        return old | set(fresh[:-4])

    @rule(number=st.integers(1, 8), later=st.integers(0, 2), known=st.booleans())
    def ask(self, number: int, later: int, known: bool) -> None:
        name, reference = f"1.2.{number}", Reference(SC, "1.2.1.1.1" if known else "9.9")
        try:
            self.commitments.ask(name, [reference], later)
        except Reused:
            assert name in self.asked
        else:
            assert name not in self.asked
            self.asked[name] = (self.now, later, (reference,))

    @rule(number=st.integers(1, 8))
    def check(self, number: int) -> None:
        name = f"1.2.{number}"
        if name not in self.asked:
            with pytest.raises(Unknown):
                self.commitments.result(name)
        elif name in self._gone():
            with pytest.raises(Dropped):
                self.commitments.result(name)
        else:
            at, later, references = self.asked[name]
            result = self.commitments.result(name)
            if later:
                assert result is None
                self.asked[name] = (at, later - 1, references)
            else:
                due = 0 if references[0].instance == "1.2.1.1.1" else NO_SUCH_INSTANCE
                assert result == (Judged(references[0], due),)

    @precondition(lambda self: bool(self.asked))
    @rule(number=st.integers(1, 8))
    def report(self, number: int) -> None:
        """The DIMSE door tells at once what the web door tells later."""
        name = f"1.2.{number}"
        if name in self.asked and name not in self._gone():
            result = self.commitments.conclude(name)
            assert [judged.reference for judged in result] == list(self.asked[name][2])

    @rule()
    def restart(self) -> None:
        self.commitments = self._made()

    @rule(seconds=st.integers(1, 60))
    def wait(self, seconds: int) -> None:
        # who is dropped for being one of too many stays so, whoever grows old later
        for name in self._gone():
            self.asked[name] = (float("-inf"), 0, self.asked[name][2])
        self.now += seconds

    @invariant()
    def keeps_no_more_than_it_may(self) -> None:
        if hasattr(self, "commitments"):
            assert len(list((self.place / "commitments").glob("*.json"))) <= 4

    def teardown(self) -> None:
        if hasattr(self, "archive"):
            self.archive.close()


def test_deliveries(tmp_path_factory: pytest.TempPathFactory) -> None:
    machine = type("Deliveries", (Deliveries,), {"folder": staticmethod(lambda: tmp_path_factory.mktemp("deliveries"))})
    case = machine.TestCase  # type: ignore[attr-defined]
    case.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
    case().runTest()
