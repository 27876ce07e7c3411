"""Rules of PS3.18 Annex I that compare a Store response with what was sent: every instance once, with its own UIDs.

Must not know what became of the instances afterwards: that is the matter of effects.py.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from harness.exchange import Answer, Exchange
from harness.rule import Finding, rule
from suites.web.store import alter
from suites.web.store.module import (
    CLASS,
    FAILED,
    FAILURE_REASON,
    INSTANCE,
    NAMES,
    OTHER,
    REFERENCED,
    RETRIEVE_URL,
    Item,
    Module,
    module,
    named,
)
from suites.web.store.sent import Sent, apart, framed, sent, tellable


def comparable(x: Exchange) -> bool:
    """The response speaks of instances, and we know which ones were sent."""
    found = module(x)
    known = framed(x.ask) and tellable(x.ask) and bool(sent(x))
    return known and found is not None and found.speaks


def told_in(x: Exchange) -> Module:
    found = module(x)
    assert found is not None
    return found


def sent_as(x: Exchange) -> dict[str, Sent]:
    """SOP Instance UID -> the part that is that instance; only those that can be told for certain."""
    return {s.instance: s for s in sent(x) if s.identified}


def _uncertain(x: Exchange) -> bool:
    return not all(s.identified for s in sent(x))


@rule(
    "store.every-instance-once",
    cites="PS3.18 I.1",
    verifies="PS3.18-I.1-9",
    on="web.store",
    when=lambda x: comparable(x) and bool(sent_as(x)),
    says="Each instance that was sent is told once: in the Referenced SOP Sequence or in the Failed SOP Sequence.",
)
def every_instance_once(x: Exchange) -> Iterator[Finding]:
    found = told_in(x)
    told = Counter(i.instance for i in (*found.stored, *found.failed) if i.instance)
    times = Counter(s.instance for s in sent(x) if s.identified)
    # an instance under a UID that the server changed is told under the new one
    coerced = sum(i.instance not in times for i in found.stored if i.coerced)
    missing = [uid for uid in times if not told[uid]]
    for uid in missing[coerced:]:
        yield Finding(got=f"{uid} nowhere", want="stored or failed", where="response module")
    for uid, count in times.items():
        if told[uid] > count:
            got = f"{uid} {told[uid]} times"
            yield Finding(got=got, want=f"{count} times, as it was sent", where="response module")


@every_instance_once.mutant(defects="M-ST-03")
def tells_only_the_first_failure(x: Exchange) -> Answer | None:
    """Only one item stands in the Failed SOP Sequence when several instances failed."""
    return alter.rewritten(x, lambda root: _keep(root, FAILED, slice(0, 1)))


@every_instance_once.mutant(defects=("M-ST-15", "D-ST-02"))
def stores_only_the_first_apart(x: Exchange) -> Answer | None:
    """Of metadata only the first object of the array, or the first XML part, is stored and told."""
    return alter.rewritten(x, lambda root: _keep(root, REFERENCED, slice(0, 1))) if apart(x.ask) else None


@every_instance_once.mutant
def forgets_the_last_stored(x: Exchange) -> Answer | None:
    """The last instance of a batch is stored and not told."""
    return alter.rewritten(x, lambda root: _keep(root, REFERENCED, slice(0, -1)))


@every_instance_once.mutant
def tells_the_stored_twice(x: Exchange) -> Answer | None:
    """Each stored instance is listed twice."""

    def change(root: alter.Root) -> alter.Root | None:
        found = alter.items(root, REFERENCED)
        return {**root, REFERENCED: alter.sequence([*found, *found])} if found else None

    return alter.rewritten(x, change)


@every_instance_once.mutant
def tells_the_failed_as_stored_too(x: Exchange) -> Answer | None:
    """An instance that failed is listed as stored as well."""

    def change(root: alter.Root) -> alter.Root | None:
        failed = alter.items(root, FAILED)
        items = [{k: v for k, v in i.items() if k != FAILURE_REASON} for i in failed]
        items = [alter.ordered({**i, RETRIEVE_URL: {"vr": "UR"}}) for i in items]
        both = alter.sequence([*alter.items(root, REFERENCED), *items])
        return alter.ordered({**root, REFERENCED: both}) if failed else None

    return alter.rewritten(x, change)


@every_instance_once.mutant(defects="M-ST-04")
def uses_the_wrong_sequence(x: Exchange) -> Answer | None:
    """Stored instances stand in Referenced Series Sequence (0008,1115) instead of Referenced SOP Sequence."""

    def change(root: alter.Root) -> alter.Root | None:
        if REFERENCED not in root or FAILED not in root:
            return None
        moved = {"00081115" if tag == REFERENCED else tag: value for tag, value in root.items()}
        return alter.ordered(moved)

    return alter.rewritten(x, change)


@rule(
    "store.nothing-unsent",
    cites="PS3.18 I.1",
    verifies="PS3.18-I.1-9",
    on="web.store",
    when=lambda x: comparable(x) and not _uncertain(x),
    says="The response names no instance that was not sent.",
)
def nothing_unsent(x: Exchange) -> Iterator[Finding]:
    known = sent_as(x)
    for item in (*told_in(x).stored, *told_in(x).failed):
        if item.instance and item.instance not in known and not item.coerced:
            yield Finding(got=item.instance[:80], want="an instance of the request", where=f"{item.where}/{INSTANCE}")


@nothing_unsent.mutant
def names_somebody_elses_instance(x: Exchange) -> Answer | None:
    """Each item names an instance that nobody sent."""

    def change(root: alter.Root) -> alter.Root | None:
        found = [*alter.items(root, REFERENCED), *alter.items(root, FAILED)]
        for item in found:
            item[INSTANCE] = alter.attribute("UI", "2.25.4711")
        return root if found else None

    return alter.rewritten(x, change)


@nothing_unsent.mutant
def adds_an_instance(x: Exchange) -> Answer | None:
    """The series is listed as if it were an instance as well."""
    series = next((s.series for s in sent(x) if s.identified), "")

    def change(root: alter.Root) -> alter.Root | None:
        found = alter.items(root, REFERENCED)
        if not found or not series:
            return None
        return {**root, REFERENCED: alter.sequence([*found, {**found[0], INSTANCE: alter.attribute("UI", series)}])}

    return alter.rewritten(x, change)


@rule(
    "store.item-names-its-class",
    cites="PS3.18 Table I.1-1",
    verifies=("PS3.18-I.1-3", "PS3.18-I.1-5"),
    on="web.store",
    when=lambda x: comparable(x) and any(part_of(x, i) and i.sop_class for i in told_in(x).items),
    says="Referenced SOP Class UID is the class of the instance beside it.",
)
def item_names_its_class(x: Exchange) -> Iterator[Finding]:
    for item in told_in(x).items:
        known = part_of(x, item)
        if known and item.sop_class and item.sop_class != known.sop_class and not item.coerced:
            yield Finding(got=item.sop_class[:80], want=known.sop_class, where=f"{item.where}/{CLASS}")


@item_names_its_class.mutant
def gives_all_the_same_class(x: Exchange) -> Answer | None:
    """Every item has the SOP Class of Secondary Capture."""

    def change(root: alter.Root) -> alter.Root | None:
        found = [*alter.items(root, REFERENCED), *alter.items(root, FAILED)]
        for item in found:
            item[CLASS] = alter.attribute("UI", "1.2.840.10008.5.1.4.1.1.7")
        return root if found else None

    return alter.rewritten(x, change)


@item_names_its_class.mutant
def names_the_transfer_syntax_as_class(x: Exchange) -> Answer | None:
    """Failed items name Explicit VR Little Endian as their class."""

    def change(root: alter.Root) -> alter.Root | None:
        found = alter.items(root, FAILED)
        for item in found:
            item[CLASS] = alter.attribute("UI", "1.2.840.10008.1.2.1")
        return root if found else None

    return alter.rewritten(x, change)


@rule(
    "store.other-failures-are-nameless",
    cites="PS3.18 Table I.1-1",
    verifies="PS3.18-I.1-8",
    on="web.store",
    when=lambda x: comparable(x) and (_nameless(x) > 0 or bool(told_in(x).other)),
    says="Other Failures Sequence has an item for each failure that no SOP Instance can be named for, and no others.",
)
def other_failures_are_nameless(x: Exchange) -> Iterator[Finding]:
    found = told_in(x)
    certain = sent_as(x)
    named_items = [i for i in (*found.stored, *found.failed) if i.instance in certain]
    uncertain = len(sent(x)) - len(certain)
    if apart(x.ask):  # a part of bulk data that nothing refers to may be told of as well
        uncertain += len(x.ask.parts)
    told = len(found.items) - len(named_items)
    if not uncertain and found.other:
        got = f"{len(found.other)} items"
        yield Finding(got=got, want="absent: every part is an instance", where=NAMES[OTHER])
    elif told < _nameless(x):
        got = f"{told} failures for {_nameless(x)} parts that are no instance"
        yield Finding(got=got, want="an item for each", where=NAMES[OTHER])
    elif told > uncertain:
        got = f"{told} failures for {uncertain} parts that cannot be read"
        yield Finding(got=got, want="an item for each", where=NAMES[OTHER])


@other_failures_are_nameless.mutant
def keeps_quiet_about_junk(x: Exchange) -> Answer | None:
    """A part that is no DICOM is left out of the response."""
    return alter.rewritten(x, lambda root: {k: v for k, v in root.items() if k != OTHER})


@other_failures_are_nameless.mutant
def adds_a_nameless_failure(x: Exchange) -> Answer | None:
    """A failure without an instance is told although every part is one."""
    more = alter.sequence([{FAILURE_REASON: alter.attribute("US", 0x0110)}])
    return alter.rewritten(x, lambda root: None if OTHER in root else alter.ordered({**root, OTHER: more}))


@rule(
    "store.item-url-is-the-instance",
    cites="PS3.18 Table I.1-1; 10.4.1.1.1",
    verifies="PS3.18-I.1-5",
    on="web.store",
    when=lambda x: comparable(x) and any(i.text(RETRIEVE_URL) and part_of(x, i) for i in told_in(x).stored),
    says="Retrieve URL of a stored instance leads to that instance, in its series and study.",
)
def item_url_is_the_instance(x: Exchange) -> Iterator[Finding]:
    for item in told_in(x).stored:
        known, url = part_of(x, item), item.text(RETRIEVE_URL)
        if not known or not url or item.coerced:
            continue
        if named(url) != (known.study, known.series, known.instance):
            want = f".../studies/{known.study}/series/{known.series}/instances/{known.instance}"
            yield Finding(got=url[:200], want=want, where=f"{item.where}/{RETRIEVE_URL}")


@item_url_is_the_instance.mutant
def item_url_is_the_study(x: Exchange) -> Answer | None:
    """Retrieve URL of each instance is that of its study."""
    return alter.rewritten(x, lambda root: _urls(root, lambda url: url.partition("/series/")[0]))


@item_url_is_the_instance.mutant
def item_url_has_no_series(x: Exchange) -> Answer | None:
    """Retrieve URL of each instance leaves the series out."""

    def short(url: str) -> str:
        study, _, rest = url.partition("/series/")
        return f"{study}/instances/{rest.partition('/instances/')[2]}"

    return alter.rewritten(x, lambda root: _urls(root, short))


@item_url_is_the_instance.mutant
def item_urls_are_all_the_first(x: Exchange) -> Answer | None:
    """Each instance of a batch has the Retrieve URL of the first one."""

    def change(root: alter.Root) -> alter.Root | None:
        found = [i for i in alter.items(root, REFERENCED) if RETRIEVE_URL in i]
        for item in found:
            item[RETRIEVE_URL] = found[0][RETRIEVE_URL]
        return root if len(found) > 1 else None

    return alter.rewritten(x, change)


@rule(
    "store.root-url-is-the-study",
    cites="PS3.18 Table I.1-1",
    verifies="PS3.18-I.1-1",
    on="web.store",
    when=lambda x: comparable(x) and bool(_root_url(x)) and any(part_of(x, i) for i in told_in(x).stored),
    says="Retrieve URL of the module leads to a study that instances were stored in.",
)
def root_url_is_the_study(x: Exchange) -> Iterator[Finding]:
    studies = {of.study for i in told_in(x).stored if (of := part_of(x, i))}
    found = named(_root_url(x))
    coerced = any(i.coerced for i in told_in(x).stored)
    if not found or found[1] or (found[0] not in studies and not coerced):
        want = f".../studies/{sorted(studies)[0]}"
        yield Finding(got=_root_url(x)[:200], want=want, where=NAMES[RETRIEVE_URL])


@root_url_is_the_study.mutant
def root_url_is_the_service(x: Exchange) -> Answer | None:
    """Retrieve URL of the module is that of all studies."""

    def change(root: alter.Root) -> alter.Root | None:
        url = str((root.get(RETRIEVE_URL, {}).get("Value") or [""])[0])
        return {**root, RETRIEVE_URL: alter.attribute("UR", url.rpartition("/")[0])} if url else None

    return alter.rewritten(x, change)


@root_url_is_the_study.mutant
def root_url_is_an_instance(x: Exchange) -> Answer | None:
    """Retrieve URL of the module is that of the first instance."""

    def change(root: alter.Root) -> alter.Root | None:
        found = [i[RETRIEVE_URL] for i in alter.items(root, REFERENCED) if RETRIEVE_URL in i]
        return {**root, RETRIEVE_URL: found[0]} if found else None

    return alter.rewritten(x, change)


@rule(
    "store.urls-name-this-service",
    cites="PS3.18 Table I.1-1",
    verifies=("PS3.18-I.1-1", "PS3.18-I.1-5"),
    on="web.store",
    when=lambda x: comparable(x) and bool(_urls_of(x)),
    says="Retrieve URLs name the host by which the service was reached, unless the data is kept elsewhere.",
)
def urls_name_this_service(x: Exchange) -> Iterator[Finding]:
    for url in _urls_of(x):
        if x.leads_away(url):
            yield Finding(got=url[:200], want=f"below {x.ask.base}", where=NAMES[RETRIEVE_URL], warn=True)
            return


@urls_name_this_service.mutant
def urls_name_an_inner_host(x: Exchange) -> Answer | None:
    """Retrieve URLs name the host as the server calls itself."""
    host = x.ask.headers.get("host") or "127.0.0.1"

    def change(root: alter.Root) -> alter.Root:
        text = json.dumps(root)
        found: alter.Root = json.loads(text.replace(f"//{host}", "//pacs.internal:8080"))
        return found

    return alter.rewritten(x, change)


@rule(
    "store.location",
    cites="PS3.18 10.5.3.2",
    verifies=("PS3.18-10.5.3.2-2", "PS3.18-10.5.3.2-3"),
    on="web.store",
    when=lambda x: x.answer.ok and comparable(x) and not _uncertain(x) and bool(told_in(x).stored),
    says="Location and Content-Location name what was created: the instance, or a resource that holds it.",
)
def location(x: Exchange) -> Iterator[Finding]:
    known = [k for i in told_in(x).stored if (k := part_of(x, i))]
    past = x.context.past if x.context else None
    held = {k.instance for k in known if past and (kept := past.get(k.instance)) and kept.seq < x.seq}
    new = [k for k in known if k.instance not in held]
    for name in ("Location", "Content-Location"):
        value = x.answer.headers.get(name)
        if value is None:
            if new:
                got = f"no {name}, {len(new)} instances are new"
                yield Finding(got=got, want="the URL of what was created", where=name, warn=True)
        elif known and not _leads_to(value, known) and not any(i.coerced for i in told_in(x).stored):
            yield Finding(got=value[:200], want="the URL of what was stored, or of what holds it", where=name)


@location.mutant
def tells_no_location(x: Exchange) -> Answer | None:
    """Location is left out."""
    return x.answer.but(headers=x.answer.headers.but("location", None)) if "location" in x.answer.headers else None


@location.mutant
def tells_no_content_location(x: Exchange) -> Answer | None:
    """Content-Location is left out."""
    given = "content-location" in x.answer.headers
    return x.answer.but(headers=x.answer.headers.but("content-location", None)) if given else None


@location.mutant
def location_leads_elsewhere(x: Exchange) -> Answer | None:
    """Location names a study that nothing was stored in."""
    if "location" not in x.answer.headers or not x.answer.ok:
        return None
    return x.answer.but(headers=x.answer.headers.but("location", f"{x.ask.base}/studies/2.25.4711"))


def _leads_to(url: str, known: list[Sent]) -> bool:
    """The URL names one of them, a series or study that holds one, or the collection of all studies."""
    found = named(url)
    if found is None:
        return url.partition("?")[0].rstrip("/").endswith("studies")
    wanted = [u for u in found if u]
    return any([k.study, k.series, k.instance][: len(wanted)] == wanted for k in known)


def part_of(x: Exchange, item: Item) -> Sent | None:
    return sent_as(x).get(item.instance)


def _nameless(x: Exchange) -> int:
    """Parts in which nobody can find the UID of an instance."""
    found = (s for s in sent(x) if not s.instance)
    return sum(s.attributes is not None or s.part.content.read(128, 4) != b"DICM" for s in found)


def _urls_of(x: Exchange) -> list[str]:
    found = [_root_url(x), *(i.text(RETRIEVE_URL) for i in told_in(x).stored)]
    return [url for url in found if url.startswith(("http://", "https://"))]


def _root_url(x: Exchange) -> str:
    return Item("", told_in(x).root).text(RETRIEVE_URL)


def _keep(root: alter.Root, tag: str, which: slice) -> alter.Root | None:
    found = alter.items(root, tag)
    return {**root, tag: alter.sequence(found[which])} if len(found) > 1 else None


def _urls(root: alter.Root, change: alter.Rewrite) -> alter.Root | None:
    found = [i for i in alter.items(root, REFERENCED) if RETRIEVE_URL in i]
    for item in found:
        url = str((item[RETRIEVE_URL].get("Value") or [""])[0])
        item[RETRIEVE_URL] = alter.attribute("UR", change(url))
    return root if found else None
