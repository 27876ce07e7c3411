"""Throws random and mutated inputs at every reader of harness/wire and at both sides of the upper layer's machine.

    python tools/fuzz.py [--inputs N] [--seed S] [--first K] [--reader all|NAME] [--save DIR]

An input fails when a reader raises, when the machine does not end as it should, when it takes more processor time
than one second for each KiB begun, or wants more memory than 1 GiB. Each failure is saved with the number of its
input; `--first K --inputs 1` makes that one again. A long run says every half minute how far it is.
Exit 0: nothing found, 1: something found.

Knows how inputs are made and how readers are called; must not know what they ought to find.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import random
import resource
import signal
import sys
import time
import traceback
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from harness.body import Body  # noqa: E402
from harness.upper_layer import encode  # noqa: E402
from harness.upper_layer.indications import (  # noqa: E402
    AssociateRequested,
    Indication,
    MessageReceived,
    ReleaseRequested,
)
from harness.upper_layer.machine import Machine, Misuse  # noqa: E402
from harness.upper_layer.message import echo_rq, response, store_rq  # noqa: E402
from harness.upper_layer.negotiate import Policy, negotiate  # noqa: E402
from harness.upper_layer.offer import (  # noqa: E402
    EXPLICIT,
    IMPLICIT,
    Acceptance,
    Offer,
    Rejection,
    Window,
    propose,
)
from harness.upper_layer.states import State  # noqa: E402
from harness.wire import (  # noqa: E402
    coding,
    dicom_json,
    dimse,
    json_difference,
    media,
    multipart,
    native_xml,
    part10,
    pdu,
    soap,
    uri,
)
from tools.inputs import mutated, seeds  # noqa: E402

MEMORY = 1 << 30
KIB = 1024
STUCK = 120  # seconds after which a reader that cannot be interrupted ends the run with its traceback
LARGEST = 64 * KIB
TOLD = 30  # seconds between two lines of a running total


class Hang(BaseException):
    """The processor time of an input is over; no `except Exception` in a reader catches it."""


def read_media(data: bytes) -> None:
    text = data.decode("latin-1")
    accept = media.read_accept(text.split("\n"))
    accept.weight(media.read_content_type(text.split("\n")))


def read_multipart(data: bytes) -> None:
    first = data.lstrip(b"\r\n").split(b"\n")[0].strip(b"\r-")
    for boundary in ("b", first.decode("latin-1"), first.decode("utf-8", "surrogateescape")[:40]):
        for part in multipart.read(Body.of(data), boundary).parts:
            part.content.read(0, 64)
            str(part.media)


def read_json(data: bytes) -> None:
    before: dicom_json.DataSet = {}
    for dataset in dicom_json.read(Body.of(data)).datasets:
        list(json_difference.difference(dataset, before))
        before = dataset
        for tag in dataset:
            dicom_json.text(dataset, tag)
            dicom_json.values(dataset, f"{tag}.00100020")


def read_xml(data: bytes) -> None:
    for dataset in native_xml.read(Body.of(data)).datasets:
        dicom_json.check(native_xml.to_json(dataset))


def read_part10(data: bytes) -> None:
    reading = part10.read(Body.of(data))
    other = part10.read(Body.of(data[: len(data) // 2], truncated=True))
    list(part10.difference(reading.dataset, other.dataset))


def read_uri(data: bytes) -> None:
    target = data.decode("latin-1")
    for base in ("", "/dicom-web", "http://h/dicom-web"):
        found = uri.classify("GET", target, base)
        for parameter in found.query.parameters:
            found.query.all(parameter.name)
        str(found)


def read_coding(data: bytes) -> None:
    for word in ("gzip", "deflate", data[:20].decode("latin-1")):
        coding.decode(Body.of(data), word)


def read_dimse(data: bytes) -> None:
    assembly = dimse.assemble(list(pdu.split(Body.of(data))))
    for message in (*assembly.messages, *assembly.unfinished):
        message.dataset("1.2.840.10008.1.2")
        str((message.name, message.sop_class, message.id, message.responded, message.status))


def read_soap(data: bytes) -> None:
    """As a package whose boundary is in its first line, and as a plain envelope."""
    body, boundary = Body.of(data), data.split(b"\n")[0].strip(b"\r-").decode("latin-1")
    package = f'multipart/related; type="{soap.XOP}"; start-info="{soap.SOAP}"; start="<root@a.b>"; boundary=x'
    for type_, parts in ((package, multipart.read(body, boundary)), (f'{soap.SOAP}; action="urn:a"', None)):
        reading = soap.read(media.read_content_type([type_]), body, parts)
        str((reading.action, reading.message_id, reading.element, reading.fault))
        for element in reading.content.iter() if reading.content is not None else ():
            reading.binary(element)


ECHO, CT = "1.2.840.10008.1.1", "1.2.840.10008.5.1.4.1.1.2"
OFFER = Offer(propose([(ECHO, [IMPLICIT]), (CT, [EXPLICIT, IMPLICIT])]), window=Window(0, 0))
POLICY = Policy(
    {ECHO: [IMPLICIT], CT: [IMPLICIT, EXPLICIT]},
    roles={CT: (True, True)},
    window=Window(8, 8),
    extended=lambda asked: asked,
    identity=lambda who: b"" if who.positive else Rejection(1, 1, 1) if who.type == 1 else None,
)
AGREED = negotiate(OFFER, POLICY)
assert isinstance(AGREED, Acceptance)
FIRST = {"acceptor": encode.associate_rq(OFFER).encode(), "requestor": encode.associate_ac(AGREED).encode()}


class Side:
    """One side of an association as the door drives it: it agrees to everything, until the machine has enough."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.sent = 0

    def hear(self, octets: bytes) -> None:
        for one in self.machine.receive(octets):
            with contextlib.suppress(Misuse):  # what came in the same octets ended the association already
                self._answer(one)
        self.flush()

    def flush(self) -> None:
        for one in pdu.split(Body.of(self.machine.octets_to_send())):
            assert one.complete, f"a {one.name} left that is not whole"
            self.sent += 1

    def _answer(self, one: Indication) -> None:
        if isinstance(one, AssociateRequested):
            answer = negotiate(one.offer, POLICY)
            self.machine.accept(answer) if isinstance(answer, Acceptance) else self.machine.reject(answer)
        elif isinstance(one, MessageReceived) and one.message.request and one.message.id >= 0:
            self.machine.send(response(one.message, 0))
        elif isinstance(one, ReleaseRequested):
            self.machine.answer_release()

    def finish(self, whole: bool) -> None:
        """The timer runs out or the peer closes: either ends it, whatever the state was."""
        if whole and self.machine.artim:
            self.machine.artim_expired()
            assert self.machine.closing
        self.machine.closed()
        assert self.machine.state in (State.STA1, State.STA4), self.machine.state
        assert not self.machine.octets_to_send(), "something is to be sent when nobody hears it"


def pieces(data: bytes, chance: random.Random) -> Iterable[bytes]:
    at = 0
    while at < len(data):
        size = chance.choice((1, 5, 6, 7, 100, len(data), len(data)))
        yield data[at : at + size]
        at += size


def read_machine(data: bytes) -> None:
    """Both sides are told it from the first octet on, and once an association stands, and while we want to leave."""
    chance = random.Random(zlib.crc32(data))
    for begun in range(4):
        for name, first in FIRST.items():
            _drive(name, first if begun else b"", begun, data, chance)


def _drive(name: str, before: bytes, begun: int, data: bytes, chance: random.Random) -> None:
    machine = Machine("acceptor", most=1 << 16) if name == "acceptor" else Machine("requestor", OFFER, most=1 << 16)
    side = Side(machine)
    if name == "acceptor":
        machine.opened()
    else:
        machine.connect()
        machine.connected()
    side.flush()
    side.hear(before)
    if begun > 1:
        machine.send(echo_rq(1, 7) if begun == 2 else store_rq(3, 7, CT, "1.2", bytes(300)))
        machine.release()
        side.flush()
    for piece in pieces(data, chance):
        if machine.closing:
            break
        side.hear(piece)
    # a PDU takes six octets at least, and brings about one answer at most
    assert side.sent <= len(data) // 6 + 10, f"{side.sent} PDUs in answer to {len(data)} octets"
    side.finish(chance.random() < 0.5)


READERS: dict[str, Callable[[bytes], None]] = {
    "media": read_media,
    "multipart": read_multipart,
    "json": read_json,
    "xml": read_xml,
    "part10": read_part10,
    "uri": read_uri,
    "coding": read_coding,
    "soap": read_soap,
    "dimse": read_dimse,
    "machine": read_machine,
}


def input_of(reader: str, number: int, seed: int) -> bytes:
    """The input of that number, the same whenever it is asked for."""
    chance = random.Random(f"{seed}:{reader}:{number}")
    return mutated(chance, seeds(reader))[:LARGEST]


@contextlib.contextmanager
def watched(size: int) -> Iterator[None]:
    """Raises Hang when the processor time for an input of this size is over."""
    signal.setitimer(signal.ITIMER_PROF, 1 + size // KIB)
    faulthandler.dump_traceback_later(STUCK + 10 * (size // KIB), exit=True)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()


def tried(reader: str, data: bytes) -> str:
    """What went wrong, '' for nothing."""
    try:
        with watched(len(data)):
            READERS[reader](data)
    except Hang:
        return f"hang: more than {1 + len(data) // KIB} s\n{traceback.format_exc()}"
    except MemoryError:
        return f"memory: more than {MEMORY} octets\n{traceback.format_exc()}"
    except Exception:
        return f"traceback\n{traceback.format_exc()}"
    return ""


def _over(number: int, frame: FrameType | None) -> None:
    raise Hang


def run(readers: list[str], first: int, inputs: int, seed: int, save: Path) -> int:
    """How many inputs failed; each is saved with its report."""
    signal.signal(signal.SIGPROF, _over)
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, most))
    failed = 0
    told = time.monotonic()
    for done, number in enumerate(range(first, first + inputs)):
        if time.monotonic() - told > TOLD:
            told = time.monotonic()
            print(f"{done} of {inputs} inputs of seed {seed} so far, {failed} failed", flush=True)
        reader = readers[number % len(readers)]
        data = input_of(reader, number, seed)
        if report := tried(reader, data):
            failed += 1
            _keep(save, f"{reader}-{seed}-{number}", data, report)
    return failed


def _keep(save: Path, name: str, data: bytes, report: str) -> None:
    save.mkdir(parents=True, exist_ok=True)
    (save / f"{name}.bin").write_bytes(data)
    (save / f"{name}.txt").write_text(report, encoding="utf-8")
    print(f"{name}: {report.strip().splitlines()[0]}: {report.strip().splitlines()[-1]}", flush=True)


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--reader", choices=["all", *READERS], default="all")
    parser.add_argument("--save", type=Path, default=Path("fuzz-found"))
    return parser.parse_args(words)


def main() -> int:
    given = arguments()
    # numbers mean the same inputs for one reader and for all of them
    readers = list(READERS) if given.reader == "all" else [given.reader]
    start = time.monotonic()
    failed = run(readers, given.first, given.inputs, given.seed, given.save)
    print(f"{given.inputs} inputs, {failed} failed, {time.monotonic() - start:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
