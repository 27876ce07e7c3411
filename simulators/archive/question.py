"""Knows how a search is put to the archive and what comes back, free of any transport.

Must not know HTTP, DIMSE, storage, or how matching is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TagPath = tuple[str, ...]  # eight upper-case hex digits each, sequence tags first


class BadValue(ValueError):
    """A matching value that the VR of its attribute does not allow (PS3.18 8.3.4.1): the asker's fault.

    `tag` is the dotted path of tags, `why` a sentence for people.
    """

    def __init__(self, tag: str, why: str) -> None:
        super().__init__(f"{tag}: {why}")
        self.tag = tag
        self.why = why


@dataclass(frozen=True)
class Key:
    """One matching key. No value, or one that is empty, is universal matching (PS3.4 C.2.2.2.3)."""

    path: TagPath
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """A search: levels that are matched and returned, the scope from the path, keys, and what to include.

    `levels` is any of "study", "series", "instance" in that order; the last one is what a row stands for.
    `include` holds tag paths beyond the attributes that are always returned, `include_all` asks for all of them.
    `empty_value` and `multiple_value` turn on PS3.4 C.2.2.2.7 and C.2.2.2.8. `fuzzy` changes nothing here:
    names are matched literally, and whoever answers says so. `timezone` is a value of (0008,0201), "+0100", or "".
    With `uids_only` rows have no elements, which is faster where nobody reads them.
    Without `combined` a range of dates and one of times are matched each on its own (PS3.4 C.2.2.2.5.4).
    With `unknown_matches` an attribute without a value matches every key (PS3.4 C.2.2.1.2 and C.2.2.1.3).
    """

    levels: tuple[str, ...]
    study: str = ""
    series: str = ""
    keys: tuple[Key, ...] = ()
    include: frozenset[TagPath] = frozenset()
    include_all: bool = False
    fuzzy: bool = False
    empty_value: bool = False
    multiple_value: bool = False
    offset: int = 0
    limit: int | None = None
    timezone: str = ""
    unknown_matches: bool = False
    uids_only: bool = False
    combined: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """One match. `elements` maps ascending tags to encoded DICOM JSON attribute objects, without (0008,1190).

    `series` and `instance` are '' above their level.
    """

    study: str
    series: str
    instance: str
    elements: Mapping[str, bytes]


@dataclass(frozen=True)
class Matches:
    """The rows from `offset` on, at most `limit` of them, and how many matches come after the last one."""

    rows: Sequence[Row]
    remaining: int = 0
