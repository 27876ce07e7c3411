"""Provokes the Non-Patient Instance service: presence, round trips, refusals, searches of every kind, pages.

Must not judge what comes back. Where the service is not there, one question is asked for each category and no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hypothesis import strategies as st

from harness.make.nonpatient import KINDS, Instance, Maker, stray
from harness.make.uids import uid as made_uid
from harness.nonpatient import CATEGORIES, CATEGORY_OF, SOP_INSTANCE
from harness.rule import probe
from harness.talk.conversation import JSON, Web
from suites.web.non_patient.matching import FORMS, KEYS, PAGES
from suites.web.non_patient.presence import PRESENCE
from suites.web.non_patient.reading import DICOM, TYPES, XML, uids
from suites.web.non_patient.retrieve import ELSEWHERE, HELD, KEPT
from suites.web.non_patient.store import AGAIN, MIXED, REFUSED, TYPES_STORED
from suites.web.non_patient.talk import (
    ACCEPTS,
    SERVED,
    get,
    post,
    search,
    served,
    store,
    store_all,
    storing,
)
from suites.web.search.rows import texts

PROVOKES = ("web.non-patient",)
TRIES = 3  # how often something is looked for before it counts as not there
FEW = 2  # instances of a category that are looked at where others stored them
WILD = ("LO", "SH", "CS", "PN", "UC", "LT", "ST", "AE", "UT")


@probe("non-patient.presence", provokes=(*PROVOKES, "web.capabilities", PRESENCE), needs="nothing")
def presence(web: Web) -> None:
    """Ask for each category once, and read the Capabilities Description where there is one of them."""
    with web.journey(PRESENCE):
        found = served(web)
        if found:
            web.ask("OPTIONS", "", "application/vnd.sun.wadl+xml", step="document")
            for name in CATEGORIES:
                web.search(name, [("limit", "1")], step=f"call {name}", facts={"served": name in found})


@probe("non-patient.held", provokes=(*PROVOKES, HELD))
def held(web: Web) -> None:
    """Retrieve some of what each category holds in every media type, what it does not hold, and in a foreign type."""
    for name in served(web):
        with web.journey(HELD):
            x = search(web, name, [("limit", str(FEW))])
            for uid in [u for u in uids(x) if u][:FEW]:
                get(web, name, uid)
                web.get(f"{name}/{uid}", "*/*", facts=SERVED)
                web.get(f"{name}/{uid}", ELSEWHERE, facts=SERVED)
        for accept in (JSON, DICOM):
            web.get(f"{name}/{made_uid('nobody', web.nonce, name)}", accept, facts={**SERVED, "unknown": True})
        search(web, name, accept=ELSEWHERE)


@probe("non-patient.round-trip", provokes=(*PROVOKES, KEPT, TYPES_STORED), needs="write")
def round_trip(web: Web) -> None:
    """Store an instance of each kind, retrieve it in every media type, search for it, and look elsewhere."""
    names, make = storing(web), Maker(web.nonce, web.probe)
    for number, kind in enumerate(k for k, (sop_class, _) in KINDS.items() if CATEGORY_OF[sop_class] in names):
        made = make(kind)
        with web.journey(KEPT):
            store(web, made, TYPES[number % 3], step="store", uid=made.uid if number % 2 else "")
            get(web, made.category, made.uid)
            web.get(f"{made.category}/{made.uid}", "*/*")
            for _ in range(TRIES):
                if made.uid in uids(search(web, made.category, [("SOPInstanceUID", made.uid)])):
                    break
        for other in [n for n in names if n != made.category][:1]:
            web.get(f"{other}/{made.uid}", JSON, facts={**SERVED, "unknown": True})
    for name in names:
        with web.journey(TYPES_STORED):
            for type in TYPES:
                store(web, make.of(name), type, step=type)


@probe("non-patient.refusals", provokes=(*PROVOKES, REFUSED), needs="write")
def refusals(web: Web) -> None:
    """Store what has no place where it is sent: other categories, other UIDs, no instances, foreign media types."""
    names, make = storing(web), Maker(web.nonce, web.probe)
    for name in names:
        own, other = make.of(name), make.of(next(n for n in CATEGORIES if n != name))
        image = stray(f"{web.nonce}{name}")
        wrong = made_uid("wrong", web.nonce, name)
        for what, made, uid in (("an image of a patient", image, ""), ("an instance of another category", other, ""),
                                ("an instance of another UID", own, wrong)):  # fmt: skip
            with web.journey(REFUSED):
                store(web, made, category=name, uid=uid, step="store", facts={"fault": what, "report": True})
                get(web, name, uid or made.uid, (JSON,))
        for what, octets, type, code in _unreadable(own):
            about = {"fault": what, "code": code, "report": code == 400 and bool(octets)}
            post(web, name, octets, type, facts=about)


def _unreadable(made: Instance) -> Iterator[tuple[str, bytes, str, int]]:
    """What, the payload, its media type, and the code that the text has for it (0 for none in particular)."""
    yield "no payload", b"", DICOM, 400
    yield "no DICOM file", b"no file at all, whatever the type says", DICOM, 400
    yield "half a file", made.part10[: len(made.part10) // 2], DICOM, 0
    yield "no JSON", b"{", JSON, 400
    yield "an empty list", b"[]", JSON, 400
    yield "an empty data set", b"[{}]", JSON, 0
    yield "text/csv", b"a,b\r\n1,2\r\n", "text/csv", 415
    yield "an image of another kind", b"\x89PNG\r\n\x1a\n", "image/png", 415


@probe("non-patient.batches", provokes=(*PROVOKES, MIXED, AGAIN), needs="write")
def batches(web: Web) -> None:
    """Store a good instance beside one that has no place there, the same again, and another under its UID."""
    names, make = storing(web), Maker(web.nonce, web.probe)
    for name in names:
        with web.journey(MIXED):
            good, image = make.of(name), stray(f"{web.nonce}{name}mixed")
            store_all(web, [good.part10, image.part10], name, step="store", facts={"report": True})
            get(web, name, good.uid, (JSON,))
        with web.journey(AGAIN):
            first = make.of(name)
            store(web, first, step="store")
            store(web, first, step="again")
            store(web, make.again(first, SoftwareVersions="other"), step="other")
            get(web, name, first.uid, (JSON,))


@probe("non-patient.keys", provokes=(*PROVOKES, KEYS), needs="write")
def keys(web: Web) -> None:
    """Store three instances of each kind and search for them by every key of their table, and for what it returns."""
    names, make = storing(web), Maker(web.nonce, web.probe)
    for kind, (sop_class, _) in KINDS.items():
        name = CATEGORY_OF[sop_class]
        model = CATEGORIES[name].model(sop_class) if name in names else None
        if model is None:
            continue
        with web.journey(KEYS):
            made = [make(kind) for _ in range(3)]
            for one in made:
                store(web, one, step="store")
            # palettes are matched by single UIDs only (PS3.4 Table X.6-1)
            ours = made[0].uid if name == "color-palettes" else ",".join(one.uid for one in made)
            search(web, name, [("SOPInstanceUID", ours)])
            search(web, name, [("SOPInstanceUID", ours), ("SOPClassUID", sop_class)])
            search(web, name, [("SOPInstanceUID", ours), ("includefield", "all")])
            for path, key in model.keys.items():
                if key.matched and path != SOP_INSTANCE:
                    _by(web, name, path, made, ours)
                elif key.told[:1] in "12" and "." not in path:
                    search(web, name, [("SOPInstanceUID", ours), ("includefield", path)])


def _by(web: Web, name: str, path: str, made: Sequence[Instance], ours: str) -> None:
    """Search by one key: a value, parts of it, ranges around it."""
    value = next(iter(texts(made[0].attributes, path)), "")
    vr = _vr(made[0], path)
    if not value or vr == "SQ":
        search(web, name, [("SOPInstanceUID", ours), (path, "")])
        return
    search(web, name, [(path, value), ("SOPInstanceUID", ours)])
    if vr in WILD and value.isascii():
        search(web, name, [(path, f"{value[:-1]}?"), ("SOPInstanceUID", ours)])
        search(web, name, [(path, f"{value[:2]}*"), ("SOPInstanceUID", ours)])
    elif vr == "UI":
        search(web, name, [(path, f"{value},2.25.1"), ("SOPInstanceUID", ours)])
    elif vr in ("DA", "DT"):
        for wanted in (f"{value}-{value}", f"{value}-", f"-{value}"):
            search(web, name, [(path, wanted), ("SOPInstanceUID", ours)])


def _vr(made: Instance, path: str) -> str:
    found = made.attributes
    *above, last = path.split(".")
    for tag in above:
        items = found.get(tag, {}).get("Value") or [{}]
        found = items[0]
    return str(found.get(last, {}).get("vr", ""))


@probe("non-patient.forms", provokes=(*PROVOKES, FORMS))
def forms(web: Web) -> None:
    """Ask the same in different words: tag and keyword, JSON and XML, a star, an empty key, once more."""
    for name in served(web):
        with web.journey(FORMS):
            x = search(web, name, step="same all")
            search(web, name, step="same all")
            search(web, name, accept=ACCEPTS[XML], step="same all")
            search(web, name, [("SOPInstanceUID", "")], step="same all")
            search(web, name, [("00080016", "")], step="same all")
            some = [u for u in uids(x) if u][:FEW]
            for word in ("SOPInstanceUID", SOP_INSTANCE) if some else ():
                search(web, name, [(word, ",".join(some))], step="same uids")
        for option in ("fuzzymatching", "emptyvaluematching", "multiplevaluematching"):
            search(web, name, [(option, "true"), ("limit", "1")])
            search(web, name, [(option, "perhaps")])
        for bad in ("-1", "many", "1.5"):
            search(web, name, [("limit", bad)])
        search(web, name, [("SOPInstanceUID", made_uid("nobody", web.nonce, name))])


@probe("non-patient.pages", provokes=(*PROVOKES, PAGES))
def pages(web: Web) -> None:
    """Ask for pages of what a category holds, before and after it is asked for as a whole."""
    for name in served(web):
        with web.journey(PAGES):
            x = search(web, name, step="all")
            count = len(uids(x))
            for offset, limit in ((0, 1), (1, 1), (1, None), (max(0, count - 1), 2), (count, 1), (0, count), (2, 2)):
                parameters = [("offset", str(offset))] if offset else []
                search(web, name, [*parameters, *([("limit", str(limit))] if limit else [])], step="page")
            search(web, name, step="all")


@probe("non-patient.explore", provokes=(*PROVOKES, KEYS), needs="write")
def explore(web: Web) -> None:
    """Explore searches: any keys of a category with values that are held, parts of them and values of nobody."""
    names, make = storing(web), Maker(web.nonce, web.probe)
    for name in names:
        kinds = [k for k, (c, _) in KINDS.items() if CATEGORY_OF[c] == name and CATEGORIES[name].model(c)]
        made = [make(kind) for kind in kinds for _ in range(2)]
        pairs = [(path, value) for one in made for path in sorted(CATEGORIES[name].matching)
                 if (value := next(iter(texts(one.attributes, path)), "")) and _vr(one, path) != "SQ"]  # fmt: skip
        chosen = st.lists(st.sampled_from(pairs), min_size=1, max_size=3, unique_by=lambda pair: pair[0])

        def act(example: tuple[list[tuple[str, str]], bool, int], name: str = name,
                made: Sequence[Instance] = made) -> None:  # fmt: skip
            asked, everything, cut = example
            with web.journey(KEYS):
                for one in made:
                    store(web, one, step="store")
                words = [(path, value if cut % 2 else f"{value[:cut]}*") if _text(made, path) else (path, value)
                         for path, value in asked]  # fmt: skip
                search(web, name, [*words, *([("includefield", "all")] if everything else [])])

        web.explore(st.tuples(chosen, st.booleans(), st.integers(0, 9)), act, share=0.1)


def _text(made: Sequence[Instance], path: str) -> bool:
    return any(_vr(one, path) in WILD for one in made)
