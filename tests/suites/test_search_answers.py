"""The form of search answers: codes, media types, lists, required attributes, URLs, counts, options, predictions."""

from __future__ import annotations

import json

import pytest

import suites
from harness.exchange import Exchange
from harness.past import Past
from tests.suites.searching import (
    BASE,
    S1,
    S2,
    XML,
    journey,
    judged,
    past_of,
    samples,
    series,
    study,
    value,
    x,
)

suites.load()


def of_sample(**changed: object) -> dict:
    """A study row that is true to the first sample."""
    sample = samples()[0]
    held = {f"x{t}": a for t, a in sample.attrs.items() if t in study() and t not in ("00080061",)}
    return study(sample.study, **(held | {"x00080201": value("SH", "+0100")} | changed))


@pytest.mark.parametrize(
    ("edition", "policy", "content", "outcome"),
    [
        ("2024e", "both", [], "pass"),
        ("2024e", "both", b"[]", "warn"),
        ("2024e", "edition", b"[]", "fail"),
        ("2026a", "both", b"[]", "pass"),
        ("2026a", "both", [], "warn"),
        ("2024e", "both", b"", "fail"),
        ("2026a", "both", b"", "fail"),
    ],
)
def test_empty_form(edition: str, policy: str, content: object, outcome: str) -> None:
    asked = x("studies?PatientID=Q", content, edition=edition, policies={"empty-search": policy})
    found = judged("search.empty-form", asked)
    assert found is not None
    assert ("pass" if not found else "warn" if found[0].warn else "fail") == outcome


def test_empty_form_is_not_exercised_by_matches_or_errors() -> None:
    assert judged("search.empty-form", x("studies", [study()])) is None
    assert judged("search.empty-form", x("studies", 404)) is None


def test_success_code() -> None:
    assert judged("search.success-code", x("studies", [study()])) == []
    assert judged("search.success-code", x("studies", [study()], status=206)) != []


@pytest.mark.parametrize("query", ["PatientID=P", "StudyDate=-20240131", "limit=1&offset=0", "includefield=all", ""])
def test_understood(query: str) -> None:
    assert judged("search.understood", x(f"studies?{query}" if query else "studies", 400)) != []
    assert judged("search.understood", x(f"studies?{query}" if query else "studies", [])) == []


@pytest.mark.parametrize(
    "query", ["PatientBirthDate=20000101", "StudyDate=bad", "limit=-1", "limit=", "PatientID=a%", "PatientID=a,b",
              "accept=text/plain", "includefield=all,Rows", "PatientName=%FF", "", "limit=1&"]
)  # fmt: skip
def test_understood_leaves_doubtful_questions_alone(query: str) -> None:
    assert judged("search.understood", x(f"studies?{query}", 400)) is None


def test_understood_leaves_access_and_accept_alone() -> None:
    assert judged("search.understood", x("studies", 401)) is None
    assert judged("search.understood", x("studies", 406, accept="text/plain")) is None
    assert judged("search.understood", x("studies", 400, accept="application/dicom+json, image/jpeg")) is None
    assert judged("search.understood", x("instances", 404)) is None
    assert judged("search.understood", x(f"studies/{S1}/series", 404)) == []


def test_bad_values() -> None:
    rule = "search.bad-value-is-400"
    assert judged(rule, x("studies?limit=-1", 400)) == []
    assert [f.warn for f in judged(rule, x("studies?limit=-1", 422)) or []] == [True]
    assert [f.warn for f in judged(rule, x("studies?limit=-1", [study()])) or []] == [False]
    assert [f.warn for f in judged(rule, x("studies?emptyvaluematching=1", [study()])) or []] == [True]
    assert judged(rule, x("studies?limit=5", [study()])) is None
    assert judged(rule, x("studies?emptyvaluematching=1", [study()], edition="2020c")) is None


def test_never_falls_over() -> None:
    assert judged("http.no-server-error", x("studies?&&", 500)) != []
    assert judged("http.no-server-error", x("studies?&&", 503)) == []


def test_media_type_and_list() -> None:
    assert judged("search.media-type", x("studies", [study()])) == []
    assert judged("search.media-type", x("studies", [study()], type="application/json")) != []
    either = "application/dicom+json, application/json"
    assert judged("search.media-type", x("studies", [study()], type="application/json", accept=either)) == []
    assert judged("search.json-list", x("studies", json.dumps(study()).encode())) != []
    assert judged("search.json-list", x("studies", b"[{]")) != []
    assert judged("search.json-list", x("studies", [])) is None


def xml(*rows: str) -> bytes:
    parts = [f"--b\r\nContent-Type: application/dicom+xml\r\n\r\n{row}\r\n" for row in rows]
    return ("".join(parts) + "--b--\r\n").encode()


def document(uid: str) -> str:
    tag = f'<DicomAttribute tag="0020000D" vr="UI" keyword="StudyInstanceUID"><Value number="1">{uid}</Value>'
    namespace = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
    return f'<NativeDicomModel xmlns="{namespace}" xml:space="preserve">{tag}</DicomAttribute></NativeDicomModel>'


def in_xml(*rows: str, step: str = "xml") -> Exchange:
    return x("studies", xml(*rows), accept=XML, type=f"{XML}; boundary=b", step=step)


def test_xml_is_read_like_json() -> None:
    left = x("studies", [{"0020000D": value("UI", S1)}, {"0020000D": value("UI", S2)}], step="json")
    assert judged("search.xml-part-for-each-match", in_xml(document(S1), document(S2))) == []
    assert judged("search.xml-equals-json", journey("web.search.representation", left, in_xml(document(S1)))) != []
    both = journey("web.search.representation", left, in_xml(document(S2), document(S1)))
    assert judged("search.xml-equals-json", both) == []


def test_both_media_types() -> None:
    left = x("studies", [study()], step="json")
    good = journey("web.search.representation", left, in_xml(document(S1)))
    bad = journey("web.search.representation", left, x("studies", [study()], accept=XML, step="xml"))
    assert judged("search.both-media-types", good) == []
    assert judged("search.both-media-types", bad) != []


def test_unique_keys() -> None:
    assert judged("search.unique-key-in-each-match", x("studies", [study()])) == []
    assert judged("search.unique-key-in-each-match", x("studies", [study(x0020000D=value("UI"))])) != []
    assert judged("search.matches-once", x("studies", [study(), study(S2)])) == []
    assert judged("search.matches-once", x("studies", [study(), study()])) != []
    shared = [series(x0020000D=value("UI", S1)), series(x0020000D=value("UI", S2))]
    assert judged("search.matches-once", x("series", shared)) == []


def test_matches_within_path() -> None:
    rule = "search.matches-within-path"
    assert judged(rule, x(f"studies/{S1}/series", [series(x0020000D=value("UI", S1))])) == []
    assert judged(rule, x(f"studies/{S1}/series", [series(x0020000D=value("UI", S2))])) != []
    assert judged(rule, x(f"studies/{S1}/series", [series()])) is None


def test_stored_is_listed() -> None:
    first, second, _ = samples()
    past = past_of(first, second)
    row = {"00080018": value("UI", first.instance), "00080016": value("UI", first.sop_class)}
    other = {**row, "00080018": value("UI", second.instance)}
    path = f"studies/{first.study}/series/{first.series}/instances"
    assert judged("search.stored-is-listed", x(path, [row, other], past=past)) == []
    assert len(judged("search.stored-is-listed", x(path, [row], past=past)) or []) == 1
    assert judged("search.stored-is-listed", x(path, [row], past=Past())) is None
    assert judged("search.stored-is-listed", x(f"{path}?limit=1", [row], past=past)) is None
    more = "299 x: There are 1 additional results that can be requested"
    assert judged("search.stored-is-listed", x(path, [row], past=past, warning=more)) is None


@pytest.mark.parametrize("tag", ["00080020", "00080061", "00100040", "00201208"])
def test_study_attributes(tag: str) -> None:
    assert judged("search.study-attributes", x("studies", [study(**{f"x{tag}": {"vr": "LO"}})])) == []
    assert judged("search.study-attributes", x("studies", [study(), study(S2, **{f"x{tag}": None})])) != []


def test_relational_attributes() -> None:
    assert judged("search.relational-attributes", x("series", [{**study(), **series()}])) == []
    assert judged("search.relational-attributes", x("series", [series()])) != []
    assert judged("search.series-attributes", x("series", [series()])) == []
    assert judged("search.series-attributes", x("series", [series(x00201209=None)])) != []
    assert judged("search.relational-attributes", x(f"studies/{S1}/series", [series()])) is None


def test_known_attributes_and_values() -> None:
    past = past_of(samples()[0])
    assert judged("search.known-attributes", x("studies", [of_sample()], past=past)) == []
    assert judged("search.known-attributes", x("studies", [of_sample(x00080201=None)], past=past)) != []
    assert judged("search.values-as-stored", x("studies", [of_sample()], past=past)) == []
    assert judged("search.values-as-stored", x("studies", [of_sample(x00100020=value("LO", "X"))], past=past)) != []
    padded = value("PN", {"Alphabetic": "DICOMPROOF^SYNTHETIC CT^^ "})
    assert judged("search.values-as-stored", x("studies", [of_sample(x00100010=padded)], past=past)) == []
    assert judged("search.values-as-stored", x("studies", [study()], past=past)) is None


def test_values_of_coerced_instances_are_left_alone() -> None:
    past = past_of(samples()[0])
    kept = {k: v.__class__(*(getattr(v, f) for f in v.__slots__[:-1]), True) for k, v in past.kept.items()}
    row = of_sample(x00100020=value("LO", "X"))
    assert judged("search.values-as-stored", x("studies", [row], past=Past(kept))) is None


@pytest.mark.parametrize(
    ("url", "right"),
    [
        (f"{BASE}/studies/{S1}", True),
        (f"https://elsewhere.example/x/studies/{S1}/", True),
        (f"{BASE}/studies/null", False),
        (f"{BASE}/studies/{S2}", False),
        (f"{BASE}/studies/{S1}/metadata", False),
        ("nonsense", False),
    ],
)
def test_retrieve_url_is_its_own(url: str, right: bool) -> None:
    found = judged("search.retrieve-url-own", x("studies", [study(x00081190=value("UR", url))]))
    assert (found == []) is right


def test_retrieve_url_without_parent_is_not_held_against_the_row() -> None:
    url = value("UR", f"{BASE}/studies/1.2.3/series/1.2.1.1")
    assert judged("search.retrieve-url-own", x("series", [series(x00081190=url)])) == []
    assert judged("search.retrieve-url-own", x(f"studies/{S1}/series", [series(x00081190=url)])) != []


def test_retrieve_url_present_and_working() -> None:
    past = past_of(samples()[0])
    assert judged("search.retrieve-url-present", x("studies", [of_sample(x00081190=None)], past=past)) != []
    away = of_sample(x00081190=None, x00080056=value("CS", "OFFLINE"))
    assert judged("search.retrieve-url-present", x("studies", [away], past=past)) == []
    row = x("studies", [study()], step="row", facts={"uid": S1})
    good, gone = (x(f"studies/{S1}", code, step="fetch") for code in (200, 404))
    assert judged("search.retrieve-url-works", journey("web.search.retrieve-url", row, good)) == []
    assert judged("search.retrieve-url-works", journey("web.search.retrieve-url", row, gone)) != []


def test_availability_and_modalities() -> None:
    def row(*values: str) -> Exchange:
        return x("studies", [study(x00080056=value("CS", *values))])

    assert judged("search.availability", row("NEARLINE")) == []
    assert judged("search.availability", row()) != []
    assert judged("search.availability", x("studies", [study()])) is None
    assert judged("search.modalities-listed", x("studies", [study(x00080061=value("CS", "CT", "SR"))])) == []
    assert judged("search.modalities-listed", x("studies", [study(x00080061=value("CS", "CT", "CT"))])) != []
    assert judged("search.modalities-listed", x("studies", [study(x00080061=value("CS", "CT\\SR"))])) != []


def counting(number: object, last: object, listed: int):
    looks = [x("studies", [study(x00201206=value("IS", n))], step="study", facts={"uid": S1}) for n in (number, last)]
    rows = [series(f"1.2.1.{n}") for n in range(1, listed + 1)]
    return journey("web.search.counts", looks[0], x(f"studies/{S1}/series", rows, step="series-of-study"), looks[1])


def test_counts() -> None:
    assert judged("search.number-of-study-series", counting(2, 2, 2)) == []
    assert judged("search.number-of-study-series", counting("2", "2", 2)) == []
    assert judged("search.number-of-study-series", counting(1, 1, 2)) != []
    assert judged("search.number-of-study-series", counting(1, 2, 2)) is None
    assert judged("search.modalities-of-series", counting(2, 2, 2)) == []


def test_options() -> None:
    said = f"299 {BASE}: The fuzzymatching parameter is not supported. Only literal matching has been performed."
    target = "studies?PatientName=DOO&fuzzymatching=true"
    assert judged("search.option-warning", x(target, [study()], warning=said)) == []
    quoted = said.replace(": The", ' "The') + '"'
    assert judged("search.option-warning", x(target, [study()], warning=quoted)) == []
    assert judged("search.option-warning", x(target, [study()], warning="299 x fuzzymatching? no")) != []
    assert judged("search.option-warning", x(target, [study()])) is None
    assert [f.warn for f in judged("search.no-warning-unasked", x("studies", [study()], warning=said)) or []] == [True]


def fuzzy(found: list[dict], warning: str = ""):
    return journey(
        "web.search.option",
        x(f"studies?StudyInstanceUID={S1}", [study()], step="subject", facts={"uid": S1}),
        x("studies?PatientName=DOO", [], step="without"),
        x("studies?PatientName=DOO&fuzzymatching=true", found, warning=warning, step="with", facts={"uids": [S1]}),
    )


def test_fuzzy_is_done_or_told() -> None:
    said = f"299 {BASE}: The fuzzymatching parameter is not supported. Only literal matching has been performed."
    assert judged("search.fuzzy-done-or-told", fuzzy([study()])) == []
    assert judged("search.fuzzy-done-or-told", fuzzy([], said)) == []
    assert judged("search.fuzzy-done-or-told", fuzzy([])) != []


def predicted(target: str, rows: list[dict], *due: str, **more: object) -> Exchange:
    return x(target, rows, expected={"keys": [[u] for u in due], "universe": [S1, S2]}, **more)


def test_predictions() -> None:
    all_, only = "search.finds-all-predicted", "search.finds-only-predicted"
    target = "studies?PatientID=P-1"
    foreign = study("1.9.9")
    assert judged(all_, predicted(target, [study(), foreign], S1)) == []
    assert judged(all_, predicted(target, [foreign], S1)) != []
    assert judged(only, predicted(target, [study(), foreign], S1)) == []
    assert judged(only, predicted(target, [study(), study(S2)], S1)) != []
    assert judged(all_, predicted(f"{target}&limit=1", [foreign], S1)) is None
    more = "299 x: There are 7 additional results that can be requested"
    assert judged(all_, predicted(target, [foreign], S1, warning=more)) is None
    assert judged(all_, predicted("studies?StudyDescription=X", [foreign], S1)) is None


def test_predictions_about_names_need_what_was_stored() -> None:
    sample = samples()[0]
    expected = {"keys": [[sample.study]], "universe": [sample.study]}
    asks = {q: f"studies?PatientName={q}" for q in ("DICOMPROOF%5ESYNTHETIC%20CT", "dicomproof%5Esynthetic%20ct")}
    exact, other = (x(t, [], past=past_of(sample), expected=expected) for t in asks.values())
    assert judged("search.finds-all-predicted", exact) != []
    assert judged("search.finds-all-predicted", other) == []
    assert judged("search.finds-only-predicted", predicted("studies?PatientName=doe*", [study()])) == []


def test_includefield() -> None:
    rule = "search.no-lower-levels"
    assert judged(rule, x("studies?includefield=Modality", [study()])) == []
    assert judged(rule, x("studies?includefield=00080060", [study(x00080060=value("CS", "CT"))])) != []
    assert judged(rule, x("studies?includefield=StudyDescription", [study()])) is None
    private = {"x00091001": value("LO", "A")}
    assert judged("search.private-with-creator", x("studies", [study(**private)])) != []
    with_creator = study(x00090010=value("LO", "V"), **private)
    assert judged("search.private-with-creator", x("studies", [with_creator])) == []
    assert [f.warn for f in judged("search.nothing-unasked", x("studies", [with_creator])) or []] == [True]
    assert judged("search.nothing-unasked", x("studies?includefield=00091001", [with_creator])) is None


def including(rows: list[dict], *, step: str = "include", query: str = "includefield=PatientID"):
    plain = x("studies?PatientID=P-1", [study()], step="plain")
    return journey("web.search.include", plain, x(f"studies?PatientID=P-1&{query}", rows, step=step), plain)


def test_includefield_keeps_matches_and_returns() -> None:
    assert judged("search.include-keeps-matches", including([study()])) == []
    assert judged("search.include-keeps-matches", including([study(), study(S2)])) != []
    described = study(x00081030=value("LO", "D"))
    query = "includefield=StudyDescription"
    assert judged("search.include-returns", including([described], query=query)) == []
    assert [f.warn for f in judged("search.include-returns", including([study()], query=query)) or []] == [True]
    assert judged("search.include-all", including([described], step="all", query="includefield=all")) == []
    bare = [{"0020000D": value("UI", S1)}]
    assert judged("search.include-all", including(bare, step="all", query="includefield=all")) != []


def test_time_zone() -> None:
    zoned = study(x00080201=value("SH", "+0100"))
    facts = {"uid": S1, "zone": "+0000", "here": "", "moment": ""}

    def asks(found: list[dict], step: str, plain: list[dict]):
        return journey(
            "web.search.timezone",
            x(f"studies?StudyInstanceUID={S1}", [zoned], step="subject"),
            x("studies?StudyTime=120000-120000", plain, step="plain", facts=facts),
            x("studies?StudyTime=110000-110000&TimezoneOffsetFromUTC=%2B0000", found, step=step, facts=facts),
        )

    assert judged("search.time-zone", asks([zoned], "same", [zoned])) == []
    assert judged("search.time-zone", asks([], "same", [zoned])) != []
    assert judged("search.time-zone", asks([], "same", [])) is None
    assert judged("search.time-zone", asks([zoned], "other", [zoned])) != []


def test_remaining_as_predicted() -> None:
    rule, target = "search.remaining-as-predicted", f"studies?StudyInstanceUID={S1},{S2}&limit=1"
    more = f"299 {BASE}: There are {{}} additional results that can be requested"
    assert judged(rule, predicted(target, [study()], S1, S2, warning=more.format(1))) == []
    assert judged(rule, predicted(target, [study()], S1, S2, warning=more.format(2))) != []
    assert judged(rule, predicted(target, [study()], S1, warning=more.format(1))) != []
    assert judged(rule, predicted(target, [study()], S1)) == []
    assert judged(rule, predicted("studies?limit=1", [study()], S1, warning=more.format(9))) is None


def test_availability_is_true() -> None:
    def told(word: str, code: int):
        row = x("studies", [study(x00080056=value("CS", word))], step="row", facts={"uid": S1})
        return journey("web.search.retrieve-url", row, x(f"studies/{S1}", code, step="fetch"))

    assert judged("search.availability-true", told("ONLINE", 200)) == []
    assert judged("search.availability-true", told("UNAVAILABLE", 200)) != []
    assert judged("search.availability-true", told("UNAVAILABLE", 404)) is None


def test_a_retrieve_url_on_an_inner_host_warns() -> None:
    url = value("UR", f"http://inner:8080/dicomweb/studies/{S1}")
    found = judged("search.retrieve-url-own", x("studies", [study(x00081190=url)]))
    assert [f.warn for f in found or []] == [True]
