"""Provokes both doors of one target: what goes in by one is looked for by the other, and both are asked the same.

Must not judge what comes back; what it knows it says in the facts: `joined` are the doors whose new study was seen
behind the other one, before anything else is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from harness.exchange import Exchange
from harness.make.corpus import Sample
from harness.make.holding import Holding
from harness.make.identifiers import HOLDING, KEYS, Identifier, Level
from harness.make.keys import key_named
from harness.make.queries import Query, Value, queries
from harness.make.variants import fresh
from harness.rule import probe
from harness.talk.conversation import OCTETS, XML, Web
from harness.talk.dialogue import Dimse, Reply
from harness.talk.listener import Manner
from harness.wire.status import class_of
from suites.dimse import offers
from suites.dimse.find.probes import shapes
from suites.dimse.offers import FIND, GET, MOVE, octets
from suites.doors.story import AGAIN, LEVELS, QUERY, STORED
from suites.web.search.probes.choose import askable, richest
from suites.web.store.making import AS_STORED
from suites.web.store.module import module

TRIES = 3  # how often something is looked for before it counts as not there
EXPLICIT = "1.2.840.10008.1.2.1"
MOST = 200  # entities of a level whose answers are compared

Facts = dict[str, Any]

# Search resources that C-FIND can be asked for hierarchically, with its level, and what is asked back beside the keys.
RESOURCES: dict[str, Level] = {"studies": "STUDY", "study-series": "SERIES", "series-instances": "IMAGE"}
RETURNED = {
    "STUDY": ("00080061", "00080090", "00081030", "00100030", "00100040", "00201206", "00201208"),
    "SERIES": ("0008103E", "00201209", "00400244", "00400245"),
    "IMAGE": ("00080016", "00280008", "00280010", "00280011"),
}


# --- how an instance goes in, and how it is looked for --------------------------------------------------------------


def _by_web(web: Web, sample: Sample, facts: Facts, step: str = "") -> bool:
    """STOW-RS of one instance; whether it was acknowledged."""
    x = web.store([sample], study=sample.study, step=step, facts=facts)
    told = module(x)
    return x.answer.ok and told is not None and sample.instance in {i.instance for i in told.stored}


def _by_dimse(dimse: Dimse, sample: Sample, facts: Facts, step: str = "") -> bool:
    """C-STORE of one instance; whether it was acknowledged."""
    with dimse.associate(offers.storing([sample]), step=step, facts=facts) as a:
        reply = a.store(sample)
    return reply.status is not None and class_of(reply.status) in ("success", "warning")


def _identifiers(sample: Sample) -> list[Identifier]:
    """The study, the series and the instance, each named by its unique keys."""
    pairs = list(zip((tag for _, tag, _ in LEVELS), (sample.study, sample.series, sample.instance), strict=True))
    extra = {"STUDY": (), "SERIES": (), "IMAGE": (("00200013", ""),)}
    return [Identifier("study", level, (*pairs[: n + 1], *extra[level])) for n, level in enumerate(RESOURCES.values())]


def _find(dimse: Dimse, samples: Iterable[Sample], facts: Facts, step: str = "", levels: int = 3) -> bool:
    """C-FIND of each at every level, from the study down; whether the last query found something."""
    found = Reply(None)
    with dimse.associate(offers.asking(FIND["study"]), step=step, facts=facts) as a:
        for sample in samples:
            for identifier in _identifiers(sample)[:levels]:
                for _ in range(TRIES):
                    found = a.find(FIND["study"], octets(a, FIND["study"], identifier))
                    if found.pending or found.status != 0:
                        break
    return bool(found.pending)


def _search(web: Web, sample: Sample, facts: Facts, step: str = "", levels: int = 3) -> bool:
    """QIDO-RS of it at every level, from the study down; whether the last search found something."""
    asked = (
        ("studies", "StudyInstanceUID", sample.study),
        (f"studies/{sample.study}/series", "SeriesInstanceUID", sample.series),
        (f"studies/{sample.study}/series/{sample.series}/instances", "SOPInstanceUID", sample.instance),
    )
    found = False
    for path, keyword, uid in asked[:levels]:
        for _ in range(TRIES):
            found = _has_rows(web.search(path, [(keyword, uid)], step=step, facts=facts))
            if found:
                break
    return found


def _has_rows(x: Exchange) -> bool:
    return x.answer.ok and x.answer.json is not None and bool(x.answer.json.datasets)


def _retrieve(web: Web, sample: Sample, facts: Facts) -> None:
    """WADO-RS of it as a file, as metadata in both models, and its first frame."""
    path = sample.path.strip("/")
    for _ in range(TRIES):
        if web.get(path, AS_STORED, step="retrieve", facts=facts).answer.status not in (404, 409, 503):
            break
    web.get(f"{path}/metadata", step="metadata", facts=facts)
    web.get(f"{path}/metadata", XML, step="metadata", facts=facts)
    if sample.frames:
        web.get(f"{path}/frames/1", OCTETS, step="frames", facts=facts)


def _fetch(dimse: Dimse, samples: Sequence[Sample], facts: Facts) -> None:
    """C-GET of each, and C-MOVE to us where we can be reached."""
    storage = offers.receiving(samples, Holding.of(samples))
    contexts = [*offers.asking(GET["study"]), *storage]
    wanted = [_identifiers(sample)[-1].without("00200013") for sample in samples]
    with dimse.associate(contexts, step="get", facts=facts, roles=offers.roles(storage)) as a:
        for identifier in wanted:
            a.get(GET["study"], octets(a, GET["study"], identifier))
    if dimse.reachable:
        with (
            dimse.listening(Manner(offers.taking()), step="destination", facts=facts),
            dimse.associate(offers.asking(MOVE["study"]), step="move", facts=facts) as a,
        ):
            for identifier in wanted:
                a.move(MOVE["study"], octets(a, MOVE["study"], identifier), dimse.setup.title)


def _plain(web: Web) -> Sample:
    """A small image in Explicit VR Little Endian, the likeliest to be taken."""
    usable = [s for s in web.session.corpus if s.transfer_syntax == EXPLICIT and s.frames == 1]
    known = {s.instance for s in web.samples}
    return next((s for s in usable if s.instance in known), (usable or web.session.corpus)[0])


def joined(web: Web, dimse: Dimse) -> list[str]:
    """The doors by which a new study went in that was then seen behind the other one."""
    found = []
    first, second = (fresh(_plain(web), n, f"{web.probe}/joined") for n in (1, 2))
    if _by_web(web, first, {}) and _find(dimse, [first], {}, levels=1):
        found.append("web")
    if _by_dimse(dimse, second, {}) and _search(web, second, {}, levels=1):
        found.append("dimse")
    return found


# --- one question to both ------------------------------------------------------------------------------------------


@probe("across.query", provokes=QUERY, needs="data")
def query(web: Web, dimse: Dimse) -> None:
    """Each key in each form, then questions of every kind made by chance, through QIDO-RS and C-FIND."""
    facts: Facts = {"joined": joined(web, dimse) if web.session.write else []}
    try:
        strategy = queries(web.holding, tuple(RESOURCES), paging=False)
    except ValueError:
        return  # nothing is held that could be asked for

    def act(question: Query) -> None:
        _ask_both(web, dimse, question, facts)

    for question in _plain_questions(web.holding):
        act(question)
    web.explore(strategy, act)


def _plain_questions(holding: Holding) -> Iterator[Query]:
    """Everything at each level, and each key in each form of its VR, around a value that is held."""
    for resource, level in RESOURCES.items():
        entities = holding.at(HOLDING[level])
        keys = KEYS["study"][level]
        subject = richest(entities, keys)
        if subject is None:
            continue
        yield Query(resource, subject.path.rpartition("/")[0])
        for key in keys:
            held = next((e for e in (subject, *entities) if askable(e, key)), None)
            if held is None:
                continue
            for shape, _ in shapes(key, askable(held, key)):
                value: Value = tuple(shape.split("\\")) if key.vr == "UI" else shape
                yield Query(resource, held.path.rpartition("/")[0], ((key.keyword, value),))


def _ask_both(web: Web, dimse: Dimse, question: Query, facts: Facts) -> None:
    plain = shared(question)
    level = RESOURCES[question.resource]
    held = [e.uids[-1] for e in web.holding.at(HOLDING[level])[:MOST]]
    about = {**facts, "held": held, "question": 1}
    identifier = asked(plain)
    with web.journey(QUERY) as name, dimse.within(name):
        web.get(plain.target().lstrip("/"), step="query", facts=about)
        with dimse.associate(offers.asking(FIND["study"]), step="query", facts=about) as a:
            a.find(FIND["study"], octets(a, FIND["study"], identifier))


def shared(question: Query) -> Query:
    """The question as far as both doors have to understand it: keys that both have to match, no options.

    Study Time is left out beside Study Date: only QIDO-RS takes the two together (PS3.18 8.3.4.1.1).
    """
    known = {key.path for key in KEYS["study"][RESOURCES[question.resource]]}
    paths = {key.path for key in question.keys}
    if "00080020" in paths:
        known.discard("00080030")
    kept = tuple((n, v) for n, v in question.parameters if (key := key_named(n)) is not None and key.path in known)
    return Query(question.resource, question.path, kept)


def asked(question: Query) -> Identifier:
    """The same question as an identifier, hierarchical, with what QIDO-RS returns to be returned."""
    level = RESOURCES[question.resource]
    words = question.path.strip("/").split("/")
    above = [word for n, word in enumerate(words) if n % 2]
    keys = {tag: uid for (_, tag, _), uid in zip(LEVELS, above, strict=False)}
    for key in KEYS["study"][level]:
        keys.setdefault(key.path, "")
    keys |= dict.fromkeys(RETURNED[level], "")
    for key, (_, value) in zip(question.keys, question.parameters, strict=True):
        keys[key.path] = _spelled(value)
    return Identifier("study", level, tuple(keys.items()))


def _spelled(value: Value) -> str:
    """A value as an identifier writes it: lists divided by backslashes."""
    return value if isinstance(value, str) else "\\".join(value or ())


# --- stored again, with other contents, by the other door -----------------------------------------------------------


@probe("across.again", provokes=AGAIN, needs="write")
def again(web: Web, dimse: Dimse) -> None:
    """Store an instance by one door and, with another number and comment, by the other; then look by both."""
    facts: Facts = {"joined": joined(web, dimse)}
    for number, first in enumerate(("web", "dimse")):
        with web.journey(AGAIN) as name, dimse.within(name):
            old, new = (
                fresh(_plain(web), number, web.probe, InstanceNumber=str(n), ImageComments=words)
                for n, words in ((4711, "stored first"), (4712, "stored again"))
            )
            ways = [_through_web, _through_dimse]
            for way, sample in zip(ways if first == "web" else ways[::-1], (old, new), strict=True):
                way(web, dimse, sample, facts)
            _find(dimse, [new], facts, "find")
            _search(web, new, facts, "search")
            _retrieve(web, new, facts)
            _fetch(dimse, [new], facts)


def _through_web(web: Web, dimse: Dimse, sample: Sample, facts: Facts) -> None:
    _by_web(web, sample, facts, "store")


def _through_dimse(web: Web, dimse: Dimse, sample: Sample, facts: Facts) -> None:
    _by_dimse(dimse, sample, facts, "store")


# --- stored by one door, looked for by the other --------------------------------------------------------------------


@probe("across.stored", provokes=STORED, needs="write")
def stored(web: Web, dimse: Dimse) -> None:
    """Store two new instances of each kind, one by each door, and look for both by both doors in every way."""
    facts: Facts = {"joined": joined(web, dimse)}
    for number, like in enumerate(_kinds(web.session.corpus)):
        first, second = (fresh(like, 2 * number + n, web.probe) for n in (0, 1))
        with web.journey(STORED) as name, dimse.within(name):
            held = [first] if _by_web(web, first, facts, "store") else []
            held += [second] if _by_dimse(dimse, second, facts, "store") else []
            _find(dimse, held, facts, "find")
            for sample in held:
                _search(web, sample, facts, "search")
                _retrieve(web, sample, facts)
            if held:
                _fetch(dimse, held, facts)


def _kinds(samples: Iterable[Sample]) -> list[Sample]:
    """The first sample of each SOP Class and of each transfer syntax."""
    seen: set[str] = set()
    found = []
    for sample in samples:
        new = {sample.sop_class, sample.transfer_syntax}
        if not new <= seen:
            seen |= new
            found.append(sample)
    return found
