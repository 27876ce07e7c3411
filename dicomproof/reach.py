"""Knows how to tell, before anything else, that nobody is there, that the door is locked, or that it is another house.

Must not know rules; what it asks is recorded and judged like everything else.
"""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

from harness.entity import Entity
from harness.exchange import Exchange
from harness.talk.conversation import Web
from harness.talk.dialogue import VERIFICATION, Dimse
from harness.target import Target
from harness.upper_layer.offer import IMPLICIT
from harness.wire.pdu import ABORT


class Unreachable(Exception):
    """The target cannot be tested; the message says why and what to do next."""


def knock(base: str, target: Target) -> None:
    """Open a connection and close it again; Unreachable when that cannot be done."""
    split = urlsplit(base)
    port = split.port or (443 if split.scheme == "https" else 80)
    _knock(split.hostname or "", port, target.tls(), "web", "Is it http:// instead?")


def knock_dimse(entity: Entity, tls: ssl.SSLContext | None) -> None:
    """The same for an application entity."""
    _knock(entity.host, entity.port, tls, "dimse", "Does it take associations without TLS? Then leave [dimse.tls] out.")


def _knock(host: str, port: int, tls: ssl.SSLContext | None, side: str, advice: str) -> None:
    try:
        with socket.create_connection((host, port), timeout=5) as plain:
            if tls:
                with tls.wrap_socket(plain, server_hostname=host):
                    pass
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(
            f"The certificate of {host} is not trusted: {error.verify_message}. Name the authority in the target file "
            f'([{side}.tls] ca = "file"), or set verify = false there to accept any.'
        ) from None
    except ssl.SSLError as error:
        raise Unreachable(f"{host}:{port} speaks no TLS that we understand: {error.reason}. {advice}") from None
    except socket.gaierror:
        raise Unreachable(f"The name {host} cannot be resolved. Check the address.") from None
    except TimeoutError:
        raise Unreachable(f"{host}:{port} does not answer within 5 s. Check the address and firewalls.") from None
    except OSError as error:
        raise Unreachable(
            f"{host}:{port} cannot be reached: {error.strerror or error}. Is the server running?"
        ) from None


def recognise(web: Web) -> None:
    """Ask for one study; Unreachable when credentials are missing or the address leads to an ordinary web site."""
    x = web.search("studies", [("limit", "1")])
    if x.answer.status in (401, 403, 407):
        raise Unreachable(
            f"The target answered {x.answer.line}: it wants credentials. Write a target file whose [web.auth] names "
            "the environment variable which holds them."
        )
    if _web_page(x) and _web_page(web.get(f"dicomproof-no-such-path-{web.nonce}", accept=None)):
        raise Unreachable(
            f"{web.base} answers every path with a web page, so it is no DICOMweb service. Check the Base URI: "
            "the studies should be at <Base URI>/studies."
        )


def greet(dimse: Dimse) -> None:
    """Ask for an association; Unreachable when nobody speaks DICOM there, or nobody speaks it with us.

    That none of our presentation contexts is accepted is no such reason: there may be others.
    """
    with dimse.associate([(VERIFICATION, (IMPLICIT,))]) as association:
        association.echo()
    said = association.association
    assert said is not None
    if said.accepted:
        return
    if said.answer is None:
        raise Unreachable(
            f"{dimse.entity} takes connections, but answers no A-ASSOCIATE-RQ ({said.ending}). Is it a DICOM port? "
            "Does it want TLS? Then write a target file with [dimse.tls]."
        )
    reject = said.answer.pdu.reject
    if reject is not None:
        raise Unreachable(f"{dimse.entity} {_rejection(reject.result, reject.source, reject.reason, dimse)}")
    if said.answer.pdu.type != ABORT:
        raise Unreachable(f"{dimse.entity} answers an A-ASSOCIATE-RQ with something else: it speaks no DICOM.")
    raise Unreachable(f"{dimse.entity} aborts our association at once. Its log may tell why.")


def _rejection(result: int, source: int, reason: int, dimse: Dimse) -> str:
    said = f"rejects our association (result {result}, source {source}, reason {reason})"
    if (source, reason) == (1, 7):
        return f"{said}: it does not know the called AE title {dimse.entity.title}. Give the title that it has."
    if (source, reason) == (1, 3):
        return (
            f"{said}: it does not know the calling AE title {dimse.setup.calling}. Make it known there, or name one "
            'that is known in a target file ([dimse] calling = "TITLE").'
        )
    return f"{said}. Its log may tell why."


def _web_page(x: Exchange) -> bool:
    return x.answer.status == 200 and x.answer.type in ("text/html", "application/xhtml+xml")
