"""Rules of PS3.18 8.3 and 8.3.1 on names of query parameters: unknown ones, their case, attributes in several forms.

Must not know what a search has to find: two answers are held against each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, RELATION, Door, Finding, journey, rule
from suites.web.query.reading import compared, content_differs, rows

_TAG = re.compile(r"[0-9A-Fa-f]{8}")


def _names(ask: Ask) -> list[str]:
    return [p.name for p in ask.query.parameters]


def _renamed(ask: Ask, change: Callable[[str], str]) -> Ask:
    """The question with the names of its parameters changed."""
    path, mark, raw = ask.target.partition("?")
    words = []
    for word in raw.split("&") if raw else ():
        name, equals, value = word.partition("=")
        words.append(f"{change(name)}{equals}{value}")
    return ask.but(target=f"{path}{mark}{'&'.join(words)}")


def _refused(answer: Answer) -> Answer:
    return answer.but(status=400, type="text/plain", body=b"A parameter is not known here.")


@journey(
    "query.unknown-ignored",
    cites="PS3.18 8.3",
    verifies="PS3.18-8.3-2",
    on="web.search.query-unknown|web.retrieve.query-unknown",
    basis=RELATION,
    when=compared,
    says="A request with a query parameter that is not supported is processed as if the parameter were not there.",
)
def unknown_ignored(j: Journey) -> Iterator[Finding]:
    yield from content_differs(j)


@unknown_ignored.mutant(at=DOOR, defects="D-QI-03")
def unknown_parameter_is_400(ask: Ask, door: Door) -> Answer:
    """An unknown query parameter is answered 400."""
    answer = door(ask)
    return _refused(answer) if any(n.startswith("x_") for n in _names(ask)) and answer.ok else answer


@unknown_ignored.mutant(at=DOOR)
def unknown_keyword_finds_nothing(ask: Ask, door: Door) -> Answer:
    """A keyword that does not exist is a key that nothing matches."""
    answer = door(ask)
    return answer.but(status=204, type=None, body=b"") if "NoSuchAttribute" in _names(ask) and answer.ok else answer


@unknown_ignored.mutant(at=DOOR)
def bare_name_is_400(ask: Ask, door: Door) -> Answer:
    """A parameter without an equals sign is answered 400."""
    answer = door(ask)
    bare = any(p.raw is None and p.name.startswith("x_") for p in ask.query.parameters)
    return _refused(answer) if bare and answer.ok else answer


@journey(
    "query.names-case-sensitive",
    cites="PS3.18 8.3.1; 8.3.1.1",
    verifies="PS3.18-8.3.1-1",
    on="web.search.query-name-case",
    basis=RELATION,
    when=compared,
    says="The name of a parameter in another case is another parameter, and an unknown one.",
)
def names_case_sensitive(j: Journey) -> Iterator[Finding]:
    yield from content_differs(j)


@names_case_sensitive.mutant(at=DOOR)
def names_in_any_case(ask: Ask, door: Door) -> Answer:
    """limit, offset and includefield are understood in any case."""
    known = ("limit", "offset", "includefield", "fuzzymatching")
    return door(_renamed(ask, lambda name: name.lower() if name.lower() in known else name))


@journey(
    "query.keywords-case-sensitive",
    cites="PS3.18 8.3.1; 8.3.1.1",
    verifies="PS3.18-8.3.1-4",
    on="web.search.query-keyword-case",
    basis=RELATION,
    when=compared,
    says="A keyword in another case names no attribute.",
)
def keywords_case_sensitive(j: Journey) -> Iterator[Finding]:
    yield from content_differs(j)


@keywords_case_sensitive.mutant(at=DOOR)
def keywords_in_any_case(ask: Ask, door: Door) -> Answer:
    """Keywords are understood in any case."""
    right = {k.lower(): k for k in ("PatientID", "AccessionNumber", "StudyInstanceUID")}
    return door(_renamed(ask, lambda name: right.get(name.lower(), name)))


@journey(
    "query.tag-is-keyword",
    cites="PS3.18 8.3.1; 8.3.4.1",
    verifies="PS3.18-8.3.1-2",
    on="web.search.query-tag",
    basis=RELATION,
    when=compared,
    says="An attribute named by its tag, in either case, and by its keyword is the same attribute.",
)
def tag_is_keyword(j: Journey) -> Iterator[Finding]:
    yield from content_differs(j)


@tag_is_keyword.mutant(at=DOOR)
def knows_no_tags(ask: Ask, door: Door) -> Answer:
    """Attributes named by their tag are not recognised."""
    return door(_renamed(ask, lambda name: f"x{name}" if _TAG.fullmatch(name) else name))


@tag_is_keyword.mutant(at=DOOR)
def knows_no_lower_case_tags(ask: Ask, door: Door) -> Answer:
    """The hexadecimal digits of a tag have to be upper case."""
    answer = door(ask)
    lower = any(_TAG.fullmatch(n) and n != n.upper() for n in _names(ask))
    return _refused(answer) if lower and answer.ok else answer


@rule(
    "query.every-form-of-a-name-is-a-key",
    cites="PS3.18 8.3.1; 8.3.4.1; RFC 3986 2",
    verifies=("PS3.18-8.3.1-2", "PS3.18-8.3.1-6"),
    on="web.search",
    when=lambda x: "excludes" in x.facts and x.answer.complete,
    says="A key counts however its name is written: by tag or with needless escapes, a value nobody has finds nothing.",
)
def every_form_of_a_name_is_a_key(x: Exchange) -> Iterator[Finding]:
    found = rows(x)
    if found or not x.answer.ok:
        got = f"{len(found)} matches" if found else x.answer.line
        yield Finding(got=got, want="no match", where=f"key {x.facts['form']}")


@every_form_of_a_name_is_a_key.mutant(at=DOOR)
def overlooks_one_tag(ask: Ask, door: Door) -> Answer:
    """Accession Number named by its tag is taken for an unknown parameter."""
    return door(_renamed(ask, lambda name: "x_unknown" if name == "00080050" else name))


@every_form_of_a_name_is_a_key.mutant(at=DOOR)
def does_not_decode_names(ask: Ask, door: Door) -> Answer:
    """The name of a parameter is compared as it stands in the URI."""
    return door(_renamed(ask, lambda name: name.replace("%", "%25")))


@journey(
    "query.sequence-path",
    cites="PS3.18 8.3.1; 8.3.4.1",
    verifies="PS3.18-8.3.1-3",
    on="web.search.query-path",
    basis=RELATION,
    when=compared,
    says="An attribute of a sequence is a path of tags or keywords, mixed as one likes, joined by dots.",
)
def sequence_path(j: Journey) -> Iterator[Finding]:
    yield from content_differs(j)


@sequence_path.mutant(at=DOOR)
def knows_no_mixed_paths(ask: Ask, door: Door) -> Answer:
    """A path of a tag and a keyword is not recognised."""
    return door(_renamed(ask, lambda name: f"x{name}" if _mixed(name) else name))


@sequence_path.mutant(at=DOOR)
def knows_no_paths_of_tags(ask: Ask, door: Door) -> Answer:
    """A path of tags is answered 400."""
    answer = door(ask)
    paths = [n.split(".") for n in _names(ask) if "." in n]
    return _refused(answer) if any(all(_TAG.fullmatch(w) for w in p) for p in paths) and answer.ok else answer


def _mixed(name: str) -> bool:
    words = name.split(".")
    return 0 < sum(bool(_TAG.fullmatch(word)) for word in words) < len(words)
