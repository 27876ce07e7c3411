"""Rules of PS3.18 8.3.4 and 10.6.1.2 on the parameters of a search: matching keys, includefield, paging, options.

Must not know what a search finds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from harness.exchange import Ask, Exchange
from harness.rule import ASK, SHALL_NOT, SHOULD, USER_AGENT, Finding, rule, undetected
from harness.wire.uri import valid_uid
from suites.web.client.bend import searched
from suites.web.search import asked

STUDIES = "web.search"
# every search has the parameters of 8.3.4 (11.9.1.2, 12.6.1.2)
ON = f"{STUDIES}|web.workitems.search|web.non-patient.search|web.scheduled-steps.search"
# 10.6.1.2.1: on which resources attributes of a level may be keys; those of the patient and the additional ones of
# PS3.4 C.3.4, such as Modalities In Study, may be on all.
ALLOWED = {
    "study": ("studies", "series", "instances"),
    "series": ("study-series", "series", "study-instances", "instances"),
    "instance": ("study-instances", "series-instances", "instances"),
}
_ANYWHERE = ("00080061", "00100010", "00100020")
_PRIVATE = re.compile(r"[0-9A-F]{3}[13579BDF][0-9A-F]{4}")


def keys(x: Exchange) -> list[asked.Key]:
    return asked.keys(x.ask)


@rule(
    "client.search-names",
    cites="PS3.18 8.3.4 Table 8.3.4-1; 8.3.4.1",
    level=SHOULD,
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: any(p.name for p in x.resource.query.parameters),
    says="The parameters of a search are those of Table 8.3.4-1, and attributes by keyword or tag as PS3.6 has them.",
)
def search_names(x: Exchange) -> Iterator[Finding]:
    for parameter in x.resource.query.parameters:
        known = parameter.name in asked.RESERVED or asked.path_of(parameter.name)
        # a name that begins so is no attribute misspelt: caches are told apart by it
        if parameter.name and not known and not parameter.name.startswith("_"):
            yield Finding(got=parameter.name[:80], want="a parameter of the search, a keyword or a tag", where="query")


@search_names.mutant(at=ASK)
def misspells_a_keyword(x: Exchange) -> Ask | None:
    """Patient ID is asked for by a name that is nearly its keyword."""
    return searched(x, "PatientId=1")


@search_names.mutant(at=ASK)
def invents_a_parameter(x: Exchange) -> Ask | None:
    """Pages are asked for with a parameter that searches do not have."""
    return searched(x, "page=2")


@rule(
    "client.keys-once",
    cites="PS3.18 8.3.4.1",
    verifies="PS3.18-8.3.4.1-1",
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(keys(x)),
    says="A search names each attribute once as a matching key, be it by keyword or by tag.",
)
def keys_once(x: Exchange) -> Iterator[Finding]:
    for path, times in Counter(key.path for key in keys(x)).items():
        if times > 1:
            yield Finding(got=f"{path} {times} times", want="once", where="query")


@keys_once.mutant(at=ASK)
def repeats_a_key(x: Exchange) -> Ask | None:
    """Two values of one attribute are sent as two parameters."""
    return searched(x, "PatientID=1", "PatientID=2")


@keys_once.mutant(at=ASK)
def names_a_key_in_both_ways(x: Exchange) -> Ask | None:
    """An attribute is named by its keyword and by its tag."""
    return searched(x, "PatientID=1", "00100020=1")


@rule(
    "client.key-has-one-value",
    cites="PS3.18 8.3.4.1; PS3.4 C.2.2.2.2",
    verifies="PS3.18-8.3.4.1-3",
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(keys(x)),
    says="A matching key has one value; only keys of VR UI take a list, parted by commas.",
)
def key_has_one_value(x: Exchange) -> Iterator[Finding]:
    several = asked.flag(x.ask, "multiplevaluematching")
    for key in keys(x):
        if key.vr not in ("UI", "UN") and len(key.values) > 1:
            # with Multiple Value Matching several values are allowed, and the text does not say how they are parted
            yield Finding(got=key.parameter.raw or "", want="one value", where=key.where[:80], warn=several)
        if key.vr == "UI" and "\\" in key.value:
            yield Finding(got=key.value[:80], want="UIDs parted by commas", where=key.where[:80])


@key_has_one_value.mutant(at=ASK)
def lists_modalities(x: Exchange) -> Ask | None:
    """Two modalities are asked for at once."""
    return searched(x, "ModalitiesInStudy=CT,MR")


@key_has_one_value.mutant(at=ASK)
def leaves_the_comma_of_a_name(x: Exchange) -> Ask | None:
    """The comma within a value is not percent-encoded."""
    return searched(x, "PatientName=Doe,John")


@key_has_one_value.mutant(at=ASK)
def parts_uids_by_backslashes(x: Exchange) -> Ask | None:
    """UIDs are parted by backslashes, as in DIMSE."""
    return searched(x, "StudyInstanceUID=1.2%5C1.3")


@rule(
    "client.key-values",
    cites="PS3.18 8.3.1; PS3.5 6.2",
    verifies="PS3.18-8.3.1-5",
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: any(not key.universal for key in keys(x)),
    says="The value of a key has the form of its VR, and no padding.",
)
def key_values(x: Exchange) -> Iterator[Finding]:
    for where, want in asked.faults(x.ask):
        if not where.startswith(tuple(f"query parameter {name}=" for name in asked.RESERVED)):
            # "," shall be percent-encoded in any parameter (8.3.4.1), and is what parts a list (8.3.1)
            uids = [key.value.split(",") for key in keys(x) if key.vr == "UI" and key.where.startswith(where)]
            encoded = any(all(map(valid_uid, words)) for words in uids)
            yield Finding(got=where.partition("=")[2], want=want, where=where, warn=encoded)
    for key in keys(x):
        padded = key.vr == "UI" and any(v != v.strip(" ") and valid_uid(v.strip(" ")) for v in key.values)
        if "\0" in key.value or padded:
            yield Finding(got=repr(key.value[:80]), want="no padding", where=f"query parameter {key.parameter.name}")


@key_values.mutant(at=ASK)
def writes_dates_with_dashes(x: Exchange) -> Ask | None:
    """A date is written as in ISO 8601."""
    return searched(x, "StudyDate=2024-01-31")


@key_values.mutant(at=ASK)
def pads_a_uid_with_nul(x: Exchange) -> Ask | None:
    """A UID is padded to an even length with NUL."""
    return searched(x, "StudyInstanceUID=1.2%00")


@key_values.mutant(at=ASK)
def pads_a_uid_with_a_blank(x: Exchange) -> Ask | None:
    """A UID is padded to an even length with a blank."""
    return searched(x, "StudyInstanceUID=1.2%20")


def _private(paths: Iterator[str]) -> set[str]:
    """The private data elements among the last tags of these paths; private creators are none."""
    tags = {path.rpartition(".")[2] for path in paths}
    return {tag for tag in tags if _PRIVATE.fullmatch(tag) and tag[4:] >= "1000"}


def _private_asked(x: Exchange) -> set[str]:
    return _private(key.path for key in keys(x)) | _private(iter(asked.included(x.ask)))


@rule(
    "client.private-creator",
    cites="PS3.18 8.3.4.1; 8.3.4.3; PS3.5 7.8.1",
    verifies=("PS3.18-8.3.4.1-4", "PS3.18-8.3.4.3-4"),
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(_private_asked(x)),
    due=False,
    says="Who names a private element in a key or in includefield names its Private Creator as a key.",
)
def private_creator(x: Exchange) -> Iterator[Finding]:
    named = {key.path.rpartition(".")[2] for key in keys(x) if not key.universal}
    for tag in sorted(_private_asked(x)):
        creator = f"{tag[:4]}00{tag[4:6]}"
        if creator not in named:
            yield Finding(got=tag, want=f"{creator}=… as a key", where="query")


@private_creator.mutant(at=ASK)
def private_key_without_creator(x: Exchange) -> Ask | None:
    """A private element is a key, and nobody knows whose."""
    return searched(x, "00231001=001239")


@private_creator.mutant(at=ASK)
def private_field_without_creator(x: Exchange) -> Ask | None:
    """A private element is to be included, and nobody knows whose."""
    return searched(x, "includefield=00231002")


@rule(
    "client.includefield-all-alone",
    cites="PS3.18 8.3.4.3",
    verifies="PS3.18-8.3.4.3-2",
    level=SHALL_NOT,
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: "includefield" in x.resource.query,
    says="With includefield=all no other includefield stands.",
)
def includefield_all_alone(x: Exchange) -> Iterator[Finding]:
    words = asked.includes(x.ask)
    if "all" in words and len(words) > 1:
        yield Finding(got=", ".join(words)[:80], want="all alone", where="query parameter includefield")


@includefield_all_alone.mutant(at=ASK)
def includes_all_and_more(x: Exchange) -> Ask | None:
    """All fields are to be included, and one more."""
    return searched(x, "includefield=all", "includefield=00081030")


@rule(
    "client.includefield-names-attributes",
    cites="PS3.18 8.3.4.3; 8.3.1",
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: "includefield" in x.resource.query,
    says="The parameter includefield lists keywords or tags, or is the word all.",
)
def includefield_names_attributes(x: Exchange) -> Iterator[Finding]:
    for word in asked.includes(x.ask):
        if word != "all" and not asked.path_of(word):
            # a keyword of an edition to come is not known here; for commas see client.key-values
            new = re.fullmatch(r"[A-Z][A-Za-z0-9]*", word) is not None and word != "ALL"
            encoded = all(asked.path_of(part) for part in word.split(","))
            yield Finding(word[:80], "a keyword, a tag or all", "query parameter includefield", warn=new or encoded)


@includefield_names_attributes.mutant(at=ASK)
def includes_tags_with_commas(x: Exchange) -> Ask | None:
    """Tags are written with a comma in them, which parts them."""
    return searched(x, "includefield=0008,1030")


@includefield_names_attributes.mutant(at=ASK)
def includes_all_in_capitals(x: Exchange) -> Ask | None:
    """The word all is written in capitals."""
    return searched(x, "includefield=ALL")


@rule(
    "client.keys-of-the-level",
    cites="PS3.18 10.6.1.2.1",
    verifies="PS3.18-10.6.1.2.1-1",
    on=STUDIES,
    who=USER_AGENT,
    content=False,
    when=lambda x: any(_level(key) for key in keys(x)),
    says="Attributes of a study, series or instance are keys only on the resources that 10.6.1.2.1 has for them.",
)
def keys_of_the_level(x: Exchange) -> Iterator[Finding]:
    for key in keys(x):
        level = _level(key)
        if level and x.resource.search not in ALLOWED[level]:
            want = f"a key of the {level} on {', '.join(ALLOWED[level])} only"
            yield Finding(got=f"{key.parameter.name} on {x.resource.search}", want=want, where="query")


def _level(key: asked.Key) -> str:
    """The level of a key whose level is beyond doubt, '' for any other."""
    if key.path in _ANYWHERE:
        return ""
    return next((level for level, paths in asked.REQUIRED.items() if key.path in paths), "")


@keys_of_the_level.mutant(at=ASK)
def searches_studies_by_modality(x: Exchange) -> Ask | None:
    """Studies are searched by Modality, which is of the series."""
    return searched(x, "Modality=CT", on=("studies",))


@keys_of_the_level.mutant(at=ASK)
def repeats_the_study_of_the_path(x: Exchange) -> Ask | None:
    """The study that the path names is a key as well."""
    return searched(x, f"StudyInstanceUID={x.resource.study}", on=("study-series",))


@keys_of_the_level.mutant(at=ASK)
def searches_series_by_instance(x: Exchange) -> Ask | None:
    """Series are searched by SOP Instance UID."""
    return searched(x, "SOPInstanceUID=1.2.3", on=("series",))


def _options(x: Exchange) -> list[str]:
    return [p.name for p in x.resource.query.parameters if p.name in (*asked.PAGING, *asked.OPTIONS)]


@rule(
    "client.search-options",
    cites="PS3.18 8.3.4 Table 8.3.4-1",
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(_options(x)),
    says="Both limit and offset are unsigned integers, the options true or false, each of them there once.",
)
def search_options(x: Exchange) -> Iterator[Finding]:
    for name, times in Counter(_options(x)).items():
        if times > 1:
            yield Finding(got=f"{times} times", want="once", where=f"query parameter {name}")
        text = x.resource.query.get(name) or ""
        good = asked.uint(x.ask, name) is not None if name in asked.PAGING else text in ("true", "false")
        if not good:
            want = "an unsigned integer" if name in asked.PAGING else "true or false"
            yield Finding(got=text[:80] or "no value", want=want, where=f"query parameter {name}")


@search_options.mutant(at=ASK)
def limits_to_minus_one(x: Exchange) -> Ask | None:
    """A limit of -1 stands for no limit."""
    return searched(x, "limit=-1")


@search_options.mutant(at=ASK)
def says_yes_with_one(x: Exchange) -> Ask | None:
    """Fuzzy matching is asked for with 1."""
    return searched(x, "fuzzymatching=1")


@search_options.mutant(at=ASK)
def limits_twice(x: Exchange) -> Ask | None:
    """There are two limits."""
    return searched(x, "limit=5", "limit=10")


undetected("M-QI-47", why="what a client shows of the rows it got is not on the wire; whether it pages on, is")
