"""Provokes searches with fuzzymatching, emptyvaluematching and multiplevaluematching, and with values that are none.

Must not judge.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.make.holding import Entity
from harness.rule import probe
from harness.talk.conversation import Web
from suites.web.search.options import OPTION
from suites.web.search.probes.choose import largest

SOUNDS = str.maketrans({"C": "K", "Y": "I", "K": "C", "I": "Y", "c": "k", "y": "i", "k": "c", "i": "y"})


@probe("search.fuzzymatching", provokes=(OPTION,))
def fuzzymatching(web: Web) -> None:
    """Ask for a name as it is not quite, without and with fuzzy matching."""
    named = [s for s in web.holding.studies if _plain(s.attribute("00100010"))]
    if not named:
        return
    study = max(named, key=lambda s: len(s.attribute("00100010")))
    one = [("StudyInstanceUID", study.study)]
    with web.journey(OPTION):
        web.search("studies", one, step="subject", facts={"uid": study.study})
        for number, name in enumerate(dict.fromkeys(_variants(study.attribute("00100010")))):
            keys = [*one, ("PatientName", name)]
            web.search("studies", keys, step="without")
            if number == 0:
                web.search("studies", [*keys, ("fuzzymatching", "false")], step="false")
            web.search("studies", [*keys, ("fuzzymatching", "true")], step="with", facts={"uids": [study.study]})
        web.search("studies", [*one, ("PatientName", study.attribute("00100010")), ("fuzzymatching", "true")])
        web.search("studies", [*one, ("PatientName", "D'OH\"^%5B"), ("fuzzymatching", "true")])


def _plain(name: str) -> bool:
    family = name.split("^")[0]
    return name.isascii() and "=" not in name and len(family) > 4 and family.isalpha()


def _variants(name: str) -> Iterator[str]:
    """What fuzzy matching is for (C.2.2.2.1.1): sound, order, a part alone, a slip of the finger."""
    words = [w for w in name.replace(" ", "^").split("^") if w]
    yield name.translate(SOUNDS)
    yield "^".join(reversed(words))
    yield words[0]
    yield words[0][:2] + words[0][3:] + name[len(words[0]) :]
    yield words[-1]


@probe("search.emptyvaluematching", provokes=(OPTION,))
def emptyvaluematching(web: Web) -> None:
    """Ask for studies that have no value for an attribute."""
    for tag, name in (("00080050", "AccessionNumber"), ("00100020", "PatientID"), ("00080020", "StudyDate")):
        empty = [s for s in web.holding.studies if tag in s.attrs and not s.attribute(tag)][:3]
        filled = [s for s in web.holding.studies if s.attribute(tag)][:3]
        if empty and filled:
            _options(web, "emptyvaluematching", name, '""', empty, filled)


@probe("search.multiplevaluematching", provokes=(OPTION,))
def multiplevaluematching(web: Web) -> None:
    """Ask for studies that have one of two values."""
    held = [s for s in web.holding.studies if s.attribute("00200010").replace(".", "").isalnum()]
    if len(held) > 2:
        values = [s.attribute("00200010") for s in held[:2]]
        for text in (",".join(values), "\\".join(values)):
            _options(web, "multiplevaluematching", "StudyID", text, held[:2], held[2:4])


def _options(web: Web, option: str, name: str, value: str, due: list[Entity], others: list[Entity]) -> None:
    one = [("StudyInstanceUID", ",".join(s.study for s in (*due, *others)))]
    with web.journey(OPTION):
        web.search("studies", one, step="subject", facts={"uid": due[0].study})
        plain = [*one, (name, due[0].attribute("00100020") or "X")] if option.startswith("empty") else one
        web.search("studies", plain, step="without")
        web.search("studies", [*plain, (option, "false")], step="false")
        facts = {"uids": [s.study for s in due]}
        web.search("studies", [*one, (name, value), (option, "true")], step="with", facts=facts)


BAD = (
    ("limit", "-1"), ("limit", "ten"), ("limit", "1.5"), ("offset", "-1"), ("offset", "x"),
    ("offset", "0x10"), ("fuzzymatching", "yes"), ("fuzzymatching", "TRUE"), ("StudyDate", "20241399"),
    ("StudyDate", "yesterday"), ("StudyDate", "20240101-2024"), ("StudyTime", "2561"),
    ("StudyInstanceUID", "not.a.uid"), ("emptyvaluematching", "1"), ("multiplevaluematching", "maybe"),
)  # fmt: skip


@probe("search.bad-values", provokes=("web.search.studies", "web.search.series-instances"))
def bad_values(web: Web) -> None:
    """Give parameters values that they cannot have, each alone."""
    for pair in BAD:
        # who overlooks the value is not made to send a whole archive
        web.search("studies", [pair] if pair[0] == "limit" else [pair, ("limit", "5")])
    series = largest(web)
    if series:
        for pair in (("limit", "-5"), ("offset", "many")):
            web.search(f"{series.path[1:]}/instances", [pair])


ODD = ("O'Neil*", 'say "x"', "100 % *", "a;b", "a+b", "<script>", "{}", "%27", "$(x)", "a/b", "\u00c4\u00d6*")


@probe("search.odd-values", provokes=("web.search.studies", "web.search.series-instances"))
def odd_values(web: Web) -> None:
    """Ask for names and texts full of characters that mean something elsewhere."""
    for value in ODD:
        web.search("studies", [("PatientName", value), ("limit", "5")])
    for value in ODD[:4]:
        web.search("studies", [("PatientID", value), ("limit", "5")])
    for query in ("limit=1&", "&limit=1", "limit=1&PatientName=", "limit=1&PatientName", "limit=1&&offset=0"):
        web.get(f"studies?{query}")
