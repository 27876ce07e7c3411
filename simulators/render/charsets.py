"""Knows the character sets that rendered texts can be written in, by both their names (PS3.18 8.8, Table D-1).

Must not know texts.
"""

from __future__ import annotations

UTF8 = "UTF-8"

# IANA name, Defined Term of Specific Character Set, and the name of Python's codec.
_TABLE = (
    ("ISO-8859-1", "ISO_IR 100", "iso8859_1"),
    ("ISO-8859-2", "ISO_IR 101", "iso8859_2"),
    ("ISO-8859-3", "ISO_IR 109", "iso8859_3"),
    ("ISO-8859-4", "ISO_IR 110", "iso8859_4"),
    ("ISO-8859-5", "ISO_IR 144", "iso8859_5"),
    ("ISO-8859-6", "ISO_IR 127", "iso8859_6"),
    ("ISO-8859-7", "ISO_IR 126", "iso8859_7"),
    ("ISO-8859-8", "ISO_IR 138", "iso8859_8"),
    ("ISO-8859-9", "ISO_IR 148", "iso8859_9"),
    ("ISO-8859-15", "ISO_IR 203", "iso8859_15"),
    ("TIS-620", "ISO_IR 166", "tis_620"),
    ("ISO-2022-JP", "ISO 2022 IR 13\\ISO 2022 IR 87", "iso2022_jp"),
    ("ISO-2022-KR", "ISO 2022 IR 6\\ISO 2022 IR 149", "iso2022_kr"),
    ("GB18030", "GB18030", "gb18030"),
    ("GBK", "GBK", "gbk"),
    ("UTF-8", "ISO_IR 192", "utf_8"),
    ("US-ASCII", "ISO_IR 6", "ascii"),
)
NAMES = tuple(name for name, _, _ in _TABLE)
_NAMED = {alias.lower(): (name, codec) for name, term, codec in _TABLE for alias in (name, term)}


def known(name: str) -> str:
    """The IANA name of a character set that is supported, '' for any other."""
    return _NAMED.get(name.strip().lower(), ("", ""))[0]


def codec(name: str) -> str:
    """Python's codec of a supported character set; that of UTF-8 for ''."""
    return _NAMED[(name or UTF8).lower()][1]
