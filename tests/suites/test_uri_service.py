"""Rules of the URI service on exchanges worked out by hand: what they find, and where they stay silent."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset

import suites
from harness.body import Body
from harness.context import Context
from harness.exchange import Answer, Ask, Exchange, Headers
from harness.judge import Judge
from harness.past import Past
from harness.rule import CATALOGUE
from harness.verdict import Outcome
from tests.suites import retrieving as r
from tests.suites.retrieving import EXPLICIT, SERIES, STUDY, answer, findings, hard, journey, soft

suites.load()
FOUR = f"requestType=WADO&studyUID={STUDY}&seriesUID={SERIES}&objectUID={r.uid(1)}"
FILE = "contentType=application/dicom"
JPEG = "contentType=image/jpeg"
DICOM, ANY = "application/dicom", "*/*"
IMAGE = r.dataset(PixelSpacing=["1", "1"])
HELD = r.past(r.kept(IMAGE), r.kept(r.dataset(2)))


def asked(more: str = "", accept: str | None = ANY, four: str = FOUR, **about: Any) -> Ask:
    raw = "&".join(w for w in (four, more) if w)
    fields = [("Host", "pacs.example:8042"), *([("Accept", accept)] if accept is not None else [])]
    return Ask(about.pop("method", "GET"), f"/wado?{raw}", r.BASE, Headers.of(fields), **about)


def uri(
    said: Answer, more: str = "", accept: str | None = ANY, held: Past = HELD, step: str = "", **about: Any
) -> Exchange:
    facts = about.pop("facts", {})
    return Exchange(1, asked(more, accept, **about), said, context=Context(past=held), facts=facts, step=step)


def file(ds: Dataset | None = None, syntax: str = EXPLICIT, type: str = DICOM) -> Answer:
    return answer(200, r.part10(ds or IMAGE, syntax), type)


def jpeg(width: int = 6, height: int = 4, form: str = "JPEG", type: str = "image/jpeg", grey: int = 100) -> Answer:
    ramp = np.add.outer(np.arange(height), np.arange(width)) * 255 // max(1, width + height - 2)
    out = io.BytesIO()
    Image.fromarray(((ramp + grey) % 256).astype(np.uint8), "L").save(out, form)
    return answer(200, out.getvalue(), type)


WRONG = answer(400, b"no", "text/plain")
GONE = answer(404, b"no", "text/plain")


# --- status ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 404, 406, 500])
def test_what_is_held_is_retrieved(status: int) -> None:
    assert hard(findings("uri.held-is-200", uri(answer(status), FILE)))


@pytest.mark.parametrize(
    "x",
    [
        uri(GONE),  # a rendering may not be had
        uri(GONE, JPEG),
        uri(GONE, f"{FILE}&anonymize=yes"),
        uri(GONE, f"{FILE}&frameNumber=9"),
        uri(GONE, FILE, "text/html"),  # Accept does not cover it
        uri(GONE, f"{FILE};q=0"),
        uri(GONE, FILE, held=Past()),
        uri(answer(302), FILE),
        uri(WRONG, FILE, four=FOUR.replace("WADO", "OTHER")),
        uri(GONE, FILE, method="HEAD"),
    ],
)
def test_held_is_not_exercised_where_nothing_is_owed(x: Exchange) -> None:
    assert findings("uri.held-is-200", x) is None


@pytest.mark.parametrize(
    ("rule", "drop"),
    [
        ("uri.missing-request-type-is-400", "requestType=WADO&"),
        ("uri.missing-uid-is-400", f"studyUID={STUDY}&"),
        ("uri.missing-uid-is-400", f"seriesUID={SERIES}&"),
        ("uri.missing-uid-is-400", f"&objectUID={r.uid(1)}"),
    ],
)
def test_missing_parameters(rule: str, drop: str) -> None:
    four = FOUR.replace(drop, "", 1)
    assert findings(rule, uri(WRONG, four=four)) == []
    assert hard(findings(rule, uri(GONE, four=four)))
    assert hard(findings(rule, uri(file(), four=four)))
    assert soft(findings(rule, uri(answer(401), four=four)))
    assert findings(rule, uri(GONE)) is None
    assert findings("uri.instance-belongs", uri(file(), four=four)) is None  # one finding for one fault


def test_the_case_of_wado_is_not_judged() -> None:
    assert findings("uri.other-request-type-is-400", uri(file(), four=FOUR.replace("WADO", "wado"))) is None
    assert hard(findings("uri.other-request-type-is-400", uri(GONE, four=FOUR.replace("WADO", "XYZ"))))


def test_another_parent_only_warns() -> None:
    x = uri(file(), FILE, four=FOUR.replace(f"studyUID={STUDY}", "studyUID=1.9"))
    assert findings("uri.parents-are-respected", x)
    assert not CATALOGUE.rules["uri.parents-are-respected"].level.binding
    assert findings("uri.parents-are-respected", uri(GONE, FILE, four=x.ask.query.raw)) == []


# --- media types -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mtp", ["transfer-syntax=1.2.840.10008.1.2.1", "charset=utf-8"])
def test_media_type_parameters_in_content_type(mtp: str) -> None:
    assert findings("uri.media-type-parameter-is-400", uri(WRONG, f"{FILE};{mtp}")) == []
    assert hard(findings("uri.media-type-parameter-is-400", uri(file(), f"{FILE};{mtp}")))
    assert findings("uri.media-type-parameter-is-400", uri(file(), f"{FILE};q=0.5")) is None


@pytest.mark.parametrize(
    ("x", "found"),
    [
        (uri(WRONG, f"{FILE},image/png"), "none"),
        (uri(answer(406), f"{FILE},image/png"), "soft"),
        (uri(file(), f"{FILE},image/png"), "hard"),
        (uri(jpeg(), "", "application/dicom, image/jpeg"), "hard"),
        (uri(file(), FILE, "image/jpeg, */*"), "unasked"),  # contentType decides
        (uri(file(), "", "application/dicom, */*"), "unasked"),
    ],
)
def test_dicom_and_rendered_types_together(x: Exchange, found: str) -> None:
    met = findings("uri.mixed-types-are-400", x)
    assert {"none": met == [], "soft": soft(met), "hard": hard(met), "unasked": met is None}[found]


def test_the_type_that_was_asked_for() -> None:
    assert findings("uri.file-when-asked", uri(file(), FILE)) == []
    assert hard(findings("uri.file-when-asked", uri(file(type="application/octet-stream"), FILE)))
    assert hard(findings("uri.file-when-asked", uri(jpeg(), "", DICOM)))
    assert findings("uri.required-types", uri(jpeg(), JPEG)) == []
    assert hard(findings("uri.required-types", uri(answer(406), JPEG)))
    assert hard(findings("uri.required-types", uri(jpeg(type="image/png"), JPEG)))
    assert (
        findings("uri.required-types", uri(answer(406), "contentType=image/png")) is None
    )  # optional in Table 8.7.4-1
    packed = r.past(r.kept(IMAGE, "1.2.840.10008.1.2.1.99"))
    assert findings("uri.required-types", uri(answer(406), JPEG, held=packed)) is None


@pytest.mark.parametrize(
    ("said", "facts", "found"),
    [
        (jpeg(), {}, "none"),
        (file(), {}, "hard"),
        (answer(500), {}, "hard"),
        (jpeg(type="image/gif"), {"held": True, "category": "multi"}, "soft"),
        (answer(406), {"held": True, "category": "multi"}, "none"),
        (answer(200, b"%PDF", "application/pdf"), {"held": True, "category": "text"}, "none"),
        (jpeg(), {"held": True, "category": "text"}, "soft"),  # D-09
        (file(), {"held": True, "category": ""}, "unasked"),
    ],
)
def test_the_default_type(said: Answer, facts: dict[str, Any], found: str) -> None:
    met = findings("uri.default-type", uri(said, facts=facts, held=HELD if not facts else Past()))
    assert {"none": met == [], "soft": soft(met), "hard": hard(met), "unasked": met is None}[found]


def test_the_default_is_judged_for_any_type_at_all_only() -> None:
    assert findings("uri.default-type", uri(file(), "", None)) is None  # nobody knows whether Accept has to be there
    assert findings("uri.default-type", uri(file(), "", "image/png, */*;q=0.5")) is None


def test_parameters_of_content_type_in_answers() -> None:
    rule = "uri.no-media-type-parameters"
    assert hard(findings(rule, uri(file(type=f"{DICOM}; transfer-syntax={EXPLICIT}"), FILE)))
    assert hard(findings(rule, uri(file(type=f"{DICOM}; charset=utf-8"), FILE)))
    assert findings(rule, uri(answer(200, b"x", "text/html; charset=utf-8"))) == []


# --- files -------------------------------------------------------------------------------------------------------


def test_the_instance_is_the_one_that_was_asked_for() -> None:
    assert findings("uri.instance-belongs", uri(file(), FILE)) == []
    assert hard(findings("uri.instance-belongs", uri(file(r.dataset(2)), FILE)))
    assert findings("uri.instance-belongs", uri(file(r.dataset(2)), f"{FILE}&anonymize=yes")) is None
    assert hard(findings("uri.instance-is-what-was-stored", uri(file(r.dataset(PatientName="X")), FILE)))


def test_the_default_transfer_syntax() -> None:
    rule = "uri.default-transfer-syntax"
    assert findings(rule, uri(file(), FILE)) == []
    assert hard(findings(rule, uri(file(syntax="1.2.840.10008.1.2.1.99"), FILE)))
    assert findings(rule, uri(file(syntax="1.2.840.10008.1.2.1.99"), f"{FILE}&transferSyntax=1.2")) is None


def syntaxes(bad: Answer, stored: Answer, unknown: Answer) -> Any:
    return journey(
        "web.uri.syntax",
        uri(file(), FILE, step="plain"),
        uri(stored, f"{FILE}&transferSyntax=1.2.840.10008.1.2.1.99", step="asked"),
        uri(bad, f"{FILE}&transferSyntax=abc", step="bad"),
        uri(unknown, f"{FILE}&transferSyntax=2.25.7", step="unknown"),
    )


RULES = ("uri.requested-transfer-syntax", "uri.bad-transfer-syntax-is-400", "uri.unknown-transfer-syntax-is-406")


def test_who_ignores_transfer_syntax_does_not_support_it() -> None:
    assert [findings(rule, syntaxes(file(), file(), file())) for rule in RULES] == [None, None, None]


def test_who_refuses_every_transfer_syntax_does_not_support_it() -> None:
    assert [findings(rule, syntaxes(WRONG, WRONG, WRONG)) for rule in RULES] == [None, None, None]


def test_who_supports_transfer_syntax_is_held_to_it() -> None:
    deflated = file(syntax="1.2.840.10008.1.2.1.99")
    assert [findings(rule, syntaxes(WRONG, deflated, answer(406))) for rule in RULES] == [[], [], []]
    assert all(hard(findings(rule, syntaxes(GONE, deflated, file()))) for rule in RULES[1:])
    assert hard(findings(RULES[0], syntaxes(WRONG, file(), answer(406))))


# --- anonymize ---------------------------------------------------------------------------------------------------


def without_identity(**more: Any) -> Dataset:
    ds = r.dataset(PixelSpacing=["1", "1"])
    for element in [*ds]:
        if element.tag.is_private:
            del ds[element.tag]
    del ds.ReferencedImageSequence
    ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = "2.25.1", "2.25.2", "2.25.3"
    ds.StudyDate = ds.StudyTime = ds.PatientName = ds.PatientID = ""
    ds.PatientIdentityRemoved, ds.DeidentificationMethod = "YES", "by hand"
    ds.BurnedInAnnotation, ds.LongitudinalTemporalInformationModified = "NO", "REMOVED"
    for keyword, value in more.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def anonymized(yes: Answer, no: Answer = WRONG, before: Dataset | None = None) -> Any:
    return journey(
        "web.uri.anonymize",
        uri(file(before), FILE, step="plain"),
        uri(yes, f"{FILE}&anonymize=yes", step="yes"),
        uri(no, f"{FILE}&anonymize=no", step="bad"),
    )


ANONYMIZED = ("uri.anonymized-tells-nobody", "uri.anonymized-says-so", "uri.anonymized-has-a-new-uid",
              "uri.anonymized-is-whole")  # fmt: skip


def test_what_is_de_identified_well_gets_no_finding() -> None:
    whole = anonymized(file(without_identity()))
    assert [findings(rule, whole) for rule in (*ANONYMIZED, "uri.other-anonymize-is-400")] == [[], [], [], [], []]


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        ("uri.anonymized-tells-nobody", {"StudyInstanceUID": STUDY}),
        ("uri.anonymized-tells-nobody", {"PatientName": "M\u00e4rta^A=\u00e5"}),
        ("uri.anonymized-tells-nobody", {"PatientComments": "any"}),
        ("uri.anonymized-tells-nobody", {"StudyTime": "235959.5"}),
        ("uri.anonymized-says-so", {"PatientIdentityRemoved": None}),
        ("uri.anonymized-says-so", {"DeidentificationMethod": None}),
        ("uri.anonymized-says-so", {"BurnedInAnnotation": None}),
        ("uri.anonymized-has-a-new-uid", {"SOPInstanceUID": r.uid(1)}),
        ("uri.anonymized-is-whole", {"PixelData": None}),
        ("uri.anonymized-is-whole", {"Rows": 2}),
        ("uri.anonymized-is-whole", {"SeriesInstanceUID": ""}),
    ],
)
def test_what_is_left_is_found(rule: str, values: dict[str, Any]) -> None:
    assert hard(findings(rule, anonymized(file(without_identity(**values)))))


def test_what_is_left_in_items_is_found() -> None:
    item = Dataset()
    item.PatientID = "P 1"
    left = without_identity()
    left.ReferencedInstanceSequence = [item]
    assert hard(findings("uri.anonymized-tells-nobody", anonymized(file(left))))


def test_dummy_values_and_other_uids_are_fine() -> None:
    left = without_identity(PatientName="ANON", PatientID="1", StudyDate="19000101", AccessionNumber="X")
    assert findings("uri.anonymized-tells-nobody", anonymized(file(left))) == []
    before = r.dataset(PixelSpacing=["1", "1"], PatientSex="O", PatientBirthDate="19700101")
    left = without_identity(PatientSex="O", PatientBirthDate="19700101")  # what was there may be a dummy as well
    assert findings("uri.anonymized-tells-nobody", anonymized(file(left), before=before)) == []


def test_who_ignores_anonymize_or_refuses_it_gets_no_finding() -> None:
    ignored = anonymized(file(), file())
    assert [findings(rule, ignored) for rule in (*ANONYMIZED, "uri.other-anonymize-is-400")] == [None] * 5
    refused = anonymized(answer(403, b"no", "text/plain"), WRONG)
    assert [findings(rule, refused) for rule in ANONYMIZED] == [None] * 4
    assert findings("uri.other-anonymize-is-400", refused) == []


# --- pictures ----------------------------------------------------------------------------------------------------


def test_a_picture_is_what_it_says() -> None:
    rule = "uri.picture-is-what-it-says"
    assert findings(rule, uri(jpeg(), JPEG)) == []
    assert hard(findings(rule, uri(jpeg(type="image/png"), JPEG)))
    assert hard(findings(rule, uri(answer(200, b"\xff\xd8\xff\xe0", "image/jpeg"), JPEG)))
    assert hard(findings(rule, uri(answer(200, b"", "image/jpeg"), JPEG)))
    assert findings(rule, uri(answer(200, b"?", "image/webp"))) is None


def test_a_picture_beyond_our_bounds_is_no_fault_of_the_server() -> None:
    out = io.BytesIO()
    Image.new("L", (5000, 4000)).save(out, "PNG")
    assert findings("uri.picture-is-what-it-says", uri(answer(200, out.getvalue(), "image/png"))) == []
    assert soft(
        findings("uri.picture-is-what-it-says", uri(answer(200, jpeg().body.bytes() + b"x" * 100, "image/jpeg")))
    )


def test_the_size_of_a_picture() -> None:
    rule = "uri.picture-has-its-size"
    assert findings(rule, uri(jpeg(), JPEG)) == []
    assert hard(findings(rule, uri(jpeg(4, 6), JPEG)))
    assert findings(rule, uri(jpeg(4, 6), f"{JPEG}&rows=6")) is None
    assert findings(rule, uri(jpeg(4, 6), f"{JPEG}&viewport=4,6")) is None  # of another service; nobody knows


def viewports(*asked: tuple[str, Answer], bad: Answer = WRONG) -> Any:
    """The image is 6 x 4."""
    steps = [uri(said, f"{JPEG}&{more}", step="asked") for more, said in asked]
    wrong = [uri(bad, f"{JPEG}&rows=0&columns=4", step="bad"), uri(bad, f"{JPEG}&region=1", step="bad-region")]
    return journey("web.uri.viewport", uri(jpeg(), JPEG, step="plain"), *steps, *wrong)


@pytest.mark.parametrize(
    ("more", "size", "found"),
    [
        ("rows=40&columns=30", (30, 20), "none"),
        ("rows=40&columns=30", (30, 21), "none"),
        ("rows=40&columns=30", (24, 16), "soft"),  # smaller than it could be
        ("rows=40&columns=30", (30, 40), "hard"),
        ("rows=40&columns=30", (60, 40), "hard"),
        ("rows=40&columns=30&region=0,0,0.5,1", (30, 40), "none"),
        ("rows=40&columns=30", (6, 4), "unasked"),  # ignored, which an optional parameter may be
    ],
)
def test_rows_and_columns(more: str, size: tuple[int, int], found: str) -> None:
    met = findings("uri.viewport-is-a-maximum", viewports((more, jpeg(*size))))
    assert {"none": met == [], "soft": soft(met), "hard": hard(met), "unasked": met is None}[found]


def test_one_side_alone_and_regions() -> None:
    assert findings("uri.other-side-follows", viewports(("rows=8", jpeg(12, 8)))) == []
    assert hard(findings("uri.other-side-follows", viewports(("rows=8", jpeg(6, 8)))))
    assert findings("uri.other-side-follows", viewports(("rows=8", WRONG))) is None
    assert findings("uri.region-has-its-size", viewports(("region=0,0,0.5,0.5", jpeg(3, 2)))) == []
    assert hard(findings("uri.region-has-its-size", viewports(("region=0,0,0.5,0.5", jpeg(5, 4)))))


def test_bad_values_are_judged_where_the_parameter_is_there() -> None:
    there, ignored = ("rows=8&columns=12", jpeg(12, 8)), ("rows=8&columns=12", jpeg())
    assert findings("uri.bad-viewport-is-400", viewports(there)) == []
    assert hard(findings("uri.bad-viewport-is-400", viewports(there, bad=jpeg())))
    assert findings("uri.bad-viewport-is-400", viewports(ignored, bad=jpeg())) is None
    assert findings("uri.bad-viewport-is-400", viewports(("rows=8&columns=12", WRONG))) is None  # takes none at all
    assert findings("uri.bad-region-is-400", viewports(there, bad=jpeg())) is None  # one may be there without the other


def windows(asked: Answer, half: Answer, file_: Answer) -> Any:
    return journey(
        "web.uri.window",
        uri(jpeg(), JPEG, step="plain"),
        uri(asked, f"{JPEG}&windowCenter=1&windowWidth=2", step="asked"),
        uri(half, f"{JPEG}&windowCenter=1", step="half"),
        uri(file_, f"{FILE}&windowCenter=1&windowWidth=2", step="file"),
    )


def test_windows() -> None:
    other = jpeg(grey=180)
    for rule in ("uri.half-a-window-is-400", "uri.window-beside-file-is-400"):
        assert findings(rule, windows(other, WRONG, WRONG)) == []
        assert hard(findings(rule, windows(other, jpeg(), file())))
        assert findings(rule, windows(jpeg(), jpeg(), file())) is None


def test_a_text_in_its_charset() -> None:
    rule = "uri.text-is-in-its-charset"
    assert findings(rule, uri(answer(200, "ä".encode(), "text/plain; charset=utf-8"))) == []
    assert hard(findings(rule, uri(answer(200, "ä".encode("latin-1"), "text/plain; charset=utf-8"))))
    assert findings(rule, uri(answer(200, b"x", "text/plain; charset=x-none"))) is None


# --- who asks ----------------------------------------------------------------------------------------------------


def client(more: str = FILE, accept: str | None = ANY, said: Answer | None = None, **about: Any) -> Exchange:
    x = uri(said or file(), more, accept, **about)
    return x.but(judged=frozenset({"user-agent"}), side="user-agent")


RIGHT = [
    client(),
    client(FILE, None),
    client(f"{FILE}&anonymize=yes&transferSyntax=1.2.840.10008.1.2.4.90"),
    client(JPEG, "image/jpeg, image/*;q=0.5", jpeg()),
    client(f"{JPEG}&frameNumber=2&rows=256&columns=256&region=0.1,0,1,1.0", ANY, jpeg()),
    client(f"{JPEG}&windowCenter=-40.5&windowWidth=4e2&imageQuality=90&annotation=patient,technique", ANY, jpeg()),
    client(f"{JPEG}&presentationUID=1.2&presentationSeriesUID=1.3&annotation=patient&rows=1&columns=1", ANY, jpeg()),
    client("contentType=text/plain&charset=utf-8", ANY, answer(200, b"x", "text/plain")),
    client("", ANY, jpeg(), method="HEAD"),
]


def judged(x: Exchange) -> list[tuple[str, bool]]:
    rules = [v for v in CATALOGUE.rules.values() if v.id.startswith("uri.client")]
    judge = Judge(CATALOGUE, x.context or Context(), rules)
    return [(rule, finding.warn) for rule, finding in judge.see(x)]


@pytest.mark.parametrize("x", RIGHT, ids=lambda x: x.ask.query.raw[-60:])
def test_a_right_client_gets_no_finding(x: Exchange) -> None:
    assert judged(x) == []


@pytest.mark.parametrize(
    ("x", "rule"),
    [
        (client(four=FOUR.replace("studyUID", "StudyUID")), "four-parameters"),
        (client(four=FOUR.replace(STUDY + "&", "01.2&")), "four-parameters"),
        (client(four=f"{FOUR}&requestType=WADO"), "four-parameters"),
        (client(body=Body.of(b"x")), "no-payload"),
        (client("contentType=application/dicom,image/png"), "content-type"),
        (client("contentType=image/*", ANY, jpeg()), "content-type"),
        (client("contentType=application/dicom;transfer-syntax=*"), "content-type"),
        (client("contentType="), "content-type"),
        (client(JPEG, "application/dicom, image/jpeg"), "accepts-renderings"),
        (client(JPEG, "text/html"), "accepts-what-it-names"),
        (client(f"{FILE}&windowCenter=1&windowWidth=2"), "no-rendering-of-a-file"),
        (client("rows=4&columns=4", ANY, answer(200, b"x", "text/html"), held=Past()), "rendering-of-images-only"),
        (client(f"{JPEG}&presentationUID=1.2", ANY, jpeg()), "both-of-a-state"),
        (
            client(f"{JPEG}&presentationUID=1.2&presentationSeriesUID=1.3&frameNumber=1", ANY, jpeg()),
            "alone-with-a-state",
        ),
        (client(f"{JPEG}&windowWidth=1", ANY, jpeg()), "both-of-a-window"),
        (client(f"{JPEG}&frameNumber=0", ANY, jpeg()), "values"),
        (client(f"{JPEG}&region=0,0,256,256", ANY, jpeg()), "values"),
        (client(f"{FILE}&anonymize=true"), "values"),
        (client(f"{FILE}&{FILE}"), "values"),
        (client(f"{JPEG}&annotation=", ANY, jpeg()), "values"),
    ],
)
def test_a_wrong_client_gets_its_finding(x: Exchange, rule: str) -> None:
    assert (f"uri.client-{rule}", False) in judged(x)


def test_debated_forms_of_a_client_only_warn() -> None:
    assert judged(client(four=FOUR.replace("WADO", "wado"))) == [("uri.client-four-parameters", True)]
    assert judged(client(f"{FILE}&transferSyntax=*")) == [("uri.client-values", True)]
    assert judged(client(f"{JPEG}&rows=9", ANY, jpeg())) == [("uri.client-both-of-a-window", True)]
    assert judged(client(f"{FILE}&frameNumber=1")) == [("uri.client-no-rendering-of-a-file", True)]


def test_no_content_passes_without_the_ground() -> None:
    judge = Judge(CATALOGUE, Context(past=HELD), [v for v in CATALOGUE.rules.values() if v.id.startswith("uri.")])
    judge.see(uri(file(), FILE))
    outcomes = {v.rule: v.outcome for v in judge.finish()}
    assert outcomes["uri.held-is-200"] is Outcome.BLOCKED


def test_a_service_that_nobody_names_is_not_claimed() -> None:
    rules = [CATALOGUE.rules["uri.held-is-200"]]
    silent = Judge(CATALOGUE, Context(past=HELD), rules, absent=frozenset({"uri"}))
    assert [v.outcome for v in silent.finish()] == [Outcome.NOT_CLAIMED]
    met = Judge(CATALOGUE, Context(past=HELD), rules, absent=frozenset({"uri"}))
    met.see(uri(GONE, FILE))
    assert [v.outcome for v in met.finish()] == [Outcome.FAIL]
