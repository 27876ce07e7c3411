"""The rules on renderings, against answers made by hand: right ones pass, wrong ones are told, and doubts only warn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.exchange import Answer, Exchange
from harness.make import patterns
from harness.make.patterns import PATTERNS
from harness.rule import ANSWER, CATALOGUE
from suites.model.altered import reframed
from suites.web.rendered.parameters import bad_quality, bad_viewport, bad_window, half_viewport
from suites.web.rendered.reading import category, named
from tests.suites.rendering import (
    GIF,
    JPEG,
    PNG,
    answer,
    drawn,
    exchange,
    findings,
    journey,
    refused,
    right,
    sample,
    spoiled,
)
from tests.suites.retrieving import ask, hard, multipart, soft

RULE_OF = {
    "grey": "grey-levels", "large": "grey-levels", "quadrants": "grey-levels", "monochrome1": "lowest-is-white",
    "low-contrast": "no-window-is-identity", "palette": "palette", "palette-first": "palette",
    **dict.fromkeys(("rgb", "rgb-planes", "rgb-rle", "ybr", "ybr-rle", "ybr-422", "ybr-jpeg"), "colours"),
    **dict.fromkeys(("odd", "odd-rle", "odd-jpeg2000", "odd-bits"), "odd-sizes"),
    **dict.fromkeys(("window", "signed", "sign-bit", "unused-bits", "rescaled", "voi-lut"), "own-window"),
}  # fmt: skip
WINDOWED = {
    "grey": "window", "window": "window", "voi-lut": "window", "rescaled": "modality-lut", "tiny-slope": "modality-lut",
    "modality-lut": "modality-lut", **dict.fromkeys(("signed", "sign-bit", "unused-bits"), "stored-values"),
}  # fmt: skip


def said(rule: str, subject: Any) -> Any:
    return findings(f"rendered.{rule}", subject)


# --- pixels ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", [PNG, JPEG, GIF])
@pytest.mark.parametrize("name", RULE_OF)
def test_a_right_picture_passes(name: str, accept: str) -> None:
    x = right(name, accept=accept)
    assert said(RULE_OF[name], x) == []
    assert said("size-of-the-source", x) == []
    assert said("picture-is-whole", x) == []
    assert said("type-is-true", x) == []


@pytest.mark.parametrize("name", WINDOWED)
def test_a_right_window_passes_and_every_mistake_is_told(name: str) -> None:
    told = set()
    for window in PATTERNS[name].windows:
        x = right(name, f"window={window}")
        assert said(WINDOWED[name], x) == []
        for mistake in PATTERNS[name].mistakes:
            wrong = x.but(answer=drawn(patterns.mistaken(name, mistake, 1, window)))
            told |= {mistake} if said(WINDOWED[name], wrong) else set()
    assert told == set(PATTERNS[name].mistakes)


@pytest.mark.parametrize("name", RULE_OF)
def test_every_mistake_without_a_window_is_told(name: str) -> None:
    x = right(name)
    for mistake in PATTERNS[name].mistakes:
        levels = patterns.mistaken(name, mistake)
        differs = levels.shape != PATTERNS[name].levels().shape or np.abs(levels - PATTERNS[name].levels()).max() > 5
        assert bool(said(RULE_OF[name], x.but(answer=drawn(levels)))) == differs, mistake


def test_another_grey_scale_only_warns() -> None:
    x = spoiled(right("grey"), lambda levels: (levels / 255) ** 0.5 * 255)
    found = said("grey-levels", x)
    assert soft(found)
    assert found[0].policy == "rendered-grey"


def test_what_was_not_stored_is_not_judged() -> None:
    x = right("grey")
    assert said("grey-levels", exchange("grey", x.answer, stored=False)) is None


def test_what_nobody_can_predict_is_not_judged() -> None:
    for query in ("annotation=patient", "iccprofile=adobergb", "window=1,2", "viewport=5", "quality=1"):
        assert said("grey-levels", exchange("grey", drawn(np.zeros((64, 64))), query)) is None


def test_a_grey_picture_may_come_in_colour() -> None:
    x = right("grey")
    assert said("grey-levels", spoiled(x, lambda levels: np.stack([levels] * 3, axis=-1))) == []
    tinted = spoiled(x, lambda levels: np.stack([levels, levels, levels * 0.5], axis=-1))
    assert hard(said("grey-levels", tinted))


def test_a_frame_that_is_another_one() -> None:
    assert said("frame", right("frames", frames="2")) == []
    for frame in (1, 3):
        assert hard(said("frame", exchange("frames", drawn(PATTERNS["frames"].levels(frame)), frames="2")))


def test_frames_in_the_order_asked() -> None:
    def parts(*frames: int) -> Exchange:
        octets = [drawn(PATTERNS["frames"].levels(n)).body.bytes() for n in frames]
        said_ = multipart([(PNG, "", o) for o in octets], PNG)
        return exchange("frames", said_, accept=f'multipart/related; type="{PNG}"', frames="1,3")

    assert said("frame", parts(1, 3)) == []
    assert hard(said("frame", parts(3, 1)))


def test_functions_are_compared_whatever_the_grey_scale() -> None:
    def asked(*windows: str, shown: str = "", curve: float = 1.0) -> Any:
        found = []
        for text in windows:
            x = right("window", f"window={text}")
            if shown:
                center, width, _ = text.split(",")
                x = x.but(answer=right("window", f"window={center},{width},{shown}").answer)
            found.append(spoiled(x, lambda levels: (levels / 255) ** curve * 255).but(step="function"))
        return journey("web.retrieve.rendered-functions", *found)

    three = ("1000,8,linear", "1000,8,linear-exact", "1000,8,sigmoid")
    assert said("functions-differ", asked(*three)) == []
    for curve in (0.4, 0.7, 1.5):
        assert said("functions-differ", asked(*three, "1000,1,linear", "999.5,4.5,linear-exact", curve=curve)) == []
    assert hard(said("functions-differ", asked(*three, shown="linear")))
    assert hard(said("functions-differ", asked(*three, shown="sigmoid")))


def test_an_animation_shows_all_frames() -> None:
    def animated(*frames: int) -> Answer:
        import io

        made = [Image.fromarray(PATTERNS["frames"].levels(n).astype(np.uint8)) for n in frames]
        out = io.BytesIO()
        made[0].save(out, "GIF", save_all=True, append_images=made[1:], duration=50)
        return answer(out.getvalue(), GIF)

    assert said("animation", exchange("frames", animated(1, 2, 3), accept=GIF)) == []
    for frames in ((1,), (1, 2), (3, 2, 1)):
        assert hard(said("animation", exchange("frames", animated(*frames), accept=GIF))), frames


# --- viewports ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["32,32", "128,128", "100,30", "32,24,32,24,32,24", "64,48,0,0,-64,48"])
def test_a_right_view_passes(value: str) -> None:
    x = right("quadrants", f"viewport={value}")
    assert said("viewport-size", x) == []
    for rule in ("viewport-region", "viewport-flip"):
        assert not said(rule, x)


def test_a_view_within_its_viewport_passes() -> None:
    x = right("quadrants", "viewport=32,32")
    framed = spoiled(x, lambda levels: np.pad(levels, ((4, 4), (0, 0)), constant_values=128.0))
    assert said("viewport-size", framed) == []
    bare = spoiled(x, lambda levels: np.pad(levels, ((4, 4), (3, 3))))
    assert hard(said("viewport-size", bare))


def test_sizes_that_are_not_whole_may_be_rounded_either_way() -> None:
    x = right("quadrants", "viewport=30,100")  # 22.5 rows
    for rows in (22, 23):
        resized = spoiled(x, lambda levels, rows=rows: np.resize(levels, (rows, 30)))
        assert said("viewport-size", resized) == []
    assert hard(said("viewport-size", spoiled(x, lambda levels: np.resize(levels, (24, 30)))))


# --- parameters --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["1", "100", "050"])
def test_qualities(value: str) -> None:
    assert bad_quality(value) == ""


@pytest.mark.parametrize("value", ["0", "101", "-1", "1.0", "", "x", "1e1", "999999999999"])
def test_no_qualities(value: str) -> None:
    assert bad_quality(value) != ""


@pytest.mark.parametrize("value", ["40,400,linear", "-40.5,0.5,linear-exact", "1e2,2E1,sigmoid", "0,1,linear"])
def test_windows(value: str) -> None:
    assert bad_window(value) == ""


@pytest.mark.parametrize(
    "value",
    ["", "40,400", "40,400,", "40,400,LINEAR", "40,0,linear", "40,0.5,linear", "a,1,linear", "inf,1,linear",
     "40,-1,sigmoid", "40,400,linear,", "0x1,2,linear"],
)  # fmt: skip
def test_no_windows(value: str) -> None:
    assert bad_window(value) != ""


@pytest.mark.parametrize(
    "value", ["1,1", "512,512,,,512,512", "10,10,0.5,-2,-3.5,1e1", "10,10,1", "10,10,1,2,", "10,10,"]
)
def test_viewports(value: str) -> None:
    assert bad_viewport(value, size_only=False) == ""


@pytest.mark.parametrize("value", ["", "1", "1,", "0,1", "-1,1", "1.5,1", "1,1,x", "1,1,1,1,1,1,1"])
def test_no_viewports(value: str) -> None:
    assert bad_viewport(value, size_only=False) != ""
    assert bad_viewport(value, size_only=True) != ""


def test_text_and_grammar_of_viewport_disagree() -> None:
    assert [half_viewport(v) for v in ("9,9,0,24", "9,9,,,-64", "9,9,,,1,1", "9,9", "9,9,,,,", "9")] == [
        True, True, False, False, True, False]  # fmt: skip
    x = exchange("quadrants", refused(400), "viewport=64,64,0,24", facts={"legal": True})
    assert soft(said("parameters-are-supported", x))
    assert said("viewport-syntax", x) is None


@pytest.mark.parametrize(("query", "rule"), [
    ("quality=0", "quality-is-1-to-100"), ("window=40,400", "window-syntax"), ("viewport=0,10", "viewport-syntax"),
    ("annotation=", "annotation-has-values"), ("annotation", "annotation-has-values"),
    ("annotation=nonesuch", "annotation-unknown"),
])  # fmt: skip
def test_what_is_invalid_is_400(query: str, rule: str) -> None:
    assert said(rule, exchange("grey", refused(400), query)) == []
    assert hard(said(rule, exchange("grey", right("grey").answer, query)))
    assert hard(said(rule, exchange("grey", refused(500), query)))
    assert said(rule, exchange("grey", refused(404), query)) is None  # no such resource here, which is judged elsewhere
    assert said(rule, exchange("grey", right("grey").answer, query, stored=False)) is None


def test_an_unknown_annotation_may_be_left_out_with_a_warning() -> None:
    warned = drawn(PATTERNS["grey"].levels())
    text = "299 pacs: The following annotation values are not supported: nonesuch"
    warned = warned.but(headers=warned.headers.but("Warning", text))
    assert said("annotation-unknown", exchange("grey", warned, "annotation=patient,nonesuch")) == []
    silent = warned.but(headers=warned.headers.but("Warning", "299 pacs: something else"))
    assert hard(said("annotation-unknown", exchange("grey", silent, "annotation=patient,nonesuch")))


def test_an_annotation_is_seen() -> None:
    plain = right("large").but(step="plain")
    written = exchange("large", drawn(np.full((256, 256), 99.0)), "annotation=patient", step="annotated")
    ignored = exchange("large", plain.answer, "annotation=patient", step="annotated")
    assert said("annotation-is-shown", journey("web.retrieve.rendered-annotation", plain, written)) == []
    assert hard(said("annotation-is-shown", journey("web.retrieve.rendered-annotation", plain, ignored)))


def test_quality_may_be_disregarded_but_not_turned_round() -> None:
    def of(*pairs: tuple[int, int]) -> Any:
        levels = PATTERNS["large"].levels()
        found = [exchange("large", drawn(levels, JPEG, quality=real), f"quality={said_}", JPEG, step="quality")
                 for said_, real in pairs]  # fmt: skip
        return journey("web.retrieve.rendered-quality", *found)

    assert said("quality-costs", of((1, 90), (50, 90), (100, 90))) == []
    assert said("quality-costs", of((1, 10), (100, 95))) == []
    assert said("quality-costs", of((1, 95), (100, 10)))


# --- media types -------------------------------------------------------------------------------------------------


def test_the_type_that_is_asked_for() -> None:
    assert said("type-is-acceptable", right("grey", accept=PNG)) == []
    assert hard(said("type-is-acceptable", exchange("grey", right("grey", accept=JPEG).answer, accept=PNG)))
    assert soft(said("type-is-acceptable", exchange("grey", right("grey", accept=JPEG).answer, accept="image/jp2")))
    assert said("type-is-acceptable", exchange("grey", right("grey", accept=GIF).answer, accept="image/*")) == []
    both = exchange("grey", right("grey").answer, "accept=image%2Fpng", accept=f"{JPEG}, {PNG};q=0.1")
    assert said("type-is-acceptable", both) == []


def test_one_picture_comes_in_one_part() -> None:
    octets = right("grey", accept=JPEG).answer.body.bytes()
    parts = multipart([(JPEG, "", octets)], JPEG)
    assert hard(said("type-is-acceptable", exchange("grey", parts, accept=JPEG)))
    assert said("type-is-acceptable", exchange("grey", parts, accept=f'multipart/related; type="{JPEG}"')) == []


def test_the_default_of_each_category() -> None:
    assert said("default-type", exchange("grey", right("grey", accept=JPEG).answer, accept="*/*")) == []
    assert hard(said("default-type", exchange("grey", right("grey").answer, accept="*/*")))
    assert (
        said("default-type", exchange("frames", right("frames", frames="1", accept=GIF).answer, accept="*/*")) is None
    )
    page = answer(b"<p>M\xc3\xa4rta</p>", "text/html")
    assert said("default-type", exchange("text", page, accept="*/*")) == []
    assert hard(said("default-type", exchange("text", answer(b"x", "text/plain"), accept="*/*")))


def test_categories() -> None:
    assert [category(exchange(n, refused(404))) for n in ("grey", "frames", "text", "odd-bits")] == [
        "single", "multi", "text", "single"]  # fmt: skip
    assert category(exchange("frames", refused(404), frames="2")) == "single"
    assert category(exchange("frames", refused(404), frames="1,2")) == "multi"
    assert named(exchange("text", refused(404))) == "text"


def test_octets_that_are_not_what_they_say() -> None:
    octets = right("grey", accept=JPEG).answer.body.bytes()
    assert hard(said("type-is-true", exchange("grey", answer(octets, PNG))))
    assert hard(said("type-is-true", exchange("grey", answer(bytes(99), JPEG), accept=JPEG)))
    assert hard(said("picture-is-whole", exchange("grey", answer(octets[: len(octets) // 2], JPEG), accept=JPEG)))
    assert soft(said("picture-is-whole", exchange("grey", answer(octets + b"xx", JPEG), accept=JPEG)))


def test_a_jpeg_is_baseline() -> None:
    assert said("jpeg-is-baseline", right("grey", accept=JPEG)) == []
    assert hard(said("jpeg-is-baseline", right("grey", accept=JPEG, progressive=True)))


def test_what_has_to_be_offered() -> None:
    assert said("required-types", right("grey", accept=GIF)) == []
    assert hard(said("required-types", exchange("grey", refused(406), accept=GIF)))
    assert said("required-types", exchange("grey", refused(406), accept="image/jp2")) is None
    assert said("required-types", exchange("frames", refused(406), accept=GIF)) is None
    assert hard(said("held-is-shown", exchange("grey", refused(404), accept=JPEG)))
    assert hard(said("held-is-shown", exchange("palette", refused(500), accept=PNG)))
    assert soft(said("held-is-shown", exchange("grey", refused(503), accept=JPEG)))
    assert said("held-is-shown", exchange("grey", refused(406), accept="image/jp2")) is None
    assert said("held-is-shown", exchange("grey", refused(400), accept=f"{JPEG}, application/dicom")) is None


# --- text, thumbnails, states ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("body", "type_", "near"), [
    ("<html><p>M\u00e4rta&#160;\u8003\u3048 <b>\u0436</b> a&lt;b &amp; c&gt;d</p>", "text/html", True),
    ("<p>M&auml;rta &#32771;&#12360; &#x436; a&#60;b &#x26; c&#62;d</p>", "text/html", True),
    ("M\u00e4rta\r\n\u8003\u3048 \u0436 a<b & c>d", "text/plain; charset=UTF-8", True),
    ("<p>M\u00e4rta \u8003\u3048 \u0436 a<b & c>d</p>", "text/html", False),
    ("<p>M\u00e4rta \u8003\u3048 \u0436 a&amp;lt;b &amp;amp; c&amp;gt;d</p>", "text/html", False),
    ("M?rta ?? ?", "text/plain", False),
    ("<p>Report</p>", "text/html", False),
])  # fmt: skip
def test_the_words_of_a_report(body: str, type_: str, near: bool) -> None:
    x = exchange("text", answer(body.encode(), type_), accept="text/*")
    assert (said("text-has-the-words", x) == []) is near
    assert said("text-in-its-charset", x) == []


def test_a_charset_that_is_not_true() -> None:
    x = exchange("text", answer("M\u00e4rta".encode("latin-1"), "text/plain"), accept="text/plain")
    assert hard(said("text-in-its-charset", x))
    assert hard(said("text-in-its-charset", exchange("text", answer(b"a", "text/plain; charset=nonesuch"))))


def test_a_thumbnail_is_one_still_picture() -> None:
    good = exchange("large", right("grey", accept=JPEG).answer, accept=JPEG, what="thumbnail")
    assert said("thumbnail-is-one-picture", good) == []
    assert hard(said("thumbnail-is-one-picture", good.but(answer=answer(b"<p>", "text/html"))))
    fits = exchange("large", drawn(np.zeros((32, 20)), JPEG), "viewport=32,32", JPEG, what="thumbnail")
    assert said("thumbnail-fits", fits) == []
    assert hard(said("thumbnail-fits", fits.but(answer=drawn(np.zeros((33, 20)), JPEG))))


def test_thumbnails_at_all_levels_or_at_none() -> None:
    good, gone = right("large", accept=JPEG).answer, refused(404)

    def asked(*said_: Answer) -> Any:
        levels = ("study", "series", "instance", "frames")
        found = [
            exchange("large", a, accept=JPEG, what="thumbnail", step=s) for s, a in zip(levels, said_, strict=True)
        ]
        return journey("web.retrieve.thumbnail-levels", *found)

    assert said("thumbnails-at-every-level", asked(good, good, good, good)) == []
    assert said("thumbnails-at-every-level", asked(gone, gone, gone, gone)) is None
    assert hard(said("thumbnails-at-every-level", asked(good, good, good, gone)))


# --- the levels --------------------------------------------------------------------------------------------------


def test_every_level_is_rendered() -> None:
    one = sample("grey")
    good, gone = right("grey", accept=JPEG).answer, refused(404)

    def asked(series: Answer, study: Answer) -> Any:
        base = exchange("grey", good, accept=JPEG, step="instance")
        paths = {"series": f"studies/{one.study}/series/{one.series}", "study": f"studies/{one.study}"}
        more = [base.but(ask=ask(f"{p}/rendered", JPEG), answer=a, step=s)
                for (s, p), a in zip(paths.items(), (series, study), strict=True)]  # fmt: skip
        return journey("web.retrieve.rendered-levels", base, *more)

    assert said("every-level", asked(good, good)) == []
    assert hard(said("every-level", asked(gone, good)))
    assert hard(said("every-level", asked(good, refused(500))))


def test_a_part_tells_where_it_comes_from() -> None:
    one = sample("grey")
    octets = right("grey", accept=JPEG).answer.body.bytes()
    path = f"studies/{one.study}/rendered"
    for place, good in ((f"/dicomweb{one.path}", True), (f"http://pacs.example:8042/dicomweb{one.path}/rendered", True),
                        (f"http://pacs.example:8042/dicomweb/studies/{one.study}", False)):  # fmt: skip
        asked = ask(path, f'multipart/related; type="{JPEG}"')
        x = exchange("grey", multipart([(JPEG, place, octets)], JPEG), asked=asked)
        assert (said("part-location", x) == []) is good, place


def test_a_liar_shows_nothing() -> None:
    same = drawn(np.full((64, 64), 7.0))
    own = [exchange(n, same, step="own", seq=i) for i, n in enumerate(("grey", "rgb"), 1)]
    unknown = exchange("grey", refused(404), step="unknown")
    assert hard(said("shows-what-is-asked", journey("web.retrieve.rendered-ground", *own, unknown)))
    good = [right(n).but(step="own") for n in ("grey", "rgb")]
    assert said("shows-what-is-asked", journey("web.retrieve.rendered-ground", *good, unknown)) == []
    found = [x.but(ask=ask(f"studies/1.2/series/1.3/instances/1.{n}/rendered", PNG)) for n, x in enumerate(own)]
    assert said("shows-what-is-asked", journey("web.retrieve.rendered-ground", *found, unknown)) is None
    answered = exchange("grey", same, step="unknown")
    assert hard(said("shows-what-is-asked", journey("web.retrieve.rendered-ground", *good, answered)))


# --- the mutants -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted({*RULE_OF.values(), *WINDOWED.values()}))
def test_mutants_of_pixels_change_answers_made_by_hand(name: str) -> None:
    rule = CATALOGUE.rules[f"rendered.{name}"]
    right_ones = [right(n) for n, r in RULE_OF.items() if r == name]
    right_ones += [right(n, f"window={w}") for n, r in WINDOWED.items() if r == name for w in PATTERNS[n].windows]
    for mutant in [m for m in rule.mutants if m.at is ANSWER]:
        caught = []
        for x in right_ones:
            made = mutant.act(x.but(context=None))
            caught += [made is not None and bool(list(rule(x.but(answer=made))))]
        assert any(caught), mutant.id


def test_a_mutant_leaves_the_framing_right() -> None:
    octets = right("grey").answer.body.bytes()
    said_ = multipart([(PNG, "", octets)] * 2, PNG)
    same = reframed(said_, [(p.fields, p.content.bytes()) for p in said_.parts])
    assert [p.content.bytes() for p in same.parts] == [octets, octets]
