"""What holds for all transactions: methods, Accept, HEAD, reports, robustness, capabilities."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from simulators.web import capabilities
from tests.web.door import BASE, JSON, Client

INSTANCE = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1"
RESOURCES = [
    "/studies",
    "/studies/1.2.1",
    f"{INSTANCE}/metadata",
    f"{INSTANCE}/frames/1",
    f"{INSTANCE}/bulkdata/7FE00010",
    "/studies/1.2.1/bulkdata",
    f"{INSTANCE}/pixeldata",
]
WADL = {"w": "http://wadl.dev.java.net/2009/02"}


@pytest.mark.parametrize("path", RESOURCES)
def test_without_an_accept_field_nothing_is_acceptable(client, two_studies, path) -> None:
    nothing = client.get(path, None)
    assert nothing.status_code == 406
    assert "<li>" in nothing.text
    assert client.get(f"{path}?accept=application/dicom%2Bjson", None).status_code == 406
    assert client.get(path, "").status_code == 406
    assert client.get(path, "image/x-nothing").status_code == 406
    assert client.get(path, "application/dicom, image/png").status_code == 400


@pytest.mark.parametrize("path", [*RESOURCES, "/nothing", "/studies/9.9", "/studies?limit=x"])
@pytest.mark.parametrize("accept", ["*/*", "image/x-nothing"])
def test_head_is_answered_like_get_without_a_payload(client, two_studies, path, accept) -> None:
    got, headed = client.get(path, accept), client.request("HEAD", path, accept)
    assert headed.content == b""
    assert headed.status_code == got.status_code
    kept = [{k: v.split("boundary=")[0] for k, v in a.headers.items()} for a in (got, headed)]
    assert kept[0] == kept[1]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/studies", "GET, HEAD, POST"),
        ("PUT", "/studies/1.2.1", "GET, HEAD, POST"),
        ("POST", "/series", "GET, HEAD"),
        ("POST", INSTANCE, "GET, HEAD"),
        ("OPTIONS", "/studies", "GET, HEAD, POST"),
        ("GET", "/", "OPTIONS"),
        ("BREW", f"{INSTANCE}/frames/1", "GET, HEAD"),
    ],
)
def test_other_methods_are_refused_with_those_allowed(client, method, path, allow) -> None:
    answer = client.request(method, path, "*/*")
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)


def test_the_accept_parameter_goes_before_the_field(client, two_studies) -> None:
    xml = "multipart/related;type=%22application/dicom%2Bxml%22"
    answer = client.get(f"/studies?accept={xml}", "*/*")
    assert answer.headers["content-type"].startswith('multipart/related; type="application/dicom+xml"')
    assert client.get("/studies?accept=application/dicom%2Bjson", "*/*").headers["content-type"] == JSON
    assert client.get("/studies?accept=application/dicom+json", "*/*").headers["content-type"] == JSON
    assert client.get("/studies?accept=application/dicom,image/jpeg", "*/*").status_code == 400
    assert client.get("/studies?accept=*/*", "application/none").status_code == 406


@pytest.mark.parametrize(
    ("accept", "type"),
    [
        ("application/dicom+json", "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("application/dicom+json, application/json;q=0.5", "application/json"),
    ],
)
def test_a_status_report_is_told_in_an_acceptable_type(client, accept, type) -> None:
    answer = client.get("/nothing?<script>", accept)
    assert (answer.status_code, answer.headers["content-type"]) == (404, type)
    assert "<script>" not in answer.text
    assert "404 Not Found" in answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_a_report_of_unacceptable_types_lists_what_there_is(client, two_studies) -> None:
    answer = client.get(INSTANCE, "image/x-nothing, application/json")
    assert answer.status_code == 406
    assert (
        'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1' in answer.json()["supported"]
    )


def test_a_bug_becomes_a_500_with_a_report_and_the_server_goes_on(client, archive, monkeypatch, caplog) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(archive, "search", broken)
    answer = client.get("/studies", JSON)
    assert answer.status_code == 500
    assert "a bug" not in answer.text
    assert "ZeroDivisionError" in caplog.text
    monkeypatch.undo()
    assert client.get("/studies", JSON).status_code == 204


def test_an_instance_that_is_replaced_meanwhile_is_selected_again(client, two_studies, monkeypatch) -> None:
    real, calls = two_studies.select, []

    def select(*args: object, **kwargs: object) -> list:
        found = real(*args, **kwargs)
        if not calls:
            calls.append(found[0].path.rename(found[0].path.with_suffix(".gone")))
        else:
            calls[0].rename(found[0].path)
        return found

    monkeypatch.setattr(two_studies, "select", select)
    assert client.get(INSTANCE, "application/dicom").status_code == 200


PARAMETERS = [
    "limit",
    "PatientName",
    "StudyDate",
    "includefield",
    "0020000D",
    "%",
    "a.b",
    "accept",
    "00400275.00400009",
]
names = st.text(alphabet=st.characters(codec="utf-8"), max_size=20)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from([*RESOURCES, "/", "", "/studies/%2e%2e", "/x"]) | names.map("/studies/{}/metadata".format),
    query=st.lists(st.sampled_from(PARAMETERS), max_size=3),
    value=names | st.sampled_from(["*", "20240101-", "-", "%00", "a,b", "\\"]),
    accept=names | st.sampled_from(["*/*", JSON, 'multipart/related; type="', "a/b;q=2"]),
    method=st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "PATCH"]),
)  # fmt: skip
def test_no_request_makes_the_door_fail(client, two_studies, path, query, value, accept, method) -> None:
    asked = "&".join(f"{name}={value}" for name in query)
    target = f"/dicomweb{path}?{asked}".encode()
    answer = client.raw(method, target, accept.encode())
    assert 200 <= answer.status_code < 500


@pytest.mark.parametrize("path", ["", "/"])
def test_capabilities_come_as_wadl_and_as_json_and_say_the_same(client, path) -> None:
    xml = client.request("OPTIONS", path, "application/vnd.sun.wadl+xml")
    assert (xml.status_code, xml.headers["content-type"]) == (200, "application/vnd.sun.wadl+xml")
    root = etree.fromstring(xml.content)
    assert etree.QName(root).localname == "application"
    (resources,) = root.findall("w:resources", WADL)
    assert resources.get("base") == BASE
    tree = client.request("OPTIONS", path, "application/json").json()
    assert etree.tostring(etree.fromstring(capabilities.document(tree))) == etree.tostring(root)
    assert client.request("OPTIONS", path, "*/*").headers["content-type"] == "application/vnd.sun.wadl+xml"
    assert client.request("OPTIONS", path, None).status_code == 406
    assert client.request("OPTIONS", path, "text/html").status_code == 406


def _targets(resource: dict, path: str = ""):
    here = f"{path}/{resource['@path']}"
    for method in resource.get("method", ()):
        yield method["@name"], here
    for below in resource.get("resource", ()):
        yield from _targets(below, here)


def test_everything_the_capabilities_list_works(client: Client, two_studies) -> None:
    uids = {"{StudyInstance}": "1.2.1", "{SeriesInstance}": "1.2.1.1", "{SOPInstance}": "1.2.1.1.1", "{framelist}": "1"}
    tree = capabilities.description(BASE)
    targets = [t for r in tree["application"]["resources"]["resource"] for t in _targets(r)]
    assert not [t for t in targets if t[0] == "OPTIONS"]
    for method, path in targets:
        if path.split("/")[1] not in ("studies", "series", "instances", "{BulkDataReference}"):
            continue  # of other services, whose tests ask them
        for name, uid in uids.items():
            path = path.replace(name, uid)
        if method == "GET" and "{Bulk" not in path:
            # a secondary capture is no volume, which is told in another way than that there is no such resource
            want = 400 if path.endswith(("renderedmpr", "rendered3d")) else 200
            assert client.get(path).status_code == want, path
        elif method == "POST":
            assert client.request("POST", path, "*/*").status_code == 400, path
    assert len({m["@id"] for m in _methods(tree)}) == len(targets)
    assert json.dumps(tree)


def _methods(node):
    if isinstance(node, dict):
        yield from node.get("method", ())
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from _methods(each)
