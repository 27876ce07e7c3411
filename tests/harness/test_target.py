"""Target words and files: what is accepted, and that each mistake gets one clear sentence."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from harness.target import TargetError, parse

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


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("nowhere", "names no target"),
        ("sim:x", "names no simulator"),
        ("http://", "no usable address"),
        ("http://h:99999/x", "no usable address"),
        ("http://h/x?y=z", "no query"),
        ("http://u:p@h/x", "environment variable"),
        ("dimse://A@h:104", "cannot be checked by this version"),
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
        ("", "'web' is a required property"),
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
