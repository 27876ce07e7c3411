"""Knows how to make QIDO-RS questions over a holding: Hypothesis strategies that shrink to short ones (PS3.18 10.6.1).

Must not know what a right answer is, nor how a question is sent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from harness.make.accepts import AcceptCase, accepts
from harness.make.holding import Entity, Holding, Level
from harness.make.keys import INCLUDABLE, RESOURCES, Key, key_named, keys_for
from harness.wire.uri import SEARCH_LEVELS

__all__ = ["AcceptCase", "Query", "Value", "accepts", "forms", "queries"]

Value = str | tuple[str, ...] | None  # one value, a comma-separated list, or a bare name

# Legal in a query value as they are (8.3.1). '+' is legal too, but read as a space so often that it would blur
# what a question is about; it travels as %2B.
SAFE = "-._~*?:@/!$'();"
UNKNOWN_UID = "2.25.1"
DATE, TIME = (key for key in keys_for("studies") if key.keyword in ("StudyDate", "StudyTime"))
COMBINED = Key((), (), "DT", "study")  # stands for the pair of them
WILD = ("LO", "SH", "PN", "CS")  # VRs of keys that know Wild Card Matching
LONGEST = 256  # characters; a longer value makes no better question
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,12}\Z")


@dataclass(frozen=True)
class Query:
    """A search: the resource's name, its path below the Base URI, and parameters with values not yet encoded."""

    resource: str
    path: str
    parameters: tuple[tuple[str, Value], ...] = ()

    def target(self, base: str = "") -> str:
        """Path and query with percent-encoding, below the path of `base`. No parameters, no question mark."""
        query = "&".join(_render(name, value) for name, value in self.parameters)
        return f"{base.rstrip('/')}{self.path}" + (f"?{query}" if query else "")

    def with_parameters(self, *extra: tuple[str, Value]) -> Query:
        """The same with further parameters; one of the same name is replaced at its place."""
        found = dict(extra)
        kept = [(name, found.pop(name, value)) for name, value in self.parameters]
        return replace(self, parameters=(*kept, *((n, v) for n, v in extra if n in found)))

    def without(self, *names: str) -> Query:
        """The same without the parameters of these names."""
        return replace(self, parameters=tuple(p for p in self.parameters if p[0] not in names))

    def spelled(self, by: str) -> Query:
        """The same question with every matching key named by "tag" or by "keyword"."""
        return replace(self, parameters=tuple((_respell(name, by), value) for name, value in self.parameters))

    @property
    def keys(self) -> tuple[Key, ...]:
        """The matching keys it asks for."""
        return tuple(key for name, _ in self.parameters if (key := key_named(name)) is not None)


def _render(name: str, value: Value) -> str:
    if value is None:
        return quote(name, safe=SAFE)
    words = (value,) if isinstance(value, str) else value
    return f"{quote(name, safe=SAFE)}=" + ",".join(quote(word, safe=SAFE) for word in words)


def _respell(name: str, by: str) -> str:
    key = key_named(name)
    return key.spelled(by) if key else name


@st.composite
def queries(
    draw: DrawFn, holding: Holding, resources: Sequence[str] = RESOURCES, max_keys: int = 3, paging: bool = True
) -> Query:
    """Questions over what is held. Every choice is a position in the holding, so that the same draws ask the same
    of another load of the same corpus. ValueError when nothing is held that a resource's path could name."""
    open_resources = [name for name in resources if _parents(holding, name)]
    if not open_resources:
        raise ValueError("Nothing is held below which one of these resources could be searched.")
    resource = draw(st.sampled_from(open_resources))
    parent = draw(st.sampled_from(_parents(holding, resource)))
    chosen = draw(st.lists(st.sampled_from(_choices(holding, resource)), max_size=max_keys, unique=True))
    parameters: list[tuple[str, Value]] = []
    for key in chosen:
        if key is COMBINED:
            parameters += draw(_combined(_moments(holding)))
        elif COMBINED not in chosen or key.keyword not in ("StudyDate", "StudyTime"):
            name = key.spelled(draw(st.sampled_from(_spellings(key))))
            parameters.append((name, draw(forms(key, _candidates(holding, resource, parent, key)))))
    parameters += draw(_includes(resource))
    if paging:
        parameters += draw(_paging())
    return Query(resource, _path(resource, parent), tuple(parameters))


def _spellings(key: Key) -> tuple[str, ...]:
    return ("keyword", "tag", "mixed") if len(key.tags) > 1 else ("keyword", "tag")


def _parents(holding: Holding, resource: str) -> list[Entity | None]:
    if resource in ("study-series", "study-instances"):
        return list(holding.studies)
    if resource == "series-instances":
        return list(holding.series)
    return [None]


def _path(resource: str, parent: Entity | None) -> str:
    below = parent.path if parent else ""
    return f"{below}/{resource.rsplit('-', 1)[-1]}"


def _candidates(holding: Holding, resource: str, parent: Entity | None, key: Key) -> list[str]:
    """Values that a key has in the holding, by position: those below the parent first, then any others."""
    level: Level = "study" if key.level == "study" else "series" if key.level == "series" else "instance"
    near = holding.below(parent, level) if parent and level in SEARCH_LEVELS[resource] else holding.at(level)
    ordered = [text for entity in (*near, *holding.at(level)) for text in entity.texts(key.path)]
    return [text for text in dict.fromkeys(ordered) if _askable(key, text)]


def _askable(key: Key, text: str) -> bool:
    """Whether a value can be asked for by Single Value Matching; a found one may be anything at all."""
    if not text or len(text) > LONGEST or any("\ud800" <= character <= "\udfff" for character in text):
        return False
    forbidden = {"DA": "-", "TM": "-", "UI": ",/"}.get(key.vr, "*?\\")
    if key.vr == "IS" and not WHOLE_NUMBER.match(text):
        return False
    return not set(text) & set(forbidden)


def forms(key: Key, held: Sequence[str]) -> SearchStrategy[Value]:
    """Values to ask for: every kind of matching that the key's VR knows (PS3.4 C.2.2.2), around the values held."""
    if not held:
        return st.sampled_from(("", "*", None) if key.vr in WILD else ("", None))
    value = st.sampled_from(held)
    if key.vr == "UI":
        return st.one_of(value, st.lists(value, min_size=1, max_size=3).map(_list), _universal(), st.just(UNKNOWN_UID))
    if key.vr in ("DA", "TM"):
        return st.one_of(value, _ranges(value), _universal())
    if key.vr == "IS":
        return st.one_of(value, value.map(_neighbour), _universal())
    wrong = value.map(_slightly_wrong)
    if key.vr == "CS":  # another case would not be a Code String any more (PS3.5 6.2)
        return st.one_of(value, _wildcards(value), wrong, _universal())
    if key.vr == "PN":
        first_group = value.map(lambda text: text.split("=")[0] or text)
        return st.one_of(first_group, value, _wildcards(first_group), wrong, value.map(str.swapcase), _universal())
    return st.one_of(value, _wildcards(value), wrong, value.map(str.swapcase), _universal())


def _neighbour(text: str) -> str:
    """A whole number next to this one, within the range of IS."""
    number = int(text)
    return str(number - 1 if number > 0 else number + 1)


def _list(values: list[str]) -> Value:
    """A list of UIDs, the last one unknown when there is but one: then the list is still a list."""
    return tuple(values) if len(values) > 1 else (values[0], UNKNOWN_UID)


def _universal() -> SearchStrategy[Value]:
    """Universal Matching (C.2.2.2.3): no value, with or without the equals sign."""
    return st.sampled_from(("", None))


def _slightly_wrong(text: str) -> str:
    """One character less or one more, so that it is nobody's value or a neighbour's."""
    return text[:-1] if len(text) > 1 else text + "X"


def _ranges(value: SearchStrategy[str]) -> SearchStrategy[Value]:
    """Closed, equal and half-open ranges, never reversed (C.2.2.2.5)."""
    pairs = st.tuples(value, value).map(sorted)
    return st.one_of(
        value.map(lambda text: f"{text}-"),
        value.map(lambda text: f"-{text}"),
        pairs.map(lambda ends: f"{ends[0]}-{ends[1]}"),
    )


def _wildcards(value: SearchStrategy[str]) -> SearchStrategy[Value]:
    """A value with a part of it replaced by '*' or a character by '?' (C.2.2.2.4); the cut is a share of its length."""

    def cut(drawn: tuple[str, int, str]) -> str:
        text, share, form = drawn
        at = len(text) * share // 100
        shapes = {
            "prefix": f"{text[:at]}*",
            "suffix": f"*{text[at:]}",
            "middle": f"{text[: at // 2]}*{text[at:]}",
            "within": f"*{text[at // 2 : at + 1]}*",
            "single": f"{text[:at]}?{text[at + 1 :]}",
        }
        return shapes[form]

    names = ("prefix", "suffix", "single", "within", "middle")
    return st.one_of(st.just("*"), st.tuples(value, st.integers(0, 100), st.sampled_from(names)).map(cut))


def _choices(holding: Holding, resource: str) -> tuple[Key, ...]:
    """The keys of a resource, and the pair of date and time where a study is searched and has both."""
    keys = keys_for(resource)
    return (*keys, COMBINED) if "study" in SEARCH_LEVELS[resource] and _moments(holding) else keys


def _moments(holding: Holding) -> list[tuple[str, str]]:
    """Study Date and Study Time of the studies that have both."""
    pairs = [(entity.attribute(DATE.path), entity.attribute(TIME.path)) for entity in holding.studies]
    return [pair for pair in pairs if _askable(DATE, pair[0]) and _askable(TIME, pair[1])]


@st.composite
def _combined(draw: DrawFn, moments: Sequence[tuple[str, str]]) -> list[tuple[str, Value]]:
    """Study Date and Study Time with ranges of one form, which match as one moment (8.3.4.1.1; C.2.2.2.5.4)."""
    low, high = sorted((draw(st.sampled_from(moments)), draw(st.sampled_from(moments))))
    form = draw(st.sampled_from(("{0}-{1}", "{0}-", "-{1}")))
    # Who does not combine reads the pair attribute by attribute, and then the times have to be in order too.
    times = sorted((low[1], high[1]))
    return [("StudyDate", form.format(low[0], high[0])), ("StudyTime", form.format(*times))]


@st.composite
def _includes(draw: DrawFn, resource: str) -> list[tuple[str, Value]]:
    """No includefield, "all", one list, or the parameter repeated (8.3.4.3)."""
    names = [pair for level in SEARCH_LEVELS[resource] for pair in INCLUDABLE[level]]
    form = draw(st.sampled_from(("none", "none", "repeated", "list", "all")))
    if form == "none":
        return []
    if form == "all":
        return [("includefield", "all")]
    picked = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    spelled = [pair[draw(st.integers(0, 1))] for pair in picked]
    return [("includefield", tuple(spelled))] if form == "list" else [("includefield", name) for name in spelled]


@st.composite
def _paging(draw: DrawFn) -> list[tuple[str, Value]]:
    """Limit and offset, each there or not (8.3.4.4). A limit of zero is left to probes that ask for it by name."""
    limit = draw(st.one_of(st.none(), st.integers(1, 30)))
    offset = draw(st.one_of(st.none(), st.integers(0, 30)))
    pairs = (("limit", limit), ("offset", offset))
    return [(name, str(number)) for name, number in pairs if number is not None]
