"""Knows how to tell, before anything else, that nobody is there, that the door is locked, or that it is another house.

Must not know rules; what it asks is recorded and judged like everything else.
"""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

from harness.exchange import Exchange
from harness.talk.conversation import Web
from harness.target import Target


class Unreachable(Exception):
    """The target cannot be tested; the message says why and what to do next."""


def knock(base: str, target: Target) -> None:
    """Open a connection and close it again; Unreachable when that cannot be done."""
    split = urlsplit(base)
    host, port = split.hostname or "", split.port or (443 if split.scheme == "https" else 80)
    try:
        with socket.create_connection((host, port), timeout=5) as plain:
            if context := target.tls():
                with context.wrap_socket(plain, server_hostname=host):
                    pass
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(
            f"The certificate of {host} is not trusted: {error.verify_message}. Name the authority in the target file "
            '([web.tls] ca = "file"), or set verify = false there to accept any.'
        ) from None
    except ssl.SSLError as error:
        raise Unreachable(
            f"{host}:{port} speaks no TLS that we understand: {error.reason}. Is it http:// instead?"
        ) from None
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


def _web_page(x: Exchange) -> bool:
    return x.answer.status == 200 and x.answer.type in ("text/html", "application/xhtml+xml")
