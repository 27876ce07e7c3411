"""How fast data sets are told and read in DICOM JSON, beside pydicom and DCMTK on the same files in the same run.

    python -m pytest benchmarks/bench_models.py --benchmark-only

Encoding: ours at least five times the rate of pydicom's `to_json`. Reading: ours, which judges every name and value,
no slower than pydicom's `from_json`, which does not.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pytest_benchmark.fixture import BenchmarkFixture

from harness.body import Body
from harness.make.corpus import corpus
from harness.wire import dicom_json
from simulators.model import json_encode
from simulators.model.scan import read_dataset, read_meta

URI = "http://example.org/i"
FILES = [sample.part10 for sample in corpus(21, "BENCH")]
ROUNDS = 3
TIMES_FASTER = 5.0


def encode_ours() -> list[bytes]:
    """From the octets of the file, as the archive does at store time."""
    found = []
    for octets in FILES:
        meta = read_meta(octets)
        source = read_dataset(octets, meta.dataset_at, meta.transfer_syntax)
        found.append(json_encode.text_of(json_encode.elements_of(source, URI)).encode())
    return found


def _read(octets: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(octets))


def encode_pydicom() -> list[str]:
    """From the octets of the file as well; bulk data goes by reference, what pydicom cannot tell is left out."""
    found = []
    for octets in FILES:
        dataset = _read(octets)
        found.append(dataset.to_json(1024, lambda element: URI, suppress_invalid_tags=True))
    return found


TEXTS = encode_ours()
# pydicom reads no null and no reference of a text: what it cannot read is left out for both
_READABLE = ("vr", "Value")


def _plain(text: bytes) -> bytes:
    return json.dumps({
        tag: attribute for tag, attribute in json.loads(text).items()
        if set(attribute) <= set(_READABLE) and "null" not in json.dumps(attribute)
    }).encode()  # fmt: skip


PLAIN = [_plain(text) for text in TEXTS]


def read_ours() -> int:
    """A strict reading with all its flaws; the memory of the readers is not what is measured."""
    read = getattr(dicom_json.read, "__wrapped__", dicom_json.read)
    return sum(len(read(Body.of(text)).datasets) for text in PLAIN)


def read_pydicom() -> int:
    return sum(len(Dataset.from_json(text.decode())) > 0 for text in PLAIN)


def best(act: Callable[[], object]) -> float:
    """Seconds of this process in the fastest of a few rounds: what else the machine does is not measured."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        act()
        times.append(time.process_time() - began)
    return min(times)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("act", [encode_ours, encode_pydicom, read_ours, read_pydicom], ids=lambda act: act.__name__)
def test_rate(benchmark: BenchmarkFixture, act: Callable[[], object]) -> None:
    benchmark.pedantic(act, rounds=ROUNDS)


def test_dcm2json_rate(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """One process for each file, which is the way it is used."""
    if not shutil.which("dcm2json"):
        pytest.skip("dcm2json is not installed; tools/install-real-servers installs it")
    for number, octets in enumerate(FILES):
        (tmp_path / str(number)).write_bytes(octets)

    def convert() -> None:
        for number in range(len(FILES)):
            subprocess.run(["dcm2json", str(tmp_path / str(number))], capture_output=True, check=False)

    benchmark.pedantic(convert, rounds=1)


def test_encoding_is_much_faster_than_pydicom() -> None:
    ours, theirs = best(encode_ours), best(encode_pydicom)
    assert theirs / ours >= TIMES_FASTER, f"{len(FILES) / ours:.0f} files/s, pydicom {len(FILES) / theirs:.0f}"


def test_judging_is_no_slower_than_reading_without_judging() -> None:
    ours, theirs = best(read_ours), best(read_pydicom)
    assert ours <= theirs, f"{len(PLAIN) / ours:.0f} texts/s, pydicom {len(PLAIN) / theirs:.0f}"
