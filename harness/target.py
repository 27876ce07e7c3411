"""Knows how a target is named: words of the command line, and the target file (identity, access, claims, waivers).

Must not know how it is asked, nor what it is judged by.
"""

from __future__ import annotations

import base64
import datetime
import difflib
import json
import os
import ssl
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import jsonschema

import schemas
from harness.context import POLICIES, unknown_edition
from harness.entity import Entity, EntityError, Tls
from harness.entity import parse as parse_entity
from harness.verdict import Waiver

DOORS = frozenset({"web", "dimse"})
_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


# Services that a product need not have; one that it neither claims nor shows is not held against it.
OPTIONAL = frozenset({"workitems", "non-patient", "commitments", "scheduled-steps", "performed-steps"})


def sides(web: object, dimse: object) -> frozenset[str]:
    """The first words of the kinds of evidence that a target gives where these are there: "web" and "socket", "dimse",
    and "doors" for what goes through both."""
    found = frozenset(word for word, there in (("web", web), ("dimse", dimse)) if there)
    found |= {"doors"} if found == DOORS else frozenset()
    return found | {"socket"} if web else found


def absent(line: Mapping[str, Any]) -> frozenset[str]:
    """Services that nothing says a target has, from what the record says of it: where it has a URI service or one of
    SOAP cannot be guessed, and much else is optional."""
    if line.get("simulator"):
        return frozenset()
    unnamed = {"uri": "uri_service", "wado-ws": "wado_ws"}
    found = OPTIONAL | {service for service, key in unnamed.items() if not line.get(key)}
    return found - frozenset(line.get("claims") or ())


class TargetError(Exception):
    """The target cannot be understood; the message says what is wrong and what to do next."""


@dataclass(frozen=True)
class Dimse:
    """The DIMSE side of a target.

    `calling` is the AE title that we take. `listen` is where we can be reached as the destination of C-MOVE and by
    notifications, under a title that the product knows; None when it knows none. `user` and `passcode` make up the
    user identity that is offered (PS3.7 D.3.3.7).
    """

    entity: Entity
    calling: str = "DICOMPROOF"
    listen: Entity | None = None
    tls: Tls | None = None
    user: str = ""
    passcode: str = ""


@dataclass(frozen=True)
class Target:
    """A product under test. `simulator` is "reference" or "mutant"/"control" with `which`, '' for a product.

    `base` is the Base URI of its web services, '' without any; `dimse` its DIMSE side. `doors` are the sides of a
    simulator that are stood up: "web", "dimse". `uri_service` is the Base URI of the URI service (PS3.18 9.1.1), ''
    where the product is not said to have one; `wado_ws` is the same for the endpoint of WADO-WS.
    """

    word: str
    base: str = ""
    uri_service: str = ""
    wado_ws: str = ""
    dimse: Dimse | None = None
    doors: frozenset[str] = frozenset({"web"})
    simulator: Literal["", "reference", "mutant", "control"] = ""
    which: str = ""
    vendor: str = ""
    product: str = ""
    version: str = ""
    contact: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = ()
    verify: bool = True
    ca: str = ""
    certificate: str = ""
    key: str = ""
    claims: frozenset[str] | None = None
    write: bool = True
    requests: int | None = None
    deadline: float = 20.0
    body: int = 64 << 20
    edition: str = ""
    policies: Mapping[str, str] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()

    @property
    def name(self) -> str:
        """Vendor, product and version for people; the word of the command line when the file names none."""
        return " ".join(w for w in (self.vendor, self.product, self.version) if w) or self.word

    @property
    def absent(self) -> frozenset[str]:
        """Services that nothing says the target has; see `absent`."""
        return absent(self.to_json())

    def tls(self) -> ssl.SSLContext | None:
        """The TLS settings, None for plain http; TargetError when a file cannot be used."""
        if not self.base.startswith("https:"):
            return None
        return _context(Tls(self.verify, self.ca, self.certificate, self.key))

    def dimse_tls(self) -> ssl.SSLContext | None:
        """The same for the DIMSE side, None where it is reached without TLS."""
        return _context(self.dimse.tls) if self.dimse and self.dimse.tls else None

    def beside(self, dimse: str) -> Target:
        """The same with this DIMSE address, `AET@host:port`, beside what it has."""
        return replace(self, dimse=Dimse(_entity(dimse)))

    def to_json(self) -> dict[str, Any]:
        """What the record says of the target: no secrets, no header values."""
        line: dict[str, Any] = {"word": self.word, "base": self.base}
        for name in ("uri_service", "wado_ws"):
            if getattr(self, name):
                line[name] = getattr(self, name)
        if self.dimse:
            line["dimse"] = self.dimse.entity.url
        for name in ("simulator", "which", "vendor", "product", "version", "contact"):
            if getattr(self, name):
                line[name] = getattr(self, name)
        if self.claims is not None:
            line["claims"] = sorted(self.claims)
        unverified = [] if self.verify else ["web"]
        unverified += ["DIMSE"] if self.dimse and self.dimse.tls and not self.dimse.tls.verify else []
        if unverified:
            line["tls"] = f"certificate not verified ({', '.join(unverified)})"
        return line


def parse(word: str, environment: Mapping[str, str] | None = None) -> Target:
    """Read a TARGET word: sim:, sim:web, sim:dimse, sim:mutant=ID, sim:control=NAME, http(s)://host/base,
    dimse://AET@host:port, or a TOML file."""
    if word.startswith("sim:"):
        return _simulator(word)
    if word.startswith(("http://", "https://")):
        return Target(word, _base(word))
    if word.startswith("dimse:"):
        return Target(word, dimse=Dimse(_entity(word)))
    path = Path(word)
    if word.endswith(".toml") or path.is_file():
        return _file(path, os.environ if environment is None else environment)
    raise TargetError(
        f"{word!r} names no target. Give sim: for the embedded simulator, an address such as "
        "https://host/dicomweb or dimse://AET@host:port, or a target file ending in .toml."
    )


def _simulator(word: str) -> Target:
    rest = word.removeprefix("sim:")
    if rest in ("", *DOORS):
        doors = frozenset({rest}) if rest else DOORS
        return Target(word, doors=doors, simulator="reference", product="dicomproof reference simulator")
    name, equals, which = rest.partition("=")
    if equals and which and name in ("mutant", "control"):
        kind: Literal["mutant", "control"] = "mutant" if name == "mutant" else "control"
        return Target(word, simulator=kind, which=which, product=f"dicomproof simulator, {name} {which}")
    raise TargetError(f"{word!r} names no simulator; say sim:, sim:web, sim:dimse, sim:mutant=ID or sim:control=NAME.")


def _base(word: str) -> str:
    split = urlsplit(word)
    try:
        port_is_good = split.port is None or 0 < split.port < 65536
    except ValueError:
        port_is_good = False
    if not split.hostname or not port_is_good:
        raise TargetError(f"{word!r} is no usable address; it should look like https://host:port/dicomweb.")
    if split.query or split.fragment:
        raise TargetError(f"{word!r}: a Base URI has no query and no fragment (PS3.18 8.2); leave them out.")
    if split.username is not None:
        raise TargetError(
            "Credentials do not belong into an address; use a target file that names an environment variable."
        )
    return word.rstrip("/")


def _elsewhere(path: Path, web: Mapping[str, Any], key: str) -> str:
    """The address of a service with one of its own, '' without it, with its slash where it ends in one; it is asked
    over the connection of `base`. A fragment is never asked for: it tells the RepositoryUniqueId of the endpoint."""
    word: str = web.get(key, "")
    if not word:
        return ""
    _base(word.partition("#")[0])
    ours, theirs = urlsplit(web["base"]), urlsplit(word)
    if (ours.scheme, ours.netloc) != (theirs.scheme, theirs.netloc):
        raise TargetError(f"{path}, at web.{key}: it lies on another scheme, host or port than base.")
    return word


def _file(path: Path, environment: Mapping[str, str]) -> Target:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TargetError(f"There is no target file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise TargetError(f"The target file {path} cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise TargetError(f"The target file {path} is no TOML: {error}.") from None
    _validate(path, data)
    web, allow, judge = data.get("web", {}), data.get("allow", {}), data.get("judge", {})
    headers, secrets = _access(path, web, environment)
    dimse = _dimse(path, data["dimse"], environment) if "dimse" in data else None
    tls = web.get("tls", {})
    claims = data.get("claims", {}).get("services")
    for service, key in (("uri", "uri_service"), ("wado-ws", "wado_ws")):
        if service in (claims or ()) and key not in web:
            raise TargetError(f"{path} claims the service {service} and does not say where it is; add {key} to [web].")
    return Target(
        word=str(path),
        base=_base(web["base"]) if web else "",
        uri_service=_elsewhere(path, web, "uri_service"),
        wado_ws=_elsewhere(path, web, "wado_ws"),
        dimse=dimse,
        **data.get("target", {}),
        headers=headers,
        secrets=(*secrets, dimse.passcode) if dimse and dimse.passcode else secrets,
        verify=tls.get("verify", True),
        ca=_beside(path, tls.get("ca", "")),
        certificate=_beside(path, tls.get("certificate", "")),
        key=_beside(path, tls.get("key", "")),
        claims=None if claims is None else frozenset(claims),
        write=allow.get("write", True),
        requests=allow.get("requests"),
        deadline=float(allow.get("deadline", 20.0)),
        body=_size(allow["body"]) if "body" in allow else 64 << 20,
        edition=_edition(path, judge.get("edition", "")),
        policies=_policies(path, judge.get("policies", {})),
        waivers=tuple(_waiver(path, w) for w in data.get("waiver", [])),
    )


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema of the target file."""
    text = (Path(schemas.__file__).parent / "target.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _validate(path: Path, data: Mapping[str, Any]) -> None:
    errors = jsonschema.Draft202012Validator(schema()).iter_errors(data)
    error = jsonschema.exceptions.best_match(errors)
    if error is None:
        return
    place = ".".join(str(p) for p in error.absolute_path) or "the top"
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = [k for k in error.instance if k not in known]
        raise TargetError(f"{path}, at {place}: unknown key {unknown[0]!r}.{_did_you_mean(unknown[0], known)}")
    if error.validator == "anyOf":
        raise TargetError(f"{path} says neither [web] with its base nor [dimse] with its address; name at least one.")
    raise TargetError(f"{path}, at {place}: {error.message}.")


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    options = list(known)
    close = difflib.get_close_matches(word, options, 1)
    return f" Did you mean {close[0]!r}?" if close else f" Known here: {', '.join(options)}."


def _access(
    path: Path, web: Mapping[str, Any], environment: Mapping[str, str]
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    headers = tuple(web.get("headers", {}).items())
    auth = web.get("auth")
    if not auth:
        return headers, ()
    secret = _secret(path, auth.get("password_env") or auth.get("token_env") or auth["value_env"], environment)
    if auth["type"] == "basic":
        token = base64.b64encode(f"{auth['user']}:{secret}".encode()).decode()
        return (*headers, ("Authorization", f"Basic {token}")), (secret, token)
    if auth["type"] == "bearer":
        return (*headers, ("Authorization", f"Bearer {secret}")), (secret,)
    return (*headers, (auth["name"], secret)), (secret,)


def _secret(path: Path, variable: str, environment: Mapping[str, str]) -> str:
    secret = environment.get(variable)
    if not secret:
        raise TargetError(
            f"{path} takes a secret from the environment variable {variable}, which is not set. Set it and run again."
        )
    return secret


def _dimse(path: Path, data: Mapping[str, Any], environment: Mapping[str, str]) -> Dimse:
    tls, identity = data.get("tls"), data.get("identity", {})
    passcode = _secret(path, identity["passcode_env"], environment) if "passcode_env" in identity else ""
    return Dimse(
        _entity(data["address"]),
        data.get("calling", Dimse.calling),
        _entity(data["listen"]) if "listen" in data else None,
        None
        if tls is None
        else Tls(
            tls.get("verify", True),
            _beside(path, tls.get("ca", "")),
            _beside(path, tls.get("certificate", "")),
            _beside(path, tls.get("key", "")),
        ),
        identity.get("user", ""),
        passcode,
    )


def _entity(text: str) -> Entity:
    try:
        return parse_entity(text)
    except EntityError as error:
        raise TargetError(str(error)) from None


def _context(tls: Tls) -> ssl.SSLContext:
    try:
        return tls.context()
    except (OSError, ssl.SSLError) as error:
        raise TargetError(f"The TLS files of the target cannot be used: {error}.") from None


def _beside(path: Path, name: str) -> str:
    return str(path.parent / name) if name else ""


def _size(text: str) -> int:
    digits = text.rstrip("BKMGi")
    return int(digits) * _UNITS[text[len(digits) :]]


def _edition(path: Path, edition: str) -> str:
    if edition and (why := unknown_edition(edition)):
        raise TargetError(f"{path}: {why}")
    return edition


def _policies(path: Path, chosen: Mapping[str, str]) -> Mapping[str, str]:
    for name, choice in chosen.items():
        if name not in POLICIES:
            raise TargetError(f"{path}: unknown policy {name!r}.{_did_you_mean(name, POLICIES)}")
        if choice not in POLICIES[name].choices:
            raise TargetError(
                f"{path}: policy {name} has no choice {choice!r}.{_did_you_mean(choice, POLICIES[name].choices)}"
            )
    return dict(chosen)


def _waiver(path: Path, row: Mapping[str, Any]) -> Waiver:
    until = row["until"]
    if isinstance(until, str):
        try:
            until = datetime.date.fromisoformat(until)
        except ValueError:
            until = None
    if isinstance(until, datetime.datetime):
        until = until.date()
    if not isinstance(until, datetime.date):
        raise TargetError(f"{path}: the waiver of {row['rule']} needs `until` as a date such as 2027-01-31.")
    return Waiver(row["rule"], row["reason"], row["owner"], until, row.get("where", ""))
