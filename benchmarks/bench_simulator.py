"""The simulator and Orthanc side by side: the same requests by the same bare client over one kept-alive connection.

Knows the questions; rounds of the two take turns, so that whatever else the machine does slows both alike.

Both do what they do by default, and for a Store that is not the same. Before it acknowledges, the simulator forces
three things to the disk: each file, the folder that has its name, and the index (SQLite, synchronous=FULL). Orthanc
forces each file (SyncStorageArea is true since 1.7.4), but neither folders nor its index (SQLite, synchronous=NORMAL),
so it may forget an acknowledged instance when the machine loses power. On a disk that is busy or slow this shows.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.data import KILOBYTES_39, TINY, framed, instance, uid
from benchmarks.standing import Bare, Request, partners

ROUNDS = 12
STUDY = "large"
INSTANCES = 500  # of the study whose metadata is asked for
STUDIES = 1000
JSON = "application/dicom+json"
DICOM = 'multipart/related; type="application/dicom"'

Make = Callable[[str, int], Request]


class Partner:
    """One server with data in it."""

    def __init__(self, name: str, base: str) -> None:
        self.name = name
        self.base = base
        self.bare = Bare(base)
        large = [instance(TINY, STUDY, n) for n in range(1, INSTANCES + 1)]
        many = [instance(TINY, n, 1) for n in range(STUDIES)]
        for instances in (large, many, [instance(PICTURE, "picture", 1)]):
            for at in range(0, len(instances), 50):
                self.ask(store(self.base, instances[at : at + 50]))

    def ask(self, request: Request) -> float:
        """Seconds until the answer was read."""
        started = time.perf_counter()
        status, _ = self.bare.ask(request)
        taken = time.perf_counter() - started
        assert status == 200, f"{self.name} answered {status} to {request.octets[:100]!r}"
        return taken


def store(base: str, instances: list[bytes]) -> Request:
    message = framed(instances)
    fields = {"Content_Type": message.content_type, "Accept": JSON}
    return Request.make("POST", f"{base}/studies", message.body.bytes(), **fields)


def stored(count: int) -> Make:
    def make(base: str, number: int) -> Request:
        return store(base, [instance(KILOBYTES_39, f"stow {count} {number}", n) for n in range(count)])

    return make


def got(path: str, accept: str = JSON) -> Make:
    return lambda base, number: Request.make("GET", f"{base}/{path}", Accept=accept)


PICTURE = 512  # rows and columns of what is rendered
SHOWN = f"studies/{uid('picture')}/series/{uid('picture', 'series')}/instances/{uid('picture', 1)}"
FRAME = 'multipart/related; type="application/octet-stream"'
ONE = f"studies/{uid(STUDY)}/series/{uid(STUDY, 'series')}/instances/{uid(STUDY, 7)}"
QUESTIONS: dict[str, Make] = {
    "STOW-RS, 1 instance of 39 kB": stored(1),
    "STOW-RS, 10 instances of 39 kB": stored(10),
    "WADO-RS, 1 instance": got(ONE, DICOM),
    "WADO-RS, metadata of 1 instance": got(f"{ONE}/metadata"),
    f"WADO-RS, metadata of {INSTANCES} instances": got(f"studies/{uid(STUDY)}/metadata"),
    f"QIDO-RS, {STUDIES} studies": got("studies"),
    "QIDO-RS, limit=100": got("studies?limit=100"),
    "WADO-RS, 1 frame of 512 kB": got(f"{SHOWN}/frames/1", FRAME),
    "WADO-RS, rendered as JPEG, 512 x 512": got(f"{SHOWN}/rendered", "image/jpeg"),
    "WADO-RS, rendered as PNG, 512 x 512": got(f"{SHOWN}/rendered", "image/png"),
    "WADO-RS, rendered in a viewport of 128 x 128": got(f"{SHOWN}/rendered?viewport=128,128", "image/jpeg"),
    "QIDO-RS, PatientID exact": got("studies?PatientID=BENCHMARK-77"),
}


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Partner]]:
    with ExitStack() as stack:
        folders = {name: tmp_path_factory.mktemp(name) for name in partners()}
        yield [Partner(name, stack.enter_context(stand(folders[name]))) for name, stand in partners().items()]


@pytest.mark.parametrize("question", QUESTIONS)
def test_side_by_side(
    question: str, standing: list[Partner], benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Prints the medians and how many times as fast as Orthanc the simulator is; pytest-benchmark times a round."""
    taken: dict[str, list[float]] = {partner.name: [] for partner in standing}
    requests = {
        partner.name: [QUESTIONS[question](partner.base, number) for number in range(ROUNDS)] for partner in standing
    }

    def all_once() -> None:
        for partner in standing:
            taken[partner.name].append(partner.ask(requests[partner.name][len(taken[partner.name])]))

    benchmark.pedantic(all_once, rounds=ROUNDS)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    benchmark.extra_info.update(medians)
    with capsys.disabled():
        print(f"\n{question}: {told(medians)}")


def told(medians: dict[str, float]) -> str:
    words = [f"{name} {1000 * seconds:.1f} ms" for name, seconds in medians.items()]
    if "orthanc" in medians:
        words.append(f"simulator {medians['orthanc'] / medians['simulator']:.2f} times as fast")
    return ", ".join(words)
