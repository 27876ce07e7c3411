"""Knows at which level an attribute stands and which ones every answer carries (PS3.18 10.6, PS3.4 C.6, PS3.3 7).

Must not know values, matching or storage.
"""

from __future__ import annotations

from typing import Final

from simulators.model.scan import dictionary_vr

LEVELS: Final = ("study", "series", "instance")

_PATIENT = """
    00081120 00100010 00100020 00100021 00100022 00100024 00100026 00100027 00100030 00100032 00100033 00100034
    00100035 00100040 00100200 00100212 00100213 00100216 00100218 00100219 00100221 00101000 00101001 00101002
    00101100 00102160 00102201 00102202 00102292 00102293 00102294 00102297 00102298 00102299 00104000 00120010
    00120020 00120021 00120030 00120031 00120040 00120042 00120062 00120063 00120064 00120081 00120082
"""  # Patient and Clinical Trial Subject Modules (PS3.3 C.7.1)
_STUDY = """
    00080020 00080030 00080050 00080051 00080090 00080096 0008009C 0008009D 00081030 00081032 00081048 00081049
    00081060 00081062 00081080 00081084 00081110 00101010 00101020 00101021 00101022 00101023 00101024 00101030
    00102000 00102110 00102180 001021A0 001021B0 001021C0 001021D0 00102203 00120050 00120051 00120052 00120053
    00120083 0020000D 00200010 00201070 00321033 00321034 00321066 00321067 00380010 00380014 00380060 00380062
    00380064 00380500 00401012
"""  # General Study, Patient Study and Clinical Trial Study Modules (PS3.3 C.7.2)
_SERIES = """
    00080021 00080031 00080060 00080070 00080080 00080081 00081010 0008103E 0008103F 00081040 00081041 00081050
    00081052 00081070 00081072 00081090 00081111 00081250 00102210 00120060 00120071 00120072 00180015 00181000
    00181002 00181008 0018100A 0018100B 00181020 00181030 00181050 00181200 00181201 00185100 0020000E 00200011
    00200052 00200060 00201040 00280108 00280109 00400244 00400245 00400250 00400251 00400253 00400254 00400260
    00400275 00400280
"""  # General Series, Clinical Trial Series, General Equipment and Frame of Reference Modules (PS3.3 C.7.3 to C.7.5)

PATIENT_ATTRIBUTES: Final = frozenset(_PATIENT.split())
MODALITIES_IN_STUDY: Final = "00080061"
AVAILABILITY: Final = "00080056"
TIMEZONE: Final = "00080201"
SERIES_OF_STUDY: Final = "00201206"
INSTANCES_OF_STUDY: Final = "00201208"
INSTANCES_OF_SERIES: Final = "00201209"
AVAILABLE_SYNTAX: Final = "00083002"
REQUEST_ATTRIBUTES: Final = "00400275"
REQUEST_IDS: Final = ("00400009", "00401001")
STUDY_UID: Final = "0020000D"
SERIES_UID: Final = "0020000E"
INSTANCE_UID: Final = "00080018"

# What the archive itself knows beyond the instances; PS3.4 C.3.4 lists most of them.
DERIVED: Final = {
    MODALITIES_IN_STUDY: "study", SERIES_OF_STUDY: "study", INSTANCES_OF_STUDY: "study",
    INSTANCES_OF_SERIES: "series", AVAILABLE_SYNTAX: "instance",
}  # fmt: skip
_LEVEL: Final = dict.fromkeys((_PATIENT + _STUDY).split(), "study") | dict.fromkeys(_SERIES.split(), "series") | DERIVED

# Tables 10.6.3-3 to -5: what stands in every answer, empty if need be (types U and R) ...
ALWAYS: Final = {
    "study": [
        "00080020", "00080030", "00080050", "00080061", "00080090", "00100010", "00100020", "00100030", "00100040",
        "0020000D", "00200010", "00201206", "00201208",
    ],
    "series": ["00080060", "0020000E", "00200011", "00201209"],
    "instance": ["00080016", "00080018", "00200013"],
}  # fmt: skip
# ... and what stands there when it is known (type C). Where an instance may be asked for, the archive knows its syntax.
IF_KNOWN: Final = {
    "study": [AVAILABILITY, TIMEZONE],
    "series": [TIMEZONE, "0008103E", "00400244", "00400245", REQUEST_ATTRIBUTES],
    "instance": [AVAILABILITY, TIMEZONE, AVAILABLE_SYNTAX, "00280008", "00280010", "00280011", "00280100"],
}
# Kept beside the index, encoded, so that most searches read no metadata. Sequences are too long for that, except the
# two identifiers of requests, which are kept on their own.
BESIDE: Final = frozenset(
    tag for tag in (*_LEVEL, *ALWAYS["instance"], *IF_KNOWN["instance"]) if dictionary_vr(int(tag, 16)) != "SQ"
) | {REQUEST_ATTRIBUTES}

# In a request these say how it is to be read; they are matched against nothing (PS3.4 C.2.2.2).
NEVER_MATCHED: Final = frozenset(("00080005", TIMEZONE))
# Of the request or of the archive's state, not of an instance: not offered here.
_NOT_OFFERED = frozenset((
    "00080052", "00080053", "00080054", "00080062", "00080063", "0008041B", "0008041C", "00080429", "00081190",
    "00083001", "00201200", "00201202", "00201204",
))  # fmt: skip


def is_private(tag: str) -> bool:
    """An odd group."""
    return int(tag[:4], 16) % 2 == 1


def is_creator(tag: str) -> bool:
    """A Private Creator element (PS3.5 7.8.1)."""
    return is_private(tag) and tag[4:6] == "00" and tag[6:] >= "10"


def level_of(tag: str) -> str:
    """The level of a top-level attribute; what belongs to no higher level stands at the instance. '' for private
    ones, which may stand anywhere, and for those every level has."""
    if is_private(tag) or tag in (AVAILABILITY, TIMEZONE):
        return ""
    return _LEVEL.get(tag, "instance")


def within(tag: str, lowest: str) -> bool:
    """Whether the attribute stands at this level or above."""
    level = level_of(tag)
    return not level or LEVELS.index(level) <= LEVELS.index(lowest)


def offered(tag: str) -> bool:
    """Whether the archive knows this top-level attribute at all: it is private or in the data dictionary."""
    if tag in _NOT_OFFERED or int(tag[:4], 16) < 8 or tag.endswith("0000"):
        return False
    return is_private(tag) or dictionary_vr(int(tag, 16)) != "UN"
