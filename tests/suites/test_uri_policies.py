"""The policies of the URI service: each reading of D-07, D-08, D-09 and D-24, on exchanges worked out by hand."""

from __future__ import annotations

from harness.body import Body
from harness.context import Context
from harness.exchange import Exchange, Journey
from harness.make.corpus import corpus
from harness.make.patterns import PATTERNS, instance
from harness.wire import part10
from harness.wire.confidentiality import action
from suites.web.uri.anonymize import _DUMMIES
from tests.suites import retrieving as r
from tests.suites.retrieving import answer, findings, hard, journey, soft
from tests.suites.test_uri_service import FILE, JPEG, file, jpeg, uri


def read_as(subject: Exchange | Journey, policy: str, choice: str) -> Exchange | Journey:
    """The same judged with this reading chosen."""
    exchanges = subject.exchanges if isinstance(subject, Journey) else (subject,)
    context = Context(policies={policy: choice}, past=exchanges[0].context.past if exchanges[0].context else None)
    made = tuple(x.but(context=context) for x in exchanges)
    return Journey(subject.kind, subject.name, made, context) if isinstance(subject, Journey) else made[0]


def test_one_side_alone_is_a_matter_of_d07() -> None:
    alone = uri(jpeg(12, 8), f"{JPEG}&rows=8")
    assert soft(findings("uri.client-both-of-a-window", alone))
    assert hard(findings("uri.client-both-of-a-window", read_as(alone, "D-07", "together")))
    taken = journey(
        "web.uri.viewport", uri(jpeg(), JPEG, step="plain"), uri(jpeg(12, 8), f"{JPEG}&rows=8", step="asked")
    )
    assert findings("uri.other-side-follows", taken) == []
    found = findings("uri.other-side-follows", read_as(taken, "D-07", "together"))
    assert soft(found)
    assert [f.policy for f in found or ()] == ["D-07"]


def test_either_name_of_annotation_is_fine_unless_d08_says_otherwise() -> None:
    for name, other in (("annotation", False), ("imageAnnotation", True)):
        x = uri(jpeg(), f"{JPEG}&{name}=patient")
        assert findings("uri.client-values", x) == []
        assert soft(findings("uri.client-values", read_as(x, "D-08", "annotation"))) is other


def annotated(known: str, warned: bool) -> Journey:
    """Somebody who draws for one of the two names, and knows nothing of the other one."""
    steps = [uri(jpeg(), JPEG, step="plain")]
    for name in ("annotation", "imageAnnotation"):
        drawn = jpeg(grey=220) if name == known else jpeg()
        steps.append(uri(drawn, f"{JPEG}&{name}=patient", step="asked"))
        said = jpeg()
        if name == known and warned:
            said = said.but(headers=said.headers.but("warning", "299 x: not supported"))
        steps.append(uri(said, f"{JPEG}&{name}=dicomproof", step="unknown"))
    return journey("web.uri.annotation", *steps)


def test_a_name_that_has_no_effect_is_not_judged() -> None:
    for known in ("annotation", "imageAnnotation"):
        assert findings("uri.unknown-annotation-is-told", annotated(known, warned=True)) == []
        assert hard(findings("uri.unknown-annotation-is-told", annotated(known, warned=False)))
    assert findings("uri.unknown-annotation-is-told", annotated("none", warned=False)) is None


def test_a_text_as_a_picture_is_a_matter_of_d09() -> None:
    report = r.dataset(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", Rows=None, Columns=None, PixelData=None)
    x = uri(jpeg(), held=r.past(r.kept(report)))
    found = findings("uri.default-type", x)
    assert soft(found)
    assert [f.policy for f in found or ()] == ["D-09"]
    assert findings("uri.default-type", read_as(x, "D-09", "both")) == []
    assert hard(findings("uri.default-type", uri(file(), held=r.past(r.kept(report)))))


def test_a_request_without_accept_is_a_matter_of_d24() -> None:
    x = uri(answer(406), FILE, None)
    found = findings("uri.held-is-200", x)
    assert soft(found)
    assert [f.policy for f in found or ()] == ["D-24"]
    assert findings("uri.held-is-200", read_as(x, "D-24", "both")) == []
    assert findings("uri.held-is-200", uri(file(), FILE, None)) == []
    assert hard(findings("uri.held-is-200", read_as(uri(answer(406), FILE), "D-24", "both")))


def test_no_date_that_we_load_is_what_somebody_may_write_as_a_dummy() -> None:
    """Else who leaves it in an anonymized instance could not be told from who replaced it."""
    samples = [*corpus(3, "dummies"), *(instance(name, "1.2.3.4", "dummies") for name in PATTERNS)]
    assert samples
    for sample in samples:
        dataset = part10.read(Body.of(sample.part10)).dataset
        for tag, element in dataset.elements.items():
            said = element.value.bytes().strip(b" \0") if element.value and element.value.size < 100 else b""
            assert not (action(tag) and len(said) == 8 and said in _DUMMIES), (tag, said)
