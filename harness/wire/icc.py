"""Knows what an ICC profile says of itself: its size, its colour space, the colours of its primaries (ICC.1 7).

Must not know in which picture it stands, nor which profile was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

HEADER = 128
_TAGS = 100  # entries of the tag table that are looked at
_NEAR = 0.006  # of a colorant; profiles of one colour space differ in how they round and adapt
# The columns of red, green and blue in XYZ under D50, as the profiles of these colour spaces give them.
SPACES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "srgb": ((0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7142)),
    "adobergb": ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446)),
    "rommrgb": ((0.7977, 0.2880, 0.0000), (0.1352, 0.7119, 0.0000), (0.0313, 0.0001, 0.8249)),
}


@dataclass(frozen=True)
class Profile:
    """`kind`: the colour space of its data ("RGB ", "GRAY"); `space`: the name in SPACES that its primaries have."""

    octets: bytes
    kind: str = ""
    space: str = ""
    whole: bool = False


def read(octets: bytes) -> Profile:
    """A profile as far as it can be read; `whole` says that its signature and size are right."""
    if len(octets) < HEADER or octets[36:40] != b"acsp":
        return Profile(octets)
    whole = int.from_bytes(octets[:4], "big") == len(octets)
    return Profile(octets, octets[16:20].decode("latin-1"), _space(octets), whole)


def _space(octets: bytes) -> str:
    found = [_xyz(octets, tag) for tag in (b"rXYZ", b"gXYZ", b"bXYZ")]
    for name, wanted in SPACES.items():
        if all(f is not None and _near(f, w) for f, w in zip(found, wanted, strict=True)):
            return name
    return ""


def _near(found: tuple[float, ...], wanted: tuple[float, ...]) -> bool:
    return all(abs(a - b) < _NEAR for a, b in zip(found, wanted, strict=True))


def _xyz(octets: bytes, tag: bytes) -> tuple[float, ...] | None:
    """The value of a tag of type XYZ, None when it has none."""
    count = min(int.from_bytes(octets[HEADER : HEADER + 4], "big"), _TAGS)
    for at in range(HEADER + 4, HEADER + 4 + 12 * count, 12):
        if octets[at : at + 4] == tag:
            start = int.from_bytes(octets[at + 4 : at + 8], "big")
            value = octets[start : start + 20]
            if len(value) < 20 or value[:4] != b"XYZ ":
                return None
            return tuple(int.from_bytes(value[n : n + 4], "big", signed=True) / 65536 for n in (8, 12, 16))
    return None
