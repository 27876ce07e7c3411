"""Rules of PS3.18 Tables 10.6.3-3, 10.6.3-4 and 10.6.3-5: which attributes each match carries.

Must not know their values beyond empty or not: those are compared elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.exchange import Answer, Exchange
from harness.rule import RELATION, Finding, rule
from harness.wire import dicom_json
from suites.web.search.broken import Row, each, edited, searches, with_tag, without_tag
from suites.web.search.rows import found, levels, own, rows, texts
from suites.web.search.stored import rows_with_stored

# Types U and R: present in every match, empty when there is no value.
STUDY = ("00080020", "00080030", "00080050", "00080061", "00080090", "00100010", "00100020", "00100030", "00100040",
         "0020000D", "00200010", "00201206", "00201208")  # fmt: skip
SERIES = ("00080060", "0020000E", "00200011", "00201209")
INSTANCE = ("00080016", "00080018")  # Instance Number is a matter of whether the instance has it
ALWAYS: dict[str, tuple[str, ...]] = {"study": STUDY, "series": SERIES, "instance": INSTANCE}
# Type C, "if known": known when it was stored. Instance Availability is known to nobody but the server.
KNOWN: dict[str, tuple[str, ...]] = {
    "study": ("00080201",),
    "series": ("00080201", "0008103E", "00400244", "00400245", "00400275"),
    "instance": ("00080201", "00200013", "00280010", "00280011", "00280100", "00280008"),
}
ITEM = ("00400009", "00401001")
AVAILABILITY = "00080056"
PLACES = ("ONLINE", "NEARLINE", "OFFLINE", "UNAVAILABLE")
KEEP = 3


def lacking(x: Exchange, tags: Sequence[str]) -> Iterator[Finding]:
    """Attributes of these that are missing in some match, each told once."""
    held = rows(x) or ()
    for tag in tags:
        without = [row for row in held if tag not in row]
        if without:
            got = f"absent in {len(without)} of {len(held)} matches"
            yield Finding(got, f"{tag}, with or without a value", f"match {own(x, without[0]) or 1}")


@rule(
    "search.study-attributes",
    cites="PS3.18 10.6.3.3.1; Table 10.6.3-3",
    verifies="PS3.18-10.6.3.3.1-1",
    on="web.search.studies",
    when=found,
    says="Each study carries the unique and required attributes, empty where there is no value.",
)
def study_attributes(x: Exchange) -> Iterator[Finding]:
    return lacking(x, STUDY)


@rule(
    "search.series-attributes",
    cites="PS3.18 10.6.3.3.2; Table 10.6.3-4",
    verifies="PS3.18-10.6.3.3.2-1",
    on="web.search.series|web.search.study-series",
    when=found,
    says="Each series carries the unique and required attributes, empty where there is no value.",
)
def series_attributes(x: Exchange) -> Iterator[Finding]:
    return lacking(x, SERIES)


@rule(
    "search.instance-attributes",
    cites="PS3.18 10.6.3.3.3; Table 10.6.3-5",
    verifies="PS3.18-10.6.3.3.3-1",
    on="web.search.instances|web.search.study-instances|web.search.series-instances",
    when=found,
    says="Each instance carries its SOP Class and Instance UIDs.",
)
def instance_attributes(x: Exchange) -> Iterator[Finding]:
    return lacking(x, INSTANCE)


@rule(
    "search.relational-attributes",
    cites="PS3.18 10.6.3.3.2; 10.6.3.3.3",
    verifies=("PS3.18-10.6.3.3.2-3", "PS3.18-10.6.3.3.3-2"),
    on="web.search.series|web.search.instances|web.search.study-instances",
    when=found,
    says="Series of all studies carry the study attributes too, instances of all studies those of study and series.",
)
def relational_attributes(x: Exchange) -> Iterator[Finding]:
    return lacking(x, [tag for at in levels(x)[:-1] for tag in ALWAYS[at]])


for _rule, _resources, _tags in (
    (study_attributes, ("studies",), STUDY),
    (series_attributes, ("series", "study-series"), SERIES),
    (instance_attributes, ("instances", "study-instances", "series-instances"), INSTANCE),
    (relational_attributes, ("series", "instances"), STUDY),
    (relational_attributes, ("instances", "study-instances"), SERIES),
):
    for _tag in _tags:

        def _leave_out(x: Exchange, tag: str = _tag, resources: tuple[str, ...] = _resources) -> Answer | None:
            return each(x, without_tag(tag), *resources)

        _leave_out.__name__ = f"leaves_out_{_tag}"
        _leave_out.__doc__ = f"Matches do not carry {_tag}."
        _rule.mutant(_leave_out, defects=("M-QI-15",) if _tag.startswith("002012") else ())


@relational_attributes.mutant(defects="M-QI-27")
def leaves_upper_levels_out_under_a_path(x: Exchange) -> Answer | None:
    """The instances of a study carry no series attributes beyond the UID."""
    drop = set(SERIES) - {"0020000E"}
    return each(x, lambda row: {t: v for t, v in row.items() if t not in drop}, "study-instances")


@rule(
    "search.known-attributes",
    cites="PS3.18 10.6.3.3.1; 10.6.3.3.2; 10.6.3.3.3",
    verifies=("PS3.18-10.6.3.3.1-2", "PS3.18-10.6.3.3.2-2", "PS3.18-10.6.3.3.3-1"),
    on="web.search",
    basis=RELATION,
    when=lambda x: any(True for _ in _known(x)),
    says="Conditional attributes are carried when they were stored: zone, description, step, requests, image size.",
)
def known_attributes(x: Exchange) -> Iterator[Finding]:
    for number, row, tag in _known(x):
        if tag not in row:
            yield Finding("absent", f"{tag}, as it was stored", f"match {number}, {own(x, row)}")


def _known(x: Exchange) -> Iterator[tuple[int, Mapping[str, object], str]]:
    """Each attribute that every instance behind a row was stored with."""
    for number, row, known in rows_with_stored(x):
        for tag in dict.fromkeys(tag for at in levels(x) for tag in KNOWN[at]):
            if all(attrs.get(tag, {}).get("Value") for attrs in known):
                yield number, row, tag


for _tag in dict.fromkeys(tag for tags in KNOWN.values() for tag in tags):

    def _forget(x: Exchange, tag: str = _tag) -> Answer | None:
        return each(x, without_tag(tag))

    _forget.__name__ = f"forgets_{_tag}"
    _forget.__doc__ = f"Matches do not carry {_tag} though it is known."
    known_attributes.mutant(_forget)


@rule(
    "search.request-items",
    cites="PS3.18 10.6.3.3.2; Table 10.6.3-4",
    verifies="PS3.18-10.6.3.3.2-2",
    on="web.search",
    when=lambda x: any(dicom_json.values(row, "00400275") for row in rows(x) or ()),
    says="Each item of a returned Request Attributes Sequence carries both its IDs, empty where there is no value.",
)
def request_items(x: Exchange) -> Iterator[Finding]:
    for number, row in enumerate(rows(x) or (), 1):
        for item in dicom_json.values(row, "00400275"):
            for tag in [t for t in ITEM if isinstance(item, Mapping) and t not in item]:
                yield Finding("absent", f"00400275.{tag}", f"match {number}, {own(x, row)}")


@request_items.mutant
def items_lack_the_procedure_id(x: Exchange) -> Answer | None:
    """Items of Request Attributes Sequence carry no Requested Procedure ID."""
    return each(x, _without_procedure)


def _without_procedure(row: Row) -> Row:
    items = dicom_json.values(row, "00400275")
    if not items:
        return row
    return {**row, "00400275": {"vr": "SQ", "Value": [without_tag("00401001")(item) for item in items]}}


@rule(
    "search.availability",
    cites="PS3.18 10.6.3.3.1; 10.6.3.3.3; PS3.4 C.4.1.1.3.2",
    verifies=("PS3.18-10.6.3.3.1-2", "PS3.18-10.6.3.3.3-1"),
    on="web.search",
    when=lambda x: any(AVAILABILITY in row for row in rows(x) or ()),
    says="Instance Availability has one of its four values, and is left out rather than empty.",
)
def availability(x: Exchange) -> Iterator[Finding]:
    for number, row in enumerate(rows(x) or (), 1):
        if AVAILABILITY in row and (texts(row, AVAILABILITY) or [""])[0] not in PLACES:
            got = "; ".join(texts(row, AVAILABILITY)) or "empty"
            yield Finding(got, " or ".join(PLACES), f"match {number}, {AVAILABILITY}")


@availability.mutant
def availability_is_empty(x: Exchange) -> Answer | None:
    """Instance Availability is there without a value."""
    return each(x, with_tag(AVAILABILITY, "CS"))


@availability.mutant
def availability_is_a_word_of_its_own(x: Exchange) -> Answer | None:
    """Instance Availability is AVAILABLE."""
    return each(x, with_tag(AVAILABILITY, "CS", "AVAILABLE"))


@rule(
    "search.modalities-listed",
    cites="PS3.4 C.3.4; PS3.18 F.2.4",
    verifies="PS3.18-10.6.3.3.1-9",
    on="web.search",
    when=lambda x: any(texts(row, "00080061") for row in rows(x) or ()),
    says="Modalities in Study lists each modality once, one in each value.",
)
def modalities_listed(x: Exchange) -> Iterator[Finding]:
    for number, row in enumerate(rows(x) or (), 1):
        held = texts(row, "00080061")
        if len(set(held)) < len(held) or any("\\" in text for text in held):
            yield Finding("; ".join(held), "distinct values", f"match {number}, 00080061")


@modalities_listed.mutant(defects="M-QI-17")
def repeats_a_modality(x: Exchange) -> Answer | None:
    """The first modality is listed twice."""
    return each(x, lambda row: with_tag("00080061", "CS", *_modalities(row), *_modalities(row)[:1])(row), "studies")


@modalities_listed.mutant(defects="M-QI-18")
def packs_modalities_in_one_text(x: Exchange) -> Answer | None:
    """Several modalities come as one text with backslashes."""
    if not searches(x.ask, "studies"):
        return None
    return edited(x, lambda held: [with_tag("00080061", "CS", "\\".join(_modalities(row)))(row) for row in held])


def _modalities(row: Row) -> list[str]:
    return list(dicom_json.values(row, "00080061"))
