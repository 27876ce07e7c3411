"""Provokes Store requests: whole studies, every kind of instance, bad parts, every framing, and looks afterwards.

Must not judge what comes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from hypothesis import strategies as st

from harness.exchange import Exchange
from harness.make.corpus import Sample
from harness.make.holding import Holding
from harness.make.parts import FAULTS, STYLES, Message, Part, faulty, multipart
from harness.make.variants import bad_samples
from harness.rule import probe
from harness.talk.conversation import JSON, Web
from suites.web.store.making import AS_STORED, XML, Maker, look, look_once
from suites.web.store.module import module, named

MIXED = 3  # the last studies of the corpus go into one request

PROVOKES = ("web.store",)
COUNTS = "web.search.counts"
EFFECTS = ("web.store", "web.search.study-instances", "web.retrieve.instances")


@probe("store.load", provokes=PROVOKES, needs="write")
def load(web: Web) -> None:
    """Store the corpus: a request for each study, the last ones together, single instances where a batch failed."""
    studies = [list(group) for _, group in groupby(web.session.corpus, key=lambda s: s.study)]
    batches = [*studies[:-MIXED], [s for study in studies[-MIXED:] for s in study]]
    taken: set[str] = set()
    for n, batch in enumerate(batches):
        one = len({s.study for s in batch}) == 1
        x = web.store(batch, study=batch[0].study if one and n % 2 else "", facts={"legal": True})
        missing = [s for s in batch if s.instance not in _taken(x, batch)]
        taken |= _taken(x, batch)
        if len(batch) > 1:
            for s in missing:
                taken |= _taken(web.store([s], facts={"legal": True}), [s])
    web.session.samples = [s for s in web.session.corpus if s.instance in taken]
    web.session.holding = Holding.of(web.session.samples)


def _taken(x: Exchange, batch: Sequence[Sample]) -> set[str]:
    """What the answer acknowledges; a success that tells nothing readable counts for all."""
    found = module(x)
    if x.answer.ok and (found is None or not found.speaks):
        return {s.instance for s in batch} if found is None else set()
    return {i.instance for i in found.stored} if found and x.answer.ok else set()


@probe("store.round-trip", provokes=EFFECTS, needs="write")
def round_trip(web: Web) -> None:
    """Store two new studies at once, look for both, and follow the URLs of the answer."""
    make = Maker(web)
    with web.journey("web.store.effects.new"):
        first, second = make(), make()
        x = web.store([first, second], step="store", facts={"legal": True})
        look(web, first, second)
        _follow(web, x)
    with web.journey("web.store.effects.new"):
        single = make()
        x = web.store([single], study=single.study, step="store", facts={"legal": True})
        look(web, single)
        _follow(web, x)


def _follow(web: Web, x: Exchange) -> None:
    """GET the Retrieve URLs of the answer, as far as they lead to this target."""
    found = module(x)
    if not found or not x.answer.ok:
        return
    urls = [(i.instance, i.text("00081190")) for i in found.stored[:2]]
    root = found.root.get("00081190", {})
    value = root.get("Value") if isinstance(root, dict) else None
    if isinstance(value, list) and value and isinstance(value[0], str):
        study = named(value[0])
        inside = [i.instance for i in found.stored if study and (named(i.text("00081190")) or ("",))[0] == study[0]]
        urls.append((inside[0] if inside else found.stored[0].instance if found.stored else "", value[0]))
    origin = "/".join(web.base.split("/")[:3]) + "/"
    for instance, url in urls:
        if url.startswith(origin):
            web.get(url, AS_STORED, step="follow", facts={"instance": instance})


@probe("store.kinds", provokes=EFFECTS, needs="write")
def kinds(web: Web) -> None:
    """Store a new instance of each SOP Class and of each transfer syntax of the corpus, one by one, and look for it."""
    make = Maker(web)
    seen: set[str] = set()
    for s in web.session.corpus:
        new = {s.sop_class, s.transfer_syntax, "framing" if b"\r\n\r\n--boundary" in s.part10 else ""} - {""}
        if new <= seen:
            continue
        seen |= new
        with web.journey("web.store.effects.new"):
            made = make(s)
            web.store([made], step="store", facts={"legal": True})
            web.get(made.path.strip("/"), AS_STORED, step="retrieve")


@probe("store.mismatch", provokes=EFFECTS, needs="write")
def mismatch(web: Web) -> None:
    """Store instances under another study than theirs, alone and beside one that is right."""
    make = Maker(web)
    with web.journey("web.store.effects.refused"):
        stray, other = make(), make()
        web.store([stray], study=other.study, step="store")
        look_once(web, stray.study, stray.series, stray.instance)
        look_once(web, other.study, stray.series, stray.instance)
    with web.journey("web.store.effects.refused"):
        right, stray = make(), make()
        web.store([right, stray], study=right.study, step="store")
        look_once(web, stray.study, stray.series, stray.instance)
        look_once(web, right.study, stray.series, stray.instance)
    with web.journey("web.store.effects.refused"):
        strays = [make(), make(), make()]
        web.store(strays, study=make().study, step="store")
        look_once(web, strays[2].study, strays[2].series, strays[2].instance)


@probe("store.odd-uids", provokes=EFFECTS, needs="write")
def odd_uids(web: Web) -> None:
    """Store under /studies/{study} with a Study Instance UID of odd length, padded by NUL, and one of even length."""
    make = Maker(web)
    for parity in (1, 0):
        made = next((s for s in (make() for _ in range(40)) if len(s.study) % 2 == parity), None)
        if made:
            with web.journey("web.store.effects.new"):
                web.store([made], study=made.study, step="store", facts={"legal": True})
                look(web, made)


@probe("store.bad-parts", provokes=EFFECTS, needs="write")
def bad_parts(web: Web) -> None:
    """Store every kind of bad part, alone and between two good ones."""
    make = Maker(web)
    for bad in bad_samples(make(), f"{web.probe}1"):
        web.store([bad.data], study=bad.study, facts={"fault": bad.label})
    for bad in bad_samples(make(), f"{web.probe}2"):
        if bad.expected == "study":
            continue  # the mismatch has a probe of its own
        with web.journey("web.store.effects.mixed"):
            before, after = make(), make()
            web.store([before.part10, bad.data, after.part10], step="store", facts={"fault": bad.label})
            for made in (before, after):
                web.get(made.path.strip("/"), AS_STORED, step="retrieve")
    several = [bad.data for bad in bad_samples(make(), f"{web.probe}3") if bad.expected == "sop-class"]
    web.store([*several, make().part10], facts={"fault": "two of three"})


@probe("store.again", provokes=EFFECTS, needs="write")
def again(web: Web) -> None:
    """Store an instance, store it again alone and twice in one request, and look for it."""
    make = Maker(web)
    with web.journey("web.store.effects.again"):
        made = make()
        web.store([made], step="store", facts={"legal": True})
        web.store([made], step="store")
        look(web, made)
    with web.journey("web.store.effects.again"):
        made = make()
        web.store([made], step="store", facts={"legal": True})
        web.store([made, made], study=made.study, step="store")
        look(web, made)


@probe("store.joins", provokes=(*EFFECTS, COUNTS), needs="write")
def joins(web: Web) -> None:
    """Store an instance, look, store another one into its series, a third into its study, and list what is there."""
    make = Maker(web)
    with web.journey("web.store.effects.joined"):
        first = make()
        second = make(study=first.study, series=first.series)
        third = make(study=first.study)
        for made in (first, second, third):
            web.store([made], study=first.study, step="store", facts={"legal": True})
            if made is first:  # what is remembered from now on is wrong in a moment
                web.search("studies", [("StudyInstanceUID", first.study)], step="early")
                web.search(f"studies/{first.study}/series", step="early")
        web.search(f"studies/{first.study}/series/{first.series}/instances", step="list")
        web.search(f"studies/{first.study}/instances", step="list")
        look(web, first)
    with web.journey(COUNTS):
        for step, path, keys in (("study", "studies", [("StudyInstanceUID", first.study)]),
                                 ("series-of-study", f"studies/{first.study}/series", []),
                                 ("instances-of-study", f"studies/{first.study}/instances", []),
                                 ("study", "studies", [("StudyInstanceUID", first.study)])):  # fmt: skip
            web.search(path, keys, step=step, facts={"uid": first.study} if step == "study" else {})


@probe("store.accepts", provokes=PROVOKES, needs="write")
def accepts(web: Web) -> None:
    """Store with every Accept that a response module can be asked in, a clean and a mixed batch each."""
    make = Maker(web)
    bad = bad_samples(make(), web.probe)[1]
    for accept in (JSON, XML, "*/*", f"{XML};q=0.5, {JSON}", f"{JSON};q=0.2, {XML};q=0.8"):
        web.store([make()], accept=accept, facts={"legal": True})
    for accept in (JSON, XML):
        web.store([make().part10, bad.data], accept=accept, facts={"fault": bad.label})
        web.store([make()], study=make().study, accept=accept)


@probe("store.framing", provokes=("web.store",), needs="write")
def framing(web: Web) -> None:
    """Store new instances in every legal form of a multipart message, and one with a transfer encoding."""
    make = Maker(web)
    with web.journey("web.store.framing"):
        web.post_multipart(multipart([_part(make())]), step="plain", facts={"legal": True})
        for name, message in _forms(make):
            web.post_multipart(message, step="form", facts={"form": name})
        _chunked(web, multipart([_part(make())]))


def _forms(make: Maker) -> Iterable[tuple[str, Message]]:
    for name, style in STYLES.items():
        if name != "plain":
            yield name, multipart([_part(make())], style)
    for name, quoted in (("transfer-syntax", False), ("transfer-syntax-quoted", True)):
        s = make()
        yield name, multipart([replace(_part(s), transfer_syntax=s.transfer_syntax)],
                              replace(STYLES["plain"], quote_transfer_syntax=quoted))  # fmt: skip
    plain = multipart([_part(make())])
    upper = plain.content_type.replace("boundary=", "BOUNDARY=").replace("multipart/related", "Multipart/Related")
    yield "upper-case-parameters", replace(plain, content_type=upper.replace("type=", "Type="))


def _part(s: Sample) -> Part:
    return Part.of(s.part10)


def _chunked(web: Web, message: Message) -> None:
    fields = [("Content-Type", message.content_type), ("Transfer-Encoding", "chunked")]
    web.ask("POST", "studies", JSON, fields, message.body, content=message.body.chunks(4096), step="chunked")


@probe("store.faults", provokes=EFFECTS, needs="write")
def faults(web: Web) -> None:
    """Store messages with every named fault of framing, and look whether anything was kept."""
    make = Maker(web)
    for name in FAULTS:
        with web.journey("web.store.effects.refused"):
            first, second = make(), make()
            message = faulty(name, [_part(first), _part(second)])
            web.post_multipart(message, step="store", facts={"fault": name})
            web.get(first.path.strip("/"), AS_STORED, step="retrieve")


@probe("store.foreign-types", provokes=PROVOKES, needs="write")
def foreign_types(web: Web) -> None:
    """Store payloads of media types that no server can be expected to know."""
    text = Part.of(b"a,b\r\n1,2\r\n", "text/plain")
    web.ask("POST", "studies", JSON, [("Content-Type", "text/csv")], b"a,b\r\n1,2\r\n", facts={"fault": "text/csv"})
    web.post_multipart(multipart([text]), facts={"fault": "text/plain parts"})
    web.post_multipart(multipart([text]), study=Maker(web)().study, facts={"fault": "text/plain parts"})


@probe("store.batches", provokes=PROVOKES, needs="write")
def batches(web: Web) -> None:
    """Explore batches: good instances, repeated ones, strays and bad parts in any order, with and without a study."""
    make = Maker(web)
    bad = {b.label: b for b in bad_samples(make(), web.probe) if b.expected != "study"}
    words = st.lists(st.sampled_from(["good", "good", "stray", "again", *bad]), min_size=1, max_size=6)

    def act(example: tuple[list[str], bool]) -> None:
        chosen, under_study = example
        home = make()
        batch: list[bytes] = []
        for word in chosen:
            if word in bad:
                batch.append(bad[word].data)
            elif word == "again" and batch:
                batch.append(batch[-1])
            else:
                batch.append((make() if word == "stray" else make(study=home.study)).part10)
        web.store(batch, study=home.study if under_study else "")

    web.explore(st.tuples(words, st.booleans()), act, share=0.6)
