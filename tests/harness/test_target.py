"""Target words and files: what is accepted, and that each mistake gets one clear sentence."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from harness.target import OPTIONAL, TargetError, parse

WHOLE = """
[target]
vendor = "Acme"
product = "PACS"
version = "1"
[web]
base = "https://pacs.example:8443/dicomweb/"
headers = { X-Site = "north" }
auth = { type = "basic", user = "alice", password_env = "PACS_PASSWORD" }
tls = { verify = false }
[claims]
services = ["search", "retrieve"]
[allow]
write = false
requests = 100
deadline = 3
body = "2GiB"
[judge]
edition = "2023e"
policies = { "D-02" = "default" }
[[waiver]]
rule = "search.x"
reason = "fixed in 2"
owner = "bob"
until = 2027-01-31
"""


def file(folder: Path, text: str) -> str:
    path = folder / "acme.toml"
    path.write_text(text)
    return str(path)


def test_a_whole_file(tmp_path: Path) -> None:
    target = parse(file(tmp_path, WHOLE), {"PACS_PASSWORD": "s3cret"})
    assert target.name == "Acme PACS 1"
    assert target.base == "https://pacs.example:8443/dicomweb"
    assert target.headers == (("X-Site", "north"), ("Authorization", "Basic YWxpY2U6czNjcmV0"))
    assert target.secrets == ("s3cret", "YWxpY2U6czNjcmV0")
    assert target.claims == {"search", "retrieve"}
    assert (target.write, target.requests, target.deadline, target.body) == (False, 100, 3.0, 2 << 30)
    assert (target.edition, target.policies) == ("2023e", {"D-02": "default"})
    assert target.waivers[0].until == datetime.date(2027, 1, 31)
    assert "s3cret" not in str(target.to_json())
    assert target.tls() is not None


@pytest.mark.parametrize(
    ("word", "simulator", "which"),
    [("sim:", "reference", ""), ("sim:mutant=a.b/c", "mutant", "a.b/c"), ("sim:control=liar", "control", "liar")],
)
def test_simulators(word: str, simulator: str, which: str) -> None:
    target = parse(word)
    assert (target.simulator, target.which) == (simulator, which)


def test_an_address() -> None:
    assert parse("http://127.0.0.1:8042/dicom-web/").base == "http://127.0.0.1:8042/dicom-web"
    assert parse("http://127.0.0.1:8042/dicom-web/").tls() is None


def test_a_dimse_address() -> None:
    target = parse("dimse://PACS@pacs.example")
    assert target.dimse is not None
    assert str(target.dimse.entity) == "PACS@pacs.example:104"
    assert (target.base, target.dimse_tls()) == ("", None)
    beside = parse("http://h/x").beside("PACS@[::1]:11112")
    assert beside.dimse is not None
    assert (beside.dimse.entity.host, beside.dimse.entity.port) == ("::1", 11112)
    assert beside.to_json()["dimse"] == "dimse://PACS@[::1]:11112"


def test_a_file_with_both_sides(tmp_path: Path) -> None:
    text = """
[web]
base = "http://pacs.example/dicomweb"
[dimse]
address = "PACS@pacs.example:2762"
calling = "TESTER"
listen = "TESTER@127.0.0.1:11113"
identity = { user = "alice", passcode_env = "PACS_PASSCODE" }
tls = { verify = false }
"""
    target = parse(file(tmp_path, text), {"PACS_PASSCODE": "s3cret"})
    assert target.dimse is not None
    assert (target.dimse.calling, str(target.dimse.listen)) == ("TESTER", "TESTER@127.0.0.1:11113")
    assert (target.dimse.user, target.dimse.passcode, target.secrets) == ("alice", "s3cret", ("s3cret",))
    assert target.dimse_tls() is not None
    assert target.to_json()["tls"] == "certificate not verified (DIMSE)"
    assert "s3cret" not in str(target.to_json())


@pytest.mark.parametrize(("word", "doors"), [("sim:", "dimse web"), ("sim:web", "web"), ("sim:dimse", "dimse")])
def test_doors_of_the_simulator(word: str, doors: str) -> None:
    assert " ".join(sorted(parse(word).doors)) == doors


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("nowhere", "names no target"),
        ("sim:x", "names no simulator"),
        ("http://", "no usable address"),
        ("http://h:99999/x", "no usable address"),
        ("http://h/x?y=z", "no query"),
        ("http://u:p@h/x", "environment variable"),
        ("dimse://h:104", "names no AE title"),
        ("dimse://@h:104", "at least one character"),
        ("dimse://A@h:104000", "no usable address"),
        ("dimse://A@:104", "no usable address"),
        ("dimse://A@h:x", "no usable address"),
        ("dimse://SEVENTEENLETTERS1@h:104", "17 characters"),
        (r"dimse://A\B@h:104", "no backslash"),
        ("missing.toml", "There is no target file"),
    ],
)
def test_wrong_words(word: str, says: str) -> None:
    with pytest.raises(TargetError, match=says):
        parse(word)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[web", "no TOML"),
        ("", "neither .web. with its base nor .dimse."),
        ('[dimse]\naddress = "h:104"', "names no AE title"),
        ('[dimse]\naddress = "A@h"\nidentity = { user = "u", passcode_env = "NOT_SET" }', "NOT_SET, which is not set"),
        ('[web]\nbase = "http://h/x"\nhaeders = {}', "Did you mean 'headers'"),
        ('[web]\nbase = "h/x"', "does not match"),
        ('[web]\nbase = "http://h/x"\n[allow]\nwrite = 1', "not of type 'boolean'"),
        ('[web]\nbase = "http://h/x"\n[judge]\nedition = "1999a"', "not known here"),
        ('[web]\nbase = "http://h/x"\n[judge]\npolicies = { "D-99" = "x" }', "unknown policy"),
        ('[web]\nbase = "http://h/x"\n[judge]\npolicies = { "D-02" = "x" }', "no choice"),
        ('[web]\nbase = "http://h/x"\nauth = { type = "bearer", token_env = "NOT_SET" }', "NOT_SET, which is not set"),
        ('[web]\nbase = "http://h/x"\n[[waiver]]\nrule = "a"\nreason = "b"\nowner = "c"\nuntil = "soon"', "as a date"),
    ],
)
def test_wrong_files(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(TargetError, match=says):
        parse(file(tmp_path, text), {})


def test_tls_files_that_are_not_there(tmp_path: Path) -> None:
    target = parse(file(tmp_path, '[web]\nbase = "https://h/x"\ntls = { ca = "none.pem" }'), {})
    with pytest.raises(TargetError, match="TLS files"):
        target.tls()


def test_where_services_with_an_address_of_their_own_are(tmp_path: Path) -> None:
    text = '[web]\nbase = "https://pacs.example/dicomweb"\n'
    assert parse(file(tmp_path, text)).absent == {"uri", "wado-ws", *OPTIONAL}
    text += 'uri_service = "https://pacs.example/wado/"\nwado_ws = "https://pacs.example/ws"\n'
    target = parse(file(tmp_path, f'{text}[claims]\nservices = ["uri", "wado-ws"]\n'))
    assert (target.uri_service, target.wado_ws) == ("https://pacs.example/wado/", "https://pacs.example/ws")
    assert target.absent == OPTIONAL
    assert target.to_json()["uri_service"] == "https://pacs.example/wado/"
    assert parse("sim:web").absent == frozenset()


def test_a_service_that_is_claimed_is_not_absent(tmp_path: Path) -> None:
    text = '[web]\nbase = "https://pacs.example/dicomweb"\n[claims]\nservices = ["workitems", "retrieve"]\n'
    assert "workitems" not in parse(file(tmp_path, text)).absent


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('uri_service = "https://other.example/wado"', "another scheme, host or port"),
        ('uri_service = "https://pacs.example:8443/wado"', "another scheme, host or port"),
        ('uri_service = "/wado"', "uri_service"),
        ('uri_service = "https://pacs.example/wado?x=1"', "uri_service"),
        ('[claims]\nservices = ["uri"]', "does not say where"),
        ('[claims]\nservices = ["wado-ws"]', "does not say where"),
        ('wado_ws = "https://other.example/ws"', "another scheme, host or port"),
    ],
)
def test_a_uri_service_that_cannot_be_asked(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(TargetError, match=says):
        parse(file(tmp_path, f'[web]\nbase = "https://pacs.example/dicomweb"\n{line}\n'))
