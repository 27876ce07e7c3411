"""Knows how the modules of PS3.18 Annex J are read: what a request refers to, and what an answer says of it.

Must not know what a right answer is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.exchange import Answer, Ask, Exchange, view
from harness.wire.dicom_json import DataSet
from harness.wire.uri import valid_uid
from suites.web.datasets import datasets, items, text, values
from suites.web.presence import ASKING

REQUEST, CHECK = "web.commitments.request", "web.commitments.check"
TRANSACTION = "web.commitments.transaction"
SINCE = "2024a"

SOPS, FAILED_SOPS, STUDIES, FAILED_STUDIES = "00081199", "00081198", "00081110", "0008119B"
STUDY, SERIES, CLASS, INSTANCE, REASON = "0020000D", "0020000E", "00081150", "00081155", "00081197"
SERIES_SEQUENCE, BY_CLASS, INSTANCES = "00081115", "00081112", "0008114A"
SEQUENCES = (SOPS, FAILED_SOPS, STUDIES, FAILED_STUDIES)
NAMES = {SOPS: "Referenced SOP Sequence", FAILED_SOPS: "Failed SOP Sequence", STUDIES: "Referenced Study Sequence",
         FAILED_STUDIES: "Failed Study Sequence"}  # fmt: skip
REASONS = frozenset((0x0110, 0x0112, 0x0119, 0x0122, 0x0131, 0x0213))  # PS3.3 C.14.1.1
WRONG = ("unknown", "conflicting", "unsupported")  # what a probe knows of references that cannot be committed to


def hexed(reason: int | None) -> str:
    """A Failure Reason as the tables write it."""
    return "no number" if reason is None else f"{reason:04X}H"


@dataclass(frozen=True)
class Named:
    """A reference to an instance. `sequence` is the tag of the one it stands in, `where` its place for people.

    `lacks` are the tags of attributes of type 1 that it, or what it lies in, does not have with a value.
    """

    sequence: str
    where: str
    sop_class: str
    instance: str
    study: str = ""
    series: str = ""
    reason: int | None = None
    lacks: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        return self.sequence in (FAILED_SOPS, FAILED_STUDIES)

    @property
    def nested(self) -> bool:
        """In the form that names studies and series."""
        return self.sequence in (STUDIES, FAILED_STUDIES)

    @property
    def key(self) -> tuple[bool, str, str, str, str]:
        """What it refers to, and in which form."""
        return self.nested, self.study, self.series, self.sop_class, self.instance


@dataclass(frozen=True)
class Module:
    """What the data sets of a payload refer to, and which of the four sequences they have with how many items."""

    named: tuple[Named, ...]
    present: Mapping[str, int]
    roots: Sequence[DataSet]

    @property
    def instances(self) -> set[str]:
        return {one.instance for one in self.named}

    @property
    def committed(self) -> set[str]:
        return {one.instance for one in self.named if not one.failed}


@view
def module(message: Ask | Answer) -> Module | None:
    """The module of a message, None when its payload holds no data sets."""
    roots = datasets(message)
    if not roots:
        return None
    named = tuple(one for root in roots for tag in SEQUENCES for one in _named(root, tag))
    present: dict[str, int] = {}
    for root in roots:
        for tag in SEQUENCES:
            if tag in root:
                present[tag] = present.get(tag, 0) + len(items(root, tag))
    return Module(named, present, roots)


def _named(root: DataSet, tag: str) -> Iterator[Named]:
    for n, item in enumerate(items(root, tag), 1):
        here = f"{tag}[{n}]"
        if tag in (SOPS, FAILED_SOPS):
            needed = (CLASS, INSTANCE, *((REASON,) if tag == FAILED_SOPS else ()))
            yield Named(tag, here, text(item, CLASS), text(item, INSTANCE), reason=_reason(item),
                        lacks=_lacking(item, *needed))  # fmt: skip
        else:
            yield from _nested(tag, here, item)


def _nested(tag: str, here: str, study: DataSet) -> Iterator[Named]:
    """The references of one study; an item without what should lie in it is one that lacks it."""
    above = _lacking(study, STUDY, SERIES_SEQUENCE)
    needed = (INSTANCE, REASON) if tag == FAILED_STUDIES else (INSTANCE,)
    found = 0
    for s, series in enumerate(items(study, SERIES_SEQUENCE), 1):
        for c, group in enumerate(items(series, BY_CLASS), 1):
            for i, item in enumerate(items(group, INSTANCES), 1):
                found += 1
                lacks = (*above, *_lacking(series, SERIES, BY_CLASS), *_lacking(group, CLASS, INSTANCES))
                yield Named(
                    tag, f"{here}.{s}.{c}.{i}", text(group, CLASS), text(item, INSTANCE), text(study, STUDY),
                    text(series, SERIES), _reason(item), (*lacks, *_lacking(item, *needed)),
                )  # fmt: skip
    if not found:
        yield Named(tag, here, "", "", text(study, STUDY), lacks=(*above, INSTANCES))


def _lacking(item: DataSet, *tags: str) -> tuple[str, ...]:
    return tuple(tag for tag in tags if not any(v not in (None, "") for v in values(item, tag)))


def _reason(item: DataSet) -> int | None:
    """Failure Reason as a number, also where it is written as text."""
    found = text(item, REASON)
    return int(found) if found.isdecimal() and len(found) <= 9 else None


def uids(one: Named) -> Iterator[tuple[str, str]]:
    """The UIDs of a reference with their tags."""
    yield CLASS, one.sop_class
    yield INSTANCE, one.instance
    if one.nested:
        yield STUDY, one.study
        yield SERIES, one.series


def whole(message: Module | None) -> bool:
    """A module that refers to instances, all of them by what has to be there."""
    return message is not None and bool(message.named) and not any(
        one.lacks or not all(valid_uid(uid) for _, uid in uids(one)) for one in message.named
    )  # fmt: skip


def lawful(x: Exchange) -> bool:
    """A request that nobody had reason to refuse."""
    sent = module(x.ask)
    provoked = any(x.facts.get(word) for word in ("malformed", "reused", ASKING))
    return valid_uid(x.resource.uid) and whole(sent) and not provoked


def known(x: Exchange, word: str) -> Sequence[str]:
    """What the probe knows of the instances it referred to: "kept", "unknown", "conflicting" or "unsupported"."""
    found: Any = x.facts.get(word, ())
    return tuple(found)
