"""Knows how an application entity is named (`AET@host:port`) and how its transport connection is secured.

Must not know what is said to it.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

PORT = 104  # PS3.8 9.1.1
SECURE_PORT = 2762  # PS3.15 B.1
_LONGEST = 16  # characters of an AE title (PS3.5 6.2)


class EntityError(ValueError):
    """The text names no application entity; the message says why."""


@dataclass(frozen=True)
class Tls:
    """Files of a TLS connection: authorities to trust, our own certificate and its key, and whether to verify."""

    verify: bool = True
    ca: str = ""
    certificate: str = ""
    key: str = ""

    def context(self) -> ssl.SSLContext:
        """For the side that connects; OSError or ssl.SSLError when a file cannot be used."""
        context = ssl.create_default_context(cafile=self.ca or None)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key or None)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


@dataclass(frozen=True)
class Entity:
    """An application entity and the place where it listens."""

    title: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.title}@{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"dimse://{self}"


def parse(text: str, port: int = PORT) -> Entity:
    """`AET@host:port`, also with dimse:// before it; without a port the well-known one. EntityError when it is none."""
    title, at, place = text.removeprefix("dimse://").rstrip("/").rpartition("@")
    if not at:
        raise EntityError(f"{text!r} names no AE title; say AET@host:port, such as dimse://PACS@pacs.example:104.")
    if why := _bad_title(title):
        raise EntityError(f"{text!r}: {why}.")
    host, colon, digits = place.rpartition(":")
    if not colon or place.endswith("]"):
        host, digits = place, str(port)
    host = host.strip("[]")
    if not host or not digits.isdigit() or not 0 <= int(digits) < 65536:
        raise EntityError(f"{text!r} is no usable address; say AET@host:port, such as dimse://PACS@pacs.example:104.")
    return Entity(title, host, int(digits))


def _bad_title(title: str) -> str:
    """Why these characters are no AE title (PS3.5 6.2, PS3.8 9.3.2); '' for a good one."""
    if not title.strip():
        return "an AE title has at least one character that is no space"
    if len(title) > _LONGEST:
        return f"the AE title has {len(title)} characters, at most {_LONGEST} are possible"
    if "\\" in title or not title.isascii() or not title.isprintable():
        return "an AE title has no backslash, no control and no other characters than those of ISO 646"
    return ""
