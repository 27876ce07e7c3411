"""Compares our encoders with what others make of the same files, and names every disagreement.

    python tools/opinions.py            the disagreements that no row of schemas/opinions.json explains
    python tools/opinions.py --all      every disagreement, with the row that explains it

Each opinion (DCMTK's dcm2json and dcm2xml, pydicom, Orthanc) is compared value by value with ours: a number is the
same as the same number in text, an FL is compared as a single. Knows how the others are asked; who is right stands
in the table, with the clause. Must not know how our own encoders work.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pydicom

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from harness.body import Body  # noqa: E402
from harness.make import as_octets  # noqa: E402
from harness.make.corpus import corpus  # noqa: E402
from harness.make.datasets import files  # noqa: E402
from harness.make.tree import Tree  # noqa: E402
from harness.wire import dicom_json, native_xml  # noqa: E402
from harness.wire.flaw import Flaws  # noqa: E402
from harness.wire.json_difference import difference  # noqa: E402
from simulators.model import json_encode, xml_encode  # noqa: E402
from simulators.model.scan import Source, Unreadable, read_dataset, read_meta  # noqa: E402

TABLE = ROOT / "schemas" / "opinions.json"
REAL = Path(pydicom.__file__).parent / "data" / "test_files"
SEEDS = (11, 12)
FREE = "--free-form"  # this file prints its free-form data sets, a line of hexadecimal digits each
ANY = 90  # data sets of no meaning, with every VR, depth and character set
MOST_REAL = 400 << 10  # octets: larger real files hold nothing but more pixels
LEFT_OUT = ("7FE00008", "7FE00009", "7FE00010")  # pixel data is compared elsewhere
URI = "http://example.org/i"
Model = Mapping[str, Any]


@dataclass(frozen=True)
class File:
    """A file of the corpus: `name` is stable, `octets` a PS3.10 file."""

    name: str
    octets: bytes


@dataclass(frozen=True)
class Disagreement:
    """Where an opinion differs from ours, or a flaw in what it wrote (`what` is then the code of the flaw)."""

    who: str
    file: str
    what: str  # "value", "refused", or the code of a flaw
    path: str
    vr: str
    theirs: str
    ours: str

    def __str__(self) -> str:
        return f"{self.who}  {self.file}  {self.what}  {self.path} {self.vr}: {self.theirs} | ours {self.ours}"


@dataclass(frozen=True)
class Opinion:
    """What somebody made of a file: the model, None when refused with a reason, and the flaws of its text."""

    model: Model | None
    reason: str = ""
    flaws: Flaws | None = None


# --- the files --------------------------------------------------------------------------------------------------------


def generated() -> list[File]:
    """Samples of several seeds, every IOD and oddity that the generators know; and data sets of no meaning."""
    samples = [
        File(f"made/{seed}/{number}", without_pixels(sample.part10))
        for seed in SEEDS
        for number, sample in enumerate(corpus(seed, "OPINIONS"))
    ]
    return samples + [File(f"any/{number}", without_pixels(octets)) for number, octets in enumerate(_any())]


def _any() -> list[bytes]:
    """Data sets that Hypothesis makes, the same ones every time.

    Hypothesis draws on the constants of whatever modules are loaded, so they are made in a process of their own.
    """
    done = subprocess.run([sys.executable, str(Path(__file__).resolve()), FREE], capture_output=True, check=True)
    return [bytes.fromhex(line) for line in done.stdout.decode("ascii").split()]


def _free() -> list[bytes]:
    found: list[bytes] = []

    @hypothesis.seed(4)
    @hypothesis.settings(max_examples=ANY, database=None, phases=[hypothesis.Phase.generate], deadline=None,
                         suppress_health_check=list(hypothesis.HealthCheck))  # fmt: skip
    @hypothesis.given(files())
    def collect(made: tuple[Tree, as_octets.File]) -> None:
        found.append(made[1].octets)

    collect()
    return found


def real() -> list[File]:
    """The files in pydicom's own wheel that are PS3.10 files and small."""
    found = []
    for path in sorted(p for p in REAL.rglob("*") if p.is_file() and p.stat().st_size <= MOST_REAL):
        octets = path.read_bytes()
        if octets[128:132] == b"DICM":
            found.append(File(f"real/{path.relative_to(REAL).as_posix()}", without_pixels(octets)))
    return found


def without_pixels(octets: bytes) -> bytes:
    """The file without encapsulated pixel data, which dcm2json refuses; everything else stands before it."""
    with contextlib.suppress(Unreadable):
        pixels = source(File("", octets)).dataset.get(0x7FE00010)
        if pixels is not None and pixels.fragments is not None:
            return octets[: pixels.at - 12]
    return octets


# --- the opinions -----------------------------------------------------------------------------------------------------


def source(file: File) -> Source:
    meta = read_meta(file.octets)
    return read_dataset(file.octets, meta.dataset_at, meta.transfer_syntax)


def our_json(file: File) -> Opinion:
    try:
        return of_json(json_encode.text_of(json_encode.elements_of(source(file), URI)).encode())
    except Unreadable as error:
        return Opinion(None, str(error))


def our_xml(file: File) -> Opinion:
    try:
        return of_xml(xml_encode.document(source(file), URI))
    except Unreadable as error:
        return Opinion(None, str(error))


def of_json(octets: bytes) -> Opinion:
    reading = dicom_json.read(Body.of(octets))
    if not reading.datasets:
        return Opinion(None, "no JSON", reading.flaws)
    return Opinion(reading.datasets[0], "", reading.flaws)


def of_xml(octets: bytes) -> Opinion:
    reading = native_xml.read(Body.of(octets))
    if not reading.datasets:
        return Opinion(None, "no XML", reading.flaws)
    return Opinion(native_xml.to_json(reading.datasets[0]), "", reading.flaws)


def _told(command: Sequence[str], file: File) -> tuple[bytes, str]:
    """What a converter writes for a file, and why it wrote nothing."""
    with tempfile.NamedTemporaryFile(suffix=".dcm") as kept:
        kept.write(file.octets)
        kept.flush()
        done = subprocess.run([*command, kept.name], capture_output=True, check=False, timeout=60)
    words = done.stderr.decode("utf-8", "replace").replace(kept.name, "FILE").strip().splitlines()
    return (done.stdout if done.returncode == 0 else b""), words[-1][:200] if words else f"code {done.returncode}"


def dcm2json(file: File) -> Opinion:
    octets, why = _told(["dcm2json"], file)
    return of_json(octets) if octets else Opinion(None, why)


def dcm2xml(file: File) -> Opinion:
    octets, why = _told(
        ["dcm2xml", "--native-format", "--use-xml-namespace", "--convert-to-utf8", "--encode-base64"], file
    )
    return of_xml(octets) if octets else Opinion(None, why)


def pydicom_json(file: File) -> Opinion:
    """Element by element: one that pydicom cannot tell must not hide the others."""
    model: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(io.BytesIO(file.octets))
            tags = [element.tag for element in dataset.values() if f"{element.tag:08X}" not in LEFT_OUT]
        except Exception as error:  # whatever it raises is its opinion
            return Opinion(None, f"{type(error).__name__}: {error}"[:200])
        for tag in tags:
            key = f"{tag:08X}"
            try:
                told = dataset[tag].to_json_dict(lambda element: "", 1 << 30)
                model[key] = json.loads(json.dumps(told))
            except Exception as error:
                model[key] = {"vr": "??", "crash": f"{type(error).__name__}: {error}"[:120]}
    return Opinion(model, "", dicom_json.check({k: v for k, v in model.items() if "crash" not in v}))


LOCAL: dict[str, Callable[[File], Opinion]] = {"dcm2json": dcm2json, "dcm2xml": dcm2xml, "pydicom": pydicom_json}


def missing() -> str:
    """Why the opinions of this machine cannot be asked, '' when they can."""
    absent = [name for name in ("dcm2json", "dcm2xml") if not shutil.which(name)]
    return f"{' and '.join(absent)} not installed; tools/install-real-servers installs them" if absent else ""


def orthanc_opinion(base: str, client: httpx.Client) -> Callable[[File], Opinion]:
    """How a running Orthanc is asked for the metadata of a file that it is given first."""
    root = base.removesuffix("/dicom-web")

    def ask(file: File) -> Opinion:
        given = client.post(f"{root}/instances", content=file.octets)
        if given.status_code != 200:
            return Opinion(None, f"upload answered {given.status_code}")
        tags = client.get(f"{root}/instances/{given.json()['ID']}/simplified-tags").json()
        levels = {"studies": "StudyInstanceUID", "series": "SeriesInstanceUID", "instances": "SOPInstanceUID"}
        path = "/".join(f"{level}/{tags.get(name, '')}" for level, name in levels.items())
        told = client.get(f"{base}/{path}/metadata", headers={"Accept": "application/dicom+json"})
        client.delete(f"{root}/instances/{given.json()['ID']}")
        return of_json(told.content) if told.status_code == 200 else Opinion(None, f"answered {told.status_code}")

    return ask


# --- comparing --------------------------------------------------------------------------------------------------------


def compare(who: str, file: File, theirs: Opinion, ours: Opinion) -> Iterator[Disagreement]:
    """Everything that one opinion of a file says otherwise than ours, and every flaw that ours has not as well."""
    if theirs.model is None or ours.model is None:
        if theirs.model is not ours.model:
            yield Disagreement(who, file.name, "refused", "", "", theirs.reason or "read", ours.reason or "read")
    else:
        for found in difference(theirs.model, ours.model, LEFT_OUT):
            vr = _vr(ours.model, found.path) or _vr(theirs.model, found.path)
            crash = theirs.model.get(found.path, {}).get("crash")
            yield Disagreement(who, file.name, "value", found.path, vr, str(crash or found.got), found.want)
    own = {(flaw.code, _tags(flaw.where)) for flaw in (ours.flaws.kept if ours.flaws else ())}
    for flaw in theirs.flaws.kept if theirs.flaws else ():
        if (flaw.code, _tags(flaw.where)) not in own and not any(tag in flaw.where for tag in LEFT_OUT):
            yield Disagreement(who, file.name, flaw.code, flaw.where, "", flaw.got, flaw.want)


def _tags(where: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[0-9A-F]{8}", where))


def _vr(model: Model, path: str) -> str:
    """The VR at a path of a difference, '' when nothing is there."""
    for word in path.split("."):
        tag, _, index = word.partition("[")
        attribute = model.get(tag, {})
        members = attribute.get("Value") or [{}]
        place = int(index.rstrip("]")) if index else 0
        inner = members[place] if place < len(members) else {}
        model = inner if isinstance(inner, Mapping) else {}
    return str(attribute.get("vr", ""))


@cache
def ours_of(file: File) -> tuple[Opinion, Opinion]:
    return our_json(file), our_xml(file)


def disagreements(who: str, ask: Callable[[File], Opinion], files: Sequence[File]) -> Iterator[Disagreement]:
    # Orthanc is asked in order: some files have the same UIDs and take each other's place
    with ThreadPoolExecutor(1 if who == "orthanc" else 4) as pool:
        for file, theirs in zip(files, pool.map(ask, files), strict=True):
            as_json, as_xml = ours_of(file)
            yield from compare(who, file, theirs, as_xml if who == "dcm2xml" else as_json)


# --- the table --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """Who is wrong where they disagree, and by which clause; the patterns say which disagreements it covers."""

    id: str
    who: tuple[str, ...]
    wrong: str  # "they", "we", "the file", or "nobody" where the text leaves it open
    cites: str
    why: str
    what: str = "value"
    vr: str = ""
    path: str = ""
    theirs: str = ""
    ours: str = ""
    file: str = ""
    near: float = 0.0  # numbers that differ by no more than this part of themselves

    def covers(self, met: Disagreement) -> bool:
        pairs = ((self.what, met.what), (self.vr, met.vr), (self.path, met.path), (self.theirs, met.theirs),
                 (self.ours, met.ours), (self.file, met.file))  # fmt: skip
        fits = met.who in self.who and all(not pattern or re.search(pattern, text) for pattern, text in pairs)
        return fits and (not self.near or math.isclose(float(met.theirs), float(met.ours), rel_tol=self.near))


@cache
def table() -> tuple[Row, ...]:
    rows = json.loads(TABLE.read_text(encoding="utf-8"))["opinions"]
    return tuple(Row(**{**row, "who": tuple(row["who"])}) for row in rows)


def explained(met: Disagreement) -> Row | None:
    """The first row that covers a disagreement."""
    return next((row for row in table() if row.covers(met)), None)


def everything() -> Iterator[Disagreement]:
    """All disagreements of all opinions that this machine can ask."""
    files = generated() + real()
    for who, ask in LOCAL.items():
        yield from disagreements(who, ask, files)
    from tests.real.orthanc import missing as no_orthanc
    from tests.real.orthanc import orthanc

    if no_orthanc():
        return
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(orthanc(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        client = stack.enter_context(httpx.Client(timeout=60))
        yield from disagreements("orthanc", orthanc_opinion(base, client), files)


def main() -> int:
    if FREE in sys.argv:
        sys.stdout.write("\n".join(octets.hex() for octets in _free()))
        return 0
    if why := missing():
        print(why)
        return 2
    counts: Counter[str] = Counter()
    for met in everything():
        row = explained(met)
        counts[row.id if row else "NOT EXPLAINED"] += 1
        if row is None or "--all" in sys.argv:
            print(f"{row.id if row else 'NOT EXPLAINED'}: {met}")
    for name, count in counts.most_common():
        print(f"{count:6} {name}")
    return 1 if counts["NOT EXPLAINED"] else 0


if __name__ == "__main__":
    sys.exit(main())
