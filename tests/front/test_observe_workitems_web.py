"""Clients of the workflow services on the web are observed: right and wrong ones of each kind, our agents as their
partners, and a page in a browser that watches."""

from __future__ import annotations

import json
import shutil
import socket
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Error, sync_playwright
from websockets.sync.client import connect
from websockets.typing import Origin

from dicomproof.observe import Events, Options, observe
from dicomproof.rejudge import rejudge
from dicomproof.run import Result, UsageError
from dicomproof.watch import Options as WatchOptions
from harness.clock import Deadline
from harness.entity import parse
from harness.exchange import Exchange
from harness.record import read
from harness.verdict import Exit, Outcome
from simulators.agents import commitment
from simulators.agents.datasets import abandoned, one, performed, progress, workitem
from simulators.agents.performer import Performer
from simulators.agents.requester import Requester
from simulators.agents.service import (
    CANCELED,
    COMPLETED,
    FILTERED,
    IN_PROGRESS,
    STATE,
    TRANSACTION,
    WORKLIST,
    DataSet,
    Service,
    new_uid,
    text,
)
from simulators.agents.troupe import Cast
from simulators.agents.watcher import Watcher
from simulators.archive.archive import Archive
from simulators.serve import serve
from tests.front.test_cli import Run, dicomproof
from tests.front.test_watch import watched
from tests.reports.conftest import ARGS, missing

__all__ = ["dicomproof"]  # a fixture

JSON = "application/dicom+json"
LONG = 20.0  # seconds after which a test gives up
BAD = (Outcome.FAIL, Outcome.WARN, Outcome.ERROR)
Client = Callable[[str], object]


def served(folder: Path, client: Client, **options: object) -> Result:
    """The client is run while we serve an empty archive."""

    def serving(places: Sequence[str], holds: str) -> None:
        client(places[0])

    made = Options(folder / "out", web="127.0.0.1:0", seconds=0.05, data=folder / "archive", **options)  # type: ignore[arg-type]
    return observe(made, Events(serving=serving))


def outcomes(result: Result, *of: Outcome) -> set[str]:
    return {v.rule for v in result.verdicts if v.outcome in of}


def ask(base: str, method: str, path: str, dataset: DataSet | None = None, **fields: str) -> httpx.Response:
    """A request of a client that is none of our agents."""
    headers = {"Accept": JSON, **({"Content-Type": JSON} if dataset is not None else {}), **fields}
    content = json.dumps([dict(sorted(dataset.items()))]) if dataset is not None else None
    return httpx.request(method, f"{base}/{path}", headers=headers, content=content, timeout=LONG)


def scheduled(base: str, **changes: object) -> str:
    uid = new_uid()
    made = {tag: value for tag, value in (workitem("read", "LIST", "7") | changes).items() if value is not None}
    ask(base, "POST", f"workitems?{uid}", made)
    return uid


def change(base: str, uid: str, key: str, state: str, method: str = "PUT") -> httpx.Response:
    return ask(base, method, f"workitems/{uid}/state", {TRANSACTION: one("UI", key), STATE: one("CS", state)})


def claimed(base: str) -> tuple[str, str]:
    uid, key = scheduled(base), new_uid()
    assert change(base, uid, key, IN_PROGRESS).status_code == 200
    return uid, key


def update(base: str, uid: str, key: str, changes: DataSet) -> httpx.Response:
    return ask(base, "POST", f"workitems/{uid}?{key}", changes | {TRANSACTION: one("UI", key)})


def performs(base: str) -> None:
    """All that a performer does, and a requester that only looks now and then."""
    uid = scheduled(base)
    performer = Performer(base, "P", pace=0, listens=False)
    assert performer.work() == uid
    performer.service.close()
    assert ask(base, "GET", "workitems?ProcedureStepState=COMPLETED").json()[0]["00080018"]["Value"] == [uid]


def requests(base: str) -> None:
    """A requester that has one canceled while it is performed."""
    requester = Requester(base, "R", pace=0)
    with Watcher(base, "R", told=requester.hear) as watcher:
        uid = requester.schedule()
        key = new_uid()
        assert change(base, uid, key, IN_PROGRESS).status_code == 200
        assert update(base, uid, key, abandoned("not needed any more")).status_code == 200
        assert change(base, uid, key, CANCELED).status_code == 200
        assert watcher.await_event(lambda event: text(event, STATE) == CANCELED, LONG)
    requester.service.close()
    assert requester.ended == {uid: CANCELED}


def watches(base: str) -> None:
    """Two titles on connections of their own, one of which is opened again."""
    with Watcher(base, "ONE"), Watcher(base, "TWO", FILTERED, filter="WorklistLabel=LIST", lock=True) as second:
        uid = scheduled(base)
        assert second.await_event(lambda event: text(event, "00001000") == uid, LONG)
    for _ in range(2):
        with Watcher(base, "ONE", uid) as again:
            assert again.reply.status == 201


def has_committed(base: str) -> None:
    with Service(base, "commits") as service:
        assert commitment.request(service, [("1.2.840.10008.5.1.4.1.1.7", "1.2.3")]).status == 200


RIGHT: dict[str, tuple[Client, set[str]]] = {
    "a performer": (performs, {"client.final-state-attributes", "client.transaction-uid-for-each-claim"}),
    "a requester": (requests, {"client.workitem-required-attributes", "client.workitem-begins-scheduled"}),
    "a watcher": (watches, {"client.notification-handshake", "client.says-nothing-to-events",
                            "client.accepts-all-attributes", "client.sends-masked-frames"}),
    "who asks for commitment": (has_committed, {"client.commitment-names-instances"}),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_client_is_told_so(tmp_path: Path, name: str) -> None:
    client, rules = RIGHT[name]
    result = served(tmp_path, client)
    assert (result.code, outcomes(result, *BAD)) == (Exit.CONFORMS, set())
    assert rules <= outcomes(result, Outcome.PASS)
    assert result.out is not None
    again = {v.rule: v.outcome for v in rejudge(result.out, tmp_path / "again", "", "").verdicts}
    assert {rule: again[rule] for rule in rules} == dict.fromkeys(rules, Outcome.PASS)


def listens(base: str, act: Callable[[str], object]) -> None:
    """Subscribe, and act with the URL that the events come to."""
    act(ask(base, "POST", f"workitems/{WORKLIST}/subscribers/DESK").headers["content-location"])


def opens_as_a_draft(url: str) -> None:
    split = urlsplit(url)
    with socket.create_connection((split.hostname or "", split.port or 0), timeout=LONG) as connection:
        connection.sendall(
            f"GET {split.path} HTTP/1.1\r\nHost: {split.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Origin: http://desk.example\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n"
            "Sec-WebSocket-Version: 8\r\n\r\n".encode()
        )
        assert b"101" not in connection.recv(4096).split(b"\r\n")[0]


def says_and_ends(url: str, base: str, says: str = "", code: int = 1000) -> None:
    with connect(url, origin=Origin("http://desk.example"), proxy=None, legacy=True) as connection:
        scheduled(base)
        connection.recv(timeout=LONG)
        if says:
            connection.send(says)
        connection.close(code)


def has_a_new_key_for_everything(base: str) -> None:
    uid, _ = claimed(base)
    update(base, uid, new_uid(), progress(10, "at work"))


def ends_without_a_word(base: str) -> None:
    uid, key = claimed(base)
    change(base, uid, key, COMPLETED)


def takes_it_from_another(base: str) -> None:
    uid, _ = claimed(base)
    change(base, uid, new_uid(), CANCELED)


def claims_two_with_one_key(base: str) -> None:
    _, key = claimed(base)
    change(base, scheduled(base), key, IN_PROGRESS)


def goes_on_after_the_end(base: str) -> None:
    uid, key = claimed(base)
    update(base, uid, key, performed("ST", "20260101120000"))
    change(base, uid, key, COMPLETED)
    update(base, uid, key, progress(100, "one more thing"))


WRONG: dict[str, tuple[Client, str, Outcome]] = {
    "updates with another key": (has_a_new_key_for_everything, "client.updates-with-its-transaction-uid", Outcome.FAIL),
    "completes what was not performed": (ends_without_a_word, "client.final-state-attributes", Outcome.FAIL),
    "cancels with another key": (takes_it_from_another, "client.ends-with-its-transaction-uid", Outcome.FAIL),
    "one key for all": (claims_two_with_one_key, "client.transaction-uid-for-each-claim", Outcome.FAIL),
    "updates what has ended": (goes_on_after_the_end, "client.leaves-the-ended-alone", Outcome.FAIL),
    "changes states by POST": (
        lambda base: change(base, scheduled(base), new_uid(), IN_PROGRESS, "POST"),
        "client.methods-as-the-templates", Outcome.WARN),
    "no priority": (
        lambda base: scheduled(base, **{"00741200": None}), "client.workitem-required-attributes", Outcome.FAIL),
    "a priority of HL7": (
        lambda base: scheduled(base, **{"00741200": one("CS", "STAT")}),
        "client.workitem-enumerated-values", Outcome.FAIL),
    "begins in progress": (
        lambda base: scheduled(base, **{STATE: one("CS", IN_PROGRESS)}),
        "client.workitem-begins-scheduled", Outcome.FAIL),
    "a draft of WebSocket": (
        lambda base: listens(base, opens_as_a_draft), "client.notification-handshake", Outcome.FAIL),
    "answers events": (
        lambda base: listens(base, lambda url: says_and_ends(url, base, '{"00000900":{"vr":"US","Value":[0]}}')),
        "client.says-nothing-to-events", Outcome.FAIL),
    "takes no text": (
        lambda base: listens(base, lambda url: says_and_ends(url, base, code=1003)),
        "client.accepts-all-attributes", Outcome.FAIL),
    "filters the worklist": (
        lambda base: ask(base, "POST", f"workitems/{WORKLIST}/subscribers/DESK?filter=PatientID=7"),
        "client.filter-where-filtered", Outcome.FAIL),
    "commits to nothing": (
        lambda base: ask(base, "POST", f"commitment-requests/{new_uid()}"),
        "client.commitment-names-instances", Outcome.FAIL),
    "waits by a parameter": (
        lambda base: ask(base, "GET", f"commitment-requests/{new_uid()}?wait=true"),
        "client.commitment-without-parameters", Outcome.WARN),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_client_is_found_out(tmp_path: Path, name: str) -> None:
    client, rule, outcome = WRONG[name]
    result = served(tmp_path, client)
    assert rule in outcomes(result, outcome)
    assert outcomes(result, Outcome.ERROR) == set()


def test_a_claim_that_was_refused_leaves_its_key_free(tmp_path: Path) -> None:
    def client(base: str) -> None:
        uid, _ = claimed(base)
        key = new_uid()
        assert change(base, uid, key, IN_PROGRESS).status_code in (400, 409)
        assert change(base, scheduled(base), key, IN_PROGRESS).status_code == 200

    assert outcomes(served(tmp_path, client), Outcome.FAIL) == set()


def test_who_hangs_up_without_a_word_is_not_blamed(tmp_path: Path) -> None:
    """A program that is ended ends its connection as well, be it by a reset."""

    def killed(url: str) -> None:
        split = urlsplit(url)
        with socket.create_connection((split.hostname or "", split.port or 0), timeout=LONG) as connection:
            connection.sendall(
                f"GET {split.path} HTTP/1.1\r\nHost: {split.netloc}\r\nUpgrade: websocket\r\n"
                "Connection: keep-alive, Upgrade\r\nOrigin: http://desk.example\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n\r\n".encode()
            )
            assert b" 101 " in connection.recv(4096)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    result = served(tmp_path, lambda base: listens(base, killed))
    assert outcomes(result, *BAD) == set()


def test_agents_play_with_the_client_and_are_not_judged(tmp_path: Path) -> None:
    """A client that only looks finds what our agents schedule and perform; the record has its questions alone."""

    def client(base: str) -> None:
        deadline = Deadline.after(LONG)
        while not ask(base, "GET", "workitems?ProcedureStepState=COMPLETED&limit=1").content:
            assert not deadline.passed
            threading.Event().wait(0.05)

    result = served(tmp_path, client, cast=Cast(performers=1, requesters=1, pace=0.0))
    assert (result.code, outcomes(result, *BAD)) == (Exit.CONFORMS, set())
    assert result.out is not None
    assert {x.kind for x in read(result.out).exchanges()} == {"web.workitems.search"}


SCRIPT = """
import sys, time, urllib.request as u
for _ in range(400):
    asked = u.Request(sys.argv[1] + '/workitems?ProcedureStepState=COMPLETED&limit=1',
                      headers={'Accept': 'application/dicom+json'})
    if u.urlopen(asked).status == 200:
        break
    time.sleep(0.05)
else:
    sys.exit('nothing was completed')
"""


def test_the_command_line_has_agents(dicomproof: Run, tmp_path: Path) -> None:
    client = tmp_path / "client.py"
    client.write_text(SCRIPT, encoding="utf-8")
    agents = ("--performers", "1", "--requesters", "1", "--pace", "0")
    code, said = dicomproof("observe", "--web", "127.0.0.1:0", "--data", "kept", *agents, "--out", "out", "--",
                            sys.executable, str(client), "{base}")  # fmt: skip
    assert code == Exit.CONFORMS, said


@pytest.mark.parametrize("words", [("--performers", "-1"), ("--requesters", "many"), ("--pace", "-0.5")])
def test_agents_that_cannot_be_are_refused(dicomproof: Run, words: tuple[str, str]) -> None:
    code, said = dicomproof("observe", "--web", "127.0.0.1:0", *words)
    assert code == Exit.USAGE
    assert words[0] in said


def test_agents_want_a_web_door(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="web door"):
        observe(Options(tmp_path / "out", parse("A@127.0.0.1:0"), cast=Cast(performers=1)))


# A page that subscribes, listens, schedules a workitem and gives its subscription up; the state that it was told.
PAGE = """async ({base, worklist, uid, dataset}) => {
  const type = 'application/dicom+json', at = `${base}/workitems/${worklist}/subscribers/BROWSER`;
  const made = await fetch(at, {method: 'POST', headers: {Accept: type}});
  const socket = new WebSocket(made.headers.get('content-location'));
  const heard = new Promise((done, fail) => {
    socket.onmessage = event => done(JSON.parse(event.data)); socket.onerror = () => fail('no connection');
  });
  await new Promise(done => { socket.onopen = done; });
  const created = await fetch(`${base}/workitems?${uid}`, {
    method: 'POST', headers: {Accept: type, 'Content-Type': type}, body: JSON.stringify([dataset])});
  const event = [await heard].flat()[0];
  await fetch(at, {method: 'DELETE', headers: {Accept: type}});
  const closed = new Promise(done => { socket.onclose = done; });
  socket.close();
  await closed;
  return [made.status, created.status, event['00001000'].Value[0], event['00741000'].Value[0]];
}"""


def browses(base: str) -> None:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    uid = new_uid()
    words = {"base": base, "worklist": WORKLIST, "uid": uid, "dataset": workitem("read", "LIST", "7")}
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=ARGS)
        except Error as error:
            missing(f"no Chromium could be started: {error.message.splitlines()[0]}")
        page = browser.new_page()
        page.goto(base.replace("/dicomweb", "/"))  # whatever stands there, it is of the same origin
        assert page.evaluate(PAGE, words) == [201, 201, uid, "SCHEDULED"]
        browser.close()


def _on_a_thread(act: Client, base: str) -> None:
    """Playwright wants a thread without an event loop."""
    failed: list[BaseException] = []

    def work() -> None:
        try:
            act(base)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


def _judged_right(result: Result) -> None:
    assert outcomes(result, *BAD) == set()
    assert {"client.notification-handshake", "client.says-nothing-to-events"} <= outcomes(result, Outcome.PASS)
    assert result.out is not None
    kinds = {x.kind for x in read(result.out).exchanges() if isinstance(x, Exchange)}
    assert {"socket.workitems.open", "socket.workitems.event", "socket.workitems.end"} <= kinds


def test_a_page_in_a_browser_that_watches_is_observed(tmp_path: Path) -> None:
    _judged_right(served(tmp_path, lambda base: _on_a_thread(browses, base)))


def test_a_page_in_a_browser_that_watches_is_watched(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "data")
    with serve(archive) as inner:
        options = WatchOptions(tmp_path / "out", inner.url, "127.0.0.1:0")
        result = watched(options, lambda places: browses(places[0]))
    archive.close()
    _judged_right(result)
    assert "event.is-text" in outcomes(result, Outcome.PASS)
