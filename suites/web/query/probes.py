"""Provokes what the rules on queries compare: one question in several forms, with things added that must not count.

Must not judge. All questions are narrowed to what is known to be held, so that answers stay small on any target.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from harness.make.holding import Entity
from harness.make.keys import KEYS, Key
from harness.rule import probe
from harness.talk.conversation import Web
from suites.web.search.probes.choose import NOBODY

UNKNOWN = ("x_unknown=1", "x_bare", "x_empty=", "NoSuchAttribute=1", "x_list=a,b&x_list=c", "x%20y=%2C")
SPECIAL = "!$'()+;:@/"  # qp-special of 8.3.1 without what wild cards are made of: these need not be encoded
# (query, doubt): a value that its parameter does not allow; in doubt where a target need not support the parameter.
INVALID = (
    ("limit=-1", False),
    ("limit=ten", False),
    ("limit=1.5", False),
    ("offset=-1", False),
    ("offset=first", False),
    ("fuzzymatching=maybe", True),
    ("StudyDate=yesterday", False),
    ("StudyDate=20241301", False),
    ("StudyTime=noon", False),
)


def _get(web: Web, path: str, query: str, step: str, form: str = "") -> None:
    joint = "&" if "?" in path else "?"
    web.get(f"{path}{joint}{query}" if query else path, step=step, facts={"form": form or query})


def _compared(web: Web, kind: str, path: str, plain: str, others: Iterable[str]) -> None:
    """One journey: the plain question, then the others that have to be answered alike."""
    with web.journey(kind):
        _get(web, path, plain, "plain")
        for query in others:
            _get(web, path, query, "with")


def _crowded(web: Web) -> Entity | None:
    """A series of more than one instance, so that a limit of one shows."""
    return next((s for s in web.holding.series if len(web.holding.below(s, "instance")) > 1), None)


@probe("query.unknown", provokes=("web.search", "web.retrieve.metadata", "web.retrieve.query-unknown"))
def unknown(web: Web) -> None:
    """Parameters that nobody knows, on a search and on metadata."""
    for study in web.holding.studies[:1]:
        _compared(web, "web.search.query-unknown", f"studies?StudyInstanceUID={study.study}", "", UNKNOWN)
        _compared(web, "web.search.query-unknown", f"studies/{study.study}/series", "", UNKNOWN[:2])
    for instance in web.holding.instances[:1]:
        others = ("x_unknown=1", "x_bare", "limit=0", "PatientID=nobody")
        _compared(web, "web.retrieve.query-unknown", f"{instance.path[1:]}/metadata", "", others)


@probe("query.case", provokes=("web.search",))
def case(web: Web) -> None:
    """Known names in another case."""
    if series := _crowded(web):
        path = f"{series.path[1:]}/instances"
        others = ("LIMIT=1", "Limit=1", "OFFSET=1", "Offset=many", "IncludeField=00280010", "FUZZYMATCHING=maybe")
        _compared(web, "web.search.query-name-case", path, "", others)
    for study in web.holding.studies[:1]:
        path = f"studies?StudyInstanceUID={study.study}"
        keywords = ("patientid=nobody", "PATIENTID=nobody", "accessionnumber=nothing", "patientID=nobody")
        _compared(web, "web.search.query-keyword-case", path, "", keywords)


@probe("query.tags", provokes=("web.search",))
def tags(web: Web) -> None:
    """Attributes by keyword, by tag, by tag in lower case; paths of either and of both."""
    for study in web.holding.studies[:1]:
        for key in (k for k in KEYS if k.keyword in ("StudyInstanceUID", "StudyDate", "PatientID")):
            value = study.attribute(key.path)
            if value and not set(value) & set("*?\\"):
                _spelled(web, "web.search.query-tag", "studies", key, value, f"StudyInstanceUID={study.study}")
    for series in [s for s in web.holding.series if s.attribute("00400275.00400009")][:1]:
        for key in (k for k in KEYS if "." in k.path):
            if value := series.attribute(key.path):
                _spelled(web, "web.search.query-path", f"studies/{series.study}/series", key, value, "")


@probe("query.name-forms", provokes=("web.search",))
def name_forms(web: Web) -> None:
    """Keys by keyword, by tag, and with letters of their names percent-encoded, each with a value that nothing has."""
    for study in web.holding.studies[:1]:
        for key in (k for k in KEYS if k.level == "study" and k.vr != "UI"):
            encoded = f"%{ord(key.keyword[0]):02X}{key.keyword[1:]}"
            forms = (key.path, encoded) if key.keyword in ("PatientID", "StudyDate") else (key.path,)
            for name in forms:
                query = f"StudyInstanceUID={study.study}&{name}={quote(NOBODY[key.vr], safe='')}"
                web.get(f"studies?{query}", facts={"excludes": study.study, "form": name})


def _spelled(web: Web, kind: str, path: str, key: Key, value: str, narrow: str) -> None:
    narrow = "" if key.keyword == "StudyInstanceUID" or not narrow else f"&{narrow}"
    names = dict.fromkeys((key.path, key.path.lower(), key.spelled("mixed"), _mixed(key)))
    names.pop(key.keyword, None)
    queries = [f"{name}={quote(value, safe='')}{narrow}" for name in names]
    _compared(web, kind, path, f"{key.keyword}={quote(value, safe='')}{narrow}", queries)


def _mixed(key: Key) -> str:
    """The other way round than Key.spelled: keywords first, the last one by tag."""
    return ".".join((*key.keywords[:-1], key.tags[-1])) if len(key.tags) > 1 else key.path


@probe("query.invalid", provokes=("web.search",))
def invalid(web: Web) -> None:
    """Values that their parameters do not allow."""
    for query, doubt in INVALID:
        web.get(f"studies?{query}", facts={"invalid": query, "doubt": doubt})
    for series in web.holding.series[:1]:
        web.get(f"{series.path[1:]}/instances?limit=-1", facts={"invalid": "limit=-1"})


@probe("query.encoding", provokes=("web.search",))
def encoding(web: Web) -> None:
    """Values encoded as little as may be and as much as can be; values full of reserved characters."""
    plainest = [s for s in web.holding.studies if s.attribute("00100020").isascii() and s.attribute("00100020")]
    for study in sorted(plainest, key=lambda s: not s.attribute("00100020").replace("-", "").isalnum())[:1]:
        value, scope = study.attribute("00100020"), f"StudyInstanceUID={study.study}"
        everything = "".join(f"%{octet:02X}" for octet in value.encode())
        others = [f"PatientID={everything}&{scope}", f"PatientID={everything.lower()}&{scope}",
                  f"%50atient%49D={quote(value, safe='')}&{scope}"]  # fmt: skip
        _compared(web, "web.search.query-encoding", "studies", f"PatientID={quote(value, safe='-._~')}&{scope}", others)
    for tag, keyword in (("00100020", "PatientID"), ("00200010", "StudyID"), ("00100010", "PatientName")):
        # of a name the first component group: which groups a match takes in is another matter (PS3.4 C.2.2.2.1)
        values = [(s, s.attribute(tag).split("=")[0] if tag == "00100010" else s.attribute(tag))
                  for s in web.holding.studies]  # fmt: skip
        for study, value in [pair for pair in values if _reserved(pair[1])][:2]:
            about = {"finds": study.study, "form": f"{keyword}={value}"}
            query = f"{keyword}={quote(value, safe='-._~')}&StudyInstanceUID={study.study}"
            web.get(f"studies?{query}", facts=about)
            if any(c in value for c in SPECIAL):
                least = f"{keyword}={quote(value, safe='-._~' + SPECIAL)}&StudyInstanceUID={study.study}"
                web.get(f"studies?{least}", facts={**about, "form": f"{about['form']}, encoded as little as may be"})


def _reserved(value: str) -> bool:
    """A value that travels only encoded, and that no kind of matching but Single Value Matching takes."""
    return bool(set(value) & set("%&=#,[]+") or not value.isascii()) and not set(value) & set("*?\\")


@probe("query.lists", provokes=("web.search",))
def lists(web: Web) -> None:
    """Two UIDs, each alone and both in one parameter."""
    pairs = [("StudyInstanceUID", "studies", [s.study for s in web.holding.studies[:2]])]
    for study in web.holding.studies:
        series = [s.series for s in web.holding.below(study, "series")[:2]]
        if len(series) == 2:
            pairs.append(("SeriesInstanceUID", f"studies/{study.study}/series", series))
            break
    for keyword, path, uids in pairs:
        if len(uids) == 2:
            with web.journey("web.search.query-list"):
                for uid in uids:
                    _get(web, path, f"{keyword}={uid}", "one")
                _get(web, path, f"{keyword}={uids[0]},{uids[1]}", "both")
                _get(web, path, f"{keyword}={uids[1]},{uids[0]}", "both")
