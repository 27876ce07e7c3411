"""Target URIs: which resource a request-target names, the URI service among them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.wire.uri import classify

BASE = "http://pacs.example/dicomweb"
FOUR = "requestType=WADO&studyUID=1.2&seriesUID=1.3&objectUID=1.4"


@pytest.mark.parametrize(
    "target",
    [
        f"/dicomweb/wado?{FOUR}",
        f"/dicomweb?{FOUR}",
        f"/dicomweb/?{FOUR}",
        f"/wado?{FOUR}",  # beside the Base URI of the others
        f"/aets/PACS/wado?{FOUR}",
        f"http://pacs.example/wado?{FOUR}",
        f"/anything.php?{FOUR}",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_requests_to_the_uri_service_wherever_it_is(method: str, target: str) -> None:
    resource = classify(method, target, BASE)
    assert (resource.kind, resource.level) == ("web.uri", "instance")
    assert (resource.study, resource.series, resource.instance) == ("1.2", "1.3", "1.4")


@pytest.mark.parametrize(
    "query",
    ["studyUID=1.2&seriesUID=1.3&objectUID=1.4", "requestType=WADO&studyUID=1.2", "requestType=wado", "objectUID=1.4"],
)
def test_one_that_lacks_a_parameter_is_one_all_the_same(query: str) -> None:
    assert classify("GET", f"/elsewhere?{query}", BASE).kind == "web.uri"


def test_a_path_that_ends_in_wado_needs_no_parameters() -> None:
    resource = classify("GET", "/wado", BASE)
    assert (resource.kind, resource.uids) == ("web.uri", ())


@pytest.mark.parametrize(
    ("method", "target", "kind"),
    [
        ("GET", f"/dicomweb/studies?{FOUR}", "web.search.studies"),
        ("GET", f"/dicomweb/studies/1.2/metadata?{FOUR}", "web.retrieve.metadata"),
        ("POST", f"/wado?{FOUR}", "web.other"),
        ("OPTIONS", f"/dicomweb?{FOUR}", "web.capabilities"),
        ("GET", "/viewer?requestType=STUDY&studyUID=1.2", "web.other"),  # Invoke Image Display has this parameter too
        ("GET", "/viewer?studyUID=1.2", "web.other"),
        ("GET", "/dicomweb", "web.other"),
        ("GET", "/wadoes", "web.other"),
    ],
)
def test_what_belongs_to_others_stays_theirs(method: str, target: str, kind: str) -> None:
    assert classify(method, target, BASE).kind == kind


@given(st.text(st.characters(max_codepoint=0x7F), max_size=60))
def test_any_target_is_something(text: str) -> None:
    assert classify("GET", f"/{text}", BASE).kind.startswith("web.")
